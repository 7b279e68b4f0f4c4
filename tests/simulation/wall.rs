//! The wall clock of the simulated world, and what it showed when.
//!
//! Its jumps are drawn apart from everything else: two runs of one seed differ in nothing but what this clock shows, so a
//! difference between their traces is something that went by the wrong clock.

use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::time::{Instant, WallTime};

use crate::plan::WallClock;

/// A clock that people set.
#[derive(Debug)]
pub(crate) struct Wall {
    manner: WallClock,
    random: SeededEntropy,
    /// Whole seconds, so that a time takes as many digits whatever the jump.
    offset_seconds: u64,
    /// What was shown to the driver, as a date, and when it was last.
    told: Vec<(u64, String, Instant)>,
}

impl Wall {
    pub(crate) fn new(manner: WallClock, seed: u64) -> Self {
        Self {
            manner,
            random: SeededEntropy::new(seed),
            offset_seconds: START_SECONDS,
            told: Vec::new(),
        }
    }

    /// What it shows.
    pub(crate) fn at(&self, now: Instant) -> WallTime {
        WallTime::from_micros(self.offset_seconds * 1_000_000 + now.as_micros())
    }

    /// Somebody may set it.
    pub(crate) fn pass(&mut self) {
        match self.manner {
            WallClock::Steady => {}
            WallClock::Jumping if self.random.below(50) > 0 => {}
            WallClock::Jumping => {
                self.offset_seconds = FROM_SECONDS + self.random.below(YEARS_110_SECONDS);
            }
            WallClock::Wild => self.offset_seconds = START_SECONDS - HOUR_SECONDS * self.random.below(24),
        }
    }

    /// The driver is about to look at it.
    pub(crate) fn tell(&mut self, now: Instant) {
        let wall = self.at(now);
        match self.told.last_mut() {
            Some((second, _, last)) if *second == wall.as_seconds() => *last = now,
            _ => self.told.push((wall.as_seconds(), wall.to_http_date(), now)),
        }
    }

    /// Whether it showed `date` at `since` or later.
    pub(crate) fn was_told(&self, since: Instant, date: &str) -> bool {
        let later = self.told.iter().rev().take_while(|(_, _, last)| *last >= since);
        later.into_iter().any(|(_, told, _)| told == date)
    }
}

const START_SECONDS: u64 = 1_700_000_000;
const HOUR_SECONDS: u64 = 3_600;
/// In 1979, after 2^28 seconds: tokens hold times in as few bytes as they need, seven bits in each, and with an earlier
/// one a cursor is shorter.
const FROM_SECONDS: u64 = 300_000_000;
const YEARS_110_SECONDS: u64 = 110 * 365 * 86_400;
