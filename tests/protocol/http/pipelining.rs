//! Several requests on one connection: order, bounds, memory.

use snowflake_mcp::wire::{CloseReason, Lifecycle};

use super::*;

#[test]
fn requests_that_come_together_are_answered_in_order() {
    let mut talk = Talk::new();
    let requests: Vec<Vec<u8>> = (0..50).map(|number| get(&format!("/{number}"))).collect();
    assert_eq!(talk.feed(&requests.concat()), 0);
    let written = talk.written();
    let paths: Vec<&str> = written
        .split("\r\n\r\nGET /")
        .skip(1)
        .map(|rest| rest.split(' ').next().unwrap())
        .collect();
    let expected: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    assert_eq!(paths, expected);
}

#[test]
fn deferred_answers_keep_the_order_of_the_requests() {
    let mut talk = Talk::later();
    let requests: Vec<Vec<u8>> = (0..4).map(|number| get(&format!("/{number}"))).collect();
    talk.feed(&requests.concat());
    assert_eq!(talk.connection.waiting(), 4);
    for index in [2, 1, 3] {
        talk.answer(index, &format!("answer {index}"));
        assert_eq!(talk.written(), "", "nothing overtakes the first one");
    }
    assert_eq!(talk.connection.waiting(), 1);
    talk.answer(0, "answer 0");
    let written = talk.written();
    let at: Vec<usize> = (0..4)
        .map(|index| written.find(&format!("answer {index}")).unwrap())
        .collect();
    assert!(at.is_sorted(), "{at:?}");
    assert_eq!(talk.connection.waiting(), 0);
}

#[test]
fn an_answer_at_once_waits_behind_one_that_was_deferred() {
    let mut talk = Talk::later();
    talk.feed(&get("/slow"));
    talk.manner = Manner::AtOnce;
    talk.feed(&get("/quick"));
    assert_eq!(talk.written(), "");
    talk.answer(0, "slow");
    let written = talk.written();
    assert!(written.find("slow").unwrap() < written.find("GET /quick").unwrap());
}

#[test]
fn a_fault_waits_behind_what_was_deferred() {
    let mut talk = Talk::later();
    talk.feed(&[get("/1"), b"BROKEN\r\n".to_vec(), get("/2")].concat());
    assert_eq!(talk.requests(), ["GET /1", "request_line"]);
    assert_eq!(talk.written(), "");
    assert_eq!(talk.lifecycle(), Lifecycle::Open);
    talk.answer(0, "one");
    assert_eq!(talk.statuses(), [200, 400]);
    assert_eq!(talk.lifecycle(), Lifecycle::Finishing);
}

#[test]
fn a_full_pipeline_is_not_read_from_until_an_answer_comes() {
    let mut talk = Talk::later();
    talk.limits.pipeline_max = 2;
    talk.feed(&[get("/1"), get("/2"), get("/3")].concat());
    assert_eq!(talk.requests(), ["GET /1", "GET /2"]);
    assert!(talk.connection.room(&talk.limits).is_empty());
    talk.answer(1, "two");
    assert!(
        talk.connection.room(&talk.limits).is_empty(),
        "a parked answer still holds its place"
    );
    talk.answer(0, "one");
    assert_eq!(talk.requests(), ["GET /1", "GET /2", "GET /3"]);
    assert!(!talk.connection.room(&talk.limits).is_empty());
}

#[test]
fn a_full_outbox_stops_reading_until_bytes_are_sent() {
    let mut talk = Talk::new();
    talk.limits.outbox_bytes_max = 200;
    let requests: Vec<Vec<u8>> = (0..9).map(|number| get(&format!("/{number}"))).collect();
    let left = talk.feed(&requests.concat());
    assert_eq!(left, 0, "all came in one read");
    assert!(talk.seen.len() < 9);
    assert!(talk.connection.room(&talk.limits).is_empty());
    assert!(
        talk.connection.outbox().len() < 400,
        "{}",
        talk.connection.outbox().len()
    );
    assert_eq!(talk.statuses(), [200; 9]);
    assert!(!talk.connection.room(&talk.limits).is_empty());
}

#[test]
fn answers_that_wait_for_their_turn_fill_the_outbox_too() {
    let mut talk = Talk::later();
    talk.limits.outbox_bytes_max = 1000;
    talk.feed(&[get("/1"), get("/2")].concat());
    talk.answer(1, &"x".repeat(1000));
    assert!(talk.connection.outbox().is_empty());
    assert!(talk.connection.room(&talk.limits).is_empty());
    talk.answer(0, "one");
    assert!(talk.connection.room(&talk.limits).is_empty());
    talk.written();
    assert!(!talk.connection.room(&talk.limits).is_empty());
}

#[test]
fn what_is_printed_for_a_person_holds_no_credentials() {
    let mut talk = Talk::new();
    let head = b"GET /a?key=secret HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\n\r\n";
    talk.connection.room(&talk.limits)[..head.len()].copy_from_slice(head);
    talk.connection.received(head.len(), talk.now);
    let mut printed = format!("{:?}", talk.connection);
    let serving = serving(&talk.limits, talk.now);
    printed += &format!("{:?}", talk.connection.next(&serving));
    assert!(printed.contains("/a") && !printed.contains("secret"), "{printed}");
}

#[test]
fn a_request_behind_close_is_not_run() {
    for first in [
        "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /1 HTTP/1.0\r\n\r\n",
    ] {
        for manner in [Manner::AtOnce, Manner::Later] {
            let mut talk = Talk::new();
            talk.manner = manner;
            talk.feed(&[first.as_bytes(), &get("/2")].concat());
            if manner == Manner::Later {
                assert_eq!(talk.lifecycle(), Lifecycle::Open);
                talk.answer(0, "one");
            }
            assert_eq!(talk.requests(), ["GET /1"]);
            assert_eq!(talk.statuses(), [200]);
            assert_eq!(talk.connection.close_reason(), Some(CloseReason::NotKeptAlive));
        }
    }
}

#[test]
fn what_was_asked_behind_an_answer_that_closes_is_dropped() {
    let mut talk = Talk::later();
    talk.feed(&[get("/1"), get("/2")].concat());
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
    assert_eq!(talk.lifecycle(), Lifecycle::Finishing);
    talk.answer(1, "two");
    assert_eq!(talk.statuses(), [401]);
    assert_eq!(talk.connection.waiting(), 0);
}

#[test]
fn an_upgrade_is_given_out_when_all_before_it_is_answered() {
    let mut talk = Talk::later();
    let upgrade = b"GET /mcp HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    talk.feed(&[&get("/1"), &upgrade[..]].concat());
    assert_eq!(talk.requests(), ["GET /1"]);
    talk.feed(b"frame");
    assert_eq!(talk.patience(), None, "the peer owes nothing");
    talk.answer(0, "one");
    assert_eq!(talk.requests(), ["GET /1", "GET /mcp"]);
}

#[test]
fn parts_of_a_response_that_are_large_and_owned_are_not_copied() {
    let mut talk = Talk::later();
    talk.feed(&[get("/1"), get("/2")].concat());
    for index in [1, 0] {
        let large = vec![b'x'; 1 << 20];
        let address = large.as_ptr();
        let response = Response {
            status: 200,
            content_type: None,
            headers: &[],
            body: &mut [Piece::Borrowed(b"["), Piece::Owned(large), Piece::Borrowed(b"]")],
            close: false,
        };
        let (limits, now) = (talk.limits.clone(), talk.now);
        talk.connection
            .answer(talk.tickets[index], response, &serving(&limits, now));
        if index == 0 {
            let mut slices = [std::io::IoSlice::new(&[]); 8];
            let count = talk.connection.outbox().slices(&mut slices);
            let is_moved = slices[..count].iter().any(|slice| slice.as_ptr() == address);
            assert!(is_moved, "the bytes lie where they were made");
        }
    }
    assert_eq!(
        talk.written().len(),
        2 * ((1 << 20) + 2 + "HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: 1048578\r\n\r\n".len())
    );
}

#[test]
fn a_connection_at_rest_can_be_used_again_wherever_it_stood() {
    let mut talk = Talk::new();
    for part in [
        "GET /1 HTTP/1.1\r\nHo",
        "st: a\r\nContent-Length: 2\r\n\r\n",
        "h",
        "i",
        "GET /2",
    ] {
        talk.connection.rest();
        talk.feed(part.as_bytes());
        talk.connection.rest();
    }
    assert_eq!(talk.requests(), ["GET /1"]);
    assert!(talk.written().ends_with("GET /1 hi"));
    talk.connection.rest();
    talk.pass(talk.limits.head_timeout);
    assert_eq!(talk.statuses(), [200, 408]);
}
