//! JSON as text: reading the members of an object without a tree, and writing strings.
//!
//! What is read stays borrowed ([`RawValue`]) and in its own spelling, so numbers keep their digits and ids their type.
//! Knows nothing of what the members mean. There is no tree here on purpose: a tree costs an allocation a value, and
//! nothing in this program needs more of a message than a handful of members.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Whether arrays and objects in `text` are nested deeper than `depth_max`.
///
/// Meant to run before anything is parsed; on text that is no JSON the answer is of no use but harmless.
pub fn is_deeper_than(text: &str, depth_max: usize) -> bool {
    let bytes = text.as_bytes();
    // Most messages have fewer brackets than that in all, and to count them takes a tenth of the time.
    if bytes.len() <= depth_max || opening_brackets(bytes) <= depth_max {
        return false;
    }
    let (mut index, mut depth) = (0, 0_usize);
    while let Some(&byte) = bytes.get(index) {
        index += 1;
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > depth_max {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => index = string_end(bytes, index),
            _ => {}
        }
    }
    false
}

/// Opening brackets in `bytes`, those in strings included. In runs whose number fits a byte, so that sixteen are compared
/// at once.
fn opening_brackets(bytes: &[u8]) -> usize {
    let is_opening = |byte: &u8| u8::from(matches!(*byte, b'[' | b'{'));
    let in_run = |run: &[u8]| usize::from(run.iter().map(is_opening).sum::<u8>());
    bytes.chunks(usize::from(u8::MAX)).map(in_run).sum()
}

/// The index after the quote that ends the string whose inside begins at `index`.
fn string_end(bytes: &[u8], mut index: usize) -> usize {
    loop {
        index += find_special(&bytes[index..], b'"');
        match bytes.get(index) {
            None => return bytes.len(),
            Some(b'"') => return index + 1,
            // What follows a backslash is no end, whatever it is.
            Some(b'\\') => index = (index + 2).min(bytes.len()),
            Some(_) => index += 1,
        }
    }
}

/// Why [`each_member`] stopped.
#[derive(Debug)]
pub enum Fault {
    /// The text is no JSON.
    Syntax(serde_json::Error),
    /// It is JSON, but no object.
    NotAnObject,
}

/// Calls `member` with the name and value of each member of the object in `text`, in order, duplicates included.
///
/// # Errors
/// [`Fault`]; members seen before a syntax error were passed on already.
pub fn each_member<'a>(text: &'a str, member: impl FnMut(Cow<'a, str>, &'a RawValue)) -> Result<(), Fault> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seen = deserializer.deserialize_map(Members { member });
    match seen.and_then(|()| deserializer.end()) {
        Ok(()) => Ok(()),
        Err(error) if error.is_data() => Err(Fault::NotAnObject),
        Err(error) => Err(Fault::Syntax(error)),
    }
}

struct Members<F> {
    member: F,
}

impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            (self.member)(name, map.next_value::<&'de RawValue>()?);
        }
        Ok(())
    }
}

/// A string that is borrowed unless it holds escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

/// Whether `text` is one JSON value, whatever its kind.
pub fn is_valid(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Whether `value` is an object.
pub fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// The text of a JSON string, borrowed unless it holds escapes; `None` for other kinds and for lone surrogates, which
/// are no text.
pub fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let inside = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        serde_json::from_str::<String>(value.get()).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inside))
    }
}

/// Whether `value` is an integer as it is written: digits, perhaps a minus, no fraction and no exponent.
pub fn is_integer(value: &RawValue) -> bool {
    let text = value.get();
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Appends `text` as a JSON string, with its quotes.
pub fn push_string(into: &mut Vec<u8>, text: &str) {
    into.push(b'"');
    push_string_body(into, text);
    into.push(b'"');
}

/// Appends `text` as the inside of a JSON string: escaped, without the quotes.
pub fn push_string_body(into: &mut Vec<u8>, text: &str) {
    let mut bytes = text.as_bytes();
    loop {
        let plain = find_special(bytes, b'"');
        into.extend_from_slice(&bytes[..plain]);
        let Some(&special) = bytes.get(plain) else { return };
        push_escape(into, special);
        bytes = &bytes[plain + 1..];
    }
}

/// Appends the escape of a byte that [`find_special`] stops at.
pub fn push_escape(into: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => into.extend_from_slice(b"\\\""),
        b'\\' => into.extend_from_slice(b"\\\\"),
        b'\n' => into.extend_from_slice(b"\\n"),
        b'\r' => into.extend_from_slice(b"\\r"),
        b'\t' => into.extend_from_slice(b"\\t"),
        control => into.extend_from_slice(&[
            b'\\',
            b'u',
            b'0',
            b'0',
            HEX[usize::from(control >> 4)],
            HEX[usize::from(control & 15)],
        ]),
    }
}

/// Appends `number` in decimal.
pub fn push_number(into: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let (mut start, mut rest) = (digits.len(), number);
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    into.extend_from_slice(&digits[start..]);
}

/// The index of the first byte that a JSON string must escape (a quote, a backslash, a control character) or that is
/// `extra`; the length if there is none.
///
/// Eight bytes at a time, also where fewer are left: escaping is most of what rendering a result costs, and most cells are
/// short.
pub fn find_special(bytes: &[u8], extra: u8) -> usize {
    let extras = ONES * u64::from(extra);
    let in_word = |word| specials(word, extras).trailing_zeros() as usize / 8;
    let (words, rest) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let found = in_word(u64::from_le_bytes(*word));
        if found < 8 {
            return index * 8 + found;
        }
    }
    if rest.is_empty() {
        return bytes.len();
    }
    // The last bytes once more, together with such before them as were found to be plain.
    if let Some(last) = bytes.last_chunk() {
        return bytes.len() - 8 + in_word(u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        let found = in_word(u64::from(first) | u64::from(last) << 32);
        return if found < 4 { found } else { bytes.len() + found - 8 };
    }
    let is_special = |byte: &u8| *byte < b' ' || matches!(*byte, b'"' | b'\\') || *byte == extra;
    bytes.iter().position(is_special).unwrap_or(bytes.len())
}

/// The high bits of the bytes of `word` that a JSON string must escape, or that are the byte in `extras`. Above the lowest
/// of them there may be further ones, so only the lowest counts. Bytes of multi-byte characters (0x80 and up) are none.
const fn specials(word: u64, extras: u64) -> u64 {
    /// The high bit of each byte that is zero, and perhaps of such above it (a borrow).
    const fn zero(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let controls = word.wrapping_sub(ONES * b' ' as u64) & !word;
    let quotes = zero(word ^ (ONES * b'"' as u64));
    let backslashes = zero(word ^ (ONES * b'\\' as u64));
    (controls | quotes | backslashes | zero(word ^ extras)) & (ONES << 7)
}

const ONES: u64 = u64::from_le_bytes([1; 8]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    fn members(text: &str) -> Result<Vec<(String, String)>, Fault> {
        let mut seen = Vec::new();
        each_member(text, |name, value| {
            seen.push((name.into_owned(), value.get().to_owned()));
        })?;
        Ok(seen)
    }

    fn raw(text: &str) -> &RawValue {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn members_keep_their_order_their_spelling_and_their_duplicates() {
        let seen = members(r#" {"a" : 1.50, "\u0062":{"c": [1 ,2]}, "a":"x\n"} "#).unwrap();
        let expected = [("a", "1.50"), ("b", r#"{"c": [1 ,2]}"#), ("a", r#""x\n""#)];
        assert_eq!(
            seen,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn what_is_no_object_is_told_from_what_is_no_json() {
        for text in ["1", "\"a\"", "null", "[]", "[1"] {
            assert!(matches!(members(text), Err(Fault::NotAnObject)), "{text}");
        }
        for text in [
            "",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{} {}",
            "{\"a\":01}",
            "{\"a\":\"\n\"}",
        ] {
            assert!(matches!(members(text), Err(Fault::Syntax(_))), "{text}");
        }
    }

    #[test]
    fn depth_counts_brackets_outside_strings_only() {
        assert!(!is_deeper_than("[[1],[2]]", 2));
        assert!(is_deeper_than("[[[1]]]", 2));
        assert!(!is_deeper_than(r#"["[[[[", "\"[[[", "\\"]"#, 1));
        assert!(is_deeper_than(r#"["\\",[["#, 2));
        assert!(!is_deeper_than("\"never ended", 0));
        assert!(!is_deeper_than("]]]]", 0));
    }

    #[test]
    fn text_is_the_inside_of_a_string_and_nothing_else() {
        assert!(matches!(text(raw("\"plain\"")), Some(Cow::Borrowed("plain"))));
        assert_eq!(text(raw(r#""\u00e9\n""#)).as_deref(), Some("é\n"));
        assert_eq!(text(raw(r#""\ud800""#)), None);
        assert_eq!(text(raw("1")), None);
    }

    #[test]
    fn an_integer_has_no_fraction_and_no_exponent() {
        assert!(is_integer(raw("-12")) && is_integer(raw("0")));
        for other in ["1.0", "1e3", "\"1\"", "true", "{}"] {
            assert!(!is_integer(raw(other)), "{other}");
        }
    }

    #[test]
    fn a_written_string_reads_back_as_it_was() {
        let mut random = SeededEntropy::new(7);
        let alphabet: Vec<char> = "ab\"\\\n\r\t\u{0}\u{1f} |é漢🦀\u{7f}\u{2028}".chars().collect();
        for length in 0..200 {
            let original: String = (0..length)
                .map(|_| alphabet[random.below(alphabet.len() as u64) as usize])
                .collect();
            let mut written = Vec::new();
            push_string(&mut written, &original);
            assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), original);
        }
    }

    #[test]
    fn the_first_special_byte_is_found_wherever_it_stands() {
        for special in [b'"', b'\\', b'\n', 0, 0x1f, b'|'] {
            for index in 0..40 {
                let mut bytes = "é漢".repeat(9).into_bytes();
                bytes[index] = special;
                bytes[index + 1] = 0x01;
                assert_eq!(find_special(&bytes, b'|'), index);
                // Whatever follows, and where it ends there.
                for length in [index, index + 1] {
                    assert_eq!(find_special(&bytes[..length], b'|'), index, "of {length}");
                    let from = index.min(7);
                    assert_eq!(
                        find_special(&bytes[from..length], b'|'),
                        index - from,
                        "of {length}"
                    );
                }
            }
        }
        assert_eq!(find_special("é|".as_bytes(), b'"'), 3);
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 7, 10, 1_234_567_890, u64::MAX] {
            let mut written = Vec::new();
            push_number(&mut written, number);
            assert_eq!(String::from_utf8(written).unwrap(), number.to_string());
        }
    }
}
