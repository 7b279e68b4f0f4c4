//! Calls that may become tasks, and those that have.

use std::time::Duration;

use super::{Flight, Inflight};
use crate::ident::JobId;
use crate::mcp::Finish;
use crate::mcp::tasks::Subject;
use crate::server::reply::Caller;
use crate::server::timers::{Timer, Timers};
use crate::time::Instant;

/// What is needed to make a task of a call.
#[derive(Debug, Clone)]
pub(in crate::server) struct Intent {
    /// For whom its id is signed.
    pub(in crate::server) principal: Box<[u8]>,
    /// Who is listed and told ([`NewTask::owner`](crate::mcp::tasks::NewTask::owner)).
    pub(in crate::server) owner: Box<[u8]>,
    /// The time to live that its client asks for.
    pub(in crate::server) ttl: Option<Duration>,
    /// Whether the call is answered with a task and nothing else.
    pub(in crate::server) is_must: bool,
    /// When it becomes one at the latest.
    pub(in crate::server) due: Instant,
}

impl Inflight {
    /// Lets a call become a task, at the latest when the intent is due.
    pub(in crate::server) fn intend(&mut self, id: JobId, intent: Intent, timers: &mut Timers) {
        if let Some(flight) = self.flights.get_mut(&id) {
            timers.set(intent.due, Timer::JobTask(id));
            flight.intent = Some(Box::new(intent));
        }
    }

    /// What is needed to make a task of a call that somebody waits for. It is given once.
    pub(in crate::server) fn take_intent(&mut self, id: JobId, timers: &mut Timers) -> Option<Box<Intent>> {
        let intent = self.flights.get_mut(&id)?.intent.take()?;
        timers.clear(intent.due, Timer::JobTask(id));
        Some(intent)
    }

    /// Makes the call one that nobody waits for but the task with this number. Gives who waited.
    pub(in crate::server) fn become_task(&mut self, id: JobId, number: u64) -> Option<(Caller, Finish)> {
        let flight = self.flights.get_mut(&id)?;
        let caller = flight.caller.take()?;
        flight.task = Some(number);
        flight.is_named_by_task = flight.outliving().is_some();
        self.calls -= 1;
        Some((caller, flight.finish.clone()))
    }

    /// What a task around this call is about, given its row.
    pub(in crate::server) fn subject(&self, id: JobId, row: u64) -> Subject {
        match self.find(id).and_then(Flight::outliving) {
            Some((handle, detail)) => Subject::Statement {
                handle: handle.into(),
                row,
                detail: detail.into(),
            },
            None => Subject::Row(row),
        }
    }

    /// Lets the calls go whose tasks are found again without this process. Gives them.
    pub(in crate::server) fn leave_statements(&mut self) -> Vec<JobId> {
        let mut left = Vec::new();
        for (id, flight) in &mut self.flights {
            if flight.is_named_by_task && flight.goes_on_alone && !flight.cancelled {
                (flight.task, flight.is_let_go) = (None, true);
                left.push(*id);
            }
        }
        left
    }

    /// The jobs of tasks that go on.
    pub(in crate::server) fn of_tasks(&self) -> Vec<JobId> {
        let is_task = |flight: &Flight| flight.task.is_some() && !flight.cancelled;
        let tasks = self.flights.iter().filter(|(_, flight)| is_task(flight));
        tasks.map(|(id, _)| *id).collect()
    }
}

impl Flight {
    /// The statement, and how its rows are read again, where it can be found again without the call.
    fn outliving(&self) -> Option<(&str, &str)> {
        let (_, patience) = self.patience.as_ref()?;
        let query_id = self.query_id.as_deref().filter(|_| self.goes_on_alone)?;
        Some((query_id, patience.reading.as_deref()?))
    }
}
