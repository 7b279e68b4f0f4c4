//! Tasks that run in this process, and their results: bounded, and each kept to its end and no longer.
//!
//! What a task promises is kept: its id answers for its whole time to live, and a final status stays. So nothing is
//! evicted. A task that would be one too many is not made, and the call runs as if nobody had thought of a task; a
//! result for which there is no room makes its task a failed one, which says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Detail, Snapshot, Status};
use crate::ident::JobId;
use crate::limits::Limits;
use crate::mcp::Ended;
use crate::mcp::script::Question;
use crate::rpc;
use crate::time::{Instant, Now, WallTime};

/// The tasks of this process.
#[derive(Debug)]
pub struct Tasks {
    rows: BTreeMap<u64, Row>,
    by_end: BTreeSet<(Instant, u64)>,
    results_bytes: usize,
    made: u64,
    limits: Limits,
}

/// What a task begins with.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Whose it is: opaque; who is listed, and nothing else, goes by it.
    pub owner: Box<[u8]>,
    /// The id that its client got.
    pub id: Box<str>,
    /// The job or script that it is about.
    pub job: JobId,
    /// How long it is kept.
    pub ttl: Duration,
}

#[derive(Debug)]
struct Row {
    owner: Box<[u8]>,
    id: Box<str>,
    status: Status,
    message: Option<Box<str>>,
    created: WallTime,
    updated: WallTime,
    ttl: Duration,
    ends: Instant,
    job: Option<JobId>,
    questions: Vec<(Box<str>, Question)>,
    outcome: Option<Outcome>,
    /// Calls of `tasks/result` that wait for the end.
    waiting: Vec<JobId>,
}

#[derive(Debug)]
enum Outcome {
    /// Without its closing brace.
    Result(Arc<[u8]>),
    Error(rpc::Error),
}

/// What to do after a task was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// There is no such task.
    Unknown,
    /// It has ended before, in this status.
    Over(Status),
    /// It is over now.
    Now {
        /// Cancel this job.
        job: Option<JobId>,
        /// Calls of `tasks/result` that waited.
        waiting: Vec<JobId>,
    },
}

/// There are as many tasks as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// That many.
    pub tasks_max: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "tasks_max is {} and reached", self.tasks_max)
    }
}

impl std::error::Error for Full {}

/// How often a client should ask for a task.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

impl Tasks {
    /// None yet. `salt` is random, so that nobody's task is taken for one of another process.
    pub fn new(limits: &Limits, salt: u32) -> Self {
        Self {
            rows: BTreeMap::new(),
            by_end: BTreeSet::new(),
            results_bytes: 0,
            made: u64::from(salt) << 32,
            limits: limits.clone(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The time to live of a task whose client asks for `asked`.
    pub fn ttl(&self, asked: Option<Duration>) -> Duration {
        let ttl_max = self.limits.task_ttl_max;
        asked.unwrap_or(ttl_max).min(ttl_max)
    }

    /// The number of the next task, for its id ([`super::Subject::Row`]).
    ///
    /// # Errors
    /// There are as many as may be: answer the call with its result, as without tasks.
    pub fn next_number(&mut self) -> Result<u64, Full> {
        let tasks_max = self.limits.tasks_max;
        if self.rows.len() >= tasks_max {
            return Err(Full { tasks_max });
        }
        let number = (self.made as u32).wrapping_add(1);
        self.made = (self.made >> 32 << 32) | u64::from(number);
        Ok(self.made)
    }

    /// Takes a task in under its number. From now on `tasks/get` finds it, so this comes before its id is told.
    pub fn insert(&mut self, number: u64, task: NewTask, now: Now) {
        let ends = now.monotonic + task.ttl;
        self.by_end.insert((ends, number));
        let row = Row {
            owner: task.owner,
            id: task.id,
            status: Status::Working,
            message: None,
            created: now.wall,
            updated: now.wall,
            ttl: task.ttl,
            ends,
            job: Some(task.job),
            questions: Vec::new(),
            outcome: None,
            waiting: Vec::new(),
        };
        if let Some(earlier) = self.rows.insert(number, row) {
            self.by_end.remove(&(earlier.ends, number));
            self.results_bytes -= earlier.result_bytes();
        }
    }

    /// A task at this moment.
    pub fn get(&self, number: u64) -> Option<(Snapshot<'_>, Detail<'_>)> {
        let row = self.rows.get(&number)?;
        Some((row.snapshot(), row.detail()))
    }

    /// What `tasks/result` answers with: `None` while the task goes on.
    pub fn outcome(&self, number: u64) -> Option<Result<&Arc<[u8]>, rpc::Error>> {
        let row = self.rows.get(&number)?;
        match (&row.outcome, row.status) {
            (Some(Outcome::Result(result)), _) => Some(Ok(result)),
            (Some(Outcome::Error(error)), _) => Some(Err(error.clone())),
            (None, Status::Cancelled) => Some(Err(rpc::Error::invalid_params("the task was cancelled"))),
            (None, _) => None,
        }
    }

    /// Lets a call of `tasks/result` wait for the end of a task that goes on. Whether it does.
    pub fn wait(&mut self, number: u64, call: JobId) -> bool {
        match self.rows.get_mut(&number) {
            Some(row) if !row.status.is_final() => {
                row.waiting.push(call);
                true
            }
            _ => false,
        }
    }

    /// A call of `tasks/result` waits no more.
    pub fn leave(&mut self, number: u64, call: JobId) {
        if let Some(row) = self.rows.get_mut(&number) {
            row.waiting.retain(|other| *other != call);
        }
    }

    /// Says how far a task is. Whether that is news.
    pub fn say(&mut self, number: u64, message: &str, now: WallTime) -> bool {
        let is_news = |row: &&mut Row| !row.status.is_final() && row.message.as_deref() != Some(message);
        let Some(row) = self.rows.get_mut(&number).filter(is_news) else {
            return false;
        };
        (row.message, row.updated) = (Some(message.into()), now);
        true
    }

    /// Asks the client something, under a key that this task has not used before. Whether the task goes on, so that an
    /// answer may come.
    pub fn ask(&mut self, number: u64, key: &str, question: Question, now: WallTime) -> bool {
        let Some(row) = self.rows.get_mut(&number).filter(|row| !row.status.is_final()) else {
            return false;
        };
        debug_assert!(row.questions.iter().all(|(other, _)| **other != *key));
        row.questions.push((key.into(), question));
        (row.status, row.updated) = (Status::InputRequired, now);
        true
    }

    /// Takes the client's answer to a question. Whether it was waited for: other answers are ignored, they may come
    /// twice or late.
    pub fn answered(&mut self, number: u64, key: &str, now: WallTime) -> bool {
        let Some(row) = self.rows.get_mut(&number) else {
            return false;
        };
        let waiting = row.questions.len();
        row.questions.retain(|(other, _)| **other != *key);
        if row.questions.len() == waiting {
            return false;
        }
        row.updated = now;
        if row.questions.is_empty() {
            row.status = Status::Working;
        }
        true
    }

    /// The job that a task is about, while it goes on.
    pub fn job(&self, number: u64) -> Option<JobId> {
        self.rows.get(&number)?.job
    }

    /// The call has ended so. Gives the calls of `tasks/result` that waited; `None` if the task is not there or had
    /// ended before: it stays as it is.
    pub fn finish(&mut self, number: u64, ended: Ended, now: WallTime) -> Option<Vec<JobId>> {
        let kept_bytes = self.results_bytes;
        let row = self.rows.get_mut(&number).filter(|row| !row.status.is_final())?;
        let outcome = match ended {
            Ended::Error(error) => Outcome::Error(error),
            Ended::Result(payload) => match open_object(&payload.bytes()) {
                Some(open) if kept_bytes + open.len() <= self.limits.task_results_bytes_max => {
                    self.results_bytes += open.len();
                    Outcome::Result(open.into())
                }
                Some(_) => Outcome::Error(rpc::Error::internal_error(
                    "the results of earlier tasks take all the room there is for them; ask for fewer rows, or without a task",
                )),
                None => Outcome::Error(rpc::Error::internal_error("the result is no object")),
            },
        };
        (row.status, row.message) = match &outcome {
            Outcome::Result(_) => (Status::Completed, None),
            Outcome::Error(error) => (Status::Failed, Some(error.message.as_str().into())),
        };
        row.outcome = Some(outcome);
        Some(row.end(now))
    }

    /// `tasks/cancel`.
    pub fn cancel(&mut self, number: u64, now: WallTime) -> Cancelled {
        let Some(row) = self.rows.get_mut(&number) else {
            return Cancelled::Unknown;
        };
        if row.status.is_final() {
            return Cancelled::Over(row.status);
        }
        row.status = Status::Cancelled;
        row.message = Some("cancelled by the client".into());
        let job = row.job;
        let waiting = row.end(now);
        Cancelled::Now { job, waiting }
    }

    /// A page of the tasks of one owner, oldest first, after the one with this number: the numbers, and whether there
    /// are more.
    pub fn of_owner(&self, owner: &[u8], after: Option<u64>, page_max: usize) -> (Vec<u64>, bool) {
        let from = after.map_or(0, |after| after.saturating_add(1));
        let theirs = self.rows.range(from..).filter(|(_, row)| *row.owner == *owner);
        let mut numbers: Vec<u64> = theirs.map(|(number, _)| *number).take(page_max + 1).collect();
        let has_more = numbers.len() > page_max;
        numbers.truncate(page_max);
        (numbers, has_more)
    }

    /// When [`Tasks::expire`] must be called next.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.by_end.first().map(|(ends, _)| *ends)
    }

    /// Forgets tasks whose time is over. Gives what must be cancelled: their jobs, and the calls that waited for them.
    pub fn expire(&mut self, now: Instant) -> Vec<JobId> {
        let mut jobs = Vec::new();
        while let Some(&(ends, number)) = self.by_end.first()
            && ends <= now
        {
            self.by_end.pop_first();
            if let Some(row) = self.rows.remove(&number) {
                self.results_bytes -= row.result_bytes();
                jobs.extend(row.job);
                jobs.extend(row.waiting);
            }
        }
        jobs
    }
}

impl Row {
    /// The status is final from now on.
    fn end(&mut self, now: WallTime) -> Vec<JobId> {
        self.updated = now;
        self.job = None;
        self.questions.clear();
        std::mem::take(&mut self.waiting)
    }

    fn result_bytes(&self) -> usize {
        match &self.outcome {
            Some(Outcome::Result(result)) => result.len(),
            Some(Outcome::Error(_)) | None => 0,
        }
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            id: &self.id,
            status: self.status,
            message: self.message.as_deref(),
            created: self.created,
            updated: self.updated,
            ttl: self.ttl,
            poll_interval: POLL_INTERVAL,
        }
    }

    fn detail(&self) -> Detail<'_> {
        match &self.outcome {
            Some(Outcome::Result(result)) => Detail::Result(result),
            Some(Outcome::Error(error)) => Detail::Error(error),
            None if self.questions.is_empty() => Detail::None,
            None => Detail::Questions(&self.questions),
        }
    }
}

/// An object without its closing brace.
fn open_object(json: &[u8]) -> Option<&[u8]> {
    let json = json.trim_ascii();
    json.strip_suffix(b"}").filter(|open| open.starts_with(b"{"))
}

#[cfg(test)]
mod tests;
