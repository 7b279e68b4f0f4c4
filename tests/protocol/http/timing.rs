//! What slow peers get, on a clock that the test moves.

use snowflake_mcp::wire::{CloseReason, Lifecycle};

use super::*;

const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    for before in [&b""[..], b"\r\n", &get("/1")] {
        let mut talk = Talk::new();
        talk.feed(before);
        let statuses = talk.statuses().len();
        assert_eq!(talk.patience(), Some(talk.limits.idle_timeout));
        talk.pass(talk.limits.idle_timeout - MOMENT);
        assert_eq!(talk.lifecycle(), Lifecycle::Open);
        talk.pass(MOMENT);
        assert_eq!(talk.lifecycle(), Lifecycle::Closed);
        assert_eq!(talk.connection.close_reason(), Some(CloseReason::IdleTimeout));
        assert_eq!(talk.statuses().len(), statuses);
        assert_eq!(talk.patience(), None);
    }
}

#[test]
fn the_idle_time_begins_when_the_last_answer_was_taken() {
    let mut talk = Talk::later();
    talk.feed(&get("/1"));
    assert_eq!(
        talk.patience(),
        None,
        "the peer owes nothing while it waits for us"
    );
    talk.pass(talk.limits.idle_timeout * 10);
    talk.answer(0, "one");
    assert_eq!(talk.patience(), Some(talk.limits.write_timeout));
    talk.pass(talk.limits.write_timeout / 2);
    talk.written();
    assert_eq!(talk.patience(), Some(talk.limits.idle_timeout));
}

#[test]
fn a_head_that_drips_is_answered_408_however_steadily_it_drips() {
    let mut talk = Talk::new();
    talk.pass(talk.limits.idle_timeout - MOMENT);
    for byte in b"GET / HTTP" {
        assert_eq!(talk.lifecycle(), Lifecycle::Open);
        talk.feed(&[*byte]);
        talk.pass(talk.limits.head_timeout / 10);
    }
    assert_eq!(talk.statuses(), [408]);
    assert_eq!(talk.lifecycle(), Lifecycle::Finishing);
    assert_eq!(talk.connection.close_reason(), Some(CloseReason::HeadTimeout));
}

#[test]
fn the_head_of_a_pipelined_request_has_its_own_time() {
    let mut talk = Talk::new();
    talk.feed(&[&get("/1")[..], b"GET /2"].concat());
    talk.written();
    assert_eq!(talk.patience(), Some(talk.limits.head_timeout));
    talk.pass(talk.limits.head_timeout / 2);
    talk.feed(b" HTTP/1.1\r\nHost: a\r\n\r\nG");
    talk.written();
    assert_eq!(talk.patience(), Some(talk.limits.head_timeout));
}

#[test]
fn a_body_that_drips_is_answered_408() {
    for framing in ["Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut talk = Talk::new();
        talk.feed(&post("/", framing, ""));
        for _ in 0..6 {
            assert_eq!(talk.lifecycle(), Lifecycle::Open);
            talk.feed(b"1");
            talk.pass(talk.limits.body_timeout / 6);
        }
        assert_eq!(talk.statuses(), [408]);
        assert_eq!(talk.connection.close_reason(), Some(CloseReason::BodyTimeout));
    }
}

#[test]
fn a_408_waits_behind_an_answer_that_is_awaited() {
    let mut talk = Talk::later();
    talk.feed(&[&get("/1")[..], b"GET /2"].concat());
    talk.pass(talk.limits.head_timeout);
    assert_eq!(talk.written(), "");
    assert_eq!(talk.patience(), None);
    talk.answer(0, "one");
    assert_eq!(talk.statuses(), [200, 408]);
}

#[test]
fn time_stands_still_while_we_do_not_read() {
    let mut talk = Talk::later();
    talk.limits.pipeline_max = 1;
    talk.feed(&[&get("/1")[..], b"GET /2"].concat());
    assert_eq!(talk.patience(), None);
    talk.pass(talk.limits.head_timeout * 100);
    talk.answer(0, "one");
    talk.written();
    assert_eq!(talk.lifecycle(), Lifecycle::Open);
    assert_eq!(
        talk.patience(),
        Some(talk.limits.head_timeout),
        "it begins to count now"
    );
}

#[test]
fn a_body_that_drips_is_cut_after_15_seconds_even_if_it_began_fast() {
    let mut talk = Talk::new();
    let framing = format!("Content-Length: {}\r\n", 1 << 20);
    talk.feed(&post("/", &framing, ""));
    talk.pass(Duration::from_secs(14));
    talk.feed(&vec![b'x'; talk.limits.progress_bytes_min]);
    assert_eq!(
        talk.patience(),
        Some(Duration::from_secs(15)),
        "that was progress"
    );
    for _ in 0..15 {
        assert_eq!(talk.lifecycle(), Lifecycle::Open);
        talk.feed(&[b'x'; 500]);
        talk.pass(Duration::from_secs(1));
    }
    assert_eq!(talk.statuses(), [408], "7,500 bytes in 15 seconds are too few");
    assert_eq!(talk.connection.close_reason(), Some(CloseReason::BodyTimeout));
}

#[test]
fn a_slow_upload_goes_on_while_it_makes_progress_but_not_for_ever() {
    for (rounds, expected) in [(5, &[200][..]), (7, &[408])] {
        let mut talk = Talk::new();
        let part = vec![b'x'; talk.limits.progress_bytes_min];
        let framing = format!("Content-Length: {}\r\n", part.len() * rounds);
        talk.feed(&post("/", &framing, ""));
        for _ in 0..rounds {
            talk.pass(Duration::from_secs(10));
            talk.feed(&part);
        }
        assert_eq!(
            talk.statuses(),
            expected,
            "{rounds} times 8 KiB in 10 seconds each"
        );
    }
}

#[test]
fn a_peer_that_takes_too_little_is_dropped() {
    let (little, enough) = (500, 600);
    for (each, is_dropped) in [(1, true), (little, true), (enough, false)] {
        let mut talk = Talk::later();
        talk.feed(&get("/1"));
        talk.answer(0, &"x".repeat(100_000));
        for _ in 0..40 {
            talk.pass(Duration::from_secs(1));
            talk.take(each);
        }
        let expected = if is_dropped {
            (Lifecycle::Closed, Some(CloseReason::WriteTimeout))
        } else {
            (Lifecycle::Open, None)
        };
        assert_eq!(
            (talk.lifecycle(), talk.connection.close_reason()),
            expected,
            "{each} bytes a second"
        );
    }
}

#[test]
fn a_peer_that_takes_nothing_more_is_dropped_15_seconds_after_its_last_progress() {
    let mut talk = Talk::later();
    talk.feed(&get("/1"));
    talk.answer(0, &"x".repeat(100_000));
    talk.pass(Duration::from_secs(14));
    talk.take(talk.limits.progress_bytes_min);
    talk.take(10_000 - talk.limits.progress_bytes_min);
    talk.pass(Duration::from_secs(15) - MOMENT);
    assert_eq!(talk.lifecycle(), Lifecycle::Open);
    talk.pass(MOMENT);
    assert_eq!(talk.connection.close_reason(), Some(CloseReason::WriteTimeout));
}

#[test]
fn the_last_bytes_of_a_reply_need_not_be_many() {
    let mut talk = Talk::new();
    for _ in 0..20 {
        talk.feed(&get("/1"));
        talk.pass(talk.limits.write_timeout - MOMENT);
        talk.written();
        assert_eq!(talk.lifecycle(), Lifecycle::Open);
    }
}

#[test]
fn a_refused_peer_is_read_from_until_it_ends_or_the_linger_is_over() {
    let mut talk = Talk::new();
    talk.feed(b"BROKEN\r\n");
    assert_eq!(
        talk.patience(),
        Some(talk.limits.write_timeout),
        "the answer is not written yet"
    );
    talk.pass(Duration::from_secs(5));
    talk.written();
    assert_eq!(talk.patience(), Some(talk.limits.linger_timeout));
    talk.pass(talk.limits.linger_timeout - MOMENT);
    talk.feed(b"more");
    assert_eq!(talk.lifecycle(), Lifecycle::Finishing);
    talk.pass(MOMENT);
    assert_eq!(talk.lifecycle(), Lifecycle::Closed);
    assert_eq!(talk.connection.close_reason(), Some(CloseReason::BadRequest));
}

#[test]
fn a_refused_peer_that_takes_nothing_is_dropped_for_what_it_was_refused_for() {
    let mut talk = Talk::new();
    talk.feed(b"BROKEN\r\n");
    talk.pass(talk.limits.write_timeout);
    assert_eq!(talk.lifecycle(), Lifecycle::Closed);
    assert_eq!(talk.connection.close_reason(), Some(CloseReason::BadRequest));
}

#[test]
fn a_deadline_that_is_called_too_early_does_nothing() {
    let mut talk = Talk::new();
    for bytes in [
        &b""[..],
        b"GET / HT",
        b"TP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
        b"x",
        b"BROKEN\r\n",
    ] {
        talk.feed(bytes);
        let before = (talk.lifecycle(), talk.statuses(), talk.patience());
        talk.connection
            .on_deadline(&serving(&Limits::default(), talk.now));
        assert_eq!((talk.lifecycle(), talk.statuses(), talk.patience()), before);
    }
}
