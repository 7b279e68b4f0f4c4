//! The audit log as files: a thread of its own that writes records, rotates, and tries again while the disk is full.
//!
//! ```text
//!   reactor ── keep ──► queue (bounded) ──► thread `audit` ──► FILE, FILE.1, FILE.2, …
//!           ◄─ state ── written, dropped, trouble
//! ```
//!
//! Nothing here holds up the reactor: [`Audit::keep`] takes a lock for as long as a push takes. A record that cannot be
//! written is kept and tried again every second; what happens to further calls meanwhile
//! is the server's to decide, and it decides by [`Audit::news`].

mod files;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::audit::{Chain, Record, State, WhenFull, push_event};
use crate::time::Clock;
use files::Files;

/// Where the log is and how large it may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The file that is written.
    pub path: PathBuf,
    /// Its size, in bytes, beyond which it is kept as `FILE.1` and a new one is begun.
    pub file_bytes_max: u64,
    /// Files in all; the oldest goes.
    pub files_max: usize,
    /// What is done when a record cannot be kept.
    pub when_full: WhenFull,
    /// Records that may wait.
    pub queue_max: usize,
}

/// The log, running. Dropped, it writes what waits and ends.
#[derive(Debug)]
pub struct Audit {
    queue: Arc<Queue>,
    /// The version of the state that was told last.
    told: u64,
    thread: Option<JoinHandle<()>>,
}

/// Where lines go. The files; in tests a disk that fills up.
trait Disk: Send {
    /// Whether a file has just been begun, whose first line is yet to come.
    fn is_new(&self) -> bool;
    /// Appends all of `lines`, or nothing of them.
    fn append(&mut self, lines: &[u8]) -> io::Result<()>;
    /// Begins the next file if this one is full. Whether it did.
    fn rotate(&mut self) -> io::Result<bool>;
}

#[derive(Debug)]
struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
    queue_max: usize,
    drops: bool,
}

#[derive(Debug, Default)]
struct Inner {
    records: VecDeque<Record>,
    state: State,
    /// Dropped and not yet told in the log itself.
    dropped_untold: u64,
    /// Counts what changed in `state`.
    version: u64,
    is_closed: bool,
}

/// How long the writer rests after a failure. Halved, a full disk is asked twice as often; doubled, statements are
/// refused for a second longer than there was reason to.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Records written in one go.
const BATCH_MAX: usize = 64;

impl Audit {
    /// Opens the file, continues its chain, and starts the thread.
    ///
    /// # Errors
    /// The file cannot be opened or is no audit log, or the machine gives no thread. A full disk is no reason not to
    /// start: it is told by [`Audit::news`].
    pub fn start(settings: &Settings, clock: impl Clock + Send + 'static) -> io::Result<Self> {
        let (files, chain) = Files::open(settings)?;
        Self::start_on(files, chain, settings, clock)
    }

    fn start_on(
        disk: impl Disk + 'static,
        chain: Chain,
        settings: &Settings,
        clock: impl Clock + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue {
            inner: Mutex::default(),
            changed: Condvar::new(),
            queue_max: settings.queue_max,
            drops: settings.when_full == WhenFull::DropOldest,
        });
        let writer = Writer {
            queue: Arc::clone(&queue),
            disk,
            chain,
            clock,
            pending: Vec::new(),
            dropped: 0,
        };
        let thread = thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run())?;
        Ok(Self {
            queue,
            told: 0,
            thread: Some(thread),
        })
    }

    /// Takes a record to be written. Never waits for the disk.
    pub fn keep(&mut self, record: Record) {
        let mut inner = self.queue.lock();
        // Where nothing is dropped, the server has refused whatever would not fit.
        while self.queue.drops && inner.records.len() >= self.queue.queue_max {
            inner.records.pop_front();
            inner.state.dropped += 1;
            inner.dropped_untold += 1;
            inner.version += 1;
        }
        inner.records.push_back(record);
        drop(inner);
        self.queue.changed.notify_one();
    }

    /// How the writer does, if that has changed since it was told last.
    pub fn news(&mut self) -> Option<State> {
        let inner = self.queue.lock();
        (inner.version != self.told).then(|| {
            self.told = inner.version;
            inner.state.clone()
        })
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.queue.lock().is_closed = true;
        self.queue.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the writer has been told by its hook; there is nothing left to do about it.
            let _ = thread.join();
        }
    }
}

impl Queue {
    /// A panic while the lock was held cannot leave it half changed: every change is a push, a pop or a number.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of the thread.
struct Writer<D, C> {
    queue: Arc<Queue>,
    disk: D,
    chain: Chain,
    clock: C,
    /// Taken from the queue and not written yet.
    pending: Vec<Record>,
    /// Dropped before those, and not told in the log yet.
    dropped: u64,
}

impl<D: Disk, C: Clock> Writer<D, C> {
    fn run(mut self) {
        // The first line at once: a disk that is full is known before the first statement.
        let mut is_well = self.write();
        while self.wait(is_well) {
            is_well = self.write();
            let inner = self.queue.lock();
            if !is_well && inner.is_closed {
                let lost = self.pending.len() + inner.records.len();
                log::error!("{lost} records of the audit log are lost, it cannot be written");
                return;
            }
        }
        let (number, hash) = self.chain.head();
        log::info!("the audit log ends with line {number}, chain {hash}");
    }

    /// Waits for records, after a failure for its time to pass. Whether there is anything to write.
    fn wait(&mut self, is_well: bool) -> bool {
        let changed = &self.queue.changed;
        let mut inner = self.queue.lock();
        if !is_well {
            let waited = changed.wait_timeout_while(inner, RETRY_AFTER, |inner| !inner.is_closed);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
            return true;
        }
        while inner.records.is_empty() {
            if inner.is_closed {
                return false;
            }
            inner = changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        let count = inner.records.len().min(BATCH_MAX);
        self.pending.extend(inner.records.drain(..count));
        self.dropped += std::mem::take(&mut inner.dropped_untold);
        true
    }

    /// Writes what is pending, all of it or nothing. Whether it did.
    fn write(&mut self) -> bool {
        let trouble = self.try_write().err().map(|error| error.to_string());
        let mut inner = self.queue.lock();
        if inner.state.trouble != trouble {
            match &trouble {
                Some(trouble) => log::error!("the audit log cannot be written: {trouble}"),
                None => log::warn!("the audit log is written again"),
            }
            inner.state.trouble = trouble;
            inner.version += 1;
        }
        let is_well = inner.state.trouble.is_none();
        if is_well && !self.pending.is_empty() {
            inner.state.written += self.pending.len() as u64;
            inner.version += 1;
            self.pending.clear();
        }
        is_well
    }

    fn try_write(&mut self) -> io::Result<()> {
        let at = self.clock.now().wall;
        if self.disk.rotate()? {
            let (number, hash) = self.chain.head();
            log::info!("a file of the audit log is full with line {number}, chain {hash}");
        }
        let (mut chain, mut lines) = (self.chain, Vec::new());
        if self.disk.is_new() {
            chain.push_file(&mut lines, at);
        }
        if self.dropped > 0 {
            let mut members = Vec::new();
            push_event(&mut members, at, "dropped");
            members.extend_from_slice(format!(",\"records\":{}", self.dropped).as_bytes());
            chain.push(&mut lines, &members);
        }
        for record in &self.pending {
            record
                .lines()
                .for_each(|members| chain.push(&mut lines, &members));
        }
        self.disk.append(&lines)?;
        self.chain = chain;
        self.dropped = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
