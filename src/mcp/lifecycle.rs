//! How a conversation opens: `initialize` for legacy revisions, `server/discover` for modern ones, and `ping`.
//!
//! What a server says of itself never changes while it runs, so it is encoded once for each revision.

use std::sync::Arc;

use super::methods::Request;
use super::{Abilities, Effect, Outcome, Payload, Revision, Service};
use crate::{json, rpc};

/// What both openings tell a model about using the tools.
const INSTRUCTIONS: &str = "Read-only access to Snowflake. \
Find the data first: list_databases, then list_views(database, schema), or execute_query with SHOW SCHEMAS IN DATABASE … and SHOW TABLES IN SCHEMA …. \
Look before you query: describe_view shows columns and definition, query_view the first rows. \
Then ask with execute_query: one SELECT, WITH, SHOW, DESCRIBE, EXPLAIN or VALUES statement in Snowflake's dialect, with names written as database.schema.object. \
Names are folded to upper case; write names with lower-case letters in double quotes. \
Results are cut at limit rows and then begin with 'Truncated': aggregate and filter in SQL instead of reading everything. \
A failed call says what to do next.";

/// Tools are all there is, and the list of them never changes while the server runs.
const CAPABILITIES: &str = r#"{"tools":{}}"#;

/// How long clients may keep what never changes while the server runs: an hour, so that an upgrade is seen the same day.
pub(super) const LIST_TTL: &str = r#""ttlMs":3600000,"cacheScope":"public""#;

const NAME: &str = "snowflake-mcp-server";
const TITLE: &str = "Snowflake";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The result of `initialize` in a legacy revision.
pub(super) fn encode_initialize(revision: Revision) -> Arc<[u8]> {
    let mut result = b"{\"protocolVersion\":".to_vec();
    json::push_string(&mut result, revision.as_str());
    result.extend_from_slice(b",\"capabilities\":");
    result.extend_from_slice(CAPABILITIES.as_bytes());
    result.extend_from_slice(b",\"serverInfo\":{\"name\":");
    json::push_string(&mut result, NAME);
    if revision.has_titles() {
        result.extend_from_slice(b",\"title\":");
        json::push_string(&mut result, TITLE);
    }
    result.extend_from_slice(b",\"version\":");
    json::push_string(&mut result, VERSION);
    result.extend_from_slice(b"},\"instructions\":");
    json::push_string(&mut result, INSTRUCTIONS);
    result.push(b'}');
    result.into()
}

/// The result of `server/discover`. Only modern revisions are named: a client that picked a legacy one from it would
/// have to open with `initialize` after all.
pub(super) fn encode_discover(revision: Revision) -> Arc<[u8]> {
    let mut result = b"{".to_vec();
    result.extend_from_slice(revision.result_before().as_bytes());
    result.extend_from_slice(b"\"supportedVersions\":[");
    for (index, version) in Revision::MODERN.iter().enumerate() {
        if index > 0 {
            result.push(b',');
        }
        json::push_string(&mut result, version);
    }
    result.extend_from_slice(b"],\"capabilities\":");
    result.extend_from_slice(CAPABILITIES.as_bytes());
    result.extend_from_slice(b",\"instructions\":");
    json::push_string(&mut result, INSTRUCTIONS);
    result.push(b',');
    result.extend_from_slice(LIST_TTL.as_bytes());
    result.extend_from_slice(revision.result_after().as_bytes());
    result.push(b'}');
    result.into()
}

/// Echoes a legacy revision, answers everything else with the newest of them: also `2026-07-28`, which one client's
/// default asks for here, and which has no handshake.
pub(super) fn on_initialize(service: &mut Service, request: &Request<'_>) -> Outcome {
    let Some(asked) = request.params.protocol_version.and_then(json::text) else {
        return Outcome::error(rpc::Error::invalid_params("protocolVersion must be a string"));
    };
    let revision = Revision::parse(asked.as_bytes())
        .filter(|revision| !revision.is_modern())
        .unwrap_or(Revision::NEWEST_LEGACY);
    Outcome::Result {
        payload: Payload::Shared(Arc::clone(&service.encoded(revision).opening)),
        effect: Some(Effect::Negotiated {
            revision,
            abilities: Abilities::default(),
        }),
    }
}

pub(super) fn on_ping(_service: &mut Service, _request: &Request<'_>) -> Outcome {
    Outcome::result(Payload::Static("{}"))
}

pub(super) fn on_discover(service: &mut Service, request: &Request<'_>) -> Outcome {
    let encoded = service.encoded(request.revision);
    Outcome::result(Payload::Shared(Arc::clone(&encoded.opening)))
}
