//! Why a text cannot be cut into tokens, and what its writer can do about it.

use std::fmt;

/// What was opened and not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// `'`
    Text,
    /// `$$`
    DollarText,
    /// `"`
    QuotedName,
    /// `/*`
    Comment,
}

/// Why a text cannot be cut into tokens with certainty. Offsets are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The text ends inside of something.
    Unclosed {
        /// What is open.
        opened: Opened,
        /// Where it was opened.
        at: usize,
    },
    /// NUL, or a control outside of strings and comments.
    ControlCharacter {
        /// The character's number.
        code: u32,
        /// Where it stands.
        at: usize,
    },
    /// A character that Snowflake has no use for outside of strings, quoted names and comments.
    UnknownCharacter {
        /// The character.
        character: char,
        /// Where it stands.
        at: usize,
    },
    /// A line comment with a character that may or may not end it.
    UnclearLineEnd {
        /// Where it stands.
        at: usize,
    },
    /// `$$` behind a name.
    UnclearDollars {
        /// Where the `$$` stands.
        at: usize,
    },
    /// A stage path with the start of a comment or an operator in it.
    UnclearStagePath {
        /// Where the unclear part stands.
        at: usize,
    },
}

impl Error {
    /// The byte offset that the error is about.
    pub fn at(&self) -> usize {
        match *self {
            Self::Unclosed { at, .. }
            | Self::ControlCharacter { at, .. }
            | Self::UnknownCharacter { at, .. }
            | Self::UnclearLineEnd { at }
            | Self::UnclearDollars { at }
            | Self::UnclearStagePath { at } => at,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unclosed { opened, .. } => formatter.write_str(match opened {
                Opened::Text => {
                    "a string is opened here and never closed; end it with ' (inside of it, write '' for a quote and \\\\ for a backslash)"
                }
                Opened::DollarText => "$$ opens a string here that no further $$ closes",
                Opened::QuotedName => {
                    "a quoted name is opened here and never closed; end it with \" (inside of it, write \"\" for a quote)"
                }
                Opened::Comment => {
                    "/* opens a comment here that no */ closes; comments do not nest in Snowflake"
                }
            }),
            Self::ControlCharacter { code, .. } => write!(
                formatter,
                "control character U+{code:04X} is not allowed here; remove it"
            ),
            Self::UnknownCharacter { character: '`', .. } => formatter
                .write_str("a backtick quotes nothing in Snowflake; quote names with \" and strings with '"),
            Self::UnknownCharacter { character: '#', .. } => formatter
                .write_str("# starts no comment in Snowflake; write -- or /* */, and quote names that hold it with \""),
            Self::UnknownCharacter { character, .. } => {
                write!(formatter, "{character:?} (U+{:04X}) ", u32::from(character))?;
                formatter.write_str(
                    "means nothing in Snowflake outside of strings and quoted names; remove it, or quote the name with \"",
                )
            }
            Self::UnclearLineEnd { .. } => formatter
                .write_str("a character here ends the comment for some readers and not for others; end the line with \\n"),
            Self::UnclearDollars { .. } => {
                formatter.write_str("$$ directly behind a name is unclear; put a space before it")
            }
            Self::UnclearStagePath { .. } => formatter.write_str(
                "a stage path that holds //, /*, --, -> or $$ is unclear; put a space behind the path or rename the file",
            ),
        }
    }
}

impl std::error::Error for Error {}
