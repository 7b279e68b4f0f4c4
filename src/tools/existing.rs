//! The tools about statements that were submitted before: their rows from any place, and their end.

use std::sync::Arc;

use super::cursor::{self, Place};
use super::names::text_property;
use super::page::{Heading, Page, ROWS_SCHEMA, format_property, limit_property, patience, tokens_property};
use super::query::request_id;
use super::render::{assemble, missing_result};
use super::schema::{Arguments, Fault};
use super::{Begun, Call, Refusal, Settings, Tool, choice};
use crate::backend::job::{Context, Operation, Rendered, Status, Work};
use crate::backend::rows::Position;
use crate::backend::{Answer, ResultSet};
use crate::ident::QueryId;
use crate::json;

pub(super) const CANCEL_QUERY: &str = "cancel_query";

pub(super) fn get_query_result(settings: &Settings) -> Tool {
    Tool {
        name: "get_query_result",
        title: "Get query result",
        description: "Read rows of a statement that was run before: its next page by the cursor of the page before, or from its beginning by its query id. Nothing is run again. Results are kept for about a day.",
        properties: vec![
            text_property(
                "cursor",
                false,
                "next_cursor of the page before; it says which statement and connection, so query_id is not needed.",
            ),
            text_property(
                "query_id",
                false,
                "Query id of the statement, to read from its first row.",
            ),
            limit_property(settings.default_rows.min(settings.rows_max), settings.rows_max),
            format_property(),
            tokens_property(settings),
        ],
        output_schema: ROWS_SCHEMA,
        begin: begin_get_query_result,
    }
}

pub(super) fn cancel_query(_settings: &Settings) -> Tool {
    Tool {
        name: CANCEL_QUERY,
        title: "Cancel query",
        description: "Stop a statement that still runs, by its query id. Of one that has ended nothing changes.",
        properties: vec![text_property("query_id", true, "Query id of the statement.")],
        output_schema: r#"{"type":"object","properties":{"query_id":{"type":"string"},"status":{"type":"string","description":"cancelled"}},"required":["query_id","status"]}"#,
        begin: begin_cancel_query,
    }
}

pub(super) fn query_id_in(arguments: &Arguments<'_>) -> Result<QueryId, Refusal> {
    let text = arguments
        .text("query_id")
        .ok_or(Refusal::Arguments(Fault::Missing("query_id or cursor")))?;
    QueryId::parse(text.trim()).ok_or(Refusal::QueryId)
}

fn begin_get_query_result(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let place = place_in(settings, arguments, call)?;
    let page = Page::new(settings, arguments, call).of_connection(call, place.connection.clone());
    let limit = page.limit;
    let render = move |answer: Answer| match answer.results.first() {
        Some(result) => page.render(result, &answer, heading(result)),
        None => missing_result(form),
    };
    let connection = place.connection.clone();
    let mut work = rows_work(settings, call, place, limit, render)?;
    work.patience = Some(patience(settings, form, connection));
    Ok(work.into())
}

/// Work that reads rows of a statement that was run before: the one way to them, by whatever name they are asked for.
///
/// # Errors
/// None today; whoever may not read them is refused here.
pub(super) fn rows_work(
    settings: &Settings,
    _call: &Call<'_>,
    place: Place,
    limit: u64,
    render: impl FnOnce(Answer) -> Rendered + Send + 'static,
) -> Result<Work, Refusal> {
    let context = Context {
        connection: place.connection,
        ..settings.context(None, None)
    };
    let work = settings.work(Vec::new(), context, limit, render);
    Ok(Work {
        operation: Operation::Read {
            query_id: place.query_id,
            from: place.position,
        },
        ..work
    })
}

/// Where to read: at the cursor, or from the first row of a statement by its id.
fn place_in(settings: &Settings, arguments: &Arguments<'_>, call: &Call<'_>) -> Result<Place, Refusal> {
    let Some(text) = arguments.text("cursor") else {
        return Ok(Place {
            query_id: query_id_in(arguments)?,
            position: Position::default(),
            connection: choice::connection(settings, arguments),
        });
    };
    let place = cursor::open(call, text.trim())?;
    if arguments.text("query_id").is_some() && query_id_in(arguments)? != place.query_id {
        return Err(Refusal::CursorOfAnother);
    }
    // One that was given out while there was a single connection goes where calls go that name none.
    let connection = place
        .connection
        .or_else(|| choice::connection(settings, arguments));
    Ok(Place { connection, ..place })
}

fn heading(result: &ResultSet) -> Heading {
    Heading {
        before: format!("## Query Results\n{}", request_id(result)),
        after: String::new(),
        empty: "There are no (further) rows.".to_owned(),
        total: result.total,
    }
}

fn begin_cancel_query(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let (form, query_id) = (call.form, query_id_in(arguments)?);
    let asked = query_id.clone();
    let render = move |answer: Answer| {
        let status = answer.results.first().and_then(ResultSet::status);
        if status != Some(Status::Cancelled) {
            return missing_result(form);
        }
        let mut text = Vec::new();
        json::push_string_body(&mut text, &format!("Query {asked} is cancelled."));
        let mut structured = b"{\"query_id\":".to_vec();
        json::push_string(&mut structured, asked.as_str());
        structured.extend_from_slice(b",\"status\":\"cancelled\"}");
        Rendered {
            result: assemble(form, &[&text], &[&structured]),
            rows: 0,
            truncated: false,
            query_id: Some(asked.to_string()),
            kept: None,
        }
    };
    let work = settings.work(Vec::new(), settings.context(None, None), 1, render);
    let operation = Operation::Cancel(query_id);
    Ok(Work { operation, ..work }.into())
}
