//! The table method → handler: the first file to open. And what all handlers use: the call, and the way from an offer's
//! reply to an outcome.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::offer::{Asked, Reply};
use super::params::{Params, client_of};
use super::script::Hears;
use super::tasks::{self, Mode};
use super::{
    Abilities, Context, Failure, Finish, Level, Outcome, Payload, Revision, ScriptCall, Service, ToolCall,
    calls, completion, lifecycle, lists, logging, mrtr, prompts, resources, subscriptions,
};
use crate::token::Keys;
use crate::tools::{self, Form};
use crate::{json, rpc};

/// A call whose surroundings were found right.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// The id, as JSON text.
    pub(super) id: &'a str,
    /// What the reply is written in.
    pub(super) revision: Revision,
    /// What the client can be asked for.
    pub(super) abilities: Abilities,
    /// The parameters.
    pub(super) params: Params<'a>,
    /// How it came.
    pub(super) context: Context<'a>,
}

impl<'a> Request<'a> {
    /// What the caller wants to hear before its reply. A modern call says the level itself; a legacy session's is the
    /// server's to know.
    pub(super) fn hears(&self) -> Hears {
        let meta = &self.params.meta;
        let is_token = |token: &&RawValue| json::is_integer(token) || json::text(token).is_some();
        let log_level = meta.log_level.filter(|_| self.revision.is_modern());
        Hears {
            progress_token: meta
                .progress_token
                .filter(is_token)
                .map(|token| Box::from(token.get())),
            log_level: log_level
                .and_then(json::text)
                .and_then(|level| Level::parse(&level)),
        }
    }

    /// What a tool is told of the call.
    pub(super) fn call<'b>(&'b self, keys: &'b Keys, traceparent: Option<&'b str>) -> tools::Call<'b> {
        let is_modern = self.revision.is_modern();
        tools::Call {
            form: self.revision.form(),
            now: self.context.now,
            principal: self.context.principal,
            rights: self.context.rights,
            client: match self.params.meta.client_info.filter(|_| is_modern) {
                Some(info) => client_of(Some(info)),
                None => self.context.client,
            },
            request_id: self.id,
            traceparent,
            keys,
            ran: None,
        }
    }

    /// `traceparent` of `_meta`.
    pub(super) fn traceparent(&self) -> Option<Cow<'a, str>> {
        self.params.meta.traceparent.and_then(json::text)
    }

    /// What an offer is told, without what came back from the client.
    pub(super) fn asked<'b>(&self, form: Form, hears: &'b Hears) -> Asked<'b>
    where
        'a: 'b,
    {
        Asked {
            revision: self.revision,
            form,
            abilities: self.abilities,
            // What holds for a key holds whatever login comes beside it.
            principal: self.context.rights.credential.unwrap_or(self.context.principal),
            arguments: self.params.arguments,
            answers: None,
            state: None,
            hears,
            mode: Mode::Now,
            login: self.context.rights.login,
            now: self.context.now,
        }
    }
}

/// In which revisions a method exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eras {
    Legacy,
    Modern,
    Both,
    /// Where tasks are part of the core.
    CoreTasks,
    /// There, and where they are an extension.
    Tasks,
}

type Handler = fn(&mut Service, &Request<'_>) -> Outcome;

const METHODS: [(&str, Eras, Handler); 20] = [
    ("initialize", Eras::Legacy, lifecycle::on_initialize),
    ("ping", Eras::Legacy, lifecycle::on_ping),
    ("server/discover", Eras::Modern, lifecycle::on_discover),
    ("tools/call", Eras::Both, calls::on_tools_call),
    ("tools/list", Eras::Both, lists::on_tools_list),
    ("resources/list", Eras::Both, lists::on_resources_list),
    ("resources/read", Eras::Both, resources::on_read),
    ("resources/templates/list", Eras::Both, lists::on_templates_list),
    ("resources/subscribe", Eras::Legacy, subscriptions::on_subscribe),
    (
        "resources/unsubscribe",
        Eras::Legacy,
        subscriptions::on_unsubscribe,
    ),
    ("subscriptions/listen", Eras::Modern, subscriptions::on_listen),
    ("prompts/get", Eras::Both, prompts::on_get),
    ("prompts/list", Eras::Both, lists::on_prompts_list),
    ("completion/complete", Eras::Both, completion::on_complete),
    ("logging/setLevel", Eras::Legacy, logging::on_set_level),
    ("tasks/get", Eras::Tasks, tasks::on_get),
    ("tasks/cancel", Eras::Tasks, tasks::on_cancel),
    ("tasks/update", Eras::Modern, tasks::on_update),
    ("tasks/result", Eras::CoreTasks, tasks::on_result),
    ("tasks/list", Eras::CoreTasks, tasks::on_list),
];

/// The handler of `method` in `revision`.
pub(super) fn find(method: &str, revision: Revision) -> Option<Handler> {
    let (_, eras, handler) = METHODS.iter().find(|(name, ..)| *name == method)?;
    let exists = match eras {
        Eras::Legacy => !revision.is_modern(),
        Eras::Modern => revision.is_modern(),
        Eras::Both => true,
        Eras::CoreTasks => revision.has_core_tasks(),
        Eras::Tasks => revision.has_core_tasks() || revision.is_modern(),
    };
    exists.then_some(*handler)
}

/// The reply to a method that does not exist, in this revision or because nothing of its kind is offered.
pub(super) fn no_such_method(request: &Request<'_>, method: &str) -> Outcome {
    Outcome::Error {
        error: rpc::Error::method_not_found(method),
        http_status: if request.revision.is_modern() { 404 } else { 200 },
    }
}

/// What an offer's reply leads to.
pub(super) fn reply_with(
    service: &mut Service,
    request: &Request<'_>,
    method: &'static str,
    failure: Failure,
    reply: Reply,
) -> Outcome {
    let finish = Finish {
        tool: method,
        revision: request.revision,
        failure,
        fence: None,
    };
    match reply {
        Reply::Result(members) => {
            let form = form_of(service, method, request);
            Outcome::result(Payload::Owned(form.object(&[&members])))
        }
        Reply::Error(error) => Outcome::error(error),
        Reply::Work(mut work) => {
            let traceparent = request.traceparent();
            let call = request.call(&service.keys, traceparent.as_deref());
            work.query_tag = Some(call.query_tag(method));
            work.context.login = call.rights.login.cloned();
            let call = ToolCall {
                work,
                finish,
                hears: request.hears(),
                mode: Mode::Now,
            };
            service.work_or_kept(call, request.context.now)
        }
        Reply::Script(script) => Outcome::Script(Box::new(ScriptCall {
            script,
            finish,
            hears: request.hears(),
            mode: Mode::Now,
        })),
        Reply::InputRequired { questions, state } => {
            mrtr::input_required(request, &service.keys, method, &questions, state.as_deref())
        }
        Reply::MissingCapability(ability) => mrtr::missing_capability(request, ability),
    }
}

/// What stands around the members of a method's result.
fn form_of(service: &Service, method: &str, request: &Request<'_>) -> Form {
    match method {
        "resources/list" | "resources/read" => service.account_form(request.revision),
        _ => request.revision.form(),
    }
}
