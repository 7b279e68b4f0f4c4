//! What callers may choose beside a tool's own arguments: the connection where there are several, a role and a warehouse
//! where the operator lists some. Where there is nothing to choose, no tool has an argument for it.

use std::sync::Arc;

use super::names::display_name;
use super::schema::{Arguments, Kind, Property};
use super::{Refusal, Settings};
use crate::backend::job::Work;
use crate::sql::identifier::Identifier;

/// What callers may choose in one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its name; empty for the only one.
    pub connection: Arc<str>,
    /// Roles, exact.
    pub roles: Vec<String>,
    /// Warehouses, exact.
    pub warehouses: Vec<String>,
}

/// The arguments that every tool has for it.
pub(super) fn properties(choices: &[Choice]) -> Vec<Property> {
    let mut properties = Vec::new();
    if let [first, _, ..] = choices {
        let names: Vec<_> = choices.iter().map(|choice| &*choice.connection).collect();
        let text = format!(
            "Which Snowflake connection: {}; without it {}.",
            names.join(", "),
            first.connection
        );
        properties.push(property(CONNECTION, text));
    }
    for (argument, listed) in LISTS {
        let lists: Vec<String> = choices
            .iter()
            .filter(|choice| !listed(choice).is_empty())
            .map(|choice| (shown(listed(choice)).join(", "), &choice.connection))
            .map(|(names, connection)| match choices.len() {
                1 => names,
                _ => format!("{names} in {connection}"),
            })
            .collect();
        if !lists.is_empty() {
            let text = format!(
                "{} to use: {}; without it the connection's own.",
                capital(argument),
                lists.join("; ")
            );
            properties.push(property(argument, text));
        }
    }
    properties
}

/// The connection that a call without a cursor goes to; `None` where there is one only, or none of that name.
pub(super) fn connection(settings: &Settings, arguments: &Arguments<'_>) -> Option<Arc<str>> {
    let [first, _, ..] = &settings.choices[..] else {
        return None;
    };
    let found = match arguments.text(CONNECTION) {
        None => Some(first),
        Some(name) => settings.choices.iter().find(|choice| &*choice.connection == name),
    };
    found.map(|choice| Arc::clone(&choice.connection))
}

/// Puts what the caller chose into the work. Work that names a connection already, that of its cursor, stays with it.
///
/// # Errors
/// Something that cannot be chosen, with what can.
pub(super) fn apply(settings: &Settings, arguments: &Arguments<'_>, work: &mut Work) -> Result<(), Refusal> {
    let is_named = settings.choices.len() > 1;
    let named = is_named.then(|| arguments.text(CONNECTION)).flatten();
    let held = work.context.connection.take();
    if let Some(held) = held.as_deref() {
        check_held(settings, held, named)?;
    }
    let Some(first) = settings.choices.first() else {
        return Ok(());
    };
    let choice = match held.as_deref().or(named) {
        None => first,
        Some(name) => {
            let found = settings.choices.iter().find(|choice| &*choice.connection == name);
            found.ok_or_else(|| {
                let names = settings
                    .choices
                    .iter()
                    .map(|choice| choice.connection.to_string());
                refusal(CONNECTION, name, names.collect())
            })?
        }
    };
    if is_named {
        work.context.connection = Some(Arc::clone(&choice.connection));
    }
    for (argument, listed) in LISTS {
        let is_offered = settings.choices.iter().any(|choice| !listed(choice).is_empty());
        let Some(text) = is_offered.then(|| arguments.text(argument)).flatten() else {
            continue;
        };
        let exact = text
            .parse::<Identifier>()
            .map_err(|fault| Refusal::Name { argument, fault })?;
        let chosen = listed(choice).iter().find(|name| **name == *exact.as_str());
        let chosen = chosen.ok_or_else(|| refusal(argument, text, shown(listed(choice))))?;
        let place = if argument == ROLE {
            &mut work.context.role
        } else {
            &mut work.context.warehouse
        };
        *place = Some(chosen.clone());
    }
    Ok(())
}

/// Whether a cursor of connection `held` can be read on here, by a caller who named the connection `named`.
fn check_held(settings: &Settings, held: &str, named: Option<&str>) -> Result<(), Refusal> {
    let is_here = settings.choices.iter().any(|choice| *choice.connection == *held);
    let named = named.filter(|named| *named != held);
    if is_here && named.is_none() {
        return Ok(());
    }
    Err(Refusal::CursorElsewhere {
        held: held.to_owned(),
        named: named.filter(|_| is_here).map(shortened),
    })
}

/// The role that the caller chose, exact, if it may choose one at all.
pub(super) fn role(arguments: &Arguments<'_>) -> Option<String> {
    let text = arguments.is_known(ROLE).then(|| arguments.text(ROLE)).flatten()?;
    let exact = text.parse::<Identifier>().ok()?;
    Some(exact.as_str().to_owned())
}

/// Exact names as a caller has to write them.
fn shown(names: &[String]) -> Vec<String> {
    names.iter().map(|name| display_name(name)).collect()
}

fn refusal(argument: &'static str, found: &str, known: Vec<String>) -> Refusal {
    Refusal::Choice {
        argument,
        found: shortened(found),
        known,
    }
}

fn shortened(found: &str) -> String {
    found.chars().take(FOUND_CHARS_MAX).collect()
}

fn property(name: &'static str, description: String) -> Property {
    Property {
        name,
        kind: Kind::Text,
        is_required: false,
        // Made once, and it lives as long as the program, as all descriptions do.
        description: description.leak(),
    }
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

type Listed = fn(&Choice) -> &Vec<String>;

const CONNECTION: &str = "connection";
const ROLE: &str = "role";
const LISTS: [(&str, Listed); 2] = [
    (ROLE, |choice| &choice.roles),
    ("warehouse", |choice| &choice.warehouses),
];
const FOUND_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests;
