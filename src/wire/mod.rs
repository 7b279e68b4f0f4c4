//! Bytes to messages and back. Knows no JSON-RPC, no MCP, no socket and no clock.
//!
//! A codec here is a state machine with the same few methods: `inbox` lends room for the next read, `received` says
//! how much was read, `next` gives the next complete message, `outbox` holds what must be written, `deadline` says
//! by when something must happen.
//!
//! **The law of codecs** (`tests/protocol`): however the input is split, the messages, errors and outbox are the same.

pub mod buffer;
pub mod http;
pub mod lines;
pub mod websocket;
