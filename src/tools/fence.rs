//! Marks around text that others wrote, so that a model can tell it from what this server says.
//!
//! Whoever writes into a table can write anything, an end of the marks too; so their name is another one for each call,
//! drawn where nobody who writes can see it. Structured content has no marks: there a value is a value.

use std::fmt;

/// The name of the marks of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence([u8; 6]);

impl Fence {
    /// Marks that are told apart by these bytes, which nobody can know before.
    pub const fn new(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// The lines around the text, as insides of a JSON string; nothing without a fence.
    pub(super) fn lines(fence: Option<Self>) -> [Vec<u8>; 2] {
        match fence {
            None => [Vec::new(), Vec::new()],
            Some(fence) => [format!("\\n<{fence}>"), format!("\\n</{fence}>")].map(String::into_bytes),
        }
    }

    /// `text` between the marks.
    pub(super) fn around(self, text: &str) -> String {
        format!("<{self}>{text}</{self}>")
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("data-")?;
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_name_themselves_and_are_nothing_without_a_fence() {
        let fence = Fence::new([0x3f, 0, 1, 2, 3, 0xff]);
        let [open, close] = Fence::lines(Some(fence));
        assert_eq!(open, b"\\n<data-3f00010203ff>");
        assert_eq!(close, b"\\n</data-3f00010203ff>");
        assert_eq!(Fence::lines(None), [b"", b""]);
        assert_eq!(fence.around("x"), "<data-3f00010203ff>x</data-3f00010203ff>");
    }
}
