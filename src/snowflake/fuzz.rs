//! Entry points for fuzzers ([`crate::fuzz`]): a result as it arrives, and single cells.

use std::io::{self, Read};

use serde::de::IgnoredAny;

use super::answer::{self, RowType};
use super::decode::{self, Encoding};
use super::partition::Reading;
use crate::backend::rows::{Bounds, Position};
use crate::backend::{CancelToken, Value};
use crate::fuzz::cuts;

/// However the bytes of an answer arrive, the same rows are taken from it; they keep within the bounds, and every cell
/// is what it says it is.
pub fn answer(bytes: &[u8]) {
    for bounds in [
        Bounds {
            rows_max: 100,
            bytes_max: 64 << 10,
        },
        Bounds {
            rows_max: 2,
            bytes_max: 60,
        },
    ] {
        let mut ways = cuts(bytes).into_iter();
        let whole = read(&ways.next().unwrap_or_default(), bounds);
        for parts in ways {
            assert_eq!(read(&parts, bounds), whole, "split {parts:?}");
        }
    }
}

/// What reading `parts` ends with, and the result so far.
fn read(parts: &[&[u8]], bounds: Bounds) -> (String, String) {
    let body = Parts {
        parts: parts.iter().map(|part| part.to_vec()).collect(),
    };
    let mut reading = Reading::new(bounds, Position::default());
    reading.begin_partition();
    let end = answer::read(Box::new(body), &mut reading, PIECE_BYTES_MAX, &CancelToken::new());
    let ended = reading.end_partition();
    let Some(result) = reading.finish(None) else {
        return (format!("{end:?}, {ended:?}"), String::new());
    };
    assert!(result.returned() <= bounds.rows_max, "{} rows", result.returned());
    assert_eq!(result.rows().count() as u64, result.returned());
    for value in result.rows().flat_map(|row| row.cells()) {
        assert_honest(value);
    }
    (format!("{end:?}, {ended:?}"), format!("{result:?}"))
}

/// Every encoding decodes any text to a value that is what it says it is, and texts that are no value to themselves.
pub fn cell(bytes: &[u8]) {
    let wire = String::from_utf8_lossy(bytes);
    let mut scratch = String::new();
    for type_name in TYPE_NAMES {
        let row_type = RowType {
            name: "C".to_owned(),
            type_name: type_name.to_owned(),
            nullable: true,
            precision: None,
            scale: None,
            length: None,
            extended: None,
        };
        assert!(!decode::column(&row_type).type_name.is_empty());
        let value = Encoding::of(&row_type).decode(&wire, &mut scratch);
        assert_honest(value);
        if type_name == "text" {
            assert_eq!(value, Value::Text(&wire));
        }
    }
}

/// Numbers and documents go into a reply as they are: they must be JSON, and numbers ones that every reader takes.
fn assert_honest(value: Value<'_>) {
    match value {
        Value::Null | Value::Boolean(_) | Value::Text(_) => {}
        Value::Number(text) => {
            let number: Result<f64, _> = serde_json::from_str(text);
            assert!(number.is_ok_and(f64::is_finite), "{text}");
        }
        Value::Json(text) => {
            assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "{text}");
            assert!(!text.contains('\n'), "{text}");
        }
    }
}

/// A body that arrives in pieces.
struct Parts {
    parts: std::collections::VecDeque<Vec<u8>>,
}

impl Read for Parts {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(part) = self.parts.front_mut() else {
            return Ok(0);
        };
        let count = part.len().min(into.len());
        into[..count].copy_from_slice(&part[..count]);
        part.drain(..count);
        if part.is_empty() {
            self.parts.pop_front();
        }
        Ok(count)
    }
}

/// Above what a fuzzer sends: where exactly a row is too large depends on how much was read ahead.
const PIECE_BYTES_MAX: u64 = 4 << 20;
const TYPE_NAMES: [&str; 12] = [
    "fixed",
    "real",
    "decfloat",
    "boolean",
    "date",
    "time",
    "timestamp_ntz",
    "timestamp_ltz",
    "timestamp_tz",
    "variant",
    "vector",
    "text",
];
