//! Where a stream stands among other responses, and what happens behind it.

use super::*;

#[test]
fn a_stream_waits_for_the_responses_before_it() {
    let mut talk = Talk::later();
    talk.feed(&[get("/1"), get("/2"), get("/3")].concat());
    talk.begin(1);
    assert_eq!(talk.push(1, EVENT), Pushed::Queued);
    talk.answer(2, "three");
    assert_eq!(talk.written(), "", "nothing overtakes the first one");
    assert!(talk.connection.is_streaming());
    talk.answer(0, "one");
    assert!(
        talk.written()
            .ends_with(&format!("one{HEAD}{CHUNKED}{EVENT_CHUNK}"))
    );
    assert_eq!(talk.push(1, EVENT), Pushed::Queued);
    assert!(talk.written().ends_with(&EVENT_CHUNK.repeat(2)));
    talk.finish(1);
    assert!(!talk.connection.is_streaming());
    assert_eq!(talk.statuses(), [200, 200, 200]);
    assert!(talk.written().ends_with("three"));
}

#[test]
fn a_stream_that_was_over_before_its_turn_is_written_in_its_turn() {
    let mut talk = Talk::later();
    talk.feed(&[get("/1"), get("/2"), get("/3")].concat());
    talk.begin(1);
    assert_eq!(talk.push(1, EVENT), Pushed::Queued);
    talk.finish(1);
    talk.begin(2);
    assert_eq!(talk.connection.waiting(), 2);
    talk.answer(0, "one");
    let streams = format!("one{HEAD}{CHUNKED}{EVENT_CHUNK}{END}{HEAD}{CHUNKED}");
    assert!(talk.written().ends_with(&streams));
    assert!(talk.connection.is_streaming(), "the third is open");
}

#[test]
fn streams_follow_each_other() {
    let mut talk = Talk::later();
    talk.feed(&[get("/1"), get("/2")].concat());
    talk.begin(0);
    talk.begin(1);
    assert_eq!(talk.push(1, "2"), Pushed::Queued);
    assert_eq!(talk.push(0, "1"), Pushed::Queued);
    talk.finish(0);
    talk.finish(1);
    let first = format!("{HEAD}{CHUNKED}1\r\n1\r\n{END}");
    let second = format!("{HEAD}{CHUNKED}1\r\n2\r\n{END}");
    assert_eq!(talk.written(), first + &second);
    assert_eq!(talk.connection.waiting(), 0);
}

#[test]
fn requests_behind_a_stream_are_taken_up_to_the_bound_and_read_a_little_further() {
    let mut talk = Talk::later();
    talk.limits.pipeline_max = 2;
    talk.feed(&get("/events"));
    talk.begin(0);
    talk.written();
    let more: Vec<Vec<u8>> = (0..2000).map(|number| get(&format!("/{number}"))).collect();
    let more = more.concat();
    let unread = talk.feed(&more);
    assert_eq!(talk.requests(), ["GET /events", "GET /0"]);
    let read = more.len() - unread;
    let bound = talk.limits.head_bytes_max + 100;
    assert!(
        (talk.limits.head_bytes_max..bound).contains(&read),
        "{read} bytes were read"
    );
    assert_eq!(talk.patience(), None, "the peer owes nothing");
    talk.finish(0);
    talk.answer(1, "zero");
    assert_eq!(talk.requests().len(), 4, "two more have a place now");
}

#[test]
fn a_fault_behind_a_stream_is_answered_when_the_stream_has_ended() {
    let mut talk = Talk::streaming();
    talk.feed(b"BROKEN\r\n");
    assert_eq!(talk.requests(), ["GET /events", "request_line"]);
    assert_eq!(talk.push(0, EVENT), Pushed::Queued);
    assert_eq!(talk.written(), format!("{HEAD}{CHUNKED}{EVENT_CHUNK}"));
    talk.finish(0);
    assert_eq!(talk.statuses(), [200, 400]);
    assert_eq!(
        talk.ended_as(),
        (Lifecycle::Finishing, Some(CloseReason::BadRequest))
    );
}

#[test]
fn a_request_behind_a_stream_that_drips_is_answered_408_and_the_stream_goes_on() {
    let mut talk = Talk::streaming();
    talk.feed(b"GET /2 HT");
    talk.written();
    talk.pass(talk.limits.head_timeout);
    assert_eq!(talk.push(0, EVENT), Pushed::Queued);
    assert_eq!(talk.written(), format!("{HEAD}{CHUNKED}{EVENT_CHUNK}"));
    talk.finish(0);
    assert_eq!(talk.statuses(), [200, 408]);
}

#[test]
fn an_upgrade_waits_until_the_stream_has_ended() {
    let mut talk = Talk::streaming();
    talk.feed(b"GET /mcp HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(talk.requests(), ["GET /events"]);
    talk.finish(0);
    assert_eq!(talk.requests(), ["GET /events", "GET /mcp"]);
}

#[test]
fn a_response_that_closes_the_connection_takes_the_stream_behind_it_away() {
    let mut talk = Talk::later();
    talk.feed(&[get("/1"), get("/2")].concat());
    talk.begin(1);
    let response = Response {
        status: 401,
        content_type: None,
        headers: &[],
        body: &mut [],
        close: true,
    };
    let (limits, now) = (talk.limits.clone(), talk.now);
    talk.connection
        .answer(talk.tickets[0], response, &serving(&limits, now));
    assert!(!talk.connection.is_streaming());
    assert_eq!(talk.push(1, EVENT), Pushed::Queued);
    talk.finish(1);
    assert_eq!(talk.statuses(), [401]);
    assert!(!talk.written().contains("data"));
}

#[test]
fn every_split_of_a_conversation_with_streams_gives_the_same() {
    let stream = |path: &str, body: &str| {
        let length = format!("Content-Length: {}\r\n", body.len());
        post(path, &length, body)
    };
    let old = b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_vec();
    for conversation in [
        vec![stream("/stream", "a"), get("/1"), stream("/stream", "b")],
        vec![
            get("/1"),
            stream("/open", "a"),
            get("/2"),
            stream("/open", "b"),
            get("/3"),
        ],
        vec![stream("/open", "a"), b"BROKEN\r\n".to_vec()],
        vec![stream("/open", "a"), b"GET / HTTP/1.1\r\nHo".to_vec()],
        vec![stream("/open", "a"), stream("/abort", "b"), get("/1")],
        vec![stream("/abort", "a"), get("/1")],
        vec![stream("/open", "a"), old.clone(), get("/1")],
        vec![old, get("/1")],
        vec![
            stream("/open", "a"),
            b"HEAD /open HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            get("/1"),
        ],
        vec![stream("/open", "a"), get("/close"), get("/1")],
        vec![
            stream("/open", "a"),
            post(
                "/stream",
                "Transfer-Encoding: chunked\r\n",
                "3\r\nabc\r\n0\r\n\r\n",
            ),
            b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n".to_vec(),
            get("/2"),
        ],
    ] {
        law::check_all(&conversation.concat(), |parts, ends| {
            let mut talk = Talk::new();
            talk.manner = Manner::Streams;
            law::outcome_of(talk, parts, ends)
        });
    }
}
