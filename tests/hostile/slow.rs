//! Peers that are slow on purpose: heads, bodies and readers that drip. The times are set to a second, so that the
//! figures can be waited for; what they are by default is tested where the clock is the test's own.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use snowflake_mcp::time::{Clock, SystemClock};

use super::attacker::{LIST, TEXT, announced, frame, post, websocket};
use super::victim::{Victim, connect, took, until};

const CLIENTS: usize = 50;
/// How long a byte is worked on.
const DRIP: Duration = Duration::from_millis(100);
/// Nobody is cut before.
const CUT_MIN: Duration = Duration::from_millis(900);

/// Sends a byte of `drip` on each stream, again and again, until the server has closed it. What each was told.
fn drip(streams: Vec<TcpStream>, byte: &[u8]) -> Vec<Vec<u8>> {
    let mut open: Vec<(TcpStream, Vec<u8>, bool)> = streams
        .into_iter()
        .map(|stream| {
            stream.set_nonblocking(true).expect("an option of every socket");
            (stream, Vec::new(), true)
        })
        .collect();
    until(|| {
        thread::park_timeout(DRIP);
        for (stream, told, is_open) in &mut open {
            // A socket that is closed meanwhile takes it, or says that it is.
            let _ = stream.write(byte);
            let mut part = [0; 4096];
            match stream.read(&mut part) {
                Ok(0) => *is_open = false,
                Ok(count) => told.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => *is_open = false,
            }
        }
        open.iter().all(|(_, _, is_open)| !is_open)
    })
    .expect("all are cut");
    open.into_iter().map(|(_, told, _)| told).collect()
}

fn are_cut(setting: &str, open: impl Fn(&Victim) -> TcpStream, byte: &[u8], expected: &str) {
    let victim = Victim::start_after(&format!("export {setting}=1"));
    let mut told = Vec::new();
    let time = victim.attacked(|| {
        took(|| {
            let streams = (0..CLIENTS).map(|_| open(&victim)).collect();
            told = drip(streams, byte);
        })
    });
    assert!(time > CUT_MIN, "{time:?}");
    for told in told {
        let told = String::from_utf8_lossy(&told);
        assert!(told.starts_with(expected), "{told}");
    }
    victim.calms_down(4 << 20);
}

fn begun(victim: &Victim, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(victim.address);
    stream.write_all(bytes).expect("it reads");
    stream
}

#[test]
fn heads_that_drip_are_answered_408_in_time() {
    let head = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
    are_cut(
        "MCP_HEAD_TIMEOUT",
        |victim| begun(victim, head),
        b"x",
        "HTTP/1.1 408 ",
    );
}

#[test]
fn bodies_that_drip_are_answered_408_in_time() {
    let whole = post(&" ".repeat(100_000));
    let half = &whole.as_bytes()[..5_000];
    are_cut(
        "MCP_BODY_TIMEOUT",
        |victim| begun(victim, half),
        b" ",
        "HTTP/1.1 408 ",
    );
}

#[test]
fn messages_that_drip_end_their_websocket_in_time() {
    let open = |victim: &Victim| {
        let mut socket = websocket(victim.address);
        socket.write_all(&announced(TEXT, 100_000)).expect("it reads");
        socket
    };
    are_cut("MCP_BODY_TIMEOUT", open, b" ", "");
}

#[test]
fn readers_that_drip_are_dropped_in_time() {
    let victim = Victim::start_after("export MCP_WRITE_TIMEOUT=1");
    type Open = fn(&Victim) -> TcpStream;
    let openings: [(Open, Vec<u8>); 2] = [
        (|victim| connect(victim.address), post(LIST).into_bytes()),
        (|victim| websocket(victim.address), frame(TEXT, LIST.as_bytes())),
    ];
    for (open, request) in openings {
        let mut readers: Vec<TcpStream> = (0..4).map(|_| open(&victim)).collect();
        victim.attacked(|| {
            let requests = request.repeat(64);
            thread::scope(|scope| {
                for reader in &mut readers {
                    let requests = &requests;
                    scope.spawn(move || {
                        // It may be cut while others are still asking.
                        reader
                            .set_write_timeout(Some(DRIP))
                            .expect("a timeout can be set");
                        while reader.write_all(requests).is_ok() {}
                    });
                }
            });
            // At this pace a reader would be at it for days.
            until(|| {
                thread::park_timeout(DRIP);
                for reader in &mut readers {
                    reader.set_nonblocking(true).expect("an option of every socket");
                    let _ = reader.read(&mut [0]);
                }
                victim.figures().connections == 0
            })
            .expect("all are dropped");
        });
    }
    victim.calms_down(8 << 20);
}

#[test]
fn who_takes_nothing_is_dropped_and_who_takes_slowly_gets_everything() {
    let victim = Victim::start_after("export MCP_WRITE_TIMEOUT=1");
    let mut silent = connect(victim.address);
    let requests = post(LIST).repeat(64);
    // On a busy machine the server may have dropped it before it stops taking: a reset is how that looks from here.
    silent
        .set_write_timeout(Some(DRIP))
        .expect("a timeout can be set");
    while silent.write_all(requests.as_bytes()).is_ok() {}
    let lists = 400;
    let taken = (0..20).find_map(|_| take_slowly(&victim, lists));
    assert_eq!(taken.expect("we were not held up every time"), lists);
    until(|| victim.figures().connections == 0).expect("the silent one is dropped");
    victim.calms_down(8 << 20);
}

/// Asks for so many lists, takes them slowly, and counts them. `None`: something stood still for so long that the server had
/// reason to drop us.
fn take_slowly(victim: &Victim, lists: usize) -> Option<usize> {
    const HELD_UP: Duration = Duration::from_millis(500);
    let clock = SystemClock::new();
    let mut before = clock.now().monotonic;
    let mut slow = connect(victim.address);
    let last = post(LIST).replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let requests = post(LIST).repeat(lists - 1) + &last;
    let _ = slow.write_all(requests.as_bytes());
    let (mut text, mut part) = (Vec::new(), vec![0; 256 << 10]);
    loop {
        thread::park_timeout(Duration::from_millis(50));
        let read = slow.read(&mut part);
        let now = clock.now().monotonic;
        if now.since(before) > HELD_UP {
            return None;
        }
        before = now;
        match read.expect("it answers") {
            0 => break,
            count => text.extend_from_slice(&part[..count]),
        }
    }
    let text = String::from_utf8_lossy(&text);
    Some(text.matches("HTTP/1.1 200 OK\r\n").count())
}
