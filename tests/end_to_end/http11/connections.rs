//! Connections: how long they last, pipelining, HEAD, Expect, and requests that come in parts or not at all (RFC 9112
//! sections 8 and 9, RFC 9110 sections 9.3.2 and 10.1.1).

use std::io::{ErrorKind, Read, Write};

use super::Expected::{Closed, Kept};
use super::Level::{Legal, Must, Should};
use super::Sent::{Get, Line, Made, Post, Whole};
use super::answer::{Answer, find};
use super::{Case, End, PING, REFUSED, SENTINEL, SERVED, case, daemon, exchange, post};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    // How long they last.
    case("9112 9.6", Must, "close", Get(b"Connection: close\r\n"), Closed(&[200])),
    case("9112 9.6", Must, "close of a POST",
        Post(b"Connection: close\r\nContent-Length: 40\r\n", PING), Closed(&[200])),
    case("9110 7.6.1", Must, "close in capitals in a list", Get(b"Connection: keep-alive, CLOSE\r\n"), Closed(&[200])),
    case("9110 7.6.1", Must, "close in a second field",
        Get(b"Connection: keep-alive\r\nConnection: close\r\n"), Closed(&[200])),
    case("9110 7.6.1", Legal, "an option that is not known", Get(b"Connection: X-Option\r\nX-Option: 1\r\n"), SERVED),
    case("9112 9.3", Must, "HTTP/1.0 ends after its answer", Line(b"GET /health HTTP/1.0"), Closed(&[200])),
    case("9112 9.3", Legal, "HTTP/1.0 may ask to go on",
        Whole(b"GET /health HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"), SERVED),
    case("9110 7.8", Must, "an upgrade to something else is passed over",
        Get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), SERVED),
    // Pipelining.
    case("9112 9.3.2", Must, "three at once", Made(|| PIPELINED.concat()), Kept(&[200, 404, 200])),
    case("9112 9.3.2", Must, "a close in the middle",
        Made(|| [&Get(b"").bytes(), &Get(b"Connection: close\r\n").bytes(), PIPELINED[0]].concat()), Closed(&[200, 200])),
    case("9112 9.3.2", Must, "a fault in the middle",
        Made(|| [PIPELINED[0], b"GARBAGE\r\n\r\n", PIPELINED[1]].concat()), Closed(&[200, 400])),
    case("9112 7.1", Legal, "a request behind a chunked body",
        Made(|| [&Post(b"Transfer-Encoding: chunked\r\n", b"2\r\n[]\r\n0\r\n\
          \r\n").bytes(), PIPELINED[0]].concat()), Kept(&[400, 200])),
    // HEAD.
    case("9110 9.3.2", Must, "HEAD has no body", Line(b"HEAD /health HTTP/1.1"), SERVED),
    case("9110 9.3.2", Must, "HEAD of what is not there has no body", Line(b"HEAD /nowhere HTTP/1.1"), Kept(&[404])),
    case("9110 9.3.2", Must, "HEAD of what cannot be read has no body", Line(b"HEAD /mcp HTTP/1.1"), Kept(&[405])),
    case("9110 9.3.2", Must, "HEAD that is refused has no body", Whole(b"HEAD /health HTTP/1.1\r\n\r\n"), REFUSED),
    // Expect.
    case("9110 10.1.1", Legal, "a body that does not wait to be asked for",
        Post(b"Expect: 100-continue\r\nContent-Length: 40\r\n", PING), SERVED),
    case("9110 10.1.1", Legal, "100-continue in any letters",
        Post(b"Expect: 100-CONTINUE\r\nContent-Length: 40\r\n", PING), SERVED),
    case("9110 10.1.1", Legal, "100-continue without a body", Get(b"Expect: 100-continue\r\n"), SERVED),
    case("9110 10.1.1", Should, "an expectation that is not known",
        Post(b"Expect: tea\r\nContent-Length: 40\r\n", PING), Closed(&[417])),
    case("9110 10.1.1", Should, "a body that is too long is not asked for",
        Post(b"Expect: 100-continue\r\nContent-Length: 1099511627776\r\n", b""), Closed(&[413])),
];

const PIPELINED: [&[u8]; 3] = [
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n",
];

/// What is sent before the client says FIN, and what it is told (RFC 9112 section 8).
const CUT: &[(&str, &[u8], &[u16])] = &[
    ("nothing", b"", &[]),
    ("a part of a request line", b"GET /hea", &[400]),
    (
        "a part of a head",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n",
        &[400],
    ),
    (
        "a part of a body",
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{}",
        &[400],
    ),
    (
        "chunks without the last",
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        &[400],
    ),
    (
        "a last chunk without its end",
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
        &[400],
    ),
    (
        "a request",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[200],
    ),
    (
        "a request and a part of another",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /",
        &[200, 400],
    ),
];

/// What is sent, and what completes it. In between there is no answer (RFC 9112 section 8).
const HALVES: &[(&str, &[u8], &[u8])] = &[
    ("a head", b"GET /health HTTP/1.1\r\nHost: localhost\r\n", b"\r\n"),
    (
        "the CR of its end",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r",
        b"\n",
    ),
    (
        "the last byte of a body",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{",
        b"}",
    ),
    (
        "the end of a last chunk",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"\r\n",
    ),
    (
        "a chunk",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"lo\r\n0\r\n\r\n",
    ),
];

fn statuses(received: &[u8]) -> Vec<u16> {
    let answers = Answer::all(received, false).expect("whole answers");
    answers.iter().map(|answer| answer.status).collect()
}

#[test]
fn a_client_that_ends_early_is_told_and_never_answered_for_a_part() {
    let daemon = daemon();
    for (what, bytes, expected) in CUT {
        let received = exchange(daemon.address, bytes, End::Ours).expect("an end");
        assert_eq!(statuses(&received), *expected, "{what}");
    }
}

#[test]
fn nothing_is_answered_before_it_is_whole() {
    let daemon = daemon();
    for (what, first, second) in HALVES {
        let mut stream = daemon.connect();
        stream.write_all(first).expect("it reads");
        // One thread serves both connections, so what came before this request has been looked at when it is answered.
        assert_eq!(daemon.ask("GET", "/health", "").status, 200);
        stream.set_nonblocking(true).expect("a socket");
        let early = stream.read(&mut [0; 1]).map_err(|error| error.kind());
        assert_eq!(early, Err(ErrorKind::WouldBlock), "{what}");
        stream.set_nonblocking(false).expect("a socket");
        stream.write_all(second).expect("it reads");
        stream
            .write_all(&post("Connection: close\r\n", SENTINEL))
            .expect("it reads");
        let mut received = Vec::new();
        stream.read_to_end(&mut received).expect("an end");
        assert_eq!(statuses(&received), [200, 200], "{what}");
    }
}

#[test]
fn a_request_may_come_a_byte_at_a_time() {
    let daemon = daemon();
    let chunked = b"Transfer-Encoding: chunked\r\nConnection: close\r\n";
    let chunks = b"28\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n0\r\n\r\n";
    for bytes in [
        Get(b"Connection: close\r\n").bytes(),
        post("Connection: close\r\n", PING),
        Post(chunked, chunks).bytes(),
    ] {
        let mut stream = daemon.connect();
        stream.set_nodelay(true).expect("a socket");
        for byte in bytes {
            stream.write_all(&[byte]).expect("it reads");
        }
        let mut received = Vec::new();
        stream.read_to_end(&mut received).expect("an end");
        assert_eq!(statuses(&received), [200]);
    }
}

#[test]
fn fifty_at_once_are_answered_in_order() {
    let daemon = daemon();
    let call = |number: usize| {
        let fields = if number == 49 { "Connection: close\r\n" } else { "" };
        post(
            fields,
            format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"ping"}}"#).as_bytes(),
        )
    };
    let bytes: Vec<u8> = (0..50).flat_map(call).collect();
    let received = exchange(daemon.address, &bytes, End::Theirs).expect("an end");
    let answers = Answer::all(&received, false).expect("whole answers");
    assert_eq!(answers.len(), 50);
    for (number, answer) in answers.iter().enumerate() {
        let id = format!(r#""id":{number},"#);
        assert!(
            find(&answer.body, id.as_bytes()).is_some(),
            "{number}: {answer:?}"
        );
    }
}

/// The client that says so waits for the 100 before it sends its body (RFC 9110 section 10.1.1).
#[test]
fn a_client_that_waits_to_be_asked_for_its_body_is_asked() {
    let daemon = daemon();
    let length = "Content-Length: 40\r\n";
    for (fields, body) in [
        (length, PING),
        (
            "Transfer-Encoding: chunked\r\n",
            &b"28\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n0\r\n\r\n"[..],
        ),
    ] {
        let fields = format!("Connection: close\r\nExpect: 100-continue\r\n{fields}");
        let mut stream = daemon.connect();
        stream
            .write_all(&[super::POST, super::JSON, fields.as_bytes(), b"\r\n"].concat())
            .expect("it reads");
        let asked = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).expect("to be asked");
        assert_eq!(&interim, asked);
        stream.write_all(body).expect("it reads");
        let mut received = Vec::new();
        stream.read_to_end(&mut received).expect("an end");
        assert_eq!(statuses(&received), [200]);
    }
}

#[test]
fn http_10_is_never_asked_for_its_body() {
    let daemon = daemon();
    let head = b"POST /mcp HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 40\r\nExpect: 100-continue\r\n\r\n";
    let received = exchange(daemon.address, &[head, PING].concat(), End::Theirs).expect("an end");
    assert!(
        received.starts_with(b"HTTP/1.1 200 "),
        "{}",
        received.escape_ascii()
    );
    assert_eq!(statuses(&received), [200]);
}
