//! Calls that are answered with a task.

use serde_json::Value;

use crate::backend::job::{Operation, Status};
use crate::backend::rows::Bounds;
use crate::backend::{Answer, Column, ResultSet};
use crate::ident::QueryId;

use super::sessions::{TYPES, open};
use super::streams::events;
use super::*;

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}"#;
const QUERY: &str = r#""name":"execute_query","arguments":{"query":"select 1"}"#;

/// A request of a client that declares the extension.
fn modern(method: &str, name: &str, members: &str) -> String {
    let lines = format!("{TYPES}MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n");
    let name = if name.is_empty() {
        String::new()
    } else {
        format!("Mcp-Name: {name}\r\n")
    };
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{META}{members}}}}}"#);
    http("POST /mcp", &format!("{lines}{name}"), &body)
}

/// Asks something of a task.
fn about(bench: &mut Bench, method: &str, id: &str) -> Value {
    let connection = bench.connect();
    reply(&bench.ask(connection, &modern(method, id, &format!(r#","taskId":"{id}""#))))
}

fn reply(answer: &str) -> Value {
    serde_json::from_str(body(answer)).expect("a reply is JSON")
}

/// Begins a call that is not over when patience is; gives its job and the id of its task.
fn begin(bench: &mut Bench) -> (Box<Job>, String) {
    let connection = bench.connect();
    bench.send(
        connection,
        modern("tools/call", "execute_query", &format!(",{QUERY}")).as_bytes(),
    );
    let job = bench.next_submitted();
    assert_eq!(bench.receive(connection), b"");
    bench.pass(Limits::default().task_after);
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    let created = reply(&answer);
    assert_eq!(created["result"]["resultType"], "task", "{answer}");
    assert_eq!(created["result"]["status"], "working");
    let id = created["result"]["taskId"].as_str().unwrap().to_owned();
    (job, id)
}

/// Calls in a session of 2025-11-25.
struct Core {
    lines: String,
}

impl Core {
    fn open(bench: &mut Bench) -> Self {
        Self { lines: open(bench) }
    }

    fn post(&self, method: &str, members: &str) -> String {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{members}}}}}"#);
        http("POST /mcp", &self.lines, &body)
    }

    fn ask(&self, bench: &mut Bench, method: &str, members: &str) -> Value {
        let connection = bench.connect();
        reply(&bench.ask(connection, &self.post(method, members)))
    }

    /// Begins a task; gives its job and its id.
    fn begin(&self, bench: &mut Bench) -> (Box<Job>, String) {
        let connection = bench.connect();
        let call = self.post("tools/call", &format!(r#"{QUERY},"task":{{"ttl":60000}}"#));
        bench.send(connection, call.as_bytes());
        let job = bench.next_submitted();
        bench.pass(Limits::default().task_after);
        let created = reply(&String::from_utf8(bench.receive(connection)).unwrap());
        let id = created["result"]["task"]["taskId"].as_str().unwrap().to_owned();
        (job, id)
    }
}

/// What is said on a stream whose head was taken before.
fn events_of(bench: &mut Bench, connection: ConnectionId) -> Vec<String> {
    let said = String::from_utf8(bench.receive(connection)).unwrap();
    events(&format!("\r\n\r\n{said}"))
}

fn task(id: &str) -> String {
    format!(r#""taskId":"{id}""#)
}

#[test]
fn a_call_that_takes_long_is_answered_with_a_task_that_brings_the_result() {
    let mut bench = Bench::new();
    let (job, id) = begin(&mut bench);
    assert_eq!(about(&mut bench, "tasks/get", &id)["result"]["status"], "working");
    bench.complete_with(job.id, r#"{"content":[],"isError":false}"#);
    let got = about(&mut bench, "tasks/get", &id);
    assert_eq!(got["result"]["resultType"], "complete");
    assert_eq!(got["result"]["status"], "completed");
    assert_eq!(got["result"]["result"]["isError"], false, "{got}");
    let cancelled = about(&mut bench, "tasks/cancel", &id);
    assert_eq!(
        cancelled["result"]["resultType"], "complete",
        "a cancel too late is heard"
    );
    assert_eq!(about(&mut bench, "tasks/get", "another")["error"]["code"], -32602);
}

#[test]
fn a_call_that_is_over_in_time_is_answered_with_its_result() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    let call = modern("tools/call", "execute_query", &format!(",{QUERY}"));
    bench.send(connection, call.as_bytes());
    let job = bench.next_submitted();
    bench.complete_with(job.id, r#"{"resultType":"complete","content":[]}"#);
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    assert_eq!(reply(&answer)["result"]["resultType"], "complete");
    bench.pass(Limits::default().task_after);
    assert_eq!(bench.server.metrics().value(crate::server::Metric::TasksMade), 0);
    bench.handle(Input::Broken { connection });
    assert_eq!(bench.server.timers(), 0, "nothing is left of the intention");
}

#[test]
fn a_cancel_of_a_task_is_a_cancel_of_its_job() {
    let mut bench = Bench::new();
    let (mut job, id) = begin(&mut bench);
    let number = job.id;
    // The step is with a worker: it is interrupted, and what it began is cancelled in the database.
    assert_eq!(
        about(&mut bench, "tasks/cancel", &id)["result"]["resultType"],
        "complete"
    );
    assert_eq!(bench.interrupted, [number]);
    job.reached.handle = Some("handle".to_owned());
    job.reached.stage = Stage::Poll;
    let (after, progress) = (Duration::from_secs(1), Progress::Running);
    bench.complete(number, Outcome::Again { job, after, progress });
    let cancel = bench.cancels.pop_front().expect("the database is told");
    assert_eq!(cancel.reached.handle.as_deref(), Some("handle"));
    bench.fail_with(number, Kind::Cancelled, "cancelled");
    assert_eq!(
        about(&mut bench, "tasks/get", &id)["result"]["status"],
        "cancelled"
    );
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn a_task_is_forgotten_after_its_time_and_what_runs_for_it_is_cancelled() {
    let mut bench = Bench::with_limits(Limits {
        task_ttl_max: Duration::from_secs(10),
        ..Limits::default()
    });
    let (job, id) = begin(&mut bench);
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.interrupted, [job.id]);
    bench.now.wall = WallTime::from_micros(bench.now.wall.as_micros() + 10_000_000);
    assert_eq!(about(&mut bench, "tasks/get", &id)["error"]["code"], -32602);
    bench.fail_with(job.id, Kind::Cancelled, "cancelled");
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn with_as_many_tasks_as_may_be_a_call_is_answered_without() {
    let mut bench = Bench::with_limits(Limits {
        tasks_max: 1,
        ..Limits::default()
    });
    begin(&mut bench);
    let connection = bench.connect();
    let call = modern("tools/call", "execute_query", &format!(",{QUERY}"));
    bench.send(connection, call.as_bytes());
    let job = bench.next_submitted();
    bench.pass(Limits::default().task_after);
    assert_eq!(bench.receive(connection), b"");
    bench.complete_with(job.id, r#"{"resultType":"complete","content":[]}"#);
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    assert_eq!(reply(&answer)["result"]["resultType"], "complete");
    // Who asked for a task is told that there is none.
    let core = Core::open(&mut bench);
    let connection = bench.connect();
    bench.send(
        connection,
        core.post("tools/call", &format!(r#"{QUERY},"task":{{}}"#))
            .as_bytes(),
    );
    let job = bench.next_submitted();
    bench.pass(Limits::default().task_after);
    let answer = reply(&String::from_utf8(bench.receive(connection)).unwrap());
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
    assert_eq!(bench.interrupted, [job.id]);
}

#[test]
fn the_core_form_waits_for_the_result() {
    let mut bench = Bench::new();
    let core = Core::open(&mut bench);
    let (job, id) = core.begin(&mut bench);
    let waiting = bench.connect();
    bench.send(waiting, core.post("tasks/result", &task(&id)).as_bytes());
    assert_eq!(bench.receive(waiting), b"");
    let listed = core.ask(&mut bench, "tasks/list", "");
    assert_eq!(listed["result"]["tasks"][0]["taskId"], *id);
    let other = Core::open(&mut bench);
    let listed = other.ask(&mut bench, "tasks/list", "");
    assert_eq!(listed["result"], serde_json::json!({"tasks": []}));
    bench.complete_with(job.id, r#"{"content":[],"isError":true}"#);
    let result = reply(&String::from_utf8(bench.receive(waiting)).unwrap());
    assert_eq!(result["result"]["isError"], true);
    assert_eq!(
        result["result"]["_meta"]["io.modelcontextprotocol/related-task"]["taskId"],
        *id
    );
    let got = core.ask(&mut bench, "tasks/get", &task(&id));
    assert_eq!(
        got["result"]["status"], "failed",
        "so says the core form of isError"
    );
    let late = core.ask(&mut bench, "tasks/cancel", &task(&id));
    assert_eq!(late["error"]["code"], -32602);
}

#[test]
fn who_asked_for_a_task_gets_one_also_when_the_call_is_over_before() {
    let mut bench = Bench::new();
    let core = Core::open(&mut bench);
    let connection = bench.connect();
    let call = core.post("tools/call", &format!(r#"{QUERY},"task":{{}}"#));
    bench.send(connection, call.as_bytes());
    let job = bench.next_submitted();
    bench.complete_with(job.id, r#"{"content":[],"isError":false}"#);
    let created = reply(&String::from_utf8(bench.receive(connection)).unwrap());
    assert_eq!(created["result"]["task"]["status"], "completed", "{created}");
    let id = created["result"]["task"]["taskId"].as_str().unwrap();
    let result = core.ask(&mut bench, "tasks/result", &task(id));
    assert_eq!(result["result"]["content"], serde_json::json!([]));
    // The same where the arguments are none: the failure is the result of a task.
    let wrong = r#""name":"execute_query","arguments":{},"task":{}"#;
    let created = core.ask(&mut bench, "tools/call", wrong);
    let id = created["result"]["task"]["taskId"].as_str().unwrap();
    assert_eq!(
        core.ask(&mut bench, "tasks/get", &task(id))["result"]["status"],
        "failed"
    );
}

#[test]
fn who_waits_for_a_task_that_is_cancelled_is_told_and_who_leaves_is_forgotten() {
    let mut bench = Bench::new();
    let core = Core::open(&mut bench);
    let (job, id) = core.begin(&mut bench);
    let (waiting, leaving) = (bench.connect(), bench.connect());
    for connection in [waiting, leaving] {
        bench.send(connection, core.post("tasks/result", &task(&id)).as_bytes());
    }
    assert_eq!(bench.server.jobs(), 3);
    bench.handle(Input::Broken { connection: leaving });
    assert_eq!(bench.server.jobs(), 2, "the task goes on without it");
    let cancelled = core.ask(&mut bench, "tasks/cancel", &task(&id));
    assert_eq!(cancelled["result"]["status"], "cancelled");
    let told = reply(&String::from_utf8(bench.receive(waiting)).unwrap());
    assert_eq!(told["error"]["code"], -32602);
    bench.fail_with(job.id, Kind::Cancelled, "cancelled");
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn those_who_listen_hear_of_the_end_of_a_task() {
    let mut bench = Bench::new();
    let (job, id) = begin(&mut bench);
    let listening = bench.connect();
    let filter = format!(r#","notifications":{{"taskIds":["{id}"]}}"#);
    bench.send(listening, modern("subscriptions/listen", "", &filter).as_bytes());
    bench.receive(listening);
    bench.complete_with(job.id, r#"{"content":[]}"#);
    let said = events_of(&mut bench, listening);
    let told: Value = serde_json::from_str(said.last().unwrap()).unwrap();
    assert_eq!(told["method"], "notifications/tasks");
    assert_eq!(told["params"]["status"], "completed");
    assert_eq!(
        told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        1
    );
}

#[test]
fn a_session_hears_of_its_own_tasks_on_its_stream() {
    let mut bench = Bench::new();
    let (core, other) = (Core::open(&mut bench), Core::open(&mut bench));
    let (own_stream, other_stream) = (bench.connect(), bench.connect());
    bench.send(own_stream, http("GET /mcp", &core.lines, "").as_bytes());
    bench.send(other_stream, http("GET /mcp", &other.lines, "").as_bytes());
    bench.receive(own_stream);
    bench.receive(other_stream);
    let (job, id) = core.begin(&mut bench);
    bench.complete_with(job.id, r#"{"content":[]}"#);
    let said = events_of(&mut bench, own_stream);
    let told: Value = serde_json::from_str(said.last().unwrap()).unwrap();
    assert_eq!(told["method"], "notifications/tasks/status");
    assert_eq!(told["params"]["taskId"], *id);
    assert_eq!(bench.receive(other_stream), b"");
}

#[test]
fn the_end_of_the_server_waits_for_no_task_and_cancels_what_runs_for_it() {
    let mut bench = Bench::new();
    let (job, _) = begin(&mut bench);
    bench.handle(Input::Shutdown);
    assert_eq!(bench.interrupted, [job.id]);
    bench.fail_with(job.id, Kind::Cancelled, "cancelled");
    let open: Vec<_> = bench
        .server
        .entries
        .iter()
        .map(|(_, entry)| entry.talk.id)
        .collect();
    for connection in open {
        bench.handle(Input::Broken { connection });
    }
    assert_eq!(bench.exit, Some(Exit { calls_cut: 0 }));
}

#[test]
fn a_task_says_how_far_it_is() {
    let mut bench = Bench::new();
    let (mut job, id) = begin(&mut bench);
    let number = job.id;
    job.reached.stage = Stage::Fetch;
    let progress = Progress::Fetching {
        rows: 10,
        total: Some(20),
    };
    let after = Duration::from_secs(1);
    bench.complete(number, Outcome::Again { job, after, progress });
    let got = about(&mut bench, "tasks/get", &id);
    assert_eq!(got["result"]["statusMessage"], "fetching, 10 of 20 rows", "{got}");
}

/// Begins a call whose statement goes on in the database by itself; gives the id of its task.
fn begin_alone(bench: &mut Bench) -> String {
    let connection = bench.connect();
    let call = modern("tools/call", "execute_query", &format!(",{QUERY}"));
    bench.send(connection, call.as_bytes());
    let mut job = bench.next_submitted();
    job.reached.goes_on_alone = true;
    bench.say_again(job, Duration::from_secs(600));
    bench.pass(Limits::default().task_after);
    let created = reply(&String::from_utf8(bench.receive(connection)).unwrap());
    created["result"]["taskId"].as_str().unwrap().to_owned()
}

/// Asks a server that has not made the task; gives the job in which the database is asked.
fn ask_another(bench: &mut Bench, request: &str) -> (ConnectionId, Box<Job>) {
    let connection = bench.connect();
    bench.send(connection, request.as_bytes());
    let job = bench.next_submitted();
    bench.pass(Duration::ZERO);
    (connection, job)
}

fn answer(bench: &mut Bench, connection: ConnectionId, job: Job, result: ResultSet) -> Value {
    let (id, elapsed) = (job.id, Duration::from_secs(1));
    let results = vec![result];
    let rendered = job.work.render.run(Answer { results, elapsed });
    bench.complete(id, Outcome::Done(Ok(rendered)));
    assert_eq!(bench.server.jobs(), 0);
    reply(&String::from_utf8(bench.receive(connection)).unwrap())
}

/// Lets the job go on after it was told how its statement is; gives it in its next step.
fn go_on(bench: &mut Bench, mut job: Job, status: Status) -> Box<Job> {
    let number = job.id;
    let follow = job.work.follow.take().expect("something follows");
    let results = vec![ResultSet::of_status(&handle(), status)];
    let elapsed = Duration::ZERO;
    let followed = follow.run(Ok(Answer { results, elapsed })).expect("it goes on");
    let job = Box::new(job.going_on_with(followed));
    let (after, progress) = (Duration::ZERO, Progress::Running);
    bench.complete(number, Outcome::Again { job, after, progress });
    bench.pass(Duration::ZERO);
    bench.next_submitted()
}

fn failure(bench: &mut Bench, connection: ConnectionId, job: &Job, error: Error) -> Value {
    bench.complete(job.id, Outcome::Done(Err(error)));
    reply(&String::from_utf8(bench.receive(connection)).unwrap())
}

fn handle() -> QueryId {
    QueryId::parse("handle-j1").unwrap()
}

fn row() -> ResultSet {
    let column = Column {
        name: "N".to_owned(),
        type_name: "NUMBER".to_owned(),
        nullable: false,
    };
    let bounds = Bounds {
        rows_max: 10,
        bytes_max: 1_024,
    };
    let mut rows = ResultSet::new(vec![column], bounds);
    rows.push(crate::backend::Value::Text("one"));
    rows.end_row();
    rows.query_id = Some(handle().to_string());
    rows
}

#[test]
fn a_task_around_a_statement_goes_on_with_any_server_that_has_the_key() {
    let (mut first, mut second) = (Bench::new(), Bench::new());
    let id = begin_alone(&mut first);
    assert_eq!(about(&mut first, "tasks/get", &id)["result"]["status"], "working");
    assert!(first.submitted.is_empty(), "who made it has a row of it");
    let get = modern("tasks/get", &id, &format!(",{}", task(&id)));
    let (connection, mut job) = ask_another(&mut second, &get);
    assert!(matches!(&job.work.operation, Operation::Read { query_id, .. } if *query_id == handle()));
    job.reached.goes_on_alone = true;
    second.say_again(job, Duration::from_secs(1));
    let got = reply(&String::from_utf8(second.receive(connection)).unwrap());
    assert_eq!(
        (&got["result"]["status"], &got["result"]["taskId"]),
        (&"working".into(), &id.as_str().into())
    );
    assert_eq!(second.server.jobs(), 0, "nobody polls");
    // Its rows are on their way: then they are waited for.
    let (connection, mut job) = ask_another(&mut second, &get);
    job.reached.stage = Stage::Fetch;
    let (number, after, progress) = (job.id, Duration::ZERO, Progress::Running);
    job.reached.handle = Some(handle().to_string());
    job.reached.goes_on_alone = true;
    second.complete(number, Outcome::Again { job, after, progress });
    second.pass(Duration::ZERO);
    assert_eq!(second.receive(connection), b"");
    let job = second.next_submitted();
    let got = answer(&mut second, connection, *job, row());
    assert_eq!(got["result"]["status"], "completed", "{got}");
    let rows = &got["result"]["result"]["structuredContent"]["rows"];
    assert_eq!(*rows, serde_json::json!([["one"]]));
    let (connection, job) = ask_another(&mut second, &get);
    let got = failure(&mut second, connection, &job, Error::new(Kind::Execution, "zero"));
    assert_eq!(got["result"]["status"], "completed", "{got}");
    assert_eq!(got["result"]["result"]["isError"], true);
    let (connection, job) = ask_another(&mut second, &get);
    let got = failure(
        &mut second,
        connection,
        &job,
        Error::new(Kind::Unavailable, "no answer"),
    );
    assert_eq!(got["error"]["code"], -32603, "it says nothing of the task: {got}");
    let mut other = Bench::with_keys(&["another caller of the same servers"]);
    let lines = "Authorization: Bearer another caller of the same servers\r\n";
    let connection = other.connect();
    let foreign = get.replacen("\r\n", &format!("\r\n{lines}"), 1);
    assert_eq!(reply(&other.ask(connection, &foreign))["error"]["code"], -32602);
}

#[test]
fn a_task_around_a_statement_is_cancelled_by_any_server_that_has_the_key() {
    let (mut first, mut second) = (Bench::new(), Bench::new());
    let id = begin_alone(&mut first);
    let cancel = modern("tasks/cancel", &id, &format!(",{}", task(&id)));
    let (connection, job) = ask_another(&mut second, &cancel);
    assert_eq!(job.work.operation, Operation::Status(handle()));
    let job = go_on(&mut second, *job, Status::Running);
    assert_eq!(job.work.operation, Operation::Cancel(handle()));
    let cancelled = ResultSet::of_status(&handle(), Status::Cancelled);
    let heard = answer(&mut second, connection, *job, cancelled);
    assert_eq!(heard["result"]["resultType"], "complete", "{heard}");
    // Of one that has ended nothing is asked: it stays as it is.
    let (connection, job) = ask_another(&mut second, &cancel);
    let job = go_on(&mut second, *job, Status::Succeeded);
    assert_eq!(job.work.operation, Operation::Run);
    assert!(job.work.statements.is_empty());
    let (number, elapsed) = (job.id, Duration::ZERO);
    let results = Vec::new();
    let rendered = job.work.render.run(Answer { results, elapsed });
    second.complete(number, Outcome::Done(Ok(rendered)));
    let heard = reply(&String::from_utf8(second.receive(connection)).unwrap());
    assert_eq!(heard["result"]["resultType"], "complete", "{heard}");
    let (connection, job) = ask_another(&mut second, &cancel);
    let heard = failure(&mut second, connection, &job, Error::new(Kind::Execution, "zero"));
    assert_eq!(heard["result"]["resultType"], "complete", "{heard}");
    let get = modern("tasks/get", &id, &format!(",{}", task(&id)));
    let (connection, job) = ask_another(&mut second, &get);
    let mut error = Error::new(Kind::Cancelled, "the statement was cancelled");
    error.code = Some("000604".to_owned());
    let got = failure(&mut second, connection, &job, error);
    assert_eq!(got["result"]["status"], "cancelled", "{got}");
    let update = modern(
        "tasks/update",
        &id,
        &format!(r#",{},"inputResponses":{{}}"#, task(&id)),
    );
    let connection = second.connect();
    let heard = reply(&second.ask(connection, &update));
    assert_eq!(heard["result"]["resultType"], "complete", "{heard}");
}

#[test]
fn the_core_form_goes_on_with_another_server_too() {
    let (mut first, mut second) = (Bench::new(), Bench::new());
    let core = Core::open(&mut first);
    let connection = first.connect();
    let call = core.post("tools/call", &format!(r#"{QUERY},"task":{{}}"#));
    first.send(connection, call.as_bytes());
    let mut job = first.next_submitted();
    job.reached.goes_on_alone = true;
    first.say_again(job, Duration::from_secs(600));
    first.pass(Limits::default().task_after);
    let created = reply(&String::from_utf8(first.receive(connection)).unwrap());
    let id = created["result"]["task"]["taskId"].as_str().unwrap();
    let core = Core::open(&mut second);
    for (status, told) in [(Status::Running, "working"), (Status::Succeeded, "completed")] {
        let (connection, job) = ask_another(&mut second, &core.post("tasks/get", &task(id)));
        assert_eq!(job.work.operation, Operation::Status(handle()));
        let found = ResultSet::of_status(&handle(), status);
        let got = answer(&mut second, connection, *job, found);
        assert_eq!(got["result"]["status"], told, "{got}");
    }
    let (connection, job) = ask_another(&mut second, &core.post("tasks/get", &task(id)));
    let got = failure(&mut second, connection, &job, Error::new(Kind::Execution, "zero"));
    assert_eq!(got["result"]["status"], "failed", "{got}");
    let (connection, job) = ask_another(&mut second, &core.post("tasks/result", &task(id)));
    let waits = second.server.core.inflight.find(job.id).is_some();
    assert!(waits && second.receive(connection).is_empty());
    let got = answer(&mut second, connection, *job, row());
    assert_eq!(got["result"]["structuredContent"]["returned"], 1, "{got}");
    let related = &got["result"]["_meta"]["io.modelcontextprotocol/related-task"];
    assert_eq!(related["taskId"], id);
}

#[test]
fn the_end_of_the_server_leaves_statements_alone_that_others_go_on_with() {
    let mut bench = Bench::new();
    begin_alone(&mut bench);
    bench.handle(Input::Shutdown);
    bench.pass(Limits::default().drain_delay);
    bench.pass(Limits::default().drain_timeout);
    assert!(bench.interrupted.is_empty() && bench.cancels.is_empty());
    assert_eq!(bench.server.jobs(), 0);
}
