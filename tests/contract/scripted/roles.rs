//! The audit of roles on the wire: what is asked before a role's first statement, and what a role that does more costs.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use snowflake_mcp::backend::grants::{Report, Verdict};
use snowflake_mcp::backend::{Backend, CancelToken, Error, Job, Kind, ResultSet, RoleAudit, Step};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::secret::Secret;
use snowflake_mcp::snowflake::{Authentication, Snowflake};

use super::{ONE_NUMBER, numbers, settings};
use crate::drive::{FakeClock, Task, rows};
use crate::server::{Fault, On, Server};

const QUERY: &str = "select q";
const OWN: &str = "SELECT CURRENT_ROLE() AS \"ROLE\"";
const SECONDARY: &str = "SELECT CURRENT_SECONDARY_ROLES() AS \"SECONDARY\"";

/// An account whose login has the role `READER`, behind an audit.
struct Audited {
    server: Server,
    clock: FakeClock,
    engine: RoleAudit,
}

struct Ended {
    outcome: Result<Vec<ResultSet>, Error>,
    reports: Vec<Report>,
}

impl Audited {
    fn new(is_strict: bool) -> Self {
        let (server, clock) = (Server::start(), FakeClock::new());
        let settings = settings(&server, Authentication::OAuth(Secret::new("t")));
        let entropy = Box::new(SeededEntropy::new(7));
        let snowflake = Snowflake::new(settings, Box::new(clock.clone()), entropy).unwrap();
        let engine = RoleAudit::new(
            Arc::new(snowflake),
            Box::new(clock.clone()),
            &Limits::default(),
            is_strict,
        );
        server.teach(QUERY, ONE_NUMBER, vec![numbers(1..=1)]);
        server.teach(
            SECONDARY,
            &[("SECONDARY", "text")],
            vec![vec![vec![json!(r#"{"roles":"","value":""}"#)]]],
        );
        let audited = Self {
            server,
            clock,
            engine,
        };
        audited.login_has("READER");
        audited.grant(
            "READER",
            &[["USAGE", "DATABASE", "D"], ["SELECT", "TABLE", "D.S.T"]],
        );
        audited.grant("PUBLIC", &[]);
        audited
    }

    fn login_has(&self, role: &str) {
        let row = vec![json!(role)];
        self.server.teach(OWN, &[("ROLE", "text")], vec![vec![row]]);
    }

    fn grant(&self, role: &str, grants: &[[&str; 3]]) {
        // Not in the order of the service: columns are read by their names.
        let columns =
            ["grant_option", "name", "granted_on", "privilege", "created_on"].map(|name| (name, "text"));
        let row = |grant: &[&str; 3]| -> Vec<Value> {
            [
                json!("false"),
                json!(grant[2]),
                json!(grant[1]),
                json!(grant[0]),
                Value::Null,
            ]
            .into()
        };
        let rows = grants.iter().map(row).collect();
        self.server.teach(&show(role), &columns, vec![rows]);
    }

    fn run(&self) -> Ended {
        let mut reports = Vec::new();
        let mut job: Job = Task::new(QUERY).into_job();
        for _ in 0..200 {
            match self.engine.step(job, &CancelToken::new()) {
                Step::Done(_, outcome) => return Ended { outcome, reports },
                Step::Again {
                    job: mut next, after, ..
                } => {
                    reports.extend(next.reached.role.take().map(|report| *report));
                    self.clock.advance(after);
                    job = *next;
                }
            }
        }
        panic!("it does not end");
    }

    /// Statements that were submitted, without repetitions.
    fn submitted(&self) -> Vec<String> {
        let seen = self.server.seen().into_iter();
        seen.filter(|seen| seen.method == "POST" && seen.query("retry").is_none())
            .map(|seen| seen.body["statement"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

impl Ended {
    #[track_caller]
    fn passed(self) -> Option<Report> {
        let results = self.outcome.unwrap();
        assert_eq!(rows(&results[0]), [["1"]]);
        assert!(self.reports.len() <= 1);
        self.reports.into_iter().next()
    }
}

fn show(role: &str) -> String {
    format!("SHOW GRANTS TO ROLE \"{role}\"")
}

#[test]
fn a_role_is_looked_at_before_its_first_statement_and_not_again() {
    let audited = Audited::new(false);
    let report = audited.run().passed().expect("it was looked at");
    assert_eq!((report.verdict(), &*report.role), (Verdict::Reads, "READER"));
    let all = [OWN, SECONDARY, &show("READER"), &show("PUBLIC"), QUERY];
    assert_eq!(audited.submitted(), all);
    assert_eq!(audited.run().passed(), None);
    assert_eq!(
        audited.submitted().len(),
        all.len() + 1,
        "the second call costs nothing more"
    );
    // What was found is not believed for ever.
    audited.clock.advance(Limits::default().role_audit_ttl);
    assert!(audited.run().passed().is_some());
}

#[test]
fn a_round_without_a_statement_is_no_use_of_a_role() {
    let strict = Audited::new(true);
    let mut job = Task::new(QUERY).into_job();
    job.work.statements.clear();
    let step = strict.engine.step(job, &CancelToken::new());
    assert!(matches!(step, Step::Done(_, Ok(results)) if results.is_empty()));
    assert!(strict.submitted().is_empty());
}

#[test]
fn nothing_of_it_needs_a_warehouse_or_says_that_it_is_somebodys() {
    let audited = Audited::new(false);
    audited.run().passed();
    let seen = audited.server.seen();
    let tags: Vec<_> = seen
        .iter()
        .map(|seen| &seen.body["parameters"]["query_tag"])
        .collect();
    assert!(
        tags[0].as_str().is_some_and(|tag| tag.contains("role audit")),
        "{tags:?}"
    );
    let ids: std::collections::BTreeSet<_> = seen
        .iter()
        .filter(|seen| seen.method == "POST")
        .map(|seen| seen.query("requestId").unwrap_or_default().to_owned())
        .collect();
    assert_eq!(ids.len(), 5, "each has an id of its own");
}

#[test]
fn a_role_that_writes_is_told_and_used_unless_that_is_forbidden() {
    let audited = Audited::new(false);
    audited.grant("READER", &[["USAGE", "ROLE", "LOADER"]]);
    audited.grant(
        "LOADER",
        &[["INSERT", "TABLE", "D.S.T"], ["OWNERSHIP", "TABLE", "D.S.U"]],
    );
    let report = audited.run().passed().expect("a report");
    assert_eq!(
        (report.verdict(), report.count, report.roles),
        (Verdict::DoesMore, 2, 3)
    );

    let strict = Audited::new(true);
    strict.grant("READER", &[["UPDATE", "TABLE", "D.S.T"]]);
    for call in 0..3 {
        let ended = strict.run();
        let error = ended.outcome.unwrap_err();
        assert_eq!(error.kind, Kind::Configuration);
        assert!(error.message.contains("READER can do more than read"), "{error}");
        assert!(error.message.contains("UPDATE on TABLE D.S.T"), "{error}");
        assert!(error.advice().contains("--strict-role"), "{}", error.advice());
        assert_eq!(
            ended.reports.len(),
            usize::from(call == 0),
            "it is told all the same"
        );
    }
    assert_eq!(strict.server.executions(QUERY), 0);
    assert_eq!(
        strict.server.executions(&show("READER")),
        1,
        "what is known is not asked again"
    );
    // It was taken from the role; after a while that is found out.
    strict.grant("READER", &[["SELECT", "TABLE", "D.S.T"]]);
    strict.clock.advance(Limits::default().role_audit_ttl);
    strict.run().passed();
}

#[test]
fn an_administrators_role_is_never_one_that_only_reads() {
    let strict = Audited::new(true);
    strict.login_has("ACCOUNTADMIN");
    strict.grant("ACCOUNTADMIN", &[]);
    let error = strict.run().outcome.unwrap_err();
    assert!(
        error.message.contains("everything that ACCOUNTADMIN administers"),
        "{error}"
    );
    assert_eq!(strict.server.executions(QUERY), 0);
}

#[test]
fn strict_a_role_that_cannot_be_looked_at_is_not_used_until_it_can() {
    let strict = Audited::new(true);
    let denied = json!({ "code": "003001", "message": "Insufficient privileges.", "sqlState": "42501" });
    strict.server.teach_error(OWN, 422, denied.clone());
    let ended = strict.run();
    assert_eq!(ended.reports[0].verdict(), Verdict::Unknown);
    let error = ended.outcome.unwrap_err();
    assert_eq!(
        (error.kind, error.retry_after),
        (Kind::Configuration, Some(Duration::from_secs(60)))
    );
    strict.run().outcome.unwrap_err();
    assert_eq!(strict.server.executions(OWN), 1, "it is not asked again at once");
    strict.login_has("READER");
    strict.clock.advance(Duration::from_secs(60));
    strict.run().passed();
    // Grants of a role that cannot be seen are none that are known to read.
    let hidden = Audited::new(true);
    hidden.server.teach_error(&show("PUBLIC"), 422, denied.clone());
    let error = hidden.run().outcome.unwrap_err();
    assert!(
        error.message.contains("the grants of \"PUBLIC\" cannot be seen"),
        "{error}"
    );
    // Without the rule both go on.
    let lenient = Audited::new(false);
    lenient.server.teach_error(OWN, 422, denied);
    let report = lenient.run().passed().expect("a report");
    assert!(
        report
            .gap
            .is_some_and(|gap| gap.contains("Insufficient privileges"))
    );
}

#[test]
fn what_is_wrong_with_the_connection_is_told_as_itself_and_looked_at_again_with_the_next_call() {
    for is_strict in [false, true] {
        let audited = Audited::new(is_strict);
        audited.server.refuse_tokens(1);
        let error = audited.run().outcome.unwrap_err();
        assert_eq!(error.kind, Kind::Login, "{error}");
        assert_eq!(audited.server.executions(QUERY), 0);
        assert!(audited.run().passed().is_some());
    }
}

#[test]
fn a_failure_that_passes_ends_no_audit() {
    let audited = Audited::new(true);
    audited.server.fault(On::Post, Fault::status(503));
    audited.server.fault(On::Get, Fault::Drop);
    assert!(audited.run().passed().is_some());
    assert_eq!(audited.server.executions(OWN), 1);
}

#[test]
fn who_comes_while_a_role_is_looked_at_waits_where_that_matters_and_passes_where_not() {
    for is_strict in [false, true] {
        let audited = Audited::new(is_strict);
        let first = Task::new(QUERY).into_job();
        let Step::Again { job: first, .. } = audited.engine.step(first, &CancelToken::new()) else {
            panic!("the reading takes more than a step");
        };
        let second = audited
            .engine
            .step(Task::new(QUERY).into_job(), &CancelToken::new());
        let Step::Again {
            job: second, after, ..
        } = second
        else {
            panic!("{second:?}");
        };
        let waits = second.reached.carried.is_none();
        assert_eq!(waits, is_strict, "the other one's statement was sent");
        assert_eq!(audited.server.executions(QUERY), u32::from(!is_strict));
        assert!(!is_strict || after > Duration::ZERO);
        // The first is given up: the next who comes looks.
        let cancel = CancelToken::new();
        cancel.cancel();
        let mut job = *first;
        let error = loop {
            match audited.engine.step(job, &cancel) {
                Step::Done(_, outcome) => break outcome.unwrap_err(),
                Step::Again { job: next, .. } => job = *next,
            }
        };
        assert_eq!(error.kind, Kind::Cancelled);
        assert!(audited.run().passed().is_some());
    }
}
