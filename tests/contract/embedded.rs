//! The embedded engine keeps the same contract as Snowflake.

use std::sync::Arc;

use snowflake_mcp::backend::grants::Verdict;
use snowflake_mcp::backend::{Backend, CancelToken, RoleAudit, Step};
use snowflake_mcp::demo::Demo;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::time::SystemClock;

use crate::behaviours::{self, Subject, Table};
use crate::drive::Task;
use crate::showing::Listed;

#[test]
fn the_embedded_engine_keeps_the_contract() {
    let demo = Demo::new(SystemClock::new(), 8).unwrap();
    behaviours::check_all(&Subject {
        name: "demo",
        backend: &demo,
        // It answers in one step; only a crowd is told to come again, and nobody else is here.
        pause: &|_| {},
        // Outside the schema in which the engine looks for a bare name.
        table: Table {
            database: "SNOWFLAKE_SAMPLE_DATA",
            schema: "ANALYTICS",
            name: "REVENUE_BY_NATION",
            rows: 175,
        },
        listed: Listed {
            database: "SNOWFLAKE_SAMPLE_DATA",
            table: ["TPCH_SF1", "NATION", "N_NATIONKEY"],
            view: ["ANALYTICS", "REVENUE_BY_NATION"],
            role: "PUBLIC",
            lacks: &[],
            knows_missing_scopes: true,
        },
    });
}

#[test]
fn its_role_is_found_to_read_and_nothing_else() {
    let demo = Demo::new(SystemClock::new(), 8).unwrap();
    let engine = RoleAudit::new(
        Arc::new(demo),
        Box::new(SystemClock::new()),
        &Limits::default(),
        true,
    );
    let mut job = Task::new("select 1").into_job();
    let mut verdicts = Vec::new();
    for _ in 0..20 {
        match engine.step(job, &CancelToken::new()) {
            Step::Done(_, outcome) => {
                outcome.unwrap();
                assert_eq!(verdicts, [Verdict::Reads]);
                return;
            }
            Step::Again { job: mut next, .. } => {
                verdicts.extend(next.reached.role.take().map(|report| report.verdict()));
                job = *next;
            }
        }
    }
    panic!("it does not end");
}
