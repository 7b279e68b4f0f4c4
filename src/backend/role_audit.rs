//! An engine whose roles are looked at before they are used: what a role may do besides reading is found out with its first
//! statement, said, and where the operator wants it so, a role that does more is not used at all.
//!
//! ```text
//!  first job of a role ─► its grants are read, level by level ─► report ─► the job itself, or its refusal
//!  others meanwhile    ─► pass;  strict: wait
//! ```
//!
//! The job that comes first carries the reading; nobody else's worker waits for it. `SHOW GRANTS` and the functions that name
//! roles need no warehouse. What a grant means is [`grants`](super::grants); who hears of a report is the server's business, to
//! which it travels in the job ([`Reached::role`](super::job::Reached::role)).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::grants::{Reading, Report, Verdict};
use super::job::{Operation, Reached, Render, Rendered, Work};
use super::kept::Who;
use super::rows::Bounds;
use super::{Backend, CancelToken, Error, Job, Kind, Progress, Stage, Step};
use crate::limits::Limits;
use crate::sql::guard::Policy;
use crate::time::{Clock, Instant};

/// An engine behind the audit of its roles.
pub struct RoleAudit {
    engine: Arc<dyn Backend>,
    clock: Box<dyn Clock + Send + Sync>,
    is_strict: bool,
    limits: Limits,
    known: Mutex<BTreeMap<Who, Known>>,
}

/// What is known of a role.
#[derive(Debug)]
struct Known {
    state: State,
    /// What was last said of it, so that the same is not said again.
    said: Option<u64>,
    used: Instant,
}

#[derive(Debug)]
enum State {
    /// A job carries the reading since then.
    Asking(Instant),
    /// Read then.
    Read(Instant, Report),
    /// It could not be read then.
    Failed(Instant, Report),
}

/// What a job of a role does next.
enum Turn {
    /// It goes to the engine.
    Pass,
    /// It carries the reading.
    Ask,
    /// It comes back after a while.
    Wait,
    /// It does not run.
    Refuse(Error),
}

/// What the job that came first carries while grants are read.
struct Carried {
    audit: Box<Job>,
    reading: Reading,
    rounds: u64,
}

impl RoleAudit {
    /// Looks at the roles with which `engine` is used. `is_strict`: only those are used that are known to read and to do
    /// nothing else.
    pub fn new(
        engine: Arc<dyn Backend>,
        clock: Box<dyn Clock + Send + Sync>,
        limits: &Limits,
        is_strict: bool,
    ) -> Self {
        Self {
            engine,
            clock,
            is_strict,
            limits: limits.clone(),
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Who, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, job: &Job) -> Turn {
        let (now, who) = (self.clock.now().monotonic, job.work.context.who());
        let is_fresh = job.work.share.as_ref().is_some_and(|share| share.is_fresh);
        let mut known = self.known();
        if let Some(found) = known.get_mut(&who) {
            found.used = now;
            match self.turn_of(found, now, is_fresh) {
                Turn::Ask => found.state = State::Asking(now),
                turn => return turn,
            }
            return Turn::Ask;
        }
        if known.len() >= self.limits.audited_roles_max {
            let oldest = known.iter().min_by_key(|(_, known)| known.used);
            if let Some(who) = oldest.map(|(who, _)| who.clone()) {
                known.remove(&who);
            }
        }
        let state = State::Asking(now);
        let (said, used) = (None, now);
        known.insert(who, Known { state, said, used });
        Turn::Ask
    }

    fn turn_of(&self, known: &Known, now: Instant, is_fresh: bool) -> Turn {
        let again = if is_fresh {
            RETRY_PAUSE
        } else {
            self.limits.role_audit_ttl
        };
        match &known.state {
            State::Asking(since) if now.since(*since) >= ASKING_PATIENCE => Turn::Ask,
            State::Asking(_) if self.is_strict => Turn::Wait,
            State::Asking(_) => Turn::Pass,
            State::Read(at, _) if now.since(*at) >= again => Turn::Ask,
            State::Failed(at, _) if now.since(*at) >= RETRY_PAUSE => Turn::Ask,
            State::Read(..) | State::Failed(..) if !self.is_strict => Turn::Pass,
            State::Read(_, report) => match report.verdict() {
                Verdict::Reads => Turn::Pass,
                Verdict::DoesMore | Verdict::Unknown => Turn::Refuse(refused(report)),
            },
            State::Failed(at, report) => Turn::Refuse(Error {
                retry_after: Some(RETRY_PAUSE.saturating_sub(now.since(*at))),
                ..refused(report)
            }),
        }
    }

    /// The job begins to carry a reading.
    fn begin(&self, job: Job, cancel: &CancelToken) -> Step {
        let reading = Reading::new(job.work.context.who(), &self.limits);
        match self.audit_job(&job, &reading, 0) {
            Ok(audit) => {
                let rounds = 0;
                let carried = Carried {
                    audit,
                    reading,
                    rounds,
                };
                self.carry(job, carried, cancel)
            }
            Err(error) => self.fail(job, reading, error),
        }
    }

    /// Takes the reading one step further.
    fn carry(&self, mut job: Job, carried: Carried, cancel: &CancelToken) -> Step {
        let Carried {
            audit,
            mut reading,
            rounds,
        } = carried;
        match self.engine.step(*audit, cancel) {
            Step::Again {
                job: audit,
                after,
                progress,
            } => {
                job.reached.stage = audit.reached.stage;
                job.reached.row_bytes = audit.reached.row_bytes;
                let carried = Carried {
                    audit,
                    reading,
                    rounds,
                };
                job.reached.carried = Some(Box::new(carried));
                again(job, after, progress)
            }
            Step::Done(_, Ok(results)) => {
                reading.take(&results);
                if reading.is_over() {
                    let report = reading.into_report(self.time());
                    return self.end(job, report, false);
                }
                match self.audit_job(&job, &reading, rounds + 1) {
                    Ok(audit) => {
                        let rounds = rounds + 1;
                        let carried = Carried {
                            audit,
                            reading,
                            rounds,
                        };
                        job.reached = Reached {
                            carried: Some(Box::new(carried)),
                            ..Reached::default()
                        };
                        again(job, Duration::ZERO, Progress::Running)
                    }
                    Err(error) => self.fail(job, reading, error),
                }
            }
            Step::Done(_, Err(error)) => self.fail(job, reading, error),
        }
    }

    /// It could not be read. What would have met the job itself is the job's error.
    fn fail(&self, mut job: Job, reading: Reading, error: Error) -> Step {
        job.reached = Reached::default();
        if error.kind == Kind::Cancelled
            || error.kind == Kind::Configuration
            || error.kind.is_about_connection()
        {
            self.known().remove(&job.work.context.who());
            return Step::Done(Box::new(job), Err(error));
        }
        let report = reading.into_failure(&error.to_string(), self.time());
        self.end(job, report, true)
    }

    /// Keeps what was found, says it, and lets the job go on: with its next step it is as any other.
    fn end(&self, mut job: Job, report: Report, has_failed: bool) -> Step {
        let now = self.clock.now().monotonic;
        let mark = Some(report.mark);
        let mut known = self.known();
        // Roles that were used since may have taken its place.
        if let Some(found) = known.get_mut(&job.work.context.who()) {
            if std::mem::replace(&mut found.said, mark) != mark {
                say(&report, self.is_strict);
            }
            found.state = if has_failed {
                State::Failed(now, report.clone())
            } else {
                State::Read(now, report.clone())
            };
        }
        drop(known);
        job.reached = Reached {
            role: Some(Box::new(report)),
            ..Reached::default()
        };
        again(job, Duration::ZERO, Progress::Running)
    }

    /// The job that asks what the reading wants to know, in the context of `job`.
    fn audit_job(&self, job: &Job, reading: &Reading, rounds: u64) -> Result<Box<Job>, Error> {
        let policy = Policy::default();
        let (texts, optional) = reading.statements();
        let checked = texts.iter().map(|text| policy.check(text));
        let statements = checked.collect::<Result<Vec<_>, _>>();
        let work = Work {
            operation: Operation::Run,
            unchecked: None,
            asked: Default::default(),
            statements: statements.map_err(|refusal| Error::refused(&refusal))?,
            optional,
            context: job.work.context.clone(),
            bounds: Bounds {
                rows_max: self.limits.role_grants_max,
                bytes_max: self.limits.role_grants_bytes_max,
            },
            timeout: TIMEOUT,
            query_tag: Some(QUERY_TAG.to_owned()),
            share: None,
            patience: None,
            follow: None,
            render: Render::new(|_| Rendered::default()),
        };
        Ok(Box::new(Job {
            id: job.id,
            work: Box::new(work),
            reached: Reached::default(),
            admitted: job.admitted,
            request_id: job.request_id.after(ID_STRIDE * (rounds + 1)),
        }))
    }

    fn time(&self) -> String {
        self.clock.now().wall.to_rfc3339()
    }
}

impl Backend for RoleAudit {
    fn step(&self, mut job: Job, cancel: &CancelToken) -> Step {
        match job.reached.carried.take().map(|any| any.downcast::<Carried>()) {
            Some(Ok(carried)) => return self.carry(job, *carried, cancel),
            Some(Err(any)) => job.reached.carried = Some(any),
            None if uses_its_role(&job) && !cancel.is_cancelled() => match self.turn(&job) {
                Turn::Pass => {}
                Turn::Ask => return self.begin(job, cancel),
                Turn::Wait => return again(job, WAIT_PAUSE, Progress::Queued),
                Turn::Refuse(error) => return Step::Done(Box::new(job), Err(error)),
            },
            None => {}
        }
        self.engine.step(job, cancel)
    }
}

/// Whether the step begins a statement. A round that only judges a text, or that ends with what was made before, has none.
fn uses_its_role(job: &Job) -> bool {
    job.work.is_run() && !job.work.statements.is_empty() && job.reached.handle.is_none()
}

fn again(job: Job, after: Duration, progress: Progress) -> Step {
    debug_assert!(job.reached.stage == Stage::Submit || job.reached.carried.is_some());
    let job = Box::new(job);
    Step::Again { job, after, progress }
}

fn refused(report: &Report) -> Error {
    let found = report.sentence();
    let message =
        format!("the role {found}; this server only uses roles that are known to read (--strict-role)");
    Error {
        own_advice: Some(
            "The operator must set SNOWFLAKE_ROLE to a role that only reads (the README has the SQL that makes one), or start without --strict-role. Nothing was run.",
        ),
        ..Error::new(Kind::Configuration, message)
    }
}

fn say(report: &Report, is_strict: bool) {
    let connection = match &*report.who.connection {
        "" => String::new(),
        name => format!("connection {name}: "),
    };
    let found = report.sentence();
    match report.verdict() {
        Verdict::Reads => log::info!("{connection}the role {found}"),
        Verdict::DoesMore | Verdict::Unknown if is_strict => {
            log::warn!("{connection}the role {found}; nothing is run with it (--strict-role)");
        }
        Verdict::DoesMore | Verdict::Unknown => log::warn!(
            "{connection}the role {found}; only the statement guard stands before that: the README has the SQL that makes a role that only reads, --strict-role uses no other"
        ),
    }
}

/// Before a reading that failed, or one that somebody wants anew, is made again.
const RETRY_PAUSE: Duration = Duration::from_secs(60);
/// After which a reading that nobody brings to its end is made by somebody else: longer than one takes.
const ASKING_PATIENCE: Duration = Duration::from_secs(120);
/// How long one round of statements may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks of a job that waits for the reading of another.
const WAIT_PAUSE: Duration = Duration::from_millis(100);
/// Ids of the job's own statements lie below, and no round has so many.
const ID_STRIDE: u64 = 1 << 40;
const QUERY_TAG: &str = r#"{"app":"snowflake-mcp","tool":"role audit"}"#;
