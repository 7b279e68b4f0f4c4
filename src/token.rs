//! Signed tokens: what a client carries for the server, so that the server need not remember it.
//!
//! A session id, a cursor, a task id and the state of a question are all such tokens. They are signed, not encrypted:
//! whoever holds one can read it, nobody can change it or make one. So nothing goes in that its holder must not know.
//!
//! ```text
//!   byte      version 1 in the high half; bit 0: a mark follows
//!   number    birth, seconds since 1970           numbers and lengths are LEB128 (token/pack.rs)
//!   number    lifetime, seconds
//!   8 bytes   the principal's mark, if there is one
//!   …         payload
//!   16 bytes  tag
//! ```
//!
//! as base64url (RFC 4648 section 5) without padding, which is visible ASCII everywhere a token is put: header fields,
//! JSON, URLs. The tag is HMAC-SHA256 (RFC 2104) over a label, the purpose and everything before the tag, cut to 128
//! bits as section 5 of that RFC allows: a forger gets no chance to try offline, and 2^64 guesses over a network take
//! longer than any key lives. The purpose is signed and not said, so a cursor never opens as a session.
//!
//! The principal's mark is a MAC too, of 64 bits: what it says about an API key cannot be checked without our key.
//! Sealing takes two short MACs at most, well under a microsecond.
//!
//! Knows neither what payloads mean nor where keys come from.

pub mod pack;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::entropy::Entropy;
use crate::secret::Secret;
use crate::time::WallTime;

/// What signs and verifies: one key, or two while they are being changed. The first signs, both verify.
///
/// A copy is one more owner of the same keys: workers, who seal places in the results that they render, have one each.
#[derive(Clone)]
pub struct Keys(Arc<Pair>);

struct Pair {
    first: hmac::Key,
    second: Option<hmac::Key>,
}

/// What a token is for. One made for one purpose does not open for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// The id of a legacy session.
    Session = 1,
    /// A place in a list.
    Cursor = 2,
    /// The state of a call that asked its client something (`requestState`).
    RequestState = 3,
    /// The id of a task.
    Task = 4,
    /// A place in the rows of a result.
    ResultCursor = 5,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Session,
        Self::Cursor,
        Self::RequestState,
        Self::Task,
        Self::ResultCursor,
    ];
}

/// From when to when a token is good. Whole seconds; what is finer is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// When it was made.
    pub born: WallTime,
    /// How long it is good from then on.
    pub lifetime: Duration,
}

impl Validity {
    /// When it is good no more.
    pub fn ends(self) -> WallTime {
        let micros = u64::try_from(self.lifetime.as_micros()).unwrap_or(u64::MAX);
        WallTime::from_micros(self.born.as_micros().saturating_add(micros))
    }
}

/// A token that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What was sealed.
    pub payload: Vec<u8>,
    /// From when to when it is good.
    pub validity: Validity,
}

/// Why a token does not open. What a client is told of it is its caller's choice; the log may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No token of ours: not base64url, too short, longer than [`TEXT_BYTES_MAX`], another version.
    Malformed,
    /// The signature is not by one of the keys, or for another purpose.
    Forged,
    /// It was good once.
    Expired,
    /// It was given to somebody else.
    OtherPrincipal,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "not a token of this server",
            Self::Forged => "signed by another key or for another purpose",
            Self::Expired => "expired",
            Self::OtherPrincipal => "given to another client",
        })
    }
}

impl std::error::Error for Fault {}

/// Longer texts are not looked at: decoding and signing 4 KiB takes some 10 µs of the reactor.
pub const TEXT_BYTES_MAX: usize = 4 << 10;

/// Payloads up to this size open again, with room to spare for what surrounds them.
pub const PAYLOAD_BYTES_MAX: usize = 3_000;

impl Keys {
    /// The keys in these texts: `first` signs, `second` (the one before, or the next one) also verifies.
    ///
    /// A text is used as it is, of any length; `config` sees to it that it is long enough.
    pub fn new(first: &Secret, second: Option<&Secret>) -> Self {
        let key = |secret: &Secret| hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
        Self(Arc::new(Pair {
            first: key(first),
            second: second.map(key),
        }))
    }

    /// A key of chance, which nobody else has: what it signs ends with the process.
    pub fn random(entropy: &mut dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self(Arc::new(Pair {
            first: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
            second: None,
        }))
    }

    /// The token around `payload` for `principal` (any bytes that stand for who asked; empty when nobody is asked who
    /// they are). A payload over [`PAYLOAD_BYTES_MAX`] makes a token that does not open.
    pub fn seal(&self, purpose: Purpose, payload: &[u8], principal: &[u8], validity: Validity) -> String {
        debug_assert!(payload.len() <= PAYLOAD_BYTES_MAX, "a payload of bounded parts");
        let mut pack = pack::Pack::new();
        pack.byte(VERSION | u8::from(!principal.is_empty()));
        pack.number(validity.born.as_seconds());
        pack.number(validity.lifetime.as_secs());
        let mut token = pack.into_bytes();
        if !principal.is_empty() {
            token.extend_from_slice(&mark(&self.0.first, purpose, principal));
        }
        token.extend_from_slice(payload);
        let tag = tag(&self.0.first, purpose, &token);
        token.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// What was sealed for this purpose and principal.
    ///
    /// # Errors
    /// [`Fault`]. A token that is both foreign and expired is told as foreign.
    pub fn open(
        &self,
        purpose: Purpose,
        text: &[u8],
        principal: &[u8],
        now: WallTime,
    ) -> Result<Opened, Fault> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Fault::Malformed);
        }
        let mut token = URL_SAFE_NO_PAD.decode(text).map_err(|_| Fault::Malformed)?;
        let signed = token.len().checked_sub(TAG_BYTES).ok_or(Fault::Malformed)?;
        let found_tag = token.split_off(signed);
        let head = Head::read(&token).ok_or(Fault::Malformed)?;
        let key = self
            .iter()
            .find(|key| is_same(&tag(key, purpose, &token), &found_tag))
            .ok_or(Fault::Forged)?;
        let is_theirs = match head.mark {
            Some(found) => !principal.is_empty() && is_same(&mark(key, purpose, principal), &found),
            None => principal.is_empty(),
        };
        if !is_theirs {
            return Err(Fault::OtherPrincipal);
        }
        if now >= head.validity.ends() {
            return Err(Fault::Expired);
        }
        Ok(Opened {
            payload: token.split_off(head.bytes),
            validity: head.validity,
        })
    }

    fn iter(&self) -> impl Iterator<Item = &hmac::Key> {
        std::iter::once(&self.0.first).chain(&self.0.second)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keys(…)")
    }
}

/// What stands before the payload.
struct Head {
    validity: Validity,
    mark: Option<[u8; MARK_BYTES]>,
    /// How long it is.
    bytes: usize,
}

impl Head {
    fn read(token: &[u8]) -> Option<Self> {
        let mut unpack = pack::Unpack::new(token);
        let begin = unpack.byte()?;
        let born = unpack.number()?.checked_mul(1_000_000)?;
        let lifetime = Duration::from_secs(unpack.number()?);
        let mark = match begin {
            VERSION => None,
            VERSION_WITH_MARK => Some(unpack.fixed()?),
            _ => return None,
        };
        Some(Self {
            validity: Validity {
                born: WallTime::from_micros(born),
                lifetime,
            },
            mark,
            bytes: token.len() - unpack.rest().len(),
        })
    }
}

const VERSION: u8 = 0x10;
const VERSION_WITH_MARK: u8 = VERSION | 1;
const TAG_BYTES: usize = 16;
const MARK_BYTES: usize = 8;

/// Begins what is signed, so that a text used as a key elsewhere too signs nothing there that means something here.
const TAG_LABEL: &[u8] = b"snowflake-mcp token\0";
/// Neither label begins the other, so neither MAC can be taken for the other.
const MARK_LABEL: &[u8] = b"snowflake-mcp principal\0";

fn tag(key: &hmac::Key, purpose: Purpose, signed: &[u8]) -> [u8; TAG_BYTES] {
    mac(key, TAG_LABEL, purpose, signed)
}

fn mark(key: &hmac::Key, purpose: Purpose, principal: &[u8]) -> [u8; MARK_BYTES] {
    mac(key, MARK_LABEL, purpose, principal)
}

fn mac<const N: usize>(key: &hmac::Key, label: &[u8], purpose: Purpose, bytes: &[u8]) -> [u8; N] {
    let mut context = hmac::Context::with_key(key);
    context.update(label);
    context.update(&[purpose as u8]);
    context.update(bytes);
    let whole = context.sign();
    let mut cut = [0; N];
    cut.copy_from_slice(&whole.as_ref()[..N]);
    cut
}

/// Compares in time that does not depend on where the first difference is.
fn is_same(own: &[u8], found: &[u8]) -> bool {
    let bits = own.iter().zip(found).fold(0, |bits, (a, b)| bits | (a ^ b));
    own.len() == found.len() && std::hint::black_box(bits) == 0
}

#[cfg(test)]
mod tests;
