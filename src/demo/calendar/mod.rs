//! The proleptic Gregorian calendar as plain numbers: days and microseconds since 1970-01-01.
//!
//! Knows no SQL. The rules are Snowflake's defaults: weeks start on Monday, WEEK is the ISO week, DAYOFWEEK counts from
//! Sunday = 0, adding months keeps the day or takes the month's last one.

pub(super) mod part;
pub(super) mod pattern;
pub(super) mod text;

use super::fault::{Fault, Outcome};
pub(super) use part::Part;

/// Microseconds of a day.
pub(super) const DAY_MICROS: i64 = 86_400_000_000;

/// 0001-01-01 and 9999-12-31, what Snowflake's four-digit years can say.
const DAYS_MIN: i64 = -719_162;
const DAYS_MAX: i64 = 2_932_896;

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
}

impl Civil {
    /// The day `days` after 1970-01-01. Any number is a day: years beyond four digits are negative or long.
    pub(super) fn from_days(days: i64) -> Self {
        // Eras of 400 years (146,097 days) that start on 1 March, so that the leap day ends them.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }

    /// Days since 1970-01-01.
    pub(super) fn to_days(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let month_from_march = if self.month > 2 {
            self.month - 3
        } else {
            self.month + 9
        };
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    /// The day, if the calendar has it and Snowflake can say it.
    pub(super) fn valid(year: i64, month: i64, day: i64) -> Option<Self> {
        let valid = (1..=9_999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_of_month(year, month)).contains(&day);
        valid.then_some(Self { year, month, day })
    }
}

/// Days of a month, 28 to 31.
pub(super) fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Monday = 0 to Sunday = 6.
pub(super) fn weekday(days: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    (days + 3).rem_euclid(7)
}

/// ISO 8601 year and week.
pub(super) fn iso_week(days: i64) -> (i64, i64) {
    // A week belongs to the year of its Thursday.
    let thursday = days - weekday(days) + 3;
    let year = Civil::from_days(thursday).year;
    let first = Civil {
        year,
        month: 1,
        day: 1,
    }
    .to_days();
    (year, (thursday - first) / 7 + 1)
}

/// Day of the year, from 1.
pub(super) fn day_of_year(days: i64) -> i64 {
    let year = Civil::from_days(days).year;
    days - Civil {
        year,
        month: 1,
        day: 1,
    }
    .to_days()
        + 1
}

/// The last day of the month of `days`.
pub(super) fn last_of_month(days: i64) -> i64 {
    let civil = Civil::from_days(days);
    days - civil.day + days_of_month(civil.year, civil.month)
}

/// `days` moved by months; a day that the month does not have becomes its last.
pub(super) fn add_months(days: i64, months: i64) -> Outcome<i64> {
    let civil = Civil::from_days(days);
    let month_count = (civil.year * 12 + civil.month - 1)
        .checked_add(months)
        .filter(|count| (12..120_000).contains(count))
        .ok_or_else(out_of_calendar)?;
    let (year, month) = (month_count.div_euclid(12), month_count.rem_euclid(12) + 1);
    let day = civil.day.min(days_of_month(year, month));
    Ok(Civil { year, month, day }.to_days())
}

/// Refuses what four-digit years cannot say.
pub(super) fn check_days(days: i64) -> Outcome<i64> {
    if (DAYS_MIN..=DAYS_MAX).contains(&days) {
        Ok(days)
    } else {
        Err(out_of_calendar())
    }
}

/// As [`check_days`], for microseconds.
pub(super) fn check_micros(micros: i64) -> Outcome<i64> {
    check_days(micros.div_euclid(DAY_MICROS)).map(|_| micros)
}

/// The error of a date that no year of four digits has.
pub(super) fn out_of_calendar() -> Fault {
    Fault::invalid_argument("Date or timestamp is out of the range 0001-01-01 to 9999-12-31")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_agree_with_another_implementation() {
        let day = |year, month, day| Civil { year, month, day }.to_days();
        // Two whole cycles of 400 years, and both ends of the calendar.
        let ranges = [
            DAYS_MIN..=DAYS_MIN + 800,
            day(1600, 1, 1)..=day(2400, 12, 31),
            DAYS_MAX - 800..=DAYS_MAX,
        ];
        for days in ranges.into_iter().flatten() {
            let date = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(days);
            let civil = Civil::from_days(days);
            let expected = (
                i64::from(date.year()),
                i64::from(date.month()),
                i64::from(date.day()),
            );
            assert_eq!((civil.year, civil.month, civil.day), expected);
            assert_eq!(civil.to_days(), days);
            if days % 5 == 0 {
                assert_eq!(weekday(days), i64::from(date.weekday().to_monday_zero_offset()));
                let week = date.iso_week_date();
                assert_eq!(iso_week(days), (i64::from(week.year()), i64::from(week.week())));
                assert_eq!(day_of_year(days), i64::from(date.day_of_year()));
            }
        }
    }

    #[test]
    fn the_31st_plus_a_month_is_the_last_of_the_next() {
        let day = |year, month, day| Civil { year, month, day }.to_days();
        assert_eq!(add_months(day(2024, 1, 31), 1), Ok(day(2024, 2, 29)));
        assert_eq!(add_months(day(2024, 3, 31), -13), Ok(day(2023, 2, 28)));
        assert_eq!(add_months(day(2024, 2, 29), 12), Ok(day(2025, 2, 28)));
        assert!(add_months(day(2024, 1, 1), i64::MAX).is_err());
        assert!(add_months(day(2024, 1, 1), 12 * 9_000).is_err());
    }

    #[test]
    fn a_day_that_no_month_has_is_no_day() {
        assert!(Civil::valid(2023, 2, 29).is_none());
        assert!(Civil::valid(2024, 2, 29).is_some());
        assert!(Civil::valid(2024, 13, 1).is_none());
        assert!(Civil::valid(10_000, 1, 1).is_none());
    }
}
