//! HTTP/1.1 by the book: requests as raw bytes over a real socket to the binary, each with the section that it is about
//! and what must come of it. What the codec does with every split of them is in `tests/protocol/http`.
//!
//! Behind every request follows another one, which closes the connection. It must be answered where the connection goes
//! on, so the server is in step, and must not be where it ends, so nothing is run past a fault. Every answer is parsed
//! strictly and checked for what all answers owe ([`answer::Answer::flaw`]).
//!
//! The tables are left out of formatting, so that a case stays a line or two.

mod answer;
mod chunked;
mod connections;
mod content;
mod fields;
mod host;
mod keys;
mod length;
mod methods;
mod request_line;
mod upgrades;

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::thread;

use self::answer::Answer;
use super::process::{self, Daemon};

/// One request, or what is none, and what must come of it.
struct Case {
    /// The RFC and its section; other documents by name.
    section: &'static str,
    level: Level,
    what: &'static str,
    sent: Sent,
    expected: Expected,
}

/// How much a case weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// The document says MUST.
    Must,
    /// The document says SHOULD.
    Should,
    /// No document says it so, and what happens otherwise has a name (smuggling, rebinding, exhaustion).
    Safe,
    /// Legal traffic, which has to work.
    Legal,
}

/// What goes over the wire.
#[derive(Clone, Copy)]
enum Sent {
    /// These bytes.
    Whole(&'static [u8]),
    /// This request line, then a `Host` and the end of the head.
    Line(&'static [u8]),
    /// `GET /health` with a `Host` and these field lines.
    Get(&'static [u8]),
    /// `POST /mcp` with these field lines besides those that JSON needs, then these bytes.
    Post(&'static [u8], &'static [u8]),
    /// What is too long to be written down.
    Made(fn() -> Vec<u8>),
}

/// Statuses of the answers, in order, and whether what follows on the connection is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Kept(&'static [u16]),
    Closed(&'static [u16]),
}

const SERVED: Expected = Expected::Kept(&[200]);
const REFUSED: Expected = Expected::Closed(&[400]);

const fn case(
    section: &'static str,
    level: Level,
    what: &'static str,
    sent: Sent,
    expected: Expected,
) -> Case {
    Case {
        section,
        level,
        what,
        sent,
        expected,
    }
}

impl Sent {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Whole(bytes) => bytes.to_vec(),
            Self::Line(line) => [line, b"\r\nHost: localhost\r\n\r\n"].concat(),
            Self::Get(fields) => [b"GET /health HTTP/1.1\r\nHost: localhost\r\n", fields, b"\r\n"].concat(),
            Self::Post(fields, body) => [POST, JSON, fields, b"\r\n", body].concat(),
            Self::Made(make) => make(),
        }
    }
}

const POST: &[u8] = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n";
const JSON: &[u8] = b"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";
/// A call of 40 bytes: 28 in hexadecimal.
const PING: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
/// What follows every case. [`SENTINEL_ID`] tells its answer from others.
const SENTINEL: &[u8] = br#"{"jsonrpc":"2.0","id":"sentinel","method":"ping"}"#;
const SENTINEL_ID: &str = r#""id":"sentinel""#;

/// A whole POST of `body` with further field lines.
fn post(fields: &str, body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}\r\n{fields}\r\n", body.len());
    [POST, JSON, length.as_bytes(), body].concat()
}

/// Runs every case on a connection of its own, and tells all that went wrong. `sentinel_fields` are what the server needs
/// to serve the request that follows.
fn check(address: SocketAddr, cases: &[Case], sentinel_fields: &str) {
    let sentinel = post(&format!("Connection: close\r\n{sentinel_fields}"), SENTINEL);
    let mut failures = Vec::new();
    for case in cases {
        if let Err(problem) = case.run(address, &sentinel) {
            let Case {
                section, level, what, ..
            } = case;
            failures.push(format!("{section} ({level:?}) {what}: {problem}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} failed:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

impl Case {
    fn run(&self, address: SocketAddr, sentinel: &[u8]) -> Result<(), String> {
        let bytes = self.sent.bytes();
        let received = exchange(address, &[&bytes, sentinel].concat(), End::Theirs)
            .map_err(|error| format!("no end of the connection: {error}"))?;
        let mut answers = Answer::all(&received, bytes.starts_with(b"HEAD "))?;
        let goes_on = answers.last().is_some_and(Answer::is_sentinel);
        if goes_on {
            answers.pop();
        }
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        let (expected, is_kept) = match self.expected {
            Expected::Kept(statuses) => (statuses, true),
            Expected::Closed(statuses) => (statuses, false),
        };
        if (statuses.as_slice(), goes_on) != (expected, is_kept) {
            let then = if goes_on { "goes on" } else { "ends" };
            return Err(format!(
                "{statuses:?} and the connection {then}, expected {:?}",
                self.expected
            ));
        }
        let last = answers.len();
        for (index, answer) in answers.iter().enumerate() {
            let ends = !is_kept && index + 1 == last;
            answer
                .flaw(ends)
                .map_or(Ok(()), |flaw| Err(format!("the {} {flaw}", answer.status)))?;
        }
        Ok(())
    }
}

/// Who ends the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client says FIN behind its last byte.
    Ours,
    Theirs,
}

/// Sends all of `bytes` and gives all that comes until the server ends the connection. Written and read at once, so that
/// neither side waits for the other; a server that refuses early need not take the rest.
fn exchange(address: SocketAddr, bytes: &[u8], end: End) -> io::Result<Vec<u8>> {
    let mut stream = process::connect(address);
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut received = Vec::new();
    thread::scope(|scope| {
        scope.spawn(move || {
            if writer.write_all(bytes).is_ok() && end == End::Ours {
                let _ = writer.shutdown(Shutdown::Write);
            }
        });
        stream.read_to_end(&mut received)
    })?;
    Ok(received)
}

fn daemon() -> Daemon {
    Daemon::start(&[], &[])
}

/// Every table, but for that of the keys, which needs a server that has some.
const CHAPTERS: &[&[Case]] = &[
    request_line::CASES,
    fields::CASES,
    host::CASES,
    length::CASES,
    chunked::CASES,
    connections::CASES,
    methods::CASES,
    content::CASES,
    upgrades::CASES,
];

#[test]
fn every_case_is_answered_by_the_book() {
    let daemon = daemon();
    for cases in CHAPTERS {
        check(daemon.address, cases, "");
    }
    assert_eq!(daemon.ask("GET", "/health", "").status, 200);
}

#[test]
fn cases_are_many_and_none_is_there_twice() {
    let without_keys: Vec<&Case> = CHAPTERS.iter().copied().flatten().collect();
    let with_keys: Vec<&Case> = keys::CASES.iter().collect();
    for (cases, count_min) in [(without_keys, 300), (with_keys, 25)] {
        let (mut sent, mut told) = (BTreeSet::new(), BTreeSet::new());
        for case in &cases {
            assert!(
                sent.insert(case.sent.bytes()),
                "sent twice: {} {}",
                case.section,
                case.what
            );
            assert!(
                told.insert((case.section, case.what)),
                "told twice: {} {}",
                case.section,
                case.what
            );
        }
        assert!(sent.len() >= count_min, "{} cases", sent.len());
    }
}
