//! Starting the binary and talking to it.

#[cfg(target_os = "linux")]
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use snowflake_mcp::config::setting;
use snowflake_mcp::time::{Clock, SystemClock};

use super::planted::{assert_no_secret, lines_of, planted};

/// Everything that is waited for comes within milliseconds; this much only when something is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary, without any setting of the person who runs the tests.
pub(crate) fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snowflake-mcp"));
    command.env_clear().current_dir(directory).stdin(Stdio::null());
    command
}

/// Secrets among what a test sets itself.
fn secrets_of(environment: &[(&str, &str)]) -> Vec<String> {
    let is_secret = |name: &str| {
        let mut secrets = setting::ALL.iter().filter(|setting| setting.is_secret);
        secrets.any(|setting| setting.names.contains(&name))
    };
    let values = environment
        .iter()
        .filter(|(name, value)| is_secret(name) && value.len() >= 8);
    let keys = values.flat_map(|(_, value)| value.split(','));
    keys.map(|key| key.trim().to_owned())
        .filter(|key| key.len() >= 8)
        .collect()
}

/// What a command that ends by itself said.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let directory = scratch();
    let output = command(directory.path())
        .args(arguments)
        .envs(planted(arguments, environment))
        .envs(environment.iter().copied())
        .output()
        .expect("the binary runs");
    let ended = Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    };
    let secrets = secrets_of(environment);
    assert_no_secret("standard output", &ended.stdout, &secrets);
    assert_no_secret("standard error", &ended.stderr, &secrets);
    ended
}

/// An empty directory that goes away.
pub(crate) struct Scratch(std::path::PathBuf);

pub(crate) fn scratch() -> Scratch {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("snowflake-mcp-{}-{count}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&path).expect("a directory can be made");
    Scratch(path)
}

impl Scratch {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server that listens.
pub(crate) struct Daemon {
    child: Child,
    said: Receiver<String>,
    /// Hears what it says to its end, and gives all of it back.
    hearing: Option<JoinHandle<String>>,
    secrets: Vec<String>,
    /// What it said until it listened.
    pub(crate) first_lines: Vec<String>,
    pub(crate) address: SocketAddr,
    _directory: Scratch,
}

impl Daemon {
    /// Starts `snowflake-mcp http --port 0` with more arguments, and waits until it says where it listens.
    pub(crate) fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let directory = scratch();
        let mut command = command(directory.path());
        command.args(["http", "--port", "0"]).args(arguments);
        command.envs(planted(arguments, environment));
        command.envs(environment.iter().copied());
        Self::of(command, directory, secrets_of(environment))
    }

    /// The same out of a shell that did `prelude` first, such as `ulimit -Sn 64`.
    pub(crate) fn start_after(prelude: &str, environment: &[(&str, &str)]) -> Self {
        let directory = scratch();
        let script = format!("{prelude}; exec \"$0\" http --port 0");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_snowflake-mcp")]);
        shell.env_clear().envs(environment.iter().copied());
        shell.current_dir(directory.path()).stdin(Stdio::null());
        Self::of(shell, directory, secrets_of(environment))
    }

    fn of(mut command: Command, directory: Scratch, secrets: Vec<String>) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let (said, hearing) = lines_of(child.stderr.take().expect("piped"));
        let mut daemon = Self {
            child,
            said,
            hearing: Some(hearing),
            secrets,
            first_lines: Vec::new(),
            address: SocketAddr::from(([0; 4], 0)),
            _directory: directory,
        };
        daemon.first_lines = daemon.lines_to("listening on http");
        let line = daemon.first_lines.last().expect("it was found");
        let (_, address) = line.rsplit_once("://").expect("found");
        daemon.address = address.trim_matches(['"', '}']).parse().expect("an address");
        daemon
    }

    /// The next line that it says with `part` in it.
    pub(crate) fn wait_for(&self, part: &str) -> String {
        self.lines_to(part).pop().expect("it was found")
    }

    /// What it says up to the next line with `part` in it.
    fn lines_to(&self, part: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(_) => panic!("it did not say {part:?}; it said {lines:?}"),
            }
            if lines.last().is_some_and(|line| line.contains(part)) {
                return lines;
            }
        }
    }

    /// Sends a signal, `TERM` or `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// The most memory that it had at once.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident_bytes_peak(&self) -> usize {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let figure = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
        figure.expect("a figure in KiB") << 10
    }

    #[cfg(target_os = "linux")]
    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("it runs")
    }

    /// The names of its threads that begin so. One that has only just begun has the name of the thread that began it.
    #[cfg(target_os = "linux")]
    pub(crate) fn threads(&self, name: &str) -> BTreeSet<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|comm| comm.starts_with(name)).collect()
    }

    /// Waits for its end. A server that does not end is killed, and the test fails.
    pub(crate) fn end(mut self) -> ExitStatus {
        // Its standard error is closed when it ends; until then lines are read and forgotten.
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return self.child.wait().expect("it ended"),
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// The answer to one request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let answer = ask(self.address, method, path, body);
        assert_no_secret("an answer", &answer.body, &self.secrets);
        answer
    }
}

/// Looks again and again until there is something.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let clock = SystemClock::new();
    let begun = clock.now().monotonic;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            clock.now().monotonic.since(begun) < PATIENCE,
            "it did not come to that"
        );
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// A connection that does not wait for ever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it accepts");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    stream
}

/// The answer to one request on a connection of its own.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    let mut stream = connect(address);
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers and closes");
    Answer::of(&text)
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Every line that it ever said, also those that no test waited for.
        if let Some(said) = self.hearing.take().and_then(|hearing| hearing.join().ok())
            && !thread::panicking()
        {
            assert_no_secret("the log", &said, &self.secrets);
        }
    }
}

/// A response.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn of(text: &str) -> Self {
        assert_no_secret("an answer", text, &[]);
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self {
            status: status.expect("a status"),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }
}
