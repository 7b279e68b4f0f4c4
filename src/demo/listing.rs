//! Small results that are made without SQLite: SHOW, DESCRIBE, EXPLAIN and INFORMATION_SCHEMA.

use super::datatype::Type;
use super::translate::Field;

/// Rows with their columns, in the engine's own form of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) fields: Vec<Field>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// A value of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    /// A number, truth value or point in time.
    Integer(i64),
    Text(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Listing {
    /// No rows yet.
    pub(super) fn new(columns: &[(&str, Type)]) -> Self {
        let fields = columns
            .iter()
            .map(|(name, kind)| Field {
                name: (*name).to_owned(),
                kind: *kind,
                nullable: true,
            })
            .collect();
        Self {
            fields,
            rows: Vec::new(),
        }
    }

    /// Adds a row, which has a cell per column.
    pub(super) fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.fields.len(), "a row has a cell per column");
        self.rows.push(row);
    }

    /// An array of arrays, for SQLite's `json_each`.
    pub(super) fn to_json(&self) -> String {
        let rows: Vec<serde_json::Value> = self
            .rows
            .iter()
            .map(|row| {
                row.iter()
                    .map(|cell| match cell {
                        Cell::Null => serde_json::Value::Null,
                        Cell::Integer(number) => (*number).into(),
                        Cell::Text(text) => text.as_str().into(),
                    })
                    .collect()
            })
            .collect();
        serde_json::Value::Array(rows).to_string()
    }
}

/// The type of the columns called created_on.
pub(super) const CREATED: Type = Type::Instant { scale: 3 };
