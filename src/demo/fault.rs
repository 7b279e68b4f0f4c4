//! Why the embedded engine gave no rows, with Snowflake's code and SQLSTATE for each cause.
//!
//! The engine's own layer of errors: everything below `Backend::step` speaks [`Fault`], and [`Fault::into_error`] is
//! the one place that turns it into the vocabulary of [`crate::backend`]. Faults of SQL functions travel through
//! SQLite as text, because that is all that SQLite carries: see [`Fault::encode`].

use std::fmt;
use std::time::Duration;

use crate::backend::{Error, Kind};

/// Why a statement ended without rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The text does not parse.
    Syntax { message: String, line: u64, column: u64 },
    /// The text parses and makes no sense; `code` is Snowflake's.
    Compilation {
        code: &'static str,
        sql_state: &'static str,
        message: String,
    },
    /// A database, schema, table or view that is not in the catalogue.
    UnknownObject { what: &'static str, name: String },
    /// A column that no relation in reach has.
    UnknownColumn { name: String, line: u64, column: u64 },
    /// Snowflake's SQL that this engine does not have.
    Unsupported(String),
    /// A statement that writes, or works on the session: named by its verb.
    ReadOnly(String),
    /// It compiled and failed on the data.
    Execution {
        code: String,
        sql_state: String,
        message: String,
    },
    /// The caller or the server cancelled.
    Cancelled,
    /// The time was up.
    Timeout(Duration),
    /// The statement needs more memory than the engine may use.
    Memory,
    /// A bug: SQLite said something that the translator promised to avoid.
    Internal(String),
}

/// What a function of the engine may answer.
pub(super) type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// A type or argument error: the statement compiles nowhere.
    pub(super) fn compilation(code: &'static str, message: impl Into<String>) -> Self {
        Self::Compilation {
            code,
            sql_state: "42601",
            message: message.into(),
        }
    }

    /// Snowflake's SQL that a real account runs.
    pub(super) fn unsupported(what: impl fmt::Display) -> Self {
        Self::Unsupported(what.to_string())
    }

    fn execution(code: &str, sql_state: &str, message: impl Into<String>) -> Self {
        Self::Execution {
            code: code.to_owned(),
            sql_state: sql_state.to_owned(),
            message: message.into(),
        }
    }

    pub(super) fn division_by_zero() -> Self {
        Self::execution("100051", "22012", "Division by zero")
    }

    /// The text is no value of `what` ("Date", "Numeric value", …); the codes are Snowflake's.
    pub(super) fn unrecognised(what: &'static str, text: &str) -> Self {
        let (code, sql_state) = match what {
            "Date" => ("100040", "22007"),
            "Timestamp" => ("100035", "22007"),
            "Time" => ("100108", "22007"),
            "Boolean value" => ("100037", "22018"),
            _ => ("100038", "22018"),
        };
        let shown: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
        Self::execution(code, sql_state, format!("{what} '{shown}' is not recognized"))
    }

    /// A number that does not fit its declared precision.
    pub(super) fn out_of_range(value: impl fmt::Display) -> Self {
        Self::execution(
            "100039",
            "22003",
            format!("Numeric value '{value}' is out of range"),
        )
    }

    /// A number that the engine's 64 bits do not hold. Snowflake holds 38 digits; here it is said, never rounded.
    pub(super) fn too_many_digits() -> Self {
        Self::execution(
            "100046",
            "22003",
            "Number out of representable range: the embedded engine holds exact numbers of up to 18 digits \
             (cast to FLOAT, or run it on a Snowflake account)",
        )
    }

    /// An argument that a function does not take, found while running.
    pub(super) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::execution("100077", "22023", message)
    }

    /// As text through SQLite, to be found again by [`Fault::decode`].
    pub(super) fn encode(&self) -> String {
        match self {
            Self::Execution {
                code,
                sql_state,
                message,
            } => format!("{MARK}{code}{MARK}{sql_state}{MARK}{message}"),
            other => format!("{MARK}100132{MARK}22000{MARK}{}", other.message()),
        }
    }

    /// The fault that a SQL function raised, found in what SQLite says.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(MARK)?;
        let mut parts = rest.splitn(3, MARK);
        let (code, sql_state, message) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self::execution(code, sql_state, message))
    }

    fn message(&self) -> String {
        match self {
            Self::Syntax {
                message,
                line,
                column,
            } => {
                format!("SQL compilation error: syntax error line {line} at position {column}: {message}")
            }
            Self::Compilation { message, .. } => format!("SQL compilation error: {message}"),
            Self::UnknownObject { what, name } => {
                format!("SQL compilation error: {what} '{name}' does not exist or not authorized.")
            }
            Self::UnknownColumn { name, line: 0, .. } => {
                format!("SQL compilation error: invalid identifier '{name}'")
            }
            Self::UnknownColumn { name, line, column } => {
                format!(
                    "SQL compilation error: error line {line} at position {column}: invalid identifier '{name}'"
                )
            }
            Self::Unsupported(what) => {
                format!("the embedded engine does not support {what}; it runs on a Snowflake account")
            }
            Self::ReadOnly(verb) => format!("{verb} is refused: the embedded engine only reads"),
            Self::Execution { message, .. } => message.clone(),
            Self::Cancelled => "SQL execution canceled".to_owned(),
            Self::Timeout(limit) => format!(
                "the statement reached its timeout of {} and was cancelled",
                in_words(*limit)
            ),
            Self::Memory => {
                "the statement needs more memory than the embedded engine may use (256 MiB in all)".to_owned()
            }
            Self::Internal(_) => "the embedded engine could not run the statement; this is a bug".to_owned(),
        }
    }

    /// As the backend's error.
    pub(super) fn into_error(self) -> Error {
        let message = self.message();
        let (kind, code, sql_state) = match &self {
            Self::Syntax { .. } => (Kind::Syntax, Some("001003"), Some("42000")),
            Self::Compilation { code, sql_state, .. } => (Kind::Syntax, Some(*code), Some(*sql_state)),
            Self::UnknownObject { .. } => (Kind::NotFound, Some("002003"), Some("42S02")),
            Self::UnknownColumn { .. } => (Kind::NotFound, Some("000904"), Some("42000")),
            Self::Unsupported(_) => (Kind::Unsupported, None, None),
            Self::ReadOnly(_) => (Kind::Refused, None, None),
            Self::Execution { code, sql_state, .. } => {
                (Kind::Execution, Some(code.as_str()), Some(sql_state.as_str()))
            }
            Self::Cancelled => (Kind::Cancelled, Some("000604"), Some("57014")),
            Self::Timeout(_) => (Kind::Timeout, Some("000630"), Some("57014")),
            Self::Memory => (Kind::ResultTooLarge, None, None),
            Self::Internal(_) => (Kind::Internal, None, None),
        };
        let mut error = Error::new(kind, message);
        error.code = code.map(str::to_owned);
        error.sql_state = sql_state.map(str::to_owned);
        match self {
            Self::Internal(detail) => error.with_detail(detail),
            _ => error,
        }
    }
}

fn in_words(limit: Duration) -> String {
    if limit.subsec_millis() == 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_millis())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.encode())
    }
}

impl std::error::Error for Fault {}

/// Separates the parts of an encoded fault; a control character that no message of SQLite's holds.
const MARK: char = '\u{1}';

/// Characters of a bad value that an error repeats.
const SHOWN_CHARACTERS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_a_function_survives_sqlite() {
        let fault = Fault::unrecognised("Date", "tomorrow");
        let through = format!("user function error: {}", fault.encode());
        assert_eq!(Fault::decode(&through), Some(fault));
        assert_eq!(Fault::decode("no such column: x"), None);
    }

    #[test]
    fn every_cause_has_snowflakes_code() {
        let check = |fault: Fault, kind, code: Option<&str>| {
            let error = fault.into_error();
            assert_eq!((error.kind, error.code.as_deref()), (kind, code), "{error}");
        };
        check(
            Fault::UnknownObject {
                what: "Object",
                name: "T".into(),
            },
            Kind::NotFound,
            Some("002003"),
        );
        check(
            Fault::UnknownColumn {
                name: "X".into(),
                line: 1,
                column: 8,
            },
            Kind::NotFound,
            Some("000904"),
        );
        check(Fault::division_by_zero(), Kind::Execution, Some("100051"));
        check(Fault::unsupported("PIVOT"), Kind::Unsupported, None);
        check(Fault::ReadOnly("DELETE".into()), Kind::Refused, None);
        check(Fault::Cancelled, Kind::Cancelled, Some("000604"));
        check(
            Fault::Timeout(Duration::from_millis(1_500)),
            Kind::Timeout,
            Some("000630"),
        );
    }

    #[test]
    fn what_is_missing_is_named_in_one_sentence() {
        assert_eq!(
            Fault::unsupported("MATCH_RECOGNIZE").into_error().message,
            "the embedded engine does not support MATCH_RECOGNIZE; it runs on a Snowflake account"
        );
    }
}
