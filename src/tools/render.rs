//! The `result` object of a tool call: its fixed parts, its figures, and what a failure looks like.
//!
//! Rows and lists come from `table` and `listing` as bytes that are escaped already;
//! here they are put together once, into a buffer of the right size. There is no tree of JSON values on purpose:
//! a result is up to 8 MiB, and a worker should be done with it in milliseconds.

use std::sync::Arc;
use std::time::Duration;

use super::fence::Fence;
use super::names::display_name;
use super::shown::SHOWN_MAX;
use crate::backend::job::Rendered;
use crate::backend::{Error, Kind};
use crate::json;

/// What the protocol wants around a tool's answer. Tools know no revisions: they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Whether `structuredContent` is sent.
    pub is_structured: bool,
    /// Whether `content` may have links to resources.
    pub has_links: bool,
    /// Members before `content`, each followed by a comma.
    pub before: &'static str,
    /// Members after the last, each preceded by a comma.
    pub after: &'static str,
    /// Marks around what others wrote, in text.
    pub fence: Option<Fence>,
}

impl Form {
    /// A whole result with `members`: those of any method but a tool's, in parts.
    pub fn object(self, members: &[&[u8]]) -> Vec<u8> {
        let inside: usize = members.iter().map(|part| part.len()).sum();
        let mut object = Vec::with_capacity(inside + self.before.len() + self.after.len() + 2);
        object.push(b'{');
        object.extend_from_slice(self.before.as_bytes());
        members.iter().for_each(|part| object.extend_from_slice(part));
        object.extend_from_slice(self.after.as_bytes());
        object.push(b'}');
        object
    }
}

/// The part of a result that is the same for everybody who asks, to be sent by [`framed`]: the structured form without its
/// first brace, and the text. Both as in [`assemble`].
pub(super) fn shared(form: Form, text: &[&[u8]], structured: &[&[u8]]) -> Arc<[u8]> {
    let mut parts: Vec<&[u8]> = Vec::with_capacity(text.len() + structured.len() + 2);
    if form.is_structured {
        debug_assert!(
            structured.first().is_some_and(|part| part.starts_with(b"{")),
            "an object"
        );
        parts.extend(structured);
        if let Some(first) = parts.first_mut() {
            *first = first.get(1..).unwrap_or_default();
        }
        parts.push(b",");
    }
    parts.push(CONTENT_OPEN);
    parts.extend(text);
    parts.concat().into()
}

/// What stands before and behind what `shared` made, in a reply with this `form`. `age` is how long ago that was; `None`
/// if it was made for this reply.
pub fn framed(form: Form, age: Option<Duration>) -> (Vec<u8>, Vec<u8>) {
    let mut head = format!("{{{}", form.before);
    let seconds = age.unwrap_or_default().as_secs();
    if form.is_structured {
        head.push_str(&match age {
            None => "\"structuredContent\":{\"cached\":false,".to_owned(),
            Some(_) => format!("\"structuredContent\":{{\"cached\":true,\"age_seconds\":{seconds},"),
        });
    }
    let note = match age {
        None => String::new(),
        Some(_) => format!("\\n\\n(As of {seconds} s ago; fresh: true reads it anew.)"),
    };
    let tail = format!("{note}\"}}],\"isError\":false{}}}", form.after);
    (head.into_bytes(), tail.into_bytes())
}

const CONTENT_OPEN: &[u8] = b"\"content\":[{\"type\":\"text\",\"text\":\"";

/// Bytes of a result object beyond its variable parts, its figures and its truncation note.
pub(super) const OVERHEAD_BYTES: usize = 1_024;

/// A result object. `text` is the inside of a JSON string in parts, `structured` a JSON object in parts; parts may be
/// empty.
pub(super) fn assemble(form: Form, text: &[&[u8]], structured: &[&[u8]]) -> Vec<u8> {
    object(form, (text, None), structured, false)
}

/// The same with a link behind the text, where the protocol has them.
pub(super) fn assemble_with_link(
    form: Form,
    text: &[&[u8]],
    structured: &[&[u8]],
    link: Option<&[u8]>,
) -> Vec<u8> {
    object(form, (text, link), structured, false)
}

/// The result object of a failure. Failures have no structured content: their text is all there is.
pub(super) fn failure(form: Form, text: &str) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len() + 16);
    json::push_string_body(&mut escaped, text);
    object(form, (&[&escaped], None), &[], true)
}

fn object(
    form: Form,
    (text, link): (&[&[u8]], Option<&[u8]>),
    structured: &[&[u8]],
    is_error: bool,
) -> Vec<u8> {
    let variable: usize = text.iter().chain(structured).map(|part| part.len()).sum();
    let variable = variable + link.map_or(0, <[u8]>::len);
    let mut object = Vec::with_capacity(variable + form.before.len() + form.after.len() + 128);
    begin(&mut object, form);
    text.iter().for_each(|part| object.extend_from_slice(part));
    push_end(&mut object, form, (link, structured), is_error);
    object
}

/// Begins a result object: its text follows, as the inside of a JSON string, then its [`end`].
pub(super) fn begin(object: &mut Vec<u8>, form: Form) {
    object.push(b'{');
    object.extend_from_slice(form.before.as_bytes());
    object.extend_from_slice(CONTENT_OPEN);
}

/// Ends a result object behind its text, and gives back what a large one has too much.
pub(super) fn end(object: &mut Vec<u8>, form: Form, link: Option<&[u8]>, structured: &[&[u8]]) {
    push_end(object, form, (link, structured), false);
    if object.len() >= LARGE_BYTES_MIN {
        object.shrink_to_fit();
    }
}

/// What is smaller is copied into its reply, and freed at once.
const LARGE_BYTES_MIN: usize = 2 << 10;

fn push_end(object: &mut Vec<u8>, form: Form, (link, structured): (Option<&[u8]>, &[&[u8]]), is_error: bool) {
    object.extend_from_slice(b"\"}");
    if let Some(link) = link.filter(|_| form.has_links) {
        object.push(b',');
        object.extend_from_slice(link);
    }
    object.push(b']');
    if form.is_structured && !structured.is_empty() {
        object.extend_from_slice(b",\"structuredContent\":");
        structured.iter().for_each(|part| object.extend_from_slice(part));
    }
    object.extend_from_slice(if is_error {
        b",\"isError\":true"
    } else {
        b",\"isError\":false"
    });
    object.extend_from_slice(form.after.as_bytes());
    object.push(b'}');
}

/// What is said of a result besides its rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures<'a> {
    pub(super) returned: u64,
    pub(super) is_truncated: bool,
    /// Rows of the whole result, where known.
    pub(super) total: Option<u64>,
    pub(super) query_id: Option<&'a str>,
    pub(super) elapsed: Duration,
}

impl<'a> Figures<'a> {
    /// Of a statement that still runs.
    pub(super) fn of_running(query_id: &'a str, elapsed: Duration) -> Self {
        Self {
            returned: 0,
            is_truncated: false,
            total: None,
            query_id: Some(query_id),
            elapsed,
        }
    }

    /// The same of a page of which only so many rows are shown.
    pub(super) fn cut_to(self, returned: u64) -> Self {
        Self {
            returned,
            is_truncated: true,
            ..self
        }
    }

    /// Appends them as members of a JSON object, without a comma around them.
    pub(super) fn push_json(&self, into: &mut Vec<u8>) {
        self.push_counts(into);
        self.push_origin(into);
    }

    /// Appends how much there is. First, so that who reads no further knows it.
    pub(super) fn push_counts(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(b"\"returned\":");
        json::push_number(into, self.returned);
        into.extend_from_slice(if self.is_truncated {
            b",\"truncated\":true"
        } else {
            b",\"truncated\":false"
        });
        self.push_total(into);
    }

    /// Appends how many rows the whole result has, where that is known, with a comma before it.
    pub(super) fn push_total(&self, into: &mut Vec<u8>) {
        if let Some(total) = self.total {
            into.extend_from_slice(b",\"total\":");
            json::push_number(into, total);
        }
    }

    /// Appends the rest, with a comma before it.
    pub(super) fn push_origin(&self, into: &mut Vec<u8>) {
        if let Some(query_id) = self.query_id {
            into.extend_from_slice(b",\"query_id\":");
            json::push_string(into, query_id);
        }
        into.extend_from_slice(b",\"elapsed_ms\":");
        json::push_number(into, u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX));
    }
}

/// Appends the cursor of the next page, if there is one, with a comma before it.
pub(super) fn push_next_cursor(next: Option<&str>, into: &mut Vec<u8>) {
    if let Some(next) = next {
        into.extend_from_slice(b",\"next_cursor\":");
        json::push_string(into, next);
    }
}

/// What cut a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The number of rows asked for; up to `rows_max` may be.
    Rows { limit: u64, rows_max: u64 },
    /// The bytes that the call lets a result have; up to `bytes_max` may be.
    Bytes { limit: usize, bytes_max: usize },
    /// The number of rows that the operator allows, in a list that has no limit of the caller's.
    Listed { limit: u64 },
    /// Snowflake, which gives no more rows of a SHOW than these.
    Shown,
    /// The tokens that it lets the text have; up to `tokens_max` may be.
    Tokens { limit: u64, tokens_max: u64 },
}

impl Cut {
    /// The sentence that stands before everything else in the text of a result that was cut.
    ///
    /// `shown` are the rows before the first one and how many are shown.
    pub(super) fn sentence(self, (first, returned): (u64, u64), total: Option<u64>) -> String {
        let of_total = total.map_or(String::new(), |total| format!(" of {total}"));
        let (reason, advice) = match self {
            Self::Rows { limit, rows_max } if limit < rows_max => (
                format!("the limit is {limit}"),
                format!("Raise limit (at most {rows_max}), aggregate, or narrow the statement."),
            ),
            Self::Rows { limit, .. } => (
                format!("the limit is {limit}"),
                "Aggregate or narrow the statement.".to_owned(),
            ),
            Self::Listed { limit } => (format!("the limit is {limit}"), NARROWER.to_owned()),
            Self::Shown => (
                format!("SHOW gives {SHOWN_MAX} rows at most"),
                NARROWER.to_owned(),
            ),
            Self::Tokens { limit, tokens_max } => (
                format!("the text may have about {limit} tokens"),
                smaller(("max_tokens", limit), tokens_max),
            ),
            Self::Bytes { limit, bytes_max } => (
                format!("a result may have {limit} bytes"),
                smaller(("max_bytes", limit as u64), bytes_max as u64),
            ),
        };
        let rows = match first {
            0 => format!("the first {returned}"),
            _ => format!("rows {} to {}", first + 1, first + returned),
        };
        let noun = if first == 0 { " rows" } else { "" };
        let more = match self {
            Self::Shown => "there may be more",
            _ => "there are more",
        };
        format!("Truncated: {rows}{of_total}{noun} are shown, {more} ({reason}). {advice}")
    }
}

/// What to do about a list that does not end.
const NARROWER: &str = "Name a schema, or run a SHOW with LIKE or with LIMIT n FROM 'last name'.";

/// What to do about a bound in size; an argument that lowered it can be raised.
fn smaller((argument, limit): (&str, u64), maximum: u64) -> String {
    if limit < maximum {
        format!("Raise {argument} (at most {maximum}), select fewer columns or rows, or aggregate.")
    } else {
        "Select fewer columns or rows, or aggregate.".to_owned()
    }
}

/// The text of a failure: what went wrong, where to find it again, what to do.
pub(super) fn error_text(error: &Error) -> String {
    let mut text = format!("Error: {}", error.message);
    let mut references = Vec::new();
    if let Some(code) = &error.code {
        references.push(format!("Snowflake code {code}"));
    }
    if let Some(query_id) = &error.query_id {
        references.push(format!("query id {query_id}"));
    }
    if !references.is_empty() {
        text.push_str(&format!(" ({})", references.join(", ")));
    }
    if !error.near.is_empty() {
        let near: Vec<String> = error.near.iter().map(|name| display_name(name)).collect();
        text.push_str(&format!("\nDid you mean {}?", near.join(" or ")));
    }
    if let Some(after) = error.retry_after {
        // Rounded up: who comes earlier comes in vain.
        let seconds = after.as_millis().div_ceil(1_000).max(1);
        text.push_str(&format!("\nTry again in {seconds} s."));
    }
    // The guard's own sentence says what to write instead.
    if error.kind != Kind::Refused {
        text.push('\n');
        text.push_str(error.advice());
    }
    text
}

/// The reply of a job whose answer can't be shown: not enough results, or one that can't be cut to fit.
pub(super) fn unrenderable(form: Form, error: &Error) -> Rendered {
    Rendered {
        result: failure(form, &error_text(error)),
        rows: 0,
        truncated: false,
        query_id: None,
        kept: None,
    }
}

/// The reply to a backend that broke its promise of a result per statement.
pub(super) fn missing_result(form: Form) -> Rendered {
    let message = "the engine gave no result for a statement";
    unrenderable(form, &Error::new(Kind::Internal, message))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::tools) const PLAIN: Form = Form {
        is_structured: true,
        has_links: true,
        before: "",
        after: "",
        fence: None,
    };

    #[test]
    fn a_result_has_what_the_protocol_wants_around_it() {
        let form = Form {
            is_structured: true,
            has_links: true,
            before: "\"a\":1,",
            after: ",\"z\":2",
            fence: None,
        };
        assert_eq!(
            String::from_utf8(assemble(form, &[b"x", b"\\n"], &[b"{", b"}"])).unwrap(),
            r#"{"a":1,"content":[{"type":"text","text":"x\n"}],"structuredContent":{},"isError":false,"z":2}"#
        );
        let text_only = Form {
            is_structured: false,
            ..PLAIN
        };
        assert_eq!(
            String::from_utf8(assemble(text_only, &[b"x"], &[b"{}"])).unwrap(),
            r#"{"content":[{"type":"text","text":"x"}],"isError":false}"#
        );
    }

    #[test]
    fn a_shared_result_is_framed_by_what_is_each_replys_own() {
        let whole = |form: Form, age: Option<u64>| {
            let body = shared(form, &[b"two\\n", b"lines"], &[b"{\"returned\":2", b"}"]);
            let (head, tail) = framed(form, age.map(Duration::from_secs));
            String::from_utf8([&head, &*body, &tail].concat()).unwrap()
        };
        assert_eq!(
            whole(PLAIN, None),
            r#"{"structuredContent":{"cached":false,"returned":2},"content":[{"type":"text","text":"two\nlines"}],"isError":false}"#
        );
        assert_eq!(
            whole(PLAIN, Some(7)),
            r#"{"structuredContent":{"cached":true,"age_seconds":7,"returned":2},"content":[{"type":"text","text":"two\nlines\n\n(As of 7 s ago; fresh: true reads it anew.)"}],"isError":false}"#
        );
        let modern = Form {
            is_structured: false,
            has_links: true,
            before: "\"a\":1,",
            after: ",\"z\":2",
            fence: None,
        };
        assert_eq!(
            whole(modern, None),
            r#"{"a":1,"content":[{"type":"text","text":"two\nlines"}],"isError":false,"z":2}"#
        );
    }

    #[test]
    fn a_failure_is_text_that_says_what_to_do() {
        let mut error = Error::new(Kind::NotFound, "object T does not exist").with_query_id("q-1");
        error.code = Some("002003".to_owned());
        let failed = String::from_utf8(failure(PLAIN, &error_text(&error))).unwrap();
        assert!(failed.starts_with(
            r#"{"content":[{"type":"text","text":"Error: object T does not exist (Snowflake code 002003, query id q-1)\nFind the name"#
        ));
        assert!(failed.ends_with(r#""isError":true}"#) && !failed.contains("structuredContent"));
    }

    #[test]
    fn a_time_to_come_back_is_told_in_whole_seconds_and_never_too_early() {
        for (millis, told) in [(0, "in 1 s."), (4_001, "in 5 s."), (5_000, "in 5 s.")] {
            let mut error = Error::new(Kind::Unavailable, "no connection");
            error.retry_after = Some(Duration::from_millis(millis));
            assert!(error_text(&error).contains(told), "{millis}");
        }
    }

    #[test]
    fn the_log_detail_never_reaches_the_caller() {
        let error = Error::new(Kind::Internal, "reference 17").with_detail("panicked at src/x.rs");
        assert!(!error_text(&error).contains("panicked"));
    }

    #[test]
    fn a_cut_says_by_what_and_what_to_do() {
        let rows = Cut::Rows {
            limit: 10,
            rows_max: 50,
        };
        assert_eq!(
            rows.sentence((0, 10), Some(99)),
            "Truncated: the first 10 of 99 rows are shown, there are more (the limit is 10). Raise limit (at most 50), aggregate, or narrow the statement."
        );
        let at_most = Cut::Rows {
            limit: 50,
            rows_max: 50,
        };
        assert!(!at_most.sentence((0, 50), None).contains("Raise"));
        let listed = Cut::Listed { limit: 50 }.sentence((0, 50), None);
        assert!(listed.contains("(the limit is 50). Name a schema"), "{listed}");
        assert!(
            Cut::Bytes {
                limit: 9,
                bytes_max: 9
            }
            .sentence((0, 3), None)
            .contains("may have 9 bytes")
        );
        assert!(
            Cut::Tokens {
                limit: 9,
                tokens_max: 9
            }
            .sentence((20, 3), Some(99))
            .starts_with("Truncated: rows 21 to 23 of 99 are shown")
        );
        let lowered = Cut::Tokens {
            limit: 9,
            tokens_max: 10,
        };
        assert!(
            lowered
                .sentence((0, 3), None)
                .contains("Raise max_tokens (at most 10), select")
        );
    }
}
