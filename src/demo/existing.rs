//! Steps of jobs about a statement that was submitted before: is it over, stop it, read its rows from here on.

use std::time::Duration;

use super::recent::State;
use super::{Again, Attempt, Carried, Demo};
use crate::backend::job::{Operation, Status};
use crate::backend::rows::Position;
use crate::backend::{CancelToken, Error, Job, Progress, ResultSet, Stage, Step};
use crate::ident::QueryId;

impl Demo {
    /// A step of a job about statement `id`.
    pub(super) fn step_existing(&self, job: Job, cancel: &CancelToken) -> Step {
        let outcome = match &job.work.operation {
            Operation::Status(id) => self.recent.status(id).map(|status| (id, status)),
            Operation::Cancel(id) => self.recent.cancel(id).map(|()| (id, Status::Cancelled)),
            Operation::Read { query_id, from } => {
                let (query_id, from) = (query_id.clone(), *from);
                return self.read(job, (&query_id, from), cancel);
            }
            Operation::Run => return done(job, Ok(Vec::new())),
        };
        let outcome = match outcome {
            Ok((id, status)) => Ok(vec![ResultSet::of_status(id, status)]),
            Err(error) => Err(*error),
        };
        done(job, outcome)
    }

    fn read(&self, mut job: Job, (id, from): (&QueryId, Position), cancel: &CancelToken) -> Step {
        let (origin, rows) = match self.recent.find(id) {
            Err(error) | Ok(State::Failed(error)) => return done(job, Err(*error)),
            Ok(State::Running) => {
                job.reached.stage = Stage::Poll;
                job.reached.handle = Some(id.to_string());
                job.reached.goes_on_alone = true;
                return again(job, RUNNING_WAIT, Progress::Running);
            }
            Ok(State::Ended { origin, rows }) => (origin, rows),
        };
        let kept = rows.and_then(|rows| rows.page(from.row, job.work.bounds));
        if let Some(page) = kept {
            return done(job, Ok(vec![page]));
        }
        let carried = job.reached.carried.take();
        let mut carried = carried
            .and_then(|carried| carried.downcast::<Carried>().ok())
            .unwrap_or_else(|| Box::new(self.carried(&job)));
        carried.wall = origin.wall;
        carried.again = Some(Again {
            context: origin.context.clone(),
            rows_before: from.row,
        });
        match self.advance(&[&origin.text], &job.work, &mut carried, cancel) {
            Ok(Attempt::Finished(mut results)) => {
                for result in &mut results {
                    result.query_id = Some(id.to_string());
                }
                done(job, Ok(results))
            }
            Ok(Attempt::Busy) => {
                job.reached.carried = Some(carried);
                again(job, super::WAIT, Progress::Queued)
            }
            Err(fault) => done(job, Err(fault.into_error().with_query_id(id.as_str()))),
        }
    }
}

fn done(job: Job, outcome: Result<Vec<ResultSet>, Error>) -> Step {
    Step::Done(Box::new(job), outcome)
}

fn again(job: Job, after: Duration, progress: Progress) -> Step {
    Step::Again {
        job: Box::new(job),
        after,
        progress,
    }
}

/// How often a reader looks whether the statement is over.
const RUNNING_WAIT: Duration = Duration::from_millis(50);
