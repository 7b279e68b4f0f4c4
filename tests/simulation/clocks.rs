//! Time that is not what it was: a wall clock that people set, and a process that stood still.

use std::io::IoSlice;
use std::time::Duration;

use snowflake_mcp::backend::{CancelToken, Completion, Job};
use snowflake_mcp::ident::ConnectionId;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::server::{Input, Output, Peer, Server};
use snowflake_mcp::time::{Clock, Instant, Now, WallTime};
use snowflake_mcp::workers::step_once;

use crate::backend::ScriptedBackend;
use crate::plan::WallClock;
use crate::run::{run_with, server};
use crate::{fail, seeds, steps_max};

/// Deadlines, tokens of calls, the order of replies, shutdown: two runs that differ in nothing but the wall clock go
/// through the same turns at the same times and move the same numbers of bytes.
#[test]
fn the_wall_clock_moves_nothing_but_dates() {
    for seed in seeds(60) {
        let run = |wall| run_with(seed, |plan| plan.wall = wall, steps_max());
        let steady = run(WallClock::Steady);
        for wall in [WallClock::Jumping, WallClock::Wild] {
            let other = run(wall);
            if steady.is_err() || other != steady {
                let what = format!("{wall:?}: {other:?}, steady: {steady:?}");
                fail(seed, "the_wall_clock", &what);
            }
        }
    }
}

/// A server and the time, in the order of a turn: what came is read before anything is called late.
struct Desk {
    server: Server,
    now: Now,
    limits: Limits,
}

impl Clock for Desk {
    fn now(&self) -> Now {
        self.now
    }
}

impl Desk {
    fn new() -> Self {
        let limits = Limits {
            call_wait: Duration::from_secs(1_000_000),
            ..Limits::default()
        };
        Self {
            server: server(&limits, 1),
            now: Now {
                monotonic: Instant::from_micros(1),
                wall: WallTime::from_micros(1_800_000_000_000_000),
            },
            limits,
        }
    }

    fn accept(&mut self) -> ConnectionId {
        self.server.accept(self.now, Peer::Tcp).expect("there is room")
    }

    /// The process stands still for so long, and both clocks go on.
    fn stand_still(&mut self, time: Duration) {
        self.now = Now {
            monotonic: self.now.monotonic + time,
            wall: WallTime::from_micros(self.now.wall.as_micros() + time.as_micros() as u64),
        };
    }

    /// People set the wall clock.
    fn set_wall(&mut self, seconds: i64) {
        let micros = self.now.wall.as_micros();
        self.now.wall = WallTime::from_micros(micros.saturating_add_signed(seconds * 1_000_000));
    }

    fn receive(&mut self, connection: ConnectionId, bytes: &[u8]) {
        self.server.room(connection)[..bytes.len()].copy_from_slice(bytes);
        let count = bytes.len();
        self.server
            .handle(self.now, Input::Received { connection, count });
    }

    /// The step of a turn in which what is late is dealt with. Afterwards nothing is late.
    fn look_at_the_time(&mut self) {
        self.server.handle_timeout(self.now);
        let next = self.server.poll_timeout();
        assert!(
            next.is_none_or(|at| at > self.now.monotonic),
            "the loop would spin"
        );
    }

    /// Takes what waits for a connection.
    fn written(&mut self, connection: ConnectionId) -> String {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = self.server.pending(connection, &mut slices);
        let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        if !bytes.is_empty() {
            let count = bytes.len();
            self.server.handle(self.now, Input::Sent { connection, count });
        }
        String::from_utf8(bytes).expect("text")
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.server.poll_output()).collect()
    }

    /// The job that was submitted.
    fn job(&mut self) -> Job {
        let job = self.outputs().into_iter().find_map(|output| match output {
            Output::Submit(job) => Some(*job),
            _ => None,
        });
        job.expect("a step is submitted")
    }

    fn end_step(&mut self, job: Job) {
        let id = job.id;
        let outcome = step_once(&ScriptedBackend, job, &CancelToken::new(), self);
        let completion = Completion { job: id, outcome };
        self.server.handle(self.now, Input::Completed(completion));
    }
}

const HALF_A_HEAD: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: local";
const THE_OTHER_HALF: &[u8] = b"host\r\n\r\n";
const HOUR: i64 = 3_600;

fn call(order: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"execute_query","arguments":{{"query":"select 'p0r0 {order} 2'"}}}}}}"#
    );
    let length = body.len();
    format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

#[test]
fn a_date_is_that_of_the_moment_however_the_clock_was_set() {
    let mut desk = Desk::new();
    let connection = desk.accept();
    for seconds in [
        0,
        6 * HOUR,
        -12 * HOUR,
        0,
        1,
        -1,
        24 * HOUR,
        -18 * HOUR,
        -1_800_000_000,
        i64::MAX / 2_000_000,
    ] {
        desk.set_wall(seconds);
        desk.receive(connection, HALF_A_HEAD);
        desk.receive(connection, THE_OTHER_HALF);
        let date = format!("\r\nDate: {}\r\n", desk.now.wall.to_http_date());
        let written = desk.written(connection);
        assert!(
            written.starts_with("HTTP/1.1 200 ") && written.contains(&date),
            "{date:?}: {written}"
        );
    }
}

#[test]
fn a_clock_that_was_set_makes_no_deadline_earlier_or_later() {
    let mut desk = Desk::new();
    let [half, asking] = [(); 2].map(|()| desk.accept());
    desk.receive(half, HALF_A_HEAD);
    desk.receive(asking, &call("forever"));
    let due = desk.server.poll_timeout();
    for seconds in [6 * HOUR, -12 * HOUR, 24 * HOUR, -1_800_000_000, 1 << 40] {
        desk.set_wall(seconds);
        desk.look_at_the_time();
        assert_eq!(desk.server.poll_timeout(), due);
        assert_eq!(
            (desk.written(half), desk.written(asking)),
            (String::new(), String::new())
        );
    }
    desk.stand_still(desk.limits.head_timeout - Duration::from_micros(1));
    desk.look_at_the_time();
    assert_eq!(desk.written(half), "");
    desk.stand_still(Duration::from_micros(1));
    desk.look_at_the_time();
    assert!(desk.written(half).starts_with("HTTP/1.1 408 "));
    assert_eq!(desk.server.jobs(), 1, "the statement has its own time");
}

#[test]
fn who_spoke_while_the_process_stood_still_is_answered_and_who_did_not_is_late() {
    let mut desk = Desk::new();
    let [late, whole, idle] = [(); 3].map(|()| desk.accept());
    desk.receive(late, HALF_A_HEAD);
    desk.receive(whole, HALF_A_HEAD);
    desk.stand_still(desk.limits.idle_timeout * 2);
    // One turn: what came, then what is late.
    desk.receive(whole, THE_OTHER_HALF);
    desk.look_at_the_time();
    assert!(desk.written(whole).starts_with("HTTP/1.1 200 "));
    assert!(desk.written(late).starts_with("HTTP/1.1 408 "));
    let closed = |output: &Output| matches!(output, Output::Close(connection) if *connection == idle);
    assert!(desk.outputs().iter().any(closed), "it was idle for too long");
    assert_eq!(desk.written(idle), "");
}

#[test]
fn a_statement_that_ended_while_the_process_stood_still_is_answered_with_its_rows() {
    let mut desk = Desk::new();
    let connection = desk.accept();
    desk.receive(connection, &call("ok"));
    let job = desk.job();
    desk.stand_still(desk.limits.statement_timeout * 2);
    desk.end_step(job);
    desk.look_at_the_time();
    let written = desk.written(connection);
    assert!(
        written.contains("p0r0") && written.contains(r#""isError":false"#),
        "{written}"
    );
}

#[test]
fn a_statement_that_ran_on_is_called_late_and_cancelled() {
    let mut desk = Desk::new();
    let connection = desk.accept();
    desk.receive(connection, &call("forever"));
    // The first poll follows at once, the second one later: then the job waits.
    for _ in 0..2 {
        let job = desk.job();
        desk.end_step(job);
    }
    desk.stand_still(desk.limits.statement_timeout * 2);
    desk.look_at_the_time();
    let written = desk.written(connection);
    assert!(written.contains(r#""isError":true"#), "{written}");
    let cancels = |output: &Output| matches!(output, Output::SubmitCancel(_));
    assert!(
        desk.outputs().iter().any(cancels),
        "it is cancelled in the database"
    );
}
