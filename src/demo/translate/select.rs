//! One SELECT: its clauses in the order in which they make sense of each other.

use sqlparser::ast::{Distinct, Expr, GroupByExpr, OrderBy, Select, SelectItem, TopQuantity};

use super::order::{Key, keys, position};
use super::projection::{Column, Item};
use super::scope::{Clause, Scope};
use super::{Field, Rows, Translator};
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};

/// What stands behind the body of a query: sorting and cutting, as text where it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tail<'q> {
    pub(super) order: Option<&'q OrderBy>,
    pub(super) limit: Option<u64>,
    pub(super) offset: Option<u64>,
}

impl Tail<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_none() && self.limit.is_none() && self.offset.is_none()
    }

    /// ` LIMIT n OFFSET m`.
    pub(super) fn cut(&self) -> String {
        let clamp = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        match (self.limit, self.offset) {
            (None, None) => String::new(),
            (Some(limit), None) => format!(" LIMIT {}", clamp(limit)),
            (limit, Some(offset)) => {
                // SQLite has no OFFSET without LIMIT; -1 is none.
                format!(" LIMIT {} OFFSET {}", limit.map_or(-1, clamp), clamp(offset))
            }
        }
    }
}

/// A SELECT whose clauses are translated.
struct Parts {
    from: String,
    filter: Option<String>,
    groups: Option<Vec<String>>,
    having: Option<String>,
    qualify: Option<String>,
    columns: Vec<Column>,
    order: Vec<String>,
}

impl<'q> Translator<'q, '_> {
    /// Translates a SELECT with what follows it.
    pub(super) fn select(&mut self, select: &'q Select, tail: Tail<'q>) -> Outcome<Rows> {
        let tail = with_top(select, tail)?;
        let parts = self.parts(select, tail)?;
        Ok(assemble(parts, select, tail))
    }

    /// As [`Translator::select`], with columns of these types: the step of a recursion, which SQLite takes only as it
    /// is, without a SELECT around it that converts.
    pub(super) fn select_as(&mut self, select: &'q Select, kinds: &[Type]) -> Outcome<Rows> {
        let tail = with_top(select, Tail::default())?;
        let mut parts = self.parts(select, tail)?;
        for (column, kind) in parts.columns.iter_mut().zip(kinds) {
            column.bound = self.convert(column.bound.clone(), *kind)?;
        }
        Ok(assemble(parts, select, tail))
    }

    fn parts(&mut self, select: &'q Select, tail: Tail<'q>) -> Outcome<Parts> {
        refuse(select)?;
        self.scopes.push(Scope {
            windows: &select.named_window,
            ..Scope::default()
        });
        let parts = self.clauses(select, tail);
        self.scopes.pop();
        parts
    }

    fn clauses(&mut self, select: &'q Select, tail: Tail<'q>) -> Outcome<Parts> {
        let from = self.from(&select.from)?;
        let items = self.items(select)?;
        self.set_aliases(&items);
        let filter = self.clause_condition(select.selection.as_ref(), Clause::Where)?;
        // Once without GROUP BY's rules, to learn whether there are aggregates at all.
        let mut columns = self.columns(&items)?;
        let groups = self.groups(&select.group_by, &items, &columns)?;
        let aggregates = self.scopes.last().is_some_and(|scope| scope.saw_aggregate);
        if groups.is_some() || aggregates || select.having.is_some() {
            if let Some(scope) = self.scopes.last_mut() {
                scope.grouping = Some(groups.clone().unwrap_or_default());
            }
            columns = self.columns(&items)?;
        }
        let having = self.clause_condition(select.having.as_ref(), Clause::List)?;
        let qualify = self.clause_condition(select.qualify.as_ref(), Clause::List)?;
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let keys: Vec<Key<'q>> = keys(tail.order, &names)?;
        let order = self.order_sql(&keys, &columns)?;
        if matches!(select.distinct, Some(Distinct::Distinct))
            && order.iter().any(|key| !is_result_column(key))
        {
            return Err(Fault::compilation(
                "000979",
                "ORDER BY of a SELECT DISTINCT may only name columns of its list",
            ));
        }
        Ok(Parts {
            from,
            filter,
            groups,
            having,
            qualify,
            columns,
            order,
        })
    }

    fn set_aliases(&mut self, items: &[Item<'q>]) {
        let aliases = items.iter().filter_map(|item| match item {
            Item::Expression { name, expression } => Some((name.clone(), *expression)),
            Item::Attribute { .. } => None,
        });
        let aliases = aliases.collect();
        if let Some(scope) = self.scopes.last_mut() {
            scope.aliases = aliases;
        }
    }

    fn clause_condition(&mut self, condition: Option<&'q Expr>, clause: Clause) -> Outcome<Option<String>> {
        let Some(condition) = condition else {
            return Ok(None);
        };
        if let Some(scope) = self.scopes.last_mut() {
            scope.clause = clause;
        }
        let bound = self.condition(condition)?;
        if let Some(scope) = self.scopes.last_mut() {
            scope.clause = Clause::List;
        }
        Ok(Some(bound.sql))
    }

    fn columns(&mut self, items: &[Item<'q>]) -> Outcome<Vec<Column>> {
        let mut columns = Vec::new();
        for item in items {
            let bound = match item {
                Item::Expression { expression, .. } => self.expression(expression)?,
                Item::Attribute { attribute, .. } => self.grouped_attribute(attribute)?,
            };
            columns.push(Column {
                name: item.name().to_owned(),
                bound,
            });
        }
        Ok(columns)
    }

    /// A column of a wildcard; under GROUP BY it must be a key like any other.
    fn grouped_attribute(&self, attribute: &super::scope::Attribute) -> Outcome<super::expression::Bound> {
        let bound = attribute.bound();
        let keys = self.scopes.last().and_then(|scope| scope.grouping.as_ref());
        if keys.is_some_and(|keys| !keys.contains(&bound.sql)) {
            return Err(Fault::compilation(
                "000979",
                format!("[{}] is not a valid group by expression", attribute.name),
            ));
        }
        Ok(bound)
    }

    /// The keys of GROUP BY: positions, aliases, expressions, or ALL items without an aggregate.
    fn groups(
        &mut self,
        group_by: &'q GroupByExpr,
        items: &[Item<'q>],
        columns: &[Column],
    ) -> Outcome<Option<Vec<String>>> {
        let expressions = match group_by {
            GroupByExpr::All(modifiers) if modifiers.is_empty() => return self.all_groups(items).map(Some),
            GroupByExpr::Expressions(expressions, modifiers) if modifiers.is_empty() => expressions,
            _ => return Err(Fault::unsupported("GROUP BY with ROLLUP, CUBE or TOTALS")),
        };
        if expressions.is_empty() {
            return Ok(None);
        }
        super::check_width(expressions.len())?;
        if let Some(scope) = self.scopes.last_mut() {
            scope.clause = Clause::GroupBy;
        }
        let mut keys = Vec::new();
        for expression in expressions {
            let at = match expression {
                Expr::Value(_) => position(expression, &columns.iter().map(|_| "").collect::<Vec<_>>())?,
                _ => None,
            };
            let key = match at.map(|index| &items[index]) {
                Some(Item::Expression { expression, .. }) => self.expression(expression)?,
                Some(Item::Attribute { attribute, .. }) => attribute.bound(),
                None => self.expression(expression)?,
            };
            keys.push(key.sql);
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.clause = Clause::List;
        }
        Ok(Some(keys))
    }

    fn all_groups(&mut self, items: &[Item<'q>]) -> Outcome<Vec<String>> {
        let mut keys = Vec::new();
        for item in items {
            let Item::Expression { expression, .. } = item else {
                if let Item::Attribute { attribute, .. } = item {
                    keys.push(attribute.sql.clone());
                }
                continue;
            };
            let before = self.scopes.last().is_some_and(|scope| scope.saw_aggregate);
            if let Some(scope) = self.scopes.last_mut() {
                scope.saw_aggregate = false;
            }
            let bound = self.expression(expression)?;
            if let Some(scope) = self.scopes.last_mut() {
                if !scope.saw_aggregate {
                    keys.push(bound.sql);
                }
                scope.saw_aggregate |= before;
            }
        }
        Ok(keys)
    }
}

/// The text of the SELECT. QUALIFY has none in SQLite: it becomes a WHERE around it.
fn assemble(parts: Parts, select: &Select, tail: Tail<'_>) -> Rows {
    let fields: Vec<Field> = parts
        .columns
        .iter()
        .map(|column| Field {
            name: column.name.clone(),
            kind: column.bound.kind,
            nullable: column.bound.nullable,
        })
        .collect();
    let is_distinct = matches!(select.distinct, Some(Distinct::Distinct));
    let distinct = if is_distinct { "DISTINCT " } else { "" };
    let mut list: Vec<String> = parts
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| format!("{} AS c{}", column.bound.sql, index + 1))
        .collect();
    let mut order = parts.order;
    let inner_distinct = if parts.qualify.is_some() { "" } else { distinct };
    if let Some(qualify) = &parts.qualify {
        list.push(format!("{qualify} AS q"));
        for (index, key) in order.iter_mut().enumerate() {
            *key = carried(key, index, &mut list);
        }
    }
    let mut sql = format!("SELECT {inner_distinct}{}", list.join(", "));
    if !parts.from.is_empty() {
        sql += &format!(" FROM {}", parts.from);
    }
    if let Some(filter) = parts.filter {
        sql += &format!(" WHERE {filter}");
    }
    if let Some(keys) = parts.groups {
        let keys: Vec<String> = keys.into_iter().map(no_position).collect();
        if !keys.is_empty() {
            sql += &format!(" GROUP BY {}", keys.join(", "));
        }
    }
    if let Some(having) = parts.having {
        sql += &format!(" HAVING {having}");
    }
    if parts.qualify.is_some() {
        let names: Vec<String> = (1..=fields.len()).map(|number| format!("c{number}")).collect();
        sql = format!("SELECT {distinct}{} FROM ({sql}) WHERE q", names.join(", "));
    }
    if !order.is_empty() {
        sql += &format!(" ORDER BY {}", order.join(", "));
    }
    sql += &tail.cut();
    Rows { sql, fields }
}

/// A sort key that is no column of the result becomes one inside the SELECT that QUALIFY wraps.
fn carried(key: &str, index: usize, list: &mut Vec<String>) -> String {
    if is_result_column(key) {
        return key.to_owned();
    }
    let (sql, direction) = key
        .rfind(" ASC NULLS ")
        .or_else(|| key.rfind(" DESC NULLS "))
        .map_or((key, ""), |end| key.split_at(end));
    list.push(format!("{sql} AS s{index}"));
    format!("s{index}{direction}")
}

/// Whether a sort key is `c1`, `c2`, …: every column of a relation has a dot in its name.
fn is_result_column(key: &str) -> bool {
    let name = key.split(' ').next().unwrap_or_default();
    name.strip_prefix('c')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A key that is a number would be taken for a position.
fn no_position(key: String) -> String {
    if key
        .trim_matches(['(', ')', '-'])
        .bytes()
        .all(|byte| byte.is_ascii_digit())
    {
        format!("CAST({key} AS INTEGER)")
    } else {
        key
    }
}

fn with_top<'q>(select: &Select, tail: Tail<'q>) -> Outcome<Tail<'q>> {
    let Some(top) = &select.top else { return Ok(tail) };
    if top.percent || top.with_ties {
        return Err(Fault::unsupported("TOP with PERCENT or WITH TIES"));
    }
    let count = match &top.quantity {
        Some(TopQuantity::Constant(count)) => Some(*count),
        Some(TopQuantity::Expr(expression)) => expression.to_string().parse().ok(),
        None => None,
    };
    let count = count.ok_or_else(|| Fault::compilation("001003", "TOP takes a whole number"))?;
    Ok(Tail {
        limit: Some(tail.limit.map_or(count, |limit| limit.min(count))),
        ..tail
    })
}

/// Clauses that this engine does not have.
fn refuse(select: &Select) -> Outcome<()> {
    let refused = [
        (select.into.is_some(), "SELECT INTO"),
        (!select.connect_by.is_empty(), "CONNECT BY"),
        (!select.lateral_views.is_empty(), "LATERAL VIEW"),
        (select.exclude.is_some(), "EXCLUDE behind the whole list"),
        (matches!(select.distinct, Some(Distinct::On(_))), "DISTINCT ON"),
        (
            select.prewhere.is_some()
                || !select.cluster_by.is_empty()
                || !select.distribute_by.is_empty()
                || !select.sort_by.is_empty(),
            "this clause of SELECT",
        ),
        (select.value_table_mode.is_some(), "SELECT AS VALUE"),
    ];
    if let Some((_, what)) = refused.into_iter().find(|(is_there, _)| *is_there) {
        return Err(Fault::unsupported(what));
    }
    if select.projection.is_empty()
        || matches!(select.projection.as_slice(), [SelectItem::ExprWithAliases { .. }])
    {
        return Err(Fault::compilation("001003", "a SELECT needs columns"));
    }
    Ok(())
}
