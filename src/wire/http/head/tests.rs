//! Heads of requests: what is read, what is refused, and which fault of two is told.

use super::*;

fn limits() -> Limits {
    Limits {
        head_bytes_max: 256,
        target_bytes_max: 64,
        headers_max: 4,
        ..Limits::default()
    }
}

/// Names and values, once the head is whole.
type Fields = Result<Option<Vec<(String, Vec<u8>)>>, Error>;

/// Feeds `bytes` in pieces of `step` and says what came of it.
fn feed(bytes: &[u8], step: usize, limits: &Limits) -> Fields {
    let (mut scan, mut head) = (Scan::default(), RequestHead::default());
    let mut held = 0;
    while held < bytes.len() {
        held = (held + step).min(bytes.len());
        match scan.advance(&bytes[..held], &mut head, limits)? {
            Scanned::NeedMore => {}
            Scanned::EmptyLine => return feed(&bytes[2..], step, limits),
            Scanned::Whole => {
                let fields = head
                    .fields(&bytes[..held])
                    .map(|(name, value)| (name.to_owned(), value.to_vec()));
                return Ok(Some(fields.collect()));
            }
        }
    }
    Ok(None)
}

fn check(bytes: &[u8], expected: Result<Option<&[(&str, &str)]>, Error>) {
    let expected = expected.map(|fields| {
        fields.map(|fields| {
            fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect::<Vec<_>>()
        })
    });
    for step in [1, 2, 3, 7, bytes.len().max(1)] {
        let found = feed(bytes, step, &limits());
        assert_eq!(found, expected, "{} in steps of {step}", bytes.escape_ascii());
    }
}

#[test]
fn a_whole_head_gives_its_fields() {
    check(b"", Ok(None));
    check(b"GET / HTTP/1.1\r\nHost: a\r\n", Ok(None));
    check(b"GET / HTTP/1.1\r\n\r\n", Ok(Some(&[])));
    check(b"\r\nGET / HTTP/1.1\r\n\r\n", Ok(Some(&[])));
    check(
        b"GET / HTTP/1.1\r\nHost: a\r\nX:\t b c \t\r\nEmpty:\r\nhost:d\r\n\r\nGET",
        Ok(Some(&[("Host", "a"), ("X", "b c"), ("Empty", ""), ("host", "d")])),
    );
}

#[test]
fn a_line_that_does_not_end_in_cr_lf_is_refused_at_once() {
    for bytes in [
        &b"GET / HTTP/1.1\n"[..],
        b"\n",
        b"\rG",
        b"GET / HTTP/1.1\r\nA: b\n",
        b"GET / HTTP/1.1\r\nA: b\rc",
        b"GET / HTTP/1.1\r\nA: b\r\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n\n",
        b"GET /\rHTTP/1.1",
    ] {
        check(bytes, Err(Error::LineEnd));
    }
    check(b"\r\n\r\n", Ok(None));
}

#[test]
fn a_field_line_of_another_shape_is_refused() {
    for line in [
        &b"A : b"[..],
        b"A\t: b",
        b" A: b",
        b"A: b\r\n c",
        b"A",
        b": b",
        b"X[]: b",
        b"X A: b",
        b"X\x01: b",
        b"X\xe9: b",
    ] {
        let head = [b"GET / HTTP/1.1\r\n", line, b"\r\n\r\n"].concat();
        check(&head, Err(Error::FieldName));
    }
    for value in [&b"a\0b"[..], b"a\x01", b"\x7f", b"\x0b1"] {
        let head = [b"GET / HTTP/1.1\r\nA: ", value, b"\r\n\r\n"].concat();
        check(&head, Err(Error::FieldValue));
    }
}

#[test]
fn each_limit_is_allowed_and_one_more_is_refused() {
    let fields = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
    check(fields(4).as_bytes(), Ok(Some(&[("A", "b"); 4])));
    check(fields(5).as_bytes(), Err(Error::TooManyFields { limit: 4 }));

    let head = |bytes: usize| format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(bytes - 23));
    assert_eq!(head(256).len(), 256);
    let value = "b".repeat(256 - 23);
    check(head(256).as_bytes(), Ok(Some(&[("A", &value)])));
    for bytes in [257, 258, 259, 400] {
        check(head(bytes).as_bytes(), Err(Error::HeadTooLong { limit: 256 }));
    }
    check(&[b'A'; 300], Err(Error::MethodTooLong { limit: 32 }));

    let target = |bytes: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "t".repeat(bytes - 1));
    check(target(64).as_bytes(), Ok(Some(&[])));
    for bytes in [65, 93, 94, 95, 96, 97, 200, 400] {
        check(target(bytes).as_bytes(), Err(Error::TargetTooLong { limit: 64 }));
    }
}

#[test]
fn of_two_faults_the_first_in_the_bytes_is_found() {
    check(b"GET / HTTP/2.0\r\nA\n", Err(Error::VersionUnsupported));
    check(b"GET / HTTP/1.1\r\nA : b\r\nC\n", Err(Error::LineEnd));
    let long = [b"GET /".as_slice(), &[b't'; 300], b"\n"].concat();
    check(&long, Err(Error::TargetTooLong { limit: 64 }));
    let long = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'b'; 300], b"\n"].concat();
    check(&long, Err(Error::HeadTooLong { limit: 256 }));
}

#[test]
fn a_long_line_is_found_too_long_where_the_head_limit_is_the_smaller_one() {
    let small = Limits {
        head_bytes_max: 70,
        ..limits()
    };
    for step in [1, 5, 200] {
        assert_eq!(
            feed(&[b'A'; 200], step, &small),
            Err(Error::HeadTooLong { limit: 70 }),
            "in steps of {step}"
        );
    }
}

#[test]
fn more_fields_than_usual_are_read_where_the_limit_allows_them() {
    let limits = Limits {
        headers_max: 200,
        ..Limits::default()
    };
    let head = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(200));
    let fields = feed(head.as_bytes(), head.len(), &limits).unwrap().unwrap();
    assert_eq!(fields.len(), 200);
}

#[test]
fn a_head_that_comes_byte_by_byte_is_looked_at_once() {
    let limits = Limits::default();
    let line = format!("A: {}\r\n", "b".repeat(507));
    let text = format!("GET / HTTP/1.1\r\n{}\r\n", line.repeat(63));
    assert!(
        text.len() > 32_000 && text.len() <= limits.head_bytes_max,
        "{}",
        text.len()
    );
    let (mut scan, mut head) = (Scan::default(), RequestHead::default());
    for held in 1..=text.len() {
        let scanned = scan
            .advance(&text.as_bytes()[..held], &mut head, &limits)
            .unwrap();
        assert_eq!(scanned == Scanned::Whole, held == text.len());
    }
    assert!(scan.work <= text.len(), "{} of {} bytes", scan.work, text.len());
}

/// What a head says, and of its connection.
type Known = Result<(Vec<u8>, Framing), Error>;

/// What `head` says of `bytes`, which come in pieces of `step`; and how many of a head were looked at, if it is one.
fn read(head: &mut RequestHead, bytes: &[u8], step: usize) -> (Known, Option<usize>) {
    let (mut scan, mut held) = (Scan::default(), 0);
    let scanned = loop {
        held = (held + step).min(bytes.len());
        match scan.advance(&bytes[..held], head, &limits()) {
            Ok(Scanned::NeedMore) if held < bytes.len() => {}
            other => break other,
        }
    };
    let work = scanned.is_ok().then_some(scan.work);
    let said = scanned.and_then(|scanned| {
        assert_eq!(scanned, Scanned::Whole, "{}", bytes.escape_ascii());
        let framing = head.framing(bytes, &limits())?;
        let fields = head.raw_fields(bytes).flat_map(|(name, value)| [name, value]);
        let parts = [head.line.method.of(bytes), head.line.target.of(bytes)];
        let parts: Vec<&[u8]> = parts.into_iter().chain(fields).collect();
        Ok((parts.join(&b'\n'), framing))
    });
    (said, work)
}

#[test]
fn a_head_that_comes_again_is_known_and_every_other_one_is_read() {
    let heads: [&[u8]; 9] = [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nContent-Length: 7\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /x?y HTTP/1.0\r\nConnection: close\r\n\r\n",
        b"POST /x?y HTTP/1.0\r\nConnection: close\r\nBad\r\n\r\n",
        b"POST /x?y HTTP/3\r\n\r\n",
    ];
    for (first, second) in heads.iter().flat_map(|first| heads.map(|second| (first, second))) {
        for step in [1, 5, usize::MAX / 2] {
            let (expected, work) = read(&mut RequestHead::default(), second, step);
            let mut head = RequestHead::default();
            let _ = read(&mut head, first, step);
            let (found, work_again) = read(&mut head, second, step);
            let both = format!("{} after {}", second.escape_ascii(), first.escape_ascii());
            assert_eq!(found, expected, "{both}");
            let is_known = *first == second && step > second.len();
            assert_eq!(
                work_again,
                work.map(|work| if is_known { 0 } else { work }),
                "{both}"
            );
        }
    }
}
