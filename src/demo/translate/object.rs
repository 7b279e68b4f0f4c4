//! Names of tables and views: what a name means in a session, and the text that reads it.

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, ObjectName, ObjectNamePart, Value};

use super::scope::{Attribute, Relation, name_of};
use super::{Field, Frame, Rows, Translator};
use crate::demo::catalog::{self, INFORMATION_SCHEMA, Table, View};
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};
use crate::demo::information_schema;
use crate::demo::lexis;
use crate::demo::listing::Listing;
use crate::demo::session::Session;

/// Something that a name in FROM may mean.
#[derive(Debug, Clone, Copy)]
pub(in crate::demo) enum Object {
    Table(&'static Table),
    View(&'static View),
    /// A view of INFORMATION_SCHEMA.
    Information(&'static str),
}

/// The object called `name` in `schema` of `database`.
///
/// # Errors
/// [`Fault::UnknownObject`] that names the outermost part that does not exist.
pub(in crate::demo) fn find(session: &Session, parts: &[String]) -> Outcome<Object> {
    let [database_name, schema_name, name] = session.complete(parts)?;
    let missing = |what: &'static str, name: &str| Fault::UnknownObject {
        what,
        name: name.to_owned(),
    };
    let database = catalog::database(database_name).ok_or_else(|| missing("Database", database_name))?;
    if schema_name == INFORMATION_SCHEMA {
        return information_schema::view(name)
            .map(Object::Information)
            .ok_or_else(|| missing("Object", &format!("{database_name}.{INFORMATION_SCHEMA}.{name}")));
    }
    let schema = database
        .schema(schema_name)
        .ok_or_else(|| missing("Schema", &format!("{database_name}.{schema_name}")))?;
    let table = schema.table(name).map(Object::Table);
    table
        .or_else(|| schema.view(name).map(Object::View))
        .ok_or_else(|| missing("Object", &parts.join(".")))
}

/// Exact parts of a name.
pub(super) fn parts(name: &ObjectName) -> Outcome<Vec<String>> {
    if let [ObjectNamePart::Function(function)] = name.0.as_slice()
        && function.name.value.eq_ignore_ascii_case("identifier")
        && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] = function.args.as_slice()
        && let Value::SingleQuotedString(text) = &value.value
    {
        return lexis::parse_name(&lexis::unescape(text));
    }
    name.0
        .iter()
        .map(|part| {
            part.as_ident()
                .map(name_of)
                .ok_or_else(|| Fault::unsupported(format_args!("the name {name}")))
        })
        .collect()
}

/// The query of a view, translated on its own: it sees nothing of the statement around it.
pub(in crate::demo) fn view_rows(view: &View, session: &Session, frame: &mut Frame) -> Outcome<Rows> {
    let tokens = lexis::tokenize(view.query)?;
    super::translate(&tokens, session, &[], frame)
}

/// A listing as rows: it travels as a JSON parameter, so that nothing is written anywhere.
pub(in crate::demo) fn listing_rows(listing: &Listing, frame: &mut Frame) -> Rows {
    frame.parameters.push(listing.to_json());
    let columns: Vec<String> = (0..listing.fields.len())
        .map(|index| format!("json_extract(value, '$[{index}]') AS c{}", index + 1))
        .collect();
    Rows {
        sql: format!(
            "SELECT {} FROM json_each(?{})",
            columns.join(", "),
            frame.parameters.len()
        ),
        fields: listing.fields.clone(),
    }
}

impl Translator<'_, '_> {
    /// The relation that a name in FROM means, and its text.
    pub(super) fn object(&mut self, name: &ObjectName) -> Outcome<(String, Relation)> {
        let parts = parts(name)?;
        self.frame.relations += 1;
        if let [single] = parts.as_slice() {
            if let Some(rows) = self.stage(single)? {
                return Ok(self.derived(&rows, Vec::new()));
            }
            let with = self.tables_with.iter().rev().find(|(name, ..)| name == single);
            if let Some((name, source, fields)) = with.cloned() {
                let alias = self.fresh('t');
                let relation = relation(vec![name], &alias, &fields);
                return Ok((format!("{source} AS {alias}"), relation));
            }
        }
        let full: Vec<String> = self
            .session
            .complete(&parts)?
            .iter()
            .map(|part| (*part).to_owned())
            .collect();
        match find(self.session, &parts)? {
            Object::Table(table) => Ok(self.table(table, full)),
            Object::View(view) => {
                let rows = view_rows(view, self.session, self.frame)?;
                Ok(self.derived(&rows, full))
            }
            Object::Information(view) => {
                let listing = information_schema::listing(view, &full[0], self.session)?;
                let rows = listing_rows(&listing, self.frame);
                Ok(self.derived(&rows, full))
            }
        }
    }

    /// A subquery in FROM.
    pub(super) fn derived(&mut self, rows: &Rows, name: Vec<String>) -> (String, Relation) {
        let alias = self.fresh('t');
        let relation = relation(name, &alias, &rows.fields);
        (format!("({}) AS {alias}", rows.sql), relation)
    }

    fn table(&mut self, table: &'static Table, name: Vec<String>) -> (String, Relation) {
        self.frame.tables.insert(table.id);
        let alias = self.fresh('t');
        let attributes = table
            .columns
            .iter()
            .map(|column| Attribute {
                name: column.name.to_owned(),
                sql: format!("{alias}.{}", column.name),
                kind: column.kind,
                nullable: column.nullable,
                is_merged: false,
                is_internal: false,
            })
            .collect();
        let storage = table.id.storage();
        (
            format!("db_{storage}.{storage} AS {alias}"),
            Relation { name, attributes },
        )
    }

    /// `$1` is the stage before this one, `$2` the one before that.
    fn stage(&self, name: &str) -> Outcome<Option<Rows>> {
        let Some(number) = name
            .strip_prefix('$')
            .and_then(|digits| digits.parse::<usize>().ok())
        else {
            return Ok(None);
        };
        let index = self.stages.len().checked_sub(number).filter(|_| number > 0);
        index
            .map(|index| Some(self.stages[index].clone()))
            .ok_or_else(|| Fault::compilation("002003", format!("{name} is no earlier stage of this pipe")))
    }
}

/// A relation whose columns are `c1 … cn`.
pub(super) fn relation(name: Vec<String>, alias: &str, fields: &[Field]) -> Relation {
    let attributes = fields
        .iter()
        .enumerate()
        .map(|(index, field)| Attribute {
            name: field.name.clone(),
            sql: format!("{alias}.c{}", index + 1),
            kind: if field.kind == Type::Null {
                Type::TEXT
            } else {
                field.kind
            },
            nullable: field.nullable,
            is_merged: false,
            is_internal: false,
        })
        .collect();
    Relation { name, attributes }
}
