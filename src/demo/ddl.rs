//! GET_DDL: the statements that would make a table, view or schema.

use super::catalog::{self, Database, Schema, Table, View};
use super::fault::{Fault, Outcome};
use super::lexis::parse_name;
use super::session::Session;
use super::translate::object::{self, Object};

/// The text for GET_DDL(kind, name, qualified).
///
/// # Errors
/// The object does not exist or is of another kind; a kind that this engine has none of.
pub(super) fn of(kind: &str, name: &str, qualified: bool, session: &Session) -> Outcome<String> {
    let parts = parse_name(name)?;
    match kind.to_uppercase().as_str() {
        "TABLE" | "VIEW" => of_object(kind, &parts, qualified, session),
        "SCHEMA" => {
            let (database, schema) = match parts.as_slice() {
                [schema] => (session.database.as_str(), schema.as_str()),
                [database, schema] => (database.as_str(), schema.as_str()),
                _ => return Err(missing("Schema", name)),
            };
            let database = catalog::database(database).ok_or_else(|| missing("Database", database))?;
            let schema = database.schema(schema).ok_or_else(|| missing("Schema", name))?;
            Ok(create_schema(database, schema, qualified))
        }
        "DATABASE" => {
            let database = match parts.as_slice() {
                [database] => catalog::database(database),
                _ => None,
            };
            let database = database.ok_or_else(|| missing("Database", name))?;
            let mut text = format!(
                "create or replace database {}{};\n",
                written(database.name),
                comment(database.comment)
            );
            for schema in database.schemas {
                text += "\n";
                text += &create_schema(database, schema, true);
            }
            Ok(text)
        }
        other => Err(Fault::unsupported(format_args!("GET_DDL of {other}"))),
    }
}

fn of_object(kind: &str, parts: &[String], qualified: bool, session: &Session) -> Outcome<String> {
    let [database, schema, _] = session.complete(parts)?;
    match (object::find(session, parts)?, kind.to_uppercase().as_str()) {
        // Snowflake answers GET_DDL('TABLE', …) for views too.
        (Object::View(view), _) => Ok(create_view(database, schema, view, qualified)),
        (Object::Table(table), "TABLE") => Ok(create_table(database, schema, table, qualified)),
        (Object::Table(_) | Object::Information(_), _) => Err(missing("View", &parts.join("."))),
    }
}

fn missing(what: &'static str, name: &str) -> Fault {
    Fault::UnknownObject {
        what,
        name: name.to_owned(),
    }
}

/// The text of a view, as SHOW VIEWS and INFORMATION_SCHEMA.VIEWS say it too.
pub(super) fn create_view(database: &str, schema: &str, view: &View, qualified: bool) -> String {
    format!(
        "create or replace view {}{}\nas\n{};",
        full_name(&[database, schema], view.name, qualified),
        comment(view.comment),
        view.query
    )
}

fn create_table(database: &str, schema: &str, table: &Table, qualified: bool) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let not_null = if column.nullable { "" } else { " NOT NULL" };
            let about = if column.comment.is_empty() {
                String::new()
            } else {
                format!(" COMMENT {}", quoted(column.comment))
            };
            format!("\t{} {}{not_null}{about}", written(column.name), column.kind)
        })
        .collect();
    format!(
        "create or replace TABLE {} (\n{}\n){};",
        full_name(&[database, schema], table.name, qualified),
        columns.join(",\n"),
        comment(table.comment)
    )
}

fn create_schema(database: &Database, schema: &Schema, qualified: bool) -> String {
    let mut text = format!(
        "create or replace schema {}{};\n",
        full_name(&[database.name], schema.name, qualified),
        comment(schema.comment)
    );
    for table in schema.tables {
        text += "\n";
        text += &create_table(database.name, schema.name, table, qualified);
        text += "\n";
    }
    for view in schema.views {
        text += "\n";
        text += &create_view(database.name, schema.name, view, qualified);
        text += "\n";
    }
    text
}

fn full_name(qualifier: &[&str], name: &str, qualified: bool) -> String {
    let mut parts: Vec<String> = Vec::new();
    if qualified {
        parts.extend(qualifier.iter().map(|part| written(part)));
    }
    parts.push(written(name));
    parts.join(".")
}

/// Quoted only where it must be.
fn written(name: &str) -> String {
    let plain = name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
        && name.chars().all(|letter| {
            letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_' || letter == '$'
        });
    if plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn comment(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(" COMMENT={}", quoted(text))
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "\\'"))
}
