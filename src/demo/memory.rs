//! Who runs again when memory has run out.
//!
//! SQLite's memory is bounded for the whole process, so a statement may fail because of another one. Beside others it
//! is not told so at once: it runs again, and those that do so take turns, over all engines of the process. So the one
//! that takes all the memory and the ones that it has starved never run again at the same time: they get through in
//! their turns, and it fails in its own. How long each of them waits for a turn does not count, or a busy machine would
//! fail the wrong one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::time::Instant;

/// Turns that a statement fails in before it is told so, and how long it has at least: turns are short for one that
/// fails at its beginning, and others that have just come may take the memory in each of them.
const TURNS_MAX: u32 = 3;
const STARVING_MIN: Duration = Duration::from_secs(2);

/// Jobs that run on any engine of this process, and jobs that ever began.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// Whether one of those that ran out of memory has its turn.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// A job that runs.
pub(super) struct Running {
    /// Whether others ran when it began.
    beside_others: bool,
    number: usize,
}

impl Running {
    pub(super) fn new() -> Self {
        Self {
            number: BEGUN.fetch_add(1, Ordering::SeqCst) + 1,
            beside_others: RUNNING.fetch_add(1, Ordering::SeqCst) > 0,
        }
    }

    /// Whether no other job ran at any time since this one began.
    pub(super) fn is_alone(&self) -> bool {
        !self.beside_others && BEGUN.load(Ordering::SeqCst) == self.number
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The turn of one job among those that ran out of memory.
pub(super) struct Turn(());

impl Turn {
    /// The turn, if nobody has it.
    pub(super) fn take() -> Option<Self> {
        let was_taken = IS_TAKEN.swap(true, Ordering::SeqCst);
        (!was_taken).then(|| Self(()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        IS_TAKEN.store(false, Ordering::SeqCst);
    }
}

/// A job that ran out of memory beside others.
#[derive(Clone, Copy)]
pub(super) struct Starved {
    since: Instant,
    turns: u32,
}

impl Starved {
    /// It has failed for the first time.
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, turns: 0 }
    }

    /// It has failed in its turn. Whether it has had enough of them.
    pub(super) fn fail(&mut self, now: Instant) -> bool {
        self.turns = self.turns.saturating_add(1);
        self.turns >= TURNS_MAX && now.since(self.since) >= STARVING_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_a_turn_does_not_count() {
        let mut starved = Starved::new(Instant::ZERO);
        let late = Instant::ZERO + 100 * STARVING_MIN;
        assert_eq!([late; 3].map(|now| starved.fail(now)), [false, false, true]);
    }

    #[test]
    fn turns_that_end_at_once_do_not_use_up_the_time() {
        let mut starved = Starved::new(Instant::ZERO);
        assert!((0..100).all(|_| !starved.fail(Instant::ZERO)));
        assert!(starved.fail(Instant::ZERO + STARVING_MIN));
    }
}
