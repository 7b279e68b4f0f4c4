//! What goes into the server and what comes out, apart from bytes.

use std::fmt;

use crate::access::fetch::{Fetched, Wanted};
use crate::address::IpAddr;
use crate::audit::{Record, State};
use crate::backend::{Completion, Job};
use crate::ident::{ConnectionId, JobId};

/// What kind of stream was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A TCP connection: HTTP, and WebSocket after an upgrade.
    Tcp,
    /// The same, from this address.
    TcpFrom(IpAddr),
    /// Standard input and output: one message a line.
    Stdio,
}

/// What a trusted proxy said before everything else (PROXY protocol).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Introduction {
    /// It passes on what this one sends.
    Client(IpAddr),
    /// The connection is its own, or of somebody without an address.
    Itself,
    /// Nothing that can be read, or nothing in time: the connection ends.
    Refused,
}

/// What a world tells the server.
#[derive(Debug)]
pub enum Input {
    /// `count` bytes were read into the room that the server lent.
    Received {
        /// Whose bytes.
        connection: ConnectionId,
        /// How many, at least one.
        count: usize,
    },
    /// The peer has proven, by a certificate that is vouched for, to have this name. Said before its first byte.
    Named {
        /// Whose peer.
        connection: ConnectionId,
        /// The name.
        name: Box<str>,
    },
    /// The peer is a trusted proxy and said whose connection it passes on. Said before its first byte.
    Introduced {
        /// Whose peer.
        connection: ConnectionId,
        /// What it said.
        introduction: Introduction,
    },
    /// The peer will send nothing more (FIN, end of input).
    Ended {
        /// Whose end.
        connection: ConnectionId,
    },
    /// The connection is gone: reset, or an error of the socket. Nothing more can be written.
    Broken {
        /// Which one.
        connection: ConnectionId,
    },
    /// The first `count` waiting bytes were written.
    Sent {
        /// Whose bytes.
        connection: ConnectionId,
        /// How many.
        count: usize,
    },
    /// A worker ended a step.
    Completed(Completion),
    /// Something that the server wanted was fetched, or cannot be.
    Fetched(Fetched),
    /// SIGHUP: what can be read again shall be.
    Reload,
    /// The writer of the audit log does otherwise than before.
    AuditState(State),
    /// SIGTERM, SIGINT or the end of stdio's input. A second one ends at once.
    Shutdown,
}

/// Something large that nobody needs any more. Only its memory is left to be given back.
pub struct Discarded(pub Box<dyn Send>);

impl fmt::Debug for Discarded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Discarded(…)")
    }
}

/// What the server wants done. Bytes are not in here: they wait in the connection's outbox.
#[derive(Debug)]
pub enum Output {
    /// Run the job's next step on a worker. Never more at once than there are workers.
    Submit(Box<Job>),
    /// Cancel what the job holds: run its next step with a cancelled token, on the thread kept free for that.
    SubmitCancel(Box<Job>),
    /// Cancel the token of a step that was submitted and has not completed.
    Interrupt(JobId),
    /// Fetch this and say what came of it, with [`Input::Fetched`].
    Fetch(Wanted),
    /// Write this to the audit log. Only where [`Settings::audit`](super::Settings::audit) says that there is one.
    Audit(Box<Record>),
    /// The connection has bytes to write.
    Flush(ConnectionId),
    /// When nothing waits to be written any more: shut down the writing side and go on reading.
    ShutdownWrite(ConnectionId),
    /// Close the socket. The id is not used again.
    Close(ConnectionId),
    /// Drop this where nobody waits meanwhile: the machine takes a millisecond to take 12 MB back.
    Discard(Discarded),
    /// Accept no more connections and close the listeners.
    StopAccepting,
    /// Everything is over: leave the loop.
    Exit(Exit),
}

/// How the server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Calls that were cut off by the end of the drain time or by a second signal.
    pub calls_cut: u64,
}
