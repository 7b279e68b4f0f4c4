//! `snowflake-mcp health`: the program asks a running server whether it is alive, so that a container without a
//! shell and without curl has a health check.

use std::time::Duration;

use snowflake_mcp::config::{self, Listen, source::Sources};

use super::Probe;
use super::greeting::reachable;

/// A server that is alive answers within milliseconds; container runtimes wait 30 s by default.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where to ask.
///
/// # Errors
/// The setting that is wrong.
pub(crate) fn url(probe: &Probe, sources: &Sources) -> Result<String, config::Error> {
    if let Some(url) = &probe.url {
        return Ok(url.clone());
    }
    let addresses = Listen::read(sources)?.addresses();
    Ok(format!("http://{}/health", reachable(addresses[0])))
}

/// Asks `url`; `Ok` when the answer is 200.
///
/// # Errors
/// Why the server does not count as alive, in words.
pub(crate) fn ask(url: &str) -> Result<(), String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        // The probe asks its own machine; a proxy of the environment is meant for Snowflake.
        .proxy(None)
        .build()
        .into();
    match agent.get(url).call() {
        Ok(answer) if answer.status() == 200 => Ok(()),
        Ok(answer) => Err(format!("{url} answered {}", answer.status())),
        Err(error) => Err(format!("{url} does not answer: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};

    fn probe(url: Option<&str>) -> Probe {
        Probe {
            url: url.map(str::to_owned),
            host: None,
            port: None,
        }
    }

    #[test]
    fn the_settings_say_where_to_ask() {
        let asked = |flags: &[(&'static str, &str)]| {
            let flags = flags.iter().map(|(flag, value)| (*flag, (*value).to_owned()));
            url(&probe(None), &Sources::new(flags, [], [])).map_err(|error| error.to_string())
        };
        assert_eq!(asked(&[]).as_deref(), Ok("http://127.0.0.1:8000/health"));
        assert_eq!(
            asked(&[("--host", "0.0.0.0"), ("--port", "9")]).as_deref(),
            Ok("http://127.0.0.1:9/health")
        );
        assert_eq!(
            asked(&[("--host", "::1")]).as_deref(),
            Ok("http://[::1]:8000/health")
        );
        assert_eq!(
            url(&probe(Some("http://x/y")), &Sources::default())
                .ok()
                .as_deref(),
            Some("http://x/y")
        );
    }

    /// Answers one request with `status` on a port of its own.
    fn answering(status: &'static str) -> (SocketAddr, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::Builder::new().spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).unwrap();
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            .unwrap();
        });
        (address, server.unwrap())
    }

    #[test]
    fn only_200_is_alive() {
        let (address, server) = answering("200 OK");
        assert_eq!(ask(&format!("http://{address}/health")), Ok(()));
        server.join().unwrap();
        let (address, server) = answering("503 Service Unavailable");
        let url = format!("http://{address}/health");
        assert_eq!(ask(&url), Err(format!("{url} answered 503 Service Unavailable")));
        server.join().unwrap();
    }

    #[test]
    fn nobody_there_is_not_alive() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        drop(listener);
        assert!(
            ask(&url)
                .unwrap_err()
                .starts_with(&format!("{url} does not answer: "))
        );
    }
}
