//! The request line: where lines end, methods, targets and versions (RFC 9112 sections 2 and 3).

use super::Expected::{Closed, Kept};
use super::Level::{Legal, Must, Safe, Should};
use super::Sent::{Get, Line, Made, Whole};
use super::{Case, REFUSED, SERVED, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    // Where lines end.
    case("9112 9.3", Legal, "a plain GET", Get(b""), SERVED),
    case("9112 2.2", Should, "an empty line before the request",
        Whole(b"\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), SERVED),
    case("9112 2.2", Safe, "two empty lines before the request",
        Whole(b"\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), REFUSED),
    case("9112 2.2", Safe, "a thousand empty lines", Made(|| b"\r\n".repeat(1_000)), REFUSED),
    case("9112 2.2", Safe, "a bare LF before the request",
        Whole(b"\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), REFUSED),
    case("9112 2.2", Safe, "all lines end in a bare LF", Whole(b"GET /health HTTP/1.1\nHost: localhost\n\n"), REFUSED),
    case("9112 2.2", Safe, "the request line ends in a bare LF",
        Whole(b"GET /health HTTP/1.1\nHost: localhost\r\n\r\n"), REFUSED),
    case("9112 2.2", Must, "all lines end in a bare CR", Whole(b"GET /health HTTP/1.1\rHost: localhost\r\r"), REFUSED),
    case("9112 2.2", Must, "a bare CR in the request line",
        Whole(b"GET /health\r HTTP/1.1\r\nHost: localhost\r\n\r\n"), REFUSED),
    case("9112 2.2", Safe, "the head ends in a bare LF",
        Whole(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\n"), REFUSED),
    case("9112 2.2", Must, "white space behind the request line",
        Whole(b"GET /health HTTP/1.1\r\n X: a\r\nHost: localhost\r\n\r\n"), REFUSED),
    // Its three parts.
    case("9112 3", Should, "two spaces before the target", Line(b"GET  /health HTTP/1.1"), REFUSED),
    case("9112 3", Should, "two spaces behind the target", Line(b"GET /health  HTTP/1.1"), REFUSED),
    case("9112 3", Should, "a tab instead of a space", Line(b"GET\t/health HTTP/1.1"), REFUSED),
    case("9112 3", Should, "a space behind the version", Line(b"GET /health HTTP/1.1 "), REFUSED),
    case("9112 3", Must, "a space before the method", Line(b" GET /health HTTP/1.1"), REFUSED),
    case("9112 3.2", Should, "a space in the target", Line(b"GET /health /status HTTP/1.1"), REFUSED),
    case("9112 3", Must, "no target", Line(b"GET HTTP/1.1"), REFUSED),
    case("9112 3.2", Must, "an empty target", Line(b"GET  HTTP/1.1"), REFUSED),
    case("9112 3", Must, "no version", Line(b"GET /health"), REFUSED),
    case("9112 3", Safe, "a request of HTTP/0.9", Whole(b"GET /health\r\n"), REFUSED),
    case("9112 3", Safe, "a TLS greeting", Whole(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n"), REFUSED),
    // Methods.
    case("9110 9.1", Must, "a method in small letters is another one", Line(b"get /health HTTP/1.1"), Kept(&[501])),
    case("9110 9.1", Should, "a method that nobody knows", Line(b"BREW /health HTTP/1.1"), Kept(&[501])),
    case("9110 9.1", Must, "a method that is no token", Line(b"GE(T /health HTTP/1.1"), REFUSED),
    case("9110 9.1", Must, "a NUL in the method", Line(b"GE\0T /health HTTP/1.1"), REFUSED),
    case("9110 9.1", Must, "a method of bytes beyond ASCII", Line(b"G\xc3\x89T /health HTTP/1.1"), REFUSED),
    case("9112 3", Should, "a method of 64 KiB", Made(|| b"A".repeat(64 << 10)), Closed(&[501])),
    // Versions.
    case("9110 15.6.6", Should, "HTTP/2.0", Line(b"GET /health HTTP/2.0"), Closed(&[505])),
    case("9110 15.6.6", Should, "HTTP/3.0", Line(b"GET /health HTTP/3.0"), Closed(&[505])),
    case("9110 15.6.6", Must, "HTTP/0.9 with a version", Line(b"GET /health HTTP/0.9"), Closed(&[505])),
    case("9110 2.5", Should, "a higher minor version is served", Line(b"GET /health HTTP/1.2"), SERVED),
    case("9112 2.3", Must, "a minor version of two digits", Line(b"GET /health HTTP/1.10"), REFUSED),
    case("9112 2.3", Must, "a major version of two digits", Line(b"GET /health HTTP/01.1"), REFUSED),
    case("9112 2.3", Must, "no minor version", Line(b"GET /health HTTP/1"), REFUSED),
    case("9112 2.3", Must, "a third number in the version", Line(b"GET /health HTTP/1.1.1"), REFUSED),
    case("9112 2.3", Must, "a comma in the version", Line(b"GET /health HTTP/1,1"), REFUSED),
    case("9112 2.3", Must, "a sign in the version", Line(b"GET /health HTTP/+1.1"), REFUSED),
    case("9112 2.3", Must, "a space in the version", Line(b"GET /health HTTP/ 1.1"), REFUSED),
    case("9112 2.3", Must, "http in small letters", Line(b"GET /health http/1.1"), REFUSED),
    case("9112 2.3", Must, "another protocol", Line(b"GET /health HTTX/1.1"), REFUSED),
    case("9113 3.4", Safe, "the preface of HTTP/2", Whole(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Closed(&[505])),
    // Forms of the target.
    case("9112 3.2.1", Legal, "a query", Line(b"GET /health?a=b&c=%20 HTTP/1.1"), SERVED),
    case("9112 3.2.1", Must, "a path without its slash", Line(b"GET health HTTP/1.1"), REFUSED),
    case("9112 3.2.1", Should, "a fragment", Line(b"GET /health#a HTTP/1.1"), REFUSED),
    case("9112 3.2.2", Must, "a whole URL", Line(b"GET http://localhost/health HTTP/1.1"), SERVED),
    case("9112 3.2.2", Must, "the host of a URL wins over Host",
        Whole(b"GET http://localhost/health HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n"), SERVED),
    case("9110 7.4", Safe, "the host of a URL is checked like Host",
        Line(b"GET http://elsewhere.example/health HTTP/1.1"), Kept(&[403])),
    case("9112 3.2.2", Legal, "a URL without a path", Line(b"GET http://localhost HTTP/1.1"), Kept(&[404])),
    case("9110 4.2.1", Must, "a URL without a host", Line(b"GET http:///health HTTP/1.1"), REFUSED),
    case("9110 4.2.4", Should, "a URL with a password",
        Line(b"GET http://user:password@localhost/health HTTP/1.1"), REFUSED),
    case("9110 4.2", Must, "a URL of another scheme", Line(b"GET ftp://localhost/health HTTP/1.1"), REFUSED),
    case("9112 3.2.4", Should, "OPTIONS of the server as a whole", Line(b"OPTIONS * HTTP/1.1"), Kept(&[204])),
    case("9112 3.2.4", Must, "the server as a whole is for OPTIONS alone", Line(b"GET * HTTP/1.1"), REFUSED),
    case("9112 3.2.3", Safe, "CONNECT opens no tunnel", Line(b"CONNECT localhost:443 HTTP/1.1"), Kept(&[404])),
    case("9112 3.2.3", Must, "CONNECT without a port", Line(b"CONNECT localhost HTTP/1.1"), REFUSED),
    // Its characters.
    case("9110 4.1", Must, "bytes beyond ASCII in the target", Line(b"GET /h\xc3\xa9alth HTTP/1.1"), REFUSED),
    case("9110 4.1", Must, "a control character in the target", Line(b"GET /health\x01 HTTP/1.1"), REFUSED),
    case("9110 4.1", Must, "a NUL in the target", Line(b"GET /health\0 HTTP/1.1"), REFUSED),
    case("9110 4.1", Must, "a DEL in the target", Line(b"GET /health\x7f HTTP/1.1"), REFUSED),
    case("9110 4.1", Should, "a backslash in the target", Line(b"GET /\\health HTTP/1.1"), REFUSED),
    case("9110 4.2.3", Should, "an encoded letter is the letter", Line(b"GET /%68ealth HTTP/1.1"), SERVED),
    case("9110 4.1", Should, "an escape that is none", Line(b"GET /health%zz HTTP/1.1"), Kept(&[404])),
    case("9110 4.1", Safe, "an encoded NUL", Line(b"GET /health%00 HTTP/1.1"), Kept(&[404])),
    case("9110 5.5", Safe, "an encoded line end", Line(b"GET /health%0d%0aX-Injected:%20yes HTTP/1.1"), Kept(&[404])),
    case("9110 4.2.3", Safe, "dots lead nowhere", Line(b"GET /../../etc/passwd HTTP/1.1"), Kept(&[404])),
    case("3629 3", Safe, "an overlong encoding of a dot", Line(b"GET /%c0%ae%c0%ae/etc/passwd HTTP/1.1"), Kept(&[404])),
    case("9110 15.5.5", Legal, "a path that is not there", Line(b"GET /nowhere HTTP/1.1"), Kept(&[404])),
    // Its length.
    case("9112 3", Should, "a request line of 8,000 bytes",
        Made(|| long_target(8_000 - "GET  HTTP/1.1".len())), SERVED),
    case("9110 15.5.15", Should, "a target of 8,193 bytes", Made(|| long_target(8_193)), Closed(&[414])),
    case("9110 15.5.15", Safe, "a target of 2 MiB", Made(|| long_target(2 << 20)), Closed(&[414])),
];

/// `GET /health?aaaa…` with a target of `length` bytes.
fn long_target(length: usize) -> Vec<u8> {
    let query = "a".repeat(length - "/health?".len());
    format!("GET /health?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}
