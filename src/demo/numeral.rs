//! Snowflake's number formats of fixed width (`999,999.00`, `$0.99`, `FM990`): writing decimals by them.

use super::fault::Outcome;
use super::numeric;

/// A format, ready to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numeral {
    /// Text in double quotes in front and behind.
    prefix: String,
    suffix: String,
    /// Slots in front of the point.
    whole: Vec<Slot>,
    /// Digits behind the point; `None` without a point.
    fraction: Option<u8>,
    has_dollar: bool,
    sign: Sign,
    /// `FM`: no blanks.
    is_tight: bool,
    /// `B`: a whole part of zero is blank.
    blanks_zero: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// `9`: blank where nothing stands.
    Digit,
    /// `0`.
    Zero,
    /// `,` or `G`.
    Group,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A minus, or a blank.
    Implied,
    /// `S`: a plus too.
    Always,
    /// `MI`: behind the number.
    Trailing,
}

impl Numeral {
    /// Reads a format; `None` for one of another kind (hexadecimal, scientific, text-minimal) or none at all.
    pub(super) fn new(format: &str) -> Option<Self> {
        let mut numeral = Self {
            prefix: String::new(),
            suffix: String::new(),
            whole: Vec::new(),
            fraction: None,
            has_dollar: false,
            sign: Sign::Implied,
            is_tight: false,
            blanks_zero: false,
        };
        let mut rest = format;
        while let Some(letter) = rest.chars().next() {
            let length = if let Some(text) = rest.strip_prefix('"') {
                let end = text.find('"')?;
                numeral.add_text(&text[..end]);
                end + 2
            } else {
                numeral.add(letter.to_ascii_uppercase(), &rest[letter.len_utf8()..])?
            };
            rest = &rest[length..];
        }
        let digits = numeral.whole.iter().filter(|slot| **slot != Slot::Group).count();
        (digits > 0 && digits <= 38).then_some(numeral)
    }

    /// Takes one element; how many bytes it had.
    fn add(&mut self, letter: char, after: &str) -> Option<usize> {
        let is_followed_by = |letters: char| after.starts_with([letters, letters.to_ascii_lowercase()]);
        match (letter, &mut self.fraction) {
            ('0' | '9', Some(digits)) => *digits = (*digits + 1).min(37),
            ('9', None) => self.whole.push(Slot::Digit),
            ('0', None) => self.whole.push(Slot::Zero),
            (',' | 'G', None) => self.whole.push(Slot::Group),
            ('.' | 'D', None) => self.fraction = Some(0),
            ('$', _) => self.has_dollar = true,
            ('B', _) => self.blanks_zero = true,
            ('S', _) => self.sign = Sign::Always,
            ('F', _) if is_followed_by('M') => {
                self.is_tight = true;
                return Some(2);
            }
            ('M', _) if is_followed_by('I') => {
                self.sign = Sign::Trailing;
                return Some(2);
            }
            (' ', _) => self.add_text(" "),
            _ => return None,
        }
        Some(1)
    }

    fn add_text(&mut self, text: &str) {
        if self.whole.is_empty() {
            self.prefix.push_str(text);
        } else {
            self.suffix.push_str(text);
        }
    }

    /// Writes `value` with its `scale`; a number that has more whole digits than the format becomes `#`.
    pub(super) fn write(&self, value: i64, scale: u8) -> Outcome<String> {
        let kept = self.fraction.unwrap_or_default();
        let rounded = numeric::rescale(value, scale, kept)?;
        let digits = numeric::to_text(rounded, kept);
        let digits = digits.trim_start_matches('-');
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let whole = if whole == "0" { "" } else { whole };
        let mut body = self.fill(whole);
        let blanks = body.len() - body.trim_start_matches(' ').len();
        body = body.split_off(blanks);
        if self.fraction.is_some() {
            body.push('.');
            let overflows = body.starts_with('#');
            body.push_str(&if overflows {
                "#".repeat(fraction.len())
            } else {
                fraction.to_owned()
            });
        }
        let (before, behind) = match (self.sign, rounded < 0) {
            (Sign::Implied, false) if self.is_tight => ("", ""),
            (Sign::Implied, false) => (" ", ""),
            (Sign::Implied | Sign::Always, true) => ("-", ""),
            (Sign::Always, false) => ("+", ""),
            (Sign::Trailing, true) => ("", "-"),
            (Sign::Trailing, false) => ("", if self.is_tight { "" } else { " " }),
        };
        let blanks = if self.is_tight { 0 } else { blanks };
        let dollar = if self.has_dollar { "$" } else { "" };
        Ok(format!(
            "{}{}{before}{dollar}{body}{behind}{}",
            self.prefix,
            " ".repeat(blanks),
            self.suffix
        ))
    }

    /// The whole part in its slots, blank on the left.
    fn fill(&self, whole: &str) -> String {
        let slots = self.whole.iter().filter(|slot| **slot != Slot::Group).count();
        if whole.len() > slots {
            return self
                .whole
                .iter()
                .map(|slot| if *slot == Slot::Group { ',' } else { '#' })
                .collect();
        }
        let mut digits = std::iter::repeat_n(' ', slots - whole.len()).chain(whole.chars());
        let last = self.whole.iter().rposition(|slot| *slot != Slot::Group);
        let mut has_begun = false;
        let mut text = String::with_capacity(self.whole.len());
        for (index, slot) in self.whole.iter().enumerate() {
            if *slot == Slot::Group {
                text.push(if has_begun { ',' } else { ' ' });
                continue;
            }
            let digit = digits.next().unwrap_or(' ');
            let is_last = Some(index) == last && !self.blanks_zero;
            has_begun |= digit != ' ' || *slot == Slot::Zero || is_last;
            text.push(if digit == ' ' && has_begun { '0' } else { digit });
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_the_slots_of_their_format() {
        let check = |format: &str, value, scale, expected: &str| {
            let numeral = Numeral::new(format).unwrap_or_else(|| panic!("{format}"));
            assert_eq!(numeral.write(value, scale).as_deref(), Ok(expected), "{format}");
        };
        check("999,999.00", 1_234_567, 2, "  12,345.67");
        check("999,999.00", -1_234_567, 2, " -12,345.67");
        check("FM999,999.00", 1_234_567, 2, "12,345.67");
        check("$99.0", -12_391, 3, "-$12.4");
        check("$99.0", 0, 0, "  $0.0");
        check("B9,999.0", 0, 0, "      .0");
        check("\">\"$99.0\"<\"", 3987, 0, "> $##.#<");
        check("000", 7, 0, " 007");
        check("S990", 7, 0, "  +7");
        check("990MI", -7, 0, "  7-");
        check("9", 5, 1, " 1");
        check("0.000", 12_345, 4, " 1.235");
        check("FM9,999", 999_999, 0, "#,###");
    }

    #[test]
    fn formats_of_another_kind_are_not_read() {
        for format in ["", "XX", "TM9", "9EEEE", "YYYY", "\"abc", "$"] {
            assert_eq!(Numeral::new(format), None, "{format}");
        }
    }
}
