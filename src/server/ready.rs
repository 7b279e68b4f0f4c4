//! Jobs that want a step: cancels first, then by stage, and within a stage the callers take turns.
//!
//! No caller has all workers: a few are always left for whoever comes next, so that it need not wait for the end of
//! somebody else's step.
//!
//! So a cancel never waits behind polls, a new statement never waits behind the polls of a hundred old ones, and a
//! caller with a hundred calls gets one step for each step of a caller with one.

use std::collections::{BTreeMap, VecDeque};

use crate::access::Mark;
use crate::address::Network;
use crate::backend::Stage;
use crate::ident::{ConnectionId, JobId};

/// On whose account a call runs: fairness and limits go by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Principal {
    /// A caller that is known.
    Known(Mark),
    /// Nobody known: the address that a trusted proxy told.
    Address(Network),
    /// Nobody known: the connection itself.
    Connection(ConnectionId),
    /// The server, for what it wants to know itself.
    Own,
}

impl Principal {
    /// What is signed for this caller is bound to these bytes; none where nobody is known.
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Known(mark) => mark.as_bytes(),
            Self::Address(_) | Self::Connection(_) | Self::Own => &[],
        }
    }
}

/// The queues.
#[derive(Debug)]
pub(super) struct Ready {
    cancels: VecDeque<JobId>,
    stages: [Turns; 3],
    /// Steps that each caller has out. Those that have none are not in it.
    stepping: BTreeMap<Principal, usize>,
    steps_each_max: usize,
}

impl Ready {
    /// Queues that give each caller at most `steps_each_max` steps at once.
    pub(super) fn new(steps_each_max: usize) -> Self {
        Self {
            cancels: VecDeque::new(),
            stages: Default::default(),
            stepping: BTreeMap::new(),
            steps_each_max,
        }
    }

    pub(super) fn push(&mut self, principal: Principal, stage: Stage, job: JobId) {
        self.stages[stage as usize].push(principal, job);
    }

    pub(super) fn push_cancel(&mut self, job: JobId) {
        self.cancels.push_back(job);
    }

    pub(super) fn pop_cancel(&mut self) -> Option<JobId> {
        self.cancels.pop_front()
    }

    /// The next that gets a step. [`Ready::on_step_ended`] follows.
    pub(super) fn pop(&mut self) -> Option<JobId> {
        // As after most of what happens.
        if self.stages.iter().all(|turns| turns.turns.is_empty()) {
            return None;
        }
        let (stepping, max) = (&self.stepping, self.steps_each_max);
        let may_step = |principal: &Principal| stepping.get(principal).is_none_or(|steps| *steps < max);
        let popped = self.stages.iter_mut().find_map(|turns| turns.pop(may_step));
        let (principal, job) = popped?;
        *self.stepping.entry(principal).or_insert(0) += 1;
        Some(job)
    }

    /// A step of `principal` that [`Ready::pop`] gave out has ended.
    pub(super) fn on_step_ended(&mut self, principal: Principal) {
        if let Some(steps) = self.stepping.get_mut(&principal) {
            *steps -= 1;
            if *steps == 0 {
                self.stepping.remove(&principal);
            }
        }
    }

    pub(super) fn remove(&mut self, principal: Principal, stage: Stage, job: JobId) {
        self.stages[stage as usize].remove(principal, job);
    }
}

/// Queues of one stage, served in turns.
#[derive(Debug, Default)]
struct Turns {
    queues: BTreeMap<Principal, VecDeque<JobId>>,
    turns: VecDeque<Principal>,
}

impl Turns {
    fn push(&mut self, principal: Principal, job: JobId) {
        let queue = self.queues.entry(principal).or_default();
        if queue.is_empty() {
            self.turns.push_back(principal);
        }
        queue.push_back(job);
    }

    /// The next of the first in turn who may have one more. Few are passed over: those who may not have it have as many
    /// workers as one may.
    fn pop(&mut self, may_step: impl Fn(&Principal) -> bool) -> Option<(Principal, JobId)> {
        let place = self.turns.iter().position(may_step)?;
        let principal = self.turns.remove(place)?;
        let queue = self.queues.get_mut(&principal)?;
        let job = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&principal);
        } else {
            self.turns.push_back(principal);
        }
        Some((principal, job?))
    }

    fn remove(&mut self, principal: Principal, job: JobId) {
        let Some(queue) = self.queues.get_mut(&principal) else {
            return;
        };
        queue.retain(|other| *other != job);
        if queue.is_empty() {
            self.queues.remove(&principal);
            self.turns.retain(|other| *other != principal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::identity::Kind;

    fn known(label: &str) -> Principal {
        Principal::Known(Mark::of(Kind::Key, label))
    }

    fn drain(ready: &mut Ready) -> Vec<u64> {
        std::iter::from_fn(|| ready.pop_cancel().or_else(|| ready.pop()))
            .map(|job| job.0)
            .collect()
    }

    #[test]
    fn cancels_come_before_submits_before_fetches_before_polls() {
        let mut ready = Ready::new(usize::MAX);
        ready.push(known("ann"), Stage::Poll, JobId(1));
        ready.push(known("ann"), Stage::Fetch, JobId(2));
        ready.push(known("ann"), Stage::Submit, JobId(3));
        ready.push_cancel(JobId(4));
        assert_eq!(drain(&mut ready), [4, 3, 2, 1]);
    }

    #[test]
    fn callers_take_turns() {
        let mut ready = Ready::new(usize::MAX);
        for job in 1..=4 {
            ready.push(known("ann"), Stage::Submit, JobId(job));
        }
        ready.push(known("bob"), Stage::Submit, JobId(10));
        ready.push(known("bob"), Stage::Submit, JobId(11));
        ready.remove(known("ann"), Stage::Submit, JobId(2));
        assert_eq!(drain(&mut ready), [1, 10, 3, 11, 4]);
    }

    #[test]
    fn a_caller_whose_only_job_was_withdrawn_leaves_the_round() {
        let mut ready = Ready::new(usize::MAX);
        ready.push(known("ann"), Stage::Submit, JobId(1));
        ready.push(known("bob"), Stage::Submit, JobId(2));
        ready.remove(known("ann"), Stage::Submit, JobId(1));
        assert_eq!(drain(&mut ready), [2]);
    }

    #[test]
    fn a_caller_never_has_all_workers() {
        let mut ready = Ready::new(2);
        let [ann, bob] = ["ann", "bob"].map(known);
        for job in 1..=4 {
            ready.push(ann, Stage::Submit, JobId(job));
        }
        ready.push(bob, Stage::Poll, JobId(10));
        assert_eq!(drain(&mut ready), [1, 2, 10]);
        ready.on_step_ended(ann);
        assert_eq!(drain(&mut ready), [3]);
    }
}
