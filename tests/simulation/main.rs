//! Deterministic simulation: the real driver and the real server in a world that one number decides.
//!
//! | level | what is real | what is simulated |
//! |---|---|---|
//! | `driver.rs` | driver, server, protocol, `step_once` | sockets, peers, workers, engine, time, chance |
//! | `clocks.rs` | as `driver.rs`, or the server alone | a wall clock that jumps, a process that stood still |
//! | `server.rs` | server, protocol, `step_once` | the driver too: actions come in any order that is allowed |
//! | `planted.rs` | as `driver.rs`, with a mistake planted in the driver | proves that the simulator sees |
//!
//! A failure prints its seed, the turn, and the line that repeats it. `SIM_SEED` runs one seed, `SIM_SEEDS` so many
//! (200 by default), `SIM_STEPS` bounds a run, `SIM_TRACE` prints what the driver does in it.
#![allow(clippy::print_stdout, reason = "a failing seed is traced")]

mod backend;
mod clocks;
mod conversations;
mod driver;
mod link;
mod oracle;
mod peer;
mod plan;
mod planted;
mod reply;
mod request;
mod run;
mod server;
mod wall;
mod world;

use std::ops::Range;

/// The seeds to run: `SIM_SEED` alone, or `SIM_SEEDS` of them, or `default`.
fn seeds(default: u64) -> Range<u64> {
    match (number("SIM_SEED"), number("SIM_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(default),
    }
}

/// Steps after which a run that has not come to an end is taken to never do so.
fn steps_max() -> u64 {
    number("SIM_STEPS").unwrap_or(50_000)
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is {text:?}, not a number")),
    )
}

/// Ends the test with everything that is needed to see the failure again.
fn fail(seed: u64, test: &str, what: &str) -> ! {
    panic!("seed {seed}, {what}\n  repeat: SIM_SEED={seed} cargo test --test simulation {test}");
}
