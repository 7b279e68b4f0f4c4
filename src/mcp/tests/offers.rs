//! What is offered beside the tools, with a made-up offer next to the account's.

use super::*;
use crate::backend::{self, Kind};
use crate::mcp::entry::{PromptArgument, ResourceEntry};
use crate::mcp::offer::{Ability, Asked, Completing, Reply, Subject};
use crate::mcp::script::Question;
use crate::time::WallTime;

/// Tools that ask, that change the list, that need something; 150 resources; a prompt.
#[derive(Debug)]
struct Fake {
    tools: Vec<ToolEntry>,
    resources: Vec<ResourceEntry>,
    prompts: Vec<PromptEntry>,
    changes: Changes,
}

impl Fake {
    fn new() -> Self {
        let schema = r#"{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}"#;
        let tool = |name: &str| ToolEntry {
            name: name.to_owned(),
            description: "d".to_owned(),
            input_schema: schema.to_owned(),
            ..ToolEntry::default()
        };
        let resource = |index: usize| ResourceEntry {
            uri: format!("test://{index}"),
            name: format!("r{index}"),
            description: "d".to_owned(),
            ..ResourceEntry::default()
        };
        Self {
            tools: ["grow", "ask", "need"].map(tool).into(),
            resources: (0..150).map(resource).collect(),
            prompts: vec![PromptEntry {
                name: "greet".to_owned(),
                description: "d".to_owned(),
                arguments: vec![PromptArgument {
                    name: "who".to_owned(),
                    description: "d".to_owned(),
                    is_required: true,
                    ..PromptArgument::default()
                }],
                ..PromptEntry::default()
            }],
            changes: Changes::default(),
        }
    }
}

fn text_result(text: &str) -> Reply {
    let mut members = br#""content":[{"type":"text","text":"#.to_vec();
    json::push_string(&mut members, text);
    members.extend_from_slice(b"}]");
    Reply::Result(members)
}

impl Offer for Fake {
    fn changeable(&self) -> Changeable {
        Changeable {
            tools: true,
            contents: true,
            ..Changeable::default()
        }
    }

    fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    fn tools(&self) -> &[ToolEntry] {
        &self.tools
    }

    fn prompts(&self) -> &[PromptEntry] {
        &self.prompts
    }

    fn resources(&self) -> &[ResourceEntry] {
        &self.resources
    }

    fn call_tool(&mut self, name: &str, asked: &Asked<'_>) -> Option<Reply> {
        match name {
            "grow" => {
                self.tools.push(ToolEntry {
                    name: "grown".to_owned(),
                    ..self.tools[0].clone()
                });
                self.changes.tools = true;
                self.changes.updated.push("test://0".into());
                Some(text_result("grown"))
            }
            "ask" => Some(match (asked.answer("sure"), asked.state) {
                (Some(answer), Some(state)) => {
                    text_result(&format!("{} {}", answer.get(), String::from_utf8_lossy(state)))
                }
                _ => Reply::InputRequired {
                    questions: vec![(
                        "sure",
                        Question {
                            method: "elicitation/create",
                            params: br#"{"message":"sure?"}"#.to_vec(),
                        },
                    )],
                    state: Some(b"step 1".to_vec()),
                },
            }),
            "need" => Some(Reply::MissingCapability(Ability::Sampling)),
            _ => None,
        }
    }

    fn prompt(&mut self, name: &str, asked: &Asked<'_>) -> Option<Reply> {
        (name == "greet").then(|| {
            let mut members = br#""messages":[{"role":"user","content":{"type":"text","text":"#.to_vec();
            json::push_string(
                &mut members,
                &format!("hello {}", asked.text("who").unwrap_or_default()),
            );
            members.extend_from_slice(b"}}]");
            Reply::Result(members)
        })
    }

    fn complete(&mut self, of: &Completing<'_>, _asked: &Asked<'_>) -> Option<Reply> {
        (of.subject == Subject::Prompt("greet"))
            .then(|| Reply::Result(completion::members(&[format!("{}nn", of.value)], Some(1), false)))
    }
}

const CAPABLE: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}"#;

/// A service with the fake, and one caller of it.
struct Bench {
    service: Service,
    principal: &'static [u8],
    seconds: u64,
}

impl Bench {
    fn new() -> Self {
        Self {
            service: service().with_offer(Box::new(Fake::new())),
            principal: b"ann",
            seconds: 0,
        }
    }

    fn outcome(&mut self, text: &str) -> Outcome {
        let context = Context {
            principal: self.principal,
            client: crate::ident::ClientLabel::default(),
            now: Now {
                wall: WallTime::from_micros(self.seconds * 1_000_000),
                ..Now::default()
            },
            ..socket(Some(Revision::V20251125))
        };
        let message = rpc::decode(text.as_bytes(), &Limits::default()).unwrap();
        self.service.on_message(&context, &message)
    }

    fn result(&mut self, text: &str) -> serde_json::Value {
        match self.outcome(text) {
            Outcome::Result { payload, .. } => serde_json::from_slice(&payload.bytes()).unwrap(),
            other => panic!("{text} gave {other:?}"),
        }
    }

    fn error(&mut self, text: &str) -> rpc::Error {
        match self.outcome(text) {
            Outcome::Error { error, .. } => error,
            other => panic!("{text} gave {other:?}"),
        }
    }
}

fn capable(method: &str, members: &str) -> String {
    call(method, &format!("{CAPABLE},{members}"))
}

#[test]
fn a_changed_list_is_listed_and_told() {
    let mut bench = Bench::new();
    let count = |bench: &mut Bench| {
        let list = bench.result(&call("tools/list", ""));
        list["tools"].as_array().unwrap().len()
    };
    let before = count(&mut bench);
    assert!(bench.service.take_changes().is_empty());
    bench.result(&call("tools/call", r#""name":"grow""#));
    let changes = bench.service.take_changes();
    assert_eq!(count(&mut bench), before + 1);
    assert!(changes.tools && !changes.prompts);
    assert_eq!(changes.updated, ["test://0".into()]);
    assert!(bench.service.take_changes().is_empty());
}

#[test]
fn a_call_that_asks_back_goes_on_with_the_answer() {
    let mut bench = Bench::new();
    let asked = bench.result(&capable(
        "tools/call",
        r#""name":"ask","arguments":{"a":1,"b":[2]}"#,
    ));
    assert_eq!(asked["resultType"], "input_required");
    assert_eq!(asked["inputRequests"]["sure"]["method"], "elicitation/create");
    assert_eq!(asked["inputRequests"]["sure"]["params"]["message"], "sure?");
    assert!(asked["_meta"].is_object());
    let state = asked["requestState"].as_str().unwrap().to_owned();
    let again = |arguments: &str, answers: &str, state: &str| {
        capable(
            "tools/call",
            &format!(
                r#""name":"ask","arguments":{arguments},"inputResponses":{answers},"requestState":{state}"#
            ),
        )
    };
    let quoted = format!("\"{state}\"");
    // The arguments are the same values, in another order.
    let arguments = r#"{ "b" : [2], "a":1}"#;
    let answer = r#"{"sure":{"action":"accept"},"more":{}}"#;
    let done = bench.result(&again(arguments, answer, &quoted));
    assert_eq!(done["content"][0]["text"], r#"{"action":"accept"} step 1"#);
    // Answers under another key, or none, are asked for again.
    for answers in ["{}", r#"{"other":{}}"#, r#"{"sure":7}"#, "null"] {
        let asked = bench.result(&again(arguments, answers, &quoted));
        assert_eq!(asked["resultType"], "input_required", "{answers}");
    }
    assert_eq!(bench.error(&again(arguments, "[]", &quoted)).code, -32602);
    // A state that was changed, is another call's, somebody else's, or too old.
    for (arguments, state) in [
        (arguments, format!("\"{state}A\"")),
        (arguments, "\"\"".to_owned()),
        (arguments, "7".to_owned()),
        (r#"{"a":2,"b":[2]}"#, quoted.clone()),
    ] {
        assert_eq!(
            bench.error(&again(arguments, answer, &state)).code,
            -32602,
            "{state}"
        );
    }
    bench.principal = b"bob";
    assert_eq!(bench.error(&again(arguments, answer, &quoted)).code, -32602);
    (bench.principal, bench.seconds) = (b"ann", 10 * 60 + 1);
    assert_eq!(bench.error(&again(arguments, answer, &quoted)).code, -32602);
}

#[test]
fn who_cannot_be_asked_is_told_which_capability_is_missing() {
    let mut bench = Bench::new();
    let mut missing = |text: &str| match bench.outcome(text) {
        Outcome::Error { error, http_status } => (http_status, error.code, error.data.unwrap_or_default()),
        other => panic!("{other:?}"),
    };
    let elicitation = r#"{"requiredCapabilities":{"elicitation":{}}}"#.to_owned();
    let sampling = r#"{"requiredCapabilities":{"sampling":{}}}"#.to_owned();
    let ask = r#""name":"ask""#;
    assert_eq!(missing(&modern("tools/call", ask)), (400, -32021, elicitation));
    assert_eq!(
        missing(&capable("tools/call", r#""name":"need""#)),
        (400, -32021, sampling)
    );
    let (status, code, _) = missing(&call("tools/call", r#""name":"need""#));
    assert_eq!((status, code), (200, -32600), "a code that legacy revisions know");
}

#[test]
fn a_param_field_must_say_what_the_argument_says() {
    let mut bench = Bench::new();
    let mut status = |arguments: &str, fields: &[(&[u8], &[u8])]| {
        let text = modern("tools/call", &format!(r#""name":"grow","arguments":{arguments}"#));
        let message = rpc::decode(text.as_bytes(), &Limits::default()).unwrap();
        let mut context = http(Some(VERSION), Some("tools/call"), Some("grow"));
        if let Some(routing) = &mut context.fields {
            routing.params = fields;
        }
        match bench.service.on_message(&context, &message) {
            Outcome::Error { error, http_status } => (http_status, error.code),
            Outcome::Result { .. } => (200, 0),
            other => panic!("{other:?}"),
        }
    };
    let region: (&[u8], &[u8]) = (b"mcp-param-region", b"eu");
    assert_eq!(status("{}", &[]), (200, 0));
    assert_eq!(status(r#"{"region":"eu"}"#, &[region]), (200, 0));
    assert_eq!(status(r#"{"region":"us"}"#, &[region]), (400, -32020));
    assert_eq!(status(r#"{"region":"eu"}"#, &[]), (400, -32020));
    assert_eq!(status("{}", &[region]), (400, -32020));
    // Where there are no fields there is nothing to compare.
    bench.result(&modern(
        "tools/call",
        r#""name":"grow","arguments":{"region":"eu"}"#,
    ));
}

#[test]
fn resources_come_in_pages_first_the_known_then_the_found() {
    let mut bench = Bench::new();
    let list = |cursor: &str| call("resources/list", &format!(r#""cursor":{cursor}"#));
    let first = bench.result(&list("\"\""));
    assert_eq!(first["resources"].as_array().unwrap().len(), 100);
    let second = bench.result(&list(&first["nextCursor"].to_string()));
    assert_eq!(second["resources"][0]["uri"], "test://100");
    assert_eq!(second["resources"].as_array().unwrap().len(), 50);
    let cursor = second["nextCursor"].to_string();
    let Outcome::Work(found) = bench.outcome(&list(&cursor)) else {
        panic!("databases have to be looked up")
    };
    assert_eq!(found.work.statements[0].text(), "SHOW DATABASES");
    assert_eq!(found.finish.failure, Failure::ErrorReply);
    for foreign in ["\"x\"", "7"] {
        assert_eq!(bench.error(&list(foreign)).code, -32602);
    }
    bench.principal = b"bob";
    assert_eq!(bench.error(&list(&cursor)).code, -32602);
}

#[test]
fn a_page_of_databases_leads_to_the_next_one() {
    let mut bench = Bench::new();
    bench.service = service();
    let list = |cursor: &str| call("resources/list", &format!(r#""cursor":{cursor}"#));
    let mut page = |cursor: &str, names: std::ops::Range<usize>| {
        let Outcome::Work(call) = bench.outcome(&list(cursor)) else {
            panic!("databases have to be looked up")
        };
        let column = backend::Column {
            name: "name".to_owned(),
            type_name: "VARCHAR".to_owned(),
            nullable: true,
        };
        let mut result = backend::ResultSet::new(vec![column], call.work.bounds);
        for index in names {
            result.push(backend::Value::Text(&format!("DB_{index:03}")));
            result.end_row();
        }
        let statement = call.work.statements[0].text().to_owned();
        let rendered = call.work.render.run(backend::Answer {
            results: vec![result],
            elapsed: std::time::Duration::ZERO,
        });
        let page: serde_json::Value = serde_json::from_slice(&rendered.result).unwrap();
        (statement, page)
    };
    let (statement, first) = page("null", 0..130);
    assert_eq!(statement, "SHOW DATABASES");
    assert_eq!(first["resources"].as_array().unwrap().len(), 100);
    let (statement, last) = page(&first["nextCursor"].to_string(), 100..130);
    assert_eq!(statement, "SHOW DATABASES LIMIT 101 FROM 'DB_099'");
    assert_eq!(last["resources"][29]["uri"], "snowflake://DB_129");
    assert!(last.get("nextCursor").is_none());
}

#[test]
fn a_resource_that_is_not_there_is_told_in_the_words_of_its_revision() {
    let mut bench = Bench::new();
    let read = |uri: &str| format!(r#""uri":"{uri}""#);
    for uri in ["test://none", "snowflake://a/b/c/d", ""] {
        let old = bench.error(&call("resources/read", &read(uri)));
        let new = bench.error(&modern("resources/read", &read(uri)));
        assert_eq!((old.code, new.code), (-32002, -32602));
        assert_eq!(old.data, new.data);
        assert_eq!(new.data, Some(format!(r#"{{"uri":"{uri}"}}"#)));
    }
    for (kind, code) in [(Kind::NotFound, -32602), (Kind::Unavailable, -32603)] {
        let Outcome::Work(found) = bench.outcome(&modern("resources/read", &read("snowflake://a/b/c")))
        else {
            panic!("a table has to be looked up")
        };
        let Ended::Error(error) = found.finish.ended(Err(backend::Error::new(kind, "x"))) else {
            panic!("there is nothing to read")
        };
        assert_eq!(error.code, code);
        assert_eq!(error.data.is_some(), kind == Kind::NotFound);
    }
    assert_eq!(bench.error(&call("resources/read", "")).code, -32602);
    let long = "x".repeat(17 << 10);
    assert_eq!(bench.error(&call("resources/read", &read(&long))).code, -32602);
}

#[test]
fn a_listener_hears_what_it_asks_for_and_what_can_happen() {
    let mut bench = Bench::new();
    let Outcome::Listen(listen) = bench.outcome(&modern(
        "subscriptions/listen",
        r#""notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["b","a","b"]}"#,
    )) else {
        panic!("it listens")
    };
    assert!(listen.tools && !listen.prompts && !listen.resources);
    assert_eq!(listen.uris, ["a".into(), "b".into()]);
    assert_eq!(&*listen.id, "1");
    let many = format!("[{}]", ["\"u\""; 2].join(","));
    for notifications in [
        "7".to_owned(),
        format!(r#"{{"resourceSubscriptions":{}}}"#, "[7]"),
    ] {
        let members = format!(r#""notifications":{notifications}"#);
        assert_eq!(
            bench.error(&modern("subscriptions/listen", &members)).code,
            -32602
        );
    }
    let uris: Vec<String> = (0..257).map(|index| format!("\"u{index}\"")).collect();
    for (uris, is_fine) in [(many, true), (format!("[{}]", uris.join(",")), false)] {
        let members = format!(r#""notifications":{{"resourceSubscriptions":{uris}}}"#);
        let outcome = bench.outcome(&modern("subscriptions/listen", &members));
        assert_eq!(matches!(outcome, Outcome::Listen(_)), is_fine);
    }
    assert_eq!(
        bench.error(&modern("subscriptions/listen", "\"x\":1")).code,
        -32602
    );
    assert_eq!(bench.error(&call("subscriptions/listen", "")).code, -32601);
}

#[test]
fn what_changes_for_a_session_is_told_to_the_server() {
    let mut bench = Bench::new();
    let mut effect = |method: &str, members: &str| match bench.outcome(&call(method, members)) {
        Outcome::Result { effect, payload } => {
            assert_eq!(&*payload.bytes(), b"{}");
            effect
        }
        Outcome::Error { error, .. } => {
            assert_eq!(error.code, -32602);
            None
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(
        effect("logging/setLevel", r#""level":"notice""#),
        Some(Effect::LogLevel(Level::Notice))
    );
    assert_eq!(effect("logging/setLevel", r#""level":"loud""#), None);
    assert_eq!(effect("logging/setLevel", ""), None);
    let uri = r#""uri":"test://watched""#;
    assert_eq!(
        effect("resources/subscribe", uri),
        Some(Effect::Subscribed("test://watched".into()))
    );
    assert_eq!(
        effect("resources/unsubscribe", uri),
        Some(Effect::Unsubscribed("test://watched".into()))
    );
    assert_eq!(effect("resources/subscribe", r#""uri":7"#), None);
    let hello = r#""protocolVersion":"2025-11-25","capabilities":{"sampling":{},"elicitation":{}}"#;
    let Outcome::Result { effect, .. } = bench.outcome(&call("initialize", hello)) else {
        panic!("a handshake is answered")
    };
    let abilities = Abilities {
        elicitation: true,
        sampling: true,
        roots: false,
    };
    assert_eq!(
        effect,
        Some(Effect::Negotiated {
            revision: Revision::V20251125,
            abilities,
            client: crate::ident::ClientLabel::default(),
        })
    );
}

#[test]
fn only_what_can_change_is_promised() {
    let capabilities = |service: &mut Service| {
        let text = call("initialize", r#""protocolVersion":"2025-11-25""#);
        let message = rpc::decode(text.as_bytes(), &Limits::default()).unwrap();
        match service.on_message(&socket(None), &message) {
            Outcome::Result { payload, .. } => {
                let result: serde_json::Value = serde_json::from_slice(&payload.bytes()).unwrap();
                result["capabilities"].to_string()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        capabilities(&mut Bench::new().service),
        r#"{"completions":{},"logging":{},"prompts":{},"resources":{"listChanged":true,"subscribe":true},"tasks":{"cancel":{},"list":{},"requests":{"tools":{"call":{}}}},"tools":{"listChanged":true}}"#
    );
    assert_eq!(
        capabilities(&mut service()),
        r#"{"completions":{},"logging":{},"prompts":{},"resources":{"listChanged":true,"subscribe":true},"tasks":{"cancel":{},"list":{},"requests":{"tools":{"call":{}}}},"tools":{}}"#
    );
}

#[test]
fn a_prompt_needs_its_arguments_and_they_are_text() {
    let mut bench = Bench::new();
    let get = |members: &str| call("prompts/get", members);
    let greeted = bench.result(&get(r#""name":"greet","arguments":{"who":"ann","x":"y"}"#));
    assert_eq!(greeted["messages"][0]["content"]["text"], "hello ann");
    for members in [
        r#""name":"greet""#,
        r#""name":"greet","arguments":{}"#,
        r#""name":"greet","arguments":{"who":""}"#,
        r#""name":"greet","arguments":{"who":null}"#,
        r#""name":"greet","arguments":{"who":7}"#,
        r#""name":"greet","arguments":[]"#,
        r#""name":"none""#,
        r#""name":7"#,
        "",
    ] {
        assert_eq!(bench.error(&get(members)).code, -32602, "{members}");
    }
}

#[test]
fn only_arguments_that_there_are_can_be_completed() {
    let mut bench = Bench::new();
    let complete = |reference: &str, argument: &str| {
        call(
            "completion/complete",
            &format!(r#""ref":{reference},"argument":{argument}"#),
        )
    };
    let greet = r#"{"type":"ref/prompt","name":"greet"}"#;
    let completed = bench.result(&complete(greet, r#"{"name":"who","value":"a"}"#));
    assert_eq!(completed["completion"]["values"][0], "ann");
    let explore = r#"{"type":"ref/prompt","name":"explore_database"}"#;
    let nothing = bench.result(&complete(explore, r#"{"name":"goal","value":"a"}"#));
    assert_eq!(
        nothing["completion"].to_string(),
        r#"{"hasMore":false,"total":0,"values":[]}"#
    );
    let template = r#"{"type":"ref/resource","uri":"snowflake://{database}"}"#;
    let looked_up = bench.outcome(&complete(template, r#"{"name":"database","value":"s"}"#));
    assert!(matches!(looked_up, Outcome::Work(_)));
    for (reference, argument) in [
        (greet, r#"{"name":"other","value":"a"}"#),
        (greet, r#"{"name":"who"}"#),
        (greet, "7"),
        (
            r#"{"type":"ref/prompt","name":"none"}"#,
            r#"{"name":"who","value":"a"}"#,
        ),
        (r#"{"type":"ref/prompt"}"#, r#"{"name":"who","value":"a"}"#),
        (
            r#"{"type":"ref/tool","name":"greet"}"#,
            r#"{"name":"who","value":"a"}"#,
        ),
        (template, r#"{"name":"schema","value":"a"}"#),
        ("7", r#"{"name":"who","value":"a"}"#),
    ] {
        assert_eq!(
            bench.error(&complete(reference, argument)).code,
            -32602,
            "{reference} {argument}"
        );
    }
}
