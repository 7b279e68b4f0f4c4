//! What is sent for a statement: the address with its request id, and the body. Pure.
//!
//! Names and SQL go out exactly as they came in. Repeating a submission gives the same bytes; only `retry=true` is
//! added, which makes Snowflake look whether the statement ran before it runs it.

use std::time::Duration;

use serde::Serialize;

use crate::backend::job::{Context, Work};
use crate::ident::{QueryId, Uuid};

/// A statement on its way to Snowflake. Repeating it sends the same bytes with the same id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Submission {
    pub(super) request_id: Uuid,
    pub(super) timeout_seconds: u64,
    /// Sent before: Snowflake is asked to look whether it ran.
    pub(super) is_repeat: bool,
    /// Sent before, and it may run.
    pub(super) may_run: bool,
}

impl Submission {
    /// The first attempt of a statement that may run for `timeout`.
    pub(super) fn new(request_id: Uuid, timeout: Duration) -> Self {
        // Rounded up; 0 would mean the account's maximum of a week.
        let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        Self {
            request_id,
            timeout_seconds: seconds.clamp(1, TIMEOUT_SECONDS_MAX),
            is_repeat: false,
            may_run: false,
        }
    }

    /// Path and query.
    pub(super) fn target(&self) -> String {
        let retry = if self.is_repeat { "&retry=true" } else { "" };
        format!("{PATH}?async=true&requestId={}{retry}", self.request_id)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    statement: &'a str,
    timeout: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warehouse: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    parameters: Parameters<'a>,
}

/// What holds for the one statement.
#[derive(Serialize)]
struct Parameters<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    query_tag: Option<&'a str>,
    /// A second wall behind the guard: Snowflake refuses a text with another number of statements. One is its default, but
    /// an account or a user can have another one.
    multi_statement_count: &'static str,
}

/// What is sent: the statement as it is, and where it runs.
pub(super) fn body(statement: &str, timeout: u64, work: &Work, defaults: &Context) -> Vec<u8> {
    let own = &work.context;
    let database = own.database.as_deref().or(defaults.database.as_deref());
    // The default schema is one of the default database; in another one it may not exist, or mean something else.
    let schema = own.schema.as_deref().or_else(|| {
        (database == defaults.database.as_deref())
            .then_some(defaults.schema.as_deref())
            .flatten()
    });
    let body = Body {
        statement,
        timeout,
        database,
        schema,
        warehouse: own.warehouse.as_deref().or(defaults.warehouse.as_deref()),
        role: own.role.as_deref().or(defaults.role.as_deref()),
        parameters: Parameters {
            query_tag: work.query_tag.as_deref(),
            multi_statement_count: "1",
        },
    };
    serde_json::to_vec(&body).expect("strings and numbers are always JSON")
}

/// A handle goes into paths, so it is what handles are: hexadecimal groups.
pub(super) fn is_handle(text: &str) -> bool {
    QueryId::parse(text).is_some()
}

/// `Link` names the statement before the body begins: a body that breaks off can be asked for again.
pub(super) fn handle_in_link(link: &str) -> Option<String> {
    let (_, after) = link.split_once(PATH)?;
    let handle = after.strip_prefix('/')?.split(['?', '>', '/']).next()?;
    is_handle(handle).then(|| handle.to_owned())
}

/// Where statements live.
pub(super) const PATH: &str = "/api/v2/statements";
/// The longest that Snowflake takes: seven days.
const TIMEOUT_SECONDS_MAX: u64 = 604_800;

#[cfg(test)]
mod tests;
