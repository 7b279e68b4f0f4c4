//! What callers hear of a call that goes on: how far it is, and where it is to be found.
//!
//! Told is what a step says when it ends, once a second and at each new stage. A step that takes long says nothing: then the
//! server tells what it knows itself, that the call waits for a worker or that the database has it, and for how long.

use std::mem;
use std::time::Duration;

use super::Server;
use super::inflight::{Flight, Inflight};
use crate::backend::Progress;
use crate::ident::JobId;
use crate::json;
use crate::mcp::Level;
use crate::mcp::script::Notice;
use crate::time::Now;

/// How far a call is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It waits until a worker is free, or behind other calls of its caller.
    Waiting,
    /// A step of it is with the database.
    Asking,
    /// What its last step said.
    Said(Progress),
}

impl Server {
    /// Tells a caller something before its reply, if it wants to hear it and there is a way.
    pub(super) fn notify(&mut self, now: Now, job: JobId, notice: &Notice) {
        let message = self
            .core
            .inflight
            .caller_mut(job)
            .and_then(|caller| caller.hears.notification(notice));
        if let Some(message) = message {
            self.say_before_reply(now, job, message);
        }
    }

    /// Tells what a step of a job said.
    pub(super) fn notify_progress(&mut self, now: Now, job: JobId, progress: Progress, has_begun: bool) {
        let Some(flight) = self.core.inflight.find(job).filter(|flight| flight.is_heard()) else {
            return;
        };
        if has_begun
            && flight.task.is_none()
            && let Some(query_id) = &flight.query_id
        {
            let mut data = b"{\"event\":\"statement submitted\",\"query_id\":".to_vec();
            json::push_string(&mut data, query_id);
            data.push(b'}');
            let level = Level::Info;
            self.notify(now, job, &Notice::Log { level, data });
        }
        self.tell_standing(now, job, Standing::Said(progress));
    }

    /// Tells how far those calls are of which nothing was told for long: a step of theirs takes its time, or they wait for a
    /// worker. The embedded engine runs a statement in one step, and a large partition is read in one.
    pub(super) fn tell_long_steps(&mut self, now: Now) {
        let long: Vec<(JobId, Standing)> = self
            .core
            .inflight
            .iter()
            .filter(|(_, flight)| flight.is_heard())
            .filter(|(_, flight)| now.monotonic.since(flight.admitted) >= flight.progress_told + SILENT_MAX)
            .filter_map(|(job, flight)| Some((job, flight.standing()?)))
            .collect();
        for (job, standing) in long {
            self.tell_standing(now, job, standing);
        }
    }

    fn tell_standing(&mut self, now: Now, job: JobId, standing: Standing) {
        let Some(flight) = self.core.inflight.find(job) else {
            return;
        };
        let elapsed = now.monotonic.since(flight.admitted);
        if let Some(number) = flight.task {
            let words = standing.in_words(elapsed);
            self.core.tasks.say(number, &words, now.wall);
        } else if let Some(notice) = self.core.inflight.next_progress(job, elapsed, standing) {
            self.notify(now, job, &notice);
        }
    }

    /// Tells a caller how many of its other calls wait before this one.
    pub(super) fn tell_place(&mut self, now: Now, job: JobId, before: usize) {
        let notice = Notice::Progress {
            progress: 0.0,
            total: None,
            message: Some(format!("waiting, {before} of your calls wait before this one")),
        };
        self.notify(now, job, &notice);
    }
}

impl Flight {
    /// Whether anybody hears how far it is: who waits for it and asked to, or who looks at its task.
    fn is_heard(&self) -> bool {
        let caller = self.caller.as_ref();
        self.task.is_some() || caller.is_some_and(|caller| !caller.hears.is_deaf())
    }
}

impl Inflight {
    /// What to tell of the progress of a job: a new stage at once, the same one once a second, and always more than the time
    /// before.
    fn next_progress(&mut self, id: JobId, elapsed: Duration, standing: Standing) -> Option<Notice> {
        let flight: &mut Flight = self.find_mut(id)?;
        let elapsed = elapsed.max(RESOLUTION);
        let is_same = flight
            .told_standing
            .as_ref()
            .is_some_and(|told| told.is_same(&standing));
        let pause = if is_same { PROGRESS_EVERY } else { RESOLUTION };
        if elapsed < flight.progress_told + pause {
            return None;
        }
        let message = Some(standing.in_words(elapsed));
        (flight.progress_told, flight.told_standing) = (elapsed, Some(standing));
        Some(Notice::Progress {
            progress: elapsed.as_millis() as f64 / 1_000.0,
            total: None,
            message,
        })
    }
}

/// Progress is for people, who read no faster.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// After so long a silence something is told of a call. Clients wait for 60 seconds, mostly counted from the last progress.
const SILENT_MAX: Duration = Duration::from_secs(5);

/// Times are told in thousandths of a second.
const RESOLUTION: Duration = Duration::from_millis(1);

impl Standing {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Said(one), Self::Said(other)) => mem::discriminant(one) == mem::discriminant(other),
            (one, other) => one == other,
        }
    }

    /// For people.
    fn in_words(&self, elapsed: Duration) -> String {
        let seconds = elapsed.as_secs();
        match self {
            Self::Waiting | Self::Said(Progress::Queued) => format!("waits for its turn, {seconds} s"),
            Self::Asking => format!("the database works on it, {seconds} s"),
            // Snowflake has one answer for all three (202, code 333334), so no more than that can be told.
            Self::Said(Progress::Running) => {
                format!("queued, resuming its warehouse or running, {seconds} s")
            }
            Self::Said(Progress::Fetching { rows, total: None }) => format!("fetching, {rows} rows so far"),
            Self::Said(Progress::Fetching {
                rows,
                total: Some(total),
            }) => format!("fetching, {rows} of {total} rows"),
            Self::Said(Progress::Retrying) => format!("trying again, {seconds} s"),
        }
    }
}
