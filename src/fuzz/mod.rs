//! Entry points for fuzzers: each takes any bytes, gives them to one reader of foreign input, and asserts what must
//! hold whatever they are. No part of the program's interface.
//!
//! They know neither where the bytes come from nor how they are varied: `tests/fuzz` runs a seeded mutator over the
//! committed corpora on stable Rust, and `fuzz/` hands the same functions to cargo-fuzz. An entry point of private
//! code stands beside that code and is named here.
//!
//! # Panics
//! All of them, where an assertion does not hold: that is what they are for.

pub mod http;
pub mod websocket;

mod chunked;
mod guard;
mod proxy;
mod responses;
mod rpc;
mod settings;
mod token;

pub use crate::snowflake::fuzz::{answer, cell};
pub use chunked::{HEAD, chunked};
pub use guard::guard;
pub use http::http;
pub use proxy::proxy;
pub use rpc::rpc;
pub use settings::settings;
pub use token::token;
pub use websocket::websocket;

use crate::entropy::SeededEntropy;

/// A target: any bytes in, nothing out.
pub type Target = fn(&[u8]);

/// Every target by the name of its corpus.
pub const TARGETS: [(&str, Target); 10] = [
    ("answer", answer),
    ("cell", cell),
    ("chunked", chunked),
    ("guard", guard),
    ("http", http),
    ("proxy", proxy),
    ("rpc", rpc),
    ("settings", settings),
    ("token", token),
    ("websocket", websocket),
];

/// Ways to cut `bytes` into reads: whole, single bytes (of short input), and pieces of chance, which are the same ones
/// for the same bytes.
pub(crate) fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut ways = vec![vec![bytes]];
    if bytes.len() <= SINGLE_BYTES_MAX {
        ways.push(bytes.chunks(1).collect());
    }
    let seed = bytes.iter().fold(bytes.len() as u64, |seed, &byte| {
        seed.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let mut chance = SeededEntropy::new(seed);
    let (mut parts, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let bound = if chance.below(2) == 0 { 4 } else { 200 };
        let count = usize::try_from(chance.below(bound) + 1).unwrap_or(1);
        let (part, later) = rest.split_at(count.min(rest.len()));
        parts.push(part);
        rest = later;
    }
    ways.push(parts);
    ways
}

/// Longer input is not also read byte by byte: that takes a thousand times as long and finds the same.
const SINGLE_BYTES_MAX: usize = 2_000;
