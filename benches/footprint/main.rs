//! What the program costs before it does anything: the size of the file, the time from exec to the first answer, and the
//! memory after the start and after the sample data was first used.
//!
//! `cargo bench --bench footprint` measures the release binary, `-- --binary PATH` another one, such as what
//! `scripts/build-static` made; `--starts N` sets how many starts the median is of (15). Whether the binary has the
//! embedded engine is seen, and the goals follow. A goal that is missed is said and changes nothing else: times are
//! of the machine, and a busy one must not fail a build. Sizes are what `scripts/check-size` refuses.

#![allow(clippy::print_stdout, missing_docs, reason = "a table for people")]

mod start;

use std::path::PathBuf;
use std::time::Duration;

use start::{Engine, Memory, Started};

/// What is promised.
struct Goals {
    file_bytes: u64,
    first_answer: Duration,
    resident_bytes: u64,
}

const WITH_ENGINE: Goals = Goals {
    file_bytes: 8_000_000,
    first_answer: Duration::from_millis(10),
    resident_bytes: 12 << 20,
};

const WITHOUT_ENGINE: Goals = Goals {
    file_bytes: 6_000_000,
    first_answer: Duration::from_millis(5),
    resident_bytes: 6 << 20,
};

/// Two tables and an index each: 75,000 rows of the sample data are made for it.
const FIRST_USE: &str = "select count(*) from snowflake_sample_data.tpch_sf1.lineitem \
                         join snowflake_sample_data.tpch_sf1.orders on l_orderkey = o_orderkey";

fn main() {
    let asked = Asked::read(std::env::args().skip(1));
    let file_bytes = std::fs::metadata(&asked.binary)
        .expect("the binary is there")
        .len();
    let mut first_answers = Vec::with_capacity(asked.starts);
    let mut after_start = Vec::with_capacity(asked.starts);
    // The first start reads the file from the disk; it is no part of the median.
    let has_engine = Started::begin(&asked.binary, Engine::Embedded).has_engine();
    let engine = if has_engine {
        Engine::Embedded
    } else {
        Engine::Snowflake
    };
    for _ in 0..asked.starts {
        let started = Started::begin(&asked.binary, engine);
        first_answers.push(started.first_answer());
        after_start.push(started.memory());
    }
    first_answers.sort_unstable();
    after_start.sort_unstable_by_key(|memory| memory.resident_bytes);
    let goals = if has_engine { &WITH_ENGINE } else { &WITHOUT_ENGINE };
    println!(
        "{}, {} the embedded engine, {} starts",
        asked.binary.display(),
        if has_engine { "with" } else { "without" },
        asked.starts
    );
    println!("| figure | measured | goal | |\n|---|---|---|---|");
    let size = format!("{:.2} MB", megabytes(file_bytes));
    if asked.is_release {
        // Its symbols stay; what is promised is the size of the static file.
        println!("| file | {size} | | |");
    } else {
        let goal = format!("{:.0} MB", megabytes(goals.file_bytes));
        row("file", &size, &goal, file_bytes <= goals.file_bytes);
    }
    let median = first_answers[asked.starts / 2];
    row(
        "exec to the first 200 of /health",
        &format!(
            "{:.1} ms ({:.1} to {:.1})",
            milliseconds(median),
            milliseconds(first_answers[0]),
            milliseconds(first_answers[asked.starts - 1])
        ),
        &format!("{:.0} ms", milliseconds(goals.first_answer)),
        median <= goals.first_answer,
    );
    let resident = after_start[asked.starts / 2];
    row(
        "resident after the start",
        &told(resident),
        &format!("{:.0} MiB", mebibytes(goals.resident_bytes)),
        resident.resident_bytes <= goals.resident_bytes,
    );
    if has_engine {
        first_use(&asked);
    }
}

/// Memory when the sample data is used, and what stays of it.
fn first_use(asked: &Asked) {
    let started = Started::begin(&asked.binary, Engine::Embedded);
    let took = started.call(FIRST_USE);
    let once = started.memory();
    for _ in 0..20 {
        started.call(FIRST_USE);
    }
    let often = started.memory();
    println!(
        "| resident after the data's first use ({:.0} ms) | {} | | |",
        milliseconds(took),
        told(once)
    );
    println!("| the same after 20 more queries | {} | | |", told(often));
}

fn row(figure: &str, measured: &str, goal: &str, is_met: bool) {
    let verdict = if is_met { "met" } else { "MISSED" };
    println!("| {figure} | {measured} | {goal} | {verdict} |");
}

fn told(memory: Memory) -> String {
    format!(
        "{:.1} MiB ({:.1} its own, {:.1} of files; peak {:.1})",
        mebibytes(memory.resident_bytes),
        mebibytes(memory.own_bytes),
        mebibytes(memory.resident_bytes - memory.own_bytes),
        mebibytes(memory.peak_bytes)
    )
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What was typed.
struct Asked {
    binary: PathBuf,
    /// Whether it is the one of this build, because no other was named.
    is_release: bool,
    starts: usize,
}

impl Asked {
    fn read(arguments: impl Iterator<Item = String>) -> Self {
        let mut asked = Self {
            binary: PathBuf::from(env!("CARGO_BIN_EXE_snowflake-mcp")),
            is_release: true,
            starts: 15,
        };
        let mut arguments = arguments.filter(|argument| argument != "--bench");
        while let Some(argument) = arguments.next() {
            let value = arguments.next().unwrap_or_default();
            match argument.as_str() {
                "--binary" => (asked.binary, asked.is_release) = (PathBuf::from(value), false),
                "--starts" => asked.starts = value.parse().expect("--starts takes a number"),
                other => panic!("{other} is unknown: --binary PATH, --starts N"),
            }
        }
        assert!(asked.starts > 0, "--starts takes a number over 0");
        // Cargo runs benchmarks in the package's folder and people name files from there.
        asked.binary = asked.binary.canonicalize().expect("the binary is there");
        asked
    }
}
