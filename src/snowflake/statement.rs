//! The life of a job's statements, one exchange at a time: submit, poll, read, cancel.
//!
//! What was reached is a [`Phase`] inside [`Run`], which the job carries from step to step. Which failures pass is
//! decided in `retry`, what an answer means in `client`; here is only what follows.

mod existing;
mod fetch;

use std::sync::Arc;
use std::time::Duration;

use super::ahead::Ahead;
use super::client::{self, Client, Manner, NextLogin, Reply};
use super::error;
use super::http::{Method, Response};
use super::partition::Reading;
use super::poll;
use super::retry::{Failure, Retries};
use super::submission::{self, PATH, Submission, handle_in_link, is_handle};
use crate::backend::job::{Operation, Work};
use crate::backend::{CancelToken, Error, Job, Kind, Progress, ResultSet, Stage};
use crate::ident::Uuid;
use crate::time::Instant;

/// What a job has reached between two steps.
#[derive(Debug)]
pub(super) struct Run {
    started: Instant,
    results: Vec<ResultSet>,
    phase: Phase,
    retries: Retries,
    /// Partitions that were asked for before their turn.
    ahead: Ahead,
    /// The login was renewed and nothing has succeeded since: a second refusal is meant.
    has_renewed: bool,
}

#[derive(Debug)]
enum Phase {
    /// The next statement is to be sent.
    Submit(Submission),
    /// It runs; its handle is the job's.
    Poll { polls: u32, since: Instant },
    /// Whether another job's statement runs is to be asked.
    Ask,
    /// Another job's statement is to be cancelled.
    Stop,
    /// It has ended; further partitions are to be read.
    Fetch(Reading),
    /// The job ends with this error, but an answer was lost and the statement may run: learn its handle.
    Recover(Submission, Error),
    /// The job ends with this error once the statement is cancelled.
    Cancel { cause: Error, attempts_max: u32 },
    /// Nobody sees this one: what a phase leaves while it is taken out.
    Over,
}

/// How a step ended.
#[derive(Debug)]
pub(super) enum Turn {
    /// The job is over.
    Done(Result<(), Error>),
    /// It wants another step.
    Again {
        /// When, at the earliest.
        after: Duration,
        /// What to tell who waits.
        progress: Progress,
    },
}

impl Run {
    /// A job of which nothing was done. One about a statement that was submitted before has its handle from now on.
    pub(super) fn new(client: &Client, job: &mut Job) -> Self {
        let started = client.now().monotonic;
        let (phase, about) = match &job.work.operation {
            Operation::Run => {
                let submission = Submission::new(job.request_id, job.work.timeout);
                (Phase::Submit(submission), None)
            }
            Operation::Read { query_id, .. } => {
                let since = started;
                (Phase::Poll { polls: 0, since }, Some(query_id))
            }
            Operation::Status(query_id) => (Phase::Ask, Some(query_id)),
            Operation::Cancel(query_id) => (Phase::Stop, Some(query_id)),
        };
        if let Some(query_id) = about {
            job.reached.handle = Some(query_id.to_string());
        }
        Self {
            started,
            results: Vec::new(),
            phase,
            retries: Retries::default(),
            ahead: Ahead::default(),
            has_renewed: false,
        }
    }

    /// What the next step does, for the server's order of jobs.
    pub(super) const fn stage(&self) -> Stage {
        match self.phase {
            // Ending a statement is as urgent as beginning one: it frees the warehouse.
            Phase::Submit(_)
            | Phase::Recover(..)
            | Phase::Cancel { .. }
            | Phase::Ask
            | Phase::Stop
            | Phase::Over => Stage::Submit,
            Phase::Fetch(_) => Stage::Fetch,
            Phase::Poll { .. } => Stage::Poll,
        }
    }

    /// Bytes of the rows that were read so far.
    pub(super) fn row_bytes(&self) -> usize {
        let reading = match &self.phase {
            Phase::Fetch(reading) => reading.row_bytes(),
            _ => 0,
        };
        self.results.iter().map(ResultSet::bytes).sum::<usize>() + reading
    }

    /// The results of the statements that ended.
    pub(super) fn into_results(self) -> Vec<ResultSet> {
        self.results
    }
}

/// A step: what it needs of the job, and who carries it out.
pub(super) struct Stepper<'a> {
    pub(super) client: &'a Arc<Client>,
    pub(super) work: &'a Work,
    /// Of the job's first statement.
    pub(super) request_id: Uuid,
    pub(super) handle: &'a mut Option<String>,
    pub(super) run: &'a mut Run,
    pub(super) cancel: &'a CancelToken,
    /// The job ends: what it asks now is asked whatever failed before.
    pub(super) is_ending: bool,
}

impl Stepper<'_> {
    /// Takes the job one exchange further.
    pub(super) fn turn(mut self) -> Turn {
        if self.work.unchecked.is_some() {
            let message = "a statement came here before the guard had seen it";
            return Turn::Done(Err(Error::new(Kind::Internal, message)));
        }
        if self.results_wanted() == self.run.results.len() {
            return Turn::Done(Ok(()));
        }
        if let Some(turn) = self.give_up_if_told() {
            return turn;
        }
        self.is_ending = matches!(
            self.run.phase,
            Phase::Recover(..) | Phase::Cancel { .. } | Phase::Stop
        );
        match std::mem::replace(&mut self.run.phase, Phase::Over) {
            Phase::Submit(submission) => self.submit(submission),
            Phase::Poll { polls, since } => self.poll(polls, since),
            Phase::Fetch(reading) => self.fetch(reading),
            Phase::Recover(submission, cause) => self.recover(submission, cause),
            Phase::Cancel { cause, attempts_max } => self.cancel(cause, attempts_max),
            Phase::Ask => self.ask(),
            Phase::Stop => self.stop(),
            Phase::Over => Turn::Done(Err(Error::new(
                Kind::Internal,
                "a job that had ended was stepped again",
            ))),
        }
    }

    /// A cancelled token, or a timeout that Snowflake does not keep, turns the job to its end.
    fn give_up_if_told(&mut self) -> Option<Turn> {
        let cause = if self.cancel.is_cancelled() {
            error::cancelled()
        } else if self.is_past_deadline(Duration::ZERO) {
            error::timed_out(self.work.timeout)
        } else {
            return None;
        };
        match &self.run.phase {
            // The statement is another job's, or nobody's any more: it goes on.
            _ if !self.is_own() => return Some(self.fail(cause)),
            Phase::Submit(submission) if submission.may_run => {
                self.run.phase = Phase::Recover(*submission, cause);
            }
            Phase::Poll { .. } => {
                self.run.phase = Phase::Cancel {
                    cause,
                    attempts_max: CANCEL_ATTEMPTS_MAX,
                };
            }
            // A result that is there is read to its end, however late, unless nobody wants it.
            Phase::Fetch(_) if cause.kind == Kind::Timeout => return None,
            Phase::Submit(_) | Phase::Fetch(_) | Phase::Ask | Phase::Stop | Phase::Over => {
                return Some(self.fail(cause));
            }
            // It is ending already.
            Phase::Recover(..) | Phase::Cancel { .. } => return None,
        }
        self.run.retries.reset();
        None
    }

    /// Snowflake keeps the timeout itself; this is for the case that it does not.
    fn is_past_deadline(&self, ahead: Duration) -> bool {
        let deadline = self.run.started + self.work.timeout + DEADLINE_GRACE;
        self.client.now().monotonic + ahead > deadline
    }

    fn submit(&mut self, mut submission: Submission) -> Turn {
        match self.send(&submission) {
            Reply::Running {
                handle: Some(handle), ..
            } if is_handle(&handle) => {
                *self.handle = Some(handle);
                self.begin_polling()
            }
            Reply::Running { handle: Some(_), .. } => {
                Turn::Done(Err(error::garbled("it names its statement oddly", "HTTP 202")))
            }
            // It runs, and only its request id names it.
            Reply::Running { handle: None, .. } => {
                (submission.is_repeat, submission.may_run) = (true, true);
                self.run.phase = Phase::Submit(submission);
                self.again_or_fail(Failure::Garbled, error::garbled("it has no handle", "HTTP 202"))
            }
            Reply::Result(response) => {
                *self.handle = handle_in(&response);
                submission.is_repeat = true;
                submission.may_run = true;
                self.read_first(response, Phase::Submit(submission))
            }
            Reply::Failed { failure, error } => {
                submission.is_repeat |= !matches!(failure, Failure::NotSent | Failure::Held);
                submission.may_run |= failure.may_have_run();
                self.run.phase = Phase::Submit(submission);
                self.again_or_fail(failure, error)
            }
            Reply::Login(next) => self.login_again(next, Phase::Submit(submission)),
            Reply::Refused(error) => self.refused(error),
        }
    }

    fn begin_polling(&mut self) -> Turn {
        self.succeeded();
        let since = self.client.now().monotonic;
        self.run.phase = Phase::Poll { polls: 0, since };
        self.again(poll::interval(0, Duration::ZERO), Progress::Running)
    }

    fn poll(&mut self, polls: u32, since: Instant) -> Turn {
        let phase = Phase::Poll { polls, since };
        let target = self.statement_path("");
        if polls == 0 {
            self.ask_for_the_cursors_partition();
        }
        match self.exchange(Method::Get, &target, PATIENCE) {
            Reply::Running { retry_after, .. } => {
                self.succeeded();
                let polls = polls.saturating_add(1);
                self.run.phase = Phase::Poll { polls, since };
                let running = self.client.now().monotonic.since(since);
                let interval = poll::jittered(poll::interval(polls, running), self.client.random());
                self.again(interval.max(retry_after.unwrap_or_default()), Progress::Running)
            }
            Reply::Result(response) => self.read_first(response, phase),
            Reply::Failed { failure, error } => {
                self.run.phase = phase;
                match self.pause(failure, &error) {
                    Some(after) => self.again(after, Progress::Retrying),
                    None if !self.is_own() => self.fail(error),
                    // It runs on and nobody will read it: one attempt to stop it.
                    None => {
                        self.run.retries.reset();
                        self.run.phase = Phase::Cancel {
                            cause: error,
                            attempts_max: 1,
                        };
                        self.again(Duration::ZERO, Progress::Retrying)
                    }
                }
            }
            Reply::Login(next) => self.login_again(next, phase),
            Reply::Refused(error) => self.refused(error),
        }
    }

    fn recover(&mut self, submission: Submission, cause: Error) -> Turn {
        let (failure, error) = match self.send(&submission) {
            Reply::Running { handle, .. } => match handle.filter(|handle| is_handle(handle)) {
                Some(handle) => {
                    *self.handle = Some(handle);
                    self.succeeded();
                    self.run.phase = Phase::Cancel {
                        cause,
                        attempts_max: CANCEL_ATTEMPTS_MAX,
                    };
                    return self.again(Duration::ZERO, Progress::Running);
                }
                None => (Failure::Garbled, error::garbled("it has no handle", "HTTP 202")),
            },
            // It has ended.
            Reply::Result(response) if handle_in(&response).is_some() => return self.fail(cause),
            Reply::Result(_) => (
                Failure::Garbled,
                error::garbled("it names no statement", "HTTP 200"),
            ),
            Reply::Login(next) => return self.login_again(next, Phase::Recover(submission, cause)),
            Reply::Failed { failure, error } => (failure, error),
            Reply::Refused(error) if error.kind.is_about_connection() => {
                return self.fail(unconfirmed(cause, submission.timeout_seconds));
            }
            // It does not compile, say: nothing runs.
            Reply::Refused(_) => return self.fail(cause),
        };
        match self.pause(failure, &error) {
            Some(after) if self.run.retries.failures() < CANCEL_ATTEMPTS_MAX => {
                self.run.phase = Phase::Recover(submission, cause);
                self.again(after, Progress::Retrying)
            }
            _ => self.fail(unconfirmed(cause, submission.timeout_seconds)),
        }
    }

    fn cancel(&mut self, cause: Error, attempts_max: u32) -> Turn {
        let target = self.statement_path(&format!("/cancel?requestId={}", self.client.uuid()));
        let (failure, error) = match self.exchange(Method::Post(b""), &target, CANCEL_PATIENCE) {
            Reply::Result(response) => {
                // Snowflake confirms also when the statement had ended before.
                if client::is_confirmation(response) {
                    return self.fail(cause);
                }
                (
                    Failure::Garbled,
                    error::garbled("it confirms no cancel", "HTTP 200"),
                )
            }
            Reply::Running { .. } => (Failure::Garbled, error::garbled("it still runs", "HTTP 202")),
            Reply::Login(next) => return self.login_again(next, Phase::Cancel { cause, attempts_max }),
            Reply::Failed { failure, error } => (failure, error),
            Reply::Refused(error) => {
                let detail = Some(format!("the cancel was refused: {error}"));
                let cause = Error { detail, ..cause };
                if error.kind.is_about_connection() {
                    return self.fail(unconfirmed(cause, self.work.timeout.as_secs()));
                }
                return self.fail(cause);
            }
        };
        match self.pause(failure, &error) {
            Some(after) if self.run.retries.failures() < attempts_max => {
                self.run.phase = Phase::Cancel { cause, attempts_max };
                self.again(after, Progress::Retrying)
            }
            _ => self.fail(unconfirmed(cause, self.work.timeout.as_secs())),
        }
    }

    fn send(&self, submission: &Submission) -> Reply {
        let statement = &self.work.statements[self.run.results.len()];
        let body = submission::body(
            statement.text(),
            submission.timeout_seconds,
            self.work,
            &self.client.context,
        );
        self.exchange(Method::Post(&body), &submission.target(), PATIENCE)
    }

    fn exchange(&self, method: Method<'_>, target: &str, patience: Duration) -> Reply {
        self.client.exchange(method, target, &self.manner(patience))
    }

    fn manner(&self, patience: Duration) -> Manner {
        Manner {
            login: self.work.context.login.clone(),
            patience,
            has_renewed: self.run.has_renewed,
            is_urgent: self.is_ending,
        }
    }

    /// Whether the job has submitted what it waits for: then that ends with it.
    fn is_own(&self) -> bool {
        matches!(self.work.operation, Operation::Run)
    }

    /// How many results the job has when it is over.
    fn results_wanted(&self) -> usize {
        if self.is_own() {
            self.work.statements.len()
        } else {
            1
        }
    }

    fn statement_path(&self, rest: &str) -> String {
        let handle = self.handle.as_deref().unwrap_or_default();
        format!("{PATH}/{handle}{rest}")
    }

    fn succeeded(&mut self) {
        self.run.retries.reset();
        self.run.has_renewed = false;
    }

    fn login_again(&mut self, next: NextLogin, phase: Phase) -> Turn {
        self.run.phase = phase;
        let after = match next {
            NextLogin::Renewed => {
                self.run.has_renewed = true;
                Duration::ZERO
            }
            NextLogin::Pending(after) => after,
        };
        self.again(after, Progress::Retrying)
    }

    /// How long to wait before a failed exchange is repeated, if it shall be.
    fn pause(&mut self, failure: Failure, error: &Error) -> Option<Duration> {
        let random = self.client.random();
        let is_at_stake = self.handle.is_some()
            || matches!(&self.run.phase, Phase::Submit(submission) if submission.may_run);
        let failure = match failure {
            Failure::Held if is_at_stake => {
                let pause = error.retry_after.unwrap_or_default();
                return self.run.retries.while_held(pause, random);
            }
            // A network that is gone for a moment must not cost a statement that runs.
            Failure::NotSent if self.handle.is_some() => Failure::Lost,
            other => other,
        };
        let after = self.run.retries.after(failure, error.retry_after, random)?;
        Some(after.max(self.client.take_repetition()?))
    }

    fn again_or_fail(&mut self, failure: Failure, error: Error) -> Turn {
        match self.pause(failure, &error) {
            Some(after) if !self.is_past_deadline(after) => self.again(after, Progress::Retrying),
            _ => self.fail(error),
        }
    }

    fn again(&self, after: Duration, progress: Progress) -> Turn {
        // A cancel that came during the exchange is not kept waiting.
        let after = if self.cancel.is_cancelled() {
            after.min(poll::interval(0, Duration::ZERO))
        } else {
            after
        };
        Turn::Again { after, progress }
    }

    fn fail(&self, error: Error) -> Turn {
        // Errors of asynchronous statements often come without their handle.
        let query_id = error.query_id.clone().or_else(|| self.handle.clone());
        Turn::Done(Err(Error { query_id, ..error }))
    }
}

fn handle_in(response: &Response) -> Option<String> {
    handle_in_link(response.headers.link.as_deref()?)
}

/// The end of a job whose statement may still run.
fn unconfirmed(cause: Error, timeout_seconds: u64) -> Error {
    Error {
        message: format!(
            "{}; Snowflake did not confirm, so it may run until its timeout of {timeout_seconds} s",
            cause.message
        ),
        ..cause
    }
}

/// Between the timeout that Snowflake keeps and ours: what an exchange or two takes.
const DEADLINE_GRACE: Duration = Duration::from_secs(10);

/// A submit or poll is answered at once; this is for a slow network.
const PATIENCE: Duration = Duration::from_secs(60);
/// At shutdown cancels have five seconds in all.
const CANCEL_PATIENCE: Duration = Duration::from_secs(5);
const CANCEL_ATTEMPTS_MAX: u32 = 3;
