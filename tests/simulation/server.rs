//! The server alone, under an action grammar: whatever a world may tell it, in any order that is allowed.
//!
//! | weight | action |
//! |---|---|
//! | 3 | a connection is accepted |
//! | 20 | a peer acts: sends, reads, ends, resets |
//! | 20 | bytes are received, as few as one |
//! | 20 | bytes are sent, as few as one |
//! | 12 | a step ends |
//! | 2 | a completion comes twice, or for a job that never was |
//! | 10 | a little time passes |
//! | 3 | time passes until the next deadline |
//! | 1 | much time passes (in some runs) |
//! | 1 | a shutdown, in the last third of some runs |
//!
//! The driver's simulation meets the interleavings that a loop produces; this one also those that it does not.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::time::Duration;

use snowflake_mcp::backend::{Completion, Error, Kind, Outcome};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::ident::{ConnectionId, JobId};
use snowflake_mcp::limits::Limits;
use snowflake_mcp::server::{Exit, Input, Output, Peer as Stream, Server};
use snowflake_mcp::time::{Instant, Now, WallTime};

use crate::backend::SimulatedWorkers;
use crate::link::Link;
use crate::oracle::{check_memory, check_nothing_is_held};
use crate::peer::{Circumstances, Peer};
use crate::plan::Plan;
use crate::request::Carrier;
use crate::run::{catching, server};
use crate::{fail, seeds};

/// Actions of a run, before it is let come to rest.
const ACTIONS: u64 = 1_500;
/// Clients that may be open at once.
const CLIENTS_MAX: usize = 8;
/// Rounds in which everything must come to rest: large requests may be read in eight bytes a round.
const ROUNDS_MAX: u32 = 100_000;

struct Client {
    peer: Peer,
    link: Link,
    is_writing_ended: bool,
}

struct Theatre {
    plan: Plan,
    random: SeededEntropy,
    server: Server,
    now: Instant,
    clients: BTreeMap<ConnectionId, Client>,
    clients_made: usize,
    workers: SimulatedWorkers,
    steps: Vec<JobId>,
    is_draining: bool,
    was_stopped: bool,
    exit: Option<Exit>,
}

#[test]
fn the_server_keeps_its_promises_whatever_happens_in_whatever_order() {
    for seed in seeds(200) {
        if let Err(what) = catching(|| run(seed)) {
            fail(seed, "the_server", &what);
        }
    }
}

fn run(seed: u64) -> Result<(), String> {
    let mut random = SeededEntropy::new(seed ^ 0x5e57_ed00);
    let mut plan = Plan::draw(&mut random);
    let stops = plan.faults.stopped;
    if !stops {
        be_patient(&mut plan.limits);
    }
    let server = server(&plan.limits, random.next_u64());
    let mut theatre = Theatre {
        workers: SimulatedWorkers::new(plan.limits.workers),
        plan,
        random,
        server,
        now: Instant::from_micros(1),
        clients: BTreeMap::new(),
        clients_made: 0,
        steps: Vec::new(),
        is_draining: false,
        was_stopped: stops,
        exit: None,
    };
    for action in 0..ACTIONS {
        theatre
            .act(action)
            .map_err(|what| format!("action {action}: {what}"))?;
        if theatre.exit.is_some() {
            return Ok(());
        }
    }
    theatre.come_to_rest()
}

/// Here time does not pass in proportion to what happens, so deadlines would be met by chance. They are left as they
/// are in the runs in which anything may be late, and far away in the others.
fn be_patient(limits: &mut Limits) {
    let day = Duration::from_secs(86_400);
    limits.head_timeout = day;
    limits.body_timeout = day;
    limits.body_total_timeout = day;
    limits.idle_timeout = day;
    limits.write_timeout = day;
    limits.linger_timeout = day;
    limits.websocket_ping_interval = day;
    limits.statement_timeout = Duration::from_secs(60);
    limits.drain_timeout = Duration::from_secs(3_600);
}

impl Theatre {
    fn act(&mut self, action: u64) -> Result<(), String> {
        match self.random.below(92) {
            0..3 => self.accept(),
            3..23 => self.let_peer_act()?,
            23..43 => self.receive()?,
            43..63 => self.send()?,
            63..75 => self.end_step(),
            75..77 => self.complete_wrongly(),
            77..87 => {
                let while_nothing_happens = Duration::from_micros(self.random.below(5_000));
                self.pass(while_nothing_happens);
            }
            87..90 => self.pass_until_deadline(Duration::from_millis(300)),
            90 if self.plan.faults.stopped => {
                let stop = Duration::from_secs(self.random.below(600));
                self.pass(stop);
            }
            91 if self.plan.faults.early_shutdown && action > ACTIONS * 2 / 3 => self.shut_down(),
            _ => {}
        }
        self.obey()
    }

    fn now(&self) -> Now {
        let wall = WallTime::from_micros(1_700_000_000_000_000 + self.now.as_micros());
        Now {
            monotonic: self.now,
            wall,
        }
    }

    fn handle(&mut self, input: Input) {
        self.server.handle(self.now(), input);
    }

    fn accept(&mut self) {
        if self.clients.len() == CLIENTS_MAX {
            return;
        }
        let is_web = self.plan.faults.web_sockets && self.random.below(2) == 0;
        let carrier = if is_web { Carrier::WebSocket } else { Carrier::Http };
        let peer = Peer::draw(&mut self.random, &self.plan, self.clients_made, carrier);
        let link = Link::new(self.plan.send_buffer_bytes);
        let Some(id) = self.server.accept(self.now(), Stream::Tcp) else {
            return;
        };
        self.clients_made += 1;
        let client = Client {
            peer,
            link,
            is_writing_ended: false,
        };
        self.clients.insert(id, client);
    }

    fn any_client(&mut self) -> Option<ConnectionId> {
        let index = self.random.below(self.clients.len() as u64) as usize;
        self.clients.keys().nth(index).copied()
    }

    fn around(&self) -> Circumstances {
        Circumstances {
            now: self.now,
            is_draining: self.is_draining,
            was_stopped: self.was_stopped,
            may_starve: self.plan.faults.stuck,
            may_run_short: self.plan.may_run_short(),
            may_be_full: self.plan.may_be_full(),
        }
    }

    fn let_peer_act(&mut self) -> Result<(), String> {
        let around = self.around();
        let Some(id) = self.any_client() else {
            return Ok(());
        };
        let Some(client) = self.clients.get_mut(&id) else {
            return Ok(());
        };
        client
            .peer
            .act(&mut client.link, &mut self.random, around)
            .map_err(|fault| format!("{id} ({:?}): {fault}", client.peer.fate))?;
        Ok(())
    }

    fn receive(&mut self) -> Result<(), String> {
        let Some(connection) = self.any_client() else {
            return Ok(());
        };
        self.receive_from(connection).map(|_| ())
    }

    /// Says whether there was anything to receive.
    fn receive_from(&mut self, connection: ConnectionId) -> Result<bool, String> {
        let Some(client) = self.clients.get_mut(&connection) else {
            return Ok(false);
        };
        let link = &mut client.link;
        if link.is_reset {
            self.handle(Input::Broken { connection });
            return Ok(true);
        }
        if link.to_server.is_empty() {
            let is_end = link.peer_ended && !link.is_end_read;
            link.is_end_read |= is_end;
            if is_end {
                self.handle(Input::Ended { connection });
            }
            return Ok(is_end);
        }
        let room = self.server.room(connection);
        if room.is_empty() {
            return Ok(false);
        }
        let most = room.len().min(link.to_server.len());
        let count = 1 + self.random.below(most as u64) as usize;
        for (byte, sent) in room.iter_mut().zip(link.to_server.drain(..count)) {
            *byte = sent;
        }
        self.handle(Input::Received { connection, count });
        Ok(true)
    }

    fn send(&mut self) -> Result<(), String> {
        let Some(connection) = self.any_client() else {
            return Ok(());
        };
        self.send_to(connection).map(|_| ())
    }

    /// Says whether anything was sent.
    fn send_to(&mut self, connection: ConnectionId) -> Result<bool, String> {
        let mut slices = [IoSlice::new(&[]); 4];
        let filled = self.server.pending(connection, &mut slices);
        let waiting: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
        let Some(client) = self.clients.get_mut(&connection) else {
            return Ok(false);
        };
        if filled > 0 && waiting == 0 {
            return Err(format!("{connection}: {filled} slices of nothing wait"));
        }
        let space = waiting.min(client.link.space());
        if space == 0 || client.link.is_reset {
            return Ok(false);
        }
        if client.link.server_ended {
            return Err(format!(
                "{connection}: bytes wait after its writing side was shut down"
            ));
        }
        let count = 1 + self.random.below(space as u64) as usize;
        let bytes = slices[..filled].iter().flat_map(|slice| slice.iter().copied());
        client.link.to_peer.extend(bytes.take(count));
        self.handle(Input::Sent { connection, count });
        Ok(true)
    }

    fn end_step(&mut self) {
        if self.steps.is_empty() {
            return;
        }
        let index = self.random.below(self.steps.len() as u64) as usize;
        let job = self.steps.swap_remove(index);
        self.workers.end_step(job, self.now());
        while let Some(completion) = self.workers.completion() {
            self.handle(Input::Completed(completion));
        }
    }

    /// What no worker does, and what must change nothing.
    fn complete_wrongly(&mut self) {
        let over: Vec<JobId> = self
            .workers
            .jobs
            .iter()
            .filter(|(_, (_, progressed))| *progressed == crate::backend::Progressed::Done)
            .map(|(id, _)| *id)
            .collect();
        let job = match over.len() {
            0 => JobId(1 << 40),
            count => over[self.random.below(count as u64) as usize],
        };
        let before = self.server.jobs();
        let outcome = Outcome::Done(Err(Error::new(
            Kind::Execution,
            "a completion that nobody awaits",
        )));
        self.handle(Input::Completed(Completion { job, outcome }));
        assert_eq!(self.server.jobs(), before, "a stale completion ended a job");
    }

    fn pass(&mut self, duration: Duration) {
        self.now = self.now + duration;
        if self.server.poll_timeout().is_some_and(|at| at <= self.now) {
            self.server.handle_timeout(self.now());
            let next = self.server.poll_timeout();
            assert!(next.is_none_or(|at| at > self.now), "a deadline stays due");
        }
    }

    /// Goes to the next deadline, if it is no farther than that.
    fn pass_until_deadline(&mut self, farthest: Duration) {
        let Some(at) = self.server.poll_timeout() else {
            return;
        };
        let left = at.since(self.now);
        if left <= farthest {
            self.pass(left);
        }
    }

    fn shut_down(&mut self) {
        self.is_draining = true;
        self.handle(Input::Shutdown);
    }

    /// Does what the server wants done, and checks that it may want it.
    fn obey(&mut self) -> Result<(), String> {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Submit(job) => {
                    let id = job.id;
                    if self.workers.submit(job) {
                        self.steps.push(id);
                    }
                }
                Output::SubmitCancel(job) => {
                    self.steps.push(job.id);
                    self.workers.submit_cancel(job);
                }
                Output::Interrupt(job) => {
                    if self.workers.interrupt(job) && !self.steps.contains(&job) {
                        self.steps.push(job);
                    }
                }
                Output::Fetch(wanted) => return Err(format!("{wanted:?} wanted without keys and issuers")),
                Output::Audit(_) => return Err("there is no audit log".to_owned()),
                Output::Flush(_) => {}
                Output::ShutdownWrite(connection) => {
                    if let Some(client) = self.clients.get_mut(&connection) {
                        client.is_writing_ended = true;
                    }
                }
                Output::Close(connection) => self.on_close(connection)?,
                Output::Discard(_) => {}
                Output::StopAccepting => {
                    if !self.is_draining {
                        return Err("the listeners are closed and nobody asked".to_owned());
                    }
                }
                Output::Exit(exit) => self.exit = Some(exit),
            }
        }
        self.end_writing();
        if let Some(violation) = self.workers.violations.pop() {
            return Err(violation);
        }
        check_memory(&self.server, &self.plan.limits)?;
        let (told, open) = (self.server.connections(), self.clients.len());
        if told != open {
            return Err(format!("the server has {told} connections, the world {open}"));
        }
        Ok(())
    }

    /// Shuts writing sides down once nothing waits, as a driver does.
    fn end_writing(&mut self) {
        for (id, client) in &mut self.clients {
            let is_flushed = self.server.pending(*id, &mut [IoSlice::new(&[])]) == 0;
            if client.is_writing_ended && is_flushed {
                client.link.server_ended = true;
            }
        }
    }

    fn on_close(&mut self, connection: ConnectionId) -> Result<(), String> {
        let Some(mut client) = self.clients.remove(&connection) else {
            return Err(format!("{connection} is closed twice"));
        };
        if !self.server.room(connection).is_empty()
            || self.server.pending(connection, &mut [IoSlice::new(&[])]) > 0
        {
            return Err(format!("{connection} is closed and still has buffers"));
        }
        client.link.close();
        // It reads what is on its way, in as many acts as its manners want.
        let mut around = self.around();
        for _ in 0..ROUNDS_MAX {
            if client.peer.is_over {
                break;
            }
            around.now = around.now + Duration::from_secs(3);
            client
                .peer
                .act(&mut client.link, &mut self.random, around)
                .map_err(|fault| format!("{connection} ({:?}), closed: {fault}", client.peer.fate))?;
        }
        Ok(())
    }

    /// Lets everything go on without new connections until nothing is left.
    fn come_to_rest(&mut self) -> Result<(), String> {
        for round in 0..ROUNDS_MAX {
            // It was told to end before: then it may have cut off what nobody took.
            if self.exit.is_some() {
                return Ok(());
            }
            let mut has_acted = false;
            for connection in self.clients.keys().copied().collect::<Vec<_>>() {
                let around = self.around();
                if let Some(client) = self.clients.get_mut(&connection) {
                    client
                        .peer
                        .act(&mut client.link, &mut self.random, around)
                        .map_err(|fault| {
                            format!("round {round}, {connection} ({:?}): {fault}", client.peer.fate)
                        })?;
                }
                has_acted |= self.receive_from(connection)?;
                self.obey()?;
                has_acted |= self.send_to(connection)?;
                self.obey()?;
            }
            has_acted |= !self.steps.is_empty();
            self.end_step();
            self.obey()?;
            self.pass(Duration::from_millis(10));
            self.obey()?;
            if self.clients.is_empty() && self.steps.is_empty() {
                break;
            }
            // A step may just have been given out, and would be called late.
            if !has_acted && self.steps.is_empty() {
                self.pass_until_deadline(Duration::MAX);
                self.obey()?;
            }
        }
        let left = (self.server.connections(), self.server.jobs());
        if left != (0, 0) {
            let open: Vec<_> = self.clients.values().map(|client| &client.peer).collect();
            return Err(format!(
                "at rest there are {left:?} connections and jobs: {open:?}"
            ));
        }
        check_nothing_is_held(&self.server)?;
        let was_told_before = self.is_draining;
        if !was_told_before {
            if self.server.timers() > 0 {
                return Err(format!("at rest it has {} deadlines", self.server.timers()));
            }
            self.shut_down();
        }
        // Readiness is shown for a while first.
        for _ in 0..ROUNDS_MAX {
            self.obey()?;
            if let Some(exit) = self.exit {
                return match exit.calls_cut {
                    _ if was_told_before => Ok(()),
                    0 => Ok(()),
                    cut => Err(format!("it says that {cut} calls were cut off")),
                };
            }
            self.pass_until_deadline(Duration::MAX);
        }
        Err("it does not exit".to_owned())
    }
}
