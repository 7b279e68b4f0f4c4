//! What a call may be made of: its type, its coding, what it takes back, and its text (RFC 9110 sections 8 and 12).

use super::Expected::Kept;
use super::Level::{Legal, Must, Safe, Should};
use super::Sent::{Post, Whole};
use super::{Case, PING, SERVED, case};

/// `POST /mcp` with these lines and the ping.
macro_rules! typed {
    ($lines:literal) => {
        Whole(
            concat!(
                "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n",
                $lines,
                "\r\n",
                r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#
            )
            .as_bytes(),
        )
    };
}

const NOT_TAKEN: super::Expected = Kept(&[415]);
const NOT_MADE: super::Expected = Kept(&[406]);
const NO_CALL: super::Expected = Kept(&[400]);

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    // Its type.
    case("9110 8.3.1", Legal, "JSON with a charset",
        typed!("Content-Type: application/json; charset=utf-8\r\n"), SERVED),
    case("9110 8.3.1", Legal, "JSON in capitals", typed!("Content-Type: APPLICATION/JSON\r\n"), SERVED),
    case("9110 15.5.16", Should, "text", typed!("Content-Type: text/plain\r\n"), NOT_TAKEN),
    case("9110 8.3", Should, "no type", typed!(""), NOT_TAKEN),
    case("9110 15.5.16", Safe, "a form, which a page may send without asking",
        typed!("Content-Type: application/x-www-form-urlencoded\r\n"), NOT_TAKEN),
    case("9110 8.3.1", Safe, "a parameter that looks like JSON",
        typed!("Content-Type: text/plain; a=application/json\r\n"), NOT_TAKEN),
    case("9110 8.3.1", Safe, "a type that begins like JSON", typed!("Content-Type: application/jsonx\r\n"), NOT_TAKEN),
    case("9110 5.3", Safe, "two types",
        typed!("Content-Type: application/json\r\nContent-Type: text/plain\r\n"), NOT_TAKEN),
    case("9110 15.5.16", Should, "a coding that is not taken",
        typed!("Content-Type: application/json\r\nContent-Encoding: gzip\r\n"), NOT_TAKEN),
    // What it takes back.
    case("9110 12.5.1", Legal, "anything is taken back",
        typed!("Content-Type: application/json\r\nAccept: */*\r\n"), SERVED),
    case("9110 12.5.1", Legal, "nothing is said about what is taken back",
        typed!("Content-Type: application/json\r\n"), SERVED),
    case("9110 12.4.2", Legal, "weights",
        typed!("Content-Type: application/json\r\n\
          Accept: text/event-stream;q=0.5, application/json;q=0.9, */*;q=0.1\r\n"), SERVED),
    case("9110 12.4.2", Should, "a weight of zero",
        typed!("Content-Type: application/json\r\nAccept: application/json;q=0\r\n"), NOT_MADE),
    case("9110 15.5.7", Should, "only a picture is taken back",
        typed!("Content-Type: application/json\r\nAccept: image/png\r\n"), NOT_MADE),
    case("9110 12.5.1", Legal, "what is taken back makes no sense",
        typed!("Content-Type: application/json\r\nAccept: ;;;,,,=\r\n"), NOT_MADE),
    case("9110 14.2", Must, "a range of a POST is passed over",
        Post(b"Range: bytes=0-1\r\nContent-Length: 40\r\n", PING), SERVED),
    case("9110 13.1", Legal, "a condition on what has no version",
        Post(b"If-None-Match: \"a\"\r\nContent-Length: 40\r\n", PING), SERVED),
    // Its text.
    case("JSON-RPC 5.1", Must, "no JSON", Post(b"Content-Length: 5\r\n", b"{nope"), NO_CALL),
    case("JSON-RPC 5.1", Must, "white space", Post(b"Content-Length: 3\r\n", b"   "), NO_CALL),
    case("8259 8.1", Safe, "bytes that are not UTF-8", Post(b"Content-Length: 4\r\n", b"\"\xff\xfe\""), NO_CALL),
    case("8259 8.1", Must, "a byte order mark",
        Post(b"Content-Length: 43\r\n", b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"), NO_CALL),
    case("JSON-RPC 4", Legal, "a notification has no answer",
        Post(b"Content-Length: 54\r\n", br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), Kept(&[202])),
];
