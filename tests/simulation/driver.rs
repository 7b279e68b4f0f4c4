//! The driver and the server, from the first connection to the exit, under every seed.

use crate::run::run;
use crate::{fail, seeds, steps_max};

#[test]
fn every_promise_is_kept_under_every_seed() {
    let (mut replies, mut jobs, mut shortages) = (0, 0, [0; 3]);
    let seeds = seeds(200);
    let is_whole = seeds.end - seeds.start >= 100;
    for seed in seeds {
        match run(seed, None, steps_max()) {
            Ok(verdict) => {
                replies += verdict.replies;
                jobs += verdict.jobs;
                for (sum, count) in shortages.iter_mut().zip(verdict.shortages) {
                    *sum += count;
                }
            }
            Err(what) => fail(seed, "every_promise", &what),
        }
    }
    // A simulation in which nothing happens would pass as well.
    assert!(
        !is_whole || (replies > 1_000 && jobs > 500),
        "{replies} replies, {jobs} jobs"
    );
    assert!(
        !is_whole || shortages.iter().all(|count| *count > 0),
        "requests, results and connections refused: {shortages:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in seeds(20) {
        let (first, second) = (run(seed, None, steps_max()), run(seed, None, steps_max()));
        if first != second {
            fail(
                seed,
                "the_same_seed",
                &format!("two runs differ: {first:?}, {second:?}"),
            );
        }
    }
}
