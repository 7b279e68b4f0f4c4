//! A task around a statement, on the wire: begun through one server, found and ended through others with its key. The
//! statement is run once.

use std::time::Duration;

use serde_json::{Value, json};
use snowflake_mcp::backend::job::Reached;
use snowflake_mcp::backend::{CancelToken, Job, Outcome, Stage};
use snowflake_mcp::ident::{JobId, Uuid};
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::tasks::{Elsewhere, Subject, TaskId};
use snowflake_mcp::mcp::{self, Context, Revision, Service};
use snowflake_mcp::rpc;
use snowflake_mcp::secret::Secret;
use snowflake_mcp::snowflake::Snowflake;
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::{Clock, Instant};
use snowflake_mcp::token::Keys;
use snowflake_mcp::tools::Settings;
use snowflake_mcp::workers::step_once;

use super::{End, FakeClock, ONE_NUMBER, Scene, Script, numbers};

const QUERY: &str = "select n from orders";

/// One of several servers with the same key.
struct Replica {
    service: Service,
    keys: Keys,
}

impl Replica {
    fn new() -> Self {
        let limits = Limits::default();
        let keys = Keys::new(&Secret::new("a key that all replicas have"), None);
        let settings = Settings::new(&limits, Policy::default());
        Self {
            service: Service::new(&limits, settings, keys.clone()),
            keys,
        }
    }

    /// Asks something of a task in the core form, to the end.
    fn ask_in_core_form(&mut self, scene: &Scene, method: &str, id: &str) -> Value {
        let text = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"taskId": id}}).to_string();
        let message = rpc::decode(text.as_bytes(), &Limits::default()).expect("a call");
        let context = Context {
            now: scene.clock.now(),
            negotiated: Some(Revision::V20251125),
            ..Context::default()
        };
        told(scene, self.service.on_message(&context, &message))
    }

    fn say(&mut self, clock: &FakeClock, method: &str, mut params: Value) -> mcp::Outcome {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
        });
        let text = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let message = rpc::decode(text.as_bytes(), &Limits::default()).expect("a call");
        let context = Context {
            now: clock.now(),
            ..Context::default()
        };
        self.service.on_message(&context, &message)
    }

    /// Asks something of a task of which this server has no row.
    fn ask(&mut self, scene: &Scene, method: &str, id: &str) -> Value {
        let outcome = self.say(&scene.clock, method, json!({"taskId": id}));
        told(scene, outcome)
    }

    /// Begins a statement, and goes away while it runs. Gives the id of its task.
    fn begin(mut self, scene: &Scene) -> String {
        let arguments = json!({"query": QUERY, "limit": 2, "format": "csv"});
        let params = json!({"name": "execute_query", "arguments": arguments});
        let mcp::Outcome::Work(call) = self.say(&scene.clock, "tools/call", params) else {
            panic!("a statement is run");
        };
        let mut work = call.work;
        let reading = work.patience.take().and_then(|patience| patience.reading);
        let Outcome::Again { job, .. } = step(&scene.snowflake, job(work, 1), &scene.clock) else {
            panic!("it runs");
        };
        assert!(job.reached.goes_on_alone);
        let subject = Subject::Statement {
            handle: job.reached.handle.expect("it has one").into(),
            row: 1,
            detail: reading.expect("its rows can be read again").into(),
        };
        let ttl = Duration::from_secs(3_600);
        TaskId::new("execute_query", subject, scene.clock.now().wall, ttl).seal(&self.keys, b"")
    }
}

/// What is told of a task of which this server has no row.
fn told(scene: &Scene, outcome: mcp::Outcome) -> Value {
    let mcp::Outcome::Task(call) = outcome else {
        panic!("it is about a task: {outcome:?}");
    };
    let Some(Elsewhere::Ask(call)) = call.elsewhere else {
        panic!("its id says how to go on");
    };
    let mut work = call.work;
    let mut patience = work.patience.take();
    let mut next = Box::new(job(work, 2));
    loop {
        let told = match step(&scene.snowflake, next, &scene.clock) {
            Outcome::Done(ended) => call.finish.ended(ended).to_json(),
            Outcome::Again { job, after, .. } => {
                assert_ne!(job.reached.stage, Stage::Fetch, "one partition comes at once");
                let Some(patience) = patience.take() else {
                    next = job;
                    continue;
                };
                let handle = job.reached.handle.as_deref().expect("it is asked by it");
                patience.tell(handle, after)
            }
        };
        return serde_json::from_slice(&told).expect("JSON");
    }
}

fn job(work: Box<snowflake_mcp::backend::job::Work>, number: u8) -> Job {
    Job {
        id: JobId(u64::from(number)),
        work,
        reached: Reached::default(),
        admitted: Instant::ZERO,
        request_id: Uuid::from_random([number; 16]),
    }
}

fn step(snowflake: &Snowflake, job: impl Into<Box<Job>>, clock: &FakeClock) -> Outcome {
    step_once(snowflake, *job.into(), &CancelToken::new(), clock)
}

fn scene(polls: u32) -> Scene {
    let scene = Scene::new();
    let columns = ONE_NUMBER
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()));
    let script = Script {
        polls,
        end: End::Rows(columns.collect(), vec![numbers(1..=3)]),
        is_synchronous: false,
    };
    scene.server.script(QUERY, script);
    scene
}

#[test]
fn a_task_begun_with_one_server_is_found_with_another_and_its_statement_runs_once() {
    let scene = scene(1);
    let id = Replica::new().begin(&scene);
    let mut second = Replica::new();
    let got = second.ask(&scene, "tasks/get", &id);
    assert_eq!(
        (&got["status"], &got["taskId"]),
        (&json!("working"), &json!(id)),
        "{got}"
    );
    let mut third = Replica::new();
    for replica in [&mut second, &mut third] {
        let got = replica.ask(&scene, "tasks/get", &id);
        assert_eq!(got["status"], "completed", "{got}");
        let result = &got["result"];
        assert_eq!(
            result["structuredContent"]["rows"],
            json!([[1], [2]]),
            "its own limit"
        );
        let text = result["content"][0]["text"].as_str().expect("a text");
        assert!(text.contains("N\n1\n2"), "its own format: {text}");
        assert!(result["structuredContent"]["next_cursor"].is_string());
    }
    assert_eq!(scene.server.executions(QUERY), 1);
}

#[test]
fn a_task_begun_with_one_server_is_cancelled_with_another() {
    let scene = scene(1_000);
    let id = Replica::new().begin(&scene);
    let mut second = Replica::new();
    let heard = second.ask(&scene, "tasks/cancel", &id);
    assert_eq!(heard["resultType"], "complete", "{heard}");
    assert!(scene.server.left_running().is_empty());
    let got = Replica::new().ask(&scene, "tasks/get", &id);
    assert_eq!(got["status"], "cancelled", "{got}");
    assert_eq!(scene.server.executions(QUERY), 1);
}

#[test]
fn the_core_form_cancels_with_another_server_what_runs_and_refuses_what_has_ended() {
    let running = scene(1_000);
    let id = Replica::new().begin(&running);
    let told = Replica::new().ask_in_core_form(&running, "tasks/cancel", &id);
    assert_eq!(told["status"], "cancelled", "{told}");
    assert!(running.server.left_running().is_empty());
    let told = Replica::new().ask_in_core_form(&running, "tasks/cancel", &id);
    assert_eq!(told["code"], -32602, "{told}");
    assert!(
        told["message"].as_str().unwrap().ends_with("it is cancelled"),
        "{told}"
    );

    let ended = scene(1_000);
    let id = Replica::new().begin(&ended);
    ended.server.let_end();
    let told = Replica::new().ask_in_core_form(&ended, "tasks/cancel", &id);
    assert_eq!(told["code"], -32602, "{told}");
    assert!(
        told["message"].as_str().unwrap().ends_with("it is completed"),
        "{told}"
    );
    let cancels = ended
        .server
        .seen()
        .into_iter()
        .filter(|seen| seen.target.contains("/cancel"));
    assert_eq!(cancels.count(), 0, "the database was not asked to");
}

#[test]
fn the_extension_has_heard_a_cancel_of_what_has_ended_and_it_stays_as_it_was() {
    let scene = scene(1_000);
    let id = Replica::new().begin(&scene);
    scene.server.let_end();
    let told = Replica::new().ask(&scene, "tasks/cancel", &id);
    assert_eq!(told["resultType"], "complete", "{told}");
    let got = Replica::new().ask(&scene, "tasks/get", &id);
    assert_eq!(got["status"], "completed", "{got}");
}
