//! The public keys of an issuer (RFC 7517), and signatures checked with them.
//!
//! A key says by its kind which algorithm it is for, and a token that names another one does not verify: so a public key
//! is never taken for the secret of an HMAC, and there is no `none`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::value::RawValue;

use crate::json;

/// The keys of an issuer that can be used here.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

/// A key that signatures are checked with.
#[derive(Clone)]
pub struct PublicKey {
    id: Option<Box<str>>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Rsa {
        modulus: Box<[u8]>,
        exponent: Box<[u8]>,
    },
    /// An uncompressed point.
    P256(Box<[u8]>),
    Ed25519(Box<[u8]>),
}

/// How a token may be signed. Nothing symmetric, and never not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with PKCS #1 v1.5 padding and SHA-256, of 2,048 bits at least.
    Rs256,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// The algorithm that a token's `alg` names.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "ES256" => Self::Es256,
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }
}

impl KeySet {
    /// Reads a JWK Set. Keys that are for something else are left out.
    ///
    /// # Errors
    /// What is wrong with the document, or that it holds no key that can be used.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut listed: Option<Vec<&RawValue>> = None;
        json::each_member(text, |name, value| {
            if name == "keys" {
                listed = serde_json::from_str(value.get()).ok();
            }
        })
        .map_err(|_| "the key set is no JSON object".to_owned())?;
        let listed = listed.ok_or("the key set has no list of keys")?;
        let usable = listed.iter().filter_map(|key| PublicKey::parse(key.get()));
        let keys: Vec<_> = usable.take(KEYS_MAX).collect();
        if keys.is_empty() {
            return Err(format!(
                "none of the {} keys in the set can be used: RS256 (2048 bits at least), ES256 and EdDSA (Ed25519) can",
                listed.len()
            ));
        }
        Ok(Self { keys })
    }

    /// The key with this id, or the only one for the algorithm where a token names none.
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&PublicKey> {
        let mut fitting = self.keys.iter().filter(|key| key.algorithm() == algorithm);
        match id {
            Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }

    /// Whether there is a key with this id.
    pub fn has_id(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none, as before the first was fetched.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl PublicKey {
    fn parse(text: &str) -> Option<Self> {
        let members = ["kty", "kid", "use", "alg", "crv", "n", "e", "x", "y"];
        let mut values: [Option<String>; 9] = Default::default();
        json::each_member(text, |name, value| {
            if let Some(place) = members.iter().position(|member| *member == name) {
                values[place] = json::text(value).map(|text| text.into_owned());
            }
        })
        .ok()?;
        let [kind, id, purpose, algorithm, curve, n, e, x, y] = &values;
        if purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let bytes = |text: &Option<String>| -> Option<Box<[u8]>> {
            URL_SAFE_NO_PAD
                .decode(text.as_ref()?)
                .ok()
                .map(Vec::into_boxed_slice)
        };
        let material = match (kind.as_deref()?, curve.as_deref()) {
            ("RSA", _) => Material::Rsa {
                modulus: bytes(n).filter(|modulus| modulus.len() >= RSA_BYTES_MIN)?,
                exponent: bytes(e)?,
            },
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes(x)?, bytes(y)?);
                let is_whole = x.len() == P256_BYTES && y.len() == P256_BYTES;
                is_whole.then(|| Material::P256([&[UNCOMPRESSED][..], &x, &y].concat().into()))?
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(x)?),
            _ => return None,
        };
        let key = Self {
            id: id.as_deref().map(Box::from),
            material,
        };
        let is_for_it = |name: &String| Algorithm::parse(name) == Some(key.algorithm());
        algorithm.as_ref().is_none_or(is_for_it).then_some(key)
    }

    fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether `signature` over `message` was made with the other half of this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.material {
            Material::Rsa { modulus, exponent } => RsaPublicKeyComponents {
                n: &**modulus,
                e: &**exponent,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Material::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(message, signature),
        };
        verified.is_ok()
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.keys.iter().map(|key| &key.id);
        formatter.debug_list().entries(ids).finish()
    }
}

/// Issuers have two or three; the largest known sets have some twenty.
const KEYS_MAX: usize = 64;
const RSA_BYTES_MIN: usize = 256;
const P256_BYTES: usize = 32;
/// Begins a point that is given by both coordinates (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;
