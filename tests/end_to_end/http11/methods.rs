//! Which method each path serves, what is said about the others, and what web pages may do (RFC 9110 section 9, the
//! transports of MCP on `Origin`, Fetch on CORS).

use super::Expected::Kept;
use super::Level::{Legal, Must, Safe, Should};
use super::Sent::{Get, Line, Post, Whole};
use super::answer::Answer;
use super::{Case, End, PING, SERVED, case, daemon, exchange};

const NOT_ALLOWED: super::Expected = Kept(&[405]);
const FOREIGN: super::Expected = Kept(&[403]);

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("9110 15.5.6", Must, "DELETE of the health", Line(b"DELETE /health HTTP/1.1"), NOT_ALLOWED),
    case("9110 15.5.6", Must, "POST to the health",
        Whole(b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"), NOT_ALLOWED),
    case("9110 15.5.6", Must, "PUT to the endpoint",
        Whole(b"PUT /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"), NOT_ALLOWED),
    case("9110 15.5.6", Must, "PATCH of the endpoint",
        Whole(b"PATCH /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"), NOT_ALLOWED),
    case("MCP transports", Must, "DELETE without a session",
        Line(b"DELETE /mcp HTTP/1.1"), Kept(&[400])),
    case("MCP transports", Must, "GET of a stream without a session",
        Whole(b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"), Kept(&[400])),
    case("9110 9.3.8", Safe, "TRACE", Line(b"TRACE /health HTTP/1.1"), NOT_ALLOWED),
    case("9110 9.3.7", Should, "OPTIONS of the endpoint", Line(b"OPTIONS /mcp HTTP/1.1"), Kept(&[204])),
    case("9110 9.3.7", Should, "OPTIONS of the health", Line(b"OPTIONS /health HTTP/1.1"), Kept(&[204])),
    case("9110 9.3.7", Should, "OPTIONS of what is not there", Line(b"OPTIONS /nowhere HTTP/1.1"), Kept(&[404])),
    // Pages.
    case("MCP transports", Must, "a call of a foreign page",
        Post(b"Origin: http://evil.example\r\nContent-Length: 40\r\n", PING), FOREIGN),
    case("MCP transports", Must, "a call of a page without an origin",
        Post(b"Origin: null\r\nContent-Length: 40\r\n", PING), FOREIGN),
    case("MCP transports", Must, "a call of a page whose name begins like ours",
        Post(b"Origin: http://localhost.evil.example\r\nContent-Length: 40\r\n", PING), FOREIGN),
    case("MCP transports", Must, "a call of a page of another scheme",
        Post(b"Origin: file://localhost\r\nContent-Length: 40\r\n", PING), FOREIGN),
    case("MCP transports", Safe, "a call of two pages, one of this machine",
        Post(b"Origin: http://localhost\r\nOrigin: http://evil.example\r\nContent-Length: 40\r\n", PING), FOREIGN),
    case("MCP transports", Legal, "a call of a page of this machine",
        Post(b"Origin: http://localhost:5173\r\nContent-Length: 40\r\n", PING), SERVED),
    case("MCP transports", Must, "a foreign page asks for the health",
        Get(b"Origin: http://evil.example\r\n"), FOREIGN),
    case("Fetch 3.3", Safe, "a preflight of a foreign page",
        Whole(b"OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\
          Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n"), FOREIGN),
];

#[test]
fn the_methods_of_a_path_are_told() {
    let daemon = daemon();
    for (path, allowed) in [
        ("/mcp", "GET, POST, DELETE, OPTIONS"),
        ("/health", "GET, HEAD, OPTIONS"),
        ("/mcp/tools/call", "POST, OPTIONS"),
        ("*", "GET, HEAD, POST, OPTIONS"),
    ] {
        let request = format!("OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let received = exchange(daemon.address, request.as_bytes(), End::Theirs).expect("an end");
        let answers = Answer::all(&received, false).expect("whole answers");
        assert_eq!(answers[0].field("allow"), Some(allowed), "{path}");
    }
}

/// Nothing of a request comes back, and no answer opens itself to a page that was not let in.
#[test]
fn nothing_of_a_request_is_reflected() {
    let daemon = daemon();
    for request in [
        "TRACE /health HTTP/1.1\r\nHost: localhost\r\nCookie: s3cret\r\nConnection: close\r\n\r\n",
        "GET /s3cret HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: s3cret.example\r\nConnection: close\r\n\r\n",
        "GET /health%0d%0aX-Injected:%20s3cret HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: http://s3cret.example\r\n\
         Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n",
    ] {
        let received = exchange(daemon.address, request.as_bytes(), End::Theirs).expect("an end");
        let said = String::from_utf8(received).expect("text").to_ascii_lowercase();
        assert!(
            !said.contains("s3cret") && !said.contains("access-control-allow-origin"),
            "{said}"
        );
    }
}
