//! WebSocket (RFC 6455), server side.

pub mod handshake;
