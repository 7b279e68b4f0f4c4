//! Statements that this job did not submit: another job's, another replica's, or those of a process that has ended. All
//! that is known of them is their handle. Waiting for one and reading it is `poll` and `fetch`; here it is asked after, or
//! cancelled.

use super::{CANCEL_PATIENCE, PATIENCE, Phase, Stepper, Turn};
use crate::backend::job::{Operation, Status};
use crate::backend::{Error, Progress, ResultSet};
use crate::snowflake::client::{self, Reply};
use crate::snowflake::error;
use crate::snowflake::http::Method;
use crate::snowflake::retry::Failure;

impl Stepper<'_> {
    pub(super) fn ask(&mut self) -> Turn {
        let target = self.statement_path("");
        match self.exchange(Method::Get, &target, PATIENCE) {
            Reply::Running { .. } => self.told(Status::Running),
            // Its rows are not wanted: the body goes unread.
            Reply::Result(_) => self.told(Status::Succeeded),
            Reply::Login(next) => self.login_again(next, Phase::Ask),
            Reply::Failed { failure, error } => self.asked_in_vain(failure, error, Phase::Ask),
            Reply::Refused(error) => self.fail(error),
        }
    }

    pub(super) fn stop(&mut self) -> Turn {
        let target = self.statement_path(&format!("/cancel?requestId={}", self.client.uuid()));
        match self.exchange(Method::Post(b""), &target, CANCEL_PATIENCE) {
            Reply::Result(response) => {
                if client::is_confirmation(response) {
                    return self.told(Status::Cancelled);
                }
                let error = error::garbled("it confirms no cancel", "HTTP 200");
                self.asked_in_vain(Failure::Garbled, error, Phase::Stop)
            }
            Reply::Running { .. } => {
                let error = error::garbled("it still runs", "HTTP 202");
                self.asked_in_vain(Failure::Garbled, error, Phase::Stop)
            }
            Reply::Login(next) => self.login_again(next, Phase::Stop),
            Reply::Failed { failure, error } => self.asked_in_vain(failure, error, Phase::Stop),
            Reply::Refused(error) => self.fail(error),
        }
    }

    fn asked_in_vain(&mut self, failure: Failure, error: Error, phase: Phase) -> Turn {
        match self.pause(failure, &error) {
            Some(after) => {
                self.run.phase = phase;
                self.again(after, Progress::Retrying)
            }
            None => self.fail(error),
        }
    }

    fn told(&mut self, status: Status) -> Turn {
        if let Operation::Status(query_id) | Operation::Cancel(query_id) = &self.work.operation {
            self.run.results.push(ResultSet::of_status(query_id, status));
        }
        Turn::Done(Ok(()))
    }
}
