//! The state machine that ties the wire to MCP. It owns every connection and every call in flight, and it has no
//! socket, thread, clock, file or randomness: a world tells it what happened ([`Input`]) and does what it says
//! ([`Output`]); bytes wait in each connection's outbox.
//!
//! A world calls, in this order and as often as it likes:
//! 1. [`Server::accept`] for a new stream, [`Server::room`] and [`Input::Received`] for bytes that arrived,
//!    [`Server::handle`] for everything else that happened;
//! 2. [`Server::handle_timeout`] when [`Server::poll_timeout`] has come;
//! 3. [`Server::poll_output`] until it is empty; then [`Server::pending`] and [`Input::Sent`] for what must be written.
//!
//! `log` lines are the one thing that leaves otherwise: a facade without effect on state.
//!
//! | file | changes when … |
//! |---|---|
//! | `event` | a world must tell or do something new |
//! | `connection` | there is another codec |
//! | `access` | there is another rule for who may come in |
//! | `route` | there is another path |
//! | `addresses` | connections are taken in, or told apart by where they come from, otherwise |
//! | `callers` | keys or credentials change while the server runs |
//! | `exchange`, `content`, `headers` | HTTP answers change |
//! | `talk` | WebSocket and stdio messages are answered otherwise |
//! | `scripts`, `tasks` | calls that go on by themselves, or are answered with a task, do so otherwise |
//! | `batched`, `batches` | batches are read, or their replies gathered, otherwise |
//! | `admission`, `accounts` | callers are bounded otherwise |
//! | `inflight`, `gate`, `ready` | fairness or cancelling change |
//! | `audit` | more is recorded of who ran what |
//! | `memory` | what all connections together may hold, or what happens when they hold it, changes |
//! | `noting` | what `list_queries` knows of a call changes |
//! | `letting` | what happens to a statement that outlasts its caller's patience changes |
//! | `shutdown` | the order of ending changes |
//! | `probing`, `roles` | logins and roles are looked at otherwise |
//! | `health`, `metrics` | more is told |

mod access;
mod accounts;
mod addresses;
mod admission;
mod audit;
mod batched;
mod batches;
mod callers;
mod channel;
mod connection;
mod content;
mod core;
mod delivery;
pub mod event;
mod exchange;
mod gate;
mod headers;
mod health;
mod inflight;
mod later;
mod letting;
mod listening;
mod memory;
mod metrics;
mod noting;
pub mod planted;
mod posted;
mod probing;
mod progress;
mod ready;
mod reply;
mod roles;
mod route;
mod scripts;
mod sessions;
mod settings;
mod shutdown;
mod streams;
mod talk;
mod tasks;
#[cfg(test)]
mod tests;
mod timers;

use std::io::IoSlice;
use std::sync::Arc;

use slab::Slab;

pub use self::event::{Discarded, Exit, Input, Introduction, Output, Peer};
pub use self::metrics::{Gauges, Metric, Metrics};
pub use self::settings::{HostRule, Settings};

use self::connection::{Codec, Entry};
use self::core::{Core, Upgrade};
use self::inflight::{Completed, Flight};
use self::later::Later;
use self::scripts::Resume;
use self::timers::Timer;
use crate::backend::job::Rendered;
use crate::backend::{Completion, Error, Kind};
use crate::entropy::Entropy;
use crate::ident::{ConnectionId, JobId};
use crate::mcp::Service;
use crate::time::{Instant, Now};
use crate::wire::buffer::SPENT_BYTES_MIN;
use crate::wire::lines::LineConnection;
use crate::wire::websocket::WebSocketConnection;
use crate::wire::{CloseReason, Lifecycle, Serving};

/// The server.
#[derive(Debug)]
pub struct Server {
    entries: Slab<Entry>,
    /// How many of them are only told that there are too many.
    turned_away: usize,
    generations: u32,
    /// Whoever was lent room last.
    room_lent_to: Option<ConnectionId>,
    core: Core,
}

impl Server {
    /// A server that has no connections yet.
    pub fn new(settings: Settings, service: Service, entropy: Box<dyn Entropy>) -> Self {
        Self {
            entries: Slab::new(),
            turned_away: 0,
            generations: 0,
            room_lent_to: None,
            core: Core::new(settings, service, entropy),
        }
    }

    /// Plants a bug (see [`planted`]). Without debug assertions it does nothing.
    #[doc(hidden)]
    #[must_use]
    pub fn with_planted(mut self, bug: planted::PlantedBug) -> Self {
        self.core.planted = Some(bug);
        self
    }

    /// Connections open.
    pub fn connections(&self) -> usize {
        self.entries.len()
    }

    /// Jobs that are not over, whether or not somebody still waits for them.
    pub fn jobs(&self) -> usize {
        self.core.inflight.jobs()
    }

    /// Deadlines set (for tests: an idle server without connections has none).
    pub fn timers(&self) -> usize {
        self.core.timers.len()
    }

    /// What was counted so far.
    pub fn metrics(&self) -> &Metrics {
        &self.core.metrics
    }

    /// Room for the next read; empty means: do not read from this connection now, ask again after it was written to
    /// or a completion was handled.
    pub fn room(&mut self, connection: ConnectionId) -> &mut [u8] {
        self.reclaim_room(connection);
        let Self { entries, core, .. } = self;
        match find(entries, connection) {
            Some(entry) => {
                entry.codec.equip(&mut core.spares);
                entry.codec.room(&core.settings_now().limits)
            }
            None => &mut [],
        }
    }

    /// Bytes that wait to be written, as slices in order. Returns how many slices were set; none means nothing waits.
    pub fn pending<'a>(&'a self, connection: ConnectionId, slices: &mut [IoSlice<'a>]) -> usize {
        match self.entries.get(connection.index as usize) {
            Some(entry) if entry.talk.id == connection && !entry.codec.outbox().is_empty() => {
                entry.codec.outbox().slices(slices)
            }
            _ => 0,
        }
    }

    /// Takes what happened. What names a connection or job that is gone is ignored.
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Received { connection, count } => self.on_received(now, connection, count),
            Input::Named { connection, name } => self.on_named(connection, &name),
            Input::Introduced {
                connection,
                introduction,
            } => self.on_introduced(now, connection, introduction),
            Input::Ended { connection } => self.on_ended(now, connection),
            Input::Broken { connection } => self.on_broken(now, connection),
            Input::Sent { connection, count } => self.on_sent(now, connection, count),
            Input::Completed(completion) => self.on_completed(now, completion),
            Input::Fetched(fetched) => self.on_fetched(now, fetched),
            Input::Reload => self.on_reload(),
            Input::AuditState(state) => self.core.on_audit_state(state),
            Input::Shutdown => self.on_shutdown(now),
        }
        self.do_later(now);
        self.core.watch_sessions();
        self.core.watch_tasks();
        self.core.give_steps(now.monotonic);
        self.advance_shutdown(now);
    }

    /// Does what was to be done by now.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(timer) = self.core.timers.take_due(now.monotonic) {
            match timer {
                Timer::Connection(connection) => self.on_connection_timer(now, connection),
                Timer::JobDue(job) if self.core.inflight.waits(job).is_some() => {
                    self.core.later.push_back(Later::Resume(job, Resume::Elapsed));
                }
                Timer::JobDue(job) => self.core.inflight.on_due(job),
                Timer::Silence => self.break_silence(now),
                Timer::Sessions => self.on_sessions_due(now),
                Timer::TokenKeys => self.on_keys_late(now),
                Timer::Tasks => self.on_tasks_due(now),
                Timer::JobTask(job) => self.become_task(now, job),
                Timer::JobDeadline(job) => self.on_job_deadline(now, job),
                Timer::JobPatience(job) => self.on_patience(now, job),
                Timer::Shutdown => self.on_shutdown_timer(now),
            }
        }
        self.do_later(now);
        self.core.watch_sessions();
        self.core.watch_tasks();
        self.core.give_steps(now.monotonic);
        self.advance_shutdown(now);
    }

    /// When [`Server::handle_timeout`] must be called next; `None` while nothing is awaited.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.core.timers.next()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.core.outputs.pop_front()?;
        if let Output::Flush(connection) = &output
            && let Some(entry) = find(&mut self.entries, *connection)
        {
            entry.flush_said = false;
        }
        Some(output)
    }

    /// Takes room back that was lent for a read which gave nothing, as the first read of a connection often does.
    fn reclaim_room(&mut self, reader: ConnectionId) {
        let Self { entries, core, .. } = self;
        if let Some(earlier) = self.room_lent_to.replace(reader)
            && earlier != reader
            && let Some(entry) = find(entries, earlier)
        {
            entry.codec.unequip(&mut core.spares);
        }
    }

    fn on_received(&mut self, now: Now, connection: ConnectionId, count: usize) {
        let Some(entry) = find(&mut self.entries, connection) else {
            return;
        };
        entry.codec.received(count, now.monotonic);
        self.go_on(now, connection);
    }

    /// After bytes have moved: answers what is whole, also requests that a full outbox had held back.
    fn go_on(&mut self, now: Now, connection: ConnectionId) {
        let Some(entry) = find(&mut self.entries, connection) else {
            return;
        };
        entry.on_activity(now.monotonic);
        if !entry.codec.is_at_rest() {
            self.serve(now, connection);
        }
        self.settle(now, connection);
    }

    /// Answers everything that has come in whole.
    fn serve(&mut self, now: Now, connection: ConnectionId) {
        let Self { entries, core, .. } = self;
        let Some(entry) = find(entries, connection) else {
            return;
        };
        let Entry { codec, talk, .. } = entry;
        let upgrade = match codec {
            Codec::Http(http) => core.serve_http(now, http, talk),
            Codec::WebSocket(socket) => core.serve_websocket(now, socket, talk),
            Codec::Lines(lines) => core.serve_lines(now, lines, talk),
        };
        if upgrade == Upgrade::WebSocket {
            let old = std::mem::replace(codec, Codec::Lines(LineConnection::new()));
            if let Codec::Http(http) = old {
                let (inbox, outbox) = http.into_upgraded();
                let limits = &core.settings.limits;
                *codec = Codec::WebSocket(WebSocketConnection::new(inbox, outbox, limits, now.monotonic));
                core.websockets += 1;
                // Frames may have come behind the handshake.
                self.serve(now, connection);
            }
        }
    }

    /// The peer will say nothing more. What it asked and needs no job is answered; what runs for it is cancelled
    /// (ARCHITECTURE, "what a close cancels"), and the replies in its pipeline say so: their places must be filled
    /// for the answers behind them, and a peer that only half-closed learns what became of its call.
    fn on_ended(&mut self, now: Now, connection: ConnectionId) {
        let Some(entry) = find(&mut self.entries, connection) else {
            return;
        };
        entry.codec.on_end();
        self.serve(now, connection);
        let Some(entry) = find(&mut self.entries, connection) else {
            return;
        };
        match entry.codec {
            Codec::Lines(_) => self.on_input_ended(now),
            Codec::WebSocket(_) => self.cancel_jobs(now, connection),
            Codec::Http(_) => {
                for key in entry.talk.streams.clone() {
                    self.on_reader_ended(now, key);
                }
                let Some(entry) = find(&mut self.entries, connection) else {
                    return;
                };
                for job in entry.talk.jobs.clone() {
                    let Some((caller, finish)) = self.core.cancel_gone(job) else {
                        continue;
                    };
                    let error = Error::new(Kind::Cancelled, "the connection was closed before the answer");
                    self.answer(now, job, &caller, finish.ended(Err(error)));
                }
            }
        }
        self.settle(now, connection);
    }

    /// Nothing more comes or goes. Whoever talks over stdio started us: with it gone, there is nothing to stay for, and
    /// its end of input will not be heard any more.
    fn on_broken(&mut self, now: Now, connection: ConnectionId) {
        let Some(entry) = find(&mut self.entries, connection) else {
            return;
        };
        let is_stdio = matches!(entry.codec, Codec::Lines(_));
        self.drop_connection(now, connection, CloseReason::PeerGone);
        if is_stdio {
            self.on_input_ended(now);
        }
    }

    fn on_sent(&mut self, now: Now, connection: ConnectionId, count: usize) {
        let Some(entry) = find(&mut self.entries, connection) else {
            return;
        };
        if let Some(spent) = entry.codec.sent(count, now.monotonic) {
            self.core.discard(spent);
        }
        self.go_on(now, connection);
    }

    fn on_completed(&mut self, now: Now, mut completion: Completion) {
        let id = completion.job;
        let core = &mut self.core;
        core.note_role(&mut completion);
        match core
            .inflight
            .on_completion(now.monotonic, completion, &mut core.timers)
        {
            Completed::Stale => core.metrics.count(Metric::CompletionsStale),
            Completed::GoesOn { progress, has_begun } => {
                core.note_name(id);
                if core.memory.note_rows(core.inflight.row_bytes()) {
                    self.notify_progress(now, id, progress, has_begun);
                } else {
                    self.on_rows_not_kept(now, id);
                }
                if self.core.inflight.is_impatient(id) {
                    self.on_patience(now, id);
                } else {
                    self.core.forget_let_go(now, id);
                }
            }
            Completed::Over { mut flight, result } => {
                let followers = core.inflight.take_followers(&mut flight, &mut core.timers);
                core.note_jobs();
                core.record_end(now.monotonic, &mut flight, &result);
                if let Ok(rendered) = &result {
                    let bytes = rendered.bytes() as u64;
                    core.accounts
                        .charge(flight.principal(), now, rendered.rows, bytes);
                }
                let ended = result.as_ref().map(|_| ());
                // Whether a caller's own login is good, and what it may, says nothing of the server's.
                let is_about_login =
                    |error: &Error| matches!(error.kind, Kind::Login | Kind::Forbidden | Kind::Configuration);
                if flight.who.identity.is_empty() || !ended.is_err_and(is_about_login) {
                    core.observe(now, flight.connection.as_ref(), ended);
                }
                let result = core.learn_from(now, &flight, result);
                for (follower, mut flight) in followers {
                    self.core.record_end(now.monotonic, &mut flight, &result);
                    self.end_flight(now, follower, *flight, result.clone());
                }
                self.end_flight(now, id, *flight, result);
            }
        }
    }

    /// Tells whoever waits for a call what its job came to.
    fn end_flight(&mut self, now: Now, id: JobId, flight: Flight, result: Result<Rendered, Error>) {
        flight.log_if_cancelled(id, &result);
        if let Some(caller) = flight.caller {
            let result = self.keep(caller.connection, result);
            self.core.count_end(&result);
            if let Some(intent) = flight.intent.filter(|intent| intent.is_must) {
                let who = (&caller, flight.finish);
                return self.become_ended_task(now, id, who, *intent, result);
            }
            let ended = flight.finish.ended(result);
            self.answer(now, id, &caller, ended);
        } else if let Some(number) = flight.task {
            self.core.count_end(&result);
            self.finish_task(now, number, flight.finish.ended(result));
        } else if let Ok(rendered) = result {
            self.core.discard(rendered.result);
        }
    }

    fn on_connection_timer(&mut self, now: Now, connection: ConnectionId) {
        let Self { entries, core, .. } = self;
        let Some(entry) = find(entries, connection) else {
            return;
        };
        entry.timer = None;
        let common = core.common.at(now.wall);
        let settings = Arc::clone(&core.settings);
        let serving = Serving {
            limits: &settings.limits,
            now: now.monotonic,
            common_headers: &common,
        };
        entry.on_timer(&serving);
        self.settle(now, connection);
    }

    /// The backend should have ended the statement by itself; it did not.
    fn on_job_deadline(&mut self, now: Now, job: JobId) {
        let Some(flight) = self.core.inflight.find(job) else {
            return;
        };
        let elapsed = now.monotonic.since(flight.admitted).as_secs();
        let mut error = match self.core.inflight.waits(job) {
            Some(waits) => Self::script_timed_out(waits),
            None => Error::new(
                Kind::Timeout,
                format!("no end after {elapsed} s, the statement was cancelled"),
            ),
        };
        error.query_id.clone_from(&flight.query_id);
        self.fail(now, job, error);
    }

    /// Cancels a call and tells who waits for it, or the task that it has become, why.
    fn fail(&mut self, now: Now, job: JobId, error: Error) {
        let flight = self.core.inflight.find(job);
        let task = flight.and_then(|flight| Some((flight.task?, flight.finish.clone())));
        let caller = self.core.cancel(job);
        if caller.is_none() && task.is_none() {
            return;
        }
        let ended = Err(error);
        self.core.count_end(&ended);
        match (caller, task) {
            (Some((caller, finish)), _) => self.answer(now, job, &caller, finish.ended(ended)),
            (None, Some((number, finish))) => self.finish_task(now, number, finish.ended(ended)),
            (None, None) => {}
        }
    }

    /// Cancels what runs for a connection that will take no reply.
    fn cancel_jobs(&mut self, now: Now, connection: ConnectionId) {
        let Some(entry) = find(&mut self.entries, connection) else {
            return;
        };
        entry.talk.batches.clear();
        for job in std::mem::take(&mut entry.talk.jobs) {
            self.core.cancel_gone(job);
        }
        self.core.give_steps(now.monotonic);
    }

    /// After anything happened to a connection: says what its socket needs and sets its timer.
    fn settle(&mut self, now: Now, connection: ConnectionId) {
        let Self { entries, core, .. } = self;
        let Some(entry) = find(entries, connection) else {
            return;
        };
        entry.codec.unequip(&mut core.spares);
        if entry.has_share(&core.settings.limits) && !core.account(now, entry) {
            return self.drop_connection(now, connection, CloseReason::ShortOfMemory);
        }
        if !entry.codec.outbox().is_empty() && !entry.flush_said {
            entry.flush_said = true;
            core.outputs.push_back(Output::Flush(connection));
        }
        match entry.codec.lifecycle() {
            Lifecycle::Open => {}
            Lifecycle::Finishing => {
                if !entry.shutdown_said {
                    entry.shutdown_said = true;
                    core.outputs.push_back(Output::ShutdownWrite(connection));
                }
                // A codec that finishes takes no replies any more: nobody waits for these.
                if !entry.talk.jobs.is_empty() && !matches!(entry.codec, Codec::Http(_)) {
                    self.cancel_jobs(now, connection);
                    return self.settle(now, connection);
                }
            }
            Lifecycle::Closed => {
                let reason = entry.codec.close_reason().unwrap_or(CloseReason::PeerClosed);
                return self.drop_connection(now, connection, reason);
            }
        }
        let wake_at = entry.wake_at(&core.settings.limits);
        if let Some(at) = wake_at
            && entry.timer.is_none_or(|set| at < set)
        {
            if let Some(set) = entry.timer {
                core.timers.clear(set, Timer::Connection(connection));
            }
            core.timers.set(at, Timer::Connection(connection));
            entry.timer = Some(at);
        }
    }

    /// Forgets a connection: cancels what runs for it and has its socket closed.
    fn drop_connection(&mut self, now: Now, connection: ConnectionId, reason: CloseReason) {
        self.leave_resumable(now, connection);
        self.cancel_jobs(now, connection);
        if find(&mut self.entries, connection).is_none() {
            return;
        }
        let entry = self.entries.remove(connection.index as usize);
        for key in &entry.talk.streams {
            if let Some(kept) = self
                .core
                .streams
                .remove(*key)
                .and_then(|stream| stream.purpose.kept())
            {
                self.core.sessions.detach(kept, connection, now.monotonic);
            }
        }
        self.turned_away -= usize::from(entry.is_turned_away);
        self.core.connections = self.entries.len() - self.turned_away;
        self.core.accounts.forget(connection);
        if !entry.is_turned_away {
            self.core.leave_from(&entry.talk.origin);
        }
        self.core.memory.release(entry.share);
        if self.entries.is_empty() {
            self.core.leave_silence();
        }
        if let Some(set) = entry.timer {
            self.core.timers.clear(set, Timer::Connection(connection));
        }
        if matches!(entry.codec, Codec::WebSocket(_)) {
            self.core.websockets -= 1;
        }
        if entry.codec.held_bytes() >= SPENT_BYTES_MIN {
            self.core.discard(entry.codec);
        }
        self.core.metrics.count_close(reason);
        log::debug!("{}: closed, {}", entry.talk.name(), reason.name());
        self.core.outputs.push_back(Output::Close(connection));
    }
}

fn find(entries: &mut Slab<Entry>, connection: ConnectionId) -> Option<&mut Entry> {
    entries
        .get_mut(connection.index as usize)
        .filter(|entry| entry.talk.id == connection)
}
