//! Tests: IS NULL, IN, BETWEEN, LIKE, EXISTS and their kin.

use sqlparser::ast::{Expr, Query};

use super::Translator;
use super::expression::{Bound, single_name};
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};

impl<'q> Translator<'q, '_> {
    pub(super) fn null_test(&mut self, inner: &'q Expr, test: &str) -> Outcome<Bound> {
        let bound = self.expression(inner)?;
        Ok(Bound::test(format!("({} {test})", bound.sql)))
    }

    pub(super) fn truth_test(&mut self, inner: &'q Expr, test: &str) -> Outcome<Bound> {
        let bound = self.condition(inner)?;
        Ok(Bound::test(format!("({} {test})", bound.sql)))
    }

    pub(super) fn distinct(&mut self, left: &'q Expr, right: &'q Expr, operator: &str) -> Outcome<Bound> {
        let (left, right) = (self.expression(left)?, self.expression(right)?);
        let [left, right] = self.pair(left, right)?;
        Ok(Bound::test(format!("({} {operator} {})", left.sql, right.sql)))
    }

    pub(super) fn in_list(&mut self, value: &'q Expr, list: &'q [Expr], negated: bool) -> Outcome<Bound> {
        let not = if negated { "NOT " } else { "" };
        if let Expr::Tuple(_) = value {
            return Err(Fault::unsupported("row values in IN (…)"));
        }
        let mut parts = vec![self.expression(value)?];
        for item in list {
            parts.push(self.expression(item)?);
        }
        let parts = self.unify(parts)?;
        let items: Vec<&str> = parts[1..].iter().map(|part| part.sql.as_str()).collect();
        let sql = format!("({} {not}IN ({}))", parts[0].sql, items.join(", "));
        Ok(Bound::of(sql, Type::Boolean, &parts.iter().collect::<Vec<_>>()))
    }

    pub(super) fn in_subquery(&mut self, value: &'q Expr, query: &'q Query, negated: bool) -> Outcome<Bound> {
        let not = if negated { "NOT " } else { "" };
        let values: Vec<&'q Expr> = match value {
            Expr::Tuple(values) => values.iter().collect(),
            single => vec![single],
        };
        let rows = self.query(query)?;
        if rows.fields.len() != values.len() {
            return Err(Fault::compilation(
                "002057",
                format!(
                    "invalid number of columns in the subquery of IN: expected {}, found {}",
                    values.len(),
                    rows.fields.len()
                ),
            ));
        }
        let mut left = Vec::new();
        let mut kinds = Vec::new();
        for (value, field) in values.into_iter().zip(&rows.fields) {
            let bound = self.expression(value)?;
            let kind = self.common_kind(bound.kind, field.kind)?;
            left.push(self.convert(bound, kind)?.sql);
            kinds.push(kind);
        }
        let rows = self.rows_as(rows, &kinds)?;
        let sql = format!("(({}) {not}IN ({}))", left.join(", "), rows.sql);
        Ok(Bound::column(sql, Type::Boolean, true))
    }

    /// `= ANY (subquery)` and `<> ALL (subquery)` are IN and NOT IN.
    pub(super) fn quantified(&mut self, value: &'q Expr, right: &'q Expr, negated: bool) -> Outcome<Bound> {
        match right {
            Expr::Subquery(query) => self.in_subquery(value, query, negated),
            Expr::Nested(inner) => self.quantified(value, inner, negated),
            _ => Err(Fault::unsupported(
                "ANY and ALL over something else than a subquery",
            )),
        }
    }

    pub(super) fn between(
        &mut self,
        value: &'q Expr,
        low: &'q Expr,
        high: &'q Expr,
        negated: bool,
    ) -> Outcome<Bound> {
        let parts = vec![
            self.expression(value)?,
            self.expression(low)?,
            self.expression(high)?,
        ];
        let parts = self.unify(parts)?;
        let not = if negated { "NOT " } else { "" };
        let sql = format!(
            "({} {not}BETWEEN {} AND {})",
            parts[0].sql, parts[1].sql, parts[2].sql
        );
        Ok(Bound::of(sql, Type::Boolean, &parts.iter().collect::<Vec<_>>()))
    }

    pub(super) fn like(&mut self, expression: &'q Expr) -> Outcome<Bound> {
        let (function, negated, any, value, pattern, escape) = match expression {
            Expr::Like {
                negated,
                any,
                expr,
                pattern,
                escape_char,
            } => ("txt_like", *negated, *any, expr, pattern, escape_char),
            Expr::ILike {
                negated,
                any,
                expr,
                pattern,
                escape_char,
            } => ("txt_ilike", *negated, *any, expr, pattern, escape_char),
            _ => return Err(Fault::Internal("like over something else".into())),
        };
        let (patterns, word) = match (&**pattern, any) {
            (Expr::Tuple(patterns), true) => (patterns.iter().collect(), "OR"),
            (Expr::Nested(inner), true) => (vec![&**inner], "OR"),
            // sqlparser reads LIKE ALL (…) as a call.
            (Expr::Function(call), false) if single_name(&call.name).as_deref() == Some("ALL") => {
                (super::call::plain_arguments("ALL", &call.args)?, "AND")
            }
            (single, _) => (vec![single], "OR"),
        };
        let value = self.text(value)?;
        let escape = match escape {
            Some(escape) => self.text(escape)?.sql,
            None => "''".to_owned(),
        };
        let mut tests = Vec::new();
        let mut nullable = value.nullable;
        for pattern in patterns {
            let pattern = self.text(pattern)?;
            nullable |= pattern.nullable;
            tests.push(format!("{function}({}, {}, {escape})", value.sql, pattern.sql));
        }
        let not = if negated { "NOT " } else { "" };
        Ok(Bound::column(
            format!("({not}({}))", tests.join(&format!(" {word} "))),
            Type::Boolean,
            nullable,
        ))
    }

    pub(super) fn exists(&mut self, query: &'q Query, negated: bool) -> Outcome<Bound> {
        let rows = self.query(query)?;
        let not = if negated { "NOT " } else { "" };
        Ok(Bound::test(format!("({not}EXISTS ({}))", rows.sql)))
    }
}
