//! Follows the frames of a client and decides what of them may enter tungstenite's context.
//!
//! The context reserves what a frame's head announces, so 14 bytes could cost [`message_bytes_max`] of memory, and
//! it looks at a payload only when all of it is there, so text that is not UTF-8 would be noticed megabytes late.
//! Therefore this is an intermediary in the sense of RFC 6455 section 5.4: it judges every head before the payload
//! arrives, and hands a frame that arrives in parts to the context as that many fragments. Memory then grows with
//! what arrived, not with what was announced, and text is checked as it comes.
//!
//! It knows no payload: masks stay on, and what a message or a Close says is the business of others.
//!
//! ```text
//!            head complete and allowed                 all of the payload was handed on
//! Between ───────────────────────────────► Inside ─────────────────────────────────────► Between
//!    └─ not allowed: Fault                    └─ a part of a data frame: handed on as a fragment
//! ```
//!
//! [`message_bytes_max`]: crate::limits::Limits::message_bytes_max

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::fault::Fault;
use crate::wire::buffer::Inbox;

/// Where in the stream of frames a client is.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Bytes of the message whose last frame has not ended, with all of the frame that is arriving.
    message_bytes: Option<usize>,
    /// The frame whose payload is arriving.
    inside: Option<Inside>,
}

#[derive(Debug)]
struct Inside {
    /// The head of the fragment to hand on next.
    header: FrameHeader,
    /// Payload bytes that were not handed on yet.
    left: usize,
}

/// What a client may send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// [`crate::limits::Limits::message_bytes_max`].
    pub(super) message_bytes_max: usize,
    pub(super) accepts: Accepts,
}

/// The kinds of messages that a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepts {
    /// Text: a binary message is refused at the head of its first frame.
    Text,
    /// Text and binary.
    Any,
}

/// What may be taken out of the inbox next.
#[derive(Debug)]
pub(super) enum Admitted {
    /// A text message in one frame, all of which is here, as nearly all are. It needs no context.
    Whole {
        /// What its payload is masked with.
        mask: [u8; 4],
        /// Bytes at the front of the inbox that are its payload, still masked.
        payload_bytes: usize,
    },
    /// A whole frame for the context.
    Frame(ForContext),
}

/// A whole frame for the context: a head that was made for it, and that many bytes at the front of the inbox.
#[derive(Debug)]
pub(super) struct ForContext {
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: usize,
    /// Bytes at the front of the inbox that are its payload, still masked.
    pub(super) payload_bytes: usize,
}

impl ForContext {
    /// The head as it goes over the wire.
    pub(super) fn head(&self) -> &[u8] {
        &self.head[..self.head_bytes]
    }
}

impl Frames {
    /// The next message or frame for the context; `None` when more bytes are needed. Takes the head out of the inbox
    /// and leaves the payload there for the caller to consume.
    ///
    /// # Errors
    /// The first thing that the client did wrong. The connection must then be failed; this follower is of no more
    /// use.
    pub(super) fn admit(&mut self, inbox: &mut Inbox, rules: Rules) -> Result<Option<Admitted>, Fault> {
        let mut inside = match self.inside.take() {
            Some(inside) => inside,
            None => match self.enter(inbox.bytes(), rules)? {
                Some((inside, head_bytes)) => {
                    inbox.consume(head_bytes);
                    if let Some(mask) = inside.mask_of_whole_text(inbox.len()) {
                        self.message_bytes = None;
                        let payload_bytes = inside.left;
                        return Ok(Some(Admitted::Whole { mask, payload_bytes }));
                    }
                    inside
                }
                None => return Ok(None),
            },
        };
        let is_control = matches!(inside.header.opcode, OpCode::Control(_));
        let payload_bytes = inside.left.min(inbox.len());
        let is_last = payload_bytes == inside.left;
        // A control frame cannot be handed on in fragments (section 5.5): its 125 bytes at most are waited for.
        if !is_last && (payload_bytes == 0 || is_control) {
            self.inside = Some(inside);
            return Ok(None);
        }
        if is_last && inside.header.is_final && !is_control {
            self.message_bytes = None;
        }
        let admitted = inside.hand_on(payload_bytes, is_last);
        if !is_last {
            self.inside = Some(inside);
        }
        Ok(Some(Admitted::Frame(admitted)))
    }

    /// Whether the client is between two messages: nothing of one has been handed to the context.
    pub(super) fn is_between_messages(&self) -> bool {
        self.message_bytes.is_none() && self.inside.is_none()
    }

    /// Reads and judges the head at the front of `bytes`.
    fn enter(&mut self, bytes: &[u8], rules: Rules) -> Result<Option<(Inside, usize)>, Fault> {
        let mut cursor = Cursor::new(bytes);
        let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|error| Fault::from(&error))?
        else {
            return Ok(None);
        };
        // At most 14 bytes are a head.
        let head_bytes = cursor.position() as usize;
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Fault::ReservedBits);
        }
        if header.mask.is_none() {
            return Err(Fault::NotMasked);
        }
        if header.len(length) != head_bytes {
            return Err(Fault::LengthNotMinimal);
        }
        if length > i64::MAX as u64 {
            return Err(Fault::LengthOutOfRange);
        }
        let left = match header.opcode {
            OpCode::Control(_) => control_bytes(&header, length)?,
            OpCode::Data(data) => self.data_bytes(data, length, rules)?,
        };
        Ok(Some((Inside { header, left }, head_bytes)))
    }

    /// Judges the head of a data frame and counts its payload to the message it belongs to.
    fn data_bytes(&mut self, data: Data, length: u64, rules: Rules) -> Result<usize, Fault> {
        let before = match (data, self.message_bytes) {
            (Data::Continue, None) => return Err(Fault::NothingToContinue),
            (Data::Continue, Some(bytes)) => bytes,
            (_, Some(_)) => return Err(Fault::MessageInterrupted),
            (Data::Binary, None) if rules.accepts == Accepts::Text => return Err(Fault::BinaryMessage),
            (_, None) => 0,
        };
        let bytes = length.saturating_add(before as u64);
        match usize::try_from(bytes) {
            Ok(total) if total <= rules.message_bytes_max => {
                self.message_bytes = Some(total);
                Ok(total - before)
            }
            _ => Err(Fault::MessageTooLong {
                bytes,
                limit: rules.message_bytes_max,
            }),
        }
    }
}

impl Inside {
    /// The mask of a frame that has just begun, if it is a whole text message of which no more than `held` bytes follow.
    fn mask_of_whole_text(&self, held: usize) -> Option<[u8; 4]> {
        let is_whole = self.header.is_final && self.left <= held;
        self.header
            .mask
            .filter(|_| is_whole && self.header.opcode == OpCode::Data(Data::Text))
    }

    /// The next `payload_bytes` as a frame of their own; what follows of this frame continues it.
    fn hand_on(&mut self, payload_bytes: usize, is_last: bool) -> ForContext {
        let header = FrameHeader {
            is_final: is_last && self.header.is_final,
            ..self.header.clone()
        };
        let mut head = [0; HEAD_BYTES_MAX];
        header
            .format(payload_bytes as u64, &mut &mut head[..])
            .expect("no head is longer than its longest form");
        if !is_last {
            self.left -= payload_bytes;
            self.header.opcode = OpCode::Data(Data::Continue);
            // The mask goes on where it stopped (section 5.3), and a new frame starts at its first byte.
            if let Some(mask) = &mut self.header.mask {
                mask.rotate_left(payload_bytes % 4);
            }
        }
        ForContext {
            head,
            head_bytes: header.len(payload_bytes as u64),
            payload_bytes,
        }
    }
}

/// Judges the head of a ping, pong or Close (section 5.5).
fn control_bytes(header: &FrameHeader, length: u64) -> Result<usize, Fault> {
    if !header.is_final {
        return Err(Fault::ControlFragmented);
    }
    if length > CONTROL_BYTES_MAX {
        return Err(Fault::ControlTooLong { bytes: length });
    }
    Ok(length as usize)
}

/// Longest head: 2 bytes, 8 of length, 4 of mask (section 5.2).
const HEAD_BYTES_MAX: usize = 14;
/// Longest payload of a control frame (section 5.5).
const CONTROL_BYTES_MAX: u64 = 125;
