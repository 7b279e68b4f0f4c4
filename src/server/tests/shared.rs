//! Calls that ask the same of the account: one job for those at the same time, none for those a short while later, and
//! news for those who listen when the answer is another one.

use super::*;
use crate::backend::kept::{Kept, Told};

fn list(id: u64, arguments: &str) -> String {
    post(&format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"list_databases","arguments":{arguments}}}}}"#
    ))
}

/// What a worker makes of a listing of these databases.
fn told(names: &[&str]) -> Outcome {
    let kept = Kept {
        body: format!("\"content\":[{{\"type\":\"text\",\"text\":\"{}", names.join(","))
            .into_bytes()
            .into(),
        names: names.iter().map(|name| Told::new(name, "")).collect(),
        is_whole: true,
        mark: names.len() as u64,
    };
    Outcome::Done(Ok(Rendered {
        result: Vec::new(),
        rows: names.len() as u64,
        truncated: false,
        query_id: None,
        kept: Some(kept.into()),
    }))
}

fn received(bench: &mut Bench, connection: ConnectionId) -> String {
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    body(&answer).to_owned()
}

const REPLY: &str = r#""result":{"content":[{"type":"text","text":"A,B"}],"isError":false}}"#;

#[test]
fn calls_that_ask_the_same_at_the_same_time_share_one_job() {
    let mut bench = Bench::new();
    let callers: Vec<_> = (0..5).map(|_| bench.connect()).collect();
    for (id, caller) in (0..).zip(&callers) {
        bench.send(*caller, list(id, "{}").as_bytes());
    }
    assert_eq!((bench.submitted.len(), bench.server.jobs()), (1, 5));
    let job = bench.next_submitted();
    bench.complete(job.id, told(&["A", "B"]));
    for (id, caller) in (0..).zip(&callers) {
        let expected = format!(r#"{{"jsonrpc":"2.0","id":{id},{REPLY}"#);
        assert_eq!(received(&mut bench, *caller), expected);
    }
    assert_eq!((bench.server.jobs(), bench.submitted.len()), (0, 0));
}

#[test]
fn what_was_told_a_short_while_ago_needs_no_worker_unless_it_must_be_fresh() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, list(1, "{}").as_bytes());
    let job = bench.next_submitted();
    bench.complete(job.id, told(&["A", "B"]));
    assert!(received(&mut bench, connection).ends_with(REPLY));
    bench.pass(Duration::from_secs(7));
    let again = bench.ask(connection, &list(2, "{}"));
    assert!(
        body(&again).contains("A,B\\n\\n(As of 7 s ago; fresh: true reads it anew.)"),
        "{again}"
    );
    assert!(bench.submitted.is_empty());
    bench.send(connection, list(3, r#"{"fresh":true}"#).as_bytes());
    let job = bench.next_submitted();
    bench.complete(job.id, told(&["A", "B"]));
    assert!(received(&mut bench, connection).ends_with(REPLY));
    bench.now.monotonic = bench.now.monotonic + Duration::from_secs(301);
    bench.send(connection, list(4, "{}").as_bytes());
    assert_eq!(bench.submitted.len(), 1, "its time is over");
}

#[test]
fn who_asked_first_may_go_and_the_others_still_get_the_answer() {
    let mut bench = Bench::new();
    let (first, second) = (bench.connect(), bench.connect());
    bench.send(first, list(1, "{}").as_bytes());
    bench.send(second, list(2, "{}").as_bytes());
    let job = bench.next_submitted();
    bench.handle(Input::Broken { connection: first });
    assert!(bench.interrupted.is_empty());
    bench.complete(job.id, told(&["A", "B"]));
    assert!(received(&mut bench, second).ends_with(REPLY));
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn a_job_that_nobody_waits_for_any_more_is_cancelled() {
    let mut bench = Bench::new();
    let (first, second) = (bench.connect(), bench.connect());
    bench.send(first, list(1, "{}").as_bytes());
    bench.send(second, list(2, "{}").as_bytes());
    let job = bench.next_submitted();
    bench.handle(Input::Broken { connection: first });
    bench.handle(Input::Broken { connection: second });
    assert_eq!(bench.interrupted, [job.id]);
    bench.fail_with(job.id, Kind::Cancelled, "cancelled");
    assert_eq!((bench.server.jobs(), bench.submitted.len()), (0, 0));
}

#[test]
fn a_failure_is_told_to_all_and_kept_for_nobody() {
    let mut bench = Bench::new();
    let (first, second) = (bench.connect(), bench.connect());
    bench.send(first, list(1, "{}").as_bytes());
    bench.send(second, list(2, "{}").as_bytes());
    let job = bench.next_submitted();
    bench.fail_with(job.id, Kind::Unavailable, "no way there");
    for caller in [first, second] {
        assert!(received(&mut bench, caller).contains("no way there"));
    }
    bench.send(first, list(3, "{}").as_bytes());
    assert_eq!(bench.submitted.len(), 1);
}

#[test]
fn a_listing_that_is_another_one_is_news_for_those_who_listen() {
    let mut bench = Bench::new();
    let listener = bench.connect();
    let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;
    let listen = format!(
        r#"{{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{{"_meta":{meta},"notifications":{{"resourcesListChanged":true}}}}}}"#
    );
    let lines = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n";
    let opened = bench.ask(listener, &http("POST /mcp", lines, &listen));
    assert!(opened.contains("acknowledged"), "{opened}");
    let caller = bench.connect();
    let mut refresh = |names: &[&str]| {
        bench.send(caller, list(1, r#"{"fresh":true}"#).as_bytes());
        let job = bench.next_submitted();
        bench.complete(job.id, told(names));
        bench.receive(caller);
        String::from_utf8(bench.receive(listener)).unwrap()
    };
    assert_eq!(refresh(&["A"]), "", "there was nothing to compare with");
    assert_eq!(refresh(&["A"]), "", "nothing has changed");
    let news = refresh(&["A", "B"]);
    assert!(news.contains("notifications/resources/list_changed"), "{news}");
}

#[test]
fn a_name_that_is_not_there_is_answered_with_near_ones_that_were_shown() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, list(1, "{}").as_bytes());
    let job = bench.next_submitted();
    bench.complete(job.id, told(&["SALES", "STOCK"]));
    bench.receive(connection);
    bench.send(connection, post_call(2).as_bytes());
    let job = bench.next_submitted();
    bench.fail_with(
        job.id,
        Kind::NotFound,
        "Database 'SALSE' does not exist or not authorized",
    );
    let answer = received(&mut bench, connection);
    assert!(answer.contains("Did you mean SALES?"), "{answer}");
}
