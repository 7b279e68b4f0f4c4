//! snowflake-mcp: Snowflake for MCP clients over HTTP, WebSocket and stdio.
#![forbid(unsafe_code)]

// Vocabulary: depends on nothing.
pub mod address;
pub mod entropy;
pub mod ident;
pub mod json;
pub mod limits;
pub mod secret;
pub mod similar;
pub mod time;

// What clients keep for the server.
pub mod token;

// Who callers are.
pub mod access;

// Bytes to messages, and messages to calls.
pub mod rpc;
pub mod wire;

// What may be asked of a database, and who asked it.
pub mod audit;
pub mod backend;
pub mod sql;

// Engines that answer it.
#[cfg(feature = "demo")]
pub mod demo;
pub mod snowflake;

// Meaning.
pub mod mcp;
pub mod tools;

// The state machine that ties them together.
pub mod server;

// What the shells start with, and what they say.
pub mod config;
pub mod observe;

// The shells around it: sockets, threads, signals.
pub mod reactor;
pub mod serve;
pub mod stdio;
pub mod workers;

// What fuzzers call: assertions over all of the above, no part of the interface.
#[doc(hidden)]
pub mod fuzz;
