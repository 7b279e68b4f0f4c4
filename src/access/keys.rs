//! API keys: those that the environment lists, and the lines of a key file.
//!
//! A key file has one JSON object a line; empty lines and those that begin with `#` are left out:
//!
//! ```text
//! {"label":"ann","sha256":"…64 hexadecimal digits…","scopes":["snowflake:read"],"expires":"2027-01-31T00:00:00Z",
//!  "calls":8,"calls_per_minute":120,"rows_per_day":1000000,"bytes_per_day":1073741824}
//! ```
//!
//! (on one line). Only `label` and `sha256` are needed. Several lines may have the same label: while a key is exchanged,
//! the old and the new one are the same caller. A key is 32 random bytes, so one round of SHA-256 without salt gives
//! nothing away: there is no list of likely keys to try.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::RawValue;

use super::identity::{Identity, Kind, Mark, Quota};
use super::scope::Scope;
use crate::entropy::Entropy;
use crate::json;
use crate::secret::Secret;
use crate::time::WallTime;

/// The keys that are accepted.
#[derive(Clone, Default)]
pub struct KeyRing {
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    hash: [u8; 32],
    holder: Arc<Identity>,
}

/// Why a key does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Nobody's key.
    Unknown,
    /// A key that has had its time.
    Expired,
}

/// A line of a key file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Counted from 1.
    pub line: usize,
    /// What was expected, and what to do.
    pub expected: String,
}

/// A new key, and the line that makes a server accept it.
#[derive(Debug)]
pub struct Made {
    /// To be shown once and kept by its holder.
    pub key: Secret,
    /// For the key file.
    pub line: String,
}

/// What a new key is made for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Whose it is.
    pub label: String,
    /// The most that its holder may do; `None`: everything that is offered.
    pub scope: Option<Scope>,
    /// Until when it is accepted.
    pub expires: Option<WallTime>,
}

impl KeyRing {
    /// The ring of keys that have no names.
    pub fn of_secrets(keys: &[Secret]) -> Self {
        let keys = keys.iter().enumerate().map(|(place, key)| Key {
            hash: sha256(key.reveal().as_bytes()),
            holder: Arc::new(Identity {
                label: format!("API_KEYS/{}", place + 1).into(),
                kind: Kind::Key,
                mark: Mark::of_secret(key),
                credential: Mark::of_secret(key),
                login: None,
                scope: Some(Scope::Write),
                quota: Quota::default(),
                expires: None,
            }),
        });
        Self { keys: keys.collect() }
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// The first line that cannot be read, or that there are more keys than are compared in a request.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut keys: Vec<Key> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |expected: String| Error {
                line: index + 1,
                expected,
            };
            let key = parse_line(line).map_err(wrong)?;
            if keys.iter().any(|other| other.hash == key.hash) {
                return Err(wrong(
                    "this sha256 stands in an earlier line: one key has one holder".to_owned(),
                ));
            }
            if keys.len() >= KEYS_MAX {
                return Err(wrong(format!("expected at most {KEYS_MAX} keys")));
            }
            keys.push(key);
        }
        Ok(Self { keys })
    }

    /// These keys and `others`.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        let keys = self.keys.iter().chain(&others.keys).cloned();
        Self { keys: keys.collect() }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a caller that came with a key still has one here, for all that it may by the one that it came with.
    pub fn holds(&self, caller: &Identity, now: WallTime) -> bool {
        self.keys.iter().any(|Key { holder, .. }| {
            holder.mark == caller.credential && holder.scope >= caller.scope && !holder.is_expired(now)
        })
    }

    /// Whose key `candidate` is.
    ///
    /// The candidate is hashed and the hash compared with all of them to the last byte, so the time does not tell which
    /// one came close.
    ///
    /// # Errors
    /// Why it does not open.
    pub fn find(&self, candidate: &[u8], now: WallTime) -> Result<Arc<Identity>, Refused> {
        let hash = sha256(candidate);
        let compare = |found: Option<usize>, (place, key): (usize, &Key)| {
            if is_same(&key.hash, &hash) {
                Some(place)
            } else {
                found
            }
        };
        let place = self.keys.iter().enumerate().fold(None, compare);
        let holder = &self.keys[place.ok_or(Refused::Unknown)?].holder;
        if holder.is_expired(now) {
            return Err(Refused::Expired);
        }
        Ok(Arc::clone(holder))
    }
}

/// Labels alone: a hash is no secret, but nothing needs it.
impl fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.keys.iter().map(|key| &key.holder.label);
        formatter.debug_list().entries(labels).finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.expected)
    }
}

/// Makes a key.
///
/// # Errors
/// What is wrong with the label.
pub fn make(wanted: &Wanted, entropy: &mut dyn Entropy) -> Result<Made, String> {
    check_label(&wanted.label)?;
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    // The prefix lets people and scanners of secrets see what it is.
    let key = format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    let mut line = b"{\"label\":".to_vec();
    json::push_string(&mut line, &wanted.label);
    line.extend_from_slice(b",\"sha256\":\"");
    for byte in sha256(key.as_bytes()) {
        line.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
    line.push(b'"');
    if let Some(scope) = wanted.scope {
        line.extend_from_slice(format!(",\"scopes\":[\"{scope}\"]").as_bytes());
    }
    if let Some(expires) = wanted.expires {
        line.extend_from_slice(format!(",\"expires\":\"{}\"", expires.to_rfc3339()).as_bytes());
    }
    line.push(b'}');
    Ok(Made {
        key: Secret::new(key),
        line: String::from_utf8(line).expect("made of strings"),
    })
}

fn parse_line(line: &str) -> Result<Key, String> {
    let (mut label, mut hash, mut scope, mut quota, mut expires) = (None, None, None, Quota::default(), None);
    let mut wrong: Option<String> = None;
    let mut seen: Vec<String> = Vec::new();
    let read = json::each_member(line, |name, value| {
        if seen.iter().any(|earlier| *earlier == name) {
            wrong.get_or_insert_with(|| format!("{name} stands twice"));
        }
        let ended = match &*name {
            "label" => json::text(value).map(|text| label = Some(text.into_owned())),
            "sha256" => json::text(value)
                .and_then(|text| from_hex(&text))
                .map(|bytes| hash = Some(bytes)),
            "scopes" => highest_scope(value).map(|highest| scope = Some(highest)),
            "expires" => json::text(value)
                .and_then(|text| WallTime::parse_rfc3339(&text))
                .map(|time| expires = Some(time)),
            "calls" => number(value).map(|number| quota.calls_max = Some(number)),
            "calls_per_minute" => number(value).map(|number| quota.calls_per_minute_max = Some(number)),
            "rows_per_day" => number(value).map(|number| quota.rows_per_day_max = Some(number)),
            "bytes_per_day" => number(value).map(|number| quota.bytes_per_day_max = Some(number)),
            _ => {
                wrong.get_or_insert_with(|| format!("{name} is no member that is known"));
                None
            }
        };
        if ended.is_none() {
            wrong.get_or_insert_with(|| format!("{name}: {}", expected_of(&name)));
        }
        seen.push(name.into_owned());
    });
    if read.is_err() {
        return Err("expected one JSON object a line, as snowflake-mcp key new prints it".to_owned());
    }
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    let label = label.ok_or("label is missing: whose key it is")?;
    check_label(&label)?;
    Ok(Key {
        hash: hash.ok_or("sha256 is missing: make a line with snowflake-mcp key new")?,
        holder: Arc::new(Identity {
            kind: Kind::Key,
            mark: Mark::of(Kind::Key, &label),
            credential: Mark::of(Kind::Key, &label),
            login: None,
            label: label.into(),
            scope: scope.or(Some(Scope::Write)),
            quota,
            expires,
        }),
    })
}

fn expected_of(name: &str) -> String {
    match name {
        "label" => "expected a text".to_owned(),
        "sha256" => "expected 64 hexadecimal digits".to_owned(),
        "scopes" => {
            let names = Scope::ALL.map(Scope::name);
            format!("expected a list of some of {}", names.join(", "))
        }
        "expires" => "expected a time such as 2027-01-31T00:00:00Z".to_owned(),
        _ => "expected a whole number, at least 1".to_owned(),
    }
}

/// A label goes into log lines, so it holds what can be told apart there.
fn check_label(label: &str) -> Result<(), String> {
    let is_plain = |character: char| !character.is_control() && character != '"';
    if label.is_empty() || label.len() > LABEL_BYTES_MAX || !label.chars().all(is_plain) {
        return Err(format!(
            "the label is expected to have 1 to {LABEL_BYTES_MAX} bytes, without control characters and quotes"
        ));
    }
    Ok(())
}

fn highest_scope(value: &RawValue) -> Option<Scope> {
    let names: Vec<String> = serde_json::from_str(value.get()).ok()?;
    let scopes: Option<Vec<Scope>> = names.iter().map(|name| Scope::parse(name)).collect();
    scopes?.into_iter().max()
}

/// A quota of nothing would be a key that opens nothing: refused, because it is a slip.
fn number<T: TryFrom<u64>>(value: &RawValue) -> Option<T> {
    let number: u64 = value.get().parse().ok()?;
    T::try_from(number).ok().filter(|_| number > 0)
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, place) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[place..place + 2], 16).ok()?;
    }
    Some(bytes)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    hash
}

fn is_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let different = a.iter().zip(b).fold(0, |bits, (a, b)| bits | (a ^ b));
    std::hint::black_box(different) == 0
}

/// All are compared in every request: 1,000 take 20 us.
const KEYS_MAX: usize = 1_000;
const LABEL_BYTES_MAX: usize = 64;
const KEY_PREFIX: &str = "sfmcp_";

#[cfg(test)]
mod tests;
