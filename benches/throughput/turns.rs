//! How long the reactor's turns take: the server in this process, in a world that times what it does between two waits.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use snowflake_mcp::backend::{Backend, Completion, Job};
use snowflake_mcp::demo::Demo;
use snowflake_mcp::entropy::SystemEntropy;
use snowflake_mcp::ident::JobId;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::{Keys, Service};
use snowflake_mcp::reactor::world::{Event, Executor, Selector, SocketKey, Transport};
use snowflake_mcp::reactor::{Driver, MioWorld, ShutdownHandle, bind};
use snowflake_mcp::server::{Discarded, Peer, Server, Settings};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::{Clock, Instant, Now, SystemClock};
use snowflake_mcp::tools;

use crate::histogram::Histogram;

/// A server whose turns are timed.
pub(crate) struct TimedServer {
    address: SocketAddr,
    shutdown: ShutdownHandle,
    thread: JoinHandle<Histogram>,
}

impl TimedServer {
    /// Starts it with the embedded engine under these limits.
    pub(crate) fn start(limits: Limits) -> Self {
        let workers = limits.workers;
        let settings = Settings {
            limits,
            ..Settings::default()
        };
        Self::start_over(settings, move |clock| {
            Arc::new(Demo::new(clock, workers).expect("the engine starts"))
        })
    }

    /// Starts it over the backend that `backend` makes.
    pub(crate) fn start_over(
        settings: Settings,
        backend: impl FnOnce(SystemClock) -> Arc<dyn Backend> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = mpsc::channel();
        #[allow(
            clippy::disallowed_methods,
            reason = "a thread of the benchmark, not of the server"
        )]
        let thread = std::thread::spawn(move || {
            let clock = SystemClock::new();
            let limits = settings.limits.clone();
            let listeners = bind(&[SocketAddr::from(([127, 0, 0, 1], 0))]).expect("a free port");
            let world = MioWorld::new(listeners, backend(clock), &limits, clock).expect("a selector");
            let addresses = world.local_addresses().expect("it listens");
            let started = (addresses[0], world.shutdown_handle());
            sender.send(started).expect("somebody waits for it");
            let mut driver = Driver::new(TimedWorld::new(world), server(settings), &limits);
            driver.run().expect("the world can wait");
            driver.world_mut().turns.clone()
        });
        let (address, shutdown) = receiver.recv().expect("the server starts");
        Self {
            address,
            shutdown,
            thread,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, and says how much processor time its turns took.
    pub(crate) fn finish(self) -> Histogram {
        // The second time it waits for nobody.
        self.shutdown.shut_down();
        self.shutdown.shut_down();
        self.thread.join().expect("the server ends")
    }
}

fn server(settings: Settings) -> Server {
    let limits = &settings.limits;
    let tools = tools::Settings {
        default_database: Some("SNOWFLAKE_SAMPLE_DATA".to_owned()),
        default_schema: Some("TPCH_SF1".to_owned()),
        ..tools::Settings::new(limits, Policy::default())
    };
    let service = Service::new(limits, tools, Keys::random(&mut SystemEntropy));
    Server::new(settings, service, Box::new(SystemEntropy))
}

/// The machine's world, and the processor time of this thread between two waits. Not the time that passes: somebody
/// else's turn on the processor is none of the reactor's.
struct TimedWorld {
    world: MioWorld,
    woke_at: Duration,
    turns: Histogram,
}

impl TimedWorld {
    fn new(world: MioWorld) -> Self {
        Self {
            world,
            woke_at: thread_time(),
            turns: Histogram::new(),
        }
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("processor time is positive")
}

impl Selector for TimedWorld {
    fn wait(&mut self, until: Option<Instant>, events: &mut Vec<Event>) -> io::Result<()> {
        self.turns.add(thread_time() - self.woke_at);
        let ended = self.world.wait(until, events);
        self.woke_at = thread_time();
        ended
    }
}

impl Clock for TimedWorld {
    fn now(&self) -> Now {
        self.world.now()
    }
}

impl Transport for TimedWorld {
    fn accept(&mut self) -> io::Result<(SocketKey, Peer)> {
        self.world.accept()
    }

    fn stop_accepting(&mut self) {
        self.world.stop_accepting();
    }

    fn read(&mut self, socket: SocketKey, into: &mut [u8]) -> io::Result<usize> {
        self.world.read(socket, into)
    }

    fn is_drained(&self, socket: SocketKey) -> bool {
        self.world.is_drained(socket)
    }

    fn write(&mut self, socket: SocketKey, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.world.write(socket, from)
    }

    fn shutdown_write(&mut self, socket: SocketKey) -> io::Result<()> {
        self.world.shutdown_write(socket)
    }

    fn close(&mut self, socket: SocketKey) {
        self.world.close(socket);
    }
}

impl Executor for TimedWorld {
    fn submit(&mut self, job: Box<Job>) {
        self.world.submit(job);
    }

    fn submit_cancel(&mut self, job: Box<Job>) {
        self.world.submit_cancel(job);
    }

    fn interrupt(&mut self, job: JobId) {
        self.world.interrupt(job);
    }

    fn discard(&mut self, what: Discarded) {
        self.world.discard(what);
    }

    fn completion(&mut self) -> Option<Completion> {
        self.world.completion()
    }
}
