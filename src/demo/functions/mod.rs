//! SQLite functions with Snowflake's semantics, for everything that SQLite's own operators do not do exactly.
//!
//! Names begin with the kind of value they work on: `num_` scaled decimals, `flt_` floats, `txt_` text, `day_` and
//! `ts_` dates and timestamps, `agg_` aggregates. Only the translator calls them, so arguments have the right type; NULL
//! in gives NULL out unless a function says otherwise. An error is a [`Fault`] that travels as text.

mod aggregate;
mod date;
mod number;
mod text;

use std::sync::Arc;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error};

use super::fault::{Fault, Outcome};
use super::store::Signals;

/// Makes every function known to `connection`.
///
/// # Errors
/// Those of SQLite, which are ours: a name or an argument count that it does not take.
pub(super) fn register(connection: &Connection, signals: &Arc<Signals>) -> rusqlite::Result<()> {
    for table in [number::FUNCTIONS, text::FUNCTIONS, date::FUNCTIONS] {
        for function in table {
            function.register(connection)?;
        }
    }
    aggregate::register(connection)?;
    let signals = Arc::clone(signals);
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("ts_now", 0, flags, move |_| Ok(signals.wall_micros()))
}

/// Whether a name is like a pattern of SHOW: case does not matter, a backslash escapes.
pub(super) fn is_like(name: &str, pattern: &str) -> bool {
    text::like(&name.to_lowercase(), &pattern.to_lowercase(), Some('\\'))
}

/// One scalar function.
struct Scalar {
    name: &'static str,
    arguments: i32,
    /// Whether a NULL argument gives NULL without asking. TRY_ functions say so too.
    body: fn(Arguments<'_, '_>) -> Outcome<Value>,
}

impl Scalar {
    const fn new(name: &'static str, arguments: i32, body: fn(Arguments<'_, '_>) -> Outcome<Value>) -> Self {
        Self {
            name,
            arguments,
            body,
        }
    }

    fn register(&self, connection: &Connection) -> rusqlite::Result<()> {
        let body = self.body;
        let flags = FunctionFlags::SQLITE_UTF8
            | FunctionFlags::SQLITE_DETERMINISTIC
            | FunctionFlags::SQLITE_INNOCUOUS;
        connection.create_scalar_function(self.name, self.arguments, flags, move |context| {
            let arguments = Arguments { context };
            if (0..context.len()).any(|index| arguments.is_null(index)) {
                return Ok(Value::Null);
            }
            body(arguments).map_err(raise)
        })
    }
}

/// The arguments of a call, none of them NULL.
#[derive(Clone, Copy)]
struct Arguments<'c, 'v> {
    context: &'c Context<'v>,
}

impl<'c> Arguments<'c, '_> {
    fn is_null(self, index: usize) -> bool {
        self.context.get_raw(index) == ValueRef::Null
    }

    /// A number, day or point in time. What SQLite made a float of has overflowed.
    fn integer(self, index: usize) -> Outcome<i64> {
        integer_of(self.context.get_raw(index))
    }

    fn float(self, index: usize) -> Outcome<f64> {
        float_of(self.context.get_raw(index))
    }

    fn text(self, index: usize) -> Outcome<&'c str> {
        self.context
            .get_raw(index)
            .as_str()
            .map_err(|_| Fault::Internal(format!("argument {index} is not text")))
    }

    /// A small number that the translator wrote: a scale, a count of digits.
    fn digits(self, index: usize) -> Outcome<u8> {
        u8::try_from(self.integer(index)?).map_err(|_| Fault::too_many_digits())
    }
}

fn integer_of(value: ValueRef<'_>) -> Outcome<i64> {
    match value {
        ValueRef::Integer(number) => Ok(number),
        ValueRef::Real(_) => Err(Fault::too_many_digits()),
        other => Err(Fault::Internal(format!(
            "{} where a number belongs",
            other.data_type()
        ))),
    }
}

fn float_of(value: ValueRef<'_>) -> Outcome<f64> {
    match value {
        ValueRef::Integer(number) => Ok(number as f64),
        ValueRef::Real(number) => Ok(number),
        other => Err(Fault::Internal(format!(
            "{} where a float belongs",
            other.data_type()
        ))),
    }
}

fn raise(fault: Fault) -> Error {
    Error::UserFunctionError(Box::new(fault))
}

/// The value of a TRY_ function: NULL where the plain one fails.
fn or_null(outcome: Outcome<Value>) -> Outcome<Value> {
    Ok(outcome.unwrap_or(Value::Null))
}
