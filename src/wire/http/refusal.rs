//! The body of every answer that refuses a request before anybody has read what is in it: a JSON-RPC error without an
//! id, whatever the path.
//!
//! One form for all of them, because a fault in the head is found before the path is known, and because every MCP client
//! can show it. (An id is left out, not null: MCP's schemas allow it to be absent only.) Knows nothing else of JSON-RPC.

use super::Error;
use crate::json;

/// The body that says `message`, a sentence for who sent the request.
pub fn refusal_body(status: u16, message: &str) -> Vec<u8> {
    encode(status, message, None)
}

/// The body of the answer to a fault, with its stable word as `error.data.reason`.
pub(super) fn fault_body(error: Error) -> Vec<u8> {
    encode(error.status(), &error.to_string(), Some(error.name()))
}

fn encode(status: u16, message: &str, reason: Option<&str>) -> Vec<u8> {
    let mut body = Vec::with_capacity(BODY_BYTES_USUAL);
    body.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":");
    let code = if status == 503 {
        INTERNAL_ERROR
    } else {
        INVALID_REQUEST
    };
    body.extend_from_slice(code);
    body.extend_from_slice(b",\"message\":");
    json::push_string(&mut body, message);
    if let Some(reason) = reason {
        body.extend_from_slice(b",\"data\":{\"reason\":");
        json::push_string(&mut body, reason);
        body.push(b'}');
    }
    body.extend_from_slice(b"}}");
    body
}

/// What is wrong with the request.
const INVALID_REQUEST: &[u8] = b"-32600";
/// 503: nothing is wrong with the request. JSON-RPC has no code for "not now"; the status has it.
const INTERNAL_ERROR: &[u8] = b"-32603";
const BODY_BYTES_USUAL: usize = 256;

#[cfg(test)]
mod tests {
    use super::super::error::EVERY;
    use super::*;

    #[test]
    fn a_refusal_is_a_json_rpc_error_without_an_id() {
        assert_eq!(
            String::from_utf8(refusal_body(404, "no \"such\" path")).unwrap(),
            r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"no \"such\" path"}}"#
        );
    }

    #[test]
    fn every_fault_says_what_it_is_in_words_and_in_a_word() {
        for error in EVERY {
            let value: serde_json::Value = serde_json::from_slice(&fault_body(error)).unwrap();
            assert_eq!((&value["jsonrpc"], value.get("id")), (&"2.0".into(), None));
            let code = if error.status() == 503 { -32603 } else { -32600 };
            assert_eq!(value["error"]["code"], code, "{error:?}");
            assert_eq!(value["error"]["message"], error.to_string());
            assert_eq!(value["error"]["data"]["reason"], error.name());
        }
    }
}
