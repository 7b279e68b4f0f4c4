//! Bodies: known lengths, chunks, 100 Continue, and what is too long.

use proptest::prelude::*;
use snowflake_mcp::wire::{CloseReason, Lifecycle};

use super::*;

fn bodies(talk: &Talk) -> Vec<&[u8]> {
    let body = |seen: &'_ Seen| matches!(seen, Seen::Request { .. });
    talk.seen
        .iter()
        .filter(|seen| body(seen))
        .map(|seen| match seen {
            Seen::Request { body, .. } => &body[..],
            Seen::Failed(_) => &[],
        })
        .collect()
}

#[test]
fn a_body_is_as_long_as_it_says() {
    let mut talk = Talk::new();
    talk.feed(&[post("/", "Content-Length: 5\r\n", "hello"), get("/next")].concat());
    assert_eq!(bodies(&talk), [&b"hello"[..], b""]);
    assert_eq!(talk.requests(), ["POST /", "GET /next"]);
}

#[test]
fn a_request_that_lies_in_a_body_is_not_run() {
    let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    for method in ["GET", "POST", "OPTIONS", "DELETE", "BREW"] {
        let mut talk = Talk::new();
        let length = hidden.len();
        talk.feed(
            format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{hidden}").as_bytes(),
        );
        talk.feed(
            format!("{method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n")
                .as_bytes(),
        );
        assert_eq!(bodies(&talk), [hidden.as_bytes(); 2]);
    }
}

#[test]
fn a_body_as_long_as_the_limit_is_taken_in_one_piece() {
    let mut talk = Talk::new();
    let length = talk.limits.body_bytes_max;
    let body: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
    talk.manner = Manner::Later;
    let head = post("/", &format!("Content-Length: {length}\r\n"), "");
    assert_eq!(talk.feed(&[&head, &body[..], &get("/next")].concat()), 0);
    assert!(bodies(&talk)[0] == body);
    assert_eq!(talk.requests(), ["POST /", "GET /next"]);
}

#[test]
fn a_body_that_is_too_long_is_refused_before_it_comes() {
    let mut talk = Talk::new();
    let fields = format!(
        "Content-Length: {}\r\nExpect: 100-continue\r\n",
        talk.limits.body_bytes_max + 1
    );
    talk.feed(&post("/", &fields, ""));
    assert_eq!(talk.seen, [Seen::Failed(Error::BodyTooLong { limit: 4 << 20 })]);
    assert_eq!(talk.statuses(), [413]);
    assert!(!talk.written().contains("100 Continue"));
    assert_eq!(talk.lifecycle(), Lifecycle::Finishing);
    assert_eq!(talk.connection.close_reason(), Some(CloseReason::BadRequest));
    // The body comes nevertheless, and is thrown away, so that the peer gets to see the answer.
    assert_eq!(talk.feed(&vec![b'x'; 1 << 20]), 0);
    assert_eq!(talk.statuses(), [413]);
    talk.end();
    assert_eq!(talk.lifecycle(), Lifecycle::Closed);
}

#[test]
fn chunks_that_become_too_long_are_refused_when_they_do() {
    let mut talk = Talk::new();
    talk.feed(&post("/", "Transfer-Encoding: chunked\r\n", ""));
    let chunk = [b"100000\r\n", &vec![b'x'; 1 << 20][..], b"\r\n"].concat();
    for _ in 0..4 {
        talk.feed(&chunk);
    }
    assert_eq!(talk.seen, []);
    talk.feed(b"1");
    assert_eq!(talk.statuses(), [413]);
}

#[test]
fn one_who_waits_for_100_continue_is_told_to_go_on() {
    for (framing, body) in [
        ("Content-Length: 5\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ] {
        let mut talk = Talk::new();
        talk.feed(&post("/", &format!("{framing}Expect: 100-continue\r\n"), ""));
        assert_eq!(talk.written(), "HTTP/1.1 100 Continue\r\n\r\n");
        talk.serve();
        talk.feed(body.as_bytes());
        assert_eq!(talk.written().matches("100 Continue").count(), 1);
        assert_eq!(talk.statuses(), [200]);
        assert_eq!(bodies(&talk), [b"hello"]);
    }
}

#[test]
fn one_who_does_not_wait_for_100_continue_is_not_told() {
    let fields = "Content-Length: 5\r\nExpect: 100-continue\r\n";
    for (first, rest) in [("hello", ""), ("h", "ello")] {
        let mut talk = Talk::new();
        talk.feed(&post("/", fields, first));
        talk.feed(rest.as_bytes());
        assert!(!talk.written().contains("100 Continue"));
        assert_eq!(talk.statuses(), [200]);
    }
    let mut talk = Talk::new();
    talk.feed(b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(talk.written(), "");
}

#[test]
fn a_100_continue_does_not_overtake_a_response() {
    let mut talk = Talk::later();
    talk.feed(&get("/1"));
    talk.feed(&post("/2", "Content-Length: 5\r\nExpect: 100-continue\r\n", ""));
    assert_eq!(talk.written(), "");
    talk.answer(0, "one");
    assert!(
        talk.written().ends_with("oneHTTP/1.1 100 Continue\r\n\r\n"),
        "{}",
        talk.written()
    );
    talk.feed(b"hello");
    talk.answer(1, "two");
    assert_eq!(talk.statuses(), [200, 200]);
}

#[test]
fn another_expectation_is_refused() {
    let mut talk = Talk::new();
    talk.feed(&post("/", "Content-Length: 5\r\nExpect: tea\r\n", "hello"));
    assert_eq!(talk.statuses(), [417]);
}

/// The chunked transfer coding written the plain way, as something to compare with.
fn encode_chunks(parts: &[Vec<u8>], extension: &str, trailer: &str, is_upper: bool) -> Vec<u8> {
    let mut wire = Vec::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let size = if is_upper {
            format!("{:X}", part.len())
        } else {
            format!("{:x}", part.len())
        };
        wire.extend_from_slice(size.as_bytes());
        wire.extend_from_slice(extension.as_bytes());
        wire.extend_from_slice(b"\r\n");
        wire.extend_from_slice(part);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
    wire
}

proptest! {
    #[test]
    fn whatever_is_chunked_comes_out_as_it_was(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..12),
        extension in "(;[a-z]{1,5}(=[a-z]{1,5}|=\"[a-z ]{0,5}\")?){0,2}",
        trailer in "([A-Z]{1,8}: ?[a-z ]{0,8}\r\n){0,3}",
        is_upper in any::<bool>(),
        cuts in prop::collection::vec(1_usize..300, 1..20),
    ) {
        let mut wire = post("/", "Transfer-Encoding: chunked\r\n", "");
        wire.extend(encode_chunks(&parts, &extension, &trailer, is_upper));
        wire.extend(get("/next"));
        let mut talk = Talk::later();
        let mut rest = &wire[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (part, later) = rest.split_at((*cut).min(rest.len()));
            prop_assert_eq!(talk.feed(part), 0);
            rest = later;
        }
        prop_assert_eq!(talk.requests(), ["POST /", "GET /next"]);
        prop_assert_eq!(bodies(&talk)[0], parts.concat());
    }
}
