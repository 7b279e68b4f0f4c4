//! How far this machine's clock is off, by the `Date` of Snowflake's answers.
//!
//! A signed login holds a time and is refused when that is wrong by more than a minute. Clocks of virtual machines that
//! were suspended are. So logins are signed by Snowflake's time, and the operator is told once.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::time::WallTime;

/// What is to be added to this machine's wall clock.
#[derive(Debug, Default)]
pub(super) struct Skew {
    micros: AtomicI64,
}

impl Skew {
    /// Learns from an answer that came at `now` and says that it was sent at `date`. Returns the seconds by which this
    /// clock is ahead, if that is news and worth correcting.
    pub(super) fn learn(&self, date: WallTime, now: WallTime) -> Option<i64> {
        let measured = date.as_micros().cast_signed() - now.as_micros().cast_signed();
        // A date has whole seconds and has been on its way: small differences are no skew.
        let corrected = if measured.unsigned_abs() > TOLERATED_MICROS {
            measured
        } else {
            0
        };
        let before = self.micros.swap(corrected, Ordering::Relaxed);
        let is_news = corrected != 0 && corrected.abs_diff(before) > TOLERATED_MICROS;
        is_news.then_some(-corrected / 1_000_000)
    }

    /// Snowflake's time when this machine's clock shows `wall`.
    pub(super) fn correct(&self, wall: WallTime) -> WallTime {
        let micros = self.micros.load(Ordering::Relaxed);
        WallTime::from_micros(wall.as_micros().saturating_add_signed(micros))
    }
}

/// Logins are dated back by more than this, and Snowflake tolerates about a minute.
const TOLERATED_MICROS: u64 = 20_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> WallTime {
        WallTime::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_clock_that_is_off_is_corrected_and_told_once() {
        let skew = Skew::default();
        assert_eq!(skew.learn(at(1_000), at(1_600)), Some(600), "ahead");
        assert_eq!(skew.correct(at(1_601)), at(1_001));
        assert_eq!(skew.learn(at(1_010), at(1_611)), None, "known");
        assert_eq!(skew.learn(at(2_000), at(1_000)), Some(-1_000), "behind");
        assert_eq!(skew.correct(at(1_000)), at(2_000));
        assert_eq!(skew.learn(at(2_000), at(2_000)), None, "set right");
        assert_eq!(skew.correct(at(2_000)), at(2_000));
    }

    #[test]
    fn a_date_of_whole_seconds_is_no_skew() {
        let skew = Skew::default();
        assert_eq!(skew.learn(at(1_000), at(1_020)), None);
        assert_eq!(skew.correct(at(1_020)), at(1_020));
    }
}
