//! What waits for a worker and what runs: one lock, one condition.
//!
//! Knows jobs only by their id. The queue's bound is the server's promise never to have more steps out than there are
//! workers: a full queue is our bug, said by an assertion, and never a reason to refuse work that was admitted.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::backend::{CancelToken, Job};
use crate::ident::JobId;

/// A step that waits for a thread.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) job: Box<Job>,
    pub(super) token: CancelToken,
}

/// A queue between the reactor and some threads.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    length_max: usize,
}

#[derive(Debug)]
struct State {
    queued: VecDeque<Queued>,
    running: Vec<(JobId, CancelToken)>,
    threads: usize,
    is_closed: bool,
}

impl Queue {
    /// A queue that never holds more than `length_max` waiting steps.
    pub(super) fn new(length_max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                queued: VecDeque::new(),
                running: Vec::new(),
                threads: 0,
                is_closed: false,
            }),
            changed: Condvar::new(),
            length_max,
        }
    }

    /// Adds a step. `token` cancels it, waiting or running.
    pub(super) fn push(&self, job: Box<Job>, token: CancelToken) {
        let mut state = self.lock();
        debug_assert!(
            state.queued.len() < self.length_max,
            "{} steps wait, more than the {} that the server may have out",
            state.queued.len() + 1,
            self.length_max
        );
        state.queued.push_back(Queued { job, token });
        drop(state);
        self.changed.notify_one();
    }

    /// The next step, for the calling thread, which waits for one. `None`: the queue is closed, the thread must end.
    pub(super) fn pop(&self) -> Option<Queued> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(queued) = state.queued.pop_front() {
                state.running.push((queued.job.id, queued.token.clone()));
                return Some(queued);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Says that the step of `job`, which [`Queue::pop`] gave, has ended.
    pub(super) fn on_step_ended(&self, job: JobId) {
        self.lock().running.retain(|(running, _)| *running != job);
    }

    /// Cancels the step of `job`, waiting or running; an unknown one has ended in the meantime.
    pub(super) fn cancel(&self, job: JobId) {
        let state = self.lock();
        let waiting = state.queued.iter().map(|queued| (queued.job.id, &queued.token));
        let running = state.running.iter().map(|(id, token)| (*id, token));
        let token = waiting
            .chain(running)
            .find(|(id, _)| *id == job)
            .map(|(_, token)| token.clone());
        drop(state);
        // Outside of the lock: a hook of the engine may be called here.
        if let Some(token) = token {
            token.cancel();
        }
    }

    /// Forgets what waits, cancels what runs, and lets every thread end.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.queued.clear();
        let running = state.running.clone();
        drop(state);
        self.changed.notify_all();
        for (_, token) in running {
            token.cancel();
        }
    }

    /// Counts a thread that is about to be started, until the result is dropped.
    pub(super) fn join(self: &Arc<Self>) -> Membership {
        self.lock().threads += 1;
        Membership(Arc::clone(self))
    }

    /// Waits until every thread has ended, at most `timeout`. Says whether they all did.
    pub(super) fn wait_for_threads(&self, timeout: Duration) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, |state| state.threads > 0)
            .unwrap_or_else(PoisonError::into_inner);
        state.threads == 0
    }

    /// A panic while the lock was held cannot leave the state half changed: every change is one push, pop or flag.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread's place at a queue: given up however the thread ends, also when it could not be started.
#[derive(Debug)]
pub(super) struct Membership(Arc<Queue>);

impl Membership {
    /// The queue.
    pub(super) fn queue(&self) -> &Queue {
        &self.0
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.0.lock().threads -= 1;
        self.0.changed.notify_all();
    }
}
