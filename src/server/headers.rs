//! Header lines of answers: the block that every answer carries, formatted once a second, and CORS.

use std::sync::Arc;

use crate::time::WallTime;

/// Security headers of every answer, errors included. The server shows no page, so a page may use nothing of it.
const SECURITY: &str = "X-Content-Type-Options: nosniff\r\n\
    X-Frame-Options: DENY\r\n\
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\
    Referrer-Policy: no-referrer\r\n\
    Cache-Control: no-store\r\n";

/// Under TLS alone (RFC 6797 section 7.2): a browser that came by TLS once does not come without it for a year.
const TRANSPORT_SECURITY: &str = "Strict-Transport-Security: max-age=31536000\r\n";

/// The block that every answer carries: `Date` and the security headers.
#[derive(Debug, Clone)]
pub(super) struct CommonHeaders {
    second: u64,
    is_tls: bool,
    block: Arc<[u8]>,
}

impl CommonHeaders {
    pub(super) fn new(wall: WallTime, is_tls: bool) -> Self {
        let transport = if is_tls { TRANSPORT_SECURITY } else { "" };
        let block = format!("Date: {}\r\n{SECURITY}{transport}", wall.to_http_date());
        Self {
            second: wall.as_seconds(),
            is_tls,
            block: block.into_bytes().into(),
        }
    }

    /// The block for this moment; formatted anew only when the second has changed.
    pub(super) fn at(&mut self, wall: WallTime) -> Arc<[u8]> {
        if self.second != wall.as_seconds() {
            *self = Self::new(wall, self.is_tls);
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

/// The names of header fields that a page may send, of those that its preflight asks for: ours, and those that repeat
/// arguments of a call, whose names nobody knows before; and the one with the caller's own login, where there is one.
pub(super) fn sendable(requested: Option<&[u8]>, login: Option<&str>) -> String {
    let mut names = SENDABLE.to_owned();
    if let Some(name) = login {
        names.push_str(", ");
        names.push_str(name);
    }
    let requested = requested
        .and_then(|requested| str::from_utf8(requested).ok())
        .unwrap_or("");
    for name in requested.split(',').map(str::trim) {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_param = name
            .get(..PARAM.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(PARAM));
        if is_param && name.bytes().all(is_token) {
            names.push_str(", ");
            names.push_str(name);
        }
    }
    names
}

const PARAM: &str = "Mcp-Param-";
const SENDABLE: &str = "Content-Type, Accept, Authorization, Last-Event-ID, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name";

/// Header lines of the answer to a preflight.
pub(super) fn preflight<'a>(origin: &'a str, allow: &'a str, sendable: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("Access-Control-Allow-Origin", origin),
        ("Vary", "Origin, Access-Control-Request-Headers"),
        ("Access-Control-Allow-Methods", allow),
        ("Access-Control-Allow-Headers", sendable),
        ("Access-Control-Max-Age", "600"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_send_our_fields_and_those_of_arguments_and_no_others() {
        assert_eq!(sendable(None, None), SENDABLE);
        assert_eq!(sendable(None, Some("x-token")), format!("{SENDABLE}, x-token"));
        assert_eq!(
            sendable(
                Some(b"content-type, mcp-param-table,X-Evil, Mcp-Param-a\tb,Mcp-Param-B_1"),
                None
            ),
            format!("{SENDABLE}, mcp-param-table, Mcp-Param-B_1")
        );
    }

    #[test]
    fn browsers_are_told_to_come_by_tls_only_where_it_is_spoken() {
        let now = WallTime::from_micros(1_000_000);
        for (is_tls, count) in [(true, 1), (false, 0)] {
            let block = CommonHeaders::new(now, is_tls).at(now);
            let text = String::from_utf8(block.to_vec()).unwrap();
            assert_eq!(
                text.matches("Strict-Transport-Security: max-age=31536000\r\n")
                    .count(),
                count
            );
        }
    }

    #[test]
    fn the_date_is_formatted_once_a_second() {
        let mut headers = CommonHeaders::new(WallTime::from_micros(1_000_000), false);
        let first = headers.at(WallTime::from_micros(1_900_000));
        assert!(Arc::ptr_eq(&first, &headers.at(WallTime::from_micros(1_999_999))));
        let second = headers.at(WallTime::from_micros(2_000_000));
        assert!(second.starts_with(b"Date: Thu, 01 Jan 1970 00:00:02 GMT\r\n"));
        assert!(second.ends_with(b"\r\n") && !second.ends_with(b"\r\n\r\n"));
    }
}
