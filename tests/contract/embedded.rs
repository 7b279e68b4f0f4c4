//! The embedded engine keeps the same contract as Snowflake.

use snowflake_mcp::demo::Demo;
use snowflake_mcp::time::SystemClock;

use crate::behaviours::{self, Subject, Table};
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
