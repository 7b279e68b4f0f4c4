//! The one place that decides whether a request comes in: credential, route, origin and host to a verdict.
//!
//! It sees every request before anybody else, whatever it asks for: a document, a message, a stream of events, the REST
//! routes, a WebSocket. **Invariant:** nothing but [`Core::decide`] makes an [`Admitted`], and nothing is served without
//! one; so a route cannot be forgotten here, only not be written. The verdict on one request:
//!
//! 1. Host: a name that is not ours is a page's name that was made to point here (DNS rebinding).
//! 2. Origin: a web page that is not on the list may not ask, whatever else it brings.
//! 3. Path and method.
//! 4. Credential: who it is, unless the route is for everybody.
//! 5. Scope: whether that caller may do what the route does.
//!
//! What a message may do beyond its route (a tool that writes) is asked of the same [`Identity`].

use std::sync::Arc;

use super::core::Core;
use super::ready::Principal;
use super::route::Route;
use super::settings::{HostRule, Settings};
use crate::access::keys::Refused;
use crate::access::{Identity, KeyRing, Scope};
use crate::ident::ConnectionId;
use crate::time::Now;
use crate::wire::http::Request;

/// What credentials are accepted, as things stand.
#[derive(Debug)]
pub(super) struct Access {
    /// Whether anybody is asked who it is. Not the same as having keys: a key file may become empty.
    is_guarded: bool,
    keys: KeyRing,
}

/// Who asks. Nobody is known where nobody is asked.
pub(super) type Caller = Option<Arc<Identity>>;

/// Why a request does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A Host that is not ours.
    Host,
    /// A web page that is not allowed to ask.
    Origin,
    /// No such path.
    Path,
    /// A method that HTTP does not name.
    UnknownMethod,
    /// A method that this path does not serve.
    Method(Route),
    /// No credential.
    NoKey,
    /// One that nobody has.
    WrongKey,
    /// One that has had its time.
    ExpiredKey,
    /// A caller that may not do what the route does.
    Scope(Scope),
}

impl Refusal {
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Host | Self::Origin | Self::Scope(_) => 403,
            Self::Path => 404,
            Self::UnknownMethod => 501,
            Self::Method(_) => 405,
            Self::NoKey | Self::WrongKey | Self::ExpiredKey => 401,
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
            Self::NoKey => "a key is needed: send Authorization: Bearer KEY",
            Self::WrongKey => "this key is not valid",
            Self::ExpiredKey => "this key has expired; ask the operator for a new one",
            Self::Scope(_) => "this key may not do that; WWW-Authenticate names the scope that is needed",
        }
    }
}

/// A request that may come in.
#[derive(Debug, Clone)]
pub(super) struct Admitted<'a> {
    route: Route,
    caller: Caller,
    cors_origin: Option<&'a str>,
}

impl<'a> Admitted<'a> {
    pub(super) fn route(&self) -> Route {
        self.route
    }

    /// Who asks.
    pub(super) fn into_caller(self) -> Caller {
        self.caller
    }

    /// The page's origin, if answers may be read by it.
    pub(super) fn cors_origin(&self) -> Option<&'a str> {
        self.cors_origin
    }
}

impl Access {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            is_guarded: settings.is_guarded || !settings.keys.is_empty(),
            keys: settings.keys.clone(),
        }
    }

    /// What `WWW-Authenticate` says about a refusal (RFC 6750 section 3).
    pub(super) fn challenge(&self, refusal: Refusal) -> Option<String> {
        let fault = match refusal {
            Refusal::NoKey => "",
            Refusal::WrongKey => ", error=\"invalid_token\"",
            Refusal::ExpiredKey => {
                ", error=\"invalid_token\", error_description=\"the key or token has expired\""
            }
            Refusal::Scope(scope) => {
                return Some(format!(
                    "Bearer realm=\"snowflake-mcp\", error=\"insufficient_scope\", scope=\"{scope}\""
                ));
            }
            Refusal::Host | Refusal::Origin | Refusal::Path | Refusal::UnknownMethod | Refusal::Method(_) => {
                return None;
            }
        };
        Some(format!("Bearer realm=\"snowflake-mcp\"{fault}"))
    }

    /// Whose credential the request carries. All of them come in the one field `Authorization`: what stands in a URL
    /// ends in logs, and what stands in a cookie is sent by pages.
    fn authenticate(&self, request: Request<'_>, now: Now) -> Result<Arc<Identity>, Refusal> {
        let mut lines = request.field_lines("authorization");
        let value = match (lines.next(), lines.next()) {
            (Some(value), None) => value,
            (None, _) => return Err(Refusal::NoKey),
            // Another server on the way may have looked at the other one (RFC 9110 section 5.3): neither is believed.
            (Some(_), Some(_)) => return Err(Refusal::WrongKey),
        };
        let (scheme, rest) = value.split_at_checked(7).ok_or(Refusal::WrongKey)?;
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return Err(Refusal::WrongKey);
        }
        self.keys
            .find(rest.trim_ascii(), now.wall)
            .map_err(|refused| match refused {
                Refused::Unknown => Refusal::WrongKey,
                Refused::Expired => Refusal::ExpiredKey,
            })
    }
}

impl Core {
    /// Decides.
    pub(super) fn decide<'a>(
        &self,
        settings: &Settings,
        request: Request<'a>,
        now: Now,
    ) -> Result<Admitted<'a>, Refusal> {
        check_host(&settings.hosts, request)?;
        let cors_origin = check_origin(&settings.origins, request)?;
        let route = check_route(settings, request)?;
        let need = route
            .need()
            .filter(|_| self.access.is_guarded && request.method() != "OPTIONS");
        let caller = match need {
            None => None,
            Some(scope) => {
                let caller = self.access.authenticate(request, now)?;
                if caller.scope < scope {
                    return Err(Refusal::Scope(scope));
                }
                Some(caller)
            }
        };
        Ok(Admitted {
            route,
            caller,
            cors_origin,
        })
    }
}

/// On whose account a caller's calls run: its own, or its connection's where nobody is known.
pub(super) fn principal(caller: &Caller, connection: ConnectionId) -> Principal {
    match caller {
        Some(caller) => Principal::Known(caller.mark),
        None => Principal::Connection(connection),
    }
}

/// What sessions, cursors and tasks of a caller are bound to; nothing where nobody is known.
pub(super) fn mark(caller: &Caller) -> &[u8] {
    caller.as_ref().map_or(&[], |caller| caller.mark.as_bytes())
}

fn check_host(rule: &HostRule, request: Request<'_>) -> Result<(), Refusal> {
    let HostRule::LoopbackAnd(names) = rule else {
        return Ok(());
    };
    match request.authority() {
        Some(host) if !is_host_served(host, names) => Err(Refusal::Host),
        // HTTP/1.0 may leave it out; such a client is no browser.
        _ => Ok(()),
    }
}

/// The origin, if it is one that may read answers.
fn check_origin<'a>(listed: &[String], request: Request<'a>) -> Result<Option<&'a str>, Refusal> {
    let mut origins = request
        .field_lines("origin")
        .map(|value| str::from_utf8(value).unwrap_or("?"));
    let (first, second) = (origins.next(), origins.next());
    let is_listed = |origin: &str| {
        listed
            .iter()
            .any(|own| own == "*" || own.eq_ignore_ascii_case(origin))
    };
    match (first, second) {
        (None, _) => Ok(None),
        // No browser sends two.
        (Some(_), Some(_)) => Err(Refusal::Origin),
        (Some(origin), None) if is_listed(origin) => Ok(Some(origin)),
        // A page of this machine passes and cannot read the answer.
        (Some(origin), None) if is_loopback_origin(origin) => Ok(None),
        (Some(_), None) => Err(Refusal::Origin),
    }
}

/// The origin that may read why it was refused.
pub(super) fn readable_by<'a>(
    settings: &Settings,
    request: Request<'a>,
    refusal: Refusal,
) -> Option<&'a str> {
    match refusal {
        Refusal::Host | Refusal::Origin => None,
        _ => check_origin(&settings.origins, request).ok().flatten(),
    }
}

fn check_route(settings: &Settings, request: Request<'_>) -> Result<Route, Refusal> {
    let route = Route::of(request.path(), settings).ok_or(Refusal::Path)?;
    match request.method() {
        "GET" | "HEAD" | "POST" | "DELETE" | "OPTIONS" if route.allow().contains(request.method()) => {
            Ok(route)
        }
        "GET" | "HEAD" | "POST" | "OPTIONS" | "PUT" | "DELETE" | "PATCH" | "TRACE" | "CONNECT" => {
            Err(Refusal::Method(route))
        }
        _ => Err(Refusal::UnknownMethod),
    }
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
