//! What `list_queries` tells of calls, as they go on and end.

use super::*;

/// What the caller with `key` is told, as status, query id and text.
fn listed(bench: &mut Bench, key: &str) -> Vec<(String, Option<String>, String)> {
    let call =
        r#"{"jsonrpc":"2.0","id":99,"method":"tools/call","params":{"name":"list_queries","arguments":{}}}"#;
    let lines = lines(key);
    let answer = bench.request("POST /mcp", &lines, call);
    let told: serde_json::Value = serde_json::from_str(body(&answer)).expect(&answer);
    let queries = told["result"]["structuredContent"]["queries"]
        .as_array()
        .expect(&answer);
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let entry = |query: &serde_json::Value| {
        (
            text(&query["status"]).unwrap(),
            text(&query["query_id"]),
            text(&query["statement"]).unwrap(),
        )
    };
    queries.iter().map(entry).collect()
}

fn lines(key: &str) -> String {
    format!(
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-06-18\r\nAuthorization: Bearer {key}\r\n"
    )
}

fn ask_for(bench: &mut Bench, key: &str, statement: &str) -> Box<Job> {
    let connection = bench.connect();
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"execute_query","arguments":{{"query":"{statement}"}}}}}}"#
    );
    assert_eq!(bench.ask(connection, &http("POST /mcp", &lines(key), &call)), "");
    bench.next_submitted()
}

fn row(status: &str, query_id: Option<&str>, text: &str) -> (String, Option<String>, String) {
    (status.to_owned(), query_id.map(str::to_owned), text.to_owned())
}

/// A server whose engine gives statements their ids, with so many workers.
fn bench(workers: usize) -> Bench {
    Bench::with(Settings {
        keys: KeyRing::of_secrets(&[Secret::new(ANN), Secret::new(BOB)]),
        has_own_ids: false,
        limits: Limits {
            workers,
            ..Limits::default()
        },
        ..Settings::default()
    })
}

const ANN: &str = "a-key-that-is-long-enough-for-ann-1";
const BOB: &str = "a-key-that-is-long-enough-for-bob-2";

#[test]
fn each_caller_is_told_what_became_of_its_own_statements() {
    let mut bench = bench(8);
    let first = ask_for(&mut bench, ANN, "select 1");
    let foreign = ask_for(&mut bench, BOB, "select 2");
    assert_eq!(listed(&mut bench, ANN), [row("running", None, "select 1")]);
    let name = format!("handle-{}", first.id);
    bench.say_again(first, Duration::from_millis(100));
    assert_eq!(listed(&mut bench, ANN), [row("running", Some(&name), "select 1")]);
    bench.pass(Duration::from_secs(1));
    let first = bench.next_submitted();
    bench.complete_with(first.id, "{}");
    bench.fail_with(foreign.id, Kind::NotFound, "no such table");
    let third = ask_for(&mut bench, ANN, "select 3");
    bench.fail_with(third.id, Kind::Cancelled, "cancelled");
    assert_eq!(
        listed(&mut bench, ANN),
        [
            row("cancelled", None, "select 3"),
            row("succeeded", Some(&name), "select 1")
        ]
    );
    assert_eq!(listed(&mut bench, BOB), [row("failed", None, "select 2")]);
}

#[test]
fn a_statement_that_was_let_go_runs_until_somebody_learns_how_it_ended() {
    let mut bench = bench(8);
    let mut job = ask_for(&mut bench, ANN, "select 1");
    job.reached.goes_on_alone = true;
    let name = format!("handle-{}", job.id);
    bench.say_again(job, Duration::from_secs(100));
    bench.pass(Limits::default().call_wait);
    assert_eq!(bench.server.jobs(), 0, "its caller has gone, and so has its job");
    assert_eq!(listed(&mut bench, ANN), [row("running", Some(&name), "select 1")]);
    let connection = bench.connect();
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"cancel_query","arguments":{{"query_id":"{name}"}}}}}}"#
    );
    bench.ask(connection, &http("POST /mcp", &lines(ANN), &call));
    let cancel = bench.next_submitted();
    bench.complete_with(cancel.id, "{}");
    assert_eq!(
        listed(&mut bench, ANN),
        [row("cancelled", Some(&name), "select 1")]
    );
}

#[test]
fn a_call_that_was_cancelled_before_anything_was_sent_is_not_listed() {
    let mut bench = bench(1);
    let first = ask_for(&mut bench, ANN, "select 1");
    let connection = bench.connect();
    let call = call(2);
    bench.send(connection, http("POST /mcp", &lines(ANN), &call).as_bytes());
    assert_eq!(listed(&mut bench, ANN).len(), 2);
    bench.handle(Input::Broken { connection });
    assert_eq!(
        listed(&mut bench, ANN),
        [row("running", None, "select 1")],
        "{}",
        first.id
    );
}

/// What `tool` is told of `arguments` as the caller with `key`: whether it failed, and its text. `None` where a job began.
fn told(bench: &mut Bench, key: &str, tool: &str, arguments: &str) -> Option<(bool, String)> {
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    );
    let answer = bench.request("POST /mcp", &lines(key), &call);
    if answer.is_empty() {
        return None;
    }
    let told: serde_json::Value = serde_json::from_str(body(&answer)).expect(&answer);
    let result = &told["result"];
    let text = result["content"][0]["text"].as_str().expect(&answer);
    Some((result["isError"] == true, text.to_owned()))
}

/// A server that signs with a key which others have too.
fn replica() -> Bench {
    let settings = Settings {
        keys: KeyRing::of_secrets(&[Secret::new(ANN), Secret::new(BOB)]),
        has_own_ids: false,
        audit: Some(crate::audit::WhenFull::Refuse),
        limits: Limits {
            audit_queue_max: 64,
            ..Limits::default()
        },
        ..Settings::default()
    };
    let tools = tools::Settings::new(&settings.limits, Policy::default());
    let keys = Keys::new(&Secret::new("the key of all replicas"), None);
    let service = Service::new(&settings.limits, tools, keys);
    Bench::with_service(settings, service)
}

/// Lets the statement of a call of ANN's go on without it; gives its query id and the cursor that she was told.
fn let_go(bench: &mut Bench) -> (String, String) {
    let connection = bench.connect();
    let lines = lines(ANN).replace(", text/event-stream", "");
    bench.send(connection, http("POST /mcp", &lines, &call(1)).as_bytes());
    let mut job = bench.next_submitted();
    job.reached.goes_on_alone = true;
    bench.say_again(job, Duration::from_secs(100));
    bench.pass(Limits::default().call_wait);
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    let reply: serde_json::Value = serde_json::from_str(body(&answer)).expect(&answer);
    let structured = &reply["result"]["structuredContent"];
    let member = |name: &str| structured[name].as_str().expect(&answer).to_owned();
    (member("query_id"), member("next_cursor"))
}

#[test]
fn a_query_id_leads_only_the_caller_who_ran_it_to_its_rows_and_its_end() {
    let mut bench = replica();
    let (query_id, _) = let_go(&mut bench);
    let ended = bench.records.len();
    let of = |id: &str| format!(r#"{{"query_id":"{id}"}}"#);
    for tool in ["get_query_result", "cancel_query"] {
        let foreign = told(&mut bench, BOB, tool, &of(&query_id)).expect("no job begins");
        let unknown = told(&mut bench, BOB, tool, &of("handle-none")).expect("no job begins");
        assert!(
            foreign.0 && foreign.1.contains("no statement of yours"),
            "{foreign:?}"
        );
        let renamed = unknown.1.replace("handle-none", &query_id);
        assert_eq!(foreign.1, renamed, "one that is not there sounds the same");
    }
    assert!(bench.submitted.is_empty() && bench.cancels.is_empty());
    let denied = &bench.records[ended..];
    assert_eq!(denied.len(), 4);
    let line = String::from_utf8(denied[0].lines().next().unwrap()).unwrap();
    let query_id_told = format!(r#""verdict":"deny","rule":"not_yours","query_id":"{query_id}""#);
    assert!(line.contains(&query_id_told), "{line}");
    let read = format!(
        r#"{{"jsonrpc":"2.0","id":6,"method":"resources/read","params":{{"uri":"snowflake://result/{query_id}"}}}}"#
    );
    let answer = bench.request("POST /mcp", &lines(BOB), &read);
    assert!(answer.contains("no statement of yours"), "{answer}");
    let line = bench.records.last().and_then(|record| record.lines().next());
    let line = String::from_utf8(line.unwrap()).unwrap();
    assert!(
        line.contains(r#""tool":"resources/read""#) && line.contains(&query_id_told),
        "{line}"
    );
    for tool in ["get_query_result", "cancel_query"] {
        assert_eq!(told(&mut bench, ANN, tool, &of(&query_id)), None);
        assert_eq!(bench.submitted.len(), 1, "{tool}");
        bench.submitted.clear();
    }
}

#[test]
fn a_cursor_leads_its_caller_there_on_another_replica_and_nobody_else() {
    let mut first = replica();
    let (query_id, cursor) = let_go(&mut first);
    let mut second = replica();
    let by_id = format!(r#"{{"query_id":"{query_id}"}}"#);
    let (failed, text) = told(&mut second, ANN, "get_query_result", &by_id).expect("it does not know");
    assert!(failed && text.contains("pass a cursor of it"), "{text}");
    let by_cursor = format!(r#"{{"cursor":"{cursor}"}}"#);
    let in_its_place = format!(r#"{{"query_id":"{cursor}"}}"#);
    let ways = [
        ("get_query_result", &by_cursor),
        ("get_query_result", &in_its_place),
        ("cancel_query", &in_its_place),
    ];
    for (tool, arguments) in ways {
        let (failed, text) = told(&mut second, BOB, tool, arguments).expect("no job begins");
        assert!(failed && text.contains("given to another client"), "{text}");
        assert!(second.submitted.is_empty(), "{tool}");
        assert_eq!(told(&mut second, ANN, tool, arguments), None, "{tool}");
        let operation = format!("{:?}", second.next_submitted().work.operation);
        assert!(operation.contains(&query_id), "{operation}");
    }
}

#[test]
fn where_nobody_is_told_apart_every_query_id_is_asked_after() {
    let mut bench = Bench::new();
    assert_eq!(
        told(
            &mut bench,
            "",
            "get_query_result",
            r#"{"query_id":"handle-none"}"#
        ),
        None
    );
    assert_eq!(bench.submitted.len(), 1);
}
