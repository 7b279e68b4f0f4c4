//! One cell: from the text on the wire to the form that leaves the program. Pure.
//!
//! Every cell but NULL is a JSON string, whose meaning depends on its column. A text that does not fit its column is
//! passed on as it is: seeing `09/10/2026` is better than seeing an error.

use std::fmt::Write;

use serde::de::IgnoredAny;

use super::answer::RowType;
use crate::backend::{Column, Value};

/// How the cells of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Decimal, with its point.
    Number,
    /// `true` or `false`; `1` or `0` in the last SELECT of a pipe.
    Boolean,
    /// Days since 1970-01-01.
    Date,
    /// Seconds since midnight.
    Time,
    /// Seconds since 1970-01-01T00:00:00, read from the wall clock without a zone.
    TimestampNtz,
    /// Seconds since 1970-01-01T00:00:00Z.
    TimestampLtz,
    /// The same, then the offset from UTC in minutes, plus 1440.
    TimestampTz,
    /// JSON, indented, with `undefined` for a NULL in an array.
    Document,
    /// Text, binary as hexadecimal, and every type that is newer than this program.
    Text,
}

impl Encoding {
    /// The encoding of a column.
    pub(super) fn of(column: &RowType) -> Self {
        match column.type_name.to_ascii_lowercase().as_str() {
            "fixed" | "real" | "decfloat" => Self::Number,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp_ntz" => Self::TimestampNtz,
            "timestamp_ltz" => Self::TimestampLtz,
            "timestamp_tz" => Self::TimestampTz,
            "variant" | "object" | "array" | "map" | "vector" | "geography" | "geometry" => Self::Document,
            _ => Self::Text,
        }
    }

    /// Decodes a cell. `scratch` holds what has to be written anew.
    pub(super) fn decode<'a>(self, wire: &'a str, scratch: &'a mut String) -> Value<'a> {
        scratch.clear();
        let decoded = match self {
            Self::Number => return number(wire, scratch),
            Self::Boolean => return boolean(wire),
            Self::Text => None,
            Self::Date => date(wire, scratch),
            Self::Time => time(wire, scratch),
            Self::TimestampNtz => timestamp(wire, scratch, ""),
            Self::TimestampLtz => timestamp(wire, scratch, "Z"),
            Self::TimestampTz => timestamp_tz(wire, scratch),
            Self::Document => return document(wire, scratch),
        };
        match decoded {
            Some(()) => Value::Text(scratch),
            None => Value::Text(wire),
        }
    }
}

/// The column as it leaves the program: its type in the words of a CREATE TABLE.
pub(super) fn column(row_type: &RowType) -> Column {
    Column {
        name: row_type.name.clone(),
        type_name: type_name(row_type),
        nullable: row_type.nullable,
    }
}

fn type_name(row_type: &RowType) -> String {
    let with = |name: &str, argument: Option<i64>| match argument {
        Some(argument) => format!("{name}({argument})"),
        None => name.to_owned(),
    };
    let kind = row_type.type_name.to_ascii_lowercase();
    match (kind.as_str(), &row_type.extended) {
        (_, Some(extended)) => extended.to_ascii_uppercase(),
        ("fixed", _) => match row_type.precision {
            Some(precision) => format!("NUMBER({precision},{})", row_type.scale.unwrap_or(0)),
            None => "NUMBER".to_owned(),
        },
        ("real", _) => "FLOAT".to_owned(),
        ("text", _) => with("VARCHAR", row_type.length),
        ("binary", _) => with("BINARY", row_type.length),
        ("time" | "timestamp_ntz" | "timestamp_ltz" | "timestamp_tz", _) => {
            with(&kind.to_ascii_uppercase(), row_type.scale)
        }
        _ => kind.to_ascii_uppercase(),
    }
}

fn number<'a>(wire: &'a str, scratch: &'a mut String) -> Value<'a> {
    if is_json_number(wire.as_bytes()) {
        // Readers of JSON refuse a number beyond a double's range, and with it the whole reply. Where the range ends
        // is asked of such a reader: some take a number just below the largest double for infinite.
        let may_be_beyond = wire.len() > DIGITS_IN_RANGE || wire.contains(['e', 'E']);
        return if may_be_beyond && serde_json::from_str::<f64>(wire).is_err() {
            Value::Text(wire)
        } else {
            Value::Number(wire)
        };
    }
    match wire.parse::<f64>() {
        Ok(value) if value.is_nan() || is_named_infinity(wire) => Value::Null,
        // A spelling that JSON does not have (`.5`, `+1`, `1.`): these are doubles, so nothing is lost. A double's
        // debug form is JSON.
        Ok(value) if value.is_finite() && wire.len() <= DOUBLE_DIGITS_MAX => {
            let _ = write!(scratch, "{value:?}");
            Value::Number(scratch)
        }
        _ => Value::Text(wire),
    }
}

fn is_named_infinity(wire: &str) -> bool {
    let name = wire.trim_start_matches(['+', '-']);
    name.eq_ignore_ascii_case("inf") || name.eq_ignore_ascii_case("infinity")
}

/// Whether `text` is a number by RFC 8259 section 6.
fn is_json_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, text) = digits(text);
    if whole.is_empty() || (whole.len() > 1 && whole[0] == b'0') {
        return false;
    }
    let text = match text.strip_prefix(b".") {
        Some(fraction) => match digits(fraction) {
            ([], _) => return false,
            (_, rest) => rest,
        },
        None => text,
    };
    match text {
        [] => true,
        [b'e' | b'E', exponent @ ..] => {
            let exponent = match exponent {
                [b'+' | b'-', rest @ ..] => rest,
                _ => exponent,
            };
            matches!(digits(exponent), ([_, ..], []))
        }
        _ => false,
    }
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

fn boolean(wire: &str) -> Value<'_> {
    match wire {
        "true" | "1" => Value::Boolean(true),
        "false" | "0" => Value::Boolean(false),
        _ if wire.eq_ignore_ascii_case("true") => Value::Boolean(true),
        _ if wire.eq_ignore_ascii_case("false") => Value::Boolean(false),
        _ => Value::Text(wire),
    }
}

fn date(wire: &str, scratch: &mut String) -> Option<()> {
    push_date(scratch, wire.parse().ok()?)
}

fn time(wire: &str, scratch: &mut String) -> Option<()> {
    let (seconds, nanoseconds) = seconds(wire)?;
    if !(0..SECONDS_A_DAY).contains(&seconds) {
        return None;
    }
    push_time(scratch, seconds, nanoseconds)
}

fn timestamp(wire: &str, scratch: &mut String, suffix: &str) -> Option<()> {
    let (seconds, nanoseconds) = seconds(wire)?;
    push_moment(scratch, seconds, nanoseconds)?;
    scratch.push_str(suffix);
    Some(())
}

fn timestamp_tz(wire: &str, scratch: &mut String) -> Option<()> {
    let (moment_text, offset) = wire.split_once(' ')?;
    let (seconds, nanoseconds) = seconds(moment_text)?;
    let minutes = offset.parse::<i64>().ok()?.checked_sub(OFFSET_BIAS_MINUTES)?;
    if minutes.abs() >= OFFSET_BIAS_MINUTES {
        return None;
    }
    push_moment(scratch, seconds.checked_add(minutes * 60)?, nanoseconds)?;
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
    write!(scratch, "{sign}{hours:02}:{minutes:02}").ok()
}

/// Writes the date `days` after 1970-01-01 by the Gregorian calendar, without end in both directions: Snowflake computes
/// with years beyond 9999, which ISO 8601 writes with a sign and six digits, as it does those before 0.
fn push_date(into: &mut String, days: i64) -> Option<()> {
    if days.unsigned_abs() > DAYS_MAX {
        return None;
    }
    // Counted from the 1st of March of the year 0, leap days stand at the ends of years, and of 400 of them.
    let from_march = days + DAYS_TO_1970;
    let era = from_march.div_euclid(DAYS_A_CYCLE);
    let day = from_march.rem_euclid(DAYS_A_CYCLE);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // March to July and August to December have 153 days each.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, of_next_year) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = era * 400 + year_of_era + of_next_year;
    match year {
        0..=9_999 => write!(into, "{year:04}-{month:02}-{day:02}").ok(),
        _ => write!(into, "{year:+07}-{month:02}-{day:02}").ok(),
    }
}

/// Writes a time of day, without zeros at the end of its fraction.
fn push_time(into: &mut String, second_of_day: i64, nanoseconds: i32) -> Option<()> {
    let (hour, minute, second) = (second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60);
    write!(into, "{hour:02}:{minute:02}:{second:02}").ok()?;
    if nanoseconds > 0 {
        write!(into, ".{nanoseconds:09}").ok()?;
        into.truncate(into.trim_end_matches('0').len());
    }
    Some(())
}

fn push_moment(into: &mut String, seconds: i64, nanoseconds: i32) -> Option<()> {
    push_date(into, seconds.div_euclid(SECONDS_A_DAY))?;
    into.push('T');
    push_time(into, seconds.rem_euclid(SECONDS_A_DAY), nanoseconds)
}

/// Splits a decimal of seconds into whole seconds and the nanoseconds that follow them: `-0.5` is half a second
/// after second -1.
fn seconds(text: &str) -> Option<(i64, i32)> {
    let (is_negative, magnitude) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    let is_decimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 9 || !is_decimal(whole) || !is_decimal(fraction) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let mut nanoseconds: i32 = if fraction.is_empty() {
        0
    } else {
        fraction.parse().ok()?
    };
    for _ in fraction.len()..9 {
        nanoseconds *= 10;
    }
    Some(match (is_negative, nanoseconds) {
        (false, _) => (whole, nanoseconds),
        (true, 0) => (-whole, 0),
        (true, _) => (-whole - 1, 1_000_000_000 - nanoseconds),
    })
}

fn document<'a>(wire: &'a str, scratch: &'a mut String) -> Value<'a> {
    let depth = compact(wire, scratch);
    let is_json = depth <= DEPTH_MAX && serde_json::from_str::<IgnoredAny>(scratch).is_ok();
    if is_json {
        Value::Json(scratch)
    } else {
        Value::Text(wire)
    }
}

/// Takes away white space and writes `null` for `undefined`, both outside strings only. Returns the nesting.
///
/// What is no JSON stays none: a space between two words or numbers is kept, or `[1 0]` would become `[10]`.
fn compact(wire: &str, into: &mut String) -> usize {
    into.reserve(wire.len());
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut has_skipped = false;
    let mut rest = wire;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' => string_end(rest.as_bytes()),
            _ if rest.starts_with(UNDEFINED) => UNDEFINED.len(),
            _ => first.len_utf8(),
        };
        let is_space = matches!(first, ' ' | '\n' | '\r' | '\t');
        if !is_space && has_skipped && is_word(first) && into.ends_with(is_word) {
            into.push(' ');
        }
        has_skipped = is_space;
        match first {
            _ if is_space => {}
            'u' if taken > 1 => into.push_str("null"),
            _ => into.push_str(&rest[..taken]),
        }
        match first {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        rest = &rest[taken..];
    }
    deepest
}

/// What numbers and literals are made of.
fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '+' | '.')
}

/// Where the JSON string that begins `text` ends; the whole text when it does not.
fn string_end(text: &[u8]) -> usize {
    let mut index = 1;
    while let Some(byte) = text.get(index) {
        match byte {
            b'"' => return index + 1,
            // What is escaped is one byte or more of ASCII; the first cannot end the string.
            b'\\' => index += 2,
            _ => index += 1,
        }
    }
    text.len()
}

const SECONDS_A_DAY: i64 = 86_400;
/// From the 1st of March of the year 0 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;
/// After 400 years the calendar begins anew.
const DAYS_A_CYCLE: i64 = 146_097;
/// Half a million years: what is further away is no date that anybody meant.
const DAYS_MAX: u64 = 182_621_250;
const OFFSET_BIAS_MINUTES: i64 = 1_440;
const UNDEFINED: &str = "undefined";
/// Parsers commonly stop at 128, and the document stands inside a reply; a deeper one is shown as text.
const DEPTH_MAX: usize = 64;
/// So many digits without an exponent are always within a double's range.
const DIGITS_IN_RANGE: usize = 300;
/// Longer than any spelling of a double; a longer text has digits that a double would lose.
const DOUBLE_DIGITS_MAX: usize = 32;

#[cfg(test)]
mod tests;
