//! What the fields of a head say about the connection: where the body ends, and what comes after it.
//!
//! Here are the rules against request smuggling (RFC 9112 sections 6.1, 6.3 and 11.2). They are all of one kind: where
//! two servers could read a request in two ways, it is refused. RFC 9112 allows a server to repair some of these
//! (equal `Content-Length` fields, `Transfer-Encoding` beside `Content-Length`); nothing is repaired here.

use super::error::Error;
use super::head::RequestHead;
use super::host;
use super::request_line::Version;
use crate::limits::Limits;

/// How the body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyLength {
    /// So many bytes; none without a field that says otherwise (RFC 9112 section 6.3, rule 7).
    Bytes(usize),
    /// Until the last chunk.
    Chunked,
}

/// What was read from the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Framing {
    pub(super) body: BodyLength,
    /// Another request may follow (RFC 9112 section 9.3).
    pub(super) is_kept_alive: bool,
    /// The peer waits for 100 Continue before it sends the body.
    pub(super) expects_continue: bool,
    /// `Connection: upgrade` in HTTP/1.1: what follows may be another protocol (RFC 9110 section 7.8).
    pub(super) wants_upgrade: bool,
}

impl Framing {
    /// Reads the framing of `head`, whose bytes are `bytes`.
    ///
    /// # Errors
    /// The first rule of RFC 9112 that does not hold, in the order: host, transfer coding, length, expectation.
    pub(super) fn read(head: &RequestHead, bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let version = head.line.version;
        let said = Said::collect(head, bytes)?;
        said.check_host(version)?;
        let body = said.body_length(version, limits)?;
        let expects_continue = said.expects_continue(version, body)?;
        let is_kept_alive = match version {
            Version::Http11 => !said.close,
            Version::Http10 => said.keep_alive && !said.close,
        };
        Ok(Self {
            body,
            is_kept_alive,
            expects_continue,
            wants_upgrade: said.upgrade && version == Version::Http11,
        })
    }
}

/// The fields that matter here, collected in one pass.
#[derive(Default)]
struct Said<'a> {
    host: Option<&'a [u8]>,
    length: Option<&'a [u8]>,
    coding: Option<&'a [u8]>,
    has_second_coding: bool,
    expectation: Option<&'a [u8]>,
    has_second_expectation: bool,
    close: bool,
    keep_alive: bool,
    upgrade: bool,
}

impl<'a> Said<'a> {
    fn collect(head: &'a RequestHead, bytes: &'a [u8]) -> Result<Self, Error> {
        let mut said = Self::default();
        for (name, value) in head.raw_fields(bytes) {
            if name.eq_ignore_ascii_case(b"host") {
                if said.host.replace(value).is_some() {
                    return Err(Error::HostRepeated);
                }
            } else if name.eq_ignore_ascii_case(b"content-length") {
                // Equal ones too: "a recipient MUST either reject or replace" (RFC 9110 section 8.6).
                if said.length.replace(value).is_some() {
                    return Err(Error::LengthRepeated);
                }
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                said.has_second_coding |= said.coding.replace(value).is_some();
            } else if name.eq_ignore_ascii_case(b"expect") {
                said.has_second_expectation |= said.expectation.replace(value).is_some();
            } else if name.eq_ignore_ascii_case(b"connection") {
                said.take_connection_options(value);
            }
        }
        Ok(said)
    }

    /// A list, perhaps in several lines (RFC 9110 section 7.6.1).
    fn take_connection_options(&mut self, value: &[u8]) {
        for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    /// RFC 9112 section 3.2. An empty host is refused too: no URI of the http scheme has one (RFC 9110 section 4.2.1).
    /// Beside an absolute-form target `Host` counts for nothing, yet must be there and be valid.
    fn check_host(&self, version: Version) -> Result<(), Error> {
        match self.host {
            None if version == Version::Http11 => Err(Error::HostMissing),
            None => Ok(()),
            Some(host) if host::is_authority(host) => Ok(()),
            Some(_) => Err(Error::HostInvalid),
        }
    }

    fn body_length(&self, version: Version, limits: &Limits) -> Result<BodyLength, Error> {
        let Some(coding) = self.coding else {
            return self.announced_length(limits).map(BodyLength::Bytes);
        };
        if version == Version::Http10 {
            return Err(Error::CodingInOldVersion);
        }
        if self.length.is_some() {
            return Err(Error::LengthAndCoding);
        }
        if self.has_second_coding || !coding.eq_ignore_ascii_case(b"chunked") {
            return Err(Error::CodingUnsupported);
        }
        Ok(BodyLength::Chunked)
    }

    fn announced_length(&self, limits: &Limits) -> Result<usize, Error> {
        let Some(digits) = self.length else { return Ok(0) };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Error::LengthInvalid);
        }
        // Whatever does not fit the number is longer than any limit. Leading zeros are legal and cost nothing.
        let length = digits.iter().try_fold(0_usize, |length, digit| {
            length.checked_mul(10)?.checked_add(usize::from(digit - b'0'))
        });
        match length {
            Some(length) if length <= limits.body_bytes_max => Ok(length),
            _ => Err(Error::BodyTooLong {
                limit: limits.body_bytes_max,
            }),
        }
    }

    /// RFC 9110 section 10.1.1: ignored in HTTP/1.0 and without a body.
    fn expects_continue(&self, version: Version, body: BodyLength) -> Result<bool, Error> {
        match self.expectation {
            Some(_) if version == Version::Http10 => Ok(false),
            Some(expected)
                if !self.has_second_expectation && expected.eq_ignore_ascii_case(b"100-continue") =>
            {
                Ok(body != BodyLength::Bytes(0))
            }
            Some(_) => Err(Error::ExpectationUnknown),
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http::head::{Scan, Scanned};

    fn read(version: &str, fields: &[&str]) -> Result<Framing, Error> {
        let text = format!("POST / {version}\r\n{}\r\n\r\n", fields.join("\r\n"));
        let limits = Limits {
            body_bytes_max: 1000,
            ..Limits::default()
        };
        let mut head = RequestHead::default();
        let scanned = Scan::default().advance(text.as_bytes(), &mut head, &limits);
        assert_eq!(scanned, Ok(Scanned::Whole), "{text}");
        Framing::read(&head, text.as_bytes(), &limits)
    }

    fn check_body(fields: &[&str], expected: Result<BodyLength, Error>) {
        let fields = [&["Host: a"], fields].concat();
        let found = read("HTTP/1.1", &fields).map(|framing| framing.body);
        assert_eq!(found, expected, "{fields:?}");
    }

    #[test]
    fn a_length_is_one_decimal_number() {
        let too_long = Err(Error::BodyTooLong { limit: 1000 });
        check_body(&[], Ok(BodyLength::Bytes(0)));
        check_body(&["Content-Length: 0"], Ok(BodyLength::Bytes(0)));
        check_body(&["cOnTeNt-LeNgTh:\t 0042 "], Ok(BodyLength::Bytes(42)));
        check_body(&["Content-Length: 1000"], Ok(BodyLength::Bytes(1000)));
        check_body(&["Content-Length: 1001"], too_long);
        check_body(&["Content-Length: 18446744073709551658"], too_long);
        check_body(
            &["Content-Length: 99999999999999999999999999999999999999999"],
            too_long,
        );
        for bad in [
            "", "+1", "-0", "0x1", "1.0", "1e1", "4 2", "4_2", "1;", "\"1\"", "1, 1", "\u{a0}1",
        ] {
            check_body(&[&format!("Content-Length: {bad}")], Err(Error::LengthInvalid));
        }
        check_body(
            &["Content-Length: 1", "Content-Length: 1"],
            Err(Error::LengthRepeated),
        );
        check_body(
            &["Content-Length: 1", "Content-Length: 0"],
            Err(Error::LengthRepeated),
        );
    }

    #[test]
    fn the_only_transfer_coding_is_chunked_alone() {
        check_body(&["Transfer-Encoding:\tChunked"], Ok(BodyLength::Chunked));
        check_body(&["Transfer_Encoding: chunked"], Ok(BodyLength::Bytes(0)));
        for bad in [
            "",
            "identity",
            "chunked, chunked",
            "gzip, chunked",
            "chunked, gzip",
            "chunked,",
            "xchunked",
            "chunked;q=1",
            "\"chunked\"",
            "chun ked",
        ] {
            check_body(
                &[&format!("Transfer-Encoding: {bad}")],
                Err(Error::CodingUnsupported),
            );
        }
        check_body(
            &["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
            Err(Error::CodingUnsupported),
        );
        check_body(
            &["Content-Length: 1", "Transfer-Encoding: chunked"],
            Err(Error::LengthAndCoding),
        );
        check_body(
            &["Transfer-Encoding: x", "Content-Length: 1"],
            Err(Error::LengthAndCoding),
        );
        let old = read("HTTP/1.0", &["Transfer-Encoding: chunked"]);
        assert_eq!(old, Err(Error::CodingInOldVersion));
    }

    #[test]
    fn there_is_one_valid_host() {
        let host = |version: &str, fields: &[&str]| read(version, fields).err();
        assert_eq!(host("HTTP/1.1", &["A: b"]), Some(Error::HostMissing));
        assert_eq!(host("HTTP/1.0", &["A: b"]), None);
        assert_eq!(
            host("HTTP/1.1", &["Host: a", "host: a"]),
            Some(Error::HostRepeated)
        );
        assert_eq!(
            host("HTTP/1.0", &["Host: a", "Host: a"]),
            Some(Error::HostRepeated)
        );
        assert_eq!(host("HTTP/1.1", &["Host:"]), Some(Error::HostInvalid));
        assert_eq!(host("HTTP/1.0", &["Host: a b"]), Some(Error::HostInvalid));
    }

    #[test]
    fn connection_options_are_a_list_over_all_lines() {
        let kept = |version: &str, fields: &[&str]| {
            let fields = [&["Host: a"], fields].concat();
            read(version, &fields).map(|framing| (framing.is_kept_alive, framing.wants_upgrade))
        };
        for (version, fields, expected) in [
            ("HTTP/1.1", &[][..], (true, false)),
            ("HTTP/1.1", &["Connection: keep-alive, CLOSE"], (false, false)),
            ("HTTP/1.1", &["Connection: x", "Connection:close"], (false, false)),
            ("HTTP/1.1", &["Connection: closed"], (true, false)),
            ("HTTP/1.1", &["Connection: keep-alive, Upgrade"], (true, true)),
            ("HTTP/1.0", &[], (false, false)),
            ("HTTP/1.0", &["Connection: Keep-Alive, upgrade"], (true, false)),
            ("HTTP/1.0", &["Connection: keep-alive, close"], (false, false)),
        ] {
            assert_eq!(kept(version, fields), Ok(expected), "{version} {fields:?}");
        }
    }

    #[test]
    fn the_only_expectation_is_100_continue() {
        let expects = |version: &str, fields: &[&str]| {
            let fields = [&["Host: a"], fields].concat();
            read(version, &fields).map(|framing| framing.expects_continue)
        };
        let body = "Content-Length: 1";
        assert_eq!(expects("HTTP/1.1", &[body, "Expect: 100-Continue"]), Ok(true));
        assert_eq!(
            expects(
                "HTTP/1.1",
                &["Transfer-Encoding: chunked", "Expect: 100-continue"]
            ),
            Ok(true)
        );
        assert_eq!(expects("HTTP/1.1", &["Expect: 100-continue"]), Ok(false));
        assert_eq!(expects("HTTP/1.0", &[body, "Expect: tea"]), Ok(false));
        for bad in ["Expect: tea", "Expect: 100-continue, tea", "Expect:"] {
            assert_eq!(expects("HTTP/1.1", &[body, bad]), Err(Error::ExpectationUnknown));
        }
        assert_eq!(
            expects("HTTP/1.1", &["Content-Length: 1001", "Expect: tea"]),
            Err(Error::BodyTooLong { limit: 1000 })
        );
    }
}
