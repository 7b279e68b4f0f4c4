//! Two callers with keys of their own, of which one floods: how long the other's calls take beside it and without it.
//!
//! A statement waits for [`STATEMENT`] and costs no processor time, as one in an account does: what is measured is who gets
//! a worker, not how many processors the machine has.

use std::sync::Arc;
use std::time::Duration;

use snowflake_mcp::access::KeyRing;
use snowflake_mcp::backend::{Backend, CancelToken, Job, ResultSet, Step};
use snowflake_mcp::limits::Limits;
use snowflake_mcp::secret::Secret;
use snowflake_mcp::server::Settings;

use crate::client::{Load, Measured, Protocol, Requests};
use crate::turns::TimedServer;

pub(crate) const NAME: &str = "two principals, one floods";

/// How long a statement takes.
const STATEMENT: Duration = Duration::from_millis(40);
/// Connections of the caller that floods: three times as many calls as there are workers, always.
const FLOOD: usize = 24;
const KEYS: [&str; 2] = ["the-key-of-the-quiet-one", "the-key-of-the-flooder"];

struct Waiting;

impl Backend for Waiting {
    fn step(&self, job: Job, _cancel: &CancelToken) -> Step {
        #[allow(clippy::disallowed_methods, reason = "this is the statement")]
        std::thread::sleep(STATEMENT);
        let result = ResultSet::new(Vec::new(), job.work.bounds);
        Step::Done(Box::new(job), Ok(vec![result]))
    }
}

/// Measures, and prints a line of the table.
pub(crate) fn run(body: &str, time: Duration) {
    let limits = Limits::default();
    let keys = KEYS.map(Secret::new);
    let settings = Settings {
        limits: limits.clone(),
        keys: KeyRing::of_secrets(&keys),
        ..Settings::default()
    };
    let server = TimedServer::start_over(settings, |_| Arc::new(Waiting));
    let load = |key: &str, connections| {
        let requests = Requests::new(server.address(), Protocol::Http, "/mcp", Some(body), false);
        Load::new(server.address(), requests.with_key(key), connections, 1)
    };
    let mut other = load(KEYS[0], 1);
    let quiet = other.run(time);
    let mut flood = load(KEYS[1], FLOOD);
    let (beside, flooded) = Load::run_both(&mut other, &mut flood, time);
    drop((other, flood));
    server.finish();
    for measured in [&quiet, &beside, &flooded] {
        assert_eq!(measured.wrong, 0, "{}", measured.first_wrong);
    }
    let p99 = |measured: &Measured| measured.latency.percentile(99.0).as_secs_f64() * 1e3;
    println!(
        "| {NAME}: {FLOOD} connections against 1 | {:.0} against {:.0} | | quiet p99 {:.2} | p99 {:.2}, {:.2} times the quiet one |",
        flooded.answered as f64 / flooded.elapsed.as_secs_f64(),
        beside.answered as f64 / beside.elapsed.as_secs_f64(),
        p99(&quiet),
        p99(&beside),
        p99(&beside) / p99(&quiet),
    );
}
