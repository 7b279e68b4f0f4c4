//! The partitions of one result: in which order they are read, how many of them are needed, and where reading goes on
//! after a partition broke off.
//!
//! Results do not change once they are there, so a partition that broke off is asked for again and the rows that
//! were already taken from it are passed over.

use std::sync::Arc;

use super::answer::{Metadata, Row, RowSink};
use super::decode::{self, Encoding};
use crate::backend::rows::{Bounds, Extent, Position};
use crate::backend::{ResultSet, Value};

/// A result that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    bounds: Bounds,
    result: Option<ResultSet>,
    encodings: Vec<Encoding>,
    /// The first row that is wanted.
    from: Position,
    /// Rows of each partition, where the metadata says so.
    partition_rows: Arc<[Option<u64>]>,
    partition: usize,
    /// Rows of the current partition that are in the result.
    taken: u64,
    /// Rows of the current partition that were seen in this attempt.
    seen: u64,
    is_full: bool,
    /// The answer that is being read is wanted for its metadata alone: what is to be read is in another partition.
    is_introduction: bool,
    scratch: String,
}

impl Reading {
    /// Bytes of the rows that were read so far.
    pub(super) fn row_bytes(&self) -> usize {
        self.result.as_ref().map_or(0, ResultSet::bytes)
    }

    /// A result of which nothing is known yet.
    pub(super) fn new(bounds: Bounds, from: Position) -> Self {
        Self {
            bounds,
            result: None,
            encodings: Vec::new(),
            from,
            partition_rows: Arc::default(),
            partition: from.partition as usize,
            // As if they had been read already.
            taken: from.row,
            seen: 0,
            is_full: false,
            is_introduction: false,
            scratch: String::new(),
        }
    }

    /// The partition that is needed next; `None` when all that is wanted was read.
    pub(super) fn next_partition(&self) -> Option<usize> {
        (!self.is_full && self.partition < self.partition_rows.len()).then_some(self.partition)
    }

    /// The partitions that the bounds will reach behind the current one, as far as rows and bytes so far tell.
    pub(super) fn partitions_ahead(&self) -> impl Iterator<Item = usize> + use<> {
        let (returned, bytes) = self
            .result
            .as_ref()
            .map_or((0, 0), |result| (result.returned(), result.bytes() as u64));
        let row_bytes = bytes.checked_div(returned).unwrap_or(0).max(1);
        let by_bytes = (self.bounds.bytes_max as u64).saturating_sub(bytes) / row_bytes;
        // Rows that still fit, less those of the partitions before the one that is looked at.
        let mut left = self.bounds.rows_max.saturating_sub(returned).min(by_bytes);
        left = left.saturating_add(self.taken);
        let rows = Arc::clone(&self.partition_rows);
        let first = self.partition;
        (first + 1..rows.len()).take_while(move |partition| {
            // One of unknown length may be all that is needed.
            left = rows[partition - 1].map_or(0, |rows| left.saturating_sub(rows));
            left > 0
        })
    }

    /// The partition is read from its beginning, again perhaps.
    pub(super) fn begin_partition(&mut self) {
        self.seen = 0;
        self.is_introduction = false;
    }

    /// Nothing more was wanted of the answer.
    pub(super) fn had_enough(&mut self) {
        self.is_introduction = false;
    }

    /// The partition was read to its end.
    ///
    /// # Errors
    /// It had fewer or more rows than the metadata said.
    pub(super) fn end_partition(&mut self) -> Result<(), String> {
        if self.is_full || std::mem::take(&mut self.is_introduction) {
            return Ok(());
        }
        match self.partition_rows.get(self.partition) {
            None => return Err("it has no metadata".to_owned()),
            Some(Some(expected)) if *expected != self.seen => {
                return Err(format!(
                    "partition {} has {} rows, its metadata says {expected}",
                    self.partition, self.seen
                ));
            }
            Some(_) => {}
        }
        self.partition += 1;
        self.taken = 0;
        self.seen = 0;
        self.stop_when_full();
        Ok(())
    }

    /// No more rows are wanted: the result says that some were left out.
    pub(super) fn cut(&mut self) {
        self.is_full = true;
        if let Some(result) = &mut self.result {
            result.mark_truncated();
        }
    }

    /// Rows so far, and rows in all.
    pub(super) fn rows(&self) -> (u64, Option<u64>) {
        self.result
            .as_ref()
            .map_or((0, None), |result| (result.returned(), result.total))
    }

    /// The result, with its query id; `None` when no answer came.
    pub(super) fn finish(self, query_id: Option<String>) -> Option<ResultSet> {
        let mut result = self.result?;
        result.query_id = query_id;
        Some(result)
    }

    /// Stops where the total says that a further row can only be left out.
    fn stop_when_full(&mut self) {
        let Some(result) = &self.result else { return };
        let is_at_bound = result.returned() >= self.bounds.rows_max;
        let so_far = result.rows_before().map(|before| before + result.returned());
        let has_more = result
            .total
            .is_some_and(|total| so_far.is_some_and(|so_far| total > so_far));
        if is_at_bound && has_more {
            self.cut();
        }
    }

    fn take(&mut self, row: &Row) -> Result<(), String> {
        let Some(result) = &mut self.result else {
            return Err("rows come before their metadata".to_owned());
        };
        for (cell, encoding) in row.cells().zip(&self.encodings) {
            let value = match cell {
                None => Value::Null,
                Some(wire) => encoding.decode(wire, &mut self.scratch),
            };
            if value == Value::Null && cell.is_some() {
                result.note_non_finite();
            }
            result.push(value);
        }
        self.taken += 1;
        if !result.end_row() {
            self.is_full = true;
        }
        self.stop_when_full();
        Ok(())
    }
}

impl RowSink for Reading {
    fn has_begun(&self) -> bool {
        self.result.is_some()
    }

    fn begin(&mut self, metadata: Metadata) -> Result<(), String> {
        if self.result.is_some() {
            return Err("it has two sets of metadata".to_owned());
        }
        self.partition_rows = metadata.partition_rows().into();
        if self.partition >= self.partition_rows.len() {
            return Err(format!(
                "it has {} partitions, partition {} is wanted",
                self.partition_rows.len(),
                self.partition
            ));
        }
        self.is_introduction = self.partition > 0;
        self.encodings = metadata.columns.iter().map(Encoding::of).collect();
        let columns = metadata.columns.iter().map(decode::column).collect();
        let mut result = ResultSet::new(columns, self.bounds);
        result.total = metadata.total;
        result.extent = Extent {
            begins: self.from,
            partition_rows: Arc::clone(&self.partition_rows),
        };
        self.result = Some(result);
        // A bound of no rows is kept without reading one.
        self.stop_when_full();
        Ok(())
    }

    fn row(&mut self, row: &Row) -> Result<bool, String> {
        if self.is_full || self.is_introduction {
            return Ok(false);
        }
        if row.len() != self.encodings.len() {
            return Err(format!(
                "a row has {} cells, the result has {} columns",
                row.len(),
                self.encodings.len()
            ));
        }
        self.seen += 1;
        if self.seen > self.taken {
            self.take(row)?;
        }
        Ok(!self.is_full)
    }
}

#[cfg(test)]
mod tests;
