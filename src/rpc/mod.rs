//! JSON-RPC 2.0 over any text message. Knows no MCP and no transport.

pub mod error;
pub mod message;

pub use error::Error;
pub use message::{Call, Id, Message, Notification};
