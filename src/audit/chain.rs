//! The chain: every line holds a digest of itself and of the line before, so that none can be changed, taken out or put in
//! without all that follow showing it.
//!
//! ```text
//!   {"n":1,"time":…,"event":"file","previous":"00…","chain":"H1"}      H1 = SHA-256(00…, the line without its chain)
//!   {"n":2,"time":…,"principal":…,"tool":…,"chain":"H2"}              H2 = SHA-256(H1, …)
//! ```
//!
//! What it does not show: that the newest lines were cut off, or that somebody who may write the file made all of it
//! anew. Against both, the newest number and digest are told in the log when a file is full and when the program ends.

use std::fmt;

use super::record::{hex, push_event, text};
use crate::json;
use crate::time::WallTime;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// Where a chain has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain {
    /// Lines so far.
    number: u64,
    /// Digest of the last of them; zeros before the first.
    hash: Hash,
}

/// Why a line is not the next of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not have the form of a line of this log.
    Form,
    /// It is the end of a write that did not come to its end.
    Torn,
    /// Its number is not the next one.
    Number {
        /// What it has.
        found: u64,
        /// What it should have.
        expected: u64,
    },
    /// Its digest is not that of its text and the line before.
    Chain,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => formatter.write_str("this is no line of an audit log"),
            Self::Torn => formatter.write_str("the line has no end"),
            Self::Number { found, expected } => write!(
                formatter,
                "the line has number {found}, expected {expected}: lines were taken out, put in or moved"
            ),
            Self::Chain => {
                formatter.write_str("the digest does not fit: this line or the one before was changed")
            }
        }
    }
}

impl Chain {
    /// Appends a line with these members to `into`.
    pub fn push(&mut self, into: &mut Vec<u8>, members: &[u8]) {
        let start = into.len();
        self.number += 1;
        into.extend_from_slice(format!("{{\"n\":{},", self.number).as_bytes());
        into.extend_from_slice(members);
        self.hash = digest(&self.hash, &into[start..]);
        into.extend_from_slice(BEFORE_HASH);
        into.extend_from_slice(hex(&self.hash).as_bytes());
        into.extend_from_slice(AFTER_HASH);
        into.push(b'\n');
    }

    /// Appends the line that every file begins with: it names the digest of the line before, so that a file can be
    /// verified without those before it.
    pub fn push_file(&mut self, into: &mut Vec<u8>, at: WallTime) {
        let mut members = Vec::new();
        push_event(&mut members, at, "file");
        text(&mut members, "previous", &hex(&self.hash));
        self.push(into, &members);
    }

    /// The chain that goes on behind `line`, which has no line break.
    ///
    /// # Errors
    /// It is no line of a log.
    pub fn behind(line: &[u8]) -> Result<Self, Fault> {
        let (body, hash) = parts(line)?;
        let number = number(body)?;
        Ok(Self { number, hash })
    }

    /// Number and digest of the last line, to be kept elsewhere.
    pub fn head(&self) -> (u64, String) {
        (self.number, hex(&self.hash))
    }
}

/// Reads lines and says which is the first that does not fit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Verifier {
    /// `None` before the first line.
    chain: Option<Chain>,
    lines: u64,
}

impl Verifier {
    /// Takes the next line, without its line break.
    ///
    /// # Errors
    /// Why it cannot be the next.
    pub fn take(&mut self, line: &[u8]) -> Result<(), Fault> {
        let (body, hash) = parts(line)?;
        let found = number(body)?;
        let before = match self.chain {
            Some(chain) => chain,
            None => Chain {
                number: found.wrapping_sub(1),
                hash: previous(line)?,
            },
        };
        let expected = before.number.wrapping_add(1);
        if found != expected {
            return Err(Fault::Number { found, expected });
        }
        if digest(&before.hash, body) != hash {
            return Err(Fault::Chain);
        }
        self.lines += 1;
        self.chain = Some(Chain { number: found, hash });
        Ok(())
    }

    /// Lines taken.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Number and digest of the last line.
    pub fn head(&self) -> Option<(u64, String)> {
        self.chain.map(|chain| chain.head())
    }
}

fn digest(before: &Hash, body: &[u8]) -> Hash {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(before);
    context.update(body);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// What the digest is of, and the digest.
fn parts(line: &[u8]) -> Result<(&[u8], Hash), Fault> {
    let line = line.strip_suffix(AFTER_HASH).ok_or(Fault::Form)?;
    let (line, digits) = line.split_last_chunk::<64>().ok_or(Fault::Form)?;
    let body = line.strip_suffix(BEFORE_HASH).ok_or(Fault::Form)?;
    Ok((body, from_hex(digits).ok_or(Fault::Form)?))
}

fn number(body: &[u8]) -> Result<u64, Fault> {
    let rest = body.strip_prefix(b"{\"n\":").ok_or(Fault::Form)?;
    let digits = rest.split(|byte| *byte == b',').next().unwrap_or_default();
    let digits = str::from_utf8(digits).ok();
    digits.and_then(|digits| digits.parse().ok()).ok_or(Fault::Form)
}

/// The digest that the first line of a file says the line before it has.
fn previous(line: &[u8]) -> Result<Hash, Fault> {
    let line = str::from_utf8(line).map_err(|_| Fault::Form)?;
    let (mut is_file, mut digits) = (false, None);
    let read = json::each_member(line, |name, value| match &*name {
        "event" => is_file = value.get() == "\"file\"",
        "previous" => digits = value.get().as_bytes().get(1..65),
        _ => {}
    });
    let digits = digits.and_then(|digits| digits.first_chunk::<64>());
    match (read, is_file, digits) {
        (Ok(()), true, Some(digits)) => from_hex(digits).ok_or(Fault::Form),
        _ => Err(Fault::Form),
    }
}

fn from_hex(digits: &[u8; 64]) -> Option<Hash> {
    // Capital letters would be a second way to write the same line.
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(hash)
}

const BEFORE_HASH: &[u8] = b",\"chain\":\"";
const AFTER_HASH: &[u8] = b"\"}";

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: usize) -> Vec<u8> {
        let (mut chain, mut log) = (Chain::default(), Vec::new());
        chain.push_file(&mut log, WallTime::from_micros(1));
        for index in 0..lines {
            chain.push(&mut log, format!("\"tool\":\"t{index}\"").as_bytes());
        }
        log
    }

    /// The first line that does not fit, from 1.
    fn first_bad(log: &[u8]) -> Option<(usize, Fault)> {
        let mut verifier = Verifier::default();
        let mut lines = log
            .strip_suffix(b"\n")
            .unwrap_or(log)
            .split(|byte| *byte == b'\n');
        lines
            .by_ref()
            .enumerate()
            .find_map(|(index, line)| Some((index + 1, verifier.take(line).err()?)))
    }

    #[test]
    fn what_was_written_verifies_and_goes_on() {
        let mut log = log(3);
        assert_eq!(first_bad(&log), None);
        let last = log
            .strip_suffix(b"\n")
            .unwrap()
            .rsplit(|byte| *byte == b'\n')
            .next()
            .unwrap();
        let mut chain = Chain::behind(last).unwrap();
        assert_eq!(chain.head().0, 4);
        chain.push(&mut log, b"\"tool\":\"x\"");
        assert_eq!(first_bad(&log), None);
    }

    #[test]
    fn every_single_byte_that_changes_is_found_at_its_line() {
        let whole = log(3);
        for at in 0..whole.len() {
            let line = 1 + whole[..at].iter().filter(|byte| **byte == b'\n').count();
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let found = first_bad(&changed);
            assert!(
                found.is_some_and(|(bad, _)| bad == line),
                "byte {at} of line {line}: {found:?}"
            );
        }
    }

    #[test]
    fn lines_that_are_taken_out_or_swapped_are_found() {
        let log = log(4);
        let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
        let without = [lines[0], lines[1], lines[3], lines[4]].concat();
        assert_eq!(
            first_bad(&without),
            Some((
                3,
                Fault::Number {
                    found: 4,
                    expected: 3
                }
            ))
        );
        let swapped = [lines[0], lines[2], lines[1]].concat();
        assert!(matches!(first_bad(&swapped), Some((2, Fault::Number { .. }))));
    }

    #[test]
    fn files_follow_each_other_and_each_can_be_verified_alone() {
        let (mut chain, mut first, mut second) = (Chain::default(), Vec::new(), Vec::new());
        chain.push_file(&mut first, WallTime::from_micros(1));
        chain.push(&mut first, b"\"tool\":\"a\"");
        chain.push_file(&mut second, WallTime::from_micros(2));
        chain.push(&mut second, b"\"tool\":\"b\"");
        assert_eq!(first_bad(&second), None);
        assert_eq!(first_bad(&[first.clone(), second.clone()].concat()), None);
        let (bad, _) = first_bad(&[second, first].concat()).unwrap();
        assert_eq!(bad, 3, "in the wrong order");
    }

    #[test]
    fn a_log_must_begin_with_the_beginning_of_a_file() {
        let mut chain = Chain::default();
        let mut log = Vec::new();
        chain.push(&mut log, b"\"tool\":\"a\"");
        assert_eq!(first_bad(&log), Some((1, Fault::Form)));
        assert_eq!(first_bad(b"not a line"), Some((1, Fault::Form)));
    }
}
