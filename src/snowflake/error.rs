//! From what Snowflake (or somebody on the way to it) answered to one of [`Kind`]'s causes. Pure.
//!
//! The code decides where there is one, then SQLSTATE, then the HTTP status: the same status stands for very
//! different things, and behind a proxy it may be nobody's. A body may be empty, HTML or a servlet's page.

use std::time::Duration;

use serde_json::Value;

use super::http::Fault;
use super::retry::Failure;
use crate::backend::{Error, Kind};

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

    /// The error that this is, having come with HTTP `status`.
    pub(super) fn into_error(self, status: u16) -> Error {
        let kind = kind_of(status, self.code.as_deref(), self.sql_state.as_deref());
        let words = self.message.as_deref().map(one_line).unwrap_or_default();
        let message = sentence(kind, status, self.code.as_deref(), &words);
        let detail = match &self.raw {
            Some(raw) => format!("HTTP {status}, body: {}", one_line(raw)),
            None => format!("HTTP {status}"),
        };
        Error {
            code: self.code,
            sql_state: self.sql_state,
            query_id: self.handle,
            ..Error::new(kind, message).with_detail(detail)
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
        _ => Kind::Unavailable,
    };
    let error = Error::new(kind, message);
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

/// How an exchange without an answer may be repeated.
pub(super) fn failure_of(fault: &Fault) -> Failure {
    if fault.may_have_arrived() {
        Failure::Lost
    } else {
        Failure::NotSent
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

fn kind_of(status: u16, code: Option<&str>, sql_state: Option<&str>) -> Kind {
    code.and_then(kind_of_code)
        .or_else(|| kind_of_login(status, code))
        .or_else(|| kind_of_state(status, sql_state))
        .unwrap_or_else(|| kind_of_status(status))
}

fn kind_of_code(code: &str) -> Option<Kind> {
    Some(match code {
        // Compilation.
        "000900" | "001003" => Kind::Syntax,
        "000904" | "002003" | "002043" | "390201" => Kind::NotFound,
        "003001" => Kind::Privilege,
        "090105" | "090106" | "391918" => Kind::NoDatabase,
        "000008" => Kind::Refused,
        "000002" | "391911" => Kind::Unsupported,
        // Running.
        "000604" => Kind::Cancelled,
        "000606" => Kind::NoWarehouse,
        "000630" => Kind::Timeout,
        "000709" => Kind::ResultGone,
        "391908" => Kind::ResultTooLarge,
        // The account.
        "390146" | "390186" | "390189" => Kind::Configuration,
        "390422" => Kind::Forbidden,
        "390505" => Kind::TooManyRequests,
        // We sent what we should not.
        "390142" | "391922" => Kind::Internal,
        // A conversion, a division by zero.
        _ if code.len() == 6 && code.starts_with("100") => Kind::Execution,
        _ => return None,
    })
}

/// Codes of the login service: 390100 (password) … 390318 (OAuth), 394300 … 394400 (JWT, tokens).
fn kind_of_login(status: u16, code: Option<&str>) -> Option<Kind> {
    let is_login = matches!(code?, "390100" | "390101" | "390144" | "390303" | "390318")
        || code?.starts_with("3943")
        || code?.starts_with("3944")
        || (status == 401 && code?.starts_with("390"))
        || code? == "PAT_INVALID";
    is_login.then_some(Kind::Login)
}

fn kind_of_state(status: u16, sql_state: Option<&str>) -> Option<Kind> {
    if status != 422 {
        return None;
    }
    let state = sql_state?;
    Some(match state {
        "42S02" => Kind::NotFound,
        "42501" => Kind::Privilege,
        "57P03" => Kind::NoWarehouse,
        _ => match state.get(..2)? {
            "02" => Kind::NotFound,
            "0A" => Kind::Unsupported,
            "42" => Kind::Syntax,
            _ => Kind::Execution,
        },
    })
}

const fn kind_of_status(status: u16) -> Kind {
    match status {
        401 => Kind::Login,
        403 => Kind::Forbidden,
        404 | 300..=399 => Kind::Configuration,
        405 | 415 => Kind::Internal,
        408 => Kind::Timeout,
        422 => Kind::Execution,
        429 => Kind::TooManyRequests,
        500..=599 => Kind::Unavailable,
        _ => Kind::Protocol,
    }
}

/// Snowflake's words, or ours where it says nothing, with the setting to look at.
fn sentence(kind: Kind, status: u16, code: Option<&str>, words: &str) -> String {
    let hint = match (kind, code) {
        (_, Some("390186" | "390189")) => {
            "set SNOWFLAKE_ROLE to a role that is granted to the user (SHOW GRANTS TO USER)"
        }
        (_, Some("390146")) => "no login was sent, a proxy on the way may remove it",
        (Kind::NoWarehouse, _) => {
            "set SNOWFLAKE_WAREHOUSE to a warehouse that the role may use (SHOW WAREHOUSES)"
        }
        (Kind::Forbidden, _) => {
            "a network policy bars this host, or the SQL API is switched off for the account"
        }
        (Kind::Configuration, None) if status == 404 => {
            "this host has no SQL API: check SNOWFLAKE_ACCOUNT and SNOWFLAKE_HOST"
        }
        (Kind::Configuration, None) => {
            "the host sends elsewhere: the account may have moved, check SNOWFLAKE_ACCOUNT and SNOWFLAKE_HOST"
        }
        _ => "",
    };
    match (words.is_empty(), hint.is_empty()) {
        (false, true) => words.to_owned(),
        (false, false) => format!("{words}; {hint}"),
        (true, false) => hint.to_owned(),
        (true, true) => said_nothing(kind, status),
    }
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

#[cfg(test)]
mod tests;
