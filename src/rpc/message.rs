//! One message, borrowed from the bytes it came in.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json;

/// A request id, kept as the JSON text it was written in, so that `1` and `"1"` stay different and any number is
/// echoed exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id<'a>(&'a str);

impl<'a> Id<'a> {
    /// The id in `value`: a string or an integer whose JSON text has at most `bytes_max` bytes. Null, fractions,
    /// objects and the like are no ids (MCP is stricter here than JSON-RPC).
    pub fn from_json(value: &'a RawValue, bytes_max: usize) -> Option<Self> {
        let text = value.get();
        let is_id = text.starts_with('"') || json::is_integer(value);
        (is_id && text.len() <= bytes_max).then_some(Self(text))
    }

    /// The JSON text: a string with its quotes, or a number.
    pub fn as_json(self) -> &'a str {
        self.0
    }
}

/// A request that wants a reply.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Echoed in the reply.
    pub id: Id<'a>,
    /// Method name.
    pub method: Cow<'a, str>,
    /// The `params` member, an object or an array; absent means an empty object.
    pub params: Option<&'a RawValue>,
}

/// A request that wants none.
#[derive(Debug, Clone)]
pub struct Notification<'a> {
    /// Method name.
    pub method: Cow<'a, str>,
    /// The `params` member, an object or an array.
    pub params: Option<&'a RawValue>,
}

/// Any single message.
#[derive(Debug, Clone)]
pub enum Message<'a> {
    /// Wants a reply.
    Call(Call<'a>),
    /// Wants none.
    Notification(Notification<'a>),
    /// A reply to a request of ours.
    Reply(Reply<'a>),
}

/// The answer of a peer to a request that was put to it.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// Which request; absent when the peer could not read its id.
    pub id: Option<Id<'a>>,
    /// What it says.
    pub said: Said<'a>,
}

/// What a reply says.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    /// The `result` member.
    Result(&'a RawValue),
    /// The `error` member.
    Error(&'a RawValue),
}
