//! What a connection costs in memory, counted by the allocator: bytes held while idle, allocations while it talks.
//!
//! One test function, because the counter is the process's. It drives [`Server`] as a world does, without sockets;
//! what the driver and the machine's world keep for a socket beside it is in [`DRIVER_BYTES`].

#![allow(clippy::print_stdout, reason = "the figures are worth reading")]

use std::alloc::System;
use std::io::IoSlice;
use std::time::Duration;

use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::ident::ConnectionId;
use snowflake_mcp::mcp::{Keys, Service};
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
        let settings = Settings::default();
        let tools = tools::Settings::new(&settings.limits, Policy::default());
        let keys = Keys::random(&mut SeededEntropy::new(1));
        let service = Service::new(&settings.limits, tools, keys);
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
}
