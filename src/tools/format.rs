//! How the rows stand in the text of a result: a table for people, or a form for programs.
//!
//! What a model reads costs tokens, and how many depends on the form. They are estimated, from bytes: what a token is
//! differs between models, and counting them would need each model's dictionary.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::table::cell_json;
use crate::backend::rows::Row;
use crate::backend::{Column, Value};
use crate::json;

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A table in Markdown; long cells are cut.
    Markdown,
    /// `{"columns":[…],"rows":[[…],…]}`.
    Json,
    /// RFC 4180, with a line of names. NULL is an empty field, an empty text is `""`.
    Csv,
    /// An object a line.
    JsonLines,
}

impl Format {
    /// What callers may write; the first is what they get otherwise.
    pub(super) const NAMES: &'static [&'static str] = &["markdown", "json", "csv", "jsonl"];

    /// The form that is called so.
    pub(super) fn parse(name: &str) -> Self {
        match name {
            "json" => Self::Json,
            "csv" => Self::Csv,
            "jsonl" => Self::JsonLines,
            _ => Self::Markdown,
        }
    }

    /// What stands before the first row, not yet escaped.
    pub(super) fn head(self, columns: &[Column]) -> String {
        let mut head = String::new();
        match self {
            Self::Markdown | Self::JsonLines => {}
            Self::Json => {
                head.push_str("{\"columns\":[");
                for (index, column) in columns.iter().enumerate() {
                    if index > 0 {
                        head.push(',');
                    }
                    push_quoted(&mut head, &column.name);
                }
                head.push_str("],\"rows\":[");
            }
            Self::Csv => {
                for (index, column) in columns.iter().enumerate() {
                    if index > 0 {
                        head.push(',');
                    }
                    push_field(&mut head, &column.name);
                }
            }
        }
        head
    }

    /// What stands after the last row.
    pub(super) const fn tail(self) -> &'static str {
        match self {
            Self::Json => "]}",
            Self::Markdown | Self::Csv | Self::JsonLines => "",
        }
    }

    /// What each cell of a row stands behind, quoted, where it stands behind something. A name that comes again gets a
    /// number: of two members with one name most readers see the last only.
    pub(super) fn keys(self, columns: &[Column]) -> Vec<String> {
        if self != Self::JsonLines {
            return Vec::new();
        }
        let mut taken: BTreeSet<String> = columns.iter().map(|column| column.name.clone()).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let keys = columns.iter().map(|column| {
            let count = counts.entry(&column.name).or_default();
            *count += 1;
            let mut key = column.name.clone();
            while *count > 1 {
                key = format!("{}_{count}", column.name);
                if taken.insert(key.clone()) {
                    break;
                }
                *count += 1;
            }
            let mut quoted = String::with_capacity(key.len() + 3);
            push_quoted(&mut quoted, &key);
            quoted.push(':');
            quoted
        });
        keys.collect()
    }

    /// Writes a row, not yet escaped, with what separates it from the one before. Markdown has a way of its own.
    pub(super) fn push_row(
        self,
        into: &mut String,
        row: Row<'_>,
        (keys, are_floats): (&[String], &[bool]),
        is_first: bool,
    ) {
        match self {
            Self::Markdown => {}
            Self::Json => {
                into.push_str(if is_first { "[" } else { ",\n[" });
                for (index, cell) in row.cells().enumerate() {
                    if index > 0 {
                        into.push(',');
                    }
                    cell_json(into, cell, are_floats[index]);
                }
                into.push(']');
            }
            Self::Csv => {
                into.push('\n');
                for (index, cell) in row.cells().enumerate() {
                    if index > 0 {
                        into.push(',');
                    }
                    match cell {
                        Value::Null => {}
                        Value::Boolean(truth) => {
                            let _ = write!(into, "{truth}");
                        }
                        Value::Number(text) => into.push_str(text),
                        Value::Text("") => into.push_str("\"\""),
                        Value::Text(text) | Value::Json(text) => push_field(into, text),
                    }
                }
            }
            Self::JsonLines => {
                into.push_str(if is_first { "{" } else { "\n{" });
                for (index, (cell, key)) in row.cells().zip(keys).enumerate() {
                    if index > 0 {
                        into.push(',');
                    }
                    into.push_str(key);
                    cell_json(into, cell, are_floats[index]);
                }
                into.push('}');
            }
        }
    }
}

/// A field of CSV: in quotes where it has to be.
fn push_field(into: &mut String, text: &str) {
    if text.contains(['"', ',', '\n', '\r']) {
        let _ = write!(into, "\"{}\"", text.replace('"', "\"\""));
    } else {
        into.push_str(text);
    }
}

pub(super) fn push_quoted(into: &mut String, text: &str) {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    json::push_string(&mut quoted, text);
    into.push_str(std::str::from_utf8(&quoted).unwrap_or_default());
}

/// How many bytes of a result's text so many tokens are, estimated: seven for two. Tables of numbers have fewer bytes to a
/// token than prose has, so the estimate errs to the side that is too few for the latter.
pub(super) const fn bytes_of(tokens: u64) -> usize {
    let bytes = tokens.saturating_mul(7) / 2;
    if bytes > usize::MAX as u64 {
        usize::MAX
    } else {
        bytes as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<String> {
        let columns: Vec<Column> = names
            .iter()
            .map(|name| Column {
                name: (*name).to_owned(),
                type_name: "VARCHAR".to_owned(),
                nullable: true,
            })
            .collect();
        Format::JsonLines.keys(&columns)
    }

    #[test]
    fn no_two_members_of_a_line_have_one_name() {
        assert_eq!(keys(&["A", "a", ""]), ["\"A\":", "\"a\":", "\"\":"]);
        assert_eq!(
            keys(&["A", "A", "A_2", "A", "", ""]),
            ["\"A\":", "\"A_3\":", "\"A_2\":", "\"A_4\":", "\"\":", "\"_2\":"]
        );
        assert_eq!(
            keys(&["A_2", "A", "A", "A_2"]),
            ["\"A_2\":", "\"A\":", "\"A_3\":", "\"A_2_2\":"]
        );
    }
}
