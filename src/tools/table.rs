//! Rows in both encodings, in one pass: a markdown table inside a JSON string, and JSON arrays.
//!
//! Cells are copied from the result's arena into two buffers; what needs an escape is found eight bytes at a time.
//! A row that would break the byte budget is withdrawn from both, so they always show the same rows.

use super::format::{Format, push_quoted};
use crate::backend::rows::Row;
use crate::backend::{Column, ResultSet, Value};
use crate::json;

/// Rows in both encodings.
#[derive(Debug)]
pub(super) struct Rows {
    /// What stood there before, then table rows, each begun by an escaped newline: the inside of a JSON string.
    pub(super) text: Vec<u8>,
    /// `[…],[…]`: the inside of a JSON array.
    pub(super) json: Vec<u8>,
    /// Rows in each.
    pub(super) returned: u64,
    /// Whether a budget cut them.
    pub(super) is_cut: bool,
    /// Whether that was the budget of the text alone.
    pub(super) is_cut_by_tokens: bool,
}

/// How rows are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Whether the JSON form is wanted.
    pub(super) is_structured: bool,
    /// Characters of a cell in the text form.
    pub(super) cell_text_max: usize,
    /// Bytes that both forms may have together.
    pub(super) room: usize,
    /// Bytes that the text form may have.
    pub(super) text_room: usize,
    /// How the text form is written.
    pub(super) format: Format,
}

/// Encodes the rows that fit.
pub(super) fn encode(result: &ResultSet, layout: Layout) -> Rows {
    encode_behind(Vec::with_capacity(expected_bytes(result, layout)), result, layout)
}

/// Bytes that both forms have together, estimated. The result's own estimate is close, so the buffers rarely grow; the
/// budget caps it.
pub(super) fn expected_bytes(result: &ResultSet, layout: Layout) -> usize {
    let of_each = (result.bytes() + result.bytes() / 8).min(layout.room);
    of_each * (1 + usize::from(layout.is_structured))
}

/// The same with the text behind `text`, which counts for no budget.
pub(super) fn encode_behind(text: Vec<u8>, result: &ResultSet, layout: Layout) -> Rows {
    let before = text.len();
    let json_bytes = if layout.is_structured {
        expected_bytes(result, layout) / 2
    } else {
        0
    };
    let mut rows = Rows {
        text,
        json: Vec::with_capacity(json_bytes),
        returned: 0,
        is_cut: false,
        is_cut_by_tokens: false,
    };
    let mut scratch = String::new();
    let are_floats: Vec<bool> = result.columns.iter().map(is_float).collect();
    let keys = layout.format.keys(&result.columns);
    for row in result.rows() {
        let (text_end, json_end) = (rows.text.len(), rows.json.len());
        match layout.format {
            Format::Markdown if layout.is_structured => {
                push_row_in_both(&mut rows, row, layout.cell_text_max, &are_floats);
            }
            Format::Markdown => push_text_row(&mut rows.text, row, layout.cell_text_max),
            other => {
                // Who is first writes no separator.
                scratch.clear();
                let begins = rows.returned == 0;
                other.push_row(&mut scratch, row, (&keys, &are_floats), begins);
                json::push_string_body(&mut rows.text, &scratch);
            }
        }
        if layout.is_structured && layout.format != Format::Markdown {
            push_json_row(&mut rows.json, row, &are_floats);
        }
        let text_bytes = rows.text.len() - before;
        let is_too_long = text_bytes > layout.text_room;
        if is_too_long || text_bytes + rows.json.len() > layout.room {
            rows.is_cut_by_tokens = is_too_long;
            rows.text.truncate(text_end);
            rows.json.truncate(json_end);
            rows.is_cut = true;
            break;
        }
        rows.returned += 1;
    }
    rows
}

/// The two lines above the rows of the table, as the inside of a JSON string.
pub(super) fn header(columns: &[Column], cell_text_max: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for column in columns {
        text.extend_from_slice(b"| ");
        push_cell(&mut text, &column.name, cell_text_max);
        text.push(b' ');
    }
    text.extend_from_slice(b"|\\n");
    for _ in columns {
        text.extend_from_slice(b"| --- ");
    }
    text.push(b'|');
    text
}

/// `{"name":…,"type":…,"nullable":…},…`: the inside of a JSON array.
pub(super) fn columns_json(columns: &[Column]) -> Vec<u8> {
    let mut into = Vec::with_capacity(columns.len() * 64);
    super::schema::push_separated(&mut into, columns.iter(), |into, column| {
        into.extend_from_slice(b"{\"name\":");
        json::push_string(into, &column.name);
        into.extend_from_slice(b",\"type\":");
        json::push_string(into, &column.type_name);
        into.extend_from_slice(if column.nullable {
            b",\"nullable\":true}"
        } else {
            b",\"nullable\":false}"
        });
    });
    into
}

/// A row of the table and of the array, as nearly all results are asked for: what needs an escape is looked for once.
fn push_row_in_both(rows: &mut Rows, row: Row<'_>, cell_text_max: usize, are_floats: &[bool]) {
    let Rows { text, json, .. } = rows;
    text.extend_from_slice(b"\\n|");
    json.extend_from_slice(if json.is_empty() { b"[" } else { b",[" });
    for (index, cell) in row.cells().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        match cell {
            // As most are: as it is in both.
            Value::Text(cell)
                if cell.len() <= cell_text_max && json::find_special(cell.as_bytes(), b'|') == cell.len() =>
            {
                push_between(text, b" ", cell, b" |");
                push_between(json, b"\"", cell, b"\"");
            }
            cell => {
                push_text_cell(text, cell, cell_text_max);
                push_json_cell(json, cell, are_floats[index]);
            }
        }
    }
    json.push(b']');
}

fn push_between(into: &mut Vec<u8>, before: &[u8], text: &str, after: &[u8]) {
    into.reserve(before.len() + text.len() + after.len());
    into.extend_from_slice(before);
    into.extend_from_slice(text.as_bytes());
    into.extend_from_slice(after);
}

fn push_text_row(into: &mut Vec<u8>, row: Row<'_>, cell_text_max: usize) {
    into.extend_from_slice(b"\\n|");
    row.cells()
        .for_each(|cell| push_text_cell(into, cell, cell_text_max));
}

fn push_text_cell(into: &mut Vec<u8>, cell: Value<'_>, cell_text_max: usize) {
    match cell {
        Value::Null => into.extend_from_slice(b" NULL |"),
        Value::Boolean(true) => into.extend_from_slice(b" true |"),
        Value::Boolean(false) => into.extend_from_slice(b" false |"),
        Value::Number(text) => push_between(into, b" ", text, b" |"),
        Value::Text(text) | Value::Json(text) => {
            into.push(b' ');
            push_cell(into, text, cell_text_max);
            into.extend_from_slice(b" |");
        }
    }
}

/// A cell of the table: cut, pipes escaped, line breaks made spaces, then escaped for JSON.
fn push_cell(into: &mut Vec<u8>, text: &str, chars_max: usize) {
    let (kept, is_cut) = cut(text, chars_max);
    let mut bytes = kept.as_bytes();
    loop {
        let plain = json::find_special(bytes, b'|');
        into.extend_from_slice(&bytes[..plain]);
        let Some(&special) = bytes.get(plain) else { break };
        bytes = &bytes[plain + 1..];
        match special {
            // A backslash for markdown, which JSON wants twice.
            b'|' => into.extend_from_slice(b"\\\\|"),
            b'\r' if bytes.first() == Some(&b'\n') => {}
            b'\n' | b'\r' => into.push(b' '),
            other => json::push_escape(into, other),
        }
    }
    if is_cut {
        into.extend_from_slice(ELLIPSIS.as_bytes());
        into.extend_from_slice(format!(" ({} characters)", text.chars().count()).as_bytes());
    }
}

const ELLIPSIS: &str = "...";

/// The part of `text` that is shown if a cell may have `chars_max` characters, and whether an ellipsis follows it.
fn cut(text: &str, chars_max: usize) -> (&str, bool) {
    // No text has more characters than bytes.
    if text.len() <= chars_max || text.char_indices().nth(chars_max).is_none() {
        return (text, false);
    }
    let kept = chars_max.saturating_sub(ELLIPSIS.len());
    let end = text.char_indices().nth(kept).map_or(text.len(), |(end, _)| end);
    (&text[..end], true)
}

fn push_json_row(into: &mut Vec<u8>, row: Row<'_>, are_floats: &[bool]) {
    into.extend_from_slice(if into.is_empty() { b"[" } else { b",[" });
    for (index, cell) in row.cells().enumerate() {
        if index > 0 {
            into.push(b',');
        }
        push_json_cell(into, cell, are_floats[index]);
    }
    into.push(b']');
}

fn push_json_cell(into: &mut Vec<u8>, cell: Value<'_>, is_float: bool) {
    match cell {
        Value::Null => into.extend_from_slice(b"null"),
        Value::Boolean(true) => into.extend_from_slice(b"true"),
        Value::Boolean(false) => into.extend_from_slice(b"false"),
        Value::Number(text) if is_float || is_exact_as_double(text) => {
            into.extend_from_slice(text.as_bytes());
        }
        Value::Number(text) => push_between(into, b"\"", text, b"\""),
        Value::Text(text) => json::push_string(into, text),
        Value::Json(text) => {
            debug_assert!(
                !text.contains('\n'),
                "documents are compact: stdio frames by lines"
            );
            into.extend_from_slice(text.as_bytes());
        }
    }
}

/// A cell as JSON, in a text that is escaped as a whole afterwards.
pub(super) fn cell_json(into: &mut String, cell: Value<'_>, is_float: bool) {
    match cell {
        Value::Null => into.push_str("null"),
        Value::Boolean(true) => into.push_str("true"),
        Value::Boolean(false) => into.push_str("false"),
        Value::Number(text) if is_float || is_exact_as_double(text) => into.push_str(text),
        Value::Number(text) => {
            into.push('"');
            into.push_str(text);
            into.push('"');
        }
        Value::Text(text) => push_quoted(into, text),
        Value::Json(text) => into.push_str(text),
    }
}

/// Whether the column holds doubles, which any client reads exactly however many digits they are written with.
fn is_float(column: &Column) -> bool {
    ["FLOAT", "REAL", "DOUBLE"]
        .iter()
        .any(|name| column.type_name.starts_with(name))
}

/// Whether a client that reads numbers as doubles (JavaScript) gets back what is written: at most 15 significant digits
/// survive the way there and back.
fn is_exact_as_double(number: &str) -> bool {
    if number.len() <= SIGNIFICANT_DIGITS_MAX && !number.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
        return true;
    }
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, ""));
    let digits = mantissa.bytes().filter(u8::is_ascii_digit);
    let leading = digits.clone().take_while(|digit| *digit == b'0').count();
    let trailing = digits.clone().rev().take_while(|digit| *digit == b'0').count();
    let significant = digits.count().saturating_sub(leading + trailing);
    if significant > SIGNIFICANT_DIGITS_MAX {
        return false;
    }
    exponent.is_empty()
        || number
            .parse::<f64>()
            .is_ok_and(|double| double.is_finite() && (double != 0.0 || significant == 0))
}

const SIGNIFICANT_DIGITS_MAX: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::rows::Bounds;

    fn result(cells: &[&[Value<'_>]]) -> ResultSet {
        let width = cells.first().map_or(1, |row| row.len());
        let columns = (0..width)
            .map(|index| Column {
                name: format!("C{index}"),
                type_name: "VARCHAR".to_owned(),
                nullable: index > 0,
            })
            .collect();
        let bounds = Bounds {
            rows_max: 1_000_000,
            bytes_max: 64 << 20,
        };
        let mut result = ResultSet::new(columns, bounds);
        for row in cells {
            row.iter().for_each(|cell| result.push(*cell));
            result.end_row();
        }
        result
    }

    fn layout(cell_text_max: usize, room: usize) -> Layout {
        Layout {
            is_structured: true,
            cell_text_max,
            room,
            text_room: usize::MAX,
            format: Format::Markdown,
        }
    }

    /// The table as a client sees it, and the rows as JSON.
    fn encoded(cells: &[&[Value<'_>]], cell_text_max: usize) -> (String, String) {
        let rows = encode(&result(cells), layout(cell_text_max, usize::MAX));
        let quoted = format!("\"{}\"", String::from_utf8(rows.text).unwrap());
        (
            serde_json::from_str(&quoted).unwrap(),
            String::from_utf8(rows.json).unwrap(),
        )
    }

    #[test]
    fn every_kind_of_cell_has_its_text_and_its_json() {
        let (text, json) = encoded(
            &[&[
                Value::Null,
                Value::Boolean(true),
                Value::Number("-1.50"),
                Value::Text("a\"b"),
                Value::Json(r#"{"a":[1]}"#),
            ]],
            200,
        );
        assert_eq!(text, "\n| NULL | true | -1.50 | a\"b | {\"a\":[1]} |");
        assert_eq!(json, r#"[null,true,-1.50,"a\"b",{"a":[1]}]"#);
    }

    #[test]
    fn a_cell_cannot_break_out_of_its_row() {
        let (text, json) = encoded(&[&[Value::Text("a|b\r\nc\rd\n\te\\|f")]], 200);
        assert_eq!(text, "\n| a\\|b c d \te\\\\|f |");
        assert_eq!(json, r#"["a|b\r\nc\rd\n\te\\|f"]"#);
    }

    #[test]
    fn a_long_cell_is_cut_in_the_text_and_whole_in_the_json() {
        let long = "é".repeat(201);
        let (text, json) = encoded(&[&[Value::Text(&long)]], 200);
        assert_eq!(text, format!("\n| {}... (201 characters) |", "é".repeat(197)));
        assert_eq!(json, format!("[\"{long}\"]"));
        let fits = "é".repeat(200);
        assert_eq!(encoded(&[&[Value::Text(&fits)]], 200).0, format!("\n| {fits} |"));
    }

    #[test]
    fn a_number_that_a_double_would_bend_becomes_a_string() {
        for (number, is_exact) in [
            ("123456789012345", true),
            ("-123456789012345", true),
            ("1234567890123456", false),
            ("0.1234567890123456", false),
            ("0.000000000000000000123", true),
            ("1.50000000000000000000", true),
            ("100000000000000000000", true),
            ("99999999999999999999999999999999999999", false),
            ("1e308", true),
            ("1e309", false),
            ("1e-400", false),
            ("0e5", true),
            ("1.234567890123456e2", false),
            ("0", true),
        ] {
            assert_eq!(is_exact_as_double(number), is_exact, "{number}");
        }
        let (text, json) = encoded(&[&[Value::Number("1234567890123456")]], 200);
        assert_eq!(text, "\n| 1234567890123456 |");
        assert_eq!(json, r#"["1234567890123456"]"#);
    }

    #[test]
    fn a_double_is_a_number_however_long_it_is_written() {
        let mut floats = result(&[&[Value::Number("0.30000000000000004")]]);
        floats.columns[0].type_name = "FLOAT".to_owned();
        assert_eq!(encode(&floats, layout(200, 999)).json, b"[0.30000000000000004]");
    }

    #[test]
    fn the_budget_cuts_both_forms_after_the_same_row() {
        let cell = Value::Text("0123456789");
        let many: Vec<&[Value<'_>]> = vec![std::slice::from_ref(&cell); 50];
        for room in [0, 33, 34, 35, 500, 1_000] {
            let rows = encode(&result(&many), layout(200, room));
            assert!(rows.text.len() + rows.json.len() <= room);
            let lines = String::from_utf8(rows.text).unwrap().matches("\\n").count();
            let arrays = String::from_utf8(rows.json).unwrap().matches('[').count();
            assert_eq!((lines as u64, arrays as u64), (rows.returned, rows.returned));
            assert!(rows.is_cut && rows.returned < 50);
        }
        let whole = encode(&result(&many), layout(200, 2_000));
        assert_eq!((whole.returned, whole.is_cut), (50, false));
    }

    #[test]
    fn the_header_escapes_the_names_of_columns() {
        let mut columns = result(&[&[Value::Null, Value::Null]]).columns;
        columns[0].name = "a|\"b\"".to_owned();
        let header = format!("\"{}\"", String::from_utf8(header(&columns, 200)).unwrap());
        assert_eq!(
            serde_json::from_str::<String>(&header).unwrap(),
            "| a\\|\"b\" | C1 |\n| --- | --- |"
        );
        assert_eq!(
            String::from_utf8(columns_json(&columns)).unwrap(),
            r#"{"name":"a|\"b\"","type":"VARCHAR","nullable":false},{"name":"C1","type":"VARCHAR","nullable":true}"#
        );
    }
}
