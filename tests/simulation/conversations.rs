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

mod calls;
mod client;
mod judge;
mod sessions;
mod talk;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::ident::{ConnectionId, JobId};
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::{Keys, Service};
use snowflake_mcp::server::planted::PlantedBug;
use snowflake_mcp::server::{self, Input, Output, Peer, Server};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::{Instant, Now, WallTime};
use snowflake_mcp::tools;

use self::client::{Ends, Wire};
use self::sessions::Session;
use self::talk::Talker;
use self::tasks::Task;
use crate::backend::SimulatedWorkers;
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
