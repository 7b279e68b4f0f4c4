//! Eras, rungs and handlers. Whole conversations of each revision are in `tests/mcp`.

use super::*;
use crate::entropy::SeededEntropy;
use crate::sql::guard::Policy;
use crate::time::Now;

mod offers;
mod results;
mod told;

const VERSION: &str = "2026-07-28";
const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn service() -> Service {
    let limits = Limits::default();
    let keys = Keys::random(&mut SeededEntropy::new(1));
    Service::new(&limits, Settings::new(&limits, Policy::default()), keys)
}

/// Header fields of a request, as in a table: `None` is absent.
fn http<'a>(version: Option<&'a str>, method: Option<&'a str>, name: Option<&'a str>) -> Context<'a> {
    let field = |value: Option<&'a str>| value.map_or(Field::Absent, |value| Field::Once(value.as_bytes()));
    Context {
        fields: Some(RoutingFields {
            protocol_version: field(version),
            method: field(method),
            name: field(name),
            session: Field::Absent,
            params: &[],
        }),
        negotiated: None,
        abilities: Abilities::default(),
        principal: b"",
        rights: tools::Rights::default(),
        client: crate::ident::ClientLabel::default(),
        now: Now::default(),
    }
}

fn socket(negotiated: Option<Revision>) -> Context<'static> {
    Context {
        fields: None,
        negotiated,
        abilities: Abilities::default(),
        principal: b"",
        rights: tools::Rights::default(),
        client: crate::ident::ClientLabel::default(),
        now: Now::default(),
    }
}

fn outcome(context: &Context<'_>, text: &str) -> Outcome {
    let message = rpc::decode(text.as_bytes(), &Limits::default()).unwrap();
    service().on_message(context, &message)
}

/// Status and code of an error, or 200 and 0.
fn answer(context: &Context<'_>, text: &str) -> (u16, i32) {
    match outcome(context, text) {
        Outcome::Error { error, http_status } => (http_status, error.code),
        Outcome::Result { .. }
        | Outcome::Work(_)
        | Outcome::Script(_)
        | Outcome::Task(_)
        | Outcome::Listen(_) => (200, 0),
        Outcome::Accepted | Outcome::Cancel(_) => (202, 0),
    }
}

fn call(method: &str, members: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{members}}}}}"#)
}

/// The modern call of `method` with a right `_meta` and `members`.
fn modern(method: &str, members: &str) -> String {
    let comma = if members.is_empty() { "" } else { "," };
    call(method, &format!("{META}{comma}{members}"))
}

#[test]
fn every_rung_of_the_ladder_has_its_code_and_its_status() {
    let list = modern("tools/list", "");
    let no_meta = call("tools/list", "");
    let meta = |inside: &str| call("tools/list", &format!(r#""_meta":{inside}"#));
    let claim = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
    let capabilities = r#""io.modelcontextprotocol/clientCapabilities":{}"#;
    let right = http(Some(VERSION), Some("tools/list"), None);
    let mut repeated = right;
    if let Some(fields) = &mut repeated.fields {
        fields.name = Field::Repeated;
    }
    let unknown = format!(r#"{{"io.modelcontextprotocol/protocolVersion":"2099-01-01",{capabilities}}}"#);
    let legacy = format!(r#"{{"io.modelcontextprotocol/protocolVersion":"2025-11-25",{capabilities}}}"#);
    let level = format!(r#"{{{claim},{capabilities},"io.modelcontextprotocol/logLevel":"loud"}}"#);
    let table = [
        // 7: a routing field twice comes before everything in the body.
        (repeated, no_meta.clone(), 400, -32020),
        // 8: _meta, before any header is looked at.
        (right, no_meta, 400, -32602),
        (right, meta("7"), 400, -32602),
        (right, meta("{}"), 400, -32602),
        (right, meta(&format!("{{{claim}}}")), 400, -32602),
        (
            right,
            meta(&format!(
                r#"{{{claim},"io.modelcontextprotocol/clientCapabilities":[]}}"#
            )),
            400,
            -32602,
        ),
        (
            right,
            meta(&format!(
                r#"{{"io.modelcontextprotocol/protocolVersion":7,{capabilities}}}"#
            )),
            400,
            -32602,
        ),
        (right, meta(&level), 400, -32602),
        // 9: the version header.
        (http(None, Some("tools/list"), None), list.clone(), 400, -32020),
        (
            http(Some("2025-11-25"), Some("tools/list"), None),
            list.clone(),
            400,
            -32020,
        ),
        (
            http(Some("2099-01-01"), Some("tools/list"), None),
            list.clone(),
            400,
            -32020,
        ),
        // 10: the method header, whose value is case-sensitive.
        (http(Some(VERSION), None, None), list.clone(), 400, -32020),
        (
            http(Some(VERSION), Some("Tools/List"), None),
            list.clone(),
            400,
            -32020,
        ),
        // 12: the version, once header and body agree.
        (
            http(Some("2099-01-01"), Some("tools/list"), None),
            meta(&unknown),
            400,
            -32022,
        ),
        (
            http(Some("2025-11-25"), Some("tools/list"), None),
            meta(&legacy),
            400,
            -32022,
        ),
        // 14: the method.
        (
            http(Some(VERSION), Some("tools/lisp"), None),
            modern("tools/lisp", ""),
            404,
            -32601,
        ),
        // 16: the handler.
        (right, list, 200, 0),
        (right, modern("tools/list", r#""cursor":"x""#), 200, -32602),
        (right, modern("tools/list", r#""cursor":"""#), 200, 0),
    ];
    for (index, (context, text, status, code)) in table.into_iter().enumerate() {
        assert_eq!(answer(&context, &text), (status, code), "row {index}: {text}");
    }
}

#[test]
fn the_name_header_must_say_what_the_body_says() {
    let named = |field: &str, tool: &str| {
        let text = modern(
            "tools/call",
            &format!(r#""name":"{tool}","arguments":{{"query":"select 1"}}"#),
        );
        answer(&http(Some(VERSION), Some("tools/call"), Some(field)), &text)
    };
    assert_eq!(named("execute_query", "execute_query"), (200, 0));
    assert_eq!(named("Execute_query", "execute_query"), (400, -32020));
    assert_eq!(
        named("=?base64?ZXhlY3V0ZV9xdWVyeQ==?=", "execute_query"),
        (200, 0)
    );
    assert_eq!(
        named("=?base64?ZXhlY3V0ZV9xdWVyeQ?=", "execute_query"),
        (400, -32020),
        "padding"
    );
    assert_eq!(
        named("=?base64?ZXhl*3V0ZV9xdWVyeQ==?=", "execute_query"),
        (400, -32020),
        "alphabet"
    );
    assert_eq!(named("=?base64?/w==?=", "\\u00ff"), (400, -32020), "not UTF-8");
    assert_eq!(
        named("nothing", "nothing"),
        (200, -32602),
        "an unknown tool is the handler's"
    );
    let absent = http(Some(VERSION), Some("tools/call"), None);
    assert_eq!(
        answer(&absent, &modern("tools/call", r#""name":"execute_query""#)),
        (400, -32020)
    );
    assert_eq!(answer(&absent, &modern("tools/call", "")), (200, -32602));
    for (method, member) in [("prompts/get", "name"), ("resources/read", "uri")] {
        let text = modern(method, &format!(r#""{member}":"x""#));
        assert_eq!(
            answer(&http(Some(VERSION), Some(method), Some("y")), &text),
            (400, -32020)
        );
        assert_eq!(
            answer(&http(Some(VERSION), Some(method), Some("x")), &text),
            (200, -32602),
            "there is no such {member}"
        );
    }
}

#[test]
fn the_classifier_follows_body_then_header() {
    let hello = r#""protocolVersion":"2025-11-25","capabilities":{}"#;
    let modern_header = |method| http(Some(VERSION), Some(method), None);
    let table = [
        // 4: a handshake needs no header, and must not have a modern one.
        (http(None, None, None), call("initialize", hello), 200, 0),
        (
            http(Some("2025-06-18"), None, None),
            call("initialize", hello),
            200,
            0,
        ),
        (
            modern_header("initialize"),
            call("initialize", hello),
            400,
            -32020,
        ),
        (
            http(Some("1999-01-01"), None, None),
            call("initialize", hello),
            400,
            -32020,
        ),
        // 5: methods that the modern era dropped.
        (
            modern_header("initialize"),
            modern("initialize", hello),
            404,
            -32601,
        ),
        (modern_header("ping"), modern("ping", ""), 404, -32601),
        (
            modern_header("logging/setLevel"),
            modern("logging/setLevel", r#""level":"info""#),
            404,
            -32601,
        ),
        (
            modern_header("resources/subscribe"),
            modern("resources/subscribe", r#""uri":"x""#),
            404,
            -32601,
        ),
        // 6: a header that is no legacy one, without a claim.
        (modern_header("tools/list"), call("tools/list", ""), 400, -32602),
        (
            http(Some("1999-01-01"), None, None),
            call("tools/list", ""),
            400,
            -32602,
        ),
        (
            http(Some("1999-01-01"), None, None),
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.to_owned(),
            400,
            -32602,
        ),
        (
            modern_header("tools/list"),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[1]}"#.to_owned(),
            400,
            -32602,
        ),
        // 7: everything else is legacy, with or without a session.
        (http(None, None, None), call("ping", ""), 200, 0),
        (
            http(Some("2025-11-25"), None, None),
            call("tools/list", r#""_meta":{"progressToken":1}"#),
            200,
            0,
        ),
        (http(None, None, None), call("server/discover", ""), 200, -32601),
        (
            http(None, None, None),
            call("subscriptions/listen", ""),
            200,
            -32601,
        ),
        (http(None, None, None), call("prompts/list", ""), 200, 0),
        (http(None, None, None), call("resources/list", ""), 200, 0),
        (
            http(None, None, None),
            call("logging/setLevel", r#""level":"debug""#),
            200,
            0,
        ),
        (
            http(None, None, None),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[1]}"#.to_owned(),
            200,
            -32602,
        ),
    ];
    for (index, (context, text, status, code)) in table.into_iter().enumerate() {
        assert_eq!(answer(&context, &text), (status, code), "row {index}: {text}");
    }
}

#[test]
fn without_headers_the_claim_alone_decides() {
    let context = socket(Some(Revision::V20251125));
    assert_eq!(answer(&context, &modern("tools/list", "")), (200, 0));
    assert_eq!(answer(&context, &modern("server/discover", "")), (200, 0));
    assert_eq!(answer(&context, &modern("ping", "")).1, -32601);
    assert_eq!(answer(&context, &call("ping", "")), (200, 0));
    let incomplete = call(
        "tools/list",
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
    );
    assert_eq!(answer(&context, &incomplete).1, -32602);
    let unknown = modern("tools/list", "").replace("2026-07-28", "2027-01-01");
    let Outcome::Error { error, .. } = outcome(&context, &unknown) else {
        panic!("an unknown version is an error")
    };
    assert_eq!(
        error.data.as_deref(),
        Some(r#"{"supported":["2026-07-28"],"requested":"2027-01-01"}"#)
    );
}

#[test]
fn a_handshake_echoes_legacy_revisions_and_answers_everything_else_with_the_newest_of_them() {
    for (asked, answered) in [
        ("2024-11-05", Revision::V20241105),
        ("2025-03-26", Revision::V20250326),
        ("2025-06-18", Revision::V20250618),
        ("2025-11-25", Revision::V20251125),
        ("2026-07-28", Revision::V20251125),
        ("1999-01-01", Revision::V20251125),
    ] {
        let text = call("initialize", &format!(r#""protocolVersion":"{asked}""#));
        let Outcome::Result { payload, effect } = outcome(&socket(None), &text) else {
            panic!("{asked} must be answered")
        };
        let negotiated = Effect::Negotiated {
            revision: answered,
            abilities: Abilities::default(),
            client: crate::ident::ClientLabel::default(),
        };
        assert_eq!(effect, Some(negotiated), "{asked}");
        let result: serde_json::Value = serde_json::from_slice(&payload.bytes()).unwrap();
        assert_eq!(result["protocolVersion"], answered.as_str());
        assert_eq!(
            result["capabilities"].get("completions").is_some(),
            answered.has_completions()
        );
        assert_eq!(result["serverInfo"]["icons"].is_array(), answered.has_icons());
        assert_eq!(result["serverInfo"]["title"].is_string(), answered.has_titles());
    }
    assert_eq!(answer(&socket(None), &call("initialize", "")), (200, -32602));
}

#[test]
fn the_revision_of_a_legacy_call_is_its_headers_then_the_connections_then_the_oldest_of_its_transport() {
    let revision = |version: Option<&str>, negotiated| {
        let context = Context {
            negotiated,
            ..http(version, None, None)
        };
        context.legacy_revision()
    };
    assert_eq!(
        revision(Some("2025-06-18"), Some(Revision::V20251125)),
        Revision::V20250618
    );
    assert_eq!(revision(None, Some(Revision::V20251125)), Revision::V20251125);
    assert_eq!(revision(None, None), Revision::V20250326);
    assert_eq!(socket(None).legacy_revision(), Revision::V20250326);
}

#[test]
fn a_cancel_names_a_call_unless_the_client_is_modern_and_on_http() {
    let cancel = |id: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"x"}}}}"#
        )
    };
    for id in ["7", "\"7\""] {
        let Outcome::Cancel(cancelled) = outcome(&socket(None), &cancel(id)) else {
            panic!("{id} must be cancelled")
        };
        assert_eq!(cancelled, id);
        // The session says whose call is meant; outside of one the server does nothing.
        assert!(matches!(
            outcome(&http(None, None, None), &cancel(id)),
            Outcome::Cancel(_)
        ));
        assert!(matches!(
            outcome(&http(Some(VERSION), None, None), &cancel(id)),
            Outcome::Accepted
        ));
    }
    for id in ["null", "{}", "1.5"] {
        assert!(
            matches!(outcome(&socket(None), &cancel(id)), Outcome::Accepted),
            "{id}"
        );
    }
    for method in ["notifications/initialized", "notifications/nonsense"] {
        let text = format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#);
        assert_eq!(answer(&socket(None), &text).0, 202);
        assert_eq!(answer(&http(None, None, None), &text).0, 202);
    }
}

#[test]
fn a_posted_reply_is_taken_note_of_unless_the_era_knows_none() {
    let text = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    assert_eq!(answer(&http(Some("2025-11-25"), None, None), text), (202, 0));
    assert_eq!(answer(&http(Some(VERSION), None, None), text), (400, -32600));
    assert_eq!(answer(&socket(None), text), (202, 0));
}

#[test]
fn wrong_arguments_are_a_failed_result_and_an_unknown_tool_an_error() {
    let context = socket(Some(Revision::V20251125));
    let Outcome::Result { payload, .. } = outcome(&context, &call("tools/call", r#""name":"execute_query""#))
    else {
        panic!("wrong arguments are no protocol error")
    };
    let result: serde_json::Value = serde_json::from_slice(&payload.bytes()).unwrap();
    assert_eq!(result["isError"], true);
    assert_eq!(
        answer(&context, &call("tools/call", r#""name":"drop_table""#)),
        (200, -32602)
    );
    assert_eq!(
        answer(&context, &call("tools/call", r#""name":7"#)),
        (200, -32602)
    );
    let Outcome::Work(work) = outcome(
        &context,
        &call("tools/call", r#""name":"list_databases","arguments":null"#),
    ) else {
        panic!("absent arguments are empty ones")
    };
    assert_eq!(work.finish.tool, "list_databases");
}

#[test]
fn a_failed_job_is_told_in_the_form_of_the_revision() {
    use crate::backend::{Error, Kind};
    let payload = |revision| {
        let finish = Finish {
            tool: "execute_query",
            revision,
            failure: Failure::ToolResult,
            fence: None,
        };
        let ended = finish.ended(Err(Error::new(Kind::Timeout, "took too long")));
        serde_json::from_slice::<serde_json::Value>(&ended.to_json()).unwrap()
    };
    for revision in Revision::ALL {
        let result = payload(revision);
        assert_eq!(result["isError"], true);
        assert!(
            result["content"][0]["text"]
                .as_str()
                .unwrap()
                .starts_with("Error: took too long\n")
        );
        assert!(result.get("structuredContent").is_none());
        assert_eq!(result.get("resultType").is_some(), revision.is_modern());
        assert_eq!(result.get("_meta").is_some(), revision.is_modern());
    }
}

#[test]
fn what_never_changes_is_shared_and_not_encoded_again() {
    let mut service = service();
    let mut list = |context: &Context<'_>| {
        let text = call("tools/list", "");
        let message = rpc::decode(text.as_bytes(), &Limits::default()).unwrap();
        match service.on_message(context, &message) {
            Outcome::Result {
                payload: Payload::Shared(bytes),
                ..
            } => bytes,
            other => panic!("{other:?}"),
        }
    };
    let context = socket(Some(Revision::V20251125));
    assert!(Arc::ptr_eq(&list(&context), &list(&context)));
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert!(matches!(
        outcome(&context, text),
        Outcome::Result {
            payload: Payload::Static("{}"),
            effect: None
        }
    ));
}
