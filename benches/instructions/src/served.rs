//! Paths through [`Server`](snowflake_mcp::server::Server): all that happens between a read and a write.

use std::time::Duration;

use snowflake_mcp::backend::job::Rendered;
use snowflake_mcp::backend::{Completion, Outcome};
use snowflake_mcp::server::Input;

use super::Walk;
use super::messages::{self, CALL, HEALTH, LIST, PING, PONG};
use super::world::World;

pub(crate) fn http_ping() -> Walk {
    let mut world = World::new();
    let connection = world.connect();
    let request = messages::post(PING, "");
    Box::new(move || world.ask(connection, &request, PONG))
}

/// Sixteen requests that come in one read and whose answers go in one write.
pub(crate) fn http_health_pipelined() -> Walk {
    let mut world = World::new();
    let connection = world.connect();
    let requests = HEALTH.repeat(16);
    Box::new(move || world.ask(connection, &requests, b"}"))
}

pub(crate) fn http_tools_list() -> Walk {
    let mut world = World::new();
    let connection = world.connect();
    let request = messages::post(LIST, "");
    Box::new(move || world.ask(connection, &request, b"}"))
}

/// From the request to the answer, but for what the worker does: the job is dropped and a made-up reply completes it.
pub(crate) fn http_tools_call() -> Walk {
    let mut world = World::new();
    let connection = world.connect();
    let request = messages::post(CALL, "");
    Box::new(move || {
        world.receive(connection, &request);
        let job = world.take_submitted();
        let rendered = Rendered {
            result: RESULT.to_vec(),
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

pub(crate) fn websocket_ping() -> Walk {
    let mut world = World::new();
    let connection = world.connect_websocket();
    let request = messages::frame(PING);
    Box::new(move || world.ask(connection, &request, PONG))
}

/// A connection for one request.
pub(crate) fn connect_ask_close() -> Walk {
    let mut world = World::new();
    let request = messages::post(PING, "Connection: close\r\n");
    Box::new(move || {
        let closed = world.closed();
        let connection = world.connect();
        world.ask(connection, &request, PONG);
        world.handle(Input::Ended { connection });
        assert_eq!(
            world.closed(),
            closed + 1,
            "the server closes what both have ended"
        );
    })
}

/// What an idle WebSocket costs every half minute: its timer fires, a ping goes out, a pong comes in.
pub(crate) fn websocket_keepalive() -> Walk {
    let mut world = World::new();
    let connection = world.connect_websocket();
    world.pass(Duration::from_secs(3));
    let pong = messages::pong_frame();
    Box::new(move || {
        world.pass(Duration::from_secs(30));
        world.take(connection, b"");
        world.receive(connection, &pong);
        // It rests again, as after any bytes.
        world.pass(Duration::from_secs(3));
    })
}

/// A connection that says something now and then: its timer fires two seconds after, and takes its memory back.
pub(crate) fn http_ping_and_rest() -> Walk {
    let mut world = World::new();
    let connection = world.connect();
    let request = messages::post(PING, "");
    Box::new(move || {
        world.ask(connection, &request, PONG);
        world.pass(Duration::from_secs(3));
    })
}

/// A turn in which nothing is due, beside a thousand idle connections.
pub(crate) fn idle_turn() -> Walk {
    let mut world = World::new();
    let request = messages::post(PING, "");
    for _ in 0..1_000 {
        let connection = world.connect();
        world.ask(connection, &request, PONG);
    }
    world.pass(Duration::from_secs(3));
    Box::new(move || world.pass(Duration::from_micros(1)))
}

/// What the embedded engine answers to `select 1`, all but.
const RESULT: &[u8] = br#"{"content":[{"type":"text","text":"Query Results (Database: not set, Schema: not set)\nShowing 1 rows\n\n| 1 |\n| --- |\n| 1 |"}],"structuredContent":{"returned":1,"truncated":false,"elapsed_ms":0,"columns":[{"name":"1","type":"NUMBER(1,0)","nullable":false}],"rows":[[1]]},"isError":false}"#;
