//! Logins that are signed here: a key pair, and the token last made with it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Bearer, KeyError, SigningKey};
use crate::secret::Secret;
use crate::snowflake::settings::KeySource;
use crate::time::WallTime;

/// A key pair and the token last signed with it.
#[derive(Debug)]
pub(in crate::snowflake) struct KeyPair {
    subject: String,
    key: KeySource,
    passphrase: Option<Secret>,
    /// Held while a token is signed (1 ms), so that many workers who need a new one sign it once.
    signed: Mutex<Signed>,
}

#[derive(Debug, Default)]
struct Signed {
    key: Option<SigningKey>,
    token: Option<(Secret, WallTime)>,
    /// Of the key that last signed, also after it was forgotten.
    fingerprint: Option<String>,
    generation: u64,
}

impl KeyPair {
    /// What signs as `subject`, the account and the user. The key is not read yet.
    pub(super) fn new(subject: String, key: KeySource, passphrase: Option<Secret>) -> Self {
        Self {
            subject,
            key,
            passphrase,
            signed: Mutex::default(),
        }
    }

    /// The token at `now`, signed anew when the last one is about to expire.
    ///
    /// # Errors
    /// The key cannot be read or used.
    pub(super) fn bearer(&self, now: WallTime) -> Result<Bearer, KeyError> {
        let mut signed = self.lock();
        let fresh = signed
            .token
            .as_ref()
            .is_some_and(|(_, signed_at)| is_fresh(*signed_at, now));
        if !fresh {
            let key = match signed.key.take() {
                Some(key) => key,
                None => read_key(&self.key, self.passphrase.as_ref())?,
            };
            let token = key.sign_login(&self.subject, now.as_seconds());
            signed.fingerprint = Some(key.fingerprint().to_owned());
            signed.key = Some(key);
            signed.token = Some((token?, now));
            signed.generation += 1;
        }
        let (token, _) = signed
            .token
            .as_ref()
            .expect("a token that was not fresh was just replaced");
        Ok(Bearer {
            token: token.clone(),
            token_type: "KEYPAIR_JWT",
            generation: signed.generation,
        })
    }

    /// Takes note that the token of `generation` was refused.
    pub(super) fn forget(&self, generation: u64) {
        let mut signed = self.lock();
        if signed.generation == generation {
            // The key too: its file may have been replaced since it was read.
            signed.token = None;
            signed.key = None;
        }
    }

    /// Where the key is read from.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.key {
            KeySource::File(path) => Some(path),
            KeySource::Text(_) => None,
        }
    }

    /// What to compare: both fingerprints, where Snowflake names the one that it knows.
    pub(super) fn login_hint(&self, named: Option<&str>) -> String {
        let signed = self.lock();
        let own = signed.fingerprint.as_deref().unwrap_or("unknown");
        let named = match named {
            Some(named) if own.ends_with(named) => ", which Snowflake names too,".to_owned(),
            Some(named) => format!(" while Snowflake names SHA256:{named},"),
            None => String::new(),
        };
        format!(
            "the key's fingerprint is {own}{named} and the login is {}: compare with RSA_PUBLIC_KEY_FP, RSA_PUBLIC_KEY_2_FP and LOGIN_NAME in DESC USER, and with SELECT CURRENT_ORGANIZATION_NAME() || '-' || CURRENT_ACCOUNT_NAME()",
            self.subject
        )
    }

    fn lock(&self) -> MutexGuard<'_, Signed> {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a token signed at `signed_at` is still good for a request at `now`. A wall clock that was set back makes
/// a token of the future, which Snowflake refuses.
fn is_fresh(signed_at: WallTime, now: WallTime) -> bool {
    now >= signed_at && now.as_micros() - signed_at.as_micros() < RENEW_AFTER.as_micros() as u64
}

fn read_key(source: &KeySource, passphrase: Option<&Secret>) -> Result<SigningKey, KeyError> {
    match source {
        KeySource::Text(text) => SigningKey::parse(text.reveal(), passphrase),
        KeySource::File(path) => SigningKey::of_file(read_key_file(path)?, passphrase),
    }
}

fn read_key_file(path: &Path) -> Result<Vec<u8>, KeyError> {
    let unreadable = |error: io::Error| KeyError::Unreadable { kind: error.kind() };
    let file = File::open(path).map_err(unreadable)?;
    let mode = mode_of(&file);
    if mode & 0o022 != 0 {
        return Err(KeyError::Changeable { mode });
    }
    if mode & 0o044 != 0 {
        log::warn!(
            "the private key {} has mode {mode:03o}: other users of this machine may read it; chmod 600 it",
            path.display()
        );
    }
    let mut bytes = Vec::new();
    file.take(KEY_FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

#[cfg(unix)]
fn mode_of(file: &File) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .map_or(0, |metadata| metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode_of(_file: &File) -> u32 {
    0
}

/// Snowflake takes a token for an hour after `iat`, whatever `exp` says; ten minutes are left for a slow request.
const RENEW_AFTER: Duration = Duration::from_secs(50 * 60);
/// An RSA key of 4096 bits is 3.3 KiB of PEM. The limit is against a path that names something else.
const KEY_FILE_BYTES_MAX: u64 = 64 << 10;
