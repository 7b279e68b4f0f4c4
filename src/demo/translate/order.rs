//! ORDER BY: positions, aliases and expressions, and where NULL stands.

use sqlparser::ast::{Expr, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, OrderBySort, Value};

use super::projection::Column;
use super::scope::name_of;
use super::{Field, Translator};
use crate::demo::fault::{Fault, Outcome};

/// `sql` with direction. In Snowflake NULL is larger than everything; SQLite is told so each time.
pub(super) fn direction(sql: &str, options: &OrderByOptions) -> String {
    let descending = options.sort == Some(OrderBySort::Desc);
    let nulls_first = options.nulls_first.unwrap_or(descending);
    let (way, nulls) = (
        if descending { "DESC" } else { "ASC" },
        if nulls_first { "FIRST" } else { "LAST" },
    );
    format!("{sql} {way} NULLS {nulls}")
}

/// A key of ORDER BY or GROUP BY that SQLite does not take for a position. It does so with a number, and with every
/// constant that becomes one while it parses: `'x' IS NULL` is 0.
pub(super) fn no_position(sql: String) -> String {
    let name = sql.split(['.', '(']).next().unwrap_or_default();
    let is_column_or_call =
        name.len() < sql.len() && name.starts_with(|first: char| first.is_ascii_lowercase());
    if is_column_or_call {
        sql
    } else {
        format!("coalesce({sql}, NULL)")
    }
}

/// A key of ORDER BY.
#[derive(Debug, Clone)]
pub(super) enum Key<'q> {
    /// A column of the result, from 0.
    Position(usize, &'q OrderByOptions),
    Expression(&'q OrderByExpr),
}

/// The keys of an ORDER BY over columns with these names.
///
/// # Errors
/// A position that the result does not have.
pub(super) fn keys<'q>(order: Option<&'q OrderBy>, names: &[&str]) -> Outcome<Vec<Key<'q>>> {
    let Some(order) = order else { return Ok(Vec::new()) };
    let expressions = match &order.kind {
        OrderByKind::All(options) => {
            return Ok((0..names.len())
                .map(|index| Key::Position(index, options))
                .collect());
        }
        OrderByKind::Expressions(expressions) => expressions,
    };
    // sqlparser's Snowflake dialect reads ALL as a name.
    if let [only] = expressions.as_slice()
        && matches!(&only.expr, Expr::Identifier(ident) if name_of(ident) == "ALL" && !names.contains(&"ALL"))
    {
        return Ok((0..names.len())
            .map(|index| Key::Position(index, &only.options))
            .collect());
    }
    let mut keys = Vec::new();
    for expression in expressions {
        if expression.with_fill.is_some() {
            return Err(Fault::unsupported("WITH FILL"));
        }
        match position(&expression.expr, names)? {
            Some(index) => keys.push(Key::Position(index, &expression.options)),
            None => keys.push(Key::Expression(expression)),
        }
    }
    Ok(keys)
}

/// `2`, or the name of a column of the result.
pub(super) fn position(expression: &Expr, names: &[&str]) -> Outcome<Option<usize>> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => {
                let index = digits
                    .parse::<usize>()
                    .ok()
                    .filter(|position| (1..=names.len()).contains(position));
                index.map(|position| Some(position - 1)).ok_or_else(|| {
                    Fault::compilation(
                        "000913",
                        format!(
                            "position {digits} is not in the select list, which has {} columns",
                            names.len()
                        ),
                    )
                })
            }
            _ => Ok(None),
        },
        Expr::Identifier(ident) => {
            let name = name_of(ident);
            Ok(names.iter().position(|candidate| *candidate == name))
        }
        _ => Ok(None),
    }
}

impl<'q> Translator<'q, '_> {
    /// The keys as text, over the columns of a SELECT in whose scope this is called.
    pub(super) fn order_sql(&mut self, keys: &[Key<'q>], columns: &[Column]) -> Outcome<Vec<String>> {
        let mut texts = Vec::new();
        for key in keys {
            match key {
                Key::Position(index, options) => texts.push(direction(&format!("c{}", index + 1), options)),
                Key::Expression(expression) => {
                    let bound = self.expression(&expression.expr)?;
                    // The same text again would be computed again; and DISTINCT sorts by its own columns only.
                    let same = columns.iter().position(|column| column.bound.sql == bound.sql);
                    let sql = match same {
                        Some(index) => format!("c{}", index + 1),
                        None => no_position(bound.sql),
                    };
                    texts.push(direction(&sql, &expression.options));
                }
            }
        }
        Ok(texts)
    }
}

/// Names of the fields.
pub(super) fn names_of(fields: &[Field]) -> Vec<&str> {
    fields.iter().map(|field| field.name.as_str()).collect()
}
