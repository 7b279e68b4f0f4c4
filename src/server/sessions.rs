//! Legacy sessions over HTTP: whose request it is, what a message changes for its session, the GET stream, DELETE, and
//! streams that outlive their connection.
//!
//! What a session is, and what is remembered of it, is `mcp::session`; here it meets connections and calls.

use super::access::Caller;
use super::connection::Talk;
use super::core::Core;
use super::delivery::EVENT_NAME;
use super::exchange::{Answer, routing_fields};
use super::later::Later;
use super::metrics::Metric;
use super::planted::PlantedBug;
use super::reply::{self, Delivery};
use super::streams::{Purpose, StreamKey};
use super::timers::Timer;
use super::{Server, access, find, headers};
use crate::backend::{Error, Kind};
use crate::ident::{ConnectionId, JobId};
use crate::mcp::session::{EventId, Freed, Full, Need, Refusal, Session, Stream};
use crate::mcp::{Effect, Payload, Revision, RoutingFields};
use crate::rpc;
use crate::time::Now;
use crate::wire::buffer::Piece;
use crate::wire::http::{Request, StreamHead, Ticket};

impl Core {
    /// The session that a legacy request is in, if it is in one. Modern requests are in none, whatever they carry.
    pub(super) fn session(
        &mut self,
        now: Now,
        fields: &RoutingFields<'_>,
        need: Need,
        caller: &Caller,
    ) -> Result<Option<Session>, Refusal> {
        if fields.has_modern_version() {
            return Ok(None);
        }
        let principal = access::mark(caller);
        self.sessions
            .admit(self.service.keys(), fields.session, need, principal, now)
    }

    /// The id of a session that begins now, for revisions that have sessions.
    pub(super) fn begin_session(&mut self, now: Now, effect: &Effect, caller: &Caller) -> Option<String> {
        let Effect::Negotiated {
            revision,
            abilities,
            client,
        } = *effect
        else {
            return None;
        };
        if !revision.has_sessions() {
            return None;
        }
        let session = Session::begin(
            &mut *self.entropy,
            (revision, abilities, client),
            now.wall,
            self.settings.limits.session_lifetime,
        );
        Some(session.seal(self.service.keys(), access::mark(caller)))
    }

    /// What a message changes for its session.
    pub(super) fn change_session(
        &mut self,
        now: Now,
        session: &Session,
        effect: &Effect,
    ) -> Result<(), Full> {
        match effect {
            Effect::LogLevel(level) => self.sessions.set_log_level(session, *level, now.monotonic),
            Effect::Subscribed(uri) => {
                let subscribed = self.sessions.subscribe(session, uri, now.monotonic);
                self.metrics
                    .add(Metric::SubscriptionsRefused, u64::from(subscribed.is_err()));
                subscribed
            }
            Effect::Unsubscribed(uri) => {
                self.sessions.unsubscribe(session.id, uri);
                Ok(())
            }
            Effect::Negotiated { .. } => Ok(()),
        }
    }

    /// `DELETE /mcp`: the session is over, and what runs in it.
    pub(super) fn on_delete(&mut self, now: Now, request: Request<'_>, answer: Answer<'_, '_>) {
        let (fields, _) = &routing_fields(request);
        match self.session(now, fields, Need::Required, &answer.caller) {
            Ok(Some(session)) => {
                let freed = self.sessions.end(&session, now);
                log::info!("{} ended by its client", session.id);
                self.later.push_back(Later::Free(freed));
                answer.empty(204);
            }
            Ok(None) => answer.error(405, None, "DELETE ends a session, and this revision has none"),
            Err(refusal) => answer.session_refusal(refusal, None),
        }
    }

    /// `GET /mcp` of a client that reads events: the stream of its session, or the rest of one that broke.
    pub(super) fn on_get(&mut self, now: Now, talk: &mut Talk, request: Request<'_>, answer: Answer<'_, '_>) {
        let (fields, _) = &routing_fields(request);
        let session = match self.session(now, fields, Need::Required, &answer.caller) {
            Ok(Some(session)) => session,
            Ok(None) => return answer.error(405, None, "this revision has no stream to read: POST messages"),
            Err(refusal) => return answer.session_refusal(refusal, None),
        };
        if !answer.takes_stream {
            return answer.error(406, None, "the answer is text/event-stream: accept it");
        }
        if self.streams.waiting() >= self.settings.limits.streams_max {
            return answer.session_refusal(Refusal::Full, None);
        }
        let last = request.field("last-event-id");
        let resumed = match last.map(EventId::parse) {
            None => self
                .sessions
                .open_get(&session, talk.id, now.monotonic)
                .map(|stream| (stream, None)),
            Some(None) => Err(Refusal::StreamGone),
            Some(Some(last)) => self
                .sessions
                .resume(&session, last, talk.id, now.monotonic)
                .map(|resumed| (resumed.stream, Some(resumed))),
        };
        let (stream, resumed) = match resumed {
            Ok(found) => found,
            Err(refusal) => return answer.session_refusal(refusal, None),
        };
        let cors = answer.cors_origin.map(headers::cors);
        let head = StreamHead {
            headers: cors.as_ref().map_or(&[], |lines| lines.as_slice()),
        };
        let ticket = answer.responder.begin_stream(head);
        let key = self.add_stream(now, talk, ticket, Purpose::Session(stream));
        self.streams.note_caller(key, answer.caller);
        if let Some(resumed) = resumed {
            self.later.push_back(Later::Replay(key, Box::new(resumed)));
        }
    }

    /// Makes sure that what sessions keep is let go in time.
    pub(super) fn watch_sessions(&mut self) {
        let next = self.sessions.next_expiry();
        if next != self.sessions_at {
            if let Some(at) = self.sessions_at {
                self.timers.clear(at, Timer::Sessions);
            }
            if let Some(at) = next {
                self.timers.set(at, Timer::Sessions);
            }
            self.sessions_at = next;
        }
    }

    /// The calls of a session that wait for a reply.
    pub(super) fn call_of_session(&self, session: &Session, id: &str) -> Option<JobId> {
        let is_meant = |caller: &reply::Caller| {
            let own = caller.session.as_ref();
            own.is_some_and(|own| own.id == session.id) && *caller.id == *id
        };
        self.inflight
            .iter()
            .find(|(_, flight)| flight.caller.as_ref().is_some_and(is_meant))
            .map(|(job, _)| job)
    }
}

impl Server {
    /// Ends a call that its client takes back. Its place in the pipeline must be filled, so the exchange ends with what
    /// ends a call without a result; a stream just ends (MCP, "Cancellation": no response is sent).
    pub(super) fn take_back(&mut self, now: Now, job: JobId) {
        let Some((caller, finish)) = self.core.cancel_gone(job) else {
            return;
        };
        match caller.delivery {
            Delivery::Stream(key) => {
                if let Some(entry) = find(&mut self.entries, caller.connection) {
                    entry.talk.jobs.retain(|other| *other != job);
                }
                if let Some(kept) = self
                    .core
                    .streams
                    .get_mut(key)
                    .and_then(|open| open.purpose.kept())
                {
                    self.core.sessions.finish(kept, now.monotonic);
                }
                self.end_stream(now, key);
                self.serve(now, caller.connection);
                self.settle(now, caller.connection);
            }
            Delivery::Batch(place) => self.answer_in_batch(now, (caller.connection, job), place, None),
            Delivery::Away(kept) => self.core.sessions.finish(kept, now.monotonic),
            Delivery::Whole | Delivery::Either => {
                let error = Error::new(Kind::Cancelled, "cancelled by the client");
                self.answer(now, job, &caller, finish.ended(Err(error)));
            }
        }
    }

    /// Ends what was for a session or stream that is gone.
    pub(super) fn free(&mut self, now: Now, freed: Freed) {
        for job in freed.jobs {
            if !self.core.is_planted(PlantedBug::SessionCallsForgotten) {
                self.core.cancel_gone(job);
            }
        }
        for connection in freed.connections {
            let Some(entry) = find(&mut self.entries, connection) else {
                continue;
            };
            for key in entry.talk.streams.clone() {
                self.end_stream(now, key);
            }
            self.serve(now, connection);
            self.settle(now, connection);
        }
    }

    /// What sessions keep may be over.
    pub(super) fn on_sessions_due(&mut self, now: Now) {
        self.core.sessions_at = None;
        let freed = self.core.sessions.expire(now);
        self.free(now, freed);
    }

    /// Says what the reader of a stream has missed, and lets its call go on there.
    pub(super) fn replay(&mut self, now: Now, key: StreamKey, resumed: crate::mcp::session::Resumed) {
        if let Some(old) = resumed.replaced {
            self.leave_stream(now, old, resumed.stream);
        }
        let mut missed = resumed.missed;
        if self.core.is_planted(PlantedBug::MissedForgotten) {
            missed.clear();
        }
        if self.core.is_planted(PlantedBug::MissedTwice) {
            missed.extend(missed.clone());
        }
        for (id, data) in missed {
            let id = id.to_string();
            let mut data: Vec<_> = data.iter().cloned().map(Piece::Shared).collect();
            let mut event = crate::wire::sse::event(Some(&id), EVENT_NAME, &mut data);
            if !self.push_bytes(now, key, &mut event) {
                return;
            }
        }
        if resumed.is_finished {
            return self.end_stream(now, key);
        }
        self.attach(now, key, resumed.stream);
    }

    /// The call of a stream that broke goes on here.
    fn attach(&mut self, now: Now, key: StreamKey, stream: Stream) {
        let is_its = |caller: &reply::Caller| caller.delivery == Delivery::Away(stream);
        let job = self
            .core
            .inflight
            .iter()
            .find(|(_, flight)| flight.caller.as_ref().is_some_and(is_its))
            .map(|(job, _)| job);
        let (Some(job), Some((connection, ticket))) = (job, self.core.streams.place(key)) else {
            return;
        };
        if let Some(caller) = self.core.inflight.caller_mut(job) {
            caller.connection = connection;
            caller.ticket = Some(ticket);
            caller.delivery = Delivery::Stream(key);
        }
        self.core.streams.turn_into_call(key, job, stream);
        if let Some(entry) = find(&mut self.entries, connection) {
            entry.talk.jobs.push(job);
            entry.on_activity(now.monotonic);
        }
    }

    /// Lets a stream end on its connection while its call goes on: the client will come back for the rest.
    pub(super) fn hang_up(&mut self, now: Now, job: JobId) {
        let Some((connection, delivery, revision)) = self.caller_of(job) else {
            return;
        };
        let key = match delivery {
            Delivery::Either if revision.has_polling() => self.begin_stream_of(now, job),
            Delivery::Stream(key) => Some(key),
            Delivery::Either | Delivery::Whole | Delivery::Batch(_) | Delivery::Away(_) => None,
        };
        let mut kept = |key| self.core.streams.get_mut(key)?.purpose.kept();
        let Some((key, stream)) = key.and_then(|key| Some((key, kept(key)?))) else {
            return;
        };
        self.leave_call(now, job, connection, stream);
        self.end_stream(now, key);
    }

    /// Takes a call off its connection; what it says is kept for a reader who comes back.
    pub(super) fn leave_call(&mut self, now: Now, job: JobId, connection: ConnectionId, stream: Stream) {
        self.core.sessions.detach(stream, connection, now.monotonic);
        if let Some(caller) = self.core.inflight.caller_mut(job) {
            caller.delivery = Delivery::Away(stream);
        }
        if let Some(entry) = find(&mut self.entries, connection) {
            entry.talk.jobs.retain(|other| *other != job);
        }
    }

    /// A connection is going: calls whose streams can be resumed stay without it.
    pub(super) fn leave_resumable(&mut self, now: Now, connection: ConnectionId) {
        let Some(entry) = find(&mut self.entries, connection) else {
            return;
        };
        for key in entry.talk.streams.clone() {
            let open = self.core.streams.get_mut(key);
            if let Some(Purpose::Call {
                job,
                kept: Some(kept),
            }) = open.map(|stream| &stream.purpose)
            {
                let (job, kept) = (*job, *kept);
                self.leave_call(now, job, connection, kept);
            }
        }
    }

    /// The stream has moved to another connection: the old one says no more.
    fn leave_stream(&mut self, now: Now, old: ConnectionId, stream: Stream) {
        let Some(key) = self.core.streams.of_session(old, stream) else {
            return;
        };
        if let Some(Purpose::Call { job, .. }) = self.core.streams.get_mut(key).map(|open| &open.purpose)
            && let job = *job
            && let Some(caller) = self.core.inflight.caller_mut(job)
        {
            caller.delivery = Delivery::Away(stream);
            if let Some(entry) = find(&mut self.entries, old) {
                entry.talk.jobs.retain(|other| *other != job);
            }
        }
        self.end_stream(now, key);
        self.settle(now, old);
    }

    fn caller_of(&self, job: JobId) -> Option<(ConnectionId, Delivery, Revision)> {
        let flight = self.core.inflight.find(job)?;
        let caller = flight.caller.as_ref()?;
        Some((caller.connection, caller.delivery, flight.finish.revision))
    }

    fn begin_stream_of(&mut self, now: Now, job: JobId) -> Option<StreamKey> {
        let ticket: Ticket = self.core.inflight.caller_mut(job)?.ticket?;
        self.begin_call_stream(now, job, ticket)
    }
}

impl Answer<'_, '_> {
    /// The request is in no session that is served.
    pub(super) fn session_refusal(self, refusal: Refusal, id: Option<&str>) {
        let body = rpc::error_reply(id, &refusal.error());
        self.json(refusal.http_status(), Payload::Owned(body));
    }
}
