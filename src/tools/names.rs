//! Arguments that are names of objects: read as SQL reads them, completed with the operator's defaults.

use super::schema::{Arguments, Fault, Kind, Property};
use super::{Refusal, Settings};
use crate::backend::job::Context;
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

/// A view's whole name.
#[derive(Debug, Clone)]
pub(super) struct ViewName {
    pub(super) database: Identifier,
    pub(super) schema: Identifier,
    pub(super) view: Identifier,
}

impl ViewName {
    /// Reads `database`, `schema` (or its default) and `view_name`.
    ///
    /// Models like to write the whole name into `view_name`. Then its parts must be those of the other arguments, and its
    /// schema may stand in for theirs.
    pub(super) fn parse(settings: &Settings, arguments: &Arguments<'_>) -> Result<Self, Refusal> {
        const ARGUMENT: &str = "view_name";
        let database = required_name(arguments, "database")?;
        let schema = name_in(arguments, "schema")?;
        let text = arguments.text(ARGUMENT);
        let text = text.ok_or(Refusal::Arguments(Fault::Missing(ARGUMENT)))?;
        let written: QualifiedName = text.parse().map_err(|fault| Refusal::Name {
            argument: ARGUMENT,
            fault,
        })?;
        let is_other = |part: Option<&Identifier>, given: &Identifier| part.is_some_and(|part| part != given);
        if is_other(written.database(), &database) {
            return Err(Refusal::Contradiction("database"));
        }
        if schema
            .as_ref()
            .is_some_and(|schema| is_other(written.schema(), schema))
        {
            return Err(Refusal::Contradiction("schema"));
        }
        let schema = schema
            .or_else(|| written.schema().cloned())
            .or_else(|| default_schema(settings, &database))
            .ok_or(Refusal::NoSchema)?;
        Ok(Self {
            database,
            schema,
            view: written.name().clone(),
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
        parts.map(|part| display_name(part.as_str())).join(".")
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
