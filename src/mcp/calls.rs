//! `tools/call`.

use serde_json::value::RawValue;

use super::methods::{Request, reply_with};
use super::mrtr::Returned;
use super::script::Hears;
use super::{Failure, Finish, Outcome, Payload, Revision, Service, ToolCall};
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
    if service.catalogue.find(&name).is_some() {
        return start(
            service,
            request.revision,
            &name,
            request.params.arguments,
            request.hears(),
        );
    }
    let hears = request.hears();
    let mut asked = request.asked(request.revision.form(), &hears);
    (asked.answers, asked.state) = (returned.answers, returned.state.as_deref());
    let reply = service
        .offers
        .iter_mut()
        .find_map(|offer| offer.call_tool(&name, &asked));
    match reply {
        Some(reply) => reply_with(service, request, METHOD, Failure::ToolResult, reply),
        None => Outcome::error(rpc::Error::unknown("tool", &name)),
    }
}

/// Starts the tool of the catalogue called `name`. Arguments that are not those of the tool give a failed result, not an
/// error: a model sees results, and can correct itself.
pub(super) fn start(
    service: &mut Service,
    revision: Revision,
    name: &str,
    arguments: Option<&RawValue>,
    hears: Hears,
) -> Outcome {
    let Some(tool) = service.catalogue.find(name) else {
        return Outcome::error(rpc::Error::unknown("tool", name));
    };
    let arguments = arguments.filter(|arguments| arguments.get() != "null");
    match service.catalogue.begin(tool, arguments, revision.form()) {
        Err(refused) => {
            service.denied = refused.denied;
            Outcome::result(Payload::Owned(refused.result))
        }
        Ok(work) => Outcome::Work(Box::new(ToolCall {
            work,
            finish: Finish {
                tool: tool.name,
                revision,
                failure: Failure::ToolResult,
            },
            hears,
        })),
    }
}
