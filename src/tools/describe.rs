//! The tools that show one table or view: its columns, and the statement that makes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fence::Fence;
use super::listing::Listing;
use super::names::{
    ObjectName, TABLE_NAME, VIEW_NAME, display_name, fresh_property, table_properties, view_properties,
};
use super::render::{Figures, Form, OVERHEAD_BYTES, missing_result, shared};
use super::schema::Arguments;
use super::shown::{NAMES_KEPT_MAX, form_of, names_of, share};
use super::{Begun, Call, Refusal, Settings, Tool};
use crate::backend::Answer;
use crate::backend::job::Rendered;
use crate::backend::kept::{Kept, Mark, Subject};
use crate::backend::rows::Row;
use crate::json;
use crate::sql::identifier::quote_literal;

/// Schema of `structuredContent` of both tools, with what a column has besides.
macro_rules! description_schema {
    ($column:literal) => {
        concat!(
            r#"{"type":"object","properties":{"cached":{"type":"boolean","description":"whether this was read for an earlier call"},"age_seconds":{"type":"integer"},"database":{"type":"string"},"schema":{"type":"string"},"name":{"type":"string"},"#,
            r#""returned":{"type":"integer","description":"columns listed"},"truncated":{"type":"boolean","description":"whether columns or the definition were left out"},"query_id":{"type":"string"},"elapsed_ms":{"type":"integer"},"#,
            r#""columns":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"type":{"type":"string"},"nullable":{"type":"boolean"},"#,
            $column,
            r#""comment":{"type":"string"}},"required":["name","type","nullable"]}},"#,
            r#""definition":{"type":"string","description":"the statement that makes it"}},"#,
            r#""required":["cached","database","schema","name","returned","truncated","elapsed_ms","columns"]}"#
        )
    };
}

pub(super) fn describe_table() -> Tool {
    let mut properties = table_properties();
    properties.push(fresh_property());
    Tool {
        name: "describe_table",
        title: "Describe table",
        description: "Show the columns of a table with types, nullability, defaults, keys (also which columns refer to other tables, for joins) and comments, and the SQL that makes it. Use it before writing a query.",
        properties,
        output_schema: description_schema!(
            r#""default":{"type":"string"},"primary_key":{"type":"boolean"},"unique_key":{"type":"boolean"},"references":{"type":"string","description":"the column that this one refers to"},"#
        ),
        begin: begin_describe_table,
    }
}

pub(super) fn describe_view() -> Tool {
    let mut properties = view_properties();
    properties.push(fresh_property());
    Tool {
        name: "describe_view",
        title: "Describe view",
        description: "Show the columns of a view with types, nullability and comments, and the SQL that defines it. Use it before writing a query. For a table use describe_table.",
        properties,
        output_schema: description_schema!(""),
        begin: begin_describe_view,
    }
}

fn begin_describe_table(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let name = ObjectName::parse(settings, arguments, TABLE_NAME)?;
    let quoted = name.to_quoted();
    let texts = vec![
        format!("DESCRIBE TABLE {quoted}"),
        format!("SHOW IMPORTED KEYS IN TABLE {quoted}"),
        format!("SELECT GET_DDL('TABLE', {}, TRUE) AS DDL", quote_literal(&quoted)),
    ];
    begin(settings, arguments, form, Shape { name, kind: "Table" }, &texts)
}

fn begin_describe_view(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let name = ObjectName::parse(settings, arguments, VIEW_NAME)?;
    let quoted = name.to_quoted();
    let texts = vec![
        format!("DESCRIBE VIEW {quoted}"),
        format!("SELECT GET_DDL('VIEW', {}, TRUE) AS DDL", quote_literal(&quoted)),
    ];
    begin(settings, arguments, form, Shape { name, kind: "View" }, &texts)
}

/// What is described.
struct Shape {
    name: ObjectName,
    kind: &'static str,
}

fn begin(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    form: Form,
    shape: Shape,
    texts: &[String],
) -> Result<Begun, Refusal> {
    let statements: Result<Vec<_>, _> = texts.iter().map(|text| settings.check(text)).collect();
    let (context, bytes_max) = (shape.name.context(settings), settings.result_bytes_max);
    let place = shape.name.to_place();
    let subject = match shape.kind {
        "View" => Subject::ViewColumns,
        _ => Subject::Columns,
    };
    let mut share = share(&context, subject, &place.to_in_clause(), form_of(form));
    share.is_fresh = arguments.flag("fresh");
    share.uri = Some(place.to_uri().into());
    let render = move |answer| render_description(&answer, &shape, bytes_max, form);
    let mut work = settings.work(statements?, context, settings.rows_max, render);
    // GET_DDL fails for secure views of others; their columns are still worth telling. So are those without their keys.
    work.optional = work.statements.len() - 1;
    work.share = Some(share);
    Ok(work.into())
}

fn render_description(answer: &Answer, shape: &Shape, bytes_max: usize, form: Form) -> Rendered {
    let (columns, references, definition) = match answer.results.as_slice() {
        [columns, definition] => (columns, BTreeMap::new(), definition),
        [columns, keys, definition] => (columns, keys.rows().filter_map(reference).collect(), definition),
        _ => return missing_result(form),
    };
    let name = &shape.name;
    // Names occur in both forms, and an escape may double them.
    let names = 4 * name.to_quoted().len();
    let room = bytes_max.saturating_sub(OVERHEAD_BYTES + names);
    let mut list = Listing::new(form.is_structured, room);
    columns
        .rows()
        .for_each(|row| push_column_with(&mut list, row, &references));

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
    let mut text = Vec::new();
    json::push_string_body(&mut text, &description_head(shape, figures, bytes_max));
    let definition_heading = format!("\\n\\n### {} Definition:\\n```sql\\n", shape.kind);
    let tail: [&[u8]; 3] = match (has_ddl, is_ddl_cut) {
        (true, _) => [definition_heading.as_bytes(), &escaped, b"\\n```"],
        (false, true) => [b"\\n\\nThe definition is too long to be shown.", b"", b""],
        (false, false) => [b"\\n\\nThe role may not see the definition.", b"", b""],
    };
    let [open, close] = Fence::lines(form.fence);
    let members = description_members(name, figures);
    let definition_member: [&[u8]; 3] = if has_ddl {
        [b",\"definition\":\"", &escaped, b"\"}"]
    } else {
        [b"}", b"", b""]
    };
    let [before, inside, behind] = definition_member;
    let structured: [&[u8]; 6] = [&members, &list.json, b"]", before, inside, behind];
    let mut mark = Mark::default();
    mark.add(&list.text);
    mark.add(&escaped);
    let kept = Kept {
        body: shared(
            form,
            &[&text, &open, &list.text, tail[0], tail[1], tail[2], &close],
            &structured,
        ),
        mark: mark.get(),
        ..names_of(columns, NAMES_KEPT_MAX)
    };
    Rendered {
        rows: figures.returned,
        truncated: figures.is_truncated,
        query_id: columns.query_id.clone(),
        result: Vec::new(),
        kept: Some(kept.into()),
    }
}

/// A column of the table and the column that it refers to, of a row of SHOW IMPORTED KEYS.
fn reference(row: Row<'_>) -> Option<(String, String)> {
    let parts = [
        "pk_database_name",
        "pk_schema_name",
        "pk_table_name",
        "pk_column_name",
    ];
    let parts: Option<Vec<String>> = parts
        .iter()
        .map(|part| row.text(part).map(display_name))
        .collect();
    Some((row.text("fk_column_name")?.to_owned(), parts?.join(".")))
}

/// Adds a column, of a row of DESCRIBE.
pub(super) fn push_column(list: &mut Listing, row: Row<'_>) {
    push_column_with(list, row, &BTreeMap::new());
}

fn push_column_with(list: &mut Listing, row: Row<'_>, references: &BTreeMap<String, String>) {
    let name = row.text("name").unwrap_or_default();
    let type_name = row.text("type").unwrap_or("unknown");
    let is_nullable = row.text("null?") != Some("N");
    let any = |column: &str| row.text(column).filter(|text| !text.is_empty());
    let (comment, default) = (any("comment"), any("default"));
    let is_key = |column: &str| matches!(row.text(column), Some("Y" | "true"));
    let (is_primary, is_unique) = (is_key("primary key"), is_key("unique key"));
    let reference = references.get(name).map(String::as_str);
    let mut line = format!(
        "- {name} : {type_name} {}",
        if is_nullable { "NULL" } else { "NOT NULL" }
    );
    if is_primary {
        line.push_str(", primary key");
    }
    if is_unique {
        line.push_str(", unique");
    }
    for (what, text) in [("default", default), ("references", reference)] {
        if let Some(text) = text {
            line.push_str(&format!(", {what} {}", text.replace(['\r', '\n'], " ")));
        }
    }
    if let Some(comment) = comment {
        line.push_str(&format!(" ({})", comment.replace(['\r', '\n'], " ")));
    }
    list.push(&line, |fields| {
        fields.text("name", name);
        fields.text("type", type_name);
        fields.flag("nullable", is_nullable);
        fields.text_if_any("default", default);
        for (member, is_set) in [("primary_key", is_primary), ("unique_key", is_unique)] {
            if is_set {
                fields.flag(member, true);
            }
        }
        fields.text_if_any("references", reference);
        fields.text_if_any("comment", comment);
    });
}

fn description_head(shape: &Shape, figures: Figures<'_>, bytes_max: usize) -> String {
    let mut head = String::new();
    if figures.is_truncated {
        head.push_str(&format!(
            "Truncated: a result may have {bytes_max} bytes, so columns or the definition are left out.\n\n"
        ));
    }
    head.push_str(&format!("## {}: {}\n", shape.kind, shape.name.to_display()));
    if let Some(query_id) = figures.query_id {
        head.push_str(&format!("Request ID: {query_id}\n"));
    }
    head.push_str("\n### Columns:");
    head
}

/// Everything of the structured form that stands before the columns.
fn description_members(name: &ObjectName, figures: Figures<'_>) -> Vec<u8> {
    let mut members = b"{".to_vec();
    name.push_json(&mut members);
    members.push(b',');
    figures.push_json(&mut members);
    members.extend_from_slice(b",\"columns\":[");
    members
}
