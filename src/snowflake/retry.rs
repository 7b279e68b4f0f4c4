//! Which failures pass, and how long to wait for that. Pure: chance is an argument, time is a duration.
//!
//! It does not repeat anything itself. Whether a POST may be repeated is the caller's knowledge (it may, with the
//! same request id and `retry=true`).

use std::time::Duration;

use crate::time::WallTime;

/// A failure that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The request was not sent: too many before it failed, and the account is left alone for a while.
    Held,
    /// The request cannot have arrived.
    NotSent,
    /// The request may have arrived; the answer did not.
    Lost,
    /// An answer came and cannot be read.
    Garbled,
    /// HTTP 429: Snowflake did not look at it.
    TooMany,
    /// HTTP 5xx: somebody on the way, or Snowflake itself, failed.
    ServerError,
}

impl Failure {
    /// The failure that an HTTP status stands for, if it may pass.
    ///
    /// 408 is none: in this API it is a statement that reached its timeout.
    pub(super) const fn of_status(status: u16) -> Option<Self> {
        match status {
            429 => Some(Self::TooMany),
            // 501 and 505 say that the request will never work.
            500 | 502..=504 | 506..=599 => Some(Self::ServerError),
            _ => None,
        }
    }

    /// Whether the request may have had its effect.
    pub(super) const fn may_have_run(self) -> bool {
        match self {
            Self::Held | Self::NotSent | Self::TooMany => false,
            Self::Lost | Self::Garbled | Self::ServerError => true,
        }
    }

    /// Whether the other side, or the way to it, is at fault rather than this one request.
    pub(super) const fn is_outage(self) -> bool {
        matches!(self, Self::NotSent | Self::Lost | Self::ServerError)
    }

    /// How often an exchange is made at most while it fails so.
    pub(super) const fn attempts_max(self) -> u32 {
        match self {
            // Whoever waits for nothing that runs is told at once.
            Self::Held => 1,
            // A wrong host name or a broken answer stays so more often than an overload does.
            Self::NotSent | Self::Garbled => 3,
            Self::Lost | Self::TooMany | Self::ServerError => ATTEMPTS_MAX,
        }
    }
}

/// Counts the failures of one exchange and spaces its repetitions: exponential with decorrelated jitter, so that
/// callers who failed together do not come back together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Retries {
    failures: u32,
    waited: Duration,
    held: Duration,
}

impl Retries {
    /// How long to wait before the next attempt; `None` when there shall be none.
    ///
    /// A `retry_after` that the other side asked for is honoured; one beyond [`RETRY_AFTER_MAX`] means giving up.
    pub(super) fn after(
        &mut self,
        failure: Failure,
        retry_after: Option<Duration>,
        random: u64,
    ) -> Option<Duration> {
        self.failures += 1;
        let asked = retry_after.unwrap_or_default();
        if self.failures >= failure.attempts_max() || asked > RETRY_AFTER_MAX {
            return None;
        }
        let ceiling = (self.waited * 3).clamp(BACKOFF_BASE, BACKOFF_MAX);
        let span = u64::try_from((ceiling - BACKOFF_BASE).as_micros()).unwrap_or(u64::MAX);
        self.waited = BACKOFF_BASE + Duration::from_micros(random % span.saturating_add(1));
        Some(self.waited.max(asked))
    }

    /// How long to wait, with something at stake, for an account that is left alone for `pause`; `None` when that has
    /// lasted too long. Nobody was asked, so no failure is counted.
    pub(super) fn while_held(&mut self, pause: Duration, random: u64) -> Option<Duration> {
        // Who waits together shall not come back in the same moment.
        let after = pause + Duration::from_millis(random % HELD_SPREAD_MS);
        self.held += after;
        (self.held <= HELD_MAX).then_some(after)
    }

    /// Forgets: an answer came.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Failures since the last answer.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date. Fractions are not in the RFC, but are met.
pub(super) fn parse_retry_after(text: &str, now: WallTime) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = parse_http_date(text)?;
    Some(Duration::from_micros(
        date.as_micros().saturating_sub(now.as_micros()),
    ))
}

/// Reads an HTTP date (RFC 9110 section 5.6.7).
pub(super) fn parse_http_date(text: &str) -> Option<WallTime> {
    let timestamp = jiff::fmt::rfc2822::DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(text.trim())
        .ok()?;
    let micros = u64::try_from(timestamp.as_microsecond()).ok()?;
    Some(WallTime::from_micros(micros))
}

/// The official driver's number: about half a minute of patience in all.
pub(super) const ATTEMPTS_MAX: u32 = 6;
/// The official driver's: less hammers a service that recovers.
const BACKOFF_BASE: Duration = Duration::from_millis(250);
/// The official driver's: more only makes a caller wait after the service is back.
const BACKOFF_MAX: Duration = Duration::from_secs(16);
/// Nobody waits longer than a minute inside one call: then the caller is told, with the time that was asked for.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// A statement that runs waits so long for an account that is left alone.
const HELD_MAX: Duration = Duration::from_secs(120);
const HELD_SPREAD_MS: u64 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_overload_and_server_errors_pass() {
        assert_eq!(Failure::of_status(429), Some(Failure::TooMany));
        for status in [500, 502, 503, 504, 522] {
            assert_eq!(Failure::of_status(status), Some(Failure::ServerError), "{status}");
        }
        for status in [200, 202, 307, 400, 401, 403, 404, 405, 408, 415, 422, 501, 505] {
            assert_eq!(Failure::of_status(status), None, "{status}");
        }
    }

    #[test]
    fn a_failure_says_whether_a_statement_may_run() {
        assert!(!Failure::Held.may_have_run());
        assert!(!Failure::NotSent.may_have_run());
        assert!(!Failure::TooMany.may_have_run());
        assert!(Failure::Lost.may_have_run());
        assert!(Failure::ServerError.may_have_run());
        assert!(Failure::Garbled.may_have_run());
    }

    #[test]
    fn the_sixth_failure_is_the_last() {
        let mut retries = Retries::default();
        let waits: Vec<_> = (0..6)
            .map(|_| retries.after(Failure::ServerError, None, u64::MAX))
            .collect();
        assert!(waits[..5].iter().all(Option::is_some));
        assert_eq!(waits[5], None);
        retries.reset();
        assert!(retries.after(Failure::ServerError, None, 0).is_some());
        let mut unsent = Retries::default();
        assert!(unsent.after(Failure::NotSent, None, 0).is_some());
        assert!(unsent.after(Failure::NotSent, None, 0).is_some());
        assert_eq!(unsent.after(Failure::NotSent, None, 0), None);
    }

    #[test]
    fn waits_stay_between_base_and_cap_and_grow_three_fold_at_most() {
        for seed in 0..200_u64 {
            let mut retries = Retries::default();
            let mut before = Duration::from_millis(250);
            for step in 0..5_u64 {
                let random = (seed * 31 + step).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let wait = retries.after(Failure::Lost, None, random).unwrap();
                assert!(wait >= BACKOFF_BASE && wait <= BACKOFF_MAX, "{wait:?}");
                assert!(wait <= before * 3, "{wait:?} after {before:?}");
                before = wait;
            }
        }
    }

    #[test]
    fn a_held_exchange_fails_at_once_or_waits_for_two_minutes() {
        let mut retries = Retries::default();
        assert_eq!(retries.after(Failure::Held, None, 0), None);
        let mut retries = Retries::default();
        let waits = (0..100).map_while(|_| retries.while_held(Duration::from_secs(10), 7));
        assert_eq!(
            waits.count(),
            11,
            "what is waited for comes to less than two minutes"
        );
        assert_eq!(retries.failures(), 0);
    }

    #[test]
    fn what_the_other_side_asks_for_is_honoured_up_to_a_minute() {
        let mut retries = Retries::default();
        let asked = Some(Duration::from_secs(7));
        assert_eq!(
            retries.after(Failure::TooMany, asked, 0),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            retries.after(Failure::TooMany, Some(Duration::from_millis(1)), 0),
            Some(BACKOFF_BASE),
            "asking for less than the backoff does not shorten it"
        );
        let long = Some(Duration::from_secs(61));
        assert_eq!(retries.after(Failure::TooMany, long, 0), None);
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = WallTime::from_micros(784_111_777_000_000);
        let check = |text, expected: Option<f64>| {
            assert_eq!(
                parse_retry_after(text, now).map(|wait| wait.as_secs_f64()),
                expected,
                "{text}"
            );
        };
        check("3", Some(3.0));
        check(" 0.5 ", Some(0.5));
        check("Sun, 06 Nov 1994 08:49:47 GMT", Some(10.0));
        check("Sun, 06 Nov 1994 08:49:07 GMT", Some(0.0));
        check("-1", None);
        check("soon", None);
        check("inf", None);
        check("", None);
    }
}
