//! What a connection costs in memory, counted by the allocator: bytes held while idle, allocations while it talks, and
//! that nobody holds more than the limits add up (`sum`).
//!
//! One test function, because the counter is the process's. It drives [`Server`](snowflake_mcp::server::Server) as a
//! world does, without sockets; what the driver and the machine's world keep for a socket beside it is in
//! [`DRIVER_BYTES`].

#![allow(clippy::print_stdout, reason = "the figures are worth reading")]

#[path = "../../benches/instructions/src/messages.rs"]
mod messages;
mod sum;
#[path = "../../benches/instructions/src/world.rs"]
#[allow(dead_code, reason = "shared with benches/instructions")]
mod world;

use std::alloc::System;
use std::time::Duration;

use messages::{CALL, HEALTH, LIST, PING, PONG};
use snowflake_mcp::backend::job::Rendered;
use snowflake_mcp::backend::{Completion, Outcome};
use snowflake_mcp::ident::ConnectionId;
use snowflake_mcp::server::Input;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use world::World;

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

/// What is counted: how many allocations one walk makes, once the first few have warmed up. A number that has become
/// smaller is written down here, one that has become larger is explained first.
const STEADY: [Steady; 8] = [
    steady("HTTP ping", 0, http_ping),
    // The message without its mask: cheaper than the buffer of a context for each connection.
    steady("WebSocket ping", 1, websocket_ping),
    // The list itself is shared. The brace behind it goes into a buffer of its own.
    steady("tools/list", 1, tools_list),
    // The document is made once a second, and no second passes here.
    steady("GET /health", 0, health),
    // Two are for `list_queries`: the beginning of the text and the query id, which outlive the call. One says how the rows
    // are read should the call become a task.
    // The job, what the worker needs to render, how long it is waited for, the tag of its statements, who waits, places
    // in the tables and in its caller's turns; and the reply itself.
    steady("tools/call", 20, tools_call),
    steady("tools/call over WebSocket", 21, websocket_tools_call),
    // An outbox, because a timer takes no spare one, and the inbox that was lent last and freed with the rest.
    steady("an idle WebSocket's ping", 3, websocket_keepalive),
    steady("a turn in which nothing is due", 0, idle_turn),
];

struct Steady {
    name: &'static str,
    allocations: usize,
    ready: fn() -> Box<dyn FnMut()>,
}

const fn steady(name: &'static str, allocations: usize, ready: fn() -> Box<dyn FnMut()>) -> Steady {
    Steady {
        name,
        allocations,
        ready,
    }
}

#[test]
fn idle_connections_are_small_and_what_they_do_allocates_as_often_as_written_here() {
    let idle = idle_bytes(World::connect, &messages::post(PING, "")) + DRIVER_BYTES;
    println!("idle HTTP connection: {idle} bytes");
    assert!(
        idle <= IDLE_HTTP_BYTES_MAX,
        "an idle HTTP connection is {idle} bytes"
    );

    let idle = idle_bytes(World::connect_websocket, &messages::frame(PING)) + DRIVER_BYTES;
    println!("idle WebSocket: {idle} bytes");
    assert!(
        idle <= IDLE_WEBSOCKET_BYTES_MAX,
        "an idle WebSocket is {idle} bytes"
    );

    let counted = STEADY.map(|steady| (steady.name, allocations(steady.ready)));
    println!("{counted:#?}");
    let expected = STEADY.map(|steady| (steady.name, steady.allocations * ROUNDS));
    assert_eq!(counted, expected, "allocations of {ROUNDS} each");

    sum::nobody_holds_more_than_is_added_up();
}

/// Bytes that each of many connections holds after it talked once and rested.
fn idle_bytes(connect: fn(&mut World) -> ConnectionId, ping: &[u8]) -> usize {
    let mut world = World::new();
    let region = Region::new(COUNTER);
    for _ in 0..CONNECTIONS {
        let connection = connect(&mut world);
        world.ask(connection, ping, PONG);
    }
    world.pass(REST);
    assert_eq!(world.server.connections(), CONNECTIONS);
    let change = region.change();
    (change.bytes_allocated - change.bytes_deallocated) / CONNECTIONS
}

/// Allocations of so many walks, of which some came before.
fn allocations(ready: fn() -> Box<dyn FnMut()>) -> usize {
    let mut walk = ready();
    for _ in 0..WARM_UP {
        walk();
    }
    let region = Region::new(COUNTER);
    for _ in 0..ROUNDS {
        walk();
    }
    let change = region.change();
    change.allocations + change.reallocations
}

const WARM_UP: usize = 64;

/// After so much silence a connection has given its memory back, and is not closed yet.
const REST: Duration = Duration::from_secs(3);

/// Eight connections that ask in turns, so that buffers go from hand to hand.
fn asking(connect: fn(&mut World) -> ConnectionId, request: Vec<u8>, end: &'static [u8]) -> Box<dyn FnMut()> {
    let mut world = World::new();
    let connections: Vec<ConnectionId> = (0..8).map(|_| connect(&mut world)).collect();
    let mut turn = 0;
    Box::new(move || {
        turn += 1;
        world.ask(connections[turn % connections.len()], &request, end);
    })
}

fn http_ping() -> Box<dyn FnMut()> {
    asking(World::connect, messages::post(PING, ""), PONG)
}

fn websocket_ping() -> Box<dyn FnMut()> {
    asking(World::connect_websocket, messages::frame(PING), PONG)
}

fn tools_list() -> Box<dyn FnMut()> {
    asking(World::connect, messages::post(LIST, ""), b"}")
}

fn health() -> Box<dyn FnMut()> {
    asking(World::connect, HEALTH.to_vec(), b"}")
}

/// A call whose worker has nothing to do. One of the allocations is the reply, which a worker makes.
fn calling(mut world: World, connection: ConnectionId, request: Vec<u8>) -> Box<dyn FnMut()> {
    Box::new(move || {
        world.receive(connection, &request);
        let job = world.take_submitted();
        let rendered = Rendered {
            result: REPLY.to_vec(),
            rows: 1,
            truncated: false,
            query_id: None,
            kept: None,
        };
        world.handle(Input::Completed(Completion {
            job: job.id,
            outcome: Outcome::Done(Ok(rendered)),
        }));
        world.take(connection, b"}}");
    })
}

fn tools_call() -> Box<dyn FnMut()> {
    let mut world = World::new();
    let connection = world.connect();
    calling(world, connection, messages::post(CALL, ""))
}

fn websocket_tools_call() -> Box<dyn FnMut()> {
    let mut world = World::new();
    let connection = world.connect_websocket();
    calling(world, connection, messages::frame(CALL))
}

/// What an idle WebSocket allocates every half minute: it has given its memory back in between.
fn websocket_keepalive() -> Box<dyn FnMut()> {
    let mut world = World::new();
    let connection = world.connect_websocket();
    world.pass(REST);
    let pong = messages::pong_frame();
    Box::new(move || {
        world.pass(Duration::from_secs(30));
        world.take(connection, b"");
        world.receive(connection, &pong);
        world.pass(REST);
    })
}

fn idle_turn() -> Box<dyn FnMut()> {
    let mut world = World::new();
    for _ in 0..CONNECTIONS {
        let connection = world.connect();
        world.ask(connection, &messages::post(PING, ""), PONG);
    }
    world.pass(REST);
    Box::new(move || world.pass(Duration::from_micros(1)))
}

const REPLY: &[u8] = br#"{"content":[{"type":"text","text":"1"}],"isError":false}"#;
