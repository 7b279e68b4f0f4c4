//! The server as its worlds see it: bytes and events in, outputs and bytes out, with a clock that the test sets.

mod access;
mod addresses;
mod audit;
mod batches;
mod callers;
mod calls;
mod fairness;
mod history;
mod logins;
mod memory;
mod messages;
mod patience;
mod probing;
mod routes;
mod sessions;
mod shared;
mod shutdown;
mod streams;
mod subscriptions;
mod tasks;
mod writes;

use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::Duration;

use super::{Exit, Input, Output, Peer, Server, Settings};
use crate::access::KeyRing;
use crate::audit::Record;
use crate::backend::job::Rendered;
use crate::backend::{Completion, Error, Job, Kind, Outcome, Progress, Stage};
use crate::entropy::SeededEntropy;
use crate::ident::{ConnectionId, JobId};
use crate::limits::Limits;
use crate::mcp::{Keys, Offer, Service};
use crate::secret::Secret;
use crate::sql::guard::Policy;
use crate::time::{Instant, Now, WallTime};
use crate::tools;

/// A server with a clock and the outputs it gave, sorted by kind.
struct Bench {
    server: Server,
    now: Now,
    submitted: VecDeque<Box<Job>>,
    cancels: VecDeque<Box<Job>>,
    interrupted: Vec<JobId>,
    wanted: Vec<crate::access::fetch::Wanted>,
    closed: Vec<ConnectionId>,
    shutdown_write: Vec<ConnectionId>,
    stopped_accepting: bool,
    exit: Option<Exit>,
    records: Vec<Record>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with_limits(limits: Limits) -> Self {
        Self::with(Settings {
            limits,
            ..Settings::default()
        })
    }

    fn with_keys(keys: &[&str]) -> Self {
        let keys: Vec<_> = keys.iter().map(|key| Secret::new(*key)).collect();
        Self::with(Settings {
            keys: KeyRing::of_secrets(&keys),
            ..Settings::default()
        })
    }

    fn with(settings: Settings) -> Self {
        let tools = tools::Settings::new(&settings.limits, Policy::default());
        let keys = Keys::random(&mut SeededEntropy::new(1));
        let service = Service::new(&settings.limits, tools, keys);
        Self::with_service(settings, service)
    }

    /// The same server, which also offers what `offer` has.
    fn with_offer(limits: Limits, offer: impl Offer + 'static) -> Self {
        let tools = tools::Settings::new(&limits, Policy::default());
        let keys = Keys::random(&mut SeededEntropy::new(1));
        let service = Service::new(&limits, tools, keys).with_offer(Box::new(offer));
        let settings = Settings {
            limits,
            ..Settings::default()
        };
        Self::with_service(settings, service)
    }

    fn with_service(settings: Settings, service: Service) -> Self {
        let wall = WallTime::from_micros(1_795_341_600_000_000);
        Self {
            server: Server::new(settings, service, Box::new(SeededEntropy::new(1))),
            now: Now {
                monotonic: Instant::from_micros(5_000_000),
                wall,
            },
            submitted: VecDeque::new(),
            cancels: VecDeque::new(),
            interrupted: Vec::new(),
            wanted: Vec::new(),
            closed: Vec::new(),
            shutdown_write: Vec::new(),
            stopped_accepting: false,
            exit: None,
            records: Vec::new(),
        }
    }

    fn connect(&mut self) -> ConnectionId {
        let id = self
            .server
            .accept(self.now, Peer::Tcp)
            .expect("the table is not full");
        self.take_outputs();
        id
    }

    fn handle(&mut self, input: Input) {
        self.server.handle(self.now, input);
        self.take_outputs();
    }

    /// Sends bytes as the world does: into the room, as much as there is.
    fn send(&mut self, connection: ConnectionId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.server.room(connection);
            let count = room.len().min(bytes.len());
            if count == 0 {
                return;
            }
            room[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            self.handle(Input::Received { connection, count });
        }
    }

    /// Takes what waits to be written.
    fn receive(&mut self, connection: ConnectionId) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let count = self.server.pending(connection, &mut slices);
            let bytes: Vec<u8> = slices[..count]
                .iter()
                .flat_map(|slice| slice.iter().copied())
                .collect();
            if bytes.is_empty() {
                return all;
            }
            all.extend_from_slice(&bytes);
            self.handle(Input::Sent {
                connection,
                count: bytes.len(),
            });
        }
    }

    /// What a new connection is told without having asked.
    fn receive_from_new(&mut self) -> Vec<u8> {
        let connection = self.connect();
        self.receive(connection)
    }

    fn ask(&mut self, connection: ConnectionId, request: &str) -> String {
        self.send(connection, request.as_bytes());
        String::from_utf8(self.receive(connection)).expect("answers are text")
    }

    /// `METHOD path` on a new connection with these extra header lines.
    fn request(&mut self, start: &str, lines: &str, body: &str) -> String {
        let connection = self.connect();
        self.ask(connection, &http(start, lines, body))
    }

    fn pass(&mut self, time: Duration) {
        self.now.monotonic = self.now.monotonic + time;
        self.server.handle_timeout(self.now);
        self.take_outputs();
    }

    fn complete(&mut self, job: JobId, outcome: Outcome) {
        self.handle(Input::Completed(Completion { job, outcome }));
    }

    fn complete_with(&mut self, job: JobId, result: &str) {
        let rendered = Rendered {
            result: result.as_bytes().to_vec(),
            rows: 1,
            truncated: false,
            query_id: None,
            kept: None,
        };
        self.complete(job, Outcome::Done(Ok(rendered)));
    }

    fn fail_with(&mut self, job: JobId, kind: Kind, message: &str) {
        self.complete(job, Outcome::Done(Err(Error::new(kind, message))));
    }

    /// The step says: the statement runs, ask again later.
    fn say_again(&mut self, mut job: Box<Job>, after: Duration) -> JobId {
        let id = job.id;
        job.reached.stage = Stage::Poll;
        job.reached.handle = Some(format!("handle-{id}"));
        self.complete(
            id,
            Outcome::Again {
                job,
                after,
                progress: Progress::Running,
            },
        );
        id
    }

    /// The step says: at once another one, of the job as it is now.
    fn again(&mut self, id: JobId, job: Box<Job>) {
        let (after, progress) = (Duration::ZERO, Progress::Running);
        self.complete(id, Outcome::Again { job, after, progress });
    }

    fn next_submitted(&mut self) -> Box<Job> {
        self.submitted.pop_front().expect("a step was given out")
    }

    fn take_outputs(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Submit(job) => self.submitted.push_back(job),
                Output::SubmitCancel(job) => self.cancels.push_back(job),
                Output::Interrupt(job) => self.interrupted.push(job),
                Output::Fetch(wanted) => self.wanted.push(wanted),
                Output::Audit(record) => self.records.push(*record),
                Output::Flush(_) => {}
                Output::ShutdownWrite(connection) => self.shutdown_write.push(connection),
                Output::Close(connection) => self.closed.push(connection),
                Output::Discard(_) => {}
                Output::StopAccepting => self.stopped_accepting = true,
                Output::Exit(exit) => self.exit = Some(exit),
            }
        }
    }
}

fn http(start: &str, lines: &str, body: &str) -> String {
    let length = body.len();
    let framing = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Length: {length}\r\n")
    };
    format!("{start} HTTP/1.1\r\nHost: localhost\r\n{lines}{framing}\r\n{body}")
}

/// A posted JSON-RPC message.
fn post(body: &str) -> String {
    http(
        "POST /mcp",
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n",
        body,
    )
}

/// A posted call of `execute_query`.
fn post_call(id: u64) -> String {
    post(&call(id))
}

fn call(id: u64) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"execute_query","arguments":{{"query":"select 1"}}}}}}"#
    )
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
