//! Every mistake that is planted in the driver is caught. Without this, a silent simulator and a right driver look the
//! same.

use snowflake_mcp::reactor::planted::PlantedBug;

use crate::run::run;
use crate::steps_max;

/// Seeds within which a mistake must be caught; the usual run has 200.
const SEEDS_MAX: u64 = 100;

#[test]
#[cfg_attr(
    not(debug_assertions),
    ignore = "bugs can be planted only with debug assertions"
)]
fn every_planted_bug_is_caught() {
    let mut missed = Vec::new();
    for bug in PlantedBug::ALL {
        match (0..SEEDS_MAX).find_map(|seed| run(seed, Some(bug), steps_max()).err().map(|what| (seed, what)))
        {
            Some((seed, what)) => println!("{bug:?}: caught by seed {seed}, {what}"),
            None => missed.push(bug),
        }
    }
    assert!(
        missed.is_empty(),
        "not caught within {SEEDS_MAX} seeds: {missed:?}"
    );
}
