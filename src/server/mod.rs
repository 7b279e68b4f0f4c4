//! The state machine that ties the wire to MCP.

pub mod event;

pub use event::{Exit, Input, Output};
