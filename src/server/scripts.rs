//! Calls that go on by themselves ([`Script`](crate::mcp::script::Script)): resuming them, asking their client, and
//! what becomes of its reply.

use serde_json::value::RawValue;

use super::core::Core;
use super::inflight::{Progressed, Waits};
use super::later::Later;
use super::{Server, find};
use crate::backend::{Error, Kind};
use crate::ident::JobId;
use crate::json;
use crate::mcp::script::{Event, Next, Question};
use crate::mcp::session::Session;
use crate::mcp::{Ended, ToolCall};
use crate::rpc::{Reply, Said};
use crate::time::Now;

/// Why a script is to be resumed, with what it will read.
#[derive(Debug)]
pub(super) enum Resume {
    Begun,
    Elapsed,
    Answered(Vec<Box<RawValue>>),
    Refused(Option<Box<RawValue>>),
}

impl Resume {
    fn event(&self) -> Event<'_> {
        match self {
            Self::Begun => Event::Begun,
            Self::Elapsed => Event::Elapsed,
            Self::Answered(results) => Event::Answered(results),
            Self::Refused(error) => Event::Refused(error.as_deref()),
        }
    }
}

impl Server {
    /// Goes on with the script of a call, if it has not ended meanwhile.
    pub(super) fn resume_script(&mut self, now: Now, job: JobId, resume: &Resume) {
        let Some(mut script) = self.core.inflight.take_script(job, &mut self.core.timers) else {
            return;
        };
        let mut notices = Vec::new();
        let next = script.resume(resume.event(), &mut notices);
        for notice in &notices {
            self.notify(now, job, notice);
        }
        let waits = match next {
            Next::Wait(time) => Waits::Until(now.monotonic + time),
            Next::Hang(time) => {
                self.hang_up(now, job);
                Waits::Until(now.monotonic + time)
            }
            Next::Ask(questions) => self.ask_all(now, job, questions),
            Next::Work(call) => return self.work_instead(now, job, *call),
            Next::Done(payload) => return self.end_script(now, job, Ended::Result(payload)),
            Next::Failed(error) => return self.end_script(now, job, Ended::Error(error)),
        };
        self.core
            .inflight
            .keep_script(job, script, waits, &mut self.core.timers);
    }

    fn work_instead(&mut self, now: Now, job: JobId, mut call: ToolCall) {
        let Self { entries, core, .. } = self;
        if let Some(flight) = core.inflight.find(job) {
            core.bind_login(flight.principal(), &mut call.work);
        }
        let room = core.check_memory(call.work.leased_bytes());
        if let Err(short) = room.and_then(|()| core.check_audit()) {
            return self.end_script(now, job, call.finish.ended(Err(short)));
        }
        let record = core.inflight.find(job).and_then(|flight| {
            let talk = &find(entries, flight.caller.as_ref()?.connection)?.talk;
            core.record_of(now, talk, flight.principal(), (call.finish.tool, &mut call.work))
        });
        let parts = (call.work, call.finish, core.entropy.uuid());
        core.inflight
            .work_instead(job, now.monotonic, parts, &mut core.timers);
        core.inflight.set_record(job, record);
        core.note_jobs();
        core.give_steps(now.monotonic);
    }

    fn end_script(&mut self, now: Now, job: JobId, ended: Ended) {
        let Some(flight) = self.core.inflight.end_script(job, &mut self.core.timers) else {
            return;
        };
        match (flight.caller, flight.task) {
            (Some(caller), _) => self.answer(now, job, &caller, ended),
            (None, Some(number)) => self.finish_task(now, number, ended),
            (None, None) => {}
        }
    }

    /// Puts the questions of a script: those of a task to be looked for, others to the client, the first now.
    fn ask_all(&mut self, now: Now, job: JobId, questions: Vec<Question>) -> Waits {
        if questions.is_empty() {
            return self.resume_with(job, Resume::Answered(Vec::new()));
        }
        let task = self.core.inflight.find(job).and_then(|flight| flight.task);
        if let Some(number) = task {
            self.core.tasks.ask(number, questions, now.wall);
            self.core.later.push_back(Later::TaskChanged(number));
            return Waits::Answers;
        }
        match self.core.inflight.begin_questions(job, questions) {
            Some(first) => self.ask_next(now, job, &first),
            None => self.resume_with(job, Resume::Refused(None)),
        }
    }

    fn ask_next(&mut self, now: Now, job: JobId, question: &Question) -> Waits {
        match self.ask(now, job, question) {
            Some(number) => Waits::Reply(number),
            None => self.resume_with(job, Resume::Refused(None)),
        }
    }

    fn resume_with(&mut self, job: JobId, resume: Resume) -> Waits {
        self.core.later.push_back(Later::Resume(job, resume));
        Waits::Not
    }

    /// The client has answered what this call asked it, for itself or for the task that it waits for.
    pub(super) fn on_answer(&mut self, now: Now, job: JobId, said: Result<Box<RawValue>, Box<RawValue>>) {
        let core = &mut self.core;
        match (core.inflight.waits(job), said) {
            (Some(Waits::Reply(_)), Ok(result)) => match core.inflight.take_answer(job, result) {
                Some(Progressed::Next(question)) => {
                    let waits = self.ask_next(now, job, &question);
                    self.core.inflight.wait_for(job, waits);
                }
                Some(Progressed::All(results)) => self.resume_script(now, job, &Resume::Answered(results)),
                None => {}
            },
            (Some(Waits::Reply(_)), Err(error)) => {
                self.resume_script(now, job, &Resume::Refused(Some(error)));
            }
            (Some(Waits::Task { number, .. }), said) => {
                core.inflight.wait_for(job, Waits::Task { number, asked: None });
                self.on_answer_for_task(now, number, said);
            }
            (Some(Waits::Not | Waits::Until(_) | Waits::Answers) | None, _) => {}
        }
    }

    fn on_answer_for_task(&mut self, now: Now, number: u64, said: Result<Box<RawValue>, Box<RawValue>>) {
        let core = &mut self.core;
        let Some(key) = core.tasks.question(number).map(|(key, _)| key.to_owned()) else {
            return;
        };
        let refused = match said {
            Ok(result) if core.on_task_answer(now, number, &key, &result).is_ok() => return,
            Ok(_) => None,
            Err(error) => Some(error),
        };
        core.tasks.unanswered(number, now.wall);
        core.later.push_back(Later::TaskChanged(number));
        if let Some(job) = core.tasks.job(number) {
            self.resume_with(job, Resume::Refused(refused));
        }
    }

    /// Puts a question to the client of a call; its number, if there was a way to.
    pub(super) fn ask(&mut self, now: Now, job: JobId, question: &Question) -> Option<u64> {
        let flight = self.core.inflight.find(job)?;
        let caller = flight.caller.as_ref()?;
        // Over HTTP the answer comes in another request, which only a session ties to this one.
        let session = caller.session;
        if flight.finish.revision.is_modern() || (caller.ticket.is_some() && session.is_none()) {
            return None;
        }
        self.core.questions += 1;
        let number = self.core.questions;
        if let Some(session) = session {
            self.core
                .sessions
                .ask(&session, number, job, now.monotonic)
                .ok()?;
        }
        let mut request =
            format!("{{\"jsonrpc\":\"2.0\",\"id\":\"{QUESTION_PREFIX}{number}\",\"method\":").into_bytes();
        json::push_string(&mut request, question.method);
        request.extend_from_slice(b",\"params\":");
        request.extend_from_slice(&question.params);
        request.push(b'}');
        self.say_before_reply(now, job, request).then_some(number)
    }

    /// A script has waited for longer than it may.
    pub(super) fn script_timed_out(waits: Waits) -> Error {
        let what = match waits {
            Waits::Reply(_) | Waits::Answers => "the client did not answer the question that was put to it",
            Waits::Task { .. } => "the task is over its time",
            Waits::Not | Waits::Until(_) => "the call did not end in time",
        };
        Error::new(Kind::Timeout, what)
    }
}

impl Core {
    /// A reply that was posted in a session: resumes the call of it that asked.
    pub(super) fn on_session_reply(&mut self, session: &Session, reply: &Reply<'_>) {
        let number = question_of(reply);
        let job = number.and_then(|number| self.sessions.take_question(session.id, number));
        if let Some(job) = job {
            self.on_reply(reply, &[job]);
        }
    }

    /// A reply of a client: resumes the one of its calls that asked. Others are ignored: the call may be over.
    pub(super) fn on_reply(&mut self, reply: &Reply<'_>, calls: &[JobId]) {
        let Some(number) = question_of(reply) else { return };
        let asked = |job: &&JobId| match self.inflight.waits(**job) {
            Some(Waits::Reply(own)) => own == number,
            Some(Waits::Task { asked, .. }) => asked == Some(number),
            Some(Waits::Not | Waits::Until(_) | Waits::Answers) | None => false,
        };
        let Some(&job) = calls.iter().find(asked) else {
            return;
        };
        let said = match reply.said {
            Said::Result(result) => Ok(result.to_owned()),
            Said::Error(error) => Err(error.to_owned()),
        };
        self.later.push_back(Later::Answer(job, said));
    }
}

/// The number of the question that a reply answers.
fn question_of(reply: &Reply<'_>) -> Option<u64> {
    let id = reply.id?.as_json();
    let id = id.strip_prefix('"')?.strip_suffix('"')?;
    id.strip_prefix(QUESTION_PREFIX)?.parse().ok()
}

/// Ids of our own requests begin so: they are in nobody's way, and tell a reader of a log whose they are.
const QUESTION_PREFIX: &str = "snowflake-mcp-";
