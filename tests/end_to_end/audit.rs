//! The audit log of the binary, from the statement to `audit verify`.

use std::path::Path;

use super::process::{Answer, Daemon, command, run, scratch, until};

fn query(daemon: &Daemon, query: &str) -> Answer {
    let body = format!(r#"{{"name":"execute_query","arguments":{{"query":"{query}"}}}}"#);
    daemon.ask("POST", "/mcp/tools/call", &body)
}

fn verify(directory: &Path) -> (Option<i32>, String) {
    let output = command(directory)
        .args(["audit", "verify", "audit.log"])
        .output()
        .expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

#[test]
fn every_statement_is_a_line_and_one_changed_byte_is_found_at_its_line() {
    let directory = scratch();
    let path = directory.path().join("audit.log");
    let daemon = Daemon::start(&["--demo", "--audit-log", path.to_str().expect("text")], &[]);
    query(&daemon, "select 'secret value', 42");
    query(&daemon, "delete from t");
    query(&daemon, "select nonsense from nowhere");
    daemon.signal("TERM");
    assert_eq!(daemon.end().code(), Some(0));
    let log = std::fs::read_to_string(&path).expect("a log");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 4, "{log}");
    for (line, parts) in [
        (
            lines[0],
            [r#"{"n":1,"#, r#""event":"file""#, r#""previous":"0000"#],
        ),
        (
            lines[1],
            [
                r#""statement":"select ?, ?""#,
                r#""verdict":"allow","outcome":"answered","rows":1"#,
                r#""principal":"connection "#,
            ],
        ),
        (
            lines[2],
            [
                r#""statement":"delete from t""#,
                r#""verdict":"deny""#,
                r#""rule":"not_a_read""#,
            ],
        ),
        (
            lines[3],
            [
                r#""statement":"select nonsense from nowhere""#,
                r#""outcome":"not_found""#,
                r#""duration_ms":"#,
            ],
        ),
    ] {
        for part in parts {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    }
    assert!(!log.contains("secret value"));
    let (code, said) = verify(directory.path());
    assert!(
        code == Some(0) && said.starts_with("4 lines are as they were written"),
        "{said}"
    );
    std::fs::write(&path, log.replace("delete from t", "select from t")).expect("written");
    let (code, said) = verify(directory.path());
    assert_eq!(code, Some(1));
    assert!(said.contains("audit.log:3: the digest does not fit"), "{said}");
}

#[test]
fn with_a_full_disk_no_statement_runs_and_the_server_stays_up_and_says_why() {
    let daemon = Daemon::start(&["--demo", "--audit-log", "/dev/full"], &[]);
    // The writer tries the first line by itself; how soon is not ours to say.
    let unhealthy = until(|| {
        let answer = daemon.ask("GET", "/health/detailed", "");
        (answer.status == 503).then_some(answer)
    });
    assert!(unhealthy.body.contains("No space left on device"));
    let answer = query(&daemon, "select 1");
    let refused = "no statement runs that cannot be written to the audit log: No space left on device";
    assert!(answer.body.contains(refused), "{}", answer.body);
    assert_eq!(daemon.ask("GET", "/health", "").status, 200);
}

#[test]
fn with_a_full_disk_statements_run_if_the_operator_would_rather_lose_records() {
    let daemon = Daemon::start(
        &["--demo", "--audit-log", "/dev/full"],
        &[("MCP_AUDIT_WHEN_FULL", "drop")],
    );
    let answer = query(&daemon, "select 41 + 1 as answer");
    assert!(answer.body.contains("ANSWER"), "{}", answer.body);
}

#[test]
fn a_log_that_cannot_be_opened_or_is_somebody_elses_refuses_to_start() {
    let directory = scratch();
    let path = directory.path().join("diary");
    std::fs::write(&path, "dear diary\n").expect("written");
    for (file, why) in [
        (
            path.to_str().expect("text"),
            "cannot be continued: this is no line of an audit log",
        ),
        ("/nowhere/audit.log", "No such file or directory"),
    ] {
        let ended = run(&["http", "--demo", "--port", "0", "--audit-log", file], &[]);
        assert_eq!(ended.code, Some(1));
        assert!(
            ended.stderr.contains("cannot open the audit log") && ended.stderr.contains(why),
            "{}",
            ended.stderr
        );
    }
}
