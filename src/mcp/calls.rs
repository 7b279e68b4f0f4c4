//! `tools/list` and `tools/call`.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::lifecycle::LIST_TTL;
use super::methods::Request;
use super::script::Hears;
use super::{Failure, Finish, Outcome, Payload, Revision, Service, ToolCall};
use crate::tools::{ANNOTATIONS, Catalogue, Tool};
use crate::{json, rpc};

/// The result of `tools/list`: of each tool, what the revision defines and nothing else.
pub(super) fn encode_list(catalogue: &Catalogue, revision: Revision) -> Arc<[u8]> {
    let mut result = b"{".to_vec();
    result.extend_from_slice(revision.result_before().as_bytes());
    result.extend_from_slice(b"\"tools\":[");
    for (index, tool) in catalogue.tools().iter().enumerate() {
        if index > 0 {
            result.push(b',');
        }
        push_tool(&mut result, tool, revision);
    }
    result.push(b']');
    if revision.has_caching_hints() {
        result.push(b',');
        result.extend_from_slice(LIST_TTL.as_bytes());
    }
    result.extend_from_slice(revision.result_after().as_bytes());
    result.push(b'}');
    result.into()
}

fn push_tool(into: &mut Vec<u8>, tool: &Tool, revision: Revision) {
    into.push(b'{');
    tool.push_basics(into);
    if revision.has_titles() {
        into.extend_from_slice(b",\"title\":");
        json::push_string(into, tool.title);
    }
    if revision.has_structured_content() {
        into.extend_from_slice(b",\"outputSchema\":");
        into.extend_from_slice(tool.output_schema.as_bytes());
    }
    if revision.has_annotations() {
        into.extend_from_slice(b",\"annotations\":{\"title\":");
        json::push_string(into, tool.title);
        into.push(b',');
        into.extend_from_slice(ANNOTATIONS.as_bytes());
        into.push(b'}');
    }
    into.push(b'}');
}

pub(super) fn on_tools_list(service: &mut Service, request: &Request<'_>) -> Outcome {
    // The list has one page, so no cursor was ever given out. The empty one stands for the beginning.
    if request
        .params
        .cursor
        .is_some_and(|cursor| !matches!(cursor.get(), "\"\"" | "null"))
    {
        return Outcome::error(rpc::Error::invalid_params("cursor is not one of this server's"));
    }
    let encoded = service.encoded(request.revision);
    Outcome::result(Payload::Shared(Arc::clone(&encoded.tools)))
}

pub(super) fn on_tools_call(service: &mut Service, request: &Request<'_>) -> Outcome {
    let Some(name) = request.params.name.and_then(json::text) else {
        return Outcome::error(rpc::Error::invalid_params("name must be the name of a tool"));
    };
    start(
        service,
        request.revision,
        &name,
        request.params.arguments,
        request.hears(),
    )
}

/// Starts the tool called `name`. Arguments that are not those of the tool give a failed result, not an error: a model
/// sees results, and can correct itself.
pub(super) fn start(
    service: &Service,
    revision: Revision,
    name: &str,
    arguments: Option<&RawValue>,
    hears: Hears,
) -> Outcome {
    let Some(tool) = service.catalogue.find(name) else {
        return Outcome::error(rpc::Error::unknown_tool(name));
    };
    let arguments = arguments.filter(|arguments| arguments.get() != "null");
    match service.catalogue.begin(tool, arguments, revision.form()) {
        Err(refused) => Outcome::result(Payload::Owned(refused)),
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
