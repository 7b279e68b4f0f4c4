//! What is typed, what is set, and what is said about it.

use std::process::Stdio;

use super::process::{Daemon, command, run, scratch};

#[test]
fn help_and_version_go_to_standard_output() {
    let help = run(&["--help"], &[]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    assert!(help.stdout.contains("snowflake-mcp http --demo") && help.stdout.contains("SNOWFLAKE_ACCOUNT"));
    let version = run(&["--version"], &[]);
    assert_eq!(
        version.stdout,
        concat!("snowflake-mcp ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in [
        &["http", "--nonsense"][..],
        &["serve"],
        &[],
        &["http", "--port", "8x"],
    ] {
        let ended = run(arguments, &[]);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
    let ended = run(&["http", "--port", "8x"], &[]);
    assert_eq!(
        ended.stderr,
        "snowflake-mcp: --port=8x (flag): expected a number from 0 to 65535\n"
    );
}

#[test]
fn a_wrong_variable_ends_the_start_with_its_place() {
    let ended = run(&["http"], &[("SNOWFLAKE_POOL_MAX_SIZE", "abc")]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(
        ended.stderr,
        "snowflake-mcp: SNOWFLAKE_POOL_MAX_SIZE=abc (environment): expected a number from 1 to 256\n"
    );
}

#[test]
fn an_open_address_without_keys_does_not_start() {
    let ended = run(&["http", "--host", "0.0.0.0", "--port", "0"], &[]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("API_KEYS") && ended.stderr.contains("--allow-unauthenticated"));
    let daemon = Daemon::start(
        &["--host", "0.0.0.0"],
        &[("API_KEYS", "a-key-that-is-long-enough")],
    );
    assert_eq!(daemon.address.ip().to_string(), "0.0.0.0");
}

#[test]
fn a_port_that_is_taken_ends_the_start() {
    let daemon = Daemon::start(&[], &[]);
    let port = daemon.address.port().to_string();
    let ended = run(&["http", "--port", &port], &[]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("cannot listen on 127.0.0.1") && ended.stderr.contains("--port"),
        "{}",
        ended.stderr
    );
}

#[test]
fn unknown_names_are_told_once_with_what_was_meant() {
    let directory = scratch();
    let ended = command(directory.path())
        .args(["stdio"])
        .env("SNOWFLAKE_ACOUNT", "x")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let said = String::from_utf8(ended.stderr).expect("text");
    let told: Vec<_> = said
        .lines()
        .filter(|line| line.contains("SNOWFLAKE_ACOUNT"))
        .collect();
    assert_eq!(told.len(), 1, "{said}");
    assert!(told[0].contains("is SNOWFLAKE_ACCOUNT meant?"), "{said}");
}

#[test]
fn a_file_in_the_working_directory_is_read_and_the_environment_wins() {
    let directory = scratch();
    std::fs::write(
        directory.path().join(".env"),
        "LOG_LEVEL=loud\nMAX_QUERY_LIMIT=5\n",
    )
    .expect("written");
    let start = |level: Option<&str>| {
        let mut command = command(directory.path());
        command.arg("stdio").envs(level.map(|level| ("LOG_LEVEL", level)));
        command.output().expect("it runs")
    };
    let refused = start(None);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).expect("text");
    assert!(
        said.contains("LOG_LEVEL=loud (.env): expected one of off, error"),
        "{said}"
    );
    let started = start(Some("info"));
    assert_eq!(started.status.code(), Some(0));
    let said = String::from_utf8(started.stderr).expect("text");
    assert!(
        said.contains("from .env in the working directory: MAX_QUERY_LIMIT"),
        "{said}"
    );
}

#[test]
fn localhost_is_served_on_both_addresses_where_there_are_two() {
    let daemon = Daemon::start(&["--host", "localhost"], &[]);
    assert_eq!(daemon.address.ip().to_string(), "127.0.0.1");
    assert_eq!(daemon.ask("GET", "/health", "").status, 200);
    let second = std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, daemon.address.port()));
    // A machine without IPv6 has no such address at all; then nothing listens there and nothing can.
    if std::net::TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, 0)).is_ok() {
        assert!(std::net::TcpStream::connect(second).is_ok());
    }
}
