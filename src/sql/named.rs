//! The names that `SHOW` and `DESCRIBE` are told. They run without a plan, so their objects are known by these alone.

use super::lexer::{Lexer, Token, TokenKind};
use super::statement::StatementKind;

/// A name in a statement, exact, and what the word before it says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// From the outermost part to the innermost; at most as many as were written.
    pub parts: Vec<String>,
    /// How many parts the whole name has, where that is known: 1 of a database, 2 of a schema, 3 of an object.
    pub rank: Option<usize>,
}

/// What a `SHOW` is limited to, and what a `DESCRIBE` is of. Nothing for other kinds of statement, and for what names
/// nothing.
///
/// ```
/// use snowflake_mcp::sql::named::named;
/// use snowflake_mcp::sql::statement::StatementKind;
///
/// let found = named("describe table sales.\"Raw\".t", StatementKind::Describe);
/// assert_eq!(found[0].parts, ["SALES", "Raw", "T"]);
/// assert!(named("show tables", StatementKind::Show).is_empty());
/// ```
pub fn named(text: &str, kind: StatementKind) -> Vec<Named> {
    if !matches!(kind, StatementKind::Describe | StatementKind::Show) {
        return Vec::new();
    }
    let tokens: Vec<_> = Lexer::new(text).map_while(Result::ok).collect();
    named_in(&tokens, kind)
}

/// The same of a text that was cut into tokens before.
pub(super) fn named_in(tokens: &[Token<'_>], kind: StatementKind) -> Vec<Named> {
    // Semicolons and what stands in the place of nothing may come first.
    let first = tokens.iter().position(|token| !token.is_symbol(b';'));
    let tokens = &tokens[first.unwrap_or(tokens.len())..];
    match kind {
        StatementKind::Describe => {
            // The verb, the words that say what it is of, and the name.
            let mut at = 1;
            while is_word(tokens, at) && is_name(tokens, at + 1) {
                at += 1;
            }
            let rank = tokens
                .get(at - 1)
                .and_then(|word| rank_of(word.text))
                .or(Some(OBJECT));
            name_at(tokens, at, rank).into_iter().collect()
        }
        StatementKind::Show => {
            let starts = (1..tokens.len()).filter(|&at| is_word(tokens, at) && starts_scope(tokens[at].text));
            starts.filter_map(|at| scope_at(tokens, at + 1)).collect()
        }
        _ => Vec::new(),
    }
}

/// The name behind `IN` and its kin, and behind the word that says what it is.
fn scope_at(tokens: &[Token<'_>], mut at: usize) -> Option<Named> {
    let mut rank = None;
    while is_word(tokens, at) && !tokens.get(at + 1).is_some_and(|next| next.is_symbol(b'.')) {
        let Some(of) = rank_of(tokens[at].text) else { break };
        rank = Some(of);
        at += 1;
    }
    let is_clause = is_word(tokens, at)
        && CLAUSES
            .iter()
            .any(|word| tokens[at].text.eq_ignore_ascii_case(word));
    if is_clause {
        return None;
    }
    name_at(tokens, at, rank)
}

pub(super) fn name_at(tokens: &[Token<'_>], mut at: usize, rank: Option<usize>) -> Option<Named> {
    let mut parts = Vec::new();
    while let Some(name) = tokens.get(at).and_then(exact) {
        parts.push(name);
        if !tokens.get(at + 1).is_some_and(|next| next.is_symbol(b'.')) {
            return Some(Named { parts, rank });
        }
        at += 2;
        if tokens.get(at - 1).is_some() && tokens.get(at).is_some_and(|next| next.is_symbol(b'.')) {
            // `db..name` is short for `db.PUBLIC.name`.
            parts.push("PUBLIC".to_owned());
            at += 1;
        }
    }
    (!parts.is_empty()).then_some(Named { parts, rank })
}

/// A name as Snowflake stores it.
fn exact(token: &Token<'_>) -> Option<String> {
    match token.kind {
        TokenKind::Word => Some(token.text.to_uppercase()),
        TokenKind::QuotedName => {
            let inside = token.text.get(1..token.text.len() - 1)?;
            Some(inside.replace("\"\"", "\""))
        }
        _ => None,
    }
}

fn is_word(tokens: &[Token<'_>], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| token.kind == TokenKind::Word)
}

fn is_name(tokens: &[Token<'_>], at: usize) -> bool {
    let is_type = || {
        CLAUSES
            .iter()
            .any(|word| tokens[at].text.eq_ignore_ascii_case(word))
    };
    tokens
        .get(at)
        .is_some_and(|token| matches!(token.kind, TokenKind::Word | TokenKind::QuotedName) && !is_type())
}

fn starts_scope(word: &str) -> bool {
    ["IN", "ON", "OF", "TO", "FOR"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

/// How many parts the name of a thing has that is called so.
fn rank_of(word: &str) -> Option<usize> {
    let is_one_of = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
    if is_one_of(&["DATABASE"]) {
        Some(1)
    } else if is_one_of(&["SCHEMA"]) {
        Some(2)
    } else if is_one_of(&[
        "TABLE",
        "VIEW",
        "DYNAMIC",
        "EXTERNAL",
        "ICEBERG",
        "MATERIALIZED",
        "STREAM",
        "SEQUENCE",
    ]) {
        Some(OBJECT)
    } else {
        None
    }
}

const OBJECT: usize = 3;

/// Words that go on with the statement where a name could stand.
const CLAUSES: [&str; 8] = [
    "ACCOUNT",
    "APPLICATION",
    "STARTS",
    "LIMIT",
    "TYPE",
    "LIKE",
    "ROLE",
    "USER",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(Vec<String>, Option<usize>)> {
        let kind = StatementKind::of_verb(text.split(' ').next().unwrap()).unwrap();
        let found = named(text, kind).into_iter();
        found.map(|named| (named.parts, named.rank)).collect()
    }

    #[test]
    fn the_name_of_a_describe_is_found_behind_what_it_is() {
        for (text, parts, rank) in [
            ("DESC t", &["T"][..], 3),
            ("describe table d.s.t", &["D", "S", "T"], 3),
            (
                "describe view \"d\".\"a\"\"b\".v type = columns",
                &["d", "a\"b", "V"],
                3,
            ),
            ("desc table d..t;", &["D", "PUBLIC", "T"], 3),
            ("describe schema d.s", &["D", "S"], 2),
            ("describe database d", &["D"], 1),
            ("describe semantic view v", &["V"], 3),
            ("describe table table", &["TABLE"], 3),
        ] {
            let expected = parts.iter().map(|part| (*part).to_owned()).collect();
            assert_eq!(of(text), [(expected, Some(rank))], "{text}");
        }
    }

    #[test]
    fn the_scope_of_a_show_is_found_and_nothing_else() {
        for (text, parts, rank) in [
            ("show tables in schema d.s", &["D", "S"][..], Some(2)),
            (
                "SHOW TERSE VIEWS LIKE 'in x' IN DATABASE \"d\" STARTS WITH 'a'",
                &["d"],
                Some(1),
            ),
            ("show columns in table t", &["T"], Some(3)),
            ("show tables in d.s limit 5", &["D", "S"], None),
            ("show grants on view d.s.v", &["D", "S", "V"], Some(3)),
            ("show primary keys in table d.s.t", &["D", "S", "T"], Some(3)),
        ] {
            let expected = parts.iter().map(|part| (*part).to_owned()).collect();
            assert_eq!(of(text), [(expected, rank)], "{text}");
        }
        for text in [
            "show tables",
            "show tables in account",
            "show schemas in database",
            "show schemas in database limit 5",
            "show databases like 'x'",
            "show grants to role r",
        ] {
            assert_eq!(of(text), [], "{text}");
        }
        assert!(named("select 1 from a.b in schema c", StatementKind::Select).is_empty());
    }
}
