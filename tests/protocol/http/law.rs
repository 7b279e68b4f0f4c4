//! The law of codecs: however the input is split, the requests, the faults and the bytes written are the same.
//!
//! One thing may differ, and must: 100 Continue is only said to a peer that seems to wait for it.

use proptest::prelude::*;
use snowflake_mcp::wire::{CloseReason, Lifecycle};

use super::*;

/// All that may be seen of a connection from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    seen: Vec<Seen>,
    written: String,
    lifecycle: Lifecycle,
    close_reason: Option<CloseReason>,
}

fn outcome(parts: &[&[u8]], ends: bool, limits: &Limits) -> Outcome {
    outcome_of(Talk::with(limits.clone()), parts, ends)
}

/// Whatever `talk` answers later is answered when all was read.
pub(super) fn outcome_of(mut talk: Talk, parts: &[&[u8]], ends: bool) -> Outcome {
    for part in parts {
        assert_eq!(talk.feed(part), 0, "there is room");
    }
    if ends {
        talk.end();
    }
    talk.finish_all();
    let written = talk.written().replace("HTTP/1.1 100 Continue\r\n\r\n", "");
    Outcome {
        written,
        lifecycle: talk.lifecycle(),
        close_reason: talk.connection.close_reason(),
        seen: talk.seen,
    }
}

/// Splits in two at every point (or, in long input, at 300 of them), and into single bytes.
fn check(bytes: &[u8], limits: &Limits) {
    check_all(bytes, |parts, ends| outcome(parts, ends, limits));
}

/// The same for any way to make something of the parts.
pub(super) fn check_all(bytes: &[u8], outcome: impl Fn(&[&[u8]], bool) -> Outcome) {
    for ends in [false, true] {
        let whole = outcome(&[bytes], ends);
        let shown = bytes[..bytes.len().min(160)].escape_ascii();
        let step = (bytes.len() / 300).max(1);
        for at in (1..bytes.len()).step_by(step) {
            let (first, second) = bytes.split_at(at);
            assert_eq!(outcome(&[first, second], ends), whole, "{shown} split at {at}");
        }
        let singles: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(outcome(&singles, ends), whole, "{shown} byte by byte");
    }
}

fn conversations() -> Vec<Vec<u8>> {
    let chunked = "Transfer-Encoding: chunked\r\n";
    vec![
        get("/"),
        [get("/1"), get("/2"), get("/3")].concat(),
        [b"\r\n", &get("/1")[..], b"\r\n", &get("/2"), b"\r\n"].concat(),
        post("/", "Content-Length: 11\r\n", "hello world"),
        [
            post("/1", "Content-Length: 2\r\n", "hi"),
            get("/2"),
            post("/3", "Content-Length: 0\r\n", ""),
        ]
        .concat(),
        [
            post(
                "/1",
                chunked,
                "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX: y\r\n\r\n",
            ),
            get("/2"),
        ]
        .concat(),
        [
            post("/1", chunked, "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
            post("/2", chunked, "0\r\n\r\n"),
            get("/3"),
        ]
        .concat(),
        [
            post("/1", "Content-Length: 2\r\nExpect: 100-continue\r\n", "hi"),
            get("/2"),
        ]
        .concat(),
        post(
            "/1",
            &format!("{chunked}Expect: 100-continue\r\n"),
            "2\r\nhi\r\n0\r\n\r\n",
        ),
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /a HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        [&b"GET /1 HTTP/1.0\r\n\r\n"[..], &get("/2")].concat(),
        [
            &b"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"[..],
            &get("/2"),
        ]
        .concat(),
        [
            &b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"[..],
            &get("/2"),
        ]
        .concat(),
        [get("/close"), get("/2")].concat(),
        [
            b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            get("http://b/c?d"),
        ]
        .concat(),
        [get("/1"), b"XYZZY\r\n\r\n".to_vec(), get("/2")].concat(),
        get(&format!("/{}", "long/".repeat(800))),
        [
            post("/", "Content-Length: 5000\r\n", &"body ".repeat(1000)),
            get("/2"),
        ]
        .concat(),
        b"GET / HTTP/1.1\r\nHost: a\r\nX".to_vec(),
        post("/", "Content-Length: 10\r\n", "half"),
        post("/", chunked, "a\r\nhalf"),
    ]
}

#[test]
fn every_split_of_a_conversation_gives_the_same() {
    for bytes in conversations() {
        check(&bytes, &Limits::default());
    }
}

#[test]
fn every_split_of_a_refused_request_gives_the_same() {
    for (bytes, _) in smuggling::corpus()
        .into_iter()
        .filter(|(bytes, _)| bytes.len() < 1000)
    {
        check(&[&bytes[..], &get("/2")].concat(), &Limits::default());
    }
}

#[test]
fn every_split_around_every_limit_gives_the_same() {
    let limits = Limits {
        head_bytes_max: 128,
        target_bytes_max: 32,
        headers_max: 3,
        body_bytes_max: 16,
        ..Limits::default()
    };
    let long = |count: usize| "x".repeat(count);
    for count in [30, 31, 32, 33, 60, 73, 74, 75, 76, 77, 110, 130, 300] {
        check(&get(&format!("/{}", long(count - 1))), &limits);
        check(format!("GET /{}", long(count)).as_bytes(), &limits);
        check(format!("{} / HTTP/1.1\r\n\r\n", long(count)).as_bytes(), &limits);
        check(&post("/", &format!("X: {}\r\n", long(count)), ""), &limits);
        check(&post("/", &format!("X: {}\n", long(count)), ""), &limits);
        check(&post("/", &format!("X: {}\r", long(count)), ""), &limits);
    }
    for count in 0..6 {
        check(&post("/", &"A: b\r\n".repeat(count), ""), &limits);
    }
    for count in 14..19 {
        let chunked = format!("1\r\nx\r\n{:x}\r\n{}\r\n0\r\n\r\n", count - 1, long(count - 1));
        check(&post("/", "Transfer-Encoding: chunked\r\n", &chunked), &limits);
        check(
            &post("/", &format!("Content-Length: {count}\r\n"), &long(count)),
            &limits,
        );
    }
}

/// Bytes that mean something to a parser, and one that does not.
const TELLING: &[u8] = b"\r\n :;,\t\0\x7f\xff0159afx/*?#";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A conversation or a refused request with some bytes replaced, inserted and removed, in arbitrary pieces.
    #[test]
    fn every_split_of_damaged_input_gives_the_same(
        base in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3, 0..TELLING.len()), 0..4),
        cuts in prop::collection::vec(1_usize..40, 1..10),
        ends in any::<bool>(),
    ) {
        let mut bases = conversations();
        bases.extend(smuggling::corpus().into_iter().map(|(bytes, _)| bytes));
        bases.retain(|bytes| bytes.len() < 1000);
        let mut bytes = [base.get(&bases).clone(), get("/2")].concat();
        for (at, kind, byte) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = TELLING[byte],
                1 => bytes.insert(at, TELLING[byte]),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        let limits = Limits::default();
        let mut parts = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (part, later) = rest.split_at((*cut).min(rest.len()));
            parts.push(part);
            rest = later;
        }
        prop_assert_eq!(outcome(&parts, ends, &limits), outcome(&[&bytes], ends, &limits));
    }
}
