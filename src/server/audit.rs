//! What the audit log hears: a record of every call whose statements were judged. And whether one more could be kept:
//! a statement is submitted only after there is room for its record.
//!
//! Every call in flight has a place in the log's queue from its admission on, so that its record has one when it ends.
//! Without a log nothing here costs anything.

use std::borrow::Cow;
use std::sync::Arc;

use super::connection::Talk;
use super::core::Core;
use super::event::Output;
use super::inflight::Flight;
use super::metrics::Metric;
use super::ready::Principal;
use crate::audit::{End, Record, State, Verdict, WhenFull};
use crate::backend::job::{Rendered, Work};
use crate::backend::{Error, Kind};
use crate::ident::JobId;
use crate::time::{Instant, Now};

/// What the server knows of its audit log.
#[derive(Debug)]
pub(super) struct Audit {
    /// `None` without a log.
    when_full: Option<WhenFull>,
    queue_max: usize,
    /// Records given to the writer.
    given: u64,
    /// What the writer told last.
    pub(super) state: State,
}

impl Audit {
    pub(super) fn new(when_full: Option<WhenFull>, queue_max: usize) -> Self {
        Self {
            when_full,
            queue_max,
            given: 0,
            state: State::default(),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.when_full.is_some()
    }

    /// Records that the writer has and has not written.
    fn waiting(&self) -> usize {
        let done = self.state.written + self.state.dropped;
        usize::try_from(self.given.saturating_sub(done)).unwrap_or(usize::MAX)
    }

    /// Whether the record of one call more could be kept, with those of `jobs` calls to come.
    ///
    /// # Errors
    /// Why not, for the caller.
    fn check_room(&self, jobs: usize) -> Result<(), Error> {
        if self.when_full != Some(WhenFull::Refuse) {
            return Ok(());
        }
        let why = match &self.state.trouble {
            Some(trouble) => trouble.as_str(),
            None if self.waiting() + jobs >= self.queue_max => "its disk is too slow",
            None => return Ok(()),
        };
        let message = format!("no statement runs that cannot be written to the audit log: {why}");
        Err(Error::new(Kind::Unavailable, message))
    }
}

impl Core {
    /// Whether the audit log would keep the record of one call more.
    ///
    /// # Errors
    /// Why not, for the caller.
    pub(super) fn check_audit(&self) -> Result<(), Error> {
        self.audit.check_room(self.inflight.jobs())
    }

    /// The record of a call that is about to begin, as far as it is known by then. The worker that is given the work will
    /// make what is kept of its statements. `None` without a log.
    pub(super) fn record_of(
        &self,
        now: Now,
        talk: &Talk,
        principal: Principal,
        (tool, work): (&'static str, &mut Work),
    ) -> Option<Box<Record>> {
        if !self.audit.is_on() {
            return None;
        }
        let mut record = new_record(now, talk, self.accounts.label(principal), (tool, work.asked()));
        record.resolved.clone_from(&work.asked.resolved);
        work.asked.summaries = Some(Arc::clone(&record.summaries));
        Some(Box::new(record))
    }

    /// Records a statement that the guard has just refused, if it did.
    pub(super) fn note_denied(&mut self, now: Now, talk: &Talk, principal: Principal) {
        let Some(denied) = self.service.take_denied() else {
            return;
        };
        self.metrics.count(Metric::StatementsDenied);
        if !self.audit.is_on() {
            return;
        }
        // It does not run, so it needs no promise; but a flood of them must not displace those that did.
        if self.check_audit().is_err() {
            return self.metrics.count(Metric::AuditDropped);
        }
        let texts = denied.statement.into_iter().collect();
        let mut record = new_record(now, talk, self.accounts.label(principal), (denied.tool, texts));
        record.verdict = Verdict::Deny(Cow::Borrowed(denied.rule));
        record.query_id = denied.query_id;
        self.give_record(Box::new(record));
    }

    /// Records how a job ended.
    pub(super) fn record_end(&mut self, now: Instant, flight: &mut Flight, result: &Result<Rendered, Error>) {
        self.note_end(now, flight, result);
        let Some(mut record) = flight.record.take() else {
            return;
        };
        record.duration_ms = milliseconds(now, flight.admitted);
        let query_id = match result {
            Ok(rendered) => {
                let bytes = rendered.bytes() as u64;
                record.end = End::Answered {
                    rows: rendered.rows,
                    bytes,
                };
                &rendered.query_id
            }
            Err(error) if error.kind == Kind::Cancelled && !flight.is_given => &error.query_id,
            Err(error) => {
                record.end = End::Failed(error.kind.name());
                if error.kind.is_refusal() {
                    let rule = error
                        .detail
                        .clone()
                        .unwrap_or_else(|| error.kind.name().to_owned());
                    record.verdict = Verdict::Deny(Cow::Owned(rule));
                }
                &error.query_id
            }
        };
        record.query_id = query_id.clone().or_else(|| flight.query_id.take());
        self.give_record(record);
    }

    /// The program ends: what became of the statements that are left is not known.
    pub(super) fn record_left(&mut self, now: Instant) {
        for (mut record, admitted) in self.inflight.take_records() {
            record.duration_ms = milliseconds(now, admitted);
            record.end = End::Unknown;
            self.give_record(record);
        }
    }

    pub(super) fn give_record(&mut self, mut record: Box<Record>) {
        record.forget_texts();
        self.audit.given += 1;
        self.metrics.count(Metric::AuditRecords);
        self.outputs.push_back(Output::Audit(record));
    }

    /// The writer tells how it does.
    pub(super) fn on_audit_state(&mut self, state: State) {
        let dropped = state.dropped.saturating_sub(self.audit.state.dropped);
        self.metrics.add(Metric::AuditDropped, dropped);
        self.audit.state = state;
    }
}

impl super::inflight::Inflight {
    /// Keeps the record of a job until it ends.
    pub(super) fn set_record(&mut self, id: JobId, record: Option<Box<Record>>) {
        if let (Some(mut record), Some(flight)) = (record, self.find_mut(id)) {
            record.job = Some(id.0);
            flight.record = Some(record);
        }
    }
}

fn new_record(
    now: Now,
    talk: &Talk,
    principal: Box<str>,
    (tool, texts): (&'static str, Vec<Arc<str>>),
) -> Record {
    Record {
        at: now.wall,
        principal,
        address: match talk.origin.address() {
            Some(address) => address.to_string().into(),
            None => Box::default(),
        },
        client: talk.client.clone(),
        tool,
        job: None,
        texts,
        summaries: Arc::default(),
        resolved: None,
        verdict: Verdict::Allow,
        query_id: None,
        duration_ms: 0,
        end: End::NotSent,
    }
}

fn milliseconds(now: Instant, since: Instant) -> u64 {
    u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX)
}
