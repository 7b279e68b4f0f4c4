//! The upgrade from HTTP to WebSocket, server side (RFC 6455 section 4.2).
//!
//! It judges header fields and computes what the 101 must say. It writes no response: HTTP does. Who may connect
//! (Origin, credentials) is the server's business, and it asks before it comes here.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use crate::wire::Fields;

/// What the 101 must carry besides `Upgrade: websocket` and `Connection: Upgrade`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Value of `Sec-WebSocket-Accept`, 28 characters.
    pub accept: String,
    /// Value of `Sec-WebSocket-Protocol`; without one the field is left out.
    pub subprotocol: Option<&'static str>,
}

/// Why a request cannot become a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its method is not GET.
    MethodNotGet,
    /// It is older than HTTP/1.1, which has no upgrades.
    VersionNotHttp11,
    /// No `Upgrade` field names `websocket`.
    UpgradeMissing,
    /// No `Connection` field names `Upgrade`.
    ConnectionMissing,
    /// `Sec-WebSocket-Version` is not `13`, once.
    VersionNot13,
    /// No `Sec-WebSocket-Key`.
    KeyMissing,
    /// More than one `Sec-WebSocket-Key`.
    KeyRepeated,
    /// `Sec-WebSocket-Key` is not 16 bytes in base64.
    KeyMalformed,
}

impl Refusal {
    /// Status of the response.
    pub const fn status(self) -> u16 {
        match self {
            Self::MethodNotGet => 405,
            Self::VersionNot13 => 426,
            Self::VersionNotHttp11
            | Self::UpgradeMissing
            | Self::ConnectionMissing
            | Self::KeyMissing
            | Self::KeyRepeated
            | Self::KeyMalformed => 400,
        }
    }

    /// Header fields that the response must carry because of this.
    pub const fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::MethodNotGet => &[("Allow", "GET")],
            // A 426 names the protocol that is wanted (RFC 9110 section 15.5.22).
            Self::VersionNot13 => &[("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")],
            _ => &[],
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::MethodNotGet => "a WebSocket is opened with GET",
            Self::VersionNotHttp11 => "a WebSocket is opened with HTTP/1.1, this request is older",
            Self::UpgradeMissing => "no Upgrade field names websocket, a proxy may have removed it",
            Self::ConnectionMissing => "no Connection field names Upgrade, a proxy may have removed it",
            Self::VersionNot13 => "Sec-WebSocket-Version must be 13, once",
            Self::KeyMissing => "no Sec-WebSocket-Key",
            Self::KeyRepeated => "more than one Sec-WebSocket-Key",
            Self::KeyMalformed => "Sec-WebSocket-Key must be 16 bytes in base64",
        })
    }
}

impl std::error::Error for Refusal {}

/// Whether a request wants to become a WebSocket. [`accept`] says whether it may.
pub fn is_upgrade(fields: &dyn Fields) -> bool {
    lists(fields, "upgrade", |token| {
        token.eq_ignore_ascii_case(b"websocket")
    })
}

/// Judges the request that opens a WebSocket.
///
/// # Errors
/// The first rule of RFC 6455 section 4.2.1 that does not hold.
pub fn accept(fields: &dyn Fields, method: &str, is_http_11: bool) -> Result<Accepted, Refusal> {
    if method != "GET" {
        return Err(Refusal::MethodNotGet);
    }
    if !is_http_11 {
        return Err(Refusal::VersionNotHttp11);
    }
    if !is_upgrade(fields) {
        return Err(Refusal::UpgradeMissing);
    }
    if !lists(fields, "connection", |token| {
        token.eq_ignore_ascii_case(b"upgrade")
    }) {
        return Err(Refusal::ConnectionMissing);
    }
    // Before the key: another version may have none (section 4.4).
    let version = fields.field("sec-websocket-version", 0);
    if version != Some(b"13") || fields.field("sec-websocket-version", 1).is_some() {
        return Err(Refusal::VersionNot13);
    }
    let key = fields.field("sec-websocket-key", 0).ok_or(Refusal::KeyMissing)?;
    if fields.field("sec-websocket-key", 1).is_some() {
        return Err(Refusal::KeyRepeated);
    }
    let subprotocol = lists(fields, "sec-websocket-protocol", |token| {
        token == SUBPROTOCOL.as_bytes()
    });
    Ok(Accepted {
        accept: accept_value(key)?,
        subprotocol: subprotocol.then_some(SUBPROTOCOL),
    })
}

/// Proof for the client that the server speaks WebSocket, from the client's key (section 4.2.2, 5.4).
fn accept_value(key: &[u8]) -> Result<String, Refusal> {
    let mut nonce = [0; KEY_BYTES + 2];
    if KEY_ENCODING.decode_slice(key, &mut nonce) != Ok(KEY_BYTES) {
        return Err(Refusal::KeyMalformed);
    }
    // SHA-1 protects nothing here: it keeps caches and other servers from answering by accident (section 10.8).
    let mut digest = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    digest.update(key);
    digest.update(ACCEPT_SUFFIX);
    Ok(STANDARD.encode(digest.finish()))
}

/// Whether one of the comma-separated elements of the fields called `name` is what `is_wanted`.
fn lists(fields: &dyn Fields, name: &str, is_wanted: impl Fn(&[u8]) -> bool) -> bool {
    (0..)
        .map_while(|occurrence| fields.field(name, occurrence))
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|element| is_wanted(element.trim_ascii()))
}

/// The name that MCP clients give their messages on a WebSocket. Names are compared with case.
const SUBPROTOCOL: &str = "mcp";
/// Bytes in a client's key.
const KEY_BYTES: usize = 16;
/// Appended to the key before it is hashed (section 1.3).
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// A key needs to decode to 16 bytes, no more: clients that make one up as text leave bits behind the last byte.
const KEY_ENCODING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests;
