//! Ids of sessions that were ended before their time. They would open again: a token knows nothing of its end.

use std::collections::{BTreeMap, BTreeSet};

use super::SessionId;
use crate::time::WallTime;

/// Ended ids, each until its token would have expired anyway.
///
/// When there is no room, the one that expires first is forgotten: of all it has the least time left in which it could
/// be used again, and only by a client that had ended it. About 150 bytes each.
#[derive(Debug, Default)]
pub(super) struct Ended {
    until: BTreeMap<SessionId, WallTime>,
    by_time: BTreeSet<(WallTime, SessionId)>,
}

impl Ended {
    /// Remembers `id` until its token `expires`.
    pub(super) fn add(&mut self, id: SessionId, expires: WallTime, now: WallTime, ended_max: usize) {
        self.forget_expired(now);
        if let Some(earlier) = self.until.insert(id, expires) {
            self.by_time.remove(&(earlier, id));
        }
        self.by_time.insert((expires, id));
        while self.until.len() > ended_max {
            self.forget_first();
        }
    }

    pub(super) fn contains(&self, id: SessionId) -> bool {
        self.until.contains_key(&id)
    }

    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.until.len()
    }

    fn forget_expired(&mut self, now: WallTime) {
        while self.by_time.first().is_some_and(|(expires, _)| *expires <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, id)) = self.by_time.pop_first() {
            self.until.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(second: u64) -> WallTime {
        WallTime::from_micros(second * 1_000_000)
    }

    const fn id(number: u8) -> SessionId {
        SessionId([number; 16])
    }

    #[test]
    fn an_ended_id_is_remembered_until_its_token_has_expired() {
        let mut ended = Ended::default();
        ended.add(id(1), at(10), at(0), 5);
        ended.add(id(1), at(20), at(0), 5);
        assert!(ended.contains(id(1)) && !ended.contains(id(2)));
        ended.add(id(2), at(30), at(19), 5);
        assert_eq!(ended.len(), 2);
        ended.add(id(3), at(40), at(20), 5);
        assert!(!ended.contains(id(1)) && ended.contains(id(2)) && ended.contains(id(3)));
        assert_eq!(ended.by_time.len(), ended.len());
    }

    #[test]
    fn without_room_the_one_that_expires_first_is_forgotten() {
        let mut ended = Ended::default();
        for (number, expires) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
            ended.add(id(number), at(expires), at(0), 2);
        }
        assert!(ended.contains(id(1)) && ended.contains(id(4)));
        assert_eq!((ended.len(), ended.by_time.len()), (2, 2));
        ended.add(id(5), at(50), at(0), 0);
        assert_eq!(ended.len(), 0);
    }
}
