//! Names and text literals, safe to put into SQL. Knows nothing of which objects exist.
//!
//! Callers write names as they see them; Snowflake stores unquoted ones in upper case. So a plain name is taken in upper
//! case, every other one exactly, and all of them go into SQL in double quotes, where nothing but the quote itself has
//! a meaning (a backslash has none). A name can therefore not become anything else than one name.

use std::fmt;
use std::str::FromStr;

/// The exact name of an object.
///
/// ```
/// use snowflake_mcp::sql::identifier::Identifier;
///
/// let quoted = |text: &str| text.parse::<Identifier>().map(|name| name.to_quoted());
/// assert_eq!(quoted("mydb"), Ok("\"MYDB\"".to_owned()));
/// assert_eq!(quoted("\"My Db\""), Ok("\"My Db\"".to_owned()));
/// assert_eq!(quoted("D; drop table x"), Ok("\"D; drop table x\"".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    name: String,
}

impl Identifier {
    /// A name that is already exact, as `SHOW` tells it.
    ///
    /// # Errors
    /// Empty, longer than Snowflake allows, or with a control character.
    pub fn exact(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        if name.is_empty() {
            return Err(Error::Empty);
        }
        let characters = name.chars().count();
        if characters > NAME_CHARACTERS_MAX {
            return Err(Error::TooLong { characters });
        }
        // Snowflake would take a line feed; but no name has one, and the statement guard refuses NUL anywhere.
        if let Some(character) = name.chars().find(|character| character.is_control()) {
            return Err(Error::ControlCharacter { character });
        }
        Ok(Self { name })
    }

    /// The exact name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The name in double quotes, for SQL.
    pub fn to_quoted(&self) -> String {
        let mut quoted = String::with_capacity(self.name.len() + 2);
        quoted.push('"');
        for character in self.name.chars() {
            if character == '"' {
                quoted.push('"');
            }
            quoted.push(character);
        }
        quoted.push('"');
        quoted
    }

    /// A part of a name without quotes around it: spaces around it do not count.
    fn unquoted(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if is_plain(text) {
            Self::exact(text.to_ascii_uppercase())
        } else {
            Self::exact(text)
        }
    }
}

impl FromStr for Identifier {
    type Err = Error;

    /// One name as a caller writes it: plain (taken in upper case), in double quotes (taken from them), or anything
    /// else (taken exactly, dots and quotes inside included).
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if !text.starts_with('"') {
            return Self::unquoted(text);
        }
        match quoted_part(text)? {
            (identifier, "") => Ok(identifier),
            (_, rest) => Err(Error::TextAfterQuote {
                at: text.len() - rest.len(),
            }),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

/// The name of an object with the schema and database before it, as far as they are given.
///
/// ```
/// use snowflake_mcp::sql::identifier::QualifiedName;
///
/// let name: QualifiedName = "sales.\"Raw.Data\".orders".parse().expect("three parts");
/// assert_eq!(name.to_quoted(), "\"SALES\".\"Raw.Data\".\"ORDERS\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QualifiedName {
    database: Option<Identifier>,
    schema: Option<Identifier>,
    name: Identifier,
}

impl QualifiedName {
    /// A name in a schema of a database. A database without a schema means its schema PUBLIC, as `db..name` does.
    pub fn new(database: Option<Identifier>, schema: Option<Identifier>, name: Identifier) -> Self {
        let schema = match (&database, schema) {
            (Some(_), None) => Some(Identifier {
                name: DEFAULT_SCHEMA.to_owned(),
            }),
            (_, schema) => schema,
        };
        Self {
            database,
            schema,
            name,
        }
    }

    /// The database, if given.
    pub fn database(&self) -> Option<&Identifier> {
        self.database.as_ref()
    }

    /// The schema, if given.
    pub fn schema(&self) -> Option<&Identifier> {
        self.schema.as_ref()
    }

    /// The name itself.
    pub fn name(&self) -> &Identifier {
        &self.name
    }

    /// Every part in double quotes with dots between, for SQL.
    pub fn to_quoted(&self) -> String {
        let mut quoted = String::new();
        for part in [&self.database, &self.schema].into_iter().flatten() {
            quoted.push_str(&part.to_quoted());
            quoted.push('.');
        }
        quoted.push_str(&self.name.to_quoted());
        quoted
    }
}

impl FromStr for QualifiedName {
    type Err = Error;

    /// `name`, `schema.name` or `database.schema.name`. Dots within double quotes separate nothing, and `db..name`
    /// means the schema PUBLIC.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = Vec::with_capacity(PARTS_MAX);
        let mut rest = Some(text);
        let mut found = 0;
        while let Some(text) = rest {
            let (part, behind) = next_part(text)?;
            found += 1;
            if found <= PARTS_MAX {
                parts.push(part);
            }
            rest = behind;
        }
        if found > PARTS_MAX {
            return Err(Error::TooManyParts { found });
        }
        // `None` is a part without a character.
        match parts.as_slice() {
            [Some(name)] => Ok(Self::new(None, None, name.clone())),
            [Some(schema), Some(name)] => Ok(Self::new(None, Some(schema.clone()), name.clone())),
            [Some(database), schema, Some(name)] => {
                Ok(Self::new(Some(database.clone()), schema.clone(), name.clone()))
            }
            _ => Err(Error::Empty),
        }
    }
}

/// A text as a string literal. Quotes are doubled, and so are backslashes, which escape in Snowflake's literals.
pub fn quote_literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        if matches!(character, '\'' | '\\') {
            quoted.push(character);
        }
        quoted.push(character);
    }
    quoted.push('\'');
    quoted
}

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// A name, or a part of one, has no character.
    Empty,
    /// A name is longer than Snowflake allows.
    TooLong {
        /// Its length in characters.
        characters: usize,
    },
    /// A name holds a control character.
    ControlCharacter {
        /// The first one.
        character: char,
    },
    /// A double quote is opened and not closed.
    UnclosedQuote,
    /// Something other than a dot stands behind a closing quote.
    TextAfterQuote {
        /// Byte offset of it.
        at: usize,
    },
    /// A quote within a part that does not start with one.
    StrayQuote,
    /// More parts than database, schema and name.
    TooManyParts {
        /// How many.
        found: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => formatter.write_str("the name, or a part of it, is empty; write name or database.schema.name"),
            Self::TooLong { characters } => write!(
                formatter,
                "the name has {characters} characters, Snowflake allows {NAME_CHARACTERS_MAX}"
            ),
            Self::ControlCharacter { character } => write!(
                formatter,
                "the name holds the control character U+{:04X}; remove it",
                u32::from(character)
            ),
            Self::UnclosedQuote => formatter
                .write_str("the name opens a double quote and does not close it; write \"\" for a quote inside of it"),
            Self::TextAfterQuote { .. } => formatter.write_str(
                "something stands behind the closing double quote of the name; write \"\" for a quote inside of it",
            ),
            Self::StrayQuote => formatter.write_str(
                "a double quote stands inside of the name; put the whole part in double quotes and write \"\" for it",
            ),
            Self::TooManyParts { found } => write!(
                formatter,
                "the name has {found} parts, at most {PARTS_MAX} are known (database.schema.name); put a part that holds dots in double quotes"
            ),
        }
    }
}

impl std::error::Error for Error {}

/// Whether `text` is a name that Snowflake takes without quotes, and in upper case.
fn is_plain(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'))
}

/// The first part of `text`, `None` if it is empty, and what stands behind the dot after it, if there is one.
fn next_part(text: &str) -> Result<(Option<Identifier>, Option<&str>), Error> {
    let text = text.trim_start();
    if text.starts_with('"') {
        let (part, rest) = quoted_part(text)?;
        let behind = rest.trim_start();
        return match behind.strip_prefix('.') {
            Some(behind) => Ok((Some(part), Some(behind))),
            None if behind.is_empty() => Ok((Some(part), None)),
            None => Err(Error::TextAfterQuote {
                at: text.len() - behind.len(),
            }),
        };
    }
    let (part, behind) = match text.split_once('.') {
        Some((part, behind)) => (part, Some(behind)),
        None => (text, None),
    };
    if part.contains('"') {
        return Err(Error::StrayQuote);
    }
    if part.trim().is_empty() {
        return Ok((None, behind));
    }
    Ok((Some(Identifier::unquoted(part)?), behind))
}

/// The name in the double quotes that `text` starts with, and what stands behind them.
fn quoted_part(text: &str) -> Result<(Identifier, &str), Error> {
    let mut name = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != '"' {
            name.push(character);
        } else if characters.next_if(|&(_, next)| next == '"').is_some() {
            name.push('"');
        } else {
            return Ok((Identifier::exact(name)?, &text[at + 1..]));
        }
    }
    Err(Error::UnclosedQuote)
}

/// <https://docs.snowflake.com/en/sql-reference/identifiers>
const NAME_CHARACTERS_MAX: usize = 255;

/// Database, schema and name.
const PARTS_MAX: usize = 3;

const DEFAULT_SCHEMA: &str = "PUBLIC";

#[cfg(test)]
mod tests;
