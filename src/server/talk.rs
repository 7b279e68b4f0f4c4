//! Connections of messages: WebSocket and stdio. One JSON-RPC message a frame or line, or the predecessor's envelope.

use std::sync::Arc;

use super::access;
use super::callers::CREDENTIAL_ENDED;
use super::connection::{Dialect, Talk};
use super::core::{Core, Upgrade};
use super::later::Later;
use super::memory::{REPLIES_SHORT, REPLY_IN_NEED_BYTES_MAX};
use super::metrics::Metric;
use super::ready::Principal;
use super::reply::{Caller, Delivery, Form};
use super::tasks::Told;
use crate::ident::JobId;
use crate::limits::Limits;
use crate::mcp::predecessor::envelope::{self, Envelope};
use crate::mcp::script::Hears;
use crate::mcp::session::Full;
use crate::mcp::tasks::TaskCall;
use crate::mcp::{Context, Effect, Finish, Outcome, Payload, ScriptCall, ToolCall};
use crate::rpc;
use crate::time::Now;
use crate::wire::buffer::Piece;
use crate::wire::lines::{self, LineConnection};
use crate::wire::websocket::{self, WebSocketConnection};
use crate::wire::{CloseReason, Serving};

impl Talk {
    pub(super) fn principal(&self) -> Principal {
        self.principal_of(&self.caller)
    }

    /// What a legacy message changes for this connection.
    ///
    /// # Errors
    /// It has as many subscriptions as it may; the bounds are those of a session.
    fn apply(&mut self, effect: Option<Effect>, limits: &Limits) -> Result<(), Full> {
        match effect {
            Some(Effect::Negotiated {
                revision,
                abilities,
                client,
            }) => {
                let said = self.said_mut();
                (said.negotiated, said.abilities) = (Some(revision), abilities);
                said.client_label = client;
            }
            Some(Effect::LogLevel(level)) => self.said_mut().log_level = Some(level),
            Some(Effect::Subscribed(uri)) => {
                let own = &mut self.said_mut().subscriptions;
                if own.contains(&uri) {
                    return Ok(());
                }
                let bounds = [
                    ("uri_bytes_max", uri.len(), limits.uri_bytes_max),
                    (
                        "subscriptions_per_session_max",
                        own.len() + 1,
                        limits.subscriptions_per_session_max,
                    ),
                ];
                if let Some((limit, _, max)) = bounds.into_iter().find(|(_, wanted, max)| wanted > max) {
                    return Err(Full { limit, max });
                }
                own.push(uri);
            }
            Some(Effect::Unsubscribed(uri)) => self.said_mut().subscriptions.retain(|own| *own != uri),
            None => {}
        }
        Ok(())
    }

    fn caller(&self, (form, id): (Form, &str), finish: &Finish, hears: &mut Hears) -> Caller {
        let mut hears = std::mem::take(hears);
        // A modern call says the level itself, or wants no log.
        if !finish.revision.is_modern() {
            hears.log_level = self.log_level();
        }
        Caller {
            connection: self.id,
            ticket: None,
            id: Box::from(id),
            form,
            cors_origin: None,
            delivery: Delivery::Whole,
            session: None,
            hears,
        }
    }
}

/// Says one message to the peer.
pub(super) type Say<'a> = &'a mut dyn FnMut(&mut [Piece<'_>]);

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
                    if talk
                        .caller
                        .as_ref()
                        .is_some_and(|caller| caller.is_expired(now.wall))
                    {
                        socket.end(CloseReason::CredentialEnded, CREDENTIAL_ENDED, now.monotonic);
                        continue;
                    }
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

    /// One JSON-RPC message, or a batch of them.
    pub(super) fn on_message(&mut self, now: Now, talk: &mut Talk, text: &[u8], say: Say<'_>) {
        if rpc::batch::is_batch(text) {
            return self.on_message_batch(now, talk, text, say);
        }
        let message = match rpc::decode(text, &self.settings.limits) {
            Ok(message) => message,
            Err(malformed) => {
                let id = malformed.id.map(rpc::Id::as_json);
                return say(&mut [Piece::Owned(rpc::error_reply(id, &malformed.error))]);
            }
        };
        if let rpc::Message::Reply(reply) = &message {
            self.on_reply(reply, &talk.jobs);
        }
        // A copy of the pointer: what the message leads to may change the connection.
        let caller = talk.caller.clone();
        let (negotiated, abilities, client) = talk.introduction();
        let context = Context {
            fields: None,
            negotiated,
            abilities,
            principal: access::mark(&caller),
            rights: access::rights(&caller),
            client,
            now,
        };
        let id = match &message {
            rpc::Message::Call(call) => call.id.as_json(),
            rpc::Message::Notification(_) | rpc::Message::Reply(_) => "null",
        };
        let outcome = self.service.on_message(&context, &message);
        self.note_changes();
        self.note_denied(now, talk, talk.principal());
        match outcome {
            Outcome::Result { payload, .. } if self.is_too_much(&payload) => {
                let error = rpc::Error::internal_error(REPLIES_SHORT);
                say(&mut [Piece::Owned(rpc::error_reply(Some(id), &error))]);
            }
            Outcome::Result { payload, effect } => match self.change_talk(talk, effect) {
                Ok(()) => say(&mut Form::Rpc.pieces(id, payload)),
                Err(full) => {
                    let error = rpc::Error::internal_error(full);
                    say(&mut [Piece::Owned(rpc::error_reply(Some(id), &error))]);
                }
            },
            Outcome::Error {
                error,
                http_status: _,
            } => say(&mut [Piece::Owned(rpc::error_reply(Some(id), &error))]),
            Outcome::Work(call) => self.on_call(now, talk, (Form::Rpc, id), *call, say),
            Outcome::Script(call) => self.on_script_message(now, talk, id, *call, say),
            Outcome::Listen(listen) => self.on_listen_message(talk, id, *listen, say),
            Outcome::Task(call) => self.on_task_message(now, talk, id, *call, say),
            Outcome::Accepted => {}
            Outcome::Cancel(id) => self.on_cancel(talk, &id),
        }
    }

    /// One message of the predecessor's envelope.
    fn on_envelope(&mut self, now: Now, talk: &mut Talk, text: &[u8], say: Say<'_>) {
        let caller = talk.caller.clone();
        let context = Context {
            principal: access::mark(&caller),
            rights: access::rights(&caller),
            now,
            ..Context::default()
        };
        match self.service.on_envelope(&context, text) {
            Envelope::Ping => say(&mut [Piece::Owned(envelope::pong(now.wall))]),
            Envelope::Refused { id, message } => {
                say(&mut [Piece::Owned(envelope::error(id.map(rpc::Id::as_json), &message))]);
            }
            Envelope::Call { id, outcome } => {
                self.note_denied(now, talk, talk.principal());
                let id = id.map_or("null", rpc::Id::as_json);
                match outcome {
                    Outcome::Result { payload, .. } if self.is_too_much(&payload) => {
                        say(&mut [Piece::Owned(envelope::error(Some(id), REPLIES_SHORT))]);
                    }
                    Outcome::Result { payload, effect: _ } => say(&mut Form::Envelope.pieces(id, payload)),
                    Outcome::Error {
                        error,
                        http_status: _,
                    } => {
                        say(&mut [Piece::Owned(envelope::error(Some(id), &error.message))]);
                    }
                    Outcome::Work(call) => self.on_call(now, talk, (Form::Envelope, id), *call, say),
                    Outcome::Accepted
                    | Outcome::Cancel(_)
                    | Outcome::Script(_)
                    | Outcome::Listen(_)
                    | Outcome::Task(_) => {}
                }
            }
        }
    }

    fn on_call(
        &mut self,
        now: Now,
        talk: &mut Talk,
        (form, id): (Form, &str),
        mut call: ToolCall,
        say: Say<'_>,
    ) {
        let principal = talk.principal();
        match self.admission(now, principal, call.work.leased_bytes()) {
            Err(refused) => say(&mut form.reply(id, call.finish.ended(Err(refused)))),
            Ok(()) => {
                let caller = talk.caller((form, id), &call.finish, &mut call.hears);
                self.begin(now, talk, caller, principal, call);
            }
        }
    }

    fn on_script_message(&mut self, now: Now, talk: &mut Talk, id: &str, mut call: ScriptCall, say: Say<'_>) {
        let principal = talk.principal();
        match self.admission(now, principal, 0) {
            Err(refused) => say(&mut Form::Rpc.reply(id, call.finish.ended(Err(refused)))),
            Ok(()) => {
                let caller = talk.caller((Form::Rpc, id), &call.finish, &mut call.hears);
                self.begin_script(now, talk, caller, principal, call);
            }
        }
    }

    /// Whether memory for replies is so short that this one is not given.
    fn is_too_much(&self, payload: &Payload) -> bool {
        self.memory.replies.is_short() && payload.len() > REPLY_IN_NEED_BYTES_MAX
    }

    /// What a legacy message changes for a connection of messages.
    pub(super) fn change_talk(&mut self, talk: &mut Talk, effect: Option<Effect>) -> Result<(), Full> {
        let applied = talk.apply(effect, &self.settings.limits);
        self.metrics
            .add(Metric::SubscriptionsRefused, u64::from(applied.is_err()));
        applied
    }

    /// A call about tasks.
    fn on_task_message(&mut self, now: Now, talk: &mut Talk, id: &str, call: TaskCall, say: Say<'_>) {
        let principal = talk.principal();
        let owner = self.owner((None, Some(talk.id)), principal);
        let (number, finish) = match self.on_task_call(now, call, &owner) {
            Told::Now(ended) => return say(&mut Form::Rpc.reply(id, ended)),
            Told::Ask(call) => return self.on_call(now, talk, (Form::Rpc, id), *call, say),
            Told::Wait(number, finish) => (number, finish),
        };
        match self.admission(now, principal, 0) {
            Err(refused) => say(&mut Form::Rpc.reply(id, finish.ended(Err(refused)))),
            Ok(()) => {
                let caller = talk.caller((Form::Rpc, id), &finish, &mut Hears::default());
                let job = self.begin_waiting(now, caller, principal, (number, finish));
                talk.jobs.push(job);
            }
        }
    }

    /// `notifications/cancelled`: the call gets no reply (MCP, "Cancellation"). An unknown id is ignored: the reply may
    /// have crossed the cancel.
    pub(super) fn on_cancel(&mut self, talk: &mut Talk, id: &str) {
        let named = |job: &JobId| {
            let caller = self.inflight.find(*job).and_then(|flight| flight.caller.as_ref());
            caller.is_some_and(|caller| &*caller.id == id && caller.form == Form::Rpc)
        };
        if let Some(said) = &mut talk.said {
            said.listens.retain(|listen| *listen.id != *id);
        }
        let Some(place) = talk.jobs.iter().position(named) else {
            return;
        };
        let job = talk.jobs.swap_remove(place);
        if let Some((caller, _)) = self.cancel_gone(job)
            && let Delivery::Batch(place) = caller.delivery
        {
            talk.batches.skip(place);
            self.later.push_back(Later::Batch(talk.id, place.batch));
        }
    }
}
