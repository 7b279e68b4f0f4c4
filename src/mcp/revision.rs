//! The protocol revisions that are served, as a table of facts.
//!
//! Handlers ask (`revision.has_titles()`), they never compare dates: a new revision is a new row here, and the compiler
//! shows what else must be decided.

use std::time::Duration;

use crate::rpc;
use crate::tools::Form;

/// A protocol revision that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revision {
    /// 2024-11-05: HTTP+SSE.
    V20241105,
    /// 2025-03-26: Streamable HTTP, batches.
    V20250326,
    /// 2025-06-18: structured content.
    V20250618,
    /// 2025-11-25: the last with a handshake.
    V20251125,
    /// 2026-07-28: every request is complete.
    V20260728,
}

/// What one revision has.
#[derive(Debug, Clone, Copy)]
struct Facts {
    revision: Revision,
    text: &'static str,
    /// No handshake: every request says what it needs.
    is_modern: bool,
    /// Tools have `annotations`.
    has_annotations: bool,
    /// Tools have `title`, implementations too.
    has_titles: bool,
    /// Tools have `outputSchema`, results `structuredContent`.
    has_structured_content: bool,
    /// Results of tools can have links to resources.
    has_links: bool,
    /// JSON-RPC batches must be accepted.
    has_batches: bool,
    /// `Mcp-Session-Id` and a stream for GET.
    has_sessions: bool,
    /// A server may close a stream that its client then comes back to.
    has_polling: bool,
    /// Tasks are part of the core, as an experiment.
    has_core_tasks: bool,
    /// Lists say how long they may be kept.
    has_caching_hints: bool,
    /// What is listed has `icons`, implementations too, and these a `description` and a `websiteUrl`.
    has_icons: bool,
    /// Completions are a capability.
    has_completions: bool,
}

const FACTS: [Facts; 5] = [
    Facts {
        revision: Revision::V20241105,
        text: "2024-11-05",
        is_modern: false,
        has_annotations: false,
        has_titles: false,
        has_structured_content: false,
        has_links: false,
        has_batches: false,
        has_sessions: false,
        has_polling: false,
        has_core_tasks: false,
        has_caching_hints: false,
        has_icons: false,
        has_completions: false,
    },
    Facts {
        revision: Revision::V20250326,
        text: "2025-03-26",
        is_modern: false,
        has_annotations: true,
        has_titles: false,
        has_structured_content: false,
        has_links: false,
        has_batches: true,
        has_sessions: true,
        has_polling: false,
        has_core_tasks: false,
        has_caching_hints: false,
        has_icons: false,
        has_completions: true,
    },
    Facts {
        revision: Revision::V20250618,
        text: "2025-06-18",
        is_modern: false,
        has_annotations: true,
        has_titles: true,
        has_structured_content: true,
        has_links: true,
        has_batches: false,
        has_sessions: true,
        has_polling: false,
        has_core_tasks: false,
        has_caching_hints: false,
        has_icons: false,
        has_completions: true,
    },
    Facts {
        revision: Revision::V20251125,
        text: "2025-11-25",
        is_modern: false,
        has_annotations: true,
        has_titles: true,
        has_structured_content: true,
        has_links: true,
        has_batches: false,
        has_sessions: true,
        has_polling: true,
        has_core_tasks: true,
        has_caching_hints: false,
        has_icons: true,
        has_completions: true,
    },
    Facts {
        revision: Revision::V20260728,
        text: "2026-07-28",
        is_modern: true,
        has_annotations: true,
        has_titles: true,
        has_structured_content: true,
        has_links: true,
        has_batches: false,
        has_sessions: false,
        has_polling: false,
        has_core_tasks: false,
        has_caching_hints: true,
        has_icons: true,
        has_completions: true,
    },
];

/// Members that begin every modern result but a question to the client.
const RESULT_TYPE: &str = r#""resultType":"complete","#;

/// Members that end every modern result.
macro_rules! result_meta {
    () => {
        concat!(
            r#","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"snowflake-mcp-server","title":"Snowflake","version":""#,
            env!("CARGO_PKG_VERSION"),
            r#""}}"#
        )
    };
}

/// A result about the account may be kept for a minute ([`ACCOUNT_AGE`]), and by its caller only: other roles see other objects.
const ACCOUNT_META: &str = concat!(r#","ttlMs":60000,"cacheScope":"private""#, result_meta!());

/// The rows of a statement that has ended stay as they are. Nobody but its caller may read them, and the cursor among
/// them is good for a day: an hour is well within it.
const RESULT_META: &str = concat!(r#","ttlMs":3600000,"cacheScope":"private""#, result_meta!());

/// That a statement still runs may be wrong a moment later.
const PASSING_META: &str = concat!(r#","ttlMs":0,"cacheScope":"private""#, result_meta!());

/// For how long clients may keep what was told of the account.
const ACCOUNT_AGE: Duration = Duration::from_secs(60);

impl Revision {
    /// All of them, oldest first.
    pub const ALL: [Self; 5] = [
        Self::V20241105,
        Self::V20250326,
        Self::V20250618,
        Self::V20251125,
        Self::V20260728,
    ];

    /// The newest that opens with `initialize`: the answer to a client that asks there for anything else.
    pub const NEWEST_LEGACY: Self = Self::V20251125;

    /// What a legacy HTTP request without a version header speaks, if no session says otherwise.
    pub const WITHOUT_HEADER: Self = Self::V20250326;

    /// The modern revisions, as they are named in `server/discover` and in refusals.
    pub const MODERN: [&'static str; 1] = ["2026-07-28"];

    const fn facts(self) -> &'static Facts {
        &FACTS[self as usize]
    }

    /// The revision called `text`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let row = FACTS.iter().find(|facts| facts.text.as_bytes() == text)?;
        Some(row.revision)
    }

    /// Its name, a date.
    pub const fn as_str(self) -> &'static str {
        self.facts().text
    }

    /// Whether it has no handshake.
    pub const fn is_modern(self) -> bool {
        self.facts().is_modern
    }

    /// Whether tools have `annotations`.
    pub const fn has_annotations(self) -> bool {
        self.facts().has_annotations
    }

    /// Whether tools and implementations have a `title`.
    pub const fn has_titles(self) -> bool {
        self.facts().has_titles
    }

    /// Whether results have `structuredContent` and tools `outputSchema`.
    pub const fn has_structured_content(self) -> bool {
        self.facts().has_structured_content
    }

    /// Whether the content of a tool's result may have links to resources.
    pub const fn has_links(self) -> bool {
        self.facts().has_links
    }

    /// Whether JSON-RPC batches are part of it.
    pub const fn has_batches(self) -> bool {
        self.facts().has_batches
    }

    /// Whether it knows sessions.
    pub const fn has_sessions(self) -> bool {
        self.facts().has_sessions
    }

    /// Whether a stream begins with an id to come back with, so that the server may close it meanwhile.
    pub const fn has_polling(self) -> bool {
        self.facts().has_polling
    }

    /// Whether tasks are part of its core.
    pub const fn has_core_tasks(self) -> bool {
        self.facts().has_core_tasks
    }

    /// Whether lists carry `ttlMs` and `cacheScope`.
    pub const fn has_caching_hints(self) -> bool {
        self.facts().has_caching_hints
    }

    /// Whether what is listed has `icons`, and implementations a `description` and a `websiteUrl`.
    pub const fn has_icons(self) -> bool {
        self.facts().has_icons
    }

    /// Members that begin every result, each followed by a comma.
    pub const fn result_before(self) -> &'static str {
        if self.is_modern() { RESULT_TYPE } else { "" }
    }

    /// Members that end every result, each preceded by a comma.
    pub const fn result_after(self) -> &'static str {
        if self.is_modern() { result_meta!() } else { "" }
    }

    /// Whether completions are a capability that is declared.
    pub const fn has_completions(self) -> bool {
        self.facts().has_completions
    }

    /// The error for a resource that is not there: the modern era has no code of its own for it.
    pub fn resource_not_found(self, uri: &str) -> rpc::Error {
        rpc::Error::resource_not_found(uri, self.is_modern())
    }

    /// What the revision wants around what `resources/list` and `resources/read` tell of the account, where the operator lets
    /// it be told for `ttl`. Where that is shorter than a minute, clients shall ask again, which costs them little.
    pub fn account_form(self, ttl: Duration) -> Form {
        self.hinted(if ttl < ACCOUNT_AGE {
            PASSING_META
        } else {
            ACCOUNT_META
        })
    }

    /// What the revision wants around the rows of an earlier statement, read as a resource.
    pub const fn result_form(self) -> Form {
        self.hinted(RESULT_META)
    }

    /// The same around the news that the statement still runs.
    pub const fn passing_form(self) -> Form {
        self.hinted(PASSING_META)
    }

    const fn hinted(self, meta: &'static str) -> Form {
        Form {
            after: if self.has_caching_hints() {
                meta
            } else {
                self.result_after()
            },
            ..self.form()
        }
    }

    /// What the revision wants around the answer of a tool.
    pub const fn form(self) -> Form {
        Form {
            is_structured: self.has_structured_content(),
            has_links: self.has_links(),
            before: self.result_before(),
            after: self.result_after(),
            fence: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_at_its_revisions_place() {
        for (index, revision) in Revision::ALL.into_iter().enumerate() {
            assert_eq!(FACTS[index].revision, revision);
            assert_eq!(Revision::parse(revision.as_str().as_bytes()), Some(revision));
        }
        assert_eq!(Revision::parse(b"1999-01-01"), None);
    }

    #[test]
    fn the_modern_ones_are_those_that_discover_names() {
        let modern: Vec<_> = Revision::ALL
            .into_iter()
            .filter(|revision| revision.is_modern())
            .map(Revision::as_str)
            .collect();
        assert_eq!(modern, Revision::MODERN);
    }

    #[test]
    fn sessions_and_the_modern_era_exclude_each_other() {
        assert!(
            Revision::ALL
                .iter()
                .all(|revision| !(revision.is_modern() && revision.has_sessions()))
        );
        assert!(!Revision::NEWEST_LEGACY.is_modern() && !Revision::WITHOUT_HEADER.is_modern());
    }
}
