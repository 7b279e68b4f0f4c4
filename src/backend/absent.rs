//! An engine that is not there. Every statement is answered with why, so that a client sees the reason, the tools are
//! listed and the health routes stay up while the operator sets things right.

use super::{Backend, CancelToken, Error, Job, Kind, Step};

/// Answers every step with the same error.
#[derive(Debug)]
pub struct Absent {
    reason: String,
}

impl Absent {
    /// An engine that cannot be reached for this reason (a sentence: lower case, no full stop).
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

impl Backend for Absent {
    fn step(&self, job: Job, _cancel: &CancelToken) -> Step {
        Step::Done(Box::new(job), Err(Error::new(Kind::Login, self.reason.clone())))
    }
}
