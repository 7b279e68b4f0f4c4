//! Line connections against the law of codecs.

use proptest::collection::vec;
use proptest::prelude::*;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::time::Instant;
use snowflake_mcp::wire::Serving;
use snowflake_mcp::wire::lines::{LineConnection, Next};

/// What a line led to.
#[derive(Debug, Clone, PartialEq)]
enum Line {
    Message(Vec<u8>),
    TooLong,
}

const LIMIT: usize = 16;

fn lines<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Line> {
    let limits = Limits {
        message_bytes_max: LIMIT,
        ..Limits::default()
    };
    let mut connection = LineConnection::new();
    let mut lines = Vec::new();
    for mut part in parts {
        while !part.is_empty() {
            let room = connection.room(&limits);
            assert!(!room.is_empty(), "a line that has no room is never complete");
            let count = room.len().min(part.len());
            room[..count].copy_from_slice(&part[..count]);
            connection.received(count);
            part = &part[count..];
            take(&mut connection, &limits, &mut lines);
        }
    }
    connection.on_end();
    take(&mut connection, &limits, &mut lines);
    lines
}

fn take(connection: &mut LineConnection, limits: &Limits, lines: &mut Vec<Line>) {
    let serving = Serving {
        limits,
        now: Instant::ZERO,
        common_headers: b"",
    };
    loop {
        lines.push(match connection.next(&serving) {
            Next::Message(line) => Line::Message(line.to_vec()),
            Next::TooLong => Line::TooLong,
            Next::NeedMore => return,
        });
    }
}

/// The same, said the simple way: with all of the input at hand.
fn expected(input: &[u8]) -> Vec<Line> {
    let mut all: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    // What follows the last newline is a line only if there is something.
    all.retain(|line| !line.is_empty());
    all.iter()
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter_map(|line| match line {
            line if line.len() > LIMIT => Some(Line::TooLong),
            line if line.trim_ascii().is_empty() => None,
            line => Some(Line::Message(line.to_vec())),
        })
        .collect()
}

#[test]
fn every_split_into_two_reads_gives_the_same_lines() {
    let samples: &[&[u8]] = &[
        b"{\"id\":1}\n{\"id\":2}\r\n\n \r\n{\"id\":3}",
        b"a line that is too long for this\nshort\nanother line that is too long\r\n",
        b"exactly sixteen.\nexactly sixteen.\r\nexactly sixteen!\r!\n",
        b"                 \n\r\r\n\r\n\xff\xfe\n",
    ];
    for sample in samples {
        for at in 0..=sample.len() {
            let (front, back) = sample.split_at(at);
            assert_eq!(lines([front, back]), expected(sample), "split at {at}");
        }
    }
}

proptest! {
    #[test]
    fn any_input_in_any_reads_gives_the_lines_it_holds(
        pieces in vec(prop_oneof!["[a-z ]{0,20}", "\r?\n", "\r"], 0..30),
        size in 1_usize..40,
    ) {
        let input = pieces.concat().into_bytes();
        prop_assert_eq!(lines(input.chunks(size)), expected(&input));
    }
}
