//! What was told about the account, for others who ask the same: the encoded answer and the names in it. Made by the
//! worker, because it grows with the answer; shared, because a copy would too.
//!
//! Never rows of tables: those are as old as the statement that read them.

use std::sync::Arc;

/// What a piece of work asks of the account, so that who asks the same can have the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// What is asked.
    pub key: Key,
    /// Whether the answer must be a new one.
    pub is_fresh: bool,
    /// URI of the resource that says the same, to be told as updated when the answer is another one than before.
    pub uri: Option<Box<str>>,
}

/// What is asked, and as whom: nobody ever gets an answer that another role or person was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// As whom.
    pub who: Who,
    /// What is listed.
    pub subject: Subject,
    /// Where, in whatever words tell it apart from all other places.
    pub scope: Box<str>,
    /// What the answer is encoded for: two that differ here tell the same.
    pub form: Form,
    /// Another number ([`Mark`]) where another part of the answer may be told; 0 of names, which are held against the lists of
    /// objects whenever they are told.
    pub seen: u64,
}

/// As whom something is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who {
    /// Name of the connection; empty for the only one.
    pub connection: Box<str>,
    /// The role, exact; empty for the login's own.
    pub role: Box<str>,
    /// Whose login it is; empty for the server's.
    pub identity: Box<str>,
}

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The databases of the account.
    Databases,
    /// The schemas of a database.
    Schemas,
    /// Tables of a schema or database.
    Tables,
    /// Views of a schema or database.
    Views,
    /// Tables and views of a schema.
    Objects,
    /// Columns of a table or view.
    Columns,
    /// The same, described as a view.
    ViewColumns,
    /// Warehouses of the account.
    Warehouses,
    /// Roles of the account.
    Roles,
    /// What a search found.
    Found,
}

/// What an answer is encoded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Only its names are of use.
    Names,
    /// A tool's result, text alone.
    Text,
    /// A tool's result with structured content.
    Structured,
    /// A document.
    Document,
}

impl Key {
    /// The same question, of which only the names in the answer matter.
    #[must_use]
    pub fn of_names(&self) -> Self {
        Self {
            form: Form::Names,
            seen: 0,
            subject: match self.subject {
                Subject::ViewColumns => Subject::Columns,
                other => other,
            },
            ..self.clone()
        }
    }
}

/// What others who ask the same can have too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// The part of the reply that is the same for all of them.
    pub body: Arc<[u8]>,
    /// The names that it tells.
    pub names: Vec<Told>,
    /// Whether those are all that there are.
    pub is_whole: bool,
    /// Another number when something else was told ([`Mark`]).
    pub mark: u64,
}

/// A name that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The exact name.
    pub name: Box<str>,
    /// What its owner says of it; empty if nothing.
    pub comment: Box<str>,
}

impl Told {
    /// A name and what is said of it, of which the beginning is enough.
    pub fn new(name: &str, comment: &str) -> Self {
        let end = comment.char_indices().nth(COMMENT_CHARS_MAX);
        Self {
            name: name.into(),
            comment: comment[..end.map_or(comment.len(), |(end, _)| end)].into(),
        }
    }
}

const COMMENT_CHARS_MAX: usize = 200;

impl Kept {
    /// What it costs to keep it, in bytes.
    pub fn bytes(&self) -> usize {
        let told = |told: &Told| size_of::<Told>() + told.name.len() + told.comment.len();
        size_of::<Self>() + self.body.len() + self.names.iter().map(told).sum::<usize>()
    }
}

/// A number made of all that was told: FNV-1a (RFC 9923). Only this process ever compares two.
#[derive(Debug, Clone, Copy)]
pub struct Mark(u64);

impl Default for Mark {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Mark {
    /// Takes a further part in. Parts are kept apart: `ab`, `c` is not `a`, `bc`.
    pub fn add(&mut self, part: &[u8]) {
        for byte in part.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_parts_apart() {
        let mark = |parts: &[&str]| {
            let mut mark = Mark::default();
            parts.iter().for_each(|part| mark.add(part.as_bytes()));
            mark.get()
        };
        assert_eq!(mark(&["ab", "c"]), mark(&["ab", "c"]));
        assert_ne!(mark(&["ab", "c"]), mark(&["a", "bc"]));
        assert_ne!(mark(&[]), mark(&[""]));
    }
}
