//! That nobody holds more than [`Limits::memory_bytes_max`] adds up, whatever many clients send.

use snowflake_mcp::ident::ConnectionId;
use snowflake_mcp::limits::{CONNECTION_BYTES_MAX, JOB_BYTES_MAX, Limits};
use snowflake_mcp::server::Input;
use stats_alloc::Region;

use crate::COUNTER;
use crate::messages::{self, CALL, LIST, PING};
use crate::world::World;

/// How a client begins.
type Connect = fn(&mut World) -> ConnectionId;

/// Every way to make the server keep something, each by many clients at once.
pub(crate) fn nobody_holds_more_than_is_added_up() {
    let (http, socket): (Connect, Connect) = (World::connect, World::connect_websocket);
    let pings = messages::post(PING, "").repeat(200);
    let metrics = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (name, connect, bytes) in [
        (
            "heads",
            http,
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: y".to_vec(),
        ),
        ("many fields", http, half_post(60, 3_000)),
        ("half bodies", http, half_post(0, 3_800)),
        ("large half bodies", http, half_post(0, 100_000)),
        ("half messages", socket, half_frame(1_900)),
        ("large half messages", socket, half_frame(100_000)),
        ("pongs that nobody takes", http, pings),
        ("metrics that nobody takes", http, metrics.repeat(100)),
        (
            "lists that nobody takes",
            socket,
            messages::frame(LIST).repeat(100),
        ),
        ("calls", http, post_call(3_500)),
        ("pipelined calls", http, post_call(3_500).repeat(32)),
        ("long calls", http, post_call(100_000)),
    ] {
        hold_against_the_sum(name, connect, &bytes);
    }
}

/// Holds what many connections hold, which all send `bytes`, against what [`Limits::memory_bytes_max`] is made of.
fn hold_against_the_sum(name: &str, connect: Connect, bytes: &[u8]) {
    let limits = Limits {
        bytes_buffered_max: 4 << 20,
        replies_bytes_max: 4 << 20,
        jobs_max: HOLDERS,
        ..Limits::default()
    };
    let region = Region::new(COUNTER);
    let mut world = World::with(limits.clone());
    for _ in 0..HOLDERS {
        let connection = connect(&mut world);
        send(&mut world, connection, bytes);
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

/// Sends as much of `bytes` as is taken.
fn send(world: &mut World, connection: ConnectionId, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let room = world.server.room(connection);
        let count = room.len().min(bytes.len());
        if count == 0 {
            return;
        }
        room[..count].copy_from_slice(&bytes[..count]);
        bytes = &bytes[count..];
        world
            .server
            .handle(world.now, Input::Received { connection, count });
        // Steps are given to workers that never end.
        while let Some(output) = world.server.poll_output() {
            std::mem::forget(output);
        }
    }
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
    messages::post(&CALL.replace("select 1", &statement), "")
}

/// Fewer than in `main`, because they do more.
const HOLDERS: usize = 256;
/// What a server without connections has: the catalogue and replies that are encoded once, spare buffers.
const EMPTY_SERVER_BYTES_MAX: usize = 1 << 20;
