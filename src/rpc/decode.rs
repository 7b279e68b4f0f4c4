//! Bytes to one message.
//!
//! The order of what is looked at: UTF-8, depth, syntax, then the members. A fault of a member keeps the id when that
//! could be read, because a client that gets its id back knows which of its calls failed.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Call, Error, Id, Message, Notification, Reply, Said};
use crate::json;
use crate::limits::Limits;

/// Bytes that are no message: what to answer. Over HTTP the status is 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed<'a> {
    /// The id, if it could be read.
    pub id: Option<Id<'a>>,
    /// What is wrong.
    pub error: Error,
}

/// Reads one message. Allocates nothing for a message without escapes whose `params` hold no objects in objects.
///
/// # Errors
/// -32700 for bytes that are no JSON, no UTF-8 or nested deeper than `json_depth_max`; -32600 for JSON that is no
/// single JSON-RPC 2.0 message, for a batch, and for an id that is no string or integer within `id_bytes_max`.
pub fn decode<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Message<'a>, Malformed<'a>> {
    let text = std::str::from_utf8(bytes).map_err(|_| anonymous(Error::parse_error("not UTF-8")))?;
    if json::is_deeper_than(text, limits.json_depth_max) {
        let reason = format_args!("nested deeper than {} levels", limits.json_depth_max);
        return Err(anonymous(Error::parse_error(reason)));
    }
    let mut members = Members::default();
    match json::each_member(text, |name, value| members.add(&name, value)) {
        Ok(()) => members.into_message(limits.id_bytes_max),
        Err(json::Fault::NotAnObject) => Err(anonymous(no_object(text))),
        Err(json::Fault::Syntax(error)) => Err(anonymous(Error::parse_error(error))),
    }
}

fn anonymous(error: Error) -> Malformed<'static> {
    Malformed { id: None, error }
}

/// What to say of text that does not begin an object: JSON of another kind, or none.
fn no_object(text: &str) -> Error {
    if !json::is_valid(text) {
        Error::parse_error("not valid JSON")
    } else if text.trim_start().starts_with('[') {
        Error::invalid_request("batches are not supported, send each message on its own")
    } else {
        Error::invalid_request("a message is a JSON object")
    }
}

#[derive(Default)]
struct Members<'a> {
    jsonrpc: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
    result: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    /// The first member that occurred twice.
    repeated: Option<&'static str>,
}

impl<'a> Members<'a> {
    fn add(&mut self, name: &str, value: &'a RawValue) {
        let (slot, name) = match name {
            "jsonrpc" => (&mut self.jsonrpc, "jsonrpc"),
            "id" => (&mut self.id, "id"),
            "method" => (&mut self.method, "method"),
            "params" => (&mut self.params, "params"),
            "result" => (&mut self.result, "result"),
            "error" => (&mut self.error, "error"),
            // Receivers ignore members that they do not know, in every revision.
            _ => return,
        };
        if slot.replace(value).is_some() {
            self.repeated.get_or_insert(name);
        }
    }

    fn into_message(self, id_bytes_max: usize) -> Result<Message<'a>, Malformed<'a>> {
        let id = match self.id {
            // Which of two ids is meant, nobody knows.
            Some(value) if self.repeated != Some("id") => Id::from_json(value, id_bytes_max),
            _ => None,
        };
        let kind = self.kind(id, id_bytes_max);
        kind.map_err(|reason| Malformed {
            id,
            error: Error::invalid_request(reason),
        })
    }

    fn kind(&self, id: Option<Id<'a>>, id_bytes_max: usize) -> Result<Message<'a>, Cow<'static, str>> {
        if let Some(name) = self.repeated {
            return Err(format!("member {name} occurs twice").into());
        }
        if self.jsonrpc.map(RawValue::get) != Some("\"2.0\"") {
            return Err("member jsonrpc must be \"2.0\"".into());
        }
        if self.id.is_some() && id.is_none() {
            return Err(format!("id must be a string or an integer of at most {id_bytes_max} bytes").into());
        }
        let Some(method) = self.method else {
            let said = match (self.result, self.error) {
                (Some(result), None) => Said::Result(result),
                (None, Some(error)) => Said::Error(error),
                _ => return Err("member method is missing".into()),
            };
            return Ok(Message::Reply(Reply { id, said }));
        };
        let method = json::text(method).ok_or("member method must be a string")?;
        // Some clients write null for no parameters; nothing is lost by taking it so.
        let params = self.params.filter(|value| value.get() != "null");
        if params.is_some_and(|value| !value.get().starts_with(['{', '['])) {
            return Err("member params must be an object".into());
        }
        Ok(match id {
            Some(id) => Message::Call(Call { id, method, params }),
            None => Message::Notification(Notification { method, params }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Result<Message<'_>, Malformed<'_>> {
        decode(text.as_bytes(), &Limits::default())
    }

    fn refused(text: &str) -> (Option<&str>, i32) {
        let malformed = decoded(text).unwrap_err();
        (malformed.id.map(Id::as_json), malformed.error.code)
    }

    #[test]
    fn a_call_borrows_its_parts_and_keeps_the_ids_spelling() {
        for id in [
            "1",
            "-7",
            "\"1\"",
            "123456789012345678901234567890",
            r#""\u0041""#,
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m","params":{{"a":1}}}}"#);
            let Ok(Message::Call(call)) = decoded(&text) else {
                panic!("{text}")
            };
            assert_eq!(call.id.as_json(), id);
            assert!(matches!(call.method, Cow::Borrowed("m")));
            assert_eq!(call.params.map(RawValue::get), Some(r#"{"a":1}"#));
        }
    }

    #[test]
    fn a_call_without_id_is_a_notification_and_one_without_method_a_reply() {
        assert!(matches!(
            decoded(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
            Ok(Message::Notification(Notification { params: None, .. }))
        ));
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","error":{"code":1,"message":""}}"#,
        ] {
            assert!(matches!(decoded(text), Ok(Message::Reply(_))), "{text}");
        }
    }

    #[test]
    fn null_params_are_no_params_and_unknown_members_are_ignored() {
        let text = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":null,"extra":1,"extra":2}"#;
        assert!(matches!(
            decoded(text),
            Ok(Message::Call(Call { params: None, .. }))
        ));
    }

    #[test]
    fn a_readable_id_survives_whatever_else_is_wrong() {
        let table = [
            r#"{"id":5,"method":"m"}"#,
            r#"{"jsonrpc":"1.0","id":5,"method":"m"}"#,
            r#"{"jsonrpc":2.0,"id":5,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":5}"#,
            r#"{"jsonrpc":"2.0","id":5,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":5,"method":"\ud800"}"#,
            r#"{"jsonrpc":"2.0","id":5,"method":"m","params":7}"#,
            r#"{"jsonrpc":"2.0","id":5,"method":"m","method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":5,"method":"m","\u006dethod":"m"}"#,
            r#"{"jsonrpc":"2.0","id":5,"result":1,"error":{}}"#,
        ];
        for text in table {
            assert_eq!(refused(text), (Some("5"), -32600), "{text}");
        }
    }

    #[test]
    fn an_id_of_another_kind_or_twice_or_too_long_is_refused_and_not_echoed() {
        let long = format!("\"{}\"", "x".repeat(Limits::default().id_bytes_max));
        for id in ["null", "1.5", "1e3", "{}", "[1]", "true", "1,\"id\":2", &long] {
            let text = format!(r#"{{"jsonrpc":"2.0","method":"m","id":{id}}}"#);
            assert_eq!(refused(&text), (None, -32600), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_a_parse_error_without_id() {
        for text in [
            "",
            "x",
            "{",
            r#"{"jsonrpc":"2.0","id":1,"method":"m""#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m"} x"#,
            "[1",
            "[1] x",
        ] {
            assert_eq!(refused(text), (None, -32700), "{text}");
        }
        let malformed = decode(
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}",
            &Limits::default(),
        );
        assert_eq!(malformed.unwrap_err().error.message, "parse error: not UTF-8");
    }

    #[test]
    fn a_batch_and_other_json_are_invalid_requests() {
        for text in ["[]", " [{}]", "1", "\"a\"", "null", "true"] {
            assert_eq!(refused(text), (None, -32600), "{text}");
        }
        assert!(
            decoded("[]")
                .unwrap_err()
                .error
                .message
                .contains("batches are not supported")
        );
    }

    #[test]
    fn depth_is_bounded_before_anything_is_parsed() {
        let nested = |depth: usize| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{}{}}}"#,
                "[".repeat(depth),
                "]".repeat(depth)
            )
        };
        assert!(decoded(&nested(63)).is_ok());
        assert_eq!(refused(&nested(64)), (None, -32700));
        assert_eq!(refused(&nested(1_000_000)), (None, -32700));
    }
}
