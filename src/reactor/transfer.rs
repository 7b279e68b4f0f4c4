//! Steps 5 and 9 of a turn: moving bytes between sockets and the server's buffers.
//!
//! What a read leads to is written before the next socket is read. So the buffers of one connection are free for the
//! next while they are still in the processor's cache; when five hundred were read first and written afterwards, each
//! needed buffers of its own (11.0 us an answer instead of 8, most of it waiting for memory).
//!
//! Of a reply that is longer than a socket may write in a turn, the rest is *bulk*: it takes turns with that of all others
//! for one budget a turn. So who reads a short reply waits for a share of the long ones, and not the longer the more of
//! them there are (with 256 KiB a turn for each of eight, a turn took milliseconds).
//!
//! A socket is on a list exactly when trying it can lead to something: bytes there and room for them, or bytes waiting
//! and a peer that takes them. So an idle connection costs a turn nothing, and a list that is not empty is the reason
//! not to sleep.

use std::io::{ErrorKind, IoSlice};

use super::planted::PlantedBug;
use super::world::{SocketKey, World};
use super::{Driver, sockets::Socket};
use crate::ident::ConnectionId;
use crate::server::Input;
use crate::time::Now;

/// Pieces that one write hands over. A reply is head, envelope, result, envelope: sixteen pieces are several
/// pipelined replies; more would only cost stack.
const SLICES_PER_WRITE_MAX: usize = 16;

/// The first `budget` bytes of `whole`, in `slices`: how many slices and bytes. The machine copies what it is given while
/// everybody else waits, 1 ms for 4 MiB.
fn within<'a>(budget: usize, whole: &'a [IoSlice<'_>], slices: &mut [IoSlice<'a>]) -> (usize, usize) {
    let mut waiting = 0;
    for (index, (slice, from)) in slices.iter_mut().zip(whole).enumerate() {
        let count = from.len().min(budget - waiting);
        *slice = IoSlice::new(&from[..count]);
        waiting += count;
        if waiting == budget {
            return (index + 1, waiting);
        }
    }
    (whole.len(), waiting)
}

impl<W: World> Driver<W> {
    /// Step 5: reads every listed socket, each a budget's worth, and writes what it leads to.
    pub(super) fn read(&mut self, now: Now) {
        // What is listed meanwhile comes behind `count` and stays for the next turn.
        let count = self.to_read.len();
        for position in 0..count {
            let key = self.to_read[position];
            if let Some(socket) = self.sockets.by_key(key) {
                socket.is_listed_to_read = false;
                self.read_socket(now, key);
                self.apply_outputs();
                self.write_listed(now);
            }
        }
        self.to_read.drain(..count);
    }

    fn read_socket(&mut self, now: Now, key: SocketKey) {
        let mut budget = self.budgets.read_bytes;
        loop {
            let Some(socket) = self.sockets.by_key(key) else {
                return;
            };
            let connection = socket.connection;
            if socket.readiness.is_broken() {
                return self.on_broken(now, key);
            }
            if !socket.readiness.is_readable() {
                return;
            }
            if budget == 0 {
                return self.on_read_budget_used(key);
            }
            if self.world.is_drained(key) {
                return socket.readiness.on_read_would_block();
            }
            let room = self.server.room(connection);
            if room.is_empty() {
                // Still readable, so `on_mentioned` lists it again as soon as the server says something about it.
                return;
            }
            let length = room.len().min(budget);
            match self.world.read(key, &mut room[..length]) {
                Ok(0) => return self.on_end(now, key),
                Ok(count) => {
                    budget -= count;
                    self.server.handle(now, Input::Received { connection, count });
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.with_socket(key, |socket| socket.readiness.on_read_would_block());
                }
                Err(_) => return self.on_broken(now, key),
            }
        }
    }

    fn on_read_budget_used(&mut self, key: SocketKey) {
        let is_forgotten = self.is_planted(PlantedBug::ReadinessForgottenAtBudget);
        let Some(socket) = self.sockets.by_key(key) else {
            return;
        };
        let connection = socket.connection;
        if is_forgotten {
            socket.readiness.on_read_would_block();
        }
        self.list_to_read(connection);
    }

    fn on_end(&mut self, now: Now, key: SocketKey) {
        let Some(socket) = self.sockets.by_key(key) else {
            return;
        };
        let connection = socket.connection;
        socket.readiness.on_end();
        if !self.is_planted(PlantedBug::EndForgotten) {
            self.server.handle(now, Input::Ended { connection });
        }
    }

    /// A reset is told at once, even when bytes wait to be read: their answers could not be sent any more, and a
    /// socket that the server has no room for would otherwise hide that its peer is gone.
    fn on_broken(&mut self, now: Now, key: SocketKey) {
        let is_forgotten = self.is_planted(PlantedBug::BreakForgotten);
        let Some(socket) = self.sockets.by_key(key) else {
            return;
        };
        let connection = socket.connection;
        socket.readiness.on_broken();
        if !std::mem::replace(&mut socket.is_break_told, true) && !is_forgotten {
            self.server.handle(now, Input::Broken { connection });
        }
    }

    /// Step 9: writes what completions and timers led to, then a budget's worth of what is long.
    pub(super) fn write(&mut self, now: Now) {
        self.write_listed(now);
        let mut left = self.budgets.bulk_bytes;
        for _ in 0..self.bulk.len() {
            let budget = self.budgets.write_bytes.min(left);
            if budget == 0 {
                break;
            }
            left -= budget;
            if let Some(key) = self.bulk.pop_front() {
                self.write_socket(now, key, budget);
            }
        }
        self.apply_outputs();
        self.write_listed(now);
    }

    /// Writes every listed socket, each a budget's worth, and what the server adds because of that.
    pub(super) fn write_listed(&mut self, now: Now) {
        while !self.to_write.is_empty() {
            let count = self.to_write.len();
            for position in 0..count {
                self.write_socket(now, self.to_write[position], self.budgets.write_bytes);
            }
            self.to_write.drain(..count);
            self.apply_outputs();
        }
    }

    fn write_socket(&mut self, now: Now, key: SocketKey, mut budget: usize) {
        loop {
            let Some(socket) = self.sockets.by_key(key) else {
                return;
            };
            let connection = socket.connection;
            if budget == 0 && socket.readiness.is_writable() {
                // Marked as listed, so that what the server says of the part that was written does not list it again.
                socket.is_listed_to_write = true;
                socket.is_bulk = true;
                return self.bulk.push_back(key);
            }
            socket.is_listed_to_write = false;
            if !socket.readiness.is_writable() {
                return;
            }
            let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE_MAX];
            let filled = self.server.pending(connection, &mut slices);
            if filled == 0 {
                return self.finish_writing(key);
            }
            let mut part = [IoSlice::new(&[]); SLICES_PER_WRITE_MAX];
            let (filled, waiting) = within(budget, &slices[..filled], &mut part);
            match self.world.write(key, &part[..filled]) {
                Ok(count) if count > 0 => {
                    let is_whole = self.is_planted(PlantedBug::ShortWriteTakenAsWhole);
                    let count = if is_whole { waiting } else { count };
                    budget = budget.saturating_sub(count);
                    self.server.handle(now, Input::Sent { connection, count });
                    self.on_mentioned(connection);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.with_socket(key, |socket| socket.readiness.on_write_would_block());
                }
                // No socket takes nothing of something without saying why; one that does would spin here.
                Ok(_) | Err(_) => return self.on_broken(now, key),
            }
        }
    }

    /// The server wants the writing side shut down, but never before what waits is written.
    pub(super) fn shutdown_write_once_flushed(&mut self, connection: ConnectionId) {
        let is_early = self.is_planted(PlantedBug::ShutdownBeforeFlush);
        let Some(socket) = self.sockets.by_connection(connection) else {
            return;
        };
        let key = socket.key;
        socket.is_write_shutdown_wanted = true;
        if is_early || self.server.pending(connection, &mut [IoSlice::new(&[])]) == 0 {
            self.finish_writing(key);
        } else {
            self.list_to_write(connection);
        }
    }

    fn finish_writing(&mut self, key: SocketKey) {
        let Some(socket) = self.sockets.by_key(key) else {
            return;
        };
        socket.is_bulk = false;
        if std::mem::take(&mut socket.is_write_shutdown_wanted) {
            // A failure means that the peer is gone; the next read says so.
            let _ = self.world.shutdown_write(key);
        }
    }

    /// The server said something about a connection: it may have room again for what waits to be read.
    pub(super) fn on_mentioned(&mut self, connection: ConnectionId) {
        if !self.is_planted(PlantedBug::RoomNotAskedAgain) {
            self.list_to_read(connection);
        }
    }

    /// Lists the socket of `connection` for the next read step, if a read can lead to something.
    pub(super) fn list_to_read(&mut self, connection: ConnectionId) {
        let Some(socket) = self.sockets.by_connection(connection) else {
            return;
        };
        let is_news = socket.readiness.is_broken() && !socket.is_break_told;
        let is_worth_it = socket.readiness.is_readable() || is_news;
        if is_worth_it && !std::mem::replace(&mut socket.is_listed_to_read, true) {
            self.to_read.push(socket.key);
        }
    }

    /// Lists the socket of `connection` for the next write step, if a write may be taken.
    pub(super) fn list_to_write(&mut self, connection: ConnectionId) {
        let Some(socket) = self.sockets.by_connection(connection) else {
            return;
        };
        if socket.readiness.is_writable() && !std::mem::replace(&mut socket.is_listed_to_write, true) {
            if socket.is_bulk {
                self.bulk.push_back(socket.key);
            } else {
                self.to_write.push(socket.key);
            }
        }
    }

    fn with_socket(&mut self, key: SocketKey, change: impl FnOnce(&mut Socket)) {
        if let Some(socket) = self.sockets.by_key(key) {
            change(socket);
        }
    }
}
