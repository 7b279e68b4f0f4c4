//! The handshakes of all connections: how many may be under way, how many begin in a turn, and how long one may take.
//!
//! They are not the server's to judge, which sees no byte before one is over.

use std::collections::BTreeMap;
use std::io;

use slab::Slab;

use super::{Acceptor, Session};
use crate::address::Network;
use crate::limits::Limits;
use crate::reactor::deadlines::Deadlines;
use crate::reactor::mio_world::Stream;
use crate::reactor::world::{Event, SocketKey};
use crate::time::Instant;

/// What TLS needs beside what each connection has.
#[derive(Debug)]
pub(in crate::reactor) struct Handshakes {
    acceptor: Acceptor,
    limits: Limits,
    /// By when they must be over.
    deadlines: Deadlines,
    under_way: usize,
    /// The same by where they come from, where that is bounded.
    by_client: BTreeMap<Network, usize>,
    /// How many may still begin in this turn, and in each.
    left: usize,
    each_turn: usize,
    /// What is told with the next wait, which then does not sleep.
    news: Vec<Event>,
}

impl Handshakes {
    pub(in crate::reactor) fn new(acceptor: Acceptor, limits: &Limits) -> Self {
        Self {
            acceptor,
            limits: limits.clone(),
            deadlines: Deadlines::default(),
            under_way: 0,
            by_client: BTreeMap::new(),
            left: 0,
            each_turn: 1,
            news: Vec::new(),
        }
    }

    /// Whether another may begin, of `client` where those are bounded.
    pub(in crate::reactor) fn has_room(&self, client: Option<Network>) -> bool {
        let of_client = client.and_then(|client| self.by_client.get(&client)).copied();
        self.under_way < self.limits.tls_handshakes_max
            && of_client.unwrap_or(0) < self.limits.tls_handshakes_per_address_max
    }

    /// The session of a connection that was accepted just now.
    pub(in crate::reactor) fn begin(&mut self) -> io::Result<Box<Session>> {
        let (session, is_slow) = self.acceptor.begin()?;
        self.each_turn = if is_slow {
            1
        } else {
            self.limits.tls_handshakes_per_turn_max
        };
        Ok(Box::new(session))
    }

    /// Sets the time of the session that `socket` was given.
    pub(in crate::reactor) fn note(&mut self, socket: SocketKey, client: Option<Network>, now: Instant) {
        self.under_way += 1;
        if let Some(client) = client {
            *self.by_client.entry(client).or_insert(0) += 1;
        }
        self.deadlines
            .set(now + self.limits.tls_handshake_timeout, socket);
    }

    /// A turn begins: until when its wait may sleep.
    pub(in crate::reactor) fn wake_up(
        &mut self,
        until: Option<Instant>,
        streams: &Slab<Stream>,
    ) -> Option<Instant> {
        self.left = self.each_turn;
        if !self.news.is_empty() {
            return Some(Instant::ZERO);
        }
        let is_awaited = |socket: SocketKey| is_under_way(streams, socket);
        self.deadlines.wake_up(until, is_awaited)
    }

    /// How many may still begin in this turn.
    pub(in crate::reactor) fn left(&mut self) -> &mut usize {
        &mut self.left
    }

    /// The handshake of `socket` is over.
    pub(in crate::reactor) fn on_opened(&mut self, socket: SocketKey, client: Option<Network>) {
        self.on_given_up(client);
        self.news.push(Event::Secured { socket });
        self.news.push(Event::Socket {
            socket,
            readable: true,
            writable: true,
            broken: false,
        });
    }

    /// The handshake of `socket` goes on in the next turn, though nothing may come for it.
    pub(in crate::reactor) fn on_postponed(&mut self, socket: SocketKey) {
        self.news.push(Event::Socket {
            socket,
            readable: true,
            writable: false,
            broken: false,
        });
    }

    /// A connection whose handshake was not over is closed.
    pub(in crate::reactor) fn on_given_up(&mut self, client: Option<Network>) {
        self.under_way -= 1;
        if let Some(client) = client
            && let Some(count) = self.by_client.get_mut(&client)
        {
            *count -= 1;
            if *count == 0 {
                self.by_client.remove(&client);
            }
        }
    }

    /// Tells what has happened since, and whose time is over.
    pub(in crate::reactor) fn tell(&mut self, now: Instant, streams: &Slab<Stream>, events: &mut Vec<Event>) {
        events.append(&mut self.news);
        while let Some(socket) = self.deadlines.take_late(now) {
            if is_under_way(streams, socket) {
                log::debug!("a TLS handshake took too long");
                events.push(Event::Socket {
                    socket,
                    readable: false,
                    writable: false,
                    broken: true,
                });
            }
        }
    }
}

fn is_under_way(streams: &Slab<Stream>, socket: SocketKey) -> bool {
    let stream = streams.get(socket.index as usize);
    stream.is_some_and(|stream| stream.is_shaking_hands(socket.generation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::IpAddr;
    use crate::reactor::tls::Files;

    #[test]
    fn one_address_has_a_part_of_the_handshakes_and_gives_back_what_it_had() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/end_to_end/certificates/");
        let files = Files {
            certificate: format!("{folder}server.pem").into(),
            key: format!("{folder}server.key").into(),
            client_ca: None,
        };
        let limits = Limits {
            tls_handshakes_max: 5,
            tls_handshakes_per_address_max: 2,
            ..Limits::default()
        };
        let mut handshakes = Handshakes::new(Acceptor::new(files).unwrap(), &limits);
        let client = |last| Some(Network::of_client(IpAddr::from([203, 0, 113, last])));
        let socket = |index| SocketKey { index, generation: 1 };
        for index in 0..2 {
            assert!(handshakes.has_room(client(1)));
            handshakes.note(socket(index), client(1), Instant::ZERO);
        }
        assert!(!handshakes.has_room(client(1)) && handshakes.has_room(client(2)));
        assert!(handshakes.has_room(None));
        handshakes.on_opened(socket(0), client(1));
        assert!(handshakes.has_room(client(1)));
        handshakes.on_given_up(client(1));
        assert!(handshakes.by_client.is_empty() && handshakes.under_way == 0);
        for index in 0..5 {
            handshakes.note(socket(index), None, Instant::ZERO);
        }
        assert!(!handshakes.has_room(client(2)) && !handshakes.has_room(None));
    }
}
