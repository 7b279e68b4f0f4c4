//! What nothing useful can be faster than: a thread that waits for requests, parses no more of them than the envelope of
//! JSON-RPC, and writes the same bytes each time. It is no HTTP server.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The running thread. It ends with the process.
pub(crate) struct Limit {
    address: SocketAddr,
    /// Its directory under `/proc`.
    task: String,
}

/// What is looked at of a request.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    method: &'a str,
}

impl Limit {
    /// Starts it; `answer` is what it writes, as it goes over the wire.
    pub(crate) fn start(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let (sender, receiver) = mpsc::channel();
        #[allow(
            clippy::disallowed_methods,
            reason = "a thread of the benchmark, not of the server"
        )]
        std::thread::spawn(move || {
            let own = std::fs::read_link("/proc/thread-self").expect("Linux names its threads");
            sender
                .send(format!("/proc/{}", own.display()))
                .expect("somebody waits for it");
            answer_all(listener, &answer);
        });
        let task = receiver.recv().expect("the thread starts");
        Self { address, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time so far.
    pub(crate) fn cpu(&self) -> Duration {
        super::server::on_processor(&self.task)
    }
}

const LISTENER: Token = Token(usize::MAX);

fn answer_all(mut listener: TcpListener, answer: &[u8]) {
    let mut poll = Poll::new().expect("a poll");
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)
        .expect("registered");
    let mut events = Events::with_capacity(1_024);
    let mut peers = Vec::new();
    loop {
        poll.poll(&mut events, None).expect("the poll can wait");
        for event in &events {
            if event.token() != LISTENER {
                serve(&mut peers[event.token().0], answer);
                continue;
            }
            while let Ok((mut stream, _)) = listener.accept() {
                let token = Token(peers.len());
                let both = Interest::READABLE | Interest::WRITABLE;
                poll.registry()
                    .register(&mut stream, token, both)
                    .expect("registered");
                peers.push(Peer { stream, owed: 0 });
            }
        }
    }
}

/// A connection, and how much of an answer its socket did not take yet.
struct Peer {
    stream: TcpStream,
    owed: usize,
}

fn serve(peer: &mut Peer, answer: &[u8]) {
    let mut request = [0; 4 << 10];
    if peer.owed > 0 {
        return write(peer, answer);
    }
    // One that waits for its answer sends nothing, so a request is there whole or not at all.
    let Ok(count) = peer.stream.read(&mut request) else {
        return;
    };
    let Some(head) = memchr::memmem::find(&request[..count], b"\r\n\r\n") else {
        return;
    };
    let envelope: Envelope<'_> = serde_json::from_slice(&request[head + 4..count]).expect("it is a call");
    assert!(!envelope.id.get().is_empty() && !envelope.method.is_empty());
    peer.owed = answer.len();
    write(peer, answer);
}

fn write(peer: &mut Peer, answer: &[u8]) {
    while peer.owed > 0 {
        match peer.stream.write(&answer[answer.len() - peer.owed..]) {
            Ok(count) => peer.owed -= count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => peer.owed = 0,
        }
    }
}
