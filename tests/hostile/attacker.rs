//! What attackers send and how they leave.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::planted::assert_no_secret;
use super::victim::connect;

/// A POST to `/mcp`.
pub(crate) fn post(body: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The long answer that a short call asks for.
pub(crate) const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// A call of one statement over HTTP.
pub(crate) fn query(statement: &str) -> String {
    let arguments = serde_json::json!({ "query": statement });
    post(&format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"execute_query","arguments":{arguments}}}}}"#
    ))
}

/// The next answer, with a length: its head and its body.
pub(crate) fn response(stream: &mut TcpStream) -> (String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it answers");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.and_then(|length| length.parse().ok()).expect("a length");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("the whole body");
    let body = String::from_utf8(body).expect("text");
    assert_no_secret("an answer", &format!("{head}{body}"), &[]);
    (head, body)
}

/// Leaves without a goodbye: the peer sees a reset.
pub(crate) fn reset(stream: TcpStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).expect("an option of every socket");
    drop(stream);
}

/// A WebSocket, after the handshake.
pub(crate) fn websocket(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    stream
        .write_all(
            b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .expect("it reads");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it answers");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "the upgrade is accepted");
    stream
}

/// A client's frame: `first` is FIN and opcode. The mask is zero, which leaves the payload as it is.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = announced(first, payload.len() as u64);
    frame.extend_from_slice(payload);
    frame
}

/// The head of a frame whose payload may never come.
pub(crate) fn announced(first: u8, length: u64) -> Vec<u8> {
    let mut head = vec![first];
    match length {
        0..=125 => head.push(0x80 | length as u8),
        126..=0xffff => {
            head.push(0x80 | 126);
            head.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            head.push(0x80 | 127);
            head.extend_from_slice(&length.to_be_bytes());
        }
    }
    head.extend_from_slice(&[0; 4]);
    head
}

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const TEXT_OPEN: u8 = 0x01;
pub(crate) const CONTINUED: u8 = 0x00;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;

/// Writes `bytes` again and again, at most `times`, until the server has taken none for a while, or has dropped us because we
/// read nothing. Returns the bytes it took.
pub(crate) fn write_until_refused(stream: &mut TcpStream, bytes: &[u8], times: usize) -> usize {
    const GIVE_UP: Duration = Duration::from_millis(250);
    stream
        .set_write_timeout(Some(GIVE_UP))
        .expect("a timeout can be set");
    let mut taken = 0;
    for _ in 0..times {
        let mut rest = bytes;
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(count) => {
                    taken += count;
                    rest = &rest[count..];
                }
                Err(_) => return taken,
            }
        }
    }
    taken
}

/// Everything that comes until the server closes. A reset is an end too: it closed with our bytes unread.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    if let Err(error) = stream.read_to_end(&mut all) {
        assert_eq!(
            error.kind(),
            ErrorKind::ConnectionReset,
            "after {} bytes",
            all.len()
        );
    }
    assert_no_secret("an answer", &String::from_utf8_lossy(&all), &[]);
    all
}
