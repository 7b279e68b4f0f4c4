//! The calls in flight: who waits for which job, which job may take its next step, and what a cancel does.
//!
//! ```text
//!  admit ─► Ready ──next_step──► Stepping ──Done──► (answered, gone)
//!             ▲                     │
//!             └──due── Sleeping ◄───┘ Again
//!
//!  admit_script ─► Scripted ─► … ─► Ready, or (answered, gone)
//!  admit_waiting ─► Scripted, for as long as a task takes ─► (answered, gone)
//!
//!  cancel:  Ready with nothing sent yet, or Scripted → gone at once
//!           Ready or Sleeping       → Cancelling (a step with a cancelled token)
//!           Stepping                → interrupted; Again → Cancelling, Done → gone
//! ```
//!
//! **Invariant:** steps given out and not completed are at most `workers`, cancels at most as many as there are jobs;
//! so neither queue of the pool can overflow. Cancels have a thread of their own and take no worker's place: when three
//! hundred callers leave at once, their cancels must not hold up everybody else's statements. A running statement holds
//! no worker: between steps its job sleeps here.

mod cancelling;
mod followers;
mod own;
mod patience;
mod scripted;
mod tasked;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::event::Output;
use super::gate::Gate;
use super::progress::Standing;
use super::ready::{Principal, Ready};
use super::reply::Caller;
use super::timers::{Timer, Timers};
use crate::audit::Record;
use crate::backend::job::{Operation, Patience, Reached, Rendered, Work};
use crate::backend::kept::{Key, Share, Who};
use crate::backend::{Completion, Error, Job, Outcome, Progress, Stage};
use crate::ident::{JobId, Uuid};
use crate::limits::Limits;
use crate::mcp::Finish;
use crate::time::Instant;

pub(super) use self::scripted::{Progressed, Waits};
pub(super) use self::tasked::Intent;

use self::scripted::Scripted;

/// A call whose job is not over.
#[derive(Debug)]
pub(super) struct Flight {
    /// Who waits for the reply; `None` once it was given or nobody wants it any more.
    pub(super) caller: Option<Caller>,
    /// What the reply needs.
    pub(super) finish: Finish,
    /// When the call was admitted.
    pub(super) admitted: Instant,
    /// Query id of the running statement, once known.
    pub(super) query_id: Option<String>,
    /// The connection to Snowflake that it goes through, where there are several.
    pub(super) connection: Option<Arc<str>>,
    principal: Principal,
    deadline: Instant,
    cancelled: bool,
    /// Time after the admission at which progress was told last.
    pub(super) progress_told: Duration,
    /// What was told then.
    pub(super) told_standing: Option<Standing>,
    /// What the job holds, beyond what each job may ([`Work::leased_bytes`]).
    statement_bytes: usize,
    /// What it has read and carries from step to step.
    row_bytes: usize,
    /// What its job asks of the account.
    pub(super) share: Option<Share>,
    /// As whom its job asks.
    pub(super) who: Who,
    /// Calls that ask the same and wait for the same answer.
    followers: Vec<JobId>,
    /// The row of the task that the call has become.
    pub(super) task: Option<u64>,
    /// What is needed to make a task of it, while it may become one.
    pub(super) intent: Option<Box<Intent>>,
    /// What the audit log will hear of it.
    pub(super) record: Option<Box<Record>>,
    /// What the caller is told when it has waited until then.
    patience: Option<(Instant, Patience)>,
    /// What runs now only finds out whether the statement may run, or what it is.
    is_preparing: bool,
    /// It has, and only the statement's name is missing.
    is_impatient: bool,
    /// It was told; the job goes on.
    is_let_go: bool,
    /// The statement that it waits for goes on without further steps.
    pub(super) goes_on_alone: bool,
    /// The id of its task names its statement.
    is_named_by_task: bool,
    /// By which an engine without ids of its own calls the statement.
    pub(super) request_id: Option<Uuid>,
    /// What its job is about.
    pub(super) operation: Operation,
    /// Its number in the history of statements, if it is there.
    pub(super) noted: Option<u64>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Wants a step and waits for a worker.
    Ready(Box<Job>),
    /// A worker has it.
    Stepping {
        since: Instant,
        stage: Stage,
        cancelling: bool,
    },
    /// Waits until `due` between two steps.
    Sleeping { job: Box<Job>, due: Instant },
    /// Waits for the answer to another call, which asked the same before.
    Following { leader: JobId },
    /// A call that goes on by itself, until it becomes a job or ends.
    Scripted(Scripted),
}

/// Why a call is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Busy {
    /// The server has as many as it may.
    Server(usize),
    /// This caller has as many as it may.
    Principal {
        /// Running, or in the workers' queue.
        running: usize,
        /// Before the gate.
        waiting: usize,
    },
}

/// What a completion means.
#[derive(Debug)]
pub(super) enum Completed {
    /// The job is not known any more: counted, dropped.
    Stale,
    /// The job goes on, or its cancel does.
    GoesOn {
        progress: Progress,
        /// Its statement has become known with this step.
        has_begun: bool,
    },
    /// The job is over.
    Over {
        flight: Box<Flight>,
        result: Result<Rendered, Error>,
    },
}

/// The table.
#[derive(Debug)]
pub(super) struct Inflight {
    /// In boxes, because a tree moves its neighbours at every change.
    flights: BTreeMap<JobId, Box<Flight>>,
    /// Whose answer others who ask the same wait for.
    leaders: BTreeMap<Key, JobId>,
    gate: Gate,
    ready: Ready,
    jobs_made: u64,
    workers: usize,
    script_timeout: Duration,
    jobs_max: usize,
    steps: usize,
    cancels: usize,
    calls: usize,
    /// Sums over all flights.
    statement_bytes: usize,
    row_bytes: usize,
    poll_round_trip: Duration,
}

/// Time that a backend has to end a statement by itself before the server cancels it. Longer than what the Snowflake
/// client adds to the timeout of a statement, so that its sentence, which knows more, comes first.
const DEADLINE_GRACE: Duration = Duration::from_secs(15);

/// Calls with which a caller still comes in while places are scarce.
const CALLS_FEW: usize = 8;

impl Inflight {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            flights: BTreeMap::new(),
            leaders: BTreeMap::new(),
            gate: Gate::new(limits.waiting_per_principal_max),
            ready: Ready::new(limits.steps_per_principal_max),
            jobs_made: 0,
            workers: limits.workers,
            script_timeout: limits.script_timeout,
            jobs_max: limits.jobs_max,
            steps: 0,
            cancels: 0,
            calls: 0,
            statement_bytes: 0,
            row_bytes: 0,
            poll_round_trip: Duration::ZERO,
        }
    }

    /// Jobs that are not over, answered or not.
    pub(super) fn jobs(&self) -> usize {
        self.flights.len()
    }

    /// Calls that somebody waits for.
    pub(super) fn calls(&self) -> usize {
        self.calls
    }

    /// Steps that workers have now.
    pub(super) fn steps(&self) -> usize {
        self.steps + self.cancels
    }

    /// Bytes of statements that the jobs hold beyond what each may.
    pub(super) fn statement_bytes(&self) -> usize {
        self.statement_bytes
    }

    /// Bytes of rows that the jobs carry from step to step.
    pub(super) fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// The flights, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (JobId, &Flight)> {
        self.flights.iter().map(|(id, flight)| (*id, &**flight))
    }

    /// One flight.
    pub(super) fn find(&self, id: JobId) -> Option<&Flight> {
        self.flights.get(&id).map(|flight| &**flight)
    }

    /// One flight, to be changed.
    pub(super) fn find_mut(&mut self, id: JobId) -> Option<&mut Flight> {
        self.flights.get_mut(&id).map(|flight| &mut **flight)
    }

    /// The records of all flights, with when each was admitted. They have none then.
    pub(super) fn take_records(&mut self) -> Vec<(Box<Record>, Instant)> {
        let records = self.flights.values_mut();
        records
            .filter_map(|flight| Some((flight.record.take()?, flight.admitted)))
            .collect()
    }

    /// Whether one more call of `principal` may come in, which may run `calls_max` at once. The last eighth of the places
    /// is for those who have few.
    pub(super) fn admission(&self, principal: Principal, calls_max: usize) -> Result<(), Busy> {
        let is_full = self.flights.len() >= self.jobs_max;
        let is_scarce = self.flights.len() >= self.jobs_max - self.jobs_max / 8;
        if is_full || is_scarce && self.gate.calls(principal) >= CALLS_FEW {
            return Err(Busy::Server(self.flights.len()));
        }
        self.gate.check(principal, calls_max)
    }

    /// How many calls of its caller wait before this one, if it waits.
    pub(super) fn place(&self, principal: Principal, id: JobId) -> Option<usize> {
        self.gate.place(principal, id)
    }

    /// Takes a call in. [`Inflight::admission`] was asked before.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        caller: Caller,
        (principal, calls_max): (Principal, usize),
        (mut work, finish, request_id): (Box<Work>, Finish, Uuid),
        timers: &mut Timers,
    ) -> JobId {
        let id = self.next_id();
        let deadline = now + work.timeout + DEADLINE_GRACE;
        if let Some(leader) = self.leader_of(&work) {
            let state = State::Following { leader };
            let flight = Flight::new(now, deadline, caller, principal, finish, state);
            return self.insert(id, flight, timers);
        }
        if self.gate.enter(principal, id, calls_max) {
            self.ready.push(principal, Stage::Submit, id);
        }
        let statement_bytes = work.leased_bytes();
        let (share, who) = (work.share.clone(), work.context.who());
        if let Some(share) = &share {
            self.leaders.insert(share.key.clone(), id);
        }
        let (patience, own_id) = (work.patience.take(), work.is_last_round().then_some(request_id));
        let is_preparing = work.follow.is_some();
        let operation = work.operation.clone();
        let state = State::Ready(Box::new(Job {
            id,
            work,
            reached: Reached::default(),
            admitted: now,
            request_id,
        }));
        let mut flight = Flight::new(now, deadline, caller, principal, finish, state);
        flight.statement_bytes = statement_bytes;
        (flight.share, flight.who) = (share, who);
        (flight.request_id, flight.operation) = (own_id, operation);
        flight.is_preparing = is_preparing;
        if let Some(patience) = patience {
            let due = now + patience.wait;
            timers.set(due, Timer::JobPatience(id));
            flight.patience = Some((due, patience));
        }
        self.statement_bytes += statement_bytes;
        self.insert(id, flight, timers)
    }

    fn next_id(&mut self) -> JobId {
        self.jobs_made += 1;
        JobId(self.jobs_made)
    }

    fn insert(&mut self, id: JobId, flight: Flight, timers: &mut Timers) -> JobId {
        timers.set(flight.deadline, Timer::JobDeadline(id));
        self.calls += usize::from(flight.caller.is_some());
        self.flights.insert(id, Box::new(flight));
        id
    }

    /// Who waits for the reply.
    pub(super) fn caller_mut(&mut self, id: JobId) -> Option<&mut Caller> {
        self.flights.get_mut(&id)?.caller.as_mut()
    }

    /// The next step to give out, if a worker is free for it.
    pub(super) fn next_step(&mut self, now: Instant) -> Option<Output> {
        if let Some(id) = self.ready.pop_cancel() {
            let job = self.start(id, now, true)?;
            self.cancels += 1;
            return Some(Output::SubmitCancel(job));
        }
        if self.steps < self.workers
            && let Some(id) = self.ready.pop()
        {
            let job = self.start(id, now, false)?;
            self.steps += 1;
            return Some(Output::Submit(job));
        }
        None
    }

    fn start(&mut self, id: JobId, now: Instant, cancelling: bool) -> Option<Box<Job>> {
        let flight = self.flights.get_mut(&id);
        debug_assert!(flight.is_some(), "a job in a ready queue is in the table");
        let flight = flight?;
        let stage = match &flight.state {
            State::Ready(job) => job.reached.stage,
            State::Stepping { .. }
            | State::Sleeping { .. }
            | State::Following { .. }
            | State::Scripted(_) => {
                debug_assert!(false, "a job in a ready queue is ready");
                return None;
            }
        };
        match std::mem::replace(
            &mut flight.state,
            State::Stepping {
                since: now,
                stage,
                cancelling,
            },
        ) {
            State::Ready(job) => Some(job),
            State::Stepping { .. }
            | State::Sleeping { .. }
            | State::Following { .. }
            | State::Scripted(_) => None,
        }
    }

    /// A sleeping job's time has come.
    pub(super) fn on_due(&mut self, id: JobId) {
        let Some(flight) = self.flights.get_mut(&id) else {
            return;
        };
        flight.wake(id, &mut self.ready);
    }

    /// A worker ended a step.
    pub(super) fn on_completion(
        &mut self,
        now: Instant,
        completion: Completion,
        timers: &mut Timers,
    ) -> Completed {
        let id = completion.job;
        let running = self.flights.len();
        let Some(flight) = self.flights.get_mut(&id) else {
            return Completed::Stale;
        };
        let State::Stepping {
            since,
            stage,
            cancelling,
        } = flight.state
        else {
            return Completed::Stale;
        };
        if cancelling {
            self.cancels -= 1;
        } else {
            self.steps -= 1;
        }
        if !cancelling {
            self.ready.on_step_ended(flight.principal);
        }
        if stage == Stage::Poll {
            self.poll_round_trip = (self.poll_round_trip * 7 + now.since(since)) / 8;
        }
        match completion.outcome {
            Outcome::Done(result) => match self.remove(id, timers) {
                Some(flight) => Completed::Over { flight, result },
                None => Completed::Stale,
            },
            Outcome::Again { job, after, progress } => {
                let has_begun = flight.query_id.is_none() && job.reached.handle.is_some();
                flight.query_id.clone_from(&job.reached.handle);
                flight.goes_on_alone = job.reached.goes_on_alone;
                flight.is_preparing = job.work.follow.is_some();
                // The statement that the caller means comes after those that had to be asked first.
                flight.request_id = job.work.is_last_round().then_some(job.request_id);
                // What a cancelled job carries goes with it, soon.
                let row_bytes = if flight.cancelled {
                    0
                } else {
                    job.reached.row_bytes
                };
                self.row_bytes += row_bytes;
                self.row_bytes -= std::mem::replace(&mut flight.row_bytes, row_bytes);
                // A cancel that must be repeated waits as it was told; a job cancelled meanwhile does not wait.
                let after = if flight.cancelled && !cancelling {
                    Duration::ZERO
                } else if job.reached.stage == Stage::Poll {
                    // n statements polled through w workers: each may be asked every n × round trip / (w / 2), or the
                    // polls alone would fill the workers.
                    let busy = self.poll_round_trip * u32::try_from(running).unwrap_or(u32::MAX) * 2;
                    after.max(busy / u32::try_from(self.workers.max(1)).unwrap_or(u32::MAX))
                } else {
                    after
                };
                let due = now + after;
                flight.state = State::Sleeping { job, due };
                if after.is_zero() {
                    flight.wake(id, &mut self.ready);
                } else {
                    timers.set(due, Timer::JobDue(id));
                }
                Completed::GoesOn { progress, has_begun }
            }
        }
    }

    fn remove(&mut self, id: JobId, timers: &mut Timers) -> Option<Box<Flight>> {
        let flight = self.flights.remove(&id)?;
        if let Some(share) = &flight.share
            && self.leaders.get(&share.key) == Some(&id)
        {
            self.leaders.remove(&share.key);
        }
        self.statement_bytes -= flight.statement_bytes;
        self.row_bytes -= flight.row_bytes;
        self.calls -= usize::from(flight.caller.is_some());
        timers.clear(flight.deadline, Timer::JobDeadline(id));
        if let Some(intent) = &flight.intent {
            timers.clear(intent.due, Timer::JobTask(id));
        }
        if let Some((due, _)) = &flight.patience {
            timers.clear(*due, Timer::JobPatience(id));
        }
        // Who follows another call has not come through the gate.
        let has_entered = !matches!(flight.state, State::Following { .. });
        if has_entered && let Some(next) = self.gate.leave(flight.principal, id) {
            self.ready.push(flight.principal, Stage::Submit, next);
        }
        Some(flight)
    }
}

impl Flight {
    /// Whether it waits for the answer to another call, and runs nothing itself.
    pub(super) fn is_following(&self) -> bool {
        matches!(self.state, State::Following { .. })
    }

    /// On whose account it runs.
    pub(super) fn principal(&self) -> Principal {
        self.principal
    }

    fn new(
        now: Instant,
        deadline: Instant,
        caller: impl Into<Option<Caller>>,
        principal: Principal,
        finish: Finish,
        state: State,
    ) -> Self {
        // A script's first job is not known yet; its calls run in the connection of calls that name none.
        let connection = match &state {
            State::Ready(job) => job.work.context.connection.clone(),
            _ => None,
        };
        Self {
            caller: caller.into(),
            finish,
            admitted: now,
            query_id: None,
            connection,
            principal,
            deadline,
            cancelled: false,
            progress_told: Duration::ZERO,
            told_standing: None,
            statement_bytes: 0,
            row_bytes: 0,
            share: None,
            who: Who::default(),
            followers: Vec::new(),
            task: None,
            intent: None,
            record: None,
            patience: None,
            is_preparing: false,
            is_impatient: false,
            is_let_go: false,
            goes_on_alone: false,
            is_named_by_task: false,
            request_id: None,
            operation: Operation::Run,
            noted: None,
            state,
        }
    }

    /// How far it is, as far as that is known before its step ends. `None` while it waits between two steps, which have said
    /// it, or goes on by itself.
    pub(super) fn standing(&self) -> Option<Standing> {
        match &self.state {
            State::Ready(_) => Some(Standing::Waiting),
            State::Stepping {
                cancelling: false, ..
            }
            | State::Following { .. } => Some(match &self.told_standing {
                Some(Standing::Said(progress)) => Standing::Said(progress.clone()),
                _ => Standing::Asking,
            }),
            State::Stepping { .. } | State::Sleeping { .. } | State::Scripted(_) => None,
        }
    }

    fn wake(&mut self, id: JobId, ready: &mut Ready) {
        let since = self.admitted;
        let asleep = State::Stepping {
            since,
            stage: Stage::Submit,
            cancelling: false,
        };
        match std::mem::replace(&mut self.state, asleep) {
            State::Sleeping { job, .. } => {
                if self.cancelled {
                    ready.push_cancel(id);
                } else {
                    ready.push(self.principal, job.reached.stage, id);
                }
                self.state = State::Ready(job);
            }
            other => self.state = other,
        }
    }
}
