//! A job: what a call asks of the backend, and what travels with it from step to step.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::asked::Asked;
use super::grants::Report;
use super::kept::{Kept, Share, Who};
use super::rows::{Bounds, Position};
use super::{Column, Error, ResultSet, Value};
use crate::ident::{JobId, QueryId, Uuid};
use crate::secret::Login;
use crate::sql::guard::{CheckedStatement, UncheckedStatement};
use crate::time::Instant;

/// Work for a backend. It moves by value: what was reached so far goes with it, nothing is cloned.
#[derive(Debug)]
pub struct Job {
    /// Whose it is.
    pub id: JobId,
    /// What to run. In a box, because a job passes through many hands on its way to a worker and back.
    pub work: Box<Work>,
    /// How far it is. The server looks at the stage only; the rest is the backend's.
    pub reached: Reached,
    /// When the call was admitted, for the elapsed time in the answer.
    pub admitted: Instant,
    /// Drawn for this job: its first statement's request id towards Snowflake, and its query id where the engine has none
    /// of its own. Further statements have [`Uuid::after`].
    pub request_id: Uuid,
}

impl Job {
    /// The same job, which goes on with what followed from its statements.
    #[must_use]
    pub fn going_on_with(mut self, followed: Followed) -> Self {
        let Followed {
            operation,
            statements,
            optional,
            follow,
            render,
        } = followed;
        self.work.operation = operation;
        (self.work.statements, self.work.optional) = (statements, optional);
        (self.work.follow, self.work.render) = (follow, render);
        // Ids are never used again, however many statements there were before.
        self.request_id = self.request_id.after(FOLLOW_ID_STRIDE);
        self.reached = Reached::default();
        self
    }

    /// Whether nothing of it was ever given to a backend.
    pub fn holds_nothing(&self) -> bool {
        let is_new = self.reached.handle.is_none() && self.reached.carried.is_none();
        // Who asks about a statement of another job holds nothing of it.
        is_new || !matches!(self.work.operation, Operation::Run)
    }

    /// Whether it can be dropped without a cancel.
    pub fn may_be_dropped(&self) -> bool {
        self.holds_nothing() && !self.work.owes_summaries()
    }
}

/// More than the statements of one round.
const FOLLOW_ID_STRIDE: u64 = 1 << 16;

/// What a job is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Operation {
    /// The work's statements are run, in order. Each gives a result set.
    #[default]
    Run,
    /// A statement that was submitted before is waited for, and its rows are read from this place on. It goes on when the
    /// job is cancelled.
    Read {
        /// Which one.
        query_id: QueryId,
        /// The first row that is wanted.
        from: Position,
    },
    /// Whether a statement that was submitted before still runs: one row, see [`ResultSet::of_status`]. If it failed, the
    /// job fails with its error.
    Status(QueryId),
    /// A statement that was submitted before is cancelled: one row, see [`ResultSet::of_status`].
    Cancel(QueryId),
}

/// What a statement is doing, as [`Operation::Status`] and [`Operation::Cancel`] tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Queued or running.
    Running,
    /// Ended, with a result that can be read.
    Succeeded,
    /// The engine has confirmed the cancel. It does so too for a statement that had ended by then.
    Cancelled,
}

impl Status {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status that is called so.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Running, Self::Succeeded, Self::Cancelled];
        all.into_iter().find(|status| status.name() == name)
    }
}

impl ResultSet {
    /// The answer about a statement.
    pub fn of_status(query_id: &QueryId, status: Status) -> Self {
        let column = Column {
            name: STATUS.to_owned(),
            type_name: "VARCHAR".to_owned(),
            nullable: false,
        };
        let bounds = Bounds {
            rows_max: 1,
            bytes_max: 1_024,
        };
        let mut answer = Self::new(vec![column], bounds);
        answer.push(Value::Text(status.name()));
        answer.end_row();
        answer.query_id = Some(query_id.to_string());
        answer.total = Some(1);
        answer
    }

    /// What an answer about a statement says.
    pub fn status(&self) -> Option<Status> {
        Status::parse(self.rows().next()?.text(STATUS)?)
    }
}

const STATUS: &str = "STATUS";

/// What to run.
#[derive(Debug)]
pub struct Work {
    /// What is done. Only [`Operation::Run`] has statements.
    pub operation: Operation,
    /// A statement that is too long to be guarded on the reactor thread: the worker guards it before the first step.
    pub unchecked: Option<UncheckedStatement>,
    /// The statements, in order; each gives one result set of the answer.
    pub statements: Vec<CheckedStatement>,
    /// How many of them, at the end, the job can do without: one that meets an object which the role cannot see
    /// ([`Kind::is_about_object`](super::Kind::is_about_object)) gives [`ResultSet::absent`].
    pub optional: usize,
    /// Where they run.
    pub context: Context,
    /// How much of each result is kept.
    pub bounds: Bounds,
    /// How long the statements may run in all.
    pub timeout: Duration,
    /// Marks the statements in Snowflake's query history.
    pub query_tag: Option<String>,
    /// What it asks of the account, where others who ask the same can have the same answer.
    pub share: Option<Share>,
    /// How long the caller waits; `None`: to the end.
    pub patience: Option<Patience>,
    /// What it is for, as far as that is not its statements.
    pub asked: Asked,
    /// What is run once these statements have ended and can only be said then; the answer that is rendered is that of
    /// the last.
    pub follow: Option<Follow>,
    /// Makes the reply of the answer; runs in the worker, because it grows with the result.
    pub render: Render,
}

impl Work {
    /// Whether statements are run, rather than asked after.
    pub fn is_run(&self) -> bool {
        matches!(self.operation, Operation::Run)
    }

    /// Whether statements are run and nothing follows from them: what they give is what the caller waits for.
    pub fn is_last_round(&self) -> bool {
        self.is_run() && self.follow.is_none()
    }

    /// Whether the job goes on, with an absent result, when its statement `index` fails like that.
    pub fn allows(&self, index: usize, error: &Error) -> bool {
        let count = self.statements.len();
        (count.saturating_sub(self.optional)..count).contains(&index) && error.kind.is_about_object()
    }
}

/// Where a statement runs. Names are exact (case-sensitive, unquoted); `None` leaves Snowflake's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Connection, where there are several.
    pub connection: Option<Arc<str>>,
    /// Database.
    pub database: Option<String>,
    /// Schema.
    pub schema: Option<String>,
    /// Warehouse.
    pub warehouse: Option<String>,
    /// Role.
    pub role: Option<String>,
    /// Whose login it runs with; `None`: the server's.
    pub login: Option<Arc<Login>>,
}

/// What the next step will do, in the order in which the server prefers them after cancels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Send the next statement.
    Submit,
    /// Read the next partition of a result.
    Fetch,
    /// Ask whether a running statement has ended.
    Poll,
}

impl Context {
    /// As whom a statement runs there.
    pub fn who(&self) -> Who {
        Who {
            connection: self.connection.as_deref().unwrap_or_default().into(),
            role: self.role.as_deref().unwrap_or_default().into(),
            identity: self.login.as_ref().map_or("", |login| login.mark()).into(),
        }
    }
}

/// What a backend has reached with a job between two steps.
#[derive(Debug)]
pub struct Reached {
    /// What the next step will do.
    pub stage: Stage,
    /// Handle of the statement that runs, once known: it is the query id, and it goes into logs and `/status`.
    pub handle: Option<String>,
    /// Everything else, in the backend's own form. Nobody else looks inside.
    pub carried: Option<Box<dyn Any + Send>>,
    /// Bytes of rows in it. The server counts them against `replies_bytes_max`.
    pub row_bytes: usize,
    /// The statement that the job waits for goes on without further steps, and can be asked after by its handle.
    pub goes_on_alone: bool,
    /// What was found out about the role before the job began, for the server.
    pub role: Option<Box<Report>>,
}

impl Default for Reached {
    fn default() -> Self {
        Self {
            stage: Stage::Submit,
            handle: None,
            carried: None,
            row_bytes: 0,
            goes_on_alone: false,
            role: None,
        }
    }
}

/// What a finished job has to say.
#[derive(Debug)]
pub struct Answer {
    /// A result per statement.
    pub results: Vec<ResultSet>,
    /// From admission to the end of the last step.
    pub elapsed: Duration,
}

/// The reply of a call, encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The `result` member: a whole JSON object.
    pub result: Vec<u8>,
    /// Rows in it, for metrics and audit.
    pub rows: u64,
    /// Whether rows were left out.
    pub truncated: bool,
    /// Query id of the last statement.
    pub query_id: Option<String>,
    /// What others who ask the same can have too; then it is what the reply is made of, and `result` is empty.
    pub kept: Option<Arc<Kept>>,
}

impl Rendered {
    /// Bytes of the reply, but for what frames a shared one.
    pub fn bytes(&self) -> usize {
        match &self.kept {
            Some(kept) if self.result.is_empty() => kept.body.len(),
            _ => self.result.len(),
        }
    }
}

/// What a job goes on with: statements that depend on the answer to others. Made by a tool, run by the worker.
pub struct Follow {
    run: Box<RunFollow>,
    takes_failures: bool,
}

type RunFollow = dyn FnOnce(Result<Answer, Error>) -> Result<Followed, Error> + Send;

/// What a job goes on with.
#[derive(Debug)]
pub struct Followed {
    /// In the place of [`Work::operation`].
    pub operation: Operation,
    /// In the place of [`Work::statements`].
    pub statements: Vec<CheckedStatement>,
    /// In the place of [`Work::optional`].
    pub optional: usize,
    /// In the place of [`Work::follow`].
    pub follow: Option<Follow>,
    /// In the place of [`Work::render`].
    pub render: Render,
}

impl Follow {
    /// Wraps the function. A job whose statements fail never comes to it.
    pub fn new(follow: impl FnOnce(Answer) -> Result<Followed, Error> + Send + 'static) -> Self {
        Self {
            run: Box::new(|answer| follow(answer?)),
            takes_failures: false,
        }
    }

    /// The same for a function that also says how to go on after statements that failed. A cancelled job ends.
    pub fn after_any_end(
        follow: impl FnOnce(Result<Answer, Error>) -> Result<Followed, Error> + Send + 'static,
    ) -> Self {
        Self {
            run: Box::new(follow),
            takes_failures: true,
        }
    }

    /// Whether it goes on after `error`.
    pub fn takes(&self, error: &Error) -> bool {
        self.takes_failures && error.kind != super::Kind::Cancelled
    }

    /// Runs it.
    ///
    /// # Errors
    /// The answer is none that the job could go on with.
    pub fn run(self, answer: Result<Answer, Error>) -> Result<Followed, Error> {
        (self.run)(answer)
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Follow(…)")
    }
}

/// How long a caller waits for a statement, and what it is told then. The statement goes on.
pub struct Patience {
    /// From the admission of the call on.
    pub wait: Duration,
    /// Whether the call only asks how far the statement is: it waits for nothing but a result that is there.
    pub is_glance: bool,
    /// How the rows are read later as this call would have shown them, in the tool's own form; `None` where they cannot be.
    pub reading: Option<String>,
    tell: Tell,
}

type Tell = Box<dyn FnOnce(&str, Duration) -> Vec<u8> + Send>;

impl Patience {
    /// Waits for so long, then `tell` makes the result, of the query id and the time that has passed. It runs on the
    /// reactor: the result is short.
    pub fn new(wait: Duration, tell: impl FnOnce(&str, Duration) -> Vec<u8> + Send + 'static) -> Self {
        Self {
            wait,
            is_glance: false,
            reading: None,
            tell: Box::new(tell),
        }
    }

    /// Waits for one answer about the statement: while it runs, `tell` makes the result.
    pub fn glance(tell: impl FnOnce(&str, Duration) -> Vec<u8> + Send + 'static) -> Self {
        Self {
            is_glance: true,
            ..Self::new(Duration::ZERO, tell)
        }
    }

    /// Makes the result.
    pub fn tell(self, query_id: &str, elapsed: Duration) -> Vec<u8> {
        (self.tell)(query_id, elapsed)
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Patience({:?})", self.wait)
    }
}

/// Turns an answer into a reply. Made by a tool, run by the worker.
pub struct Render(Box<dyn FnOnce(Answer) -> Rendered + Send>);

impl Render {
    /// Wraps the function.
    pub fn new(render: impl FnOnce(Answer) -> Rendered + Send + 'static) -> Self {
        Self(Box::new(render))
    }

    /// Runs it.
    pub fn run(self, answer: Answer) -> Rendered {
        (self.0)(answer)
    }
}

impl fmt::Debug for Render {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Render(…)")
    }
}

/// How a step ended, as the backend says it.
#[derive(Debug)]
pub enum Step {
    /// The job is over. The job comes back so that the worker can render the answer.
    Done(Box<Job>, Result<Vec<ResultSet>, Error>),
    /// The job wants another step.
    Again {
        /// The job, further than before.
        job: Box<Job>,
        /// When, at the earliest. The server may wait longer, never shorter.
        after: Duration,
        /// What to tell who waits.
        progress: Progress,
    },
}

/// What a job is doing, for progress notifications and `/status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The statement waits in Snowflake's queue or its warehouse is being resumed.
    Queued,
    /// The statement runs.
    Running,
    /// Rows are being read.
    Fetching {
        /// Rows so far.
        rows: u64,
        /// Rows to come in all, where known.
        total: Option<u64>,
    },
    /// The other side failed in a way that may pass; the step is repeated.
    Retrying,
}

/// What the workers report of a step.
#[derive(Debug)]
pub struct Completion {
    /// Whose step.
    pub job: JobId,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a step ended, as the server sees it.
#[derive(Debug)]
pub enum Outcome {
    /// The call has its reply.
    Done(Result<Rendered, Error>),
    /// The job wants another step.
    Again {
        /// The job, further than before.
        job: Box<Job>,
        /// When, at the earliest.
        after: Duration,
        /// What to tell who waits.
        progress: Progress,
    },
}
