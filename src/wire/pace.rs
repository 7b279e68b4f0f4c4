//! Whether a peer moves its bytes fast enough: so many in so long, and all of them in a longer time.
//!
//! A timeout that starts anew with every byte is none: one byte every 14 seconds holds a connection and what it has
//! collected for ever. Like Apache's `MinRate` and Kestrel's `MinDataRate` this asks for a rate, but as a number of bytes
//! in a time, so that it needs no clock but that of the deadlines. Knows no limits by itself and no reason.

use std::time::Duration;

use crate::limits::Limits;
use crate::time::Instant;

/// How something long comes along, or goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    began: Instant,
    /// When it began, or last moved as much as is progress.
    since: Instant,
    /// Bytes moved since then.
    moved: usize,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            since: now,
            moved: 0,
        }
    }

    /// Notes bytes that moved. [`Pace::renew`] says what they were worth.
    pub(super) fn note(&mut self, bytes: usize) {
        self.moved += bytes;
    }

    /// Starts a new stretch if enough has moved in this one.
    pub(super) fn renew(&mut self, limits: &Limits, now: Instant) {
        if self.moved >= limits.progress_bytes_min {
            self.since = now;
            self.moved = 0;
        }
    }

    /// Since when too little has moved.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// By when more must have moved, or all of it.
    pub(super) fn deadline(&self, timeout: Duration, total: Duration) -> Instant {
        (self.since + timeout).min(self.began + total)
    }
}
