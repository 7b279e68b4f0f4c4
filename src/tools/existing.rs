//! The tools about statements that were submitted before: their rows from any place, and their end.

use std::sync::Arc;

use super::cursor::{self, Place};
use super::names::text_property;
use super::page::{Heading, Page, ROWS_SCHEMA, page_properties, patience};
use super::query::request_id;
use super::render::{assemble, missing_result};
use super::schema::{Arguments, Fault as ArgumentFault};
use super::{Begun, Call, Refusal, Settings, Tool, choice};
use crate::backend::job::{Context, Operation, Rendered, Status, Work};
use crate::backend::rows::Position;
use crate::backend::{Answer, ResultSet};
use crate::ident::QueryId;
use crate::json;
use crate::token::Fault;

pub(super) const CANCEL_QUERY: &str = "cancel_query";

pub(super) fn get_query_result(settings: &Settings) -> Tool {
    let mut properties = vec![
        text_property(
            "cursor",
            false,
            "next_cursor of the page before; it says which statement and connection, so query_id is not needed.",
        ),
        text_property(
            "query_id",
            false,
            "Query id of the statement, to read from its first row; a cursor of it will do too.",
        ),
    ];
    properties.extend(page_properties(settings, settings.default_rows));
    Tool {
        name: "get_query_result",
        title: "Get query result",
        description: "Read rows of a statement that was run before: its next page by the cursor of the page before, or from its beginning by its query id. Nothing is run again. Results are kept for about a day.",
        properties,
        output_schema: ROWS_SCHEMA,
        begin: begin_get_query_result,
    }
}

pub(super) fn cancel_query(_settings: &Settings) -> Tool {
    Tool {
        name: CANCEL_QUERY,
        title: "Cancel query",
        description: "Stop a statement that still runs, by its query id. Of one that has ended nothing changes.",
        properties: vec![text_property(
            "query_id",
            true,
            "Query id of the statement, or a cursor of it.",
        )],
        output_schema: r#"{"type":"object","properties":{"query_id":{"type":"string"},"status":{"type":"string","description":"cancelled"}},"required":["query_id","status"]}"#,
        begin: begin_cancel_query,
    }
}

/// The first row of the statement that `query_id` names: one of the caller's own, by its id, or by a cursor in its place,
/// which says whose it is on every replica and after every restart. One of somebody else is told as one that is not known.
///
/// Whatever reads or ends an earlier statement for a caller asks here.
pub(super) fn first_row(
    settings: &Settings,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Place, Refusal> {
    let text = arguments
        .text("query_id")
        .ok_or(Refusal::Arguments(ArgumentFault::Missing("query_id or cursor")))?
        .trim();
    // First, because some cursors could be ids by their form. No id opens as one.
    let (query_id, connection) = match cursor::open(call, text) {
        Err(Refusal::Cursor(Fault::Malformed | Fault::Forged)) => match QueryId::parse(text) {
            Some(query_id) if call.may_name(&query_id) => (query_id, None),
            Some(query_id) => return Err(Refusal::NotYours(query_id)),
            None => return Err(Refusal::QueryId),
        },
        opened => {
            let place = opened?;
            (place.query_id, place.connection)
        }
    };
    Ok(Place {
        query_id,
        position: Position::default(),
        connection: connection.or_else(|| choice::connection(settings, arguments)),
    })
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
    let mut work = rows_work(settings, place, limit, render);
    work.patience = Some(patience(settings, call, connection));
    Ok(work.into())
}

/// Work that reads rows of a statement that was run before, from a place that was found by [`first_row`] or its cursor:
/// the one way to them, for tools and resources.
pub(super) fn rows_work(
    settings: &Settings,
    place: Place,
    limit: u64,
    render: impl FnOnce(Answer) -> Rendered + Send + 'static,
) -> Work {
    let context = Context {
        connection: place.connection,
        ..settings.context(None, None)
    };
    let work = settings.work(Vec::new(), context, limit, render);
    Work {
        operation: Operation::Read {
            query_id: place.query_id,
            from: place.position,
        },
        ..work
    }
}

/// Where to read: at the cursor, or from the first row of a statement by its id.
fn place_in(settings: &Settings, arguments: &Arguments<'_>, call: &Call<'_>) -> Result<Place, Refusal> {
    let Some(text) = arguments.text("cursor") else {
        return first_row(settings, arguments, call);
    };
    let text = text.trim();
    let place = cursor::open(call, text)?;
    // The cursor says already whose the statement is.
    let named = arguments.text("query_id").map(str::trim);
    if named.is_some_and(|named| named != place.query_id.as_str() && named != text) {
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
    let form = call.form;
    let Place {
        query_id, connection, ..
    } = first_row(settings, arguments, call)?;
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
    let context = Context {
        connection,
        ..settings.context(None, None)
    };
    let work = settings.work(Vec::new(), context, 1, render);
    let operation = Operation::Cancel(query_id);
    Ok(Work { operation, ..work }.into())
}
