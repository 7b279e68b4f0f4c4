//! One place that decides whether a request may come in and where it goes: Host, Origin, path, method and key.
//!
//! Every route and every upgrade passes [`admit`]; nothing behind it asks again.

use std::borrow::Cow;

use super::settings::{HostRule, Settings};
use crate::secret::Secret;
use crate::wire::http::Request;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// `*`: the server as a whole, which only OPTIONS asks about (RFC 9110 section 9.3.7).
    Everything,
    Mcp,
    Health,
    Live,
    Ready,
    Detailed,
    Status,
    Tools,
    ToolsCall,
    /// `GET /sse` of HTTP+SSE.
    Channel,
    /// Its `POST /messages`.
    ChannelMessages,
    Metrics,
}

impl Route {
    fn of(path: &str, settings: &Settings) -> Option<Self> {
        Some(match path {
            "*" => Self::Everything,
            "/mcp" => Self::Mcp,
            "/health" => Self::Health,
            "/health/live" => Self::Live,
            "/health/ready" => Self::Ready,
            "/health/detailed" => Self::Detailed,
            "/status" => Self::Status,
            "/mcp/tools" => Self::Tools,
            "/mcp/tools/call" => Self::ToolsCall,
            "/sse" => Self::Channel,
            "/messages" | "/messages/" => Self::ChannelMessages,
            _ if settings.metrics_path.as_deref() == Some(path) => Self::Metrics,
            _ => return None,
        })
    }

    /// The `Allow` header.
    pub(super) const fn allow(self) -> &'static str {
        match self {
            Self::Everything => "GET, HEAD, POST, OPTIONS",
            Self::Mcp => "GET, POST, DELETE, OPTIONS",
            Self::ToolsCall | Self::ChannelMessages => "POST, OPTIONS",
            Self::Channel => "GET, OPTIONS",
            Self::Health | Self::Live | Self::Ready | Self::Detailed => "GET, HEAD, OPTIONS",
            Self::Status | Self::Tools | Self::Metrics => "GET, HEAD, OPTIONS",
        }
    }

    const fn needs_key(self) -> bool {
        !matches!(self, Self::Health | Self::Live | Self::Ready)
    }
}

/// Why a request does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A Host that is not ours: a page's name that was made to point here.
    Host,
    /// A web page that is not allowed to ask.
    Origin,
    /// No such path.
    Path,
    /// A method that HTTP does not name.
    UnknownMethod,
    /// A method that this path does not serve.
    Method(Route),
    /// No key, or a wrong one.
    Key { presented: bool },
}

impl Refusal {
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Host | Self::Origin => 403,
            Self::Path => 404,
            Self::UnknownMethod => 501,
            Self::Method(_) => 405,
            Self::Key { .. } => 401,
        }
    }

    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Host => "this Host is not served here; use localhost, or let the operator allow the name",
            Self::Origin => {
                "this Origin may not call this server; the operator can allow it (MCP_CORS_ORIGINS)"
            }
            Self::Path => "no such path; POST /mcp speaks MCP, GET /health tells the state",
            Self::UnknownMethod => "this method is not implemented",
            Self::Method(_) => "this method is not allowed here; the Allow header names those that are",
            Self::Key { presented: false } => "a key is needed: send Authorization: Bearer KEY",
            Self::Key { presented: true } => "this key is not valid",
        }
    }
}

/// A request that may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admitted<'a> {
    pub(super) route: Route,
    /// Place of the caller's key in the list.
    pub(super) key: Option<usize>,
    /// The page's origin, if answers may be read by it.
    pub(super) cors_origin: Option<&'a str>,
}

/// Decides.
pub(super) fn admit<'a>(settings: &Settings, request: Request<'a>) -> Result<Admitted<'a>, Refusal> {
    if let HostRule::LoopbackAnd(names) = &settings.hosts {
        // HTTP/1.0 may leave it out; such a client is no browser.
        let host = request.authority();
        if host.is_some_and(|host| !is_host_served(host, names)) {
            return Err(Refusal::Host);
        }
    }
    let mut origins = request
        .field_lines("origin")
        .map(|value| str::from_utf8(value).unwrap_or("?"));
    let origin = origins.next();
    let listed = |origin: &str| {
        settings
            .origins
            .iter()
            .any(|own| own == "*" || own.eq_ignore_ascii_case(origin))
    };
    let cors_origin = origin.filter(|origin| listed(origin));
    let is_foreign = |origin: &str| !listed(origin) && !is_loopback_origin(origin);
    // No browser sends two.
    if origin.is_some_and(is_foreign) || origins.next().is_some() {
        return Err(Refusal::Origin);
    }
    let path = decoded(request.path());
    let Some(route) = Route::of(&path, settings) else {
        return Err(Refusal::Path);
    };
    match request.method() {
        "GET" | "HEAD" | "POST" | "DELETE" | "OPTIONS" if route.allow().contains(request.method()) => {}
        "GET" | "HEAD" | "POST" | "OPTIONS" | "PUT" | "DELETE" | "PATCH" | "TRACE" | "CONNECT" => {
            return Err(Refusal::Method(route));
        }
        _ => return Err(Refusal::UnknownMethod),
    }
    let key = if settings.api_keys.is_empty() || !route.needs_key() || request.method() == "OPTIONS" {
        None
    } else {
        Some(check_key(settings, request)?)
    };
    Ok(Admitted {
        route,
        key,
        cors_origin,
    })
}

/// Every key is compared, so that the time does not tell which one came close.
fn check_key(settings: &Settings, request: Request<'_>) -> Result<usize, Refusal> {
    let refused = Refusal::Key { presented: true };
    let mut lines = request.field_lines("authorization");
    let value = match (lines.next(), lines.next()) {
        (Some(value), None) => value,
        (None, _) => return Err(Refusal::Key { presented: false }),
        // Another server on the way may have looked at the other one (RFC 9110 section 5.3): neither is believed.
        (Some(_), Some(_)) => return Err(refused),
    };
    let (scheme, rest) = value.split_at_checked(7).ok_or(refused)?;
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return Err(refused);
    }
    let candidate = rest.trim_ascii();
    let compare = |found, (index, key): (usize, &Secret)| {
        if key.matches(candidate) {
            Some(index)
        } else {
            found
        }
    };
    settings
        .api_keys
        .iter()
        .enumerate()
        .fold(None, compare)
        .ok_or(refused)
}

/// The path with its percent-encoded characters decoded: `/%6dcp` is `/mcp` (RFC 3986 section 6.2.2.2). None of our paths
/// needs an encoding, so one that does not decode to ASCII matches nothing.
fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut parts = path.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) if byte.is_ascii_graphic() => {
                decoded.push(char::from(byte));
                decoded.push_str(&part[2..]);
            }
            _ => return Cow::Borrowed(path),
        }
    }
    Cow::Owned(decoded)
}

fn is_host_served(host: &str, names: &[String]) -> bool {
    let name = without_port(host);
    is_loopback_name(name)
        || names
            .iter()
            .any(|own| own.eq_ignore_ascii_case(name) || own.eq_ignore_ascii_case(host))
}

fn is_loopback_origin(origin: &str) -> bool {
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| is_loopback_name(without_port(authority)))
}

fn is_loopback_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}

/// `host` of `host:port`. A port that is no number makes the whole thing the name, which then matches nothing.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_letters_are_the_letters() {
        assert_eq!(decoded("/%6dcp"), "/mcp");
        assert_eq!(decoded("/mcp%2Ftools"), "/mcp/tools");
        for same in ["/mcp%", "/mcp%4", "/mcp%zz", "/mcp%00", "/mcp%c3%a9"] {
            assert_eq!(decoded(same), same);
        }
    }

    #[test]
    fn loopback_names_are_served_with_any_port_and_others_only_when_named() {
        let names = ["db.example.org".to_owned()];
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:8000",
            "db.example.org:443",
        ] {
            assert!(is_host_served(host, &names), "{host}");
        }
        for host in [
            "evil.example.com",
            "localhost.evil.com",
            "127.0.0.1.evil.com",
            "localhost:80x",
            "",
            "[::2]",
        ] {
            assert!(!is_host_served(host, &names), "{host}");
        }
    }

    #[test]
    fn only_loopback_pages_pass_without_being_listed() {
        for origin in [
            "http://localhost",
            "https://localhost:3000",
            "http://127.0.0.1:5173",
            "http://[::1]:1",
        ] {
            assert!(is_loopback_origin(origin), "{origin}");
        }
        for origin in [
            "null",
            "http://evil.example.com",
            "http://localhost.evil.com",
            "file://localhost",
            "?",
        ] {
            assert!(!is_loopback_origin(origin), "{origin}");
        }
    }
}
