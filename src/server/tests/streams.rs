//! Calls that are told something before their reply: over a stream, a WebSocket, or not at all.

use super::*;
use crate::server::Metric;

const WITH_TOKEN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_query","arguments":{"query":"select 1"},"_meta":{"progressToken":"t"}}}"#;

/// The data of the events of a chunked stream, comments left out.
pub(super) fn events(answer: &str) -> Vec<String> {
    let mut text = String::new();
    let mut rest = body(answer);
    while let Some((size, chunk)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        text.push_str(&chunk[..size]);
        rest = chunk[size..].strip_prefix("\r\n").expect("the end of a chunk");
    }
    text.split("\n\n")
        .filter_map(|event| event.split_once("data: "))
        .map(|(_, data)| data.to_owned())
        .collect()
}

#[test]
fn progress_makes_a_stream_of_the_answer_and_the_reply_ends_it() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    assert_eq!(bench.ask(connection, &post(WITH_TOKEN)), "");
    let job = bench.next_submitted();
    bench.pass(Duration::from_secs(2));
    let id = bench.say_again(job, Duration::from_millis(10));
    let first = String::from_utf8(bench.receive(connection)).unwrap();
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{first}");
    assert!(first.contains("Content-Type: text/event-stream\r\n"));
    let said = events(&first);
    assert_eq!(said.len(), 1, "{first}");
    assert!(
        said[0].contains(r#""method":"notifications/progress","params":{"progressToken":"t","progress":2"#)
    );
    bench.pass(Duration::from_millis(10));
    let again = bench.next_submitted();
    assert_eq!(again.id, id);
    bench.complete_with(id, r#"{"content":[]}"#);
    let last = String::from_utf8(bench.receive(connection)).unwrap();
    let whole = format!("\r\n\r\n{last}");
    assert_eq!(
        events(&whole),
        [r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#]
    );
    assert!(last.ends_with("0\r\n\r\n"), "{last}");
    let ping = r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#;
    assert_eq!(
        status(&bench.ask(connection, &post(ping))),
        "200",
        "the connection goes on"
    );
}

#[test]
fn a_client_that_takes_no_stream_gets_one_answer() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    let lines = "Content-Type: application/json\r\nAccept: application/json\r\n";
    bench.send(connection, http("POST /mcp", lines, WITH_TOKEN).as_bytes());
    let job = bench.next_submitted();
    bench.pass(Duration::from_secs(2));
    let id = bench.say_again(job, Duration::from_millis(10));
    assert_eq!(bench.receive(connection), b"");
    bench.pass(Duration::from_millis(10));
    bench.next_submitted();
    bench.complete_with(id, r#"{"content":[]}"#);
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    assert!(answer.contains("Content-Type: application/json\r\n"), "{answer}");
}

#[test]
fn progress_grows_and_is_told_once_a_second() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, post(WITH_TOKEN).as_bytes());
    let mut told = Vec::new();
    for _ in 0..40 {
        let job = bench.next_submitted();
        bench.say_again(job, Duration::from_millis(100));
        bench.pass(Duration::from_millis(100));
        let text = String::from_utf8(bench.receive(connection)).unwrap();
        let progress = text
            .split("\"progress\":")
            .nth(1)
            .and_then(|rest| rest.split(',').next());
        told.extend(progress.map(|number| number.parse::<f64>().unwrap()));
    }
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.is_sorted_by(|one, other| one < other), "{told:?}");
}

/// What has been said of progress: how much, and in which words.
fn progress_of(text: &str) -> Vec<(f64, String)> {
    let messages = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let parsed = messages.filter_map(|message| serde_json::from_str::<serde_json::Value>(message).ok());
    parsed
        .filter(|message| message["method"] == "notifications/progress")
        .map(|message| {
            let params = &message["params"];
            let words = params["message"].as_str().unwrap();
            (params["progress"].as_f64().unwrap(), words.to_owned())
        })
        .collect()
}

#[test]
fn a_new_stage_is_told_at_once_and_the_same_one_is_not() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, post(WITH_TOKEN).as_bytes());
    let fetching = |rows| Progress::Fetching { rows, total: None };
    for progress in [Progress::Running, Progress::Running, fetching(10), fetching(20)] {
        let mut job = bench.next_submitted();
        job.reached.stage = Stage::Poll;
        let (id, after) = (job.id, Duration::from_millis(100));
        bench.complete(id, Outcome::Again { job, after, progress });
        bench.pass(after);
    }
    let text = String::from_utf8(bench.receive(connection)).unwrap();
    let told = progress_of(&text);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].1.contains("running") && told[0].0 < told[1].0, "{told:?}");
    assert_eq!(told[1].1, "fetching, 10 rows so far");
}

#[test]
fn a_step_that_says_nothing_for_long_is_told_all_the_same() {
    let mut bench = Bench::with_limits(Limits {
        workers: 1,
        ..Limits::default()
    });
    let (first, second) = (bench.connect(), bench.connect());
    bench.send(first, post(WITH_TOKEN).as_bytes());
    bench.send(second, post(WITH_TOKEN).as_bytes());
    let job = bench.next_submitted();
    let (mut first_told, mut second_told) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        bench.pass(Duration::from_secs(1));
        for (connection, told) in [(first, &mut first_told), (second, &mut second_told)] {
            let text = String::from_utf8(bench.receive(connection)).unwrap();
            told.extend(progress_of(&text));
        }
    }
    for told in [&first_told, &second_told] {
        assert!((3..=4).contains(&told.len()), "{told:?}");
        assert!(told.is_sorted_by(|one, other| one.0 < other.0), "{told:?}");
    }
    assert!(
        first_told[0].1.starts_with("the database works on it, "),
        "{first_told:?}"
    );
    assert!(
        second_told[0].1.starts_with("waits for its turn, "),
        "{second_told:?}"
    );
    bench.complete_with(job.id, r#"{"content":[]}"#);
    let answer = String::from_utf8(bench.receive(first)).unwrap();
    assert!(answer.contains(r#""result":{"content":[]}"#), "{answer}");
}

#[test]
fn on_lines_a_long_step_is_told_too() {
    let mut bench = Bench::new();
    let line = bench.server.accept(bench.now, Peer::Stdio).unwrap();
    bench.send(line, format!("{WITH_TOKEN}\n").as_bytes());
    bench.next_submitted();
    bench.pass(Duration::from_secs(10));
    let told = String::from_utf8(bench.receive(line)).unwrap();
    assert!(told.contains("the database works on it, 10 s"), "{told}");
}

#[test]
fn a_silent_call_becomes_a_stream_with_comments() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    let job = bench.next_submitted();
    for _ in 0..5 {
        bench.pass(Duration::from_secs(5));
    }
    let text = String::from_utf8(bench.receive(connection)).unwrap();
    assert!(
        text.contains("text/event-stream") && text.ends_with("3\r\n:\n\n\r\n"),
        "{text}"
    );
    bench.complete_with(job.id, r#"{"content":[]}"#);
    let last = String::from_utf8(bench.receive(connection)).unwrap();
    assert!(last.contains(r#"data: {"jsonrpc":"2.0","id":1,"#) && last.ends_with("0\r\n\r\n"));
    bench.pass(Duration::from_secs(60));
    assert!(
        bench.server.timers() <= 1,
        "only the connection's own deadline is left"
    );
}

#[test]
fn the_end_of_a_streams_reader_cancels_its_call() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, post(WITH_TOKEN).as_bytes());
    let job = bench.next_submitted();
    bench.pass(Duration::from_secs(2));
    bench.say_again(job, Duration::from_secs(1));
    bench.receive(connection);
    bench.handle(Input::Ended { connection });
    assert_eq!(bench.cancels.len(), 1);
    let last = String::from_utf8(bench.receive(connection)).unwrap();
    assert!(
        last.contains("the connection was closed before the answer"),
        "{last}"
    );
    assert!(
        last.ends_with("0\r\n\r\n"),
        "whoever still reads sees the end: {last}"
    );
    assert_eq!(bench.closed, [connection]);
}

#[test]
fn a_reader_that_takes_nothing_is_cut_off_and_its_call_cancelled() {
    let limits = Limits {
        stream_outbox_bytes_max: 1_000,
        ..Limits::default()
    };
    let mut bench = Bench::with_limits(limits);
    let connection = bench.connect();
    bench.send(connection, post(WITH_TOKEN).as_bytes());
    for _ in 0..20 {
        if !bench.closed.is_empty() {
            break;
        }
        let job = bench.next_submitted();
        bench.pass(Duration::from_millis(1_001));
        bench.say_again(job, Duration::from_millis(10));
        // Polls of slow steps come further apart than they were asked to.
        bench.pass(Duration::from_secs(1));
    }
    assert_eq!(bench.closed, [connection]);
    assert_eq!(bench.server.metrics().value(Metric::StreamsCut), 1);
    assert_eq!(bench.cancels.len() + bench.interrupted.len(), 1);
}

#[test]
fn a_websocket_hears_progress_as_messages() {
    let mut bench = Bench::new();
    let connection = messages::open(&mut bench);
    messages::say(&mut bench, connection, WITH_TOKEN);
    let job = bench.next_submitted();
    bench.pass(Duration::from_secs(2));
    let id = bench.say_again(job, Duration::from_millis(10));
    let text = String::from_utf8_lossy(&bench.receive(connection)).into_owned();
    assert!(text.contains(r#""method":"notifications/progress""#), "{text}");
    bench.pass(Duration::from_millis(10));
    bench.next_submitted();
    bench.complete_with(id, r#"{"content":[]}"#);
    let text = String::from_utf8_lossy(&bench.receive(connection)).into_owned();
    assert!(text.contains(r#""result":{"content":[]}"#), "{text}");
}
