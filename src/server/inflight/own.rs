//! Jobs of the server itself: nobody waits for them, and no caller's place is taken by them.

use super::{DEADLINE_GRACE, Flight, Inflight, State};
use crate::backend::Job;
use crate::backend::job::{Reached, Stage, Work};
use crate::ident::{JobId, Uuid};
use crate::mcp::{Failure, Finish, Revision};
use crate::server::ready::Principal;
use crate::server::timers::Timers;
use crate::time::Instant;

impl Inflight {
    /// Takes in a job for which nobody waits. Whoever makes them bounds them.
    pub(in crate::server) fn admit_own(
        &mut self,
        now: Instant,
        work: Work,
        request_id: Uuid,
        timers: &mut Timers,
    ) {
        let (id, principal) = (self.next_id(), Principal::Own);
        let deadline = now + work.timeout + DEADLINE_GRACE;
        // Counted like a call's, for the end of all flights is the same; without a bound, for there is none to keep.
        self.gate.enter(principal, id, usize::MAX);
        self.ready.push(principal, Stage::Submit, id);
        let (operation, who) = (work.operation.clone(), work.context.who());
        let finish = Finish {
            tool: "probe",
            revision: Revision::NEWEST_LEGACY,
            failure: Failure::ErrorReply,
            fence: None,
        };
        let state = State::Ready(Box::new(Job {
            id,
            work: Box::new(work),
            reached: Reached::default(),
            admitted: now,
            request_id,
        }));
        let mut flight = Flight::new(now, deadline, None, principal, finish, state);
        (flight.operation, flight.who) = (operation, who);
        self.insert(id, flight, timers);
    }

    /// The jobs of the server itself that go on.
    pub(in crate::server) fn own(&self) -> Vec<JobId> {
        let is_own = |flight: &Flight| flight.principal == Principal::Own && !flight.cancelled;
        let own = self.flights.iter().filter(|(_, flight)| is_own(flight));
        own.map(|(id, _)| *id).collect()
    }

    /// Whether no job is left but those of the server itself.
    pub(in crate::server) fn has_only_own(&self) -> bool {
        self.flights.len() == self.gate.calls(Principal::Own)
    }
}
