//! What was told about the account lately, for those who ask the same: bounded in entries and bytes, each for a time.
//!
//! An entry stays when its time is over: what comes then is compared with it, which is how a change is noticed. Entries
//! go when others need their room, the one that was asked for longest ago first.
//!
//! It keeps what workers have encoded and shares it. Rows of tables never come here, and nothing is shared between two
//! roles, connections or people: [`Key`] has all three.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::kept::{Form, Kept, Key, Subject, Told, Who};
use crate::limits::Limits;
use crate::similar::{distance_within, typos_max};
use crate::time::Instant;

/// What was told lately.
#[derive(Debug)]
pub(super) struct Cache {
    entries: BTreeMap<Key, Entry>,
    bytes: usize,
    /// Counts the questions: who was asked for last has the highest number.
    uses: u64,
    entries_max: usize,
    bytes_max: usize,
    entry_bytes_max: usize,
    ttl: Duration,
}

#[derive(Debug)]
struct Entry {
    kept: Arc<Kept>,
    made: Instant,
    used: u64,
    bytes: usize,
}

/// How an answer compares with the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    /// There was none.
    First,
    /// It says the same.
    Same,
    /// It says something else.
    Other,
}

impl Cache {
    /// An empty one.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            entries: BTreeMap::new(),
            bytes: 0,
            uses: 0,
            entries_max: limits.metadata_entries_max,
            bytes_max: limits.metadata_bytes_max,
            entry_bytes_max: limits.metadata_entry_bytes_max,
            ttl: limits.metadata_ttl,
        }
    }

    /// What was told, and how long ago, if that is recent enough.
    pub(super) fn find(&mut self, key: &Key, now: Instant) -> Option<(Arc<Kept>, Duration)> {
        let ttl = ttl_of(key.subject, self.ttl);
        let entry = self.entries.get_mut(key)?;
        let age = now.since(entry.made);
        if age >= ttl {
            return None;
        }
        self.uses += 1;
        entry.used = self.uses;
        Some((Arc::clone(&entry.kept), age))
    }

    /// Keeps what was told now. A single answer that is too large is not kept, nor what it replaces.
    pub(super) fn keep(&mut self, key: Key, kept: Arc<Kept>, now: Instant) -> Compared {
        let before = self.remove(&key);
        let compared = match &before {
            None => Compared::First,
            Some(before) if is_same(key.form, &before.kept, &kept) => Compared::Same,
            Some(_) => Compared::Other,
        };
        let bytes = kept.bytes() + key_bytes(&key);
        if bytes > self.entry_bytes_max || self.ttl.is_zero() {
            return compared;
        }
        while self.entries.len() >= self.entries_max.max(1) || self.bytes + bytes > self.bytes_max {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                return compared;
            };
            self.remove(&oldest);
        }
        self.uses += 1;
        self.bytes += bytes;
        let entry = Entry {
            kept,
            made: now,
            used: self.uses,
            bytes,
        };
        self.entries.insert(key, entry);
        compared
    }

    /// Names that `who` was told and that are nearly `name`, best first.
    pub(super) fn near(&self, who: &Who, name: &str) -> Vec<Box<str>> {
        let most = typos_max(name.chars().count()).max(1);
        let told = self
            .entries
            .iter()
            .filter(|(key, _)| key.form == Form::Names && key.who == *who && is_of_object(key.subject))
            .flat_map(|(_, entry)| &entry.kept.names);
        let length = name.chars().count();
        let could_be = |told: &&Told| told.name.len().abs_diff(length) <= 2 * most;
        let mut near: Vec<(usize, &str)> = told
            .filter(could_be)
            .take(NAMES_COMPARED_MAX)
            .filter_map(|told| Some((distance_within(name, &told.name, most)?, &*told.name)))
            // The name itself exists somewhere else; that is no help, but for its case.
            .filter(|(_, told)| *told != name)
            .collect();
        near.sort_unstable();
        near.dedup();
        near.into_iter()
            .take(NEAR_MAX)
            .map(|(_, name)| name.into())
            .collect()
    }

    fn remove(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.bytes -= entry.bytes;
        Some(entry)
    }
}

/// Names that are compared for one error: at some 300 ns each that is below a millisecond.
const NAMES_COMPARED_MAX: usize = 2_000;
/// Names that an error offers.
const NEAR_MAX: usize = 3;

/// Tables come and go; who may see which database changes rarely.
const fn ttl_of(subject: Subject, ttl: Duration) -> Duration {
    match subject {
        Subject::Databases | Subject::Schemas | Subject::Warehouses | Subject::Roles => {
            ttl.saturating_mul(RARELY)
        }
        _ => ttl,
    }
}

const RARELY: u32 = 5;

const fn is_of_object(subject: Subject) -> bool {
    !matches!(subject, Subject::Warehouses | Subject::Roles | Subject::Found)
}

fn is_same(form: Form, before: &Kept, now: &Kept) -> bool {
    match form {
        Form::Names => before.names == now.names && before.is_whole == now.is_whole,
        _ => before.mark == now.mark,
    }
}

fn key_bytes(key: &Key) -> usize {
    let who = &key.who;
    size_of::<Key>()
        + size_of::<Entry>()
        + key.scope.len()
        + who.connection.len()
        + who.role.len()
        + who.identity.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(role: &str, scope: &str, form: Form) -> Key {
        Key {
            who: Who {
                role: role.into(),
                ..Who::default()
            },
            subject: Subject::Tables,
            scope: scope.into(),
            form,
            seen: 0,
        }
    }

    fn kept(body: &str, names: &[&str]) -> Arc<Kept> {
        Arc::new(Kept {
            body: body.as_bytes().into(),
            names: names.iter().map(|name| Told::new(name, "")).collect(),
            is_whole: true,
            mark: body.len() as u64,
        })
    }

    fn cache(entries: usize, bytes: usize) -> Cache {
        Cache::new(&Limits {
            metadata_entries_max: entries,
            metadata_bytes_max: bytes,
            metadata_entry_bytes_max: bytes / 2,
            metadata_ttl: Duration::from_secs(60),
            ..Limits::default()
        })
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn an_answer_is_kept_for_its_time_and_for_its_role_only() {
        let mut cache = cache(8, 100_000);
        let asked = key("READER", "s", Form::Text);
        assert_eq!(
            cache.keep(asked.clone(), kept("abc", &[]), at(0)),
            Compared::First
        );
        let (found, age) = cache.find(&asked, at(59)).unwrap();
        assert_eq!((&*found.body, age), (b"abc".as_slice(), Duration::from_secs(59)));
        assert!(cache.find(&asked, at(60)).is_none());
        assert!(cache.find(&key("WRITER", "s", Form::Text), at(1)).is_none());
        assert!(cache.find(&key("READER", "s", Form::Structured), at(1)).is_none());
        let of = |who: Who| Key { who, ..asked.clone() };
        let who = asked.who.clone();
        for other in [
            Who {
                identity: "ann".into(),
                ..who.clone()
            },
            Who {
                connection: "second".into(),
                ..who
            },
        ] {
            assert!(cache.find(&of(other), at(1)).is_none());
        }
    }

    #[test]
    fn what_comes_after_its_time_is_compared_with_what_was() {
        let mut cache = cache(8, 100_000);
        let asked = key("R", "s", Form::Text);
        cache.keep(asked.clone(), kept("abc", &[]), at(0));
        assert_eq!(
            cache.keep(asked.clone(), kept("xyz", &[]), at(500)),
            Compared::Same
        );
        assert_eq!(
            cache.keep(asked.clone(), kept("longer", &[]), at(900)),
            Compared::Other
        );
        let names = key("R", "s", Form::Names);
        cache.keep(names.clone(), kept("", &["A"]), at(0));
        assert_eq!(cache.keep(names, kept("", &["A", "B"]), at(1)), Compared::Other);
    }

    #[test]
    fn the_sums_are_never_exceeded_and_what_was_asked_for_last_stays() {
        let mut cache = cache(3, 4_000);
        for scope in ["a", "b", "c"] {
            cache.keep(key("R", scope, Form::Text), kept("x", &[]), at(0));
        }
        assert!(cache.find(&key("R", "a", Form::Text), at(1)).is_some());
        cache.keep(key("R", "d", Form::Text), kept("x", &[]), at(1));
        assert!(
            cache.find(&key("R", "b", Form::Text), at(1)).is_none(),
            "asked for longest ago"
        );
        assert!(cache.find(&key("R", "a", Form::Text), at(1)).is_some());
        for round in 0..50 {
            let body = "y".repeat(100 * (round % 20));
            cache.keep(
                key("R", &format!("s{round}"), Form::Text),
                kept(&body, &[]),
                at(2),
            );
            assert!(cache.bytes <= 4_000 && cache.entries.len() <= 3);
            assert_eq!(
                cache.bytes,
                cache.entries.values().map(|entry| entry.bytes).sum::<usize>()
            );
        }
        let huge = key("R", "huge", Form::Text);
        cache.keep(huge.clone(), kept(&"z".repeat(3_000), &[]), at(3));
        assert!(
            cache.find(&huge, at(3)).is_none(),
            "larger than a single one may be"
        );
    }

    #[test]
    fn a_wrong_name_is_answered_by_near_ones_that_the_role_was_shown() {
        let mut cache = cache(8, 100_000);
        cache.keep(
            key("R", "s", Form::Names),
            kept("", &["ORDERS", "ORDER_LINES", "CUSTOMERS"]),
            at(0),
        );
        cache.keep(key("OTHER", "s", Form::Names), kept("", &["ORDRES_"]), at(0));
        let who = key("R", "", Form::Names).who;
        let near = |name: &str| -> Vec<String> {
            cache
                .near(&who, name)
                .iter()
                .map(|name| name.to_string())
                .collect()
        };
        assert_eq!(near("ORDRES"), ["ORDERS"]);
        assert_eq!(near("orders"), ["ORDERS"]);
        assert_eq!(near("COSTOMRS"), ["CUSTOMERS"]);
        assert!(near("INVOICES").is_empty() && near("ORDERS").is_empty());
    }
}
