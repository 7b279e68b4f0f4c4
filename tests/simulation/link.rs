//! A simulated TCP connection: two byte queues, two ends, and edges that are told once.

use std::collections::VecDeque;

use snowflake_mcp::reactor::world::SocketKey;
use snowflake_mcp::time::Instant;

/// One connection, seen from the machine.
///
/// Edges are as strict as a selector may be: after one is told, none follows for that direction until the server met
/// `WouldBlock` there. A reset is always told.
#[derive(Debug)]
pub(crate) struct Link {
    /// On its way to the server.
    pub(crate) to_server: VecDeque<u8>,
    /// The peer has ended its side.
    pub(crate) peer_ended: bool,
    /// On its way to the peer.
    pub(crate) to_peer: VecDeque<u8>,
    /// Bytes that fit into `to_peer`.
    pub(crate) capacity: usize,
    /// The server has ended its side.
    pub(crate) server_ended: bool,
    /// When it did while the socket stayed open, and how many bytes it had read by then. From then on it lingers.
    pub(crate) lingers: Option<(Instant, usize)>,
    /// The server has closed the socket.
    pub(crate) server_closed: bool,
    /// The connection was reset, by whomever.
    pub(crate) is_reset: bool,
    /// The server's end, once accepted.
    pub(crate) key: Option<SocketKey>,
    /// The server has read the end.
    pub(crate) is_end_read: bool,
    /// When it did, or was last written to after that.
    pub(crate) ended_at: Option<Instant>,
    /// Bytes that the server read in all.
    pub(crate) bytes_read: usize,
    /// In which turn the server was told of a reset.
    pub(crate) reset_told: Option<u64>,
    /// A write was refused, room was told since, and no write was tried: something waits that could be sent.
    pub(crate) is_write_owed: bool,
    /// Bytes that the server wrote in all.
    pub(crate) written: u64,
    /// The server spoke first: it turns the peer away, and throws away what comes.
    pub(crate) is_turned_away: bool,
    is_read_armed: bool,
    is_write_armed: bool,
    was_write_refused: bool,
    is_reset_untold: bool,
}

impl Link {
    /// A connection that waits to be accepted.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            to_server: VecDeque::new(),
            peer_ended: false,
            to_peer: VecDeque::new(),
            capacity,
            server_ended: false,
            lingers: None,
            server_closed: false,
            is_reset: false,
            key: None,
            is_end_read: false,
            ended_at: None,
            bytes_read: 0,
            reset_told: None,
            is_write_owed: false,
            was_write_refused: false,
            written: 0,
            is_turned_away: false,
            is_read_armed: true,
            is_write_armed: true,
            is_reset_untold: false,
        }
    }

    /// The peer resets: what is on its way is lost.
    pub(crate) fn reset(&mut self) {
        self.is_reset = true;
        self.is_reset_untold = true;
        self.to_server.clear();
        self.to_peer.clear();
    }

    /// The peer sends. To a socket that is closed that means a reset, which also destroys what the peer has not read.
    pub(crate) fn send(&mut self, bytes: impl IntoIterator<Item = u8>) {
        if self.server_closed {
            self.reset();
        } else if !self.is_reset {
            self.to_server.extend(bytes);
        }
    }

    /// The server closes. With unread bytes that is a reset (RFC 1122 section 4.2.2.13).
    pub(crate) fn close(&mut self) {
        self.server_closed = true;
        self.server_ended = true;
        if !self.to_server.is_empty() {
            self.reset();
        }
    }

    /// Room towards the peer.
    pub(crate) fn space(&self) -> usize {
        self.capacity.saturating_sub(self.to_peer.len())
    }

    /// Whether a read gives something.
    pub(crate) fn has_input(&self) -> bool {
        !self.to_server.is_empty() || self.peer_ended || self.is_reset
    }

    /// A read found nothing: the next arrival is told.
    pub(crate) fn arm_read(&mut self) {
        self.is_read_armed = true;
    }

    /// A write found no room: the next room is told.
    pub(crate) fn arm_write(&mut self) {
        self.is_write_armed = true;
        self.was_write_refused = true;
    }

    /// The edges that are due, if any: readable, writable, reset. They are not told again.
    pub(crate) fn take_edges(&mut self) -> Option<(bool, bool, bool)> {
        if std::mem::take(&mut self.is_reset_untold) {
            return Some((true, true, true));
        }
        let readable = self.is_read_armed && self.has_input();
        let writable = self.is_write_armed && self.space() > 0;
        self.is_read_armed &= !readable;
        self.is_write_armed &= !writable;
        self.is_write_owed |= writable && self.was_write_refused;
        self.was_write_refused &= !writable;
        (readable || writable).then_some((readable, writable, false))
    }
}
