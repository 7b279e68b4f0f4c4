//! What each caller has used, held against what it may use: calls a minute, rows and bytes a day.
//!
//! Off until an operator sets something; then a caller costs some 200 bytes, and the table is bounded. What is counted is
//! this process's own: two replicas give a caller twice as much, and a restart begins a day anew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::access::Caller;
use super::ready::Principal;
use crate::access::{Identity, Mark, Quota};
use crate::backend::{Error, Kind};
use crate::ident::ConnectionId;
use crate::limits::ACCOUNTS_MAX;
use crate::secret::Login;
use crate::time::{Instant, Now};

/// Callers and what they used.
#[derive(Debug)]
pub(super) struct Accounts {
    /// What holds for callers who have nothing of their own.
    defaults: Quota,
    known: BTreeMap<Mark, Arc<Identity>>,
    usage: BTreeMap<Principal, Usage>,
}

/// What one caller has used.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    /// Up to when its calls are paid for: each costs a minute divided by the calls of a minute.
    paid_until: Instant,
    /// Days since the epoch.
    day: u64,
    rows: u64,
    bytes: u64,
    /// When it was counted last.
    seen: Instant,
}

impl Accounts {
    pub(super) fn new(defaults: Quota) -> Self {
        Self {
            defaults,
            known: BTreeMap::new(),
            usage: BTreeMap::new(),
        }
    }

    /// Learns who a caller is: what it is called and what it may use.
    pub(super) fn note(&mut self, caller: &Caller) {
        let Some(caller) = caller else { return };
        if self
            .known
            .get(&caller.mark)
            .is_some_and(|known| Arc::ptr_eq(known, caller))
        {
            return;
        }
        if self.known.len() >= ACCOUNTS_MAX && !self.known.contains_key(&caller.mark) {
            self.known.pop_first();
        }
        self.known.insert(caller.mark, Arc::clone(caller));
    }

    /// Forgets a connection that was a caller of its own.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        if !self.usage.is_empty() {
            self.usage.remove(&Principal::Connection(connection));
        }
    }

    /// Forgets a caller whose login is no longer kept.
    pub(super) fn forget_login(&mut self, mark: Mark) {
        self.known.remove(&mark);
    }

    /// The login that a caller brought along.
    pub(super) fn login(&self, principal: Principal) -> Option<Arc<Login>> {
        let Principal::Known(mark) = principal else {
            return None;
        };
        self.known.get(&mark)?.login.clone()
    }

    /// On whose account the use of `principal` is counted. The limits of a key hold for all logins together that come with
    /// it; else its holder would have them once more with each.
    fn payer(&self, principal: Principal) -> Principal {
        let Principal::Known(mark) = principal else {
            return principal;
        };
        let own = self.known.get(&mark).filter(|known| is_counted(known.quota));
        own.map_or(principal, |known| Principal::Known(known.credential))
    }

    /// What the log calls a caller: no secret.
    pub(super) fn label(&self, principal: Principal) -> Box<str> {
        match principal {
            Principal::Known(mark) => match self.known.get(&mark) {
                Some(identity) => identity.label.clone(),
                None => "unknown".into(),
            },
            Principal::Address(client) => format!("address {client}").into(),
            Principal::Connection(connection) => format!("connection {connection}").into(),
            Principal::Own => "the server".into(),
        }
    }

    /// What `principal` may use: what is its own, else what holds for all.
    pub(super) fn quota(&self, principal: Principal) -> Quota {
        let Principal::Known(mark) = principal else {
            return self.defaults;
        };
        let Some(identity) = self.known.get(&mark) else {
            return self.defaults;
        };
        let own = identity.quota;
        Quota {
            calls_max: own.calls_max.or(self.defaults.calls_max),
            calls_per_minute_max: own.calls_per_minute_max.or(self.defaults.calls_per_minute_max),
            rows_per_day_max: own.rows_per_day_max.or(self.defaults.rows_per_day_max),
            bytes_per_day_max: own.bytes_per_day_max.or(self.defaults.bytes_per_day_max),
        }
    }

    /// Counts a call that is about to begin.
    ///
    /// # Errors
    /// It is one too many: which bound it is, and when it may be tried again.
    pub(super) fn count_call(&mut self, principal: Principal, now: Now) -> Result<(), Error> {
        let quota = self.quota(principal);
        if !is_counted(quota) {
            return Ok(());
        }
        let usage = self.usage(self.payer(principal), now);
        let day_left = DAY.saturating_sub(Duration::from_secs(now.wall.as_seconds() % DAY.as_secs()));
        let used_up = |used: u64, max: Option<u64>, what: &str| match max {
            Some(max) if used >= max => Err(too_many(
                format!("you have received {used} {what} today, of {max} that you may"),
                day_left,
            )),
            _ => Ok(()),
        };
        used_up(usage.rows, quota.rows_per_day_max, "rows")?;
        used_up(usage.bytes, quota.bytes_per_day_max, "bytes")?;
        if let Some(max) = quota.calls_per_minute_max {
            let paid_until = usage.paid_until.max(now.monotonic) + MINUTE / max.max(1);
            let ahead = paid_until.since(now.monotonic);
            if ahead > MINUTE {
                let message = format!("you have begun {max} calls within a minute, as many as you may");
                return Err(too_many(message, ahead - MINUTE));
            }
            usage.paid_until = paid_until;
        }
        Ok(())
    }

    /// Counts what a call gave.
    pub(super) fn charge(&mut self, principal: Principal, now: Now, rows: u64, bytes: u64) {
        let quota = self.quota(principal);
        if quota.rows_per_day_max.is_some() || quota.bytes_per_day_max.is_some() {
            let usage = self.usage(self.payer(principal), now);
            usage.rows = usage.rows.saturating_add(rows);
            usage.bytes = usage.bytes.saturating_add(bytes);
        }
    }

    /// The entry of `principal` on the day of `now`. Without room the one that was counted longest ago is forgotten.
    fn usage(&mut self, principal: Principal, now: Now) -> &mut Usage {
        if self.usage.len() >= ACCOUNTS_MAX && !self.usage.contains_key(&principal) {
            let oldest = self.usage.iter().min_by_key(|(_, usage)| usage.seen);
            if let Some(oldest) = oldest.map(|(principal, _)| *principal) {
                self.usage.remove(&oldest);
            }
        }
        let usage = self.usage.entry(principal).or_default();
        let day = now.wall.as_seconds() / DAY.as_secs();
        if usage.day != day {
            (usage.day, usage.rows, usage.bytes) = (day, 0, 0);
        }
        usage.seen = now.monotonic;
        usage
    }
}

const fn is_counted(quota: Quota) -> bool {
    quota.calls_per_minute_max.is_some()
        || quota.rows_per_day_max.is_some()
        || quota.bytes_per_day_max.is_some()
}

fn too_many(message: String, after: Duration) -> Error {
    let mut error = Error::new(Kind::TooManyRequests, message);
    // Whole seconds, rounded up: sooner would be too soon.
    error.retry_after = Some(Duration::from_secs(after.as_millis().div_ceil(1_000) as u64));
    error
}

const MINUTE: Duration = Duration::from_secs(60);
/// In UTC, like everything that the server tells of time.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;

    const ANN: Principal = Principal::Connection(ConnectionId {
        index: 1,
        generation: 1,
    });

    fn at(seconds: u64) -> Now {
        Now {
            monotonic: Instant::from_micros(seconds * 1_000_000),
            wall: WallTime::from_micros((DAY.as_secs() * 20_000 + seconds) * 1_000_000),
        }
    }

    fn retry(refused: Result<(), Error>) -> Option<u64> {
        refused.err()?.retry_after.map(|after| after.as_secs())
    }

    #[test]
    fn a_minutes_calls_may_come_at_once_and_then_one_at_a_time() {
        let mut accounts = Accounts::new(Quota {
            calls_per_minute_max: Some(6),
            ..Quota::default()
        });
        for _ in 0..6 {
            assert_eq!(accounts.count_call(ANN, at(0)), Ok(()));
        }
        assert_eq!(retry(accounts.count_call(ANN, at(0))), Some(10));
        assert_eq!(retry(accounts.count_call(ANN, at(9))), Some(1));
        assert_eq!(accounts.count_call(ANN, at(10)), Ok(()));
        assert_eq!(retry(accounts.count_call(ANN, at(10))), Some(10));
    }

    #[test]
    fn rows_and_bytes_are_counted_by_the_day() {
        let mut accounts = Accounts::new(Quota {
            rows_per_day_max: Some(100),
            bytes_per_day_max: Some(10_000),
            ..Quota::default()
        });
        accounts.charge(ANN, at(10), 99, 5_000);
        assert_eq!(accounts.count_call(ANN, at(11)), Ok(()));
        accounts.charge(ANN, at(12), 50, 0);
        let refused = accounts.count_call(ANN, at(13)).unwrap_err();
        assert_eq!(
            refused.message,
            "you have received 149 rows today, of 100 that you may"
        );
        assert_eq!(refused.retry_after, Some(DAY - Duration::from_secs(13)));
        assert_eq!(accounts.count_call(ANN, at(DAY.as_secs())), Ok(()));
    }

    #[test]
    fn a_key_has_what_is_its_own_and_else_what_holds_for_all() {
        let mut accounts = Accounts::new(Quota {
            calls_per_minute_max: Some(1),
            rows_per_day_max: Some(5),
            ..Quota::default()
        });
        let mark = Mark::of(crate::access::identity::Kind::Key, "ann");
        accounts.note(&Some(Arc::new(Identity {
            label: "ann".into(),
            mark,
            credential: mark,
            login: None,
            scope: Some(crate::access::Scope::Read),
            kind: crate::access::identity::Kind::Key,
            quota: Quota {
                calls_per_minute_max: Some(1_000),
                ..Quota::default()
            },
            expires: None,
        })));
        let quota = accounts.quota(Principal::Known(mark));
        assert_eq!(
            (quota.calls_per_minute_max, quota.rows_per_day_max),
            (Some(1_000), Some(5))
        );
        assert_eq!(&*accounts.label(Principal::Known(mark)), "ann");
    }

    #[test]
    fn the_table_is_bounded_and_nothing_is_counted_where_nothing_is_set() {
        let caller = |index| Principal::Connection(ConnectionId { index, generation: 1 });
        let mut accounts = Accounts::new(Quota::default());
        accounts.count_call(ANN, at(0)).unwrap();
        assert!(accounts.usage.is_empty());
        accounts.defaults.calls_per_minute_max = Some(1);
        for index in 0..=u32::try_from(ACCOUNTS_MAX).unwrap() {
            accounts.count_call(caller(index), at(u64::from(index))).unwrap();
        }
        assert_eq!(accounts.usage.len(), ACCOUNTS_MAX);
        assert!(
            !accounts.usage.contains_key(&caller(0)),
            "the oldest was forgotten"
        );
    }
}
