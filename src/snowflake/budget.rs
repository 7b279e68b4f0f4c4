//! A budget of repetitions: an outage must not multiply the load on what is just recovering. Pure: the time is an argument.
//!
//! Each repetition costs a second of the account's time; a minute of it may be spent at once. What is over the budget is
//! spread out, and what would have to wait too long is not repeated.

use std::time::Duration;

use crate::time::Instant;

/// What is left for repetitions, as the moment up to which it is spent.
#[derive(Debug, Default)]
pub(super) struct Budget {
    spent_until: Instant,
}

impl Budget {
    /// Takes a repetition at `now`. Returns how long it must wait at least; `None` when it shall not be made.
    pub(super) fn take(&mut self, now: Instant) -> Option<Duration> {
        let spent_until = self.spent_until.max(now) + COST;
        let wait = spent_until.since(now).saturating_sub(BURST);
        if wait > WAIT_MAX {
            return None;
        }
        self.spent_until = spent_until;
        Some(wait)
    }
}

const COST: Duration = Duration::from_secs(1);
/// Eight workers that fail together and repeat five times each are within it.
const BURST: Duration = Duration::from_secs(60);
/// Nobody waits longer for a repetition alone.
const WAIT_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_at_once_then_one_a_second_and_no_queue_of_more_than_half_a_minute() {
        let mut budget = Budget::default();
        let now = Instant::from_micros(5_000_000);
        let waits: Vec<_> = (0..200).map(|_| budget.take(now)).collect();
        assert!(waits[..60].iter().all(|wait| *wait == Some(Duration::ZERO)));
        assert_eq!(waits[60], Some(Duration::from_secs(1)));
        assert_eq!(waits[89], Some(Duration::from_secs(30)));
        assert!(waits[90..].iter().all(Option::is_none));
        assert_eq!(budget.take(now + Duration::from_secs(1)), Some(WAIT_MAX));
        assert_eq!(budget.take(now + Duration::from_secs(120)), Some(Duration::ZERO));
    }
}
