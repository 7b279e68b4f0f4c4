//! One request to an identity provider's token endpoint. It knows addresses and time limits, not what a grant is.

use std::io::Read;
use std::time::Duration;

use ureq::http::{HeaderValue, Uri};

use crate::secret::Secret;
use crate::snowflake::http::Fault;
use crate::snowflake::network::{Network, fault_of};
use crate::snowflake::settings::{ConfigError, is_loopback};

/// Something that gives out tokens.
pub(super) trait Issuer: Send + Sync {
    /// Sends the form, with the client's name and secret as HTTP Basic if they are not in it. Any status is an answer.
    fn ask(&self, form: &Secret, basic: Option<&Secret>) -> Result<(u16, Vec<u8>), Fault>;

    /// Who that is, for messages.
    fn host(&self) -> &str;
}

/// A token endpoint, reached over the network. It is asked once a token's life, so no connection is kept.
#[derive(Debug)]
pub(super) struct UreqIssuer {
    url: String,
    host: String,
    network: Network,
}

impl UreqIssuer {
    /// The endpoint at `url`: HTTPS, or plain HTTP on this machine.
    ///
    /// # Errors
    /// It is no such address.
    pub(super) fn new(url: &str, network: Network) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::TokenUrlInvalid {
            found: url.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let host = uri.host().ok_or_else(invalid)?;
        let has_user = uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'));
        let is_safe = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_loopback(host),
            _ => false,
        };
        if !is_safe || has_user {
            return Err(invalid());
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            url: url.to_owned(),
            network,
        })
    }
}

impl Issuer for UreqIssuer {
    fn ask(&self, form: &Secret, basic: Option<&Secret>) -> Result<(u16, Vec<u8>), Fault> {
        let authorization = match basic {
            Some(basic) => {
                let mut value = HeaderValue::from_str(&format!("Basic {}", basic.reveal()))
                    .expect("base64 can stand in a header");
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let agents = self
            .network
            .agents(&self.host, |config| config.timeout_global(Some(PATIENCE)))
            .map_err(|error| Fault::NotConnected {
                why: error.to_string(),
            })?;
        let answer = agents.send(|agent| {
            let mut request = agent
                .post(&self.url)
                .content_type("application/x-www-form-urlencoded");
            if let Some(authorization) = &authorization {
                request = request.header("authorization", authorization);
            }
            request.send(form.reveal())
        })?;
        let (head, body) = answer.into_parts();
        let mut bytes = Vec::new();
        body.into_reader()
            .take(ANSWER_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(|error| fault_of(error.into()))?;
        Ok((head.status.as_u16(), bytes))
    }

    fn host(&self) -> &str {
        &self.host
    }
}

/// How long a provider may take in all, and so how long a worker may be held by one.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// A token is a few KiB.
const ANSWER_BYTES_MAX: u64 = 256 << 10;
