//! How engines list what there is: each form of `SHOW` that the program sends, with the columns that it reads by name.
//!
//! Layouts differ between releases and engines in number and order of columns, so nothing is said here about either. What an
//! engine cannot list is told by its subject, with the reason; then it must say so in words that the program knows.

use snowflake_mcp::backend::{Kind, ResultSet};

use crate::behaviours::Subject;
use crate::drive::Task;

/// What a subject has to be listed.
pub(crate) struct Listed<'a> {
    pub(crate) database: &'a str,
    /// Schema, table and a column of it.
    pub(crate) table: [&'a str; 3],
    /// Schema and view.
    pub(crate) view: [&'a str; 2],
    /// A role.
    pub(crate) role: &'a str,
    /// Forms that the engine does not have, each with the kind of its refusal.
    pub(crate) lacks: &'a [(&'a str, Kind)],
    /// Whether a listing in a schema that is not there is an error, as on the service, and not empty.
    pub(crate) knows_missing_scopes: bool,
}

/// A form of `SHOW`.
pub(crate) struct Form {
    /// What tells it from others, and what [`Listed::lacks`] calls it.
    pub(crate) name: &'static str,
    /// The statement.
    pub(crate) statement: fn(&Listed<'_>) -> String,
    /// The columns that the program reads, with what one of the rows has there; `None`: whatever it is.
    pub(crate) cells: fn(&Listed<'_>) -> Vec<Cell>,
}

/// A column, and what stands in it.
type Cell = (&'static str, Option<String>);

fn some(name: &'static str, text: &str) -> Cell {
    (name, Some(text.to_owned()))
}

/// Every form that tools, completions, resources and the audit of roles send.
pub(crate) const FORMS: &[Form] = &[
    Form {
        name: "SHOW DATABASES",
        statement: |_| "SHOW DATABASES".to_owned(),
        cells: |listed| vec![some("name", listed.database), ("comment", None), ("owner", None)],
    },
    Form {
        name: "SHOW SCHEMAS",
        statement: |listed| format!("SHOW SCHEMAS IN DATABASE \"{}\"", listed.database),
        cells: |listed| {
            vec![
                some("name", listed.table[0]),
                some("database_name", listed.database),
            ]
        },
    },
    Form {
        name: "SHOW SCHEMAS LIKE",
        statement: |listed| {
            let begin = listed.table[0].to_lowercase();
            format!(
                "SHOW TERSE SCHEMAS LIKE '{begin}%' IN DATABASE \"{}\"",
                listed.database
            )
        },
        cells: |listed| vec![some("name", listed.table[0])],
    },
    Form {
        name: "SHOW TABLES",
        statement: |listed| {
            format!(
                "SHOW TABLES IN SCHEMA \"{}\".\"{}\"",
                listed.database, listed.table[0]
            )
        },
        cells: |listed| {
            vec![
                some("name", listed.table[1]),
                some("database_name", listed.database),
                some("schema_name", listed.table[0]),
                ("kind", None),
                ("comment", None),
                ("rows", None),
                ("bytes", None),
            ]
        },
    },
    Form {
        name: "SHOW VIEWS",
        statement: |listed| {
            format!(
                "SHOW VIEWS IN SCHEMA \"{}\".\"{}\"",
                listed.database, listed.view[0]
            )
        },
        cells: |listed| {
            vec![
                some("name", listed.view[1]),
                some("database_name", listed.database),
                some("schema_name", listed.view[0]),
                ("created_on", None),
                ("comment", None),
            ]
        },
    },
    Form {
        name: "SHOW OBJECTS",
        statement: |listed| {
            format!(
                "SHOW OBJECTS IN SCHEMA \"{}\".\"{}\"",
                listed.database, listed.view[0]
            )
        },
        cells: |listed| vec![some("name", listed.view[1]), some("kind", "VIEW")],
    },
    Form {
        name: "SHOW COLUMNS",
        statement: |listed| {
            let [schema, table, _] = listed.table;
            format!(
                "SHOW COLUMNS IN TABLE \"{}\".\"{schema}\".\"{table}\"",
                listed.database
            )
        },
        cells: |listed| {
            vec![
                some("table_name", listed.table[1]),
                some("schema_name", listed.table[0]),
                some("column_name", listed.table[2]),
            ]
        },
    },
    Form {
        name: "SHOW WAREHOUSES",
        statement: |_| "SHOW WAREHOUSES".to_owned(),
        cells: |_| vec![("name", None)],
    },
    Form {
        name: "SHOW ROLES",
        statement: |_| "SHOW ROLES".to_owned(),
        cells: |listed| vec![some("name", listed.role)],
    },
    Form {
        name: "SHOW GRANTS",
        statement: |listed| format!("SHOW GRANTS TO ROLE \"{}\"", listed.role),
        cells: |listed| {
            vec![
                some("privilege", "USAGE"),
                some("granted_on", "DATABASE"),
                some("name", listed.database),
                ("grant_option", None),
            ]
        },
    },
    Form {
        name: "DESCRIBE TABLE",
        statement: |listed| {
            let [schema, table, _] = listed.table;
            format!("DESCRIBE TABLE \"{}\".\"{schema}\".\"{table}\"", listed.database)
        },
        cells: |listed| vec![some("name", listed.table[2]), ("type", None), ("null?", None)],
    },
];

/// A listing in a schema that nobody has.
pub(crate) fn nowhere(listed: &Listed<'_>) -> String {
    format!("SHOW TABLES IN SCHEMA \"{}\".\"NO_SUCH_SCHEMA\"", listed.database)
}

pub(crate) fn listings_are_read_by_name(subject: &Subject<'_>) {
    let listed = &subject.listed;
    for form in FORMS {
        let statement = (form.statement)(listed);
        // Some engines want a place also for names that say all of it.
        let ended = subject.run(Task::new(&statement).within(listed.database, listed.table[0]));
        if let Some((_, kind)) = listed.lacks.iter().find(|(name, _)| *name == form.name) {
            let error = ended.error();
            assert_eq!(
                error.kind, *kind,
                "{}: {statement} may have come by now: {error}",
                subject.name
            );
            continue;
        }
        has_row(&statement, &ended.result(), &(form.cells)(listed));
    }
}

#[track_caller]
fn has_row(statement: &str, result: &ResultSet, cells: &[(&str, Option<String>)]) {
    for (name, _) in cells {
        let is_there = result
            .columns
            .iter()
            .any(|column| column.name.eq_ignore_ascii_case(name));
        assert!(is_there, "{statement}: {name} is not in {:?}", result.columns);
    }
    // There may be no warehouse at all.
    let is_it = cells.iter().all(|(_, text)| text.is_none())
        || result.rows().any(|row| {
            let mut told = cells
                .iter()
                .filter_map(|(name, text)| Some((name, text.as_deref()?)));
            told.all(|(name, text)| row.text(name) == Some(text))
        });
    assert!(is_it, "{statement}: no row has {cells:?}");
}

pub(crate) fn nothing_is_listed_where_nothing_is(subject: &Subject<'_>) {
    let ended = subject.run(Task::new(&nowhere(&subject.listed)));
    if subject.listed.knows_missing_scopes {
        assert_eq!(ended.error().kind, Kind::NotFound);
    } else {
        assert_eq!(
            ended.result().returned(),
            0,
            "{} may know it by now",
            subject.name
        );
    }
}

pub(crate) fn a_listing_can_be_cut_and_says_so(subject: &Subject<'_>) {
    let statement = (FORMS[1].statement)(&subject.listed);
    let whole = subject.run(Task::new(&statement)).result().returned();
    assert!(whole > 1, "there is something to cut");
    let cut = subject.run(Task::new(&statement).rows_max(1)).result();
    assert_eq!((cut.returned(), cut.is_truncated()), (1, true));
}

/// The columns of each form as the service had them in autumn 2026; where that is not known, those that are read.
pub(crate) fn layout(form: &str) -> &'static [&'static str] {
    match form {
        "SHOW DATABASES" => &[
            "created_on",
            "name",
            "is_default",
            "is_current",
            "origin",
            "owner",
            "comment",
            "options",
            "retention_time",
            "kind",
            "owner_role_type",
            "object_visibility",
        ],
        "SHOW SCHEMAS" => &[
            "created_on",
            "name",
            "is_default",
            "is_current",
            "database_name",
            "owner",
            "comment",
            "options",
            "retention_time",
            "owner_role_type",
            "classification_profile_database",
            "is_nested",
        ],
        "SHOW SCHEMAS LIKE" => &["created_on", "name", "kind", "database_name", "schema_name"],
        "SHOW TABLES" => &[
            "created_on",
            "name",
            "database_name",
            "schema_name",
            "kind",
            "comment",
            "cluster_by",
            "rows",
            "bytes",
            "owner",
            "retention_time",
            "automatic_clustering",
            "change_tracking",
            "is_external",
            "is_hybrid",
            "is_iceberg",
            "is_dynamic",
        ],
        "SHOW VIEWS" => &[
            "created_on",
            "name",
            "reserved",
            "database_name",
            "schema_name",
            "owner",
            "comment",
            "text",
            "is_secure",
            "is_materialized",
            "owner_role_type",
            "change_tracking",
        ],
        "SHOW OBJECTS" => &[
            "created_on",
            "name",
            "database_name",
            "schema_name",
            "kind",
            "comment",
            "cluster_by",
            "rows",
            "bytes",
            "owner",
        ],
        "SHOW COLUMNS" => &[
            "table_name",
            "schema_name",
            "column_name",
            "data_type",
            "null?",
            "default",
            "kind",
            "expression",
            "comment",
            "database_name",
            "autoincrement",
        ],
        "SHOW WAREHOUSES" => &[
            "name",
            "state",
            "type",
            "size",
            "running",
            "queued",
            "is_default",
            "auto_suspend",
        ],
        "SHOW ROLES" => &[
            "created_on",
            "name",
            "is_default",
            "is_current",
            "is_inherited",
            "owner",
            "comment",
        ],
        "SHOW GRANTS" => &[
            "created_on",
            "privilege",
            "granted_on",
            "name",
            "granted_to",
            "grantee_name",
            "grant_option",
            "granted_by",
        ],
        "DESCRIBE TABLE" => &[
            "name",
            "type",
            "kind",
            "null?",
            "default",
            "primary key",
            "unique key",
            "check",
            "expression",
            "comment",
            "policy name",
            "privacy domain",
        ],
        other => panic!("no layout is known of {other}"),
    }
}
