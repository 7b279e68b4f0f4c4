//! The binary as its users meet it: command line, routes, WebSocket, stdio, signals, exit codes.
//!
//! Every server gets a port from the system and an empty directory, so that no `.env` is found. Nothing here sleeps:
//! what must happen is waited for by reading, with a deadline.

#[cfg(target_os = "linux")]
mod account;
mod audit;
mod callers;
mod command_line;
mod commands;
mod descriptors;
mod fences;
#[cfg(target_os = "linux")]
#[path = "../contract/gzip.rs"]
mod gzip;
mod health;
mod http11;
#[cfg(target_os = "linux")]
mod large;
mod planted;
mod process;
mod proxies;
mod replicas;
#[cfg(target_os = "linux")]
mod running;
mod secrets;
mod seed;
mod shutdown;
mod stdio;
mod tls;
#[cfg(feature = "demo")]
mod tokens;

/// Snowflake's SQL API by script, as the tests of the contract have it.
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "the tests of the contract use more of it, and have unwrap"
)]
#[path = "../contract/server.rs"]
mod sql_api;

/// The tools of a first run, in the order in which they are listed.
const TOOLS: [&str; 15] = [
    "list_databases",
    "list_schemas",
    "list_tables",
    "list_views",
    "describe_table",
    "describe_view",
    "search_objects",
    "sample_table",
    "profile_table",
    "query_view",
    "execute_query",
    "explain_query",
    "get_query_result",
    "cancel_query",
    "list_queries",
];
