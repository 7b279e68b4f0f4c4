//! How a stream ends: by the server, by its reader, by shutdown.

use super::*;

#[test]
fn a_stream_that_is_aborted_has_no_last_chunk_and_ends_the_connection() {
    let mut talk = Talk::later();
    talk.feed(&[get("/1"), get("/2")].concat());
    talk.begin(0);
    assert_eq!(talk.push(0, EVENT), Pushed::Queued);
    talk.answer(1, "two");
    talk.abort(0);
    assert_eq!(
        talk.written(),
        format!("{HEAD}{CHUNKED}{EVENT_CHUNK}"),
        "what was queued is written, and nothing else"
    );
    assert_eq!(
        talk.ended_as(),
        (Lifecycle::Finishing, Some(CloseReason::StreamAborted))
    );
    assert_eq!(talk.connection.waiting(), 0);
    talk.feed(&get("/3"));
    assert_eq!(talk.requests(), ["GET /1", "GET /2"]);
}

#[test]
fn a_stream_that_is_aborted_before_its_turn_is_cut_in_its_turn() {
    let mut talk = Talk::later();
    talk.feed(&[get("/1"), get("/2"), get("/3")].concat());
    talk.begin(1);
    assert_eq!(talk.push(1, EVENT), Pushed::Queued);
    talk.abort(1);
    assert_eq!(talk.push(1, EVENT), Pushed::Queued);
    talk.answer(2, "three");
    assert_eq!(talk.written(), "");
    assert_eq!(talk.lifecycle(), Lifecycle::Open, "the first is still awaited");
    talk.answer(0, "one");
    assert!(
        talk.written()
            .ends_with(&format!("one{HEAD}{CHUNKED}{EVENT_CHUNK}"))
    );
    assert_eq!(
        talk.ended_as(),
        (Lifecycle::Finishing, Some(CloseReason::StreamAborted))
    );
}

#[test]
fn an_aborted_stream_of_http_1_0_is_counted_as_one() {
    let mut talk = Talk::later();
    talk.feed(b"GET /events HTTP/1.0\r\n\r\n");
    talk.begin(0);
    talk.abort(0);
    assert_eq!(
        talk.ended_as(),
        (Lifecycle::Closed, Some(CloseReason::StreamAborted))
    );
}

#[test]
fn the_end_of_the_reader_is_seen_while_a_stream_is_open() {
    for finishes in [true, false] {
        let mut talk = Talk::streaming();
        talk.end();
        assert!(talk.connection.has_ended());
        assert_eq!(
            talk.lifecycle(),
            Lifecycle::Open,
            "it may have ended one side only"
        );
        assert_eq!(talk.push(0, EVENT), Pushed::Queued);
        if finishes {
            talk.finish(0);
        } else {
            talk.abort(0);
        }
        let end = if finishes { END } else { "" };
        assert_eq!(talk.written(), format!("{HEAD}{CHUNKED}{EVENT_CHUNK}{end}"));
        assert_eq!(
            talk.ended_as(),
            (Lifecycle::Closed, Some(CloseReason::PeerClosed))
        );
    }
}

#[test]
fn there_is_room_to_see_the_end_while_the_pipeline_and_the_outbox_are_full() {
    let mut talk = Talk::later();
    talk.limits.pipeline_max = 2;
    talk.limits.outbox_bytes_max = 100;
    talk.feed(&get("/events"));
    talk.begin(0);
    assert!(talk.connection.outbox().len() > 100);
    assert!(!talk.connection.room(&talk.limits).is_empty());
    talk.feed(&[get("/1"), get("/2")].concat());
    talk.written();
    talk.feed(&get("/3"));
    assert_eq!(talk.requests(), ["GET /events", "GET /1"]);
    assert!(!talk.connection.room(&talk.limits).is_empty());
    talk.end();
    assert_eq!(talk.lifecycle(), Lifecycle::Open);
    talk.abort(0);
    assert_eq!(
        talk.requests(),
        ["GET /events", "GET /1"],
        "what was asked behind it is not run"
    );
    assert_eq!(talk.lifecycle(), Lifecycle::Closed);
}

#[test]
fn without_a_stream_a_full_pipeline_is_not_read_from() {
    let mut talk = Talk::streaming();
    talk.limits.pipeline_max = 1;
    assert!(!talk.connection.room(&talk.limits).is_empty());
    talk.finish(0);
    talk.feed(&get("/1"));
    assert!(talk.connection.room(&talk.limits).is_empty());
}

#[test]
fn a_connection_with_an_open_stream_is_not_idle_when_the_server_drains() {
    for finishes in [true, false] {
        let mut talk = Talk::streaming();
        talk.drain();
        assert_eq!(talk.lifecycle(), Lifecycle::Open);
        talk.feed(&get("/late"));
        assert_eq!(talk.requests(), ["GET /events"]);
        assert_eq!(talk.push(0, EVENT), Pushed::Queued);
        if finishes {
            talk.finish(0);
        } else {
            talk.abort(0);
        }
        assert_eq!(
            talk.ended_as(),
            (Lifecycle::Finishing, Some(CloseReason::Draining))
        );
        assert_eq!(talk.written().ends_with(END), finishes);
    }
}

#[test]
fn drain_answers_what_is_parked_behind_a_stream() {
    let mut talk = Talk::streaming();
    talk.feed(&get("/2"));
    talk.drain();
    talk.answer(1, "two");
    talk.finish(0);
    assert!(talk.written().contains("Connection: close\r\n"));
    assert!(talk.written().ends_with("two"));
    assert_eq!(
        talk.ended_as(),
        (Lifecycle::Finishing, Some(CloseReason::Draining))
    );
}
