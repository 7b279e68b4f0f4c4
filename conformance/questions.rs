//! The questions that the suite wants to be asked, and the results it wants made of their answers.

use std::borrow::Cow;

use serde_json::{Value, json};
use snowflake_mcp::mcp::offer::{Asked, Reply};
use snowflake_mcp::mcp::script::Question;
use snowflake_mcp::mcp::tasks::Mode;

use crate::interview::{self, Answers, Interview};
use crate::{reply, timed};

/// Comes back with the answers where the suite wants a state and does not say which.
const STATE: &[u8] = b"asked";

fn elicitation(message: &str, schema: &Value) -> Question {
    Question {
        method: "elicitation/create",
        params: json!({"message": message, "requestedSchema": schema})
            .to_string()
            .into_bytes(),
    }
}

fn sampling(prompt: &str, tokens_max: u32) -> Question {
    let messages = [reply::message(&reply::text(prompt))];
    Question {
        method: "sampling/createMessage",
        params: json!({"messages": messages, "maxTokens": tokens_max})
            .to_string()
            .into_bytes(),
    }
}

fn roots() -> Question {
    Question {
        method: "roots/list",
        params: b"{}".to_vec(),
    }
}

/// The schema of an object whose only member must be there.
fn one_member(name: &str, kind: &str) -> Value {
    json!({"type": "object", "properties": {name: {"type": kind}}, "required": [name]})
}

fn user_name() -> (&'static str, Question) {
    let question = elicitation("What is your name?", &one_member("name", "string"));
    ("user_name", question)
}

fn client_roots() -> (&'static str, Question) {
    ("client_roots", roots())
}

fn asks(asked: &Asked<'_>, key: &'static str, question: Question, conclude: fn(&Answers) -> Value) -> Reply {
    let questions = vec![(key, question)];
    Interview {
        questions,
        state: None,
        conclude,
    }
    .reply(asked)
}

/// What was elicited under `key`, if the user accepted.
fn accepted<'a>(answers: &'a Answers, key: &str, member: &str) -> Option<&'a Value> {
    let answer = answers.get(key).filter(|answer| answer["action"] == "accept")?;
    answer["content"].get(member)
}

/// The text that a model answered, or the answer as it is.
fn sampled(answers: &Answers, key: &str) -> String {
    let answer = answers.get(key).unwrap_or(&Value::Null);
    match answer["content"]["text"].as_str() {
        Some(text) => text.to_owned(),
        None => answer.to_string(),
    }
}

fn name(answers: &Answers, key: &str) -> String {
    let name = accepted(answers, key, "name").and_then(Value::as_str);
    name.unwrap_or("whoever you are").to_owned()
}

/// `action=…, content=…` of an answer.
fn shown(answers: &Answers, key: &str) -> String {
    let answer = answers.get(key).unwrap_or(&Value::Null);
    let action = answer["action"].as_str().unwrap_or("none");
    format!("action={action}, content={}", answer["content"])
}

/// `test_sampling`.
pub(crate) fn llm_response(asked: &Asked<'_>) -> Reply {
    let Some(prompt) = asked.text("prompt") else {
        return reply::result(&reply::fails("prompt is required"));
    };
    asks(asked, "response", sampling(&prompt, 100), |answers| {
        reply::says(format!("LLM response: {}", sampled(answers, "response")))
    })
}

/// `test_elicitation`.
pub(crate) fn user_response(asked: &Asked<'_>) -> Reply {
    let Some(message) = asked.text("message") else {
        return reply::result(&reply::fails("message is required"));
    };
    let schema = json!({
        "type": "object",
        "properties": {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        },
        "required": ["username", "email"],
    });
    asks(asked, "response", elicitation(&message, &schema), |answers| {
        reply::says(format!("User response: {}", shown(answers, "response")))
    })
}

/// `test_elicitation_sep1034_defaults`.
pub(crate) fn defaults(asked: &Asked<'_>) -> Reply {
    let schema = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Name", "default": "John Doe"},
            "age": {"type": "integer", "description": "Age in years", "default": 30},
            "score": {"type": "number", "description": "Score", "default": 95.5},
            "status": {
                "type": "string",
                "description": "Status",
                "enum": ["active", "inactive", "pending"],
                "default": "active",
            },
            "verified": {"type": "boolean", "description": "Whether it was verified", "default": true},
        },
        "required": [],
    });
    let question = elicitation("Please check these values", &schema);
    asks(asked, "values", question, |answers| {
        reply::says(format!("Elicitation completed: {}", shown(answers, "values")))
    })
}

/// `test_elicitation_sep1330_enums`.
pub(crate) fn enums(asked: &Asked<'_>) -> Reply {
    let options = ["option1", "option2", "option3"];
    let titled = json!([
        {"const": "value1", "title": "First Option"},
        {"const": "value2", "title": "Second Option"},
        {"const": "value3", "title": "Third Option"},
    ]);
    let schema = json!({
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "description": "One of them", "enum": options},
            "titledSingle": {"type": "string", "description": "One with a title", "oneOf": titled},
            "legacyEnum": {
                "type": "string",
                "description": "One with a title beside it",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {
                "type": "array",
                "description": "Some of them",
                "items": {"type": "string", "enum": options},
            },
            "titledMulti": {"type": "array", "description": "Some with a title", "items": {"anyOf": titled}},
        },
        "required": [],
    });
    let question = elicitation("Please choose", &schema);
    asks(asked, "choices", question, |answers| {
        reply::says(format!("Elicitation completed: {}", shown(answers, "choices")))
    })
}

/// `test_input_required_result_elicitation`.
pub(crate) fn greeting(asked: &Asked<'_>) -> Reply {
    let (key, question) = user_name();
    asks(asked, key, question, |answers| {
        reply::says(format!("Hello, {}!", name(answers, "user_name")))
    })
}

/// `test_input_required_result_sampling`.
pub(crate) fn capital(asked: &Asked<'_>) -> Reply {
    let question = sampling("What is the capital of France?", 100);
    asks(asked, "capital_question", question, |answers| {
        reply::says(sampled(answers, "capital_question"))
    })
}

/// `test_input_required_result_list_roots`.
pub(crate) fn folders(asked: &Asked<'_>) -> Reply {
    let (key, question) = client_roots();
    asks(asked, key, question, |answers| {
        reply::says(format!(
            "Roots of the client: {}",
            answers["client_roots"]["roots"]
        ))
    })
}

/// `test_input_required_result_request_state` and `test_input_required_result_tampered_state`: what a changed state
/// leads to is decided before this is called.
pub(crate) fn confirmation(asked: &Asked<'_>) -> Reply {
    let question = elicitation("Please confirm", &one_member("ok", "boolean"));
    let interview = Interview {
        questions: vec![("confirm", question)],
        state: Some(STATE),
        conclude: |answers| {
            let ok = accepted(answers, "confirm", "ok").unwrap_or(&Value::Bool(false));
            reply::says(format!("state-ok, confirmed: {ok}"))
        },
    };
    interview.reply(asked)
}

/// `test_input_required_result_multiple_inputs`.
pub(crate) fn several(asked: &Asked<'_>) -> Reply {
    let interview = Interview {
        questions: vec![
            user_name(),
            ("greeting", sampling("Generate a greeting", 50)),
            client_roots(),
        ],
        state: Some(STATE),
        conclude: |answers| {
            let (greeting, name) = (sampled(answers, "greeting"), name(answers, "user_name"));
            reply::says(format!("{greeting} {name}, {}", answers["client_roots"]["roots"]))
        },
    };
    interview.reply(asked)
}

/// `test_input_required_result_capabilities`: asks only what this client can be asked.
pub(crate) fn what_can_be_asked(asked: &Asked<'_>) -> Reply {
    let mut questions = vec![
        user_name(),
        ("greeting", sampling("Generate a greeting", 50)),
        client_roots(),
    ];
    questions.retain(|(_, question)| interview::ability(question).is_among(asked.abilities));
    let interview = Interview {
        questions,
        state: None,
        conclude: |answers| {
            let keys: Vec<_> = answers.keys().copied().collect();
            reply::says(format!("Answered: {}", keys.join(", ")))
        },
    };
    interview.reply(asked)
}

/// `test_input_required_result_multi_round`: the second question depends on the first answer, which travels in the
/// state.
pub(crate) fn rounds(asked: &Asked<'_>) -> Reply {
    let first = elicitation("Step 1: What is your name?", &one_member("name", "string"));
    let second = elicitation(
        "Step 2: What is your favorite color?",
        &one_member("color", "string"),
    );
    if !asked.revision.is_modern() || !asked.abilities.elicitation {
        let interview = Interview {
            questions: vec![("step1", first), ("step2", second)],
            state: None,
            conclude: |answers| likes(&name(answers, "step1"), answers),
        };
        return interview.reply(asked);
    }
    let named = match asked.state.and_then(|state| std::str::from_utf8(state).ok()) {
        Some(NOT_NAMED) => answered(asked, "step1").map(|answers| name(&answers, "step1")),
        Some(state) => state.strip_prefix(NAMED).map(str::to_owned),
        None => None,
    };
    match (named, answered(asked, "step2")) {
        (Some(name), Some(answers)) => reply::result(&likes(&name, &answers)),
        (Some(name), None) => Reply::InputRequired {
            questions: vec![("step2", second)],
            state: Some(format!("{NAMED}{name}").into_bytes()),
        },
        (None, _) => Reply::InputRequired {
            questions: vec![("step1", first)],
            state: Some(NOT_NAMED.as_bytes().to_vec()),
        },
    }
}

/// State of the first round, and of the second with the name behind it.
const NOT_NAMED: &str = "1";
const NAMED: &str = "2 ";

fn answered(asked: &Asked<'_>, key: &'static str) -> Option<Answers> {
    Some(Answers::from([(key, interview::answer(asked, key)?)]))
}

fn likes(name: &str, answers: &Answers) -> Value {
    let color = accepted(answers, "step2", "color").and_then(Value::as_str);
    reply::says(format!("{name} likes {}", color.unwrap_or("no color")))
}

/// `confirm_delete`.
pub(crate) fn deletion(asked: &Asked<'_>) -> Reply {
    let file = asked.text("filename").unwrap_or(Cow::Borrowed("the file"));
    let question = elicitation(&format!("Delete {file}?"), &one_member("confirm", "boolean"));
    asks(asked, "confirm", question, |answers| {
        let is_confirmed = accepted(answers, "confirm", "confirm") == Some(&Value::Bool(true));
        reply::says(if is_confirmed { "Deleted" } else { "Kept" })
    })
}

/// `test_tool_with_task`: asks as every call does, and goes on in a task with the answer.
pub(crate) fn greeting_later(asked: &Asked<'_>) -> Reply {
    let at_once = Asked {
        mode: Mode::Now,
        ..*asked
    };
    match greeting(&at_once) {
        Reply::Result(members) => timed::later(asked, members),
        asks => asks,
    }
}

/// `multi_input`.
pub(crate) fn two(asked: &Asked<'_>) -> Reply {
    let confirmed = elicitation("Go on?", &one_member("confirm", "boolean"));
    let interview = Interview {
        questions: vec![user_name(), ("confirm", confirmed)],
        state: None,
        conclude: |answers| {
            let ok = accepted(answers, "confirm", "confirm").unwrap_or(&Value::Bool(false));
            reply::says(format!("{}, confirmed: {ok}", name(answers, "user_name")))
        },
    };
    interview.reply(asked)
}

/// `test_missing_capability`: does nothing but need a model, so that a client without one is refused.
pub(crate) fn needs_sampling(asked: &Asked<'_>) -> Reply {
    asks(asked, "response", sampling("Say hello", 10), |answers| {
        reply::says(format!("LLM response: {}", sampled(answers, "response")))
    })
}

/// The prompt `test_input_required_result_prompt`.
pub(crate) fn prompt_context(asked: &Asked<'_>) -> Reply {
    let question = elicitation(
        "What context should the prompt use?",
        &one_member("context", "string"),
    );
    asks(asked, "user_context", question, |answers| {
        let context = accepted(answers, "user_context", "context").and_then(Value::as_str);
        let text = format!("Prompt in the context of: {}", context.unwrap_or("nothing"));
        json!({"messages": [reply::message(&reply::text(text))]})
    })
}
