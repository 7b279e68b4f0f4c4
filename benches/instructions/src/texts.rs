//! Paths through single parts: messages, statements, results.

use std::time::Duration;

use serde_json::value::RawValue;
use snowflake_mcp::backend::job::{Reached, Work};
use snowflake_mcp::backend::{Answer, Backend, CancelToken, Column, Job, Outcome, ResultSet, Step, Value};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::ident::{JobId, Uuid};
use snowflake_mcp::limits::Limits;
use snowflake_mcp::rpc;
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::{Clock, Instant, Now};
use snowflake_mcp::token::Keys;
use snowflake_mcp::tools::{Begun, Call, Catalogue, Form, Settings};
use snowflake_mcp::workers::step_once;

use super::messages::CALL;
use super::rows::rows;
use super::{Walk, statements};

pub(crate) fn rpc_decode() -> Walk {
    let limits = Limits::default();
    Box::new(move || {
        let message = rpc::decode(CALL.as_bytes(), &limits);
        assert!(matches!(message, Ok(rpc::Message::Call(_))));
    })
}

pub(crate) fn guard_short() -> Walk {
    guard(statements::SHORT.to_owned())
}

pub(crate) fn guard_tpch() -> Walk {
    guard(statements::TPCH.to_owned())
}

/// As long as the reactor's thread guards.
pub(crate) fn guard_8_kib() -> Walk {
    guard(statements::long(Limits::default().statement_reactor_bytes_max))
}

fn guard(text: String) -> Walk {
    let policy = Policy::default();
    Box::new(move || assert!(policy.check(&text).is_ok(), "the statement reads"))
}

/// A tool call's result, rendered in both forms. The rows are copied for each walk, which is 1 % of it.
pub(crate) fn render_1000_rows() -> Walk {
    let result = rows(1_000);
    Box::new(move || {
        let answer = Answer {
            results: vec![result.clone()],
            elapsed: Duration::from_millis(7),
        };
        let rendered = work(r#"{"query":"select * from lineitem","limit":1000}"#)
            .render
            .run(answer);
        assert!(rendered.rows == 1_000 && !rendered.truncated);
    })
}

/// What a worker does for `select 1` beside running it: the step around an engine that has the row at hand.
pub(crate) fn worker_select_1() -> Walk {
    let token = CancelToken::new();
    Box::new(move || {
        let job = Job {
            id: JobId(1),
            work: work(r#"{"query":"select 1"}"#),
            reached: Reached::default(),
            admitted: Instant::ZERO,
            request_id: Uuid::from_random([7; 16]),
        };
        let outcome = step_once(&OneRow, job, &token, &Stopped);
        assert!(matches!(outcome, Outcome::Done(Ok(rendered)) if rendered.rows == 1));
    })
}

/// The work of an `execute_query` with these arguments.
fn work(arguments: &str) -> Box<Work> {
    thread_local! {
        static CATALOGUE: Catalogue = Catalogue::new(Settings::new(&Limits::default(), Policy::default()));
        static KEYS: Keys = Keys::random(&mut SeededEntropy::new(1));
    }
    let arguments: &RawValue = serde_json::from_str(arguments).expect("it is JSON");
    let form = Form {
        is_structured: true,
        has_links: true,
        before: "",
        after: "",
        fence: None,
    };
    CATALOGUE.with(|catalogue| {
        let tool = catalogue.find("execute_query").expect("there is such a tool");
        KEYS.with(
            |keys| match catalogue.begin(tool, Some(arguments), &Call::of_nobody(form, keys)) {
                Ok(Begun::Work(work)) => work,
                other => panic!("the arguments are right: {other:?}"),
            },
        )
    })
}

/// An engine that has one row for every statement.
struct OneRow;

impl Backend for OneRow {
    fn step(&self, job: Job, _cancel: &CancelToken) -> Step {
        let column = Column {
            name: "1".to_owned(),
            type_name: "NUMBER(1,0)".to_owned(),
            nullable: false,
        };
        let mut result = ResultSet::new(vec![column], job.work.bounds);
        result.push(Value::Number("1"));
        result.end_row();
        Step::Done(Box::new(job), Ok(vec![result]))
    }
}

/// A clock that stands.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Now {
        Now::default()
    }
}
