//! `tools/call`.

use serde_json::value::RawValue;

use super::methods::{Request, reply_with};
use super::mrtr::{self, Returned};
use super::script::{Event, Hears, Next, Notice, Script};
use super::tasks::{self, Mode, Support, Wish};
use super::{Failure, Finish, Outcome, Payload, Revision, ScriptCall, Service, ToolCall};
use crate::entropy::Entropy;
use crate::tools::{self, Begun, Consent};
use crate::{json, rpc};

pub(super) fn on_tools_call(service: &mut Service, request: &Request<'_>) -> Outcome {
    const METHOD: &str = "tools/call";
    let Some(name) = request.params.name.and_then(json::text) else {
        return Outcome::error(rpc::Error::invalid_params("name must be the name of a tool"));
    };
    let returned = match Returned::parse(request, &service.keys, METHOD) {
        Ok(returned) => returned,
        Err(error) => return Outcome::error(error),
    };
    let mode = match mode(service, request, &name) {
        Ok(mode) => mode,
        Err(error) if request.revision.is_modern() => return Outcome::refused(error),
        Err(error) => return Outcome::error(error),
    };
    if service.catalogue.find(&name).is_some() {
        let traceparent = request.traceparent();
        let keys = service.keys.clone();
        let call = request.call(&keys, traceparent.as_deref());
        let asked = (request.revision, &*name, request.params.arguments);
        let consent = match mode {
            // A task's result is its end.
            Mode::Task { .. } => mrtr::consent_of_task(&returned),
            _ => mrtr::consent(request, &keys, METHOD, &returned),
        };
        let outcome = start(service, asked, &call, (request.hears(), consent));
        return in_mode(request, mode, outcome);
    }
    let hears = request.hears();
    let mut asked = request.asked(request.revision.form(), &hears);
    (asked.answers, asked.state) = (returned.answers, returned.state.as_deref());
    asked.mode = mode;
    let reply = service
        .offers
        .iter_mut()
        .find_map(|offer| offer.call_tool(&name, &asked));
    match reply {
        Some(reply) => {
            let outcome = reply_with(service, request, METHOD, Failure::ToolResult, reply);
            in_mode(request, mode, outcome)
        }
        None => Outcome::error(rpc::Error::unknown("tool", &name)),
    }
}

/// Whether the call is answered with a task.
fn mode(service: &Service, request: &Request<'_>, name: &str) -> Result<Mode, rpc::Error> {
    let params = &request.params;
    let wish = Wish::read(params.task, params.meta.client_capabilities)?;
    let support = match service.catalogue.find(name) {
        Some(tool) => tasks::support_of(tool),
        None => {
            let mut entries = service.offers.iter().flat_map(|offer| offer.tools());
            let entry = entries.find(|entry| entry.name == name);
            entry.map_or(Support::Forbidden, |entry| entry.task_support)
        }
    };
    Mode::of_call(request.revision, support, wish)
}

/// What becomes of a call in this mode. A client of the core form that asked for a task gets one also where the result is
/// there at once; one with the extension takes either.
fn in_mode(request: &Request<'_>, mode: Mode, outcome: Outcome) -> Outcome {
    let must_be_task = matches!(mode, Mode::Task { .. }) && !request.revision.is_modern();
    match outcome {
        Outcome::Work(mut call) => {
            call.mode = mode;
            Outcome::Work(call)
        }
        Outcome::Script(mut call) => {
            call.mode = mode;
            Outcome::Script(call)
        }
        Outcome::Result { payload, .. } if must_be_task => {
            let finish = Finish {
                tool: "tools/call",
                revision: request.revision,
                failure: Failure::ToolResult,
                fence: None,
            };
            Outcome::Script(Box::new(ScriptCall {
                script: Box::new(Known(Some(payload))),
                finish,
                hears: request.hears(),
                mode,
            }))
        }
        other => other,
    }
}

/// A call whose end was known when it came.
#[derive(Debug)]
struct Known(Option<Payload>);

impl Script for Known {
    fn resume(&mut self, _event: Event<'_>, _notices: &mut Vec<Notice>) -> Next {
        match self.0.take() {
            Some(payload) => Next::Done(payload),
            None => Next::Failed(rpc::Error::internal_error("the call has ended before")),
        }
    }
}

/// Starts the tool of the catalogue called `name`. Arguments that are not those of the tool give a failed result, not an
/// error: a model sees results, and can correct itself.
pub(super) fn start(
    service: &mut Service,
    (revision, name, arguments): (Revision, &str, Option<&RawValue>),
    call: &tools::Call<'_>,
    (hears, consent): (Hears, Consent),
) -> Outcome {
    let Some(tool) = service.catalogue.find(name) else {
        return Outcome::error(rpc::Error::unknown("tool", name));
    };
    let form = tools::Form {
        fence: service.fences.as_mut().map(Fences::draw),
        ..call.form
    };
    let ran = Some(&service.history);
    let call = &tools::Call { form, ran, ..*call };
    let now = call.now;
    let arguments = arguments.filter(|arguments| arguments.get() != "null");
    match service
        .catalogue
        .begin_with_consent(tool, arguments, call, consent)
    {
        Err(refused) if refused.needs_write => {
            service.denied = refused.denied;
            Outcome::Error {
                error: rpc::Error::insufficient_scope(WRITE_SCOPE),
                http_status: 403,
            }
        }
        Err(refused) => {
            service.denied = refused.denied;
            Outcome::result(Payload::Owned(refused.result))
        }
        Ok(Begun::Told(told)) => Outcome::result(Payload::Owned(told)),
        Ok(Begun::Listed(asking)) => Outcome::result(Payload::Owned(service.history.tell(&asking))),
        Ok(Begun::Work(work)) => {
            let finish = Finish {
                tool: tool.name,
                revision,
                failure: Failure::ToolResult,
                fence: form.fence,
            };
            let started = ToolCall {
                work,
                finish,
                hears,
                mode: Mode::Now,
            };
            service.work_or_kept(started, now)
        }
    }
}

/// How keys and tokens call the right to write; `access` knows it as `Scope::Write`.
pub const WRITE_SCOPE: &str = "snowflake:write";

/// Draws the marks of calls. A counter under a key that was drawn at the start: nobody outside can know the next.
#[derive(Debug)]
pub(super) struct Fences {
    key: ring::hmac::Key,
    drawn: u64,
}

impl Fences {
    pub(super) fn new(entropy: &mut dyn Entropy) -> Self {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        Self {
            key: ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key),
            drawn: 0,
        }
    }

    fn draw(&mut self) -> tools::Fence {
        self.drawn += 1;
        let tag = ring::hmac::sign(&self.key, &self.drawn.to_be_bytes());
        let mut bytes = [0; 6];
        bytes.copy_from_slice(&tag.as_ref()[..6]);
        tools::Fence::new(bytes)
    }
}
