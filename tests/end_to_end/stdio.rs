//! One client on standard input and output.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use super::TOOLS;
use super::process::{command, scratch};

#[test]
fn lines_are_answered_and_the_end_of_input_ends_with_0() {
    let directory = scratch();
    let mut child = command(directory.path())
        .args(["stdio", "--port", "8123"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("piped");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let mut exchange = |message: Value| -> Value {
        writeln!(input, "{message}").expect("it reads");
        let mut line = String::new();
        output.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
    };
    let opened = exchange(
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}),
    );
    assert_eq!(opened["result"]["protocolVersion"], "2025-11-25");
    let listed = exchange(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    let tools = listed["result"]["tools"].as_array().expect("a list");
    let names: Vec<_> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, TOOLS);
    let pong = exchange(json!({"jsonrpc": "2.0", "id": "p", "method": "ping"}));
    assert_eq!(pong["id"], "p");
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("closed");
    assert_eq!(rest, "", "standard output holds messages only");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let mut said = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut said)
        .expect("text");
    assert!(
        said.contains("--port is ignored: stdio listens on no address"),
        "{said}"
    );
}
