//! Days (`day_`), times and points in time (`time_`, `ts_`), and their parts (`part_`, by [`Part::code`]).

use rusqlite::types::Value;

use super::{Arguments, Scalar, or_null};
use crate::demo::calendar::pattern::Pattern;
use crate::demo::calendar::text::{self, MONTHS, WEEKDAYS, Written};
use crate::demo::calendar::{Civil, DAY_MICROS, Part, add_months, check_days, last_of_month, weekday};
use crate::demo::fault::{Fault, Outcome};

pub(super) const FUNCTIONS: &[Scalar] = &[
    Scalar::new("day_parse", 1, parse_day),
    Scalar::new("day_try_parse", 1, |arguments| or_null(parse_day(arguments))),
    // (text, format).
    Scalar::new("day_parse", 2, parse_day),
    Scalar::new("day_try_parse", 2, |arguments| or_null(parse_day(arguments))),
    Scalar::new("day_text", 1, |arguments| {
        shown(|into| text::write_date(arguments.integer(0).unwrap_or_default(), into))
    }),
    Scalar::new("ts_parse", 1, parse_wall),
    Scalar::new("ts_try_parse", 1, |arguments| or_null(parse_wall(arguments))),
    Scalar::new("ts_parse", 2, parse_wall),
    Scalar::new("ts_try_parse", 2, |arguments| or_null(parse_wall(arguments))),
    // TIMESTAMP_LTZ: a written offset counts.
    Scalar::new("ts_parse_instant", 1, parse_instant),
    Scalar::new("ts_try_parse_instant", 1, |arguments| {
        or_null(parse_instant(arguments))
    }),
    Scalar::new("ts_parse_instant", 2, parse_instant),
    Scalar::new("ts_try_parse_instant", 2, |arguments| {
        or_null(parse_instant(arguments))
    }),
    // (count, fraction digits of a second in it).
    Scalar::new("ts_from_epoch", 2, |arguments| {
        let (count, scale) = (arguments.integer(0)?, arguments.digits(1)?);
        let micros = crate::demo::numeric::rescale(count, scale, 6)?;
        crate::demo::calendar::check_micros(micros).map(Value::Integer)
    }),
    // The day and the time of day of a point in time.
    Scalar::new("ts_day", 1, |arguments| {
        Ok(Value::Integer(arguments.integer(0)?.div_euclid(DAY_MICROS)))
    }),
    Scalar::new("ts_time", 1, |arguments| {
        Ok(Value::Integer(arguments.integer(0)?.rem_euclid(DAY_MICROS)))
    }),
    Scalar::new("time_parse", 1, parse_time),
    Scalar::new("time_try_parse", 1, |arguments| or_null(parse_time(arguments))),
    Scalar::new("time_text", 1, |arguments| {
        shown(|into| text::write_time(arguments.integer(0).unwrap_or_default(), into))
    }),
    // (micros, format).
    Scalar::new("ts_format", 2, |arguments| {
        Ok(Value::Text(
            Pattern::new(arguments.text(1)?).write(arguments.integer(0)?),
        ))
    }),
    // (part, micros).
    Scalar::new("part_take", 2, |arguments| {
        Ok(Value::Integer(part(arguments)?.take(arguments.integer(1)?)))
    }),
    // (part, count, micros).
    Scalar::new("part_add", 3, |arguments| {
        let (count, micros) = (arguments.integer(1)?, arguments.integer(2)?);
        part(arguments)?.add(micros, count).map(Value::Integer)
    }),
    // (part, micros).
    Scalar::new("part_trunc", 2, |arguments| {
        Ok(Value::Integer(part(arguments)?.truncate(arguments.integer(1)?)))
    }),
    // (part, from, to), both micros.
    Scalar::new("part_diff", 3, |arguments| {
        let (from, to) = (arguments.integer(1)?, arguments.integer(2)?);
        Ok(Value::Integer(part(arguments)?.difference(from, to)))
    }),
    // The same for days, because DATE columns are by far the most: (part, …, days).
    Scalar::new("part_take_day", 2, |arguments| {
        Ok(Value::Integer(
            part(arguments)?.take(arguments.integer(1)? * DAY_MICROS),
        ))
    }),
    Scalar::new("part_add_day", 3, |arguments| {
        let (count, days) = (arguments.integer(1)?, check_days(arguments.integer(2)?)?);
        let moved = part(arguments)?.add(days * DAY_MICROS, count)?;
        Ok(Value::Integer(moved.div_euclid(DAY_MICROS)))
    }),
    Scalar::new("part_trunc_day", 2, |arguments| {
        let start = part(arguments)?.truncate(arguments.integer(1)? * DAY_MICROS);
        Ok(Value::Integer(start.div_euclid(DAY_MICROS)))
    }),
    Scalar::new("part_last_day", 2, |arguments| {
        Ok(Value::Integer(part(arguments)?.last_day(arguments.integer(1)?)))
    }),
    Scalar::new("day_name", 1, |arguments| {
        let index = usize::try_from(weekday(arguments.integer(0)?)).unwrap_or_default();
        Ok(Value::Text(WEEKDAYS[index].to_owned()))
    }),
    Scalar::new("day_month_name", 1, |arguments| {
        let month = Civil::from_days(arguments.integer(0)?).month;
        let index = usize::try_from(month - 1).unwrap_or_default();
        Ok(Value::Text(MONTHS[index][..3].to_owned()))
    }),
    // (year, month, day); months and days beyond their range carry over, as in Snowflake.
    Scalar::new("day_from_parts", 3, |arguments| {
        let (year, month, day) = (
            arguments.integer(0)?,
            arguments.integer(1)?,
            arguments.integer(2)?,
        );
        let first = Civil {
            year: 2_000,
            month: 1,
            day: 1,
        }
        .to_days();
        let months = year
            .checked_sub(2_000)
            .and_then(|years| years.checked_mul(12))
            .and_then(|months| months.checked_add(month - 1))
            .ok_or_else(crate::demo::calendar::out_of_calendar)?;
        check_days(add_months(first, months)?.saturating_add(day).saturating_sub(1)).map(Value::Integer)
    }),
    // (later, earlier), both days: whole months between the same days or two ends of months, else a fraction of 31.
    Scalar::new("day_months_between", 2, |arguments| {
        Ok(Value::Real(months_between(
            arguments.integer(0)?,
            arguments.integer(1)?,
        )))
    }),
    // (days, two letters of a weekday, 1 for the next and -1 for the previous).
    Scalar::new("day_seek", 3, |arguments| {
        let (days, name, direction) = (arguments.integer(0)?, arguments.text(1)?, arguments.integer(2)?);
        let wanted = WEEKDAYS
            .iter()
            .position(|weekday| {
                name.get(..2)
                    .is_some_and(|start| weekday[..2].eq_ignore_ascii_case(start))
            })
            .and_then(|index| i64::try_from(index).ok())
            .ok_or_else(|| Fault::invalid_argument(format!("'{name}' is no day of the week")))?;
        let distance = (direction * (wanted - weekday(days)) - 1).rem_euclid(7) + 1;
        Ok(Value::Integer(days + direction * distance))
    }),
];

fn shown(write: impl FnOnce(&mut String)) -> Outcome<Value> {
    let mut text = String::new();
    write(&mut text);
    Ok(Value::Text(text))
}

fn part(arguments: Arguments<'_, '_>) -> Outcome<Part> {
    Part::from_code(arguments.integer(0)?).ok_or_else(|| Fault::Internal("a part without a code".to_owned()))
}

/// The timestamp in the first argument, by the format in the second if there is one.
fn written(arguments: Arguments<'_, '_>, what: &'static str) -> Outcome<Written> {
    let value = arguments.text(0)?;
    let parsed = if arguments.context.len() == 2 {
        match arguments.text(1)? {
            format if format.eq_ignore_ascii_case("auto") => text::parse_timestamp(value),
            format => Pattern::new(format).read(value),
        }
    } else {
        text::parse_timestamp(value)
    };
    parsed.ok_or_else(|| Fault::unrecognised(what, value))
}

fn parse_day(arguments: Arguments<'_, '_>) -> Outcome<Value> {
    let written = written(arguments, "Date")?;
    check_days(written.micros.div_euclid(DAY_MICROS)).map(Value::Integer)
}

fn parse_wall(arguments: Arguments<'_, '_>) -> Outcome<Value> {
    written(arguments, "Timestamp").map(|written| Value::Integer(written.micros))
}

fn parse_instant(arguments: Arguments<'_, '_>) -> Outcome<Value> {
    written(arguments, "Timestamp").map(|written| Value::Integer(written.instant()))
}

fn parse_time(arguments: Arguments<'_, '_>) -> Outcome<Value> {
    let value = arguments.text(0)?;
    text::parse_time(value)
        .map(Value::Integer)
        .ok_or_else(|| Fault::unrecognised("Time", value))
}

fn months_between(later: i64, earlier: i64) -> f64 {
    let (to, from) = (Civil::from_days(later), Civil::from_days(earlier));
    let months = ((to.year - from.year) * 12 + to.month - from.month) as f64;
    let both_last = last_of_month(later) == later && last_of_month(earlier) == earlier;
    if to.day == from.day || both_last {
        months
    } else {
        months + (to.day - from.day) as f64 / 31.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_between_ends_of_months_are_whole() {
        let day = |year, month, day| Civil { year, month, day }.to_days();
        assert_eq!(months_between(day(2024, 3, 31), day(2024, 2, 29)), 1.0);
        assert_eq!(months_between(day(2024, 3, 15), day(2024, 2, 15)), 1.0);
        assert_eq!(
            months_between(day(2024, 3, 1), day(2024, 2, 15)),
            1.0 - 14.0 / 31.0
        );
    }
}
