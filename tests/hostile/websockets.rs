//! Floods of frames that are all lawful by themselves.

use std::io::Write;

use super::attacker::{
    CLOSE, CONTINUED, LIST, PING, TEXT_OPEN, frame, read_to_end, reset, websocket, write_until_refused,
};
use super::victim::{Victim, until};

#[test]
fn a_message_in_fragments_of_one_byte_ends_at_the_limit() {
    const FRAGMENTS: usize = 60_000;
    let victim = Victim::start();
    let mut socket = websocket(victim.address);
    victim.attacked(|| {
        socket.write_all(&frame(TEXT_OPEN, b"[")).expect("it reads");
        let flood = frame(CONTINUED, b" ").repeat(FRAGMENTS);
        socket.write_all(&flood).expect("it reads");
        // The rest of what may be, and one more.
        let rest = vec![b' '; (4 << 20) - FRAGMENTS];
        // Its length says enough: the server may have closed before all of it was written.
        let _ = socket.write_all(&frame(CONTINUED, &rest));
        let _ = socket.shutdown(std::net::Shutdown::Write);
        let close = read_to_end(&mut socket);
        assert_eq!(&close[2..4], &1009_u16.to_be_bytes());
    });
    victim.calms_down(12 << 20);
}

#[test]
fn fragments_of_nothing_take_no_memory() {
    const FRAGMENTS: usize = 200_000;
    let victim = Victim::start();
    let mut socket = websocket(victim.address);
    victim.attacked(|| {
        socket
            .write_all(&frame(TEXT_OPEN, LIST.as_bytes()))
            .expect("it reads");
        socket
            .write_all(&frame(CONTINUED, b"").repeat(FRAGMENTS))
            .expect("it reads");
        socket.write_all(&frame(0x80, b"")).expect("it reads");
        let mut first = [0; 2];
        std::io::Read::read_exact(&mut socket, &mut first).expect("the message was whole");
        assert_eq!(first[0], 0x81);
    });
    let grown = victim.growth_bytes();
    assert!(grown < 4 << 20, "{grown} bytes");
    drop(socket);
    victim.calms_down(4 << 20);
}

#[test]
fn pings_whose_pongs_nobody_reads_are_not_read_either() {
    const PINGS_MAX: usize = 1_000_000;
    let victim = Victim::start();
    let mut socket = websocket(victim.address);
    let pings = frame(PING, &[b'p'; 125]).repeat(64);
    victim.attacked(|| {
        let taken = write_until_refused(&mut socket, &pings, PINGS_MAX / 64);
        assert!(taken < pings.len() * (PINGS_MAX / 64), "it read without an end");
    });
    let grown = victim.growth_bytes();
    assert!(grown < 2 << 20, "{grown} bytes");
    reset(socket);
    victim.calms_down(4 << 20);
}

#[test]
fn what_follows_a_close_is_thrown_away() {
    const SOCKETS: usize = 100;
    let victim = Victim::start();
    let flood = frame(CLOSE, &1000_u16.to_be_bytes()).repeat(2_000);
    victim.attacked(|| {
        for _ in 0..SOCKETS {
            let mut socket = websocket(victim.address);
            // It may have closed before all of it was written.
            let _ = socket.write_all(&flood);
            let _ = socket.shutdown(std::net::Shutdown::Write);
            let answer = read_to_end(&mut socket);
            assert!(answer.len() <= 4, "one Close at most, not {answer:?}");
        }
    });
    until(|| victim.figures().connections == 0).expect("all are closed");
    victim.calms_down(4 << 20);
}
