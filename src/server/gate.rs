//! Who may begin: so many calls of one caller at once, and behind them so many that wait in their order.
//!
//! A caller that sends more than it may run is not refused at once, and it takes nothing from others while it waits: what
//! waits here is in no queue of the workers.

use std::collections::{BTreeMap, VecDeque};

use super::inflight::Busy;
use super::ready::Principal;
use crate::ident::JobId;

/// The lines, one a caller.
#[derive(Debug)]
pub(super) struct Gate {
    lines: BTreeMap<Principal, Line>,
    waiting_max: usize,
}

#[derive(Debug, Default)]
struct Line {
    running: usize,
    waiting: VecDeque<JobId>,
}

impl Gate {
    /// A gate before which `waiting_max` calls of each caller may wait.
    pub(super) fn new(waiting_max: usize) -> Self {
        Self {
            lines: BTreeMap::new(),
            waiting_max,
        }
    }

    /// Calls of `principal`, running or waiting.
    pub(super) fn calls(&self, principal: Principal) -> usize {
        self.lines
            .get(&principal)
            .map_or(0, |line| line.running + line.waiting.len())
    }

    /// Whether one more call of `principal` may come, which may run `calls_max` at once.
    pub(super) fn check(&self, principal: Principal, calls_max: usize) -> Result<(), Busy> {
        match self.lines.get(&principal) {
            Some(line) if line.running >= calls_max && line.waiting.len() >= self.waiting_max => {
                Err(Busy::Principal {
                    running: line.running,
                    waiting: line.waiting.len(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Takes a call in; says whether it may begin. [`Gate::leave`] follows when it is over, either way.
    pub(super) fn enter(&mut self, principal: Principal, job: JobId, calls_max: usize) -> bool {
        let line = self.lines.entry(principal).or_default();
        let begins = line.running < calls_max;
        if begins {
            line.running += 1;
        } else {
            line.waiting.push_back(job);
        }
        begins
    }

    /// Takes a call out. The one that begins in its place, if one waits.
    pub(super) fn leave(&mut self, principal: Principal, job: JobId) -> Option<JobId> {
        let line = self.lines.get_mut(&principal)?;
        let place = line.waiting.iter().position(|other| *other == job);
        let next = match place {
            Some(place) => {
                line.waiting.remove(place);
                None
            }
            None => line.waiting.pop_front(),
        };
        if place.is_none() && next.is_none() {
            line.running -= 1;
        }
        if line.running == 0 && line.waiting.is_empty() {
            self.lines.remove(&principal);
        }
        next
    }

    /// How many calls of the same caller wait before `job`; `None` if it does not wait.
    pub(super) fn place(&self, principal: Principal, job: JobId) -> Option<usize> {
        let line = self.lines.get(&principal)?;
        line.waiting.iter().position(|other| *other == job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ident::ConnectionId;

    fn caller(index: u32) -> Principal {
        let generation = 1;
        Principal::Connection(ConnectionId { index, generation })
    }

    #[test]
    fn calls_beyond_those_that_may_run_wait_in_their_order_and_then_are_refused() {
        let (mut gate, ann) = (Gate::new(2), caller(1));
        let begins = [1, 2, 3, 4].map(|job| gate.enter(ann, JobId(job), 2));
        assert_eq!(begins, [true, true, false, false]);
        assert_eq!(gate.place(ann, JobId(4)), Some(1));
        let full = Busy::Principal {
            running: 2,
            waiting: 2,
        };
        assert_eq!(gate.check(ann, 2), Err(full));
        assert_eq!(gate.check(caller(2), 2), Ok(()));
        assert_eq!(gate.leave(ann, JobId(1)), Some(JobId(3)));
        assert_eq!(gate.leave(ann, JobId(2)), Some(JobId(4)));
        assert_eq!(
            (gate.leave(ann, JobId(3)), gate.leave(ann, JobId(4))),
            (None, None)
        );
        assert!(gate.lines.is_empty());
    }

    #[test]
    fn one_that_is_withdrawn_while_it_waits_lets_nobody_begin() {
        let (mut gate, ann) = (Gate::new(2), caller(1));
        for job in 1..=3 {
            gate.enter(ann, JobId(job), 1);
        }
        assert_eq!(gate.leave(ann, JobId(2)), None);
        assert_eq!(gate.leave(ann, JobId(1)), Some(JobId(3)));
        assert_eq!(gate.calls(ann), 1);
    }
}
