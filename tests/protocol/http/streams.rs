//! Responses that are streams: bytes on the wire, their place among other responses, their ends.

use snowflake_mcp::wire::http::{Pushed, StreamHead};
use snowflake_mcp::wire::{CloseReason, Lifecycle};

use super::*;

const HEAD: &str = "HTTP/1.1 200 OK\r\nServer: test\r\nContent-Type: text/event-stream\r\n\
                    Cache-Control: no-transform\r\nX-Accel-Buffering: no\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n";

impl Talk {
    fn begin(&mut self, index: usize) {
        let serving = serving(&self.limits, self.now);
        let head = StreamHead { headers: &[] };
        self.connection.begin_stream(self.tickets[index], head, &serving);
        self.serve();
    }

    fn push(&mut self, index: usize, text: &str) -> Pushed {
        let serving = serving(&self.limits, self.now);
        let pieces = &mut [Piece::Borrowed(text.as_bytes())];
        self.connection.push_stream(self.tickets[index], pieces, &serving)
    }

    fn finish(&mut self, index: usize) {
        let serving = serving(&self.limits, self.now);
        self.connection.end_stream(self.tickets[index], &serving);
        self.serve();
    }

    fn abort(&mut self, index: usize) {
        let serving = serving(&self.limits, self.now);
        self.connection.abort_stream(self.tickets[index], &serving);
        self.serve();
    }
}

#[test]
fn a_stream_of_http_1_1_is_chunked_and_the_connection_goes_on() {
    let mut talk = Talk::later();
    talk.feed(&get("/events"));
    talk.begin(0);
    assert_eq!(
        talk.written(),
        format!("{HEAD}{CHUNKED}"),
        "the head is not held back"
    );
    assert_eq!(talk.push(0, "data: 1\n\n"), Pushed::Queued);
    assert_eq!(talk.push(0, ""), Pushed::Queued);
    assert_eq!(talk.push(0, &"x".repeat(26)), Pushed::Queued);
    talk.finish(0);
    let body = format!("9\r\ndata: 1\n\n\r\n1a\r\n{}\r\n0\r\n\r\n", "x".repeat(26));
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
        assert_eq!(talk.push(0, "data: 1\n\n"), Pushed::Queued);
        assert_eq!(talk.lifecycle(), Lifecycle::Open);
        talk.finish(0);
        assert_eq!(
            talk.written(),
            format!("{HEAD}Connection: close\r\n\r\ndata: 1\n\n")
        );
        assert_eq!(
            talk.requests(),
            ["GET /events"],
            "what comes behind it is not run"
        );
        assert_eq!(talk.lifecycle(), end);
        assert_eq!(talk.connection.close_reason(), Some(CloseReason::NotKeptAlive));
    }
}

#[test]
fn a_stream_that_is_aborted_has_no_last_chunk_and_ends_the_connection() {
    let mut talk = Talk::later();
    talk.feed(&[get("/1"), get("/2")].concat());
    talk.begin(0);
    assert_eq!(talk.push(0, "data: 1\n\n"), Pushed::Queued);
    talk.answer(1, "two");
    talk.abort(0);
    assert_eq!(
        talk.written(),
        format!("{HEAD}{CHUNKED}9\r\ndata: 1\n\n\r\n"),
        "what was queued is written, and nothing else"
    );
    assert_eq!(talk.lifecycle(), Lifecycle::Finishing);
    assert_eq!(talk.connection.close_reason(), Some(CloseReason::StreamAborted));
    assert_eq!(talk.connection.waiting(), 0);
}
