//! The suite's tools: a table of what is listed and what a call does.

use snowflake_mcp::mcp::entry::ToolEntry;
use snowflake_mcp::mcp::offer::{Asked, Reply};
use snowflake_mcp::mcp::tasks::Support;

use crate::fixtures::Fixtures;
use crate::{contents, questions, timed};

/// A tool: its name, what it is for, the schema of its arguments, and what a call does.
type Row = (&'static str, &'static str, &'static str, Call);

/// What a call does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    /// It replies.
    Replies(fn(&Asked<'_>) -> Reply),
    /// It changes something, and says that it has.
    Changes(fn(&mut Fixtures)),
}

use Call::{Changes, Replies};

// A row is a line, so that the table can be read as one.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Results of every kind.
    ("test_simple_text", "Answers with a text", NONE, Replies(contents::text)),
    ("test_image_content", "Answers with an image", NONE, Replies(contents::image)),
    ("test_audio_content", "Answers with a sound", NONE, Replies(contents::audio)),
    ("test_embedded_resource", "Answers with a resource", NONE, Replies(contents::resource)),
    ("test_multiple_content_types", "Answers with several blocks", NONE, Replies(contents::mixed)),
    ("test_error_handling", "Fails", NONE, Replies(contents::failure)),
    // What is said before the result, and streams that end before it.
    ("test_tool_with_progress", "Tells its progress three times", NONE, Replies(timed::progress)),
    ("test_tool_with_logging", "Logs three messages", NONE, Replies(timed::logs)),
    ("test_logging_tool", "Logs three messages to those that want them", NONE, Replies(timed::logs)),
    ("test_reconnection", "Closes its stream before the result is there", NONE, Replies(timed::reconnection)),
    // What is asked before the result.
    ("test_sampling", "Asks the client's model", PROMPT, Replies(questions::llm_response)),
    ("test_elicitation", "Asks the user", MESSAGE, Replies(questions::user_response)),
    ("test_elicitation_sep1034_defaults", "Asks with defaults of every type", NONE, Replies(questions::defaults)),
    ("test_elicitation_sep1330_enums", "Asks to choose, in every way there is", NONE, Replies(questions::enums)),
    ("test_streaming_elicitation", "Asks for a name", NONE, Replies(questions::greeting)),
    ("test_missing_capability", "Needs the client's model", NONE, Replies(questions::needs_sampling)),
    ("test_input_required_result_elicitation", "Asks for a name", NONE, Replies(questions::greeting)),
    ("test_input_required_result_sampling", "Asks for a capital", NONE, Replies(questions::capital)),
    ("test_input_required_result_list_roots", "Asks for folders", NONE, Replies(questions::folders)),
    ("test_input_required_result_request_state", "Asks, with a state", NONE, Replies(questions::confirmation)),
    ("test_input_required_result_tampered_state", "Asks, with a state", NONE, Replies(questions::confirmation)),
    ("test_input_required_result_multiple_inputs", "Asks three things", NONE, Replies(questions::several)),
    ("test_input_required_result_multi_round", "Asks twice", NONE, Replies(questions::rounds)),
    ("test_input_required_result_capabilities", "Asks what it may", NONE, Replies(questions::what_can_be_asked)),
    // What changes.
    ("test_trigger_tool_change", "Adds or removes a tool", NONE, Changes(Fixtures::change_tools)),
    ("test_trigger_prompt_change", "Adds or removes a prompt", NONE, Changes(Fixtures::change_prompts)),
    ("test_trigger_resource_change", "Changes the watched resource", NONE, Changes(Fixtures::change_contents)),
    // Arguments.
    ("json_schema_2020_12_tool", "Repeats its arguments", DIALECT, Replies(contents::arguments)),
    ("test_header_argument", "Repeats an argument of a header", HEADER, Replies(contents::region)),
    ("greet", "Greets", NAME, Replies(contents::greeting)),
    // What takes long.
    ("slow_compute", "Takes as long as it is asked to", COMPUTATION, Replies(timed::computation)),
    ("failing_job", "Fails after a second", NONE, Replies(timed::failing)),
    ("protocol_error_job", "Ends as an error after a second", NONE, Replies(timed::breaking)),
    ("confirm_delete", "Asks before it pretends to delete a file", FILE, Replies(questions::deletion)),
    ("multi_input", "Asks two things", NONE, Replies(questions::two)),
    ("test_tool_with_task", "Asks for a name, and takes its time", NONE, Replies(questions::greeting_later)),
];

/// The tool that comes and goes.
const SOMETIMES: Row = (
    "test_changing_tool",
    "A tool that is not always there",
    NONE,
    Replies(contents::presence),
);

const NONE: &str = r#"{"type":"object","additionalProperties":false}"#;
const PROMPT: &str = r#"{"type":"object","properties":{"prompt":{"type":"string","description":"The prompt to send to the model"}},"required":["prompt"]}"#;
const MESSAGE: &str = r#"{"type":"object","properties":{"message":{"type":"string","description":"The message to show the user"}},"required":["message"]}"#;
const NAME: &str =
    r#"{"type":"object","properties":{"name":{"type":"string","description":"Whom to greet"}}}"#;
const FILE: &str = r#"{"type":"object","properties":{"filename":{"type":"string","description":"A name; no file is touched"}}}"#;
const COMPUTATION: &str = r#"{"type":"object","properties":{"seconds":{"type":"number","description":"How long it takes","minimum":0},"label":{"type":"string","description":"Comes back in the result"}}}"#;
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

/// Tools that can run as a task, and those that cannot run otherwise.
const TASKS: &[(&str, Support)] = &[
    ("slow_compute", Support::Optional),
    ("failing_job", Support::Required),
    ("protocol_error_job", Support::Required),
    ("confirm_delete", Support::Optional),
    ("multi_input", Support::Optional),
    ("test_tool_with_task", Support::Required),
];

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
        task_support: TASKS
            .iter()
            .find(|(other, _)| other == name)
            .map_or(Support::Forbidden, |(_, support)| *support),
        ..ToolEntry::default()
    }
}
