//! What a statement is by its verb, and where a text is cut into statements. Knows no policy: [`super::guard`] has it.

use std::fmt;
use std::ops::Range;

use super::lexer::{self, Lexer, TokenKind};

/// What a statement does, by its verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatementKind {
    // Reads.
    /// `SELECT`, `WITH … SELECT`, and both in brackets.
    Select,
    /// `VALUES (…), (…)`.
    Values,
    /// `SHOW`.
    Show,
    /// `DESCRIBE`, `DESC`.
    Describe,
    /// `EXPLAIN`.
    Explain,
    /// `LIST`, `LS`: the files on a stage.
    List,

    // The rest, by what makes it none.
    /// `USE`: the session's role, warehouse, database or schema.
    Use,
    /// Changes rows: `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `TRUNCATE`, `COPY`.
    ChangeData,
    /// Changes objects: `CREATE`, `ALTER`, `DROP`, `UNDROP`, `COMMENT`.
    ChangeObjects,
    /// Changes privileges: `GRANT`, `REVOKE`.
    ChangePrivileges,
    /// Changes the session: `SET`, `UNSET`.
    ChangeSession,
    /// `BEGIN`, `START`, `COMMIT`, `ROLLBACK`, and the block that starts with `BEGIN`.
    Transaction,
    /// Moves or removes files: `PUT`, `GET`, `REMOVE`, `RM`.
    MoveFiles,
    /// Runs code: `CALL`, `EXECUTE`.
    RunCode,
    /// Snowflake Scripting: `DECLARE`, `LET`, `FOR`, `IF`, `RETURN` and so on.
    Script,
}

impl StatementKind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::Select,
        Self::Values,
        Self::Show,
        Self::Describe,
        Self::Explain,
        Self::List,
        Self::Use,
        Self::ChangeData,
        Self::ChangeObjects,
        Self::ChangePrivileges,
        Self::ChangeSession,
        Self::Transaction,
        Self::MoveFiles,
        Self::RunCode,
        Self::Script,
    ];

    /// The kind of a statement that starts with `verb`, in any case; `None` for a word that starts none.
    pub fn of_verb(verb: &str) -> Option<Self> {
        VERBS
            .iter()
            .find(|(name, _)| verb.eq_ignore_ascii_case(name))
            .map(|&(_, kind)| kind)
    }

    /// Whether statements of this kind change nothing: no row, object, privilege, session or file.
    pub const fn is_read(self) -> bool {
        matches!(
            self,
            Self::Select | Self::Values | Self::Show | Self::Describe | Self::Explain | Self::List
        )
    }

    /// Whether statements of this kind may stand in brackets and behind `WITH`.
    pub const fn is_query(self) -> bool {
        matches!(self, Self::Select | Self::Values)
    }

    /// A stable word for logs, metrics and settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Values => "values",
            Self::Show => "show",
            Self::Describe => "describe",
            Self::Explain => "explain",
            Self::List => "list",
            Self::Use => "use",
            Self::ChangeData => "change_data",
            Self::ChangeObjects => "change_objects",
            Self::ChangePrivileges => "change_privileges",
            Self::ChangeSession => "change_session",
            Self::Transaction => "transaction",
            Self::MoveFiles => "move_files",
            Self::RunCode => "run_code",
            Self::Script => "script",
        }
    }
}

impl fmt::Display for StatementKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// At what a text is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// `;`, between statements.
    Semicolon,
    /// `->>`, between the statements of one chain.
    Flow,
}

/// The parts of a text that hold at least one token, without the spaces and comments around them, as byte ranges.
///
/// A block of Snowflake Scripting is cut at its inner semicolons too: whoever refuses its parts refuses the block.
/// After an error there is nothing more.
///
/// ```
/// use snowflake_mcp::sql::statement::{Parts, Separator};
///
/// let text = "select 1; -- first;\n;select 2";
/// let parts: Result<Vec<_>, _> = Parts::new(text, Separator::Semicolon).map(|part| part.map(|part| &text[part])).collect();
/// assert_eq!(parts, Ok(vec!["select 1", "select 2"]));
/// ```
#[derive(Debug, Clone)]
pub struct Parts<'t> {
    lexer: Lexer<'t>,
    separator: TokenKind,
}

impl<'t> Parts<'t> {
    /// The parts of `text`.
    pub fn new(text: &'t str, separator: Separator) -> Self {
        Self {
            lexer: Lexer::new(text),
            separator: match separator {
                Separator::Semicolon => TokenKind::Symbol(b';'),
                Separator::Flow => TokenKind::Flow,
            },
        }
    }
}

impl Iterator for Parts<'_> {
    type Item = Result<Range<usize>, lexer::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut part: Option<Range<usize>> = None;
        for token in self.lexer.by_ref() {
            match token {
                Err(error) => return Some(Err(error)),
                Ok(token) if token.kind != self.separator => {
                    let start = part.map_or(token.start, |part| part.start);
                    part = Some(start..token.end());
                }
                Ok(_) if part.is_some() => break,
                Ok(_) => {}
            }
        }
        part.map(Ok)
    }
}

/// Every word that Snowflake takes at the start of a statement, and the ones of its clients and of scripting.
const VERBS: &[(&str, StatementKind)] = &[
    ("SELECT", StatementKind::Select),
    ("WITH", StatementKind::Select),
    ("SHOW", StatementKind::Show),
    ("DESCRIBE", StatementKind::Describe),
    ("DESC", StatementKind::Describe),
    ("EXPLAIN", StatementKind::Explain),
    ("VALUES", StatementKind::Values),
    ("LIST", StatementKind::List),
    ("LS", StatementKind::List),
    ("USE", StatementKind::Use),
    ("INSERT", StatementKind::ChangeData),
    ("UPDATE", StatementKind::ChangeData),
    ("DELETE", StatementKind::ChangeData),
    ("MERGE", StatementKind::ChangeData),
    ("TRUNCATE", StatementKind::ChangeData),
    ("COPY", StatementKind::ChangeData),
    ("CREATE", StatementKind::ChangeObjects),
    ("ALTER", StatementKind::ChangeObjects),
    ("DROP", StatementKind::ChangeObjects),
    ("UNDROP", StatementKind::ChangeObjects),
    ("COMMENT", StatementKind::ChangeObjects),
    ("GRANT", StatementKind::ChangePrivileges),
    ("REVOKE", StatementKind::ChangePrivileges),
    ("SET", StatementKind::ChangeSession),
    ("UNSET", StatementKind::ChangeSession),
    ("BEGIN", StatementKind::Transaction),
    ("START", StatementKind::Transaction),
    ("COMMIT", StatementKind::Transaction),
    ("ROLLBACK", StatementKind::Transaction),
    ("PUT", StatementKind::MoveFiles),
    ("GET", StatementKind::MoveFiles),
    ("REMOVE", StatementKind::MoveFiles),
    ("RM", StatementKind::MoveFiles),
    ("CALL", StatementKind::RunCode),
    ("EXECUTE", StatementKind::RunCode),
    ("DECLARE", StatementKind::Script),
    ("LET", StatementKind::Script),
    ("IF", StatementKind::Script),
    ("FOR", StatementKind::Script),
    ("WHILE", StatementKind::Script),
    ("LOOP", StatementKind::Script),
    ("REPEAT", StatementKind::Script),
    ("CASE", StatementKind::Script),
    ("RETURN", StatementKind::Script),
    ("RAISE", StatementKind::Script),
    ("OPEN", StatementKind::Script),
    ("FETCH", StatementKind::Script),
    ("CLOSE", StatementKind::Script),
    ("BREAK", StatementKind::Script),
    ("CONTINUE", StatementKind::Script),
    ("ASYNC", StatementKind::Script),
    ("AWAIT", StatementKind::Script),
    ("CANCEL", StatementKind::Script),
    ("EXCEPTION", StatementKind::Script),
    ("END", StatementKind::Script),
    ("NULL", StatementKind::Script),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str, separator: Separator) -> Vec<&str> {
        Parts::new(text, separator)
            .map(|part| &text[part.expect("the text has tokens")])
            .collect()
    }

    #[test]
    fn a_verb_is_known_in_any_case_and_only_whole() {
        assert_eq!(StatementKind::of_verb("sElEcT"), Some(StatementKind::Select));
        assert_eq!(StatementKind::of_verb("desc"), Some(StatementKind::Describe));
        assert_eq!(StatementKind::of_verb("selects"), None);
        assert_eq!(StatementKind::of_verb(""), None);
        assert_eq!(
            StatementKind::of_verb("\u{17f}ELECT"),
            None,
            "a long s is no S here"
        );
    }

    #[test]
    fn every_kind_has_a_verb_and_its_own_name() {
        let mut names: Vec<_> = StatementKind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), StatementKind::ALL.len());
        for kind in StatementKind::ALL {
            assert!(VERBS.iter().any(|&(_, of_verb)| of_verb == kind), "{kind}");
        }
    }

    #[test]
    fn a_text_is_cut_at_semicolons_that_are_code() {
        assert_eq!(
            parts("select ';' ; /* ; */ show tables;;", Separator::Semicolon),
            ["select ';'", "show tables"]
        );
        assert_eq!(parts(" ; -- nothing", Separator::Semicolon), [""; 0]);
    }

    #[test]
    fn a_chain_is_cut_at_its_arrows() {
        assert_eq!(
            parts("show tables ->> select '->>' from $1 -- ->> x", Separator::Flow),
            ["show tables", "select '->>' from $1"]
        );
    }

    #[test]
    fn an_unreadable_text_ends_in_its_error() {
        let mut parts = Parts::new("select 1; select 'a", Separator::Semicolon);
        assert_eq!(parts.next(), Some(Ok(0..8)));
        assert!(matches!(
            parts.next(),
            Some(Err(lexer::Error::Unclosed { at: 17, .. }))
        ));
        assert_eq!(parts.next(), None);
    }
}
