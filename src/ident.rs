//! Identities that cannot be mistaken for each other, nor for an earlier holder of the same slot.

use std::fmt;

/// A connection: its slot in the server's slab and how often that slot was used before.
///
/// Invariant: no two connections of one server are ever given the same pair, so what was meant for a connection
/// that is gone is recognised as stale instead of reaching its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    /// Slot in the slab.
    pub index: u32,
    /// Counts the connections of this server, from 1.
    pub generation: u32,
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "c{}.{}", self.index, self.generation)
    }
}

/// A job given to the workers. Counted from 1 and never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "j{}", self.0)
    }
}

/// A random UUID (RFC 9562 version 4): request ids towards Snowflake and in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// Makes a version 4 UUID of 16 random bytes.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }
}

impl Uuid {
    /// The id `count` places after this one: the statements of one job have ids that follow from the job's. As good as
    /// a fresh one, since what they begin with was drawn for this job alone.
    #[must_use]
    pub fn after(self, count: u64) -> Self {
        let mut bytes = self.0;
        let mut last = [0; 8];
        last[2..].copy_from_slice(&bytes[10..]);
        let sum = u64::from_be_bytes(last).wrapping_add(count).to_be_bytes();
        bytes[10..].copy_from_slice(&sum[2..]);
        Self(bytes)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'-'; UUID_TEXT_BYTES];
        let mut at = 0;
        for (index, byte) in self.0.iter().enumerate() {
            at += usize::from(matches!(index, 4 | 6 | 8 | 10));
            text[at] = HEX_DIGITS[usize::from(byte >> 4)];
            text[at + 1] = HEX_DIGITS[usize::from(byte & 0xf)];
            at += 2;
        }
        formatter.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

const UUID_TEXT_BYTES: usize = 36;
const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A statement's name in its database, as callers give it: Snowflake's handle, or a UUID. It goes into paths, so it is
/// what query ids are, groups of letters and digits, and nothing else can be made into one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueryId(Box<str>);

impl QueryId {
    /// Reads one; `None` for a text that no query id is.
    pub fn parse(text: &str) -> Option<Self> {
        let is_whole = (1..=QUERY_ID_BYTES_MAX).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_whole.then(|| Self(text.into()))
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

const QUERY_ID_BYTES_MAX: usize = 64;

/// What a client calls itself, as `name/version`: visible ASCII, cut to what a session's id can carry. Copied, never
/// allocated. Empty where a client did not say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientLabel {
    bytes: [u8; CLIENT_LABEL_BYTES_MAX],
    length: u8,
}

/// The longest [`ClientLabel`].
pub const CLIENT_LABEL_BYTES_MAX: usize = 47;

impl ClientLabel {
    /// The label of a client that says this of itself.
    pub fn new(name: &str, version: &str) -> Self {
        let mut label = Self::default();
        label.push(name);
        if !name.is_empty() && !version.is_empty() {
            label.push("/");
            label.push(version);
        }
        label
    }

    /// The label that was made from these parts together.
    pub fn of_text(text: &str) -> Self {
        Self::new(text, "")
    }

    fn push(&mut self, text: &str) {
        for character in text.chars() {
            let at = usize::from(self.length);
            let Some(slot) = self.bytes.get_mut(at) else {
                return;
            };
            let is_shown = character.is_ascii_graphic() || character == ' ';
            *slot = if is_shown { character as u8 } else { b'_' };
            self.length += 1;
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl Default for ClientLabel {
    fn default() -> Self {
        Self {
            bytes: [0; CLIENT_LABEL_BYTES_MAX],
            length: 0,
        }
    }
}

impl fmt::Debug for ClientLabel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_follow_from_one_are_different_and_keep_version_and_variant() {
        let first = Uuid::from_random([0xff; 16]);
        assert_eq!(first.after(0), first);
        assert_eq!(first.after(2).to_string(), "ffffffff-ffff-4fff-bfff-000000000001");
    }

    #[test]
    fn a_query_id_is_groups_of_letters_and_digits() {
        for text in ["01c0ffee-0000-a1b2-0000-000000000001", "a", &"f".repeat(64)] {
            assert_eq!(
                QueryId::parse(text).map(|id| id.to_string()).as_deref(),
                Some(text)
            );
        }
        for text in ["", "a b", "a/../b", "a?b", "a%2f", "é", &"f".repeat(65)] {
            assert_eq!(QueryId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_clients_label_is_short_and_can_be_shown() {
        assert_eq!(ClientLabel::new("claude-ai", "1.2").as_str(), "claude-ai/1.2");
        assert_eq!(ClientLabel::new("é\n", "").as_str(), "__");
        assert_eq!(ClientLabel::new("", "1").as_str(), "");
        let long = ClientLabel::new(&"n".repeat(99), "1");
        assert_eq!(long.as_str().len(), CLIENT_LABEL_BYTES_MAX);
        assert_eq!(ClientLabel::of_text(long.as_str()), long);
    }

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        assert_eq!(
            Uuid::from_random([0xff; 16]).to_string(),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        assert_eq!(
            Uuid::from_random([0; 16]).to_string(),
            "00000000-0000-4000-8000-000000000000"
        );
    }
}
