//! The tool that shows one view: its columns and the statement that makes it.

use std::sync::Arc;

use super::fence::Fence;
use super::listing::Listing;
use super::names::{ViewName, text_property};
use super::render::{Figures, Form, OVERHEAD_BYTES, assemble, missing_result};
use super::schema::Arguments;
use super::{Begun, Call, Refusal, Settings, Tool};
use crate::backend::Answer;
use crate::backend::job::Rendered;
use crate::backend::rows::Row;
use crate::json;
use crate::sql::identifier::quote_literal;

pub(super) fn describe_view() -> Tool {
    Tool {
        name: "describe_view",
        title: "Describe view",
        description: "Show the columns of a view with types, nullability and comments, and the SQL that defines it. Use it before writing a query. For a table use execute_query with DESCRIBE TABLE ….",
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
        ],
        output_schema: concat!(
            r#"{"type":"object","properties":{"database":{"type":"string"},"schema":{"type":"string"},"name":{"type":"string"},"#,
            r#""returned":{"type":"integer","description":"columns listed"},"truncated":{"type":"boolean","description":"whether columns or the definition were left out"},"query_id":{"type":"string"},"elapsed_ms":{"type":"integer"},"#,
            r#""columns":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"type":{"type":"string"},"nullable":{"type":"boolean"},"comment":{"type":"string"}},"required":["name","type","nullable"]}},"#,
            r#""definition":{"type":"string","description":"the statement that makes the view"}},"#,
            r#""required":["database","schema","name","returned","truncated","elapsed_ms","columns"]}"#
        ),
        begin: begin_describe_view,
    }
}

fn begin_describe_view(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let name = ViewName::parse(settings, arguments)?;
    let quoted = name.to_quoted();
    let statements = vec![
        settings.check(&format!("DESCRIBE VIEW {quoted}"))?,
        settings.check(&format!(
            "SELECT GET_DDL('VIEW', {}, TRUE) AS DDL",
            quote_literal(&quoted)
        ))?,
    ];
    let (context, bytes_max) = (name.context(settings), settings.result_bytes_max);
    let render = move |answer| render_description(answer, &name, bytes_max, form);
    let mut work = settings.work(statements, context, settings.rows_max, render);
    // GET_DDL fails for secure views of others; their columns are still worth telling.
    work.optional = 1;
    Ok(work.into())
}

fn render_description(answer: Answer, name: &ViewName, bytes_max: usize, form: Form) -> Rendered {
    let [columns, definition] = answer.results.as_slice() else {
        return missing_result(form);
    };
    // Names occur in both forms, and an escape may double them.
    let names = 4 * name.to_quoted().len();
    let room = bytes_max.saturating_sub(OVERHEAD_BYTES + names);
    let mut list = Listing::new(form.is_structured, room);
    columns.rows().for_each(|row| push_column(&mut list, row));

    let ddl = definition.rows().next().and_then(|row| row.text("DDL"));
    let mut escaped = Vec::new();
    json::push_string_body(&mut escaped, ddl.unwrap_or_default().trim());
    let copies = if form.is_structured { 2 } else { 1 };
    let is_ddl_cut = copies * escaped.len() > list.room_left() || definition.is_truncated();
    let has_ddl = ddl.is_some() && !is_ddl_cut;

    let figures = Figures {
        returned: list.count,
        is_truncated: list.is_cut || columns.is_truncated() || is_ddl_cut,
        total: None,
        query_id: columns.query_id.as_deref(),
        elapsed: answer.elapsed,
    };
    let head = description_head(name, figures, bytes_max);
    let tail: [&[u8]; 3] = match (has_ddl, is_ddl_cut) {
        (true, _) => [b"\\n\\n### View Definition:\\n```sql\\n", &escaped, b"\\n```"],
        (false, true) => [b"\\n\\nThe definition is too long to be shown.", b"", b""],
        (false, false) => [b"\\n\\nThe role may not see the definition.", b"", b""],
    };
    let mut text = Vec::new();
    json::push_string_body(&mut text, &head);
    let [open, close] = Fence::lines(form.fence);
    let members = description_members(name, figures);
    let definition_member: [&[u8]; 3] = if has_ddl {
        [b",\"definition\":\"", &escaped, b"\"}"]
    } else {
        [b"}", b"", b""]
    };
    let structured = [
        &members,
        &list.json,
        b"]".as_slice(),
        definition_member[0],
        definition_member[1],
        definition_member[2],
    ];
    Rendered {
        result: assemble(
            form,
            &[&text, &open, &list.text, tail[0], tail[1], tail[2], &close],
            &structured,
        ),
        rows: figures.returned,
        truncated: figures.is_truncated,
        query_id: columns.query_id.clone(),
        kept: None,
    }
}

pub(super) fn push_column(list: &mut Listing, row: Row<'_>) {
    let name = row.text("name").unwrap_or_default();
    let type_name = row.text("type").unwrap_or("unknown");
    let is_nullable = row.text("null?") != Some("N");
    let comment = row.text("comment").filter(|comment| !comment.is_empty());
    let mut line = format!(
        "- {name} : {type_name} {}",
        if is_nullable { "NULL" } else { "NOT NULL" }
    );
    if let Some(comment) = comment {
        line.push_str(&format!(" ({})", comment.replace(['\r', '\n'], " ")));
    }
    list.push(&line, |fields| {
        fields.text("name", name);
        fields.text("type", type_name);
        fields.flag("nullable", is_nullable);
        fields.text_if_any("comment", comment);
    });
}

fn description_head(name: &ViewName, figures: Figures<'_>, bytes_max: usize) -> String {
    let mut head = String::new();
    if figures.is_truncated {
        head.push_str(&format!(
            "Truncated: a result may have {bytes_max} bytes, so columns or the definition are left out.\n\n"
        ));
    }
    head.push_str(&format!("## View: {}\n", name.to_display()));
    if let Some(query_id) = figures.query_id {
        head.push_str(&format!("Request ID: {query_id}\n"));
    }
    head.push_str("\n### Columns:");
    head
}

/// Everything of the structured form that stands before the columns.
fn description_members(name: &ViewName, figures: Figures<'_>) -> Vec<u8> {
    let mut members = b"{".to_vec();
    let names = [
        ("database", &name.database),
        ("schema", &name.schema),
        ("name", &name.view),
    ];
    for (member, name) in names {
        json::push_string(&mut members, member);
        members.push(b':');
        json::push_string(&mut members, name.as_str());
        members.push(b',');
    }
    figures.push_json(&mut members);
    members.extend_from_slice(b",\"columns\":[");
    members
}
