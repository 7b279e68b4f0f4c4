//! Time that is not what it was: a wall clock that jumps, and a process that stood still.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use snowflake_mcp::time::{Clock, SystemClock, WallTime};

use super::attacker::{TEXT, frame, query, response, websocket};
use super::victim::{Victim, connect, took, until_or};

const HOUR: i64 = 3_600;
const LIVE: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
const HALF_A_HEAD: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: local";
const THE_OTHER_HALF: &[u8] = b"host\r\n\r\n";

/// Whether the answer's `Date` is a moment from `asked` until now and `shift_seconds`, give or take two seconds.
fn is_dated(head: &str, asked: WallTime, shift_seconds: i64) -> bool {
    let second = |wall: WallTime| i64::try_from(wall.as_micros() / 1_000_000).expect("a second of today");
    let now = SystemClock::new().now().wall;
    (second(asked) - 2..=second(now) + 2).any(|second| {
        let shifted = u64::try_from(second + shift_seconds).expect("a second of today");
        let date = WallTime::from_micros(shifted * 1_000_000).to_http_date();
        head.contains(&format!("\r\nDate: {date}\r\n"))
    })
}

fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).expect("it reads");
    let (head, body) = response(stream);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}{body}");
    head
}

/// The end without a word.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_wall_clock_that_jumps_by_hours_moves_dates_and_no_deadline() {
    const HEAD: Duration = Duration::from_millis(1_500);
    const STATEMENT: Duration = Duration::from_millis(700);
    /// However slow the machine is: no jump is as short as that.
    const LATE_MAX: Duration = Duration::from_secs(60);
    let victim = Victim::stand_in("head=1500 idle=600000");
    let [mut idle, mut half, mut running, mut asking] = [(); 4].map(|()| connect(victim.address));
    let mut socket = websocket(victim.address);
    ask(&mut idle, LIVE);
    let (mut time_of_answer, mut time_of_cut) = (Duration::ZERO, Duration::ZERO);
    victim.attacked(|| {
        time_of_cut = took(|| {
            half.write_all(HALF_A_HEAD).expect("it reads");
            time_of_answer = took(|| {
                let wait = query(&format!("select 'wait {}'", STATEMENT.as_millis()));
                running.write_all(wait.as_bytes()).expect("it reads");
                let mut shift = 0;
                for jump in [6, -12, 24, -18_i64] {
                    let direction = if jump < 0 { "back" } else { "forth" };
                    let seconds = jump.abs() * HOUR;
                    let order = query(&format!("select 'set the clock {direction} by {seconds}'"));
                    ask(&mut asking, order.as_bytes());
                    shift += jump * HOUR;
                    let asked = SystemClock::new().now().wall;
                    let head = ask(&mut asking, LIVE);
                    assert!(is_dated(&head, asked, shift), "{shift} s: {head}");
                }
                let (head, _) = response(&mut running);
                assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            });
            let (head, _) = response(&mut half);
            assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
        });
    });
    let is_kept = |time: Duration, wanted: Duration| time >= wanted && time < wanted + LATE_MAX;
    assert!(
        is_kept(time_of_answer, STATEMENT),
        "answered after {time_of_answer:?}"
    );
    assert!(is_kept(time_of_cut, HEAD), "cut after {time_of_cut:?}");
    // Idle for less than its time, whatever the wall clock says.
    ask(&mut idle, LIVE);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    socket.write_all(&frame(TEXT, ping.as_bytes())).expect("it reads");
    let mut first = [0; 2];
    socket.read_exact(&mut first).expect("it answers");
    assert_eq!(first[0], TEXT);
    drop((idle, half, running, asking, socket));
    victim.calms_down(4 << 20);
}

/// What clients have begun when their server stops.
struct Stopped {
    late: TcpStream,
    whole: TcpStream,
    running: TcpStream,
    idle: TcpStream,
    socket: TcpStream,
}

impl Stopped {
    /// Begins all of it and stops the server. `None`: it took so long that something may have been due before.
    fn begin(victim: &Victim) -> Option<Self> {
        /// Half of what is due first.
        const BEGUN_MAX: Duration = Duration::from_millis(500);
        let [mut late, mut whole, mut running, mut idle] = [(); 4].map(|()| connect(victim.address));
        let socket = websocket(victim.address);
        let time = took(|| {
            for half in [&mut late, &mut whole] {
                half.write_all(HALF_A_HEAD).expect("it reads");
            }
            let wait = query("select 'wait 300'");
            running.write_all(wait.as_bytes()).expect("it reads");
            ask(&mut idle, LIVE);
            // The answer comes behind the half heads and the call, so those are in.
            ask(&mut connect(victim.address), LIVE);
            victim.signal(Signal::STOP);
        });
        if time > BEGUN_MAX {
            victim.signal(Signal::CONT);
            return None;
        }
        Some(Self {
            late,
            whole,
            running,
            idle,
            socket,
        })
    }
}

#[test]
fn two_seconds_of_standing_still_cut_who_was_late_and_nobody_who_had_spoken() {
    const STOP: Duration = Duration::from_secs(2);
    let victim = Victim::stand_in("head=1000 body=1000 idle=1000");
    let begun = (0..20).find_map(|_| Stopped::begin(&victim));
    let mut begun = begun.expect("it did not take too long every time");
    begun
        .whole
        .write_all(THE_OTHER_HALF)
        .expect("its buffer has room");
    let mut fresh = connect(victim.address);
    fresh.write_all(LIVE).expect("its buffer has room");
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    begun
        .socket
        .write_all(&frame(TEXT, ping.as_bytes()))
        .expect("its buffer has room");
    // It has to stand still for as long as that.
    let _ = until_or(STOP, || false);
    let ticks = victim.processor_ticks();
    victim.signal(Signal::CONT);
    for answered in [&mut begun.whole, &mut fresh, &mut begun.running] {
        let (head, _) = response(answered);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    }
    let mut first = [0; 2];
    begun.socket.read_exact(&mut first).expect("it answers");
    assert_eq!(first[0], TEXT);
    let (head, _) = response(&mut begun.late);
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert!(
        is_closed(&mut begun.idle),
        "it was idle for longer than it may be"
    );
    let ticks = victim.processor_ticks() - ticks;
    assert!(ticks <= 50, "{ticks} ticks of 10 ms to catch up");
    drop((begun, fresh));
    victim.calms_down(4 << 20);
}
