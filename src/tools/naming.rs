//! Names of Snowflake objects: how a caller writes them, and how they are written into our own statements.
//!
//! A bare word is folded to upper case as Snowflake does; a name in double quotes is exact; anything else (a space, a
//! hyphen, a leading digit) cannot be a bare word, so it is taken as it stands. Into SQL a name always goes quoted.

use std::fmt;

/// The name of one object, exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identifier(String);

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidIdentifier {
    /// Nothing is there.
    Empty,
    /// Longer than Snowflake's 255 characters.
    TooLong,
    /// A quoted name whose quotes do not match.
    Quotes,
    /// A dot outside quotes: more than one name.
    Dotted,
    /// A control character.
    Control,
}

impl fmt::Display for InvalidIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "is empty",
            Self::TooLong => "is longer than 255 characters",
            Self::Quotes => "has quotes that do not match; inside a quoted name write \"\" for a quote",
            Self::Dotted => {
                "must be one name: pass database and schema as arguments of their own, and put a name that holds a dot in double quotes"
            }
            Self::Control => "holds a control character",
        })
    }
}

/// Characters of a name (Snowflake's own limit).
const NAME_CHARS_MAX: usize = 255;

impl Identifier {
    /// Reads a name as a caller writes it.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        let text = text.trim();
        let exact = match text.strip_prefix('"') {
            Some(rest) => unquoted(rest)?,
            None if text.contains('"') => return Err(InvalidIdentifier::Quotes),
            None if text.contains('.') => return Err(InvalidIdentifier::Dotted),
            None if is_bare(text) => text.to_ascii_uppercase(),
            None => text.to_owned(),
        };
        if exact.is_empty() {
            Err(InvalidIdentifier::Empty)
        } else if exact.chars().count() > NAME_CHARS_MAX {
            Err(InvalidIdentifier::TooLong)
        } else if exact.chars().any(char::is_control) {
            Err(InvalidIdentifier::Control)
        } else {
            Ok(Self(exact))
        }
    }

    /// The name in double quotes, as it goes into a statement.
    pub(crate) fn to_quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('"', "\"\""))
    }

    /// The name as Snowflake stores it.
    pub(crate) fn as_exact(&self) -> &str {
        &self.0
    }
}

/// The name whose quoted text, without the opening quote, is `rest`.
fn unquoted(rest: &str) -> Result<String, InvalidIdentifier> {
    let inside = rest.strip_suffix('"').ok_or(InvalidIdentifier::Quotes)?;
    let exact = inside.replace("\"\"", "\0");
    if exact.contains('"') {
        return Err(InvalidIdentifier::Quotes);
    }
    if inside.contains('\0') {
        return Err(InvalidIdentifier::Control);
    }
    Ok(exact.replace('\0', "\""))
}

fn is_bare(text: &str) -> bool {
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    text.bytes().next().is_some_and(is_first)
        && text
            .bytes()
            .all(|byte| is_first(byte) || byte.is_ascii_digit() || byte == b'$')
}

/// `text` as a SQL string literal.
pub(crate) fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// An exact name as a caller may pass it back: bare where that means the same, else in quotes.
pub(crate) fn display_name(exact: &str) -> String {
    if is_bare(exact) && !exact.bytes().any(|byte| byte.is_ascii_lowercase()) {
        exact.to_owned()
    } else {
        format!("\"{}\"", exact.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_snowflake_reads_them_and_always_written_in_quotes() {
        for (written, quoted) in [
            ("orders", "\"ORDERS\""),
            (" V_1$ ", "\"V_1$\""),
            ("\"orders\"", "\"orders\""),
            ("\"a.b\"", "\"a.b\""),
            (r#""say ""hi""""#, r#""say ""hi""""#),
            ("my view", "\"my view\""),
            ("D; drop", "\"D; drop\""),
            ("1st", "\"1st\""),
            ("größe", "\"größe\""),
        ] {
            assert_eq!(
                Identifier::parse(written).unwrap().to_quoted(),
                quoted,
                "{written}"
            );
        }
    }

    #[test]
    fn what_is_no_single_name_is_refused() {
        for (written, fault) in [
            ("", InvalidIdentifier::Empty),
            ("\"\"", InvalidIdentifier::Empty),
            ("a.b", InvalidIdentifier::Dotted),
            ("\"a\".\"b\"", InvalidIdentifier::Quotes),
            ("\"a", InvalidIdentifier::Quotes),
            ("a\"b", InvalidIdentifier::Quotes),
            ("\"a\nb\"", InvalidIdentifier::Control),
            ("\"a\0b\"", InvalidIdentifier::Control),
        ] {
            assert_eq!(Identifier::parse(written), Err(fault), "{written}");
        }
        assert_eq!(
            Identifier::parse(&"x".repeat(256)),
            Err(InvalidIdentifier::TooLong)
        );
    }

    #[test]
    fn a_displayed_name_reads_back_as_itself() {
        for exact in ["ORDERS", "orders", "a.b", "say \"hi\"", "1ST"] {
            let read = Identifier::parse(&display_name(exact)).unwrap();
            assert_eq!(read.as_exact(), exact);
        }
        assert_eq!(display_name("ORDERS"), "ORDERS");
    }

    #[test]
    fn a_literal_escapes_quotes_and_backslashes() {
        assert_eq!(quote_literal(r#""it's"\"#), r#"'"it''s"\\'"#);
    }
}
