//! How long a peer may take: for a head, a body, the next request, for taking its responses, for its FIN.
//!
//! Time counts against the peer only while it is the peer's turn. A connection that awaits nothing but responses has no
//! deadline, and neither has one that we do not read from because its pipeline or outbox is full.

use super::HttpConnection;
use super::error::Error;
use super::state::State;
use crate::limits::Limits;
use crate::time::Instant;
use crate::wire::{CloseReason, Serving};

impl HttpConnection {
    /// When [`HttpConnection::on_deadline`] must be called, as things stand. `None` while the peer owes nothing: only
    /// responses are awaited.
    pub fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let waits_for_peer = !self.pipeline.outbox().is_empty();
        let writing = waits_for_peer.then(|| self.pipeline.progress() + limits.write_timeout);
        Instant::earlier(self.reading_deadline(limits), writing)
    }

    /// Does what is due at `serving.now`: answers a slow request with 408, closes an idle connection, drops a peer that
    /// takes too few bytes, ends a linger. Too early a call does nothing.
    pub fn on_deadline(&mut self, serving: &Serving<'_>) {
        self.forget();
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= serving.now);
        let progress = self.pipeline.progress();
        let is_stalled = !self.pipeline.outbox().is_empty();
        if is_stalled && is_due(Some(progress + serving.limits.write_timeout)) {
            self.close(CloseReason::WriteTimeout);
        } else if is_due(self.reading_deadline(serving.limits)) {
            match &self.state {
                State::Head { .. } if self.inbox.is_empty() => self.close(CloseReason::IdleTimeout),
                State::Head { .. } => self.fail(Error::HeadTimeout, serving),
                State::Body { .. } => self.fail(Error::BodyTimeout, serving),
                State::Finishing { reason, .. } => self.close(*reason),
                State::Lent { .. }
                | State::Held { .. }
                | State::Stopped { .. }
                | State::Closed { .. }
                | State::Upgraded { .. } => {}
            }
        }
    }

    /// By when the peer must have sent what it owes.
    fn reading_deadline(&self, limits: &Limits) -> Option<Instant> {
        let (since, held) = match &self.state {
            State::Head { since, .. } => ((*since)?, self.inbox.len()),
            State::Lent { at, bytes } => (*at, self.inbox.len() - bytes),
            State::Body { pace, collector, .. } => {
                let is_whole = collector.is_whole(&self.inbox, self.head_bytes());
                return pace
                    .filter(|_| !is_whole)
                    .map(|pace| pace.deadline(limits.body_timeout, limits.body_total_timeout));
            }
            State::Finishing { since, .. } => {
                let is_quiet = self.pipeline.outbox().is_empty();
                let since = self.pipeline.progress().max(*since);
                return is_quiet.then(|| since + limits.linger_timeout);
            }
            State::Held { .. } | State::Stopped { .. } | State::Closed { .. } | State::Upgraded { .. } => {
                return None;
            }
        };
        if held > 0 {
            Some(since + limits.head_timeout)
        } else {
            let since = self.pipeline.progress().max(since);
            self.pipeline.is_idle().then(|| since + limits.idle_timeout)
        }
    }
}
