//! Partitions that are asked for before it is their turn: while one is read, the answers of the next ones are on their way.
//!
//! It waits for the head of an answer alone, in a thread that begins and ends with it. The rows stay on the wire until
//! the job reads them, so what is held ahead are the buffers of a connection, however large the partition is. Where no
//! more may be asked for ahead, or no thread is to be had, a partition is asked for when its turn comes.
//!
//! It knows neither which partitions a page needs, which is [`Reading`](super::partition::Reading)'s business, nor what
//! an answer means.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::client::{Client, Manner, Reply};
use super::http::Method;
use crate::limits::PARTITIONS_AHEAD_PER_JOB_MAX;

/// How many answers of one account may be on their way ahead of their turn, or wait for it.
#[derive(Debug)]
pub(super) struct Allowance {
    taken: AtomicUsize,
    count: usize,
}

impl Allowance {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            taken: AtomicUsize::new(0),
            count,
        })
    }

    fn take(self: &Arc<Self>) -> Option<Permit> {
        let one_more = |taken| (taken < self.count).then_some(taken + 1);
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()?;
        Some(Permit(Arc::clone(self)))
    }
}

/// A place in the allowance, until it is dropped.
#[derive(Debug)]
struct Permit(Arc<Allowance>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one job has asked for ahead. Dropped, its answers go unread, also those that are still to come.
#[derive(Debug, Default)]
pub(super) struct Ahead(VecDeque<Asked>);

/// A partition that was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    partition: usize,
    answer: Receiver<(Reply, Permit)>,
}

impl Ahead {
    /// Asks for a partition, at `target`, unless that was done or is not possible now.
    pub(super) fn ask(&mut self, client: &Arc<Client>, partition: usize, target: String, manner: Manner) {
        let is_asked = self.0.iter().any(|asked| asked.partition == partition);
        if is_asked || self.0.len() >= PARTITIONS_AHEAD_PER_JOB_MAX {
            return;
        }
        let Some(permit) = client.ahead.take() else { return };
        let client = Arc::clone(client);
        let (tell, answer) = mpsc::sync_channel(1);
        let errand = move || {
            let reply = client.exchange(Method::Get, &target, &manner);
            // When nobody waits for it any more it is dropped here, unread.
            let _ = tell.send((reply, permit));
        };
        // A thread for each: it lives as long as an exchange, which takes a thousand times what its start does.
        if thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(errand)
            .is_ok()
        {
            self.0.push_back(Asked { partition, answer });
        }
    }

    /// Whether it is the turn of a partition that was asked for. Those before it are not needed any more.
    pub(super) fn take(&mut self, partition: usize) -> Option<Asked> {
        self.0.retain(|asked| asked.partition >= partition);
        let place = self.0.iter().position(|asked| asked.partition == partition)?;
        self.0.remove(place)
    }
}

impl Asked {
    /// What came of it, waited for; `None` where it is to be asked for once more.
    pub(super) fn wait(self) -> Option<Reply> {
        let (reply, _) = self.answer.recv().ok()?;
        // Asked for before the statement had ended, as it has by now.
        (!matches!(reply, Reply::Running { .. })).then_some(reply)
    }
}

const THREAD: &str = "ahead";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_places_are_given_out_and_a_dropped_one_is_given_again() {
        let allowance = Allowance::new(2);
        let first = allowance.take().unwrap();
        let _second = allowance.take().unwrap();
        assert!(allowance.take().is_none());
        drop(first);
        assert!(allowance.take().is_some());
        assert!(Allowance::new(0).take().is_none());
    }
}
