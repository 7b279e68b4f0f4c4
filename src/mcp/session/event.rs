//! Ids of events: which stream, and which event of it. A client sends the last one it saw back as `Last-Event-ID`.
//!
//! `g3f9c1a2b00000007-12` is event 12 of a GET stream. The stream's number holds a salt of the process, so that an id of
//! another replica, or of this one before its restart, is recognised as one of somewhere else.

use std::fmt;

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What the server says on its own: the stream that GET opens. A session has one.
    Get,
    /// The notices and the reply of a call.
    Call,
}

/// A stream of events of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    /// What it is for.
    pub kind: Kind,
    /// Its salt and number, unique among all streams of all replicas as far as chance goes.
    pub number: u64,
}

/// An event of a stream. The first is 1; 0 stands before it, as the id of a priming event (2025-11-25).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId {
    /// The stream.
    pub stream: StreamId,
    /// Which one.
    pub number: u64,
}

impl StreamId {
    /// The id before the first event: who resumes there misses nothing.
    pub const fn priming(self) -> EventId {
        EventId {
            stream: self,
            number: 0,
        }
    }
}

impl EventId {
    /// The id that `text` is, in the one spelling that [`fmt::Display`] gives it.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let kind = match text.get(..1)? {
            "g" => Kind::Get,
            "c" => Kind::Call,
            _ => return None,
        };
        let (stream, number) = text[1..].split_once('-')?;
        let id = Self {
            stream: StreamId {
                kind,
                number: u64::from_str_radix(stream, 16).ok()?,
            },
            number: number.parse().ok()?,
        };
        // Signs, leading zeros and capitals are read by the standard library and written by nobody.
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.stream.kind {
            Kind::Get => 'g',
            Kind::Call => 'c',
        };
        write!(formatter, "{kind}{:016x}-{}", self.stream.number, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written_and_in_no_other_spelling() {
        for kind in [Kind::Get, Kind::Call] {
            for (stream, number) in [(0, 0), (0x3f9c_1a2b_0000_0007, 12), (u64::MAX, u64::MAX)] {
                let stream = StreamId { kind, number: stream };
                let id = EventId { stream, number };
                assert_eq!(EventId::parse(id.to_string().as_bytes()), Some(id));
            }
        }
        for other in [
            "",
            "g",
            "g-",
            "g1-1",
            "x0000000000000001-1",
            "g0000000000000001",
            "g0000000000000001-",
            "g0000000000000001-+1",
            "g0000000000000001-01",
            "g000000000000000A-1",
            "g0000000000000001-1-1",
            "g0000000000000001-18446744073709551616",
            "é0000000000000001-1",
        ] {
            assert_eq!(EventId::parse(other.as_bytes()), None, "{other}");
        }
        assert_eq!(EventId::parse(b"g\xff"), None);
    }
}
