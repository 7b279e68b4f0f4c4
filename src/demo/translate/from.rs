//! FROM: tables, subqueries, VALUES, generators and how they are joined.

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Join, JoinConstraint, JoinOperator, TableAlias,
    TableFactor, TableSample, TableSampleKind, TableSampleMethod, TableSampleQuantity, TableSampleUnit,
    TableWithJoins,
};

use super::Translator;
use super::expression::single_name;
use super::object::parts;
use super::scope::{Attribute, Clause, Relation, name_of};
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};

/// Which side of a join may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    None,
    Left,
    Right,
    Both,
}

impl<'q> Translator<'q, '_> {
    /// The text of FROM; its relations are added to the innermost scope.
    pub(super) fn from(&mut self, tables: &'q [TableWithJoins]) -> Outcome<String> {
        let mut texts = Vec::new();
        for table in tables {
            let text = self.joined(table)?;
            // A comma binds weaker than JOIN in SQL and equally strong in SQLite; it matters where the left side may
            // be missing.
            let loosens_left = table.joins.iter().any(|join| {
                matches!(
                    join.join_operator,
                    JoinOperator::Right(_) | JoinOperator::RightOuter(_) | JoinOperator::FullOuter(_)
                )
            });
            texts.push(if tables.len() > 1 && loosens_left {
                format!("({text})")
            } else {
                text
            });
        }
        Ok(texts.join(", "))
    }

    fn joined(&mut self, table: &'q TableWithJoins) -> Outcome<String> {
        let first = self.scope()?.relations.len();
        let mut text = self.factor(&table.relation)?;
        for join in &table.joins {
            text += &self.join(join, first)?;
        }
        Ok(text)
    }

    fn scope(&mut self) -> Outcome<&mut super::Scope<'q>> {
        self.scopes
            .last_mut()
            .ok_or_else(|| Fault::Internal("FROM outside a SELECT".into()))
    }

    /// ` JOIN …` with everything from relation `first` on as its left side.
    fn join(&mut self, join: &'q Join, first: usize) -> Outcome<String> {
        let (word, side, constraint) = operator(&join.join_operator)?;
        let middle = self.scope()?.relations.len();
        let right = self.factor(&join.relation)?;
        let condition = match constraint {
            JoinConstraint::On(condition) => {
                self.scope()?.clause = Clause::Join;
                let bound = self.condition(condition)?;
                self.scope()?.clause = Clause::List;
                Some(bound.sql)
            }
            JoinConstraint::Using(names) => {
                let mut columns = Vec::new();
                for name in names {
                    let name = parts(name)?
                        .pop()
                        .ok_or_else(|| Fault::Internal("a name without parts".into()))?;
                    columns.push(name);
                }
                Some(self.merge(&columns, first, middle, side)?)
            }
            JoinConstraint::Natural => {
                let columns = self.shared_columns(first, middle)?;
                Some(self.merge(&columns, first, middle, side)?)
            }
            JoinConstraint::None => None,
        };
        self.loosen(first, middle, side)?;
        let on = condition
            .map(|condition| format!(" ON {condition}"))
            .unwrap_or_default();
        Ok(format!(" {word} {right}{on}"))
    }

    /// Columns of a side that may be missing may be NULL.
    fn loosen(&mut self, first: usize, middle: usize, side: Side) -> Outcome<()> {
        for (index, relation) in self.scope()?.relations.iter_mut().enumerate().skip(first) {
            let may_miss = match side {
                Side::None => false,
                Side::Left => index < middle,
                Side::Right => index >= middle,
                Side::Both => true,
            };
            if may_miss {
                relation
                    .attributes
                    .iter_mut()
                    .for_each(|attribute| attribute.nullable = true);
            }
        }
        Ok(())
    }

    /// Column names that both sides of a NATURAL JOIN have.
    fn shared_columns(&mut self, first: usize, middle: usize) -> Outcome<Vec<String>> {
        let relations = &self.scope()?.relations;
        let names = |range: &[Relation]| -> Vec<String> {
            range
                .iter()
                .flat_map(|relation| &relation.attributes)
                .filter(|attribute| !attribute.is_internal)
                .map(|attribute| attribute.name.clone())
                .collect()
        };
        let right = names(&relations[middle..]);
        let mut shared: Vec<String> = Vec::new();
        for name in names(&relations[first..middle]) {
            if right.contains(&name) && !shared.contains(&name) {
                shared.push(name);
            }
        }
        Ok(shared)
    }

    /// Makes one column of each pair and returns the condition that joins them.
    fn merge(&mut self, names: &[String], first: usize, middle: usize, side: Side) -> Outcome<String> {
        let mut conditions = Vec::new();
        for name in names {
            let left = match self
                .scope()?
                .merged
                .iter()
                .position(|merged| merged.name == *name)
            {
                // A third relation joins the column that two already share.
                Some(index) => self.scope()?.merged.remove(index),
                None => self.take_merged(name, first, middle)?,
            };
            let end = self.scope()?.relations.len();
            let right = self.take_merged(name, middle, end)?;
            let condition = self.compare("=", left.bound(), right.bound())?;
            conditions.push(condition.sql);
            let merged = match side {
                Side::None | Side::Right => left,
                Side::Left => right,
                Side::Both => Attribute {
                    sql: format!("coalesce({}, {})", left.sql, right.sql),
                    nullable: true,
                    ..left
                },
            };
            self.scope()?.merged.push(Attribute {
                is_merged: false,
                ..merged
            });
        }
        Ok(if conditions.is_empty() {
            "1".to_owned()
        } else {
            conditions.join(" AND ")
        })
    }

    /// The column `name` of the relations in the range, from now on part of a merged one.
    fn take_merged(&mut self, name: &str, first: usize, end: usize) -> Outcome<Attribute> {
        let found = self.scope()?.relations[first..end]
            .iter_mut()
            .flat_map(|relation| &mut relation.attributes)
            .find(|attribute| attribute.name == name && !attribute.is_internal);
        let Some(attribute) = found else {
            return Err(Fault::UnknownColumn {
                name: name.to_owned(),
                line: 0,
                column: 0,
            });
        };
        attribute.is_merged = true;
        Ok(attribute.clone())
    }

    /// One relation.
    fn factor(&mut self, factor: &'q TableFactor) -> Outcome<String> {
        let (text, relation, alias) = match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                version: None,
                json_path: None,
                sample,
                ..
            } if rows_of_sample(sample.as_ref()).is_some() => {
                let (mut text, relation) = self.object(name)?;
                if let Some(Some(rows)) = rows_of_sample(sample.as_ref()) {
                    text = sampled(&text, rows);
                }
                (text, relation, alias)
            }
            TableFactor::Derived {
                lateral: false,
                subquery,
                alias,
                sample: None,
            } => {
                // A subquery in FROM sees the queries around this one, and nothing of its neighbours.
                let scope = self.scopes.pop();
                let rows = self.query(subquery);
                self.scopes.extend(scope);
                self.frame.relations += 1;
                let (text, relation) = self.derived(&rows?, Vec::new());
                (text, relation, alias)
            }
            TableFactor::TableFunction { expr, alias } => {
                let (text, relation) = self.table_function(expr)?;
                (text, relation, alias)
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => return Ok(format!("({})", self.joined(table_with_joins)?)),
            other => return Err(refused(other)),
        };
        let relation = match alias {
            Some(alias) => renamed(relation, alias)?,
            None => relation,
        };
        self.scope()?.relations.push(relation);
        Ok(text)
    }

    /// `TABLE(GENERATOR(ROWCOUNT => n))`: rows without columns, which SEQ4() counts.
    fn table_function(&mut self, expression: &'q Expr) -> Outcome<(String, Relation)> {
        let Expr::Function(function) = expression else {
            return Err(Fault::unsupported("TABLE(…) over something else than a function"));
        };
        let name = single_name(&function.name).unwrap_or_default().to_uppercase();
        if name != "GENERATOR" {
            return Err(Fault::unsupported(format_args!("TABLE({name}(…))")));
        }
        let count = row_count(&function.args)?;
        self.frame.is_generative = true;
        let alias = self.fresh('t');
        let source = format!(
            "(WITH RECURSIVE g(c1) AS (SELECT 0 WHERE {count} > 0 UNION ALL SELECT c1 + 1 FROM g WHERE c1 + 1 < {count}) \
             SELECT c1 FROM g) AS {alias}"
        );
        let counter = Attribute {
            name: "SEQ".to_owned(),
            sql: format!("{alias}.c1"),
            kind: Type::number(18, 0),
            nullable: false,
            is_merged: false,
            is_internal: true,
        };
        Ok((
            source,
            Relation {
                name: Vec::new(),
                attributes: vec![counter],
            },
        ))
    }
}

fn operator(operator: &JoinOperator) -> Outcome<(&'static str, Side, &JoinConstraint)> {
    Ok(match operator {
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => ("JOIN", Side::None, constraint),
        JoinOperator::CrossJoin(constraint) => ("CROSS JOIN", Side::None, constraint),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
            ("LEFT JOIN", Side::Right, constraint)
        }
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
            ("RIGHT JOIN", Side::Left, constraint)
        }
        JoinOperator::FullOuter(constraint) => ("FULL JOIN", Side::Both, constraint),
        JoinOperator::AsOf { .. } => return Err(Fault::unsupported("ASOF JOIN")),
        _ => return Err(Fault::unsupported("this kind of join")),
    })
}

/// `t` or `t (a, b)` behind a relation.
fn renamed(mut relation: Relation, alias: &TableAlias) -> Outcome<Relation> {
    relation.name = vec![name_of(&alias.name)];
    let named = relation
        .attributes
        .iter_mut()
        .filter(|attribute| !attribute.is_internal);
    let mut attributes: Vec<&mut Attribute> = named.collect();
    if alias.columns.len() > attributes.len() {
        return Err(Fault::compilation(
            "002057",
            format!(
                "{} column names for {} columns",
                alias.columns.len(),
                attributes.len()
            ),
        ));
    }
    for (attribute, column) in attributes.iter_mut().zip(&alias.columns) {
        attribute.name = name_of(&column.name);
    }
    Ok(relation)
}

fn row_count(arguments: &FunctionArguments) -> Outcome<u64> {
    let FunctionArguments::List(list) = arguments else {
        return Err(Fault::unsupported("GENERATOR without ROWCOUNT"));
    };
    match list.args.as_slice() {
        [
            FunctionArg::Named {
                name,
                arg: FunctionArgExpr::Expr(Expr::Value(value)),
                ..
            },
        ] if name.value.eq_ignore_ascii_case("rowcount") => value
            .to_string()
            .parse()
            .map_err(|_| Fault::compilation("001007", "ROWCOUNT is a whole number")),
        _ => Err(Fault::unsupported("GENERATOR with other arguments than ROWCOUNT")),
    }
}

/// The rows of `SAMPLE (n ROWS)`, or that there is no sample; `None` for one of another kind.
fn rows_of_sample(kind: Option<&TableSampleKind>) -> Option<Option<u64>> {
    let sample = match kind {
        None => return Some(None),
        Some(TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) => sample,
    };
    match &**sample {
        TableSample {
            name: None | Some(TableSampleMethod::Row | TableSampleMethod::Bernoulli),
            quantity:
                Some(TableSampleQuantity {
                    value: Expr::Value(value),
                    unit: Some(TableSampleUnit::Rows),
                    ..
                }),
            seed: None,
            bucket: None,
            offset: None,
            ..
        } => value.to_string().parse().ok().map(Some),
        _ => None,
    }
}

/// `source AS alias` with so many rows of it, from all over.
fn sampled(text: &str, rows: u64) -> String {
    match text.rsplit_once(" AS ") {
        Some((source, alias)) => {
            // Scattered by Knuth's multiplicative hash of their places: SQLite's own chance is denied to statements.
            format!(
                "(SELECT * FROM {source} ORDER BY (row_number() OVER () * 2654435761) & 4294967295 LIMIT {rows}) AS {alias}"
            )
        }
        None => text.to_owned(),
    }
}

fn refused(factor: &TableFactor) -> Fault {
    Fault::unsupported(match factor {
        TableFactor::Table { args: Some(_), .. } | TableFactor::Function { .. } => {
            "table functions other than GENERATOR"
        }
        TableFactor::Table { version: Some(_), .. } => "time travel (AT, BEFORE)",
        TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => {
            "SAMPLE of anything but ROWS"
        }
        TableFactor::Table { .. } => "stages and paths in FROM",
        TableFactor::Derived { .. } => "LATERAL",
        TableFactor::Pivot { .. } => "PIVOT",
        TableFactor::Unpivot { .. } => "UNPIVOT",
        TableFactor::MatchRecognize { .. } => "MATCH_RECOGNIZE",
        TableFactor::SemanticView { .. } => "SEMANTIC_VIEW",
        TableFactor::NestedJoin { .. } => "an alias for a join in parentheses",
        _ => "this kind of table in FROM",
    })
}
