//! Reading a result's JSON while it arrives: metadata, then row after row, never the whole body.
//!
//! It knows the shape of a result (`resultSetMetaData`, `data`, the members around them) and how much may be
//! buffered for one row. What a row means, and how many are wanted, is the [`RowSink`]'s business.

mod visitor;

use std::cell::Cell;
use std::io::{self, BufReader, Read};

use serde::Deserialize;
use serde::de::DeserializeSeed;

use crate::backend::CancelToken;
use visitor::AnswerSeed;
pub(super) use visitor::Row;

/// The type of a column. Members that are missing or new do no harm.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct RowType {
    #[serde(default)]
    pub(super) name: String,
    /// Lower case; upper case in some examples of the documentation.
    #[serde(rename = "type", default)]
    pub(super) type_name: String,
    #[serde(default = "yes")]
    pub(super) nullable: bool,
    #[serde(default)]
    pub(super) precision: Option<i64>,
    #[serde(default)]
    pub(super) scale: Option<i64>,
    #[serde(default)]
    pub(super) length: Option<i64>,
    /// What an `object` really is: GEOGRAPHY, GEOMETRY.
    #[serde(rename = "extTypeName", default)]
    pub(super) extended: Option<String>,
}

const fn yes() -> bool {
    true
}

/// What a result says of itself before its rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Metadata {
    /// Rows in all partitions.
    #[serde(rename = "numRows", default)]
    pub(super) total: Option<u64>,
    #[serde(rename = "partitionInfo", default)]
    partitions: Option<Vec<PartitionInfo>>,
    #[serde(rename = "rowType", default)]
    pub(super) columns: Vec<RowType>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct PartitionInfo {
    #[serde(rename = "rowCount", default)]
    rows: Option<u64>,
}

impl Metadata {
    /// Rows of each partition, where it is said.
    pub(super) fn partition_rows(&self) -> Vec<Option<u64>> {
        match &self.partitions {
            Some(partitions) if !partitions.is_empty() => {
                partitions.iter().map(|partition| partition.rows).collect()
            }
            _ => vec![None],
        }
    }
}

/// Takes what is read. An error is a sentence: the answer breaks the protocol.
pub(super) trait RowSink {
    /// Whether the columns are known, from this answer or an earlier one: then rows can be taken.
    fn has_begun(&self) -> bool;
    /// The columns are known.
    fn begin(&mut self, metadata: Metadata) -> Result<(), String>;
    /// A row is there. Returns whether another one is wanted.
    fn row(&mut self, row: &Row) -> Result<bool, String>;
}

/// The members of an answer around its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trailer {
    /// Snowflake's code.
    pub(super) code: Option<String>,
    /// Snowflake's words.
    pub(super) message: Option<String>,
    /// The statement's handle.
    pub(super) handle: Option<String>,
}

/// How reading ended well.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The whole body was read.
    Whole(Trailer),
    /// The sink had enough.
    Enough,
    /// A row larger than anything that could be kept began.
    RowTooLarge,
}

/// How reading failed.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The connection ended, or was too slow.
    Lost(String),
    /// What arrived is no such answer, or its compression is broken.
    Garbled(String),
    /// The token was cancelled.
    Cancelled,
}

/// Reads an answer into `sink`. Of one row, and of all that is not rows, at most `piece_bytes_max` are buffered.
///
/// # Errors
/// The body ends early, is broken, or the token is cancelled. Rows that the sink took until then are whole rows.
pub(super) fn read(
    body: Box<dyn Read>,
    sink: &mut dyn RowSink,
    piece_bytes_max: u64,
    cancel: &CancelToken,
) -> Result<End, ReadError> {
    let gauge = Gauge {
        left: Cell::new(piece_bytes_max + READ_AHEAD_BYTES as u64),
        enough: Cell::new(false),
        piece_bytes_max,
    };
    let metered = Metered {
        body,
        gauge: &gauge,
        cancel,
        broken: None,
    };
    let mut buffered = BufReader::with_capacity(READ_AHEAD_BYTES, metered);
    let mut document = serde_json::Deserializer::from_reader(&mut buffered);
    let answer = AnswerSeed { gauge: &gauge, sink };
    let outcome = answer
        .deserialize(&mut document)
        // The end of the body is where a compression is checked, and what gives the connection back.
        .and_then(|trailer| document.end().map(|()| trailer));
    match outcome {
        Ok(trailer) => Ok(End::Whole(trailer)),
        Err(_) if gauge.enough.get() => {
            drain(&mut buffered, &gauge);
            Ok(End::Enough)
        }
        Err(_) if cancel.is_cancelled() => Err(ReadError::Cancelled),
        Err(_) if gauge.left.get() == 0 => Ok(End::RowTooLarge),
        Err(error) => Err(read_error(&error)),
    }
}

/// Reads what little is left, so that the connection can be used again; a longer rest costs more than a handshake.
fn drain(rest: &mut impl Read, gauge: &Gauge) {
    gauge.left.set(DRAIN_BYTES_MAX);
    // A failure here is none of the result: the connection is not used again, that is all.
    let _ = io::copy(rest, &mut io::sink());
}

fn read_error(error: &serde_json::Error) -> ReadError {
    let is_broken = error
        .io_error_kind()
        .is_none_or(|kind| matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput));
    if is_broken {
        ReadError::Garbled(error.to_string())
    } else {
        ReadError::Lost(error.to_string())
    }
}

/// What the reader below the parser and the visitors above it share.
#[derive(Debug)]
struct Gauge {
    /// Bytes that may still be read before the next row ends.
    left: Cell<u64>,
    enough: Cell<bool>,
    piece_bytes_max: u64,
}

impl Gauge {
    /// A row ended: the next one may be as long again.
    fn refill(&self) {
        self.left.set(self.piece_bytes_max + READ_AHEAD_BYTES as u64);
    }
}

/// Counts decompressed bytes, so neither a huge cell nor a compression bomb fills the memory.
struct Metered<'a> {
    body: Box<dyn Read>,
    gauge: &'a Gauge,
    cancel: &'a CancelToken,
    /// How the body failed. The parser reads on to close what is open, and each attempt would wait as long again.
    broken: Option<io::ErrorKind>,
}

impl Read for Metered<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.gauge.left.get();
        if left == 0 || self.cancel.is_cancelled() {
            return Err(io::ErrorKind::Other.into());
        }
        if let Some(kind) = self.broken {
            return Err(kind.into());
        }
        let most = usize::try_from(left).map_or(into.len(), |left| left.min(into.len()));
        let read = self.body.read(&mut into[..most]);
        // An interrupted read is no failure: it is repeated.
        let failed = read.as_ref().err().map(io::Error::kind);
        self.broken = failed.filter(|kind| *kind != io::ErrorKind::Interrupted);
        let count = read?;
        self.gauge.left.set(left - count as u64);
        Ok(count)
    }
}

/// Read ahead of the parser.
const READ_AHEAD_BYTES: usize = 32 << 10;
/// The rest of a first partition (100 KB on the service), read only to keep the connection.
const DRAIN_BYTES_MAX: u64 = 128 << 10;

#[cfg(test)]
mod tests;
