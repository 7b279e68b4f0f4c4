//! Secrets are planted in every setting that holds one, and everything is made to fail: nothing that the program says or
//! writes may hold any of them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::thread;

use snowflake_mcp::config::setting;

use super::planted::{PLANTED, assert_no_secret, planted};
use super::process::{PATIENCE, command, connect, run, scratch, until};

const API_KEY: &str = "planted-api-key-0123456789";
const WRONG_KEY: &str = "planted-wrong-key-0123456789";
const TOKEN_KEY: &str = "planted-token-key-0123456789-0123456789";
const TOKEN: &str = "planted-access-token-0123456789";
const PASSPHRASE: &str = "planted-passphrase";
const KEY_TEXT: &str = "planted-private-key";

/// What nothing may hold. Parts too: half a secret is given away as well.
fn assert_clean(what: &str, text: &str) {
    assert!(!text.contains("planted"), "{what} holds a secret: {text}");
}

/// A Snowflake that fails in another way each time.
fn failing_snowflake() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answers = [
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 40\r\n\r\n{\"code\":\"390144\",\"message\":\"no such key\"}",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden",
        "HTTP/1.1 422 Unprocessable\r\nContent-Length: 38\r\n\r\n{\"code\":\"001003\",\"message\":\"no grammar\"}",
        "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nnonsens",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        "not even HTTP\r\n\r\n",
        "",
    ];
    thread::Builder::new()
        .name("failing".to_owned())
        .spawn(move || {
            for answer in answers.iter().cycle() {
                let Ok((mut stream, _)) = listener.accept() else {
                    return;
                };
                let _ = stream.set_read_timeout(Some(PATIENCE));
                // As much as it takes to have asked.
                let _ = stream.read(&mut [0; 16 << 10]);
                let _ = stream.write_all(answer.as_bytes());
            }
        })
        .expect("a thread");
    address
}

fn call(address: SocketAddr, key: &str, path: &str, query: &str) -> String {
    let body = format!(r#"{{"name":"execute_query","arguments":{{"query":"{query}","timeout_seconds":2}}}}"#);
    let mut stream = connect(address);
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers and closes");
    answer
}

fn get(address: SocketAddr, key: &str, path: &str) -> String {
    let mut stream = connect(address);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers and closes");
    answer
}

/// The address that the log of a server names, once it listens.
fn address_in(log: &Path) -> SocketAddr {
    until(|| {
        let text = fs::read_to_string(log).unwrap_or_default();
        let (_, rest) = text.split_once("http://")?;
        let (address, _) = rest.split_once(['/', '\n'])?;
        address.parse().ok()
    })
}

#[test]
fn whatever_fails_no_secret_is_in_a_log_an_answer_a_document_or_the_audit_log() {
    let directory = scratch();
    let (log, audit) = (directory.path().join("log"), directory.path().join("audit.log"));
    let snowflake = failing_snowflake();
    let mut server = command(directory.path());
    server
        .args(["http", "--port", "0", "--log-level", "trace", "--audit-log"])
        .arg(&audit)
        .env("API_KEYS", API_KEY)
        .env("SNOWFLAKE_MCP_TOKEN_KEY", TOKEN_KEY)
        .env("SNOWFLAKE_ACCOUNT", "myorg-prod")
        .env("SNOWFLAKE_TOKEN", TOKEN)
        .env("SNOWFLAKE_HOST", "127.0.0.1")
        .env("SNOWFLAKE_PORT", snowflake.port().to_string())
        .env("SNOWFLAKE_PROTOCOL", "http")
        .env("LOG_SQL_QUERIES", "true")
        .stdout(Stdio::null())
        .stderr(File::create(&log).expect("a file"));
    let mut child = server.spawn().expect("it starts");
    let address = address_in(&log);
    let mut said = Vec::new();
    for query in ["select 1", "drop table t", "select", "show tables"] {
        said.push(call(address, API_KEY, "/mcp/tools/call", query));
    }
    said.push(call(address, WRONG_KEY, "/mcp/tools/call", "select 1"));
    said.push(call(address, API_KEY, "/mcp", "select 1"));
    for path in [
        "/health/detailed",
        "/status",
        "/metrics",
        "/health",
        "/nowhere",
        "/mcp",
    ] {
        for key in [API_KEY, WRONG_KEY] {
            said.push(get(address, key, path));
        }
    }
    said.push(get(address, API_KEY, &format!("/mcp?key={WRONG_KEY}")));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    for answer in &said {
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
        assert_clean("an answer", answer);
    }
    let log = fs::read_to_string(&log).expect("a log");
    assert!(log.contains("call failed"), "the failures were told: {log}");
    assert_clean("the log", &log);
    assert_clean(
        "the audit log",
        &fs::read_to_string(&audit).expect("an audit log"),
    );
}

#[test]
fn no_setting_that_is_refused_or_shown_shows_its_secret() {
    let snowflake = [("SNOWFLAKE_ACCOUNT", "myorg-prod"), ("SNOWFLAKE_USER", "ann")];
    let broken_key = format!("-----BEGIN PRIVATE KEY-----\n{KEY_TEXT}\n-----END PRIVATE KEY-----");
    let cases: [&[(&str, &str)]; 8] = [
        &[("API_KEYS", "planted key with spaces and \u{e9}")],
        &[("API_KEYS", API_KEY), ("ENABLE_API_AUTH", "false")],
        &[("SNOWFLAKE_MCP_TOKEN_KEY", "planted-short")],
        &[snowflake[0], snowflake[1], ("SNOWFLAKE_PRIVATE_KEY", KEY_TEXT)],
        &[snowflake[0], snowflake[1], ("SNOWFLAKE_PRIVATE_KEY", &broken_key)],
        &[
            snowflake[0],
            snowflake[1],
            ("SNOWFLAKE_PRIVATE_KEY", &broken_key),
            ("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", PASSPHRASE),
        ],
        &[
            snowflake[0],
            ("SNOWFLAKE_TOKEN", "planted token\nwith a line break"),
        ],
        &[
            snowflake[0],
            ("SNOWFLAKE_PASSWORD", TOKEN),
            ("SNOWFLAKE_AUTHENTICATOR", "nonsense"),
        ],
    ];
    for environment in cases {
        // On stdio, because its end of input ends what does start.
        for arguments in [&["stdio", "--log-level", "trace"][..], &["config", "show"]] {
            let ended = run(arguments, environment);
            assert_clean("the log", &ended.stderr);
            assert_clean("what it says", &ended.stdout);
        }
    }
}

#[test]
fn the_harness_plants_every_secret_that_changes_nothing_and_finds_it() {
    let planted = planted(&["http", "--demo"], &[]);
    let secrets = setting::ALL.iter().filter(|setting| setting.is_secret);
    let left_out: Vec<_> = secrets
        .filter_map(|setting| setting.names.first().copied())
        .filter(|name| planted.iter().all(|(set, _)| set != name))
        .collect();
    // The first is planted above and by the tests of callers, which look for what they set; the other is an address.
    assert_eq!(left_out, ["API_KEYS", "HTTPS_PROXY"]);
    for (_, secret) in &planted {
        assert!(secret.contains(PLANTED), "{secret}");
        let found = std::panic::catch_unwind(|| assert_no_secret("a line", &format!("key={secret}"), &[]));
        assert!(found.is_err(), "{secret}");
    }
    let own = ["a-key-of-a-test".to_owned()];
    assert!(std::panic::catch_unwind(|| assert_no_secret("a line", "a-key-of-a-test", &own)).is_err());
    assert_no_secret("a line", "nothing", &own);
}
