//! A world without sockets and threads: it gives a [`Server`] bytes and takes what it says, as the driver does.
//!
//! Shared with `tests/allocations`, which counts what the same steps allocate.

use std::io::IoSlice;
use std::time::Duration;

use snowflake_mcp::backend::Job;
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::ident::ConnectionId;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::{Keys, Service};
use snowflake_mcp::server::{Input, Output, Peer, Server, Settings};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::{Instant, Now, WallTime};
use snowflake_mcp::tools;

/// A server and its clock.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) now: Now,
    /// The job of the last call. The pool has a queue; here there is one call at a time.
    submitted: Option<Box<Job>>,
    closed: usize,
}

/// A server with the settings of a first run.
pub(crate) fn server(limits: Limits) -> Server {
    let settings = Settings {
        limits,
        ..Settings::default()
    };
    let tools = tools::Settings::new(&settings.limits, Policy::default());
    let keys = Keys::random(&mut SeededEntropy::new(1));
    let service = Service::new(&settings.limits, tools, keys);
    Server::new(settings, service, Box::new(SeededEntropy::new(1)))
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        Self {
            server: server(limits),
            now: Now {
                monotonic: Instant::from_micros(5_000_000),
                wall: WallTime::from_micros(1_795_341_600_000_000),
            },
            submitted: None,
            closed: 0,
        }
    }

    /// A new connection.
    pub(crate) fn connect(&mut self) -> ConnectionId {
        let id = self.server.accept(self.now, Peer::Tcp).expect("there is room");
        // As the driver does: the first read of a fresh socket finds nothing.
        assert!(!self.server.room(id).is_empty());
        id
    }

    /// A new connection that has become a WebSocket.
    pub(crate) fn connect_websocket(&mut self) -> ConnectionId {
        let id = self.connect();
        self.ask(id, UPGRADE, b"\r\n\r\n");
        id
    }

    /// Gives the server `bytes` in one read and does what it wants done.
    pub(crate) fn receive(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let count = bytes.len();
        self.server.room(connection)[..count].copy_from_slice(bytes);
        self.handle(Input::Received { connection, count });
        // The driver asks again until the socket has nothing more.
        assert!(!self.server.room(connection).is_empty());
    }

    /// Takes everything that waits for `connection` in one write, which must end with `expected`.
    pub(crate) fn take(&mut self, connection: ConnectionId, expected: &[u8]) {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let filled = self.server.pending(connection, &mut slices);
        assert!(filled > 0, "nothing waits to be written");
        assert!(
            slices[filled - 1].ends_with(expected),
            "another answer was expected"
        );
        let count = slices[..filled].iter().map(|slice| slice.len()).sum();
        self.handle(Input::Sent { connection, count });
    }

    /// One request and its answer.
    pub(crate) fn ask(&mut self, connection: ConnectionId, request: &[u8], expected: &[u8]) {
        self.receive(connection, request);
        self.take(connection, expected);
    }

    /// The job that a call has led to.
    pub(crate) fn take_submitted(&mut self) -> Box<Job> {
        self.submitted.take().expect("the call was admitted")
    }

    /// Connections that the server has closed.
    pub(crate) fn closed(&self) -> usize {
        self.closed
    }

    /// Tells the server what happened and does what it wants done.
    pub(crate) fn handle(&mut self, input: Input) {
        self.server.handle(self.now, input);
        self.take_outputs();
    }

    /// Lets `time` pass, and the server act on it.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.monotonic = self.now.monotonic + time;
        if self
            .server
            .poll_timeout()
            .is_some_and(|at| at <= self.now.monotonic)
        {
            self.server.handle_timeout(self.now);
        }
        self.take_outputs();
    }

    fn take_outputs(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Submit(job) => self.submitted = Some(job),
                Output::Close(_) => self.closed += 1,
                Output::Flush(_) | Output::ShutdownWrite(_) | Output::Discard(_) => {}
                other => panic!("not expected here: {other:?}"),
            }
        }
    }
}

/// As many as the driver hands over in one write.
const SLICES_MAX: usize = 16;

const UPGRADE: &[u8] =
    b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
