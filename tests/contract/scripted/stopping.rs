//! Cancels and timeouts: what runs for a job is stopped, and what may run is looked for first.

use std::time::Duration;

use serde_json::json;
use snowflake_mcp::backend::{CancelToken, Kind, Stage};

use super::{ONE_NUMBER, Scene, numbers};
use crate::drive::{Ended, Task};
use crate::server::{End, Fault, On, Script};

pub(super) const ENDLESS: &str = "select endless";

/// A statement that never ends by itself.
pub(super) fn endless() -> Scene {
    let scene = Scene::new();
    let script = Script {
        polls: u32::MAX,
        end: End::Rows(Vec::new(), Vec::new()),
        is_synchronous: false,
    };
    scene.server.script(ENDLESS, script);
    scene
}

/// Runs and cancels after so many steps.
fn cancel_after(scene: &Scene, task: Task, cancelled_at: usize) -> Ended {
    let token = CancelToken::new();
    scene.run_with(task, &token, |steps| {
        if steps == cancelled_at {
            token.cancel();
        }
    })
}

#[test]
fn a_running_statement_is_cancelled_at_snowflake() {
    let scene = endless();
    let ended = cancel_after(&scene, Task::new("select endless"), 4);
    let handle = ended.pauses[0].handle.clone().unwrap();
    let seen = scene.server.seen();
    let last = seen.last().unwrap();
    assert_eq!(last.on, On::Cancel);
    assert!(
        last.target
            .starts_with(&format!("/api/v2/statements/{handle}/cancel?requestId="))
    );
    assert_eq!(seen.len(), 5, "one POST, three polls, one cancel");
    let error = ended.error();
    assert_eq!((error.kind, error.query_id), (Kind::Cancelled, Some(handle)));
    assert_eq!(error.message, "the statement was cancelled");
}

#[test]
fn a_cancel_that_comes_while_a_statement_is_sent_is_not_kept_waiting() {
    let scene = endless();
    let token = CancelToken::new();
    let ended = scene.run_with(Task::new("select endless"), &token, |_| token.cancel());
    assert!(ended.pauses[0].after <= Duration::from_millis(25));
    assert_eq!(scene.server.seen().last().unwrap().on, On::Cancel);
    assert_eq!(ended.error().kind, Kind::Cancelled);
}

#[test]
fn a_statement_whose_answer_was_lost_is_found_and_cancelled() {
    for fault in [Fault::Drop, Fault::status(502)] {
        let scene = endless();
        scene.server.fault(On::Post, fault);
        let ended = cancel_after(&scene, Task::new("select endless"), 1);
        let seen = scene.server.seen();
        let kinds: Vec<_> = seen.iter().map(|seen| seen.on).collect();
        assert_eq!(kinds, [On::Post, On::Post, On::Cancel]);
        assert_eq!(seen[1].query("retry"), Some("true"));
        assert_eq!(seen[0].query("requestId"), seen[1].query("requestId"));
        assert_eq!(scene.server.executions("select endless"), 1);
        let error = ended.error();
        assert_eq!(error.kind, Kind::Cancelled);
        assert!(error.query_id.is_some());
    }
}

#[test]
fn a_statement_that_cannot_have_begun_is_not_looked_for() {
    let scene = endless();
    scene.server.fault(On::Post, Fault::complaint(429, "390505"));
    let ended = cancel_after(&scene, Task::new("select endless"), 1);
    assert_eq!(scene.server.seen().len(), 1);
    assert_eq!(scene.server.executions("select endless"), 0);
    assert_eq!(ended.error().kind, Kind::Cancelled);
}

#[test]
fn a_statement_that_had_ended_needs_no_cancel() {
    let scene = Scene::new();
    scene
        .server
        .teach("select q", ONE_NUMBER, vec![numbers(1..=2), numbers(3..=4)]);
    // Submitted, running, first partition read.
    let ended = cancel_after(&scene, Task::new("select q"), 3);
    assert_eq!(ended.pauses[2].stage, Stage::Fetch);
    assert!(scene.server.seen().iter().all(|seen| seen.on != On::Cancel));
    assert_eq!(ended.error().kind, Kind::Cancelled);
}

#[test]
fn a_statement_between_two_is_not_sent_any_more() {
    let scene = Scene::new();
    scene.server.teach("select a", ONE_NUMBER, vec![numbers(1..=1)]);
    scene.server.teach("select b", ONE_NUMBER, vec![numbers(1..=1)]);
    let ended = cancel_after(&scene, Task::new("select a").then("select b"), 3);
    assert_eq!(ended.error().kind, Kind::Cancelled);
    assert_eq!(
        (
            scene.server.executions("select a"),
            scene.server.executions("select b")
        ),
        (1, 0)
    );
}

#[test]
fn a_cancel_that_fails_is_tried_three_times() {
    let scene = endless();
    scene
        .server
        .fault(On::Cancel, Fault::Reset)
        .fault(On::Cancel, Fault::status(503));
    let error = cancel_after(&scene, Task::new("select endless"), 2).error();
    assert_eq!(error.message, "the statement was cancelled");

    let scene = endless();
    for _ in 0..3 {
        scene.server.fault(On::Cancel, Fault::status(503));
    }
    let task = Task::new("select endless").timeout(Duration::from_secs(120));
    let ended = cancel_after(&scene, task, 2);
    let cancels = scene
        .server
        .seen()
        .iter()
        .filter(|seen| seen.on == On::Cancel)
        .count();
    assert_eq!(cancels, 3);
    let error = ended.error();
    assert_eq!(error.kind, Kind::Cancelled);
    assert!(error.message.contains("until its timeout of 120 s"), "{error}");
}

#[test]
fn a_cancel_whose_login_expired_renews_it() {
    let scene = endless();
    let token = CancelToken::new();
    let ended = scene.run_with(Task::new("select endless"), &token, |steps| {
        if steps == 2 {
            scene.clock.advance(Duration::from_secs(1));
            scene.server.refuse_tokens(1);
            token.cancel();
        }
    });
    let cancels = scene
        .server
        .seen()
        .iter()
        .filter(|seen| seen.on == On::Cancel)
        .count();
    assert_eq!((cancels, ended.error().kind), (2, Kind::Cancelled));
}

#[test]
fn a_cancel_of_an_unknown_handle_ends_the_job() {
    let scene = endless();
    scene.server.fault(On::Cancel, Fault::complaint(422, "000709"));
    let error = cancel_after(&scene, Task::new("select endless"), 2).error();
    assert_eq!(error.kind, Kind::Cancelled);
    assert!(error.detail.unwrap().contains("000709"));
}

#[test]
fn a_timeout_that_snowflake_keeps_is_typed() {
    let scene = Scene::new();
    let body = json!({ "code": "000630", "message": "Statement reached its statement or warehouse timeout of 2 second(s) and was canceled.", "sqlState": "57014", "statementHandle": "01c0" });
    scene.server.teach_error("select slow", 408, body);
    let ended = scene.run(Task::new("select slow").timeout(Duration::from_secs(2)));
    let error = ended.error();
    assert_eq!(
        (error.kind, error.code.as_deref()),
        (Kind::Timeout, Some("000630"))
    );
    assert_eq!(scene.server.executions("select slow"), 1);
}

#[test]
fn a_timeout_that_snowflake_does_not_keep_is_kept_here() {
    let scene = endless();
    let ended = scene.run(Task::new("select endless").timeout(Duration::from_secs(30)));
    let waited: Duration = ended.pauses.iter().map(|pause| pause.after).sum();
    assert!(
        (Duration::from_secs(30)..Duration::from_secs(45)).contains(&waited),
        "{waited:?}"
    );
    assert_eq!(scene.server.seen().last().unwrap().on, On::Cancel);
    let error = ended.error();
    assert_eq!(error.kind, Kind::Timeout);
    assert_eq!(
        error.message,
        "the statement did not end within 30 s and was cancelled"
    );
}

#[test]
fn a_statement_that_cannot_be_polled_any_more_is_stopped_once() {
    let scene = endless();
    for _ in 0..6 {
        scene.server.fault(On::Get, Fault::status(503));
    }
    let ended = scene.run(Task::new("select endless"));
    assert_eq!(scene.server.seen().last().unwrap().on, On::Cancel);
    assert_eq!(ended.error().kind, Kind::Unavailable);
}

#[test]
fn a_cancel_that_may_not_log_in_says_that_the_statement_may_run() {
    let scene = endless();
    let token = CancelToken::new();
    let ended = scene.run_with(Task::new("select endless"), &token, |steps| {
        if steps == 2 {
            scene.server.refuse_tokens(2);
            token.cancel();
        }
    });
    let error = ended.error();
    assert_eq!(error.kind, Kind::Cancelled);
    assert!(error.message.contains("did not confirm"), "{error}");
}
