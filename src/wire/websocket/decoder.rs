//! Frames to messages: tungstenite's context, fed one frame at a time, and a short way past it.
//!
//! A text message that came whole in one frame is unmasked here: of a `ping` the context took a third, and the memory of
//! a context for each of thousands of connections is not in the processor's caches. It never knows of such a message,
//! and need not: a message in one frame leaves nothing behind.
//!
//! Of all else the context unmasks, joins fragments, checks UTF-8, answers pings and Closes. It gets a frame only when
//! [`super::frames`] let it pass, and only when all of it is there, so between two calls it holds nothing but the
//! open message. One frame at a time also means that an answer is in the outbox before the next message is looked
//! at, and that an error never takes a message with it that was complete before.
//!
//! It knows no time and no lifecycle.

use std::io;

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Bytes, Error, Message, Utf8Bytes};

use super::fault::Fault;
use super::frames::{Accepts, Admitted, Frames, Rules};
use super::pipe::Pipe;
use crate::wire::buffer::{Inbox, Outbox};

/// The receiving half of a connection, and the control frames of the sending half.
#[derive(Debug)]
pub(super) struct Decoder {
    context: WebSocketContext,
    frames: Frames,
    message_bytes_max: usize,
    /// Longest payload that this context was given: what its buffer grew to, and keeps.
    payload_bytes_seen: usize,
    /// Bytes of the open message that the context holds.
    message_bytes_held: usize,
}

/// What a frame led to.
#[derive(Debug)]
pub(super) enum Decoded {
    /// A whole text message.
    Text(Utf8Bytes),
    /// A whole binary message.
    Binary(Bytes),
    /// A ping, answered by now, or a pong.
    Alive,
    /// The peer's Close, answered by now unless it is itself an answer.
    Close,
    /// No whole frame is left in the inbox.
    NeedMore,
}

impl Decoder {
    /// A decoder at the start of the stream, for messages of at most `message_bytes_max`.
    pub(super) fn new(message_bytes_max: usize) -> Self {
        Self {
            context: WebSocketContext::new(Role::Server, Some(config(message_bytes_max))),
            frames: Frames::default(),
            message_bytes_max,
            payload_bytes_seen: 0,
            message_bytes_held: 0,
        }
    }

    /// Takes frames out of the inbox up to the first that leads to something.
    ///
    /// # Errors
    /// What the peer did wrong, in this frame and not before. The decoder must not be asked again.
    pub(super) fn next(
        &mut self,
        inbox: &mut Inbox,
        outbox: &mut Outbox,
        accepts: Accepts,
    ) -> Result<Decoded, Fault> {
        let rules = Rules {
            message_bytes_max: self.message_bytes_max,
            accepts,
        };
        while let Some(admitted) = self.frames.admit(inbox, rules)? {
            let admitted = match admitted {
                Admitted::Frame(admitted) => admitted,
                Admitted::Whole { mask, payload_bytes } => {
                    let text = unmasked(&inbox.bytes()[..payload_bytes], mask);
                    inbox.consume(payload_bytes);
                    let text = Utf8Bytes::try_from(text).map_err(|_| Fault::NotUtf8)?;
                    return Ok(Decoded::Text(text));
                }
            };
            let payload = &inbox.bytes()[..admitted.payload_bytes];
            let mut pipe = Pipe::new(admitted.head(), payload, outbox);
            let read = self.context.read(&mut pipe);
            // The answer to a ping or a Close is only written by the next call. What a flush says is no news: the
            // pipe takes everything, and after a Close it is an error by design ("the connection is closed").
            let _ = self.context.flush(&mut pipe);
            inbox.consume(admitted.payload_bytes);
            self.payload_bytes_seen = self.payload_bytes_seen.max(admitted.payload_bytes);
            match read {
                Ok(Message::Text(text)) => {
                    self.message_bytes_held = 0;
                    return Ok(Decoded::Text(text));
                }
                Ok(Message::Binary(bytes)) => {
                    self.message_bytes_held = 0;
                    return Ok(Decoded::Binary(bytes));
                }
                Ok(Message::Close(_)) => return Ok(Decoded::Close),
                Ok(_) => return Ok(Decoded::Alive),
                // A fragment: the message goes on.
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.message_bytes_held += admitted.payload_bytes;
                }
                Err(error) => return Err(Fault::from(&error)),
            }
        }
        Ok(Decoded::NeedMore)
    }

    /// Whether the peer stopped between two messages, not inside one.
    pub(super) fn is_between_messages(&self) -> bool {
        self.frames.is_between_messages()
    }

    /// Queues a ping without payload.
    pub(super) fn ping(&mut self, outbox: &mut Outbox) {
        self.write(Message::Ping(Bytes::new()), outbox);
    }

    /// Queues a Close with `code` and as much of `reason` as a control frame takes. Nothing may be queued after it.
    pub(super) fn close(&mut self, code: u16, reason: &str, outbox: &mut Outbox) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: Utf8Bytes::from(&reason[..reason.floor_char_boundary(REASON_BYTES_MAX)]),
        };
        self.write(Message::Close(Some(frame)), outbox);
    }

    /// Gives back what a large message left behind, unless one is arriving.
    pub(super) fn rest(&mut self) {
        if self.payload_bytes_seen > PAYLOAD_BYTES_KEPT && self.is_between_messages() {
            self.reset();
        }
    }

    /// Gives back at once what a message of more than a usual length left behind.
    pub(super) fn rest_after_long(&mut self) {
        if self.payload_bytes_seen > PAYLOAD_BYTES_USUAL && self.is_between_messages() {
            self.reset();
        }
    }

    /// Forgets everything, with the memory it took.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.message_bytes_max);
    }

    /// Heap memory held, at most: the context does not say, so this is what its buffers can have grown to.
    pub(super) fn capacity(&self) -> usize {
        // Both grow by doubling. With a counting allocator, after payloads of 60 bytes: 168 real, 168 said; of
        // 500: 668 and 1,040.
        SHARED_BYTES + READ_BUFFER_BYTES.max(2 * self.payload_bytes_seen) + 2 * self.message_bytes_held
    }

    fn write(&mut self, message: Message, outbox: &mut Outbox) {
        let mut pipe = Pipe::to(outbox);
        let written = self
            .context
            .write(&mut pipe, message)
            .and_then(|()| self.context.flush(&mut pipe));
        debug_assert!(written.is_ok(), "something was written after a Close");
    }
}

/// The payload without its mask (section 5.3).
fn unmasked(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut text = payload.to_vec();
    let mut words = text.chunks_exact_mut(8);
    for word in words.by_ref() {
        let masked = u64::from_ne_bytes((&*word).try_into().expect("chunks_exact gives eight bytes"));
        word.copy_from_slice(&(masked ^ wide).to_ne_bytes());
    }
    let rest = words.into_remainder().iter_mut();
    rest.zip(mask.into_iter().cycle())
        .for_each(|(byte, mask)| *byte ^= mask);
    text
}

/// How the context works here. Its own bounds on messages are a second lock: [`super::frames`] is the first.
fn config(message_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
}

/// The context's read buffer, allocated at once and kept by an idle connection. Frames that do not fit make it
/// grow.
const READ_BUFFER_BYTES: usize = 128;
/// The context writes control frames only, 127 bytes at most, each at once; without a bound it would take any size.
const WRITE_BUFFER_BYTES_MAX: usize = 512;
/// What the read buffer needs to be shared with the messages cut from it.
const SHARED_BYTES: usize = 40;
/// A context that saw no larger frame is not replaced: a second small call then allocates nothing in it. Doubled,
/// an idle connection could hold 1.5 KiB.
const PAYLOAD_BYTES_KEPT: usize = 256;
/// A longer payload costs a new context, so that a connection between two messages holds 2 KiB at most. Most calls are
/// shorter.
const PAYLOAD_BYTES_USUAL: usize = 1 << 10;
/// Room for words in a Close: a control frame's 125 bytes without the status code (section 5.5.1).
const REASON_BYTES_MAX: usize = 123;
