//! INFORMATION_SCHEMA: the catalogue as views with Snowflake's column names.

use super::catalog::{self, CREATED_MICROS, DATABASES, Database, INFORMATION_SCHEMA, ROLE_DEFAULT, Schema};
use super::datatype::{TEXT_LENGTH_MAX, Type};
use super::describe::{self, Described};
use super::fault::{Fault, Outcome};
use super::listing::{CREATED, Cell, Listing};
use super::session::Session;
use super::translate::{Field, Frame};

/// The views and their columns, by name and type.
pub(super) const VIEWS: [(&str, &[(&str, Type)]); 5] = [
    ("COLUMNS", COLUMNS),
    ("DATABASES", DATABASES_COLUMNS),
    ("SCHEMATA", SCHEMATA),
    ("TABLES", TABLES),
    ("VIEWS", VIEWS_COLUMNS),
];

const NAME: Type = Type::TEXT;
const COUNT: Type = Type::Number {
    precision: 38,
    scale: 0,
};

const DATABASES_COLUMNS: &[(&str, Type)] = &[
    ("DATABASE_NAME", NAME),
    ("DATABASE_OWNER", NAME),
    ("IS_TRANSIENT", NAME),
    ("COMMENT", NAME),
    ("CREATED", CREATED),
    ("LAST_ALTERED", CREATED),
    ("RETENTION_TIME", COUNT),
    ("TYPE", NAME),
    ("OWNER_ROLE_TYPE", NAME),
];

const SCHEMATA: &[(&str, Type)] = &[
    ("CATALOG_NAME", NAME),
    ("SCHEMA_NAME", NAME),
    ("SCHEMA_OWNER", NAME),
    ("IS_TRANSIENT", NAME),
    ("IS_MANAGED_ACCESS", NAME),
    ("RETENTION_TIME", COUNT),
    ("DEFAULT_CHARACTER_SET_CATALOG", NAME),
    ("DEFAULT_CHARACTER_SET_SCHEMA", NAME),
    ("DEFAULT_CHARACTER_SET_NAME", NAME),
    ("SQL_PATH", NAME),
    ("CREATED", CREATED),
    ("LAST_ALTERED", CREATED),
    ("COMMENT", NAME),
    ("OWNER_ROLE_TYPE", NAME),
];

const TABLES: &[(&str, Type)] = &[
    ("TABLE_CATALOG", NAME),
    ("TABLE_SCHEMA", NAME),
    ("TABLE_NAME", NAME),
    ("TABLE_OWNER", NAME),
    ("TABLE_TYPE", NAME),
    ("IS_TRANSIENT", NAME),
    ("CLUSTERING_KEY", NAME),
    ("ROW_COUNT", COUNT),
    ("BYTES", COUNT),
    ("RETENTION_TIME", COUNT),
    ("SELF_REFERENCING_COLUMN_NAME", NAME),
    ("REFERENCE_GENERATION", NAME),
    ("USER_DEFINED_TYPE_CATALOG", NAME),
    ("USER_DEFINED_TYPE_SCHEMA", NAME),
    ("USER_DEFINED_TYPE_NAME", NAME),
    ("IS_INSERTABLE_INTO", NAME),
    ("IS_TYPED", NAME),
    ("COMMIT_ACTION", NAME),
    ("CREATED", CREATED),
    ("LAST_ALTERED", CREATED),
    ("LAST_DDL", CREATED),
    ("LAST_DDL_BY", NAME),
    ("AUTO_CLUSTERING_ON", NAME),
    ("COMMENT", NAME),
    ("IS_TEMPORARY", NAME),
    ("IS_ICEBERG", NAME),
    ("IS_DYNAMIC", NAME),
    ("IS_IMMUTABLE", NAME),
    ("IS_HYBRID", NAME),
];

const VIEWS_COLUMNS: &[(&str, Type)] = &[
    ("TABLE_CATALOG", NAME),
    ("TABLE_SCHEMA", NAME),
    ("TABLE_NAME", NAME),
    ("TABLE_OWNER", NAME),
    ("VIEW_DEFINITION", NAME),
    ("CHECK_OPTION", NAME),
    ("IS_UPDATABLE", NAME),
    ("INSERTABLE_INTO", NAME),
    ("IS_SECURE", NAME),
    ("CREATED", CREATED),
    ("LAST_ALTERED", CREATED),
    ("LAST_DDL", CREATED),
    ("LAST_DDL_BY", NAME),
    ("COMMENT", NAME),
];

const COLUMNS: &[(&str, Type)] = &[
    ("TABLE_CATALOG", NAME),
    ("TABLE_SCHEMA", NAME),
    ("TABLE_NAME", NAME),
    ("COLUMN_NAME", NAME),
    ("ORDINAL_POSITION", COUNT),
    ("COLUMN_DEFAULT", NAME),
    ("IS_NULLABLE", NAME),
    ("DATA_TYPE", NAME),
    ("CHARACTER_MAXIMUM_LENGTH", COUNT),
    ("CHARACTER_OCTET_LENGTH", COUNT),
    ("NUMERIC_PRECISION", COUNT),
    ("NUMERIC_PRECISION_RADIX", COUNT),
    ("NUMERIC_SCALE", COUNT),
    ("DATETIME_PRECISION", COUNT),
    ("INTERVAL_TYPE", NAME),
    ("INTERVAL_PRECISION", COUNT),
    ("CHARACTER_SET_CATALOG", NAME),
    ("CHARACTER_SET_SCHEMA", NAME),
    ("CHARACTER_SET_NAME", NAME),
    ("COLLATION_CATALOG", NAME),
    ("COLLATION_SCHEMA", NAME),
    ("COLLATION_NAME", NAME),
    ("DOMAIN_CATALOG", NAME),
    ("DOMAIN_SCHEMA", NAME),
    ("DOMAIN_NAME", NAME),
    ("UDT_CATALOG", NAME),
    ("UDT_SCHEMA", NAME),
    ("UDT_NAME", NAME),
    ("SCOPE_CATALOG", NAME),
    ("SCOPE_SCHEMA", NAME),
    ("SCOPE_NAME", NAME),
    ("MAXIMUM_CARDINALITY", COUNT),
    ("DTD_IDENTIFIER", NAME),
    ("IS_SELF_REFERENCING", NAME),
    ("IS_IDENTITY", NAME),
    ("IDENTITY_GENERATION", NAME),
    ("IDENTITY_START", NAME),
    ("IDENTITY_INCREMENT", NAME),
    ("IDENTITY_MAXIMUM", NAME),
    ("IDENTITY_MINIMUM", NAME),
    ("IDENTITY_CYCLE", NAME),
    ("IDENTITY_ORDERED", NAME),
    ("COMMENT", NAME),
];

/// The view's own name, if there is one called so.
pub(super) fn view(name: &str) -> Option<&'static str> {
    VIEWS.iter().map(|view| view.0).find(|known| *known == name)
}

/// The columns of a view.
pub(super) fn fields(view: &str) -> Vec<Field> {
    Listing::new(columns_of(view)).fields
}

fn columns_of(view: &str) -> &'static [(&'static str, Type)] {
    VIEWS
        .iter()
        .find(|known| known.0 == view)
        .map(|known| known.1)
        .unwrap_or_default()
}

/// The rows of a view of the database called `database`.
///
/// # Errors
/// The database does not exist.
pub(super) fn listing(view: &str, database: &str, session: &Session) -> Outcome<Listing> {
    let database = catalog::database(database).ok_or_else(|| Fault::UnknownObject {
        what: "Database",
        name: database.to_owned(),
    })?;
    let mut rows = Sheet::new(view);
    match view {
        "DATABASES" => databases(&mut rows),
        "SCHEMATA" => schemata(&mut rows, database),
        "TABLES" => tables(&mut rows, database),
        "VIEWS" => views(&mut rows, database),
        _ => columns(&mut rows, database, session)?,
    }
    Ok(rows.listing)
}

/// A listing whose cells are given by name; what is not given is NULL.
struct Sheet {
    listing: Listing,
}

impl Sheet {
    fn new(view: &str) -> Self {
        Self {
            listing: Listing::new(columns_of(view)),
        }
    }

    fn push(&mut self, cells: Vec<(&str, Cell)>) {
        let mut row = vec![Cell::Null; self.listing.fields.len()];
        for (name, cell) in cells {
            let index = self.listing.fields.iter().position(|field| field.name == name);
            debug_assert!(index.is_some(), "no column {name}");
            if let Some(index) = index {
                row[index] = cell;
            }
        }
        self.listing.push(row);
    }
}

fn databases(rows: &mut Sheet) {
    for database in DATABASES {
        rows.push(vec![
            ("DATABASE_NAME", database.name.into()),
            ("DATABASE_OWNER", ROLE_DEFAULT.into()),
            ("IS_TRANSIENT", "NO".into()),
            ("COMMENT", database.comment.into()),
            ("CREATED", CREATED_MICROS.into()),
            ("LAST_ALTERED", CREATED_MICROS.into()),
            ("RETENTION_TIME", 1_i64.into()),
            ("TYPE", "STANDARD".into()),
            ("OWNER_ROLE_TYPE", "ROLE".into()),
        ]);
    }
}

fn schemata(rows: &mut Sheet, database: &Database) {
    let own = database
        .schemas
        .iter()
        .map(|schema| (schema.name, Some(schema.comment)));
    for (name, comment) in own.chain([(INFORMATION_SCHEMA, None)]) {
        rows.push(vec![
            ("CATALOG_NAME", database.name.into()),
            ("SCHEMA_NAME", name.into()),
            ("SCHEMA_OWNER", comment.map(|_| ROLE_DEFAULT).into()),
            ("IS_TRANSIENT", "NO".into()),
            ("IS_MANAGED_ACCESS", "NO".into()),
            ("RETENTION_TIME", 1_i64.into()),
            ("CREATED", CREATED_MICROS.into()),
            ("LAST_ALTERED", CREATED_MICROS.into()),
            ("COMMENT", comment.into()),
            ("OWNER_ROLE_TYPE", comment.map(|_| "ROLE").into()),
        ]);
    }
}

/// What TABLES says of everything alike.
fn table(
    rows: &mut Sheet,
    place: [&str; 3],
    kind: &str,
    owner: Option<&str>,
    more: Vec<(&'static str, Cell)>,
) {
    let [database, schema, name] = place;
    let mut cells: Vec<(&str, Cell)> = vec![
        ("TABLE_CATALOG", database.into()),
        ("TABLE_SCHEMA", schema.into()),
        ("TABLE_NAME", name.into()),
        ("TABLE_OWNER", owner.into()),
        ("TABLE_TYPE", kind.into()),
        (
            "IS_INSERTABLE_INTO",
            if kind == "BASE TABLE" { "YES" } else { "NO" }.into(),
        ),
        ("IS_TYPED", "YES".into()),
        ("CREATED", CREATED_MICROS.into()),
        ("LAST_ALTERED", CREATED_MICROS.into()),
        ("LAST_DDL", CREATED_MICROS.into()),
        ("AUTO_CLUSTERING_ON", "NO".into()),
        ("IS_TEMPORARY", "NO".into()),
        ("IS_ICEBERG", "NO".into()),
        ("IS_DYNAMIC", "NO".into()),
        ("IS_IMMUTABLE", "NO".into()),
        ("IS_HYBRID", "NO".into()),
    ];
    cells.extend(more);
    rows.push(cells);
}

fn tables(rows: &mut Sheet, database: &Database) {
    for schema in database.schemas {
        for entry in schema.tables {
            let more = vec![
                ("IS_TRANSIENT", "NO".into()),
                ("ROW_COUNT", entry.rows.into()),
                ("BYTES", entry.bytes().into()),
                ("RETENTION_TIME", 1_i64.into()),
                ("COMMENT", entry.comment.into()),
            ];
            table(
                rows,
                [database.name, schema.name, entry.name],
                "BASE TABLE",
                Some(ROLE_DEFAULT),
                more,
            );
        }
        for view in schema.views {
            let more = vec![("COMMENT", view.comment.into())];
            table(
                rows,
                [database.name, schema.name, view.name],
                "VIEW",
                Some(ROLE_DEFAULT),
                more,
            );
        }
    }
    for (name, _) in VIEWS {
        table(
            rows,
            [database.name, INFORMATION_SCHEMA, name],
            "VIEW",
            None,
            Vec::new(),
        );
    }
}

fn views(rows: &mut Sheet, database: &Database) {
    for schema in database.schemas {
        for view in schema.views {
            let definition = super::ddl::create_view(database.name, schema.name, view, false);
            rows.push(vec![
                ("TABLE_CATALOG", database.name.into()),
                ("TABLE_SCHEMA", schema.name.into()),
                ("TABLE_NAME", view.name.into()),
                ("TABLE_OWNER", ROLE_DEFAULT.into()),
                ("VIEW_DEFINITION", definition.into()),
                ("CHECK_OPTION", "NONE".into()),
                ("IS_UPDATABLE", "NO".into()),
                ("INSERTABLE_INTO", "NO".into()),
                ("IS_SECURE", "NO".into()),
                ("CREATED", CREATED_MICROS.into()),
                ("LAST_ALTERED", CREATED_MICROS.into()),
                ("LAST_DDL", CREATED_MICROS.into()),
                ("COMMENT", view.comment.into()),
            ]);
        }
    }
}

fn columns(rows: &mut Sheet, database: &Database, session: &Session) -> Outcome<()> {
    for schema in database.schemas {
        for name in object_names(schema) {
            let parts = [database.name, schema.name, name].map(str::to_owned);
            let columns = describe::columns(&parts, session, &mut Frame::default())?;
            for (position, column) in (1_i64..).zip(&columns) {
                rows.push(column_row([database.name, schema.name, name], position, column));
            }
        }
    }
    Ok(())
}

fn object_names(schema: &Schema) -> Vec<&'static str> {
    let tables = schema.tables.iter().map(|table| table.name);
    tables.chain(schema.views.iter().map(|view| view.name)).collect()
}

fn column_row(place: [&str; 3], position: i64, column: &Described) -> Vec<(&'static str, Cell)> {
    let [database, schema, table] = place;
    let (mut length, mut precision, mut scale, mut fraction) = (None, None, None, None);
    match column.kind {
        Type::Number {
            precision: p,
            scale: s,
        } => (precision, scale) = (Some(i64::from(p)), Some(i64::from(s))),
        Type::Text { length: characters } => length = Some(i64::from(characters)),
        Type::Timestamp | Type::Instant { .. } | Type::Time => fraction = Some(9_i64),
        _ => {}
    }
    let octets = length.map(|length| (length * 4).min(i64::from(TEXT_LENGTH_MAX)));
    let comment = Some(column.comment.as_str()).filter(|comment| !comment.is_empty());
    vec![
        ("TABLE_CATALOG", database.into()),
        ("TABLE_SCHEMA", schema.into()),
        ("TABLE_NAME", table.into()),
        ("COLUMN_NAME", column.name.as_str().into()),
        ("ORDINAL_POSITION", position.into()),
        ("IS_NULLABLE", if column.nullable { "YES" } else { "NO" }.into()),
        ("DATA_TYPE", column.kind.family().into()),
        ("CHARACTER_MAXIMUM_LENGTH", length.into()),
        ("CHARACTER_OCTET_LENGTH", octets.into()),
        ("NUMERIC_PRECISION", precision.into()),
        ("NUMERIC_PRECISION_RADIX", precision.map(|_| 10_i64).into()),
        ("NUMERIC_SCALE", scale.into()),
        ("DATETIME_PRECISION", fraction.into()),
        ("IS_SELF_REFERENCING", "NO".into()),
        ("IS_IDENTITY", "NO".into()),
        ("COMMENT", comment.into()),
    ]
}
