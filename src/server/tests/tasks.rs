//! Calls that are answered with a task.

use serde_json::Value;

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
