//! Names, friendly and hostile. What is quoted is read back with Snowflake's lexical rules.

use super::*;
use crate::sql::lexer::{Lexer, TokenKind};

fn name(text: &str) -> Result<String, Error> {
    text.parse::<Identifier>().map(|name| name.name)
}

fn quoted(text: &str) -> String {
    text.parse::<QualifiedName>()
        .expect("the name is well-formed")
        .to_quoted()
}

fn refused(text: &str) -> Error {
    text.parse::<QualifiedName>().expect_err("the name is malformed")
}

#[test]
fn a_plain_name_is_taken_in_upper_case() {
    assert_eq!(name("mydb"), Ok("MYDB".to_owned()));
    assert_eq!(name(" _a$1 "), Ok("_A$1".to_owned()));
    assert_eq!(name("MYDB"), Ok("MYDB".to_owned()));
}

#[test]
fn any_other_name_is_taken_exactly() {
    for text in [
        "my-db",
        "My Db",
        "1st",
        "größe",
        "a.b",
        "a\"b",
        "a'b\\",
        "D; drop table x",
        "$x",
    ] {
        assert_eq!(name(text), Ok(text.to_owned()));
    }
}

#[test]
fn a_quoted_name_is_taken_from_its_quotes() {
    assert_eq!(name("\"My Db\""), Ok("My Db".to_owned()));
    assert_eq!(name("\"mydb\""), Ok("mydb".to_owned()));
    assert_eq!(name("\"a\"\"b\""), Ok("a\"b".to_owned()));
    assert_eq!(name("\" a \""), Ok(" a ".to_owned()));
    assert_eq!(name("\"\"\"\""), Ok("\"".to_owned()));
    assert_eq!(name("\"a\\\""), Ok("a\\".to_owned()));
}

#[test]
fn a_malformed_quoted_name_is_refused() {
    assert_eq!(name("\"a"), Err(Error::UnclosedQuote));
    assert_eq!(name("\"a\"\""), Err(Error::UnclosedQuote));
    assert_eq!(name("\""), Err(Error::UnclosedQuote));
    assert_eq!(name("\"a\"b\""), Err(Error::TextAfterQuote { at: 3 }));
    assert_eq!(name("\"a\".\"b\""), Err(Error::TextAfterQuote { at: 3 }));
    assert_eq!(name("\"\""), Err(Error::Empty));
}

#[test]
fn empty_long_and_control_names_are_refused() {
    assert_eq!(name(""), Err(Error::Empty));
    assert_eq!(name("  "), Err(Error::Empty));
    assert_eq!(name(&"ü".repeat(255)), Ok("ü".repeat(255)));
    assert_eq!(name(&"a".repeat(256)), Err(Error::TooLong { characters: 256 }));
    assert_eq!(
        name(&format!("\"{}\"", "a".repeat(300))),
        Err(Error::TooLong { characters: 300 })
    );
    for character in ['\n', '\r', '\0', '\u{7f}', '\u{85}'] {
        assert_eq!(
            name(&format!("a{character}b")),
            Err(Error::ControlCharacter { character })
        );
    }
}

#[test]
fn whatever_a_name_holds_its_quoted_form_is_one_quoted_name() {
    for text in [
        "D; drop table x",
        "a\"b",
        "\"\"\"",
        "a'b\\",
        "\\\"",
        "--",
        "/*",
        "$$",
        "a\" from t; --",
        "ＤＢ",
    ] {
        let identifier = Identifier::exact(text).expect("any such name is exact");
        let sql = identifier.to_quoted();
        let tokens: Vec<_> = Lexer::new(&sql).collect();
        assert!(
            matches!(tokens.as_slice(), [Ok(token)] if token.kind == TokenKind::QuotedName && token.text == sql),
            "{sql} is {tokens:?}"
        );
        assert_eq!(sql.parse::<Identifier>(), Ok(identifier));
    }
}

#[test]
fn a_qualified_name_is_cut_at_dots_outside_of_quotes() {
    assert_eq!(quoted("t"), "\"T\"");
    assert_eq!(quoted("s.t"), "\"S\".\"T\"");
    assert_eq!(quoted("my-db.public.v"), "\"my-db\".\"PUBLIC\".\"V\"");
    assert_eq!(quoted("\"a.b\" . \"c\"\".d\".e"), "\"a.b\".\"c\"\".d\".\"E\"");
    let name: QualifiedName = "d.s.t".parse().expect("three parts");
    let part = |part: Option<&Identifier>| part.map(|part| part.as_str().to_owned());
    assert_eq!(part(name.database()).as_deref(), Some("D"));
    assert_eq!(part(name.schema()).as_deref(), Some("S"));
    assert_eq!(name.name().as_str(), "T");
}

#[test]
fn two_dots_mean_the_schema_public() {
    assert_eq!(quoted("d..t"), "\"D\".\"PUBLIC\".\"T\"");
    let database = Identifier::exact("D").expect("plain");
    let name = Identifier::exact("T").expect("plain");
    assert_eq!(
        QualifiedName::new(Some(database), None, name).to_quoted(),
        "\"D\".\"PUBLIC\".\"T\""
    );
}

#[test]
fn a_malformed_qualified_name_is_refused() {
    for text in ["", ".", ".t", "d.", "d.s.", ".s.t", "..t", "d..", " . "] {
        assert_eq!(refused(text), Error::Empty, "{text:?}");
    }
    assert_eq!(refused("a.b.c.d"), Error::TooManyParts { found: 4 });
    assert_eq!(refused("a.b.c.d.e.f"), Error::TooManyParts { found: 6 });
    assert_eq!(refused("a\"b.c"), Error::StrayQuote);
    assert_eq!(refused("\"a"), Error::UnclosedQuote);
    assert_eq!(refused("\"a\"b"), Error::TextAfterQuote { at: 3 });
    assert_eq!(refused("a.b\nc"), Error::ControlCharacter { character: '\n' });
}

#[test]
fn a_text_literal_cannot_be_left_from_inside() {
    assert_eq!(quote_literal(""), "''");
    assert_eq!(quote_literal("it's"), "'it''s'");
    assert_eq!(quote_literal("C:\\dir\\"), "'C:\\\\dir\\\\'");
    for text in [
        "\\",
        "\\'",
        "'\\''",
        "'; drop table t; --",
        "a'b\\",
        "''",
        "\\\\'",
    ] {
        let sql = quote_literal(text);
        let tokens: Vec<_> = Lexer::new(&sql).collect();
        assert!(
            matches!(tokens.as_slice(), [Ok(token)] if token.kind == TokenKind::Text && token.text == sql),
            "{sql} is {tokens:?}"
        );
    }
}

#[test]
fn every_error_says_what_to_do_in_one_line() {
    let errors = [
        Error::Empty,
        Error::TooLong { characters: 300 },
        Error::ControlCharacter { character: '\n' },
        Error::UnclosedQuote,
        Error::TextAfterQuote { at: 1 },
        Error::StrayQuote,
        Error::TooManyParts { found: 4 },
    ];
    for error in errors {
        let text = error.to_string();
        assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
    }
}
