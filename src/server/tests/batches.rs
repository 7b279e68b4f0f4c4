//! Batches of 2025-03-26: their replies in one array, over HTTP, a WebSocket and HTTP+SSE.

use serde_json::{Value, json};

use super::messages;
use super::sessions::{TYPES, header};
use super::streams::events;
use super::*;

const NOTIFICATION: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

fn initialize(revision: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{revision}","capabilities":{{}},"clientInfo":{{"name":"c","version":"1"}}}}}}"#
    )
}

/// Opens a session of this revision and gives the header lines of its further requests.
fn open(bench: &mut Bench, revision: &str) -> String {
    let answer = bench.request("POST /mcp", TYPES, &initialize(revision));
    let session = header(&answer, "Mcp-Session-Id").expect("a session begins");
    format!("{TYPES}Mcp-Session-Id: {session}\r\n")
}

/// A connection on which a batch was posted that has no answer yet.
fn post_open_batch(bench: &mut Bench, lines: &str, messages: &[String]) -> ConnectionId {
    let connection = bench.connect();
    let request = http("POST /mcp", lines, &batch(messages));
    assert_eq!(bench.ask(connection, &request), "");
    connection
}

fn batch(messages: &[String]) -> String {
    format!("[{}]", messages.join(","))
}

fn ping(id: u64) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)
}

fn cancel(id: u64) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#)
}

fn received(bench: &mut Bench, connection: ConnectionId) -> String {
    String::from_utf8(bench.receive(connection)).expect("answers are text")
}

/// The ids of the replies in an array.
fn ids(array: &str) -> Vec<Value> {
    let replies: Vec<Value> = serde_json::from_str(array).expect("an array");
    replies.into_iter().map(|reply| reply["id"].clone()).collect()
}

#[test]
fn the_replies_are_one_answer_in_the_order_of_the_calls() {
    let mut bench = Bench::with(Settings {
        origins: vec!["https://app.example.com".to_owned()],
        ..Settings::default()
    });
    let lines = open(&mut bench, "2025-03-26") + "Origin: https://app.example.com\r\n";
    let list = r#"{"jsonrpc":"2.0","id":"l","method":"tools/list"}"#;
    let messages = [
        call(1),
        NOTIFICATION.to_owned(),
        ping(2),
        list.to_owned(),
        call(3),
    ];
    let connection = post_open_batch(&mut bench, &lines, &messages);
    let (first, second) = (bench.next_submitted(), bench.next_submitted());
    bench.complete_with(second.id, r#"{"content":[3]}"#);
    assert_eq!(bench.receive(connection), b"", "one is missing");
    let id = bench.say_again(first, Duration::from_millis(10));
    bench.pass(Duration::from_secs(40));
    assert_eq!(
        bench.receive(connection),
        b"",
        "nothing is said before the replies"
    );
    bench.complete_with(id, r#"{"content":[1]}"#);
    let answer = received(&mut bench, connection);
    assert_eq!(status(&answer), "200");
    assert_eq!(header(&answer, "Content-Type"), Some("application/json"));
    assert_eq!(
        header(&answer, "Access-Control-Allow-Origin"),
        Some("https://app.example.com")
    );
    let replies: Vec<Value> = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(replies.len(), 4);
    assert_eq!(
        replies[0],
        json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [1]}})
    );
    assert_eq!(replies[1], json!({"jsonrpc": "2.0", "id": 2, "result": {}}));
    assert!(replies[2]["id"] == "l" && replies[2]["result"]["tools"].is_array());
    assert_eq!(
        replies[3],
        json!({"jsonrpc": "2.0", "id": 3, "result": {"content": [3]}})
    );
    let next = bench.ask(connection, &http("POST /mcp", &lines, &ping(9)));
    assert_eq!(status(&next), "200", "the connection goes on");
}

#[test]
fn a_batch_that_needs_no_job_is_answered_at_once() {
    let mut bench = Bench::new();
    let lines = open(&mut bench, "2025-03-26");
    let answer = bench.request("POST /mcp", &lines, &batch(&[ping(1), ping(2)]));
    assert_eq!(
        body(&answer),
        r#"[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"result":{}}]"#
    );
    let said = bench.request("POST /mcp", &lines, &batch(&[NOTIFICATION.to_owned(), cancel(4)]));
    assert_eq!((status(&said), body(&said)), ("202", ""));
}

#[test]
fn a_batch_that_is_none_is_refused_whole() {
    let mut bench = Bench::new();
    let lines = open(&mut bench, "2025-03-26");
    let newer = open(&mut bench, "2025-06-18");
    let modern = format!("{lines}MCP-Protocol-Version: 2026-07-28\r\n");
    let too_many: Vec<String> = (0..51).map(ping).collect();
    let one = batch(&[ping(1)]);
    for (lines, text) in [
        (&*lines, "[]"),
        (&*lines, &*batch(&too_many)),
        (&*lines, "[{]"),
        (&*newer, &*one),
        (&*modern, &*one),
        (TYPES, &*one),
    ] {
        let answer = bench.request("POST /mcp", lines, text);
        assert_eq!(status(&answer), "400", "{text}");
        let error: Value = serde_json::from_str(body(&answer)).unwrap();
        assert!(
            error["error"]["code"].is_i64() && error.get("result").is_none(),
            "{error}"
        );
    }
    let forged = format!("{TYPES}Mcp-Session-Id: AAAAAAAA\r\n");
    assert_eq!(status(&bench.request("POST /mcp", &forged, &one)), "404");
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn what_is_wrong_with_one_message_is_said_in_its_place() {
    let mut bench = Bench::with_limits(Limits {
        jobs_per_principal_max: 1,
        waiting_per_principal_max: 0,
        ..Limits::default()
    });
    let lines = open(&mut bench, "2025-03-26");
    let unknown = r#"{"jsonrpc":"2.0","id":3,"method":"no/such"}"#.to_owned();
    let messages = [
        call(1),
        "7".to_owned(),
        initialize("2025-03-26"),
        unknown,
        call(4),
    ];
    let connection = post_open_batch(&mut bench, &lines, &messages);
    let job = bench.next_submitted();
    assert!(bench.submitted.is_empty(), "the second call is not admitted");
    bench.complete_with(job.id, "{}");
    let answer = received(&mut bench, connection);
    let replies: Vec<Value> = serde_json::from_str(body(&answer)).unwrap();
    let codes: Vec<Option<i64>> = replies
        .iter()
        .map(|reply| reply["error"]["code"].as_i64())
        .collect();
    assert_eq!(codes, [None, Some(-32600), Some(-32600), Some(-32601), None]);
    assert!(
        replies[4]["id"] == 4 && replies[4]["result"]["isError"] == true,
        "{answer}"
    );
}

#[test]
fn a_call_that_is_taken_back_is_left_out() {
    let mut bench = Bench::new();
    let lines = open(&mut bench, "2025-03-26");
    let connection = post_open_batch(&mut bench, &lines, &[call(1), call(2), ping(3)]);
    let (first, second) = (bench.next_submitted(), bench.next_submitted());
    assert_eq!(
        status(&bench.request("POST /mcp", &lines, &batch(&[cancel(1)]))),
        "202"
    );
    assert_eq!(bench.interrupted, [first.id]);
    assert_eq!(bench.receive(connection), b"");
    bench.complete_with(second.id, "{}");
    assert_eq!(ids(body(&received(&mut bench, connection))), [2, 3]);

    let connection = bench.connect();
    let messages = batch(&[call(5), cancel(5)]);
    let answer = bench.ask(connection, &http("POST /mcp", &lines, &messages));
    assert_eq!((status(&answer), body(&answer)), ("202", ""), "no array of none");
    bench.complete_with(first.id, "{}");
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn a_connection_that_breaks_takes_its_batch_with_it() {
    let mut bench = Bench::new();
    let lines = open(&mut bench, "2025-03-26");
    let connection = post_open_batch(&mut bench, &lines, &[call(1), call(2), call(3)]);
    let (first, second) = (bench.next_submitted(), bench.next_submitted());
    let third = bench.next_submitted();
    bench.complete_with(first.id, &format!("\"{}\"", "x".repeat(100_000)));
    let sums = (bench.server.bytes_buffered(), bench.server.replies_bytes());
    assert!(sums.1 > 90_000, "what waits in a batch is counted: {sums:?}");
    assert_eq!(sums, bench.server.recount());
    bench.handle(Input::Broken { connection });
    assert_eq!(bench.interrupted, [second.id, third.id]);
    assert_eq!(bench.server.replies_bytes(), 0);
    bench.complete_with(second.id, "{}");
    bench.complete_with(third.id, "{}");
    bench.pass(Duration::from_secs(300));
    bench.pass(Duration::from_secs(300));
    assert_eq!((bench.server.jobs(), bench.server.connections()), (0, 0));
    assert_eq!(bench.server.timers(), 0);
}

#[test]
fn a_client_that_only_stops_sending_learns_what_became_of_its_calls() {
    let mut bench = Bench::new();
    let lines = open(&mut bench, "2025-03-26");
    let connection = post_open_batch(&mut bench, &lines, &[call(1), ping(2), call(3)]);
    let first = bench.next_submitted();
    bench.complete_with(first.id, "{}");
    bench.handle(Input::Ended { connection });
    let answer = received(&mut bench, connection);
    let replies: Vec<Value> = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(replies.len(), 3);
    assert!(
        replies[2]["id"] == 3 && replies[2]["result"]["isError"] == true,
        "{answer}"
    );
}

#[test]
fn a_result_that_cannot_be_kept_until_the_others_come_is_replaced() {
    let mut bench = Bench::with_limits(Limits {
        replies_bytes_max: 1 << 20,
        ..Limits::default()
    });
    let lines = open(&mut bench, "2025-03-26");
    let connection = post_open_batch(&mut bench, &lines, &[call(1), call(2), call(3)]);
    for _ in 0..3 {
        let job = bench.next_submitted();
        bench.complete_with(job.id, &format!("\"{}\"", "x".repeat(600_000)));
        let sums = (bench.server.bytes_buffered(), bench.server.replies_bytes());
        assert_eq!(sums, bench.server.recount());
        assert!(sums.1 <= 1 << 20);
    }
    let answer = received(&mut bench, connection);
    let replies: Vec<Value> = serde_json::from_str(body(&answer)).unwrap();
    let is_kept = |reply: &Value| reply["result"].is_string();
    assert_eq!(
        replies.iter().map(is_kept).collect::<Vec<_>>(),
        [true, false, false]
    );
    assert_eq!(bench.server.replies_bytes(), 0);
}

#[test]
fn over_a_websocket_the_array_is_one_message() {
    let mut bench = Bench::new();
    let socket = messages::open(&mut bench);
    let refused = messages::say(&mut bench, socket, &batch(&[ping(1)]));
    assert!(
        refused[0].contains("batches are not supported"),
        "before initialize: {refused:?}"
    );
    messages::say(&mut bench, socket, &initialize("2025-03-26"));
    assert!(messages::say(&mut bench, socket, &batch(&[NOTIFICATION.to_owned()])).is_empty());
    let at_once = messages::say(&mut bench, socket, &batch(&[ping(1), ping(2)]));
    assert_eq!((at_once.len(), ids(&at_once[0])), (1, vec![json!(1), json!(2)]));

    assert!(messages::say(&mut bench, socket, &batch(&[call(3), ping(4), call(5)])).is_empty());
    let (third, fifth) = (bench.next_submitted(), bench.next_submitted());
    bench.complete_with(fifth.id, "{}");
    let whole = messages::say(&mut bench, socket, &cancel(3));
    assert_eq!(bench.interrupted, [third.id]);
    assert_eq!((whole.len(), ids(&whole[0])), (1, vec![json!(4), json!(5)]));
    assert!(messages::say(&mut bench, socket, &batch(&[call(6), cancel(6)])).is_empty());
    bench.complete_with(third.id, "{}");
    assert_eq!(bench.server.jobs(), 0);

    messages::say(&mut bench, socket, &batch(&[call(7), ping(8)]));
    let seventh = bench.next_submitted();
    bench.handle(Input::Ended { connection: socket });
    assert_eq!(bench.interrupted.last(), Some(&seventh.id));
    bench.complete_with(seventh.id, "{}");
    assert_eq!((bench.server.jobs(), bench.server.replies_bytes()), (0, 0));
}

#[test]
fn over_http_with_sse_the_array_is_one_event() {
    let mut bench = Bench::new();
    let stream = bench.connect();
    let opened = bench.ask(stream, &http("GET /sse", "Accept: text/event-stream\r\n", ""));
    let endpoint = events(&opened).remove(0);
    let post = format!("POST {endpoint}");
    bench.request(&post, TYPES, &initialize("2025-03-26"));
    assert!(received(&mut bench, stream).contains(r#""protocolVersion":"2025-03-26""#));
    assert_eq!(
        status(&bench.request(&post, TYPES, &batch(&[ping(1), call(2)]))),
        "202"
    );
    let sums = (bench.server.bytes_buffered(), bench.server.replies_bytes());
    assert_eq!(sums, bench.server.recount());
    assert_eq!(bench.receive(stream), b"");
    let job = bench.next_submitted();
    bench.complete_with(job.id, r#"{"content":[]}"#);
    let said = received(&mut bench, stream);
    assert!(
        said.contains(
            r#"data: [{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"result":{"content":[]}}]"#
        ),
        "{said}"
    );
}

#[test]
fn the_end_of_stdio_waits_for_the_whole_array() {
    let mut bench = Bench::new();
    let connection = bench.server.accept(bench.now, Peer::Stdio).unwrap();
    bench.ask(connection, &format!("{}\n", initialize("2025-03-26")));
    let line = batch(&[call(1), ping(2), call(3)]) + "\n";
    assert_eq!(bench.ask(connection, &line), "");
    let (first, third) = (bench.next_submitted(), bench.next_submitted());
    bench.complete_with(third.id, "{}");
    bench.handle(Input::Ended { connection });
    assert_eq!(bench.exit, None, "a reply is missing");
    bench.complete_with(first.id, "{}");
    let said = received(&mut bench, connection);
    assert_eq!(said.matches('\n').count(), 1, "one line: {said}");
    assert_eq!(ids(said.trim_end()), [1, 2, 3]);
    assert_eq!(bench.exit, Some(Exit { calls_cut: 0 }));
}
