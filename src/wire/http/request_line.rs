//! The first line of a request: method, target, version (RFC 9112 section 3).
//!
//! Looked at as soon as it is complete, before any field came: a peer that speaks something else (TLS, HTTP/2, a line
//! protocol) is told so at once instead of after the head's timeout. Stricter than httparse, which would allow raw
//! UTF-8 and `#` in a target. Does not know which methods and paths are served, and decodes no percent-escape.

use super::error::Error;
use super::host;
use crate::limits::Limits;

/// A part of a head, as offsets: the bytes may move in memory, the offsets stay right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// From `start` to `end`. A head is at most `head_bytes_max` long, far below what 32 bits count.
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
        }
    }

    /// How many bytes it spans.
    pub(super) fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// The bytes, of the head that the span was made from.
    pub(super) fn of(self, head: &[u8]) -> &[u8] {
        &head[self.start as usize..self.end as usize]
    }

    /// The bytes as text. Names and targets are ASCII, which was checked when the span was made.
    pub(super) fn text_of(self, head: &[u8]) -> &str {
        std::str::from_utf8(self.of(head)).unwrap_or_default()
    }
}

/// The version that a request is served under. A higher minor version is served as HTTP/1.1 (RFC 9110 section 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
}

/// A request line that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RequestLine {
    pub(super) method: Span,
    pub(super) target: Span,
    pub(super) version: Version,
    /// Of an absolute-form target, and of CONNECT.
    pub(super) authority: Option<Span>,
    /// `None` is "/": an absolute-form target may leave it out. Empty for CONNECT.
    pub(super) path: Option<Span>,
    pub(super) query: Option<Span>,
}

impl RequestLine {
    /// Reads a line that stands at the beginning of the head, without its line end.
    ///
    /// # Errors
    /// [`Error::RequestLine`], [`Error::MethodTooLong`], [`Error::TargetTooLong`], [`Error::VersionUnsupported`],
    /// [`Error::Target`], [`Error::HostInvalid`].
    pub(super) fn parse(line: &[u8], limits: &Limits) -> Result<Self, Error> {
        let method_end = position(line, b' ').unwrap_or(line.len());
        if method_end > METHOD_BYTES_MAX {
            return Err(METHOD_TOO_LONG);
        }
        let method = &line[..method_end];
        if method.is_empty() || !method.iter().all(|&byte| is_token_byte(byte)) {
            return Err(Error::RequestLine);
        }
        let target_start = method_end + 1;
        let rest = line.get(target_start..).ok_or(Error::RequestLine)?;
        let target_len = position(rest, b' ').ok_or(Error::RequestLine)?;
        if target_len > limits.target_bytes_max {
            return Err(Error::TargetTooLong {
                limit: limits.target_bytes_max,
            });
        }
        let target = Span::new(target_start, target_start + target_len);
        let version = version(&rest[target_len + 1..])?;
        Self {
            method: Span::new(0, method_end),
            target,
            version,
            ..Self::default()
        }
        .with_target_form(line)
    }

    /// Of two faults of a line that is longer than [`RequestLine::bytes_max`], the one that shows in its first bytes.
    pub(super) fn too_long(line: &[u8], limits: &Limits) -> Error {
        let has_method = line.iter().take(METHOD_BYTES_MAX + 1).any(|&byte| byte == b' ');
        if has_method {
            Error::TargetTooLong {
                limit: limits.target_bytes_max,
            }
        } else {
            METHOD_TOO_LONG
        }
    }

    /// The four forms of RFC 9112 section 3.2: which one is legal depends on the method.
    fn with_target_form(mut self, line: &[u8]) -> Result<Self, Error> {
        let target = self.target.of(line);
        if target.is_empty() {
            return Err(Error::RequestLine);
        }
        if !target.iter().all(|&byte| is_target_byte(byte)) {
            return Err(Error::Target);
        }
        let start = self.target.start as usize;
        match (self.method.of(line), target) {
            (b"CONNECT", authority) => {
                if !host::is_authority_with_port(authority) {
                    return Err(Error::Target);
                }
                self.authority = Some(self.target);
                self.path = Some(Span::new(start, start));
            }
            (b"OPTIONS", b"*") => self.path = Some(self.target),
            (_, [b'/', ..]) => self.set_path(line, start),
            _ => {
                let path_start = self.set_authority(line)?;
                self.set_path(line, path_start);
            }
        }
        Ok(self)
    }

    /// The absolute form: says where the authority ends. It must be accepted (RFC 9112 section 3.2.2).
    fn set_authority(&mut self, line: &[u8]) -> Result<usize, Error> {
        let target = self.target.of(line);
        let scheme_len = [&b"http://"[..], b"https://"]
            .into_iter()
            .find(|scheme| {
                target
                    .get(..scheme.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            })
            .map(<[u8]>::len)
            .ok_or(Error::Target)?;
        let authority = &target[scheme_len..];
        let len = authority
            .iter()
            .position(|&byte| byte == b'/' || byte == b'?')
            .unwrap_or(authority.len());
        if !host::is_authority(&authority[..len]) {
            return Err(Error::HostInvalid);
        }
        let start = self.target.start as usize + scheme_len;
        self.authority = Some(Span::new(start, start + len));
        Ok(start + len)
    }

    fn set_path(&mut self, line: &[u8], start: usize) {
        let end = self.target.end as usize;
        let path_end = position(&line[start..end], b'?').map_or(end, |len| start + len);
        self.path = (path_end > start).then(|| Span::new(start, path_end));
        self.query = (path_end < end).then(|| Span::new(path_end + 1, end));
    }

    /// The longest line that can pass, without its line end.
    pub(super) fn bytes_max(limits: &Limits) -> usize {
        METHOD_BYTES_MAX + 1 + limits.target_bytes_max + 1 + VERSION_BYTES
    }
}

fn version(text: &[u8]) -> Result<Version, Error> {
    match text {
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            if *major == b'1' {
                Ok(Version::Http11)
            } else {
                Err(Error::VersionUnsupported)
            }
        }
        _ => Err(Error::RequestLine),
    }
}

fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    bytes.iter().position(|&byte| byte == wanted)
}

/// RFC 9110 section 5.6.2.
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// What may stand in a target. RFC 3986 has no ``^ ` { | }`` either, but browsers send them in queries as they are.
const fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\')
}

/// The longest registered method has 17 letters (UPDATEREDIRECTREF).
const METHOD_BYTES_MAX: usize = 32;
const METHOD_TOO_LONG: Error = Error::MethodTooLong {
    limit: METHOD_BYTES_MAX,
};
const VERSION_BYTES: usize = "HTTP/1.1".len();

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[u8]) -> Result<RequestLine, Error> {
        RequestLine::parse(line, &Limits::default())
    }

    /// Path, query and authority of a line that passes.
    fn check(line: &str, path: &str, query: Option<&str>, authority: Option<&str>) {
        let head = line.as_bytes();
        let parsed = parse(head).unwrap_or_else(|error| panic!("{line}: {error}"));
        let text = |span: Span| span.text_of(head).to_owned();
        assert_eq!(
            (
                parsed.path.map_or_else(|| "/".to_owned(), text),
                parsed.query.map(text),
                parsed.authority.map(text)
            ),
            (
                path.to_owned(),
                query.map(str::to_owned),
                authority.map(str::to_owned)
            ),
            "{line}"
        );
    }

    #[test]
    fn the_four_forms_of_a_target_are_told_apart() {
        check("GET / HTTP/1.1", "/", None, None);
        check("GET /a/b?c=d?e HTTP/1.0", "/a/b", Some("c=d?e"), None);
        check("GET /a? HTTP/1.1", "/a", Some(""), None);
        check("GET //a HTTP/1.1", "//a", None, None);
        check(
            "GET /?q={\"|'^`} HTTP/1.1".replace('"', "").as_str(),
            "/",
            Some("q={|'^`}"),
            None,
        );
        check("GET http://h:8/a?b HTTP/1.1", "/a", Some("b"), Some("h:8"));
        check("GET HTTPS://[::1] HTTP/1.1", "/", None, Some("[::1]"));
        check("GET http://h?b HTTP/1.1", "/", Some("b"), Some("h"));
        check("OPTIONS * HTTP/1.1", "*", None, None);
        check("OPTIONS /a HTTP/1.1", "/a", None, None);
        check("CONNECT h:443 HTTP/1.1", "", None, Some("h:443"));
        check("brew /pot HTTP/1.1", "/pot", None, None);
    }

    #[test]
    fn the_version_decides_how_a_request_is_served() {
        for (line, expected) in [
            (&b"GET / HTTP/1.0"[..], Ok(Version::Http10)),
            (b"GET / HTTP/1.1", Ok(Version::Http11)),
            (b"GET / HTTP/1.2", Ok(Version::Http11)),
            (b"GET / HTTP/2.0", Err(Error::VersionUnsupported)),
            (b"GET / HTTP/0.9", Err(Error::VersionUnsupported)),
            (b"GET / HTTP/1.10", Err(Error::RequestLine)),
            (b"GET / HTTP/01.1", Err(Error::RequestLine)),
            (b"GET / http/1.1", Err(Error::RequestLine)),
            (b"GET / HTTP/+1.1", Err(Error::RequestLine)),
            (b"GET / HTTP/1,1", Err(Error::RequestLine)),
            (b"GET / HTTP/1", Err(Error::RequestLine)),
        ] {
            assert_eq!(parse(line).map(|parsed| parsed.version), expected);
        }
    }

    #[test]
    fn a_line_of_another_shape_is_refused() {
        for line in [
            &b""[..],
            b"GET",
            b"GET /",
            b"GET HTTP/1.1",
            b"GET  / HTTP/1.1",
            b"GET /  HTTP/1.1",
            b"GET / HTTP/1.1 ",
            b" GET / HTTP/1.1",
            b"GET\t/ HTTP/1.1",
            b"GE(T / HTTP/1.1",
            b"G\0T / HTTP/1.1",
            b"\x16\x03\x01\x02",
        ] {
            assert_eq!(parse(line), Err(Error::RequestLine), "{}", line.escape_ascii());
        }
        for target in [
            &b"*"[..],
            b"a",
            b"/#",
            b"/\\",
            b"/\x01",
            b"/\x7f",
            b"/\xc3\xa9",
            b"ftp://h/",
            b"http:/a",
            b"/\"",
        ] {
            let line = [b"GET ", target, b" HTTP/1.1"].concat();
            assert_eq!(parse(&line), Err(Error::Target), "{}", line.escape_ascii());
        }
        for target in ["http:///a", "http://u:p@h/a", "http://a,b/", "http://h:x/"] {
            let line = format!("GET {target} HTTP/1.1");
            assert_eq!(parse(line.as_bytes()), Err(Error::HostInvalid), "{line}");
        }
        assert_eq!(parse(b"CONNECT h HTTP/1.1"), Err(Error::Target));
        assert_eq!(parse(b"CONNECT /a HTTP/1.1"), Err(Error::Target));
    }

    #[test]
    fn method_and_target_have_a_longest_length() {
        let line = |method: usize, target: usize| {
            format!("{} /{} HTTP/1.1", "M".repeat(method), "t".repeat(target - 1))
        };
        assert!(parse(line(32, 8 << 10).as_bytes()).is_ok());
        assert_eq!(
            line(32, 8 << 10).len(),
            RequestLine::bytes_max(&Limits::default())
        );
        assert_eq!(parse(line(33, 1).as_bytes()), Err(METHOD_TOO_LONG));
        assert_eq!(
            parse(line(1, (8 << 10) + 1).as_bytes()),
            Err(Error::TargetTooLong { limit: 8 << 10 })
        );
    }
}
