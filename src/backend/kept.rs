//! What was told about the account, for others who ask the same: the encoded answer and the names in it. Made by the
//! worker, because it grows with the answer; shared, because a copy would too.
//!
//! Never rows of tables: those are as old as the statement that read them.

use std::sync::Arc;

/// What others who ask the same can have too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// The part of the reply that is the same for all of them.
    pub body: Arc<[u8]>,
    /// The names that it tells.
    pub names: Vec<Told>,
    /// Whether those are all that there are.
    pub is_whole: bool,
    /// Another number when something else was told ([`Mark`]).
    pub mark: u64,
}

/// A name that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The exact name.
    pub name: Box<str>,
    /// What its owner says of it; empty if nothing.
    pub comment: Box<str>,
}

impl Kept {
    /// What it costs to keep it, in bytes.
    pub fn bytes(&self) -> usize {
        let told = |told: &Told| size_of::<Told>() + told.name.len() + told.comment.len();
        size_of::<Self>() + self.body.len() + self.names.iter().map(told).sum::<usize>()
    }
}

/// A number made of all that was told: FNV-1a (RFC 9923). Only this process ever compares two.
#[derive(Debug, Clone, Copy)]
pub struct Mark(u64);

impl Default for Mark {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Mark {
    /// Takes a further part in. Parts are kept apart: `ab`, `c` is not `a`, `bc`.
    pub fn add(&mut self, part: &[u8]) {
        for byte in part.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_parts_apart() {
        let mark = |parts: &[&str]| {
            let mut mark = Mark::default();
            parts.iter().for_each(|part| mark.add(part.as_bytes()));
            mark.get()
        };
        assert_eq!(mark(&["ab", "c"]), mark(&["ab", "c"]));
        assert_ne!(mark(&["ab", "c"]), mark(&["a", "bc"]));
        assert_ne!(mark(&[]), mark(&[""]));
    }
}
