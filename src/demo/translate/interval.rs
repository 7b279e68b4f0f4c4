//! `date + INTERVAL '1 year, 3 days'`: the only place where Snowflake has intervals.

use sqlparser::ast::{BinaryOperator, Expr, Interval, Value};

use super::Translator;
use super::expression::Bound;
use crate::demo::calendar::Part;
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};
use crate::demo::lexis::unescape;

impl<'q> Translator<'q, '_> {
    /// `left + INTERVAL …` or `left - INTERVAL …`.
    pub(super) fn add_interval(
        &self,
        left: Bound,
        operator: &'q BinaryOperator,
        interval: &'q Interval,
    ) -> Outcome<Bound> {
        let sign = match operator {
            BinaryOperator::Plus => 1,
            BinaryOperator::Minus => -1,
            other => {
                return Err(Fault::compilation(
                    "001003",
                    format!("an INTERVAL cannot follow {other}"),
                ));
            }
        };
        let mut sum = if left.kind.has_date() || left.kind == Type::Time {
            left
        } else {
            self.convert(left, Type::Timestamp)?
        };
        for (count, part) in parts(interval)? {
            let count = Bound::integer(sign * count, Type::INTEGER);
            sum = self.date_add(part, count, sum)?;
        }
        Ok(sum)
    }
}

/// Counts and units: `'1 year, 3 days'`, or `'90' DAY`.
fn parts(interval: &Interval) -> Outcome<Vec<(i64, Part)>> {
    let Expr::Value(value) = &*interval.value else {
        return Err(Fault::unsupported("an INTERVAL that is computed"));
    };
    let text = match &value.value {
        Value::SingleQuotedString(text) => unescape(text),
        Value::Number(digits, _) => digits.clone(),
        other => return Err(Fault::unsupported(format_args!("INTERVAL {other}"))),
    };
    let unit = interval.leading_field.as_ref().map(ToString::to_string);
    let text = unit.map_or_else(|| text.clone(), |unit| format!("{} {unit}", text.trim()));
    text.split(',').map(|part| one(part.trim())).collect()
}

fn one(text: &str) -> Outcome<(i64, Part)> {
    let wrong = || {
        Fault::compilation(
            "001003",
            format!("'{text}' is no interval, expected a count and a unit"),
        )
    };
    let (count, unit) = text.split_once(char::is_whitespace).unwrap_or((text, "second"));
    let part = Part::from_name(unit.trim())
        .filter(|part| part.is_unit())
        .ok_or_else(wrong)?;
    let count: i64 = count.parse().map_err(|_| wrong())?;
    if count == i64::MIN {
        return Err(wrong());
    }
    Ok((count, part))
}
