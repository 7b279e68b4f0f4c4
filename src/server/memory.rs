//! What all connections and calls hold together, against the bounds on the sums: the one place where they change.
//!
//! | sum | what counts | who cannot have more |
//! |---|---|---|
//! | `bytes_buffered_max` | half-received requests and messages, beyond the first 4 KiB of a connection | is answered 503, or closed with 1013 |
//! | | statements of calls in flight, beyond the first 4 KiB of a call | is refused as busy |
//! | `replies_bytes_max` | replies that wait for their reader or for the rest of their batch, beyond the first 4 KiB of a connection | see below |
//! | | rows that a call has read and waits to read more of | the call ends with an error |
//!
//! Replies: when seven eighths of the bound are held, no tool call is admitted, connections to which more than 4 KiB wait
//! are not read from, and a result or document that comes is replaced by a short error. So no call is lost without a
//! word, and the last eighth is left to those words. A connection for whose words even that is not enough is closed:
//! its peer has left more than 4 KiB lying and asked for more all the same.
//!
//! **Invariant:** each sum is that of its parts and never exceeds its bound; without connections and calls it is zero.
//! Whoever changes what a connection or a job holds comes by here before the world hears of it.

use super::connection::{Codec, Entry};
use super::core::Core;
use super::metrics::Metric;
use super::{Server, find};
use crate::backend::job::{Rendered, Work};
use crate::backend::{Error, Kind};
use crate::ident::{ConnectionId, JobId};
use crate::limits::Limits;
use crate::rpc;
use crate::time::Now;
use crate::wire::buffer::Piece;
use crate::wire::lease::{FREE_BYTES_EACH, Held, Lease};
use crate::wire::{Serving, http};

use std::sync::Arc;

/// The two sums, and the parts that the calls have in them.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) buffered: Lease,
    pub(super) replies: Lease,
    /// Statements of calls in flight.
    statements: Held,
    /// Rows that calls carry from step to step.
    rows: Held,
}

/// What one connection has in the sums.
#[derive(Debug, Default)]
pub(super) struct Share {
    buffered: Held,
    replies: Held,
}

impl Memory {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            buffered: Lease::new(limits.bytes_buffered_max),
            replies: Lease::new(limits.replies_bytes_max),
            statements: Held::default(),
            rows: Held::default(),
        }
    }

    /// Whether a call with so many bytes of statement, beyond its own first ones, may come in.
    fn has_room_for_statement(&self, bytes: usize) -> bool {
        let bytes = self.statements.bytes() + bytes;
        self.buffered.leaves_reserve(&self.statements, bytes)
    }

    /// Whether `share` may grow to so many bytes of requests. What is large leaves the last eighth to what is small.
    fn take_in(&mut self, share: &mut Share, bytes: usize) -> bool {
        let is_small = bytes <= SMALL_BYTES_MAX;
        (is_small || self.buffered.leaves_reserve(&share.buffered, bytes))
            && self.buffered.resize(&mut share.buffered, bytes).is_ok()
    }

    /// Gives back what a connection had that is gone.
    pub(super) fn release(&mut self, share: Share) {
        self.buffered.release(share.buffered);
        self.replies.release(share.replies);
    }

    /// Says that the calls in flight hold so many bytes of statements. Admission made sure that they may.
    pub(super) fn note_statements(&mut self, bytes: usize) {
        let noted = self.buffered.resize(&mut self.statements, bytes);
        debug_assert!(
            noted.is_ok(),
            "a call was admitted without room for its statement"
        );
    }

    /// Says that the calls in flight carry so many bytes of rows; `false` if that is too much.
    pub(super) fn note_rows(&mut self, bytes: usize) -> bool {
        let leaves_reserve = self.replies.leaves_reserve(&self.rows, bytes);
        leaves_reserve && self.replies.resize(&mut self.rows, bytes).is_ok()
    }
}

impl Core {
    /// The settings as they are in effect now: while replies are short of memory, who has more than its own first bytes
    /// waiting is not read from.
    pub(super) fn settings_now(&self) -> &Arc<super::Settings> {
        if self.memory.replies.is_short() {
            &self.settings_in_need
        } else {
            &self.settings
        }
    }

    /// Whether there is memory for one more call and its reply.
    ///
    /// # Errors
    /// What is short, in words for the caller.
    pub(super) fn check_memory(&self, statement_bytes: usize) -> Result<(), Error> {
        let words = if self.memory.replies.is_short() {
            let bytes = self.memory.replies.taken();
            format!(
                "{bytes} bytes of replies wait for clients to take them, nearly as many as may \
                 (MCP_MAX_REPLIES_SIZE): take yours first"
            )
        } else if self.memory.has_room_for_statement(statement_bytes) {
            return Ok(());
        } else {
            let bytes = self.memory.buffered.taken();
            format!(
                "{bytes} bytes of requests and statements are held, nearly as many as may (MCP_MAX_BUFFERED_SIZE): \
                 shorten the statement"
            )
        };
        Err(Error::new(Kind::TooManyRequests, words))
    }

    /// Holds what a connection holds against the bounds. `false`: it cannot be kept, not even refused in words.
    pub(super) fn account(&mut self, now: Now, entry: &mut Entry) -> bool {
        let bytes = entry.codec.leased_bytes(&self.settings.limits);
        if !self.memory.take_in(&mut entry.share, bytes) {
            self.turn_away(now, entry);
        }
        let bytes = entry.held_bytes().saturating_sub(FREE_BYTES_EACH);
        let is_kept = self
            .memory
            .replies
            .resize(&mut entry.share.replies, bytes)
            .is_ok();
        if !is_kept {
            log::warn!(
                "{}: closed, it leaves {bytes} bytes of replies lying and memory for replies is used up",
                entry.talk.id
            );
        }
        is_kept
    }

    /// Notes what the calls in flight hold, after one of them ended. Less than before, so there is room for it.
    pub(super) fn note_jobs(&mut self) {
        self.memory.note_statements(self.inflight.statement_bytes());
        let noted = self.memory.note_rows(self.inflight.row_bytes());
        debug_assert!(noted, "calls carry more rows than before, and nobody asked");
    }
}

impl Server {
    /// The result, or why it cannot be kept until its reader takes it.
    pub(super) fn keep(
        &mut self,
        connection: ConnectionId,
        result: Result<Rendered, Error>,
    ) -> Result<Rendered, Error> {
        let Self { entries, core, .. } = self;
        let (Ok(rendered), Some(entry)) = (&result, find(entries, connection)) else {
            return result;
        };
        let bytes = entry.held_bytes() + rendered.bytes();
        let bytes = bytes.saturating_sub(FREE_BYTES_EACH);
        if core.memory.replies.leaves_reserve(&entry.share.replies, bytes) {
            return result;
        }
        core.metrics.count(Metric::ResultsNotKept);
        let mut error = not_kept();
        error.query_id.clone_from(&rendered.query_id);
        core.discard(result);
        Err(error)
    }

    /// Bytes that half-received requests and messages, and statements of calls in flight, hold together
    /// (`bytes_buffered_max`).
    pub fn bytes_buffered(&self) -> usize {
        self.core.memory.buffered.taken()
    }

    /// Bytes of replies that wait, and of rows that calls carry, together (`replies_bytes_max`).
    pub fn replies_bytes(&self) -> usize {
        self.core.memory.replies.taken()
    }

    /// What [`Server::bytes_buffered`] and [`Server::replies_bytes`] must be, counted anew (for tests: it asks every
    /// connection).
    pub fn recount(&self) -> (usize, usize) {
        let limits = &self.core.settings.limits;
        let of_entry = |(_, entry): (usize, &Entry)| {
            let replies = entry.held_bytes().saturating_sub(FREE_BYTES_EACH);
            (entry.codec.leased_bytes(limits), replies)
        };
        let of_jobs = (
            self.core.inflight.statement_bytes(),
            self.core.inflight.row_bytes(),
        );
        let add = |sum: (usize, usize), part: (usize, usize)| (sum.0 + part.0, sum.1 + part.1);
        self.entries.iter().map(of_entry).fold(of_jobs, add)
    }
}

impl Server {
    /// A call has read more than all together may carry: it ends.
    pub(super) fn on_rows_not_kept(&mut self, now: Now, job: JobId) {
        let mut error = not_kept();
        if let Some(flight) = self.core.inflight.find(job) {
            error.query_id.clone_from(&flight.query_id);
            let is_wanted = flight.caller.is_some() || flight.task.is_some();
            self.core
                .metrics
                .add(Metric::ResultsNotKept, u64::from(is_wanted));
        }
        self.fail(now, job, error);
    }
}

fn not_kept() -> Error {
    let words = "the result could not be kept, the server is short of memory because clients do not take their \
                 replies: ask for fewer rows, or again later";
    Error::new(Kind::ResultTooLarge, words)
}

impl Core {
    /// Refuses what a connection is receiving, and has it give its memory back.
    fn turn_away(&mut self, now: Now, entry: &mut Entry) {
        self.metrics.count(Metric::RequestsNotKept);
        let settings = Arc::clone(&self.settings);
        let limit = settings.limits.bytes_buffered_max;
        let common = self.common.at(now.wall);
        let serving = Serving {
            limits: &settings.limits,
            now: now.monotonic,
            common_headers: &common,
        };
        match &mut entry.codec {
            Codec::Http(http) => http.turn_away(http::Error::ShortOfMemory { limit }, &serving),
            Codec::WebSocket(socket) => socket.turn_away(limit, now.monotonic),
            Codec::Lines(lines) => {
                if lines.turn_away() {
                    let words = format!("the server holds {limit} bytes of requests, as many as it may");
                    let error = rpc::Error::internal_error(words);
                    lines.send(&mut [Piece::Owned(rpc::error_reply(None, &error))]);
                }
            }
        }
        log::debug!("{}: turned away, short of memory", entry.talk.name());
        entry.codec.unequip(&mut self.spares);
        let left = entry.codec.leased_bytes(&settings.limits);
        let noted = self.memory.buffered.resize(&mut entry.share.buffered, left);
        debug_assert!(noted.is_ok(), "who was turned away holds more than before");
    }
}

impl Share {
    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.buffered.is_empty() && self.replies.is_empty()
    }
}

impl Work {
    /// Bytes of statements that the job keeps until it is over, beyond what each has of its own.
    pub(super) fn leased_bytes(&self) -> usize {
        self.text_bytes().saturating_sub(FREE_BYTES_EACH)
    }
}

/// A request that needs no more may use the last eighth of `bytes_buffered_max` too. Larger ones are refused first.
const SMALL_BYTES_MAX: usize = 64 << 10;
/// While replies are short of memory, what is longer is not given: a reply to a ping is, the state of health is, a list of
/// tools is not.
pub(super) const REPLY_IN_NEED_BYTES_MAX: usize = 2 << 10;
/// What is said instead.
pub(super) const REPLIES_SHORT: &str = "replies that wait for clients to take them hold nearly as many bytes as they may \
    (MCP_MAX_REPLIES_SIZE): ask again later";
