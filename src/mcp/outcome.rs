//! What a message leads to, as data: the server acts on it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::script::{Hears, Script};
use super::subscriptions::Listen;
use super::tasks::{About, Mode, TaskCall};
use super::{Level, Revision};
use crate::backend::job::{Rendered, Work};
use crate::backend::kept::Kept;
use crate::ident::ClientLabel;
use crate::tools::{self, document};
use crate::wire::buffer::Piece;
use crate::{backend, rpc};

/// Encoded JSON on its way out.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Always the same.
    Static(&'static str),
    /// Encoded once for many.
    Shared(Arc<[u8]>),
    /// Made for this reply.
    Owned(Vec<u8>),
    /// What many share, between what is this reply's own.
    Framed {
        /// Before it.
        head: Vec<u8>,
        /// What many share.
        body: Arc<[u8]>,
        /// Behind it.
        tail: Vec<u8>,
    },
}

impl Payload {
    /// The bytes, in one piece: a copy of one that is framed.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Static(text) => Cow::Borrowed(text.as_bytes()),
            Self::Shared(bytes) => Cow::Borrowed(bytes),
            Self::Owned(bytes) => Cow::Borrowed(bytes),
            Self::Framed { head, body, tail } => Cow::Owned([head, body.as_ref(), tail].concat()),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Static(text) => text.len(),
            Self::Shared(bytes) => bytes.len(),
            Self::Owned(bytes) => bytes.len(),
            Self::Framed { head, body, tail } => head.len() + body.len() + tail.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As a piece for the outbox; one that is framed should go there in pieces.
    pub fn into_piece(self) -> Piece<'static> {
        match self {
            Self::Static(text) => Piece::Borrowed(text.as_bytes()),
            Self::Shared(bytes) => Piece::Shared(bytes.into()),
            Self::Owned(bytes) => Piece::Owned(bytes),
            Self::Framed { .. } => Piece::Owned(self.bytes().into_owned()),
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
        /// What changes for the session or connection that the message came from.
        effect: Option<Effect>,
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
    /// A call that goes on by itself; the reply follows.
    Script(Box<ScriptCall>),
    /// A call about a task; the reply is the table's.
    Task(Box<TaskCall>),
    /// A stream of notifications that stays open; over HTTP only as SSE.
    Listen(Box<Listen>),
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
            effect: None,
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

/// What a legacy message changes for the session or connection that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// `initialize`: what is spoken from now on.
    Negotiated {
        /// The revision.
        revision: Revision,
        /// What the client can be asked for.
        abilities: Abilities,
        /// What it calls itself.
        client: ClientLabel,
    },
    /// `logging/setLevel`.
    LogLevel(Level),
    /// `resources/subscribe`.
    Subscribed(Box<str>),
    /// `resources/unsubscribe`.
    Unsubscribed(Box<str>),
}

/// What a client says it can be asked for: the capabilities that matter to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abilities {
    /// `elicitation`, in form mode.
    pub elicitation: bool,
    /// `sampling`.
    pub sampling: bool,
    /// `roots`.
    pub roots: bool,
}

/// A call on its way through the backend.
#[derive(Debug)]
pub struct ToolCall {
    /// What the backend runs; its renderer makes the `result` member.
    pub work: Box<Work>,
    /// What a failure's reply needs.
    pub finish: Finish,
    /// What the caller wants to hear before the reply.
    pub hears: Hears,
    /// Whether the reply may be a task.
    pub mode: Mode,
}

/// A call that goes on by itself.
#[derive(Debug)]
pub struct ScriptCall {
    /// What it does.
    pub script: Box<dyn Script>,
    /// What a failure's reply needs.
    pub finish: Finish,
    /// What the caller wants to hear before the reply.
    pub hears: Hears,
    /// Whether the reply may be a task.
    pub mode: Mode,
}

/// What is needed to end a call that has no rendered result. Small: it waits in the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Name of the tool or method, for `/status`, metrics and logs.
    pub tool: &'static str,
    /// Revision the reply is written in.
    pub revision: Revision,
    /// How a failure is told.
    pub failure: Failure,
    /// Marks around what others wrote, in its text.
    pub fence: Option<tools::Fence>,
}

/// How a failed job is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// As a tool's result with `isError`: the model sees it and can correct itself.
    ToolResult,
    /// As an error reply: other methods' results have no place for a failure.
    ErrorReply,
    /// The same of a call about the resource with this URI: what is about the object says that there is none. And what stands
    /// around the document, if it is one that many share.
    Resource(Box<str>, tools::Form),
    /// The same of a call about the rows of an earlier statement at this URI: what is gone is told as a resource that is not
    /// there, with the reason.
    Rows(Box<str>),
    /// Of a question about a task: as the task's end, if it is one.
    Task(Box<About>),
}

/// What a reply says.
#[derive(Debug)]
pub enum Ended {
    /// The `result` member.
    Result(Payload),
    /// The `error` member.
    Error(rpc::Error),
}

impl Ended {
    /// The bytes of the member: a result or an error object.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Result(payload) => payload.bytes().into_owned(),
            Self::Error(error) => {
                let mut json = Vec::new();
                error.push_json(&mut json);
                json
            }
        }
    }
}

impl Finish {
    /// The `result` member of a call whose job ended well.
    fn payload(&self, rendered: Rendered) -> Payload {
        match rendered.kept {
            Some(kept) if rendered.result.is_empty() => self.framed(&kept, None),
            _ => Payload::Owned(rendered.result),
        }
    }

    /// The `result` member made of what many share; `age` is how long ago that was told, `None` if for this call.
    pub(super) fn framed(&self, kept: &Kept, age: Option<Duration>) -> Payload {
        let (head, tail) = match &self.failure {
            Failure::Resource(uri, form) => document::framed(*form, uri),
            Failure::ToolResult | Failure::ErrorReply | Failure::Rows(_) | Failure::Task(_) => {
                tools::framed(self.revision.form(), age)
            }
        };
        Payload::Framed {
            head,
            body: Arc::clone(&kept.body),
            tail,
        }
    }

    /// What the reply to a call whose job ended so says.
    pub fn ended(self, ended: Result<Rendered, backend::Error>) -> Ended {
        let error = match ended {
            Ok(rendered) => return Ended::Result(self.payload(rendered)),
            Err(error) => error,
        };
        match self.failure {
            Failure::ToolResult => {
                let form = tools::Form {
                    fence: self.fence,
                    ..self.revision.form()
                };
                Ended::Result(Payload::Owned(tools::failed(form, &error)))
            }
            Failure::Resource(uri, _) if error.kind.is_about_object() => {
                Ended::Error(self.revision.resource_not_found(&uri))
            }
            Failure::Rows(uri) if error.kind.is_about_object() || error.kind == backend::Kind::ResultGone => {
                Ended::Error(self.revision.resource_not_found(&uri).because(told(&error)))
            }
            Failure::Task(about) => {
                let form = tools::Form {
                    fence: self.fence,
                    ..self.revision.form()
                };
                let told = about.failed(form, &error);
                told.unwrap_or_else(|| Ended::Error(error_of(&error)))
            }
            Failure::ErrorReply | Failure::Resource(..) | Failure::Rows(_) => Ended::Error(error_of(&error)),
        }
    }
}

/// A failed job as an error: -32602 where the caller named something that is not there, else -32603.
fn error_of(error: &backend::Error) -> rpc::Error {
    let text = told(error);
    if error.kind.is_about_object() {
        rpc::Error::invalid_params(text)
    } else {
        rpc::Error::internal_error(text)
    }
}

/// What went wrong, and what to do.
fn told(error: &backend::Error) -> String {
    format!("{}. {}", error.message, error.advice())
}
