//! No descriptor is left. That a listener that was given up is tried again after 50 ms, or at once when a connection is closed, is
//! tested where the clock is the test's own (`reactor/accepting.rs`).

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, prlimit};

use super::attacker::response;
use super::victim::{Victim, connect, until};

const LIMIT: usize = 64;
const REQUEST: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// As many connections as there are descriptors, and half as many that wait.
fn exhaust(victim: &Victim) -> Vec<TcpStream> {
    let open: Vec<_> = (0..LIMIT * 3 / 2).map(|_| connect(victim.address)).collect();
    // What the test inherited itself may have higher numbers and stay open.
    until(|| victim.descriptors() >= LIMIT).expect("it accepts until nothing is left");
    open
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(REQUEST).expect("it takes the bytes");
    is_answered(stream);
}

fn is_answered(stream: &mut TcpStream) {
    let (head, _) = response(stream);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

#[test]
fn a_full_table_of_descriptors_costs_no_processor_time_and_serves_who_is_in() {
    let victim = Victim::start_after(&format!("ulimit -n {LIMIT}"));
    let mut open = exhaust(&victim);
    let before = victim.processor_ticks();
    for _ in 0..100 {
        ask(&mut open[0]);
        thread::park_timeout(Duration::from_millis(5));
    }
    let ticks = victim.processor_ticks() - before;
    // One that spins has 50 and more.
    assert!(ticks <= 30, "{ticks} ticks of 10 ms for a request every 5 ms");
    // Each that leaves makes room for one that waits, and then there is none again: that is no news.
    drop(open);
    victim.calms_down(4 << 20);
    let mut told = 0;
    until(|| {
        told += victim.said("cannot accept");
        told > 0
    })
    .expect("it says so");
    assert_eq!(told, 1);
}

#[test]
fn who_waited_is_answered_once_a_client_leaves() {
    let victim = Victim::start_after(&format!("ulimit -n {LIMIT}"));
    let mut open = exhaust(&victim);
    let mut last = open.pop().expect("one that waits");
    last.write_all(REQUEST).expect("its buffer has room");
    // As many as wait.
    open.truncate(LIMIT / 4);
    is_answered(&mut last);
    drop((open, last));
    victim.calms_down(4 << 20);
}

#[test]
fn who_waited_is_answered_once_there_are_descriptors_though_nobody_left() {
    let victim = Victim::start_after(&format!("ulimit -n {}; ulimit -Sn {LIMIT}", LIMIT));
    let mut open = exhaust(&victim);
    let mut last = open.pop().expect("one that waits");
    last.write_all(REQUEST).expect("its buffer has room");
    let more = Rlimit {
        current: Some(LIMIT as u64 * 4),
        maximum: Some(LIMIT as u64 * 4),
    };
    let Ok(_) = prlimit(Some(victim.pid()), Resource::Nofile, more) else {
        // Only a privileged test can raise another process's hard limit.
        return;
    };
    is_answered(&mut last);
    drop((open, last));
    victim.calms_down(4 << 20);
}
