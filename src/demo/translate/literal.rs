//! Constants: numbers, strings, DATE '…' and what they are in SQLite.

use sqlparser::ast::{TypedString, Value};

use super::Translator;
use super::expression::Bound;
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};
use crate::demo::lexis::unescape;
use crate::demo::numeric;

/// The value of a constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    /// A scaled number, a day, a point in time.
    Integer(i64),
    Text(String),
}

impl Bound {
    /// A constant that SQLite keeps as an integer.
    pub(super) fn integer(value: i64, kind: Type) -> Self {
        // In parentheses: `- -5` would begin a comment.
        let sql = if value < 0 {
            format!("({value})")
        } else {
            value.to_string()
        };
        Self {
            sql,
            kind,
            nullable: false,
            literal: Some(Literal::Integer(value)),
        }
    }

    /// A text constant.
    pub(super) fn text(value: &str) -> Self {
        Self {
            sql: quoted(value),
            kind: Type::text(value.chars().count()),
            nullable: false,
            literal: Some(Literal::Text(value.to_owned())),
        }
    }

    /// TRUE or FALSE.
    pub(super) fn boolean(value: bool) -> Self {
        Self::integer(i64::from(value), Type::Boolean)
    }

    pub(super) fn null() -> Self {
        Self::column("NULL".to_owned(), Type::Null, true)
    }

    /// The number of an integer constant.
    pub(super) fn as_integer(&self) -> Option<i64> {
        match (&self.literal, self.kind) {
            (Some(Literal::Integer(value)), Type::Number { scale: 0, .. }) => Some(*value),
            _ => None,
        }
    }

    /// The text of a text constant.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.literal {
            Some(Literal::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// A text as SQLite's constant.
pub(super) fn quoted(text: &str) -> String {
    if text.contains('\0') {
        // SQLite's parser stops at NUL.
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        return format!("CAST(x'{hex}' AS TEXT)");
    }
    format!("'{}'", text.replace('\'', "''"))
}

impl<'q> Translator<'q, '_> {
    pub(super) fn value(&self, value: &'q Value) -> Outcome<Bound> {
        match value {
            Value::Number(digits, _) => number(digits),
            Value::SingleQuotedString(text) => Ok(Bound::text(&unescape(text))),
            Value::DollarQuotedString(quoted) => Ok(Bound::text(&quoted.value)),
            Value::Boolean(value) => Ok(Bound::boolean(*value)),
            Value::Null => Ok(Bound::null()),
            Value::Placeholder(place) => self.positional(place),
            Value::HexStringLiteral(_) => Err(Fault::unsupported("the data type BINARY")),
            other => Err(Fault::unsupported(format_args!("the constant {other}"))),
        }
    }

    /// `DATE '2026-01-02'`.
    pub(super) fn typed_string(&self, typed: &'q TypedString) -> Outcome<Bound> {
        let target = Type::from_name(&typed.data_type)?;
        let text = self.value(&typed.value.value)?;
        self.convert(text, target)
    }
}

/// A number as it is written: with a point it has a scale, with an exponent it is a FLOAT.
pub(super) fn number(digits: &str) -> Outcome<Bound> {
    if digits.contains(['e', 'E']) {
        let value: f64 = digits
            .parse()
            .map_err(|_| Fault::unrecognised("Numeric value", digits))?;
        return Ok(float(value));
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = u8::try_from(fraction.len()).map_err(|_| Fault::too_many_digits())?;
    let value =
        numeric::parse(digits, scale).unwrap_or_else(|| Err(Fault::unrecognised("Numeric value", digits)))?;
    let precision = whole.trim_start_matches('0').len() + fraction.len();
    Ok(Bound::integer(
        value,
        Type::number(u32::try_from(precision).unwrap_or(u32::MAX), scale),
    ))
}

/// A float constant; `{:?}` always has a point or an exponent, so SQLite reads a REAL.
pub(super) fn float(value: f64) -> Bound {
    let sql = if value.is_finite() {
        format!("{value:?}")
    } else {
        "9e999".to_owned()
    };
    Bound::column(format!("({sql})"), Type::Float, false)
}
