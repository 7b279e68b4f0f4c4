//! The tools that give rows: a view's first ones, and a statement of the caller's own.

use std::sync::Arc;

use super::names::{ViewName, display_name, name_in, text_property};
use super::render::{Cut, Figures, Form, OVERHEAD_BYTES, assemble, missing_result, unrenderable};
use super::schema::{Arguments, Kind, Property};
use super::table::{self, Layout};
use super::{Begun, Call, Refusal, Settings, Tool, explain};
use crate::backend::job::{Context, Rendered};
use crate::backend::{self, Answer, ResultSet};
use crate::json;
use crate::sql::guard::UncheckedStatement;
use crate::sql::identifier::Identifier;

/// The name of the tool that runs any statement.
pub(super) const EXECUTE_QUERY: &str = "execute_query";

/// Schema of `structuredContent` for both tools.
const ROWS_SCHEMA: &str = concat!(
    r#"{"type":"object","properties":{"returned":{"type":"integer","description":"rows returned"},"truncated":{"type":"boolean","description":"whether there are more rows than were returned"},"total":{"type":"integer","description":"rows of the whole result, where known"},"query_id":{"type":"string"},"elapsed_ms":{"type":"integer"},"#,
    r#""columns":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"type":{"type":"string","description":"Snowflake type"},"nullable":{"type":"boolean"}},"required":["name","type","nullable"]}},"#,
    r#""rows":{"type":"array","description":"cells in column order; numbers of more than 15 digits are strings","items":{"type":"array","items":{}}}},"#,
    r#""required":["returned","truncated","elapsed_ms","columns","rows"]}"#
);

/// Rows of `query_view` when the caller does not say: enough to see what a view holds.
const SAMPLE_ROWS: u64 = 10;

pub(super) fn query_view(settings: &Settings) -> Tool {
    Tool {
        name: "query_view",
        title: "Sample view",
        description: "Show the first rows of a view (or table), all columns, to see what it holds. To filter, join, sort or aggregate use execute_query.",
        properties: vec![
            text_property("database", true, "Database name, as in list_databases."),
            text_property(
                "view_name",
                true,
                "View name without database and schema, as in list_views.",
            ),
            text_property(
                "schema",
                false,
                "Schema name; needed unless the server has a default schema for this database.",
            ),
            limit_property(SAMPLE_ROWS.min(settings.rows_max), settings.rows_max),
        ],
        output_schema: ROWS_SCHEMA,
        begin: begin_query_view,
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
    Tool {
        name: EXECUTE_QUERY,
        title: "Execute query",
        description: "Run one read-only SQL statement on Snowflake and return its rows: SELECT, WITH … SELECT, SHOW, DESCRIBE, EXPLAIN or VALUES. The SQL is sent unchanged; rows beyond limit are not read, and the result then says that it is truncated, so aggregate in SQL rather than reading everything. Write names as database.schema.object, or pass database and schema.",
        properties: vec![
            text_property(
                "query",
                true,
                "One read-only SQL statement in Snowflake's dialect.",
            ),
            text_property(
                "database",
                false,
                "Database in which unqualified names are looked up.",
            ),
            text_property(
                "schema",
                false,
                "Schema in which unqualified names are looked up.",
            ),
            limit_property(settings.default_rows.min(settings.rows_max), settings.rows_max),
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
        ],
        output_schema: ROWS_SCHEMA,
        begin: begin_execute_query,
    }
}

fn limit_property(default: u64, maximum: u64) -> Property {
    Property {
        name: "limit",
        kind: Kind::Count { maximum, default },
        is_required: false,
        description: "Rows to return at most.",
    }
}

fn begin_query_view(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let name = ViewName::parse(settings, arguments)?;
    let limit = arguments.count("limit");
    // One row more than is shown tells whether there are more. The text is ours, so it may be bounded in SQL.
    let statement = format!("SELECT * FROM {} LIMIT {}", name.to_quoted(), limit + 1);
    let statement = settings.check(&statement)?;
    let (context, page) = (name.context(settings), Page::new(settings, limit, form));
    let shown = name.to_display();
    let render = move |answer: Answer| {
        let Some(result) = answer.results.first() else {
            return missing_result(form);
        };
        let heading = Heading {
            before: format!("## Data from {shown} ("),
            after: format!(")\n{}", request_id(result)),
            empty: format!("No data found in view {shown} or the view is empty."),
            // The total would be that of our own LIMIT.
            total: None,
        };
        page.render(result, &answer, heading)
    };
    Ok(settings.work(vec![statement], context, limit, render).into())
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
    let page = Page::new(settings, limit, form);
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
    work.timeout = settings.timeout(arguments.count("timeout_seconds"));
    if text.len() > settings.statement_reactor_bytes_max {
        // Guarding costs about 46 ns a byte: a long text would hold up every other connection.
        work.unchecked = Some(UncheckedStatement::new(
            text.to_owned(),
            settings.policy_of_texts.clone(),
        ));
    } else {
        work.statements.push(settings.check_text(text)?);
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
    let shown = |name: &Option<String>| name.as_deref().map_or_else(|| "not set".to_owned(), display_name);
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
fn request_id(result: &ResultSet) -> String {
    let line = |id: &String| format!("Request ID: {id}\n");
    result.query_id.as_ref().map_or_else(String::new, line)
}

/// The text around the table.
#[derive(Debug)]
struct Heading {
    /// Before `Showing N rows`.
    before: String,
    /// Between that and the table.
    after: String,
    /// Instead of all of it, when there are no rows.
    empty: String,
    /// Rows of the whole result, if that means anything.
    total: Option<u64>,
}

/// How a page of rows is bounded and shaped.
#[derive(Debug, Clone, Copy)]
struct Page {
    limit: u64,
    rows_max: u64,
    bytes_max: usize,
    cell_text_max: usize,
    form: Form,
}

impl Page {
    fn new(settings: &Settings, limit: u64, form: Form) -> Self {
        Self {
            limit,
            rows_max: settings.rows_max,
            bytes_max: settings.result_bytes_max,
            cell_text_max: settings.cell_text_max,
            form,
        }
    }

    fn render(&self, result: &ResultSet, answer: &Answer, heading: Heading) -> Rendered {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        json::push_string_body(&mut before, &heading.before);
        json::push_string_body(&mut after, heading.after.trim_end());
        after.extend_from_slice(b"\\n\\n");
        after.append(&mut table::header(&result.columns, self.cell_text_max));
        let columns = table::columns_json(&result.columns);
        let fixed = before.len() + after.len() + columns.len() + OVERHEAD_BYTES;
        let Some(room) = self.bytes_max.checked_sub(fixed) else {
            return self.too_wide(result.columns.len());
        };
        let layout = Layout {
            is_structured: self.form.is_structured,
            cell_text_max: self.cell_text_max,
            room,
        };
        let rows = table::encode(result, layout);
        let figures = Figures {
            returned: rows.returned,
            is_truncated: rows.is_cut || result.is_truncated(),
            total: heading.total,
            query_id: result.query_id.as_deref(),
            elapsed: answer.elapsed,
        };
        let mut members = b"{".to_vec();
        figures.push_json(&mut members);
        members.extend_from_slice(b",\"columns\":[");
        let structured: [&[u8]; 5] = [&members, &columns, b"],\"rows\":[", &rows.json, b"]}"];
        let object = if figures.returned == 0 && !figures.is_truncated {
            let mut empty = Vec::new();
            json::push_string_body(&mut empty, &heading.empty);
            assemble(self.form, &[&empty], &structured)
        } else {
            let note = self.note(result, &rows, figures);
            let shown = format!("Showing {} rows", rows.returned);
            let text: [&[u8]; 5] = [&note, &before, shown.as_bytes(), &after, &rows.text];
            assemble(self.form, &text, &structured)
        };
        Rendered {
            result: object,
            rows: figures.returned,
            truncated: figures.is_truncated,
            query_id: result.query_id.clone(),
            kept: None,
        }
    }

    /// What stands before everything else when rows were left out.
    fn note(&self, result: &ResultSet, rows: &table::Rows, figures: Figures<'_>) -> Vec<u8> {
        let mut note = Vec::new();
        if !figures.is_truncated {
            return note;
        }
        let cut = if !rows.is_cut && result.returned() >= self.limit {
            Cut::Rows {
                limit: self.limit,
                rows_max: self.rows_max,
            }
        } else {
            Cut::Bytes {
                limit: self.bytes_max,
            }
        };
        json::push_string_body(&mut note, &cut.sentence(figures.returned, figures.total));
        note.extend_from_slice(b"\\n\\n");
        note
    }

    fn too_wide(&self, columns: usize) -> Rendered {
        let message = format!(
            "the names and types of {columns} columns alone do not fit into a result of {} bytes",
            self.bytes_max
        );
        unrenderable(self.form, backend::Kind::ResultTooLarge, message)
    }
}
