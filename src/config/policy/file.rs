//! The policy file: TOML to layers. Every refusal names the line.

use std::collections::BTreeMap;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{
    BYTES_EXPECTED, LISTS, Layer, NUMBERS, ON_FAILURE, SECTIONS_MAX, SWITCHES, UNEXPLAINED, bytes_of,
};

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) base: Layer,
    /// By role, as it is written in SQL.
    pub(super) roles: BTreeMap<String, Layer>,
    /// By label of the key.
    pub(super) keys: BTreeMap<String, Layer>,
}

/// Reads the text of a file.
///
/// # Errors
/// The first thing that is no policy, with its line.
pub(super) fn read(text: &str) -> Result<File, String> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        wrong(text, at, error.message())
    })?;
    let mut file = File::default();
    for (name, value) in table.get_ref() {
        let word: &str = name.get_ref();
        match (word, value.get_ref()) {
            ("role", DeValue::Table(sections)) => file.roles = layers(text, sections)?,
            ("key", DeValue::Table(sections)) => file.keys = layers(text, sections)?,
            ("role" | "key", _) => {
                let expected = format!("expected sections, as [{word}.NAME]");
                return Err(wrong(text, value.span().start, expected));
            }
            _ => add(&mut file.base, text, word, value)?,
        }
    }
    Ok(file)
}

fn layers(text: &str, sections: &DeTable<'_>) -> Result<BTreeMap<String, Layer>, String> {
    let mut layers = BTreeMap::new();
    for (name, section) in sections {
        let at = name.span().start;
        let DeValue::Table(table) = section.get_ref() else {
            return Err(wrong(text, at, format!("{} is no section", name.get_ref())));
        };
        if layers.len() == SECTIONS_MAX {
            return Err(wrong(
                text,
                at,
                format!("more than {SECTIONS_MAX} sections of a kind"),
            ));
        }
        let mut layer = Layer::default();
        for (word, value) in table {
            add(&mut layer, text, word.get_ref(), value)?;
        }
        layers.insert(name.get_ref().to_string(), layer);
    }
    Ok(layers)
}

fn add(layer: &mut Layer, text: &str, word: &str, value: &Spanned<DeValue<'_>>) -> Result<(), String> {
    let known = |words: &[&'static str]| words.iter().copied().find(|known| *known == word);
    let wrong = |expected: &str| wrong(text, value.span().start, format_args!("{word}: {expected}"));
    let value = value.get_ref();
    if let Some(name) = known(&LISTS) {
        let list = texts(value).ok_or_else(|| wrong("expected a list of texts, as [\"a\", \"b\"]"))?;
        layer.lists.insert(name, list);
    } else if let Some(name) = known(&NUMBERS) {
        let number = if name.ends_with("bytes") {
            bytes(value).ok_or_else(|| wrong(BYTES_EXPECTED))?
        } else {
            number(value).ok_or_else(|| wrong("expected a number above 0"))?
        };
        layer.numbers.insert(name, number);
    } else if let Some(name) = known(&SWITCHES) {
        let switch = value.as_bool();
        layer
            .switches
            .insert(name, switch.ok_or_else(|| wrong("expected true or false"))?);
    } else if word == ON_FAILURE {
        let chosen = UNEXPLAINED.iter().find(|(name, _)| value.as_str() == Some(name));
        let (_, unexplained) = chosen.ok_or_else(|| wrong("expected \"refuse\" or \"run\""))?;
        layer.unexplained = Some(*unexplained);
    } else {
        let words = [&LISTS[..], &NUMBERS, &SWITCHES, &[ON_FAILURE]].concat();
        return Err(wrong(&format!("unknown; known are {}", words.join(", "))));
    }
    Ok(())
}

fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    let items = value.as_array()?.iter();
    items
        .map(|item| item.get_ref().as_str().map(str::to_owned))
        .collect()
}

fn number(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok()?;
    (number > 0).then_some(number)
}

fn bytes(value: &DeValue<'_>) -> Option<u64> {
    match value.as_str() {
        Some(text) => bytes_of(text),
        None => number(value),
    }
}

fn wrong(text: &str, at: usize, what: impl fmt::Display) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    format!("line {line}: {what}")
}
