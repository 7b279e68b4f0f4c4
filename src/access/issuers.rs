//! OAuth 2.1 as a resource server (RFC 9728, RFC 6750): whose token it is, by keys that were fetched from its issuer.
//!
//! A signature costs 30 to 100 us, so what a token said is kept until it expires, by the token's hash. Keys are fetched by
//! the shell; until they are there a request waits, and somebody else decides for how long. An issuer changes its keys
//! whenever it likes, so a token that names an unknown one has them fetched again, but not more often than once in
//! [`Times::refetch_after`]: else anybody could have the issuer asked as often as he likes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::claims::{Claims, Parts};
use super::fetch::Wanted;
use super::identity::{Identity, Kind, Mark, Quota};
use super::key_set::KeySet;
use super::scope::Scope;
use crate::json;
use crate::time::{Instant, Now, WallTime};

/// What the operator says about tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Our own address as clients know it: the audience that tokens must name.
    pub url: Box<str>,
    /// Who issues tokens, as `iss` says it.
    pub issuers: Vec<Box<str>>,
    /// Scopes that a token needs to read; empty: every token of the issuers reads.
    pub scopes: Vec<Box<str>>,
}

/// When keys are fetched.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Keys older than this are fetched again, and used meanwhile.
    pub renew_after: Duration,
    /// For a key that is not known, keys are fetched no more often; nor after a failure.
    pub refetch_after: Duration,
}

/// The issuers, their keys, and the tokens that were checked.
#[derive(Debug)]
pub struct Issuers {
    resource: Resource,
    times: Times,
    issuers: Vec<Issuer>,
    checked: BTreeMap<[u8; 32], Checked>,
    checked_max: usize,
}

#[derive(Debug, Default)]
struct Issuer {
    keys: KeySet,
    /// When they were last fetched with success.
    fetched_at: Option<Instant>,
    /// When the last fetch was asked for, and whether its end is not known yet.
    asked_at: Option<Instant>,
    is_asked: bool,
}

/// A token that was good, and what that rests on.
#[derive(Debug)]
struct Checked {
    identity: Arc<Identity>,
    issuer: usize,
    key_id: Option<Box<str>>,
}

/// What a token is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is good.
    Known(Arc<Identity>),
    /// Not a token of ours, or forged.
    Invalid,
    /// It was good once.
    Expired,
    /// The keys are on their way: ask again when they are here.
    Waits,
    /// The keys cannot be had at the moment.
    Unavailable,
}

impl Issuers {
    /// Issuers whose keys were not fetched yet. No more than `checked_max` tokens are remembered.
    pub fn new(resource: Resource, times: Times, checked_max: usize) -> Self {
        let issuers = resource.issuers.iter().map(|_| Issuer::default()).collect();
        Self {
            resource,
            times,
            issuers,
            checked: BTreeMap::new(),
            checked_max,
        }
    }

    /// What the operator said.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// What `token` is worth now. What must be fetched is added to `wanted`.
    pub fn check(&mut self, token: &[u8], now: Now, wanted: &mut Vec<Wanted>) -> Verdict {
        let mut hash = [0; 32];
        hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, token).as_ref());
        if let Some(checked) = self.checked.get(&hash) {
            if !checked.identity.is_expired(now.wall) {
                let (identity, issuer) = (Arc::clone(&checked.identity), checked.issuer);
                self.renew(issuer, now.monotonic, wanted);
                return Verdict::Known(identity);
            }
            self.checked.remove(&hash);
            return Verdict::Expired;
        }
        let Some(parts) = Parts::read(token) else {
            return Verdict::Invalid;
        };
        let mut names = self.resource.issuers.iter().map(|name| &**name);
        let Some(issuer) = names.position(|name| name == parts.claims.issuer) else {
            return Verdict::Invalid;
        };
        match self.find_key(issuer, &parts, now.monotonic, wanted) {
            Ok(true) => {}
            Ok(false) => return Verdict::Invalid,
            Err(verdict) => return verdict,
        }
        match self.judge(&parts.claims, now.wall) {
            Ok(identity) => {
                let identity = Arc::new(identity);
                let checked = Checked {
                    identity: Arc::clone(&identity),
                    issuer,
                    key_id: parts.key_id,
                };
                self.remember(hash, checked, now.wall);
                Verdict::Known(identity)
            }
            Err(verdict) => verdict,
        }
    }

    /// Takes what came of fetching the keys of an issuer.
    pub fn on_fetched(&mut self, issuer: usize, fetched: Result<KeySet, String>, now: Now) {
        let Some(own) = self.issuers.get_mut(issuer) else {
            return;
        };
        own.is_asked = false;
        let name = &self.resource.issuers[issuer];
        match fetched {
            Ok(keys) => {
                log::info!("{} keys of {name} fetched", keys.len());
                own.keys = keys;
                own.fetched_at = Some(now.monotonic);
                // A token of a key that the issuer took back is worth nothing any more.
                let keys = &own.keys;
                self.checked.retain(|_, checked| {
                    checked.issuer != issuer || checked.key_id.as_deref().is_none_or(|id| keys.has_id(id))
                });
            }
            Err(why) => log::warn!("the keys of {name} cannot be fetched: {why}"),
        }
    }

    /// Tokens that are remembered.
    pub fn len(&self) -> usize {
        self.checked.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.checked.is_empty()
    }

    /// The scopes that a caller needs for `scope`, as a challenge names them.
    pub fn scopes_for(&self, scope: Scope) -> String {
        match scope {
            Scope::Read => self.resource.scopes.join(" "),
            Scope::Status => Scope::Status.name().to_owned(),
            Scope::Write => {
                let read = self.resource.scopes.iter().map(|scope| &**scope);
                let all: Vec<_> = read.chain([Scope::Write.name()]).collect();
                all.join(" ")
            }
        }
    }

    /// Whether the token's signature is good, if the key that it names is known.
    fn find_key(
        &mut self,
        issuer: usize,
        parts: &Parts<'_>,
        now: Instant,
        wanted: &mut Vec<Wanted>,
    ) -> Result<bool, Verdict> {
        self.renew(issuer, now, wanted);
        let own = &mut self.issuers[issuer];
        if let Some(key) = own.keys.find(parts.key_id.as_deref(), parts.algorithm) {
            return Ok(key.verifies(parts.signed, &parts.signature));
        }
        if own.is_asked {
            return Err(Verdict::Waits);
        }
        if own.may_ask(self.times.refetch_after, now) {
            own.ask(issuer, now, wanted);
            return Err(Verdict::Waits);
        }
        Err(if own.fetched_at.is_some() {
            Verdict::Invalid
        } else {
            Verdict::Unavailable
        })
    }

    /// Has keys fetched that have become old; they are used meanwhile.
    fn renew(&mut self, issuer: usize, now: Instant, wanted: &mut Vec<Wanted>) {
        let own = &mut self.issuers[issuer];
        let is_old = own
            .fetched_at
            .is_some_and(|at| now.since(at) >= self.times.renew_after);
        if is_old && !own.is_asked && own.may_ask(self.times.refetch_after, now) {
            own.ask(issuer, now, wanted);
        }
    }

    /// Who a token with a good signature is from.
    fn judge(&self, claims: &Claims, now: WallTime) -> Result<Identity, Verdict> {
        let is_for_us = |audience: &String| **audience == *self.resource.url;
        if !claims.audiences.iter().any(is_for_us) {
            return Err(Verdict::Invalid);
        }
        let expires = WallTime::from_micros(claims.expires.as_micros().saturating_add(LEEWAY_MICROS));
        if expires <= now {
            return Err(Verdict::Expired);
        }
        let has_begun = |from: WallTime| from.as_micros() <= now.as_micros().saturating_add(LEEWAY_MICROS);
        if !claims.not_before.is_none_or(has_begun) {
            return Err(Verdict::Invalid);
        }
        let name = format!("{}\0{}", claims.issuer, claims.subject);
        let mark = Mark::of(Kind::Token, &name);
        Ok(Identity {
            label: label(&claims.subject),
            kind: Kind::Token,
            mark,
            credential: mark,
            login: None,
            scope: self.scope(&claims.scopes),
            quota: Quota::default(),
            expires: Some(expires),
        })
    }

    /// What the scopes of a token allow. One that names none of them may do nothing, but is known.
    fn scope(&self, given: &[String]) -> Option<Scope> {
        let has = |name: &str| given.iter().any(|own| own == name);
        if has(Scope::Write.name()) {
            Some(Scope::Write)
        } else if self.resource.scopes.iter().all(|scope| has(scope)) {
            Some(Scope::Read)
        } else if has(Scope::Status.name()) {
            Some(Scope::Status)
        } else {
            None
        }
    }

    /// Remembers a token that was good. When there are too many, those that have expired go, and if that is not enough,
    /// whichever comes first: hashes are in no order, and the worst is that one is checked again.
    fn remember(&mut self, hash: [u8; 32], checked: Checked, now: WallTime) {
        if self.checked.len() >= self.checked_max {
            self.checked
                .retain(|_, checked| !checked.identity.is_expired(now));
        }
        if self.checked.len() >= self.checked_max {
            self.checked.pop_first();
        }
        self.checked.insert(hash, checked);
    }
}

impl Issuer {
    fn may_ask(&self, refetch_after: Duration, now: Instant) -> bool {
        self.asked_at.is_none_or(|at| now.since(at) >= refetch_after)
    }

    fn ask(&mut self, own: usize, now: Instant, wanted: &mut Vec<Wanted>) {
        self.asked_at = Some(now);
        self.is_asked = true;
        wanted.push(Wanted::KeySet(own));
    }
}

impl Resource {
    /// Where clients read what we say about ourselves: the well-known path goes between host and path (RFC 9728
    /// section 3.1).
    pub fn metadata_url(&self) -> String {
        let (origin, path) = self.parts();
        format!("{origin}{METADATA_PATH}{path}")
    }

    /// The path of our address: `/mcp` unless something stands before us.
    pub fn path(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        let after_scheme = self.url.find("://").map_or(0, |at| at + "://".len());
        match self.url[after_scheme..].find('/') {
            Some(slash) => self.url.split_at(after_scheme + slash),
            None => (&self.url, ""),
        }
    }

    /// What we say about ourselves (RFC 9728 section 2).
    pub fn metadata(&self) -> Vec<u8> {
        let mut text = b"{\"resource\":".to_vec();
        json::push_string(&mut text, &self.url);
        let mut list = |name: &str, values: &mut dyn Iterator<Item = &str>| {
            text.extend_from_slice(format!(",\"{name}\":[").as_bytes());
            for (index, value) in values.enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                json::push_string(&mut text, value);
            }
            text.push(b']');
        };
        list(
            "authorization_servers",
            &mut self.issuers.iter().map(|issuer| &**issuer),
        );
        list("scopes_supported", &mut self.scopes.iter().map(|scope| &**scope));
        list("bearer_methods_supported", &mut ["header"].into_iter());
        text.extend_from_slice(b",\"resource_name\":\"snowflake-mcp\"}");
        text
    }
}

/// A subject as the log may show it: an issuer can put anything in it.
fn label(subject: &str) -> Box<str> {
    let mut label = String::new();
    for character in subject.chars().take(LABEL_CHARACTERS_MAX) {
        if character.is_control() || character == '"' {
            // Writing to a String cannot fail.
            let _ = write!(label, "{}", character.escape_unicode());
        } else {
            label.push(character);
        }
    }
    label.into()
}

/// Where the document about ourselves is.
pub const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";
/// Clocks of two machines may differ by so much.
const LEEWAY_MICROS: u64 = 60_000_000;
const LABEL_CHARACTERS_MAX: usize = 128;

#[cfg(test)]
mod tests;
