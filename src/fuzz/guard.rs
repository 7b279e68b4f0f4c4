//! The statement guard on any text.

use crate::sql::guard::{CheckedStatement, Policy};
use crate::sql::lexer::{Lexer, Token, TokenKind};
use crate::sql::statement::{Parts, Separator};

/// What passes is one statement that reads, also when it is read again; other spaces, comments and letter case change
/// nothing about it; and nothing can be put behind it. What is refused is refused at a place in the text.
pub fn guard(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let policy = Policy::default();
    match policy.check(&text) {
        Ok(statement) => {
            assert_one_read(&statement, &text);
            assert_same_verdicts(&policy, &text);
        }
        Err(refusal) => {
            let offset = refusal.place.offset;
            assert!(text.is_char_boundary(offset), "{offset} of {text:?}");
            let message = refusal.to_string();
            assert!(!message.chars().any(char::is_control), "{message:?}");
        }
    }
}

fn assert_one_read(statement: &CheckedStatement, text: &str) {
    assert_eq!(statement.text(), text);
    assert!(statement.kind().is_read(), "{statement:?}");
    let parts: Vec<_> = Parts::new(text, Separator::Semicolon).collect();
    assert!(matches!(parts[..], [Ok(_)]), "{parts:?} in {text:?}");
    let stages = Parts::new(text, Separator::Flow).count();
    assert_eq!(statement.stages(), stages, "{text:?}");
}

fn assert_same_verdicts(policy: &Policy, text: &str) {
    let tokens: Vec<Token<'_>> = Lexer::new(text).flatten().collect();
    for gap in [" ", "\n", " /* ; ' $$ drop table t */ ", " -- ; ' \n"] {
        let spaced = joined(&tokens, gap, str::to_owned);
        let again: Vec<Token<'_>> = Lexer::new(&spaced).flatten().collect();
        let is_same = again.len() == tokens.len()
            && again
                .iter()
                .zip(&tokens)
                .all(|(again, token)| (again.kind, again.text) == (token.kind, token.text));
        assert!(is_same, "{text:?} is read otherwise as {spaced:?}");
        let verdict = policy.check(&spaced);
        assert!(
            verdict.is_ok(),
            "{text:?} passes, {spaced:?} does not: {verdict:?}"
        );
    }
    for case in [str::to_ascii_uppercase, str::to_ascii_lowercase] {
        let other = joined(&tokens, " ", case);
        assert!(
            policy.check(&other).is_ok(),
            "{text:?} passes, {other:?} does not"
        );
    }
    for tail in ["\n;", "\n;; -- drop table t"] {
        assert!(
            policy.check(&format!("{text}{tail}")).is_ok(),
            "{text:?} with {tail:?}"
        );
    }
    for tail in ["\n;drop table t", "\n;select 1", "\n'", "\n*/ )", "\n\0"] {
        assert!(
            policy.check(&format!("{text}{tail}")).is_err(),
            "{text:?} with {tail:?}"
        );
    }
}

fn joined(tokens: &[Token<'_>], gap: &str, case: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for token in tokens {
        text.push_str(gap);
        match token.kind {
            TokenKind::Word | TokenKind::Variable => text.push_str(&case(token.text)),
            _ => text.push_str(token.text),
        }
    }
    text.push_str(gap);
    text
}
