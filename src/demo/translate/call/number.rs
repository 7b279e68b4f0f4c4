//! Functions of numbers.

use super::Call;
use crate::demo::datatype::{PRECISION_MAX, Type};
use crate::demo::fault::{Fault, Outcome};
use crate::demo::translate::Translator;
use crate::demo::translate::expression::Bound;
use crate::demo::translate::literal::float;

impl<'q> Translator<'q, '_> {
    pub(super) fn number_call(&mut self, call: &Call<'q>) -> Outcome<Option<Bound>> {
        let bound = match call.name.as_str() {
            "ABS" | "SIGN" => {
                call.expect(1..=1)?;
                let value = self.expression(call.argument(0)?)?;
                let value = self.numeric(value)?;
                let is_sign = call.name == "SIGN";
                let kind = if is_sign { Type::number(2, 0) } else { value.kind };
                Bound::call(if is_sign { "sign" } else { "abs" }, kind, &[&value])
            }
            "CEIL" | "FLOOR" => {
                call.expect(1..=2)?;
                let value = self.expression(call.argument(0)?)?;
                let digits = call
                    .arguments
                    .get(1)
                    .map(|digits| self.whole(digits))
                    .transpose()?;
                self.floor_or_ceiling(&call.name, value, digits.as_ref())?
            }
            "ROUND" => self.round(call, "num_round", "flt_round")?,
            "TRUNC" | "TRUNCATE" => match call.arguments.as_slice() {
                // TRUNC(date, part) is DATE_TRUNC with its arguments exchanged.
                [value, part] => {
                    let bound = self.expression(value)?;
                    if bound.kind.has_date() {
                        self.truncate_date(part, bound)?
                    } else {
                        self.round(call, "num_trunc", "flt_trunc")?
                    }
                }
                _ => self.round(call, "num_trunc", "flt_trunc")?,
            },
            "MOD" => {
                call.expect(2..=2)?;
                let (left, right) = (
                    self.expression(call.argument(0)?)?,
                    self.expression(call.argument(1)?)?,
                );
                self.modulo(left, right)?
            }
            "DIV0" | "DIV0NULL" => self.divide_or_zero(call)?,
            "PI" => {
                call.expect(0..=0)?;
                float(std::f64::consts::PI)
            }
            "SEQ1" | "SEQ2" | "SEQ4" | "SEQ8" => self.sequence(call)?,
            name => match float_function(name) {
                Some((function, count)) => self.of_floats(call, function, count)?,
                None => return Ok(None),
            },
        };
        Ok(Some(bound))
    }

    fn of_floats(&mut self, call: &Call<'q>, function: &str, count: usize) -> Outcome<Bound> {
        call.expect(count..=count)?;
        let mut parts = Vec::new();
        for argument in &call.arguments {
            parts.push(self.float(argument)?);
        }
        Ok(Bound::call(
            function,
            Type::Float,
            &parts.iter().collect::<Vec<_>>(),
        ))
    }

    pub(in crate::demo::translate) fn floor_or_ceiling(
        &self,
        name: &str,
        value: Bound,
        digits: Option<&Bound>,
    ) -> Outcome<Bound> {
        let value = self.numeric(value)?;
        let kept = match digits {
            None => 0,
            Some(digits) => digits.as_integer().ok_or_else(|| {
                Fault::unsupported(format_args!("{name} to a number of digits that is computed"))
            })?,
        };
        let is_floor = name == "FLOOR";
        match value.kind {
            Type::Number { .. } => drop_digits(&value, kept, if is_floor { "num_floor" } else { "num_ceil" }),
            _ if kept == 0 => Ok(Bound::call(
                if is_floor { "flt_floor" } else { "flt_ceil" },
                Type::Float,
                &[&value],
            )),
            _ => Err(Fault::unsupported(format_args!(
                "{name} of a FLOAT to a number of digits"
            ))),
        }
    }

    fn round(&mut self, call: &Call<'q>, exact: &str, approximate: &str) -> Outcome<Bound> {
        call.expect(1..=2)?;
        let value = self.expression(call.argument(0)?)?;
        let value = self.numeric(value)?;
        let digits = match call.arguments.get(1) {
            Some(digits) => self.whole(digits)?,
            None => Bound::integer(0, Type::number(1, 0)),
        };
        match (value.kind, digits.as_integer()) {
            (Type::Number { .. }, Some(kept)) => drop_digits(&value, kept, exact),
            (Type::Number { .. }, None) => Err(Fault::unsupported(format_args!(
                "{} of an exact number to a number of digits that is computed",
                call.name
            ))),
            _ => Ok(Bound::call(approximate, Type::Float, &[&value, &digits])),
        }
    }

    /// DIV0(a, b): 0 where b is 0; DIV0NULL also where b is NULL.
    fn divide_or_zero(&mut self, call: &Call<'q>) -> Outcome<Bound> {
        call.expect(2..=2)?;
        let (left, right) = (
            self.expression(call.argument(0)?)?,
            self.expression(call.argument(1)?)?,
        );
        let right = self.numeric(right)?;
        let test = if call.name == "DIV0" {
            format!("({} = 0)", right.sql)
        } else {
            format!("(coalesce({}, 0) = 0)", right.sql)
        };
        let quotient = self.divide(left.clone(), right.clone())?;
        let zero = match quotient.kind {
            Type::Float => "0.0",
            _ => "0",
        };
        // Of a NULL dividend the quotient is NULL whatever the divisor.
        let sql = format!(
            "(CASE WHEN {} IS NULL THEN NULL WHEN {test} THEN {zero} ELSE {} END)",
            left.sql, quotient.sql
        );
        Ok(Bound::column(sql, quotient.kind, left.nullable || right.nullable))
    }

    /// SEQ4() counts the rows of the GENERATOR that it stands beside.
    fn sequence(&self, call: &Call<'q>) -> Outcome<Bound> {
        call.expect(0..=1)?;
        let counter = self.scopes.last().and_then(|scope| scope.internal("SEQ"));
        counter.map(super::super::scope::Attribute::bound).ok_or_else(|| {
            Fault::unsupported(format_args!("{} without TABLE(GENERATOR(…)) in FROM", call.name))
        })
    }
}

/// An exact number with only `kept` fraction digits (none and zeros if negative).
fn drop_digits(value: &Bound, kept: i64, function: &str) -> Outcome<Bound> {
    let Type::Number { precision, scale } = value.kind else {
        return Err(Fault::Internal("digits of no number".into()));
    };
    if kept >= i64::from(scale) {
        return Ok(value.clone());
    }
    let target = u8::try_from(kept.max(0)).unwrap_or_default();
    let dropped = u8::try_from(i64::from(scale) - kept.max(-i64::from(PRECISION_MAX))).unwrap_or(u8::MAX);
    let mut sql = format!("{function}({}, {dropped})", value.sql);
    if kept < 0 {
        sql = format!("num_scale({sql}, {})", dropped - scale);
    }
    let kind = Type::number(u32::from(precision - scale) + 1 + u32::from(target), target);
    Ok(Bound::of(sql, kind, &[value]))
}

/// Functions that take and give floats, with their argument count.
fn float_function(name: &str) -> Option<(&'static str, usize)> {
    Some(match name {
        "SQRT" => ("flt_sqrt", 1),
        "CBRT" => ("flt_cbrt", 1),
        "EXP" => ("flt_exp", 1),
        "LN" => ("flt_ln", 1),
        "LOG" => ("flt_log", 2),
        "POWER" | "POW" => ("flt_power", 2),
        "SIN" => ("flt_sin", 1),
        "COS" => ("flt_cos", 1),
        "TAN" => ("flt_tan", 1),
        "ASIN" => ("flt_asin", 1),
        "ACOS" => ("flt_acos", 1),
        "ATAN" => ("flt_atan", 1),
        "ATAN2" => ("flt_atan2", 2),
        "RADIANS" => ("flt_radians", 1),
        "DEGREES" => ("flt_degrees", 1),
        _ => return None,
    })
}
