//! Batches: several messages in one array, and their replies in one array (JSON-RPC 2.0 section 6).
//!
//! Which revisions and connections have them is not known here, nor where replies come from.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Error;
use crate::json;
use crate::limits::Limits;
use crate::wire::buffer::Piece;

/// Whether `bytes` begin an array. What begins otherwise is for [`super::decode()`].
pub fn is_batch(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'[')
}

/// The messages of a batch, each as the bytes for [`super::decode()`]. Nothing is copied.
///
/// # Errors
/// -32700 for bytes that are no JSON, no UTF-8 or nested deeper than `json_depth_max`; -32600 for an array of none or
/// of more than `batch_max`. Such a batch is answered with one error and no array.
pub fn split<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Vec<&'a [u8]>, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::parse_error("not UTF-8"))?;
    // The array is one level more; each message is held against the limit itself when it is decoded.
    let depth_max = limits.json_depth_max + 1;
    if json::is_deeper_than(text, depth_max) {
        return Err(Error::parse_error(format_args!(
            "nested deeper than {depth_max} levels"
        )));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let elements = Elements {
        kept_max: limits.batch_max,
    };
    let (messages, count) = deserializer
        .deserialize_seq(elements)
        .and_then(|read| deserializer.end().map(|()| read))
        .map_err(Error::parse_error)?;
    match count {
        0 => Err(Error::invalid_request("a batch of no messages")),
        _ if count > limits.batch_max => Err(Error::invalid_request(format_args!(
            "a batch of {count} messages, at most {} are taken",
            limits.batch_max
        ))),
        _ => Ok(messages),
    }
}

/// Reads all elements, so that what is no JSON is known as such, and keeps as many as may be used.
struct Elements {
    kept_max: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = (Vec<&'de [u8]>, usize);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let (mut kept, mut count) = (Vec::new(), 0);
        while let Some(element) = elements.next_element::<&'de RawValue>()? {
            count += 1;
            if kept.len() < self.kept_max {
                kept.push(element.get().as_bytes());
            }
        }
        Ok((kept, count))
    }
}

/// The replies of a batch, in the order of its calls, until the last one is there.
///
/// What it holds is counted by [`BatchReplies::bytes`]: each reply is bounded like any other, and there are at most
/// `batch_max` of them.
#[derive(Debug)]
pub struct BatchReplies {
    places: Vec<Option<Vec<Piece<'static>>>>,
    open: usize,
    bytes: usize,
}

impl BatchReplies {
    /// For a batch of so many messages that want a reply; messages that cannot be read want one too. `None` when there
    /// are none: then nothing is said, and over HTTP the status is 202.
    pub fn new(calls: usize) -> Option<Self> {
        (calls > 0).then(|| Self {
            places: std::iter::repeat_with(|| None).take(calls).collect(),
            open: calls,
            bytes: 0,
        })
    }

    /// Takes the reply to the call at this place (from 0, counted among the calls). A second one is ignored.
    pub fn put(&mut self, place: usize, reply: impl IntoIterator<Item = Piece<'static>>) {
        if let Some(slot @ None) = self.places.get_mut(place) {
            let reply: Vec<_> = reply.into_iter().filter(|piece| !piece.is_empty()).collect();
            self.bytes += reply.iter().map(Piece::len).sum::<usize>();
            *slot = Some(reply);
            self.open -= 1;
        }
    }

    /// A call gets no reply, because it was cancelled.
    pub fn skip(&mut self, place: usize) {
        self.put(place, []);
    }

    /// Whether no reply is missing any more.
    pub fn is_complete(&self) -> bool {
        self.open == 0
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The array. Replies that are missing are left out; empty when there is not a single one.
    pub fn into_pieces(self) -> Vec<Piece<'static>> {
        let mut pieces = Vec::new();
        let replies = self.places.into_iter().flatten();
        for reply in replies.filter(|reply| !reply.is_empty()) {
            pieces.push(Piece::Borrowed(if pieces.is_empty() { b"[" } else { b"," }));
            pieces.extend(reply);
        }
        if !pieces.is_empty() {
            pieces.push(Piece::Borrowed(b"]"));
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_text(text: &str) -> Result<Vec<&str>, i32> {
        let limits = Limits {
            batch_max: 3,
            ..Limits::default()
        };
        let messages = split(text.as_bytes(), &limits).map_err(|error| error.code)?;
        Ok(messages
            .into_iter()
            .map(|message| std::str::from_utf8(message).unwrap())
            .collect())
    }

    #[test]
    fn a_batch_is_split_into_messages_where_they_stand() {
        let text = " [ {\"a\":[1, 2]} ,7,\"x]\" ] ";
        assert_eq!(split_text(text), Ok(vec!["{\"a\":[1, 2]}", "7", "\"x]\""]));
        let messages = split_text(text).unwrap();
        assert!(text.as_bytes().as_ptr_range().contains(&messages[0].as_ptr()));
        for (text, is_it) in [
            (" \n[", true),
            ("[]", true),
            ("{}", false),
            ("", false),
            (" 1", false),
        ] {
            assert_eq!(is_batch(text.as_bytes()), is_it, "{text}");
        }
    }

    #[test]
    fn a_batch_of_none_or_too_many_is_refused_whole() {
        assert_eq!(split_text("[]"), Err(-32600));
        assert_eq!(split_text("[1,2,3]").unwrap().len(), 3);
        assert_eq!(split_text("[1,2,3,4]"), Err(-32600));
        let limits = Limits::default();
        let error = split(format!("[0{}]", ",0".repeat(50)).as_bytes(), &limits).unwrap_err();
        assert_eq!(
            error.message,
            "invalid request: a batch of 51 messages, at most 50 are taken"
        );
    }

    #[test]
    fn what_is_no_json_is_a_parse_error() {
        for text in ["[", "[1", "[1,]", "[1] x", "[1}", "{}", "[1,2,3,4,x]", "[\"\n\"]"] {
            assert_eq!(split_text(text), Err(-32700), "{text}");
        }
        assert_eq!(split(b"[\"\xff\"]", &Limits::default()).unwrap_err().code, -32700);
    }

    #[test]
    fn a_message_may_be_as_deep_in_a_batch_as_alone() {
        let nested = |depth: usize| format!("[{}{}]", "[".repeat(depth), "]".repeat(depth));
        let depth_max = Limits::default().json_depth_max;
        assert!(split_text(&nested(depth_max)).is_ok());
        assert_eq!(split_text(&nested(depth_max + 1)), Err(-32700));
        assert_eq!(split_text(&nested(1_000_000)), Err(-32700));
    }

    fn text(replies: BatchReplies) -> String {
        let pieces = replies.into_pieces();
        let bytes = pieces.iter().flat_map(Piece::as_slice).copied();
        String::from_utf8(bytes.collect()).unwrap()
    }

    #[test]
    fn replies_stand_in_the_order_of_their_calls_however_they_come() {
        let mut replies = BatchReplies::new(3).unwrap();
        replies.put(
            2,
            [
                Piece::Borrowed(b"{\"c\""),
                Piece::default(),
                Piece::Borrowed(b":3}"),
            ],
        );
        replies.put(0, [Piece::Owned(b"{}".to_vec())]);
        assert!(!replies.is_complete());
        replies.put(0, [Piece::Borrowed(b"again")]);
        replies.put(9, [Piece::Borrowed(b"beyond")]);
        assert!(!replies.is_complete());
        replies.put(1, [Piece::Borrowed(b"2")]);
        assert!(replies.is_complete());
        assert_eq!(replies.bytes(), 10);
        assert_eq!(text(replies), r#"[{},2,{"c":3}]"#);
    }

    #[test]
    fn a_call_without_reply_leaves_no_trace() {
        assert!(BatchReplies::new(0).is_none());
        let mut replies = BatchReplies::new(2).unwrap();
        replies.skip(0);
        replies.put(1, [Piece::Borrowed(b"1")]);
        assert!(replies.is_complete());
        assert_eq!(text(replies), "[1]");
        let mut none = BatchReplies::new(1).unwrap();
        none.skip(0);
        assert!(none.is_complete() && none.into_pieces().is_empty());
    }
}
