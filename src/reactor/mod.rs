//! The reactor: one thread that owns every socket and drives the pure [`Server`].
//!
//! [`Driver`] is generic over its [`World`], so the same loop runs on the machine ([`MioWorld`]), over stdio
//! ([`StdioWorld`](crate::stdio::StdioWorld)) and in the simulator. It knows no protocol: it moves bytes between
//! sockets and the server's buffers, jobs and completions between the server and the workers, and time into the
//! server. It takes no decision that the server could take.
//!
//! **Invariants.** Nothing here blocks but [`Selector::wait`](world::Selector::wait). Every list is bounded by the
//! number of connections, every step of a turn by a budget, and what a budget cut off keeps the loop from sleeping.
//! Readiness is forgotten at `WouldBlock` only (`readiness.rs` says why). A connection that the server closed is
//! neither read nor written again.

mod accepting;
mod deadlines;
mod introductions;
mod listen;
mod mio_world;
pub mod planted;
mod readiness;
pub mod signals;
mod sockets;
#[cfg(test)]
mod tests;
pub mod tls;
mod transfer;
pub mod world;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use accepting::{Accepting, Failure};
use planted::PlantedBug;
use sockets::Sockets;
use world::{Event, SocketKey, World};

pub use listen::bind;
pub use mio_world::{MioWorld, ShutdownHandle};

use crate::limits::Limits;
use crate::server::{Exit, Input, Introduction, Output, Server};
use crate::time::{Instant, Now};

/// A pause of accepting is logged no more often: where the table is full and clients come and go, each that goes ends
/// a pause and the next that comes begins one.
const PAUSE_LOGGED_EVERY: Duration = Duration::from_secs(10);

/// Drives a server in a world, turn by turn.
pub struct Driver<W: World> {
    world: W,
    server: Server,
    budgets: Budgets,
    sockets: Sockets,
    accepting: Accepting,
    /// Kept between turns for its memory only, as are the lists below where a turn empties them.
    events: Vec<Event>,
    shutdowns: u32,
    is_reload_wanted: bool,
    /// Sockets whose handshake has ended.
    secured: Vec<SocketKey>,
    /// Sockets whose proxy has said whose they are.
    introduced: Vec<(SocketKey, Introduction)>,
    /// Sockets worth a read. One that the server has no room for is not in here: it comes back when something is said
    /// about its connection.
    to_read: Vec<SocketKey>,
    /// Sockets worth a write.
    to_write: Vec<SocketKey>,
    /// Sockets that had more to write than their budget, in the order in which they go on.
    bulk: VecDeque<SocketKey>,
    to_close: Vec<SocketKey>,
    /// The completion budget was used up. The world woke us for the first of them and will not do it again.
    may_have_completions: bool,
    /// When a pause of accepting was logged last.
    pause_logged_at: Option<Instant>,
    exit: Option<Exit>,
    planted: Option<PlantedBug>,
}

#[derive(Debug, Clone, Copy)]
struct Budgets {
    accepts: usize,
    read_bytes: usize,
    write_bytes: usize,
    bulk_bytes: usize,
    completions: usize,
}

impl<W: World> Driver<W> {
    /// A driver of `server` in `world`, with the per-turn budgets of `limits`.
    pub fn new(world: W, server: Server, limits: &Limits) -> Self {
        Self {
            world,
            server,
            budgets: Budgets {
                accepts: limits.accepts_per_turn_max,
                read_bytes: limits.read_per_turn_bytes_max,
                write_bytes: limits.write_per_turn_bytes_max,
                bulk_bytes: limits.bulk_per_turn_bytes_max,
                completions: limits.completions_per_turn_max,
            },
            sockets: Sockets::default(),
            // Somebody may wait since before the first turn.
            accepting: Accepting::Ready,
            events: Vec::new(),
            shutdowns: 0,
            is_reload_wanted: false,
            secured: Vec::new(),
            introduced: Vec::new(),
            to_read: Vec::new(),
            to_write: Vec::new(),
            bulk: VecDeque::new(),
            to_close: Vec::new(),
            may_have_completions: false,
            pause_logged_at: None,
            exit: None,
            planted: None,
        }
    }

    /// Plants a bug (see [`planted`]). Without debug assertions it does nothing.
    #[doc(hidden)]
    #[must_use]
    pub fn with_planted(mut self, bug: PlantedBug) -> Self {
        self.planted = Some(bug);
        self
    }

    /// Turns until the server says that everything is over.
    ///
    /// # Errors
    /// The world cannot wait any more; no further reply will be sent.
    pub fn run(&mut self) -> io::Result<Exit> {
        loop {
            if let Some(exit) = self.turn()? {
                return Ok(exit);
            }
        }
    }

    /// One turn: ten steps in an order that never changes. Says how the server ended, once it has.
    ///
    /// # Errors
    /// As [`Driver::run`].
    pub fn turn(&mut self) -> io::Result<Option<Exit>> {
        let until = self.wake_up();
        self.world.wait(until, &mut self.events)?; // 1
        let now = self.world.now(); // 2
        self.fold_events(); // 3
        self.pass_signals(now);
        self.accept(now); // 4
        self.read(now); // 5
        self.take_completions(now); // 6
        self.check_timeout(now); // 7
        self.apply_outputs(); // 8
        self.write(now); // 9
        self.close_sockets(); // 10
        Ok(self.exit.take())
    }

    /// The server it drives.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The world it drives in.
    pub fn world_mut(&mut self) -> &mut W {
        &mut self.world
    }

    /// Until when the next wait may sleep. What a budget cut off forbids to sleep at all.
    fn wake_up(&mut self) -> Option<Instant> {
        let is_busy = !self.to_read.is_empty()
            || !self.to_write.is_empty()
            || !self.bulk.is_empty()
            || self.may_have_completions
            || self.accepting.is_ready();
        if is_busy {
            return Some(Instant::ZERO);
        }
        let is_ignored = self.is_planted(PlantedBug::DeadlineIgnored);
        let timeout = self.server.poll_timeout().filter(|_| !is_ignored);
        Instant::earlier(timeout, self.accepting.deadline())
    }

    /// Step 3: remembers what the events say and acts on none, because a later event of the same batch may be about a
    /// socket that an earlier one would have closed.
    fn fold_events(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            match event {
                Event::Acceptable => self.accepting.on_event(),
                Event::Secured { socket } => self.secured.push(socket),
                Event::Introduced { socket, introduction } => self.introduced.push((socket, introduction)),
                Event::Reload => self.is_reload_wanted = true,
                Event::Shutdown => self.shutdowns += 1,
                Event::Socket {
                    socket,
                    readable,
                    writable,
                    broken,
                } => self.fold_socket_event(socket, readable, writable, broken),
            }
        }
        self.events = events;
    }

    fn fold_socket_event(&mut self, key: SocketKey, readable: bool, writable: bool, broken: bool) {
        let is_resumed = !self.is_planted(PlantedBug::WriteNotResumed);
        let found = if self.is_planted(PlantedBug::GenerationIgnored) {
            self.sockets.by_slot(key)
        } else {
            self.sockets.by_key(key)
        };
        let Some(socket) = found else { return };
        let connection = socket.connection;
        socket.readiness.on_event(readable, writable, broken);
        if readable || broken {
            self.list_to_read(connection);
        }
        if writable && is_resumed {
            self.list_to_write(connection);
        }
    }

    fn pass_signals(&mut self, now: Now) {
        for (key, introduction) in std::mem::take(&mut self.introduced) {
            if let Some(socket) = self.sockets.by_key(key) {
                let connection = socket.connection;
                let input = Input::Introduced {
                    connection,
                    introduction,
                };
                self.server.handle(now, input);
            }
        }
        for key in std::mem::take(&mut self.secured) {
            if let (Some(socket), Some(name)) = (self.sockets.by_key(key), self.world.peer_name(key)) {
                let connection = socket.connection;
                self.server.handle(now, Input::Named { connection, name });
            }
        }
        if std::mem::take(&mut self.is_reload_wanted) {
            self.server.handle(now, Input::Reload);
        }
        for _ in 0..std::mem::take(&mut self.shutdowns) {
            self.server.handle(now, Input::Shutdown);
        }
        // Before anything is admitted.
        if let Some(state) = self.world.audit_state() {
            self.server.handle(now, Input::AuditState(state));
        }
    }

    /// Step 4: accepts a budget's worth of connections, so that a flood of them does not starve the open ones.
    fn accept(&mut self, now: Now) {
        self.accepting.on_time(now.monotonic);
        for _ in 0..self.budgets.accepts {
            if !self.accepting.is_ready() {
                return;
            }
            match self.world.accept() {
                Ok((key, peer)) => {
                    if let Some(connection) = self.server.accept(now, peer) {
                        self.sockets.insert(key, connection);
                        self.list_to_read(connection);
                    } else {
                        self.world.close(key);
                    }
                }
                Err(error) => self.on_accept_failed(now, &error),
            }
        }
        if self.is_planted(PlantedBug::AcceptReadinessForgotten) {
            self.accepting.on_would_block();
        }
    }

    fn on_accept_failed(&mut self, now: Now, error: &io::Error) {
        match Failure::of(error) {
            Failure::NobodyWaits => self.accepting.on_would_block(),
            Failure::ConnectionLost => {}
            Failure::NoRoom if self.is_planted(PlantedBug::AcceptSpins) => {}
            Failure::NoRoom if self.is_planted(PlantedBug::AcceptNeverResumed) => self.accepting.stop(),
            Failure::NoRoom => {
                self.accepting.on_no_room(now.monotonic);
                if self
                    .pause_logged_at
                    .is_none_or(|at| now.monotonic >= at + PAUSE_LOGGED_EVERY)
                {
                    self.pause_logged_at = Some(now.monotonic);
                    log::warn!("cannot accept for now, raise the limit of open files if this stays: {error}");
                }
            }
        }
    }

    /// Step 6: tells the server which steps ended, a budget's worth.
    fn take_completions(&mut self, now: Now) {
        // A handful at most: the server wants no two of a kind at once.
        while let Some(fetched) = self.world.fetched() {
            self.server.handle(now, Input::Fetched(fetched));
        }
        for _ in 0..self.budgets.completions {
            let Some(completion) = self.world.completion() else {
                self.may_have_completions = false;
                return;
            };
            self.server.handle(now, Input::Completed(completion));
        }
        self.may_have_completions = !self.is_planted(PlantedBug::CompletionsLeftBehind);
    }

    /// Step 7: lets the server act on time that passed.
    fn check_timeout(&mut self, now: Now) {
        if self.server.poll_timeout().is_some_and(|at| at <= now.monotonic) {
            // If it was us who stood still, a reader may have made room in time: it is given what waits before it is judged.
            self.write_listed(now);
            self.server.handle_timeout(now);
        }
    }

    /// Step 8: does what the server wants done. What it wants written is only listed.
    fn apply_outputs(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Submit(job) => self.world.submit(job),
                Output::SubmitCancel(_) if self.is_planted(PlantedBug::CancelForgotten) => {}
                Output::SubmitCancel(job) => self.world.submit_cancel(job),
                Output::Interrupt(_) if self.is_planted(PlantedBug::InterruptForgotten) => {}
                Output::Interrupt(job) => self.world.interrupt(job),
                Output::Fetch(wanted) => self.world.fetch(wanted),
                Output::Audit(record) => self.world.audit(*record),
                Output::Flush(connection) => {
                    if !self.is_planted(PlantedBug::OutputNotFlushedBeforeSleep) {
                        self.list_to_write(connection);
                    }
                    self.on_mentioned(connection);
                }
                Output::ShutdownWrite(connection) => {
                    self.shutdown_write_once_flushed(connection);
                    self.on_mentioned(connection);
                }
                Output::Close(connection) => {
                    if let Some(socket) = self.sockets.remove(connection) {
                        self.to_close.push(socket.key);
                    }
                }
                Output::Discard(what) => self.world.discard(what),
                Output::StopAccepting => {
                    self.accepting.stop();
                    self.world.stop_accepting();
                }
                Output::Exit(exit) => self.exit = Some(exit),
            }
        }
    }

    /// Step 10: closes what the server closed. Last, so that no slot changes hands within a turn.
    fn close_sockets(&mut self) {
        for key in self.to_close.drain(..) {
            if cfg!(debug_assertions) && self.planted == Some(PlantedBug::CloseForgotten) {
                continue;
            }
            self.world.close(key);
            self.accepting.on_socket_closed();
        }
    }

    fn is_planted(&self, bug: PlantedBug) -> bool {
        cfg!(debug_assertions) && self.planted == Some(bug)
    }
}
