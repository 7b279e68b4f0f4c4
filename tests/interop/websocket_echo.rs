//! A WebSocket server that sends every message back, for suites that want an echo (`autobahn.py`). The opening handshake,
//! the frames, pings, closing and timers are the code that serves `/mcp`; only the socket under it and the echo above it
//! are here. It is an example, so no release holds it.
//!
//! ```sh
//! cargo run --example websocket_echo    # says "listening on ws://127.0.0.1:PORT"
//! ```
//!
//! It blocks, with a thread a connection: what is tested is the codec, by one client after the other.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use snowflake_mcp::limits::Limits;
use snowflake_mcp::time::{Clock, Instant, SystemClock};
use snowflake_mcp::wire::buffer::{Inbox, Outbox, Piece};
use snowflake_mcp::wire::http::{self, HttpConnection, Request, Responder, Response, Version};
use snowflake_mcp::wire::websocket::{Message, Next, WebSocketConnection, handshake};
use snowflake_mcp::wire::{Lifecycle, Serving};

fn main() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on ws://{}", listener.local_addr()?)?;
    stdout.flush()?;
    loop {
        let (stream, _) = listener.accept()?;
        thread::Builder::new().spawn(move || {
            // A client that resets its connection is the suite's business.
            let _ = Echo::new(stream).serve();
        })?;
    }
}

/// One connection.
struct Echo {
    stream: TcpStream,
    limits: Limits,
    clock: SystemClock,
}

impl Echo {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            limits: Limits {
                message_bytes_max: MESSAGE_BYTES_MAX,
                ..Limits::default()
            },
            clock: SystemClock::new(),
        }
    }

    fn serve(&mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let Some((inbox, outbox)) = self.open()? else {
            return Ok(());
        };
        let mut socket = WebSocketConnection::new(inbox, outbox, &self.limits, self.now());
        let mut is_shut = false;
        loop {
            self.echo(&mut socket);
            self.write(&mut socket)?;
            match socket.lifecycle() {
                Lifecycle::Open => {}
                Lifecycle::Finishing if is_shut => {}
                Lifecycle::Finishing => {
                    self.stream.shutdown(Shutdown::Write)?;
                    is_shut = true;
                }
                Lifecycle::Closed => return Ok(()),
            }
            self.read(&mut socket)?;
        }
    }

    /// Reads requests until one becomes a WebSocket; all others are told how to become one.
    fn open(&mut self) -> io::Result<Option<(Inbox, Outbox)>> {
        let mut connection = HttpConnection::new(self.now());
        loop {
            let count = self.stream.read(connection.room(&self.limits))?;
            if count == 0 {
                return Ok(None);
            }
            connection.received(count, self.now());
            let serving = serving(&self.limits, self.now());
            loop {
                match connection.next(&serving) {
                    http::Next::Request(request, responder) => {
                        if upgrade(request, responder) {
                            return Ok(Some(connection.into_upgraded()));
                        }
                    }
                    http::Next::NeedMore => break,
                    http::Next::Failed(_) => return Ok(None),
                }
            }
            let answer = connection.outbox().to_vec();
            self.stream.write_all(&answer)?;
            connection.sent(answer.len(), self.now());
        }
    }

    /// Sends back every message that is whole.
    fn echo(&self, socket: &mut WebSocketConnection) {
        let now = self.now();
        let serving = serving(&self.limits, now);
        loop {
            match socket.next_of_any_kind(&serving) {
                Next::Message(Message::Text(text)) => {
                    socket.send(&mut [Piece::Borrowed(text.as_bytes())], now);
                }
                Next::Message(Message::Binary(bytes)) => {
                    socket.send_binary(&mut [Piece::Borrowed(&bytes)], now);
                }
                // The peer was told; what it sends is thrown away until it ends.
                Next::Failed(_) => {}
                Next::NeedMore => return,
            }
        }
    }

    /// Writes all that waits.
    fn write(&mut self, socket: &mut WebSocketConnection) -> io::Result<()> {
        while !socket.outbox().is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = socket.outbox().slices(&mut slices);
            let written = self.stream.write_vectored(&slices[..count])?;
            socket.sent(written, self.now());
        }
        Ok(())
    }

    /// Reads once, or does what is due when nothing came in time.
    fn read(&mut self, socket: &mut WebSocketConnection) -> io::Result<()> {
        let deadline = socket.deadline(&self.limits);
        let patience = deadline.map(|deadline| deadline.since(self.now()).max(PATIENCE_MIN));
        self.stream.set_read_timeout(patience)?;
        match self.stream.read(socket.room(&self.limits)) {
            Ok(0) => socket.on_end(),
            Ok(count) => socket.received(count, self.now()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                socket.on_deadline(&serving(&self.limits, self.now()));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn now(&self) -> Instant {
        self.clock.now().monotonic
    }
}

/// Answers a request with 101, or says why it cannot become a WebSocket.
fn upgrade(request: Request<'_>, responder: Responder<'_>) -> bool {
    let accepted = handshake::accept(&request, request.method(), request.version() == Version::Http11);
    let (status, headers) = match &accepted {
        Ok(accepted) => (
            101,
            vec![
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Accept", accepted.accept.as_str()),
            ],
        ),
        Err(refusal) => (refusal.status(), refusal.headers().to_vec()),
    };
    let response = Response {
        status,
        content_type: None,
        headers: &headers,
        body: &mut [],
        close: false,
    };
    match accepted {
        Ok(_) => responder.upgrade(response),
        Err(_) => responder.respond(response),
    }
    accepted.is_ok()
}

fn serving(limits: &Limits, now: Instant) -> Serving<'_> {
    Serving {
        limits,
        now,
        common_headers: b"",
    }
}

/// The longest message of the suite: 16 MiB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Pieces written at once.
const SLICES_MAX: usize = 16;
/// A socket takes no timeout of zero.
const PATIENCE_MIN: Duration = Duration::from_millis(1);
