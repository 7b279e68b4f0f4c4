//! Answers of the SQL API, decoded through the client: ours (`vectors.jsonl`, written from what is known of the
//! wire), and recordings of the real service where `SNOWFLAKE_VECTORS` names a file of them.
//!
//! A recording is somebody else's data, so it lies elsewhere; its lines have `file`, `name`, `request`, `status`,
//! `body`. What it must come to is in this file.

use std::collections::{BTreeMap, VecDeque};
use std::io::Cursor;
use std::sync::Mutex;

use serde_json::{Value, json};
use snowflake_mcp::backend::{self, Backend, CancelToken, Error, Kind, Progress, ResultSet, Step};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::secret::Secret;
use snowflake_mcp::snowflake::http::{Fault, Headers, HttpClient, Request, Response};
use snowflake_mcp::snowflake::{Authentication, Settings, Snowflake};

use crate::drive::{self, FakeClock, Task, rows};

/// Gives the answers that it was given, one after the other.
struct Canned(Mutex<VecDeque<(u16, Value)>>);

impl HttpClient for Canned {
    fn exchange(&self, _: &Request<'_>) -> Result<Response, Fault> {
        let (status, body) = self.0.lock().unwrap().pop_front().ok_or(Fault::HostUnknown)?;
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        Ok(Response {
            status,
            headers: Headers::default(),
            body: Box::new(Cursor::new(body)),
        })
    }
}

fn snowflake(answers: Vec<(u16, Value)>) -> Snowflake {
    let settings = Settings::new("a", Authentication::OAuth(Secret::new("t")));
    let http = Canned(Mutex::new(answers.into()));
    Snowflake::with_http(
        settings,
        Box::new(http),
        Box::new(FakeClock::new()),
        Box::new(SeededEntropy::new(1)),
    )
    .unwrap()
}

/// What a submit is answered before the answer in question.
fn running() -> (u16, Value) {
    (202, json!({ "code": "333334", "statementHandle": "01ff-ffff" }))
}

/// Decodes an answer as the client meets it: a POST's at once, a GET's while polling.
fn decode(method: &str, status: u16, body: &Value, task: Task) -> Result<ResultSet, Box<Error>> {
    let answer = (status, body.clone());
    let answers = match method {
        "GET" => vec![running(), answer],
        _ => vec![answer],
    };
    let ended = drive::run(&snowflake(answers), task, &CancelToken::new(), |_| {});
    ended
        .outcome
        .map(|mut results| results.remove(0))
        .map_err(Box::new)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn number(line: &Value, name: &str) -> u16 {
    u16::try_from(line[name].as_u64().unwrap()).unwrap()
}

#[test]
fn our_own_vectors_decode_to_what_they_say() {
    let vectors = lines(include_str!("vectors.jsonl"));
    assert!(vectors.len() >= 28);
    for vector in vectors {
        let name = &vector["name"];
        let method = vector["method"].as_str().unwrap();
        let decoded = decode(
            method,
            number(&vector, "status"),
            &vector["body"],
            Task::new("select q"),
        );
        match (decoded, vector["kind"].as_str()) {
            (Ok(result), None) => {
                let columns: Vec<_> = result
                    .columns
                    .iter()
                    .map(|column| json!([column.name, column.type_name]))
                    .collect();
                assert_eq!(json!(columns), vector["columns"], "{name}");
                assert_eq!(json!(rows(&result)), vector["rows"], "{name}");
                assert_eq!(
                    result.query_id.as_deref(),
                    vector["body"]["statementHandle"].as_str(),
                    "{name}"
                );
                assert!(!result.is_truncated(), "{name}");
            }
            (Err(error), Some(kind)) => {
                assert_eq!(error.kind.name(), kind, "{name}: {error}");
                assert_eq!(Some(error.message.as_str()), vector["message"].as_str(), "{name}");
                assert_eq!(error.code.as_deref(), vector["body"]["code"].as_str(), "{name}");
                let advice = vector["advice"].as_str().unwrap_or_default();
                assert!(error.advice().contains(advice), "{name}: {}", error.advice());
                if method == "GET" {
                    assert!(error.query_id.is_some(), "{name}: the handle in hand is told");
                }
            }
            (decoded, expected) => panic!("{name}: expected {expected:?}, got {decoded:?}"),
        }
    }
}

/// What each recorded error must come to.
const RECORDED_ERRORS: &[(&str, Kind)] = &[
    ("020", Kind::Syntax),
    ("059", Kind::Internal),
    ("062", Kind::Syntax),
    ("063", Kind::NotFound),
    ("064", Kind::Execution),
    ("065", Kind::Execution),
    ("067", Kind::Timeout),
    ("069", Kind::ResultGone),
    ("070", Kind::Internal),
    ("074", Kind::Cancelled),
    ("078", Kind::Login),
    ("079", Kind::NotFound),
    ("081", Kind::Configuration),
    ("086", Kind::Refused),
    ("099", Kind::Unsupported),
    ("111", Kind::Protocol),
];

#[test]
fn recordings_of_the_service_decode() {
    let Ok(path) = std::env::var("SNOWFLAKE_VECTORS") else {
        println!(
            "SNOWFLAKE_VECTORS is not set: only our own vectors were decoded, no recording of the service"
        );
        // So that this test says something: ours cover every kind that a recording can come to.
        let ours = lines(include_str!("vectors.jsonl"));
        for (file, kind) in RECORDED_ERRORS {
            let is_covered = |vector: &Value| vector["kind"] == kind.name();
            assert!(ours.iter().any(is_covered), "no vector of ours is like {file}");
        }
        return;
    };
    let text = std::fs::read_to_string(&path).expect("SNOWFLAKE_VECTORS names a readable file");
    let errors: BTreeMap<_, _> = RECORDED_ERRORS.iter().copied().collect();
    let (mut results, mut failures) = (0, 0);
    for line in lines(&text) {
        let name = format!("{} {}", line["file"], line["name"]);
        let file = line["file"].as_str().unwrap();
        let key = file
            .strip_prefix("snowflake-")
            .and_then(|rest| rest.get(..3))
            .unwrap();
        let status = number(&line, "status");
        let path = line["request"]["path"].as_str().unwrap();
        let method = line["request"]["method"].as_str().unwrap();
        match status {
            200 if path.ends_with("/cancel") => check_cancel(&line["body"]),
            200 => {
                check_result(key, method, &line["body"], &name);
                results += 1;
            }
            202 => check_running(&line["body"], &name),
            _ => {
                let error = decode(method, status, &line["body"], Task::new("select q")).unwrap_err();
                assert_eq!(Some(&error.kind), errors.get(key), "{name}: {error}");
                assert!(
                    !error.message.contains('\n') && !error.message.is_empty(),
                    "{name}"
                );
                failures += 1;
            }
        }
    }
    println!("{results} recorded results and {failures} recorded errors of {path}");
    assert!(results >= 10 && failures >= 10, "the file is shorter than it was");
}

fn check_running(body: &Value, name: &str) {
    match snowflake(vec![(202, body.clone())]).step(Task::new("select q").into_job(), &CancelToken::new()) {
        Step::Again { job, progress, .. } => {
            assert_eq!(progress, Progress::Running, "{name}");
            assert_eq!(
                job.reached.handle.as_deref(),
                body["statementHandle"].as_str(),
                "{name}"
            );
        }
        Step::Done(_, outcome) => panic!("{name}: {outcome:?}"),
    }
}

fn check_cancel(body: &Value) {
    let token = CancelToken::new();
    let engine = snowflake(vec![running(), (200, body.clone())]);
    let error = drive::run(&engine, Task::new("select q"), &token, |_| token.cancel()).error();
    assert_eq!((error.kind, error.detail), (Kind::Cancelled, None));
}

fn check_result(key: &str, method: &str, body: &Value, name: &str) {
    let metadata = &body["resultSetMetaData"];
    let total = metadata["numRows"].as_u64();
    if !body["data"].is_array() {
        // Recorded without its rows: what the metadata says, and that nothing is read for a bound of none.
        let mut bare = body.clone();
        bare["data"] = json!([]);
        let result = decode(method, 200, &bare, Task::new("select q").rows_max(0)).unwrap();
        assert_eq!((result.total, result.is_truncated()), (total, true), "{name}");
        assert_eq!(
            result.columns.len(),
            metadata["rowType"].as_array().unwrap().len()
        );
        return;
    }
    let result = decode(method, 200, body, Task::new("select q")).unwrap();
    assert_eq!(Some(result.returned()), total, "{name}");
    let types: Vec<_> = metadata["rowType"].as_array().unwrap().iter().collect();
    for row in result.rows() {
        for (cell, kind) in row.cells().zip(&types) {
            check_cell(cell, kind["type"].as_str().unwrap(), name);
        }
    }
    if key == "026" {
        let all = rows(&result);
        assert_eq!(
            all[0],
            [
                "12345678901234567890123456789012345678",
                "12345678.91",
                "1.5",
                "\"héllo\"",
                "\"DEADBEEF\"",
                "true",
                "\"2026-10-09\"",
                "\"12:34:56.123456789\"",
                "\"2026-10-09T12:34:56.123456789\"",
                "\"2026-10-09T05:34:56.123456789Z\"",
                "\"2026-10-09T12:34:56.123456789+07:00\"",
                "`{\"a\":1}`",
                "`{\"k\":\"v\"}`",
                "`[1,\"x\",null]`",
                "`{\"coordinates\":[1,2],\"type\":\"Point\"}`",
                "`{\"coordinates\":[3.000000000000000e+00,4.000000000000000e+00],\"type\":\"Point\"}`",
            ]
        );
        assert!(all[1].iter().all(|cell| cell == "null"));
    }
}

/// A cell that fell back to its raw text was not decoded.
fn check_cell(cell: backend::Value<'_>, kind: &str, name: &str) {
    use backend::Value::{Boolean, Json, Null, Number, Text};
    let is_right = match (kind, cell) {
        (_, Null) | ("fixed" | "real", Number(_)) | ("boolean", Boolean(_)) => true,
        ("variant" | "object" | "array" | "vector", Json(_)) => true,
        ("date", Text(text)) => text.len() == 10,
        ("time", Text(text)) => text.contains(':'),
        ("timestamp_ntz", Text(text)) => text.contains('T'),
        ("timestamp_ltz", Text(text)) => text.ends_with('Z'),
        ("timestamp_tz", Text(text)) => text.contains('T') && text.contains('+'),
        ("text" | "binary", Text(_)) => true,
        _ => false,
    };
    assert!(is_right, "{name}: {kind} became {cell:?}");
}
