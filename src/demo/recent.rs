//! The statements of the last while, by query id: what is needed to tell how one is, to stop it, and to read its rows
//! again from anywhere. So this engine answers like an account, which keeps results for a day.
//!
//! Rows are not kept: the same text in the same context at the same time of day gives the same rows, and quickly. Only
//! a statement that took long keeps the ones that were read. Everything is bounded; what does not fit is forgotten, the
//! oldest first, but nothing that runs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::job::{Context, Status};
use crate::backend::{CancelToken, Error, Kind, ResultSet};
use crate::ident::QueryId;
use crate::limits::{EMBEDDED_STATEMENTS_BYTES_MAX, EMBEDDED_STATEMENTS_MAX};

/// What gives the rows of a statement anew.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) text: Box<str>,
    pub(super) context: Context,
    /// CURRENT_TIMESTAMP of the statement, microseconds since 1970.
    pub(super) wall: i64,
}

/// How a statement is.
#[derive(Debug, Clone)]
pub(super) enum State {
    Running,
    Ended {
        origin: Arc<Origin>,
        /// The first rows, of a statement that took long.
        rows: Option<Arc<ResultSet>>,
    },
    Failed(Box<Error>),
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Recent {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: BTreeMap<Arc<str>, Entry>,
    /// Oldest first.
    order: VecDeque<Arc<str>>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    origin: Arc<Origin>,
    state: State,
    /// Of the step that runs.
    token: Option<CancelToken>,
    is_cancelled: bool,
}

impl Entry {
    fn bytes(&self) -> usize {
        let rows = match &self.state {
            State::Ended { rows: Some(rows), .. } => rows.bytes(),
            _ => 0,
        };
        ENTRY_BYTES + self.origin.text.len() + rows
    }
}

impl Recent {
    /// A statement begins. `token` stops it while it is in a step.
    pub(super) fn begin(&self, id: &str, origin: Origin, token: CancelToken) {
        let mut table = self.lock();
        let id: Arc<str> = id.into();
        let entry = Entry {
            origin: Arc::new(origin),
            state: State::Running,
            token: Some(token),
            is_cancelled: false,
        };
        table.bytes += entry.bytes();
        table.order.push_back(Arc::clone(&id));
        if let Some(replaced) = table.entries.insert(id, entry) {
            table.bytes -= replaced.bytes();
        }
        table.shrink();
    }

    /// The statement is in a step (again), or waits for the next one. Returns whether it was cancelled meanwhile.
    pub(super) fn go_on(&self, id: &str, token: Option<CancelToken>) -> bool {
        self.lock().entries.get_mut(id).is_some_and(|entry| {
            entry.token = token;
            entry.is_cancelled
        })
    }

    /// The statement has ended; `rows` are those to be kept.
    pub(super) fn end(&self, id: &str, rows: Option<ResultSet>) {
        self.change(id, |entry| State::Ended {
            origin: Arc::clone(&entry.origin),
            rows: rows.map(Arc::new),
        });
    }

    /// The statement has failed.
    pub(super) fn fail(&self, id: &str, error: &Error) {
        self.change(id, |_| State::Failed(Box::new(error.clone())));
    }

    fn change(&self, id: &str, to: impl FnOnce(&Entry) -> State) {
        let mut table = self.lock();
        let Some(entry) = table.entries.get_mut(id) else {
            return;
        };
        let before = entry.bytes();
        entry.state = to(entry);
        entry.token = None;
        let after = entry.bytes();
        table.bytes = table.bytes + after - before;
        table.shrink();
    }

    /// How a statement is.
    ///
    /// # Errors
    /// It is not known, or not any more.
    pub(super) fn find(&self, id: &QueryId) -> Result<State, Box<Error>> {
        let table = self.lock();
        let entry = table.entries.get(id.as_str());
        entry.map(|entry| entry.state.clone()).ok_or_else(|| gone(id))
    }

    /// The same in a word, or why it failed.
    ///
    /// # Errors
    /// The statement's own, or that it is not known.
    pub(super) fn status(&self, id: &QueryId) -> Result<Status, Box<Error>> {
        match self.find(id)? {
            State::Running => Ok(Status::Running),
            State::Ended { .. } => Ok(Status::Succeeded),
            State::Failed(error) => Err(error),
        }
    }

    /// Stops a statement. One that has ended is left alone, and confirmed all the same.
    ///
    /// # Errors
    /// It is not known, or not any more.
    pub(super) fn cancel(&self, id: &QueryId) -> Result<(), Box<Error>> {
        let token = {
            let mut table = self.lock();
            let entry = table.entries.get_mut(id.as_str()).ok_or_else(|| gone(id))?;
            entry.is_cancelled = true;
            entry.token.clone()
        };
        // Outside of the lock: the engine's hook is called here.
        if let Some(token) = token {
            token.cancel();
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn shrink(&mut self) {
        // Each is looked at once at most: all of them may be running.
        for _ in 0..self.order.len() {
            if self.order.len() <= EMBEDDED_STATEMENTS_MAX && self.bytes <= EMBEDDED_STATEMENTS_BYTES_MAX {
                return;
            }
            let Some(id) = self.order.pop_front() else { return };
            let is_running = self
                .entries
                .get(&id)
                .is_some_and(|entry| matches!(entry.state, State::Running));
            if is_running {
                self.order.push_back(id);
            } else if let Some(entry) = self.entries.remove(&id) {
                self.bytes -= entry.bytes();
            }
        }
    }
}

fn gone(id: &QueryId) -> Box<Error> {
    let message = format!("there is no statement {id}, or its result is no longer kept");
    Box::new(Error::new(Kind::ResultGone, message).with_query_id(id.as_str()))
}

/// What an entry costs beside its text and its rows.
const ENTRY_BYTES: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> QueryId {
        QueryId::parse(&format!("q{number}")).unwrap()
    }

    fn begin(recent: &Recent, number: usize, text: &str) -> CancelToken {
        let token = CancelToken::new();
        let origin = Origin {
            text: text.into(),
            context: Context::default(),
            wall: 0,
        };
        recent.begin(id(number).as_str(), origin, token.clone());
        token
    }

    #[test]
    fn the_oldest_that_has_ended_is_forgotten_first() {
        let recent = Recent::default();
        for number in 0..=EMBEDDED_STATEMENTS_MAX {
            begin(&recent, number, "select 1");
            if number > 0 {
                recent.end(id(number).as_str(), None);
            }
        }
        assert_eq!(recent.status(&id(0)), Ok(Status::Running), "what runs stays");
        assert_eq!(recent.status(&id(1)).unwrap_err().kind, Kind::ResultGone);
        assert_eq!(recent.status(&id(2)), Ok(Status::Succeeded));
        let long = "x".repeat(EMBEDDED_STATEMENTS_BYTES_MAX / 2);
        for number in 0..3 {
            begin(&recent, 5_000 + number, &long);
            recent.end(id(5_000 + number).as_str(), None);
        }
        assert!(recent.lock().bytes <= EMBEDDED_STATEMENTS_BYTES_MAX);
        assert!(recent.status(&id(5_002)).is_ok() && recent.status(&id(5_000)).is_err());
    }

    #[test]
    fn a_cancel_reaches_the_step_that_runs_and_the_next_one() {
        let recent = Recent::default();
        let token = begin(&recent, 1, "select 1");
        assert!(!recent.go_on("q1", None));
        recent.cancel(&id(1)).unwrap();
        assert!(
            !token.is_cancelled(),
            "between two steps there is nothing to interrupt"
        );
        assert!(recent.go_on("q1", Some(token.clone())));
        recent.cancel(&id(1)).unwrap();
        assert!(token.is_cancelled());
        recent.fail("q1", &Error::new(Kind::Cancelled, "cancelled"));
        assert_eq!(recent.status(&id(1)).unwrap_err().kind, Kind::Cancelled);
        assert!(recent.cancel(&id(1)).is_ok() && recent.cancel(&id(2)).is_err());
    }
}
