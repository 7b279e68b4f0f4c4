//! The tool that finds things by name or comment: databases, schemas, tables, views and columns, whatever place they
//! are in.
//!
//! SHOW tells all of them without a warehouse; what is like the pattern is found here, in the worker, because comments
//! and misspelt words are nothing that SHOW could look for.

mod matching;

use std::sync::Arc;

use super::fence::Fence;
use super::listing::{Fields, Listing};
use super::names::{display_name, fresh_property, name_in, text_property};
use super::place::Place;
use super::render::{Figures, Form, OVERHEAD_BYTES, shared};
use super::schema::{Arguments, Kind, Property};
use super::shown::{SHOWN_MAX, form_of, share};
use super::{Begun, Call, Refusal, Settings, Tool};
use crate::backend::job::Rendered;
use crate::backend::kept::{Kept, Mark, Subject};
use crate::backend::rows::Row;
use crate::backend::{Answer, ResultSet};
use crate::json;
use crate::sql::identifier::quote_literal;
use matching::Pattern;

/// Objects of one page when the caller does not say, and at most.
const PAGE: (u64, u64) = (50, 500);

pub(super) fn search_objects() -> Tool {
    Tool {
        name: "search_objects",
        title: "Search objects",
        description: "Find databases, schemas, tables, views and columns by name or comment, wherever they are. Needs no warehouse. Start here when you know a word but not the place.",
        properties: vec![
            text_property(
                "pattern",
                true,
                "Words, which may be misspelt or parts of a name and must all be met; or with % a LIKE pattern for the whole name.",
            ),
            text_property(
                "object_types",
                false,
                "What to find, separated by commas: database, schema, table, view, column; all of them if left out.",
            ),
            text_property("database", false, "Look in this database only."),
            text_property(
                "schema",
                false,
                "Look in this schema only; needs database, and finds misspelt or commented columns that a larger search may not reach.",
            ),
            Property {
                name: "detail",
                kind: Kind::Choice(&["summary", "names", "full"]),
                is_required: false,
                description: "names alone, with types and comments (summary), or with everything that is known (full).",
            },
            Property {
                name: "limit",
                kind: Kind::Count {
                    maximum: PAGE.1,
                    default: PAGE.0,
                },
                is_required: false,
                description: "Objects to return at most.",
            },
            text_property("cursor", false, "The next_cursor of the page before."),
            fresh_property(),
        ],
        output_schema: concat!(
            r#"{"type":"object","properties":{"cached":{"type":"boolean","description":"whether this was read for an earlier call"},"age_seconds":{"type":"integer"},"returned":{"type":"integer","description":"objects on this page"},"truncated":{"type":"boolean","description":"whether there are more"},"total":{"type":"integer","description":"objects found"},"query_id":{"type":"string"},"elapsed_ms":{"type":"integer"},"next_cursor":{"type":"string"},"searched_all":{"type":"boolean","description":"whether everything in the place was looked at"},"#,
            r#""objects":{"type":"array","description":"best first","items":{"type":"object","properties":{"type":{"type":"string"},"database":{"type":"string"},"schema":{"type":"string"},"table":{"type":"string","description":"of a column"},"name":{"type":"string","description":"exact name"},"data_type":{"type":"string"},"rows":{"type":"integer"},"bytes":{"type":"integer"},"nullable":{"type":"boolean"},"default":{"type":"string"},"created_on":{"type":"string"},"owner":{"type":"string"},"comment":{"type":"string"}},"required":["type","name"]}}},"#,
            r#""required":["cached","returned","truncated","total","elapsed_ms","searched_all","objects"]}"#
        ),
        begin: begin_search_objects,
    }
}

/// What can be found, in the order in which it is listed among what fits as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Type {
    Database,
    Schema,
    Table,
    View,
    Column,
}

impl Type {
    const ALL: [Self; 5] = [
        Self::Database,
        Self::Schema,
        Self::Table,
        Self::View,
        Self::Column,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Table => "table",
            Self::View => "view",
            Self::Column => "column",
        }
    }

    /// Those that a list names, `tables` and `TABLE` alike; all for none.
    fn list(text: Option<&str>) -> Result<Vec<Self>, Refusal> {
        let Some(text) = text else {
            return Ok(Self::ALL.to_vec());
        };
        let one = |word: &str| {
            let word = word.trim().to_ascii_lowercase();
            let singular = word.strip_suffix('s').unwrap_or(&word);
            let known = Self::ALL.into_iter().find(|kind| kind.name() == singular);
            known.ok_or_else(|| Refusal::ObjectType(word.chars().take(64).collect()))
        };
        text.split(',').map(one).collect()
    }
}

/// How much is told of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    Names,
    Summary,
    Full,
}

/// What is looked for.
#[derive(Debug)]
struct Search {
    pattern: Pattern,
    types: Vec<Type>,
    place: Option<Place>,
    detail: Detail,
    limit: usize,
    /// Objects on the pages before.
    skipped: usize,
    /// Tells this search from others, whose cursors are not for it.
    mark: u64,
    bytes_max: usize,
    form: Form,
}

fn begin_search_objects(
    settings: &Arc<Settings>,
    arguments: &Arguments<'_>,
    call: &Call<'_>,
) -> Result<Begun, Refusal> {
    let form = call.form;
    let place = match (name_in(arguments, "database")?, name_in(arguments, "schema")?) {
        (None, None) => None,
        (Some(database), schema) => Some(Place::new(database, schema, None)),
        (None, Some(_)) => {
            return Err(Refusal::Arguments(super::schema::Fault::Missing("database")));
        }
    };
    let mut search = Search {
        pattern: Pattern::parse(arguments.text("pattern").unwrap_or_default()),
        types: Type::list(arguments.text("object_types"))?,
        place,
        detail: match arguments.text("detail") {
            Some("names") => Detail::Names,
            Some("full") => Detail::Full,
            _ => Detail::Summary,
        },
        limit: usize::try_from(arguments.count("limit")).unwrap_or(usize::MAX),
        skipped: 0,
        mark: 0,
        bytes_max: settings.result_bytes_max,
        form,
    };
    let scope = search.scope();
    let mut mark = Mark::default();
    mark.add(scope.as_bytes());
    search.mark = mark.get();
    if let Some(cursor) = arguments.text("cursor") {
        search.skipped = search.read_cursor(cursor).ok_or(Refusal::SearchCursor)?;
    }
    let statements: Result<Vec<_>, _> = search
        .statements()
        .iter()
        .map(|text| settings.check(text))
        .collect();
    let context = match &search.place {
        Some(place) => place.context(settings),
        None => settings.context(None, None),
    };
    let page = format!(
        "{scope} {:?} {} from {}",
        search.detail, search.limit, search.skipped
    );
    let mut share = share(&context, Subject::Found, &page, form_of(form));
    share.is_fresh = arguments.flag("fresh");
    let mut work = settings.work(statements?, context, SHOWN_MAX, move |answer| {
        search.render(&answer)
    });
    // An engine that cannot list all columns can still find tables.
    work.optional = work.statements.len() - 1;
    work.share = Some(share);
    Ok(work.into())
}

/// An object that fits.
struct Hit<'a> {
    /// The less, the better.
    rank: u8,
    kind: Type,
    /// The whole name, to be passed back.
    called: String,
    row: Row<'a>,
}

impl Search {
    /// What was looked for and where, in words that tell it from every other search.
    fn scope(&self) -> String {
        let place = self.place.as_ref().map_or_else(String::new, Place::to_quoted);
        format!("{:?} {:?} in {place}", self.pattern, self.types)
    }

    fn statements(&self) -> Vec<String> {
        let has = |kind: Type| self.types.contains(&kind);
        let within = match &self.place {
            Some(place) => place.to_in_clause(),
            None => " IN ACCOUNT".to_owned(),
        };
        let has_schema = self.place.as_ref().is_some_and(Place::has_schema);
        let mut statements = Vec::new();
        if has(Type::Table) || has(Type::View) {
            statements.push(format!("SHOW OBJECTS{within}"));
        }
        if has(Type::Schema) && !has_schema {
            statements.push(format!("SHOW SCHEMAS{within}"));
        }
        if has(Type::Database) && self.place.is_none() {
            statements.push("SHOW DATABASES".to_owned());
        }
        if has(Type::Column) {
            // A database may have far more columns than SHOW gives: it is told what to look for where that can be said.
            let like = match &self.pattern {
                Pattern::Like(pattern) if !has_schema => format!(" LIKE {}", quote_literal(pattern)),
                _ => String::new(),
            };
            statements.push(format!("SHOW COLUMNS{like}{within}"));
        }
        if statements.is_empty() {
            // Nothing of that kind can be in that place: an empty answer, from what is certainly there.
            statements.push("SHOW DATABASES".to_owned());
        }
        statements
    }

    fn read_cursor(&self, cursor: &str) -> Option<usize> {
        let (skipped, mark) = cursor.split_once('.')?;
        let is_ours = u64::from_str_radix(mark, 16).ok()? == self.mark;
        skipped.parse().ok().filter(|_| is_ours)
    }

    fn hits<'a>(&self, answer: &'a Answer) -> Vec<Hit<'a>> {
        let rows = answer.results.iter().flat_map(|result| result.rows());
        let mut hits: Vec<Hit<'a>> = rows.filter_map(|row| self.hit(row)).collect();
        hits.sort_by(|left, right| {
            (left.rank, left.kind, &left.called).cmp(&(right.rank, right.kind, &right.called))
        });
        hits.dedup_by(|left, right| (left.kind, &left.called) == (right.kind, &right.called));
        hits
    }

    fn hit<'a>(&self, row: Row<'a>) -> Option<Hit<'a>> {
        let kind = type_of(row);
        if !self.types.contains(&kind) {
            return None;
        }
        let name = name_of(row, kind)?;
        let rank = self.pattern.rank(name, row.text("comment").unwrap_or_default())?;
        // Every database has that schema: noise unless it is looked into.
        let is_information = |part: &str| row.text(part) == Some("INFORMATION_SCHEMA");
        if is_information("schema_name") && !self.place.as_ref().is_some_and(Place::has_schema) {
            return None;
        }
        let parts = match kind {
            Type::Database => [None; 3],
            Type::Schema => [row.text("database_name"), None, None],
            Type::Table | Type::View => [row.text("database_name"), row.text("schema_name"), None],
            Type::Column => [
                row.text("database_name"),
                row.text("schema_name"),
                row.text("table_name"),
            ],
        };
        let parts = parts.into_iter().flatten().chain([name]);
        let called = parts.map(display_name).collect::<Vec<_>>().join(".");
        Some(Hit {
            rank,
            kind,
            called,
            row,
        })
    }

    fn render(&self, answer: &Answer) -> Rendered {
        let hits = self.hits(answer);
        let is_whole = |result: &ResultSet| !result.is_truncated() && result.returned() < SHOWN_MAX;
        let searched_all = answer.results.iter().all(is_whole);
        let mut list = Listing::new(
            self.form.is_structured,
            self.bytes_max.saturating_sub(OVERHEAD_BYTES),
        );
        for hit in hits.iter().skip(self.skipped).take(self.limit) {
            self.push(&mut list, hit);
        }
        let shown = self.skipped + usize::try_from(list.count).unwrap_or(usize::MAX);
        let has_more = shown < hits.len() && list.count > 0;
        let cursor = has_more.then(|| format!("{shown}.{:x}", self.mark));
        let query_id = answer.results.first().and_then(|result| result.query_id.clone());
        let figures = Figures {
            returned: list.count,
            is_truncated: has_more || !searched_all,
            total: Some(hits.len() as u64),
            query_id: query_id.as_deref(),
            elapsed: answer.elapsed,
        };
        let mut text = Vec::new();
        json::push_string_body(&mut text, &self.head(&list, hits.len(), searched_all));
        let mut more = Vec::new();
        let mut members = b"{".to_vec();
        figures.push_json(&mut members);
        if let Some(cursor) = &cursor {
            json::push_string_body(&mut more, &format!("\n\nMore: call again with cursor {cursor}"));
            members.extend_from_slice(b",\"next_cursor\":");
            json::push_string(&mut members, cursor);
        }
        members.extend_from_slice(if searched_all {
            b",\"searched_all\":true,\"objects\":["
        } else {
            b",\"searched_all\":false,\"objects\":["
        });
        let [open, close] = Fence::lines(self.form.fence);
        let kept = Kept {
            body: shared(
                self.form,
                &[&text, &open, &list.text, &close, &more],
                &[&members, &list.json, b"]}"],
            ),
            ..Kept::default()
        };
        Rendered {
            rows: list.count,
            truncated: figures.is_truncated,
            query_id,
            result: Vec::new(),
            kept: Some(kept.into()),
        }
    }

    fn head(&self, list: &Listing, found: usize, searched_all: bool) -> String {
        let mut head = String::new();
        if !searched_all {
            head.push_str(
                "Not everything was looked at, because there is too much: name a database or schema.\n\n",
            );
        }
        let place = match &self.place {
            Some(place) => place.to_display(),
            None => "the account".to_owned(),
        };
        match found {
            0 => head.push_str(&format!("Nothing like that found in {place}.")),
            _ => head.push_str(&format!("{} of {found} found in {place}:", list.count)),
        }
        head
    }

    fn push(&self, list: &mut Listing, hit: &Hit<'_>) {
        let (row, detail) = (hit.row, self.detail);
        let any = |name: &str| row.text(name).filter(|text| !text.is_empty());
        let comment = any("comment").filter(|_| detail >= Detail::Summary);
        let data_type = (hit.kind == Type::Column && detail >= Detail::Summary)
            .then(|| any("data_type").map(matching::data_type))
            .flatten();
        let rows = any("rows").filter(|_| hit.kind == Type::Table && detail >= Detail::Summary);
        let mut line = format!("{} {}", hit.kind.name(), hit.called);
        if let Some(data_type) = &data_type {
            line.push_str(&format!(" {data_type}"));
        }
        if let Some(rows) = rows {
            line.push_str(&format!(" ({rows} rows)"));
        }
        if detail == Detail::Full {
            for (what, name) in [
                ("owner", "owner"),
                ("created", "created_on"),
                ("default", "default"),
            ] {
                if let Some(text) = any(name) {
                    line.push_str(&format!(", {what} {text}"));
                }
            }
        }
        if let Some(comment) = comment {
            line.push_str(&format!(": {}", comment.replace(['\r', '\n'], " ")));
        }
        list.push(&line, |fields| {
            push_place(fields, hit);
            fields.text_if_any("data_type", data_type.as_deref());
            fields.number_if_any("rows", rows);
            if detail == Detail::Full {
                fields.number_if_any("bytes", row.text("bytes").filter(|_| hit.kind == Type::Table));
                if let Some(is_nullable) = row.text("null?").filter(|_| hit.kind == Type::Column) {
                    fields.flag("nullable", is_nullable == "true");
                }
                for name in ["default", "created_on", "owner"] {
                    fields.text_if_any(name, row.text(name));
                }
            }
            fields.text_if_any("comment", comment);
        });
    }
}

fn push_place(fields: &mut Fields<'_>, hit: &Hit<'_>) {
    let row = hit.row;
    fields.text("type", hit.kind.name());
    if hit.kind > Type::Database {
        fields.text_if_any("database", row.text("database_name"));
    }
    if hit.kind > Type::Schema {
        fields.text_if_any("schema", row.text("schema_name"));
    }
    if hit.kind == Type::Column {
        fields.text_if_any("table", row.text("table_name"));
    }
    fields.text("name", name_of(row, hit.kind).unwrap_or_default());
}

/// Which of the listings a row is of, told by the columns that only it has.
fn type_of(row: Row<'_>) -> Type {
    if row.by_name("column_name").is_some() {
        Type::Column
    } else if row.by_name("schema_name").is_some() && row.by_name("rows").is_some() {
        match row.text("kind") {
            Some(kind) if kind.ends_with("VIEW") => Type::View,
            _ => Type::Table,
        }
    } else if row.by_name("database_name").is_some() {
        Type::Schema
    } else {
        Type::Database
    }
}

fn name_of(row: Row<'_>, kind: Type) -> Option<&str> {
    row.text(if kind == Type::Column {
        "column_name"
    } else {
        "name"
    })
}
