//! Calls that are answered with a task: when they become one, what is answered about it, and who is told of its end.
//!
//! What a task is, and the table of them, is `mcp::tasks`; here it meets calls and connections. A task is made of a call
//! that runs, so the call's worker, deadline and cancel are those of every other call: only nobody waits for its reply.

use std::time::Duration;

use serde_json::value::RawValue;

use super::Server;
use super::core::Core;
use super::inflight::{Intent, Waits};
use super::later::Later;
use super::metrics::Metric;
use super::planted::PlantedBug;
use super::ready::Principal;
use super::reply::Caller;
use super::scripts::Resume;
use super::streams::{Purpose, StreamKey};
use super::timers::Timer;
use crate::backend::Error;
use crate::backend::job::Rendered;
use crate::ident::{ConnectionId, JobId};
use crate::mcp::script::Question;
use crate::mcp::session::{Session, SessionId};
use crate::mcp::tasks::{
    self, Act, Answered, Cancelled, Elsewhere, Mode, NewTask, Snapshot, TaskCall, TaskId,
};
use crate::mcp::{Ended, Failure, Finish, Revision, ToolCall};
use crate::rpc;
use crate::time::Now;
use crate::wire::buffer::Piece;

/// What a call about tasks leads to.
pub(super) enum Told {
    /// The reply.
    Now(Ended),
    /// The reply is that of the task with this number, which goes on.
    Wait(u64, Finish),
    /// The reply is that of this call: the row is another process's, or was, and the statement is asked after.
    Ask(Box<ToolCall>),
}

impl Core {
    /// Lets a call that was just admitted become a task: one that goes on by itself at once, since it waits for time or
    /// for people; a job when the bound of patience is over, or as soon as its statement has a name.
    pub(super) fn intend_task(&mut self, now: Now, job: JobId, mode: Mode, is_script: bool) {
        let ttl = match mode {
            Mode::Now => return,
            Mode::Either => None,
            Mode::Task { ttl } => ttl,
        };
        let Some(flight) = self.inflight.find(job) else {
            return;
        };
        let Some(caller) = &flight.caller else { return };
        let patience = if is_script {
            Duration::ZERO
        } else {
            self.settings.limits.task_after
        };
        let intent = Intent {
            principal: flight.principal().as_bytes().into(),
            owner: self.owner(
                (
                    caller.session.as_ref(),
                    caller.ticket.is_none().then_some(caller.connection),
                ),
                flight.principal(),
            ),
            ttl,
            is_must: matches!(mode, Mode::Task { .. }),
            due: now.monotonic + patience,
        };
        self.inflight.intend(job, intent, &mut self.timers);
        if is_script {
            self.later.push_back(Later::Become(job));
        }
    }

    /// Whose tasks are listed together and told of: a session's, a connection's of messages, else a key's. Empty where
    /// nobody is known.
    pub(super) fn owner(
        &self,
        (session, messages): (Option<&Session>, Option<ConnectionId>),
        principal: Principal,
    ) -> Box<[u8]> {
        match (session, messages) {
            (Some(session), _) => owner_of_session(session.id),
            (None, Some(connection)) => owner_of_connection(connection),
            (None, None) => match principal.as_bytes() {
                [] => Box::default(),
                key => [b"k", key].concat().into(),
            },
        }
    }

    /// Answers a call about tasks.
    pub(super) fn on_task_call(&mut self, now: Now, call: TaskCall, owner: &[u8]) -> Told {
        let revision = call.revision;
        let unknown = || Told::Now(Ended::Error(tasks::unknown_task()));
        let acknowledged = || Told::Now(Ended::Result(tasks::acknowledged(revision)));
        let is_here = call.act.row().is_none_or(|row| self.tasks.get(row).is_some());
        if let Some(elsewhere) = call.elsewhere.filter(|_| !is_here) {
            return match elsewhere {
                Elsewhere::Acknowledged => acknowledged(),
                Elsewhere::Ask(call) => Told::Ask(call),
            };
        }
        match call.act {
            Act::Get(number) => self.got(number, revision).map_or_else(unknown, Told::Now),
            Act::Result(number) => match (self.result_of(number), self.tasks.get(number)) {
                (Some(ended), _) => Told::Now(ended),
                (None, Some(_)) => Told::Wait(number, finish_of_wait(revision)),
                (None, None) => unknown(),
            },
            Act::Cancel(number) => match self.cancel_task(now, number) {
                Cancelled::Unknown => unknown(),
                Cancelled::Now { .. } | Cancelled::Over(_) if revision.is_modern() => acknowledged(),
                Cancelled::Now { .. } => self.got(number, revision).map_or_else(unknown, Told::Now),
                Cancelled::Over(status) => Told::Now(Ended::Error(rpc::Error::invalid_params(format_args!(
                    "the task has ended before: it is {}",
                    status.as_str()
                )))),
            },
            Act::Update(number, responses) => {
                if self.tasks.get(number).is_none() {
                    return unknown();
                }
                for (key, response) in responses {
                    if let Err(error) = self.on_task_answer(now, number, &key, &response) {
                        return Told::Now(Ended::Error(error));
                    }
                }
                acknowledged()
            }
            Act::List { after, cursor } => {
                let (numbers, has_more) = self.tasks.of_owner(owner, after, TASKS_OF_PAGE_MAX);
                let last = numbers.last().filter(|_| has_more).map(u64::to_string);
                let snapshots = numbers
                    .iter()
                    .filter_map(|number| Some(self.tasks.get(*number)?.0));
                let snapshots: Vec<Snapshot<'_>> = snapshots.collect();
                let cursor = cursor.next(last.as_deref());
                let listed = tasks::list(&snapshots, revision, cursor.as_deref());
                Told::Now(Ended::Result(listed))
            }
        }
    }

    fn make_row(&mut self, now: Now, (number, job): (u64, JobId), intent: Intent, finish: &Finish) {
        let ttl = self.tasks.ttl(intent.ttl);
        let subject = self.inflight.subject(job, number);
        let id = TaskId::new(finish.tool, subject, now.wall, ttl);
        let task = NewTask {
            owner: intent.owner,
            id: id.seal(self.service.keys(), &intent.principal).into(),
            job,
            revision: finish.revision,
            ttl,
        };
        self.tasks.insert(number, task, now);
        self.metrics.count(Metric::TasksMade);
    }

    /// The reply of a call that has become this task.
    fn created(&self, number: u64) -> Ended {
        let revision = self.tasks.owner(number).map(|(_, revision)| revision);
        match (self.tasks.get(number), revision) {
            (Some((task, _)), Some(revision)) => Ended::Result(task.created(revision)),
            _ => Ended::Error(tasks::unknown_task()),
        }
    }

    fn got(&self, number: u64, revision: Revision) -> Option<Ended> {
        let (snapshot, detail) = self.tasks.get(number)?;
        Some(Ended::Result(snapshot.got(revision, detail).into_payload()))
    }

    /// What `tasks/result` says of a task that has ended.
    fn result_of(&self, number: u64) -> Option<Ended> {
        let (snapshot, _) = self.tasks.get(number)?;
        Some(match self.tasks.outcome(number)? {
            Ok(result) => Ended::Result(tasks::result_of(snapshot.id, result).into_payload()),
            Err(error) => Ended::Error(error),
        })
    }

    /// `tasks/cancel`: ends where every cancel ends, in that of the job.
    fn cancel_task(&mut self, now: Now, number: u64) -> Cancelled {
        let cancelled = self.tasks.cancel(number, now.wall);
        if let Cancelled::Now { job } = cancelled {
            if let Some(job) = job.filter(|_| !self.is_planted(PlantedBug::TaskCancelForgotten)) {
                self.cancel_gone(job);
            }
            self.later.push_back(Later::TaskChanged(number));
        }
        cancelled
    }

    /// Takes an answer of the client to a question of a task.
    pub(super) fn on_task_answer(
        &mut self,
        now: Now,
        number: u64,
        key: &str,
        answer: &RawValue,
    ) -> Result<(), rpc::Error> {
        match self.tasks.answered(number, key, answer, now.wall) {
            Answered::Ignored => {}
            Answered::Partly => self.later.push_back(Later::TaskChanged(number)),
            Answered::All(answers) => {
                self.later.push_back(Later::TaskChanged(number));
                if let Some(job) = self.tasks.job(number)
                    && !self.is_planted(PlantedBug::AnswersForgotten)
                {
                    let resume = Resume::Answered(answers);
                    self.later.push_back(Later::Resume(job, resume));
                }
            }
            Answered::TooMuch => {
                return Err(rpc::Error::internal_error(
                    "the results of tasks take all the room there is for them: answer later",
                ));
            }
        }
        Ok(())
    }

    /// Lets a call wait for the end of a task.
    pub(super) fn begin_waiting(
        &mut self,
        now: Now,
        caller: Caller,
        principal: Principal,
        (number, finish): (u64, Finish),
    ) -> JobId {
        let ends = self.tasks.ends(number).unwrap_or(now.monotonic);
        let times = (now.monotonic, ends);
        let job = self
            .inflight
            .admit_waiting(times, caller, principal, (number, finish), &mut self.timers);
        self.tasks.wait(number, job);
        // It may have been waited for: a question of the task can be put now.
        self.later.push_back(Later::TaskChanged(number));
        job
    }

    /// Makes sure that tasks are forgotten in time.
    pub(super) fn watch_tasks(&mut self) {
        let next = self.tasks.next_expiry();
        if next != self.tasks_at {
            if let Some(at) = self.tasks_at {
                self.timers.clear(at, Timer::Tasks);
            }
            if let Some(at) = next {
                self.timers.set(at, Timer::Tasks);
            }
            self.tasks_at = next;
        }
    }
}

impl Server {
    /// Answers the caller of a call with a task, and lets the call go on.
    pub(super) fn become_task(&mut self, now: Now, job: JobId) {
        let core = &mut self.core;
        let Some(intent) = core.inflight.take_intent(job, &mut core.timers) else {
            return;
        };
        let number = match core.tasks.next_number() {
            Ok(number) => number,
            Err(full) => {
                core.metrics.count(Metric::TasksRefused);
                if intent.is_must
                    && let Some((caller, _)) = core.cancel(job)
                {
                    let error = rpc::Error::internal_error(full);
                    self.answer(now, job, &caller, Ended::Error(error));
                }
                return;
            }
        };
        if let Some((caller, finish)) = core.inflight.become_task(job, number) {
            core.make_row(now, (number, job), *intent, &finish);
            let created = core.created(number);
            self.answer(now, job, &caller, created);
        }
    }

    /// A call has ended before it became the task that its client has asked for: it becomes one that has ended.
    pub(super) fn become_ended_task(
        &mut self,
        now: Now,
        job: JobId,
        (caller, finish): (&Caller, Finish),
        intent: Intent,
        result: Result<Rendered, Error>,
    ) {
        let core = &mut self.core;
        let created = match core.tasks.next_number() {
            Ok(number) => {
                core.make_row(now, (number, job), intent, &finish);
                core.tasks.finish(number, finish.ended(result), now.wall);
                core.created(number)
            }
            Err(full) => {
                core.metrics.count(Metric::TasksRefused);
                Ended::Error(rpc::Error::internal_error(full))
            }
        };
        self.answer(now, job, caller, created);
    }

    /// The call that a task is about has ended.
    pub(super) fn finish_task(&mut self, now: Now, number: u64, ended: Ended) {
        if self.core.is_planted(PlantedBug::TaskEndForgotten) {
            return;
        }
        if self.core.tasks.finish(number, ended, now.wall) {
            self.on_task_changed(now, number);
        }
    }

    /// A task has another status than before: who waits for it, or listens, is told.
    pub(super) fn on_task_changed(&mut self, now: Now, number: u64) {
        let is_told = !self.core.is_planted(PlantedBug::WaiterForgotten);
        let waiting = self.core.tasks.take_waiting(number);
        for job in waiting.into_iter().filter(|_| is_told) {
            let ended = self.core.result_of(number);
            let core = &mut self.core;
            let flight = core.inflight.end_script(job, &mut core.timers);
            if let (Some(caller), Some(ended)) = (flight.and_then(|flight| flight.caller), ended) {
                self.answer(now, job, &caller, ended);
            }
        }
        self.put_task_question(now, number);
        self.tell_task(now, number);
    }

    /// Puts a question of a task to the client through a call that waits for it: the core form has no other way.
    fn put_task_question(&mut self, now: Now, number: u64) {
        let core = &self.core;
        let is_core = core
            .tasks
            .owner(number)
            .is_some_and(|(_, revision)| !revision.is_modern());
        let waiting = core.tasks.waiting(number).to_vec();
        let is_put = |job: &JobId| {
            matches!(
                core.inflight.waits(*job),
                Some(Waits::Task { asked: Some(_), .. })
            )
        };
        if !is_core || waiting.iter().any(is_put) {
            return;
        }
        let (Some((task, _)), Some((_, question))) = (core.tasks.get(number), core.tasks.question(number))
        else {
            return;
        };
        let question = Question {
            method: question.method,
            params: tasks::related(task.id, &question.params),
        };
        for job in waiting {
            if let Some(asked) = self.ask(now, job, &question) {
                let asked = Some(asked);
                self.core.inflight.wait_for(job, Waits::Task { number, asked });
                return;
            }
        }
    }

    /// Tells those who listen how far a task is.
    fn tell_task(&mut self, now: Now, number: u64) {
        let core = &self.core;
        let Some((owner, revision)) = core.tasks.owner(number) else {
            return;
        };
        let Some((task, detail)) = core.tasks.get(number) else {
            return;
        };
        let notify = |meta: Option<&str>| task.notification(revision, detail, meta).into_pieces();
        let hears = |purpose: &Purpose| match purpose {
            Purpose::Listen(listen) => listen.meta_of_task(number).map(|meta| notify(Some(&meta))),
            Purpose::Session(stream) => {
                let is_its = *owner_of_session(stream.session) == *owner;
                is_its.then(|| notify(None))
            }
            Purpose::Call { .. } | Purpose::Channel(_) => None,
        };
        let on_streams: Vec<(StreamKey, [Piece<'static>; 3])> = core
            .streams
            .iter()
            .filter_map(|(key, stream)| Some((key, hears(&stream.purpose)?)))
            .collect();
        let mut as_messages: Vec<(ConnectionId, [Piece<'static>; 3])> = Vec::new();
        for (_, entry) in self.entries.iter().filter(|(_, entry)| entry.takes_messages()) {
            let id = entry.talk.id;
            let metas = entry
                .talk
                .listens()
                .iter()
                .filter_map(|listen| listen.meta_of_task(number));
            as_messages.extend(metas.map(|meta| (id, notify(Some(&meta)))));
            if !revision.is_modern() && *owner_of_connection(id) == *owner {
                as_messages.push((id, notify(None)));
            }
        }
        for (key, mut message) in on_streams {
            self.push_event(now, key, &mut message);
        }
        for (connection, mut message) in as_messages {
            self.send_message(now, connection, &mut message);
        }
    }

    /// Tasks whose time is over are forgotten, and what still runs for them is cancelled.
    pub(super) fn on_tasks_due(&mut self, now: Now) {
        self.core.tasks_at = None;
        for job in self.core.tasks.expire(now.monotonic) {
            let Some((caller, _)) = self.core.cancel_gone(job) else {
                continue;
            };
            self.answer(now, job, &caller, Ended::Error(tasks::unknown_task()));
        }
    }
}

fn owner_of_session(session: SessionId) -> Box<[u8]> {
    [b"s".as_slice(), session.as_bytes()].concat().into()
}

fn owner_of_connection(connection: ConnectionId) -> Box<[u8]> {
    let (index, generation) = (
        connection.index.to_be_bytes(),
        connection.generation.to_be_bytes(),
    );
    [b"c".as_slice(), &index, &generation].concat().into()
}

fn finish_of_wait(revision: Revision) -> Finish {
    Finish {
        tool: "tasks/result",
        revision,
        failure: Failure::ErrorReply,
        fence: None,
    }
}

/// Tasks of a page of `tasks/list`: some 30 KiB.
const TASKS_OF_PAGE_MAX: usize = 100;
