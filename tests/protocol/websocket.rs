//! WebSocket connections against the law of codecs, tungstenite's client, and noise.

mod echo;

use std::io;

use proptest::collection::vec;
use proptest::prelude::*;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::time::Instant;
use snowflake_mcp::wire::buffer::{Inbox, Outbox, Piece};
use snowflake_mcp::wire::websocket::{Fault, Next, WebSocketConnection};
use snowflake_mcp::wire::{CloseReason, Lifecycle, Serving};
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Bytes, Message};

/// Everything that a connection makes of its input.
#[derive(Debug, PartialEq)]
struct Outcome {
    messages: Vec<String>,
    fault: Option<Fault>,
    written: Vec<u8>,
    lifecycle: Lifecycle,
    close_reason: Option<CloseReason>,
}

fn limits() -> Limits {
    Limits {
        message_bytes_max: 3_000,
        ..Limits::default()
    }
}

/// A connection that is fed part by part.
struct Server {
    connection: WebSocketConnection,
    limits: Limits,
    messages: Vec<String>,
    fault: Option<Fault>,
}

impl Server {
    fn new() -> Self {
        let limits = limits();
        Self {
            connection: WebSocketConnection::new(Inbox::default(), Outbox::default(), &limits, Instant::ZERO),
            limits,
            messages: Vec::new(),
            fault: None,
        }
    }

    fn feed(&mut self, mut part: &[u8]) {
        while !part.is_empty() {
            let room = self.connection.room(&self.limits);
            assert!(!room.is_empty(), "the connection does not want to be read from");
            let count = room.len().min(part.len());
            room[..count].copy_from_slice(&part[..count]);
            self.connection.received(count, Instant::ZERO);
            part = &part[count..];
            self.take_messages();
        }
    }

    fn take_messages(&mut self) {
        let serving = Serving {
            limits: &self.limits,
            now: Instant::ZERO,
            common_headers: b"",
        };
        loop {
            match self.connection.next(&serving) {
                Next::Message(text) => self.messages.push(text.as_str().to_owned()),
                Next::NeedMore => return,
                Next::Failed(fault) => assert_eq!(self.fault.replace(fault), None, "a second fault"),
            }
        }
    }

    fn outcome(self) -> Outcome {
        Outcome {
            messages: self.messages,
            fault: self.fault,
            written: self.connection.outbox().to_vec(),
            lifecycle: self.connection.lifecycle(),
            close_reason: self.connection.close_reason(),
        }
    }
}

fn outcome<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut server = Server::new();
    for part in parts {
        server.feed(part);
        server.connection.rest();
    }
    server.outcome()
}

/// A client that writes into memory. Its masks are random.
struct Client {
    context: WebSocketContext,
    pipe: Memory,
}

#[derive(Default)]
struct Memory {
    read: Vec<u8>,
    written: Vec<u8>,
}

impl io::Read for Memory {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(self.read.len());
        into[..count].copy_from_slice(&self.read[..count]);
        self.read.drain(..count);
        if count == 0 {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            Ok(count)
        }
    }
}

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Client {
    fn new() -> Self {
        Self {
            context: WebSocketContext::new(Role::Client, Some(WebSocketConfig::default())),
            pipe: Memory::default(),
        }
    }

    fn write(&mut self, message: Message) {
        self.context
            .write(&mut self.pipe, message)
            .expect("memory takes everything");
        self.context
            .flush(&mut self.pipe)
            .expect("memory takes everything");
    }

    /// Writes `text` in fragments that end at `ends` (cut to its length), with a ping after each.
    fn write_fragments(&mut self, text: &str, ends: &[usize]) {
        let mut start = 0;
        for (index, end) in ends.iter().enumerate() {
            let end = (*end).clamp(start, text.len());
            self.write_fragment(&text.as_bytes()[start..end], index == 0, false);
            self.write(Message::Ping(Bytes::from(vec![index as u8])));
            start = end;
        }
        self.write_fragment(&text.as_bytes()[start..], ends.is_empty(), true);
    }

    fn write_fragment(&mut self, payload: &[u8], is_first: bool, is_final: bool) {
        let opcode = OpCode::Data(if is_first { Data::Text } else { Data::Continue });
        self.write(Message::Frame(Frame::message(
            Bytes::copy_from_slice(payload),
            opcode,
            is_final,
        )));
    }

    /// The messages in `bytes`.
    fn read(&mut self, bytes: &[u8]) -> Vec<Message> {
        self.pipe.read = bytes.to_vec();
        std::iter::from_fn(|| self.context.read(&mut self.pipe).ok()).collect()
    }
}

/// A masked frame with any head, legal or not.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x9d, 0x00, 0x55, 0xc3];
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend((long as u16).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

/// Streams of frames, good and bad, each with what it is an example of.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let long = "größe ".repeat(40);
    let good = [
        frame(0x81, b"one"),
        frame(0x89, b"ping"),
        frame(0x01, "zw\u{f6}".as_bytes()),
        frame(0x8a, b"pong"),
        frame(0x00, b""),
        frame(0x89, b""),
        frame(0x80, b"lf"),
        frame(0x81, long.as_bytes()),
        frame(0x81, b""),
    ]
    .concat();
    let then = |bytes: &[u8]| [&good, bytes, &good].concat();
    let cut = |bytes: Vec<u8>, count: usize| bytes[..count].to_vec();
    vec![
        ("only good frames", good.clone()),
        (
            "a close",
            then(&frame(0x88, &[&1000_u16.to_be_bytes()[..], b"bye"].concat())),
        ),
        ("an empty close", then(&frame(0x88, b""))),
        (
            "a close with a code that is never sent",
            then(&frame(0x88, &1005_u16.to_be_bytes())),
        ),
        ("a close with half a code", then(&frame(0x88, b"\x03"))),
        ("a close with a bad reason", then(&frame(0x88, b"\x03\xe8\xff"))),
        ("a reserved bit", then(&frame(0xc1, b"bit"))),
        ("a reserved opcode", then(&frame(0x83, b"opcode"))),
        ("a reserved control opcode", then(&frame(0x8b, b"opcode"))),
        ("a frame without mask", then(b"\x81\x05hello")),
        (
            "a length in too many bytes",
            then(b"\x81\xfe\x00\x05\0\0\0\0hello"),
        ),
        ("a ping in fragments", then(&frame(0x09, b"ping"))),
        ("a ping that is too long", then(&frame(0x89, &[b'p'; 126]))),
        ("nothing to continue", then(&frame(0x80, b"what?"))),
        (
            "an interrupted message",
            then(&[frame(0x01, b"a"), frame(0x81, b"b")].concat()),
        ),
        ("a binary message", then(&frame(0x82, b"binary"))),
        (
            "bad text in one frame",
            then(&frame(0x81, b"good then \xed\xa0\x80 bad")),
        ),
        (
            "bad text across frames",
            then(&[frame(0x01, b"\xe2\x82"), frame(0x80, b"x")].concat()),
        ),
        (
            "text that ends in a character",
            then(&[frame(0x01, b"\xf0\x9f"), frame(0x80, b"\xa6")].concat()),
        ),
        ("a long message", then(&cut(frame(0x81, &[b'x'; 3_001]), 20))),
        (
            "a long message in fragments",
            then(&[frame(0x01, &[b'x'; 200]), cut(frame(0, &[b'x'; 2_801]), 8)].concat()),
        ),
    ]
}

#[test]
fn every_split_into_two_reads_gives_the_same_outcome() {
    for (what, bytes) in samples() {
        let whole = outcome([bytes.as_slice()]);
        for at in 0..=bytes.len() {
            let (front, back) = bytes.split_at(at);
            assert_eq!(outcome([front, back]), whole, "{what}, split at {at}");
        }
    }
}

#[test]
fn reads_of_any_size_give_the_same_outcome() {
    for (what, bytes) in samples() {
        let whole = outcome([bytes.as_slice()]);
        for size in 1..20 {
            assert_eq!(outcome(bytes.chunks(size)), whole, "{what}, {size} bytes a read");
        }
    }
}

#[test]
fn the_samples_show_every_fault() {
    let codes: Vec<Option<u16>> = samples()
        .iter()
        .map(|(_, bytes)| outcome([bytes.as_slice()]).fault.map(Fault::close_code))
        .collect();
    let expected: Vec<Option<u16>> = [0, 0, 0, 0, 1002, 1007, 1002, 1002, 1002, 1002, 1002]
        .into_iter()
        .chain([1002, 1002, 1002, 1002, 1003, 1007, 1007, 1007, 1009, 1009])
        .map(|code| (code != 0).then_some(code))
        .collect();
    assert_eq!(codes, expected);
}

#[test]
fn a_conversation_with_a_client_of_another_kind_opens_and_closes() {
    let mut client = Client::new();
    let mut server = Server::new();
    client.write(Message::text("call"));
    server.feed(&std::mem::take(&mut client.pipe.written));
    assert_eq!(server.messages, ["call"]);
    server
        .connection
        .send(&mut [Piece::Borrowed(b"reply")], Instant::ZERO);
    server.connection.close(1001, "shutting down", Instant::ZERO);
    let close = CloseFrame {
        code: CloseCode::Away,
        reason: "shutting down".into(),
    };
    let said = server.connection.outbox().to_vec();
    assert_eq!(
        client.read(&said),
        [Message::text("reply"), Message::Close(Some(close))]
    );
    server.feed(&std::mem::take(&mut client.pipe.written));
    server.connection.sent(said.len(), Instant::ZERO);
    assert_eq!(server.connection.lifecycle(), Lifecycle::Finishing);
    server.connection.on_end();
    assert_eq!(server.connection.lifecycle(), Lifecycle::Closed);
}

proptest! {
    #[test]
    fn what_a_client_writes_is_what_the_server_reads(
        messages in vec((any::<String>(), vec(0_usize..40, 0..4)), 0..8),
        reads in vec(1_usize..50, 1..20),
    ) {
        let mut client = Client::new();
        for (text, ends) in &messages {
            client.write_fragments(text, ends);
        }
        let mut bytes = std::mem::take(&mut client.pipe.written);
        let mut server = Server::new();
        for size in reads.into_iter().cycle() {
            if bytes.is_empty() {
                break;
            }
            let rest = bytes.split_off(size.min(bytes.len()));
            server.feed(&std::mem::replace(&mut bytes, rest));
        }
        let texts: Vec<&String> = messages.iter().map(|(text, _)| text).collect();
        prop_assert_eq!(server.messages.iter().collect::<Vec<_>>(), texts);
        prop_assert_eq!(server.fault, None);
        let pongs: Vec<Message> = messages
            .iter()
            .flat_map(|(_, ends)| 0..ends.len())
            .map(|index| Message::Pong(Bytes::from(vec![index as u8])))
            .collect();
        prop_assert_eq!(client.read(&server.connection.outbox().to_vec()), pongs);
    }

    #[test]
    fn what_the_server_sends_is_what_a_client_reads(texts in vec((any::<String>(), 0_usize..3_000), 0..8)) {
        let mut client = Client::new();
        let mut server = Server::new();
        let texts: Vec<String> = texts.into_iter().map(|(text, count)| text + &"x".repeat(count * 50)).collect();
        for (index, text) in texts.iter().enumerate() {
            let mut at = text.len() / 2;
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let (front, back) = text.as_bytes().split_at(at);
            let back = if index % 2 == 0 { Piece::Owned(back.to_vec()) } else { Piece::Shared(back.to_vec().into()) };
            server.connection.send(&mut [Piece::Borrowed(front), back], Instant::ZERO);
        }
        let expected: Vec<Message> = texts.into_iter().map(Message::text).collect();
        prop_assert_eq!(client.read(&server.connection.outbox().to_vec()), expected);
    }

    #[test]
    fn noise_between_frames_obeys_the_law(
        parts in vec(
            prop_oneof![
                vec(any::<u8>(), 0..12),
                (any::<u8>(), vec(any::<u8>(), 0..20)).prop_map(|(first, payload)| frame(first, &payload)),
                "[a-zé]{0,20}".prop_map(|text| frame(0x81, text.as_bytes())),
                (any::<bool>(), vec(any::<u8>(), 0..4))
                    .prop_map(|(is_final, payload)| frame(if is_final { 0x80 } else { 0 }, &payload)),
            ],
            0..12,
        ),
        size in 1_usize..30,
    ) {
        let bytes = parts.concat();
        let whole = outcome([bytes.as_slice()]);
        prop_assert_eq!(outcome(bytes.chunks(size)), whole);
    }
}
