//! `logging/setLevel`: which log messages a legacy session wants. A modern call says it itself, every time.

use super::methods::Request;
use super::{Effect, Level, Outcome, Payload, Service};
use crate::{json, rpc};

pub(super) fn on_set_level(_service: &mut Service, request: &Request<'_>) -> Outcome {
    let level = request.params.level.and_then(json::text);
    match level.and_then(|level| Level::parse(&level)) {
        Some(level) => Outcome::Result {
            payload: Payload::Static("{}"),
            effect: Some(Effect::LogLevel(level)),
        },
        None => Outcome::error(rpc::Error::invalid_params(format_args!(
            "level must be one of {}",
            Level::names()
        ))),
    }
}
