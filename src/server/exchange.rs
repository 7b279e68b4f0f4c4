//! HTTP requests and their answers: which document, which status, which header lines.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::connection::Talk;
use super::content;
use super::core::{Core, Upgrade};
use super::headers;
use super::memory::{REPLIES_SHORT, REPLY_IN_NEED_BYTES_MAX};
use super::metrics::{Gauges, Metric};
use super::ready::Principal;
use super::reply::{Caller, Form};
use super::route::{self, Admitted, Refusal, Route};
use crate::mcp::predecessor::rest;
use crate::mcp::{Context, Field, Outcome, Payload, RoutingFields, ToolCall};
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
        loop {
            match http.next(&serving) {
                Next::NeedMore => return Upgrade::No,
                Next::Failed(error) => {
                    self.metrics.count(Metric::RequestsRefused);
                    log::debug!("{}: {error}", talk.id);
                }
                Next::Request(request, responder) => {
                    self.metrics.count(Metric::RequestsReceived);
                    if self.on_request(now, talk, request, responder) == Upgrade::WebSocket {
                        return Upgrade::WebSocket;
                    }
                }
            }
        }
    }

    fn on_request(
        &mut self,
        now: Now,
        talk: &mut Talk,
        request: Request<'_>,
        responder: Responder<'_>,
    ) -> Upgrade {
        let settings = Arc::clone(&self.settings);
        let admitted = match route::admit(&settings, request) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                self.refuse(talk, request, responder, refusal);
                return Upgrade::No;
            }
        };
        let answer = Answer {
            responder,
            cors_origin: admitted.cors_origin,
            is_short: self.memory.replies.is_short(),
            principal: admitted
                .key
                .map_or(Principal::Connection(talk.id), Principal::Key),
        };
        if request.method() == "POST"
            && let Err((status, message)) = content::check(request)
        {
            answer.json(status, Payload::Owned(refusal_body(status, message)));
            return Upgrade::No;
        }
        match (admitted.route, request.method()) {
            (Route::Everything, _) | (_, "OPTIONS") => answer.options(request, admitted.route.allow()),
            (Route::Mcp, "GET") => return self.upgrade(talk, request, answer, admitted),
            (Route::Mcp, _) => self.on_post(now, talk, request, answer),
            (Route::ToolsCall, _) => self.on_rest_call(now, talk, request, answer),
            (Route::Tools, _) => answer.json(200, self.service.rest_tools()),
            (Route::Health, _) => answer.pieces(200, &mut self.health.pieces(now, settings.version)),
            (Route::Live, _) => answer.document(200, &self.snapshot(now).live()),
            (Route::Ready, _) => {
                let (ready, document) = self.snapshot(now).ready();
                answer.document(if ready { 200 } else { 503 }, &document);
            }
            (Route::Detailed, _) => {
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
            Refusal::Key { .. } => self.metrics.count(Metric::KeysRefused),
            Refusal::Path | Refusal::Method(_) | Refusal::UnknownMethod => {}
        }
        log::debug!(
            "{}: {} {} refused, {}",
            talk.id,
            request.method(),
            request.path(),
            refusal.message()
        );
        let line = match refusal {
            Refusal::Method(route) => Some(("Allow", route.allow())),
            Refusal::Key { presented: false } => Some(("WWW-Authenticate", "Bearer realm=\"snowflake-mcp\"")),
            Refusal::Key { presented: true } => Some((
                "WWW-Authenticate",
                "Bearer realm=\"snowflake-mcp\", error=\"invalid_token\"",
            )),
            Refusal::Host | Refusal::Origin | Refusal::Path | Refusal::UnknownMethod => None,
        };
        // The codec keeps the connection in step by reading bodies whole, so a refused request need not close it.
        respond(
            responder,
            refusal.status(),
            line.as_slice(),
            &refusal_body(refusal.status(), refusal.message()),
        );
    }

    /// `GET /mcp`: a WebSocket, or nothing that is served here.
    fn upgrade(
        &mut self,
        talk: &mut Talk,
        request: Request<'_>,
        answer: Answer<'_, '_>,
        admitted: Admitted<'_>,
    ) -> Upgrade {
        if !handshake::is_upgrade(&request) {
            let message = "there is no stream to read here: POST JSON-RPC messages, or open a WebSocket";
            respond(
                answer.responder,
                405,
                &[("Allow", Route::Mcp.allow())],
                &refusal_body(405, message),
            );
            return Upgrade::No;
        }
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
                talk.key = admitted.key;
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

    /// `POST /mcp`: one JSON-RPC message.
    fn on_post(&mut self, now: Now, talk: &mut Talk, request: Request<'_>, answer: Answer<'_, '_>) {
        let settings = Arc::clone(&self.settings);
        let message = match rpc::decode(request.body(), &settings.limits) {
            Ok(message) => message,
            Err(malformed) => {
                let id = malformed.id.map(rpc::Id::as_json);
                return answer.json(400, Payload::Owned(rpc::error_reply(id, &malformed.error)));
            }
        };
        let context = Context {
            fields: Some(routing_fields(request)),
            negotiated: None,
            now,
        };
        let id = match &message {
            rpc::Message::Call(call) => Some(call.id.as_json()),
            rpc::Message::Notification(_) | rpc::Message::Reply => None,
        };
        match self.service.on_message(&context, &message) {
            Outcome::Result {
                payload,
                negotiated: _,
            } => {
                answer.pieces(200, &mut Form::Rpc.pieces(id.unwrap_or("null"), payload));
            }
            Outcome::Error { error, http_status } => {
                answer.json(http_status, Payload::Owned(rpc::error_reply(id, &error)));
            }
            Outcome::Work(call) => {
                let asked = Asked {
                    answer,
                    form: Form::Rpc,
                    id: id.unwrap_or("null"),
                };
                self.on_tool_call(now, talk, asked, *call);
            }
            // A posted cancel names a request of another connection, which may be somebody else's: taken note of.
            Outcome::Accepted | Outcome::Cancel(_) => answer.empty(202),
        }
    }

    /// `POST /mcp/tools/call`, in the three spellings of the program that this one replaces.
    fn on_rest_call(&mut self, now: Now, talk: &mut Talk, request: Request<'_>, answer: Answer<'_, '_>) {
        let (client_id, outcome) = self.service.on_rest_call(request.body());
        let id = match client_id {
            Some(id) => Cow::Borrowed(id.as_json()),
            None => Cow::Owned(rest::quoted_id(self.entropy.uuid())),
        };
        match outcome {
            Outcome::Result {
                payload,
                negotiated: _,
            } => answer.pieces(200, &mut Form::Rest.pieces(&id, payload)),
            Outcome::Error { error, http_status } => {
                answer.json(http_status, Payload::Owned(rest::error_reply(&id, &error)));
            }
            Outcome::Work(call) => {
                let asked = Asked {
                    answer,
                    form: Form::Rest,
                    id: &id,
                };
                self.on_tool_call(now, talk, asked, *call);
            }
            Outcome::Accepted | Outcome::Cancel(_) => answer.empty(202),
        }
    }

    fn on_tool_call(&mut self, now: Now, talk: &mut Talk, asked: Asked<'_, '_>, call: ToolCall) {
        let Asked { answer, form, id } = asked;
        let principal = answer.principal;
        match self.admission(principal, &call) {
            Err(refused) => answer.pieces(200, &mut form.pieces(id, call.finish.payload(Err(refused)))),
            Ok(()) => {
                let cors_origin = answer.cors_origin.map(Box::from);
                let ticket = Some(answer.responder.defer());
                let caller = Caller {
                    connection: talk.id,
                    ticket,
                    id: Box::from(id),
                    form,
                    cors_origin,
                };
                self.begin(now, talk, caller, principal, call);
            }
        }
    }
}

/// A tool call that wants its reply.
struct Asked<'a, 'r> {
    answer: Answer<'a, 'r>,
    form: Form,
    id: &'a str,
}

/// The way back of one request.
struct Answer<'a, 'r> {
    responder: Responder<'r>,
    cors_origin: Option<&'a str>,
    /// Memory for replies is short: only short ones are given.
    is_short: bool,
    /// On whose account a call runs.
    principal: Principal,
}

impl Answer<'_, '_> {
    fn pieces(self, status: u16, body: &mut [Piece<'_>]) {
        self.send(status, Some("application/json"), body);
    }

    fn json(self, status: u16, payload: Payload) {
        self.pieces(status, &mut [payload.into_piece()]);
    }

    fn document(self, status: u16, document: &Value) {
        self.json(status, Payload::Owned(document.to_string().into_bytes()));
    }

    fn text(self, status: u16, content_type: &str, text: String) {
        self.send(status, Some(content_type), &mut [Piece::Owned(text.into_bytes())]);
    }

    fn empty(self, status: u16) {
        self.send(status, None, &mut []);
    }

    fn send(self, status: u16, content_type: Option<&str>, body: &mut [Piece<'_>]) {
        if self.is_short && body.iter().map(Piece::len).sum::<usize>() > REPLY_IN_NEED_BYTES_MAX {
            let words = refusal_body(503, REPLIES_SHORT);
            return respond(self.responder, 503, &[("Retry-After", "5")], &words);
        }
        let cors = self.cors_origin.map(headers::cors);
        let headers = cors.as_ref().map_or(&[][..], |lines| lines.as_slice());
        self.responder.respond(Response {
            status,
            content_type,
            headers,
            body,
            close: false,
        });
    }

    /// A preflight of an allowed page, or what the path serves.
    fn options(self, request: Request<'_>, allow: &str) {
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
                self.responder
                    .respond(response(&headers::preflight(origin, allow)));
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

fn routing_fields(request: Request<'_>) -> RoutingFields<'_> {
    let field = |name| {
        let mut lines = request.field_lines(name);
        match (lines.next(), lines.next()) {
            (None, _) => Field::Absent,
            (Some(value), None) => Field::Once(value),
            (Some(_), Some(_)) => Field::Repeated,
        }
    };
    RoutingFields {
        protocol_version: field("mcp-protocol-version"),
        method: field("mcp-method"),
        name: field("mcp-name"),
        session: field("mcp-session-id"),
    }
}
