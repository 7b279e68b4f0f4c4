//! The driver in a world of a few sockets, whose turns are looked at one by one.

use std::io::{self, ErrorKind, IoSlice};

use super::Driver;
use super::world::{Event, Executor, Selector, SocketKey, Transport};
use crate::backend::{Completion, Job};
use crate::entropy::SeededEntropy;
use crate::ident::JobId;
use crate::limits::Limits;
use crate::mcp::{Keys, Service};
use crate::server::{Discarded, Peer, Server, Settings};
use crate::sql::guard::Policy;
use crate::time::{Clock, Instant, Now, WallTime};
use crate::tools;

const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Sockets that take all that they are given, unless they are full, and what they took since the last wait.
struct Sinks {
    count: u32,
    /// Microseconds.
    now: u64,
    /// Whether nobody takes anything.
    are_full: bool,
    /// What the next wait tells.
    told: Vec<Event>,
    accepted: u32,
    has_asked: Vec<bool>,
    taken: Vec<usize>,
    answers: Vec<Vec<u8>>,
}

impl Sinks {
    fn new(count: u32) -> Self {
        Self {
            count,
            now: 1,
            are_full: false,
            told: Vec::new(),
            accepted: 0,
            has_asked: vec![false; count as usize],
            taken: vec![0; count as usize],
            answers: vec![Vec::new(); count as usize],
        }
    }
}

impl Clock for Sinks {
    fn now(&self) -> Now {
        Now {
            monotonic: Instant::from_micros(self.now),
            wall: WallTime::default(),
        }
    }
}

impl Selector for Sinks {
    fn wait(&mut self, _until: Option<Instant>, events: &mut Vec<Event>) -> io::Result<()> {
        self.taken.fill(0);
        events.append(&mut self.told);
        Ok(())
    }
}

impl Transport for Sinks {
    fn accept(&mut self) -> io::Result<(SocketKey, Peer)> {
        if self.accepted == self.count {
            return Err(ErrorKind::WouldBlock.into());
        }
        let index = self.accepted;
        self.accepted += 1;
        Ok((SocketKey { index, generation: 1 }, Peer::Tcp))
    }

    fn stop_accepting(&mut self) {}

    fn read(&mut self, socket: SocketKey, into: &mut [u8]) -> io::Result<usize> {
        if std::mem::replace(&mut self.has_asked[socket.index as usize], true) {
            return Err(ErrorKind::WouldBlock.into());
        }
        into[..REQUEST.len()].copy_from_slice(REQUEST);
        Ok(REQUEST.len())
    }

    fn write(&mut self, socket: SocketKey, from: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.are_full {
            return Err(ErrorKind::WouldBlock.into());
        }
        let index = socket.index as usize;
        let count = from.iter().map(|slice| slice.len()).sum();
        from.iter()
            .for_each(|slice| self.answers[index].extend_from_slice(slice));
        self.taken[index] += count;
        Ok(count)
    }

    fn shutdown_write(&mut self, _socket: SocketKey) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self, _socket: SocketKey) {}
}

impl Executor for Sinks {
    fn submit(&mut self, _job: Box<Job>) {}

    fn submit_cancel(&mut self, _job: Box<Job>) {}

    fn interrupt(&mut self, _job: JobId) {}

    fn discard(&mut self, _what: Discarded) {}

    fn completion(&mut self) -> Option<Completion> {
        None
    }
}

fn server(limits: &Limits) -> Server {
    let tools = tools::Settings::new(limits, Policy::default());
    let settings = Settings {
        limits: limits.clone(),
        ..Settings::default()
    };
    let service = Service::new(limits, tools, Keys::random(&mut SeededEntropy::new(1)));
    Server::new(settings, service, Box::new(SeededEntropy::new(1)))
}

#[test]
fn long_replies_share_one_budget_a_turn_and_take_turns() {
    let limits = Limits {
        write_per_turn_bytes_max: 50,
        bulk_per_turn_bytes_max: 100,
        ..Limits::default()
    };
    let mut driver = Driver::new(Sinks::new(4), server(&limits), &limits);
    driver.turn().unwrap();
    // The beginning of each, and a share for the first two.
    assert_eq!(driver.world_mut().taken, [100, 100, 50, 50]);
    driver.turn().unwrap();
    assert_eq!(driver.world_mut().taken, [0, 0, 50, 50]);
    driver.turn().unwrap();
    assert_eq!(driver.world_mut().taken, [50, 50, 0, 0]);
    for _ in 0..40 {
        driver.turn().unwrap();
        assert!(driver.world_mut().taken.iter().sum::<usize>() <= 100);
    }
    assert_ne!(
        driver.wake_up(),
        Some(Instant::ZERO),
        "something is left to write"
    );
    for answer in &driver.world_mut().answers {
        let text = String::from_utf8_lossy(answer);
        assert!(
            text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with('}'),
            "{text}"
        );
    }
}

#[test]
fn who_made_room_while_the_process_stood_still_is_not_late() {
    let limits = Limits::default();
    let mut driver = Driver::new(Sinks::new(1), server(&limits), &limits);
    driver.world_mut().are_full = true;
    driver.turn().unwrap();
    let world = driver.world_mut();
    assert!(world.answers[0].is_empty());
    world.now += 2 * u64::try_from(limits.write_timeout.as_micros()).unwrap();
    world.are_full = false;
    world.told.push(Event::Socket {
        socket: SocketKey {
            index: 0,
            generation: 1,
        },
        readable: false,
        writable: true,
        broken: false,
    });
    driver.turn().unwrap();
    assert!(driver.world_mut().answers[0].starts_with(b"HTTP/1.1 200 OK\r\n"));
}
