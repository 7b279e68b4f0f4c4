//! The arguments of a tool, declared once: the JSON Schema that clients see and the parser that reads what they send
//! come from the same [`Property`] list, so they cannot disagree.
//!
//! Schemas are flat objects whose properties are typed and described, without unions, references or nesting: some
//! clients reject anything else.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use crate::json;

/// One argument of a tool.
#[derive(Debug, Clone)]
pub struct Property {
    /// Name.
    pub name: &'static str,
    /// What may be passed.
    pub kind: Kind,
    /// Whether a call without it is refused.
    pub is_required: bool,
    /// For the model: what it is, and what happens without it.
    pub description: &'static str,
}

/// The type of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A positive integer. A larger one than `maximum` is lowered to it: bounds are the operator's, and a caller who asks
    /// for too much is better served with what there is than with a refusal.
    Count {
        /// The most that has an effect.
        maximum: u64,
        /// Taken when the argument is absent.
        default: u64,
    },
    /// One of these words; the first is taken when the argument is absent.
    Choice(&'static [&'static str]),
    /// A boolean.
    Flag {
        /// Taken when the argument is absent.
        default: bool,
    },
}

impl Kind {
    /// The name of the type in JSON Schema.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Text | Self::Choice(_) => "string",
            Self::Count { .. } => "integer",
            Self::Flag { .. } => "boolean",
        }
    }
}

/// Members that some clients add to the arguments; they mean nothing here and are never echoed.
const IGNORED: [&str; 3] = ["_client_id", "_request_id", "_meta"];

/// Why arguments were refused. Shown to the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `arguments` is not an object.
    NotAnObject,
    /// A required argument is absent or empty.
    Missing(&'static str),
    /// An argument that the tool does not have.
    Unknown {
        /// As it was sent.
        name: String,
        /// Those it has.
        known: Vec<&'static str>,
    },
    /// An argument of another type.
    WrongKind {
        /// Which.
        name: &'static str,
        /// The type it should have.
        expected: &'static str,
    },
    /// A word that is none of those that may be passed.
    NotAChoice {
        /// Which argument.
        name: &'static str,
        /// Those that may be.
        words: &'static [&'static str],
    },
    /// A count of zero or less.
    NotPositive(&'static str),
    /// An argument that was given twice.
    Repeated(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => formatter.write_str("arguments must be an object"),
            Self::Missing(name) => write!(formatter, "{name} parameter is required"),
            Self::Unknown { name, known } if known.is_empty() => {
                write!(formatter, "unknown argument {name}: this tool takes none")
            }
            Self::Unknown { name, known } => {
                write!(
                    formatter,
                    "unknown argument {name}, known are {}",
                    known.join(", ")
                )
            }
            Self::WrongKind { name, expected } => write!(formatter, "{name} must be of type {expected}"),
            Self::NotAChoice { name, words } => {
                write!(formatter, "{name} must be one of {}", words.join(", "))
            }
            Self::NotPositive(name) => write!(formatter, "{name} must be at least 1"),
            Self::Repeated(name) => write!(formatter, "{name} is given twice"),
        }
    }
}

#[derive(Debug, Clone)]
enum Argument<'a> {
    Text(Cow<'a, str>),
    Count(u64),
    Flag(bool),
}

/// The arguments of one call, valid by construction: required ones are there, absent ones have their default.
#[derive(Debug)]
pub struct Arguments<'a> {
    properties: &'a [Property],
    values: Vec<Option<Argument<'a>>>,
}

impl<'a> Arguments<'a> {
    /// Reads the `arguments` member of a call; absent means an empty object.
    ///
    /// # Errors
    /// The first fault, in the order in which the arguments were sent; then what is missing.
    pub fn parse(properties: &'a [Property], arguments: Option<&'a RawValue>) -> Result<Self, Fault> {
        let mut parsed = Self {
            properties,
            values: vec![None; properties.len()],
        };
        let mut fault = None;
        if let Some(arguments) = arguments {
            let read = json::each_member(arguments.get(), |name, value| {
                if fault.is_none() {
                    fault = parsed.add(&name, value).err();
                }
            });
            read.map_err(|_| Fault::NotAnObject)?;
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        for (property, value) in properties.iter().zip(&mut parsed.values) {
            if value.is_some() {
                continue;
            }
            *value = match property.kind {
                _ if property.is_required => return Err(Fault::Missing(property.name)),
                Kind::Text => None,
                Kind::Choice(words) => words.first().map(|word| Argument::Text(Cow::Borrowed(word))),
                Kind::Count { default, .. } => Some(Argument::Count(default)),
                Kind::Flag { default } => Some(Argument::Flag(default)),
            };
        }
        Ok(parsed)
    }

    fn add(&mut self, name: &str, value: &'a RawValue) -> Result<(), Fault> {
        let Some(index) = self.properties.iter().position(|known| known.name == name) else {
            if IGNORED.contains(&name) {
                return Ok(());
            }
            let (name, known) = (name.chars().take(NAME_CHARS_MAX).collect(), self.names());
            return Err(Fault::Unknown { name, known });
        };
        let property = &self.properties[index];
        if self.values[index].is_some() {
            return Err(Fault::Repeated(property.name));
        }
        // Models write null, and some write nothing between the quotes, for an argument that they leave out.
        if matches!(value.get(), "null" | "\"\"") {
            return Ok(());
        }
        self.values[index] = Some(property.read(value)?);
        Ok(())
    }

    fn names(&self) -> Vec<&'static str> {
        self.properties.iter().map(|property| property.name).collect()
    }

    fn value(&self, name: &str) -> Option<&Argument<'a>> {
        let index = self.properties.iter().position(|known| known.name == name);
        debug_assert!(index.is_some(), "the tool declares no argument {name}");
        self.values[index?].as_ref()
    }

    /// Lowers a count to `maximum`, where the tool has one of this name: bounds may differ by caller.
    pub(super) fn lower(&mut self, name: &str, maximum: u64) {
        let index = self.properties.iter().position(|known| known.name == name);
        if let Some(Some(Argument::Count(count))) = index.map(|index| &mut self.values[index]) {
            *count = maximum.min(*count);
        }
    }

    /// Whether the tool has an argument of this name.
    pub fn is_known(&self, name: &str) -> bool {
        self.properties.iter().any(|known| known.name == name)
    }

    /// A text argument; `None` when an optional one is absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name) {
            Some(Argument::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A count, within its bounds.
    pub fn count(&self, name: &str) -> u64 {
        match self.value(name) {
            Some(Argument::Count(count)) => *count,
            _ => 0,
        }
    }

    /// A flag.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Argument::Flag(true)))
    }
}

/// Characters of an unknown argument's name that a refusal repeats.
const NAME_CHARS_MAX: usize = 64;

impl Property {
    fn read<'a>(&self, value: &'a RawValue) -> Result<Argument<'a>, Fault> {
        let wrong = || Fault::WrongKind {
            name: self.name,
            expected: self.kind.type_name(),
        };
        match self.kind {
            Kind::Text => json::text(value).map(Argument::Text).ok_or_else(wrong),
            Kind::Choice(words) => {
                let text = json::text(value).ok_or_else(wrong)?;
                let word = words.iter().find(|word| word.eq_ignore_ascii_case(&text));
                let word = word.ok_or(Fault::NotAChoice {
                    name: self.name,
                    words,
                })?;
                Ok(Argument::Text(Cow::Borrowed(word)))
            }
            Kind::Flag { .. } => match value.get() {
                "true" => Ok(Argument::Flag(true)),
                "false" => Ok(Argument::Flag(false)),
                _ => Err(wrong()),
            },
            Kind::Count { maximum, .. } => {
                // JSON has one kind of number: a client may write 10 as 10.0.
                let text = value.get();
                let digits = text.split_once('.').map_or(text, |(whole, fraction)| {
                    if fraction.bytes().all(|byte| byte == b'0') {
                        whole
                    } else {
                        text
                    }
                });
                let is_integer = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
                match digits.strip_prefix('-') {
                    Some(rest) if is_integer(rest) => Err(Fault::NotPositive(self.name)),
                    None if digits == "0" => Err(Fault::NotPositive(self.name)),
                    None if is_integer(digits) => {
                        // Too many digits for 64 bits is certainly more than the maximum.
                        Ok(Argument::Count(digits.parse().unwrap_or(u64::MAX).min(maximum)))
                    }
                    _ => Err(wrong()),
                }
            }
        }
    }

    fn push_schema(&self, into: &mut Vec<u8>) {
        json::push_string(into, self.name);
        into.extend_from_slice(b":{\"type\":\"");
        into.extend_from_slice(self.kind.type_name().as_bytes());
        into.extend_from_slice(b"\",\"description\":");
        json::push_string(into, self.description);
        match self.kind {
            Kind::Text => {}
            Kind::Choice(words) => {
                into.extend_from_slice(b",\"enum\":[");
                push_separated(into, words.iter(), |into, word| json::push_string(into, word));
                into.extend_from_slice(b"],\"default\":");
                json::push_string(into, words.first().copied().unwrap_or_default());
            }
            Kind::Count { maximum, default } => {
                into.extend_from_slice(b",\"minimum\":1,\"maximum\":");
                json::push_number(into, maximum);
                into.extend_from_slice(b",\"default\":");
                json::push_number(into, default);
            }
            Kind::Flag { default } => {
                into.extend_from_slice(b",\"default\":");
                into.extend_from_slice(if default { b"true" } else { b"false" });
            }
        }
        into.push(b'}');
    }
}

/// Appends the JSON Schema of an object with these properties.
pub fn push_schema(into: &mut Vec<u8>, properties: &[Property]) {
    into.extend_from_slice(b"{\"type\":\"object\"");
    if !properties.is_empty() {
        into.extend_from_slice(b",\"properties\":{");
        push_separated(into, properties.iter(), |into, property| {
            property.push_schema(into)
        });
        into.push(b'}');
    }
    let required = properties.iter().filter(|property| property.is_required);
    if required.clone().next().is_some() {
        into.extend_from_slice(b",\"required\":[");
        push_separated(into, required, |into, property| {
            json::push_string(into, property.name)
        });
        into.push(b']');
    }
    into.extend_from_slice(b",\"additionalProperties\":false}");
}

/// Appends the map that the program before this one listed its arguments in: `{name: {type, required, description}}`.
pub fn push_parameters(into: &mut Vec<u8>, properties: &[Property]) {
    into.push(b'{');
    push_separated(into, properties.iter(), |into, property| {
        json::push_string(into, property.name);
        into.extend_from_slice(b":{\"type\":\"");
        into.extend_from_slice(property.kind.type_name().as_bytes());
        into.extend_from_slice(b"\",\"required\":");
        into.extend_from_slice(if property.is_required { b"true" } else { b"false" });
        into.extend_from_slice(b",\"description\":");
        json::push_string(into, property.description);
        into.push(b'}');
    });
    into.push(b'}');
}

/// Appends each item, with commas between them.
pub(crate) fn push_separated<T>(
    into: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    push: impl Fn(&mut Vec<u8>, T),
) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            into.push(b',');
        }
        push(into, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROPERTIES: [Property; 3] = [
        Property {
            name: "query",
            kind: Kind::Text,
            is_required: true,
            description: "SQL",
        },
        Property {
            name: "limit",
            kind: Kind::Count {
                maximum: 50,
                default: 10,
            },
            is_required: false,
            description: "rows",
        },
        Property {
            name: "flag",
            kind: Kind::Flag { default: true },
            is_required: false,
            description: "a flag",
        },
    ];

    fn parse(text: &str) -> Result<(String, u64, bool), String> {
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        let arguments = Arguments::parse(&PROPERTIES, Some(raw)).map_err(|fault| fault.to_string())?;
        Ok((
            arguments.text("query").unwrap_or_default().to_owned(),
            arguments.count("limit"),
            arguments.flag("flag"),
        ))
    }

    #[test]
    fn absent_arguments_have_their_defaults() {
        let expected = Ok(("a\n".to_owned(), 10, true));
        assert_eq!(parse(r#"{"query":"a\n"}"#), expected);
        assert_eq!(parse(r#"{"query":"a\n","limit":null,"flag":null}"#), expected);
        assert_eq!(
            parse(r#"{"query":"a\n","_client_id":"x","_request_id":1,"_meta":{}}"#),
            expected
        );
    }

    #[test]
    fn a_count_is_lowered_to_its_maximum_and_may_be_written_with_a_zero_fraction() {
        for (written, count) in [
            ("7", 7),
            ("7.0", 7),
            ("50", 50),
            ("51", 50),
            ("1e0", 0),
            ("99999999999999999999999", 50),
        ] {
            let parsed = parse(&format!(r#"{{"query":"a","limit":{written}}}"#));
            match parsed {
                Ok((_, limit, _)) => assert_eq!(limit, count, "{written}"),
                Err(sentence) => assert_eq!((sentence.as_str(), count), ("limit must be of type integer", 0)),
            }
        }
    }

    #[test]
    fn every_fault_is_a_sentence() {
        for (arguments, sentence) in [
            ("{}", "query parameter is required"),
            (r#"{"query":""}"#, "query parameter is required"),
            (r#"{"query":null}"#, "query parameter is required"),
            (r#"{"query":7}"#, "query must be of type string"),
            (r#"{"query":"a","limit":"7"}"#, "limit must be of type integer"),
            (r#"{"query":"a","limit":7.5}"#, "limit must be of type integer"),
            (r#"{"query":"a","limit":0}"#, "limit must be at least 1"),
            (r#"{"query":"a","limit":-3}"#, "limit must be at least 1"),
            (r#"{"query":"a","flag":1}"#, "flag must be of type boolean"),
            (r#"{"query":"a","query":"b"}"#, "query is given twice"),
            (
                r#"{"sql":"a"}"#,
                "unknown argument sql, known are query, limit, flag",
            ),
            ("[]", "arguments must be an object"),
            ("7", "arguments must be an object"),
        ] {
            assert_eq!(parse(arguments), Err(sentence.to_owned()), "{arguments}");
        }
        let raw: &RawValue = serde_json::from_str(r#"{"x":1}"#).unwrap();
        assert_eq!(
            Arguments::parse(&[], Some(raw)).unwrap_err().to_string(),
            "unknown argument x: this tool takes none"
        );
        assert!(Arguments::parse(&[], None).is_ok());
    }

    #[test]
    fn the_schema_says_what_the_parser_does() {
        let mut schema = Vec::new();
        push_schema(&mut schema, &PROPERTIES);
        assert_eq!(
            String::from_utf8(schema).unwrap(),
            concat!(
                r#"{"type":"object","properties":{"query":{"type":"string","description":"SQL"},"#,
                r#""limit":{"type":"integer","description":"rows","minimum":1,"maximum":50,"default":10},"#,
                r#""flag":{"type":"boolean","description":"a flag","default":true}},"#,
                r#""required":["query"],"additionalProperties":false}"#
            )
        );
        let mut empty = Vec::new();
        push_schema(&mut empty, &[]);
        assert_eq!(empty, br#"{"type":"object","additionalProperties":false}"#);
    }

    #[test]
    fn the_old_map_of_parameters_is_written_too() {
        let mut map = Vec::new();
        push_parameters(&mut map, &PROPERTIES[..1]);
        assert_eq!(
            map,
            br#"{"query":{"type":"string","required":true,"description":"SQL"}}"#
        );
    }
}
