//! Who comes in: every route with every credential, origin and host, as one written table (`access.txt`), and what must
//! hold in it whatever the table says.
//!
//! The table is made by asking the server and compared with the file. After a change that is meant, write it anew with
//! `ACCESS_TABLE=write cargo test --lib the_table_of_access` and read the difference.

use std::fmt::Write as _;

use super::callers::{Issuer, fetched, resource};
use super::*;
use crate::access::keys::{Wanted, make};
use crate::access::{KeyRing, Scope};
use crate::server::HostRule;

/// What is asked, and with what else.
const ROUTES: [(&str, &str); 21] = [
    ("GET /health", ""),
    ("HEAD /health", ""),
    ("GET /health/live", ""),
    ("GET /health/ready", ""),
    ("GET /health/detailed", ""),
    ("GET /status", ""),
    ("GET /metrics", ""),
    ("GET /mcp/tools", ""),
    ("POST /mcp/tools/call", ""),
    ("POST /mcp", ""),
    ("DELETE /mcp", ""),
    ("GET /mcp", "Accept: text/event-stream\r\n"),
    (
        "GET /mcp",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ),
    ("GET /sse", "Accept: text/event-stream\r\n"),
    ("POST /messages?session_id=x", ""),
    ("OPTIONS /mcp", "Access-Control-Request-Method: POST\r\n"),
    ("OPTIONS *", ""),
    ("GET /%6dcp/tools", ""),
    ("PUT /mcp", ""),
    ("GET /.well-known/oauth-protected-resource", ""),
    ("GET /nowhere", ""),
];

/// How the rows are called in the table.
fn name_of(index: usize) -> String {
    let (start, lines) = ROUTES[index];
    let kind = match lines.split(':').next() {
        Some("Accept") => " (stream)",
        Some("Upgrade") => " (WebSocket)",
        _ => "",
    };
    format!("{start}{kind}")
}

const ORIGINS: [(&str, &str); 6] = [
    ("none", ""),
    ("loopback", "Origin: http://localhost:5173\r\n"),
    ("listed", "Origin: https://app.example\r\n"),
    ("foreign", "Origin: https://evil.example\r\n"),
    ("null", "Origin: null\r\n"),
    (
        "two",
        "Origin: https://app.example\r\nOrigin: https://app.example\r\n",
    ),
];

const HOSTS: [(&str, &str); 4] = [
    ("loopback", "Host: localhost:8000\r\n"),
    ("listed", "Host: db.example\r\n"),
    ("foreign", "Host: evil.example\r\n"),
    ("loopback by a foreign name", "Host: localhost.evil.example\r\n"),
];

/// A guarded server, and its credentials by name.
struct Guarded {
    bench: Bench,
    credentials: Vec<(&'static str, String)>,
}

impl Guarded {
    fn new() -> Self {
        let mut entropy = SeededEntropy::new(7);
        let now = Bench::new().now.wall;
        let mut key = |label: &str, scope, expires| {
            let wanted = Wanted {
                label: label.to_owned(),
                scope,
                expires,
            };
            make(&wanted, &mut entropy).expect("a label")
        };
        let all = key("all", None, None);
        let read = key("read", Some(Scope::Read), None);
        let status = key("status", Some(Scope::Status), None);
        let expired = key("expired", None, Some(now));
        let unknown = key("unknown", None, None);
        let file = [&all, &read, &status, &expired]
            .map(|made| made.line.as_str())
            .join("\n");
        let bearer = |key: &str| format!("Authorization: Bearer {key}\r\n");
        let good = all.key.reveal().to_owned();
        let (issuer, forger) = (Issuer::new(1), Issuer::new(2));
        let token = |scope: &str, audience: &str, ends| issuer.bearer("a", scope, (audience, ends));
        let credentials = vec![
            ("none", String::new()),
            ("key", bearer(&good)),
            ("read", bearer(read.key.reveal())),
            ("status", bearer(status.key.reveal())),
            ("expired", bearer(expired.key.reveal())),
            ("unknown", bearer(unknown.key.reveal())),
            ("twice", bearer(&good).repeat(2)),
            ("basic", format!("Authorization: Basic {good}\r\n")),
            ("cookie", format!("Cookie: key={good}\r\nX-Api-Key: {good}\r\n")),
            ("empty", "Authorization: Bearer \r\n".to_owned()),
            ("token", token("snowflake:read", OURS, LATER)),
            (
                "other",
                token("snowflake:read", "https://other.example/mcp", LATER),
            ),
            ("lapsed", token("snowflake:read", OURS, 1_795_341_000)),
            ("scopes", token("mail", OURS, LATER)),
            ("forged", forger.bearer("a", "snowflake:read", (OURS, LATER))),
            // It comes with the connection, and its holder shows nothing else.
            (CERTIFICATE, String::new()),
        ];
        let mut bench = Bench::with(Settings {
            resource: Some(resource()),
            keys: KeyRing::parse(&file).expect("lines of our own"),
            is_guarded: true,
            hosts: HostRule::LoopbackAnd(vec!["db.example".to_owned()]),
            origins: vec!["https://app.example".to_owned()],
            ..Settings::default()
        });
        // The keys of the issuer are there before the first question of the table.
        let first = http("GET /status", &token("snowflake:read", OURS, LATER), "");
        let connection = bench.connect();
        bench.send(connection, first.as_bytes());
        fetched(&mut bench, Ok(issuer.key_set("a")));
        bench.handle(Input::Broken { connection });
        Self { bench, credentials }
    }

    /// The answer to one cell of the table.
    fn ask(
        &mut self,
        route: usize,
        (name, credential): (&str, &str),
        (origin, host): (&str, &str),
    ) -> String {
        let (start, lines) = ROUTES[route];
        let (framing, body) = if start.starts_with("POST") {
            ("Content-Type: application/json\r\nContent-Length: 40\r\n", PING)
        } else {
            ("", "")
        };
        let request = format!("{start} HTTP/1.1\r\n{host}{lines}{credential}{origin}{framing}\r\n{body}");
        let connection = self.bench.connect();
        if name == CERTIFICATE {
            self.bench.handle(Input::Named {
                connection,
                name: "ann.example".into(),
            });
        }
        let answer = self.bench.ask(connection, &request);
        self.bench.handle(Input::Broken { connection });
        answer
    }
}

const CERTIFICATE: &str = "cert";
/// By which clients know the server.
const OURS: &str = "https://db.example/mcp";
/// Three hours after the time of the table.
const LATER: u64 = 1_795_352_400;
const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[test]
fn the_table_of_access_is_as_it_is_written() {
    let mut guarded = Guarded::new();
    let credentials = guarded.credentials.clone();
    let mut table = String::new();
    for (host_name, host) in HOSTS {
        for (origin_name, origin) in ORIGINS {
            writeln!(table, "host {host_name}, origin {origin_name}").unwrap();
            write!(table, "{:28}", "").unwrap();
            for (name, _) in &credentials {
                write!(table, "{name:>9}").unwrap();
            }
            table.push('\n');
            for route in 0..ROUTES.len() {
                write!(table, "{:28}", name_of(route)).unwrap();
                for (name, credential) in &credentials {
                    let answer = guarded.ask(route, (name, credential), (origin, host));
                    write!(table, "{:>9}", status(&answer)).unwrap();
                }
                table.push('\n');
            }
            table.push('\n');
        }
    }
    if std::env::var_os("ACCESS_TABLE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/server/tests/access.txt");
        std::fs::write(path, &table).unwrap();
    }
    let written = include_str!("access.txt");
    for (number, (made, written)) in table.lines().zip(written.lines()).enumerate() {
        assert_eq!(made, written, "line {}", number + 1);
    }
    assert_eq!(table.lines().count(), written.lines().count());
}

#[test]
fn nobody_comes_in_from_a_foreign_host_or_origin_whatever_he_brings() {
    let mut guarded = Guarded::new();
    for (name, credential) in guarded.credentials.clone() {
        for route in 0..ROUTES.len() {
            for origin in &ORIGINS[3..] {
                let answer = guarded.ask(route, (name, &credential), (origin.1, HOSTS[0].1));
                assert_eq!(status(&answer), "403", "{} {}", name_of(route), origin.0);
                assert!(!answer.contains("Access-Control-"), "{answer}");
            }
            for host in &HOSTS[2..] {
                let answer = guarded.ask(route, (name, &credential), ("", host.1));
                assert_eq!(status(&answer), "403", "{} {}", name_of(route), host.0);
            }
        }
    }
}

#[test]
fn without_a_good_key_only_health_and_questions_about_the_server_are_answered() {
    let mut guarded = Guarded::new();
    for (name, credential) in guarded.credentials.clone() {
        if ["key", "read", "status", "token", "scopes", CERTIFICATE].contains(&name) {
            continue;
        }
        for (route, (start, _)) in ROUTES.iter().enumerate() {
            let answer = guarded.ask(route, (name, &credential), ("", HOSTS[0].1));
            let is_open = ["/health", "/health/live", "/health/ready"]
                .iter()
                .any(|path| start.ends_with(path));
            let is_public = is_open || start.contains("/.well-known/") || start.starts_with("OPTIONS");
            let is_nothing = start.starts_with("PUT") || start.ends_with("/nowhere");
            if !is_public && !is_nothing {
                assert_eq!(status(&answer), "401", "{} {name}", name_of(route));
                assert!(answer.contains("\r\nWWW-Authenticate: Bearer "), "{answer}");
            }
        }
    }
}

#[test]
fn a_page_on_the_list_may_read_why_it_was_refused_and_no_other_may() {
    let mut guarded = Guarded::new();
    let route = ROUTES
        .iter()
        .position(|(start, _)| *start == "POST /mcp")
        .unwrap();
    let listed = guarded.ask(route, ("", ""), (ORIGINS[2].1, HOSTS[0].1));
    assert_eq!(status(&listed), "401");
    assert!(listed.contains("\r\nAccess-Control-Allow-Origin: https://app.example\r\n"));
    assert!(listed.contains("WWW-Authenticate\r\n"), "exposed: {listed}");
    let local = guarded.ask(route, ("", ""), (ORIGINS[1].1, HOSTS[0].1));
    assert!(status(&local) == "401" && !local.contains("Access-Control-Allow-Origin"));
}

#[test]
fn a_key_without_the_scope_is_told_which_it_needs() {
    let mut guarded = Guarded::new();
    let status_key = guarded.credentials[3].1.clone();
    let route = ROUTES
        .iter()
        .position(|(start, _)| *start == "POST /mcp")
        .unwrap();
    let answer = guarded.ask(route, ("", &status_key), ("", HOSTS[0].1));
    assert_eq!(status(&answer), "403");
    let challenge = "error=\"insufficient_scope\", scope=\"snowflake:read\"";
    assert!(answer.contains(challenge), "{answer}");
}

#[test]
fn http_1_0_without_a_host_is_asked_for_a_key_all_the_same() {
    let mut guarded = Guarded::new();
    let connection = guarded.bench.connect();
    let answer = guarded.bench.ask(connection, "GET /status HTTP/1.0\r\n\r\n");
    assert_eq!(status(&answer), "401", "{answer}");
}
