//! `tasks/…`: what is asked of which task.

use serde_json::value::RawValue;

use super::statement::{self, About, Elsewhere};
use super::{Subject, TaskId, declares_extension, input_responses, missing_extension, task_id, unknown_task};
use crate::mcp::cursor::{self, Maker, Position};
use crate::mcp::methods::Request;
use crate::mcp::{Outcome, Revision, Service};
use crate::rpc;

/// A call about a task, or about all tasks of its caller, that the table has to answer.
#[derive(Debug)]
pub struct TaskCall {
    /// What is wanted.
    pub act: Act,
    /// What the reply is written in.
    pub revision: Revision,
    /// How to answer where the table has no such row, of a task whose id says everything.
    pub elsewhere: Option<Elsewhere>,
}

/// What is wanted of the table.
#[derive(Debug)]
pub enum Act {
    /// How far the task with this number is.
    Get(u64),
    /// Its result, as soon as there is one.
    Result(u64),
    /// Its end.
    Cancel(u64),
    /// That it goes on with these answers, each with the key of its question.
    Update(u64, Vec<(Box<str>, Box<RawValue>)>),
    /// A page of the caller's tasks.
    List {
        /// The one before the first.
        after: Option<u64>,
        /// Makes `nextCursor`.
        cursor: Box<Maker>,
    },
}

impl Act {
    /// The row that it is about.
    pub const fn row(&self) -> Option<u64> {
        match self {
            Self::Get(row) | Self::Result(row) | Self::Cancel(row) | Self::Update(row, _) => Some(*row),
            Self::List { .. } => None,
        }
    }
}

pub(in crate::mcp) fn on_get(service: &mut Service, request: &Request<'_>) -> Outcome {
    act(service, request, Act::Get)
}

pub(in crate::mcp) fn on_result(service: &mut Service, request: &Request<'_>) -> Outcome {
    act(service, request, Act::Result)
}

pub(in crate::mcp) fn on_cancel(service: &mut Service, request: &Request<'_>) -> Outcome {
    act(service, request, Act::Cancel)
}

pub(in crate::mcp) fn on_update(service: &mut Service, request: &Request<'_>) -> Outcome {
    let responses = match checked(request).and_then(|()| input_responses(request.params.input_responses)) {
        Ok(responses) => responses,
        Err(refused) => return refused_with(refused),
    };
    let owned = responses
        .into_iter()
        .map(|(key, response)| (key.into(), response.to_owned()));
    let responses = owned.collect();
    act(service, request, |number| Act::Update(number, responses))
}

pub(in crate::mcp) fn on_list(service: &mut Service, request: &Request<'_>) -> Outcome {
    let context = &request.context;
    let (principal, now) = (context.principal, context.now.wall);
    let position = match Position::parse(request.params.cursor, service.keys(), principal, now) {
        Ok(position) => position,
        Err(error) => return Outcome::error(error),
    };
    let after = match position.after.as_deref().map(str::parse) {
        Some(Ok(after)) if position.section == cursor::TASKS => Some(after),
        None if position == Position::default() => None,
        _ => return Outcome::error(rpc::Error::invalid_params("cursor is not one of this list")),
    };
    let cursor = Box::new(Maker {
        keys: service.keys().clone(),
        principal: principal.into(),
        now,
        section: cursor::TASKS,
        next_section: None,
    });
    outcome(request, Act::List { after, cursor }, None)
}

fn act(service: &mut Service, request: &Request<'_>, act: impl FnOnce(u64) -> Act) -> Outcome {
    let id = match checked(request).and_then(|()| task_id(request.params.task_id)) {
        Ok(id) => id,
        Err(refused) => return refused_with(refused),
    };
    let context = &request.context;
    let Some(task) = TaskId::open(service.keys(), &id, context.principal, context.now.wall) else {
        return Outcome::error(unknown_task());
    };
    let act = act(task.subject.row());
    let elsewhere = match &task.subject {
        Subject::Row(_) => None,
        Subject::Statement { handle, detail, .. } => {
            let about = About::new(&id, &task, context.now.wall, request.revision);
            statement::ask(service, request, (&act, about), (handle, detail))
        }
    };
    outcome(request, act, elsewhere)
}

fn outcome(request: &Request<'_>, act: Act, elsewhere: Option<Elsewhere>) -> Outcome {
    Outcome::Task(Box::new(TaskCall {
        act,
        revision: request.revision,
        elsewhere,
    }))
}

/// Whether the client may use the methods at all: the extension's are for those that declare it.
fn checked(request: &Request<'_>) -> Result<(), rpc::Error> {
    let is_allowed =
        !request.revision.is_modern() || declares_extension(request.params.meta.client_capabilities);
    if is_allowed {
        Ok(())
    } else {
        Err(missing_extension())
    }
}

/// A missing capability is a fault of the request as such, everything else one of its parameters.
fn refused_with(error: rpc::Error) -> Outcome {
    if error.code == missing_extension().code {
        Outcome::refused(error)
    } else {
        Outcome::error(error)
    }
}
