//! The suite's resources: two of fixed contents, one that is watched, and a template.

use serde_json::{Value, json};
use snowflake_mcp::mcp::entry::{ResourceEntry, TemplateEntry};
use snowflake_mcp::mcp::offer::Reply;

use crate::reply;

/// The resource whose contents change when a tool is called.
pub(crate) const WATCHED: &str = "test://watched-resource";

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";

/// The template, around the id.
const BEFORE_ID: &str = "test://template/";
const AFTER_ID: &str = "/data";

/// What is listed.
pub(crate) fn entries() -> Vec<ResourceEntry> {
    let rows = [
        (TEXT, "static-text", "A text that never changes", "text/plain"),
        (
            BINARY,
            "static-binary",
            "An image that never changes",
            "image/png",
        ),
        (
            WATCHED,
            "watched-resource",
            "A text that can be subscribed to",
            "text/plain",
        ),
    ];
    let entries = rows.map(|(uri, name, description, mime_type)| ResourceEntry {
        uri: uri.to_owned(),
        name: name.to_owned(),
        description: description.to_owned(),
        mime_type: Some(mime_type.to_owned()),
        ..ResourceEntry::default()
    });
    entries.into()
}

/// The template that is listed.
pub(crate) fn templates() -> Vec<TemplateEntry> {
    vec![TemplateEntry {
        uri_template: format!("{BEFORE_ID}{{id}}{AFTER_ID}"),
        name: "template".to_owned(),
        description: "Data for any id".to_owned(),
        mime_type: Some("application/json".to_owned()),
        ..TemplateEntry::default()
    }]
}

/// `resources/read`.
pub(crate) fn read(uri: &str) -> Option<Reply> {
    let contents = match uri {
        TEXT => text(
            uri,
            "text/plain",
            "This is the content of the static text resource.",
        ),
        WATCHED => text(uri, "text/plain", "This is the content of the watched resource."),
        BINARY => json!({"uri": uri, "mimeType": "image/png", "blob": reply::PNG}),
        _ => {
            let id = uri.strip_prefix(BEFORE_ID)?.strip_suffix(AFTER_ID)?;
            let is_one_part = !id.is_empty() && !id.contains('/');
            let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            is_one_part.then(|| text(uri, "application/json", &data.to_string()))?
        }
    };
    Some(reply::result(&json!({"contents": [contents]})))
}

fn text(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({"uri": uri, "mimeType": mime_type, "text": text})
}
