//! Which deadline comes next. An ordered set: what is not due costs nothing, and the next one is its first element.
//!
//! Deadlines of connections are lazy: one that moves further away stays where it is, and the owner is asked again
//! when it fires. So a busy keep-alive connection, whose idle deadline moves with every request, costs no timer work.

use std::collections::BTreeSet;

use crate::ident::{ConnectionId, JobId};
use crate::time::Instant;

/// Whose deadline it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A connection's: timeout of a head, body, write or silence.
    Connection(ConnectionId),
    /// A waiting job wants its next step.
    JobDue(JobId),
    /// A call has run for as long as it may.
    JobDeadline(JobId),
    /// The caller of a job waits no longer.
    JobPatience(JobId),
    /// A call becomes a task.
    JobTask(JobId),
    /// A task is over its time.
    Tasks,
    /// Something that is kept for sessions may be over.
    Sessions,
    /// Requests have waited long enough for the keys of an issuer.
    TokenKeys,
    /// Time to look for streams on which nothing was said.
    Silence,
    /// The next act of shutdown: a phase ends, or a second has passed and what remains is told.
    Shutdown,
}

/// The set of deadlines.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Instant, Timer)>,
}

impl Timers {
    /// Sets a deadline.
    pub(super) fn set(&mut self, at: Instant, timer: Timer) {
        self.due.insert((at, timer));
    }

    /// Forgets a deadline that was set for exactly `at`.
    pub(super) fn clear(&mut self, at: Instant, timer: Timer) {
        self.due.remove(&(at, timer));
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes one deadline that has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.due.pop_first().map(|(_, timer)| timer)
    }

    /// Deadlines set.
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_and_not_before_their_time() {
        let at = Instant::from_micros;
        let mut timers = Timers::default();
        timers.set(at(30), Timer::JobDue(JobId(3)));
        timers.set(at(10), Timer::JobDue(JobId(1)));
        timers.set(at(20), Timer::JobDeadline(JobId(2)));
        timers.clear(at(20), Timer::JobDeadline(JobId(2)));
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.take_due(at(9)), None);
        assert_eq!(timers.take_due(at(30)), Some(Timer::JobDue(JobId(1))));
        assert_eq!(timers.take_due(at(30)), Some(Timer::JobDue(JobId(3))));
        assert!(timers.take_due(at(99)).is_none() && timers.len() == 0);
    }
}
