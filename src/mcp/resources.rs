//! `resources/read`.

use super::methods::{Request, no_such_method, reply_with};
use super::mrtr::Returned;
use super::{Failure, Outcome, Service};
use crate::{json, rpc};

/// Bytes of a URI. Names in it are at most 255 characters each, percent-encoded; beyond that it names nothing here.
pub(super) const URI_BYTES_MAX: usize = 16 << 10;

pub(super) fn on_read(service: &mut Service, request: &Request<'_>) -> Outcome {
    const METHOD: &str = "resources/read";
    if !service.has_resources() {
        return no_such_method(request, METHOD);
    }
    let uri = match uri_of(request) {
        Ok(uri) => uri,
        Err(error) => return Outcome::error(error),
    };
    let returned = match Returned::parse(request, &service.keys, METHOD) {
        Ok(returned) => returned,
        Err(error) => return Outcome::error(error),
    };
    let hears = request.hears();
    let mut asked = request.asked(request.revision.account_form(), &hears);
    (asked.answers, asked.state) = (returned.answers, returned.state.as_deref());
    let reply = service
        .offers
        .iter_mut()
        .find_map(|offer| offer.read_resource(&uri, &asked));
    match reply {
        Some(reply) => reply_with(service, request, METHOD, Failure::Resource(uri.into()), reply),
        None => Outcome::error(request.revision.resource_not_found(&uri)),
    }
}

/// The `uri` member.
///
/// # Errors
/// -32602 where it is no text, or too long.
pub(super) fn uri_of(request: &Request<'_>) -> Result<String, rpc::Error> {
    let Some(uri) = request.params.uri.and_then(json::text) else {
        return Err(rpc::Error::invalid_params("uri must be a string"));
    };
    if uri.len() > URI_BYTES_MAX {
        return Err(rpc::Error::invalid_params(format_args!(
            "uri has {} bytes, the limit is {URI_BYTES_MAX}",
            uri.len()
        )));
    }
    Ok(uri.into_owned())
}
