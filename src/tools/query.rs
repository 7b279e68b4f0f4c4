//! The tools that give rows: a view's first ones, and a statement of the caller's own.

use std::borrow::Cow;
use std::sync::Arc;

use super::names::{
    ObjectName, TABLE_NAME, VIEW_NAME, display_name, name_in, statement_properties, table_properties,
    view_properties,
};
use super::page::{Heading, Page, ROWS_SCHEMA, page_properties, patience, reading};
use super::render::missing_result;
use super::schema::{Arguments, Kind, Property};
use super::{Begun, Call, Refusal, Settings, Tool, choice, explain};
use crate::backend::job::Context;
use crate::backend::{Answer, ResultSet};
use crate::sql::guard::{CheckedStatement, UncheckedStatement};
use crate::sql::identifier::Identifier;
use crate::sql::statement::StatementKind;

/// The name of the tool that runs any statement.
pub(super) const EXECUTE_QUERY: &str = "execute_query";

/// Rows of `query_view` when the caller does not say: enough to see what a view holds.
const SAMPLE_ROWS: u64 = 10;

pub(super) fn query_view(settings: &Settings) -> Tool {
    let mut properties = view_properties();
    properties.extend(page_properties(settings, SAMPLE_ROWS));
    Tool {
        name: "query_view",
        title: "Sample view",
        description: "Show the first rows of a view (or table), all columns, to see what it holds. To filter, join, sort or aggregate use execute_query.",
        properties,
        output_schema: ROWS_SCHEMA,
        begin: begin_query_view,
    }
}

pub(super) fn sample_table(settings: &Settings) -> Tool {
    let mut properties = table_properties();
    properties.extend(page_properties(settings, SAMPLE_ROWS));
    properties.push(Property {
        name: "random",
        kind: Kind::Flag { default: false },
        is_required: false,
        description: "Rows from all over the table instead of the first ones; reads more of it.",
    });
    Tool {
        name: "sample_table",
        title: "Sample table",
        description: "Show a few rows of a table, all columns, to see what its values look like: the first ones, or random ones. For figures about every column use profile_table.",
        properties,
        output_schema: ROWS_SCHEMA,
        begin: begin_sample_table,
    }
}

pub(super) fn execute_query(settings: &Settings) -> Tool {
    let seconds_max = settings.statement_timeout.as_secs().max(1);
    let flag = |name, default, description| Property {
        name,
        kind: Kind::Flag { default },
        is_required: false,
        description,
    };
    let mut properties = statement_properties("One read-only SQL statement in Snowflake's dialect.");
    properties.extend(page_properties(settings, settings.default_rows));
    properties.extend([
        Property {
            name: "timeout_seconds",
            kind: Kind::Count {
                maximum: seconds_max,
                default: seconds_max,
            },
            is_required: false,
            description: "Cancel the statement after this many seconds; it can only shorten the server's own limit.",
        },
        flag(
            "dry_run",
            false,
            "Do not run it: show what it would read and whether it would run, as explain_query does.",
        ),
        flag(
            "use_transaction",
            false,
            "Accepted for compatibility and without effect: a read needs no transaction.",
        ),
        flag(
            "auto_commit",
            true,
            "Accepted for compatibility and without effect: nothing is written.",
        ),
    ]);
    Tool {
        name: EXECUTE_QUERY,
        title: "Execute query",
        description: "Run one read-only SQL statement on Snowflake and return its rows: SELECT, WITH … SELECT, SHOW, DESCRIBE, EXPLAIN or VALUES. The SQL is sent unchanged; rows beyond limit are not read, and the result then says that it is truncated and has a cursor for get_query_result, so aggregate in SQL rather than reading everything. Write names as database.schema.object, or pass database and schema.",
        properties,
        output_schema: ROWS_SCHEMA,
        begin: begin_execute_query,
    }
}

fn begin_query_view(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let name = ObjectName::parse(settings, arguments, VIEW_NAME)?;
    begin_sample(settings, arguments, call, (name, "view", false))
}

fn begin_sample_table(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let name = ObjectName::parse(settings, arguments, TABLE_NAME)?;
    begin_sample(
        settings,
        arguments,
        call,
        (name, "table", arguments.flag("random")),
    )
}

fn begin_sample(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
    (name, noun, is_random): (ObjectName, &'static str, bool),
) -> Result<Begun, Refusal> {
    let form = call.form;
    let limit = arguments.count("limit");
    // One row more than is shown tells whether there are more. The text is ours, so it may be bounded in SQL.
    let statement = if is_random {
        format!("SELECT * FROM {} SAMPLE ({} ROWS)", name.to_quoted(), limit + 1)
    } else {
        format!("SELECT * FROM {} LIMIT {}", name.to_quoted(), limit + 1)
    };
    let statement = settings.check(&statement)?;
    let context = name.context(settings);
    let page = Page::new(settings, arguments, call).without_next();
    let shown = name.to_display();
    let render = move |answer: Answer| {
        let Some(result) = answer.results.first() else {
            return missing_result(form);
        };
        let heading = Heading {
            before: format!("## Data from {shown} ("),
            after: format!(")\n{}", request_id(result)),
            empty: format!("No data found in {noun} {shown} or the {noun} is empty."),
            // The total would be that of our own LIMIT.
            total: None,
        };
        page.render(result, &answer, heading)
    };
    let mut work = settings.work(vec![statement], context, limit, render);
    let connection = choice::connection(settings, arguments);
    work.patience = Some(patience(settings, call, connection));
    Ok(work.into())
}

fn begin_execute_query(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    if arguments.flag("dry_run") {
        return explain::plan_work(settings, arguments, form, true).map(Begun::from);
    }
    let text = settings.sql_text(arguments)?;
    let exact = |name: Option<Identifier>| name.map(|name| name.as_str().to_owned());
    let database = exact(name_in(arguments, "database")?);
    let schema = exact(name_in(arguments, "schema")?);
    let context = settings.context(database, schema);
    let limit = arguments.count("limit");
    // Guarding costs about 46 ns a byte: a long text would hold up every other connection.
    let is_long = text.len() > settings.statement_reactor_bytes_max;
    let checked = (!is_long).then(|| settings.check_text(text)).transpose()?;
    let is_show = |checked: &CheckedStatement| checked.kind() == StatementKind::Show && checked.stages() == 1;
    let page = Page::new(settings, arguments, call).of_show(checked.as_ref().is_some_and(is_show));
    let request = Request {
        place: place(&context),
        statement: echo(text),
        is_transaction: arguments.flag("use_transaction"),
    };
    let render = move |answer: Answer| match answer.results.first() {
        Some(result) => page.render(result, &answer, request.heading(result)),
        None => missing_result(form),
    };
    let mut work = settings.work(Vec::new(), context, limit, render);
    let mut patience = patience(settings, call, choice::connection(settings, arguments));
    patience.reading = Some(reading(arguments));
    work.patience = Some(patience);
    work.timeout = settings.timeout(arguments.count("timeout_seconds"));
    match checked {
        Some(checked) => work.statements.push(checked),
        None => {
            work.unchecked = Some(UncheckedStatement::new(
                text.to_owned(),
                settings.policy_of_texts.clone(),
            ));
        }
    }
    Ok(work.into())
}

/// What the text form of `execute_query` repeats of the call.
#[derive(Debug)]
struct Request {
    place: String,
    statement: String,
    is_transaction: bool,
}

impl Request {
    fn heading(&self, result: &ResultSet) -> Heading {
        let mode = if self.is_transaction {
            "Transaction Mode: Auto-commit\n"
        } else {
            ""
        };
        let fence = fence(&self.statement);
        Heading {
            before: format!("## Query Results ({})\n{}{mode}", self.place, request_id(result)),
            after: format!("\n\n{fence}sql\n{}\n{fence}", self.statement),
            empty: "Query completed successfully but returned no results.".to_owned(),
            total: result.total,
        }
    }
}

fn place(context: &Context) -> String {
    let shown = |name: &Option<String>| {
        let name = name.as_deref().map(display_name);
        name.map_or(Cow::Borrowed("not set"), Cow::Owned)
    };
    format!(
        "Database: {}, Schema: {}",
        shown(&context.database),
        shown(&context.schema)
    )
}

/// A statement as the text form repeats it. The model wrote it, so its beginning is enough to recognise it by.
fn echo(statement: &str) -> String {
    let statement = statement.trim();
    match statement.char_indices().nth(ECHO_CHARS_MAX) {
        None => statement.to_owned(),
        Some((end, _)) => format!("{}...", &statement[..end]),
    }
}

const ECHO_CHARS_MAX: usize = 2_000;

/// A fence that the text inside does not close.
fn fence(text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    fence
}

/// The line by which an operator finds the statement again: Snowflake's query id.
pub(super) fn request_id(result: &ResultSet) -> String {
    let line = |id: &String| format!("Request ID: {id}\n");
    result.query_id.as_ref().map_or_else(String::new, line)
}
