//! Values that must not be printed. The type has no way to be shown, so no log line can leak one by accident.

use std::fmt;
use std::sync::Arc;

/// A password, token or key. `Debug` prints a placeholder; `Display` and `Serialize` do not exist.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself. Call it where the secret is used (a header, a signature), never to keep a copy.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Bytes that tell this secret from others and do not give it away: half of a digest. Equal wherever the same secret
    /// is known.
    pub fn fingerprint(&self) -> [u8; 16] {
        let digest = ring::digest::digest(&ring::digest::SHA256, self.0.as_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&digest.as_ref()[..16]);
        half
    }

    /// Whether `candidate` is this secret, in time that depends on neither's content.
    ///
    /// Both are hashed first, so lengths are not compared either.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        let digest = |bytes: &[u8]| ring::digest::digest(&ring::digest::SHA256, bytes);
        let (own, other) = (digest(self.0.as_bytes()), digest(candidate));
        let different = own
            .as_ref()
            .iter()
            .zip(other.as_ref())
            .fold(0, |bits, (a, b)| bits | (a ^ b));
        std::hint::black_box(different) == 0
    }
}

/// A login to the database that a caller brought along, to be known there instead of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    token: Secret,
    mark: Box<str>,
    field: Arc<str>,
}

impl Login {
    /// The login with this token, which came in the header field called so.
    pub fn new(token: Secret, field: Arc<str>) -> Self {
        let mark = token.fingerprint().into_iter().map(|byte| format!("{byte:02x}"));
        Self {
            mark: mark.collect::<String>().into(),
            token,
            field,
        }
    }

    /// The token.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// What tells it from other logins: digits of a digest of the token.
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// The header field that it came in, for what its caller is told.
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }

    #[test]
    fn a_login_is_told_apart_and_never_printed() {
        let login = |token: &str| Login::new(Secret::new(token), "x-token".into());
        assert_ne!(login("hunter2").mark(), login("hunter3").mark());
        let shown = format!("{:?}", login("hunter2"));
        assert!(!shown.contains("hunter2") && shown.contains("x-token"), "{shown}");
    }

    #[test]
    fn only_the_same_bytes_match() {
        let secret = Secret::new("key-1");
        assert!(secret.matches(b"key-1"));
        assert!(!secret.matches(b"key-2"));
        assert!(!secret.matches(b"key-11"));
        assert!(!secret.matches(b""));
    }
}
