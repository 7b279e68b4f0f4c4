//! Connections that a trusted proxy passes on: whose they are is read before everything else, also before TLS.
//!
//! The header is looked at where it lies, in the machine's buffers, until it is whole, and only then taken out: nothing of
//! what follows is read too early, and a proxy that sends it in pieces costs no memory. Who comes directly sends none and
//! is never believed one: what it begins with is its first request, which "PROXY" is not.

use std::io::{self, ErrorKind, Read};
use std::net::IpAddr;
use std::time::Duration;

use mio::net::TcpStream;
use slab::Slab;

use super::deadlines::Deadlines;
use super::mio_world::Stream;
use super::world::{Event, SocketKey};
use crate::address::Networks;
use crate::limits::{Limits, PROXY_HEADER_BYTES_MAX};
use crate::server::Introduction;
use crate::time::Instant;
use crate::wire::proxy::{self, Found};

/// Connections whose proxy has not said yet whose they are.
#[derive(Debug)]
pub(super) struct Introductions {
    proxies: Networks,
    timeout: Duration,
    deadlines: Deadlines,
    /// What is told with the next wait, which then does not sleep.
    news: Vec<Event>,
}

impl Introductions {
    /// From `proxies`, each connection begins with a header.
    pub(super) fn new(proxies: Networks, limits: &Limits) -> Self {
        Self {
            proxies,
            timeout: limits.proxy_header_timeout,
            deadlines: Deadlines::default(),
            news: Vec::new(),
        }
    }

    /// Whether a connection from `peer` begins with a header.
    pub(super) fn are_awaited_from(&self, peer: IpAddr) -> bool {
        self.proxies.holds(peer)
    }

    /// Sets the time of a connection that was accepted just now.
    pub(super) fn note(&mut self, socket: SocketKey, now: Instant) {
        self.deadlines.set(now + self.timeout, socket);
    }

    /// Goes on with the header; without an error it is taken out. Of a connection that is refused nothing is ever read.
    ///
    /// # Errors
    /// As those of a socket; `WouldBlock`: more must come.
    pub(super) fn read(&mut self, key: SocketKey, socket: &mut TcpStream) -> io::Result<()> {
        let mut bytes = [0; PROXY_HEADER_BYTES_MAX];
        let count = socket.peek(&mut bytes)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match proxy::read(&bytes[..count]) {
            Ok(Found::Part) if count < bytes.len() => Err(ErrorKind::WouldBlock.into()),
            Ok(Found::Header { length, client }) => {
                // They are there, so this does not wait.
                socket.read_exact(&mut bytes[..length])?;
                self.tell(key, client.map_or(Introduction::Itself, Introduction::Client));
                // What follows may be there already.
                self.news.push(Event::Socket {
                    socket: key,
                    readable: true,
                    writable: false,
                    broken: false,
                });
                Ok(())
            }
            found => {
                let why = found.err().unwrap_or(proxy::Error::TooLong);
                log::debug!("a connection of a trusted proxy ends: {why}");
                self.tell(key, Introduction::Refused);
                Err(ErrorKind::WouldBlock.into())
            }
        }
    }

    /// Until when the wait of this turn may sleep.
    pub(super) fn wake_up(&mut self, until: Option<Instant>, streams: &Slab<Stream>) -> Option<Instant> {
        if !self.news.is_empty() {
            return Some(Instant::ZERO);
        }
        let is_awaited = |socket: SocketKey| is_awaited(streams, socket);
        self.deadlines.wake_up(until, is_awaited)
    }

    /// Tells what has happened since, and whose time is over.
    pub(super) fn tell_all(&mut self, now: Instant, streams: &Slab<Stream>, events: &mut Vec<Event>) {
        while let Some(socket) = self.deadlines.take_late(now) {
            if is_awaited(streams, socket) {
                log::debug!("a trusted proxy took too long to say whose its connection is");
                self.tell(socket, Introduction::Refused);
            }
        }
        events.append(&mut self.news);
    }

    fn tell(&mut self, socket: SocketKey, introduction: Introduction) {
        self.news.push(Event::Introduced { socket, introduction });
    }
}

fn is_awaited(streams: &Slab<Stream>, socket: SocketKey) -> bool {
    let stream = streams.get(socket.index as usize);
    stream.is_some_and(|stream| stream.awaits_introduction(socket.generation))
}
