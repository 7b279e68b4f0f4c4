//! Several servers with one key: to a client they are one, also when one of them starts anew.

use std::io::{Read, Write};

use super::process::{Answer, Daemon};

const KEY: (&str, &str) = (
    "SNOWFLAKE_MCP_TOKEN_KEY",
    "a key of 32 characters or more that all replicas have",
);
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
const SET_LEVEL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"info"}}"#;

/// A posted message, in a session if one is named: the whole response, as it was written.
fn post(daemon: &Daemon, session: Option<&str>, message: &str) -> String {
    let session = session.map_or(String::new(), |id| format!("Mcp-Session-Id: {id}\r\n"));
    let mut stream = daemon.connect();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{session}Content-Length: {}\r\n\r\n{message}",
        message.len()
    )
    .expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers and closes");
    text
}

fn open(daemon: &Daemon) -> String {
    let answer = post(daemon, None, INITIALIZE);
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("Mcp-Session-Id: "));
    line.expect("a session begins").to_owned()
}

#[test]
fn a_session_goes_on_with_another_server_and_after_a_restart() {
    let first = Daemon::start(&[], &[KEY]);
    let session = open(&first);
    let second = Daemon::start(&[], &[KEY]);
    assert_eq!(Answer::of(&post(&second, Some(&session), SET_LEVEL)).status, 200);
    drop(first);
    let restarted = Daemon::start(&[], &[KEY]);
    assert_eq!(
        Answer::of(&post(&restarted, Some(&session), SET_LEVEL)).status,
        200
    );
}

#[test]
fn a_server_with_another_key_or_one_of_its_own_knows_no_such_session() {
    let session = open(&Daemon::start(&[], &[KEY]));
    let other = (KEY.0, "another key that has 32 characters or more as well");
    for environment in [&[other][..], &[]] {
        let daemon = Daemon::start(&[], environment);
        assert_eq!(Answer::of(&post(&daemon, Some(&session), SET_LEVEL)).status, 404);
    }
}
