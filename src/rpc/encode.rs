//! Replies as the pieces around a payload.
//!
//! A payload may be large, shared or made elsewhere, so it is never copied here: write [`reply_prefix`], the payload,
//! [`REPLY_SUFFIX`]. Errors are small and come whole.

use super::Error;

/// What follows the payload of a reply.
pub const REPLY_SUFFIX: &[u8] = b"}";

/// What precedes the payload of the reply to the call with this id (JSON text, as [`super::Id::as_json`] gives it).
pub const fn reply_prefix(id: &str) -> [&[u8]; 3] {
    [b"{\"jsonrpc\":\"2.0\",\"id\":", id.as_bytes(), b",\"result\":"]
}

/// A whole error reply. An id that could not be read is left out: MCP's schemas allow it to be absent, not to be null.
pub fn error_reply(id: Option<&str>, error: &Error) -> Vec<u8> {
    let mut reply = Vec::with_capacity(96 + error.message.len());
    reply.extend_from_slice(b"{\"jsonrpc\":\"2.0\"");
    if let Some(id) = id {
        reply.extend_from_slice(b",\"id\":");
        reply.extend_from_slice(id.as_bytes());
    }
    reply.extend_from_slice(b",\"error\":");
    error.push_json(&mut reply);
    reply.push(b'}');
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_around_a_payload_make_a_reply() {
        let reply = [&reply_prefix("\"a\"").concat(), b"{}".as_slice(), REPLY_SUFFIX].concat();
        assert_eq!(reply, br#"{"jsonrpc":"2.0","id":"a","result":{}}"#);
    }

    #[test]
    fn an_unknown_id_is_absent_and_never_null() {
        let error = Error::parse_error("x");
        assert_eq!(
            error_reply(None, &error),
            br#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"parse error: x"}}"#
        );
        assert_eq!(
            error_reply(Some("7"), &error),
            br#"{"jsonrpc":"2.0","id":7,"error":{"code":-32700,"message":"parse error: x"}}"#
        );
    }
}
