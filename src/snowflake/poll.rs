//! How often a running statement is asked whether it has ended. Pure: chance and age are arguments.

use std::time::Duration;

/// When to ask again after `polls` polls of a statement that has been running for `running`.
///
/// Short statements are seen at once; one that has run for a while is asked at a sixtieth of its age.
pub(super) fn interval(polls: u32, running: Duration) -> Duration {
    let first = FIRST_MS.get(polls as usize);
    match first {
        Some(milliseconds) => Duration::from_millis(*milliseconds),
        None => (running / 60).clamp(LONG_MIN, LONG_MAX),
    }
}

/// Spreads the polls of statements that began together; only longer ones, so that short statements stay quick.
pub(super) fn jittered(interval: Duration, random: u64) -> Duration {
    if interval < LONG_MIN {
        return interval;
    }
    let span = u64::try_from((interval / 8).as_micros()).unwrap_or(u64::MAX);
    interval + Duration::from_micros(random % span.max(1))
}

/// The first polls: most statements for people end within the first second.
pub(super) const FIRST_MS: [u64; 5] = [25, 50, 100, 200, 400];
const LONG_MIN: Duration = Duration::from_millis(500);
/// A caller who waited for minutes does not notice two seconds.
const LONG_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_statements_are_asked_often_and_long_ones_at_a_sixtieth_of_their_age() {
        let ms = |polls, running_ms| interval(polls, Duration::from_millis(running_ms)).as_millis();
        let first: Vec<_> = (0..7).map(|polls| ms(polls, 0)).collect();
        assert_eq!(first, [25, 50, 100, 200, 400, 500, 500]);
        assert_eq!(ms(50, 29_000), 500);
        assert_eq!(ms(80, 60_000), 1_000);
        assert_eq!(ms(200, 120_000), 2_000);
        assert_eq!(ms(u32::MAX, 86_400_000), 2_000);
    }

    #[test]
    fn only_long_intervals_are_spread_and_never_shortened() {
        let short = Duration::from_millis(400);
        assert_eq!(jittered(short, u64::MAX), short);
        let long = Duration::from_millis(500);
        for random in [0, 1, 77_777, u64::MAX] {
            let spread = jittered(long, random);
            assert!(spread >= long && spread < long + long / 8, "{spread:?}");
        }
    }
}
