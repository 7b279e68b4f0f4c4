//! The body of a request in chunks, behind a head that is always the same one.
//!
//! [`http`](super::http()) reads chunked bodies too, but a mutation of the whole mostly breaks the head in front of them.

use crate::limits::Limits;

use super::http::{self, exchange};

/// What `bytes` follow.
pub const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Everything that holds for a connection ([`http`](super::http())); and a body has no byte that was not sent, in no
/// other order, nor more of them than its limit.
pub fn chunked(bytes: &[u8]) {
    let whole = [HEAD, bytes].concat();
    http::http(&whole);
    let outcome = exchange(&[&whole], true, &Limits::default());
    let Some(first) = outcome.taken.first() else {
        assert!(outcome.fault.is_some(), "nothing is taken, and nothing is wrong");
        return;
    };
    assert!(is_within(&first.body, bytes), "{:?}", first.body);
}

/// Whether `part` is what is left of `whole` without some of its bytes.
fn is_within(part: &[u8], whole: &[u8]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|byte| rest.any(|other| other == byte))
}
