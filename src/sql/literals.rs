//! A statement without its literals: what a log may keep where the values are nobody's business.

use super::lexer::{Lexer, TokenKind};

/// `text` with a `?` for every string and number, without comments, and with one space where there were spaces; at most
/// about `bytes_max` bytes of it. It ends with `…` where it was cut, or where the lexer could not go on: what stands
/// behind an unclosed quote may be a literal.
///
/// Names stay, in quotes too: they say what was asked about.
pub fn without_literals(text: &str, bytes_max: usize) -> String {
    let mut kept = String::new();
    let mut end = 0;
    for token in Lexer::new(text) {
        let Ok(token) = token else {
            kept.push_str(CUT);
            return kept;
        };
        let shown = match token.kind {
            TokenKind::Text | TokenKind::DollarText | TokenKind::Number => "?",
            _ => token.text,
        };
        if kept.len() + shown.len() > bytes_max {
            kept.push_str(CUT);
            return kept;
        }
        if !kept.is_empty() && token.start > end {
            kept.push(' ');
        }
        kept.push_str(shown);
        end = token.end();
    }
    kept
}

const CUT: &str = "…";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_are_gone_and_names_stay() {
        for (text, expected) in [
            ("select 1", "select ?"),
            (
                "SELECT  a,'it''s' FROM \"My Table\" -- ann's\n WHERE x=-1.5e3",
                "SELECT a,? FROM \"My Table\" WHERE x=-?",
            ),
            (
                "select $$pin 1234$$ /* 5678 */ from t where y in (1, 2)",
                "select ? from t where y in (?, ?)",
            ),
            ("select $1 from @stage/path", "select $1 from @stage/path"),
            ("", ""),
        ] {
            assert_eq!(without_literals(text, 1_000), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_cut_before_the_unclosed_quote() {
        assert_eq!(without_literals("select 'secret", 1_000), "select…");
        assert_eq!(without_literals("drop table t; \"x", 1_000), "drop table t;…");
    }

    #[test]
    fn a_long_text_is_cut_between_tokens() {
        assert_eq!(without_literals("select abc, def", 10), "select abc…");
    }
}
