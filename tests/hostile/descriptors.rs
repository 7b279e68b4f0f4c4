//! No descriptor is left.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, prlimit};

use super::victim::{Victim, connect, took, until, until_or};

const LIMIT: usize = 64;
const REQUEST: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// By then a connection that waited is answered, once there is a descriptor for it.
const RECOVERY_MAX: Duration = Duration::from_millis(100);

/// As many connections as there are descriptors, and half as many that wait.
fn exhaust(victim: &Victim) -> Vec<TcpStream> {
    let open: Vec<_> = (0..LIMIT * 3 / 2).map(|_| connect(victim.address)).collect();
    // What the test inherited itself may have higher numbers and stay open.
    until(|| victim.descriptors() >= LIMIT).expect("it accepts until nothing is left");
    open
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(REQUEST).expect("it takes the bytes");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("it answers");
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[test]
fn a_full_table_of_descriptors_costs_no_processor_time_and_serves_who_is_in() {
    let victim = Victim::start_after(&format!("ulimit -n {LIMIT}"));
    let mut open = exhaust(&victim);
    let before = victim.processor_ticks();
    let watched = took(|| {
        let _ = until_or(Duration::from_millis(500), || {
            ask(&mut open[0]);
            let mut rest = [0; 4096];
            let _ = open[0].read(&mut rest);
            false
        });
    });
    let ticks = victim.processor_ticks() - before;
    assert!(
        ticks <= 15,
        "{ticks} ticks of 10 ms in {watched:?}, with a request every 5 ms"
    );
    // Each that leaves makes room for one that waits, and then there is none again: that is no news.
    drop(open);
    victim.calms_down(4 << 20);
    assert_eq!(victim.said("cannot accept"), 1);
}

#[test]
fn who_waited_is_answered_within_100_ms_of_a_client_leaving() {
    let victim = Victim::start_after(&format!("ulimit -n {LIMIT}"));
    let mut open = exhaust(&victim);
    let mut last = open.pop().expect("one that waits");
    last.write_all(REQUEST).expect("its buffer has room");
    // As many as wait.
    open.truncate(LIMIT / 4);
    let time = took(|| {
        let mut answer = [0; 12];
        last.read_exact(&mut answer).expect("it answers");
    });
    assert!(time < RECOVERY_MAX, "{time:?}");
    drop((open, last));
    victim.calms_down(4 << 20);
}

#[test]
fn who_waited_is_answered_within_100_ms_of_descriptors_freed_by_something_else() {
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
    let time = took(|| {
        let mut answer = [0; 12];
        last.read_exact(&mut answer).expect("it answers");
    });
    assert!(time < RECOVERY_MAX, "{time:?}");
    drop((open, last));
    victim.calms_down(4 << 20);
}
