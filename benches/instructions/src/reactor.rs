//! Paths through [`Driver`]: whole turns, in a world that is made of nothing but what the driver asks for.

use std::io::{self, ErrorKind, IoSlice};

use snowflake_mcp::backend::{Completion, Job};
use snowflake_mcp::ident::JobId;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::reactor::Driver;
use snowflake_mcp::reactor::world::{Event, Executor, Selector, SocketKey, Transport};
use snowflake_mcp::server::Peer;
use snowflake_mcp::time::{Clock, Instant, Now, WallTime};

use super::Walk;
use super::messages::{self, PING, PONG};
use super::world;

/// A turn that finds one request on each of sixteen connections, and answers them.
pub(crate) fn http_ping_16() -> Walk {
    let sockets = Sockets {
        request: messages::post(PING, ""),
        to_accept: CONNECTIONS,
        is_asking: vec![false; CONNECTIONS as usize],
        answered: 0,
    };
    let limits = Limits::default();
    let mut driver = Driver::new(sockets, world::server(limits.clone()), &limits);
    let turn = move || {
        let answered = driver.world_mut().answered;
        driver.world_mut().is_asking.fill(true);
        assert!(driver.turn().expect("this world can wait").is_none());
        assert_eq!(driver.world_mut().answered, answered + CONNECTIONS);
    };
    Box::new(turn)
}

const CONNECTIONS: u32 = 16;

/// Sockets whose peers have always asked once more when they are waited for.
struct Sockets {
    request: Vec<u8>,
    to_accept: u32,
    /// Of each socket: whether a request is there to be read.
    is_asking: Vec<bool>,
    answered: u32,
}

impl Clock for Sockets {
    fn now(&self) -> Now {
        Now {
            monotonic: Instant::from_micros(5_000_000),
            wall: WallTime::from_micros(1_795_341_600_000_000),
        }
    }
}

impl Selector for Sockets {
    fn wait(&mut self, _until: Option<Instant>, events: &mut Vec<Event>) -> io::Result<()> {
        events.extend((0..CONNECTIONS - self.to_accept).map(|index| Event::Socket {
            socket: SocketKey { index, generation: 1 },
            readable: true,
            writable: true,
            broken: false,
        }));
        Ok(())
    }
}

impl Transport for Sockets {
    fn accept(&mut self) -> io::Result<(SocketKey, Peer)> {
        if self.to_accept == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let index = CONNECTIONS - self.to_accept;
        self.to_accept -= 1;
        Ok((SocketKey { index, generation: 1 }, Peer::Tcp))
    }

    fn stop_accepting(&mut self) {}

    fn read(&mut self, socket: SocketKey, into: &mut [u8]) -> io::Result<usize> {
        if !std::mem::take(&mut self.is_asking[socket.index as usize]) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.request.len();
        into[..count].copy_from_slice(&self.request);
        Ok(count)
    }

    fn write(&mut self, _socket: SocketKey, from: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(from[0].ends_with(PONG), "another answer was expected");
        self.answered += 1;
        Ok(from[0].len())
    }

    fn shutdown_write(&mut self, _socket: SocketKey) -> io::Result<()> {
        unreachable!("nobody closes")
    }

    fn close(&mut self, _socket: SocketKey) {
        unreachable!("nobody closes")
    }
}

impl Executor for Sockets {
    fn submit(&mut self, _job: Box<Job>) {
        unreachable!("a ping needs no worker")
    }

    fn submit_cancel(&mut self, _job: Box<Job>) {
        unreachable!("nothing runs")
    }

    fn interrupt(&mut self, _job: JobId) {
        unreachable!("nothing runs")
    }

    fn completion(&mut self) -> Option<Completion> {
        None
    }
}
