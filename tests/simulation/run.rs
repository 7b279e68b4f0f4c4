//! One run: a seed in, a verdict out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::{Keys, Service};
use snowflake_mcp::reactor::Driver;
use snowflake_mcp::reactor::planted::PlantedBug;
use snowflake_mcp::server::{self, Exit, Metric, Server};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::tools;

use crate::backend::PLANNED_PANIC;
use crate::oracle::{check_memory, check_nothing_is_held};
use crate::plan::Plan;
use crate::world::SimulatedWorld;

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The same for the same seed.
    pub(crate) trace: u64,
    /// Turns of the driver.
    pub(crate) turns: u64,
    /// Replies that peers received.
    pub(crate) replies: u64,
    /// Jobs that were submitted.
    pub(crate) jobs: u64,
    /// How often something was refused for want of memory or place: requests, results, connections.
    pub(crate) shortages: [u64; 3],
}

/// Runs the driver and the server with everything that `seed` draws.
///
/// # Errors
/// The first thing that must not be, with the turn it was seen in.
pub(crate) fn run(seed: u64, planted: Option<PlantedBug>, turns_max: u64) -> Result<Verdict, String> {
    catching(|| run_turns(seed, |_| {}, planted, turns_max))
}

/// The same with a plan that is not quite the seed's.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_with(seed: u64, change: impl FnOnce(&mut Plan), turns_max: u64) -> Result<Verdict, String> {
    catching(|| run_turns(seed, change, None, turns_max))
}

/// Turns a panic of `run`, an assertion of the server's own for example, into a failure like any other.
///
/// # Errors
/// What `run` says, or what the panic said.
pub(crate) fn catching<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    silence_planned_panics();
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("a panic: {}", what.unwrap_or_default()))
    })
}

fn run_turns(
    seed: u64,
    change: impl FnOnce(&mut Plan),
    planted: Option<PlantedBug>,
    turns_max: u64,
) -> Result<Verdict, String> {
    let mut random = SeededEntropy::new(seed);
    let mut plan = Plan::draw(&mut random);
    change(&mut plan);
    let limits = plan.limits.clone();
    let server = server(&limits, random.next_u64());
    let world = SimulatedWorld::new(plan, random);
    let mut driver = Driver::new(world, server, &limits);
    if let Some(bug) = planted {
        driver = driver.with_planted(bug);
    }
    let mut turns = 0;
    let exit = loop {
        turns += 1;
        let exit = driver.turn().map_err(|error| format!("turn {turns}: {error}"))?;
        check_memory(driver.server(), &limits).map_err(|what| format!("turn {turns}: {what}"))?;
        let world = driver.world_mut();
        world.check_turn();
        if let Some(violation) = world.violations.first() {
            return Err(format!("turn {turns}: {violation}"));
        }
        if let Some(exit) = exit {
            break exit;
        }
        if turns >= turns_max {
            return Err(format!("turn {turns}: it does not come to an end"));
        }
        if std::mem::take(&mut driver.world_mut().is_idle) {
            check_idle(&mut driver, turns)?;
        }
    };
    check_exit(&mut driver, exit, turns)
}

/// Nothing will happen any more and nobody has asked for the end: then everything is over, and nothing is left.
fn check_idle(driver: &mut Driver<SimulatedWorld>, turns: u64) -> Result<(), String> {
    let (connections, jobs) = (driver.server().connections(), driver.server().jobs());
    if (connections, jobs) != (0, 0) {
        return Err(format!(
            "turn {turns}: all is quiet, and the server still has {connections} connections and {jobs} jobs"
        ));
    }
    check_nothing_is_held(driver.server()).map_err(|what| format!("turn {turns}: {what}"))?;
    let world = driver.world_mut();
    if world.is_draining {
        return Err(format!(
            "turn {turns}: the server was told to end, is idle, and does not"
        ));
    }
    world.check_end();
    if let Some(violation) = world.violations.first() {
        return Err(format!("turn {turns}, at the end: {violation}"));
    }
    world.signal();
    Ok(())
}

fn check_exit(driver: &mut Driver<SimulatedWorld>, exit: Exit, turns: u64) -> Result<Verdict, String> {
    let metrics = driver.server().metrics();
    let shortages = [
        Metric::RequestsNotKept,
        Metric::ResultsNotKept,
        Metric::ConnectionsRefused,
    ];
    let shortages = shortages.map(|metric| metrics.value(metric));
    let world = driver.world_mut();
    world.end_process();
    world.check_exit(exit.calls_cut);
    if let Some(violation) = world.violations.first() {
        return Err(format!("turn {turns}, after the exit: {violation}"));
    }
    Ok(Verdict {
        trace: world.trace(),
        turns,
        replies: world.clients.iter().map(|client| client.peer.replies).sum(),
        jobs: world.workers.jobs.len() as u64,
        shortages,
    })
}

/// A server as the program makes it, under these bounds.
pub(crate) fn server(limits: &Limits, seed: u64) -> Server {
    let settings = server::Settings {
        limits: limits.clone(),
        ..server::Settings::default()
    };
    let tools = tools::Settings::new(limits, Policy::default());
    let service = Service::new(limits, tools, Keys::random(&mut SeededEntropy::new(seed)));
    Server::new(settings, service, Box::new(SeededEntropy::new(seed)))
}

/// The default hook would print a backtrace for every panic that a worker is meant to survive.
fn silence_planned_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic
                .payload()
                .downcast_ref::<String>()
                .is_none_or(|text| text != PLANNED_PANIC)
            {
                default(panic);
            }
        }));
    });
}
