//! One message, borrowed from the bytes it came in.

use serde_json::value::RawValue;
use std::borrow::Cow;

/// A request id, kept as the JSON text it was written in, so that `1` and `"1"` stay different and any number is
/// echoed exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id<'a>(&'a str);

impl<'a> Id<'a> {
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
    /// The `params` member; absent means an empty object.
    pub params: Option<&'a RawValue>,
}

/// A request that wants none.
#[derive(Debug, Clone)]
pub struct Notification<'a> {
    /// Method name.
    pub method: Cow<'a, str>,
    /// The `params` member.
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
    Reply,
}
