//! `Content-Length` (RFC 9112 section 6.3, RFC 9110 section 8.6): where a body ends, and what is refused because two
//! servers could see that end in two places.

use super::Expected::{Closed, Kept};
use super::Level::{Legal, Must, Safe};
use super::Sent::{Get, Post, Whole};
use super::{Case, PING, REFUSED, SERVED, case};

/// `POST /mcp` with a `Content-Length` of this value, and 40 bytes of body.
macro_rules! length {
    ($value:literal) => {
        Post(concat!("Content-Length: ", $value, "\r\n").as_bytes(), PING)
    };
}

/// This request line, and a body that looks like a request.
macro_rules! hiding {
    ($line:literal) => {
        Whole(
            concat!(
                $line,
                "\r\nHost: localhost\r\nContent-Length: 43\r\n\r\n",
                "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
            )
            .as_bytes(),
        )
    };
}

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    // One number.
    case("9110 8.6", Legal, "a length", length!("40"), SERVED),
    case("9110 8.6", Legal, "a length with leading zeros", length!("000040"), SERVED),
    case("9110 8.6", Must, "a length with a plus", length!("+40"), REFUSED),
    case("9110 8.6", Must, "a negative length", length!("-40"), REFUSED),
    case("9110 8.6", Must, "minus zero", length!("-0"), REFUSED),
    case("9110 8.6", Must, "a length in hexadecimal", length!("0x28"), REFUSED),
    case("9110 8.6", Must, "a length with a fraction", length!("40.0"), REFUSED),
    case("9110 8.6", Must, "a length with an exponent", length!("4e1"), REFUSED),
    case("9110 8.6", Must, "a length with a space in it", length!("4 0"), REFUSED),
    case("9110 8.6", Must, "a length with an underscore", length!("4_0"), REFUSED),
    case("9110 8.6", Must, "a length of letters", length!("forty"), REFUSED),
    case("9110 8.6", Must, "an empty length", length!(""), REFUSED),
    case("9110 8.6", Must, "a quoted length", length!("\"40\""), REFUSED),
    case("9110 8.6", Must, "a length with a parameter", length!("40;"), REFUSED),
    case("9110 8.6", Must, "a length behind a vertical tab", length!("\x0b40"), REFUSED),
    case("9110 8.6", Must, "a length before a NUL", length!("40\0"), REFUSED),
    case("9110 8.6", Must, "a length in wide digits", length!("４０"), REFUSED),
    case("9110 8.6", Must, "a length behind a space that is none", Post(b"Content-Length: \xa040\r\n", PING), REFUSED),
    case("9110 15.5.14", Must, "a length of 65 bits", length!("18446744073709551656"), Closed(&[413])),
    case("9110 15.5.14", Safe, "a length of 1 TiB", Post(b"Content-Length: 1099511627776\r\n", b""), Closed(&[413])),
    case("9110 15.5.14", Must, "a length of 45 digits",
        length!("999999999999999999999999999999999999999999999"), Closed(&[413])),
    // More than one.
    case("9112 6.3", Safe, "a list of equal lengths", length!("40, 40"), REFUSED),
    case("9112 6.3", Must, "a list of lengths that differ", length!("40, 0"), REFUSED),
    case("9112 6.3", Safe, "two lengths that agree",
        Post(b"Content-Length: 40\r\nContent-Length: 40\r\n", PING), REFUSED),
    case("9112 6.3", Must, "two lengths that differ",
        Post(b"Content-Length: 40\r\nContent-Length: 0\r\n", PING), REFUSED),
    case("9112 6.3", Must, "two lengths that hide a request",
        Post(b"Content-Length: 0\r\nContent-Length: 43\r\n", b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"), REFUSED),
    // Bodies that nobody asked for are read to their end, and what they look like is not run.
    case("9110 9.3.1", Safe, "a GET with a body",
        Whole(b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"), SERVED),
    case("9110 9.3.1", Safe, "a GET whose body looks like a request",
        hiding!("GET /health HTTP/1.1"), SERVED),
    case("9110 9.3.7", Safe, "an OPTIONS whose body looks like a request",
        hiding!("OPTIONS /mcp HTTP/1.1"), Kept(&[204])),
    case("9112 9.3", Safe, "the body of a request for what is not there",
        hiding!("POST /nowhere HTTP/1.1"), Kept(&[404])),
    case("9112 9.3", Safe, "the body of a request of the wrong type",
        hiding!("POST /mcp HTTP/1.1\r\nContent-Type: text/plain"), Kept(&[415])),
    case("9112 9.3", Safe, "the body of a request with the wrong method",
        hiding!("PATCH /mcp HTTP/1.1"), Kept(&[405])),
    // None.
    case("9112 6.3", Legal, "no length is an empty body", Post(b"", b""), Kept(&[400])),
    case("9112 6.3", Legal, "a length of zero", Post(b"Content-Length: 0\r\n", b""), Kept(&[400])),
    case("9112 6.3", Legal, "a GET with a length of zero", Get(b"Content-Length: 0\r\n"), SERVED),
    case("9112 6.3", Must, "bytes past the length are the next request",
        Post(b"Content-Length: 40\r\n", br#"{"jsonrpc":"2.0","id":1,"method":"ping"}XYZZY"#), Closed(&[200, 501])),
];
