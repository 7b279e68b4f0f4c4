//! Clients that ask for much and read nothing.

use std::net::{SocketAddr, TcpStream};
use std::thread;

use super::attacker::{LIST, TEXT, frame, post, websocket, write_until_refused};
use super::victim::{Victim, connect};

/// The server stops reading from who takes nothing: at 256 KiB that wait, and a reply or two.
const HELD_BYTES_MAX: usize = 640 << 10;
const CLIENTS: usize = 12;
/// More than the sockets' own buffers hold.
const TIMES_MAX: usize = 2_000_000;

fn nobody_reads(open: fn(SocketAddr) -> TcpStream, request: &[u8]) {
    let victim = Victim::start();
    let address = victim.address;
    let requests = request.repeat(16);
    let clients = victim.attacked(|| {
        thread::scope(|scope| {
            let attack = || {
                let mut client = open(address);
                let taken = write_until_refused(&mut client, &requests, TIMES_MAX);
                (client, taken)
            };
            let attacks: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(attack)).collect();
            let ended = attacks
                .into_iter()
                .map(|attack| attack.join().expect("no failure"));
            ended.collect::<Vec<_>>()
        })
    });
    for (_, taken) in &clients {
        assert!(*taken < requests.len() * TIMES_MAX, "it read without an end");
    }
    let each = victim.growth_bytes() / CLIENTS;
    assert!(each < HELD_BYTES_MAX, "{each} bytes each");
    drop(clients);
    victim.calms_down(8 << 20);
}

#[test]
fn http_clients_that_never_read_their_lists_hold_a_bounded_memory() {
    nobody_reads(connect, post(LIST).as_bytes());
}

#[test]
fn http_clients_that_never_read_metrics_hold_a_bounded_memory() {
    nobody_reads(connect, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

#[test]
fn websocket_clients_that_never_read_hold_a_bounded_memory() {
    nobody_reads(websocket, &frame(TEXT, LIST.as_bytes()));
}
