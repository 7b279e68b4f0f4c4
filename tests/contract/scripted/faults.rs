//! The fault table: what goes wrong between this program and Snowflake, what the call comes to, how often the statement
//! runs, and how long it takes at most. `docs/reliability.md` shows it; here each line is a test.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use snowflake_mcp::backend::{CancelToken, Error, Kind};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::secret::Secret;
use snowflake_mcp::snowflake::http::{Fault as HttpFault, Headers, HttpClient, Method, Request, Response};
use snowflake_mcp::snowflake::{
    Authentication, ClientCredentials, Network, Protocol, Settings, Snowflake, TokenKind,
};
use snowflake_mcp::time::Clock;

use super::{ONE_NUMBER, Scene, numbers, settings};
use crate::drive::{self, Ended, FakeClock, Task, rows};
use crate::server::{End, Fault, On, Script, Server};

const QUERY: &str = "select q";

/// A statement of three partitions that runs for a moment.
fn scene() -> Scene {
    taught(Scene::new())
}

fn taught(scene: Scene) -> Scene {
    let partitions = vec![numbers(1..=2), numbers(3..=4), numbers(5..=5)];
    scene.server.teach(QUERY, ONE_NUMBER, partitions);
    scene
}

/// What a line of the table promises.
struct Line {
    outcome: Result<(), Kind>,
    /// How often the server ran the statement.
    executions: u32,
    seconds_max: u64,
}

impl Line {
    fn passes(seconds_max: u64) -> Self {
        Self {
            outcome: Ok(()),
            executions: 1,
            seconds_max,
        }
    }

    fn fails(kind: Kind, executions: u32, seconds_max: u64) -> Self {
        Self {
            outcome: Err(kind),
            executions,
            seconds_max,
        }
    }
}

/// Runs the statement and holds what comes of it against the line. Returns the time it took, and the error.
#[track_caller]
fn holds(scene: &Scene, line: &Line) -> (Duration, Option<Error>) {
    let began = scene.clock.now().monotonic;
    let ended = scene.run(Task::new(QUERY));
    let took = scene.clock.now().monotonic.since(began);
    assert_eq!(scene.server.executions(QUERY), line.executions);
    assert!(took <= Duration::from_secs(line.seconds_max), "{took:?}");
    assert_eq!(scene.server.left_running(), [""; 0]);
    let error = judged(ended, &line.outcome);
    (took, error)
}

#[track_caller]
fn judged(ended: Ended, expected: &Result<(), Kind>) -> Option<Error> {
    match (ended.outcome, expected) {
        (Ok(results), Ok(())) => {
            assert_eq!(rows(&results[0]), [["1"], ["2"], ["3"], ["4"], ["5"]]);
            None
        }
        (Err(error), Err(kind)) => {
            assert_eq!(error.kind, *kind, "{error}");
            Some(error)
        }
        (outcome, expected) => panic!("expected {expected:?}, got {outcome:?}, {:?}", ended.pauses),
    }
}

fn page(status: u16) -> Fault {
    Fault::Status(status, Vec::new(), "<html>this is proxy-7</html>".to_owned())
}

#[test]
fn too_many_requests_without_a_time_are_repeated() {
    for on in [On::Post, On::Get, On::Partition] {
        let scene = scene();
        scene.server.fault(on, Fault::complaint(429, "390505"));
        holds(&scene, &Line::passes(2));
    }
}

#[test]
fn too_many_requests_with_a_time_are_repeated_then() {
    let scene = scene();
    let headers = vec![("Retry-After", "7".to_owned())];
    scene
        .server
        .fault(On::Post, Fault::Status(429, headers, String::new()));
    let (took, _) = holds(&scene, &Line::passes(8));
    assert!(took >= Duration::from_secs(7), "{took:?}");
}

#[test]
fn three_times_unavailable_is_waited_out() {
    let scene = scene();
    for _ in 0..3 {
        scene.server.fault(On::Post, Fault::status(503));
    }
    holds(&scene, &Line::passes(15));
    assert_eq!(
        scene
            .server
            .seen()
            .iter()
            .filter(|seen| seen.on == On::Post)
            .count(),
        4
    );
}

#[test]
fn a_lost_answer_of_a_submission_runs_nothing_twice() {
    let scene = scene();
    scene.server.fault(On::Post, Fault::Drop);
    holds(&scene, &Line::passes(2));
    assert_eq!(scene.server.seen()[1].query("retry"), Some("true"));
}

#[test]
fn a_connection_that_breaks_in_the_middle_of_a_body_is_read_anew() {
    for on in [On::Get, On::Partition] {
        let scene = scene();
        // The first poll finds it running, and its answer has no rows to be cut.
        scene.server.fault(on, Fault::CutBody).fault(on, Fault::CutBody);
        holds(&scene, &Line::passes(4));
    }
}

#[test]
fn a_compression_that_ends_too_early_is_read_anew() {
    let scene = scene();
    scene.server.fault(On::Partition, Fault::BadGzip);
    holds(&scene, &Line::passes(2));
}

#[test]
fn json_that_is_garbage_is_read_anew() {
    for on in [On::Post, On::Get, On::Partition] {
        let scene = scene();
        scene.server.fault(on, Fault::BadJson);
        holds(&scene, &Line::passes(2));
    }
}

#[test]
fn the_page_of_a_proxy_is_no_answer_whatever_its_status() {
    for status in [200, 502, 503] {
        for on in [On::Post, On::Get, On::Partition] {
            let scene = scene();
            scene.server.fault(on, page(status));
            holds(&scene, &Line::passes(2));
        }
    }
    let scene = scene();
    for _ in 0..6 {
        scene.server.fault(On::Post, page(502));
    }
    let (_, error) = holds(&scene, &Line::fails(Kind::Unavailable, 0, 60));
    let error = error.unwrap();
    assert!(!error.message.contains("proxy-7"), "it is for the log: {error}");
}

#[test]
fn a_login_that_is_refused_once_is_made_anew() {
    for on in [On::Post, On::Get, On::Partition] {
        for fault in [Fault::status(401), Fault::complaint(401, "390144")] {
            let scene = scene();
            scene.server.fault(on, fault);
            holds(&scene, &Line::passes(1));
        }
    }
}

#[test]
fn a_login_that_is_refused_for_ever_is_told_after_two_requests() {
    let scene = scene();
    scene.server.refuse_tokens(u32::MAX);
    let (_, error) = holds(&scene, &Line::fails(Kind::Login, 0, 1));
    assert_eq!(scene.server.seen().len(), 2);
    assert!(error.unwrap().message.contains("RSA_PUBLIC_KEY_FP"));
}

/// A provider that gives these tokens, one a request.
fn provider(tokens: &[&str]) -> (Server, Authentication) {
    let provider = Server::start();
    for token in tokens {
        let body = json!({ "access_token": token, "expires_in": 600, "token_type": "Bearer" });
        provider.fault(On::Post, Fault::Status(200, Vec::new(), body.to_string()));
    }
    let client = ClientCredentials {
        token_url: format!("http://{}/oauth/token", provider.address),
        id: "client".to_owned(),
        secret: Secret::new("hunter2"),
        scope: Some("session:role:R".to_owned()),
        is_secret_in_body: false,
    };
    (provider, Authentication::ClientCredentials(Box::new(client)))
}

#[test]
fn a_token_that_expires_while_a_statement_runs_is_replaced() {
    let (provider, authentication) = provider(&["first", "second"]);
    let scene = taught(Scene::with(authentication));
    scene.server.fault(On::Get, Fault::complaint(401, "390318"));
    holds(&scene, &Line::passes(1));
    assert_eq!(provider.seen().len(), 2);
    assert_eq!(
        provider.seen()[0].header("authorization"),
        Some("Basic Y2xpZW50Omh1bnRlcjI=")
    );
    let seen = scene.server.seen();
    assert_eq!(seen[0].header("authorization"), Some("Bearer first"));
    assert_eq!(
        seen[0].header("x-snowflake-authorization-token-type"),
        Some("OAUTH")
    );
    assert_eq!(seen[1].header("authorization"), Some("Bearer first"));
    assert_eq!(seen[2].target, seen[1].target, "the poll is repeated");
    assert_eq!(seen[2].header("authorization"), Some("Bearer second"));
}

#[test]
fn a_providers_token_is_replaced_before_it_ends() {
    let (provider, authentication) = provider(&["first", "second"]);
    let scene = taught(Scene::with(authentication));
    scene.run(Task::new(QUERY)).result();
    scene.clock.advance(Duration::from_secs(539));
    scene.run(Task::new(QUERY)).result();
    assert_eq!(provider.seen().len(), 1);
    scene.clock.advance(Duration::from_secs(2));
    scene.run(Task::new(QUERY)).result();
    assert_eq!(provider.seen().len(), 2);
    let last = scene.server.seen().pop().unwrap();
    assert_eq!(last.header("authorization"), Some("Bearer second"));
}

#[test]
fn a_provider_that_refuses_or_is_away_is_told_and_nothing_is_sent() {
    let (provider, authentication) = provider(&[]);
    let refusal = json!({ "error": "invalid_client" }).to_string();
    provider.fault(On::Post, Fault::Status(401, Vec::new(), refusal));
    let scene = taught(Scene::with(authentication));
    let (_, error) = holds(&scene, &Line::fails(Kind::Login, 0, 1));
    let message = error.unwrap().message;
    assert!(message.contains("HTTP 401: invalid_client"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
    scene.clock.advance(Duration::from_secs(6));
    for _ in 0..3 {
        provider.fault(On::Post, Fault::status(503));
    }
    let (_, error) = holds(&scene, &Line::fails(Kind::Unavailable, 0, 20));
    assert!(error.unwrap().message.contains("identity provider"));
    assert_eq!(scene.server.seen().len(), 0);
}

#[test]
fn a_token_in_a_file_is_taken_as_it_is_at_each_request() {
    let path = std::env::temp_dir().join(format!("snowflake-mcp-contract-token-{}", std::process::id()));
    std::fs::write(&path, "first\n").unwrap();
    let scene = taught(Scene::with(Authentication::TokenFile {
        path: path.clone(),
        kind: TokenKind::WorkloadIdentity,
    }));
    scene.run(Task::new(QUERY)).result();
    std::fs::write(&path, "second\n").unwrap();
    scene.run(Task::new(QUERY)).result();
    // The same token refused stays refused.
    scene.server.fault(On::Post, Fault::complaint(401, "390303"));
    let error = scene.run(Task::new(QUERY)).error();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(error.kind, Kind::Login);
    let seen = scene.server.seen();
    let sent = |index: usize| seen[index].header("authorization").unwrap();
    assert_eq!(sent(0), "Bearer WIF.OIDC.first");
    assert_eq!(sent(seen.len() - 1), "Bearer WIF.OIDC.second");
    assert_eq!(
        seen[0].header("x-snowflake-authorization-token-type"),
        Some("WORKLOAD_IDENTITY_FEDERATION")
    );
}

#[test]
fn a_partition_that_stays_shorter_than_told_is_an_error() {
    let scene = scene();
    for _ in 0..3 {
        let short = json!({ "data": [["3"]] }).to_string();
        let fault = Fault::Status(200, Vec::new(), short);
        scene.server.fault(On::Partition, fault);
    }
    let (_, error) = holds(&scene, &Line::fails(Kind::Protocol, 1, 5));
    assert!(error.unwrap().query_id.is_some());
}

fn issued_at(authorization: &str) -> u64 {
    let body = authorization.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap();
    claims["iat"].as_u64().unwrap()
}

#[test]
fn a_clock_that_is_ten_minutes_off_is_corrected_by_the_date_of_the_refusal() {
    for (date, off) in [
        ("Sun, 22 Nov 2026 09:50:00 GMT", -600),
        ("Sun, 22 Nov 2026 10:10:00 GMT", 600),
    ] {
        let scene = scene();
        let headers = vec![("Date", date.to_owned())];
        let body = json!({ "code": "390144", "message": "JWT token is invalid." }).to_string();
        scene.server.fault(On::Post, Fault::Status(401, headers, body));
        holds(&scene, &Line::passes(1));
        let seen = scene.server.seen();
        let issued: Vec<_> = seen[..2]
            .iter()
            .map(|seen| issued_at(seen.header("authorization").unwrap()).cast_signed())
            .collect();
        assert_eq!(issued[1] - issued[0], off, "{date}");
    }
}

/// A way to Snowflake that fails in one way, and takes its time for it.
struct Broken {
    clock: FakeClock,
    takes: Duration,
    fault: HttpFault,
    exchanges: Arc<AtomicU32>,
}

impl HttpClient for Broken {
    fn exchange(&self, _: &Request<'_>) -> Result<Response, HttpFault> {
        self.exchanges.fetch_add(1, Ordering::SeqCst);
        self.clock.advance(self.takes);
        Err(self.fault.clone())
    }
}

/// What a statement comes to over `Broken`, with how many exchanges and after how long.
fn over_broken(fault: HttpFault, takes: Duration) -> (Error, u32, Duration) {
    let clock = FakeClock::new();
    let exchanges = Arc::new(AtomicU32::new(0));
    let http = Broken {
        clock: clock.clone(),
        takes,
        fault,
        exchanges: Arc::clone(&exchanges),
    };
    let settings = Settings::new("myorg-acct", Authentication::OAuth(Secret::new("t")));
    let entropy = Box::new(SeededEntropy::new(3));
    let snowflake = Snowflake::with_http(settings, Box::new(http), Box::new(clock.clone()), entropy).unwrap();
    let began = clock.now().monotonic;
    let ended = drive::run(&snowflake, Task::new(QUERY), &CancelToken::new(), |between| {
        clock.advance(between.after);
    });
    let took = clock.now().monotonic.since(began);
    (ended.error(), exchanges.load(Ordering::SeqCst), took)
}

#[test]
fn a_host_that_is_unknown_is_told_after_three_attempts() {
    let (error, exchanges, took) = over_broken(HttpFault::HostUnknown, Duration::ZERO);
    assert_eq!((error.kind, exchanges), (Kind::Unavailable, 3));
    assert!(error.message.contains("SNOWFLAKE_ACCOUNT"), "{error}");
    assert!(took <= Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_connection_that_is_not_made_in_time_is_told_after_three_attempts() {
    let timeout = HttpFault::TimedOut { was_sent: false };
    let (error, exchanges, took) = over_broken(timeout, Duration::from_secs(10));
    assert_eq!((error.kind, exchanges), (Kind::Unavailable, 3));
    assert!(took <= Duration::from_secs(35), "{took:?}");
}

/// A server whose first result stalls in the middle.
struct Stalling {
    clock: FakeClock,
    submitted: Arc<AtomicU32>,
    polls: AtomicU32,
}

struct Stalled {
    clock: FakeClock,
    left: &'static [u8],
}

impl Read for Stalled {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() {
            // What the client's own limit for a silent body makes of it.
            self.clock.advance(Duration::from_secs(20));
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.left.read(into)
    }
}

impl HttpClient for Stalling {
    fn exchange(&self, request: &Request<'_>) -> Result<Response, HttpFault> {
        let result = r#"{"resultSetMetaData":{"numRows":1,"partitionInfo":[{"rowCount":1}],"rowType":[{"name":"N","type":"fixed"}]},"data":[["1"]],"code":"090001"}"#;
        let (status, body): (u16, Box<dyn Read + Send>) = match request.method {
            Method::Post(_) => {
                self.submitted.fetch_add(1, Ordering::SeqCst);
                let body = r#"{"code":"333334","statementHandle":"01c0-ffee"}"#;
                (202, Box::new(body.as_bytes()))
            }
            Method::Get if self.polls.fetch_add(1, Ordering::SeqCst) == 0 => {
                let clock = self.clock.clone();
                let left = &result.as_bytes()[..100];
                (200, Box::new(Stalled { clock, left }))
            }
            Method::Get => (200, Box::new(result.as_bytes())),
        };
        Ok(Response {
            status,
            headers: Headers::default(),
            body,
        })
    }
}

#[test]
fn a_body_that_stalls_is_given_up_and_read_anew() {
    let clock = FakeClock::new();
    let submitted = Arc::new(AtomicU32::new(0));
    let http = Stalling {
        clock: clock.clone(),
        submitted: Arc::clone(&submitted),
        polls: AtomicU32::new(0),
    };
    let settings = Settings::new("a", Authentication::OAuth(Secret::new("t")));
    let entropy = Box::new(SeededEntropy::new(3));
    let snowflake = Snowflake::with_http(settings, Box::new(http), Box::new(clock.clone()), entropy).unwrap();
    let began = clock.now().monotonic;
    let ended = drive::run(&snowflake, Task::new(QUERY), &CancelToken::new(), |between| {
        clock.advance(between.after);
    });
    assert_eq!(rows(&ended.result()), [["1"]]);
    assert_eq!(submitted.load(Ordering::SeqCst), 1);
    assert!(clock.now().monotonic.since(began) <= Duration::from_secs(22));
}

#[test]
fn an_account_that_is_down_is_left_alone_and_told_with_the_next_attempt() {
    let scene = scene();
    for _ in 0..12 {
        scene.server.fault(On::Post, Fault::status(503));
    }
    scene.run(Task::new(QUERY)).error();
    // The tenth failure in a row opens the breaker. What may run by then waits for the probes, after 5 and 10 s.
    scene.run(Task::new(QUERY)).error();
    assert_eq!(scene.server.seen().len(), 12);
    // Who comes now is told at once.
    let ended = scene.run(Task::new(QUERY));
    assert_eq!(
        (ended.retries(), scene.server.seen().len()),
        (0, 12),
        "nobody was asked"
    );
    let error = ended.error();
    assert_eq!(error.kind, Kind::Unavailable);
    let told = "Snowflake answered HTTP 503 without a reason; it failed 12 times in a row, so the next attempt is made in 20 s";
    assert_eq!(error.message, told);
    assert_eq!(error.retry_after, Some(Duration::from_secs(20)));
    scene.clock.advance(Duration::from_secs(20));
    assert_eq!(scene.run(Task::new(QUERY)).result().returned(), 5);
    assert_eq!(scene.server.executions(QUERY), 1);
}

#[test]
fn a_statement_that_runs_outlives_an_outage_that_leaves_its_account_alone() {
    let scene = scene();
    let script = Script {
        polls: 3,
        end: End::Rows(vec![("N".to_owned(), "fixed".to_owned())], vec![numbers(1..=1)]),
        is_synchronous: false,
    };
    scene.server.script("select long", script);
    let mut steps = 0;
    let ended = drive::run(
        &scene.snowflake,
        Task::new("select long"),
        &CancelToken::new(),
        |between| {
            steps += 1;
            if steps == 2 {
                // Others meet an outage meanwhile.
                for _ in 0..12 {
                    scene.server.fault(On::Post, Fault::status(503));
                }
                scene.run(Task::new(QUERY)).error();
                scene.run(Task::new(QUERY)).error();
            }
            scene.clock.advance(between.after);
        },
    );
    assert_eq!(rows(&ended.result()), [["1"]]);
    assert_eq!(scene.server.executions("select long"), 1);
}

#[test]
fn a_host_behind_a_proxy_is_asked_for_through_it() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let scene = scene();
    let mut settings = settings(&scene.server, Authentication::OAuth(Secret::new("hunter2")));
    settings.host = Some("myorg-acct.privatelink.snowflakecomputing.com".to_owned());
    settings.port = None;
    settings.protocol = Protocol::Https;
    settings.network = Network {
        proxy: Some(Secret::new(format!("http://{address}"))),
        ..Network::default()
    };
    let clock = Box::new(FakeClock::new());
    let snowflake = Snowflake::new(settings, clock, Box::new(SeededEntropy::new(1))).unwrap();
    let asked = std::thread::scope(|scope| {
        let proxy = scope.spawn(|| {
            let mut asked = Vec::new();
            for _ in 0..3 {
                let (mut stream, _) = proxy.accept().unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    head.push(byte[0]);
                }
                asked.push(String::from_utf8(head).unwrap());
                stream
                    .write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                    .unwrap();
            }
            asked
        });
        let ended = drive::run(&snowflake, Task::new(QUERY), &CancelToken::new(), |_| {});
        assert_eq!(ended.error().kind, Kind::Unavailable);
        proxy.join().unwrap()
    });
    for head in asked {
        assert!(
            head.starts_with("CONNECT myorg-acct.privatelink.snowflakecomputing.com:443 HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(!head.contains("hunter2"), "the token is for the host alone");
    }
}
