//! Snowflake's date and time formats (`YYYY-MM-DD HH24:MI:SS.FF3`): writing by them and reading by them.

use std::fmt::Write as _;

use super::text::{MONTHS, WEEKDAYS, Written, fraction_micros, month_of, offset_minutes};
use super::{Civil, DAY_MICROS, weekday};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Element {
    /// Copied as it is.
    Text(String),
    Year4,
    Year2,
    Month,
    MonthShort,
    MonthFull,
    Day,
    WeekdayShort,
    Hour24,
    Hour12,
    Meridiem,
    Minute,
    Second,
    Fraction(usize),
    /// `TZH:TZM` with a colon, `TZHTZM` without.
    Offset {
        colon: bool,
    },
}

/// A format, ready to write and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::demo) struct Pattern {
    elements: Vec<Element>,
}

/// Elements by their letters; of two that begin alike the longer comes first.
const ELEMENTS: [(&str, Element); 17] = [
    ("YYYY", Element::Year4),
    ("YY", Element::Year2),
    ("MMMM", Element::MonthFull),
    ("MON", Element::MonthShort),
    ("MM", Element::Month),
    ("MI", Element::Minute),
    ("DD", Element::Day),
    ("DY", Element::WeekdayShort),
    ("HH24", Element::Hour24),
    ("HH12", Element::Hour12),
    ("AM", Element::Meridiem),
    ("PM", Element::Meridiem),
    ("SS", Element::Second),
    ("FF", Element::Fraction(9)),
    ("TZH:TZM", Element::Offset { colon: true }),
    ("TZHTZM", Element::Offset { colon: false }),
    ("T", Element::Text(String::new())),
];

impl Pattern {
    /// Reads a format. Letters that are no element are copied, like everything in double quotes.
    pub(in crate::demo) fn new(format: &str) -> Self {
        let mut elements = Vec::new();
        let mut rest = format;
        while !rest.is_empty() {
            let (element, length) = Self::next(rest);
            rest = &rest[length..];
            match (elements.last_mut(), element) {
                (Some(Element::Text(before)), Element::Text(text)) => before.push_str(&text),
                (_, element) => elements.push(element),
            }
        }
        Self { elements }
    }

    fn next(rest: &str) -> (Element, usize) {
        if let Some(quoted) = rest.strip_prefix('"')
            && let Some(end) = quoted.find('"')
        {
            return (Element::Text(quoted[..end].to_owned()), end + 2);
        }
        for (letters, element) in ELEMENTS {
            let found = rest
                .get(..letters.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(letters));
            if !found {
                continue;
            }
            let digit = rest
                .as_bytes()
                .get(letters.len())
                .filter(|byte| byte.is_ascii_digit());
            return match (element, digit) {
                (Element::Fraction(_), Some(digit)) => {
                    (Element::Fraction(usize::from(digit - b'0').min(9)), 3)
                }
                (Element::Text(_), _) => (Element::Text("T".to_owned()), 1),
                (element, _) => (element, letters.len()),
            };
        }
        let length = rest.chars().next().map_or(1, char::len_utf8);
        (Element::Text(rest[..length].to_owned()), length)
    }

    /// Writes the point `micros` after 1970-01-01 UTC.
    pub(in crate::demo) fn write(&self, micros: i64) -> String {
        let (days, time) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
        let civil = Civil::from_days(days);
        let (hour, minute, second) = (
            time / 3_600_000_000,
            time / 60_000_000 % 60,
            time / 1_000_000 % 60,
        );
        let month = usize::try_from(civil.month - 1).unwrap_or_default();
        let mut text = String::new();
        for element in &self.elements {
            let _ = match element {
                Element::Text(verbatim) => write!(text, "{verbatim}"),
                Element::Year4 => write!(text, "{:04}", civil.year),
                Element::Year2 => write!(text, "{:02}", civil.year.rem_euclid(100)),
                Element::Month => write!(text, "{:02}", civil.month),
                Element::MonthShort => write!(text, "{}", &MONTHS[month][..3]),
                Element::MonthFull => write!(text, "{}", MONTHS[month]),
                Element::Day => write!(text, "{:02}", civil.day),
                Element::WeekdayShort => {
                    write!(
                        text,
                        "{}",
                        WEEKDAYS[usize::try_from(weekday(days)).unwrap_or_default()]
                    )
                }
                Element::Hour24 => write!(text, "{hour:02}"),
                Element::Hour12 => write!(text, "{:02}", (hour + 11) % 12 + 1),
                Element::Meridiem => write!(text, "{}", if hour < 12 { "AM" } else { "PM" }),
                Element::Minute => write!(text, "{minute:02}"),
                Element::Second => write!(text, "{second:02}"),
                Element::Fraction(0) => Ok(()),
                Element::Fraction(digits) => {
                    write!(text, "{}", &format!("{:06}000", time % 1_000_000)[..*digits])
                }
                Element::Offset { colon } => write!(text, "{}", if *colon { "+00:00" } else { "+0000" }),
            };
        }
        text
    }

    /// Reads a point by this format; `None` if the text is not of it.
    pub(in crate::demo) fn read(&self, text: &str) -> Option<Written> {
        let mut seen = Seen::default();
        let mut rest = text.trim();
        for element in &self.elements {
            rest = seen.take(element, rest)?;
        }
        if rest.is_empty() { seen.finish() } else { None }
    }
}

/// What a reading has found so far.
#[derive(Debug)]
struct Seen {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    afternoon: Option<bool>,
    offset: Option<i64>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            year: 1970,
            month: 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
            afternoon: None,
            offset: None,
        }
    }
}

impl Seen {
    fn take<'t>(&mut self, element: &Element, text: &'t str) -> Option<&'t str> {
        let number = |max: usize| {
            let length = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
            Some((text.get(..length)?.parse::<i64>().ok()?, &text[length..]))
        };
        let word = || {
            let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
            (&text[..length], &text[length..])
        };
        let (place, (value, rest)) = match element {
            Element::Text(verbatim) => return text.strip_prefix(verbatim.as_str()),
            Element::Year4 => (&mut self.year, number(4)?),
            Element::Year2 => {
                let (year, rest) = number(2)?;
                // TWO_DIGIT_CENTURY_START is 1970 by default.
                (
                    &mut self.year,
                    (if year < 70 { 2_000 + year } else { 1_900 + year }, rest),
                )
            }
            Element::Month => (&mut self.month, number(2)?),
            Element::MonthShort => {
                let name = text.get(..3)?;
                (&mut self.month, (month_of(name)?, &text[3..]))
            }
            Element::MonthFull => {
                let (name, rest) = word();
                (&mut self.month, (month_of(name)?, rest))
            }
            Element::Day => (&mut self.day, number(2)?),
            Element::Hour24 | Element::Hour12 => (&mut self.hour, number(2)?),
            Element::Minute => (&mut self.minute, number(2)?),
            Element::Second => (&mut self.second, number(2)?),
            Element::WeekdayShort => return text.get(3..),
            Element::Meridiem => {
                let (name, rest) = word();
                self.afternoon = Some(name.eq_ignore_ascii_case("pm"));
                return (name.len() == 2).then_some(rest);
            }
            Element::Fraction(_) => {
                let length = text.bytes().take(9).take_while(u8::is_ascii_digit).count();
                (
                    &mut self.micros,
                    (fraction_micros(&text[..length])?, &text[length..]),
                )
            }
            Element::Offset { .. } => {
                self.offset = Some(offset_minutes(text)?);
                return Some("");
            }
        };
        *place = value;
        Some(rest)
    }

    fn finish(self) -> Option<Written> {
        let hour = match self.afternoon {
            None => self.hour,
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
        };
        if hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let days = Civil::valid(self.year, self.month, self.day)?.to_days();
        let seconds = (hour * 60 + self.minute) * 60 + self.second;
        Some(Written {
            micros: days * DAY_MICROS + seconds * 1_000_000 + self.micros,
            offset: self.offset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-02 15:04:05.678, a Friday.
    const MOMENT: i64 = 1_767_366_245_678_000;

    #[test]
    fn formats_write_what_they_say() {
        let check = |format: &str, expected: &str| {
            assert_eq!(Pattern::new(format).write(MOMENT), expected, "{format}")
        };
        check("YYYY-MM-DD", "2026-01-02");
        check("yyyy-mm-dd hh24:mi:ss", "2026-01-02 15:04:05");
        check("DD-MON-YY", "02-Jan-26");
        check("DY, DD MMMM YYYY", "Fri, 02 January 2026");
        check("HH12:MI AM", "03:04 PM");
        check("SS.FF3", "05.678");
        check("SS.FF", "05.678000000");
        check("YYYY\"Q\"MM", "2026Q01");
        check("YYYY-MM-DDTHH24:MI:SSTZH:TZM", "2026-01-02T15:04:05+00:00");
        check("", "");
        check("é", "é");
    }

    #[test]
    fn formats_read_what_they_write() {
        for format in [
            "YYYY-MM-DD HH24:MI:SS.FF3",
            "DD/MM/YYYY HH12:MI:SS.FF3 AM",
            "MON DD YYYY HH24:MI:SS.FF6",
        ] {
            let pattern = Pattern::new(format);
            let read = pattern.read(&pattern.write(MOMENT));
            assert_eq!(read.map(|written| written.micros), Some(MOMENT), "{format}");
        }
    }

    #[test]
    fn text_of_another_format_is_not_read() {
        let check =
            |format: &str, text: &str| assert_eq!(Pattern::new(format).read(text), None, "{format} {text}");
        check("YYYY-MM-DD", "02/01/2026");
        check("YYYY-MM-DD", "2026-13-02");
        check("YYYY-MM-DD", "2026-01-02 10:00");
        check("MON DD", "Juy 1");
        check("MON", "é");
        check("YYYY", "");
    }
}
