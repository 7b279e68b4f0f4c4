//! The tools that list what there is: databases and views.
//!
//! SHOW and DESCRIBE need no warehouse, so these answer while one sleeps. Their layouts are read by column name:
//! Snowflake adds columns in the middle, and reading by position once printed owners as dates.

use std::sync::Arc;

use super::fence::Fence;
use super::listing::Listing;
use super::names::{default_schema, display_name, name_in, required_name, text_property};
use super::render::{Cut, Figures, Form, OVERHEAD_BYTES, assemble, missing_result};
use super::schema::Arguments;
use super::{Begun, Call, Refusal, Settings, Tool};
use crate::backend::job::Rendered;
use crate::backend::rows::Row;
use crate::backend::{Answer, ResultSet};
use crate::json;
use crate::sql::identifier::Identifier;

pub(super) fn list_databases() -> Tool {
    Tool {
        name: "list_databases",
        title: "List databases",
        description: "List the databases that the server's Snowflake role can see. Start here when you do not know where the data is; then call list_views, or execute_query with SHOW SCHEMAS IN DATABASE … and SHOW TABLES IN SCHEMA ….",
        properties: Vec::new(),
        output_schema: concat!(
            r#"{"type":"object","properties":{"returned":{"type":"integer","description":"databases listed"},"truncated":{"type":"boolean","description":"whether some were left out"},"query_id":{"type":"string"},"elapsed_ms":{"type":"integer"},"#,
            r#""databases":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string","description":"exact name"},"kind":{"type":"string"},"owner":{"type":"string"},"comment":{"type":"string"}},"required":["name"]}}},"#,
            r#""required":["returned","truncated","elapsed_ms","databases"]}"#
        ),
        begin: begin_list_databases,
    }
}

pub(super) fn list_views() -> Tool {
    Tool {
        name: "list_views",
        title: "List views",
        description: "List the views of a database or of one of its schemas, with the time each was created. Without schema it lists the server's default schema if that is set for this database, else the whole database (without INFORMATION_SCHEMA). For tables use execute_query with SHOW TABLES IN SCHEMA ….",
        properties: vec![
            text_property(
                "database",
                true,
                "Database name. Names are folded to upper case as in SQL; put a name with lower-case letters in double quotes.",
            ),
            text_property(
                "schema",
                false,
                "Schema name; leave it out for the default schema or the whole database.",
            ),
        ],
        output_schema: concat!(
            r#"{"type":"object","properties":{"returned":{"type":"integer","description":"views listed"},"truncated":{"type":"boolean","description":"whether some were left out"},"query_id":{"type":"string"},"elapsed_ms":{"type":"integer"},"#,
            r#""views":{"type":"array","items":{"type":"object","properties":{"database":{"type":"string"},"schema":{"type":"string"},"name":{"type":"string","description":"exact name"},"created_on":{"type":"string"},"owner":{"type":"string"},"comment":{"type":"string"}},"required":["name"]}}},"#,
            r#""required":["returned","truncated","elapsed_ms","views"]}"#
        ),
        begin: begin_list_views,
    }
}

fn begin_list_databases(
    settings: &Arc<Settings>,
    _arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let statement = settings.check("SHOW DATABASES")?;
    let list = List {
        title: "Available Snowflake databases:".to_owned(),
        empty: "No databases found. The role that the server uses may see none.".to_owned(),
        noun: "databases",
        limit: settings.rows_max,
        bytes_max: settings.result_bytes_max,
        form,
    };
    let context = settings.context(None, None);
    let render = move |answer| list.render(answer, push_database);
    Ok(settings
        .work(vec![statement], context, settings.rows_max, render)
        .into())
}

fn push_database(list: &mut Listing, row: Row<'_>) {
    let name = row.text("name").unwrap_or_default();
    list.push(&display_name(name), |fields| {
        fields.text("name", name);
        for field in ["kind", "owner", "comment"] {
            fields.text_if_any(field, row.text(field));
        }
    });
}

fn begin_list_views(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let database = required_name(arguments, "database")?;
    let named = name_in(arguments, "schema")?;
    let is_named = named.is_some();
    let schema = named.or_else(|| default_schema(settings, &database));
    let exact = |name: &Identifier| name.as_str().to_owned();
    let mut place = display_name(database.as_str());
    let statement = match &schema {
        Some(schema) => {
            place = format!("{place}.{}", display_name(schema.as_str()));
            format!(
                "SHOW VIEWS IN SCHEMA {}.{}",
                database.to_quoted(),
                schema.to_quoted()
            )
        }
        None => format!("SHOW VIEWS IN DATABASE {}", database.to_quoted()),
    };
    let list = List {
        title: format!("Views in {place}:"),
        empty: if schema.is_some() && !is_named {
            // Who named no schema hardly meant this one alone.
            let database = database.to_quoted();
            format!(
                "No views found in {place}, the server's default schema. Name another one as schema; \
                 SHOW SCHEMAS IN DATABASE {database} lists them."
            )
        } else {
            format!("No views found in {place}")
        },
        noun: "views",
        limit: settings.rows_max,
        bytes_max: settings.result_bytes_max,
        form,
    };
    let statement = settings.check(&statement)?;
    let push: PushRow = if schema.is_some() {
        push_view
    } else {
        push_view_of_database
    };
    let context = settings.context(Some(exact(&database)), schema.as_ref().map(exact));
    let render = move |answer| list.render(answer, push);
    Ok(settings
        .work(vec![statement], context, settings.rows_max, render)
        .into())
}

fn push_view(list: &mut Listing, row: Row<'_>) {
    let name = row.text("name").unwrap_or_default();
    push_view_called(list, row, display_name(name));
}

fn push_view_of_database(list: &mut Listing, row: Row<'_>) {
    let schema = row.text("schema_name").unwrap_or_default();
    // Every database has the same fifty views there: noise unless they are asked for.
    if schema == "INFORMATION_SCHEMA" {
        return;
    }
    let name = row.text("name").unwrap_or_default();
    push_view_called(
        list,
        row,
        format!("{}.{}", display_name(schema), display_name(name)),
    );
}

fn push_view_called(list: &mut Listing, row: Row<'_>, called: String) {
    let created = row.text("created_on").unwrap_or("unknown");
    list.push(&format!("{called} (created: {created})"), |fields| {
        fields.text_if_any("database", row.text("database_name"));
        fields.text_if_any("schema", row.text("schema_name"));
        fields.text("name", row.text("name").unwrap_or_default());
        for field in ["created_on", "owner", "comment"] {
            fields.text_if_any(field, row.text(field));
        }
    });
}

type PushRow = fn(&mut Listing, Row<'_>);

/// A list of objects to be rendered.
#[derive(Debug)]
struct List {
    title: String,
    empty: String,
    noun: &'static str,
    limit: u64,
    bytes_max: usize,
    form: Form,
}

impl List {
    fn render(&self, answer: Answer, push: PushRow) -> Rendered {
        let Some(result) = answer.results.first() else {
            return missing_result(self.form);
        };
        let room = self.bytes_max.saturating_sub(OVERHEAD_BYTES + self.title.len());
        let mut list = Listing::new(self.form.is_structured, room);
        result.rows().for_each(|row| push(&mut list, row));
        let figures = Figures {
            returned: list.count,
            is_truncated: list.is_cut || result.is_truncated(),
            total: None,
            query_id: result.query_id.as_deref(),
            elapsed: answer.elapsed,
        };
        let mut head = String::new();
        if figures.is_truncated {
            head = format!(
                "{}\n\n",
                cut_of(result, &list, self).sentence((0, list.count), None)
            );
        }
        let is_empty = list.count == 0 && !figures.is_truncated;
        head.push_str(if is_empty { &self.empty } else { &self.title });
        let (mut text, mut members) = (Vec::new(), b"{".to_vec());
        json::push_string_body(&mut text, &head);
        figures.push_json(&mut members);
        members.extend_from_slice(format!(",\"{}\":[", self.noun).as_bytes());
        let structured: [&[u8]; 3] = [&members, &list.json, b"]}"];
        let [open, close] = Fence::lines(self.form.fence);
        Rendered {
            result: assemble(self.form, &[&text, &open, &list.text, &close], &structured),
            rows: figures.returned,
            truncated: figures.is_truncated,
            query_id: result.query_id.clone(),
            kept: None,
        }
    }
}

fn cut_of(result: &ResultSet, list: &Listing, shape: &List) -> Cut {
    if !list.is_cut && result.returned() >= shape.limit {
        Cut::Rows {
            limit: shape.limit,
            rows_max: shape.limit,
        }
    } else {
        Cut::Bytes {
            limit: shape.bytes_max,
        }
    }
}
