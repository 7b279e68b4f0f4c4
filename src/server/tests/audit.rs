//! What the audit log hears, and what happens when it cannot be written.

use super::*;
use crate::audit::{End, State, Verdict, WhenFull};
use crate::backend::{Absent, CancelToken};
use crate::time::SystemClock;
use crate::workers::step_once;

fn bench(when_full: WhenFull) -> Bench {
    Bench::with(Settings {
        audit: Some(when_full),
        limits: Limits {
            audit_queue_max: 3,
            ..Limits::default()
        },
        keys: KeyRing::of_secrets(&[Secret::new("a-key-for-the-tests")]),
        ..Settings::default()
    })
}

fn query(id: u64, query: &str) -> String {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"execute_query","arguments":{{"query":"{query}"}}}}}}"#
    );
    http(
        "POST /mcp",
        "Content-Type: application/json\r\nAccept: application/json\r\nAuthorization: Bearer a-key-for-the-tests\r\nUser-Agent: tester/1\r\n",
        &body,
    )
}

#[test]
fn a_call_leaves_a_record_when_it_ends_and_not_before() {
    let mut bench = bench(WhenFull::Refuse);
    let connection = bench.connect();
    bench.send(connection, query(1, "select 'ann' from t").as_bytes());
    let job = bench.next_submitted();
    assert!(bench.records.is_empty());
    bench.now.monotonic = bench.now.monotonic + Duration::from_millis(25);
    bench.complete_with(job.id, "{\"a\":1}");
    let record = bench.records.pop().unwrap();
    assert!(
        record.summaries.get().is_none(),
        "what is kept of a statement is not made here"
    );
    assert_eq!(&*record.principal, "API_KEYS/1");
    assert_eq!((&*record.client, record.tool), ("tester/1", "execute_query"));
    assert_eq!(&*record.statements()[0].text, "select ? from t");
    assert_eq!(record.end, End::Answered { rows: 1, bytes: 7 });
    assert_eq!(
        (record.verdict, record.duration_ms, record.job),
        (Verdict::Allow, 25, Some(job.id.0))
    );
    assert!(bench.records.is_empty());
}

fn run(job: Job, token: &CancelToken) -> Outcome {
    step_once(&Absent::new("none"), job, token, &SystemClock::new())
}

#[test]
fn what_is_kept_of_a_statement_is_made_by_the_worker_that_is_given_it_and_its_text_is_forgotten() {
    let mut bench = bench(WhenFull::Refuse);
    let connection = bench.connect();
    let long = format!("select * from t where a in ({})", "'x', ".repeat(3_000));
    for statement in ["select 'ann' from t", &long] {
        bench.send(connection, query(1, statement).as_bytes());
        let job = bench.next_submitted();
        let id = job.id;
        let outcome = run(*job, &CancelToken::new());
        bench.complete(id, outcome);
        bench.receive(connection);
        let record = bench.records.pop().unwrap();
        assert!(record.texts.is_empty() && record.summaries.get().is_some());
        assert_eq!(record.statements()[0].mentioned, ["T".into()]);
    }
}

/// With an audit log, and so that a second call waits.
fn one_worker() -> Settings {
    Settings {
        audit: Some(WhenFull::Refuse),
        limits: Limits {
            audit_queue_max: 10,
            workers: 1,
            ..Limits::default()
        },
        ..Settings::default()
    }
}

#[test]
fn a_long_statement_that_is_taken_back_goes_by_the_thread_for_cancels_and_was_not_sent() {
    let mut bench = Bench::with(Settings {
        keys: KeyRing::of_secrets(&[Secret::new("a-key-for-the-tests")]),
        ..one_worker()
    });
    let (running, waiting) = (bench.connect(), bench.connect());
    bench.send(running, query(1, "select 1").as_bytes());
    let long = format!("select * from t where a in ({})", "'x', ".repeat(3_000));
    bench.send(waiting, query(2, &long).as_bytes());
    bench.handle(Input::Broken { connection: waiting });
    assert!(bench.records.is_empty(), "nobody has looked at its text yet");
    let job = bench.cancels.pop_front().unwrap();
    let (id, token) = (job.id, CancelToken::new());
    token.cancel();
    let outcome = run(*job, &token);
    bench.complete(id, outcome);
    let record = bench.records.pop().unwrap();
    assert_eq!(record.end, End::NotSent);
    assert!(record.texts.is_empty() && record.statements()[0].text.starts_with("select * from t"));
}

#[test]
fn a_statement_that_the_guard_refuses_is_recorded_with_its_rule() {
    let mut bench = bench(WhenFull::Refuse);
    let connection = bench.connect();
    let answer = bench.ask(connection, &query(1, "drop table t"));
    assert!(answer.contains("isError"), "{answer}");
    let record = bench.records.pop().unwrap();
    assert_eq!(record.verdict, Verdict::Deny("not_a_read".into()));
    assert_eq!(&*record.statements()[0].text, "drop table t");
    assert_eq!(
        bench
            .server
            .metrics()
            .value(crate::server::Metric::StatementsDenied),
        1
    );
}

#[test]
fn a_long_statement_that_a_worker_refuses_is_recorded_with_its_rule_too() {
    let mut bench = bench(WhenFull::Refuse);
    let connection = bench.connect();
    let long = format!("delete from t where a in ({})", "'x', ".repeat(3_000));
    bench.send(connection, query(1, &long).as_bytes());
    let job = bench.next_submitted();
    let outcome = run(*job, &CancelToken::new());
    bench.complete(JobId(1), outcome);
    let record = bench.records.pop().unwrap();
    assert_eq!(record.verdict, Verdict::Deny("not_a_read".into()));
    assert!(
        record.statements()[0]
            .text
            .starts_with("delete from t where a in (?, ?")
    );
}

#[test]
fn a_call_taken_back_before_it_was_sent_and_one_cut_by_the_end_are_recorded_as_such() {
    let mut bench = Bench::with(one_worker());
    let (running, waiting) = (bench.connect(), bench.connect());
    bench.send(running, post_call(1).as_bytes());
    bench.send(waiting, post_call(2).as_bytes());
    bench.handle(Input::Broken { connection: waiting });
    assert_eq!(bench.records.pop().unwrap().end, End::NotSent);
    bench.handle(Input::Shutdown);
    bench.handle(Input::Shutdown);
    assert!(bench.exit.is_some());
    assert_eq!(bench.records.pop().unwrap().end, End::Unknown);
    assert!(bench.records.is_empty());
}

#[test]
fn no_statement_runs_while_the_disk_is_full_and_it_is_told() {
    let mut bench = bench(WhenFull::Refuse);
    let full = State {
        trouble: Some("no storage space".to_owned()),
        ..State::default()
    };
    bench.handle(Input::AuditState(full));
    let connection = bench.connect();
    let answer = bench.ask(connection, &query(1, "select 1"));
    assert!(
        answer.contains("no statement runs that cannot be written to the audit log: no storage space"),
        "{answer}"
    );
    assert!(bench.submitted.is_empty());
    let health = bench.request(
        "GET /health/detailed",
        "Authorization: Bearer a-key-for-the-tests\r\n",
        "",
    );
    assert!(
        status(&health) == "503" && health.contains("no storage space"),
        "{health}"
    );
    bench.handle(Input::AuditState(State::default()));
    bench.send(connection, query(2, "select 1").as_bytes());
    assert_eq!(bench.submitted.len(), 1);
}

#[test]
fn calls_in_flight_and_records_not_yet_written_take_the_places_of_the_queue() {
    let mut bench = bench(WhenFull::Refuse);
    let connection = bench.connect();
    for id in 1..=3 {
        bench.send(connection, query(id, "select 1").as_bytes());
    }
    let job = bench.next_submitted();
    bench.complete_with(job.id, "{}");
    bench.receive(connection);
    bench.send(connection, query(4, "select 1").as_bytes());
    assert_eq!(bench.submitted.len(), 2, "the record takes the place of its call");
    let written = State {
        written: 1,
        ..State::default()
    };
    bench.handle(Input::AuditState(written));
    bench.send(connection, query(5, "select 1").as_bytes());
    assert_eq!(bench.submitted.len(), 3);
}

#[test]
fn statements_run_on_where_the_operator_would_rather_lose_records() {
    let mut bench = bench(WhenFull::DropOldest);
    let dropped = State {
        dropped: 7,
        trouble: Some("no storage space".to_owned()),
        ..State::default()
    };
    bench.handle(Input::AuditState(dropped));
    let connection = bench.connect();
    bench.send(connection, query(1, "select 1").as_bytes());
    assert_eq!(bench.submitted.len(), 1);
    assert_eq!(
        bench.server.metrics().value(crate::server::Metric::AuditDropped),
        7
    );
}

#[test]
fn without_a_log_nothing_is_recorded() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    bench.complete_with(JobId(1), "{}");
    assert!(bench.records.is_empty());
}
