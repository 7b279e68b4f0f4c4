//! Which names an argument can have, told by what it is called: the same in prompts and in templates.

use std::sync::Arc;

use crate::mcp::offer::Asked;
use crate::rpc;
use crate::sql::identifier::Identifier;
use crate::tools::Catalogue;
use crate::tools::lookup::Sought;
use crate::tools::place::Place;

/// The argument that every tool has where there are several connections.
pub(super) const CONNECTION: &str = "connection";

/// The names of connections that begin with `value`, whatever the case. They are the operator's: nobody is asked.
pub(super) fn connections(catalogue: &Catalogue, value: &str) -> Vec<String> {
    let prefix = value.to_lowercase();
    let names = catalogue.connections();
    let fitting = names.filter(|name| name.to_lowercase().starts_with(&prefix));
    fitting.map(str::to_owned).collect()
}

/// The connection that another argument names, if it does.
///
/// # Errors
/// -32602 where there is none of that name.
pub(super) fn connection(catalogue: &Catalogue, asked: &Asked<'_>) -> Result<Option<Arc<str>>, rpc::Error> {
    let Some(named) = asked.text(CONNECTION).filter(|named| !named.is_empty()) else {
        return Ok(None);
    };
    let mut names = catalogue.connections();
    let unknown = || rpc::Error::unknown(CONNECTION, &named);
    names
        .find(|name| *name == named)
        .map(|name| Some(name.into()))
        .ok_or_else(unknown)
}

/// The place that the arguments name, as far down as they do.
pub(super) fn place(asked: &Asked<'_>) -> Option<Place> {
    let known = |name: &str| asked.text(name)?.parse::<Identifier>().ok();
    let schema = known("schema");
    let object = ["object", "table", "view"].into_iter().find_map(known);
    Some(Place::new(known("database")?, schema.clone(), schema.and(object)))
}

/// What to look up for `argument`, within the places that the other arguments name. `None` where nothing can be looked up:
/// the argument is free text, or the place is not known yet.
pub(super) fn sought(argument: &str, asked: &Asked<'_>) -> Option<Sought> {
    let known = |name: &str| asked.text(name)?.parse::<Identifier>().ok();
    match argument {
        "database" => Some(Sought::Databases),
        "warehouse" => Some(Sought::Warehouses),
        "role" => Some(Sought::Roles),
        "schema" => Some(Sought::Within(Place::new(known("database")?, None, None))),
        "object" | "table" | "view" => Some(Sought::Within(Place::new(
            known("database")?,
            Some(known("schema")?),
            None,
        ))),
        "column" => {
            let object = ["object", "table", "view"].into_iter().find_map(known)?;
            Some(Sought::Within(Place::new(
                known("database")?,
                Some(known("schema")?),
                Some(object),
            )))
        }
        _ => None,
    }
}
