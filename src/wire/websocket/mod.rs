//! WebSocket (RFC 6455), server side: messages in, messages out, after the handshake. The program speaks text and refuses
//! binary; the echo server of the test suites asks for both.
//!
//! It knows frames, pings and closing, and when each is due. It knows no JSON-RPC, no HTTP but the upgrade
//! ([`handshake`]), no socket and no clock. No extension is offered: permessage-deflate would cost 64 KiB of
//! window a connection and let 10 KiB stand for 10 MiB.
//!
//! ```text
//!          close()               the peer's Close
//! Open ─────────────► Closing ───────────────────► Finishing ── the peer ended, ──► Closed
//!  │                     └── no answer in time ──► Closed        or long enough
//!  ├─ the peer's Close (answered), a fault (told), its end ───► Finishing
//!  └─ no pong, or a peer that takes no bytes ─────────────────► Closed
//! ```

mod decoder;
mod fault;
mod frames;
pub mod handshake;
mod pipe;
#[cfg(test)]
mod tests;

pub use fault::Fault;
pub use tungstenite::{Bytes, Utf8Bytes};

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use self::decoder::{Decoded, Decoder};
use self::frames::Accepts;
use super::buffer::{Inbox, Outbox, Piece};
use super::lease::FREE_BYTES_EACH;
use super::pace::Pace;
use super::spares::Spares;
use super::{CloseReason, Lifecycle, Serving};
use crate::limits::Limits;
use crate::time::Instant;

/// One WebSocket connection. Idle and rested, it holds under 1 KiB: 480 bytes of its own and 168 to 552 of heap.
#[derive(Debug)]
pub struct WebSocketConnection {
    inbox: Inbox,
    outbox: Outbox,
    decoder: Decoder,
    state: State,
    ping: Ping,
    /// When the peer was last heard.
    heard: Instant,
    /// How the peer takes its bytes, since they began to wait for it or since it took the last of them.
    taking: Pace,
    /// How a message or frame comes that is not whole yet, since its first byte.
    coming: Option<Pace>,
    /// The peer will send nothing more.
    has_ended: bool,
    /// The first reason to end.
    close_reason: Option<CloseReason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Messages go both ways.
    Open,
    /// Our Close is queued, so nothing may be sent after it; the peer's is waited for.
    Closing,
    /// Nothing more is said and nothing more is listened to.
    Finishing,
    /// Over.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ping {
    /// None is due an answer.
    Idle,
    /// One waits in the outbox. Its time does not run yet: it may be behind a reply that takes minutes to write,
    /// and a peer that takes none of that is noticed by the write timeout.
    Queued,
    /// One was written then, and nothing has been heard since.
    Written(Instant),
}

/// What the bytes received so far lead to.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<M = Utf8Bytes> {
    /// A whole message: text, unless [`WebSocketConnection::next_of_any_kind`] was asked.
    Message(M),
    /// No message without more bytes, or none any more ([`WebSocketConnection::lifecycle`] says which).
    NeedMore,
    /// The peer broke the protocol or a limit. It was told (a Close frame is queued) and is not listened to any
    /// more.
    Failed(Fault),
}

/// A message of either kind (section 5.6).
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// Text, which is UTF-8.
    Text(Utf8Bytes),
    /// Bytes without a meaning to the protocol.
    Binary(Bytes),
}

impl WebSocketConnection {
    /// A connection after its upgrade: `inbox` holds what came behind the request head, `outbox` the 101 to be
    /// written. `limits.message_bytes_max` is kept for the life of the connection.
    pub fn new(inbox: Inbox, outbox: Outbox, limits: &Limits, now: Instant) -> Self {
        Self {
            inbox,
            outbox,
            decoder: Decoder::new(limits.message_bytes_max),
            state: State::Open,
            ping: Ping::Idle,
            heard: now,
            taking: Pace::new(now),
            coming: None,
            has_ended: false,
            close_reason: None,
        }
    }

    /// Room for the next read. Empty means: do not read now, the peer must first take what waits for it.
    pub fn room(&mut self, limits: &Limits) -> &mut [u8] {
        let is_ready = match self.state {
            State::Open | State::Closing => self.outbox.len() <= limits.outbox_bytes_max,
            // What comes is thrown away, so that the peer's last write does not reset the connection under our
            // Close.
            State::Finishing => true,
            State::Closed => false,
        };
        if is_ready {
            self.inbox.room(limits.read_per_turn_bytes_max)
        } else {
            &mut []
        }
    }

    /// Says that `count` bytes were read into [`Self::room`]. Call [`Self::next`] until it needs more.
    pub fn received(&mut self, count: usize, now: Instant) {
        self.inbox.filled(count);
        if self.state == State::Finishing {
            self.inbox.consume(self.inbox.len());
        }
        if let Some(coming) = &mut self.coming {
            coming.note(count);
        }
        self.heard = now;
        self.ping = Ping::Idle;
    }

    /// Says that the peer will send nothing more. Messages that [`Self::next`] has not given yet are dropped; what
    /// waits to be written still is.
    pub fn on_end(&mut self) {
        self.has_ended = true;
        if matches!(self.state, State::Open | State::Closing) {
            // An end between messages is a client that left without a Close, as most do.
            let left = self.inbox.is_empty() && self.decoder.is_between_messages();
            self.finish(if left {
                CloseReason::PeerClosed
            } else {
                CloseReason::PeerGone
            });
        }
    }

    /// The next message, which is text: a binary one is a [`Fault`]. Pings are answered and a Close is answered on the
    /// way.
    pub fn next(&mut self, serving: &Serving<'_>) -> Next {
        match self.next_accepted(serving, Accepts::Text) {
            Next::Message(Message::Text(text)) => Next::Message(text),
            // Refused before its payload came; this is the second lock.
            Next::Message(Message::Binary(_)) => self.fail(Fault::BinaryMessage, serving.now),
            Next::NeedMore => Next::NeedMore,
            Next::Failed(fault) => Next::Failed(fault),
        }
    }

    /// The next message, text or binary; all else as [`Self::next`]. A connection is asked in one of the two ways.
    pub fn next_of_any_kind(&mut self, serving: &Serving<'_>) -> Next<Message> {
        self.next_accepted(serving, Accepts::Any)
    }

    fn next_accepted(&mut self, serving: &Serving<'_>, accepts: Accepts) -> Next<Message> {
        self.note_queueing(serving.now);
        self.taking.renew(serving.limits, serving.now);
        while matches!(self.state, State::Open | State::Closing) {
            let decoded = self.decoder.next(&mut self.inbox, &mut self.outbox, accepts);
            let message = match decoded {
                Ok(Decoded::Text(text)) => Message::Text(text),
                Ok(Decoded::Binary(bytes)) => Message::Binary(bytes),
                Ok(Decoded::Alive) => continue,
                Ok(Decoded::Close) => {
                    self.finish_at(serving.now, CloseReason::PeerClosed);
                    continue;
                }
                Ok(Decoded::NeedMore) => {
                    self.note_beginning(serving);
                    return Next::NeedMore;
                }
                Err(fault) => return self.fail(fault, serving.now),
            };
            // After our Close no answer could be sent, so a message in flight is dropped (section 1.4).
            if self.state == State::Open {
                self.coming = None;
                return Next::Message(message);
            }
        }
        Next::NeedMore
    }

    fn note_beginning(&mut self, serving: &Serving<'_>) {
        if self.inbox.is_empty() && self.decoder.is_between_messages() {
            self.coming = None;
        } else {
            let coming = self.coming.get_or_insert_with(|| Pace::new(serving.now));
            coming.renew(serving.limits, serving.now);
        }
    }

    /// Queues `text`, all pieces together, as one message; large pieces are taken out. After a Close, sent or
    /// received, it is dropped: nothing may follow one (section 5.5.1).
    ///
    /// It becomes one frame, whatever its length. Fragments would let a pong overtake a long reply, but while more
    /// than `outbox_bytes_max` waits the peer is not read from, so there is no ping to be answered; below that a
    /// pong waits for 256 KiB at most. One frame needs no second queue and no copy.
    pub fn send(&mut self, text: &mut [Piece<'_>], now: Instant) {
        self.send_frame(Data::Text, text, now);
    }

    /// Queues a binary message, as [`Self::send`] does a text.
    pub fn send_binary(&mut self, payload: &mut [Piece<'_>], now: Instant) {
        self.send_frame(Data::Binary, payload, now);
    }

    fn send_frame(&mut self, kind: Data, payload: &mut [Piece<'_>], now: Instant) {
        if self.state != State::Open {
            return;
        }
        self.note_queueing(now);
        let length: usize = payload.iter().map(Piece::len).sum();
        let header = FrameHeader {
            opcode: OpCode::Data(kind),
            ..FrameHeader::default()
        };
        let mut head = [0; SERVER_HEAD_BYTES_MAX];
        header
            .format(length as u64, &mut &mut head[..])
            .expect("a head without a mask is at most 10 bytes long");
        self.outbox.extend(&head[..header.len(length as u64)]);
        self.outbox.push_all(payload);
    }

    /// Whether nothing is there to be read or written: [`Self::next`] would find nothing and change nothing.
    pub fn is_at_rest(&self) -> bool {
        self.inbox.is_empty()
            && self.outbox.is_empty()
            && self.coming.is_none()
            && self.decoder.is_between_messages()
    }

    /// Starts the closing handshake (1001 at shutdown) unless it has begun. `reason` is cut to the 123 bytes that
    /// fit.
    pub fn close(&mut self, code: u16, reason: &str, now: Instant) {
        self.end(CloseReason::Draining, (code, reason), now);
    }

    /// As [`Self::close`], for another reason than shutdown.
    pub fn end(&mut self, why: CloseReason, (code, reason): (u16, &str), now: Instant) {
        if self.state != State::Open {
            return;
        }
        self.note_queueing(now);
        self.decoder.close(code, reason, &mut self.outbox);
        self.close_reason = Some(why);
        self.state = State::Closing;
    }

    /// What waits to be written.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Says that the first `count` bytes that waited were written. Returns a large piece that was among them
    /// ([`Outbox::sent`]).
    pub fn sent(&mut self, count: usize, now: Instant) -> Option<Vec<u8>> {
        if count == 0 {
            return None;
        }
        let spent = self.outbox.sent(count);
        if !self.outbox.is_empty() {
            self.taking.note(count);
            return spent;
        }
        self.taking = Pace::new(now);
        if self.ping == Ping::Queued {
            self.ping = Ping::Written(now);
        }
        spent
    }

    /// When [`Self::on_deadline`] must be called, if nothing happens before.
    pub fn deadline(&self, limits: &Limits) -> Option<Instant> {
        if self.lifecycle() == Lifecycle::Closed {
            return None;
        }
        let write = self.write_deadline(limits);
        let other = match self.state {
            State::Open => Instant::earlier(self.ping_deadline(limits), self.message_deadline(limits)),
            State::Closing | State::Finishing => {
                let quiet_since = self.taking.since();
                self.outbox
                    .is_empty()
                    .then(|| quiet_since + limits.linger_timeout)
            }
            State::Closed => None,
        };
        Instant::earlier(write, other)
    }

    /// Does what is due: sends a ping, or gives up on a peer that does not answer or takes too few bytes. Nothing
    /// happens early.
    pub fn on_deadline(&mut self, serving: &Serving<'_>) {
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= serving.now);
        if !is_due(self.deadline(serving.limits)) {
            return;
        }
        if is_due(self.write_deadline(serving.limits)) {
            return self.drop_peer(CloseReason::WriteTimeout);
        }
        // Bytes keep a connection alive, also one byte a minute: without this a half message could be held for ever.
        if self.state == State::Open && is_due(self.message_deadline(serving.limits)) {
            return self.drop_peer(CloseReason::BodyTimeout);
        }
        match (self.state, self.ping) {
            (State::Open, Ping::Idle) => {
                self.note_queueing(serving.now);
                self.decoder.ping(&mut self.outbox);
                self.ping = Ping::Queued;
            }
            (State::Open, _) => self.drop_peer(CloseReason::PingTimeout),
            // The peer owed us a Close or an end, and what it was told it had time to read.
            _ => self.drop_peer(CloseReason::PeerGone),
        }
    }

    /// What the shell must do with the connection.
    pub fn lifecycle(&self) -> Lifecycle {
        match self.state {
            State::Open | State::Closing => Lifecycle::Open,
            State::Finishing if self.has_ended && self.outbox.is_empty() => Lifecycle::Closed,
            State::Finishing => Lifecycle::Finishing,
            State::Closed => Lifecycle::Closed,
        }
    }

    /// Why the connection ends; `None` while it does not.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.close_reason
    }

    /// Gives memory back. Call it when the connection goes idle; what is needed is kept.
    pub fn rest(&mut self) {
        self.inbox.shrink();
        self.outbox.shrink();
        // A context that has sent a Close must remember it.
        if self.state == State::Open {
            self.decoder.rest();
        }
    }

    /// Takes memory for the bytes that are about to come or go, if it has none.
    pub fn equip(&mut self, spares: &mut Spares) {
        spares.equip_inbox(&mut self.inbox);
        spares.equip_outbox(&mut self.outbox);
    }

    /// Leaves the memory that nothing is in to other connections, and what a message of more than a usual length left
    /// behind to nobody: many may have sent one.
    pub fn unequip(&mut self, spares: &mut Spares) {
        if self.state == State::Open {
            self.decoder.rest_after_long();
        }
        spares.reclaim_inbox(&mut self.inbox);
        spares.reclaim_outbox(&mut self.outbox);
    }

    /// Memory that is held for what the peer sends, beyond what each connection has of its own: at most so much.
    pub fn leased_bytes(&self, limits: &Limits) -> usize {
        let inbox = self.inbox.capacity_with_room(limits.read_per_turn_bytes_max);
        let decoder = self.decoder.capacity();
        inbox.saturating_sub(FREE_BYTES_EACH) + decoder.saturating_sub(FREE_BYTES_EACH)
    }

    /// Closes the connection with 1013, because what it holds of a message is needed elsewhere. What was collected is
    /// forgotten. Does nothing once it is ending.
    pub fn turn_away(&mut self, limit: usize, now: Instant) {
        if self.state == State::Open {
            self.note_queueing(now);
            let _: Next = self.fail(Fault::ShortOfMemory { limit }, now);
        } else if self.state == State::Closing {
            self.finish_at(now, CloseReason::ShortOfMemory);
        }
    }

    /// Heap memory held: an upper bound.
    pub fn capacity(&self) -> usize {
        self.inbox.capacity() + self.outbox.capacity() + self.decoder.capacity()
    }

    fn write_deadline(&self, limits: &Limits) -> Option<Instant> {
        (!self.outbox.is_empty()).then(|| self.taking.since() + limits.write_timeout)
    }

    fn message_deadline(&self, limits: &Limits) -> Option<Instant> {
        let coming = self.coming?;
        Some(coming.deadline(limits.body_timeout, limits.body_total_timeout))
    }

    fn ping_deadline(&self, limits: &Limits) -> Option<Instant> {
        match self.ping {
            Ping::Idle => Some(self.heard + limits.websocket_ping_interval),
            Ping::Queued => None,
            Ping::Written(at) => Some(at + limits.websocket_ping_interval),
        }
    }

    /// The time of the write timeout begins when the first byte is queued.
    fn note_queueing(&mut self, now: Instant) {
        if self.state == State::Open && self.outbox.is_empty() {
            self.taking = Pace::new(now);
        }
    }

    /// Fails the connection (section 7.1.7).
    fn fail<M>(&mut self, fault: Fault, now: Instant) -> Next<M> {
        if self.state == State::Open {
            self.decoder
                .close(fault.close_code(), &fault.to_string(), &mut self.outbox);
        }
        self.finish_at(now, fault.close_reason());
        Next::Failed(fault)
    }

    fn finish_at(&mut self, now: Instant, reason: CloseReason) {
        if self.outbox.is_empty() {
            self.taking = Pace::new(now);
        }
        self.finish(reason);
    }

    /// Nothing more is decoded from here on, so what was received and what it was decoded with is given back.
    fn finish(&mut self, reason: CloseReason) {
        self.state = State::Finishing;
        self.close_reason.get_or_insert(reason);
        self.inbox = Inbox::default();
        self.decoder.reset();
    }

    fn drop_peer(&mut self, reason: CloseReason) {
        self.state = State::Closed;
        self.close_reason.get_or_insert(reason);
    }
}

/// Longest head of a frame that is not masked: 2 bytes and 8 of length (section 5.2).
const SERVER_HEAD_BYTES_MAX: usize = 10;
