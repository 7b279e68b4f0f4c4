//! Open streams: HTTP responses that are a sequence of events (`text/event-stream`).
//!
//! A table only: it knows which connection carries a stream and what the stream is for. Bytes are the codec's, meaning
//! is `delivery`'s.

use std::collections::BTreeMap;

use super::access::Caller;
use crate::ident::{ConnectionId, JobId};
use crate::mcp::session::SessionId;
use crate::mcp::{Listen, session};
use crate::time::Instant;
use crate::wire::http::Ticket;

/// A stream. Counted from 1 and never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamKey(pub(super) u64);

/// One open stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) connection: ConnectionId,
    pub(super) ticket: Ticket,
    pub(super) purpose: Purpose,
    /// Who reads it, if that is known. Not noted for the stream of a call, which ends by itself.
    pub(super) caller: Caller,
    /// When something was last said on it.
    pub(super) said_at: Instant,
}

/// What a stream is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// Notices of a call, then its reply, then the end. In a legacy session what is said is kept, so that a client whose
    /// connection broke can come back for it.
    Call {
        job: JobId,
        kept: Option<session::Stream>,
    },
    /// Everything that is said to a client of HTTP+SSE.
    Channel(SessionId),
    /// What the server says to a legacy session on its own.
    Session(session::Stream),
    /// News that were asked for with `subscriptions/listen`, until the client goes.
    Listen(Box<Listen>),
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: BTreeMap<StreamKey, Stream>,
    made: u64,
    /// Those that wait for news.
    waiting: usize,
}

impl Streams {
    /// Adds a stream.
    pub(super) fn insert(&mut self, stream: Stream) -> StreamKey {
        self.made += 1;
        let key = StreamKey(self.made);
        self.waiting += usize::from(stream.purpose.waits_for_news());
        self.open.insert(key, stream);
        key
    }

    /// Says who reads a stream.
    pub(super) fn note_caller(&mut self, key: StreamKey, caller: Caller) {
        if let Some(stream) = self.open.get_mut(&key) {
            stream.caller = caller;
        }
    }

    /// Takes a stream out.
    pub(super) fn remove(&mut self, key: StreamKey) -> Option<Stream> {
        let stream = self.open.remove(&key)?;
        self.waiting -= usize::from(stream.purpose.waits_for_news());
        Some(stream)
    }

    pub(super) fn get_mut(&mut self, key: StreamKey) -> Option<&mut Stream> {
        self.open.get_mut(&key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (StreamKey, &Stream)> {
        self.open.iter().map(|(key, stream)| (*key, stream))
    }

    /// Streams open.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Where a stream is.
    pub(super) fn place(&self, key: StreamKey) -> Option<(ConnectionId, Ticket)> {
        let stream = self.open.get(&key)?;
        Some((stream.connection, stream.ticket))
    }

    /// The open stream of `connection` that carries this stream of a session.
    pub(super) fn of_session(&self, connection: ConnectionId, stream: session::Stream) -> Option<StreamKey> {
        let is_it = |open: &Stream| open.connection == connection && open.purpose.kept() == Some(stream);
        self.iter().find(|(_, open)| is_it(open)).map(|(key, _)| key)
    }

    /// Makes a stream that was resumed the one of its call again.
    pub(super) fn turn_into_call(&mut self, key: StreamKey, job: JobId, kept: session::Stream) {
        if let Some(stream) = self.open.get_mut(&key) {
            self.waiting -= usize::from(stream.purpose.waits_for_news());
            let kept = Some(kept);
            stream.purpose = Purpose::Call { job, kept };
        }
    }

    /// Streams that wait for news.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }
}

impl Purpose {
    /// Where what is said is kept.
    pub(super) fn kept(&self) -> Option<session::Stream> {
        match self {
            Self::Call { kept, .. } => *kept,
            Self::Session(stream) => Some(*stream),
            Self::Listen(_) | Self::Channel(_) => None,
        }
    }

    pub(super) fn waits_for_news(&self) -> bool {
        match self {
            Self::Call { .. } => false,
            Self::Channel(_) | Self::Session(_) | Self::Listen(_) => true,
        }
    }
}
