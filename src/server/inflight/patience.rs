//! Calls that wait no longer: their statement goes on, and they are told how to come back for it.
//!
//! A statement that runs in the database needs nobody: its job is forgotten. One whose engine runs it in a worker stays
//! in the table until it has ended, without a caller.

use super::{Flight, Inflight, State};
use crate::backend::Stage;
use crate::ident::JobId;
use crate::mcp::Finish;
use crate::server::reply::Caller;
use crate::server::timers::{Timer, Timers};
use crate::time::Instant;

/// A caller that waits no longer.
#[derive(Debug)]
pub(in crate::server) struct LetGo {
    pub(in crate::server) caller: Caller,
    pub(in crate::server) finish: Finish,
    /// By which the statement is found again.
    pub(in crate::server) query_id: String,
    /// Whether it only asked how far the statement is.
    pub(in crate::server) is_glance: bool,
    /// The result that says so.
    pub(in crate::server) result: Vec<u8>,
}

impl Inflight {
    /// The caller of a job has waited for long enough. `None` where nobody waits, or where the statement has no name yet or
    /// has to be let through the gate first: then this is to be asked again after its next step. `has_own_ids`: the engine
    /// calls statements by the job's request id, from its first step on.
    pub(in crate::server) fn lose_patience(
        &mut self,
        now: Instant,
        id: JobId,
        has_own_ids: bool,
        timers: &mut Timers,
    ) -> Option<LetGo> {
        let flight = self.flights.get_mut(&id)?;
        let must_be_task = flight.intent.as_ref().is_some_and(|intent| intent.is_must);
        if flight.caller.is_none() || flight.cancelled || must_be_task || flight.patience.is_none() {
            return None;
        }
        let has_begun = match &flight.state {
            State::Ready(job) => !job.holds_nothing(),
            State::Stepping { .. } | State::Sleeping { .. } => true,
            State::Following { .. } | State::Scripted(_) => false,
        };
        let is_fetching = match &flight.state {
            State::Ready(job) | State::Sleeping { job, .. } => job.reached.stage == Stage::Fetch,
            State::Stepping { stage, .. } => *stage == Stage::Fetch,
            State::Following { .. } | State::Scripted(_) => false,
        };
        if is_fetching
            && flight
                .patience
                .as_ref()
                .is_some_and(|(_, patience)| patience.is_glance)
        {
            // It has ended, and its rows are on their way.
            return None;
        }
        if flight.is_preparing {
            // Its statements are not the one that the caller would come back for.
            flight.is_impatient = true;
            return None;
        }
        let own = flight.request_id.filter(|_| has_own_ids && has_begun);
        let known = flight.query_id.clone();
        let Some(query_id) = known.or_else(|| own.map(|id| id.to_string())) else {
            flight.is_impatient = true;
            return None;
        };
        let (caller, (_, patience)) = (flight.caller.take()?, flight.patience.take()?);
        self.calls -= 1;
        if let Some(intent) = flight.intent.take() {
            timers.clear(intent.due, Timer::JobTask(id));
        }
        (flight.is_let_go, flight.is_impatient) = (true, false);
        Some(LetGo {
            caller,
            finish: flight.finish.clone(),
            is_glance: patience.is_glance,
            result: patience.tell(&query_id, now.since(flight.admitted)),
            query_id,
        })
    }

    /// Whether the caller waits for the statement's name alone.
    pub(in crate::server) fn is_impatient(&self, id: JobId) -> bool {
        self.flights.get(&id).is_some_and(|flight| flight.is_impatient)
    }

    /// Forgets a job that was let go, once its statement needs no further steps.
    pub(in crate::server) fn forget_let_go(&mut self, id: JobId, timers: &mut Timers) -> Option<Box<Flight>> {
        let flight = self.flights.get(&id).filter(|flight| flight.is_let_go)?;
        match &flight.state {
            State::Sleeping { job, due } if job.reached.goes_on_alone => {
                timers.clear(*due, Timer::JobDue(id));
            }
            State::Ready(job) if job.reached.goes_on_alone => {
                self.ready.remove(flight.principal, job.reached.stage, id);
            }
            _ => return None,
        }
        self.remove(id, timers)
    }

    /// The jobs that were let go and still take steps, without which their statements end.
    pub(in crate::server) fn let_go(&self) -> Vec<JobId> {
        let is_let_go = |flight: &Flight| flight.is_let_go && !flight.goes_on_alone && !flight.cancelled;
        let flights = self.flights.iter().filter(|(_, flight)| is_let_go(flight));
        flights.map(|(id, _)| *id).collect()
    }
}
