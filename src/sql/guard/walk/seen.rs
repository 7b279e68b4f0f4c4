//! What the walk keeps of the text behind it: the last token, the name that ends there, open brackets.

use crate::sql::guard::words::Role;
use crate::sql::lexer::{Token, TokenKind};

/// The token before the current one.
#[derive(Clone, Copy)]
pub(super) struct Seen<'t> {
    pub(super) token: Token<'t>,
    pub(super) role: Role,
    /// It stands where a query may start: behind a bracket or a set operator.
    pub(super) starts_query: bool,
    /// An operand ended before it.
    pub(super) follows_operand: bool,
    pub(super) follows_as: bool,
    /// `IS` or `NOT` stands before it.
    pub(super) follows_is: bool,
}

impl Seen<'_> {
    /// Before the first token: as behind a semicolon.
    pub(super) const START: Self = Self {
        token: Token {
            kind: TokenKind::Symbol(b';'),
            text: "",
            start: 0,
        },
        role: Role::NONE,
        starts_query: false,
        follows_operand: false,
        follows_as: false,
        follows_is: false,
    };

    pub(super) fn is_start(&self) -> bool {
        self.token.text.is_empty()
    }

    pub(super) fn is_symbol(&self, symbol: u8) -> bool {
        self.token.is_symbol(symbol)
    }

    /// Whether it is this unquoted word with its meaning: not a part of a name behind a dot.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.role != Role::NONE && self.token.text.eq_ignore_ascii_case(word)
    }

    pub(super) fn ends_operand(&self) -> bool {
        match self.token.kind {
            TokenKind::Word => !self.role.is(Role::OPENS),
            TokenKind::Symbol(symbol) => matches!(symbol, b')' | b']' | b'}'),
            TokenKind::QuotedName
            | TokenKind::Text
            | TokenKind::DollarText
            | TokenKind::Number
            | TokenKind::Variable => true,
            _ => false,
        }
    }

    /// Whether `next` makes the verb that this is a statement (`DELETE FROM`) and no column (`delete, x`).
    pub(super) fn is_continued_by(&self, next: &Token<'_>, role: Role) -> bool {
        match next.kind {
            TokenKind::Word => !role.is(Role::INFIX) || (self.role.is(Role::DELETE) && role.is(Role::SOURCE)),
            TokenKind::QuotedName | TokenKind::Stage | TokenKind::Variable | TokenKind::DollarText => true,
            _ => false,
        }
    }
}

/// A name with what stands before it, as far as three parts go.
#[derive(Clone, Copy, Default)]
pub(super) struct Path<'t> {
    parts: [&'t str; 3],
    length: usize,
}

impl<'t> Path<'t> {
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    /// A further part. The first one goes where there are three.
    pub(super) fn push(&mut self, part: &'t str) {
        if self.length == self.parts.len() {
            self.parts.rotate_left(1);
            self.length -= 1;
        }
        self.parts[self.length] = part;
        self.length += 1;
    }

    /// The parts in the order of the text, the name itself last.
    pub(super) fn parts(&self) -> &[&'t str] {
        &self.parts[..self.length]
    }
}

/// How many brackets of each sort are open. Their order is Snowflake's to check.
#[derive(Clone, Copy, Default)]
pub(super) struct Brackets {
    round: usize,
    square: usize,
    curly: usize,
    /// Where the outermost open one stands.
    opened_at: usize,
}

impl Brackets {
    pub(super) fn depth(&self) -> usize {
        self.round + self.square + self.curly
    }

    pub(super) fn opened_at(&self) -> usize {
        self.opened_at
    }

    /// Counts the bracket `symbol` at `at`; other symbols do not count. Whether it closes one that is not open.
    pub(super) fn is_unopened(&mut self, symbol: u8, at: usize) -> bool {
        let depth = self.depth();
        let (count, is_opening) = match symbol {
            b'(' | b')' => (&mut self.round, symbol == b'('),
            b'[' | b']' => (&mut self.square, symbol == b'['),
            b'{' | b'}' => (&mut self.curly, symbol == b'{'),
            _ => return false,
        };
        if is_opening {
            *count += 1;
            if depth == 0 {
                self.opened_at = at;
            }
            return false;
        }
        let is_unopened = *count == 0;
        *count = count.saturating_sub(1);
        is_unopened
    }
}
