//! Bugs to plant in a server, so that a test can show that the simulator of conversations sees them. Not part of the
//! product, in the way of [`reactor::planted`](crate::reactor::planted): without debug assertions no branch is left.

/// One mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantedBug {
    /// Who waits in `tasks/result` is not told of the end.
    WaiterForgotten,
    /// `tasks/cancel` changes the table and leaves the job running.
    TaskCancelForgotten,
    /// A script whose questions are all answered is not resumed.
    AnswersForgotten,
    /// The end of a task's call does not reach the table.
    TaskEndForgotten,
    /// A stream that is resumed does not bring what was missed.
    MissedForgotten,
    /// What was missed is said twice.
    MissedTwice,
    /// The calls of a session that is ended run on.
    SessionCallsForgotten,
    /// A batch never becomes whole.
    BatchForgotten,
}

impl PlantedBug {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::WaiterForgotten,
        Self::TaskCancelForgotten,
        Self::AnswersForgotten,
        Self::TaskEndForgotten,
        Self::MissedForgotten,
        Self::MissedTwice,
        Self::SessionCallsForgotten,
        Self::BatchForgotten,
    ];
}
