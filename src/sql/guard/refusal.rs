//! Why a statement may not pass: the rule, the place and a sentence. Decides nothing itself.

use std::fmt;

use crate::sql::lexer;

/// The rules of the guard. [`Rule::name`] is stable: operators filter logs by it and tests name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    // The text.
    /// No statement: nothing, spaces, comments or semicolons only.
    Empty,
    /// Longer than the policy's `statement_bytes_max`.
    TooLong,
    /// A string, quoted name, `$$` or comment is never closed.
    Unclosed,
    /// Brackets do not pair up.
    UnbalancedBrackets,
    /// A control character.
    ControlCharacter,
    /// A character that means nothing in Snowflake.
    UnknownCharacter,
    /// Engines differ about where a token ends.
    UnclearText,
    /// The text ends before the statement does: behind `->>`, `EXPLAIN` or a `WITH` list.
    Incomplete,

    // The statement.
    /// More than one statement.
    SecondStatement,
    /// It starts with no word that Snowflake starts a statement with.
    UnknownVerb,
    /// A statement that changes something, moves files or runs code.
    NotARead,
    /// A read that the policy does not list.
    KindNotAllowed,
    /// `WITH` that ends in no query.
    WithoutQuery,
    /// `WITH … AS PROCEDURE`.
    ProcedureDefinition,
    /// A write inside of a read.
    NestedWrite,
    /// `SELECT … INTO`.
    Into,
    /// `:=`.
    Assignment,
    /// `FOR UPDATE`.
    Locking,
    /// A write that is allowed, on an object of a sort that is not: a user, a task, a procedure.
    ObjectKind,

    // What it calls and reads.
    /// `NEXTVAL`, `GETNEXTVAL`.
    Sequence,
    /// `SYSTEM$…` outside of the list of those that read.
    SystemFunction,
    /// A function that runs a model, for a price by the token.
    ModelFunction,
    /// A function that makes a link to a file for whoever holds it.
    FileLink,
    /// Reads files on a stage.
    StageRead,
    /// `RESULT_SCAN` of a result that is not the session's own.
    ForeignResult,
    /// SQL or a function name that is only known when it runs.
    DynamicCode,
    /// A function that the policy denies by name.
    DeniedFunction,
    /// A function of the account, which may be an external one.
    AccountFunction,
}

impl Rule {
    /// Every rule, for tests and documentation.
    pub const ALL: [Self; 28] = [
        Self::Empty,
        Self::TooLong,
        Self::Unclosed,
        Self::UnbalancedBrackets,
        Self::ControlCharacter,
        Self::UnknownCharacter,
        Self::UnclearText,
        Self::Incomplete,
        Self::SecondStatement,
        Self::UnknownVerb,
        Self::NotARead,
        Self::KindNotAllowed,
        Self::WithoutQuery,
        Self::ProcedureDefinition,
        Self::NestedWrite,
        Self::Into,
        Self::Assignment,
        Self::Locking,
        Self::ObjectKind,
        Self::Sequence,
        Self::SystemFunction,
        Self::ModelFunction,
        Self::FileLink,
        Self::StageRead,
        Self::ForeignResult,
        Self::DynamicCode,
        Self::DeniedFunction,
        Self::AccountFunction,
    ];

    /// A stable word for logs, metrics and structured errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::Unclosed => "unclosed",
            Self::UnbalancedBrackets => "unbalanced_brackets",
            Self::ControlCharacter => "control_character",
            Self::UnknownCharacter => "unknown_character",
            Self::UnclearText => "unclear_text",
            Self::Incomplete => "incomplete",
            Self::SecondStatement => "second_statement",
            Self::UnknownVerb => "unknown_verb",
            Self::NotARead => "not_a_read",
            Self::KindNotAllowed => "kind_not_allowed",
            Self::WithoutQuery => "without_query",
            Self::ProcedureDefinition => "procedure_definition",
            Self::NestedWrite => "nested_write",
            Self::Into => "into",
            Self::Assignment => "assignment",
            Self::Locking => "locking",
            Self::ObjectKind => "object_kind",
            Self::Sequence => "sequence",
            Self::SystemFunction => "system_function",
            Self::ModelFunction => "model_function",
            Self::FileLink => "file_link",
            Self::StageRead => "stage_read",
            Self::ForeignResult => "foreign_result",
            Self::DynamicCode => "dynamic_code",
            Self::DeniedFunction => "denied_function",
            Self::AccountFunction => "account_function",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Bytes before it.
    pub offset: usize,
    /// Line, counted from 1; lines end at `\n`.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
}

impl Place {
    /// Where the byte `offset` of `text` stands. An offset behind the end is the end.
    pub fn of(text: &str, offset: usize) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            offset,
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Why a statement may not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A sentence for the model: what was found where, and what to do instead.
    pub message: String,
    /// Which rule refused it.
    pub rule: Rule,
    /// What the rule is about.
    pub place: Place,
}

impl Refusal {
    /// `reason` is the sentence without the place. Counts lines, so it costs a pass over the text.
    pub(super) fn new(rule: Rule, text: &str, offset: usize, reason: impl fmt::Display) -> Self {
        let place = Place::of(text, offset);
        Self {
            message: format!("{reason} (line {}, column {})", place.line, place.column),
            rule,
            place,
        }
    }

    pub(super) fn of_lexer(text: &str, error: lexer::Error) -> Self {
        let rule = match error {
            lexer::Error::Unclosed { .. } => Rule::Unclosed,
            lexer::Error::ControlCharacter { .. } => Rule::ControlCharacter,
            lexer::Error::UnknownCharacter { .. } => Rule::UnknownCharacter,
            lexer::Error::UnclearLineEnd { .. }
            | lexer::Error::UnclearDollars { .. }
            | lexer::Error::UnclearStagePath { .. } => Rule::UnclearText,
        };
        Self::new(rule, text, error.at(), error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_own_name() {
        let mut names: Vec<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rule::ALL.len());
    }

    #[test]
    fn a_place_counts_lines_and_characters() {
        let place = |offset| {
            let place = Place::of("aé\n\nü;", offset);
            (place.line, place.column)
        };
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(1), (1, 2));
        assert_eq!(place(2), (1, 2), "the middle of é is é");
        assert_eq!(place(3), (1, 3));
        assert_eq!(place(4), (2, 1));
        assert_eq!(place(7), (3, 2));
        assert_eq!(place(99), (3, 3), "behind the end is the end");
    }
}
