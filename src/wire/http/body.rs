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
mod tests {
    use super::*;

    const HEAD: &[u8] = b"head";

    /// The body and what follows it, once it is whole.
    type Decoded<B> = Result<Option<(B, B)>, Error>;

    /// What comes out when `wire` comes in pieces of `step`.
    fn feed(wire: &[u8], step: usize) -> Decoded<Vec<u8>> {
        let limits = Limits {
            body_bytes_max: 1000,
            ..Limits::default()
        };
        let mut inbox = Inbox::with(HEAD);
        let mut collector = Collector::new(BodyLength::Chunked);
        let mut whole = None;
        for piece in wire.chunks(step) {
            inbox.push(piece);
            whole = collector.advance(&mut inbox, HEAD.len(), &limits)?;
            assert_eq!(whole.is_some(), collector.is_whole(&inbox, HEAD.len()));
        }
        assert!(inbox.bytes().starts_with(HEAD));
        Ok(whole.map(|whole| {
            let bytes = inbox.bytes();
            (
                bytes[HEAD.len()..whole.body_end].to_vec(),
                bytes[whole.end..].to_vec(),
            )
        }))
    }

    fn check(wire: &[u8], expected: Decoded<&[u8]>) {
        let expected = expected.map(|whole| whole.map(|(body, rest)| (body.to_vec(), rest.to_vec())));
        for step in [1, 2, 3, 5, wire.len()] {
            let shown = wire[..wire.len().min(80)].escape_ascii();
            assert_eq!(feed(wire, step), expected, "{shown} in steps of {step}");
        }
    }

    #[test]
    fn chunks_are_put_together() {
        check(b"0\r\n\r\n", Ok(Some((b"", b""))));
        check(b"5\r\nhello\r\n0\r\n\r\n", Ok(Some((b"hello", b""))));
        check(
            b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET",
            Ok(Some((b"hello world", b"GET"))),
        );
        check(
            b"00a\r\n0123456789\r\n0000\r\n\r\n",
            Ok(Some((b"0123456789", b""))),
        );
        check(b"A\r\n0123456789\r\n0\r\n\r\n", Ok(Some((b"0123456789", b""))));
        check(
            b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n",
            Ok(Some((b"abc", b""))),
        );
    }

    #[test]
    fn extensions_and_trailers_are_dropped() {
        check(b"1;a=b;c\r\nx\r\n0;d=\"e f\"\r\n\r\n", Ok(Some((b"x", b""))));
        check(
            b"1\r\nx\r\n0\r\nContent-Length: 4\r\nX:\r\n\r\n0\r\n",
            Ok(Some((b"x", b"0\r\n"))),
        );
    }

    #[test]
    fn an_unfinished_body_asks_for_more() {
        for wire in [
            &b"5"[..],
            b"5\r",
            b"5\r\nhell",
            b"5\r\nhello\r\n0\r\n",
            b"0\r\n\r",
        ] {
            check(wire, Ok(None));
        }
    }

    #[test]
    fn a_size_is_hexadecimal_digits_and_cr_lf() {
        for wire in [
            &b"\r\n"[..],
            b"g",
            b"0x5",
            b"+5",
            b"-5",
            b" 5",
            b"5 ",
            b"5\t",
            b"5_",
            b"5\n",
            b"5\rx",
            b"5,",
            b"5\0",
            b";a",
            b"00000000000000001",
        ] {
            check(wire, Err(Error::ChunkSize));
        }
        let too_long = Err(Error::BodyTooLong { limit: 1000 });
        check(b"3e9", too_long);
        check(b"ffffffffffffffff", too_long);
        let long = [b"3e8\r\n".as_slice(), &[b'x'; 1000], b"\r\n0\r\n\r\n"].concat();
        check(&long, Ok(Some((&[b'x'; 1000], b""))));
        let longer = [b"3e8\r\n".as_slice(), &[b'x'; 1000], b"\r\n1"].concat();
        check(&longer, too_long);
    }

    #[test]
    fn data_ends_in_cr_lf_where_the_size_says() {
        for wire in [&b"1\r\nx\n"[..], b"1\r\nx0\r\n", b"1\r\nxy\r\n", b"1\r\nx\rx"] {
            check(wire, Err(Error::ChunkEnd));
        }
    }

    #[test]
    fn extensions_and_trailers_are_read_strictly() {
        for wire in [&b"1;a\n"[..], b"1;a\0", b"1;a\x7f"] {
            check(wire, Err(Error::ChunkExtension));
        }
        check(b"1;a\rb", Err(Error::ChunkSize));
        for line in [
            &b"GARBAGE\r\n"[..],
            b": x\r\n",
            b"A : x\r\n",
            b" A: x\r\n",
            b"A: \0\r\n",
            b"A: x\n",
            b"A: x\rB",
            b"GET / HTTP/1.1\r\n",
        ] {
            check(&[b"0\r\n", line].concat(), Err(Error::Trailer));
        }
        check(b"0\r\n\rx", Err(Error::Trailer));
    }

    #[test]
    fn extensions_and_trailers_are_bounded_over_the_whole_body() {
        let chunk = |len: usize| [b"1;", "e".repeat(len).as_bytes(), b"\r\nx\r\n"].concat();
        let wire = [chunk(4000), chunk(96), b"0\r\n\r\n".to_vec()].concat();
        check(&wire, Ok(Some((b"xx", b""))));
        let wire = [chunk(4000), chunk(97)].concat();
        check(&wire, Err(Error::ChunkExtensionsTooLong { limit: 4096 }));
        let trailer = |len: usize| ["0\r\nA:", &"v".repeat(len - 4), "\r\n\r\n"].concat();
        check(trailer(8192).as_bytes(), Ok(Some((b"", b""))));
        check(
            trailer(8193).as_bytes(),
            Err(Error::TrailerTooLong { limit: 8192 }),
        );
    }

    #[test]
    fn framing_does_not_pile_up_in_the_inbox() {
        let limits = Limits::default();
        let mut inbox = Inbox::with(HEAD);
        let mut collector = Collector::new(BodyLength::Chunked);
        for sent in 1..=10_000 {
            inbox.push(b"1\r\nx\r\n");
            assert_eq!(collector.advance(&mut inbox, HEAD.len(), &limits), Ok(None));
            assert_eq!(inbox.len(), HEAD.len() + sent);
        }
        assert!(inbox.capacity() <= 16 << 10, "{}", inbox.capacity());
    }
}
