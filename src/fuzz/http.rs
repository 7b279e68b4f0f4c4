//! Requests on one connection: heads, framing, chunked bodies, the order of what is answered, and streams among it.

use std::collections::VecDeque;

use super::responses::{self, Answer};
use crate::limits::Limits;
use crate::time::Instant;
use crate::wire::buffer::Piece;
use crate::wire::http::{
    Error, HttpConnection, Next, Pushed, Request, Responder, Response, StreamHead, Ticket, Version,
};
use crate::wire::{CloseReason, Lifecycle, Serving};

/// A request that was given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its method.
    pub method: String,
    /// Its target, as it was written.
    pub target: String,
    /// The version it is served under.
    pub version: Version,
    /// Field lines in their order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Its body, decoded.
    pub body: Vec<u8>,
}

/// All that may be seen of a connection from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Requests, until the fault if there is one.
    pub taken: Vec<Taken>,
    /// What was refused. Nothing is taken behind it.
    pub fault: Option<Error>,
    /// What was written, without 100 Continue: that is only said to a peer that seems to wait for it.
    pub written: Vec<u8>,
    /// What the shell would do now.
    pub lifecycle: Lifecycle,
    /// Why the connection ends.
    pub close_reason: Option<CloseReason>,
}

/// However the bytes are split, the same requests are taken and the same is said, under usual and under narrow limits;
/// no limit is passed, a fault is the last thing that happens, and a peer reads what was answered.
///
/// Some requests are answered by streams: those whose path begins with `/s` by one that ends at once, with `/o` by one
/// that stays open to the end, with `/a` by one that is cut.
pub fn http(bytes: &[u8]) {
    let narrow = Limits {
        head_bytes_max: 128,
        target_bytes_max: 32,
        headers_max: 4,
        body_bytes_max: 24,
        ..Limits::default()
    };
    for limits in [Limits::default(), narrow] {
        for ends in [false, true] {
            let mut ways = super::cuts(bytes).into_iter();
            let outcome = |parts: &[&[u8]]| converse(parts, ends, &limits, true);
            let whole = outcome(&ways.next().unwrap_or_default());
            assert_within(&whole, &limits);
            for parts in ways {
                assert_eq!(outcome(&parts), whole, "split {parts:?}");
            }
        }
    }
}

/// What a connection makes of `parts`, each of them one read, and of the peer's end behind them if it `ends`. Every
/// request is answered at once.
pub fn exchange(parts: &[&[u8]], ends: bool, limits: &Limits) -> Outcome {
    converse(parts, ends, limits, false)
}

fn converse(parts: &[&[u8]], ends: bool, limits: &Limits, streams: bool) -> Outcome {
    let mut talk = Talk {
        connection: HttpConnection::new(Instant::ZERO),
        limits,
        streams,
        open: VecDeque::new(),
        taken: Vec::new(),
        fault: None,
        written: Vec::new(),
    };
    for part in parts {
        talk.feed(part);
    }
    if ends {
        talk.connection.on_end();
        talk.serve();
    }
    while talk.finish_oldest() {}
    talk.assert_readable();
    Outcome {
        taken: talk.taken,
        fault: talk.fault,
        written: without_continue(&talk.written),
        lifecycle: talk.connection.lifecycle(),
        close_reason: talk.connection.close_reason(),
    }
}

struct Talk<'a> {
    connection: HttpConnection,
    limits: &'a Limits,
    /// Some requests are answered by streams.
    streams: bool,
    /// The streams that are open.
    open: VecDeque<Ticket>,
    taken: Vec<Taken>,
    fault: Option<Error>,
    written: Vec<u8>,
}

impl Talk<'_> {
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.connection.room(self.limits);
            if room.is_empty() && self.finish_oldest() {
                continue;
            }
            let room = self.connection.room(self.limits);
            let count = room.len().min(bytes.len());
            assert!(count > 0, "all was written, so there is room");
            room[..count].copy_from_slice(&bytes[..count]);
            self.connection.received(count, Instant::ZERO);
            bytes = &bytes[count..];
            self.serve();
        }
    }

    /// Answers all there is, and takes what is written.
    fn serve(&mut self) {
        loop {
            self.serve_waiting();
            let waiting = self.connection.outbox().to_vec();
            if waiting.is_empty() {
                return;
            }
            self.written.extend_from_slice(&waiting);
            self.connection.sent(waiting.len(), Instant::ZERO);
        }
    }

    fn serve_waiting(&mut self) {
        let serving = serving(self.limits);
        loop {
            match self.connection.next(&serving) {
                Next::NeedMore => return,
                Next::Failed(error) => {
                    assert_eq!(self.fault.replace(error), None, "a second fault");
                }
                Next::Request(request, responder) => {
                    assert_eq!(self.fault, None, "a request behind a fault");
                    let taken = Taken::of(&request);
                    if self.streams && taken.is_streamed() {
                        let ticket = responder.begin_stream(StreamHead::default());
                        self.stream(ticket, &taken);
                    } else {
                        echo(request, responder);
                    }
                    self.taken.push(taken);
                }
            }
        }
    }

    /// Says target and body on a stream, and ends it in one of the ways there are.
    fn stream(&mut self, ticket: Ticket, taken: &Taken) {
        let serving = serving(self.limits);
        for text in [taken.target.as_bytes(), &taken.body] {
            let pushed = self
                .connection
                .push_stream(ticket, &mut [Piece::Borrowed(text)], &serving);
            assert_eq!(pushed, Pushed::Queued, "nothing else waits in this stream");
        }
        if taken.target.starts_with("/s") {
            self.connection.end_stream(ticket, &serving);
        } else if taken.is_cut() {
            self.connection.abort_stream(ticket, &serving);
        } else {
            self.open.push_back(ticket);
        }
    }

    /// Ends the oldest of the streams that are open, and goes on with what waited behind it.
    fn finish_oldest(&mut self) -> bool {
        let Some(ticket) = self.open.pop_front() else {
            return false;
        };
        self.connection.end_stream(ticket, &serving(self.limits));
        self.serve();
        true
    }

    /// A peer sees an answer to each request, whole unless it was cut, and an answer to the fault.
    fn assert_readable(&self) {
        let methods = self.taken.iter().map(|taken| taken.method.as_str());
        let answers = responses::read(&self.written, methods);
        assert_eq!(
            answers.len(),
            self.taken.len() + usize::from(self.fault.is_some()),
            "{answers:?}"
        );
        for (taken, answer) in self.taken.iter().zip(answers) {
            assert_eq!(answer, taken.answer(self.streams), "{taken:?}");
        }
    }
}

fn serving(limits: &Limits) -> Serving<'_> {
    Serving {
        limits,
        now: Instant::ZERO,
        common_headers: b"",
    }
}

fn echo(request: Request<'_>, responder: Responder<'_>) {
    responder.respond(Response {
        status: 200,
        content_type: None,
        headers: &[],
        body: &mut [Piece::Borrowed(request.body())],
        close: false,
    });
}

impl Taken {
    fn of(request: &Request<'_>) -> Self {
        let fields = request.fields();
        Self {
            method: request.method().to_owned(),
            target: request.target().to_owned(),
            version: request.version(),
            fields: fields
                .map(|(name, value)| (name.to_owned(), value.to_vec()))
                .collect(),
            body: request.body().to_vec(),
        }
    }

    fn is_streamed(&self) -> bool {
        ["/s", "/o", "/a"]
            .iter()
            .any(|start| self.target.starts_with(start))
    }

    fn is_cut(&self) -> bool {
        self.target.starts_with("/a")
    }

    /// What its sender reads.
    fn answer(&self, streams: bool) -> Answer {
        let is_streamed = streams && self.is_streamed();
        let is_head = self.method == "HEAD";
        let said = if is_streamed { self.target.as_bytes() } else { b"" };
        let body = if is_head {
            Vec::new()
        } else {
            [said, &self.body].concat()
        };
        // Where the end of the connection is that of the body, a cut cannot be seen.
        let is_chunked = self.version == Version::Http11;
        let is_whole = !(is_streamed && self.is_cut() && is_chunked && !is_head);
        Answer { body, is_whole }
    }
}

fn assert_within(outcome: &Outcome, limits: &Limits) {
    for taken in &outcome.taken {
        assert!(taken.body.len() <= limits.body_bytes_max, "{taken:?}");
        assert!(taken.target.len() <= limits.target_bytes_max, "{taken:?}");
        assert!(taken.fields.len() <= limits.headers_max, "{taken:?}");
        for (name, value) in &taken.fields {
            assert!(
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()),
                "{taken:?}"
            );
            let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
            assert!(!value.iter().any(is_control), "{taken:?}");
        }
    }
    let responses = outcome.taken.len() + usize::from(outcome.fault.is_some());
    assert_eq!(outcome.written.is_empty(), responses == 0, "{outcome:?}");
}

fn without_continue(written: &[u8]) -> Vec<u8> {
    const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    let (mut kept, mut rest) = (Vec::with_capacity(written.len()), written);
    while let Some(&first) = rest.first() {
        match rest.strip_prefix(CONTINUE) {
            Some(behind) => rest = behind,
            None => {
                kept.push(first);
                rest = &rest[1..];
            }
        }
    }
    kept
}
