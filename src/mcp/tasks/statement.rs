//! Tasks around statements that run in the database, asked after without the process that made them.
//!
//! What is asked becomes a job about the statement; its rows are those that `get_query_result` gives.

use std::time::Duration;

use serde_json::value::RawValue;

use super::table::{POLL_INTERVAL, open_object};
use super::{Act, Detail, Snapshot, Status, TaskId, acknowledged, result_of};
use crate::backend::job::{self, Follow, Followed, Operation, Patience, Render, Rendered};
use crate::backend::{self, Answer, ResultSet};
use crate::ident::QueryId;
use crate::mcp::methods::Request;
use crate::mcp::{Ended, Failure, Outcome, Payload, Revision, Service, ToolCall, calls};
use crate::time::WallTime;
use crate::tools::{self, Consent};
use crate::{json, rpc};

/// How to answer about a task of which this process has no row.
#[derive(Debug)]
pub enum Elsewhere {
    /// By asking after its statement.
    Ask(Box<ToolCall>),
    /// That it was heard: there is nothing to do.
    Acknowledged,
}

/// What an answer about such a task needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    id: Box<str>,
    created: WallTime,
    ttl: Duration,
    now: WallTime,
    revision: Revision,
    wants: Wants,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    /// How far it is; the extension brings the result along.
    State,
    Result,
    End,
}

/// Makes the call that asks after the statement `handle`. `None` where it may no longer be asked after like that.
pub(super) fn ask(
    service: &mut Service,
    request: &Request<'_>,
    (act, mut about): (&Act, About),
    (handle, detail): (&str, &str),
) -> Option<Elsewhere> {
    let method;
    (about.wants, method) = match act {
        Act::Get(_) => (Wants::State, "tasks/get"),
        Act::Result(_) => (Wants::Result, "tasks/result"),
        Act::Cancel(_) => (Wants::End, "tasks/cancel"),
        // It asks its client nothing.
        Act::Update(..) => return Some(Elsewhere::Acknowledged),
        Act::List { .. } => return None,
    };
    let (keys, traceparent) = (service.keys().clone(), request.traceparent());
    let call = request.call(&keys, traceparent.as_deref());
    // The id of the task was opened as the caller's; so is its statement, whichever process ran it.
    let mut arguments = b"{\"cursor\":".to_vec();
    json::push_string(&mut arguments, &tools::cursor::of_first_row(&call, handle));
    arguments.extend_from_slice(format!(",{detail}}}").as_bytes());
    let arguments: &RawValue = serde_json::from_slice(&arguments).ok()?;
    let asked = (request.revision, "get_query_result", Some(arguments));
    let begun = calls::start(service, asked, &call, (request.hears(), Consent::Unknown(None)));
    let Outcome::Work(mut call) = begun else {
        return None;
    };
    call.finish.tool = method;
    call.finish.failure = Failure::Task(Box::new(about.clone()));
    Some(Elsewhere::Ask(Box::new(about.put_around(*call)?)))
}

impl About {
    /// The task with this id, at this time.
    pub(super) fn new(id: &str, task: &TaskId, now: WallTime, revision: Revision) -> Self {
        Self {
            id: id.into(),
            created: task.validity.born,
            ttl: task.validity.lifetime,
            now,
            revision,
            wants: Wants::State,
        }
    }

    /// A call that reads the rows, made one that asks this.
    fn put_around(self, mut call: ToolCall) -> Option<ToolCall> {
        let work = &mut call.work;
        let Operation::Read { query_id, .. } = &work.operation else {
            return None;
        };
        let query_id = query_id.clone();
        work.patience = None;
        if self.wants == Wants::End {
            // The database confirms the cancel of a statement that has ended too; a task that has ended stays as it is.
            work.operation = Operation::Status(query_id.clone());
            work.follow = Some(Follow::new(move |answer| self.stop_if_it_runs(&answer, query_id)));
        } else if self.wants == Wants::State && !self.revision.is_modern() {
            work.operation = Operation::Status(query_id);
            work.render = Render::new(move |answer| self.state(&answer));
        } else {
            let running = self.clone();
            work.patience = (self.wants == Wants::State)
                .then(|| Patience::glance(move |_, _| running.told(Status::Working, None, Detail::None)));
            let rows = std::mem::replace(&mut work.render, Render::new(|_| Rendered::default()));
            work.render = Render::new(move |answer| {
                let rendered = rows.run(answer);
                let result = self.around(&rendered.result);
                Rendered { result, ..rendered }
            });
        }
        Some(call)
    }

    /// What follows from how the statement is: only one that runs is cancelled. The core form refuses another, the extension
    /// has heard it.
    fn stop_if_it_runs(self, answer: &Answer, query_id: QueryId) -> Result<Followed, backend::Error> {
        let status = answer.results.first().and_then(ResultSet::status);
        let is_running = status == Some(job::Status::Running);
        if !is_running && !self.revision.is_modern() {
            let ended = Status::Completed.as_str();
            return Err(backend::Error::new(
                backend::Kind::ResultGone,
                format!("it is {ended}"),
            ));
        }
        if is_running {
            // Every cancel is logged by the name under which the database knows what ends.
            log::info!("task cancelled by its caller, query id {query_id}");
        }
        Ok(Followed {
            operation: if is_running {
                Operation::Cancel(query_id)
            } else {
                Operation::Run
            },
            statements: Vec::new(),
            optional: 0,
            follow: None,
            render: Render::new(move |answer| self.state(&answer)),
        })
    }

    /// The result of the call, as it is told.
    fn around(&self, result: &[u8]) -> Vec<u8> {
        let open = open_object(result).unwrap_or_default().into();
        if self.wants == Wants::Result {
            let payload = result_of(&self.id, &open).into_payload();
            return payload.bytes().into_owned();
        }
        self.told(Status::Completed, None, Detail::Result(&open))
    }

    /// What the database says of the statement, as it is told.
    fn state(&self, answer: &Answer) -> Rendered {
        let found = answer.results.first();
        let (status, message) = match found.and_then(ResultSet::status) {
            Some(job::Status::Succeeded) => (Status::Completed, None),
            Some(job::Status::Cancelled) => (Status::Cancelled, Some("cancelled by the client")),
            Some(job::Status::Running) | None => (Status::Working, None),
        };
        let result = if self.wants == Wants::End && self.revision.is_modern() {
            acknowledged(self.revision).bytes().into_owned()
        } else {
            self.told(status, message, Detail::None)
        };
        Rendered {
            result,
            query_id: found.and_then(|found| found.query_id.clone()),
            ..Rendered::default()
        }
    }

    /// A failure as the end of the task. `None` where it says nothing of the statement, or the question was another.
    pub(in crate::mcp) fn failed(&self, form: tools::Form, error: &backend::Error) -> Option<Ended> {
        let is_cancelled = error.kind == backend::Kind::Cancelled;
        let is_ours = matches!(error.kind, backend::Kind::Internal | backend::Kind::Configuration);
        // The database's own word for a cancel has a code; another one is that of the question.
        let is_its_end =
            !error.kind.is_about_connection() && !is_ours && (!is_cancelled || error.code.is_some());
        if !is_its_end {
            return None;
        }
        Some(match self.wants {
            Wants::End if self.revision.is_modern() => Ended::Result(acknowledged(self.revision)),
            Wants::End => {
                let found = match error.kind {
                    backend::Kind::ResultGone => error.message.clone(),
                    backend::Kind::Cancelled => format!("it is {}", Status::Cancelled.as_str()),
                    _ => format!("it is {}", Status::Failed.as_str()),
                };
                Ended::Error(rpc::Error::invalid_params(format_args!(
                    "the task has ended before: {found}"
                )))
            }
            Wants::Result if is_cancelled => {
                Ended::Error(rpc::Error::invalid_params("the task was cancelled"))
            }
            Wants::State if is_cancelled => self.ended(Status::Cancelled, &error.message),
            Wants::State if !self.revision.is_modern() => self.ended(Status::Failed, &error.message),
            _ => Ended::Result(Payload::Owned(self.around(&tools::failed(form, error)))),
        })
    }

    fn ended(&self, status: Status, message: &str) -> Ended {
        let told = self.told(status, Some(message), Detail::None);
        Ended::Result(Payload::Owned(told))
    }

    fn told(&self, status: Status, message: Option<&str>, detail: Detail<'_>) -> Vec<u8> {
        let snapshot = Snapshot {
            id: &self.id,
            status,
            message,
            created: self.created,
            updated: self.now,
            ttl: self.ttl,
            poll_interval: POLL_INTERVAL,
        };
        let payload = snapshot.got(self.revision, detail).into_payload();
        payload.bytes().into_owned()
    }
}
