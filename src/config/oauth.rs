//! Tokens of others: who issues them, for whom, and what they must allow. Nothing is fetched here.

use super::setting as s;
use super::source::{Found, Sources};
use super::{Error, value};
use crate::access::issuers::Resource;

/// OAuth 2.1 as a resource server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oauth {
    /// What tokens are checked against.
    pub resource: Resource,
    /// Where each issuer's keys are, in their order; `None`: its metadata says.
    pub key_set_urls: Vec<Option<Box<str>>>,
}

impl Oauth {
    /// `None` when no issuer is named.
    pub(super) fn read(sources: &Sources) -> Result<Option<Self>, Error> {
        let Some(found) = sources.find(&s::OAUTH_ISSUERS) else {
            let others = [&s::OAUTH_RESOURCE, &s::OAUTH_KEY_SETS, &s::OAUTH_SCOPES];
            return match others.into_iter().find_map(|setting| sources.find(setting)) {
                Some(found) => Err(Error::value(
                    &found,
                    "MCP_OAUTH_ISSUER is not set, so no token would be accepted: set it too",
                )),
                None => Ok(None),
            };
        };
        let issuers = urls(&found)?;
        let resource = sources.find(&s::OAUTH_RESOURCE).ok_or_else(|| {
            Error::value(
                &found,
                "MCP_OAUTH_RESOURCE is not set: the address by which clients know this server (https://host/mcp), which tokens must name as their audience",
            )
        })?;
        let url = one_url(&resource, &resource.value)?;
        if url.ends_with('/') {
            return Err(Error::value(
                &resource,
                "expected an address without a slash at its end",
            ));
        }
        Ok(Some(Self {
            key_set_urls: key_sets(sources, issuers.len())?,
            resource: Resource {
                url,
                issuers,
                scopes: scopes(sources)?,
            },
        }))
    }
}

fn key_sets(sources: &Sources, count: usize) -> Result<Vec<Option<Box<str>>>, Error> {
    let Some(found) = sources.find(&s::OAUTH_KEY_SETS) else {
        return Ok(vec![None; count]);
    };
    let urls = urls(&found)?;
    if urls.len() != count {
        let expected = format!("expected one address for each of the {count} issuers, in their order");
        return Err(Error::value(&found, expected));
    }
    Ok(urls.into_iter().map(Some).collect())
}

/// The scopes that reading takes. `none` is a word of its own: an empty value counts as unset.
fn scopes(sources: &Sources) -> Result<Vec<Box<str>>, Error> {
    let Some(found) = sources.find(&s::OAUTH_SCOPES) else {
        return Ok(vec![crate::access::Scope::Read.name().into()]);
    };
    if found.value == "none" {
        return Ok(Vec::new());
    }
    // RFC 6749 section 3.3; they also stand between quotes in a header.
    let is_scope = |scope: &&str| {
        let mut bytes = scope.bytes();
        bytes.all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
    };
    let scopes = value::list(&found);
    if !scopes.iter().all(is_scope) {
        return Err(Error::value(
            &found,
            "expected scopes of visible ASCII characters, or none",
        ));
    }
    Ok(scopes.into_iter().map(Box::from).collect())
}

fn urls(found: &Found) -> Result<Vec<Box<str>>, Error> {
    let items = value::list(found);
    if items.len() > ISSUERS_MAX {
        return Err(Error::value(found, format!("expected at most {ISSUERS_MAX}")));
    }
    items.into_iter().map(|item| one_url(found, item)).collect()
}

/// Keys that come over plain HTTP could be anybody's; on this machine there is nobody between.
fn one_url(found: &Found, text: &str) -> Result<Box<str>, Error> {
    let is_plain_here = |rest: &str| {
        let authority = rest.split('/').next().unwrap_or_default();
        let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
        matches!(name, "localhost" | "127.0.0.1" | "[::1]")
    };
    let is_whole = |rest: &str| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\"\\#".contains(&byte))
    };
    let is_url = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => is_whole(rest),
        (None, Some(rest)) => is_whole(rest) && is_plain_here(rest),
        (None, None) => false,
    };
    if is_url {
        return Ok(text.into());
    }
    Err(Error::value(
        found,
        format!(
            "{text} is no address of an issuer or a server: expected https://host/…, or http:// on this machine"
        ),
    ))
}

/// Each has keys of its own in memory, and is asked for them by itself.
const ISSUERS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Option<Oauth>, String> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Oauth::read(&Sources::new([], pairs, [])).map_err(|error| error.to_string())
    }

    const ISSUER: (&str, &str) = ("MCP_OAUTH_ISSUER", "https://id.example/realms/a");
    const RESOURCE: (&str, &str) = ("MCP_OAUTH_RESOURCE", "https://db.example/mcp");

    #[test]
    fn an_issuer_and_our_own_address_suffice() {
        assert_eq!(read(&[]), Ok(None));
        let oauth = read(&[ISSUER, RESOURCE]).unwrap().unwrap();
        assert_eq!(oauth.resource.issuers, [Box::from("https://id.example/realms/a")]);
        assert_eq!(oauth.resource.scopes, [Box::from("snowflake:read")]);
        assert_eq!(oauth.key_set_urls, [None]);
        assert_eq!(
            oauth.resource.metadata_url(),
            "https://db.example/.well-known/oauth-protected-resource/mcp"
        );
        let oauth = read(&[ISSUER, RESOURCE, ("MCP_OAUTH_SCOPES", "none")]).unwrap();
        assert!(oauth.unwrap().resource.scopes.is_empty());
    }

    #[test]
    fn what_is_half_set_or_not_safe_is_refused() {
        for (pairs, expected) in [
            (vec![RESOURCE], "MCP_OAUTH_ISSUER is not set"),
            (vec![ISSUER], "MCP_OAUTH_RESOURCE is not set"),
            (
                vec![("MCP_OAUTH_ISSUER", "http://id.example"), RESOURCE],
                "is no address",
            ),
            (
                vec![("MCP_OAUTH_ISSUER", "id.example"), RESOURCE],
                "is no address",
            ),
            (
                vec![ISSUER, ("MCP_OAUTH_RESOURCE", "https://db.example/mcp#a")],
                "is no address",
            ),
            (
                vec![ISSUER, ("MCP_OAUTH_RESOURCE", "https://db.example/mcp/")],
                "without a slash",
            ),
            (
                vec![
                    ISSUER,
                    RESOURCE,
                    ("MCP_OAUTH_JWKS_URL", "https://a.example/1,https://a.example/2"),
                ],
                "expected one address for each of the 1 issuers",
            ),
            (
                vec![ISSUER, RESOURCE, ("MCP_OAUTH_SCOPES", "a\"b")],
                "expected scopes",
            ),
        ] {
            let error = read(&pairs).unwrap_err();
            assert!(error.contains(expected), "{pairs:?}: {error}");
        }
        assert!(read(&[("MCP_OAUTH_ISSUER", "http://127.0.0.1:9000"), RESOURCE]).is_ok());
    }
}
