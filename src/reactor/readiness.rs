//! Sticky readiness of a socket: what a read or a write may hope for, remembered until it is disproved.
//!
//! ```text
//!                  event: readable                                event: writable
//!        ┌──────────────────────────────┐              ┌──────────────────────────────┐
//!    not readable                   readable       not writable                   writable
//!        └──────────────────────────────┘              └──────────────────────────────┘
//!              read gave WouldBlock                           write gave WouldBlock
//! ```
//!
//! Selectors tell changes only (edge-triggered), so readiness that is forgotten is a connection that hangs. It is
//! cleared by `WouldBlock` and by nothing else: not by a budget that is used up, not by a room that is empty. Also not
//! by a short read or write, although epoll(7) allows to conclude from one that the socket is exhausted: the conclusion
//! is wrong when the FIN came with the last bytes (its edge is spent, the end would never be read), and other selectors
//! do not promise it at all. A world that knows better says `WouldBlock` without asking the machine, as `mio_world`
//! does; writes end when nothing waits.

/// What is known of one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Readiness {
    readable: bool,
    writable: bool,
    ended: bool,
    broken: bool,
}

impl Readiness {
    /// A fresh socket. Both directions are worth a try: a client usually sends its request with the handshake's last
    /// packet, and the send buffer is empty.
    pub(crate) fn fresh() -> Self {
        Self {
            readable: true,
            writable: true,
            ended: false,
            broken: false,
        }
    }

    /// Adds what an event told. Nothing is ever taken away here.
    pub(crate) fn on_event(&mut self, readable: bool, writable: bool, broken: bool) {
        self.readable |= readable;
        self.writable |= writable;
        self.broken |= broken;
    }

    /// A read gave `WouldBlock`.
    pub(crate) fn on_read_would_block(&mut self) {
        self.readable = false;
    }

    /// A write gave `WouldBlock`.
    pub(crate) fn on_write_would_block(&mut self) {
        self.writable = false;
    }

    /// A read gave the end: there is nothing to read ever again.
    pub(crate) fn on_end(&mut self) {
        self.ended = true;
    }

    /// The connection is gone in both directions.
    pub(crate) fn on_broken(&mut self) {
        self.broken = true;
    }

    /// Whether a read may give something.
    pub(crate) fn is_readable(self) -> bool {
        self.readable && !self.ended && !self.broken
    }

    /// Whether a write may be taken.
    pub(crate) fn is_writable(self) -> bool {
        self.writable && !self.broken
    }

    /// Whether the connection was reset.
    pub(crate) fn is_broken(self) -> bool {
        self.broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_would_block_clears_readiness() {
        let mut readiness = Readiness::fresh();
        assert!(readiness.is_readable() && readiness.is_writable());
        readiness.on_event(false, false, false);
        assert!(readiness.is_readable() && readiness.is_writable());
        readiness.on_read_would_block();
        assert!(!readiness.is_readable() && readiness.is_writable());
        readiness.on_write_would_block();
        readiness.on_event(true, false, false);
        assert!(readiness.is_readable() && !readiness.is_writable());
        readiness.on_event(false, true, false);
        assert!(readiness.is_readable() && readiness.is_writable());
    }

    #[test]
    fn after_the_end_nothing_is_read_but_writing_goes_on() {
        let mut readiness = Readiness::fresh();
        readiness.on_end();
        readiness.on_event(true, true, false);
        assert!(!readiness.is_readable() && readiness.is_writable());
    }

    #[test]
    fn a_broken_socket_is_neither_read_nor_written() {
        let mut readiness = Readiness::fresh();
        readiness.on_event(true, true, true);
        assert!(!readiness.is_readable() && !readiness.is_writable() && readiness.is_broken());
    }
}
