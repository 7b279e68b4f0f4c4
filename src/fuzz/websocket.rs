//! Frames of a WebSocket connection, as they come behind the upgrade.

use crate::limits::Limits;
use crate::time::Instant;
use crate::wire::buffer::{Inbox, Outbox};
use crate::wire::websocket::{Fault, Next, WebSocketConnection};
use crate::wire::{CloseReason, Lifecycle, Serving};

/// All that may be seen of a connection from outside.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// Whole messages.
    pub messages: Vec<String>,
    /// What the peer did wrong.
    pub fault: Option<Fault>,
    /// Frames for the peer.
    pub written: Vec<u8>,
    /// What the shell would do now.
    pub lifecycle: Lifecycle,
    /// Why the connection ends.
    pub close_reason: Option<CloseReason>,
}

/// However the bytes are split, the same messages come out and the same is said; no message passes the limit, and no
/// announced length takes memory that was not sent.
pub fn websocket(bytes: &[u8]) {
    for message_bytes_max in [300, 64 << 10] {
        let limits = Limits {
            message_bytes_max,
            ..Limits::default()
        };
        let mut ways = super::cuts(bytes).into_iter();
        let whole = exchange(&ways.next().unwrap_or_default(), &limits);
        for message in &whole.messages {
            assert!(message.len() <= message_bytes_max, "{} bytes", message.len());
        }
        for parts in ways {
            assert_eq!(exchange(&parts, &limits), whole, "split {parts:?}");
        }
    }
}

/// What a connection makes of `parts`, each of them one read.
pub fn exchange(parts: &[&[u8]], limits: &Limits) -> Outcome {
    let connection = WebSocketConnection::new(Inbox::default(), Outbox::default(), limits, Instant::ZERO);
    let mut talk = Talk {
        connection,
        limits,
        messages: Vec::new(),
        fault: None,
        written: Vec::new(),
    };
    for part in parts {
        talk.feed(part);
        talk.connection.rest();
        let held = talk.connection.capacity();
        // What came of one message, what is being written of it, and the buffers' rounding up.
        let held_max = 2 * (limits.message_bytes_max + part.len()) + BUFFERS_BYTES;
        assert!(
            held <= held_max,
            "{held} bytes are held, at most {held_max} may be"
        );
    }
    talk.take();
    Outcome {
        messages: talk.messages,
        fault: talk.fault,
        written: talk.written,
        lifecycle: talk.connection.lifecycle(),
        close_reason: talk.connection.close_reason(),
    }
}

struct Talk<'a> {
    connection: WebSocketConnection,
    limits: &'a Limits,
    messages: Vec<String>,
    fault: Option<Fault>,
    written: Vec<u8>,
}

impl Talk<'_> {
    fn feed(&mut self, mut bytes: &[u8]) {
        let serving = Serving {
            limits: self.limits,
            now: Instant::ZERO,
            common_headers: b"",
        };
        while !bytes.is_empty() {
            let room = self.connection.room(self.limits);
            let count = room.len().min(bytes.len());
            assert!(count > 0, "all was written, so there is room");
            room[..count].copy_from_slice(&bytes[..count]);
            self.connection.received(count, Instant::ZERO);
            bytes = &bytes[count..];
            loop {
                match self.connection.next(&serving) {
                    Next::NeedMore => break,
                    Next::Message(text) => {
                        assert_eq!(self.fault, None, "a message behind a fault");
                        self.messages.push(text.as_str().to_owned());
                    }
                    Next::Failed(fault) => assert_eq!(self.fault.replace(fault), None, "a second fault"),
                }
            }
            self.take();
        }
    }

    fn take(&mut self) {
        let waiting = self.connection.outbox().to_vec();
        self.written.extend_from_slice(&waiting);
        self.connection.sent(waiting.len(), Instant::ZERO);
    }
}

/// What an idle connection may keep, rounded up.
const BUFFERS_BYTES: usize = 16 << 10;
