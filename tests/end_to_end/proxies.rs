//! The binary behind proxies: whose connection it is, by the PROXY protocol and by header fields; and how many of one
//! address are served.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::process::{Answer, Daemon, run, scratch};

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc6\x33\x64\x01\x0a\x00\x00\x01\xdc\x04\x01\xbb";

fn behind_a_proxy(more: &[&str], environment: &[(&str, &str)]) -> Daemon {
    let own = ["--demo", "--trusted-proxies", "127.0.0.0/8", "--proxy-protocol"];
    Daemon::start(&[&own[..], more].concat(), environment)
}

/// What a connection that begins with `said` is answered, until its end.
fn exchange(mut stream: TcpStream, said: &[u8]) -> String {
    // One that is refused may be closed before all of it is taken.
    let _ = stream.write_all(said);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn call(lines: &str) -> String {
    let body = r#"{"name":"execute_query","arguments":{"query":"select 1"}}"#;
    let length = body.len();
    format!(
        "POST /mcp/tools/call HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {lines}Content-Length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn whom_a_proxy_announces_or_names_is_in_the_audit_log() {
    let directory = scratch();
    let path = directory.path().join("audit.log");
    let daemon = behind_a_proxy(&["--audit-log", path.to_str().expect("text")], &[]);
    for header in [V1, V2] {
        let answer = exchange(daemon.connect(), &[header, call("").as_bytes()].concat());
        assert_eq!(Answer::of(&answer).status, 200, "{answer}");
    }
    let local = b"PROXY UNKNOWN\r\n";
    let named = call("X-Forwarded-For: 9.9.9.9, 192.0.2.9\r\n");
    exchange(daemon.connect(), &[&local[..], named.as_bytes()].concat());
    // What a client says of itself is not believed.
    exchange(daemon.connect(), &[V1, named.as_bytes()].concat());
    daemon.signal("TERM");
    assert_eq!(daemon.end().code(), Some(0));
    let log = std::fs::read_to_string(&path).expect("a log");
    let addresses: Vec<_> = log
        .lines()
        .filter_map(|line| line.split("\"address\":\"").nth(1))
        .collect();
    let expected = ["203.0.113.7", "198.51.100.1", "192.0.2.9", "203.0.113.7"];
    assert_eq!(addresses.len(), expected.len(), "{log}");
    for (found, expected) in addresses.iter().zip(expected) {
        assert!(found.starts_with(&format!("{expected}\"")), "{log}");
    }
    assert!(log.contains(r#""principal":"address 203.0.113.7""#), "{log}");
}

#[test]
fn a_trusted_proxy_must_say_whose_connection_it_is() {
    let daemon = behind_a_proxy(&[], &[]);
    for said in [
        &b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"PROXY TCP4 nonsense\r\n",
    ] {
        assert_eq!(exchange(daemon.connect(), said), "");
    }
    let metrics = [
        V1,
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ]
    .concat();
    let metrics = exchange(daemon.connect(), &metrics);
    assert!(metrics.contains("{reason=\"proxy_header\"} 2\n"), "{metrics}");
}

#[test]
fn who_is_not_trusted_cannot_announce_anybody() {
    let daemon = Daemon::start(
        &["--demo", "--trusted-proxies", "10.0.0.0/8", "--proxy-protocol"],
        &[],
    );
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(exchange(daemon.connect(), request).starts_with("HTTP/1.1 200 "));
    for header in [V1, V2] {
        let answer = exchange(daemon.connect(), &[header, request].concat());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}

#[test]
fn one_address_has_so_many_connections_directly_and_behind_a_proxy() {
    let limit = [("MCP_MAX_CONNECTIONS_PER_ADDRESS", "2")];
    let daemon = Daemon::start(&["--demo"], &limit);
    let open = [daemon.connect(), daemon.connect()];
    let refused = exchange(daemon.connect(), b"");
    assert_eq!(Answer::of(&refused).status, 503, "{refused}");
    assert!(refused.contains("MCP_MAX_CONNECTIONS_PER_ADDRESS"), "{refused}");
    drop(open);
    let daemon = behind_a_proxy(&[], &limit);
    let open = [V1, V1].map(|header| {
        let mut stream = daemon.connect();
        let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(&[header, request].concat()).expect("it reads");
        stream.read_exact(&mut [0; 12]).expect("it answers");
        stream
    });
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let refused = exchange(daemon.connect(), &[V1, request].concat());
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    let other = exchange(daemon.connect(), &[V2, request].concat());
    assert!(other.starts_with("HTTP/1.1 200 "), "{other}");
    drop(open);
}

#[test]
fn the_protocol_without_anybody_who_may_speak_it_refuses_to_start() {
    let ended = run(&["http", "--demo", "--proxy-protocol"], &[]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("--trusted-proxies is not set"),
        "{}",
        ended.stderr
    );
}
