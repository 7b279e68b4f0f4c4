//! Deadlines: pings, half messages, peers that take nothing.

use super::*;

#[test]
fn silence_is_answered_with_a_ping_and_more_silence_with_the_end() {
    let mut session = Session::new();
    session.at(seconds(10)).feed(text("heard"));
    session.expire(seconds(40));
    assert_eq!(session.written(), answer(PING, ""));
    session.expire(seconds(70));
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Closed, Some(CloseReason::PingTimeout))
    );
    assert_eq!(session.deadline(), None);
}

#[test]
fn any_byte_after_a_ping_starts_a_new_silence() {
    let mut session = Session::new();
    session.expire(seconds(30));
    session.written();
    session.at(seconds(45)).feed(&frame(FIN | PONG, "")[..1]);
    assert_eq!(
        session.deadline(),
        Some(seconds(60)),
        "no ping is due, only the rest of the frame"
    );
    session.feed(&frame(FIN | PONG, "")[1..]);
    assert_eq!(session.deadline(), Some(seconds(75)));
    session.expire(seconds(75));
    assert_eq!(session.written(), answer(PING, ""));
    assert_eq!(session.connection.lifecycle(), Lifecycle::Open);
}

#[test]
fn a_message_that_never_becomes_whole_ends_whatever_comes_meanwhile() {
    let mut session = Session::new();
    let half = frame(TEXT, "a first fragment, and no last one");
    session.at(seconds(10)).feed(&half);
    for second in 11..25 {
        session.at(seconds(second)).feed(frame(FIN | PING, "still here"));
        session.written();
    }
    assert_eq!(session.deadline(), Some(seconds(25)));
    session.expire(seconds(25));
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Closed, Some(CloseReason::BodyTimeout))
    );
}

#[test]
fn a_long_message_goes_on_while_it_makes_progress_but_not_for_ever() {
    let mut session = Session::new();
    let part = "x".repeat(8 << 10);
    session.at(seconds(10)).feed(frame(TEXT, &part));
    for second in [20, 30, 40, 50, 60] {
        session.at(seconds(second)).feed(frame(0, &part));
        let soon = seconds(second + 15).min(seconds(70));
        assert_eq!(session.deadline(), Some(soon));
    }
    session.expire(seconds(70));
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Closed, Some(CloseReason::BodyTimeout))
    );
}

#[test]
fn a_whole_message_stops_the_clock_of_its_bytes() {
    let mut session = Session::new();
    let whole = text("heard");
    session.at(seconds(10)).feed(&whole[..3]);
    session.at(seconds(20)).feed(&whole[3..]);
    assert_eq!(session.deadline(), Some(seconds(50)), "only the ping is due");
}

#[test]
fn what_we_send_is_no_sign_of_life() {
    let mut session = Session::new();
    for second in 1..30 {
        session.at(seconds(second)).send("notification");
        session.written();
    }
    session.expire(seconds(30));
    session.written();
    session.at(seconds(40)).send("notification");
    session.written();
    session.expire(seconds(60));
    assert_eq!(session.connection.close_reason(), Some(CloseReason::PingTimeout));
}

#[test]
fn the_time_of_a_ping_runs_when_it_has_left() {
    let mut session = Session::with(Limits {
        write_timeout: Duration::from_secs(50),
        ..Limits::default()
    });
    session.at(seconds(20)).send(&"x".repeat(100_000));
    session.expire(seconds(30));
    session.at(seconds(45)).connection.sent(50_000, seconds(45));
    session.take_messages();
    assert_eq!(
        session.deadline(),
        Some(seconds(95)),
        "the write timeout, and no ping that was not sent"
    );
    session.at(seconds(70)).written();
    session.expire(seconds(100));
    assert_eq!(session.connection.close_reason(), Some(CloseReason::PingTimeout));
}

#[test]
fn a_peer_that_takes_too_few_bytes_is_dropped() {
    let mut session = Session::with(Limits {
        write_timeout: Duration::from_secs(7),
        ..Limits::default()
    });
    session.at(seconds(5)).send("reply");
    assert_eq!(session.deadline(), Some(seconds(12)));
    session.at(seconds(9)).send("another");
    assert_eq!(
        session.deadline(),
        Some(seconds(12)),
        "the first has been waiting all the time"
    );
    session.connection.sent(1, seconds(11));
    session.connection.sent(0, seconds(11));
    session.expire(seconds(12));
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Closed, Some(CloseReason::WriteTimeout))
    );
}

#[test]
fn a_peer_that_takes_no_close_is_dropped() {
    let mut session = Session::new();
    session.at(seconds(1)).feed(frame(FIN | CLOSE, ""));
    session.expire(seconds(16));
    assert_eq!(session.connection.close_reason(), Some(CloseReason::PeerClosed));
    let mut session = Session::new();
    session.connection.close(1001, "", seconds(2));
    session.connection.on_end();
    assert_eq!(session.connection.lifecycle(), Lifecycle::Finishing);
    session.expire(seconds(17));
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Closed, Some(CloseReason::Draining))
    );
}
