//! The measured server: a child process, and what the kernel says of it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

/// CPU time of a process.
#[derive(Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) user: Duration,
    pub(crate) total: Duration,
}

impl Cpu {
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user - earlier.user,
            total: self.total - earlier.total,
        }
    }
}

impl Server {
    /// Starts the binary of this build with the embedded engine on a free port.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_snowflake-mcp"))
            .args(["http", "--demo", "--host", "127.0.0.1", "--port", "0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stderr = child.stderr.take().expect("stderr is piped");
        let mut lines = BufReader::new(stderr).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let rest = line.split("http://").nth(1)?;
                rest.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')
                    .next()?
                    .parse()
                    .ok()
            })
            .expect("the server says where it listens");
        // What it says later is read and dropped, so that it never blocks on a full pipe.
        #[allow(
            clippy::disallowed_methods,
            reason = "a thread of the benchmark, not of the server"
        )]
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time so far. `schedstat` counts nanoseconds of all threads; user time has the clock's ticks of 10 ms.
    pub(crate) fn cpu(&self) -> Cpu {
        let base = format!("/proc/{}", self.child.id());
        let stat = std::fs::read_to_string(format!("{base}/stat")).expect("the server runs");
        let ticks: u64 = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.split(' ').nth(11))
            .and_then(|text| text.parse().ok())
            .expect("utime");
        let tasks = std::fs::read_dir(format!("{base}/task")).expect("the server runs");
        let total = tasks
            .flatten()
            .map(|task| on_processor(&task.path().display().to_string()))
            .sum();
        Cpu {
            user: Duration::from_millis(ticks * 10),
            total,
        }
    }

    /// Resident memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the server runs");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("VmRSS");
        line.split_whitespace()
            .nth(1)
            .and_then(|text| text.parse::<u64>().ok())
            .expect("a number")
            * 1024
    }
}

/// Time that the thread of this directory under `/proc` has run.
pub(crate) fn on_processor(task: &str) -> Duration {
    let text = std::fs::read_to_string(format!("{task}/schedstat")).unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
