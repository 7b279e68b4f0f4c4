//! Every spelling that clients of the predecessor use, and every answer they expect.

use super::envelope::{self, Envelope, is_envelope};
use super::rest;
use crate::entropy::{Entropy, SeededEntropy};
use crate::limits::Limits;
use crate::mcp::Context;
use crate::mcp::{Keys, Outcome, Service};
use crate::rpc::{self, Id};
use crate::sql::guard::Policy;
use crate::time::WallTime;
use crate::tools::Settings;

fn service() -> Service {
    let limits = Limits::default();
    let keys = Keys::random(&mut SeededEntropy::new(1));
    Service::new(&limits, Settings::new(&limits, Policy::default()), keys)
}

fn statement(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Work(call) => call.work.statements[0].text(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_spellings_of_a_rest_call_mean_the_same() {
    for (body, id) in [
        (
            r#"{"method":"execute_query","params":{"query":"select 1"}}"#,
            None,
        ),
        (
            r#"{"jsonrpc":"2.0","id":"a","method":"execute_query","params":{"query":"select 1","_client_id":"x","_request_id":"y"}}"#,
            Some("\"a\""),
        ),
        (
            r#"{"id":7,"name":"execute_query","arguments":{"query":"select 1"}}"#,
            Some("7"),
        ),
        (
            r#"{"id":null,"method":"tools/call","params":{"name":"execute_query","arguments":{"query":"select 1"}}}"#,
            None,
        ),
    ] {
        let mut service = service();
        let (echoed, outcome) = service.on_rest_call(&Context::default(), body.as_bytes());
        assert_eq!(echoed.map(Id::as_json), id, "{body}");
        assert_eq!(statement(&outcome), "select 1", "{body}");
    }
}

#[test]
fn a_rest_body_that_is_no_call_is_refused_and_an_unknown_tool_told() {
    for (body, status, code) in [
        ("{", 400, -32700),
        ("[]", 400, -32600),
        ("7", 400, -32600),
        ("{}", 400, -32600),
        (r#"{"params":{"query":"select 1"}}"#, 400, -32600),
        (r#"{"method":7}"#, 400, -32600),
        (r#"{"method":"a","method":"b"}"#, 400, -32600),
        (r#"{"method":"drop_table","params":{"secret":"x"}}"#, 200, -32602),
    ] {
        let mut service = service();
        let (_, outcome) = service.on_rest_call(&Context::default(), body.as_bytes());
        let Outcome::Error { error, http_status } = outcome else {
            panic!("{body}")
        };
        assert_eq!((http_status, error.code), (status, code), "{body}");
        assert!(!error.message.contains("secret"));
    }
}

#[test]
fn rest_replies_have_all_three_members() {
    let reply = [
        &rest::reply_prefix("\"a\"").concat(),
        b"{}".as_slice(),
        rest::REPLY_SUFFIX,
    ]
    .concat();
    assert_eq!(reply, br#"{"id":"a","result":{},"error":null}"#);
    let error = rest::error_reply("7", &rpc::Error::unknown("tool", "x"));
    assert_eq!(
        error,
        br#"{"id":7,"result":null,"error":{"code":-32602,"message":"unknown tool: x"}}"#
    );
    let id = rest::quoted_id(SeededEntropy::new(1).uuid());
    assert!(id.len() == 38 && id.starts_with('"'));
}

#[test]
fn the_old_list_has_the_schema_and_the_map_of_parameters() {
    let body: serde_json::Value = serde_json::from_slice(&service().rest_tools().bytes()).unwrap();
    let tools = body["tools"].as_array().unwrap();
    assert_eq!(tools.len(), service().tool_names().count());
    for tool in tools {
        assert!(tool["name"].is_string() && tool["description"].is_string());
        assert_eq!(tool["inputSchema"]["type"], "object");
    }
    let last = tools.iter().find(|tool| tool["name"] == "execute_query").unwrap();
    let parameters = &last["parameters"];
    assert_eq!(parameters["query"]["required"], true);
    assert_eq!(parameters["limit"]["type"], "integer");
}

#[test]
fn only_a_first_message_of_the_envelope_switches_to_it() {
    for (text, expected) in [
        (r#"{"type":"ping"}"#, true),
        (
            r#"{"type":"call","id":"1","method":"list_databases","params":{}}"#,
            true,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","type":"call"}"#, false),
        (r#"{"type":"hello"}"#, false),
        (r#"{"type":7}"#, false),
        ("{}", false),
        ("ping", false),
    ] {
        assert_eq!(
            is_envelope(text.as_bytes(), &Limits::default()),
            expected,
            "{text}"
        );
    }
}

#[test]
fn an_envelope_is_a_call_or_a_ping_or_refused_with_its_id() {
    let mut service = service();
    let text = br#"{"type":"call","id":"c1","method":"execute_query","params":{"query":"select 1"}}"#;
    let Envelope::Call { id, outcome } = service.on_envelope(&Context::default(), text) else {
        panic!("it is a call")
    };
    assert_eq!(
        (id.map(Id::as_json), statement(&outcome)),
        (Some("\"c1\""), "select 1")
    );
    assert!(matches!(
        service.on_envelope(&Context::default(), br#"{"type":"ping"}"#),
        Envelope::Ping
    ));
    for (text, id, message) in [
        (
            r#"{"type":"call","id":3}"#,
            Some("3"),
            "method must be the name of a tool",
        ),
        (
            r#"{"type":"subscribe","id":3}"#,
            Some("3"),
            "type must be call or ping",
        ),
        (
            r#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#,
            Some("3"),
            "type is missing, it must be call or ping",
        ),
    ] {
        match service.on_envelope(&Context::default(), text.as_bytes()) {
            Envelope::Refused {
                id: echoed,
                message: said,
            } => {
                assert_eq!((echoed.map(Id::as_json), said.as_str()), (id, message));
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(matches!(
        service.on_envelope(&Context::default(), b"{"),
        Envelope::Refused { id: None, message } if message.starts_with("parse error")
    ));
}

#[test]
fn envelope_messages_are_written_as_they_were_promised() {
    let result = [
        &envelope::result_prefix(Some("\"c1\"")).concat(),
        b"{}".as_slice(),
        envelope::RESULT_SUFFIX,
    ]
    .concat();
    assert_eq!(result, br#"{"type":"result","id":"c1","result":{}}"#);
    assert_eq!(
        envelope::error(Some("3"), "a \"b\""),
        br#"{"type":"error","id":3,"error":{"code":-1,"message":"a \"b\""}}"#
    );
    assert_eq!(
        envelope::error(None, "x"),
        br#"{"type":"error","error":{"code":-1,"message":"x"}}"#
    );
    assert_eq!(
        envelope::pong(WallTime::from_micros(1_700_000_000_000_050)),
        br#"{"type":"pong","timestamp":1700000000.000050}"#
    );
    let greeting: serde_json::Value =
        serde_json::from_slice(&envelope::greeting(SeededEntropy::new(1).uuid())).unwrap();
    assert_eq!(
        (greeting["type"].as_str(), greeting["status"].as_str()),
        (Some("connection"), Some("connected"))
    );
    assert_eq!(greeting["server_version"], env!("CARGO_PKG_VERSION"));
    let notice: serde_json::Value = serde_json::from_str(envelope::shutdown_notice()).unwrap();
    assert_eq!(notice["type"], "shutdown");
}
