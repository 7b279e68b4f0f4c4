//! Snowflake's data types as far as this engine has them, and how each is kept in SQLite.
//!
//! | Snowflake | in SQLite |
//! |---|---|
//! | NUMBER(p,s) | INTEGER, the value times 10^s: REAL would lose digits beyond 15 |
//! | FLOAT | REAL |
//! | VARCHAR | TEXT |
//! | BOOLEAN | INTEGER 0 or 1 |
//! | DATE | INTEGER, days since 1970-01-01: comparison and DATEADD are plain arithmetic |
//! | TIME | INTEGER, microseconds since midnight |
//! | TIMESTAMP_NTZ, TIMESTAMP_LTZ | INTEGER, microseconds since 1970-01-01 (the session's time zone is UTC) |

use std::fmt;

use sqlparser::ast::{CharacterLength, DataType, ExactNumberInfo, TimezoneInfo};

use super::fault::{Fault, Outcome};

/// A type of Snowflake's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// The type of a bare NULL: fits every other.
    Null,
    Boolean,
    Number {
        precision: u8,
        scale: u8,
    },
    Float,
    /// `length` in characters.
    Text {
        length: u32,
    },
    Date,
    Time,
    /// TIMESTAMP_NTZ: a wall clock without a zone.
    Timestamp,
    /// TIMESTAMP_LTZ: an instant, shown in UTC. The scale is what is declared, digits are kept to the microsecond.
    Instant {
        scale: u8,
    },
}

/// Length of a VARCHAR that was given none.
pub(super) const TEXT_LENGTH_MAX: u32 = 16_777_216;

/// Digits of a NUMBER that was given no precision.
pub(super) const PRECISION_MAX: u8 = 38;

/// Digits that surely fit 64 bits. Arithmetic whose result may have more goes through checked functions.
pub(super) const PRECISION_EXACT: u8 = 18;

impl Type {
    /// NUMBER(38,0).
    pub(super) const INTEGER: Self = Self::Number {
        precision: PRECISION_MAX,
        scale: 0,
    };

    /// VARCHAR without a length.
    pub(super) const TEXT: Self = Self::Text {
        length: TEXT_LENGTH_MAX,
    };

    /// NUMBER with at most 38 digits: a larger precision is cut, as Snowflake does.
    pub(super) fn number(precision: u32, scale: u8) -> Self {
        let precision = u8::try_from(precision)
            .unwrap_or(PRECISION_MAX)
            .min(PRECISION_MAX);
        Self::Number {
            precision: precision.max(scale).max(1),
            scale,
        }
    }

    /// VARCHAR with at most the longest length.
    pub(super) fn text(length: usize) -> Self {
        Self::Text {
            length: u32::try_from(length)
                .unwrap_or(TEXT_LENGTH_MAX)
                .min(TEXT_LENGTH_MAX),
        }
    }

    /// Fraction digits of a number; 0 of anything else.
    pub(super) const fn scale(self) -> u8 {
        match self {
            Self::Number { scale, .. } => scale,
            _ => 0,
        }
    }

    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Number { .. })
    }

    pub(super) const fn is_numeric(self) -> bool {
        matches!(self, Self::Number { .. } | Self::Float)
    }

    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Text { .. })
    }

    /// DATE or a timestamp: what has a day.
    pub(super) const fn has_date(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp | Self::Instant { .. })
    }

    /// The word of INFORMATION_SCHEMA.COLUMNS.DATA_TYPE.
    pub(super) const fn family(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Number { .. } => "NUMBER",
            Self::Float => "FLOAT",
            Self::Null | Self::Text { .. } => "TEXT",
            Self::Date => "DATE",
            Self::Time => "TIME",
            Self::Timestamp => "TIMESTAMP_NTZ",
            Self::Instant { .. } => "TIMESTAMP_LTZ",
        }
    }

    /// The type that values of both can be brought to (CASE, COALESCE, UNION, comparisons). Snowflake brings text to
    /// the other side's type, not the other way round.
    pub(super) fn common(self, other: Self) -> Option<Self> {
        use Type::{Boolean, Date, Float, Instant, Null, Number, Text, Time, Timestamp};
        Some(match (self, other) {
            (Null, right) => right,
            (left, Null) => left,
            (
                Number { precision, scale },
                Number {
                    precision: other_precision,
                    scale: other_scale,
                },
            ) => {
                let whole = u32::from((precision - scale).max(other_precision - other_scale));
                let scale = scale.max(other_scale);
                Self::number(whole + u32::from(scale), scale)
            }
            (Float, Number { .. }) | (Number { .. }, Float) | (Float, Float) => Float,
            (Text { length }, Text { length: other }) => Text {
                length: length.max(other),
            },
            // '12.5' beside a NUMBER(10,0) must keep its fraction.
            (Text { .. }, Number { scale, .. }) | (Number { scale, .. }, Text { .. }) => Number {
                precision: PRECISION_EXACT,
                scale: scale.max(5),
            },
            (Text { .. }, kind) | (kind, Text { .. }) => kind,
            (Date, Timestamp) | (Timestamp, Date) | (Timestamp, Timestamp) => Timestamp,
            (Date | Timestamp, Instant { scale }) | (Instant { scale }, Date | Timestamp) => {
                Instant { scale }
            }
            (Instant { scale }, Instant { scale: other }) => Instant {
                scale: scale.max(other),
            },
            (Date, Date) => Date,
            (Time, Time) => Time,
            (Boolean, Boolean) => Boolean,
            _ => return None,
        })
    }

    /// The type that a statement names.
    ///
    /// # Errors
    /// [`Fault::Unsupported`] for a type that this engine does not keep, [`Fault::Compilation`] for one that Snowflake
    /// does not have.
    pub(super) fn from_name(name: &DataType) -> Outcome<Self> {
        Ok(match name {
            DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => exact(*info)?,
            DataType::TinyInt(_)
            | DataType::SmallInt(_)
            | DataType::Int(_)
            | DataType::Integer(_)
            | DataType::BigInt(_) => Self::INTEGER,
            DataType::Float(_)
            | DataType::Float4
            | DataType::Float8
            | DataType::Double(_)
            | DataType::DoublePrecision
            | DataType::Real => Self::Float,
            DataType::Varchar(length)
            | DataType::Nvarchar(length)
            | DataType::CharVarying(length)
            | DataType::CharacterVarying(length) => Self::Text {
                length: characters(length, TEXT_LENGTH_MAX),
            },
            DataType::Char(length) | DataType::Character(length) => Self::Text {
                length: characters(length, 1),
            },
            DataType::Text => Self::TEXT,
            DataType::String(length) => length.map_or(Self::TEXT, |length| {
                Self::text(usize::try_from(length).unwrap_or(usize::MAX))
            }),
            DataType::Boolean | DataType::Bool => Self::Boolean,
            DataType::Date => Self::Date,
            DataType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => Self::Time,
            DataType::Datetime(_)
            | DataType::TimestampNtz(_)
            | DataType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => Self::Timestamp,
            DataType::Custom(name, modifiers) => custom(&name.to_string(), modifiers)?,
            other => return Err(Fault::unsupported(format_args!("the data type {other}"))),
        })
    }
}

fn exact(info: ExactNumberInfo) -> Outcome<Type> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => (u64::from(PRECISION_MAX), 0),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => {
            (precision, u64::try_from(scale).unwrap_or(u64::MAX))
        }
    };
    number_of(precision, scale)
}

/// NUMBER(precision, scale) as somebody wrote it.
pub(super) fn number_of(precision: u64, scale: u64) -> Outcome<Type> {
    let valid = (1..=u64::from(PRECISION_MAX)).contains(&precision) && scale <= precision;
    if !valid {
        return Err(Fault::compilation(
            "002041",
            format!("invalid precision or scale in NUMBER({precision},{scale}), at most 38 digits"),
        ));
    }
    // Both are at most 38 here.
    Ok(Type::number(
        u32::try_from(precision).unwrap_or(u32::MAX),
        u8::try_from(scale).unwrap_or(PRECISION_MAX),
    ))
}

fn characters(length: &Option<CharacterLength>, default: u32) -> u32 {
    match length {
        None => default,
        Some(CharacterLength::Max) => TEXT_LENGTH_MAX,
        Some(CharacterLength::IntegerLength { length, .. }) => u32::try_from(*length)
            .unwrap_or(TEXT_LENGTH_MAX)
            .min(TEXT_LENGTH_MAX),
    }
}

/// Names that sqlparser leaves to the dialect.
fn custom(name: &str, modifiers: &[String]) -> Outcome<Type> {
    match name.to_ascii_uppercase().as_str() {
        "NUMBER" => {
            let digit = |index: usize, default: u64| {
                modifiers
                    .get(index)
                    .map_or(Some(default), |text| text.parse().ok())
                    .ok_or_else(|| {
                        Fault::compilation("001003", format!("NUMBER takes digits, found {modifiers:?}"))
                    })
            };
            number_of(digit(0, u64::from(PRECISION_MAX))?, digit(1, 0)?)
        }
        "TIMESTAMP_NTZ" | "TIMESTAMPNTZ" | "DATETIME" => Ok(Type::Timestamp),
        "TIMESTAMP_LTZ" | "TIMESTAMPLTZ" => Ok(Type::Instant { scale: 9 }),
        "BYTEINT" => Ok(Type::INTEGER),
        "DOUBLE" => Ok(Type::Float),
        other => Err(Fault::unsupported(format_args!("the data type {other}"))),
    }
}

/// As Snowflake's DDL writes it.
impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => write!(formatter, "VARCHAR({TEXT_LENGTH_MAX})"),
            Self::Boolean => formatter.write_str("BOOLEAN"),
            Self::Number { precision, scale } => write!(formatter, "NUMBER({precision},{scale})"),
            Self::Float => formatter.write_str("FLOAT"),
            Self::Text { length } => write!(formatter, "VARCHAR({length})"),
            Self::Date => formatter.write_str("DATE"),
            Self::Time => formatter.write_str("TIME(9)"),
            Self::Timestamp => formatter.write_str("TIMESTAMP_NTZ(9)"),
            Self::Instant { scale } => write!(formatter, "TIMESTAMP_LTZ({scale})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_meet_at_the_wider_whole_and_the_longer_fraction() {
        let meet = |left: Type, right: Type| left.common(right).map(|kind| kind.to_string());
        assert_eq!(
            meet(Type::number(12, 2), Type::number(38, 0)).as_deref(),
            Some("NUMBER(38,2)")
        );
        assert_eq!(
            meet(Type::number(3, 2), Type::number(5, 4)).as_deref(),
            Some("NUMBER(5,4)")
        );
        assert_eq!(meet(Type::number(3, 2), Type::Float).as_deref(), Some("FLOAT"));
        assert_eq!(meet(Type::TEXT, Type::Date).as_deref(), Some("DATE"));
        assert_eq!(meet(Type::Null, Type::Boolean).as_deref(), Some("BOOLEAN"));
        assert_eq!(meet(Type::Date, Type::Boolean), None);
    }

    #[test]
    fn a_precision_beyond_38_is_refused() {
        assert!(number_of(39, 0).is_err());
        assert!(number_of(4, 5).is_err());
        assert_eq!(
            number_of(38, 37).map(|kind| kind.to_string()),
            Ok("NUMBER(38,37)".into())
        );
    }
}
