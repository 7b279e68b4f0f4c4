//! Conversations with an echo, after the groups of the Autobahn TestSuite (`tests/interop/autobahn.py` runs the suite
//! itself): what a client sends, step by step, and all that it is told at each step and not later. Every step is sent
//! whole, and again a byte at a time.

use snowflake_mcp::limits::Limits;
use snowflake_mcp::time::Instant;
use snowflake_mcp::wire::buffer::{Inbox, Outbox, Piece};
use snowflake_mcp::wire::websocket::{Message, Next, WebSocketConnection};
use snowflake_mcp::wire::{Lifecycle, Serving};

use super::frame;

/// A connection that sends every message back.
struct Echo {
    connection: WebSocketConnection,
    limits: Limits,
}

impl Echo {
    fn new() -> Self {
        let limits = Limits::default();
        Self {
            connection: WebSocketConnection::new(Inbox::default(), Outbox::default(), &limits, Instant::ZERO),
            limits,
        }
    }

    /// Reads `bytes`, and gives all that is said upon them.
    fn hear(&mut self, mut bytes: &[u8]) -> Vec<Said> {
        let mut said = Vec::new();
        while !bytes.is_empty() {
            let room = self.connection.room(&self.limits);
            let count = room.len().min(bytes.len());
            assert!(count > 0, "all was written, so there is room");
            room[..count].copy_from_slice(&bytes[..count]);
            self.connection.received(count, Instant::ZERO);
            bytes = &bytes[count..];
            self.answer();
            said.extend_from_slice(&self.connection.outbox().to_vec());
            self.connection
                .sent(self.connection.outbox().len(), Instant::ZERO);
        }
        Said::all(&said)
    }

    fn answer(&mut self) {
        let serving = Serving {
            limits: &self.limits,
            now: Instant::ZERO,
            common_headers: b"",
        };
        loop {
            match self.connection.next_of_any_kind(&serving) {
                Next::Message(Message::Text(text)) => {
                    let piece = Piece::Owned(text.as_bytes().to_vec());
                    self.connection.send(&mut [piece], Instant::ZERO);
                }
                Next::Message(Message::Binary(bytes)) => {
                    let piece = Piece::Owned(bytes.to_vec());
                    self.connection.send_binary(&mut [piece], Instant::ZERO);
                }
                Next::Failed(_) => {}
                Next::NeedMore => return,
            }
        }
    }
}

/// A frame of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
}

impl Said {
    /// The frames in `bytes`: whole, not masked, not in fragments.
    fn all(mut bytes: &[u8]) -> Vec<Self> {
        let mut said = Vec::new();
        while let [first, second, rest @ ..] = bytes {
            let (length, rest) = match second {
                126 => (u64::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
                127 => (
                    u64::from_be_bytes(rest[..8].try_into().expect("eight bytes")),
                    &rest[8..],
                ),
                short => (u64::from(*short), rest),
            };
            let (payload, behind) = rest.split_at(length as usize);
            said.push(match first {
                0x81 => Self::Text(payload.to_vec()),
                0x82 => Self::Binary(payload.to_vec()),
                0x8a => Self::Pong(payload.to_vec()),
                0x88 => Self::Close(
                    payload
                        .get(..2)
                        .map(|code| u16::from_be_bytes([code[0], code[1]])),
                ),
                other => panic!("a frame that begins with {other:#x}"),
            });
            bytes = behind;
        }
        said
    }
}

fn text(payload: &str) -> Vec<Said> {
    vec![Said::Text(payload.as_bytes().to_vec())]
}

fn pong(payload: impl AsRef<[u8]>) -> Vec<Said> {
    vec![Said::Pong(payload.as_ref().to_vec())]
}

fn close(code: u16) -> Vec<Said> {
    vec![Said::Close(Some(code))]
}

fn nothing() -> Vec<Said> {
    Vec::new()
}

/// What is sent, and what is said upon it.
type Steps = Vec<(Vec<u8>, Vec<Said>)>;

/// Holds every conversation twice, and goes on behind its end: nothing may be said after a close.
fn check(conversations: Vec<(String, Steps)>) {
    for (what, steps) in conversations {
        let (mut whole, mut bytewise) = (Echo::new(), Echo::new());
        let mut is_over = false;
        for (index, (bytes, expected)) in steps.iter().enumerate() {
            assert_eq!(&whole.hear(bytes), expected, "{what}, step {index}");
            let said: Vec<Said> = bytes.iter().flat_map(|byte| bytewise.hear(&[*byte])).collect();
            assert_eq!(&said, expected, "{what}, step {index}, a byte at a time");
            is_over |= matches!(expected.last(), Some(Said::Close(_)));
        }
        let expected = if is_over {
            Lifecycle::Finishing
        } else {
            Lifecycle::Open
        };
        assert_eq!(whole.connection.lifecycle(), expected, "{what}");
        if is_over {
            let more = [frame(0x89, b"ping"), frame(0x81, b"text"), frame(0x88, b"")].concat();
            assert_eq!(whole.hear(&more), [], "{what}, after its end");
        }
    }
}

/// Frames that come before what a case is about, so that they must have been answered first.
fn hello() -> (Vec<u8>, Vec<Said>) {
    (frame(0x81, b"Hello"), text("Hello"))
}

const CONTINUED: u8 = 0x00;
const LAST: u8 = 0x80;

// Group 1: framing.

#[test]
fn messages_of_every_form_of_length_come_back_however_they_are_cut() {
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 200_000] {
        let payload = vec![b'*'; length];
        for (first, expected) in [
            (0x81, Said::Text(payload.clone())),
            (0x82, Said::Binary(payload.clone())),
        ] {
            let bytes = long_frame(first, &payload);
            for size in [bytes.len(), 997, 64] {
                let mut echo = Echo::new();
                let said: Vec<Said> = bytes.chunks(size).flat_map(|part| echo.hear(part)).collect();
                assert_eq!(
                    said,
                    std::slice::from_ref(&expected),
                    "{length} bytes in parts of {size}"
                );
            }
        }
    }
}

/// Groups 9 and 10: fragments of one size, to the last.
#[test]
fn a_message_in_many_fragments_comes_back_as_one() {
    let payload: Vec<u8> = (0..=u8::MAX).cycle().take(65_536).collect();
    for size in [64, 1_300, 20_000] {
        let count = payload.len().div_ceil(size);
        let mut echo = Echo::new();
        let mut said = Vec::new();
        for (index, part) in payload.chunks(size).enumerate() {
            let opcode = if index == 0 { 0x02 } else { CONTINUED };
            let last = if index + 1 == count { LAST } else { 0 };
            said.extend(echo.hear(&long_frame(opcode | last, part)));
        }
        assert_eq!(said, [Said::Binary(payload.clone())], "fragments of {size} bytes");
    }
}

fn long_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    if payload.len() <= 0xffff {
        return frame(first, payload);
    }
    // A mask of zeros leaves the payload as it is.
    [
        &[first, 0xff][..],
        &(payload.len() as u64).to_be_bytes(),
        &[0; 4],
        payload,
    ]
    .concat()
}

// Group 2: pings and pongs.

#[test]
fn pings_are_answered_with_their_payload_and_pongs_with_nothing() {
    let ping = |payload: &[u8]| (frame(0x89, payload), pong(payload));
    let deaf = |payload: &[u8]| (frame(0x8a, payload), nothing());
    let ten: Vec<u8> = (0..10).flat_map(|number| frame(0x89, &[number])).collect();
    let ten_pongs: Vec<Said> = (0..10).flat_map(|number| pong([number])).collect();
    check(vec![
        ("an empty ping".to_owned(), vec![ping(b"")]),
        ("a ping of text".to_owned(), vec![ping(b"Hello")]),
        (
            "a ping of bytes that are no text".to_owned(),
            vec![ping(b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")],
        ),
        ("a ping of 125 bytes".to_owned(), vec![ping(&[0xfe; 125])]),
        (
            "a ping of 126 bytes".to_owned(),
            vec![hello(), (frame(0x89, &[0xfe; 126])[..8].to_vec(), close(1002))],
        ),
        (
            "a pong that nobody asked for".to_owned(),
            vec![deaf(b""), deaf(b"unasked"), ping(b"asked")],
        ),
        ("ten pings".to_owned(), vec![(ten, ten_pongs)]),
    ]);
}

// Groups 3 and 4: reserved bits and opcodes.

#[test]
fn reserved_bits_end_the_connection_in_every_kind_of_frame() {
    let mut conversations = Vec::new();
    for bits in 1..8_u8 {
        let reserved = bits << 4;
        for (what, first) in [
            ("text", 0x81),
            ("binary", 0x82),
            ("ping", 0x89),
            ("pong", 0x8a),
            ("close", 0x88),
        ] {
            let steps = vec![hello(), (frame(first | reserved, b""), close(1002))];
            conversations.push((format!("reserved bits {bits} in a {what}"), steps));
        }
        let steps = vec![
            (frame(0x01, b"frag"), nothing()),
            (frame(LAST | reserved, b"ment"), close(1002)),
        ];
        conversations.push((format!("reserved bits {bits} in a continuation"), steps));
    }
    check(conversations);
}

#[test]
fn reserved_opcodes_end_the_connection() {
    let reserved = (3..8_u8).chain(11..16);
    let conversations = reserved.flat_map(|opcode| {
        let bad = |payload: &[u8]| vec![hello(), (frame(LAST | opcode, payload), close(1002))];
        [
            (format!("opcode {opcode}"), bad(b"")),
            (format!("opcode {opcode} with a payload"), bad(b"reserved")),
        ]
    });
    check(conversations.collect());
}

// Group 5: fragments.

#[test]
fn fragments_make_one_message_with_control_frames_between_them() {
    let frag = || (frame(0x01, b"frag"), nothing());
    let ping = || (frame(0x89, b"between"), pong("between"));
    check(vec![
        (
            "a text".to_owned(),
            vec![frag(), (frame(LAST, b"ment"), text("fragment"))],
        ),
        (
            "a ping between".to_owned(),
            vec![frag(), ping(), (frame(LAST, b"ment"), text("fragment"))],
        ),
        (
            "pings and empty fragments between".to_owned(),
            vec![
                frag(),
                ping(),
                (frame(CONTINUED, b""), nothing()),
                ping(),
                (frame(CONTINUED, b"ment"), nothing()),
                (frame(0x8a, b"unasked"), nothing()),
                (frame(LAST, b""), text("fragment")),
                hello(),
            ],
        ),
        (
            "a close between".to_owned(),
            vec![frag(), (frame(0x88, b"\x03\xe8"), close(1000))],
        ),
        (
            "a binary message".to_owned(),
            vec![
                (frame(0x02, b"\xff"), nothing()),
                (frame(LAST, b"\xfe"), vec![Said::Binary(b"\xff\xfe".to_vec())]),
            ],
        ),
    ]);
}

#[test]
fn fragments_out_of_order_end_the_connection() {
    let frag = || (frame(0x01, b"frag"), nothing());
    let bad = |first: u8| (frame(first, b""), close(1002));
    check(vec![
        ("a ping in fragments".to_owned(), vec![bad(0x09)]),
        ("a pong in fragments".to_owned(), vec![bad(0x0a)]),
        ("a close in fragments".to_owned(), vec![bad(0x08)]),
        ("a continuation of nothing".to_owned(), vec![bad(CONTINUED)]),
        ("a last continuation of nothing".to_owned(), vec![bad(LAST)]),
        (
            "a continuation after the last".to_owned(),
            vec![frag(), (frame(LAST, b"ment"), text("fragment")), bad(LAST)],
        ),
        (
            "a continuation after a whole message".to_owned(),
            vec![hello(), bad(CONTINUED)],
        ),
        ("a text in a text".to_owned(), vec![frag(), bad(0x81)]),
        ("a binary message in a text".to_owned(), vec![frag(), bad(0x82)]),
        (
            "a fragment of another text in a text".to_owned(),
            vec![frag(), bad(0x01)],
        ),
    ]);
}

// Group 6: UTF-8.

/// Sequences that are UTF-8: the ends of every length, and what looks as if it were not.
const GOOD: &[&str] = &[
    "\0",
    "\u{7f}",
    "\u{80}",
    "\u{7ff}",
    "\u{800}",
    "\u{d7ff}",
    "\u{e000}",
    "\u{fffd}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{10000}",
    "\u{1fffe}",
    "\u{fdd0}",
    "\u{10fffe}",
    "\u{10ffff}",
    "Hello-µ@ßöäüàá-UTF-8!!",
    "κόσμε",
];

/// Sequences that are not, and how many of their bytes show it.
const BAD: &[(&[u8], usize)] = &[
    // Continuations without a beginning.
    (b"\x80", 1),
    (b"\xbf", 1),
    (b"\x80\xbf\x80\xbf", 1),
    // Beginnings without a continuation, each before a space.
    (b"\xc3 ", 2),
    (b"\xe2\x82 ", 3),
    (b"\xf0\x9f\xa6 ", 4),
    (b"\xf0\x9f ", 3),
    // Bytes that begin nothing: overlong, beyond the last character, of five and of six bytes.
    (b"\xc0\x80", 1),
    (b"\xc1\xbf", 1),
    (b"\xf5\x80\x80\x80", 1),
    (b"\xf8\x88\x80\x80\x80", 1),
    (b"\xfc\x84\x80\x80\x80\x80", 1),
    (b"\xfe", 1),
    (b"\xff", 1),
    // Overlong forms of a slash, of NUL and of the last character of each length.
    (b"\xc0\xaf", 1),
    (b"\xe0\x80\xaf", 2),
    (b"\xf0\x80\x80\xaf", 2),
    (b"\xe0\x9f\xbf", 2),
    (b"\xf0\x8f\xbf\xbf", 2),
    // Halves of surrogate pairs, and a pair.
    (b"\xed\xa0\x80", 2),
    (b"\xed\xbf\xbf", 2),
    (b"\xed\xa0\x80\xed\xb0\x80", 2),
    // Beyond U+10FFFF.
    (b"\xf4\x90\x80\x80", 2),
    (b"\xf7\xbf\xbf\xbf", 1),
];

#[test]
fn characters_of_every_length_come_back_split_anywhere() {
    let mut conversations = Vec::new();
    for good in GOOD {
        conversations.push((
            format!("{good:?}"),
            vec![(frame(0x81, good.as_bytes()), text(good))],
        ));
        for at in 0..=good.len() {
            let (front, back) = good.as_bytes().split_at(at);
            let steps = vec![
                (frame(0x01, front), nothing()),
                (frame(0x89, b""), pong("")),
                (frame(LAST, back), text(good)),
            ];
            conversations.push((format!("{good:?} split at {at}"), steps));
        }
    }
    check(conversations);
}

/// However the bytes are framed, the first that shows the fault is answered: the rest of its frame, which is announced,
/// never comes.
#[test]
fn text_that_is_not_utf8_is_refused_at_once() {
    let mut conversations = Vec::new();
    for (bad, shown) in BAD {
        let (hidden, telling) = bad[..*shown].split_at(shown - 1);
        let name = bad.escape_ascii();
        let fine = "κόσμε".as_bytes();
        let whole = frame(0x81, &[fine, bad, &[b'.'; 90]].concat());
        let seen = whole.len() - 90 - (bad.len() - shown);
        conversations.push((
            format!("{name} in one frame"),
            vec![
                (whole[..seen - 1].to_vec(), nothing()),
                (whole[seen - 1..seen].to_vec(), close(1007)),
            ],
        ));
        conversations.push((
            format!("{name} in fragments"),
            vec![
                (frame(0x01, &[fine, hidden].concat()), nothing()),
                (frame(CONTINUED, b""), nothing()),
                (frame(0x89, b"alive"), pong("alive")),
                (frame(CONTINUED, telling), close(1007)),
            ],
        ));
    }
    for unfinished in [&b"\xce"[..], b"\xe2\x82", b"\xf0\x9f\xa6"] {
        let name = unfinished.escape_ascii();
        let steps = vec![(frame(0x81, unfinished), close(1007))];
        conversations.push((format!("{name} and no more"), steps));
        let steps = vec![
            (frame(0x01, unfinished), nothing()),
            (frame(LAST, b""), close(1007)),
        ];
        conversations.push((format!("{name} and an empty last fragment"), steps));
    }
    check(conversations);
}

#[test]
fn binary_messages_hold_any_bytes() {
    let conversations = BAD.iter().map(|(bytes, _)| {
        let steps = vec![(frame(0x82, bytes), vec![Said::Binary(bytes.to_vec())])];
        (format!("{}", bytes.escape_ascii()), steps)
    });
    check(conversations.collect());
}

// Group 7: closing.

#[test]
fn a_close_is_answered_in_kind() {
    let closed = |payload: &[u8], expected: Vec<Said>| vec![hello(), (frame(0x88, payload), expected)];
    let with_reason = |reason: &[u8]| [b"\x03\xe8", reason].concat();
    let mut conversations = vec![
        ("no code".to_owned(), closed(b"", vec![Said::Close(None)])),
        ("half a code".to_owned(), closed(b"\x03", close(1002))),
        (
            "a reason".to_owned(),
            closed(&with_reason(b"enough"), close(1000)),
        ),
        (
            "the longest reason".to_owned(),
            closed(&with_reason(&[b'*'; 123]), close(1000)),
        ),
        (
            "a reason that is not UTF-8".to_owned(),
            closed(&with_reason(b"\xce\xba\xed\xa0\x80"), close(1007)),
        ),
        (
            "a reason that ends in a character".to_owned(),
            closed(&with_reason(b"\xce"), close(1007)),
        ),
        (
            "a reason that is too long".to_owned(),
            vec![
                hello(),
                (frame(0x88, &with_reason(&[b'*'; 124]))[..8].to_vec(), close(1002)),
            ],
        ),
        (
            "a message and a close at once".to_owned(),
            vec![(
                [
                    frame(0x81, b"Hello"),
                    frame(0x88, b"\x03\xe8"),
                    frame(0x81, b"late"),
                ]
                .concat(),
                [text("Hello"), close(1000)].concat(),
            )],
        ),
    ];
    let allowed = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999,
    ];
    for code in allowed {
        conversations.push((
            format!("code {code}"),
            closed(&u16::to_be_bytes(code), close(code)),
        ));
    }
    for code in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535] {
        conversations.push((
            format!("code {code}"),
            closed(&u16::to_be_bytes(code), close(1002)),
        ));
    }
    check(conversations);
}
