//! Snowflake's SQL to SQLite's, over the tree that sqlparser makes.
//!
//! A translator walks the tree once, resolves every name against its scopes, infers the type of every expression and
//! writes SQLite's text for it. Types decide the text: decimals are scaled integers, so `1.50 + 2` is written `150 + 200`
//! and remembered as NUMBER(4,2). Every relation inside the text names its columns `c1 … cn`, so names of the statement
//! never meet SQLite's own name resolution.
//!
//! | file | theme |
//! |---|---|
//! | `query` | WITH, UNION and its kin, VALUES, LIMIT |
//! | `select`, `projection`, `order` | one SELECT: clauses, the list and its names, sorting |
//! | `from`, `object` | relations and joins; names of tables and views |
//! | `scope` | which column a name means |
//! | `expression`, `predicate`, `operator`, `literal`, `interval`, `convert` | expressions and their types |
//! | `call`, `aggregate`, `window` | functions |
//!
//! It runs nothing: the result is a [`Frame`] of tables and parameters with the text.

mod aggregate;
mod call;
mod convert;
mod expression;
mod from;
mod interval;
mod literal;
pub(super) mod object;
mod operator;
mod order;
mod predicate;
mod projection;
mod query;
mod scope;
mod select;
#[cfg(test)]
mod tests;
mod window;

use std::collections::BTreeSet;

use sqlparser::ast::Query;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::catalog::TableId;
use super::datatype::Type;
use super::dialect::Queries;
use super::fault::{Fault, Outcome};
use super::lexis::{matters, syntax};
use super::session::Session;
use scope::Scope;

/// A column of a translated query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Type,
    pub(super) nullable: bool,
}

/// A translated query: text that gives columns `c1 … cn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) sql: String,
    pub(super) fields: Vec<Field>,
}

/// What a statement needs besides its text. Shared by all translators of one statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Tables that it reads.
    pub(super) tables: BTreeSet<TableId>,
    /// Values of `?1`, `?2`, …: listings as JSON.
    pub(super) parameters: Vec<String>,
    /// Relations that it joins in all; more than one may take long.
    pub(super) relations: usize,
    /// Whether it may run long without reading a table: recursion, GENERATOR.
    pub(super) is_generative: bool,
    /// Aliases given so far.
    names: usize,
    /// Expressions visited so far.
    visits: usize,
}

/// Translates the one query in `tokens`. `stages` are the results of the earlier stages of a pipe, `$1` the last.
///
/// # Errors
/// Every fault of the compile-time kinds.
pub(super) fn translate(
    tokens: &[TokenWithSpan],
    session: &Session,
    stages: &[Rows],
    frame: &mut Frame,
) -> Outcome<Rows> {
    let query = parse(tokens)?;
    let mut translator = Translator {
        session,
        stages,
        frame,
        tokens,
        scopes: Vec::new(),
        tables_with: Vec::new(),
        depth: 0,
    };
    translator.query(&query)
}

struct Translator<'q, 'e> {
    session: &'e Session,
    stages: &'e [Rows],
    frame: &'e mut Frame,
    /// The statement's tokens, for the names of columns that have none.
    tokens: &'q [TokenWithSpan],
    /// Innermost last.
    scopes: Vec<Scope<'q>>,
    /// Tables of WITH in reach, innermost last: name, name in the text, columns.
    tables_with: Vec<(String, String, Vec<Field>)>,
    depth: usize,
}

impl Translator<'_, '_> {
    /// A name for the text that was not used before.
    fn fresh(&mut self, prefix: char) -> String {
        self.frame.names += 1;
        format!("{prefix}{}", self.frame.names)
    }

    /// Counts the nesting of the walk: the tree is bounded, the stack is too.
    fn deeper(&mut self) -> Outcome<()> {
        self.frame.visits += 1;
        if self.frame.visits > VISITS_MAX {
            return Err(Fault::unsupported(
                "a statement whose aliases stand for so much text",
            ));
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Fault::unsupported(format_args!(
                "statements nested more than {DEPTH_MAX} levels deep"
            )));
        }
        Ok(())
    }
}

/// Refuses more columns, keys or tables of WITH than SQLite takes; names are looked up one by one.
fn check_width(count: usize) -> Outcome<()> {
    if count > WIDTH_MAX {
        return Err(Fault::unsupported(format_args!(
            "lists of more than {WIDTH_MAX} columns (found {count})"
        )));
    }
    Ok(())
}

/// Columns of one SELECT.
const WIDTH_MAX: usize = 1_000;

/// Levels of nesting that are walked. A level costs up to some kilobytes of stack in an unoptimised build.
const DEPTH_MAX: usize = 56;

/// Expressions visited in one statement. An alias is translated again wherever it is used, so `a + a AS b, b + b AS c, …`
/// doubles with every line.
const VISITS_MAX: usize = 300_000;

/// Bytes of one translated expression: a few functions write an argument twice, and may be nested.
const EXPRESSION_BYTES_MAX: usize = 2 << 20;

/// Levels of nesting that sqlparser walks.
const PARSE_DEPTH_MAX: usize = 50;

fn parse(tokens: &[TokenWithSpan]) -> Outcome<Box<Query>> {
    let mut parser = Parser::new(&Queries)
        .with_recursion_limit(PARSE_DEPTH_MAX)
        .with_tokens_with_locations(with_stage_names(tokens));
    let query = parser.parse_query().map_err(|error| not_parsed(error, tokens))?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        return Err(syntax(next.span.start, format!("unexpected '{}'", next.token)));
    }
    Ok(query)
}

/// `FROM $1` names a stage of a pipe; sqlparser takes a quoted identifier there. In a list `$1` stays a column.
fn with_stage_names(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    // For each open parenthesis, whether FROM was the last clause begun in it.
    let mut in_from = vec![false];
    let mut expects_name = false;
    let mut named = tokens.to_vec();
    for token in &mut named {
        match &token.token {
            space if !matters(space) => continue,
            Token::Placeholder(place) if expects_name => token.token = Token::make_word(place, Some('"')),
            Token::LParen => {
                in_from.push(expects_name);
                continue;
            }
            Token::RParen => {
                in_from.pop();
            }
            Token::Comma => {
                expects_name = in_from.last().copied().unwrap_or_default();
                continue;
            }
            Token::Word(word) => {
                let is = |keyword: &&str| word.value.eq_ignore_ascii_case(keyword);
                let begins_from = is(&"FROM");
                if begins_from || CLAUSES.iter().any(is) {
                    in_from.pop();
                    in_from.push(begins_from);
                }
                expects_name = begins_from || is(&"JOIN");
                continue;
            }
            _ => {}
        }
        expects_name = false;
    }
    named
}

/// Words that end a FROM clause.
const CLAUSES: [&str; 8] = [
    "SELECT", "WHERE", "GROUP", "HAVING", "QUALIFY", "ORDER", "LIMIT", "ON",
];

fn not_parsed(error: ParserError, tokens: &[TokenWithSpan]) -> Fault {
    let text = match error {
        ParserError::RecursionLimitExceeded => {
            return Fault::unsupported(format_args!(
                "statements nested more than {PARSE_DEPTH_MAX} levels deep"
            ));
        }
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
    };
    // sqlparser says the place only as text: "… at Line: 1, Column: 8".
    let (message, place) = text.split_once(" at Line: ").unwrap_or((&text, ""));
    let (line, column) = place.split_once(", Column: ").unwrap_or_default();
    // At the end of the text it says none.
    let end = tokens.last().map(|token| token.span.end);
    Fault::Syntax {
        message: message.to_owned(),
        line: line.parse().ok().or_else(|| end.map(|end| end.line)).unwrap_or(1),
        column: column
            .parse()
            .ok()
            .or_else(|| end.map(|end| end.column))
            .unwrap_or(1),
    }
}
