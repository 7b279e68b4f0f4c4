//! SHOW: which objects of the catalogue a command means. What is said of each of them is in [`rows`].

mod rows;

use super::catalog::{DATABASES, Database, INFORMATION_SCHEMA, Schema};
use super::command::{Show, What, Within};
use super::fault::{Fault, Outcome};
use super::functions::is_like;
use super::listing::{Cell, Listing};
use super::session::Session;

/// A schema with its database: what most listings go through.
type Place = (&'static Database, &'static Schema);

/// Answers a SHOW command.
///
/// # Errors
/// A name in IN that does not exist, or that is no place for what is listed.
pub(super) fn listing(show: &Show, session: &Session) -> Outcome<Listing> {
    let terse = show.is_terse;
    let mut listing = match show.what {
        What::Databases => rows::databases(terse, session),
        What::Schemas => rows::schemas(terse, &databases(show, session)?, session),
        What::Tables => rows::tables(terse, &places(show, session)?),
        What::Views => rows::views(
            terse,
            &information_schemas(show, session),
            &places(show, session)?,
        ),
        What::Objects => rows::objects(terse, &places(show, session)?),
        What::Columns => rows::columns(&objects(show, session)?, session)?,
        What::Warehouses => rows::warehouses(session),
        What::Roles => rows::roles(session),
        What::PrimaryKeys => rows::primary_keys(&objects(show, session)?),
        What::ImportedKeys => rows::imported_keys(&objects(show, session)?),
        What::Grants => rows::grants(session),
    };
    filter(&mut listing, show);
    Ok(listing)
}

/// LIKE, STARTS WITH and LIMIT … FROM look at the name.
fn filter(listing: &mut Listing, show: &Show) {
    let name_column = if show.what == What::Columns {
        "column_name"
    } else {
        "name"
    };
    let Some(index) = listing.fields.iter().position(|field| field.name == name_column) else {
        return;
    };
    listing.rows.retain(|row| {
        let Some(Cell::Text(name)) = row.get(index) else {
            return true;
        };
        show.like.as_ref().is_none_or(|pattern| is_like(name, pattern))
            && show
                .starts_with
                .as_ref()
                .is_none_or(|start| name.starts_with(start.as_str()))
            && show.from.as_ref().is_none_or(|from| name > from)
    });
    if let Some(limit) = show.limit {
        listing
            .rows
            .truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
}

fn database(name: &str) -> Outcome<&'static Database> {
    super::catalog::database(name).ok_or_else(|| Fault::UnknownObject {
        what: "Database",
        name: name.to_owned(),
    })
}

/// The database that a name of one part means.
fn named_database(name: &[String]) -> Outcome<&'static Database> {
    match name {
        [name] => database(name),
        _ => Err(Fault::compilation(
            "001003",
            format!("'{}' is no name of a database", name.join(".")),
        )),
    }
}

/// Databases in which SHOW SCHEMAS looks.
fn databases(show: &Show, session: &Session) -> Outcome<Vec<&'static Database>> {
    match &show.within {
        Within::Account => Ok(DATABASES.iter().collect()),
        Within::Session | Within::Database(None) => Ok(vec![database(&session.database)?]),
        Within::Database(Some(name)) | Within::Name(name) => Ok(vec![named_database(name)?]),
        Within::Schema(_) | Within::Object(_) => Err(Fault::compilation(
            "001003",
            "SHOW SCHEMAS looks in an account or a database",
        )),
    }
}

/// Schemas in which the command looks. INFORMATION_SCHEMA is none of them.
fn places(show: &Show, session: &Session) -> Outcome<Vec<Place>> {
    let all = |database: &'static Database| {
        database
            .schemas
            .iter()
            .map(move |schema| (database, schema))
            .collect()
    };
    match &show.within {
        Within::Account => Ok(DATABASES
            .iter()
            .flat_map(|database| database.schemas.iter().map(move |schema| (database, schema)))
            .collect()),
        Within::Database(None) => database(&session.database).map(all),
        Within::Database(Some(name)) => named_database(name).map(all),
        Within::Session | Within::Schema(None) => match &session.schema {
            Some(schema) => place(&session.database, schema).map(|place| place.into_iter().collect()),
            None => database(&session.database).map(all),
        },
        Within::Schema(Some(name)) | Within::Name(name) => {
            let (database, schema) = schema_name(name, session)?;
            place(database, schema).map(|place| place.into_iter().collect())
        }
        Within::Object(_) => Err(Fault::compilation(
            "001003",
            "TABLE and VIEW belong to SHOW COLUMNS",
        )),
    }
}

fn schema_name<'a>(name: &'a [String], session: &'a Session) -> Outcome<(&'a str, &'a str)> {
    match name {
        [schema] => Ok((&session.database, schema)),
        [database, schema] => Ok((database, schema)),
        _ => Err(Fault::compilation(
            "001003",
            format!("'{}' is no name of a schema", name.join(".")),
        )),
    }
}

/// A schema by its names; `None` for INFORMATION_SCHEMA, which has no objects of its own.
fn place(database_name: &str, schema: &str) -> Outcome<Option<Place>> {
    let database = database(database_name)?;
    if schema == INFORMATION_SCHEMA {
        return Ok(None);
    }
    let found = database.schema(schema).map(|schema| Some((database, schema)));
    found.ok_or_else(|| Fault::UnknownObject {
        what: "Schema",
        name: format!("{database_name}.{schema}"),
    })
}

/// Databases whose INFORMATION_SCHEMA is in sight of SHOW VIEWS.
fn information_schemas(show: &Show, session: &Session) -> Vec<&'static str> {
    let (database, schema) = match &show.within {
        Within::Account => return DATABASES.iter().map(|database| database.name).collect(),
        Within::Database(None) => (session.database.as_str(), INFORMATION_SCHEMA),
        Within::Database(Some(name)) => (name[0].as_str(), INFORMATION_SCHEMA),
        Within::Schema(Some(name)) | Within::Name(name) => {
            schema_name(name, session).unwrap_or((session.database.as_str(), ""))
        }
        Within::Session | Within::Schema(None) => (
            session.database.as_str(),
            session.schema.as_deref().unwrap_or(INFORMATION_SCHEMA),
        ),
        Within::Object(_) => return Vec::new(),
    };
    let known = super::catalog::database(database).filter(|_| schema == INFORMATION_SCHEMA);
    known.into_iter().map(|database| database.name).collect()
}

/// Full names of the tables and views whose columns SHOW COLUMNS lists.
fn objects(show: &Show, session: &Session) -> Outcome<Vec<[String; 3]>> {
    if let Within::Object(parts) | Within::Name(parts) = &show.within {
        return Ok(vec![session.complete(parts)?.map(str::to_owned)]);
    }
    let mut objects = Vec::new();
    for (database, schema) in places(show, session)? {
        let tables = schema.tables.iter().map(|table| table.name);
        for name in tables.chain(schema.views.iter().map(|view| view.name)) {
            objects.push([database.name, schema.name, name].map(str::to_owned));
        }
    }
    Ok(objects)
}
