//! The old WebSocket envelope: `{"type":"call","id":…,"method":<tool>,"params":{…}}` and its kin.
//!
//! A connection speaks JSON-RPC unless its first message [`is_envelope`]. For the server, once it does:
//!
//! 1. Send [`greeting`] (only then: a greeting breaks MCP clients), then answer that first message too.
//! 2. `service.on_envelope(context, text)` for every message: [`Envelope::Call`] carries an [`Outcome`] (`Result`, `Error` or
//!    `Work`); write [`result_prefix`], the payload and [`RESULT_SUFFIX`], or [`error`] with the error's message.
//! 3. [`Envelope::Ping`]: send [`pong`]. [`Envelope::Refused`]: send [`error`].
//! 4. At shutdown send [`shutdown_notice`] before closing.

use super::spelling;
use crate::ident::Uuid;
use crate::json;
use crate::limits::Limits;
use crate::mcp::{Context, Outcome, Service};
use crate::rpc::Id;
use crate::time::WallTime;

/// What a message in the envelope means.
#[derive(Debug)]
pub enum Envelope<'a> {
    /// A tool call.
    Call {
        /// Echoed in the reply; without one the reply has `null`.
        id: Option<Id<'a>>,
        /// What it leads to: `Result`, `Error` or `Work`.
        outcome: Outcome,
    },
    /// Wants a [`pong`].
    Ping,
    /// Wants an [`error`].
    Refused {
        /// Echoed if it could be read.
        id: Option<Id<'a>>,
        /// What is wrong.
        message: String,
    },
}

/// Whether a connection whose first message is `text` speaks the envelope: it has a `type` of `call` or `ping` and is no
/// JSON-RPC.
pub fn is_envelope(text: &[u8], limits: &Limits) -> bool {
    spelling::parse(text, limits)
        .is_ok_and(|call| !call.is_json_rpc && matches!(call.kind.as_deref(), Some("call" | "ping")))
}

impl Service {
    /// What a message in the envelope means.
    pub fn on_envelope<'a>(&mut self, context: &Context<'_>, text: &'a [u8]) -> Envelope<'a> {
        let call = match spelling::parse(text, &self.limits) {
            Ok(call) => call,
            Err(error) => {
                return Envelope::Refused {
                    id: None,
                    message: error.message,
                };
            }
        };
        let refused = |message: &str| Envelope::Refused {
            id: call.id,
            message: message.to_owned(),
        };
        match (call.kind.as_deref(), &call.tool) {
            (Some("ping"), _) => Envelope::Ping,
            (Some("call"), Some(tool)) => Envelope::Call {
                id: call.id,
                outcome: self.start_tool(context, call.id, (tool, call.arguments)),
            },
            (Some("call"), None) => refused("method must be the name of a tool"),
            (Some(_), _) => refused("type must be call or ping"),
            (None, _) => refused("type is missing, it must be call or ping"),
        }
    }
}

/// What follows the payload of a result.
pub const RESULT_SUFFIX: &[u8] = b"}";

/// What precedes the payload of the result for the call with this id (JSON text).
pub fn result_prefix(id: Option<&str>) -> [&[u8]; 3] {
    let id = id.unwrap_or("null");
    [b"{\"type\":\"result\",\"id\":", id.as_bytes(), b",\"result\":"]
}

/// An error, with the id of the call (JSON text) where it is known.
pub fn error(id: Option<&str>, message: &str) -> Vec<u8> {
    let mut text = b"{\"type\":\"error\"".to_vec();
    if let Some(id) = id {
        text.extend_from_slice(b",\"id\":");
        text.extend_from_slice(id.as_bytes());
    }
    text.extend_from_slice(b",\"error\":{\"code\":-1,\"message\":");
    json::push_string(&mut text, message);
    text.extend_from_slice(b"}}");
    text
}

/// The first message to a client that speaks the envelope.
pub fn greeting(client_id: Uuid) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        r#"{{"type":"connection","status":"connected","client_id":"{client_id}","server_version":"{version}"}}"#
    )
    .into_bytes()
}

/// The answer to a ping: seconds since the epoch, with a fraction.
pub fn pong(wall: WallTime) -> Vec<u8> {
    let (seconds, micros) = (wall.as_seconds(), wall.as_micros() % 1_000_000);
    format!(r#"{{"type":"pong","timestamp":{seconds}.{micros:06}}}"#).into_bytes()
}

/// What is said before the connection is closed at shutdown.
pub fn shutdown_notice() -> &'static str {
    r#"{"type":"shutdown","message":"server is shutting down"}"#
}
