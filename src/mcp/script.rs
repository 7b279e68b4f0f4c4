//! A call that goes on by itself: it says things, waits, asks the client, and ends as a result or goes over into a job.
//!
//! Most calls are one job, and need none of this. A script is for those that have something to say or to ask before:
//! it is a state machine without a clock and without a way out, resumed by the server, which owns timers, streams and
//! the client's replies.
//!
//! ```text
//!   Begun ──► resume ──► Wait(d) ──► (d passes) ──► resume(Elapsed) ──► …
//!                   ├──► Ask(q) ───► (answers come) ► resume(Answered) ► …
//!                   ├──► Work ─────► a job, whose end is the reply
//!                   └──► Done, Failed: the reply
//! ```
//!
//! A script never sees its end: a cancelled call's is dropped.

use std::fmt;
use std::time::Duration;

use serde_json::value::RawValue;

use super::{Level, Payload, ToolCall};
use crate::rpc;

/// A call that goes on by itself.
pub trait Script: fmt::Debug + Send {
    /// Goes on after `event`: puts what the caller should hear into `notices`, in order, and says what comes next.
    fn resume(&mut self, event: Event<'_>, notices: &mut Vec<Notice>) -> Next;
}

/// Why a script goes on.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The call has come.
    Begun,
    /// The time that was waited for has passed.
    Elapsed,
    /// The client answered the questions with these results, in the order in which they were asked.
    Answered(&'a [Box<RawValue>]),
    /// The client answered a question with this error object, or cannot be asked (`None`).
    Refused(Option<&'a RawValue>),
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// Resume after this time.
    Wait(Duration),
    /// Ask the client, resume with all its answers. A call that has become a task waits until its client looks for the
    /// questions. Else only legacy revisions have them, one after the other, and only over a connection or stream that
    /// can carry them.
    Ask(Vec<Question>),
    /// Close the caller's stream, so that it comes back for the rest with `Last-Event-ID` (2025-11-25), and resume
    /// after this time. Without effect where there is no such stream.
    Hang(Duration),
    /// Go on as a job.
    Work(Box<ToolCall>),
    /// The reply: the `result` member.
    Done(Payload),
    /// The reply: an error.
    Failed(rpc::Error),
}

/// A request of the server to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// `elicitation/create`, `sampling/createMessage` or `roots/list`.
    pub method: &'static str,
    /// The `params` member: a JSON object.
    pub params: Vec<u8>,
}

/// Something the caller hears before its reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// How far the call is; heard only by callers that gave a progress token.
    Progress {
        /// Grows with every notice of a call.
        progress: f64,
        /// Where it ends, if that is known.
        total: Option<f64>,
        /// For people.
        message: Option<String>,
    },
    /// A log message; heard only by callers that want this level.
    Log {
        /// How grave it is.
        level: Level,
        /// JSON.
        data: Vec<u8>,
    },
}

/// What a caller wants to hear before its reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hears {
    /// The progress token as JSON text, if there is one.
    pub progress_token: Option<Box<str>>,
    /// Log messages of this level and graver.
    pub log_level: Option<Level>,
}

impl Hears {
    /// Whether anything can be said to it at all.
    pub fn is_deaf(&self) -> bool {
        self.progress_token.is_none() && self.log_level.is_none()
    }

    /// The notification that carries `notice`, if it is wanted: a whole JSON-RPC message.
    pub fn notification(&self, notice: &Notice) -> Option<Vec<u8>> {
        match notice {
            Notice::Progress {
                progress,
                total,
                message,
            } => {
                let token = self.progress_token.as_deref()?;
                Some(progress_notification(
                    token,
                    *progress,
                    *total,
                    message.as_deref(),
                ))
            }
            Notice::Log { level, data } => {
                let wanted = self.log_level.is_some_and(|wanted| *level >= wanted);
                wanted.then(|| log_notification(*level, data))
            }
        }
    }
}

fn progress_notification(token: &str, progress: f64, total: Option<f64>, message: Option<&str>) -> Vec<u8> {
    let mut text =
        String::from(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"#);
    text.push_str(token);
    text.push_str(&format!(",\"progress\":{progress}"));
    if let Some(total) = total {
        text.push_str(&format!(",\"total\":{total}"));
    }
    let mut bytes = text.into_bytes();
    if let Some(message) = message {
        bytes.extend_from_slice(b",\"message\":");
        crate::json::push_string(&mut bytes, message);
    }
    bytes.extend_from_slice(b"}}");
    bytes
}

fn log_notification(level: Level, data: &[u8]) -> Vec<u8> {
    let mut bytes = br#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":""#.to_vec();
    bytes.extend_from_slice(level.as_str().as_bytes());
    bytes.extend_from_slice(br#"","logger":"snowflake-mcp","data":"#);
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(b"}}");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wanted_becomes_a_notification() {
        let progress = Notice::Progress {
            progress: 50.0,
            total: Some(100.0),
            message: Some("half \"way\"".to_owned()),
        };
        let log = Notice::Log {
            level: Level::Info,
            data: b"\"x\"".to_vec(),
        };
        assert_eq!(Hears::default().notification(&progress), None);
        assert_eq!(Hears::default().notification(&log), None);
        let hears = Hears {
            progress_token: Some("\"t\"".into()),
            log_level: Some(Level::Info),
        };
        let text = |notice| String::from_utf8(hears.notification(notice).unwrap()).unwrap();
        assert_eq!(
            text(&progress),
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":50,"total":100,"message":"half \"way\""}}"#
        );
        assert_eq!(
            text(&log),
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","logger":"snowflake-mcp","data":"x"}}"#
        );
        let graver = Hears {
            log_level: Some(Level::Warning),
            ..hears.clone()
        };
        assert_eq!(graver.notification(&log), None);
    }
}
