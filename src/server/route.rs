//! Which paths there are, which methods they serve, and what a caller must be allowed for each.

use std::borrow::Cow;

use super::settings::Settings;
use crate::access::Scope;
use crate::access::issuers::METADATA_PATH;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// `*`: the server as a whole, which only OPTIONS asks about (RFC 9110 section 9.3.7).
    Everything,
    Mcp,
    Health,
    Live,
    Ready,
    Detailed,
    Status,
    Tools,
    ToolsCall,
    /// `GET /sse` of HTTP+SSE.
    Channel,
    /// Its `POST /messages`.
    ChannelMessages,
    Metrics,
    /// What clients of OAuth are told about this server (RFC 9728).
    Resource,
}

impl Route {
    /// The route of a path as it was sent.
    pub(super) fn of(path: &str, settings: &Settings) -> Option<Self> {
        let path = decoded(path);
        Some(match &*path {
            "*" => Self::Everything,
            "/mcp" => Self::Mcp,
            "/health" => Self::Health,
            "/health/live" => Self::Live,
            "/health/ready" => Self::Ready,
            "/health/detailed" => Self::Detailed,
            "/status" => Self::Status,
            "/mcp/tools" => Self::Tools,
            "/mcp/tools/call" => Self::ToolsCall,
            "/sse" => Self::Channel,
            "/messages" | "/messages/" => Self::ChannelMessages,
            _ if settings.resource.is_some() && is_metadata(&path, settings) => Self::Resource,
            _ if settings.metrics_path.as_deref() == Some(&*path) => Self::Metrics,
            _ => return None,
        })
    }

    /// The methods that it serves.
    pub(super) const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Everything => &["GET", "HEAD", "POST", "OPTIONS"],
            Self::Mcp => &["GET", "POST", "DELETE", "OPTIONS"],
            Self::ToolsCall | Self::ChannelMessages => &["POST", "OPTIONS"],
            Self::Channel => &["GET", "OPTIONS"],
            Self::Health | Self::Live | Self::Ready | Self::Detailed | Self::Resource => {
                &["GET", "HEAD", "OPTIONS"]
            }
            Self::Status | Self::Tools | Self::Metrics => &["GET", "HEAD", "OPTIONS"],
        }
    }

    /// The `Allow` header.
    pub(super) fn allow(self) -> String {
        self.methods().join(", ")
    }

    /// What a caller must be allowed; `None`: nothing, not even to be known.
    pub(super) const fn need(self) -> Option<Scope> {
        match self {
            Self::Health | Self::Live | Self::Ready | Self::Resource => None,
            Self::Detailed | Self::Status | Self::Metrics => Some(Scope::Status),
            Self::Everything
            | Self::Mcp
            | Self::Tools
            | Self::ToolsCall
            | Self::Channel
            | Self::ChannelMessages => Some(Scope::Read),
        }
    }
}

/// Whether a path is that of the metadata: the well-known one alone, with `/mcp`, and with the path of our address, which
/// is another where something before us has put one in front.
fn is_metadata(path: &str, settings: &Settings) -> bool {
    let own = settings.resource.as_ref().map_or("", |resource| resource.path());
    path.strip_prefix(METADATA_PATH)
        .is_some_and(|rest| rest.is_empty() || rest == "/mcp" || rest == own)
}

/// The path with its percent-encoded characters decoded: `/%6dcp` is `/mcp` (RFC 3986 section 6.2.2.2). None of our paths
/// needs an encoding, so one that does not decode to ASCII matches nothing.
fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut parts = path.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) if byte.is_ascii_graphic() => {
                decoded.push(char::from(byte));
                decoded.push_str(&part[2..]);
            }
            _ => return Cow::Borrowed(path),
        }
    }
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_letters_are_the_letters() {
        assert_eq!(decoded("/%6dcp"), "/mcp");
        assert_eq!(decoded("/mcp%2Ftools"), "/mcp/tools");
        for same in ["/mcp%", "/mcp%4", "/mcp%zz", "/mcp%00", "/mcp%c3%a9"] {
            assert_eq!(decoded(same), same);
        }
    }
}
