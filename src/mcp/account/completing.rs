//! Which names an argument can have, told by what it is called: the same in prompts and in templates.

use crate::mcp::offer::Asked;
use crate::sql::identifier::Identifier;
use crate::tools::lookup::Sought;
use crate::tools::place::Place;

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
