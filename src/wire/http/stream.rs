//! Responses that are streams of events: begun now, continued as something happens, ended later.
//!
//! A stream takes the place of one response in the pipeline. In HTTP/1.1 it is chunked, one chunk a push, and the
//! connection goes on behind the last chunk; in HTTP/1.0 the end of the connection is its end (RFC 9112 sections 6.3
//! and 7.1). One that is begun before its turn is parked like every other response.
//!
//! Knows what a stream may cost its server (`stream_outbox_bytes_max`), and not what is in it: events are `wire::sse`.

use super::HttpConnection;
use super::pipeline::{Answered, Given, Pipeline, Ticket};
use super::responder::Responder;
use super::response::{self, Connection};
use super::state::State;
use crate::time::Instant;
use crate::wire::buffer::{Outbox, Piece};
use crate::wire::{CloseReason, Serving};

/// How a stream begins: 200, `text/event-stream`, and these.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamHead<'a> {
    /// Fields beside those that every response and every stream has. None of `Content-Type`, `Connection` and those
    /// that frame a body. A line whose value has a line break or a NUL is left out.
    pub headers: &'a [(&'a str, &'a str)],
}

/// What became of pieces for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "pieces that a full stream refused are lost: abort it"]
pub enum Pushed {
    /// They are queued; or there is no such stream any more, because the connection ended, and nothing is lost that
    /// could have arrived.
    Queued,
    /// As much of the stream waits as may (`stream_outbox_bytes_max`): nothing was queued.
    Full,
}

impl HttpConnection {
    /// Begins the response to a deferred request as a stream. Without effect if the connection ended before it. HEAD is
    /// answered with the head alone: no stream begins then, and what is pushed goes nowhere.
    pub fn begin_stream(&mut self, ticket: Ticket, head: StreamHead<'_>, serving: &Serving<'_>) {
        begin(&mut self.state, &mut self.pipeline, ticket, head, serving);
    }

    /// Continues a stream by one chunk of all `pieces`, which are taken out of the slice; large owned and shared ones
    /// are queued without a copy. Nothing happens when all are empty.
    ///
    /// Refused while as much waits as may. What is not refused may itself be of any length.
    pub fn push_stream(&mut self, ticket: Ticket, pieces: &mut [Piece<'_>], serving: &Serving<'_>) -> Pushed {
        let is_something = pieces.iter().any(|piece| !piece.is_empty());
        match self.pipeline.stream_index(ticket) {
            Some(index) if is_something && self.pipeline.is_stream_full(index, serving) => Pushed::Full,
            _ => {
                self.push_reply(ticket, pieces, serving);
                Pushed::Queued
            }
        }
    }

    /// The same for the reply to a call, which is queued whatever waits: how many there can be was decided when the calls
    /// were admitted, and a reader who asked for several results at once is not slow because two of them wait.
    pub fn push_reply(&mut self, ticket: Ticket, pieces: &mut [Piece<'_>], serving: &Serving<'_>) {
        let is_closed = matches!(self.state, State::Closed { .. });
        if let Some(index) = self.pipeline.stream_index(ticket)
            && !is_closed
        {
            self.pipeline.push_chunk(index, pieces, serving.now);
        }
    }

    /// Ends a stream. What is parked behind it follows, and requests that its place had held back are taken by
    /// [`next`](HttpConnection::next).
    pub fn end_stream(&mut self, ticket: Ticket, serving: &Serving<'_>) {
        let answered = self.pipeline.end_stream(ticket, serving.now);
        self.state.settle(answered, &self.pipeline, serving.now);
    }

    /// Cuts a stream off: the connection ends without its last chunk, so that the peer cannot take it for whole. Whatever
    /// was asked behind it is not answered.
    ///
    /// What was queued is still written, except after [`Pushed::Full`]: then the peer has had its time, the connection
    /// is closed at once and what waits is lost.
    pub fn abort_stream(&mut self, ticket: Ticket, serving: &Serving<'_>) {
        let Some(index) = self.pipeline.stream_index(ticket) else {
            return;
        };
        let is_full = self.pipeline.slots()[index].given == (Given::Stream { is_full: true });
        let reason = if is_full {
            CloseReason::StreamTooSlow
        } else {
            CloseReason::StreamAborted
        };
        let answered = self.pipeline.abort_stream(index);
        if answered == Answered::Last && is_full {
            self.close(reason);
            return;
        }
        self.state.stop_behind_stream(reason);
        self.state.settle(answered, &self.pipeline, serving.now);
    }

    /// Whether a stream is open. Then no idle timeout applies; the connection is read from even while its pipeline or
    /// outbox is full, for as long as the inbox has room for one request.
    ///
    /// So a FIN of the reader is seen at once unless it sent `pipeline_max` requests and `head_bytes_max` bytes more
    /// behind the stream. Behind those it is noticed by the next write, which the peer's machine answers with a reset.
    pub fn is_streaming(&self) -> bool {
        self.pipeline.streams().next().is_some()
    }

    /// Bytes of open streams that wait, queued for the peer or parked for their turn.
    pub fn stream_bytes(&self) -> usize {
        self.pipeline
            .streams()
            .map(|index| self.pipeline.slot_bytes(index))
            .sum()
    }
}

impl Responder<'_> {
    /// Answers with a stream, which the ticket continues: [`HttpConnection::begin_stream`] at once.
    pub fn begin_stream(self, head: StreamHead<'_>) -> Ticket {
        begin(self.state, self.pipeline, self.ticket, head, self.serving);
        self.ticket
    }
}

fn begin(
    state: &mut State,
    pipeline: &mut Pipeline,
    ticket: Ticket,
    head: StreamHead<'_>,
    serving: &Serving<'_>,
) {
    let answered = pipeline.begin_stream(ticket, head, serving);
    state.settle(answered, pipeline, serving.now);
    if pipeline.is_last(ticket) {
        state.stop_behind_stream(CloseReason::NotKeptAlive);
    }
}

impl State {
    /// The connection ends with a stream: no more requests are taken. If it was ending for a reason of the peer or of
    /// the server, that stays the reason.
    fn stop_behind_stream(&mut self, reason: CloseReason) {
        let is_planned = matches!(
            self,
            Self::Stopped {
                reason: CloseReason::NotKeptAlive
            }
        );
        if self.is_taking() || is_planned {
            *self = Self::Stopped { reason };
        }
    }
}

impl Pipeline {
    fn begin_stream(&mut self, ticket: Ticket, head: StreamHead<'_>, serving: &Serving<'_>) -> Answered {
        let Some((index, slot)) = self.find(ticket) else {
            return Answered::Open;
        };
        debug_assert_eq!(slot.given, Given::Nothing, "a request is answered once");
        let has_body = !slot.omits_body;
        slot.given = if has_body {
            Given::Stream { is_full: false }
        } else {
            Given::All
        };
        if has_body && !slot.takes_chunks {
            slot.connection = Connection::Closed;
        }
        let (connection, is_chunked) = (slot.connection, slot.takes_chunks);
        if index == 0 {
            self.mark_stream();
        }
        let outbox = self.outbox_of(index, serving.now);
        encode_head(outbox, head, serving, connection, is_chunked);
        if index == 0 && !has_body {
            return self.settle();
        }
        Answered::Open
    }

    /// Whether a stream takes no more now. That it was asked is remembered until it is asked again.
    fn is_stream_full(&mut self, index: usize, serving: &Serving<'_>) -> bool {
        let is_full = self.slot_bytes(index) >= serving.limits.stream_outbox_bytes_max;
        self.slots_mut()[index].given = Given::Stream { is_full };
        is_full
    }

    fn push_chunk(&mut self, index: usize, pieces: &mut [Piece<'_>], now: Instant) {
        let bytes: usize = pieces.iter().map(Piece::len).sum();
        // A chunk of no bytes would be the last one.
        if bytes == 0 {
            return;
        }
        let is_chunked = self.slots()[index].takes_chunks;
        let outbox = self.outbox_of(index, now);
        if is_chunked {
            extend_chunk_size(outbox, bytes);
        }
        for piece in pieces {
            outbox.push(std::mem::take(piece));
        }
        if is_chunked {
            outbox.extend(b"\r\n");
        }
    }

    fn end_stream(&mut self, ticket: Ticket, now: Instant) -> Answered {
        let Some(index) = self.stream_index(ticket) else {
            return Answered::Open;
        };
        let slot = &mut self.slots_mut()[index];
        slot.given = Given::All;
        if slot.takes_chunks {
            self.outbox_of(index, now).extend(CHUNK_LAST);
        }
        if index == 0 { self.settle() } else { Answered::Open }
    }

    /// Nothing follows what was given of a stream.
    fn abort_stream(&mut self, index: usize) -> Answered {
        if index == 0 {
            return self.forget_slots();
        }
        let slot = &mut self.slots_mut()[index];
        slot.given = Given::All;
        slot.connection = Connection::Closed;
        self.slots_mut().truncate(index + 1);
        Answered::Open
    }

    /// The place of an open stream.
    fn stream_index(&self, ticket: Ticket) -> Option<usize> {
        let index = self.index(ticket)?;
        self.slots()[index].given.is_stream().then_some(index)
    }

    /// Whether a stream ends with the connection.
    fn is_last(&self, ticket: Ticket) -> bool {
        self.index(ticket)
            .is_some_and(|index| self.slots()[index].connection == Connection::Closed)
    }

    /// The places of open streams.
    fn streams(&self) -> impl Iterator<Item = usize> {
        let slots = self.slots().iter().enumerate();
        slots
            .filter(|(_, slot)| slot.given.is_stream())
            .map(|(index, _)| index)
    }
}

/// Queues the head of a stream.
///
/// The common lines say `Cache-Control: no-store`, which forbids more than `no-cache` would. `no-transform` joins it in
/// a line of its own (one list, RFC 9110 section 5.3): a proxy that compresses holds events back until it has enough
/// of them. nginx buffers responses unless it is told not to.
fn encode_head(
    outbox: &mut Outbox,
    head: StreamHead<'_>,
    serving: &Serving<'_>,
    connection: Connection,
    is_chunked: bool,
) {
    let usual = serving.common_headers.len() + 2 * STREAM_HEADERS.len();
    outbox.extend_with(usual, |bytes| {
        bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        bytes.extend_from_slice(serving.common_headers);
        bytes.extend_from_slice(STREAM_HEADERS);
        for (name, value) in head.headers {
            response::extend_field(bytes, name, value);
        }
        response::extend_connection(bytes, head.headers, connection);
        if is_chunked {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
    });
}

const STREAM_HEADERS: &[u8] =
    b"Content-Type: text/event-stream\r\nCache-Control: no-transform\r\nX-Accel-Buffering: no\r\n";

/// RFC 9112 section 7.1: the size in hexadecimal, no extensions.
fn extend_chunk_size(outbox: &mut Outbox, bytes: usize) {
    let digits = (usize::BITS - bytes.leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        let digit = (bytes >> (4 * place)) & 0xf;
        outbox.extend(&HEX_DIGITS[digit..=digit]);
    }
    outbox.extend(b"\r\n");
}

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";
/// The chunk of no bytes, and no trailer.
const CHUNK_LAST: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn the_size_of_a_chunk_is_hexadecimal() {
        for (bytes, expected) in [
            (1, "1\r\n"),
            (15, "f\r\n"),
            (16, "10\r\n"),
            (0xa0b1c2, "a0b1c2\r\n"),
            (usize::MAX, "ffffffffffffffff\r\n"),
        ] {
            let mut outbox = Outbox::default();
            extend_chunk_size(&mut outbox, bytes);
            assert_eq!(outbox.to_vec(), expected.as_bytes());
        }
    }

    #[test]
    fn a_head_says_what_the_stream_is_and_that_nothing_may_hold_it_back() {
        let limits = Limits::default();
        let serving = Serving {
            limits: &limits,
            now: Instant::ZERO,
            common_headers: b"Cache-Control: no-store\r\n",
        };
        let head = StreamHead {
            headers: &[("Mcp-Session-Id", "abc")],
        };
        for (connection, is_chunked, end) in [
            (Connection::Kept, true, "Transfer-Encoding: chunked\r\n\r\n"),
            (
                Connection::Closed,
                true,
                "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            (Connection::Closed, false, "Connection: close\r\n\r\n"),
        ] {
            let mut outbox = Outbox::default();
            encode_head(&mut outbox, head, &serving, connection, is_chunked);
            let expected = format!(
                "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: text/event-stream\r\n\
                 Cache-Control: no-transform\r\nX-Accel-Buffering: no\r\nMcp-Session-Id: abc\r\n{end}"
            );
            assert_eq!(String::from_utf8(outbox.to_vec()).unwrap(), expected);
        }
    }
}
