//! HTTP/1.1 from the outside: bytes in, requests seen and bytes out.

mod bodies;
mod conversations;
mod law;
mod pipelining;
mod smuggling;
mod streams;
mod timing;

use snowflake_mcp::limits::Limits;
use snowflake_mcp::time::Instant;
use snowflake_mcp::wire::buffer::Piece;
use snowflake_mcp::wire::http::{
    Error, HttpConnection, Next, Request, Responder, Response, StreamHead, Ticket, Version,
};
use snowflake_mcp::wire::{Lifecycle, Serving};
use std::time::Duration;

/// What the codec gave out.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Request {
        method: String,
        target: String,
        version: Version,
        fields: Vec<(String, Vec<u8>)>,
        body: Vec<u8>,
    },
    Failed(Error),
}

/// How requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// At once, with a body that names method, path and body of the request; `/close` with `close`.
    AtOnce,
    /// Later: the ticket goes to [`Talk::tickets`].
    Later,
    /// As `AtOnce`, but these by streams: `/stream` is whole, `/open` stays open until [`Talk::finish_all`] (its ticket
    /// goes to [`Talk::tickets`]), `/abort` is cut.
    Streams,
}

/// One connection, the clock, and all that was seen and written.
struct Talk {
    connection: HttpConnection,
    limits: Limits,
    now: Instant,
    manner: Manner,
    seen: Vec<Seen>,
    tickets: Vec<Ticket>,
    written: Vec<u8>,
}

const COMMON_HEADERS: &[u8] = b"Server: test\r\n";

impl Talk {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        Self {
            connection: HttpConnection::new(Instant::ZERO),
            limits,
            now: Instant::ZERO,
            manner: Manner::AtOnce,
            seen: Vec::new(),
            tickets: Vec::new(),
            written: Vec::new(),
        }
    }

    fn later() -> Self {
        Self {
            manner: Manner::Later,
            ..Self::new()
        }
    }

    /// Lets time pass and, if a deadline is due, says so.
    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        let is_due = |deadline: Instant| deadline <= self.now;
        if self.connection.deadline(&self.limits).is_some_and(is_due) {
            let (limits, now) = (self.limits.clone(), self.now);
            self.connection.on_deadline(&serving(&limits, now));
        }
    }

    /// Time until the next deadline.
    fn patience(&self) -> Option<Duration> {
        let deadline = self.connection.deadline(&self.limits)?;
        Some(deadline.since(self.now))
    }

    /// Reads `bytes` and serves what came of it. Says how many were not read, because there was no room.
    fn feed(&mut self, mut bytes: &[u8]) -> usize {
        while !bytes.is_empty() {
            let room = self.connection.room(&self.limits);
            if room.is_empty() {
                break;
            }
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            self.connection.received(count, self.now);
            bytes = &bytes[count..];
            self.serve();
        }
        bytes.len()
    }

    fn end(&mut self) {
        self.connection.on_end();
        self.serve();
    }

    fn serve(&mut self) {
        let limits = self.limits.clone();
        let serving = serving(&limits, self.now);
        loop {
            match self.connection.next(&serving) {
                Next::NeedMore => return,
                Next::Failed(error) => self.seen.push(Seen::Failed(error)),
                Next::Request(request, responder) => {
                    self.seen.push(look(&request));
                    match self.manner {
                        Manner::Streams if matches!(request.path(), "/stream" | "/open" | "/abort") => {
                            let (path, body) = (request.path().to_owned(), request.body().to_vec());
                            let ticket = responder.begin_stream(StreamHead { headers: &[] });
                            self.stream(ticket, &path, body, &serving);
                        }
                        Manner::AtOnce | Manner::Streams => echo(&request, responder),
                        Manner::Later => self.tickets.push(responder.defer()),
                    }
                }
            }
        }
    }

    /// Says the path and the body on a stream, and ends it as the path says.
    fn stream(&mut self, ticket: Ticket, path: &str, body: Vec<u8>, serving: &Serving<'_>) {
        let pieces = &mut [Piece::Borrowed(path.as_bytes()), Piece::Owned(body)];
        self.connection.push_reply(ticket, pieces, serving);
        match path {
            "/stream" => self.connection.end_stream(ticket, serving),
            "/abort" => self.connection.abort_stream(ticket, serving),
            _ => self.tickets.push(ticket),
        }
    }

    /// Ends the streams that are open, the oldest first, until none is.
    fn finish_all(&mut self) {
        while !self.tickets.is_empty() {
            let ticket = self.tickets.remove(0);
            let limits = self.limits.clone();
            self.connection.end_stream(ticket, &serving(&limits, self.now));
            self.serve();
        }
    }

    /// Answers the `index`-th request that was deferred.
    fn answer(&mut self, index: usize, body: &str) {
        let response = Response {
            status: 200,
            content_type: None,
            headers: &[],
            body: &mut [Piece::Borrowed(body.as_bytes())],
            close: false,
        };
        let serving = serving(&self.limits, self.now);
        self.connection.answer(self.tickets[index], response, &serving);
        self.serve();
    }

    /// The peer takes up to `count` bytes.
    fn take(&mut self, count: usize) {
        let waiting = self.connection.outbox().to_vec();
        let taken = &waiting[..count.min(waiting.len())];
        self.written.extend_from_slice(taken);
        self.connection.sent(taken.len(), self.now);
        self.serve();
    }

    /// The peer takes all there is; what was written so far.
    fn written(&mut self) -> String {
        while !self.connection.outbox().is_empty() {
            self.take(usize::MAX);
        }
        // Damaged bodies are echoed, and they need not be text.
        String::from_utf8_lossy(&self.written).into_owned()
    }

    /// The status of each final response written so far.
    fn statuses(&mut self) -> Vec<u16> {
        statuses(&self.written())
    }

    /// The bodies that the echo of each request begins with: method and path.
    fn requests(&self) -> Vec<String> {
        let line = |seen: &Seen| match seen {
            Seen::Request { method, target, .. } => format!("{method} {target}"),
            Seen::Failed(error) => error.name().to_owned(),
        };
        self.seen.iter().map(line).collect()
    }

    fn lifecycle(&self) -> Lifecycle {
        self.connection.lifecycle()
    }
}

fn serving(limits: &Limits, now: Instant) -> Serving<'_> {
    Serving {
        limits,
        now,
        common_headers: COMMON_HEADERS,
    }
}

fn look(request: &Request<'_>) -> Seen {
    Seen::Request {
        method: request.method().to_owned(),
        target: request.target().to_owned(),
        version: request.version(),
        fields: request
            .fields()
            .map(|(name, value)| (name.to_owned(), value.to_vec()))
            .collect(),
        body: request.body().to_vec(),
    }
}

/// Answers with pieces that are borrowed from the request.
fn echo(request: &Request<'_>, responder: Responder<'_>) {
    let mut body = [
        Piece::Borrowed(request.method().as_bytes()),
        Piece::Borrowed(b" "),
        Piece::Borrowed(request.path().as_bytes()),
        Piece::Borrowed(b" "),
        Piece::Borrowed(request.body()),
    ];
    responder.respond(Response {
        status: 200,
        content_type: Some("text/plain"),
        headers: &[],
        body: &mut body,
        close: request.path() == "/close",
    });
}

/// The status of each final response in `text`, in which no body holds a status line.
fn statuses(text: &str) -> Vec<u16> {
    text.split("HTTP/1.1 ")
        .skip(1)
        .filter_map(|response| response.get(..3)?.parse().ok())
        .filter(|&status| status >= 200 || status == 101)
        .collect()
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

fn post(path: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}").into_bytes()
}
