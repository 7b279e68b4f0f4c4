//! The suite's prompts, and the completion of their arguments.

use serde_json::{Value, json};
use snowflake_mcp::mcp::completion;
use snowflake_mcp::mcp::entry::{PromptArgument, PromptEntry};
use snowflake_mcp::mcp::offer::{Asked, Completing, Reply, Subject};

use crate::{questions, reply};

type Get = fn(&Asked<'_>) -> Reply;

/// A prompt: its name, what it is for, its arguments with what to fill in, and what it makes.
type Row = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    Get,
);

const ROWS: &[Row] = &[
    ("test_simple_prompt", "A prompt without arguments", &[], simple),
    (
        WITH_ARGUMENTS,
        "A prompt that repeats its arguments",
        &[("arg1", "First argument"), ("arg2", "Second argument")],
        with_arguments,
    ),
    (
        "test_prompt_with_embedded_resource",
        "A prompt with a resource inside",
        &[("resourceUri", "URI that the resource shall have")],
        with_resource,
    ),
    (
        "test_prompt_with_image",
        "A prompt with an image",
        &[],
        with_image,
    ),
    (
        "test_input_required_result_prompt",
        "A prompt that asks for its context first",
        &[],
        questions::prompt_context,
    ),
];

/// The prompt that comes and goes.
const SOMETIMES: Row = (
    "test_changing_prompt",
    "A prompt that is not always there",
    &[],
    simple,
);

/// The prompt whose arguments are completed, from these values.
const WITH_ARGUMENTS: &str = "test_prompt_with_arguments";
const VALUES: &[&str] = &["paris", "park", "party", "test-value"];

/// What is listed from the start.
pub(crate) fn entries() -> Vec<PromptEntry> {
    ROWS.iter().map(entry).collect()
}

/// The prompt that comes and goes.
pub(crate) fn sometimes() -> PromptEntry {
    entry(&SOMETIMES)
}

/// What `prompts/get` of this name does.
pub(crate) fn find(name: &str) -> Option<Get> {
    let mut rows = ROWS.iter().chain([&SOMETIMES]);
    rows.find(|(own, ..)| *own == name).map(|(.., get)| *get)
}

/// `completion/complete`.
pub(crate) fn complete(of: &Completing<'_>) -> Option<Reply> {
    if of.subject != Subject::Prompt(WITH_ARGUMENTS) {
        return None;
    }
    let values = VALUES.iter().filter(|value| value.starts_with(of.value));
    let values: Vec<_> = values.map(|value| (*value).to_owned()).collect();
    let total = Some(values.len() as u64);
    Some(Reply::Result(completion::members(&values, total, false)))
}

fn entry((name, description, arguments, _): &Row) -> PromptEntry {
    let arguments = arguments.iter().map(|(name, description)| PromptArgument {
        name: (*name).to_owned(),
        description: (*description).to_owned(),
        is_required: true,
        ..PromptArgument::default()
    });
    PromptEntry {
        name: (*name).to_owned(),
        description: (*description).to_owned(),
        arguments: arguments.collect(),
        ..PromptEntry::default()
    }
}

fn messages(blocks: &[Value]) -> Reply {
    let messages: Vec<_> = blocks.iter().map(reply::message).collect();
    reply::result(&json!({"messages": messages}))
}

fn simple(_asked: &Asked<'_>) -> Reply {
    messages(&[reply::text("This is a simple prompt for testing.")])
}

fn with_arguments(asked: &Asked<'_>) -> Reply {
    let argument = |name| asked.text(name).unwrap_or_default();
    let (first, second) = (argument("arg1"), argument("arg2"));
    messages(&[reply::text(format!(
        "Prompt with arguments: arg1='{first}', arg2='{second}'"
    ))])
}

fn with_resource(asked: &Asked<'_>) -> Reply {
    let uri = asked.text("resourceUri").unwrap_or_default();
    messages(&[
        reply::resource(&uri, "text/plain", "Embedded resource content for testing."),
        reply::text("Please process the embedded resource above."),
    ])
}

fn with_image(_asked: &Asked<'_>) -> Reply {
    messages(&[reply::image(), reply::text("Please analyze the image above.")])
}
