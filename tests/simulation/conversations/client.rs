//! What a client reads on one connection: a response whole, or a stream as far as it has come.

use std::collections::BTreeSet;
use std::io::IoSlice;

use serde_json::Value;
use snowflake_mcp::ident::ConnectionId;
use snowflake_mcp::server::{Input, Server};
use snowflake_mcp::time::Now;

use crate::reply::find;

/// What is waited for on a connection.
#[derive(Debug, Clone)]
pub(super) enum Ends {
    /// A response at once.
    Now,
    /// The reply to a call with this tag, in this session.
    Call { tag: String, session: Option<usize> },
    /// The replies to calls with these tags, in one array.
    Batch { tags: Vec<String>, session: usize },
    /// The result of a task whose call has this tag.
    Task { tag: String, session: usize },
}

impl Ends {
    pub(super) fn session(&self) -> Option<usize> {
        match self {
            Self::Now => None,
            Self::Call { session, .. } => *session,
            Self::Batch { session, .. } | Self::Task { session, .. } => Some(*session),
        }
    }

    pub(super) fn tags(&self) -> Vec<String> {
        match self {
            Self::Now | Self::Task { .. } => Vec::new(),
            Self::Call { tag, .. } => vec![tag.clone()],
            Self::Batch { tags, .. } => tags.clone(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Wire {
    pub(super) ends: Ends,
    inbound: Vec<u8>,
    /// Events that were read before, and their ids.
    events: usize,
    ids: BTreeSet<String>,
    pub(super) last_id: Option<String>,
    /// Ids of what the server asks and nobody answered.
    pub(super) questions: Vec<Value>,
    pub(super) reply: Option<Value>,
    /// Nothing needs to come any more.
    pub(super) is_excused: bool,
}

impl Wire {
    pub(super) fn new(ends: Ends) -> Self {
        Self {
            ends,
            inbound: Vec::new(),
            events: 0,
            ids: BTreeSet::new(),
            last_id: None,
            questions: Vec::new(),
            reply: None,
            is_excused: false,
        }
    }

    /// The value of `Mcp-Session-Id`.
    pub(super) fn session(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.inbound);
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("Mcp-Session-Id: "));
        line.map(str::to_owned)
    }

    pub(super) fn is_stream(&self) -> bool {
        find(&self.inbound, b"text/event-stream").is_some()
    }

    /// Takes what has come.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.inbound.extend_from_slice(bytes);
        let Some(head) = find(&self.inbound, b"\r\n\r\n") else {
            return Ok(());
        };
        let body = self.inbound[head + 4..].to_vec();
        if !self.is_stream() {
            if let Ok(value) = serde_json::from_slice(&body) {
                self.reply = Some(value);
            } else if matches!(self.ends, Ends::Now) {
                self.reply = Some(Value::Null);
            }
            return Ok(());
        }
        let text = whole_chunks(&body);
        let events: Vec<&str> = text.split("\n\n").collect();
        // The last part is not whole, or empty.
        let whole = &events[..events.len() - 1];
        for event in whole.iter().skip(self.events) {
            self.take_event(event)?;
        }
        self.events = whole.len();
        Ok(())
    }

    fn take_event(&mut self, event: &str) -> Result<(), String> {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        if let Some(id) = field("id: ") {
            if !self.ids.insert(id.to_owned()) {
                return Err(format!("event {id} came twice"));
            }
            self.last_id = Some(id.to_owned());
        }
        let Some(data) = field("data: ").filter(|data| !data.is_empty()) else {
            return Ok(());
        };
        let message: Value = serde_json::from_str(data).map_err(|fault| format!("{fault} in {data}"))?;
        match (message["method"].is_string(), &message["id"]) {
            (true, Value::Null) => {}
            (true, id) => self.questions.push(id.clone()),
            (false, _) if self.reply.is_some() => return Err(format!("a second reply: {data}")),
            (false, _) => self.reply = Some(message),
        }
        Ok(())
    }
}

/// The text of the chunks that are whole.
fn whole_chunks(body: &[u8]) -> String {
    let (mut text, mut rest) = (Vec::new(), body);
    while let Some(line) = find(rest, b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).unwrap_or_default();
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        let Some(chunk) = rest.get(line + 2..line + 2 + size + 2) else {
            break;
        };
        text.extend_from_slice(&chunk[..size]);
        rest = &rest[line + 2 + size + 2..];
    }
    String::from_utf8(text).expect("events are text")
}

/// Takes everything that waits to be written to a connection, if there is something.
pub(super) fn receive(server: &mut Server, now: Now, connection: ConnectionId) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = server.pending(connection, &mut slices);
        let bytes: Vec<u8> = slices[..filled]
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect();
        if bytes.is_empty() {
            return Some(all).filter(|all| !all.is_empty());
        }
        let count = bytes.len();
        all.extend_from_slice(&bytes);
        server.handle(now, Input::Sent { connection, count });
    }
}
