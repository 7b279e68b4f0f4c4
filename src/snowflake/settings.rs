//! What a person says about their Snowflake account, and the two things that follow from it: where requests go
//! and what a signed login calls the account.
//!
//! Pure: nothing is read or connected here, so a wrong setting is found at start-up and a wrong key only by a call.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::auth::Credentials;
use super::network::Network;
use crate::backend::job::Context;
use crate::limits::{Limits, PARTITIONS_AHEAD_MAX};
use crate::secret::Secret;

/// Everything that the client needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Account identifier, e.g. `myorg-myaccount`; a whole host name or URL is understood too.
    pub account: Option<String>,
    /// Login name, as `DESC USER` shows it. Needed for a key pair only.
    pub user: Option<String>,
    /// Host, where it does not follow from the account (private link, a test server).
    pub host: Option<String>,
    /// Whether underscores of the account stay in the host that follows from it.
    pub keeps_underscores: bool,
    /// Port; the protocol's own when absent.
    pub port: Option<u16>,
    /// How to talk; plain HTTP is allowed towards this machine only.
    pub protocol: Protocol,
    /// How to log in.
    pub authentication: Authentication,
    /// What callers' own tokens are, where they bring them along.
    pub callers_kind: TokenKind,
    /// Where statements run that do not say so themselves.
    pub context: Context,
    /// Connections kept open between requests. Fewer than there are workers costs TLS handshakes.
    pub idle_connections_max: usize,
    /// Partitions that are asked for before it is their turn; with none each step is one exchange.
    pub partitions_ahead_max: usize,
    /// The way there.
    pub network: Network,
}

impl Settings {
    /// Settings for `account`, with everything else at its default.
    pub fn new(account: impl Into<String>, authentication: Authentication) -> Self {
        Self {
            account: Some(account.into()),
            user: None,
            host: None,
            keeps_underscores: false,
            port: None,
            protocol: Protocol::Https,
            authentication,
            callers_kind: TokenKind::OAuth,
            context: Context::default(),
            // The workers, the thread that serves cancels, and what is asked for ahead.
            idle_connections_max: Limits::default().workers + 1 + PARTITIONS_AHEAD_MAX,
            partitions_ahead_max: PARTITIONS_AHEAD_MAX,
            network: Network::default(),
        }
    }

    /// The host that a login would go to, once everything that is known without connecting is found right.
    ///
    /// # Errors
    /// The setting that is missing or cannot work.
    pub fn check(&self) -> Result<String, ConfigError> {
        let endpoint = Endpoint::of(self)?;
        Credentials::new(self, &endpoint.account_claim)?;
        Ok(endpoint.host)
    }
}

/// How to talk to Snowflake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP over TLS.
    #[default]
    Https,
    /// Plain HTTP, for a test server on this machine.
    Http,
}

/// How to log in.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// An RSA key whose public half the user has as `RSA_PUBLIC_KEY`.
    KeyPair {
        /// Where the private key is.
        key: KeySource,
        /// What decrypts it, when it is encrypted.
        passphrase: Option<Secret>,
    },
    /// A programmatic access token.
    ProgrammaticAccessToken(Secret),
    /// An OAuth access token that somebody else obtained.
    OAuth(Secret),
    /// The token of a workload's identity provider (OpenID Connect).
    WorkloadIdentity(Secret),
    /// A token in a file that somebody else keeps fresh.
    TokenFile {
        /// Where it is.
        path: PathBuf,
        /// What it is.
        kind: TokenKind,
    },
    /// OAuth access tokens that an identity provider gives to this program.
    ClientCredentials(Box<ClientCredentials>),
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A programmatic access token.
    ProgrammaticAccess,
    /// An OAuth access token.
    OAuth,
    /// What a workload's identity provider says about it (OpenID Connect).
    WorkloadIdentity,
}

/// A client of an identity provider (RFC 6749 section 4.4).
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// Where tokens are asked for.
    pub token_url: String,
    /// The client's name.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
    /// What the token is asked for, e.g. `session:role:READER`.
    pub scope: Option<String>,
    /// Whether name and secret go into the form rather than into HTTP Basic.
    pub is_secret_in_body: bool,
}

/// Where a private key is.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file, read at the first call and again when Snowflake refuses the key (it may have been rotated).
    File(PathBuf),
    /// The key itself: PEM, or base64 of PEM or DER.
    Text(Secret),
}

/// A setting that cannot work, found before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// Neither account nor host is known.
    AccountMissing,
    /// The account has characters that no account has.
    AccountInvalid {
        /// What was given.
        found: String,
    },
    /// The host is no host name.
    HostInvalid {
        /// What was given.
        found: String,
    },
    /// Plain HTTP towards another machine.
    PlainHttp {
        /// Where it would have gone.
        host: String,
    },
    /// A key pair without the user that it belongs to.
    UserMissing,
    /// A token that is empty, or that cannot stand in an HTTP header.
    TokenInvalid,
    /// Tokens cannot be asked for there.
    TokenUrlInvalid {
        /// What was given.
        found: String,
    },
    /// The proxy is none that can be used. Its address may hold a password, so it is not kept.
    ProxyInvalid,
    /// The file of certificates cannot be read.
    AuthoritiesUnreadable {
        /// What the operating system says.
        kind: io::ErrorKind,
    },
    /// The file of certificates holds none.
    AuthoritiesHoldNone,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccountMissing => formatter.write_str(
                "SNOWFLAKE_ACCOUNT is not set; it is what stands before .snowflakecomputing.com, e.g. myorg-myaccount",
            ),
            Self::AccountInvalid { found } => write!(
                formatter,
                "SNOWFLAKE_ACCOUNT is {found:?}, expected letters, digits, '-', '_' and '.', e.g. myorg-myaccount"
            ),
            Self::HostInvalid { found } => write!(
                formatter,
                "SNOWFLAKE_HOST is {found:?}, expected a host name alone; the port belongs in SNOWFLAKE_PORT"
            ),
            Self::PlainHttp { host } => write!(
                formatter,
                "SNOWFLAKE_PROTOCOL is http and the host is {host}; plain http is allowed towards this machine only, use https"
            ),
            Self::UserMissing => formatter.write_str(
                "SNOWFLAKE_USER is not set; a key pair needs the login name that it belongs to",
            ),
            Self::TokenInvalid => formatter.write_str(
                "SNOWFLAKE_TOKEN is empty or has spaces or line breaks inside; paste the token's secret alone",
            ),
            Self::TokenUrlInvalid { found } => write!(
                formatter,
                "SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL is {found:?}, expected https://HOST/PATH without a user; plain http is allowed towards this machine only"
            ),
            Self::ProxyInvalid => formatter.write_str(
                "HTTPS_PROXY names no proxy that can be used, expected http://HOST:PORT or https://HOST:PORT; SOCKS is not supported",
            ),
            Self::AuthoritiesUnreadable { kind } => write!(
                formatter,
                "the file of SNOWFLAKE_MCP_CA_FILE cannot be read ({kind})"
            ),
            Self::AuthoritiesHoldNone => formatter.write_str(
                "the file of SNOWFLAKE_MCP_CA_FILE holds no certificate, expected PEM that begins with -----BEGIN CERTIFICATE-----",
            ),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Where requests go, and what a signed login calls the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `https://host` or `http://host:port`, without a slash at the end.
    pub(super) base: String,
    /// The host alone, for messages.
    pub(super) host: String,
    /// Whether the host is this machine.
    pub(super) is_loopback: bool,
    /// The account in a JWT's claims: upper case, without region.
    pub(super) account_claim: String,
}

impl Endpoint {
    /// Works out the endpoint.
    ///
    /// # Errors
    /// The setting that is missing or cannot be right.
    pub(super) fn of(settings: &Settings) -> Result<Self, ConfigError> {
        let account = match &settings.account {
            Some(text) => Some(bare_account(text)?),
            None => None,
        };
        let host = match (&settings.host, &account) {
            (Some(host), _) => checked_host(host)?,
            (None, Some(account)) => host_of(account, settings.keeps_underscores),
            (None, None) => return Err(ConfigError::AccountMissing),
        };
        let is_loopback = is_loopback(&host);
        if settings.protocol == Protocol::Http && !is_loopback {
            return Err(ConfigError::PlainHttp { host });
        }
        let scheme = match settings.protocol {
            Protocol::Https => "https",
            Protocol::Http => "http",
        };
        let port = settings.port.map(|port| format!(":{port}")).unwrap_or_default();
        let authority = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        let account_claim = account_claim(account.as_deref().unwrap_or_else(|| without_domain(&host)));
        Ok(Self {
            base: format!("{scheme}://{authority}{port}"),
            host,
            is_loopback,
            account_claim,
        })
    }
}

/// The account without what people paste around it: a scheme, a path, Snowflake's domain.
fn bare_account(text: &str) -> Result<String, ConfigError> {
    let account = without_domain(without_scheme(text));
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if account.is_empty() || !account.bytes().all(is_known) {
        return Err(ConfigError::AccountInvalid {
            found: text.to_owned(),
        });
    }
    Ok(account.to_owned())
}

fn without_scheme(text: &str) -> &str {
    let text = text.trim();
    let text = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .unwrap_or(text);
    text.split('/').next().unwrap_or(text)
}

fn without_domain(host: &str) -> &str {
    DOMAINS
        .iter()
        .find_map(|domain| {
            let split = host.len().checked_sub(domain.len())?;
            let (front, back) = host.split_at_checked(split)?;
            back.eq_ignore_ascii_case(domain).then_some(front)
        })
        .unwrap_or(host)
}

/// The host of an account. Certificates have no underscores, so those of an account become hyphens; only some private
/// links want them as they are.
fn host_of(account: &str, keeps_underscores: bool) -> String {
    let mut name = account.to_ascii_lowercase();
    if !keeps_underscores {
        name = name.replace('_', "-");
    }
    let is_in_china = name
        .split('.')
        .skip(1)
        .any(|label| label.starts_with(CHINA_REGION_PREFIX));
    let domain = if is_in_china { DOMAINS[1] } else { DOMAINS[0] };
    format!("{name}{domain}")
}

fn checked_host(text: &str) -> Result<String, ConfigError> {
    let host = without_scheme(text);
    let host = host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    if host.is_empty() || !(is_address || host.bytes().all(is_name)) {
        return Err(ConfigError::HostInvalid {
            found: text.to_owned(),
        });
    }
    Ok(host.to_ascii_lowercase())
}

/// Whether the host, as [`Settings::check`] gives it, is one of Snowflake's or this machine.
pub(crate) fn is_snowflakes_or_local(host: &str) -> bool {
    is_loopback(host) || DOMAINS.iter().any(|domain| host.ends_with(domain))
}

pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The account as a JWT names it: what stands before the first dot, upper case. Only in the old `.global` form the
/// part after the first hyphen is no part of the name.
fn account_claim(account: &str) -> String {
    let end = if account.to_ascii_lowercase().contains(".global") {
        '-'
    } else {
        '.'
    };
    let name = account.split(end).next().unwrap_or(account);
    name.to_ascii_uppercase()
}

/// The second one serves the regions in China.
const DOMAINS: [&str; 2] = [".snowflakecomputing.com", ".snowflakecomputing.cn"];
const CHINA_REGION_PREFIX: &str = "cn-";

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(account: &str) -> Settings {
        Settings::new(account, Authentication::OAuth(Secret::new("t")))
    }

    fn check(account: &str, base: &str, claim: &str) {
        let endpoint = Endpoint::of(&settings(account)).unwrap();
        assert_eq!(
            (endpoint.base.as_str(), endpoint.account_claim.as_str()),
            (base, claim),
            "{account}"
        );
    }

    #[test]
    fn host_and_claim_follow_from_the_account() {
        check(
            "myorg-acct",
            "https://myorg-acct.snowflakecomputing.com",
            "MYORG-ACCT",
        );
        check(
            "MyOrg-My_Acct",
            "https://myorg-my-acct.snowflakecomputing.com",
            "MYORG-MY_ACCT",
        );
        check(
            "xy12345.us-east-1",
            "https://xy12345.us-east-1.snowflakecomputing.com",
            "XY12345",
        );
        check(
            "x.preprod.us-west-2.aws",
            "https://x.preprod.us-west-2.aws.snowflakecomputing.com",
            "X",
        );
        check(
            "acct-99.global",
            "https://acct-99.global.snowflakecomputing.com",
            "ACCT",
        );
        check(
            "myorg-acct.privatelink",
            "https://myorg-acct.privatelink.snowflakecomputing.com",
            "MYORG-ACCT",
        );
        check(
            "ab123.cn-northwest-1",
            "https://ab123.cn-northwest-1.snowflakecomputing.cn",
            "AB123",
        );
    }

    #[test]
    fn what_people_paste_around_an_account_is_taken_off() {
        for text in [
            "https://MyOrg-Acct.snowflakecomputing.com/",
            " myorg-acct.snowflakecomputing.com ",
            "https://myorg-acct.SNOWFLAKEcomputing.com/console#/",
        ] {
            check(text, "https://myorg-acct.snowflakecomputing.com", "MYORG-ACCT");
        }
    }

    #[test]
    fn underscores_stay_in_the_host_where_they_are_wanted() {
        let settings = Settings {
            keeps_underscores: true,
            ..settings("My_Acct.us-east-1.privatelink")
        };
        let endpoint = Endpoint::of(&settings).unwrap();
        assert_eq!(
            (endpoint.host.as_str(), endpoint.account_claim.as_str()),
            ("my_acct.us-east-1.privatelink.snowflakecomputing.com", "MY_ACCT")
        );
    }

    #[test]
    fn a_host_alone_names_the_account_too() {
        let settings = Settings {
            account: None,
            host: Some("MyOrg-Acct.snowflakecomputing.com".to_owned()),
            ..settings("")
        };
        let endpoint = Endpoint::of(&settings).unwrap();
        assert_eq!(endpoint.base, "https://myorg-acct.snowflakecomputing.com");
        assert_eq!(endpoint.account_claim, "MYORG-ACCT");
    }

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        let plain = |host: &str| {
            Endpoint::of(&Settings {
                host: Some(host.to_owned()),
                port: Some(8084),
                protocol: Protocol::Http,
                ..settings("testorg-testacct")
            })
        };
        assert_eq!(plain("127.0.0.1").unwrap().base, "http://127.0.0.1:8084");
        assert_eq!(plain("localhost").unwrap().base, "http://localhost:8084");
        assert_eq!(plain("::1").unwrap().base, "http://[::1]:8084");
        assert_eq!(plain("[::1]").unwrap().account_claim, "TESTORG-TESTACCT");
        for host in ["10.0.0.1", "localhost.example.com", "127.0.0.1.example.com"] {
            assert_eq!(
                plain(host),
                Err(ConfigError::PlainHttp {
                    host: host.to_owned()
                })
            );
        }
    }

    #[test]
    fn what_cannot_be_an_account_or_a_host_is_refused() {
        let with_host = |host: &str| {
            Endpoint::of(&Settings {
                host: Some(host.to_owned()),
                ..settings("a")
            })
        };
        for account in ["", "my acct", "a@b", "https://"] {
            assert!(matches!(
                Endpoint::of(&settings(account)),
                Err(ConfigError::AccountInvalid { .. })
            ));
        }
        for host in ["", "host:443", "user@host", "a b", "h\r\nX: y"] {
            assert!(
                matches!(with_host(host), Err(ConfigError::HostInvalid { .. })),
                "{host:?}"
            );
        }
        let nothing = Settings {
            account: None,
            ..settings("")
        };
        assert_eq!(Endpoint::of(&nothing), Err(ConfigError::AccountMissing));
    }
}
