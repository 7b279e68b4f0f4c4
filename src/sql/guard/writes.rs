//! The writes that an operator can allow by their verb. Knows no text but the words of it.

use crate::sql::statement::StatementKind;

/// A statement that changes rows or objects and can be allowed. The others never pass: those that run code, change
/// privileges, sessions or files, and transactions, which would outlive the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Write {
    /// `INSERT`
    Insert,
    /// `UPDATE`
    Update,
    /// `DELETE`
    Delete,
    /// `MERGE`
    Merge,
    /// `TRUNCATE`
    Truncate,
    /// `CREATE`; with `OR REPLACE` it needs `DROP` too.
    Create,
    /// `ALTER`
    Alter,
    /// `DROP`
    Drop,
    /// `UNDROP`
    Undrop,
    /// `COMMENT`
    Comment,
}

impl Write {
    /// Every write that can be allowed.
    pub const ALL: [Self; 10] = [
        Self::Insert,
        Self::Update,
        Self::Delete,
        Self::Merge,
        Self::Truncate,
        Self::Create,
        Self::Alter,
        Self::Drop,
        Self::Undrop,
        Self::Comment,
    ];

    /// Its verb in lower case, for settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Merge => "merge",
            Self::Truncate => "truncate",
            Self::Create => "create",
            Self::Alter => "alter",
            Self::Drop => "drop",
            Self::Undrop => "undrop",
            Self::Comment => "comment",
        }
    }

    /// The write that starts with `verb`, in any case.
    pub fn of_verb(verb: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|write| verb.eq_ignore_ascii_case(write.name()))
    }

    /// Whether it can take away what is there: rows, columns or objects.
    pub const fn is_destructive(self) -> bool {
        !matches!(self, Self::Insert | Self::Create | Self::Undrop | Self::Comment)
    }

    /// What kind of statement it is.
    pub const fn kind(self) -> StatementKind {
        match self {
            Self::Insert | Self::Update | Self::Delete | Self::Merge | Self::Truncate => {
                StatementKind::ChangeData
            }
            Self::Create | Self::Alter | Self::Drop | Self::Undrop | Self::Comment => {
                StatementKind::ChangeObjects
            }
        }
    }

    /// What `word` is behind the verb: objects may be named in many ways, and only those that hold rows may be changed.
    pub(super) fn object_word(self, word: &str) -> ObjectWord {
        let is_one_of = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
        match self {
            _ if is_one_of(&["TABLE", "VIEW", "SCHEMA"]) => ObjectWord::Object,
            Self::Comment if is_one_of(&["COLUMN"]) => ObjectWord::Object,
            Self::Comment if is_one_of(&["IF", "EXISTS", "ON"]) => ObjectWord::Modifier,
            Self::Create if is_one_of(&["REPLACE"]) => ObjectWord::Replace,
            Self::Create if is_one_of(&CREATE_MODIFIERS) => ObjectWord::Modifier,
            _ => ObjectWord::Other,
        }
    }
}

/// A word between a verb that changes objects and the name of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectWord {
    /// A table, view or schema.
    Object,
    /// What sort of it.
    Modifier,
    /// `OR REPLACE`: what has the name is dropped.
    Replace,
    /// Another sort of object: users, tasks, procedures, integrations.
    Other,
}

/// A dynamic, external or materialised object costs or reaches out while nobody calls, so these words are missing.
const CREATE_MODIFIERS: [&str; 9] = [
    "OR",
    "LOCAL",
    "GLOBAL",
    "TEMP",
    "TEMPORARY",
    "VOLATILE",
    "TRANSIENT",
    "SECURE",
    "RECURSIVE",
];
