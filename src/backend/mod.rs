//! What may be asked of a database, and the one trait that answers it.
//!
//! This is vocabulary: it knows no engine, no socket and no thread. Engines ([`snowflake`](crate::snowflake), the
//! embedded one) implement [`Backend`]; the workers call it; the server keeps what waits between two steps.
//!
//! ```text
//!            ┌────────────── Step::Again { job, after, progress } ──────────────┐
//!            ▼                                                                  │
//!   server: waits until due ──► worker: Backend::step(job, cancel) ─────────────┤
//!                                                                               └─► Step::Done(Ok | Err)
//! ```

pub mod absent;
pub mod asked;
pub mod cancel;
pub mod error;
pub mod grants;
pub mod job;
pub mod kept;
pub mod role_audit;
pub mod router;
pub mod rows;

pub use absent::Absent;
pub use asked::Asked;
pub use cancel::CancelToken;
pub use error::{Error, Kind};
pub use job::{Answer, Completion, Job, Outcome, Progress, Stage, Step};
pub use role_audit::RoleAudit;
pub use router::Router;
pub use rows::{Column, ResultSet, Value};

/// An engine that runs statements.
///
/// # Contract (kept by `tests/contract` for every engine)
/// - A step is short: one HTTP exchange, or the job's statements in the embedded engine, which can be interrupted. A
///   statement that runs on the other side holds no worker: the step returns [`Step::Again`] with the job inside.
/// - A step that is called with a cancelled token runs nothing new: it cancels what the job holds and returns
///   `Done(Err)` with [`Kind::Cancelled`]. A token that is cancelled during a step ends it soon.
/// - Statements of one job run in order; the first failure ends the job with that error, unless the work allows it
///   ([`Work::allows`](job::Work::allows)): then its result is absent and the job goes on.
/// - The job's context (database, schema, warehouse, role) holds for its statements only; nothing leaks to the next job.
/// - Rows and bytes are bounded by the job's bounds while reading; what does not fit is not fetched.
pub trait Backend: Send + Sync {
    /// Takes the job one step further.
    fn step(&self, job: Job, cancel: &CancelToken) -> Step;
}
