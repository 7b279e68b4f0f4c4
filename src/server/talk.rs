//! Connections of messages: WebSocket and stdio. One JSON-RPC message a frame or line, or the predecessor's envelope.

use std::sync::Arc;

use super::connection::{Dialect, Talk};
use super::core::{Core, Upgrade};
use super::memory::{REPLIES_SHORT, REPLY_IN_NEED_BYTES_MAX};
use super::metrics::Metric;
use super::ready::Principal;
use super::reply::{Caller, Form};
use crate::ident::JobId;
use crate::mcp::predecessor::envelope::{self, Envelope};
use crate::mcp::{Context, Outcome, Payload, ToolCall};
use crate::rpc;
use crate::time::Now;
use crate::wire::Serving;
use crate::wire::buffer::Piece;
use crate::wire::lines::{self, LineConnection};
use crate::wire::websocket::{self, WebSocketConnection};

/// Says one message to the peer.
type Say<'a> = &'a mut dyn FnMut(&mut [Piece<'_>]);

impl Core {
    /// Answers every message that has come in whole.
    pub(super) fn serve_websocket(
        &mut self,
        now: Now,
        socket: &mut WebSocketConnection,
        talk: &mut Talk,
    ) -> Upgrade {
        let settings = Arc::clone(self.settings_now());
        let serving = Serving {
            limits: &settings.limits,
            now: now.monotonic,
            common_headers: &[],
        };
        loop {
            // Many short messages fit into one read, and each may ask for a long reply.
            if socket.outbox().len() > settings.limits.outbox_bytes_max {
                return Upgrade::No;
            }
            match socket.next(&serving) {
                websocket::Next::NeedMore => return Upgrade::No,
                websocket::Next::Failed(fault) => log::debug!("{}: {fault}", talk.id),
                websocket::Next::Message(text) => {
                    self.metrics.count(Metric::MessagesReceived);
                    let text = text.as_bytes();
                    if talk.dialect == Dialect::Undecided {
                        talk.dialect = if envelope::is_envelope(text, &settings.limits) {
                            Dialect::Envelope
                        } else {
                            Dialect::JsonRpc
                        };
                        if talk.dialect == Dialect::Envelope {
                            let client_id = self.entropy.uuid();
                            socket.send(&mut [Piece::Owned(envelope::greeting(client_id))], now.monotonic);
                        }
                    }
                    let say = &mut |pieces: &mut [Piece<'_>]| socket.send(pieces, now.monotonic);
                    match talk.dialect {
                        Dialect::Envelope => self.on_envelope(now, talk, text, say),
                        Dialect::Undecided | Dialect::JsonRpc => self.on_message(now, talk, text, say),
                    }
                }
            }
        }
    }

    /// Answers every line that has come in whole.
    pub(super) fn serve_lines(&mut self, now: Now, lines: &mut LineConnection, talk: &mut Talk) -> Upgrade {
        let settings = Arc::clone(self.settings_now());
        let serving = Serving {
            limits: &settings.limits,
            now: now.monotonic,
            common_headers: &[],
        };
        loop {
            match lines.next(&serving) {
                lines::Next::NeedMore => return Upgrade::No,
                lines::Next::TooLong => {
                    let limit = settings.limits.message_bytes_max;
                    let error = rpc::Error::invalid_request(format!("the line is longer than {limit} bytes"));
                    lines.send(&mut [Piece::Owned(rpc::error_reply(None, &error))]);
                }
                lines::Next::Message(text) => {
                    self.metrics.count(Metric::MessagesReceived);
                    // A copy, because the reply goes into the connection that lends the line.
                    let text = text.to_vec();
                    self.on_message(now, talk, &text, &mut |pieces| lines.send(pieces));
                }
            }
        }
    }

    /// One JSON-RPC message.
    fn on_message(&mut self, now: Now, talk: &mut Talk, text: &[u8], say: Say<'_>) {
        let settings = Arc::clone(&self.settings);
        let message = match rpc::decode(text, &settings.limits) {
            Ok(message) => message,
            Err(malformed) => {
                let id = malformed.id.map(rpc::Id::as_json);
                return say(&mut [Piece::Owned(rpc::error_reply(id, &malformed.error))]);
            }
        };
        let context = Context {
            fields: None,
            negotiated: talk.negotiated,
            now,
        };
        let id = match &message {
            rpc::Message::Call(call) => call.id.as_json(),
            rpc::Message::Notification(_) | rpc::Message::Reply => "null",
        };
        match self.service.on_message(&context, &message) {
            Outcome::Result { payload, .. } if self.is_too_much(&payload) => {
                let error = rpc::Error::internal_error(REPLIES_SHORT);
                say(&mut [Piece::Owned(rpc::error_reply(Some(id), &error))]);
            }
            Outcome::Result { payload, negotiated } => {
                talk.negotiated = negotiated.or(talk.negotiated);
                say(&mut Form::Rpc.pieces(id, payload));
            }
            Outcome::Error {
                error,
                http_status: _,
            } => say(&mut [Piece::Owned(rpc::error_reply(Some(id), &error))]),
            Outcome::Work(call) => self.on_call(now, talk, (Form::Rpc, id), *call, say),
            Outcome::Accepted => {}
            Outcome::Cancel(id) => self.on_cancel(talk, &id),
        }
    }

    /// One message of the predecessor's envelope.
    fn on_envelope(&mut self, now: Now, talk: &mut Talk, text: &[u8], say: Say<'_>) {
        match self.service.on_envelope(text) {
            Envelope::Ping => say(&mut [Piece::Owned(envelope::pong(now.wall))]),
            Envelope::Refused { id, message } => {
                say(&mut [Piece::Owned(envelope::error(id.map(rpc::Id::as_json), &message))]);
            }
            Envelope::Call { id, outcome } => {
                let id = id.map_or("null", rpc::Id::as_json);
                match outcome {
                    Outcome::Result { payload, .. } if self.is_too_much(&payload) => {
                        say(&mut [Piece::Owned(envelope::error(Some(id), REPLIES_SHORT))]);
                    }
                    Outcome::Result {
                        payload,
                        negotiated: _,
                    } => say(&mut Form::Envelope.pieces(id, payload)),
                    Outcome::Error {
                        error,
                        http_status: _,
                    } => {
                        say(&mut [Piece::Owned(envelope::error(Some(id), &error.message))]);
                    }
                    Outcome::Work(call) => self.on_call(now, talk, (Form::Envelope, id), *call, say),
                    Outcome::Accepted | Outcome::Cancel(_) => {}
                }
            }
        }
    }

    fn on_call(&mut self, now: Now, talk: &mut Talk, (form, id): (Form, &str), call: ToolCall, say: Say<'_>) {
        let principal = talk.key.map_or(Principal::Connection(talk.id), Principal::Key);
        match self.admission(principal, &call) {
            Err(refused) => say(&mut form.pieces(id, call.finish.payload(Err(refused)))),
            Ok(()) => {
                let caller = Caller {
                    connection: talk.id,
                    ticket: None,
                    id: Box::from(id),
                    form,
                    cors_origin: None,
                };
                self.begin(now, talk, caller, principal, call);
            }
        }
    }

    /// Whether memory for replies is so short that this one is not given.
    fn is_too_much(&self, payload: &Payload) -> bool {
        self.memory.replies.is_short() && payload.as_bytes().len() > REPLY_IN_NEED_BYTES_MAX
    }

    /// `notifications/cancelled`: the call gets no reply (MCP, "Cancellation"). An unknown id is ignored: the reply may
    /// have crossed the cancel.
    fn on_cancel(&mut self, talk: &mut Talk, id: &str) {
        let named = |job: &JobId| {
            let caller = self.inflight.find(*job).and_then(|flight| flight.caller.as_ref());
            caller.is_some_and(|caller| &*caller.id == id && caller.form == Form::Rpc)
        };
        let Some(place) = talk.jobs.iter().position(named) else {
            return;
        };
        let job = talk.jobs.swap_remove(place);
        self.cancel_gone(job);
    }
}
