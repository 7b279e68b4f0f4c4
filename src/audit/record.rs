//! What a call leaves behind, as data and as the members of a line.

use std::borrow::Cow;
use std::sync::Arc;

use crate::json;
use crate::sql::mentioned::Resolved;
use crate::sql::summary::{Summaries, Summary};
use crate::time::WallTime;

/// What one call did, or was not let do. A line a statement is written of it; a call without a statement of its own (one
/// about an earlier statement) gives one line too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it was asked for.
    pub at: WallTime,
    /// On whose account: the key's name or fingerprint, or the connection.
    pub principal: Box<str>,
    /// The address that it came from; empty where none is known.
    pub address: Box<str>,
    /// What the client says it is; empty where it says nothing.
    pub client: Box<str>,
    /// The tool or method.
    pub tool: &'static str,
    /// The job, as the log calls it; `None` where none was made.
    pub job: Option<u64>,
    /// The statements, in order, until what may be kept of them was made.
    pub texts: Vec<Arc<str>>,
    /// What may be kept of them: there once the worker that was given them has made it.
    pub summaries: Arc<Summaries>,
    /// Their objects as the compiler resolved them, where a plan was asked for; they are there once it has come.
    pub resolved: Option<Arc<Resolved>>,
    /// What the guard said.
    pub verdict: Verdict,
    /// Query id of the last statement, where it was known.
    pub query_id: Option<String>,
    /// From the admission to the end.
    pub duration_ms: u64,
    /// How it ended.
    pub end: End,
}

/// What the guard said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may run.
    Allow,
    /// It may not, by this rule.
    Deny(Cow<'static, str>),
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It gave a result.
    Answered {
        /// Rows of it.
        rows: u64,
        /// Bytes of the reply.
        bytes: u64,
    },
    /// It failed; the word of [`Kind::name`](crate::backend::Kind::name).
    Failed(&'static str),
    /// It was taken back before anything was sent.
    NotSent,
    /// The program ended before the statement did: what became of it is not known here.
    Unknown,
}

impl Record {
    /// Gives the texts back where what is kept of them has been made. To be done before the record waits for its writer.
    pub fn forget_texts(&mut self) {
        if self.summaries.get().is_some() {
            self.texts = Vec::new();
        }
    }

    /// What may be kept of the statements. What no worker has made is made now: of statements that none was given.
    pub fn statements(&self) -> &[Summary] {
        self.summaries.get_or_init(|| Summary::of_all(&self.texts))
    }

    /// The members of each line, one line after the other, in the form that [`Chain::push`](super::Chain::push) takes.
    pub fn lines(&self) -> impl Iterator<Item = Vec<u8>> {
        let statements = self.statements();
        let count = statements.len();
        (0..count.max(1)).map(move |index| {
            let mut line = Vec::with_capacity(512);
            self.push_who(&mut line);
            if let Some(statement) = statements.get(index) {
                if count > 1 {
                    text(&mut line, "part", &format!("{}/{count}", index + 1));
                }
                text(&mut line, "sha256", &hex(&statement.hash));
                text(&mut line, "statement", &statement.text);
                self.push_objects(&mut line, statement);
            }
            self.push_end(&mut line);
            line
        })
    }

    fn push_who(&self, into: &mut Vec<u8>) {
        push_time(into, self.at);
        text(into, "principal", &self.principal);
        if !self.address.is_empty() {
            text(into, "address", &self.address);
        }
        if !self.client.is_empty() {
            text(into, "client", &self.client);
        }
        text(into, "tool", self.tool);
        if let Some(job) = self.job {
            text(into, "call", &format!("j{job}"));
        }
    }

    /// What the statement is about, and who says so: the plan, of all statements of the call together, or the text.
    fn push_objects(&self, into: &mut Vec<u8>, statement: &Summary) {
        let resolved = self.resolved.as_ref().and_then(|resolved| resolved.get());
        let (names, by) = match resolved {
            Some(names) => (names, "plan"),
            None => (&statement.mentioned, "text"),
        };
        if names.is_empty() {
            return;
        }
        name(into, "objects");
        for (index, object) in names.iter().enumerate() {
            into.push(if index == 0 { b'[' } else { b',' });
            json::push_string(into, object);
        }
        into.push(b']');
        text(into, "objects_by", by);
    }

    fn push_end(&self, into: &mut Vec<u8>) {
        match &self.verdict {
            Verdict::Allow => text(into, "verdict", "allow"),
            Verdict::Deny(rule) => {
                text(into, "verdict", "deny");
                text(into, "rule", rule);
                if let Some(query_id) = &self.query_id {
                    text(into, "query_id", query_id);
                }
                return;
            }
        }
        match self.end {
            End::Answered { rows, bytes } => {
                text(into, "outcome", "answered");
                number(into, "rows", rows);
                number(into, "bytes", bytes);
            }
            End::Failed(kind) => text(into, "outcome", kind),
            End::NotSent => text(into, "outcome", "not_sent"),
            End::Unknown => text(into, "outcome", "unknown"),
        }
        if let Some(query_id) = &self.query_id {
            text(into, "query_id", query_id);
        }
        number(into, "duration_ms", self.duration_ms);
    }
}

/// The members of a line about the log itself.
pub fn push_event(into: &mut Vec<u8>, at: WallTime, event: &str) {
    push_time(into, at);
    text(into, "event", event);
}

fn push_time(into: &mut Vec<u8>, at: WallTime) {
    into.extend_from_slice(b"\"time\":");
    json::push_string(into, &at.to_rfc3339());
}

fn name(into: &mut Vec<u8>, name: &str) {
    into.extend_from_slice(b",\"");
    into.extend_from_slice(name.as_bytes());
    into.extend_from_slice(b"\":");
}

pub(super) fn text(into: &mut Vec<u8>, member: &str, value: &str) {
    name(into, member);
    json::push_string(into, value);
}

pub(super) fn number(into: &mut Vec<u8>, member: &str, value: u64) {
    name(into, member);
    into.extend_from_slice(value.to_string().as_bytes());
}

pub(super) fn hex(bytes: &[u8; 32]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            at: WallTime::from_micros(1_795_341_600_000_000),
            principal: "key:ann".into(),
            address: "203.0.113.7".into(),
            client: "claude/1".into(),
            tool: "execute_query",
            job: Some(7),
            texts: vec!["select 'pin 1234' from t".into()],
            summaries: Arc::default(),
            resolved: None,
            verdict: Verdict::Allow,
            query_id: Some("01a".to_owned()),
            duration_ms: 12,
            end: End::Answered { rows: 3, bytes: 120 },
        }
    }

    fn lines(record: &Record) -> Vec<String> {
        let lines = record.lines();
        lines.map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn a_line_tells_who_what_and_how_it_ended_and_no_literal() {
        assert_eq!(
            lines(&record()),
            [concat!(
                r#""time":"2026-11-22T10:00:00Z","principal":"key:ann","address":"203.0.113.7","client":"claude/1","tool":"execute_query","#,
                r#""call":"j7","sha256":"cc63f3b6e696fa164ecbeb9f93e231922a99ecf764640416df8cce09df34416a","#,
                r#""statement":"select ? from t","objects":["T"],"objects_by":"text","verdict":"allow","outcome":"answered","rows":3,"bytes":120,"#,
                r#""query_id":"01a","duration_ms":12"#
            )]
        );
    }

    #[test]
    fn objects_are_the_compilers_where_it_was_asked_and_else_the_texts() {
        let mut record = record();
        let resolved = Arc::new(Resolved::new());
        record.resolved = Some(Arc::clone(&resolved));
        let by_text = r#""objects":["T"],"objects_by":"text""#;
        assert!(lines(&record)[0].contains(by_text), "its plan has not come");
        resolved.set(vec!["D.S.T".into(), "D.S.U".into()]).unwrap();
        let by_plan = r#""objects":["D.S.T","D.S.U"],"objects_by":"plan""#;
        assert!(lines(&record)[0].contains(by_plan), "{:?}", lines(&record));
        (record.resolved, record.texts) = (None, vec!["select 1".into()]);
        record.summaries = Arc::default();
        assert!(!lines(&record)[0].contains("objects"));
    }

    #[test]
    fn a_statement_is_a_line_and_a_call_without_one_is_a_line_too() {
        let mut record = record();
        record.texts.push("select 2".into());
        let written = lines(&record);
        assert!(written[0].contains(r#""part":"1/2""#) && written[1].contains(r#""part":"2/2""#));
        (record.texts, record.summaries) = (Vec::new(), Arc::default());
        assert_eq!(lines(&record).len(), 1);
    }

    #[test]
    fn what_was_denied_has_its_rule_and_no_end() {
        let mut record = record();
        record.query_id = None;
        record.verdict = Verdict::Deny(Cow::Borrowed("not_a_read"));
        let line = &lines(&record)[0];
        assert!(
            line.ends_with(r#""verdict":"deny","rule":"not_a_read""#),
            "{line}"
        );
    }
}
