//! From what Snowflake (or somebody on the way to it) answered to one of [`Kind`]'s causes. Pure.
//!
//! [`table`] says what a code means; here is how an answer comes to it. A body may be empty, HTML or a servlet's page.

mod table;

use std::time::Duration;

use serde_json::Value;

use super::http::Fault;
use super::retry::Failure;
use crate::backend::{Error, Kind};
use table::Row;

/// What an answer that is no result says. Every part may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Complaint {
    /// Six digits, mostly.
    pub(super) code: Option<String>,
    /// Words, maybe on several lines.
    pub(super) message: Option<String>,
    /// SQLSTATE.
    pub(super) sql_state: Option<String>,
    /// The statement's handle.
    pub(super) handle: Option<String>,
    /// The beginning of a body that is no JSON, for the log.
    raw: Option<String>,
}

impl Complaint {
    /// Reads a body, whatever it is.
    pub(super) fn read(body: &[u8]) -> Self {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            let raw: String = String::from_utf8_lossy(body)
                .chars()
                .take(RAW_CHARS_MAX)
                .collect();
            return Self {
                raw: (!raw.is_empty()).then_some(raw),
                ..Self::default()
            };
        };
        let text = |name: &str| match members.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Self {
            code: text("code"),
            message: text("message"),
            sql_state: text("sqlState"),
            handle: text("statementHandle"),
            raw: None,
        }
    }

    /// Whether it is no complaint at all: the statement runs (HTTP 202, and 429 on a poll may carry it too).
    pub(super) fn is_running(&self) -> bool {
        matches!(self.code.as_deref(), Some("333333" | "333334"))
    }

    /// Whether it is the token that was refused, so that another one may be taken.
    pub(super) fn is_about_token(&self, status: u16) -> bool {
        self.row(status).is_about_token
    }

    /// The digest of a public key that the message names, where it names one.
    pub(super) fn fingerprint(&self) -> Option<&str> {
        let (_, after) = self.message.as_deref()?.split_once(FINGERPRINT_MARK)?;
        let end = after.find(|char: char| !(char.is_ascii_alphanumeric() || "+/=".contains(char)));
        let digest = &after[..end.unwrap_or(after.len())];
        (digest.len() == FINGERPRINT_CHARS).then_some(digest)
    }

    fn row(&self, status: u16) -> &'static Row {
        table::row(
            status,
            self.code.as_deref(),
            self.sql_state.as_deref(),
            self.message.as_deref(),
        )
    }

    /// The error that this is, having come with HTTP `status`.
    pub(super) fn into_error(self, status: u16) -> Error {
        let row = self.row(status);
        let words = self.message.as_deref().map(one_line).unwrap_or_default();
        let message = if words.is_empty() {
            said_nothing(row.kind, status)
        } else {
            words
        };
        let detail = match &self.raw {
            Some(raw) => format!("HTTP {status}, body: {}", one_line(raw)),
            None => format!("HTTP {status}"),
        };
        Error {
            code: self.code,
            sql_state: self.sql_state,
            query_id: self.handle,
            own_advice: row.advice,
            ..Error::new(row.kind, message).with_detail(detail)
        }
    }
}

/// The error of an exchange without an answer.
pub(super) fn of_fault(fault: &Fault, host: &str) -> Error {
    let (message, why) = match fault {
        Fault::HostUnknown => (
            format!("the host {host} is unknown: check SNOWFLAKE_ACCOUNT and the name server"),
            String::new(),
        ),
        Fault::NotConnected { why } => (
            format!("no connection to {host}: check the network, the firewall and HTTPS_PROXY"),
            why.clone(),
        ),
        Fault::ProxyRefused { status } => (
            format!("the proxy of HTTPS_PROXY lets nothing through to {host} (HTTP {status})"),
            String::new(),
        ),
        Fault::Tls { why, .. } => (
            format!(
                "{host} could not prove who it is: a proxy that opens TLS (set SNOWFLAKE_MCP_CA_FILE to its authority), or a wrong host name"
            ),
            why.clone(),
        ),
        Fault::TimedOut { .. } => (format!("{host} did not answer in time"), String::new()),
        Fault::Lost { why } => (
            format!("the connection to {host} ended before the answer"),
            why.clone(),
        ),
        Fault::NotHttp { why } => (format!("what {host} answered is no HTTP"), why.clone()),
    };
    let kind = match fault {
        Fault::NotHttp { .. } => Kind::Protocol,
        Fault::ProxyRefused { .. } => Kind::Forbidden,
        _ => Kind::Unavailable,
    };
    let own_advice = matches!(fault, Fault::ProxyRefused { .. }).then_some(PROXY_REFUSED);
    let error = Error {
        own_advice,
        ..Error::new(kind, message)
    };
    if why.is_empty() {
        error
    } else {
        error.with_detail(why)
    }
}

/// The error of an answer that cannot be read.
pub(super) fn garbled(what: &str, detail: impl Into<String>) -> Error {
    Error::new(
        Kind::Protocol,
        format!("Snowflake's answer cannot be read: {what}"),
    )
    .with_detail(detail)
}

/// How an exchange without an answer may be repeated; `None`: it comes out the same again.
pub(super) fn failure_of(fault: &Fault) -> Option<Failure> {
    match fault {
        Fault::ProxyRefused { .. } => None,
        _ if fault.may_have_arrived() => Some(Failure::Lost),
        _ => Some(Failure::NotSent),
    }
}

/// The error of a statement that outlived its time.
pub(super) fn timed_out(timeout: Duration) -> Error {
    Error::new(
        Kind::Timeout,
        format!(
            "the statement did not end within {} s and was cancelled",
            timeout.as_secs()
        ),
    )
}

/// The error of a statement that the caller gave up.
pub(super) fn cancelled() -> Error {
    Error::new(Kind::Cancelled, "the statement was cancelled")
}

fn said_nothing(kind: Kind, status: u16) -> String {
    match kind {
        Kind::Login => "the login was refused".to_owned(),
        Kind::Timeout => "the statement reached its timeout and was cancelled".to_owned(),
        Kind::TooManyRequests => "Snowflake asks for fewer requests".to_owned(),
        _ => format!("Snowflake answered HTTP {status} without a reason"),
    }
}

/// Words on one line, without the full stop at the end, and not endless.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.len() + word.len() > MESSAGE_BYTES_MAX {
            line.push_str(" …");
            return line;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line.truncate(line.trim_end_matches('.').len());
    line
}

/// Snowflake quotes the statement in some messages; a model needs the beginning.
const MESSAGE_BYTES_MAX: usize = 2_000;
const RAW_CHARS_MAX: usize = 200;
const PROXY_REFUSED: &str = "The operator must allow Snowflake's host in the proxy, and give HTTPS_PROXY the user and password that it asks for (http://USER:PASSWORD@HOST:PORT).";
/// How Snowflake writes a key's digest: base64 of 32 bytes.
const FINGERPRINT_MARK: &str = "SHA256:";
const FINGERPRINT_CHARS: usize = 44;

#[cfg(test)]
mod tests;
