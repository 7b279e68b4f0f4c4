//! One HTTP exchange: the seam behind which ureq sits, with every limit set.
//!
//! It knows methods, headers, faults and bytes. It does not know statements, codes or JSON, and it never repeats a
//! request: whether that is safe is known in `retry` and `statement`.

use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{HeaderMap, HeaderValue};

use super::network::{Agents, Network};
use super::settings::{ConfigError, Endpoint};
use crate::secret::Secret;

/// Something that carries requests to Snowflake.
pub trait HttpClient: Send + Sync {
    /// Sends one request and returns as soon as the answer's head is there.
    ///
    /// # Errors
    /// There is no answer, and why. Any HTTP status is an answer.
    fn exchange(&self, request: &Request<'_>) -> Result<Response, Fault>;
}

/// A request.
#[derive(Debug)]
pub struct Request<'a> {
    /// What to do.
    pub method: Method<'a>,
    /// Path and query, beginning with a slash.
    pub target: &'a str,
    /// The token that logs in.
    pub bearer: &'a Secret,
    /// What kind of token that is.
    pub token_type: &'static str,
    /// How long the exchange may take in all, from resolving the name to the last byte of the answer.
    pub patience: Duration,
}

/// What a request does.
#[derive(Debug, Clone, Copy)]
pub enum Method<'a> {
    /// Reads.
    Get,
    /// Sends a JSON document (empty for a cancel).
    Post(&'a [u8]),
}

/// An answer: its head, and a body that is read by whoever wants it.
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The headers that matter, as they came.
    pub headers: Headers,
    /// The body, decompressed. Dropping it unread gives the connection up.
    pub body: Box<dyn Read + Send>,
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// The headers of an answer that mean something to us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// `Retry-After`: seconds, or a date.
    pub retry_after: Option<String>,
    /// `Date`, which tells how far this machine's clock is off.
    pub date: Option<String>,
    /// `Link`, which has a statement's handle in it before the body begins.
    pub link: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The host's name does not resolve.
    HostUnknown,
    /// No connection was made.
    NotConnected {
        /// Why, for the log.
        why: String,
    },
    /// The proxy does not let the request through: it wants a login, or does not allow the host.
    ProxyRefused {
        /// The HTTP status with which it says so.
        status: u16,
    },
    /// The other side could not prove who it is, or speaks no TLS.
    Tls {
        /// Why, for the log.
        why: String,
        /// Whether it is its certificate that is not believed: then nothing was sent. Any other fault of TLS may come
        /// in the middle of an exchange.
        is_certificate: bool,
    },
    /// The time ran out.
    TimedOut {
        /// Whether the request may have reached Snowflake by then.
        was_sent: bool,
    },
    /// The connection ended before the whole answer was there.
    Lost {
        /// Why, for the log.
        why: String,
    },
    /// What came back is no HTTP, or a head beyond all bounds.
    NotHttp {
        /// Why, for the log.
        why: String,
    },
}

impl Fault {
    /// Whether Snowflake may have acted on the request.
    pub const fn may_have_arrived(&self) -> bool {
        match self {
            Self::HostUnknown | Self::NotConnected { .. } | Self::ProxyRefused { .. } => false,
            Self::Tls { is_certificate, .. } => !*is_certificate,
            Self::TimedOut { was_sent } => *was_sent,
            Self::Lost { .. } | Self::NotHttp { .. } => true,
        }
    }
}

/// ureq behind [`HttpClient`]: one pool of connections for all workers.
pub(super) struct UreqClient {
    agents: Agents,
    base: String,
}

impl UreqClient {
    /// A client for `endpoint`. Nothing is connected yet.
    ///
    /// # Errors
    /// The way there cannot be gone: see [`Network`].
    pub(super) fn new(
        endpoint: &Endpoint,
        network: &Network,
        idle_connections_max: usize,
    ) -> Result<Self, ConfigError> {
        let agents = network.agents(&endpoint.host, |config| {
            config
                .timeout_send_request(Some(SEND_TIMEOUT))
                .timeout_send_body(Some(SEND_TIMEOUT))
                .timeout_recv_response(Some(ANSWER_TIMEOUT))
                .timeout_per_read(Some(READ_TIMEOUT))
                .timeout_per_write(Some(READ_TIMEOUT))
                .max_response_header_size(HEAD_BYTES_MAX)
                .input_buffer_size(INPUT_BUFFER_BYTES)
                .output_buffer_size(OUTPUT_BUFFER_BYTES)
                .max_idle_connections(idle_connections_max)
                .max_idle_connections_per_host(idle_connections_max)
                .max_idle_age(IDLE_AGE_MAX)
        })?;
        Ok(Self {
            agents,
            base: endpoint.base.clone(),
        })
    }
}

impl HttpClient for UreqClient {
    fn exchange(&self, request: &Request<'_>) -> Result<Response, Fault> {
        let url = format!("{}{}", self.base, request.target);
        let authorization = format!("Bearer {}", request.bearer.reveal());
        let mut authorization = HeaderValue::from_str(&authorization).map_err(|_| Fault::NotHttp {
            why: "the token cannot stand in a header".to_owned(),
        })?;
        authorization.set_sensitive(true);
        let patience = Some(request.patience);
        let answer = self.agents.send(|agent| match request.method {
            Method::Get => agent
                .get(&url)
                .header("authorization", &authorization)
                .header(TOKEN_TYPE, request.token_type)
                .config()
                .timeout_global(patience)
                .build()
                .call(),
            Method::Post(body) => agent
                .post(&url)
                .header("authorization", &authorization)
                .header(TOKEN_TYPE, request.token_type)
                .content_type("application/json")
                .config()
                .timeout_global(patience)
                .build()
                .send(body),
        });
        let (head, body) = answer?.into_parts();
        let body = body.into_with_config().limit(WIRE_BYTES_MAX).reader();
        Ok(Response {
            status: head.status.as_u16(),
            headers: headers_of(&head.headers),
            body: Box::new(PlainErrors { inner: body }),
        })
    }
}

fn headers_of(map: &HeaderMap) -> Headers {
    let text = |name| map.get(name)?.to_str().ok().map(str::to_owned);
    Headers {
        retry_after: text("retry-after"),
        date: text("date"),
        link: text("link"),
    }
}

/// Turns ureq's errors inside a body into kinds of [`io::Error`], so that nobody else needs to know ureq:
/// `TimedOut`, `InvalidData` for a broken compression, anything else for a lost connection.
struct PlainErrors<R> {
    inner: R,
}

impl<R: Read> Read for PlainErrors<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.inner
            .read(into)
            .map_err(|error| match ureq::Error::from(error) {
                ureq::Error::Timeout(_) => io::ErrorKind::TimedOut.into(),
                ureq::Error::Decompress(_, error) => io::Error::new(io::ErrorKind::InvalidData, error),
                other => other.into_io(),
            })
    }
}

const TOKEN_TYPE: &str = "x-snowflake-authorization-token-type";

/// A statement is at most 1 MiB.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// Every request is answered at once (`async=true`, no long polls); the first one of a day may wake the account.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection that is silent in the middle of an answer is lost.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Times the connections in use: the cost of a worker.
const INPUT_BUFFER_BYTES: usize = 64 << 10;
const OUTPUT_BUFFER_BYTES: usize = 16 << 10;
/// Load balancers drop idle connections after a minute; a dropped one costs a repeated request.
const IDLE_AGE_MAX: Duration = Duration::from_secs(45);
/// Of one answer as it is on the wire. What is kept of it is bounded long before; this stops an endless one.
const WIRE_BYTES_MAX: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_never_prints_its_token() {
        let bearer = Secret::new("hunter2");
        let request = Request {
            method: Method::Get,
            target: "/",
            bearer: &bearer,
            token_type: "OAUTH",
            patience: Duration::ZERO,
        };
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}
