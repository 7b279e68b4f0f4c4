//! Requests that two servers could read in two ways, or that are simply wrong: each is refused with its status, ends the
//! connection, and nothing that follows it is run.

use snowflake_mcp::wire::{CloseReason, Lifecycle};

use super::*;

/// Head lines behind the request line (or a whole beginning), and the status.
const HEADS: &[(&[u8], u16)] = &[
    // Where a line ends (RFC 9112 section 2.2).
    (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    (b"GET / HTTP/1.1\rHost: a\r\r", 400),
    (
        b"GET / HTTP/1.1\r\nX: a\rContent-Length: 5\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        b"GET / HTTP/1.1\r\nX: a\nTransfer-Encoding: chunked\r\nHost: a\r\n\r\n",
        400,
    ),
    (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    // The request line (section 3).
    (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    (b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /\r\n", 400),
    (b"GET HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
    (b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTX/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", 400),
    // The target (section 3.2).
    (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /\\a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    // Field lines (section 5).
    (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n X: b\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nGARBAGE\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n", 400),
    // Host (section 3.2).
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    (b"GET http://a/ HTTP/1.1\r\n\r\n", 400),
];

/// Field lines of a POST with a valid `Host`, what follows the head, and the status.
const BODIES: &[(&[u8], &[u8], u16)] = &[
    // Content-Length (RFC 9112 section 6.3, RFC 9110 section 8.6).
    (b"Content-Length: +5\r\n", b"hello", 400),
    (b"Content-Length: -5\r\n", b"hello", 400),
    (b"Content-Length: 0x5\r\n", b"hello", 400),
    (b"Content-Length: 5.0\r\n", b"hello", 400),
    (b"Content-Length: 5 0\r\n", b"hello", 400),
    (b"Content-Length: \r\n", b"hello", 400),
    (b"Content-Length: five\r\n", b"hello", 400),
    (b"Content-Length: \"5\"\r\n", b"hello", 400),
    (b"Content-Length: 5;\r\n", b"hello", 400),
    (b"Content-Length: \xa05\r\n", b"hello", 400),
    (b"Content-Length: \x0b5\r\n", b"hello", 400),
    (b"Content-Length: 5\0\r\n", b"hello", 400),
    (b"Content-Length: 5, 5\r\n", b"hello", 400),
    (b"Content-Length: 5, 0\r\n", b"hello", 400),
    (b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello", 400),
    (b"Content-Length: 5\r\nContent-Length: 0\r\n", b"hello", 400),
    (b"Content-Length: 0\r\ncontent-length: 5\r\n", b"hello", 400),
    (b"Content-Length : 5\r\n", b"hello", 400),
    (b"Content-Length:\r\n 5\r\n", b"hello", 400),
    (b"Content-Length: 1099511627776\r\n", b"hello", 413),
    (b"Content-Length: 18446744073709551621\r\n", b"hello", 413),
    // Transfer-Encoding (section 6.1).
    (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"0\r\n\r\n",
        400,
    ),
    (
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"0\r\n\r\n",
        400,
    ),
    (
        b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        b"hello",
        400,
    ),
    (b"Transfer-Encoding: \r\nContent-Length: 5\r\n", b"hello", 400),
    (
        b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n",
        b"0\r\n\r\n",
        400,
    ),
    (b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n", 400),
    (b"Transfer-Encoding: identity\r\n", b"hello", 501),
    (b"Transfer-Encoding: \r\n", b"hello", 501),
    (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n", 501),
    (b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n", 501),
    (b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n", 501),
    (b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n", 501),
    (b"Transfer-Encoding: chunked,\r\n", b"0\r\n\r\n", 501),
    (b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n", 501),
    (b"Transfer-Encoding: \"chunked\"\r\n", b"0\r\n\r\n", 501),
    (b"Transfer-Encoding: chun ked\r\n", b"0\r\n\r\n", 501),
    (b"Transfer-Encoding: \xa0chunked\r\n", b"0\r\n\r\n", 501),
    (b"Transfer-Encoding: chun\xe2\x84\xaaed\r\n", b"0\r\n\r\n", 501),
    (b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n", 400),
    (b"Transfer-Encoding: chunked\0\r\n", b"0\r\n\r\n", 400),
    (
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"0\r\n\r\n",
        501,
    ),
    (
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"0\r\n\r\n",
        501,
    ),
    // Chunks (section 7.1).
    (CHUNKED, b"\r\n", 400),
    (CHUNKED, b"g\r\n", 400),
    (CHUNKED, b"0x5\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED, b"+5\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED, b" 5\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED, b"5 \r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED, b"5\nhello\n0\n\n", 400),
    (CHUNKED, b"5\rhello\r0\r\r", 400),
    (CHUNKED, b"5,\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED, b"5;a\nb\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED, b"5;a\rb\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED, b"5;a\0\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED, b"00000000000000005\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED, b"10000000000000005\r\nhello\r\n0\r\n\r\n", 413),
    (CHUNKED, b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", 413),
    (CHUNKED, b"100000005\r\nhello\r\n0\r\n\r\n", 413),
    (CHUNKED, b"5\r\nhello\n0\r\n\r\n", 400),
    (CHUNKED, b"5\r\nhello0\r\n\r\n", 400),
    (CHUNKED, b"4\r\nhello\r\n0\r\n\r\n", 400),
    (CHUNKED, b"5\r\nhello\r\n0\r\nGARBAGE\r\n\r\n", 400),
    (
        CHUNKED,
        b"5\r\nhello\r\n0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    (CHUNKED, b"5\r\nhello\r\n0\r\nX: a\nY: b\r\n\r\n", 400),
    (CHUNKED, b"5\r\nhello\r\n0\r\n X: a\r\n\r\n", 400),
    // Expect (RFC 9110 section 10.1.1).
    (b"Content-Length: 5\r\nExpect: 200-ok\r\n", b"hello", 417),
];

const CHUNKED: &[u8] = b"Transfer-Encoding: chunked\r\n";

/// All of them as bytes.
pub(super) fn corpus() -> Vec<(Vec<u8>, u16)> {
    let heads = HEADS.iter().map(|(bytes, status)| (bytes.to_vec(), *status));
    let bodies = BODIES.iter().map(|(fields, body, status)| {
        let bytes = [&b"POST / HTTP/1.1\r\nHost: a\r\n"[..], fields, b"\r\n", body].concat();
        (bytes, *status)
    });
    let old = b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    heads
        .chain(bodies)
        .chain([(old.to_vec(), 400)])
        .chain(too_long())
        .collect()
}

fn too_long() -> [(Vec<u8>, u16); 8] {
    let long = |count: usize| "x".repeat(count);
    let head = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes();
    let chunked = |body: &str| post("/", "Transfer-Encoding: chunked\r\n", body);
    [
        (get(&format!("/{}", long(8192))), 414),
        (format!("GET /{}", long(70_000)).into_bytes(), 414),
        (format!("{} / HTTP/1.1\r\n", long(70_000)).into_bytes(), 501),
        (head(&format!("X: {}\r\n", long(33_000))), 431),
        (format!("GET / HTTP/1.1\r\nX: {}", long(70_000)).into_bytes(), 431),
        (head(&"X: a\r\n".repeat(64)), 431),
        (chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", long(5000))), 400),
        (
            chunked(&format!("5\r\nhello\r\n0\r\nX: {}\r\n\r\n", long(9000))),
            431,
        ),
    ]
}

#[test]
fn each_is_refused_and_nothing_that_follows_is_run() {
    let corpus = corpus();
    assert!(corpus.len() > 120, "{}", corpus.len());
    for (bytes, status) in corpus {
        let mut talk = Talk::new();
        talk.feed(&[&bytes[..], &get("/smuggled")].concat());
        let shown = bytes[..bytes.len().min(160)].escape_ascii();
        assert!(
            matches!(talk.seen[..], [Seen::Failed(_)]),
            "{shown}: {:?}",
            talk.requests()
        );
        assert_eq!(talk.statuses(), [status], "{shown}");
        assert!(talk.written().contains("\r\nConnection: close\r\n"), "{shown}");
        assert_eq!(talk.lifecycle(), Lifecycle::Finishing, "{shown}");
        assert_eq!(
            talk.connection.close_reason(),
            Some(CloseReason::BadRequest),
            "{shown}"
        );
        talk.feed(&get("/later"));
        assert_eq!((talk.seen.len(), talk.statuses().len()), (1, 1), "{shown}");
        talk.end();
        assert_eq!(talk.lifecycle(), Lifecycle::Closed, "{shown}");
    }
}

#[test]
fn each_is_refused_behind_a_good_request_too() {
    for (bytes, status) in corpus() {
        // Behind a request one empty line is overlooked, as before the first.
        let mut talk = Talk::new();
        talk.feed(&[&get("/good")[..], &bytes, &get("/smuggled")].concat());
        assert_eq!(
            talk.statuses(),
            [200, status],
            "{}",
            bytes[..bytes.len().min(160)].escape_ascii()
        );
        assert_eq!(talk.seen.len(), 2);
    }
}

#[test]
fn what_looks_odd_and_is_legal_is_served() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (bytes, expected) in [
        (post("/", "Content-Length:\t 0005 \t\r\n", "hello"), "hello"),
        (post("/", "cOnTeNt-LeNgTh:5\r\n", "hello"), "hello"),
        (
            post("/", "Transfer-Encoding:\tCHUNKED\r\n", "5\r\nhello\r\n0\r\n\r\n"),
            "hello",
        ),
        (
            post("/", chunked, "5;a=b;c=\"d e\"\r\nhello\r\n0\r\n\r\n"),
            "hello",
        ),
        (
            post(
                "/",
                chunked,
                "00005\r\nhello\r\n000\r\nX: b\r\nContent-Length: 4\r\n\r\n",
            ),
            "hello",
        ),
        (
            post(
                "/",
                "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n",
                "hello",
            ),
            "hello",
        ),
        (post("/", "X:\r\nX: \r\nX: \u{e9}\r\n", ""), ""),
        (post("http://b/", "", ""), ""),
        (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n".to_vec(), ""),
        (post("/", &"Accept-Language: en\r\n".repeat(40), ""), ""),
        (post("/", "Expect: 100-continue\r\n", ""), ""),
        (post("/", "Connection: X-Foo\r\nX-Foo: 1\r\n", ""), ""),
    ] {
        let mut talk = Talk::new();
        talk.feed(&[&bytes[..], &get("/next")].concat());
        let shown = bytes.escape_ascii();
        assert_eq!(talk.statuses(), [200, 200], "{shown}");
        assert!(
            matches!(&talk.seen[0], Seen::Request { body, .. } if body == expected.as_bytes()),
            "{shown}"
        );
        assert_eq!(talk.lifecycle(), Lifecycle::Open, "{shown}");
    }
}
