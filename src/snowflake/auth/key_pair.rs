//! An RSA private key in any of the forms that people have, its fingerprint, and the login tokens it signs (JWT,
//! RFC 7519, RS256). Pure: text in, text out; it knows no file and no clock.

use std::fmt;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkcs8::EncryptedPrivateKeyInfoRef;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256};

use crate::secret::Secret;

/// A key that can sign logins.
pub struct SigningKey {
    key: RsaKeyPair,
    fingerprint: String,
}

impl SigningKey {
    /// Reads a key: PEM (`PRIVATE KEY`, `ENCRYPTED PRIVATE KEY`, `RSA PRIVATE KEY`), also with `\n` spelt out as in
    /// an environment variable, or base64 of PEM or DER.
    ///
    /// # Errors
    /// What is wrong with it, and the command that repairs it where there is one.
    pub fn parse(text: &str, passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        if let Some(pem) = find_pem(text) {
            return Self::of_pem(&pem?, passphrase);
        }
        let compact: String = text.split_whitespace().collect();
        let bytes = STANDARD
            .decode(compact)
            .ok()
            .filter(|bytes| !bytes.is_empty())
            .ok_or(KeyError::NoKey)?;
        match std::str::from_utf8(&bytes).ok().and_then(find_pem) {
            Some(pem) => Self::of_pem(&pem?, passphrase),
            None => Self::of_der(&bytes, passphrase),
        }
    }

    /// Reads a key as it lies in a file: as [`SigningKey::parse`], or DER.
    ///
    /// # Errors
    /// As there.
    pub fn of_file(bytes: Vec<u8>, passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(Secret::new(text).reveal(), passphrase),
            // No key is UTF-8 by chance: its second byte says that it has a length of two bytes.
            Err(error) => Self::of_der(error.as_bytes(), passphrase),
        }
    }

    /// `SHA256:` and the digest of the public key, as `DESC USER` shows it in `RSA_PUBLIC_KEY_FP`.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Signs a login for `subject` (`ACCOUNT.USER`) at `now` (seconds since 1970).
    ///
    /// # Errors
    /// [`KeyError::NotSigned`], when there is no memory or no randomness.
    pub fn sign_login(&self, subject: &str, now: u64) -> Result<Secret, KeyError> {
        let claims = serde_json::json!({
            "iss": format!("{subject}.{}", self.fingerprint),
            "sub": subject,
            "iat": now.saturating_sub(BACKDATED_SECONDS),
            "exp": now + LIFE_SECONDS,
        });
        let mut token = URL_SAFE_NO_PAD.encode(HEADER);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut token);
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                token.as_bytes(),
                &mut signature,
            )
            .map_err(|_| KeyError::NotSigned)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(Secret::new(token))
    }

    fn of_pem(pem: &Pem, passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        match pem.label.as_str() {
            "PRIVATE KEY" => Self::of_pkcs8(&pem.der),
            "RSA PRIVATE KEY" => Self::of_pkcs1(&pem.der),
            "ENCRYPTED PRIVATE KEY" => Self::of_encrypted(&pem.der, passphrase),
            label => Err(KeyError::OtherPem {
                label: label.to_owned(),
            }),
        }
    }

    fn of_der(der: &[u8], passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        if EncryptedPrivateKeyInfoRef::try_from(der).is_ok() {
            return Self::of_encrypted(der, passphrase);
        }
        Self::of_pkcs8(der)
            .or_else(|_| Self::of_pkcs1(der))
            .map_err(|_| KeyError::NoKey)
    }

    fn of_encrypted(der: &[u8], passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        let passphrase = passphrase.ok_or(KeyError::PassphraseMissing)?;
        // PBES1, and ciphers that nobody should use any more, are not even parsed.
        let info = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::OldEncryption)?;
        if info.encryption_algorithm.pbes2().is_none() {
            return Err(KeyError::OldEncryption);
        }
        let plain = info
            .decrypt(passphrase.reveal())
            .map_err(|_| KeyError::PassphraseWrong)?;
        Self::of_pkcs8(plain.as_bytes())
    }

    fn of_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        RsaKeyPair::from_pkcs8(der)
            .map(Self::with_fingerprint)
            .map_err(rejected)
    }

    fn of_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        RsaKeyPair::from_der(der)
            .map(Self::with_fingerprint)
            .map_err(rejected)
    }

    fn with_fingerprint(key: RsaKeyPair) -> Self {
        let spki = subject_public_key_info(key.public_key().as_ref());
        let digest = ring::digest::digest(&ring::digest::SHA256, &spki);
        let fingerprint = format!("SHA256:{}", STANDARD.encode(digest));
        Self { key, fingerprint }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.fingerprint)
    }
}

/// Why a private key cannot be used. No variant holds a path or a byte of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyError {
    /// The file cannot be read.
    Unreadable {
        /// What the operating system says.
        kind: io::ErrorKind,
    },
    /// Other users may change the file.
    Changeable {
        /// Its permissions.
        mode: u32,
    },
    /// The text holds no private key.
    NoKey,
    /// A PEM block of another kind: a public key, a certificate, an OpenSSH key.
    OtherPem {
        /// Its label.
        label: String,
    },
    /// A PEM block that was cut or changed.
    BrokenPem,
    /// The key is encrypted and no passphrase is set.
    PassphraseMissing,
    /// The passphrase does not decrypt the key.
    PassphraseWrong,
    /// The key is encrypted in a way that was given up: PBES1, or inside the old PEM.
    OldEncryption,
    /// The key is no RSA key of 2048 to 4096 bits.
    Unsuitable {
        /// What the cryptography says.
        why: String,
    },
    /// Signing failed.
    NotSigned,
}

impl fmt::Display for KeyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { kind } => write!(
                formatter,
                "the private key file cannot be read ({kind}): check SNOWFLAKE_PRIVATE_KEY_PATH and who may read the file"
            ),
            Self::Changeable { mode } => write!(
                formatter,
                "the private key file has mode {mode:03o}: other users of the server's machine may change it; chmod 600 it"
            ),
            Self::NoKey => formatter.write_str(
                "the private key setting holds no key: expected PEM that begins with -----BEGIN PRIVATE KEY----- (or ENCRYPTED, or RSA)",
            ),
            Self::OtherPem { label } => write!(
                formatter,
                "the private key setting holds a {label}, expected a PRIVATE KEY, ENCRYPTED PRIVATE KEY or RSA PRIVATE KEY"
            ),
            Self::BrokenPem => formatter.write_str(
                "the private key is cut or damaged: its PEM text does not decode; copy it again, with its BEGIN and END lines",
            ),
            Self::PassphraseMissing => formatter.write_str(
                "the private key is encrypted and no passphrase is set: set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
            ),
            Self::PassphraseWrong => formatter.write_str(
                "the private key does not decrypt with SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: the passphrase is wrong, or the file is damaged",
            ),
            Self::OldEncryption => formatter.write_str(
                "the private key is encrypted in an outdated way: encrypt it again with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.p8 -out new.p8`",
            ),
            Self::Unsuitable { why } => write!(
                formatter,
                "the private key is no RSA key of 2048 to 4096 bits ({why}): make one with `openssl genrsa 2048 | openssl pkcs8 -topk8 -v2 aes-256-cbc -out key.p8`"
            ),
            Self::NotSigned => formatter.write_str("the login could not be signed: the system gave no memory or randomness"),
        }
    }
}

impl std::error::Error for KeyError {}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err asks for")]
fn rejected(error: ring::error::KeyRejected) -> KeyError {
    KeyError::Unsuitable {
        why: error.to_string(),
    }
}

struct Pem {
    label: String,
    der: Vec<u8>,
}

/// Finds the first PEM block (RFC 7468), whatever stands before it and however its lines are broken.
fn find_pem(text: &str) -> Option<Result<Pem, KeyError>> {
    let (_, after) = text.split_once("-----BEGIN ")?;
    let (label, after) = after.split_once("-----")?;
    Some(decode_pem(label, after))
}

fn decode_pem(label: &str, after: &str) -> Result<Pem, KeyError> {
    let (body, _) = after
        .split_once(&format!("-----END {label}-----"))
        .ok_or(KeyError::BrokenPem)?;
    // Environment variables and JSON often hold the line breaks as two characters.
    let body = body.replace("\\r", "").replace("\\n", "\n");
    if body.contains("DEK-Info:") {
        return Err(KeyError::OldEncryption);
    }
    let compact: String = body.split_whitespace().collect();
    let der = STANDARD.decode(compact).map_err(|_| KeyError::BrokenPem)?;
    Ok(Pem {
        label: label.to_owned(),
        der,
    })
}

/// Wraps ring's `RSAPublicKey` (RFC 8017 appendix A.1.1) as a `SubjectPublicKeyInfo` (RFC 5280 section 4.1): that is
/// what the fingerprint is taken of.
fn subject_public_key_info(public_key: &[u8]) -> Vec<u8> {
    let mut bits = vec![0]; // no unused bits at the end
    bits.extend_from_slice(public_key);
    let mut inner = RSA_ALGORITHM.to_vec();
    inner.extend(der_element(0x03, &bits));
    der_element(0x30, &inner)
}

fn der_element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length @ 0..=0x7f) => element.push(length),
        _ => {
            let bytes = content.len().to_be_bytes();
            let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
            // A usize has 8 bytes at most, so their count fits the seven bits.
            element.push(0x80 | significant.len() as u8);
            element.extend_from_slice(significant);
        }
    }
    element.extend_from_slice(content);
    element
}

const HEADER: &str = r#"{"alg":"RS256","typ":"JWT"}"#;
/// `SEQUENCE { OID rsaEncryption, NULL }`.
const RSA_ALGORITHM: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];
/// Against a clock that is ahead of Snowflake's: a token of the future is refused.
const BACKDATED_SECONDS: u64 = 45;
/// With the backdating this stays under the hour after which Snowflake refuses a token whatever it says.
const LIFE_SECONDS: u64 = 58 * 60;
