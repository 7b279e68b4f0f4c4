//! The server under attack: started, measured from outside, and asked whether it is well.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use snowflake_mcp::time::{Clock, SystemClock};

use super::attacker::read_to_end;
use super::planted::{assert_no_secret, lines_of, planted};
use super::stand_in;

/// Longest wait for anything. What takes so long does not come: no machine stands still for that.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Before the thread that serves everybody has worked for so long, another client's `/health` is answered while an attack
/// lasts. Its own time counts, which does not go on while the machine is busy with something else.
const HEALTH_TICKS_MAX: u64 = 100;

/// By then it is answered even on a machine that stands still now and then.
const HEALTH_MAX: Duration = Duration::from_secs(20);

/// What stays for each of the most connections that there ever were at once: the table keeps its places, and the
/// allocator what lies between them. The next ones are made of it.
pub(crate) const KEPT_EACH_BYTES: usize = 7 << 10;

/// Has the system take back what is large as soon as it is free. Otherwise the allocator keeps what there once was for
/// each worker: of results of 1 MiB 14 to 42 MB, by the order in which eight workers ran. A figure of memory would be about
/// that and not about what the program holds.
pub(crate) const GIVES_BACK: &str = "MALLOC_MMAP_THRESHOLD_=131072";

/// Attacks take turns.
static TURN: Mutex<()> = Mutex::new(());

/// A server that is being attacked.
pub(crate) struct Victim {
    child: Child,
    said: Receiver<String>,
    /// Hears what it says to its end, and gives all of it back.
    hearing: Option<JoinHandle<String>>,
    pub(crate) address: SocketAddr,
    directory: PathBuf,
    calm: Figures,
    _turn: MutexGuard<'static, ()>,
}

/// What the process holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) connections: usize,
    pub(crate) descriptors: usize,
    pub(crate) resident_bytes: usize,
}

impl Victim {
    /// A server with the embedded engine.
    pub(crate) fn start() -> Self {
        Self::start_after("true")
    }

    /// The same out of a shell that did `prelude` first, such as `ulimit -n 64` or `export MCP_HEAD_TIMEOUT=1`.
    pub(crate) fn start_after(prelude: &str) -> Self {
        let script = format!("{prelude}; exec \"$0\" http --demo --port 0");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_snowflake-mcp")]);
        command
            .env_clear()
            .env("LOG_LEVEL", "warn")
            .envs(planted(&["--demo"], &[]));
        Self::launch(command)
    }

    /// A server whose engine does what statements say, with these limits (`head=500`, in milliseconds or bytes).
    pub(crate) fn stand_in(limits: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this is one"));
        command.args(["--exact", stand_in::NAME, "--ignored", "--nocapture"]);
        command.env_clear().env(stand_in::VARIABLE, limits);
        command.envs(GIVES_BACK.split_once('='));
        Self::launch(command)
    }

    fn launch(mut command: Command) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        allow_descriptors();
        let directory = std::env::temp_dir().join(format!("snowflake-mcp-hostile-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory can be made");
        let mut child = command
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (said, hearing) = lines_of(child.stderr.take().expect("piped"));
        let mut victim = Self {
            child,
            said,
            hearing: Some(hearing),
            address: SocketAddr::from(([0; 4], 0)),
            directory,
            calm: Figures {
                connections: 0,
                descriptors: 0,
                resident_bytes: 0,
            },
            _turn: turn,
        };
        victim.address = victim.listening();
        victim.warm_up();
        victim.calm = victim.figures();
        victim
    }

    fn listening(&self) -> SocketAddr {
        loop {
            let line = self
                .said
                .recv_timeout(PATIENCE)
                .expect("it says where it listens");
            if let Some((_, address)) = line.split_once("listening on http://") {
                return address.parse().expect("an address");
            }
        }
    }

    /// Code pages and lists that the first requests bring in are no leak.
    fn warm_up(&self) {
        for path in ["/health", "/metrics", "/status", "/mcp/tools"] {
            assert_eq!(self.ask(path).0, 200, "{path}");
        }
    }

    /// Status and body of a GET on a connection of its own.
    pub(crate) fn ask(&self, path: &str) -> (u16, String) {
        ask(self.address, path)
    }

    /// What it holds now. The connection that asks is not counted.
    pub(crate) fn figures(&self) -> Figures {
        let (_, body) = self.ask("/status");
        let status: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let open = status["connections"]["open"].as_u64().expect("a number");
        Figures {
            connections: open as usize - 1,
            descriptors: self.descriptors(),
            resident_bytes: self.resident_bytes(),
        }
    }

    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .expect("it runs")
            .count()
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let figure = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
        figure.expect("a figure in KiB") << 10
    }

    /// Bytes that it holds more than before the attack.
    pub(crate) fn growth_bytes(&self) -> usize {
        self.resident_bytes().saturating_sub(self.calm.resident_bytes)
    }

    /// Threads whose name begins so.
    pub(crate) fn threads(&self, name: &str) -> usize {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|comm| comm.starts_with(name)).count()
    }

    /// Calls in flight.
    pub(crate) fn calls(&self) -> u64 {
        let status: serde_json::Value = serde_json::from_str(&self.ask("/status").1).expect("JSON");
        status["requests"]["active_count"].as_u64().expect("a number")
    }

    /// Processor time that it used so far, in ticks of 10 ms.
    pub(crate) fn processor_ticks(&self) -> u64 {
        ticks(&format!("/proc/{}", self.child.id()))
    }

    /// Where the figures of the thread are that serves all connections: the first one, or the one that runs the test
    /// which is the server.
    fn reactor(&self) -> String {
        let tasks = format!("/proc/{}/task", self.child.id());
        let all = fs::read_dir(&tasks).expect("it runs").flatten();
        let mut paths = all.map(|task| task.path().display().to_string());
        let is_test = |path: &String| {
            let name = fs::read_to_string(format!("{path}/comm"));
            name.is_ok_and(|name| name.starts_with("stand_in"))
        };
        let test = paths.find(is_test);
        test.unwrap_or_else(|| format!("{tasks}/{}", self.child.id()))
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs");
    }

    /// Runs `attack` while another client asks `/health`, each time on a connection of its own, and fails if an answer
    /// took longer than [`HEALTH_MAX`], or more than [`HEALTH_TICKS_MAX`] of the server's time.
    pub(crate) fn attacked<T>(&self, attack: impl FnOnce() -> T) -> T {
        let (over, is_over) = mpsc::channel::<()>();
        let (address, reactor) = (self.address, self.reactor());
        let (result, (slowest, most)) = thread::scope(|scope| {
            let watcher = scope.spawn(move || {
                let (mut slowest, mut most) = (Duration::ZERO, 0);
                loop {
                    let before = ticks(&reactor);
                    slowest = slowest.max(took(|| assert_eq!(ask(address, "/health").0, 200)));
                    most = most.max(ticks(&reactor) - before);
                    if is_over.recv_timeout(HEALTH_EVERY) != Err(RecvTimeoutError::Timeout) {
                        return (slowest, most);
                    }
                }
            });
            let result = attack();
            drop(over);
            (result, watcher.join().expect("health was always answered"))
        });
        assert!(
            slowest < HEALTH_MAX && most < HEALTH_TICKS_MAX,
            "/health took up to {slowest:?}, and up to {most} ticks of 10 ms of the server's time"
        );
        result
    }

    /// After the attack: waits until everything is as it was before, give or take `slack_bytes` of memory (an allocator
    /// keeps what it once had from the system).
    pub(crate) fn calms_down(&self, slack_bytes: usize) {
        let calm = self.calm;
        let is_calm = |now: &Figures| {
            now.connections <= calm.connections
                && now.descriptors <= calm.descriptors + CLOSING_MAX
                && now.resident_bytes <= calm.resident_bytes + slack_bytes
        };
        let mut now = self.figures();
        until(|| {
            now = self.figures();
            is_calm(&now)
        })
        .unwrap_or_else(|| panic!("{now:?}, before the attack {calm:?}, allowed {slack_bytes} bytes more"));
        let mut ticks = 0;
        until(|| {
            let before = self.processor_ticks();
            let _ = until_or(IDLE_WATCHED, || false);
            ticks = self.processor_ticks() - before;
            ticks <= IDLE_TICKS_MAX
        })
        .unwrap_or_else(|| panic!("an idle server uses {ticks} ticks of 10 ms in {IDLE_WATCHED:?}"));
    }

    /// From now on, as it is now is how it must be after an attack.
    pub(crate) fn is_used_to_it(&mut self) {
        self.calm = self.figures();
    }

    /// How many of the lines that it said since the start hold `part`. They are forgotten.
    pub(crate) fn said(&self, part: &str) -> usize {
        self.said.try_iter().filter(|line| line.contains(part)).count()
    }

    /// Waits until it has said a line for each of `parts`. All that it said until then is forgotten.
    pub(crate) fn says(&self, mut parts: Vec<String>) {
        until(|| {
            for line in self.said.try_iter() {
                if let Some(index) = parts.iter().position(|part| line.contains(part)) {
                    parts.swap_remove(index);
                }
            }
            parts.is_empty()
        })
        .unwrap_or_else(|| panic!("it did not say {parts:?}"));
    }

    /// Waits for its end and gives what it said last.
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<String>) {
        let mut lines = Vec::new();
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => {
                    return (self.child.wait().expect("it ended"), lines);
                }
                Err(RecvTimeoutError::Timeout) => panic!("it does not end; it said {lines:?}"),
            }
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
        // Every line that it ever said, also those that no test waited for.
        if let Some(said) = self.hearing.take().and_then(|hearing| hearing.join().ok())
            && !thread::panicking()
        {
            assert_no_secret("the log", &said, &[]);
        }
    }
}

/// Descriptors of connections that just asked and are being closed.
const CLOSING_MAX: usize = 2;
/// How often the other client asks.
const HEALTH_EVERY: Duration = Duration::from_millis(20);
/// How long a calm server is watched for being busy with nothing.
const IDLE_WATCHED: Duration = Duration::from_millis(200);
/// Processor time of a calm server in that time; the clock of the figure is coarse.
const IDLE_TICKS_MAX: u64 = 1;

/// A figure of `/metrics`; of one with labels, with them.
pub(crate) fn metric(victim: &Victim, name: &str) -> usize {
    let text = victim.ask("/metrics").1;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|figure| figure.parse().ok()).expect("a figure")
}

/// A connection that does not wait for ever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it accepts");
    for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        set(&stream, Some(PATIENCE)).expect("a timeout can be set");
    }
    stream
}

fn ask(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = connect(address);
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    // Who is turned away is, whether it has asked or not.
    let _ = stream.write_all(request.as_bytes());
    let text = String::from_utf8(read_to_end(&mut stream)).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}

/// How long `act` took.
pub(crate) fn took(act: impl FnOnce()) -> Duration {
    let clock = SystemClock::new();
    act();
    clock.now().monotonic.since(snowflake_mcp::time::Instant::ZERO)
}

/// Waits until `holds`; `None` when [`PATIENCE`] is over.
pub(crate) fn until(holds: impl FnMut() -> bool) -> Option<()> {
    until_or(PATIENCE, holds)
}

/// Waits until `holds`; `None` when `patience` is over.
pub(crate) fn until_or(patience: Duration, mut holds: impl FnMut() -> bool) -> Option<()> {
    let clock = SystemClock::new();
    while !holds() {
        if clock.now().monotonic.since(snowflake_mcp::time::Instant::ZERO) > patience {
            return None;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    Some(())
}

/// Processor time of a process or a thread, in ticks of 10 ms.
fn ticks(of: &str) -> u64 {
    let stat = fs::read_to_string(format!("{of}/stat")).expect("it runs");
    // The name in brackets is the second field; utime and stime are the 14th and 15th (proc(5)).
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let figures = fields.split_whitespace().skip(11).take(2);
    figures.map(|figure| figure.parse::<u64>().expect("ticks")).sum()
}

/// The attackers' own descriptors.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("up to the hard limit is always allowed");
}
