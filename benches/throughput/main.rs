//! How much the server carries: a load generator of our own and the table of the README.
//!
//! `cargo bench --bench throughput` starts the release binary with the embedded engine in a process of its own and
//! measures it over loopback; `-- NAME…` runs only the scenarios whose names contain one of the words, `--seconds N`
//! sets the time of each (2). The figure to compare is the server's CPU time an answer: a busy neighbour spares it.

#![allow(clippy::print_stdout, missing_docs, reason = "a table for people")]

mod client;
mod histogram;
mod limit;
#[cfg(feature = "demo")]
mod principals;
mod probe;
mod server;
#[cfg(feature = "demo")]
mod turns;

use std::time::Duration;

use client::{Load, Protocol, Requests};
use limit::Limit;
use probe::Probe;
use server::Server;

/// What is measured.
struct Scenario {
    name: &'static str,
    protocol: Protocol,
    path: &'static str,
    body: Option<&'static str>,
    connections: usize,
    depth: usize,
    /// Opens, asks once and closes, again and again.
    reconnects: bool,
    /// Workers of the server, where it is not to choose by itself.
    workers: Option<&'static str>,
}

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_query","arguments":{"query":"select 1"}}}"#;

const fn http(name: &'static str, body: &'static str, connections: usize) -> Scenario {
    Scenario {
        name,
        protocol: Protocol::Http,
        path: "/mcp",
        body: Some(body),
        connections,
        depth: 1,
        reconnects: false,
        workers: None,
    }
}

/// Calls, for so many workers.
const fn calls(name: &'static str, workers: &'static str) -> Scenario {
    Scenario {
        workers: Some(workers),
        ..http(name, CALL, 50)
    }
}

const fn websocket(name: &'static str, body: &'static str, connections: usize) -> Scenario {
    Scenario {
        protocol: Protocol::WebSocket,
        ..http(name, body, connections)
    }
}

const SCENARIOS: &[Scenario] = &[
    http("http ping, 1 connection", PING, 1),
    http("http ping, 50 connections", PING, 50),
    http("http ping, 500 connections", PING, 500),
    http("http ping, 2,000 connections", PING, 2_000),
    http("http ping, 10,000 connections", PING, 10_000),
    http("http tools/list, 50 connections", LIST, 50),
    http("http tools/call select 1, 50 connections", CALL, 50),
    calls("http tools/call select 1, 50 connections, 1 worker", "1"),
    calls("http tools/call select 1, 50 connections, 2 workers", "2"),
    calls("http tools/call select 1, 50 connections, 4 workers", "4"),
    calls("http tools/call select 1, 50 connections, 16 workers", "16"),
    Scenario {
        body: None,
        path: "/health",
        depth: 16,
        ..http("http /health, pipelined 16 deep, 50 connections", PING, 50)
    },
    websocket("websocket ping, 50 connections", PING, 50),
    websocket("websocket ping, 500 connections", PING, 500),
    websocket("websocket ping, 5,000 connections", PING, 5_000),
    websocket("websocket tools/call select 1, 50 connections", CALL, 50),
    Scenario {
        reconnects: true,
        ..http("connect, ask, close, 16 at a time", PING, 16)
    },
];

fn main() {
    let mut words = Vec::new();
    let mut seconds = 2;
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        if argument == "--seconds" {
            seconds = arguments
                .next()
                .and_then(|text| text.parse().ok())
                .expect("--seconds N");
        } else {
            words.push(argument);
        }
    }
    let is_wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    println!("| scenario | answers/s | CPU µs an answer (user) | p50 ms | p99 ms |\n|---|---|---|---|---|");
    for scenario in SCENARIOS.iter().filter(|scenario| is_wanted(scenario.name)) {
        run(scenario, Duration::from_secs(seconds));
    }
    if is_wanted(AGAINST_LIMIT) {
        list_against_limit(Duration::from_secs(seconds));
    }
    for (name, protocol) in [
        ("idle http", Protocol::Http),
        ("idle websocket", Protocol::WebSocket),
    ] {
        if is_wanted(name) {
            idle(name, protocol, 10_000);
        }
    }
    if is_wanted("crowd") {
        crowd();
    }
    if is_wanted(UNDER_LOAD) {
        calls_under_load(Duration::from_secs(seconds));
    }
    #[cfg(feature = "demo")]
    if is_wanted(principals::NAME) {
        principals::run(CALL, Duration::from_secs(seconds.max(5)));
    }
    #[cfg(feature = "demo")]
    for (protocol, connections) in [
        (Protocol::Http, 1),
        (Protocol::Http, 8),
        (Protocol::WebSocket, 1),
        (Protocol::WebSocket, 8),
    ] {
        if is_wanted(LARGE_RESULTS) {
            large_results(protocol, connections, Duration::from_secs(seconds));
        }
    }
}

fn requests(server: &Server, scenario: &Scenario) -> Requests {
    Requests::new(
        server.address(),
        scenario.protocol,
        scenario.path,
        scenario.body,
        scenario.reconnects,
    )
}

fn run(scenario: &Scenario, time: Duration) {
    let server = match scenario.workers {
        Some(workers) => Server::start_with(&["--workers", workers]),
        None => Server::start(),
    };
    let mut load = Load::new(
        server.address(),
        requests(&server, scenario),
        scenario.connections,
        scenario.depth,
    );
    load.run(time / 4);
    let before = server.cpu();
    let measured = load.run(time);
    let cpu = server.cpu().since(before);
    let answers = measured.answered.max(1) as f64;
    println!(
        "| {} | {:.0} | {:.1} ({:.1}) | {:.2} | {:.2} |",
        scenario.name,
        answers / measured.elapsed.as_secs_f64(),
        cpu.total.as_secs_f64() * 1e6 / answers,
        cpu.user.as_secs_f64() * 1e6 / answers,
        measured.latency.percentile(50.0).as_secs_f64() * 1e3,
        measured.latency.percentile(99.0).as_secs_f64() * 1e3,
    );
    assert_eq!(
        measured.wrong, 0,
        "wrong answers in {}: {}",
        scenario.name, measured.first_wrong
    );
}

const AGAINST_LIMIT: &str = "http tools/list against a limit that sends the same bytes";

/// What a long answer costs beyond its bytes: the server and a thread that only sends the same ones, in turns.
fn list_against_limit(time: Duration) {
    const CONNECTIONS: usize = 50;
    const ROUNDS: u32 = 4;
    let server = Server::start();
    let ask = |address| Requests::new(address, Protocol::Http, "/mcp", Some(LIST), false);
    let answer = Load::first_answer(server.address(), &ask(server.address()));
    let bytes = answer.len();
    let limit = Limit::start(answer);
    let mut loads =
        [server.address(), limit.address()].map(|address| Load::new(address, ask(address), CONNECTIONS, 1));
    let cpu = |of_limit: bool| if of_limit { limit.cpu() } else { server.cpu().total };
    let (mut spent, mut answers) = ([Duration::ZERO; 2], [0; 2]);
    for round in 0..=ROUNDS {
        for (index, load) in loads.iter_mut().enumerate() {
            let before = cpu(index == 1);
            let measured = load.run(time / ROUNDS);
            assert_eq!(measured.wrong, 0, "{}", measured.first_wrong);
            // The first round warms up.
            if round > 0 {
                spent[index] += cpu(index == 1) - before;
                answers[index] += measured.answered;
            }
        }
    }
    let [own, least] = [0, 1].map(|index| spent[index].as_secs_f64() * 1e6 / answers[index].max(1) as f64);
    println!(
        "| {AGAINST_LIMIT} ({bytes}) | | {own:.1}, limit {least:.1}: {:.2} | | |",
        own / least
    );
}

/// Memory of connections that had one answer each and then say nothing.
fn idle(name: &str, protocol: Protocol, connections: usize) {
    let server = Server::start();
    let requests = Requests::new(server.address(), protocol, "/mcp", Some(PING), false);
    let mut first = Load::new(server.address(), requests.clone(), 10, 1);
    first.run_once();
    let before = server.resident_bytes();
    let mut load = Load::new(server.address(), requests, connections, 1);
    load.run_once();
    // The server takes its buffers back after two seconds of silence.
    load.stay_idle(Duration::from_secs(4));
    let each = server.resident_bytes().saturating_sub(before) / connections as u64;
    println!("| {name}, {connections} connections | {each} bytes each | | | |");
}

/// Ten thousand idle WebSockets, five hundred busy ones, and a health probe among them.
fn crowd() {
    let server = Server::start();
    let ping = Requests::new(server.address(), Protocol::WebSocket, "/mcp", Some(PING), false);
    let mut idle = Load::new(server.address(), ping, 10_000, 1);
    idle.run_once();
    let call = Requests::new(server.address(), Protocol::WebSocket, "/mcp", Some(CALL), false);
    let mut busy = Load::new(server.address(), call, 500, 1);
    let probe = Requests::new(server.address(), Protocol::Http, "/health", None, false);
    let mut probe = Load::new(server.address(), probe, 1, 1);
    let (calls, probes) = Load::run_both(&mut busy, &mut probe, Duration::from_secs(5));
    assert_eq!(idle.open_connections(), 10_000, "an idle connection was closed");
    assert_eq!(
        (calls.wrong, probes.wrong),
        (0, 0),
        "{} {}",
        calls.first_wrong,
        probes.first_wrong
    );
    println!(
        "| crowd: 10,000 idle and 500 calling WebSockets | {:.0} | | /health p50 {:.2} | p99 {:.2}, max {:.2} |",
        calls.answered as f64 / calls.elapsed.as_secs_f64(),
        probes.latency.percentile(50.0).as_secs_f64() * 1e3,
        probes.latency.percentile(99.0).as_secs_f64() * 1e3,
        probes.latency.percentile(100.0).as_secs_f64() * 1e3,
    );
}

const UNDER_LOAD: &str = "calls under load, /health p99";

/// Two hundred connections that call at full speed, and a probe beside them.
fn calls_under_load(time: Duration) {
    let server = Server::start();
    let call = Requests::new(server.address(), Protocol::Http, "/mcp", Some(CALL), false);
    let mut load = Load::new(server.address(), call, 200, 1);
    load.run(time / 4);
    let probe = Probe::start(server.address());
    let before = server.cpu();
    let calls = load.run(time);
    let cpu = server.cpu().since(before);
    let health = probe.finish();
    assert_eq!(calls.wrong, 0, "{}", calls.first_wrong);
    let answers = calls.answered.max(1) as f64;
    println!(
        "| {UNDER_LOAD}: 200 connections | {:.0} | {:.1} ({:.1}) | /health {:.2} | /health {:.2}, max {:.2} |",
        answers / calls.elapsed.as_secs_f64(),
        cpu.total.as_secs_f64() * 1e6 / answers,
        cpu.user.as_secs_f64() * 1e6 / answers,
        health.percentile(50.0).as_secs_f64() * 1e3,
        health.percentile(99.0).as_secs_f64() * 1e3,
        health.percentile(100.0).as_secs_f64() * 1e3,
    );
}

#[cfg(feature = "demo")]
const LARGE_RESULTS: &str = "large results, longest turn";

/// Connections that read results of 100,000 rows, and what the reactor spends in one turn meanwhile.
#[cfg(feature = "demo")]
fn large_results(protocol: Protocol, connections: usize, time: Duration) {
    const ROWS: u64 = 100_000;
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"execute_query","arguments":{{"query":"select l.* from lineitem l, region","limit":{ROWS}}}}}}}"#
    );
    let server = turns::TimedServer::start(snowflake_mcp::limits::Limits {
        rows_max: ROWS,
        result_bytes_max: 64 << 20,
        // All of them wait to be read at once.
        replies_bytes_max: 512 << 20,
        ..snowflake_mcp::limits::Limits::default()
    });
    let requests = Requests::new(server.address(), protocol, "/mcp", Some(&body), false)
        .expecting("Showing 100000 rows");
    let mut load = Load::new(server.address(), requests, connections, 1);
    let measured = load.run(time);
    drop(load);
    let turns = server.finish();
    assert_eq!(measured.wrong, 0, "another answer than {ROWS} rows");
    let name = if protocol == Protocol::Http {
        "HTTP"
    } else {
        "WebSocket"
    };
    println!(
        "| {LARGE_RESULTS}: {connections} {name} connections | {:.1} | turn: p99 {:.3} ms, longest {:.3} ms | {:.0} | {:.0} |",
        measured.answered as f64 / measured.elapsed.as_secs_f64(),
        turns.percentile(99.0).as_secs_f64() * 1e3,
        turns.percentile(100.0).as_secs_f64() * 1e3,
        measured.latency.percentile(50.0).as_secs_f64() * 1e3,
        measured.latency.percentile(99.0).as_secs_f64() * 1e3,
    );
}
