//! A page of rows as a result: the text in the form that was asked for, the structured form, and what is said when there
//! is more.

use std::sync::Arc;

use super::cursor::Sealer;
use super::fence::Fence;
use super::format::{self, Format};
use super::render::{
    self, Cut, Figures, Form, OVERHEAD_BYTES, assemble_with_link, push_next_cursor, unrenderable,
};
use super::result::{contents, link};
use super::schema::{Arguments, Kind, Property};
use super::shown::SHOWN_MAX;
use super::table::{self, Layout, Rows};
use super::{Call, Settings, choice};
use crate::backend::job::{Patience, Rendered};
use crate::backend::rows::Position;
use crate::backend::{self, Answer, Column, ResultSet};
use crate::json;

/// Schema of `structuredContent` of every tool that gives rows.
pub(super) const ROWS_SCHEMA: &str = concat!(
    r#"{"type":"object","properties":{"returned":{"type":"integer","description":"rows returned"},"truncated":{"type":"boolean","description":"whether there are more rows than were returned"},"total":{"type":"integer","description":"rows of the whole result, where known"},"query_id":{"type":"string"},"elapsed_ms":{"type":"integer"},"#,
    r#""status":{"type":"string","description":"succeeded; running where the statement has not ended yet"},"next_cursor":{"type":"string","description":"pass it to get_query_result for the rows that follow"},"#,
    r#""columns":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"type":{"type":"string","description":"Snowflake type"},"nullable":{"type":"boolean"}},"required":["name","type","nullable"]}},"#,
    r#""rows":{"type":"array","description":"cells in column order; numbers of more than 15 digits are strings","items":{"type":"array","items":{}}}},"#,
    r#""required":["returned","truncated","elapsed_ms","columns","rows"]}"#
);

/// The arguments of a tool that gives rows, by default so many.
pub(super) fn page_properties(settings: &Settings, rows_default: u64) -> [Property; 4] {
    let rows_max = settings.rows_max;
    [
        limit_property(rows_default.min(rows_max), rows_max),
        format_property(),
        tokens_property(settings),
        bytes_property(settings),
    ]
}

/// How many rows to return.
fn limit_property(default: u64, maximum: u64) -> Property {
    Property {
        name: "limit",
        kind: Kind::Count { maximum, default },
        is_required: false,
        description: "Rows to return at most.",
    }
}

/// How to write them.
fn format_property() -> Property {
    Property {
        name: "format",
        kind: Kind::Choice(Format::NAMES),
        is_required: false,
        description: "Form of the rows in the text: markdown (a table, long cells cut), json (columns and rows), csv, jsonl (an object a line).",
    }
}

/// How much of the reader's attention they may take.
fn tokens_property(settings: &Settings) -> Property {
    Property {
        name: "max_tokens",
        kind: Kind::Count {
            maximum: settings.result_tokens_max,
            default: settings.result_tokens_max,
        },
        is_required: false,
        description: "Cut the text of the rows at about so many tokens (estimated).",
    }
}

/// How large the whole answer may be.
fn bytes_property(settings: &Settings) -> Property {
    let maximum = settings.result_bytes_max as u64;
    Property {
        name: MAX_BYTES,
        kind: Kind::Count {
            maximum,
            default: maximum,
        },
        is_required: false,
        description: "Cut the result at so many bytes.",
    }
}

const MAX_BYTES: &str = "max_bytes";

/// How long a call for rows waits, and what it is told when they are not there by then: also which connection to name,
/// where there are several.
///
/// A caller that is known by its credential also gets a cursor, because other replicas do not know the id as its own.
pub(super) fn patience(settings: &Settings, call: &Call<'_>, connection: Option<Arc<str>>) -> Patience {
    let (form, sealer) = (call.form, Sealer::of(call, connection.clone()));
    Patience::new(settings.call_wait, move |query_id, elapsed| {
        let through = connection.as_deref();
        let through = through.map_or_else(String::new, |name| format!(" and connection {name}"));
        let mut text = format!(
            "The statement still runs after {} s and goes on. Query id: {query_id}\nCall get_query_result with this query_id{through} for its rows, or cancel_query to stop it.",
            elapsed.as_secs()
        );
        let cursor = sealer
            .is_bound()
            .then(|| sealer.seal(query_id, Position::default()));
        if let Some(cursor) = &cursor {
            text.push_str("\nWhere the query_id is not known, pass this cursor in its place: ");
            text.push_str(cursor);
        }
        let mut escaped = Vec::new();
        json::push_string_body(&mut escaped, &text);
        let figures = Figures::of_running(query_id, elapsed);
        let mut members = b"{".to_vec();
        figures.push_counts(&mut members);
        push_next_cursor(cursor.as_deref(), &mut members);
        figures.push_origin(&mut members);
        members.extend_from_slice(b",\"status\":\"running\",\"columns\":[],\"rows\":[]}");
        let link = link(&sealer, connection.as_deref(), query_id);
        assemble_with_link(form, &[&escaped], &[&members], link.as_deref())
    })
}

/// What is said of a page with all rows that are kept of `result`, which has `total` in all.
fn figures_of<'a>(result: &'a ResultSet, total: Option<u64>, answer: &Answer) -> Figures<'a> {
    Figures {
        returned: result.returned(),
        is_truncated: result.is_truncated(),
        total,
        query_id: result.query_id.as_deref(),
        elapsed: answer.elapsed,
    }
}

/// The members of the structured form up to the columns.
fn members(figures: Figures<'_>, next: Option<&str>) -> Vec<u8> {
    let mut members = b"{".to_vec();
    figures.push_counts(&mut members);
    push_next_cursor(next, &mut members);
    figures.push_origin(&mut members);
    members.extend_from_slice(b",\"status\":\"succeeded\",\"columns\":[");
    members
}

fn push_opening(into: &mut Vec<u8>, (before, after): (&[u8], &[u8]), returned: u64) {
    into.extend_from_slice(before);
    into.extend_from_slice(b"Showing ");
    json::push_number(into, returned);
    into.extend_from_slice(b" rows");
    into.extend_from_slice(after);
}

fn rendered(object: Vec<u8>, figures: Figures<'_>, result: &ResultSet) -> Rendered {
    Rendered {
        result: object,
        rows: figures.returned,
        truncated: figures.is_truncated,
        query_id: result.query_id.clone(),
        kept: None,
    }
}

/// The operator's bound, lowered by the caller.
fn bytes_max(settings: &Settings, arguments: &Arguments<'_>) -> usize {
    let asked = usize::try_from(arguments.count(MAX_BYTES)).unwrap_or(usize::MAX);
    asked.min(settings.result_bytes_max)
}

/// Room for the arguments that nearly every call has.
const READING_BYTES: usize = 128;

/// What the rows of this call can be read with later, beside the query id: arguments of get_query_result, as the members
/// of an object.
pub(super) fn reading(arguments: &Arguments<'_>) -> String {
    // Every call makes one, also for a client that knows no tasks: in one piece.
    let mut members = Vec::with_capacity(READING_BYTES);
    for name in ["limit", "max_tokens", MAX_BYTES] {
        json::push_string(&mut members, name);
        members.push(b':');
        json::push_number(&mut members, arguments.count(name));
        members.push(b',');
    }
    for name in ["format", "connection", "role", "warehouse"] {
        if let Some(text) = arguments.is_known(name).then(|| arguments.text(name)).flatten() {
            json::push_string(&mut members, name);
            members.push(b':');
            json::push_string(&mut members, text);
            members.push(b',');
        }
    }
    members.pop();
    String::from_utf8(members).unwrap_or_default()
}

/// The text around the rows.
#[derive(Debug)]
pub(super) struct Heading {
    /// Before `Showing N rows`.
    pub(super) before: String,
    /// Between that and the rows.
    pub(super) after: String,
    /// Instead of all of it, when there are no rows.
    pub(super) empty: String,
    /// Rows of the whole result, if that means anything.
    pub(super) total: Option<u64>,
}

/// How a page of rows is bounded and shaped.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) limit: u64,
    rows_max: u64,
    bytes_max: usize,
    /// What the operator allows; `bytes_max` is that or less.
    result_bytes_max: usize,
    text_bytes_max: usize,
    /// What `text_bytes_max` was made of, and what the operator allows.
    tokens: (u64, u64),
    cell_text_max: usize,
    format: Format,
    pub(super) form: Form,
    /// Where a link leads to.
    connection: Option<Arc<str>>,
    /// Whether the rows are those of a SHOW, of which Snowflake gives only so many.
    is_show: bool,
    /// Makes the cursor of the next page; `None` where the statement's own bound ends the result.
    sealer: Option<Sealer>,
}

impl Page {
    /// The page that a call asks for by `limit`, and by `format` and `max_tokens` where its tool has them.
    pub(super) fn new(settings: &Settings, arguments: &Arguments<'_>, call: &Call<'_>) -> Self {
        let tokens = arguments.count("max_tokens");
        Self {
            limit: arguments.count("limit"),
            rows_max: settings.rows_max,
            bytes_max: bytes_max(settings, arguments),
            result_bytes_max: settings.result_bytes_max,
            text_bytes_max: format::bytes_of(tokens),
            tokens: (tokens, settings.result_tokens_max),
            cell_text_max: settings.cell_text_max,
            format: Format::parse(arguments.text("format").unwrap_or_default()),
            form: call.form,
            connection: choice::connection(settings, arguments),
            is_show: false,
            sealer: Some(Sealer::of(call, choice::connection(settings, arguments))),
        }
    }

    /// The same, of a result of this connection.
    pub(super) fn of_connection(mut self, call: &Call<'_>, connection: Option<Arc<str>>) -> Self {
        self.connection.clone_from(&connection);
        self.sealer = Some(Sealer::of(call, connection));
        self
    }

    /// The same, of rows that a SHOW gives, if they are that.
    pub(super) fn of_show(mut self, is_show: bool) -> Self {
        self.is_show = is_show;
        self
    }

    /// Whether Snowflake itself may have left out rows of the result.
    fn is_capped(&self, result: &ResultSet) -> bool {
        self.is_show && result.total == Some(SHOWN_MAX)
    }

    /// The same for a statement that is bounded by itself: nothing follows.
    pub(super) fn without_next(mut self) -> Self {
        self.sealer = None;
        self
    }

    /// The result of `result`'s rows.
    pub(super) fn render(&self, result: &ResultSet, answer: &Answer, heading: Heading) -> Rendered {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        json::push_string_body(&mut before, &heading.before);
        json::push_string_body(&mut after, heading.after.trim_end());
        let [open, close] = Fence::lines(self.form.fence);
        after.extend_from_slice(&open);
        after.extend_from_slice(b"\\n\\n");
        let (mut names, text_room) = self.names(&result.columns);
        after.append(&mut names);
        let columns = table::columns_json(&result.columns);
        let fixed = before.len() + after.len() + columns.len() + OVERHEAD_BYTES;
        let Some(room) = self.bytes_max.checked_sub(fixed) else {
            return self.too_wide(result.columns.len());
        };
        let layout = Layout {
            is_structured: self.form.is_structured,
            cell_text_max: self.cell_text_max,
            room,
            text_room: text_room.unwrap_or(0),
            format: self.format,
        };
        // As if all rows were shown, which nearly always they are: so their text is written where it stays.
        let whole = figures_of(result, heading.total, answer);
        let (mut figures, mut next) = self.figures(result, whole);
        let is_empty = figures.returned == 0 && !figures.is_truncated;
        let mut object = Vec::with_capacity(fixed + table::expected_bytes(result, layout));
        render::begin(&mut object, self.form);
        let opening_at = object.len();
        if is_empty {
            json::push_string_body(&mut object, &heading.empty);
        } else {
            object.append(&mut self.note(result, None, figures, next.as_deref()));
            push_opening(&mut object, (&before, &after), figures.returned);
        }
        let rows_at = object.len();
        let mut rows = table::encode_behind(object, result, layout);
        if rows.is_cut {
            (figures, next) = self.figures(result, whole.cut_to(rows.returned));
            let mut opening = self.note(result, Some(&rows), figures, next.as_deref());
            push_opening(&mut opening, (&before, &after), figures.returned);
            rows.text.splice(opening_at..rows_at, opening);
        }
        let mut object = rows.text;
        if !is_empty {
            let tail = text_room.map_or("", |_| self.format.tail());
            object.extend_from_slice(tail.as_bytes());
            object.extend_from_slice(&close);
        }
        let members = members(figures, next.as_deref());
        let structured: [&[u8]; 5] = [&members, &columns, b"],\"rows\":[", &rows.json, b"]}"];
        let link = next.and_then(|_| self.link(figures.query_id));
        render::end(&mut object, self.form, link.as_deref(), &structured);
        rendered(object, figures, result)
    }

    /// What is said of a page with these figures, and the cursor of the next one.
    fn figures<'a>(&self, result: &ResultSet, mut figures: Figures<'a>) -> (Figures<'a>, Option<String>) {
        let next = self.next(result, figures);
        figures.is_truncated |= self.is_capped(result);
        (figures, next)
    }

    /// Where the rest of the rows can be read.
    fn link(&self, query_id: Option<&str>) -> Option<Vec<u8>> {
        link(self.sealer.as_ref()?, self.connection.as_deref(), query_id?)
    }

    /// What stands before the rows in the text, and how many bytes are left for them; nothing, and `None`, where the names of
    /// the columns alone are too long.
    fn names(&self, columns: &[Column]) -> (Vec<u8>, Option<usize>) {
        let mut names = Vec::new();
        match self.format {
            Format::Markdown => names = table::header(columns, self.cell_text_max),
            other => json::push_string_body(&mut names, &other.head(columns)),
        }
        match self.text_bytes_max.checked_sub(names.len()) {
            None => (Vec::new(), None),
            room => (names, room),
        }
    }

    /// The rows as a document at `uri`: JSON, in which stands first whether there are more and how to get them.
    pub(super) fn document(&self, result: &ResultSet, answer: &Answer, uri: &str) -> Rendered {
        let columns = table::columns_json(&result.columns);
        let mut head = Vec::new();
        json::push_string_body(&mut head, &String::from_utf8_lossy(&columns));
        let fixed = head.len() + uri.len() + OVERHEAD_BYTES;
        let Some(room) = self.bytes_max.checked_sub(fixed) else {
            return self.too_wide(result.columns.len());
        };
        let layout = Layout {
            is_structured: false,
            cell_text_max: self.cell_text_max,
            room,
            text_room: self.text_bytes_max,
            format: Format::Json,
        };
        let rows = table::encode(result, layout);
        let mut figures = figures_of(result, result.total, answer);
        if rows.is_cut {
            figures = figures.cut_to(rows.returned);
        }
        let mut members = format!("{{\"truncated\":{}", figures.is_truncated).into_bytes();
        push_next_cursor(self.next(result, figures).as_deref(), &mut members);
        members.extend_from_slice(b",\"status\":\"succeeded\",\"returned\":");
        json::push_number(&mut members, figures.returned);
        figures.push_total(&mut members);
        figures.push_origin(&mut members);
        members.extend_from_slice(b",\"columns\":[");
        let mut before = Vec::new();
        json::push_string_body(&mut before, &String::from_utf8_lossy(&members));
        let between: &[u8] = br#"],\"rows\":["#;
        let text: [&[u8]; 5] = [&before, &head, between, &rows.text, b"]}"];
        rendered(contents(self.form, uri, &text), figures, result)
    }

    /// The cursor of the row after the last one that is shown. Without one row there would be none to go on from.
    fn next(&self, result: &ResultSet, figures: Figures<'_>) -> Option<String> {
        let sealer = self.sealer.as_ref()?;
        let query_id = figures
            .query_id
            .filter(|_| figures.is_truncated && figures.returned > 0)?;
        Some(sealer.seal(query_id, result.position_after(figures.returned)))
    }

    /// What stands before everything else when rows were left out, or are shown otherwise than they are. `cut` are those
    /// that a budget left.
    fn note(
        &self,
        result: &ResultSet,
        cut: Option<&Rows>,
        figures: Figures<'_>,
        next: Option<&str>,
    ) -> Vec<u8> {
        let mut note = Vec::new();
        if figures.is_truncated {
            let is_ours = cut.is_some() || result.is_truncated();
            let cut = if !is_ours {
                Cut::Shown
            } else if cut.is_none() && result.returned() >= self.limit {
                Cut::Rows {
                    limit: self.limit,
                    rows_max: self.rows_max,
                }
            } else if cut.is_some_and(|rows| rows.is_cut_by_tokens) {
                Cut::Tokens {
                    limit: self.tokens.0,
                    tokens_max: self.tokens.1,
                }
            } else {
                Cut::Bytes {
                    limit: self.bytes_max,
                    bytes_max: self.result_bytes_max,
                }
            };
            let first = result.rows_before().unwrap_or(0);
            json::push_string_body(&mut note, &cut.sentence((first, figures.returned), figures.total));
            if is_ours && self.is_capped(result) {
                let capped = format!(" SHOW gives {SHOWN_MAX} rows at most: there may be even more.");
                note.extend_from_slice(capped.as_bytes());
            }
            if let Some(next) = next {
                let next = format!("\nFor the next rows call get_query_result with cursor {next}");
                json::push_string_body(&mut note, &next);
            }
            note.extend_from_slice(b"\\n\\n");
        }
        if result.has_non_finite() {
            note.extend_from_slice(b"NaN and infinite numbers are shown as NULL.\\n\\n");
        }
        note
    }

    fn too_wide(&self, columns: usize) -> Rendered {
        let message = format!(
            "the names and types of {columns} columns alone do not fit into a result of {} bytes",
            self.bytes_max
        );
        let is_lowered = self.bytes_max < self.result_bytes_max;
        let error = backend::Error {
            own_advice: is_lowered.then_some("Raise max_bytes or leave it out, or select fewer columns."),
            ..backend::Error::new(backend::Kind::ResultTooLarge, message)
        };
        unrenderable(self.form, &error)
    }
}
