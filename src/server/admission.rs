//! Whether a call is taken in: what the server has room for, and what its caller may use.

use std::time::Duration;

use super::core::Core;
use super::inflight::Busy;
use super::metrics::Metric;
use super::ready::Principal;
use crate::backend::{Error, Kind};
use crate::time::Now;

impl Core {
    /// Takes a tool call in.
    ///
    /// # Errors
    /// Why it is not taken, in words for the caller.
    pub(super) fn admission(
        &mut self,
        now: Now,
        principal: Principal,
        statement_bytes: usize,
    ) -> Result<(), Error> {
        let admitted = self.check_admission(now, principal, statement_bytes);
        if admitted.is_err() {
            self.metrics.count(Metric::CallsRefused);
        }
        admitted
    }

    fn check_admission(
        &mut self,
        now: Now,
        principal: Principal,
        statement_bytes: usize,
    ) -> Result<(), Error> {
        if !self.accepts() {
            let message = "the server is shutting down and takes no new calls";
            return Err(Error::new(Kind::Unavailable, message));
        }
        let calls_max = self.calls_max(principal);
        self.inflight.admission(principal, calls_max).map_err(busy)?;
        self.check_memory(statement_bytes)?;
        self.check_audit()?;
        // The last, because it counts.
        self.accounts.count_call(principal, now)
    }

    /// Calls that `principal` may have running at once.
    pub(super) fn calls_max(&self, principal: Principal) -> usize {
        let own = self.accounts.quota(principal).calls_max;
        own.unwrap_or(self.settings.limits.jobs_per_principal_max)
    }
}

fn busy(busy: Busy) -> Error {
    let message = match busy {
        Busy::Server(max) => format!("the server is busy: {max} calls are in flight"),
        Busy::Principal { running, waiting: 0 } => {
            format!("you have {running} calls in flight, as many as you may")
        }
        Busy::Principal { running, waiting } => {
            format!("you have {running} calls in flight and {waiting} that wait, as many as you may")
        }
    };
    let mut error = Error::new(Kind::TooManyRequests, message);
    error.retry_after = Some(BUSY_RETRY_AFTER);
    error
}

/// When somebody who was refused for what is in flight may come again: calls end all the time.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);
