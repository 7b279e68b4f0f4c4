//! What a stream looks like on the wire, in every version.

use super::*;

#[test]
fn a_stream_of_http_1_1_is_chunked_and_the_connection_goes_on() {
    let mut talk = Talk::streaming();
    assert_eq!(
        talk.written(),
        format!("{HEAD}{CHUNKED}"),
        "the head is not held back"
    );
    assert_eq!(talk.push(0, EVENT), Pushed::Queued);
    assert_eq!(talk.push(0, ""), Pushed::Queued);
    assert_eq!(talk.push(0, &"x".repeat(26)), Pushed::Queued);
    talk.finish(0);
    let body = format!("{EVENT_CHUNK}1a\r\n{}\r\n{END}", "x".repeat(26));
    assert_eq!(talk.written(), format!("{HEAD}{CHUNKED}{body}"));
    assert_eq!(
        (talk.lifecycle(), talk.connection.waiting()),
        (Lifecycle::Open, 0)
    );
    talk.feed(&get("/next"));
    talk.answer(1, "next");
    assert_eq!(talk.statuses(), [200, 200]);
}

#[test]
fn a_stream_of_http_1_0_ends_with_the_connection() {
    for (keep_alive, end) in [
        ("", Lifecycle::Closed),
        ("Connection: keep-alive\r\n", Lifecycle::Finishing),
    ] {
        let mut talk = Talk::later();
        talk.feed(format!("GET /events HTTP/1.0\r\n{keep_alive}\r\n").as_bytes());
        talk.begin(0);
        talk.feed(&get("/behind"));
        assert_eq!(talk.push(0, EVENT), Pushed::Queued);
        assert_eq!(talk.lifecycle(), Lifecycle::Open);
        talk.finish(0);
        assert_eq!(talk.written(), format!("{HEAD}Connection: close\r\n\r\n{EVENT}"));
        assert_eq!(
            talk.requests(),
            ["GET /events"],
            "what comes behind it is not run"
        );
        assert_eq!(talk.ended_as(), (end, Some(CloseReason::NotKeptAlive)));
    }
}

#[test]
fn a_stream_whose_reader_wants_the_connection_closed_is_chunked_all_the_same() {
    let mut talk = Talk::later();
    talk.feed(b"GET /events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    talk.begin(0);
    talk.finish(0);
    assert_eq!(
        talk.written(),
        format!("{HEAD}Connection: close\r\n{CHUNKED}{END}")
    );
    assert_eq!(
        talk.ended_as(),
        (Lifecycle::Closed, Some(CloseReason::NotKeptAlive))
    );
}

#[test]
fn head_begins_no_stream() {
    for (version, head) in [
        ("1.1\r\nHost: a", format!("{HEAD}{CHUNKED}")),
        (
            "1.0\r\nConnection: keep-alive",
            format!("{HEAD}Connection: keep-alive\r\n\r\n"),
        ),
    ] {
        let mut talk = Talk::later();
        talk.feed(format!("HEAD /events HTTP/{version}\r\n\r\n").as_bytes());
        talk.begin(0);
        assert!(!talk.connection.is_streaming());
        assert_eq!(talk.push(0, EVENT), Pushed::Queued);
        talk.finish(0);
        talk.abort(0);
        assert_eq!(talk.written(), head);
        assert_eq!(
            (talk.lifecycle(), talk.connection.waiting()),
            (Lifecycle::Open, 0)
        );
    }
}

#[test]
fn further_fields_stand_in_the_head_unless_they_would_begin_a_line() {
    let mut talk = Talk::later();
    talk.feed(&get("/events"));
    let serving = serving(&talk.limits, talk.now);
    let head = StreamHead {
        headers: &[("Mcp-Session-Id", "abc"), ("X", "a\r\nY: b")],
    };
    talk.connection.begin_stream(talk.tickets[0], head, &serving);
    assert_eq!(talk.written(), format!("{HEAD}Mcp-Session-Id: abc\r\n{CHUNKED}"));
}

#[test]
fn large_parts_of_an_event_are_not_copied_also_when_it_waits_for_its_turn() {
    for first in [0, 1] {
        let mut talk = Talk::later();
        talk.feed(&[get("/1"), get("/2")].concat());
        talk.begin(first);
        let large = vec![b'x'; 1 << 20];
        let address = large.as_ptr();
        let (limits, now) = (talk.limits.clone(), talk.now);
        let pieces = &mut [
            Piece::Borrowed(b"data: "),
            Piece::Owned(large),
            Piece::Borrowed(b"\n\n"),
        ];
        let pushed = talk
            .connection
            .push_stream(talk.tickets[first], pieces, &serving(&limits, now));
        assert_eq!(pushed, Pushed::Queued);
        if first == 1 {
            talk.answer(0, "one");
        }
        let mut slices = [std::io::IoSlice::new(&[]); 8];
        let count = talk.connection.outbox().slices(&mut slices);
        assert!(slices[..count].iter().any(|slice| slice.as_ptr() == address));
        talk.finish(first);
        let end = format!("\n\n\r\n{END}");
        assert!(talk.written().ends_with(&end));
        assert!(talk.written().contains("\r\n\r\n100008\r\ndata: xxx"));
    }
}
