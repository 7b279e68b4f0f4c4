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
