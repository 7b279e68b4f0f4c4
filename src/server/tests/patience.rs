//! Statements that outlast their callers' patience.

use serde_json::Value;

use super::*;
use crate::backend::job::{Follow, Followed, Operation, Render};

fn structured(answer: &[u8]) -> Value {
    let answer = String::from_utf8(answer.to_vec()).unwrap();
    let reply: Value = serde_json::from_str(body(&answer)).expect("a reply is JSON");
    assert_eq!(reply["result"]["isError"], false, "{answer}");
    reply["result"]["structuredContent"].clone()
}

fn begin(bench: &mut Bench) -> (ConnectionId, Box<Job>) {
    let connection = bench.connect();
    let lines =
        "Content-Type: application/json\r\nAccept: application/json\r\nMCP-Protocol-Version: 2025-06-18\r\n";
    bench.send(connection, http("POST /mcp", lines, &call(1)).as_bytes());
    (connection, bench.next_submitted())
}

#[test]
fn a_statement_of_the_database_goes_on_without_its_job() {
    let mut bench = Bench::new();
    let (connection, mut job) = begin(&mut bench);
    job.reached.goes_on_alone = true;
    bench.say_again(job, Duration::from_secs(600));
    bench.pass(Limits::default().call_wait);
    let told = structured(&bench.receive(connection));
    assert_eq!(
        (&told["status"], &told["query_id"]),
        (&"running".into(), &"handle-j1".into())
    );
    assert_eq!(bench.server.jobs(), 0, "nothing is cancelled, nothing polls");
    assert!(bench.submitted.is_empty());
    bench.handle(Input::Ended { connection });
    bench.handle(Input::Broken { connection });
    assert_eq!(bench.server.timers(), 0);
}

#[test]
fn a_statement_whose_name_is_not_known_yet_is_waited_for_until_it_is() {
    let mut bench = Bench::with(Settings {
        has_own_ids: false,
        ..Settings::default()
    });
    let (connection, mut job) = begin(&mut bench);
    bench.pass(Limits::default().call_wait);
    assert_eq!(bench.receive(connection), b"", "its exchange is not over");
    job.reached.goes_on_alone = true;
    bench.say_again(job, Duration::from_millis(25));
    assert_eq!(structured(&bench.receive(connection))["query_id"], "handle-j1");
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn a_statement_in_a_worker_goes_on_there_and_a_closed_connection_leaves_it_alone() {
    let mut bench = Bench::new();
    let (connection, job) = begin(&mut bench);
    let own_id = job.request_id.to_string();
    bench.pass(Limits::default().call_wait);
    assert_eq!(
        structured(&bench.receive(connection))["query_id"],
        own_id.as_str()
    );
    bench.handle(Input::Broken { connection });
    assert_eq!(bench.server.jobs(), 1, "the worker has it");
    bench.complete_with(job.id, "{}");
    assert_eq!((bench.server.jobs(), bench.server.timers()), (0, 0));
}

/// A call whose statement has to be explained first. Gives the job of that, and what it goes on with.
fn begin_gated(bench: &mut Bench) -> (ConnectionId, Box<Job>, impl FnOnce(Job) -> Box<Job> + use<>) {
    let (connection, mut job) = begin(bench);
    let statements = std::mem::take(&mut job.work.statements);
    let render = std::mem::replace(
        &mut job.work.render,
        Render::new(|_| panic!("a plan is not shown")),
    );
    let then = |job: Job| {
        Box::new(job.going_on_with(Followed {
            operation: Operation::Run,
            statements,
            optional: 0,
            follow: None,
            render,
        }))
    };
    job.work.follow = Some(Follow::new(|_| panic!("the bench says what follows")));
    bench.again(job.id, job);
    let job = bench.next_submitted();
    (connection, job, then)
}

#[test]
fn a_statement_behind_the_gate_is_let_go_by_its_own_name_where_a_worker_runs_it() {
    let mut bench = Bench::new();
    let (connection, job, then) = begin_gated(&mut bench);
    let (id, plans_id) = (job.id, job.request_id);
    bench.again(id, then(*job));
    let job = bench.next_submitted();
    assert_ne!(job.request_id, plans_id);
    bench.pass(Limits::default().call_wait);
    assert_eq!(
        structured(&bench.receive(connection))["query_id"],
        job.request_id.to_string().as_str()
    );
}

#[test]
fn the_name_of_a_plan_is_nothing_to_come_back_for() {
    let mut bench = Bench::new();
    let (connection, job, then) = begin_gated(&mut bench);
    let id = bench.say_again(job, Duration::from_millis(25));
    bench.pass(Limits::default().call_wait);
    assert_eq!(bench.receive(connection), b"", "it may still be refused");
    let job = bench.next_submitted();
    bench.again(id, then(*job));
    let mut job = bench.next_submitted();
    assert_eq!(bench.receive(connection), b"", "it is on its way to the engine");
    job.reached.goes_on_alone = true;
    bench.say_again(job, Duration::from_secs(600));
    let told = structured(&bench.receive(connection));
    assert_eq!(
        (&told["status"], &told["query_id"]),
        (&"running".into(), &"handle-j1".into())
    );
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn who_closes_before_that_cancels() {
    let mut bench = Bench::new();
    let (connection, mut job) = begin(&mut bench);
    job.reached.goes_on_alone = true;
    bench.say_again(job, Duration::from_secs(600));
    bench.handle(Input::Broken { connection });
    assert_eq!(bench.server.jobs(), 1, "its cancel is on the way");
}
