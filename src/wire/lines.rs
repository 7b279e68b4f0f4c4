//! Messages separated by newlines: the framing of MCP over stdio.
//!
//! It knows where a message ends and how long one may be. It knows no JSON (a newline inside a message is the sender's
//! mistake: JSON escapes it), no pipe and no process.
//!
//! A line that is too long does not end the connection, because on stdio the connection is the process: the line is skipped to
//! its end and told once, so that the caller can answer with an error.
//!
//! ```text
//!            held > limit: TooLong
//! Collecting ─────────────────────► Skipping
//!     ▲  newline: Message              │
//!     └────────────────────────────────┘ newline
//! ```

use std::mem;

use super::buffer::{Inbox, Outbox, Piece};
use super::{Lifecycle, Serving};
use crate::limits::Limits;

/// A peer that writes one message a line, and is answered one message a line.
#[derive(Debug, Default)]
pub struct LineConnection {
    inbox: Inbox,
    outbox: Outbox,
    /// Bytes at the front of the inbox that were handed out, and go with the next call.
    taken: usize,
    /// Bytes behind those that are known to hold no newline.
    scanned: usize,
    /// The line that arrives was told as too long.
    is_skipping: bool,
    /// The peer will send nothing more.
    has_ended: bool,
    /// Nothing more will be sent to the peer.
    is_closing: bool,
}

/// What the bytes received so far lead to.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A whole line that is not blank, without its end. Lent until the next call.
    Message(&'a [u8]),
    /// No whole line without more bytes; after the end of input, none any more.
    NeedMore,
    /// A line of more than [`Limits::message_bytes_max`]. It is skipped to its end.
    TooLong,
}

impl LineConnection {
    /// A connection on which nothing was received or sent yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Room for the next read. Empty means: do not read now, the peer must first take what waits for it.
    pub fn room(&mut self, limits: &Limits) -> &mut [u8] {
        if self.has_ended || self.outbox.len() > limits.outbox_bytes_max {
            return &mut [];
        }
        self.inbox
            .room(limits.message_bytes_max.saturating_add(LINE_END_BYTES_MAX))
    }

    /// Says that `count` bytes were read into [`Self::room`]. Call [`Self::next`] until it needs more: only then is there
    /// room again for certain.
    pub fn received(&mut self, count: usize) {
        self.inbox.filled(count);
    }

    /// Says that the peer will send nothing more. What it sent without a newline at the end still counts as a line.
    pub fn on_end(&mut self) {
        self.has_ended = true;
    }

    /// Whether the peer will send nothing more. It may still read: what it asked for is answered before [`Self::close`].
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The next message. Each byte is looked at once, however the input is split.
    pub fn next(&mut self, serving: &Serving<'_>) -> Next<'_> {
        let limit = serving.limits.message_bytes_max;
        loop {
            self.settle();
            let Some(line) = self.line() else {
                return self.incomplete(limit);
            };
            self.taken = line.whole_bytes;
            if mem::take(&mut self.is_skipping) {
                continue;
            }
            // Before blankness: that of a longer line is not known when only a part of it has arrived.
            if line.text_bytes > limit {
                return Next::TooLong;
            }
            if !line.is_blank {
                return Next::Message(&self.inbox.bytes()[..line.text_bytes]);
            }
        }
    }

    /// Queues `text`, all pieces together, as one line, and leaves the pieces empty. It must hold no newline.
    pub fn send(&mut self, text: &mut [Piece<'_>]) {
        for piece in text {
            debug_assert!(
                !piece.as_slice().contains(&b'\n'),
                "a newline would cut the message in two"
            );
            self.outbox.push(mem::take(piece));
        }
        self.outbox.extend(b"\n");
    }

    /// Says that nothing more will be sent: the connection ends when what waits is written.
    pub fn close(&mut self) {
        self.is_closing = true;
    }

    /// What waits to be written.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Says that the first `count` bytes that waited were written.
    pub fn sent(&mut self, count: usize) {
        self.outbox.sent(count);
    }

    /// What the shell must do with the connection. The end of input alone does not end it: calls may be in flight, and
    /// their answers are still read.
    pub fn lifecycle(&self) -> Lifecycle {
        match (self.is_closing, self.outbox.is_empty()) {
            (false, _) => Lifecycle::Open,
            (true, false) => Lifecycle::Finishing,
            (true, true) => Lifecycle::Closed,
        }
    }

    /// Gives memory back. Call it when the connection goes idle; what is needed is kept.
    pub fn rest(&mut self) {
        self.inbox.shrink();
        self.outbox.shrink();
    }

    /// Heap memory held.
    pub fn capacity(&self) -> usize {
        self.inbox.capacity() + self.outbox.capacity()
    }

    /// Forgets the line that the last call handed out.
    fn settle(&mut self) {
        self.inbox.consume(mem::take(&mut self.taken));
    }

    /// The line at the front of the inbox, if its end is there.
    fn line(&mut self) -> Option<Line> {
        let held = self.inbox.bytes();
        let newline = held[self.scanned..].iter().position(|byte| *byte == b'\n');
        let (text, whole_bytes) = match newline {
            Some(at) => (&held[..self.scanned + at], self.scanned + at + 1),
            None if self.has_ended && !held.is_empty() => (held, held.len()),
            None => {
                self.scanned = held.len();
                return None;
            }
        };
        self.scanned = 0;
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        Some(Line {
            text_bytes: text.len(),
            whole_bytes,
            is_blank: text.trim_ascii().is_empty(),
        })
    }

    /// A line whose end is not there: it is waited for, unless the line is too long already.
    fn incomplete(&mut self, limit: usize) -> Next<'_> {
        let held = self.inbox.bytes();
        let is_too_long = held.strip_suffix(b"\r").unwrap_or(held).len() > limit;
        if !is_too_long && !self.is_skipping {
            return Next::NeedMore;
        }
        self.inbox.consume(self.inbox.len());
        self.scanned = 0;
        if mem::replace(&mut self.is_skipping, true) {
            Next::NeedMore
        } else {
            Next::TooLong
        }
    }
}

/// A line at the front of the inbox.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// Without its end.
    text_bytes: usize,
    /// With its end.
    whole_bytes: usize,
    /// Nothing but white space.
    is_blank: bool,
}

/// `\r\n`.
const LINE_END_BYTES_MAX: usize = 2;

#[cfg(test)]
mod tests {
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
}
