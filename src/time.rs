//! Time as data: a monotonic [`Instant`] for deadlines and a [`WallTime`] for what people and tokens read.
//!
//! The core never asks for the time. A world reads its [`Clock`] once a turn and passes [`Now`] down, so a test
//! or the simulator decides what time it is. [`SystemClock`] is the only place in the program that calls `now()`.

use std::time::Duration;

/// A point on the monotonic clock: microseconds since the world was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Instant(u64);

impl Instant {
    /// The moment the world was made.
    pub const ZERO: Self = Self(0);

    /// The point `micros` microseconds after the world was made.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the world was made.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to this point; zero if `earlier` is later (never a panic: a simulated clock may be odd).
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The earlier of two points that there may be.
    pub fn earlier(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;

    /// Saturates: a deadline too far to be counted is a deadline that never comes.
    fn add(self, duration: Duration) -> Self {
        // Several times a request, so without the 128 bits of `as_micros`.
        let whole = duration.as_secs().saturating_mul(1_000_000);
        let micros = whole.saturating_add(u64::from(duration.subsec_micros()));
        Self(self.0.saturating_add(micros))
    }
}

/// Wall-clock time: microseconds since 1970-01-01T00:00:00Z. Never used to measure how long something took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct WallTime(u64);

impl WallTime {
    /// The time `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn as_seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Reads RFC 3339 (`2027-01-31T00:00:00Z`, or with an offset); `None` for other texts and times before 1970.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let timestamp: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(timestamp.as_microsecond()).ok().map(Self)
    }

    fn timestamp(self) -> jiff::Timestamp {
        // 2^63 microseconds are 292,000 years: only a broken clock gets there, and then any date will do.
        i64::try_from(self.0)
            .ok()
            .and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok())
            .unwrap_or(jiff::Timestamp::MAX)
    }

    /// The same without the part of a second.
    #[must_use]
    pub const fn to_whole_second(self) -> Self {
        Self(self.as_seconds() * 1_000_000)
    }

    /// `2026-11-22T10:00:00.123456Z` (RFC 3339).
    pub fn to_rfc3339(self) -> String {
        self.timestamp().to_string()
    }

    /// `2026-11-22 10:00:00 UTC`, the form of the program that this one replaces.
    pub fn to_utc_text(self) -> String {
        self.timestamp().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }

    /// `Sun, 22 Nov 2026 10:00:00 GMT` (IMF-fixdate, RFC 9110 section 5.6.7), for the `Date` header.
    pub fn to_http_date(self) -> String {
        self.timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

/// Both clocks, read together once a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For deadlines and durations.
    pub monotonic: Instant,
    /// For dates that leave the program.
    pub wall: WallTime,
}

/// Where a world gets its time from.
pub trait Clock {
    /// Both clocks at this moment. `monotonic` never goes back; `wall` may jump.
    fn now(&self) -> Now;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic zero is now. Copies share that zero, so workers and reactor agree.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clocks"
    )]
    #[allow(
        clippy::new_without_default,
        reason = "a default that reads the clock would hide the zero"
    )]
    pub fn new() -> Self {
        Self {
            start: std::time::Instant::now(),
        }
    }
}

impl SystemClock {
    /// The monotonic clock alone, for who needs no date.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clocks"
    )]
    pub fn monotonic(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }
}

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clocks"
    )]
    fn now(&self) -> Now {
        let monotonic = self.monotonic();
        let wall = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            monotonic,
            wall: WallTime((Instant::ZERO + wall).as_micros()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_in_the_three_forms() {
        let wall = WallTime::from_micros(784_111_777_000_000);
        assert_eq!(wall.to_http_date(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wall.to_rfc3339(), "1994-11-06T08:49:37Z");
        assert_eq!(wall.to_utc_text(), "1994-11-06 08:49:37 UTC");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let wall = WallTime::from_micros(784_111_777_000_000);
        assert_eq!(WallTime::parse_rfc3339(&wall.to_rfc3339()), Some(wall));
        assert_eq!(WallTime::parse_rfc3339("1994-11-06T09:49:37+01:00"), Some(wall));
        for wrong in ["", "tomorrow", "1994-11-06", "1969-12-31T23:59:59Z"] {
            assert_eq!(WallTime::parse_rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_clock_beyond_the_calendar_still_writes_a_date() {
        assert!(WallTime::from_micros(u64::MAX).to_http_date().ends_with("GMT"));
    }

    #[test]
    fn deadlines_saturate() {
        assert_eq!((Instant::from_micros(1) + Duration::MAX).as_micros(), u64::MAX);
        assert_eq!(Instant::ZERO.since(Instant::from_micros(5)), Duration::ZERO);
    }
}
