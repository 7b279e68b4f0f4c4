//! A backend that knows a handful of statements by heart.

#![allow(
    clippy::result_large_err,
    reason = "the shared error type, on a path where its size does not matter"
)]

use std::time::Duration;

use snowflake_mcp::backend::job::{Rendered, Work};
use snowflake_mcp::backend::rows::Bounds;
use snowflake_mcp::backend::{Answer, Column, Error, Kind, ResultSet, Value};

/// Runs the work and renders its answer, as a worker does.
pub(crate) fn run(work: Work) -> Result<Rendered, Error> {
    let texts = work.statements.iter().map(|statement| statement.text());
    // Of a statement that was run before: the only one there ever was.
    let before = (!work.is_run()).then_some("select before");
    let results: Result<Vec<_>, _> = texts
        .chain(before)
        .map(|text| result(text, work.bounds))
        .collect();
    let answer = Answer {
        results: results?,
        elapsed: Duration::from_millis(42),
    };
    Ok(work.render.run(answer))
}

fn result(statement: &str, bounds: Bounds) -> Result<ResultSet, Error> {
    let text = |name: &'static str| (name, "VARCHAR(16777216)");
    let mut result = if statement.contains("\"MISSING\"") {
        return Err(Error::new(Kind::NotFound, "object MISSING does not exist"));
    } else if statement.starts_with("SHOW DATABASES") {
        let columns = [text("created_on"), text("name"), text("kind"), text("owner")];
        let mut result = empty(&columns, bounds);
        push(
            &mut result,
            &["2026-01-01T00:00:00Z", "SALES", "STANDARD", "SYSADMIN"].map(Value::Text),
        );
        push(
            &mut result,
            &["2026-01-02T00:00:00Z", "raw data", "STANDARD", ""].map(Value::Text),
        );
        result
    } else if statement.starts_with("SHOW VIEWS") {
        let columns = [
            text("created_on"),
            text("name"),
            text("database_name"),
            text("schema_name"),
            text("owner"),
        ];
        let mut result = empty(&columns, bounds);
        push(
            &mut result,
            &["2026-01-01T00:00:00Z", "ORDERS", "SALES", "PUBLIC", "SYSADMIN"].map(Value::Text),
        );
        result
    } else if statement.starts_with("SHOW SCHEMAS") || statement.starts_with("SHOW TERSE SCHEMAS") {
        let mut result = empty(&[text("name"), text("comment")], bounds);
        push(&mut result, &["PUBLIC", "what \"all\" see"].map(Value::Text));
        push(&mut result, &["Raw", ""].map(Value::Text));
        result
    } else if statement.starts_with("SHOW OBJECTS") || statement.starts_with("SHOW TERSE OBJECTS") {
        let columns = [text("name"), text("kind"), text("rows"), text("comment")];
        let mut result = empty(&columns, bounds);
        push(
            &mut result,
            &["ORDERS", "TABLE", "1500000", "one a line"].map(Value::Text),
        );
        push(&mut result, &["OPEN_ORDERS", "VIEW", "", ""].map(Value::Text));
        result
    } else if statement.starts_with("SHOW COLUMNS") {
        let mut result = empty(&[text("table_name"), text("column_name")], bounds);
        push(&mut result, &["ORDERS", "ID"].map(Value::Text));
        push(&mut result, &["ORDERS", "NOTE"].map(Value::Text));
        result
    } else if statement.starts_with("DESCRIBE") {
        let mut result = empty(
            &[text("name"), text("type"), text("null?"), text("comment")],
            bounds,
        );
        push(&mut result, &["ID", "NUMBER(38,0)", "N", ""].map(Value::Text));
        push(
            &mut result,
            &["NOTE", "VARCHAR(10)", "Y", "free text"].map(Value::Text),
        );
        result
    } else if statement.contains("GET_DDL") {
        let mut result = empty(&[text("DDL")], bounds);
        push(
            &mut result,
            &[Value::Text("create or replace view ORDERS as\nselect 1;")],
        );
        result
    } else if statement.starts_with("select from") {
        let mut error = Error::new(Kind::Syntax, "unexpected 'from' at line 1, position 7");
        error.code = Some("001003".to_owned());
        return Err(error.with_query_id("01b2-0005"));
    } else {
        orders(bounds)
    };
    result.query_id = Some("01b2-0001".to_owned());
    Ok(result)
}

/// Three rows with a cell of every kind.
fn orders(bounds: Bounds) -> ResultSet {
    let columns = [
        ("ID", "NUMBER(38,0)"),
        ("PRICE", "NUMBER(38,2)"),
        ("PAID", "BOOLEAN"),
        ("NOTE", "VARCHAR(10)"),
        ("EXTRA", "VARIANT"),
    ];
    let mut result = empty(&columns, bounds);
    let rows = [
        [
            Value::Number("1"),
            Value::Number("1.50"),
            Value::Boolean(true),
            Value::Text("a|b"),
            Value::Json("[1,2]"),
        ],
        [
            Value::Number("12345678901234567890"),
            Value::Null,
            Value::Boolean(false),
            Value::Text("two\nlines"),
            Value::Null,
        ],
        [
            Value::Number("3"),
            Value::Number("0.00"),
            Value::Null,
            Value::Text("\"é\""),
            Value::Json("{\"k\":\"v\"}"),
        ],
    ];
    for row in rows {
        push(&mut result, &row);
    }
    result
}

fn empty(columns: &[(&str, &str)], bounds: Bounds) -> ResultSet {
    let column = |(name, type_name): &(&str, &str)| Column {
        name: (*name).to_owned(),
        type_name: (*type_name).to_owned(),
        nullable: true,
    };
    ResultSet::new(columns.iter().map(column).collect(), bounds)
}

fn push(result: &mut ResultSet, cells: &[Value<'_>]) {
    cells.iter().for_each(|cell| result.push(*cell));
    result.end_row();
}
