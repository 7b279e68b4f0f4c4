//! What the history of statements hears of calls: that one begins, by which name its statement is found, how it ended.
//!
//! Only calls of tools that run statements are in it; a call about an earlier statement tells how that one has ended.

use super::core::Core;
use super::inflight::Flight;
use super::ready::Principal;
use crate::backend::job::{Operation, Rendered};
use crate::backend::{Error, Kind};
use crate::ident::JobId;
use crate::mcp::{Failure, ToolCall};
use crate::time::Instant;
use crate::tools::history::{End, Start, beginning};

impl Core {
    /// The beginning of what a call runs, if that is to be remembered.
    pub(super) fn text_to_note(call: &ToolCall) -> Option<String> {
        let work = &call.work;
        if !work.is_run() || !matches!(call.finish.failure, Failure::ToolResult) {
            return None;
        }
        work.first_asked().map(beginning)
    }

    /// A call was admitted that runs this.
    pub(super) fn note_start(&mut self, now: Instant, job: JobId, text: Option<String>) {
        let has_own_ids = self.settings.has_own_ids;
        let (Some(text), Some(flight)) = (text, self.inflight.find_mut(job)) else {
            return;
        };
        if flight.is_following() {
            return;
        }
        let own_id = flight.request_id.filter(|_| has_own_ids).map(|id| id.to_string());
        let principal = flight.principal();
        let start = Start {
            principal: principal.as_bytes(),
            tool: flight.finish.tool,
            text,
            at: now,
            connection: flight.connection.as_ref(),
            query_id: own_id,
        };
        flight.noted = Some(self.service.history().note(start));
    }

    /// The statement of a call has become known.
    pub(super) fn note_name(&mut self, job: JobId) {
        let has_own_ids = self.settings.has_own_ids;
        let Some(flight) = self.inflight.find(job) else {
            return;
        };
        let own_id = flight.request_id.filter(|_| has_own_ids).map(|id| id.to_string());
        if let (Some(number), Some(query_id)) = (flight.noted, flight.query_id.as_ref().or(own_id.as_ref())) {
            let principal = flight.principal();
            self.service
                .history()
                .name(principal.as_bytes(), number, query_id);
        }
    }

    /// A call is over.
    pub(super) fn note_end(&mut self, now: Instant, flight: &mut Flight, result: &Result<Rendered, Error>) {
        let (principal, history) = (flight.principal(), self.service.history());
        let principal = principal.as_bytes();
        match (&flight.operation, result) {
            (Operation::Read { query_id, .. }, Ok(rendered)) => {
                let end = (End::Succeeded(rendered.rows), now);
                history.learn(principal, query_id.as_str(), end);
            }
            (Operation::Cancel(query_id), Ok(_)) => {
                history.learn(principal, query_id.as_str(), (End::Cancelled, now));
            }
            _ => {}
        }
        let Some(number) = flight.noted.take() else {
            return;
        };
        let (end, query_id) = match result {
            Ok(rendered) => (End::Succeeded(rendered.rows), &rendered.query_id),
            Err(error) if error.kind == Kind::Cancelled => (End::Cancelled, &error.query_id),
            Err(error) => (End::Failed, &error.query_id),
        };
        if let Some(query_id) = query_id.as_ref().or(flight.query_id.as_ref()) {
            history.name(principal, number, query_id);
        }
        history.end(principal, number, (end, now));
    }

    /// Who a call is of, and its number in the history.
    pub(super) fn noted(&self, job: JobId) -> Option<(Principal, u64)> {
        let flight = self.inflight.find(job)?;
        Some((flight.principal(), flight.noted?))
    }

    /// A call was cancelled. If it is gone by now, nothing of it was ever sent: it did not run.
    pub(super) fn note_cancel(&mut self, job: JobId, noted: Option<(Principal, u64)>) {
        if let Some((principal, number)) = noted
            && self.inflight.find(job).is_none()
        {
            self.service.history().forget(principal.as_bytes(), number);
        }
    }

    /// The statement of a call goes on without it: how it ends is not known until somebody asks.
    pub(super) fn note_let_go(&mut self, flight: &mut Flight) {
        let (noted, query_id) = (flight.noted.take(), &flight.query_id);
        flight.operation = Operation::Run;
        if let (Some(number), Some(query_id)) = (noted, query_id) {
            let principal = flight.principal();
            self.service
                .history()
                .name(principal.as_bytes(), number, query_id);
        }
    }
}
