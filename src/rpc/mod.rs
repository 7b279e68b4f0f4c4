//! JSON-RPC 2.0 over any text message. Knows no MCP method and no transport.
//!
//! [`decode()`] borrows everything from the bytes; [`mod@encode`] yields the pieces around a payload, so a large result is
//! never copied to be wrapped.

pub mod batch;
pub mod decode;
pub mod encode;
pub mod error;
pub mod message;

pub use batch::BatchReplies;
pub use decode::{Malformed, decode};
pub use encode::{REPLY_SUFFIX, error_reply, reply_prefix};
pub use error::Error;
pub use message::{Call, Id, Message, Notification, Reply, Said};
