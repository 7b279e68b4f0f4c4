//! The upgrade from HTTP to WebSocket, server side (RFC 6455 section 4.2).
//!
//! It judges header fields and computes what the 101 must say. It writes no response: HTTP does. Who may connect (Origin,
//! credentials) is the server's business, and it asks before it comes here.

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
            // A 426 names the protocol that is wanted, and Upgrade never travels without Connection (RFC 9110 section 15.5.22
            // and 7.8).
            Self::VersionNot13 => &[
                ("Sec-WebSocket-Version", "13"),
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
            ],
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
mod tests {
    use super::*;

    struct Lines<'a>(Vec<(&'a str, &'a str)>);

    impl Fields for Lines<'_> {
        fn field(&self, name: &str, occurrence: usize) -> Option<&[u8]> {
            self.0
                .iter()
                .filter(|(own, _)| own.eq_ignore_ascii_case(name))
                .nth(occurrence)
                .map(|(_, value)| value.as_bytes())
        }
    }

    /// The example of RFC 6455 section 1.3, with `changes` made: a field with a value is replaced, one without is removed, and a
    /// name that starts with `+` is added.
    fn request(changes: &[(&'static str, &'static str)]) -> Lines<'static> {
        let mut lines = vec![
            ("Host", "server.example.com"),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"),
        ];
        for (name, value) in changes {
            match name.strip_prefix('+') {
                Some(name) => lines.push((name, value)),
                None => {
                    lines.retain(|(own, _)| own != name);
                    if !value.is_empty() {
                        lines.push((name, value));
                    }
                }
            }
        }
        Lines(lines)
    }

    fn check(changes: &[(&'static str, &'static str)], expected: Result<Option<&'static str>, Refusal>) {
        let found = accept(&request(changes), "GET", true);
        assert_eq!(
            found.map(|accepted| accepted.subprotocol),
            expected,
            "{changes:?}"
        );
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted_with_its_proof() {
        let expected = Accepted {
            accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned(),
            subprotocol: None,
        };
        assert_eq!(accept(&request(&[]), "GET", true), Ok(expected));
    }

    #[test]
    fn the_proof_is_what_another_implementation_computes() {
        for key in [
            "x3JJHMbDL1EzLkh9GBhXDw==",
            "AAAAAAAAAAAAAAAAAAAAAA==",
            "//////////////////////==",
        ] {
            let accepted = accept(&request(&[("Sec-WebSocket-Key", key)]), "GET", true).unwrap();
            assert_eq!(
                accepted.accept,
                tungstenite::handshake::derive_accept_key(key.as_bytes())
            );
        }
    }

    #[test]
    fn upgrade_and_connection_are_lists_without_case() {
        check(&[("Upgrade", "h2c, WebSocket")], Ok(None));
        check(&[("Upgrade", "h2c"), ("+Upgrade", "websocket")], Ok(None));
        check(&[("Connection", "keep-alive, UPGRADE")], Ok(None));
        check(
            &[("Connection", "keep-alive"), ("+Connection", "upgrade")],
            Ok(None),
        );
        check(&[("Upgrade", "websockets")], Err(Refusal::UpgradeMissing));
        check(&[("Upgrade", "")], Err(Refusal::UpgradeMissing));
        check(&[("Connection", "keep-alive")], Err(Refusal::ConnectionMissing));
        check(&[("Connection", "")], Err(Refusal::ConnectionMissing));
    }

    #[test]
    fn only_an_upgrade_to_websocket_is_one() {
        assert!(is_upgrade(&request(&[])));
        assert!(is_upgrade(&request(&[
            ("Sec-WebSocket-Key", ""),
            ("Connection", "")
        ])));
        assert!(!is_upgrade(&request(&[("Upgrade", "")])));
        assert!(!is_upgrade(&request(&[("Upgrade", "h2c")])));
    }

    #[test]
    fn a_websocket_is_opened_with_get_over_http_11() {
        for method in ["POST", "HEAD", "get", ""] {
            assert_eq!(
                accept(&request(&[]), method, true),
                Err(Refusal::MethodNotGet),
                "{method}"
            );
        }
        assert_eq!(
            accept(&request(&[]), "GET", false),
            Err(Refusal::VersionNotHttp11)
        );
    }

    #[test]
    fn only_version_13_is_spoken() {
        for version in ["", "8", "12", "013", "13, 8", "14"] {
            check(&[("Sec-WebSocket-Version", version)], Err(Refusal::VersionNot13));
        }
        check(&[("+Sec-WebSocket-Version", "8")], Err(Refusal::VersionNot13));
        check(
            &[("Sec-WebSocket-Version", "8"), ("Sec-WebSocket-Key", "")],
            Err(Refusal::VersionNot13),
        );
    }

    #[test]
    fn a_key_is_16_bytes_once() {
        check(&[("Sec-WebSocket-Key", "")], Err(Refusal::KeyMissing));
        check(
            &[("+Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")],
            Err(Refusal::KeyRepeated),
        );
        for key in [
            "dGhlIHNhbXBsZSBub25j",
            "dGhlIHNhbXBsZSBub25jZXM=",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ= =",
            "dGhlIHNhbXBsZSBub25jZ-==",
            "not base64",
            "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQQ==",
        ] {
            check(&[("Sec-WebSocket-Key", key)], Err(Refusal::KeyMalformed));
        }
        check(&[("Sec-WebSocket-Key", "abcdefghijklmnopqrstuv==")], Ok(None));
    }

    #[test]
    fn the_subprotocol_is_answered_only_when_it_was_offered() {
        check(&[("Sec-WebSocket-Protocol", "mcp")], Ok(Some("mcp")));
        check(&[("Sec-WebSocket-Protocol", "chat,mcp ,x")], Ok(Some("mcp")));
        check(
            &[
                ("+Sec-WebSocket-Protocol", "chat"),
                ("+Sec-WebSocket-Protocol", "mcp"),
            ],
            Ok(Some("mcp")),
        );
        check(&[("Sec-WebSocket-Protocol", "chat, MCP, mcp2")], Ok(None));
        check(&[("Sec-WebSocket-Protocol", ",")], Ok(None));
    }

    #[test]
    fn every_refusal_has_a_status_its_fields_and_a_sentence() {
        let upgrade: &[(&str, &str)] = &[
            ("Sec-WebSocket-Version", "13"),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
        ];
        for (refusal, status, headers, sentence) in [
            (
                Refusal::MethodNotGet,
                405,
                &[("Allow", "GET")][..],
                "a WebSocket is opened with GET",
            ),
            (
                Refusal::VersionNotHttp11,
                400,
                &[],
                "a WebSocket is opened with HTTP/1.1, this request is older",
            ),
            (
                Refusal::UpgradeMissing,
                400,
                &[],
                "no Upgrade field names websocket, a proxy may have removed it",
            ),
            (
                Refusal::ConnectionMissing,
                400,
                &[],
                "no Connection field names Upgrade, a proxy may have removed it",
            ),
            (
                Refusal::VersionNot13,
                426,
                upgrade,
                "Sec-WebSocket-Version must be 13, once",
            ),
            (Refusal::KeyMissing, 400, &[], "no Sec-WebSocket-Key"),
            (Refusal::KeyRepeated, 400, &[], "more than one Sec-WebSocket-Key"),
            (
                Refusal::KeyMalformed,
                400,
                &[],
                "Sec-WebSocket-Key must be 16 bytes in base64",
            ),
        ] {
            assert_eq!(
                (refusal.status(), refusal.headers(), refusal.to_string().as_str()),
                (status, headers, sentence)
            );
        }
    }
}
