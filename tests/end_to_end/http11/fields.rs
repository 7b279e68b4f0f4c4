//! Field lines: their syntax, their folding, their number and length (RFC 9112 section 5, RFC 9110 section 5).

use super::Expected::Closed;
use super::Level::{Legal, Must, Safe, Should};
use super::Sent::{Get, Made, Post, Whole};
use super::{Case, PING, REFUSED, SERVED, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    // The colon.
    case("9112 5.1", Must, "a space before the colon", Get(b"X : a\r\n"), REFUSED),
    case("9112 5.1", Must, "a tab before the colon", Get(b"X\t: a\r\n"), REFUSED),
    case("9112 5.1", Must, "a space behind Content-Length", Post(b"Content-Length : 40\r\n", PING), REFUSED),
    case("9112 5.1", Must, "a space behind Transfer-Encoding",
        Post(b"Transfer-Encoding : chunked\r\nContent-Length: 40\r\n", PING), REFUSED),
    case("9112 5.1", Must, "a space behind Host", Whole(b"GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n"), REFUSED),
    case("9112 5", Must, "a line without a colon", Get(b"GARBAGE\r\n"), REFUSED),
    case("9112 5", Legal, "no space behind the colon", Post(b"Content-Length:40\r\n", PING), SERVED),
    case("9112 5", Legal, "white space around a value", Post(b"Content-Length:\t  40 \t\r\n", PING), SERVED),
    // Folding.
    case("9112 5.2", Must, "a folded line", Get(b"X: a\r\n b\r\n"), REFUSED),
    case("9112 5.2", Must, "a line folded with a tab", Get(b"X: a\r\n\tb\r\n"), REFUSED),
    case("9112 5.2", Safe, "a folded Content-Length", Post(b"Content-Length:\r\n 40\r\n", PING), REFUSED),
    case("9112 5.2", Safe, "a folded Transfer-Encoding",
        Post(b"Content-Length: 40\r\nTransfer-Encoding:\r\n chunked\r\n", PING), REFUSED),
    // Names.
    case("9110 5.1", Legal, "a name in any letters", Post(b"cOnTeNt-LeNgTh: 40\r\n", PING), SERVED),
    case("9110 5.1", Must, "an empty name", Get(b": a\r\n"), REFUSED),
    case("9110 5.6.2", Must, "brackets in a name", Get(b"X[]: a\r\n"), REFUSED),
    case("9110 5.6.2", Must, "a space in a name", Get(b"X Y: a\r\n"), REFUSED),
    case("9110 5.6.2", Must, "a quoted name", Get(b"\"X\": a\r\n"), REFUSED),
    case("9110 5.6.2", Must, "a control character in a name", Get(b"X\x01: a\r\n"), REFUSED),
    case("9110 5.6.2", Must, "a NUL in a name", Get(b"X\0: a\r\n"), REFUSED),
    case("9110 5.6.2", Must, "a byte beyond ASCII in a name", Get(b"X\xe9: a\r\n"), REFUSED),
    case("9112 5.1", Safe, "Transfer_Encoding is another field",
        Post(b"Transfer_Encoding: chunked\r\nContent-Length: 40\r\n", PING), SERVED),
    // Values.
    case("9110 5.5", Legal, "empty values", Get(b"X:\r\nY: \r\n"), SERVED),
    case("9110 5.5", Legal, "bytes beyond ASCII in a value", Get(b"X: \xe9\xff\x80\r\n"), SERVED),
    case("9110 5.5", Must, "a NUL in a value", Get(b"X: a\0b\r\n"), REFUSED),
    case("9110 5.5", Must, "a bare CR in a value", Get(b"X: a\rb\r\n"), REFUSED),
    case("9110 5.5", Should, "a control character in a value", Get(b"X: a\x01b\r\n"), REFUSED),
    case("9110 5.5", Should, "a DEL in a value", Get(b"X: a\x7fb\r\n"), REFUSED),
    case("9112 2.2", Safe, "a field line that ends in a bare LF", Get(b"X: a\nY: b\r\n"), REFUSED),
    case("9112 2.2", Safe, "a coding hidden behind a bare LF",
        Post(b"X: a\nTransfer-Encoding: chunked\r\nContent-Length: 40\r\n", PING), REFUSED),
    case("9112 2.2", Safe, "a length hidden behind a bare CR",
        Post(b"X: a\rContent-Length: 4\r\nContent-Length: 40\r\n", PING), REFUSED),
    // Number and length.
    case("9110 5.3", Legal, "the same field forty times",
        Made(|| get_with(&"Accept-Language: en\r\n".repeat(40))), SERVED),
    case("9110 5.4", Legal, "sixty fields", Made(|| get_with(&numbered(60))), SERVED),
    case("9110 5.4", Legal, "a value of 4 KiB", Made(|| get_with(&valued(4 << 10))), SERVED),
    case("6585 5", Should, "three hundred fields", Made(|| get_with(&numbered(300))), Closed(&[431])),
    case("6585 5", Safe, "twenty thousand fields", Made(|| get_with(&numbered(20_000))), Closed(&[431])),
    case("6585 5", Should, "a value of 70 KiB", Made(|| get_with(&valued(70 << 10))), Closed(&[431])),
    case("6585 5", Safe, "a value of 2 MiB", Made(|| get_with(&valued(2 << 20))), Closed(&[431])),
];

fn get_with(fields: &str) -> Vec<u8> {
    Get(b"")
        .bytes()
        .strip_suffix(b"\r\n")
        .map_or_else(Vec::new, |head| [head, fields.as_bytes(), b"\r\n"].concat())
}

/// `count` different fields.
fn numbered(count: usize) -> String {
    (0..count).map(|number| format!("X-{number}: a\r\n")).collect()
}

/// One field with a value of `length` bytes.
fn valued(length: usize) -> String {
    format!("X: {}\r\n", "v".repeat(length))
}
