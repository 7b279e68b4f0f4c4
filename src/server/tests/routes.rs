//! Paths, methods, who may come in, and what every answer carries.

use super::*;
use crate::server::HostRule;

#[test]
fn every_document_is_served_to_get_and_its_head_to_head() {
    let paths = [
        "/health",
        "/health/live",
        "/health/ready",
        "/health/detailed",
        "/status",
        "/mcp/tools",
        "/metrics",
    ];
    for path in paths {
        let mut bench = Bench::new();
        let get = bench.request(&format!("GET {path}"), "", "");
        assert_eq!(status(&get), "200", "{path}");
        assert!(!body(&get).is_empty());
        let head = bench.request(&format!("HEAD {path}"), "", "");
        assert_eq!((status(&head), body(&head)), ("200", ""), "{path}");
        assert!(head.to_ascii_lowercase().contains("content-length:"), "{path}");
    }
}

#[test]
fn health_has_the_four_keys_of_the_replaced_program() {
    let answer = Bench::new().request("GET /health", "", "");
    let document: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(document["status"], "healthy");
    assert_eq!(document["timestamp"], "2026-11-22 10:00:00 UTC");
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["uptime_seconds"], 5.0);
}

#[test]
fn every_answer_carries_the_security_headers() {
    for (start, expected) in [
        ("GET /health", "200"),
        ("GET /nowhere", "404"),
        ("DELETE /mcp", "400"),
        ("PUT /mcp", "405"),
        ("BREW /mcp", "501"),
        ("POST /mcp", "415"),
        ("GET /health HTTP/9.9\r\nX:", "505"),
    ] {
        let answer = Bench::new().request(start, "", "");
        assert_eq!(status(&answer), expected, "{start}");
        for line in [
            "X-Content-Type-Options: nosniff",
            "X-Frame-Options: DENY",
            "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
            "Cache-Control: no-store",
            "Date: Sun, 22 Nov 2026 10:00:00 GMT",
        ] {
            assert!(
                answer.contains(&format!("\r\n{line}\r\n")),
                "{start}: {line} is missing in {answer}"
            );
        }
    }
}

#[test]
fn a_method_that_a_path_does_not_serve_is_told_what_is() {
    for (start, allow) in [
        ("PUT /mcp", "GET, POST, DELETE, OPTIONS"),
        ("POST /sse", "GET, OPTIONS"),
        ("GET /messages", "POST, OPTIONS"),
        ("PUT /health", "GET, HEAD, OPTIONS"),
        ("GET /mcp/tools/call", "POST, OPTIONS"),
    ] {
        let answer = Bench::new().request(start, "", "");
        assert_eq!(status(&answer), "405", "{start}");
        assert!(
            answer.contains(&format!("\r\nAllow: {allow}\r\n")),
            "{start}: {answer}"
        );
    }
}

#[test]
fn a_post_is_refused_for_its_media_types() {
    let mut bench = Bench::new();
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let answer = bench.request("POST /mcp", "Content-Type: text/plain\r\n", ping);
    assert_eq!(status(&answer), "415");
    let answer = bench.request(
        "POST /mcp",
        "Content-Type: application/json\r\nAccept: text/html\r\n",
        ping,
    );
    assert_eq!(status(&answer), "406");
    for accept in [
        "",
        "Accept: */*\r\n",
        "Accept: text/event-stream, application/json;q=0.5\r\n",
    ] {
        let lines = format!("Content-Type: application/json; charset=utf-8\r\n{accept}");
        assert_eq!(
            status(&bench.request("POST /mcp", &lines, ping)),
            "200",
            "{accept}"
        );
    }
}

#[test]
fn a_foreign_host_or_origin_is_refused_on_every_route() {
    for path in ["/mcp", "/health", "/status", "/mcp/tools"] {
        let mut bench = Bench::new();
        for origins in [
            "Origin: http://evil.example.com\r\n",
            "Origin: http://localhost\r\nOrigin: http://evil.example.com\r\n",
        ] {
            let answer = bench.request(&format!("GET {path}"), origins, "");
            assert_eq!(status(&answer), "403", "{path}: {origins}");
        }
        let connection = bench.connect();
        let answer = bench.ask(
            connection,
            &format!("GET {path} HTTP/1.1\r\nHost: evil.example.com\r\n\r\n"),
        );
        assert_eq!(status(&answer), "403", "{path}");
    }
    let mut bench = Bench::with(Settings {
        hosts: HostRule::Any,
        ..Settings::default()
    });
    let connection = bench.connect();
    let answer = bench.ask(connection, "GET /health HTTP/1.1\r\nHost: db.example.org\r\n\r\n");
    assert_eq!(status(&answer), "200");
}

#[test]
fn cors_is_for_listed_origins_only() {
    let origins = vec!["https://app.example.com".to_owned()];
    let mut bench = Bench::with(Settings {
        origins,
        ..Settings::default()
    });
    let answer = bench.request("GET /health", "Origin: https://app.example.com\r\n", "");
    assert!(answer.contains("Access-Control-Allow-Origin: https://app.example.com\r\n"));
    assert!(answer.contains("Vary: Origin\r\n") && !answer.contains("Allow-Credentials"));
    let lines = "Origin: https://app.example.com\r\nAccess-Control-Request-Method: POST\r\n";
    let preflight = bench.request("OPTIONS /mcp", lines, "");
    assert_eq!(status(&preflight), "204");
    assert!(preflight.contains("Access-Control-Allow-Headers: Content-Type"));
    let local = bench.request("GET /health", "Origin: http://localhost:3000\r\n", "");
    assert_eq!(status(&local), "200");
    assert!(
        !local.contains("Access-Control-Allow-Origin"),
        "a local page passes but may not read"
    );
}

#[test]
fn keys_are_asked_for_everywhere_but_on_the_three_health_routes() {
    let mut bench = Bench::with_keys(&["first", "second"]);
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(
            status(&bench.request(&format!("GET {path}"), "", "")),
            "200",
            "{path}"
        );
    }
    for start in [
        "GET /health/detailed",
        "GET /status",
        "GET /metrics",
        "GET /mcp/tools",
        "GET /mcp",
    ] {
        let answer = bench.request(start, "", "");
        assert_eq!(status(&answer), "401", "{start}");
        assert!(answer.contains("WWW-Authenticate: Bearer"), "{start}");
    }
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (authorization, expected) in [
        ("Bearer first", "200"),
        ("bearer second", "200"),
        ("Bearer third", "401"),
        ("Bearer ", "401"),
        ("Basic first", "401"),
        ("", "401"),
        ("Bearer first\r\nAuthorization: Bearer third", "401"),
        ("Bearer third\r\nAuthorization: Bearer first", "401"),
    ] {
        let lines = format!("Content-Type: application/json\r\nAuthorization: {authorization}\r\n");
        assert_eq!(
            status(&bench.request("POST /mcp", &lines, ping)),
            expected,
            "{authorization}"
        );
    }
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert_eq!(status(&bench.request("GET /mcp", upgrade, "")), "401");
    let with_key = format!("{upgrade}Authorization: Bearer first\r\n");
    assert_eq!(status(&bench.request("GET /mcp", &with_key, "")), "101");
}

#[test]
fn another_version_of_websocket_is_answered_with_ours_on_a_connection_that_goes_on() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    let ask = "GET /mcp HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for _ in 0..2 {
        let answer = bench.ask(connection, ask);
        assert_eq!(status(&answer), "426");
        for line in [
            "Sec-WebSocket-Version: 13",
            "Upgrade: websocket",
            "Connection: Upgrade",
        ] {
            assert_eq!(
                answer.matches(&format!("\r\n{line}\r\n")).count(),
                1,
                "{line} in {answer}"
            );
        }
    }
}

#[test]
fn detailed_health_tells_a_failed_login_and_its_end() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    let job = bench.next_submitted();
    bench.fail_with(job.id, Kind::Login, "the key was refused");
    let answer = bench.request("GET /health/detailed", "", "");
    assert_eq!(status(&answer), "503");
    assert!(body(&answer).contains("the key was refused"));
    assert_eq!(
        status(&bench.request("GET /health", "", "")),
        "200",
        "the process is alive all the same"
    );
    assert_eq!(status(&bench.request("GET /health/ready", "", "")), "200");
    bench.send(connection, post_call(2).as_bytes());
    let job = bench.next_submitted();
    bench.complete_with(job.id, "{}");
    assert_eq!(status(&bench.request("GET /health/detailed", "", "")), "200");
}

#[test]
fn settings_that_are_missing_are_told_before_the_first_call() {
    let engine_missing = Some("SNOWFLAKE_ACCOUNT is not set".to_owned());
    let mut bench = Bench::with(Settings {
        engine_missing,
        ..Settings::default()
    });
    let answer = bench.request("GET /health/detailed", "", "");
    assert_eq!(status(&answer), "503");
    assert!(body(&answer).contains("SNOWFLAKE_ACCOUNT is not set"), "{answer}");
    assert_eq!(status(&bench.request("GET /health/ready", "", "")), "200");
}

#[test]
fn a_full_table_refuses_the_next_connection() {
    let mut bench = Bench::with_limits(Limits {
        connections_max: 1,
        ..Limits::default()
    });
    let first = bench.connect();
    let second = bench.connect();
    let answer = String::from_utf8(bench.receive(second)).expect("text");
    assert_eq!(status(&answer), "503", "without having been asked");
    for line in ["\r\nRetry-After: 5\r\n", "\r\nConnection: close\r\n"] {
        assert!(answer.contains(line), "{answer}");
    }
    assert!(
        body(&answer).contains("1 connections are open, as many as may be (connections_max)"),
        "{answer}"
    );
    assert_eq!(
        bench.ask(second, &http("GET /health", "", "")),
        "",
        "nothing more is answered"
    );
    // It is no connection, so it takes nobody's place.
    bench.handle(Input::Broken { connection: first });
    assert_eq!(status(&bench.request("GET /health", "", "")), "200");
    bench.handle(Input::Ended { connection: second });
    assert!(bench.closed.contains(&second));
    assert_eq!(
        bench
            .server
            .metrics()
            .value(crate::server::Metric::ConnectionsRefused),
        1
    );
}

#[test]
fn a_storm_on_a_full_table_is_told_to_as_many_as_may_be() {
    let mut bench = Bench::with_limits(Limits {
        connections_max: 1,
        connections_refused_max: 2,
        ..Limits::default()
    });
    bench.connect();
    let told = [bench.connect(), bench.connect()];
    assert!(bench.server.accept(bench.now, Peer::Tcp).is_none());
    // Who does not go is dropped when the linger is over.
    assert!(
        told.iter()
            .all(|connection| !bench.receive(*connection).is_empty())
    );
    bench.pass(Limits::default().linger_timeout);
    assert!(told.iter().all(|connection| bench.closed.contains(connection)));
    assert!(!bench.receive_from_new().is_empty());
}

#[test]
fn a_body_that_is_not_plain_json_is_refused() {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for lines in [
        "Content-Type: application/json\r\nContent-Type: text/plain\r\n",
        "Content-Type: application/jsonx\r\n",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
    ] {
        assert_eq!(
            status(&Bench::new().request("POST /mcp", lines, ping)),
            "415",
            "{lines}"
        );
    }
}

#[test]
fn a_message_for_a_stream_that_is_not_named_says_where_the_name_stands() {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let lines = "Content-Type: application/json\r\n";
    let ask = |query: &str| Bench::new().request(&format!("POST /messages{query}"), lines, ping);
    let answer = ask("");
    assert_eq!(status(&answer), "400");
    assert!(answer.contains("session_id is missing"), "{answer}");
    assert_eq!(status(&ask("?session_id=x")), "404");
}

#[test]
fn the_server_as_a_whole_can_be_asked_for_its_options() {
    let answer = Bench::new().request("OPTIONS *", "", "");
    assert_eq!(status(&answer), "204");
    assert!(answer.contains("Allow: GET, HEAD, POST, OPTIONS\r\n"), "{answer}");
    assert_eq!(status(&Bench::new().request("OPTIONS /nowhere", "", "")), "404");
}
