//! Legacy sessions over HTTP: opened, used, resumed, ended; and HTTP+SSE.

use super::streams::events;
use super::*;

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"c","version":"1"}}}"#;
pub(super) const TYPES: &str =
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";
const WITH_TOKEN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_query","arguments":{"query":"select 1"},"_meta":{"progressToken":"t"}}}"#;

pub(super) fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split_once("\r\n\r\n")?.0;
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// Opens a session and gives the header lines of its further requests.
pub(super) fn open(bench: &mut Bench) -> String {
    let answer = bench.request("POST /mcp", TYPES, INITIALIZE);
    assert_eq!(status(&answer), "200", "{answer}");
    let session = header(&answer, "Mcp-Session-Id").expect("a session begins");
    assert!(session.bytes().all(|byte| byte.is_ascii_graphic()), "{session}");
    format!("{TYPES}Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n")
}

fn say(bench: &mut Bench, lines: &str, message: &str) -> String {
    bench.request("POST /mcp", lines, message)
}

#[test]
fn a_session_is_opened_used_and_ended_for_good() {
    let mut bench = Bench::new();
    let lines = open(&mut bench);
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(status(&say(&mut bench, &lines, initialized)), "202");
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(status(&say(&mut bench, &lines, ping)), "200");
    assert_eq!(status(&bench.request("DELETE /mcp", &lines, "")), "204");
    let gone = say(&mut bench, &lines, ping);
    assert_eq!(status(&gone), "404");
    assert!(
        body(&gone).contains(r#""id":1,"error":{"code":-32600,"message":"Session not found""#),
        "{gone}"
    );
    assert_eq!(status(&bench.request("DELETE /mcp", &lines, "")), "404");
}

#[test]
fn what_changes_a_session_needs_one_and_calls_do_not() {
    let mut bench = Bench::new();
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(status(&say(&mut bench, TYPES, ping)), "200");
    assert_eq!(status(&bench.request("GET /mcp", TYPES, "")), "400");
    assert_eq!(status(&bench.request("DELETE /mcp", "", "")), "400");
    let forged = format!("{TYPES}Mcp-Session-Id: AAAAAAAA\r\n");
    assert_eq!(status(&say(&mut bench, &forged, ping)), "404");
    assert_eq!(status(&say(&mut bench, &forged, INITIALIZE)), "404");
}

#[test]
fn a_modern_request_is_in_no_session_whatever_it_carries() {
    let mut bench = Bench::new();
    let lines = format!(
        "{TYPES}Mcp-Session-Id: AAAAAAAA\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/list\r\n"
    );
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let answer = say(&mut bench, &lines, list);
    assert_eq!(status(&answer), "200", "{answer}");
    assert_eq!(header(&answer, "Mcp-Session-Id"), None);
    let modern = "Accept: text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n";
    assert_eq!(status(&bench.request("GET /mcp", modern, "")), "405");
    assert_eq!(status(&bench.request("DELETE /mcp", modern, "")), "405");
}

#[test]
fn the_session_of_one_key_is_nothing_to_another() {
    let mut bench = Bench::with_keys(&["one", "other"]);
    let with_key = |key: &str| format!("{TYPES}Authorization: Bearer {key}\r\n");
    let answer = bench.request("POST /mcp", &with_key("one"), INITIALIZE);
    let session = header(&answer, "Mcp-Session-Id").unwrap();
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (key, expected) in [("one", "200"), ("other", "404")] {
        let lines = format!("{}Mcp-Session-Id: {session}\r\n", with_key(key));
        assert_eq!(status(&say(&mut bench, &lines, ping)), expected, "{key}");
    }
}

#[test]
fn a_session_has_one_stream_of_its_own_and_the_end_of_the_session_ends_it() {
    let mut bench = Bench::new();
    let lines = open(&mut bench);
    let first = bench.connect();
    let opened = bench.ask(first, &http("GET /mcp", &lines, ""));
    assert_eq!(status(&opened), "200");
    assert!(opened.contains("Content-Type: text/event-stream\r\n"), "{opened}");
    assert_eq!(status(&bench.request("GET /mcp", &lines, "")), "409");
    assert_eq!(status(&bench.request("DELETE /mcp", &lines, "")), "204");
    assert!(bench.receive(first).ends_with(b"0\r\n\r\n"));
}

#[test]
fn a_call_whose_connection_broke_is_resumed_on_another() {
    let mut bench = Bench::new();
    let lines = open(&mut bench);
    let first = bench.connect();
    bench.send(first, http("POST /mcp", &lines, WITH_TOKEN).as_bytes());
    let job = bench.next_submitted();
    bench.pass(Duration::from_secs(2));
    let id = bench.say_again(job, Duration::from_secs(1));
    let begun = String::from_utf8(bench.receive(first)).unwrap();
    assert!(
        begun.contains("retry: ") && begun.contains("-0\ndata: \n\n"),
        "primed: {begun}"
    );
    let last = begun
        .split("id: ")
        .last()
        .unwrap()
        .split('\n')
        .next()
        .unwrap()
        .to_owned();
    bench.handle(Input::Broken { connection: first });
    assert_eq!(bench.closed, [first]);
    assert!(
        bench.cancels.is_empty() && bench.interrupted.is_empty(),
        "the call lives on"
    );

    let second = bench.connect();
    let resume = format!("{lines}Last-Event-ID: {last}\r\n");
    let resumed = bench.ask(second, &http("GET /mcp", &resume, ""));
    assert_eq!(status(&resumed), "200", "{resumed}");
    bench.pass(Duration::from_secs(1));
    bench.next_submitted();
    bench.complete_with(id, r#"{"content":[]}"#);
    let rest = String::from_utf8(bench.receive(second)).unwrap();
    assert!(
        rest.contains(r#"data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#),
        "{rest}"
    );
    assert!(rest.ends_with("0\r\n\r\n"));
}

#[test]
fn a_reply_that_came_while_nobody_read_is_said_to_who_comes_back() {
    let mut bench = Bench::new();
    let lines = open(&mut bench);
    let first = bench.connect();
    bench.send(first, http("POST /mcp", &lines, WITH_TOKEN).as_bytes());
    let job = bench.next_submitted();
    bench.pass(Duration::from_secs(2));
    let id = bench.say_again(job, Duration::from_millis(10));
    let begun = String::from_utf8(bench.receive(first)).unwrap();
    let last = begun
        .split("id: ")
        .last()
        .unwrap()
        .split('\n')
        .next()
        .unwrap()
        .to_owned();
    bench.handle(Input::Ended { connection: first });
    bench.pass(Duration::from_millis(500));
    bench.next_submitted();
    bench.complete_with(id, r#"{"content":[]}"#);
    let resume = format!("{lines}Last-Event-ID: {last}\r\n");
    let resumed = bench.request("GET /mcp", &resume, "");
    assert_eq!(
        events(&resumed),
        [r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#]
    );
}

#[test]
fn a_call_that_nobody_comes_back_for_is_cancelled_when_its_window_ends() {
    let mut bench = Bench::new();
    let lines = open(&mut bench);
    let first = bench.connect();
    bench.send(first, http("POST /mcp", &lines, WITH_TOKEN).as_bytes());
    let job = bench.next_submitted();
    bench.pass(Duration::from_secs(2));
    bench.say_again(job, Duration::from_secs(100));
    bench.handle(Input::Broken { connection: first });
    bench.pass(Duration::from_secs(29));
    assert!(bench.cancels.is_empty());
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.cancels.len(), 1);
}

#[test]
fn a_client_takes_back_a_call_of_its_own_session_only() {
    let mut bench = Bench::new();
    let (own, other) = (open(&mut bench), open(&mut bench));
    let connection = bench.connect();
    bench.send(connection, http("POST /mcp", &own, &call(7)).as_bytes());
    bench.next_submitted();
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    assert_eq!(status(&say(&mut bench, &other, cancel)), "202");
    assert_eq!(status(&say(&mut bench, TYPES, cancel)), "202");
    assert!(bench.interrupted.is_empty());
    assert_eq!(status(&say(&mut bench, &own, cancel)), "202");
    assert_eq!(bench.interrupted.len(), 1);
}

#[test]
fn http_with_sse_answers_posts_on_its_stream() {
    let mut bench = Bench::new();
    let stream = bench.connect();
    let opened = bench.ask(stream, &http("GET /sse", "Accept: text/event-stream\r\n", ""));
    assert_eq!(status(&opened), "200");
    let endpoint = opened
        .split("data: ")
        .nth(1)
        .unwrap()
        .split('\n')
        .next()
        .unwrap()
        .to_owned();
    assert!(
        opened.contains("event: endpoint\ndata: /messages?session_id="),
        "{opened}"
    );
    let post = format!("POST {endpoint}");
    assert_eq!(status(&bench.request(&post, TYPES, INITIALIZE)), "202");
    let said = String::from_utf8(bench.receive(stream)).unwrap();
    assert!(
        said.contains(r#"event: message"#) && said.contains(r#""protocolVersion":"2025-11-25""#),
        "{said}"
    );
    assert_eq!(status(&bench.request(&post, TYPES, &call(3))), "202");
    let job = bench.next_submitted();
    bench.complete_with(job.id, r#"{"content":[]}"#);
    let said = String::from_utf8(bench.receive(stream)).unwrap();
    assert!(
        said.contains(r#"data: {"jsonrpc":"2.0","id":3,"result":{"content":[]}}"#),
        "{said}"
    );
    assert_eq!(
        status(&bench.request("POST /messages?session_id=AAAA", TYPES, INITIALIZE)),
        "404"
    );
    assert_eq!(status(&bench.request("POST /messages", TYPES, INITIALIZE)), "400");
    bench.handle(Input::Ended { connection: stream });
    assert_eq!(status(&bench.request(&post, TYPES, INITIALIZE)), "404");
}
