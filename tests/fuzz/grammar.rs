//! A second opinion on HTTP/1.1: the grammar of RFC 9112, written as it stands there, over bytes that are all there.
//!
//! It shares nothing with the codec: no state between reads, no limits but those that small input reaches, one whole
//! message after the other. Where the program is stricter than the RFC (hosts, transfer codings, repeated fields) so is
//! the grammar.

use snowflake_mcp::fuzz::HEAD;
use snowflake_mcp::fuzz::http::{Taken, exchange};
use snowflake_mcp::limits::Limits;
use snowflake_mcp::wire::http::Version;

use crate::run;

/// A fault: what follows is nobody's message.
#[derive(Debug)]
struct Refused;

type Parsed<T> = Result<T, Refused>;

fn require(holds: bool) -> Parsed<()> {
    if holds { Ok(()) } else { Err(Refused) }
}

/// The messages of a connection that ends behind `bytes`, and whether a fault follows them.
fn messages(mut bytes: &[u8]) -> (Vec<Taken>, bool) {
    let mut taken = Vec::new();
    loop {
        // RFC 9112 section 2.2: one empty line before a request is ignored.
        bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
        if bytes.is_empty() {
            return (taken, false);
        }
        match message(&mut bytes) {
            Err(Refused) => return (taken, true),
            Ok((request, is_kept)) => {
                taken.push(request);
                if !is_kept {
                    return (taken, false);
                }
            }
        }
    }
}

/// HTTP-message = start-line CRLF *( field-line CRLF ) CRLF [ message-body ]
fn message(bytes: &mut &[u8]) -> Parsed<(Taken, bool)> {
    let (method, target, version) = request_line(line(bytes)?)?;
    let mut fields = Vec::new();
    loop {
        match line(bytes)? {
            [] => break,
            field => fields.push(field_line(field)?),
        }
    }
    require(fields.len() <= 64)?;
    let all = |name: &str| -> Vec<&[u8]> {
        let named = fields
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &value[..]).collect()
    };
    // Section 3.2: exactly one Host in HTTP/1.1, at most one ever.
    let hosts = all("Host");
    require(hosts.len() <= 1 && (version == Version::Http10 || hosts.len() == 1))?;
    require(hosts.iter().all(|host| is_authority(host, false)))?;
    let (codings, lengths) = (all("Transfer-Encoding"), all("Content-Length"));
    let expectations = all("Expect");
    let body = match (&codings[..], &lengths[..]) {
        ([], []) => Some(0),
        ([], [length]) => Some(decimal(length)?),
        ([coding], []) => {
            require(version == Version::Http11 && coding.eq_ignore_ascii_case(b"chunked"))?;
            None
        }
        _ => return Err(Refused),
    };
    if version == Version::Http11 {
        require(expectations.len() <= 1)?;
        let is_known = |value: &&[u8]| value.eq_ignore_ascii_case(b"100-continue");
        require(expectations.iter().all(is_known))?;
    }
    let body = match body {
        Some(length) => take(bytes, length)?.to_vec(),
        None => chunked(bytes)?,
    };
    let options = all("Connection").join(&b","[..]);
    let has_option = |name: &[u8]| {
        let mut options = options.split(|&byte| byte == b',');
        options.any(|option| option.trim_ascii().eq_ignore_ascii_case(name))
    };
    let is_kept = !has_option(b"close") && (version == Version::Http11 || has_option(b"keep-alive"));
    let taken = Taken {
        method,
        target,
        version,
        fields,
        body,
    };
    Ok((taken, is_kept))
}

/// The bytes before the next CRLF; no CR and no LF stands alone in them.
fn line<'a>(bytes: &mut &'a [u8]) -> Parsed<&'a [u8]> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n").ok_or(Refused)?;
    let line = &bytes[..end];
    require(!line.iter().any(|byte| b"\r\n".contains(byte)))?;
    *bytes = &bytes[end + 2..];
    Ok(line)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Parsed<&'a [u8]> {
    let taken = bytes.get(..count).ok_or(Refused)?;
    *bytes = &bytes[count..];
    Ok(taken)
}

/// request-line = method SP request-target SP HTTP-version
fn request_line(line: &[u8]) -> Parsed<(String, String, Version)> {
    let parts: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let [method, target, version] = parts[..] else {
        return Err(Refused);
    };
    require(!method.is_empty() && method.len() <= 32 && method.iter().all(is_tchar))?;
    let version = match version {
        b"HTTP/1.0" => Version::Http10,
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => Version::Http11,
        _ => return Err(Refused),
    };
    // Visible ASCII without what a URI never holds.
    let is_uri = |byte: &u8| (0x21..=0x7e).contains(byte) && !b"\"#<>\\".contains(byte);
    require(target.len() <= 8 << 10 && target.iter().all(is_uri))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let lower = text(target).to_ascii_lowercase();
    let scheme = ["http://", "https://"]
        .iter()
        .find(|scheme| lower.starts_with(**scheme));
    match (method, target.first(), scheme) {
        (b"CONNECT", _, _) => require(is_authority(target, true))?,
        (_, Some(b'/'), _) => {}
        (b"OPTIONS", _, _) if target == b"*" => {}
        (_, _, Some(scheme)) => {
            let rest = &target[scheme.len()..];
            let authority = rest.split(|byte| b"/?".contains(byte)).next();
            require(is_authority(authority.unwrap_or_default(), false))?;
        }
        _ => return Err(Refused),
    }
    Ok((text(method), text(target), version))
}

/// field-line = field-name ":" OWS field-value OWS
fn field_line(line: &[u8]) -> Parsed<(String, Vec<u8>)> {
    let colon = line.iter().position(|&byte| byte == b':').ok_or(Refused)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    require(!name.is_empty() && name.iter().all(is_tchar))?;
    require(value.iter().all(is_field_byte))?;
    let is_space = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let start = value
        .iter()
        .position(|byte| !is_space(byte))
        .unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(|byte| !is_space(byte))
        .map_or(start, |last| last + 1);
    Ok((
        String::from_utf8_lossy(name).into_owned(),
        value[start..end].to_vec(),
    ))
}

/// chunked-body = *chunk last-chunk trailer-section CRLF
fn chunked(bytes: &mut &[u8]) -> Parsed<Vec<u8>> {
    let (mut body, mut extension_bytes) = (Vec::new(), 0);
    loop {
        let head = line(bytes)?;
        let digits = head.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        require((1..=16).contains(&digits))?;
        let size = u64::from_str_radix(&String::from_utf8_lossy(&head[..digits]), 16).map_err(|_| Refused)?;
        match &head[digits..] {
            [] => {}
            [b';', extension @ ..] => {
                require(extension.iter().all(is_field_byte))?;
                extension_bytes += extension.len();
                require(extension_bytes <= 4 << 10)?;
            }
            _ => return Err(Refused),
        }
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).map_err(|_| Refused)?;
        body.extend_from_slice(take(bytes, size)?);
        require(take(bytes, 2)? == b"\r\n")?;
    }
    loop {
        match line(bytes)? {
            [] => return Ok(body),
            trailer => drop(field_line(trailer)?),
        }
    }
}

/// Content-Length = 1*DIGIT, of a body that is no longer than small input can be.
fn decimal(digits: &[u8]) -> Parsed<usize> {
    require(!digits.is_empty() && digits.iter().all(u8::is_ascii_digit))?;
    let text = String::from_utf8_lossy(digits);
    match text.trim_start_matches('0') {
        "" => Ok(0),
        number => number.parse().map_err(|_| Refused),
    }
}

/// uri-host [ ":" port ], with hosts of names and addresses only.
fn is_authority(bytes: &[u8], needs_port: bool) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let (host, port) = match text.rfind(']') {
        Some(end) => {
            let rest = &text[end + 1..];
            let port = if rest.is_empty() {
                Some("")
            } else {
                rest.strip_prefix(':')
            };
            let Some(port) = port else { return false };
            (&text[..=end], port)
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => {
            address.len() >= 2
                && address
                    .chars()
                    .all(|c| c.is_ascii_hexdigit() || c == ':' || c == '.')
        }
        None => {
            !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
        }
    };
    let is_port = port.len() <= 5 && port.chars().all(|c| c.is_ascii_digit());
    is_host && is_port && !(needs_port && port.is_empty())
}

fn is_tchar(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

/// VCHAR, obs-text, SP and HTAB.
fn is_field_byte(byte: &u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x7e | 0x80..=0xff)
}

/// The codec and the grammar take the same requests from the same bytes, and refuse at the same one.
fn agree(bytes: &[u8]) {
    let (taken, is_refused) = messages(bytes);
    let outcome = exchange(&[bytes], true, &Limits::default());
    assert_eq!(outcome.taken, taken);
    assert_eq!(
        outcome.fault.is_some(),
        is_refused,
        "the codec says {:?}",
        outcome.fault
    );
}

#[test]
fn requests_are_those_of_the_grammar() {
    run("http", 8_000, &agree);
}

#[test]
fn bodies_in_chunks_are_those_of_the_grammar() {
    run("chunked", 8_000, &|bytes| agree(&[HEAD, bytes].concat()));
}
