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
//! 6. Login: whether it brings its own login to the database, where the operator wants that.
//!
//! What a message may do beyond its route (a tool that writes) is asked of the same [`Identity`].

use std::borrow::Cow;
use std::sync::Arc;

use super::core::Core;
use super::route::Route;
use super::settings::{HostRule, Settings};
use crate::access::fetch::Wanted;
use crate::access::identity::Kind;
use crate::access::issuers::{Times, Verdict};
use crate::access::key_set::KeySet;
use crate::access::keys::Refused;
use crate::access::{Identity, Issuers, KeyRing, Logins, Mark, Scope, logins};
use crate::time::Now;
use crate::tools::Rights;
use crate::wire::http::Request;

/// What credentials are accepted, as things stand.
#[derive(Debug)]
pub(super) struct Access {
    /// Whether anybody is asked who it is. Not the same as having keys: a key file may become empty.
    is_guarded: bool,
    keys: KeyRing,
    issuers: Option<Issuers>,
    /// Callers' own logins to the database, where they bring them along.
    logins: Option<Logins>,
    /// What must be fetched before more can be said.
    wanted: Vec<Wanted>,
    /// Who waits for the keys of an issuer waits no longer.
    pub(super) is_out_of_patience: bool,
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
    /// A token whose issuer's keys are on their way. Never told: the request is held.
    KeysAwaited,
    /// A token whose issuer's keys cannot be had.
    KeysMissing,
    /// A caller that may not do what the route does.
    Scope(Scope),
    /// No login to the database, where each caller must bring its own.
    NoLogin,
    /// One that cannot be a token.
    OddLogin,
    /// One more than are kept.
    TooManyLogins,
}

impl Refusal {
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::OddLogin => 400,
            Self::Host | Self::Origin | Self::Scope(_) | Self::NoLogin => 403,
            Self::Path => 404,
            Self::UnknownMethod => 501,
            Self::Method(_) => 405,
            Self::NoKey | Self::WrongKey | Self::ExpiredKey => 401,
            Self::KeysAwaited | Self::KeysMissing | Self::TooManyLogins => 503,
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
            Self::NoKey => "a key or token is needed: send Authorization: Bearer KEY",
            Self::WrongKey => "this key or token is not valid",
            Self::ExpiredKey => "this key or token has expired; get a new one",
            Self::KeysAwaited | Self::KeysMissing => {
                "the token cannot be checked, because the keys of its issuer cannot be fetched; try again in a few seconds"
            }
            Self::Scope(_) => {
                "this key or token may not do that; WWW-Authenticate names the scope that is needed"
            }
            Self::NoLogin => {
                "your own Snowflake token is needed, and no other login is used for you: send it in the header"
            }
            Self::OddLogin => {
                "what came as your Snowflake token cannot be one: expected one token, without spaces, at most once, in the header"
            }
            Self::TooManyLogins => {
                "as many callers with Snowflake tokens of their own are here as may be; try again in a minute"
            }
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
            is_guarded: settings.is_guarded || !settings.keys.is_empty() || settings.resource.is_some(),
            keys: settings.keys.clone(),
            issuers: settings.resource.clone().map(|resource| {
                let limits = &settings.limits;
                let times = Times {
                    renew_after: limits.token_keys_renewal,
                    refetch_after: limits.token_keys_interval,
                };
                Issuers::new(resource, times, limits.tokens_checked_max)
            }),
            logins: settings.logins.clone().map(|rule| {
                let limits = &settings.limits;
                Logins::new(rule, limits.logins_max, limits.login_idle_max)
            }),
            wanted: Vec::new(),
            is_out_of_patience: false,
        }
    }

    /// What a refusal says to whoever asked.
    pub(super) fn words(&self, refusal: Refusal) -> Cow<'static, str> {
        match (refusal, &self.logins) {
            (Refusal::NoLogin | Refusal::OddLogin, Some(logins)) => {
                Cow::Owned(format!("{} {}", refusal.message(), logins.rule().field))
            }
            _ => Cow::Borrowed(refusal.message()),
        }
    }

    /// Accepts other keys from now on.
    pub(super) fn replace_keys(&mut self, keys: KeyRing) {
        self.keys = keys;
    }

    /// Takes what came of fetching the keys of an issuer.
    pub(super) fn on_key_set(&mut self, issuer: usize, fetched: Result<KeySet, String>, now: Now) {
        if let Some(issuers) = &mut self.issuers {
            issuers.on_fetched(issuer, fetched, now);
        }
    }

    /// What must be fetched, once.
    pub(super) fn take_wanted(&mut self) -> Vec<Wanted> {
        std::mem::take(&mut self.wanted)
    }

    /// What clients of OAuth are told about this server.
    pub(super) fn metadata(&self) -> Vec<u8> {
        let issuers = self.issuers.as_ref();
        issuers.map_or_else(Vec::new, |issuers| issuers.resource().metadata())
    }

    /// Whether a caller that came in earlier would still be known: its connection may have outlived its credential.
    pub(super) fn is_known(&self, caller: &Identity, now: Now) -> bool {
        !caller.is_expired(now.wall)
            && match caller.kind {
                Kind::Key => self.keys.holds(caller, now.wall),
                // A token is good for its time, a certificate for its connection; of a login the database knows.
                Kind::Token | Kind::Certificate | Kind::Login => true,
            }
    }

    /// What `WWW-Authenticate` says about a refusal (RFC 6750 section 3, RFC 9728 section 5.1).
    pub(super) fn challenge(&self, refusal: Refusal) -> Option<String> {
        let (fault, need) = match refusal {
            Refusal::NoKey => ("", Scope::Read),
            Refusal::WrongKey => (", error=\"invalid_token\"", Scope::Read),
            Refusal::ExpiredKey => (
                ", error=\"invalid_token\", error_description=\"the key or token has expired\"",
                Scope::Read,
            ),
            Refusal::Scope(scope) => (", error=\"insufficient_scope\"", scope),
            Refusal::Host
            | Refusal::Origin
            | Refusal::Path
            | Refusal::UnknownMethod
            | Refusal::KeysAwaited
            | Refusal::KeysMissing
            | Refusal::NoLogin
            | Refusal::OddLogin
            | Refusal::TooManyLogins
            | Refusal::Method(_) => return None,
        };
        let mut challenge = format!("Bearer realm=\"snowflake-mcp\"{fault}");
        let scopes = match &self.issuers {
            Some(issuers) => issuers.scopes_for(need),
            None if matches!(refusal, Refusal::Scope(_)) => need.name().to_owned(),
            None => String::new(),
        };
        if !scopes.is_empty() {
            challenge.push_str(&format!(", scope=\"{scopes}\""));
        }
        if let Some(issuers) = &self.issuers {
            let url = issuers.resource().metadata_url();
            challenge.push_str(&format!(", resource_metadata=\"{url}\""));
        }
        Some(challenge)
    }

    /// Whose credential the request carries, or whose certificate its connection has. A token of an issuer is told from a key by its form. All of them come in the one field `Authorization`: what stands in a URL
    /// ends in logs, and what stands in a cookie is sent by pages.
    fn authenticate(
        &mut self,
        request: Request<'_>,
        certificate: &Caller,
        now: Now,
    ) -> Result<Arc<Identity>, Refusal> {
        let mut lines = request.field_lines("authorization");
        let value = match (lines.next(), lines.next()) {
            (Some(value), None) => value,
            // One that is shown is judged, also where a certificate would do.
            (None, _) => return certificate.clone().ok_or(Refusal::NoKey),
            // Another server on the way may have looked at the other one (RFC 9110 section 5.3): neither is believed.
            (Some(_), Some(_)) => return Err(Refusal::WrongKey),
        };
        let (scheme, rest) = value.split_at_checked(7).ok_or(Refusal::WrongKey)?;
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return Err(Refusal::WrongKey);
        }
        let credential = rest.trim_ascii();
        if let Some(issuers) = &mut self.issuers
            && credential.iter().filter(|byte| **byte == b'.').count() == 2
        {
            return match issuers.check(credential, now, &mut self.wanted) {
                Verdict::Known(identity) => Ok(identity),
                Verdict::Invalid => Err(Refusal::WrongKey),
                Verdict::Expired => Err(Refusal::ExpiredKey),
                Verdict::Waits if !self.is_out_of_patience => Err(Refusal::KeysAwaited),
                Verdict::Waits | Verdict::Unavailable => Err(Refusal::KeysMissing),
            };
        }
        self.keys
            .find(credential, now.wall)
            .map_err(|refused| match refused {
                Refused::Unknown => Refusal::WrongKey,
                Refused::Expired => Refusal::ExpiredKey,
            })
    }
}

impl Core {
    /// Decides.
    pub(super) fn decide<'a>(
        &mut self,
        settings: &Settings,
        request: Request<'a>,
        certificate: &Caller,
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
                let caller = self.access.authenticate(request, certificate, now)?;
                if caller.scope < Some(scope) {
                    return Err(Refusal::Scope(scope));
                }
                Some(caller)
            }
        };
        let caller = match route.need() {
            Some(Scope::Read) if request.method() != "OPTIONS" => self.with_login(caller, request, now)?,
            _ => caller,
        };
        Ok(Admitted {
            route,
            caller,
            cors_origin,
        })
    }
}

impl Core {
    /// The caller together with the login to the database that it brings along, where callers do.
    fn with_login(&mut self, caller: Caller, request: Request<'_>, now: Now) -> Result<Caller, Refusal> {
        let Some(logins) = &mut self.access.logins else {
            return Ok(caller);
        };
        let field = Arc::clone(&logins.rule().field);
        let found = logins.caller(caller, request.field_lines(&field), now.monotonic);
        for mark in logins.take_gone() {
            self.accounts.forget_login(mark);
        }
        found.map_err(|refused| match refused {
            logins::Refused::Missing => Refusal::NoLogin,
            logins::Refused::Malformed => Refusal::OddLogin,
            logins::Refused::TooMany => Refusal::TooManyLogins,
        })
    }
}

/// What a caller is told apart by, where one is known.
pub(super) fn known(caller: &Caller) -> Option<Mark> {
    caller.as_ref().map(|caller| caller.mark)
}

/// What sessions, cursors and tasks of a caller are bound to; nothing where nobody is known.
pub(super) fn mark(caller: &Caller) -> &[u8] {
    caller.as_ref().map_or(&[], |caller| caller.mark.as_bytes())
}

/// What a caller may besides coming in, and as whom.
pub(super) fn rights(caller: &Caller) -> Rights<'_> {
    caller.as_ref().map_or_else(Rights::default, |caller| Rights {
        is_reader: caller.scope < Some(Scope::Write),
        credential: Some(caller.credential.as_bytes()),
        login: caller.login.as_ref(),
    })
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
        method if route.methods().contains(&method) => Ok(route),
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
    let name = authority.trim_end_matches(|last: char| last.is_ascii_digit());
    match name.strip_suffix(':') {
        Some(host) if name.len() < authority.len() => host,
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
