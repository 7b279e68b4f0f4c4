//! One caller floods, another asks now and then: how long the other waits, in simulated time. And what each may use.

use super::*;
use crate::access::Quota;

const FLOODER: &str = "the-key-of-the-flooder";
const OTHER: &str = "the-key-of-the-other";
/// What one statement takes in the database.
const STEP: Duration = Duration::from_millis(40);

fn rest(key: &str) -> String {
    http(
        "POST /mcp/tools/call",
        &format!("Content-Type: application/json\r\nAuthorization: Bearer {key}\r\n"),
        r#"{"name":"execute_query","arguments":{"query":"select 1"}}"#,
    )
}

/// A server whose every step takes [`STEP`], and whose clients ask again when they are answered.
struct Scene {
    bench: Bench,
    /// Steps that run, by when they end.
    running: Vec<(Instant, JobId)>,
    flooders: Vec<ConnectionId>,
}

impl Scene {
    fn new(flooders: usize) -> Self {
        let mut bench = Bench::with_keys(&[FLOODER, OTHER]);
        let flooders = (0..flooders).map(|_| bench.connect()).collect();
        Self {
            bench,
            running: Vec::new(),
            flooders,
        }
    }

    /// One millisecond: ends steps whose time has come, and lets every flooder that was answered ask again.
    fn tick(&mut self) {
        self.bench.pass(Duration::from_millis(1));
        let now = self.bench.now.monotonic;
        let over = self.running.extract_if(.., |(end, _)| *end <= now);
        for (_, job) in over.collect::<Vec<_>>() {
            self.bench.complete_with(job, "{}");
        }
        for connection in self.flooders.clone() {
            if !self.bench.receive(connection).is_empty() {
                self.bench.send(connection, rest(FLOODER).as_bytes());
            }
        }
        while let Some(job) = self.bench.submitted.pop_front() {
            self.running.push((now + STEP, job.id));
        }
    }

    /// How long each of 100 calls of the other took, the longest last.
    fn latencies(&mut self) -> Vec<Duration> {
        for connection in self.flooders.clone() {
            self.bench.send(connection, rest(FLOODER).as_bytes());
        }
        let other = self.bench.connect();
        let mut took = Vec::new();
        for call in 0..100 {
            // Not in step with the flood.
            for _ in 0..call % 17 {
                self.tick();
            }
            self.bench.send(other, rest(OTHER).as_bytes());
            let asked = self.bench.now.monotonic;
            while self.bench.receive(other).is_empty() {
                self.tick();
            }
            took.push(self.bench.now.monotonic.since(asked));
        }
        took.sort_unstable();
        took
    }
}

#[test]
fn a_flood_leaves_the_others_ninety_ninth_percentile_within_twice_its_quiet_figure() {
    let quiet = Scene::new(0).latencies();
    let beside_a_flood = Scene::new(48).latencies();
    let (quiet, flooded) = (quiet[98], beside_a_flood[98]);
    assert!(
        flooded <= quiet * 2,
        "{flooded:?} beside the flood, {quiet:?} without"
    );
    // A worker is always left for who comes next, so it is not even half of that.
    assert!(
        flooded <= quiet + Duration::from_millis(2),
        "{flooded:?}, {quiet:?}"
    );
}

#[test]
fn calls_beyond_those_that_may_run_wait_and_those_beyond_are_told_when_to_come_again() {
    let mut bench = Bench::with_limits(Limits {
        jobs_per_principal_max: 2,
        waiting_per_principal_max: 1,
        ..Limits::default()
    });
    let connection = bench.connect();
    for id in 1..=3 {
        bench.send(connection, post_call(id).as_bytes());
    }
    assert_eq!(bench.submitted.len(), 2, "the third waits");
    let other = bench.connect();
    bench.send(other, post_call(1).as_bytes());
    assert_eq!(bench.submitted.len(), 3, "and is in nobody's way");
    bench.send(connection, post_call(4).as_bytes());
    bench.complete_with(JobId(1), "{\"a\":1}");
    assert_eq!(bench.submitted.len(), 4, "now it runs");
    for job in [2, 3, 4] {
        bench.complete_with(JobId(job), "{}");
    }
    let answers = String::from_utf8(bench.receive(connection)).unwrap();
    let refused = "you have 2 calls in flight and 1 that wait, as many as you may\\nTry again in 1 s.";
    assert!(answers.contains(refused), "{answers}");
}

#[test]
fn who_wants_to_hear_it_is_told_its_place() {
    let mut bench = Bench::with_limits(Limits {
        jobs_per_principal_max: 1,
        ..Limits::default()
    });
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    bench.send(connection, post_call(2).as_bytes());
    let hears = call(3).replace("\"name\"", "\"_meta\":{\"progressToken\":7},\"name\"");
    bench.send(connection, post(&hears).as_bytes());
    bench.complete_with(JobId(1), "{}");
    bench.complete_with(JobId(2), "{}");
    let said = String::from_utf8(bench.receive(connection)).unwrap();
    assert!(
        said.contains("waiting, 1 of your calls wait before this one"),
        "{said}"
    );
}

#[test]
fn a_plain_call_too_many_is_429_with_a_time_and_one_over_mcp_is_a_result() {
    let mut bench = Bench::with(Settings {
        quota: Quota {
            calls_per_minute_max: Some(2),
            ..Quota::default()
        },
        ..Settings::default()
    });
    let connection = bench.connect();
    let plain = http(
        "POST /mcp/tools/call",
        "Content-Type: application/json\r\n",
        r#"{"name":"execute_query","arguments":{"query":"select 1"}}"#,
    );
    for job in 1..=2 {
        bench.send(connection, plain.as_bytes());
        bench.complete_with(JobId(job), "{}");
        bench.receive(connection);
    }
    let refused = bench.ask(connection, &plain);
    assert!(
        status(&refused) == "429" && refused.contains("Retry-After: 30\r\n"),
        "{refused}"
    );
    let refused = bench.ask(connection, &post_call(1));
    assert!(
        status(&refused) == "200" && refused.contains("\"isError\":true"),
        "{refused}"
    );
    assert!(refused.contains("Try again in 30 s."), "{refused}");
    bench.pass(Duration::from_secs(30));
    bench.send(connection, plain.as_bytes());
    assert_eq!(bench.submitted.len(), 3);
}

#[test]
fn a_caller_has_its_days_rows_and_others_have_theirs() {
    let mut bench = Bench::with(Settings {
        quota: Quota {
            rows_per_day_max: Some(1),
            ..Quota::default()
        },
        ..Settings::default()
    });
    let (ann, bob) = (bench.connect(), bench.connect());
    bench.send(ann, post_call(1).as_bytes());
    bench.complete_with(JobId(1), "{}");
    bench.receive(ann);
    let refused = bench.ask(ann, &post_call(2));
    assert!(
        refused.contains("you have received 1 rows today, of 1 that you may"),
        "{refused}"
    );
    bench.send(bob, post_call(1).as_bytes());
    assert_eq!(bench.submitted.len(), 2);
}
