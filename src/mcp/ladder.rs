//! What a modern request must satisfy before its method is looked up. The first rung that fails answers.
//!
//! The order is that of the revision's reference implementations, and clients rely on it: a bad `_meta` is told before a
//! missing header, a missing header before an unknown version. Rungs that read headers do not exist on WebSocket and
//! stdio.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::params::{CLIENT_CAPABILITIES, LOG_LEVEL, PROTOCOL_VERSION, Params};
use super::{Field, Level, Revision, RoutingFields};
use crate::{json, rpc};

/// The revision of a modern call, once everything that surrounds the method is as it must be.
///
/// # Errors
/// The error of the first rung that fails; over HTTP its status is 400.
pub(super) fn climb(
    fields: Option<RoutingFields<'_>>,
    method: &str,
    params: &Params<'_>,
) -> Result<Revision, rpc::Error> {
    if let Some(fields) = &fields {
        no_repeated_field(fields)?;
    }
    let version = complete_meta(params)?;
    if let Some(fields) = &fields {
        let mismatch = |name: &str| {
            rpc::Error::header_mismatch(format_args!("{name} is absent or not what the body says"))
        };
        if fields.protocol_version != Field::Once(version.as_bytes()) {
            return Err(mismatch("MCP-Protocol-Version"));
        }
        if fields.method != Field::Once(method.as_bytes()) {
            return Err(mismatch("Mcp-Method"));
        }
        if !has_matching_name(fields.name, method, params) {
            return Err(mismatch("Mcp-Name"));
        }
    }
    Revision::parse(version.as_bytes())
        .filter(|revision| revision.is_modern())
        .ok_or_else(|| rpc::Error::unsupported_protocol_version(&version, &Revision::MODERN))
}

fn no_repeated_field(fields: &RoutingFields<'_>) -> Result<(), rpc::Error> {
    let routing = [
        ("MCP-Protocol-Version", fields.protocol_version),
        ("Mcp-Method", fields.method),
        ("Mcp-Name", fields.name),
    ];
    match routing.iter().find(|(_, field)| *field == Field::Repeated) {
        None => Ok(()),
        Some((name, _)) => Err(rpc::Error::header_mismatch(format_args!(
            "{name} occurs more than once"
        ))),
    }
}

/// The protocol version that `_meta` names, if `_meta` has all that it must have.
fn complete_meta<'a>(params: &Params<'a>) -> Result<std::borrow::Cow<'a, str>, rpc::Error> {
    let meta = &params.meta;
    let must = |what: &str| Err(rpc::Error::invalid_params(format_args!("params._meta {what}")));
    if meta.is_no_object {
        return must("must be an object");
    }
    let Some(version) = meta.protocol_version.and_then(json::text) else {
        return must(&format!("must have the string {PROTOCOL_VERSION}"));
    };
    if !meta.client_capabilities.is_some_and(json::is_object) {
        return must(&format!("must have the object {CLIENT_CAPABILITIES}"));
    }
    if meta.log_level.is_some_and(|level| !is_log_level(level)) {
        return must(&format!(
            "has {LOG_LEVEL}, which must be one of {}",
            Level::names()
        ));
    }
    Ok(version)
}

fn is_log_level(level: &RawValue) -> bool {
    json::text(level).is_some_and(|level| Level::parse(&level).is_some())
}

/// Whether `Mcp-Name` says what the body says, where the method has a name to say.
fn has_matching_name(field: Field<'_>, method: &str, params: &Params<'_>) -> bool {
    let named = match method {
        "tools/call" | "prompts/get" => params.name,
        "resources/read" => params.uri,
        "tasks/get" | "tasks/update" | "tasks/cancel" => params.task_id,
        _ => return true,
    };
    let Some(named) = named.and_then(json::text) else {
        // Nothing in the body to be equal to: the handler says what is missing, unless the header claims a name.
        return field == Field::Absent;
    };
    match field {
        Field::Once(value) => decoded(value).as_deref() == Some(named.as_bytes()),
        Field::Absent | Field::Repeated => false,
    }
}

/// A header value: as it is, or what the sentinel `=?base64?…?=` holds. Padding, alphabet and UTF-8 must be right.
pub(super) fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let inside = value
        .strip_prefix(b"=?base64?")
        .and_then(|rest| rest.strip_suffix(b"?="));
    match inside {
        None => Some(value.to_vec()),
        Some(base64) => {
            let bytes = STANDARD.decode(base64).ok()?;
            std::str::from_utf8(&bytes).is_ok().then_some(bytes)
        }
    }
}
