//! What a driver and a server may do, as seen from outside: the checks of the world, apart from the world.
//!
//! | checked | when |
//! |---|---|
//! | every reply is the one that is awaited, in order, once; none is missing | by each peer, as it reads |
//! | a response is dated with what the wall clock showed between its request and now | by the world, after each act |
//! | steps in flight are at most the workers; a job's steps follow each other | by the workers, as they are told |
//! | what a closed connection asked for is cancelled, a broken one is closed, a peer's end is heard | after each turn |
//! | reading stops at who takes nothing; who was told the end is read from no longer than `linger_timeout` | after each turn |
//! | the loop neither spins nor sleeps on what it was told of | before each wait |
//! | nothing is read or written after a close, nothing written after a shutdown | at each call |
//! | what all connections hold together is what is counted, and no more than may be | after each turn |
//! | when all is quiet nothing is left; an exit tells the truth | at the end |

use std::time::Duration;

use snowflake_mcp::limits::Limits;
use snowflake_mcp::server::Server;
use snowflake_mcp::time::Instant;

use crate::backend::Progressed;
use crate::request::Expected;
use crate::world::SimulatedWorld;

/// How long after the end of a peer its socket may stay open: replies that it takes slowly, or not at all. Shorter than
/// the time after which an idle connection is closed, which would hide that the end was not told.
const END_PATIENCE: Duration = Duration::from_secs(45);

/// Turns without effect after which a driver spins. A few are honest: a room that is still empty, a spurious event.
const TURNS_WASTED_MAX: u32 = 50;

/// Checks the sums of what is held: against their parts, counted anew, and against their bounds.
pub(crate) fn check_memory(server: &Server, limits: &Limits) -> Result<(), String> {
    let sums = (server.bytes_buffered(), server.replies_bytes());
    if sums != server.recount() {
        return Err(format!(
            "{sums:?} bytes of requests and replies are counted, {:?} are held",
            server.recount()
        ));
    }
    if sums.0 > limits.bytes_buffered_max || sums.1 > limits.replies_bytes_max {
        return Err(format!(
            "{sums:?} bytes of requests and replies are held, {} and {} may be",
            limits.bytes_buffered_max, limits.replies_bytes_max
        ));
    }
    Ok(())
}

/// Checks that without connections and calls no memory is counted as held.
pub(crate) fn check_nothing_is_held(server: &Server) -> Result<(), String> {
    match (server.bytes_buffered(), server.replies_bytes()) {
        (0, 0) => Ok(()),
        sums => Err(format!(
            "all is over, and {sums:?} bytes of requests and replies are held"
        )),
    }
}

impl SimulatedWorld {
    /// Checks what must hold after every turn.
    pub(crate) fn check_turn(&mut self) {
        self.violations.append(&mut self.workers.violations);
        for number in std::mem::take(&mut self.closed_now) {
            self.check_jobs_of_closed(number);
        }
        for (number, client) in self.clients.iter().enumerate() {
            let read = client
                .link
                .lingers
                .map_or(client.link.bytes_read, |(_, read)| read);
            let max = client.peer.burden_max(&self.plan);
            // Once the server is ending, and from who is told that there is no place, what comes is thrown away. So it is
            // while it lingers, for so long as that may last.
            let is_thrown_away = self.is_draining || client.link.is_turned_away;
            if let Some(max) = max.filter(|max| read > *max && !is_thrown_away) {
                self.violations.push(format!(
                    "{read} bytes were read from peer {number}, which takes nothing; {max} would do"
                ));
            }
            let linger_timeout = self.plan.limits.linger_timeout;
            let lingers_on = |(since, _): (Instant, usize)| since + linger_timeout < self.now;
            if client.link.key.is_some() && client.link.lingers.is_some_and(lingers_on) {
                self.violations.push(format!(
                    "peer {number} was told the end longer than {linger_timeout:?} ago and its socket is still open"
                ));
            }
            let is_late = client
                .link
                .ended_at
                .is_some_and(|at| at + END_PATIENCE < self.now);
            if is_late && client.link.key.is_some() && !self.was_stopped {
                self.violations.push(format!(
                    "peer {number} ended long ago and its socket is still open"
                ));
            }
            let is_overdue = client.link.reset_told.is_some_and(|told| told + 1 < self.turn);
            if is_overdue && client.link.key.is_some() {
                self.violations
                    .push(format!("peer {number} was reset and its socket is still open"));
            }
        }
    }

    /// Nothing may run on for a connection that is closed.
    fn check_jobs_of_closed(&mut self, number: usize) {
        let prefix = format!("p{number}r");
        for (job, progressed) in self.workers.jobs_of(|tag| tag.starts_with(&prefix)) {
            self.workers.unwanted.insert(job);
            if progressed
                == (Progressed::Running {
                    is_interrupted: false,
                })
            {
                self.violations
                    .push(format!("peer {number} is closed and its {job} runs on"));
            }
        }
    }

    /// Checks what must hold when nothing happens any more.
    pub(crate) fn check_end(&mut self) {
        for (number, client) in self.clients.iter().enumerate() {
            if client.link.key.is_some() {
                self.violations
                    .push(format!("the socket of peer {number} was never closed"));
            }
            let is_lenient = self.is_draining || self.was_stopped || client.is_turned_away;
            if !is_lenient && !client.peer.is_over && client.peer.is_owed_replies() {
                self.violations
                    .push(format!("peer {number} still awaits {:?}", client.peer.awaited()));
            }
        }
        if self.is_listening && !self.backlog.is_empty() {
            self.violations
                .push(format!("{} peers were never accepted", self.backlog.len()));
        }
        if self.workers.completions_left() > 0 {
            self.violations.push(format!(
                "{} completions were never taken",
                self.workers.completions_left()
            ));
        }
        for (job, progressed) in self.workers.jobs_of(|_| true) {
            if progressed != Progressed::Done {
                self.violations
                    .push(format!("{job} is {progressed:?} when all is over"));
            }
        }
    }

    /// Checks what must hold after the server said that it is over, having cut off so many calls.
    pub(crate) fn check_exit(&mut self, calls_cut: u64) {
        if self.signals > 1 || self.was_stopped || calls_cut > 0 {
            if calls_cut > 0 && !self.plan.faults.early_shutdown && !self.plan.is_stdio {
                self.violations
                    .push(format!("{calls_cut} calls were cut off, and none was in flight"));
            }
            return;
        }
        let submitted: Vec<&str> = self.workers.jobs.values().map(|(tag, _)| tag.as_str()).collect();
        for (number, client) in self.clients.iter().enumerate() {
            let unanswered = client.peer.awaited().iter().find(|expected| match expected {
                Expected::Answer { tag, .. } => submitted.contains(&tag.as_str()),
                _ => false,
            });
            if let Some(unanswered) = unanswered.filter(|_| client.peer.is_owed_replies()) {
                self.violations.push(format!(
                    "the exit says that nothing was cut off, and peer {number} awaits {unanswered:?}"
                ));
            }
        }
        for (job, progressed) in self.workers.jobs_of(|_| true) {
            if progressed != Progressed::Done {
                self.violations.push(format!(
                    "the exit says that nothing was cut off, and {job} is {progressed:?}"
                ));
            }
        }
    }

    /// Sleeping is right only when everything that the driver was told of is done.
    pub(crate) fn watch_for_idling(&mut self, until: Option<Instant>) {
        if until.is_some_and(|until| until <= self.now) {
            return;
        }
        if self.workers.completions_left() > 0 {
            self.violations
                .push("the loop sleeps, and completions wait that it was told of".to_owned());
        }
        for (number, client) in self.clients.iter().enumerate() {
            if client.link.is_write_owed && client.link.key.is_some() && !client.link.is_reset {
                self.violations.push(format!(
                    "the loop sleeps, and peer {number} was told to take more"
                ));
            }
        }
    }

    pub(crate) fn watch_for_spinning(&mut self, until: Option<Instant>) {
        let sleeps = until.is_none_or(|until| until > self.now);
        if sleeps || self.has_acted {
            self.turns_wasted = 0;
        } else {
            self.turns_wasted += 1;
        }
        self.has_acted = false;
        if self.turns_wasted == TURNS_WASTED_MAX {
            self.violations.push(format!(
                "the loop spins: {TURNS_WASTED_MAX} turns without sleep or effect"
            ));
        }
    }
}
