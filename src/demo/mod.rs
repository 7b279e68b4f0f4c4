//! The embedded engine behind `--demo`: a small Snowflake account on SQLite, in memory, without a login.
//!
//! It has the database that every Snowflake account has (`SNOWFLAKE_SAMPLE_DATA`, smaller) and a few views, and speaks
//! enough of Snowflake's SQL that a query which runs here runs there and gives values of the same types. What it cannot
//! do it refuses with a sentence. Clients can only read.
//!
//! ```text
//!  text ─ lexis ─ command ─┬─ show, describe, explain ──────────► Listing ─┐
//!                          └─ translate (names, types, functions) ► SQL    ├─ run ─► ResultSet
//!                                     store: lanes, tables made at first use ┘
//! ```
//!
//! It knows no MCP and no connection. A step runs all statements of a job; nothing of a job stays behind in a lane, so no
//! client sees another's context.

mod calendar;
mod catalog;
mod command;
mod data;
mod datatype;
mod ddl;
mod describe;
mod dialect;
mod existing;
mod fault;
mod functions;
mod information_schema;
mod lexis;
mod listing;
mod memory;
mod numeral;
mod numeric;
mod plan;
mod recent;
mod run;
mod session;
mod show;
mod store;
#[cfg(test)]
mod tests;
mod translate;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::backend::job::{Context, Operation, Work};
use crate::backend::{Backend, CancelToken, Error, Job, Progress, ResultSet, Step};
use crate::ident::Uuid;
use crate::limits::EMBEDDED_STATEMENTS_BYTES_MAX;
use crate::sql::guard::CheckedStatement;
use crate::time::{Clock, Instant, SystemClock};
use fault::{Fault, Outcome};
use memory::{Running, Starved, Turn};
use plan::{Plan, Plans};
use recent::{Origin, Recent};
use session::Session;
use store::{Lane, Store};

/// The embedded engine.
pub struct Demo {
    clock: SystemClock,
    store: Store,
    plans: Plans,
    recent: Recent,
    slots: Slots,
}

/// How many statements that may take long run at once.
#[derive(Debug)]
struct Slots {
    taken: AtomicUsize,
    count: usize,
}

/// A taken slot.
struct Slot<'a>(&'a Slots);

impl Slots {
    fn take(&self) -> Option<Slot<'_>> {
        let taken = self
            .taken
            .try_update(Ordering::SeqCst, Ordering::SeqCst, |taken| {
                (taken < self.count).then_some(taken + 1)
            });
        taken.ok().map(|_| Slot(self))
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What one step leads to.
enum Attempt {
    Finished(Vec<ResultSet>),
    /// Every slot is taken, or somebody else has the turn of those that memory ran out for.
    Busy,
}

/// What a job that is to come again carries with it.
struct Carried {
    /// Waiting counts: the timeout is for the statements in all.
    deadline: Instant,
    /// It ran out of memory beside others.
    starved: Option<Starved>,
    /// CURRENT_TIMESTAMP of its statements, microseconds since 1970.
    wall: i64,
    /// Query id of its first statement.
    request_id: Uuid,
    /// A statement that was run before is run again for its further rows.
    again: Option<Again>,
}

/// What is different when a statement is run again.
struct Again {
    /// Where it ran.
    context: Context,
    /// Rows that are passed over.
    rows_before: u64,
}

/// How long a job waits before it asks again for a slot, or for memory.
const WAIT: Duration = Duration::from_millis(5);

impl Demo {
    /// An engine for so many worker threads: of statements that may take long it runs two fewer at once (one at
    /// least), so that short ones always find a worker. Opens nothing yet: connections and tables are made when a
    /// statement needs them.
    ///
    /// # Errors
    /// None today; an engine that opens files would have some.
    #[allow(
        clippy::result_large_err,
        reason = "the error of the backend vocabulary, once per start"
    )]
    pub fn new(clock: SystemClock, workers: usize) -> Result<Self, Error> {
        Ok(Self {
            clock,
            store: Store::new(clock),
            plans: Plans::default(),
            recent: Recent::default(),
            slots: Slots {
                taken: AtomicUsize::new(0),
                count: workers.saturating_sub(2).max(1),
            },
        })
    }

    /// What a job begins with.
    fn carried(&self, job: &Job) -> Carried {
        let now = self.clock.now();
        Carried {
            deadline: now.monotonic + job.work.timeout,
            starved: None,
            wall: i64::try_from(now.wall.as_micros()).unwrap_or(i64::MAX),
            request_id: job.request_id,
            again: None,
        }
    }

    /// Runs `texts` as `work` says where and how far, or says that they have to wait.
    fn advance(
        &self,
        texts: &[&str],
        work: &Work,
        carried: &mut Carried,
        cancel: &CancelToken,
    ) -> Outcome<Attempt> {
        let turn = carried.starved.and_then(|_| Turn::take());
        if carried.starved.is_some() && turn.is_none() {
            return self.wait(work, carried);
        }
        let running = Running::new();
        match self.attempt(texts, work, carried, cancel) {
            Err(Fault::Memory) if !running.is_alone() => {
                let now = self.clock.now().monotonic;
                let is_new = carried.starved.is_none();
                let starved = carried.starved.get_or_insert_with(|| Starved::new(now));
                if !is_new && starved.fail(now) {
                    return Err(Fault::Memory);
                }
                Ok(Attempt::Busy)
            }
            outcome => outcome,
        }
    }

    /// Comes again, while there is time.
    fn wait(&self, work: &Work, carried: &Carried) -> Outcome<Attempt> {
        match self.clock.now().monotonic >= carried.deadline {
            true => Err(Fault::Timeout(work.timeout)),
            false => Ok(Attempt::Busy),
        }
    }

    fn attempt(
        &self,
        texts: &[&str],
        work: &Work,
        carried: &Carried,
        cancel: &CancelToken,
    ) -> Outcome<Attempt> {
        let again = carried.again.as_ref();
        let session = Session::new(again.map_or(&work.context, |again| &again.context));
        let mut plans = Vec::with_capacity(texts.len());
        for text in texts {
            let plan = self.plans.plan(text, &session);
            plans.push(unless_allowed(plan, work, plans.len())?);
        }
        let is_short = plans.iter().flatten().all(|plan| plan.is_short());
        let slot = if is_short { None } else { self.slots.take() };
        if slot.is_none() && !is_short {
            return self.wait(work, carried);
        }
        let mut lane = self.store.lane()?;
        let outcome = self.run(&plans, &mut lane, work, carried, cancel);
        self.store.give_back(lane);
        outcome.map(Attempt::Finished)
    }

    fn run(
        &self,
        plans: &[Option<Arc<Plan>>],
        lane: &mut Lane,
        work: &Work,
        carried: &Carried,
        cancel: &CancelToken,
    ) -> Outcome<Vec<ResultSet>> {
        let rows_before = carried.again.as_ref().map_or(0, |again| again.rows_before);
        lane.signals.start(carried.deadline.as_micros(), carried.wall);
        let (signals, interrupt) = (Arc::clone(&lane.signals), lane.connection.get_interrupt_handle());
        // Lives to the end of this function: a cancel that comes later must not reach the lane's next user.
        let _interruptible = cancel.on_cancel(move || {
            signals.cancel();
            interrupt.interrupt();
        });
        let mut results = Vec::with_capacity(plans.len());
        for plan in plans {
            let Some(plan) = plan else {
                results.push(ResultSet::absent());
                continue;
            };
            if let Plan::Query(query) = &**plan {
                let attached = self.store.attach(lane, &query.frame.tables);
                attached.map_err(|fault| ended(fault, lane, work))?;
            }
            // SQLite looks at the signals only every few thousand instructions.
            if lane.signals.must_stop(self.clock) {
                return Err(ended(Fault::Cancelled, lane, work));
            }
            let result =
                run::run(plan, lane, work.bounds, rows_before).map_err(|fault| ended(fault, lane, work));
            results.push(match unless_allowed(result, work, results.len())? {
                Some(mut result) => {
                    let id = carried.request_id.after(results.len() as u64);
                    result.query_id = Some(id.to_string());
                    result
                }
                None => ResultSet::absent(),
            });
        }
        Ok(results)
    }
}

/// Tells an interrupt by the clock from one by a cancel.
fn ended(fault: Fault, lane: &Lane, work: &Work) -> Fault {
    match fault {
        Fault::Cancelled if lane.signals.has_timed_out() => Fault::Timeout(work.timeout),
        other => other,
    }
}

/// What statement `index` came to, or nothing if the job can do without it.
fn unless_allowed<T>(outcome: Outcome<T>, work: &Work, index: usize) -> Outcome<Option<T>> {
    match outcome {
        Err(fault) if work.allows(index, &fault.clone().into_error()) => Ok(None),
        other => other.map(Some),
    }
}

/// What gives the rows of a job's statement anew.
fn origin(job: &Job, index: usize, carried: &Carried) -> Origin {
    let text = job.work.statements.get(index).map_or("", CheckedStatement::text);
    Origin {
        text: text.into(),
        context: job.work.context.clone(),
        wall: carried.wall,
    }
}

impl Demo {
    /// The statements of a job have ended: they can be read again. Of one that took long its rows are kept.
    fn remember(&self, job: &Job, carried: &Carried, results: &[ResultSet]) {
        let begun = carried
            .deadline
            .as_micros()
            .saturating_sub(u64::try_from(job.work.timeout.as_micros()).unwrap_or(u64::MAX));
        let took = self.clock.now().monotonic.since(Instant::from_micros(begun));
        let is_slow = took >= SLOW && results.len() == 1;
        for (index, result) in results.iter().enumerate() {
            let id = job.request_id.after(index as u64).to_string();
            if index > 0 {
                self.recent
                    .begin(&id, origin(job, index, carried), CancelToken::new());
            }
            let rows =
                (is_slow && result.bytes() <= EMBEDDED_STATEMENTS_BYTES_MAX / 4).then(|| result.clone());
            self.recent.end(&id, rows);
        }
    }
}

/// Running a statement again for its next rows is free below this; beyond it its rows are kept.
const SLOW: Duration = Duration::from_secs(1);

impl Backend for Demo {
    fn step(&self, mut job: Job, cancel: &CancelToken) -> Step {
        if !matches!(job.work.operation, Operation::Run) {
            if cancel.is_cancelled() {
                return Step::Done(Box::new(job), Err(Fault::Cancelled.into_error()));
            }
            return self.step_existing(job, cancel);
        }
        let carried = job.reached.carried.take();
        let known = carried.and_then(|carried| carried.downcast::<Carried>().ok());
        let is_new = known.is_none();
        let mut carried = known.unwrap_or_else(|| Box::new(self.carried(&job)));
        let id = job.request_id.to_string();
        if is_new && !cancel.is_cancelled() {
            self.recent.begin(&id, origin(&job, 0, &carried), cancel.clone());
        }
        if self.recent.go_on(&id, Some(cancel.clone())) || cancel.is_cancelled() {
            let error = Fault::Cancelled.into_error().with_query_id(id);
            self.recent.fail(&job.request_id.to_string(), &error);
            return Step::Done(Box::new(job), Err(error));
        }
        let texts: Vec<&str> = job.work.statements.iter().map(CheckedStatement::text).collect();
        match self.advance(&texts, &job.work, &mut carried, cancel) {
            Ok(Attempt::Finished(results)) => {
                self.remember(&job, &carried, &results);
                Step::Done(Box::new(job), Ok(results))
            }
            Ok(Attempt::Busy) => {
                self.recent.go_on(&id, None);
                job.reached.carried = Some(carried);
                Step::Again {
                    job: Box::new(job),
                    after: WAIT,
                    progress: Progress::Queued,
                }
            }
            Err(fault) => {
                let error = fault.into_error().with_query_id(id.as_str());
                self.recent.fail(&id, &error);
                Step::Done(Box::new(job), Err(error))
            }
        }
    }
}

impl std::fmt::Debug for Demo {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Demo")
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}
