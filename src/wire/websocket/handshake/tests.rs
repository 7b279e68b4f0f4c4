//! Header fields of upgrade requests, good and bad, and what they lead to.

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

/// The example of RFC 6455 section 1.3, with `changes` made: a field with a value is replaced, one without is
/// removed, and a name that starts with `+` is added.
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
    let upgrade: &[(&str, &str)] = &[("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")];
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
