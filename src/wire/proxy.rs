//! The header of the PROXY protocol, versions 1 (a line of text) and 2 (binary): whose connection a proxy passes on.
//! It comes before everything else, also before TLS. Who may send one is not decided here.
//!
//! The protocol forbids to guess whether there is one: where one is awaited, anything else is a fault.
//! Reading is by looking: `read` is given all that has come so far, and says how much of it is the header.

use std::fmt;

use crate::address::IpAddr;
use crate::limits::PROXY_HEADER_BYTES_MAX;

/// What has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The beginning of a header.
    Part,
    /// A header.
    Header {
        /// Its bytes; what follows belongs to the connection.
        length: usize,
        /// Whose connection it is; `None`: the proxy's own (a health check), or of somebody without an address.
        client: Option<IpAddr>,
    },
}

/// Why what has come is no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// It begins like none.
    Absent,
    /// It is longer than may be.
    TooLong,
    /// A line of version 1 that is no such line.
    Line,
    /// Version or command are unknown.
    Command,
    /// An address family or transport that is unknown.
    Family,
    /// It has less room than its addresses need.
    TooShort,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Absent => {
                "no PROXY header, but one was expected: let the proxy send it, or leave out --proxy-protocol"
            }
            Self::TooLong => "the PROXY header is longer than may be (proxy_header_bytes_max)",
            Self::Line => "the line of the PROXY header is none of version 1",
            Self::Command => "version or command of the PROXY header are unknown",
            Self::Family => "the PROXY header has addresses of an unknown kind",
            Self::TooShort => "the PROXY header has less room than its addresses need",
        })
    }
}

/// Looks at what has come.
///
/// # Errors
/// Why it cannot become a header, whatever else comes.
pub fn read(bytes: &[u8]) -> Result<Found, Error> {
    let begins = |signature: &[u8]| {
        let count = bytes.len().min(signature.len());
        bytes[..count] == signature[..count]
    };
    if bytes.is_empty() {
        Ok(Found::Part)
    } else if begins(SIGNATURE) {
        read_binary(bytes)
    } else if begins(WORD) {
        read_line(bytes)
    } else {
        Err(Error::Absent)
    }
}

fn read_line(bytes: &[u8]) -> Result<Found, Error> {
    let within = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = within.windows(2).position(|pair| pair == b"\r\n") else {
        return if within.len() < LINE_BYTES_MAX {
            Ok(Found::Part)
        } else {
            Err(Error::TooLong)
        };
    };
    let length = end + 2;
    let rest = within.get(WORD.len()..end).ok_or(Error::Line)?;
    let line = str::from_utf8(rest).map_err(|_| Error::Line)?;
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        // What follows means nothing.
        let client = None;
        return Ok(Found::Header { length, client });
    }
    let mut words = line.split(' ');
    let mut word = || words.next().ok_or(Error::Line);
    let (family, from, to) = (word()?, word()?, word()?);
    let ports = [word()?, word()?];
    let address = |text: &str| match (family, text.parse()) {
        ("TCP4", Ok(address @ IpAddr::V4(_))) | ("TCP6", Ok(address @ IpAddr::V6(_))) => Ok(address),
        _ => Err(Error::Line),
    };
    let (from, _) = (address(from)?, address(to)?);
    if words.next().is_some() || !ports.into_iter().all(is_port) {
        return Err(Error::Line);
    }
    let client = Some(from.to_canonical());
    Ok(Found::Header { length, client })
}

/// A number without sign and needless zeros.
fn is_port(text: &str) -> bool {
    let is_plain = text == "0" || !text.starts_with(['0', '+']);
    is_plain && text.parse::<u16>().is_ok()
}

fn read_binary(bytes: &[u8]) -> Result<Found, Error> {
    let at = |index: usize| bytes.get(index).copied();
    let is_local = match at(12) {
        None => return Ok(Found::Part),
        Some(0x20) => true,
        Some(0x21) => false,
        Some(_) => return Err(Error::Command),
    };
    // Address family, and below it the transport: stream or datagram.
    let needed = match at(13) {
        None => return Ok(Found::Part),
        // Of its own connection a proxy need not say anything.
        Some(_) if is_local => 0,
        Some(0x00) => 0,
        Some(0x11 | 0x12) => 12,
        Some(0x21 | 0x22) => 36,
        Some(0x31 | 0x32) => 216,
        Some(_) => return Err(Error::Family),
    };
    let (Some(high), Some(low)) = (at(14), at(15)) else {
        return Ok(Found::Part);
    };
    let room = usize::from(u16::from_be_bytes([high, low]));
    let length = BINARY_HEAD_BYTES + room;
    if room < needed {
        return Err(Error::TooShort);
    }
    if length > PROXY_HEADER_BYTES_MAX {
        return Err(Error::TooLong);
    }
    let Some(body) = bytes.get(BINARY_HEAD_BYTES..length) else {
        return Ok(Found::Part);
    };
    let client = match (needed, body) {
        (12, [a, b, c, d, ..]) => Some(IpAddr::from([*a, *b, *c, *d])),
        (36, body) => body.first_chunk::<16>().map(|bytes| IpAddr::from(*bytes)),
        // Sockets of one machine have names, not addresses.
        _ => None,
    };
    let client = client.map(|address| address.to_canonical());
    Ok(Found::Header { length, client })
}

const WORD: &[u8] = b"PROXY ";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, with its end.
const LINE_BYTES_MAX: usize = 107;
const BINARY_HEAD_BYTES: usize = 16;

const _: () =
    assert!(PROXY_HEADER_BYTES_MAX >= BINARY_HEAD_BYTES + 216 && PROXY_HEADER_BYTES_MAX >= LINE_BYTES_MAX);

#[cfg(test)]
mod tests;
