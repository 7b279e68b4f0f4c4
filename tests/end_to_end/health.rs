//! `snowflake-mcp health`, as a container runtime runs it: nothing is read but the exit code, and by people the reason.

use std::io::Write;
use std::net::TcpListener;

use super::process::{Daemon, command, run, scratch};

/// Exit code and standard error of the probe; it never says anything on standard output.
fn health(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    // By default it is soon given up, as a container runtime wants it.
    let patient: &[&str] = if arguments.contains(&"--timeout") {
        &["health"]
    } else {
        &["health", "--timeout", "60"]
    };
    let ended = run(&[patient, arguments].concat(), environment);
    assert_eq!(ended.stdout, "");
    (ended.code, ended.stderr)
}

const ALIVE: (Option<i32>, String) = (Some(0), String::new());

#[test]
fn a_server_is_found_by_flags_variables_or_a_url() {
    let daemon = Daemon::start(&[], &[]);
    let port = daemon.address.port().to_string();
    assert_eq!(health(&["--port", &port], &[]), ALIVE);
    assert_eq!(health(&["--host", "localhost", "--port", &port], &[]), ALIVE);
    for name in ["MCP_HTTP_PORT", "MCP_SERVER_PORT", "SNOWFLAKE_MCP_PORT"] {
        assert_eq!(health(&[], &[(name, &port)]), ALIVE, "{name}");
    }
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(
            health(&["--url", &format!("http://{}{path}", daemon.address)], &[]),
            ALIVE
        );
    }
}

#[test]
fn the_settings_of_a_container_serve_for_both_and_the_probe_needs_no_key() {
    let settings = [
        ("MCP_HTTP_HOST", "0.0.0.0"),
        ("API_KEYS", "a-key-that-is-long-enough"),
    ];
    let daemon = Daemon::start(&[], &settings);
    let port = daemon.address.port().to_string();
    assert_eq!(
        health(&[], &[settings[0], settings[1], ("MCP_HTTP_PORT", &port)]),
        ALIVE
    );
}

#[test]
fn a_port_in_the_file_of_the_working_directory_is_followed() {
    let daemon = Daemon::start(&[], &[]);
    let directory = scratch();
    let line = format!("MCP_HTTP_PORT={}\n", daemon.address.port());
    std::fs::write(directory.path().join(".env"), line).expect("written");
    let ended = command(directory.path())
        .args(["health", "--timeout", "60"])
        .status()
        .expect("it runs");
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn one_that_drains_is_alive_and_not_ready() {
    let daemon = Daemon::start(&["--drain-delay", "30"], &[]);
    daemon.signal("TERM");
    daemon.wait_for("readiness is 503");
    let base = format!("http://{}/health", daemon.address);
    assert_eq!(health(&["--url", &base], &[]), ALIVE);
    let (code, said) = health(&["--url", &format!("{base}/ready")], &[]);
    assert_eq!(code, Some(1));
    assert_eq!(
        said,
        format!("snowflake-mcp: {base}/ready answered 503 Service Unavailable, expected 200 OK\n")
    );
}

#[test]
fn one_that_is_gone_is_exit_code_1_with_the_reason() {
    let daemon = Daemon::start(&[], &[]);
    let (address, port) = (daemon.address, daemon.address.port().to_string());
    drop(daemon);
    let (code, said) = health(&["--port", &port], &[]);
    assert_eq!(code, Some(1));
    assert!(
        said.starts_with(&format!(
            "snowflake-mcp: http://{address}/health does not answer: "
        )),
        "{said}"
    );
    let (code, said) = health(&["--url", "http://no-such-host.invalid/health"], &[]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("no-such-host.invalid/health does not answer: "),
        "{said}"
    );
}

#[test]
fn one_that_hangs_is_given_up_in_time() {
    // The kernel accepts; nobody ever answers.
    let hangs = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = hangs.local_addr().expect("bound");
    let url = format!("http://{address}/health");
    let (code, said) = health(&["--url", &url, "--timeout", "1"], &[]);
    assert_eq!(code, Some(1));
    assert_eq!(said, format!("snowflake-mcp: {url} did not answer within 1 s\n"));
}

#[test]
fn an_answer_that_is_no_http_is_not_alive() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/health", other.local_addr().expect("bound"));
    let answers = std::thread::Builder::new().spawn(move || {
        let (mut stream, _) = other.accept().expect("the probe comes");
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n\r\n");
    });
    let (code, said) = health(&["--url", &url], &[]);
    answers.expect("a thread starts").join().expect("it ends");
    assert_eq!(code, Some(1));
    assert!(said.contains("does not answer: "), "{said}");
}

#[test]
fn a_question_that_cannot_be_asked_is_told_before_it_is() {
    let (code, said) = health(&["--url", "localhost:8000"], &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("expected an address such as http://"), "{said}");
    let (code, said) = health(&["--port", "8x"], &[]);
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = health(&["--timeout", "0"], &[]);
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = health(&[], &[("MCP_HTTP_PORT", "0")]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("the port is 0") && said.contains("--port"),
        "{said}"
    );
}
