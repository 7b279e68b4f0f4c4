//! The objects that a statement names, by its text alone: for the record of who asked for what. It decides nothing, and it
//! is no parser; what the compiler makes of a statement is in its plan.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::lexer::{Lexer, Token, TokenKind};
use super::named::{name_at, named};
use super::statement::StatementKind;

/// The objects of a statement as the compiler resolved them, once they are known.
pub type Resolved = OnceLock<Vec<Box<str>>>;

/// Names that are kept of one statement.
const NAMES_MAX: usize = 32;
/// Bytes of them.
const NAMES_BYTES_MAX: usize = 1 << 10;

/// The first of these names that fit into what is kept of a statement, each once.
pub fn bounded<'n>(names: impl Iterator<Item = &'n str>) -> Vec<Box<str>> {
    let mut kept: Vec<Box<str>> = Vec::new();
    let mut bytes = 0;
    for name in names {
        if kept.iter().any(|own| **own == *name) {
            continue;
        }
        bytes += name.len();
        if bytes > NAMES_BYTES_MAX || kept.len() == NAMES_MAX {
            break;
        }
        kept.push(name.into());
    }
    kept
}

/// The objects that stand behind FROM, JOIN, INTO and their kin, and those that SHOW and DESCRIBE are about: as Snowflake
/// stores them, with as many parts as were written. Names that WITH gives are left out, and functions.
///
/// ```
/// use snowflake_mcp::sql::mentioned::mentioned;
///
/// let found = mentioned("with a as (select * from sales.\"Raw\".t) select * from a join u, v w on a.x = u.x");
/// assert_eq!(found, ["SALES.Raw.T".into(), "U".into(), Box::<str>::from("V")]);
/// ```
pub fn mentioned(text: &str) -> Vec<Box<str>> {
    let tokens: Vec<_> = Lexer::new(text).map_while(Result::ok).collect();
    let verb = tokens.first().filter(|token| token.kind == TokenKind::Word);
    let kind = verb.and_then(|verb| StatementKind::of_verb(verb.text));
    if let Some(kind @ (StatementKind::Show | StatementKind::Describe)) = kind {
        let names: Vec<_> = named(text, kind)
            .iter()
            .map(|name| name.parts.join("."))
            .collect();
        return bounded(names.iter().map(String::as_str));
    }
    let given = given(&tokens);
    let found = walk(&tokens);
    bounded(
        found
            .iter()
            .filter(|name| !given.contains(*name))
            .map(String::as_str),
    )
}

/// The names that WITH gives. From the end, so that the next closing bracket is known at each place: to look for it from
/// there would take time in proportion to the square of a text that has many opening ones.
fn given(tokens: &[Token<'_>]) -> BTreeSet<String> {
    let mut closing = None;
    let given = (0..tokens.len()).rev().filter_map(|at| {
        if tokens[at].is_symbol(b')') {
            closing = Some(at);
        }
        given_at(tokens, at, closing)
    });
    given.collect()
}

/// The name that WITH gives at this place, behind which the next bracket closes at `closing`: `name AS (`, or
/// `name (columns) AS (`.
fn given_at(tokens: &[Token<'_>], at: usize, closing: Option<usize>) -> Option<String> {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before))?;
    let may_begin = before.is_symbol(b',') || is_one_of(before, &["WITH", "RECURSIVE"]);
    let name = name_at(tokens, at, None).filter(|name| may_begin && name.parts.len() == 1)?;
    let mut next = at + 1;
    if tokens.get(next)?.is_symbol(b'(') {
        next = 1 + closing?;
    }
    let is_given = is_one_of(tokens.get(next)?, &["AS"]) && tokens.get(next + 1)?.is_symbol(b'(');
    is_given.then(|| name.parts.join("."))
}

/// Where the walk is, within one pair of brackets.
#[derive(Clone, Copy, Default)]
struct Place {
    /// A name of an object comes next.
    expects: bool,
    /// A list of objects goes on: behind a comma comes another one.
    is_list: bool,
    /// These are the brackets of a function in which FROM means something else.
    is_call: bool,
}

fn walk(tokens: &[Token<'_>]) -> Vec<String> {
    let (mut found, mut outer, mut place) = (Vec::new(), Vec::new(), Place::default());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        at += 1;
        if token.is_symbol(b'(') {
            let is_call = before.is_some_and(|before| is_one_of(before, WITH_FROM_INSIDE));
            // A list in brackets, `from (a join b)`, or a query, whose own FROM comes.
            let expects = place.expects;
            place.expects = false;
            outer.push(place);
            place = Place {
                expects,
                is_list: expects,
                is_call,
            };
        } else if token.is_symbol(b')') {
            place = outer.pop().unwrap_or_default();
        } else if token.is_symbol(b',') {
            place.expects = place.is_list;
        } else if !place.is_call && begins_objects(tokens, at - 1) {
            (place.expects, place.is_list) = (true, true);
        } else if is_one_of(token, ENDING) {
            (place.expects, place.is_list) = (false, false);
        } else if place.expects && !is_one_of(token, SKIPPED) {
            place.expects = false;
            if let Some(name) = name_at(tokens, at - 1, None) {
                while tokens.get(at).is_some_and(|next| next.is_symbol(b'.')) {
                    at += 1 + usize::from(!tokens.get(at + 1).is_some_and(|next| next.is_symbol(b'.')));
                }
                let is_function = tokens.get(at).is_some_and(|next| next.is_symbol(b'('));
                // `insert into t (a, b)` names its columns; a function in FROM has its arguments there.
                if !is_function || before.is_some_and(|before| is_one_of(before, BEFORE_COLUMNS)) {
                    found.push(name.parts.join("."));
                }
            }
        }
    }
    found
}

/// Whether objects are named behind the word at this place.
fn begins_objects(tokens: &[Token<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let is_comparison = before.is_some_and(|before| is_one_of(before, &["DISTINCT"]));
    let names_columns =
        is_one_of(&tokens[at], &["USING"]) && tokens.get(at + 1).is_some_and(|next| next.is_symbol(b'('));
    is_one_of(&tokens[at], BEFORE_OBJECTS) && !is_comparison && !names_columns
}

fn is_one_of(token: &Token<'_>, words: &[&str]) -> bool {
    token.kind == TokenKind::Word && words.iter().any(|word| token.text.eq_ignore_ascii_case(word))
}

const BEFORE_OBJECTS: &[&str] = &["FROM", "JOIN", "INTO", "UPDATE", "USING", "TABLE", "VIEW"];
/// Words before a name that columns in brackets may follow.
const BEFORE_COLUMNS: &[&str] = &["INTO", "TABLE", "VIEW", "EXISTS"];
/// Words between those and a name.
const SKIPPED: &[&str] = &["LATERAL", "IF", "NOT", "EXISTS", "ONLY"];
/// Words behind which a comma no longer parts objects.
const ENDING: &[&str] = &[
    "SELECT",
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "QUALIFY",
    "LIMIT",
    "SET",
    "VALUES",
    "UNION",
    "EXCEPT",
    "MINUS",
    "INTERSECT",
    "WHEN",
];
/// Functions in whose brackets FROM is part of what they are told.
const WITH_FROM_INSIDE: &[&str] = &["EXTRACT", "TRIM", "SUBSTRING", "POSITION", "OVERLAY"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_those_behind_the_words_that_name_them() {
        for (text, expected) in [
            ("select 1", vec![]),
            (
                "select a, b from t where x in (select y from db.s.u)",
                vec!["T", "DB.S.U"],
            ),
            (
                "select * from a, b as c, \"d e\" left join f on a.x = f.x, g",
                vec!["A", "B", "d e", "F", "G"],
            ),
            ("select extract(year from d), trim(both from e) from t", vec!["T"]),
            ("select * from t where a is distinct from b", vec!["T"]),
            (
                "select * from table(flatten(x)) f, lateral flatten(y), u",
                vec!["U"],
            ),
            ("select * from (a join b on a.i = b.i)", vec!["A", "B"]),
            (
                "with recursive c (n) as (select 1 from t union all select n from c) select * from c",
                vec!["T"],
            ),
            ("insert into t (a, b) select a, b from u", vec!["T", "U"]),
            ("update t set a = 1", vec!["T"]),
            ("delete from t using u where t.i = u.i", vec!["T", "U"]),
            (
                "merge into t using u on t.i = u.i when matched then delete",
                vec!["T", "U"],
            ),
            ("create table if not exists db.s.t (a int)", vec!["DB.S.T"]),
            ("describe table db.s.t", vec!["DB.S.T"]),
            ("show tables in schema db.s", vec!["DB.S"]),
            ("select * from @stage/x, t", vec!["T"]),
            ("select 'from t' -- from u\nfrom v", vec!["V"]),
            (
                "select * from db..t, u join v using (a, b)",
                vec!["DB.PUBLIC.T", "U", "V"],
            ),
        ] {
            let found = mentioned(text);
            let found: Vec<&str> = found.iter().map(|name| &**name).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_long_text_of_openings_is_looked_at_once() {
        // No clock is asked: in proportion to its square this takes hours.
        assert!(mentioned(&", a (".repeat(100_000)).is_empty());
        let many: Vec<String> = (0..20_000).map(|index| format!("w{index}")).collect();
        let given = many.join(" as (select 1), ");
        let text = format!("with {given} as (select 1) select * from {}", many.join(", "));
        assert!(mentioned(&text).is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded_and_each_name_stands_once() {
        let many: Vec<String> = (0..100).map(|index| format!("t{index}")).collect();
        let text = format!("select * from {}", many.join(", "));
        assert_eq!(mentioned(&text).len(), NAMES_MAX);
        assert_eq!(mentioned("select * from t, T, t").len(), 1);
        let long = format!("select * from {}, u", "x".repeat(NAMES_BYTES_MAX + 1));
        assert!(mentioned(&long).is_empty());
    }
}
