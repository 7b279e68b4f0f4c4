//! How requests leave this machine: through a proxy or not, and whose certificates are believed.
//!
//! It knows ureq, hosts and files of certificates; it does not know Snowflake.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ureq::config::{Config, ConfigBuilder};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Proxy, ProxyProtocol, Timeout};

use super::http::Fault;
use super::names::Remembering;
use super::settings::{ConfigError, is_loopback};
use crate::secret::Secret;
use crate::time::SystemClock;

/// How requests leave this machine.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Address of an HTTP proxy (CONNECT), which may hold a password.
    pub proxy: Option<Secret>,
    /// Hosts that are reached without it, each with what lies below it; `*` is all.
    pub without_proxy: Vec<String>,
    /// A file of certificates, PEM, that are believed besides Mozilla's list.
    pub authorities: Option<PathBuf>,
}

impl Network {
    /// Agents for requests to `host`, with these limits and those of `tune`.
    ///
    /// # Errors
    /// The proxy is none that can be used, or the file of certificates cannot.
    pub(super) fn agents(
        &self,
        host: &str,
        tune: impl Fn(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
    ) -> Result<Agents, ConfigError> {
        let proxy = self.proxy_for(host)?;
        let config = || {
            let config = Agent::config_builder()
                .http_status_as_error(false)
                // A redirect would take the token elsewhere.
                .max_redirects(0)
                .https_only(!is_loopback(host))
                .user_agent(USER_AGENT)
                .accept("application/json")
                .timeout_resolve(Some(CONNECT_TIMEOUT))
                .timeout_connect(Some(CONNECT_TIMEOUT))
                .proxy(proxy.clone());
            tune(config)
        };
        let agent = |config: Config| {
            let names = Remembering::new(DefaultResolver::default(), SystemClock::new());
            Agent::with_parts(config, DefaultConnector::default(), names)
        };
        let mut agents = vec![agent(config().build())];
        if let Some(path) = &self.authorities {
            let roots = RootCerts::new_with_certs(&read_certificates(path)?);
            let tls = TlsConfig::builder().root_certs(roots).build();
            agents.push(agent(config().tls_config(tls).build()));
        }
        Ok(Agents {
            agents,
            preferred: AtomicUsize::new(0),
        })
    }

    /// The proxy on the way to `host`. None to this machine: a proxy is another one, cannot reach this one's loopback,
    /// and must not see plain HTTP.
    fn proxy_for(&self, host: &str) -> Result<Option<Proxy>, ConfigError> {
        let Some(url) = &self.proxy else { return Ok(None) };
        if is_loopback(host) || self.without_proxy.iter().any(|entry| is_below(host, entry)) {
            return Ok(None);
        }
        let proxy = Proxy::new(url.reveal()).map_err(|_| ConfigError::ProxyInvalid)?;
        match proxy.protocol() {
            ProxyProtocol::Http | ProxyProtocol::Https => Ok(Some(proxy)),
            _ => Err(ConfigError::ProxyInvalid),
        }
    }
}

/// Whether `host` is what an entry of `NO_PROXY` names, or lies below it.
fn is_below(host: &str, entry: &str) -> bool {
    let entry = entry.trim().to_ascii_lowercase();
    if entry == "*" {
        return true;
    }
    let name = entry.trim_start_matches('*').trim_start_matches('.');
    // A port is no part of the name that is compared.
    let name = name.split(':').next().unwrap_or(name);
    let host = host.to_ascii_lowercase();
    !name.is_empty()
        && host
            .strip_suffix(name)
            .is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// An agent for each set of authorities: Mozilla's, and the operator's.
///
/// ureq believes either the one or the other. So a host that the first cannot vouch for is tried with the second; no
/// request has been sent by then, and the one that worked is tried first from then on.
#[derive(Debug)]
pub(super) struct Agents {
    agents: Vec<Agent>,
    preferred: AtomicUsize,
}

impl Agents {
    /// Sends a request with the first agent that believes the other side.
    pub(super) fn send<T>(&self, send: impl Fn(&Agent) -> Result<T, ureq::Error>) -> Result<T, Fault> {
        let first = self.preferred.load(Ordering::Relaxed);
        let count = self.agents.len();
        let mut fault = None;
        for index in (0..count).map(|offset| (first + offset) % count) {
            match send(&self.agents[index]).map_err(fault_of) {
                Ok(answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(
                    tls @ Fault::Tls {
                        is_certificate: true, ..
                    },
                ) => fault = Some(tls),
                Err(other) => return Err(other),
            }
        }
        Err(fault.expect("there is an agent, and it failed"))
    }
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate<'static>>, ConfigError> {
    let mut pem = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(AUTHORITIES_BYTES_MAX).read_to_end(&mut pem))
        .map_err(|error| ConfigError::AuthoritiesUnreadable { kind: error.kind() })?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(ConfigError::AuthoritiesHoldNone);
    }
    Ok(certificates)
}

/// What ureq's error means to somebody who does not know ureq.
pub(super) fn fault_of(error: ureq::Error) -> Fault {
    let why = error.to_string();
    match error {
        ureq::Error::HostNotFound => Fault::HostUnknown,
        ureq::Error::Timeout(timeout) => Fault::TimedOut {
            was_sent: !matches!(timeout, Timeout::Resolve | Timeout::Connect),
        },
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) | ureq::Error::TlsRequired => {
            fault_of_tls(why)
        }
        ureq::Error::ConnectProxyFailed(_) => fault_of_proxy(why),
        ureq::Error::ConnectionFailed
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::BadUri(_)
        | ureq::Error::RequireHttpsOnly(_) => Fault::NotConnected { why },
        ureq::Error::Protocol(_) | ureq::Error::Http(_) | ureq::Error::LargeResponseHeader(..) => {
            Fault::NotHttp { why }
        }
        ureq::Error::Io(error) => fault_of_io(&error),
        // `Error` is open: what is not known may have been sent.
        _ => Fault::Lost { why },
    }
}

/// ureq tells the proxy's status in words only. One that is no 4xx may pass.
fn fault_of_proxy(why: String) -> Fault {
    let status = why
        .split_once(PROXY_ANSWERED)
        .and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
    match status {
        Some(status @ 400..=499) => Fault::ProxyRefused { status },
        _ => Fault::NotConnected { why },
    }
}

fn fault_of_io(error: &io::Error) -> Fault {
    use io::ErrorKind::{
        AddrNotAvailable, ConnectionRefused, HostUnreachable, InvalidData, NetworkDown, NetworkUnreachable,
    };
    let why = error.to_string();
    match error.kind() {
        ConnectionRefused | HostUnreachable | NetworkUnreachable | NetworkDown | AddrNotAvailable => {
            Fault::NotConnected { why }
        }
        // rustls wraps its errors so.
        InvalidData => fault_of_tls(why),
        // The resolver's errors have no kind of their own.
        _ if why.contains("failed to lookup address") => Fault::HostUnknown,
        _ => Fault::Lost { why },
    }
}

fn fault_of_tls(why: String) -> Fault {
    Fault::Tls {
        is_certificate: why.contains(CERTIFICATE_REFUSED),
        why,
    }
}

/// What stands before the status in ureq's words about a proxy.
const PROXY_ANSWERED: &str = "proxy server responded ";
/// How rustls begins what it says about a certificate that it does not believe.
const CERTIFICATE_REFUSED: &str = "invalid peer certificate";
const USER_AGENT: &str = concat!("snowflake-mcp/", env!("CARGO_PKG_VERSION"));
/// Resolving a name, and connecting with TLS: each takes three round trips at most.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// All of Mozilla's list is 220 KiB.
const AUTHORITIES_BYTES_MAX: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sent_may_have_arrived() {
        let arrived = |error| fault_of(error).may_have_arrived();
        let io = |kind: io::ErrorKind| ureq::Error::Io(kind.into());
        assert!(!arrived(ureq::Error::HostNotFound));
        assert!(!arrived(ureq::Error::Timeout(Timeout::Connect)));
        assert!(!arrived(io(io::ErrorKind::ConnectionRefused)));
        let tls = |text: &'static str| ureq::Error::Io(io::Error::new(io::ErrorKind::InvalidData, text));
        assert!(!arrived(tls("invalid peer certificate: UnknownIssuer")));
        assert!(
            arrived(tls("received fatal alert: BadRecordMac")),
            "it may come in the middle of an exchange"
        );
        assert!(arrived(ureq::Error::Timeout(Timeout::RecvResponse)));
        assert!(arrived(ureq::Error::Timeout(Timeout::Global)));
        assert!(arrived(io(io::ErrorKind::ConnectionReset)));
        assert!(arrived(io(io::ErrorKind::UnexpectedEof)));
    }

    #[test]
    fn a_proxy_that_refuses_is_told_from_one_that_cannot_be_reached() {
        let told = |text: &str| fault_of(ureq::Error::ConnectProxyFailed(text.to_owned()));
        let status = 407;
        assert_eq!(
            told("proxy server responded 407/407"),
            Fault::ProxyRefused { status }
        );
        for passing in ["proxy server responded 502/502", "missing host"] {
            assert!(matches!(told(passing), Fault::NotConnected { .. }), "{passing}");
        }
    }

    #[test]
    fn a_host_goes_without_the_proxy_when_it_or_what_it_lies_below_is_listed() {
        for (entry, host, expected) in [
            ("snowflakecomputing.com", "a.snowflakecomputing.com", true),
            (".snowflakecomputing.com", "a.snowflakecomputing.com", true),
            ("*.Snowflakecomputing.com", "A.snowflakecomputing.com", true),
            ("a.snowflakecomputing.com:443", "a.snowflakecomputing.com", true),
            ("*", "anything", true),
            ("a.b", "xa.b", false),
            ("computing.com", "a.snowflakecomputing.com", false),
            ("", "a", false),
            ("10.0.0.1", "10.0.0.2", false),
        ] {
            assert_eq!(is_below(host, entry), expected, "{entry} {host}");
        }
    }

    #[test]
    fn a_proxy_is_for_other_machines_and_one_that_cannot_be_used_is_told() {
        let network = |url: &str| Network {
            proxy: Some(Secret::new(url)),
            without_proxy: vec!["inside.example".to_owned()],
            authorities: None,
        };
        let through = |host: &str| network("http://u:p@proxy.example:3128").proxy_for(host);
        let proxy = through("a.snowflakecomputing.com").unwrap().unwrap();
        assert_eq!((proxy.host(), proxy.port()), ("proxy.example", 3128));
        for host in ["127.0.0.1", "localhost", "db.inside.example"] {
            assert_eq!(through(host), Ok(None), "{host}");
        }
        for bad in ["socks5://p.example", "ftp://p", "http://", "::"] {
            assert_eq!(
                network(bad).proxy_for("a.example"),
                Err(ConfigError::ProxyInvalid),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_file_of_certificates_is_there_and_holds_some() {
        let network = |name: &str| Network {
            authorities: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)),
            ..Network::default()
        };
        let agents = |name: &str| network(name).agents("a.example", |config| config);
        assert_eq!(
            agents("no-such-file").err(),
            Some(ConfigError::AuthoritiesUnreadable {
                kind: io::ErrorKind::NotFound
            })
        );
        assert_eq!(agents("Cargo.toml").err(), Some(ConfigError::AuthoritiesHoldNone));
    }
}
