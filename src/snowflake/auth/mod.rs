//! The token that each request carries, and its renewal.
//!
//! Nothing is read, signed or asked for before the first call: a bad key is an error of the call that needed it, in
//! words, and the next call looks again, so an operator can repair it without a restart.

mod error;
mod grant;
mod issuer;
mod key_pair;
mod signed;
mod token;

pub use key_pair::{KeyError, SigningKey};

pub(super) use error::LoginError;

use std::path::Path;
use std::time::Duration;

use super::settings::{Authentication, ConfigError, Settings, TokenKind};
use crate::secret::Secret;
use crate::time::Now;
use grant::Grant;
use issuer::UreqIssuer;
use signed::KeyPair;
use token::{FileToken, FixedToken};

/// What logs in.
#[derive(Debug)]
pub(super) enum Credentials {
    /// Signs its tokens itself.
    KeyPair(Box<KeyPair>),
    /// Was given its token.
    Fixed(FixedToken),
    /// Finds its token in a file that somebody else keeps fresh.
    File(FileToken),
    /// Is given its tokens by an identity provider.
    Granted(Box<Grant>),
}

/// What there is to log in with at a moment.
#[derive(Debug)]
pub(super) enum Login {
    /// This.
    Ready(Bearer),
    /// A token is being fetched, or was just now: come back after this time. No worker waits for one that another
    /// worker fetches.
    Pending(Duration),
}

/// A token, ready for a header.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    /// The token.
    pub(super) token: Secret,
    /// Its kind, as Snowflake names it.
    pub(super) token_type: &'static str,
    /// Which of the tokens it is, so that refusing an old one does not throw a newer one away.
    generation: u64,
}

impl Bearer {
    /// What a caller brought along.
    pub(super) fn of_caller(login: &crate::secret::Login, kind: TokenKind) -> Self {
        Self {
            token: login.token().clone(),
            token_type: kind.header(),
            generation: 0,
        }
    }
}

impl Credentials {
    /// Credentials by `settings`, for an account that is called `account_claim` in a JWT's claims.
    ///
    /// # Errors
    /// A user that is missing, a token that cannot be one, an address that tokens must not come from.
    pub(super) fn new(settings: &Settings, account_claim: &str) -> Result<Self, ConfigError> {
        match &settings.authentication {
            Authentication::KeyPair { key, passphrase } => {
                let user = settings.user.as_deref().map(str::trim);
                let user = user
                    .filter(|user| !user.is_empty())
                    .ok_or(ConfigError::UserMissing)?;
                let subject = format!("{account_claim}.{}", login_name(user));
                let pair = KeyPair::new(subject, key.clone(), passphrase.clone());
                Ok(Self::KeyPair(Box::new(pair)))
            }
            Authentication::ProgrammaticAccessToken(secret) => {
                Ok(Self::Fixed(FixedToken::programmatic(secret)?))
            }
            Authentication::OAuth(secret) => Ok(Self::Fixed(FixedToken::oauth(secret)?)),
            Authentication::WorkloadIdentity(secret) => {
                Ok(Self::Fixed(FixedToken::workload_identity(secret)?))
            }
            Authentication::TokenFile { path, kind } => Ok(Self::File(FileToken::new(path.clone(), *kind))),
            Authentication::ClientCredentials(client) => {
                let issuer = UreqIssuer::new(&client.token_url, settings.network.clone())?;
                Ok(Self::Granted(Box::new(Grant::new(client, Box::new(issuer)))))
            }
        }
    }

    /// The token to send at `now`. Its wall clock is Snowflake's, as far as that is known.
    ///
    /// # Errors
    /// There is none: a key or a file that cannot be read, an identity provider that refuses or is away.
    pub(super) fn login(&self, now: Now) -> Result<Login, LoginError> {
        match self {
            Self::KeyPair(pair) => Ok(Login::Ready(pair.bearer(now.wall)?)),
            Self::Fixed(fixed) => Ok(Login::Ready(fixed.bearer())),
            Self::File(file) => Ok(Login::Ready(file.bearer()?)),
            Self::Granted(grant) => grant.login(now.monotonic),
        }
    }

    /// Takes note that Snowflake refused `bearer`'s token. Returns whether another one can be had.
    pub(super) fn renew_after(&self, bearer: &Bearer) -> bool {
        match self {
            Self::KeyPair(pair) => {
                pair.forget(bearer.generation);
                true
            }
            Self::Fixed(_) => false,
            Self::File(file) => file.has_other_than(bearer),
            Self::Granted(grant) => {
                grant.forget(bearer.generation);
                true
            }
        }
    }

    /// The file that the secret is read from, for the log.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::KeyPair(pair) => pair.path(),
            Self::File(file) => Some(file.path()),
            Self::Fixed(_) | Self::Granted(_) => None,
        }
    }

    /// What to look at when the login is refused, for the error's sentence. `named` is the fingerprint of a key that
    /// Snowflake named.
    pub(super) fn login_hint(&self, named: Option<&str>) -> String {
        match self {
            Self::KeyPair(pair) => pair.login_hint(named),
            Self::Fixed(fixed) => fixed.login_hint().to_owned(),
            Self::File(file) => file.login_hint().to_owned(),
            Self::Granted(grant) => grant.login_hint(),
        }
    }
}

/// A login name as a JWT has it: upper case, unless it is written in quotes, as SQL wants it for one that is not.
fn login_name(user: &str) -> String {
    let quoted = user.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    quoted.map_or_else(|| user.to_uppercase(), |exact| exact.replace("\"\"", "\""))
}

#[cfg(test)]
mod tests;
