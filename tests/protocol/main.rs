//! What the codecs do with bytes: golden conversations, every split point, hostile input.

mod http;
mod lines;
mod sse;
mod websocket;
