//! Functions that choose: IFF, COALESCE, NVL, DECODE, GREATEST and their kin.

use super::Call;
use crate::demo::datatype::Type;
use crate::demo::fault::Outcome;
use crate::demo::translate::Translator;
use crate::demo::translate::expression::Bound;

impl<'q> Translator<'q, '_> {
    pub(super) fn condition_call(&mut self, call: &Call<'q>) -> Outcome<Option<Bound>> {
        let bound = match call.name.as_str() {
            "IFF" => {
                call.expect(3..=3)?;
                let test = self.condition(call.argument(0)?)?;
                let (yes, no) = (
                    self.expression(call.argument(1)?)?,
                    self.expression(call.argument(2)?)?,
                );
                self.choice(vec![test], vec![yes], Some(no))?
            }
            "COALESCE" => {
                call.expect(1..=usize::MAX)?;
                self.first_value(call)?
            }
            "NVL" | "IFNULL" => {
                call.expect(2..=2)?;
                self.first_value(call)?
            }
            "NVL2" => {
                call.expect(3..=3)?;
                let value = self.expression(call.argument(0)?)?;
                let test = Bound::column(format!("({} IS NOT NULL)", value.sql), Type::Boolean, false);
                let (yes, no) = (
                    self.expression(call.argument(1)?)?,
                    self.expression(call.argument(2)?)?,
                );
                self.choice(vec![test], vec![yes], Some(no))?
            }
            "NULLIF" => {
                call.expect(2..=2)?;
                let value = self.expression(call.argument(0)?)?;
                let other = self.expression(call.argument(1)?)?;
                let test = self.compare("=", value.clone(), other)?;
                let sql = format!("(CASE WHEN {} THEN NULL ELSE {} END)", test.sql, value.sql);
                Bound::column(sql, value.kind, true)
            }
            "NULLIFZERO" => {
                call.expect(1..=1)?;
                let value = self.expression(call.argument(0)?)?;
                let value = self.numeric(value)?;
                Bound::column(format!("nullif({}, 0)", value.sql), value.kind, true)
            }
            "ZEROIFNULL" => {
                call.expect(1..=1)?;
                let value = self.expression(call.argument(0)?)?;
                let value = self.numeric(value)?;
                Bound::column(format!("coalesce({}, 0)", value.sql), value.kind, false)
            }
            "DECODE" => {
                call.expect(3..=usize::MAX)?;
                self.decode(call)?
            }
            "GREATEST" => self.extreme(call, "max")?,
            "LEAST" => self.extreme(call, "min")?,
            _ => return Ok(None),
        };
        Ok(Some(bound))
    }

    /// Functions that are truth values themselves.
    pub(super) fn truth_call(&mut self, call: &Call<'q>) -> Outcome<Option<Bound>> {
        let bound = match call.name.as_str() {
            "EQUAL_NULL" => {
                call.expect(2..=2)?;
                let (left, right) = (
                    self.expression(call.argument(0)?)?,
                    self.expression(call.argument(1)?)?,
                );
                let [left, right] = self.pair(left, right)?;
                Bound::column(format!("({} IS {})", left.sql, right.sql), Type::Boolean, false)
            }
            "BOOLAND" | "BOOLOR" => {
                call.expect(2..=2)?;
                let (left, right) = (
                    self.condition(call.argument(0)?)?,
                    self.condition(call.argument(1)?)?,
                );
                let word = if call.name == "BOOLAND" { "AND" } else { "OR" };
                Bound::of(
                    format!("({} {word} {})", left.sql, right.sql),
                    Type::Boolean,
                    &[&left, &right],
                )
            }
            "BOOLNOT" => {
                call.expect(1..=1)?;
                let value = self.condition(call.argument(0)?)?;
                Bound::of(format!("(NOT {})", value.sql), Type::Boolean, &[&value])
            }
            _ => return Ok(None),
        };
        Ok(Some(bound))
    }

    /// COALESCE; SQLite's wants two arguments.
    fn first_value(&mut self, call: &Call<'q>) -> Outcome<Bound> {
        let parts = self.bind_all(call)?;
        let mut parts = self.unify(parts)?;
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let nullable = parts.iter().all(|part| part.nullable);
        let kind = parts[0].kind;
        let texts: Vec<&str> = parts.iter().map(|part| part.sql.as_str()).collect();
        Ok(Bound::column(
            format!("coalesce({})", texts.join(", ")),
            kind,
            nullable,
        ))
    }

    /// DECODE(value, search, result, …, default): a CASE in which NULL equals NULL.
    fn decode(&mut self, call: &Call<'q>) -> Outcome<Bound> {
        let value = self.expression(call.argument(0)?)?;
        value.check_repeated(call.arguments.len())?;
        let (mut tests, mut results) = (Vec::new(), Vec::new());
        let pairs = call.arguments[1..].chunks_exact(2);
        let default = pairs.remainder().first().copied();
        for pair in pairs {
            let search = self.expression(pair[0])?;
            let [left, right] = self.pair(value.clone(), search)?;
            tests.push(Bound::column(
                format!("({} IS {})", left.sql, right.sql),
                Type::Boolean,
                false,
            ));
            results.push(self.expression(pair[1])?);
        }
        let default = default.map(|default| self.expression(default)).transpose()?;
        self.choice(tests, results, default)
    }

    /// GREATEST and LEAST are NULL if one argument is, like SQLite's max and min of several arguments.
    fn extreme(&mut self, call: &Call<'q>, function: &str) -> Outcome<Bound> {
        call.expect(1..=usize::MAX)?;
        let parts = self.bind_all(call)?;
        let mut parts = self.unify(parts)?;
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let kind = parts[0].kind;
        Ok(Bound::call(function, kind, &parts.iter().collect::<Vec<_>>()))
    }
}
