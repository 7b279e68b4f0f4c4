//! The host and port that a request is for, as they stand in `Host` and in the target (RFC 9110 section 7.2).
//!
//! Does not know which hosts are ours: the server compares.

/// Whether `authority` is a host with an optional port.
///
/// Narrower than the `uri-host` of RFC 3986: a name has letters, digits, `-`, `.`, `_` and `~`. Percent-encoding and
/// the sub-delimiters (among them `,` and `;`) are legal there but in no host name's use, and a list hidden in `Host`
/// is how two servers are made to disagree about it. User information is never legal (RFC 9110 section 4.2.4).
pub(super) fn is_authority(authority: &[u8]) -> bool {
    split(authority).is_some()
}

/// Whether `authority` is a host with a port, as CONNECT needs it (RFC 9112 section 3.2.3).
pub(super) fn is_authority_with_port(authority: &[u8]) -> bool {
    split(authority).is_some_and(|port| !port.is_empty())
}

/// The digits of the port, empty without one; `None` if this is no authority.
fn split(authority: &[u8]) -> Option<&[u8]> {
    let rest = if authority.first() == Some(&b'[') {
        let end = authority.iter().position(|&byte| byte == b']')?;
        let address = &authority[1..end];
        let is_address = address.len() >= 2 && address.iter().all(|&byte| is_address_byte(byte));
        is_address.then(|| &authority[end + 1..])?
    } else {
        let end = authority
            .iter()
            .position(|&byte| byte == b':')
            .unwrap_or(authority.len());
        let name = &authority[..end];
        let is_name = !name.is_empty() && name.iter().all(|&byte| is_name_byte(byte));
        is_name.then(|| &authority[end..])?
    };
    match rest {
        [] => Some(rest),
        [b':', port @ ..] => {
            let is_port = port.len() <= PORT_DIGITS_MAX && port.iter().all(u8::is_ascii_digit);
            is_port.then_some(port)
        }
        _ => None,
    }
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// IPv6, with an IPv4 tail perhaps. A zone has no meaning to another machine (RFC 9110 section 4.2).
const fn is_address_byte(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
}

const PORT_DIGITS_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for good in [
            "a",
            "localhost",
            "127.0.0.1:8000",
            "[::1]",
            "[::1]:80",
            "a-b.example_c:1",
            "a:",
            "[::ffff:1.2.3.4]:5",
        ] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "a/b",
            "u@a",
            "a:8x",
            "a:123456",
            "a, b",
            "[::1",
            "[]",
            "[::1]x",
            "[fe80::1%25eth0]",
            "a?b",
            "<script>",
            "a:1:2",
            "h\u{e9}",
            "a;b",
            "a%41",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn connect_needs_a_port() {
        assert!(is_authority_with_port(b"a:443"));
        for bad in [&b"a"[..], b"a:", b"[::1]", b":1"] {
            assert!(!is_authority_with_port(bad));
        }
    }
}
