//! A second opinion on the guard: what it lets through, SQLite's authorizer sees no write in. Once through the embedded
//! engine, whose own authorizer must never have to refuse, and once as it is, where both dialects read alike.

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Batch, Connection};
use snowflake_mcp::backend::job::{Context, Reached, Render, Work};
use snowflake_mcp::backend::rows::Bounds;
use snowflake_mcp::backend::{Backend, CancelToken, Error, Job, Kind, ResultSet, Step};
use snowflake_mcp::demo::Demo;
use snowflake_mcp::ident::JobId;
use snowflake_mcp::sql::guard::{CheckedStatement, Policy};
use snowflake_mcp::time::{Instant, SystemClock};

use crate::run;

fn job(statement: CheckedStatement) -> Job {
    Job {
        id: JobId(1),
        work: Box::new(Work {
            operation: snowflake_mcp::backend::job::Operation::Run,
            unchecked: None,
            asked: Default::default(),
            statements: vec![statement],
            optional: 0,
            context: Context::default(),
            bounds: Bounds {
                rows_max: 20,
                bytes_max: 64 << 10,
            },
            timeout: Duration::from_millis(200),
            query_tag: None,
            share: None,
            patience: None,
            follow: None,
            render: Render::new(|_| unreachable!("an engine renders nothing")),
        }),
        reached: Reached::default(),
        admitted: Instant::ZERO,
        request_id: snowflake_mcp::ident::Uuid::from_random([7; 16]),
    }
}

#[allow(
    clippy::result_large_err,
    reason = "the shared error type, on a path where its size does not matter"
)]
fn answer(demo: &Demo, statement: CheckedStatement) -> Result<Vec<ResultSet>, Error> {
    let mut job = job(statement);
    loop {
        match demo.step(job, &CancelToken::new()) {
            Step::Done(_, outcome) => return outcome,
            Step::Again { job: again, .. } => job = *again,
        }
    }
}

/// What SQLite refuses comes out as an error of kind `Internal`, with SQLite's words as its detail. Others of that kind
/// are statements that the translator turns into SQL which SQLite does not take: a fault, and not the guard's.
#[test]
fn whatever_the_guard_lets_through_the_engine_only_reads() {
    let demo = Demo::new(SystemClock::new(), 4).expect("it opens nothing");
    let policy = Policy::default();
    let answered = Cell::new(0);
    run("engine", 2_500, &|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let Ok(statement) = policy.check(&text) else {
            return;
        };
        match answer(&demo, statement) {
            Ok(results) => {
                assert_eq!(results.len(), 1);
                answered.set(answered.get() + 1);
            }
            Err(error) => {
                let detail = error.detail.as_deref().unwrap_or_default();
                let is_denied = ["not authorized", "prohibited", "readonly", "read-only"]
                    .iter()
                    .any(|word| detail.contains(word));
                assert!(error.kind != Kind::Internal || !is_denied, "{text:?}: {error:?}");
                assert!(!error.message.is_empty());
            }
        }
    });
    assert!(answered.get() > 0, "nothing was answered at all");
}

/// Whether Snowflake and SQLite cut `text` alike: `\'`, `//`, `$$` and `[` mean other things to one of them.
fn is_common(text: &str) -> bool {
    !["\\", "//", "$", "[", "\0"]
        .iter()
        .any(|token| text.contains(token))
}

/// What an authorizer is asked for by statements that change something.
fn is_write(action: AuthAction<'_>) -> bool {
    !matches!(
        action,
        AuthAction::Select | AuthAction::Recursive | AuthAction::Read { .. } | AuthAction::Function { .. }
    )
}

/// SQLite reads the text as it is; its authorizer is asked for reads only, and each statement is one that changes nothing.
#[test]
fn whatever_the_guard_lets_through_is_no_write_to_sqlite() {
    let mut connection = Connection::open_in_memory().expect("memory is there");
    connection
        .execute_batch(
            "CREATE TABLE t(a, b, c, x, y, z, m, name); CREATE TABLE u(a, b); CREATE TABLE x(a, n)",
        )
        .expect("it is SQL");
    let writes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&writes);
    let authorizer = move |context: AuthContext<'_>| {
        if is_write(context.action) {
            let mut seen = seen.lock().expect("nobody panics with it");
            seen.push(format!("{:?}", context.action));
        }
        Authorization::Allow
    };
    connection.authorizer(Some(authorizer)).expect("it is taken");
    let (policy, prepared) = (Policy::default(), Cell::new(0));
    let check = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        if !is_common(&text) || policy.check(&text).is_err() {
            return;
        }
        let mut batch = Batch::new(&connection, &text);
        while let Ok(Some(statement)) = batch.next() {
            prepared.set(prepared.get() + 1);
            assert!(statement.readonly(), "{text:?}");
        }
        let writes = std::mem::take(&mut *writes.lock().expect("nobody panics with it"));
        assert!(writes.is_empty(), "{text:?} does {writes:?}");
    };
    // It does see what it is there to see.
    let mut batch = Batch::new(&connection, "drop table t");
    drop(batch.next());
    assert!(!std::mem::take(&mut *writes.lock().expect("nobody panics with it")).is_empty());
    run("guard", 8_000, &check);
    assert!(prepared.get() > 0, "nothing was read by SQLite at all");
}
