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
use serde_json::value::RawValue;

use crate::ident::JobId;
use crate::limits::Limits;
use crate::mcp::script::Question;
use crate::mcp::{Ended, Revision};
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
    /// What its client speaks.
    pub revision: Revision,
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
    revision: Revision,
    /// Questions put so far: their keys are numbers, so that none is used twice.
    asked: u32,
    /// Those without an answer.
    questions: Vec<(Box<str>, Question)>,
    /// A place for the answer to every question that was put together with these, in order.
    answers: Vec<(Box<str>, Option<Box<RawValue>>)>,
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
    },
}

/// What an answer leads to.
#[derive(Debug)]
pub enum Answered {
    /// Nobody waited for it: it came twice, late, or to no question.
    Ignored,
    /// Others are still waited for.
    Partly,
    /// It was the last: all of them, in the order of the questions.
    All(Vec<Box<RawValue>>),
    /// There is no room for it.
    TooMuch,
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
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(1);

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
            revision: task.revision,
            asked: 0,
            questions: Vec::new(),
            answers: Vec::new(),
            outcome: None,
            waiting: Vec::new(),
        };
        if let Some(earlier) = self.rows.insert(number, row) {
            self.by_end.remove(&(earlier.ends, number));
            self.results_bytes -= earlier.kept_bytes();
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

    /// The calls of `tasks/result` that wait for a task.
    pub fn waiting(&self, number: u64) -> &[JobId] {
        self.rows.get(&number).map_or(&[], |row| &row.waiting)
    }

    /// The calls of `tasks/result` that waited for a task that has ended.
    pub fn take_waiting(&mut self, number: u64) -> Vec<JobId> {
        let row = self.rows.get_mut(&number).filter(|row| row.status.is_final());
        row.map_or_else(Vec::new, |row| std::mem::take(&mut row.waiting))
    }

    /// Whose a task is, and what its client speaks.
    pub fn owner(&self, number: u64) -> Option<(&[u8], Revision)> {
        let row = self.rows.get(&number)?;
        Some((&row.owner, row.revision))
    }

    /// The first question without an answer, and its key.
    pub fn question(&self, number: u64) -> Option<(&str, &Question)> {
        let (key, question) = self.rows.get(&number)?.questions.first()?;
        Some((key, question))
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

    /// Asks the client something; none of its earlier questions is without an answer. Whether the task goes on, so that
    /// answers may come.
    pub fn ask(&mut self, number: u64, questions: Vec<Question>, now: WallTime) -> bool {
        let Some(row) = self.rows.get_mut(&number).filter(|row| !row.status.is_final()) else {
            return false;
        };
        debug_assert!(row.questions.is_empty() && row.answers.is_empty());
        for question in questions {
            row.asked += 1;
            let key: Box<str> = format!("q{}", row.asked).into();
            row.answers.push((key.clone(), None));
            row.questions.push((key, question));
        }
        (row.status, row.updated) = (Status::InputRequired, now);
        true
    }

    /// Takes the client's answer to a question.
    pub fn answered(&mut self, number: u64, key: &str, answer: &RawValue, now: WallTime) -> Answered {
        let Some(row) = self.rows.get_mut(&number) else {
            return Answered::Ignored;
        };
        let place = row.questions.iter().position(|(other, _)| **other == *key);
        let Some(place) = place else {
            return Answered::Ignored;
        };
        let bytes = answer.get().len();
        if self.results_bytes + bytes > self.limits.task_results_bytes_max {
            return Answered::TooMuch;
        }
        row.questions.remove(place);
        row.updated = now;
        if let Some((_, slot)) = row.answers.iter_mut().find(|(other, _)| **other == *key) {
            *slot = Some(answer.to_owned());
            self.results_bytes += bytes;
        }
        if !row.questions.is_empty() {
            return Answered::Partly;
        }
        row.status = Status::Working;
        self.results_bytes -= row.kept_bytes();
        let answers = std::mem::take(&mut row.answers);
        Answered::All(answers.into_iter().filter_map(|(_, answer)| answer).collect())
    }

    /// The client will not answer: its questions are forgotten, and the task goes on without.
    pub fn unanswered(&mut self, number: u64, now: WallTime) {
        if let Some(row) = self.rows.get_mut(&number).filter(|row| !row.status.is_final()) {
            self.results_bytes -= row.kept_bytes();
            row.questions.clear();
            row.answers.clear();
            (row.status, row.updated) = (Status::Working, now);
        }
    }

    /// The job that a task is about, while it goes on.
    pub fn job(&self, number: u64) -> Option<JobId> {
        self.rows.get(&number)?.job
    }

    /// The call has ended so. Whether that is news: a task that is not there or had ended before stays as it is.
    pub fn finish(&mut self, number: u64, ended: Ended, now: WallTime) -> bool {
        let Some(row) = self.rows.get_mut(&number).filter(|row| !row.status.is_final()) else {
            return false;
        };
        self.results_bytes -= row.kept_bytes();
        let outcome = match ended {
            Ended::Error(error) => Outcome::Error(error),
            Ended::Result(payload) => match open_object(&payload.bytes()) {
                Some(open) if self.results_bytes + open.len() <= self.limits.task_results_bytes_max => {
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
            // The core form calls a task failed whose tool says so; the extension leaves that to the result.
            Outcome::Result(open) if row.revision.has_core_tasks() && tells_failure(open) => (
                Status::Failed,
                Some("the tool failed: its result says why".into()),
            ),
            Outcome::Result(_) => (Status::Completed, None),
            Outcome::Error(error) => (Status::Failed, Some(error.message.as_str().into())),
        };
        row.end(now);
        row.outcome = Some(outcome);
        true
    }

    /// `tasks/cancel`.
    pub fn cancel(&mut self, number: u64, now: WallTime) -> Cancelled {
        let Some(row) = self.rows.get_mut(&number) else {
            return Cancelled::Unknown;
        };
        if row.status.is_final() {
            return Cancelled::Over(row.status);
        }
        self.results_bytes -= row.kept_bytes();
        row.status = Status::Cancelled;
        row.message = Some("cancelled by the client".into());
        let job = row.job;
        row.end(now);
        Cancelled::Now { job }
    }

    /// A page of the tasks of one owner, oldest first, after the one with this number: the numbers, and whether there
    /// are more.
    pub fn of_owner(&self, owner: &[u8], after: Option<u64>, page_max: usize) -> (Vec<u64>, bool) {
        let from = after.map_or(0, |after| after.saturating_add(1));
        // Nobody is told of the tasks of those whom nobody knows.
        let is_theirs = |row: &Row| !owner.is_empty() && *row.owner == *owner;
        let theirs = self.rows.range(from..).filter(|(_, row)| is_theirs(row));
        let mut numbers: Vec<u64> = theirs.map(|(number, _)| *number).take(page_max + 1).collect();
        let has_more = numbers.len() > page_max;
        numbers.truncate(page_max);
        (numbers, has_more)
    }

    /// When a task is forgotten.
    pub fn ends(&self, number: u64) -> Option<Instant> {
        self.rows.get(&number).map(|row| row.ends)
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
                self.results_bytes -= row.kept_bytes();
                jobs.extend(row.job);
                jobs.extend(row.waiting);
            }
        }
        jobs
    }
}

impl Row {
    /// The status is final from now on.
    fn end(&mut self, now: WallTime) {
        self.updated = now;
        self.job = None;
        self.questions.clear();
        self.answers.clear();
    }

    /// Bytes that count in the sum: of the result, or of answers until all are there.
    fn kept_bytes(&self) -> usize {
        let answers = self.answers.iter().filter_map(|(_, answer)| answer.as_deref());
        let result = match &self.outcome {
            Some(Outcome::Result(result)) => result.len(),
            Some(Outcome::Error(_)) | None => 0,
        };
        result + answers.map(|answer| answer.get().len()).sum::<usize>()
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
pub(super) fn open_object(json: &[u8]) -> Option<&[u8]> {
    let json = json.trim_ascii();
    json.strip_suffix(b"}").filter(|open| open.starts_with(b"{"))
}

/// Whether a result, open, tells of a failure of its tool. Only its end is read: there `isError` stands in every result
/// that has it as its last member, as ours have in revisions without `_meta` in results.
fn tells_failure(open: &[u8]) -> bool {
    open.ends_with(b"\"isError\":true")
}

#[cfg(test)]
mod tests;
