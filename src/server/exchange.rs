//! HTTP requests and their answers: which document, which status, which header lines.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::access::{self, Refusal};
use super::connection::{Held, Talk};
use super::content::{self, Accepts};
use super::core::{Core, Upgrade};
use super::headers;
use super::memory::{REPLIES_SHORT, REPLY_IN_NEED_BYTES_MAX};
use super::metrics::{Gauges, Metric};
use super::ready::Principal;
use super::reply::{Caller, Delivery, Form};
use super::route::Route;
use super::settings::Settings;
use super::tasks::Told;
use crate::access::Scope;
use crate::mcp::predecessor::rest;
use crate::mcp::script::Hears;
use crate::mcp::session::Session;
use crate::mcp::tasks::TaskCall;
use crate::mcp::{Context, Field, Finish, Outcome, Payload, RoutingFields, ScriptCall, ToolCall};
use crate::rpc;
use crate::time::Now;
use crate::wire::Serving;
use crate::wire::buffer::Piece;
use crate::wire::http::{HttpConnection, Next, Request, Responder, Response, Version, refusal_body};
use crate::wire::websocket::handshake;

impl Core {
    /// Answers every request that has come in whole.
    pub(super) fn serve_http(&mut self, now: Now, http: &mut HttpConnection, talk: &mut Talk) -> Upgrade {
        let common = self.common.at(now.wall);
        let settings = Arc::clone(self.settings_now());
        let serving = Serving {
            limits: &settings.limits,
            now: now.monotonic,
            common_headers: &common,
        };
        while talk.held != Held::Waits {
            match http.next(&serving) {
                Next::NeedMore => return Upgrade::No,
                Next::Failed(error) => {
                    self.metrics.count(Metric::RequestsRefused);
                    log::debug!("{}: {error}", talk.name());
                }
                Next::Request(request, responder) => {
                    // One that was held is looked at twice and counted once.
                    if std::mem::replace(&mut talk.held, Held::No) == Held::No {
                        self.metrics.count(Metric::RequestsReceived);
                    }
                    if self.on_request(now, talk, &settings, (request, responder)) == Upgrade::WebSocket {
                        return Upgrade::WebSocket;
                    }
                }
            }
        }
        Upgrade::No
    }

    fn on_request(
        &mut self,
        now: Now,
        talk: &mut Talk,
        settings: &Settings,
        (request, responder): (Request<'_>, Responder<'_>),
    ) -> Upgrade {
        if talk.origin.is_proxy() {
            talk.note_forwarded(settings, request);
        }
        let decided = self.decide(settings, request, &talk.certificate, now);
        self.fetch_wanted();
        let admitted = match decided {
            Ok(admitted) => admitted,
            Err(Refusal::KeysAwaited) => {
                talk.held = Held::Waits;
                responder.hold();
                self.wait_for_keys(now, talk.id);
                return Upgrade::No;
            }
            Err(refusal) => {
                self.refuse(talk, request, responder, refusal);
                return Upgrade::No;
            }
        };
        if settings.audit.is_some() {
            talk.note_client(request.field("user-agent"));
        }
        let route = admitted.route();
        let cors_origin = admitted.cors_origin();
        let caller = admitted.into_caller();
        self.accounts.note(&caller);
        let accepts = Accepts::of(request);
        let answer = Answer {
            responder,
            cors_origin,
            is_short: self.memory.replies.is_short(),
            principal: talk.principal_of(&caller),
            caller,
            session: None,
            takes_stream: accepts.stream,
        };
        if request.method() == "POST"
            && let Err((status, message)) = content::check(request, accepts)
        {
            answer.json(status, Payload::Owned(refusal_body(status, message)));
            return Upgrade::No;
        }
        match (route, request.method()) {
            (Route::Everything, _) | (_, "OPTIONS") => {
                let login = settings.logins.as_ref().map(|rule| &*rule.field);
                answer.options(request, &route.allow(), login);
            }
            (Route::Mcp, "GET") if handshake::is_upgrade(&request) => {
                return self.upgrade(talk, request, answer);
            }
            (Route::Mcp, "GET") => self.on_get(now, talk, request, answer),
            (Route::Mcp, "DELETE") => self.on_delete(now, request, answer),
            (Route::Channel, _) => self.on_channel(now, talk, answer),
            (Route::ChannelMessages, _) => self.on_channel_message(now, request, answer),
            (Route::Mcp, _) => self.on_post(now, talk, request, answer),
            (Route::ToolsCall, _) => self.on_rest_call(now, talk, request, answer),
            (Route::Resource, _) => answer.json(200, Payload::Owned(self.access.metadata())),
            (Route::Tools, _) => answer.json(200, self.service.rest_tools()),
            (Route::Health, _) => {
                self.probe_logins(now);
                let database = self.databases.all.status();
                answer.pieces(200, &mut self.health.pieces(now, settings.version, database));
            }
            (Route::Live, _) => answer.document(200, &self.snapshot(now).live()),
            (Route::Ready, _) => {
                let (ready, document) = self.snapshot(now).ready();
                answer.document(if ready { 200 } else { 503 }, &document);
            }
            (Route::Detailed, _) => {
                self.probe_logins(now);
                let (healthy, document) = self.snapshot(now).detailed();
                answer.document(if healthy { 200 } else { 503 }, &document);
            }
            (Route::Status, _) => answer.document(200, &self.snapshot(now).status()),
            (Route::Metrics, _) => {
                let gauges = Gauges {
                    bytes_buffered: self.memory.buffered.taken(),
                    replies_bytes: self.memory.replies.taken(),
                    connections: self.connections,
                    websockets: self.websockets,
                    calls: self.inflight.calls(),
                    steps: self.inflight.steps(),
                    workers: settings.limits.workers,
                    role_privileges: self.roles.privileges(),
                    uptime_seconds: now.monotonic.as_micros() as f64 / 1e6,
                };
                let text = self.metrics.to_text(settings.version, settings.engine, &gauges);
                answer.text(200, "text/plain; version=0.0.4", text);
            }
        }
        Upgrade::No
    }

    fn refuse(&mut self, talk: &Talk, request: Request<'_>, responder: Responder<'_>, refusal: Refusal) {
        match refusal {
            Refusal::Host | Refusal::Origin => self.metrics.count(Metric::OriginsRefused),
            Refusal::NoKey
            | Refusal::WrongKey
            | Refusal::ExpiredKey
            | Refusal::KeysAwaited
            | Refusal::KeysMissing
            | Refusal::NoLogin
            | Refusal::OddLogin
            | Refusal::TooManyLogins
            | Refusal::Scope(_) => {
                self.metrics.count(Metric::KeysRefused);
            }
            Refusal::Path | Refusal::Method(_) | Refusal::UnknownMethod => {}
        }
        log::debug!(
            "{}: {} {} refused, {}",
            talk.name(),
            request.method(),
            request.path(),
            refusal.message()
        );
        let words = self.access.words(refusal);
        let challenge = self.access.challenge(refusal);
        let allow = match refusal {
            Refusal::Method(route) => route.allow(),
            _ => String::new(),
        };
        let mut lines: Vec<_> = challenge
            .iter()
            .map(|challenge| ("WWW-Authenticate", challenge.as_str()))
            .collect();
        match refusal {
            Refusal::Method(_) => lines.push(("Allow", &allow)),
            Refusal::KeysMissing => lines.push(("Retry-After", "5")),
            Refusal::TooManyLogins => lines.push(("Retry-After", "60")),
            _ => {}
        }
        // A page on the list may learn why, and where to sign in.
        if let Some(origin) = access::readable_by(&self.settings, request, refusal) {
            lines.extend(headers::cors(origin));
        }
        // The codec keeps the connection in step by reading bodies whole, so a refused request need not close it.
        respond(
            responder,
            refusal.status(),
            &lines,
            &refusal_body(refusal.status(), &words),
        );
    }

    /// `GET /mcp` that asks for a WebSocket.
    fn upgrade(&mut self, talk: &mut Talk, request: Request<'_>, answer: Answer<'_, '_>) -> Upgrade {
        match handshake::accept(&request, request.method(), request.version() == Version::Http11) {
            Ok(accepted) => {
                let mut lines = vec![
                    ("Upgrade", "websocket"),
                    ("Sec-WebSocket-Accept", accepted.accept.as_str()),
                ];
                lines.extend(
                    accepted
                        .subprotocol
                        .map(|subprotocol| ("Sec-WebSocket-Protocol", subprotocol)),
                );
                let response = Response {
                    status: 101,
                    content_type: None,
                    headers: &lines,
                    body: &mut [],
                    close: false,
                };
                answer.responder.upgrade(response);
                talk.caller = answer.caller;
                self.metrics.count(Metric::WebSocketsOpened);
                Upgrade::WebSocket
            }
            Err(refusal) => {
                respond(
                    answer.responder,
                    refusal.status(),
                    refusal.headers(),
                    &refusal_body(refusal.status(), &refusal.to_string()),
                );
                Upgrade::No
            }
        }
    }

    /// `POST /mcp/tools/call`, in the three spellings of the program that this one replaces.
    fn on_rest_call(&mut self, now: Now, talk: &mut Talk, request: Request<'_>, answer: Answer<'_, '_>) {
        let context = Context {
            principal: access::mark(&answer.caller),
            rights: access::rights(&answer.caller),
            now,
            ..Context::default()
        };
        let (client_id, outcome) = self.service.on_rest_call(&context, request.body());
        self.note_denied(now, talk, answer.principal);
        let id = match client_id {
            Some(id) => Cow::Borrowed(id.as_json()),
            None => Cow::Owned(rest::quoted_id(self.entropy.uuid())),
        };
        match outcome {
            Outcome::Result { payload, effect: _ } => {
                answer.pieces(200, &mut Form::Rest.pieces(&id, payload))
            }
            Outcome::Error { error, http_status } => {
                self.answer_error(answer, http_status, rest::error_reply(&id, &error));
            }
            Outcome::Work(call) => {
                let asked = Asked {
                    answer,
                    form: Form::Rest,
                    id: &id,
                };
                self.on_tool_call(now, talk, asked, *call);
            }
            Outcome::Script(call) => {
                let asked = Asked {
                    answer,
                    form: Form::Rest,
                    id: &id,
                };
                self.on_script_call(now, talk, asked, *call);
            }
            Outcome::Accepted | Outcome::Cancel(_) | Outcome::Listen(_) | Outcome::Task(_) => {
                answer.empty(202);
            }
        }
    }

    /// An error in answer to a call. Where the caller lacks a right, the answer says which one to get (RFC 6750 section 3.1).
    pub(super) fn answer_error(&mut self, answer: Answer<'_, '_>, status: u16, body: Vec<u8>) {
        if status != 403 {
            return answer.json(status, Payload::Owned(body));
        }
        self.metrics.count(Metric::KeysRefused);
        let challenge = self.access.challenge(Refusal::Scope(Scope::Write));
        let challenge = challenge.unwrap_or_default();
        answer.send(
            status,
            Some("application/json"),
            &[("WWW-Authenticate", &challenge)],
            &mut [Piece::Owned(body)],
        );
    }

    pub(super) fn on_tool_call(
        &mut self,
        now: Now,
        talk: &mut Talk,
        asked: Asked<'_, '_>,
        mut call: ToolCall,
    ) {
        let bytes = call.work.leased_bytes();
        if let Some((caller, principal)) =
            self.admit((now, talk), asked, (&call.finish, &mut call.hears), bytes)
        {
            self.begin(now, talk, caller, principal, call);
        }
    }

    pub(super) fn on_script_call(
        &mut self,
        now: Now,
        talk: &mut Talk,
        asked: Asked<'_, '_>,
        mut call: ScriptCall,
    ) {
        if let Some((caller, principal)) = self.admit((now, talk), asked, (&call.finish, &mut call.hears), 0)
        {
            self.begin_script(now, talk, caller, principal, call);
        }
    }

    /// A call about tasks.
    pub(super) fn on_posted_task_call(
        &mut self,
        now: Now,
        talk: &mut Talk,
        asked: Asked<'_, '_>,
        call: TaskCall,
    ) {
        let Asked { answer, form, id } = &asked;
        let owner = self.owner((answer.session.as_ref(), None), answer.principal);
        match self.on_task_call(now, call, &owner) {
            Told::Now(ended) => {
                let mut body = form.reply(id, ended);
                asked.answer.pieces(200, &mut body);
            }
            Told::Ask(call) => self.on_tool_call(now, talk, asked, *call),
            Told::Wait(number, finish) => {
                if let Some((caller, principal)) =
                    self.admit((now, talk), asked, (&finish, &mut Hears::default()), 0)
                {
                    let job = self.begin_waiting(now, caller, principal, (number, finish));
                    talk.jobs.push(job);
                }
            }
        }
    }

    /// Who waits, and on whose account, if the call is admitted; else it has its reply.
    fn admit(
        &mut self,
        (now, talk): (Now, &Talk),
        asked: Asked<'_, '_>,
        (finish, hears): (&Finish, &mut Hears),
        statement_bytes: usize,
    ) -> Option<(Caller, Principal)> {
        let Asked { answer, form, id } = asked;
        let principal = answer.principal;
        if let Err(refused) = self.admission(now, principal, statement_bytes) {
            let after = refused.retry_after.filter(|_| form == Form::Rest);
            let reply = &mut form.reply(id, finish.clone().ended(Err(refused)));
            match after {
                Some(after) => answer.too_many(after, reply),
                // A model reads results; clients of MCP take another status for the end of the connection.
                None => answer.pieces(200, reply),
            }
            return None;
        }
        let mut hears = std::mem::take(hears);
        // A modern call says the level itself, or wants no log.
        if let Some(session) = &answer.session {
            hears.log_level = self.sessions.log_level(session.id);
        }
        let delivery = if answer.takes_stream && form == Form::Rpc {
            Delivery::Either
        } else {
            Delivery::Whole
        };
        let caller = Caller {
            connection: talk.id,
            cors_origin: answer.cors_origin.map(Box::from),
            ticket: Some(answer.responder.defer()),
            id: Box::from(id),
            form,
            delivery,
            hears,
            session: answer.session,
        };
        Some((caller, principal))
    }
}

/// A tool call that wants its reply.
pub(super) struct Asked<'a, 'r> {
    pub(super) answer: Answer<'a, 'r>,
    pub(super) form: Form,
    pub(super) id: &'a str,
}

/// The way back of one request.
pub(super) struct Answer<'a, 'r> {
    pub(super) responder: Responder<'r>,
    pub(super) cors_origin: Option<&'a str>,
    /// Memory for replies is short: only short ones are given.
    pub(super) is_short: bool,
    /// On whose account a call runs.
    pub(super) principal: Principal,
    /// Who asks.
    pub(super) caller: access::Caller,
    /// The legacy session that the request is in.
    pub(super) session: Option<Session>,
    /// Whether the answer may be a stream of events.
    pub(super) takes_stream: bool,
}

impl Answer<'_, '_> {
    pub(super) fn pieces(self, status: u16, body: &mut [Piece<'_>]) {
        self.send(status, Some("application/json"), &[], body);
    }

    /// The refusal of a plain call that may be tried again.
    fn too_many(self, after: Duration, body: &mut [Piece<'_>]) {
        let seconds = after.as_secs().max(1).to_string();
        self.send(429, Some("application/json"), &[("Retry-After", &seconds)], body);
    }

    /// A reply that begins a session.
    pub(super) fn opening(self, session: &str, body: &mut [Piece<'_>]) {
        self.send(
            200,
            Some("application/json"),
            &[("Mcp-Session-Id", session)],
            body,
        );
    }

    pub(super) fn json(self, status: u16, payload: Payload) {
        self.pieces(status, &mut [payload.into_piece()]);
    }

    fn document(self, status: u16, document: &Value) {
        self.json(status, Payload::Owned(document.to_string().into_bytes()));
    }

    fn text(self, status: u16, content_type: &'static str, text: String) {
        self.send(
            status,
            Some(content_type),
            &[],
            &mut [Piece::Owned(text.into_bytes())],
        );
    }

    /// An error, in answer to the call with this id if there is one.
    pub(super) fn error(self, status: u16, id: Option<&str>, message: &str) {
        let error = rpc::Error::invalid_request(message);
        let allow: &[(&str, &str)] = if status == 405 {
            &[("Allow", "POST, OPTIONS")]
        } else {
            &[]
        };
        let body = &mut [Piece::Owned(rpc::error_reply(id, &error))];
        self.send(status, Some("application/json"), allow, body);
    }

    /// A word for people.
    pub(super) fn pieces_of_text(self, status: u16, text: &str) {
        self.send(
            status,
            Some("text/plain"),
            &[],
            &mut [Piece::Borrowed(text.as_bytes())],
        );
    }

    pub(super) fn empty(self, status: u16) {
        self.send(status, None, &[], &mut []);
    }

    fn send(
        self,
        status: u16,
        content_type: Option<&'static str>,
        own: &[(&str, &str)],
        body: &mut [Piece<'_>],
    ) {
        if self.is_short && body.iter().map(Piece::len).sum::<usize>() > REPLY_IN_NEED_BYTES_MAX {
            let words = refusal_body(503, REPLIES_SHORT);
            return respond(self.responder, 503, &[("Retry-After", "5")], &words);
        }
        let cors = self.cors_origin.map(headers::cors);
        let cors = cors.as_ref().map_or(&[][..], |lines| lines.as_slice());
        let both;
        let headers = match (own, cors) {
            (own, []) => own,
            ([], cors) => cors,
            (own, cors) => {
                both = [own, cors].concat();
                &both
            }
        };
        self.responder.respond(Response {
            status,
            content_type,
            headers,
            body,
            close: false,
        });
    }

    /// A preflight of an allowed page, or what the path serves.
    fn options(self, request: Request<'_>, allow: &str, login: Option<&str>) {
        let is_preflight = request.field("access-control-request-method").is_some();
        let response = |headers| Response {
            status: 204,
            content_type: None,
            headers,
            body: &mut [],
            close: false,
        };
        match self.cors_origin {
            Some(origin) if is_preflight => {
                let sendable = headers::sendable(request.field("access-control-request-headers"), login);
                self.responder
                    .respond(response(&headers::preflight(origin, allow, &sendable)));
            }
            _ => self.responder.respond(response(&[("Allow", allow)])),
        }
    }
}

fn respond(responder: Responder<'_>, status: u16, headers: &[(&str, &str)], body: &[u8]) {
    let body = &mut [Piece::Borrowed(body)];
    responder.respond(Response {
        status,
        content_type: Some("application/json"),
        headers,
        body,
        close: false,
    });
}

/// Names and values of the fields that repeat arguments of a call.
type ParamFields<'a> = Vec<(&'a [u8], &'a [u8])>;

/// The fields of `request` that route it, and apart from them those that repeat arguments of a call, which go with them.
/// Mostly there are none, which one look at their names tells.
pub(super) fn routing_fields(request: Request<'_>) -> (RoutingFields<'_>, ParamFields<'_>) {
    let (mut fields, mut params) = (RoutingFields::default(), Vec::new());
    for (name, value) in request.raw_fields() {
        let Some(own) = behind(name, b"mcp-") else {
            continue;
        };
        let is = |wanted: &[u8]| own.eq_ignore_ascii_case(wanted);
        let field = if is(b"protocol-version") {
            &mut fields.protocol_version
        } else if is(b"method") {
            &mut fields.method
        } else if is(b"name") {
            &mut fields.name
        } else if is(b"session-id") {
            &mut fields.session
        } else {
            if behind(own, b"param-").is_some() {
                params.push((name, value));
            }
            continue;
        };
        *field = match field {
            Field::Absent => Field::Once(value),
            Field::Once(_) | Field::Repeated => Field::Repeated,
        };
    }
    (fields, params)
}

/// What follows `prefix`, in any case, in `name`.
fn behind<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (begin, rest) = name.split_at_checked(prefix.len())?;
    begin.eq_ignore_ascii_case(prefix).then_some(rest)
}
