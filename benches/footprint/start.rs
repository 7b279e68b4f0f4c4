//! A server that was just started, from a process's first instruction to its first answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that has answered once; killed when dropped.
pub(crate) struct Started {
    child: Child,
    address: SocketAddr,
    first_answer: Duration,
    has_engine: bool,
    /// Kept open: a server that cannot log is another one.
    _said: BufReader<ChildStderr>,
}

/// What the server is started for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Embedded,
    Snowflake,
}

/// What the kernel says of a process's memory.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// Everything that is in memory for it, the pages of its file included.
    pub(crate) resident_bytes: u64,
    /// What no other process could share.
    pub(crate) own_bytes: u64,
    /// The most that was resident so far.
    pub(crate) peak_bytes: u64,
}

#[allow(clippy::disallowed_methods, reason = "the benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

impl Started {
    /// Starts `binary` on a free port for `engine`, and asks `/health` as soon as it listens.
    pub(crate) fn begin(binary: &Path, engine: Engine) -> Self {
        let mut command = Command::new(binary);
        command
            .args(["http", "--host", "127.0.0.1", "--port", "0"])
            // Nothing of the person who measures: neither settings nor a `.env`.
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        match engine {
            Engine::Embedded => command.arg("--demo"),
            // The account is never asked: nothing is sent before the first call.
            Engine::Snowflake => {
                command.envs([("SNOWFLAKE_ACCOUNT", "measured"), ("SNOWFLAKE_TOKEN", "none")])
            }
        };
        let begun = now();
        let mut child = command.spawn().expect("the binary starts");
        let mut said = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let mut has_engine = true;
        let address = loop {
            let mut line = String::new();
            let length = said.read_line(&mut line).expect("the server says something");
            assert!(length > 0, "the server ended before it listened");
            has_engine &= !line.contains("without the embedded engine");
            if let Some((_, address)) = line.trim_end().split_once("listening on http://") {
                break address.parse().expect("an address");
            }
        };
        let answer = ask(address, "GET", "/health", "");
        let first_answer = begun.elapsed();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        Self {
            child,
            address,
            first_answer,
            has_engine,
            _said: said,
        }
    }

    pub(crate) fn first_answer(&self) -> Duration {
        self.first_answer
    }

    /// Whether the binary has the embedded engine: one without it says so when it is asked for.
    pub(crate) fn has_engine(&self) -> bool {
        self.has_engine
    }

    /// Runs a statement, and says how long it took.
    pub(crate) fn call(&self, statement: &str) -> Duration {
        let body = format!(r#"{{"name":"execute_query","arguments":{{"query":"{statement}"}}}}"#);
        let begun = now();
        let answer = ask(self.address, "POST", "/mcp/tools/call", &body);
        let took = begun.elapsed();
        assert!(answer.contains("\"isError\":false"), "{answer}");
        took
    }

    pub(crate) fn memory(&self) -> Memory {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("the server runs");
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let figure = line.and_then(|rest| rest.split_whitespace().next());
            figure
                .and_then(|text| text.parse::<u64>().ok())
                .expect("the kernel says it")
                * 1024
        };
        Memory {
            resident_bytes: bytes("VmRSS:"),
            own_bytes: bytes("RssAnon:"),
            peak_bytes: bytes("VmHWM:"),
        }
    }
}

/// The whole answer to one request on a connection of its own.
fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it accepts");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers and closes");
    answer
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first use of the data takes tens of milliseconds; this much only when something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);
