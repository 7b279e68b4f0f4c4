//! How the server ends without losing a call.
//!
//! ```text
//! Serving ─Shutdown─► Delaying ─delay over─► Draining ─no calls, or time over─► Closing ─all gone, or time over─► Over
//!    readiness 503 ───┘   still accepts        listeners closed,                   WebSockets 1001,
//!                                              idle connections closed,            what was cut is cancelled
//!                                              the rest told each second
//! ```
//!
//! A second signal goes to Over at once. **Invariant:** every call that was admitted is either answered, or counted in
//! [`Exit::calls_cut`] and named in the log.

use super::connection::{Codec, Entry};
use super::event::{Exit, Output};
use super::streams::Purpose;
use super::timers::Timer;
use super::{Server, find};
use crate::backend::{Error, Kind};
use crate::ident::{ConnectionId, JobId};
use crate::mcp::predecessor::envelope;
use crate::time::{Instant, Now};
use crate::wire::buffer::Piece;
use crate::wire::{Lifecycle, Serving};

use std::sync::Arc;
use std::time::Duration;

use super::connection::Dialect;
use super::metrics::Metric;

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    /// Readiness says 503; balancers have until then to notice.
    Delaying {
        until: Instant,
    },
    /// Calls in flight may end until then.
    Draining {
        until: Instant,
    },
    /// Replies and cancels on their way may arrive until then.
    Closing {
        until: Instant,
        calls_cut: u64,
    },
    Over,
}

/// How often the calls that are still awaited are told.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

impl Server {
    /// SIGTERM or SIGINT.
    pub(super) fn on_shutdown(&mut self, now: Now) {
        match self.core.phase {
            Phase::Serving => {
                let delay = self.core.settings.limits.drain_delay;
                log::info!("shutting down: readiness is 503 from now on");
                if delay.is_zero() {
                    self.begin_drain(now);
                } else {
                    let until = now.monotonic + delay;
                    self.core.phase = Phase::Delaying { until };
                    self.core.timers.set(until, Timer::Shutdown);
                }
            }
            Phase::Delaying { .. } | Phase::Draining { .. } | Phase::Closing { .. } => {
                let calls = self.core.inflight.calls() as u64;
                let already = if let Phase::Closing { calls_cut, .. } = self.core.phase {
                    calls_cut
                } else {
                    0
                };
                log::warn!("second signal: ending at once, {calls} calls are cut off");
                self.core.metrics.add(Metric::CallsCut, calls);
                self.end(now, already + calls);
            }
            Phase::Over => {}
        }
    }

    /// The input of stdio has ended: what was asked is answered, then the program ends.
    pub(super) fn on_input_ended(&mut self, now: Now) {
        if matches!(self.core.phase, Phase::Serving | Phase::Delaying { .. }) {
            self.begin_drain(now);
        }
    }

    pub(super) fn on_shutdown_timer(&mut self, now: Now) {
        match self.core.phase {
            Phase::Delaying { until } if until <= now.monotonic => self.begin_drain(now),
            Phase::Draining { until } if until <= now.monotonic => self.cut_off(now),
            Phase::Draining { until } => self.tell_remaining(now, until),
            Phase::Closing { until, calls_cut } if until <= now.monotonic => {
                log::warn!(
                    "{} connections and {} cancels did not end in time",
                    self.connections(),
                    self.jobs()
                );
                self.end(now, calls_cut);
            }
            Phase::Serving | Phase::Delaying { .. } | Phase::Closing { .. } | Phase::Over => {}
        }
    }

    /// Goes on to the next phase as soon as nothing holds the present one.
    pub(super) fn advance_shutdown(&mut self, now: Now) {
        let is_draining = matches!(self.core.phase, Phase::Draining { .. });
        if is_draining && self.core.inflight.calls() == 0 && self.unsent() == 0 {
            self.begin_close(now, 0);
        }
        if let Phase::Closing { calls_cut, .. } = self.core.phase
            && self.entries.is_empty()
            && self.core.inflight.has_only_own()
        {
            self.end(now, calls_cut);
        }
    }

    /// Connections to which something is still to be written: a reply on its way to a slow reader is not given yet.
    fn unsent(&self) -> usize {
        // What waits on a stream is no reply yet: its call is still in flight.
        let has_unsent = |entry: &Entry| !entry.codec.outbox().is_empty() && entry.talk.streams.is_empty();
        self.entries.iter().filter(|(_, entry)| has_unsent(entry)).count()
    }

    fn begin_drain(&mut self, now: Now) {
        let until = now.monotonic + self.core.settings.limits.drain_timeout;
        self.core.phase = Phase::Draining { until };
        self.core.outputs.push_back(Output::StopAccepting);
        self.core.tell_let_go();
        // Nobody waits for what the server asks for itself.
        for job in self.core.inflight.own() {
            self.core.cancel(job);
        }
        self.core.give_steps(now.monotonic);
        self.for_each_connection(now, |entry, serving| match &mut entry.codec {
            Codec::Http(http) => http.drain(serving),
            Codec::WebSocket(socket) if entry.talk.dialect == Dialect::Envelope => {
                socket.send(
                    &mut [Piece::Borrowed(envelope::shutdown_notice().as_bytes())],
                    serving.now,
                );
            }
            Codec::WebSocket(_) | Codec::Lines(_) => {}
        });
        // Who listens for news has heard the last: there will be none.
        self.end_listens(now);
        self.end_news_streams(now, |purpose| !matches!(purpose, Purpose::Channel(_)));
        self.tell_remaining(now, until);
    }

    fn tell_remaining(&mut self, now: Now, until: Instant) {
        let calls = self.core.inflight.calls();
        let left = until.since(now.monotonic).as_millis().div_ceil(1_000);
        if calls > 0 {
            log::info!("waiting for {calls} calls in flight, {left} s remain");
        }
        self.core
            .timers
            .set((now.monotonic + TELL_INTERVAL).min(until), Timer::Shutdown);
    }

    /// The drain time is over: what is not answered is cancelled, and its caller is told.
    fn cut_off(&mut self, now: Now) {
        let left = self.leave_statements(now);
        let ids = self.core.inflight.iter().map(|(id, _)| id);
        let waiting: Vec<JobId> = ids.filter(|id| !left.contains(id)).collect();
        // Counted before the cancelled calls get their replies, which nobody can be expected to have taken yet.
        let unsent = self.unsent() as u64;
        if unsent > 0 {
            log::warn!("{unsent} connections did not take their last replies in time");
        }
        let mut calls_cut = unsent;
        for job in waiting {
            let query_id = self
                .core
                .inflight
                .find(job)
                .and_then(|flight| flight.query_id.clone());
            let Some((caller, finish)) = self.core.cancel(job) else {
                continue;
            };
            calls_cut += 1;
            let known = query_id.as_deref().unwrap_or("none yet");
            log::warn!("{job} ({}) is cut off by shutdown, query id {known}", finish.tool);
            let mut error = Error::new(Kind::Cancelled, "the server shut down before the statement ended");
            error.query_id = query_id;
            self.answer(now, job, &caller, finish.ended(Err(error)));
        }
        self.core.metrics.add(Metric::CallsCut, calls_cut);
        self.core.give_steps(now.monotonic);
        self.begin_close(now, calls_cut);
    }

    fn begin_close(&mut self, now: Now, calls_cut: u64) {
        self.end_news_streams(now, |_| true);
        self.leave_statements(now);
        // Nobody will come for what the others find: their ids name rows of this process.
        for job in self.core.inflight.of_tasks() {
            self.core.cancel_gone(job);
        }
        // What runs in a worker ends with it.
        for job in self.core.inflight.let_go() {
            self.core.cancel(job);
        }
        self.core.give_steps(now.monotonic);
        let until = now.monotonic + self.core.settings.limits.cancel_timeout;
        self.core.phase = Phase::Closing { until, calls_cut };
        self.core.timers.set(until, Timer::Shutdown);
        self.for_each_connection(now, |entry, serving| match &mut entry.codec {
            Codec::Http(http) => http.drain(serving),
            Codec::WebSocket(socket) => socket.close(1001, "the server is shutting down", serving.now),
            Codec::Lines(lines) => lines.close(),
        });
    }

    /// Leaves statements alone whose tasks any other process goes on with. Gives their jobs; some end with a step that a
    /// worker has now.
    fn leave_statements(&mut self, now: Now) -> Vec<JobId> {
        let left = self.core.inflight.leave_statements();
        for job in &left {
            if let Some(flight) = self.core.inflight.find(*job) {
                let query_id = flight.query_id.as_deref().unwrap_or("none");
                log::info!("{job} is left to its task, query id {query_id} goes on");
            }
            self.core.forget_let_go(now, *job);
        }
        left
    }

    fn for_each_connection(&mut self, now: Now, act: impl Fn(&mut Entry, &Serving<'_>)) {
        let common = self.core.common.at(now.wall);
        let settings = Arc::clone(&self.core.settings);
        let serving = Serving {
            limits: &settings.limits,
            now: now.monotonic,
            common_headers: &common,
        };
        let ids: Vec<ConnectionId> = self.entries.iter().map(|(_, entry)| entry.talk.id).collect();
        for id in ids {
            let Some(entry) = find(&mut self.entries, id) else {
                continue;
            };
            if entry.codec.lifecycle() == Lifecycle::Open {
                act(entry, &serving);
            }
            self.settle(now, id);
        }
    }

    fn end(&mut self, now: Now, calls_cut: u64) {
        self.core.phase = Phase::Over;
        self.core.record_left(now.monotonic);
        self.core.outputs.push_back(Output::Exit(Exit { calls_cut }));
    }
}
