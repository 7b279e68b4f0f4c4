//! Calls that ask the same of the account at the same time: one has a job, the others wait for its answer.
//!
//! Who asked first may go without taking the answer from the others: its job goes on until nobody waits for it.

use super::{Flight, Inflight};
use crate::backend::job::Work;
use crate::backend::kept::Form;
use crate::ident::JobId;
use crate::server::event::Output;
use crate::server::timers::Timers;

impl Inflight {
    /// The call whose answer will do for this work too. What is only kept for its names is rendered for each caller.
    pub(super) fn leader_of(&mut self, work: &Work) -> Option<JobId> {
        let share = work.share.as_ref().filter(|share| !share.is_fresh)?;
        let leader = *self
            .leaders
            .get(&share.key)
            .filter(|_| share.key.form != Form::Names)?;
        let flight = self.flights.get_mut(&leader).filter(|flight| !flight.cancelled)?;
        // The next id is the follower's.
        flight.followers.push(JobId(self.jobs_made));
        Some(leader)
    }

    /// Takes out the calls that waited for the answer of this one, which is over.
    pub(in crate::server) fn take_followers(
        &mut self,
        leader: &mut Flight,
        timers: &mut Timers,
    ) -> Vec<(JobId, Box<Flight>)> {
        let followers = std::mem::take(&mut leader.followers);
        followers
            .into_iter()
            .filter_map(|id| Some((id, self.remove(id, timers)?)))
            .collect()
    }

    /// A follower goes. A job that nobody waits for any more is cancelled.
    pub(super) fn leave(&mut self, leader: JobId, follower: JobId, timers: &mut Timers) -> Option<Output> {
        let flight = self.flights.get_mut(&leader)?;
        flight.followers.retain(|other| *other != follower);
        if flight.followers.is_empty() && flight.caller.is_none() && flight.task.is_none() {
            let [output, _] = self.cancel(leader, timers).1;
            return output;
        }
        None
    }
}
