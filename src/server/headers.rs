//! Header lines of answers: the block that every answer carries, formatted once a second, and CORS.

use std::sync::Arc;

use crate::time::WallTime;

/// Security headers of every answer, errors included. The server shows no page, so a page may use nothing of it.
const SECURITY: &str = "X-Content-Type-Options: nosniff\r\n\
    X-Frame-Options: DENY\r\n\
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\
    Referrer-Policy: no-referrer\r\n\
    Cache-Control: no-store\r\n";

/// The block that every answer carries: `Date` and the security headers.
#[derive(Debug, Clone)]
pub(super) struct CommonHeaders {
    second: u64,
    block: Arc<[u8]>,
}

impl CommonHeaders {
    pub(super) fn new(wall: WallTime) -> Self {
        let block = format!("Date: {}\r\n{SECURITY}", wall.to_http_date());
        Self {
            second: wall.as_seconds(),
            block: block.into_bytes().into(),
        }
    }

    /// The block for this moment; formatted anew only when the second has changed.
    pub(super) fn at(&mut self, wall: WallTime) -> Arc<[u8]> {
        if self.second != wall.as_seconds() {
            *self = Self::new(wall);
        }
        Arc::clone(&self.block)
    }
}

/// Header lines for a page that may read the answer.
pub(super) fn cors(origin: &str) -> [(&str, &str); 3] {
    [
        ("Access-Control-Allow-Origin", origin),
        ("Vary", "Origin"),
        (
            "Access-Control-Expose-Headers",
            "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate",
        ),
    ]
}

/// Header lines of the answer to a preflight.
pub(super) fn preflight<'a>(origin: &'a str, allow: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("Access-Control-Allow-Origin", origin),
        ("Vary", "Origin"),
        ("Access-Control-Allow-Methods", allow),
        (
            "Access-Control-Allow-Headers",
            "Content-Type, Accept, Authorization, Last-Event-ID, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name",
        ),
        ("Access-Control-Max-Age", "600"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_formatted_once_a_second() {
        let mut headers = CommonHeaders::new(WallTime::from_micros(1_000_000));
        let first = headers.at(WallTime::from_micros(1_900_000));
        assert!(Arc::ptr_eq(&first, &headers.at(WallTime::from_micros(1_999_999))));
        let second = headers.at(WallTime::from_micros(2_000_000));
        assert!(second.starts_with(b"Date: Thu, 01 Jan 1970 00:00:02 GMT\r\n"));
        assert!(second.ends_with(b"\r\n") && !second.ends_with(b"\r\n\r\n"));
    }
}
