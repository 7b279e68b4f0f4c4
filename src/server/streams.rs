//! Open streams: HTTP responses that are a sequence of events (`text/event-stream`).
//!
//! A table only: it knows which connection carries a stream and what the stream is for. Bytes are the codec's, meaning
//! is `delivery`'s.

use std::collections::BTreeMap;

use crate::ident::{ConnectionId, JobId};
use crate::mcp::Listen;
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
    /// When something was last said on it.
    pub(super) said_at: Instant,
}

/// What a stream is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// Notices of a call, then its reply, then the end.
    Call(JobId),
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

    /// Streams that wait for news.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }
}

impl Purpose {
    fn waits_for_news(&self) -> bool {
        match self {
            Self::Call(_) => false,
            Self::Listen(_) => true,
        }
    }
}
