//! Ids of tasks: tokens that say what the task is about, so that any replica can go on with it.

use std::time::Duration;

use crate::mcp::Keys;
use crate::time::WallTime;
use crate::token::pack::{Pack, Unpack};
use crate::token::{Purpose, Validity};

/// A task, as its id says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskId {
    /// The tool that was called.
    pub tool: Box<str>,
    /// What it is about.
    pub subject: Subject,
    /// When it was made, and how long it is kept.
    pub validity: Validity,
}

/// What a task is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A statement that runs in the database.
    Statement {
        /// What it is called there: the query id.
        handle: Box<str>,
        /// The row that the process that made it has beside, for as long as it lives.
        row: u64,
        /// What the tool needs to make its result of the rows, in its own form; its holder can read it.
        detail: Box<str>,
    },
    /// A row of the table of the process that made it.
    Row(u64),
}

impl Subject {
    /// The row of the process that made it.
    pub const fn row(&self) -> u64 {
        match self {
            Self::Statement { row, .. } | Self::Row(row) => *row,
        }
    }
}

const STATEMENT: u8 = 0;
const ROW: u8 = 1;

impl TaskId {
    /// A task that is made now and kept for `ttl`, in whole seconds: a shorter rest is rounded up.
    pub fn new(tool: &str, subject: Subject, now: WallTime, ttl: Duration) -> Self {
        let rest = u64::from(ttl.subsec_nanos() > 0);
        Self {
            tool: tool.into(),
            subject,
            validity: Validity {
                born: WallTime::from_micros(now.as_seconds() * 1_000_000),
                lifetime: Duration::from_secs(ttl.as_secs() + rest),
            },
        }
    }

    /// The id that the client gets.
    pub fn seal(&self, keys: &Keys, principal: &[u8]) -> String {
        let mut pack = Pack::new();
        pack.text(&self.tool);
        match &self.subject {
            Subject::Statement { handle, row, detail } => {
                pack.byte(STATEMENT).text(handle).number(*row).text(detail)
            }
            Subject::Row(number) => pack.byte(ROW).number(*number),
        };
        keys.seal(Purpose::Task, pack.as_bytes(), principal, self.validity)
    }

    /// The task that `text` is the id of; `None` for one of another client, one over its time, and what is none: for
    /// the client all of them are not found.
    pub fn open(keys: &Keys, text: &str, principal: &[u8], now: WallTime) -> Option<Self> {
        let opened = keys.open(Purpose::Task, text.as_bytes(), principal, now).ok()?;
        let mut unpack = Unpack::new(&opened.payload);
        let tool = unpack.text()?.into();
        let subject = match unpack.byte()? {
            STATEMENT => Subject::Statement {
                handle: unpack.text()?.into(),
                row: unpack.number()?,
                detail: unpack.text()?.into(),
            },
            ROW => Subject::Row(unpack.number()?),
            _ => return None,
        };
        unpack.end()?;
        Some(Self {
            tool,
            subject,
            validity: opened.validity,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const NOW: WallTime = WallTime::from_micros(1_790_000_000_000_000);

    fn keys() -> Keys {
        Keys::new(&Secret::new("k"), None)
    }

    #[test]
    fn an_id_says_what_the_task_is_about_on_every_replica() {
        let statement = Subject::Statement {
            handle: "01b2c3d4-0000-1111-0000-222200000005".into(),
            row: 7,
            detail: r#""limit":100"#.into(),
        };
        for subject in [statement, Subject::Row(u64::MAX)] {
            let task = TaskId::new("execute_query", subject, NOW, Duration::from_millis(59_001));
            let text = task.seal(&keys(), b"p");
            assert!(text.len() <= 176, "{}", text.len());
            let at = |seconds: u64| WallTime::from_micros(NOW.as_micros() + seconds * 1_000_000);
            assert_eq!(TaskId::open(&keys(), &text, b"p", at(59)), Some(task));
            assert_eq!(TaskId::open(&keys(), &text, b"p", at(60)), None, "expired");
            assert_eq!(TaskId::open(&keys(), &text, b"q", NOW), None, "another client");
            assert_eq!(TaskId::open(&keys(), &text[1..], b"p", NOW), None);
        }
    }

    #[test]
    fn a_payload_of_another_version_is_no_task() {
        let validity = TaskId::new("t", Subject::Row(1), NOW, Duration::from_secs(60)).validity;
        let open = |payload: &[u8]| {
            let text = keys().seal(Purpose::Task, payload, b"", validity);
            TaskId::open(&keys(), &text, b"", NOW)
        };
        let good = [1, b't', ROW, 5];
        assert!(open(&good).is_some());
        for end in 0..good.len() {
            assert_eq!(open(&good[..end]), None);
        }
        assert_eq!(open(&[1, b't', ROW, 5, 0]), None);
        assert_eq!(open(&[1, b't', 2, 5]), None);
    }
}
