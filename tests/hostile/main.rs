//! Clients that mean harm, against the real binary in a process of its own whose memory, descriptors and processor time
//! are read from `/proc`.
//!
//! Every attack is a test with figures. While it lasts, somebody else's `/health` is answered within a second; when it
//! is over, connections, descriptors and memory are back where they were. Attacks take turns, so that a figure
//! belongs to one of them. How slow a head, body or reader may be by default is tested where the clock is the test's own:
//! in `tests/protocol/http/timing.rs` and beside the server.

#![cfg(target_os = "linux")]

mod attacker;
mod bombs;
mod descriptors;
mod heads;
mod readers;
mod signals;
mod slow;
mod storms;
mod sums;
mod victim;
mod websockets;
