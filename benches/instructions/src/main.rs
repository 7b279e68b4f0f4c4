//! The hot paths of the pure core, each to be run a given number of times under callgrind.
//!
//! `instructions` lists the paths; `instructions NAME COUNT` runs one. `scripts/check-instructions` runs each COUNT and
//! 2 × COUNT times and divides the difference, so that the start of the process and the making of the path cancel out.
//! Everything that goes in is fixed: texts, time, randomness and the order of what happens.

#![allow(clippy::print_stdout, reason = "a list for the script")]

mod messages;
mod reactor;
mod rows;
mod served;
mod statements;
mod texts;
mod world;

/// A path, ready to be walked once more at each call.
type Walk = Box<dyn FnMut()>;

/// What is counted.
struct Path {
    name: &'static str,
    /// How often it is run: enough for what happens seldom (a table that grows) to be shared by many.
    count: usize,
    ready: fn() -> Walk,
}

const fn path(name: &'static str, count: usize, ready: fn() -> Walk) -> Path {
    Path { name, count, ready }
}

const PATHS: &[Path] = &[
    path("http_ping", 1_024, served::http_ping),
    path("http_health_pipelined_16", 256, served::http_health_pipelined),
    path("http_tools_list", 1_024, served::http_tools_list),
    path("http_tools_call", 1_024, served::http_tools_call),
    path("websocket_ping", 1_024, served::websocket_ping),
    path("connect_ask_close", 1_024, served::connect_ask_close),
    path("websocket_keepalive", 1_024, served::websocket_keepalive),
    path("http_ping_and_rest", 1_024, served::http_ping_and_rest),
    path("idle_turn", 1_024, served::idle_turn),
    path("reactor_http_ping_16", 256, reactor::http_ping_16),
    path("worker_select_1", 1_024, texts::worker_select_1),
    path("rpc_decode", 1_024, texts::rpc_decode),
    path("guard_short", 1_024, texts::guard_short),
    path("guard_tpch", 1_024, texts::guard_tpch),
    path("guard_8_kib", 64, texts::guard_8_kib),
    path("render_1000_rows", 16, texts::render_1000_rows),
];

/// Walks before the counted ones: tables have grown, buffers are in their pools.
const WARM_UP: usize = 64;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        for path in PATHS {
            println!("{} {}", path.name, path.count);
        }
        return;
    };
    let path = PATHS.iter().find(|path| path.name == name);
    let count = arguments.next().and_then(|text| text.parse::<usize>().ok());
    let (Some(path), Some(count)) = (path, count) else {
        panic!("instructions NAME COUNT, without arguments it lists the names");
    };
    let mut walk = (path.ready)();
    for _ in 0..WARM_UP + count {
        walk();
    }
}
