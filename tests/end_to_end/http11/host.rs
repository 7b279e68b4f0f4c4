//! `Host` (RFC 9112 section 3.2), and which hosts are served: a page whose name was made to point here (DNS rebinding)
//! sends its own.

use super::Expected::{Closed, Kept};
use super::Level::{Legal, Must, Safe, Should};
use super::Sent::Whole;
use super::{Case, REFUSED, SERVED, case};

/// `GET /health` with these field lines and no other.
macro_rules! with {
    ($lines:literal) => {
        Whole(concat!("GET /health HTTP/1.1\r\n", $lines, "\r\n").as_bytes())
    };
}

const FOREIGN: super::Expected = Kept(&[403]);

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("9112 3.2", Must, "no Host", with!(""), REFUSED),
    case("9112 3.2", Must, "no Host before a body",
        Whole(b"POST /mcp HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"), REFUSED),
    case("9112 3.2", Must, "no Host beside a URL", Whole(b"GET http://localhost/health HTTP/1.1\r\n\r\n"), REFUSED),
    case("9112 3.2", Must, "two Host fields that differ",
        with!("Host: localhost\r\nHost: elsewhere.example\r\n"), REFUSED),
    case("9112 3.2", Must, "two Host fields that agree", with!("Host: localhost\r\nHost: localhost\r\n"), REFUSED),
    case("9112 3.2", Should, "an empty Host", with!("Host:\r\n"), REFUSED),
    case("9112 3.2", Must, "a space in Host", with!("Host: local host\r\n"), REFUSED),
    case("9112 3.2", Must, "a list in Host", with!("Host: localhost, elsewhere.example\r\n"), REFUSED),
    case("9112 3.2", Must, "a path in Host", with!("Host: localhost/health\r\n"), REFUSED),
    case("9112 3.2", Must, "a query in Host", with!("Host: localhost?a\r\n"), REFUSED),
    case("9112 3.2", Must, "a user in Host", with!("Host: user@localhost\r\n"), REFUSED),
    case("9112 3.2", Must, "a port that is no number", with!("Host: localhost:8x\r\n"), REFUSED),
    case("9112 3.2", Must, "a bracket that is not closed", with!("Host: [::1\r\n"), REFUSED),
    case("9112 3.2", Must, "markup in Host", with!("Host: <script>\r\n"), REFUSED),
    case("9112 3.2", Legal, "a Host in capitals", with!("Host: LOCALHOST\r\n"), SERVED),
    case("9112 3.2", Legal, "a Host with any port", with!("Host: 127.0.0.1:1\r\n"), SERVED),
    case("9112 3.2", Legal, "a Host that is an IPv6 address", with!("Host: [::1]:8000\r\n"), SERVED),
    case("9112 3.2", Legal, "HTTP/1.0 needs no Host", Whole(b"GET /health HTTP/1.0\r\n\r\n"), Closed(&[200])),
    case("9110 7.4", Safe, "a foreign Host", with!("Host: elsewhere.example\r\n"), FOREIGN),
    case("9110 7.4", Safe, "a foreign Host with our port", with!("Host: elsewhere.example:8000\r\n"), FOREIGN),
    case("9110 7.4", Safe, "a Host that begins like ours", with!("Host: localhost.elsewhere.example\r\n"), FOREIGN),
    case("9110 7.4", Safe, "a Host that ends like ours", with!("Host: elsewhere.localhost\r\n"), FOREIGN),
    case("9110 7.4", Safe, "a foreign Host in HTTP/1.0",
        Whole(b"GET /health HTTP/1.0\r\nHost: elsewhere.example\r\n\r\n"), Closed(&[403])),
];
