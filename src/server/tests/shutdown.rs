//! Ending without losing a call.

use super::*;

#[test]
fn calls_in_flight_are_answered_before_the_end() {
    let mut bench = Bench::new();
    let (busy, idle) = (bench.connect(), bench.connect());
    bench.send(busy, post_call(1).as_bytes());
    let job = bench.next_submitted();
    bench.handle(Input::Shutdown);
    assert!(bench.stopped_accepting && bench.exit.is_none());
    assert!(
        bench.shutdown_write.contains(&idle) || bench.closed.contains(&idle),
        "an idle connection closes at once"
    );
    assert!(bench.server.accept(bench.now, Peer::Tcp).is_none());
    bench.complete_with(job.id, r#"{"rows":1}"#);
    let answer = String::from_utf8(bench.receive(busy)).unwrap();
    assert!(
        answer.contains(r#""result":{"rows":1}"#) && answer.contains("Connection: close"),
        "{answer}"
    );
    for connection in [busy, idle] {
        bench.handle(Input::Ended { connection });
    }
    assert_eq!(bench.exit, Some(Exit { calls_cut: 0 }));
}

#[test]
fn who_listens_on_a_connection_of_messages_is_told_that_there_will_be_no_more() {
    let mut bench = Bench::new();
    let line = bench.server.accept(bench.now, Peer::Stdio).unwrap();
    let socket = messages::open(&mut bench);
    let listen = r#"{"jsonrpc":"2.0","id":"L","method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"notifications":{"resourcesListChanged":true}}}"#;
    assert!(bench.ask(line, &format!("{listen}\n")).contains("acknowledged"));
    assert!(messages::say(&mut bench, socket, listen)[0].contains("acknowledged"));
    bench.handle(Input::Shutdown);
    let ended = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"L"}}"#;
    assert_eq!(
        String::from_utf8(bench.receive(line)).unwrap(),
        format!("{ended}\n")
    );
    let heard = bench.receive(socket);
    assert_eq!(messages::texts(&heard), [ended], "before the close");
}

#[test]
fn readiness_turns_first_when_there_is_a_delay() {
    let mut bench = Bench::with_limits(Limits {
        drain_delay: Duration::from_secs(5),
        ..Limits::default()
    });
    bench.handle(Input::Shutdown);
    assert!(!bench.stopped_accepting);
    assert_eq!(status(&bench.request("GET /health/ready", "", "")), "503");
    assert_eq!(status(&bench.request("GET /health/live", "", "")), "200");
    bench.pass(Duration::from_secs(5));
    assert!(bench.stopped_accepting);
}

#[test]
fn what_does_not_end_in_time_is_cut_off_cancelled_and_counted() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    let job = bench.next_submitted();
    let id = bench.say_again(job, Duration::from_secs(3_600));
    bench.handle(Input::Shutdown);
    for _ in 0..29 {
        bench.pass(Duration::from_secs(1));
        // After a while it is a stream, whose reader takes its comments.
        bench.receive(connection);
    }
    assert!(bench.cancels.is_empty() && bench.exit.is_none());
    bench.pass(Duration::from_secs(1));
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    assert!(
        answer.contains("the server shut down before the statement ended"),
        "{answer}"
    );
    assert_eq!(bench.cancels.pop_front().map(|job| job.id), Some(id));
    bench.handle(Input::Ended { connection });
    assert!(bench.exit.is_none(), "the cancel is still on its way");
    bench.fail_with(id, Kind::Cancelled, "cancelled");
    assert_eq!(bench.exit, Some(Exit { calls_cut: 1 }));
}

#[test]
fn a_cancel_that_hangs_does_not_hold_the_end_for_long() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    bench.handle(Input::Shutdown);
    bench.pass(Duration::from_secs(30));
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.exit, Some(Exit { calls_cut: 1 }));
}

#[test]
fn a_reply_on_its_way_to_a_slow_reader_is_waited_for() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    let job = bench.next_submitted();
    bench.handle(Input::Shutdown);
    bench.complete_with(job.id, r#"{"rows":1}"#);
    bench.pass(Duration::from_secs(14));
    assert!(
        bench.exit.is_none(),
        "neither the drain time is over nor the reader's own"
    );
    assert!(!bench.receive(connection).is_empty());
    bench.handle(Input::Ended { connection });
    assert_eq!(bench.exit, Some(Exit { calls_cut: 0 }));
}

#[test]
fn a_reply_that_nobody_takes_is_counted_as_cut_off() {
    let mut bench = Bench::with_limits(Limits {
        drain_timeout: Duration::from_secs(10),
        ..Limits::default()
    });
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    let job = bench.next_submitted();
    bench.handle(Input::Shutdown);
    bench.complete_with(job.id, r#"{"rows":1}"#);
    for _ in 0..20 {
        bench.pass(Duration::from_secs(1));
    }
    assert_eq!(bench.exit, Some(Exit { calls_cut: 1 }));
}

#[test]
fn a_broken_stdio_ends_the_program() {
    let mut bench = Bench::new();
    let connection = bench.server.accept(bench.now, Peer::Stdio).unwrap();
    bench.send(connection, format!("{}\n", call(1)).as_bytes());
    let job = bench.next_submitted();
    bench.handle(Input::Broken { connection });
    assert_eq!(bench.interrupted, [job.id]);
    bench.fail_with(job.id, Kind::Cancelled, "cancelled");
    assert_eq!(bench.exit, Some(Exit { calls_cut: 0 }));
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut bench = Bench::new();
    let connection = bench.connect();
    bench.send(connection, post_call(1).as_bytes());
    bench.handle(Input::Shutdown);
    bench.handle(Input::Shutdown);
    assert_eq!(bench.exit, Some(Exit { calls_cut: 1 }));
}

#[test]
fn an_idle_server_ends_at_once() {
    let mut bench = Bench::new();
    bench.handle(Input::Shutdown);
    assert_eq!(bench.exit, Some(Exit { calls_cut: 0 }));
}

#[test]
fn the_end_of_stdio_is_drained_and_then_the_end() {
    let mut bench = Bench::new();
    let connection = bench.server.accept(bench.now, Peer::Stdio).unwrap();
    bench.send(connection, format!("{}\n", call(1)).as_bytes());
    let job = bench.next_submitted();
    bench.handle(Input::Ended { connection });
    assert!(bench.exit.is_none());
    bench.complete_with(job.id, r#"{"rows":1}"#);
    let answer = bench.receive(connection);
    assert_eq!(
        answer,
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"rows\":1}}\n"
    );
    assert_eq!(bench.exit, Some(Exit { calls_cut: 0 }));
}

#[test]
fn nothing_is_left_when_everybody_has_gone() {
    let mut bench = Bench::new();
    for id in 0..5 {
        let connection = bench.connect();
        bench.send(connection, post_call(id).as_bytes());
        bench.handle(Input::Broken { connection });
        let job = bench.next_submitted();
        bench.fail_with(job.id, Kind::Cancelled, "cancelled");
    }
    assert_eq!(
        (
            bench.server.connections(),
            bench.server.jobs(),
            bench.server.timers()
        ),
        (0, 0, 0)
    );
}
