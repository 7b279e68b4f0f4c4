//! Runs a plan on a lane and writes its rows in the form that leaves the program.

use rusqlite::types::ValueRef;
use rusqlite::{Error, ErrorCode};

use super::calendar::text::{write_date, write_time, write_timestamp};
use super::datatype::Type;
use super::fault::{Fault, Outcome};
use super::listing::{Cell, Listing};
use super::numeric;
use super::plan::{Plan, Query};
use super::store::Lane;
use super::translate::Field;
use crate::backend::rows::{Bounds, Column, ResultSet, Value};

/// Runs `plan`; the lane sees its tables already.
///
/// # Errors
/// What the data made of it, or [`Fault::Cancelled`] after an interrupt, whatever its reason.
///
/// The first `rows_before` rows are passed over.
pub(super) fn run(plan: &Plan, lane: &Lane, bounds: Bounds, rows_before: u64) -> Outcome<ResultSet> {
    match plan {
        Plan::Listing(listing) => Ok(listed(listing, bounds, rows_before)),
        Plan::Query(query) => queried(query, lane, bounds, rows_before),
    }
}

/// A result from row number `rows_before` on.
fn begun(fields: &[Field], bounds: Bounds, rows_before: u64) -> ResultSet {
    let mut result = ResultSet::new(columns(fields), bounds);
    result.extent.begins.row = rows_before;
    result
}

/// All rows were seen.
fn whole(mut result: ResultSet) -> ResultSet {
    result.total = Some(result.extent.begins.row + result.returned());
    result
}

fn listed(listing: &Listing, bounds: Bounds, rows_before: u64) -> ResultSet {
    let mut result = begun(&listing.fields, bounds, rows_before);
    let mut scratch = String::new();
    let passed_over = usize::try_from(rows_before).unwrap_or(usize::MAX);
    for row in listing.rows.iter().skip(passed_over) {
        for (cell, field) in row.iter().zip(&listing.fields) {
            let value = match cell {
                Cell::Null => ValueRef::Null,
                Cell::Integer(number) => ValueRef::Integer(*number),
                Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            };
            // A listing has the values of its types.
            let _ = push(&mut result, field.kind, value, &mut scratch);
        }
        if !result.end_row() {
            return result;
        }
    }
    whole(result)
}

fn queried(query: &Query, lane: &Lane, bounds: Bounds, rows_before: u64) -> Outcome<ResultSet> {
    let fault = |error: Error| failed(&error);
    let mut statement = lane.connection.prepare_cached(&query.sql).map_err(fault)?;
    let parameters = rusqlite::params_from_iter(&query.frame.parameters);
    let mut rows = statement.query(parameters).map_err(fault)?;
    let mut result = begun(&query.fields, bounds, rows_before);
    let mut scratch = String::new();
    for _ in 0..rows_before {
        if rows.next().map_err(fault)?.is_none() {
            break;
        }
    }
    while let Some(row) = rows.next().map_err(fault)? {
        for (index, field) in query.fields.iter().enumerate() {
            let value = row.get_ref(index).map_err(fault)?;
            push(&mut result, field.kind, value, &mut scratch)?;
            // SQLite makes NULL of NaN. Where there can be no NULL, that is what it was.
            if field.kind == Type::Float && !field.nullable && matches!(value, ValueRef::Null) {
                result.note_non_finite();
            }
        }
        // One row beyond the bound tells that there is more; it is not kept, and SQLite is not stepped again.
        if !result.end_row() {
            return Ok(result);
        }
    }
    Ok(whole(result))
}

fn columns(fields: &[Field]) -> Vec<Column> {
    fields
        .iter()
        .map(|field| Column {
            name: field.name.clone(),
            type_name: field.kind.to_string(),
            nullable: field.nullable,
        })
        .collect()
}

/// Writes one cell by the type of its column.
fn push(result: &mut ResultSet, kind: Type, value: ValueRef<'_>, scratch: &mut String) -> Outcome<()> {
    scratch.clear();
    match (kind, value) {
        (_, ValueRef::Null) => result.push(Value::Null),
        (Type::Boolean, ValueRef::Integer(truth)) => result.push(Value::Boolean(truth != 0)),
        (Type::Number { scale, .. }, ValueRef::Integer(number)) => {
            numeric::write(number, scale, scratch);
            result.push(Value::Number(scratch));
        }
        // An integer that SQLite could not add up in 64 bits.
        (Type::Number { .. }, ValueRef::Real(_)) => return Err(Fault::too_many_digits()),
        (Type::Float, ValueRef::Real(number)) => push_float(result, number, scratch),
        (Type::Float, ValueRef::Integer(number)) => push_float(result, number as f64, scratch),
        (Type::Date, ValueRef::Integer(days)) => {
            write_date(days, scratch);
            result.push(Value::Text(scratch));
        }
        (Type::Time, ValueRef::Integer(micros)) => {
            write_time(micros, scratch);
            result.push(Value::Text(scratch));
        }
        (Type::Timestamp, ValueRef::Integer(micros)) => {
            write_timestamp(micros, 'T', scratch);
            result.push(Value::Text(scratch));
        }
        (Type::Instant { .. }, ValueRef::Integer(micros)) => {
            write_timestamp(micros, 'T', scratch);
            scratch.push('Z');
            result.push(Value::Text(scratch));
        }
        (Type::Text { .. } | Type::Null, ValueRef::Text(bytes)) => {
            result.push(Value::Text(&String::from_utf8_lossy(bytes)))
        }
        (kind, value) => {
            let found = value.data_type();
            return Err(Fault::Internal(format!("a column of type {kind} holds {found}")));
        }
    }
    Ok(())
}

/// JSON has no NaN and no infinities.
fn push_float(result: &mut ResultSet, number: f64, scratch: &mut String) {
    use std::fmt::Write as _;
    if !number.is_finite() {
        result.note_non_finite();
        return result.push(Value::Null);
    }
    let magnitude = number.abs();
    let _ = if magnitude != 0.0 && !(1e-7..1e21).contains(&magnitude) {
        write!(scratch, "{number:e}")
    } else {
        write!(scratch, "{number}")
    };
    result.push(Value::Number(scratch));
}

/// What SQLite says, as a fault of this engine.
fn failed(error: &Error) -> Fault {
    let text = error.to_string();
    if let Some(fault) = Fault::decode(&text) {
        return fault;
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => Fault::Cancelled,
        Some(ErrorCode::OutOfMemory) => Fault::Memory,
        Some(ErrorCode::TooBig) => {
            Fault::invalid_argument("a text is longer than 16 MiB, or the statement than 4 MiB")
        }
        _ if text.contains("integer overflow") => Fault::too_many_digits(),
        _ if TOO_COMPLEX.iter().any(|part| text.contains(part)) => {
            Fault::unsupported(format_args!("a statement so complex ({text})"))
        }
        _ => Fault::Internal(text),
    }
}

/// SQLite's limits on the shape of a statement, in its words.
const TOO_COMPLEX: [&str; 7] = [
    "too many terms in",
    "Expression tree is too large",
    "parser stack overflow",
    "at most 64 tables",
    "too many FROM clause terms",
    "too many columns",
    "too many arguments on function",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: Type, value: ValueRef<'_>) -> Outcome<String> {
        let field = Field {
            name: "X".into(),
            kind,
            nullable: true,
        };
        let bounds = Bounds {
            rows_max: 1,
            bytes_max: 1_000,
        };
        let mut result = ResultSet::new(columns(&[field]), bounds);
        push(&mut result, kind, value, &mut String::new())?;
        assert!(result.end_row());
        let row = result.rows().next().unwrap();
        let cell = row.cells().next().map(|cell| format!("{cell:?}"));
        Ok(cell.unwrap())
    }

    #[test]
    fn every_type_is_written_in_its_final_form() {
        let check = |kind, value, expected: &str| assert_eq!(shown(kind, value).as_deref(), Ok(expected));
        check(Type::number(4, 2), ValueRef::Integer(1250), r#"Number("12.50")"#);
        check(Type::Boolean, ValueRef::Integer(1), "Boolean(true)");
        check(Type::Date, ValueRef::Integer(-1), r#"Text("1969-12-31")"#);
        check(Type::Time, ValueRef::Integer(1), r#"Text("00:00:00.000001")"#);
        check(
            Type::Timestamp,
            ValueRef::Integer(500_000),
            r#"Text("1970-01-01T00:00:00.5")"#,
        );
        check(
            Type::Instant { scale: 3 },
            ValueRef::Integer(0),
            r#"Text("1970-01-01T00:00:00Z")"#,
        );
        check(Type::Float, ValueRef::Real(1.5), r#"Number("1.5")"#);
        check(Type::Float, ValueRef::Real(1e300), r#"Number("1e300")"#);
        check(Type::Float, ValueRef::Real(f64::INFINITY), "Null");
        check(
            Type::Text { length: 3 },
            ValueRef::Text("ä".as_bytes()),
            r#"Text("ä")"#,
        );
        check(Type::Date, ValueRef::Null, "Null");
    }

    #[test]
    fn a_sum_that_became_a_float_is_an_error_and_not_a_wrong_number() {
        assert_eq!(
            shown(Type::INTEGER, ValueRef::Real(1e19)),
            Err(Fault::too_many_digits())
        );
    }
}
