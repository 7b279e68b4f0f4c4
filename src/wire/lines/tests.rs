//! Lines in reads of every size, and what is held of them.

use super::*;
use crate::time::Instant;

const TOO_LONG: &str = "<too long>";

/// What the lines of `input` are with a limit of eight bytes, read in steps of `step`.
fn lines(input: &[u8], step: usize) -> Vec<String> {
    let mut connection = LineConnection::new();
    let mut messages = Vec::new();
    let limits = Limits {
        message_bytes_max: 8,
        ..Limits::default()
    };
    let mut rest = input;
    while !rest.is_empty() {
        let room = connection.room(&limits);
        assert!(!room.is_empty(), "a line that has no room is never complete");
        let count = room.len().min(rest.len()).min(step);
        room[..count].copy_from_slice(&rest[..count]);
        connection.received(count);
        rest = &rest[count..];
        take(&mut connection, &limits, &mut messages);
        if step == 1 {
            connection.rest();
        }
    }
    connection.on_end();
    take(&mut connection, &limits, &mut messages);
    assert!(
        connection.room(&limits).is_empty(),
        "nothing is read after the end"
    );
    connection.rest();
    assert_eq!(connection.capacity(), 0);
    messages
}

fn take(connection: &mut LineConnection, limits: &Limits, messages: &mut Vec<String>) {
    let serving = Serving {
        limits,
        now: Instant::ZERO,
        common_headers: b"",
    };
    loop {
        match connection.next(&serving) {
            Next::Message(line) => messages.push(String::from_utf8_lossy(line).into_owned()),
            Next::TooLong => messages.push(TOO_LONG.to_owned()),
            Next::NeedMore => return,
        }
    }
}

/// Checks the lines of `input` for every size of reads.
fn check(input: &str, expected: &[&str]) {
    for step in 1..=input.len().max(1) {
        assert_eq!(
            lines(input.as_bytes(), step),
            expected,
            "{input:?} in steps of {step}"
        );
    }
}

#[test]
fn a_line_is_a_message_whatever_ends_it() {
    check("one\ntwo\r\nthree\n", &["one", "two", "three"]);
    check("one\ntwo", &["one", "two"]);
    check("one\r\ntwo\r", &["one", "two"]);
    check("a\rb\n", &["a\rb"]);
    check("", &[]);
}

#[test]
fn blank_lines_are_no_messages() {
    check("\n\r\n  \none\n\n\t\r\n\ntwo\n\n", &["one", "two"]);
    check("\n", &[]);
    check(" ", &[]);
}

#[test]
fn a_line_of_the_longest_length_is_taken() {
    check("12345678\n12345678\r\n12345678", &["12345678"; 3]);
    check("1234567\r\n12345678\r", &["1234567", "12345678"]);
}

#[test]
fn a_line_that_is_too_long_is_told_once_and_the_next_one_is_read() {
    check("123456789\nnext\n", &[TOO_LONG, "next"]);
    check("123456789\r\nnext\n", &[TOO_LONG, "next"]);
    check("12345678\r.\nnext\n", &[TOO_LONG, "next"]);
    check(&format!("{}\nnext\n", "x".repeat(100)), &[TOO_LONG, "next"]);
    check("123456789\n123456789\n\nnext", &[TOO_LONG, TOO_LONG, "next"]);
    check("one\n123456789", &["one", TOO_LONG]);
    check(&format!("one\n{}", "x".repeat(50)), &["one", TOO_LONG]);
    check("         \nnext\n", &[TOO_LONG, "next"]);
}

#[test]
fn a_message_goes_out_as_one_line() {
    let mut connection = LineConnection::new();
    let mut pieces = [Piece::Borrowed(b"{\"a\":"), Piece::Owned(b"1}".to_vec())];
    connection.send(&mut pieces);
    assert!(pieces.iter().all(Piece::is_empty));
    connection.send(&mut [Piece::Borrowed(b"{}")]);
    assert_eq!(connection.outbox().to_vec(), b"{\"a\":1}\n{}\n");
}

#[test]
fn a_peer_that_takes_nothing_is_not_read_from() {
    let limits = Limits {
        outbox_bytes_max: 10,
        ..Limits::default()
    };
    let mut connection = LineConnection::new();
    connection.send(&mut [Piece::Borrowed(b"123456789")]);
    assert!(!connection.room(&limits).is_empty());
    connection.send(&mut [Piece::Borrowed(b"")]);
    assert!(connection.room(&limits).is_empty());
    connection.sent(1);
    assert!(!connection.room(&limits).is_empty());
}

#[test]
fn the_end_of_input_leaves_time_for_the_answers() {
    let mut connection = LineConnection::new();
    connection.on_end();
    assert!(connection.has_ended());
    assert_eq!(connection.lifecycle(), Lifecycle::Open);
    connection.send(&mut [Piece::Borrowed(b"late")]);
    connection.close();
    assert_eq!(connection.lifecycle(), Lifecycle::Finishing);
    connection.sent(5);
    assert_eq!(connection.lifecycle(), Lifecycle::Closed);
}

#[test]
fn what_is_skipped_is_not_held_and_what_was_scanned_is_not_scanned_again() {
    let limits = Limits {
        message_bytes_max: 8,
        ..Limits::default()
    };
    let mut connection = LineConnection::new();
    let mut messages = Vec::new();
    for (part, told, held) in [
        ("1234", 0, 4),
        ("5678", 0, 8),
        ("90", 1, 0),
        ("12345", 1, 0),
        ("6\nabc", 1, 3),
    ] {
        connection.room(&limits)[..part.len()].copy_from_slice(part.as_bytes());
        connection.received(part.len());
        take(&mut connection, &limits, &mut messages);
        assert_eq!(messages, vec![TOO_LONG; told], "after {part:?}");
        assert_eq!(
            (connection.inbox.len(), connection.scanned),
            (held, held),
            "after {part:?}"
        );
    }
}

#[test]
fn a_large_message_is_not_held_longer_than_needed() {
    let limits = Limits::default();
    let mut connection = LineConnection::new();
    let line = [&vec![b'x'; 100_000][..], b"\n"].concat();
    for part in line.chunks(4_096) {
        let mut part = part;
        while !part.is_empty() {
            let room = connection.room(&limits);
            let count = room.len().min(part.len());
            room[..count].copy_from_slice(&part[..count]);
            connection.received(count);
            part = &part[count..];
        }
    }
    let mut messages = Vec::new();
    take(&mut connection, &limits, &mut messages);
    assert_eq!(messages, ["x".repeat(100_000)]);
    assert!(connection.capacity() >= 100_000);
    connection.rest();
    assert_eq!(connection.capacity(), 0);
}
