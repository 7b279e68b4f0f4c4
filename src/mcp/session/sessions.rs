//! The sessions that something is remembered for, and nothing of those without.
//!
//! Every bound is a limit, and every stored thing ends by itself: [`Sessions::expire`] is to be called when
//! [`Sessions::next_expiry`] has come. What it costs is proportional to what ends.

mod streams;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::ended::Ended;
use super::remembered::{Indexed, Remembered};
use super::{Need, Refusal, Session, SessionId};
use crate::ident::{ConnectionId, JobId};
use crate::limits::Limits;
use crate::mcp::{Field, Keys, Level};
use crate::time::{Instant, Now};

pub use streams::{Resumed, Stream};

/// What this server remembers of legacy sessions.
#[derive(Debug)]
pub struct Sessions {
    remembered: BTreeMap<SessionId, Remembered>,
    ended: Ended,
    /// Indexes of `remembered`.
    by_due: BTreeSet<(Instant, SessionId)>,
    by_oldest: BTreeSet<(u64, SessionId)>,
    by_uri: BTreeMap<Arc<str>, BTreeSet<SessionId>>,
    /// Sums over `remembered`.
    subscription_bytes: usize,
    replay_bytes: usize,
    /// Events recorded so far, and streams opened.
    serials: u64,
    streams: u64,
    limits: Limits,
}

/// What somebody else must end, because the session or stream that it was for is gone.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Freed {
    /// Connections that carry a stream: end it.
    pub connections: Vec<ConnectionId>,
    /// Calls whose reply nobody can fetch any more: cancel them.
    pub jobs: Vec<JobId>,
}

/// Why something is not remembered: the limit that is reached, by name, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// Name of the limit.
    pub limit: &'static str,
    /// Its value.
    pub max: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is {} and reached", self.limit, self.max)
    }
}

impl std::error::Error for Full {}

impl Sessions {
    /// Nothing is remembered yet. `salt` is random, so that nobody's streams are taken for those of another process.
    pub fn new(limits: &Limits, salt: u32) -> Self {
        Self {
            remembered: BTreeMap::new(),
            ended: Ended::default(),
            by_due: BTreeSet::new(),
            by_oldest: BTreeSet::new(),
            by_uri: BTreeMap::new(),
            subscription_bytes: 0,
            replay_bytes: 0,
            serials: 0,
            streams: u64::from(salt) << 32,
            limits: limits.clone(),
        }
    }

    /// The session that a request is in, if it names one. Counts as a sign of life.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::Repeated`], [`Refusal::Unknown`], [`Refusal::Expired`], [`Refusal::Ended`].
    pub fn admit(
        &mut self,
        keys: &Keys,
        header: Field<'_>,
        need: Need,
        principal: &[u8],
        now: Now,
    ) -> Result<Option<Session>, Refusal> {
        let Some(session) = need.meet(keys, header, principal, now.wall)? else {
            return Ok(None);
        };
        if self.ended.contains(session.id) {
            return Err(Refusal::Ended);
        }
        self.change(session.id, |remembered, _| remembered.used = now.monotonic);
        Ok(Some(session))
    }

    /// Ends a session for good, as DELETE asks: its id opens no more here until it has expired. What waits for an
    /// answer or a reader goes with it.
    pub fn end(&mut self, session: &Session, now: Now) -> Freed {
        let expires = session.validity.ends();
        self.ended
            .add(session.id, expires, now.wall, self.limits.sessions_ended_max);
        self.forget(session.id)
    }

    /// Sessions that something is remembered for.
    pub fn len(&self) -> usize {
        self.remembered.len()
    }

    /// Whether nothing is remembered for anybody.
    pub fn is_empty(&self) -> bool {
        self.remembered.is_empty()
    }

    /// Ids that were ended and would still open.
    pub fn ended(&self) -> usize {
        self.ended.len()
    }

    /// Bytes kept for clients that come back.
    pub fn replay_bytes(&self) -> usize {
        self.replay_bytes
    }

    /// When [`Sessions::expire`] must be called next.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.by_due.first().map(|(due, _)| *due)
    }

    /// Lets go what is over: streams that nobody came back to, events that need not be kept, sessions nobody uses. A
    /// session that had subscriptions is ended then, because its client would wait for what never comes.
    pub fn expire(&mut self, now: Now) -> Freed {
        let mut freed = Freed::default();
        while let Some(&(due, id)) = self.by_due.first()
            && due <= now.monotonic
        {
            let jobs = self.change(id, |remembered, limits| {
                remembered.drop_passed(now.monotonic, limits)
            });
            freed.jobs.extend(jobs.into_iter().flatten());
            let is_idle = |remembered: &&Remembered| remembered.is_idle(now.monotonic, &self.limits);
            let Some(idle) = self.remembered.get(&id).filter(is_idle) else {
                continue;
            };
            if !idle.subscriptions.is_empty() {
                self.ended
                    .add(id, idle.expires, now.wall, self.limits.sessions_ended_max);
            }
            freed.jobs.extend(self.forget(id).jobs);
        }
        freed
    }

    /// What `logging/setLevel` asked for, if it did.
    pub fn log_level(&self, id: SessionId) -> Option<Level> {
        self.remembered.get(&id)?.log_level
    }

    /// `logging/setLevel`.
    ///
    /// # Errors
    /// Too many sessions are remembered.
    pub fn set_log_level(&mut self, session: &Session, level: Level, now: Instant) -> Result<(), Full> {
        self.store(session, now, |remembered, _| {
            remembered.log_level = Some(level);
            Ok(())
        })
    }

    /// `resources/subscribe`. Twice is as once.
    ///
    /// # Errors
    /// The session has too many, the URI is too long, or all sessions together have too many bytes of them.
    pub fn subscribe(&mut self, session: &Session, uri: &str, now: Instant) -> Result<(), Full> {
        let (known, subscription_bytes) = (self.by_uri.get_key_value(uri), self.subscription_bytes);
        let uri: Arc<str> = known.map_or_else(|| Arc::from(uri), |(known, _)| Arc::clone(known));
        let added = self.store(session, now, |remembered, limits| {
            if remembered.subscriptions.contains(&uri) {
                return Ok(false);
            }
            room("uri_bytes_max", uri.len(), limits.uri_bytes_max)?;
            let subscriptions = remembered.subscriptions.len() + 1;
            let subscriptions_max = limits.subscriptions_per_session_max;
            room("subscriptions_per_session_max", subscriptions, subscriptions_max)?;
            let bytes = subscription_bytes + uri.len();
            room("subscription_bytes_max", bytes, limits.subscription_bytes_max)?;
            Ok(remembered.subscriptions.insert(Arc::clone(&uri)))
        })?;
        if added {
            self.subscription_bytes += uri.len();
            self.by_uri.entry(uri).or_default().insert(session.id);
        }
        Ok(())
    }

    /// `resources/unsubscribe`. What was not subscribed to is no fault.
    pub fn unsubscribe(&mut self, id: SessionId, uri: &str) {
        let was_there = self.change(id, |remembered, _| remembered.subscriptions.remove(uri));
        if was_there == Some(true) {
            self.forget_subscriber(id, uri);
        }
    }

    /// Sessions that subscribed to `uri`.
    pub fn subscribers(&self, uri: &str) -> impl Iterator<Item = SessionId> {
        self.by_uri.get(uri).into_iter().flatten().copied()
    }

    /// Notes that question `number` was put to the client and that `job` waits for the answer.
    ///
    /// # Errors
    /// Too many questions wait, or too many sessions are remembered.
    pub fn ask(&mut self, session: &Session, number: u64, job: JobId, now: Instant) -> Result<(), Full> {
        self.store(session, now, |remembered, limits| {
            let questions = remembered.questions.len() + 1;
            let questions_max = limits.questions_per_session_max;
            room("questions_per_session_max", questions, questions_max)?;
            remembered.questions.insert(number, job);
            Ok(())
        })
    }

    /// The job that waits for the answer to question `number` of this session; it waits no more. Also to be called
    /// when the job ends without one.
    pub fn take_question(&mut self, id: SessionId, number: u64) -> Option<JobId> {
        self.change(id, |remembered, _| remembered.questions.remove(&number))?
    }

    /// Changes what is remembered for `session`, from now on if nothing is yet. If `act` fails, nothing may be changed.
    fn store<T>(
        &mut self,
        session: &Session,
        now: Instant,
        act: impl FnOnce(&mut Remembered, &Limits) -> Result<T, Full>,
    ) -> Result<T, Full> {
        if !self.remembered.contains_key(&session.id) {
            let sessions = self.remembered.len() + 1;
            room("sessions_max", sessions, self.limits.sessions_max)?;
            let remembered = Remembered::new(now, session.validity.ends());
            self.remembered.insert(session.id, remembered);
        }
        let stored = self.change(session.id, act);
        stored.expect("it was there or has just been put there")
    }

    /// Changes what is remembered for a session, if anything is, and brings sums and indexes in line. A session for
    /// which nothing is left is forgotten.
    fn change<T>(&mut self, id: SessionId, act: impl FnOnce(&mut Remembered, &Limits) -> T) -> Option<T> {
        let remembered = self.remembered.get_mut(&id)?;
        let bytes_before = remembered.bytes;
        let done = act(remembered, &self.limits);
        self.replay_bytes = self.replay_bytes - bytes_before + remembered.bytes;
        let is_empty = remembered.is_empty();
        let index = if is_empty {
            Indexed::default()
        } else {
            remembered.index(&self.limits)
        };
        let before = std::mem::replace(&mut remembered.indexed, index);
        if before.due != index.due {
            before.due.map(|due| self.by_due.remove(&(due, id)));
            index.due.map(|due| self.by_due.insert((due, id)));
        }
        if before.oldest != index.oldest {
            before.oldest.map(|oldest| self.by_oldest.remove(&(oldest, id)));
            index.oldest.map(|oldest| self.by_oldest.insert((oldest, id)));
        }
        if is_empty {
            self.remembered.remove(&id);
        }
        Some(done)
    }

    fn forget(&mut self, id: SessionId) -> Freed {
        let Some(remembered) = self.remembered.remove(&id) else {
            return Freed::default();
        };
        self.replay_bytes -= remembered.bytes;
        for uri in &remembered.subscriptions {
            self.forget_subscriber(id, uri);
        }
        remembered.indexed.due.map(|due| self.by_due.remove(&(due, id)));
        remembered
            .indexed
            .oldest
            .map(|oldest| self.by_oldest.remove(&(oldest, id)));
        Freed {
            connections: remembered.connections().collect(),
            jobs: remembered.jobs().collect(),
        }
    }

    fn forget_subscriber(&mut self, id: SessionId, uri: &str) {
        self.subscription_bytes -= uri.len();
        if let Some(subscribers) = self.by_uri.get_mut(uri) {
            subscribers.remove(&id);
            if subscribers.is_empty() {
                self.by_uri.remove(uri);
            }
        }
    }
}

fn room(limit: &'static str, wanted: usize, max: usize) -> Result<(), Full> {
    if wanted > max {
        return Err(Full { limit, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
