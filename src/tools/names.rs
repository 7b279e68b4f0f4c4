//! Arguments that are names of objects: read as SQL reads them, completed with the operator's defaults.

use super::naming::{Identifier, display_name};
use super::schema::{Arguments, Fault, Kind, Property};
use super::{Refusal, Settings};
use crate::backend::job::Context;

/// An argument that names an object.
pub(super) fn name_property(name: &'static str, is_required: bool, description: &'static str) -> Property {
    Property {
        name,
        kind: Kind::Text,
        is_required,
        description,
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
    match Identifier::parse(text) {
        Ok(name) => Ok(Some(name)),
        Err(fault) => Err(Refusal::Name {
            argument,
            reason: fault.to_string(),
        }),
    }
}

/// The same for an argument that must be there.
pub(super) fn required_name(
    arguments: &Arguments<'_>,
    argument: &'static str,
) -> Result<Identifier, Refusal> {
    let missing = Refusal::Arguments(Fault::Missing(argument));
    name_in(arguments, argument)?.ok_or(missing)
}

/// A view's whole name.
#[derive(Debug, Clone)]
pub(super) struct ViewName {
    pub(super) database: Identifier,
    pub(super) schema: Identifier,
    pub(super) view: Identifier,
}

impl ViewName {
    /// Reads `database`, `schema` (or its default) and `view_name`.
    pub(super) fn parse(settings: &Settings, arguments: &Arguments<'_>) -> Result<Self, Refusal> {
        let database = required_name(arguments, "database")?;
        let view = required_name(arguments, "view_name")?;
        let schema = match name_in(arguments, "schema")? {
            Some(schema) => schema,
            None => default_schema(settings, &database)?.ok_or(Refusal::NoSchema)?,
        };
        Ok(Self {
            database,
            schema,
            view,
        })
    }

    /// `"D"."S"."V"`.
    pub(super) fn to_quoted(&self) -> String {
        let parts = [&self.database, &self.schema, &self.view];
        parts.map(Identifier::to_quoted).join(".")
    }

    /// As a caller may pass it back.
    pub(super) fn to_display(&self) -> String {
        let parts = [&self.database, &self.schema, &self.view];
        parts.map(|part| display_name(part.as_exact())).join(".")
    }

    /// Where a statement about it runs.
    pub(super) fn context(&self, settings: &Settings) -> Context {
        let exact = |name: &Identifier| Some(name.as_exact().to_owned());
        settings.context(exact(&self.database), exact(&self.schema))
    }
}

/// The schema of a call that gives none, if the operator set one for `database`.
pub(super) fn default_schema(
    settings: &Settings,
    database: &Identifier,
) -> Result<Option<Identifier>, Refusal> {
    let Some(schema) = settings.schema_within(database.as_exact()) else {
        return Ok(None);
    };
    // The setting is exact already, so it is read as the quoted name that it would be in SQL.
    let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
    match Identifier::parse(&quoted) {
        Ok(schema) => Ok(Some(schema)),
        Err(_) => Err(Refusal::NoSchema),
    }
}
