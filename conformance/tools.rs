//! The suite's tools: a table of what is listed and what a call does.

use snowflake_mcp::mcp::entry::ToolEntry;
use snowflake_mcp::mcp::offer::{Asked, Reply};

use crate::fixtures::Fixtures;
use crate::{questions, reply, timed};

type Call = fn(&mut Fixtures, &Asked<'_>) -> Reply;

/// A tool: its name, what it is for, the schema of its arguments, and what a call does.
type Row = (&'static str, &'static str, &'static str, Call);

const ROWS: &[Row] = &[
    // Results of every kind.
    ("test_simple_text", "Answers with a text", NONE, |_, _| {
        reply::result(&reply::says("This is a simple text response for testing."))
    }),
    ("test_image_content", "Answers with an image", NONE, |_, _| {
        reply::result(&reply::content(&[reply::image()]))
    }),
    ("test_audio_content", "Answers with a sound", NONE, |_, _| {
        reply::result(&reply::content(&[reply::audio()]))
    }),
    (
        "test_embedded_resource",
        "Answers with a resource",
        NONE,
        |_, _| {
            let text = "This is an embedded resource content.";
            let resource = reply::resource("test://embedded-resource", "text/plain", text);
            reply::result(&reply::content(&[resource]))
        },
    ),
    (
        "test_multiple_content_types",
        "Answers with a text, an image and a resource",
        NONE,
        |_, _| {
            let text = reply::text("Multiple content types test:");
            let (uri, data) = ("test://mixed-content-resource", r#"{"test":"data","value":123}"#);
            let resource = reply::resource(uri, "application/json", data);
            reply::result(&reply::content(&[text, reply::image(), resource]))
        },
    ),
    ("test_error_handling", "Fails", NONE, |_, _| {
        reply::result(&reply::fails(
            "This tool intentionally returns an error for testing",
        ))
    }),
    // What is said before the result.
    (
        "test_tool_with_progress",
        "Tells its progress three times",
        NONE,
        |_, asked| timed::progress(asked),
    ),
    (
        "test_tool_with_logging",
        "Logs three messages",
        NONE,
        |_, asked| timed::logs(asked),
    ),
    (
        "test_logging_tool",
        "Logs three messages, if the call wants to hear them",
        NONE,
        |_, asked| timed::logs(asked),
    ),
    (
        "test_reconnection",
        "Closes its stream before its result is there",
        NONE,
        |_, asked| timed::reconnection(asked),
    ),
    // What is asked before the result.
    ("test_sampling", "Asks the client's model", PROMPT, |_, asked| {
        questions::llm_response(asked)
    }),
    ("test_elicitation", "Asks the user", MESSAGE, |_, asked| {
        questions::user_response(asked)
    }),
    (
        "test_elicitation_sep1034_defaults",
        "Asks the user with a default for every type",
        NONE,
        |_, asked| questions::defaults(asked),
    ),
    (
        "test_elicitation_sep1330_enums",
        "Asks the user to choose, in every way there is",
        NONE,
        |_, asked| questions::enums(asked),
    ),
    ("test_streaming_elicitation", "Asks the user", NONE, |_, asked| {
        questions::greeting(asked)
    }),
    (
        "test_missing_capability",
        "Needs the client's model",
        NONE,
        |_, asked| questions::needs_sampling(asked),
    ),
    (
        "test_input_required_result_elicitation",
        "Asks for a name",
        NONE,
        |_, asked| questions::greeting(asked),
    ),
    (
        "test_input_required_result_sampling",
        "Asks for a capital",
        NONE,
        |_, asked| questions::capital(asked),
    ),
    (
        "test_input_required_result_list_roots",
        "Asks for the client's roots",
        NONE,
        |_, asked| questions::folders(asked),
    ),
    (
        "test_input_required_result_request_state",
        "Asks, and keeps a state",
        NONE,
        |_, asked| questions::confirmation(asked),
    ),
    (
        "test_input_required_result_tampered_state",
        "Asks, and keeps a state",
        NONE,
        |_, asked| questions::confirmation(asked),
    ),
    (
        "test_input_required_result_multiple_inputs",
        "Asks three things at once",
        NONE,
        |_, asked| questions::several(asked),
    ),
    (
        "test_input_required_result_multi_round",
        "Asks twice",
        NONE,
        |_, asked| questions::rounds(asked),
    ),
    (
        "test_input_required_result_capabilities",
        "Asks what the client can be asked",
        NONE,
        |_, asked| questions::what_can_be_asked(asked),
    ),
    // What changes.
    (
        "test_trigger_tool_change",
        "Adds a tool to the list, or takes it out again",
        NONE,
        |fixtures, _| {
            fixtures.change_tools();
            reply::result(&reply::says("The list of tools has changed"))
        },
    ),
    (
        "test_trigger_prompt_change",
        "Adds a prompt to the list, or takes it out again",
        NONE,
        |fixtures, _| {
            fixtures.change_prompts();
            reply::result(&reply::says("The list of prompts has changed"))
        },
    ),
    (
        "test_trigger_resource_change",
        "Gives the watched resource other contents",
        NONE,
        |fixtures, _| {
            fixtures.change_contents();
            reply::result(&reply::says("The watched resource has changed"))
        },
    ),
    // Arguments.
    (
        "json_schema_2020_12_tool",
        "Tool with JSON Schema 2020-12 features",
        DIALECT,
        |_, asked| {
            let arguments = asked.arguments.map_or("{}", |arguments| arguments.get());
            reply::result(&reply::says(format!(
                "JSON Schema 2020-12 tool called with: {arguments}"
            )))
        },
    ),
    (
        "test_header_argument",
        "Repeats an argument that is mirrored in a header",
        HEADER,
        |_, asked| {
            let region = asked.text("region").unwrap_or("nowhere".into());
            reply::result(&reply::says(format!("region: {region}")))
        },
    ),
    ("greet", "Greets", NAME, |_, asked| {
        let name = asked.text("name").unwrap_or("World".into());
        reply::result(&reply::says(format!("Hello, {name}!")))
    }),
];

/// The tool that comes and goes.
const SOMETIMES: Row = (
    "test_changing_tool",
    "A tool that is not always there",
    NONE,
    |_, _| reply::result(&reply::says("This tool is listed at the moment")),
);

const NONE: &str = r#"{"type":"object","additionalProperties":false}"#;
const PROMPT: &str = r#"{"type":"object","properties":{"prompt":{"type":"string","description":"The prompt to send to the model"}},"required":["prompt"]}"#;
const MESSAGE: &str = r#"{"type":"object","properties":{"message":{"type":"string","description":"The message to show the user"}},"required":["message"]}"#;
const NAME: &str =
    r#"{"type":"object","properties":{"name":{"type":"string","description":"Whom to greet"}}}"#;
const HEADER: &str = r#"{"type":"object","properties":{"region":{"type":"string","description":"Any text","default":"nowhere","x-mcp-header":"Region"}}}"#;
const DIALECT: &str = concat!(
    r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","#,
    r##""$defs":{"address":{"$anchor":"addressDef","type":"object","##,
    r#""properties":{"street":{"type":"string"},"city":{"type":"string"}}}},"#,
    r##""properties":{"name":{"type":"string"},"address":{"$ref":"#/$defs/address"},"##,
    r#""contactMethod":{"type":"string","enum":["phone","email"]},"phone":{"type":"string"},"email":{"type":"string"}},"#,
    r#""allOf":[{"anyOf":[{"required":["phone"]},{"required":["email"]}]}],"#,
    r#""if":{"properties":{"contactMethod":{"const":"phone"}},"required":["contactMethod"]},"#,
    r#""then":{"required":["phone"]},"else":{"required":["email"]},"additionalProperties":false}"#,
);

/// What is listed from the start.
pub(crate) fn entries() -> Vec<ToolEntry> {
    ROWS.iter().map(entry).collect()
}

/// The tool that comes and goes.
pub(crate) fn sometimes() -> ToolEntry {
    entry(&SOMETIMES)
}

/// What a call of this name does.
pub(crate) fn find(name: &str) -> Option<Call> {
    let mut rows = ROWS.iter().chain([&SOMETIMES]);
    rows.find(|(own, ..)| *own == name).map(|(.., call)| *call)
}

fn entry((name, description, schema, _): &Row) -> ToolEntry {
    ToolEntry {
        name: (*name).to_owned(),
        description: (*description).to_owned(),
        input_schema: (*schema).to_owned(),
        ..ToolEntry::default()
    }
}
