//! The second half of a statement's life: it has ended, and its rows are read, a partition a step. What the page needs
//! next is asked for before that, so that its answer comes while this one is read.

use std::time::Duration;

use super::{Phase, Stepper, Turn};
use crate::backend::job::Operation;
use crate::backend::rows::Position;
use crate::backend::{Error, Kind, Progress, ResultSet};
use crate::snowflake::ahead::Asked;
use crate::snowflake::answer::{self, End, ReadError, RowSink};
use crate::snowflake::client::Reply;
use crate::snowflake::error;
use crate::snowflake::http::{Method, Response};
use crate::snowflake::partition::Reading;
use crate::snowflake::poll;
use crate::snowflake::retry::Failure;
use crate::snowflake::submission::{Submission, is_handle};

impl Stepper<'_> {
    /// Reads the next partition, or ends the statement.
    pub(super) fn fetch(&mut self, mut reading: Reading) -> Turn {
        let Some(partition) = reading.next_partition() else {
            return self.end_statement(reading);
        };
        let asked = self.run.ahead.take(partition);
        for next in reading.partitions_ahead() {
            self.ask_ahead(next);
        }
        let reply = asked.and_then(Asked::wait).unwrap_or_else(|| {
            let target = self.partition_path(partition);
            self.exchange(Method::Get, &target, FETCH_PATIENCE)
        });
        match reply {
            Reply::Result(response) => match self.read(response, &mut reading) {
                Ok(()) => self.after_partition(reading),
                Err(broken) => self.after_broken(broken, Phase::Fetch(reading)),
            },
            Reply::Running { retry_after, .. } => {
                self.run.phase = Phase::Fetch(reading);
                let after = poll::interval(poll::FIRST_MS.len() as u32, Duration::ZERO);
                self.again(after.max(retry_after.unwrap_or_default()), Progress::Running)
            }
            Reply::Failed { failure, error } => {
                self.run.phase = Phase::Fetch(reading);
                self.again_or_fail(failure, error)
            }
            Reply::Login(next) => self.login_again(next, Phase::Fetch(reading)),
            Reply::Refused(error) => self.fail(error),
        }
    }

    /// A cursor's place is asked for together with the metadata, which stand in the answer with partition 0: one way there
    /// and back instead of two. A statement that has a cursor has ended.
    pub(super) fn ask_for_the_cursors_partition(&mut self) {
        if let Operation::Read { from, .. } = self.work.operation
            && from.partition > 0
        {
            self.ask_ahead(from.partition as usize);
        }
    }

    /// While something fails, nothing is asked for that is not needed now.
    fn ask_ahead(&mut self, partition: usize) {
        if self.run.retries.failures() == 0 {
            let (target, manner) = (self.partition_path(partition), self.manner(FETCH_PATIENCE));
            self.run.ahead.ask(self.client, partition, target, manner);
        }
    }

    fn partition_path(&self, partition: usize) -> String {
        self.statement_path(&format!("?partition={partition}"))
    }

    /// Reads the answer that has the metadata and partition 0. If it breaks off, reading begins anew: by the handle
    /// where it is known, else as `otherwise`.
    pub(super) fn read_first(&mut self, response: Response, otherwise: Phase) -> Turn {
        let from = match self.work.operation {
            Operation::Read { from, .. } => from,
            _ => Position::default(),
        };
        let mut reading = Reading::new(self.work.bounds, from);
        match self.read(response, &mut reading) {
            Ok(()) => self.after_partition(reading),
            Err(broken) => {
                let phase = match (&otherwise, &self.handle) {
                    (Phase::Submit(_), Some(_)) => Phase::Poll {
                        polls: 0,
                        since: self.client.now().monotonic,
                    },
                    _ => otherwise,
                };
                self.after_broken(broken, phase)
            }
        }
    }

    fn read(&mut self, response: Response, reading: &mut Reading) -> Result<(), Broken> {
        reading.begin_partition();
        let piece_bytes_max = (self.work.bounds.bytes_max as u64)
            .saturating_mul(ESCAPED_FACTOR)
            .max(PIECE_BYTES_MIN);
        match answer::read(response.body, reading, piece_bytes_max, self.cancel) {
            Ok(End::Enough) => {
                reading.had_enough();
                Ok(())
            }
            Ok(End::RowTooLarge) if reading.has_begun() => {
                reading.cut();
                Ok(())
            }
            Ok(End::RowTooLarge) => Err(Broken::last(too_large(None))),
            Ok(End::Whole(trailer)) => {
                let handle = trailer.handle.filter(|handle| is_handle(handle));
                *self.handle = self.handle.take().or(handle);
                if trailer.code.as_deref() == Some(RESULT_TOO_LARGE) {
                    return Err(Broken::last(too_large(trailer.message)));
                }
                if !reading.has_begun() {
                    let words = trailer.message.unwrap_or_default();
                    return Err(Broken::passing(Failure::Garbled, "it has no metadata", words));
                }
                reading
                    .end_partition()
                    .map_err(|why| Broken::passing(Failure::Garbled, "a partition is not whole", why))
            }
            Err(ReadError::Lost(why)) => Err(Broken::Passing(
                Failure::Lost,
                Box::new(
                    Error::new(Kind::Unavailable, "the connection ended inside a result").with_detail(why),
                ),
            )),
            Err(ReadError::Garbled(why)) => Err(Broken::passing(
                Failure::Garbled,
                "it is no result, or its compression is broken",
                why,
            )),
            Err(ReadError::Cancelled) => Err(Broken::last(error::cancelled())),
        }
    }

    fn after_partition(&mut self, reading: Reading) -> Turn {
        self.succeeded();
        if reading.next_partition().is_none() {
            return self.end_statement(reading);
        }
        if self.handle.is_none() {
            return Turn::Done(Err(error::garbled("it has no handle", "HTTP 200")));
        }
        let (rows, total) = reading.rows();
        self.run.phase = Phase::Fetch(reading);
        self.again(Duration::ZERO, Progress::Fetching { rows, total })
    }

    fn after_broken(&mut self, broken: Broken, phase: Phase) -> Turn {
        match broken {
            Broken::Final(error) => self.fail(*error),
            Broken::Passing(failure, error) => {
                self.run.phase = phase;
                self.again_or_fail(failure, *error)
            }
        }
    }

    fn end_statement(&mut self, reading: Reading) -> Turn {
        let Some(result) = reading.finish(self.handle.take()) else {
            return Turn::Done(Err(error::garbled("it has no metadata", "")));
        };
        self.next_statement(result)
    }

    /// The statement was refused: the job ends, unless it can do without.
    pub(super) fn refused(&mut self, error: Error) -> Turn {
        if !self.work.allows(self.run.results.len(), &error) {
            return self.fail(error);
        }
        *self.handle = None;
        self.succeeded();
        self.next_statement(ResultSet::absent())
    }

    fn next_statement(&mut self, result: ResultSet) -> Turn {
        self.run.results.push(result);
        if self.run.results.len() == self.results_wanted() {
            return Turn::Done(Ok(()));
        }
        // The timeout is for all statements of the job.
        let spent = self.client.now().monotonic.since(self.run.started);
        let left = self.work.timeout.saturating_sub(spent);
        if left.is_zero() {
            return Turn::Done(Err(error::timed_out(self.work.timeout)));
        }
        let request_id = self.request_id.after(self.run.results.len() as u64);
        self.run.phase = Phase::Submit(Submission::new(request_id, left));
        self.again(Duration::ZERO, Progress::Running)
    }
}

/// A result that could not be read.
#[derive(Debug)]
enum Broken {
    Passing(Failure, Box<Error>),
    Final(Box<Error>),
}

impl Broken {
    fn passing(failure: Failure, what: &str, detail: String) -> Self {
        Self::Passing(failure, Box::new(error::garbled(what, detail)))
    }

    fn last(error: Error) -> Self {
        Self::Final(Box::new(error))
    }
}

fn too_large(words: Option<String>) -> Error {
    let message = "the result is larger than Snowflake or this server can carry";
    Error {
        code: words.as_ref().map(|_| RESULT_TOO_LARGE.to_owned()),
        detail: words,
        ..Error::new(Kind::ResultTooLarge, message)
    }
}

const RESULT_TOO_LARGE: &str = "391908";
/// A partition is at most some 16 MB on the wire.
const FETCH_PATIENCE: Duration = Duration::from_secs(180);
/// A byte of a cell takes six in JSON at most (`\u0000`): what could be kept can be read.
const ESCAPED_FACTOR: u64 = 6;
/// Room for the metadata of a table with thousands of columns and partitions.
const PIECE_BYTES_MIN: u64 = 16 << 20;
