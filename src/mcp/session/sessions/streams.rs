//! The streams of sessions: who reads them, and what is kept for a client that comes back.
//!
//! ```text
//!   open_get, open_call ─► read by a connection ── detach ─► read by nobody ── window passes ─► gone, its call cancelled
//!                            ▲        │                        │    │
//!                            └────────┼────── resume ──────────┘    │
//!                                     └──────────── finish ─────────┴─► kept for a window ─► gone
//! ```

use std::sync::Arc;

use super::super::event::{EventId, Kind, StreamId};
use super::super::remembered::{Line, Reader};
use super::super::{Refusal, Session, SessionId};
use super::{Full, Sessions, room};
use crate::ident::{ConnectionId, JobId};
use crate::time::Instant;
use crate::wire::buffer::Shared;

/// A stream of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stream {
    /// Whose.
    pub session: SessionId,
    /// Which one.
    pub id: StreamId,
}

/// What a client missed, and where it goes on.
#[derive(Debug)]
pub struct Resumed {
    /// The stream; not the one that was asked for where that was a GET stream of another process.
    pub stream: Stream,
    /// The events after the last one it saw, in order.
    pub missed: Vec<(EventId, Arc<[Shared]>)>,
    /// The reply is among them, or was said before: end the stream after them.
    pub is_finished: bool,
    /// The connection that had the stream until now: end the response there.
    pub replaced: Option<ConnectionId>,
}

impl Sessions {
    /// Opens the GET stream of a session on `connection`.
    ///
    /// # Errors
    /// [`Refusal::Occupied`] while another connection has it, [`Refusal::Full`].
    pub fn open_get(
        &mut self,
        session: &Session,
        connection: ConnectionId,
        now: Instant,
    ) -> Result<Stream, Refusal> {
        let id = self.next_stream(Kind::Get);
        let opened = self.store(session, now, |remembered, _| {
            if let Some(old) = remembered.get_line() {
                if remembered.lines[&old].reader.connection().is_some() {
                    return Ok(Err(Refusal::Occupied));
                }
                // Its reader is gone and did not ask for the rest.
                remembered.drop_line(old);
            }
            remembered.lines.insert(id, Line::new(connection, None, now));
            Ok(Ok(()))
        });
        opened.map_err(|_| Refusal::Full)??;
        let session = session.id;
        Ok(Stream { session, id })
    }

    /// Makes the stream of a call on `connection` one that can be resumed.
    ///
    /// # Errors
    /// The session has too many, or too many sessions are remembered: the stream cannot be resumed then.
    pub fn open_call(
        &mut self,
        session: &Session,
        connection: ConnectionId,
        job: JobId,
        now: Instant,
    ) -> Result<Stream, Full> {
        let id = self.next_stream(Kind::Call);
        self.store(session, now, |remembered, limits| {
            let (streams, streams_max) = (remembered.lines.len() + 1, limits.streams_per_session_max);
            room("streams_per_session_max", streams, streams_max)?;
            remembered.lines.insert(id, Line::new(connection, Some(job), now));
            Ok(())
        })?;
        let session = session.id;
        Ok(Stream { session, id })
    }

    /// The GET stream of a session, whether or not somebody reads it: for what is said to the session as such.
    pub fn get_stream(&self, session: SessionId) -> Option<Stream> {
        let id = self.remembered.get(&session)?.get_line()?;
        Some(Stream { session, id })
    }

    /// Every GET stream: for what is said to everybody.
    pub fn get_streams(&self) -> impl Iterator<Item = Stream> {
        let with_stream = self.remembered.iter();
        with_stream.filter_map(|(session, remembered)| {
            let (session, id) = (*session, remembered.get_line()?);
            Some(Stream { session, id })
        })
    }

    /// The connection that reads a stream at the moment.
    pub fn reader(&self, stream: Stream) -> Option<ConnectionId> {
        let remembered = self.remembered.get(&stream.session)?;
        remembered.lines.get(&stream.id)?.reader.connection()
    }

    /// Keeps what is said on a stream, whether or not somebody reads it, for a client that comes back. Gives the id
    /// to say it with; `None` where the stream is over.
    ///
    /// Without room the oldest events go: first the session's own, then anybody's. One that is larger than a session
    /// may keep is gone at once, and its stream cannot be resumed before it.
    pub fn record(&mut self, stream: Stream, data: Arc<[Shared]>, now: Instant) -> Option<EventId> {
        self.serials += 1;
        let serial = self.serials;
        let id = self.change(stream.session, |remembered, limits| {
            let id = remembered.record(stream.id, data, now, serial);
            while remembered.events > limits.replay_events_max
                || remembered.bytes > limits.replay_session_bytes_max
            {
                remembered.drop_oldest();
            }
            id
        })?;
        while self.replay_bytes > self.limits.replay_bytes_max
            && let Some(&(_, session)) = self.by_oldest.first()
        {
            self.change(session, |remembered, _| remembered.drop_oldest());
        }
        id
    }

    /// Nobody reads the stream any more: its connection is closed, or is closed now so that the client comes back.
    /// Ignored if another connection has it by now.
    pub fn detach(&mut self, stream: Stream, connection: ConnectionId, now: Instant) {
        self.change(stream.session, |remembered, _| {
            if let Some(line) = remembered.lines.get_mut(&stream.id)
                && line.reader == Reader::Here(connection)
            {
                line.reader = Reader::Gone(now);
                // Listening is a use: the time without any begins now.
                remembered.used = now;
            }
        });
    }

    /// The reply was said: no further events come. It stays for a client that did not get it.
    pub fn finish(&mut self, stream: Stream, now: Instant) {
        self.change(stream.session, |remembered, _| {
            if let Some(line) = remembered.lines.get_mut(&stream.id) {
                line.is_finished = true;
                line.job = None;
                line.reader = Reader::Gone(now);
                remembered.used = now;
            }
        });
    }

    /// Goes on with a stream after the last event that its client saw, on `connection`. A stream that seems to be read
    /// elsewhere moves: its client knows better than this side that the old connection is dead.
    ///
    /// A GET stream that is not kept, or is one of another process, begins anew: what was said meanwhile is missed, as
    /// always while none is open. So a client goes on after a restart. A call's stream does not: its reply would never
    /// come.
    ///
    /// # Errors
    /// [`Refusal::StreamGone`]; for a GET stream as [`Sessions::open_get`].
    pub fn resume(
        &mut self,
        session: &Session,
        last: EventId,
        connection: ConnectionId,
        now: Instant,
    ) -> Result<Resumed, Refusal> {
        let resumed = self.change(session.id, |remembered, _| {
            let line = remembered.lines.get_mut(&last.stream)?;
            let missed = line.after(last.number)?;
            let missed = missed.map(|(number, data)| (EventId { number, ..last }, data));
            let missed: Vec<_> = missed.collect();
            let replaced = line.reader.connection().filter(|old| *old != connection);
            // A finished one stays as it is: its window began with the reply.
            if !line.is_finished {
                (line.reader, line.read_since) = (Reader::Here(connection), now);
            }
            Some(Resumed {
                stream: Stream {
                    session: session.id,
                    id: last.stream,
                },
                missed,
                is_finished: line.is_finished,
                replaced,
            })
        });
        match resumed.flatten() {
            Some(resumed) => Ok(resumed),
            None if last.stream.kind == Kind::Call => Err(Refusal::StreamGone),
            None => Ok(Resumed {
                stream: self.open_get(session, connection, now)?,
                missed: Vec::new(),
                is_finished: false,
                replaced: None,
            }),
        }
    }

    fn next_stream(&mut self, kind: Kind) -> StreamId {
        // The number stays below the salt: after 2^32 streams the first ones are long gone.
        let number = (self.streams as u32).wrapping_add(1);
        self.streams = (self.streams >> 32 << 32) | u64::from(number);
        let number = self.streams;
        StreamId { kind, number }
    }
}
