//! The clients: a mio loop of its own that keeps a number of connections asking.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::histogram::Histogram;

/// What is spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    WebSocket,
}

/// The bytes of one request and what its answer must hold.
#[derive(Clone)]
pub(crate) struct Requests {
    protocol: Protocol,
    handshake: Vec<u8>,
    request: Vec<u8>,
    expected: &'static str,
    reconnects: bool,
}

impl Requests {
    pub(crate) fn new(
        address: SocketAddr,
        protocol: Protocol,
        path: &str,
        body: Option<&str>,
        reconnects: bool,
    ) -> Self {
        let handshake = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let connection = if reconnects { "Connection: close\r\n" } else { "" };
        let request = match (protocol, body) {
            (Protocol::WebSocket, body) => masked_frame(body.unwrap_or("{}").as_bytes()),
            (Protocol::Http, None) => {
                format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{connection}\r\n").into_bytes()
            }
            (Protocol::Http, Some(body)) => format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
                 Accept: application/json, text/event-stream\r\n{connection}Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        };
        let expected = if body.is_some() {
            "\"result\""
        } else {
            "\"status\""
        };
        Self {
            protocol,
            handshake: handshake.into_bytes(),
            request,
            expected,
            reconnects,
        }
    }

    /// The same, with a key. Only over HTTP.
    #[cfg(feature = "demo")]
    pub(crate) fn with_key(mut self, key: &str) -> Self {
        let line = format!("\r\nAuthorization: Bearer {key}");
        let end = self.request.windows(2).position(|pair| pair == b"\r\n");
        let end = end.expect("a request has lines");
        self.request.splice(end..end, line.into_bytes());
        self
    }

    /// The same, whose answers must hold `text`.
    #[cfg(feature = "demo")]
    pub(crate) fn expecting(self, text: &'static str) -> Self {
        Self {
            expected: text,
            ..self
        }
    }
}

fn masked_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length as u8),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => unreachable!("requests are short"),
    }
    // A mask of zeros is a legal mask and spares the load generator the work.
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// What was measured.
pub(crate) struct Measured {
    pub(crate) answered: u64,
    pub(crate) wrong: u64,
    pub(crate) first_wrong: String,
    pub(crate) elapsed: Duration,
    pub(crate) latency: Histogram,
}

struct Client {
    stream: TcpStream,
    is_upgraded: bool,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    asked: VecDeque<Instant>,
    answers: u64,
}

/// A number of connections that keep asking.
pub(crate) struct Load {
    poll: Poll,
    address: SocketAddr,
    requests: Requests,
    depth: usize,
    clients: Vec<Option<Client>>,
    measured: Measured,
}

/// Connections opened at once, so that the listen queue is never overrun.
const OPENING_MAX: usize = 200;
/// A load that gets no further for this long has failed.
const STALLED: Duration = Duration::from_secs(20);

#[allow(clippy::disallowed_methods, reason = "the benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

fn nothing_measured() -> Measured {
    let latency = Histogram::new();
    Measured {
        answered: 0,
        wrong: 0,
        first_wrong: String::new(),
        elapsed: Duration::ZERO,
        latency,
    }
}

impl Load {
    /// Opens the connections; each asks for the first time once it is open.
    pub(crate) fn new(address: SocketAddr, requests: Requests, connections: usize, depth: usize) -> Self {
        let poll = Poll::new().expect("a poll");
        let mut load = Self {
            poll,
            address,
            requests,
            depth,
            clients: Vec::new(),
            measured: nothing_measured(),
        };
        while load.clients.len() < connections {
            let batch = OPENING_MAX.min(connections - load.clients.len());
            for _ in 0..batch {
                let index = load.clients.len();
                load.clients.push(None);
                load.open(index);
            }
            let target = load.clients.len() as u64;
            load.turn_until(STALLED, |load| load.first_answers() >= target);
            // A server that is gone and one that is slow look alike otherwise.
            let closed = load.clients.iter().filter(|client| client.is_none()).count();
            assert!(
                load.first_answers() >= target,
                "only {} of {target} connections had an answer, {closed} were refused or closed",
                load.first_answers()
            );
        }
        load
    }

    fn first_answers(&self) -> u64 {
        if self.requests.reconnects {
            // Each is closed with its answer, so there is no client left to ask.
            return self.measured.answered;
        }
        self.clients
            .iter()
            .flatten()
            .filter(|client| client.answers > 0)
            .count() as u64
    }

    /// Connections that are open.
    pub(crate) fn open_connections(&mut self) -> usize {
        self.turn(Duration::ZERO, false);
        self.clients.iter().flatten().count()
    }

    /// Every connection has had its first answer when it was made; nothing more is asked.
    pub(crate) fn run_once(&mut self) {
        self.turn_until(STALLED, |load| {
            load.clients
                .iter()
                .flatten()
                .all(|client| client.asked.is_empty())
        });
    }

    /// Says nothing for a while.
    pub(crate) fn stay_idle(&mut self, time: Duration) {
        let from = now();
        while from.elapsed() < time {
            self.turn(Duration::from_millis(100), false);
        }
    }

    /// The whole first answer of a new connection, as it came.
    pub(crate) fn first_answer(address: SocketAddr, requests: &Requests) -> Vec<u8> {
        let mut stream = std::net::TcpStream::connect(address).expect("loopback connects");
        stream.write_all(&requests.request).expect("it is open");
        let (mut answer, mut chunk) = (Vec::new(), [0; 16 << 10]);
        while whole_answer(&answer).is_none() {
            let count = stream.read(&mut chunk).expect("it is open");
            assert!(count > 0, "closed before the answer");
            answer.extend_from_slice(&chunk[..count]);
        }
        answer
    }

    /// Asks for `time` and says what happened.
    pub(crate) fn run(&mut self, time: Duration) -> Measured {
        self.begin();
        let from = now();
        while from.elapsed() < time {
            self.turn(Duration::from_millis(50), true);
        }
        self.finish(from)
    }

    /// Two loads in turns on this thread, for `time`.
    pub(crate) fn run_both(one: &mut Self, other: &mut Self, time: Duration) -> (Measured, Measured) {
        one.begin();
        other.begin();
        let from = now();
        while from.elapsed() < time {
            one.turn(Duration::from_millis(1), true);
            other.turn(Duration::ZERO, true);
        }
        (one.finish(from), other.finish(from))
    }

    fn begin(&mut self) {
        self.measured = nothing_measured();
        for index in 0..self.clients.len() {
            if self.clients[index]
                .as_ref()
                .is_some_and(|client| client.asked.is_empty() && !self.requests.reconnects)
            {
                self.ask(index);
            }
            if self.clients[index].is_none() {
                self.open(index);
            }
        }
    }

    fn finish(&mut self, from: Instant) -> Measured {
        let mut measured = std::mem::replace(&mut self.measured, nothing_measured());
        measured.elapsed = from.elapsed();
        measured
    }

    fn turn_until(&mut self, limit: Duration, is_done: impl Fn(&Self) -> bool) {
        let from = now();
        while !is_done(self) && from.elapsed() < limit {
            self.turn(Duration::from_millis(50), false);
        }
    }

    fn open(&mut self, index: usize) {
        let mut stream = TcpStream::connect(self.address).expect("loopback connects");
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut stream, Token(index), interest)
            .expect("registered");
        let is_http = self.requests.protocol == Protocol::Http;
        let first = if is_http {
            &self.requests.request
        } else {
            &self.requests.handshake
        };
        let asked = if is_http {
            VecDeque::from([now()])
        } else {
            VecDeque::new()
        };
        let (inbox, outbox) = (Vec::new(), first.clone());
        self.clients[index] = Some(Client {
            stream,
            is_upgraded: is_http,
            inbox,
            outbox,
            asked,
            answers: 0,
        });
    }

    fn ask(&mut self, index: usize) {
        let Some(client) = &mut self.clients[index] else {
            return;
        };
        while client.asked.len() < self.depth {
            client.outbox.extend_from_slice(&self.requests.request);
            client.asked.push_back(now());
        }
        client.flush();
    }

    fn turn(&mut self, wait: Duration, asks_again: bool) {
        let mut events = Events::with_capacity(1_024);
        if let Err(error) = self.poll.poll(&mut events, Some(wait)) {
            assert_eq!(error.kind(), std::io::ErrorKind::Interrupted, "{error}");
        }
        for event in &events {
            self.on_ready(event.token().0, asks_again);
        }
    }

    fn on_ready(&mut self, index: usize, asks_again: bool) {
        let Some(client) = &mut self.clients[index] else {
            return;
        };
        client.flush();
        let is_open = client.read();
        let mut answered = 0;
        loop {
            let Some(client) = &mut self.clients[index] else {
                return;
            };
            let Some((length, is_right)) = self.requests.take_answer(client) else {
                break;
            };
            if !client.is_upgraded {
                client.is_upgraded = true;
                client.outbox.extend_from_slice(&self.requests.request);
                client.asked.push_back(now());
                client.inbox.drain(..length);
                client.flush();
                continue;
            }
            if !is_right {
                self.measured.wrong += 1;
                if self.measured.first_wrong.is_empty() {
                    self.measured.first_wrong = String::from_utf8_lossy(&client.inbox[..length]).into_owned();
                }
            }
            client.inbox.drain(..length);
            client.answers += 1;
            answered += 1;
            if let Some(asked) = client.asked.pop_front() {
                self.measured.latency.add(asked.elapsed());
            }
        }
        self.measured.answered += answered;
        if !is_open {
            self.clients[index] = None;
            if self.requests.reconnects && asks_again {
                self.open(index);
            }
        } else if answered > 0 && asks_again && !self.requests.reconnects {
            self.ask(index);
        }
    }
}

impl Client {
    fn flush(&mut self) {
        while !self.outbox.is_empty() {
            match self.stream.write(&self.outbox) {
                Ok(count) => drop(self.outbox.drain(..count)),
                Err(_) => return,
            }
        }
    }

    /// Reads what there is; `false` at the end.
    fn read(&mut self) -> bool {
        let mut chunk = [0; 16 << 10];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return false,
                Ok(count) => self.inbox.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == std::io::ErrorKind::NotConnected => return true,
                Err(_) => return false,
            }
        }
    }
}

impl Requests {
    /// Length of the first whole answer, and whether it is right.
    fn take_answer(&self, client: &Client) -> Option<(usize, bool)> {
        let inbox = client.inbox.as_slice();
        if self.protocol == Protocol::WebSocket && client.is_upgraded {
            let (length, start) = match inbox {
                [_, 126, high, low, ..] => (usize::from(u16::from_be_bytes([*high, *low])), 4),
                [_, 127, rest @ ..] => (
                    usize::try_from(u64::from_be_bytes(rest.get(..8)?.try_into().ok()?)).ok()?,
                    10,
                ),
                [_, 126, ..] => return None,
                [_, short, ..] => (usize::from(*short), 2),
                _ => return None,
            };
            let payload = inbox.get(start..start + length)?;
            let is_right = inbox[0] == 0x81 && contains(payload, self.expected.as_bytes());
            return Some((start + length, is_right));
        }
        if !client.is_upgraded {
            let head = head_bytes(inbox)?;
            return Some((head, inbox.starts_with(b"HTTP/1.1 101")));
        }
        let (head, end) = whole_answer(inbox)?;
        let body = &inbox[head..end];
        let is_right = inbox.starts_with(b"HTTP/1.1 200") && contains(body, self.expected.as_bytes());
        Some((end, is_right))
    }
}

fn head_bytes(inbox: &[u8]) -> Option<usize> {
    Some(inbox.windows(4).position(|four| four == b"\r\n\r\n")? + 4)
}

/// Where the body of the first answer begins and ends, once all of it is there.
fn whole_answer(inbox: &[u8]) -> Option<(usize, usize)> {
    let head = head_bytes(inbox)?;
    let text = str::from_utf8(&inbox[..head]).ok()?.to_ascii_lowercase();
    let rest = text.split("content-length: ").nth(1)?;
    let length = rest.split("\r\n").next()?.parse::<usize>().ok()?;
    (inbox.len() >= head + length).then_some((head, head + length))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
