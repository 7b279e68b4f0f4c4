//! Tokens that somebody else issued: set as a text, or kept fresh in a file. They cannot be renewed here.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Bearer, LoginError};
use crate::secret::Secret;
use crate::snowflake::settings::{ConfigError, TokenKind};

/// A token as it was given.
#[derive(Debug)]
pub(in crate::snowflake) struct FixedToken {
    token: Secret,
    kind: TokenKind,
}

impl FixedToken {
    pub(super) fn programmatic(secret: &Secret) -> Result<Self, ConfigError> {
        Self::of_kind(secret, TokenKind::ProgrammaticAccess)
    }

    pub(super) fn oauth(secret: &Secret) -> Result<Self, ConfigError> {
        Self::of_kind(secret, TokenKind::OAuth)
    }

    pub(super) fn workload_identity(secret: &Secret) -> Result<Self, ConfigError> {
        Self::of_kind(secret, TokenKind::WorkloadIdentity)
    }

    fn of_kind(secret: &Secret, kind: TokenKind) -> Result<Self, ConfigError> {
        let token = checked(secret.reveal()).ok_or(ConfigError::TokenInvalid)?;
        Ok(Self {
            token: kind.dressed(token),
            kind,
        })
    }

    pub(super) fn bearer(&self) -> Bearer {
        Bearer {
            token: self.token.clone(),
            token_type: self.kind.header(),
            generation: 0,
        }
    }

    pub(super) const fn login_hint(&self) -> &'static str {
        match self.kind {
            TokenKind::ProgrammaticAccess => {
                "check that the programmatic access token has not expired (SHOW USER PROGRAMMATIC ACCESS TOKENS), that it is its secret that is set, and that the user has a network policy"
            }
            TokenKind::OAuth => {
                "the OAuth access token has expired or is not for this account: set a new one"
            }
            TokenKind::WorkloadIdentity => WORKLOAD_HINT,
        }
    }
}

/// A token in a file, which somebody else replaces before it expires: a Snowpark container's, Kubernetes', an agent's.
///
/// The file is read for every request. It costs some 10 µs beside an exchange over the network, and no change is missed
/// on file systems whose times are coarse or that swap a link.
#[derive(Debug)]
pub(in crate::snowflake) struct FileToken {
    path: PathBuf,
    kind: TokenKind,
    /// The token last read. Who replaces a file in place leaves it empty for a moment.
    last: Mutex<Option<Secret>>,
}

impl FileToken {
    pub(super) fn new(path: PathBuf, kind: TokenKind) -> Self {
        Self {
            path,
            kind,
            last: Mutex::default(),
        }
    }

    /// The token that is in the file now, or the last one while there is none.
    ///
    /// # Errors
    /// The file was never readable, or never held a token.
    pub(super) fn bearer(&self) -> Result<Bearer, LoginError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match read(&self.path) {
            Ok(token) => *last = Some(self.kind.dressed(&token)),
            Err(error) if last.is_none() => return Err(error),
            Err(error) => log::warn!(
                "{}; the token that was read before is used",
                error.to_error().message
            ),
        }
        let token = last.clone().expect("it was just set, or was there before");
        Ok(Bearer {
            generation: generation(&token),
            token,
            token_type: self.kind.header(),
        })
    }

    /// Whether the file has another token by now.
    pub(super) fn has_other_than(&self, refused: &Bearer) -> bool {
        self.bearer()
            .is_ok_and(|bearer| bearer.generation != refused.generation)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn login_hint(&self) -> &'static str {
        match self.kind {
            TokenKind::ProgrammaticAccess | TokenKind::OAuth => {
                "the token in the file has expired or is not for this account: see to it that whatever writes SNOWFLAKE_TOKEN_FILE_PATH replaces it in time"
            }
            TokenKind::WorkloadIdentity => WORKLOAD_HINT,
        }
    }
}

impl TokenKind {
    pub(super) const fn header(self) -> &'static str {
        match self {
            Self::ProgrammaticAccess => "PROGRAMMATIC_ACCESS_TOKEN",
            Self::OAuth => "OAUTH",
            Self::WorkloadIdentity => "WORKLOAD_IDENTITY_FEDERATION",
        }
    }

    /// The token as it goes into the header: a workload's names its provider.
    fn dressed(self, token: &str) -> Secret {
        match self {
            Self::WorkloadIdentity if !token.starts_with("WIF.") => Secret::new(format!("WIF.OIDC.{token}")),
            _ => Secret::new(token),
        }
    }
}

fn read(path: &Path) -> Result<String, LoginError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| LoginError::FileUnreadable { kind: error.kind() })?;
    checked(&text).map(str::to_owned).ok_or(LoginError::FileHoldsNone)
}

/// The token without the line break that a file or a paste leaves at its end; `None` when it cannot stand in a header.
fn checked(text: &str) -> Option<&str> {
    let token = text.trim();
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_token.then_some(token)
}

/// Tells two tokens apart without keeping either.
fn generation(token: &Secret) -> u64 {
    let fingerprint = token.fingerprint();
    u64::from_le_bytes(fingerprint[..8].try_into().expect("8 of 16 bytes"))
}

const WORKLOAD_HINT: &str = "the workload's identity token has expired, or no user has its issuer and subject: compare its iss and sub claims with WORKLOAD_IDENTITY in DESC USER";
/// A token is a few KiB. The limit is against a path that names something else.
const FILE_BYTES_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_and_one_that_breaks_a_header_is_refused() {
        let token = FixedToken::programmatic(&Secret::new("s3cret\n")).unwrap();
        assert_eq!(token.bearer().token.reveal(), "s3cret");
        for bad in ["", " \n", "a b", "a\r\nX: y", "ä"] {
            assert_eq!(
                FixedToken::oauth(&Secret::new(bad)).err(),
                Some(ConfigError::TokenInvalid),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_workloads_token_names_its_provider_once() {
        for given in ["t.o.k", "WIF.OIDC.t.o.k"] {
            let bearer = FixedToken::workload_identity(&Secret::new(given))
                .unwrap()
                .bearer();
            assert_eq!(bearer.token.reveal(), "WIF.OIDC.t.o.k");
            assert_eq!(bearer.token_type, "WORKLOAD_IDENTITY_FEDERATION");
        }
    }

    #[test]
    fn a_file_is_read_again_and_its_last_token_outlives_a_moment_without_one() {
        let path = std::env::temp_dir().join(format!("snowflake-mcp-token-{}", std::process::id()));
        let file = FileToken::new(path.clone(), TokenKind::OAuth);
        let token = || file.bearer().map(|bearer| bearer.token.reveal().to_owned());
        assert_eq!(
            token(),
            Err(LoginError::FileUnreadable {
                kind: std::io::ErrorKind::NotFound
            })
        );
        std::fs::write(&path, "").unwrap();
        assert_eq!(token(), Err(LoginError::FileHoldsNone));
        std::fs::write(&path, "first\n").unwrap();
        assert_eq!(token(), Ok("first".to_owned()));
        let refused = file.bearer().unwrap();
        assert!(!file.has_other_than(&refused));
        std::fs::write(&path, "").unwrap();
        assert_eq!(token(), Ok("first".to_owned()));
        assert!(!file.has_other_than(&refused));
        std::fs::write(&path, "second").unwrap();
        assert!(file.has_other_than(&refused));
        assert_eq!(token(), Ok("second".to_owned()));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(token(), Ok("second".to_owned()));
    }
}
