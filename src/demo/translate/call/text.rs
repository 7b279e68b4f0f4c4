//! Functions of text.

use super::Call;
use crate::demo::datatype::{TEXT_LENGTH_MAX, Type};
use crate::demo::fault::Outcome;
use crate::demo::translate::Translator;
use crate::demo::translate::expression::Bound;

impl<'q> Translator<'q, '_> {
    pub(super) fn text_call(&mut self, call: &Call<'q>) -> Outcome<Option<Bound>> {
        let name = call.name.as_str();
        let bound = match name {
            "UPPER" => self.same_length(call, "txt_upper")?,
            "LOWER" => self.same_length(call, "txt_lower")?,
            "INITCAP" => self.same_length(call, "txt_initcap")?,
            "REVERSE" => self.same_length(call, "txt_reverse")?,
            "TRIM" | "LTRIM" | "RTRIM" => {
                call.expect(1..=2)?;
                self.trimmed(call)?
            }
            "LENGTH" | "LEN" | "CHAR_LENGTH" | "CHARACTER_LENGTH" => {
                call.expect(1..=1)?;
                let text = self.text(call.argument(0)?)?;
                Bound::call("txt_length", Type::number(18, 0), &[&text])
            }
            "SUBSTR" | "SUBSTRING" => {
                call.expect(2..=3)?;
                self.text_and_numbers(call, "txt_substr")?
            }
            "LEFT" | "RIGHT" => {
                call.expect(2..=2)?;
                self.text_and_numbers(call, if name == "LEFT" { "txt_left" } else { "txt_right" })?
            }
            "LPAD" | "RPAD" => self.padded(call)?,
            "REPLACE" => {
                call.expect(2..=3)?;
                let text = self.text(call.argument(0)?)?;
                let sought = self.text(call.argument(1)?)?;
                let by = match call.arguments.get(2) {
                    Some(by) => self.text(by)?,
                    None => Bound::text(""),
                };
                Bound::call("txt_replace", Type::TEXT, &[&text, &sought, &by])
            }
            "CONTAINS" => self.text_test(call, "txt_contains")?,
            "STARTSWITH" => self.text_test(call, "txt_starts")?,
            "ENDSWITH" => self.text_test(call, "txt_ends")?,
            "POSITION" | "CHARINDEX" => self.position(call)?,
            "SPLIT_PART" => {
                call.expect(3..=3)?;
                let (text, delimiter) = (self.text(call.argument(0)?)?, self.text(call.argument(1)?)?);
                let number = self.whole(call.argument(2)?)?;
                let kind = text.kind;
                Bound::call("txt_split_part", kind, &[&text, &delimiter, &number])
            }
            "CONCAT" => {
                call.expect(1..=usize::MAX)?;
                let parts = self.bind_all(call)?;
                self.concatenate(parts)?
            }
            "CONCAT_WS" => self.concatenate_with(call)?,
            "LIKE" | "ILIKE" => {
                call.expect(2..=3)?;
                let (text, pattern) = (self.text(call.argument(0)?)?, self.text(call.argument(1)?)?);
                let escape = match call.arguments.get(2) {
                    Some(escape) => self.text(escape)?,
                    None => Bound::text(""),
                };
                let function = if name == "LIKE" { "txt_like" } else { "txt_ilike" };
                Bound::call(function, Type::Boolean, &[&text, &pattern, &escape])
            }
            _ => return Ok(None),
        };
        Ok(Some(bound))
    }

    /// Functions of single letters and of how often they come.
    pub(super) fn letter_call(&mut self, call: &Call<'q>) -> Outcome<Option<Bound>> {
        let bound = match call.name.as_str() {
            "REPEAT" => {
                call.expect(2..=2)?;
                let repeated = self.text_and_numbers(call, "txt_repeat")?;
                Bound {
                    kind: Type::TEXT,
                    ..repeated
                }
            }
            "SPACE" => {
                call.expect(1..=1)?;
                let count = self.whole(call.argument(0)?)?;
                Bound::of(format!("txt_repeat(' ', {})", count.sql), Type::TEXT, &[&count])
            }
            "TRANSLATE" => {
                call.expect(3..=3)?;
                self.texts(call, "txt_translate")?
            }
            "ASCII" | "UNICODE" => {
                call.expect(1..=1)?;
                let text = self.text(call.argument(0)?)?;
                Bound::call("txt_ascii", Type::number(8, 0), &[&text])
            }
            "CHR" | "CHAR" => {
                call.expect(1..=1)?;
                let code = self.whole(call.argument(0)?)?;
                Bound::call("txt_chr", Type::text(1), &[&code])
            }
            _ => return Ok(None),
        };
        Ok(Some(bound))
    }

    fn same_length(&mut self, call: &Call<'q>, function: &str) -> Outcome<Bound> {
        call.expect(1..=1)?;
        self.texts(call, function)
    }

    /// All arguments are text; the result is as long as the first at most.
    fn texts(&mut self, call: &Call<'q>, function: &str) -> Outcome<Bound> {
        let mut parts = Vec::new();
        for argument in &call.arguments {
            parts.push(self.text(argument)?);
        }
        let kind = parts.first().map_or(Type::TEXT, |first| first.kind);
        Ok(Bound::call(function, kind, &parts.iter().collect::<Vec<_>>()))
    }

    fn text_and_numbers(&mut self, call: &Call<'q>, function: &str) -> Outcome<Bound> {
        let mut parts = vec![self.text(call.argument(0)?)?];
        for argument in &call.arguments[1..] {
            parts.push(self.whole(argument)?);
        }
        let kind = match (parts[0].kind, parts.last().and_then(Bound::as_integer)) {
            // The last number is a length unless SUBSTR has only a start.
            (Type::Text { length }, Some(count)) if parts.len() == 3 || function != "txt_substr" => {
                Type::text(usize::try_from(count).unwrap_or_default().min(length as usize))
            }
            (kind, _) => kind,
        };
        Ok(Bound::call(function, kind, &parts.iter().collect::<Vec<_>>()))
    }

    fn trimmed(&mut self, call: &Call<'q>) -> Outcome<Bound> {
        let text = self.text(call.argument(0)?)?;
        let characters = match call.arguments.get(1) {
            Some(characters) => self.text(characters)?,
            None => Bound::text(" "),
        };
        let function = format!("txt_{}", call.name.to_lowercase());
        let kind = text.kind;
        Ok(Bound::call(&function, kind, &[&text, &characters]))
    }

    fn padded(&mut self, call: &Call<'q>) -> Outcome<Bound> {
        call.expect(2..=3)?;
        let text = self.text(call.argument(0)?)?;
        let length = self.whole(call.argument(1)?)?;
        let filling = match call.arguments.get(2) {
            Some(filling) => self.text(filling)?,
            None => Bound::text(" "),
        };
        let function = if call.name == "LPAD" {
            "txt_lpad"
        } else {
            "txt_rpad"
        };
        let known = length.as_integer().and_then(|length| u32::try_from(length).ok());
        let kind = Type::Text {
            length: known.unwrap_or(TEXT_LENGTH_MAX).min(TEXT_LENGTH_MAX),
        };
        Ok(Bound::call(function, kind, &[&text, &length, &filling]))
    }

    fn text_test(&mut self, call: &Call<'q>, function: &str) -> Outcome<Bound> {
        call.expect(2..=2)?;
        let (text, sought) = (self.text(call.argument(0)?)?, self.text(call.argument(1)?)?);
        Ok(Bound::call(function, Type::Boolean, &[&text, &sought]))
    }

    fn position(&mut self, call: &Call<'q>) -> Outcome<Bound> {
        call.expect(2..=3)?;
        let (sought, text) = (self.text(call.argument(0)?)?, self.text(call.argument(1)?)?);
        let start = match call.arguments.get(2) {
            Some(start) => self.whole(start)?,
            None => Bound::integer(1, Type::number(1, 0)),
        };
        Ok(Bound::call(
            "txt_position",
            Type::number(18, 0),
            &[&sought, &text, &start],
        ))
    }

    /// CONCAT_WS(separator, …): NULL if one is NULL, as in Snowflake.
    fn concatenate_with(&mut self, call: &Call<'q>) -> Outcome<Bound> {
        call.expect(2..=usize::MAX)?;
        let separator = self.expression(call.argument(0)?)?;
        separator.check_repeated(call.arguments.len())?;
        let mut parts = Vec::new();
        for argument in &call.arguments[1..] {
            if !parts.is_empty() {
                parts.push(separator.clone());
            }
            parts.push(self.expression(argument)?);
        }
        self.concatenate(parts)
    }
}
