//! Messages separated by newlines: the framing of MCP over stdio.
//!
//! It knows where a message ends and how long one may be. It knows no JSON (a newline inside a message is the
//! sender's mistake: JSON escapes it), no pipe and no process.
//!
//! A line that is too long does not end the connection, because on stdio the connection is the process: the line
//! is skipped to its end and told once, so that the caller can answer with an error.
//!
//! ```text
//!            held > limit: TooLong
//! Collecting ─────────────────────► Skipping
//!     ▲  newline: Message              │
//!     └────────────────────────────────┘ newline
//! ```

use std::mem;

use super::buffer::{Inbox, Outbox, Piece};
use super::lease::FREE_BYTES_EACH;
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

    /// Says that `count` bytes were read into [`Self::room`]. Call [`Self::next`] until it needs more: only then
    /// is there room again for certain.
    pub fn received(&mut self, count: usize) {
        self.inbox.filled(count);
    }

    /// Says that the peer will send nothing more. What it sent without a newline at the end still counts as a line.
    pub fn on_end(&mut self) {
        self.has_ended = true;
    }

    /// Whether the peer will send nothing more. It may still read: what it asked for is answered before
    /// [`Self::close`].
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

    /// Memory that the inbox takes with the next [`Self::room`], beyond what each connection has of its own.
    pub fn leased_bytes(&self, limits: &Limits) -> usize {
        let line_bytes_max = limits.message_bytes_max.saturating_add(LINE_END_BYTES_MAX);
        let capacity = self.inbox.capacity_with_room(line_bytes_max);
        capacity.saturating_sub(FREE_BYTES_EACH)
    }

    /// Forgets the line that is arriving, and skips the rest of it: the memory is needed elsewhere. Says whether one was
    /// arriving; it has not been told of then.
    pub fn turn_away(&mut self) -> bool {
        self.settle();
        let is_news = !self.inbox.is_empty() && !mem::replace(&mut self.is_skipping, true);
        self.inbox = Inbox::default();
        self.scanned = 0;
        is_news
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

    /// Says that the first `count` bytes that waited were written. Returns a large piece that was among them
    /// ([`Outbox::sent`]).
    pub fn sent(&mut self, count: usize) -> Option<Vec<u8>> {
        self.outbox.sent(count)
    }

    /// What the shell must do with the connection. The end of input alone does not end it: calls may be in flight,
    /// and their answers are still read.
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
mod tests;
