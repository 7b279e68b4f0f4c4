//! Every reader of foreign bytes, on a committed corpus and on seeded mutations of it; and against second opinions.
//!
//! A corpus is a folder of `tests/fuzz/corpus`, a file an input, small and readable where its form allows. Run number n
//! mutates with seed `FUZZ_SEED` + n (0 without), so a failure says one number that repeats it:
//!
//! ```text
//! FUZZ_SEED=1234 FUZZ_RUNS=1 cargo test --test fuzz -- --exact http
//! FUZZ_RUNS=1000000 cargo test --release --test fuzz
//! ```
//!
//! Long runs that learn from coverage are made by cargo-fuzz: `fuzz/README.md`.

#[cfg(feature = "demo")]
mod engine;
mod grammar;
mod mutator;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use mutator::Mutator;
use snowflake_mcp::fuzz;

/// The files of a corpus, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let entries = std::fs::read_dir(folder.join(target)).expect("every target has a corpus");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("it can be listed").path();
            let bytes = std::fs::read(&path).expect("it can be read");
            (path.display().to_string(), bytes)
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "the corpus of {target} is there");
    files
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// Gives `check` the corpus of `target`, then mutations of it: `FUZZ_RUNS`, or so many as take a second in a debug build.
fn run(target: &str, runs: u64, check: &dyn Fn(&[u8])) {
    let files = corpus(target);
    for (path, bytes) in &files {
        if catch_unwind(AssertUnwindSafe(|| check(bytes))).is_err() {
            panic!("{target} fails on {path}");
        }
    }
    let first = setting("FUZZ_SEED").unwrap_or(0);
    let bases: Vec<Vec<u8>> = files.into_iter().map(|(_, bytes)| bytes).collect();
    for seed in first..first + setting("FUZZ_RUNS").unwrap_or(runs) {
        let bytes = Mutator::new(seed, &bases, mutator::tokens(target)).input();
        if catch_unwind(AssertUnwindSafe(|| check(&bytes))).is_err() {
            panic!(
                "{target} fails with seed {seed}, on b\"{}\"\n\
                 repeat it with FUZZ_SEED={seed} FUZZ_RUNS=1 cargo test --test fuzz -- --exact {}",
                bytes.escape_ascii(),
                std::thread::current().name().unwrap_or(target)
            );
        }
    }
}

macro_rules! targets {
    ($($name:ident: $runs:literal),* $(,)?) => {
        $(#[test] fn $name() { run(stringify!($name), $runs, &fuzz::$name); })*

        #[test]
        fn every_target_is_run() {
            let run = [$(stringify!($name)),*];
            assert_eq!(run, fuzz::TARGETS.map(|(name, _)| name));
            let manifest = include_str!("../../fuzz/Cargo.toml");
            for name in run {
                assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
            }
        }
    };
}

targets! {
    answer: 2_000,
    cell: 20_000,
    chunked: 1_000,
    guard: 3_000,
    http: 1_200,
    proxy: 5_000,
    rpc: 2_500,
    settings: 300,
    token: 5_000,
    websocket: 200,
}
