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
mod fault;
mod functions;
mod information_schema;
mod lexis;
mod listing;
mod numeral;
mod numeric;
mod plan;
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

use crate::backend::job::Work;
use crate::backend::{Backend, CancelToken, Error, Job, Progress, ResultSet, Step};
use crate::entropy::{Entropy, SystemEntropy};
use crate::sql::guard::CheckedStatement;
use crate::time::{Clock, Instant, SystemClock};
use fault::{Fault, Outcome};
use plan::{Plan, Plans};
use session::Session;
use store::{Lane, Store};

/// The embedded engine.
pub struct Demo {
    clock: SystemClock,
    store: Store,
    plans: Plans,
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
    /// Every slot is taken.
    Busy,
}

/// What a job that is to come again carries with it.
struct Carried {
    /// Waiting counts: the timeout is for the statements in all.
    deadline: Instant,
    /// When it first ran out of memory beside others.
    starved: Option<Instant>,
}

/// How long a job waits before it asks again for a slot, or for memory.
const WAIT: Duration = Duration::from_millis(5);

/// SQLite's memory is bounded for the whole process, so a statement may fail because of another one. It tries again
/// for this long while others run; the one that takes all the memory fails in the meantime, or later by itself.
const STARVING_MAX: Duration = Duration::from_secs(2);

/// Jobs that run on any engine of this process, and jobs that ever began.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// A job that runs.
struct Running {
    /// Whether others ran when it began.
    beside_others: bool,
    number: usize,
}

impl Running {
    fn new() -> Self {
        Self {
            number: BEGUN.fetch_add(1, Ordering::SeqCst) + 1,
            beside_others: RUNNING.fetch_add(1, Ordering::SeqCst) > 0,
        }
    }

    /// Whether no other job ran at any time since this one began.
    fn is_alone(&self) -> bool {
        !self.beside_others && BEGUN.load(Ordering::SeqCst) == self.number
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

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
            slots: Slots {
                taken: AtomicUsize::new(0),
                count: workers.saturating_sub(2).max(1),
            },
        })
    }

    /// What a job begins with.
    fn carried(&self, work: &Work) -> Carried {
        Carried {
            deadline: self.clock.now().monotonic + work.timeout,
            starved: None,
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
        let running = Running::new();
        match self.attempt(texts, work, carried.deadline, cancel) {
            Err(Fault::Memory) if !running.is_alone() => {
                let now = self.clock.now().monotonic;
                let since = *carried.starved.get_or_insert(now);
                if now.since(since) < STARVING_MAX {
                    Ok(Attempt::Busy)
                } else {
                    Err(Fault::Memory)
                }
            }
            outcome => outcome,
        }
    }

    fn attempt(
        &self,
        texts: &[&str],
        work: &Work,
        deadline: Instant,
        cancel: &CancelToken,
    ) -> Outcome<Attempt> {
        let session = Session::new(&work.context);
        let mut plans = Vec::with_capacity(texts.len());
        for text in texts {
            let plan = self.plans.plan(text, &session);
            plans.push(unless_allowed(plan, work, plans.len())?);
        }
        let is_short = plans.iter().flatten().all(|plan| plan.is_short());
        let slot = if is_short { None } else { self.slots.take() };
        if slot.is_none() && !is_short {
            return match self.clock.now().monotonic >= deadline {
                true => Err(Fault::Timeout(work.timeout)),
                false => Ok(Attempt::Busy),
            };
        }
        let mut lane = self.store.lane()?;
        let outcome = self.run(&plans, &mut lane, work, deadline, cancel);
        self.store.give_back(lane);
        outcome.map(Attempt::Finished)
    }

    fn run(
        &self,
        plans: &[Option<Arc<Plan>>],
        lane: &mut Lane,
        work: &Work,
        deadline: Instant,
        cancel: &CancelToken,
    ) -> Outcome<Vec<ResultSet>> {
        let wall = i64::try_from(self.clock.now().wall.as_micros()).unwrap_or(i64::MAX);
        lane.signals.start(deadline.as_micros(), wall);
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
            let result = run::run(plan, lane, work.bounds).map_err(|fault| ended(fault, lane, work));
            results.push(match unless_allowed(result, work, results.len())? {
                Some(mut result) => {
                    result.query_id = Some(SystemEntropy.uuid().to_string());
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

impl Backend for Demo {
    fn step(&self, mut job: Job, cancel: &CancelToken) -> Step {
        if cancel.is_cancelled() {
            return Step::Done(Box::new(job), Err(Fault::Cancelled.into_error()));
        }
        let carried = job.reached.carried.take();
        let mut carried = carried
            .and_then(|carried| carried.downcast::<Carried>().ok())
            .unwrap_or_else(|| Box::new(self.carried(&job.work)));
        let texts: Vec<&str> = job.work.statements.iter().map(CheckedStatement::text).collect();
        match self.advance(&texts, &job.work, &mut carried, cancel) {
            Ok(Attempt::Finished(results)) => Step::Done(Box::new(job), Ok(results)),
            Ok(Attempt::Busy) => {
                job.reached.carried = Some(carried);
                Step::Again {
                    job: Box::new(job),
                    after: WAIT,
                    progress: Progress::Queued,
                }
            }
            Err(fault) => {
                let error = fault.into_error().with_query_id(SystemEntropy.uuid().to_string());
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
