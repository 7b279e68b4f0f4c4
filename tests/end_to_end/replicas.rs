//! Several servers with one key: to a client they are one, also when one of them starts anew.

use std::io::{Read, Write};

use serde_json::{Value, json};

use super::process::{Answer, Daemon};
use super::sql_api::{End, Script, Server};

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

const QUERY: &str = "select n from orders";

/// An account in which the statement runs until it is let end or cancelled.
fn account() -> Server {
    let server = Server::start();
    let rows = (1..=3).map(|number| vec![json!(number.to_string())]).collect();
    let script = Script {
        polls: u32::MAX,
        end: End::Rows(vec![("N".to_owned(), "fixed".to_owned())], vec![rows]),
        is_synchronous: false,
    };
    server.script(QUERY, script);
    server
}

/// A replica of a server in front of that account.
fn replica(account: &Server) -> Daemon {
    let port = account.address.port().to_string();
    Daemon::start(
        &[],
        &[
            KEY,
            ("SNOWFLAKE_ACCOUNT", "testorg-testacct"),
            ("SNOWFLAKE_USER", "testuser"),
            ("SNOWFLAKE_TOKEN", "a-token"),
            ("SNOWFLAKE_AUTHENTICATOR", "oauth"),
            ("SNOWFLAKE_HOST", "127.0.0.1"),
            ("SNOWFLAKE_PORT", &port),
            ("SNOWFLAKE_PROTOCOL", "http"),
        ],
    )
}

/// One of the two forms of tasks, as a client speaks it.
enum Form {
    /// The core form of 2025-11-25, in a session.
    Core { session: String },
    /// The extension of 2026-07-28.
    Extension,
}

impl Form {
    /// Asks something; gives the result, or the error.
    fn ask(&self, daemon: &Daemon, method: &str, name: &str, mut params: Value) -> Value {
        let lines = match self {
            Self::Core { session } => {
                format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n")
            }
            Self::Extension => {
                params["_meta"] = json!({
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
                });
                format!("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\nMcp-Name: {name}\r\n")
            }
        };
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let mut stream = daemon.connect();
        write!(
            stream,
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{lines}Content-Length: {}\r\n\r\n{message}",
            message.len()
        )
        .expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers and closes");
        let mut reply = Answer::of(&text).json();
        let member = if reply["error"].is_null() {
            "result"
        } else {
            "error"
        };
        reply[member].take()
    }

    /// Begins a statement as a task; gives its id.
    fn begin(&self, daemon: &Daemon) -> String {
        let mut params = json!({"name": "execute_query", "arguments": {"query": QUERY, "limit": 2}});
        if let Self::Core { .. } = self {
            params["task"] = json!({"ttl": 60_000});
        }
        let made = self.ask(daemon, "tools/call", "execute_query", params);
        let task = match self {
            Self::Core { .. } => &made["task"],
            Self::Extension => &made,
        };
        assert_eq!(task["status"], "working", "{made}");
        task["taskId"].as_str().expect("an id").to_owned()
    }

    fn about(&self, daemon: &Daemon, method: &str, id: &str) -> Value {
        self.ask(daemon, method, id, json!({ "taskId": id }))
    }
}

/// A client of each form, with its session opened on `daemon`.
fn forms(daemon: &Daemon) -> [Form; 2] {
    let session = open(daemon);
    [Form::Core { session }, Form::Extension]
}

#[test]
fn a_task_begun_on_one_process_is_continued_on_another_and_after_a_kill() {
    let account = account();
    let first = replica(&account);
    let second = replica(&account);
    let forms = forms(&first);
    let ids = forms.each_ref().map(|form| form.begin(&first));
    for (form, id) in forms.iter().zip(&ids) {
        let got = form.about(&second, "tasks/get", id);
        assert_eq!(got["status"], "working", "{got}");
    }
    // Dropped, it is killed: it has no time to say anything to anybody.
    drop(first);
    assert_eq!(
        account.left_running().len(),
        2,
        "what others go on with is left alone"
    );
    account.let_end();
    let restarted = replica(&account);
    for (form, id) in forms.iter().zip(&ids) {
        for daemon in [&second, &restarted] {
            let got = form.about(daemon, "tasks/get", id);
            assert_eq!(got["status"], "completed", "{got}");
            let result = match form {
                Form::Core { .. } => form.about(daemon, "tasks/result", id),
                Form::Extension => got["result"].clone(),
            };
            assert_eq!(result["structuredContent"]["rows"], json!([[1], [2]]), "{result}");
            assert!(result["structuredContent"]["next_cursor"].is_string(), "{result}");
            let cancelled = form.about(daemon, "tasks/cancel", id);
            match form {
                Form::Core { .. } => assert_eq!(cancelled["code"], -32602, "{cancelled}"),
                Form::Extension => assert_eq!(cancelled["resultType"], "complete", "{cancelled}"),
            }
        }
    }
    assert_eq!(account.executions(QUERY), 2, "each was run once");
}

#[test]
fn a_task_begun_on_one_process_is_cancelled_on_another() {
    let account = account();
    let first = replica(&account);
    let second = replica(&account);
    for form in forms(&first) {
        let id = form.begin(&first);
        let handle = account.left_running().pop().expect("it runs");
        let told = form.about(&second, "tasks/cancel", &id);
        let expected = match form {
            Form::Core { .. } => ("status", "cancelled"),
            Form::Extension => ("resultType", "complete"),
        };
        assert_eq!(told[expected.0], expected.1, "{told}");
        second.wait_for(&format!("task cancelled by its caller, query id {handle}"));
        assert!(account.left_running().is_empty(), "the database was told");
        let got = form.about(&second, "tasks/get", &id);
        assert_eq!(got["status"], "cancelled", "{got}");
    }
    assert_eq!(account.executions(QUERY), 2);
}

#[test]
fn a_client_notices_nothing_of_a_process_that_is_killed_between_two_of_its_calls() {
    let account = account();
    let rows = (1..=3).map(|number| vec![json!(number.to_string())]).collect();
    account.teach("select 1", &[("N", "fixed")], vec![rows]);
    let first = replica(&account);
    for form in forms(&first) {
        let call = |daemon: &Daemon, name: &str, arguments: Value| {
            form.ask(
                daemon,
                "tools/call",
                name,
                json!({"name": name, "arguments": arguments}),
            )
        };
        let page = call(&first, "execute_query", json!({"query": "select 1", "limit": 2}));
        let cursor = &page["structuredContent"]["next_cursor"];
        assert!(cursor.is_string(), "{page}");
        let uri = page["content"][1]["uri"]
            .as_str()
            .expect("a link to the rows")
            .to_owned();
        let restarted = replica(&account);
        let rest = call(&restarted, "get_query_result", json!({"cursor": cursor}));
        assert_eq!(rest["structuredContent"]["rows"], json!([[3]]), "{rest}");
        let read = form.ask(&restarted, "resources/read", &uri, json!({"uri": uri}));
        let text = read["contents"][0]["text"].as_str().expect("a text");
        let document: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(document["rows"], json!([[1], [2], [3]]), "{document}");
    }
    assert_eq!(account.executions("select 1"), 2, "nothing is run again");
}
