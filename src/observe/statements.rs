//! The text of every statement into the log, for operators who ask for it (`LOG_SQL_QUERIES`).

use std::sync::Arc;

use crate::backend::{Backend, CancelToken, Job, Step, job::Stage};

/// An engine whose statements are logged before they are sent.
pub struct LoggedStatements {
    engine: Arc<dyn Backend>,
}

/// Characters of one statement that are logged: enough to know it by, few enough for a log.
const STATEMENT_CHARS_MAX: usize = 2_000;

impl LoggedStatements {
    /// Logs what `engine` is asked for.
    pub fn new(engine: Arc<dyn Backend>) -> Self {
        Self { engine }
    }
}

impl Backend for LoggedStatements {
    fn step(&self, job: Job, cancel: &CancelToken) -> Step {
        // The first step of a job carries nothing; a statement that is sent again is not logged again.
        if job.reached.stage == Stage::Submit && job.reached.carried.is_none() {
            for statement in &job.work.statements {
                log::info!("{}: {}", job.id, beginning(statement.text()));
            }
        }
        self.engine.step(job, cancel)
    }
}

fn beginning(text: &str) -> &str {
    match text.char_indices().nth(STATEMENT_CHARS_MAX) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_statement_is_cut_between_characters() {
        assert_eq!(beginning("select 'é'"), "select 'é'");
        let long = "é".repeat(STATEMENT_CHARS_MAX + 1);
        assert_eq!(beginning(&long).chars().count(), STATEMENT_CHARS_MAX);
    }
}
