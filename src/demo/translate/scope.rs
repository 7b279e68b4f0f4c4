//! Which column a name means: the relations of each SELECT around an expression, innermost first, then the aliases of
//! its own list.

use sqlparser::ast::{Expr, Ident, NamedWindowDefinition};

use super::Translator;
use super::expression::Bound;
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};
use crate::demo::lexis::exact_name;

/// What names mean inside one SELECT.
#[derive(Debug, Default)]
pub(super) struct Scope<'q> {
    pub(super) relations: Vec<Relation>,
    /// Columns of USING and NATURAL: one column of two relations.
    pub(super) merged: Vec<Attribute>,
    /// Names that the SELECT list gives, with what they stand for. Snowflake lets every clause use them.
    pub(super) aliases: Vec<(String, &'q Expr)>,
    /// Aliases being expanded, so that `a + 1 AS b, b AS a` ends.
    pub(super) expanding: Vec<usize>,
    pub(super) windows: &'q [NamedWindowDefinition],
    /// Text of the GROUP BY keys once the SELECT is known to aggregate.
    pub(super) grouping: Option<Vec<String>>,
    pub(super) inside_aggregate: u32,
    pub(super) saw_aggregate: bool,
    pub(super) clause: Clause,
}

/// Where an expression stands, as far as it matters for what it may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Clause {
    /// SELECT list, HAVING, QUALIFY, ORDER BY: aggregates are welcome.
    #[default]
    List,
    Where,
    Join,
    GroupBy,
}

impl Clause {
    /// As Snowflake's messages name it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::List => "select",
            Self::Where => "where",
            Self::Join => "join",
            Self::GroupBy => "group by",
        }
    }
}

/// A table, view, subquery or table of WITH in FROM.
#[derive(Debug, Clone, Default)]
pub(super) struct Relation {
    /// The alias, or database, schema and table; empty for a subquery without alias.
    pub(super) name: Vec<String>,
    pub(super) attributes: Vec<Attribute>,
}

/// A column in reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: String,
    /// `t1.c2`.
    pub(super) sql: String,
    pub(super) kind: Type,
    pub(super) nullable: bool,
    /// Part of a merged column: reached only by a qualified name.
    pub(super) is_merged: bool,
    /// Reached by a function only (SEQ4 of a generator), in no `*`.
    pub(super) is_internal: bool,
}

impl Attribute {
    pub(super) fn bound(&self) -> Bound {
        Bound::column(self.sql.clone(), self.kind, self.nullable)
    }
}

impl Relation {
    /// Whether `T`, `S.T` or `D.S.T` means this relation.
    fn is_called(&self, qualifier: &[String]) -> bool {
        !qualifier.is_empty() && self.name.ends_with(qualifier)
    }
}

/// The exact name of an identifier.
pub(super) fn name_of(ident: &Ident) -> String {
    exact_name(&ident.value, ident.quote_style.is_some())
}

impl Scope<'_> {
    /// Columns called `name`, by relation or by qualified name.
    fn find(&self, qualifier: &[String], name: &str) -> Vec<&Attribute> {
        if qualifier.is_empty() {
            let merged = self.merged.iter().filter(|attribute| attribute.name == name);
            let plain = self
                .relations
                .iter()
                .flat_map(|relation| &relation.attributes)
                .filter(|attribute| attribute.name == name && !attribute.is_merged && !attribute.is_internal);
            return merged.chain(plain).collect();
        }
        self.relations
            .iter()
            .filter(|relation| relation.is_called(qualifier))
            .flat_map(|relation| &relation.attributes)
            .filter(|attribute| attribute.name == name && !attribute.is_internal)
            .collect()
    }

    /// Relations that a qualified `*` means.
    pub(super) fn relations_called(&self, qualifier: &[String]) -> Vec<&Relation> {
        self.relations
            .iter()
            .filter(|relation| relation.is_called(qualifier))
            .collect()
    }

    /// The generator's counter.
    pub(super) fn internal(&self, name: &str) -> Option<&Attribute> {
        self.relations
            .iter()
            .flat_map(|relation| &relation.attributes)
            .find(|attribute| attribute.is_internal && attribute.name == name)
    }
}

impl<'q> Translator<'q, '_> {
    /// The column that `parts` name.
    ///
    /// # Errors
    /// No such column, more than one, or one that a GROUP BY has left behind.
    pub(super) fn column(&mut self, parts: &[Ident]) -> Outcome<Bound> {
        let names: Vec<String> = parts.iter().map(name_of).collect();
        let (name, qualifier) = names
            .split_last()
            .ok_or_else(|| Fault::Internal("a name without parts".into()))?;
        for level in (0..self.scopes.len()).rev() {
            let found = self.scopes[level].find(qualifier, name);
            if found.len() > 1 {
                return Err(Fault::compilation(
                    "002028",
                    format!("ambiguous column name '{name}'"),
                ));
            }
            if let Some(attribute) = found.first() {
                let bound = attribute.bound();
                self.check_grouped(level, &bound, &names)?;
                return Ok(bound);
            }
            if qualifier.is_empty()
                && level + 1 == self.scopes.len()
                && let Some(bound) = self.alias(name)?
            {
                return Ok(bound);
            }
        }
        let place = parts.first().map(|ident| ident.span.start);
        Err(Fault::UnknownColumn {
            name: names.join("."),
            line: place.map_or(0, |place| place.line),
            column: place.map_or(0, |place| place.column),
        })
    }

    /// `$2`: the second column of the only relation.
    pub(super) fn positional(&self, place: &str) -> Outcome<Bound> {
        let number: usize = place
            .strip_prefix('$')
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| Fault::unsupported("bind variables"))?;
        let attribute = match self.scopes.last().map(|scope| scope.relations.as_slice()) {
            Some([relation]) if number > 0 => relation.attributes.get(number - 1),
            _ => None,
        };
        let bound = attribute
            .map(Attribute::bound)
            .ok_or_else(|| Fault::UnknownColumn {
                name: place.to_owned(),
                line: 0,
                column: 0,
            })?;
        self.check_grouped(self.scopes.len() - 1, &bound, &[place.to_owned()])?;
        Ok(bound)
    }

    fn alias(&mut self, name: &str) -> Outcome<Option<Bound>> {
        let Some(scope) = self.scopes.last_mut() else {
            return Ok(None);
        };
        let Some(index) = scope.aliases.iter().position(|(alias, _)| alias == name) else {
            return Ok(None);
        };
        if scope.expanding.contains(&index) {
            return Ok(None);
        }
        scope.expanding.push(index);
        let expression = scope.aliases[index].1;
        let bound = self.expression(expression);
        if let Some(scope) = self.scopes.last_mut() {
            scope.expanding.pop();
        }
        bound.map(Some)
    }

    fn check_grouped(&self, level: usize, bound: &Bound, names: &[String]) -> Outcome<()> {
        let scope = &self.scopes[level];
        let Some(keys) = &scope.grouping else {
            return Ok(());
        };
        if scope.inside_aggregate > 0 || keys.contains(&bound.sql) {
            return Ok(());
        }
        Err(Fault::compilation(
            "000979",
            format!("[{}] is not a valid group by expression", names.join(".")),
        ))
    }
}
