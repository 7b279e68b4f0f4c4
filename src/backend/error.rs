//! Why a statement gave no rows: one closed list of kinds, a sentence for the caller, a detail for the log.

use std::fmt;
use std::time::Duration;

use crate::sql::guard::Refusal;

/// What went wrong, by who can do something about it. Every kind has one next step ([`Kind::advice`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    // The caller's.
    /// The statement guard refused the text; it was not sent.
    Refused,
    /// By its plan it reads more than the operator allows; it was not run.
    Costly,
    /// It is about an object that the operator does not allow; it was not run.
    Barred,
    /// It writes or costs much and nobody confirmed it; it was not run.
    Unconfirmed,
    /// The text does not compile.
    Syntax,
    /// A named object or column does not exist, or the role may not see it (Snowflake does not tell which).
    NotFound,
    /// The role lacks a privilege.
    Privilege,
    /// The statement needs a database or schema and none was given.
    NoDatabase,
    /// It compiled and failed while running: division by zero, a conversion.
    Execution,
    /// The engine does not support it (the SQL API's list, or the embedded engine's).
    Unsupported,
    /// The result is no longer kept, or the handle was never known.
    ResultGone,

    // The operator's.
    /// No warehouse is set, running or usable.
    NoWarehouse,
    /// The login was refused: key, token, account or user.
    Login,
    /// Access is barred by a network policy, or the API is switched off.
    Forbidden,
    /// A setting that Snowflake rejects: a role that is not granted, a bad parameter.
    Configuration,

    // Nobody's: time and the world.
    /// The statement timeout was reached; the statement was cancelled.
    Timeout,
    /// Cancelled by the caller, a closed connection or shutdown.
    Cancelled,
    /// Snowflake asks for fewer requests, and retries did not help.
    TooManyRequests,
    /// Snowflake, or the way to it, does not answer.
    Unavailable,
    /// The result is larger than what can be carried.
    ResultTooLarge,
    /// An answer that the protocol does not allow.
    Protocol,

    // Ours.
    /// A bug: a panic or a broken promise. The reference number finds the detail in the log.
    Internal,
}

impl Kind {
    /// Every kind, for tests and documentation.
    pub const ALL: [Self; 22] = [
        Self::Refused,
        Self::Costly,
        Self::Barred,
        Self::Unconfirmed,
        Self::Syntax,
        Self::NotFound,
        Self::Privilege,
        Self::NoDatabase,
        Self::Execution,
        Self::Unsupported,
        Self::ResultGone,
        Self::NoWarehouse,
        Self::Login,
        Self::Forbidden,
        Self::Configuration,
        Self::Timeout,
        Self::Cancelled,
        Self::TooManyRequests,
        Self::Unavailable,
        Self::ResultTooLarge,
        Self::Protocol,
        Self::Internal,
    ];

    /// A stable word for logs, metrics and structured errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Costly => "costly",
            Self::Barred => "barred",
            Self::Unconfirmed => "unconfirmed",
            Self::Syntax => "syntax",
            Self::NotFound => "not_found",
            Self::Privilege => "privilege",
            Self::NoDatabase => "no_database",
            Self::Execution => "execution",
            Self::Unsupported => "unsupported",
            Self::ResultGone => "result_gone",
            Self::NoWarehouse => "no_warehouse",
            Self::Login => "login",
            Self::Forbidden => "forbidden",
            Self::Configuration => "configuration",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::TooManyRequests => "too_many_requests",
            Self::Unavailable => "unavailable",
            Self::ResultTooLarge => "result_too_large",
            Self::Protocol => "protocol",
            Self::Internal => "internal",
        }
    }

    /// The next useful step, in words for a model that reads it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Refused => {
                "Send one read statement: SELECT, WITH … SELECT, SHOW, DESCRIBE, EXPLAIN or VALUES."
            }
            Self::Costly => {
                "Narrow it: filter on the columns that the table is clustered by, name a shorter time, or read a smaller table. explain_query shows the figures of a changed statement without running it."
            }
            Self::Barred => "Use other objects, or ask the operator to allow these.",
            Self::Unconfirmed => {
                "If it shall run as it is, call again with the same arguments and confirm set to true; ask the user first."
            }
            Self::Syntax => "Correct the statement and call again.",
            Self::NotFound => {
                "Find the name with search_objects, or list_schemas, list_tables and list_views; names with lower-case letters need double quotes."
            }
            Self::Privilege => {
                "Ask for the privilege to be granted to the role, or name another role's object."
            }
            Self::NoDatabase => {
                "Pass the database (and schema) argument, or write the name as database.schema.object."
            }
            Self::Execution => "Correct the data or the expression; TRY_CAST and NULLIF avoid most of these.",
            Self::Unsupported => "Write the statement another way.",
            Self::ResultGone => "Run the statement again.",
            Self::NoWarehouse => {
                "The operator must set SNOWFLAKE_WAREHOUSE to a warehouse that the role may use. SHOW and DESCRIBE need none."
            }
            Self::Login => {
                "The operator must check SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER and the key or token. Calling again will not help until then."
            }
            Self::Forbidden => {
                "The operator must allow this host in Snowflake's network policy, or have the SQL API switched on for the account."
            }
            Self::Configuration => "The operator must correct the role or setting named here.",
            Self::Timeout => {
                "Narrow the statement (a WHERE on the clustering key, fewer columns), or ask for a longer timeout."
            }
            Self::Cancelled => "Nothing more runs for it. Call again to start over.",
            Self::TooManyRequests => "Wait a little and call again.",
            Self::Unavailable => {
                "Wait a little and call again; the operator finds the reason in /health/detailed."
            }
            Self::ResultTooLarge => "Select fewer columns or rows, or aggregate.",
            Self::Protocol => "Call again; if it stays, tell the operator the reference.",
            Self::Internal => "Tell the operator the reference; the log has the detail.",
        }
    }

    /// Whether the operator's rules ended it before it ran.
    pub const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::Refused | Self::Costly | Self::Barred | Self::Unconfirmed
        )
    }

    /// Whether the failure is about an object that the role cannot see, use in this way, or that does not exist.
    pub const fn is_about_object(self) -> bool {
        matches!(self, Self::NotFound | Self::Privilege | Self::Unsupported)
    }

    /// Whether the failure tells something about the connection to Snowflake rather than about the statement.
    pub const fn is_about_connection(self) -> bool {
        matches!(
            self,
            Self::Login | Self::Forbidden | Self::TooManyRequests | Self::Unavailable | Self::Protocol
        )
    }
}

/// A failed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Who can do something about it, and what.
    pub kind: Kind,
    /// For the caller: lower case, no full stop. Never holds secrets, file paths or other callers' SQL.
    pub message: String,
    /// Snowflake's six-digit code, e.g. `002003`.
    pub code: Option<String>,
    /// SQLSTATE, e.g. `42S02`.
    pub sql_state: Option<String>,
    /// The statement's query id, where it was known.
    pub query_id: Option<String>,
    /// When to try again, where the other side said so.
    pub retry_after: Option<Duration>,
    /// Names that are nearly the one that was not found, of those that were shown to the same role.
    pub near: Vec<Box<str>>,
    /// What to do next, where that is more than what is always done about the kind; see [`Error::advice`].
    pub own_advice: Option<&'static str>,
    /// For the log only.
    pub detail: Option<String>,
}

impl Error {
    /// An error of `kind` with a sentence for the caller.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            code: None,
            sql_state: None,
            query_id: None,
            retry_after: None,
            near: Vec::new(),
            own_advice: None,
            detail: None,
        }
    }

    /// The next useful step, in words for a model that reads it.
    pub fn advice(&self) -> &'static str {
        self.own_advice.unwrap_or_else(|| self.kind.advice())
    }

    /// The guard's refusal as a failed job: its sentence, and for the log the rule.
    pub fn refused(refusal: &Refusal) -> Self {
        Self::new(Kind::Refused, refusal.message.clone()).with_detail(refusal.rule.name())
    }

    /// Adds what only the log may show.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the query id.
    #[must_use]
    pub fn with_query_id(mut self, query_id: impl Into<String>) -> Self {
        self.query_id = Some(query_id.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind.name(), self.message)?;
        if let Some(code) = &self.code {
            write!(formatter, " (Snowflake code {code})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_name_and_an_advice() {
        let mut names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
        assert!(Kind::ALL.iter().all(|kind| kind.advice().ends_with('.')));
    }
}
