//! The naive model of the table: plain lists, all of which it walks through, and no index and no sum.

use std::time::Duration;

use super::super::super::remembered::EVENT_OVERHEAD_BYTES;
use super::super::*;
use crate::entropy::SeededEntropy;
use crate::mcp::session::{EventId, Kind, StreamId};
use crate::mcp::{Abilities, Revision};
use crate::time::WallTime;

const WINDOW: u64 = 30;
const IDLE: u64 = 100;

pub(super) fn limits() -> Limits {
    Limits {
        sessions_max: 3,
        sessions_ended_max: 2,
        subscriptions_per_session_max: 2,
        uri_bytes_max: 8,
        subscription_bytes_max: 12,
        questions_per_session_max: 2,
        streams_per_session_max: 2,
        replay_events_max: 4,
        replay_session_bytes_max: 4 * EVENT_OVERHEAD_BYTES + 100,
        replay_bytes_max: 6 * EVENT_OVERHEAD_BYTES + 150,
        resume_window: Duration::from_secs(WINDOW),
        session_idle_timeout: Duration::from_secs(IDLE),
        ..Limits::default()
    }
}

/// One thing that happens. Small numbers name sessions, connections, and streams in the order of their making.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    LogLevel(u8),
    Subscribe(u8, u8),
    Unsubscribe(u8, u8),
    Ask(u8, u64),
    Answer(u8, u64),
    Get(u8, u32),
    Call(u8, u32),
    Record(u8, u8),
    Detach(u8, u32),
    Finish(u8),
    /// Session, stream, events that were not seen, connection.
    Resume(u8, u8, u8, u32),
    End(u8),
    Pass(u8),
}

const URIS: [&str; 4] = ["a:b", "a:bcdef", "a:c", "a:too-long"];

#[derive(Debug, Default, Clone)]
struct ModelSession {
    used: u64,
    has_level: bool,
    uris: Vec<&'static str>,
    questions: Vec<(u64, JobId)>,
    lines: Vec<ModelLine>,
}

#[derive(Debug, Clone)]
struct ModelLine {
    id: StreamId,
    job: Option<JobId>,
    reader: Option<ConnectionId>,
    read_since: u64,
    gone_at: u64,
    is_finished: bool,
    last: u64,
    kept: Vec<ModelEvent>,
}

#[derive(Debug, Clone, Copy)]
struct ModelEvent {
    number: u64,
    at: u64,
    age: u64,
    bytes: usize,
}

impl ModelSession {
    fn is_empty(&self) -> bool {
        !self.has_level && self.uris.is_empty() && self.questions.is_empty() && self.lines.is_empty()
    }

    fn is_read(&self) -> bool {
        self.lines.iter().any(|line| line.reader.is_some())
    }

    fn events(&self) -> impl Iterator<Item = ModelEvent> {
        self.lines.iter().flat_map(|line| line.kept.iter().copied())
    }

    fn bytes(&self) -> usize {
        self.events().map(|event| event.bytes).sum()
    }
}

/// Both, side by side.
pub(super) struct Pair {
    pub(super) table: Sessions,
    now: u64,
    pub(super) sessions: Vec<Session>,
    model: Vec<ModelSession>,
    ended: Vec<u8>,
    pub(super) streams: Vec<(u8, Stream)>,
    ages: u64,
    jobs: u64,
}

pub(super) const fn connection(index: u32) -> ConnectionId {
    ConnectionId { index, generation: 1 }
}

impl Pair {
    pub(super) fn new() -> Self {
        let negotiated = (Revision::V20251125, Abilities::default(), Default::default());
        let session = |seed| {
            let entropy = &mut SeededEntropy::new(seed);
            // All of them outlive every test, so that only the bound ends the memory of their ends.
            Session::begin(
                entropy,
                negotiated,
                WallTime::default(),
                Duration::from_secs(1_000_000 + seed),
            )
        };
        Self {
            table: Sessions::new(&limits(), 7),
            now: 0,
            sessions: (0..4).map(session).collect(),
            model: vec![ModelSession::default(); 4],
            ended: Vec::new(),
            streams: Vec::new(),
            ages: 0,
            jobs: 0,
        }
    }

    pub(super) fn at(&self) -> Instant {
        Instant::from_micros(self.now * 1_000_000)
    }

    fn now(&self) -> Now {
        Now {
            monotonic: self.at(),
            wall: WallTime::from_micros(self.now * 1_000_000),
        }
    }

    /// Whether the model has room for something of this session; a new one is used from now on.
    fn has_room(&mut self, session: u8) -> bool {
        let remembered = self.model.iter().filter(|session| !session.is_empty()).count();
        let now = self.now;
        let one = &mut self.model[usize::from(session)];
        if one.is_empty() {
            if remembered >= limits().sessions_max {
                return false;
            }
            one.used = now;
        }
        true
    }

    fn job(&mut self) -> JobId {
        self.jobs += 1;
        JobId(self.jobs)
    }

    fn line(&mut self, of: u8) -> Option<(Stream, Option<&mut ModelLine>)> {
        let at = usize::from(of) % self.streams.len().max(1);
        let &(session, stream) = self.streams.get(at)?;
        let lines = &mut self.model[usize::from(session)].lines;
        Some((stream, lines.iter_mut().find(|line| line.id == stream.id)))
    }

    fn use_session(&mut self, id: SessionId) {
        for (session, one) in self.sessions.iter().zip(&mut self.model) {
            if session.id == id {
                one.used = self.now;
            }
        }
    }

    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::LogLevel(of) => self.log_level(of),
            Step::Subscribe(of, uri) => self.subscribe(of, URIS[usize::from(uri)]),
            Step::Unsubscribe(of, uri) => self.unsubscribe(of, URIS[usize::from(uri)]),
            Step::Ask(of, number) => self.ask(of, number),
            Step::Answer(of, number) => self.answer(of, number),
            Step::Get(of, on) => self.get(of, connection(on)),
            Step::Call(of, on) => self.call(of, connection(on)),
            Step::Record(of, bytes) => self.record(of, usize::from(bytes)),
            Step::Detach(of, on) => self.detach(of, connection(on)),
            Step::Finish(of) => self.finish(of),
            Step::Resume(session, of, unseen, on) => self.resume(session, of, unseen, connection(on)),
            Step::End(of) => self.end(of),
            Step::Pass(seconds) => self.pass(u64::from(seconds)),
        }
        self.compare();
    }

    fn log_level(&mut self, of: u8) {
        let (session, at) = (self.sessions[usize::from(of)], self.at());
        let has_room = self.has_room(of);
        let done = self.table.set_log_level(&session, Level::Info, at);
        assert_eq!(done.is_ok(), has_room);
        self.model[usize::from(of)].has_level |= has_room;
    }

    fn subscribe(&mut self, of: u8, uri: &'static str) {
        let (session, at) = (self.sessions[usize::from(of)], self.at());
        let bytes: usize = self
            .model
            .iter()
            .flat_map(|one| &one.uris)
            .map(|uri| uri.len())
            .sum();
        let has_session = self.has_room(of);
        let one = &mut self.model[usize::from(of)];
        let is_there = one.uris.contains(&uri);
        let has_room = uri.len() <= 8 && one.uris.len() < 2 && bytes + uri.len() <= 12;
        let expected = has_session && (is_there || has_room);
        if expected && !is_there {
            one.uris.push(uri);
        }
        assert_eq!(self.table.subscribe(&session, uri, at).is_ok(), expected);
    }

    fn unsubscribe(&mut self, of: u8, uri: &str) {
        self.table.unsubscribe(self.sessions[usize::from(of)].id, uri);
        self.model[usize::from(of)].uris.retain(|other| *other != uri);
    }

    fn ask(&mut self, of: u8, number: u64) {
        let (session, at, job) = (self.sessions[usize::from(of)], self.at(), self.job());
        let has_session = self.has_room(of);
        let one = &mut self.model[usize::from(of)];
        let expected = has_session && one.questions.len() < 2;
        if expected {
            one.questions.retain(|(other, _)| *other != number);
            one.questions.push((number, job));
        }
        assert_eq!(self.table.ask(&session, number, job, at).is_ok(), expected);
    }

    fn answer(&mut self, of: u8, number: u64) {
        let one = &mut self.model[usize::from(of)];
        let place = one.questions.iter().position(|(other, _)| *other == number);
        let expected = place.map(|place| one.questions.remove(place).1);
        let id = self.sessions[usize::from(of)].id;
        assert_eq!(self.table.take_question(id, number), expected);
    }

    fn open(&mut self, of: u8, stream: Stream, job: Option<JobId>, on: ConnectionId) {
        self.streams.push((of, stream));
        let now = self.now;
        self.model[usize::from(of)].lines.push(ModelLine {
            id: stream.id,
            job,
            reader: Some(on),
            read_since: now,
            gone_at: 0,
            is_finished: false,
            last: 0,
            kept: Vec::new(),
        });
    }

    /// What opening a GET stream is answered with; makes room for it.
    fn expect_get(&mut self, of: u8) -> Result<(), Refusal> {
        if !self.has_room(of) {
            return Err(Refusal::Full);
        }
        let lines = &mut self.model[usize::from(of)].lines;
        let is_read = |line: &ModelLine| line.id.kind == Kind::Get && line.reader.is_some();
        if lines.iter().any(is_read) {
            return Err(Refusal::Occupied);
        }
        lines.retain(|line| line.id.kind != Kind::Get);
        Ok(())
    }

    fn get(&mut self, of: u8, on: ConnectionId) {
        let (session, at) = (self.sessions[usize::from(of)], self.at());
        let expected = self.expect_get(of);
        let opened = self.table.open_get(&session, on, at);
        assert_eq!(opened.map(drop), expected);
        if let Ok(stream) = opened {
            self.open(of, stream, None, on);
        }
    }

    fn call(&mut self, of: u8, on: ConnectionId) {
        let (session, at, job) = (self.sessions[usize::from(of)], self.at(), self.job());
        let has_session = self.has_room(of);
        let has_room = self.model[usize::from(of)].lines.len() < 2;
        let opened = self.table.open_call(&session, on, job, at);
        assert_eq!(opened.is_ok(), has_session && has_room);
        if let Ok(stream) = opened {
            self.open(of, stream, Some(job), on);
        }
    }

    fn record(&mut self, of: u8, bytes: usize) {
        self.ages += 1;
        let (age, at) = (self.ages, self.now);
        let Some((stream, line)) = self.line(of) else {
            return;
        };
        let expected = line.filter(|line| !line.is_finished).map(|line| {
            line.last += 1;
            line.kept.push(ModelEvent {
                number: line.last,
                at,
                age,
                bytes: bytes + EVENT_OVERHEAD_BYTES,
            });
            line.last
        });
        let now = self.at();
        let id = self.table.record(stream, [vec![b'x'; bytes].into()].into(), now);
        assert_eq!(
            id.map(|id| (id.stream, id.number)),
            expected.map(|number| (stream.id, number))
        );
        let limits = limits();
        for place in 0..self.model.len() {
            while self.model[place].events().count() > limits.replay_events_max
                || self.model[place].bytes() > limits.replay_session_bytes_max
            {
                let oldest = self.model[place].events().map(|event| event.age).min();
                self.drop_event(oldest);
            }
        }
        while self.model.iter().map(ModelSession::bytes).sum::<usize>() > limits.replay_bytes_max {
            let ages = self
                .model
                .iter()
                .flat_map(ModelSession::events)
                .map(|event| event.age);
            let oldest = ages.min();
            self.drop_event(oldest);
        }
    }

    fn drop_event(&mut self, age: Option<u64>) {
        for line in self.model.iter_mut().flat_map(|one| &mut one.lines) {
            line.kept.retain(|event| Some(event.age) != age);
        }
    }

    fn detach(&mut self, of: u8, on: ConnectionId) {
        let (now, at) = (self.now, self.at());
        let Some((stream, line)) = self.line(of) else {
            return;
        };
        if let Some(line) = line
            && line.reader == Some(on)
        {
            (line.reader, line.gone_at) = (None, now);
            self.use_session(stream.session);
        }
        self.table.detach(stream, on, at);
    }

    fn finish(&mut self, of: u8) {
        let (now, at) = (self.now, self.at());
        let Some((stream, line)) = self.line(of) else {
            return;
        };
        if let Some(line) = line {
            (line.reader, line.gone_at, line.job) = (None, now, None);
            line.is_finished = true;
            self.use_session(stream.session);
        }
        self.table.finish(stream, at);
    }

    fn resume(&mut self, session: u8, of: u8, unseen: u8, on: ConnectionId) {
        let (asks, at, now) = (self.sessions[usize::from(session)], self.at(), self.now);
        let Some((stream, line)) = self.line(of) else {
            return;
        };
        let last = line.as_ref().map_or(5, |line| line.last);
        // One more than there are, where the number is the largest.
        let seen = if unseen == 9 {
            last + 1
        } else {
            last.saturating_sub(u64::from(unseen))
        };
        let theirs = line.filter(|_| stream.session == asks.id);
        let expected = theirs.and_then(|line| {
            let first_kept = line.kept.first().map_or(line.last + 1, |event| event.number);
            let is_whole = seen <= line.last && first_kept <= seen + 1;
            is_whole.then(|| {
                let missed: Vec<u64> = (seen + 1..=line.last).collect();
                let replaced = line.reader.filter(|reader| *reader != on);
                if !line.is_finished {
                    (line.reader, line.read_since) = (Some(on), now);
                }
                (missed, replaced, line.is_finished)
            })
        });
        let event = EventId {
            stream: stream.id,
            number: seen,
        };
        let fresh = match (&expected, stream.id.kind) {
            (None, Kind::Get) => Some(self.expect_get(session)),
            _ => None,
        };
        let resumed = self.table.resume(&asks, event, on, at);
        match (expected, fresh, resumed) {
            (Some((numbers, replaced, is_finished)), _, Ok(resumed)) => {
                let missed: Vec<_> = resumed.missed.iter().map(|(id, _)| id.number).collect();
                assert_eq!(
                    (missed, resumed.replaced, resumed.is_finished),
                    (numbers, replaced, is_finished)
                );
                assert_eq!(resumed.stream, stream);
            }
            (None, Some(Ok(())), Ok(resumed)) => {
                assert!(resumed.missed.is_empty() && resumed.replaced.is_none());
                assert_ne!(resumed.stream.id, stream.id);
                self.open(session, resumed.stream, None, on);
            }
            (None, Some(Err(expected)), Err(refusal)) => assert_eq!(refusal, expected),
            (None, None, Err(refusal)) => assert_eq!(refusal, Refusal::StreamGone),
            other => panic!("{other:?}"),
        }
    }

    fn end(&mut self, of: u8) {
        let gone = std::mem::take(&mut self.model[usize::from(of)]);
        self.note_end(of);
        let now = self.now();
        let freed = self.table.end(&self.sessions[usize::from(of)], now);
        assert_same(freed.jobs, gone.lines.iter().filter_map(|line| line.job));
        assert_same(
            freed.connections,
            gone.lines.iter().filter_map(|line| line.reader),
        );
    }

    /// The ids expire in the order of the sessions: the first one of those is forgotten.
    fn note_end(&mut self, of: u8) {
        self.ended.push(of);
        self.ended.sort_unstable();
        self.ended.dedup();
        if self.ended.len() > 2 {
            self.ended.remove(0);
        }
    }

    /// Second by second, so that the order of what ends is the order of time.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += 1;
            let mut jobs = Vec::new();
            for of in 0..4 {
                jobs.extend(self.let_go(of));
            }
            let now = self.now();
            let freed = self.table.expire(now);
            assert_same(freed.jobs, jobs);
            assert_eq!(freed.connections, []);
        }
    }

    fn let_go(&mut self, of: u8) -> Vec<JobId> {
        let now = self.now;
        let one = &mut self.model[usize::from(of)];
        let mut jobs = Vec::new();
        one.lines.retain_mut(|line| {
            if line.reader.is_some() {
                line.kept
                    .retain(|event| event.at.max(line.read_since) + WINDOW > now);
                return true;
            }
            let is_over = line.gone_at + WINDOW <= now;
            jobs.extend(line.job.filter(|_| is_over));
            !is_over
        });
        if !one.is_empty() && !one.is_read() && one.used + IDLE <= now {
            let gone = std::mem::take(one);
            jobs.extend(gone.lines.iter().filter_map(|line| line.job));
            if !gone.uris.is_empty() {
                self.note_end(of);
            }
        }
        jobs
    }

    fn compare(&self) {
        let table = &self.table;
        assert_eq!(
            table.len(),
            self.model.iter().filter(|one| !one.is_empty()).count()
        );
        assert_eq!(
            table.replay_bytes(),
            self.model.iter().map(ModelSession::bytes).sum::<usize>()
        );
        assert_eq!(table.ended(), self.ended.len());
        for (of, one) in (0..).zip(&self.model) {
            let id = self.sessions[usize::from(of)].id;
            assert_eq!(table.log_level(id).is_some(), one.has_level);
            assert_eq!(table.ended.contains(id), self.ended.contains(&of));
            let get = one.lines.iter().find(|line| line.id.kind == Kind::Get);
            assert_eq!(
                table.get_stream(id).map(|stream| stream.id),
                get.map(|line| line.id)
            );
            for line in &one.lines {
                let stream = Stream {
                    session: id,
                    id: line.id,
                };
                assert_eq!(table.reader(stream), line.reader);
            }
        }
        for uri in URIS {
            let with = self.sessions.iter().zip(&self.model);
            let expected = with
                .filter(|(_, one)| one.uris.contains(&uri))
                .map(|(session, _)| session.id);
            assert_same(table.subscribers(uri).collect(), expected);
        }
        self.check_indexes();
    }

    /// Indexes and sums say what a walk through everything says.
    fn check_indexes(&self) {
        let table = &self.table;
        let limits = limits();
        let indexed = table.remembered.iter().map(|(id, one)| (*id, one.index(&limits)));
        let indexed: Vec<_> = indexed.collect();
        let due = indexed.iter().filter_map(|(id, index)| Some((index.due?, *id)));
        assert_same(table.by_due.iter().copied().collect(), due);
        let oldest = indexed
            .iter()
            .filter_map(|(id, index)| Some((index.oldest?, *id)));
        assert_same(table.by_oldest.iter().copied().collect(), oldest);
        let subscriptions = table.remembered.values().flat_map(|one| &one.subscriptions);
        assert_eq!(
            table.subscription_bytes,
            subscriptions.map(|uri| uri.len()).sum::<usize>()
        );
        assert_eq!(
            table.by_uri.values().map(BTreeSet::len).sum::<usize>(),
            self.model.iter().map(|one| one.uris.len()).sum::<usize>()
        );
        assert!(table.next_expiry().is_none_or(|due| due > self.at()));
        assert!(table.replay_bytes <= limits.replay_bytes_max && table.len() <= limits.sessions_max);
    }
}

fn assert_same<T: Ord + fmt::Debug>(found: Vec<T>, expected: impl IntoIterator<Item = T>) {
    let (mut found, mut expected): (Vec<_>, Vec<_>) = (found, expected.into_iter().collect());
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}
