//! The Snowflake client against a running SQL API server: a SQL engine and a wire that we did not write.
//!
//! | variable | meaning |
//! |---|---|
//! | `SNOWFLAKE_CONTRACT_URL` | the server, e.g. `http://127.0.0.1:8084`; without it nothing here is run |
//! | `SNOWFLAKE_CONTRACT_KEY` | private key file of user TESTUSER of account TESTORG-TESTACCT |
//! | `SNOWFLAKE_CONTRACT_KEY_PASSPHRASE` | what decrypts it, when it is encrypted |
//! | `SNOWFLAKE_CONTRACT_TOKEN` | a programmatic access token |
//! | `SNOWFLAKE_CONTRACT_OAUTH` | an OAuth access token |
//! | `SNOWFLAKE_CONTRACT_WIF` | file with a workload's identity token |
//!
//! `tests/interop/run` sets them. At least one of them must be set; of several, each is used. The server must
//! have the table `DB1.S1.T1` of `tests/interop/seed.sql`, and understand the switches in comments (`/*sleep 2*/`,
//! `/*fault post drop*/`, …).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use snowflake_mcp::backend::{CancelToken, Error, Kind};
use snowflake_mcp::entropy::SystemEntropy;
use snowflake_mcp::secret::Secret;
use snowflake_mcp::snowflake::{Authentication, KeySource, Protocol, Settings, Snowflake, TokenKind};
use snowflake_mcp::time::{Clock, SystemClock};

use crate::behaviours::{self, Subject, Table};
use crate::drive::{self, Ended, Task, rows};
use crate::showing::Listed;

/// Lets real time pass: there is nothing to wait for but the server's clock.
fn pause(after: Duration) {
    let (_kept, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(after);
}

fn run(snowflake: &Snowflake, task: Task) -> Ended {
    drive::run(snowflake, task, &CancelToken::new(), |between| {
        pause(between.after);
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The logins to try; empty when no server is named.
fn logins() -> Vec<(&'static str, Snowflake)> {
    let Some(url) = variable("SNOWFLAKE_CONTRACT_URL") else {
        println!("SNOWFLAKE_CONTRACT_URL is not set: no SQL API server was asked");
        return Vec::new();
    };
    let key = variable("SNOWFLAKE_CONTRACT_KEY").map(|path| Authentication::KeyPair {
        key: KeySource::File(path.into()),
        passphrase: variable("SNOWFLAKE_CONTRACT_KEY_PASSPHRASE").map(Secret::new),
    });
    let token = variable("SNOWFLAKE_CONTRACT_TOKEN")
        .map(|token| Authentication::ProgrammaticAccessToken(Secret::new(token)));
    let oauth = variable("SNOWFLAKE_CONTRACT_OAUTH").map(|token| Authentication::OAuth(Secret::new(token)));
    let workload = variable("SNOWFLAKE_CONTRACT_WIF").map(|path| Authentication::TokenFile {
        path: path.into(),
        kind: TokenKind::WorkloadIdentity,
    });
    let all = [
        ("key pair", key),
        ("token", token),
        ("oauth", oauth),
        ("workload", workload),
    ];
    let logins: Vec<_> = all
        .into_iter()
        .filter_map(|(name, authentication)| Some((name, client(&url, authentication?))))
        .collect();
    assert!(
        !logins.is_empty(),
        "SNOWFLAKE_CONTRACT_URL is set: set SNOWFLAKE_CONTRACT_KEY or another credential too"
    );
    logins
}

fn client(url: &str, authentication: Authentication) -> Snowflake {
    let (scheme, authority) = url
        .split_once("://")
        .expect("SNOWFLAKE_CONTRACT_URL has a scheme");
    let (host, port) = authority
        .trim_end_matches('/')
        .rsplit_once(':')
        .expect("SNOWFLAKE_CONTRACT_URL has a port");
    let settings = Settings {
        user: Some("TESTUSER".to_owned()),
        host: Some(host.to_owned()),
        port: Some(port.parse().expect("a port is a number")),
        protocol: if scheme == "http" {
            Protocol::Http
        } else {
            Protocol::Https
        },
        ..Settings::new("TESTORG-TESTACCT", authentication)
    };
    Snowflake::new(settings, Box::new(SystemClock::new()), Box::new(SystemEntropy)).unwrap()
}

/// A comment that makes a statement another one each time: faults are counted by text.
fn unique() -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    format!("/*{}*/", now.as_nanos())
}

fn faulty(fault: &str, sql: &str) -> Task {
    Task::new(&format!("{sql} {fault} {}", unique()))
}

#[test]
fn a_live_server_keeps_the_contract() {
    for (name, snowflake) in logins() {
        behaviours::check_all(&Subject {
            name,
            backend: &snowflake,
            pause: &pause,
            table: Table {
                database: "DB1",
                schema: "S1",
                name: "T1",
                rows: 2,
            },
            listed: Listed {
                database: "DB1",
                table: ["S1", "T1", "AMOUNT"],
                view: ["S1", "NAMED"],
                role: "TESTROLE",
                // The engine behind it has neither roles nor grants, and lists nothing in a schema that is not there.
                lacks: &[("SHOW ROLES", Kind::NotFound), ("SHOW GRANTS", Kind::Syntax)],
                knows_missing_scopes: false,
            },
        });
    }
}

#[test]
fn a_live_server_may_fail_on_the_way() {
    const FOUR: &str = "select column1 as n from (values (1),(2),(3),(4)) order by 1 /*partition_rows 2*/";
    for (name, snowflake) in logins() {
        for (fault, retries) in [
            ("/*fault post drop*/", 1),
            ("/*fault post reset*/", 1),
            ("/*fault post 503;retry-after=1*/", 1),
            ("/*fault post 429 x2*/", 2),
            ("/*fault get 502*/", 1),
            ("/*fault get 401*/", if name == "key pair" { 1 } else { 0 }),
            ("/*fault part badgzip*/", 1),
            ("/*fault part badjson*/", 1),
            ("/*fault part drop*/", 1),
            ("/*fault part 500 x2*/", 2),
        ] {
            let ended = run(&snowflake, faulty(fault, FOUR));
            if fault.contains("401") && retries == 0 {
                assert_eq!(ended.error().kind, Kind::Login, "{name} {fault}");
                continue;
            }
            assert_eq!(ended.retries(), retries, "{name} {fault}: {:?}", ended.pauses);
            assert_eq!(
                rows(&ended.result()),
                [["1"], ["2"], ["3"], ["4"]],
                "{name} {fault}"
            );
        }
    }
}

/// How often the server really ran a statement, by its own count.
fn executions(statement: &str) -> Option<u64> {
    let url = variable("SNOWFLAKE_CONTRACT_URL")?;
    let address = url.strip_prefix("http://")?.trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /__test/log HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let log: serde_json::Value = serde_json::from_str(body).unwrap();
    log["executions"][statement].as_u64()
}

#[test]
fn a_lost_answer_runs_once_on_a_live_server() {
    for (name, snowflake) in logins() {
        let statement = format!("select 1 as n /*fault post drop*/ {}", unique());
        let ended = run(&snowflake, Task::new(&statement));
        assert_eq!(ended.retries(), 1, "{name}");
        assert_eq!(rows(&ended.result()), [["1"]], "{name}");
        assert_eq!(executions(&statement), Some(1), "{name}");
    }
}

#[test]
fn a_live_server_types_its_errors() {
    for (name, snowflake) in logins() {
        let fail = |comment: &str| -> Error { run(&snowflake, faulty(comment, "select 1")).error() };
        let error = fail("/*error 100051 22012 Division by zero*/");
        assert_eq!(
            (error.kind, error.code.as_deref()),
            (Kind::Execution, Some("100051")),
            "{name}"
        );
        assert!(error.query_id.is_some(), "{name}");
        assert_eq!(fail("/*forget*/").kind, Kind::ResultGone, "{name}");
        assert_eq!(
            fail("/*error 000606 57P03 No active warehouse selected*/").kind,
            Kind::NoWarehouse,
            "{name}"
        );
        let slow = faulty("/*sleep 5*/", "select 1").timeout(Duration::from_millis(900));
        assert_eq!(run(&snowflake, slow).error().kind, Kind::Timeout, "{name}");
    }
}

#[test]
fn a_live_server_is_told_to_cancel() {
    for (name, snowflake) in logins() {
        let token = CancelToken::new();
        let clock = SystemClock::new();
        let ended = drive::run(
            &snowflake,
            faulty("/*sleep 20*/", "select 1"),
            &token,
            |between| {
                pause(between.after);
                if between.after >= Duration::from_millis(100) {
                    token.cancel();
                }
            },
        );
        assert_eq!(ended.error().kind, Kind::Cancelled, "{name}");
        let elapsed = clock.now().monotonic.as_micros();
        assert!(elapsed < 8_000_000, "{name}: {elapsed} µs");

        // The POST's answer is lost, then the caller goes away.
        let token = CancelToken::new();
        let task = faulty("/*sleep 3*/ /*fault post drop*/", "select 1");
        let ended = drive::run(&snowflake, task, &token, |_| token.cancel());
        assert_eq!(ended.error().kind, Kind::Cancelled, "{name}");
    }
}

#[test]
fn a_live_server_sends_twenty_thousand_rows() {
    for (name, snowflake) in logins() {
        let sql = "select seq4() as n, 'row ' || seq4() as s from table(generator(rowcount => 20000))";
        let result = run(&snowflake, Task::new(sql)).result();
        assert_eq!(
            (result.returned(), result.total),
            (20_000, Some(20_000)),
            "{name}"
        );
        let result = run(&snowflake, Task::new(sql).rows_max(2_500)).result();
        assert_eq!(
            (result.returned(), result.is_truncated()),
            (2_500, true),
            "{name}"
        );
    }
}

#[test]
fn a_live_server_sends_every_type_that_it_has() {
    for (name, snowflake) in logins() {
        let task = Task::new("select * from t1 order by id").within("DB1", "S1");
        let result = run(&snowflake, task).result();
        let all = rows(&result);
        assert_eq!(
            all[0],
            [
                "1",
                "12.50",
                "1.5",
                "\"x\"",
                "true",
                "\"2020-01-02\"",
                "\"12:34:56\"",
                "\"2020-01-02T03:04:05.678\"",
                "\"2020-01-02T01:04:05.678+00:00\"",
                "`{\"a\":[1,2]}`",
                "`[1,2]`",
                "\"DEADBEEF\"",
            ],
            "{name}"
        );
        assert_eq!(all[1][2..], ["null"; 10], "{name}");
    }
}
