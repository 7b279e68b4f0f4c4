//! Callers' own logins to the database: a token in a header field that the operator names, with which their statements run
//! instead of with the server's login.
//!
//! Who brings one is another caller than who brings another, or none: the mark of such a caller is made of its credential's
//! mark and the token's digest, so sessions, results, cursors, tasks and what is kept of the account are each login's own.
//! Nothing here knows whether a token is good; the database says so of every statement.
//!
//! Each is remembered by its digest, so that a request costs no copy of it. They are bounded, and one that nobody has used for
//! long is forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::identity::Kind;
use super::{Identity, Mark, Quota, Scope};
use crate::limits::LOGIN_TOKEN_BYTES_MAX;
use crate::secret::{Login, Secret};
use crate::time::Instant;

/// Where a caller's own login comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The header field, in lower case.
    pub field: Arc<str>,
    /// Whether who brings none is refused. Else its statements run with the server's login.
    pub is_required: bool,
}

/// Why a caller does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It brings no login.
    Missing,
    /// What it brings cannot be a token, or there are two.
    Malformed,
    /// As many are in use as are kept.
    TooMany,
}

/// The logins that were brought lately.
#[derive(Debug)]
pub struct Logins {
    rule: Rule,
    known: BTreeMap<Mark, Known>,
    known_max: usize,
    idle_max: Duration,
    /// When those that were idle for too long were looked for last.
    swept: Instant,
    gone: Vec<Mark>,
}

#[derive(Debug)]
struct Known {
    /// With which credential it came.
    holder: Option<Arc<Identity>>,
    identity: Arc<Identity>,
    used: Instant,
}

impl Logins {
    /// None yet. At most `known_max` are kept, each for `idle_max` after its last use.
    pub fn new(rule: Rule, known_max: usize, idle_max: Duration) -> Self {
        Self {
            rule,
            known: BTreeMap::new(),
            known_max,
            idle_max,
            swept: Instant::ZERO,
            gone: Vec::new(),
        }
    }

    /// Where a login comes.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Callers whose logins were forgotten since the last time.
    pub fn take_gone(&mut self) -> Vec<Mark> {
        std::mem::take(&mut self.gone)
    }

    /// Who asks, with the credential of `holder` if there is one, and with these values in the field.
    ///
    /// # Errors
    /// The login is missing or none, or there is no room for it.
    pub fn caller<'v>(
        &mut self,
        holder: Option<Arc<Identity>>,
        mut values: impl Iterator<Item = &'v [u8]>,
        now: Instant,
    ) -> Result<Option<Arc<Identity>>, Refused> {
        // Also for who brings none, so that tokens of others do not stay while only such come.
        self.sweep(now);
        let value = match (values.next(), values.next()) {
            (None, _) if self.rule.is_required => return Err(Refused::Missing),
            (None, _) => return Ok(holder),
            (Some(value), None) => value,
            // Another one on the way may have looked at the other.
            (Some(_), Some(_)) => return Err(Refused::Malformed),
        };
        let token = Secret::new(token_in(value).ok_or(Refused::Malformed)?);
        let mark = Mark::of_login(holder.as_ref().map(|holder| holder.credential), &token);
        if let Some(known) = self.known.get_mut(&mark) {
            known.used = now;
            if !is_same(known.holder.as_ref(), holder.as_ref()) {
                // The same caller with a newer credential: other rights, another end.
                let login = known.identity.login.clone();
                known.identity = Arc::new(identity(holder.as_deref(), mark, login));
                known.holder = holder;
            }
            return Ok(Some(Arc::clone(&known.identity)));
        }
        self.make_room()?;
        let login = Arc::new(Login::new(token, Arc::clone(&self.rule.field)));
        let identity = Arc::new(identity(holder.as_deref(), mark, Some(login)));
        let known = Known {
            holder,
            identity: Arc::clone(&identity),
            used: now,
        };
        self.known.insert(mark, known);
        Ok(Some(identity))
    }

    /// Forgets what was idle for too long. Looked for once in a while only: it goes through all.
    fn sweep(&mut self, now: Instant) {
        if now.since(self.swept) < SWEEP_INTERVAL {
            return;
        }
        self.swept = now;
        let idle_max = self.idle_max;
        let gone = &mut self.gone;
        self.known.retain(|mark, known| {
            let stays = now.since(known.used) < idle_max || known.is_held();
            if !stays {
                gone.push(*mark);
            }
            stays
        });
    }

    /// Forgets the one that was used longest ago and that nobody has now, if there are too many.
    fn make_room(&mut self) -> Result<(), Refused> {
        if self.known.len() < self.known_max {
            return Ok(());
        }
        let free = self.known.iter().filter(|(_, known)| !known.is_held());
        let oldest = free.min_by_key(|(_, known)| known.used).map(|(mark, _)| *mark);
        let oldest = oldest.ok_or(Refused::TooMany)?;
        self.known.remove(&oldest);
        self.gone.push(oldest);
        Ok(())
    }
}

impl Known {
    /// Whether a connection, a stream or a statement has it: then its token would stay in memory all the same.
    fn is_held(&self) -> bool {
        let login = self.identity.login.as_ref();
        Arc::strong_count(&self.identity) > OWN_COUNT
            || login.is_some_and(|login| Arc::strong_count(login) > 1)
    }
}

/// This table has an identity, and the accounts have it.
const OWN_COUNT: usize = 2;
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

fn is_same(one: Option<&Arc<Identity>>, other: Option<&Arc<Identity>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// The caller with the login: what its credential allows, under a name and a mark of its own.
fn identity(holder: Option<&Identity>, mark: Mark, login: Option<Arc<Login>>) -> Identity {
    let digits = login.as_ref().map_or("", |login| &login.mark()[..LABEL_DIGITS]);
    match holder {
        Some(holder) => Identity {
            label: format!("{} snowflake:{digits}", holder.label).into(),
            mark,
            login,
            ..holder.clone()
        },
        None => Identity {
            label: format!("snowflake:{digits}").into(),
            kind: Kind::Login,
            mark,
            credential: mark,
            login,
            scope: Some(Scope::Write),
            quota: Quota::default(),
            expires: None,
        },
    }
}

/// 32 bits of a digest, as in the marks of statements: nobody can try tokens with them.
const LABEL_DIGITS: usize = 8;

/// The token in a field's value, with the word `Bearer` before it or without.
fn token_in(value: &[u8]) -> Option<&str> {
    let value = str::from_utf8(value).ok()?.trim();
    let token = match value.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim_start(),
        _ => value,
    };
    let is_token = !token.is_empty()
        && !token.eq_ignore_ascii_case("bearer")
        && token.len() <= LOGIN_TOKEN_BYTES_MAX
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_token.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::KeyRing;
    use crate::time::WallTime;

    fn logins(is_required: bool, known_max: usize) -> Logins {
        let rule = Rule {
            field: "x-token".into(),
            is_required,
        };
        Logins::new(rule, known_max, Duration::from_secs(600))
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn ask(logins: &mut Logins, token: &str, seconds: u64) -> Result<Option<Arc<Identity>>, Refused> {
        logins.caller(None, [token.as_bytes()].into_iter(), at(seconds))
    }

    fn ann() -> Arc<Identity> {
        let ring = KeyRing::of_secrets(&[Secret::new("a key of ann's")]);
        ring.find(b"a key of ann's", WallTime::default()).unwrap()
    }

    #[test]
    fn one_token_is_one_caller_and_another_is_another() {
        let mut logins = logins(true, 8);
        let one = ask(&mut logins, "one", 0).unwrap().unwrap();
        let again = ask(&mut logins, "Bearer one", 1).unwrap().unwrap();
        let two = ask(&mut logins, "two", 2).unwrap().unwrap();
        assert!(Arc::ptr_eq(&one, &again) && one.mark != two.mark);
        assert_eq!(one.login.as_ref().unwrap().token().reveal(), "one");
        let held = logins.caller(Some(ann()), [b"one".as_slice()].into_iter(), at(3));
        let held = held.unwrap().unwrap();
        assert!(held.mark != one.mark && held.credential == ann().mark);
        assert!(held.label.starts_with("API_KEYS/1 snowflake:"), "{}", held.label);
        assert!(!format!("{held:?}").contains("one\""), "{held:?}");
    }

    #[test]
    fn what_is_missing_or_none_is_refused_and_may_be_missing_where_the_operator_says_so() {
        let nothing = || std::iter::empty::<&[u8]>();
        assert_eq!(
            logins(true, 8).caller(None, nothing(), at(0)),
            Err(Refused::Missing)
        );
        assert_eq!(logins(false, 8).caller(None, nothing(), at(0)), Ok(None));
        let holder = ann();
        let same = logins(false, 8).caller(Some(Arc::clone(&holder)), nothing(), at(0));
        assert!(Arc::ptr_eq(&same.unwrap().unwrap(), &holder));
        let long = "x".repeat(LOGIN_TOKEN_BYTES_MAX + 1);
        for token in ["", " ", "Bearer ", "a b", "a\tb", "\u{e4}", &long] {
            assert_eq!(
                ask(&mut logins(false, 8), token, 0),
                Err(Refused::Malformed),
                "{token:?}"
            );
        }
        let twice = [b"one".as_slice(), b"one"];
        assert_eq!(
            logins(false, 8).caller(None, twice.into_iter(), at(0)),
            Err(Refused::Malformed)
        );
    }

    #[test]
    fn a_newer_credential_brings_its_own_rights_to_the_same_caller() {
        let mut logins = logins(true, 8);
        let mut with = |holder: Identity| {
            let token = [b"one".as_slice()].into_iter();
            logins
                .caller(Some(Arc::new(holder)), token, at(0))
                .unwrap()
                .unwrap()
        };
        let writer = with((*ann()).clone());
        let reader = with(Identity {
            scope: Some(Scope::Read),
            ..(*ann()).clone()
        });
        assert_eq!(writer.mark, reader.mark);
        assert_eq!(
            (writer.scope, reader.scope),
            (Some(Scope::Write), Some(Scope::Read))
        );
    }

    #[test]
    fn they_are_bounded_and_those_in_use_are_never_pushed_out() {
        let mut logins = logins(true, 2);
        let held = ask(&mut logins, "held", 0).unwrap().unwrap();
        // The accounts have it too.
        let noted = Arc::clone(&held);
        ask(&mut logins, "idle", 1).unwrap();
        ask(&mut logins, "next", 2).unwrap();
        assert_eq!(logins.take_gone().len(), 1);
        let next = ask(&mut logins, "next", 3).unwrap().unwrap();
        let next_login = next.login.clone();
        drop(next);
        assert_eq!(
            ask(&mut logins, "more", 4),
            Err(Refused::TooMany),
            "a statement has its login"
        );
        drop(next_login);
        ask(&mut logins, "more", 5).unwrap();
        drop((held, noted));
        ask(&mut logins, "later", 5 + 600 + 60).unwrap();
        assert_eq!(logins.known.len(), 1, "the others were idle");
    }
}
