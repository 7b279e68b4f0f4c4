//! Queries around SELECT: WITH, UNION and its kin, VALUES, LIMIT.

use sqlparser::ast::{
    Cte, Expr, LimitClause, Query, SetExpr, SetOperator, SetQuantifier, Value, Values, With,
};

use super::expression::Bound;
use super::object::relation;
use super::order::{keys, names_of};
use super::projection::Column;
use super::scope::{Scope, name_of};
use super::select::Tail;
use super::{Field, Rows, Translator};
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};

impl<'q> Translator<'q, '_> {
    /// Translates a query.
    pub(super) fn query(&mut self, query: &'q Query) -> Outcome<Rows> {
        self.deeper()?;
        let with_before = self.tables_with.len();
        let rows = self.query_inside(query);
        self.tables_with.truncate(with_before);
        self.depth -= 1;
        rows
    }

    fn query_inside(&mut self, query: &'q Query) -> Outcome<Rows> {
        if !query.locks.is_empty() || query.for_clause.is_some() || !query.pipe_operators.is_empty() {
            return Err(Fault::unsupported("FOR and |> behind a query"));
        }
        let with = query.with.as_ref().map(|with| self.with(with)).transpose()?;
        let tail = tail(query)?;
        let rows = match &*query.body {
            SetExpr::Select(select) => self.select(select, tail)?,
            body => {
                let rows = self.body(body)?;
                if tail.is_empty() {
                    rows
                } else {
                    self.sorted(rows, tail)?
                }
            }
        };
        Ok(match with {
            Some(with) => Rows {
                sql: format!("{with} {}", rows.sql),
                ..rows
            },
            None => rows,
        })
    }

    fn body(&mut self, body: &'q SetExpr) -> Outcome<Rows> {
        self.deeper()?;
        let rows = self.body_inside(body);
        self.depth -= 1;
        rows
    }

    fn body_inside(&mut self, body: &'q SetExpr) -> Outcome<Rows> {
        match body {
            SetExpr::Select(select) => self.select(select, Tail::default()),
            SetExpr::Query(query) => self.query(query),
            SetExpr::Values(values) => self.values(values),
            SetExpr::SetOperation { .. } => self.set_operations(body),
            _ => Err(Fault::unsupported("statements that write")),
        }
    }

    /// ORDER BY and LIMIT behind something that is no plain SELECT.
    fn sorted(&mut self, rows: Rows, tail: Tail<'q>) -> Outcome<Rows> {
        let alias = self.fresh('t');
        let relation = relation(Vec::new(), &alias, &rows.fields);
        let columns: Vec<Column> = relation
            .attributes
            .iter()
            .map(|attribute| Column {
                name: attribute.name.clone(),
                bound: attribute.bound(),
            })
            .collect();
        let keys = keys(tail.order, &names_of(&rows.fields))?;
        self.scopes.push(Scope {
            relations: vec![relation],
            ..Scope::default()
        });
        let order = self.order_sql(&keys, &columns);
        self.scopes.pop();
        let order = order?;
        let mut sql = format!("SELECT * FROM ({}) AS {alias}", rows.sql);
        if !order.is_empty() {
            sql += &format!(" ORDER BY {}", order.join(", "));
        }
        sql += &tail.cut();
        Ok(Rows { sql, ..rows })
    }

    fn with(&mut self, with: &'q With) -> Outcome<String> {
        let mut tables = Vec::new();
        let mut is_recursive = false;
        super::check_width(self.tables_with.len() + with.cte_tables.len())?;
        for table in &with.cte_tables {
            let name = name_of(&table.alias.name);
            let source = self.fresh('w');
            let recursive = match &*table.query.body {
                SetExpr::SetOperation {
                    left,
                    op: SetOperator::Union,
                    set_quantifier: SetQuantifier::All,
                    right,
                } if with.recursive && table.query.with.is_none() => Some((left, right)),
                _ => None,
            };
            let rows = match recursive {
                Some((anchor, step)) => {
                    is_recursive = true;
                    self.recursive_table(table, &name, &source, (anchor, step))?
                }
                None => {
                    let rows = self.query(&table.query)?;
                    rename(rows, table)?
                }
            };
            let columns: Vec<String> = (1..=rows.fields.len())
                .map(|number| format!("c{number}"))
                .collect();
            tables.push(format!("{source}({}) AS ({})", columns.join(", "), rows.sql));
            self.tables_with.push((name, source, rows.fields));
        }
        let word = if is_recursive { "WITH RECURSIVE" } else { "WITH" };
        Ok(format!("{word} {}", tables.join(", ")))
    }

    /// `anchor UNION ALL step`, where the step reads the table itself.
    fn recursive_table(
        &mut self,
        table: &'q Cte,
        name: &str,
        source: &str,
        (anchor, step): (&'q SetExpr, &'q SetExpr),
    ) -> Outcome<Rows> {
        self.frame.is_generative = true;
        let anchor = self.body(anchor)?;
        let mut anchor = rename(anchor, table)?;
        for field in &mut anchor.fields {
            // A step may make more digits or letters than the anchor has, never more fraction digits.
            field.kind = widest(field.kind);
            field.nullable = true;
        }
        self.tables_with
            .push((name.to_owned(), source.to_owned(), anchor.fields.clone()));
        let kinds: Vec<Type> = anchor.fields.iter().map(|field| field.kind).collect();
        let step = match step {
            SetExpr::Select(select) => self.select_as(select, &kinds),
            _ => Err(Fault::unsupported("a recursion whose step is no plain SELECT")),
        };
        self.tables_with.pop();
        let step = step?;
        if step.fields.len() != kinds.len() {
            return Err(column_counts(kinds.len(), step.fields.len()));
        }
        Ok(Rows {
            sql: format!("{} UNION ALL {}", operand(&anchor.sql), step.sql),
            fields: anchor.fields,
        })
    }

    /// `a UNION b EXCEPT c …`: the tree is as deep as the chain is long, so its left spine is walked in a loop. SQLite
    /// gives all set operators one precedence, from left to right, which is what a chain without parentheses needs.
    fn set_operations(&mut self, body: &'q SetExpr) -> Outcome<Rows> {
        let mut spine = Vec::new();
        let mut leftmost = body;
        while let SetExpr::SetOperation {
            left,
            op,
            set_quantifier,
            right,
        } = leftmost
        {
            spine.push((set_word(*op, *set_quantifier)?, &**right));
            leftmost = left;
        }
        let mut rows = self.body(leftmost)?;
        rows.sql = operand(&rows.sql);
        for (word, right) in spine.into_iter().rev() {
            let right = self.body(right)?;
            rows = self.combine(rows, word, right)?;
        }
        Ok(rows)
    }

    fn combine(&mut self, left: Rows, word: &str, right: Rows) -> Outcome<Rows> {
        if left.fields.len() != right.fields.len() {
            return Err(column_counts(left.fields.len(), right.fields.len()));
        }
        let mut fields = Vec::new();
        for (one, other) in left.fields.iter().zip(&right.fields) {
            fields.push(Field {
                name: one.name.clone(),
                kind: self.common_kind(one.kind, other.kind)?,
                nullable: one.nullable || other.nullable,
            });
        }
        let kinds: Vec<Type> = fields.iter().map(|field| field.kind).collect();
        let (left, right) = (self.rows_as(left, &kinds)?, self.rows_as(right, &kinds)?);
        let sql = format!("{} {word} {}", left.sql, operand(&right.sql));
        Ok(Rows { sql, fields })
    }

    /// The same rows with columns of these types.
    pub(super) fn rows_as(&mut self, rows: Rows, kinds: &[Type]) -> Outcome<Rows> {
        let same_form = rows
            .fields
            .iter()
            .zip(kinds)
            .all(|(field, kind)| is_kept_alike(field.kind, *kind));
        if same_form {
            return Ok(rows);
        }
        let alias = self.fresh('t');
        let relation = relation(Vec::new(), &alias, &rows.fields);
        let mut list = Vec::new();
        let mut fields = Vec::new();
        for ((field, attribute), kind) in rows.fields.iter().zip(&relation.attributes).zip(kinds) {
            let column = Bound::column(attribute.sql.clone(), field.kind, field.nullable);
            let bound = self.convert(column, *kind)?;
            list.push(format!("{} AS c{}", bound.sql, list.len() + 1));
            fields.push(Field {
                kind: *kind,
                ..field.clone()
            });
        }
        Ok(Rows {
            sql: format!("SELECT {} FROM ({}) AS {alias}", list.join(", "), rows.sql),
            fields,
        })
    }

    fn values(&mut self, values: &'q Values) -> Outcome<Rows> {
        let mut columns: Vec<Vec<Bound>> = Vec::new();
        for row in &values.rows {
            let row = &row.content;
            super::check_width(row.len())?;
            if columns.is_empty() {
                columns.resize(row.len(), Vec::new());
            }
            if columns.len() != row.len() || row.is_empty() {
                return Err(Fault::compilation(
                    "001789",
                    format!("rows of VALUES with {} and {} columns", columns.len(), row.len()),
                ));
            }
            for (column, expression) in columns.iter_mut().zip(row) {
                column.push(self.expression(expression)?);
            }
        }
        let mut fields = Vec::new();
        let mut unified = Vec::new();
        for (index, column) in columns.into_iter().enumerate() {
            let column = self.unify(column)?;
            fields.push(Field {
                name: format!("COLUMN{}", index + 1),
                kind: column.first().map_or(Type::Null, |first| first.kind),
                nullable: column.iter().any(|bound| bound.nullable),
            });
            unified.push(column);
        }
        let rows: Vec<String> = (0..values.rows.len())
            .map(|row| {
                let cells: Vec<&str> = unified.iter().map(|column| column[row].sql.as_str()).collect();
                format!("({})", cells.join(", "))
            })
            .collect();
        let names: Vec<String> = (1..=fields.len())
            .map(|number| format!("column{number} AS c{number}"))
            .collect();
        Ok(Rows {
            sql: format!("SELECT {} FROM (VALUES {})", names.join(", "), rows.join(", ")),
            fields,
        })
    }
}

fn column_counts(expected: usize, found: usize) -> Fault {
    Fault::compilation(
        "001789",
        format!(
            "invalid number of result columns for set operator input branches, expected {expected}, got {found}"
        ),
    )
}

fn set_word(operator: SetOperator, quantifier: SetQuantifier) -> Outcome<&'static str> {
    match (operator, quantifier) {
        (SetOperator::Union, SetQuantifier::All) => Ok("UNION ALL"),
        (SetOperator::Union, SetQuantifier::None | SetQuantifier::Distinct) => Ok("UNION"),
        (SetOperator::Intersect, SetQuantifier::None | SetQuantifier::Distinct) => Ok("INTERSECT"),
        (SetOperator::Except | SetOperator::Minus, SetQuantifier::None | SetQuantifier::Distinct) => {
            Ok("EXCEPT")
        }
        _ => Err(Fault::unsupported("INTERSECT ALL, EXCEPT ALL and UNION BY NAME")),
    }
}

/// A side of a set operator: SQLite takes a plain SELECT only.
fn operand(sql: &str) -> String {
    format!("SELECT * FROM ({sql})")
}

/// Whether SQLite keeps values of both types in the same form.
fn is_kept_alike(left: Type, right: Type) -> bool {
    match (left, right) {
        (Type::Number { scale, .. }, Type::Number { scale: other, .. }) => scale == other,
        (Type::Text { .. }, Type::Text { .. }) => true,
        (Type::Timestamp | Type::Instant { .. }, Type::Timestamp | Type::Instant { .. }) => true,
        (Type::Null, _) => true,
        _ => left == right,
    }
}

fn widest(kind: Type) -> Type {
    match kind {
        Type::Number { scale, .. } => Type::number(u32::from(crate::demo::datatype::PRECISION_MAX), scale),
        Type::Text { .. } | Type::Null => Type::TEXT,
        other => other,
    }
}

/// The column names behind the name of a table of WITH.
fn rename(mut rows: Rows, table: &Cte) -> Outcome<Rows> {
    let names = &table.alias.columns;
    if !names.is_empty() && names.len() != rows.fields.len() {
        return Err(Fault::compilation(
            "002057",
            format!("{} column names for {} columns", names.len(), rows.fields.len()),
        ));
    }
    for (field, column) in rows.fields.iter_mut().zip(names) {
        field.name = name_of(&column.name);
    }
    Ok(rows)
}

fn tail(query: &Query) -> Outcome<Tail<'_>> {
    let mut tail = Tail {
        order: query.order_by.as_ref(),
        ..Tail::default()
    };
    match &query.limit_clause {
        Some(LimitClause::LimitOffset {
            limit,
            offset,
            limit_by,
        }) if limit_by.is_empty() => {
            tail.limit = limit.as_ref().map(count).transpose()?.flatten();
            tail.offset = offset
                .as_ref()
                .map(|offset| count(&offset.value))
                .transpose()?
                .flatten();
        }
        None => {}
        Some(_) => return Err(Fault::unsupported("this form of LIMIT")),
    }
    if let Some(fetch) = &query.fetch {
        if fetch.percent || fetch.with_ties {
            return Err(Fault::unsupported("FETCH with PERCENT or WITH TIES"));
        }
        tail.limit = fetch.quantity.as_ref().map_or(Ok(Some(1)), count)?;
    }
    Ok(tail)
}

/// A constant count; NULL and the empty text mean none.
fn count(expression: &Expr) -> Outcome<Option<u64>> {
    let Expr::Value(value) = expression else {
        return Err(Fault::unsupported("a computed LIMIT or OFFSET"));
    };
    match &value.value {
        Value::Null => Ok(None),
        Value::SingleQuotedString(text) if text.is_empty() => Ok(None),
        Value::Number(digits, _) => digits
            .parse()
            .map(Some)
            .map_err(|_| Fault::compilation("001003", format!("'{digits}' is no row count"))),
        other => Err(Fault::compilation("001003", format!("'{other}' is no row count"))),
    }
}
