//! The words that the guard looks at, and what it needs to know about each. Every other word is a name to it.

/// What a word can be. A set of bits, because a word has several at once and they are asked for at every token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Role(u32);

impl Role {
    /// A name, as far as the guard knows.
    pub(super) const NONE: Self = Self(0);
    /// Starts a statement that changes something. In brackets and behind an operand that is an attempt at a write.
    pub(super) const WRITE: Self = Self(1);
    /// `SELECT`
    pub(super) const SELECT: Self = Self(1 << 1);
    /// Continues an expression or a table: a name stands before it, not a verb.
    pub(super) const INFIX: Self = Self(1 << 2);
    /// An operand follows it: a name behind it is a column, not a verb.
    pub(super) const OPENS: Self = Self(1 << 3);
    /// `UNION` and its kin.
    pub(super) const SET_OPERATOR: Self = Self(1 << 4);
    /// May stand between a set operator and its query.
    pub(super) const SET_MODIFIER: Self = Self(1 << 5);
    /// `FROM`, `JOIN`: a table follows.
    pub(super) const SOURCE: Self = Self(1 << 6);
    /// Ends the list of tables.
    pub(super) const CLAUSE: Self = Self(1 << 7);
    /// `INTO`
    pub(super) const INTO: Self = Self(1 << 8);
    /// `FOR`
    pub(super) const FOR: Self = Self(1 << 9);
    /// `UPDATE`
    pub(super) const UPDATE: Self = Self(1 << 10);
    /// `DELETE`
    pub(super) const DELETE: Self = Self(1 << 11);
    /// `AS`
    pub(super) const AS: Self = Self(1 << 12);
    /// `PROCEDURE`
    pub(super) const PROCEDURE: Self = Self(1 << 13);
    /// `OBJECT`: in the brackets behind it stand names and their types.
    pub(super) const OBJECT: Self = Self(1 << 14);
    /// `IDENTIFIER`: in the brackets behind it stands a name as text.
    pub(super) const IDENTIFIER: Self = Self(1 << 15);

    /// The role of an unquoted word, in any case.
    pub(super) fn of(word: &str) -> Self {
        if !(WORD_BYTES_MIN..=WORD_BYTES_MAX).contains(&word.len()) {
            return Self::NONE;
        }
        let mut upper = [0; WORD_BYTES_MAX];
        let upper = &mut upper[..word.len()];
        for (upper, byte) in upper.iter_mut().zip(word.bytes()) {
            if !byte.is_ascii() {
                return Self::of_ascii(fold(word).as_bytes());
            }
            *upper = byte.to_ascii_uppercase();
        }
        Self::of_ascii(upper)
    }

    /// Whether it has one of the roles of `other`.
    pub(super) const fn is(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn of_ascii(upper: &[u8]) -> Self {
        match upper {
            b"UPDATE" => Self::WRITE.and(Self::UPDATE),
            b"DELETE" => Self::WRITE.and(Self::DELETE),
            b"INSERT" | b"MERGE" | b"TRUNCATE" | b"COPY" | b"CREATE" | b"ALTER" | b"DROP" | b"UNDROP"
            | b"GRANT" | b"REVOKE" | b"SET" | b"UNSET" | b"USE" | b"CALL" | b"EXECUTE" | b"BEGIN"
            | b"PUT" | b"GET" | b"REMOVE" | b"RM" => Self::WRITE,
            b"FROM" | b"JOIN" => Self::SOURCE.and(Self::INFIX).and(Self::OPENS),
            b"SELECT" => Self::SELECT.and(Self::CLAUSE).and(Self::OPENS),
            b"WHERE" | b"GROUP" | b"ORDER" | b"HAVING" | b"QUALIFY" | b"LIMIT" | b"ON" => {
                Self::CLAUSE.and(Self::INFIX).and(Self::OPENS)
            }
            b"UNION" | b"INTERSECT" | b"EXCEPT" | b"MINUS" => {
                Self::SET_OPERATOR.and(Self::INFIX).and(Self::OPENS)
            }
            b"ALL" | b"DISTINCT" | b"BY" => Self::SET_MODIFIER.and(Self::OPENS),
            b"NAME" => Self::SET_MODIFIER,
            b"AS" => Self::AS.and(Self::INFIX).and(Self::OPENS),
            b"FOR" => Self::FOR.and(Self::INFIX).and(Self::OPENS),
            b"INTO" => Self::INTO,
            b"PROCEDURE" => Self::PROCEDURE,
            b"OBJECT" => Self::OBJECT,
            b"IDENTIFIER" => Self::IDENTIFIER,
            b"AND" | b"OR" | b"IN" | b"IS" | b"NOT" | b"LIKE" | b"ILIKE" | b"RLIKE" | b"REGEXP"
            | b"BETWEEN" | b"WHEN" | b"THEN" | b"ELSE" | b"USING" | b"OFFSET" | b"ESCAPE" | b"COLLATE"
            | b"SIMILAR" | b"XOR" => Self::INFIX.and(Self::OPENS),
            b"ASC" | b"DESC" | b"NULLS" | b"IGNORE" | b"RESPECT" | b"OVER" | b"WITHIN" | b"END" | b"LEFT"
            | b"RIGHT" | b"FULL" | b"INNER" | b"CROSS" | b"NATURAL" | b"ASOF" | b"LATERAL" | b"AT"
            | b"PIVOT" | b"UNPIVOT" | b"BEFORE" | b"CHANGES" | b"MATCH_RECOGNIZE" | b"MATCH_CONDITION"
            | b"SAMPLE" | b"TABLESAMPLE" | b"FETCH" | b"CONNECT" | b"START" | b"WINDOW" => Self::INFIX,
            b"CASE" | b"TOP" | b"ANY" | b"SOME" | b"EXISTS" | b"PRIOR" | b"INTERVAL" | b"CONNECT_BY_ROOT" => {
                Self::OPENS
            }
            _ => Self::NONE,
        }
    }
}

/// The upper-case form under which a name with letters beyond ASCII might be looked up: a long s (U+017F) becomes S, a
/// dotless i (U+0131) I, the Kelvin sign (U+212A) K. Allocates, which such names are rare enough for.
pub(super) fn fold(name: &str) -> String {
    name.chars()
        .flat_map(char::to_uppercase)
        .map(|character| if character == '\u{212a}' { 'K' } else { character })
        .collect()
}

/// The shortest word above is `AS`.
const WORD_BYTES_MIN: usize = 2;

/// The longest word above is `CONNECT_BY_ROOT`. One more, for a letter beyond ASCII that is one in upper case.
const WORD_BYTES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_its_role_in_any_case() {
        assert!(Role::of("into").is(Role::INTO));
        assert!(Role::of("Into").is(Role::INTO));
        assert_eq!(Role::of("intro"), Role::NONE);
        assert_eq!(Role::of("into_the_unknown_and_further"), Role::NONE);
    }

    #[test]
    fn letters_that_become_ascii_in_upper_case_do_not_hide_a_word() {
        assert!(Role::of("\u{131}nto").is(Role::INTO));
        assert!(Role::of("in\u{17f}ert").is(Role::WRITE));
        assert_eq!(fold("cance\u{212a}"), "CANCEK");
    }
}
