//! Where the server listens and who may call it. Decides nothing about a request; that is the server's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::logins::Logins;
use super::oauth::Oauth;
use super::proxies::Proxies;
use super::setting as s;
use super::source::{Found, Origin, Sources};
use super::tls::Tls;
use super::{Error, Note, value};
use crate::secret::Secret;

/// Where to listen and who may call.
#[derive(Debug)]
pub struct Http {
    /// Where to listen.
    pub listen: Listen,
    /// Further names that the Host header may carry, lower case, without a port.
    pub hosts: Vec<String>,
    /// Web origins that may call from a browser.
    pub origins: Origins,
    /// Bearer tokens without a name.
    pub api_keys: Vec<Secret>,
    /// A file of further keys.
    pub key_file: Option<PathBuf>,
    /// Proxies whose word counts.
    pub proxies: Proxies,
    /// Whose tokens are accepted.
    pub oauth: Option<Oauth>,
    /// The files of TLS; `None`: plain HTTP.
    pub tls: Option<Tls>,
    /// Where callers bring their own logins to Snowflake along.
    pub logins: Option<Logins>,
    /// The operator said that an address open to others needs no key.
    pub allow_unauthenticated: bool,
    /// Path of the metrics route; `None` when it is switched off.
    pub metrics_path: Option<String>,
}

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// On both loopback addresses, as far as the machine has them.
    Localhost {
        /// TCP port; 0 lets the system choose one for both.
        port: u16,
    },
    /// On one address.
    Address(SocketAddr),
}

/// Web origins that may call from a browser. Credentials in the sense of CORS (cookies) are never allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// These, each as a browser sends it: `https://app.example` or `http://localhost:5173`.
    Listed(Vec<String>),
    /// Every one; only where callers are asked who they are.
    Any,
}

impl Http {
    /// Whether callers are asked who they are.
    pub fn is_guarded(&self) -> bool {
        let has_client_ca = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        !self.api_keys.is_empty() || self.key_file.is_some() || self.oauth.is_some() || has_client_ca
    }

    pub(super) fn read(sources: &Sources, notes: &mut Vec<Note>) -> Result<Self, Error> {
        let listen = Listen::read(sources)?;
        let api_keys = api_keys(sources, notes)?;
        let key_file = sources.find(&s::KEY_FILE).map(|found| PathBuf::from(found.value));
        let oauth = Oauth::read(sources)?;
        let tls = Tls::read(sources)?;
        let has_client_ca = tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        let is_guarded = !api_keys.is_empty() || key_file.is_some() || oauth.is_some() || has_client_ca;
        check_switch(sources, is_guarded)?;
        let allow_unauthenticated = switch(sources, &s::ALLOW_UNAUTHENTICATED, false)?;
        if let Listen::Address(address) = listen {
            let is_open = !address.ip().to_canonical().is_loopback();
            if is_open && !is_guarded && !allow_unauthenticated {
                return Err(Error::OpenToOthers { address });
            }
            if is_open {
                note_of_file(sources, &s::HOST, "lets other machines call", notes);
            }
        }
        let origins = origins(sources, is_guarded, notes)?;
        if origins != Origins::Listed(Vec::new()) {
            note_of_file(sources, &s::CORS_ORIGINS, "lets web pages call", notes);
        }
        Ok(Self {
            logins: Logins::read(sources, listen, tls.is_some())?,
            listen,
            hosts: hosts(sources)?,
            origins,
            api_keys,
            key_file,
            proxies: Proxies::read(sources)?,
            oauth,
            tls,
            allow_unauthenticated,
            metrics_path: metrics_path(sources)?,
        })
    }
}

/// Says that `.env` of the working directory opens the server: whoever starts it in somebody's project should know.
fn note_of_file(sources: &Sources, setting: &s::Setting, effect: &str, notes: &mut Vec<Note>) {
    if let Some(found) = sources.find(setting)
        && found.origin == Origin::File
    {
        notes.push(Note::warn(format!(
            "{}={} of .env in the working directory {effect}; set it in the environment if it is meant",
            found.name, found.value
        )));
    }
}

impl Listen {
    /// Reads the address and the port alone, for a client of the server on the same machine.
    ///
    /// # Errors
    /// The setting that is wrong.
    pub fn read(sources: &Sources) -> Result<Self, Error> {
        let port = port(sources)?;
        let Some(found) = sources.find(&s::HOST) else {
            return Ok(Self::Address(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        };
        if found.value.eq_ignore_ascii_case("localhost") {
            return Ok(Self::Localhost { port });
        }
        let bare = found
            .value
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let address: Result<IpAddr, _> = bare.unwrap_or(&found.value).parse();
        // Other names are not looked up: what they resolve to is decided elsewhere and may change.
        address
            .map(|ip| Self::Address(SocketAddr::new(ip, port)))
            .map_err(|_| Error::value(&found, "expected an IP address or localhost"))
    }

    /// The addresses, the IPv4 one first.
    pub fn addresses(self) -> Vec<SocketAddr> {
        match self {
            Self::Localhost { port } => vec![
                SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
            ],
            Self::Address(address) => vec![address],
        }
    }
}

fn port(sources: &Sources) -> Result<u16, Error> {
    const DEFAULT: u16 = 8000;
    let Some(found) = sources.find(&s::PORT) else {
        return Ok(DEFAULT);
    };
    let port = value::number(&found, 0..=u64::from(u16::MAX))?;
    Ok(u16::try_from(port).unwrap_or(DEFAULT))
}

/// Shorter keys can be guessed: 16 random characters of base64 are 96 bits.
const KEY_CHARACTERS_ENOUGH: usize = 16;

fn api_keys(sources: &Sources, notes: &mut Vec<Note>) -> Result<Vec<Secret>, Error> {
    let found = sources.find(&s::API_KEYS);
    let keys: Vec<&str> = found.as_ref().map(value::list).unwrap_or_default();
    if let Some(found) = &found {
        // RFC 6750: a bearer token is visible ASCII; another one could never be presented.
        if keys
            .iter()
            .any(|key| !key.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(Error::secret(
                found,
                "expected keys of visible ASCII characters, separated by commas",
            ));
        }
        if keys.iter().any(|key| key.len() < KEY_CHARACTERS_ENOUGH) {
            notes.push(Note::warn(format!(
                "{} holds a key of fewer than {KEY_CHARACTERS_ENOUGH} characters, which can be guessed; make one with: openssl rand -hex 32",
                found.name
            )));
        }
    }
    Ok(keys.into_iter().map(Secret::new).collect())
}

/// A switch that says one thing beside settings that say another would be believed by somebody.
fn check_switch(sources: &Sources, is_guarded: bool) -> Result<(), Error> {
    let Some(enable) = sources.find(&s::ENABLE_API_AUTH) else {
        return Ok(());
    };
    match (value::switch(&enable)?, is_guarded) {
        (false, true) => Err(Error::value(
            &enable,
            "keys or an issuer of tokens are set (API_KEYS, --keys, MCP_OAUTH_ISSUER) and would not be asked for: unset one of the two",
        )),
        (true, false) => Err(Error::value(
            &enable,
            "neither keys nor an issuer of tokens are set, so no client could call: set API_KEYS, --keys or MCP_OAUTH_ISSUER",
        )),
        _ => Ok(()),
    }
}

fn origins(sources: &Sources, is_guarded: bool, notes: &mut Vec<Note>) -> Result<Origins, Error> {
    let Some(found) = sources.find(&s::CORS_ORIGINS) else {
        return Ok(Origins::Listed(Vec::new()));
    };
    let items = value::list(&found);
    if items.contains(&"*") {
        if is_guarded {
            return Ok(Origins::Any);
        }
        // `*` stands in the example file of the program that this one replaces, so it must not stop the start;
        // honoured, it would let every page in the operator's browser query the database.
        notes.push(Note::warn(format!(
            "{}=* is not honoured without keys or an issuer of tokens: any web page could query the database; list the origins instead",
            found.name
        )));
        return Ok(Origins::Listed(Vec::new()));
    }
    let checked = items.into_iter().map(|item| origin(item).ok_or(item));
    let listed: Result<Vec<_>, _> = checked.collect();
    listed.map(Origins::Listed).map_err(|item| {
        let item = item.to_owned();
        Error::value(
            &found,
            format!("{item} is no web origin; expected scheme://host[:port] without a path"),
        )
    })
}

/// An origin in the form in which a browser sends it (RFC 6454, section 6.2).
fn origin(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))?;
    let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_host_byte)).then_some(text)
}

fn hosts(sources: &Sources) -> Result<Vec<String>, Error> {
    let Some(found) = sources.find(&s::ALLOWED_HOSTS) else {
        return Ok(Vec::new());
    };
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let mut hosts = Vec::new();
    for item in value::list(&found) {
        let is_address = item.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        if !is_address && !item.bytes().all(is_name_byte) {
            let expected = format!("{item} is no host name; expected names without a scheme and a port");
            return Err(Error::value(&found, expected));
        }
        hosts.push(item.to_ascii_lowercase());
    }
    Ok(hosts)
}

fn metrics_path(sources: &Sources) -> Result<Option<String>, Error> {
    if !switch(sources, &s::METRICS, true)? {
        return Ok(None);
    }
    let Some(found) = sources.find(&s::METRICS_PATH) else {
        return Ok(Some("/metrics".to_owned()));
    };
    let is_path_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let is_path = found.value.starts_with('/') && found.value.len() > 1;
    if !is_path || !found.value.bytes().all(is_path_byte) {
        return Err(Error::value(&found, "expected a path such as /metrics"));
    }
    Ok(Some(found.value))
}

fn switch(sources: &Sources, setting: &s::Setting, default: bool) -> Result<bool, Error> {
    sources
        .find(setting)
        .map_or(Ok(default), |found: Found| value::switch(&found))
}
