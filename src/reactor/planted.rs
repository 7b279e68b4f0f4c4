//! Bugs to plant in a driver, so that a test can show that the simulator sees them. Not part of the product.
//!
//! A check that finds nothing proves nothing; each of these is a mistake that loops of this kind really make, and
//! `tests/simulation/planted.rs` demands that every one is caught. They are a value and not a cargo feature, because
//! `cargo test` must run that test as it is; and `Driver::is_planted` is constantly false without debug assertions,
//! so that the release build contains none of the branches.

/// One mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantedBug {
    /// Readiness is forgotten when the read budget is used up, not at `WouldBlock`.
    ReadinessForgottenAtBudget,
    /// A socket that was not read because the server had no room is not asked for again.
    RoomNotAskedAgain,
    /// Replies are written only when a writable event comes, not before sleeping.
    OutputNotFlushedBeforeSleep,
    /// A writable event does not resume a write that was cut short.
    WriteNotResumed,
    /// A short write is reported as a whole one.
    ShortWriteTakenAsWhole,
    /// Completions beyond the budget wait for the next wake-up, which was spent already.
    CompletionsLeftBehind,
    /// The server's interrupts do not reach the workers.
    InterruptForgotten,
    /// The cancels of waiting jobs do not reach the workers.
    CancelForgotten,
    /// An event for a closed socket reaches the next holder of its slot.
    GenerationIgnored,
    /// Connections beyond the accept budget wait for the next event of the listener.
    AcceptReadinessForgotten,
    /// A full descriptor table is tried again at once.
    AcceptSpins,
    /// After a full descriptor table nothing is accepted any more.
    AcceptNeverResumed,
    /// The server is not told that a peer has ended.
    EndForgotten,
    /// The server is not told that a connection broke.
    BreakForgotten,
    /// The loop sleeps past the server's deadline.
    DeadlineIgnored,
    /// The writing side is shut down although bytes still wait.
    ShutdownBeforeFlush,
    /// Sockets that the server closed are not closed.
    CloseForgotten,
}

impl PlantedBug {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::ReadinessForgottenAtBudget,
        Self::RoomNotAskedAgain,
        Self::OutputNotFlushedBeforeSleep,
        Self::WriteNotResumed,
        Self::ShortWriteTakenAsWhole,
        Self::CompletionsLeftBehind,
        Self::InterruptForgotten,
        Self::CancelForgotten,
        Self::GenerationIgnored,
        Self::AcceptReadinessForgotten,
        Self::AcceptSpins,
        Self::AcceptNeverResumed,
        Self::EndForgotten,
        Self::BreakForgotten,
        Self::DeadlineIgnored,
        Self::ShutdownBeforeFlush,
        Self::CloseForgotten,
    ];
}
