//! Memory that idle connections left for busy ones.
//!
//! A connection needs buffers only while bytes are on their way. Thousands idle and a few talk, so what a codec holds
//! nothing in goes into this pool at once, and the next connection that talks takes it: nothing is allocated while
//! requests come and go, the few buffers stay in the processor's caches, and an idle connection costs its own fields
//! only. (When each kept its buffers for two seconds, the heap grew to 4 KiB a connection in a burst, and the holes
//! that were left when they were freed were never given back to the machine: 1.8 to 5.5 KB each.)
//!
//! Bytes of an earlier connection may still stand in a buffer, behind its end: no codec reads there.

use super::buffer::{INBOX_BYTES_FIRST, Inbox, Outbox};
use super::http::Scratch;

/// The pool. Bounded: what does not fit is freed.
#[derive(Debug, Default)]
pub struct Spares {
    inboxes: Vec<Inbox>,
    outboxes: Vec<Outbox>,
    scratches: Vec<Scratch>,
}

impl Spares {
    /// Puts a used inbox in the place of one without memory.
    pub fn equip_inbox(&mut self, inbox: &mut Inbox) {
        if inbox.capacity() == 0
            && let Some(spare) = self.inboxes.pop()
        {
            *inbox = spare;
        }
    }

    /// Puts a used outbox in the place of one without memory.
    pub fn equip_outbox(&mut self, outbox: &mut Outbox) {
        if outbox.is_bare()
            && let Some(spare) = self.outboxes.pop()
        {
            *outbox = spare;
        }
    }

    pub(super) fn equip_scratch(&mut self, scratch: &mut Scratch) {
        if scratch.is_bare()
            && let Some(spare) = self.scratches.pop()
        {
            *scratch = spare;
        }
    }

    /// Takes the memory of an inbox in which nothing is.
    pub fn reclaim_inbox(&mut self, inbox: &mut Inbox) {
        let held = inbox.capacity();
        if held == 0 || !inbox.is_empty() {
            return;
        }
        let inbox = std::mem::take(inbox);
        if held <= INBOX_BYTES_FIRST && self.inboxes.len() < SPARES_MAX {
            self.inboxes.push(inbox);
        }
    }

    /// Takes the memory of an outbox in which nothing waits.
    pub fn reclaim_outbox(&mut self, outbox: &mut Outbox) {
        if outbox.is_bare() || !outbox.is_empty() {
            return;
        }
        let outbox = std::mem::take(outbox);
        if outbox.capacity() <= BUFFER_BYTES_MAX && self.outboxes.len() < SPARES_MAX {
            self.outboxes.push(outbox);
        }
    }

    pub(super) fn reclaim_scratch(&mut self, scratch: &mut Scratch) {
        if scratch.is_bare() {
            return;
        }
        let scratch = std::mem::take(scratch);
        if self.scratches.len() < SPARES_MAX {
            self.scratches.push(scratch);
        }
    }
}

/// Buffers of a kind that wait, at most 256 KiB of the usual size: connections that talk in the same turn share them.
const SPARES_MAX: usize = 64;
/// A larger outbox is freed: what made it grow is rare. Inboxes are kept in their first size only, because what is larger
/// counts as leased ([`super::lease`]) whoever has it.
const BUFFER_BYTES_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_goes_from_one_connection_to_the_next() {
        let mut spares = Spares::default();
        let (mut inbox, mut outbox) = (Inbox::with(b"a"), Outbox::default());
        inbox.consume(1);
        outbox.extend(b"b");
        outbox.sent(1);
        let held = (inbox.capacity(), outbox.capacity());
        spares.reclaim_inbox(&mut inbox);
        spares.reclaim_outbox(&mut outbox);
        assert_eq!((inbox.capacity(), outbox.capacity()), (0, 0));
        spares.equip_inbox(&mut inbox);
        spares.equip_outbox(&mut outbox);
        assert_eq!((inbox.capacity(), outbox.capacity()), held);
    }

    #[test]
    fn what_is_in_use_stays_where_it_is() {
        let mut spares = Spares::default();
        let (mut inbox, mut outbox) = (Inbox::with(b"a"), Outbox::default());
        outbox.extend(b"b");
        spares.reclaim_inbox(&mut inbox);
        spares.reclaim_outbox(&mut outbox);
        spares.equip_inbox(&mut inbox);
        spares.equip_outbox(&mut outbox);
        assert_eq!((inbox.bytes(), outbox.to_vec()), (&b"a"[..], b"b".to_vec()));
    }

    #[test]
    fn large_buffers_and_too_many_of_them_are_freed() {
        let mut spares = Spares::default();
        let mut large = Inbox::with(&[0; BUFFER_BYTES_MAX + 1]);
        large.consume(BUFFER_BYTES_MAX + 1);
        spares.reclaim_inbox(&mut large);
        assert_eq!((large.capacity(), spares.inboxes.len()), (0, 0));
        for _ in 0..SPARES_MAX + 1 {
            let mut inbox = Inbox::with(b"a");
            inbox.consume(1);
            spares.reclaim_inbox(&mut inbox);
        }
        assert_eq!(spares.inboxes.len(), SPARES_MAX);
    }
}
