//! How the rows stand in the text of a result: a table for people, or a form for programs.
//!
//! What a model reads costs tokens, and how many depends on the form. They are estimated, from bytes: what a token is
//! differs between models, and counting them would need each model's dictionary.

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

    /// Writes a row, not yet escaped, with what separates it from the one before. Markdown has a way of its own.
    pub(super) fn push_row(
        self,
        into: &mut String,
        row: Row<'_>,
        (columns, are_floats): (&[Column], &[bool]),
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
                for (index, (cell, column)) in row.cells().zip(columns).enumerate() {
                    if index > 0 {
                        into.push(',');
                    }
                    push_quoted(into, &column.name);
                    into.push(':');
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
