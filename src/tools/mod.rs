//! The tools and what they mean: arguments to work, answers to results.
//!
//! A tool reads its [`Arguments`], makes statements that the guard has passed, and gives the [`Work`] a function that
//! renders the answer in the worker. Nothing here waits, and nothing knows a protocol revision or a transport: what the
//! protocol wants around a result comes in as a [`Form`].
//!
//! SQL of a caller is never rewritten. The number of rows is bounded while they are read.

pub mod call;
pub mod choice;
pub mod cursor;
pub mod document;
pub mod gate;
pub mod history;
pub mod lookup;
pub mod place;
pub mod refusal;
pub mod render;
pub mod result;
pub mod schema;
pub mod settings;

mod describe;
mod existing;
mod explain;
mod fence;
mod format;
mod listing;
mod names;
mod objects;
mod page;
mod plan;
mod profile;
mod query;
mod search;
mod shown;
mod table;
mod visible;

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::backend::job::{Context, Operation, Render, Rendered, Work};
use crate::backend::rows::Bounds;
use crate::backend::{Answer, Error};
use crate::json;
use crate::sql::guard::{CheckedStatement, UncheckedStatement, Write};

pub use call::{Call, Rights};
pub use choice::Choice;
pub use fence::Fence;
pub use gate::Consent;
pub use history::History;
pub use refusal::Refusal;
pub use render::{Form, framed};
pub use schema::{Arguments, Property};
pub use settings::Settings;
pub use visible::Visible;

use gate::Gate;

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
    /// The statements that the caller ran are listed, by who keeps their [`History`].
    Listed(history::Asking),
}

impl From<Work> for Begun {
    fn from(work: Work) -> Self {
        Self::Work(Box::new(work))
    }
}

/// What a client may assume of every tool that reads, as nearly all do; and the database is the world outside.
pub const ANNOTATIONS: &str =
    r#""readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":true"#;

/// The same of a tool that ends what runs: nothing that is stored is lost, but it is more than reading.
const CANCELLING: &str =
    r#""readOnlyHint":false,"destructiveHint":false,"idempotentHint":true,"openWorldHint":true"#;

/// A call that is refused before anything is sent.
#[derive(Debug, Default)]
pub struct Refused {
    /// The bytes of a failed result.
    pub result: Vec<u8>,
    /// Why, and what to do: what the result says.
    pub reason: String,
    /// What the guard did not let pass, where it was the guard.
    pub denied: Option<Box<Denied>>,
    /// Whether it lacks the right to write: a matter of the credential, which the transport tells in its own way.
    pub needs_write: bool,
}

/// A statement that the guard did not let pass: for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The tool that was called.
    pub tool: &'static str,
    /// The guard's rule.
    pub rule: &'static str,
    /// The text, as it was written; `None` where it was an earlier statement that the caller has not run.
    pub statement: Option<Arc<str>>,
    /// The query id of such a statement.
    pub query_id: Option<String>,
}

/// The tools in the order in which they are listed, with the operator's settings.
#[derive(Debug)]
pub struct Catalogue {
    /// As they were given, for whom rulings are exchanged.
    given: Settings,
    settings: Arc<Settings>,
    /// For callers for whom something else is said.
    special: Vec<Arc<Settings>>,
    tools: Vec<Tool>,
    /// What reads rows as a resource.
    reader: Tool,
}

impl Catalogue {
    /// The catalogue under these settings.
    pub fn new(given: Settings) -> Self {
        let settings = given.clone().with_exact_names();
        let special = gate::special(&settings);
        let settings = Arc::new(settings.under(settings.rulings.base()));
        let mut tools = vec![
            objects::list_databases(),
            objects::list_schemas(),
            objects::list_tables(),
            objects::list_views(),
            describe::describe_table(),
            describe::describe_view(),
            search::search_objects(),
            query::sample_table(&settings),
            profile::profile_table(),
            query::query_view(&settings),
            query::execute_query(&settings),
            explain::explain_query(),
            existing::get_query_result(&settings),
            existing::cancel_query(&settings),
        ];
        gate::add_arguments(&settings.rulings, &mut tools);
        let choices = choice::properties(&settings.choices);
        let mut reader = result::reader(&settings);
        for tool in tools.iter_mut().chain([&mut reader]) {
            tool.properties.extend(choices.iter().cloned());
        }
        // It asks no connection.
        tools.push(history::list_queries(&settings));
        Self {
            given,
            settings,
            special,
            tools,
            reader,
        }
    }

    /// Names of the connections, where there are several; the first is the one of calls that name none.
    pub fn connections(&self) -> impl Iterator<Item = &str> {
        let choices = &self.settings.choices;
        let are_several = choices.len() > 1;
        choices
            .iter()
            .filter(move |_| are_several)
            .map(|choice| &*choice.connection)
    }

    /// The settings that hold for this caller, in the role that it chose or else in the server's.
    fn settings_of(&self, call: &Call<'_>, arguments: &Arguments<'_>) -> &Arc<Settings> {
        if self.special.is_empty() {
            return &self.settings;
        }
        let role = choice::role(arguments).or_else(|| self.settings.role.clone());
        self.settings_in(role.as_deref(), call.credential())
    }

    fn settings_in(&self, role: Option<&str>, principal: &[u8]) -> &Arc<Settings> {
        let ruling = self.settings.rulings.of(role, Some(principal));
        let found = self
            .special
            .iter()
            .find(|settings| Arc::ptr_eq(&settings.ruling, ruling));
        found.unwrap_or(&self.settings)
    }

    /// The writes that some caller may run.
    pub fn writes(&self) -> Vec<Write> {
        let may = |write: &Write| {
            let mut rulings = self.settings.rulings.all();
            rulings.any(|ruling| ruling.policy.writes().any(|allowed| allowed == *write))
        };
        Write::ALL.into_iter().filter(may).collect()
    }

    /// The tools, in order.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// The tool called `name`.
    pub fn find(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// What a call of `tool` asks for, behind the gate, of a caller who cannot be asked.
    ///
    /// # Errors
    /// A refusal, with the bytes of a failed result.
    pub fn begin(
        &self,
        tool: &Tool,
        arguments: Option<&RawValue>,
        call: &Call<'_>,
    ) -> Result<Begun, Refused> {
        self.begin_with_consent(tool, arguments, call, Consent::Unknown(None))
    }

    /// The same, where more is known of the caller's will.
    ///
    /// # Errors
    /// As [`Catalogue::begin`].
    pub fn begin_with_consent(
        &self,
        tool: &Tool,
        arguments: Option<&RawValue>,
        call: &Call<'_>,
        consent: Consent,
    ) -> Result<Begun, Refused> {
        let refused = |refusal: &Refusal, denied| {
            let reason = format!("{refusal}{}", refusal.advice());
            Refused {
                result: render::failure(call.form, &format!("Error: {reason}")),
                reason,
                denied,
                needs_write: *refusal == Refusal::ReadsOnly,
            }
        };
        let denied = |rule, arguments: &Arguments<'_>| {
            let statement = arguments.is_known("query").then(|| arguments.text("query"));
            Some(Box::new(Denied {
                tool: tool.name,
                rule,
                statement: Some(statement.flatten().unwrap_or_default().into()),
                query_id: None,
            }))
        };
        let mut arguments = Arguments::parse(&tool.properties, arguments)
            .map_err(|fault| refused(&Refusal::Arguments(fault), None))?;
        let settings = self.settings_of(call, &arguments);
        arguments.lower("limit", settings.rows_max);
        let begun = (tool.begin)(settings, &arguments, call).and_then(|mut begun| {
            if let Begun::Work(work) = &mut begun {
                choice::apply(settings, &arguments, work)?;
                work.context.login = call.rights.login.cloned();
                if call.rights.is_reader {
                    keep_from_writing(work)?;
                }
            }
            Ok(begun)
        });
        let begun = begun.map_err(|refusal| {
            let denied = match &refusal {
                Refusal::Statement(statement) => denied(statement.rule.name(), &arguments),
                Refusal::ReadsOnly => denied(READS_ONLY, &arguments),
                Refusal::NotYours(query_id) => Some(Box::new(Denied {
                    tool: tool.name,
                    rule: NOT_YOURS,
                    statement: None,
                    query_id: Some(query_id.to_string()),
                })),
                _ => None,
            };
            refused(&refusal, denied)
        })?;
        let Begun::Work(mut work) = begun else {
            return Ok(begun);
        };
        work.query_tag = Some(call.query_tag(tool.name));
        let gate = Gate::new(
            settings,
            tool.name,
            &arguments,
            (call.form, &work.context),
            consent,
        );
        match gate.put_before(work) {
            Ok(Ok(work)) => Ok(Begun::Work(work)),
            Ok(Err(asking)) => Ok(Begun::Told(asking)),
            Err(error) => Err(Refused {
                result: failed(call.form, &error),
                reason: format!("{}. {}", error.message, error.advice()),
                denied: denied(error.kind.name(), &arguments),
                needs_write: false,
            }),
        }
    }
}

/// Sees to it that the work of a caller who may only read writes nothing. A text that is guarded in the worker is refused
/// there, as if nobody might write.
fn keep_from_writing(work: &mut Work) -> Result<(), Refusal> {
    if work
        .statements
        .iter()
        .any(|statement| statement.write().is_some())
    {
        return Err(Refusal::ReadsOnly);
    }
    work.unchecked = work.unchecked.take().map(UncheckedStatement::without_writes);
    Ok(())
}

/// What the audit log calls a write of a caller who may only read.
const READS_ONLY: &str = "scope";

/// What the audit log calls it when a caller asks after a statement that it is not known to have run.
const NOT_YOURS: &str = "not_yours";

/// Tools that run a statement of their caller's.
const LONG: &[&str] = &["execute_query"];

/// What a client may assume of `tool` where these writes are allowed, as members of its annotations.
pub fn annotations(tool: &Tool, writes: &[Write]) -> String {
    if tool.name == existing::CANCEL_QUERY {
        return CANCELLING.to_owned();
    }
    if tool.name != query::EXECUTE_QUERY || writes.is_empty() {
        return ANNOTATIONS.to_owned();
    }
    let is_destructive = writes.iter().any(|write| write.is_destructive());
    format!(
        r#""readOnlyHint":false,"destructiveHint":{is_destructive},"idempotentHint":false,"openWorldHint":true"#
    )
}

/// What `tool` is, for the model, where these writes are allowed.
pub fn description(tool: &Tool, writes: &[Write]) -> String {
    if tool.name != query::EXECUTE_QUERY || writes.is_empty() {
        return tool.description.to_owned();
    }
    let verbs: Vec<_> = writes
        .iter()
        .map(|write| write.name().to_ascii_uppercase())
        .collect();
    format!(
        "{} The operator also allows these writes here, which change data for good: {}.",
        tool.description,
        verbs.join(", ")
    )
}

/// The result object of a call whose job failed.
pub fn failed(form: Form, error: &Error) -> Vec<u8> {
    match form.fence {
        // What has a code was said by Snowflake, and may quote what somebody wrote.
        Some(fence) if error.code.is_some() => {
            let message = fence.around(&error.message);
            let fenced = Error {
                message,
                ..error.clone()
            };
            render::failure(form, &render::error_text(&fenced))
        }
        _ => render::failure(form, &render::error_text(error)),
    }
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

    /// Guards a statement that a caller wrote.
    fn check_text(&self, text: &str) -> Result<CheckedStatement, Refusal> {
        self.policy_of_texts.check(text).map_err(Refusal::Statement)
    }

    /// The SQL text in the argument `query`.
    fn sql_text<'t>(&self, arguments: &'t Arguments<'_>) -> Result<&'t str, Refusal> {
        let text = arguments.text("query").unwrap_or_default();
        if text.trim().is_empty() {
            return Err(Refusal::Arguments(schema::Fault::Missing("query")));
        }
        if text.len() > self.statement_bytes_max {
            return Err(Refusal::StatementTooLong {
                limit: self.statement_bytes_max,
                actual: text.len(),
            });
        }
        Ok(text)
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
            asked: Default::default(),
            statements,
            optional: 0,
            context,
            bounds: Bounds {
                rows_max,
                bytes_max: self.result_bytes_max,
            },
            timeout: self.statement_timeout,
            query_tag: None,
            share: None,
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
