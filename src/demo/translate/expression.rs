//! One expression: its text for SQLite and its type.

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DateTimeField, Expr, ObjectName, Query, UnaryOperator,
};

use super::Translator;
use super::literal::Literal;
use crate::demo::datatype::Type;
use crate::demo::fault::{Fault, Outcome};

/// A translated expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bound {
    /// Safe to be put beside any operator: an atom, a call or in parentheses.
    pub(super) sql: String,
    pub(super) kind: Type,
    pub(super) nullable: bool,
    /// Its value, where the statement says it: conversions are then done here and not on every row.
    pub(super) literal: Option<Literal>,
}

impl Bound {
    pub(super) fn column(sql: String, kind: Type, nullable: bool) -> Self {
        Self {
            sql,
            kind,
            nullable,
            literal: None,
        }
    }

    /// An expression over `parts`: NULL may come out if it may go in.
    pub(super) fn of(sql: String, kind: Type, parts: &[&Self]) -> Self {
        Self::column(sql, kind, parts.iter().any(|part| part.nullable))
    }

    /// `function(parts…)`.
    pub(super) fn call(function: &str, kind: Type, parts: &[&Self]) -> Self {
        let arguments: Vec<&str> = parts.iter().map(|part| part.sql.as_str()).collect();
        Self::of(format!("{function}({})", arguments.join(", ")), kind, parts)
    }

    /// The same value that may be NULL.
    pub(super) fn or_null(self) -> Self {
        Self {
            nullable: true,
            ..self
        }
    }

    /// Refuses to write a long expression many times.
    pub(super) fn check_repeated(&self, times: usize) -> Outcome<()> {
        if self.sql.len().saturating_mul(times) > super::EXPRESSION_BYTES_MAX {
            return Err(Fault::unsupported("an expression that becomes so long"));
        }
        Ok(())
    }

    /// A truth value that is never NULL.
    pub(super) fn test(sql: String) -> Self {
        Self::column(sql, Type::Boolean, false)
    }
}

impl<'q> Translator<'q, '_> {
    /// Translates an expression. Inside a SELECT that aggregates, whole expressions that are GROUP BY keys are found
    /// first; what is left must be made of aggregates and keys.
    pub(super) fn expression(&mut self, expression: &'q Expr) -> Outcome<Bound> {
        self.deeper()?;
        let bound = match self.group_key(expression)? {
            Some(key) => Ok(key),
            None => self.plain(expression),
        };
        self.depth -= 1;
        match bound {
            Ok(bound) if bound.sql.len() > super::EXPRESSION_BYTES_MAX => {
                Err(Fault::unsupported("an expression that becomes so long"))
            }
            other => other,
        }
    }

    /// An expression that must be a truth value.
    pub(super) fn condition(&mut self, expression: &'q Expr) -> Outcome<Bound> {
        let bound = self.expression(expression)?;
        self.as_condition(bound)
    }

    /// `bound` as a truth value.
    pub(super) fn as_condition(&self, bound: Bound) -> Outcome<Bound> {
        match bound.kind {
            Type::Boolean | Type::Null => Ok(bound),
            Type::Number { .. } | Type::Float | Type::Text { .. } => self.convert(bound, Type::Boolean),
            other => Err(Fault::compilation(
                "001007",
                format!("invalid type [{other}] where a BOOLEAN belongs"),
            )),
        }
    }

    fn group_key(&mut self, expression: &'q Expr) -> Outcome<Option<Bound>> {
        let Some(scope) = self.scopes.last_mut() else {
            return Ok(None);
        };
        if scope.inside_aggregate > 0 || matches!(expression, Expr::Value(_)) {
            return Ok(None);
        }
        let Some(keys) = scope.grouping.take() else {
            return Ok(None);
        };
        let bound = self.plain(expression);
        let found = bound.ok().filter(|bound| keys.contains(&bound.sql));
        if let Some(scope) = self.scopes.last_mut() {
            scope.grouping = Some(keys);
        }
        Ok(found)
    }

    fn plain(&mut self, expression: &'q Expr) -> Outcome<Bound> {
        match expression {
            Expr::Identifier(ident) => match self.column(std::slice::from_ref(ident)) {
                Err(missing @ Fault::UnknownColumn { .. }) if ident.quote_style.is_none() => {
                    self.niladic(&ident.value)?.ok_or(missing)
                }
                found => found,
            },
            Expr::CompoundIdentifier(parts) => self.column(parts),
            Expr::Value(value) => self.value(&value.value),
            Expr::TypedString(typed) => self.typed_string(typed),
            Expr::Nested(inner) => self.expression(inner),
            Expr::BinaryOp { .. } => self.chain(expression),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::IsNull(inner) => self.null_test(inner, "IS NULL"),
            Expr::IsNotNull(inner) => self.null_test(inner, "IS NOT NULL"),
            Expr::IsTrue(inner) => self.truth_test(inner, "IS TRUE"),
            Expr::IsNotTrue(inner) => self.truth_test(inner, "IS NOT TRUE"),
            Expr::IsFalse(inner) => self.truth_test(inner, "IS FALSE"),
            Expr::IsNotFalse(inner) => self.truth_test(inner, "IS NOT FALSE"),
            Expr::IsDistinctFrom(left, right) => self.distinct(left, right, "IS NOT"),
            Expr::IsNotDistinctFrom(left, right) => self.distinct(left, right, "IS"),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::InSubquery {
                expr,
                subquery,
                negated,
            } => self.in_subquery(expr, subquery, *negated),
            Expr::AnyOp {
                left,
                compare_op: BinaryOperator::Eq,
                right,
                ..
            } => self.quantified(left, right, false),
            Expr::AllOp {
                left,
                compare_op: BinaryOperator::NotEq,
                right,
            } => self.quantified(left, right, true),
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => self.between(expr, low, high, *negated),
            Expr::Like { .. } | Expr::ILike { .. } => self.like(expression),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand.as_deref(), conditions, else_result.as_deref()),
            Expr::Exists { subquery, negated } => self.exists(subquery, *negated),
            Expr::Subquery(query) => self.scalar_subquery(query),
            Expr::Function(function) => self.function(function),
            Expr::Interval(_) => Err(Fault::unsupported("an INTERVAL that is not added to a date")),
            other => self.special_form(other),
        }
    }

    /// Functions that have a syntax of their own.
    fn special_form(&mut self, expression: &'q Expr) -> Outcome<Bound> {
        match expression {
            Expr::Cast {
                kind,
                expr,
                data_type,
                format: None,
            } => {
                let target = Type::from_name(data_type)?;
                let bound = self.expression(expr)?;
                match kind {
                    CastKind::TryCast | CastKind::SafeCast => self.try_cast(bound, target),
                    CastKind::Cast | CastKind::DoubleColon => self.cast(bound, target),
                }
            }
            Expr::Extract { field, expr, .. } => self.extract(&field_name(field), expr),
            Expr::Ceil { expr, field } => self.ceiling("CEIL", expr, field),
            Expr::Floor { expr, field } => self.ceiling("FLOOR", expr, field),
            Expr::Position { expr, r#in } => self.call_of("POSITION", vec![&**expr, &**r#in]),
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                ..
            } => {
                let arguments = [Some(expr), substring_from.as_ref(), substring_for.as_ref()];
                self.call_of(
                    "SUBSTR",
                    arguments.into_iter().flatten().map(|part| &**part).collect(),
                )
            }
            Expr::Trim {
                trim_where: None,
                trim_what: None,
                expr,
                trim_characters,
            } => {
                let characters = trim_characters.iter().flatten();
                self.call_of("TRIM", std::iter::once(&**expr).chain(characters).collect())
            }
            Expr::Collate { .. } => Err(Fault::unsupported("COLLATE")),
            Expr::JsonAccess { .. }
            | Expr::CompoundFieldAccess { .. }
            | Expr::Dictionary(_)
            | Expr::Array(_) => Err(Fault::unsupported(
                "semi-structured data (VARIANT, OBJECT, ARRAY)",
            )),
            Expr::AtTimeZone { .. } => Err(Fault::unsupported("AT TIME ZONE")),
            Expr::RLike { .. } | Expr::SimilarTo { .. } => Err(Fault::unsupported("regular expressions")),
            Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) => {
                Err(Fault::unsupported("GROUPING SETS, CUBE and ROLLUP"))
            }
            Expr::AnyOp { .. } | Expr::AllOp { .. } => Err(Fault::unsupported(
                "ANY and ALL with other operators than = ANY and <> ALL",
            )),
            Expr::OuterJoin(_) => Err(Fault::unsupported("(+) joins: write LEFT JOIN")),
            Expr::Prior(_) => Err(Fault::unsupported("CONNECT BY")),
            Expr::Lambda(_) => Err(Fault::unsupported("lambda functions")),
            Expr::Tuple(_) => Err(Fault::unsupported("row values outside IN")),
            other => Err(Fault::unsupported(format_args!("the expression {other}"))),
        }
    }

    fn unary(&mut self, operator: UnaryOperator, inner: &'q Expr) -> Outcome<Bound> {
        match operator {
            UnaryOperator::Not => {
                let bound = self.condition(inner)?;
                Ok(Bound::of(
                    format!("(NOT {})", bound.sql),
                    Type::Boolean,
                    &[&bound],
                ))
            }
            UnaryOperator::Minus => {
                let bound = self.expression(inner)?;
                self.negate(bound)
            }
            UnaryOperator::Plus => self.expression(inner),
            other => Err(Fault::unsupported(format_args!("the operator {other}"))),
        }
    }

    fn case(
        &mut self,
        operand: Option<&'q Expr>,
        conditions: &'q [CaseWhen],
        otherwise: Option<&'q Expr>,
    ) -> Outcome<Bound> {
        let (mut tests, mut results) = (Vec::new(), Vec::new());
        let operand = operand.map(|operand| self.expression(operand)).transpose()?;
        if let Some(operand) = &operand {
            operand.check_repeated(conditions.len())?;
        }
        for when in conditions {
            let test = match &operand {
                None => self.condition(&when.condition)?,
                Some(operand) => {
                    let value = self.expression(&when.condition)?;
                    self.compare("=", operand.clone(), value)?
                }
            };
            tests.push(test);
            results.push(self.expression(&when.result)?);
        }
        let otherwise = otherwise.map(|result| self.expression(result)).transpose()?;
        self.choice(tests, results, otherwise)
    }

    /// `CASE WHEN test THEN result … ELSE otherwise END`, with all results of one type.
    pub(super) fn choice(
        &self,
        tests: Vec<Bound>,
        mut results: Vec<Bound>,
        otherwise: Option<Bound>,
    ) -> Outcome<Bound> {
        let has_else = otherwise.is_some();
        results.extend(otherwise);
        let results = self.unify(results)?;
        let mut sql = "CASE".to_owned();
        for (test, result) in tests.iter().zip(&results) {
            sql += &format!(" WHEN {} THEN {}", test.sql, result.sql);
        }
        if let Some(otherwise) = results.last().filter(|_| has_else) {
            sql += &format!(" ELSE {}", otherwise.sql);
        }
        let nullable = !has_else || results.iter().any(|result| result.nullable);
        let kind = results.first().map_or(Type::Null, |result| result.kind);
        Ok(Bound::column(format!("{sql} END"), kind, nullable).in_parentheses())
    }

    fn scalar_subquery(&mut self, query: &'q Query) -> Outcome<Bound> {
        let rows = self.query(query)?;
        let [field] = rows.fields.as_slice() else {
            return Err(Fault::compilation(
                "002057",
                format!(
                    "a subquery used as a value has {} columns, expected 1",
                    rows.fields.len()
                ),
            ));
        };
        Ok(Bound::column(format!("({})", rows.sql), field.kind, true))
    }

    fn ceiling(
        &mut self,
        function: &'static str,
        inner: &'q Expr,
        field: &'q CeilFloorKind,
    ) -> Outcome<Bound> {
        match field {
            CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => self.call_of(function, vec![inner]),
            CeilFloorKind::Scale(value) => {
                let digits = self.value(&value.value)?;
                let bound = self.expression(inner)?;
                self.floor_or_ceiling(function, bound, Some(&digits))
            }
            CeilFloorKind::DateTimeField(_) => Err(Fault::unsupported(format_args!("{function} of a date"))),
        }
    }
}

impl Bound {
    fn in_parentheses(mut self) -> Self {
        self.sql = format!("({})", self.sql);
        self
    }
}

/// The word of a date part as it was written.
fn field_name(field: &DateTimeField) -> String {
    match field {
        DateTimeField::Custom(ident) => ident.value.clone(),
        other => other.to_string(),
    }
}

/// The name of a function or object that has one part; `None` if it has more.
pub(super) fn single_name(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(super::scope::name_of),
        _ => None,
    }
}
