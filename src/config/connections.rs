//! Which connections to Snowflake there are, what each needs, and what callers may choose in it.

use std::collections::BTreeSet;

use super::setting as s;
use super::source::{Found, Place, Sources};
use super::{Engine, Error, snowflake, value};
use crate::limits::SNOWFLAKE_CONNECTIONS_MAX;
use crate::snowflake::Settings;
use crate::sql::identifier::Identifier;
use crate::sql::ruling::Rulings;

/// One of several connections.
#[derive(Debug, Clone)]
pub struct Connection {
    /// What callers name it by.
    pub name: String,
    /// How to sign in, or the sentence that says what is missing.
    pub settings: Result<Box<Settings>, String>,
}

/// What callers may choose in a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    /// Its name; empty for the only one.
    pub name: String,
    /// Roles, exact. Empty: the connection's own is used.
    pub roles: Vec<String>,
    /// Warehouses, exact. Empty: the connection's own is used.
    pub warehouses: Vec<String>,
}

/// What answers statements, and what callers may choose. The first connection is the one of calls that name none.
///
/// # Errors
/// A connection that nobody knows, a name that is none, a value that cannot be meant.
pub(super) fn read(sources: &Sources) -> Result<(Engine, Vec<Choice>), Error> {
    sources.check_files()?;
    let names = names(sources)?;
    let several = names.len() > 1;
    let mut connections = Vec::new();
    let mut choices = Vec::new();
    for name in &names {
        let place = sources.place(name.as_deref());
        let mut settings = snowflake::read(&place)?;
        if let (true, Ok(settings)) = (several, &mut settings) {
            // Of one connection the tools make the names exact.
            let context = &mut settings.context;
            for name in [
                &mut context.database,
                &mut context.schema,
                &mut context.warehouse,
                &mut context.role,
            ] {
                *name = name.take().map(|text| exact(&text));
            }
        }
        let choice = Choice {
            name: name.clone().filter(|_| several).unwrap_or_default(),
            roles: exact_list(&place, &s::ALLOWED_ROLES)?,
            warehouses: exact_list(&place, &s::ALLOWED_WAREHOUSES)?,
        };
        choices.push(choice);
        connections.push((name.clone().unwrap_or_default(), settings));
    }
    if several {
        let connections = connections.into_iter().map(|(name, settings)| Connection {
            name,
            settings: settings.map(Box::new),
        });
        return Ok((Engine::Several(connections.collect()), choices));
    }
    let (_, settings) = connections.remove(0);
    let engine = match settings {
        Ok(settings) => Engine::Snowflake(Box::new(settings)),
        Err(sentence) => Engine::Incomplete(sentence),
    };
    Ok((engine, choices))
}

/// Refuses a policy by role where the role is the caller's choice: what is said for a role holds for the one that is set,
/// and a caller could leave it by choosing another.
///
/// # Errors
/// [`Error::File`].
pub(super) fn check_policy(choices: &[Choice], rulings: &Rulings) -> Result<(), Error> {
    let is_chosen = choices.len() > 1 || choices.iter().any(|choice| !choice.roles.is_empty());
    if is_chosen && rulings.are_by_role() {
        return Err(Error::File(
            "the policy has sections by role, which cannot hold where callers choose the role or the connection: \
             leave out [role.NAME], or allowed_roles and all connections but one"
                .to_owned(),
        ));
    }
    Ok(())
}

/// The connections in order; `None` for the one that has no name.
fn names(sources: &Sources) -> Result<Vec<Option<String>>, Error> {
    let default = sources.find(&s::CONNECTION);
    if let Some(found) = sources.find(&s::CONNECTIONS) {
        return listed(sources, &found, default.as_ref());
    }
    if let Some(found) = default {
        check_known(sources, &found, &found.value)?;
        return Ok(vec![Some(found.value)]);
    }
    let name = sources.default_connection();
    Ok(vec![name.map(str::to_owned)])
}

fn listed(sources: &Sources, found: &Found, default: Option<&Found>) -> Result<Vec<Option<String>>, Error> {
    let mut names = value::list(found);
    for name in &names {
        check_known(sources, found, name)?;
    }
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    if names.is_empty() || names.len() > SNOWFLAKE_CONNECTIONS_MAX {
        let expected = format!("expected 1 to {SNOWFLAKE_CONNECTIONS_MAX} names of connections");
        return Err(Error::value(found, expected));
    }
    if let Some(default) = default {
        let at = names.iter().position(|name| *name == default.value);
        let at = at.ok_or_else(|| Error::value(default, format!("expected one of {}", names.join(", "))))?;
        names[..=at].rotate_right(1);
    }
    Ok(names.into_iter().map(|name| Some(name.to_owned())).collect())
}

fn check_known(sources: &Sources, found: &Found, name: &str) -> Result<(), Error> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.len() > NAME_BYTES_MAX || !name.bytes().all(is_name) {
        let expected = "expected the name of a connection: letters, digits, '-' and '_'";
        return Err(Error::value(found, expected));
    }
    if sources.has_connection(name) {
        return Ok(());
    }
    let known = sources.connection_names();
    let known = if known.is_empty() {
        "there are none in connections.toml, config.toml or the file of --config".to_owned()
    } else {
        format!("known are {}", known.join(", "))
    };
    Err(Error::value(
        found,
        format!("no connection is called {name}; {known}"),
    ))
}

fn exact_list(place: &Place<'_>, setting: &s::Setting) -> Result<Vec<String>, Error> {
    let Some(found) = place.find(setting) else {
        return Ok(Vec::new());
    };
    let names = value::list(&found).into_iter().map(|name| {
        name.parse::<Identifier>()
            .map(|name| name.as_str().to_owned())
            .map_err(|error| Error::value(&found, format!("{name}: {error}")))
    });
    names.collect()
}

/// As SQL reads the name; a text that is none stays, and Snowflake will say what is wrong with it.
fn exact(text: &str) -> String {
    text.parse::<Identifier>()
        .map_or_else(|_| text.to_owned(), |name| name.as_str().to_owned())
}

const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests;
