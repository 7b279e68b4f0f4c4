//! Callers who bring their own logins to the database: whose statements run with what, and what is whose.

use super::messages::say;
use super::*;
use crate::access::logins::Rule;
use crate::backend::kept::{Kept, Told};

const HEADERS: &str = "Content-Type: application/json\r\nAccept: application/json\r\n";
const KEY: &str = "a-key-that-is-long-enough-for-ann-1";

fn settings(is_required: bool) -> Settings {
    Settings {
        logins: Some(Rule {
            field: "x-snowflake-token".into(),
            is_required,
        }),
        audit: Some(crate::audit::WhenFull::Refuse),
        limits: Limits {
            logins_max: 8,
            audit_queue_max: 64,
            ..Limits::default()
        },
        ..Settings::default()
    }
}

fn with(token: &str) -> String {
    format!("{HEADERS}X-Snowflake-Token: {token}\r\n")
}

fn token_of(job: &Job) -> Option<&str> {
    let login = job.work.context.login.as_ref()?;
    Some(login.token().reveal())
}

fn list_databases(bench: &mut Bench, token: &str) -> ConnectionId {
    let call =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_databases","arguments":{}}}"#;
    let connection = bench.connect();
    bench.send(connection, http("POST /mcp", &with(token), call).as_bytes());
    connection
}

/// What a worker makes of a listing of this database.
fn listed(name: &str) -> Outcome {
    let kept = Kept {
        body: format!("\"content\":[{{\"type\":\"text\",\"text\":\"{name}")
            .into_bytes()
            .into(),
        names: vec![Told::new(name, "")],
        is_whole: true,
        mark: 1,
    };
    Outcome::Done(Ok(Rendered {
        kept: Some(kept.into()),
        ..Rendered::default()
    }))
}

#[test]
fn statements_run_with_the_login_of_their_caller_in_every_transport() {
    let mut bench = Bench::with(settings(true));
    bench.request("POST /mcp", &with("anns"), &call(1));
    bench.request("POST /mcp", &with("Bearer bobs"), &call(2));
    let rest = r#"{"name":"execute_query","arguments":{"query":"select 1"}}"#;
    bench.request("POST /mcp/tools/call", &with("carols"), rest);
    let connection = bench.connect();
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Snowflake-Token: daves\r\n";
    let answer = bench.ask(connection, &http("GET /mcp", upgrade, ""));
    assert_eq!(status(&answer), "101");
    say(&mut bench, connection, &call(3));
    let jobs: Vec<_> = std::mem::take(&mut bench.submitted).into();
    let tokens: Vec<_> = jobs.iter().map(|job| token_of(job)).collect();
    assert_eq!(
        tokens,
        [Some("anns"), Some("bobs"), Some("carols"), Some("daves")]
    );
    assert!(!format!("{jobs:?}").contains("anns"), "a token cannot be printed");
}

#[test]
fn who_brings_none_is_refused_by_a_sentence_that_names_the_header() {
    let mut bench = Bench::with(settings(true));
    let token = "X-Snowflake-Token";
    for (lines, expected) in [
        (String::new(), "403"),
        (format!("{token}: a b\r\n"), "400"),
        (format!("{token}: one\r\n{token}: one\r\n"), "400"),
    ] {
        let answer = bench.request("POST /mcp", &format!("{HEADERS}{lines}"), &call(1));
        assert_eq!(status(&answer), expected, "{answer}");
        assert!(
            body(&answer).contains("in the header x-snowflake-token"),
            "{answer}"
        );
        assert!(
            !answer.contains("WWW-Authenticate"),
            "no other key would help: {answer}"
        );
    }
    assert!(bench.submitted.is_empty());
    assert_eq!(status(&bench.request("GET /health", "", "")), "200");
    let mut optional = Bench::with(settings(false));
    optional.request("POST /mcp", HEADERS, &call(1));
    assert_eq!(token_of(&optional.next_submitted()), None, "the server's own");
}

#[test]
fn what_one_login_was_told_of_the_account_is_not_told_to_another() {
    let mut bench = Bench::with(settings(true));
    let first = list_databases(&mut bench, "anns");
    let other = list_databases(&mut bench, "bobs");
    assert_eq!(bench.submitted.len(), 2, "neither waits for the other's answer");
    let same = list_databases(&mut bench, "anns");
    assert_eq!(bench.submitted.len(), 2, "the same login does");
    for (name, token) in [("HERS", "anns"), ("HIS", "bobs")] {
        let job = bench.next_submitted();
        assert_eq!(token_of(&job), Some(token));
        bench.complete(job.id, listed(name));
    }
    for (connection, name) in [(first, "HERS"), (same, "HERS"), (other, "HIS")] {
        let answer = String::from_utf8(bench.receive(connection)).unwrap();
        assert!(answer.contains(&format!("\"text\":\"{name}")), "{answer}");
    }
    // And what was kept.
    for (token, name) in [("anns", "HERS"), ("bobs", "HIS")] {
        let connection = list_databases(&mut bench, token);
        let answer = String::from_utf8(bench.receive(connection)).unwrap();
        assert!(answer.contains(&format!("\"text\":\"{name}")), "{answer}");
    }
    list_databases(&mut bench, "carols");
    assert_eq!(token_of(&bench.next_submitted()), Some("carols"));
}

#[test]
fn sessions_and_query_ids_are_one_logins_alone_beside_the_same_key_too() {
    let mut bench = Bench::with(Settings {
        keys: KeyRing::of_secrets(&[Secret::new(KEY)]),
        has_own_ids: false,
        ..settings(true)
    });
    let with = |token: &str| format!("{}Authorization: Bearer {KEY}\r\n", with(token));
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
    let answer = bench.request("POST /mcp", &with("anns"), initialize);
    let session = answer
        .lines()
        .find_map(|line| line.strip_prefix("Mcp-Session-Id: "))
        .expect(&answer)
        .to_owned();
    let ping = r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#;
    for (token, expected) in [("anns", "200"), ("bobs", "404")] {
        let lines = format!("{}Mcp-Session-Id: {session}\r\n", with(token));
        let answer = bench.request("POST /mcp", &lines, ping);
        assert_eq!(status(&answer), expected, "{token}: {answer}");
    }
    bench.request("POST /mcp", &with("anns"), &call(3));
    let job = bench.next_submitted();
    let query_id = format!("handle-{}", job.id);
    bench.say_again(job, Duration::from_secs(1));
    let read = format!(
        r#"{{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{{"name":"get_query_result","arguments":{{"query_id":"{query_id}"}}}}}}"#
    );
    let answer = bench.request("POST /mcp", &with("bobs"), &read);
    assert!(answer.contains("no statement of yours"), "{answer}");
    assert_eq!(bench.request("POST /mcp", &with("anns"), &read), "");
    assert_eq!(token_of(&bench.next_submitted()), Some("anns"));
}

#[test]
fn the_audit_line_has_a_mark_of_the_login_and_a_bad_one_says_nothing_of_the_servers() {
    let mut bench = Bench::with(Settings {
        keys: KeyRing::of_secrets(&[Secret::new(KEY)]),
        ..settings(true)
    });
    let lines = format!("{}Authorization: Bearer {KEY}\r\n", with("anns"));
    for kind in [
        Kind::Login,
        Kind::Forbidden,
        Kind::Configuration,
        Kind::Unavailable,
    ] {
        bench.request("POST /mcp", &lines, &call(1));
        let job = bench.next_submitted();
        bench.fail_with(job.id, kind, "it is refused");
        let detailed = format!("Authorization: Bearer {KEY}\r\n");
        let answer = bench.request("GET /health/detailed", &detailed, "");
        let expected = if kind == Kind::Unavailable { "503" } else { "200" };
        assert_eq!(status(&answer), expected, "{kind:?}: {answer}");
    }
    let line = String::from_utf8(bench.records[0].lines().next().unwrap()).unwrap();
    assert!(line.contains("\"principal\":\"API_KEYS/1 snowflake:"), "{line}");
    assert!(!line.contains("anns"), "{line}");
}

#[test]
fn the_limits_of_a_key_hold_for_all_logins_that_come_with_it_together() {
    let line = crate::access::keys::make(
        &crate::access::keys::Wanted {
            label: "ann".to_owned(),
            scope: None,
            expires: None,
        },
        &mut SeededEntropy::new(3),
    )
    .unwrap();
    let limited = line.line.replacen('{', "{\"calls_per_minute\":2,", 1);
    let mut bench = Bench::with(Settings {
        keys: KeyRing::parse(&limited).unwrap(),
        ..settings(true)
    });
    let key = line.key.reveal();
    let mut ask = |token: &str| {
        let lines = format!("{}Authorization: Bearer {key}\r\n", with(token));
        bench.request("POST /mcp", &lines, &call(1))
    };
    assert_eq!((ask("one"), ask("two")), (String::new(), String::new()));
    assert!(ask("three").contains("as many as you may"));
}
