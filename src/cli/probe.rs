//! `snowflake-mcp health`: the program asks a running server whether it is alive, so that a container without a
//! shell and without curl has a health check.

use std::fmt;
use std::time::Duration;

use snowflake_mcp::config::{self, Listen, Tls, source::Sources};
use ureq::http::{StatusCode, Uri};
use ureq::tls::TlsConfig;

use super::greeting::reachable;

/// Why the server does not count as alive, or cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Error {
    /// A setting that says where the server is cannot be read.
    Setting(config::Error),
    /// The settings let the system choose the port, so only the server's first lines say which it is.
    PortUnknown,
    /// What was typed cannot be asked.
    UrlInvalid {
        /// As it was typed.
        found: String,
    },
    /// It answered, and not with 200.
    Refused { url: String, status: StatusCode },
    /// There is no whole answer yet.
    Silent { url: String, timeout: Duration },
    /// There is none to come.
    Unreachable { url: String, why: String },
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    url: String,
    /// It is the server of the settings on this machine, whose certificate is made out to another name than the address:
    /// whether it is the right one is not asked, as it is not of a server without TLS.
    is_own: bool,
}

/// Whom to ask.
///
/// # Errors
/// The setting or the URL that is wrong.
pub(crate) fn target(url: Option<&str>, sources: &Sources) -> Result<Target, Error> {
    if let Some(url) = url {
        return checked(url).map(|url| Target { url, is_own: false });
    }
    let addresses = Listen::read(sources).map_err(Error::Setting)?.addresses();
    let address = reachable(addresses[0]);
    if address.port() == 0 {
        return Err(Error::PortUnknown);
    }
    let tls = Tls::read(sources).map_err(Error::Setting)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    Ok(Target {
        url: format!("{scheme}://{address}/health"),
        is_own: true,
    })
}

fn checked(url: &str) -> Result<String, Error> {
    let parsed: Option<Uri> = url.parse().ok();
    let is_whole = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    match parsed {
        Some(uri) if is_whole(&uri) => Ok(url.to_owned()),
        _ => Err(Error::UrlInvalid {
            found: url.to_owned(),
        }),
    }
}

/// Asks `target`, for `timeout` at most; `Ok` when the answer is 200.
///
/// # Errors
/// Why the server does not count as alive.
pub(crate) fn ask(target: &Target, timeout: Duration) -> Result<(), Error> {
    let Target { url, is_own } = target;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(TlsConfig::builder().disable_verification(*is_own).build())
        // The probe asks its own machine; a proxy of the environment is meant for Snowflake.
        .proxy(None)
        .build()
        .into();
    let url = || url.clone();
    match agent.get(url()).call() {
        Ok(answer) if answer.status() == StatusCode::OK => Ok(()),
        Ok(answer) => Err(Error::Refused {
            url: url(),
            status: answer.status(),
        }),
        Err(ureq::Error::Timeout(_)) => Err(Error::Silent { url: url(), timeout }),
        Err(error) => Err(Error::Unreachable {
            url: url(),
            why: match error {
                ureq::Error::HostNotFound => "the host is unknown".to_owned(),
                // Without the word that it is one of input and output.
                ureq::Error::Io(error) => error.to_string(),
                error => error.to_string(),
            },
        }),
    }
}

impl Error {
    /// Whether the command line is at fault.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Setting(error) => error.is_usage(),
            Self::UrlInvalid { .. } => true,
            Self::PortUnknown | Self::Refused { .. } | Self::Silent { .. } | Self::Unreachable { .. } => {
                false
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(error) => error.fmt(formatter),
            Self::PortUnknown => formatter.write_str(
                "the port is 0, which the system chose at the start; the first lines of the server say which it is: \
                 give it with --port or --url",
            ),
            Self::UrlInvalid { found } => write!(
                formatter,
                "--url={found}: expected an address such as http://127.0.0.1:8000/health"
            ),
            Self::Refused { url, status } => write!(formatter, "{url} answered {status}, expected 200 OK"),
            Self::Silent { url, timeout } => {
                write!(formatter, "{url} did not answer within {} s", timeout.as_secs())
            }
            Self::Unreachable { url, why } => write!(formatter, "{url} does not answer: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn the_settings_say_where_to_ask() {
        let asked = |flags: &[(&'static str, &str)]| {
            let flags = flags.iter().map(|(flag, value)| (*flag, (*value).to_owned()));
            target(None, &Sources::new(flags, [], [])).map(|target| target.url)
        };
        let at = |text: &str| Ok(text.to_owned());
        assert_eq!(asked(&[]), at("http://127.0.0.1:8000/health"));
        assert_eq!(
            asked(&[("--host", "0.0.0.0"), ("--port", "9")]),
            at("http://127.0.0.1:9/health")
        );
        assert_eq!(asked(&[("--host", "::1")]), at("http://[::1]:8000/health"));
        assert_eq!(
            asked(&[("--host", "localhost")]),
            at("http://127.0.0.1:8000/health")
        );
        assert_eq!(asked(&[("--port", "0")]), Err(Error::PortUnknown));
        let wrong = asked(&[("--port", "8x")]).unwrap_err();
        assert!(matches!(&wrong, Error::Setting(_)) && wrong.is_usage(), "{wrong}");
    }

    #[test]
    fn a_url_is_taken_as_it_is_or_refused() {
        let asked = |text| target(Some(text), &Sources::default()).map(|target| target.url);
        for whole in ["http://x/y", "https://x:1/", "http://[::1]:8000/health/ready"] {
            assert_eq!(asked(whole), Ok(whole.to_owned()));
        }
        for wrong in [
            "",
            "8000",
            "localhost:8000/health",
            "/health",
            "ftp://x/",
            "http://",
            "http://a b/",
        ] {
            let error = asked(wrong).unwrap_err();
            assert!(error.is_usage(), "{wrong}");
            assert_eq!(
                error.to_string(),
                format!("--url={wrong}: expected an address such as http://127.0.0.1:8000/health")
            );
        }
    }

    /// Answers one request with `answer` on a port of its own, and holds the connection until the other side is gone.
    fn answering(answer: &'static str) -> (String, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::Builder::new().spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            while matches!(stream.read(&mut [0; 1024]), Ok(1..)) {}
        });
        (format!("http://{address}/health"), server.unwrap())
    }

    fn at(url: &str) -> Target {
        Target {
            url: url.to_owned(),
            is_own: true,
        }
    }

    fn asked(answer: &'static str, timeout: Duration) -> (String, Result<(), Error>) {
        let (url, server) = answering(answer);
        let verdict = ask(&at(&url), timeout);
        // It may have been given up before it connected, and then the other side still waits for somebody.
        let _ = TcpStream::connect(url.replace("http://", "").replace("/health", ""));
        server.join().unwrap();
        (url, verdict)
    }

    #[test]
    fn only_200_is_alive() {
        let (_, verdict) = asked("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", PATIENCE);
        assert_eq!(verdict, Ok(()));
        for status in [
            "503 Service Unavailable",
            "204 No Content",
            "302 Found",
            "404 Not Found",
        ] {
            let head = format!("HTTP/1.1 {status}\r\nlocation: /\r\ncontent-length: 0\r\n\r\n");
            let (url, verdict) = asked(head.leak(), PATIENCE);
            let told = verdict.unwrap_err().to_string();
            assert_eq!(told, format!("{url} answered {status}, expected 200 OK"));
        }
    }

    #[test]
    fn one_that_accepts_and_says_nothing_whole_is_not_alive() {
        for answer in ["", "HTTP/1.1 200 OK\r\ncontent-le"] {
            let (url, verdict) = asked(answer, Duration::from_millis(200));
            let timeout = Duration::from_millis(200);
            assert_eq!(verdict, Err(Error::Silent { url, timeout }));
        }
    }

    #[test]
    fn one_that_speaks_something_else_is_not_alive() {
        let (url, verdict) = asked("SSH-2.0-OpenSSH_9.2\r\n\r\n", PATIENCE);
        let told = verdict.unwrap_err().to_string();
        assert!(told.starts_with(&format!("{url} does not answer: ")), "{told}");
    }

    #[test]
    fn nobody_there_is_not_alive() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        drop(listener);
        let told = ask(&at(&url), PATIENCE).unwrap_err().to_string();
        let expected = format!("{url} does not answer: Connection refused");
        assert!(told.starts_with(&expected), "{told}");
    }
}
