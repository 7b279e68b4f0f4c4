//! Results as JSON: content blocks, and the members of a result with and without what the revision adds.

use serde_json::{Value, json};
use snowflake_mcp::mcp::Payload;
use snowflake_mcp::mcp::offer::Reply;
use snowflake_mcp::tools::Form;

/// One red pixel.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

/// A millisecond of silence.
pub(crate) const WAV: &str = "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQgAAACAgICAgICAgA==";

/// A text block.
pub(crate) fn text(text: impl Into<String>) -> Value {
    json!({"type": "text", "text": text.into()})
}

/// The block with [`PNG`].
pub(crate) fn image() -> Value {
    json!({"type": "image", "data": PNG, "mimeType": "image/png"})
}

/// The block with [`WAV`].
pub(crate) fn audio() -> Value {
    json!({"type": "audio", "data": WAV, "mimeType": "audio/wav"})
}

/// A block with a resource inside.
pub(crate) fn resource(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": text}})
}

/// A tool's result with these blocks.
pub(crate) fn content(blocks: &[Value]) -> Value {
    json!({"content": blocks})
}

/// A tool's result with one text.
pub(crate) fn says(said: impl Into<String>) -> Value {
    content(&[text(said)])
}

/// A tool's result that tells a failure.
pub(crate) fn fails(said: impl Into<String>) -> Value {
    json!({"content": [text(said)], "isError": true})
}

/// A message of a prompt by the user.
pub(crate) fn message(block: &Value) -> Value {
    json!({"role": "user", "content": block})
}

/// The reply with the members of `result`.
pub(crate) fn result(result: &Value) -> Reply {
    Reply::Result(members(result))
}

/// The whole result with the members of `result`, as scripts end with it.
pub(crate) fn whole(form: Form, result: &Value) -> Payload {
    Payload::Owned(form.object(&[&members(result)]))
}

/// The members of an object, without its braces.
fn members(object: &Value) -> Vec<u8> {
    debug_assert!(object.is_object(), "{object} has no members");
    let text = object.to_string();
    text.as_bytes()[1..text.len() - 1].to_vec()
}
