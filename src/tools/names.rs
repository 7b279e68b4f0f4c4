//! Arguments that are names of objects: read as SQL reads them, completed with the operator's defaults.

use super::place::Place;
use super::schema::{Arguments, Fault, Kind, Property, push_separated};
use super::{Refusal, Settings};
use crate::backend::job::Context;
use crate::json;
use crate::sql::identifier::{Identifier, QualifiedName};

/// An argument that is text, such as the name of an object.
pub(super) fn text_property(name: &'static str, is_required: bool, description: &'static str) -> Property {
    Property {
        name,
        kind: Kind::Text,
        is_required,
        description,
    }
}

/// The arguments of a tool that takes a statement, of which `query` says what it may be.
pub(super) fn statement_properties(query: &'static str) -> Vec<Property> {
    vec![
        text_property("query", true, query),
        text_property(
            "database",
            false,
            "Database in which unqualified names are looked up.",
        ),
        text_property(
            "schema",
            false,
            "Schema in which unqualified names are looked up.",
        ),
    ]
}

/// The argument by which a caller escapes what is kept of earlier answers.
pub(super) fn fresh_property() -> Property {
    Property {
        name: "fresh",
        kind: Kind::Flag { default: false },
        is_required: false,
        description: "Read it anew, also where it was read within the last minutes.",
    }
}

/// The name in an argument, if it was given.
pub(super) fn name_in(
    arguments: &Arguments<'_>,
    argument: &'static str,
) -> Result<Option<Identifier>, Refusal> {
    let Some(text) = arguments.text(argument) else {
        return Ok(None);
    };
    let fault = |fault| Refusal::Name { argument, fault };
    text.parse().map(Some).map_err(fault)
}

/// The same for an argument that must be there.
pub(super) fn required_name(
    arguments: &Arguments<'_>,
    argument: &'static str,
) -> Result<Identifier, Refusal> {
    let missing = Refusal::Arguments(Fault::Missing(argument));
    name_in(arguments, argument)?.ok_or(missing)
}

/// The schema of a call that gives none, if the operator set one for `database`.
pub(super) fn default_schema(settings: &Settings, database: &Identifier) -> Option<Identifier> {
    let schema = settings.schema_within(database.as_str())?;
    Identifier::exact(schema).ok()
}

/// An exact name as a caller may pass it back: bare where SQL takes it so, else in quotes.
pub(super) fn display_name(exact: &str) -> String {
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    let mut bytes = exact.bytes();
    let is_bare = bytes.next().is_some_and(is_letter)
        && bytes.all(|byte| is_letter(byte) || byte.is_ascii_digit() || byte == b'$');
    if is_bare {
        exact.to_owned()
    } else {
        format!("\"{}\"", exact.replace('"', "\"\""))
    }
}

/// The whole name of a table or view.
#[derive(Debug, Clone)]
pub(super) struct ObjectName {
    pub(super) database: Identifier,
    pub(super) schema: Identifier,
    pub(super) name: Identifier,
}

/// The argument that names a view.
pub(super) const VIEW_NAME: &str = "view_name";
/// The argument that names a table.
pub(super) const TABLE_NAME: &str = "table_name";

/// What the tools that look at one table have in common.
pub(super) fn table_properties() -> Vec<Property> {
    object_properties(
        TABLE_NAME,
        "Table name without database and schema, as in list_tables; a view's will do too.",
    )
}

/// The same of those that look at one view.
pub(super) fn view_properties() -> Vec<Property> {
    object_properties(
        VIEW_NAME,
        "View name without database and schema, as in list_views.",
    )
}

fn object_properties(name: &'static str, description: &'static str) -> Vec<Property> {
    vec![
        text_property("database", true, "Database name, as in list_databases."),
        text_property(name, true, description),
        text_property(
            "schema",
            false,
            "Schema name; needed unless the server has a default schema for this database.",
        ),
    ]
}

impl ObjectName {
    /// Reads `database`, `schema` (or its default) and the name in `argument`.
    ///
    /// Models like to write the whole name into one argument. Then its parts must be those of the other arguments, and
    /// its schema may stand in for theirs.
    pub(super) fn parse(
        settings: &Settings,
        arguments: &Arguments<'_>,
        argument: &'static str,
    ) -> Result<Self, Refusal> {
        let database = required_name(arguments, "database")?;
        let schema = name_in(arguments, "schema")?;
        let text = arguments.text(argument);
        let text = text.ok_or(Refusal::Arguments(Fault::Missing(argument)))?;
        let written: QualifiedName = text.parse().map_err(|fault| Refusal::Name { argument, fault })?;
        let is_other = |part: Option<&Identifier>, given: &Identifier| part.is_some_and(|part| part != given);
        if is_other(written.database(), &database) {
            return Err(Refusal::Contradiction(argument, "database"));
        }
        if schema
            .as_ref()
            .is_some_and(|schema| is_other(written.schema(), schema))
        {
            return Err(Refusal::Contradiction(argument, "schema"));
        }
        let schema = schema
            .or_else(|| written.schema().cloned())
            .or_else(|| default_schema(settings, &database))
            .ok_or(Refusal::NoSchema)?;
        Ok(Self {
            database,
            schema,
            name: written.name().clone(),
        })
    }

    /// `"D"."S"."V"`.
    pub(super) fn to_quoted(&self) -> String {
        let parts = [&self.database, &self.schema, &self.name];
        parts.map(Identifier::to_quoted).join(".")
    }

    /// As a caller may pass it back.
    pub(super) fn to_display(&self) -> String {
        let parts = [&self.database, &self.schema, &self.name];
        parts.map(|part| display_name(part.as_str())).join(".")
    }

    /// Appends its parts as members of a JSON object, without a comma around them.
    pub(super) fn push_json(&self, into: &mut Vec<u8>) {
        let parts = [
            ("database", &self.database),
            ("schema", &self.schema),
            ("name", &self.name),
        ];
        push_separated(into, parts.into_iter(), |into, (member, name)| {
            json::push_string(into, member);
            into.push(b':');
            json::push_string(into, name.as_str());
        });
    }

    /// The place.
    pub(super) fn to_place(&self) -> Place {
        Place::new(
            self.database.clone(),
            Some(self.schema.clone()),
            Some(self.name.clone()),
        )
    }

    /// Where a statement about it runs.
    pub(super) fn context(&self, settings: &Settings) -> Context {
        let exact = |name: &Identifier| Some(name.as_str().to_owned());
        settings.context(exact(&self.database), exact(&self.schema))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_displayed_name_reads_back_as_itself() {
        for exact in ["ORDERS", "orders", "a.b", "say \"hi\"", "1ST", "my view", "V_$1"] {
            let read: Identifier = display_name(exact).parse().unwrap();
            assert_eq!(read.as_str(), exact);
        }
        assert_eq!(display_name("V_$1"), "V_$1");
        assert_eq!(display_name("my view"), "\"my view\"");
    }
}
