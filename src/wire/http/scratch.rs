//! What a connection needs beside its buffers while a request is on its way, and leaves to others when none is.

use std::collections::VecDeque;
use std::fmt;
use std::mem::swap;

use super::HttpConnection;
use super::head::RequestHead;
use super::pipeline::Slot;
use super::state::State;
use crate::wire::spares::Spares;

/// What was read last, and a list in which nothing is, kept for their memory.
#[derive(Default)]
pub struct Scratch {
    head: Option<Box<RequestHead>>,
    slots: VecDeque<Slot>,
}

impl Scratch {
    /// Whether there is no memory in it.
    pub(in crate::wire) fn is_bare(&self) -> bool {
        self.head.is_none() && self.slots.capacity() == 0
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

impl HttpConnection {
    /// Takes memory for the bytes that are about to come or go, if it has none.
    pub fn equip(&mut self, spares: &mut Spares) {
        spares.equip_inbox(&mut self.inbox);
        spares.equip_outbox(self.pipeline.outbox_mut());
        if self.is_between_requests() {
            self.with_scratch(|scratch| spares.equip_scratch(scratch));
        }
    }

    /// Leaves the memory that nothing is in to other connections. Between two requests that is all of it.
    pub fn unequip(&mut self, spares: &mut Spares) {
        self.forget();
        spares.reclaim_inbox(&mut self.inbox);
        spares.reclaim_outbox(self.pipeline.outbox_mut());
        if self.is_between_requests() {
            self.with_scratch(|scratch| spares.reclaim_scratch(scratch));
        }
    }

    /// Whether no request is awaited, being read or waiting for its response: then the list is empty, and nobody asks for
    /// the head of the last request any more.
    fn is_between_requests(&self) -> bool {
        !matches!(self.state, State::Body { .. } | State::Lent { .. })
            && self.inbox.is_empty()
            && self.pipeline.is_idle()
    }

    fn with_scratch(&mut self, change: impl FnOnce(&mut Scratch)) {
        let mut scratch = Scratch::default();
        swap(&mut scratch.head, &mut self.head);
        swap(&mut scratch.slots, self.pipeline.slots_mut());
        change(&mut scratch);
        swap(&mut scratch.head, &mut self.head);
        swap(&mut scratch.slots, self.pipeline.slots_mut());
    }
}
