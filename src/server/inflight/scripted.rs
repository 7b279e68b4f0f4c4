//! Calls that go on by themselves, and calls that wait for a task: what they wait for, and the answers that have come.

use std::collections::VecDeque;

use serde_json::value::RawValue;

use super::{DEADLINE_GRACE, Flight, Inflight, Principal, State};
use crate::backend::job::{Reached, Work};
use crate::backend::{Job, Stage};
use crate::ident::{JobId, Uuid};
use crate::mcp::Finish;
use crate::mcp::script::{Question, Script};
use crate::server::reply::Caller;
use crate::server::timers::{Timer, Timers};
use crate::time::Instant;

/// A call that goes on by itself.
#[derive(Debug)]
pub(super) struct Scripted {
    /// `None` while it is being resumed, and where there is none to be.
    script: Option<Box<dyn Script>>,
    pub(super) waits: Waits,
    /// Questions that are put to the client when it has answered the one before.
    questions: VecDeque<Question>,
    /// Its answers so far.
    answers: Vec<Box<RawValue>>,
}

/// What a script waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Waits {
    /// Nothing: it is being resumed.
    Not,
    /// This moment.
    Until(Instant),
    /// The client's reply to the request with this number.
    Reply(u64),
    /// The client's answers to the questions of its task.
    Answers,
    /// The end of the task with this number; meanwhile a question of the task was put to the client as the request with
    /// that number.
    Task { number: u64, asked: Option<u64> },
}

/// What an answer of the client leads to.
#[derive(Debug)]
pub(in crate::server) enum Progressed {
    /// The next question is to be put.
    Next(Question),
    /// All are answered: the answers, in order.
    All(Vec<Box<RawValue>>),
}

impl Scripted {
    fn new(script: Option<Box<dyn Script>>, waits: Waits) -> Self {
        Self {
            script,
            waits,
            questions: VecDeque::new(),
            answers: Vec::new(),
        }
    }
}

impl Inflight {
    /// Takes a call in that goes on by itself. [`Inflight::admission`] was asked before, and the caller resumes it.
    pub(in crate::server) fn admit_script(
        &mut self,
        now: Instant,
        caller: Caller,
        principal: Principal,
        (script, finish): (Box<dyn Script>, Finish),
        timers: &mut Timers,
    ) -> JobId {
        let id = self.next_id();
        // It holds no worker while it waits.
        self.gate.enter(principal, id, usize::MAX);
        let state = State::Scripted(Scripted::new(Some(script), Waits::Not));
        let deadline = now + self.script_timeout;
        let flight = Flight::new(now, deadline, caller, principal, finish, state);
        self.insert(id, flight, timers)
    }

    /// Takes a call in that waits for the end of a task, until `deadline` at the latest.
    pub(in crate::server) fn admit_waiting(
        &mut self,
        (now, deadline): (Instant, Instant),
        caller: Caller,
        principal: Principal,
        (number, finish): (u64, Finish),
        timers: &mut Timers,
    ) -> JobId {
        let id = self.next_id();
        // It holds no worker while it waits.
        self.gate.enter(principal, id, usize::MAX);
        let waits = Waits::Task { number, asked: None };
        let state = State::Scripted(Scripted::new(None, waits));
        let flight = Flight::new(now, deadline, caller, principal, finish, state);
        self.insert(id, flight, timers)
    }

    /// The script of a call, to be resumed. [`Inflight::keep_script`] or [`Inflight::work_instead`] follows, or the call
    /// ends.
    pub(in crate::server) fn take_script(
        &mut self,
        id: JobId,
        timers: &mut Timers,
    ) -> Option<Box<dyn Script>> {
        let scripted = self.scripted(id)?;
        let script = scripted.script.take()?;
        if let Waits::Until(due) = std::mem::replace(&mut scripted.waits, Waits::Not) {
            timers.clear(due, Timer::JobDue(id));
        }
        Some(script)
    }

    /// Puts a script back that waits.
    pub(in crate::server) fn keep_script(
        &mut self,
        id: JobId,
        script: Box<dyn Script>,
        until: Waits,
        timers: &mut Timers,
    ) {
        let Some(scripted) = self.scripted(id) else {
            return;
        };
        (scripted.script, scripted.waits) = (Some(script), until);
        if let Waits::Until(due) = until {
            timers.set(due, Timer::JobDue(id));
        }
    }

    /// Makes a job of a call whose script is over.
    pub(in crate::server) fn work_instead(
        &mut self,
        id: JobId,
        now: Instant,
        (work, finish, request_id): (Box<Work>, Finish, Uuid),
        timers: &mut Timers,
    ) {
        if let Some(flight) = self.flights.get_mut(&id) {
            timers.clear(flight.deadline, Timer::JobDeadline(id));
            flight.deadline = now + work.timeout + DEADLINE_GRACE;
            timers.set(flight.deadline, Timer::JobDeadline(id));
            flight.finish = finish;
            flight.statement_bytes = work.leased_bytes();
            self.statement_bytes += flight.statement_bytes;
            flight.connection.clone_from(&work.context.connection);
            flight.who = work.context.who();
            flight.state = State::Ready(Box::new(Job {
                id,
                work,
                reached: Reached::default(),
                admitted: flight.admitted,
                request_id,
            }));
            self.ready.push(flight.principal, Stage::Submit, id);
        }
    }

    /// What the script of a call waits for, if it has one.
    pub(in crate::server) fn waits(&self, id: JobId) -> Option<Waits> {
        match &self.flights.get(&id)?.state {
            State::Scripted(scripted) => Some(scripted.waits),
            State::Ready(_) | State::Stepping { .. } | State::Sleeping { .. } | State::Following { .. } => {
                None
            }
        }
    }

    /// Says that a call waits for something else than before. Not for and not instead of a moment.
    pub(in crate::server) fn wait_for(&mut self, id: JobId, waits: Waits) {
        if let Some(scripted) = self.scripted(id) {
            scripted.waits = waits;
        }
    }

    /// Keeps the questions that follow the first, which is given back.
    pub(in crate::server) fn begin_questions(
        &mut self,
        id: JobId,
        questions: Vec<Question>,
    ) -> Option<Question> {
        let scripted = self.scripted(id)?;
        scripted.answers.clear();
        scripted.questions = questions.into();
        scripted.questions.pop_front()
    }

    /// Takes the client's answer to the question that was put to it last.
    pub(in crate::server) fn take_answer(&mut self, id: JobId, answer: Box<RawValue>) -> Option<Progressed> {
        let scripted = self.scripted(id)?;
        scripted.answers.push(answer);
        Some(match scripted.questions.pop_front() {
            Some(question) => Progressed::Next(question),
            None => Progressed::All(std::mem::take(&mut scripted.answers)),
        })
    }

    /// Takes a call out that ends without a job.
    pub(in crate::server) fn end_script(&mut self, id: JobId, timers: &mut Timers) -> Option<Box<Flight>> {
        self.waits(id)?;
        self.remove(id, timers)
    }

    fn scripted(&mut self, id: JobId) -> Option<&mut Scripted> {
        match &mut self.flights.get_mut(&id)?.state {
            State::Scripted(scripted) => Some(scripted),
            State::Ready(_) | State::Stepping { .. } | State::Sleeping { .. } | State::Following { .. } => {
                None
            }
        }
    }
}
