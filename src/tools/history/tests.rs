//! What is remembered, for whom, and how much.

use super::*;
use crate::tools::render::tests::PLAIN;

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn note(history: &mut History, principal: &[u8], text: &str, query_id: &str) -> u64 {
    history.note(Start {
        principal,
        tool: "execute_query",
        text: beginning(text),
        at: at(1),
        connection: None,
        query_id: Some(query_id.to_owned()),
    })
}

fn told(history: &History, principal: &[u8], limit: u64) -> serde_json::Value {
    let form = Form {
        is_structured: true,
        ..PLAIN
    };
    let asking = Asking {
        form,
        principal: principal.into(),
        now: at(5),
        limit,
        bytes_max: 1 << 20,
    };
    serde_json::from_slice(&history.tell(&asking)).unwrap()
}

fn ids(told: &serde_json::Value) -> Vec<&str> {
    let queries = told["structuredContent"]["queries"].as_array().unwrap();
    let id = |query: &'_ serde_json::Value| query["query_id"].is_string();
    assert!(queries.iter().all(id));
    queries
        .iter()
        .filter_map(|query| query["query_id"].as_str())
        .collect()
}

#[test]
fn a_caller_sees_its_own_statements_newest_first_and_nobody_elses() {
    let mut history = History::new(&Limits::default());
    let first = note(&mut history, b"ann", "select\n  1", "q1");
    note(&mut history, b"bob", "select secret", "q2");
    note(&mut history, b"ann", "select 3", "q3");
    history.end(b"ann", first, (End::Succeeded(7), at(3)));
    // A number or an id of another's leads nowhere.
    history.end(b"bob", first, (End::Failed, at(3)));
    history.learn(b"bob", "q3", (End::Cancelled, at(3)));
    let all = told(&history, b"ann", 20);
    assert_eq!(ids(&all), ["q3", "q1"]);
    assert_eq!(
        all["structuredContent"]["queries"],
        serde_json::json!([
            {"query_id": "q3", "tool": "execute_query", "status": "running", "elapsed_ms": 4_000, "statement": "select 3"},
            {"query_id": "q1", "tool": "execute_query", "status": "succeeded", "elapsed_ms": 2_000, "rows": 7, "statement": "select 1"},
        ])
    );
    assert_eq!(
        all["content"][0]["text"],
        "2 statements, newest first:\n- q3 running, execute_query, 4000 ms: select 3\n- q1 succeeded, execute_query, 2000 ms, 7 rows: select 1"
    );
    assert_eq!(ids(&told(&history, b"bob", 20)), ["q2"]);
    assert!(ids(&told(&history, b"eve", 20)).is_empty());
    let one = told(&history, b"ann", 1);
    assert_eq!(ids(&one), ["q3"]);
    assert_eq!(one["structuredContent"]["truncated"], true);
}

#[test]
fn what_another_call_learns_of_an_end_holds_unless_it_was_known() {
    let mut history = History::new(&Limits::default());
    let first = note(&mut history, b"ann", "select 1", "q1");
    history.learn(b"ann", "q1", (End::Cancelled, at(2)));
    history.end(b"ann", first, (End::Failed, at(3)));
    let told = told(&history, b"ann", 20);
    assert_eq!(told["structuredContent"]["queries"][0]["status"], "cancelled");
}

#[test]
fn a_busy_caller_displaces_its_own_statements_and_all_together_are_bounded() {
    let limits = Limits {
        queries_max: 6,
        queries_per_principal_max: 4,
        ..Limits::default()
    };
    let mut history = History::new(&limits);
    note(&mut history, b"ann", "select 1", "a1");
    for number in 0..10 {
        note(&mut history, b"bob", "select 2", &format!("b{number}"));
    }
    assert_eq!(ids(&told(&history, b"ann", 20)), ["a1"]);
    assert_eq!(ids(&told(&history, b"bob", 20)), ["b9", "b8", "b7", "b6"]);
    for number in 0..2 {
        note(&mut history, b"cid", "select 3", &format!("c{number}"));
    }
    // The seventh was the oldest of all.
    assert!(ids(&told(&history, b"ann", 20)).is_empty());
    assert_eq!(history.by_caller.len(), 2);

    let limits = Limits {
        queries_bytes_max: 10 * (ENTRY_BYTES + QUERY_TEXT_BYTES_MAX),
        ..Limits::default()
    };
    let mut history = History::new(&limits);
    for number in 0..100 {
        let number = note(&mut history, b"ann", &"x".repeat(9_999), &format!("q{number}"));
        assert!(history.bytes <= limits.queries_bytes_max, "{number}");
    }
    assert_eq!(history.count, 10);
    let numbers: Vec<_> = history.by_caller[&b"ann"[..]]
        .iter()
        .map(|entry| entry.number)
        .collect();
    for number in numbers {
        history.forget(b"ann", number);
    }
    assert_eq!((history.count, history.bytes, history.by_caller.len()), (0, 0, 0));
}

#[test]
fn the_beginning_of_a_text_is_one_line_within_its_bound() {
    assert_eq!(beginning("  select\n\t1 ,\r\n 2 "), "select 1 , 2");
    assert_eq!(beginning(""), "");
    for text in [
        "é".repeat(500),
        "é ".repeat(500),
        format!("{} b", "a".repeat(252)),
    ] {
        let line = beginning(&text);
        assert!(
            line.len() <= QUERY_TEXT_BYTES_MAX && line.ends_with("..."),
            "{line}"
        );
        assert!(line.len() > QUERY_TEXT_BYTES_MAX - 8, "{line}");
    }
}
