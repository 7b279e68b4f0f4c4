//! What the server has beside its connections. A part of its own so that a connection can be borrowed while its
//! messages are answered.

use std::collections::VecDeque;
use std::sync::Arc;

use super::access::Access;
use super::accounts::Accounts;
use super::addresses::Addresses;
use super::audit::Audit;
use super::callers::Waiting;
use super::connection::Talk;
use super::event::{Discarded, Output};
use super::headers::CommonHeaders;
use super::health::{Databases, Health, Snapshot};
use super::inflight::{Flight, Inflight, Waits};
use super::later::Later;
use super::memory::Memory;
use super::metrics::{Metric, Metrics};
use super::planted::PlantedBug;
use super::probing::Probes;
use super::ready::Principal;
use super::reply::Caller;
use super::roles::Roles;
use super::scripts::Resume;
use super::settings::Settings;
use super::shutdown::Phase;
use super::streams::Streams;
use super::timers::Timers;
use crate::backend::Error;
use crate::backend::job::{Rendered, Work};
use crate::entropy::Entropy;
use crate::ident::JobId;
use crate::mcp::session::Sessions;
use crate::mcp::tasks::Tasks;
use crate::mcp::{Finish, ScriptCall, Service, ToolCall};
use crate::time::{Instant, Now, WallTime};
use crate::wire::lease::FREE_BYTES_EACH;
use crate::wire::spares::Spares;

/// Everything but the connections.
pub(super) struct Core {
    pub(super) settings: Arc<Settings>,
    /// The same while memory for replies is short: [`Core::settings_now`] chooses.
    pub(super) settings_in_need: Arc<Settings>,
    pub(super) memory: Memory,
    pub(super) service: Service,
    pub(super) entropy: Box<dyn Entropy>,
    pub(super) inflight: Inflight,
    pub(super) timers: Timers,
    pub(super) metrics: Metrics,
    pub(super) audit: Audit,
    pub(super) accounts: Accounts,
    pub(super) databases: Databases,
    pub(super) probes: Probes,
    pub(super) roles: Roles,
    pub(super) health: Health,
    pub(super) common: CommonHeaders,
    pub(super) outputs: VecDeque<Output>,
    pub(super) spares: Spares,
    pub(super) phase: Phase,
    pub(super) websockets: usize,
    pub(super) connections: usize,
    pub(super) streams: Streams,
    pub(super) sessions: Sessions,
    /// When the timer comes that lets go what sessions keep, if it is set.
    pub(super) sessions_at: Option<Instant>,
    pub(super) tasks: Tasks,
    /// When the timer comes that forgets tasks, if it is set.
    pub(super) tasks_at: Option<Instant>,
    /// Connections by where they come from.
    pub(super) addresses: Addresses,
    /// Who may come in.
    pub(super) access: Access,
    pub(super) planted: Option<PlantedBug>,
    /// Requests that cannot be judged yet.
    pub(super) waiting: Waiting,
    /// What is done when no connection is being served any more.
    pub(super) later: VecDeque<Later>,
    /// Statements that were let go, the last ones.
    pub(super) let_go: VecDeque<Box<str>>,
    /// Questions put to clients so far.
    pub(super) questions: u64,
    /// When the timer that looks for silent streams comes, if it is set.
    pub(super) silence_at: Option<Instant>,
}

/// Whether a connection changes its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    No,
    WebSocket,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Core")
            .field("phase", &self.phase)
            .field("inflight", &self.inflight)
            .finish()
    }
}

impl Core {
    pub(super) fn new(settings: Settings, service: Service, mut entropy: Box<dyn Entropy>) -> Self {
        let mut salt = [0; 4];
        entropy.fill(&mut salt);
        let salt = u32::from_ne_bytes(salt);
        let mut settings_in_need = settings.clone();
        settings_in_need.limits.outbox_bytes_max = settings.limits.outbox_bytes_max.min(FREE_BYTES_EACH);
        Self {
            inflight: Inflight::new(&settings.limits),
            accounts: Accounts::new(settings.quota),
            audit: Audit::new(settings.audit, settings.limits.audit_queue_max),
            memory: Memory::new(&settings.limits),
            settings_in_need: Arc::new(settings_in_need),
            databases: Databases::at_start(settings.engine_missing.as_deref()),
            probes: Probes::default(),
            roles: Roles::new(settings.limits.audited_roles_max),
            health: Health::default(),
            service,
            entropy,
            timers: Timers::default(),
            metrics: Metrics::default(),
            common: CommonHeaders::new(WallTime::default(), settings.is_tls),
            outputs: VecDeque::new(),
            spares: Spares::default(),
            phase: Phase::Serving,
            websockets: 0,
            connections: 0,
            streams: Streams::default(),
            sessions: Sessions::new(&settings.limits, salt),
            sessions_at: None,
            tasks: Tasks::new(&settings.limits, salt),
            tasks_at: None,
            addresses: Addresses::default(),
            access: Access::new(&settings),
            planted: None,
            waiting: Waiting::default(),
            later: VecDeque::new(),
            let_go: VecDeque::new(),
            questions: 0,
            silence_at: None,
            settings: Arc::new(settings),
        }
    }

    /// Whether this bug is planted. Never in a release.
    pub(super) const fn is_planted(&self, bug: PlantedBug) -> bool {
        cfg!(debug_assertions) && matches!(self.planted, Some(planted) if planted as u8 == bug as u8)
    }

    /// Whether new connections are taken.
    pub(super) fn accepts(&self) -> bool {
        matches!(self.phase, Phase::Serving | Phase::Delaying { .. })
    }

    /// Has something large dropped where nobody waits.
    pub(super) fn discard(&mut self, what: impl Send + 'static) {
        self.outputs.push_back(Output::Discard(Discarded(Box::new(what))));
    }

    /// Gives out every step that a worker is free for.
    pub(super) fn give_steps(&mut self, now: Instant) {
        while let Some(output) = self.inflight.next_step(now) {
            self.outputs.push_back(output);
        }
    }

    /// Lets an admitted call begin.
    pub(super) fn begin(
        &mut self,
        now: Now,
        talk: &mut Talk,
        caller: Caller,
        principal: Principal,
        mut call: ToolCall,
    ) {
        self.metrics.count(Metric::CallsAdmitted);
        self.bind_login(principal, &mut call.work);
        self.watch_silence(now.monotonic);
        let text = Self::text_to_note(&call);
        let record = self.record_of(now, talk, principal, (call.finish.tool, &mut call.work));
        let (parts, mode) = ((call.work, call.finish, self.entropy.uuid()), call.mode);
        let hears_progress = caller.hears.progress_token.is_some();
        let payer = (principal, self.calls_max(principal));
        let job = self
            .inflight
            .admit(now.monotonic, caller, payer, parts, &mut self.timers);
        if hears_progress && let Some(before) = self.inflight.place(principal, job) {
            self.later.push_back(Later::TellPlace(job, before));
        }
        self.inflight.set_record(job, record);
        self.note_start(now.monotonic, job, text);
        self.intend_task(now, job, mode, false);
        self.memory.note_statements(self.inflight.statement_bytes());
        talk.jobs.push(job);
    }

    /// Sees to it that nothing of a caller who brought its own login runs with the server's, whoever made the work.
    pub(super) fn bind_login(&self, principal: Principal, work: &mut Work) {
        if let Some(login) = self.accounts.login(principal) {
            work.context.login = Some(login);
        }
    }

    /// Lets an admitted call that goes on by itself begin.
    pub(super) fn begin_script(
        &mut self,
        now: Now,
        talk: &mut Talk,
        caller: Caller,
        principal: Principal,
        call: ScriptCall,
    ) {
        self.metrics.count(Metric::CallsAdmitted);
        self.watch_silence(now.monotonic);
        let (parts, mode) = ((call.script, call.finish), call.mode);
        let job = self
            .inflight
            .admit_script(now.monotonic, caller, principal, parts, &mut self.timers);
        talk.jobs.push(job);
        self.intend_task(now, job, mode, true);
        self.later.push_back(Later::Resume(job, Resume::Begun));
    }

    /// Cancels a job, whoever waits for it.
    pub(super) fn cancel(&mut self, job: JobId) -> Option<(Caller, Finish)> {
        if let Some(Waits::Task { number, asked }) = self.inflight.waits(job) {
            self.tasks.leave(number, job);
            if asked.is_some() {
                // What was asked through this call is put to another one that waits, or comes.
                self.later.push_back(Later::TaskChanged(number));
            }
        }
        let noted = self.noted(job);
        let (caller, outputs) = self.inflight.cancel(job, &mut self.timers);
        self.note_jobs();
        self.note_cancel(job, noted);
        for output in outputs.into_iter().flatten() {
            match output {
                Output::Audit(record) => self.give_record(record),
                output => self.outputs.push_back(output),
            }
        }
        caller
    }

    /// Cancels a job because who asked for it is gone or changed its mind.
    pub(super) fn cancel_gone(&mut self, job: JobId) -> Option<(Caller, Finish)> {
        let flight = self.inflight.find(job);
        let is_wanted = flight.is_some_and(|flight| flight.caller.is_some() || flight.task.is_some());
        let (tool, query_id) =
            flight.map_or(("", None), |flight| (flight.finish.tool, flight.query_id.clone()));
        if is_wanted {
            self.metrics.count(Metric::CallsCancelled);
            let query_id = query_id.as_deref().unwrap_or("none yet");
            log::info!("{job} ({tool}) cancelled by its caller, query id {query_id}");
        }
        self.cancel(job)
    }

    /// Keeps what a job told of the account for others who ask the same; adds to its error what is known of near names.
    pub(super) fn learn_from(
        &mut self,
        now: Now,
        flight: &Flight,
        result: Result<Rendered, Error>,
    ) -> Result<Rendered, Error> {
        match result {
            Ok(rendered) => {
                if let (Some(share), Some(kept)) = (&flight.share, &rendered.kept) {
                    self.service.keep(share, kept, now.monotonic);
                    self.note_changes();
                }
                Ok(rendered)
            }
            Err(mut error) => {
                self.service.suggest(&flight.who, &mut error);
                Err(error)
            }
        }
    }

    /// Counts how a call ended.
    pub(super) fn count_end(&mut self, ended: &Result<Rendered, Error>) {
        match ended {
            Ok(rendered) => {
                self.metrics.count(Metric::CallsAnswered);
                self.metrics.add(Metric::RowsReturned, rendered.rows);
                self.metrics
                    .add(Metric::ResultsTruncated, u64::from(rendered.truncated));
            }
            Err(error) => {
                self.metrics.count_failure(error.kind);
                let query_id = error.query_id.as_deref();
                let named = query_id.map_or_else(String::new, |query_id| format!(", query id {query_id}"));
                let detail = error.detail.as_deref().unwrap_or("");
                log::warn!("call failed: {error}{named} {detail}");
            }
        }
    }

    /// Numbers for the documents that tell the state.
    pub(super) fn snapshot(&self, now: Now) -> Snapshot<'_> {
        let active = self
            .inflight
            .iter()
            .filter(|(_, flight)| flight.caller.is_some())
            .take(ACTIVE_TOLD_MAX);
        Snapshot {
            now,
            version: self.settings.version,
            engine: self.settings.engine,
            is_draining: self.phase != Phase::Serving,
            connections: self.connections,
            websockets: self.websockets,
            requests_total: self.metrics.value(Metric::RequestsReceived)
                + self.metrics.value(Metric::MessagesReceived),
            calls: self.inflight.calls(),
            jobs: self.inflight.jobs(),
            steps: self.inflight.steps(),
            workers: self.settings.limits.workers,
            tools: self.service.tool_names().collect(),
            databases: &self.databases,
            roles: &self.roles,
            audit: self.audit.is_on().then_some(&self.audit.state),
            active: active
                .map(|(_, flight)| {
                    let elapsed = now.monotonic.since(flight.admitted).as_millis();
                    (flight.finish.tool, flight.query_id.as_deref(), elapsed)
                })
                .collect(),
        }
    }
}

/// Calls that `/status` names, so that its size does not grow with the load.
const ACTIVE_TOLD_MAX: usize = 50;
