//! Why there is no token to log in with.

use std::io;

use super::KeyError;
use crate::backend::{Error, Kind};
use crate::snowflake::http::Fault;

/// Why there is no token to log in with. No variant holds a path, a token or a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::snowflake) enum LoginError {
    /// The private key cannot be used.
    Key(KeyError),
    /// The token file cannot be read.
    FileUnreadable {
        /// What the operating system says.
        kind: io::ErrorKind,
    },
    /// The token file holds no token.
    FileHoldsNone,
    /// The identity provider gave no token.
    NotGranted {
        /// Its host.
        host: String,
        /// What it answered, in words.
        answer: String,
    },
    /// The identity provider was not reached, or failed itself: that may pass.
    ProviderAway {
        /// Its host.
        host: String,
        /// Why, for the log.
        why: String,
    },
}

impl LoginError {
    /// An exchange with the provider at `host` that came to nothing.
    pub(super) fn away(host: &str, fault: &Fault) -> Self {
        Self::ProviderAway {
            host: host.to_owned(),
            why: format!("{fault:?}"),
        }
    }

    /// Whether asking again may help.
    pub(in crate::snowflake) const fn is_passing(&self) -> bool {
        matches!(self, Self::ProviderAway { .. })
    }

    /// The error of the call that needed the token.
    pub(in crate::snowflake) fn to_error(&self) -> Error {
        match self {
            Self::Key(error) => Error::new(Kind::Login, error.to_string()),
            Self::FileUnreadable { kind } => Error::new(
                Kind::Login,
                format!(
                    "the token file cannot be read ({kind}): check SNOWFLAKE_TOKEN_FILE_PATH and who may read the file"
                ),
            ),
            Self::FileHoldsNone => Error::new(
                Kind::Login,
                "the token file is empty or has spaces or line breaks inside, expected one token: check SNOWFLAKE_TOKEN_FILE_PATH",
            ),
            Self::NotGranted { host, answer } => Error::new(
                Kind::Login,
                format!(
                    "the identity provider {host} gave no token ({answer}): check SNOWFLAKE_OAUTH_CLIENT_ID, SNOWFLAKE_OAUTH_CLIENT_SECRET, SNOWFLAKE_OAUTH_SCOPE and SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL"
                ),
            ),
            Self::ProviderAway { host, why } => Error::new(
                Kind::Unavailable,
                format!("the identity provider {host} does not answer, so there is no token for Snowflake"),
            )
            .with_detail(why.clone()),
        }
    }
}

impl From<KeyError> for LoginError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}
