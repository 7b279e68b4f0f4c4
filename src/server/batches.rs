//! Batches whose replies are being gathered: which connection waits for which, and how the array goes out.
//!
//! The table belongs to its connection and ends with it, so nothing of a batch outlives who asked. Its messages are read
//! and acted on in `batched`.

use super::memory::REPLY_IN_NEED_BYTES_MAX;
use super::planted::PlantedBug;
use super::{Server, find, headers};
use crate::ident::{ConnectionId, JobId};
use crate::rpc::BatchReplies;
use crate::time::Now;
use crate::wire::buffer::Piece;
use crate::wire::http::{Response, Ticket};

/// A batch on its connection. Counted from 1 and never used again there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchKey(u64);

/// Where the reply to one call of a batch belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) batch: BatchKey,
    /// Counted among the calls, from 0.
    pub(super) index: usize,
}

/// One batch that is not answered yet.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) replies: BatchReplies,
    /// Place in the order of HTTP answers; `None` on connections of messages.
    pub(super) ticket: Option<Ticket>,
    /// The page's origin, if the answer may be read by it.
    pub(super) cors_origin: Option<Box<str>>,
}

/// The batches of one connection. Mostly none, and seldom more than one.
#[derive(Debug, Default)]
pub(super) struct Batches {
    open: Vec<(BatchKey, Batch)>,
    made: u64,
}

impl Batches {
    /// Adds a batch.
    pub(super) fn insert(&mut self, batch: Batch) -> BatchKey {
        self.made += 1;
        let key = BatchKey(self.made);
        self.open.push((key, batch));
        key
    }

    /// Takes the reply to a call.
    pub(super) fn put<'a>(&mut self, place: Place, reply: impl IntoIterator<Item = Piece<'a>>) {
        if let Some(batch) = self.find(place.batch) {
            batch.replies.put(place.index, own(reply));
        }
    }

    /// A call gets no reply, because it was cancelled.
    pub(super) fn skip(&mut self, place: Place) {
        if let Some(batch) = self.find(place.batch) {
            batch.replies.skip(place.index);
        }
    }

    /// Takes a batch out if no reply is missing any more.
    pub(super) fn take_complete(&mut self, key: BatchKey) -> Option<Batch> {
        let is_it = |(own, batch): &(BatchKey, Batch)| *own == key && batch.replies.is_complete();
        let index = self.open.iter().position(is_it)?;
        let (_, batch) = self.open.swap_remove(index);
        if self.open.is_empty() {
            self.open = Vec::new();
        }
        Some(batch)
    }

    /// Bytes of replies held.
    pub(super) fn bytes(&self) -> usize {
        self.open.iter().map(|(_, batch)| batch.replies.bytes()).sum()
    }

    /// Forgets all: nobody waits for them any more.
    pub(super) fn clear(&mut self) {
        self.open = Vec::new();
    }

    fn find(&mut self, key: BatchKey) -> Option<&mut Batch> {
        let found = self.open.iter_mut().find(|(own, _)| *own == key);
        found.map(|(_, batch)| batch)
    }
}

/// The same pieces, without what they borrow. Results are owned or shared already, so only what is around them is
/// copied: into one piece, as far as it stands together.
fn own<'a>(pieces: impl IntoIterator<Item = Piece<'a>>) -> Vec<Piece<'static>> {
    let mut owned: Vec<Piece<'static>> = Vec::new();
    for piece in pieces {
        match (piece, owned.last_mut()) {
            (Piece::Borrowed(bytes), Some(Piece::Owned(last))) if last.len() < REPLY_IN_NEED_BYTES_MAX => {
                last.extend_from_slice(bytes);
            }
            (Piece::Borrowed(bytes), _) => owned.push(Piece::Owned(bytes.to_vec())),
            (Piece::Owned(bytes), _) => owned.push(Piece::Owned(bytes)),
            (Piece::Shared(bytes), _) => owned.push(Piece::Shared(bytes)),
        }
    }
    owned
}

impl Server {
    /// A call of a batch has its reply, or gets none (`None`).
    pub(super) fn answer_in_batch(
        &mut self,
        now: Now,
        (connection, job): (ConnectionId, JobId),
        place: Place,
        reply: Option<&mut [Piece<'_>]>,
    ) {
        let Some(entry) = find(&mut self.entries, connection) else {
            return;
        };
        entry.talk.jobs.retain(|other| *other != job);
        entry.on_activity(now.monotonic);
        match reply {
            Some(reply) => entry
                .talk
                .batches
                .put(place, reply.iter_mut().map(std::mem::take)),
            None => entry.talk.batches.skip(place),
        }
        if !self.core.is_planted(PlantedBug::BatchForgotten) {
            self.finish_batch(now, connection, place.batch);
        }
        self.settle(now, connection);
    }

    /// Gives a batch its array, if no reply is missing any more. One whose calls were all cancelled has none: nothing is
    /// said, and over HTTP the exchange ends with 202 (JSON-RPC 2.0 section 6: never an empty array).
    pub(super) fn finish_batch(&mut self, now: Now, connection: ConnectionId, key: BatchKey) {
        let batch =
            find(&mut self.entries, connection).and_then(|entry| entry.talk.batches.take_complete(key));
        let Some(batch) = batch else {
            return;
        };
        let mut body = batch.replies.into_pieces();
        match batch.ticket {
            None if body.is_empty() => {}
            None => {
                self.send_message(now, connection, &mut body);
            }
            Some(ticket) => {
                let (status, content_type) = if body.is_empty() {
                    (202, None)
                } else {
                    (200, Some("application/json"))
                };
                let cors = batch.cors_origin.as_deref().map(headers::cors);
                let response = Response {
                    status,
                    content_type,
                    headers: cors.as_ref().map_or(&[], |lines| lines.as_slice()),
                    body: &mut body,
                    close: false,
                };
                self.with_http(now, connection, |http, serving| {
                    http.answer(ticket, response, serving);
                });
            }
        }
        // The place in the pipeline is free: requests that were held back may go on.
        self.serve(now, connection);
        self.settle(now, connection);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::wire::buffer::Shared;

    #[test]
    fn what_stands_around_a_result_is_copied_and_the_result_is_not() {
        let result: Arc<[u8]> = Arc::from(&b"{}"[..]);
        let pieces = [
            Piece::Borrowed(b"a".as_slice()),
            Piece::Borrowed(b"b"),
            Piece::Shared(Arc::clone(&result).into()),
            Piece::Borrowed(b"c"),
        ];
        let owned = own(pieces);
        assert_eq!(owned.len(), 3);
        assert_eq!(owned[0].as_slice(), b"ab");
        assert!(matches!(&owned[1], Piece::Shared(Shared::Slice(bytes)) if Arc::ptr_eq(bytes, &result)));
        assert_eq!(owned[2].as_slice(), b"c");
    }

    #[test]
    fn a_batch_is_taken_out_once_it_is_complete_and_gives_its_memory_back() {
        let mut batches = Batches::default();
        let replies = BatchReplies::new(2).unwrap();
        let batch = batches.insert(Batch {
            replies,
            ticket: None,
            cors_origin: None,
        });
        batches.put(Place { batch, index: 1 }, [Piece::Borrowed(b"12")]);
        assert_eq!(batches.bytes(), 2);
        assert!(batches.take_complete(batch).is_none());
        batches.skip(Place { batch, index: 0 });
        assert!(batches.take_complete(batch).is_some());
        assert!(batches.take_complete(batch).is_none());
        assert_eq!((batches.bytes(), batches.open.capacity()), (0, 0));
        batches.put(Place { batch, index: 0 }, [Piece::Borrowed(b"late")]);
        assert_eq!(batches.bytes(), 0);
    }
}
