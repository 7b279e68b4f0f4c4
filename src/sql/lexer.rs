//! Snowflake's lexical rules: text to tokens, in one pass, without a copy. Knows no statement and no policy.
//!
//! Where Snowflake's documentation leaves a choice, or engines are known to differ, the text is refused instead of
//! guessed at: a token that ends elsewhere for the engine than for the guard is how guards are bypassed. Refused are:
//!
//! - anything that is opened and not closed (a string, `$$`, a quoted name, a block comment);
//! - NUL anywhere, and outside of strings, quoted names and comments every control but tab, line feed and return;
//! - in `--` and `//` comments the characters that some engines take for a line end and others do not (a lone carriage
//!   return, vertical tab, form feed, U+0085, U+2028, U+2029);
//! - `$$` directly behind a name (`a$$`): a longer name for one lexer, a string for another;
//! - a stage path with `//`, `/*`, `--`, `->` or `$$` in it: part of the path or not;
//! - characters that open nothing in Snowflake but a comment or a quote elsewhere (`#`, backtick, backslash,
//!   typographic quotes), and invisible ones.
//!
//! Unicode spaces count as spaces. That is the safe side: if Snowflake took one for a letter, it would see one longer
//! name where the guard sees two tokens, and the guard only ever refuses more for seeing more.

mod error;

pub use error::{Error, Opened};

/// What a token is. Comments and spaces are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// An unquoted name or keyword. Holds `$` and letters of any script.
    Word,
    /// `"…"`, where `""` stands for a quote and a backslash for itself.
    QuotedName,
    /// `'…'`, where `''` and `\'` stand for a quote.
    Text,
    /// `$$…$$`, without any escape.
    DollarText,
    /// An unsigned number.
    Number,
    /// `$name` or `$1`.
    Variable,
    /// `@stage/path`, with `@~` and `@%table`.
    Stage,
    /// `->>`, which chains statements.
    Flow,
    /// `->`, between the arguments and the body of a lambda.
    Arrow,
    /// `=>`, between the name and the value of an argument.
    Argument,
    /// `::`, a cast.
    Cast,
    /// `:=`, an assignment of Snowflake Scripting.
    Assign,
    /// Any other operator or bracket: one ASCII character.
    Symbol(u8),
}

/// A piece of the text that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'t> {
    /// What it is.
    pub kind: TokenKind,
    /// The piece itself, quotes included.
    pub text: &'t str,
    /// Where it starts: a byte offset.
    pub start: usize,
}

impl<'t> Token<'t> {
    /// Whether this is the operator or bracket `symbol`.
    pub fn is_symbol(&self, symbol: u8) -> bool {
        self.kind == TokenKind::Symbol(symbol)
    }

    /// The byte offset behind it.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// A word or the inside of a quoted name, with doubled quotes left as they are; `None` for other tokens.
    pub fn as_name(&self) -> Option<&'t str> {
        match self.kind {
            TokenKind::Word => Some(self.text),
            TokenKind::QuotedName => Some(&self.text[1..self.text.len() - 1]),
            _ => None,
        }
    }
}

/// Cuts a text into tokens. After an error there is nothing more.
///
/// ```
/// use snowflake_mcp::sql::lexer::Lexer;
///
/// let words: Result<Vec<_>, _> = Lexer::new("select 'a;b' -- note").map(|token| token.map(|token| token.text)).collect();
/// assert_eq!(words, Ok(vec!["select", "'a;b'"]));
/// ```
#[derive(Debug, Clone)]
pub struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Iterator for Lexer<'t> {
    type Item = Result<Token<'t>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let token = self.token().transpose();
        if matches!(token, Some(Err(_))) {
            self.at = self.text.len();
        }
        token
    }
}

impl<'t> Lexer<'t> {
    /// A lexer at the start of `text`.
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn token(&mut self) -> Result<Option<Token<'t>>, Error> {
        // A NUL ends the text for programs in C, wherever it stands; so it is looked for everywhere, once.
        if self.at == 0 && self.text.as_bytes().contains(&0) {
            let at = self.text.find('\0').unwrap_or(0);
            return Err(Error::ControlCharacter { code: 0, at });
        }
        self.skip_spaces_and_comments()?;
        let start = self.at;
        let Some(byte) = self.byte(start) else {
            return Ok(None);
        };
        let kind = match CLASSES[usize::from(byte)] {
            Class::Letter => self.word()?,
            Class::Digit => self.number(),
            Class::Dollar => self.dollar()?,
            Class::Symbol => self.symbol(byte),
            Class::Quote => self.quoted_text()?,
            Class::DoubleQuote => self.quoted_name()?,
            Class::At => self.stage()?,
            Class::Wide if self.character(start).is_alphabetic() => self.word()?,
            Class::Control => {
                return Err(Error::ControlCharacter {
                    code: u32::from(byte),
                    at: start,
                });
            }
            Class::Space | Class::Wide | Class::Unknown => return Err(self.unknown_character(start)),
        };
        Ok(Some(Token {
            kind,
            text: &self.text[start..self.at],
            start,
        }))
    }

    fn skip_spaces_and_comments(&mut self) -> Result<(), Error> {
        while let Some(byte) = self.byte(self.at) {
            match CLASSES[usize::from(byte)] {
                Class::Space => self.at += 1,
                Class::Symbol => match (byte, self.byte(self.at + 1)) {
                    (b'-', Some(b'-')) | (b'/', Some(b'/')) => self.skip_line_comment()?,
                    (b'/', Some(b'*')) => self.skip_block_comment()?,
                    _ => return Ok(()),
                },
                Class::Wide => {
                    let character = self.character(self.at);
                    // U+0085 is both a space and a control.
                    if !character.is_whitespace() || character.is_control() {
                        return Ok(());
                    }
                    self.at += character.len_utf8();
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    fn skip_line_comment(&mut self) -> Result<(), Error> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 2;
        while let Some(&byte) = bytes.get(at) {
            let rest = &bytes[at + 1..];
            let is_unclear = match byte {
                b'\n' => break,
                b'\r' => !rest.is_empty() && rest[0] != b'\n',
                0x0b | 0x0c => true,
                0xc2 => rest.first() == Some(&0x85),
                0xe2 => matches!(rest, [0x80, 0xa8 | 0xa9, ..]),
                _ => false,
            };
            if is_unclear {
                return Err(Error::UnclearLineEnd { at });
            }
            at += 1;
        }
        self.at = at;
        Ok(())
    }

    /// The first `*/` ends it, whatever was opened in between.
    fn skip_block_comment(&mut self) -> Result<(), Error> {
        match self.text[self.at + 2..].find("*/") {
            Some(length) => {
                self.at += 2 + length + 2;
                Ok(())
            }
            None => Err(self.unclosed(Opened::Comment)),
        }
    }

    fn word(&mut self) -> Result<TokenKind, Error> {
        self.skip_word_characters()?;
        Ok(TokenKind::Word)
    }

    /// Moves behind letters, digits, underscores and dollars.
    fn skip_word_characters(&mut self) -> Result<(), Error> {
        while let Some(byte) = self.byte(self.at) {
            match CLASSES[usize::from(byte)] {
                Class::Letter | Class::Digit => self.at += 1,
                Class::Dollar if self.byte(self.at + 1) == Some(b'$') => {
                    return Err(Error::UnclearDollars { at: self.at });
                }
                Class::Dollar => self.at += 1,
                Class::Wide => {
                    let character = self.character(self.at);
                    if !character.is_alphanumeric() {
                        break;
                    }
                    self.at += character.len_utf8();
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// Digits, a fraction, an exponent. A sign is an operator, and a letter behind it starts an alias.
    fn number(&mut self) -> TokenKind {
        self.skip_digits();
        if self.byte(self.at) == Some(b'.') {
            self.at += 1;
            self.skip_digits();
        }
        if matches!(self.byte(self.at), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.byte(self.at + 1), Some(b'+' | b'-')));
            if self
                .byte(self.at + 1 + sign)
                .is_some_and(|byte| byte.is_ascii_digit())
            {
                self.at += 1 + sign;
                self.skip_digits();
            }
        }
        TokenKind::Number
    }

    fn skip_digits(&mut self) {
        while self.byte(self.at).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// `$$…$$`, `$name` or `$1`. There are no tags between the dollars as in PostgreSQL: `$a$` is a variable.
    fn dollar(&mut self) -> Result<TokenKind, Error> {
        let start = self.at;
        if self.byte(start + 1) == Some(b'$') {
            let Some(length) = self.text[start + 2..].find("$$") else {
                return Err(self.unclosed(Opened::DollarText));
            };
            self.at += 2 + length + 2;
            return Ok(TokenKind::DollarText);
        }
        self.at += 1;
        self.skip_word_characters()?;
        if self.at == start + 1 {
            return Err(self.unknown_character(start));
        }
        Ok(TokenKind::Variable)
    }

    fn quoted_text(&mut self) -> Result<TokenKind, Error> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                // A backslash takes the next character with it. Only the first byte of that one can be a quote.
                b'\\' => at += 2,
                b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
                b'\'' => {
                    self.at = at + 1;
                    return Ok(TokenKind::Text);
                }
                _ => at += 1,
            }
        }
        Err(self.unclosed(Opened::Text))
    }

    fn quoted_name(&mut self) -> Result<TokenKind, Error> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'"' if bytes.get(at + 1) == Some(&b'"') => at += 2,
                b'"' => {
                    self.at = at + 1;
                    return Ok(TokenKind::QuotedName);
                }
                _ => at += 1,
            }
        }
        Err(self.unclosed(Opened::QuotedName))
    }

    /// A stage and its path, up to a space, bracket, comma, semicolon or string.
    fn stage(&mut self) -> Result<TokenKind, Error> {
        self.at += 1;
        while let Some(byte) = self.byte(self.at) {
            match (byte, self.byte(self.at + 1)) {
                (b'/', Some(b'/' | b'*')) | (b'-', Some(b'-' | b'>')) | (b'$', Some(b'$')) => {
                    return Err(Error::UnclearStagePath { at: self.at });
                }
                (b'(' | b')' | b',' | b';' | b'\'', _) => break,
                (b'"', _) => {
                    self.quoted_name()?;
                }
                _ => match CLASSES[usize::from(byte)] {
                    Class::Space | Class::Control | Class::Unknown => break,
                    Class::Wide => {
                        let character = self.character(self.at);
                        if !character.is_alphanumeric() {
                            break;
                        }
                        self.at += character.len_utf8();
                    }
                    _ => self.at += 1,
                },
            }
        }
        Ok(TokenKind::Stage)
    }

    fn symbol(&mut self, byte: u8) -> TokenKind {
        let (kind, length) = match (byte, self.byte(self.at + 1)) {
            (b'-', Some(b'>')) if self.byte(self.at + 2) == Some(b'>') => (TokenKind::Flow, 3),
            (b'-', Some(b'>')) => (TokenKind::Arrow, 2),
            (b'=', Some(b'>')) => (TokenKind::Argument, 2),
            (b':', Some(b':')) => (TokenKind::Cast, 2),
            (b':', Some(b'=')) => (TokenKind::Assign, 2),
            _ => (TokenKind::Symbol(byte), 1),
        };
        self.at += length;
        kind
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The character at `at`, which is a boundary inside of the text.
    fn character(&self, at: usize) -> char {
        self.text[at..].chars().next().unwrap_or('\0')
    }

    fn unclosed(&self, opened: Opened) -> Error {
        Error::Unclosed { opened, at: self.at }
    }

    fn unknown_character(&self, at: usize) -> Error {
        let character = self.character(at);
        if character.is_control() {
            return Error::ControlCharacter {
                code: u32::from(character),
                at,
            };
        }
        Error::UnknownCharacter { character, at }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Letter,
    Digit,
    Dollar,
    Symbol,
    Quote,
    DoubleQuote,
    At,
    /// A byte of a character beyond ASCII.
    Wide,
    Control,
    Unknown,
}

/// What each byte may start: one load a byte.
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Wide; 256];
    let mut byte = 0;
    while byte < 0x80 {
        classes[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' => Class::Space,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b'$' => Class::Dollar,
            b'\'' => Class::Quote,
            b'"' => Class::DoubleQuote,
            b'@' => Class::At,
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' | b';' | b'.' | b':' => Class::Symbol,
            b'+' | b'-' | b'*' | b'/' | b'%' | b'=' | b'<' | b'>' | b'!' => Class::Symbol,
            b'|' | b'&' | b'^' | b'~' | b'?' => Class::Symbol,
            0..=0x1f | 0x7f => Class::Control,
            _ => Class::Unknown,
        };
        byte += 1;
    }
    classes
};

#[cfg(test)]
mod tests;
