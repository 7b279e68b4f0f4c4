//! Statements that take longer than their callers wait: who is told what, and what is remembered of them.

use super::Server;
use super::core::Core;
use super::metrics::Metric;
use crate::backend::job::Rendered;
use crate::ident::JobId;
use crate::time::Now;

impl Server {
    /// A caller has waited for as long as it shall: it is told where to find its statement, which goes on.
    pub(super) fn on_patience(&mut self, now: Now, job: JobId) {
        let core = &mut self.core;
        let has_own_ids = core.settings.has_own_ids;
        let Some(gone) = core
            .inflight
            .lose_patience(now.monotonic, job, has_own_ids, &mut core.timers)
        else {
            return;
        };
        if !gone.is_glance {
            core.metrics.count(Metric::CallsLetGo);
            let (tool, query_id) = (gone.finish.tool, &gone.query_id);
            log::info!("{job} ({tool}) waits no longer, query id {query_id} goes on");
        }
        core.forget_let_go(now, job);
        let rendered = Rendered {
            result: gone.result,
            rows: 0,
            truncated: false,
            query_id: Some(gone.query_id),
            kept: None,
        };
        self.answer(now, job, &gone.caller, gone.finish.ended(Ok(rendered)));
    }
}

impl Core {
    /// Forgets the job of a statement that was let go, as soon as the statement goes on without it.
    pub(super) fn forget_let_go(&mut self, now: Now, job: JobId) {
        let Some(mut flight) = self.inflight.forget_let_go(job, &mut self.timers) else {
            return;
        };
        self.note_jobs();
        if let Some(query_id) = &flight.query_id
            && !self.let_go.iter().any(|known| **known == **query_id)
        {
            if self.let_go.len() >= LET_GO_NAMED_MAX {
                self.let_go.pop_front();
            }
            self.let_go.push_back(query_id.as_str().into());
        }
        let ended = Ok(Rendered {
            result: Vec::new(),
            rows: 0,
            truncated: false,
            query_id: flight.query_id.clone(),
            kept: None,
        });
        self.note_let_go(&mut flight);
        self.record_end(now.monotonic, &mut flight, &ended);
    }

    /// Names the statements that may outlive the server. They are left alone: who asked for them has their ids.
    pub(super) fn tell_let_go(&self) {
        if !self.let_go.is_empty() {
            let names: Vec<&str> = self.let_go.iter().map(|name| &**name).collect();
            log::info!(
                "statements that were let go and may still run: {}",
                names.join(", ")
            );
        }
    }
}

/// Ids that the log names at the end, of the last ones: some 40 bytes each.
const LET_GO_NAMED_MAX: usize = 64;
