//! What to tell about names: unknown ones with the nearest known one, and known ones that change nothing.

use super::Note;
use super::setting::{ALL, INEFFECTIVE};
use super::source::{OF_CONNECTION, Sources};
use crate::similar;

/// A note for each name that is set and not honoured, and one for what `.env` gave.
pub(super) fn notes(sources: &Sources) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(trouble) = sources.file_trouble() {
        notes.push(Note::warn(format!(".env {trouble}; the rest is used")));
    }
    let of_file = sources.names_of_file();
    if !of_file.is_empty() {
        notes.push(Note::info(format!(
            "from .env in the working directory: {}",
            of_file.join(", ")
        )));
    }
    notes.extend(sources.file_notes().iter().cloned());
    for name in sources.names() {
        if let Some(known) = INEFFECTIVE.iter().find(|known| known.name == name) {
            notes.push(Note::info(format!(
                "{name} is set but has no effect: {}",
                known.reason
            )));
        } else if !known_names().any(|known| known == name) && !is_of_connection(name) {
            notes.push(Note::warn(unknown(name)));
        }
    }
    notes
}

/// Whether it is a setting of one connection by name: `SNOWFLAKE_CONNECTIONS_PROD_ROLE`.
fn is_of_connection(name: &str) -> bool {
    let keys = ALL.iter().flat_map(|setting| setting.keys);
    name.strip_prefix(OF_CONNECTION).is_some_and(|rest| {
        let rest = rest.to_ascii_lowercase();
        keys.into_iter().any(|key| rest.ends_with(&format!("_{key}")))
    })
}

fn known_names() -> impl Iterator<Item = &'static str> {
    ALL.iter().flat_map(|setting| setting.names).copied()
}

fn unknown(name: &str) -> String {
    match similar::nearest(name, known_names()) {
        Some(known) => format!("{name} is not a setting; is {known} meant?"),
        None => format!("{name} is not a setting and is ignored"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str) -> Vec<String> {
        let sources = Sources::new([], [(name.to_owned(), "x".to_owned())], []);
        notes(&sources).into_iter().map(|note| note.text).collect()
    }

    #[test]
    fn a_slip_of_the_pen_is_told_with_what_was_meant() {
        for (wrong, right) in [
            ("SNOWFLAKE_ACOUNT", "SNOWFLAKE_ACCOUNT"),
            ("SNOWFLAKE_WAREHOSUE", "SNOWFLAKE_WAREHOUSE"),
            ("SNOWFLAKE_PASSWRD", "SNOWFLAKE_PASSWORD"),
            ("MCP_HTTP_PROT", "MCP_HTTP_PORT"),
        ] {
            assert_eq!(
                told(wrong),
                [format!("{wrong} is not a setting; is {right} meant?")]
            );
        }
    }

    #[test]
    fn a_name_of_another_thing_is_told_without_a_guess() {
        assert_eq!(
            told("MCP_SOMETHING_ELSE_ENTIRELY"),
            ["MCP_SOMETHING_ELSE_ENTIRELY is not a setting and is ignored"]
        );
    }

    #[test]
    fn a_known_name_without_effect_says_why() {
        let told = told("SNOWFLAKE_POOL_MIN_SIZE");
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("SNOWFLAKE_POOL_MIN_SIZE is set but has no effect: "),
            "{told:?}"
        );
    }

    #[test]
    fn names_of_other_programs_are_not_our_business() {
        assert!(told("PATH").is_empty());
    }
}
