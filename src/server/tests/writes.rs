//! Writes, which the operator allows, by callers who may only read.

use super::messages::say;
use super::*;
use crate::access::Scope;
use crate::access::issuers::Resource;
use crate::access::keys::{Wanted, make};

const HEADERS: &str = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";
const WRITE: &str = "insert into t values (1)";

/// A server on which `insert` is allowed, with a key that may write and one that may read.
struct Writable {
    bench: Bench,
    writer: String,
    reader: String,
}

fn writable(resource: Option<Resource>) -> Writable {
    let mut entropy = SeededEntropy::new(7);
    let mut key = |label: &str, scope| {
        let wanted = Wanted {
            label: label.to_owned(),
            scope: Some(scope),
            expires: None,
        };
        make(&wanted, &mut entropy).unwrap()
    };
    let (writer, reader) = (key("writer", Scope::Write), key("reader", Scope::Read));
    let lines = format!("{}\n{}\n", writer.line, reader.line);
    let settings = Settings {
        keys: KeyRing::parse(&lines).unwrap(),
        audit: Some(crate::audit::WhenFull::Refuse),
        limits: Limits {
            audit_queue_max: 64,
            ..Limits::default()
        },
        resource,
        ..Settings::default()
    };
    let policy = Policy::default().with_writes("insert").unwrap();
    let ruling = crate::sql::ruling::Ruling {
        policy,
        writes_unasked: true,
        ..Default::default()
    };
    let mut tools = tools::Settings::new(&settings.limits, ruling);
    tools.statement_reactor_bytes_max = 1_000;
    let keys = Keys::random(&mut SeededEntropy::new(1));
    let service = Service::new(&settings.limits, tools, keys);
    Writable {
        bench: Bench::with_service(settings, service),
        writer: writer.key.reveal().to_owned(),
        reader: reader.key.reveal().to_owned(),
    }
}

fn call_of(statement: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"execute_query","arguments":{{"query":"{statement}"}}}}}}"#
    )
}

#[test]
fn a_write_with_the_scope_to_read_is_answered_403_with_the_scope_that_it_takes() {
    let Writable {
        mut bench,
        writer,
        reader,
    } = writable(None);
    let with = |key: &str| format!("{HEADERS}Authorization: Bearer {key}\r\n");
    let rest = format!(r#"{{"name":"execute_query","arguments":{{"query":"{WRITE}"}}}}"#);
    for (start, body_of_call) in [("POST /mcp", call_of(WRITE)), ("POST /mcp/tools/call", rest)] {
        let answer = bench.request(start, &with(&reader), &body_of_call);
        assert_eq!(status(&answer), "403", "{answer}");
        assert!(
            answer.contains(
                "\r\nWWW-Authenticate: Bearer realm=\"snowflake-mcp\", error=\"insufficient_scope\", scope=\"snowflake:write\"\r\n"
            ),
            "{answer}"
        );
        assert!(body(&answer).contains("snowflake:write"), "{answer}");
        assert!(bench.submitted.is_empty());
        assert_eq!(bench.request(start, &with(&writer), &body_of_call), "");
        assert_eq!(bench.next_submitted().work.statements[0].text(), WRITE);
    }
    assert_eq!(bench.records.len(), 2);
    let line = String::from_utf8(bench.records[0].lines().next().unwrap()).unwrap();
    assert!(line.contains("\"principal\":\"reader\""), "{line}");
    assert!(line.ends_with(r#""verdict":"deny","rule":"scope""#), "{line}");
    // Reading stays open to it.
    assert_eq!(
        bench.request("POST /mcp", &with(&reader), &call_of("select 1")),
        ""
    );
    assert_eq!(bench.submitted.len(), 1);
}

#[test]
fn a_client_of_oauth_is_told_all_scopes_to_ask_for_and_where() {
    let resource = Resource {
        url: "https://db.example/mcp".into(),
        issuers: vec!["https://id.example".into()],
        scopes: vec!["snowflake:read".into()],
    };
    let Writable {
        mut bench, reader, ..
    } = writable(Some(resource));
    let lines = format!("{HEADERS}Authorization: Bearer {reader}\r\n");
    let answer = bench.request("POST /mcp", &lines, &call_of(WRITE));
    assert_eq!(status(&answer), "403");
    for part in [
        "scope=\"snowflake:read snowflake:write\"",
        "resource_metadata=\"https://db.example/.well-known/oauth-protected-resource/mcp\"",
    ] {
        assert!(answer.contains(part), "{answer}");
    }
}

#[test]
fn over_a_websocket_the_error_says_the_same() {
    let Writable {
        mut bench, reader, ..
    } = writable(None);
    let connection = bench.connect();
    let lines = format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {reader}\r\n"
    );
    let answer = bench.ask(connection, &http("GET /mcp", &lines, ""));
    assert_eq!(status(&answer), "101");
    let answer = say(&mut bench, connection, &call_of(WRITE)).concat();
    assert!(
        answer.contains(r#""id":7,"error":{"code":-32600"#)
            && answer.contains(r#""data":{"reason":"insufficient_scope","scope":"snowflake:write"}"#),
        "{answer}"
    );
    assert!(bench.submitted.is_empty());
}

#[test]
fn a_write_that_is_guarded_by_a_worker_passes_there_for_who_may_write_only() {
    let Writable {
        mut bench,
        writer,
        reader,
    } = writable(None);
    let long = format!("{WRITE} /*{}*/", "x".repeat(1_000));
    for (key, passes) in [(&writer, true), (&reader, false)] {
        let lines = format!("{HEADERS}Authorization: Bearer {key}\r\n");
        assert_eq!(bench.request("POST /mcp", &lines, &call_of(&long)), "");
        let mut job = bench.next_submitted();
        // What the worker does first, whether the gate or the guard holds the text.
        let checked = match (job.work.unchecked.take(), job.work.follow.take()) {
            (Some(unchecked), _) => unchecked.check().is_ok(),
            (None, Some(follow)) => {
                let answer = crate::backend::Answer {
                    results: Vec::new(),
                    elapsed: Duration::ZERO,
                };
                follow.run(Ok(answer)).is_ok()
            }
            (None, None) => panic!("the text was guarded on the reactor"),
        };
        assert_eq!(checked, passes);
    }
}
