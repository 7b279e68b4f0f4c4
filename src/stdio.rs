//! `snowflake-mcp stdio`: the same server with one peer, which talks over standard input and output.
//!
//! [`StdioWorld`] is a [`World`](crate::reactor::world::World) with a single pseudo socket, so the driver, the server
//! and everything behind them are those of the daemon. It knows no protocol.
//!
//! ```text
//!   stdin ──► thread `stdin` ──┐
//!   worker-N, cancel ──────────┼──► one channel ──► wait (until the server's deadline) ──► Driver ──► stdout
//!   thread `signals` ──────────┘
//! ```
//!
//! Input is bounded by the number of buffers that travel between the reading thread and the world. Output is written
//! by blocking writes on the driver's thread: the client at the other end is the only one there is, so while it does
//! not read there is nobody else to serve, and a pipe that is full is the right way to tell a slow client.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::audit::{Record, State};
use crate::backend::{Backend, Completion, Job};
use crate::ident::JobId;
use crate::limits::Limits;
use crate::observe::audit::Audit;
use crate::reactor::world::{Event, Executor, Selector, SocketKey, Transport};
use crate::server::Peer;
use crate::time::{Clock, Instant, Now, SystemClock};
use crate::workers::Pool;

/// Standard input and output as a world with one socket.
pub struct StdioWorld<O: Write> {
    output: O,
    input: Input,
    arrivals: Receiver<Arrival>,
    /// Kept so that the channel never ends, and to make handles of.
    arrive: Sender<Arrival>,
    completions: VecDeque<Completion>,
    clock: SystemClock,
    pool: Pool,
    audit: Option<Audit>,
    is_accepted: bool,
}

/// What arrived and was not read yet.
struct Input {
    chunks: VecDeque<Chunk>,
    /// The first chunk is read up to here.
    position: usize,
    end: Option<Ending>,
    /// Buffers go back to the reading thread this way. There are only so many, which is what bounds the input.
    empties: Sender<Vec<u8>>,
}

struct Chunk {
    buffer: Vec<u8>,
    length: usize,
}

enum Arrival {
    Chunk(Chunk),
    Ended(Ending),
    Completion(Completion),
    Shutdown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// End of input.
    Closed,
    /// Reading failed.
    Broken,
}

/// Tells a running [`StdioWorld`] to shut down, from any thread.
#[derive(Clone)]
pub struct ShutdownHandle {
    arrive: Sender<Arrival>,
}

impl ShutdownHandle {
    /// Asks for an orderly end; a second call asks for one at once.
    pub fn shut_down(&self) {
        // Nobody listens any more when the world is gone; then the end has come already.
        let _ = self.arrive.send(Arrival::Shutdown);
    }
}

impl<O: Write> StdioWorld<O> {
    /// A world that reads `input` on a thread called `stdin`, writes `output`, and runs steps of `backend` on
    /// `limits.workers` threads.
    ///
    /// The reading thread is never joined: it may be inside a read that only the peer can end, and the process ends
    /// without it.
    ///
    /// # Errors
    /// The machine gives no thread.
    pub fn new(
        input: impl Read + Send + 'static,
        output: O,
        backend: Arc<dyn Backend>,
        limits: &Limits,
        clock: SystemClock,
    ) -> io::Result<Self> {
        let (arrive, arrivals) = mpsc::channel();
        let (empties, buffers) = mpsc::channel();
        for _ in 0..CHUNKS_MAX {
            // Both ends are here, so it cannot fail.
            let _ = empties.send(vec![0; CHUNK_BYTES]);
        }
        let deliver = arrive.clone();
        let pool = Pool::start(backend, limits, clock, move |completion| {
            let _ = deliver.send(Arrival::Completion(completion));
        })?;
        let tell = arrive.clone();
        thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || read_all(input, &buffers, &tell))?;
        Ok(Self {
            output,
            input: Input {
                chunks: VecDeque::new(),
                position: 0,
                end: None,
                empties,
            },
            arrivals,
            arrive,
            completions: VecDeque::new(),
            clock,
            pool,
            audit: None,
            is_accepted: false,
        })
    }

    /// The same, with an audit log.
    #[must_use]
    pub fn with_audit(mut self, audit: Option<Audit>) -> Self {
        self.audit = audit;
        self
    }

    /// For the thread that hears signals.
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle {
            arrive: self.arrive.clone(),
        }
    }

    fn on_arrival(&mut self, arrival: Arrival, events: &mut Vec<Event>) {
        match arrival {
            Arrival::Completion(completion) => self.completions.push_back(completion),
            Arrival::Shutdown => events.push(Event::Shutdown),
            Arrival::Chunk(chunk) => {
                self.input.chunks.push_back(chunk);
                events.push(READABLE);
            }
            Arrival::Ended(ending) => {
                self.input.end = Some(ending);
                events.push(READABLE);
            }
        }
    }
}

/// The body of the thread `stdin`: one read, one chunk, until the input ends or the world is gone.
fn read_all(mut input: impl Read, buffers: &Receiver<Vec<u8>>, arrive: &Sender<Arrival>) {
    while let Ok(mut buffer) = buffers.recv() {
        let arrival = loop {
            match input.read(&mut buffer) {
                Ok(0) => break Arrival::Ended(Ending::Closed),
                Ok(length) => break Arrival::Chunk(Chunk { buffer, length }),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break Arrival::Ended(Ending::Broken),
            }
        };
        let is_last = matches!(arrival, Arrival::Ended(_));
        if arrive.send(arrival).is_err() || is_last {
            return;
        }
    }
}

impl<O: Write> Clock for StdioWorld<O> {
    fn now(&self) -> Now {
        self.clock.now()
    }
}

impl<O: Write> Selector for StdioWorld<O> {
    fn wait(&mut self, until: Option<Instant>, events: &mut Vec<Event>) -> io::Result<()> {
        if self.completions.is_empty() {
            let now = self.clock.now().monotonic;
            let timeout = until.map_or(SLEEP_MAX, |until| until.since(now).min(SLEEP_MAX));
            match self.arrivals.recv_timeout(timeout) {
                Ok(arrival) => self.on_arrival(arrival, events),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(ErrorKind::BrokenPipe.into()),
            }
        }
        while let Ok(arrival) = self.arrivals.try_recv() {
            self.on_arrival(arrival, events);
        }
        Ok(())
    }
}

impl<O: Write> Transport for StdioWorld<O> {
    fn accept(&mut self) -> io::Result<(SocketKey, Peer)> {
        if std::mem::replace(&mut self.is_accepted, true) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok((SOCKET, Peer::Stdio))
    }

    fn stop_accepting(&mut self) {}

    fn read(&mut self, _socket: SocketKey, into: &mut [u8]) -> io::Result<usize> {
        let input = &mut self.input;
        let Some(chunk) = input.chunks.front() else {
            return match input.end {
                None => Err(ErrorKind::WouldBlock.into()),
                Some(Ending::Closed) => Ok(0),
                Some(Ending::Broken) => Err(ErrorKind::BrokenPipe.into()),
            };
        };
        let rest = &chunk.buffer[input.position..chunk.length];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        input.position += count;
        if input.position == chunk.length {
            input.position = 0;
            if let Some(read) = input.chunks.pop_front() {
                // The thread is gone once the input has ended.
                let _ = input.empties.send(read.buffer);
            }
        }
        Ok(count)
    }

    fn write(&mut self, _socket: SocketKey, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = self.output.write_vectored(from)?;
        // Standard output is buffered by lines; what is not flushed does not exist for the client.
        self.output.flush()?;
        Ok(count)
    }

    /// Standard output cannot be half-closed; the end of the process tells the client.
    fn shutdown_write(&mut self, _socket: SocketKey) -> io::Result<()> {
        self.output.flush()
    }

    fn close(&mut self, _socket: SocketKey) {}
}

impl<O: Write> Executor for StdioWorld<O> {
    fn submit(&mut self, job: Box<Job>) {
        self.pool.submit(job);
    }

    fn submit_cancel(&mut self, job: Box<Job>) {
        self.pool.submit_cancel(job);
    }

    fn interrupt(&mut self, job: JobId) {
        self.pool.interrupt(job);
    }

    fn completion(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    fn audit(&mut self, record: Record) {
        if let Some(audit) = &mut self.audit {
            audit.keep(record);
        }
    }

    fn audit_state(&mut self) -> Option<State> {
        self.audit.as_mut()?.news()
    }
}

/// The one socket.
const SOCKET: SocketKey = SocketKey {
    index: 0,
    generation: 1,
};
const READABLE: Event = Event::Socket {
    socket: SOCKET,
    readable: true,
    writable: false,
    broken: false,
};
/// One read of standard input: as much as a pipe of Linux holds.
const CHUNK_BYTES: usize = 64 << 10;
/// Buffers in all: one being read into, one being read from.
const CHUNKS_MAX: usize = 2;
/// Nothing waits longer; a wake-up an hour is nothing.
const SLEEP_MAX: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests;
