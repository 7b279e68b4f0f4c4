//! What is remembered for one session, and what of it must go when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::event::{EventId, Kind, StreamId};
use crate::ident::{ConnectionId, JobId};
use crate::limits::Limits;
use crate::mcp::Level;
use crate::time::{Instant, WallTime};
use crate::wire::buffer::Shared;

/// One session's memory.
#[derive(Debug)]
pub(super) struct Remembered {
    /// When its client was last heard of, or last stopped to listen.
    pub(super) used: Instant,
    /// When its id expires.
    pub(super) expires: WallTime,
    pub(super) log_level: Option<Level>,
    pub(super) subscriptions: BTreeSet<Arc<str>>,
    /// Questions that were put to the client, by number, and who waits for the answer.
    pub(super) questions: BTreeMap<u64, JobId>,
    pub(super) lines: BTreeMap<StreamId, Line>,
    /// Events kept in all lines, and their weight.
    pub(super) events: usize,
    pub(super) bytes: usize,
    /// What the table's indexes say of it.
    pub(super) indexed: Indexed,
}

/// Where the table finds a session by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Indexed {
    /// When something of it must go.
    pub(super) due: Option<Instant>,
    /// The oldest event kept.
    pub(super) oldest: Option<u64>,
}

/// A stream, whether or not somebody reads it at the moment.
#[derive(Debug)]
pub(super) struct Line {
    /// The call that it is for.
    pub(super) job: Option<JobId>,
    pub(super) reader: Reader,
    /// When the reader came, and was told what it had missed.
    pub(super) read_since: Instant,
    /// No further events come.
    pub(super) is_finished: bool,
    /// Number of the last event.
    last: u64,
    /// The last ones, oldest first.
    kept: VecDeque<Event>,
}

/// Who reads a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// This connection.
    Here(ConnectionId),
    /// Nobody since then.
    Gone(Instant),
}

impl Reader {
    pub(super) fn connection(self) -> Option<ConnectionId> {
        match self {
            Self::Here(connection) => Some(connection),
            Self::Gone(_) => None,
        }
    }
}

#[derive(Debug)]
struct Event {
    said_at: Instant,
    /// Place among all events of the server.
    serial: u64,
    data: Arc<[Shared]>,
}

impl Event {
    fn weight(&self) -> usize {
        self.data.iter().map(|part| part.as_slice().len()).sum::<usize>() + EVENT_OVERHEAD_BYTES
    }
}

/// What an event costs besides its bytes, so that many small ones count too.
pub(super) const EVENT_OVERHEAD_BYTES: usize = 64;

impl Remembered {
    pub(super) fn new(now: Instant, expires: WallTime) -> Self {
        Self {
            used: now,
            expires,
            log_level: None,
            subscriptions: BTreeSet::new(),
            questions: BTreeMap::new(),
            lines: BTreeMap::new(),
            events: 0,
            bytes: 0,
            indexed: Indexed::default(),
        }
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.log_level.is_none()
            && self.subscriptions.is_empty()
            && self.questions.is_empty()
            && self.lines.is_empty()
    }

    /// The GET stream.
    pub(super) fn get_line(&self) -> Option<StreamId> {
        self.lines.keys().copied().find(|id| id.kind == Kind::Get)
    }

    /// Lets a stream go, with what is kept of it.
    pub(super) fn drop_line(&mut self, id: StreamId) {
        if let Some(line) = self.lines.remove(&id) {
            self.events -= line.kept.len();
            self.bytes -= line.kept.iter().map(Event::weight).sum::<usize>();
        }
    }

    pub(super) fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.lines.values().filter_map(|line| line.reader.connection())
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = JobId> {
        self.lines.values().filter_map(|line| line.job)
    }

    /// Keeps an event of `stream`. `None` where there is no such stream or it is finished.
    pub(super) fn record(
        &mut self,
        stream: StreamId,
        data: Arc<[Shared]>,
        now: Instant,
        serial: u64,
    ) -> Option<EventId> {
        let line = self.lines.get_mut(&stream).filter(|line| !line.is_finished)?;
        let event = Event {
            said_at: now,
            serial,
            data,
        };
        self.events += 1;
        self.bytes += event.weight();
        line.last += 1;
        line.kept.push_back(event);
        Some(EventId {
            stream,
            number: line.last,
        })
    }

    /// Lets the oldest event go.
    pub(super) fn drop_oldest(&mut self) {
        let by_age = self.lines.values_mut().filter(|line| !line.kept.is_empty());
        if let Some(line) = by_age.min_by_key(|line| line.oldest()) {
            let event = line.kept.pop_front();
            self.events -= 1;
            self.bytes -= event.map_or(0, |event| event.weight());
        }
    }

    /// Lets go what nobody can ask for any more: events that a reader has had for longer than a window, and streams
    /// that nobody came back to within one. Gives the jobs of those.
    ///
    /// A reader that came back has what it missed since then only: its new connection may break as the old one did.
    pub(super) fn drop_passed(&mut self, now: Instant, limits: &Limits) -> Vec<JobId> {
        let has_passed = |since: Instant| since + limits.resume_window <= now;
        let mut jobs = Vec::new();
        let (mut events, mut bytes) = (0, 0);
        self.lines.retain(|_, line| {
            let is_over = matches!(line.reader, Reader::Gone(since) if has_passed(since));
            let is_read = matches!(line.reader, Reader::Here(_));
            while let Some(event) = line.kept.front()
                && (is_over || is_read && has_passed(event.said_at.max(line.read_since)))
            {
                events += 1;
                bytes += event.weight();
                line.kept.pop_front();
            }
            if is_over {
                jobs.extend(line.job);
            }
            !is_over
        });
        self.events -= events;
        self.bytes -= bytes;
        jobs
    }

    /// Whether its client was not heard of for too long and listens to nothing.
    pub(super) fn is_idle(&self, now: Instant, limits: &Limits) -> bool {
        self.connections().next().is_none() && self.used + limits.session_idle_timeout <= now
    }

    /// What the table is to find it by.
    pub(super) fn index(&self, limits: &Limits) -> Indexed {
        let is_read = self.connections().next().is_some();
        let idle = (!is_read).then(|| self.used + limits.session_idle_timeout);
        let passing = self.lines.values().filter_map(|line| match line.reader {
            Reader::Gone(since) => Some(since + limits.resume_window),
            Reader::Here(_) => Some(line.kept.front()?.said_at.max(line.read_since) + limits.resume_window),
        });
        Indexed {
            due: passing.chain(idle).min(),
            oldest: self.lines.values().filter_map(Line::oldest).min(),
        }
    }
}

impl Line {
    pub(super) fn new(connection: ConnectionId, job: Option<JobId>, now: Instant) -> Self {
        Self {
            job,
            reader: Reader::Here(connection),
            read_since: now,
            is_finished: false,
            last: 0,
            kept: VecDeque::new(),
        }
    }

    fn oldest(&self) -> Option<u64> {
        self.kept.front().map(|event| event.serial)
    }

    /// The events after `number`, with theirs; `None` if there never was such an event or one of those is not kept.
    pub(super) fn after(&self, number: u64) -> Option<impl Iterator<Item = (u64, Arc<[Shared]>)>> {
        let missed = self.last.checked_sub(number)?;
        let skipped = (self.kept.len() as u64).checked_sub(missed)?;
        let kept = self.kept.iter().skip(usize::try_from(skipped).ok()?);
        Some((number + 1..).zip(kept.map(|event| Arc::clone(&event.data))))
    }
}
