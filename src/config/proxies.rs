//! Proxies in front of the server whose word on who is behind them counts.

use super::Error;
use super::setting as s;
use super::source::Sources;
use super::value;
use crate::address::{Network, Networks};

/// Proxies in front of the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    /// Who is believed.
    pub trusted: Networks,
    /// Their connections begin with a header of the PROXY protocol.
    pub has_protocol: bool,
}

impl Proxies {
    /// None, when nothing is set.
    ///
    /// # Errors
    /// What is no address, or the protocol without anybody who may speak it.
    pub(super) fn read(sources: &Sources) -> Result<Self, Error> {
        let trusted = match sources.find(&s::TRUSTED_PROXIES) {
            None => Networks::default(),
            Some(found) => {
                let networks: Result<Vec<_>, _> = value::list(&found)
                    .into_iter()
                    .map(|item| Network::parse(item).ok_or(item))
                    .collect();
                Networks::new(networks.map_err(|item| {
                    let expected = format!(
                        "{item} is no network; expected addresses such as 10.0.0.7, 10.0.0.0/8 or fd00::/8"
                    );
                    Error::value(&found, expected)
                })?)
            }
        };
        let protocol = sources.find(&s::PROXY_PROTOCOL);
        let has_protocol = protocol.as_ref().map_or(Ok(false), value::switch)?;
        match protocol {
            Some(found) if has_protocol && trusted.is_empty() => Err(Error::value(
                &found,
                "--trusted-proxies is not set, so nobody may send such a header: name the proxies",
            )),
            _ => Ok(Self {
                trusted,
                has_protocol,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flags: &[(&'static str, &str)]) -> Result<Proxies, String> {
        let flags = flags.iter().map(|(flag, value)| (*flag, (*value).to_owned()));
        Proxies::read(&Sources::new(flags, [], [])).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_and_networks_are_taken_and_names_are_not() {
        let read_one = |text| read(&[("--trusted-proxies", text)]);
        let proxies = read_one("10.0.0.0/8, ::1,192.0.2.1").unwrap();
        for (address, expected) in [
            ("10.1.2.3", true),
            ("::1", true),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
        ] {
            assert_eq!(
                proxies.trusted.holds(address.parse().unwrap()),
                expected,
                "{address}"
            );
        }
        assert!(!proxies.has_protocol);
        assert_eq!(
            read_one("10.0.0.0/8,proxy.internal").unwrap_err(),
            "--trusted-proxies=10.0.0.0/8,proxy.internal (flag): proxy.internal is no network; expected addresses such as 10.0.0.7, 10.0.0.0/8 or fd00::/8"
        );
    }

    #[test]
    fn the_protocol_needs_somebody_who_may_speak_it() {
        assert_eq!(read(&[]), Ok(Proxies::default()));
        let both = [("--trusted-proxies", "127.0.0.1"), ("--proxy-protocol", "true")];
        assert!(read(&both).unwrap().has_protocol);
        assert_eq!(
            read(&both[1..]).unwrap_err(),
            "--proxy-protocol=true (flag): --trusted-proxies is not set, so nobody may send such a header: name the proxies"
        );
    }
}
