//! Health on the wire: what an account sees of those who ask for it, and what they hear of a login that went bad.

use std::io::IoSlice;

use serde_json::Value;
use snowflake_mcp::backend::{CancelToken, Completion, Outcome};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::Service;
use snowflake_mcp::server::{Input, Output, Peer, Server, Settings};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::Clock;
use snowflake_mcp::token::Keys;
use snowflake_mcp::tools;
use snowflake_mcp::workers::step_once;

use super::Scene;
use crate::server::{Fault, On};

/// A server before the scripted account, with a world that runs each step at once.
struct Asked {
    scene: Scene,
    server: Server,
}

impl Asked {
    fn new() -> Self {
        let limits = Limits::default();
        let keys = Keys::random(&mut SeededEntropy::new(3));
        let service = Service::new(&limits, tools::Settings::new(&limits, Policy::default()), keys);
        let settings = Settings {
            probes_logins: true,
            engine: "snowflake",
            limits,
            ..Settings::default()
        };
        Self {
            scene: Scene::new(),
            server: Server::new(settings, service, Box::new(SeededEntropy::new(4))),
        }
    }

    /// Status and document.
    fn ask(&mut self, path: &str) -> (u16, Value) {
        let now = self.scene.clock.now();
        let connection = self.server.accept(now, Peer::Tcp).expect("there is room");
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.server.room(connection)[..request.len()].copy_from_slice(request.as_bytes());
        let count = request.len();
        self.server.handle(now, Input::Received { connection, count });
        let mut slices = [IoSlice::new(&[]); 8];
        let pieces = self.server.pending(connection, &mut slices);
        let answer: Vec<u8> = slices[..pieces].iter().flat_map(|slice| slice.to_vec()).collect();
        let answer = String::from_utf8(answer).expect("text");
        self.server.handle(now, Input::Broken { connection });
        self.work();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (
            status.expect("a status"),
            serde_json::from_str(body).expect("a document"),
        )
    }

    /// Runs what the server gives out, to its end.
    fn work(&mut self) {
        while let Some(output) = self.server.poll_output() {
            let Output::Submit(job) = output else { continue };
            let id = job.id;
            let mut job = *job;
            let outcome = loop {
                match step_once(&self.scene.snowflake, job, &CancelToken::new(), &self.scene.clock) {
                    Outcome::Again { job: next, .. } => job = *next,
                    done @ Outcome::Done(_) => break done,
                }
            };
            let completion = Completion { job: id, outcome };
            self.server
                .handle(self.scene.clock.now(), Input::Completed(completion));
        }
    }

    fn pass_the_time_that_is_believed(&self) {
        self.scene.clock.advance(Limits::default().login_told_age);
    }
}

#[test]
fn no_number_of_questions_about_health_runs_a_statement() {
    let mut asked = Asked::new();
    for _ in 0..200 {
        assert_eq!(asked.ask("/health").0, 200);
        assert_eq!(asked.ask("/health/detailed").0, 200);
        assert_eq!(asked.ask("/health/live").0, 200);
    }
    let seen = asked.scene.server.seen();
    assert_eq!(seen.len(), 1, "and one exchange is enough for all of them");
    assert_eq!(seen[0].method, "GET");
    assert!(seen[0].header("authorization").is_some());
    asked.pass_the_time_that_is_believed();
    asked.ask("/health");
    let seen = asked.scene.server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| seen.method == "GET"), "no statement, ever");
    assert_eq!(asked.ask("/health").1["database"], "healthy");
}

#[test]
fn a_bad_login_is_unhealthy_with_its_reason_before_anybody_has_called_and_healthy_again_after() {
    let mut asked = Asked::new();
    asked.scene.server.refuse_tokens(u32::MAX);
    assert_eq!(
        asked.ask("/health/detailed").1["components"]["database"]["status"],
        "unused"
    );
    let (status, told) = asked.ask("/health/detailed");
    assert_eq!(
        (status, &told["overall_status"]),
        (503, &Value::from("unhealthy"))
    );
    let database = &told["components"]["database"];
    assert_eq!(database["kind"], "login");
    assert!(
        database["error"]
            .as_str()
            .is_some_and(|error| error.contains("RSA_PUBLIC_KEY_2_FP")),
        "{database}"
    );
    assert!(
        database["advice"]
            .as_str()
            .is_some_and(|advice| advice.contains("DESC USER"))
    );
    assert_eq!(asked.ask("/health").1["database"], "unhealthy");
    asked.scene.server.refuse_tokens(0);
    asked.pass_the_time_that_is_believed();
    asked.ask("/health");
    assert_eq!(asked.ask("/health/detailed").0, 200);
}

#[test]
fn an_account_that_does_not_answer_is_told_too() {
    let mut asked = Asked::new();
    for _ in 0..20 {
        asked.scene.server.fault(On::Get, Fault::status(503));
    }
    asked.ask("/health");
    let (status, told) = asked.ask("/health/detailed");
    assert_eq!(status, 503);
    assert_eq!(told["components"]["database"]["kind"], "unavailable");
    assert!(asked.scene.server.seen().iter().all(|seen| seen.method == "GET"));
}
