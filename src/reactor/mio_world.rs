//! The machine as a [`World`](super::World): sockets and a selector by mio, steps by the worker pool.
//!
//! Knows no server and no protocol. Sockets are registered once, for both directions, and never again: changing the
//! interest costs a system call per message and saves nothing, because the driver remembers readiness itself. A fresh one
//! is registered when the turn in which it came is over: a client that asks once and closes is gone by then.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::net::{RecvFlags, SendFlags};
use slab::Slab;

use super::introductions::Introductions;
use super::listen::OPTIONS_ARE_INHERITED;
use super::tls::{Acceptor, Found, Handshakes, Session};
use super::world::{Event, Executor, Selector, SocketKey, Transport};
use crate::access::fetch::{Fetched, Fetcher, Wanted};
use crate::address::{Network, Networks};
use crate::audit::{Record, State};
use crate::backend::{Backend, Completion, Job};
use crate::ident::JobId;
use crate::limits::Limits;
use crate::observe::audit::Audit;
use crate::server::{Discarded, Peer};
use crate::time::{Clock, Instant, Now, SystemClock};
use crate::workers::Pool;
use crate::workers::fetching::Fetching;

/// Sockets, selector, clock and workers of the machine.
#[derive(Debug)]
pub struct MioWorld {
    poll: Poll,
    events: Events,
    listeners: Vec<TcpListener>,
    /// Which listener is asked first, so that a flood on one does not starve the others.
    listener_turn: usize,
    streams: Slab<Stream>,
    generation: u32,
    /// Accepted since the last wait, and not registered yet.
    fresh: Vec<SocketKey>,
    clock: SystemClock,
    bell: Arc<Bell>,
    completions: mpsc::Receiver<Completion>,
    pool: Pool,
    tls: Option<Handshakes>,
    introductions: Option<Introductions>,
    fetching: Option<(Fetching, mpsc::Receiver<Fetched>)>,
    audit: Option<Audit>,
}

#[derive(Debug)]
pub(super) struct Stream {
    socket: TcpStream,
    tls: Option<Box<Session>>,
    /// Whose handshakes are bounded together with this one's, while it is under way.
    shaking_for: Option<Network>,
    /// It begins with a proxy's header, which has not come yet.
    awaits_introduction: bool,
    generation: u32,
    /// The last read was short, and nothing was told since: another one would find nothing.
    is_drained: bool,
    /// The selector told that the peer has ended its side. From then on only a read can tell where.
    is_end_told: bool,
}

/// How other threads wake the reactor.
#[derive(Debug)]
struct Bell {
    waker: Waker,
    /// Rung and not heard yet. A wake-up is a system call; completions that come together share one.
    is_rung: AtomicBool,
    shutdowns: AtomicU32,
    is_reload_wanted: AtomicBool,
}

/// Tells a running [`MioWorld`] to shut down, from any thread. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ShutdownHandle {
    bell: Arc<Bell>,
}

impl MioWorld {
    /// A world that accepts on `listeners` (see [`bind`](super::bind)) and runs steps of `backend` on `limits.workers` threads.
    ///
    /// # Errors
    /// The machine gives no selector, no descriptor or no thread.
    pub fn new(
        listeners: Vec<TcpListener>,
        backend: Arc<dyn Backend>,
        limits: &Limits,
        clock: SystemClock,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listeners = listeners;
        for (index, listener) in listeners.iter_mut().enumerate() {
            let token = Token(LISTENER_TOKEN_FIRST + index);
            poll.registry().register(listener, token, Interest::READABLE)?;
        }
        let bell = Arc::new(Bell {
            waker: Waker::new(poll.registry(), WAKER_TOKEN)?,
            is_rung: AtomicBool::new(false),
            shutdowns: AtomicU32::new(0),
            is_reload_wanted: AtomicBool::new(false),
        });
        let (sender, completions) = mpsc::channel();
        let deliver_bell = Arc::clone(&bell);
        let deliver = move |completion| {
            // The receiver is gone when the world is being dropped; then nobody wants to know.
            if sender.send(completion).is_ok() {
                deliver_bell.ring();
            }
        };
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_WAIT_MAX),
            listeners,
            listener_turn: 0,
            streams: Slab::new(),
            generation: 0,
            fresh: Vec::new(),
            clock,
            bell,
            completions,
            pool: Pool::start(backend, limits, clock, deliver)?,
            tls: None,
            introductions: None,
            fetching: None,
            audit: None,
        })
    }

    /// The same world with TLS on every connection.
    #[must_use]
    pub fn with_tls(mut self, acceptor: Acceptor, limits: &Limits) -> Self {
        self.tls = Some(Handshakes::new(acceptor, limits));
        self
    }

    /// The same world, in which connections from `proxies` begin with a header of the PROXY protocol.
    #[must_use]
    pub fn with_introductions(mut self, proxies: Networks, limits: &Limits) -> Self {
        self.introductions = Some(Introductions::new(proxies, limits));
        self
    }

    /// The same world with a thread that fetches what the server needs to know its callers.
    ///
    /// # Errors
    /// The machine gives no more threads.
    pub fn with_fetcher(mut self, fetcher: Arc<dyn Fetcher>) -> io::Result<Self> {
        let (sender, fetched) = mpsc::channel();
        let bell = Arc::clone(&self.bell);
        let deliver = move |fetched| {
            if sender.send(fetched).is_ok() {
                bell.ring();
            }
        };
        self.fetching = Some((Fetching::start(fetcher, deliver)?, fetched));
        Ok(self)
    }

    /// The same, with an audit log.
    #[must_use]
    pub fn with_audit(mut self, audit: Option<Audit>) -> Self {
        self.audit = audit;
        self
    }

    /// Where it accepts.
    ///
    /// # Errors
    /// The machine does not say.
    pub fn local_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// For the thread that hears signals, and for tests.
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle {
            bell: Arc::clone(&self.bell),
        }
    }

    fn take_in(&mut self, socket: TcpStream, peer: IpAddr) -> io::Result<SocketKey> {
        let introductions = self.introductions.as_ref();
        let awaits_introduction =
            introductions.is_some_and(|introductions| introductions.are_awaited_from(peer));
        let client = Some(Network::of_client(peer))
            .filter(|client| self.tls.is_some() && !awaits_introduction && !client.is_loopback());
        let tls = match &mut self.tls {
            None => None,
            Some(tls) if tls.has_room(client) => Some(tls.begin()?),
            // Nothing can be said to a peer that no session is begun with.
            Some(_) => return Err(ErrorKind::ConnectionAborted.into()),
        };
        if !OPTIONS_ARE_INHERITED {
            // It fails on a connection that is gone already.
            socket
                .set_nodelay(true)
                .map_err(|_| io::Error::from(ErrorKind::ConnectionAborted))?;
        }
        let entry = self.streams.vacant_entry();
        let index = u32::try_from(entry.key()).expect("descriptors are far fewer than 2^32");
        // Wraps after 2^32 connections: an event would have to be that old to be mistaken.
        self.generation = self.generation.wrapping_add(1).max(1);
        let key = SocketKey {
            index,
            generation: self.generation,
        };
        self.fresh.push(key);
        if let Some(handshakes) = &mut self.tls {
            handshakes.note(key, client, self.clock.now().monotonic);
        }
        if let Some(introductions) = self.introductions.as_mut().filter(|_| awaits_introduction) {
            introductions.note(key, self.clock.now().monotonic);
        }
        entry.insert(Stream {
            socket,
            tls,
            shaking_for: client,
            awaits_introduction,
            generation: key.generation,
            is_drained: false,
            is_end_told: false,
        });
        Ok(key)
    }

    /// Registers what came in the last turn and is still there. Whatever has happened to it meanwhile, the selector tells
    /// at once (epoll(7), kqueue(2)).
    fn register_fresh(&mut self, events: &mut Vec<Event>) {
        let both = Interest::READABLE | Interest::WRITABLE;
        for socket in self.fresh.drain(..) {
            let stream = self.streams.get_mut(socket.index as usize);
            let Some(stream) = stream.filter(|stream| stream.generation == socket.generation) else {
                continue;
            };
            let registered = self
                .poll
                .registry()
                .register(&mut stream.socket, token_of(socket), both);
            if let Err(error) = registered {
                log::warn!("a connection is given up, its events cannot be awaited: {error}");
                events.push(Event::Socket {
                    socket,
                    readable: false,
                    writable: false,
                    broken: true,
                });
            }
        }
    }

    fn stream(&mut self, key: SocketKey) -> io::Result<&mut Stream> {
        self.streams
            .get_mut(key.index as usize)
            .filter(|stream| stream.generation == key.generation)
            .ok_or_else(|| io::Error::from(ErrorKind::NotConnected))
    }
}

impl Clock for MioWorld {
    fn now(&self) -> Now {
        self.clock.now()
    }
}

impl Selector for MioWorld {
    fn wait(&mut self, until: Option<Instant>, events: &mut Vec<Event>) -> io::Result<()> {
        let told = events.len();
        self.register_fresh(events);
        // What could not be registered is told at once.
        let until = if events.len() > told {
            Some(Instant::ZERO)
        } else {
            until
        };
        loop {
            let now = self.clock.monotonic();
            let until = match &mut self.tls {
                None => until,
                Some(tls) => tls.wake_up(until, &self.streams),
            };
            let until = match &mut self.introductions {
                None => until,
                Some(introductions) => introductions.wake_up(until, &self.streams),
            };
            let timeout = until.map_or(SLEEP_MAX, |until| until.since(now).min(SLEEP_MAX));
            match self.poll.poll(&mut self.events, Some(timeout)) {
                // A signal, or the process stood still (signal(7)). What came meanwhile has not been told yet: without
                // it, a peer that spoke in time would be called late.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                ended => break ended?,
            }
        }
        for event in &self.events {
            match event.token() {
                WAKER_TOKEN => self.bell.is_rung.store(false, Ordering::SeqCst),
                Token(token) if token < LISTENER_TOKEN_END => events.push(Event::Acceptable),
                token => {
                    let socket = key_of(token);
                    let stream = self.streams.get_mut(socket.index as usize);
                    if let Some(stream) = stream.filter(|stream| stream.generation == socket.generation) {
                        stream.on_event(event);
                    }
                    events.push(Event::Socket {
                        socket,
                        readable: event.is_readable() || event.is_read_closed(),
                        writable: event.is_writable() || event.is_write_closed(),
                        broken: event.is_error(),
                    });
                }
            }
        }
        if let Some(introductions) = &mut self.introductions {
            introductions.tell_all(self.clock.now().monotonic, &self.streams, events);
        }
        if let Some(tls) = &mut self.tls {
            tls.tell(self.clock.now().monotonic, &self.streams, events);
        }
        if self.bell.is_reload_wanted.swap(false, Ordering::SeqCst) {
            events.push(Event::Reload);
        }
        let shutdowns = self.bell.shutdowns.swap(0, Ordering::SeqCst);
        events.extend((0..shutdowns).map(|_| Event::Shutdown));
        Ok(())
    }
}

impl Transport for MioWorld {
    fn accept(&mut self) -> io::Result<(SocketKey, Peer)> {
        for _ in 0..self.listeners.len() {
            self.listener_turn = (self.listener_turn + 1) % self.listeners.len();
            match self.listeners[self.listener_turn].accept() {
                Ok((socket, peer)) => {
                    let peer = peer.ip();
                    return Ok((self.take_in(socket, peer)?, Peer::TcpFrom(peer)));
                }
                // The other listeners may have somebody.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }

    fn stop_accepting(&mut self) {
        // Closing the descriptor also takes it out of the selector.
        self.listeners.clear();
    }

    fn read(&mut self, socket: SocketKey, into: &mut [u8]) -> io::Result<usize> {
        let stream = self.stream(socket)?;
        if stream.tls.is_none() && !stream.awaits_introduction {
            return stream.read(into);
        }
        self.read_guarded(socket, into)
    }

    fn is_drained(&self, socket: SocketKey) -> bool {
        let stream = self.streams.get(socket.index as usize);
        stream.is_some_and(|stream| stream.generation == socket.generation && stream.is_drained())
    }

    fn write(&mut self, socket: SocketKey, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let Stream { socket, tls, .. } = self.stream(socket)?;
        match (tls, from) {
            (Some(session), parts) => session.write(socket, parts),
            // The usual reply. The machine is done with a plain write sooner than with a list of one, and the C library's
            // would look each time whether the thread is to be ended.
            (None, [whole]) => Ok(rustix::net::send(&*socket, whole, SendFlags::empty())?),
            (None, parts) => socket.write_vectored(parts),
        }
    }

    fn shutdown_write(&mut self, socket: SocketKey) -> io::Result<()> {
        let Stream { socket, tls, .. } = self.stream(socket)?;
        match tls {
            Some(session) => session.shut_down_write(socket),
            None => socket.shutdown(Shutdown::Write),
        }
    }

    fn peer_name(&mut self, socket: SocketKey) -> Option<Box<str>> {
        self.stream(socket).ok()?.tls.as_ref()?.peer_name()
    }

    fn close(&mut self, socket: SocketKey) {
        if self.stream(socket).is_ok() {
            // No `deregister` before: no descriptor is ever duplicated here, so its close ends its registration as well
            // (epoll(7), question 6; kqueue(2)), and a call a connection is saved.
            let mut stream = self.streams.remove(socket.index as usize);
            if let (Some(session), Some(handshakes)) = (&mut stream.tls, &mut self.tls) {
                if session.is_shaking_hands() {
                    handshakes.on_given_up(stream.shaking_for);
                }
                session.say_farewell(&mut stream.socket);
            }
        }
    }
}

impl Stream {
    /// Whether the handshake of this holder of its slot is under way.
    pub(super) fn is_shaking_hands(&self, generation: u32) -> bool {
        let is_its = |session: &Session| session.is_shaking_hands();
        self.generation == generation && self.tls.as_deref().is_some_and(is_its)
    }

    /// Whether whose connection it is remains to be said of this holder of its slot.
    pub(super) fn awaits_introduction(&self, generation: u32) -> bool {
        self.generation == generation && self.awaits_introduction
    }

    fn on_event(&mut self, event: &mio::event::Event) {
        self.is_drained &= !event.is_readable();
        self.is_end_told |= event.is_read_closed() || event.is_error();
        // What the session itself has to say is nobody's reply, so nobody else writes it. A failure is found by the next read.
        if let Some(session) = &mut self.tls
            && event.is_writable()
        {
            let _ = session.flush(&mut self.socket);
        }
    }

    /// Whether it is known that there is nothing to read.
    fn is_drained(&self) -> bool {
        self.is_drained && !self.is_end_told
    }

    /// Reads, unless it is known that there is nothing.
    ///
    /// A short read empties the socket, and whatever comes after it is told anew (epoll(7), kqueue(2)), so asking
    /// again would only cost a system call a request, a third of all. The exception is an end that came with the last
    /// bytes, whose edge is spent: the selector told it apart (EPOLLRDHUP, EV_EOF), and from then on every read is
    /// made. Bytes behind a peer's urgent mark wait for its next ones: nobody here reads urgent data.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_drained() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let (count, _) = rustix::net::recv(&self.socket, &mut *into, RecvFlags::empty())?;
        self.is_drained = DRAINS_BY_SHORT_READ && count < into.len();
        Ok(count)
    }
}

impl MioWorld {
    /// Reads what is not simply bytes of the connection.
    fn read_guarded(&mut self, key: SocketKey, into: &mut [u8]) -> io::Result<usize> {
        let Self {
            streams,
            tls,
            introductions,
            ..
        } = self;
        let Some(stream) = streams.get_mut(key.index as usize) else {
            return Err(ErrorKind::NotConnected.into());
        };
        if let Some(introductions) = introductions
            && stream.awaits_introduction
        {
            introductions.read(key, &mut stream.socket)?;
            stream.awaits_introduction = false;
            // What follows is read in the next turn, in which everybody knows whose it is.
            return Err(ErrorKind::WouldBlock.into());
        }
        let shaking_for = stream.shaking_for;
        let (Stream { socket, tls, .. }, Some(handshakes)) = (stream, tls) else {
            return Err(ErrorKind::NotConnected.into());
        };
        let Some(session) = tls else {
            return Err(ErrorKind::NotConnected.into());
        };
        match session.read(socket, into, handshakes.left())? {
            Found::Bytes(count) => return Ok(count),
            Found::Nothing => {}
            Found::Opened => handshakes.on_opened(key, shaking_for),
            Found::Postponed => handshakes.on_postponed(key),
        }
        Err(ErrorKind::WouldBlock.into())
    }
}

impl Executor for MioWorld {
    fn submit(&mut self, job: Box<Job>) {
        self.pool.submit(job);
    }

    fn submit_cancel(&mut self, job: Box<Job>) {
        self.pool.submit_cancel(job);
    }

    fn interrupt(&mut self, job: JobId) {
        self.pool.interrupt(job);
    }

    fn discard(&mut self, what: Discarded) {
        self.pool.discard(what.0);
    }

    fn completion(&mut self) -> Option<Completion> {
        self.completions.try_recv().ok()
    }

    fn fetch(&mut self, wanted: Wanted) {
        if let Some((fetching, _)) = &self.fetching {
            fetching.fetch(wanted);
        }
    }

    fn fetched(&mut self) -> Option<Fetched> {
        self.fetching.as_ref()?.1.try_recv().ok()
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

impl Bell {
    /// Wakes the reactor, unless somebody did and it has not heard yet. Whoever rings has published its news before,
    /// and the reactor clears the flag before it looks, so no news is missed.
    fn ring(&self) {
        if !self.is_rung.swap(true, Ordering::SeqCst)
            && let Err(error) = self.waker.wake()
        {
            log::error!("cannot wake the reactor: {error}");
        }
    }
}

impl ShutdownHandle {
    /// Asks for what can be read again to be read.
    pub fn reload(&self) {
        self.bell.is_reload_wanted.store(true, Ordering::SeqCst);
        self.bell.ring();
    }

    /// Asks for an orderly end; a second call asks for one at once.
    pub fn shut_down(&self) {
        self.bell.shutdowns.fetch_add(1, Ordering::SeqCst);
        self.bell.ring();
    }
}

/// Readiness changes taken from the machine at once; more stay there for the next turn.
const EVENTS_PER_WAIT_MAX: usize = 1_024;
const WAKER_TOKEN: Token = Token(0);
const LISTENER_TOKEN_FIRST: usize = 1;
/// Sockets' tokens begin here, because their generation is at least 1.
const LISTENER_TOKEN_END: usize = 1 << 32;
/// Whether the selector tells what comes after a short read, and the peer's end apart from bytes.
const DRAINS_BY_SHORT_READ: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd"
));
/// Nothing waits longer; a wake-up an hour is nothing, and selectors count milliseconds in 32 bits.
const SLEEP_MAX: Duration = Duration::from_secs(3_600);

const _: () = assert!(
    usize::BITS == 64,
    "a token holds slot and generation, 32 bits each"
);

fn token_of(key: SocketKey) -> Token {
    Token(key.index as usize | (key.generation as usize) << 32)
}

#[allow(clippy::cast_possible_truncation, reason = "takes the two halves apart")]
fn key_of(Token(token): Token) -> SocketKey {
    SocketKey {
        index: token as u32,
        generation: (token >> 32) as u32,
    }
}

#[cfg(test)]
mod tests;
