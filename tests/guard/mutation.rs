//! The same verdict for texts that mean the same: other spaces, comments and letter case between and in the tokens of
//! every case of the corpus; and the verdicts on texts that are made of cases.

use snowflake_mcp::sql::guard::{Policy, Rule};
use snowflake_mcp::sql::lexer::{Lexer, Token, TokenKind};
use snowflake_mcp::sql::statement::{Parts, Separator, StatementKind};

use crate::corpus::{Case, cases, complaint};

/// A generator that anybody can repeat from its seed (Marsaglia's xorshift64).
struct Chance(u64);

impl Chance {
    fn next(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("less than the bound")
    }
}

/// What may stand between two tokens and separates nothing more than a space does.
const GAPS: [&str; 11] = [
    " ",
    "\n",
    "\t \r\n",
    "\u{a0}",
    "\u{3000}\u{2028}",
    "/**/",
    "/* ' \" $$ ; -- // /* */",
    " -- ; ' \" $$ /* drop table t\n",
    " // ->> '\r\n",
    " --\n//\n/***/ ",
    "",
];

/// The tokens of a case, if it can be read to its end.
fn tokens(sql: &str) -> Option<Vec<Token<'_>>> {
    Lexer::new(sql).collect::<Result<_, _>>().ok()
}

fn mutated(sql: &str, tokens: &[Token<'_>], chance: &mut Chance) -> String {
    let mut text = String::new();
    let mut end = 0;
    for token in tokens {
        let gap = &sql[end..token.start];
        text.push_str(other_gap(gap, &text, chance));
        end = token.end();
        match token.kind {
            TokenKind::Word | TokenKind::Variable => {
                text.extend(token.text.chars().map(|character| match chance.next(3) {
                    0 => character.to_ascii_uppercase(),
                    1 => character.to_ascii_lowercase(),
                    _ => character,
                }));
            }
            _ => text.push_str(token.text),
        }
        if token.kind == TokenKind::Stage {
            // A comment right behind a path might belong to it.
            text.push(' ');
        }
    }
    text.push_str(other_gap(" ", &text, chance));
    text
}

/// A gap that can stand behind `text` in place of `gap`: no gap where there was one, and no comment that is opened
/// together with an operator before it.
fn other_gap(gap: &str, text: &str, chance: &mut Chance) -> &'static str {
    loop {
        let other = GAPS[chance.next(GAPS.len())];
        let is_merged = text.ends_with(['/', '-', '@']) && other.starts_with(['/', '-']);
        let is_missing = other.is_empty() && !gap.is_empty();
        if !is_merged && !is_missing {
            return other;
        }
    }
}

#[test]
fn spaces_comments_and_case_never_change_a_verdict() {
    let mut wrong = String::new();
    for case in cases() {
        let Some(tokens) = tokens(&case.sql) else { continue };
        for seed in 1..=40 {
            let text = mutated(&case.sql, &tokens, &mut Chance(seed));
            if let Some(complaint) = complaint(&case, &text) {
                wrong.push_str(&complaint);
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The statement of a case that passes, without semicolons and comments around it.
fn bare(case: &Case) -> &str {
    let range = Parts::new(&case.sql, Separator::Semicolon)
        .next()
        .expect("it has a statement")
        .expect("it can be read");
    &case.sql[range]
}

fn rule(sql: &str) -> Option<Rule> {
    Policy::default().check(sql).err().map(|refusal| refusal.rule)
}

fn passing() -> Vec<Case> {
    let mut cases = cases();
    cases.retain(|case| case.rule.is_none());
    cases
}

#[test]
fn what_passes_passes_with_a_semicolon_and_a_comment_and_with_nothing_else_behind_it() {
    for case in passing() {
        let sql = bare(&case);
        for tail in [";", ";;", "; -- drop table t", "\n/* ; */", " ; //"] {
            assert_eq!(rule(&format!("{sql}{tail}")), None, "{}{tail}", case.place);
        }
        for tail in ["; drop table t", ";select 1", "; (", ";;/**/x"] {
            let text = format!("{sql}{tail}");
            assert_eq!(rule(&text), Some(Rule::SecondStatement), "{}{tail}", case.place);
        }
        assert_eq!(rule(&format!("{sql} '")), Some(Rule::Unclosed), "{}", case.place);
    }
}

#[test]
fn what_passes_passes_explained_and_as_a_query_in_brackets() {
    for case in passing() {
        let sql = bare(&case);
        assert_eq!(rule(&format!("explain {sql}")), None, "{}", case.place);
        assert_eq!(rule(&format!("explain using json {sql}")), None, "{}", case.place);
        let statement = Policy::default().check(sql).expect("it passes");
        if statement.kind() == StatementKind::Select && statement.stages() == 1 {
            assert_eq!(rule(&format!("({sql})")), None, "{}", case.place);
            assert_eq!(rule(&format!("select * from ({sql}) x")), None, "{}", case.place);
            assert_eq!(
                rule(&format!("with x as ({sql}) select 1")),
                None,
                "{}",
                case.place
            );
        }
    }
}

#[test]
fn a_chain_passes_only_if_each_of_its_statements_does() {
    let all = cases();
    let mut chance = Chance(7);
    for case in passing() {
        let sql = bare(&case);
        for _ in 0..20 {
            let other = &all[chance.next(all.len())];
            // What cannot be read to its end does not end before the next statement either.
            if tokens(&other.sql).is_none() {
                continue;
            }
            let is_alone = other.rule.is_none() && bare(other).len() == other.sql.len();
            if other.rule.is_none() && !is_alone {
                continue;
            }
            for text in [
                format!("{sql}\n->>\n{}", other.sql),
                format!("{}\n->>\n{sql}", other.sql),
            ] {
                let passes = rule(&text).is_none();
                assert_eq!(
                    passes,
                    other.rule.is_none(),
                    "{} with {}",
                    case.place,
                    other.place
                );
            }
        }
    }
}

#[test]
fn every_prefix_of_a_case_is_judged_without_a_panic() {
    for case in cases() {
        for (end, _) in case.sql.char_indices() {
            let prefix = &case.sql[..end];
            if let Err(refusal) = Policy::default().check(prefix) {
                assert!(refusal.place.offset <= prefix.len(), "{}: {prefix:?}", case.place);
            }
        }
    }
}
