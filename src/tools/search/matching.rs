//! What fits a search: a pattern of LIKE, or words that may be misspelt.

use serde_json::Value;

use crate::similar::{distance_within, is_like, typos_max};

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    /// A whole name or comment, with `%` and `_`.
    Like(String),
    /// Words in lower case, each of which must be met.
    Words(Vec<String>),
}

impl Pattern {
    /// A text with `%` is a pattern. An underscore alone makes none: most names have one.
    pub(super) fn parse(text: &str) -> Self {
        if text.contains('%') {
            return Self::Like(text.to_owned());
        }
        let words = text.split(|character: char| character.is_whitespace() || ",;".contains(character));
        let words = words.map(|word| word.trim_matches('"').to_lowercase());
        Self::Words(words.filter(|word| !word.is_empty()).take(WORDS_MAX).collect())
    }

    /// How well something with this name and comment fits, less being better; `None` if it does not.
    pub(super) fn rank(&self, name: &str, comment: &str) -> Option<u8> {
        match self {
            Self::Like(pattern) if is_like(name, pattern) => Some(2),
            Self::Like(pattern) => is_like(comment, pattern).then_some(4),
            Self::Words(words) => {
                let (name, comment) = (name.to_lowercase(), comment.to_lowercase());
                let ranks: Option<Vec<u8>> =
                    words.iter().map(|word| rank_of(word, &name, &comment)).collect();
                ranks?.into_iter().max()
            }
        }
    }
}

/// A search with more words finds nothing that one with these would not.
const WORDS_MAX: usize = 8;

fn rank_of(word: &str, name: &str, comment: &str) -> Option<u8> {
    if name == word {
        return Some(0);
    }
    if name.starts_with(word) {
        return Some(1);
    }
    if name.contains(word) {
        return Some(2);
    }
    let most = typos_max(word.chars().count());
    let is_near = |part: &str| most > 0 && distance_within(part, word, most).is_some();
    let mut parts = name.split(|character: char| !character.is_alphanumeric());
    if is_near(name) || parts.any(is_near) {
        return Some(3);
    }
    comment.contains(word).then_some(4)
}

/// A type as SQL writes it, of the JSON in which SHOW COLUMNS tells it.
pub(super) fn data_type(json: &str) -> String {
    let Ok(Value::Object(members)) = serde_json::from_str::<Value>(json) else {
        return json.to_owned();
    };
    let name = members.get("type").and_then(Value::as_str).unwrap_or("unknown");
    let number = |member: &str| members.get(member).and_then(Value::as_u64);
    match (name, number("precision"), number("scale"), number("length")) {
        ("FIXED", Some(precision), Some(scale), _) => format!("NUMBER({precision},{scale})"),
        ("FIXED", ..) => "NUMBER".to_owned(),
        ("TEXT", _, _, Some(length)) => format!("VARCHAR({length})"),
        ("TEXT", ..) => "VARCHAR".to_owned(),
        ("REAL", ..) => "FLOAT".to_owned(),
        (name, ..) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_better_comes_first() {
        let rank = |pattern: &str, name: &str, comment: &str| Pattern::parse(pattern).rank(name, comment);
        for (pattern, name, comment, expected) in [
            ("orders", "ORDERS", "", Some(0)),
            ("order", "ORDERS", "", Some(1)),
            ("order", "OPEN_ORDERS", "", Some(2)),
            ("ordres", "OPEN_ORDERS", "", Some(3)),
            ("order", "SALES", "one row an order", Some(4)),
            ("open order", "OPEN_ORDERS", "", Some(2)),
            ("open invoices", "OPEN_ORDERS", "", None),
            ("cat", "CAR", "", None),
            ("o%rs", "ORDERS", "", Some(2)),
            ("%key%", "ID", "Primary key", Some(4)),
            ("o%x", "ORDERS", "", None),
            ("c_name", "C_NAME", "", Some(0)),
        ] {
            assert_eq!(rank(pattern, name, comment), expected, "{pattern} in {name}");
        }
    }

    #[test]
    fn a_type_is_told_as_sql_writes_it() {
        for (json, text) in [
            (
                r#"{"type":"FIXED","precision":38,"scale":2,"nullable":true}"#,
                "NUMBER(38,2)",
            ),
            (
                r#"{"type":"TEXT","length":25,"byteLength":100,"nullable":true,"fixed":false}"#,
                "VARCHAR(25)",
            ),
            (r#"{"type":"REAL","nullable":true}"#, "FLOAT"),
            (r#"{"type":"DATE","nullable":true}"#, "DATE"),
            ("NUMBER(1,0)", "NUMBER(1,0)"),
        ] {
            assert_eq!(data_type(json), text);
        }
    }
}
