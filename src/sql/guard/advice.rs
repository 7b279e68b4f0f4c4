//! The sentences of refusals: what was found and what to write instead. They are read by models, so each names the next
//! useful step. The place is added by [`super::refusal`].

use std::fmt::Write;

use crate::sql::statement::StatementKind;

pub(super) const EMPTY: &str =
    "there is no statement, only spaces, comments or semicolons; send one read statement";
pub(super) const SECOND_STATEMENT: &str =
    "a second statement starts here, and one is allowed; send each statement in a call of its own";
pub(super) const INCOMPLETE: &str =
    "the statement ends here before it is complete; a statement has to follow";
pub(super) const WITH_INCOMPLETE: &str =
    "WITH ends here without a query; write WITH name AS (SELECT …) SELECT … FROM name";
pub(super) const WITH_MALFORMED: &str =
    "this is not how a WITH list goes on; write WITH name AS (SELECT …), other AS (SELECT …) SELECT …";
pub(super) const NOT_CLOSED: &str = "the bracket opened here is never closed";
pub(super) const NOT_OPENED: &str = "this bracket closes one that was never opened";
pub(super) const CHAIN_OF_READS: &str = "only reads can be chained with ->>; send this statement on its own";
pub(super) const PROCEDURE_DEFINITION: &str =
    "WITH … AS PROCEDURE defines and runs code, and only reads are allowed; write the logic as a query";
pub(super) const INTO: &str = "INTO writes into something, and only reads are allowed; leave INTO out (a column of that name needs \"INTO\")";
pub(super) const ASSIGNMENT: &str = ":= assigns a variable in a script, and only single statements are allowed; write the value into the query";
pub(super) const LOCKING: &str = "FOR UPDATE locks rows, and only reads are allowed; leave it out";
pub(super) const SEQUENCE: &str =
    "this advances a sequence, which is a change; use ROW_NUMBER() OVER (ORDER BY …) or SEQ4() for numbers";
pub(super) const STAGE_READ: &str =
    "files on a stage may not be read here; query a table instead, or ask the operator to allow stage reads";
pub(super) const STAGE_AS_TEXT: &str = "a text in place of a table names files on a stage, which may not be read here; write names of tables without ' (or with \")";
pub(super) const FOREIGN_RESULT: &str = "RESULT_SCAN may only read RESULT_SCAN(LAST_QUERY_ID()); run the statement again, or chain with ->> and read FROM $1";
pub(super) const IDENTIFIER_CALL: &str = "which function this calls is only known when it runs; write the function's name in front of the brackets";
pub(super) const IDENTIFIER_ARGUMENT: &str =
    "IDENTIFIER may hold one plain name here, without escapes and calls; write the name itself";

/// Of a statement that does not start with a known verb.
pub(super) fn unknown_verb(found: &str, is_chained: bool) -> String {
    let found = shown(found);
    if is_chained {
        return format!(
            "->> chains statements in Snowflake, and {found} starts none; for a value inside of JSON write column:path"
        );
    }
    format!(
        "{found} starts no statement that is known here; start with SELECT, WITH, SHOW, DESCRIBE, EXPLAIN or VALUES"
    )
}

/// Of a known read in brackets that only take queries.
pub(super) fn enclosed(verb: &str) -> String {
    format!("{} cannot stand in brackets; write it without them", shown(verb))
}

/// Of a statement that is no read.
pub(super) fn not_a_read(verb: &str, kind: StatementKind) -> String {
    let what = match kind {
        StatementKind::ChangeData => "changes data",
        StatementKind::ChangeObjects => "changes objects",
        StatementKind::ChangePrivileges => "changes privileges",
        StatementKind::ChangeSession => "changes the session, which no later call would see",
        StatementKind::Use => {
            return format!(
                "{} changes the session, which no later call would see; name objects as database.schema.name instead",
                shown(verb)
            );
        }
        StatementKind::Transaction => "starts or ends a transaction or script",
        StatementKind::MoveFiles => "moves files",
        StatementKind::RunCode => "runs code",
        StatementKind::Script => "belongs to a script",
        StatementKind::Select
        | StatementKind::Values
        | StatementKind::Show
        | StatementKind::Describe
        | StatementKind::Explain
        | StatementKind::List => "is out of place",
    };
    format!(
        "{} {what}, and only reads are allowed; if you meant to look something up, use SELECT, SHOW or DESCRIBE",
        shown(verb)
    )
}

/// Of a read that the operator did not list.
pub(super) fn kind_not_allowed(verb: &str, allowed: &str) -> String {
    format!(
        "{} is not among the statements that the operator allows; use {allowed}",
        shown(verb)
    )
}

/// Of `WITH` in front of something else than a query.
pub(super) fn with_without_query(found: &str) -> String {
    format!(
        "WITH has to end in SELECT, and {} was found; only queries are allowed",
        shown(found)
    )
}

/// Of a write on an object of another sort than those that hold rows.
pub(super) fn object_kind(verb: &str, word: &str) -> String {
    format!(
        "{} {} is not possible here; only tables, views and schemas may be changed",
        shown(verb),
        shown(word)
    )
}

/// Of a write that does more than the verb that is allowed.
pub(super) fn second_write(clause: &str, needed: &str) -> String {
    format!("{clause} removes what is there, so it needs {needed} to be allowed too; leave it out")
}

/// Of a write inside of a read.
pub(super) fn nested_write(verb: &str) -> String {
    format!(
        "{} changes something or runs code, and only reads are allowed; if it is a column, write \"{}\"",
        shown(verb),
        verb.to_ascii_uppercase()
    )
}

/// Of `SYSTEM$…`.
pub(super) fn system_function(name: &str) -> String {
    format!(
        "{} is not among the SYSTEM$ functions that only read; look for the information in SHOW or INFORMATION_SCHEMA",
        shown(name)
    )
}

/// Of a function that runs a model.
pub(super) fn model_function(name: &str) -> String {
    format!(
        "{} runs a model, which costs by use; query the data and judge it yourself, or ask the operator to allow model functions",
        shown(name)
    )
}

/// Of a function that makes a link.
pub(super) fn file_link(name: &str) -> String {
    format!(
        "{} makes a link that anybody can follow; leave it out, or ask the operator to allow file links",
        shown(name)
    )
}

/// Of a function that runs text.
pub(super) fn dynamic_code(name: &str) -> String {
    format!(
        "{} runs SQL given as text; write that SQL itself as the statement",
        shown(name)
    )
}

/// Of a function of the account.
pub(super) fn account_function(path: &[&str]) -> String {
    format!(
        "{} is a function of the account, which may send data to another service; compute it in SQL, or ask the operator to allow it (allow_functions, or the permission account_functions)",
        shown(&path.join("."))
    )
}

/// Of a function on the operator's list.
pub(super) fn denied_function(path: &[&str]) -> String {
    format!(
        "the operator does not allow the function {}; write the query without it",
        shown(&path.join("."))
    )
}

/// The first characters of a token, fit for a sentence: upper case as verbs are written, no control, no line end.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(SHOWN_CHARACTERS_MAX) {
        if character.is_control() {
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character.to_ascii_uppercase());
        }
    }
    if text.chars().nth(SHOWN_CHARACTERS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Longer than any function's name, shorter than what would fill a context.
const SHOWN_CHARACTERS_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_short_and_of_one_line() {
        assert_eq!(shown("drop"), "DROP");
        assert_eq!(shown("'a\nb'"), "'A\\nB'");
        let long = shown(&"x".repeat(1000));
        assert_eq!(long.chars().count(), SHOWN_CHARACTERS_MAX + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn every_kind_that_is_no_read_has_a_sentence_of_its_own() {
        let mut sentences: Vec<_> = StatementKind::ALL
            .into_iter()
            .filter(|kind| !kind.is_read())
            .map(|kind| not_a_read("VERB", kind))
            .collect();
        let count = sentences.len();
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), count);
    }
}
