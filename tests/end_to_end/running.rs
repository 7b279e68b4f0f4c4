//! Many statements that run at once: they hold no worker, and one of them is cancelled at once.

use std::time::Duration;

use serde_json::json;
use snowflake_mcp::time::{Clock, SystemClock};
use tungstenite::Message;

use super::account::{Account, ENDLESS};
use super::process::connect;

const STATEMENTS: usize = 300;
/// Beyond all doubt, on a machine that stands still meanwhile too; the figure that it prints is some milliseconds.
const CANCEL_MAX: Duration = Duration::from_secs(20);

#[test]
fn three_hundred_statements_run_through_eight_workers_and_a_cancel_reaches_one_at_once() {
    let account = Account::open();
    let daemon = account.daemon(&["--workers", "8"]);
    let url = format!("ws://{}/mcp", daemon.address);
    let (mut socket, _) = tungstenite::client(url, connect(daemon.address)).expect("the upgrade is accepted");
    let mut send =
        |message: serde_json::Value| socket.send(Message::text(message.to_string())).expect("sent");
    send(
        json!({"jsonrpc": "2.0", "id": "open", "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}}),
    );
    send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    for number in 0..STATEMENTS {
        let query = format!("{ENDLESS} {number}'");
        send(
            json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {
            "name": "execute_query", "arguments": {"query": query}}}),
        );
    }
    account.wait_until("all run, and each was asked after again and again", |asked| {
        let all = asked.statements.len() == STATEMENTS;
        (all && asked.polls.len() == STATEMENTS && asked.polls.values().all(|polls| *polls >= 2))
            .then_some(())
    });
    assert_eq!(daemon.threads("worker-").len(), 8);
    let status = daemon.ask("GET", "/status", "").json();
    assert_eq!(status["requests"]["active_count"], STATEMENTS, "{status}");
    // In the middle of all the polls.
    let clock = SystemClock::new();
    let victim = account.wait_until("it was submitted", |asked| {
        asked
            .statements
            .iter()
            .position(|statement| statement.ends_with(" 217'"))
    });
    let before = clock.now().monotonic;
    send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 217}}));
    account.wait_until("the cancel arrived", |asked| {
        asked.cancelled.contains(&victim).then_some(())
    });
    let took = clock.now().monotonic.since(before);
    println!("a cancel beside {STATEMENTS} running statements reached the account after {took:?}");
    assert!(took < CANCEL_MAX, "{took:?}");
    account.wait_until("no other was cancelled, none ran twice", |asked| {
        (asked.cancelled.len() == 1 && asked.statements.len() == STATEMENTS).then_some(())
    });
}
