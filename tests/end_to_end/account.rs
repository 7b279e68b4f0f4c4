//! An account behind the SQL API's wire, for the binary: one statement that never ends, and one result of a million rows.
//! What it is asked is counted; its tests wait for a count by the lock's condition.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::gzip::gzip;
use super::process::{Daemon, PATIENCE};

/// Begins every statement that never ends.
pub(crate) const ENDLESS: &str = "select 'endless";
/// Has the rows `0` to `999999`, each a number and a text.
pub(crate) const MILLION: &str = "select n, s from million";
pub(crate) const ROWS: u64 = 1_000_000;

/// As on the service the first partition is small.
const FIRST_PARTITION_ROWS: u64 = 1_000;
const PARTITION_ROWS: u64 = 9_990;
const PARTITIONS: u64 = (ROWS - FIRST_PARTITION_ROWS) / PARTITION_ROWS + 1;

/// The account. It ends with the test's process.
#[derive(Clone)]
pub(crate) struct Account {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    asked: Mutex<Asked>,
    changed: Condvar,
    partitions: Mutex<BTreeMap<u64, Arc<[u8]>>>,
}

/// What it was asked.
#[derive(Default)]
pub(crate) struct Asked {
    /// Statements by handle.
    pub(crate) statements: Vec<String>,
    pub(crate) cancelled: BTreeSet<usize>,
    /// How often each was asked after.
    pub(crate) polls: BTreeMap<usize, u64>,
}

impl Account {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let account = Self {
            address: listener.local_addr().expect("an address"),
            shared: Arc::default(),
        };
        let shared = Arc::clone(&account.shared);
        thread::Builder::new()
            .name("account".to_owned())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    let shared = Arc::clone(&shared);
                    let serve = move || while serve(&shared, &stream).is_some() {};
                    thread::Builder::new().spawn(serve).expect("a thread");
                }
            })
            .expect("a thread");
        account
    }

    /// The binary, signed in to it.
    pub(crate) fn daemon(&self, arguments: &[&str]) -> Daemon {
        let port = self.address.port().to_string();
        let environment = [
            ("SNOWFLAKE_ACCOUNT", "myorg-prod"),
            ("SNOWFLAKE_TOKEN", "a-token"),
            ("SNOWFLAKE_HOST", "127.0.0.1"),
            ("SNOWFLAKE_PORT", &port),
            ("SNOWFLAKE_PROTOCOL", "http"),
        ];
        Daemon::start(arguments, &environment)
    }

    /// Waits until what it was asked is such, and gives what `look` finds in it.
    pub(crate) fn wait_until<T>(&self, what: &str, mut look: impl FnMut(&Asked) -> Option<T>) -> T {
        let mut asked = self.shared.asked.lock().expect("nobody panicked");
        loop {
            if let Some(found) = look(&asked) {
                return found;
            }
            let (again, waited) = self
                .shared
                .changed
                .wait_timeout(asked, PATIENCE)
                .expect("nobody panicked");
            assert!(!waited.timed_out(), "{what}: it did not come to that");
            asked = again;
        }
    }
}

/// Serves one request; `None` at the end of the connection.
fn serve(shared: &Shared, stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let length = head
        .to_ascii_lowercase()
        .split_once("content-length: ")
        .and_then(|(_, rest)| rest.split("\r\n").next()?.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let target = head.split(' ').nth(1)?;
    let mut wire = Vec::new();
    match answer(shared, target, &body) {
        Answer::Plain(status, body) => {
            let length = body.len();
            write!(
                wire,
                "HTTP/1.1 {status} Fine\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .ok()?;
        }
        Answer::Compressed(body) => {
            let length = body.len();
            write!(
                wire,
                "HTTP/1.1 200 Fine\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n"
            )
            .ok()?;
            wire.extend_from_slice(&body);
        }
    }
    let mut stream = stream;
    stream.write_all(&wire).ok()
}

enum Answer {
    Plain(u16, String),
    Compressed(Arc<[u8]>),
}

fn answer(shared: &Shared, target: &str, body: &[u8]) -> Answer {
    let mut asked = shared.asked.lock().expect("nobody panicked");
    shared.changed.notify_all();
    let path = target
        .trim_start_matches("/api/v2/statements")
        .trim_start_matches('/');
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let Some((handle, rest)) = path.split_once(['-', '/']).filter(|_| !path.is_empty()) else {
        let sent: serde_json::Value = serde_json::from_slice(body).expect("a submission is JSON");
        let handle = asked.statements.len();
        let statement = sent["statement"].as_str().expect("text");
        if !statement.starts_with(ENDLESS) && statement != MILLION {
            // What the program asks of itself, such as the grants of its role, is not known here.
            let unknown =
                r#"{"code":"002003","message":"it does not exist or not authorized","sqlState":"42S02"}"#;
            return Answer::Plain(422, unknown.to_owned());
        }
        asked.statements.push(statement.to_owned());
        return Answer::Plain(202, running(handle));
    };
    let handle: usize = handle.parse().expect("a handle of ours");
    if rest.ends_with("cancel") {
        asked.cancelled.insert(handle);
        return Answer::Plain(200, r#"{"code":"000604","message":"cancelled"}"#.to_owned());
    }
    *asked.polls.entry(handle).or_default() += 1;
    if asked.statements[handle].starts_with(ENDLESS) {
        return Answer::Plain(202, running(handle));
    }
    drop(asked);
    match query.strip_prefix("partition=") {
        None => Answer::Plain(200, first(handle)),
        Some(number) => Answer::Compressed(partition(shared, number.parse().expect("a number"))),
    }
}

fn running(handle: usize) -> String {
    format!(r#"{{"code":"333334","message":"in progress","statementHandle":"{handle}-0"}}"#)
}

/// The rows of a partition.
fn rows_of(partition: u64) -> Range<u64> {
    match partition {
        0 => 0..FIRST_PARTITION_ROWS,
        _ => {
            let begin = FIRST_PARTITION_ROWS + (partition - 1) * PARTITION_ROWS;
            begin..begin + PARTITION_ROWS
        }
    }
}

fn data(partition: u64) -> String {
    let row = |number| format!(r#"["{number}","row {number}"]"#);
    let rows: Vec<_> = rows_of(partition).map(row).collect();
    rows.join(",")
}

fn first(handle: usize) -> String {
    let rows = (0..PARTITIONS).map(|partition| rows_of(partition).count());
    let info: Vec<_> = rows.map(|rows| format!(r#"{{"rowCount":{rows}}}"#)).collect();
    format!(
        r#"{{"resultSetMetaData":{{"numRows":{ROWS},"format":"jsonv2","partitionInfo":[{}],"rowType":[{{"name":"N","type":"fixed","scale":0,"precision":9}},{{"name":"S","type":"text"}}]}},"data":[{}],"code":"090001","statementHandle":"{handle}-0"}}"#,
        info.join(","),
        data(0)
    )
}

/// A later partition, compressed as on the service; made once.
fn partition(shared: &Shared, number: u64) -> Arc<[u8]> {
    let mut made = shared.partitions.lock().expect("nobody panicked");
    let make = || gzip(format!(r#"{{"data":[{}]}}"#, data(number)).as_bytes()).into();
    Arc::clone(made.entry(number).or_insert_with(make))
}
