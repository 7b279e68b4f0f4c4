//! Takes a job through its steps as the server would, and keeps a record of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use snowflake_mcp::backend::job::{Context, Operation, Reached, Render, Rendered, Work};
use snowflake_mcp::backend::rows::Bounds;
use snowflake_mcp::backend::{Backend, CancelToken, Error, Job, Progress, ResultSet, Stage, Step, Value};
use snowflake_mcp::ident::{JobId, Uuid};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::{Clock, Instant, Now, WallTime};

/// A clock that is moved by hand. Copies show the same time.
#[derive(Debug, Clone)]
pub(crate) struct FakeClock {
    now: Arc<Mutex<Now>>,
}

impl FakeClock {
    /// 2026-11-22T10:00:00Z.
    pub(crate) fn new() -> Self {
        let now = Now {
            monotonic: Instant::from_micros(1_000_000),
            wall: WallTime::from_micros(1_795_341_600_000_000),
        };
        Self {
            now: Arc::new(Mutex::new(now)),
        }
    }

    pub(crate) fn advance(&self, duration: Duration) {
        let mut now = self.now.lock().unwrap();
        let micros = u64::try_from(duration.as_micros()).unwrap();
        now.monotonic = now.monotonic + duration;
        now.wall = WallTime::from_micros(now.wall.as_micros() + micros);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Now {
        *self.now.lock().unwrap()
    }
}

/// Work for a backend, in the words of a test.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) statements: Vec<String>,
    pub(crate) optional: usize,
    pub(crate) context: Context,
    pub(crate) bounds: Bounds,
    pub(crate) timeout: Duration,
    pub(crate) query_tag: Option<String>,
    pub(crate) operation: Operation,
    pub(crate) request_id: Uuid,
}

impl Task {
    pub(crate) fn new(statement: &str) -> Self {
        Self {
            statements: vec![statement.to_owned()],
            optional: 0,
            context: Context::default(),
            bounds: Bounds {
                rows_max: 100_000,
                bytes_max: 8 << 20,
            },
            timeout: Duration::from_secs(300),
            query_tag: None,
            operation: Operation::Run,
            request_id: fresh_id(),
        }
    }

    /// Nothing is run: this is about a statement that was.
    pub(crate) fn about(operation: Operation) -> Self {
        Self {
            statements: Vec::new(),
            operation,
            ..Self::new("")
        }
    }

    pub(crate) fn then(mut self, statement: &str) -> Self {
        self.statements.push(statement.to_owned());
        self
    }

    pub(crate) fn rows_max(mut self, rows_max: u64) -> Self {
        self.bounds.rows_max = rows_max;
        self
    }

    pub(crate) fn bytes_max(mut self, bytes_max: usize) -> Self {
        self.bounds.bytes_max = bytes_max;
        self
    }

    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The last so many statements may fail for want of an object.
    pub(crate) fn optional(mut self, optional: usize) -> Self {
        self.optional = optional;
        self
    }

    pub(crate) fn within(mut self, database: &str, schema: &str) -> Self {
        self.context.database = Some(database.to_owned());
        self.context.schema = Some(schema.to_owned());
        self
    }

    pub(crate) fn into_job(self) -> Job {
        let policy = Policy::default();
        let checked = |text: &String| policy.check(text).expect("contract statements only read");
        Job {
            id: JobId(1),
            work: Box::new(Work {
                operation: self.operation,
                unchecked: None,
                asked: Default::default(),
                statements: self.statements.iter().map(checked).collect(),
                optional: self.optional,
                context: self.context,
                bounds: self.bounds,
                timeout: self.timeout,
                query_tag: self.query_tag,
                share: None,
                patience: None,
                follow: None,
                render: Render::new(|_| Rendered {
                    result: Vec::new(),
                    rows: 0,
                    truncated: false,
                    query_id: None,
                    kept: None,
                }),
            }),
            reached: Reached::default(),
            admitted: Instant::ZERO,
            request_id: self.request_id,
        }
    }
}

/// An id that no other task of this process has.
fn fresh_id() -> Uuid {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    let mut bytes = [0x5a; 16];
    bytes[..8].copy_from_slice(&count.to_be_bytes());
    Uuid::from_random(bytes)
}

/// What happened between two steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Between {
    pub(crate) after: Duration,
    pub(crate) progress: Progress,
    pub(crate) stage: Stage,
    pub(crate) handle: Option<String>,
}

/// A job that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Result<Vec<ResultSet>, Error>,
    pub(crate) pauses: Vec<Between>,
}

impl Ended {
    #[track_caller]
    pub(crate) fn results(self) -> Vec<ResultSet> {
        match self.outcome {
            Ok(results) => results,
            Err(error) => panic!("{error} ({:?}), after {:?}", error.detail, self.pauses),
        }
    }

    #[track_caller]
    pub(crate) fn result(self) -> ResultSet {
        let mut results = self.results();
        assert_eq!(results.len(), 1, "one statement gives one result");
        results.remove(0)
    }

    #[track_caller]
    pub(crate) fn error(self) -> Error {
        match self.outcome {
            Err(error) => error,
            Ok(results) => panic!("expected an error, got {results:?}"),
        }
    }

    /// The pauses in milliseconds.
    pub(crate) fn pauses_ms(&self) -> Vec<u128> {
        self.pauses.iter().map(|pause| pause.after.as_millis()).collect()
    }

    /// How often the other side failed in a way that passed.
    pub(crate) fn retries(&self) -> usize {
        self.pauses
            .iter()
            .filter(|pause| pause.progress == Progress::Retrying)
            .count()
    }
}

/// Takes the job to its end. `pause` is called between two steps; it may let time pass and cancel the token.
pub(crate) fn run(
    backend: &dyn Backend,
    task: Task,
    cancel: &CancelToken,
    mut pause: impl FnMut(&Between),
) -> Ended {
    let mut job = task.into_job();
    let mut pauses = Vec::new();
    for _ in 0..STEPS_MAX {
        match backend.step(job, cancel) {
            Step::Done(_, outcome) => return Ended { outcome, pauses },
            Step::Again {
                job: next,
                after,
                progress,
            } => {
                let between = Between {
                    after,
                    progress,
                    stage: next.reached.stage,
                    handle: next.reached.handle.clone(),
                };
                pause(&between);
                pauses.push(between);
                job = *next;
            }
        }
    }
    panic!("the job did not end within {STEPS_MAX} steps: {pauses:?}");
}

/// The rows as text, for comparisons: numbers bare, text in quotes, JSON in backquotes.
pub(crate) fn rows(result: &ResultSet) -> Vec<Vec<String>> {
    let text = |value: Value<'_>| match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Number(text) => text.to_owned(),
        Value::Text(text) => format!("{text:?}"),
        Value::Json(text) => format!("`{text}`"),
    };
    result.rows().map(|row| row.cells().map(text).collect()).collect()
}

const STEPS_MAX: usize = 20_000;
