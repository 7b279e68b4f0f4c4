//! A server in a process of its own for what the shipped binary has no door for: an engine that panics when a statement
//! says so or gives as much as one asks for, a wall clock that a statement moves, and small limits.
//!
//! The process is this test binary once more, told by a variable to run one test alone. Reactor, workers, server and
//! tools are the program's own; only the engine behind them is not, and the clock in front.

use std::cell::Cell;
use std::io::{self, IoSlice, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::panic_any;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use log::LevelFilter;
use snowflake_mcp::backend::job::Progress;
use snowflake_mcp::backend::{
    Backend, CancelToken, Column, Completion, Error, Job, Kind, ResultSet, Stage, Step, Value,
};
use snowflake_mcp::entropy::SystemEntropy;
use snowflake_mcp::ident::JobId;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::{Keys, Service};
use snowflake_mcp::observe::logger::{self, Format};
use snowflake_mcp::reactor::world::{Event, Executor, Selector, SocketKey, Transport};
use snowflake_mcp::reactor::{Driver, MioWorld, bind};
use snowflake_mcp::server::{Discarded, Peer, Server, Settings};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::{Clock, Instant, Now, SystemClock, WallTime};
use snowflake_mcp::tools;

/// Set, it holds limits such as `head=500` (milliseconds or bytes), and the test below is the server.
pub(crate) const VARIABLE: &str = "HOSTILE_STAND_IN";
/// The test that is the server.
pub(crate) const NAME: &str = "stand_in::serves_until_it_is_ended";
/// Threads that take steps.
pub(crate) const WORKERS: usize = 8;

/// What panics say. It must never reach a client.
pub(crate) const PANIC: &str = "as the statement said";

#[test]
#[ignore = "other tests run it in a process of its own"]
fn serves_until_it_is_ended() {
    let Ok(named) = std::env::var(VARIABLE) else {
        return;
    };
    let limits = limits(&named);
    let clock = SystemClock::new();
    logger::install(LevelFilter::Warn, Format::Text, clock).expect("the first one");
    let shift = Arc::new(AtomicI64::new(0));
    let engine = Obedient {
        together: Barrier::new(WORKERS),
        shift: Arc::clone(&shift),
    };
    let listeners = bind(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]).expect("a free port");
    let world = MioWorld::new(listeners, Arc::new(engine), &limits, clock).expect("a world");
    let address = world.local_addresses().expect("it is bound")[0];
    let settings = Settings {
        limits: limits.clone(),
        ..Settings::default()
    };
    let keys = Keys::random(&mut SystemEntropy);
    let service = Service::new(&limits, tools::Settings::new(&limits, Policy::default()), keys);
    let server = Server::new(settings, service, Box::new(SystemEntropy));
    writeln!(io::stderr(), "listening on http://{address}").expect("somebody reads");
    let world = Shifted {
        world,
        shift,
        last: Cell::new(Instant::ZERO),
    };
    Driver::new(world, server, &limits).run().expect("it goes on");
}

fn limits(named: &str) -> Limits {
    let mut limits = Limits {
        workers: WORKERS,
        ..Limits::default()
    };
    for limit in named.split_whitespace() {
        let (name, number) = limit.split_once('=').expect("a name and a number");
        let number = number.parse().expect("a number");
        let time = Duration::from_millis(number);
        let bytes = usize::try_from(number).expect("as many as there can be");
        match name {
            "head" => limits.head_timeout = time,
            "body" => limits.body_timeout = time,
            "idle" => limits.idle_timeout = time,
            "write" => limits.write_timeout = time,
            "result" => limits.result_bytes_max = bytes,
            "replies" => limits.replies_bytes_max = bytes,
            other => panic!("no limit is called {other}"),
        }
    }
    limits
}

/// Does what the first text of a statement says: `select 'panic'`.
struct Obedient {
    together: Barrier,
    shift: Arc<AtomicI64>,
}

impl Backend for Obedient {
    fn step(&self, job: Job, cancel: &CancelToken) -> Step {
        let statement = job.work.statements.last().expect("a short statement is checked");
        let mut order = statement.text().split('\'').nth(1).expect("an order").to_owned();
        let last = order.rsplit(' ').next();
        let number = last.and_then(|number| number.parse::<i64>().ok());
        if cancel.is_cancelled() {
            assert_ne!(order, "panic when cancelled", "{PANIC}");
            let error = Error::new(Kind::Cancelled, "cancelled");
            return Step::Done(Box::new(job), Err(error));
        }
        let is_first = job.reached.stage == Stage::Submit;
        match (order.as_str(), number) {
            ("panic", _) => panic!("{PANIC}"),
            ("panic with a number", _) => panic_any(17),
            ("panic together", _) => {
                self.together.wait();
                panic!("{PANIC}");
            }
            ("meet", _) => drop(self.together.wait()),
            ("panic when cancelled", _) => return again(job, Duration::from_secs(60)),
            (_, Some(millis)) if is_first && order.starts_with("wait ") => {
                return again(job, Duration::from_millis(millis.unsigned_abs()));
            }
            (_, Some(seconds)) if order.starts_with("set the clock forth by ") => {
                self.shift.fetch_add(seconds, Ordering::SeqCst);
            }
            (_, Some(bytes)) if order.starts_with("give ") => {
                order = "x".repeat(usize::try_from(bytes).expect("a length"));
            }
            (_, Some(seconds)) if order.starts_with("set the clock back by ") => {
                self.shift.fetch_sub(seconds, Ordering::SeqCst);
            }
            _ => {}
        }
        let column = Column {
            name: "ORDER".to_owned(),
            type_name: "VARCHAR".to_owned(),
            nullable: false,
        };
        let mut result = ResultSet::new(vec![column], job.work.bounds);
        result.push(Value::Text(&order));
        result.end_row();
        Step::Done(Box::new(job), Ok(vec![result]))
    }
}

fn again(mut job: Job, after: Duration) -> Step {
    job.reached.stage = Stage::Poll;
    job.reached.handle = Some("a statement that runs".to_owned());
    Step::Again {
        job: Box::new(job),
        after,
        progress: Progress::Running,
    }
}

/// The machine, with another wall clock.
struct Shifted {
    world: MioWorld,
    shift: Arc<AtomicI64>,
    last: Cell<Instant>,
}

impl Clock for Shifted {
    fn now(&self) -> Now {
        let now = self.world.now();
        let last = self.last.replace(now.monotonic);
        assert!(now.monotonic >= last, "the monotonic clock went back");
        let micros = self.shift.load(Ordering::SeqCst) * 1_000_000;
        let wall = now.wall.as_micros().saturating_add_signed(micros);
        Now {
            wall: WallTime::from_micros(wall),
            ..now
        }
    }
}

impl Selector for Shifted {
    fn wait(&mut self, until: Option<Instant>, events: &mut Vec<Event>) -> io::Result<()> {
        self.world.wait(until, events)
    }
}

impl Transport for Shifted {
    fn accept(&mut self) -> io::Result<(SocketKey, Peer)> {
        self.world.accept()
    }

    fn stop_accepting(&mut self) {
        self.world.stop_accepting();
    }

    fn read(&mut self, socket: SocketKey, into: &mut [u8]) -> io::Result<usize> {
        self.world.read(socket, into)
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

impl Executor for Shifted {
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
