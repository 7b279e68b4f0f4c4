//! Everything a [`Driver`](super::Driver) may ask of the outside: four small traits and one name for all of them.
//!
//! Deliberately free of any operating system: the machine ([`MioWorld`](super::MioWorld)), stdio
//! ([`StdioWorld`](crate::stdio::StdioWorld)) and the simulator (`tests/simulation`) are three worlds, and the driver
//! cannot tell which one it is in. There are no lifetimes and no `dyn` in the seam.

use std::io::{self, IoSlice};

use crate::access::fetch::{Fetched, Wanted};
use crate::audit::{Record, State};
use crate::backend::{Completion, Job};
use crate::ident::JobId;
use crate::server::{Discarded, Introduction, Peer};
use crate::time::{Clock, Instant};

/// A socket of a world: its slot and which holder of that slot it is.
///
/// Invariant: a world never gives the same pair twice, so an event that was meant for a closed socket is recognised
/// instead of reaching the next holder of its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketKey {
    /// Slot; worlds use low ones again first, so tables indexed by it stay short.
    pub index: u32,
    /// Counts the sockets of the world, from 1.
    pub generation: u32,
}

/// What a [`Selector`] noticed. A hint, never a promise: it may be spurious, and it may be about a closed socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Something changed on a socket.
    Socket {
        /// Which one.
        socket: SocketKey,
        /// A read may give bytes, the end, or an error.
        readable: bool,
        /// A write may be taken.
        writable: bool,
        /// The connection was reset; nothing more can be read or written.
        broken: bool,
    },
    /// The handshake of a socket is over, before its first byte is read: who its peer is may be known now.
    Secured {
        /// Which one.
        socket: SocketKey,
    },
    /// A trusted proxy said whose connection it passes on, before the first byte of it is read.
    Introduced {
        /// Which one.
        socket: SocketKey,
        /// What it said.
        introduction: Introduction,
    },
    /// A connection may wait to be accepted.
    Acceptable,
    /// Somebody wants what can be read again to be read.
    Reload,
    /// Somebody wants the program to end. Said once per signal.
    Shutdown,
}

/// Waiting for something to happen.
pub trait Selector {
    /// Blocks until there is an event, a completion, or `until` comes; adds the events to `events`, which is empty.
    ///
    /// `None` waits without end, [`Instant::ZERO`] not at all. Events tell *changes* (edges): a world need not repeat
    /// one before the driver met [`io::ErrorKind::WouldBlock`] on that side of that socket.
    ///
    /// # Errors
    /// The selector itself is unusable. The driver cannot go on.
    fn wait(&mut self, until: Option<Instant>, events: &mut Vec<Event>) -> io::Result<()>;
}

/// Byte streams.
pub trait Transport {
    /// The next connection that waits. It is registered for both directions, once and for good.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`]: none waits. Others: see `Accepting` in the driver.
    fn accept(&mut self) -> io::Result<(SocketKey, Peer)>;

    /// Closes the listeners: from now on peers are refused by the machine.
    fn stop_accepting(&mut self);

    /// Reads into `into`, which is not empty. `Ok(0)` means that the peer will send nothing more.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`]: nothing there now. Any other but `Interrupted`: the connection is gone.
    fn read(&mut self, socket: SocketKey, into: &mut [u8]) -> io::Result<usize>;

    /// Whether the next [`read`](Self::read) would give [`io::ErrorKind::WouldBlock`], as far as that is known without
    /// asking the machine: then no room need be found for it.
    fn is_drained(&self, _socket: SocketKey) -> bool {
        false
    }

    /// Writes from the slices in order, as many bytes as are taken now.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`]: none is taken now. Any other but `Interrupted`: the connection is gone.
    fn write(&mut self, socket: SocketKey, from: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Tells the peer that nothing more will be written (FIN). Reading goes on.
    ///
    /// # Errors
    /// The connection is gone already.
    fn shutdown_write(&mut self, socket: SocketKey) -> io::Result<()>;

    /// The name that the peer of a socket has proven to have, after [`Event::Secured`]. Only worlds with TLS know names.
    fn peer_name(&mut self, _socket: SocketKey) -> Option<Box<str>> {
        None
    }

    /// Closes the socket and forgets the key.
    fn close(&mut self, socket: SocketKey);
}

/// Running jobs elsewhere.
///
/// Nothing here can fail: the server admitted the job, so there is room for it; a full queue is our bug.
pub trait Executor {
    /// Runs the job's next step on a worker.
    fn submit(&mut self, job: Box<Job>);

    /// Runs the job's next step with a cancelled token, on the thread that is kept free for that.
    fn submit_cancel(&mut self, job: Box<Job>);

    /// Cancels the token of a step that was submitted and has not completed. Unknown ids are ignored: the step may
    /// have ended in the meantime.
    fn interrupt(&mut self, job: JobId);

    /// Drops something large, on another thread where there is one for it: to give memory back takes the longer the more
    /// it is.
    fn discard(&mut self, what: Discarded) {
        drop(what);
    }

    /// The next step that ended. [`Selector::wait`] returns when the first one comes; a world need not wake the driver
    /// again for those that it left.
    fn completion(&mut self) -> Option<Completion>;

    /// Fetches something that is no statement. Worlds whose servers know no keys and no issuers are never asked.
    fn fetch(&mut self, _wanted: Wanted) {}

    /// The next thing that was fetched, or could not be; else as [`Executor::completion`].
    fn fetched(&mut self) -> Option<Fetched> {
        None
    }

    /// Keeps a record for the audit log. Never waits for a disk. A world without a log is never given any.
    fn audit(&mut self, _record: Record) {}

    /// How the writer of the audit log does, if that has changed since the last time.
    fn audit_state(&mut self) -> Option<State> {
        None
    }
}

/// All of it.
pub trait World: Clock + Selector + Transport + Executor {}

impl<T: Clock + Selector + Transport + Executor> World for T {}
