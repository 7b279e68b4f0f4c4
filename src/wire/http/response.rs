//! Responses as bytes: status line, fields, body (RFC 9112 sections 4 and 6).
//!
//! The codec writes `Content-Length` and `Connection` itself; whoever answers gives the rest. Does not know which
//! request is answered: that is `pipeline`.

use crate::wire::buffer::{Outbox, Piece};

/// An answer to one request.
///
/// Its length is counted from `body`, and large owned or shared pieces are queued without a copy: those are taken out
/// of the slice.
#[derive(Debug)]
pub struct Response<'a, 'p> {
    /// The status code, 200 to 599 (101 for an upgrade).
    pub status: u16,
    /// `Content-Type`, when there is a body.
    pub content_type: Option<&'static str>,
    /// Further fields, without `Content-Length`, `Transfer-Encoding` and `Connection`. A line whose value has a line
    /// break or a NUL is left out.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body in pieces. For HEAD give the body of GET: only its length is sent.
    pub body: &'a mut [Piece<'p>],
    /// End the connection after this response.
    pub close: bool,
}

/// What the response says about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    /// Nothing: HTTP/1.1 goes on by default.
    Kept,
    /// `keep-alive`, which HTTP/1.0 must be told.
    KeptExplicitly,
    /// `close`.
    Closed,
    /// `Upgrade`: no more HTTP.
    Upgraded,
}

/// What of a response depends on the request and on the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) connection: Connection,
    /// The answer to HEAD.
    pub(super) omits_body: bool,
    /// Lines, each ended by CR LF.
    pub(super) common_headers: &'a [u8],
}

/// Queues a response.
pub(super) fn encode(outbox: &mut Outbox, response: Response<'_, '_>, envelope: Envelope<'_>) {
    let has_body = may_have_body(response.status);
    let usual = envelope.common_headers.len() + OWN_BYTES_USUAL;
    outbox.extend_with(usual, |head| {
        extend_status_line(head, response.status);
        head.extend_from_slice(envelope.common_headers);
        if let Some(content_type) = response.content_type {
            extend_all(head, [b"Content-Type: ", content_type.as_bytes(), b"\r\n"]);
        }
        for (name, value) in response.headers {
            extend_field(head, name, value);
        }
        extend_connection(head, response.headers, envelope.connection);
        if has_body {
            let length = response.body.iter().map(Piece::len).sum();
            let digits = &mut [0; NUMBER_DIGITS_MAX];
            extend_all(head, [b"Content-Length: ", decimal(length, digits), b"\r\n"]);
        }
        head.extend_from_slice(b"\r\n");
    });
    if has_body && !envelope.omits_body {
        outbox.push_all(response.body);
    }
}

/// What the codec writes itself into most heads: status line, type, length.
const OWN_BYTES_USUAL: usize = 128;

fn extend_status_line(head: &mut Vec<u8>, status: u16) {
    if status == 200 {
        return head.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    }
    let digits = &mut [0; NUMBER_DIGITS_MAX];
    let status_digits = decimal(usize::from(status), digits);
    let reason = reason(status).as_bytes();
    extend_all(head, [b"HTTP/1.1 ", status_digits, b" ", reason, b"\r\n"]);
}

fn extend_all<const COUNT: usize>(head: &mut Vec<u8>, parts: [&[u8]; COUNT]) {
    parts.iter().for_each(|part| head.extend_from_slice(part));
}

/// The interim response to `Expect: 100-continue`. It has no fields: Date and the like belong to the final one.
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Who sends `Upgrade`, in a 101 or a 426, sends the option of that name with it (RFC 9110 section 7.8).
pub(super) fn extend_connection(head: &mut Vec<u8>, headers: &[(&str, &str)], connection: Connection) {
    debug_assert!(
        !has_field(headers, "connection"),
        "Connection is the codec's to say"
    );
    let options = match (connection, has_field(headers, "upgrade")) {
        (Connection::Kept, false) => return,
        (Connection::Kept, true) | (Connection::Upgraded, _) => "Upgrade",
        (Connection::KeptExplicitly, false) => "keep-alive",
        (Connection::KeptExplicitly, true) => "keep-alive, Upgrade",
        (Connection::Closed, false) => "close",
        (Connection::Closed, true) => "close, Upgrade",
    };
    extend_field(head, "Connection", options);
}

fn has_field(headers: &[(&str, &str)], name: &str) -> bool {
    headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
}

pub(super) fn extend_field(head: &mut Vec<u8>, name: &str, value: &str) {
    let frames = ["content-length", "transfer-encoding"];
    debug_assert!(
        !frames.iter().any(|framing| name.eq_ignore_ascii_case(framing)),
        "{name} is the codec's to say"
    );
    // A value that came from outside must not begin a line of its own (response splitting).
    if memchr::memchr3(b'\r', b'\n', 0, value.as_bytes()).is_some() {
        return;
    }
    extend_all(head, [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
}

/// The digits of `number`, written at the end of `digits`.
fn decimal(mut number: usize, digits: &mut [u8; NUMBER_DIGITS_MAX]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        // The remainder of ten is one digit.
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    &digits[start..]
}

/// RFC 9112 section 6.3, rule 1.
const fn may_have_body(status: u16) -> bool {
    !matches!(status, 100..=199 | 204 | 304)
}

/// The usual phrase; an empty one is legal (RFC 9112 section 4), but the space before it must be there.
const fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

/// 2^64 has twenty digits.
const NUMBER_DIGITS_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::super::error::EVERY;
    use super::*;

    fn encoded(
        status: u16,
        headers: &[(&str, &str)],
        body: &mut [Piece<'_>],
        connection: Connection,
        omits_body: bool,
    ) -> String {
        let mut outbox = Outbox::default();
        let response = Response {
            status,
            content_type: None,
            headers,
            body,
            close: false,
        };
        let envelope = Envelope {
            connection,
            omits_body,
            common_headers: b"Date: today\r\n",
        };
        encode(&mut outbox, response, envelope);
        String::from_utf8(outbox.to_vec()).unwrap()
    }

    #[test]
    fn a_response_is_a_status_line_fields_and_a_body() {
        let text = encoded(
            200,
            &[("X-A", "b")],
            &mut [Piece::Borrowed(b"hello "), Piece::Owned(b"world".to_vec())],
            Connection::Kept,
            false,
        );
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\nDate: today\r\nX-A: b\r\nContent-Length: 11\r\n\r\nhello world"
        );
    }

    #[test]
    fn an_empty_body_has_a_length_where_there_may_be_a_body() {
        for (status, expected) in [
            (
                202,
                "HTTP/1.1 202 Accepted\r\nDate: today\r\nContent-Length: 0\r\n\r\n",
            ),
            (204, "HTTP/1.1 204 No Content\r\nDate: today\r\n\r\n"),
            (304, "HTTP/1.1 304 Not Modified\r\nDate: today\r\n\r\n"),
            (599, "HTTP/1.1 599 \r\nDate: today\r\nContent-Length: 0\r\n\r\n"),
        ] {
            assert_eq!(encoded(status, &[], &mut [], Connection::Kept, false), expected);
        }
    }

    #[test]
    fn the_answer_to_head_has_the_length_of_the_body_and_no_body() {
        let text = encoded(200, &[], &mut [Piece::Borrowed(b"hello")], Connection::Kept, true);
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 5\r\n\r\n"
        );
    }

    #[test]
    fn the_connection_is_named_where_it_must_be() {
        let upgrade = [("upgrade", "websocket")];
        for (status, headers, connection, expected) in [
            (204, &[][..], Connection::Kept, ""),
            (204, &[], Connection::KeptExplicitly, "Connection: keep-alive\r\n"),
            (204, &[], Connection::Closed, "Connection: close\r\n"),
            (101, &upgrade, Connection::Upgraded, "Connection: Upgrade\r\n"),
            (
                426,
                &upgrade,
                Connection::Kept,
                "Connection: Upgrade\r\nContent-Length: 0\r\n",
            ),
            (
                426,
                &upgrade,
                Connection::KeptExplicitly,
                "Connection: keep-alive, Upgrade\r\nContent-Length: 0\r\n",
            ),
            (
                426,
                &upgrade,
                Connection::Closed,
                "Connection: close, Upgrade\r\nContent-Length: 0\r\n",
            ),
        ] {
            let text = encoded(status, headers, &mut [], connection, false);
            let named = if headers.is_empty() {
                ""
            } else {
                "upgrade: websocket\r\n"
            };
            let fields = text.split_once("Date: today\r\n").map(|(_, fields)| fields);
            assert_eq!(
                fields,
                Some(format!("{named}{expected}\r\n").as_str()),
                "{status}, {connection:?}"
            );
        }
    }

    #[test]
    fn a_value_with_a_line_break_is_left_out() {
        let text = encoded(
            200,
            &[("A", "b\r\nX-Injected: yes"), ("C", "d")],
            &mut [],
            Connection::Kept,
            false,
        );
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\nDate: today\r\nC: d\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn every_fault_is_answered_with_its_phrase() {
        for error in EVERY {
            assert_ne!(reason(error.status()), "", "{error:?}");
        }
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 7, 10, 4096, usize::MAX] {
            let digits = &mut [0; NUMBER_DIGITS_MAX];
            assert_eq!(decimal(number, digits), number.to_string().as_bytes());
        }
    }
}
