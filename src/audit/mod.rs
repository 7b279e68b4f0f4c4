//! Who ran what: the record that a call leaves, the lines that are written of it, and the chain that ties the lines.
//!
//! Pure: it knows no file, thread or clock. Who writes, rotates and tries again is [`observe::audit`](crate::observe::audit);
//! whether a call may run while nothing can be written is decided by the server.

mod chain;
mod record;

pub use chain::{Chain, Fault, Hash, Verifier};
pub use record::{End, Record, Verdict, push_event};

/// What is done when a record cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// No statement runs that could not be recorded.
    #[default]
    Refuse,
    /// Statements run on, and the oldest records that wait are dropped and counted.
    DropOldest,
}

/// How the writer of the log does, as it tells the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Records that were written.
    pub written: u64,
    /// Records that were dropped.
    pub dropped: u64,
    /// Why nothing can be written at the moment, in words.
    pub trouble: Option<String>,
}
