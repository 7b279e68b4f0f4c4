//! The engine as its callers see it: whole statements and jobs, no part of the inside.

#![allow(
    clippy::result_large_err,
    reason = "the error of the backend vocabulary, and only in tests"
)]

mod contract;
mod expressions;
mod fuzz;
mod metadata;
mod queries;
mod tpch;

use std::time::Duration;

use super::{Attempt, Demo};
use crate::backend::job::{Context, Reached, Render, Work};
use crate::backend::rows::Bounds;
use crate::backend::{Backend, CancelToken, Error, Job, ResultSet, Step, Value};
use crate::ident::JobId;
use crate::sql::guard::Policy;
use crate::time::{Instant, SystemClock};

pub(super) fn demo() -> Demo {
    Demo::new(SystemClock::new(), 8).unwrap()
}

/// A job of these statements, which the guard lets through, with room for everything.
pub(super) fn job(statements: &[&str]) -> Job {
    let policy = Policy::default();
    Job {
        id: JobId(1),
        work: Box::new(Work {
            operation: crate::backend::job::Operation::Run,
            unchecked: None,
            asked: Default::default(),
            optional: 0,
            statements: statements
                .iter()
                .map(|text| policy.check(text).unwrap())
                .collect(),
            context: Context::default(),
            bounds: Bounds {
                rows_max: 100_000,
                bytes_max: 64 << 20,
            },
            timeout: Duration::from_secs(60),
            query_tag: None,
            share: None,
            patience: None,
            follow: None,
            render: Render::new(|_| unreachable!("the backend renders nothing")),
        }),
        reached: Reached::default(),
        admitted: Instant::ZERO,
        request_id: crate::ident::Uuid::from_random([7; 16]),
    }
}

/// Steps until the job is done.
pub(super) fn finish(demo: &Demo, mut job: Job, cancel: &CancelToken) -> Result<Vec<ResultSet>, Error> {
    loop {
        match demo.step(job, cancel) {
            Step::Done(_, outcome) => return outcome,
            // Not earlier than it was told: other tests of this process may hold the memory that it waits for.
            Step::Again {
                job: again, after, ..
            } => {
                std::thread::park_timeout(after);
                job = *again;
            }
        }
    }
}

/// Runs one statement past the guard: the engine must hold by itself.
pub(super) fn run(demo: &Demo, statement: &str) -> Result<ResultSet, Error> {
    let job = job(&[]);
    let mut carried = demo.carried(&job);
    loop {
        match demo.advance(&[statement], &job.work, &mut carried, &CancelToken::new()) {
            Ok(Attempt::Finished(mut results)) => return Ok(results.remove(0)),
            Ok(Attempt::Busy) => std::thread::yield_now(),
            Err(fault) => return Err(fault.into_error()),
        }
    }
}

/// The cells of a result as text, NULL as `NULL`.
pub(super) fn cells(result: &ResultSet) -> Vec<Vec<String>> {
    result
        .rows()
        .map(|row| {
            row.cells()
                .map(|cell| match cell {
                    Value::Null => "NULL".to_owned(),
                    Value::Boolean(truth) => truth.to_string(),
                    Value::Number(text) | Value::Text(text) | Value::Json(text) => text.to_owned(),
                })
                .collect()
        })
        .collect()
}
