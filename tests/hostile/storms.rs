//! Many connections, and many requests on one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::attacker::{LIST, post, reset};
use super::victim::{KEPT_EACH_BYTES, Victim, connect, until};

#[test]
fn a_storm_of_connections_that_are_reset_leaves_nothing_behind() {
    const EACH: usize = 1_000;
    let victim = Victim::start();
    let whole = post(LIST);
    let said: [&[u8]; 4] = [
        b"",
        b"GET /hea",
        whole.as_bytes(),
        &whole.as_bytes()[..whole.len() - 5],
    ];
    let address = victim.address;
    victim.attacked(|| {
        thread::scope(|scope| {
            for part in said {
                scope.spawn(move || {
                    for _ in 0..EACH {
                        let mut stream = connect(address);
                        stream.write_all(part).expect("it takes the bytes");
                        reset(stream);
                    }
                });
            }
        });
    });
    victim.calms_down(4 << 20);
}

#[test]
fn a_burst_that_comes_between_two_turns_is_accepted_without_a_second_handshake() {
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("it is there");
    let count = most.trim().parse::<usize>().expect("a number").min(1_000);
    let victim = Victim::start();
    victim.signal(Signal::STOP);
    let burst: Result<Vec<_>, _> = (0..count)
        // What finds no place in the backlog finds none while the server stands still, however often it is tried again.
        .map(|_| TcpStream::connect_timeout(&victim.address, Duration::from_secs(20)))
        .collect();
    victim.signal(Signal::CONT);
    let burst = burst.expect("all are taken into the backlog");
    until(|| victim.figures().connections == count).expect("all are accepted");
    drop(burst);
    victim.calms_down(count * KEPT_EACH_BYTES);
}

#[test]
fn a_flood_of_pipelined_requests_is_answered_in_full_and_starves_nobody() {
    const CLIENTS: usize = 8;
    const EACH: usize = 1_000;
    let victim = Victim::start();
    let request = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let requests = request.repeat(EACH - 1) + last;
    let address = victim.address;
    victim.attacked(|| {
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let mut stream = connect(address);
                    let mut writing = stream.try_clone().expect("a second handle");
                    let mut text = String::new();
                    thread::scope(|scope| {
                        scope.spawn(|| writing.write_all(requests.as_bytes()).expect("it reads"));
                        stream.read_to_string(&mut text).expect("it answers and closes");
                    });
                    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), EACH);
                });
            }
        });
    });
    victim.calms_down(4 << 20);
}
