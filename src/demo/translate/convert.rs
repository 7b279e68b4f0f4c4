//! Conversions between types: implicit, CAST and TRY_CAST. Constants are converted here, once.

use super::Translator;
use super::expression::Bound;
use super::literal::Literal;
use crate::demo::calendar::text::{parse_date, parse_time, parse_timestamp, write_date};
use crate::demo::calendar::{DAY_MICROS, check_days};
use crate::demo::datatype::{PRECISION_EXACT, Type};
use crate::demo::fault::{Fault, Outcome};
use crate::demo::numeric;

/// What a value that does not fit becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failing {
    /// An error.
    Loudly,
    /// NULL.
    Quietly,
}

impl Translator<'_, '_> {
    /// `bound` in the type `target`, without a check of its precision: what Snowflake does by itself.
    pub(super) fn convert(&self, bound: Bound, target: Type) -> Outcome<Bound> {
        if let Some(folded) = fold(&bound, target)? {
            return Ok(folded);
        }
        change(bound, target, Failing::Loudly)
    }

    /// CAST and `::`: as [`Translator::convert`], and the value must fit the precision and is cut to the length.
    pub(super) fn cast(&self, bound: Bound, target: Type) -> Outcome<Bound> {
        let source = bound.kind;
        let converted = self.convert(bound, target)?;
        Ok(fit(converted, source, target, "num_fit"))
    }

    /// TRY_CAST: NULL where CAST fails.
    pub(super) fn try_cast(&self, bound: Bound, target: Type) -> Outcome<Bound> {
        let source = bound.kind;
        let converted = change(bound, target, Failing::Quietly)?;
        Ok(fit(converted, source, target, "num_try_fit"))
    }

    /// `bound` as text.
    pub(super) fn as_text_of(&self, bound: Bound) -> Outcome<Bound> {
        if bound.kind.is_text() {
            return Ok(bound);
        }
        self.convert(bound, Type::TEXT)
    }
}

/// A constant in another type; `None` where it must be done by SQLite.
fn fold(bound: &Bound, target: Type) -> Outcome<Option<Bound>> {
    let Some(literal) = &bound.literal else {
        return Ok(None);
    };
    Ok(match (literal, bound.kind, target) {
        (Literal::Integer(value), Type::Number { scale: from, .. }, Type::Number { scale: to, .. }) => {
            let value = numeric::rescale(*value, from, to)?;
            Some(Bound::integer(value, target))
        }
        (Literal::Integer(value), Type::Number { scale, .. }, Type::Text { .. }) => {
            Some(Bound::text(&numeric::to_text(*value, scale)))
        }
        (Literal::Integer(days), Type::Date, Type::Timestamp | Type::Instant { .. }) => {
            Some(Bound::integer(days * DAY_MICROS, target))
        }
        (Literal::Integer(days), Type::Date, Type::Text { .. }) => {
            let mut text = String::new();
            write_date(*days, &mut text);
            Some(Bound::text(&text))
        }
        (Literal::Text(text), _, Type::Number { scale, .. }) => {
            let value = numeric::parse(text, scale)
                .unwrap_or_else(|| Err(Fault::unrecognised("Numeric value", text)))?;
            Some(Bound::integer(value, target))
        }
        (Literal::Text(text), _, Type::Date) => {
            let days = parse_date(text).ok_or_else(|| Fault::unrecognised("Date", text))?;
            Some(Bound::integer(check_days(days)?, target))
        }
        (Literal::Text(text), _, Type::Timestamp | Type::Instant { .. }) => {
            let written = parse_timestamp(text).ok_or_else(|| Fault::unrecognised("Timestamp", text))?;
            let is_instant = target != Type::Timestamp;
            Some(Bound::integer(
                if is_instant {
                    written.instant()
                } else {
                    written.micros
                },
                target,
            ))
        }
        (Literal::Text(text), _, Type::Time) => {
            let micros = parse_time(text).ok_or_else(|| Fault::unrecognised("Time", text))?;
            Some(Bound::integer(micros, target))
        }
        _ => None,
    })
}

/// SQLite's text for the conversion.
fn change(bound: Bound, target: Type, failing: Failing) -> Outcome<Bound> {
    use Type::{Boolean, Date, Float, Instant, Null, Number, Text, Time, Timestamp};
    let x = &bound.sql;
    let quietly = failing == Failing::Quietly;
    let read = |function: &str| {
        if quietly {
            function.replacen('_', "_try_", 1)
        } else {
            function.to_owned()
        }
    };
    let sql = match (bound.kind, target) {
        (Null, _) | (Text { .. }, Text { .. }) | (Float, Float) | (Boolean, Boolean) => x.clone(),
        (Date, Date) | (Time, Time) => x.clone(),
        (Timestamp | Instant { .. }, Timestamp | Instant { .. }) => x.clone(),
        (
            Number { precision, scale },
            Number {
                scale: target_scale, ..
            },
        ) => rescaled(x, precision, scale, target_scale),
        (Number { scale: 0, .. } | Boolean, Float) => format!("CAST({x} AS REAL)"),
        (Number { scale, .. }, Float) => format!("({x} / 1e{scale})"),
        (Float, Number { precision, scale }) => {
            format!("{}({x}, {precision}, {scale})", read("num_from_float"))
        }
        (Boolean, Number { scale, .. }) => format!("({x} * {})", numeric::power(scale)),
        (Number { .. } | Float, Boolean) => format!("({x} <> 0)"),
        (Text { .. }, Number { precision, scale }) => {
            format!("{}({x}, {precision}, {scale})", read("num_parse"))
        }
        (Text { .. }, Float) => format!("{}({x})", read("flt_parse")),
        (Text { .. }, Boolean) => format!("{}({x})", read("bool_parse")),
        (Text { .. }, Date) => format!("{}({x})", read("day_parse")),
        (Text { .. }, Timestamp) => format!("{}({x})", read("ts_parse")),
        (Text { .. }, Instant { .. }) => format!("{}({x})", read("ts_parse_instant")),
        (Text { .. }, Time) => format!("{}({x})", read("time_parse")),
        (Number { scale: 0, .. }, Text { .. }) => format!("CAST({x} AS TEXT)"),
        (Number { scale, .. }, Text { .. }) => format!("num_text({x}, {scale})"),
        (Float, Text { .. }) => format!("flt_text({x})"),
        (Boolean, Text { .. }) => format!("(CASE {x} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)"),
        (Date, Text { .. }) => format!("day_text({x})"),
        (Time, Text { .. }) => format!("time_text({x})"),
        (Timestamp, Text { .. }) => format!("ts_format({x}, '{TIMESTAMP_FORMAT}')"),
        (Instant { .. }, Text { .. }) => format!("ts_format({x}, '{TIMESTAMP_FORMAT} TZHTZM')"),
        (Date, Timestamp | Instant { .. }) => format!("({x} * {DAY_MICROS})"),
        (Timestamp | Instant { .. }, Date) => format!("ts_day({x})"),
        (Timestamp | Instant { .. }, Time) => format!("ts_time({x})"),
        (Number { scale, .. }, Timestamp | Instant { .. }) => format!("ts_from_epoch({x}, {scale})"),
        (from, to) => {
            return Err(Fault::compilation(
                "001007",
                format!("a value of type {from} cannot become {to}"),
            ));
        }
    };
    let can_fail = quietly && bound.kind.is_text();
    let converted = Bound::of(sql, target, &[&bound]);
    let kind = longest(bound.kind, target);
    Ok(Bound {
        kind,
        nullable: converted.nullable || can_fail,
        ..converted
    })
}

/// The type after a conversion: a text keeps the length that its source can have.
fn longest(source: Type, target: Type) -> Type {
    match (source, target) {
        (Type::Text { length }, Type::Text { length: wanted }) => Type::Text {
            length: length.min(wanted),
        },
        (Type::Number { precision, .. }, Type::Text { .. }) => Type::text(usize::from(precision) + 2),
        (Type::Date, Type::Text { .. }) => Type::text(10),
        (Type::Boolean, Type::Text { .. }) => Type::text(5),
        _ => target,
    }
}

/// A number with more or fewer fraction digits.
fn rescaled(x: &str, precision: u8, from: u8, to: u8) -> String {
    match to.cmp(&from) {
        std::cmp::Ordering::Equal => x.to_owned(),
        std::cmp::Ordering::Less => format!("num_round({x}, {})", from - to),
        // Up to 18 digits surely fit; beyond, a product that does not would silently become a float.
        std::cmp::Ordering::Greater if precision + (to - from) <= PRECISION_EXACT => {
            format!("({x} * {})", numeric::power(to - from))
        }
        std::cmp::Ordering::Greater => format!("num_scale({x}, {})", to - from),
    }
}

/// The check that only a written cast makes.
fn fit(converted: Bound, source: Type, target: Type, function: &str) -> Bound {
    match (source, target) {
        (
            Type::Number {
                precision: source_precision,
                scale: source_scale,
            },
            Type::Number { precision, scale },
        ) => {
            let always_fits = source_precision - source_scale < precision - scale
                || (source_precision - source_scale == precision - scale && source_scale <= scale);
            if always_fits || precision > PRECISION_EXACT {
                return converted;
            }
            let sql = format!("{function}({}, {precision}, {scale})", converted.sql);
            Bound::column(sql, target, converted.nullable || function == "num_try_fit")
        }
        (Type::Text { length: source }, Type::Text { length }) if length < source => {
            let sql = format!("substr({}, 1, {length})", converted.sql);
            Bound::column(sql, target, converted.nullable)
        }
        // Without a length the text keeps the one that it can have.
        (_, Type::Text { length }) if length < crate::demo::datatype::TEXT_LENGTH_MAX => Bound {
            kind: target,
            ..converted
        },
        (Type::Null, _) => Bound {
            kind: target,
            ..converted
        },
        _ => converted,
    }
}

/// How Snowflake writes a timestamp as text when nothing else is said.
const TIMESTAMP_FORMAT: &str = "YYYY-MM-DD HH24:MI:SS.FF3";
