//! The error object of JSON-RPC and the code table of JSON-RPC and MCP.
//!
//! A constructor per code, so that a code and its use stay together. `-32020 … -32022` are the three that MCP 2026-07-28
//! reserves; no others of its range are ever sent.

use std::fmt;

use crate::json;

/// The text is no JSON.
pub const PARSE_ERROR: i32 = -32700;
/// The JSON is no request.
pub const INVALID_REQUEST: i32 = -32600;
/// The method does not exist, or not in this revision.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// The parameters are not those of the method.
pub const INVALID_PARAMS: i32 = -32602;
/// A bug of ours.
pub const INTERNAL_ERROR: i32 = -32603;
/// No such resource (MCP before 2026-07-28).
pub const RESOURCE_NOT_FOUND: i32 = -32002;
/// A header field contradicts the body (MCP 2026-07-28).
pub const HEADER_MISMATCH: i32 = -32020;
/// The client did not declare a capability that the method needs (MCP 2026-07-28).
pub const MISSING_CLIENT_CAPABILITY: i32 = -32021;
/// The request is of a revision that is not served (MCP 2026-07-28).
pub const UNSUPPORTED_PROTOCOL_VERSION: i32 = -32022;

/// A JSON-RPC error object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The code.
    pub code: i32,
    /// A sentence.
    pub message: String,
    /// The `data` member, as JSON.
    pub data: Option<String>,
}

/// Characters of a peer's text that an error repeats.
const ECHO_CHARS_MAX: usize = 64;

impl Error {
    fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// -32700: `reason` says what is wrong with the text.
    pub fn parse_error(reason: impl fmt::Display) -> Self {
        Self::new(PARSE_ERROR, format!("parse error: {reason}"))
    }

    /// -32600: `reason` says what the message lacks.
    pub fn invalid_request(reason: impl fmt::Display) -> Self {
        Self::new(INVALID_REQUEST, format!("invalid request: {reason}"))
    }

    /// -32600 for a call that its caller has not the right to: `scope` is the one that it takes. Over HTTP the status is 403
    /// and `WWW-Authenticate` says the same.
    pub fn insufficient_scope(scope: &str) -> Self {
        let mut data = b"{\"reason\":\"insufficient_scope\",\"scope\":".to_vec();
        json::push_string(&mut data, scope);
        data.push(b'}');
        Self {
            data: Some(String::from_utf8(data).expect("made of a string and ASCII")),
            ..Self::new(
                INVALID_REQUEST,
                format!("this key or token may not do that; it takes the scope {scope}"),
            )
        }
    }

    /// -32601: no such method. A long name is cut.
    pub fn method_not_found(method: &str) -> Self {
        Self::new(
            METHOD_NOT_FOUND,
            format!("method not found: {}", shortened(method)),
        )
    }

    /// -32602: `reason` says which parameter and what was expected.
    pub fn invalid_params(reason: impl fmt::Display) -> Self {
        Self::new(INVALID_PARAMS, format!("invalid params: {reason}"))
    }

    /// -32602 for a name that nothing of this kind (`tool`, `prompt`) has. A long name is cut.
    pub fn unknown(kind: &str, name: &str) -> Self {
        Self::new(INVALID_PARAMS, format!("unknown {kind}: {}", shortened(name)))
    }

    /// -32602 in the modern era, -32002 before it, for a resource that is not there. A long URI is cut.
    pub fn resource_not_found(uri: &str, is_modern: bool) -> Self {
        let mut data = b"{\"uri\":".to_vec();
        json::push_string(&mut data, &shortened(uri));
        data.push(b'}');
        let code = if is_modern {
            INVALID_PARAMS
        } else {
            RESOURCE_NOT_FOUND
        };
        Self {
            data: Some(String::from_utf8(data).expect("made of a string and ASCII")),
            ..Self::new(code, "resource not found")
        }
    }

    /// The same, which also says why and what to do.
    #[must_use]
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.message = format!("{}: {why}", self.message);
        self
    }

    /// -32603: `reason` is for the peer; the detail belongs in the log.
    pub fn internal_error(reason: impl fmt::Display) -> Self {
        Self::new(INTERNAL_ERROR, format!("internal error: {reason}"))
    }

    /// -32020: `reason` names the header field and what the body says.
    pub fn header_mismatch(reason: impl fmt::Display) -> Self {
        Self::new(HEADER_MISMATCH, format!("header mismatch: {reason}"))
    }

    /// -32021: `required` is an object keyed by capability, as JSON.
    pub fn missing_client_capability(required: &str) -> Self {
        Self {
            data: Some(format!(r#"{{"requiredCapabilities":{required}}}"#)),
            ..Self::new(
                MISSING_CLIENT_CAPABILITY,
                "the method needs a client capability that the request does not declare",
            )
        }
    }

    /// -32022: `supported` are the revisions that may be asked for instead.
    pub fn unsupported_protocol_version(requested: &str, supported: &[&str]) -> Self {
        let requested = shortened(requested);
        let mut data = b"{\"supported\":[".to_vec();
        for (index, revision) in supported.iter().enumerate() {
            if index > 0 {
                data.push(b',');
            }
            json::push_string(&mut data, revision);
        }
        data.extend_from_slice(b"],\"requested\":");
        json::push_string(&mut data, &requested);
        data.push(b'}');
        Self {
            data: Some(String::from_utf8(data).expect("made of strings and ASCII")),
            ..Self::new(
                UNSUPPORTED_PROTOCOL_VERSION,
                format!(
                    "protocol version {requested} is not supported, use {}",
                    supported.join(" or ")
                ),
            )
        }
    }

    /// Appends the error object as JSON.
    pub fn push_json(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(b"{\"code\":");
        into.extend_from_slice(self.code.to_string().as_bytes());
        into.extend_from_slice(b",\"message\":");
        json::push_string(into, &self.message);
        if let Some(data) = &self.data {
            into.extend_from_slice(b",\"data\":");
            into.extend_from_slice(data.as_bytes());
        }
        into.push(b'}');
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Error {}

/// A peer's own text, cut so that an error does not become an amplifier.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(ECHO_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_the_one_that_the_specifications_give_it() {
        let table = [
            (Error::parse_error("x").code, -32700),
            (Error::invalid_request("x").code, -32600),
            (Error::method_not_found("x").code, -32601),
            (Error::invalid_params("x").code, -32602),
            (Error::unknown("tool", "x").code, -32602),
            (Error::internal_error("x").code, -32603),
            (Error::insufficient_scope("x").code, -32600),
            (Error::resource_not_found("x", true).code, -32602),
            (Error::resource_not_found("x", false).code, -32002),
            (Error::header_mismatch("x").code, -32020),
            (Error::missing_client_capability("{}").code, -32021),
            (Error::unsupported_protocol_version("x", &[]).code, -32022),
        ];
        for (code, expected) in table {
            assert_eq!(code, expected);
        }
    }

    #[test]
    fn an_error_is_written_with_its_data() {
        let mut written = Vec::new();
        Error::unsupported_protocol_version("1\"9", &["2026-07-28"]).push_json(&mut written);
        assert_eq!(
            String::from_utf8(written).unwrap(),
            concat!(
                r#"{"code":-32022,"message":"protocol version 1\"9 is not supported, use 2026-07-28","#,
                r#""data":{"supported":["2026-07-28"],"requested":"1\"9"}}"#
            )
        );
    }

    #[test]
    fn a_long_name_is_cut_where_a_character_ends() {
        let error = Error::method_not_found(&"é".repeat(1_000));
        assert_eq!(
            error.message,
            format!("method not found: {}…", "é".repeat(ECHO_CHARS_MAX))
        );
    }
}
