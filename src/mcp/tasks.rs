//! Tasks: calls that are answered at once with a name, and whose result is fetched later.
//!
//! Two forms of the same idea. Revision 2025-11-25 has an experimental one in its core: the client asks for a task with
//! `params.task` and waits in `tasks/result`. Revision 2026-07-28 has the extension [`EXTENSION`]: the server decides, and
//! `tasks/get` brings the result along.
//!
//! | | core, 2025-11-25 | extension, 2026-07-28 |
//! |---|---|---|
//! | who decides | the client, per call | the server, for clients that declare the extension |
//! | made | `{"task":{…}}` | `resultType: "task"`, members in place |
//! | methods | `tasks/get`, `result`, `list`, `cancel` | `tasks/get`, `update`, `cancel` |
//! | cancel of an ended task | -32602 | acknowledged |
//! | told unasked | `notifications/tasks/status` | `notifications/tasks`, with the result |
//!
//! The id is a token ([`TaskId`]). Around a statement that runs in Snowflake it says everything, so any replica goes on
//! with it; around a call that runs here it names a row of the bounded table [`Tasks`]. The process that made a task has a row
//! of either kind, and answers from it.
//!
//! Vocabulary, and the methods as far as they can be answered without the table, which is the server's. Knows no
//! connection, no job but by name, and waits for nothing.

mod calls;
mod id;
mod shapes;
mod statement;
mod table;

use std::borrow::Cow;
use std::time::Duration;

use serde_json::value::RawValue;

use super::Revision;
use crate::tools::Tool;
use crate::{json, rpc};

pub use calls::{Act, TaskCall};
pub(super) use calls::{on_cancel, on_get, on_list, on_result, on_update};
pub use id::{Subject, TaskId};
pub use shapes::{Detail, Shaped, Snapshot, acknowledged, list, related, result_of};
pub use statement::{About, Elsewhere};
pub use table::{Answered, Cancelled, Full, NewTask, Tasks};

/// The extension of 2026-07-28.
pub const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// The capability that a server with the extension declares, as a member of `capabilities.extensions`.
pub const EXTENSION_MEMBER: &str = r#""io.modelcontextprotocol/tasks":{}"#;

/// `capabilities.tasks` of a server with the core form.
pub const CORE_CAPABILITY: &str = r#"{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}"#;

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It goes on.
    Working,
    /// It waits for answers of the client.
    InputRequired,
    /// The call has a result, be it one that tells of a failure of the tool.
    Completed,
    /// The call ended in a JSON-RPC error.
    Failed,
    /// The client wanted no more of it.
    Cancelled,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Working,
        Self::InputRequired,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Its name in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it stays so.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Whether a task may go from this status to `next`: never out of a final one.
    pub fn can_become(self, next: Self) -> bool {
        !self.is_final() && self != next
    }
}

/// Whether a tool can run as a task: `execution.taskSupport` in 2025-11-25.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Support {
    /// It cannot.
    #[default]
    Forbidden,
    /// It can.
    Optional,
    /// It cannot run otherwise.
    Required,
}

impl Support {
    /// Its name in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

/// Whether calls of a tool of the catalogue can be tasks: those of tools that may take long.
pub(super) fn support_of(tool: &Tool) -> Support {
    if tool.may_take_long() {
        Support::Optional
    } else {
        Support::Forbidden
    }
}

/// What a client says of tasks in a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// `params.task` (2025-11-25), with the time to live that it asks for, if it does.
    pub asked: Option<Option<Duration>>,
    /// It declares the extension (2026-07-28).
    pub has_extension: bool,
}

impl Wish {
    /// Reads it from `params.task` of a call and its `_meta["io.modelcontextprotocol/clientCapabilities"]`.
    ///
    /// # Errors
    /// -32602 for a `task` that is no object, and for a `ttl` that is no whole number of milliseconds.
    pub fn read(task: Option<&RawValue>, client_capabilities: Option<&RawValue>) -> Result<Self, rpc::Error> {
        let asked = match task.filter(|task| task.get() != "null") {
            None => None,
            Some(task) if json::is_object(task) => Some(ttl(task)?),
            Some(_) => return Err(rpc::Error::invalid_params("task must be an object")),
        };
        let has_extension = declares_extension(client_capabilities);
        Ok(Self { asked, has_extension })
    }
}

/// Whether a client's capabilities have the extension.
pub fn declares_extension(client_capabilities: Option<&RawValue>) -> bool {
    let extensions = member(client_capabilities, "extensions");
    member(extensions, EXTENSION).is_some_and(json::is_object)
}

fn ttl(task: &RawValue) -> Result<Option<Duration>, rpc::Error> {
    let Some(ttl) = member(Some(task), "ttl") else {
        return Ok(None);
    };
    match ttl.get().parse() {
        Ok(millis) => Ok(Some(Duration::from_millis(millis))),
        Err(_) => Err(rpc::Error::invalid_params(
            "task.ttl must be a whole number of milliseconds",
        )),
    }
}

/// How a call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// With its result.
    Now,
    /// With its result, or with a task if it takes long: as the server likes.
    Either,
    /// With a task that is kept for this long after it was made.
    Task {
        /// What the client asked for, if it did.
        ttl: Option<Duration>,
    },
}

impl Mode {
    /// How a call of a tool with this support is to be answered.
    ///
    /// # Errors
    /// -32601 (2025-11-25) where client and tool contradict each other, -32021 (2026-07-28) where the tool needs tasks
    /// and the client does not declare the extension.
    pub fn of_call(revision: Revision, support: Support, wish: Wish) -> Result<Self, rpc::Error> {
        if revision.is_modern() {
            return match (support, wish.has_extension) {
                (Support::Forbidden, _) | (Support::Optional, false) => Ok(Self::Now),
                (Support::Optional, true) => Ok(Self::Either),
                (Support::Required, true) => Ok(Self::Task { ttl: None }),
                (Support::Required, false) => Err(missing_extension()),
            };
        }
        // Revisions before the one with tasks ignore what they do not know.
        let asked = wish.asked.filter(|_| revision.has_core_tasks());
        match (support, asked) {
            (Support::Forbidden, Some(_)) => Err(rpc::Error::method_not_found("tools/call as a task")),
            (Support::Required, None) => Err(rpc::Error::method_not_found("tools/call without a task")),
            (Support::Optional | Support::Required, Some(ttl)) => Ok(Self::Task { ttl }),
            (Support::Forbidden | Support::Optional, None) => Ok(Self::Now),
        }
    }
}

/// -32021: the methods and results of the extension are for clients that declare it.
pub fn missing_extension() -> rpc::Error {
    rpc::Error::missing_client_capability(r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#)
}

/// -32602: no such task, or not of this client, or over its time.
pub fn unknown_task() -> rpc::Error {
    rpc::Error::invalid_params("task not found, or it has expired")
}

/// The member `taskId` of a `tasks/…` call.
///
/// # Errors
/// -32602 when it is no text.
pub fn task_id(member: Option<&RawValue>) -> Result<Cow<'_, str>, rpc::Error> {
    let id = member.and_then(json::text);
    id.ok_or_else(|| rpc::Error::invalid_params("taskId must be the id of a task"))
}

/// The member `inputResponses` of a `tasks/update` call: a key and an object each.
///
/// # Errors
/// -32602 when it is no object, or one of its members is none.
pub fn input_responses(member: Option<&RawValue>) -> Result<Vec<(Cow<'_, str>, &RawValue)>, rpc::Error> {
    let mut responses = Vec::new();
    let read =
        member.map(|all| json::each_member(all.get(), |key, response| responses.push((key, response))));
    let is_read = matches!(read, Some(Ok(())));
    if !is_read || !responses.iter().all(|(_, response)| json::is_object(response)) {
        return Err(rpc::Error::invalid_params(
            "inputResponses must be an object of objects",
        ));
    }
    Ok(responses)
}

/// The first member of `object` called `name` that is not `null`.
fn member<'a>(object: Option<&'a RawValue>, name: &str) -> Option<&'a RawValue> {
    let mut found = None;
    let _ = json::each_member(object?.get(), |member, value| {
        if member == name && found.is_none() {
            found = Some(value);
        }
    });
    found.filter(|value| value.get() != "null")
}

#[cfg(test)]
mod tests;
