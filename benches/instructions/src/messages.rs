//! What clients send, as bytes.
//!
//! Shared with `tests/allocations`.

/// `ping`, the cheapest call there is.
pub(crate) const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
/// The end of its answer.
pub(crate) const PONG: &[u8] = br#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
/// The list of tools, whose answer is the longest of those that are made once.
pub(crate) const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
/// The call that needs the least of the database.
pub(crate) const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_query","arguments":{"query":"select 1"}}}"#;
/// The probe of a load balancer.
pub(crate) const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A posted message, with the header fields that MCP asks for; `connection` is a further line or nothing.
pub(crate) fn post(body: &str, connection: &str) -> Vec<u8> {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{connection}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A text frame of a client, masked with zeros.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    masked(0x81, text.as_bytes())
}

/// The answer to a ping of the server.
pub(crate) fn pong_frame() -> Vec<u8> {
    masked(0x8a, b"")
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("it is short");
    assert!(length < 126, "the length has one byte");
    let mut frame = vec![first, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}
