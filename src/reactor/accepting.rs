//! Whether to accept: readiness of the listeners, the pause after a full table, the end.
//!
//! ```text
//!             event                         failure (EMFILE, …)
//!   Waiting ─────────► Ready ─────────────────────────────────────► Paused(until)
//!      ▲  WouldBlock    │ ▲          time, or a socket was closed       │
//!      └────────────────┘ └─────────────────────────────────────────────┘          any ── stop ──► Stopped
//! ```
//!
//! A listener whose connection cannot be accepted stays ready: without the pause a full descriptor table would be a
//! busy loop. The connections wait in the machine's backlog meanwhile.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use crate::time::Instant;

/// How long accepting rests after a failure that is not about one connection. A closed socket ends it sooner. Doubled,
/// a peer waits up to 100 ms after a shortage that something outside caused; halved, the wake-ups double.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The state of the listeners, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepting {
    /// Nobody waits, or nobody is known to.
    Waiting,
    /// Somebody may wait.
    Ready,
    /// Somebody waits, and the machine has no room.
    Paused {
        /// When to try again.
        until: Instant,
    },
    /// The listeners are closed.
    Stopped,
}

/// What a failed accept is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody waits.
    NobodyWaits,
    /// The connection that waited is gone or unusable; the next one may be fine.
    ConnectionLost,
    /// The machine has no room: no descriptor, no memory. Anything unknown is treated so, because trying again at once
    /// is what must never happen.
    NoRoom,
}

impl Failure {
    /// Sorts an error of `accept`. On Linux, errors of the network that are pending on the new connection come out of
    /// `accept` as well (accept(2), "Error handling").
    pub(crate) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock => Self::NobodyWaits,
            ErrorKind::Interrupted
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::NotConnected
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::NetworkUnreachable
            | ErrorKind::TimedOut => Self::ConnectionLost,
            _ => Self::NoRoom,
        }
    }
}

impl Accepting {
    /// Whether to try.
    pub(crate) fn is_ready(self) -> bool {
        self == Self::Ready
    }

    /// When a pause ends.
    pub(crate) fn deadline(self) -> Option<Instant> {
        match self {
            Self::Paused { until } => Some(until),
            _ => None,
        }
    }

    /// A listener has something. During a pause that is known already.
    pub(crate) fn on_event(&mut self) {
        if *self == Self::Waiting {
            *self = Self::Ready;
        }
    }

    /// Every listener said `WouldBlock`.
    pub(crate) fn on_would_block(&mut self) {
        *self = Self::Waiting;
    }

    /// The machine has no room.
    pub(crate) fn on_no_room(&mut self, now: Instant) {
        *self = Self::Paused {
            until: now + ACCEPT_PAUSE,
        };
    }

    /// A descriptor was given back.
    pub(crate) fn on_socket_closed(&mut self) {
        if matches!(self, Self::Paused { .. }) {
            *self = Self::Ready;
        }
    }

    /// Time went on.
    pub(crate) fn on_time(&mut self, now: Instant) {
        if self.deadline().is_some_and(|until| until <= now) {
            *self = Self::Ready;
        }
    }

    /// The listeners are closed.
    pub(crate) fn stop(&mut self) {
        *self = Self::Stopped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_pauses_until_time_or_a_closed_socket_ends_it() {
        let mut accepting = Accepting::Ready;
        accepting.on_no_room(Instant::ZERO);
        accepting.on_event();
        accepting.on_time(Instant::from_micros(49_999));
        assert!(!accepting.is_ready());
        assert_eq!(accepting.deadline(), Some(Instant::from_micros(50_000)));
        accepting.on_time(Instant::from_micros(50_000));
        assert!(accepting.is_ready());
        accepting.on_no_room(Instant::from_micros(50_000));
        accepting.on_socket_closed();
        assert!(accepting.is_ready());
    }

    #[test]
    fn closed_listeners_are_never_ready_again() {
        let mut accepting = Accepting::Stopped;
        accepting.on_event();
        accepting.on_time(Instant::from_micros(u64::MAX));
        accepting.on_socket_closed();
        assert_eq!(accepting, Accepting::Stopped);
    }

    #[test]
    fn errors_of_one_connection_do_not_pause_and_unknown_ones_do() {
        let of = |kind: ErrorKind| Failure::of(&Error::from(kind));
        assert_eq!(of(ErrorKind::WouldBlock), Failure::NobodyWaits);
        assert_eq!(of(ErrorKind::ConnectionAborted), Failure::ConnectionLost);
        assert_eq!(of(ErrorKind::NetworkUnreachable), Failure::ConnectionLost);
        assert_eq!(of(ErrorKind::OutOfMemory), Failure::NoRoom);
        // EMFILE and ENFILE have no kind of their own.
        for code in [24, 23] {
            assert_eq!(Failure::of(&Error::from_raw_os_error(code)), Failure::NoRoom);
        }
    }
}
