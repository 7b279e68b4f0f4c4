//! MCP: what a message means, whatever transport it came by.

use std::sync::Arc;

use crate::backend::job::{Rendered, Work};
use crate::rpc::{self, Message};
use crate::time::Now;
use crate::wire::buffer::Piece;

/// A protocol revision that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revision {
    /// 2024-11-05: HTTP+SSE.
    V20241105,
    /// 2025-03-26: Streamable HTTP, batches.
    V20250326,
    /// 2025-06-18: structured content.
    V20250618,
    /// 2025-11-25: the last with a handshake.
    V20251125,
    /// 2026-07-28: every request is complete.
    V20260728,
}

/// Values of the header fields that route an MCP request over HTTP; absent on WebSocket and stdio.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoutingFields<'a> {
    /// `MCP-Protocol-Version`.
    pub protocol_version: Field<'a>,
    /// `Mcp-Method`.
    pub method: Field<'a>,
    /// `Mcp-Name`.
    pub name: Field<'a>,
    /// `Mcp-Session-Id`.
    pub session: Field<'a>,
}

/// One header field that must not occur twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Field<'a> {
    /// Not there.
    #[default]
    Absent,
    /// Once.
    Once(&'a [u8]),
    /// More than once, which no routing field may be.
    Repeated,
}

/// What the meaning of a message depends on besides the message.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Header fields of the HTTP request that carried it; `None` where there are none (WebSocket, stdio).
    pub fields: Option<RoutingFields<'a>>,
    /// What `initialize` negotiated on this connection (WebSocket, stdio).
    pub negotiated: Option<Revision>,
    /// The time.
    pub now: Now,
}

/// Encoded JSON on its way out.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Always the same.
    Static(&'static str),
    /// Encoded once for many.
    Shared(Arc<[u8]>),
    /// Made for this reply.
    Owned(Vec<u8>),
}

impl Payload {
    /// As a piece for the outbox.
    pub fn into_piece(self) -> Piece<'static> {
        match self {
            Self::Static(text) => Piece::Borrowed(text.as_bytes()),
            Self::Shared(bytes) => Piece::Shared(bytes),
            Self::Owned(bytes) => Piece::Owned(bytes),
        }
    }
}

/// What a message leads to.
#[derive(Debug)]
pub enum Outcome {
    /// The `result` member of the reply.
    Result {
        /// A whole JSON object.
        payload: Payload,
        /// Set by `initialize`: what this connection speaks from now on.
        negotiated: Option<Revision>,
    },
    /// An error reply.
    Error {
        /// The error object.
        error: rpc::Error,
        /// The status that an HTTP answer carries (200 for errors of a handler).
        http_status: u16,
    },
    /// A job for the backend; the reply follows.
    Work(Box<ToolCall>),
    /// A notification or reply that is taken note of: 202 over HTTP.
    Accepted,
    /// `notifications/cancelled`: the id, as JSON text, of the call to cancel on this connection.
    Cancel(String),
}

/// A tool call on its way through the backend.
#[derive(Debug)]
pub struct ToolCall {
    /// What the backend runs; its renderer makes the `result` member.
    pub work: Work,
    /// What a failure's reply needs.
    pub finish: Finish,
}

/// What is needed to end a tool call that has no rendered result. Small: it waits in the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    /// Name of the tool, for `/status`, metrics and logs.
    pub tool: &'static str,
    /// Revision the reply is written in.
    pub revision: Revision,
}

impl Finish {
    /// The `result` member of the reply to a call whose job ended so.
    pub fn payload(self, _ended: Result<Rendered, crate::backend::Error>) -> Payload {
        Payload::Static("{}")
    }
}

/// The protocol's state machine. It keeps nothing between calls: what a connection negotiated comes in the context.
#[derive(Debug)]
pub struct Service {}

impl Service {
    /// What `message` leads to.
    pub fn on_message(&self, _context: &Context<'_>, _message: &Message<'_>) -> Outcome {
        Outcome::Accepted
    }
}
