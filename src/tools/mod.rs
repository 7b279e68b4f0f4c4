//! The tools and what they mean: arguments to work, answers to results.
//!
//! A tool reads its [`Arguments`], makes statements that the guard has passed, and gives the [`Work`] a function that
//! renders the answer in the worker. Nothing here waits, and nothing knows a protocol revision or a transport: what the
//! protocol wants around a result comes in as a [`Form`].
//!
//! SQL of a caller is never rewritten. The number of rows is bounded while they are read.

pub mod call;
pub mod choice;
pub mod document;
pub mod lookup;
pub mod place;
pub mod render;
pub mod schema;
pub mod settings;

mod cursor;
mod describe;
mod existing;
mod format;
mod listing;
mod names;
mod objects;
mod page;
mod query;
mod table;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::backend::job::{Context, Operation, Render, Rendered, Work};
use crate::backend::rows::Bounds;
use crate::backend::{Answer, Error};
use crate::json;
use crate::sql::guard::{self, CheckedStatement};
use crate::sql::identifier;
use crate::token;

pub use call::Call;
pub use choice::Choice;
pub use render::Form;
pub use schema::{Arguments, Property};
pub use settings::Settings;

/// One tool.
#[derive(Debug)]
pub struct Tool {
    /// Name, at most 64 characters of `[A-Za-z0-9_]`.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// For the model.
    pub description: &'static str,
    /// Its arguments, in the order in which they are listed.
    pub properties: Vec<Property>,
    /// JSON Schema of `structuredContent`, whose root is an object.
    pub output_schema: &'static str,
    begin: Begin,
}

type Begin = fn(&Arc<Settings>, &Arguments<'_>, &Call<'_>) -> Result<Begun, Refusal>;

/// What a call of a tool begins with.
#[derive(Debug)]
pub enum Begun {
    /// Work for the backend.
    Work(Box<Work>),
    /// The whole result: nobody needs to be asked.
    Told(Vec<u8>),
}

impl From<Work> for Begun {
    fn from(work: Work) -> Self {
        Self::Work(Box::new(work))
    }
}

/// What a client may assume of every tool here: all of them read, and the database is the world outside.
pub const ANNOTATIONS: &str =
    r#""readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":true"#;

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
    /// `view_name` names another one than the argument of this name does.
    Contradiction(&'static str),
    /// No schema was given and there is no default one.
    NoSchema,
    /// The SQL text is too long.
    StatementTooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length in bytes.
        actual: usize,
    },
    /// The guard did not let the statement pass.
    Statement(guard::Refusal),
    /// The cursor does not open.
    Cursor(token::Fault),
    /// The query id has not the form of one.
    QueryId,
    /// A connection, role or warehouse that callers may not choose.
    Choice {
        /// Which argument.
        argument: &'static str,
        /// What was asked for.
        found: String,
        /// What may be chosen.
        known: Vec<String>,
    },
}

/// A call that is refused before anything is sent.
#[derive(Debug)]
pub struct Refused {
    /// The bytes of a failed result.
    pub result: Vec<u8>,
    /// What the guard did not let pass, where it was the guard.
    pub denied: Option<Box<Denied>>,
}

/// A statement that the guard did not let pass: for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The tool that was called.
    pub tool: &'static str,
    /// The guard's rule.
    pub rule: &'static str,
    /// The text, as it was written.
    pub statement: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(fault) => fault.fmt(formatter),
            Self::Name { argument, fault } => write!(formatter, "{argument} is no name: {fault}"),
            Self::Contradiction(argument) => {
                write!(
                    formatter,
                    "view_name and {argument} name different {argument}s; pass the bare name of the view"
                )
            }
            Self::NoSchema => {
                formatter.write_str("schema parameter is required, because no default schema is set")
            }
            Self::StatementTooLong { limit, actual } => {
                write!(
                    formatter,
                    "the statement is {actual} bytes long, the limit is {limit}"
                )
            }
            Self::Statement(refusal) => refusal.fmt(formatter),
            Self::Cursor(fault) => write!(formatter, "the cursor cannot be used: it is {fault}"),
            Self::QueryId => formatter
                .write_str("query_id is none: they are groups of letters and digits, as results name them"),
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
        }
    }
}

impl Refusal {
    /// The next useful step, where the sentence alone does not show it.
    const fn advice(&self) -> &'static str {
        match self {
            Self::Arguments(_)
            | Self::Name { .. }
            | Self::Contradiction(_)
            | Self::Statement(_)
            | Self::Choice { .. } => "",
            Self::NoSchema => "\nlist_views shows which schema a view is in.",
            Self::Cursor(_) => {
                "\nPass next_cursor of the page before as it is, or the query_id to begin anew; else run the statement again."
            }
            Self::QueryId => "",
            Self::StatementTooLong { .. } => "\nShorten it: long IN lists are better joined against a table.",
        }
    }
}

/// The tools in the order in which they are listed, with the operator's settings.
#[derive(Debug)]
pub struct Catalogue {
    settings: Arc<Settings>,
    tools: Vec<Tool>,
}

impl Catalogue {
    /// The catalogue under these settings.
    pub fn new(settings: Settings) -> Self {
        let settings = Arc::new(settings.with_exact_names());
        let mut tools = vec![
            objects::list_databases(),
            objects::list_views(),
            describe::describe_view(),
            query::query_view(&settings),
            query::execute_query(&settings),
            existing::get_query_result(&settings),
            existing::cancel_query(&settings),
        ];
        let choices = choice::properties(&settings.choices);
        for tool in &mut tools {
            tool.properties.extend(choices.iter().cloned());
        }
        Self { settings, tools }
    }

    /// The tools, in order.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// The tool called `name`.
    pub fn find(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// What a call of `tool` asks for.
    ///
    /// # Errors
    /// A refusal, with the bytes of a failed result.
    pub fn begin(
        &self,
        tool: &Tool,
        arguments: Option<&RawValue>,
        call: &Call<'_>,
    ) -> Result<Begun, Refused> {
        let refused = |refusal: &Refusal, denied| Refused {
            result: render::failure(call.form, &format!("Error: {refusal}{}", refusal.advice())),
            denied,
        };
        let arguments = Arguments::parse(&tool.properties, arguments)
            .map_err(|fault| refused(&Refusal::Arguments(fault), None))?;
        let begun = (tool.begin)(&self.settings, &arguments, call).and_then(|mut begun| {
            if let Begun::Work(work) = &mut begun {
                choice::apply(&self.settings, &arguments, work)?;
            }
            Ok(begun)
        });
        let begun = begun.map_err(|refusal| {
            let denied = match &refusal {
                Refusal::Statement(statement) => Some(Box::new(Denied {
                    tool: tool.name,
                    rule: statement.rule.name(),
                    statement: arguments.text("query").unwrap_or_default().to_owned(),
                })),
                _ => None,
            };
            refused(&refusal, denied)
        })?;
        Ok(match begun {
            Begun::Work(mut work) => {
                work.query_tag = Some(call.query_tag(tool.name));
                Begun::Work(work)
            }
            told @ Begun::Told(_) => told,
        })
    }
}

/// Tools that run a statement of their caller's.
const LONG: &[&str] = &["execute_query"];

/// The result object of a call whose job failed.
pub fn failed(form: Form, error: &Error) -> Vec<u8> {
    render::failure(form, &render::error_text(error))
}

impl Tool {
    /// Whether a call may take longer than a client wants to wait: its statement is the caller's own.
    pub fn may_take_long(&self) -> bool {
        LONG.contains(&self.name)
    }

    /// Appends the description of its arguments as JSON Schema.
    pub fn push_input_schema(&self, into: &mut Vec<u8>) {
        schema::push_schema(into, &self.properties);
    }

    /// Appends `"name":…,"description":…,"inputSchema":…`, what every list of tools has.
    pub fn push_basics(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(b"\"name\":");
        json::push_string(into, self.name);
        into.extend_from_slice(b",\"description\":");
        json::push_string(into, self.description);
        into.extend_from_slice(b",\"inputSchema\":");
        self.push_input_schema(into);
    }
}

impl Settings {
    /// Guards a statement of our own making.
    fn check(&self, statement: &str) -> Result<CheckedStatement, Refusal> {
        self.policy.check(statement).map_err(Refusal::Statement)
    }

    /// Work for these statements under the operator's bounds.
    fn work(
        &self,
        statements: Vec<CheckedStatement>,
        context: Context,
        rows_max: u64,
        render: impl FnOnce(Answer) -> Rendered + Send + 'static,
    ) -> Work {
        Work {
            operation: Operation::Run,
            unchecked: None,
            statements,
            optional: 0,
            context,
            bounds: Bounds {
                rows_max,
                bytes_max: self.result_bytes_max,
            },
            timeout: self.statement_timeout,
            query_tag: None,
            patience: None,
            follow: None,
            render: Render::new(render),
        }
    }

    /// The operator's timeout, lowered to what the caller asks for.
    fn timeout(&self, seconds: u64) -> Duration {
        self.statement_timeout.min(Duration::from_secs(seconds))
    }
}

#[cfg(test)]
mod tests;
