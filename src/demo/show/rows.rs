//! What SHOW says of each object, with the column names of Snowflake's releases of autumn 2026.
//!
//! What an account has and this engine has not is said as Snowflake says it for a plain table: `N`, `OFF`, empty.

use super::Place;
use crate::demo::catalog::{
    CREATED_MICROS, DATABASES, Database, INFORMATION_SCHEMA, ROLE_DEFAULT, Table, database as database_called,
};
use crate::demo::datatype::{TEXT_LENGTH_MAX, Type};
use crate::demo::ddl;
use crate::demo::describe::{self, Described};
use crate::demo::fault::Outcome;
use crate::demo::information_schema;
use crate::demo::listing::{CREATED, Cell, Listing};
use crate::demo::session::Session;
use crate::demo::translate::Frame;

const TERSE: &str = "created_on name kind database_name schema_name";

const DATABASE: &str = "created_on name is_default is_current origin owner comment options retention_time kind \
     owner_role_type object_visibility data_quality_monitoring_settings resharing_settings";

const SCHEMA: &str = "created_on name is_default is_current database_name owner comment options retention_time \
     owner_role_type classification_profile_database classification_profile_schema classification_profile \
     object_visibility is_nested";

const TABLE: &str = "created_on name database_name schema_name kind comment cluster_by rows bytes owner retention_time \
     automatic_clustering change_tracking is_external enable_schema_evolution owner_role_type is_event is_hybrid \
     is_iceberg is_dynamic is_immutable is_interactive row_timestamp error_logging";

const VIEW: &str = "created_on name reserved database_name schema_name owner comment text is_secure is_materialized \
     owner_role_type change_tracking";

const OBJECT: &str = "created_on name database_name schema_name kind comment cluster_by rows bytes owner \
     retention_time owner_role_type is_hybrid is_dynamic is_iceberg is_interactive";

const COLUMN: &str = "table_name schema_name column_name data_type null? default kind expression comment \
     database_name autoincrement schema_evolution_record";

const WAREHOUSE: &str = "name state type size running queued is_default is_current auto_suspend auto_resume \
     created_on owner comment";

const ROLE: &str = "created_on name is_default is_current is_inherited assigned_to_users granted_to_roles \
     granted_roles owner comment";

fn layout(names: &str) -> Listing {
    let columns: Vec<(&str, Type)> = names
        .split_whitespace()
        .map(|name| match name {
            "created_on" => (name, CREATED),
            "rows" | "bytes" => (name, Type::INTEGER),
            _ => (name, Type::TEXT),
        })
        .collect();
    Listing::new(&columns)
}

/// A row of SHOW TERSE.
fn terse(name: &str, kind: &str, database: Option<&str>, schema: Option<&str>) -> Vec<Cell> {
    vec![
        CREATED_MICROS.into(),
        name.into(),
        kind.into(),
        database.into(),
        schema.into(),
    ]
}

fn texts<const N: usize>(texts: [&str; N]) -> [Cell; N] {
    texts.map(Cell::from)
}

fn yes(value: bool) -> &'static str {
    if value { "Y" } else { "N" }
}

pub(super) fn databases(is_terse: bool, session: &Session) -> Listing {
    let mut listing = layout(if is_terse { TERSE } else { DATABASE });
    for database in DATABASES {
        if is_terse {
            listing.push(terse(database.name, "STANDARD", None, None));
            continue;
        }
        let current = yes(database.name == session.database);
        let mut row: Vec<Cell> = vec![CREATED_MICROS.into()];
        row.extend(texts([
            database.name,
            "N",
            current,
            "",
            ROLE_DEFAULT,
            database.comment,
            "",
            "1",
        ]));
        row.extend(texts(["STANDARD", "ROLE", ""]));
        row.extend([Cell::Null, Cell::Null]);
        listing.push(row);
    }
    listing
}

pub(super) fn schemas(is_terse: bool, databases: &[&'static Database], session: &Session) -> Listing {
    let mut listing = layout(if is_terse { TERSE } else { SCHEMA });
    for database in databases {
        let own = database
            .schemas
            .iter()
            .map(|schema| (schema.name, schema.comment, ROLE_DEFAULT));
        let about = (
            INFORMATION_SCHEMA,
            "Views describing the contents of schemas in this database",
            "",
        );
        let mut schemas: Vec<_> = own.chain([about]).collect();
        schemas.sort_unstable();
        for (name, comment, owner) in schemas {
            if is_terse {
                listing.push(terse(name, "", Some(database.name), None));
                continue;
            }
            let current = yes(database.name == session.database && session.schema.as_deref() == Some(name));
            let mut row: Vec<Cell> = vec![CREATED_MICROS.into()];
            row.extend(texts([
                name,
                "N",
                current,
                database.name,
                owner,
                comment,
                "",
                "1",
                "ROLE",
            ]));
            row.extend([Cell::Null, Cell::Null, Cell::Null]);
            row.extend(texts(["", "false"]));
            listing.push(row);
        }
    }
    listing
}

pub(super) fn tables(is_terse: bool, places: &[Place]) -> Listing {
    let mut listing = layout(if is_terse { TERSE } else { TABLE });
    for (database, schema) in places {
        for table in schema.tables {
            if is_terse {
                listing.push(terse(table.name, "TABLE", Some(database.name), Some(schema.name)));
                continue;
            }
            let mut row: Vec<Cell> = vec![CREATED_MICROS.into()];
            row.extend(texts([
                table.name,
                database.name,
                schema.name,
                "TABLE",
                table.comment,
                "",
            ]));
            row.extend([table.rows, table.bytes()].map(Cell::from));
            row.extend(texts([ROLE_DEFAULT, "1", "OFF", "OFF", "N", "N", "ROLE"]));
            row.extend(texts(["N", "N", "N", "N", "N", "N", "OFF", "OFF"]));
            listing.push(row);
        }
    }
    listing
}

/// Views of INFORMATION_SCHEMA in these databases, then those of the schemas.
pub(super) fn views(is_terse: bool, information_of: &[&'static str], places: &[Place]) -> Listing {
    let mut listing = layout(if is_terse { TERSE } else { VIEW });
    for database in information_of {
        for (name, _) in information_schema::VIEWS {
            if is_terse {
                listing.push(terse(name, "VIEW", Some(database), Some(INFORMATION_SCHEMA)));
                continue;
            }
            let mut row: Vec<Cell> = vec![CREATED_MICROS.into()];
            row.extend(texts([
                name,
                "",
                database,
                INFORMATION_SCHEMA,
                "",
                "",
                "",
                "false",
                "false",
                "",
                "OFF",
            ]));
            listing.push(row);
        }
    }
    for (database, schema) in places {
        for view in schema.views {
            if is_terse {
                listing.push(terse(view.name, "VIEW", Some(database.name), Some(schema.name)));
                continue;
            }
            let text = ddl::create_view(database.name, schema.name, view, false);
            let mut row: Vec<Cell> = vec![CREATED_MICROS.into()];
            row.extend(texts([
                view.name,
                "",
                database.name,
                schema.name,
                ROLE_DEFAULT,
                view.comment,
            ]));
            row.push(text.into());
            row.extend(texts(["false", "false", "ROLE", "OFF"]));
            listing.push(row);
        }
    }
    listing
}

pub(super) fn objects(is_terse: bool, places: &[Place]) -> Listing {
    let mut listing = layout(if is_terse { TERSE } else { OBJECT });
    for (database, schema) in places {
        let tables = schema
            .tables
            .iter()
            .map(|table| (table.name, "TABLE", table.comment, table.rows, table.bytes()));
        let views = schema
            .views
            .iter()
            .map(|view| (view.name, "VIEW", view.comment, 0, 0));
        let mut objects: Vec<_> = tables.chain(views).collect();
        objects.sort_unstable();
        for (name, kind, comment, rows, bytes) in objects {
            if is_terse {
                listing.push(terse(name, kind, Some(database.name), Some(schema.name)));
                continue;
            }
            let mut row: Vec<Cell> = vec![CREATED_MICROS.into()];
            row.extend(texts([name, database.name, schema.name, kind, comment, ""]));
            row.extend([rows, bytes].map(Cell::from));
            row.extend(texts([ROLE_DEFAULT, "1", "ROLE", "N", "N", "N", "N"]));
            listing.push(row);
        }
    }
    listing
}

/// # Errors
/// An object that does not exist.
pub(super) fn columns(objects: &[[String; 3]], session: &Session) -> Outcome<Listing> {
    let mut listing = layout(COLUMN);
    for parts in objects {
        let [database, schema, name] = parts;
        for column in describe::columns(parts, session, &mut Frame::default())? {
            let mut row: Vec<Cell> = texts([name, schema, &column.name]).to_vec();
            row.push(type_json(&column).into());
            row.push(if column.nullable { "true" } else { "NOT_NULL" }.into());
            row.extend(texts(["", "COLUMN", "", &column.comment, database, ""]));
            row.push(Cell::Null);
            listing.push(row);
        }
    }
    Ok(listing)
}

/// SHOW COLUMNS says a type as JSON.
fn type_json(column: &Described) -> String {
    let nullable = column.nullable;
    match column.kind {
        Type::Number { precision, scale } => {
            format!(r#"{{"type":"FIXED","precision":{precision},"scale":{scale},"nullable":{nullable}}}"#)
        }
        Type::Float => format!(r#"{{"type":"REAL","nullable":{nullable}}}"#),
        Type::Text { length } => {
            let bytes = (u64::from(length) * 4).min(u64::from(TEXT_LENGTH_MAX));
            format!(
                r#"{{"type":"TEXT","length":{length},"byteLength":{bytes},"nullable":{nullable},"fixed":false}}"#
            )
        }
        Type::Timestamp | Type::Instant { .. } | Type::Time => format!(
            r#"{{"type":"{}","precision":0,"scale":9,"nullable":{nullable}}}"#,
            column.kind.family()
        ),
        other => format!(r#"{{"type":"{}","nullable":{nullable}}}"#, other.family()),
    }
}

/// No warehouse computes here; the one that the caller named is listed, because clients look for theirs.
pub(super) fn warehouses(session: &Session) -> Listing {
    let mut listing = layout(WAREHOUSE);
    if let Some(name) = &session.warehouse {
        let mut row: Vec<Cell> = texts([
            name, "STARTED", "STANDARD", "X-Small", "0", "0", "Y", "Y", "0", "true",
        ])
        .to_vec();
        row.push(CREATED_MICROS.into());
        row.extend(texts([ROLE_DEFAULT, "the embedded engine has no warehouses"]));
        listing.push(row);
    }
    listing
}

/// The one role that there is.
pub(super) fn roles(session: &Session) -> Listing {
    let mut listing = layout(ROLE);
    let mut row: Vec<Cell> = vec![CREATED_MICROS.into()];
    row.extend(texts([
        &session.role,
        "Y",
        "Y",
        "N",
        "1",
        "0",
        "0",
        "",
        "reads the sample database",
    ]));
    listing.push(row);
    listing
}

const PRIMARY_KEY: &str = "created_on database_name schema_name table_name column_name key_sequence constraint_name \
     rely comment";

const IMPORTED_KEY: &str = "created_on pk_database_name pk_schema_name pk_table_name pk_column_name fk_database_name \
     fk_schema_name fk_table_name fk_column_name key_sequence update_rule delete_rule fk_name pk_name deferrability \
     rely comment";

const GRANT: &str = "created_on privilege granted_on name granted_to grantee_name grant_option granted_by";

/// None: the sample database of every account declares none either.
pub(super) fn primary_keys(_objects: &[[String; 3]]) -> Listing {
    layout(PRIMARY_KEY)
}

/// What the comments of the columns say: the columns that others are looked up by.
pub(super) fn imported_keys(objects: &[[String; 3]]) -> Listing {
    let mut listing = layout(IMPORTED_KEY);
    for [database, schema, table] in objects {
        let Some(place) = database_called(database).and_then(|found| found.schema(schema)) else {
            continue;
        };
        let columns = place.table(table).map_or(&[][..], |found| found.columns);
        for column in columns {
            let Some(key) = column.comment.strip_prefix("Foreign key to ") else {
                continue;
            };
            let key = key.split(';').next().unwrap_or(key);
            let is_there = |other: &&Table| other.columns.iter().any(|column| column.name == key);
            let Some(referred) = place.tables.iter().find(is_there) else {
                continue;
            };
            let mut row: Vec<Cell> = vec![CREATED_MICROS.into()];
            row.extend(texts([
                database,
                schema,
                referred.name,
                key,
                database,
                schema,
                table,
                column.name,
                "1",
            ]));
            row.extend(texts([
                "NO ACTION",
                "NO ACTION",
                "",
                "",
                "NOT DEFERRABLE",
                "false",
                "",
            ]));
            listing.push(row);
        }
    }
    listing
}

/// What the one role may do: read.
pub(super) fn grants(session: &Session) -> Listing {
    let mut listing = layout(GRANT);
    for database in DATABASES {
        let mut row: Vec<Cell> = vec![CREATED_MICROS.into()];
        row.extend(texts([
            "USAGE",
            "DATABASE",
            database.name,
            "ROLE",
            &session.role,
            "false",
            "",
        ]));
        listing.push(row);
    }
    listing
}
