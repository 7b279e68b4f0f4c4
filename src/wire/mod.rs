//! Bytes to messages and back. Knows no JSON-RPC (but for the form of a refusal), no MCP, no socket and no clock.
//!
//! A codec here is a state machine with the same few methods: `inbox` lends room for the next read, `received` says
//! how much was read, `next` gives the next complete message, `outbox` holds what must be written, `deadline` says
//! by when something must happen.
//!
//! **The law of codecs** (`tests/protocol`): however the input is split, the messages, errors and outbox are the same.

pub mod buffer;
pub mod http;
pub mod lease;
pub mod lines;
mod pace;
pub mod proxy;
pub mod spares;
pub mod sse;
pub mod websocket;

use crate::limits::Limits;
use crate::time::Instant;

/// What a codec needs to know of its surroundings while it works.
#[derive(Debug, Clone, Copy)]
pub struct Serving<'a> {
    /// The bounds.
    pub limits: &'a Limits,
    /// The time of this turn.
    pub now: Instant,
    /// Header lines that every HTTP response carries (Date, security headers), each ended by CRLF.
    pub common_headers: &'a [u8],
}

/// Header fields of a request, by name and occurrence. Names are compared without case.
pub trait Fields {
    /// The value of the `occurrence`-th (from 0) field line called `name`, without surrounding white space.
    fn field(&self, name: &str, occurrence: usize) -> Option<&[u8]>;
}

/// What the shell must do with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// Read and write.
    Open,
    /// Write what waits, then shut down the writing side; go on reading (and discarding) until the peer ends or the
    /// deadline comes. Closing at once would reset the connection and could destroy the answer on its way.
    Finishing,
    /// Close now; what waits is lost.
    Closed,
}

/// Why a connection ended. Kept to the end and logged once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer closed after its last answer.
    PeerClosed,
    /// The peer vanished: reset, or an error of the socket.
    PeerGone,
    /// Keep-alive was not wanted by the request or by HTTP/1.0.
    NotKeptAlive,
    /// No request for too long.
    IdleTimeout,
    /// A request head took too long.
    HeadTimeout,
    /// A request body took too long.
    BodyTimeout,
    /// The peer took too few of its bytes, or none, for too long.
    WriteTimeout,
    /// No answer to a WebSocket ping.
    PingTimeout,
    /// A request that HTTP does not allow, or that breaks a bound.
    BadRequest,
    /// Frames that RFC 6455 does not allow.
    BadFrame,
    /// A WebSocket message that is too long.
    MessageTooLong,
    /// More bytes of a stream waited than may: the peer reads too slowly, or asked for the stream behind a response
    /// that is long in coming.
    StreamTooSlow,
    /// The server cut a stream off.
    StreamAborted,
    /// As many connections are open as may be.
    TableFull,
    /// As many connections of its address are open as may be.
    AddressFull,
    /// It comes from a trusted proxy, which did not say whose it is (PROXY protocol).
    ProxyHeader,
    /// All connections together hold as many bytes as they may.
    ShortOfMemory,
    /// The key or token that opened it has ended.
    CredentialEnded,
    /// The server is shutting down.
    Draining,
}

impl CloseReason {
    /// Every reason, for metrics and tests.
    pub const ALL: [Self; 19] = [
        Self::PeerClosed,
        Self::PeerGone,
        Self::NotKeptAlive,
        Self::IdleTimeout,
        Self::HeadTimeout,
        Self::BodyTimeout,
        Self::WriteTimeout,
        Self::PingTimeout,
        Self::BadRequest,
        Self::BadFrame,
        Self::MessageTooLong,
        Self::StreamTooSlow,
        Self::StreamAborted,
        Self::TableFull,
        Self::AddressFull,
        Self::ProxyHeader,
        Self::ShortOfMemory,
        Self::CredentialEnded,
        Self::Draining,
    ];

    /// A stable word for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeerClosed => "peer_closed",
            Self::PeerGone => "peer_gone",
            Self::NotKeptAlive => "not_kept_alive",
            Self::IdleTimeout => "idle_timeout",
            Self::HeadTimeout => "head_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::PingTimeout => "ping_timeout",
            Self::BadRequest => "bad_request",
            Self::BadFrame => "bad_frame",
            Self::MessageTooLong => "message_too_long",
            Self::StreamTooSlow => "stream_too_slow",
            Self::StreamAborted => "stream_aborted",
            Self::TableFull => "table_full",
            Self::AddressFull => "address_full",
            Self::ProxyHeader => "proxy_header",
            Self::ShortOfMemory => "short_of_memory",
            Self::CredentialEnded => "credential_ended",
            Self::Draining => "draining",
        }
    }
}
