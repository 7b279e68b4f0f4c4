//! What goes wrong on the way, and what must not happen because of it: a statement that runs twice, a wait without
//! end, an error that nobody can act on.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use snowflake_mcp::backend::{Backend, CancelToken, Kind, Progress, Stage, Step};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::secret::Secret;
use snowflake_mcp::snowflake::http::{Fault as HttpFault, Headers, HttpClient, Request, Response};
use snowflake_mcp::snowflake::{Authentication, KeySource, Protocol, Settings, Snowflake};
use snowflake_mcp::sql::guard::{Policy, UncheckedStatement};

use super::{ONE_NUMBER, Scene, numbers, settings};
use crate::drive::{self, FakeClock, Task, rows};
use crate::server::{End, Fault, On, Script, Server};

fn scene() -> Scene {
    let scene = Scene::new();
    scene.server.teach(
        "select q",
        ONE_NUMBER,
        vec![numbers(1..=2), numbers(3..=4), numbers(5..=5)],
    );
    scene
}

#[track_caller]
fn passes(scene: &Scene, on: On, fault: Fault) {
    scene.server.fault(on, fault.clone());
    let ended = scene.run(Task::new("select q"));
    assert_eq!(ended.retries(), 1, "{on:?} {fault:?}");
    assert_eq!(
        rows(&ended.result()),
        [["1"], ["2"], ["3"], ["4"], ["5"]],
        "{on:?} {fault:?}"
    );
}

#[test]
fn a_lost_answer_is_asked_for_again_and_the_statement_runs_once() {
    for fault in [
        Fault::Drop,
        Fault::Reset,
        Fault::CutBody,
        Fault::NoHttp,
        Fault::status(500),
        Fault::status(502),
        Fault::status(503),
        Fault::status(504),
        Fault::complaint(429, "390505"),
    ] {
        let scene = scene();
        passes(&scene, On::Post, fault.clone());
        assert_eq!(scene.server.executions("select q"), 1, "{fault:?}");
        let seen = scene.server.seen();
        assert_eq!(seen[0].query("requestId"), seen[1].query("requestId"));
        assert_eq!(
            (seen[0].query("retry"), seen[1].query("retry")),
            (None, Some("true"))
        );
        assert_eq!(seen[0].body, seen[1].body);
    }
}

#[test]
fn a_poll_and_a_partition_are_repeated_whatever_broke_them() {
    for on in [On::Get, On::Partition] {
        for fault in [
            Fault::Drop,
            Fault::Reset,
            Fault::CutBody,
            Fault::status(503),
            Fault::complaint(429, "390505"),
        ] {
            passes(&scene(), on, fault);
        }
    }
    for fault in [Fault::BadGzip, Fault::BadJson] {
        passes(&scene(), On::Partition, fault);
    }
}

#[test]
fn a_result_that_breaks_off_in_its_first_answer_is_read_anew() {
    for fault in [Fault::CutBody, Fault::BadJson, Fault::BadGzip] {
        let scene = Scene::new();
        let end = End::Rows(
            vec![("N".to_owned(), "fixed".to_owned())],
            vec![numbers(1..=3_000), numbers(3_001..=3_001)],
        );
        scene.server.script(
            "select q",
            Script {
                polls: 0,
                end: end.clone(),
                is_synchronous: false,
            },
        );
        scene.server.fault(On::Get, fault.clone());
        let result = scene.run(Task::new("select q")).result();
        assert_eq!(result.returned(), 3_001, "{fault:?}");

        // The same when the POST itself brings the result: the handle stands in the Link header.
        scene.server.script(
            "select p",
            Script {
                polls: 0,
                end,
                is_synchronous: true,
            },
        );
        scene.server.fault(On::Post, fault.clone());
        assert_eq!(
            scene.run(Task::new("select p")).result().returned(),
            3_001,
            "{fault:?}"
        );
        assert_eq!(scene.server.executions("select p"), 1);
    }
}

#[test]
fn a_failure_that_stays_is_told_after_six_attempts() {
    let scene = scene();
    for _ in 0..6 {
        scene.server.fault(On::Post, Fault::status(503));
    }
    let ended = scene.run(Task::new("select q"));
    assert_eq!((ended.retries(), scene.server.seen().len()), (5, 6));
    let waited: Duration = ended.pauses.iter().map(|pause| pause.after).sum();
    assert!(
        waited >= Duration::from_millis(1_250) && waited <= Duration::from_secs(60),
        "{waited:?}"
    );
    let error = ended.error();
    assert_eq!(error.kind, Kind::Unavailable);
    assert_eq!(error.message, "Snowflake answered HTTP 503 without a reason");
}

#[test]
fn an_answer_that_stays_unreadable_is_a_protocol_error() {
    for fault in [Fault::BadGzip, Fault::BadJson] {
        let scene = scene();
        for _ in 0..3 {
            scene.server.fault(On::Partition, fault.clone());
        }
        let ended = scene.run(Task::new("select q"));
        assert_eq!(ended.retries(), 2, "{fault:?}");
        assert_eq!(ended.error().kind, Kind::Protocol, "{fault:?}");
    }
}

#[test]
fn a_partition_that_is_short_of_rows_is_never_passed_off_as_whole() {
    let scene = scene();
    for _ in 0..3 {
        let short = json!({ "data": [["3"]] }).to_string();
        scene
            .server
            .fault(On::Partition, Fault::Status(200, Vec::new(), short));
    }
    let error = scene.run(Task::new("select q")).error();
    assert_eq!(error.kind, Kind::Protocol);
    assert!(error.detail.unwrap().contains("its metadata says 2"));
}

#[test]
fn retry_after_is_kept() {
    let scene = scene();
    let fault = |seconds: &str| {
        let headers = vec![("Retry-After", seconds.to_owned())];
        Fault::Status(503, headers, String::new())
    };
    scene.server.fault(On::Post, fault("20"));
    scene.server.fault(On::Partition, fault("3"));
    let ended = scene.run(Task::new("select q"));
    let waits: Vec<_> = ended
        .pauses
        .iter()
        .filter(|pause| pause.progress == Progress::Retrying)
        .map(|pause| pause.after.as_secs())
        .collect();
    assert_eq!(waits, [20, 3]);
    assert_eq!(ended.result().returned(), 5);

    let headers = vec![("Retry-After", "3600".to_owned())];
    scene
        .server
        .fault(On::Post, Fault::Status(429, headers, String::new()));
    let ended = scene.run(Task::new("select q"));
    assert_eq!(ended.retries(), 0, "nobody waits an hour inside a call");
    let error = ended.error();
    assert_eq!(
        (error.kind, error.retry_after),
        (Kind::TooManyRequests, Some(Duration::from_secs(3_600)))
    );
}

#[test]
fn a_429_that_says_running_is_a_poll_like_another() {
    let scene = scene();
    let running = json!({ "code": "333334", "message": "running", "statementHandle": "x" });
    for _ in 0..20 {
        scene
            .server
            .fault(On::Get, Fault::Status(429, Vec::new(), running.to_string()));
    }
    let ended = scene.run(Task::new("select q"));
    assert_eq!(ended.retries(), 0);
    assert_eq!(ended.result().returned(), 5);
}

#[test]
fn what_the_caller_or_the_operator_did_is_never_repeated() {
    for (status, code, kind) in [
        (400, "390186", Kind::Configuration),
        (400, "000900", Kind::Syntax),
        (401, "390101", Kind::Login),
        (403, "390422", Kind::Forbidden),
        (408, "000630", Kind::Timeout),
        (422, "002003", Kind::NotFound),
    ] {
        let scene = scene();
        scene.server.fault(On::Post, Fault::complaint(status, code));
        let ended = scene.run(Task::new("select q"));
        assert_eq!(scene.server.seen().len(), 1, "{code}");
        assert_eq!(ended.error().kind, kind, "{code}");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let scene = scene();
    let elsewhere = Server::start();
    let location = format!("http://{}/api/v2/statements", elsewhere.address);
    let headers = vec![("Location", location)];
    scene
        .server
        .fault(On::Post, Fault::Status(307, headers, String::new()));
    let error = scene.run(Task::new("select q")).error();
    assert_eq!(error.kind, Kind::Configuration);
    assert!(error.advice().contains("SNOWFLAKE_HOST"), "{error}");
    assert_eq!(elsewhere.seen().len(), 0, "the token must not go there");
}

#[test]
fn an_expired_login_is_renewed_once_wherever_it_expires() {
    let scene = scene();
    let script = Script {
        polls: 3,
        end: End::Rows(
            vec![("N".to_owned(), "fixed".to_owned())],
            vec![numbers(1..=2), numbers(3..=3)],
        ),
        is_synchronous: false,
    };
    scene.server.script("select long", script);
    // A token to be refused.
    scene.run(Task::new("select q")).result();
    for refused_at in 0..6 {
        let before = scene.server.seen().len();
        // Another second, so that a renewed token differs from the refused one.
        scene.clock.advance(Duration::from_secs(1));
        if refused_at == 0 {
            scene.server.refuse_tokens(1);
        }
        let ended = scene.run_with(Task::new("select long"), &CancelToken::new(), |steps| {
            if steps == refused_at {
                scene.clock.advance(Duration::from_secs(1));
                scene.server.refuse_tokens(1);
            }
        });
        assert_eq!(ended.result().returned(), 3, "refused at {refused_at}");
        let seen = &scene.server.seen()[before..];
        let refused = seen[refused_at].header("authorization");
        assert_eq!(seen[refused_at].target, seen[refused_at + 1].target);
        assert_ne!(refused, seen[refused_at + 1].header("authorization"));
    }
    assert_eq!(scene.server.executions("select long"), 6);
}

#[test]
fn a_login_that_is_refused_twice_is_told_with_what_to_compare() {
    let scene = scene();
    scene.server.refuse_tokens(2);
    let ended = scene.run(Task::new("select q"));
    assert_eq!(scene.server.seen().len(), 2);
    let error = ended.error();
    assert_eq!((error.kind, error.code.as_deref()), (Kind::Login, Some("390144")));
    let fingerprint = include_str!("../keys/fingerprint.txt").trim();
    for part in [
        fingerprint,
        "TESTORG-TESTACCT.TESTUSER",
        "RSA_PUBLIC_KEY_FP",
        "RSA_PUBLIC_KEY_2_FP",
    ] {
        assert!(error.message.contains(part), "{error}");
    }
    // And the next call tries anew.
    assert_eq!(scene.run(Task::new("select q")).result().returned(), 5);
}

#[test]
fn a_clock_that_is_wrong_is_told_when_a_login_fails() {
    let scene = scene();
    let headers = || vec![("Date", "Sun, 22 Nov 2026 09:50:00 GMT".to_owned())];
    let body = json!({ "code": "390144", "message": "JWT token is invalid." }).to_string();
    for _ in 0..2 {
        scene
            .server
            .fault(On::Post, Fault::Status(401, headers(), body.clone()));
    }
    let error = scene.run(Task::new("select q")).error();
    assert!(
        error
            .message
            .contains("this machine's clock is 600 s ahead of Snowflake's"),
        "{error}"
    );
}

#[test]
fn a_token_that_cannot_be_renewed_is_refused_once_and_never_shown() {
    let scene = Scene::with(Authentication::ProgrammaticAccessToken(Secret::new("hunter2")));
    scene.server.refuse_tokens(1);
    let error = scene.run(Task::new("select q")).error();
    assert_eq!(scene.server.seen().len(), 1);
    assert_eq!(error.kind, Kind::Login);
    assert!(error.message.contains("programmatic access token"), "{error}");
    assert!(!format!("{error:?} {:?}", scene.snowflake).contains("hunter2"));
}

#[test]
fn a_key_that_cannot_be_used_is_an_error_of_the_call() {
    let scene = Scene::with(Authentication::KeyPair {
        key: KeySource::File("/nonexistent/rsa_key.p8".into()),
        passphrase: None,
    });
    let error = scene.run(Task::new("select q")).error();
    assert_eq!(error.kind, Kind::Login);
    assert!(error.message.contains("SNOWFLAKE_PRIVATE_KEY_PATH"), "{error}");
    assert!(!error.message.contains("/nonexistent"), "{error}");
    assert!(error.detail.unwrap().contains("/nonexistent"));
    assert_eq!(scene.server.seen().len(), 0);
}

#[test]
fn a_host_that_nobody_listens_on_is_told_after_three_attempts() {
    let scene = scene();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = settings(&scene.server, Authentication::OAuth(Secret::new("t")));
    settings.port = Some(closed.local_addr().unwrap().port());
    drop(closed);
    let snowflake = Snowflake::new(
        settings,
        Box::new(FakeClock::new()),
        Box::new(SeededEntropy::new(1)),
    )
    .unwrap();
    let ended = drive::run(&snowflake, Task::new("select q"), &CancelToken::new(), |_| {});
    assert_eq!(ended.retries(), 2);
    assert!(ended.pauses.iter().all(|pause| pause.stage == Stage::Submit));
    let error = ended.error();
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.message.contains("no connection to 127.0.0.1"), "{error}");
}

#[test]
fn a_statement_that_the_guard_has_not_seen_is_not_sent() {
    let scene = scene();
    let mut job = Task::new("select q").into_job();
    job.work.unchecked = Some(UncheckedStatement::new("select q".to_owned(), Policy::default()));
    match scene.snowflake.step(job, &CancelToken::new()) {
        Step::Done(_, Err(error)) => assert_eq!(error.kind, Kind::Internal),
        other => panic!("{other:?}"),
    }
    assert_eq!(scene.server.seen().len(), 0);
}

/// A network that is gone for a while after the first request.
struct Blinking {
    requests: AtomicU32,
    gone_for: u32,
}

impl HttpClient for Blinking {
    fn exchange(&self, _: &Request<'_>) -> Result<Response, HttpFault> {
        let body = match self.requests.fetch_add(1, Ordering::SeqCst) {
            0 => (202, r#"{"code":"333334","statementHandle":"01c0-ffee"}"#),
            number if number <= self.gone_for => return Err(HttpFault::HostUnknown),
            _ => (
                200,
                r#"{"resultSetMetaData":{"rowType":[]},"data":[],"code":"090001"}"#,
            ),
        };
        Ok(Response {
            status: body.0,
            headers: Headers::default(),
            body: Box::new(body.1.as_bytes()),
        })
    }
}

#[test]
fn a_network_that_is_gone_for_a_moment_does_not_cost_a_running_statement() {
    let ended = |gone_for| {
        let http = Blinking {
            requests: AtomicU32::new(0),
            gone_for,
        };
        let settings = Settings::new("a", Authentication::OAuth(Secret::new("t")));
        let clock = Box::new(FakeClock::new());
        let entropy = Box::new(SeededEntropy::new(3));
        let snowflake = Snowflake::with_http(settings, Box::new(http), clock, entropy).unwrap();
        drive::run(&snowflake, Task::new("select q"), &CancelToken::new(), |_| {})
    };
    assert_eq!(ended(5).results().len(), 1);
    assert_eq!(ended(20).error().kind, Kind::Unavailable);
}

#[test]
fn a_host_that_speaks_no_tls_is_told_so() {
    let scene = scene();
    let mut settings = settings(&scene.server, Authentication::OAuth(Secret::new("t")));
    settings.protocol = Protocol::Https;
    let snowflake = Snowflake::new(
        settings,
        Box::new(FakeClock::new()),
        Box::new(SeededEntropy::new(1)),
    )
    .unwrap();
    let ended = drive::run(&snowflake, Task::new("select q"), &CancelToken::new(), |_| {});
    let error = ended.error();
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.message.contains("could not prove who it is"), "{error}");
}

#[test]
fn a_result_that_is_no_longer_kept_says_so() {
    let scene = scene();
    let gone = json!({ "code": "000709", "message": "Statement x not found", "sqlState": "02000" });
    scene
        .server
        .fault(On::Partition, Fault::Status(400, Vec::new(), gone.to_string()));
    let error = scene.run(Task::new("select q")).error();
    assert_eq!(error.kind, Kind::ResultGone);
    assert!(error.query_id.is_some());
}

#[test]
fn a_proxys_page_is_an_outage_with_its_beginning_in_the_log() {
    let scene = scene();
    for _ in 0..6 {
        let page = "<html>bad gateway at proxy-7</html>".to_owned();
        scene.server.fault(On::Post, Fault::Status(502, Vec::new(), page));
    }
    let error = scene.run(Task::new("select q")).error();
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(!error.message.contains("proxy-7"));
    assert!(error.detail.unwrap().contains("proxy-7"));
}

#[test]
fn a_result_that_snowflake_cut_is_an_error() {
    let scene = scene();
    let cut = r#"{"resultSetMetaData":{"numRows":1,"partitionInfo":[{"rowCount":1}],"rowType":[{"name":"N","type":"fixed"}]},"data":[["1"]],"code":"391908","message":"Result too large."}"#;
    scene
        .server
        .fault(On::Get, Fault::Status(200, Vec::new(), cut.to_owned()));
    let error = scene.run(Task::new("select q")).error();
    assert_eq!(
        (error.kind, error.code.as_deref()),
        (Kind::ResultTooLarge, Some("391908"))
    );
}

#[test]
fn a_handle_that_could_change_a_path_is_not_used() {
    let scene = scene();
    let body = json!({ "code": "333334", "statementHandle": "../../session?x" });
    scene
        .server
        .fault(On::Post, Fault::Status(202, Vec::new(), body.to_string()));
    assert_eq!(scene.run(Task::new("select q")).error().kind, Kind::Protocol);
    assert_eq!(scene.server.seen().len(), 1);
}
