//! What a connection costs in memory, counted by the allocator: bytes held while idle, allocations while it talks, and
//! that nobody holds more than [`Limits::memory_bytes_max`] adds up.
//!
//! One test function, because the counter is the process's. It drives [`Server`] as a world does, without sockets;
//! what the driver and the machine's world keep for a socket beside it is in [`DRIVER_BYTES`].

#![allow(clippy::print_stdout, reason = "the figures are worth reading")]

use std::alloc::System;
use std::io::IoSlice;
use std::time::Duration;

use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::ident::ConnectionId;
use snowflake_mcp::limits::{CONNECTION_BYTES_MAX, JOB_BYTES_MAX, Limits};
use snowflake_mcp::mcp::Service;
use snowflake_mcp::server::{Input, Peer, Server, Settings};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::{Instant, Now, WallTime};
use snowflake_mcp::tools;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTER: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A power of two, so that no table has grown further than it is used.
const CONNECTIONS: usize = 1_024;
/// Of an idle connection, the server's part and the driver's.
const IDLE_HTTP_BYTES_MAX: usize = 1_024;
const IDLE_WEBSOCKET_BYTES_MAX: usize = 2_048;
/// `Socket` and `SocketKey` in the driver, `Stream` in the world, in tables that may be half empty.
const DRIVER_BYTES: usize = 2 * (40 + 12 + 24);
const ROUNDS: usize = 1_000;

struct World {
    server: Server,
    now: Now,
}

impl World {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let settings = Settings {
            limits,
            ..Settings::default()
        };
        let tools = tools::Settings::new(&settings.limits, Policy::default());
        let service = Service::new(&settings.limits, tools);
        Self {
            server: Server::new(settings, service, Box::new(SeededEntropy::new(1))),
            now: Now {
                monotonic: Instant::from_micros(5_000_000),
                wall: WallTime::from_micros(1_795_341_600_000_000),
            },
        }
    }

    fn connect(&mut self) -> ConnectionId {
        let id = self.server.accept(self.now, Peer::Tcp).expect("there is room");
        // As the driver does: the first read of a fresh socket finds nothing.
        assert!(!self.server.room(id).is_empty());
        id
    }

    /// Sends as much of `bytes` as is taken.
    fn send(&mut self, connection: ConnectionId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.server.room(connection);
            let count = room.len().min(bytes.len());
            if count == 0 {
                return;
            }
            room[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            self.server
                .handle(self.now, Input::Received { connection, count });
            // Steps are given to workers that never end.
            while let Some(output) = self.server.poll_output() {
                std::mem::forget(output);
            }
        }
    }

    /// One request and its answer, of which `expected` is the end.
    fn ask(&mut self, connection: ConnectionId, request: &[u8], expected: &[u8]) {
        let Self { server, now } = self;
        server.room(connection)[..request.len()].copy_from_slice(request);
        let count = request.len();
        server.handle(*now, Input::Received { connection, count });
        while server.poll_output().is_some() {}
        let mut slices = [IoSlice::new(&[]); 4];
        assert_eq!(server.pending(connection, &mut slices), 1, "one short answer");
        assert!(slices[0].ends_with(expected), "another answer was expected");
        let count = slices[0].len();
        server.handle(*now, Input::Sent { connection, count });
        // The driver asks again until the socket has nothing more.
        assert!(!server.room(connection).is_empty());
    }

    /// Lets the time pass after which a connection is at rest, but not so much that it is closed.
    fn rest(&mut self) {
        self.now.monotonic = self.now.monotonic + Duration::from_secs(3);
        self.server.handle_timeout(self.now);
    }
}

fn http_ping() -> Vec<u8> {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{PING}",
        PING.len()
    )
    .into_bytes()
}

fn websocket_ping() -> Vec<u8> {
    let length = u8::try_from(PING.len()).expect("it is short");
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(PING.as_bytes());
    frame
}

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const PONG: &[u8] = br#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
const UPGRADE: &[u8] =
    b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Bytes that each of many connections holds after it talked once and rested.
fn idle_bytes(handshake: Option<&[u8]>, request: &[u8], pong: &[u8]) -> usize {
    let mut world = World::new();
    let region = Region::new(COUNTER);
    for _ in 0..CONNECTIONS {
        let connection = world.connect();
        if let Some(handshake) = handshake {
            world.ask(connection, handshake, b"\r\n\r\n");
        }
        world.ask(connection, request, pong);
    }
    world.rest();
    assert_eq!(world.server.connections(), CONNECTIONS);
    let change = region.change();
    (change.bytes_allocated - change.bytes_deallocated) / CONNECTIONS
}

/// Allocations of so many requests, once the first few have warmed up.
fn steady_allocations(handshake: Option<&[u8]>, request: &[u8], pong: &[u8]) -> usize {
    let mut world = World::new();
    let connections: Vec<ConnectionId> = (0..8).map(|_| world.connect()).collect();
    for connection in &connections {
        if let Some(handshake) = handshake {
            world.ask(*connection, handshake, b"\r\n\r\n");
        }
        world.ask(*connection, request, pong);
    }
    let region = Region::new(COUNTER);
    for round in 0..ROUNDS {
        world.ask(connections[round % connections.len()], request, pong);
    }
    let change = region.change();
    change.allocations + change.reallocations
}

/// Holds what many connections hold, which all send `bytes`, against what [`Limits::memory_bytes_max`] is made of.
fn hold_against_the_sum(name: &str, handshake: Option<&[u8]>, bytes: &[u8]) {
    let limits = Limits {
        bytes_buffered_max: 4 << 20,
        replies_bytes_max: 4 << 20,
        jobs_max: HOLDERS,
        ..Limits::default()
    };
    let region = Region::new(COUNTER);
    let mut world = World::with(limits.clone());
    for _ in 0..HOLDERS {
        let connection = world.connect();
        if let Some(handshake) = handshake {
            world.ask(connection, handshake, b"\r\n\r\n");
        }
        world.send(connection, bytes);
    }
    let change = region.change();
    let held = change.bytes_allocated - change.bytes_deallocated;
    let (buffered, replies) = (world.server.bytes_buffered(), world.server.replies_bytes());
    assert!(buffered <= limits.bytes_buffered_max && replies <= limits.replies_bytes_max);
    let (connections, jobs) = (world.server.connections(), world.server.jobs());
    let own = held.saturating_sub(buffered + replies);
    println!(
        "{name}: {connections} connections and {jobs} calls hold {held} bytes, {buffered} and {replies} are counted"
    );
    let most = connections * CONNECTION_BYTES_MAX + jobs * JOB_BYTES_MAX + EMPTY_SERVER_BYTES_MAX;
    assert!(
        own <= most,
        "{name}: {own} bytes beside the leases, {most} are allowed for"
    );
    assert!(held <= limits.memory_bytes_max());
}

/// A post of which `body` is sent and more is announced.
fn half_post(fields: usize, body: usize) -> Vec<u8> {
    let fields = "X: y\r\n".repeat(fields);
    let announced = (4 << 20) - 1;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{fields}Content-Length: {announced}\r\n\r\n"
    );
    [head.as_bytes(), &vec![b' '; body]].concat()
}

/// A frame that begins a text and announces 4 MiB, of which `sent` are sent.
fn half_frame(sent: usize) -> Vec<u8> {
    let announced = (4_u64 << 20) - 1;
    let head = [&[0x01, 0xff][..], &announced.to_be_bytes(), &[0; 4]].concat();
    [&head[..], &vec![b' '; sent]].concat()
}

fn post_call(statement_bytes: usize) -> Vec<u8> {
    let statement = format!("select '{}'", "x".repeat(statement_bytes));
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"execute_query","arguments":{{"query":"{statement}"}}}}}}"#
    );
    let length = call.len();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{call}"
    )
    .into_bytes()
}

fn nobody_holds_more_than_is_added_up() {
    let masked = |bytes: &[u8]| [&[0x81, 0x80 | bytes.len() as u8, 0, 0, 0, 0][..], bytes].concat();
    let list = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let pings = http_ping().repeat(200);
    let metrics = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (name, handshake, bytes) in [
        (
            "heads",
            None,
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: y".to_vec(),
        ),
        ("many fields", None, half_post(60, 3_000)),
        ("half bodies", None, half_post(0, 3_800)),
        ("large half bodies", None, half_post(0, 100_000)),
        ("half messages", Some(UPGRADE), half_frame(1_900)),
        ("large half messages", Some(UPGRADE), half_frame(100_000)),
        ("pongs that nobody takes", None, pings),
        ("metrics that nobody takes", None, metrics.repeat(100)),
        ("lists that nobody takes", Some(UPGRADE), masked(list).repeat(100)),
        ("calls", None, post_call(3_500)),
        ("pipelined calls", None, post_call(3_500).repeat(32)),
        ("long calls", None, post_call(100_000)),
    ] {
        hold_against_the_sum(name, handshake, &bytes);
    }
}

/// Fewer than above, because they do more.
const HOLDERS: usize = 256;
/// What a server without connections has: the catalogue and replies that are encoded once, spare buffers.
const EMPTY_SERVER_BYTES_MAX: usize = 1 << 20;

#[test]
fn idle_connections_are_small_and_pings_allocate_nothing() {
    let (http, frame) = (http_ping(), websocket_ping());

    let idle = idle_bytes(None, &http, PONG) + DRIVER_BYTES;
    println!("idle HTTP connection: {idle} bytes");
    assert!(
        idle <= IDLE_HTTP_BYTES_MAX,
        "an idle HTTP connection is {idle} bytes"
    );

    let idle = idle_bytes(Some(UPGRADE), &frame, PONG) + DRIVER_BYTES;
    println!("idle WebSocket: {idle} bytes");
    assert!(
        idle <= IDLE_WEBSOCKET_BYTES_MAX,
        "an idle WebSocket is {idle} bytes"
    );

    let allocations = steady_allocations(None, &http, PONG);
    assert_eq!(allocations, 0, "{ROUNDS} HTTP pings");

    let allocations = steady_allocations(Some(UPGRADE), &frame, PONG);
    assert_eq!(allocations, 0, "{ROUNDS} WebSocket pings");

    nobody_holds_more_than_is_added_up();
}
