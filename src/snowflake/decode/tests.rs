//! Cells of every column type, from the form of the wire to the one that leaves the program.

use super::*;

fn column_of(type_name: &str) -> RowType {
    serde_json::from_value(serde_json::json!({ "name": "C", "type": type_name })).unwrap()
}

#[track_caller]
fn check(type_name: &str, wire: &str, expected: Value<'_>) {
    let mut scratch = "left over".to_owned();
    let encoding = Encoding::of(&column_of(type_name));
    assert_eq!(
        encoding.decode(wire, &mut scratch),
        expected,
        "{type_name} {wire:?}"
    );
}

#[test]
fn numbers_keep_every_digit() {
    for wire in [
        "12345678901234567890123456789012345678",
        "12345678.91",
        "-0.10",
        "0",
    ] {
        check("fixed", wire, Value::Number(wire));
    }
    for wire in ["1.5", "1e-07", "1.5E+300", "-2.0"] {
        check("real", wire, Value::Number(wire));
    }
    check("decfloat", "1.234e+200", Value::Number("1.234e+200"));
    check("decfloat", "1.234e+400", Value::Text("1.234e+400"));
    check("FIXED", "7", Value::Number("7"));
}

#[test]
fn what_json_cannot_say_is_null_and_what_it_spells_otherwise_is_respelt() {
    for wire in ["NaN", "inf", "-inf", "Infinity", "-Infinity"] {
        check("real", wire, Value::Null);
    }
    check("real", ".5", Value::Number("0.5"));
    check("real", "-.5", Value::Number("-0.5"));
    check("real", "1.", Value::Number("1.0"));
    check("real", "+1", Value::Number("1.0"));
    check("fixed", "007", Value::Number("7.0"));
    check("fixed", "1,5", Value::Text("1,5"));
    check("real", "", Value::Text(""));
    let long = format!(".{}", "1".repeat(40));
    check("decfloat", &long, Value::Text(&long));
}

#[test]
fn a_number_that_readers_of_json_refuse_is_shown_as_text() {
    let (long, longer) = ("9".repeat(300), "9".repeat(400));
    check("decfloat", &long, Value::Number(&long));
    check("decfloat", &longer, Value::Text(&longer));
    check(
        "real",
        "1.7976931348623157e308",
        Value::Number("1.7976931348623157e308"),
    );
    // Finite, but not to a reader that rounds on its way.
    let near = "1.7976931348623157157157157e308";
    check("decfloat", near, Value::Text(near));
}

#[test]
fn booleans_come_in_words_and_in_digits() {
    check("boolean", "true", Value::Boolean(true));
    check("boolean", "1", Value::Boolean(true));
    check("boolean", "FALSE", Value::Boolean(false));
    check("boolean", "0", Value::Boolean(false));
    check("boolean", "maybe", Value::Text("maybe"));
}

#[test]
fn dates_are_counted_from_1970_in_both_directions() {
    check("date", "0", Value::Text("1970-01-01"));
    check("date", "20455", Value::Text("2026-01-02"));
    check("date", "-25567", Value::Text("1900-01-01"));
    check("date", "2932896", Value::Text("9999-12-31"));
    check("date", "2932897", Value::Text("+010000-01-01"));
    check("date", "35804721", Value::Text("+099999-12-31"));
    check("date", "-719528", Value::Text("0000-01-01"));
    check("date", "-719529", Value::Text("-000001-12-31"));
    for beyond in ["200000000", "-200000000", "-9223372036854775808"] {
        check("date", beyond, Value::Text(beyond));
    }
    check("date", "09/10/2026", Value::Text("09/10/2026"));
}

#[test]
fn times_lose_only_the_zeros_at_their_end() {
    check("time", "45296.789000000", Value::Text("12:34:56.789"));
    check("time", "45296", Value::Text("12:34:56"));
    check("time", "0.000000001", Value::Text("00:00:00.000000001"));
    check("time", "86399.999", Value::Text("23:59:59.999"));
    check("time", "86400", Value::Text("86400"));
    check("time", "-1", Value::Text("-1"));
}

#[test]
fn timestamps_say_their_zone_if_they_have_one() {
    check(
        "timestamp_ntz",
        "1767323045.678000000",
        Value::Text("2026-01-02T03:04:05.678"),
    );
    check(
        "timestamp_ntz",
        "1767323040.000000000",
        Value::Text("2026-01-02T03:04:00"),
    );
    check(
        "timestamp_ltz",
        "1767323045.678",
        Value::Text("2026-01-02T03:04:05.678Z"),
    );
    check(
        "timestamp_tz",
        "1767323045.678 1860",
        Value::Text("2026-01-02T10:04:05.678+07:00"),
    );
    check(
        "timestamp_tz",
        "1767323045 1440",
        Value::Text("2026-01-02T03:04:05+00:00"),
    );
    check(
        "timestamp_tz",
        "1767323045 1110",
        Value::Text("2026-01-01T21:34:05-05:30"),
    );
}

#[test]
fn moments_go_on_behind_9999() {
    check(
        "timestamp_ntz",
        "253402300799.999999999",
        Value::Text("9999-12-31T23:59:59.999999999"),
    );
    check(
        "timestamp_tz",
        "253402300799 1440",
        Value::Text("9999-12-31T23:59:59+00:00"),
    );
    check(
        "timestamp_tz",
        "253402300799 1860",
        Value::Text("+010000-01-01T06:59:59+07:00"),
    );
}

#[test]
fn moments_before_1970_keep_their_fraction() {
    check("timestamp_ntz", "-0.5", Value::Text("1969-12-31T23:59:59.5"));
    check(
        "timestamp_ltz",
        "-62135596800.000",
        Value::Text("0001-01-01T00:00:00Z"),
    );
    check(
        "timestamp_tz",
        "-1.250 1440",
        Value::Text("1969-12-31T23:59:58.75+00:00"),
    );
}

#[test]
fn a_moment_in_another_format_is_passed_on() {
    for wire in [
        "2026-01-02 03:04:05",
        "1.2345678901",
        "1e9",
        ".5",
        "",
        "99999999999999",
        "--1",
    ] {
        check("timestamp_ntz", wire, Value::Text(wire));
    }
    for wire in ["1767323045", "1767323045 x", "1767323045 999999999"] {
        check("timestamp_tz", wire, Value::Text(wire));
    }
}

#[test]
fn documents_become_compact_json() {
    check("variant", "{\n  \"a\": 1\n}", Value::Json("{\"a\":1}"));
    check(
        "array",
        "[\n  1,\n  \"x\",\n  undefined\n]",
        Value::Json("[1,\"x\",null]"),
    );
    check(
        "object",
        "{ \"k \\\" undefined\": \"a  b\\\\\", \"é\":\tundefined }",
        Value::Json("{\"k \\\" undefined\":\"a  b\\\\\",\"é\":null}"),
    );
    check("variant", "\"text\"", Value::Json("\"text\""));
    check(
        "vector",
        "[1.000000,2.000000]",
        Value::Json("[1.000000,2.000000]"),
    );
    check("array", "[]", Value::Json("[]"));
}

#[test]
fn a_document_that_is_no_json_is_shown_as_it_came() {
    for wire in [
        "POINT(1 2)",
        "{\"a\": NaN}",
        "{\"open",
        "\"ends in a backslash\\",
        "",
        "undefinedx",
        "[1 0]",
        "[tr\nue]",
        "-\t1",
        "[1] [2]",
    ] {
        check("variant", wire, Value::Text(wire));
    }
    let deep = "[".repeat(65) + &"]".repeat(65);
    check("variant", &deep, Value::Text(&deep));
}

#[test]
fn text_binary_and_unknown_types_pass_unchanged() {
    check("text", "  null\n", Value::Text("  null\n"));
    check("binary", "DEADBEEF", Value::Text("DEADBEEF"));
    check("interval_year_month", "+1-02", Value::Text("+1-02"));
    check("", "x", Value::Text("x"));
}

#[test]
fn types_are_named_as_in_a_create_table() {
    let check = |row_type: serde_json::Value, expected: &str| {
        let row_type: RowType = serde_json::from_value(row_type).unwrap();
        assert_eq!(type_name(&row_type), expected);
    };
    use serde_json::json;
    check(
        json!({ "type": "fixed", "precision": 38, "scale": 0 }),
        "NUMBER(38,0)",
    );
    check(json!({ "type": "fixed", "precision": 10 }), "NUMBER(10,0)");
    check(json!({ "type": "fixed" }), "NUMBER");
    check(json!({ "type": "real", "precision": null }), "FLOAT");
    check(
        json!({ "type": "text", "length": 16_777_216, "byteLength": 16_777_216 }),
        "VARCHAR(16777216)",
    );
    check(json!({ "type": "TEXT" }), "VARCHAR");
    check(
        json!({ "type": "timestamp_ntz", "precision": 0, "scale": 9 }),
        "TIMESTAMP_NTZ(9)",
    );
    check(json!({ "type": "time", "scale": 3 }), "TIME(3)");
    check(json!({ "type": "date" }), "DATE");
    check(json!({ "type": "binary", "length": 8 }), "BINARY(8)");
    check(
        json!({ "type": "object", "extTypeName": "GEOGRAPHY" }),
        "GEOGRAPHY",
    );
    check(json!({ "type": "variant", "new": { "member": 1 } }), "VARIANT");
}

mod reference;
