//! What is looked for inside of a statement, wherever it stands: writes in brackets, words that write, stages, and calls.

use super::Walk;
use super::seen::Path;
use crate::sql::guard::functions::{self, Concern};
use crate::sql::guard::policy::Permission;
use crate::sql::guard::words::Role;
use crate::sql::guard::writes::Write;
use crate::sql::guard::{advice, refusal::Refusal, refusal::Rule};
use crate::sql::lexer::{Token, TokenKind};
use crate::sql::statement::StatementKind;

/// A call that is judged by the tokens behind its opening bracket.
#[derive(Clone, Copy)]
pub(super) enum Pending<'t> {
    Nothing,
    /// `RESULT_SCAN(`: only `LAST_QUERY_ID(` may follow.
    Result {
        at: usize,
    },
    ResultOwn {
        at: usize,
    },
    /// `IDENTIFIER(` at this depth, with the text in it.
    Identifier {
        at: usize,
        depth: usize,
        name: Option<&'t str>,
        is_plain: bool,
    },
    /// `t.c(`: a join mark of Oracle's where `+)` follows, else a call of the account's function with this path.
    Account {
        at: usize,
        path: Path<'t>,
        has_plus: bool,
    },
    /// Behind `IDENTIFIER(…)`: a bracket makes it a call.
    IdentifierClosed {
        at: usize,
        name: Option<&'t str>,
    },
}

/// What is known of a call by the function's name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Called {
    /// It may be.
    Judged,
    /// What stands in its brackets decides.
    ByArgument,
    /// It is refused, if it is a call at all.
    OfAccount,
}

impl<'t> Walk<'t, '_> {
    /// Judges calls by what stands in their brackets.
    pub(super) fn on_pending(&mut self, token: &Token<'t>) -> Result<(), Refusal> {
        let pending = std::mem::replace(&mut self.pending, Pending::Nothing);
        match pending {
            Pending::Nothing => {}
            Pending::Result { at } => {
                if token.kind != TokenKind::Word || !token.text.eq_ignore_ascii_case("LAST_QUERY_ID") {
                    return self.refuse(Rule::ForeignResult, at, advice::FOREIGN_RESULT);
                }
                self.pending = Pending::ResultOwn { at };
            }
            Pending::ResultOwn { at } => {
                if !token.is_symbol(b'(') {
                    return self.refuse(Rule::ForeignResult, at, advice::FOREIGN_RESULT);
                }
            }
            Pending::Identifier {
                at,
                depth,
                name,
                is_plain,
            } => {
                let is_end = token.is_symbol(b')') && self.brackets.depth() == depth + 1;
                self.pending = if is_end {
                    Pending::IdentifierClosed {
                        at,
                        name: name.filter(|_| is_plain),
                    }
                } else {
                    self.on_identifier_argument(token)?;
                    Pending::Identifier {
                        at,
                        depth,
                        name: Some(token.text),
                        is_plain: name.is_none() && token.kind == TokenKind::Text,
                    }
                };
            }
            Pending::Account { at, path, has_plus } => {
                let is_plus = !has_plus && token.is_symbol(b'+');
                let is_end = has_plus && token.is_symbol(b')');
                if !(is_plus || is_end) {
                    let reason = advice::account_function(path.parts());
                    return self.refuse(Rule::AccountFunction, at, reason);
                }
                if is_plus {
                    let has_plus = true;
                    self.pending = Pending::Account { at, path, has_plus };
                }
            }
            Pending::IdentifierClosed { at, name } => {
                if token.is_symbol(b'(') {
                    return self.on_call_of_identifier(at, name);
                }
            }
        }
        Ok(())
    }

    /// A token inside of `IDENTIFIER(…)`: a text there is a name.
    fn on_identifier_argument(&self, token: &Token<'t>) -> Result<(), Refusal> {
        if token.is_symbol(b'(') || (token.kind == TokenKind::Text && token.text.contains('\\')) {
            return self.refuse(Rule::DynamicCode, token.start, advice::IDENTIFIER_ARGUMENT);
        }
        let name = match token.kind {
            TokenKind::Text | TokenKind::DollarText => unquoted(token.text),
            _ => return Ok(()),
        };
        if name.trim_start().starts_with('@') && !self.may_read_stages() {
            return self.refuse(Rule::StageRead, token.start, advice::STAGE_READ);
        }
        if name
            .rsplit('.')
            .next()
            .is_some_and(|part| is_next_value(part.trim().trim_matches('"')))
        {
            return self.on_next_value(token);
        }
        Ok(())
    }

    /// `IDENTIFIER('name')(…)` calls the function of that name.
    fn on_call_of_identifier(&mut self, at: usize, name: Option<&'t str>) -> Result<(), Refusal> {
        let Some(name) = name else {
            return self.refuse(Rule::DynamicCode, at, advice::IDENTIFIER_CALL);
        };
        self.path.clear();
        for part in unquoted(name).split('.') {
            self.path.push(part.trim().trim_matches('"'));
        }
        match self.on_call(at)? {
            Called::Judged => Ok(()),
            Called::ByArgument => self.refuse(Rule::DynamicCode, at, advice::IDENTIFIER_CALL),
            Called::OfAccount => {
                let reason = advice::account_function(self.path.parts());
                self.refuse(Rule::AccountFunction, at, reason)
            }
        }
    }

    /// A write in brackets, behind `UNION`, or behind an operand as if on a line of its own.
    pub(super) fn on_nested_verb(&self, token: &Token<'t>, role: Role) -> Result<(), Refusal> {
        let verb = &self.previous;
        if !verb.role.is(Role::WRITE) {
            return Ok(());
        }
        let is_in_query = self.stage_kind.is_some_and(StatementKind::is_query);
        let is_misplaced = verb.follows_operand && is_in_query;
        if (verb.starts_query || is_misplaced) && verb.is_continued_by(token, role) {
            let reason = advice::nested_write(verb.token.text);
            return self.refuse(Rule::NestedWrite, verb.token.start, reason);
        }
        Ok(())
    }

    /// What is refused wherever it stands.
    pub(super) fn on_anywhere(&mut self, token: &Token<'t>, role: Role) -> Result<(), Refusal> {
        match token.kind {
            TokenKind::Word if role.is(Role::INTO) && !self.is_into_of_write() => {
                return self.refuse(Rule::Into, token.start, advice::INTO);
            }
            TokenKind::Word if self.is_overwrite(token) && !self.rules.allows_write(Write::Truncate) => {
                let reason = advice::second_write("OVERWRITE", "TRUNCATE");
                return self.refuse(Rule::KindNotAllowed, token.start, reason);
            }
            TokenKind::Word if role.is(Role::UPDATE) && self.previous.role.is(Role::FOR) => {
                return self.refuse(Rule::Locking, token.start, advice::LOCKING);
            }
            TokenKind::Word | TokenKind::QuotedName
                if self.is_behind(b'.') && token.as_name().is_some_and(is_next_value) =>
            {
                return self.on_next_value(token);
            }
            TokenKind::Assign => return self.refuse(Rule::Assignment, token.start, advice::ASSIGNMENT),
            TokenKind::Stage if !self.may_read_stages() => {
                return self.refuse(Rule::StageRead, token.start, advice::STAGE_READ);
            }
            TokenKind::Text | TokenKind::DollarText
                if self.is_stage_path(token) && !self.may_read_stages() =>
            {
                return self.refuse(Rule::StageRead, token.start, advice::STAGE_AS_TEXT);
            }
            TokenKind::Symbol(symbol) => return self.on_symbol(token, symbol),
            _ => {}
        }
        Ok(())
    }

    /// Whether `INTO` here names what a write that is allowed writes to, and is no part of a query.
    fn is_into_of_write(&self) -> bool {
        matches!(self.write, Some(Write::Insert | Write::Merge))
            && self.brackets.depth() == 0
            && self.in_select & 1 == 0
    }

    /// Whether `token` is the word that makes an `INSERT` empty the table first.
    fn is_overwrite(&self, token: &Token<'t>) -> bool {
        self.write == Some(Write::Insert)
            && self.previous.token.text.eq_ignore_ascii_case("INSERT")
            && token.text.eq_ignore_ascii_case("OVERWRITE")
    }

    fn on_symbol(&mut self, token: &Token<'t>, symbol: u8) -> Result<(), Refusal> {
        if self.brackets.is_unopened(symbol, token.start) {
            return self.refuse(Rule::UnbalancedBrackets, token.start, advice::NOT_OPENED);
        }
        match symbol {
            b'(' => self.on_open(token),
            b')' => {
                // Levels deeper than the bits can tell count as lists of tables of a query: that refuses more, not less.
                self.in_tables = self.in_tables >> 1 | 1 << 63;
                self.in_select = self.in_select >> 1 | 1 << 63;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn on_open(&mut self, token: &Token<'t>) -> Result<(), Refusal> {
        // A bracket behind `FROM` goes on with the tables; one behind a comma may as well hold the next row of
        // `FROM VALUES (…), (…)`.
        let is_list =
            self.previous.role.is(Role::SOURCE) || (self.in_tables & 1 == 1 && self.is_behind(b'('));
        self.in_tables = self.in_tables << 1 | u64::from(is_list);
        self.in_select <<= 1;
        let previous = self.previous;
        if previous.role.is(Role::PROCEDURE) && previous.follows_as {
            let at = previous.token.start;
            return self.refuse(Rule::ProcedureDefinition, at, advice::PROCEDURE_DEFINITION);
        }
        if previous.role.is(Role::IDENTIFIER) {
            self.pending = Pending::Identifier {
                at: previous.token.start,
                depth: self.brackets.depth() - 1,
                name: None,
                is_plain: false,
            };
            return Ok(());
        }
        if previous.token.as_name().is_none() {
            return Ok(());
        }
        let at = previous.token.start;
        match self.on_call(at)? {
            Called::Judged => {}
            Called::ByArgument => self.pending = Pending::Result { at: token.start },
            Called::OfAccount if self.names_an_object() => {}
            Called::OfAccount => {
                self.pending = Pending::Account {
                    at,
                    path: self.path,
                    has_plus: false,
                };
            }
        }
        Ok(())
    }

    /// Whether a bracket here follows the name of what the statement is about: the columns of a table that is written, the
    /// types of a function that is described.
    fn names_an_object(&self) -> bool {
        let is_outermost = self.brackets.depth() == 1 && self.in_select >> 1 & 1 == 0;
        match self.write {
            Some(Write::Insert | Write::Create) => is_outermost,
            _ => !self
                .stage_kind
                .is_some_and(|kind| kind.is_query() || !kind.is_read()),
        }
    }

    /// The function named by `self.path` is called at `at`.
    fn on_call(&self, at: usize) -> Result<Called, Refusal> {
        let path = self.path.parts();
        if self.rules.denies_function(path) {
            return self.refuse(Rule::DeniedFunction, at, advice::denied_function(path));
        }
        let Some(concern) = functions::concern(path) else {
            return Ok(Called::Judged);
        };
        if self.rules.allows_function(path) {
            return Ok(Called::Judged);
        }
        let name = path.last().copied().unwrap_or_default();
        let (rule, permission, reason) = match concern {
            Concern::Result if self.rules.permits(Permission::ForeignResults) => return Ok(Called::Judged),
            Concern::Result => return Ok(Called::ByArgument),
            Concern::Account if self.rules.permits(Permission::AccountFunctions) => {
                return Ok(Called::Judged);
            }
            Concern::Account => return Ok(Called::OfAccount),
            Concern::System => (Rule::SystemFunction, None, advice::system_function(name)),
            Concern::Model => (
                Rule::ModelFunction,
                Some(Permission::ModelFunctions),
                advice::model_function(name),
            ),
            Concern::FileLink => (
                Rule::FileLink,
                Some(Permission::FileLinks),
                advice::file_link(name),
            ),
            Concern::Stage => (
                Rule::StageRead,
                Some(Permission::StageReads),
                advice::STAGE_READ.to_owned(),
            ),
            Concern::Sequence => (
                Rule::Sequence,
                Some(Permission::Sequences),
                advice::SEQUENCE.to_owned(),
            ),
            Concern::DynamicCode => (Rule::DynamicCode, None, advice::dynamic_code(name)),
        };
        if permission.is_some_and(|permission| self.rules.permits(permission)) {
            return Ok(Called::Judged);
        }
        self.refuse(rule, at, reason)
    }

    fn on_next_value(&self, token: &Token<'t>) -> Result<(), Refusal> {
        if self.rules.permits(Permission::Sequences) {
            return Ok(());
        }
        self.refuse(Rule::Sequence, token.start, advice::SEQUENCE)
    }

    /// Whether the text `token` stands in place of a table: Snowflake takes it for the path of a stage. Behind the `FROM`
    /// of a query it can be nothing else; behind a comma, what starts like a path is taken for one.
    fn is_stage_path(&self, token: &Token<'t>) -> bool {
        if self.previous.role.is(Role::SOURCE) {
            return self.in_select & 1 == 1;
        }
        let is_listed = self.in_tables & 1 == 1 && (self.is_behind(b',') || self.is_behind(b'('));
        is_listed
            && token
                .text
                .trim_start_matches(['\'', '$', ' '])
                .starts_with(['@', '\\'])
    }

    fn may_read_stages(&self) -> bool {
        self.rules.permits(Permission::StageReads) || self.stage_kind == Some(StatementKind::List)
    }
}

fn is_next_value(name: &str) -> bool {
    name.eq_ignore_ascii_case("NEXTVAL")
}

/// The inside of a text in single quotes or double dollars.
fn unquoted(text: &str) -> &str {
    text.trim_start_matches(['\'', '$']).trim_end_matches(['\'', '$'])
}
