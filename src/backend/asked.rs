//! What a job is for, as far as that is not its statements: for the record of it, and for the history.

use std::sync::Arc;

use super::job::Work;
use crate::limits::AUDIT_WAITING_TEXT_BYTES_MAX;
use crate::sql::mentioned::Resolved;
use crate::sql::summary::{Summaries, Summary};

/// What is found out about the statements of a job on the threads that run it, and told to whoever records it.
#[derive(Debug, Default)]
pub struct Asked {
    /// The statements that were asked for, where those of the first round are only there to judge them, or are not known
    /// before a worker has judged the text.
    pub announced: Vec<Arc<str>>,
    /// Where the compiler's names of the objects will stand, if a plan is asked for.
    pub resolved: Option<Arc<Resolved>>,
    /// Where the worker puts what may be kept of the statements, if somebody records them.
    pub summaries: Option<Arc<Summaries>>,
}

impl Work {
    /// The statements that were asked for.
    pub fn asked(&self) -> Vec<Arc<str>> {
        if !self.asked.announced.is_empty() {
            return self.asked.announced.clone();
        }
        let checked = self.statements.iter().map(|statement| statement.shared_text());
        let unchecked = self.unchecked.as_ref().map(|statement| statement.shared_text());
        checked.chain(unchecked).collect()
    }

    /// The first of them, without a copy.
    pub fn first_asked(&self) -> Option<&str> {
        let announced = self.asked.announced.first().map(|text| &**text);
        let checked = || self.statements.first().map(|statement| statement.text());
        let unchecked = || self.unchecked.as_ref().map(|statement| statement.text());
        announced.or_else(checked).or_else(unchecked)
    }

    /// Bytes of all texts that it holds.
    pub fn text_bytes(&self) -> usize {
        let checked = self.statements.iter().map(|statement| statement.text().len());
        let unchecked = self.unchecked.as_ref().map(|statement| statement.text().len());
        // Announced statements that are also those of this round are counted twice: they are short.
        let announced = self.asked.announced.iter().map(|text| text.len());
        checked.chain(unchecked).chain(announced).sum()
    }

    /// Makes what may be kept of the statements, where that is wanted and was not done yet.
    pub fn summarize(&mut self) {
        if let Some(summaries) = self.asked.summaries.take() {
            // A job that is given out once more has none to make.
            let _ = summaries.set(Summary::of_all(&self.asked()));
        }
    }

    /// Whether a worker has yet to make what may be kept of statements that are too long to wait for that elsewhere.
    pub fn owes_summaries(&self) -> bool {
        self.asked.summaries.is_some() && self.text_bytes() > AUDIT_WAITING_TEXT_BYTES_MAX
    }
}
