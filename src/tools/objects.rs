//! The tools that list what there is: databases, schemas, tables and views.
//!
//! SHOW and DESCRIBE need no warehouse, so these answer while one sleeps. Their layouts are read by column name:
//! Snowflake adds columns in the middle, and reading by position once printed owners as dates.

use std::sync::Arc;

use super::listing::{Fields, Listing};
use super::names::{default_schema, display_name, fresh_property, name_in, required_name, text_property};
use super::place::Place;
use super::render::Form;
use super::schema::Arguments;
use super::shown::{List, PushRow, form_of, share};
use super::{Begun, Call, Refusal, Settings, Tool};
use crate::backend::kept::Subject;
use crate::backend::rows::Row;

/// The schema of `structuredContent` of a tool that lists: `$noun` are its items, with the properties `$properties`.
macro_rules! listing_schema {
    ($noun:literal, $properties:literal) => {
        concat!(
            r#"{"type":"object","properties":{"cached":{"type":"boolean","description":"whether this was read for an earlier call"},"age_seconds":{"type":"integer"},"returned":{"type":"integer","description":""#,
            $noun,
            r#" listed"},"truncated":{"type":"boolean","description":"whether some were left out"},"query_id":{"type":"string"},"elapsed_ms":{"type":"integer"},""#,
            $noun,
            r#"":{"type":"array","items":{"type":"object","properties":{"#,
            $properties,
            r#"},"required":["name"]}}},"required":["cached","returned","truncated","elapsed_ms",""#,
            $noun,
            r#""]}"#
        )
    };
}

pub(super) fn list_databases() -> Tool {
    Tool {
        name: "list_databases",
        title: "List databases",
        description: "List the databases that the server's Snowflake role can see. Start here when you do not know where the data is; then list_schemas, list_tables and list_views, or search_objects to find something by name.",
        properties: vec![fresh_property()],
        output_schema: listing_schema!(
            "databases",
            r#""name":{"type":"string","description":"exact name"},"kind":{"type":"string"},"owner":{"type":"string"},"comment":{"type":"string"}"#
        ),
        begin: begin_list_databases,
    }
}

pub(super) fn list_schemas() -> Tool {
    Tool {
        name: "list_schemas",
        title: "List schemas",
        description: "List the schemas of a database, with comments. Then list_tables and list_views show what is in one.",
        properties: vec![database_property(), fresh_property()],
        output_schema: listing_schema!(
            "schemas",
            r#""database":{"type":"string"},"name":{"type":"string","description":"exact name"},"owner":{"type":"string"},"comment":{"type":"string"}"#
        ),
        begin: begin_list_schemas,
    }
}

pub(super) fn list_tables() -> Tool {
    Tool {
        name: "list_tables",
        title: "List tables",
        description: "List the tables of a schema or of a whole database, with rows, bytes, kind and comment. Without schema it lists the server's default schema if that is set for this database. Views are in list_views; columns in describe_table.",
        properties: vec![database_property(), schema_property(), fresh_property()],
        output_schema: listing_schema!(
            "tables",
            r#""database":{"type":"string"},"schema":{"type":"string"},"name":{"type":"string","description":"exact name"},"kind":{"type":"string"},"rows":{"type":"integer"},"bytes":{"type":"integer"},"clustered_by":{"type":"string"},"created_on":{"type":"string"},"owner":{"type":"string"},"comment":{"type":"string"}"#
        ),
        begin: begin_list_tables,
    }
}

pub(super) fn list_views() -> Tool {
    Tool {
        name: "list_views",
        title: "List views",
        description: "List the views of a database or of one of its schemas, with the time each was created. Without schema it lists the server's default schema if that is set for this database, else the whole database (without INFORMATION_SCHEMA). For tables use list_tables.",
        properties: vec![database_property(), schema_property(), fresh_property()],
        output_schema: listing_schema!(
            "views",
            r#""database":{"type":"string"},"schema":{"type":"string"},"name":{"type":"string","description":"exact name"},"created_on":{"type":"string"},"owner":{"type":"string"},"comment":{"type":"string"}"#
        ),
        begin: begin_list_views,
    }
}

fn database_property() -> super::Property {
    text_property(
        "database",
        true,
        "Database name. Names are folded to upper case as in SQL; put a name with lower-case letters in double quotes.",
    )
}

fn schema_property() -> super::Property {
    text_property(
        "schema",
        false,
        "Schema name; leave it out for the default schema or the whole database.",
    )
}

/// What is shown, and where.
struct Shown {
    /// The command, up to `IN`.
    command: &'static str,
    subject: Subject,
    place: Option<Place>,
    push: PushRow,
}

impl Shown {
    fn work(
        self,
        settings: &Arc<Settings>,
        arguments: &Arguments<'_>,
        list: List,
        form: Form,
    ) -> Result<Begun, Refusal> {
        let scope = self.place.as_ref().map_or_else(String::new, Place::to_in_clause);
        let statement = settings.check(&format!("{}{scope}", self.command))?;
        let context = match &self.place {
            Some(place) => place.context(settings),
            None => settings.context(None, None),
        };
        let mut share = share(settings, &context, self.subject, &scope, form_of(form));
        share.is_fresh = arguments.flag("fresh");
        share.uri = self.place.map(|place| place.to_uri().into());
        let push = self.push;
        let render = move |answer| list.render(&answer, push);
        let mut work = settings.work(vec![statement], context, settings.rows_max, render);
        work.share = Some(share);
        Ok(work.into())
    }
}

fn begin_list_databases(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let list = List::new(
        settings,
        form,
        "databases",
        "Available Snowflake databases:".to_owned(),
        "No databases found. The role that the server uses may see none.".to_owned(),
    );
    let shown = Shown {
        command: "SHOW DATABASES",
        subject: Subject::Databases,
        place: None,
        push: push_database,
    };
    shown.work(settings, arguments, list, form)
}

fn push_database(list: &mut Listing, row: Row<'_>) {
    let name = row.text("name").unwrap_or_default();
    list.push(&display_name(name), |fields| {
        fields.text("name", name);
        push_texts(fields, row, ["kind", "owner", "comment"]);
    });
}

fn begin_list_schemas(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let place = Place::new(required_name(arguments, "database")?, None, None);
    let name = place.to_display();
    let list = List::new(
        settings,
        form,
        "schemas",
        format!("Schemas in {name}:"),
        format!("No schemas found in {name}"),
    );
    let shown = Shown {
        command: "SHOW SCHEMAS",
        subject: Subject::Schemas,
        place: Some(place),
        push: push_schema,
    };
    shown.work(settings, arguments, list, form)
}

fn push_schema(list: &mut Listing, row: Row<'_>) {
    let name = row.text("name").unwrap_or_default();
    let line = with_comment(display_name(name), row);
    list.push(&line, |fields| {
        fields.text_if_any("database", row.text("database_name"));
        fields.text("name", name);
        push_texts(fields, row, ["owner", "comment"]);
    });
}

/// Where a tool looks that takes a database and perhaps a schema, and what it says when nothing is there.
struct Looked {
    place: Place,
    has_schema: bool,
    empty: String,
}

impl Looked {
    fn new(settings: &Settings, arguments: &Arguments<'_>, noun: &str) -> Result<Self, Refusal> {
        let database = required_name(arguments, "database")?;
        let named = name_in(arguments, "schema")?;
        let is_named = named.is_some();
        let schema = named.or_else(|| default_schema(settings, &database));
        let has_schema = schema.is_some();
        let quoted = database.to_quoted();
        let place = Place::new(database, schema, None);
        let name = place.to_display();
        let empty = if has_schema && !is_named {
            // Who named no schema hardly meant this one alone.
            format!(
                "No {noun} found in {name}, the server's default schema. Name another one as schema; \
                 SHOW SCHEMAS IN DATABASE {quoted} lists them."
            )
        } else {
            format!("No {noun} found in {name}")
        };
        Ok(Self {
            place,
            has_schema,
            empty,
        })
    }
}

fn begin_list_tables(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let looked = Looked::new(settings, arguments, "tables")?;
    let title = format!("Tables in {}:", looked.place.to_display());
    let list = List::new(settings, form, "tables", title, looked.empty);
    let shown = Shown {
        command: "SHOW TABLES",
        subject: Subject::Tables,
        place: Some(looked.place),
        push: if looked.has_schema {
            push_table
        } else {
            push_table_of_database
        },
    };
    shown.work(settings, arguments, list, form)
}

fn push_table(list: &mut Listing, row: Row<'_>) {
    let name = display_name(row.text("name").unwrap_or_default());
    push_table_called(list, row, name);
}

fn push_table_of_database(list: &mut Listing, row: Row<'_>) {
    let schema = display_name(row.text("schema_name").unwrap_or_default());
    let name = display_name(row.text("name").unwrap_or_default());
    push_table_called(list, row, format!("{schema}.{name}"));
}

fn push_table_called(list: &mut Listing, row: Row<'_>, called: String) {
    let kind = kind_of_table(row);
    let mut known = kind.to_owned();
    for (count, unit) in [(row.text("rows"), "rows"), (row.text("bytes"), "bytes")] {
        if let Some(count) = count.filter(|count| !count.is_empty()) {
            known.push_str(&format!(", {count} {unit}"));
        }
    }
    let line = with_comment(format!("{called} ({known})"), row);
    list.push(&line, |fields| {
        fields.text_if_any("database", row.text("database_name"));
        fields.text_if_any("schema", row.text("schema_name"));
        fields.text("name", row.text("name").unwrap_or_default());
        fields.text("kind", kind);
        fields.number_if_any("rows", row.text("rows"));
        fields.number_if_any("bytes", row.text("bytes"));
        fields.text_if_any("clustered_by", row.text("cluster_by"));
        push_texts(fields, row, ["created_on", "owner", "comment"]);
    });
}

/// SHOW TABLES calls most kinds `TABLE` and has a flag for each of them.
fn kind_of_table(row: Row<'_>) -> &str {
    const FLAGS: [(&str, &str); 5] = [
        ("is_external", "EXTERNAL TABLE"),
        ("is_dynamic", "DYNAMIC TABLE"),
        ("is_hybrid", "HYBRID TABLE"),
        ("is_iceberg", "ICEBERG TABLE"),
        ("is_event", "EVENT TABLE"),
    ];
    let is_set = |flag: &str| matches!(row.text(flag), Some("Y" | "YES" | "true" | "TRUE"));
    let flagged = FLAGS.iter().find(|(flag, _)| is_set(flag));
    match (flagged, row.text("kind")) {
        (Some((_, kind)), _) => kind,
        (None, Some(kind)) if !kind.is_empty() => kind,
        (None, _) => "TABLE",
    }
}

fn begin_list_views(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let looked = Looked::new(settings, arguments, "views")?;
    let title = format!("Views in {}:", looked.place.to_display());
    let list = List::new(settings, form, "views", title, looked.empty);
    let shown = Shown {
        command: "SHOW VIEWS",
        subject: Subject::Views,
        place: Some(looked.place),
        push: if looked.has_schema {
            push_view
        } else {
            push_view_of_database
        },
    };
    shown.work(settings, arguments, list, form)
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
        push_texts(fields, row, ["created_on", "owner", "comment"]);
    });
}

fn push_texts<const N: usize>(fields: &mut Fields<'_>, row: Row<'_>, names: [&str; N]) {
    for name in names {
        fields.text_if_any(name, row.text(name));
    }
}

/// The line with what the owner says of it, on one line.
fn with_comment(mut line: String, row: Row<'_>) -> String {
    if let Some(comment) = row.text("comment").filter(|comment| !comment.is_empty()) {
        line.push_str(&format!(": {}", comment.replace(['\r', '\n'], " ")));
    }
    line
}
