//! Calls on their way through the workers: order, admission, cancelling, deadlines.

use super::*;

const AGAIN: Duration = Duration::from_millis(100);

#[test]
fn a_call_is_submitted_and_its_result_wrapped() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    assert_eq!(bench.ask(connection, &post_call(7)), "");
    let job = bench.next_submitted();
    assert_eq!(job.work.statements[0].text(), "select 1");
    bench.complete_with(job.id, r#"{"rows":1}"#);
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    assert_eq!(body(&answer), r#"{"jsonrpc":"2.0","id":7,"result":{"rows":1}}"#);
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn pipelined_answers_keep_the_order_of_their_requests() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    let ping = post(r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#);
    let requests = format!("{}{}{ping}", post_call(1), post_call(2));
    assert_eq!(
        bench.ask(connection, &requests),
        "",
        "the ping waits behind the calls"
    );
    let (first, second) = (bench.next_submitted(), bench.next_submitted());
    bench.complete_with(second.id, r#"{"n":2}"#);
    assert_eq!(bench.receive(connection), b"");
    bench.complete_with(first.id, r#"{"n":1}"#);
    let answers = String::from_utf8(bench.receive(connection)).unwrap();
    let place = |text: &str| {
        answers
            .find(text)
            .unwrap_or_else(|| panic!("{text} is not in {answers}"))
    };
    assert!(place(r#"{"n":1}"#) < place(r#"{"n":2}"#));
    assert!(place(r#"{"n":2}"#) < place(r#""id":"p""#));
}

#[test]
fn steps_given_out_are_never_more_than_the_workers() {
    let mut bench = Bench::with_limits(Limits {
        workers: 3,
        ..Limits::default()
    });
    for id in 0..10 {
        let connection = bench.connect();
        bench.send(connection, post_call(id).as_bytes());
    }
    assert_eq!(bench.submitted.len(), 3);
    // A statement that runs holds no worker: the next call gets it.
    let job = bench.next_submitted();
    bench.say_again(job, AGAIN);
    assert_eq!(bench.submitted.len(), 3);
    while let Some(job) = bench.submitted.pop_front() {
        bench.complete_with(job.id, "{}");
    }
    assert_eq!(bench.server.jobs(), 1);
    bench.pass(Duration::from_secs(1));
    let job = bench.next_submitted();
    assert_eq!(job.reached.stage, Stage::Poll);
    bench.complete_with(job.id, "{}");
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn cancels_hold_up_nobody_elses_steps() {
    let mut bench = Bench::with_limits(Limits {
        workers: 2,
        ..Limits::default()
    });
    for id in 0..10 {
        let connection = bench.connect();
        bench.send(connection, post_call(id).as_bytes());
        let job = bench.next_submitted();
        bench.say_again(job, AGAIN);
        bench.handle(Input::Broken { connection });
    }
    assert_eq!(bench.cancels.len(), 10, "every cancel is on its way");
    for id in 10..12 {
        let connection = bench.connect();
        bench.send(connection, post_call(id).as_bytes());
    }
    assert_eq!(bench.submitted.len(), 2, "and both workers work");
}

#[test]
fn polls_are_spaced_by_what_the_workers_can_carry() {
    let mut bench = Bench::with_limits(Limits {
        workers: 2,
        ..Limits::default()
    });
    let connection = bench.connect();
    for id in 0..20 {
        bench.send(connection, post_call(id).as_bytes());
    }
    // Each step takes 80 ms. 20 statements through 2 workers: each may be polled every 20 × 80 ms / (2 / 2) = 1.6 s.
    let mut spaces = Vec::new();
    let mut polled_at = std::collections::BTreeMap::new();
    for _ in 0..2_000 {
        bench.pass(Duration::from_millis(1));
        let Some(job) = bench.submitted.pop_front() else {
            continue;
        };
        if let Some(before) = polled_at.insert(job.id, bench.now.monotonic) {
            spaces.push(bench.now.monotonic.since(before));
        }
        bench.now.monotonic = bench.now.monotonic + Duration::from_millis(80);
        bench.say_again(job, Duration::from_millis(25));
    }
    let settled = &spaces[spaces.len() / 2..];
    let shortest = settled.iter().min().unwrap();
    assert!(settled.len() > 20, "{} polls", settled.len());
    assert!(
        (Duration::from_millis(1_300)..Duration::from_secs(4)).contains(shortest),
        "polled again after {shortest:?}"
    );
}

#[test]
fn a_caller_beyond_its_share_is_told_so_in_words() {
    let mut bench = Bench::with_limits(Limits {
        jobs_per_principal_max: 1,
        waiting_per_principal_max: 0,
        ..Limits::default()
    });
    let connection = bench.connect();
    let answers = bench.ask(connection, &format!("{}{}", post_call(1), post_call(2)));
    assert_eq!(answers, "", "the refusal waits behind the first call");
    let job = bench.next_submitted();
    bench.complete_with(job.id, "{}");
    let answers = String::from_utf8(bench.receive(connection)).unwrap();
    assert!(
        answers.contains("you have 1 calls in flight") && answers.contains(r#""isError":true"#),
        "{answers}"
    );
    assert_eq!(
        bench.server.metrics().value(crate::server::Metric::CallsRefused),
        1
    );
}

#[test]
fn a_closed_connection_interrupts_its_step_and_the_job_is_cancelled() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    let job = bench.next_submitted();
    let id = job.id;
    bench.handle(Input::Broken { connection });
    assert_eq!(
        (bench.interrupted.as_slice(), bench.closed.as_slice()),
        (&[id][..], &[connection][..])
    );
    // The step had submitted the statement before it saw the interrupt: the handle must be cancelled.
    bench.say_again(job, AGAIN);
    let cancel = bench.cancels.pop_front().expect("a cancel step");
    assert_eq!(cancel.id, id);
    bench.fail_with(id, Kind::Cancelled, "cancelled");
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn a_sleeping_job_is_cancelled_and_one_never_started_is_dropped() {
    let mut bench = Bench::with_limits(Limits {
        workers: 1,
        ..Limits::default()
    });
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    let job = bench.next_submitted();
    let sleeping = bench.say_again(job, AGAIN);
    bench.send(connection, post_call(2).as_bytes());
    bench.send(connection, post_call(3).as_bytes());
    let running = bench.next_submitted();
    assert!(bench.submitted.is_empty(), "the third waits for the one worker");
    bench.handle(Input::Broken { connection });
    assert_eq!(bench.cancels.pop_front().map(|job| job.id), Some(sleeping));
    assert_eq!(bench.interrupted, [running.id]);
    bench.fail_with(sleeping, Kind::Cancelled, "cancelled");
    bench.fail_with(running.id, Kind::Cancelled, "cancelled");
    assert_eq!(bench.server.jobs(), 0, "the one never started is gone too");
    assert!(bench.submitted.is_empty() && bench.cancels.is_empty());
}

#[test]
fn a_half_closed_peer_gets_what_needs_no_job_and_is_told_of_the_rest() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    let ping = post(r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#);
    bench.send(connection, format!("{}{ping}", post_call(1)).as_bytes());
    let job = bench.next_submitted();
    bench.handle(Input::Ended { connection });
    assert_eq!(bench.interrupted, [job.id]);
    let answers = String::from_utf8(bench.receive(connection)).unwrap();
    assert!(
        answers.contains("the connection was closed before the answer"),
        "{answers}"
    );
    assert!(
        answers.ends_with(r#"{"jsonrpc":"2.0","id":"p","result":{}}"#),
        "{answers}"
    );
}

#[test]
fn a_backend_that_misses_its_timeout_is_cut_by_the_deadline() {
    let mut bench = Bench::with_limits(Limits {
        call_wait: Duration::from_secs(3_600),
        ..Limits::default()
    });
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    let job = bench.next_submitted();
    let timeout = job.work.timeout;
    let id = bench.say_again(job, timeout * 2);
    bench.pass(timeout + Duration::from_secs(16));
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    assert!(answer.contains("the statement was cancelled"), "{answer}");
    assert_eq!(bench.cancels.pop_front().map(|job| job.id), Some(id));
    bench.fail_with(id, Kind::Cancelled, "cancelled");
    assert_eq!(bench.server.jobs(), 0);
}

#[test]
fn a_completion_of_a_forgotten_job_is_counted_and_dropped() {
    let mut bench = Bench::new();
    bench.complete_with(JobId(99), "{}");
    assert_eq!(
        bench
            .server
            .metrics()
            .value(crate::server::Metric::CompletionsStale),
        1
    );
}
