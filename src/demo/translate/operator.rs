//! Operators: exact arithmetic by type, comparison after both sides have one type, AND and OR.

use sqlparser::ast::{BinaryOperator, Expr};

use super::Translator;
use super::expression::Bound;
use super::literal::Literal;
use crate::demo::calendar::DAY_MICROS;
use crate::demo::datatype::{PRECISION_EXACT, Type};
use crate::demo::fault::{Fault, Outcome};

impl<'q> Translator<'q, '_> {
    /// A binary operator with everything on its left: `a + b + c` is a tree as deep as it is long, so the left spine is
    /// walked in a loop.
    pub(super) fn chain(&mut self, expression: &'q Expr) -> Outcome<Bound> {
        let mut spine = Vec::new();
        let mut leftmost = expression;
        while let Expr::BinaryOp { left, op, right } = leftmost {
            spine.push((op, &**right));
            leftmost = left;
        }
        let logical = match spine.first() {
            Some((operator @ (BinaryOperator::And | BinaryOperator::Or), _)) => Some(*operator),
            _ => None,
        };
        if let Some(operator) = logical {
            return self.connective(operator, expression);
        }
        if let Expr::BinaryOp { left, op, right } = expression
            && self.is_grouping()
            && spine.len() <= SPINE_OF_KEYS_MAX
        {
            // The left side may be a GROUP BY key as a whole, which only a walk down level by level finds.
            let left = self.expression(left)?;
            return self.binary(left, op, right);
        }
        let mut bound = self.expression(leftmost)?;
        for (operator, right) in spine.into_iter().rev() {
            bound = self.binary(bound, operator, right)?;
        }
        Ok(bound)
    }

    /// Whether columns must be keys here.
    fn is_grouping(&self) -> bool {
        self.scopes
            .last()
            .is_some_and(|scope| scope.grouping.is_some() && scope.inside_aggregate == 0)
    }

    /// `a AND b AND …`, written as a balanced tree: SQLite allows 1,000 levels.
    fn connective(&mut self, operator: &'q BinaryOperator, expression: &'q Expr) -> Outcome<Bound> {
        let mut operands = Vec::new();
        let mut rest = expression;
        while let Expr::BinaryOp { left, op, right } = rest
            && op == operator
        {
            operands.push(&**right);
            rest = left;
        }
        operands.push(rest);
        let mut parts = Vec::new();
        for operand in operands.into_iter().rev() {
            parts.push(self.condition(operand)?);
        }
        let nullable = parts.iter().any(|part| part.nullable);
        let word = if *operator == BinaryOperator::And {
            "AND"
        } else {
            "OR"
        };
        let texts: Vec<String> = parts.into_iter().map(|part| part.sql).collect();
        Ok(Bound::column(balanced(&texts, word), Type::Boolean, nullable))
    }

    fn binary(&mut self, left: Bound, operator: &'q BinaryOperator, right: &'q Expr) -> Outcome<Bound> {
        if let Expr::Interval(interval) = right {
            return self.add_interval(left, operator, interval);
        }
        let right = match operator {
            BinaryOperator::And | BinaryOperator::Or => self.condition(right)?,
            _ => self.expression(right)?,
        };
        match operator {
            BinaryOperator::Plus => self.add(left, right, '+'),
            BinaryOperator::Minus => self.add(left, right, '-'),
            BinaryOperator::Multiply => self.multiply(left, right),
            BinaryOperator::Divide => self.divide(left, right),
            BinaryOperator::Modulo => self.modulo(left, right),
            BinaryOperator::Eq => self.compare("=", left, right),
            BinaryOperator::NotEq => self.compare("<>", left, right),
            BinaryOperator::Lt => self.compare("<", left, right),
            BinaryOperator::LtEq => self.compare("<=", left, right),
            BinaryOperator::Gt => self.compare(">", left, right),
            BinaryOperator::GtEq => self.compare(">=", left, right),
            BinaryOperator::StringConcat => self.concatenate(vec![left, right]),
            BinaryOperator::And | BinaryOperator::Or => {
                let left = self.as_condition(left)?;
                let word = if *operator == BinaryOperator::And {
                    "AND"
                } else {
                    "OR"
                };
                let sql = format!("({} {word} {})", left.sql, right.sql);
                Ok(Bound::of(sql, Type::Boolean, &[&left, &right]))
            }
            BinaryOperator::Regexp => Err(Fault::unsupported("regular expressions")),
            other => Err(Fault::unsupported(format_args!("the operator {other}"))),
        }
    }

    /// Both sides in one type.
    pub(super) fn pair(&self, left: Bound, right: Bound) -> Outcome<[Bound; 2]> {
        let kind = self.common_kind(left.kind, right.kind)?;
        Ok([self.convert(left, kind)?, self.convert(right, kind)?])
    }

    /// All in one type.
    pub(super) fn unify(&self, parts: Vec<Bound>) -> Outcome<Vec<Bound>> {
        let mut kind = Type::Null;
        for part in &parts {
            kind = self.common_kind(kind, part.kind)?;
        }
        parts.into_iter().map(|part| self.convert(part, kind)).collect()
    }

    /// The type in which both can be compared.
    pub(super) fn common_kind(&self, left: Type, right: Type) -> Outcome<Type> {
        left.common(right).ok_or_else(|| {
            Fault::compilation(
                "001007",
                format!("values of type {left} and {right} cannot be brought together"),
            )
        })
    }

    /// A comparison of SQLite's.
    pub(super) fn compare(&self, operator: &str, left: Bound, right: Bound) -> Outcome<Bound> {
        let [left, right] = self.pair(left, right)?;
        let sql = format!("({} {operator} {})", left.sql, right.sql);
        Ok(Bound::of(sql, Type::Boolean, &[&left, &right]))
    }

    /// Sum and difference; also of days.
    pub(super) fn add(&self, left: Bound, right: Bound, sign: char) -> Outcome<Bound> {
        match (left.kind, right.kind, sign) {
            (Type::Date, kind, _) if kind.is_number() => self.add_days(left, right, sign),
            (kind, Type::Date, '+') if kind.is_number() => self.add_days(right, left, sign),
            (Type::Date, Type::Date, '-') => Ok(Bound::of(
                format!("({} - {})", left.sql, right.sql),
                Type::number(9, 0),
                &[&left, &right],
            )),
            _ => self.add_numbers(left, right, sign),
        }
    }

    fn add_days(&self, date: Bound, days: Bound, sign: char) -> Outcome<Bound> {
        let days = self.convert(days, Type::INTEGER)?;
        let days = if sign == '-' { self.negate(days)? } else { days };
        self.date_add(crate::demo::calendar::Part::Day, days, date)
    }

    fn add_numbers(&self, left: Bound, right: Bound, sign: char) -> Outcome<Bound> {
        let (left, right) = (self.numeric(left)?, self.numeric(right)?);
        let kind = self.common_kind(left.kind, right.kind)?;
        let (left, right) = (self.convert(left, kind)?, self.convert(right, kind)?);
        let Type::Number { precision, scale } = kind else {
            let sql = format!("({} {sign} {})", left.sql, right.sql);
            return Ok(Bound::of(sql, kind, &[&left, &right]));
        };
        let kind = Type::number(u32::from(precision) + 1, scale);
        if let (Some(Literal::Integer(a)), Some(Literal::Integer(b))) = (&left.literal, &right.literal) {
            let sum = if sign == '+' {
                a.checked_add(*b)
            } else {
                a.checked_sub(*b)
            };
            return sum
                .map(|sum| Bound::integer(sum, kind))
                .ok_or_else(Fault::too_many_digits);
        }
        if precision < PRECISION_EXACT {
            let sql = format!("({} {sign} {})", left.sql, right.sql);
            return Ok(Bound::of(sql, kind, &[&left, &right]));
        }
        let function = if sign == '+' { "num_add" } else { "num_sub" };
        Ok(Bound::call(function, kind, &[&left, &right]))
    }

    /// Snowflake's product: the whole digits of both, the fraction digits of both up to 12.
    pub(super) fn multiply(&self, left: Bound, right: Bound) -> Outcome<Bound> {
        let (left, right) = (self.numeric(left)?, self.numeric(right)?);
        let (Some((left_precision, left_scale)), Some((right_precision, right_scale))) =
            (exact(&left), exact(&right))
        else {
            let [left, right] = [
                self.convert(left, Type::Float)?,
                self.convert(right, Type::Float)?,
            ];
            let sql = format!("({} * {})", left.sql, right.sql);
            return Ok(Bound::of(sql, Type::Float, &[&left, &right]));
        };
        let whole = u32::from(left_precision - left_scale) + u32::from(right_precision - right_scale);
        let full = left_scale + right_scale;
        let scale = full.min(left_scale.max(right_scale).max(MULTIPLY_SCALE_MAX));
        let kind = Type::number(whole + u32::from(scale), scale);
        if full == scale && whole + u32::from(scale) <= u32::from(PRECISION_EXACT) {
            let sql = format!("({} * {})", left.sql, right.sql);
            return Ok(Bound::of(sql, kind, &[&left, &right]));
        }
        let sql = format!("num_mul({}, {}, {})", left.sql, right.sql, full - scale);
        Ok(Bound::of(sql, kind, &[&left, &right]))
    }

    /// Snowflake's quotient: six fraction digits more than the dividend, up to 12.
    pub(super) fn divide(&self, left: Bound, right: Bound) -> Outcome<Bound> {
        let (left, right) = (self.numeric(left)?, self.numeric(right)?);
        let (Some((left_precision, left_scale)), Some((_, right_scale))) = (exact(&left), exact(&right))
        else {
            let [left, right] = [
                self.convert(left, Type::Float)?,
                self.convert(right, Type::Float)?,
            ];
            return Ok(Bound::call("flt_div", Type::Float, &[&left, &right]));
        };
        let scale = quotient_scale(left_scale);
        let whole = u32::from(left_precision - left_scale) + u32::from(right_scale);
        let sql = format!(
            "num_div({}, {}, {})",
            left.sql,
            right.sql,
            scale - left_scale + right_scale
        );
        Ok(Bound::of(
            sql,
            Type::number(whole + u32::from(scale), scale),
            &[&left, &right],
        ))
    }

    pub(super) fn modulo(&self, left: Bound, right: Bound) -> Outcome<Bound> {
        let (left, right) = (self.numeric(left)?, self.numeric(right)?);
        let [left, right] = self.pair(left, right)?;
        let function = if left.kind == Type::Float {
            "flt_mod"
        } else {
            "num_mod"
        };
        Ok(Bound::call(function, left.kind, &[&left, &right]))
    }

    pub(super) fn negate(&self, bound: Bound) -> Outcome<Bound> {
        let bound = self.numeric(bound)?;
        if let (Some(Literal::Integer(value)), true) = (&bound.literal, bound.kind.is_number()) {
            return Ok(Bound::integer(-value, bound.kind));
        }
        Ok(Bound::of(format!("(- {})", bound.sql), bound.kind, &[&bound]))
    }

    pub(super) fn concatenate(&self, parts: Vec<Bound>) -> Outcome<Bound> {
        let mut texts = Vec::new();
        let mut length = 0_usize;
        for part in parts {
            let part = self.as_text_of(part)?;
            if let Type::Text { length: own } = part.kind {
                length = length.saturating_add(own as usize);
            }
            texts.push(part);
        }
        let joined: Vec<&str> = texts.iter().map(|text| text.sql.as_str()).collect();
        Ok(Bound::of(
            format!("({})", joined.join(" || ")),
            Type::text(length),
            &texts.iter().collect::<Vec<_>>(),
        ))
    }

    /// A number or float; text is read as NUMBER(18,5), as Snowflake does in arithmetic.
    pub(super) fn numeric(&self, bound: Bound) -> Outcome<Bound> {
        match bound.kind {
            Type::Number { .. } | Type::Float => Ok(bound),
            Type::Null => Ok(Bound {
                kind: Type::number(1, 0),
                ..bound
            }),
            Type::Text { .. } => self.convert(
                bound,
                Type::Number {
                    precision: PRECISION_EXACT,
                    scale: 5,
                },
            ),
            Type::Boolean => self.convert(bound, Type::number(1, 0)),
            other => Err(Fault::compilation(
                "001007",
                format!("invalid type [{other}] where a number belongs"),
            )),
        }
    }

    /// A date or timestamp as microseconds.
    pub(super) fn micros(&self, bound: Bound) -> Outcome<Bound> {
        match bound.kind {
            Type::Date => Ok(Bound::of(
                format!("({} * {DAY_MICROS})", bound.sql),
                Type::Timestamp,
                &[&bound],
            )),
            Type::Timestamp | Type::Instant { .. } | Type::Time => Ok(bound),
            _ => self.convert(bound, Type::Timestamp),
        }
    }
}

/// Fraction digits of a quotient and of AVG.
pub(super) fn quotient_scale(scale: u8) -> u8 {
    scale.max((scale + 6).min(12))
}

/// A product keeps at most so many fraction digits, unless a factor has more.
const MULTIPLY_SCALE_MAX: u8 = 12;

/// In longer chains a GROUP BY key is found only as a single operand.
const SPINE_OF_KEYS_MAX: usize = 16;

fn exact(bound: &Bound) -> Option<(u8, u8)> {
    match bound.kind {
        Type::Number { precision, scale } => Some((precision, scale)),
        _ => None,
    }
}

fn balanced(texts: &[String], word: &str) -> String {
    match texts {
        [] => "1".to_owned(),
        [single] => single.clone(),
        _ => {
            let (left, right) = texts.split_at(texts.len() / 2);
            format!("({} {word} {})", balanced(left, word), balanced(right, word))
        }
    }
}
