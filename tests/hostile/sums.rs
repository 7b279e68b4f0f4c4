//! Many at once: what all connections together may hold, and how many may be open.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use super::attacker::{TEXT, announced, post, read_to_end, websocket};
use super::victim::{Victim, connect, metric, until};

const MIB: usize = 1 << 20;

fn small_call_is_answered(victim: &Victim) {
    let mut stream = connect(victim.address);
    let ping = post(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    stream
        .write_all(ping.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())
        .expect("it reads");
    let answer = String::from_utf8(read_to_end(&mut stream)).expect("text");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn half_received_requests_of_all_clients_together_stay_within_their_sum() {
    const CLIENTS: usize = 100;
    const SUM: usize = 4 * MIB;
    let victim = Victim::start_after("export MCP_MAX_REQUEST_SIZE=1 MCP_MAX_BUFFERED_SIZE=4");
    let whole = post(&" ".repeat(MIB));
    let half = &whole.as_bytes()[..whole.len() - MIB / 8];
    let mut streams: Vec<TcpStream> = Vec::new();
    victim.attacked(|| {
        for client in 0..CLIENTS {
            let mut stream = if client % 2 == 0 {
                connect(victim.address)
            } else {
                let mut socket = websocket(victim.address);
                socket.write_all(&announced(TEXT, MIB as u64)).expect("it reads");
                socket
            };
            // Who is turned away need not be able to write all of it.
            let _ = stream.write_all(half);
            streams.push(stream);
            if client % 10 == 0 {
                small_call_is_answered(&victim);
            }
        }
        until(|| metric(&victim, "snowflake_mcp_requests_not_kept_total") >= CLIENTS - 8)
            .expect("most are refused");
        assert!(metric(&victim, "snowflake_mcp_bytes_buffered") <= SUM);
    });
    let grown = victim.growth_bytes();
    assert!(grown < SUM + 4 * MIB, "{grown} bytes");
    let mut refused = String::new();
    for stream in &mut streams {
        // Who was turned away long ago is not connected any more.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let told = read_to_end(stream);
        if told.starts_with(b"HTTP/1.1 503 ") {
            refused = String::from_utf8(told).expect("text");
        }
    }
    assert!(
        refused.contains("\r\nRetry-After: 5\r\n") && refused.contains("bytes_buffered_max"),
        "{refused}"
    );
    drop(streams);
    until(|| metric(&victim, "snowflake_mcp_bytes_buffered") == 0).expect("all is given back");
    victim.calms_down(8 * MIB);
}

#[test]
fn replies_that_nobody_takes_stay_within_their_sum_and_no_call_is_left_without_an_answer() {
    const CLIENTS: usize = 6;
    const EACH: usize = 14;
    const SUM: usize = 8 * MIB;
    /// What is beside the replies: small pieces. Less than the replies, so that it would be noticed if they were held twice.
    const BESIDE: usize = 2 * MIB;
    // The embedded engine would not do: it keeps rows of statements that took a second, which some machines let them take.
    let mut victim = Victim::stand_in(&format!("result={MIB} replies={SUM} write=600000"));
    // As JSON a long cell is whole in the text too.
    let call = post(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_query","arguments":{"query":"select 'give 900000'","format":"json"}}}"#,
    );
    let last = call.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    // Code and workers were used.
    let mut first = connect(victim.address);
    first
        .write_all((call.repeat(15) + &last).as_bytes())
        .expect("it reads");
    assert!(
        read_to_end(&mut first).len() > 8 * MIB,
        "one result is about a mebibyte"
    );
    victim.is_used_to_it();
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(victim.address)).collect();
    for client in &mut clients {
        client
            .write_all((call.repeat(EACH - 1) + &last).as_bytes())
            .expect("it reads");
    }
    until(|| metric(&victim, "snowflake_mcp_requests_active") == 0).expect("all calls end");
    let held = metric(&victim, "snowflake_mcp_replies_bytes");
    assert!(held > SUM / 2 && held <= SUM, "{held} bytes");
    // What was not kept is given back by a thread of its own.
    until(|| victim.growth_bytes() < held + BESIDE)
        .unwrap_or_else(|| panic!("{} bytes, {held} of them replies", victim.growth_bytes()));
    small_call_is_answered(&victim);
    let answers: usize = thread::scope(|scope| {
        let readers: Vec<_> = clients
            .iter_mut()
            .map(|client| {
                scope.spawn(move || {
                    let mut text = Vec::new();
                    client.read_to_end(&mut text).expect("it answers and closes");
                    String::from_utf8_lossy(&text)
                        .matches("HTTP/1.1 200 OK\r\n")
                        .count()
                })
            })
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().expect("no failure"))
            .sum()
    });
    assert_eq!(
        answers,
        CLIENTS * EACH,
        "with rows, or with the reason why there are none"
    );
    let unkept = metric(&victim, "snowflake_mcp_results_not_kept_total")
        + metric(&victim, "snowflake_mcp_calls_refused_total");
    assert!(unkept > 0, "some could not be kept");
    assert_eq!(metric(&victim, "snowflake_mcp_replies_bytes"), 0);
    drop(clients);
    victim.calms_down(BESIDE);
}

#[test]
fn one_connection_too_many_is_answered_503_and_the_next_one_finds_a_place() {
    const PLACES: usize = 8;
    let victim = Victim::start_after(&format!("export MCP_MAX_CONNECTIONS={PLACES}"));
    let ask = |stream: &mut TcpStream| {
        let request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
        // It may have been turned away before it asked.
        let _ = stream.write_all(request);
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("it answers");
        answer
    };
    let mut open: Vec<TcpStream> = Vec::new();
    // The connections of those who watch are gone soon, not at once.
    until(|| {
        let mut stream = connect(victim.address);
        let has_place = &ask(&mut stream) == b"HTTP/1.1 200";
        open.extend(has_place.then_some(stream));
        open.len() == PLACES
    })
    .expect("there are so many places");
    for _ in 0..200 {
        let mut one_too_many = connect(victim.address);
        let _ = one_too_many.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = String::from_utf8(read_to_end(&mut one_too_many)).expect("text");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer:?}");
        for line in ["\r\nRetry-After: 5\r\n", "\r\nConnection: close\r\n"] {
            assert!(answer.contains(line), "{answer}");
        }
        assert!(
            answer.contains("8 connections are open, as many as may be"),
            "{answer}"
        );
    }
    drop(open.pop());
    until(|| &ask(&mut connect(victim.address)) == b"HTTP/1.1 200").expect("there is a place");
    drop(open);
    until(|| victim.ask("/metrics").0 == 200).expect("there are places");
    let refused = metric(&victim, "snowflake_mcp_connections_refused_total");
    assert!(refused >= 200, "{refused}");
    victim.calms_down(4 * MIB);
}
