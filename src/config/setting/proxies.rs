//! Settings about where connections come from.

use super::{Setting, setting};

/// Whose word counts.
pub const TRUSTED_PROXIES: Setting = setting(
    Some("--trusted-proxies"),
    &["MCP_TRUSTED_PROXIES"],
    "none",
    "comma list of addresses and networks (10.0.0.0/8) of proxies that are believed who is behind them: X-Forwarded-For, Forwarded, PROXY protocol",
);
/// Whether they speak the PROXY protocol.
pub const PROXY_PROTOCOL: Setting = setting(
    Some("--proxy-protocol"),
    &["MCP_PROXY_PROTOCOL"],
    "false",
    "connections of trusted proxies begin with a header of the PROXY protocol, version 1 or 2, before TLS; one without it is closed",
);
/// Open connections of one address.
pub const CONNECTIONS_PER_ADDRESS_MAX: Setting = setting(
    None,
    &["MCP_MAX_CONNECTIONS_PER_ADDRESS"],
    "a quarter of MCP_MAX_CONNECTIONS, from loopback all",
    "connections open at once from one address, of IPv6 from one /64; a further one is answered 503 and closed",
);
