//! Bytes that all connections hold together, against one bound.
//!
//! Bounds of one connection multiplied by the number of connections are no bound. So whoever holds much borrows it: a
//! [`Lease`] is the sum, a [`Held`] the part of one holder. Both change in one place ([`Lease::resize`]), so the sum is
//! always that of its parts. What a holder has of its own, [`FREE_BYTES_EACH`], is borrowed from nobody: a small request
//! is answered however short memory is.
//!
//! Knows no connection, no codec and no policy: who is refused, and with which words, is decided where it is asked.

/// What each connection has of its own, once for what it receives and once for what it is to be sent. A usual request
/// fits. Doubled, all connections together may hold 64 MiB more of either kind outside the leases.
pub const FREE_BYTES_EACH: usize = 4 << 10;

/// A bounded sum.
#[derive(Debug)]
pub struct Lease {
    bytes_max: usize,
    taken: usize,
}

/// One holder's part of a [`Lease`]. Not `Clone`, and given back by [`Lease::release`]: dropped with something in it, it
/// would be lost for ever.
#[derive(Debug, Default)]
pub struct Held(usize);

/// There is not so much left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short;

impl Lease {
    /// Nothing is taken yet.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, taken: 0 }
    }

    /// Bytes taken by all holders.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Whether the last eighth is being used, which is kept for small things.
    pub fn is_short(&self) -> bool {
        self.taken > self.unreserved()
    }

    /// Whether `held` could become `bytes` without touching the last eighth.
    pub fn leaves_reserve(&self, held: &Held, bytes: usize) -> bool {
        bytes <= held.0 || self.taken - held.0 + bytes <= self.unreserved()
    }

    /// Makes `held` as large as `bytes`. Becoming smaller always succeeds.
    ///
    /// # Errors
    /// [`Short`] when all holders together would have more than the bound. Nothing has changed then.
    pub fn resize(&mut self, held: &mut Held, bytes: usize) -> Result<(), Short> {
        let taken = self.taken - held.0 + bytes;
        if bytes > held.0 && taken > self.bytes_max {
            return Err(Short);
        }
        self.taken = taken;
        held.0 = bytes;
        Ok(())
    }

    /// Gives everything back.
    pub fn release(&mut self, held: Held) {
        self.taken -= held.0;
    }

    fn unreserved(&self) -> usize {
        self.bytes_max - self.bytes_max / RESERVE_PART
    }
}

impl Held {
    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.0
    }
}

/// One part in so many is kept back. An eighth of 64 MiB are 8 MiB: a thousand short refusals, with room to spare.
const RESERVE_PART: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_its_parts_and_never_more_than_the_bound() {
        let mut lease = Lease::new(100);
        let mut parts = [Held::default(), Held::default(), Held::default()];
        for (part, bytes, expected) in [
            (0, 60, Ok(())),
            (1, 41, Err(Short)),
            (1, 40, Ok(())),
            (2, 1, Err(Short)),
            (0, 10, Ok(())),
            (2, 50, Ok(())),
            (2, 51, Err(Short)),
            (1, 0, Ok(())),
            (2, 90, Ok(())),
        ] {
            assert_eq!(lease.resize(&mut parts[part], bytes), expected, "{part} {bytes}");
            let sum: usize = parts.iter().map(Held::bytes).sum();
            assert_eq!(lease.taken(), sum);
        }
        for part in parts {
            lease.release(part);
        }
        assert_eq!(lease.taken(), 0);
    }

    #[test]
    fn the_last_eighth_is_told_apart() {
        let mut lease = Lease::new(800);
        let (mut large, mut small) = (Held::default(), Held::default());
        assert!(lease.leaves_reserve(&large, 700) && !lease.leaves_reserve(&large, 701));
        assert_eq!(lease.resize(&mut large, 700), Ok(()));
        assert!(!lease.is_short());
        assert_eq!(lease.resize(&mut small, 100), Ok(()));
        assert!(lease.is_short());
        assert!(
            lease.leaves_reserve(&large, 600),
            "what shrinks is always welcome"
        );
    }
}
