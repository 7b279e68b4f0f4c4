//! One step of one job, from the guard to the rendered reply. Run by the pool's threads and by the simulator alike.
//!
//! Knows no thread and no queue. A panic in the engine, the guard or the renderer ends here: it costs its call an
//! internal error, never the daemon and never the worker.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::backend::job::Follow;
use crate::backend::{Answer, Backend, CancelToken, Error, Job, Kind, Outcome, Progress, ResultSet, Step};
use crate::ident::JobId;
use crate::time::Clock;

/// Takes `job` one step further with `backend` and says how that ended, as the server wants to hear it.
///
/// - A statement that was too long for the reactor is guarded first and becomes the job's last statement; a refused
///   one ends the job with [`Kind::Refused`] before the backend hears of it.
/// - What may be kept of its statements is made before anything else, as that takes time in proportion to them too.
/// - An answer is rendered here, because that is work in proportion to the result.
/// - A panic becomes [`Kind::Internal`] with a reference; the log has the detail under the same reference.
pub fn step_once(backend: &dyn Backend, job: Job, token: &CancelToken, clock: &dyn Clock) -> Outcome {
    let id = job.id;
    // The job moves into the closure and is lost with a panic, so no half-changed one is ever seen again. What the
    // backend shares between jobs must bear a panic like any lock that may be poisoned.
    catch_unwind(AssertUnwindSafe(|| run(backend, job, token, clock)))
        .unwrap_or_else(|panic| Outcome::Done(Err(internal_error(id, panic.as_ref()))))
}

fn run(backend: &dyn Backend, mut job: Job, token: &CancelToken, clock: &dyn Clock) -> Outcome {
    let is_owed = job.work.owes_summaries();
    job.work.summarize();
    if is_owed && token.is_cancelled() && job.holds_nothing() {
        // It came here for that alone.
        let message = "cancelled before it was sent";
        return Outcome::Done(Err(Error::new(Kind::Cancelled, message)));
    }
    if let Some(unchecked) = job.work.unchecked.take() {
        match unchecked.check() {
            Ok(checked) => job.work.statements.push(checked),
            Err(refusal) => return Outcome::Done(Err(Error::refused(&refusal))),
        }
    }
    match backend.step(job, token) {
        Step::Again { job, after, progress } => Outcome::Again { job, after, progress },
        Step::Done(mut job, ended) => match (job.work.follow.take(), ended) {
            (Some(follow), Err(error)) if !follow.takes(&error) => Outcome::Done(Err(error)),
            (Some(follow), ended) => go_on(*job, follow, ended, clock),
            (None, Ok(results)) => render(*job, results, clock),
            (None, Err(error)) => Outcome::Done(Err(error)),
        },
    }
}

/// What follows from the answer is the job's next step: in its turn, like any other.
fn go_on(job: Job, follow: Follow, ended: Result<Vec<ResultSet>, Error>, clock: &dyn Clock) -> Outcome {
    let elapsed = clock.now().monotonic.since(job.admitted);
    match follow.run(ended.map(|results| Answer { results, elapsed })) {
        Ok(followed) => Outcome::Again {
            job: Box::new(job.going_on_with(followed)),
            after: Duration::ZERO,
            progress: Progress::Running,
        },
        Err(error) => Outcome::Done(Err(error)),
    }
}

fn render(job: Job, results: Vec<ResultSet>, clock: &dyn Clock) -> Outcome {
    let elapsed = clock.now().monotonic.since(job.admitted);
    let mut rendered = job.work.render.run(Answer { results, elapsed });
    // It may wait for its reader for long, and is counted by its length: a buffer that grew by doubling is cut to it.
    if rendered.result.capacity() > rendered.result.len() + SLACK_BYTES_MAX {
        rendered.result.shrink_to_fit();
    }
    Outcome::Done(Ok(rendered))
}

/// Unused room that a reply may keep. Doubled, a thousand waiting replies may hold 4 MiB that nobody counts.
const SLACK_BYTES_MAX: usize = 4 << 10;

/// The job's id is the reference: unique in this process, and the same in a simulation that is repeated.
fn internal_error(id: JobId, panic: &(dyn Any + Send)) -> Error {
    let what = panic_message(panic);
    log::error!("internal error, reference {id}: a worker panicked: {what}");
    Error::new(
        Kind::Internal,
        format!("the server made a mistake, reference {id}"),
    )
    .with_detail(what)
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}
