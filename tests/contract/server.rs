//! A server that follows the SQL API's wire, inside the test: it knows a few statements by heart, fails as it is told
//! to, and remembers every request.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

use crate::gzip::gzip;

/// What a statement does.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// How many polls find it running.
    pub(crate) polls: u32,
    /// How it ends.
    pub(crate) end: End,
    /// Whether a POST is answered with the result at once, without 202.
    pub(crate) is_synchronous: bool,
}

/// How a statement ends.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// With columns (name, type) and the rows of each partition.
    Rows(Vec<(String, String)>, Vec<Vec<Vec<Value>>>),
    /// With an answer that is made by hand.
    Answer(u16, Value),
}

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// This status, headers and body; nothing is done.
    Status(u16, Vec<(&'static str, String)>, String),
    /// What is asked for is done, then the connection ends without an answer.
    Drop,
    /// The connection ends before anything is done.
    Reset,
    /// The body's compression ends too early.
    BadGzip,
    /// The body is half of its JSON.
    BadJson,
    /// The connection ends in the middle of the body.
    CutBody,
    /// An answer that is no HTTP.
    NoHttp,
    /// Nothing: this one goes well, and the next fault is for one behind it.
    Pass,
}

impl Fault {
    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, Vec::new(), String::new())
    }

    pub(crate) fn complaint(status: u16, code: &str) -> Self {
        let body = json!({ "code": code, "message": format!("injected {code}.") });
        Self::Status(status, Vec::new(), body.to_string())
    }
}

/// Which requests a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum On {
    Post,
    Get,
    Partition,
    Cancel,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) on: On,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own == name)?;
        Some(&found.1)
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

#[derive(Debug, Default)]
struct State {
    scripts: BTreeMap<String, Script>,
    faults: BTreeMap<On, VecDeque<Fault>>,
    tokens_refused: u32,
    running: BTreeMap<String, Running>,
    by_request: BTreeMap<String, String>,
    seen: Vec<Seen>,
    executions: BTreeMap<String, u32>,
    in_context: BTreeMap<String, (String, String)>,
    holds: Vec<(String, String)>,
    refused_once: Vec<String>,
}

#[derive(Debug, Clone)]
struct Running {
    script: Script,
    polls_left: u32,
    is_cancelled: bool,
}

/// The server. It ends with the test's process.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// A request was seen.
    asked: Arc<Condvar>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
            asked: Arc::default(),
        };
        let shared = server.clone();
        std::thread::Builder::new()
            .name("scripted-sql-api".to_owned())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    let server = shared.clone();
                    std::thread::Builder::new()
                        .spawn(move || server.serve(stream))
                        .unwrap();
                }
            })
            .unwrap();
        server
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Teaches a statement that ends with rows, a partition each.
    pub(crate) fn teach(
        &self,
        statement: &str,
        columns: &[(&str, &str)],
        partitions: Vec<Vec<Vec<Value>>>,
    ) -> &Self {
        let columns = columns
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()))
            .collect();
        let script = Script {
            polls: 1,
            end: End::Rows(columns, partitions),
            is_synchronous: false,
        };
        self.script(statement, script)
    }

    /// Teaches a statement that fails.
    pub(crate) fn teach_error(&self, statement: &str, status: u16, body: Value) -> &Self {
        let script = Script {
            polls: 1,
            end: End::Answer(status, body),
            is_synchronous: false,
        };
        self.script(statement, script)
    }

    /// Teaches a statement.
    pub(crate) fn script(&self, statement: &str, script: Script) -> &Self {
        self.state().scripts.insert(statement.to_owned(), script);
        self
    }

    /// The statement is known only with this database and schema in the body.
    pub(crate) fn only_within(&self, statement: &str, database: &str, schema: &str) -> &Self {
        let context = (database.to_owned(), schema.to_owned());
        self.state().in_context.insert(statement.to_owned(), context);
        self
    }

    /// The next request of this kind fails so; called twice, the one after it too.
    pub(crate) fn fault(&self, on: On, fault: Fault) -> &Self {
        self.state().faults.entry(on).or_default().push_back(fault);
        self
    }

    /// The end of each answer to a target that ends with `answer` is held back until one that ends with `until` was
    /// asked for. If nobody does, it never comes.
    pub(crate) fn hold(&self, answer: &str, until: &str) -> &Self {
        self.state().holds.push((answer.to_owned(), until.to_owned()));
        self
    }

    /// The login of the next request to a target that ends so is refused as expired.
    pub(crate) fn refuse_once(&self, target: &str) -> &Self {
        self.state().refused_once.push(target.to_owned());
        self
    }

    /// The next logins are refused as expired.
    pub(crate) fn refuse_tokens(&self, count: u32) -> &Self {
        self.state().tokens_refused = count;
        self
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// How often a statement was really run.
    pub(crate) fn executions(&self, statement: &str) -> u32 {
        self.state().executions.get(statement).copied().unwrap_or(0)
    }

    /// Whatever runs has ended by the next poll.
    pub(crate) fn let_end(&self) {
        for running in self.state().running.values_mut() {
            running.polls_left = 0;
        }
    }

    /// Handles of the statements that run and that nobody cancelled.
    pub(crate) fn left_running(&self) -> Vec<String> {
        let runs = |running: &Running| {
            running.polls_left > 0 && !running.is_cancelled && !running.script.is_synchronous
        };
        self.state()
            .running
            .iter()
            .filter(|(_, running)| runs(running))
            .map(|(handle, _)| handle.clone())
            .collect()
    }

    fn serve(&self, mut stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut bytes = Vec::new();
        while let Some(request) = read_request(&mut stream, &mut bytes) {
            let target = request.target.clone();
            let reply = self.answer(request);
            let is_last = !matches!(reply, Reply::Whole(..));
            let written = match reply {
                Reply::Whole(wire) => {
                    let (now, later) = wire.split_at(wire.len() - END_BYTES.min(wire.len()));
                    let written = stream.write_all(now);
                    if !self.is_let_through(&target) {
                        return;
                    }
                    written.and_then(|()| stream.write_all(later))
                }
                Reply::Cut(wire) => stream.write_all(&wire[..wire.len() - 20]),
                Reply::Nothing => Ok(()),
            };
            if is_last || written.is_err() {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    /// Waits until what holds the answer to `target` back has come, if anything does. False: it does not come.
    fn is_let_through(&self, target: &str) -> bool {
        let is_held = |state: &mut State| {
            let mut holds = state.holds.iter().filter(|(answer, _)| target.ends_with(answer));
            holds.any(|(_, until)| !state.seen.iter().any(|seen| seen.target.ends_with(until)))
        };
        let state = self.state();
        let waited = self.asked.wait_timeout_while(state, HOLD_MAX, is_held);
        !waited.unwrap().1.timed_out()
    }

    fn answer(&self, request: Seen) -> Reply {
        let mut state = self.state();
        state.seen.push(request.clone());
        self.asked.notify_all();
        let refused = |target: &String| request.target.ends_with(target);
        let once = state.refused_once.iter().position(refused);
        if let Some(place) = once {
            state.refused_once.remove(place);
        }
        if once.is_some() || state.tokens_refused > 0 {
            state.tokens_refused -= u32::from(once.is_none());
            let body = json!({ "code": "390144", "message": "JWT token is invalid. [x]" });
            return Reply::whole(401, &[], body.to_string().as_bytes());
        }
        let fault = state.faults.get_mut(&request.on).and_then(VecDeque::pop_front);
        match fault {
            Some(Fault::Status(status, headers, body)) => Reply::whole(status, &headers, body.as_bytes()),
            Some(Fault::Reset) => Reply::Nothing,
            Some(Fault::NoHttp) => Reply::Whole(b"this is no HTTP at all, nor will it be\r\n\r\n".to_vec()),
            Some(Fault::Drop) => {
                state.handle(&request);
                Reply::Nothing
            }
            Some(Fault::CutBody) => match state.handle(&request).into_wire(request.on, false) {
                Reply::Whole(wire) => Reply::Cut(wire),
                other => other,
            },
            Some(Fault::BadGzip) => state.handle(&request).into_wire(request.on, true),
            Some(Fault::BadJson) => {
                let Answer { status, link, body } = state.handle(&request);
                let half = &body.as_bytes()[..body.len() / 2];
                Reply::whole(status, &link_header(link), half)
            }
            Some(Fault::Pass) | None => state.handle(&request).into_wire(request.on, false),
        }
    }
}

/// An answer before it is written.
struct Answer {
    status: u16,
    link: Option<String>,
    body: String,
}

enum Reply {
    Whole(Vec<u8>),
    /// The connection ends 20 bytes before the end.
    Cut(Vec<u8>),
    Nothing,
}

impl Reply {
    fn whole(status: u16, headers: &[(&'static str, String)], body: &[u8]) -> Self {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        Self::Whole([head.as_bytes(), body].concat())
    }
}

fn link_header(link: Option<String>) -> Vec<(&'static str, String)> {
    link.into_iter().map(|link| ("Link", link)).collect()
}

impl Answer {
    fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            link: None,
            body: body.to_string(),
        }
    }

    /// Partitions after the first are always compressed, as on the service.
    fn into_wire(self, on: On, is_cut: bool) -> Reply {
        let mut headers = link_header(self.link);
        if on == On::Partition || is_cut {
            headers.push(("Content-Encoding", "gzip".to_owned()));
            let mut body = gzip(self.body.as_bytes());
            if is_cut {
                body.truncate(body.len() - 12);
            }
            Reply::whole(self.status, &headers, &body)
        } else {
            Reply::whole(self.status, &headers, self.body.as_bytes())
        }
    }
}

impl State {
    fn handle(&mut self, request: &Seen) -> Answer {
        let path = request.target.split('?').next().unwrap();
        let rest = path.strip_prefix("/api/v2/statements").unwrap_or("?");
        match (request.method.as_str(), rest.trim_start_matches('/')) {
            ("POST", "") => self.post(request),
            ("POST", rest) => match rest.strip_suffix("/cancel") {
                Some(handle) => self.cancel(handle),
                None => Answer::json(405, &Value::Null),
            },
            ("GET", handle) => self.get(handle, request),
            _ => Answer::json(405, &Value::Null),
        }
    }

    fn post(&mut self, request: &Seen) -> Answer {
        let statement = request.body["statement"].as_str().unwrap_or_default().to_owned();
        let id = request.query("requestId").unwrap_or_default().to_owned();
        let known = (request.query("retry") == Some("true"))
            .then(|| self.by_request.get(&id).cloned())
            .flatten();
        let handle = known.unwrap_or_else(|| {
            let script = self.script_of(&statement, request);
            let handle = format!("01c0ffee-0000-0000-0000-{:012}", self.running.len());
            let running = Running {
                polls_left: script.polls,
                script,
                is_cancelled: false,
            };
            *self.executions.entry(statement).or_default() += 1;
            self.running.insert(handle.clone(), running);
            self.by_request.insert(id, handle.clone());
            handle
        });
        if self.running[&handle].script.is_synchronous {
            return self.result(&handle, 0);
        }
        self.is_running(&handle)
    }

    fn script_of(&self, statement: &str, request: &Seen) -> Script {
        let sent = (request.body["database"].as_str(), request.body["schema"].as_str());
        let is_there = match self.in_context.get(statement) {
            Some((database, schema)) => sent == (Some(database), Some(schema)),
            None => true,
        };
        let unknown = || {
            let message =
                format!("SQL compilation error:\nObject in {statement} does not exist or not authorized.");
            Script {
                polls: 0,
                end: End::Answer(
                    422,
                    json!({ "code": "002003", "message": message, "sqlState": "42S02" }),
                ),
                is_synchronous: false,
            }
        };
        match self.scripts.get(statement) {
            Some(script) if is_there => script.clone(),
            _ => unknown(),
        }
    }

    fn is_running(&self, handle: &str) -> Answer {
        let body = json!({
            "code": "333334",
            "message": "Asynchronous execution in progress. Use provided query id to perform query monitoring and management.",
            "statementHandle": handle,
            "statementStatusUrl": format!("/api/v2/statements/{handle}"),
        });
        Answer::json(202, &body)
    }

    fn get(&mut self, handle: &str, request: &Seen) -> Answer {
        let Some(running) = self.running.get_mut(handle) else {
            let body = json!({ "code": "000709", "message": format!("Statement {handle} not found"), "sqlState": "02000" });
            return Answer::json(400, &body);
        };
        if running.is_cancelled {
            let body = json!({ "code": "000604", "message": "SQL execution canceled", "sqlState": "57014", "statementHandle": handle });
            return Answer::json(422, &body);
        }
        if running.polls_left > 0 {
            running.polls_left -= 1;
            return self.is_running(handle);
        }
        let partition = request
            .query("partition")
            .map_or(0, |number| number.parse().unwrap());
        self.result(handle, partition)
    }

    fn result(&self, handle: &str, partition: usize) -> Answer {
        match &self.running[handle].script.end {
            End::Answer(status, body) => Answer::json(*status, body),
            End::Rows(columns, partitions) => {
                let Some(rows) = partitions.get(partition) else {
                    return Answer::json(
                        400,
                        &json!({ "code": "391922", "message": "Invalid partition parameter." }),
                    );
                };
                if partition > 0 {
                    return Answer::json(200, &json!({ "data": rows }));
                }
                first_answer(handle, columns, partitions)
            }
        }
    }

    fn cancel(&mut self, handle: &str) -> Answer {
        match self.running.get_mut(handle) {
            Some(running) => {
                running.is_cancelled = true;
                let body = json!({ "code": "000604", "sqlState": "57014", "message": "SQL execution canceled", "statementHandle": handle });
                Answer::json(200, &body)
            }
            None => Answer::json(
                422,
                &json!({ "code": "000709", "message": "Statement not found" }),
            ),
        }
    }
}

fn first_answer(handle: &str, columns: &[(String, String)], partitions: &[Vec<Vec<Value>>]) -> Answer {
    let info: Vec<Value> = partitions
        .iter()
        .map(|rows| json!({ "rowCount": rows.len(), "uncompressedSize": 1 }))
        .collect();
    let types: Vec<Value> = columns
        .iter()
        .map(|(name, kind)| json!({ "name": name, "type": kind, "nullable": true, "precision": null, "scale": null, "length": null }))
        .collect();
    let total: usize = partitions.iter().map(Vec::len).sum();
    // Metadata, data, the rest: the service's order, which a map would lose.
    let body = format!(
        r#"{{"resultSetMetaData":{},"data":{},"code":"090001","statementHandle":"{handle}","message":"Statement executed successfully."}}"#,
        json!({ "numRows": total, "format": "jsonv2", "partitionInfo": info, "rowType": types }),
        json!(partitions.first()),
    );
    Answer {
        status: 200,
        link: Some(format!(
            "</api/v2/statements/{handle}?requestId=x&partition=0>; rel=\"first\""
        )),
        body,
    }
}

fn read_request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        read_more(stream, bytes)?;
        if bytes[0] == TLS_HANDSHAKE {
            // As a plain HTTP server does: an answer that is no TLS, and the end.
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    while bytes.len() < end + 4 + length {
        read_more(stream, bytes)?;
    }
    let body = serde_json::from_slice(&bytes[end + 4..end + 4 + length]).unwrap_or(Value::Null);
    bytes.drain(..end + 4 + length);
    let on = match () {
        () if target.contains("/cancel") => On::Cancel,
        () if target.contains("partition=") => On::Partition,
        () if method == "POST" => On::Post,
        () => On::Get,
    };
    Some(Seen {
        on,
        method,
        target,
        headers,
        body,
    })
}

fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 4096];
    match stream.read(&mut chunk) {
        Ok(0) | Err(_) => None,
        Ok(count) => {
            bytes.extend_from_slice(&chunk[..count]);
            Some(())
        }
    }
}

/// What of an answer is held back: part of its body, so that the head is there.
const END_BYTES: usize = 20;
/// So long that only a request that never comes is waited for in vain.
const HOLD_MAX: Duration = Duration::from_secs(15);
/// The first byte of a TLS ClientHello (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
