//! The body of a request, collected in the inbox where it arrives.
//!
//! A body of known length is simply waited for. Chunks are decoded in place: the data moves to the left over the
//! framing, so that the body ends up in one piece behind the head and costs no second buffer (RFC 9112 section 7.1).
//! Chunk extensions and trailers are read as strictly as the rest, bounded, and dropped.

use super::error::Error;
use super::framing::BodyLength;
use super::request_line::is_token_byte;
use crate::limits::Limits;
use crate::wire::buffer::Inbox;

/// A body that is being collected.
#[derive(Debug)]
pub(super) enum Collector {
    /// So many bytes.
    Bytes(usize),
    /// Chunks.
    Chunked(Chunks),
}

/// Where a whole request lies in the inbox, counted from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole {
    /// Where the body ends, which begins behind the head.
    pub(super) body_end: usize,
    /// Where the next request begins.
    pub(super) end: usize,
}

impl Collector {
    pub(super) fn new(length: BodyLength) -> Self {
        match length {
            BodyLength::Bytes(bytes) => Self::Bytes(bytes),
            BodyLength::Chunked => Self::Chunked(Chunks::default()),
        }
    }

    /// Looks at what is new in the inbox, which begins with a head of `head_bytes`. `None` asks for more.
    ///
    /// # Errors
    /// A fault in the chunks: see [`Chunks::decode`].
    pub(super) fn advance(
        &mut self,
        inbox: &mut Inbox,
        head_bytes: usize,
        limits: &Limits,
    ) -> Result<Option<Whole>, Error> {
        match self {
            Self::Bytes(bytes) => {
                let end = head_bytes + *bytes;
                Ok((inbox.len() >= end).then_some(Whole { body_end: end, end }))
            }
            Self::Chunked(chunks) => chunks.advance(inbox, head_bytes, limits),
        }
    }

    /// How much the inbox must be able to hold for the body to go on.
    pub(super) fn inbox_bytes_max(&self, head_bytes: usize) -> usize {
        match self {
            Self::Bytes(bytes) => head_bytes + bytes,
            Self::Chunked(chunks) => head_bytes + chunks.decoded + CHUNKS_ROOM_BYTES,
        }
    }

    /// Whether all of it is in the inbox.
    pub(super) fn is_whole(&self, inbox: &Inbox, head_bytes: usize) -> bool {
        match self {
            Self::Bytes(bytes) => inbox.len() >= head_bytes + bytes,
            Self::Chunked(chunks) => chunks.step == Step::Done,
        }
    }

    /// Whether any of it came: then its sender does not wait for 100 Continue.
    pub(super) fn has_begun(&self, inbox: &Inbox, head_bytes: usize) -> bool {
        match self {
            Self::Bytes(_) => inbox.len() > head_bytes,
            Self::Chunked(chunks) => inbox.len() > head_bytes || *chunks != Chunks::default(),
        }
    }
}

/// Decoder of the chunked transfer coding: one step a byte, so that it cannot matter how the bytes are split.
///
/// ```text
///            ;              size > 0
///  Size ─────────> Extension    ┌──> Data ──> DataCr ──> DataLf ──> Size
///   │ CR              │ CR      │
///   └────────> SizeLf <┘ ── LF ─┤                      CR        LF
///                               └──> TrailerStart ─────────> EndLf ──> Done
///                          size = 0   │  ^
///                          name byte  v  │ LF
///                 TrailerName ─:─> TrailerValue ─CR─> TrailerLf
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Chunks {
    step: Step,
    /// Of the current chunk: its size while that is read, then what is still to come.
    left: usize,
    /// Digits of the size.
    digits: usize,
    /// Bytes of the body so far.
    decoded: usize,
    /// Bytes of all extensions.
    extension_bytes: usize,
    trailer_bytes: usize,
    /// When done: bytes of framing between the body and the next request.
    gap: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Step {
    #[default]
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

impl Chunks {
    fn advance(
        &mut self,
        inbox: &mut Inbox,
        head_bytes: usize,
        limits: &Limits,
    ) -> Result<Option<Whole>, Error> {
        if self.step != Step::Done {
            let start = head_bytes + self.decoded;
            let consumed = self.decode(&mut inbox.bytes_mut()[start..], limits.body_bytes_max)?;
            let body_end = head_bytes + self.decoded;
            if self.step != Step::Done {
                inbox.truncate(body_end);
                return Ok(None);
            }
            self.gap = start + consumed - body_end;
        }
        let body_end = head_bytes + self.decoded;
        Ok(Some(Whole {
            body_end,
            end: body_end + self.gap,
        }))
    }

    /// Decodes `bytes`, which follow what was decoded before: the data among them moves to their front. Says how many
    /// were consumed, all of them unless the body is done.
    ///
    /// # Errors
    /// [`Error::ChunkSize`], [`Error::ChunkExtension`], [`Error::ChunkExtensionsTooLong`], [`Error::ChunkEnd`],
    /// [`Error::Trailer`], [`Error::TrailerTooLong`], [`Error::BodyTooLong`].
    fn decode(&mut self, bytes: &mut [u8], body_bytes_max: usize) -> Result<usize, Error> {
        let (mut read, mut written) = (0, 0);
        while read < bytes.len() && self.step != Step::Done {
            if self.step == Step::Data {
                let count = self.left.min(bytes.len() - read);
                bytes.copy_within(read..read + count, written);
                (read, written) = (read + count, written + count);
                self.left -= count;
                self.decoded += count;
                if self.left == 0 {
                    self.step = Step::DataCr;
                }
            } else {
                self.step = self.take(bytes[read], body_bytes_max)?;
                read += 1;
            }
        }
        Ok(read)
    }

    /// The step behind a byte that is no data.
    fn take(&mut self, byte: u8, body_bytes_max: usize) -> Result<Step, Error> {
        match (self.step, byte) {
            (Step::Size, b';') if self.digits > 0 => Ok(Step::Extension),
            (Step::Size, b'\r') if self.digits > 0 => Ok(Step::SizeLf),
            (Step::Size, digit) => self.take_digit(digit, body_bytes_max),
            (Step::Extension, b'\r') => Ok(Step::SizeLf),
            (Step::Extension, byte) => self.take_extension(byte),
            (Step::SizeLf, b'\n') if self.left > 0 => Ok(Step::Data),
            (Step::SizeLf, b'\n') => Ok(Step::TrailerStart),
            (Step::SizeLf, _) => Err(Error::ChunkSize),
            (Step::DataCr, b'\r') => Ok(Step::DataLf),
            (Step::DataLf, b'\n') => {
                self.digits = 0;
                Ok(Step::Size)
            }
            (Step::DataCr | Step::DataLf, _) => Err(Error::ChunkEnd),
            (Step::TrailerStart, b'\r') => Ok(Step::EndLf),
            (Step::EndLf, b'\n') => Ok(Step::Done),
            (_, byte) => self.take_trailer(byte),
        }
    }

    fn take_digit(&mut self, byte: u8, body_bytes_max: usize) -> Result<Step, Error> {
        let digit = char::from(byte).to_digit(16).ok_or(Error::ChunkSize)?;
        if self.digits == SIZE_DIGITS_MAX {
            return Err(Error::ChunkSize);
        }
        self.digits += 1;
        // Checked at each digit, so the size stays far from overflowing.
        self.left = self.left * 16 + digit as usize;
        if self.left > body_bytes_max - self.decoded {
            return Err(Error::BodyTooLong {
                limit: body_bytes_max,
            });
        }
        Ok(Step::Size)
    }

    fn take_extension(&mut self, byte: u8) -> Result<Step, Error> {
        if !is_value_byte(byte) {
            return Err(Error::ChunkExtension);
        }
        self.extension_bytes += 1;
        if self.extension_bytes > EXTENSION_BYTES_MAX {
            return Err(Error::ChunkExtensionsTooLong {
                limit: EXTENSION_BYTES_MAX,
            });
        }
        Ok(Step::Extension)
    }

    /// Trailer fields are checked and dropped: nothing here waits for one, and none may change the framing
    /// (RFC 9110 section 6.5.1).
    fn take_trailer(&mut self, byte: u8) -> Result<Step, Error> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > TRAILER_BYTES_MAX {
            return Err(Error::TrailerTooLong {
                limit: TRAILER_BYTES_MAX,
            });
        }
        match (self.step, byte) {
            (Step::TrailerStart | Step::TrailerName, byte) if is_token_byte(byte) => Ok(Step::TrailerName),
            (Step::TrailerName, b':') => Ok(Step::TrailerValue),
            (Step::TrailerValue, b'\r') => Ok(Step::TrailerLf),
            (Step::TrailerValue, byte) if is_value_byte(byte) => Ok(Step::TrailerValue),
            (Step::TrailerLf, b'\n') => Ok(Step::TrailerStart),
            _ => Err(Error::Trailer),
        }
    }
}

/// What may stand in a field value: no control character but the tab (RFC 9110 section 5.5).
const fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Room for undecoded chunks: as much as is read from a connection in one turn.
const CHUNKS_ROOM_BYTES: usize = 64 << 10;
/// Sixteen digits are 64 bits; only a peer that sends leading zeros without end needs more.
const SIZE_DIGITS_MAX: usize = 16;
/// All extensions of one body. Nobody uses them, but each chunk may have one: without a bound on their sum, a body of
/// `body_bytes_max` in chunks of one byte could bring gigabytes (RFC 9112 section 7.1.1 asks for a limit).
const EXTENSION_BYTES_MAX: usize = 4 << 10;
const TRAILER_BYTES_MAX: usize = 8 << 10;

#[cfg(test)]
mod tests;
