//! Parts of a date or time (year, week, hour, …) and the four things that SQL does with them: take, add, truncate and
//! count boundaries.

use super::{
    Civil, DAY_MICROS, add_months, check_micros, day_of_year, iso_week, last_of_month, out_of_calendar,
    weekday,
};
use crate::demo::fault::Outcome;

/// A part of a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::demo) enum Part {
    Year,
    Quarter,
    Month,
    /// Week, also the ISO week: the same under Snowflake's defaults.
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    // Only taken, never added or truncated to.
    DayOfWeek,
    DayOfWeekIso,
    DayOfYear,
    YearOfWeek,
    EpochSecond,
    EpochMillisecond,
    EpochMicrosecond,
    EpochNanosecond,
}

impl Part {
    /// Every part, in the order of its code.
    const ALL: [Self; 19] = [
        Self::Year,
        Self::Quarter,
        Self::Month,
        Self::Week,
        Self::Day,
        Self::Hour,
        Self::Minute,
        Self::Second,
        Self::Millisecond,
        Self::Microsecond,
        Self::Nanosecond,
        Self::DayOfWeek,
        Self::DayOfWeekIso,
        Self::DayOfYear,
        Self::YearOfWeek,
        Self::EpochSecond,
        Self::EpochMillisecond,
        Self::EpochMicrosecond,
        Self::EpochNanosecond,
    ];

    /// The part that a statement names, in any of Snowflake's spellings.
    pub(in crate::demo) fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "year" | "y" | "yy" | "yyy" | "yyyy" | "yr" | "years" | "yrs" => Self::Year,
            "quarter" | "q" | "qtr" | "qtrs" | "quarters" => Self::Quarter,
            "month" | "mm" | "mon" | "mons" | "months" => Self::Month,
            "week" | "w" | "wk" | "weekofyear" | "woy" | "wy" | "weeks" | "week_iso" | "weekiso"
            | "weekofyeariso" | "weekofyear_iso" => Self::Week,
            "day" | "d" | "dd" | "days" | "dayofmonth" => Self::Day,
            "hour" | "h" | "hh" | "hr" | "hours" | "hrs" => Self::Hour,
            "minute" | "m" | "mi" | "min" | "minutes" | "mins" => Self::Minute,
            "second" | "s" | "sec" | "seconds" | "secs" => Self::Second,
            "millisecond" | "ms" | "msec" | "milliseconds" => Self::Millisecond,
            "microsecond" | "us" | "usec" | "microseconds" => Self::Microsecond,
            "nanosecond" | "ns" | "nsec" | "nanosec" | "nsecond" | "nanoseconds" | "nanosecs"
            | "nseconds" => Self::Nanosecond,
            "dayofweek" | "weekday" | "dow" | "dw" => Self::DayOfWeek,
            "dayofweekiso" | "weekday_iso" | "dow_iso" | "dw_iso" | "dayofweek_iso" => Self::DayOfWeekIso,
            "dayofyear" | "yearday" | "doy" | "dy" => Self::DayOfYear,
            "yearofweek" | "yearofweekiso" => Self::YearOfWeek,
            "epoch_second" | "epoch" | "epoch_seconds" => Self::EpochSecond,
            "epoch_millisecond" | "epoch_milliseconds" => Self::EpochMillisecond,
            "epoch_microsecond" | "epoch_microseconds" => Self::EpochMicrosecond,
            "epoch_nanosecond" | "epoch_nanoseconds" => Self::EpochNanosecond,
            _ => return None,
        })
    }

    /// A number for the part, to be passed through SQL.
    pub(in crate::demo) fn code(self) -> usize {
        Self::ALL
            .iter()
            .position(|part| *part == self)
            .unwrap_or_default()
    }

    /// The part of a [`Part::code`].
    pub(in crate::demo) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }

    /// Whether the part can be added, truncated to and counted.
    pub(in crate::demo) const fn is_unit(self) -> bool {
        !matches!(
            self,
            Self::DayOfWeek
                | Self::DayOfWeekIso
                | Self::DayOfYear
                | Self::YearOfWeek
                | Self::EpochSecond
                | Self::EpochMillisecond
                | Self::EpochMicrosecond
                | Self::EpochNanosecond
        )
    }

    /// Whether the part is shorter than a day: a DATE plus such a part is a timestamp.
    pub(in crate::demo) const fn is_of_time(self) -> bool {
        self.unit_micros().is_some()
    }

    /// Microseconds of a part of time. A nanosecond is below what is kept and has none of its own.
    const fn unit_micros(self) -> Option<i64> {
        match self {
            Self::Hour => Some(3_600_000_000),
            Self::Minute => Some(60_000_000),
            Self::Second => Some(1_000_000),
            Self::Millisecond => Some(1_000),
            Self::Microsecond => Some(1),
            Self::Nanosecond => Some(0),
            _ => None,
        }
    }

    /// The part of the point `micros` after 1970-01-01.
    pub(in crate::demo) fn take(self, micros: i64) -> i64 {
        let (days, time) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
        let civil = Civil::from_days(days);
        match self {
            Self::Year => civil.year,
            Self::Quarter => (civil.month - 1) / 3 + 1,
            Self::Month => civil.month,
            Self::Week => iso_week(days).1,
            Self::Day => civil.day,
            Self::Hour => time / 3_600_000_000,
            Self::Minute => time / 60_000_000 % 60,
            Self::Second => time / 1_000_000 % 60,
            Self::Millisecond => time / 1_000 % 1_000,
            Self::Microsecond => time % 1_000_000,
            Self::Nanosecond => time % 1_000_000 * 1_000,
            Self::DayOfWeek => (weekday(days) + 1) % 7,
            Self::DayOfWeekIso => weekday(days) + 1,
            Self::DayOfYear => day_of_year(days),
            Self::YearOfWeek => iso_week(days).0,
            Self::EpochSecond => micros.div_euclid(1_000_000),
            Self::EpochMillisecond => micros.div_euclid(1_000),
            Self::EpochMicrosecond => micros,
            Self::EpochNanosecond => micros.saturating_mul(1_000),
        }
    }

    /// `micros` moved by `count` of this part.
    pub(in crate::demo) fn add(self, micros: i64, count: i64) -> Outcome<i64> {
        let months = match self {
            Self::Year => Some(12),
            Self::Quarter => Some(3),
            Self::Month => Some(1),
            _ => None,
        };
        if let Some(months) = months {
            let (days, time) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
            let moved = add_months(days, count.checked_mul(months).ok_or_else(out_of_calendar)?)?;
            return Ok(moved * DAY_MICROS + time);
        }
        let moved = match self {
            Self::Week => count.checked_mul(7 * DAY_MICROS),
            Self::Day => count.checked_mul(DAY_MICROS),
            Self::Nanosecond => Some(count.div_euclid(1_000)),
            _ => count.checked_mul(self.unit_micros().unwrap_or_default()),
        };
        moved
            .and_then(|moved| micros.checked_add(moved))
            .ok_or_else(out_of_calendar)
            .and_then(check_micros)
    }

    /// The start of the part that holds `micros`.
    pub(in crate::demo) fn truncate(self, micros: i64) -> i64 {
        if let Some(unit) = self.unit_micros() {
            return if unit == 0 {
                micros
            } else {
                micros - micros.rem_euclid(unit)
            };
        }
        let days = micros.div_euclid(DAY_MICROS);
        let civil = Civil::from_days(days);
        let start = match self {
            Self::Year => Civil {
                month: 1,
                day: 1,
                ..civil
            }
            .to_days(),
            Self::Quarter => Civil {
                month: (civil.month - 1) / 3 * 3 + 1,
                day: 1,
                ..civil
            }
            .to_days(),
            Self::Month => days - civil.day + 1,
            Self::Week => days - weekday(days),
            _ => days,
        };
        start * DAY_MICROS
    }

    /// The last day of the part that holds day `days`.
    pub(in crate::demo) fn last_day(self, days: i64) -> i64 {
        let civil = Civil::from_days(days);
        match self {
            Self::Year => Civil {
                month: 12,
                day: 31,
                ..civil
            }
            .to_days(),
            Self::Quarter => last_of_month(
                Civil {
                    month: (civil.month - 1) / 3 * 3 + 3,
                    day: 1,
                    ..civil
                }
                .to_days(),
            ),
            Self::Week => days - weekday(days) + 6,
            Self::Month => last_of_month(days),
            _ => days,
        }
    }

    /// How many starts of this part lie between the two points: DATEDIFF.
    pub(in crate::demo) fn difference(self, from: i64, to: i64) -> i64 {
        let months = |micros: i64| {
            let civil = Civil::from_days(micros.div_euclid(DAY_MICROS));
            civil.year * 12 + civil.month - 1
        };
        match self {
            Self::Year => months(to).div_euclid(12) - months(from).div_euclid(12),
            Self::Quarter => months(to).div_euclid(3) - months(from).div_euclid(3),
            Self::Month => months(to) - months(from),
            Self::Week => (self.truncate(to) - self.truncate(from)) / (7 * DAY_MICROS),
            Self::Nanosecond => (to - from).saturating_mul(1_000),
            _ => {
                let unit = self.unit_micros().unwrap_or(DAY_MICROS);
                to.div_euclid(unit) - from.div_euclid(unit)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(year: i64, month: i64, day: i64, seconds: i64) -> i64 {
        Civil { year, month, day }.to_days() * DAY_MICROS + seconds * 1_000_000
    }

    #[test]
    fn a_code_leads_back_to_its_part() {
        for part in Part::ALL {
            assert_eq!(Part::from_code(i64::try_from(part.code()).unwrap()), Some(part));
        }
        assert_eq!(Part::from_code(-1), None);
    }

    #[test]
    fn differences_count_boundaries_and_not_lengths() {
        let check =
            |part: Part, from, to, expected| assert_eq!(part.difference(from, to), expected, "{part:?}");
        check(Part::Year, at(2023, 12, 31, 86_399), at(2024, 1, 1, 0), 1);
        check(Part::Month, at(2024, 1, 31, 0), at(2024, 2, 1, 0), 1);
        check(Part::Quarter, at(2024, 3, 31, 0), at(2024, 4, 1, 0), 1);
        check(Part::Week, at(2024, 6, 9, 0), at(2024, 6, 10, 0), 1);
        check(Part::Day, at(2024, 6, 9, 86_399), at(2024, 6, 10, 0), 1);
        check(Part::Day, at(2024, 6, 10, 0), at(2024, 6, 9, 1), -1);
        check(Part::Hour, at(2024, 6, 9, 3_599), at(2024, 6, 9, 3_600), 1);
        check(Part::Second, at(1969, 12, 31, 86_399), at(1970, 1, 1, 0), 1);
        check(Part::Nanosecond, 1, 3, 2_000);
    }

    #[test]
    fn truncation_goes_to_the_start_also_before_1970() {
        assert_eq!(Part::Month.truncate(at(1969, 5, 17, 5)), at(1969, 5, 1, 0));
        assert_eq!(Part::Hour.truncate(-1), -3_600_000_000);
        assert_eq!(Part::Quarter.truncate(at(2024, 8, 9, 1)), at(2024, 7, 1, 0));
        assert_eq!(Part::Week.truncate(at(2024, 6, 9, 1)), at(2024, 6, 3, 0));
    }

    #[test]
    fn sums_leave_the_calendar_with_an_error() {
        assert_eq!(Part::Day.add(at(2024, 2, 28, 7), 2), Ok(at(2024, 3, 1, 7)));
        assert_eq!(Part::Year.add(at(2024, 2, 29, 0), 1), Ok(at(2025, 2, 28, 0)));
        assert!(Part::Day.add(0, i64::MAX).is_err());
        assert!(Part::Day.add(0, 3_000_000).is_err());
        assert!(Part::Year.add(0, i64::MIN).is_err());
    }
}
