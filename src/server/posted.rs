//! `POST /mcp`: one JSON-RPC message, in a legacy session or on its own. An array of them is for `batched`.

use super::access;
use super::connection::Talk;
use super::core::Core;
use super::exchange::{Answer, Asked, routing_fields};
use super::reply::Form;
use crate::mcp::session::{Need, Session};
use crate::mcp::{Abilities, Context, Effect, Outcome, Payload};
use crate::rpc::{self, Message};
use crate::time::Now;
use crate::wire::http::Request;

impl Core {
    /// One JSON-RPC message, or a batch of them.
    pub(super) fn on_post(
        &mut self,
        now: Now,
        talk: &mut Talk,
        request: Request<'_>,
        mut answer: Answer<'_, '_>,
    ) {
        if rpc::batch::is_batch(request.body()) {
            return self.on_post_batch(now, talk, request, answer);
        }
        let message = match rpc::decode(request.body(), &self.settings.limits) {
            Ok(message) => message,
            Err(malformed) => {
                let id = malformed.id.map(rpc::Id::as_json);
                return answer.json(400, Payload::Owned(rpc::error_reply(id, &malformed.error)));
            }
        };
        let (mut fields, params) = routing_fields(request);
        fields.params = &params;
        let (id, need) = match &message {
            Message::Call(call) => (Some(call.id.as_json()), Need::of_method(&call.method)),
            Message::Notification(_) | Message::Reply(_) => (None, Need::Optional),
        };
        answer.session = match self.session(now, &fields, need, &answer.caller) {
            Ok(session) => session,
            Err(refusal) => return answer.session_refusal(refusal, id),
        };
        if let (Message::Reply(reply), Some(session)) = (&message, &answer.session) {
            self.on_session_reply(session, reply);
        }
        let context = Context {
            fields: Some(fields),
            negotiated: answer.session.map(|session| session.revision),
            abilities: answer
                .session
                .map_or_else(Abilities::default, |session| session.abilities),
            principal: access::mark(&answer.caller),
            rights: access::rights(&answer.caller),
            client: answer
                .session
                .map_or_else(Default::default, |session| session.client),
            now,
        };
        let outcome = self.service.on_message(&context, &message);
        self.note_changes();
        self.note_denied(now, talk, answer.principal);
        self.on_outcome(now, talk, answer, (id, outcome));
    }

    fn on_outcome(
        &mut self,
        now: Now,
        talk: &mut Talk,
        answer: Answer<'_, '_>,
        (id, outcome): (Option<&str>, Outcome),
    ) {
        let id_text = id.unwrap_or("null");
        match outcome {
            Outcome::Result { payload, effect } => self.on_result(now, answer, id_text, (payload, effect)),
            Outcome::Error { error, http_status } => {
                self.answer_error(answer, http_status, rpc::error_reply(id, &error));
            }
            Outcome::Work(call) => self.on_tool_call(now, talk, asked(answer, id_text), *call),
            Outcome::Script(call) => self.on_script_call(now, talk, asked(answer, id_text), *call),
            Outcome::Listen(listen) => self.on_listen(now, talk, answer, *listen),
            Outcome::Task(call) => self.on_posted_task_call(now, talk, asked(answer, id_text), *call),
            Outcome::Accepted => answer.empty(202),
            Outcome::Cancel(call) => {
                self.on_session_cancel(answer.session.as_ref(), &call);
                answer.empty(202);
            }
        }
    }

    fn on_result(
        &mut self,
        now: Now,
        answer: Answer<'_, '_>,
        id: &str,
        (payload, effect): (Payload, Option<Effect>),
    ) {
        let mut body = Form::Rpc.pieces(id, payload);
        let Some(effect) = effect else {
            return answer.pieces(200, &mut body);
        };
        if let Some(session) = &answer.session
            && let Err(full) = self.change_session(now, session, &effect)
        {
            let error = rpc::Error::internal_error(full);
            return answer.json(200, Payload::Owned(rpc::error_reply(Some(id), &error)));
        }
        match self.begin_session(now, &effect, &answer.caller) {
            Some(session) => answer.opening(&session, &mut body),
            None => answer.pieces(200, &mut body),
        }
    }

    /// `notifications/cancelled`: the call gets no reply but the end of its exchange. Outside of a session the id alone
    /// does not say whose call is meant: taken note of.
    pub(super) fn on_session_cancel(&mut self, session: Option<&Session>, id: &str) {
        if let Some(job) = session.and_then(|session| self.call_of_session(session, id)) {
            self.later.push_back(super::later::Later::Cancel(job));
        }
    }
}

fn asked<'a, 'r>(answer: Answer<'a, 'r>, id: &'a str) -> Asked<'a, 'r> {
    Asked {
        answer,
        form: Form::Rpc,
        id,
    }
}
