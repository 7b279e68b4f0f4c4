//! Rows of earlier statements, read as resources.

use super::*;
use crate::backend::job::{Operation, Rendered};
use crate::backend::rows::Bounds;
use crate::backend::{self, Answer, Column, Kind, ResultSet, Value};
use crate::tools::Choice;
use crate::tools::history::Start;
use std::time::Duration;

const ID: &str = "01b2c3d4-0000-1111-0000-222200000005";

pub(super) fn choice(name: &str) -> Choice {
    Choice {
        connection: name.into(),
        roles: Vec::new(),
        warehouses: Vec::new(),
    }
}

fn read(uri: &str) -> String {
    format!(r#""uri":"{uri}""#)
}

fn work_of(service: &mut Service, context: &Context<'_>, text: &str) -> Box<ToolCall> {
    let message = rpc::decode(text.as_bytes(), &Limits::default()).unwrap();
    match service.on_message(context, &message) {
        Outcome::Work(call) => call,
        other => panic!("no work: {other:?}"),
    }
}

/// Three rows of which two fit into the bounds.
fn rows(bounds: Bounds) -> Answer {
    let column = Column {
        name: "N \"1\"".to_owned(),
        type_name: "NUMBER(38,0)".to_owned(),
        nullable: false,
    };
    let mut result = ResultSet::new(vec![column], bounds);
    result.query_id = Some(ID.to_owned());
    for number in ["1", "12345678901234567890", "3"] {
        result.push(Value::Number(number));
        result.end_row();
    }
    Answer {
        results: vec![result],
        elapsed: Duration::from_millis(7),
    }
}

fn told(rendered: Rendered) -> serde_json::Value {
    serde_json::from_slice(&rendered.result).unwrap()
}

#[test]
fn the_rows_of_a_statement_are_a_document_that_begins_with_whether_there_are_more() {
    let uri = format!("snowflake://result/{ID}");
    let text = modern("resources/read", &read(&uri));
    let context = http(Some(VERSION), Some("resources/read"), Some(&uri));
    let call = work_of(&mut service(), &context, &text);
    assert!(
        matches!(&call.work.operation, Operation::Read { query_id, .. } if query_id.as_str() == ID),
        "{:?}",
        call.work
    );
    assert_eq!(call.work.bounds.rows_max, Limits::default().rows_max);
    assert!(call.work.query_tag.as_deref().unwrap().contains("resources/read"));
    let bounds = Bounds {
        rows_max: 2,
        bytes_max: 10_000,
    };
    let result = told(call.work.render.run(rows(bounds)));
    assert_eq!(
        (&result["ttlMs"], &result["cacheScope"]),
        (&3_600_000.into(), &"private".into())
    );
    let contents = &result["contents"][0];
    assert_eq!(
        (&contents["uri"], &contents["mimeType"]),
        (&uri.into(), &"application/json".into())
    );
    let text = contents["text"].as_str().unwrap();
    assert!(text.starts_with(r#"{"truncated":true,"next_cursor":""#), "{text}");
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(
        document["rows"],
        serde_json::json!([[1], ["12345678901234567890"]])
    );
    assert_eq!(document["columns"][0]["name"], "N \"1\"");
    assert_eq!(
        (&document["returned"], &document["query_id"]),
        (&2.into(), &ID.into())
    );
}

#[test]
fn a_statement_that_still_runs_is_said_to_and_not_to_be_kept() {
    let text = modern("resources/read", &read(&format!("snowflake://result/{ID}")));
    let call = work_of(&mut service(), &socket(None), &text);
    let patience = call.work.patience.expect("it does not wait for ever");
    assert_eq!(patience.wait, Limits::default().call_wait);
    let result: serde_json::Value =
        serde_json::from_slice(&patience.tell(ID, Duration::from_secs(45))).unwrap();
    assert_eq!(result["ttlMs"], 0, "{result}");
    let document: serde_json::Value =
        serde_json::from_str(result["contents"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&document["status"], &document["query_id"]),
        (&"running".into(), &ID.into())
    );
}

#[test]
fn rows_that_are_gone_are_a_resource_that_is_not_found_with_advice() {
    let text = call("resources/read", &read(&format!("snowflake://result/{ID}")));
    for (kind, code, advice) in [
        (Kind::ResultGone, -32002, "Run the statement again."),
        (Kind::NotFound, -32002, "search_objects"),
        (Kind::Unavailable, -32603, "Wait a little"),
    ] {
        let negotiated = socket(Some(Revision::V20250618));
        let call = work_of(&mut service(), &negotiated, &text);
        let Ended::Error(error) = call.finish.ended(Err(backend::Error::new(kind, "why"))) else {
            panic!("{kind:?} is no result");
        };
        assert_eq!(error.code, code, "{error}");
        assert!(
            error.message.contains("why. ") && error.message.contains(advice),
            "{error}"
        );
    }
}

#[test]
fn what_has_the_form_of_a_place_stays_one() {
    for uri in [
        "snowflake://result/public",
        "snowflake://result",
        "snowflake://RESULT/A-B",
    ] {
        let text = call("resources/read", &read(uri));
        let call = work_of(&mut service(), &socket(Some(Revision::V20250618)), &text);
        assert_eq!(call.work.operation, Operation::Run, "{uri}");
    }
}

#[test]
fn rows_are_read_through_the_connection_that_their_uri_names() {
    let limits = Limits::default();
    let settings = Settings {
        choices: vec![choice("first"), choice("sec ond")],
        ..Settings::new(&limits, Policy::default())
    };
    let keys = Keys::random(&mut SeededEntropy::new(1));
    let mut service = Service::new(&limits, settings, keys);
    let negotiated = socket(Some(Revision::V20251125));
    for (before, connection) in [("", "first"), ("sec%20ond/", "sec ond")] {
        let text = call(
            "resources/read",
            &read(&format!("snowflake://result/{before}{ID}")),
        );
        let call = work_of(&mut service, &negotiated, &text);
        assert_eq!(call.work.context.connection.as_deref(), Some(connection));
    }
    let text = call("resources/read", &read(&format!("snowflake://result/third/{ID}")));
    let message = rpc::decode(text.as_bytes(), &limits).unwrap();
    let Outcome::Error { error, .. } = service.on_message(&negotiated, &message) else {
        panic!("there is no such connection");
    };
    assert_eq!(error.code, -32002);
    assert!(error.message.contains("there are first, sec ond"), "{error}");
    let listed = call("resources/templates/list", "");
    let message = rpc::decode(listed.as_bytes(), &limits).unwrap();
    let Outcome::Result { payload, .. } = service.on_message(&negotiated, &message) else {
        panic!("templates are known");
    };
    let text = String::from_utf8(payload.bytes().into_owned()).unwrap();
    assert!(text.contains("snowflake://result/{connection}/{id}"), "{text}");
    let complete = call(
        "completion/complete",
        r#""ref":{"type":"ref/prompt","name":"explore_database"},"argument":{"name":"connection","value":"S"}"#,
    );
    let message = rpc::decode(complete.as_bytes(), &limits).unwrap();
    let Outcome::Result { payload, .. } = service.on_message(&negotiated, &message) else {
        panic!("connections are known");
    };
    let text = String::from_utf8(payload.bytes().into_owned()).unwrap();
    assert!(text.contains(r#""values":["sec ond"],"total":1"#), "{text}");
    let complete = call(
        "completion/complete",
        r#""ref":{"type":"ref/prompt","name":"explore_database"},"argument":{"name":"database","value":"s"},"context":{"arguments":{"connection":"sec ond"}}"#,
    );
    let call = work_of(&mut service, &negotiated, &complete);
    assert_eq!(call.work.context.connection.as_deref(), Some("sec ond"));
}

#[test]
fn rows_that_were_cut_are_linked_where_the_revision_has_links() {
    let query = r#""name":"execute_query","arguments":{"query":"select 1","limit":2}"#;
    for revision in Revision::ALL.into_iter().filter(|revision| !revision.is_modern()) {
        let text = call("tools/call", query);
        let call = work_of(&mut service(), &socket(Some(revision)), &text);
        let bounds = call.work.bounds;
        let result = told(call.work.render.run(rows(bounds)));
        let content = result["content"].as_array().unwrap();
        let expected = if revision >= Revision::V20250618 { 2 } else { 1 };
        assert_eq!(content.len(), expected, "{revision:?}: {result}");
        if let Some(link) = content.get(1) {
            assert_eq!(link["type"], "resource_link");
            assert_eq!(link["uri"], format!("snowflake://result/{ID}"));
        }
        let text = String::from_utf8(call.work.patience.unwrap().tell(ID, Duration::from_secs(45))).unwrap();
        assert_eq!(
            text.contains("resource_link"),
            expected == 2,
            "one that runs: {text}"
        );
    }
    let whole = work_of(
        &mut service(),
        &socket(Some(Revision::V20251125)),
        &call(
            "tools/call",
            r#""name":"execute_query","arguments":{"query":"select 1"}"#,
        ),
    );
    let bounds = whole.work.bounds;
    let result = told(whole.work.render.run(rows(bounds)));
    assert_eq!(
        result["content"].as_array().unwrap().len(),
        1,
        "nothing more to read"
    );
}

#[test]
fn rows_of_a_statement_that_somebody_else_ran_are_not_found() {
    let uri = format!("snowflake://result/{ID}");
    let negotiated = Context {
        principal: b"ann",
        ..socket(Some(Revision::V20251125))
    };
    let Outcome::Error { error, .. } = outcome(&negotiated, &call("resources/read", &read(&uri))) else {
        panic!("this process saw nobody run it");
    };
    assert_eq!(error.code, -32002, "{error}");
    assert!(error.message.contains(ID), "with the reason: {error}");
    // What was linked for her is a cursor: hers on every replica.
    let query = r#""name":"execute_query","arguments":{"query":"select 1","limit":2}"#;
    let mut service = service();
    let ran = work_of(&mut service, &negotiated, &call("tools/call", query));
    let bounds = ran.work.bounds;
    let result = told(ran.work.render.run(rows(bounds)));
    let linked = result["content"][1]["uri"].as_str().unwrap();
    let again = work_of(&mut service, &negotiated, &call("resources/read", &read(linked)));
    assert!(matches!(&again.work.operation, Operation::Read { query_id, .. } if query_id.as_str() == ID));
    let other = Context {
        principal: b"bob",
        ..negotiated
    };
    let message = call("resources/read", &read(linked));
    let message = rpc::decode(message.as_bytes(), &Limits::default()).unwrap();
    let refused = service.on_message(&other, &message);
    assert!(
        matches!(&refused, Outcome::Error { error, .. } if error.code == -32002),
        "{refused:?}"
    );
}

/// What a caller ran, and through which connection.
fn note(service: &mut Service, principal: &[u8], connection: Option<&str>, query_id: &str) {
    service.history().note(Start {
        principal,
        tool: "execute_query",
        text: "select 1".to_owned(),
        at: Now::default().monotonic,
        connection: connection.map(Arc::from).as_ref(),
        query_id: Some(query_id.to_owned()),
    });
}

/// The query ids that the caller is offered for `{id}` of the template at `uri`, where `known` is filled in already.
fn offered(service: &mut Service, principal: &[u8], uri: &str, value: &str, known: &str) -> String {
    let context = Context {
        principal,
        ..socket(Some(Revision::V20251125))
    };
    let text = call(
        "completion/complete",
        &format!(
            r#""ref":{{"type":"ref/resource","uri":"{uri}"}},"argument":{{"name":"id","value":"{value}"}},"context":{{"arguments":{known}}}"#
        ),
    );
    let message = rpc::decode(text.as_bytes(), &Limits::default()).unwrap();
    let Outcome::Result { payload, .. } = service.on_message(&context, &message) else {
        panic!("nobody has to be asked");
    };
    let told: serde_json::Value = serde_json::from_slice(&payload.bytes()).unwrap();
    told["completion"]["values"].to_string()
}

const BY_ID: &str = "snowflake://result/{id}";

#[test]
fn query_ids_are_completed_with_those_of_the_callers_own_statements() {
    let mut service = service();
    for (principal, query_id) in [("ann", "01b2-1"), ("bob", "01b2-3"), ("ann", "01b3-4")] {
        note(&mut service, principal.as_bytes(), None, query_id);
    }
    for (principal, value, expected) in [
        ("ann", "", r#"["01b3-4","01b2-1"]"#),
        ("ann", "01b2", r#"["01b2-1"]"#),
        ("bob", "", r#"["01b2-3"]"#),
        ("eve", "", "[]"),
    ] {
        let told = offered(&mut service, principal.as_bytes(), BY_ID, value, "{}");
        assert_eq!(told, expected, "{principal} {value}");
    }
}

#[test]
fn a_query_id_is_completed_within_the_connection_that_is_named() {
    let limits = Limits::default();
    let settings = Settings {
        choices: vec![choice("first"), choice("second")],
        ..Settings::new(&limits, Policy::default())
    };
    let mut service = Service::new(&limits, settings, Keys::random(&mut SeededEntropy::new(1)));
    note(&mut service, b"", Some("first"), "01b2-1");
    note(&mut service, b"", Some("second"), "01b2-2");
    let by_both = "snowflake://result/{connection}/{id}";
    for (uri, known, expected) in [
        (BY_ID, "{}", r#"["01b2-1"]"#),
        (by_both, "{}", r#"["01b2-2","01b2-1"]"#),
        (by_both, r#"{"connection":"second"}"#, r#"["01b2-2"]"#),
    ] {
        assert_eq!(
            offered(&mut service, b"", uri, "", known),
            expected,
            "{uri} {known}"
        );
    }
}
