//! What the server needs from elsewhere to know its callers and what they may do, and what came of asking for it.
//!
//! The server says what it wants, a thread of the shell reads files and asks issuers, and the answer comes back as input,
//! as it is with statements. So nothing here, and nothing on the reactor thread, opens a file or waits for a network.

use super::KeyRing;
use super::key_set::KeySet;
use crate::sql::ruling::Rulings;

/// Something to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The keys that are accepted, read again.
    Keys,
    /// What callers may do, with the policy file read again.
    Policy,
    /// The public keys of the issuer at this place of the list.
    KeySet(usize),
}

/// What came of it. The texts are for the operator's log.
#[derive(Debug)]
pub enum Fetched {
    /// The keys that are accepted from now on, or why they cannot be read.
    Keys(Result<KeyRing, String>),
    /// What callers may do from now on, or why that cannot be read.
    Policy(Result<Rulings, String>),
    /// The public keys of an issuer, or why they cannot be had.
    KeySet(usize, Result<KeySet, String>),
}

/// Fetches, for as long as it takes. Called on a thread of its own.
pub trait Fetcher: Send + Sync {
    /// Fetches `wanted`, in a time that is bounded.
    fn fetch(&self, wanted: Wanted) -> Fetched;
}
