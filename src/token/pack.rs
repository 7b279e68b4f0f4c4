//! Small values as few bytes: what payloads of tokens are made of.
//!
//! Numbers are LEB128 (seven bits a byte, the lowest first), texts and byte strings have their length before them. There
//! is one way to write a value, and no other is read. Nothing says what a value is: who reads must know what was written.

/// Writes values one after another.
#[derive(Debug, Clone, Default)]
pub struct Pack(Vec<u8>);

impl Pack {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One byte.
    pub fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    /// A number: one byte up to 127, ten at most.
    pub fn number(&mut self, mut number: u64) -> &mut Self {
        while number > 0x7f {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8)
    }

    /// As many bytes as the reader knows.
    pub fn fixed(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Bytes with their length.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64).fixed(bytes)
    }

    /// A text with its length.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// What was written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads them in the same order. `None` means that something else was written.
#[derive(Debug, Clone)]
pub struct Unpack<'a>(&'a [u8]);

impl<'a> Unpack<'a> {
    /// From the first byte on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number, written as short as it can be.
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                return None;
            }
            number |= bits << shift;
            if byte <= 0x7f {
                return Some(number);
            }
        }
        None
    }

    /// So many bytes.
    pub fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// Bytes with their length.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A text with its length.
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Nothing may be left: a reader that knows less than the writer must not go on.
    pub fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(pack: impl FnOnce(&mut Pack)) -> Vec<u8> {
        let mut into = Pack::new();
        pack(&mut into);
        into.into_bytes()
    }

    #[test]
    fn values_come_back_in_their_order() {
        let bytes = packed(|pack| {
            pack.byte(7).number(300).text("é").bytes(b"").fixed(b"abc");
        });
        assert_eq!(bytes, b"\x07\xac\x02\x02\xc3\xa9\x00abc");
        let mut unpack = Unpack::new(&bytes);
        assert_eq!(unpack.byte(), Some(7));
        assert_eq!(unpack.number(), Some(300));
        assert_eq!(unpack.text(), Some("é"));
        assert_eq!(unpack.bytes(), Some(b"".as_slice()));
        assert_eq!(unpack.end(), None);
        assert_eq!(unpack.fixed(), Some(*b"abc"));
        assert_eq!(unpack.end(), Some(()));
        assert_eq!(unpack.byte(), None);
    }

    #[test]
    fn every_number_is_written_in_one_way_only() {
        for shift in 0..64 {
            for number in [1 << shift, (1_u64 << shift) - 1, u64::MAX >> shift] {
                let bytes = packed(|pack| {
                    pack.number(number);
                });
                assert_eq!(Unpack::new(&bytes).number(), Some(number));
                let mut longer = bytes.clone();
                *longer.last_mut().unwrap() |= 0x80;
                longer.push(0);
                assert_eq!(Unpack::new(&longer).number(), None, "{longer:?}");
            }
        }
        let beyond = [[0xff; 9].as_slice(), &[0x02]].concat();
        assert_eq!(Unpack::new(&beyond).number(), None);
        assert_eq!(Unpack::new(&[0x80; 12]).number(), None);
        assert_eq!(Unpack::new(&[0x80]).number(), None);
    }

    #[test]
    fn a_length_beyond_the_end_is_refused() {
        assert_eq!(Unpack::new(&[3, b'a', b'b']).bytes(), None);
        let huge = packed(|pack| {
            pack.number(u64::MAX);
        });
        assert_eq!(Unpack::new(&huge).bytes(), None);
        assert_eq!(Unpack::new(&[2, 0xc3, 0x28]).text(), None);
    }
}
