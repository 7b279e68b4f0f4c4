//! The one way to a [`CheckedStatement`]. Backends accept nothing else, so a check cannot be forgotten.
//!
//! What an operator allows by a [`Write`]'s verb passes as one statement of its own, never within another or explained
//! without that verb.
//!
//! The guard denies by default: a text passes when it is exactly one statement, when every statement of its `->>` chain
//! starts with a verb that reads and that the policy allows, and when nothing in it is known to change, cost or reveal
//! something. Behind a verb that reads, syntax that the guard does not know passes: Snowflake's SQL grows faster than
//! anybody's grammar of it, and the verb already tells what the statement can do.
//!
//! What the guard cannot see is what a function of the account does inside; that is the role's to bound. The role is
//! also the last wall: the guard keeps a model from trying, not an administrator's role from being able to.

mod advice;
mod functions;
mod policy;
mod refusal;
mod walk;
mod words;
mod writes;

pub use policy::{Permission, Policy, PolicyError};
pub use refusal::{Place, Refusal, Rule};
pub use writes::Write;

use std::sync::Arc;

use crate::sql::statement::{Parts, Separator, StatementKind};
use walk::Verdict;

/// A statement that the guard let through. Only [`Policy::check`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedStatement {
    text: Arc<str>,
    verdict: Verdict,
}

impl CheckedStatement {
    /// The text, as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same for whoever keeps it for longer.
    pub fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// The `EXPLAIN USING JSON` of it: one read more, of the same text. `None` of what has no plan: a chain, and what is
    /// neither a query nor a write.
    pub fn explained(&self) -> Option<Self> {
        let is_planned = self.kind().is_query() || self.write().is_some();
        if !is_planned || self.stages() > 1 {
            return None;
        }
        // Semicolons and comments before it would stand between.
        let statement = Parts::new(&self.text, Separator::Semicolon).next()?.ok()?;
        Some(Self {
            text: format!("EXPLAIN USING JSON {}", &self.text[statement]).into(),
            verdict: Verdict {
                kind: StatementKind::Explain,
                write: None,
                stages: 1,
            },
        })
    }

    /// What it is; of a `->>` chain, what its first statement is.
    pub fn kind(&self) -> StatementKind {
        self.verdict.kind
    }

    /// Which write it is; `None` for a read.
    pub fn write(&self) -> Option<Write> {
        self.verdict.write
    }

    /// How many statements `->>` chains in it; 1 without. [`crate::sql::statement::Parts`] cuts them.
    pub fn stages(&self) -> usize {
        self.verdict.stages
    }
}

/// A statement that still has to be guarded, with the policy that will do it.
#[derive(Debug, Clone)]
pub struct UncheckedStatement {
    text: Arc<str>,
    policy: Policy,
}

impl UncheckedStatement {
    /// Keeps `text` for a later [`UncheckedStatement::check`].
    pub fn new(text: impl Into<Arc<str>>, policy: Policy) -> Self {
        let text = text.into();
        Self { text, policy }
    }

    /// The same, of which no write will pass.
    #[must_use]
    pub fn without_writes(self) -> Self {
        Self {
            policy: self.policy.without_writes(),
            ..self
        }
    }

    /// The text, as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same for whoever keeps it for longer.
    pub fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// Guards the text.
    ///
    /// # Errors
    /// As [`Policy::check`].
    pub fn check(self) -> Result<CheckedStatement, Refusal> {
        let verdict = self.policy.judge(&self.text)?;
        Ok(CheckedStatement {
            text: self.text,
            verdict,
        })
    }
}

impl Policy {
    /// Lets `text` through or says why not. Takes time in proportion to the text (a few nanoseconds a byte) and no
    /// memory but for the copy of a text that passes.
    ///
    /// ```
    /// use snowflake_mcp::sql::guard::{Policy, Rule};
    ///
    /// let policy = Policy::default();
    /// assert!(policy.check("show tables ->> select \"name\" from $1").is_ok());
    /// let refusal = policy.check("select 1;\ndrop table t").expect_err("two statements");
    /// assert_eq!((refusal.rule, refusal.place.line), (Rule::SecondStatement, 2));
    /// ```
    ///
    /// # Errors
    /// The rule that refused it, the place and a sentence.
    pub fn check(&self, text: &str) -> Result<CheckedStatement, Refusal> {
        let verdict = self.judge(text)?;
        Ok(CheckedStatement {
            text: text.into(),
            verdict,
        })
    }

    fn judge(&self, text: &str) -> Result<Verdict, Refusal> {
        let bytes_max = self.statement_bytes_max();
        if text.len() > bytes_max {
            let reason = format!(
                "the statement is {} bytes long, at most {bytes_max} are allowed; shorten it (long lists of values belong into a table)",
                text.len()
            );
            return Err(Refusal::new(Rule::TooLong, text, bytes_max, reason));
        }
        walk::walk(text, &self.rules)
    }
}

#[cfg(test)]
mod tests;
