//! The statements that ran through this process, for `list_queries`: what each caller ran lately, and what became of it.
//!
//! It is told what happens and keeps the beginning of it: bounded for each caller, so that a busy one does not displace the
//! others' statements, and in all. Nothing of it is asked of the database, and nothing of it outlives the process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::listing::Listing;
use super::render::{Form, OVERHEAD_BYTES, assemble};
use super::schema::{Kind, Property};
use super::{Arguments, Begun, Call, Refusal, Settings, Tool};
use crate::limits::{Limits, QUERY_TEXT_BYTES_MAX};
use crate::time::Instant;

pub(super) fn list_queries(settings: &Settings) -> Tool {
    let most = settings.rows_max.clamp(1, LIMIT_MAX);
    Tool {
        name: "list_queries",
        title: "List queries",
        description: "List the statements that you ran through this server, newest first: query id, tool, status, time, rows and the beginning of the text. Use it to find a query id again. This process alone knows them: those of another replica, from before a restart or of longer ago are not listed; a cursor leads to their rows all the same. One whose call stopped waiting is listed as running until get_query_result or cancel_query has told its end. Callers without a key of their own count as one.",
        properties: vec![Property {
            name: "limit",
            kind: Kind::Count {
                maximum: most,
                default: DEFAULT_LIMIT.min(most),
            },
            is_required: false,
            description: "Statements to list at most.",
        }],
        output_schema: concat!(
            r#"{"type":"object","properties":{"queries":{"type":"array","items":{"type":"object","properties":{"query_id":{"type":"string","description":"absent where it is not known (yet)"},"connection":{"type":"string","description":"where there are several"},"tool":{"type":"string"},"#,
            r#""status":{"type":"string","enum":["running","succeeded","failed","cancelled"]},"elapsed_ms":{"type":"integer","description":"until its end, or until now"},"#,
            r#""rows":{"type":"integer","description":"rows that were returned"},"statement":{"type":"string","description":"the beginning of its text"}},"required":["tool","status","elapsed_ms","statement"]}},"#,
            r#""returned":{"type":"integer"},"truncated":{"type":"boolean","description":"whether more are known"}},"required":["queries","returned","truncated"]}"#
        ),
        begin,
    }
}

fn begin(settings: &Arc<Settings>, arguments: &Arguments<'_>, call: &Call<'_>) -> Result<Begun, Refusal> {
    Ok(Begun::Listed(Asking {
        form: call.form,
        principal: call.principal.into(),
        now: call.now.monotonic,
        limit: arguments.count("limit"),
        bytes_max: settings.result_bytes_max,
    }))
}

/// What a call of `list_queries` wants to know.
#[derive(Debug)]
pub struct Asking {
    form: Form,
    principal: Box<[u8]>,
    now: Instant,
    limit: u64,
    bytes_max: usize,
}

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It gave so many rows.
    Succeeded(u64),
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// A statement that begins to run.
#[derive(Debug)]
pub struct Start<'a> {
    /// Who ran it, as in [`Call::principal`].
    pub principal: &'a [u8],
    /// With which tool.
    pub tool: &'static str,
    /// Its [`beginning`].
    pub text: String,
    /// When the call was admitted.
    pub at: Instant,
    /// The connection that it goes through, where there are several.
    pub connection: Option<&'a Arc<str>>,
    /// By which name it is found, where that is known before it runs.
    pub query_id: Option<String>,
}

/// A statement in the history.
#[derive(Debug)]
struct Entry {
    number: u64,
    tool: &'static str,
    text: Box<str>,
    query_id: Option<Box<str>>,
    connection: Option<Arc<str>>,
    at: Instant,
    end: Option<(End, Duration)>,
}

impl Entry {
    /// It has ended, unless that is known already.
    fn end_once(&mut self, end: End, at: Instant) {
        if self.end.is_none() {
            self.end = Some((end, at.since(self.at)));
        }
    }

    /// What it is counted with: its query id may come later.
    fn bytes(&self) -> usize {
        ENTRY_BYTES + self.text.len()
    }
}

/// What an entry takes beside its text: its fields, a query id, its part of its caller's queue and name.
const ENTRY_BYTES: usize = 384;

/// Statements that are listed when the caller does not say how many.
const DEFAULT_LIMIT: u64 = 20;

/// More are never known of one caller.
const LIMIT_MAX: u64 = 1_000;

/// A longer query id is none that an engine gave.
const QUERY_ID_BYTES_MAX: usize = 64;

/// The statements that ran through this process.
#[derive(Debug)]
pub struct History {
    by_caller: BTreeMap<Box<[u8]>, VecDeque<Entry>>,
    noted: u64,
    count: usize,
    bytes: usize,
    each_max: usize,
    count_max: usize,
    bytes_max: usize,
}

impl History {
    /// An empty one under these bounds.
    pub fn new(limits: &Limits) -> Self {
        Self {
            by_caller: BTreeMap::new(),
            noted: 0,
            count: 0,
            bytes: 0,
            each_max: limits.queries_per_principal_max,
            count_max: limits.queries_max,
            bytes_max: limits.queries_bytes_max,
        }
    }

    /// Notes that a statement begins to run; gives the number by which the rest is told.
    pub fn note(&mut self, start: Start<'_>) -> u64 {
        self.noted += 1;
        let entry = Entry {
            number: self.noted,
            tool: start.tool,
            text: start.text.into(),
            query_id: start.query_id.map(String::into_boxed_str),
            connection: start.connection.map(Arc::clone),
            at: start.at,
            end: None,
        };
        self.count += 1;
        self.bytes += entry.bytes();
        let known = self.by_caller.get(start.principal).map(VecDeque::len);
        if known.is_some_and(|known| known >= self.each_max) {
            self.forget_first(start.principal);
        }
        // Most callers are known: their name is not copied.
        match self.by_caller.get_mut(start.principal) {
            Some(own) => own.push_back(entry),
            None => {
                let own = VecDeque::from([entry]);
                self.by_caller.insert(start.principal.into(), own);
            }
        }
        while self.count > self.count_max || self.bytes > self.bytes_max {
            let callers = self.by_caller.iter();
            let firsts = callers.filter_map(|(caller, own)| Some((own.front()?.number, caller)));
            let Some(oldest) = firsts.min().map(|(_, caller)| caller.clone()) else {
                break;
            };
            self.forget_first(&oldest);
        }
        self.noted
    }

    fn forget_first(&mut self, principal: &[u8]) {
        let Some(own) = self.by_caller.get_mut(principal) else {
            return;
        };
        if let Some(entry) = own.pop_front() {
            self.count -= 1;
            self.bytes -= entry.bytes();
        }
        if own.is_empty() {
            self.by_caller.remove(principal);
        }
    }

    fn find(&mut self, principal: &[u8], is_it: impl Fn(&Entry) -> bool) -> Option<&mut Entry> {
        let own = self.by_caller.get_mut(principal)?;
        own.iter_mut().rev().find(|entry| is_it(entry))
    }

    /// Whether it remembers that this caller ran the statement of this name.
    pub fn holds(&self, principal: &[u8], query_id: &str) -> bool {
        let own = self.by_caller.get(principal);
        own.is_some_and(|own| {
            own.iter()
                .any(|entry| entry.query_id.as_deref() == Some(query_id))
        })
    }

    /// The names of a caller's statements through such connections, newest first.
    pub fn query_ids(
        &self,
        principal: &[u8],
        is_meant: impl Fn(Option<&str>) -> bool,
    ) -> impl Iterator<Item = &str> {
        let own = self.by_caller.get(principal).into_iter().flatten().rev();
        own.filter(move |entry| is_meant(entry.connection.as_deref()))
            .filter_map(|entry| entry.query_id.as_deref())
    }

    /// The statement has got its name.
    pub fn name(&mut self, principal: &[u8], number: u64, query_id: &str) {
        if query_id.len() <= QUERY_ID_BYTES_MAX
            && let Some(entry) = self.find(principal, |entry| entry.number == number)
            && entry.query_id.as_deref() != Some(query_id)
        {
            entry.query_id = Some(query_id.into());
        }
    }

    /// The statement has not run, and will not.
    pub fn forget(&mut self, principal: &[u8], number: u64) {
        let Some(own) = self.by_caller.get_mut(principal) else {
            return;
        };
        let place = own.iter().position(|entry| entry.number == number);
        if let Some(entry) = place.and_then(|place| own.remove(place)) {
            self.count -= 1;
            self.bytes -= entry.bytes();
        }
        if own.is_empty() {
            self.by_caller.remove(principal);
        }
    }

    /// The statement has ended. What was told first holds.
    pub fn end(&mut self, principal: &[u8], number: u64, (end, at): (End, Instant)) {
        if let Some(entry) = self.find(principal, |entry| entry.number == number) {
            entry.end_once(end, at);
        }
    }

    /// Another call has learnt how the statement of this name has ended.
    pub fn learn(&mut self, principal: &[u8], query_id: &str, (end, at): (End, Instant)) {
        if let Some(entry) = self.find(principal, |entry| entry.query_id.as_deref() == Some(query_id)) {
            entry.end_once(end, at);
        }
    }

    /// The result of a call of `list_queries`.
    pub fn tell(&self, asking: &Asking) -> Vec<u8> {
        let own = self.by_caller.get(&asking.principal);
        let known = own.map_or(0, VecDeque::len);
        let room = asking.bytes_max.saturating_sub(OVERHEAD_BYTES);
        let mut list = Listing::new(asking.form.is_structured, room);
        let limit = usize::try_from(asking.limit).unwrap_or(usize::MAX);
        for entry in own.into_iter().flat_map(|own| own.iter().rev()).take(limit) {
            push(&mut list, entry, asking.now);
        }
        let is_truncated = usize::try_from(list.count).is_ok_and(|count| count < known);
        let mut text = match (list.count, is_truncated) {
            (0, false) => "This server knows of no statement of yours.".to_owned(),
            (count, false) => format!("{count} statements, newest first:"),
            (count, true) => format!("The newest {count} of {known} statements:"),
        }
        .into_bytes();
        text.extend_from_slice(&list.text);
        let figures = format!("],\"returned\":{},\"truncated\":{is_truncated}}}", list.count);
        assemble(
            asking.form,
            &[&text],
            &[b"{\"queries\":[", &list.json, figures.as_bytes()],
        )
    }
}

fn push(list: &mut Listing, entry: &Entry, now: Instant) {
    let (status, rows, elapsed) = match entry.end {
        None => ("running", None, now.since(entry.at)),
        Some((End::Succeeded(rows), elapsed)) => ("succeeded", Some(rows), elapsed),
        Some((End::Failed, elapsed)) => ("failed", None, elapsed),
        Some((End::Cancelled, elapsed)) => ("cancelled", None, elapsed),
    };
    let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let query_id = entry.query_id.as_deref();
    let rows_told = rows.map_or_else(String::new, |rows| format!(", {rows} rows"));
    let connection = entry.connection.as_deref();
    let through = connection.map_or_else(String::new, |name| format!(" ({name})"));
    let line = format!(
        "- {}{through} {status}, {}, {elapsed} ms{rows_told}: {}",
        query_id.unwrap_or("(no query id yet)"),
        entry.tool,
        entry.text
    );
    list.push(&line, |fields| {
        fields.text_if_any("query_id", query_id);
        fields.text_if_any("connection", entry.connection.as_deref());
        fields.text("tool", entry.tool);
        fields.text("status", status);
        fields.raw("elapsed_ms", &elapsed.to_string());
        if let Some(rows) = rows {
            fields.raw("rows", &rows.to_string());
        }
        fields.text("statement", &entry.text);
    });
}

/// The beginning of a statement, in one line.
pub fn beginning(text: &str) -> String {
    let mut line = String::with_capacity(QUERY_TEXT_BYTES_MAX.min(text.len()));
    for word in text.split_whitespace() {
        let gap = usize::from(!line.is_empty());
        let room = QUERY_TEXT_BYTES_MAX - ELLIPSIS.len() - line.len();
        if word.len() + gap > room {
            let mut end = room.saturating_sub(gap);
            while !word.is_char_boundary(end) {
                end -= 1;
            }
            if gap == 1 && end > 0 {
                line.push(' ');
            }
            line.push_str(&word[..end]);
            line.push_str(ELLIPSIS);
            break;
        }
        if gap == 1 {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

const ELLIPSIS: &str = "...";

#[cfg(test)]
mod tests;
