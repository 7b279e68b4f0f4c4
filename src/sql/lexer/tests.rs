//! Token by token, with the texts by which lexers are told apart.

use super::*;
use TokenKind::{
    Argument, Arrow, Assign, Cast, DollarText, Flow, Number, QuotedName, Stage, Symbol, Text, Variable, Word,
};

fn tokens(text: &str) -> Vec<(TokenKind, &str)> {
    Lexer::new(text)
        .map(|token| {
            let token = token.expect("the text can be read");
            assert_eq!(&text[token.start..token.end()], token.text);
            (token.kind, token.text)
        })
        .collect()
}

fn pieces(text: &str) -> Vec<&str> {
    tokens(text).into_iter().map(|(_, piece)| piece).collect()
}

fn error(text: &str) -> Error {
    Lexer::new(text)
        .find_map(Result::err)
        .expect("the text cannot be read")
}

fn unclosed(text: &str) -> Option<(Opened, usize)> {
    match error(text) {
        Error::Unclosed { opened, at } => Some((opened, at)),
        _ => None,
    }
}

#[test]
fn words_hold_dollars_and_letters_of_any_script() {
    assert_eq!(
        tokens("SYSTEM$WAIT _a größe 表1 a$"),
        [
            (Word, "SYSTEM$WAIT"),
            (Word, "_a"),
            (Word, "größe"),
            (Word, "表1"),
            (Word, "a$")
        ]
    );
}

#[test]
fn operators_are_taken_as_long_as_they_go() {
    assert_eq!(
        tokens("a->>b->c=>d::e:=f:g"),
        [
            (Word, "a"),
            (Flow, "->>"),
            (Word, "b"),
            (Arrow, "->"),
            (Word, "c"),
            (Argument, "=>"),
            (Word, "d"),
            (Cast, "::"),
            (Word, "e"),
            (Assign, ":="),
            (Word, "f"),
            (Symbol(b':'), ":"),
            (Word, "g")
        ]
    );
    assert_eq!(pieces("1->>>2"), ["1", "->>", ">", "2"]);
    assert_eq!(pieces("- >> -"), ["-", ">", ">", "-"]);
}

#[test]
fn numbers_end_where_an_alias_starts() {
    assert_eq!(pieces("1e5 1.5E-3 .5 1.e1"), ["1e5", "1.5E-3", ".", "5", "1.e1"]);
    assert_eq!(
        pieces("1a 1e 1e+ 2ex"),
        ["1", "a", "1", "e", "1", "e", "+", "2", "ex"]
    );
    assert_eq!(tokens("12"), [(Number, "12")]);
    assert_eq!(pieces("1e--5"), ["1", "e"], "the rest is a comment");
}

#[test]
fn a_backslash_takes_the_next_character_of_a_string_with_it() {
    assert_eq!(tokens(r"'a\''"), [(Text, r"'a\''")]);
    assert_eq!(pieces(r"'a\\';x"), [r"'a\\'", ";", "x"]);
    assert_eq!(pieces(r"'\\\'';x"), [r"'\\\''", ";", "x"]);
    assert_eq!(pieces("'\\é'x"), ["'\\é'", "x"]);
    assert_eq!(pieces("''''  ''"), ["''''", "''"]);
    assert_eq!(unclosed(r"x '\'"), Some((Opened::Text, 2)));
    assert_eq!(unclosed("'\\"), Some((Opened::Text, 0)));
    assert_eq!(unclosed("'''"), Some((Opened::Text, 0)));
}

#[test]
fn a_backslash_means_nothing_in_a_quoted_name() {
    assert_eq!(tokens(r#""a\""#), [(QuotedName, r#""a\""#)]);
    assert_eq!(pieces(r#""a""b";"#), [r#""a""b""#, ";"]);
    assert_eq!(unclosed(r#" "a"""#), Some((Opened::QuotedName, 1)));
}

#[test]
fn nothing_escapes_between_two_dollars() {
    assert_eq!(tokens(r"$$\$$"), [(DollarText, r"$$\$$")]);
    assert_eq!(pieces("$$it's -- /* $ \" $$;"), ["$$it's -- /* $ \" $$", ";"]);
    assert_eq!(pieces("$$$$$$a$$"), ["$$$$", "$$a$$"]);
    assert_eq!(unclosed("$$a$ $"), Some((Opened::DollarText, 0)));
}

#[test]
fn there_are_no_tags_between_dollars() {
    assert_eq!(
        tokens("$a$ ; $1 $x"),
        [
            (Variable, "$a$"),
            (Symbol(b';'), ";"),
            (Variable, "$1"),
            (Variable, "$x")
        ]
    );
}

#[test]
fn two_dollars_behind_a_name_are_unclear() {
    assert_eq!(error("a$$ ; b$$"), Error::UnclearDollars { at: 1 });
    assert_eq!(error("$a$$"), Error::UnclearDollars { at: 2 });
    assert_eq!(error("$1$$x$$"), Error::UnclearDollars { at: 2 });
    assert_eq!(pieces("1$$x$$"), ["1", "$$x$$"], "no number holds a dollar");
}

#[test]
fn comments_end_where_snowflake_ends_them() {
    assert_eq!(pieces("a -- ' ; \n b // \" $$ \r\n c //"), ["a", "b", "c"]);
    assert_eq!(pieces("a /* ' -- */ b /**/ c /*/ */ d"), ["a", "b", "c", "d"]);
    assert_eq!(pieces("a /* /* */ b"), ["a", "b"], "they do not nest");
    assert_eq!(pieces("a/b*c//d"), ["a", "/", "b", "*", "c"]);
    assert_eq!(unclosed("a /* b * /"), Some((Opened::Comment, 2)));
    assert_eq!(unclosed("/*/"), Some((Opened::Comment, 0)));
    assert_eq!(pieces("--"), [""; 0]);
}

#[test]
fn a_line_end_that_some_do_not_take_for_one_is_refused_in_a_comment() {
    for end in ["\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
        for start in ["--", "//"] {
            let text = format!("{start} x{end}; y");
            assert_eq!(error(&text), Error::UnclearLineEnd { at: 4 }, "{text:?}");
        }
    }
    assert_eq!(pieces("-- x\r"), [""; 0], "nothing stands behind it");
    assert_eq!(
        pieces("'\u{2028}' /* \u{2028} \r */"),
        ["'\u{2028}'"],
        "elsewhere it is clear"
    );
    assert_eq!(
        pieces("-- \u{2020} â\n x"),
        ["x"],
        "characters that share bytes with them"
    );
}

#[test]
fn unicode_spaces_are_spaces() {
    for space in [
        "\u{a0}", "\u{2003}", "\u{3000}", "\u{2028}", "\u{202f}", "\t", "\r",
    ] {
        assert_eq!(pieces(&format!("{space}a{space}b")), ["a", "b"], "{space:?}");
    }
}

#[test]
fn controls_and_invisible_characters_are_refused() {
    for (text, at) in [("a\u{1}b", 1), ("\u{c}", 0), ("a \u{7f}", 2), ("a\u{85}b", 1)] {
        assert!(
            matches!(error(text), Error::ControlCharacter { at: found, .. } if found == at),
            "{text:?}"
        );
    }
    for text in ["a\u{200b}b", "\u{feff}a", "a\u{ad}b", "\u{202e}a"] {
        assert!(matches!(error(text), Error::UnknownCharacter { .. }), "{text:?}");
    }
    assert_eq!(
        pieces("'\u{1}\u{200b}'"),
        ["'\u{1}\u{200b}'"],
        "in a string they are data"
    );
}

#[test]
fn nul_is_refused_wherever_it_stands() {
    for text in ["a\0b", "'\0'", "\"\0\"", "$$\0$$", "-- \0", "/*\0*/", "'\\\0'"] {
        let at = text.find('\0').expect("there is one");
        assert_eq!(error(text), Error::ControlCharacter { code: 0, at }, "{text:?}");
    }
}

#[test]
fn characters_that_quote_or_comment_elsewhere_are_refused() {
    for (text, character) in [
        ("a # b", '#'),
        ("`a`", '`'),
        ("a \\ b", '\\'),
        ("\u{2018}a\u{2019}", '\u{2018}'),
        ("\u{ff07}", '\u{ff07}'),
        ("\u{ff1b}", '\u{ff1b}'),
        ("$", '$'),
        ("$ 1", '$'),
    ] {
        assert!(
            matches!(error(text), Error::UnknownCharacter { character: found, .. } if found == character),
            "{text:?}"
        );
    }
}

#[test]
fn a_stage_reaches_to_the_end_of_its_path() {
    assert_eq!(
        tokens("@~/a.csv @%t) @\"My S\"/x-y/z.gz, @d.s.t/é;"),
        [
            (Stage, "@~/a.csv"),
            (Stage, "@%t"),
            (Symbol(b')'), ")"),
            (Stage, "@\"My S\"/x-y/z.gz"),
            (Symbol(b','), ","),
            (Stage, "@d.s.t/é"),
            (Symbol(b';'), ";"),
        ]
    );
    assert_eq!(unclosed("@\"a"), Some((Opened::QuotedName, 1)));
    for text in ["@s//x", "@s/*", "@s--x", "@s->>x", "@s/$$x$$"] {
        assert!(matches!(error(text), Error::UnclearStagePath { .. }), "{text:?}");
    }
}

#[test]
fn after_an_error_there_is_nothing_more() {
    let mut lexer = Lexer::new("a # b");
    assert!(matches!(lexer.next(), Some(Ok(_))));
    assert!(matches!(lexer.next(), Some(Err(_))));
    assert_eq!(lexer.next(), None);
}

#[test]
fn every_error_is_a_sentence_of_one_line() {
    for text in [
        "'",
        "\"",
        "$$",
        "/*",
        "\u{1}",
        "`",
        "#",
        "\u{200b}",
        "--\u{2028}",
        "a$$",
        "@s//",
    ] {
        let sentence = error(text).to_string();
        assert!(
            !sentence.ends_with('.') && !sentence.chars().any(char::is_control),
            "{sentence}"
        );
    }
}
