//! A million rows, read to their end by cursor: each comes once, one statement runs, and the process stays small.

use serde_json::json;

use super::account::{Account, MILLION, ROWS};
use super::process::Daemon;

/// What the process may hold at its worst, its code included.
const RESIDENT_BYTES_MAX: usize = 64 << 20;

/// The result of a call, as it was written: it is large, and most of it is rows.
fn call(daemon: &Daemon, tool: &str, arguments: &serde_json::Value) -> String {
    let body = json!({"name": tool, "arguments": arguments}).to_string();
    let answer = daemon.ask("POST", "/mcp/tools/call", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

#[test]
fn a_million_rows_are_read_to_their_end_in_64_mib() {
    let account = Account::open();
    let daemon = account.daemon(&[]);
    let mut page = call(
        &daemon,
        "execute_query",
        &json!({"query": MILLION, "limit": 10_000, "format": "csv"}),
    );
    let (mut expected, mut pages) = (0_u64, 0);
    loop {
        let rows = between(&page, r#""rows":[["#, "]]").expect("rows");
        for row in rows.split("],[") {
            assert_eq!(row, format!(r#"{expected},"row {expected}""#));
            expected += 1;
        }
        pages += 1;
        let Some(cursor) = between(&page, r#""next_cursor":""#, "\"") else {
            break;
        };
        let next = json!({"cursor": cursor, "limit": 10_000, "format": "csv"});
        page = call(&daemon, "get_query_result", &next);
    }
    assert_eq!((expected, pages), (ROWS, 100));
    account.wait_until("one statement", |asked| {
        (asked.statements.len() == 1).then_some(())
    });
    let peak = daemon.resident_bytes_peak();
    println!(
        "1,000,000 rows in {pages} pages: {} MiB resident at the most",
        peak >> 20
    );
    assert!(peak < RESIDENT_BYTES_MAX, "{peak} bytes");
}
