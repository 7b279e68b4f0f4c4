//! Whole conversations: what is sent, what comes back, to the byte.

use snowflake_mcp::wire::{CloseReason, Lifecycle};

use super::*;

/// Sends `bytes`, then compares all that was written and what is to be done with the connection.
fn check(bytes: &[u8], expected: &str, lifecycle: Lifecycle) {
    let mut talk = Talk::new();
    talk.feed(bytes);
    let expected = expected.replace('\n', "\r\n");
    assert_eq!(talk.written(), expected, "{}", bytes.escape_ascii());
    assert_eq!(talk.lifecycle(), lifecycle, "{}", bytes.escape_ascii());
}

#[test]
fn a_request_is_answered_and_the_connection_stays_open() {
    check(
        b"GET /a?b=c HTTP/1.1\r\nHost: localhost:8000\r\n\r\n",
        "HTTP/1.1 200 OK\nServer: test\nContent-Type: text/plain\nContent-Length: 7\n\nGET /a ",
        Lifecycle::Open,
    );
}

#[test]
fn one_empty_line_before_a_request_is_overlooked_and_two_are_not() {
    let ok = "HTTP/1.1 200 OK\nServer: test\nContent-Type: text/plain\nContent-Length: 6\n\nGET / ";
    check(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ok, Lifecycle::Open);
    let mut talk = Talk::new();
    talk.feed(&[&get("/1")[..], b"\r\n", &get("/2"), b"\r\n\r\n"].concat());
    assert_eq!(talk.requests(), ["GET /1", "GET /2", "empty_lines"]);
}

#[test]
fn a_fault_is_answered_with_its_status_and_the_connection_ends() {
    check(
        b"GET / HTTP/1.1\r\n\r\n",
        "HTTP/1.1 400 Bad Request\nServer: test\nContent-Type: application/json\nConnection: close\n\
         Content-Length: 115\n\n\
         {\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"HTTP/1.1 needs a Host header\",\
         \"data\":{\"reason\":\"host_missing\"}}}",
        Lifecycle::Finishing,
    );
}

#[test]
fn close_is_honoured_wherever_it_is_said() {
    let closed = "HTTP/1.1 200 OK\nServer: test\nContent-Type: text/plain\nConnection: close\nContent-Length: 6\n\n\
                  GET / ";
    check(
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
        closed,
        Lifecycle::Closed,
    );
    check(b"GET / HTTP/1.0\r\n\r\n", closed, Lifecycle::Closed);
    let by_the_server = closed.replace("GET / ", "GET /close ").replace("6", "11");
    check(&get("/close"), &by_the_server, Lifecycle::Finishing);
}

#[test]
fn http_1_0_is_kept_alive_when_it_asks_and_is_told_so() {
    check(
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/1.1 200 OK\nServer: test\nContent-Type: text/plain\nConnection: keep-alive\nContent-Length: 6\n\nGET / ",
        Lifecycle::Open,
    );
}

#[test]
fn head_gets_the_length_and_no_body() {
    let mut talk = Talk::new();
    talk.feed(&[&b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n"[..], &get("/b")].concat());
    let head = "HTTP/1.1 200 OK\r\nServer: test\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\n";
    assert!(talk.written().starts_with(&format!("{head}HTTP/1.1 200 OK")));
    assert!(talk.written().ends_with("\r\n\r\nGET /b "));
}

#[test]
fn a_fault_of_head_has_no_body_either_whenever_it_is_found() {
    for bytes in [
        &b"HEAD / HTTP/1.1\r\n\r\n"[..],
        b"HEAD / HTTP/1.1\r\nHost: a\r\nX\n",
        b"HEAD / HTTP/2.0\r\n",
        b"\r\nHEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx",
    ] {
        let mut talk = Talk::new();
        talk.feed(bytes);
        assert!(talk.written().ends_with("\r\n\r\n"), "{}", talk.written());
        assert_eq!(talk.lifecycle(), Lifecycle::Finishing);
    }
}

#[test]
fn the_target_in_absolute_form_overrides_host() {
    let mut talk = Talk::new();
    let serving = serving(&talk.limits, Instant::ZERO);
    for (head, authority, path) in [
        (
            "GET http://h:1/p?q HTTP/1.1\r\nHost: evil\r\n\r\n",
            Some("h:1"),
            "/p",
        ),
        ("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", Some("h"), "/"),
        ("GET /p HTTP/1.1\r\nHost: A\r\n\r\n", Some("A"), "/p"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Some("a"), "*"),
        ("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", Some("h:443"), ""),
        ("GET /p HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", None, "/p"),
    ] {
        let room = talk.connection.room(serving.limits);
        room[..head.len()].copy_from_slice(head.as_bytes());
        talk.connection.received(head.len(), serving.now);
        let Next::Request(request, responder) = talk.connection.next(&serving) else {
            panic!("{head}");
        };
        assert_eq!((request.authority(), request.path()), (authority, path), "{head}");
        echo(&request, responder);
    }
}

#[test]
fn fields_are_found_by_name_and_occurrence() {
    let mut talk = Talk::new();
    let serving = serving(&talk.limits, Instant::ZERO);
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a:  2 \r\nX-Latin: \xe9\r\n\r\n";
    talk.connection.room(serving.limits)[..head.len()].copy_from_slice(head);
    talk.connection.received(head.len(), serving.now);
    let Next::Request(request, responder) = talk.connection.next(&serving) else {
        panic!("no request");
    };
    let fields: &dyn snowflake_mcp::wire::Fields = &request;
    assert_eq!(fields.field("X-a", 0), Some(&b"1"[..]));
    assert_eq!(fields.field("X-a", 1), Some(&b"2"[..]));
    assert_eq!(fields.field("X-a", 2), None);
    assert_eq!(request.field("x-LATIN"), Some(&b"\xe9"[..]));
    assert_eq!(request.field("x-none"), None);
    echo(&request, responder);
}

#[test]
fn an_upgrade_hands_over_what_follows_the_request() {
    let mut talk = Talk::new();
    let serving = serving(&talk.limits, Instant::ZERO);
    let bytes =
        b"GET /mcp HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x80frame";
    talk.connection.room(serving.limits)[..bytes.len()].copy_from_slice(bytes);
    talk.connection.received(bytes.len(), serving.now);
    let Next::Request(request, responder) = talk.connection.next(&serving) else {
        panic!("no request");
    };
    assert_eq!(request.field("upgrade"), Some(&b"websocket"[..]));
    responder.upgrade(Response {
        status: 101,
        content_type: None,
        headers: &[("Upgrade", "websocket"), ("Sec-WebSocket-Accept", "x")],
        body: &mut [],
        close: false,
    });
    assert!(matches!(talk.connection.next(&serving), Next::NeedMore));
    assert_eq!(talk.lifecycle(), Lifecycle::Open);
    assert!(talk.connection.room(serving.limits).is_empty());
    let (inbox, outbox) = talk.connection.into_upgraded();
    assert_eq!(inbox.bytes(), b"\x81\x80frame");
    assert_eq!(
        outbox.to_vec(),
        b"HTTP/1.1 101 Switching Protocols\r\nServer: test\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\
          Connection: Upgrade\r\n\r\n"
    );
}

#[test]
fn a_peer_that_ends_after_its_request_still_gets_the_answer() {
    let mut talk = Talk::later();
    talk.feed(&[get("/1"), get("/2")].concat());
    talk.end();
    assert_eq!(talk.lifecycle(), Lifecycle::Open);
    talk.answer(0, "one");
    assert_eq!(talk.lifecycle(), Lifecycle::Open);
    talk.answer(1, "two");
    assert_eq!(talk.lifecycle(), Lifecycle::Finishing);
    assert_eq!(talk.connection.close_reason(), Some(CloseReason::PeerClosed));
    let written = talk.written();
    assert!(written.contains("\r\n\r\none") && written.ends_with("\r\n\r\ntwo"));
    assert!(
        written.contains("Connection: close"),
        "the last answer says that it is the last"
    );
    assert_eq!(talk.lifecycle(), Lifecycle::Closed);
}

#[test]
fn a_peer_that_ends_between_requests_is_closed_without_a_word() {
    for before in [&b""[..], b"\r\n", &get("/1")] {
        let mut talk = Talk::new();
        talk.feed(before);
        let written = talk.written().len();
        talk.end();
        assert_eq!(talk.lifecycle(), Lifecycle::Closed);
        assert_eq!(talk.connection.close_reason(), Some(CloseReason::PeerClosed));
        assert_eq!(talk.written().len(), written);
    }
}

#[test]
fn a_peer_that_ends_inside_a_request_is_told_and_the_request_is_not_run() {
    for bytes in [
        &b"GET / HT"[..],
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"\r",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let mut talk = Talk::new();
        talk.feed(bytes);
        talk.end();
        assert_eq!(talk.seen, [Seen::Failed(Error::Incomplete)]);
        assert_eq!(talk.statuses(), [400]);
        assert_eq!(talk.lifecycle(), Lifecycle::Closed);
    }
}

#[test]
fn shutdown_closes_an_idle_connection_at_once() {
    for before in [&b""[..], &get("/1")] {
        let mut talk = Talk::new();
        talk.feed(before);
        talk.written();
        talk.connection.drain(&serving(&Limits::default(), talk.now));
        assert_eq!(talk.lifecycle(), Lifecycle::Closed);
        assert_eq!(talk.connection.close_reason(), Some(CloseReason::Draining));
    }
}

#[test]
fn shutdown_answers_what_is_waiting_and_takes_nothing_new() {
    let mut talk = Talk::later();
    talk.feed(&[get("/1"), get("/2")].concat());
    talk.connection.drain(&serving(&Limits::default(), talk.now));
    assert_eq!(
        talk.feed(&get("/3")),
        0,
        "it is still read from, so that FIN is seen"
    );
    assert_eq!(talk.requests(), ["GET /1", "GET /2"]);
    talk.answer(1, "two");
    assert_eq!(talk.lifecycle(), Lifecycle::Open);
    talk.answer(0, "one");
    assert_eq!(talk.lifecycle(), Lifecycle::Finishing);
    let written = talk.written();
    let (first, last) = written.split_once("one").unwrap();
    assert!(!first.contains("Connection: close"));
    assert!(last.contains("Connection: close"));
    assert_eq!(talk.connection.close_reason(), Some(CloseReason::Draining));
}

#[test]
fn shutdown_refuses_a_request_that_is_not_whole() {
    for bytes in [
        &b"GET / HT"[..],
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell",
    ] {
        let mut talk = Talk::new();
        talk.feed(bytes);
        talk.connection.drain(&serving(&Limits::default(), talk.now));
        assert_eq!(talk.statuses(), [503]);
        assert_eq!(talk.lifecycle(), Lifecycle::Finishing);
        assert_eq!(talk.connection.close_reason(), Some(CloseReason::Draining));
    }
}

#[test]
fn shutdown_lets_the_last_answer_be_written() {
    let mut talk = Talk::new();
    talk.feed(&get("/1"));
    talk.connection.drain(&serving(&Limits::default(), talk.now));
    assert_eq!(talk.lifecycle(), Lifecycle::Finishing);
    assert_eq!(talk.statuses(), [200]);
}
