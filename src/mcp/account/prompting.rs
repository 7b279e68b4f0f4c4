//! The prompts: ways through common work with the tools of this server, for people who start it by name.

use super::completing;
use crate::json;
use crate::mcp::entry::{PromptArgument, PromptEntry};
use crate::mcp::offer::Asked;
use crate::rpc;
use crate::sql::identifier::Identifier;
use crate::tools::Catalogue;
use crate::tools::place::Place;

/// A prompt that is filled in.
#[derive(Debug)]
pub(super) struct Text {
    description: &'static str,
    text: String,
}

const EXPLORE: &str = "explore_database";
const EXPLAIN: &str = "explain_query_cost";
const PROFILE: &str = "profile_view";

const EXPLORE_IS: &str = "Find out what a database holds and which questions it can answer";
const EXPLAIN_IS: &str = "Tell what a query would read and cost, without running it";
const PROFILE_IS: &str = "Measure the columns of a view or table: how full, how different, how spread";

/// What the list says of them. Where there are several connections, each can be told which.
pub(super) fn entries(catalogue: &Catalogue) -> Vec<PromptEntry> {
    let mut entries = entries_of_one();
    if catalogue.connections().next().is_some() {
        let connection = "Snowflake connection to use; without it the first.";
        for entry in &mut entries {
            let argument = argument(completing::CONNECTION, connection, false);
            entry.arguments.push(argument);
        }
    }
    entries
}

fn entries_of_one() -> Vec<PromptEntry> {
    let entry = |name: &str, title: &str, description: &str, arguments: Vec<PromptArgument>| PromptEntry {
        name: name.to_owned(),
        title: Some(title.to_owned()),
        description: description.to_owned(),
        arguments,
        icons: Vec::new(),
    };
    vec![
        entry(
            EXPLORE,
            "Explore a database",
            EXPLORE_IS,
            vec![
                argument("database", "Name of the database.", true),
                argument(
                    "goal",
                    "What you want to find out; leave it out for an overview.",
                    false,
                ),
            ],
        ),
        entry(
            EXPLAIN,
            "Explain what a query costs",
            EXPLAIN_IS,
            vec![
                argument("query", "The SELECT statement, in Snowflake's dialect.", true),
                argument(
                    "database",
                    "Database in which unqualified names are looked up.",
                    false,
                ),
                argument(
                    "schema",
                    "Schema in which unqualified names are looked up.",
                    false,
                ),
                argument("warehouse", "Warehouse that it would run on.", false),
            ],
        ),
        entry(
            PROFILE,
            "Profile a view",
            PROFILE_IS,
            vec![
                argument("database", "Name of the database.", true),
                argument("schema", "Name of the schema.", true),
                argument("view", "Name of the view or table.", true),
                argument(
                    "column",
                    "The one column to look at; leave it out for all.",
                    false,
                ),
            ],
        ),
    ]
}

fn argument(name: &str, description: &str, is_required: bool) -> PromptArgument {
    PromptArgument {
        name: name.to_owned(),
        title: None,
        description: description.to_owned(),
        is_required,
    }
}

/// The prompt called `name`, filled in; `None` if there is no such prompt.
pub(super) fn text(name: &str, asked: &Asked<'_>, catalogue: &Catalogue) -> Option<Result<Text, rpc::Error>> {
    let text = match name {
        EXPLORE => explore(asked),
        EXPLAIN => explain(asked),
        PROFILE => profile(asked),
        _ => return None,
    };
    Some(text.and_then(|mut text| {
        if let Some(connection) = completing::connection(catalogue, asked)? {
            text.text.push_str(&format!(
                "\n\nPass connection: \"{connection}\" to every tool; the resources are those of the first connection."
            ));
        }
        Ok(text)
    }))
}

/// The members of the result.
pub(super) fn members(prompt: &Text) -> Vec<u8> {
    let mut members = b"\"description\":".to_vec();
    json::push_string(&mut members, prompt.description);
    members.extend_from_slice(br#","messages":[{"role":"user","content":{"type":"text","text":"#);
    json::push_string(&mut members, &prompt.text);
    members.extend_from_slice(b"}}]");
    members
}

/// The name in an argument, if it was given.
fn name_in(asked: &Asked<'_>, argument: &str) -> Result<Option<Identifier>, rpc::Error> {
    let Some(text) = asked.text(argument).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let fault = |fault| rpc::Error::invalid_params(format_args!("{argument} is no name: {fault}"));
    text.parse().map(Some).map_err(fault)
}

/// The same for an argument that must be there.
fn required_name(asked: &Asked<'_>, argument: &str) -> Result<Identifier, rpc::Error> {
    let missing = || rpc::Error::invalid_params(format_args!("{argument} is required"));
    name_in(asked, argument)?.ok_or_else(missing)
}

fn explore(asked: &Asked<'_>) -> Result<Text, rpc::Error> {
    let place = Place::new(required_name(asked, "database")?, None, None);
    let (name, uri) = (place.to_display(), place.to_uri());
    let goal = match asked.text("goal").filter(|goal| !goal.trim().is_empty()) {
        Some(goal) => format!("The goal: {goal}"),
        None => "The goal: an overview for somebody who has never seen it.".to_owned(),
    };
    Ok(Text {
        description: EXPLORE_IS,
        text: format!(
            "Explore the Snowflake database {name}. {goal}\n\n\
             1. Schemas: read the resource {uri}, or call list_schemas.\n\
             2. For the schemas that matter: list_tables and list_views (database, schema); note rows and comments.\n\
             3. For the five to ten objects that matter most: describe_table or describe_view; note keys, dates and amounts.\n\
             4. Look at a few rows with query_view (limit 5), and check with one aggregate each what period and how many things they cover.\n\
             5. Finish with: what the database is about, its main objects and how they join, how fresh the data is, and five questions it can answer, each with its SQL.\n\n\
             Aggregate in SQL; do not read whole tables. Say what you could not see."
        ),
    })
}

fn explain(asked: &Asked<'_>) -> Result<Text, rpc::Error> {
    let query = asked.text("query").unwrap_or_default();
    let mut place = String::new();
    for argument in ["database", "schema", "warehouse"] {
        if let Some(name) = name_in(asked, argument)? {
            place.push_str(&format!("{argument}: {}\n", name.to_quoted()));
        }
    }
    Ok(Text {
        description: EXPLAIN_IS,
        text: format!(
            "Tell what this Snowflake query would cost. Do not run it.\n\n```sql\n{}\n```\n{place}\n\
             1. Call explain_query with the query (and the database and schema arguments, if they are given here).\n\
             2. From its answer: partitions assigned of partitions in all and bytes assigned, for each table scan; how rows are joined; what is sorted or aggregated.\n\
             3. For tables with a bad ratio look at their size and clustering: execute_query with SHOW TABLES LIKE '…' IN SCHEMA ….\n\
             4. If a warehouse is given: execute_query with SHOW WAREHOUSES LIKE '…' tells its size and whether it must resume (billed for at least a minute).\n\
             5. Finish with: bytes and partitions that would be read, what that means (seconds or minutes, which warehouse size is enough), the one or two most expensive parts, and a cheaper version of the query if there is one, explained the same way.",
            query.trim()
        ),
    })
}

fn profile(asked: &Asked<'_>) -> Result<Text, rpc::Error> {
    let database = required_name(asked, "database")?;
    let schema = required_name(asked, "schema")?;
    let view = required_name(asked, "view")?;
    let place = Place::new(database, Some(schema), Some(view));
    let (name, quoted, uri) = (place.to_display(), place.to_quoted(), place.to_uri());
    let columns = match name_in(asked, "column")? {
        Some(column) => format!("the column {}", column.to_quoted()),
        None => "every column (the first twenty, if there are more)".to_owned(),
    };
    Ok(Text {
        description: PROFILE_IS,
        text: format!(
            "Profile {name} in Snowflake: {columns}.\n\n\
             1. Columns and types: read the resource {uri}, or call describe_view.\n\
             2. Size first: execute_query with SELECT COUNT(*) FROM {quoted}. Over ten million rows use SAMPLE (1) in statements of your own, and say so.\n\
             3. Call profile_table for all columns at once: rows, NULLs, different values, least and greatest. What it leaves out ask with one execute_query: AVG and MEDIAN of numbers.\n\
             4. For columns with few different values one more: SELECT column, COUNT(*) … GROUP BY column ORDER BY 2 DESC LIMIT 10.\n\
             5. Finish with a table, a line a column: type, share of NULL, different values, least and greatest, most frequent; then what looks wrong: keys that are not unique, dates in the future, numbers kept as text, columns that are always NULL or always the same."
        ),
    })
}
