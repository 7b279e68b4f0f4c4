//! How fast the parts are: bytes a second of the codecs, of messages, of the guard and of the encoder of results.
//!
//! `cargo bench --bench micro`, with `-- --quick` for a first look and `-- guard` for one group. To tell whether a change
//! made something slower use `scripts/check-instructions`: here a busy neighbour still takes its share of the caches.

#![allow(missing_docs, reason = "made by criterion's macros")]

mod encode;
#[path = "../instructions/src/messages.rs"]
#[allow(dead_code, reason = "shared with benches/instructions")]
mod messages;
mod parts;
mod processor_time;
#[path = "../instructions/src/rows.rs"]
mod rows;
#[path = "../instructions/src/statements.rs"]
mod statements;
mod wire;

use criterion::{criterion_group, criterion_main};

criterion_group! {
    name = benches;
    config = processor_time::criterion();
    targets = wire::wire, parts::rpc, parts::guard, encode::encode
}
criterion_main!(benches);
