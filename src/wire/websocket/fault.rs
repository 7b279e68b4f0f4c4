//! What a peer can do wrong on a WebSocket: one variant per fault, one close code per variant.

use std::fmt;

use crate::wire::CloseReason;

/// Why a WebSocket connection was failed (RFC 6455 section 7.1.7). The sentence of [`fmt::Display`] is the reason
/// in the Close frame, so each fits in the 123 bytes that a control frame leaves for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A bit that belongs to an extension is set, and none was negotiated (section 5.2).
    ReservedBits,
    /// An opcode without a meaning (section 5.2).
    ReservedOpcode {
        /// 3 to 7 or 11 to 15.
        opcode: u8,
    },
    /// A frame of a client that is not masked (section 5.1).
    NotMasked,
    /// A length written in more bytes than it needs (section 5.2).
    LengthNotMinimal,
    /// A length of 64 bits whose first bit is set (section 5.2).
    LengthOutOfRange,
    /// A ping, pong or Close in fragments (section 5.5).
    ControlFragmented,
    /// A ping, pong or Close of more than 125 bytes (section 5.5).
    ControlTooLong {
        /// The announced length.
        bytes: u64,
    },
    /// A continuation without a message that it continues (section 5.4).
    NothingToContinue,
    /// A new message before the last one ended (section 5.4).
    MessageInterrupted,
    /// A Close frame with half a status code (section 5.5.1).
    CloseMalformed,
    /// A binary message: JSON-RPC is text.
    BinaryMessage,
    /// A text message or a close reason that is not UTF-8 (section 8.1).
    NotUtf8,
    /// A message longer than this server takes. Known from the frame's head, before its payload arrives.
    MessageTooLong {
        /// Length of the message with the frame just announced.
        bytes: u64,
        /// [`crate::limits::Limits::message_bytes_max`].
        limit: usize,
    },
    /// All connections together hold as many bytes of messages as they may, and this one needed more. No fault of the
    /// peer: it may try again later.
    ShortOfMemory {
        /// [`crate::limits::Limits::bytes_buffered_max`].
        limit: usize,
    },
}

impl Fault {
    /// The status code that the peer is told (section 7.4.1).
    pub const fn close_code(self) -> u16 {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode { .. }
            | Self::NotMasked
            | Self::LengthNotMinimal
            | Self::LengthOutOfRange
            | Self::ControlFragmented
            | Self::ControlTooLong { .. }
            | Self::NothingToContinue
            | Self::MessageInterrupted
            | Self::CloseMalformed => 1002,
            Self::BinaryMessage => 1003,
            Self::NotUtf8 => 1007,
            Self::MessageTooLong { .. } => 1009,
            // "Try Again Later" of IANA's registry of close codes.
            Self::ShortOfMemory { .. } => 1013,
        }
    }

    /// What is logged as the end of the connection.
    pub const fn close_reason(self) -> CloseReason {
        match self {
            Self::MessageTooLong { .. } => CloseReason::MessageTooLong,
            Self::ShortOfMemory { .. } => CloseReason::ShortOfMemory,
            _ => CloseReason::BadFrame,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits => formatter.write_str("reserved bit set, no extension was negotiated"),
            Self::ReservedOpcode { opcode } => write!(formatter, "reserved opcode {opcode}"),
            Self::NotMasked => formatter.write_str("unmasked frame, a client masks every frame"),
            Self::LengthNotMinimal => formatter.write_str("payload length not in its shortest form"),
            Self::LengthOutOfRange => formatter.write_str("payload length of more than 63 bits"),
            Self::ControlFragmented => formatter.write_str("control frame in fragments"),
            Self::ControlTooLong { bytes } => {
                write!(formatter, "control frame of {bytes} bytes, 125 are allowed")
            }
            Self::NothingToContinue => {
                formatter.write_str("continuation frame without a message to continue")
            }
            Self::MessageInterrupted => formatter.write_str("new message before the last one ended"),
            Self::CloseMalformed => formatter.write_str("close frame with an incomplete status code"),
            Self::BinaryMessage => formatter.write_str("binary message, send JSON-RPC as text"),
            Self::NotUtf8 => formatter.write_str("text is not UTF-8"),
            Self::MessageTooLong { bytes, limit } => {
                write!(formatter, "message of {bytes} bytes, the limit is {limit}")
            }
            Self::ShortOfMemory { limit } => {
                write!(
                    formatter,
                    "short of memory (bytes_buffered_max is {limit}), try again later"
                )
            }
        }
    }
}

impl std::error::Error for Fault {}

impl From<&tungstenite::Error> for Fault {
    /// What tungstenite finds in a frame whose head was allowed.
    fn from(error: &tungstenite::Error) -> Self {
        use tungstenite::error::{Error, ProtocolError};
        match error {
            Error::Utf8(_) => Self::NotUtf8,
            Error::Protocol(ProtocolError::InvalidOpcode(opcode)) => Self::ReservedOpcode { opcode: *opcode },
            error => {
                // Every other rule was checked before. Should tungstenite learn a new one, 1002 is the right
                // answer too.
                debug_assert!(
                    matches!(error, Error::Protocol(ProtocolError::InvalidCloseSequence)),
                    "tungstenite refused a frame that was let pass: {error}"
                );
                Self::CloseMalformed
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every variant with the longest numbers it can carry, its code, and its sentence.
    const TABLE: &[(Fault, u16, &str)] = &[
        (
            Fault::ReservedBits,
            1002,
            "reserved bit set, no extension was negotiated",
        ),
        (Fault::ReservedOpcode { opcode: 15 }, 1002, "reserved opcode 15"),
        (
            Fault::NotMasked,
            1002,
            "unmasked frame, a client masks every frame",
        ),
        (
            Fault::LengthNotMinimal,
            1002,
            "payload length not in its shortest form",
        ),
        (
            Fault::LengthOutOfRange,
            1002,
            "payload length of more than 63 bits",
        ),
        (Fault::ControlFragmented, 1002, "control frame in fragments"),
        (
            Fault::ControlTooLong { bytes: u64::MAX },
            1002,
            "control frame of 18446744073709551615 bytes, 125 are allowed",
        ),
        (
            Fault::NothingToContinue,
            1002,
            "continuation frame without a message to continue",
        ),
        (
            Fault::MessageInterrupted,
            1002,
            "new message before the last one ended",
        ),
        (
            Fault::CloseMalformed,
            1002,
            "close frame with an incomplete status code",
        ),
        (
            Fault::BinaryMessage,
            1003,
            "binary message, send JSON-RPC as text",
        ),
        (Fault::NotUtf8, 1007, "text is not UTF-8"),
        (
            Fault::MessageTooLong {
                bytes: u64::MAX,
                limit: usize::MAX,
            },
            1009,
            "message of 18446744073709551615 bytes, the limit is 18446744073709551615",
        ),
        (
            Fault::ShortOfMemory { limit: usize::MAX },
            1013,
            "short of memory (bytes_buffered_max is 18446744073709551615), try again later",
        ),
    ];

    #[test]
    fn every_fault_has_its_close_code_and_its_sentence() {
        for (fault, code, sentence) in TABLE {
            assert_eq!(
                (fault.close_code(), fault.to_string().as_str()),
                (*code, *sentence)
            );
        }
    }

    #[test]
    fn every_sentence_fits_into_a_close_frame() {
        for (fault, _, sentence) in TABLE {
            assert!(sentence.len() <= 123, "{fault:?}");
        }
    }

    #[test]
    fn a_long_message_and_a_shortage_are_logged_as_such() {
        for (fault, code, _) in TABLE {
            let expected = match code {
                1009 => CloseReason::MessageTooLong,
                1013 => CloseReason::ShortOfMemory,
                _ => CloseReason::BadFrame,
            };
            assert_eq!(fault.close_reason(), expected, "{fault:?}");
        }
    }
}
