//! Somebody who asks for /health again and again, on a thread of their own: what a load balancer meets while others are
//! at work. The load generator's thread would add its own turns to the latency.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::histogram::Histogram;

/// A probe that runs.
pub(crate) struct Probe {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Histogram>,
}

/// Time between two questions: some hundred a second, no load of its own.
const PAUSE: Duration = Duration::from_millis(2);

impl Probe {
    /// Starts to ask.
    pub(crate) fn start(address: SocketAddr) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        #[allow(
            clippy::disallowed_methods,
            reason = "a thread of the benchmark, not of the server"
        )]
        let thread = std::thread::spawn(move || ask(address, &over));
        Self { is_over, thread }
    }

    /// Stops, and says how long the answers took.
    pub(crate) fn finish(self) -> Histogram {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().expect("the probe had its answers")
    }
}

#[allow(clippy::disallowed_methods, reason = "the benchmark measures time and pauses")]
fn ask(address: SocketAddr, is_over: &AtomicBool) -> Histogram {
    let mut latency = Histogram::new();
    let mut stream = TcpStream::connect(address).expect("loopback connects");
    stream.set_nodelay(true).expect("loopback is TCP");
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut answer = [0; 4 << 10];
    while !is_over.load(Ordering::SeqCst) {
        let from = Instant::now();
        stream.write_all(request.as_bytes()).expect("it is open");
        // The answer is short and comes in one piece.
        let count = stream.read(&mut answer).expect("it is open");
        latency.add(from.elapsed());
        assert!(answer[..count].starts_with(b"HTTP/1.1 200") && answer[..count].ends_with(b"}"));
        std::thread::sleep(PAUSE);
    }
    latency
}
