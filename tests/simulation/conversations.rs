//! The server alone, in long conversations: sessions, streams that break and are resumed, calls that go on by themselves
//! and ask, batches, tasks in both forms.
//!
//! Clients here are well-mannered about bytes (that is `server`'s and the driver's simulation) and free about everything
//! else: who asks what, what ends, breaks, is cancelled, answered or resumed, in any order. Every call carries a tag that
//! comes back in its end, wherever that is found.
//!
//! | checked | when |
//! |---|---|
//! | a reply is the one that was asked for, once, and has the call's tag | as it is read |
//! | a stream that is resumed brings what was missed, each event once, in order | as it is read |
//! | a batch has one array with a reply to every call | as it is read |
//! | a task goes to one final status and stays there; its result has its tag | at each `tasks/get` |
//! | who has waited for long enough is told where its statement is found, and finds it there | as it is read |
//! | what is cancelled, or belongs to a session that is over, runs on for nobody | at the end |
//! | nothing is left: no job, no deadline, no byte | at the end |

mod client;
mod talk;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::ident::{ConnectionId, JobId};
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::{Keys, Service};
use snowflake_mcp::server::planted::PlantedBug;
use snowflake_mcp::server::{self, Input, Metric, Output, Peer, Server};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::{Instant, Now, WallTime};
use snowflake_mcp::tools;

use self::client::{Ends, Wire};
use self::talk::Talker;
use crate::backend::{Behaviour, Progressed, SimulatedWorkers};
use crate::oracle::{check_memory, check_nothing_is_held};
use crate::run::catching;
use crate::{fail, seeds};

const ACTIONS: u64 = 300;
const SESSIONS_MAX: usize = 3;
/// Rounds in which everything must come to its end: an hour and more.
const ROUNDS_MAX: u32 = 1_000;
/// Seeds within which a planted bug must be caught.
const PLANTED_SEEDS_MAX: u64 = 100;

#[test]
fn conversations_come_to_their_ends() {
    let mut let_go = 0;
    for seed in seeds(200) {
        match catching(|| run(seed, None).map(|count| let_go += count)) {
            Ok(()) => {}
            Err(what) => fail(seed, "conversations", &what),
        }
    }
    assert!(let_go > 0, "nobody lost patience");
}

#[test]
#[cfg_attr(
    not(debug_assertions),
    ignore = "bugs can be planted only with debug assertions"
)]
fn every_bug_planted_in_the_server_is_caught() {
    let mut missed = Vec::new();
    for bug in PlantedBug::ALL {
        let caught = |seed| {
            catching(|| run(seed, Some(bug)).map(drop))
                .err()
                .map(|what| (seed, what))
        };
        match (0..PLANTED_SEEDS_MAX).find_map(caught) {
            Some((seed, what)) => println!("{bug:?}: caught by seed {seed}, {what}"),
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

/// Plays one; gives how many callers were told that their statements go on without them.
fn run(seed: u64, planted: Option<PlantedBug>) -> Result<usize, String> {
    let mut play = Play::new(SeededEntropy::new(seed ^ 0xc0_47e5), planted);
    for action in 0..ACTIONS {
        play.act()
            .and_then(|()| play.obey())
            .map_err(|what| format!("action {action}: {what}"))?;
    }
    play.come_to_rest()?;
    Ok(play.times_let_go)
}

/// A legacy session.
struct Session {
    lines: String,
    has_batches: bool,
    is_over: bool,
}

/// A task that a client knows of.
struct Task {
    id: String,
    tag: String,
    /// Its session's place; `None` for the extension.
    session: Option<usize>,
    status: String,
    /// Its client has cancelled it.
    is_cancelled: bool,
}

struct Play {
    random: SeededEntropy,
    server: Server,
    now: Instant,
    limits: Limits,
    workers: SimulatedWorkers,
    steps: Vec<JobId>,
    wires: BTreeMap<ConnectionId, Wire>,
    sessions: Vec<Session>,
    tasks: Vec<Task>,
    /// Tags of calls that nobody waits for any more.
    unwanted: Vec<String>,
    /// Streams that broke: the header lines of their sessions, the last event's id and who waits.
    broken: Vec<(usize, String, Wire)>,
    /// Statements that go on without their callers: their tags, which are their query ids, and their sessions.
    let_go: Vec<(String, Option<usize>)>,
    /// Tags of statements that need no steps to go on.
    alone: BTreeSet<String>,
    times_let_go: usize,
    made: u64,
}

const TYPES: &str = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";
const EXTENSION: &str = r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;

impl Play {
    fn new(mut random: SeededEntropy, planted: Option<PlantedBug>) -> Self {
        let limits = Limits {
            workers: 1 + random.below(4) as usize,
            task_after: Duration::from_millis(100),
            call_wait: Duration::from_millis(300),
            ..Limits::default()
        };
        let settings = server::Settings {
            limits: limits.clone(),
            // Statements are called by their tags, from their first step on.
            has_own_ids: false,
            ..server::Settings::default()
        };
        let keys = Keys::random(&mut SeededEntropy::new(random.next_u64()));
        let tools = tools::Settings::new(&limits, Policy::default());
        let service = Service::new(&limits, tools, keys).with_offer(Box::new(Talker::new()));
        let entropy = Box::new(SeededEntropy::new(random.next_u64()));
        let mut server = Server::new(settings, service, entropy);
        if let Some(bug) = planted {
            server = server.with_planted(bug);
        }
        Self {
            server,
            now: Instant::from_micros(1),
            workers: SimulatedWorkers::new(limits.workers),
            steps: Vec::new(),
            wires: BTreeMap::new(),
            sessions: Vec::new(),
            tasks: Vec::new(),
            unwanted: Vec::new(),
            broken: Vec::new(),
            let_go: Vec::new(),
            alone: BTreeSet::new(),
            times_let_go: 0,
            made: 0,
            random,
            limits,
        }
    }

    fn act(&mut self) -> Result<(), String> {
        match self.random.below(44) {
            0..2 => self.open_session(),
            2..8 => self.call(),
            8..11 => self.batch(),
            11..20 => self.end_step(),
            20..25 => {
                let time = Duration::from_millis(self.random.below(200));
                self.pass(time);
                Ok(())
            }
            25..27 => self.break_off(),
            27..30 => self.resume(),
            30..36 => self.ask_about_task(),
            36..38 => self.answer_questions(),
            38 => self.end_session(),
            40..43 => self.read_on(),
            _ => Ok(()),
        }
    }

    fn now(&self) -> Now {
        Now {
            monotonic: self.now,
            wall: WallTime::from_micros(1_700_000_000_000_000 + self.now.as_micros()),
        }
    }

    fn handle(&mut self, input: Input) {
        self.server.handle(self.now(), input);
    }

    /// Posts a message on a connection of its own.
    fn post(&mut self, lines: &str, body: &str, ends: Ends) -> Result<ConnectionId, String> {
        let head = format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{TYPES}{lines}");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        self.send(&request, ends)
    }

    fn send(&mut self, request: &str, ends: Ends) -> Result<ConnectionId, String> {
        let connection = self.server.accept(self.now(), Peer::Tcp).ok_or("no place")?;
        self.wires.insert(connection, Wire::new(ends));
        let mut bytes = request.as_bytes();
        while !bytes.is_empty() {
            let room = self.server.room(connection);
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            self.handle(Input::Received { connection, count });
        }
        self.obey()?;
        Ok(connection)
    }

    /// Posts a message whose reply comes at once.
    fn ask(&mut self, lines: &str, body: &str) -> Result<Value, String> {
        let connection = self.post(lines, body, Ends::Now)?;
        let wire = self.wires.get_mut(&connection).ok_or("closed without a reply")?;
        let reply = wire.reply.take().ok_or_else(|| format!("no reply to {body}"))?;
        self.hang_up(connection);
        Ok(reply)
    }

    fn hang_up(&mut self, connection: ConnectionId) {
        self.wires.remove(&connection);
        self.handle(Input::Broken { connection });
    }

    fn open_session(&mut self) -> Result<(), String> {
        if self.sessions.iter().filter(|session| !session.is_over).count() >= SESSIONS_MAX {
            return Ok(());
        }
        let has_batches = self.random.below(3) == 0;
        let revision = if has_batches { "2025-03-26" } else { "2025-11-25" };
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": revision, "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "c", "version": "1"}}});
        let connection = self.post("", &body.to_string(), Ends::Now)?;
        let session = self.wires.get(&connection).and_then(Wire::session);
        let session = session.ok_or("no session begins")?;
        self.hang_up(connection);
        self.sessions.push(Session {
            lines: format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: {revision}\r\n"),
            has_batches,
            is_over: false,
        });
        Ok(())
    }

    fn any_session(&mut self, has_batches: bool) -> Option<usize> {
        let fit = |(_, session): &(usize, &Session)| !session.is_over && session.has_batches == has_batches;
        let open: Vec<usize> = self
            .sessions
            .iter()
            .enumerate()
            .filter(fit)
            .map(|(place, _)| place)
            .collect();
        let index = self.random.below(open.len().max(1) as u64) as usize;
        open.get(index).copied()
    }

    fn tag(&mut self) -> String {
        self.made += 1;
        format!("c-{}x", self.made)
    }

    /// Name and arguments of a call, and its tag.
    fn draw_call(&mut self) -> (String, String) {
        let tag = self.tag();
        let members = match self.random.below(3) {
            0 => {
                let (waits, asks) = (self.random.below(3), self.random.below(3));
                format!(r#""name":"talk","arguments":{{"tag":"{tag}","waits":{waits},"asks":{asks}}}"#)
            }
            _ => {
                let behaviour = match self.random.below(4) {
                    0 => Behaviour::Ok,
                    1 => Behaviour::Alone(1 + self.random.below(9) as u32),
                    _ => Behaviour::Again(1 + self.random.below(6) as u32),
                };
                if matches!(behaviour, Behaviour::Alone(_)) {
                    self.alone.insert(tag.clone());
                }
                let statement = behaviour.statement(&tag);
                format!(r#""name":"execute_query","arguments":{{"query":"{statement}"}}"#)
            }
        };
        (members, tag)
    }

    fn call(&mut self) -> Result<(), String> {
        let (members, tag) = self.draw_call();
        match (self.random.below(3), self.any_session(false)) {
            (0, _) | (_, None) => {
                let name = if members.contains("talk") {
                    "talk"
                } else {
                    "execute_query"
                };
                let (lines, body) = modern("tools/call", name, &members);
                self.post(&lines, &body, Ends::Call { tag, session: None })?;
            }
            (kind, Some(place)) => {
                let lines = self.sessions[place].lines.clone();
                let more = if kind == 1 {
                    r#""task":{}"#
                } else {
                    r#""_meta":{"progressToken":"t"}"#
                };
                let body = legacy("tools/call", &format!("{members},{more}"));
                let session = Some(place);
                self.post(&lines, &body, Ends::Call { tag, session })?;
            }
        }
        Ok(())
    }

    fn batch(&mut self) -> Result<(), String> {
        let Some(place) = self.any_session(true) else {
            return Ok(());
        };
        let mut tags = Vec::new();
        let mut calls = Vec::new();
        for id in 0..1 + self.random.below(3) {
            let tag = self.tag();
            let statement = Behaviour::Again(self.random.below(4) as u32).statement(&tag);
            calls.push(
                json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
                "name": "execute_query", "arguments": {"query": statement}}}),
            );
            tags.push(tag);
        }
        let (lines, body) = (
            self.sessions[place].lines.clone(),
            Value::Array(calls).to_string(),
        );
        self.post(&lines, &body, Ends::Batch { tags, session: place })?;
        Ok(())
    }

    /// Asks for the rows of a statement that goes on without its caller, or for its end.
    fn read_on(&mut self) -> Result<(), String> {
        let Some((tag, session)) = self.let_go.pop() else {
            return Ok(());
        };
        let tool = match self.random.below(4) {
            0 => "cancel_query",
            _ => "get_query_result",
        };
        let members = format!(r#""name":"{tool}","arguments":{{"query_id":"{tag}"}}"#);
        let (lines, body) = match session {
            Some(place) if self.sessions[place].is_over => return Ok(()),
            Some(place) => (self.sessions[place].lines.clone(), legacy("tools/call", &members)),
            None => modern("tools/call", tool, &members),
        };
        self.post(&lines, &body, Ends::Call { tag, session })?;
        Ok(())
    }

    fn end_step(&mut self) -> Result<(), String> {
        if self.steps.is_empty() {
            return Ok(());
        }
        let index = self.random.below(self.steps.len() as u64) as usize;
        let job = self.steps.swap_remove(index);
        self.workers.end_step(job, self.now());
        while let Some(completion) = self.workers.completion() {
            self.handle(Input::Completed(completion));
        }
        Ok(())
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        if self.server.poll_timeout().is_some_and(|at| at <= self.now) {
            self.server.handle_timeout(self.now());
        }
    }

    /// A connection breaks. What can be resumed is kept in mind, what cannot is wanted no more.
    fn break_off(&mut self) -> Result<(), String> {
        let index = self.random.below(self.wires.len().max(1) as u64) as usize;
        let Some(connection) = self.wires.keys().nth(index).copied() else {
            return Ok(());
        };
        let wire = self.wires.remove(&connection).ok_or("it was there")?;
        self.handle(Input::Broken { connection });
        match (&wire.ends, &wire.last_id) {
            (
                Ends::Call {
                    session: Some(place), ..
                },
                Some(id),
            ) => {
                let broken = (*place, id.clone(), wire);
                self.broken.push(broken);
            }
            (Ends::Call { tag, .. }, None) => self.unwanted.push(tag.clone()),
            (Ends::Call { tag, session: None }, Some(_)) => self.unwanted.push(tag.clone()),
            (Ends::Batch { tags, .. }, _) => self.unwanted.extend(tags.iter().cloned()),
            (Ends::Task { .. } | Ends::Now, _) => {}
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), String> {
        let Some((place, id, wire)) = self.broken.pop() else {
            return Ok(());
        };
        let lines = &self.sessions[place].lines;
        let request = format!(
            "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{lines}Last-Event-ID: {id}\r\n\r\n"
        );
        let ends = wire.ends.clone();
        let is_over = self.sessions[place].is_over;
        let connection = self.send(&request, ends)?;
        // What it was asked before the break is still to be answered.
        if let Some(resumed) = self.wires.get_mut(&connection) {
            resumed.questions.extend(wire.questions);
        }
        if is_over {
            self.hang_up(connection);
        }
        Ok(())
    }

    fn end_session(&mut self) -> Result<(), String> {
        let has_batches = self.random.below(2) == 0;
        let Some(place) = self.any_session(has_batches) else {
            return Ok(());
        };
        self.sessions[place].is_over = true;
        // Its streams end, and what runs in it is cancelled; a whole response is answered so.
        for wire in self.wires.values_mut() {
            if wire.ends.session() == Some(place) && wire.is_stream() {
                self.unwanted.extend(wire.ends.tags());
                wire.is_excused = true;
            }
        }
        self.unwanted.extend(
            self.broken
                .iter()
                .filter(|(own, ..)| *own == place)
                .flat_map(|(_, _, wire)| wire.ends.tags()),
        );
        self.broken.retain(|(own, ..)| *own != place);
        let lines = self.sessions[place].lines.clone();
        let request = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
        let connection = self.send(&request, Ends::Now)?;
        self.hang_up(connection);
        Ok(())
    }

    /// Asks something about a task, or for its end.
    fn ask_about_task(&mut self) -> Result<(), String> {
        let index = self.random.below(self.tasks.len().max(1) as u64) as usize;
        let Some(task) = self.tasks.get(index) else {
            return Ok(());
        };
        let (id, session) = (task.id.clone(), task.session);
        if session.is_some_and(|place| self.sessions[place].is_over) {
            return Ok(());
        }
        match (self.random.below(4), session) {
            (0, _) => {
                let task = &mut self.tasks[index];
                // Whether it comes in time is seen at the next look; who waits for the task may be told before.
                task.is_cancelled |= matches!(task.status.as_str(), "working" | "input_required");
                self.about("tasks/cancel", &id, "", session)?;
                self.look_at(index)
            }
            (1, Some(place)) => self.wait_for(index, place),
            _ => self.look_at(index),
        }
    }

    fn about(&mut self, method: &str, id: &str, more: &str, session: Option<usize>) -> Result<Value, String> {
        let members = format!(r#""taskId":"{id}"{more}"#);
        let (lines, body) = match session {
            Some(place) => (self.sessions[place].lines.clone(), legacy(method, &members)),
            None => modern(method, id, &members),
        };
        self.ask(&lines, &body)
    }

    /// Looks how far a task is, and answers what it asks.
    fn look_at(&mut self, index: usize) -> Result<(), String> {
        let (id, session) = (self.tasks[index].id.clone(), self.tasks[index].session);
        let got = self.about("tasks/get", &id, "", session)?;
        let task = &mut self.tasks[index];
        let status = got["result"]["status"]
            .as_str()
            .ok_or_else(|| format!("no status: {got}"))?;
        let is_final = |status: &str| matches!(status, "completed" | "failed" | "cancelled");
        if is_final(&task.status) && status != task.status {
            return Err(format!("a task went from {} to {status}", task.status));
        }
        if status == "cancelled" && !task.is_cancelled {
            return Err("a task is cancelled and nobody wanted that".to_owned());
        }
        if status == "failed" {
            return Err(format!("a task failed: {got}"));
        }
        task.status = status.to_owned();
        if status == "cancelled" {
            self.check_nothing_runs_for(index)?;
        }
        let task = &self.tasks[index];
        if status == "completed"
            && session.is_none()
            && !got["result"]["result"].to_string().contains(&task.tag)
        {
            return Err(format!("somebody else's result, awaiting {}: {got}", task.tag));
        }
        if let Some(questions) = got["result"]["inputRequests"].as_object() {
            let answers: Vec<String> = questions
                .keys()
                .map(|key| format!(r#""{key}":{{"action":"accept"}}"#))
                .collect();
            let more = format!(r#","inputResponses":{{{}}}"#, answers.join(","));
            self.about("tasks/update", &id, &more, session)?;
        }
        Ok(())
    }

    /// What a task ran that is cancelled is stopped, and takes no further step.
    fn check_nothing_runs_for(&mut self, index: usize) -> Result<(), String> {
        let tag = &self.tasks[index].tag;
        for (job, progressed) in self.workers.jobs_of(|own| own == tag) {
            let is_interrupted = false;
            if progressed == (Progressed::Running { is_interrupted }) {
                return Err(format!("{tag} is cancelled and its {job} runs on"));
            }
            self.workers.unwanted.insert(job);
        }
        Ok(())
    }

    /// Answers what was asked on streams.
    fn answer_questions(&mut self) -> Result<(), String> {
        let mut asked: Vec<(usize, Value)> = Vec::new();
        for wire in self.wires.values_mut() {
            if let Some(place) = wire.ends.session() {
                asked.extend(wire.questions.drain(..).map(|id| (place, id)));
            }
        }
        for (place, id) in asked {
            if !self.sessions[place].is_over {
                let body = json!({"jsonrpc": "2.0", "id": id, "result": {"action": "accept"}});
                let lines = self.sessions[place].lines.clone();
                let connection = self.post(&lines, &body.to_string(), Ends::Now)?;
                self.hang_up(connection);
            }
        }
        Ok(())
    }

    /// Does what the server wants done, and reads what it says.
    fn obey(&mut self) -> Result<(), String> {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Submit(job) => {
                    self.steps.push(job.id);
                    self.workers.submit(job);
                }
                Output::SubmitCancel(job) => {
                    self.steps.push(job.id);
                    self.workers.submit_cancel(job);
                }
                Output::Interrupt(job) => {
                    self.workers.interrupt(job);
                }
                Output::Close(connection) => {
                    self.wires.remove(&connection);
                }
                _ => {}
            }
        }
        for connection in self.wires.keys().copied().collect::<Vec<_>>() {
            self.read(connection)?;
        }
        if let Some(violation) = self.workers.violations.pop() {
            return Err(violation);
        }
        check_memory(&self.server, &self.limits)
    }

    fn read(&mut self, connection: ConnectionId) -> Result<(), String> {
        let now = self.now();
        let Some(bytes) = client::receive(&mut self.server, now, connection) else {
            return Ok(());
        };
        let Some(wire) = self.wires.get_mut(&connection) else {
            return Ok(());
        };
        wire.take(&bytes)?;
        if matches!(wire.ends, Ends::Now) {
            return Ok(());
        }
        let Some(reply) = wire.reply.take() else {
            return Ok(());
        };
        let (ends, is_excused) = (wire.ends.clone(), wire.is_excused);
        self.hang_up(connection);
        if is_excused {
            return Ok(());
        }
        self.check(&ends, &reply)
    }

    /// Whether a reply is the one that was asked for.
    fn check(&mut self, ends: &Ends, reply: &Value) -> Result<(), String> {
        let is_unwanted = ends.tags().iter().any(|tag| self.unwanted.contains(tag));
        let is_over = ends.session().is_some_and(|place| self.sessions[place].is_over);
        let result = &reply["result"];
        let created = if result["resultType"] == "task" {
            result
        } else {
            &result["task"]
        };
        if let Ends::Call { tag, session } = ends
            && result["structuredContent"]["status"] == "running"
        {
            self.times_let_go += 1;
            self.let_go.push((tag.clone(), *session));
        }
        match ends {
            Ends::Call { tag, session } if created.is_object() => self.tasks.push(Task {
                id: created["taskId"].as_str().unwrap_or_default().to_owned(),
                tag: tag.clone(),
                session: *session,
                status: created["status"].as_str().unwrap_or_default().to_owned(),
                is_cancelled: false,
            }),
            Ends::Task { tag, .. } => {
                let is_cancelled = |task: &Task| task.tag == *tag && task.is_cancelled;
                let may_fail = is_over || self.tasks.iter().any(is_cancelled);
                if !may_fail && !result.to_string().contains(tag) {
                    return Err(format!("somebody else's result, awaiting {tag}: {reply}"));
                }
            }
            Ends::Batch { tags, .. } => {
                let replies = reply.as_array().ok_or_else(|| format!("no array: {reply}"))?;
                let is_whole = replies.len() == tags.len()
                    && tags
                        .iter()
                        .all(|tag| replies.iter().any(|reply| reply.to_string().contains(tag)));
                if !is_whole && !is_over {
                    return Err(format!("not the batch of {tags:?}: {reply}"));
                }
            }
            Ends::Call { tag, .. } if !is_unwanted && !is_over && !result.to_string().contains(tag) => {
                return Err(format!("somebody else's reply, awaiting {tag}: {reply}"));
            }
            Ends::Call { .. } | Ends::Now => {}
        }
        Ok(())
    }

    /// Lets everything come to its end.
    fn come_to_rest(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS_MAX {
            while !self.broken.is_empty() {
                self.resume()?;
            }
            self.obey()?;
            self.answer_questions()?;
            if self.steps.is_empty() {
                self.look_after_tasks()?;
            }
            self.end_step()?;
            self.obey()?;
            let is_quiet = self.steps.is_empty() && self.wires.values().all(|wire| wire.is_excused);
            if is_quiet && self.server.jobs() == 0 {
                break;
            }
            // What nobody can answer any more ends by its deadline.
            let pause = if self.steps.is_empty() { 5_000 } else { 20 };
            self.pass(Duration::from_millis(pause));
        }
        let waits = |wire: &&Wire| !wire.is_excused;
        let waiting: Vec<&Ends> = self.wires.values().filter(waits).map(|wire| &wire.ends).collect();
        if !waiting.is_empty() {
            return Err(format!("at rest, and these wait: {waiting:?}"));
        }
        self.check_workers()?;
        for connection in self.wires.keys().copied().collect::<Vec<_>>() {
            self.hang_up(connection);
        }
        // Tasks and sessions are over their time.
        for _ in 0..100 {
            self.pass(Duration::from_secs(3_600));
            self.end_step()?;
            self.obey()?;
        }
        let left = (
            self.server.connections(),
            self.server.jobs(),
            self.server.timers(),
        );
        if left != (0, 0, 0) {
            return Err(format!(
                "at rest there are {left:?} connections, jobs and deadlines"
            ));
        }
        check_nothing_is_held(&self.server)
    }

    /// Looks at every task that can be looked at; where the core form asks something, it asks who waits for the result.
    fn look_after_tasks(&mut self) -> Result<(), String> {
        for index in 0..self.tasks.len() {
            let (task, session) = (&self.tasks[index], self.tasks[index].session);
            let is_over = matches!(task.status.as_str(), "completed" | "failed" | "cancelled");
            if is_over || session.is_some_and(|place| self.sessions[place].is_over) {
                continue;
            }
            self.look_at(index)?;
            let task = &self.tasks[index];
            let waits = |wire: &Wire| matches!(&wire.ends, Ends::Task { tag, .. } if *tag == task.tag);
            if let Some(place) = session
                && task.status == "input_required"
                && !self.wires.values().any(waits)
            {
                self.wait_for(index, place)?;
            }
        }
        Ok(())
    }

    fn wait_for(&mut self, index: usize, session: usize) -> Result<(), String> {
        let (id, tag) = (&self.tasks[index].id, self.tasks[index].tag.clone());
        let lines = self.sessions[session].lines.clone();
        let body = legacy("tasks/result", &format!(r#""taskId":"{id}""#));
        self.post(&lines, &body, Ends::Task { tag, session })?;
        Ok(())
    }

    /// Nothing runs on for nobody.
    fn check_workers(&self) -> Result<(), String> {
        if self.server.jobs() > 0 {
            return Err(format!("{} jobs do not end", self.server.jobs()));
        }
        let mut forgotten = 0;
        for (job, (tag, progressed)) in &self.workers.jobs {
            if *progressed == Progressed::Done {
                continue;
            }
            // Between two steps, a job is forgotten that nobody needs: its statement goes on by itself.
            let is_reader = self.workers.readers.contains(job);
            let may_be_forgotten = is_reader || self.alone.contains(tag);
            if *progressed != Progressed::Waiting || !may_be_forgotten {
                return Err(format!("{job} ({tag}) is {progressed:?} when all is over"));
            }
            forgotten += u64::from(!is_reader);
        }
        let let_go = self.server.metrics().value(Metric::CallsLetGo);
        if forgotten > let_go {
            return Err(format!(
                "{forgotten} jobs are forgotten, and {let_go} calls were let go"
            ));
        }
        Ok(())
    }
}

fn legacy(method: &str, members: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{members}}}}}"#)
}

/// Header lines and body of a request of 2026-07-28 whose client takes tasks.
fn modern(method: &str, name: &str, members: &str) -> (String, String) {
    let lines = format!("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\nMcp-Name: {name}\r\n");
    let meta = format!(
        r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{EXTENSION}}}"#
    );
    (lines, legacy(method, &format!("{meta},{members}")))
}
