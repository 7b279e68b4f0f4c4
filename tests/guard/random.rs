//! Random texts: the guard never panics, and what it lets through is one read statement also for a reader that was
//! written another way.

use proptest::prelude::*;
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::sql::lexer::Lexer;
use snowflake_mcp::sql::statement::{Parts, Separator};

/// Pieces of SQL, with those on which readers differ.
const PIECES: [&str; 64] = [
    "select",
    "with",
    "show",
    "explain",
    "values",
    "drop table t",
    "delete from t",
    "insert",
    "into",
    "call p()",
    "execute immediate",
    "update",
    "as",
    "from",
    "(",
    ")",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ";",
    "->>",
    "->",
    ":=",
    "'",
    "''",
    "\\",
    "\\'",
    "\"",
    "\"\"",
    "$$",
    "$",
    "$a$",
    "--",
    "//",
    "/*",
    "*/",
    "/",
    "*",
    "-",
    "\n",
    "\r",
    " ",
    "\u{a0}",
    "\u{2028}",
    "#",
    "`",
    "@s",
    ".",
    "nextval",
    "system$wait(1)",
    "a",
    "1",
    "'x'",
    "\"x\"",
    "x as (select 1)",
    "union",
    "result_scan(",
    "identifier('f')(",
    "é",
    "for update",
];

/// What is left of a text without its strings, quoted names and comments, each of which becomes a space; `None` if one
/// of them never ends. Character by character, to be as unlike the lexer as can be.
fn code(text: &str) -> Option<String> {
    let characters: Vec<char> = text.chars().collect();
    let is_at = |at: usize, start: &str| {
        let mut expected = start.chars();
        let is_equal = characters[at..]
            .iter()
            .zip(expected.by_ref())
            .all(|(&found, expected)| found == expected);
        is_equal && expected.next().is_none()
    };
    let mut code = String::new();
    let mut at = 0;
    while at < characters.len() {
        let end = if is_at(at, "--") || is_at(at, "//") {
            (at..characters.len()).find(|&end| characters[end] == '\n')
        } else if is_at(at, "/*") {
            Some((at + 2..characters.len()).find(|&end| is_at(end, "*/"))? + 2)
        } else if is_at(at, "$$") {
            Some((at + 2..characters.len()).find(|&end| is_at(end, "$$"))? + 2)
        } else if characters[at] == '\'' || characters[at] == '"' {
            Some(end_of_quote(&characters, at)?)
        } else {
            code.push(characters[at]);
            at += 1;
            continue;
        };
        code.push(' ');
        at = end.unwrap_or(characters.len());
    }
    Some(code)
}

fn end_of_quote(characters: &[char], start: usize) -> Option<usize> {
    let quote = characters[start];
    let mut at = start + 1;
    while at < characters.len() {
        let is_doubled = characters[at] == quote && characters.get(at + 1) == Some(&quote);
        if is_doubled || (quote == '\'' && characters[at] == '\\') {
            at += 2;
        } else if characters[at] == quote {
            return Some(at + 1);
        } else {
            at += 1;
        }
    }
    None
}

/// What must be true of each text that passes.
fn assert_is_one_read(text: &str) -> Result<(), TestCaseError> {
    let parts: Result<Vec<_>, _> = Parts::new(text, Separator::Semicolon).collect();
    prop_assert_eq!(parts.map(|parts| parts.len()), Ok(1));
    let code = code(text);
    prop_assert!(code.is_some(), "something is never closed");
    let code = code.unwrap_or_default();
    // A string or quoted name on its own becomes a space, and is no statement either.
    let statements: Vec<_> = code.split(';').filter(|part| !part.trim().is_empty()).collect();
    prop_assert_eq!(statements.len(), 1);
    for stage in statements[0].split("->>") {
        let verb: String = stage
            .trim_start_matches(|character: char| character.is_whitespace() || character == '(')
            .chars()
            .take_while(|character| character.is_alphanumeric() || "_$".contains(*character))
            .collect();
        let is_read = ["select", "with", "show", "describe", "desc", "explain", "values"]
            .iter()
            .any(|read| verb.eq_ignore_ascii_case(read));
        prop_assert!(is_read, "{} starts with {:?}", stage, verb);
    }
    Ok(())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn any_text_is_judged_without_a_panic(text in any::<String>(), head in "(select |with a as \\(|)") {
        let text = head + &text;
        match Policy::default().check(&text) {
            Ok(_) => assert_is_one_read(&text)?,
            Err(refusal) => prop_assert!(refusal.place.offset <= text.len()),
        }
    }

    #[test]
    fn any_tokens_cover_the_text_in_order(text in any::<String>()) {
        let mut end = 0;
        for token in Lexer::new(&text).flatten() {
            prop_assert!(token.start >= end && !token.text.is_empty());
            prop_assert_eq!(&text[token.start..token.end()], token.text);
            end = token.end();
        }
    }
}

proptest! {
    #![proptest_config(config(5_000))]

    #[test]
    fn what_passes_of_random_sql_is_one_read(
        pieces in prop::collection::vec((prop::sample::select(&PIECES[..]), "( |\n|)"), 0..14),
    ) {
        let mut text = "select 1 ".to_owned();
        for (piece, gap) in pieces {
            text.push_str(piece);
            text.push_str(&gap);
        }
        if Policy::default().check(&text).is_ok() {
            assert_is_one_read(&text)?;
        }
    }
}
