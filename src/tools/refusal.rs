//! Why a call is refused before anything is sent, in words for the model.

use std::fmt;

use super::schema;
use crate::ident::QueryId;
use crate::sql::objects::Barred;
use crate::sql::{guard, identifier};
use crate::token;

/// Why a call was refused before anything was sent. Shown to the model as a failed result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The arguments are not those of the tool.
    Arguments(schema::Fault),
    /// An argument that must be a name is none.
    Name {
        /// Which argument.
        argument: &'static str,
        /// Why.
        fault: identifier::Error,
    },
    /// An argument (the first) names another database or schema than the argument of that name (the second) does.
    Contradiction(&'static str, &'static str),
    /// No schema was given and there is no default one.
    NoSchema,
    /// A kind of object that cannot be looked for.
    ObjectType(String),
    /// A cursor of another search, or none.
    SearchCursor,
    /// The SQL text is too long.
    StatementTooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length in bytes.
        actual: usize,
    },
    /// The guard did not let the statement pass.
    Statement(guard::Refusal),
    /// A connection, role or warehouse that callers may not choose.
    Choice {
        /// Which argument.
        argument: &'static str,
        /// What was asked for.
        found: String,
        /// What may be chosen.
        known: Vec<String>,
    },
    /// An object or place that the operator's lists keep from this caller.
    Barred(Barred),
    /// The statement is none that has a plan.
    NoPlan,
    /// The cursor does not open.
    Cursor(token::Fault),
    /// The cursor is of a statement that another connection ran.
    CursorElsewhere {
        /// The connection that ran it.
        held: String,
        /// The one that the call names; `None` where the server does not have the cursor's.
        named: Option<String>,
    },
    /// The cursor is of another statement than the one that the query id names.
    CursorOfAnother,
    /// The query id has not the form of one.
    QueryId,
    /// The caller is not known to have run the statement of this id.
    NotYours(QueryId),
    /// The statement writes and the caller may only read.
    ReadsOnly,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(fault) => fault.fmt(formatter),
            Self::Name { argument, fault } => write!(formatter, "{argument} is no name: {fault}"),
            Self::Contradiction(named, argument) => {
                let what = named.trim_end_matches("_name");
                write!(
                    formatter,
                    "{named} and {argument} name different {argument}s; pass the bare name of the {what}"
                )
            }
            Self::NoSchema => {
                formatter.write_str("schema parameter is required, because no default schema is set")
            }
            Self::ObjectType(word) => write!(
                formatter,
                "object_types has {word}, which is none of database, schema, table, view, column"
            ),
            Self::SearchCursor => formatter.write_str(
                "cursor is not the next_cursor of a call with the same arguments; leave it out to start over",
            ),
            Self::StatementTooLong { limit, actual } => {
                write!(
                    formatter,
                    "the statement is {actual} bytes long, the limit is {limit}"
                )
            }
            Self::Statement(refusal) => refusal.fmt(formatter),
            Self::Choice {
                argument,
                found,
                known,
            } if known.is_empty() => {
                write!(
                    formatter,
                    "{argument} {found} cannot be chosen in this connection, nor can another"
                )
            }
            Self::Choice {
                argument,
                found,
                known,
            } => write!(
                formatter,
                "{argument} {found} cannot be chosen; there are {}",
                known.join(", ")
            ),
            Self::Barred(barred) => barred.fmt(formatter),
            Self::NoPlan => formatter.write_str(
                "the statement has no plan: only one query, or a write that is allowed, can be explained",
            ),
            Self::Cursor(fault) => write!(formatter, "the cursor cannot be used: it is {fault}"),
            Self::CursorElsewhere {
                held,
                named: Some(named),
            } => write!(
                formatter,
                "the cursor is of connection {held}, and the call names connection {named}; leave connection out"
            ),
            Self::CursorElsewhere { held, named: None } => write!(
                formatter,
                "the cursor is of connection {held}, which this server does not have; run the statement again"
            ),
            Self::CursorOfAnother => {
                formatter.write_str("cursor and query_id are of different statements; pass one of them")
            }
            Self::QueryId => formatter
                .write_str("query_id is none: they are groups of letters and digits, as results name them"),
            Self::NotYours(query_id) => write!(
                formatter,
                "no statement of yours with query id {query_id} is known here"
            ),
            Self::ReadsOnly => {
                formatter.write_str("the statement writes, and this key or token may only read")
            }
        }
    }
}

impl Refusal {
    /// The next useful step, where the sentence alone does not show it.
    pub(super) const fn advice(&self) -> &'static str {
        match self {
            Self::Arguments(_)
            | Self::Name { .. }
            | Self::Contradiction(..)
            | Self::ObjectType(_)
            | Self::SearchCursor
            | Self::Statement(_)
            | Self::Choice { .. }
            | Self::CursorElsewhere { .. }
            | Self::CursorOfAnother
            | Self::Barred(_)
            | Self::NoPlan => "",
            Self::NoSchema => "\nlist_tables and list_views show which schema it is in.",
            Self::Cursor(_) => {
                "\nPass next_cursor of the page before as it is, or the query_id to begin anew; else run the statement again."
            }
            Self::QueryId | Self::ReadsOnly => "",
            Self::NotYours(_) => {
                "\nAnother replica may have run it, or this one before a restart or long ago: pass a cursor of it instead, as its result or the call that stopped waiting for it told one. list_queries shows what is known."
            }
            Self::StatementTooLong { .. } => "\nShorten it: long IN lists are better joined against a table.",
        }
    }
}
