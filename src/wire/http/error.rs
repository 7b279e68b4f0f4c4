//! What a peer can do wrong in HTTP/1.1: one variant per fault, one status per variant.
//!
//! Every one of them ends the connection. Past a fault nobody can say where the next request begins, and guessing is
//! what request smuggling lives on.

use std::fmt;

use crate::wire::CloseReason;

/// A fault that the codec answered itself, with [`Error::status`], a JSON-RPC error as the body and `Connection: close`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// A line of the head ends in a bare LF, or holds a bare CR (RFC 9112 section 2.2).
    LineEnd,
    /// More than one empty line before a request (RFC 9112 section 2.2).
    EmptyLines,
    /// The request line is not three parts with one space between them (RFC 9112 section 3).
    RequestLine,
    /// The method is longer than any that exists (RFC 9112 section 3: 501).
    MethodTooLong {
        /// Bytes allowed.
        limit: usize,
    },
    /// The request target has a form or a character that RFC 9112 section 3.2 does not know for this method.
    Target,
    /// The request target is too long.
    TargetTooLong {
        /// Bytes allowed, `target_bytes_max`.
        limit: usize,
    },
    /// A version of HTTP that is not HTTP/1.
    VersionUnsupported,
    /// Request line and fields together are too long.
    HeadTooLong {
        /// Bytes allowed, `head_bytes_max`.
        limit: usize,
    },
    /// Too many field lines.
    TooManyFields {
        /// Lines allowed, `headers_max`.
        limit: usize,
    },
    /// A field line without a proper name: no colon, white space before it, a folded line (RFC 9112 section 5).
    FieldName,
    /// A field value with a control character (RFC 9110 section 5.5).
    FieldValue,
    /// HTTP/1.1 without `Host` (RFC 9112 section 3.2).
    HostMissing,
    /// More than one `Host` (RFC 9112 section 3.2).
    HostRepeated,
    /// `Host`, or the authority of the target, is no host with an optional port.
    HostInvalid,
    /// `Content-Length` is not one decimal number (RFC 9112 section 6.3).
    LengthInvalid,
    /// More than one `Content-Length`, equal or not.
    LengthRepeated,
    /// `Transfer-Encoding` together with `Content-Length` (RFC 9112 section 6.1).
    LengthAndCoding,
    /// `Transfer-Encoding` in HTTP/1.0 (RFC 9112 section 6.1).
    CodingInOldVersion,
    /// A transfer coding other than `chunked` alone (RFC 9112 section 6.1: 501).
    CodingUnsupported,
    /// An expectation other than `100-continue` (RFC 9110 section 10.1.1).
    ExpectationUnknown,
    /// The body is too long: announced so, or found so while its chunks came.
    BodyTooLong {
        /// Bytes allowed, `body_bytes_max`.
        limit: usize,
    },
    /// A chunk size that is not hexadecimal digits, or a line end that is not CR LF (RFC 9112 section 7.1).
    ChunkSize,
    /// A control character in a chunk extension.
    ChunkExtension,
    /// Chunk extensions that are too long together (RFC 9112 section 7.1.1).
    ChunkExtensionsTooLong {
        /// Bytes allowed in one body.
        limit: usize,
    },
    /// The data of a chunk is not followed by CR LF: it is longer or shorter than its size said.
    ChunkEnd,
    /// A trailer line that is no field line (RFC 9112 section 7.1.2).
    Trailer,
    /// The trailer section is too long.
    TrailerTooLong {
        /// Bytes allowed.
        limit: usize,
    },
    /// The peer ended its side in the middle of a request (RFC 9112 section 8).
    Incomplete,
    /// The head did not come to its end in time.
    HeadTimeout,
    /// Too little of the body came, or not all of it in time.
    BodyTimeout,
    /// All connections together hold as many bytes of requests as they may, and this one needed more.
    ShortOfMemory {
        /// Bytes allowed together, `bytes_buffered_max`.
        limit: usize,
    },
    /// As many connections are open as may be.
    TableFull {
        /// Connections allowed, `connections_max`.
        limit: usize,
    },
    /// As many connections of the peer's address are open as may be.
    AddressFull {
        /// Connections allowed, `connections_per_address_max`.
        limit: usize,
    },
    /// The server shuts down and this request was not complete.
    ShuttingDown,
}

impl Error {
    /// The status it is answered with.
    pub const fn status(self) -> u16 {
        match self {
            Self::LineEnd
            | Self::EmptyLines
            | Self::RequestLine
            | Self::Target
            | Self::FieldName
            | Self::FieldValue
            | Self::HostMissing
            | Self::HostRepeated
            | Self::HostInvalid
            | Self::LengthInvalid
            | Self::LengthRepeated
            | Self::LengthAndCoding
            | Self::CodingInOldVersion
            | Self::ChunkSize
            | Self::ChunkExtension
            | Self::ChunkExtensionsTooLong { .. }
            | Self::ChunkEnd
            | Self::Trailer
            | Self::Incomplete => 400,
            Self::HeadTimeout | Self::BodyTimeout => 408,
            Self::BodyTooLong { .. } => 413,
            Self::TargetTooLong { .. } => 414,
            Self::ExpectationUnknown => 417,
            Self::HeadTooLong { .. } | Self::TooManyFields { .. } | Self::TrailerTooLong { .. } => 431,
            Self::MethodTooLong { .. } | Self::CodingUnsupported => 501,
            Self::ShortOfMemory { .. }
            | Self::TableFull { .. }
            | Self::AddressFull { .. }
            | Self::ShuttingDown => 503,
            Self::VersionUnsupported => 505,
        }
    }

    /// A stable word for logs, metrics and the answer's body.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LineEnd => "line_end",
            Self::EmptyLines => "empty_lines",
            Self::RequestLine => "request_line",
            Self::MethodTooLong { .. } => "method_too_long",
            Self::Target => "target",
            Self::TargetTooLong { .. } => "target_too_long",
            Self::VersionUnsupported => "version_unsupported",
            Self::HeadTooLong { .. } => "head_too_long",
            Self::TooManyFields { .. } => "too_many_fields",
            Self::FieldName => "field_name",
            Self::FieldValue => "field_value",
            Self::HostMissing => "host_missing",
            Self::HostRepeated => "host_repeated",
            Self::HostInvalid => "host_invalid",
            Self::LengthInvalid => "length_invalid",
            Self::LengthRepeated => "length_repeated",
            Self::LengthAndCoding => "length_and_coding",
            Self::CodingInOldVersion => "coding_in_old_version",
            Self::CodingUnsupported => "coding_unsupported",
            Self::ExpectationUnknown => "expectation_unknown",
            Self::BodyTooLong { .. } => "body_too_long",
            Self::ChunkSize => "chunk_size",
            Self::ChunkExtension => "chunk_extension",
            Self::ChunkExtensionsTooLong { .. } => "chunk_extensions_too_long",
            Self::ChunkEnd => "chunk_end",
            Self::Trailer => "trailer",
            Self::TrailerTooLong { .. } => "trailer_too_long",
            Self::Incomplete => "incomplete",
            Self::HeadTimeout => "head_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::ShortOfMemory { .. } => "short_of_memory",
            Self::TableFull { .. } => "table_full",
            Self::AddressFull { .. } => "address_full",
            Self::ShuttingDown => "shutting_down",
        }
    }

    /// Header lines of the answer beside those that every answer has. What passes by itself says when to try again
    /// (RFC 9110 section 10.2.3): sooner than peers that hold something are cut off, but not at once.
    pub const fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ShortOfMemory { .. }
            | Self::TableFull { .. }
            | Self::AddressFull { .. }
            | Self::ShuttingDown => &[("Retry-After", "5")],
            _ => &[],
        }
    }

    /// What the connection is said to have ended for.
    pub const fn close_reason(self) -> CloseReason {
        match self {
            Self::HeadTimeout => CloseReason::HeadTimeout,
            Self::BodyTimeout => CloseReason::BodyTimeout,
            Self::Incomplete => CloseReason::PeerClosed,
            Self::ShortOfMemory { .. } => CloseReason::ShortOfMemory,
            Self::TableFull { .. } => CloseReason::TableFull,
            Self::AddressFull { .. } => CloseReason::AddressFull,
            Self::ShuttingDown => CloseReason::Draining,
            _ => CloseReason::BadRequest,
        }
    }
}

/// Plain ASCII without quotes and backslashes: the text goes into a JSON string as it is.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineEnd => f.write_str("a line of the request head does not end in CR LF"),
            Self::EmptyLines => f.write_str("more than one empty line before the request"),
            Self::RequestLine => {
                f.write_str("the request line is not: method, space, target, space, HTTP/1.1")
            }
            Self::MethodTooLong { limit } => write!(f, "the method is longer than {limit} bytes"),
            Self::Target => f.write_str(
                "the request target is no path for this method: send /path?query with other characters \
                 percent-encoded",
            ),
            Self::TargetTooLong { limit } => write!(
                f,
                "the request target is longer than {limit} bytes (target_bytes_max): send arguments in the body"
            ),
            Self::VersionUnsupported => f.write_str("the version is not HTTP/1: use HTTP/1.1"),
            Self::HeadTooLong { limit } => write!(
                f,
                "request line and headers are longer than {limit} bytes (head_bytes_max)"
            ),
            Self::TooManyFields { limit } => {
                write!(f, "the request has more than {limit} header lines (headers_max)")
            }
            Self::FieldName => f.write_str(
                "a header line is not: name, colon, value (no space before the colon, no folding)",
            ),
            Self::FieldValue => f.write_str("a header value has a control character"),
            Self::HostMissing => f.write_str("HTTP/1.1 needs a Host header"),
            Self::HostRepeated => f.write_str("more than one Host header"),
            Self::HostInvalid => f.write_str("the host is no name or address with an optional port"),
            Self::LengthInvalid => f.write_str("Content-Length is no decimal number"),
            Self::LengthRepeated => f.write_str("more than one Content-Length header"),
            Self::LengthAndCoding => {
                f.write_str("Transfer-Encoding and Content-Length in one request: send one of them")
            }
            Self::CodingInOldVersion => f.write_str("Transfer-Encoding in HTTP/1.0: send Content-Length"),
            Self::CodingUnsupported => f.write_str("the transfer coding is not chunked alone"),
            Self::ExpectationUnknown => f.write_str("the expectation is not 100-continue"),
            Self::BodyTooLong { limit } => {
                write!(
                    f,
                    "the request body is longer than {limit} bytes (body_bytes_max)"
                )
            }
            Self::ChunkSize => f.write_str("a chunk does not begin with its size in hexadecimal and CR LF"),
            Self::ChunkExtension => f.write_str("a chunk extension has a control character"),
            Self::ChunkExtensionsTooLong { limit } => write!(
                f,
                "the chunk extensions of the body are longer than {limit} bytes: send none"
            ),
            Self::ChunkEnd => f.write_str("a chunk does not end in CR LF where its size says"),
            Self::Trailer => f.write_str("a line behind the last chunk is no header line"),
            Self::TrailerTooLong { limit } => write!(
                f,
                "the trailer section is longer than {limit} bytes: send its fields in the head"
            ),
            Self::Incomplete => f.write_str("the connection was ended in the middle of a request"),
            Self::HeadTimeout => f.write_str("the request head was not complete in time (head_timeout)"),
            Self::BodyTimeout => f.write_str(
                "the request body came too slowly (body_timeout, progress_bytes_min, body_total_timeout)",
            ),
            Self::ShortOfMemory { limit } => write!(
                f,
                "requests that are on their way hold {limit} bytes, as many as they may (bytes_buffered_max): \
                 send it again later, or in less than 4 KiB"
            ),
            Self::TableFull { limit } => write!(
                f,
                "{limit} connections are open, as many as may be (connections_max): try again later"
            ),
            Self::AddressFull { limit } => write!(
                f,
                "{limit} connections from your address are open, as many as may be (MCP_MAX_CONNECTIONS_PER_ADDRESS): close some, or try again later"
            ),
            Self::ShuttingDown => {
                f.write_str("the server is shutting down: send the request again elsewhere")
            }
        }
    }
}

impl std::error::Error for Error {}

/// One of each, for the tests that must see them all.
#[cfg(test)]
pub(super) const EVERY: [Error; 34] = [
    Error::LineEnd,
    Error::EmptyLines,
    Error::RequestLine,
    Error::MethodTooLong { limit: 32 },
    Error::Target,
    Error::TargetTooLong { limit: 8192 },
    Error::VersionUnsupported,
    Error::HeadTooLong { limit: 32_768 },
    Error::TooManyFields { limit: 64 },
    Error::FieldName,
    Error::FieldValue,
    Error::HostMissing,
    Error::HostRepeated,
    Error::HostInvalid,
    Error::LengthInvalid,
    Error::LengthRepeated,
    Error::LengthAndCoding,
    Error::CodingInOldVersion,
    Error::CodingUnsupported,
    Error::ExpectationUnknown,
    Error::BodyTooLong { limit: 4_194_304 },
    Error::ChunkSize,
    Error::ChunkExtension,
    Error::ChunkExtensionsTooLong { limit: 4096 },
    Error::ChunkEnd,
    Error::Trailer,
    Error::TrailerTooLong { limit: 8192 },
    Error::Incomplete,
    Error::HeadTimeout,
    Error::BodyTimeout,
    Error::ShortOfMemory { limit: 67_108_864 },
    Error::TableFull { limit: 16_384 },
    Error::AddressFull { limit: 4_096 },
    Error::ShuttingDown,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_status_and_its_own_name() {
        let table: Vec<(&str, u16)> = EVERY.iter().map(|error| (error.name(), error.status())).collect();
        let expected = [
            ("line_end", 400),
            ("empty_lines", 400),
            ("request_line", 400),
            ("method_too_long", 501),
            ("target", 400),
            ("target_too_long", 414),
            ("version_unsupported", 505),
            ("head_too_long", 431),
            ("too_many_fields", 431),
            ("field_name", 400),
            ("field_value", 400),
            ("host_missing", 400),
            ("host_repeated", 400),
            ("host_invalid", 400),
            ("length_invalid", 400),
            ("length_repeated", 400),
            ("length_and_coding", 400),
            ("coding_in_old_version", 400),
            ("coding_unsupported", 501),
            ("expectation_unknown", 417),
            ("body_too_long", 413),
            ("chunk_size", 400),
            ("chunk_extension", 400),
            ("chunk_extensions_too_long", 400),
            ("chunk_end", 400),
            ("trailer", 400),
            ("trailer_too_long", 431),
            ("incomplete", 400),
            ("head_timeout", 408),
            ("body_timeout", 408),
            ("short_of_memory", 503),
            ("table_full", 503),
            ("address_full", 503),
            ("shutting_down", 503),
        ];
        assert_eq!(table, expected);
    }

    #[test]
    fn every_text_can_stand_in_a_json_string_and_names_its_limit() {
        for error in EVERY {
            let text = error.to_string();
            assert!(
                text.bytes()
                    .all(|byte| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\'),
                "{text}"
            );
            assert!(!text.ends_with('.'), "{text}");
        }
        let text = Error::BodyTooLong { limit: 4_194_304 }.to_string();
        assert_eq!(
            text,
            "the request body is longer than 4194304 bytes (body_bytes_max)"
        );
    }
}
