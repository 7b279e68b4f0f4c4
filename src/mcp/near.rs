//! Which name an error complains about.

/// The last part of the name that is in quotes in a message such as `Object 'DB.S.ORDRES' does not exist or not
/// authorized`; names in double quotes keep what is between them.
pub(super) fn name_in(message: &str) -> Option<String> {
    let mut pieces = message.split('\'');
    let mut found = None;
    // Every second piece is inside of quotes. The first that looks like a name is the object's.
    while let (Some(_), Some(inside)) = (pieces.next(), pieces.next()) {
        if !inside.is_empty() && inside.len() <= NAME_BYTES_MAX {
            found = Some(inside);
            break;
        }
    }
    let name = found.unwrap_or_else(|| {
        // `invalid identifier X`, `no column X`: the word behind.
        let behind = ["invalid identifier ", "has no column "]
            .iter()
            .find_map(|before| message.split_once(before));
        behind.map_or("", |(_, rest)| rest.split_whitespace().next().unwrap_or(""))
    });
    let last = match name.strip_suffix('"') {
        Some(quoted) => quoted.rsplit_once('"').map(|(_, last)| last),
        None => name.rsplit('.').next(),
    };
    last.filter(|last| !last.is_empty()).map(str::to_owned)
}

/// Three names of 255 characters, with quotes and dots.
const NAME_BYTES_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_found_in_snowflakes_sentences_and_ours() {
        for (message, name) in [
            (
                "SQL compilation error: Object 'DB.S.ORDRES' does not exist or not authorized",
                Some("ORDRES"),
            ),
            (
                "SQL compilation error: Schema 'DB.\"My Schema\"' does not exist or not authorized",
                Some("My Schema"),
            ),
            (
                "SQL compilation error: error line 1 at position 7 invalid identifier 'NAEM'",
                Some("NAEM"),
            ),
            ("D.S.T has no column NAEM", Some("NAEM")),
            ("something went wrong", None),
            ("'' is nothing", None),
        ] {
            assert_eq!(name_in(message).as_deref(), name, "{message}");
        }
    }
}
