//! What all connections and calls hold together: who is refused, with which words, and that nothing stays counted.

use super::*;
use crate::server::Metric;

const MIB: usize = 1 << 20;

/// A server that may hold little.
fn bench(bytes_buffered_max: usize, replies_bytes_max: usize) -> Bench {
    Bench::with_limits(Limits {
        bytes_buffered_max,
        replies_bytes_max,
        ..Limits::default()
    })
}

impl Bench {
    /// Holds the sums against their parts and against the bounds.
    fn check(&self) {
        let sums = (self.server.bytes_buffered(), self.server.replies_bytes());
        assert_eq!(sums, self.server.recount(), "the sums are those of their parts");
    }

    fn is_at_zero(&self) -> bool {
        (self.server.bytes_buffered(), self.server.replies_bytes()) == (0, 0)
    }

    fn complete_with_bytes(&mut self, job: JobId, bytes: usize) {
        self.complete_with(job, &format!("\"{}\"", "x".repeat(bytes - 2)));
    }

    fn upgrade(&mut self) -> ConnectionId {
        let connection = self.connect();
        let lines = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let answer = self.ask(connection, &http("GET /mcp", lines, ""));
        assert_eq!(status(&answer), "101");
        connection
    }
}

/// The head of a post of so many bytes, and the first `sent` of them.
fn half_post(announced: usize, sent: usize) -> Vec<u8> {
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {announced}\r\n\r\n"
    );
    [head.as_bytes(), &vec![b' '; sent]].concat()
}

/// The head of a frame that begins a text of so many bytes, not masked by a mask of zeros, and the first `sent` of them.
fn half_frame(announced: u64, sent: usize) -> Vec<u8> {
    let head = [&[0x81, 0xff][..], &announced.to_be_bytes(), &[0; 4]].concat();
    [&head[..], &vec![b' '; sent]].concat()
}

#[test]
fn half_received_bodies_are_bounded_together_and_small_requests_go_on() {
    let mut bench = bench(4 * MIB, 64 * MIB);
    let mut refused = Vec::new();
    for _ in 0..8 {
        let connection = bench.connect();
        bench.send(connection, &half_post(3 * MIB, MIB - 4_000));
        bench.check();
        assert!(bench.server.bytes_buffered() <= 4 * MIB);
        let answer = String::from_utf8(bench.receive(connection)).expect("text");
        if !answer.is_empty() {
            refused.push(answer);
        }
    }
    assert_eq!(
        refused.len(),
        5,
        "of 1 MiB each, and the last eighth is for small ones"
    );
    for answer in refused {
        assert_eq!(status(&answer), "503");
        assert!(answer.contains("\r\nRetry-After: 5\r\n"), "{answer}");
        assert!(body(&answer).contains("hold 4194304 bytes, as many as they may (bytes_buffered_max)"));
    }
    let padded = format!("{}{}", call(1), " ".repeat(50_000));
    let connection = bench.connect();
    bench.send(connection, post(&padded).as_bytes());
    let job = bench.next_submitted();
    bench.complete_with(job.id, "{}");
    assert_eq!(
        status(&String::from_utf8(bench.receive(connection)).expect("text")),
        "200"
    );
    assert_eq!(bench.server.metrics().value(Metric::RequestsNotKept), 5);
    bench.pass(Duration::from_secs(120));
    bench.pass(Duration::from_secs(120));
    assert!(bench.is_at_zero(), "all were cut off");
}

#[test]
fn what_fits_into_the_first_buffer_borrows_nothing() {
    let mut bench = bench(8 << 10, 64 * MIB);
    let big = bench.connect();
    bench.send(big, &half_post(MIB, 7_000));
    assert!(bench.server.bytes_buffered() > 0 && bench.server.bytes_buffered() <= 8 << 10);
    for _ in 0..50 {
        let small = bench.connect();
        bench.send(small, &half_post(3_900, 3_000));
        bench.check();
        assert_eq!(bench.receive(small), b"");
    }
    assert_eq!(bench.server.metrics().value(Metric::RequestsNotKept), 0);
}

#[test]
fn a_half_received_message_is_closed_with_1013_when_memory_is_short() {
    let mut bench = bench(4 * MIB, 64 * MIB);
    let sockets = [bench.upgrade(), bench.upgrade(), bench.upgrade()];
    for socket in sockets {
        bench.send(socket, &half_frame(3 << 20, MIB * 3 / 2));
        bench.check();
    }
    let told: Vec<Vec<u8>> = sockets.iter().map(|socket| bench.receive(*socket)).collect();
    assert_eq!((&told[0][..], told[1].len()), (&b""[..], told[2].len()));
    assert_eq!(&told[1][2..4], &1013_u16.to_be_bytes());
    assert!(String::from_utf8_lossy(&told[1]).contains("bytes_buffered_max is 4194304"));
    bench.handle(Input::Broken {
        connection: sockets[0],
    });
    assert!(bench.is_at_zero(), "who was turned away holds nothing");
}

#[test]
fn statements_of_calls_in_flight_count_until_the_calls_are_over() {
    // The request, and the copy of its statement that the call keeps.
    let mut bench = bench(MIB * 3 / 2, 64 * MIB);
    let long = call(1).replace("select 1", &format!("select '{}'", "x".repeat(500_000)));
    let connection = bench.connect();
    bench.send(connection, post(&long).as_bytes());
    bench.check();
    assert!(
        bench.server.bytes_buffered() > 490_000,
        "{}",
        bench.server.bytes_buffered()
    );
    let answer = bench.request("POST /mcp", "Content-Type: application/json\r\n", &long);
    assert!(
        answer.contains("bytes of requests and statements are held") && answer.contains(r#""isError":true"#),
        "{answer}"
    );
    assert!(bench.ask(connection, "").is_empty());
    let short = bench.connect();
    bench.send(short, post_call(2).as_bytes());
    assert_eq!(bench.submitted.len(), 2, "a short one goes on");
    while let Some(job) = bench.submitted.pop_front() {
        bench.complete_with(job.id, "{}");
    }
    bench.check();
    assert!(bench.is_at_zero());
}

#[test]
fn a_result_that_cannot_be_kept_is_replaced_by_an_error_and_no_call_is_lost() {
    let mut bench = bench(64 * MIB, 16 * MIB);
    let connections: Vec<_> = (0..6).map(|_| bench.connect()).collect();
    for connection in &connections {
        bench.send(*connection, post_call(1).as_bytes());
    }
    while let Some(job) = bench.submitted.pop_front() {
        bench.complete_with_bytes(job.id, 4 * MIB);
        bench.check();
        assert!(bench.server.replies_bytes() <= 16 * MIB);
    }
    let answers: Vec<String> = connections
        .iter()
        .map(|connection| String::from_utf8(bench.receive(*connection)).expect("text"))
        .collect();
    let kept = answers.iter().filter(|answer| answer.len() > 4 * MIB).count();
    let replaced = answers
        .iter()
        .filter(|answer| answer.contains("the result could not be kept, the server is short of memory"));
    assert_eq!(
        (kept, replaced.count()),
        (3, 3),
        "seven eighths of 16 MiB are three of 4 MiB"
    );
    assert_eq!(bench.server.metrics().value(Metric::ResultsNotKept), 3);
    assert!(bench.is_at_zero());
}

#[test]
fn while_replies_are_short_of_memory_calls_are_refused_and_health_is_told() {
    let mut bench = bench(64 * MIB, MIB);
    let reader = bench.connect();
    bench.send(reader, format!("{}{}", post_call(1), post_call(2)).as_bytes());
    let (first, second) = (bench.next_submitted(), bench.next_submitted());
    bench.complete_with_bytes(first.id, MIB * 7 / 8 - 10_000);
    bench.complete_with_bytes(second.id, 13_000);
    assert!(bench.server.replies_bytes() <= MIB * 7 / 8, "one was not kept");
    // A list of tools is long, and brings the sum over the mark.
    let socket = bench.upgrade();
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let frame = [&[0x81, 0x80 | list.len() as u8, 0, 0, 0, 0][..], list.as_bytes()].concat();
    while bench.server.replies_bytes() <= MIB * 7 / 8 {
        bench.send(socket, &frame);
        bench.check();
    }
    let answer = bench.request("POST /mcp", "Content-Type: application/json\r\n", &call(3));
    assert!(
        answer.contains("bytes of replies wait for clients to take them"),
        "{answer}"
    );
    let answer = bench.request("POST /mcp", "Content-Type: application/json\r\n", list);
    assert_eq!(status(&answer), "503");
    assert!(answer.contains("\r\nRetry-After: 5\r\n") && answer.contains("MCP_MAX_REPLIES_SIZE"));
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let answer = bench.request("POST /mcp", "Content-Type: application/json\r\n", ping);
    assert!(answer.ends_with(r#""result":{}}"#), "{answer}");
    assert_eq!(status(&bench.request("GET /health", "", "")), "200");
    assert!(
        bench.server.room(socket).is_empty(),
        "who takes nothing is not read from"
    );
    bench.receive(socket);
    bench.receive(reader);
    assert!(bench.is_at_zero());
    assert_eq!(
        status(&bench.request("POST /mcp", "Content-Type: application/json\r\n", list)),
        "200"
    );
}

#[test]
fn rows_that_calls_carry_count_and_a_call_that_carries_too_many_ends_with_an_error() {
    let mut bench = bench(64 * MIB, 16 * MIB);
    let connections: Vec<_> = (0..4).map(|_| bench.connect()).collect();
    for connection in &connections {
        bench.send(*connection, post_call(1).as_bytes());
    }
    for _ in 0..4 {
        let mut job = bench.next_submitted();
        job.reached.row_bytes = 4 * MIB;
        bench.say_again(job, Duration::from_secs(60));
        bench.check();
    }
    assert_eq!(bench.server.replies_bytes(), 12 * MIB);
    let answer = String::from_utf8(bench.receive(connections[3])).expect("text");
    assert!(answer.contains("the result could not be kept"), "{answer}");
    assert_eq!(bench.cancels.len(), 1, "and its statement is cancelled");
    for connection in connections {
        bench.handle(Input::Broken { connection });
        bench.check();
    }
    assert!(bench.is_at_zero());
}

#[test]
fn a_peer_that_asks_on_and_takes_nothing_is_closed_before_the_sum_exceeds_its_bound() {
    let mut bench = bench(64 * MIB, 64 << 10);
    let socket = bench.upgrade();
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let frame = [&[0x81, 0x80 | ping.len() as u8, 0, 0, 0, 0][..], ping.as_bytes()].concat();
    for _ in 0..10_000 {
        bench.send(socket, &frame);
        bench.check();
        assert!(bench.server.replies_bytes() <= 64 << 10);
    }
    assert!(bench.closed.is_empty(), "it is not read from any more");
}
