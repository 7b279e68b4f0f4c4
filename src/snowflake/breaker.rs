//! A circuit breaker: after so many failures in a row nobody asks any more but one at a time, after longer and longer
//! pauses. Pure: the time is an argument.
//!
//! It knows neither what was asked nor why it failed. One stands before each account, so that an outage of one costs
//! the others no worker, and a caller a sentence instead of half a minute.

use std::time::Duration;

use crate::time::Instant;

/// Whether requests pass.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
}

#[derive(Debug)]
enum State {
    /// They do.
    Closed {
        /// In a row.
        failures: u32,
    },
    /// One does, after a pause.
    Open {
        failures: u32,
        /// When the next probe may pass.
        until: Instant,
        /// The pause before it.
        pause: Duration,
        /// Until when the probe that was let through is waited for.
        probe_until: Option<Instant>,
    },
}

/// A request that may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Pass {
    /// One of many.
    Plain,
    /// The one that finds out whether the other side is back.
    Probe,
}

/// A request that may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// Failures in a row.
    pub(super) failures: u32,
    /// When it is worth coming back.
    pub(super) after: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed { failures: 0 },
        }
    }
}

impl Breaker {
    /// Asks whether a request may be sent at `now`. Who gets a [`Pass`] tells what came of it.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Pass, Held> {
        let State::Open {
            failures,
            until,
            probe_until,
            ..
        } = &mut self.state
        else {
            return Ok(Pass::Plain);
        };
        let failures = *failures;
        if now < *until {
            let after = until.since(now);
            return Err(Held { failures, after });
        }
        if probe_until.is_some_and(|end| now < end) {
            let after = PROBE_PAUSE;
            return Err(Held { failures, after });
        }
        *probe_until = Some(now + PROBE_PATIENCE);
        Ok(Pass::Probe)
    }

    /// An answer came. Returns whether that is news.
    pub(super) fn succeeded(&mut self) -> bool {
        let was_open = matches!(self.state, State::Open { .. });
        self.state = State::Closed { failures: 0 };
        was_open
    }

    /// None came. Returns the pause that begins with it, if one does.
    pub(super) fn failed(&mut self, pass: Pass, now: Instant) -> Option<Duration> {
        let (failures, pause) = match &self.state {
            State::Closed { failures } if failures + 1 < FAILURES_MAX => {
                let failures = failures + 1;
                self.state = State::Closed { failures };
                return None;
            }
            State::Closed { failures } => (failures + 1, PAUSE_MIN),
            // Others that were on their way when it opened say nothing new.
            State::Open { .. } if pass == Pass::Plain => return None,
            State::Open { failures, pause, .. } => (failures.saturating_add(1), (*pause * 2).min(PAUSE_MAX)),
        };
        self.state = State::Open {
            failures,
            until: now + pause,
            pause,
            probe_until: None,
        };
        Some(pause)
    }
}

/// Failures in a row, of all callers together, after which an account is left alone: more than one call makes.
pub(super) const FAILURES_MAX: u32 = 10;
const PAUSE_MIN: Duration = Duration::from_secs(5);
/// Longer only makes callers wait after the service is back.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// While a probe is on its way.
const PROBE_PAUSE: Duration = Duration::from_secs(1);
/// No exchange takes longer until its head is there; a probe that never reports must not be the last.
const PROBE_PATIENCE: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES_MAX {
            let pass = breaker.admit(at(0)).unwrap();
            assert_eq!(breaker.failed(pass, at(0)), None);
        }
        assert_eq!(breaker.failed(Pass::Plain, at(0)), Some(PAUSE_MIN));
        breaker
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            for _ in 1..FAILURES_MAX {
                assert_eq!(breaker.failed(Pass::Plain, at(0)), None);
            }
            assert!(!breaker.succeeded());
        }
        assert_eq!(breaker.admit(at(0)), Ok(Pass::Plain));
    }

    #[test]
    fn an_open_one_says_when_it_tries_next_and_lets_one_probe_through() {
        let mut breaker = opened();
        let held = |seconds| {
            Err(Held {
                failures: FAILURES_MAX,
                after: Duration::from_secs(seconds),
            })
        };
        assert_eq!(breaker.admit(at(0)), held(5));
        assert_eq!(breaker.admit(at(4)), held(1));
        assert_eq!(breaker.admit(at(5)), Ok(Pass::Probe));
        assert_eq!(breaker.admit(at(5)), held(1), "one is on its way");
        assert!(breaker.succeeded());
        assert_eq!(breaker.admit(at(6)), Ok(Pass::Plain));
    }

    #[test]
    fn probes_that_fail_come_after_longer_and_longer_pauses() {
        let mut breaker = opened();
        let (mut now, mut pauses) = (5, Vec::new());
        for _ in 0..5 {
            let pass = breaker.admit(at(now)).unwrap();
            // One that was under way since before it opened changes nothing.
            assert_eq!(breaker.failed(Pass::Plain, at(now)), None);
            let pause = breaker.failed(pass, at(now)).unwrap().as_secs();
            pauses.push(pause);
            now += pause;
        }
        assert_eq!(pauses, [10, 20, 30, 30, 30]);
    }

    #[test]
    fn a_probe_that_never_reports_is_not_the_last() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(at(5)), Ok(Pass::Probe));
        assert!(breaker.admit(at(94)).is_err());
        assert_eq!(breaker.admit(at(95)), Ok(Pass::Probe));
    }
}
