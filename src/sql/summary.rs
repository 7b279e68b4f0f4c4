//! What may be kept of a statement: the digest of its text, the text without literals, the objects that it names. Making it
//! takes time in proportion to the text, so a worker does.

use std::sync::{Arc, OnceLock};

use super::literals::without_literals;
use super::mentioned::mentioned;
use crate::limits::AUDIT_TEXT_BYTES_MAX;

/// What may be kept of the statements of one call, once somebody who may take the time has made it.
pub type Summaries = OnceLock<Vec<Summary>>;

/// What may be kept of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// SHA-256 of the text as it was written.
    pub hash: [u8; 32],
    /// The text without literals, cut after [`AUDIT_TEXT_BYTES_MAX`].
    pub text: Box<str>,
    /// The objects that it names, as they are written.
    pub mentioned: Vec<Box<str>>,
}

impl Summary {
    /// What is kept of `text`. Takes time in proportion to it, for the digest; the rest looks at its beginning alone.
    pub fn of(text: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.as_ref());
        Self {
            hash,
            text: without_literals(text, AUDIT_TEXT_BYTES_MAX).into(),
            mentioned: mentioned(text),
        }
    }

    /// The same of several texts, in their order.
    pub fn of_all(texts: &[Arc<str>]) -> Vec<Self> {
        texts.iter().map(|text| Self::of(text)).collect()
    }
}
