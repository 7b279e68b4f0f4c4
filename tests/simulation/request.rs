//! What peers send, and what they expect for it.

use snowflake_mcp::entropy::SeededEntropy;

use crate::backend::Behaviour;
use crate::plan::{Faults, Plan};

/// How a request is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// HTTP/1.1 on a kept connection.
    Http,
    /// Masked frames after an upgrade.
    WebSocket,
    /// Lines.
    Lines,
}

/// Something to send.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The bytes on the wire.
    pub(crate) bytes: Vec<u8>,
    /// What comes back.
    pub(crate) expected: Expected,
    /// The id of an earlier call that need not be answered any more.
    pub(crate) cancels: Option<String>,
}

impl Request {
    fn new(bytes: impl Into<Vec<u8>>, expected: Expected) -> Self {
        Self {
            bytes: bytes.into(),
            expected,
            cancels: None,
        }
    }
}

/// What must come back for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// A reply with this id (JSON text).
    Pong { id: String },
    /// A reply with this id, made of the answer of a statement with this tag.
    Answer {
        id: String,
        tag: String,
        behaviour: Behaviour,
    },
    /// HTTP only: this status, whatever the body.
    Status(u16),
    /// HTTP only: some refusal (4xx), after which the connection ends.
    Refusal,
    /// HTTP only: the switch to WebSocket.
    Switch,
    /// Nothing.
    Silence,
}

impl Expected {
    /// The id of the reply, where there is one.
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Pong { id } | Self::Answer { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// The upgrade of a WebSocket peer. The key is the example of RFC 6455 section 1.3.
pub(crate) fn upgrade() -> Request {
    let head = "GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                Sec-WebSocket-Protocol: mcp\r\n\r\n";
    Request::new(head, Expected::Switch)
}

/// A ping of a peer that only wants to be a burden.
pub(crate) fn burden(random: &mut SeededEntropy, carrier: Carrier, number: usize) -> Request {
    let message = format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"ping"}}"#);
    let id = number.to_string();
    call(random, carrier, &message, Expected::Pong { id })
}

/// The cancel of the call with this id.
pub(crate) fn cancel(random: &mut SeededEntropy, carrier: Carrier, id: &str) -> Request {
    let message =
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#);
    Request {
        cancels: Some(id.to_owned()),
        ..call(random, carrier, &message, Expected::Silence)
    }
}

/// A request drawn for the `number`-th turn of a peer.
pub(crate) fn draw(
    random: &mut SeededEntropy,
    plan: &Plan,
    carrier: Carrier,
    peer: usize,
    number: usize,
) -> Request {
    let faults = &plan.faults;
    let tag = format!("p{peer}r{number}");
    let id = match random.below(3) {
        0 => (peer * 1_000 + number).to_string(),
        _ => format!("\"{tag}\""),
    };
    match random.below(10) {
        0 | 1 => call(
            random,
            carrier,
            &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#),
            Expected::Pong { id },
        ),
        2 => call(
            random,
            carrier,
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            if carrier == Carrier::Http {
                Expected::Status(202)
            } else {
                Expected::Silence
            },
        ),
        3 if carrier == Carrier::Http => Request::new(
            &b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
            Expected::Status(200),
        ),
        4 if carrier == Carrier::Http && faults.malformed => malformed(random),
        _ => {
            let behaviour = behaviour(random, plan);
            let mut spaces = |is_there: bool| {
                let count = if is_there { random.below(20_000) } else { 0 };
                " ".repeat(count as usize)
            };
            // What surrounds a statement is gone with its request, what is in it stays until the call is over.
            let padding = spaces(faults.big_requests);
            let statement = behaviour.statement(&tag) + &spaces(faults.big_requests);
            let message = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"execute_query",{padding}"arguments":{{"query":"{statement}"}}}}}}"#
            );
            call(random, carrier, &message, Expected::Answer { id, tag, behaviour })
        }
    }
}

fn behaviour(random: &mut SeededEntropy, plan: &Plan) -> Behaviour {
    let faults: &Faults = &plan.faults;
    // Sixty-four buffers full at most, or a run would be spent on one reply.
    let kibibytes_max = (plan.send_buffer_bytes as u64 / 16).min(200);
    match random.below(12) {
        0 if faults.failures => Behaviour::Fail,
        1 if faults.panics => Behaviour::Panic,
        2 if faults.never_ending => Behaviour::Forever,
        3 if faults.stuck => Behaviour::Stuck,
        4 | 5 if faults.polled => Behaviour::Again(1 + random.below(6) as u32),
        6 if faults.big_replies => Behaviour::Big(1 + random.below(kibibytes_max) as u32),
        _ => Behaviour::Ok,
    }
}

fn malformed(random: &mut SeededEntropy) -> Request {
    let bytes: &[u8] = match random.below(4) {
        0 => b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        1 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        2 => b"POST /mcp HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        _ => b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    };
    Request::new(bytes, Expected::Refusal)
}

fn call(random: &mut SeededEntropy, carrier: Carrier, message: &str, expected: Expected) -> Request {
    let bytes = match carrier {
        Carrier::Http => http(random, message),
        Carrier::WebSocket => text_frames(random, message),
        Carrier::Lines => format!("{message}\n").into_bytes(),
    };
    Request::new(bytes, expected)
}

fn http(random: &mut SeededEntropy, message: &str) -> Vec<u8> {
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Accept: application/json, text/event-stream\r\n";
    if random.below(4) > 0 {
        return format!("{head}Content-Length: {}\r\n\r\n{message}", message.len()).into_bytes();
    }
    let (first, second) = message.split_at(message.len() / 2);
    format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    )
    .into_bytes()
}

/// One message in one frame, or in two.
fn text_frames(random: &mut SeededEntropy, message: &str) -> Vec<u8> {
    let message = message.as_bytes();
    if random.below(4) > 0 {
        return frame(0x81, message, random);
    }
    let (first, second) = message.split_at(message.len() / 2);
    let mut bytes = frame(0x01, first, random);
    bytes.extend(frame(0x80, second, random));
    bytes
}

/// A masked frame with this first byte (RFC 6455 section 5.2).
pub(crate) fn frame(first: u8, payload: &[u8], random: &mut SeededEntropy) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        medium @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    let mask = (random.next_u64() as u32).to_be_bytes();
    bytes.extend(mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}
