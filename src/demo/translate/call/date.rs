//! Functions of dates and times.

use sqlparser::ast::{Expr, Value};

use super::Call;
use crate::demo::calendar::Part;
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};
use crate::demo::lexis::unescape;
use crate::demo::translate::Translator;
use crate::demo::translate::expression::Bound;
use crate::demo::translate::literal::quoted;

impl<'q> Translator<'q, '_> {
    pub(super) fn date_call(&mut self, call: &Call<'q>) -> Outcome<Option<Bound>> {
        let name = call.name.as_str();
        let bound = match name {
            "DATEADD" | "TIMEADD" | "TIMESTAMPADD" => {
                call.expect(3..=3)?;
                let part = unit(call.argument(0)?)?;
                let count = self.whole(call.argument(1)?)?;
                let date = self.expression(call.argument(2)?)?;
                self.date_add(part, count, date)?
            }
            "ADD_MONTHS" => {
                call.expect(2..=2)?;
                let date = self.expression(call.argument(0)?)?;
                let count = self.whole(call.argument(1)?)?;
                self.date_add(Part::Month, count, date)?
            }
            "DATEDIFF" | "TIMEDIFF" | "TIMESTAMPDIFF" => self.difference(call)?,
            "DATE_TRUNC" => self.date_trunc(call)?,
            "LAST_DAY" => self.last_day(call)?,
            "DATE_PART" | "EXTRACT" => {
                call.expect(2..=2)?;
                let part = part_name(call.argument(0)?)?;
                self.extract(&part, call.argument(1)?)?
            }
            "DAYNAME" | "MONTHNAME" => {
                call.expect(1..=1)?;
                let date = self.day(call.argument(0)?)?;
                let function = if name == "DAYNAME" {
                    "day_name"
                } else {
                    "day_month_name"
                };
                Bound::call(function, Type::text(3), &[&date])
            }
            "DATE_FROM_PARTS" | "DATEFROMPARTS" => {
                call.expect(3..=3)?;
                let mut parts = Vec::new();
                for argument in &call.arguments {
                    parts.push(self.whole(argument)?);
                }
                Bound::call("day_from_parts", Type::Date, &parts.iter().collect::<Vec<_>>())
            }
            "MONTHS_BETWEEN" => {
                call.expect(2..=2)?;
                let (later, earlier) = (self.day(call.argument(0)?)?, self.day(call.argument(1)?)?);
                Bound::call("day_months_between", Type::Float, &[&later, &earlier])
            }
            "NEXT_DAY" | "PREVIOUS_DAY" => {
                call.expect(2..=2)?;
                let (date, weekday) = (self.day(call.argument(0)?)?, self.text(call.argument(1)?)?);
                let direction = if name == "NEXT_DAY" { "1" } else { "-1" };
                let sql = format!("day_seek({}, {}, {direction})", date.sql, weekday.sql);
                Bound::of(sql, Type::Date, &[&date, &weekday])
            }
            _ => match taken(name) {
                Some(part) => {
                    call.expect(1..=1)?;
                    self.extract(part, call.argument(0)?)?
                }
                None => return Ok(None),
            },
        };
        Ok(Some(bound))
    }

    /// A date or timestamp moved by `count` parts. A date moved by hours becomes a timestamp.
    pub(in crate::demo::translate) fn date_add(
        &self,
        part: Part,
        count: Bound,
        date: Bound,
    ) -> Outcome<Bound> {
        let date = self.dated(date)?;
        let code = part.code();
        if date.kind == Type::Date && !part.is_of_time() {
            let sql = format!("part_add_day({code}, {}, {})", count.sql, date.sql);
            return Ok(Bound::of(sql, Type::Date, &[&count, &date]));
        }
        if date.kind == Type::Time {
            if !part.is_of_time() {
                return Err(Fault::compilation(
                    "001007",
                    "a TIME moves by parts of a day only",
                ));
            }
            let sql = format!("ts_time(part_add({code}, {}, {}))", count.sql, date.sql);
            return Ok(Bound::of(sql, Type::Time, &[&count, &date]));
        }
        let date = self.micros(date)?;
        let sql = format!("part_add({code}, {}, {})", count.sql, date.sql);
        Ok(Bound::of(sql, date.kind, &[&count, &date]))
    }

    fn difference(&mut self, call: &Call<'q>) -> Outcome<Bound> {
        call.expect(3..=3)?;
        let part = unit(call.argument(0)?)?;
        let from = self.expression(call.argument(1)?)?;
        let to = self.expression(call.argument(2)?)?;
        let (from, to) = (self.dated(from)?, self.dated(to)?);
        let kind = Type::number(9, 0);
        if part == Part::Day && from.kind == Type::Date && to.kind == Type::Date {
            return Ok(Bound::of(
                format!("({} - {})", to.sql, from.sql),
                kind,
                &[&from, &to],
            ));
        }
        let (from, to) = (self.micros(from)?, self.micros(to)?);
        let sql = format!("part_diff({}, {}, {})", part.code(), from.sql, to.sql);
        Ok(Bound::of(sql, Type::number(18, 0), &[&from, &to]))
    }

    /// DATE_TRUNC(part, date); Snowflake takes the arguments in the other order too.
    fn date_trunc(&mut self, call: &Call<'q>) -> Outcome<Bound> {
        call.expect(2..=2)?;
        let (first, second) = (call.argument(0)?, call.argument(1)?);
        match unit(first) {
            Ok(_) => {
                let date = self.expression(second)?;
                self.truncate_date(first, date)
            }
            Err(_) => {
                let date = self.expression(first)?;
                self.truncate_date(second, date)
            }
        }
    }

    pub(super) fn truncate_date(&self, part: &'q Expr, date: Bound) -> Outcome<Bound> {
        let part = unit(part)?;
        let date = self.dated(date)?;
        let (function, date) = if date.kind == Type::Date {
            ("part_trunc_day", date)
        } else {
            ("part_trunc", self.micros(date)?)
        };
        let sql = format!("{function}({}, {})", part.code(), date.sql);
        Ok(Bound::of(sql, date.kind, &[&date]))
    }

    fn last_day(&mut self, call: &Call<'q>) -> Outcome<Bound> {
        call.expect(1..=2)?;
        let date = self.day(call.argument(0)?)?;
        let part = match call.arguments.get(1) {
            Some(part) => unit(part)?,
            None => Part::Month,
        };
        let sql = format!("part_last_day({}, {})", part.code(), date.sql);
        Ok(Bound::of(sql, Type::Date, &[&date]))
    }

    /// EXTRACT, DATE_PART, YEAR, …: a whole number.
    pub(in crate::demo::translate) fn extract(&mut self, part: &str, date: &'q Expr) -> Outcome<Bound> {
        let part = Part::from_name(part).ok_or_else(|| unknown_part(part))?;
        let date = self.expression(date)?;
        let date = self.dated(date)?;
        let (function, date) = if date.kind == Type::Date {
            ("part_take_day", date)
        } else {
            ("part_take", self.micros(date)?)
        };
        let digits = match part {
            Part::Year | Part::YearOfWeek => 4,
            Part::EpochSecond | Part::EpochMillisecond | Part::EpochMicrosecond | Part::EpochNanosecond => 18,
            Part::Nanosecond | Part::Microsecond | Part::Millisecond => 9,
            Part::DayOfYear => 3,
            _ => 2,
        };
        let sql = format!("{function}({}, {})", part.code(), date.sql);
        Ok(Bound::of(sql, Type::number(digits, 0), &[&date]))
    }

    /// A date, time or timestamp; text is read as a timestamp, or as a date if it is a constant without a time.
    pub(super) fn dated(&self, bound: Bound) -> Outcome<Bound> {
        match bound.kind {
            Type::Date | Type::Time | Type::Timestamp | Type::Instant { .. } => Ok(bound),
            Type::Null => Ok(Bound {
                kind: Type::Date,
                ..bound
            }),
            Type::Text { .. } if bound.as_text().is_some_and(|text| !text.contains([':', 'T'])) => {
                self.convert(bound, Type::Date)
            }
            Type::Text { .. } => self.convert(bound, Type::Timestamp),
            other => Err(Fault::compilation(
                "001007",
                format!("invalid type [{other}] where a date or timestamp belongs"),
            )),
        }
    }

    /// An argument as a date.
    fn day(&mut self, expression: &'q Expr) -> Outcome<Bound> {
        let bound = self.expression(expression)?;
        self.convert(bound, Type::Date)
    }
}

/// The part that an argument names, as a word or as a string.
fn part_name(argument: &Expr) -> Outcome<String> {
    match argument {
        Expr::Identifier(ident) => Ok(ident.value.clone()),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Ok(unescape(text)),
            other => Err(unknown_part(&other.to_string())),
        },
        _ => Err(unknown_part("an expression")),
    }
}

fn unit(argument: &Expr) -> Outcome<Part> {
    let name = part_name(argument)?;
    Part::from_name(&name)
        .filter(|part| part.is_unit())
        .ok_or_else(|| unknown_part(&name))
}

fn unknown_part(name: &str) -> Fault {
    Fault::compilation(
        "001007",
        format!("{} is not a valid date/time component", quoted(name)),
    )
}

/// Functions that are named as the part they take.
fn taken(name: &str) -> Option<&'static str> {
    Some(match name {
        "YEAR" => "year",
        "YEAROFWEEK" | "YEAROFWEEKISO" => "yearofweek",
        "QUARTER" => "quarter",
        "MONTH" => "month",
        "WEEK" | "WEEKOFYEAR" | "WEEKISO" => "week",
        "DAY" | "DAYOFMONTH" => "day",
        "DAYOFWEEK" => "dayofweek",
        "DAYOFWEEKISO" => "dayofweekiso",
        "DAYOFYEAR" => "dayofyear",
        "HOUR" => "hour",
        "MINUTE" => "minute",
        "SECOND" => "second",
        _ => return None,
    })
}
