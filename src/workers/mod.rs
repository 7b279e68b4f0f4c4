//! The workers: a fixed number of named threads that run steps of jobs, one more that only cancels, and one that gives
//! memory back.
//!
//! Knows no socket and no server. A step comes in by [`Pool::submit`], its end goes out through the function given to
//! [`Pool::start`]. Nothing here decides what runs or whether it may: the server has counted.
//!
//! Why a thread for cancels: every worker may be inside a step that takes seconds, and what a client no longer wants
//! must stop costing money now. Why one for memory: to free a result of 12 MB takes the machine a millisecond or two, in
//! which the reactor would answer nobody; a worker may be waiting for Snowflake just then.

pub mod fetching;
mod queue;
mod step;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use queue::{Membership, Queue};

pub use step::step_once;

use crate::backend::{Backend, CancelToken, Completion, Job};
use crate::ident::JobId;
use crate::limits::Limits;
use crate::time::SystemClock;

/// How long dropping the pool waits for steps that were told to stop. A thread that takes longer is left to the end
/// of the process: an engine that does not react must not keep the program from ending.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

/// What may wait to be dropped. Each is at least a quarter of a MiB, and all together no more than was allowed to be held
/// before (`replies_bytes_max`).
const DISCARDS_MAX: usize = 64;

/// Running threads.
///
/// Dropping it cancels what runs, forgets what waits, and joins the threads that end in time.
pub struct Pool {
    steps: Arc<Queue>,
    cancels: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    /// To the thread that drops what comes. It ends with its sender, and is not waited for.
    discards: SyncSender<Box<dyn Send>>,
}

/// What every thread of a pool shares.
struct Crew<D> {
    backend: Arc<dyn Backend>,
    clock: SystemClock,
    deliver: D,
}

impl Pool {
    /// Starts `limits.workers` threads called `worker-0`, …, one called `cancel` and one called `discard`. `deliver` is called on them with
    /// the end of every step; it must not block. `clock` must share its zero with the server's.
    ///
    /// # Errors
    /// The machine gives no more threads.
    pub fn start(
        backend: Arc<dyn Backend>,
        limits: &Limits,
        clock: SystemClock,
        deliver: impl Fn(Completion) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let crew = Arc::new(Crew {
            backend,
            clock,
            deliver,
        });
        // One more than can run at once: a step may be submitted before the thread whose completion made room for it
        // is back at the queue.
        let steps = Arc::new(Queue::new(limits.workers + 1));
        let cancels = Arc::new(Queue::new(limits.jobs_max));
        let (discards, discarded) = mpsc::sync_channel(DISCARDS_MAX);
        thread::Builder::new()
            .name("discard".to_owned())
            .spawn(move || discarded.into_iter().for_each(drop))?;
        let mut pool = Self {
            discards,
            steps,
            cancels,
            threads: Vec::with_capacity(limits.workers + 1),
        };
        for index in 0..limits.workers {
            pool.threads.push(spawn(
                format!("worker-{index}"),
                pool.steps.join(),
                Arc::clone(&crew),
            )?);
        }
        pool.threads
            .push(spawn("cancel".to_owned(), pool.cancels.join(), crew)?);
        Ok(pool)
    }

    /// Runs the job's next step on a worker.
    pub fn submit(&self, job: Box<Job>) {
        self.steps.push(job, CancelToken::new());
    }

    /// Runs the job's next step with a cancelled token on the thread for cancels.
    pub fn submit_cancel(&self, job: Box<Job>) {
        let token = CancelToken::new();
        token.cancel();
        self.cancels.push(job, token);
    }

    /// Drops `what` on the thread for that; here, should that be behind by `DISCARDS_MAX`.
    pub fn discard(&self, what: Box<dyn Send>) {
        // What cannot be sent comes back in the error and is dropped with it.
        let _ = self.discards.try_send(what);
    }

    /// Cancels the step of `job`, whether it waits or runs. One that has ended is left alone.
    pub fn interrupt(&self, job: JobId) {
        self.steps.cancel(job);
    }
}

fn spawn<D>(name: String, place: Membership, crew: Arc<Crew<D>>) -> io::Result<JoinHandle<()>>
where
    D: Fn(Completion) + Send + Sync + 'static,
{
    thread::Builder::new().name(name).spawn(move || {
        while let Some(queued) = place.queue().pop() {
            let job = queued.job.id;
            let outcome = step_once(crew.backend.as_ref(), *queued.job, &queued.token, &crew.clock);
            // Before it is told: an interrupt that comes after the completion must find nothing.
            place.queue().on_step_ended(job);
            (crew.deliver)(Completion { job, outcome });
        }
    })
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.steps.close();
        self.cancels.close();
        let all_ended =
            self.steps.wait_for_threads(JOIN_TIMEOUT) && self.cancels.wait_for_threads(JOIN_TIMEOUT);
        if !all_ended {
            log::warn!("a worker does not stop; it is left behind");
            return;
        }
        for thread in self.threads.drain(..) {
            // Steps are run under `catch_unwind`, so only `deliver` can have panicked, and that was printed.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("threads", &self.threads.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
