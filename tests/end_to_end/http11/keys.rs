//! Keys (RFC 9110 section 11, RFC 6750): what is one, and what a caller without one is told and cannot do.

use super::Expected::{Closed, Kept};
use super::Level::{Legal, Must, Safe};
use super::Sent::{Line, Made, Post, Whole};
use super::{Case, Daemon, PING, SERVED, case, check, post};

const KEYS: &str = "first-key-of-this-test,second-key-of-this-test";
const STRANGER: super::Expected = Kept(&[401]);

/// `POST /mcp` with these lines and the ping.
macro_rules! with {
    ($lines:literal) => {
        Post(concat!($lines, "Content-Length: 40\r\n").as_bytes(), PING)
    };
}

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("6750 2.1", Legal, "a key", with!("Authorization: Bearer first-key-of-this-test\r\n"), SERVED),
    case("6750 2.1", Legal, "another key", with!("Authorization: Bearer second-key-of-this-test\r\n"), SERVED),
    case("9110 11.1", Must, "the scheme in any letters",
        with!("Authorization: bEARER first-key-of-this-test\r\n"), SERVED),
    case("9110 11.6.2", Must, "no key", with!(""), STRANGER),
    case("9110 11.6.2", Must, "a wrong key", with!("Authorization: Bearer wrong\r\n"), STRANGER),
    case("9110 11.6.2", Must, "an empty key", with!("Authorization: Bearer \r\n"), STRANGER),
    case("9110 11.6.2", Must, "a scheme alone", with!("Authorization: Bearer\r\n"), STRANGER),
    case("9110 11.6.2", Must, "another scheme", with!("Authorization: Basic first-key-of-this-test\r\n"), STRANGER),
    case("9110 11.6.2", Must, "a key without its last letter",
        with!("Authorization: Bearer first-key-of-this-tes\r\n"), STRANGER),
    case("9110 11.6.2", Must, "a key with one letter more",
        with!("Authorization: Bearer first-key-of-this-testx\r\n"), STRANGER),
    case("9110 11.6.2", Must, "a key in capitals", with!("Authorization: Bearer FIRST-KEY-OF-THIS-TEST\r\n"), STRANGER),
    case("9110 11.6.2", Must, "a key in quotes",
        with!("Authorization: Bearer \"first-key-of-this-test\"\r\n"), STRANGER),
    case("9110 11.6.2", Must, "two keys in one field",
        with!("Authorization: Bearer first-key-of-this-test second-key-of-this-test\r\n"), STRANGER),
    case("9110 11.6.2", Must, "the list of keys",
        with!("Authorization: Bearer first-key-of-this-test,second-key-of-this-test\r\n"), STRANGER),
    case("9110 5.3", Safe, "a wrong key before a good one",
        with!("Authorization: Bearer wrong\r\nAuthorization: Bearer first-key-of-this-test\r\n"), STRANGER),
    case("9110 5.3", Safe, "a wrong key behind a good one",
        with!("Authorization: Bearer first-key-of-this-test\r\nAuthorization: Bearer wrong\r\n"), STRANGER),
    case("6750 2.3", Safe, "a key in the target",
        Whole(b"POST /mcp?access_token=first-key-of-this-test HTTP/1.1\r\nHost: localhost\r\n\
          Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"), STRANGER),
    case("9110 15.5.2", Must, "a route of the operator", Line(b"GET /status HTTP/1.1"), STRANGER),
    case("9110 15.5.2", Must, "the list of tools", Line(b"GET /mcp/tools HTTP/1.1"), STRANGER),
    case("9110 15.5.2", Must, "a call of the old routes",
        Whole(b"POST /mcp/tools/call HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
          Content-Length: 2\r\n\r\n{}"), STRANGER),
    case("6455 4.2.2", Safe, "a WebSocket",
        Whole(b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"), STRANGER),
    case("9110 15.5.14", Safe, "a gigabyte of a stranger is not waited for",
        Post(b"Content-Length: 1073741824\r\n", b""), Closed(&[413])),
    case("9112 9.3", Safe, "a megabyte of a stranger is read past", Made(|| post("", &vec![b' '; 1 << 20])), STRANGER),
    case("9110 15.5.5", Legal, "what is not there is told to anyone", Line(b"GET /nowhere HTTP/1.1"), Kept(&[404])),
    case("9110 9.3.7", Legal, "OPTIONS needs none", Line(b"OPTIONS /mcp HTTP/1.1"), Kept(&[204])),
    case("9110 15.3.1", Legal, "the health needs none", Line(b"GET /health HTTP/1.1"), SERVED),
    case("9110 15.3.1", Legal, "the readiness needs none", Line(b"GET /health/ready HTTP/1.1"), SERVED),
];

#[test]
fn every_case_about_keys_is_answered_by_the_book() {
    let daemon = Daemon::start(&[], &[("API_KEYS", KEYS)]);
    check(
        daemon.address,
        CASES,
        "Authorization: Bearer first-key-of-this-test\r\n",
    );
}
