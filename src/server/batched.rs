//! Acting on a batch: its messages one by one, each as it would be alone, and their replies into `batches`.
//!
//! What a batch is, and who may send one, is known in `mcp::batch`. Nothing is said before the replies over HTTP: the
//! answer is one document.

use std::sync::Arc;

use super::access;
use super::batches::{Batch, Place};
use super::connection::Talk;
use super::core::Core;
use super::exchange::{Answer, routing_fields};
use super::memory::{REPLIES_SHORT, REPLY_IN_NEED_BYTES_MAX};
use super::ready::Principal;
use super::reply::{Caller, Delivery, Form};
use super::talk::Say;
use crate::mcp::batch::{self, Read};
use crate::mcp::script::Hears;
use crate::mcp::session::{Need, Session};
use crate::mcp::{Context, Effect, Ended, Outcome, Payload, RoutingFields};
use crate::rpc::{self, BatchReplies, Message};
use crate::time::Now;
use crate::wire::buffer::Piece;
use crate::wire::http::{Request, Ticket};
use crate::wire::lease::Held;

/// Who sent a batch, and how it came.
struct Sender<'a> {
    /// Header fields; `None` on connections of messages.
    fields: Option<RoutingFields<'a>>,
    session: Option<Session>,
    caller: access::Caller,
    /// On whose account its calls run.
    principal: Principal,
    /// Place in the order of HTTP answers; `None` on connections of messages.
    ticket: Option<Ticket>,
    cors_origin: Option<&'a str>,
}

impl Sender<'_> {
    /// What the meaning of its messages depends on. Made anew for each: one may change what the next is read in.
    fn context(&self, talk: &Talk, now: Now) -> Context<'_> {
        let (negotiated, abilities, client) = match (&self.session, self.fields) {
            (Some(session), _) => (Some(session.revision), session.abilities, session.client),
            (None, None) => talk.introduction(),
            (None, Some(_)) => Default::default(),
        };
        Context {
            fields: self.fields,
            negotiated,
            abilities,
            principal: access::mark(&self.caller),
            rights: access::rights(&self.caller),
            client,
            now,
        }
    }

    fn caller(&self, talk: &Talk, (place, id): (Place, &str), hears: &mut Hears) -> Caller {
        let hears = match self.ticket {
            Some(_) => Hears::default(),
            None => Hears {
                log_level: talk.log_level(),
                ..std::mem::take(hears)
            },
        };
        Caller {
            connection: talk.id,
            ticket: self.ticket,
            id: Box::from(id),
            form: Form::Rpc,
            // The batch has it.
            cors_origin: None,
            delivery: Delivery::Batch(place),
            hears,
            session: self.session,
        }
    }
}

impl Core {
    /// A batch over HTTP, in a legacy session.
    pub(super) fn on_post_batch(
        &mut self,
        now: Now,
        talk: &mut Talk,
        request: Request<'_>,
        mut answer: Answer<'_, '_>,
    ) {
        let settings = Arc::clone(&self.settings);
        let (mut fields, params) = routing_fields(request);
        fields.params = &params;
        answer.session = match self.session(now, &fields, Need::Optional, &answer.caller) {
            Ok(session) => session,
            Err(refusal) => return answer.session_refusal(refusal, None),
        };
        let sender = Sender {
            fields: Some(fields),
            session: answer.session,
            caller: answer.caller.clone(),
            principal: answer.principal,
            ticket: Some(answer.responder.ticket()),
            cors_origin: answer.cors_origin,
        };
        let context = sender.context(talk, now);
        let messages = match batch::read(request.body(), &context, &settings.limits) {
            Ok(messages) => messages,
            Err(error) => return answer.json(400, Payload::Owned(rpc::error_reply(None, &error))),
        };
        match self.on_batch(now, talk, &sender, &messages) {
            None => {
                answer.responder.defer();
            }
            Some(body) if body.is_empty() => answer.empty(202),
            Some(mut body) => answer.pieces(200, &mut body),
        }
    }

    /// A batch over a WebSocket or a line.
    pub(super) fn on_message_batch(&mut self, now: Now, talk: &mut Talk, text: &[u8], say: Say<'_>) {
        let settings = Arc::clone(&self.settings);
        let sender = Sender {
            fields: None,
            session: None,
            caller: talk.caller.clone(),
            principal: talk.principal(),
            ticket: None,
            cors_origin: None,
        };
        let context = sender.context(talk, now);
        let messages = match batch::read(text, &context, &settings.limits) {
            Ok(messages) => messages,
            Err(error) => return say(&mut [Piece::Owned(rpc::error_reply(None, &error))]),
        };
        let body = self.on_batch(now, talk, &sender, &messages);
        if let Some(mut body) = body.filter(|body| !body.is_empty()) {
            say(&mut body);
        }
    }

    /// Acts on every message. The array if it is whole already, empty if there is none to come; `None` if it comes later.
    fn on_batch(
        &mut self,
        now: Now,
        talk: &mut Talk,
        sender: &Sender<'_>,
        messages: &[Read<'_>],
    ) -> Option<Vec<Piece<'static>>> {
        let wants_reply = |read: &&Read<'_>| matches!(read, Err(_) | Ok(Message::Call(_)));
        let calls = messages.iter().filter(wants_reply).count();
        let key = BatchReplies::new(calls).map(|replies| {
            talk.batches.insert(Batch {
                replies,
                ticket: sender.ticket,
                cors_origin: sender.cors_origin.map(Box::from),
            })
        });
        let mut places = key
            .into_iter()
            .flat_map(|batch| (0..calls).map(move |index| Place { batch, index }));
        for read in messages {
            let place = if wants_reply(&read) { places.next() } else { None };
            match (read, place) {
                (Err(malformed), Some(place)) => {
                    let id = malformed.id.map(rpc::Id::as_json);
                    let reply = rpc::error_reply(id, &malformed.error);
                    talk.batches.put(place, [Piece::Owned(reply)]);
                }
                (Ok(message), place) => self.on_batched(now, talk, sender, (message, place)),
                (Err(_), None) => {}
            }
        }
        match key {
            None => Some(Vec::new()),
            Some(key) => talk
                .batches
                .take_complete(key)
                .map(|batch| batch.replies.into_pieces()),
        }
    }

    /// One message of a batch. Those that want a reply have a place for it.
    fn on_batched(
        &mut self,
        now: Now,
        talk: &mut Talk,
        sender: &Sender<'_>,
        (message, place): (&Message<'_>, Option<Place>),
    ) {
        if let Message::Reply(reply) = message {
            match &sender.session {
                Some(session) => self.on_session_reply(session, reply),
                None => self.on_reply(reply, &talk.jobs),
            }
        }
        let context = sender.context(talk, now);
        let outcome = self.service.on_message(&context, message);
        self.note_changes();
        self.note_denied(now, talk, sender.principal);
        match (message, place, outcome) {
            (Message::Call(call), Some(place), outcome) => {
                let called = (place, call.id.as_json());
                self.on_batched_call(now, talk, sender, called, outcome);
            }
            (_, _, Outcome::Cancel(id)) => match &sender.session {
                Some(session) => self.on_session_cancel(Some(session), &id),
                None => self.on_cancel(talk, &id),
            },
            // What is no call gets no reply, not even one that says that it is wrong (JSON-RPC 2.0 section 4.1).
            _ => {}
        }
    }

    fn on_batched_call(
        &mut self,
        now: Now,
        talk: &mut Talk,
        sender: &Sender<'_>,
        (place, id): (Place, &str),
        outcome: Outcome,
    ) {
        let ended = match outcome {
            Outcome::Result { payload, effect } => self.batched_result(now, talk, sender, (payload, effect)),
            Outcome::Error { error, .. } => Ended::Error(error),
            Outcome::Work(mut call) => {
                match self.admission(now, sender.principal, call.work.leased_bytes()) {
                    Ok(()) => {
                        let caller = sender.caller(talk, (place, id), &mut call.hears);
                        return self.begin(now, talk, caller, sender.principal, *call);
                    }
                    Err(refused) => call.finish.ended(Err(refused)),
                }
            }
            Outcome::Script(mut call) => match self.admission(now, sender.principal, 0) {
                Ok(()) => {
                    let caller = sender.caller(talk, (place, id), &mut call.hears);
                    return self.begin_script(now, talk, caller, sender.principal, *call);
                }
                Err(refused) => call.finish.ended(Err(refused)),
            },
            // No revision has both batches and tasks.
            Outcome::Listen(_) | Outcome::Task(_) => Ended::Error(rpc::Error::invalid_request(
                "what is answered with a stream cannot be part of a batch",
            )),
            Outcome::Accepted | Outcome::Cancel(_) => return talk.batches.skip(place),
        };
        talk.batches.put(place, Form::Rpc.reply(id, ended));
    }

    /// The result of a call that needs no job, and what it changes.
    fn batched_result(
        &mut self,
        now: Now,
        talk: &mut Talk,
        sender: &Sender<'_>,
        (payload, effect): (Payload, Option<Effect>),
    ) -> Ended {
        if !self.has_room_in_batch(talk, payload.len()) {
            return Ended::Error(rpc::Error::internal_error(REPLIES_SHORT));
        }
        match (&sender.session, effect) {
            (Some(session), Some(effect)) => {
                if let Err(full) = self.change_session(now, session, &effect) {
                    return Ended::Error(rpc::Error::internal_error(full));
                }
            }
            (None, effect) => {
                if let Err(full) = self.change_talk(talk, effect) {
                    return Ended::Error(rpc::Error::internal_error(full));
                }
            }
            (Some(_), None) => {}
        }
        Ended::Result(payload)
    }

    /// Whether memory for replies has room for one more that waits in a batch. What this connection's batches hold is
    /// counted with what is new, because much of it may have come with the same read and be in no sum yet.
    fn has_room_in_batch(&self, talk: &Talk, bytes: usize) -> bool {
        let bytes_more = talk.batches.bytes() + bytes;
        bytes <= REPLY_IN_NEED_BYTES_MAX || self.memory.replies.leaves_reserve(&Held::default(), bytes_more)
    }
}
