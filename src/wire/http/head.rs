//! The head of a request: request line and field lines (RFC 9112 sections 2 to 5).
//!
//! Two steps. [`Scan`] looks for the empty line, at new bytes only, and refuses on its way whatever is not ended by
//! CR LF; then httparse reads the fields, once. (httparse begins at byte 0 at each call: a 64 KiB head that came byte
//! by byte cost 703 ms when it was parsed at each read, and it takes bare LF for a line end.)
//!
//! All faults are found in the order of the bytes, so however the bytes are split the same one is found first.
//! Knows nothing of what the fields mean: that is `framing`, whose answer is kept beside them.

use std::fmt;

use super::error::Error;
use super::framing::Framing;
use super::request_line::{RequestLine, Span};
use crate::limits::Limits;

/// A head that passed, as offsets into the bytes it came in.
///
/// It is used again for the next request, of this connection or of another: its memory, and all that was read if the next
/// head is the same byte for byte, as it is where a client repeats itself. What else a head leads to is found out each time.
#[derive(Default)]
pub(super) struct RequestHead {
    pub(super) line: RequestLine,
    fields: Vec<Field>,
    /// A bit for each key ([`key_of`]) that a name has.
    keys: u64,
    /// Length, with the empty line.
    pub(super) bytes: usize,
    /// What the fields say of the connection, once somebody has asked.
    framing: Option<Framing>,
    /// The bytes that all of it was read from; none if they are too many to be kept, or only a part was read.
    text: Vec<u8>,
}

/// Where a field line lies.
#[derive(Debug, Clone, Copy)]
struct Field {
    name: Span,
    value: Span,
}

impl RequestHead {
    /// The field lines in their order: name as it was written, value without surrounding white space.
    pub(super) fn fields<'a>(&'a self, head: &'a [u8]) -> impl Iterator<Item = (&'a str, &'a [u8])> + 'a {
        self.fields
            .iter()
            .map(|field| (field.name.text_of(head), field.value.of(head)))
    }

    /// The field lines as bytes, for a reader that compares names and need not know them to be text.
    pub(super) fn raw_fields<'a>(
        &'a self,
        head: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + 'a {
        self.fields
            .iter()
            .map(|field| (field.name.of(head), field.value.of(head)))
    }

    /// The values of the field lines called `name`, in their order. A request is asked for a dozen names, most of which it
    /// does not have: those are told by their key. Of the others lengths are compared first, then bytes.
    pub(super) fn values_of<'a>(&'a self, head: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
        let may_have = self.keys >> key_of(name.as_bytes()) & 1 == 1;
        let fields = if may_have { self.fields.as_slice() } else { &[] };
        fields
            .iter()
            .filter(move |field| {
                field.name.len() == name.len() && field.name.of(head).eq_ignore_ascii_case(name.as_bytes())
            })
            .map(|field| field.value.of(head))
    }

    /// What the fields say of the connection. `bytes` begin with this head.
    ///
    /// # Errors
    /// [`Framing::read`].
    pub(super) fn framing(&mut self, bytes: &[u8], limits: &Limits) -> Result<Framing, Error> {
        if let Some(framing) = self.framing {
            return Ok(framing);
        }
        let framing = Framing::read(self, bytes, limits)?;
        self.framing = Some(framing);
        Ok(framing)
    }

    /// Whether `bytes` begin with the head that was read last.
    fn is_of(&self, bytes: &[u8]) -> bool {
        !self.text.is_empty() && bytes.starts_with(&self.text)
    }

    /// Another head is being read.
    fn forget(&mut self) {
        self.framing = None;
        self.text.clear();
    }

    /// Reads the field lines of `head`, which [`Scan`] found to be whole and to have `lines` of them.
    fn parse_fields(&mut self, head: &[u8], start: usize, lines: usize) -> Result<(), Error> {
        self.fields.clear();
        self.bytes = head.len();
        if lines <= FIELDS_FEW {
            self.parse_into(head, start, &mut [httparse::EMPTY_HEADER; FIELDS_FEW])
        } else if lines <= FIELDS_USUAL {
            self.parse_into(head, start, &mut [httparse::EMPTY_HEADER; FIELDS_USUAL])
        } else {
            self.parse_into(head, start, &mut vec![httparse::EMPTY_HEADER; lines])
        }
    }

    fn parse_into<'h>(
        &mut self,
        head: &'h [u8],
        start: usize,
        parsed: &mut [httparse::Header<'h>],
    ) -> Result<(), Error> {
        let lines = &head[start..];
        let (consumed, parsed) = match httparse::parse_headers(lines, parsed) {
            Ok(httparse::Status::Complete(done)) => done,
            Err(httparse::Error::HeaderValue) => return Err(Error::FieldValue),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Error::FieldName),
        };
        if consumed != lines.len() {
            return Err(Error::LineEnd);
        }
        self.keys = parsed
            .iter()
            .fold(0, |keys, field| keys | 1 << key_of(field.name.as_bytes()));
        self.fields.extend(parsed.iter().map(|field| Field {
            name: span_within(head, field.name.as_bytes()),
            value: span_within(head, field.value),
        }));
        if head.len() <= TEXT_BYTES_MAX {
            self.text.extend_from_slice(head);
        }
        Ok(())
    }
}

/// Without the bytes: there may be credentials among them.
impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("bytes", &self.bytes)
            .field("fields", &self.fields.len())
            .finish_non_exhaustive()
    }
}

/// A number below 64 that names which differ in more than case seldom share: made of the length, the first letter and the
/// last, with factors for which the names that are asked for share none.
fn key_of(name: &[u8]) -> u32 {
    let letter = |byte: Option<&u8>| u32::from(byte.copied().unwrap_or_default() | 0x20);
    let length = u32::try_from(name.len()).unwrap_or_default();
    (length * 4 + letter(name.first()) * 9 + letter(name.last())) % 64
}

/// Where `part` lies in `whole`, which it is borrowed from.
fn span_within(whole: &[u8], part: &[u8]) -> Span {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    Span::new(start, start + part.len())
}

/// What a scan came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scanned {
    /// The head is not whole yet.
    NeedMore,
    /// An empty line before the request: forget two bytes and go on. It is legal once (RFC 9112 section 2.2).
    EmptyLine,
    /// The head is whole and in the [`RequestHead`].
    Whole,
}

/// How far the search for the end of a head has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scan {
    /// Bytes that were looked at and need not be looked at again.
    examined: usize,
    line_start: usize,
    /// Complete lines, the request line among them.
    lines: usize,
    /// Where the fields begin.
    fields_start: usize,
    has_skipped_line: bool,
    /// Bytes looked at in all, for the test that no byte is looked at twice.
    #[cfg(test)]
    work: usize,
}

impl Scan {
    /// A scan behind an empty line, of which no second one is legal.
    pub(super) fn after_empty_line() -> Self {
        Self {
            has_skipped_line: true,
            ..Self::default()
        }
    }

    /// Looks at what is new in `bytes`, which begin with the head.
    ///
    /// # Errors
    /// The first fault in the order of the bytes.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        head: &mut RequestHead,
        limits: &Limits,
    ) -> Result<Scanned, Error> {
        if self.examined == 0 && head.is_of(bytes) {
            return Ok(Scanned::Whole);
        }
        loop {
            let new = &bytes[self.examined..];
            let found = memchr::memchr2(b'\r', b'\n', new);
            let at = self.examined + found.unwrap_or(new.len());
            #[cfg(test)]
            {
                self.work += at - self.examined;
            }
            self.check_length(at, bytes, limits)?;
            self.examined = at;
            if found.is_none() {
                return Ok(Scanned::NeedMore);
            }
            match &bytes[at..] {
                [b'\r'] => return Ok(Scanned::NeedMore),
                [b'\r', b'\n', ..] => {}
                _ => return Err(Error::LineEnd),
            }
            let end = at + 2;
            if end > limits.head_bytes_max {
                return Err(head_too_long(limits));
            }
            if at > self.line_start {
                self.take_line(&bytes[..at], head, limits)?;
            } else if self.lines > 0 {
                head.parse_fields(&bytes[..end], self.fields_start, self.lines - 1)?;
                return Ok(Scanned::Whole);
            } else if self.has_skipped_line {
                return Err(Error::EmptyLines);
            } else {
                return Ok(Scanned::EmptyLine);
            }
        }
    }

    /// A line is over, and `bytes` with it.
    fn take_line(&mut self, bytes: &[u8], head: &mut RequestHead, limits: &Limits) -> Result<(), Error> {
        let end = bytes.len() + 2;
        if self.lines == 0 {
            head.forget();
            head.line = RequestLine::parse(bytes, limits)?;
            self.fields_start = end;
        } else if self.lines > limits.headers_max {
            return Err(Error::TooManyFields {
                limit: limits.headers_max,
            });
        }
        self.lines += 1;
        self.line_start = end;
        self.examined = end;
        Ok(())
    }

    /// Refuses a line or a head that is too long before its end came. `at` is where the line ends, or where the bytes
    /// do: a limit that was passed is passed the same way whichever of the two it is.
    fn check_length(&self, at: usize, bytes: &[u8], limits: &Limits) -> Result<(), Error> {
        let line_bytes_max = RequestLine::bytes_max(limits);
        if self.lines == 0 && line_bytes_max < limits.head_bytes_max && at > line_bytes_max {
            return Err(RequestLine::too_long(bytes, limits));
        }
        if at > limits.head_bytes_max {
            return Err(head_too_long(limits));
        }
        Ok(())
    }
}

fn head_too_long(limits: &Limits) -> Error {
    Error::HeadTooLong {
        limit: limits.head_bytes_max,
    }
}

/// Field lines of nearly every client of MCP: 512 bytes of the stack to clear, not 2 KiB.
const FIELDS_FEW: usize = 16;
/// Field lines that are parsed without allocating, as many as `headers_max` allows by default. Each takes 32 bytes of
/// the stack for the time of the call.
const FIELDS_USUAL: usize = 64;

/// A longer head is read anew each time. Each connection that talks in the same turn may keep one.
const TEXT_BYTES_MAX: usize = 1 << 10;

#[cfg(test)]
mod tests;
