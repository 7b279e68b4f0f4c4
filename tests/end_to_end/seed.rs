//! The tests that the program was asked for with: health, the list of tools, `ping` over WebSocket, many clients.

use std::net::SocketAddr;
use std::thread;

use serde_json::json;
use tungstenite::Message;

use super::TOOLS;
use super::process::{Daemon, ask, connect};

#[test]
fn health_tells_status_and_timestamp() {
    let daemon = Daemon::start(&[], &[]);
    let answer = daemon.ask("GET", "/health", "");
    assert_eq!(answer.status, 200);
    let document = answer.json();
    assert_eq!(document["status"], "healthy");
    assert!(
        document["timestamp"].is_string() && document["version"].is_string(),
        "{document}"
    );
    assert!(
        answer.head.contains("x-content-type-options: nosniff"),
        "{}",
        answer.head
    );
}

#[test]
fn the_tools_are_listed() {
    let daemon = Daemon::start(&[], &[]);
    let document = daemon.ask("GET", "/mcp/tools", "").json();
    let tools = document["tools"].as_array().expect("a list");
    let names: Vec<_> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, TOOLS);
}

fn ping(address: SocketAddr, id: &str) -> serde_json::Value {
    let url = format!("ws://{address}/mcp");
    let (mut socket, _) = tungstenite::client(url, connect(address)).expect("the upgrade is accepted");
    let call = json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    socket.send(Message::text(call.to_string())).expect("sent");
    let reply = socket.read().expect("a reply").into_text().expect("text");
    serde_json::from_str(&reply).expect("JSON")
}

#[test]
fn a_ping_over_websocket_is_answered_with_its_id() {
    let daemon = Daemon::start(&[], &[]);
    let reply = ping(daemon.address, "test_1");
    assert_eq!(reply["id"], "test_1");
    assert!(reply.get("result").is_some(), "{reply}");
}

#[test]
fn sixty_clients_at_once_do_not_disturb_each_other() {
    let daemon = Daemon::start(&[], &[]);
    thread::scope(|scope| {
        for number in 0..60 {
            let address = daemon.address;
            scope.spawn(move || {
                let id = format!("client_{number}");
                assert_eq!(ping(address, &id)["id"], id.as_str());
                assert_eq!(ask(address, "GET", "/health", "").status, 200);
            });
        }
    });
}

#[test]
fn a_call_without_snowflake_says_what_is_missing_and_health_says_so_too() {
    let daemon = Daemon::start(&[], &[]);
    assert_eq!(daemon.ask("GET", "/health/ready", "").status, 200);
    let body = json!({"name": "execute_query", "arguments": {"query": "select 1"}}).to_string();
    let document = daemon.ask("POST", "/mcp/tools/call", &body).json();
    let result = &document["result"];
    assert_eq!(result["isError"], true, "{document}");
    let text = result["content"][0]["text"].as_str().expect("text");
    assert!(
        text.contains("SNOWFLAKE_TOKEN") && text.contains("SNOWFLAKE_PRIVATE_KEY_PATH"),
        "{text}"
    );
    let detailed = daemon.ask("GET", "/health/detailed", "");
    assert_eq!(detailed.status, 503);
    assert_eq!(detailed.json()["overall_status"], "unhealthy");
    assert_eq!(daemon.ask("GET", "/health", "").status, 200);
}

#[test]
fn keys_are_asked_for_everywhere_but_at_the_probes() {
    let daemon = Daemon::start(&[], &[("API_KEYS", "a-key-that-is-long-enough")]);
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(daemon.ask("GET", path, "").status, 200, "{path}");
    }
    for path in ["/health/detailed", "/status", "/metrics", "/mcp/tools"] {
        assert_eq!(daemon.ask("GET", path, "").status, 401, "{path}");
    }
    assert_eq!(
        daemon
            .ask("POST", "/mcp", r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)
            .status,
        401
    );
}
