//! The SELECT list: wildcards, aliases and the names of columns that have none.

use sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, ObjectName, RenameSelectItem, Select, SelectItem,
    SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};
use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace, Word};

use super::Translator;
use super::expression::Bound;
use super::scope::{Attribute, name_of};
use crate::demo::fault::{Fault, Outcome};
use crate::demo::lexis::{matters, unescape};

/// An item of the list, before translation.
#[derive(Debug)]
pub(super) enum Item<'q> {
    Expression {
        name: String,
        expression: &'q Expr,
    },
    /// Of a wildcard.
    Attribute {
        name: String,
        attribute: Attribute,
    },
}

/// A column of the result.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) bound: Bound,
}

impl Item<'_> {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Expression { name, .. } | Self::Attribute { name, .. } => name,
        }
    }
}

impl<'q> Translator<'q, '_> {
    /// The list with its wildcards replaced by the columns they mean.
    pub(super) fn items(&self, select: &'q Select) -> Outcome<Vec<Item<'q>>> {
        let texts = self.item_texts(select);
        let mut items = Vec::new();
        super::check_width(select.projection.len())?;
        for (index, item) in select.projection.iter().enumerate() {
            match item {
                SelectItem::UnnamedExpr(expression) => {
                    let text = texts.as_ref().and_then(|texts| texts.get(index));
                    let name = match column_name(expression) {
                        Some(name) => name,
                        None => text
                            .cloned()
                            .unwrap_or_else(|| expression.to_string().to_uppercase()),
                    };
                    items.push(Item::Expression { name, expression });
                }
                SelectItem::ExprWithAlias { expr, alias } => items.push(Item::Expression {
                    name: name_of(alias),
                    expression: expr,
                }),
                SelectItem::ExprWithAliases { .. } => {
                    return Err(Fault::unsupported("several aliases of one column"));
                }
                SelectItem::Wildcard(options) => items.extend(self.wildcard(&[], options)?),
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    let qualifier = super::object::parts(name)?;
                    items.extend(self.wildcard(&qualifier, options)?);
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _) => {
                    return Err(Fault::unsupported("* of an expression"));
                }
            }
        }
        super::check_width(items.len())?;
        Ok(items)
    }

    /// `*` and `T.*`, with EXCLUDE, RENAME, REPLACE and ILIKE.
    fn wildcard(
        &self,
        qualifier: &[String],
        options: &'q WildcardAdditionalOptions,
    ) -> Outcome<Vec<Item<'q>>> {
        let attributes = self.wildcard_attributes(qualifier)?;
        let excluded = excluded(options.opt_exclude.as_ref())?;
        let mut items = Vec::new();
        for attribute in attributes {
            let kept = !excluded.contains(&attribute.name)
                && options.opt_ilike.as_ref().is_none_or(|like| {
                    crate::demo::functions::is_like(&attribute.name, &unescape(&like.pattern))
                });
            if !kept {
                continue;
            }
            let replaced = options
                .opt_replace
                .iter()
                .flat_map(|replace| &replace.items)
                .find(|element| name_of(&element.column_name) == attribute.name);
            let name = renamed(options.opt_rename.as_ref(), &attribute.name);
            items.push(match replaced {
                Some(element) => Item::Expression {
                    name,
                    expression: &element.expr,
                },
                None => Item::Attribute { name, attribute },
            });
        }
        if items.is_empty() {
            return Err(Fault::compilation("001080", "a wildcard that leaves no columns"));
        }
        Ok(items)
    }

    fn wildcard_attributes(&self, qualifier: &[String]) -> Outcome<Vec<Attribute>> {
        let Some(scope) = self.scopes.last() else {
            return Ok(Vec::new());
        };
        let relations = if qualifier.is_empty() {
            scope.relations.iter().collect()
        } else {
            scope.relations_called(qualifier)
        };
        if relations.is_empty() {
            return Err(if qualifier.is_empty() {
                Fault::compilation("001003", "SELECT * needs a FROM clause")
            } else {
                Fault::UnknownObject {
                    what: "Object",
                    name: qualifier.join("."),
                }
            });
        }
        let merged = scope.merged.iter().filter(|_| qualifier.is_empty());
        let plain = relations
            .into_iter()
            .flat_map(|relation| &relation.attributes)
            .filter(|attribute| !(attribute.is_internal || (qualifier.is_empty() && attribute.is_merged)));
        Ok(merged.chain(plain).cloned().collect())
    }

    /// The written text of each item, upper case: the name that Snowflake gives to a column without an alias.
    fn item_texts(&self, select: &Select) -> Option<Vec<String>> {
        let is_nameless = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(expression) if column_name(expression).is_none());
        if !select.projection.iter().any(is_nameless) {
            return None;
        }
        let start = select.select_token.0.span.start;
        let first = self.tokens.partition_point(|token| token.span.start <= start);
        let mut texts = vec![String::new()];
        let mut depth = 0_usize;
        let mut before: Option<&Token> = None;
        for token in skip_quantifier(&self.tokens[first..]) {
            match &token.token {
                Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
                Token::RParen | Token::RBracket | Token::RBrace if depth == 0 => break,
                Token::RParen | Token::RBracket | Token::RBrace => depth -= 1,
                Token::Comma if depth == 0 => {
                    texts.push(String::new());
                    continue;
                }
                Token::Word(word) if depth == 0 && ends_list(word, before) => break,
                _ => {}
            }
            if matters(&token.token) {
                before = Some(&token.token);
            }
            let text = texts.last_mut()?;
            match &token.token {
                Token::Whitespace(Whitespace::Space | Whitespace::Newline | Whitespace::Tab) => {
                    text.push(' ')
                }
                Token::Whitespace(_) => {}
                written => text.push_str(&written.to_string().to_uppercase()),
            }
        }
        let texts: Vec<String> = texts.into_iter().map(|text| text.trim().to_owned()).collect();
        // A trailing comma is allowed and leaves an empty text.
        let complete = texts.iter().filter(|text| !text.is_empty()).count() == select.projection.len();
        complete.then_some(texts)
    }
}

/// Without DISTINCT, ALL and TOP n in front.
fn skip_quantifier(tokens: &[TokenWithSpan]) -> &[TokenWithSpan] {
    let mut rest = tokens;
    loop {
        let Some(position) = rest.iter().position(|token| matters(&token.token)) else {
            return rest;
        };
        match &rest[position].token {
            Token::Word(word)
                if ["DISTINCT", "ALL"]
                    .iter()
                    .any(|keyword| word.value.eq_ignore_ascii_case(keyword)) =>
            {
                rest = &rest[position + 1..];
            }
            Token::Word(word) if word.value.eq_ignore_ascii_case("TOP") => {
                let after = &rest[position + 1..];
                let number = after.iter().position(|token| matters(&token.token));
                match number {
                    Some(number) if matches!(after[number].token, Token::Number(..)) => {
                        rest = &after[number + 1..]
                    }
                    _ => return rest,
                }
            }
            _ => return rest,
        }
    }
}

/// Whether a word ends the list. GROUP does not behind WITHIN.
fn ends_list(word: &Word, before: Option<&Token>) -> bool {
    let is_keyword = |keyword: &&str| word.value.eq_ignore_ascii_case(keyword);
    let is_within =
        matches!(before, Some(Token::Word(before)) if before.value.eq_ignore_ascii_case("within"));
    word.quote_style.is_none() && ENDS.iter().any(is_keyword) && !is_within
}

const ENDS: [&str; 14] = [
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "QUALIFY",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "UNION",
    "EXCEPT",
    "MINUS",
    "INTERSECT",
    "WINDOW",
];

/// The name of an item that is a column.
fn column_name(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(ident) => Some(name_of(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map(name_of),
        _ => None,
    }
}

fn excluded(exclude: Option<&ExcludeSelectItem>) -> Outcome<Vec<String>> {
    let names: Vec<&ObjectName> = match exclude {
        None => Vec::new(),
        Some(ExcludeSelectItem::Single(name)) => vec![name],
        Some(ExcludeSelectItem::Multiple(names)) => names.iter().collect(),
    };
    names
        .into_iter()
        .map(|name| {
            super::object::parts(name)?
                .pop()
                .ok_or_else(|| Fault::Internal("a name without parts".into()))
        })
        .collect()
}

fn renamed(rename: Option<&RenameSelectItem>, name: &str) -> String {
    let pairs: Vec<(&Ident, &Ident)> = match rename {
        None => Vec::new(),
        Some(RenameSelectItem::Single(pair)) => vec![(&pair.ident, &pair.alias)],
        Some(RenameSelectItem::Multiple(pairs)) => {
            pairs.iter().map(|pair| (&pair.ident, &pair.alias)).collect()
        }
    };
    pairs
        .into_iter()
        .find(|(from, _)| name_of(from) == name)
        .map_or_else(|| name.to_owned(), |(_, to)| name_of(to))
}
