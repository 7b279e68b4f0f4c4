//! Text (`txt_`) and what is read from text (`bool_`). Positions and lengths count characters, from 1.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::Value;

use super::{Arguments, Scalar, or_null};
use crate::demo::fault::{Fault, Outcome};

pub(super) const FUNCTIONS: &[Scalar] = &[
    // SQLite's own upper, lower and LIKE know ASCII only, and its LIKE ignores case.
    Scalar::new("txt_upper", 1, |arguments| {
        text(arguments.text(0)?.to_uppercase())
    }),
    Scalar::new("txt_lower", 1, |arguments| {
        text(arguments.text(0)?.to_lowercase())
    }),
    Scalar::new("txt_initcap", 1, |arguments| text(initcap(arguments.text(0)?))),
    Scalar::new("txt_length", 1, |arguments| {
        Ok(Value::Integer(count(arguments.text(0)?.chars().count())))
    }),
    // (text, start), (text, start, length).
    Scalar::new("txt_substr", 2, |arguments| {
        text(substring(arguments.text(0)?, arguments.integer(1)?, i64::MAX))
    }),
    Scalar::new("txt_substr", 3, |arguments| {
        text(substring(
            arguments.text(0)?,
            arguments.integer(1)?,
            arguments.integer(2)?,
        ))
    }),
    Scalar::new("txt_left", 2, |arguments| {
        text(substring(arguments.text(0)?, 1, arguments.integer(1)?))
    }),
    Scalar::new("txt_right", 2, |arguments| {
        let (value, length) = (arguments.text(0)?, arguments.integer(1)?.max(0));
        let start = count(value.chars().count()).saturating_sub(length).max(0);
        text(substring(value, start + 1, length))
    }),
    // (text, length, filling).
    Scalar::new("txt_lpad", 3, |arguments| pad(arguments, true)),
    Scalar::new("txt_rpad", 3, |arguments| pad(arguments, false)),
    Scalar::new("txt_repeat", 2, |arguments| {
        let (value, times) = (arguments.text(0)?, arguments.integer(1)?.max(0));
        let times = usize::try_from(times).unwrap_or(usize::MAX);
        bounded(value.len().saturating_mul(times))?;
        text(value.repeat(times))
    }),
    Scalar::new("txt_reverse", 1, |arguments| {
        text(arguments.text(0)?.chars().rev().collect::<String>())
    }),
    // (text, delimiter, number); a negative number counts from the end.
    Scalar::new("txt_split_part", 3, |arguments| {
        text(split_part(
            arguments.text(0)?,
            arguments.text(1)?,
            arguments.integer(2)?,
        ))
    }),
    // (sought, text, start).
    Scalar::new("txt_position", 3, |arguments| {
        let start = usize::try_from(arguments.integer(2)?.max(1) - 1).unwrap_or(usize::MAX);
        Ok(Value::Integer(position(
            arguments.text(0)?,
            arguments.text(1)?,
            start,
        )))
    }),
    Scalar::new("txt_contains", 2, |arguments| {
        boolean(arguments.text(0)?.contains(arguments.text(1)?))
    }),
    Scalar::new("txt_starts", 2, |arguments| {
        boolean(arguments.text(0)?.starts_with(arguments.text(1)?))
    }),
    Scalar::new("txt_ends", 2, |arguments| {
        boolean(arguments.text(0)?.ends_with(arguments.text(1)?))
    }),
    // (text, pattern, escape character or nothing).
    Scalar::new("txt_like", 3, |arguments| {
        let escape = arguments.text(2)?.chars().next();
        let (value, pattern) = (arguments.text(0)?, arguments.text(1)?);
        affordable(value, pattern)?;
        boolean(like(value, pattern, escape))
    }),
    Scalar::new("txt_ilike", 3, |arguments| {
        let escape = arguments.text(2)?.chars().next();
        let (value, pattern) = (
            arguments.text(0)?.to_lowercase(),
            arguments.text(1)?.to_lowercase(),
        );
        affordable(&value, &pattern)?;
        boolean(like(&value, &pattern, escape))
    }),
    // (text, from, to).
    Scalar::new("txt_translate", 3, |arguments| {
        let table = translation(arguments.text(1)?, arguments.text(2)?);
        let translated = arguments
            .text(0)?
            .chars()
            .filter_map(|letter| table.get(&letter).copied().unwrap_or(Some(letter)));
        text(translated.collect::<String>())
    }),
    // SQLite's own replace and trim take time in the product of both lengths, and cannot be interrupted.
    Scalar::new("txt_replace", 3, |arguments| {
        let (value, sought, by) = (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
        if sought.is_empty() {
            return text(value);
        }
        let count = value.matches(sought).count();
        bounded(value.len() + count.saturating_mul(by.len()))?;
        text(value.replace(sought, by))
    }),
    // (text, characters).
    Scalar::new("txt_trim", 2, |arguments| {
        let letters = letters(arguments.text(1)?);
        text(
            arguments
                .text(0)?
                .trim_matches(|letter| letters.contains(&letter)),
        )
    }),
    Scalar::new("txt_ltrim", 2, |arguments| {
        let letters = letters(arguments.text(1)?);
        text(
            arguments
                .text(0)?
                .trim_start_matches(|letter| letters.contains(&letter)),
        )
    }),
    Scalar::new("txt_rtrim", 2, |arguments| {
        let letters = letters(arguments.text(1)?);
        text(
            arguments
                .text(0)?
                .trim_end_matches(|letter| letters.contains(&letter)),
        )
    }),
    Scalar::new("txt_ascii", 1, |arguments| {
        let first = arguments.text(0)?.chars().next();
        Ok(Value::Integer(
            first.map_or(0, |letter| i64::from(u32::from(letter))),
        ))
    }),
    Scalar::new("txt_chr", 1, |arguments| {
        let code = arguments.integer(0)?;
        let letter = u32::try_from(code).ok().and_then(char::from_u32);
        let letter =
            letter.ok_or_else(|| Fault::invalid_argument(format!("Invalid character code {code} in CHR")))?;
        text(letter.to_string())
    }),
    // (JSON array of texts, separator): LISTAGG(DISTINCT …), which SQLite cannot separate by anything but a comma.
    Scalar::new("txt_join", 2, |arguments| {
        let values: Vec<Option<String>> = serde_json::from_str(arguments.text(0)?)
            .map_err(|error| Fault::Internal(format!("txt_join: {error}")))?;
        let values: Vec<String> = values.into_iter().flatten().collect();
        text(values.join(arguments.text(1)?))
    }),
    Scalar::new("bool_parse", 1, parse_boolean),
    Scalar::new("bool_try_parse", 1, |arguments| or_null(parse_boolean(arguments))),
];

fn text(value: impl Into<String>) -> Outcome<Value> {
    Ok(Value::Text(value.into()))
}

fn boolean(value: bool) -> Outcome<Value> {
    Ok(Value::Integer(i64::from(value)))
}

fn count(characters: usize) -> i64 {
    i64::try_from(characters).unwrap_or(i64::MAX)
}

fn bounded(bytes: usize) -> Outcome<()> {
    if bytes > TEXT_BYTES_MAX {
        return Err(Fault::invalid_argument(format!(
            "the result of a string function is {bytes} bytes long, at most {TEXT_BYTES_MAX} are allowed"
        )));
    }
    Ok(())
}

/// Refuses a LIKE that could take seconds: nothing interrupts a function.
fn affordable(value: &str, pattern: &str) -> Outcome<()> {
    if value.len().saturating_mul(pattern.len()) > LIKE_STEPS_MAX {
        return Err(Fault::invalid_argument(format!(
            "LIKE over {} bytes of text with {} bytes of pattern is too long",
            value.len(),
            pattern.len()
        )));
    }
    Ok(())
}

fn letters(text: &str) -> BTreeSet<char> {
    text.chars().collect()
}

/// What TRANSLATE makes of each letter; the first mention of a letter counts, one without a partner is dropped.
fn translation(from: &str, to: &str) -> BTreeMap<char, Option<char>> {
    let mut table = BTreeMap::new();
    let mut to = to.chars();
    for letter in from.chars() {
        let partner = to.next();
        table.entry(letter).or_insert(partner);
    }
    table
}

/// Snowflake's SUBSTR: a start of 0 means 1, a negative one counts from the end.
fn substring(value: &str, start: i64, length: i64) -> &str {
    if length <= 0 {
        return "";
    }
    let skip = if start >= 0 {
        (start - 1).max(0)
    } else {
        let from_end = count(value.chars().count()).saturating_add(start);
        if from_end < 0 {
            return "";
        }
        from_end
    };
    let byte_of = |characters: i64| {
        let index = usize::try_from(characters).unwrap_or(usize::MAX);
        value
            .char_indices()
            .nth(index)
            .map_or(value.len(), |(byte, _)| byte)
    };
    let first = byte_of(skip);
    let last = byte_of(skip.saturating_add(length));
    &value[first..last]
}

fn initcap(value: &str) -> String {
    let mut inside_word = false;
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        if inside_word {
            out.extend(letter.to_lowercase());
        } else {
            out.extend(letter.to_uppercase());
        }
        inside_word = letter.is_alphanumeric();
    }
    out
}

fn pad(arguments: Arguments<'_, '_>, left: bool) -> Outcome<Value> {
    let (value, filling) = (arguments.text(0)?, arguments.text(2)?);
    let length = usize::try_from(arguments.integer(1)?.max(0)).unwrap_or(usize::MAX);
    let present = value.chars().count();
    if present >= length {
        return text(substring(value, 1, count(length)));
    }
    bounded(length.saturating_mul(4))?;
    let added: String = filling.chars().cycle().take(length - present).collect();
    text(if left {
        added + value
    } else {
        value.to_owned() + &added
    })
}

fn split_part<'t>(value: &'t str, delimiter: &str, number: i64) -> &'t str {
    // Part 0 is part 1.
    let index = usize::try_from(number.unsigned_abs().max(1) - 1).unwrap_or(usize::MAX);
    let part = match (delimiter.is_empty(), number < 0) {
        (true, _) => Some(value).filter(|_| index == 0),
        (false, false) => value.split(delimiter).nth(index),
        (false, true) => value.rsplit(delimiter).nth(index),
    };
    part.unwrap_or_default()
}

/// Position of `sought` from the `skip`-th character on, counted from 1; 0 if it is not there.
fn position(sought: &str, value: &str, skip: usize) -> i64 {
    let start = match value.char_indices().nth(skip) {
        Some((byte, _)) => byte,
        None if skip == 0 => 0,
        None => return 0,
    };
    match value[start..].find(sought) {
        Some(byte) => count(skip + value[start..start + byte].chars().count() + 1),
        None => 0,
    }
}

/// Matches LIKE's pattern without recursion: on a mismatch only the last `%` is tried one character further, so the
/// time is at most the product of both lengths.
pub(super) fn like(value: &str, pattern: &str, escape: Option<char>) -> bool {
    let (mut value, mut rest) = (value, pattern);
    let mut retry: Option<(&str, &str)> = None;
    loop {
        match next(rest, escape) {
            Some((Piece::Any, after)) => {
                retry = Some((value, after));
                rest = after;
                continue;
            }
            None if value.is_empty() => return true,
            Some((piece, after)) => {
                if let Some(letter) = value.chars().next()
                    && (piece == Piece::One || piece == Piece::Letter(letter))
                {
                    value = &value[letter.len_utf8()..];
                    rest = after;
                    continue;
                }
            }
            None => {}
        }
        let Some((from, after)) = retry else { return false };
        let Some(skipped) = from.chars().next() else {
            return false;
        };
        let further = &from[skipped.len_utf8()..];
        retry = Some((further, after));
        (value, rest) = (further, after);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Any,
    One,
    Letter(char),
}

fn next(pattern: &str, escape: Option<char>) -> Option<(Piece, &str)> {
    let mut letters = pattern.chars();
    let first = letters.next()?;
    if Some(first) == escape
        && let Some(escaped) = letters.next()
    {
        return Some((Piece::Letter(escaped), letters.as_str()));
    }
    let piece = match first {
        '%' => Piece::Any,
        '_' => Piece::One,
        letter => Piece::Letter(letter),
    };
    Some((piece, letters.as_str()))
}

fn parse_boolean(arguments: Arguments<'_, '_>) -> Outcome<Value> {
    let value = arguments.text(0)?;
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => boolean(true),
        "false" | "f" | "no" | "n" | "off" | "0" => boolean(false),
        _ => Err(Fault::unrecognised("Boolean value", value)),
    }
}

/// Steps of one LIKE at worst: below half a second.
const LIKE_STEPS_MAX: usize = 200_000_000;

/// As SQLite's own limit on values.
const TEXT_BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_matches_case_and_wildcards() {
        let check = |value: &str, pattern: &str, expected| {
            assert_eq!(like(value, pattern, None), expected, "{value} like {pattern}");
        };
        check("BRASS", "%RASS", true);
        check("BRASS", "b%", false);
        check("abc", "a_c", true);
        check("ac", "a_c", false);
        check("special packages requests", "%special%requests%", true);
        check("special requested", "%special%requests%", false);
        check("", "", true);
        check("", "%", true);
        check("a", "", false);
        check("aab", "%ab", true);
        check("äöü", "_ö_", true);
    }

    #[test]
    fn an_escaped_wildcard_is_a_letter() {
        assert!(like("50%", "50!%", Some('!')));
        assert!(!like("500", "50!%", Some('!')));
        assert!(
            like("a!", "a!", Some('!')),
            "an escape at the end stands for itself"
        );
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let value = "a".repeat(3_000);
        let pattern = "%a".repeat(1_000) + "b";
        assert!(!like(&value, &pattern, None));
    }

    #[test]
    fn substrings_count_characters_from_one_or_from_the_end() {
        let check = |start, length, expected: &str| assert_eq!(substring("héllo", start, length), expected);
        check(1, 2, "hé");
        check(0, 2, "hé");
        check(2, i64::MAX, "éllo");
        check(-3, 2, "ll");
        check(-9, 2, "");
        check(9, 2, "");
        check(2, 0, "");
        check(2, -1, "");
    }

    #[test]
    fn parts_are_counted_from_both_ends() {
        let check = |number, expected: &str| assert_eq!(split_part("a.b.c", ".", number), expected);
        check(1, "a");
        check(0, "a");
        check(3, "c");
        check(4, "");
        check(-1, "c");
        check(-3, "a");
        check(i64::MIN, "");
        assert_eq!(split_part("abc", "", 1), "abc");
    }

    #[test]
    fn positions_start_at_one_and_zero_is_nowhere() {
        assert_eq!(position("l", "héllo", 0), 3);
        assert_eq!(position("l", "héllo", 3), 4);
        assert_eq!(position("x", "héllo", 0), 0);
        assert_eq!(position("h", "héllo", 99), 0);
        assert_eq!(position("", "", 0), 1);
    }

    #[test]
    fn words_are_capitalised() {
        assert_eq!(initcap("hello wORLD-of sql"), "Hello World-Of Sql");
    }
}
