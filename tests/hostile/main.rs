//! Clients that mean harm, against the real binary in a process of its own whose memory, descriptors and processor time
//! are read from `/proc`.
//!
//! Every attack is a test with figures. While it lasts, somebody else's `/health` is answered within a second of the
//! server's own time; when it is over, connections, descriptors, memory and processor time are back where they were.
//! Attacks take turns, so that a figure belongs to one of them. None hangs on how fast the machine is or whether it stands
//! still for a moment: what must come soon is waited for with patience, what costs time is held against processor time, and
//! an attack that came too late for what it wants to show is begun anew. Whatever the servers say is searched for secrets.
//!
//! | attack | file |
//! |---|---|
//! | heads that do not end, lengths that never come | `heads` |
//! | heads, bodies, messages and readers that drip | `slow` |
//! | clients that ask for much and read nothing | `readers` |
//! | streams of events that nobody reads | `streams` |
//! | many at once: what all may hold together, how many may be open | `sums` |
//! | connections and resets, pipelined requests | `storms` |
//! | fragments, pings and closes | `websockets` |
//! | JSON and SQL that are meant to be much work | `bombs` |
//! | no descriptor is left | `descriptors` |
//! | workers that panic | `panics` |
//! | a process that stands still, ends under load | `signals`, `clocks` |
//! | a wall clock that jumps | `clocks` |
//!
//! The victim is the shipped binary, or, where that has no door for it, a server of the same parts (`stand_in`). What slow
//! peers get to the millisecond is tested where the clock is the test's own: `tests/protocol/http/timing.rs` and
//! `tests/simulation/clocks.rs`.

#![cfg(target_os = "linux")]

mod attacker;
mod bombs;
mod clocks;
mod descriptors;
mod heads;
mod panics;
#[path = "../end_to_end/planted.rs"]
mod planted;
mod readers;
mod signals;
mod slow;
mod stand_in;
mod storms;
mod streams;
mod sums;
mod victim;
mod websockets;
