//! Statement text to tokens: sqlparser's Snowflake tokenizer with what it gets wrong refused, cut at `->>`.
//!
//! Also a small cursor over the tokens that matter, for the statements that sqlparser does not parse (SHOW, DESCRIBE,
//! EXPLAIN). It knows no grammar.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace};

use super::dialect::Queries;
use super::fault::{Fault, Outcome};

/// The tokens of one statement, white space and comments included.
///
/// # Errors
/// [`Fault::Syntax`] for text that no token begins with, for what sqlparser reads otherwise than Snowflake does (`#`
/// comments, backticks, tagged dollar quotes) and for a second statement; [`Fault::Unsupported`] for a text so long
/// or so nested that its tokens or its tree would take far more memory than it does.
pub(super) fn tokenize(text: &str) -> Outcome<Vec<TokenWithSpan>> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Fault::unsupported(format_args!(
            "statements of more than {TEXT_BYTES_MAX} bytes (found {})",
            text.len()
        )));
    }
    // Strings are kept as they were written: columns without an alias are named by that. See `unescape`.
    let mut tokens = Tokenizer::new(&Queries, text)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|error| syntax(error.location, error.message))?;
    let end = tokens
        .iter()
        .rposition(|token| matters(&token.token) && token.token != Token::SemiColon)
        .map_or(0, |last| last + 1);
    for (index, token) in tokens.iter().enumerate() {
        if index < end || token.token != Token::SemiColon {
            check(token)?;
        }
    }
    tokens.truncate(end);
    check_shape(&tokens)?;
    if tokens.is_empty() {
        return Err(syntax(Location { line: 1, column: 1 }, "the statement is empty"));
    }
    Ok(tokens)
}

/// The stages of a pipe: what stands between `->>`.
pub(super) fn stages(tokens: Vec<TokenWithSpan>) -> Vec<Vec<TokenWithSpan>> {
    let mut stages = vec![Vec::new()];
    for token in tokens {
        match (token.token == Token::LongArrow, stages.last_mut()) {
            (false, Some(stage)) => stage.push(token),
            _ => stages.push(Vec::new()),
        }
    }
    stages
}

/// Whether a token is more than space between tokens.
pub(super) fn matters(token: &Token) -> bool {
    !matches!(token, Token::Whitespace(_) | Token::EOF)
}

/// A syntax error at a place.
pub(super) fn syntax(location: Location, message: impl Into<String>) -> Fault {
    Fault::Syntax {
        message: message.into(),
        line: location.line,
        column: location.column,
    }
}

/// The exact name that a written identifier means: upper case unless it was quoted.
pub(super) fn exact_name(value: &str, is_quoted: bool) -> String {
    if is_quoted {
        value.replace("\"\"", "\"")
    } else {
        value.to_uppercase()
    }
}

/// The exact parts of a name inside a string, as GET_DDL and IDENTIFIER take it: by the rules of statements.
pub(super) fn parse_name(name: &str) -> Outcome<Vec<String>> {
    let tokens = tokenize(name)?;
    let mut cursor = Cursor::new(&tokens);
    let parts = cursor.name().ok_or_else(|| cursor.unexpected("a name"))?;
    cursor.end()?;
    Ok(parts)
}

/// The text that a written string means: `''` and Snowflake's backslash sequences. A backslash before any other
/// character is dropped.
pub(super) fn unescape(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut rest = written.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\'' => {
                rest = rest.as_str().strip_prefix('\'').unwrap_or(rest.as_str()).chars();
                text.push('\'');
            }
            '\\' => match rest.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some('b') => text.push('\u{8}'),
                Some('f') => text.push('\u{c}'),
                Some('x') => push_code(&mut text, &mut rest, 2, 16),
                Some('u') => push_code(&mut text, &mut rest, 4, 16),
                Some(first @ '0'..='7') => match octal(rest.as_str()) {
                    Some(tail) => {
                        let code = u32::from(first) - u32::from('0');
                        text.extend(char::from_u32(code * 64 + tail));
                        rest = rest.as_str()[2..].chars();
                    }
                    None if first == '0' => text.push('\0'),
                    None => text.push(first),
                },
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    text
}

/// The two octal digits behind the first.
fn octal(rest: &str) -> Option<u32> {
    let digits = rest.get(..2)?;
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|_| !digits.starts_with('+'))
}

/// A character by its code of exactly `digits` digits; without them the letter stands for itself.
fn push_code(text: &mut String, rest: &mut std::str::Chars<'_>, digits: usize, radix: u32) {
    let code = rest.as_str().get(..digits).filter(|code| !code.starts_with('+'));
    let letter = code
        .and_then(|code| u32::from_str_radix(code, radix).ok())
        .and_then(char::from_u32);
    match letter {
        Some(letter) => {
            text.push(letter);
            *rest = rest.as_str()[digits..].chars();
        }
        None => text.push(if digits == 2 { 'x' } else { 'u' }),
    }
}

fn check(token: &TokenWithSpan) -> Outcome<()> {
    let refused = match &token.token {
        Token::SemiColon => "unexpected ';': one statement at a time",
        Token::Char('\0') => "unexpected NUL character",
        Token::Whitespace(Whitespace::SingleLineComment { prefix, .. }) if prefix == "#" => "unexpected '#'",
        Token::DollarQuotedString(quoted) if quoted.tag.is_some() => "unexpected '$'",
        Token::Word(word) if word.quote_style.is_some_and(|quote| quote != '"') => "unexpected '`'",
        _ => return Ok(()),
    };
    Err(syntax(token.span.start, refused))
}

/// Refuses a text whose tree would be too deep. sqlparser counts the levels of expressions and queries that it walks
/// itself, but not those of every construct, and trees are dropped recursively however they came about: an unbounded
/// tree would end the process.
fn check_shape(tokens: &[TokenWithSpan]) -> Outcome<()> {
    let (mut operators, mut joins) = (0_usize, 0_usize);
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            Token::Word(word) if word.quote_style.is_none() => {
                let is = |keyword: &&str| word.value.eq_ignore_ascii_case(keyword);
                joins += usize::from(is(&"JOIN"));
                operators += usize::from(OPERATOR_WORDS.iter().any(is));
            }
            other => operators += usize::from(is_operator(other)),
        }
        deepest = deepest.max(depth);
    }
    for (what, found, max) in [
        ("operators", operators, OPERATORS_MAX),
        ("joins", joins, JOINS_MAX),
        ("levels of brackets", deepest, BRACKETS_MAX),
    ] {
        if found > max {
            return Err(Fault::unsupported(format_args!(
                "statements with more than {max} {what} (found {found})"
            )));
        }
    }
    Ok(())
}

/// Whether a token may become a level of a tree of its own: `1 + 1 + …`, `x::int::int…`.
fn is_operator(token: &Token) -> bool {
    !matches!(
        token,
        Token::Word(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Whitespace(_)
            | Token::Comma
            | Token::Period
            | Token::EOF
    )
}

/// Words that may become a level of a tree each: `a OR b OR …`, `x IS NULL IS NULL …`, `t PIVOT (…) PIVOT (…) …`.
const OPERATOR_WORDS: [&str; 26] = [
    "AND",
    "OR",
    "XOR",
    "NOT",
    "IS",
    "ISNULL",
    "NOTNULL",
    "IN",
    "LIKE",
    "ILIKE",
    "RLIKE",
    "REGEXP",
    "SIMILAR",
    "BETWEEN",
    "OVERLAPS",
    "COLLATE",
    "AT",
    "DIV",
    "MEMBER",
    "UNION",
    "EXCEPT",
    "MINUS",
    "INTERSECT",
    "PIVOT",
    "UNPIVOT",
    "MATCH_RECOGNIZE",
];

/// Bytes of one statement. A sign of one byte becomes some 300 bytes of tokens, copies of them and tree, which the
/// allocator of each worker keeps: 8 of them held 470 MiB after statements of 200 KB, and hold 80 MiB after the longest.
const TEXT_BYTES_MAX: usize = 32 << 10;

/// Operators of one statement. A level costs at most some hundred bytes of stack when the tree is dropped.
const OPERATORS_MAX: usize = 2_000;

/// Joins of one statement: sqlparser goes one level deeper for each JOIN that has no ON yet.
const JOINS_MAX: usize = 100;

/// Brackets inside each other.
const BRACKETS_MAX: usize = 50;

/// Reads the tokens that matter one after the other.
pub(super) struct Cursor<'t> {
    tokens: Vec<&'t TokenWithSpan>,
    position: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(tokens: &'t [TokenWithSpan]) -> Self {
        Self {
            tokens: tokens.iter().filter(|token| matters(&token.token)).collect(),
            position: 0,
        }
    }

    /// Takes the next token if it is the unquoted word `keyword`.
    pub(super) fn eat(&mut self, keyword: &str) -> bool {
        let found = self.is_at(keyword);
        self.position += usize::from(found);
        found
    }

    /// Whether the next token is the unquoted word `keyword`.
    pub(super) fn is_at(&self, keyword: &str) -> bool {
        self.word().is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    /// The next token as an unquoted word, without taking it.
    pub(super) fn word(&self) -> Option<&'t str> {
        match self.tokens.get(self.position).map(|token| &token.token) {
            Some(Token::Word(word)) if word.quote_style.is_none() => Some(&word.value),
            _ => None,
        }
    }

    /// A name with its parts, each exact; `None` if there is none here.
    pub(super) fn name(&mut self) -> Option<Vec<String>> {
        let mut parts = Vec::new();
        while let Some(Token::Word(word)) = self.tokens.get(self.position).map(|token| &token.token) {
            parts.push(exact_name(&word.value, word.quote_style.is_some()));
            self.position += 1;
            if self.tokens.get(self.position).map(|token| &token.token) != Some(&Token::Period) {
                break;
            }
            self.position += 1;
        }
        (!parts.is_empty()).then_some(parts)
    }

    /// A string in single quotes.
    pub(super) fn string(&mut self) -> Outcome<String> {
        match self.tokens.get(self.position).map(|token| &token.token) {
            Some(Token::SingleQuotedString(text)) => {
                self.position += 1;
                Ok(unescape(text))
            }
            _ => Err(self.unexpected("a string in single quotes")),
        }
    }

    /// A whole number.
    pub(super) fn number(&mut self) -> Outcome<u64> {
        let number = match self.tokens.get(self.position).map(|token| &token.token) {
            Some(Token::Number(digits, _)) => digits.parse().ok(),
            _ => None,
        };
        self.position += usize::from(number.is_some());
        number.ok_or_else(|| self.unexpected("a whole number"))
    }

    /// Takes the next token if it is `token`.
    pub(super) fn eat_token(&mut self, token: &Token) -> bool {
        let found = self
            .tokens
            .get(self.position)
            .is_some_and(|next| next.token == *token);
        self.position += usize::from(found);
        found
    }

    /// The tokens not yet taken.
    pub(super) fn rest(&self) -> Vec<TokenWithSpan> {
        self.tokens[self.position.min(self.tokens.len())..]
            .iter()
            .map(|token| (*token).clone())
            .collect()
    }

    /// # Errors
    /// A syntax error if something is left.
    pub(super) fn end(&self) -> Outcome<()> {
        if self.position < self.tokens.len() {
            return Err(self.unexpected("the end of the statement"));
        }
        Ok(())
    }

    /// What is here is not what belongs here.
    pub(super) fn unexpected(&self, wanted: &str) -> Fault {
        let end = Location { line: 1, column: 1 };
        match self.tokens.get(self.position) {
            Some(token) => syntax(
                token.span.start,
                format!("unexpected '{}', expected {wanted}", token.token),
            ),
            None => syntax(
                self.tokens.last().map_or(end, |token| token.span.end),
                format!("unexpected end of the statement, expected {wanted}"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_cut_outside_strings_only() {
        let stages = stages(tokenize("show tables ->> select '->>' from $1 ->> select 2").unwrap());
        assert_eq!(stages.len(), 3);
    }

    #[test]
    fn what_the_tokenizer_reads_differently_is_refused() {
        for text in [
            "select 1 # comment",
            "select `a`",
            "$a$ ; drop table t; select $a$",
            "select 1; select 2",
            "",
            " -- nothing\n",
            "select 1; # comment",
            ";",
        ] {
            assert!(matches!(tokenize(text), Err(Fault::Syntax { .. })), "{text}");
        }
        assert!(tokenize("select 1;  -- done\n").is_ok());
        assert!(tokenize("select $$a$$ // done").is_ok());
    }

    #[test]
    fn strings_mean_what_snowflake_says() {
        let check = |written: &str, expected: &str| assert_eq!(unescape(written), expected, "{written}");
        check("it''s", "it's");
        check(r"a\nb\tc", "a\nb\tc");
        check(r"\\", "\\");
        check(r"it\'s", "it's");
        check(r"\x41\u00e9\101", "AéA");
        check(r"\0", "\0");
        check(r"50\%\q", "50%q");
        check(r"\xZZ", "xZZ");
        check(r"\x+1", "x+1");
        check("é\\", "é\\");
    }

    #[test]
    fn a_text_of_operators_is_refused_before_it_becomes_a_tree() {
        let text = format!("select 1{}", "+1".repeat(10_000));
        assert!(matches!(tokenize(&text), Err(Fault::Unsupported(_))));
        let list = format!("select 1 in (1{})", ",1".repeat(10_000));
        assert!(tokenize(&list).is_ok());
        for (begin, repeated) in [
            ("select * from a ", "join b "),
            ("select ", "("),
            ("select * from a ", "pivot (max(x) for y in (1)) "),
            ("select * from a match_recognize (pattern ", "("),
            ("select 1 ", "is null "),
        ] {
            let text = begin.to_owned() + &repeated.repeat(10_000);
            assert!(
                matches!(tokenize(&text), Err(Fault::Unsupported(_))),
                "{repeated}"
            );
        }
    }

    #[test]
    fn a_text_that_would_become_far_more_than_it_is_is_refused_by_its_length() {
        let of = |bytes: usize| format!("select 1{}", " ".repeat(bytes - 8));
        assert!(tokenize(&of(TEXT_BYTES_MAX)).is_ok());
        let refused = tokenize(&of(TEXT_BYTES_MAX + 1)).unwrap_err();
        assert!(
            matches!(&refused, Fault::Unsupported(what) if what.contains("found 32769")),
            "{refused:?}"
        );
    }
}
