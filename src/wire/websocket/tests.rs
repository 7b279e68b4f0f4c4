//! The connection, byte by byte, with a fake clock.

mod closing;
mod timers;

use std::io::IoSlice;
use std::time::Duration;

use super::*;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FIN: u8 = 0x80;

/// A head with the shortest form of `length`, and a mask.
fn head(first: u8, length: u64) -> Vec<u8> {
    let mut head = vec![first];
    match length {
        0..=125 => head.push(0x80 | length as u8),
        126..=0xffff => {
            head.push(0x80 | 126);
            head.extend((length as u16).to_be_bytes());
        }
        _ => {
            head.push(0x80 | 127);
            head.extend(length.to_be_bytes());
        }
    }
    head.extend(MASK);
    head
}

/// A masked frame.
fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = head(first, payload.len() as u64);
    frame.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

fn text(payload: &str) -> Vec<u8> {
    frame(FIN | TEXT, payload)
}

/// An unmasked short frame, as the server sends it.
fn answer(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    assert!(payload.len() < 126);
    [&[FIN | first, payload.len() as u8], payload].concat()
}

fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

fn told(fault: Fault) -> Vec<u8> {
    answer(CLOSE, close_payload(fault.close_code(), &fault.to_string()))
}

fn seconds(count: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(count)
}

/// A connection with what its messages were.
struct Session {
    connection: WebSocketConnection,
    limits: Limits,
    now: Instant,
    messages: Vec<String>,
    fault: Option<Fault>,
}

impl Session {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        Self {
            connection: WebSocketConnection::new(Inbox::default(), Outbox::default(), &limits, seconds(0)),
            limits,
            now: seconds(0),
            messages: Vec::new(),
            fault: None,
        }
    }

    /// A session that was fed `bytes`.
    fn fed(bytes: impl AsRef<[u8]>) -> Self {
        let mut session = Self::new();
        session.feed(bytes);
        session
    }

    fn feed(&mut self, bytes: impl AsRef<[u8]>) {
        let mut bytes = bytes.as_ref();
        while !bytes.is_empty() {
            let room = self.connection.room(&self.limits);
            assert!(!room.is_empty(), "the connection does not want to be read from");
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            self.connection.received(count, self.now);
            bytes = &bytes[count..];
            self.take_messages();
        }
    }

    fn take_messages(&mut self) {
        let serving = Serving {
            limits: &self.limits,
            now: self.now,
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

    fn send(&mut self, text: &str) {
        self.connection
            .send(&mut [Piece::Borrowed(text.as_bytes())], self.now);
    }

    fn at(&mut self, now: Instant) -> &mut Self {
        self.now = now;
        self
    }

    /// Calls `on_deadline` when the connection asked for it, which must be at `expected`.
    fn expire(&mut self, expected: Instant) {
        assert_eq!(self.deadline(), Some(expected));
        let early = Instant::from_micros(expected.as_micros() - 1);
        for now in [early, expected] {
            self.now = now;
            let (outbox, state) = (self.connection.outbox().len(), self.connection.lifecycle());
            self.connection.on_deadline(&Serving {
                limits: &self.limits,
                now,
                common_headers: b"",
            });
            if now == early {
                let after = (self.connection.outbox().len(), self.connection.lifecycle());
                assert_eq!(after, (outbox, state), "something was done too early");
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.connection.deadline(&self.limits)
    }

    /// Everything that waits, written now.
    fn written(&mut self) -> Vec<u8> {
        let bytes = self.connection.outbox().to_vec();
        self.connection.sent(bytes.len(), self.now);
        bytes
    }

    fn ended_as(&self) -> (Lifecycle, Option<CloseReason>) {
        (self.connection.lifecycle(), self.connection.close_reason())
    }
}

// Messages.

#[test]
fn a_text_frame_is_a_message() {
    let mut session = Session::fed([text("{}"), text(""), text("née")].concat());
    assert_eq!(session.messages, ["{}", "", "née"]);
    assert_eq!(session.written(), b"");
    assert_eq!(session.ended_as(), (Lifecycle::Open, None));
}

#[test]
fn what_came_with_the_upgrade_is_read_and_the_101_is_written_first() {
    let mut outbox = Outbox::default();
    outbox.extend(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
    let inbox = Inbox::with(&[text("early"), frame(FIN | PING, "p")].concat());
    let mut session = Session::new();
    session.connection = WebSocketConnection::new(inbox, outbox, &session.limits, seconds(0));
    session.take_messages();
    assert_eq!(session.messages, ["early"]);
    let expected = [
        &b"HTTP/1.1 101 Switching Protocols\r\n\r\n"[..],
        &answer(PONG, "p"),
    ]
    .concat();
    assert_eq!(session.written(), expected);
}

#[test]
fn fragments_are_joined_and_pings_between_them_are_answered_at_once() {
    let mut session = Session::new();
    session.feed(frame(TEXT, "one "));
    session.feed(frame(FIN | PING, "between"));
    assert_eq!(session.written(), answer(PONG, "between"));
    session.feed(
        [
            frame(0, ""),
            frame(0, "two "),
            frame(FIN | PONG, "unasked"),
            frame(FIN, "three"),
        ]
        .concat(),
    );
    session.feed(text("next"));
    assert_eq!(session.messages, ["one two three", "next"]);
    assert_eq!(session.written(), b"");
}

#[test]
fn a_mask_goes_on_where_a_part_of_the_frame_stopped() {
    let message: String = ('a'..='z').cycle().take(300).collect();
    let bytes = text(&message);
    for step in 1..=9 {
        let mut session = Session::new();
        for part in bytes.chunks(step) {
            session.feed(part);
        }
        assert_eq!(session.messages, [message.as_str()], "in steps of {step}");
    }
}

#[test]
fn every_ping_has_its_own_pong_in_order() {
    let pings: Vec<u8> = (0..10)
        .flat_map(|number| frame(FIN | PING, format!("{number}")))
        .collect();
    let pongs: Vec<u8> = (0..10)
        .flat_map(|number| answer(PONG, format!("{number}")))
        .collect();
    assert_eq!(Session::fed(pings).written(), pongs);
    assert_eq!(
        Session::fed(frame(FIN | PING, [0xff; 125])).written(),
        answer(PONG, [0xff; 125])
    );
}

#[test]
fn a_message_of_the_longest_length_is_taken_and_one_byte_more_is_not() {
    let limits = Limits {
        message_bytes_max: 1_000,
        ..Limits::default()
    };
    let whole = "x".repeat(1_000);
    let mut session = Session::with(limits.clone());
    session.feed(text(&whole));
    session.feed([frame(TEXT, &whole[..600]), frame(FIN, &whole[600..])].concat());
    assert_eq!(session.messages, [whole.as_str(), &whole]);
    session.feed([frame(TEXT, &whole[..600]), head(FIN, 401)].concat());
    let fault = Fault::MessageTooLong {
        bytes: 1_001,
        limit: 1_000,
    };
    assert_eq!((session.fault, session.written()), (Some(fault), told(fault)));
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Finishing, Some(CloseReason::MessageTooLong))
    );
}

// Faults.

/// Checks that the last byte of `bytes`, and none before, fails the connection.
fn check_fault(bytes: &[u8], fault: Fault) {
    let mut session = Session::new();
    let (last, before) = bytes.split_last().unwrap();
    session.feed(before);
    assert_eq!(session.fault, None, "{fault:?} was noticed early");
    session.feed([*last]);
    assert_eq!(session.fault, Some(fault));
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Finishing, Some(fault.close_reason()))
    );
    session.feed([text("ignored"), frame(FIN | PING, "ignored"), vec![0xff; 100]].concat());
    session.send("dropped");
    session.connection.close(1001, "dropped", session.now);
    assert_eq!(session.messages, Vec::<String>::new());
    assert_eq!(session.written(), told(fault));
    session.connection.on_end();
    assert_eq!(
        session.ended_as(),
        (Lifecycle::Closed, Some(fault.close_reason()))
    );
}

#[test]
fn frames_that_the_protocol_does_not_allow_fail_the_connection() {
    for bit in [0x40, 0x20, 0x10] {
        check_fault(&head(FIN | bit | TEXT, 5), Fault::ReservedBits);
        check_fault(&head(FIN | bit | PING, 0), Fault::ReservedBits);
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        check_fault(&head(FIN | opcode, 0), Fault::ReservedOpcode { opcode });
    }
    check_fault(&[FIN | TEXT, 5], Fault::NotMasked);
    check_fault(&[FIN | PING, 0], Fault::NotMasked);
    check_fault(&head(PING, 1), Fault::ControlFragmented);
    check_fault(&head(CLOSE, 0), Fault::ControlFragmented);
    check_fault(&head(FIN | PING, 126), Fault::ControlTooLong { bytes: 126 });
    check_fault(
        &head(FIN | CLOSE, 1 << 40),
        Fault::ControlTooLong { bytes: 1 << 40 },
    );
    check_fault(&head(FIN, 1), Fault::NothingToContinue);
    check_fault(&head(0, 1), Fault::NothingToContinue);
    check_fault(
        &[frame(TEXT, "a"), head(FIN | TEXT, 1)].concat(),
        Fault::MessageInterrupted,
    );
    check_fault(
        &[frame(TEXT, "a"), head(FIN | 2, 1)].concat(),
        Fault::MessageInterrupted,
    );
    check_fault(&head(FIN | 2, 9), Fault::BinaryMessage);
    check_fault(&frame(FIN | CLOSE, [3]), Fault::CloseMalformed);
    check_fault(&frame(FIN | CLOSE, [3, 0xe8, 0xc3, 0x28]), Fault::NotUtf8);
}

#[test]
fn a_length_in_a_longer_form_than_it_needs_is_refused() {
    let mut short = vec![FIN | TEXT, 0x80 | 126, 0, 125];
    short.extend(MASK);
    check_fault(&short, Fault::LengthNotMinimal);
    let mut long = vec![FIN | TEXT, 0x80 | 127];
    long.extend(0xffff_u64.to_be_bytes());
    long.extend(MASK);
    check_fault(&long, Fault::LengthNotMinimal);
}

#[test]
fn a_length_of_more_than_63_bits_is_refused_whatever_it_is_of() {
    for opcode in [TEXT, 2] {
        let mut head = vec![FIN | opcode, 0x80 | 127];
        head.extend(u64::MAX.to_be_bytes());
        head.extend(MASK);
        check_fault(&head, Fault::LengthOutOfRange);
    }
}

#[test]
fn messages_before_a_fault_are_given_first() {
    let session = Session::fed([text("one"), text("two"), head(FIN | 2, 9), text("never")].concat());
    assert_eq!(session.messages, ["one", "two"]);
    assert_eq!(session.fault, Some(Fault::BinaryMessage));
}

#[test]
fn text_that_is_not_utf8_is_refused_at_the_byte_that_shows_it() {
    // A stray continuation, an overlong slash, a surrogate, beyond the last code point, a lead byte without its
    // rest.
    for bad in [
        &b"\x80"[..],
        b"\xc0",
        b"\xed\xa0",
        b"\xf4\x90",
        b"\xf5",
        b"\xc3\x28",
    ] {
        let payload = [b"fine ", bad].concat();
        let masked = frame(FIN | TEXT, [payload.as_slice(), &[b'.'; 1_000]].concat());
        let (head_bytes, unseen) = (8, 1_000);
        check_fault(&masked[..masked.len() - unseen], Fault::NotUtf8);
        assert_eq!(masked.len(), head_bytes + payload.len() + unseen);
        check_fault(&[frame(TEXT, "fine "), frame(FIN, bad)].concat(), Fault::NotUtf8);
    }
}

#[test]
fn a_message_that_ends_inside_a_character_is_refused() {
    check_fault(&frame(FIN | TEXT, b"fine \xe2\x82"), Fault::NotUtf8);
    check_fault(
        &[frame(TEXT, b"fine \xe2"), frame(FIN, b"\x82")].concat(),
        Fault::NotUtf8,
    );
    check_fault(
        &[frame(TEXT, b"fine \xe2"), head(FIN, 0)].concat(),
        Fault::NotUtf8,
    );
}

#[test]
fn characters_may_be_split_by_fragments_and_by_reads() {
    let message = "a\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}é漢🦀";
    let bytes = message.as_bytes();
    for at in 0..=bytes.len() {
        let fragments = [frame(TEXT, &bytes[..at]), frame(FIN, &bytes[at..])].concat();
        assert_eq!(Session::fed(&fragments).messages, [message], "split at {at}");
    }
    let single: Vec<u8> = bytes.iter().flat_map(|byte| frame(0, [*byte])).collect();
    let session = Session::fed([frame(TEXT, ""), single, frame(FIN, "")].concat());
    assert_eq!(session.messages, [message]);
}

// Memory.

#[test]
fn a_head_reserves_nothing_whatever_it_announces() {
    let idle = {
        let mut session = Session::new();
        session.feed(&head(FIN | TEXT, 1 << 20)[..1]);
        session.connection.capacity()
    };
    let mut session = Session::new();
    session.feed(head(FIN | TEXT, 1 << 20));
    assert_eq!(session.connection.capacity(), idle);
    session.connection.rest();
    assert!(
        session.connection.capacity() <= 168,
        "{}",
        session.connection.capacity()
    );
    session.feed([b'x' ^ MASK[0]]);
    session.connection.rest();
    assert!(
        session.connection.capacity() <= 256,
        "{}",
        session.connection.capacity()
    );

    for length in [1 << 30, u64::MAX >> 1] {
        let mut session = Session::fed(head(FIN | TEXT, length));
        let fault = Fault::MessageTooLong {
            bytes: length,
            limit: session.limits.message_bytes_max,
        };
        assert_eq!((session.fault, session.written()), (Some(fault), told(fault)));
        session.connection.rest();
        assert!(
            session.connection.capacity() <= 168,
            "{}",
            session.connection.capacity()
        );
    }
}

#[test]
fn lengths_that_overflow_together_are_too_long() {
    // The first fragment lets the sum pass 2^63.
    let session = Session::fed([frame(TEXT, "a"), head(FIN, u64::MAX >> 1)].concat());
    let fault = Fault::MessageTooLong {
        bytes: (u64::MAX >> 1) + 1,
        limit: session.limits.message_bytes_max,
    };
    assert_eq!(session.fault, Some(fault));
}

#[test]
fn an_idle_connection_holds_little_after_a_large_message() {
    let mut session = Session::new();
    let fresh = session.connection.capacity();
    let large = "x".repeat(60_000);
    session.feed([text(&large), frame(TEXT, &large), frame(FIN, "")].concat());
    session.feed(frame(FIN | PING, "p"));
    session.send(&large);
    session.written();
    session.connection.rest();
    assert_eq!(session.connection.capacity(), fresh);
    let whole = size_of::<WebSocketConnection>() + session.connection.capacity();
    assert!(whole < 1 << 10, "an idle connection holds {whole} bytes");
    session.feed(text("still works"));
    assert_eq!(session.messages.last().unwrap(), "still works");
}

#[test]
fn resting_keeps_a_message_that_is_arriving() {
    let large = "y".repeat(10_000);
    let bytes = [frame(TEXT, &large), frame(FIN, "end")].concat();
    for at in [3, 5_000, 10_008, bytes.len() - 1] {
        let mut session = Session::fed(&bytes[..at]);
        session.connection.rest();
        session.feed(&bytes[at..]);
        assert_eq!(session.messages, [format!("{large}end")], "rested at {at}");
    }
}

#[test]
fn many_messages_in_fragments_hold_no_more_than_one() {
    let mut session = Session::new();
    let message = [frame(TEXT, "one "), frame(0, "and "), frame(FIN, "two")].concat();
    session.feed(&message);
    let once = session.connection.capacity();
    for _ in 0..100 {
        session.feed(&message);
    }
    assert_eq!(session.connection.capacity(), once);
}

#[test]
fn a_connection_that_ends_holds_no_part_of_a_message() {
    let mut session = Session::fed(frame(TEXT, "z".repeat(60_000)));
    assert!(session.connection.capacity() > 60_000);
    session.feed(head(FIN | 2, 0));
    assert_eq!(session.fault, Some(Fault::MessageInterrupted));
    session.written();
    session.connection.rest();
    assert!(session.connection.capacity() <= 168);
}

// Sending.

#[test]
fn a_message_goes_out_as_one_frame_with_the_shortest_length() {
    for (length, expected) in [
        (0, &[0x81, 0][..]),
        (125, &[0x81, 125]),
        (126, &[0x81, 126, 0, 126]),
        (65_535, &[0x81, 126, 0xff, 0xff]),
        (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        (1_000_000, &[0x81, 127, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x40]),
    ] {
        let mut session = Session::new();
        let payload = "x".repeat(length);
        let (front, back) = payload.split_at(length / 3);
        let mut pieces = [Piece::Borrowed(front.as_bytes()), Piece::Owned(back.into())];
        session.connection.send(&mut pieces, session.now);
        assert!(
            pieces.iter().all(|piece| piece.len() < 1 << 10),
            "what is large is taken"
        );
        assert_eq!(
            session.written(),
            [expected, payload.as_bytes()].concat(),
            "{length} bytes"
        );
    }
}

#[test]
fn a_large_piece_is_not_copied() {
    let mut session = Session::new();
    let large = vec![b'x'; 1 << 20];
    let address = large.as_ptr();
    let mut pieces = [Piece::Borrowed(b"["), Piece::Owned(large), Piece::Borrowed(b"]")];
    session.connection.send(&mut pieces, session.now);
    let mut slices = [IoSlice::new(&[]); 4];
    assert_eq!(session.connection.outbox().slices(&mut slices), 3);
    assert_eq!((slices[1].as_ptr(), slices[1].len()), (address, 1 << 20));
}

#[test]
fn a_peer_that_takes_nothing_is_not_read_from() {
    let mut session = Session::with(Limits {
        outbox_bytes_max: 1_000,
        ..Limits::default()
    });
    session.send(&"x".repeat(996));
    assert_eq!(session.connection.outbox().len(), 1_000);
    assert!(!session.connection.room(&session.limits).is_empty());
    session.send("");
    assert!(session.connection.room(&session.limits).is_empty());
    session.connection.sent(2, session.now);
    assert!(!session.connection.room(&session.limits).is_empty());
}
