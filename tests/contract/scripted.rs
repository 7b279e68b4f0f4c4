//! The Snowflake client against the scripted server: every promise of the shared list, then what only this wire has.

mod ahead;
mod cancels;
mod failures;
mod faults;
mod gate;
mod health;
mod logins;
mod roles;
mod seeds;
mod stopping;
mod tasks;

use std::time::Duration;

use serde_json::{Value, json};
use snowflake_mcp::backend::{CancelToken, Kind, Progress, Stage};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::secret::Secret;
use snowflake_mcp::snowflake::{Authentication, KeySource, Protocol, Settings, Snowflake};

use crate::behaviours::{self, Subject, Table};
use crate::drive::{self, Ended, FakeClock, Task, rows};
use crate::server::{End, Script, Server};
use crate::showing::{self, Listed};

const KEY: &str = include_str!("keys/rsa_pkcs8.pem");

/// A client, its clock and the server that it talks to.
struct Scene {
    server: Server,
    clock: FakeClock,
    snowflake: Snowflake,
}

impl Scene {
    fn new() -> Self {
        let key = KeySource::Text(Secret::new(KEY));
        Self::with(Authentication::KeyPair {
            key,
            passphrase: None,
        })
    }

    fn with(authentication: Authentication) -> Self {
        let server = Server::start();
        let settings = settings(&server, authentication);
        let clock = FakeClock::new();
        let snowflake = Snowflake::new(settings, Box::new(clock.clone()), Box::new(SeededEntropy::new(7)));
        Self {
            server,
            clock,
            snowflake: snowflake.unwrap(),
        }
    }

    fn run(&self, task: Task) -> Ended {
        self.run_with(task, &CancelToken::new(), |_| {})
    }

    /// Runs; after each step `look` is called with how many steps there were.
    fn run_with(&self, task: Task, cancel: &CancelToken, mut look: impl FnMut(usize)) -> Ended {
        let (mut steps, mut requests) = (0, self.server.seen().len());
        drive::run(&self.snowflake, task, cancel, |between| {
            steps += 1;
            let now = self.server.seen().len();
            assert!(now - requests <= 1, "a step is one exchange at most");
            requests = now;
            look(steps);
            self.clock.advance(between.after);
        })
    }

    /// Targets of the requests, without what is random.
    fn targets(&self) -> Vec<String> {
        let short = |target: String| {
            target
                .replace("/api/v2/statements", "")
                .split('&')
                .filter(|part| !part.starts_with("requestId"))
                .collect::<Vec<_>>()
                .join("&")
        };
        self.server
            .seen()
            .into_iter()
            .map(|seen| format!("{} {}", seen.method, short(seen.target)))
            .collect()
    }
}

/// Each step is one exchange, so that a test knows which request meets which fault. What is asked for ahead has tests of
/// its own, in `ahead`, and so has everything together, in `paging`.
pub(crate) fn settings(server: &Server, authentication: Authentication) -> Settings {
    Settings {
        partitions_ahead_max: 0,
        user: Some("testuser".to_owned()),
        host: Some("127.0.0.1".to_owned()),
        port: Some(server.address.port()),
        protocol: Protocol::Http,
        ..Settings::new("testorg-testacct", authentication)
    }
}

const ONE_NUMBER: &[(&str, &str)] = &[("N", "fixed")];

/// Rows of one number each.
pub(crate) fn numbers(range: std::ops::RangeInclusive<u32>) -> Vec<Vec<Value>> {
    range.map(|number| vec![json!(number.to_string())]).collect()
}

fn teach_the_list(server: &Server) {
    let text = |text: &str| json!(text);
    server
        .teach(behaviours::SELECT_ONE, &[("ONE", "fixed")], vec![numbers(1..=1)])
        .teach(
            behaviours::TWO_TYPES,
            &[("N", "fixed"), ("S", "text")],
            vec![vec![vec![text("1"), text("x")]]],
        )
        .teach(behaviours::A_NULL, &[("NOTHING", "text")], vec![vec![vec![Value::Null]]])
        .teach(
            behaviours::TEXTS,
            &[("S", "text"), ("E", "text")],
            vec![vec![vec![text("it's \"ü\" \\ 🦀"), text("")]]],
        )
        .teach(
            behaviours::VALUES,
            &[("N", "fixed"), ("B", "boolean"), ("D", "date"), ("T", "timestamp_ntz")],
            vec![vec![vec![
                text("123456789012345.678"),
                text("true"),
                text("19782"),
                text("1709251199.000000000"),
            ]]],
        )
        .teach(behaviours::NO_ROWS, ONE_NUMBER, vec![vec![]])
        .teach(
            behaviours::FIVE_ROWS,
            ONE_NUMBER,
            vec![numbers(1..=2), numbers(3..=4), numbers(5..=5)],
        )
        .teach(&behaviours::count_of("T1"), &[("C", "fixed")], vec![numbers(2..=2)])
        .only_within(&behaviours::count_of("T1"), "DB1", "S1")
        .teach_error(
            behaviours::MISSING_COLUMN,
            422,
            json!({ "code": "000904", "message": "SQL compilation error: error line 1 at position 7\ninvalid identifier 'NO_SUCH_COLUMN'", "sqlState": "42000" }),
        )
        .teach_error(
            behaviours::SYNTAX_ERROR,
            422,
            json!({ "code": "001003", "message": "SQL compilation error:\nsyntax error line 1 at position 0 unexpected 'selec'.", "sqlState": "42000" }),
        );
}

#[test]
fn snowflake_keeps_the_contract() {
    let scene = Scene::new();
    teach_the_list(&scene.server);
    teach_the_listings(&scene.server);
    let pause = |after| scene.clock.advance(after);
    behaviours::check_all(&Subject {
        name: "snowflake",
        backend: &scene.snowflake,
        pause: &pause,
        table: Table {
            database: "DB1",
            schema: "S1",
            name: "T1",
            rows: 2,
        },
        listed: LISTED,
    });
}

const LISTED: Listed<'_> = Listed {
    database: "DB1",
    table: ["S1", "T1", "AMOUNT"],
    view: ["S1", "NAMED"],
    role: "READER",
    lacks: &[],
    knows_missing_scopes: true,
};

/// Every listing in the service's layout: the row that is looked for, between two others.
fn teach_the_listings(server: &Server) {
    for form in showing::FORMS {
        let columns = showing::layout(form.name);
        let cells = (form.cells)(&LISTED);
        let told = |name: &str| {
            let found = cells.iter().find(|(told, _)| *told == name);
            match (name, found.and_then(|(_, text)| text.as_deref())) {
                (_, Some(text)) => json!(text),
                ("created_on", None) => json!("1791499253.282"),
                ("rows" | "bytes", None) => json!("2"),
                _ => json!(""),
            }
        };
        let typed: Vec<_> = columns
            .iter()
            .map(|name| match *name {
                "created_on" => (*name, "timestamp_ltz"),
                "rows" | "bytes" => (*name, "fixed"),
                _ => (*name, "text"),
            })
            .collect();
        let other = || -> Vec<Value> {
            let cell = |name: &&str| match *name {
                "created_on" | "rows" | "bytes" => Value::Null,
                _ => json!("OTHER"),
            };
            columns.iter().map(cell).collect()
        };
        let rows = vec![other(), columns.iter().map(|name| told(name)).collect(), other()];
        server.teach(&(form.statement)(&LISTED), &typed, vec![rows]);
    }
    let missing = json!({ "code": "002043", "message": "SQL compilation error:\nObject does not exist, or operation cannot be performed.", "sqlState": "02000" });
    server.teach_error(&showing::nowhere(&LISTED), 422, missing);
}

#[test]
fn a_statement_is_submitted_with_all_that_it_needs() {
    let scene = Scene::new();
    let sql = "select 'ü' -- not rewritten";
    scene.server.teach(sql, ONE_NUMBER, vec![numbers(1..=1)]);
    let mut task = Task::new(sql)
        .within("db", "S")
        .timeout(Duration::from_millis(29_001));
    task.query_tag = Some("mcp".to_owned());
    scene.run(task).result();
    let first = &scene.server.seen()[0];
    assert_eq!(first.query("async"), Some("true"));
    assert_eq!(first.query("retry"), None);
    assert_eq!(first.query("requestId").map(str::len), Some(36));
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert_eq!(first.header("accept"), Some("application/json"));
    assert_eq!(first.header("accept-encoding"), Some("gzip"));
    assert_eq!(
        first.header("user-agent"),
        Some(concat!("snowflake-mcp/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(
        first.header("x-snowflake-authorization-token-type"),
        Some("KEYPAIR_JWT")
    );
    assert!(first.header("authorization").unwrap().starts_with("Bearer eyJ"));
    assert_eq!(
        first.body,
        json!({ "statement": sql, "timeout": 30, "database": "db", "schema": "S", "parameters": { "query_tag": "mcp", "multi_statement_count": "1" } })
    );
}

#[test]
fn a_token_of_each_kind_says_what_it_is() {
    for (authentication, kind) in [
        (
            Authentication::ProgrammaticAccessToken(Secret::new("s3cret\n")),
            "PROGRAMMATIC_ACCESS_TOKEN",
        ),
        (Authentication::OAuth(Secret::new("s3cret")), "OAUTH"),
    ] {
        let scene = Scene::with(authentication);
        scene.server.teach("select q", ONE_NUMBER, vec![numbers(1..=1)]);
        scene.run(Task::new("select q")).result();
        let first = &scene.server.seen()[0];
        assert_eq!(first.header("authorization"), Some("Bearer s3cret"));
        assert_eq!(first.header("x-snowflake-authorization-token-type"), Some(kind));
    }
}

#[test]
fn a_running_statement_is_polled_by_the_schedule_and_holds_no_step() {
    let scene = Scene::new();
    let script = Script {
        polls: 200,
        end: End::Rows(vec![("N".to_owned(), "fixed".to_owned())], vec![numbers(1..=1)]),
        is_synchronous: false,
    };
    scene.server.script("select q", script);
    let ended = scene.run(Task::new("select q"));
    let pauses = ended.pauses_ms();
    assert_eq!(pauses[..5], [25, 50, 100, 200, 400]);
    assert!(pauses[5..].iter().all(|pause| (500..=2_250).contains(pause)));
    assert!(pauses[199] >= 2_000, "a long statement is asked less often");
    let first = &ended.pauses[0];
    assert_eq!((first.stage, &first.progress), (Stage::Poll, &Progress::Running));
    assert_eq!(first.handle, ended.pauses[9].handle);
    let handle = first.handle.clone();
    assert!(handle.is_some());
    assert_eq!(ended.result().query_id, handle);
}

#[test]
fn an_answer_that_comes_at_once_is_taken() {
    let scene = Scene::new();
    let script = Script {
        polls: 0,
        end: End::Rows(
            vec![("N".to_owned(), "fixed".to_owned())],
            vec![numbers(1..=2), numbers(3..=3)],
        ),
        is_synchronous: true,
    };
    scene.server.script("select q", script);
    let result = scene.run(Task::new("select q")).result();
    assert_eq!(rows(&result), [["1"], ["2"], ["3"]]);
    assert!(result.query_id.unwrap().starts_with("01c0ffee"));
    assert_eq!(scene.targets().len(), 2, "{:?}", scene.targets());
}

#[test]
fn partitions_are_read_a_step_each_and_only_as_many_as_are_needed() {
    let scene = Scene::new();
    let partitions = vec![numbers(1..=3), numbers(4..=6), numbers(7..=9), numbers(10..=12)];
    scene.server.teach("select q", ONE_NUMBER, partitions);
    let ended = scene.run(Task::new("select q"));
    let fetching: Vec<_> = ended
        .pauses
        .iter()
        .filter(|pause| pause.stage == Stage::Fetch)
        .map(|pause| (pause.after, pause.progress.clone()))
        .collect();
    let progress = |rows| {
        (
            Duration::ZERO,
            Progress::Fetching {
                rows,
                total: Some(12),
            },
        )
    };
    assert_eq!(fetching, [progress(3), progress(6), progress(9)]);
    let result = ended.result();
    assert_eq!((result.returned(), result.total), (12, Some(12)));
    assert_eq!(rows(&result)[11], ["12"]);
    assert!(!result.is_truncated());

    let before = scene.server.seen().len();
    let result = scene.run(Task::new("select q").rows_max(5)).result();
    assert_eq!((result.returned(), result.total), (5, Some(12)));
    assert!(result.is_truncated());
    let asked = &scene.targets()[before..];
    assert!(asked.last().unwrap().ends_with("?partition=1"), "{asked:?}");
}

#[test]
fn a_bound_that_falls_between_two_partitions_asks_for_no_more() {
    let scene = Scene::new();
    scene
        .server
        .teach("select q", ONE_NUMBER, vec![numbers(1..=3), numbers(4..=6)]);
    let result = scene.run(Task::new("select q").rows_max(3)).result();
    assert_eq!((result.returned(), result.is_truncated()), (3, true));
    assert!(scene.targets().iter().all(|target| !target.contains("partition")));
}

#[test]
fn twenty_thousand_rows_come_through_their_partitions() {
    let scene = Scene::new();
    let bounds = [0, 2_063, 6_745, 16_149, 20_000];
    let partitions = bounds
        .windows(2)
        .map(|pair| numbers(pair[0] + 1..=pair[1]))
        .collect();
    scene.server.teach("select q", ONE_NUMBER, partitions);
    let result = scene.run(Task::new("select q")).result();
    assert_eq!(result.returned(), 20_000);
    let wrong = rows(&result)
        .into_iter()
        .zip(1..)
        .find(|(row, number)| row[0] != number.to_string());
    assert_eq!(wrong, None);
}

#[test]
fn a_cell_that_is_larger_than_the_budget_cuts_the_result() {
    let scene = Scene::new();
    let huge = json!("x".repeat(3_000_000));
    scene.server.teach(
        "select q",
        &[("S", "text")],
        vec![vec![vec![json!("a")], vec![huge]], vec![vec![json!("b")]]],
    );
    let result = scene.run(Task::new("select q").bytes_max(1_000)).result();
    assert_eq!(rows(&result), [["\"a\""]]);
    assert!(result.is_truncated());
}

#[test]
fn several_statements_share_the_jobs_timeout() {
    let scene = Scene::new();
    scene.server.teach("select a", ONE_NUMBER, vec![numbers(1..=1)]);
    let slow = Script {
        polls: 30,
        end: End::Rows(vec![("N".to_owned(), "fixed".to_owned())], vec![numbers(2..=2)]),
        is_synchronous: false,
    };
    scene.server.script("select slow", slow);
    let task = Task::new("select slow")
        .then("select a")
        .timeout(Duration::from_secs(60));
    let results = scene.run(task).results();
    assert_ne!(results[0].query_id, results[1].query_id);
    let posts: Vec<_> = scene
        .server
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "POST")
        .collect();
    assert_eq!(posts[0].body["timeout"], 60);
    let left = posts[1].body["timeout"].as_u64().unwrap();
    assert!((40..=50).contains(&left), "{left}");
    assert_ne!(posts[0].query("requestId"), posts[1].query("requestId"));
}

#[test]
fn the_settings_context_stands_in_for_what_a_job_leaves_open() {
    let server = Server::start();
    server.teach("select q", ONE_NUMBER, vec![numbers(1..=1)]);
    let mut settings = settings(&server, Authentication::OAuth(Secret::new("t")));
    settings.context.database = Some("Default Db".to_owned());
    settings.context.schema = Some("public".to_owned());
    settings.context.warehouse = Some("WH".to_owned());
    settings.context.role = Some("R".to_owned());
    let clock = Box::new(FakeClock::new());
    let snowflake = Snowflake::new(settings, clock, Box::new(SeededEntropy::new(1))).unwrap();
    let run = |task| drive::run(&snowflake, task, &CancelToken::new(), |_| {}).result();
    run(Task::new("select q"));
    let mut task = Task::new("select q");
    task.context.database = Some("OTHER".to_owned());
    task.context.warehouse = Some("BIG".to_owned());
    run(task);
    let bodies: Vec<Value> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "POST")
        .map(|seen| seen.body)
        .collect();
    assert_eq!(
        bodies[0],
        json!({ "statement": "select q", "timeout": 300, "database": "Default Db", "schema": "public", "warehouse": "WH", "role": "R", "parameters": { "multi_statement_count": "1" } })
    );
    assert_eq!(
        bodies[1],
        json!({ "statement": "select q", "timeout": 300, "database": "OTHER", "warehouse": "BIG", "role": "R", "parameters": { "multi_statement_count": "1" } })
    );
}

#[test]
fn eight_workers_share_one_client() {
    let scene = Scene::new();
    scene
        .server
        .teach("select q", ONE_NUMBER, vec![numbers(1..=3), numbers(4..=6)]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let ended = drive::run(
                        &scene.snowflake,
                        Task::new("select q"),
                        &CancelToken::new(),
                        |_| {},
                    );
                    assert_eq!(ended.result().returned(), 6);
                }
            });
        }
    });
    assert_eq!(scene.server.executions("select q"), 80);
}

#[test]
fn an_error_without_its_handle_gets_the_one_in_hand() {
    let scene = Scene::new();
    let body = json!({ "code": "100051", "message": "Division by zero" });
    scene.server.teach_error("select 1/0", 422, body);
    let ended = scene.run(Task::new("select 1/0"));
    let handle = ended.pauses[0].handle.clone();
    let error = ended.error();
    assert_eq!(error.kind, Kind::Execution);
    assert_eq!(error.query_id, handle);
    assert!(handle.is_some());
    assert_eq!(error.message, "Division by zero");
}
