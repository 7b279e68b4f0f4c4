//! The pool with real threads. Steps wait for the test through channels; nothing sleeps.

use super::*;
use crate::backend::job::{Context, Follow, Followed, Operation, Progress, Reached, Render, Rendered, Work};
use crate::backend::rows::Bounds;
use crate::backend::{Error, Kind, Outcome, ResultSet, Step};
use crate::sql::guard::{Policy, UncheckedStatement};
use crate::time::Instant;
use std::panic::panic_any;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};

const DEADLINE: Duration = Duration::from_secs(20);

/// Runs a function as its step.
struct Stepping<F>(F);

impl<F: Fn(Job, &CancelToken) -> Step + Send + Sync> Backend for Stepping<F> {
    fn step(&self, job: Job, cancel: &CancelToken) -> Step {
        (self.0)(job, cancel)
    }
}

fn stepping(
    step: impl Fn(Job, &CancelToken) -> Step + Send + Sync + 'static,
) -> (Arc<dyn Backend>, Limits, SystemClock) {
    let limits = Limits {
        workers: 2,
        ..Limits::default()
    };
    (Arc::new(Stepping(step)), limits, SystemClock::new())
}

fn pool(step: impl Fn(Job, &CancelToken) -> Step + Send + Sync + 'static) -> (Pool, Receiver<Completion>) {
    let (backend, limits, clock) = stepping(step);
    let (sender, completions) = mpsc::channel();
    let deliver = move |completion| {
        let _ = sender.send(completion);
    };
    let pool = Pool::start(backend, &limits, clock, deliver).unwrap();
    (pool, completions)
}

fn job(id: u64) -> Box<Job> {
    Box::new(Job {
        id: JobId(id),
        work: Box::new(Work {
            operation: Operation::Run,
            unchecked: None,
            asked: Default::default(),
            optional: 0,
            statements: vec![Policy::default().check("select 1").unwrap()],
            context: Context::default(),
            bounds: Bounds {
                rows_max: 10,
                bytes_max: 1_000,
            },
            timeout: Duration::from_secs(1),
            query_tag: None,
            share: None,
            patience: None,
            follow: None,
            render: Render::new(|answer| Rendered {
                result: format!("{{\"results\":{}}}", answer.results.len()).into_bytes(),
                rows: 0,
                truncated: false,
                query_id: None,
                kept: None,
            }),
        }),
        reached: Reached::default(),
        admitted: Instant::ZERO,
        request_id: crate::ident::Uuid::from_random([7; 16]),
    })
}

fn answer(job: Job) -> Step {
    let result = ResultSet::new(Vec::new(), job.work.bounds);
    let results = job.work.statements.iter().map(|_| result.clone()).collect();
    Step::Done(Box::new(job), Ok(results))
}

/// The step of a well-behaved engine that waits until it is interrupted.
fn until_cancelled(job: Job, cancel: &CancelToken) -> Step {
    let (sender, interrupted) = mpsc::channel();
    let _guard = cancel.on_cancel(move || {
        let _ = sender.send(());
    });
    let message = match interrupted.recv_timeout(DEADLINE) {
        Ok(()) => "interrupted",
        Err(_) => "nobody interrupted",
    };
    Step::Done(Box::new(job), Err(Error::new(Kind::Cancelled, message)))
}

fn done(completion: Completion) -> Result<Rendered, Error> {
    match completion.outcome {
        Outcome::Done(ended) => ended,
        Outcome::Again { .. } => panic!("the step wants another one"),
    }
}

fn error_of(completion: Completion) -> Error {
    done(completion).expect_err("the step fails")
}

#[test]
fn an_answer_comes_back_rendered() {
    let (pool, completions) = pool(|job, _| answer(job));
    pool.submit(job(1));
    let completion = completions.recv_timeout(DEADLINE).unwrap();
    assert_eq!(completion.job, JobId(1));
    assert_eq!(done(completion).unwrap().result, b"{\"results\":1}");
}

#[test]
fn what_follows_from_an_answer_is_the_next_step_of_the_same_job() {
    let (pool, completions) = pool(|job, _| answer(job));
    let mut first = job(1);
    first.work.follow = Some(Follow::new(|answer| {
        let again = format!("select {}", answer.results.len() + 1);
        let statements = ["select 1", &again].map(|text| Policy::default().check(text).unwrap());
        Ok(Followed {
            operation: Operation::Run,
            statements: statements.to_vec(),
            optional: 1,
            follow: None,
            render: job(2).work.render,
        })
    }));
    pool.submit(first);
    let Outcome::Again { job, after, .. } = completions.recv_timeout(DEADLINE).unwrap().outcome else {
        panic!("the job is over before what follows");
    };
    assert_eq!((job.id, after, job.work.optional), (JobId(1), Duration::ZERO, 1));
    assert!(job.holds_nothing() && job.work.statements[1].text() == "select 2");
    pool.submit(job);
    let completion = completions.recv_timeout(DEADLINE).unwrap();
    assert_eq!(done(completion).unwrap().result, b"{\"results\":2}");
}

#[test]
fn a_step_that_wants_another_one_gives_the_job_back() {
    let (pool, completions) = pool(|job, _| Step::Again {
        job: Box::new(job),
        after: Duration::from_millis(7),
        progress: Progress::Running,
    });
    pool.submit(job(1));
    match completions.recv_timeout(DEADLINE).unwrap().outcome {
        Outcome::Again { job, after, .. } => {
            assert_eq!((job.id, after), (JobId(1), Duration::from_millis(7)));
        }
        Outcome::Done(ended) => panic!("{ended:?}"),
    }
}

#[test]
fn a_panic_costs_its_call_an_internal_error_and_no_worker() {
    let (pool, completions) = pool(|job, _| match job.id {
        JobId(1) => panic!("planned"),
        JobId(2) => panic_any(7_u8),
        _ => answer(job),
    });
    for id in [1, 2] {
        pool.submit(job(id));
        let error = error_of(completions.recv_timeout(DEADLINE).unwrap());
        assert_eq!(error.kind, Kind::Internal);
        assert_eq!(
            error.message,
            format!("the server made a mistake, reference j{id}")
        );
    }
    for id in 3..6 {
        pool.submit(job(id));
        assert!(done(completions.recv_timeout(DEADLINE).unwrap()).is_ok());
    }
}

#[test]
fn a_panic_while_rendering_is_caught_too() {
    let (pool, completions) = pool(|job, _| answer(job));
    let mut broken = job(1);
    broken.work.render = Render::new(|_| panic!("planned"));
    pool.submit(broken);
    let error = error_of(completions.recv_timeout(DEADLINE).unwrap());
    assert_eq!(
        (error.kind, error.detail.as_deref()),
        (Kind::Internal, Some("planned"))
    );
}

#[test]
fn a_long_statement_is_guarded_before_the_engine_sees_it() {
    let (pool, completions) = pool(|job, _| {
        assert!(job.work.unchecked.is_none(), "it is guarded by now");
        answer(job)
    });
    let mut long = job(1);
    long.work.statements.clear();
    long.work.unchecked = Some(UncheckedStatement::new("select 2".to_owned(), Policy::default()));
    pool.submit(long);
    let rendered = done(completions.recv_timeout(DEADLINE).unwrap()).unwrap();
    assert_eq!(rendered.result, b"{\"results\":1}");
}

#[test]
fn a_running_step_can_be_interrupted_and_another_runs_on() {
    let (started, starts) = mpsc::channel();
    let started = Mutex::new(started);
    let (pool, completions) = pool(move |job, cancel| {
        started.lock().unwrap().send(job.id).unwrap();
        until_cancelled(job, cancel)
    });
    pool.submit(job(1));
    pool.submit(job(2));
    for _ in 0..2 {
        starts.recv_timeout(DEADLINE).unwrap();
    }
    pool.interrupt(JobId(2));
    let completion = completions.recv_timeout(DEADLINE).unwrap();
    assert_eq!(completion.job, JobId(2));
    assert_eq!(error_of(completion).message, "interrupted");
    pool.interrupt(JobId(2));
    pool.interrupt(JobId(99));
    assert!(completions.try_recv().is_err(), "the first step runs on");
}

#[test]
fn a_waiting_step_that_is_interrupted_starts_cancelled() {
    let (started, starts) = mpsc::channel();
    let started = Mutex::new(started);
    let (pool, completions) = pool(move |job, cancel| {
        started
            .lock()
            .unwrap()
            .send((job.id, cancel.is_cancelled()))
            .unwrap();
        until_cancelled(job, cancel)
    });
    pool.submit(job(1));
    pool.submit(job(2));
    for _ in 0..2 {
        assert!(!starts.recv_timeout(DEADLINE).unwrap().1);
    }
    pool.submit(job(3));
    pool.interrupt(JobId(3));
    pool.interrupt(JobId(1));
    assert_eq!(starts.recv_timeout(DEADLINE), Ok((JobId(3), true)));
    let mut ended: Vec<JobId> = (0..2)
        .map(|_| completions.recv_timeout(DEADLINE).unwrap().job)
        .collect();
    ended.sort_unstable();
    assert_eq!(ended, [JobId(1), JobId(3)]);
}

#[test]
fn a_cancel_runs_with_a_cancelled_token_while_every_worker_is_busy() {
    let (pool, completions) = pool(|job, cancel| {
        if thread::current().name() == Some("cancel") {
            assert!(cancel.is_cancelled());
            let error = Error::new(Kind::Cancelled, "cancelled there");
            return Step::Done(Box::new(job), Err(error));
        }
        until_cancelled(job, cancel)
    });
    pool.submit(job(1));
    pool.submit(job(2));
    pool.submit_cancel(job(3));
    let completion = completions.recv_timeout(DEADLINE).unwrap();
    assert_eq!(completion.job, JobId(3));
    assert_eq!(error_of(completion).message, "cancelled there");
}

#[test]
#[cfg(debug_assertions)]
fn one_step_more_than_the_server_may_have_out_is_our_bug() {
    let (pool, completions) = pool(until_cancelled);
    let submitted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // Two run and three wait, at least, whatever the threads have taken by now.
        for id in 1..=6 {
            pool.submit(job(id));
        }
    }));
    assert!(submitted.is_err(), "the queue is longer than workers + 1");
    drop(pool);
    assert!(completions.iter().count() <= 5);
}

#[test]
fn dropping_the_pool_interrupts_what_runs_forgets_what_waits_and_joins() {
    let (started, starts): (Sender<JobId>, _) = mpsc::channel();
    let started = Mutex::new(started);
    let (pool, completions) = pool(move |job, cancel| {
        started.lock().unwrap().send(job.id).unwrap();
        until_cancelled(job, cancel)
    });
    for id in 1..=3 {
        pool.submit(job(id));
    }
    let mut running: Vec<JobId> = (0..2).map(|_| starts.recv_timeout(DEADLINE).unwrap()).collect();
    drop(pool);
    let mut ended: Vec<JobId> = completions.iter().map(|completion| completion.job).collect();
    running.sort_unstable();
    ended.sort_unstable();
    assert_eq!(ended, running, "the channel ended, so every thread is gone");
    assert!(starts.try_recv().is_err(), "what waited never ran");
}

#[test]
fn threads_are_named() {
    let (pool, completions) = pool(|job, _| {
        let name = thread::current().name().unwrap_or_default().to_owned();
        Step::Done(Box::new(job), Err(Error::new(Kind::Execution, name)))
    });
    pool.submit(job(1));
    let name = error_of(completions.recv_timeout(DEADLINE).unwrap()).message;
    assert!(name == "worker-0" || name == "worker-1", "{name}");
    pool.submit_cancel(job(2));
    assert_eq!(
        error_of(completions.recv_timeout(DEADLINE).unwrap()).message,
        "cancel"
    );
}
