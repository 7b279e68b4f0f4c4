//! The commands that serve nobody, as processes: what they print, and how they end. And the policy that a running server
//! reads again.

use std::io::Write;
use std::process::Stdio;

use super::process::{Daemon, command, run, scratch};

/// Runs a command with `input`; its exit code and what it printed.
fn run_with(arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let directory = scratch();
    let mut child = command(directory.path())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    (
        output.status.code(),
        String::from_utf8(output.stdout).expect("text"),
    )
}

#[test]
fn policy_test_tells_every_statement_of_a_file_and_fails_if_one_is_refused() {
    let folder = scratch();
    let file = folder.path().join("statements.sql");
    std::fs::write(&file, "select 1;\n\nshow tables;\ndrop table t;\n").expect("written");
    let file = file.to_str().expect("text");
    let ended = run(&["policy", "test", file], &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    for part in [
        "1:1  allow",
        "3:1  allow",
        "4:1  deny   not_a_read",
        "3 statements: 2 allowed, 1 denied",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    let (code, said) = run_with(&["policy", "test", "-"], "select 1; select 2");
    assert!(
        code == Some(0) && said.contains("2 statements: 2 allowed, 0 denied"),
        "{said}"
    );
    let ended = run(&["policy", "test", "nowhere.sql"], &[]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("nowhere.sql: "), "{}", ended.stderr);
}

#[test]
fn policy_check_answers_each_line_with_one_whatever_it_holds() {
    let lines = [
        "\"select 1\"",
        "\"drop table t\"",
        "\"select 'a\\nb'\"",
        "select 1",
        "",
        "\"select ext.f(1)\"",
    ];
    let (code, said) = run_with(
        &["policy", "check", "--jsonl"],
        &format!("{}\n", lines.join("\n")),
    );
    assert_eq!(code, Some(0));
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said.len(), lines.len(), "{said:?}");
    for (line, expected) in said.iter().zip([
        "allow",
        "deny not_a_read: ",
        "allow",
        "deny unreadable: ",
        "deny unreadable: ",
        "deny account_function: ",
    ]) {
        assert!(line.starts_with(expected), "{line}");
    }
}

#[test]
fn policy_check_judges_by_the_file_for_a_role_or_key() {
    let folder = scratch();
    let file = folder.path().join("policy.toml");
    std::fs::write(
        &file,
        "[role.LOADER]\nallow_write = [\"insert\"]\n[key.nightly]\nallowed_commands = [\"show\"]\n",
    )
    .expect("written");
    let of = [
        "policy",
        "check",
        "--jsonl",
        "--policy",
        file.to_str().expect("text"),
    ];
    let input = "\"insert into t values (1)\"\n\"select 1\"\n";
    let verdicts = |more: &[&str]| {
        let (_, said) = run_with(&[&of, more].concat(), input);
        said.lines()
            .map(|line| line.starts_with("allow"))
            .collect::<Vec<_>>()
    };
    assert_eq!(verdicts(&[]), [false, true]);
    assert_eq!(verdicts(&["--role", "loader"]), [true, true]);
    assert_eq!(verdicts(&["--key", "nightly"]), [false, false]);
}

#[test]
fn config_show_tells_every_setting_its_source_and_the_sum_of_memory_and_no_secret() {
    let environment = [
        ("SNOWFLAKE_POOL_MAX_SIZE", "3"),
        ("API_KEYS", "a-key-that-nobody-may-see"),
    ];
    let ended = run(&["config", "show", "--port", "9"], &environment);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for part in [
        "MCP_HTTP_PORT = 9 (flag, --port)",
        "SNOWFLAKE_POOL_MAX_SIZE = 3 (environment, SNOWFLAKE_POOL_MAX_SIZE)",
        "API_KEYS = set (environment, API_KEYS)",
        "MCP_TRUSTED_PROXIES = none (default)",
        "most memory, whatever clients do: ",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
}

/// Whether the server runs `query`, and what it answers.
fn is_run(daemon: &Daemon, query: &str) -> (bool, String) {
    let body = format!(r#"{{"name":"execute_query","arguments":{{"query":"{query}"}}}}"#);
    let answer = daemon.ask("POST", "/mcp/tools/call", &body);
    (!answer.body.contains("Error: "), answer.body)
}

#[test]
fn a_policy_file_is_read_again_and_a_broken_one_changes_nothing() {
    let folder = scratch();
    let file = folder.path().join("policy.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    write("allowed_commands = [\"select\"]\n");
    let daemon = Daemon::start(&["--demo", "--policy", file.to_str().expect("text")], &[]);
    assert!(is_run(&daemon, "select 1").0 && !is_run(&daemon, "show tables").0);
    write("allowed_commands = [\"select\", \"show\"]\ndeny_functions = [\"ABS\"]\n");
    daemon.signal("HUP");
    daemon.wait_for("the policy holds from now on");
    let (runs, answer) = is_run(&daemon, "show databases");
    assert!(runs, "{answer}");
    assert!(!is_run(&daemon, "select abs(1)").0);
    for (broken, why) in [
        ("allowed_commands = [\"drop\"]\n", "\"drop\""),
        ("allowed_commands = [\n", "policy.toml"),
        ("surprise = 1\n", "surprise"),
    ] {
        write(broken);
        daemon.signal("HUP");
        let told = daemon.wait_for("the policy stays as it was");
        assert!(told.contains(why), "{told}");
        assert!(is_run(&daemon, "show databases").0 && !is_run(&daemon, "select abs(1)").0);
    }
    std::fs::remove_file(&file).expect("removed");
    daemon.signal("HUP");
    daemon.wait_for("the policy stays as it was");
    assert!(is_run(&daemon, "select 1").0);
}
