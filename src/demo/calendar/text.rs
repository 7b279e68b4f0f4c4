//! Dates, times and timestamps as text, in the forms that Snowflake writes and recognises without a format.

use std::fmt::Write as _;

use super::{Civil, DAY_MICROS};

/// A timestamp as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::demo) struct Written {
    /// Microseconds of the wall clock since 1970-01-01.
    pub(in crate::demo) micros: i64,
    /// Minutes east of UTC, where the text says it.
    pub(in crate::demo) offset: Option<i64>,
}

impl Written {
    /// The instant, taking UTC where no offset was written.
    pub(in crate::demo) fn instant(self) -> i64 {
        self.micros - self.offset.unwrap_or_default() * 60_000_000
    }
}

/// Appends `2026-01-02`.
pub(in crate::demo) fn write_date(days: i64, into: &mut String) {
    let Civil { year, month, day } = Civil::from_days(days);
    let _ = write!(into, "{year:04}-{month:02}-{day:02}");
}

/// Appends `03:04:05` and the fraction, if there is one, without trailing zeros.
pub(in crate::demo) fn write_time(micros: i64, into: &mut String) {
    let seconds = micros / 1_000_000;
    let _ = write!(
        into,
        "{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    );
    let fraction = micros % 1_000_000;
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        let _ = write!(into, ".{}", digits.trim_end_matches('0'));
    }
}

/// Appends a timestamp with `separator` between date and time.
pub(in crate::demo) fn write_timestamp(micros: i64, separator: char, into: &mut String) {
    write_date(micros.div_euclid(DAY_MICROS), into);
    into.push(separator);
    write_time(micros.rem_euclid(DAY_MICROS), into);
}

/// Days of the date in `text`; a time behind it is allowed and dropped, as Snowflake's TO_DATE does.
pub(in crate::demo) fn parse_date(text: &str) -> Option<i64> {
    Some(parse_timestamp(text)?.micros.div_euclid(DAY_MICROS))
}

/// The timestamp in `text`: a date, then a time if there is one, then an offset if there is one. A number counts
/// seconds (or milliseconds, microseconds, nanoseconds by its size) since 1970.
pub(in crate::demo) fn parse_timestamp(text: &str) -> Option<Written> {
    let text = text.trim();
    if let Ok(count) = text.parse::<i64>() {
        return Some(Written {
            micros: epoch_micros(count)?,
            offset: None,
        });
    }
    let (days, rest) = date_prefix(text)?;
    let rest = rest.strip_prefix('T').unwrap_or(rest).trim_start();
    let (time, offset) = if rest.is_empty() {
        (0, None)
    } else {
        time_and_offset(rest)?
    };
    Some(Written {
        micros: days * DAY_MICROS + time,
        offset,
    })
}

/// Microseconds since midnight of the time in `text`.
pub(in crate::demo) fn parse_time(text: &str) -> Option<i64> {
    match time_and_offset(text.trim())? {
        (time, None) => Some(time),
        _ => None,
    }
}

/// A count since 1970, its unit told by its size: Snowflake's rule for strings of digits.
pub(in crate::demo) fn epoch_micros(count: i64) -> Option<i64> {
    let magnitude = count.unsigned_abs();
    match magnitude {
        0..31_536_000_000 => count.checked_mul(1_000_000),
        31_536_000_000..31_536_000_000_000 => count.checked_mul(1_000),
        31_536_000_000_000..31_536_000_000_000_000 => Some(count),
        _ => Some(count.div_euclid(1_000)),
    }
}

/// The three letters of a month, in any case: 1 to 12.
pub(in crate::demo) fn month_of(name: &str) -> Option<i64> {
    let position = MONTHS.iter().position(|month| {
        name.len() >= 3 && month[..3].eq_ignore_ascii_case(name.get(..3).unwrap_or_default())
    })?;
    i64::try_from(position + 1).ok()
}

/// Full names; the first three letters are the short ones.
pub(in crate::demo) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Monday first.
pub(in crate::demo) const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// `2026-01-02`, `01/02/2026` or `02-JAN-2026` at the start of `text`, and what follows.
fn date_prefix(text: &str) -> Option<(i64, &str)> {
    let end = text
        .find(['T', ' '])
        .filter(|end| text[..*end].contains(['-', '/']))
        .unwrap_or(text.len());
    let (date, rest) = (&text[..end], &text[end..]);
    let mut parts = date.splitn(3, ['-', '/']);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    let civil = if date.contains('/') {
        Civil::valid(digits(third, 4, 4)?, digits(first, 1, 2)?, digits(second, 1, 2)?)?
    } else if let Some(year) = digits(first, 4, 4) {
        Civil::valid(year, digits(second, 1, 2)?, digits(third, 1, 2)?)?
    } else {
        let month = second
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic())
            .then(|| month_of(second))??;
        Civil::valid(digits(third, 4, 4)?, month, digits(first, 1, 2)?)?
    };
    Some((civil.to_days(), rest))
}

fn digits(text: &str, min: usize, max: usize) -> Option<i64> {
    let valid = (min..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| text.parse().ok())?
}

/// `HH:MM[:SS[.fraction]]` and an offset (`Z`, `+01:00`, `+0100`, ` +01`).
fn time_and_offset(text: &str) -> Option<(i64, Option<i64>)> {
    let end = text.find(['+', '-', 'Z', ' ']).unwrap_or(text.len());
    let (clock, zone) = (&text[..end], text[end..].trim());
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (digits(parts.next()?, 1, 2)?, digits(parts.next()?, 1, 2)?);
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
            (digits(whole, 1, 2)?, fraction_micros(fraction)?)
        }
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = if zone.is_empty() {
        None
    } else {
        Some(offset_minutes(zone)?)
    };
    Some((
        ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction,
        offset,
    ))
}

/// Digits behind the point as microseconds; what is below a microsecond is cut, as every cast to a lower scale does.
pub(in crate::demo) fn fraction_micros(fraction: &str) -> Option<i64> {
    if fraction.is_empty() {
        return Some(0);
    }
    digits(fraction, 1, 9)?;
    let mut padded = fraction.to_owned();
    while padded.len() < 6 {
        padded.push('0');
    }
    padded[..6].parse().ok()
}

/// Minutes east of UTC in `Z`, `+01:00`, `+0100` or `+01`.
pub(in crate::demo) fn offset_minutes(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") || zone.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match zone[1..].split_once(':') {
        Some((hours, minutes)) => (digits(hours, 1, 2)?, digits(minutes, 2, 2)?),
        None if zone.len() == 5 => (digits(zone.get(1..3)?, 2, 2)?, digits(zone.get(3..5)?, 2, 2)?),
        None => (digits(&zone[1..], 1, 2)?, 0),
    };
    (hours <= 14 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(micros: i64) -> String {
        let mut text = String::new();
        write_timestamp(micros, 'T', &mut text);
        text
    }

    #[test]
    fn what_is_written_is_recognised_again() {
        let check = |text: &str, expected: Option<&str>| {
            let parsed = parse_timestamp(text).map(|written| shown(written.micros));
            assert_eq!(parsed.as_deref(), expected, "{text}");
        };
        check("2026-01-02T03:04:05.678", Some("2026-01-02T03:04:05.678"));
        check("2026-01-02 03:04", Some("2026-01-02T03:04:00"));
        check(" 2026-1-2 ", Some("2026-01-02T00:00:00"));
        check("01/02/2026 10:00:00", Some("2026-01-02T10:00:00"));
        check("02-JAN-2026", Some("2026-01-02T00:00:00"));
        check("1700000000", Some("2023-11-14T22:13:20"));
        check("1700000000123", Some("2023-11-14T22:13:20.123"));
        check("0001-01-01", Some("0001-01-01T00:00:00"));
        check("2026-02-30", None);
        check("2026-01-02T25:00:00", None);
        check("tomorrow", None);
        check("", None);
        check("2026-01-02x", None);
        check("é-02-03", None);
    }

    #[test]
    fn offsets_move_the_instant_and_not_the_wall_clock() {
        let written = parse_timestamp("2026-01-02T03:04:05+02:00").unwrap();
        assert_eq!(shown(written.micros), "2026-01-02T03:04:05");
        assert_eq!(shown(written.instant()), "2026-01-02T01:04:05");
        assert_eq!(parse_timestamp("2026-01-02T03:04:05Z").unwrap().offset, Some(0));
        assert_eq!(
            parse_timestamp("2026-01-02 03:04:05 -0800").unwrap().offset,
            Some(-480)
        );
        assert_eq!(parse_timestamp("2026-01-02T03:04:05+1x"), None);
    }

    #[test]
    fn times_have_no_zone() {
        assert_eq!(parse_time("01:02:03.5"), Some(3_723_500_000));
        assert_eq!(parse_time("24:00"), None);
        assert_eq!(parse_time("01:02Z"), None);
    }
}
