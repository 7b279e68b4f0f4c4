//! The two byte queues of a connection: [`Inbox`], which the world reads into, and [`Outbox`], which it writes from.
//!
//! Both allocate nothing while idle: an empty queue gives its memory back.

use std::io::IoSlice;
use std::sync::Arc;

/// Bytes that arrived and are not consumed yet: one contiguous buffer with a cursor, so that a parser sees a slice.
#[derive(Debug, Default)]
pub struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// First allocation of an inbox: a usual request fits.
pub(super) const INBOX_BYTES_FIRST: usize = super::lease::FREE_BYTES_EACH;

impl Inbox {
    /// An inbox that already holds `bytes`.
    pub fn with(bytes: &[u8]) -> Self {
        Self {
            buffer: bytes.to_vec(),
            start: 0,
            end: bytes.len(),
        }
    }

    /// Room for the next read: at least one byte unless `limit` bytes are held already, at most what makes `limit`.
    ///
    /// The room doubles with what is held, so a body of n bytes is copied at most twice.
    pub fn room(&mut self, limit: usize) -> &mut [u8] {
        let held = self.end - self.start;
        if held >= limit {
            return &mut [];
        }
        if self.end == self.buffer.len() && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, held);
        }
        if self.end == self.buffer.len() {
            let grown = self.grown(limit);
            self.buffer.reserve_exact(grown - self.buffer.len());
            self.buffer.resize(grown, 0);
        }
        let room_end = self.buffer.len().min(self.start.saturating_add(limit));
        &mut self.buffer[self.end..room_end]
    }

    /// Memory held once [`Inbox::room`] was asked with this limit.
    pub fn capacity_with_room(&self, limit: usize) -> usize {
        if self.end < self.buffer.len() || self.start > 0 || self.end >= limit {
            self.buffer.capacity()
        } else {
            self.grown(limit)
        }
    }

    /// The next size of a full buffer, of which no more than `limit` bytes will be used.
    fn grown(&self, limit: usize) -> usize {
        (self.buffer.len() * 2).min(limit).max(INBOX_BYTES_FIRST)
    }

    /// Says that `count` bytes were written into [`Inbox::room`].
    pub fn filled(&mut self, count: usize) {
        debug_assert!(
            self.end + count <= self.buffer.len(),
            "more was filled than there was room"
        );
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// Appends bytes that did not come through [`Inbox::room`].
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.room(usize::MAX);
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            self.filled(count);
            bytes = &bytes[count..];
        }
    }

    /// The bytes held.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The bytes held, for decoding in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// Bytes held.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets the first `count` bytes.
    pub fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.len(), "more was consumed than was held");
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Forgets all but the first `len` bytes: what was decoded in place takes less room than it came in.
    pub fn truncate(&mut self, len: usize) {
        self.end = self.end.min(self.start + len);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Gives the memory back if nothing is held. Called when a connection goes idle.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Memory held.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }
}

/// A part of what is to be written. Large owned and shared parts are queued without a copy.
#[derive(Debug)]
pub enum Piece<'a> {
    /// Copied.
    Borrowed(&'a [u8]),
    /// Moved.
    Owned(Vec<u8>),
    /// Counted.
    Shared(Shared),
}

/// Bytes that several own. However they came to be shared, nothing was copied for it.
#[derive(Debug, Clone)]
pub enum Shared {
    /// Made to be shared.
    Slice(Arc<[u8]>),
    /// Had one owner at first.
    Whole(Arc<Vec<u8>>),
}

impl Shared {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Slice(bytes) => bytes,
            Self::Whole(bytes) => bytes,
        }
    }
}

impl From<Arc<[u8]>> for Shared {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self::Slice(bytes)
    }
}

impl From<Vec<u8>> for Shared {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Whole(Arc::new(bytes))
    }
}

/// Lets others own what is in `pieces` as well. Short ones are copied into one; of long ones only what is borrowed is
/// copied.
pub fn share(pieces: &mut [Piece<'_>]) -> Arc<[Shared]> {
    if pieces.iter().map(Piece::len).sum::<usize>() < COPY_BYTES_MAX {
        let parts: Vec<&[u8]> = pieces.iter().map(Piece::as_slice).collect();
        return Arc::new([Shared::from(parts.concat())]);
    }
    let long = pieces.iter_mut().filter(|piece| !piece.is_empty());
    long.map(Piece::share).collect()
}

impl Piece<'_> {
    fn share(&mut self) -> Shared {
        let shared = match std::mem::take(self) {
            Self::Borrowed(bytes) => bytes.to_vec().into(),
            Self::Owned(bytes) => bytes.into(),
            Self::Shared(bytes) => bytes,
        };
        *self = Self::Shared(shared.clone());
        shared
    }

    /// Bytes in it.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes.as_slice(),
        }
    }
}

impl Default for Piece<'_> {
    fn default() -> Self {
        Self::Borrowed(&[])
    }
}

#[derive(Debug)]
enum Segment {
    Owned(Vec<u8>),
    Shared(Shared),
}

impl Segment {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes.as_slice(),
        }
    }
}

/// Bytes to be written: small pieces share a buffer, large ones are segments of their own.
#[derive(Debug, Default)]
pub struct Outbox {
    /// In order. Bytes are only appended to the last one, and only if it is owned.
    segments: std::collections::VecDeque<Segment>,
    /// Bytes of the first segment that are written already.
    written: usize,
    len: usize,
}

/// Pieces shorter than this are copied: a copy costs less than another slice in the vectored write.
const COPY_BYTES_MAX: usize = 2 << 10;
/// A piece this large is handed back when it is written. The machine takes about 80 us to take 1 MiB back.
pub const SPENT_BYTES_MIN: usize = 256 << 10;
/// First allocation of a segment.
const SEGMENT_BYTES_FIRST: usize = 512;

impl Outbox {
    /// Queues a piece behind everything else.
    pub fn push(&mut self, piece: Piece<'_>) {
        self.len += piece.len();
        match piece {
            Piece::Owned(bytes) if bytes.len() >= COPY_BYTES_MAX => {
                self.segments.push_back(Segment::Owned(bytes))
            }
            Piece::Shared(bytes) if bytes.as_slice().len() >= COPY_BYTES_MAX => {
                self.segments.push_back(Segment::Shared(bytes))
            }
            small => self.tail(small.len()).extend_from_slice(small.as_slice()),
        }
    }

    /// Queues `pieces` in their order. Large ones are taken out of the slice; short ones are looked after once for all of
    /// them, because most replies are a few short pieces.
    pub fn push_all(&mut self, pieces: &mut [Piece<'_>]) {
        let count: usize = pieces.iter().map(Piece::len).sum();
        if count >= COPY_BYTES_MAX {
            return pieces
                .iter_mut()
                .for_each(|piece| self.push(std::mem::take(piece)));
        }
        self.len += count;
        let tail = self.tail(count);
        tail.reserve(count);
        for piece in pieces {
            tail.extend_from_slice(piece.as_slice());
        }
    }

    /// Queues a copy of `bytes`.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.extend_all([bytes]);
    }

    /// Queues a copy of all these bytes, one behind the other.
    pub fn extend_all<const COUNT: usize>(&mut self, parts: [&[u8]; COUNT]) {
        let count: usize = parts.iter().map(|part| part.len()).sum();
        self.len += count;
        let tail = self.tail(count);
        tail.reserve(count);
        for part in parts {
            tail.extend_from_slice(part);
        }
    }

    /// Queues what `write` appends, for which about `count` bytes of room are made: what has many short parts.
    pub fn extend_with(&mut self, count: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let tail = self.tail(count);
        tail.reserve(count);
        let before = tail.len();
        write(tail);
        let written = tail.len() - before;
        self.len += written;
    }

    /// Queues what waits in `other` behind everything else. Large segments are moved.
    pub fn append(&mut self, other: Self) {
        let mut skip = other.written;
        for segment in other.segments {
            let piece = match segment {
                part if skip > 0 => Piece::Owned(part.as_slice()[skip..].to_vec()),
                Segment::Owned(bytes) => Piece::Owned(bytes),
                Segment::Shared(bytes) => Piece::Shared(bytes),
            };
            skip = 0;
            self.push(piece);
        }
    }

    /// The buffer that the next `count` bytes go into. A large one is not grown: that would move a whole result for
    /// the sake of the brace behind it.
    fn tail(&mut self, count: usize) -> &mut Vec<u8> {
        let is_fit =
            |bytes: &Vec<u8>| bytes.len() < COPY_BYTES_MAX || bytes.capacity() - bytes.len() >= count;
        if !matches!(self.segments.back(), Some(Segment::Owned(bytes)) if is_fit(bytes)) {
            self.segments
                .push_back(Segment::Owned(Vec::with_capacity(SEGMENT_BYTES_FIRST)));
        }
        let Some(Segment::Owned(bytes)) = self.segments.back_mut() else {
            unreachable!("an owned segment was just made sure of");
        };
        bytes
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes that wait and those before them in the same piece, which is kept until its last byte is written.
    pub fn held_bytes(&self) -> usize {
        self.len + self.written
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Points `slices` at what waits, in order, and returns how many were set.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        let mut skip = self.written;
        for (slice, segment) in slices.iter_mut().zip(self.segments.iter()) {
            *slice = IoSlice::new(&segment.as_slice()[skip..]);
            skip = 0;
            count += 1;
        }
        count
    }

    /// Says that the first `count` waiting bytes are written. Returns a piece of [`SPENT_BYTES_MIN`] and more whose last
    /// byte was among them: to give that much memory back takes time, which the caller may not have.
    pub fn sent(&mut self, count: usize) -> Option<Vec<u8>> {
        debug_assert!(count <= self.len, "more was sent than waited");
        let mut left = count.min(self.len);
        let mut spent = None;
        self.len -= left;
        while left > 0 {
            let Some(first) = self.segments.front() else { break };
            let rest = first.as_slice().len() - self.written;
            if left < rest {
                self.written += left;
                break;
            }
            left -= rest;
            self.written = 0;
            spent = self.take_first().or(spent);
        }
        spent
    }

    /// An emptied buffer of ordinary size stays for the next reply; a large one is not kept.
    fn take_first(&mut self) -> Option<Vec<u8>> {
        if self.segments.len() == 1
            && let Some(Segment::Owned(bytes)) = self.segments.front_mut()
            && bytes.capacity() <= COPY_BYTES_MAX
        {
            bytes.clear();
            return None;
        }
        match self.segments.pop_front() {
            Some(Segment::Owned(bytes)) if bytes.capacity() >= SPENT_BYTES_MIN => Some(bytes),
            _ => None,
        }
    }

    /// Gives the memory back if nothing waits. Called when a connection goes idle.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Whether it has never been used since it was made, or gave its memory back.
    pub(super) fn is_bare(&self) -> bool {
        self.segments.capacity() == 0
    }

    /// Memory held, with the shared pieces that wait.
    pub fn capacity(&self) -> usize {
        let held = |segment: &Segment| match segment {
            Segment::Owned(bytes) => bytes.capacity(),
            Segment::Shared(bytes) => bytes.as_slice().len(),
        };
        self.segments.capacity() * size_of::<Segment>() + self.segments.iter().map(held).sum::<usize>()
    }

    /// Everything that waits, in one piece (for tests and for a peer without vectored writes).
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len);
        let mut skip = self.written;
        for segment in &self.segments {
            all.extend_from_slice(&segment.as_slice()[skip..]);
            skip = 0;
        }
        all
    }
}

#[cfg(test)]
mod tests;
