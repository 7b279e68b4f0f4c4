//! What a caller hears: notices before its reply, and the reply, over whatever it came by.
//!
//! ```text
//!  WebSocket, stdio ── notice, notice, reply: a message each
//!  HTTP, Whole ─────── reply: one JSON response; notices are not heard
//!  HTTP, Batch ─────── the same, one for all calls of the batch
//!  HTTP, Either ─┬──── reply: one JSON response
//!                └──── notice: the response becomes a stream
//!  HTTP, Stream ────── notice, notice, reply: an event each, then the end
//! ```
//!
//! A stream whose reader is too slow is cut off, its call cancelled and counted: what it misses cannot be made up.

use std::sync::Arc;
use std::time::Duration;

use super::connection::{Codec, Talk};
use super::core::Core;
use super::metrics::Metric;
use super::reply::{Caller, Delivery};
use super::streams::{Purpose, Stream, StreamKey};
use super::timers::Timer;
use super::{Server, find, headers};
use crate::ident::{ConnectionId, JobId};
use crate::mcp::{Ended, session};
use crate::time::{Instant, Now};
use crate::wire::buffer::{Piece, share};
use crate::wire::http::{HttpConnection, Pushed, Response, StreamHead, Ticket};
use crate::wire::{Serving, sse};

impl Server {
    /// Says a whole message to a caller before its reply. Whether there was a way to.
    pub(super) fn say_before_reply(&mut self, now: Now, job: JobId, message: Vec<u8>) -> bool {
        let Some(caller) = self.core.inflight.caller_mut(job) else {
            return false;
        };
        let (connection, delivery) = (caller.connection, caller.delivery);
        match (caller.ticket, delivery) {
            (None, _) => self.send_message(now, connection, &mut [Piece::Owned(message)]),
            (Some(_), Delivery::Whole | Delivery::Batch(_)) => false,
            (Some(ticket), Delivery::Either) => match self.begin_call_stream(now, job, ticket) {
                Some(key) => self.push_event(now, key, &mut [Piece::Owned(message)]),
                None => false,
            },
            (Some(_), Delivery::Stream(key)) => self.push_event(now, key, &mut [Piece::Owned(message)]),
            (Some(_), Delivery::Away(stream)) => {
                let data = share(&mut [Piece::Owned(message)]);
                self.core.sessions.record(stream, data, now.monotonic).is_some()
            }
        }
    }

    /// Sends a message over a WebSocket or a line. Whether the connection is still there.
    pub(super) fn send_message(
        &mut self,
        now: Now,
        connection: ConnectionId,
        message: &mut [Piece<'_>],
    ) -> bool {
        let Self { entries, core, .. } = self;
        let Some(entry) = find(entries, connection) else {
            return false;
        };
        entry.codec.equip(&mut core.spares);
        match &mut entry.codec {
            Codec::WebSocket(socket) => socket.send(message, now.monotonic),
            Codec::Lines(lines) => lines.send(message),
            Codec::Http(_) => {
                let channel = entry.talk.channel;
                return channel.is_some_and(|key| self.push_event(now, key, message));
            }
        }
        self.settle(now, connection);
        true
    }

    /// Gives a waiting call its reply.
    pub(super) fn answer(&mut self, now: Now, job: JobId, caller: &Caller, ended: Ended) {
        let mut body = caller.form.reply(&caller.id, ended);
        if let Delivery::Away(stream) = caller.delivery {
            self.core.keep(now, stream, &mut body);
            return self.core.sessions.finish(stream, now.monotonic);
        }
        if let Delivery::Batch(place) = caller.delivery {
            return self.answer_in_batch(now, (caller.connection, job), place, Some(&mut body));
        }
        let Some(entry) = find(&mut self.entries, caller.connection) else {
            return;
        };
        entry.talk.jobs.retain(|other| *other != job);
        entry.on_activity(now.monotonic);
        match (caller.ticket, caller.delivery) {
            (None, _) => {
                self.send_message(now, caller.connection, &mut body);
            }
            (Some(_), Delivery::Stream(key)) => self.end_with_reply(now, key, &mut body),
            (Some(_), Delivery::Away(_) | Delivery::Batch(_)) => {}
            (Some(ticket), Delivery::Whole | Delivery::Either) => {
                let cors = caller.cors_origin.as_deref().map(headers::cors);
                let response = Response {
                    status: 200,
                    content_type: Some("application/json"),
                    headers: cors.as_ref().map_or(&[], |lines| lines.as_slice()),
                    body: &mut body,
                    close: false,
                };
                self.with_http(now, caller.connection, |http, serving| {
                    http.answer(ticket, response, serving);
                });
            }
        }
        // The place in the pipeline is free: requests that were held back may go on.
        self.serve(now, caller.connection);
        self.settle(now, caller.connection);
    }

    /// Makes a stream of the response to a call.
    pub(super) fn begin_call_stream(&mut self, now: Now, job: JobId, ticket: Ticket) -> Option<StreamKey> {
        let caller = self.core.inflight.caller_mut(job)?;
        let (connection, cors_origin) = (caller.connection, caller.cors_origin.clone());
        let session = caller.session;
        // A session that has too many streams has one that cannot be resumed.
        let kept = session.and_then(|session| {
            let opened = self
                .core
                .sessions
                .open_call(&session, connection, job, now.monotonic);
            opened.ok()
        });
        let purpose = Purpose::Call { job, kept };
        let key = self.begin_stream(now, connection, ticket, cors_origin.as_deref(), purpose)?;
        self.core.inflight.caller_mut(job)?.delivery = Delivery::Stream(key);
        if let Some(stream) = kept
            && session.is_some_and(|session| session.revision.has_polling())
        {
            let id = stream.id.priming().to_string();
            let priming = sse::priming(&id, Some(RETRY_AFTER));
            self.push_bytes(now, key, &mut [Piece::Owned(priming)]);
        }
        Some(key)
    }

    /// Begins a stream as the response to a request that was deferred.
    pub(super) fn begin_stream(
        &mut self,
        now: Now,
        connection: ConnectionId,
        ticket: Ticket,
        cors_origin: Option<&str>,
        purpose: Purpose,
    ) -> Option<StreamKey> {
        let cors = cors_origin.map(headers::cors);
        let head = StreamHead {
            headers: cors.as_ref().map_or(&[], |lines| lines.as_slice()),
        };
        self.with_http(now, connection, |http, serving| {
            http.begin_stream(ticket, head, serving)
        })?;
        let Self { entries, core, .. } = self;
        let talk = &mut find(entries, connection)?.talk;
        Some(core.add_stream(now, talk, ticket, purpose))
    }

    /// Says one event on a stream. Whether it could be said; one that could not is the end of the stream.
    pub(super) fn push_event(&mut self, now: Now, key: StreamKey, data: &mut [Piece<'_>]) -> bool {
        let Some(kept) = self.core.streams.get_mut(key).map(|stream| stream.purpose.kept()) else {
            return false;
        };
        let id = kept.and_then(|stream| self.core.keep(now, stream, data));
        let id = id.map(|id| id.to_string());
        self.push_bytes(now, key, &mut sse::event(id.as_deref(), EVENT_NAME, data))
    }

    pub(super) fn push_bytes(&mut self, now: Now, key: StreamKey, bytes: &mut [Piece<'_>]) -> bool {
        let Some(stream) = self.core.streams.get_mut(key) else {
            return false;
        };
        stream.said_at = now.monotonic;
        let (connection, ticket) = (stream.connection, stream.ticket);
        let pushed = self.with_http(now, connection, |http, serving| {
            http.push_stream(ticket, bytes, serving)
        });
        match pushed {
            Some(Pushed::Queued) => {
                self.settle(now, connection);
                true
            }
            Some(Pushed::Full) => {
                self.core.metrics.count(Metric::StreamsCut);
                log::info!("{connection}: a stream is cut off, its reader is too slow");
                self.cut_stream(now, key);
                false
            }
            None => false,
        }
    }

    /// The stream has said everything but the reply, which is always taken: it was promised when the call was admitted.
    fn end_with_reply(&mut self, now: Now, key: StreamKey, reply: &mut [Piece<'_>]) {
        let Some(stream) = self.forget_stream(key) else {
            return;
        };
        let id = stream.purpose.kept().and_then(|kept| {
            let id = self.core.keep(now, kept, reply);
            self.core.sessions.finish(kept, now.monotonic);
            id
        });
        let id = id.map(|id| id.to_string());
        let mut event = sse::event(id.as_deref(), EVENT_NAME, reply);
        self.with_http(now, stream.connection, |http, serving| {
            http.push_reply(stream.ticket, &mut event, serving);
            http.end_stream(stream.ticket, serving);
        });
    }

    /// The stream has said everything that it will say here.
    pub(super) fn end_stream(&mut self, now: Now, key: StreamKey) {
        let Some(stream) = self.forget_stream(key) else {
            return;
        };
        self.with_http(now, stream.connection, |http, serving| {
            http.end_stream(stream.ticket, serving);
        });
        self.settle(now, stream.connection);
    }

    /// Ends a stream before its time; what it was for is cancelled.
    pub(super) fn cut_stream(&mut self, now: Now, key: StreamKey) {
        let Some(stream) = self.core.streams.get_mut(key) else {
            return;
        };
        let connection = stream.connection;
        if let Some(kept) = stream.purpose.kept() {
            self.core.sessions.detach(kept, connection, now.monotonic);
        }
        if let Purpose::Call { job, .. } = stream.purpose {
            self.core.cancel_gone(job);
            if let Some(entry) = find(&mut self.entries, connection) {
                entry.talk.jobs.retain(|other| *other != job);
            }
        }
        self.abort_stream(now, key);
    }

    /// The peer will say nothing more. What can be resumed goes on without a reader; news have nobody to hear them. The
    /// stream of a call that cannot be resumed is left to the call's reply, which says that it was cancelled.
    pub(super) fn on_reader_ended(&mut self, now: Now, key: StreamKey) {
        let open = self.core.streams.get_mut(key);
        let Some((connection, purpose)) = open.map(|stream| (stream.connection, &stream.purpose)) else {
            return;
        };
        match *purpose {
            Purpose::Call { kept: None, .. } => return,
            Purpose::Call {
                job,
                kept: Some(kept),
            } => self.leave_call(now, job, connection, kept),
            Purpose::Session(kept) => self.core.sessions.detach(kept, connection, now.monotonic),
            Purpose::Listen(_) | Purpose::Channel(_) => {}
        }
        self.end_stream(now, key);
    }

    /// Ends a stream on its connection so that it cannot be taken for whole.
    fn abort_stream(&mut self, now: Now, key: StreamKey) {
        if let Some(stream) = self.forget_stream(key) {
            self.with_http(now, stream.connection, |http, serving| {
                http.abort_stream(stream.ticket, serving);
            });
            self.settle(now, stream.connection);
        }
    }

    fn forget_stream(&mut self, key: StreamKey) -> Option<Stream> {
        let stream = self.core.streams.remove(key)?;
        if let Some(entry) = find(&mut self.entries, stream.connection) {
            entry.talk.streams.retain(|other| *other != key);
        }
        Some(stream)
    }

    /// Time to say something where nothing was said for long: nobody on the way shall take a quiet stream for dead.
    pub(super) fn break_silence(&mut self, now: Now) {
        self.core.silence_at = None;
        self.turn_out_unknown(now);
        self.tell_long_steps(now);
        let interval = self.core.settings.limits.keep_alive_interval;
        let is_silent = |since| now.monotonic.since(since) >= interval;
        let waiting: Vec<(JobId, Ticket)> = self
            .core
            .inflight
            .iter()
            .filter(|(_, flight)| is_silent(flight.admitted))
            .filter_map(|(job, flight)| Some((job, flight.caller.as_ref()?)))
            .filter(|(_, caller)| caller.delivery == Delivery::Either)
            .filter_map(|(job, caller)| Some((job, caller.ticket?)))
            .collect();
        let quiet: Vec<StreamKey> = self
            .core
            .streams
            .iter()
            .filter(|(_, stream)| is_silent(stream.said_at))
            .map(|(key, _)| key)
            .collect();
        let begun = waiting
            .into_iter()
            .filter_map(|(job, ticket)| self.begin_call_stream(now, job, ticket));
        let begun: Vec<StreamKey> = begun.collect();
        for key in begun.into_iter().chain(quiet) {
            self.push_bytes(now, key, &mut [Piece::Borrowed(sse::KEEP_ALIVE)]);
        }
        if self.core.streams.len() > 0 || self.core.inflight.jobs() > 0 {
            self.core.watch_silence(now.monotonic);
        }
    }

    /// Runs `act` on the HTTP connection, if it is still there and still speaks HTTP.
    pub(super) fn with_http<T>(
        &mut self,
        now: Now,
        connection: ConnectionId,
        act: impl FnOnce(&mut HttpConnection, &Serving<'_>) -> T,
    ) -> Option<T> {
        let Self { entries, core, .. } = self;
        let entry = find(entries, connection)?;
        let common = core.common.at(now.wall);
        let settings = Arc::clone(&core.settings);
        let serving = Serving {
            limits: &settings.limits,
            now: now.monotonic,
            common_headers: &common,
        };
        entry.codec.equip(&mut core.spares);
        match &mut entry.codec {
            Codec::Http(http) => Some(act(http, &serving)),
            Codec::WebSocket(_) | Codec::Lines(_) => None,
        }
    }
}

/// When a client comes back for the rest of a stream. Short: the server hangs up only when it has a reason.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What an event is called that is a JSON-RPC message. It is what readers assume without a name; some want to see it.
pub(super) const EVENT_NAME: Option<&str> = Some("message");

impl Core {
    /// Puts down a stream that has begun.
    pub(super) fn add_stream(
        &mut self,
        now: Now,
        talk: &mut Talk,
        ticket: Ticket,
        purpose: Purpose,
    ) -> StreamKey {
        let key = self.streams.insert(Stream {
            connection: talk.id,
            ticket,
            purpose,
            caller: None,
            said_at: now.monotonic,
        });
        talk.streams.push(key);
        self.metrics.count(Metric::StreamsBegun);
        self.watch_silence(now.monotonic);
        key
    }

    /// Keeps what is said for a client that comes back. Nothing long is copied: it may have 4 MiB, for which the machine
    /// would need a millisecond, and everybody waits meanwhile.
    fn keep(
        &mut self,
        now: Now,
        stream: session::Stream,
        reply: &mut [Piece<'_>],
    ) -> Option<session::EventId> {
        self.sessions.record(stream, share(reply), now.monotonic)
    }

    /// Makes sure that [`Server::break_silence`] comes. One timer for all: what it must find is rare and few.
    pub(super) fn watch_silence(&mut self, now: Instant) {
        if self.silence_at.is_none() {
            let at = now + self.settings.limits.keep_alive_interval / 3;
            self.timers.set(at, Timer::Silence);
            self.silence_at = Some(at);
        }
    }

    /// Nobody is there any more to whom the silence could be too long.
    pub(super) fn leave_silence(&mut self) {
        if let Some(at) = self.silence_at.take() {
            self.timers.clear(at, Timer::Silence);
        }
    }
}
