//! A backend whose statements say what happens to them, and workers that run in virtual time.
//!
//! A statement reads `select 'TAG BEHAVIOUR NUMBER'`; the tag says which request of which peer it belongs to, and
//! comes back in the answer, so a reply that went to the wrong peer is seen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use snowflake_mcp::backend::job::{Operation, Progress, Status};
use snowflake_mcp::backend::{
    Backend, CancelToken, Column, Completion, Error, Job, Kind, Outcome, ResultSet, Stage, Step, Value,
};
use snowflake_mcp::ident::JobId;
use snowflake_mcp::time::{Clock, Now};
use snowflake_mcp::workers::step_once;

/// Rows that a statement which is polled has read with each poll.
const ROW_BYTES: usize = 700;

/// What a panic of [`Behaviour::Panic`] says; the panic hook of this test binary knows it.
pub(crate) const PLANNED_PANIC: &str = "a panic that the simulation planned";

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Answers at once.
    Ok,
    /// Answers at once with so many KiB.
    Big(u32),
    /// Fails.
    Fail,
    /// Is polled so often, then answers.
    Again(u32),
    /// Panics.
    Panic,
    /// The same of a statement that goes on in the database by itself: no step is needed for it.
    Alone(u32),
    /// Is polled for ever.
    Forever,
    /// One step that ends only when it is interrupted.
    Stuck,
}

impl Behaviour {
    /// The statement of a request with this tag.
    pub(crate) fn statement(self, tag: &str) -> String {
        let (word, number) = match self {
            Self::Ok => ("ok", 0),
            Self::Big(kibibytes) => ("big", kibibytes),
            Self::Fail => ("fail", 0),
            Self::Again(count) => ("again", count),
            Self::Alone(count) => ("alone", count),
            Self::Panic => ("panic", 0),
            Self::Forever => ("forever", 0),
            Self::Stuck => ("stuck", 0),
        };
        format!("select '{tag} {word} {number}'")
    }
}

/// Tag and behaviour of a job.
pub(crate) fn script_of(job: &Job) -> (String, Behaviour) {
    match &job.work.operation {
        Operation::Run => {}
        // Statements are called by their tags, and how long another job still has to wait for one is as good as random.
        Operation::Read { query_id, .. } | Operation::Status(query_id) => {
            let tag = query_id.to_string();
            let polls = u32::from(tag.bytes().fold(0, |sum: u8, byte| sum.wrapping_add(byte)) % 4);
            return (tag, Behaviour::Alone(polls));
        }
        Operation::Cancel(query_id) => return (query_id.to_string(), Behaviour::Ok),
    }
    let text = match (&job.work.unchecked, job.work.statements.last()) {
        (_, Some(statement)) => statement.text().to_owned(),
        (Some(unchecked), None) => format!("{unchecked:?}"),
        (None, None) => panic!("a job without a statement"),
    };
    let inner = text.split('\'').nth(1).expect("a statement of the simulation");
    let mut words = inner.split(' ');
    let tag = words.next().expect("a tag").to_owned();
    let word = words.next().expect("a behaviour");
    let number = words.next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let behaviour = match word {
        "ok" => Behaviour::Ok,
        "big" => Behaviour::Big(number),
        "fail" => Behaviour::Fail,
        "again" => Behaviour::Again(number),
        "alone" => Behaviour::Alone(number),
        "panic" => Behaviour::Panic,
        "forever" => Behaviour::Forever,
        "stuck" => Behaviour::Stuck,
        other => panic!("no behaviour is called {other}"),
    };
    (tag, behaviour)
}

/// Does what statements say.
#[derive(Debug)]
pub(crate) struct ScriptedBackend;

impl Backend for ScriptedBackend {
    fn step(&self, mut job: Job, cancel: &CancelToken) -> Step {
        let (tag, behaviour) = script_of(&job);
        if cancel.is_cancelled() {
            let error = Error::new(Kind::Cancelled, format!("{tag} was cancelled"));
            return Step::Done(Box::new(job), Err(error));
        }
        let polled = job
            .reached
            .carried
            .take()
            .and_then(|carried| carried.downcast::<u32>().ok())
            .map_or(0, |polled| *polled);
        let polls_wanted = match behaviour {
            Behaviour::Again(count) | Behaviour::Alone(count) => count,
            Behaviour::Forever => u32::MAX,
            _ => 0,
        };
        if polled < polls_wanted {
            job.reached.handle = Some(tag);
            job.reached.goes_on_alone = matches!(behaviour, Behaviour::Alone(_));
            job.reached.stage = if polled.is_multiple_of(2) {
                Stage::Poll
            } else {
                Stage::Fetch
            };
            job.reached.carried = Some(Box::new(polled + 1));
            job.reached.row_bytes = ROW_BYTES * polled as usize;
            return Step::Again {
                job: Box::new(job),
                after: Duration::from_millis(50 * u64::from(polled % 5)),
                progress: Progress::Running,
            };
        }
        let kibibytes = match behaviour {
            Behaviour::Fail => {
                let error = Error::new(Kind::Execution, format!("{tag} was meant to fail"));
                return Step::Done(Box::new(job), Err(error));
            }
            Behaviour::Panic => panic!("{PLANNED_PANIC}"),
            Behaviour::Stuck => panic!("the simulated worker ended a stuck step without an interrupt"),
            Behaviour::Big(kibibytes) => kibibytes,
            _ => 0,
        };
        let results = match &job.work.operation {
            Operation::Cancel(query_id) => vec![ResultSet::of_status(query_id, Status::Cancelled)],
            Operation::Status(query_id) => vec![ResultSet::of_status(query_id, Status::Succeeded)],
            Operation::Read { .. } => vec![answer(&job, &tag, kibibytes)],
            Operation::Run => (0..job.work.statements.len())
                .map(|_| answer(&job, &tag, kibibytes))
                .collect(),
        };
        Step::Done(Box::new(job), Ok(results))
    }
}

fn answer(job: &Job, tag: &str, kibibytes: u32) -> ResultSet {
    let column = Column {
        name: "TAG".to_owned(),
        type_name: "VARCHAR".to_owned(),
        nullable: false,
    };
    let mut result = ResultSet::new(vec![column], job.work.bounds);
    result.query_id = Some(tag.to_owned());
    result.push(Value::Text(tag));
    result.end_row();
    for _ in 0..kibibytes {
        result.push(Value::Text(&"x".repeat(1 << 10)));
        result.end_row();
    }
    result
}

struct At(Now);

impl Clock for At {
    fn now(&self) -> Now {
        self.0
    }
}

#[derive(Debug)]
struct Running {
    job: Box<Job>,
    token: CancelToken,
    is_cancel: bool,
}

/// How far a job is, as the outside sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progressed {
    /// A step was submitted and has not ended.
    Running {
        /// Its token is cancelled.
        is_interrupted: bool,
    },
    /// The last step said `Again`; the server has the job.
    Waiting,
    /// Given to the thread for cancels.
    Cancelling,
    /// Its last step ended.
    Done,
}

/// Workers in virtual time, which check what they are told to do.
#[derive(Debug, Default)]
pub(crate) struct SimulatedWorkers {
    workers: usize,
    running: BTreeMap<JobId, Running>,
    completions: VecDeque<Completion>,
    /// Every job ever seen: its tag, and how far it is.
    pub(crate) jobs: BTreeMap<JobId, (String, Progressed)>,
    /// Jobs whose caller is gone: they may only be cancelled.
    pub(crate) unwanted: BTreeSet<JobId>,
    /// Jobs about statements of others: they hold nothing, and may be forgotten between two steps.
    pub(crate) readers: BTreeSet<JobId>,
    /// What the server must never do and did.
    pub(crate) violations: Vec<String>,
}

impl SimulatedWorkers {
    /// `workers` of them and a thread for cancels.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            workers,
            ..Self::default()
        }
    }

    /// Takes a step in. Says whether it will end by itself; the caller decides when, and calls
    /// [`SimulatedWorkers::end_step`].
    pub(crate) fn submit(&mut self, job: Box<Job>) -> bool {
        let (tag, behaviour) = script_of(&job);
        let id = job.id;
        if !job.work.is_run() {
            self.readers.insert(id);
        }
        let steps = self.running.values().filter(|running| !running.is_cancel).count();
        if steps >= self.workers {
            self.violations.push(format!(
                "{id} was submitted while {steps} steps run on {} workers",
                self.workers
            ));
        }
        if self.unwanted.contains(&id) {
            self.violations
                .push(format!("{id} goes on although its caller is gone"));
        }
        match self.jobs.get(&id) {
            None | Some((_, Progressed::Waiting)) => {}
            Some((_, other)) => self
                .violations
                .push(format!("{id} was submitted while it is {other:?}")),
        }
        self.jobs.insert(
            id,
            (
                tag,
                Progressed::Running {
                    is_interrupted: false,
                },
            ),
        );
        self.start(job, CancelToken::new(), false);
        behaviour != Behaviour::Stuck
    }

    /// Takes a cancel in; it ends by itself.
    pub(crate) fn submit_cancel(&mut self, job: Box<Job>) {
        let id = job.id;
        match self.jobs.get(&id) {
            Some((_, Progressed::Waiting)) => {}
            other => self
                .violations
                .push(format!("{id} was given to be cancelled while it is {other:?}")),
        }
        let (tag, _) = script_of(&job);
        self.jobs.insert(id, (tag, Progressed::Cancelling));
        let token = CancelToken::new();
        token.cancel();
        self.start(job, token, true);
    }

    fn start(&mut self, job: Box<Job>, token: CancelToken, is_cancel: bool) {
        let id = job.id;
        let running = Running {
            job,
            token,
            is_cancel,
        };
        if self.running.insert(id, running).is_some() {
            self.violations.push(format!("{id} runs twice at once"));
        }
    }

    /// Cancels the token of a running step. Says whether there is one.
    pub(crate) fn interrupt(&mut self, job: JobId) -> bool {
        let Some(running) = self.running.get(&job) else {
            if !self.jobs.contains_key(&job) {
                self.violations
                    .push(format!("{job} was interrupted and never submitted"));
            }
            return false;
        };
        running.token.cancel();
        if let Some((_, progressed @ Progressed::Running { .. })) = self.jobs.get_mut(&job) {
            *progressed = Progressed::Running { is_interrupted: true };
        }
        true
    }

    /// Ends the step of `job`, if it runs, and queues its completion. Says whether it did.
    pub(crate) fn end_step(&mut self, job: JobId, now: Now) -> bool {
        let Some(running) = self.running.remove(&job) else {
            return false;
        };
        let outcome = step_once(&ScriptedBackend, *running.job, &running.token, &At(now));
        let progressed = match outcome {
            Outcome::Done(_) => Progressed::Done,
            Outcome::Again { .. } => Progressed::Waiting,
        };
        if let Some((_, known)) = self.jobs.get_mut(&job) {
            *known = progressed;
        }
        self.completions.push_back(Completion { job, outcome });
        true
    }

    /// The next completion.
    pub(crate) fn completion(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    /// Completions that nobody took.
    pub(crate) fn completions_left(&self) -> usize {
        self.completions.len()
    }

    /// Jobs whose tag `is_wanted`, with how far they are.
    pub(crate) fn jobs_of(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<(JobId, Progressed)> {
        self.jobs
            .iter()
            .filter(|(_, (tag, _))| is_wanted(tag))
            .map(|(id, (_, progressed))| (*id, *progressed))
            .collect()
    }
}
