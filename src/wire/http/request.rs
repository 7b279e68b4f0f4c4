//! A request as the caller sees it: a view into the inbox, good until the connection is used again.

use std::fmt;

use super::head::RequestHead;
use super::request_line::{Span, Version};
use crate::wire::Fields;

/// A whole request. Everything in it is borrowed from the bytes as they arrived; nothing is decoded.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    head: &'a RequestHead,
    bytes: &'a [u8],
    body_end: usize,
}

impl<'a> Request<'a> {
    /// A view of `bytes`, which begin with `head`, up to the end of the body.
    pub(super) fn new(head: &'a RequestHead, bytes: &'a [u8], body_end: usize) -> Self {
        Self {
            head,
            bytes,
            body_end,
        }
    }

    fn text(&self, span: Span) -> &'a str {
        span.text_of(self.bytes)
    }

    /// The method as it was sent: methods are case-sensitive, and unknown ones get here too.
    pub fn method(&self) -> &'a str {
        // Asked for half a dozen times a request: the usual ones need not be found to be text each time.
        match self.head.line.method.of(self.bytes) {
            b"POST" => "POST",
            b"GET" => "GET",
            _ => self.text(self.head.line.method),
        }
    }

    /// The request target as it was sent.
    pub fn target(&self) -> &'a str {
        self.text(self.head.line.target)
    }

    /// The path of the target, still percent-encoded: begins with `/`, or is `*` (OPTIONS), or is empty (CONNECT).
    pub fn path(&self) -> &'a str {
        self.head.line.path.map_or("/", |span| self.text(span))
    }

    /// What follows the first `?` of the target, still percent-encoded.
    pub fn query(&self) -> Option<&'a str> {
        self.head.line.query.map(|span| self.text(span))
    }

    /// The version it is served under.
    pub fn version(&self) -> Version {
        self.head.line.version
    }

    /// The host, perhaps with a port, that the request is for: the target's if it names one, which then overrides
    /// `Host` (RFC 9112 section 3.2.2). `None` is possible in HTTP/1.0 only. Compare it without case.
    pub fn authority(&self) -> Option<&'a str> {
        let of_target = self.head.line.authority.map(|span| self.text(span));
        of_target.or_else(|| std::str::from_utf8(self.field("host")?).ok())
    }

    /// The value of the first field line called `name` (compared without case), without surrounding white space.
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.head.values_of(self.bytes, name).next()
    }

    /// The values of all field lines called `name`, in their order.
    pub fn field_lines(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.head.values_of(self.bytes, name)
    }

    /// All field lines in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + 'a {
        let (head, bytes) = (self.head, self.bytes);
        head.fields(bytes)
    }

    /// The same with the names as bytes, for who compares them and need not know them to be text.
    pub fn raw_fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + 'a {
        let (head, bytes) = (self.head, self.bytes);
        head.raw_fields(bytes)
    }

    /// The body, chunks put together.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[self.head.bytes..self.body_end]
    }
}

impl Fields for Request<'_> {
    fn field(&self, name: &str, occurrence: usize) -> Option<&[u8]> {
        self.head.values_of(self.bytes, name).nth(occurrence)
    }
}

/// Without query, fields and body: there may be credentials among them.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("path", &self.path())
            .field("body_bytes", &self.body().len())
            .finish_non_exhaustive()
    }
}
