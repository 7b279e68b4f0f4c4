//! WebSocket and stdio: JSON-RPC messages, the old envelope, cancelling.

use super::*;

const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mcp\r\n";

pub(super) fn open(bench: &mut Bench) -> ConnectionId {
    let connection = bench.connect();
    let answer = bench.ask(connection, &http("GET /mcp", UPGRADE, ""));
    assert_eq!(status(&answer), "101");
    assert!(
        answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        "{answer}"
    );
    assert!(answer.contains("Sec-WebSocket-Protocol: mcp\r\n"), "{answer}");
    connection
}

/// A masked text frame (RFC 6455 5.2), as clients send them.
fn frame(text: &str) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let length = text.len();
    let mut bytes = vec![0x81];
    if length < 126 {
        bytes.push(0x80 | length as u8);
    } else {
        bytes.push(0x80 | 126);
        bytes.extend_from_slice(&(length as u16).to_be_bytes());
    }
    bytes.extend_from_slice(&mask);
    bytes.extend(
        text.bytes()
            .enumerate()
            .map(|(index, byte)| byte ^ mask[index % 4]),
    );
    bytes
}

/// The texts of unmasked frames.
pub(super) fn texts(mut bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (length, rest) = match second {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            short => (usize::from(*short), rest),
        };
        if first & 0x0f == 1 {
            texts.push(String::from_utf8(rest[..length].to_vec()).unwrap());
        }
        bytes = &rest[length..];
    }
    texts
}

pub(super) fn say(bench: &mut Bench, connection: ConnectionId, text: &str) -> Vec<String> {
    bench.send(connection, &frame(text));
    texts(&bench.receive(connection))
}

#[test]
fn a_ping_over_a_websocket_is_answered() {
    let mut bench = Bench::new();
    let connection = open(&mut bench);
    let replies = say(
        &mut bench,
        connection,
        r#"{"jsonrpc":"2.0","id":"test_1","method":"ping"}"#,
    );
    assert_eq!(replies, [r#"{"jsonrpc":"2.0","id":"test_1","result":{}}"#]);
}

#[test]
fn frames_behind_the_handshake_are_read_with_it() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    let mut bytes = http("GET /mcp", UPGRADE, "").into_bytes();
    bytes.extend(frame(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#));
    bench.send(connection, &bytes);
    let answer = bench.receive(connection);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(texts(&answer[end..]), [r#"{"jsonrpc":"2.0","id":1,"result":{}}"#]);
}

#[test]
fn calls_over_a_websocket_are_answered_as_they_end() {
    let mut bench = Bench::new();
    let connection = open(&mut bench);
    assert!(say(&mut bench, connection, &call(1)).is_empty());
    assert!(say(&mut bench, connection, &call(2)).is_empty());
    let (first, second) = (bench.next_submitted(), bench.next_submitted());
    bench.complete_with(second.id, "{}");
    bench.complete_with(first.id, "{}");
    let replies = texts(&bench.receive(connection));
    assert!(
        replies[0].contains("\"id\":2") && replies[1].contains("\"id\":1"),
        "{replies:?}"
    );
}

#[test]
fn a_cancelled_call_gets_no_reply() {
    let mut bench = Bench::new();
    let connection = open(&mut bench);
    say(&mut bench, connection, &call(1));
    let job = bench.next_submitted();
    let cancelled = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    assert!(say(&mut bench, connection, cancelled).is_empty());
    assert_eq!(bench.interrupted, [job.id]);
    bench.complete_with(job.id, "{}");
    assert_eq!(bench.receive(connection), b"");
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn a_closed_websocket_cancels_its_calls() {
    let mut bench = Bench::new();
    let connection = open(&mut bench);
    say(&mut bench, connection, &call(1));
    let job = bench.next_submitted();
    bench.handle(Input::Ended { connection });
    assert_eq!(bench.interrupted, [job.id]);
}

#[test]
fn the_old_envelope_is_answered_when_the_first_frame_uses_it() {
    let mut bench = Bench::new();
    let connection = open(&mut bench);
    let replies = say(&mut bench, connection, r#"{"type":"ping"}"#);
    assert!(
        replies[0].contains(r#""type":"connection""#) && replies[0].contains(r#""status":"connected""#),
        "{replies:?}"
    );
    assert!(replies[1].contains(r#""type":"pong""#), "{replies:?}");
    let call = r#"{"type":"call","id":"a","method":"execute_query","params":{"query":"select 1"}}"#;
    assert!(say(&mut bench, connection, call).is_empty());
    let job = bench.next_submitted();
    bench.complete_with(job.id, r#"{"content":[]}"#);
    let replies = texts(&bench.receive(connection));
    assert_eq!(replies, [r#"{"type":"result","id":"a","result":{"content":[]}}"#]);
    bench.handle(Input::Shutdown);
    let notice = bench.receive(connection);
    assert!(texts(&notice)[0].contains(r#""type":"shutdown""#));
}

#[test]
fn stdio_answers_lines_and_goes_on_after_a_broken_one() {
    let mut bench = Bench::new();
    let connection = bench.server.accept(bench.now, Peer::Stdio).unwrap();
    let lines = "not json\n\r\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\r\n";
    let replies = bench.ask(connection, lines);
    let replies: Vec<&str> = replies.lines().collect();
    assert!(replies[0].contains("-32700"), "{replies:?}");
    assert_eq!(replies[1..], [r#"{"jsonrpc":"2.0","id":2,"result":{}}"#]);
}
