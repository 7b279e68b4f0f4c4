//! Clients that ask for large results as streams of events and read nothing of them: the stream of a request, the stream
//! that a client of a session comes back to, and the one of HTTP+SSE.
//!
//! The engine has one place for long statements. While a blocker holds it, calls wait and hear of it, which makes streams
//! of their answers before there is a result.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustix::net::sockopt::set_socket_recv_buffer_size;

use super::attacker::{post, query, response};
use super::victim::{GIVES_BACK, Victim, connect, metric, until};

const MIB: usize = 1 << 20;
const CLIENTS: usize = 4;
/// One result; more of it waits in the server than its socket takes in.
const RESULT: usize = 7_500_000;
/// Two relations: the engine takes it for one that may be long.
const LARGE: &str = "select repeat('x', 7500000) as big from snowflake_sample_data.tpch_sf1.region a, snowflake_sample_data.tpch_sf1.region b limit 1";
const LONG: &str = "select count(*) from snowflake_sample_data.tpch_sf1.lineitem a, snowflake_sample_data.tpch_sf1.lineitem b, snowflake_sample_data.tpch_sf1.lineitem c where a.l_comment || b.l_comment || c.l_comment = ''";
/// Three workers, each with the rows of a result, its encoding and a copy on its way.
const IN_HAND: usize = 3 * 4 * 8 * MIB;

/// One place for long statements, results of 8 MiB, and so many seconds in which who reads must take something.
fn victim(seconds: u32) -> Victim {
    let mut victim = Victim::start_after(&format!(
        "export {GIVES_BACK} SNOWFLAKE_POOL_MAX_SIZE=3 MCP_MAX_RESULT_SIZE=8 MCP_WRITE_TIMEOUT={seconds}"
    ));
    // The tables are made, and a large result was on its way.
    for statement in [
        LARGE,
        "select count(*) from snowflake_sample_data.tpch_sf1.lineitem",
    ] {
        let mut first = connect(victim.address);
        first.write_all(query(statement).as_bytes()).expect("it reads");
        assert!(response(&mut first).0.starts_with("HTTP/1.1 200 "));
    }
    victim.is_used_to_it();
    victim
}

/// A connection whose own system takes nearly nothing in.
fn narrow(address: SocketAddr) -> TcpStream {
    let stream = connect(address);
    set_socket_recv_buffer_size(&stream, 4 << 10).expect("an option of every socket");
    stream
}

/// Takes the engine's place for long statements, until it is dropped.
fn blocker(victim: &Victim) -> TcpStream {
    let mut stream = connect(victim.address);
    stream.write_all(query(LONG).as_bytes()).expect("it reads");
    until(|| victim.calls() == 1).expect("it is taken in");
    // Only a statement works while nobody asks anything, and it works only in its place.
    let before = victim.processor_ticks();
    until(|| victim.processor_ticks() > before + 10).expect("it runs");
    stream
}

/// Long cells are whole in the structured form, and in text as JSON; both together would be more than a result may be.
fn call(id: u32, format: &str, more: &str) -> String {
    let arguments = serde_json::json!({ "query": LARGE, "format": format });
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"execute_query","arguments":{arguments}{more}}}}}"#
    )
}

/// The head of a stream and what comes with it, up to the first text that ends so.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut said = Vec::new();
    while !said.ends_with(end.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it goes on");
        said.push(byte[0]);
    }
    String::from_utf8(said).expect("text")
}

fn with_lines(request: &str, lines: &str) -> String {
    request.replacen("\r\n", &format!("\r\n{lines}"), 1)
}

/// Lets the calls of these clients end and sees what is held for them, then how they are cut off for `reason`.
fn is_cut_off(victim: &Victim, clients: Vec<TcpStream>, blocker: TcpStream, reason: &str) {
    let cut = format!("snowflake_mcp_connections_closed_total{{reason=\"{reason}\"}}");
    victim.attacked(|| {
        drop(blocker);
        // Or have waited already, if we were held up.
        until(|| metric(victim, "snowflake_mcp_replies_bytes") > RESULT / 8 || metric(victim, &cut) > 0)
            .expect("results wait for readers");
        until(|| {
            let held = metric(victim, "snowflake_mcp_replies_bytes");
            assert!(
                held <= CLIENTS * 2 * (RESULT + MIB),
                "{held} bytes wait for readers"
            );
            metric(victim, &cut) >= CLIENTS
        })
        .unwrap_or_else(|| panic!("not cut off: {}", victim.ask("/metrics").1));
    });
    let grown = victim.growth_bytes();
    assert!(grown < CLIENTS * 2 * 8 * MIB + IN_HAND, "{grown} bytes");
    drop(clients);
    until(|| metric(victim, "snowflake_mcp_replies_bytes") == 0).expect("all is given back");
    until(|| victim.calls() == 0).expect("nothing runs on");
}

#[test]
fn request_streams_that_nobody_reads_are_held_within_their_bound_and_cut_off() {
    let victim = victim(2);
    let blocker = blocker(&victim);
    let meta = r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"p"}"#;
    let lines = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: execute_query\r\n";
    let request = with_lines(&post(&call(1, "markdown", meta)), lines);
    let clients: Vec<TcpStream> = (0..CLIENTS)
        .map(|_| {
            let mut client = narrow(victim.address);
            client.write_all(request.as_bytes()).expect("it reads");
            let said = read_until(&mut client, "waits for its turn");
            assert!(said.contains("text/event-stream"), "{said}");
            client
        })
        .collect();
    is_cut_off(&victim, clients, blocker, "write_timeout");
    victim.calms_down(KEPT);
}

#[test]
fn streams_that_a_session_comes_back_to_and_does_not_read_are_cut_off() {
    let victim = victim(2);
    let blocker = blocker(&victim);
    let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| come_back(victim.address)).collect();
    is_cut_off(&victim, clients, blocker, "write_timeout");
    // What sessions keep for clients that come back once more is theirs until it is too old.
    victim.calms_down(KEPT + CLIENTS * RESULT);
}

/// Begins a call in a session of its own, loses the connection, and asks for the rest on another.
fn come_back(address: SocketAddr) -> TcpStream {
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
    let mut first = connect(address);
    first.write_all(post(initialize).as_bytes()).expect("it reads");
    let (head, _) = response(&mut first);
    let session = head
        .lines()
        .find_map(|line| line.strip_prefix("Mcp-Session-Id: "))
        .expect("a session begins");
    let lines = format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n");
    let request = with_lines(
        &post(&call(1, "markdown", r#","_meta":{"progressToken":"p"}"#)),
        &lines,
    );
    let mut lost = connect(address);
    lost.write_all(request.as_bytes()).expect("it reads");
    let said = read_until(&mut lost, "waits for its turn");
    let id = said.lines().find_map(|line| line.strip_prefix("id: "));
    let id = id.expect("its events have ids").to_owned();
    drop(lost);
    let mut back = narrow(address);
    let lines = format!("{lines}Accept: text/event-stream\r\nLast-Event-ID: {id}\r\n");
    let get = format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    back.write_all(get.as_bytes()).expect("it reads");
    let said = read_until(&mut back, "\r\n\r\n");
    assert!(said.contains("text/event-stream"), "{said}");
    back
}

#[test]
fn channels_of_http_and_sse_that_nobody_reads_are_cut_off_with_the_second_large_result() {
    // Long enough that time is not what ends them.
    let victim = victim(60);
    let blocker = blocker(&victim);
    let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| open_channel(victim.address)).collect();
    until(|| victim.calls() == 1 + 2 * CLIENTS as u64).expect("all calls are taken in");
    is_cut_off(&victim, clients, blocker, "stream_too_slow");
    assert!(metric(&victim, "snowflake_mcp_streams_cut_total") >= CLIENTS);
    victim.calms_down(KEPT);
}

/// Opens a channel and posts two calls for it.
fn open_channel(address: SocketAddr) -> TcpStream {
    let mut channel = narrow(address);
    channel
        .write_all(b"GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        .expect("it reads");
    read_until(&mut channel, "data: ");
    let endpoint = read_until(&mut channel, "\n").trim_end().to_owned();
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
    let mut poster = connect(address);
    for message in [initialize.to_owned(), call(1, "json", ""), call(2, "json", "")] {
        let request = post(&message).replacen("/mcp", &endpoint, 1);
        poster.write_all(request.as_bytes()).expect("it reads");
        let (head, _) = response(&mut poster);
        assert!(head.starts_with("HTTP/1.1 202 "), "{head}");
    }
    channel
}

/// What stays of it in small pieces; half of one result.
const KEPT: usize = 4 * MIB;
