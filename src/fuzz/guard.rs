//! The statement guard on any text.

use crate::sql::guard::{CheckedStatement, Policy, Rule};
use crate::sql::lexer::{Lexer, Token, TokenKind};
use crate::sql::statement::{Parts, Separator};

/// What passes is one statement that reads, also when it is read again, and nothing can be put behind it. What is refused is
/// refused at a place in the text. Other spaces, comments and letter case change nothing about either, nor the rule.
pub fn guard(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let policy = Policy::default();
    match policy.check(&text) {
        Ok(statement) => {
            assert_one_read(&statement, &text);
            assert_closed(&policy, &text);
            assert_same_verdicts(&policy, &text, None);
        }
        Err(refusal) => {
            let offset = refusal.place.offset;
            assert!(text.is_char_boundary(offset), "{offset} of {text:?}");
            let message = refusal.to_string();
            assert!(!message.chars().any(char::is_control), "{message:?}");
            assert_same_verdicts(&policy, &text, Some(refusal.rule));
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

/// A text that cannot be read to its end has no tokens to put other spaces between.
fn assert_same_verdicts(policy: &Policy, text: &str, rule: Option<Rule>) {
    let tokens: Result<Vec<Token<'_>>, _> = Lexer::new(text).collect();
    let Ok(tokens) = tokens else { return };
    let rule_of = |text: &str| policy.check(text).err().map(|refusal| refusal.rule);
    for gap in [" ", "\n", " /* ; ' $$ drop table t */ ", " -- ; ' \n"] {
        let spaced = joined(&tokens, gap, str::to_owned);
        let again: Vec<Token<'_>> = Lexer::new(&spaced).flatten().collect();
        let is_same = again.len() == tokens.len()
            && again
                .iter()
                .zip(&tokens)
                .all(|(again, token)| (again.kind, again.text) == (token.kind, token.text));
        assert!(is_same, "{text:?} is read otherwise as {spaced:?}");
        assert_eq!(rule_of(&spaced), rule, "{text:?} and {spaced:?}");
    }
    for case in [str::to_ascii_uppercase, str::to_ascii_lowercase] {
        let other = joined(&tokens, " ", case);
        assert_eq!(rule_of(&other), rule, "{text:?} and {other:?}");
    }
}

fn assert_closed(policy: &Policy, text: &str) {
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
