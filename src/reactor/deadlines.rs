//! By when sockets must be through something that the server does not see: a TLS handshake, a proxy's header.
//!
//! All have the same time, so they stand in the order in which they began, and a queue is enough.

use std::collections::VecDeque;

use super::world::SocketKey;
use crate::time::Instant;

/// The deadlines. One that is kept early stays until it comes first.
#[derive(Debug, Default)]
pub(super) struct Deadlines(VecDeque<(Instant, SocketKey)>);

impl Deadlines {
    /// `socket` must be through at `at`, which is no earlier than that of the one before.
    pub(super) fn set(&mut self, at: Instant, socket: SocketKey) {
        self.0.push_back((at, socket));
    }

    /// The earlier of `until` and the next deadline of a socket that `is_awaited`.
    pub(super) fn wake_up(
        &mut self,
        until: Option<Instant>,
        is_awaited: impl Fn(SocketKey) -> bool,
    ) -> Option<Instant> {
        while let Some((_, socket)) = self.0.front()
            && !is_awaited(*socket)
        {
            self.0.pop_front();
        }
        let next = self.0.front().map(|(at, _)| *at);
        Instant::earlier(until, next)
    }

    /// The next socket whose time is over.
    pub(super) fn take_late(&mut self, now: Instant) -> Option<SocketKey> {
        let is_late = self.0.front().is_some_and(|(at, _)| *at <= now);
        let late = if is_late { self.0.pop_front() } else { None };
        late.map(|(_, socket)| socket)
    }
}
