//! Responses in the order of their requests (RFC 9112 section 9.3.2).
//!
//! Each request that is given out opens a slot; slots are bounded by `pipeline_max`. The response to the oldest slot
//! goes straight to the outbox, one that comes too early is encoded and parked in its slot. A response may be a stream,
//! which keeps its slot until it is ended (`stream`).

use std::collections::VecDeque;

use super::response::{self, CONTINUE, Connection, Envelope, Response};
use crate::limits::Limits;
use crate::time::Instant;
use crate::wire::Serving;
use crate::wire::buffer::Outbox;
use crate::wire::pace::Pace;

/// Says which request a deferred response belongs to. Good for one answer or stream, on the connection that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// How much of a response was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// Nothing.
    Nothing,
    /// The beginning of a stream that goes on.
    Stream {
        /// Its last piece was refused, because too much waited.
        is_full: bool,
    },
    /// All.
    All,
}

impl Given {
    pub(super) fn is_stream(self) -> bool {
        matches!(self, Self::Stream { .. })
    }
}

/// What the answer to a request depends on when it comes.
pub(super) struct Slot {
    pub(super) connection: Connection,
    /// The request was HEAD.
    pub(super) omits_body: bool,
    /// The request was HTTP/1.1: a body whose length nobody knows yet may be chunked.
    pub(super) takes_chunks: bool,
    pub(super) given: Given,
    /// What was given before its turn.
    pub(super) parked: Option<Box<Outbox>>,
}

/// Whether anything may follow the response that was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// Yes.
    Open,
    /// It closes the connection, and whatever was asked after it is not answered.
    Last,
}

/// The sending half of a connection.
pub(super) struct Pipeline {
    slots: VecDeque<Slot>,
    /// The ticket of the first slot.
    first: u64,
    outbox: Outbox,
    /// Bytes in the outbox that stand before those of the stream that is open there.
    ahead: usize,
    /// How the peer takes its bytes, since they began to wait for it or since it took the last of them.
    pace: Pace,
}

impl Pipeline {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            slots: VecDeque::new(),
            first: 0,
            outbox: Outbox::default(),
            ahead: 0,
            pace: Pace::new(now),
        }
    }

    /// Opens the slot of a request.
    pub(super) fn open(&mut self, slot: Slot) -> Ticket {
        let ticket = Ticket(self.first + self.slots.len() as u64);
        self.slots.push_back(slot);
        ticket
    }

    /// Closes the slot of the youngest request again, as if it had not been given out.
    pub(super) fn withdraw(&mut self, ticket: Ticket) {
        debug_assert_eq!(
            self.index(ticket).map(|index| index + 1),
            Some(self.slots.len()),
            "only the youngest can be given back"
        );
        self.slots.pop_back();
    }

    /// Queues or parks the response to a request. A ticket whose slot is gone is not answered: the connection was
    /// closed by an earlier response.
    pub(super) fn answer(
        &mut self,
        ticket: Ticket,
        response: Response<'_, '_>,
        serving: &Serving<'_>,
    ) -> Answered {
        let Some((index, slot)) = self.find(ticket) else {
            return Answered::Open;
        };
        debug_assert_eq!(slot.given, Given::Nothing, "a request is answered once");
        slot.given = Given::All;
        if response.close {
            slot.connection = Connection::Closed;
        }
        let envelope = Envelope {
            connection: slot.connection,
            omits_body: slot.omits_body,
            common_headers: serving.common_headers,
        };
        if index > 0 {
            let mut parked = Box::<Outbox>::default();
            response::encode(&mut parked, response, envelope);
            slot.parked = Some(parked);
            return Answered::Open;
        }
        self.begin(serving.now);
        response::encode(&mut self.outbox, response, envelope);
        self.settle()
    }

    /// The slot of a request, and its place in the order.
    pub(super) fn find(&mut self, ticket: Ticket) -> Option<(usize, &mut Slot)> {
        let index = self.index(ticket)?;
        Some((index, &mut self.slots[index]))
    }

    /// The place of a request in the order, while its slot is there.
    pub(super) fn index(&self, ticket: Ticket) -> Option<usize> {
        let index = usize::try_from(ticket.0.checked_sub(self.first)?).ok()?;
        (index < self.slots.len()).then_some(index)
    }

    /// Where the bytes of a slot go.
    pub(super) fn outbox_of(&mut self, index: usize, now: Instant) -> &mut Outbox {
        if index == 0 {
            self.begin(now);
            &mut self.outbox
        } else {
            self.slots[index].parked.get_or_insert_default()
        }
    }

    /// Queues the response that ends HTTP on this connection. Nothing before it may be awaited.
    pub(super) fn upgrade(&mut self, ticket: Ticket, response: Response<'_, '_>, serving: &Serving<'_>) {
        debug_assert_eq!(
            ticket.0, self.first,
            "an upgrade waits for what was asked before it"
        );
        if let Some(slot) = self.slots.front_mut() {
            slot.connection = Connection::Upgraded;
        }
        self.answer(ticket, response, serving);
    }

    /// The first slot was answered: queues what was parked behind it.
    pub(super) fn settle(&mut self) -> Answered {
        while let Some(slot) = self.slots.pop_front() {
            self.first += 1;
            if slot.connection == Connection::Closed {
                return self.forget_slots();
            }
            let Some(next) = self.slots.front_mut() else { break };
            let given = next.given;
            if let Some(parked) = next.parked.take() {
                self.ahead = self.outbox.len();
                self.outbox.append(*parked);
            }
            if given != Given::All {
                break;
            }
        }
        Answered::Open
    }

    /// Nothing more is answered.
    pub(super) fn forget_slots(&mut self) -> Answered {
        self.first += self.slots.len() as u64;
        self.slots.clear();
        Answered::Last
    }

    /// The stream in the first slot begins: what waits now is none of its bytes.
    pub(super) fn mark_stream(&mut self) {
        self.ahead = self.outbox.len();
    }

    /// Bytes of a slot that wait, queued or parked.
    pub(super) fn slot_bytes(&self, index: usize) -> usize {
        if index == 0 {
            return self.outbox.len() - self.ahead;
        }
        let parked = self.slots.get(index).and_then(|slot| slot.parked.as_ref());
        parked.map_or(0, |parked| parked.len())
    }

    /// Queues 100 Continue. Only while no slot is open: it belongs to the request that is not given out yet.
    pub(super) fn push_continue(&mut self, now: Instant) {
        debug_assert!(self.slots.is_empty(), "responses keep the order of requests");
        self.begin(now);
        self.outbox.extend(CONTINUE);
    }

    /// Lets the youngest response say that the connection ends with it, unless it is encoded already.
    pub(super) fn close_after_youngest(&mut self) {
        if let Some(slot) = self.slots.back_mut()
            && slot.given == Given::Nothing
        {
            slot.connection = Connection::Closed;
        }
    }

    fn begin(&mut self, now: Instant) {
        if self.outbox.is_empty() {
            self.pace = Pace::new(now);
        }
    }

    pub(super) fn sent(&mut self, count: usize, now: Instant) -> Option<Vec<u8>> {
        let spent = self.outbox.sent(count);
        self.ahead = self.ahead.saturating_sub(count);
        if self.outbox.is_empty() {
            self.pace = Pace::new(now);
        } else {
            self.pace.note(count);
        }
        spent
    }

    /// Counts what was sent as progress, if it is enough.
    pub(super) fn renew(&mut self, limits: &Limits, now: Instant) {
        self.pace.renew(limits, now);
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(super) fn into_outbox(self) -> Outbox {
        self.outbox
    }

    /// When the peer last made progress, or when bytes began to wait for it.
    pub(super) fn progress(&self) -> Instant {
        self.pace.since()
    }

    /// Bytes of all responses that are encoded, queued or parked.
    pub(super) fn bytes(&self) -> usize {
        self.outbox.len() + self.parked_bytes()
    }

    /// The same with what is written of the piece that is being written.
    pub(super) fn held_bytes(&self) -> usize {
        self.outbox.held_bytes() + self.parked_bytes()
    }

    fn parked_bytes(&self) -> usize {
        // As nearly always: every response is given at once.
        if self.slots.is_empty() {
            return 0;
        }
        let parked = self.slots.iter().filter_map(|slot| slot.parked.as_ref());
        parked.map(|parked| parked.len()).sum()
    }

    /// Requests given out whose response is not queued.
    pub(super) fn open_count(&self) -> usize {
        self.slots.len()
    }

    /// Requests given out whose response did not come yet, or not all of it.
    pub(super) fn waiting_count(&self) -> usize {
        let is_whole = |slot: &&Slot| slot.given != Given::All;
        self.slots.iter().filter(is_whole).count()
    }

    /// Nothing is awaited and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.slots.is_empty() && self.outbox.is_empty()
    }

    /// Gives memory back where nothing is held.
    pub(super) fn shrink(&mut self) {
        self.outbox.shrink();
        if self.slots.is_empty() {
            self.slots = VecDeque::new();
        }
    }

    pub(super) fn slots(&self) -> &VecDeque<Slot> {
        &self.slots
    }

    pub(super) fn slots_mut(&mut self) -> &mut VecDeque<Slot> {
        &mut self.slots
    }

    pub(super) fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::wire::buffer::Piece;

    fn slot(connection: Connection) -> Slot {
        Slot {
            connection,
            omits_body: false,
            takes_chunks: true,
            given: Given::Nothing,
            parked: None,
        }
    }

    fn answer(pipeline: &mut Pipeline, ticket: Ticket, status: u16, close: bool) -> Answered {
        let serving = Serving {
            limits: &Limits::default(),
            now: Instant::ZERO,
            common_headers: b"",
        };
        let response = Response {
            status,
            content_type: None,
            headers: &[],
            body: &mut [Piece::Owned(vec![b'x'; 3000])],
            close,
        };
        pipeline.answer(ticket, response, &serving)
    }

    fn statuses(pipeline: &Pipeline) -> Vec<u16> {
        let text = String::from_utf8(pipeline.outbox().to_vec()).unwrap();
        text.split("HTTP/1.1 ")
            .skip(1)
            .map(|response| response[..3].parse().unwrap())
            .collect()
    }

    #[test]
    fn responses_keep_the_order_of_requests_whatever_the_order_of_answers() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut pipeline = Pipeline::new(Instant::ZERO);
            let tickets = [(); 3].map(|()| pipeline.open(slot(Connection::Kept)));
            assert_eq!((pipeline.open_count(), pipeline.waiting_count()), (3, 3));
            for (done, index) in order.into_iter().enumerate() {
                let status = 200 + u16::try_from(index).unwrap();
                assert_eq!(
                    answer(&mut pipeline, tickets[index], status, false),
                    Answered::Open
                );
                assert_eq!(pipeline.waiting_count(), 2 - done);
            }
            assert_eq!(statuses(&pipeline), [200, 201, 202], "{order:?}");
            assert_eq!(pipeline.open_count(), 0);
        }
    }

    #[test]
    fn nothing_follows_a_response_that_closes() {
        let mut pipeline = Pipeline::new(Instant::ZERO);
        let tickets = [(); 3].map(|()| pipeline.open(slot(Connection::Kept)));
        assert_eq!(answer(&mut pipeline, tickets[1], 201, true), Answered::Open);
        assert_eq!(answer(&mut pipeline, tickets[2], 202, false), Answered::Open);
        assert_eq!(answer(&mut pipeline, tickets[0], 200, false), Answered::Last);
        assert_eq!(statuses(&pipeline), [200, 201]);
        assert_eq!(answer(&mut pipeline, tickets[2], 202, false), Answered::Open);
        assert_eq!(statuses(&pipeline), [200, 201]);
        assert_eq!((pipeline.open_count(), pipeline.waiting_count()), (0, 0));
    }

    #[test]
    fn only_a_response_that_is_not_encoded_can_still_say_close() {
        let mut pipeline = Pipeline::new(Instant::ZERO);
        let tickets = [(); 2].map(|()| pipeline.open(slot(Connection::Kept)));
        answer(&mut pipeline, tickets[1], 201, false);
        pipeline.close_after_youngest();
        assert_eq!(answer(&mut pipeline, tickets[0], 200, false), Answered::Open);
        let ticket = pipeline.open(slot(Connection::Kept));
        pipeline.close_after_youngest();
        assert_eq!(answer(&mut pipeline, ticket, 202, false), Answered::Last);
        let text = String::from_utf8(pipeline.outbox().to_vec()).unwrap();
        assert_eq!(text.matches("Connection: close").count(), 1);
    }
}
