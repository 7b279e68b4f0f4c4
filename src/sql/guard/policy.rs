//! What an operator allows. Knows no text: [`super::walk`] reads it, this says what counts.

use std::fmt;
use std::sync::Arc;

use super::functions;
use super::writes::Write;
use crate::limits::Limits;
use crate::sql::statement::StatementKind;

/// Which statements may pass. Cheap to clone. [`Policy::default`] is the strict one: `SELECT` (with `WITH`), `VALUES`,
/// `SHOW`, `DESCRIBE` and `EXPLAIN`, and no [`Permission`].
///
/// ```
/// use snowflake_mcp::sql::guard::{Permission, Policy};
///
/// let policy = Policy::from_allowed_commands("select, show").expect("both are reads");
/// assert!(policy.check("select 1").is_ok());
/// assert!(policy.check("explain select 1").is_err());
/// assert!(policy.check("select $1 from @files").is_err());
/// assert!(policy.with_permission(Permission::StageReads).check("select $1 from @files").is_ok());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub(super) rules: Arc<Rules>,
}

/// What an operator can allow on top of reads. None is part of the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Reading files on stages: `FROM @stage`, `INFER_SCHEMA`, `DIRECTORY(@stage)`.
    StageReads,
    /// Functions that run a model and are paid by use: `AI_…`, `SNOWFLAKE.CORTEX.…`.
    ModelFunctions,
    /// Functions that make links to files: `GET_PRESIGNED_URL`, `BUILD_SCOPED_FILE_URL`.
    FileLinks,
    /// `RESULT_SCAN` of any query id. All clients of one server share a Snowflake user, so this shows them each
    /// other's results.
    ForeignResults,
    /// `NEXTVAL`, which advances a sequence.
    Sequences,
    /// Functions of the account, by names with a schema. Some may be external: they send what they are given to another
    /// service, for a price, and look like any other.
    AccountFunctions,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 6] = [
        Self::StageReads,
        Self::ModelFunctions,
        Self::FileLinks,
        Self::ForeignResults,
        Self::Sequences,
        Self::AccountFunctions,
    ];

    /// The permission that is called `name`, in any case.
    ///
    /// # Errors
    /// [`PolicyError::UnknownPermission`].
    pub fn of_name(name: &str) -> Result<Self, PolicyError> {
        let found = Self::ALL
            .into_iter()
            .find(|permission| name.eq_ignore_ascii_case(permission.name()));
        found.ok_or_else(|| PolicyError::UnknownPermission {
            word: name.to_owned(),
        })
    }

    /// A stable word for settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StageReads => "stage_reads",
            Self::ModelFunctions => "model_functions",
            Self::FileLinks => "file_links",
            Self::ForeignResults => "foreign_results",
            Self::Sequences => "sequences",
            Self::AccountFunctions => "account_functions",
        }
    }
}

/// Why a list of commands makes no policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyError {
    /// The list names nothing, so nothing could ever run.
    NoCommand,
    /// A word that is no command.
    UnknownCommand {
        /// The word.
        word: String,
    },
    /// A command that is no read.
    WriteCommand {
        /// The word.
        word: String,
    },
    /// A word that is no write, or one that is never allowed.
    UnknownWrite {
        /// The word.
        word: String,
    },
    /// A word that is no permission.
    UnknownPermission {
        /// The word.
        word: String,
    },
}

impl fmt::Display for PolicyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommand => write!(
                formatter,
                "the list of allowed commands is empty; {COMMANDS_KNOWN}"
            ),
            Self::UnknownCommand { word } => {
                write!(
                    formatter,
                    "{word:?} in the list of allowed commands is unknown; {COMMANDS_KNOWN}"
                )
            }
            Self::WriteCommand { word } => {
                write!(
                    formatter,
                    "{word:?} in the list of allowed commands is no read; {COMMANDS_KNOWN}"
                )
            }
            Self::UnknownWrite { word } => {
                let known = Write::ALL.map(Write::name).join(", ");
                write!(
                    formatter,
                    "{word:?} is no write that can be allowed; write one or more of {known}"
                )
            }
            Self::UnknownPermission { word } => {
                let known = Permission::ALL.map(Permission::name).join(", ");
                write!(
                    formatter,
                    "{word:?} is no permission; write one or more of {known}"
                )
            }
        }
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    /// A policy from the words of `ALLOWED_SQL_COMMANDS`, separated by commas or spaces, in any case: `select` (which
    /// `with` and `union` are taken for too, because what they allow are queries), `values`, `show`, `describe` or
    /// `desc`, `explain`, `list` or `ls`, and `use`. `use` passes the guard on its own, never in a chain; Snowflake's
    /// SQL API has no use for it.
    ///
    /// # Errors
    /// An empty list, an unknown word, or one that is no read.
    pub fn from_allowed_commands(list: &str) -> Result<Self, PolicyError> {
        let mut kinds = 0;
        for word in words(list) {
            let kind = match StatementKind::of_verb(word) {
                None if word.eq_ignore_ascii_case("union") => StatementKind::Select,
                None => {
                    return Err(PolicyError::UnknownCommand {
                        word: word.to_owned(),
                    });
                }
                Some(kind) if kind.is_read() || kind == StatementKind::Use => kind,
                Some(_) => {
                    return Err(PolicyError::WriteCommand {
                        word: word.to_owned(),
                    });
                }
            };
            kinds |= bit(kind);
        }
        if kinds == 0 {
            return Err(PolicyError::NoCommand);
        }
        Ok(Self {
            rules: Arc::new(Rules {
                kinds,
                ..Rules::default()
            }),
        })
    }

    /// The same policy, whose reads are those of `other`.
    #[must_use]
    pub fn with_commands_of(mut self, other: &Self) -> Self {
        Arc::make_mut(&mut self.rules).kinds = other.rules.kinds;
        self
    }

    /// The same policy, which lets these writes pass and no other: verbs, separated by commas or spaces, in any case. An
    /// empty list allows none.
    ///
    /// # Errors
    /// A word that is no [`Write`].
    pub fn with_writes(mut self, list: &str) -> Result<Self, PolicyError> {
        let mut writes = 0;
        for word in words(list) {
            let write = Write::of_verb(word).ok_or_else(|| PolicyError::UnknownWrite {
                word: word.to_owned(),
            })?;
            writes |= 1 << write as u32;
        }
        Arc::make_mut(&mut self.rules).writes = writes;
        Ok(self)
    }

    /// The same policy, which lets no write pass.
    #[must_use]
    pub fn without_writes(mut self) -> Self {
        Arc::make_mut(&mut self.rules).writes = 0;
        self
    }

    /// The writes that may pass, in the order of [`Write::ALL`].
    pub fn writes(&self) -> impl Iterator<Item = Write> {
        Write::ALL
            .into_iter()
            .filter(|&write| self.rules.allows_write(write))
    }

    /// The same policy with another bound for the length of a text, in bytes. [`Limits::statement_bytes_max`] by
    /// default.
    #[must_use]
    pub fn with_statement_bytes_max(mut self, bytes: usize) -> Self {
        Arc::make_mut(&mut self.rules).statement_bytes_max = bytes;
        self
    }

    /// The same policy with `permission`.
    #[must_use]
    pub fn with_permission(mut self, permission: Permission) -> Self {
        Arc::make_mut(&mut self.rules).permissions |= 1 << permission as u32;
        self
    }

    /// The same policy without any [`Permission`].
    #[must_use]
    pub fn without_permissions(mut self) -> Self {
        Arc::make_mut(&mut self.rules).permissions = 0;
        self
    }

    /// The same policy, with no function allowed by name, or with none denied.
    #[must_use]
    pub fn without_functions(mut self, allowed: bool) -> Self {
        let rules = Arc::make_mut(&mut self.rules);
        let list = if allowed {
            &mut rules.functions_allowed
        } else {
            &mut rules.functions_denied
        };
        list.clear();
        self
    }

    /// The same policy, which lets the function `name` (`F`, `SCHEMA.F` or `DATABASE.SCHEMA.F`, in any case) pass
    /// although its name is one of those that are refused: a function of the operator's own that is called `AI_SCORE`,
    /// or one `SYSTEM$` function more.
    #[must_use]
    pub fn with_allowed_function(mut self, name: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.rules).functions_allowed.push(name.into());
        self
    }

    /// The same policy without the function `name`, written as in [`Policy::with_allowed_function`]. It wins over
    /// that, and a call that leaves the schema or database out counts as a call of it. So it is how a function of the
    /// account is denied that is called without its schema, which the guard cannot tell from one of Snowflake's.
    #[must_use]
    pub fn with_denied_function(mut self, name: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.rules).functions_denied.push(name.into());
        self
    }

    /// Whether statements of `kind` may pass at all.
    pub fn allows(&self, kind: StatementKind) -> bool {
        self.rules.allows(kind)
    }

    /// The longest text that may pass, in bytes.
    pub fn statement_bytes_max(&self) -> usize {
        self.rules.statement_bytes_max
    }
}

#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// A bit for each kind.
    kinds: u32,
    /// A bit for each permission.
    permissions: u32,
    /// A bit for each write.
    writes: u32,
    functions_allowed: Vec<String>,
    functions_denied: Vec<String>,
    pub(super) statement_bytes_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            kinds: DEFAULT_KINDS.iter().fold(0, |kinds, &kind| kinds | bit(kind)),
            permissions: 0,
            writes: 0,
            functions_allowed: Vec::new(),
            functions_denied: Vec::new(),
            statement_bytes_max: Limits::default().statement_bytes_max,
        }
    }
}

impl Rules {
    pub(super) fn allows(&self, kind: StatementKind) -> bool {
        self.kinds & bit(kind) != 0
    }

    pub(super) fn permits(&self, permission: Permission) -> bool {
        self.permissions & 1 << permission as u32 != 0
    }

    pub(super) fn allows_write(&self, write: Write) -> bool {
        self.writes & 1 << write as u32 != 0
    }

    pub(super) fn allows_function(&self, path: &[&str]) -> bool {
        // A name beyond ASCII is never the one that the operator wrote, though it might become it in upper case.
        path.iter().all(|name| name.is_ascii())
            && self
                .functions_allowed
                .iter()
                .any(|listed| functions::is_surely(path, listed))
    }

    pub(super) fn denies_function(&self, path: &[&str]) -> bool {
        self.functions_denied
            .iter()
            .any(|listed| functions::is_maybe(path, listed))
    }

    /// The verbs that may start a statement, for a sentence.
    pub(super) fn allowed_verbs(&self) -> String {
        let reads = StatementKind::ALL
            .into_iter()
            .filter(|&kind| self.allows(kind))
            .map(StatementKind::name);
        let writes = Write::ALL
            .into_iter()
            .filter(|&write| self.allows_write(write))
            .map(Write::name);
        let verbs: Vec<_> = reads.chain(writes).map(str::to_ascii_uppercase).collect();
        verbs.join(", ")
    }
}

/// The words of a list, between commas and spaces.
fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(|character: char| character == ',' || character.is_whitespace())
        .filter(|word| !word.is_empty())
}

fn bit(kind: StatementKind) -> u32 {
    1 << kind as u32
}

/// `LIST` is missing: it tells names of files, which the default keeps as closed as their content.
const DEFAULT_KINDS: [StatementKind; 5] = [
    StatementKind::Select,
    StatementKind::Values,
    StatementKind::Show,
    StatementKind::Describe,
    StatementKind::Explain,
];

const COMMANDS_KNOWN: &str = "write one or more of select, values, show, describe, explain, list, use";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_predecessors_make_a_policy() {
        let policy =
            Policy::from_allowed_commands("select,show,describe,explain,with,union").expect("all reads");
        for kind in StatementKind::ALL {
            let is_expected = kind.is_read() && !matches!(kind, StatementKind::Values | StatementKind::List);
            assert_eq!(policy.allows(kind), is_expected, "{kind}");
        }
        let policy = Policy::from_allowed_commands(" Desc , LS\tuse ").expect("known words");
        assert!(policy.allows(StatementKind::Describe));
        assert!(policy.allows(StatementKind::List));
        assert!(policy.allows(StatementKind::Use));
        assert!(!policy.allows(StatementKind::Select));
    }

    #[test]
    fn a_list_with_a_write_an_unknown_word_or_nothing_is_refused() {
        let refused = |list| {
            Policy::from_allowed_commands(list)
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(
            refused("select,insert").as_deref(),
            Some(
                "\"insert\" in the list of allowed commands is no read; write one or more of select, values, show, describe, explain, list, use"
            )
        );
        assert!(refused("select;show").is_some_and(|text| text.contains("\"select;show\"")));
        assert!(refused(" , ").is_some_and(|text| text.contains("empty")));
    }

    #[test]
    fn every_permission_has_its_own_bit_and_name() {
        for one in Permission::ALL {
            let policy = Policy::default().with_permission(one);
            for other in Permission::ALL {
                assert_eq!(policy.rules.permits(other), one == other);
                assert_eq!(one.name() == other.name(), one == other);
            }
        }
    }

    #[test]
    fn a_changed_clone_leaves_the_original_alone() {
        let original = Policy::default();
        let changed = original.clone().with_permission(Permission::StageReads);
        assert!(changed.rules.permits(Permission::StageReads));
        assert!(!original.rules.permits(Permission::StageReads));
    }
}
