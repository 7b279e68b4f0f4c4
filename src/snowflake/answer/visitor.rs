//! serde's way through a result's JSON: the outer object, its rows, their cells. Each row is handed over before the
//! next one is read.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Gauge, RowSink, Trailer};

/// The cells of one row as they came.
#[derive(Debug, Default)]
pub(in crate::snowflake) struct Row {
    text: String,
    /// Where each cell's text ends; `None` is NULL.
    ends: Vec<Option<usize>>,
}

impl Row {
    /// Cells.
    pub(in crate::snowflake) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cells in order.
    pub(in crate::snowflake) fn cells(&self) -> impl Iterator<Item = Option<&str>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = (*end)?;
            let cell = &self.text[start..end];
            start = end;
            Some(cell)
        })
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn end_cell(&mut self) {
        self.ends.push(Some(self.text.len()));
    }
}

/// Reads the outer object.
pub(super) struct AnswerSeed<'a> {
    pub(super) gauge: &'a Gauge,
    pub(super) sink: &'a mut dyn RowSink,
}

impl<'de> DeserializeSeed<'de> for AnswerSeed<'_> {
    type Value = Trailer;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Trailer, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AnswerSeed<'_> {
    type Value = Trailer;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with resultSetMetaData and data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Trailer, A::Error> {
        let mut trailer = Trailer::default();
        // Rows that came before their metadata: legal JSON, never seen, bounded like one row.
        let mut early: Option<Vec<Row>> = None;
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "resultSetMetaData" => {
                    self.sink.begin(map.next_value()?).map_err(A::Error::custom)?;
                }
                "data" if self.sink.has_begun() => map.next_value_seed(RowsSeed {
                    gauge: self.gauge,
                    sink: self.sink,
                })?,
                "data" => early = map.next_value_seed(EarlyRowsSeed)?,
                "code" => trailer.code = text(map.next_value()?),
                "message" => trailer.message = text(map.next_value()?),
                "statementHandle" => trailer.handle = text(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        for row in early.into_iter().flatten() {
            if !self.sink.row(&row).map_err(A::Error::custom)? {
                self.gauge.enough.set(true);
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(trailer)
    }
}

fn text(value: serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

struct RowsSeed<'a> {
    gauge: &'a Gauge,
    sink: &'a mut dyn RowSink,
}

impl<'de> DeserializeSeed<'de> for RowsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of rows")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut row = Row::default();
        while rows.next_element_seed(RowSeed(&mut row))?.is_some() {
            if !self.sink.row(&row).map_err(A::Error::custom)? {
                self.gauge.enough.set(true);
                return Err(A::Error::custom("enough"));
            }
            self.gauge.refill();
        }
        Ok(())
    }
}

struct EarlyRowsSeed;

impl<'de> DeserializeSeed<'de> for EarlyRowsSeed {
    type Value = Option<Vec<Row>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EarlyRowsSeed {
    type Value = Option<Vec<Row>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of rows")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
        let mut early = Vec::new();
        let mut row = Row::default();
        while rows.next_element_seed(RowSeed(&mut row))?.is_some() {
            early.push(std::mem::take(&mut row));
        }
        Ok(Some(early))
    }
}

struct RowSeed<'a>(&'a mut Row);

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row: an array of cells")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<(), A::Error> {
        self.0.clear();
        while cells.next_element_seed(CellSeed(self.0))?.is_some() {}
        Ok(())
    }
}

struct CellSeed<'a>(&'a mut Row);

impl<'de> DeserializeSeed<'de> for CellSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a cell: a string or null")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.ends.push(None);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.text.push_str(text);
        self.0.end_cell();
        Ok(())
    }
}
