//! What a message leads to, as data: the server acts on it.

use std::sync::Arc;

use super::Revision;
use crate::backend::job::{Rendered, Work};
use crate::rpc;
use crate::tools;
use crate::wire::buffer::Piece;

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
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Static(text) => text.as_bytes(),
            Self::Shared(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }

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
    /// `notifications/cancelled`: the id, as JSON text, of the call to cancel on this connection. 202 over HTTP.
    Cancel(String),
}

impl Outcome {
    /// A result that changes nothing about the connection.
    pub(super) fn result(payload: Payload) -> Self {
        Self::Result {
            payload,
            negotiated: None,
        }
    }

    /// An error that a handler found: over HTTP the exchange itself went well.
    pub(super) fn error(error: rpc::Error) -> Self {
        Self::Error {
            error,
            http_status: 200,
        }
    }

    /// An error of the request as such.
    pub(super) fn refused(error: rpc::Error) -> Self {
        Self::Error {
            error,
            http_status: 400,
        }
    }
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
    pub fn payload(self, ended: Result<Rendered, crate::backend::Error>) -> Payload {
        Payload::Owned(match ended {
            Ok(rendered) => rendered.result,
            Err(error) => tools::failed(self.revision.form(), &error),
        })
    }
}
