//! `prompts/get`.

use serde_json::value::RawValue;

use super::entry::PromptEntry;
use super::methods::{Request, no_such_method, reply_with};
use super::mrtr::Returned;
use super::{Failure, Outcome, Service};
use crate::{json, rpc};

pub(super) fn on_get(service: &mut Service, request: &Request<'_>) -> Outcome {
    const METHOD: &str = "prompts/get";
    if !service.has_prompts() {
        return no_such_method(request, METHOD);
    }
    let Some(name) = request.params.name.and_then(json::text) else {
        return Outcome::error(rpc::Error::invalid_params("name must be the name of a prompt"));
    };
    let Some(entry) = service.prompt(&name) else {
        return Outcome::error(rpc::Error::unknown("prompt", &name));
    };
    if let Err(error) = check_arguments(entry, request.params.arguments) {
        return Outcome::error(error);
    }
    let returned = match Returned::parse(request, &service.keys, METHOD) {
        Ok(returned) => returned,
        Err(error) => return Outcome::error(error),
    };
    let hears = request.hears();
    let mut asked = request.asked(request.revision.form(), &hears);
    (asked.answers, asked.state) = (returned.answers, returned.state.as_deref());
    let reply = service
        .offers
        .iter_mut()
        .find_map(|offer| offer.prompt(&name, &asked));
    match reply {
        Some(reply) => reply_with(service, request, METHOD, Failure::ErrorReply, reply),
        None => Outcome::error(rpc::Error::unknown("prompt", &name)),
    }
}

/// All arguments are text, and those that the prompt needs are there with something in them.
fn check_arguments(entry: &PromptEntry, arguments: Option<&RawValue>) -> Result<(), rpc::Error> {
    let mut given = vec![false; entry.arguments.len()];
    let mut fault = None;
    let arguments = arguments.filter(|arguments| arguments.get() != "null");
    let read = json::each_member(arguments.map_or("{}", RawValue::get), |name, value| {
        let text = json::text(value);
        if text.is_none() && value.get() != "null" {
            fault = Some(format!("arguments.{name} must be a string"));
        }
        let known = entry.arguments.iter().position(|argument| argument.name == name);
        if let Some(index) = known {
            given[index] |= text.is_some_and(|text| !text.is_empty());
        }
    });
    if read.is_err() {
        return Err(rpc::Error::invalid_params(
            "arguments must be an object of strings",
        ));
    }
    if let Some(fault) = fault {
        return Err(rpc::Error::invalid_params(fault));
    }
    let missing = entry
        .arguments
        .iter()
        .zip(given)
        .find(|(argument, is_given)| argument.is_required && !is_given);
    match missing {
        None => Ok(()),
        Some((argument, _)) => Err(rpc::Error::invalid_params(format_args!(
            "the prompt {} needs the argument {}",
            entry.name, argument.name
        ))),
    }
}
