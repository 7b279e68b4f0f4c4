//! The opening handshake of a WebSocket on `/mcp`, and the close code of every kind of bad frame (RFC 6455 sections 4 to
//! 8). All that the frames may do is in `tests/protocol/websocket`.

use super::Expected::Kept;
use super::Level::{Legal, Must, Safe, Should};
use super::Sent::Whole;
use super::answer::{Answer, find};
use super::{Case, End, Level, case, daemon, exchange};

/// `GET /mcp` that asks for a WebSocket, with these lines about key and version.
macro_rules! asking {
    ($lines:literal) => {
        Whole(
            concat!(
                "GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
                $lines,
                "\r\n"
            )
            .as_bytes(),
        )
    };
}

/// `GET /mcp`, or this request line, with a key and a version that are right, and these lines.
macro_rules! keyed {
    ($lines:literal) => {
        keyed!("GET /mcp HTTP/1.1", $lines)
    };
    ($line:literal, $lines:literal) => {
        Whole(
            concat!(
                $line,
                "\r\nHost: localhost\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
                $lines,
                "\r\n"
            )
            .as_bytes(),
        )
    };
}

const NO_UPGRADE: super::Expected = Kept(&[400]);
const OTHER_VERSION: super::Expected = Kept(&[426]);

/// What is no handshake. Each leaves an HTTP connection in step.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("6455 4.2.2", Must, "version 12",
        asking!("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 12\r\n"), OTHER_VERSION),
    case("6455 4.2.1", Must, "version 013",
        asking!("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 013\r\n"), OTHER_VERSION),
    case("6455 4.2.1", Must, "no version",
        asking!("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), OTHER_VERSION),
    case("6455 4.4", Must, "two versions",
        asking!("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
          Sec-WebSocket-Version: 12\r\n"), OTHER_VERSION),
    case("6455 4.2.1", Must, "no key",
        asking!("Sec-WebSocket-Version: 13\r\n"), NO_UPGRADE),
    case("6455 4.2.1", Should, "a key of 3 bytes",
        asking!("Sec-WebSocket-Key: AAAA\r\nSec-WebSocket-Version: 13\r\n"), NO_UPGRADE),
    case("6455 4.2.1", Should, "a key of 17 bytes",
        asking!("Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eHg=\r\nSec-WebSocket-Version: 13\r\n"), NO_UPGRADE),
    case("6455 4.2.1", Should, "a key that is no base64",
        asking!("Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\nSec-WebSocket-Version: 13\r\n"), NO_UPGRADE),
    case("6455 11.3.1", Must, "two keys",
        asking!("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
          Sec-WebSocket-Version: 13\r\n"), NO_UPGRADE),
    case("6455 4.2.1", Must, "no Connection",
        keyed!("Upgrade: websocket\r\n"), NO_UPGRADE),
    case("6455 4.2.1", Must, "no Upgrade",
        keyed!("Connection: Upgrade\r\n"), NO_UPGRADE),
    case("6455 4.2.1", Must, "an upgrade to something else",
        keyed!("Connection: Upgrade\r\nUpgrade: websocketx\r\n"), NO_UPGRADE),
    case("6455 4.2.1", Must, "HTTP/1.0",
        keyed!("GET /mcp HTTP/1.0", "Connection: Upgrade, keep-alive\r\nUpgrade: websocket\r\n"), NO_UPGRADE),
    case("6455 4.2.1", Must, "a POST",
        keyed!("POST /mcp HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n"), Kept(&[415])),
    case("6455 4.2.2", Must, "a path that is not there",
        keyed!("GET /nowhere HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n"), Kept(&[404])),
    case("9110 7.8", Must, "a path that is no WebSocket",
        keyed!("GET /health HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n"), Kept(&[200])),
    case("6455 10.2", Safe, "a foreign page",
        keyed!("Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://evil.example\r\n"), Kept(&[403])),
    case("6455 10.2", Safe, "a page without an origin",
        keyed!("Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: null\r\n"), Kept(&[403])),
];

/// Handshakes: field lines besides the key and the version, whose answer section 1.3 gives.
const HANDSHAKES: &[(Level, &str, &str)] = &[
    (
        Legal,
        "the least",
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
    ),
    (
        Legal,
        "lists and capitals",
        "Connection: keep-alive, UPGRADE\r\nUpgrade: h2c, WebSocket\r\n",
    ),
    (
        Legal,
        "a page of this machine",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://localhost:5173\r\n",
    ),
    (
        Must,
        "a subprotocol that is not known",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: nope\r\n",
    ),
    (
        Must,
        "an extension that is not known",
        "Connection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n",
    ),
];

/// Bytes behind a handshake and the code of the close that answers them. Frames are masked with zeros.
const FRAMES: &[(&str, &str, &[u8], u16)] = &[
    ("5.1", "a frame that is not masked", b"\x81\x02{}", 1002),
    ("5.2", "a reserved bit", b"\xc1\x82\0\0\0\0{}", 1002),
    ("5.2", "a reserved opcode of data", b"\x83\x80\0\0\0\0", 1002),
    ("5.2", "a reserved opcode of control", b"\x8b\x80\0\0\0\0", 1002),
    (
        "5.2",
        "a length in more bytes than it needs",
        b"\x81\xfe\0\x02\0\0\0\0{}",
        1002,
    ),
    (
        "5.2",
        "a length of 64 bits",
        b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
        1002,
    ),
    ("5.5", "a ping in fragments", b"\x09\x80\0\0\0\0", 1002),
    ("5.5", "a ping of 126 bytes", b"\x89\xfe\0\x7e\0\0\0\0", 1002),
    ("5.4", "a continuation of nothing", b"\x80\x80\0\0\0\0", 1002),
    (
        "5.4",
        "a message in a message",
        b"\x01\x80\0\0\0\0\x81\x80\0\0\0\0",
        1002,
    ),
    ("7.4.1", "a binary message", b"\x82\x82\0\0\0\0{}", 1003),
    ("8.1", "text that is not UTF-8", b"\x81\x82\0\0\0\0\xff\xfe", 1007),
    (
        "7.4.1",
        "a message of 1 TiB",
        b"\x81\xff\0\0\x01\0\0\0\0\0\0\0\0\0",
        1009,
    ),
    ("5.5.1", "a close of one byte", b"\x88\x81\0\0\0\0\x03", 1002),
    (
        "7.4.1",
        "a close with a code that is never sent",
        b"\x88\x82\0\0\0\0\x03\xed",
        1002,
    ),
    (
        "5.5.1",
        "a close whose reason is not UTF-8",
        b"\x88\x83\0\0\0\0\x03\xe8\xff",
        1007,
    ),
    ("5.5.1", "a close", b"\x88\x82\0\0\0\0\x03\xe8", 1000),
];

/// A masked close with 1000, behind which the server ends the connection.
const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";

fn handshake(lines: &str) -> Vec<u8> {
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\n{lines}{key}\r\n").into_bytes()
}

/// What follows the head of a 101.
fn behind_head(received: &[u8]) -> &[u8] {
    find(received, b"\r\n\r\n").map_or(&[], |end| &received[end + 4..])
}

#[test]
fn a_handshake_opens_a_websocket_and_nothing_more() {
    let daemon = daemon();
    for (level, what, lines) in HANDSHAKES {
        let received =
            exchange(daemon.address, &[&handshake(lines), CLOSE].concat(), End::Theirs).expect("an end");
        let answers = Answer::all(&received, false).expect("a whole answer");
        let [answer] = &answers[..] else {
            panic!("{what}: {answers:?}")
        };
        assert_eq!(
            (answer.status, answer.flaw(false)),
            (101, None),
            "{what} ({level:?})"
        );
        for (name, value) in [
            ("sec-websocket-accept", Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
            ("upgrade", Some("websocket")),
            ("connection", Some("Upgrade")),
            ("sec-websocket-protocol", None),
            ("sec-websocket-extensions", None),
        ] {
            assert_eq!(answer.field(name), value, "{what}: {name}");
        }
        assert_eq!(behind_head(&received), b"\x88\x02\x03\xe8", "{what}");
    }
}

#[test]
fn every_bad_frame_is_answered_with_its_close_code() {
    let daemon = daemon();
    let opening = handshake("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    for (section, what, frames, code) in FRAMES {
        // The ping behind them must not be answered.
        let bytes = [&opening[..], frames, b"\x89\x80\0\0\0\0"].concat();
        let received = exchange(daemon.address, &bytes, End::Theirs).expect("an end");
        let said = behind_head(&received);
        assert!(
            said.len() >= 4 && said.len() == 2 + usize::from(said[1]),
            "RFC 6455 {section}, {what}: {said:?}"
        );
        assert_eq!(
            (said[0], &said[2..4]),
            (0x88, &code.to_be_bytes()[..]),
            "RFC 6455 {section}, {what}"
        );
    }
}

#[test]
fn frames_in_the_packet_of_the_handshake_are_answered() {
    let daemon = daemon();
    let opening = handshake("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    let call = br#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
    let frames = [&b"\x89\x82\0\0\0\0hi\x81\xa8\0\0\0\0"[..], call, CLOSE].concat();
    let received = exchange(daemon.address, &[opening, frames].concat(), End::Theirs).expect("an end");
    let said = behind_head(&received);
    assert!(said.starts_with(b"\x8a\x02hi\x81"), "{}", said.escape_ascii());
    assert!(find(said, br#""id":7"#).is_some(), "{}", said.escape_ascii());
    assert!(said.ends_with(b"\x88\x02\x03\xe8"), "{}", said.escape_ascii());
}
