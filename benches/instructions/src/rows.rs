//! A result of a usual shape, of any length. Shared with `benches/micro`.

use snowflake_mcp::backend::rows::Bounds;
use snowflake_mcp::backend::{Column, ResultSet, Value};

/// Rows of TPC-H's `LINEITEM`, all but: numbers, a date, words and a comment that wants an escape now and then.
pub(crate) fn rows(count: u64) -> ResultSet {
    let column = |(name, type_name): (&str, &str)| Column {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        nullable: false,
    };
    let bounds = Bounds {
        rows_max: count,
        bytes_max: 64 << 20,
    };
    let mut result = ResultSet::new(COLUMNS.iter().copied().map(column).collect(), bounds);
    for row in 0..count {
        let key = (row / 4 + 1).to_string();
        let price = format!("{}.{:02}", 900 + row * 7_919 % 99_000, row % 100);
        let date = format!("199{}-{:02}-{:02}", 2 + row % 7, 1 + row % 12, 1 + row % 28);
        let comment = COMMENTS[usize::try_from(row).unwrap_or(0) % COMMENTS.len()];
        result.push(Value::Number(&key));
        result.push(Value::Number(&price));
        result.push(Value::Number("0.04"));
        result.push(Value::Text("N"));
        result.push(Value::Text(&date));
        result.push(Value::Text("DELIVER IN PERSON"));
        result.push(if row % 50 == 0 {
            Value::Null
        } else {
            Value::Text("TRUCK")
        });
        result.push(Value::Text(comment));
        result.end_row();
    }
    result
}

const COLUMNS: [(&str, &str); 8] = [
    ("L_ORDERKEY", "NUMBER(38,0)"),
    ("L_EXTENDEDPRICE", "NUMBER(12,2)"),
    ("L_DISCOUNT", "NUMBER(12,2)"),
    ("L_RETURNFLAG", "VARCHAR(1)"),
    ("L_SHIPDATE", "DATE"),
    ("L_SHIPINSTRUCT", "VARCHAR(25)"),
    ("L_SHIPMODE", "VARCHAR(10)"),
    ("L_COMMENT", "VARCHAR(44)"),
];

const COMMENTS: [&str; 4] = [
    "egular courts above the",
    "ly final dependencies: slyly bold",
    "he \"unusual\" accounts. even, | regular deposits",
    "lites. fluffily even de",
];
