//! The closing handshake, from either side, and ends without one.

use super::*;

#[test]
fn a_close_is_answered_with_its_code_if_it_may_be_sent() {
    let allowed = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999,
    ];
    for code in allowed {
        let payload = close_payload(code, "bye");
        let mut session = Session::fed(frame(FIN | CLOSE, &payload));
        assert_eq!(
            session.ended_as(),
            (Lifecycle::Finishing, Some(CloseReason::PeerClosed))
        );
        assert_eq!(session.written(), answer(CLOSE, payload), "{code}");
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        let mut session = Session::fed(frame(FIN | CLOSE, close_payload(code, "bye")));
        assert_eq!(
            session.ended_as(),
            (Lifecycle::Finishing, Some(CloseReason::PeerClosed))
        );
        let written = session.written();
        assert_eq!(
            (written[0], &written[2..4]),
            (FIN | CLOSE, &1002_u16.to_be_bytes()[..]),
            "{code}"
        );
    }
    let mut session = Session::fed(frame(FIN | CLOSE, ""));
    assert_eq!(session.written(), answer(CLOSE, ""));
}

#[test]
fn what_came_before_a_close_is_given_and_what_comes_after_is_not() {
    let close = frame(FIN | CLOSE, close_payload(1000, ""));
    let mut session = Session::fed(
        [
            text("one"),
            text("two"),
            close,
            text("three"),
            frame(FIN | PING, "p"),
        ]
        .concat(),
    );
    session.feed(text("four"));
    assert_eq!(session.messages, ["one", "two"]);
    session.send("too late");
    assert_eq!(session.written(), answer(CLOSE, close_payload(1000, "")));
    assert_eq!(session.connection.lifecycle(), Lifecycle::Finishing);
    session.connection.on_end();
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Closed, Some(CloseReason::PeerClosed))
    );
    assert_eq!(session.deadline(), None);
}

#[test]
fn answers_queued_before_a_close_are_written_before_it() {
    let mut session = Session::new();
    session.send("reply");
    session.feed(frame(FIN | CLOSE, ""));
    assert_eq!(
        session.written(),
        [answer(TEXT, "reply"), answer(CLOSE, "")].concat()
    );
}

#[test]
fn our_close_is_the_last_thing_said_and_waits_for_its_answer() {
    let mut session = Session::fed(frame(TEXT, "half "));
    session.send("reply");
    session.connection.close(1001, "shutting down", session.now);
    session.connection.close(1011, "again", session.now);
    session.send("too late");
    session.feed([frame(FIN, "of it"), text("in flight"), frame(FIN | PING, "p")].concat());
    let expected = [
        answer(TEXT, "reply"),
        answer(CLOSE, close_payload(1001, "shutting down")),
    ]
    .concat();
    assert_eq!(session.written(), expected);
    assert_eq!(session.ended_as(), (Lifecycle::Open, Some(CloseReason::Draining)));
    session.feed(frame(FIN | CLOSE, close_payload(1001, "")));
    assert_eq!(session.messages, Vec::<String>::new());
    assert_eq!(session.written(), b"");
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Finishing, Some(CloseReason::Draining))
    );
}

#[test]
fn a_fault_after_our_close_is_not_told_again() {
    let mut session = Session::new();
    session.connection.close(1001, "", session.now);
    session.feed(head(FIN | 2, 0));
    assert_eq!(session.fault, Some(Fault::BinaryMessage));
    assert_eq!(session.written(), answer(CLOSE, close_payload(1001, "")));
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Finishing, Some(CloseReason::Draining))
    );
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let mut session = Session::new();
    session.connection.close(1001, &"é".repeat(100), session.now);
    assert_eq!(
        session.written(),
        answer(CLOSE, close_payload(1001, &"é".repeat(61)))
    );
}

#[test]
fn a_peer_that_does_not_answer_our_close_is_dropped() {
    let mut session = Session::new();
    session.connection.close(1001, "", session.now);
    session.at(seconds(10)).written();
    session.expire(seconds(12));
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Closed, Some(CloseReason::Draining))
    );
    assert!(session.connection.room(&session.limits).is_empty());
}

#[test]
fn a_peer_that_does_not_end_is_dropped_whatever_it_sends() {
    let mut session = Session::new();
    session.at(seconds(5)).feed(frame(FIN | CLOSE, ""));
    session.at(seconds(6)).written();
    session.at(seconds(7)).feed("x".repeat(100_000));
    session.expire(seconds(8));
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Closed, Some(CloseReason::PeerClosed))
    );
    assert_eq!(session.deadline(), None);
}

#[test]
fn the_wait_for_the_end_starts_anew_with_the_answer_to_our_close() {
    let mut session = Session::new();
    session.connection.close(1001, "", session.now);
    session.written();
    session.at(seconds(1)).feed(frame(FIN | CLOSE, ""));
    session.expire(seconds(3));
}

#[test]
fn an_end_without_a_close_still_gets_what_waits() {
    let mut session = Session::fed(text("call"));
    session.send("reply");
    session.connection.on_end();
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Finishing, Some(CloseReason::PeerClosed))
    );
    assert_eq!(session.written(), answer(TEXT, "reply"));
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Closed, Some(CloseReason::PeerClosed))
    );
}

#[test]
fn an_end_inside_a_message_is_told_from_an_end_between_messages() {
    let whole = text("call");
    let parts = [&whole[..1], &whole[..7], &frame(TEXT, "a")];
    for part in parts {
        let mut session = Session::fed(part);
        session.connection.on_end();
        assert_eq!(
            session.ended_as(),
            (Lifecycle::Closed, Some(CloseReason::PeerGone))
        );
    }
    let mut session = Session::fed(&whole);
    session.connection.on_end();
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Closed, Some(CloseReason::PeerClosed))
    );
}
