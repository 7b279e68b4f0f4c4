//! Conversions that are written as functions: TO_DATE, TO_NUMBER, TO_VARCHAR and their kin.

use sqlparser::ast::Expr;

use super::Call;
use crate::demo::datatype::{PRECISION_EXACT, PRECISION_MAX, Type, number_of};
use crate::demo::fault::{Fault, Outcome};
use crate::demo::numeral::Numeral;
use crate::demo::translate::Translator;
use crate::demo::translate::expression::Bound;

impl<'q> Translator<'q, '_> {
    pub(super) fn conversion_call(&mut self, call: &Call<'q>) -> Outcome<Option<Bound>> {
        let bound = match call.name.as_str() {
            "TO_DATE" | "DATE" => self.date_from(call, "day_parse", false)?,
            "TRY_TO_DATE" => self.date_from(call, "day_try_parse", true)?,
            "TO_TIMESTAMP" | "TO_TIMESTAMP_NTZ" => self.timestamp_from(call, Type::Timestamp, false)?,
            "TRY_TO_TIMESTAMP" | "TRY_TO_TIMESTAMP_NTZ" => {
                self.timestamp_from(call, Type::Timestamp, true)?
            }
            "TO_TIMESTAMP_LTZ" => self.timestamp_from(call, Type::Instant { scale: 9 }, false)?,
            "TRY_TO_TIMESTAMP_LTZ" => self.timestamp_from(call, Type::Instant { scale: 9 }, true)?,
            "TO_TIME" | "TIME" => {
                call.expect(1..=1)?;
                let value = self.expression(call.argument(0)?)?;
                self.cast(value, Type::Time)?
            }
            "TO_VARCHAR" | "TO_CHAR" => self.text_from(call)?,
            "TO_NUMBER" | "TO_DECIMAL" | "TO_NUMERIC" => self.number_from(call, false)?,
            "TRY_TO_NUMBER" | "TRY_TO_DECIMAL" | "TRY_TO_NUMERIC" => self.number_from(call, true)?,
            "TO_DOUBLE" => self.value_from(call, Type::Float, false)?,
            "TRY_TO_DOUBLE" => self.value_from(call, Type::Float, true)?,
            "TO_BOOLEAN" => self.value_from(call, Type::Boolean, false)?,
            "TRY_TO_BOOLEAN" => self.value_from(call, Type::Boolean, true)?,
            _ => return Ok(None),
        };
        Ok(Some(bound))
    }

    fn date_from(&mut self, call: &Call<'q>, function: &str, quietly: bool) -> Outcome<Bound> {
        call.expect(1..=2)?;
        let value = self.expression(call.argument(0)?)?;
        match call.arguments.get(1) {
            Some(format) => self.read_by_format(function, Type::Date, value, format, quietly),
            None if quietly => self.try_cast(value, Type::Date),
            None => self.cast(value, Type::Date),
        }
    }

    fn timestamp_from(&mut self, call: &Call<'q>, target: Type, quietly: bool) -> Outcome<Bound> {
        call.expect(1..=2)?;
        let value = self.expression(call.argument(0)?)?;
        let Some(second) = call.arguments.get(1) else {
            return if quietly {
                self.try_cast(value, target)
            } else {
                self.cast(value, target)
            };
        };
        if value.kind.is_number() {
            // TO_TIMESTAMP(count, fraction digits of a second): 3 means milliseconds.
            let digits = self.expression(second)?;
            let digits = digits.as_integer().and_then(|digits| u8::try_from(digits).ok());
            let digits = digits.ok_or_else(|| Fault::unsupported("a computed scale in TO_TIMESTAMP"))?;
            let sql = format!("ts_from_epoch({}, {})", value.sql, digits + value.kind.scale());
            return Ok(Bound::of(sql, target, &[&value]));
        }
        let function = match (target, quietly) {
            (Type::Timestamp, false) => "ts_parse",
            (Type::Timestamp, true) => "ts_try_parse",
            (_, false) => "ts_parse_instant",
            (_, true) => "ts_try_parse_instant",
        };
        self.read_by_format(function, target, value, second, quietly)
    }

    fn read_by_format(
        &mut self,
        function: &str,
        target: Type,
        value: Bound,
        format: &'q Expr,
        quietly: bool,
    ) -> Outcome<Bound> {
        let value = self.as_text_of(value)?;
        let format = self.text(format)?;
        let read = Bound::call(function, target, &[&value, &format]);
        Ok(if quietly { read.or_null() } else { read })
    }

    /// TO_VARCHAR(value [, format]).
    fn text_from(&mut self, call: &Call<'q>) -> Outcome<Bound> {
        call.expect(1..=2)?;
        let value = self.expression(call.argument(0)?)?;
        let Some(format) = call.arguments.get(1) else {
            return self.cast(value, Type::TEXT);
        };
        if value.kind.is_numeric() {
            return self.formatted_number(value, format);
        }
        let value = self.dated(value)?;
        let format = self.text(format)?;
        let value = self.micros(value)?;
        Ok(Bound::call("ts_format", Type::TEXT, &[&value, &format]))
    }

    /// TO_NUMBER(value [, precision [, scale]]).
    fn number_from(&mut self, call: &Call<'q>, quietly: bool) -> Outcome<Bound> {
        call.expect(1..=3)?;
        let value = self.expression(call.argument(0)?)?;
        let mut digits = [u64::from(PRECISION_MAX), 0];
        for (place, argument) in digits.iter_mut().zip(&call.arguments[1..]) {
            let given = self.expression(argument)?;
            *place = given
                .as_integer()
                .and_then(|digits| u64::try_from(digits).ok())
                .ok_or_else(|| Fault::unsupported(format_args!("the number format of {}", call.name)))?;
        }
        let target = number_of(digits[0], digits[1])?;
        if quietly {
            self.try_cast(value, target)
        } else {
            self.cast(value, target)
        }
    }

    fn value_from(&mut self, call: &Call<'q>, target: Type, quietly: bool) -> Outcome<Bound> {
        call.expect(1..=1)?;
        let value = self.expression(call.argument(0)?)?;
        if quietly {
            self.try_cast(value, target)
        } else {
            self.cast(value, target)
        }
    }

    /// TO_VARCHAR(number, format); a float is brought to the fraction digits that a double surely has.
    pub(super) fn formatted_number(&mut self, value: Bound, format: &'q Expr) -> Outcome<Bound> {
        let value = match value.kind {
            Type::Float => self.convert(value, Type::number(u32::from(PRECISION_EXACT), 6))?,
            _ => value,
        };
        let format = self.text(format)?;
        if let Some(text) = format.as_text().filter(|text| Numeral::new(text).is_none()) {
            return Err(Fault::unsupported(format_args!("the number format '{text}'")));
        }
        let sql = format!(
            "num_format({}, {}, {})",
            value.sql,
            value.kind.scale(),
            format.sql
        );
        Ok(Bound::of(sql, Type::TEXT, &[&value, &format]))
    }
}
