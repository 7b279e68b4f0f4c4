//! Where a reply goes and what stands around its payload. The payload itself is never copied here.

use super::batches::Place;
use super::streams::StreamKey;
use crate::ident::ConnectionId;
use crate::mcp::predecessor::{envelope, rest};
use crate::mcp::script::Hears;
use crate::mcp::session::{self, Session};
use crate::mcp::{Ended, Payload};
use crate::rpc;
use crate::wire::buffer::Piece;
use crate::wire::http::Ticket;

/// The text around a call's id and payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A JSON-RPC reply.
    Rpc,
    /// The answer of `POST /mcp/tools/call`.
    Rest,
    /// The `result` message of the predecessor's WebSocket envelope.
    Envelope,
}

impl Form {
    /// The reply in pieces, ready for an outbox. `id` is JSON text.
    pub(super) fn reply(self, id: &str, ended: Ended) -> [Piece<'_>; 5] {
        match ended {
            Ended::Result(payload) => self.pieces(id, payload),
            Ended::Error(error) => {
                let whole = match self {
                    Self::Rpc => rpc::error_reply(Some(id), &error),
                    Self::Rest => rest::error_reply(id, &error),
                    Self::Envelope => envelope::error(Some(id), &error.message),
                };
                [
                    Piece::Owned(whole),
                    Piece::default(),
                    Piece::default(),
                    Piece::default(),
                    Piece::default(),
                ]
            }
        }
    }

    /// The reply with this result.
    pub(super) fn pieces(self, id: &str, payload: Payload) -> [Piece<'_>; 5] {
        let ([start, id, before_payload], end) = match self {
            Self::Rpc => (rpc::reply_prefix(id), rpc::REPLY_SUFFIX),
            Self::Rest => (rest::reply_prefix(id), rest::REPLY_SUFFIX),
            Self::Envelope => (envelope::result_prefix(Some(id)), envelope::RESULT_SUFFIX),
        };
        if let Payload::Framed { head, body, tail } = payload {
            let (before, behind) = ([before_payload, &head].concat(), [&tail, end].concat());
            let [start, id] = [start, id].map(Piece::Borrowed);
            return [
                start,
                id,
                Piece::Owned(before),
                Piece::Shared(body.into()),
                Piece::Owned(behind),
            ];
        }
        let [start, id, before_payload, end] = [start, id, before_payload, end].map(Piece::Borrowed);
        [start, id, before_payload, payload.into_piece(), end]
    }
}

/// How a reply goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// As one HTTP response, or as one message: nothing can be said before it over HTTP.
    Whole,
    /// As one HTTP response, unless something is said before it: then as a stream.
    Either,
    /// As the last event of a stream that is open.
    Stream(StreamKey),
    /// With the replies to the other calls of its batch.
    Batch(Place),
    /// Nobody reads at the moment; it is kept for a client that comes back.
    Away(session::Stream),
}

/// Who waits for a call's reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) connection: ConnectionId,
    /// Place in the order of HTTP answers; `None` on connections of messages.
    pub(super) ticket: Option<Ticket>,
    /// The id to echo, as JSON text.
    pub(super) id: Box<str>,
    pub(super) form: Form,
    /// The page's origin, if the answer may be read by it.
    pub(super) cors_origin: Option<Box<str>>,
    pub(super) delivery: Delivery,
    /// What it wants to hear before the reply.
    pub(super) hears: Hears,
    /// The legacy session that the call is in.
    pub(super) session: Option<Session>,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_three_forms_are_json() {
        for (form, expected) in [
            (Form::Rpc, r#"{"jsonrpc":"2.0","id":"7","result":{"a":1}}"#),
            (Form::Rest, r#"{"id":"7","result":{"a":1},"error":null}"#),
            (Form::Envelope, r#"{"type":"result","id":"7","result":{"a":1}}"#),
        ] {
            let pieces = form.pieces("\"7\"", Payload::Static(r#"{"a":1}"#));
            let text: Vec<u8> = pieces
                .iter()
                .flat_map(|piece| piece.as_slice())
                .copied()
                .collect();
            assert_eq!(String::from_utf8_lossy(&text), expected);
            let framed = Payload::Framed {
                head: b"{\"a\"".to_vec(),
                body: Arc::from(b":1".as_slice()),
                tail: b"}".to_vec(),
            };
            let text: Vec<u8> = form
                .pieces("\"7\"", framed)
                .iter()
                .flat_map(|piece| piece.as_slice())
                .copied()
                .collect();
            assert_eq!(String::from_utf8_lossy(&text), expected);
        }
    }
}
