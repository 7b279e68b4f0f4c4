//! The in-memory stream that tungstenite's context reads one frame from and writes its answers to.
//!
//! It knows no frames: it lends two slices one after the other, and takes whatever is written. It never fails and
//! never ends; when the slices are read it says `WouldBlock`, which the context takes for "need more".

use std::io::{self, Read, Write};

use crate::wire::buffer::Outbox;

/// A frame on its way in (head, then payload) and the outbox on the way out.
#[derive(Debug)]
pub(super) struct Pipe<'a> {
    head: &'a [u8],
    payload: &'a [u8],
    outbox: &'a mut Outbox,
}

impl<'a> Pipe<'a> {
    /// A pipe that gives `head`, then `payload`, and writes to `outbox`.
    pub(super) fn new(head: &'a [u8], payload: &'a [u8], outbox: &'a mut Outbox) -> Self {
        Self {
            head,
            payload,
            outbox,
        }
    }

    /// A pipe with nothing to read.
    pub(super) fn to(outbox: &'a mut Outbox) -> Self {
        Self::new(&[], &[], outbox)
    }
}

impl Read for Pipe<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // A slice reads from its front and cannot fail.
        let from_head = self.head.read(into)?;
        let from_payload = self.payload.read(&mut into[from_head..])?;
        match from_head + from_payload {
            0 if !into.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outbox.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_read_before_the_payload_and_then_more_is_needed() {
        for step in 1..8 {
            let mut outbox = Outbox::default();
            let mut pipe = Pipe::new(b"head", b"load", &mut outbox);
            let mut all = Vec::new();
            let end = loop {
                let mut part = vec![0; step];
                match pipe.read(&mut part) {
                    Ok(count) => all.extend_from_slice(&part[..count]),
                    Err(error) => break error.kind(),
                }
            };
            assert_eq!(
                (all.as_slice(), end),
                (&b"headload"[..], io::ErrorKind::WouldBlock),
                "in steps of {step}"
            );
        }
    }

    #[test]
    fn what_is_written_waits_in_the_outbox() {
        let mut outbox = Outbox::default();
        let mut pipe = Pipe::to(&mut outbox);
        pipe.write_all(b"pong").unwrap();
        pipe.flush().unwrap();
        assert_eq!(outbox.to_vec(), b"pong");
    }
}
