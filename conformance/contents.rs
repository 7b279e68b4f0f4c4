//! Results of every kind that a tool can have.

use std::borrow::Cow;

use snowflake_mcp::mcp::offer::{Asked, Reply};

use crate::reply;

/// `test_simple_text`.
pub(crate) fn text(_asked: &Asked<'_>) -> Reply {
    reply::result(&reply::says("This is a simple text response for testing."))
}

/// `test_image_content`.
pub(crate) fn image(_asked: &Asked<'_>) -> Reply {
    reply::result(&reply::content(&[reply::image()]))
}

/// `test_audio_content`.
pub(crate) fn audio(_asked: &Asked<'_>) -> Reply {
    reply::result(&reply::content(&[reply::audio()]))
}

/// `test_embedded_resource`.
pub(crate) fn resource(_asked: &Asked<'_>) -> Reply {
    let text = "This is an embedded resource content.";
    let resource = reply::resource("test://embedded-resource", "text/plain", text);
    reply::result(&reply::content(&[resource]))
}

/// `test_multiple_content_types`.
pub(crate) fn mixed(_asked: &Asked<'_>) -> Reply {
    let (uri, data) = ("test://mixed-content-resource", r#"{"test":"data","value":123}"#);
    let blocks = [
        reply::text("Multiple content types test:"),
        reply::image(),
        reply::resource(uri, "application/json", data),
    ];
    reply::result(&reply::content(&blocks))
}

/// `test_error_handling`.
pub(crate) fn failure(_asked: &Asked<'_>) -> Reply {
    let text = "This tool intentionally returns an error for testing";
    reply::result(&reply::fails(text))
}

/// `json_schema_2020_12_tool`: repeats its arguments, whatever they are.
pub(crate) fn arguments(asked: &Asked<'_>) -> Reply {
    let arguments = asked.arguments.map_or("{}", |arguments| arguments.get());
    reply::result(&reply::says(format!("Called with: {arguments}")))
}

/// `test_header_argument`: repeats the argument that came in a header too.
pub(crate) fn region(asked: &Asked<'_>) -> Reply {
    let region = asked.text("region").unwrap_or(Cow::Borrowed("nowhere"));
    reply::result(&reply::says(format!("region: {region}")))
}

/// `greet`.
pub(crate) fn greeting(asked: &Asked<'_>) -> Reply {
    let name = asked.text("name").unwrap_or(Cow::Borrowed("World"));
    reply::result(&reply::says(format!("Hello, {name}!")))
}

/// The tool that comes and goes.
pub(crate) fn presence(_asked: &Asked<'_>) -> Reply {
    reply::result(&reply::says("This tool is listed at the moment"))
}
