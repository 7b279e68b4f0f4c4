//! `resources/read`.

use super::methods::{Request, no_such_method, reply_with};
use super::mrtr::Returned;
use super::tasks::Mode;
use super::{Failure, Finish, Outcome, Service, ToolCall};
use crate::tools::{self, result::ResultPlace};
use crate::{json, rpc};

/// Bytes of a URI. Names in it are at most 255 characters each, percent-encoded; beyond that it names nothing here.
pub(super) const URI_BYTES_MAX: usize = 16 << 10;

const METHOD: &str = "resources/read";

pub(super) fn on_read(service: &mut Service, request: &Request<'_>) -> Outcome {
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
    if let Some(place) = ResultPlace::of_uri(&uri) {
        return read_result(service, request, &uri, &place);
    }
    let hears = request.hears();
    let form = service.account_form(request.revision);
    let mut asked = request.asked(form, &hears);
    (asked.answers, asked.state) = (returned.answers, returned.state.as_deref());
    let reply = service
        .offers
        .iter_mut()
        .find_map(|offer| offer.read_resource(&uri, &asked));
    match reply {
        Some(reply) => reply_with(
            service,
            request,
            METHOD,
            Failure::Resource(uri.into(), form),
            reply,
        ),
        None => Outcome::error(request.revision.resource_not_found(&uri)),
    }
}

/// Rows of an earlier statement, as `get_query_result` reads them.
fn read_result(service: &mut Service, request: &Request<'_>, uri: &str, place: &ResultPlace) -> Outcome {
    let (revision, traceparent) = (request.revision, request.traceparent());
    let call = tools::Call {
        form: revision.result_form(),
        ran: Some(&service.history),
        ..request.call(&service.keys, traceparent.as_deref())
    };
    let document = service
        .catalogue
        .rows_document(place, &call, revision.passing_form());
    match document {
        Ok(work) => Outcome::Work(Box::new(ToolCall {
            work,
            finish: Finish {
                tool: METHOD,
                revision,
                failure: Failure::Rows(uri.into()),
                fence: None,
            },
            hears: request.hears(),
            mode: Mode::Now,
        })),
        Err(refused) => {
            service.denied = refused.denied;
            Outcome::error(revision.resource_not_found(uri).because(refused.reason))
        }
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
