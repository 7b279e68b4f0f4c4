//! Addresses of the network as values: one, many (`10.0.0.0/8`), and what counts as one client. No socket, no names.

use std::fmt;

pub use core::net::IpAddr;
use core::net::{Ipv6Addr, SocketAddr};

/// Addresses that begin with the same bits. A single address is one with all of them.
///
/// Invariant: the bits behind are zero, so that equal networks are equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// The network of `address` that is told apart by its first `bits`; `None`: an address has fewer.
    pub fn new(address: IpAddr, bits: u8) -> Option<Self> {
        let first = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits.into())?);
                IpAddr::V4((address.to_bits() & mask.unwrap_or(0)).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits.into())?);
                IpAddr::V6((address.to_bits() & mask.unwrap_or(0)).into())
            }
        };
        Some(Self { first, bits })
    }

    /// Reads `ADDRESS` or `ADDRESS/BITS`.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((address, bits)) = text.split_once('/') else {
            let address: IpAddr = text.parse().ok()?;
            return Self::new(address.to_canonical(), bits_of(address.to_canonical()));
        };
        if bits.is_empty() || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Self::new(address.parse().ok()?, bits.parse().ok()?)
    }

    /// Whose connections are counted together with those of `address`: of IPv4 itself alone. Of IPv6 the 64 bits that a
    /// subscriber's line is given at least: whoever has one has as many addresses as it likes.
    pub fn of_client(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let (first, bits) = match address {
            IpAddr::V4(_) => (address, 32),
            IpAddr::V6(v6) => (
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
                CLIENT_BITS,
            ),
        };
        Self { first, bits }
    }

    /// Whether `address` is in it. The two families are never mixed, but for IPv4 that is written as IPv6.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && Self::new(address, self.bits) == Some(*self)
    }

    /// Whether it is of this machine alone.
    pub fn is_loopback(&self) -> bool {
        self.first.is_loopback()
            || self.first == IpAddr::V6(Ipv6Addr::from_bits(0)) && self.bits == CLIENT_BITS
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(formatter)?;
        if self.bits < bits_of(self.first) {
            write!(formatter, "/{}", self.bits)?;
        }
        Ok(())
    }
}

/// Several networks: who is believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// These.
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// Whether one of them holds `address`.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An address as fields of HTTP hold it: alone, in brackets, or with a port behind.
pub fn parse(text: &str) -> Option<IpAddr> {
    let bare = || {
        text.strip_prefix('[')?
            .strip_suffix(']')?
            .parse::<Ipv6Addr>()
            .ok()
    };
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| bare().map(IpAddr::V6))
        .or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()));
    address.map(|address| address.to_canonical())
}

const fn bits_of(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// What is told apart of an IPv6 address.
const CLIENT_BITS: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_what_begins_as_it_does() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.9.8.7/8", "10.1.1.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.9", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("::ffff:10.1.2.3", "10.1.2.3", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::1/128", "2001:db8::1", true),
        ] {
            let parsed = Network::parse(network).unwrap();
            assert_eq!(parsed.holds(ip(address)), expected, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "/",
            "10",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "::/129",
            "localhost",
            "10.0.0.1:80",
            "[::1]",
            " 10.0.0.1",
            "10.0.0.0/256",
            "010.0.0.1",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_client_is_an_address_or_half_of_one() {
        for (address, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("::1", "::/64"),
        ] {
            assert_eq!(Network::of_client(ip(address)).to_string(), expected);
        }
        assert_eq!(
            Network::of_client(ip("2001:db8::1")),
            Network::of_client(ip("2001:db8::2"))
        );
        let is_loopback = |address| Network::of_client(ip(address)).is_loopback();
        assert!(is_loopback("127.0.0.1") && is_loopback("127.9.9.9") && is_loopback("::1"));
        assert!(!is_loopback("10.0.0.1") && !is_loopback("2001:db8::1"));
    }

    #[test]
    fn an_address_in_a_field_may_have_brackets_and_a_port() {
        for (text, expected) in [
            ("203.0.113.7", Some("203.0.113.7")),
            ("203.0.113.7:80", Some("203.0.113.7")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("::ffff:203.0.113.7", Some("203.0.113.7")),
            ("unknown", None),
            ("_hidden", None),
            ("", None),
            ("203.0.113.7:", None),
            ("203.0.113.7:99999", None),
            ("[203.0.113.7]", None),
            ("203.0.113.7 ", None),
        ] {
            assert_eq!(parse(text), expected.map(ip), "{text}");
        }
    }
}
