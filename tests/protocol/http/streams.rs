//! Responses that are streams.

mod bytes;
mod ends;
mod order;
mod readers;

use snowflake_mcp::wire::http::Pushed;
use snowflake_mcp::wire::spares::Spares;
use snowflake_mcp::wire::{CloseReason, Lifecycle};

use super::*;

const HEAD: &str = "HTTP/1.1 200 OK\r\nServer: test\r\nContent-Type: text/event-stream\r\n\
                    Cache-Control: no-transform\r\nX-Accel-Buffering: no\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n";
const EVENT: &str = "data: 1\n\n";
const EVENT_CHUNK: &str = "9\r\ndata: 1\n\n\r\n";
const END: &str = "0\r\n\r\n";
const MOMENT: Duration = Duration::from_millis(1);

impl Talk {
    /// Answers requests later, the first of them, `GET /events`, with a stream that is open now.
    fn streaming() -> Self {
        let mut talk = Self::later();
        talk.feed(&get("/events"));
        talk.begin(0);
        talk
    }

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

    fn push_reply(&mut self, index: usize, text: &str) {
        let serving = serving(&self.limits, self.now);
        let pieces = &mut [Piece::Borrowed(text.as_bytes())];
        self.connection.push_reply(self.tickets[index], pieces, &serving);
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

    fn drain(&mut self) {
        let serving = serving(&self.limits, self.now);
        self.connection.drain(&serving);
    }

    /// What the connection has come to, once all is written.
    fn ended_as(&mut self) -> (Lifecycle, Option<CloseReason>) {
        self.written();
        (self.lifecycle(), self.connection.close_reason())
    }
}
