//! Bytes to messages: HTTP heads and chunked bodies, WebSocket frames.

use criterion::Criterion;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::time::Instant;
use snowflake_mcp::wire::Serving;
use snowflake_mcp::wire::buffer::{Inbox, Outbox};
use snowflake_mcp::wire::http::{self, HttpConnection, Response};
use snowflake_mcp::wire::websocket::{self, WebSocketConnection};

use crate::messages;
use crate::processor_time::{ProcessorTime, rate};

pub(crate) fn wire(criterion: &mut Criterion<ProcessorTime>) {
    let mut group = criterion.benchmark_group("wire");
    for (name, request) in [("head", HEAD.to_vec()), ("chunked body", chunked())] {
        group.throughput(rate(request.len()));
        let limits = Limits::default();
        let mut connection = HttpConnection::new(Instant::ZERO);
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(requests(&mut connection, &request, &limits), 1));
        });
    }
    let short = messages::frame(messages::PING).repeat(64);
    for (name, frames, count) in [
        ("websocket frames", short, 64),
        ("websocket message", long_frame(), 1),
    ] {
        group.throughput(rate(frames.len()));
        let limits = Limits::default();
        let mut connection =
            WebSocketConnection::new(Inbox::default(), Outbox::default(), &limits, Instant::ZERO);
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(texts(&mut connection, &frames, &limits), count));
        });
    }
    group.finish();
}

/// Requests that are taken from `bytes` and answered.
fn requests(connection: &mut HttpConnection, mut bytes: &[u8], limits: &Limits) -> usize {
    let serving = serving(limits);
    let mut taken = 0;
    while !bytes.is_empty() {
        let room = connection.room(limits);
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        connection.received(count, Instant::ZERO);
        bytes = &bytes[count..];
        while let http::Next::Request(_, responder) = connection.next(&serving) {
            taken += 1;
            responder.respond(Response {
                status: 200,
                content_type: None,
                headers: &[],
                body: &mut [],
                close: false,
            });
        }
    }
    connection.sent(connection.outbox().len(), Instant::ZERO);
    taken
}

/// Messages that are taken from `bytes`.
fn texts(connection: &mut WebSocketConnection, mut bytes: &[u8], limits: &Limits) -> usize {
    let serving = serving(limits);
    let mut taken = 0;
    while !bytes.is_empty() {
        let room = connection.room(limits);
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        connection.received(count, Instant::ZERO);
        bytes = &bytes[count..];
        while let websocket::Next::Message(_) = connection.next(&serving) {
            taken += 1;
        }
    }
    taken
}

fn serving(limits: &Limits) -> Serving<'_> {
    Serving {
        limits,
        now: Instant::ZERO,
        common_headers: b"",
    }
}

/// 64 KiB in chunks of 1 KiB.
fn chunked() -> Vec<u8> {
    let mut request = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..64 {
        request.extend_from_slice(b"400\r\n");
        request.extend_from_slice(&[b'x'; 1_024]);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

/// A text of 64 KiB, masked with a mask that is none.
fn long_frame() -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0x81, 0x80 | 127];
    frame.extend_from_slice(&(64_u64 << 10).to_be_bytes());
    frame.extend_from_slice(&mask);
    frame.extend((0..64 << 10).map(|at| b'a' ^ mask[at % mask.len()]));
    frame
}

/// What a browser sends.
const HEAD: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost:8000\r\nConnection: keep-alive\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Site: none\r\nSec-Fetch-User: ?1\r\nPriority: u=0, i\r\n\r\n";
