//! Every way in which a call ends before its statement: each of them reaches the account, and the log names the statement.

use std::cell::RefCell;
use std::io::IoSlice;
use std::sync::Once;
use std::time::Duration;

use serde_json::{Value, json};
use snowflake_mcp::backend::{CancelToken, Completion, Job};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::ident::ConnectionId;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::Service;
use snowflake_mcp::server::{Exit, Input, Output, Peer, Server, Settings};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::Clock;
use snowflake_mcp::token::Keys;
use snowflake_mcp::tools;
use snowflake_mcp::workers::step_once;

use super::Scene;
use super::stopping::{ENDLESS, endless};
use crate::server::On;

/// A server before the scripted account, in a world that runs each step at once.
struct World {
    scene: Scene,
    server: Server,
    exit: Option<Exit>,
}

impl World {
    fn new() -> Self {
        let limits = Limits {
            stream_outbox_bytes_max: 2_000,
            ..Limits::default()
        };
        let keys = Keys::random(&mut SeededEntropy::new(3));
        let service = Service::new(&limits, tools::Settings::new(&limits, Policy::default()), keys);
        let settings = Settings {
            engine: "snowflake",
            has_own_ids: false,
            limits,
            ..Settings::default()
        };
        Self {
            scene: endless(),
            server: Server::new(settings, service, Box::new(SeededEntropy::new(4))),
            exit: None,
        }
    }

    fn connect(&mut self, peer: Peer) -> ConnectionId {
        let now = self.scene.clock.now();
        self.server.accept(now, peer).expect("there is room")
    }

    fn handle(&mut self, input: Input) {
        self.server.handle(self.scene.clock.now(), input);
        self.work();
    }

    fn send(&mut self, connection: ConnectionId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.server.room(connection);
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            self.handle(Input::Received { connection, count });
        }
    }

    /// Takes what waits to be written.
    fn receive(&mut self, connection: ConnectionId) -> String {
        let mut all = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let pieces = self.server.pending(connection, &mut slices);
            let bytes: Vec<u8> = slices[..pieces].iter().flat_map(|slice| slice.to_vec()).collect();
            if bytes.is_empty() {
                return String::from_utf8_lossy(&all).into_owned();
            }
            let count = bytes.len();
            all.extend(bytes);
            self.handle(Input::Sent { connection, count });
        }
    }

    fn ask(&mut self, connection: ConnectionId, bytes: &[u8]) -> String {
        self.send(connection, bytes);
        self.receive(connection)
    }

    /// Posts a message on a connection of its own, which stays.
    fn post(&mut self, lines: &str, message: &Value) -> (ConnectionId, String) {
        let connection = self.connect(Peer::Tcp);
        let answer = self.ask(
            connection,
            http("POST /mcp", lines, &message.to_string()).as_bytes(),
        );
        (connection, answer)
    }

    /// Time passes second by second, and `reader` takes what comes.
    fn pass(&mut self, seconds: u32, reader: Option<ConnectionId>) -> String {
        let mut taken = String::new();
        for _ in 0..seconds {
            self.scene.clock.advance(Duration::from_secs(1));
            self.server.handle_timeout(self.scene.clock.now());
            self.work();
            taken.extend(reader.map(|connection| self.receive(connection)));
        }
        taken
    }

    /// Runs what the server gives out, a step at a time.
    fn work(&mut self) {
        while let Some(output) = self.server.poll_output() {
            let token = CancelToken::new();
            match output {
                Output::Submit(job) => self.step(*job, &token),
                Output::SubmitCancel(job) => {
                    token.cancel();
                    self.step(*job, &token);
                }
                Output::Exit(exit) => self.exit = Some(exit),
                _ => {}
            }
        }
    }

    fn step(&mut self, job: Job, token: &CancelToken) {
        let id = job.id;
        let outcome = step_once(&self.scene.snowflake, job, token, &self.scene.clock);
        let completion = Completion { job: id, outcome };
        self.server
            .handle(self.scene.clock.now(), Input::Completed(completion));
    }

    /// The header lines of a legacy session.
    fn session(&mut self) -> String {
        let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"},
        }});
        let (_, answer) = self.post(LINES, &message);
        let id = answer
            .lines()
            .find_map(|line| line.strip_prefix("Mcp-Session-Id: "))
            .expect("a session");
        format!("{LINES}Mcp-Session-Id: {id}\r\n")
    }

    fn socket(&mut self) -> ConnectionId {
        let connection = self.connect(Peer::Tcp);
        let lines = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let answer = self.ask(connection, http("GET /mcp", lines, "").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        connection
    }
}

const LINES: &str = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";

fn http(start: &str, lines: &str, body: &str) -> String {
    let length = body.len();
    format!("{start} HTTP/1.1\r\nHost: localhost\r\n{lines}Content-Length: {length}\r\n\r\n{body}")
}

/// A masked text frame (RFC 6455 section 5.2), with a mask that changes nothing.
fn frame(message: &Value) -> Vec<u8> {
    let text = message.to_string();
    let length = u16::try_from(text.len()).expect("a short message");
    let mut bytes = vec![0x81];
    match u8::try_from(length) {
        Ok(short) if short < 126 => bytes.push(0x80 | short),
        _ => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// A call of the statement that never ends.
fn call() -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
        "name": "execute_query", "arguments": {"query": ENDLESS},
    }})
}

/// The same, which hears of its progress.
fn heard() -> Value {
    let mut call = call();
    call["params"]["_meta"] = json!({"progressToken": "p"});
    call
}

/// The same in the modern form, of a client with these capabilities.
fn modern(mut message: Value, capabilities: &Value) -> Value {
    message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities.clone();
    message
}

fn modern_lines(method: &str, name: &str) -> String {
    format!("{LINES}MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\nMcp-Name: {name}\r\n")
}

fn taken_back() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}})
}

/// A way for a call to end. It is made and ended; time passes for its statement to begin.
type Way = fn(&mut World);

/// Time for a statement to be sent and to be asked after.
const BEGIN: u32 = 2;

fn taken_back_in_a_session(world: &mut World) {
    let lines = world.session();
    world.post(&lines, &call());
    world.pass(BEGIN, None);
    let (_, answer) = world.post(&lines, &taken_back());
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
}

fn taken_back_on_a_websocket(world: &mut World) {
    let socket = world.socket();
    world.send(socket, &frame(&call()));
    world.pass(BEGIN, None);
    world.send(socket, &frame(&taken_back()));
}

fn a_closed_modern_request(world: &mut World) {
    let message = modern(call(), &json!({}));
    let (connection, _) = world.post(&modern_lines("tools/call", "execute_query"), &message);
    world.pass(BEGIN, None);
    world.handle(Input::Ended { connection });
}

fn a_closed_modern_stream(world: &mut World) {
    let message = modern(heard(), &json!({}));
    let (connection, _) = world.post(&modern_lines("tools/call", "execute_query"), &message);
    let text = world.pass(BEGIN, Some(connection));
    assert!(text.contains("notifications/progress"), "{text}");
    world.handle(Input::Ended { connection });
}

fn a_legacy_stream_to_which_nobody_comes_back(world: &mut World) {
    let lines = world.session();
    let (connection, _) = world.post(&lines, &heard());
    world.pass(BEGIN, Some(connection));
    world.handle(Input::Broken { connection });
    world.pass(25, None);
    assert_eq!(world.scene.server.left_running().len(), 1, "it may be resumed");
    world.pass(10, None);
}

fn the_end_of_a_session(world: &mut World) {
    let lines = world.session();
    world.post(&lines, &heard());
    world.pass(BEGIN, None);
    let connection = world.connect(Peer::Tcp);
    let answer = world.ask(connection, http("DELETE /mcp", &lines, "").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
}

fn a_reader_that_takes_nothing(world: &mut World) {
    let message = modern(heard(), &json!({}));
    world.post(&modern_lines("tools/call", "execute_query"), &message);
    world.pass(30, None);
}

fn a_closed_websocket(world: &mut World) {
    let connection = world.socket();
    world.send(connection, &frame(&call()));
    world.pass(BEGIN, None);
    world.handle(Input::Ended { connection });
}

fn a_closed_stream_of_http_and_sse(world: &mut World) {
    let connection = world.connect(Peer::Tcp);
    let lines = "Accept: text/event-stream\r\n";
    let begun = world.ask(connection, http("GET /sse", lines, "").as_bytes());
    let endpoint = begun.lines().find_map(|line| line.strip_prefix("data: "));
    let start = format!("POST {}", endpoint.expect("an endpoint"));
    let poster = world.connect(Peer::Tcp);
    let answer = world.ask(poster, http(&start, LINES, &call().to_string()).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    world.pass(BEGIN, None);
    world.handle(Input::Ended { connection });
}

fn the_end_of_standard_input(world: &mut World) {
    let connection = world.connect(Peer::Stdio);
    world.send(connection, format!("{}\n", call()).as_bytes());
    world.pass(BEGIN, None);
    world.handle(Input::Ended { connection });
    assert!(world.exit.is_none(), "it may still be answered");
    world.pass(31, Some(connection));
    assert_eq!(world.exit, Some(Exit { calls_cut: 1 }));
}

fn a_shutdown(world: &mut World) {
    let (connection, _) = world.post(LINES, &call());
    world.pass(BEGIN, None);
    world.handle(Input::Shutdown);
    let text = world.pass(31, Some(connection));
    assert!(text.contains("the server shut down"), "{text}");
}

fn a_deadline(world: &mut World) {
    let mut call = call();
    call["params"]["arguments"]["timeout_seconds"] = 10.into();
    let (connection, _) = world.post(LINES, &call);
    let text = world.pass(40, Some(connection));
    assert!(text.contains("did not end within 10 s"), "{text}");
}

fn a_cancel_of_its_task(world: &mut World) {
    let capabilities = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    let message = modern(call(), &capabilities);
    let (connection, _) = world.post(&modern_lines("tools/call", "execute_query"), &message);
    let text = world.pass(5, Some(connection));
    let id = text
        .split("\"taskId\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let id = id.expect("a task");
    let cancel = json!({"jsonrpc": "2.0", "id": 8, "method": "tasks/cancel", "params": {"taskId": id}});
    world.post(&modern_lines("tasks/cancel", id), &modern(cancel, &capabilities));
}

const WAYS: [(&str, Way); 13] = [
    ("notifications/cancelled in a session", taken_back_in_a_session),
    (
        "notifications/cancelled on a WebSocket",
        taken_back_on_a_websocket,
    ),
    ("a closed modern request", a_closed_modern_request),
    ("a closed modern stream", a_closed_modern_stream),
    (
        "the end of a resume window",
        a_legacy_stream_to_which_nobody_comes_back,
    ),
    ("DELETE of the session", the_end_of_a_session),
    ("a reader that is too slow", a_reader_that_takes_nothing),
    ("a closed WebSocket", a_closed_websocket),
    ("a closed stream of HTTP+SSE", a_closed_stream_of_http_and_sse),
    ("the end of standard input", the_end_of_standard_input),
    ("shutdown", a_shutdown),
    ("a deadline", a_deadline),
    ("tasks/cancel", a_cancel_of_its_task),
];

#[test]
fn every_end_of_a_call_reaches_its_statement_and_the_log_names_it() {
    listen();
    for (name, way) in WAYS {
        let mut world = World::new();
        LINES_SAID.with_borrow_mut(Vec::clear);
        way(&mut world);
        world.pass(1, None);
        let seen = world.scene.server.seen();
        let cancels: Vec<_> = seen.iter().filter(|seen| seen.on == On::Cancel).collect();
        assert_eq!(cancels.len(), 1, "{name}");
        let handle = cancels[0].target.split('/').nth(4).expect("a handle");
        assert_eq!(world.scene.server.executions(ENDLESS), 1, "{name}");
        assert_eq!(world.scene.server.left_running(), [] as [&str; 0], "{name}");
        let lines = LINES_SAID.take();
        let told = lines.iter().find(|line| line.contains(handle));
        assert!(told.is_some(), "{name}: {lines:?}");
        assert_eq!(world.server.jobs(), 0, "{name}");
    }
}

thread_local! {
    /// What was logged in this thread, where the server is.
    static LINES_SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Hears what is logged for people who run a server: nothing below `info`.
struct Heard;

impl log::Log for Heard {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES_SAID.with_borrow_mut(|lines| lines.push(record.args().to_string()));
    }

    fn flush(&self) {}
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Heard).expect("nobody else listens in these tests");
        log::set_max_level(log::LevelFilter::Info);
    });
}
