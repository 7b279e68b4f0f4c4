//! `Transfer-Encoding` and the chunked coding (RFC 9112 sections 6.1 and 7.1).

use super::Expected::Closed;
use super::Level::{Legal, Must, Safe, Should};
use super::Sent::{Made, Post, Whole};
use super::{Case, PING, REFUSED, SERVED, case, post};

/// `POST /mcp` with a chunked body, written as it goes over the wire.
macro_rules! chunked {
    ($body:expr) => {
        Post(b"Transfer-Encoding: chunked\r\n", $body)
    };
}

/// `POST /mcp` with a `Transfer-Encoding` of this value, and the ping in one chunk.
macro_rules! coding {
    ($value:literal) => {
        Post(
            concat!("Transfer-Encoding: ", $value, "\r\n").as_bytes(),
            ONE_CHUNK,
        )
    };
}

const ONE_CHUNK: &[u8] = b"28\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n0\r\n\r\n";
const UNKNOWN: super::Expected = Closed(&[501]);
const TOO_LONG: super::Expected = Closed(&[413]);

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    // The coding.
    case("9112 7.1", Legal, "a chunked body", coding!("chunked"), SERVED),
    case("9112 7", Legal, "chunked in any letters", coding!("CHUNKED"), SERVED),
    case("9112 5", Legal, "chunked behind a tab", coding!("\tchunked"), SERVED),
    case("9112 6.1", Should, "a coding that is not known", coding!("xchunked"), UNKNOWN),
    case("9112 6.1", Should, "a coding that is cut short", coding!("chunk"), UNKNOWN),
    case("9112 7", Must, "identity is no coding any more", coding!("identity"), UNKNOWN),
    case("9112 6.3", Safe, "gzip before chunked", coding!("gzip, chunked"), UNKNOWN),
    case("9112 6.3", Must, "gzip behind chunked", coding!("chunked, gzip"), UNKNOWN),
    case("9112 6.3", Safe, "identity before chunked", coding!("identity, chunked"), UNKNOWN),
    case("9112 7", Must, "chunked twice", coding!("chunked, chunked"), UNKNOWN),
    case("9110 5.6.1", Should, "chunked and an empty element", coding!("chunked,"), UNKNOWN),
    case("9112 7", Safe, "chunked with a parameter", coding!("chunked;q=1"), UNKNOWN),
    case("9112 7", Safe, "chunked with an empty parameter", coding!("chunked;"), UNKNOWN),
    case("9112 7", Must, "chunked in quotes", coding!("\"chunked\""), UNKNOWN),
    case("9112 7", Must, "chunked with a space in it", coding!("chun ked"), UNKNOWN),
    case("9112 7", Must, "chunked with a Kelvin sign", coding!("chun\u{212a}ed"), UNKNOWN),
    case("9110 5.5", Must, "chunked behind a vertical tab", coding!("\x0bchunked"), REFUSED),
    case("9110 5.5", Must, "chunked behind a form feed", coding!("\x0cchunked"), REFUSED),
    case("9110 5.5", Must, "chunked before a NUL", coding!("chunked\0"), REFUSED),
    case("9112 6.3", Safe, "two fields of chunked",
        Post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ONE_CHUNK), UNKNOWN),
    case("9112 6.3", Must, "a second field of identity",
        Post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", ONE_CHUNK), UNKNOWN),
    case("9112 6.1", Must, "a coding in HTTP/1.0",
        Whole(b"POST /mcp HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), REFUSED),
    // Beside a length.
    case("9112 6.1", Safe, "a coding, then a length",
        Post(b"Transfer-Encoding: chunked\r\nContent-Length: 51\r\n", ONE_CHUNK), REFUSED),
    case("9112 6.1", Safe, "a length, then a coding",
        Post(b"Content-Length: 51\r\nTransfer-Encoding: chunked\r\n", ONE_CHUNK), REFUSED),
    case("9112 6.1", Must, "a length that hides a request",
        Post(b"Content-Length: 48\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\
          Host: localhost\r\n\r\n"), REFUSED),
    case("9112 6.1", Must, "a chunk that hides a request",
        Post(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"2b\r\nGET /smuggled HTTP/1.1\r\n\
          Host: localhost\r\n\r\n\r\n0\r\n\r\n"), REFUSED),
    case("9112 6.1", Must, "an unknown coding beside a length",
        Post(b"Transfer-Encoding: xchunked\r\nContent-Length: 40\r\n", PING), REFUSED),
    case("9112 6.1", Must, "identity beside a length",
        Post(b"Transfer-Encoding: identity\r\nContent-Length: 40\r\n", PING), REFUSED),
    case("9112 6.1", Safe, "an empty coding beside a length",
        Post(b"Transfer-Encoding:\r\nContent-Length: 40\r\n", PING), REFUSED),
    // Sizes.
    case("9112 7.1", Legal, "a chunk a byte", Made(|| in_chunks(1)), SERVED),
    case("9112 7.1", Legal, "chunks of seven bytes", Made(|| in_chunks(7)), SERVED),
    case("9112 7.1", Legal, "a size with leading zeros",
        chunked!(b"000028\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n000\r\n\r\n"), SERVED),
    case("9112 7.1", Legal, "a size in capitals",
        chunked!(b"28\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\nA\r\n          \r\n0\r\n\r\n"), SERVED),
    case("9112 7.1", Must, "no size", chunked!(b"\r\n"), REFUSED),
    case("9112 7.1", Must, "a size that is no number", chunked!(b"g\r\n"), REFUSED),
    case("9112 7.1", Must, "a size with 0x", chunked!(b"0x28\r\n"), REFUSED),
    case("9112 7.1", Must, "a size with a plus", chunked!(b"+28\r\n"), REFUSED),
    case("9112 7.1", Must, "a negative size", chunked!(b"-28\r\n"), REFUSED),
    case("9112 7.1", Must, "a space before the size", chunked!(b" 28\r\n"), REFUSED),
    case("9112 7.1", Safe, "a space behind the size", chunked!(b"28 \r\n"), REFUSED),
    case("9112 7.1", Safe, "a tab behind the size", chunked!(b"28\t\r\n"), REFUSED),
    case("9112 7.1", Must, "a size with an underscore", chunked!(b"2_8\r\n"), REFUSED),
    case("9112 7.1", Must, "a size with a comma", chunked!(b"28,\r\n"), REFUSED),
    case("9112 7.1", Must, "a size before a NUL", chunked!(b"28\0\r\n"), REFUSED),
    case("9112 7.1", Must, "a size that ends in a bare LF", chunked!(b"28\n"), REFUSED),
    case("9112 7.1", Must, "a size that ends in a bare CR", chunked!(b"28\r{"), REFUSED),
    case("9110 15.5.14", Safe, "a size of 36 bits", chunked!(b"100000028\r\n"), TOO_LONG),
    case("9110 15.5.14", Safe, "a size of 63 bits", chunked!(b"7fffffffffffffff\r\n"), TOO_LONG),
    case("9110 15.5.14", Safe, "a size of 64 bits", chunked!(b"ffffffffffffffff\r\n"), TOO_LONG),
    case("9112 7.1", Must, "a size of 65 bits", chunked!(b"10000000000000028\r\n"), TOO_LONG),
    case("9112 7.1", Safe, "a size of a million zeros", Made(|| raw_chunks(&"0".repeat(1 << 20))), REFUSED),
    // Data.
    case("9112 7.1", Must, "data that ends in a bare LF", chunked!(b"2\r\n{}\n0\r\n\r\n"), REFUSED),
    case("9112 7.1", Must, "data that does not end", chunked!(b"2\r\n{}0\r\n\r\n"), REFUSED),
    case("9112 7.1", Must, "data longer than its size", chunked!(b"1\r\n{}\r\n0\r\n\r\n"), REFUSED),
    case("9112 7.1", Must, "data shorter than its size", chunked!(b"3\r\n{}\r\n0\r\n\r\n"), REFUSED),
    // Extensions.
    case("9112 7.1.1", Must, "extensions are passed over",
        chunked!(b"28;a=b;c\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n0\r\n\r\n"), SERVED),
    case("9112 7.1.1", Must, "quoted extensions are passed over",
        chunked!(b"28;a=\"b;c d\"\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n0\r\n\r\n"), SERVED),
    case("9112 7.1.1", Must, "a bare LF in an extension", chunked!(b"28;a\nb\r\n"), REFUSED),
    case("9112 7.1.1", Must, "a bare CR in an extension", chunked!(b"28;a\rb\r\n"), REFUSED),
    case("9112 7.1.1", Safe, "a NUL in an extension", chunked!(b"28;a\0b\r\n"), REFUSED),
    case("9112 7.1.1", Should, "an extension of 70 KiB",
        Made(|| raw_chunks(&format!("28;{}\r\n", "a".repeat(70 << 10)))), REFUSED),
    case("9112 7.1.1", Safe, "2 MiB of extensions of tiny chunks",
        Made(|| raw_chunks(&format!("1;{}\r\n \r\n", "a".repeat(8_000)).repeat(260))), REFUSED),
    // The trailer.
    case("9112 7.1.2", Legal, "a trailer", Made(|| trailed("X: a\r\nY: b\r\n")), SERVED),
    case("9110 6.5.1", Safe, "a trailer frames and routes nothing",
        Made(|| trailed("Content-Length: 4\r\nHost: elsewhere.example\r\n")), SERVED),
    case("9112 7.1.2", Safe, "a trailer line without a colon", Made(|| trailed("GARBAGE\r\n")), REFUSED),
    case("9112 7.1.2", Must, "a request line in the trailer", Made(|| trailed("GET /smuggled HTTP/1.1\r\n")), REFUSED),
    case("9112 5.2", Safe, "a folded trailer", Made(|| trailed("X: a\r\n b\r\n")), REFUSED),
    case("9112 2.2", Safe, "a trailer line that ends in a bare LF", Made(|| trailed("X: a\nY: b\r\n")), REFUSED),
    case("6585 5", Safe, "a trailer of 2 MiB",
        Made(|| trailed(&format!("X: {}\r\n", "a".repeat(2 << 20)))), Closed(&[431])),
    // Too much in all.
    case("9110 15.5.14", Should, "chunks past the longest body",
        Made(|| raw_chunks(&format!("100000\r\n{}\r\n", " ".repeat(1 << 20)).repeat(5))), TOO_LONG),
    case("9110 15.5.14", Should, "a body past the longest", Made(|| post("", &vec![b' '; (4 << 20) + 1])), TOO_LONG),
];

/// A chunked POST whose body is `chunks` and what makes it end.
fn raw_chunks(chunks: &str) -> Vec<u8> {
    [&chunked!(b"").bytes(), chunks.as_bytes(), b"0\r\n\r\n"].concat()
}

/// The ping in chunks of `size` bytes.
fn in_chunks(size: usize) -> Vec<u8> {
    let text = str::from_utf8(PING).expect("JSON is text");
    let chunk = |start: usize| {
        let part = &text[start..text.len().min(start + size)];
        format!("{:x}\r\n{part}\r\n", part.len())
    };
    raw_chunks(&(0..text.len()).step_by(size).map(chunk).collect::<String>())
}

/// The ping in one chunk with a trailer.
fn trailed(lines: &str) -> Vec<u8> {
    let body = ONE_CHUNK.strip_suffix(b"\r\n").unwrap_or(ONE_CHUNK);
    [&chunked!(b"").bytes(), body, lines.as_bytes(), b"\r\n"].concat()
}
