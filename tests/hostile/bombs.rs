//! Small requests that are meant to be much work.

use std::io::Write;

use super::attacker::{post, read_to_end};
use super::victim::{Victim, connect};

const MIB: usize = 1 << 20;
/// Ticks of 10 ms that the process may work on one of them, all its threads together.
const TICKS_MAX: u64 = 200;

fn call(arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"execute_query","arguments":{arguments}}}}}"#
    )
}

fn sql(statement: &str) -> String {
    call(&serde_json::json!({ "query": statement }).to_string())
}

fn bombs_of_json() -> Vec<(&'static str, String)> {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"},"#;
    let keys: String = (0..100_000).map(|key| format!("\"k{key}\":0,")).collect();
    vec![
        ("open brackets", "[".repeat(4 * MIB - 1)),
        ("open objects", r#"{"a":"#.repeat(MIB / 2)),
        ("closed brackets", "[".repeat(MIB) + &"]".repeat(MIB)),
        (
            "deep arguments",
            call(&(r#"{"a":"#.repeat(100_000) + "1" + &"}".repeat(100_000))),
        ),
        ("a batch of pings", format!("[{}0]", ping.repeat(80_000))),
        ("many keys", call(&format!("{{{keys}\"query\":\"select 1\"}}"))),
        (
            "one key again and again",
            call(&format!(
                "{{{}\"query\":\"select 1\"}}",
                r#""query":"x","#.repeat(100_000)
            )),
        ),
        (
            "a long number",
            call(&format!(r#"{{"query":"select 1","limit":{}}}"#, "9".repeat(MIB))),
        ),
        (
            "a vast exponent",
            call(r#"{"query":"select 1","limit":1e999999999}"#),
        ),
        (
            "escapes",
            call(&format!(r#"{{"query":"{}"}}"#, r"\u0041".repeat(100_000))),
        ),
        (
            "a long id",
            format!(
                r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#,
                "x".repeat(MIB)
            ),
        ),
    ]
}

fn bombs_of_sql() -> Vec<(&'static str, String)> {
    vec![
        (
            "as much SQL in brackets as the engine takes",
            sql(&format!("select {}1{}", "(".repeat(16_000), ")".repeat(16_000))),
        ),
        (
            "SQL in brackets",
            sql(&format!("select {}1{}", "(".repeat(100_000), ")".repeat(100_000))),
        ),
        ("SQL of signs", sql(&format!("select {}1", "- ".repeat(100_000)))),
        (
            "SQL of comments",
            sql(&format!("{}select 1", "/*".repeat(100_000))),
        ),
        ("SQL of lists", sql(&format!("select {}1", "1,".repeat(20_000)))),
    ]
}

fn all_are_answered(victim: &Victim, bombs: &[(&'static str, String)]) {
    victim.attacked(|| {
        for (name, body) in bombs {
            let mut stream = connect(victim.address);
            let request = post(body).replacen("\r\n", "\r\nConnection: close\r\n", 1);
            let before = victim.processor_ticks();
            // What is refused early may be closed before all of it is written.
            let _ = stream.write_all(request.as_bytes());
            let answer = read_to_end(&mut stream);
            let ticks = victim.processor_ticks() - before;
            let answer = String::from_utf8(answer).expect("text");
            assert!(
                answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.1 400 "),
                "{name}: {}",
                answer.lines().next().unwrap_or("no answer")
            );
            assert!(ticks < TICKS_MAX, "{name} took {ticks} ticks of 10 ms");
        }
    });
}

#[test]
fn bombs_of_json_are_answered_and_take_two_seconds_of_work_at_most() {
    let victim = Victim::start();
    all_are_answered(&victim, &bombs_of_json());
    victim.calms_down(24 * MIB);
}

#[test]
fn bombs_of_sql_are_answered_and_take_two_seconds_of_work_at_most() {
    const WORKERS: usize = 8;
    const ROUNDS: usize = 4;
    let victim = Victim::start();
    for _ in 0..ROUNDS {
        all_are_answered(&victim, &bombs_of_sql());
    }
    // Each worker keeps what its longest statement took, and another round takes no more.
    victim.calms_down(WORKERS * 12 * MIB);
}
