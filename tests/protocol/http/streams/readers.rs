//! Slow readers, quiet streams, and what either may cost.

use super::*;

#[test]
fn no_time_counts_against_the_reader_of_a_quiet_stream() {
    let mut talk = Talk::streaming();
    talk.written();
    assert_eq!(talk.patience(), None);
    talk.pass(talk.limits.idle_timeout * 100);
    assert_eq!(talk.push(0, EVENT), Pushed::Queued);
    assert_eq!(talk.patience(), Some(talk.limits.write_timeout));
    talk.written();
    assert_eq!(talk.patience(), None);
    talk.finish(0);
    talk.written();
    assert_eq!(talk.patience(), Some(talk.limits.idle_timeout));
}

#[test]
fn a_reader_that_takes_nothing_is_dropped_however_much_is_said() {
    let mut talk = Talk::streaming();
    let step = talk.limits.write_timeout / 4;
    for _ in 0..3 {
        talk.pass(step);
        assert_eq!(talk.push(0, EVENT), Pushed::Queued);
    }
    talk.pass(step - MOMENT);
    assert_eq!(talk.lifecycle(), Lifecycle::Open);
    talk.pass(MOMENT);
    assert_eq!(talk.lifecycle(), Lifecycle::Closed);
    assert_eq!(talk.connection.close_reason(), Some(CloseReason::WriteTimeout));
    assert_eq!(talk.push(0, EVENT), Pushed::Queued);
    talk.finish(0);
    talk.abort(0);
    assert_eq!(talk.connection.close_reason(), Some(CloseReason::WriteTimeout));
}

#[test]
fn a_stream_takes_no_event_while_as_much_waits_as_may() {
    let mut talk = Talk::later();
    talk.limits.stream_outbox_bytes_max = 1000;
    talk.feed(&get("/events"));
    talk.begin(0);
    let mut pushes = 0;
    while talk.push(0, EVENT) == Pushed::Queued {
        pushes += 1;
    }
    let waiting = talk.connection.outbox().len();
    assert_eq!(talk.connection.stream_bytes(), waiting);
    assert!((1000..1000 + EVENT_CHUNK.len()).contains(&waiting), "{waiting}");
    assert_eq!(talk.push(0, ""), Pushed::Queued, "nothing is never too much");
    talk.take(EVENT_CHUNK.len());
    assert_eq!(talk.push(0, EVENT), Pushed::Queued, "there is room again");
    talk.finish(0);
    assert_eq!(talk.written().matches("data").count(), pushes + 1);
}

#[test]
fn a_reader_that_is_too_slow_is_closed_at_once_and_counted() {
    let mut talk = Talk::later();
    talk.limits.stream_outbox_bytes_max = 100;
    talk.feed(&[get("/events"), get("/2")].concat());
    talk.begin(0);
    assert_eq!(talk.push(0, EVENT), Pushed::Full);
    talk.abort(0);
    assert_eq!(talk.lifecycle(), Lifecycle::Closed);
    assert_eq!(talk.connection.close_reason(), Some(CloseReason::StreamTooSlow));
}

#[test]
fn a_stream_that_went_on_after_it_was_full_can_be_aborted_for_another_reason() {
    let mut talk = Talk::later();
    talk.limits.stream_outbox_bytes_max = 100;
    talk.feed(&get("/events"));
    talk.begin(0);
    assert_eq!(talk.push(0, EVENT), Pushed::Full);
    talk.written();
    assert_eq!(talk.push(0, EVENT), Pushed::Queued);
    talk.abort(0);
    assert_eq!(
        talk.ended_as(),
        (Lifecycle::Finishing, Some(CloseReason::StreamAborted))
    );
    assert!(talk.written().ends_with(EVENT_CHUNK));
}

#[test]
fn one_event_may_be_larger_than_what_may_wait_and_a_reply_is_always_taken() {
    let mut talk = Talk::streaming();
    talk.written();
    let large = "x".repeat(talk.limits.stream_outbox_bytes_max + 1);
    assert_eq!(talk.push(0, &large), Pushed::Queued);
    assert_eq!(talk.push(0, EVENT), Pushed::Full);
    talk.push_reply(0, "data: reply\n\n");
    talk.finish(0);
    assert!(talk.written().ends_with(&format!("data: reply\n\n\r\n{END}")));
    assert_eq!(talk.written().matches(EVENT).count(), 0);
}

#[test]
fn a_large_response_before_a_stream_does_not_make_its_reader_slow() {
    for begins_first in [true, false] {
        let mut talk = Talk::later();
        let limit = talk.limits.stream_outbox_bytes_max;
        talk.feed(&[get("/1"), get("/2")].concat());
        if begins_first {
            talk.begin(1);
        }
        talk.answer(0, &"x".repeat(2 * limit));
        if !begins_first {
            talk.begin(1);
        }
        assert!(talk.connection.stream_bytes() < 300);
        assert_eq!(talk.push(1, EVENT), Pushed::Queued);
        talk.take(limit);
        assert!(talk.connection.stream_bytes() < 300);
        assert_eq!(talk.push(1, &"y".repeat(limit)), Pushed::Queued);
        assert_eq!(talk.push(1, EVENT), Pushed::Full);
    }
}

#[test]
fn a_stream_that_waits_for_its_turn_is_bounded_too() {
    let mut talk = Talk::later();
    talk.limits.stream_outbox_bytes_max = 1000;
    talk.feed(&[get("/1"), get("/2")].concat());
    talk.begin(1);
    let mut pushes = 0;
    while talk.push(1, EVENT) == Pushed::Queued {
        pushes += 1;
    }
    assert!((1000..1000 + EVENT_CHUNK.len()).contains(&talk.connection.stream_bytes()));
    talk.abort(1);
    assert_eq!(talk.lifecycle(), Lifecycle::Open, "the first is still awaited");
    talk.answer(0, "one");
    let cut = format!("one{HEAD}{CHUNKED}{}", EVENT_CHUNK.repeat(pushes));
    assert!(talk.written().ends_with(&cut));
    assert_eq!(
        talk.ended_as(),
        (Lifecycle::Finishing, Some(CloseReason::StreamTooSlow))
    );
}

#[test]
fn a_quiet_stream_holds_no_buffers() {
    let mut talk = Talk::streaming();
    assert_eq!(talk.push(0, EVENT), Pushed::Queued);
    talk.written();
    let mut spares = Spares::default();
    talk.connection.unequip(&mut spares);
    assert_eq!(talk.connection.outbox().capacity(), 0);
    talk.connection.equip(&mut spares);
    assert_ne!(talk.connection.outbox().capacity(), 0);
    talk.connection.rest();
    assert_eq!(talk.push(0, EVENT), Pushed::Queued);
    assert!(talk.written().ends_with(&EVENT_CHUNK.repeat(2)));
}
