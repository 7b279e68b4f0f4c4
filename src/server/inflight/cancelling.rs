//! What a cancel does to a call, whatever state its job is in.

use super::{Flight, Inflight, State, Waits};
use crate::backend::Error;
use crate::backend::job::Rendered;
use crate::ident::JobId;
use crate::mcp::Finish;
use crate::server::event::Output;
use crate::server::ready::Principal;
use crate::server::reply::Caller;
use crate::server::timers::{Timer, Timers};

impl Inflight {
    /// Cancels a job and gives back who waited for it. What must be told the workers is the second value.
    pub(in crate::server) fn cancel(
        &mut self,
        id: JobId,
        timers: &mut Timers,
    ) -> (Option<(Caller, Finish)>, [Option<Output>; 2]) {
        let Some(flight) = self.flights.get_mut(&id) else {
            return (None, [None, None]);
        };
        let caller = flight.caller.take().map(|caller| (caller, flight.finish.clone()));
        self.calls -= usize::from(caller.is_some());
        if let Some(intent) = flight.intent.take() {
            timers.clear(intent.due, Timer::JobTask(id));
        }
        // Others wait for the same answer.
        if flight.cancelled || !flight.followers.is_empty() {
            return (caller, [None, None]);
        }
        flight.cancelled = true;
        self.row_bytes -= std::mem::take(&mut flight.row_bytes);
        let output = match &flight.state {
            State::Ready(job) => {
                self.ready.remove(flight.principal, job.reached.stage, id);
                if job.may_be_dropped() {
                    self.remove(id, timers)
                        .and_then(|flight| flight.record)
                        .map(Output::Audit)
                } else {
                    self.ready.push_cancel(id);
                    None
                }
            }
            State::Sleeping { due, .. } => {
                timers.clear(*due, Timer::JobDue(id));
                flight.wake(id, &mut self.ready);
                None
            }
            State::Stepping { .. } => Some(Output::Interrupt(id)),
            State::Following { leader } => {
                let leader = *leader;
                let record = self.remove(id, timers).and_then(|flight| flight.record);
                let output = self.leave(leader, id, timers);
                return (caller, [record.map(Output::Audit), output]);
            }
            State::Scripted(scripted) => {
                if let Waits::Until(due) = scripted.waits {
                    timers.clear(due, Timer::JobDue(id));
                }
                self.remove(id, timers);
                None
            }
        };
        (caller, [output, None])
    }
}

impl Flight {
    /// Says how a call that was cancelled has ended, by the name under which the database knows its statement: when it was
    /// cancelled there may have been none yet.
    pub(in crate::server) fn log_if_cancelled(&self, id: JobId, result: &Result<Rendered, Error>) {
        let told = match result {
            Ok(rendered) => rendered.query_id.as_deref(),
            Err(error) => error.query_id.as_deref(),
        };
        // What the server asks for itself is about no statement.
        let is_told = self.cancelled && self.principal != Principal::Own;
        if let Some(query_id) = told.or(self.query_id.as_deref()).filter(|_| is_told) {
            log::info!(
                "{id} ({}) has ended cancelled, query id {query_id}",
                self.finish.tool
            );
        }
    }
}
