//! Tokens that somebody else issued: programmatic access tokens and OAuth access tokens. They cannot be renewed here.

use crate::secret::Secret;
use crate::snowflake::settings::ConfigError;

/// A token as it was given.
#[derive(Debug)]
pub(in crate::snowflake) struct FixedToken {
    pub(super) token: Secret,
    pub(super) token_type: &'static str,
    pub(super) login_hint: &'static str,
}

impl FixedToken {
    pub(super) fn programmatic(secret: &Secret) -> Result<Self, ConfigError> {
        Ok(Self {
            token: checked(secret)?,
            token_type: "PROGRAMMATIC_ACCESS_TOKEN",
            login_hint: "check that the programmatic access token has not expired (SHOW USER PROGRAMMATIC ACCESS TOKENS), that it is its secret that is set, and that the user has a network policy",
        })
    }

    pub(super) fn oauth(secret: &Secret) -> Result<Self, ConfigError> {
        Ok(Self {
            token: checked(secret)?,
            token_type: "OAUTH",
            login_hint: "the OAuth access token has expired or is not for this account: set a new one",
        })
    }
}

/// The token without the line break that a file or a paste leaves at its end.
fn checked(secret: &Secret) -> Result<Secret, ConfigError> {
    let token = secret.reveal().trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::TokenInvalid);
    }
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_and_one_that_breaks_a_header_is_refused() {
        let token = FixedToken::programmatic(&Secret::new("s3cret\n")).unwrap();
        assert_eq!(token.token.reveal(), "s3cret");
        for bad in ["", " \n", "a b", "a\r\nX: y", "ä"] {
            assert_eq!(
                FixedToken::oauth(&Secret::new(bad)).err(),
                Some(ConfigError::TokenInvalid),
                "{bad:?}"
            );
        }
    }
}
