//! A signed token (RFC 7519, RFC 9068) taken apart: what it says, before anybody has checked whether it may say so.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::RawValue;

use super::key_set::Algorithm;
use crate::json;
use crate::time::WallTime;

/// A token in its parts.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// What the signature is over.
    pub(super) signed: &'a [u8],
    pub(super) signature: Vec<u8>,
    pub(super) algorithm: Algorithm,
    /// Which of the issuer's keys it is signed with.
    pub(super) key_id: Option<Box<str>>,
    pub(super) claims: Claims,
}

/// What a token says.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) audiences: Vec<String>,
    pub(super) expires: WallTime,
    pub(super) not_before: Option<WallTime>,
    pub(super) scopes: Vec<String>,
}

impl<'a> Parts<'a> {
    /// Takes a token apart; `None` when it is none, or one that must not be trusted whoever signed it.
    pub(super) fn read(token: &'a [u8]) -> Option<Self> {
        let text = str::from_utf8(token)
            .ok()
            .filter(|text| text.len() <= TOKEN_BYTES_MAX)?;
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let decoded = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            (!json::is_deeper_than(&text, DEPTH_MAX)).then_some(text)
        };
        let (algorithm, key_id) = read_header(&decoded(header)?)?;
        Some(Self {
            signed: signed.as_bytes(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
            algorithm,
            key_id,
            claims: Claims::read(&decoded(payload)?)?,
        })
    }
}

fn read_header(text: &str) -> Option<(Algorithm, Option<Box<str>>)> {
    let (mut algorithm, mut key_id, mut is_wrong) = (None, None, false);
    each_once(text, |name, value| match name {
        "alg" => algorithm = json::text(value).and_then(|name| Algorithm::parse(&name)),
        "kid" => {
            key_id = json::text(value).map(|id| Box::from(&*id));
            is_wrong |= key_id.is_none();
        }
        "typ" => {
            let kind = json::text(value).unwrap_or_default().to_ascii_lowercase();
            is_wrong |= !KINDS.contains(&kind.strip_prefix("application/").unwrap_or(&kind));
        }
        // What is critical and not known must not be left out (RFC 7515 section 4.1.11), and none is known.
        "crit" => is_wrong = true,
        _ => {}
    })?;
    algorithm
        .filter(|_| !is_wrong)
        .map(|algorithm| (algorithm, key_id))
}

impl Claims {
    fn read(text: &str) -> Option<Self> {
        let mut claims = Self::default();
        let (mut expires, mut client, mut is_wrong) = (None, None, false);
        each_once(text, |name, value| {
            let mut take = |into: &mut String| match json::text(value) {
                Some(text) => *into = text.into_owned(),
                None => is_wrong = true,
            };
            match name {
                "iss" => take(&mut claims.issuer),
                "sub" => take(&mut claims.subject),
                "client_id" | "azp" => {
                    client = client.take().or_else(|| json::text(value).map(Cow::into_owned))
                }
                "aud" => claims.audiences = texts(value),
                // As the standard says, and as the largest issuer without it does.
                "scope" | "scp" => claims
                    .scopes
                    .extend(texts(value).iter().flat_map(|text| words(text))),
                "exp" => expires = seconds(value),
                "nbf" => {
                    claims.not_before = seconds(value);
                    is_wrong |= claims.not_before.is_none();
                }
                _ => {}
            }
        })?;
        // A token that a program got for itself may name nobody else.
        if claims.subject.is_empty() {
            claims.subject = client.unwrap_or_default();
        }
        claims.expires = expires?;
        (!is_wrong && !claims.subject.is_empty()).then_some(claims)
    }
}

/// Calls `member` for each member; `None` when the text is no object or has a member twice, where one reader would see
/// the first and another the last.
fn each_once(text: &str, mut member: impl FnMut(&str, &RawValue)) -> Option<()> {
    let mut seen: Vec<String> = Vec::new();
    let mut is_repeated = false;
    json::each_member(text, |name, value| {
        is_repeated |= seen.iter().any(|earlier| *earlier == name);
        member(&name, value);
        seen.push(name.into_owned());
    })
    .ok()?;
    (!is_repeated).then_some(())
}

/// A text, or a list of them.
fn texts(value: &RawValue) -> Vec<String> {
    match json::text(value) {
        Some(one) => vec![one.into_owned()],
        None => serde_json::from_str(value.get()).unwrap_or_default(),
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_ascii_whitespace().map(str::to_owned)
}

/// A NumericDate: seconds since 1970, perhaps with a fraction, which does not matter.
fn seconds(value: &RawValue) -> Option<WallTime> {
    let whole = value.get().split('.').next()?;
    let seconds: u64 = whole.parse().ok()?;
    Some(WallTime::from_micros(seconds.checked_mul(1_000_000)?))
}

/// Tokens have a kilobyte; those of issuers that list groups may have four.
const TOKEN_BYTES_MAX: usize = 8 << 10;
const DEPTH_MAX: usize = 16;
/// What a token may call itself. An access token says `at+jwt` (RFC 9068); most do not yet.
const KINDS: [&str; 2] = ["jwt", "at+jwt"];
