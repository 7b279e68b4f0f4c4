//! What stands before a statement, on the wire: the `EXPLAIN` runs once, and the statement once or not at all.

use std::time::Duration;

use serde_json::{Value, json};
use snowflake_mcp::backend::job::Reached;
use snowflake_mcp::backend::{CancelToken, Job, Outcome};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::ident::{JobId, Uuid};
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::{self, Context, Service};
use snowflake_mcp::rpc::{self, Message};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::sql::objects::ObjectRules;
use snowflake_mcp::sql::ruling::{CostRules, Ruling, Unexplained};
use snowflake_mcp::time::{Clock, Instant};
use snowflake_mcp::token::Keys;
use snowflake_mcp::tools::Settings;
use snowflake_mcp::workers::step_once;

use super::{ONE_NUMBER, Scene, numbers};

const QUERY: &str = "select n from orders";
const EXPLAIN: &str = "EXPLAIN USING JSON select n from orders";
const EXPLAIN_WRITE: &str = "EXPLAIN USING JSON insert into t values (1)";

/// A Snowflake with a statement and its plan, behind the tools under a ruling.
struct Gated {
    scene: Scene,
    service: Service,
    can_be_asked: bool,
}

impl Gated {
    fn new(ruling: Ruling) -> Self {
        let limits = Limits::default();
        let settings = Settings {
            default_database: Some("SALES".to_owned()),
            default_schema: Some("PUBLIC".to_owned()),
            ..Settings::new(&limits, ruling)
        };
        let scene = Scene::new();
        scene.server.teach(QUERY, ONE_NUMBER, vec![numbers(1..=2)]);
        scene
            .server
            .teach("insert into t values (1)", ONE_NUMBER, vec![numbers(1..=1)]);
        let gated = Self {
            service: Service::new(&limits, settings, Keys::random(&mut SeededEntropy::new(3))),
            scene,
            can_be_asked: false,
        };
        gated.plan(10, 1 << 30, &["SALES.PUBLIC.ORDERS"]);
        gated
    }

    /// What the compiler says of the query.
    fn plan(&self, partitions: u64, bytes: u64, objects: &[&str]) {
        let plan = json!({
            "GlobalStats": {"partitionsTotal": 100, "partitionsAssigned": partitions, "bytesAssigned": bytes},
            "Operations": [[
                {"id": 0, "operation": "Result", "expressions": ["ORDERS.N"]},
                {"id": 1, "operation": "TableScan", "objects": objects, "parentOperators": [0]},
            ]],
        });
        let row = vec![json!(plan.to_string())];
        for explain in [EXPLAIN, EXPLAIN_WRITE] {
            let rows = vec![vec![row.clone()]];
            self.scene.server.teach(explain, &[("content", "text")], rows);
        }
    }

    /// The result of a call, as the modern revision has it.
    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.call_with(tool, arguments, json!({}))
    }

    fn call_with(&mut self, tool: &str, arguments: &Value, more: Value) -> Value {
        let capabilities = if self.can_be_asked {
            json!({"elicitation": {}})
        } else {
            json!({})
        };
        let mut params = json!({
            "name": tool,
            "arguments": arguments,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": capabilities,
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            },
        });
        if let (Value::Object(params), Value::Object(more)) = (&mut params, more) {
            params.extend(more);
        }
        let text = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        let now = self.scene.clock.now();
        let context = Context {
            now,
            ..Context::default()
        };
        let message = rpc::decode(text.as_bytes(), &Limits::default()).expect("a call");
        assert!(matches!(message, Message::Call(_)));
        let outcome = self.service.on_message(&context, &message);
        let result = match outcome {
            mcp::Outcome::Result { payload, .. } => payload.bytes().into_owned(),
            mcp::Outcome::Work(call) => self.run(*call),
            other => panic!("{other:?}"),
        };
        serde_json::from_slice(&result).expect("a result")
    }

    fn run(&self, call: mcp::ToolCall) -> Vec<u8> {
        let mut job = Job {
            id: JobId(1),
            work: call.work,
            reached: Reached::default(),
            admitted: Instant::ZERO,
            // Another one for each job: so many requests there were before.
            request_id: Uuid::from_random([u8::try_from(self.scene.server.seen().len()).expect("few"); 16]),
        };
        for _ in 0..100 {
            match step_once(&self.scene.snowflake, job, &CancelToken::new(), &self.scene.clock) {
                Outcome::Done(ended) => {
                    let ended = call.finish.ended(ended);
                    return ended.to_json();
                }
                Outcome::Again { job: next, after, .. } => {
                    self.scene.clock.advance(after.max(Duration::from_millis(1)));
                    job = *next;
                }
            }
        }
        panic!("the job does not end");
    }

    /// How often the plan was asked for, and the statement run.
    fn runs(&self) -> (u32, u32) {
        let server = &self.scene.server;
        (server.executions(EXPLAIN), server.executions(QUERY))
    }
}

fn query() -> Value {
    json!({"query": QUERY})
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().expect("a text")
}

fn cost(cost: CostRules) -> Ruling {
    Ruling {
        cost,
        ..Ruling::default()
    }
}

fn lists(allowed: &[&str], denied: &[&str]) -> Ruling {
    Ruling {
        objects: ObjectRules::new(allowed, denied).expect("patterns"),
        ..Ruling::default()
    }
}

#[test]
fn without_limits_and_lists_no_plan_is_asked_for() {
    let mut gated = Gated::new(Ruling::default());
    assert_eq!(gated.call("execute_query", &query())["isError"], false);
    assert_eq!(gated.runs(), (0, 1));
}

#[test]
fn a_statement_within_its_limits_is_explained_once_and_run_once() {
    let mut gated = Gated::new(cost(CostRules {
        scan_bytes_max: Some(1 << 30),
        partitions_max: Some(10),
        ..CostRules::default()
    }));
    let result = gated.call("execute_query", &query());
    assert_eq!(result["structuredContent"]["returned"], 2, "{result}");
    assert_eq!(gated.runs(), (1, 1));
}

#[test]
fn a_statement_over_a_limit_is_refused_with_the_figures_and_never_sent() {
    for limits in [
        CostRules {
            scan_bytes_max: Some((1 << 30) - 1),
            ..CostRules::default()
        },
        CostRules {
            partitions_max: Some(9),
            ..CostRules::default()
        },
    ] {
        let mut gated = Gated::new(cost(limits));
        let result = gated.call("execute_query", &json!({"query": QUERY}));
        assert_eq!(result["isError"], true);
        let text = text(&result);
        assert!(text.contains("up to 1.0 GiB in 10 of 100 partitions"), "{text}");
        assert!(text.contains("explain_query"), "{text}");
        assert_eq!(gated.runs(), (1, 0));
    }
}

fn asked_above_nine() -> Ruling {
    cost(CostRules {
        partitions_unasked_max: Some(9),
        ..CostRules::default()
    })
}

#[test]
fn who_cannot_be_asked_is_told_the_argument_that_confirms() {
    let mut gated = Gated::new(asked_above_nine());
    let refused = gated.call("execute_query", &query());
    assert_eq!(refused["isError"], true);
    assert!(text(&refused).contains("confirm set to true"), "{refused}");
    assert_eq!(gated.runs(), (1, 0));
    let confirmed = gated.call("execute_query", &json!({"query": QUERY, "confirm": true}));
    assert_eq!(confirmed["isError"], false, "{confirmed}");
    assert_eq!(gated.runs(), (2, 1));
}

#[test]
fn who_can_be_asked_is_asked_and_the_answer_counts() {
    let mut gated = Gated::new(asked_above_nine());
    gated.can_be_asked = true;
    let asking = gated.call("execute_query", &query());
    assert_eq!(asking["resultType"], "input_required", "{asking}");
    let question = &asking["inputRequests"]["confirm"];
    assert_eq!(question["method"], "elicitation/create");
    let message = question["params"]["message"].as_str().expect("a question");
    assert!(
        message.contains("10 of 100 partitions") && message.ends_with("Shall it run?"),
        "{message}"
    );
    assert_eq!(gated.runs(), (1, 0));

    let answer = |action: &str, confirm: bool| {
        json!({
            "requestState": asking["requestState"],
            "inputResponses": {"confirm": {"action": action, "content": {"confirm": confirm}}},
        })
    };
    for no in [
        answer("decline", true),
        answer("accept", false),
        answer("cancel", false),
    ] {
        let declined = gated.call_with("execute_query", &query(), no);
        assert_eq!(declined["isError"], true);
        assert!(text(&declined).contains("does not want"), "{declined}");
    }
    let runs = gated.runs();
    assert_eq!(runs.1, 0, "who declines has nothing run");
    let accepted = gated.call_with("execute_query", &query(), answer("accept", true));
    assert_eq!(accepted["structuredContent"]["returned"], 2, "{accepted}");
    assert_eq!(gated.runs(), (runs.0 + 1, 1));
}

#[test]
fn an_answer_is_worth_nothing_for_another_statement() {
    let mut gated = Gated::new(asked_above_nine());
    gated.can_be_asked = true;
    let asking = gated.call("execute_query", &json!({"query": "select n from orders "}));
    assert_eq!(asking["resultType"], "input_required", "{asking}");
    let answer = json!({
        "requestState": asking["requestState"],
        "inputResponses": {"confirm": {"action": "accept", "content": {"confirm": true}}},
    });
    let now = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        gated.call_with("execute_query", &query(), answer)
    }));
    assert!(now.is_err(), "a foreign state is an error, not a result: {now:?}");
}

#[test]
fn objects_are_judged_as_the_compiler_resolved_them() {
    let mut gated = Gated::new(lists(&["SALES.PUBLIC"], &["*.*.SECRET*"]));
    assert_eq!(gated.call("execute_query", &query())["isError"], false);
    assert_eq!(gated.runs(), (1, 1));
    // The same text, which the compiler now resolves to something else.
    for objects in [
        &["SALES.PUBLIC.ORDERS", "SALES.PUBLIC.SECRETS"][..],
        &["OTHER.PUBLIC.ORDERS"],
        &["ORDERS"],
        &[],
    ] {
        gated.plan(1, 1, objects);
        let result = gated.call("execute_query", &query());
        assert_eq!(result["isError"], true, "{objects:?}");
        assert!(text(&result).contains("may"), "{result}");
    }
    assert_eq!(gated.runs(), (5, 1));
}

#[test]
fn names_of_show_and_describe_are_judged_without_a_plan() {
    let mut gated = Gated::new(lists(&["SALES.PUBLIC"], &["SALES.PUBLIC.SECRETS"]));
    for statement in [
        "describe table secrets",
        "describe view other.public.v",
        "show tables in schema other.public",
        "show views in database other",
        "explain select * from secrets",
        "show tables ->> select * from $1",
        "select get_ddl('table', 'other.public.t')",
    ] {
        let result = gated.call("execute_query", &json!({"query": statement}));
        assert_eq!(result["isError"], true, "{statement}: {result}");
        assert_eq!(gated.scene.server.executions(statement), 0, "{statement}");
    }
    gated.scene.server.teach(
        "show tables in schema sales.public",
        ONE_NUMBER,
        vec![numbers(1..=1)],
    );
    let result = gated.call(
        "execute_query",
        &json!({"query": "show tables in schema sales.public"}),
    );
    assert_eq!(result["isError"], false, "{result}");
    let seen = gated
        .scene
        .server
        .seen()
        .iter()
        .filter(|seen| seen.method == "POST")
        .count();
    assert_eq!(seen, 1, "nothing else was sent at all");
}

#[test]
fn without_a_plan_lists_are_closed_and_limits_open_or_as_the_operator_says() {
    let unsupported =
        json!({"code": "000002", "message": "Unsupported feature 'EXPLAIN'.", "sqlState": "0A000"});
    for (mut ruling, unexplained, runs) in [
        (lists(&["SALES"], &[]), Unexplained::ByLists, 0),
        (asked_above_nine(), Unexplained::ByLists, 1),
        (lists(&["SALES"], &[]), Unexplained::Runs, 1),
        (asked_above_nine(), Unexplained::Refused, 0),
    ] {
        ruling.cost.unexplained = unexplained;
        let mut gated = Gated::new(ruling);
        gated.scene.server.teach_error(EXPLAIN, 422, unsupported.clone());
        let result = gated.call("execute_query", &query());
        assert_eq!(result["isError"], runs == 0, "{unexplained:?}: {result}");
        assert_eq!(gated.runs(), (1, runs), "{unexplained:?}");
        assert!(
            runs > 0 || text(&result).contains("--on-explain-failure"),
            "{result}"
        );
    }
}

#[test]
fn a_statement_that_does_not_compile_is_told_so_by_its_explain() {
    let mut gated = Gated::new(asked_above_nine());
    let missing = json!({"code": "002003", "message": "SQL compilation error:\nObject 'ORDERS' does not exist or not authorized.", "sqlState": "42S02"});
    gated.scene.server.teach_error(EXPLAIN, 422, missing);
    let result = gated.call("execute_query", &query());
    assert!(text(&result).contains("does not exist"), "{result}");
    assert_eq!(gated.runs(), (1, 0));
}

#[test]
fn a_dry_run_and_explain_query_show_the_plan_and_run_nothing() {
    let mut gated = Gated::new(cost(CostRules {
        partitions_max: Some(9),
        ..CostRules::default()
    }));
    let explained = gated.call("explain_query", &query());
    let plan = &explained["structuredContent"];
    assert_eq!(plan["would_run"], false, "{explained}");
    assert!(
        plan["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("at most 9 partitions"))
    );
    assert_eq!(
        (&plan["partitions_assigned"], &plan["bytes_assigned"]),
        (&json!(10), &json!(1 << 30))
    );
    assert_eq!(plan["objects"], json!(["SALES.PUBLIC.ORDERS"]));
    assert_eq!(plan["operations"][1]["operation"], "TableScan");
    let dry = gated.call("execute_query", &json!({"query": QUERY, "dry_run": true}));
    assert_eq!(dry["structuredContent"]["dry_run"], true, "{dry}");
    assert_eq!(dry["structuredContent"]["rows"], json!([]));
    assert_eq!(gated.runs(), (2, 0));
}

#[test]
fn a_long_statement_is_guarded_and_explained_by_the_worker() {
    let long = format!("{QUERY} -- {}", "x".repeat(10_000));
    let mut gated = Gated::new(cost(CostRules {
        partitions_max: Some(9),
        ..CostRules::default()
    }));
    let result = gated.call("execute_query", &json!({"query": long}));
    assert!(text(&result).contains("10 of 100 partitions"), "{result}");
    assert_eq!(gated.runs(), (1, 0));
    let result = gated.call(
        "execute_query",
        &json!({"query": format!("drop table t -- {}", "x".repeat(10_000))}),
    );
    assert!(text(&result).contains("DROP changes objects"), "{result}");
}

#[test]
fn an_allowed_write_is_confirmed_first_and_sent_once() {
    let policy = Policy::default().with_writes("insert").expect("a write");
    let mut gated = Gated::new(Ruling {
        policy,
        ..Ruling::default()
    });
    let insert = "insert into t values (1)";
    let refused = gated.call("execute_query", &json!({"query": insert}));
    assert!(text(&refused).contains("confirm set to true"), "{refused}");
    assert_eq!(gated.scene.server.executions(insert), 0);
    let written = gated.call("execute_query", &json!({"query": insert, "confirm": true}));
    assert_eq!(written["isError"], false, "{written}");
    assert_eq!(gated.scene.server.executions(insert), 1);
    let body = gated
        .scene
        .server
        .seen()
        .into_iter()
        .find(|seen| seen.method == "POST")
        .expect("sent")
        .body;
    // Snowflake takes one statement and no more, whatever the account's own default is.
    assert_eq!(body["parameters"]["multi_statement_count"], "1", "{body}");
    let plan = gated.call("explain_query", &json!({"query": insert}));
    let reason = plan["structuredContent"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("changes data"), "it would be asked first: {plan}");
    gated.can_be_asked = true;
    let asking = gated.call("execute_query", &json!({"query": insert}));
    assert_eq!(asking["resultType"], "input_required", "{asking}");
}
