//! What is known of a caller once a credential said who it is.
//!
//! A caller is told apart by its mark, which is made of its name: so a key that is exchanged for another with the same
//! label, or a token that is renewed, leaves its holder's sessions, cursors and place in the queue as they were.

use std::sync::Arc;

use super::Scope;
use crate::secret::{Login, Secret};
use crate::time::WallTime;

/// Tells callers apart: half of a SHA-256 over what kind of name a caller has, and the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark([u8; 16]);

/// Where a caller's name comes from. Names of two kinds are never the same caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The label of a key.
    Key,
    /// Issuer and subject of a token.
    Token,
    /// The name in a certificate.
    Certificate,
    /// Nothing but a login to the database, where nobody is asked for more.
    Login,
}

/// What one caller may use. What is not set is bounded by the server's own limits alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Calls in flight at once.
    pub calls_max: Option<usize>,
    /// Calls begun in a minute.
    pub calls_per_minute_max: Option<u32>,
    /// Rows received in a day.
    pub rows_per_day_max: Option<u64>,
    /// Bytes of results received in a day.
    pub bytes_per_day_max: Option<u64>,
}

/// A caller that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What the log calls it. No secret.
    pub label: Box<str>,
    /// What told who it is.
    pub kind: Kind,
    /// What it is told apart by.
    pub mark: Mark,
    /// The same of the credential alone: what is said of a key holds whatever login comes with it.
    pub credential: Mark,
    /// The login to the database that it brought along.
    pub login: Option<Arc<Login>>,
    /// The most that it may do; `None`: nothing.
    pub scope: Option<Scope>,
    /// What it may use.
    pub quota: Quota,
    /// From when on the credential is worth nothing; `None`: as long as the server accepts it.
    pub expires: Option<WallTime>,
}

impl Mark {
    /// The mark of whoever has this name.
    pub fn of(kind: Kind, name: &str) -> Self {
        let kind = match kind {
            Kind::Key => "key\0",
            Kind::Token => "token\0",
            Kind::Certificate => "certificate\0",
            Kind::Login => "login\0",
        };
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(kind.as_bytes());
        context.update(name.as_bytes());
        Self::cut(context.finish().as_ref())
    }

    /// The mark of whoever holds a key without a name.
    pub fn of_secret(key: &Secret) -> Self {
        Self(key.fingerprint())
    }

    /// The mark of whoever brings this login, beside a credential or without one.
    pub fn of_login(credential: Option<Self>, token: &Secret) -> Self {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(b"login beside\0");
        context.update(credential.as_ref().map_or(&[], Self::as_bytes));
        context.update(&token.fingerprint());
        Self::cut(context.finish().as_ref())
    }

    fn cut(digest: &[u8]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Self(half)
    }

    /// The bytes that sessions and cursors are bound to.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Identity {
    /// Whether the credential has had its time.
    pub fn is_expired(&self, now: WallTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_of_another_kind_is_another_caller() {
        let marks = [Kind::Key, Kind::Token, Kind::Certificate].map(|kind| Mark::of(kind, "ann"));
        assert!(marks[0] != marks[1] && marks[1] != marks[2] && marks[0] != marks[2]);
        assert_eq!(marks[0], Mark::of(Kind::Key, "ann"));
        assert_ne!(marks[0], Mark::of(Kind::Key, "bob"));
    }
}
