//! Callers' own logins to Snowflake: in which header they come, and whether that is safe where the server listens.

use super::http::Listen;
use super::setting as s;
use super::source::{Found, Sources};
use super::{Engine, Error, Note, value};
use crate::access::logins::Rule;
use crate::snowflake::TokenKind;

/// Where callers bring their own logins along, and what these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logins {
    /// The header, and whether it may be missing.
    pub rule: Rule,
    /// What the tokens are.
    pub kind: TokenKind,
}

impl Logins {
    /// `None` where no header is named.
    pub(super) fn read(sources: &Sources, listen: Listen, is_tls: bool) -> Result<Option<Self>, Error> {
        let Some(found) = sources.find(&s::LOGIN_HEADER) else {
            let others = [&s::LOGIN_KIND, &s::LOGIN_OPTIONAL, &s::LOGIN_IN_CLEAR];
            return match others.into_iter().find_map(|setting| sources.find(setting)) {
                Some(found) => Err(Error::value(
                    &found,
                    "MCP_SNOWFLAKE_TOKEN_HEADER is not set, so no caller could bring a token: set it too",
                )),
                None => Ok(None),
            };
        };
        let kinds = [
            ("oauth", TokenKind::OAuth),
            ("programmatic_access_token", TokenKind::ProgrammaticAccess),
        ];
        let kind = sources.find(&s::LOGIN_KIND);
        let switch = |setting| {
            let found = sources.find(setting);
            found.map_or(Ok(false), |found: Found| value::switch(&found))
        };
        let is_reached = listen
            .addresses()
            .iter()
            .any(|address| !address.ip().to_canonical().is_loopback());
        if is_reached && !is_tls && !switch(&s::LOGIN_IN_CLEAR)? {
            return Err(Error::value(
                &found,
                "tokens of Snowflake would come from other machines over plain HTTP, where whoever stands between reads them: set --tls-cert and --tls-key, or MCP_SNOWFLAKE_TOKEN_IN_CLEAR=true if a proxy before the server speaks TLS",
            ));
        }
        Ok(Some(Self {
            rule: Rule {
                field: field(&found)?.into(),
                is_required: !switch(&s::LOGIN_OPTIONAL)?,
            },
            kind: kind.map_or(Ok(TokenKind::OAuth), |kind| value::choice(&kind, &kinds))?,
        }))
    }

    /// Puts what the engine has to know of it there.
    pub(super) fn tell(
        &self,
        sources: &Sources,
        engine: &mut Engine,
        notes: &mut Vec<Note>,
    ) -> Result<(), Error> {
        match engine {
            Engine::Snowflake(settings) => settings.callers_kind = self.kind,
            Engine::Demo => notes.push(Note::info(
                "MCP_SNOWFLAKE_TOKEN_HEADER: the embedded engine has no logins; callers are told apart by it all the same",
            )),
            // A token is for one account; sent to another, it would be given away.
            Engine::Several(_) => {
                if let Some(found) = sources.find(&s::LOGIN_HEADER) {
                    return Err(Error::value(
                        &found,
                        "callers' own tokens and several connections do not go together: a token is for one account",
                    ));
                }
            }
            Engine::Incomplete(_) => {}
        }
        Ok(())
    }
}

/// The name of the field, in lower case.
fn field(found: &Found) -> Result<String, Error> {
    let name = found.value.to_ascii_lowercase();
    // RFC 9110 section 5.6.2.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(is_token) {
        return Err(Error::value(
            found,
            "expected the name of a header, such as X-Snowflake-Token",
        ));
    }
    let is_taken = TAKEN.contains(&&*name) || TAKEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if is_taken {
        return Err(Error::value(
            found,
            "this header has a meaning of its own; expected another one, such as X-Snowflake-Token",
        ));
    }
    Ok(name)
}

/// Fields that something else is read from.
const TAKEN: [&str; 15] = [
    "accept",
    "authorization",
    "connection",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "last-event-id",
    "origin",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
const TAKEN_PREFIXES: [&str; 6] = [
    "access-control-",
    "content-",
    "mcp-",
    "proxy-",
    "sec-",
    "x-forwarded-",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    const HERE: Listen = Listen::Localhost { port: 1 };

    fn read(pairs: &[(&str, &str)], listen: Listen, is_tls: bool) -> Result<Option<Logins>, String> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Logins::read(&Sources::new([], pairs, []), listen, is_tls).map_err(|error| error.to_string())
    }

    const HEADER: (&str, &str) = ("MCP_SNOWFLAKE_TOKEN_HEADER", "X-Snowflake-Token");

    #[test]
    fn a_header_that_is_named_is_read_and_demanded() {
        assert_eq!(read(&[], HERE, false), Ok(None));
        let logins = read(&[HEADER], HERE, false).unwrap().unwrap();
        assert_eq!(&*logins.rule.field, "x-snowflake-token");
        assert!(logins.rule.is_required);
        assert_eq!(logins.kind, TokenKind::OAuth);
        let more = [
            HEADER,
            ("MCP_SNOWFLAKE_TOKEN_KIND", "programmatic_access_token"),
            ("MCP_SNOWFLAKE_TOKEN_OPTIONAL", "true"),
        ];
        let logins = read(&more, HERE, false).unwrap().unwrap();
        assert!(!logins.rule.is_required);
        assert_eq!(logins.kind, TokenKind::ProgrammaticAccess);
    }

    #[test]
    fn what_is_not_safe_or_means_something_else_is_refused() {
        let open = Listen::Address(SocketAddr::from(([0, 0, 0, 0], 1)));
        let error = read(&[HEADER], open, false).unwrap_err();
        assert!(error.contains("over plain HTTP"), "{error}");
        assert!(read(&[HEADER], open, true).is_ok());
        assert!(read(&[HEADER, ("MCP_SNOWFLAKE_TOKEN_IN_CLEAR", "true")], open, false).is_ok());
        for name in [
            "Authorization",
            "Host",
            "content-type",
            "Mcp-Session-Id",
            "X-Forwarded-For",
            "a b",
            "a:b",
        ] {
            let read = read(&[("MCP_SNOWFLAKE_TOKEN_HEADER", name)], HERE, false);
            assert!(read.unwrap_err().contains("X-Snowflake-Token"), "{name}");
        }
        let error = read(&[("MCP_SNOWFLAKE_TOKEN_KIND", "oauth")], HERE, false).unwrap_err();
        assert!(error.contains("is not set"), "{error}");
    }
}
