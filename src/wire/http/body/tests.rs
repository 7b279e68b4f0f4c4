//! Chunked bodies, whole, unfinished and damaged.

use super::*;

const HEAD: &[u8] = b"head";

/// The body and what follows it, once it is whole.
type Decoded<B> = Result<Option<(B, B)>, Error>;

/// What comes out when `wire` comes in pieces of `step`.
fn feed(wire: &[u8], step: usize) -> Decoded<Vec<u8>> {
    let limits = Limits {
        body_bytes_max: 1000,
        ..Limits::default()
    };
    let mut inbox = Inbox::with(HEAD);
    let mut collector = Collector::new(BodyLength::Chunked);
    let mut whole = None;
    for piece in wire.chunks(step) {
        inbox.push(piece);
        whole = collector.advance(&mut inbox, HEAD.len(), &limits)?;
        assert_eq!(whole.is_some(), collector.is_whole(&inbox, HEAD.len()));
    }
    assert!(inbox.bytes().starts_with(HEAD));
    Ok(whole.map(|whole| {
        let bytes = inbox.bytes();
        (
            bytes[HEAD.len()..whole.body_end].to_vec(),
            bytes[whole.end..].to_vec(),
        )
    }))
}

fn check(wire: &[u8], expected: Decoded<&[u8]>) {
    let expected = expected.map(|whole| whole.map(|(body, rest)| (body.to_vec(), rest.to_vec())));
    for step in [1, 2, 3, 5, wire.len()] {
        let shown = wire[..wire.len().min(80)].escape_ascii();
        assert_eq!(feed(wire, step), expected, "{shown} in steps of {step}");
    }
}

#[test]
fn chunks_are_put_together() {
    check(b"0\r\n\r\n", Ok(Some((b"", b""))));
    check(b"5\r\nhello\r\n0\r\n\r\n", Ok(Some((b"hello", b""))));
    check(
        b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET",
        Ok(Some((b"hello world", b"GET"))),
    );
    check(
        b"00a\r\n0123456789\r\n0000\r\n\r\n",
        Ok(Some((b"0123456789", b""))),
    );
    check(b"A\r\n0123456789\r\n0\r\n\r\n", Ok(Some((b"0123456789", b""))));
    check(
        b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n",
        Ok(Some((b"abc", b""))),
    );
}

#[test]
fn extensions_and_trailers_are_dropped() {
    check(b"1;a=b;c\r\nx\r\n0;d=\"e f\"\r\n\r\n", Ok(Some((b"x", b""))));
    check(
        b"1\r\nx\r\n0\r\nContent-Length: 4\r\nX:\r\n\r\n0\r\n",
        Ok(Some((b"x", b"0\r\n"))),
    );
}

#[test]
fn an_unfinished_body_asks_for_more() {
    for wire in [
        &b"5"[..],
        b"5\r",
        b"5\r\nhell",
        b"5\r\nhello\r\n0\r\n",
        b"0\r\n\r",
    ] {
        check(wire, Ok(None));
    }
}

#[test]
fn a_size_is_hexadecimal_digits_and_cr_lf() {
    for wire in [
        &b"\r\n"[..],
        b"g",
        b"0x5",
        b"+5",
        b"-5",
        b" 5",
        b"5 ",
        b"5\t",
        b"5_",
        b"5\n",
        b"5\rx",
        b"5,",
        b"5\0",
        b";a",
        b"00000000000000001",
    ] {
        check(wire, Err(Error::ChunkSize));
    }
    let too_long = Err(Error::BodyTooLong { limit: 1000 });
    check(b"3e9", too_long);
    check(b"ffffffffffffffff", too_long);
    let long = [b"3e8\r\n".as_slice(), &[b'x'; 1000], b"\r\n0\r\n\r\n"].concat();
    check(&long, Ok(Some((&[b'x'; 1000], b""))));
    let longer = [b"3e8\r\n".as_slice(), &[b'x'; 1000], b"\r\n1"].concat();
    check(&longer, too_long);
}

#[test]
fn data_ends_in_cr_lf_where_the_size_says() {
    for wire in [&b"1\r\nx\n"[..], b"1\r\nx0\r\n", b"1\r\nxy\r\n", b"1\r\nx\rx"] {
        check(wire, Err(Error::ChunkEnd));
    }
}

#[test]
fn extensions_and_trailers_are_read_strictly() {
    for wire in [&b"1;a\n"[..], b"1;a\0", b"1;a\x7f"] {
        check(wire, Err(Error::ChunkExtension));
    }
    check(b"1;a\rb", Err(Error::ChunkSize));
    for line in [
        &b"GARBAGE\r\n"[..],
        b": x\r\n",
        b"A : x\r\n",
        b" A: x\r\n",
        b"A: \0\r\n",
        b"A: x\n",
        b"A: x\rB",
        b"GET / HTTP/1.1\r\n",
    ] {
        check(&[b"0\r\n", line].concat(), Err(Error::Trailer));
    }
    check(b"0\r\n\rx", Err(Error::Trailer));
}

#[test]
fn extensions_and_trailers_are_bounded_over_the_whole_body() {
    let chunk = |len: usize| [b"1;", "e".repeat(len).as_bytes(), b"\r\nx\r\n"].concat();
    let wire = [chunk(4000), chunk(96), b"0\r\n\r\n".to_vec()].concat();
    check(&wire, Ok(Some((b"xx", b""))));
    let wire = [chunk(4000), chunk(97)].concat();
    check(&wire, Err(Error::ChunkExtensionsTooLong { limit: 4096 }));
    let trailer = |len: usize| ["0\r\nA:", &"v".repeat(len - 4), "\r\n\r\n"].concat();
    check(trailer(8192).as_bytes(), Ok(Some((b"", b""))));
    check(
        trailer(8193).as_bytes(),
        Err(Error::TrailerTooLong { limit: 8192 }),
    );
}

#[test]
fn framing_does_not_pile_up_in_the_inbox() {
    let limits = Limits::default();
    let mut inbox = Inbox::with(HEAD);
    let mut collector = Collector::new(BodyLength::Chunked);
    for sent in 1..=10_000 {
        inbox.push(b"1\r\nx\r\n");
        assert_eq!(collector.advance(&mut inbox, HEAD.len(), &limits), Ok(None));
        assert_eq!(inbox.len(), HEAD.len() + sent);
    }
    assert!(inbox.capacity() <= 16 << 10, "{}", inbox.capacity());
}
