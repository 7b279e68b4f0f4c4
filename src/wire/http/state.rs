//! Where a connection stands, as one enum with its data inside.

use super::body::{Collector, Whole};
use super::framing::Framing;
use super::head::Scan;
use super::pipeline::{Answered, Pipeline};
use crate::time::Instant;
use crate::wire::CloseReason;
use crate::wire::pace::Pace;

/// ```text
///   ┌───────────────────────────────────────────────┐
///   v                                               │ its bytes are forgotten
///  Head ──head whole──> Body ──body whole──> Lent ──┤
///   │                    │                    ├─ hold ──> Held ──> Lent
///   │ idle, FIN          │ fault, FIN         │     └─ 101 ──> Upgraded
///   │ fault, drain       │ drain              │ close, HTTP/1.0
///   └────────────────────┴──> Stopped <───────┘
///                               │ the last response is queued
///                               v
///                           Finishing ── FIN or linger_timeout ──> Closed
/// ```
#[derive(Debug)]
pub(super) enum State {
    /// Between two requests, or inside the head of the next one.
    Head {
        /// Since when the peer owes us bytes. `None`: it owes none, because we do not read.
        since: Option<Instant>,
        scan: Scan,
    },
    /// The head is accepted, the body is on its way.
    Body {
        /// How it comes. `None`: we do not read.
        pace: Option<Pace>,
        framing: Framing,
        collector: Collector,
        /// The peer waits for 100 Continue and has not been told yet.
        owes_continue: bool,
    },
    /// A request was given to the caller, who may look at its bytes until the next call.
    Lent { at: Instant, bytes: usize },
    /// A request was given to the caller, who wants it again later. Nothing is read meanwhile.
    Held { whole: Whole, is_kept_alive: bool },
    /// No more requests are taken; responses are still awaited. What arrives is thrown away.
    Stopped { reason: CloseReason },
    /// The last response is queued. What arrives is thrown away.
    Finishing { reason: CloseReason, since: Instant },
    /// Over.
    Closed { reason: CloseReason },
    /// The rest belongs to another protocol, behind so many bytes of the request.
    Upgraded { bytes: usize },
}

impl State {
    /// Between two requests.
    pub(super) fn waiting(since: Instant) -> Self {
        Self::Head {
            since: Some(since),
            scan: Scan::default(),
        }
    }

    /// Whether further requests may come.
    pub(super) fn is_taking(&self) -> bool {
        matches!(
            self,
            Self::Head { .. } | Self::Body { .. } | Self::Lent { .. } | Self::Held { .. }
        )
    }

    /// Whether what arrives is thrown away.
    pub(super) fn is_discarding(&self) -> bool {
        matches!(
            self,
            Self::Stopped { .. } | Self::Finishing { .. } | Self::Closed { .. }
        )
    }

    /// Lets time count against the peer, from `now` if it stood still.
    pub(super) fn run_clock(&mut self, now: Instant) {
        match self {
            Self::Head { since, .. } => {
                since.get_or_insert(now);
            }
            Self::Body { pace, .. } => {
                pace.get_or_insert_with(|| Pace::new(now));
            }
            _ => {}
        }
    }

    /// Lets no time count against the peer: we are the ones who do not read.
    pub(super) fn stop_clock(&mut self) {
        match self {
            Self::Head { since, .. } => *since = None,
            Self::Body { pace, .. } => *pace = None,
            _ => {}
        }
    }

    /// Takes no more requests. The connection ends with the last response that is awaited, or now if none is.
    pub(super) fn stop(&mut self, reason: CloseReason, pipeline: &Pipeline, now: Instant) {
        *self = Self::Stopped { reason };
        self.settle(Answered::Open, pipeline, now);
    }

    /// A response was queued: perhaps it was the last one.
    pub(super) fn settle(&mut self, answered: Answered, pipeline: &Pipeline, now: Instant) {
        let reason = match *self {
            Self::Stopped { reason } if answered == Answered::Last || pipeline.open_count() == 0 => reason,
            Self::Head { .. } | Self::Body { .. } | Self::Lent { .. } if answered == Answered::Last => {
                CloseReason::NotKeptAlive
            }
            _ => return,
        };
        *self = Self::Finishing { reason, since: now };
    }
}
