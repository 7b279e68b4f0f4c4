//! What start-up says: what listens where, which engine answers, and lines to paste.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use snowflake_mcp::config::{Engine, Http};
use snowflake_mcp::snowflake::Protocol;

/// The lines for a server that listens on `addresses` (with the real ports).
pub(crate) fn http(addresses: &[SocketAddr], engine: &Engine, http: &Http) -> Vec<String> {
    let scheme = if http.tls.is_some() { "https" } else { "http" };
    let mut lines = vec![format!(
        "snowflake-mcp {} {}",
        env!("CARGO_PKG_VERSION"),
        described(engine)
    )];
    lines.extend(
        addresses
            .iter()
            .map(|address| format!("listening on {scheme}://{address}")),
    );
    if let Some(address) = addresses.first() {
        let base = reachable(*address);
        lines.push(format!("try: curl -s {scheme}://{base}/health"));
        let entry = client_entry(&format!("{scheme}://{base}/mcp"), http.is_guarded());
        lines.push(format!("client: {entry}"));
    }
    lines
}

/// The line for a server on standard input and output.
pub(crate) fn stdio(engine: &Engine) -> Vec<String> {
    vec![format!(
        "snowflake-mcp {} {}, on standard input and output",
        env!("CARGO_PKG_VERSION"),
        described(engine)
    )]
}

fn described(engine: &Engine) -> String {
    match engine {
        Engine::Demo => "serves the embedded engine with SNOWFLAKE_SAMPLE_DATA.TPCH_SF1".to_owned(),
        Engine::Incomplete(_) => {
            "serves Snowflake, which is not set up yet (see the log, or try --demo)".to_owned()
        }
        Engine::Several(connections) => {
            let names: Vec<_> = connections.iter().map(|connection| &*connection.name).collect();
            format!(
                "serves Snowflake through the connections {}; each signs in with its first call",
                names.join(", ")
            )
        }
        Engine::Snowflake(snowflake) => {
            let place = snowflake
                .host
                .as_deref()
                .or(snowflake.account.as_deref())
                .unwrap_or("unknown");
            let plain = match snowflake.protocol {
                Protocol::Https => "",
                Protocol::Http => " over plain http",
            };
            format!("serves Snowflake ({place}){plain}; it signs in with the first call")
        }
    }
}

/// The entry that most clients take, under `mcpServers`.
fn client_entry(url: &str, needs_key: bool) -> String {
    let headers = if needs_key {
        r#","headers":{"Authorization":"Bearer YOUR_KEY"}"#
    } else {
        ""
    };
    format!(r#"{{"mcpServers":{{"snowflake":{{"type":"http","url":"{url}"{headers}}}}}}}"#)
}

/// Where a client on this machine finds a server that listens on `address`.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use snowflake_mcp::config::source::Sources;
    use snowflake_mcp::config::{Config, Transport};

    fn settings(has_key: bool) -> Http {
        let key = ("API_KEYS".to_owned(), "a-key-that-is-long-enough".to_owned());
        let sources = Sources::new([], has_key.then_some(key), []);
        let config = Config::read(&sources, Transport::Http, true).unwrap();
        config.http.unwrap()
    }

    #[test]
    fn the_lines_can_be_pasted() {
        let lines = http(
            &[SocketAddr::from(([0, 0, 0, 0], 8123))],
            &Engine::Demo,
            &settings(true),
        );
        assert_eq!(lines[1], "listening on http://0.0.0.0:8123");
        assert_eq!(lines[2], "try: curl -s http://127.0.0.1:8123/health");
        let entry: serde_json::Value =
            serde_json::from_str(lines[3].strip_prefix("client: ").unwrap()).unwrap();
        let server = &entry["mcpServers"]["snowflake"];
        assert_eq!(server["url"], "http://127.0.0.1:8123/mcp");
        assert_eq!(server["headers"]["Authorization"], "Bearer YOUR_KEY");
    }

    #[test]
    fn every_address_has_a_line_and_ipv6_its_brackets() {
        let addresses = [
            SocketAddr::from(([127, 0, 0, 1], 1)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, 1)),
        ];
        let lines = http(&addresses, &Engine::Demo, &settings(false));
        assert!(
            lines.contains(&"listening on http://[::1]:1".to_owned()),
            "{lines:?}"
        );
        assert!(!lines.last().unwrap().contains("headers"));
    }

    #[test]
    fn an_engine_that_is_not_set_up_is_told() {
        let lines = stdio(&Engine::Incomplete("x".to_owned()));
        assert!(
            lines[0].contains("not set up yet") && lines[0].contains("--demo"),
            "{lines:?}"
        );
    }
}
