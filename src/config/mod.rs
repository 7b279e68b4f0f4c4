//! The configuration: every setting read once at start, checked, and valid from then on.
//!
//! [`Config::read`] is pure: [`source`] has collected the texts, and what comes out holds typed values with their
//! units. What is set wrongly refuses to start and says where it stands; what Snowflake still needs does not: it
//! becomes the sentence that every call is answered with ([`Engine::Incomplete`]), so that a client sees the reason
//! and the health routes stay up. Nothing here knows a socket, the server or MCP.

mod audit;
mod connections;
mod error;
mod files;
mod http;
mod limits;
mod logins;
mod names;
mod oauth;
pub mod policy;
mod proxies;
pub mod setting;
mod snowflake;
pub mod source;
mod tls;
mod token;
mod value;

use std::fmt;

use crate::access::Quota;
use crate::limits::{LOGINS_MAX, Limits, TLS_CONNECTION_BYTES_MAX};
use crate::observe::{self, logger::Format};
use crate::secret::Secret;
use crate::snowflake::Settings;
use crate::sql::ruling::Rulings;
use setting as s;
use source::{Origin, Sources};

pub use connections::{Choice, Connection};
pub use error::Error;
pub use http::{Http, Listen, Origins};
pub use logins::Logins;
pub use oauth::Oauth;
pub use proxies::Proxies;
pub use tls::Tls;

/// How clients reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP and WebSocket on a port.
    Http,
    /// One client on standard input and output.
    Stdio,
}

/// Everything that can be set, valid by construction.
#[derive(Debug)]
pub struct Config {
    /// Where to listen and who may call; `None` on stdio, where the one client is whoever started the program.
    pub http: Option<Http>,
    /// What answers statements.
    pub engine: Engine,
    /// What callers may choose, by connection; the first is the one of calls that name none.
    pub choices: Vec<Choice>,
    /// The bounds, with those that can be set.
    pub limits: Limits,
    /// What callers may use who have no quota of their own.
    pub quota: Quota,
    /// Statements and their rows.
    pub statements: Statements,
    /// What signs tokens: one text, or two while it is changed, the signing one first; empty when a key is to be made
    /// at start.
    pub token_keys: Vec<Secret>,
    /// What is logged, and how.
    pub log: Log,
    /// The audit log, if there is one.
    pub audit: Option<observe::audit::Settings>,
    /// What the operator should know about the settings; to be logged once.
    pub notes: Vec<Note>,
}

/// What answers statements.
#[derive(Debug)]
pub enum Engine {
    /// The embedded engine; no Snowflake setting is read.
    Demo,
    /// Snowflake.
    Snowflake(Box<Settings>),
    /// Several connections to Snowflake. The first is the one of calls that name none.
    Several(Vec<Connection>),
    /// Snowflake, but the settings do not suffice to sign in. The sentence says which are missing.
    Incomplete(String),
}

/// What the tools need to know of the settings.
#[derive(Debug, Clone)]
pub struct Statements {
    /// Rows when the caller gives no limit; never more than `limits.rows_max`.
    pub rows_default: u64,
    /// Whether what others wrote stands between marks, in text.
    pub has_fences: bool,
    /// Whether only roles are used that are known to read and to do nothing else.
    pub is_role_strict: bool,
    /// What callers may do.
    pub rulings: Rulings,
    /// Whether a part of that stands in a file, which can be read again.
    pub has_policy_file: bool,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// Least important level that is written.
    pub level: log::LevelFilter,
    /// Form of a line.
    pub format: Format,
    /// Whether the text of statements may be written.
    pub statements: bool,
}

/// Something about the settings that is worth a line in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// `Warn` where the operator probably meant something else, `Info` otherwise.
    pub level: log::Level,
    /// The sentence, without a full stop.
    pub text: String,
}

impl Config {
    /// What callers may do, alone: nothing else of the settings has to be right.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn rulings(sources: &Sources) -> Result<Rulings, Error> {
        let limits = limits::read(sources)?;
        policy::read(sources, &limits)
    }

    /// Reads the settings for a server on `transport`; with `demo`, Snowflake's are left alone.
    ///
    /// # Errors
    /// The first setting that is wrong. Missing Snowflake settings are none.
    pub fn read(sources: &Sources, transport: Transport, demo: bool) -> Result<Self, Error> {
        let mut notes = Vec::new();
        let audit = audit::read(sources)?;
        let mut limits = limits::read(sources)?;
        if transport == Transport::Stdio {
            // There is nobody else to leave a worker for.
            limits.steps_per_principal_max = limits.workers;
        }
        let quota = limits::quota(sources)?;
        limits.audit_queue_max = audit.as_ref().map_or(0, |audit| audit.queue_max);
        let statements = statements(sources, &limits)?;
        check_read_only(sources, &statements.rulings)?;
        let token_keys = token::keys(sources)?;
        let log = log(sources)?;
        let http = match transport {
            Transport::Http => Some(Http::read(sources, &mut notes)?),
            Transport::Stdio => {
                note_unused_address(sources, &mut notes);
                None
            }
        };
        let (mut engine, choices) = if demo {
            (Engine::Demo, Vec::new())
        } else {
            connections::read(sources)?
        };
        connections::check_policy(&choices, &statements.rulings)?;
        if http.as_ref().is_some_and(|http| http.tls.is_some()) {
            limits.tls_bytes_each = TLS_CONNECTION_BYTES_MAX;
        }
        if let Some(logins) = http.as_ref().and_then(|http| http.logins.as_ref()) {
            logins.tell(sources, &mut engine, &mut notes)?;
            limits.logins_max = LOGINS_MAX;
            // Each has a role of its own to be looked at; one that was pushed out is looked at with its next call.
            limits.audited_roles_max += LOGINS_MAX;
        }
        notes.extend(names::notes(sources));
        Ok(Self {
            http,
            engine,
            choices,
            limits,
            quota,
            statements,
            token_keys,
            log,
            audit,
            notes,
        })
    }
}

/// Reads again, while the server runs, what callers may do: the policy file as it is now, the other settings as they were.
#[derive(Clone)]
pub struct Rereading {
    sources: Sources,
    choices: Vec<Choice>,
}

impl fmt::Debug for Rereading {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Rereading")
    }
}

impl Rereading {
    /// Of the settings that the server has started with; `None` without a policy file.
    pub fn new(sources: &Sources, config: &Config) -> Option<Self> {
        sources.policy_file().map(|_| Self {
            sources: sources.clone(),
            choices: config.choices.clone(),
        })
    }

    /// What callers may do from now on.
    ///
    /// # Errors
    /// What is wrong with the file, as at the start.
    pub fn rulings(&self) -> Result<Rulings, Error> {
        let sources = self.sources.with_policy_again();
        let rulings = Config::rulings(&sources)?;
        check_read_only(&sources, &rulings)?;
        check_strict_role(&sources, &rulings)?;
        connections::check_policy(&self.choices, &rulings)?;
        Ok(rulings)
    }
}

impl Note {
    fn warn(text: impl Into<String>) -> Self {
        let (level, text) = (log::Level::Warn, text.into());
        Self { level, text }
    }

    fn info(text: impl Into<String>) -> Self {
        let (level, text) = (log::Level::Info, text.into());
        Self { level, text }
    }
}

/// Rows when the caller gives no limit, as in the program that this one replaces.
const ROWS_DEFAULT: u64 = 100;

fn statements(sources: &Sources, limits: &Limits) -> Result<Statements, Error> {
    let rows_default = match sources.find(&s::ROWS_DEFAULT) {
        Some(found) => {
            let rows = value::number(&found, limits::ROWS_RANGE)?;
            if rows > limits.rows_max {
                return Err(Error::value(
                    &found,
                    format!(
                        "expected at most the maximum, which is {} (MAX_QUERY_LIMIT)",
                        limits.rows_max
                    ),
                ));
            }
            rows
        }
        None => ROWS_DEFAULT.min(limits.rows_max),
    };
    let rulings = policy::read(sources, limits)?;
    Ok(Statements {
        rows_default,
        has_fences: sources
            .find(&s::FENCE_DATA)
            .map_or(Ok(true), |found| value::switch(&found))?,
        is_role_strict: check_strict_role(sources, &rulings)?,
        rulings,
        has_policy_file: sources.policy_file().is_some(),
    })
}

fn log(sources: &Sources) -> Result<Log, Error> {
    use log::LevelFilter as Level;

    // The second row is how Python's logging, which predecessors use, calls them.
    let levels = [
        ("off", Level::Off),
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
        ("trace", Level::Trace),
        ("warning", Level::Warn),
        ("critical", Level::Error),
    ];
    let formats = [("text", Format::Text), ("json", Format::Json)];
    let found = |setting| sources.find(setting);
    Ok(Log {
        level: found(&s::LOG_LEVEL).map_or(Ok(Level::Info), |found| value::choice(&found, &levels))?,
        format: found(&s::LOG_FORMAT).map_or(Ok(Format::Text), |found| value::choice(&found, &formats))?,
        statements: found(&s::LOG_STATEMENTS).map_or(Ok(false), |found| value::switch(&found))?,
    })
}

/// `READONLY_MODE` is what predecessors call it. It has no effect of its own, but may not say another thing than the
/// policy does.
fn check_read_only(sources: &Sources, rulings: &Rulings) -> Result<(), Error> {
    let Some(found) = sources.find(&s::READ_ONLY) else {
        return Ok(());
    };
    let writes = rulings
        .all()
        .any(|ruling| ruling.policy.writes().next().is_some());
    match (value::switch(&found)?, writes) {
        (false, false) => Err(Error::value(
            &found,
            "no write is allowed: remove the setting, or say which are with --allow-write",
        )),
        (true, true) => Err(Error::value(
            &found,
            "writes are allowed by --allow-write or the policy: remove one of them",
        )),
        _ => Ok(()),
    }
}

/// A role that is known to read and to do nothing else cannot write: with both, every write that is allowed would be sent and
/// refused by Snowflake.
fn check_strict_role(sources: &Sources, rulings: &Rulings) -> Result<bool, Error> {
    let Some(found) = sources.find(&s::STRICT_ROLE) else {
        return Ok(false);
    };
    let is_strict = value::switch(&found)?;
    if is_strict
        && rulings
            .all()
            .any(|ruling| ruling.policy.writes().next().is_some())
    {
        return Err(Error::value(
            &found,
            "only roles that do nothing but read would be used, and writes are allowed by --allow-write or the policy: remove one of them",
        ));
    }
    Ok(is_strict)
}

fn note_unused_address(sources: &Sources, notes: &mut Vec<Note>) {
    let flags = [&s::HOST, &s::PORT]
        .into_iter()
        .filter_map(|setting| sources.find(setting));
    for found in flags.filter(|found| found.origin == Origin::Flag) {
        notes.push(Note::info(format!(
            "{} is ignored: stdio listens on no address",
            found.name
        )));
    }
    if let Some(found) = sources.find(&s::LOGIN_HEADER) {
        notes.push(Note::warn(format!(
            "{} has no effect on stdio, which has no headers: statements run with the login of the settings",
            found.name
        )));
    }
}

#[cfg(test)]
mod tests;
