//! The one way to a [`CheckedStatement`]. Backends accept nothing else, so a check cannot be forgotten.

use std::fmt;
use std::sync::Arc;

/// Which statements may pass. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    rules: Arc<Rules>,
}

#[derive(Debug, Default)]
struct Rules {}

/// A statement that the guard let through. Only [`Policy::check`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedStatement {
    text: String,
}

impl CheckedStatement {
    /// The text, as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A statement that still has to be guarded, with the policy that will do it.
#[derive(Debug, Clone)]
pub struct UncheckedStatement {
    text: String,
    policy: Policy,
}

impl UncheckedStatement {
    /// Keeps `text` for a later [`UncheckedStatement::check`].
    pub fn new(text: String, policy: Policy) -> Self {
        Self { text, policy }
    }

    /// Guards the text.
    ///
    /// # Errors
    /// As [`Policy::check`].
    pub fn check(self) -> Result<CheckedStatement, Refusal> {
        self.policy.check(&self.text)
    }
}

/// Why a statement may not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A sentence for the model.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Policy {
    /// Lets `text` through or says why not.
    ///
    /// # Errors
    /// The rule that refused it.
    pub fn check(&self, text: &str) -> Result<CheckedStatement, Refusal> {
        let _ = &self.rules;
        Ok(CheckedStatement {
            text: text.to_owned(),
        })
    }
}
