//! The simulated world: sockets, peers, workers and time, all drawn from one seed.
//!
//! [`SimulatedWorld`] is what the driver sees: reads that come short, writes that are refused, edges that are told once,
//! a descriptor table that is full, a clock that jumps. Inside of `wait` the outside goes on: peers act and steps end,
//! in the order of their time. What is checked, and by whom, is listed in `oracle.rs`.

mod sockets;

use std::collections::{BTreeMap, VecDeque};
use std::hash::Hasher;
use std::io;
use std::time::Duration;

use snowflake_mcp::backend::{Completion, Job};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::ident::JobId;
use snowflake_mcp::reactor::world::{Event, Executor, Selector, SocketKey};
use snowflake_mcp::time::{Clock, Instant, Now};

use crate::backend::SimulatedWorkers;
use crate::link::Link;
use crate::peer::{Circumstances, Peer};
use crate::plan::{Plan, pick};
use crate::request::Carrier;
use crate::wall::Wall;

/// Something that is going to happen.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Connect(usize),
    Act(usize),
    StepEnds(JobId),
    Signal,
}

/// A peer and its connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) peer: Peer,
    pub(crate) link: Link,
    is_act_planned: bool,
    /// Closed by the server before a byte was exchanged, because there was no room.
    pub(crate) is_turned_away: bool,
}

/// The world.
#[derive(Debug)]
pub(crate) struct SimulatedWorld {
    pub(crate) plan: Plan,
    random: SeededEntropy,
    pub(crate) now: Instant,
    wall: Wall,
    /// By time, then in the order in which they were planned.
    happenings: BTreeMap<(Instant, u64), Happening>,
    planned: u64,
    pub(crate) clients: Vec<Client>,
    pub(crate) backlog: VecDeque<usize>,
    pub(crate) is_listening: bool,
    is_accept_armed: bool,
    /// When the driver was told that the table is full; it must not try again in that moment.
    table_full_at: Option<Instant>,
    /// Which client holds which slot.
    slots: Vec<Option<(SocketKey, usize)>>,
    generation: u32,
    closed_keys: Vec<SocketKey>,
    /// Clients whose socket was closed in this turn.
    pub(crate) closed_now: Vec<usize>,
    pub(crate) workers: SimulatedWorkers,
    is_wake_due: bool,
    is_rung: bool,
    pub(crate) is_draining: bool,
    pub(crate) signals: u32,
    pub(crate) was_stopped: bool,
    /// Nothing will ever happen unless somebody makes it happen.
    pub(crate) is_idle: bool,
    pub(crate) turn: u64,
    /// Turns in a row in which the driver neither slept nor did anything.
    pub(crate) turns_wasted: u32,
    pub(crate) has_acted: bool,
    pub(crate) violations: Vec<String>,
    trace: std::hash::DefaultHasher,
    is_traced: bool,
}

impl SimulatedWorld {
    /// A world for `plan`; the peers come by themselves.
    pub(crate) fn new(plan: Plan, mut random: SeededEntropy) -> Self {
        let mut world = Self {
            now: Instant::from_micros(1),
            wall: Wall::new(plan.wall, random.next_u64()),
            happenings: BTreeMap::new(),
            planned: 0,
            clients: Vec::new(),
            backlog: VecDeque::new(),
            is_listening: true,
            is_accept_armed: false,
            table_full_at: None,
            slots: Vec::new(),
            generation: 0,
            closed_keys: Vec::new(),
            closed_now: Vec::new(),
            workers: SimulatedWorkers::new(plan.limits.workers),
            is_wake_due: false,
            is_rung: false,
            is_draining: false,
            signals: 0,
            was_stopped: false,
            is_idle: false,
            turn: 0,
            turns_wasted: 0,
            has_acted: false,
            violations: Vec::new(),
            trace: std::hash::DefaultHasher::new(),
            is_traced: std::env::var_os("SIM_TRACE").is_some(),
            plan,
            random,
        };
        world.invite();
        world
    }

    fn invite(&mut self) {
        let spread = if self.plan.faults.burst { 1 } else { 2_000_000 };
        for number in 0..self.plan.peers {
            let carrier = match self.random.below(2) {
                _ if self.plan.is_stdio => Carrier::Lines,
                0 if self.plan.faults.web_sockets => Carrier::WebSocket,
                _ => Carrier::Http,
            };
            let peer = Peer::draw(&mut self.random, &self.plan, number, carrier);
            self.clients.push(Client {
                peer,
                link: Link::new(self.plan.send_buffer_bytes),
                is_act_planned: false,
                is_turned_away: false,
            });
            let after = Duration::from_micros(self.random.below(spread));
            self.plan_in(after, Happening::Connect(number));
        }
        if self.plan.faults.early_shutdown {
            let after = Duration::from_micros(self.random.below(3_000_000));
            self.plan_in(after, Happening::Signal);
            if self.plan.faults.second_signal {
                let later = after + Duration::from_micros(self.random.below(2_000_000));
                self.plan_in(later, Happening::Signal);
            }
        }
    }

    /// Sends the signal that ends the run.
    pub(crate) fn signal(&mut self) {
        self.plan_in(Duration::ZERO, Happening::Signal);
    }

    /// A number that is the same for the same run.
    pub(crate) fn trace(&self) -> u64 {
        self.trace.finish()
    }

    /// The process ends: the machine closes what is open, and the peers read what was written.
    pub(crate) fn end_process(&mut self) {
        self.is_listening = false;
        for (_, number) in std::mem::take(&mut self.slots).into_iter().flatten() {
            self.clients[number].link.key = None;
            self.clients[number].link.close();
            self.plan_act_soon(number);
        }
        while let Some(((at, _), happening)) = self.happenings.pop_first() {
            self.now = self.now.max(at);
            match happening {
                Happening::Act(number) => self.act(number),
                Happening::Connect(number) => self.clients[number].peer.is_over = true,
                Happening::StepEnds(_) | Happening::Signal => {}
            }
        }
    }

    fn plan_in(&mut self, after: Duration, happening: Happening) {
        self.planned += 1;
        self.happenings
            .insert((self.now + after, self.planned), happening);
    }

    fn plan_act(&mut self, number: usize, after: Duration) {
        if !std::mem::replace(&mut self.clients[number].is_act_planned, true) {
            self.plan_in(after, Happening::Act(number));
        }
    }

    fn happen(&mut self, happening: Happening, events: &mut Vec<Event>) {
        match happening {
            Happening::Connect(number) if self.is_listening => {
                self.backlog.push_back(number);
                self.plan_act(number, Duration::from_micros(1));
            }
            Happening::Connect(number) => self.clients[number].peer.is_over = true,
            Happening::Act(number) => self.act(number),
            Happening::StepEnds(job) => {
                if self.workers.end_step(job, self.now()) && !std::mem::replace(&mut self.is_rung, true) {
                    self.is_wake_due = true;
                }
            }
            Happening::Signal => {
                self.is_draining = true;
                self.signals += 1;
                events.push(Event::Shutdown);
            }
        }
    }

    fn act(&mut self, number: usize) {
        let around = Circumstances {
            now: self.now,
            is_draining: self.is_draining,
            was_stopped: self.was_stopped,
            may_starve: self.plan.faults.stuck,
            may_run_short: self.plan.may_run_short(),
            may_be_full: self.plan.may_be_full(),
        };
        let client = &mut self.clients[number];
        client.is_act_planned = false;
        if client.is_turned_away {
            client.peer.is_over = true;
            return;
        }
        match client.peer.act(&mut client.link, &mut self.random, around) {
            Ok(after) => {
                let dates = std::mem::take(&mut client.peer.dates);
                let wrong = dates
                    .into_iter()
                    .find(|(asked, date)| !self.wall.was_told(*asked, date));
                if let Some((asked, date)) = wrong {
                    self.violations.push(format!(
                        "peer {number} asked at {asked:?} and was answered at {date:?}, when it was not that time"
                    ));
                }
                if let Some(after) = after {
                    self.plan_act(number, after);
                }
            }
            Err(fault) => self.violations.push(format!(
                "peer {number} ({:?}): {fault}",
                self.clients[number].peer.fate
            )),
        }
    }

    /// Tells every edge that is due.
    fn tell_edges(&mut self, events: &mut Vec<Event>) {
        if self.is_listening && self.is_accept_armed && !self.backlog.is_empty() {
            self.is_accept_armed = false;
            events.push(Event::Acceptable);
        }
        for slot in &self.slots {
            let Some((socket, number)) = *slot else { continue };
            let link = &mut self.clients[number].link;
            let Some((readable, writable, is_reset)) = link.take_edges() else {
                continue;
            };
            // Not every selector says that a connection broke; a read will.
            let broken = is_reset && self.random.below(4) > 0;
            if broken {
                link.reset_told.get_or_insert(self.turn);
            }
            events.push(Event::Socket {
                socket,
                readable,
                writable,
                broken,
            });
        }
    }

    /// Adds events that nothing caused.
    fn tell_lies(&mut self, events: &mut Vec<Event>) {
        if self.plan.faults.spurious_events && self.chance() && !self.slots.is_empty() {
            let index = self.random.below(self.slots.len() as u64) as usize;
            if let Some((socket, _)) = self.slots[index] {
                events.push(Event::Socket {
                    socket,
                    readable: self.random.below(2) == 0,
                    writable: self.random.below(2) == 0,
                    broken: false,
                });
            }
        }
        if self.plan.faults.late_events && self.chance() && !self.closed_keys.is_empty() {
            let index = self.random.below(self.closed_keys.len() as u64) as usize;
            events.push(Event::Socket {
                socket: self.closed_keys[index],
                readable: true,
                writable: true,
                broken: true,
            });
        }
    }

    fn chance(&mut self) -> bool {
        self.random.below(100) < self.plan.fault_percent
    }

    /// Time passes while the driver works, and now and then much more than that.
    fn pass_time(&mut self) {
        let longest = if self.plan.faults.busy_machine { 20_000 } else { 50 };
        self.now = self.now + Duration::from_micros(self.random.below(longest));
        if self.plan.faults.stopped && self.random.below(200) == 0 {
            self.was_stopped = true;
            self.now = self.now + Duration::from_secs(self.random.below(100));
        }
        self.wall.pass();
    }

    fn note(&mut self, what: &str, who: u64, count: usize) {
        self.has_acted = true;
        if self.is_traced {
            println!("{} turn {} {what} {who} {count}", self.now.as_micros(), self.turn);
        }
        self.trace.write(what.as_bytes());
        self.trace.write_u64(who);
        self.trace.write_usize(count);
        self.trace.write_u64(self.now.as_micros());
    }
}

impl Clock for SimulatedWorld {
    fn now(&self) -> Now {
        Now {
            monotonic: self.now,
            wall: self.wall.at(self.now),
        }
    }
}

impl Selector for SimulatedWorld {
    fn wait(&mut self, until: Option<Instant>, events: &mut Vec<Event>) -> io::Result<()> {
        self.turn += 1;
        self.watch_for_spinning(until);
        self.watch_for_idling(until);
        self.pass_time();
        loop {
            while let Some(entry) = self
                .happenings
                .first_entry()
                .filter(|entry| entry.key().0 <= self.now)
            {
                let happening = entry.remove();
                self.happen(happening, events);
            }
            self.tell_edges(events);
            let next = self.happenings.first_key_value().map(|((at, _), _)| *at);
            let is_over = !events.is_empty() || std::mem::take(&mut self.is_wake_due);
            if is_over || until.is_some_and(|until| until <= self.now) {
                break;
            }
            match (next, until) {
                (None, None) => {
                    self.is_idle = true;
                    break;
                }
                (next, until) => {
                    let soonest = next.into_iter().chain(until).min();
                    self.now = soonest.map_or(self.now, |soonest| soonest.max(self.now));
                }
            }
        }
        // The driver hears the bell whatever woke it.
        self.is_rung = false;
        self.is_wake_due = false;
        self.wall.tell(self.now);
        self.tell_lies(events);
        Ok(())
    }
}

impl SimulatedWorld {
    fn plan_act_soon(&mut self, number: usize) {
        let after = Duration::from_micros(1 + self.random.below(500));
        self.plan_act(number, after);
    }
}

impl Executor for SimulatedWorld {
    fn submit(&mut self, job: Box<Job>) {
        let id = job.id;
        self.note("submit", id.0, 0);
        if self.workers.submit(job) {
            let longest = pick(&mut self.random, &[1, 1_000, 200_000]);
            let mut after = self.random.below(longest);
            if self.plan.faults.clumped {
                after = CLUMP_MICROS - self.now.as_micros() % CLUMP_MICROS;
            }
            self.plan_in(Duration::from_micros(after), Happening::StepEnds(id));
        }
    }

    fn submit_cancel(&mut self, job: Box<Job>) {
        let id = job.id;
        self.note("cancel", id.0, 0);
        self.workers.submit_cancel(job);
        let after = Duration::from_micros(self.random.below(300_000));
        self.plan_in(after, Happening::StepEnds(id));
    }

    fn interrupt(&mut self, job: JobId) {
        self.note("interrupt", job.0, 0);
        if self.workers.interrupt(job) {
            let after = Duration::from_micros(self.random.below(20_000));
            self.plan_in(after, Happening::StepEnds(job));
        }
    }

    fn completion(&mut self) -> Option<Completion> {
        let completion = self.workers.completion()?;
        self.note("completion", completion.job.0, 0);
        Some(completion)
    }
}

/// The rhythm in which clumped steps end.
const CLUMP_MICROS: u64 = 30_000;
