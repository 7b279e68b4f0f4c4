//! One pass over the tokens of a text, which ends in a verdict. Here is the frame: statements, verbs and `WITH`; what is
//! looked for inside of a statement is in [`body`], the sentences are in [`super::advice`].
//!
//! ```text
//!            ┌──────────────────────── ->> ───────────────────────┐
//!            ▼                                                    │
//! start ─► Verb ── SELECT VALUES SHOW DESCRIBE LIST USE ───────► Body ─ ; ─► over
//!           │ ▲ └─ EXPLAIN ─► Explain ─ USING x ─┐                ▲
//!           │ └──────────────────────────────────┘                │
//!           └──── WITH ─► With(Name ─► As ─► Query ─► Next) ──────┘
//! ```
//!
//! Unknown syntax in a body passes: only what is known to change, cost or reveal something is looked for there. Unknown
//! verbs do not. The pass keeps the token before the current one and a few flags, so it needs no memory of its own.

mod body;
mod seen;

use self::body::Pending;
use self::seen::{Brackets, Path, Seen};
use super::policy::Rules;
use super::words::Role;
use super::writes::{ObjectWord, Write};
use super::{advice, refusal::Refusal, refusal::Rule};
use crate::sql::lexer::{Lexer, Token, TokenKind};
use crate::sql::statement::StatementKind;

/// What a text that may pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Kind of its first statement.
    pub(super) kind: StatementKind,
    /// Which write it is.
    pub(super) write: Option<Write>,
    /// How many statements `->>` chains; 1 without.
    pub(super) stages: usize,
}

/// Reads `text` to its end, or to the first thing that `rules` forbid.
pub(super) fn walk(text: &str, rules: &Rules) -> Result<Verdict, Refusal> {
    let mut walk = Walk::new(text, rules);
    for token in Lexer::new(text) {
        let token = token.map_err(|error| Refusal::of_lexer(text, error))?;
        walk.on_token(token)?;
    }
    walk.finish()
}

struct Walk<'t, 'p> {
    text: &'t str,
    rules: &'p Rules,
    expect: Expect,
    is_over: bool,
    /// The current statement of the chain starts with a bracket.
    is_enclosed: bool,
    /// Kind of the first statement, and of the current one.
    kind: Option<StatementKind>,
    stage_kind: Option<StatementKind>,
    /// The write that the statement is, or that it explains.
    write: Option<Write>,
    stages: usize,

    previous: Seen<'t>,
    /// Behind `UNION` and what may stand between it and its query.
    is_behind_set_operator: bool,
    brackets: Brackets,
    /// A bit for each level of round brackets, the innermost lowest: whether it is within a list of tables.
    in_tables: u64,
    /// The same for whether a `SELECT` stands on it: `FROM` means something else in `EXTRACT(… FROM …)`.
    in_select: u64,
    /// The name that ends at the previous token.
    path: Path<'t>,
    pending: Pending<'t>,
}

/// What the next token at the statement's own level has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Verb,
    /// `USING` or a verb, behind `EXPLAIN`.
    Explain,
    ExplainFormat,
    With(With, usize),
    /// Behind a write's verb: the sort of object, or what stands before it.
    Object(Write),
    Body,
}

/// Where in `WITH name (columns) AS (query), …` the text stands. It comes with the depth of the `WITH`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum With {
    Name,
    As,
    Query,
    Next,
}

impl<'t, 'p> Walk<'t, 'p> {
    fn new(text: &'t str, rules: &'p Rules) -> Self {
        Self {
            text,
            rules,
            expect: Expect::Verb,
            is_over: false,
            is_enclosed: false,
            kind: None,
            stage_kind: None,
            write: None,
            stages: 0,
            previous: Seen::START,
            is_behind_set_operator: false,
            brackets: Brackets::default(),
            in_tables: 0,
            in_select: 0,
            path: Path::default(),
            pending: Pending::Nothing,
        }
    }

    // Inlined, as is `remember`: 5 ns a byte of ordinary SQL instead of 10, for the token is not passed through memory.
    #[inline(always)]
    fn on_token(&mut self, token: Token<'t>) -> Result<(), Refusal> {
        if token.is_symbol(b';') {
            return self.on_semicolon();
        }
        if self.is_over {
            return self.refuse(Rule::SecondStatement, token.start, advice::SECOND_STATEMENT);
        }
        if token.kind == TokenKind::Flow {
            return self.on_flow(token);
        }
        let role = self.role(&token);
        self.on_expected(&token)?;
        if !matches!(self.pending, Pending::Nothing) {
            self.on_pending(&token)?;
        }
        self.on_nested_verb(&token, role)?;
        self.on_anywhere(&token, role)?;
        self.remember(token, role);
        Ok(())
    }

    /// The text is over.
    fn finish(mut self) -> Result<Verdict, Refusal> {
        self.on_semicolon()?;
        match self.kind {
            Some(kind) => Ok(Verdict {
                kind,
                // What is only explained changes nothing.
                write: self.write.filter(|_| !kind.is_read()),
                stages: self.stages,
            }),
            None => self.refuse(Rule::Empty, 0, advice::EMPTY),
        }
    }

    /// Semicolons before the statement and behind it separate it from nothing.
    fn on_semicolon(&mut self) -> Result<(), Refusal> {
        if self.previous.is_start() || self.is_over {
            return Ok(());
        }
        if self.brackets.depth() > 0 {
            return self.refuse(
                Rule::UnbalancedBrackets,
                self.brackets.opened_at(),
                advice::NOT_CLOSED,
            );
        }
        let end = self.previous.token.end();
        match self.expect {
            Expect::Body => {}
            Expect::With(..) => return self.refuse(Rule::Incomplete, end, advice::WITH_INCOMPLETE),
            Expect::Verb | Expect::Explain | Expect::ExplainFormat | Expect::Object(_) => {
                return self.refuse(Rule::Incomplete, end, advice::INCOMPLETE);
            }
        }
        self.is_over = true;
        Ok(())
    }

    /// `->>` ends a statement of the chain, at whatever depth it stands.
    fn on_flow(&mut self, token: Token<'t>) -> Result<(), Refusal> {
        if self.expect != Expect::Body {
            return self.refuse(Rule::Incomplete, token.start, advice::INCOMPLETE);
        }
        if self.stage_kind.is_some_and(|kind| !kind.is_read()) {
            return self.refuse(Rule::NotARead, token.start, advice::CHAIN_OF_READS);
        }
        self.expect = Expect::Verb;
        self.is_enclosed = false;
        self.stage_kind = None;
        self.in_tables = 0;
        self.in_select = 0;
        self.remember(token, Role::NONE);
        Ok(())
    }

    fn on_expected(&mut self, token: &Token<'t>) -> Result<(), Refusal> {
        match self.expect {
            Expect::Body => Ok(()),
            Expect::Explain if token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case("USING") => {
                self.expect = Expect::ExplainFormat;
                Ok(())
            }
            Expect::ExplainFormat => {
                self.expect = Expect::Verb;
                Ok(())
            }
            Expect::Verb | Expect::Explain => self.on_verb(token),
            Expect::With(step, depth) => self.on_with(token, step, depth),
            Expect::Object(write) => self.on_object(token, write),
        }
    }

    /// The words between the verb of a write and the name of what it changes.
    fn on_object(&mut self, token: &Token<'t>, write: Write) -> Result<(), Refusal> {
        let word = match token.kind {
            TokenKind::Word => write.object_word(token.text),
            _ => ObjectWord::Other,
        };
        match word {
            ObjectWord::Object => self.expect = Expect::Body,
            ObjectWord::Modifier => {}
            ObjectWord::Replace if self.rules.allows_write(Write::Drop) => {}
            ObjectWord::Replace => {
                let reason = advice::second_write("OR REPLACE", "DROP");
                return self.refuse(Rule::KindNotAllowed, token.start, reason);
            }
            ObjectWord::Other => {
                let reason = advice::object_kind(write.name(), token.text);
                return self.refuse(Rule::ObjectKind, token.start, reason);
            }
        }
        Ok(())
    }

    fn on_verb(&mut self, token: &Token<'t>) -> Result<(), Refusal> {
        if token.is_symbol(b'(') {
            self.is_enclosed = true;
            self.expect = Expect::Verb;
            return Ok(());
        }
        let kind = match token.kind {
            TokenKind::Word => StatementKind::of_verb(token.text),
            _ => None,
        };
        let Some(kind) = kind else {
            let is_chained = self.previous.token.kind == TokenKind::Flow;
            return self.refuse(
                Rule::UnknownVerb,
                token.start,
                advice::unknown_verb(token.text, is_chained),
            );
        };
        let is_explained = self.stage_kind == Some(StatementKind::Explain);
        if !kind.is_read() {
            return self.on_write(token, kind, is_explained);
        }
        if self.is_enclosed && !kind.is_query() {
            return self.refuse(Rule::UnknownVerb, token.start, advice::enclosed(token.text));
        }
        if !self.rules.allows(kind) {
            let allowed = self.rules.allowed_verbs();
            return self.refuse(
                Rule::KindNotAllowed,
                token.start,
                advice::kind_not_allowed(token.text, &allowed),
            );
        }
        self.expect = match kind {
            StatementKind::Explain => Expect::Explain,
            _ if token.text.eq_ignore_ascii_case("WITH") => Expect::With(With::Name, self.brackets.depth()),
            _ => Expect::Body,
        };
        self.kind.get_or_insert(kind);
        self.stage_kind = Some(kind);
        if !is_explained {
            self.stages += 1;
        }
        Ok(())
    }

    /// A verb that is no read: passes where the operator allows it, as the only statement.
    fn on_write(
        &mut self,
        token: &Token<'t>,
        kind: StatementKind,
        is_explained: bool,
    ) -> Result<(), Refusal> {
        let write = Write::of_verb(token.text).filter(|&write| self.rules.allows_write(write));
        let is_allowed = match write {
            Some(_) => !is_explained || self.stages == 1,
            None => self.rules.allows(kind) && !is_explained,
        };
        let is_alone = !self.is_enclosed && self.stages == usize::from(is_explained);
        if !is_allowed || !is_alone {
            return self.refuse(Rule::NotARead, token.start, advice::not_a_read(token.text, kind));
        }
        self.expect = match write {
            Some(write) if kind == StatementKind::ChangeObjects => Expect::Object(write),
            _ => Expect::Body,
        };
        self.kind.get_or_insert(kind);
        self.stage_kind = Some(kind);
        self.write = write;
        self.stages += usize::from(!is_explained);
        Ok(())
    }

    fn on_with(&mut self, token: &Token<'t>, step: With, depth: usize) -> Result<(), Refusal> {
        if self.brackets.depth() > depth {
            return Ok(());
        }
        let is_word = |word: &str| token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word);
        let next = match step {
            With::Name if is_word("RECURSIVE") => Some(With::Name),
            With::Name => token.as_name().map(|_| With::As),
            With::As if is_word("AS") => Some(With::Query),
            With::As => token.is_symbol(b'(').then_some(With::As),
            With::Query if token.is_symbol(b'(') => Some(With::Next),
            With::Query if is_word("PROCEDURE") => {
                return self.refuse(
                    Rule::ProcedureDefinition,
                    token.start,
                    advice::PROCEDURE_DEFINITION,
                );
            }
            With::Query => (is_word("NOT") || is_word("MATERIALIZED")).then_some(With::Query),
            With::Next if token.is_symbol(b',') => Some(With::Name),
            With::Next => return self.on_with_query(token),
        };
        match next {
            Some(next) => {
                self.expect = Expect::With(next, depth);
                Ok(())
            }
            None => self.refuse(Rule::WithoutQuery, token.start, advice::WITH_MALFORMED),
        }
    }

    /// What stands behind the list of a `WITH` decides what the statement does.
    fn on_with_query(&mut self, token: &Token<'t>) -> Result<(), Refusal> {
        if token.is_symbol(b'(') {
            // The verb is inside.
            self.is_enclosed = true;
            self.stages -= 1;
            self.expect = Expect::Verb;
            return Ok(());
        }
        let kind = match token.kind {
            TokenKind::Word => StatementKind::of_verb(token.text),
            _ => None,
        };
        if kind.is_some_and(StatementKind::is_query) && !token.text.eq_ignore_ascii_case("WITH") {
            self.expect = Expect::Body;
            return Ok(());
        }
        self.refuse(
            Rule::WithoutQuery,
            token.start,
            advice::with_without_query(token.text),
        )
    }

    #[inline(always)]
    fn remember(&mut self, token: Token<'t>, role: Role) {
        let before = &self.previous;
        let is_after_dot = before.is_symbol(b'.');
        if let Some(name) = token.as_name() {
            if !is_after_dot {
                self.path.clear();
            }
            self.path.push(name);
        } else if !token.is_symbol(b'.') {
            self.path.clear();
        } else if is_after_dot {
            // `db..f` is short for `db.PUBLIC.f`.
            self.path.push("PUBLIC");
        }
        if role.is(Role::SOURCE) {
            self.in_tables |= self.in_select & 1;
        } else if role.is(Role::CLAUSE) {
            self.in_tables &= !1;
            self.in_select |= u64::from(role.is(Role::SELECT));
        }
        let is_of_object = before.role.is(Role::OBJECT);
        self.previous = Seen {
            token,
            role: if is_of_object && token.is_symbol(b'(') {
                Role::OBJECT
            } else {
                role
            },
            starts_query: (before.is_symbol(b'(') && !is_of_object) || self.is_behind_set_operator,
            follows_operand: before.ends_operand(),
            follows_as: before.role.is(Role::AS),
            follows_is: before.is_word("IS") || before.is_word("NOT"),
        };
        self.is_behind_set_operator =
            role.is(Role::SET_OPERATOR) || (self.is_behind_set_operator && role.is(Role::SET_MODIFIER));
    }

    /// A word behind a dot or colon is a part of a name, a path into a value or a bind, and has no role.
    fn role(&self, token: &Token<'t>) -> Role {
        if token.kind != TokenKind::Word || self.is_behind(b'.') || self.is_behind(b':') {
            return Role::NONE;
        }
        let role = Role::of(token.text);
        // `a IS [NOT] DISTINCT FROM b` compares; nothing is read from b.
        let is_comparison =
            role.is(Role::SOURCE) && self.previous.follows_is && self.previous.is_word("DISTINCT");
        if is_comparison {
            Role::INFIX.and(Role::OPENS)
        } else {
            role
        }
    }

    fn is_behind(&self, symbol: u8) -> bool {
        self.previous.is_symbol(symbol)
    }

    fn refuse<T>(&self, rule: Rule, at: usize, reason: impl std::fmt::Display) -> Result<T, Refusal> {
        Err(Refusal::new(rule, self.text, at, reason))
    }
}
