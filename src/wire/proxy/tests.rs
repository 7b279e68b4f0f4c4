//! Headers by the book, cut at every byte.

use super::*;

fn header(client: Option<&str>, length: usize) -> Result<Found, Error> {
    let client = client.map(|text| text.parse().unwrap());
    Ok(Found::Header { length, client })
}

fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let room = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &room, body].concat()
}

const V4: [u8; 12] = [203, 0, 113, 7, 10, 0, 0, 1, 0xdc, 0x04, 0x01, 0xbb];

fn v6() -> Vec<u8> {
    let mut body = vec![0; 36];
    body[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    body[15] = 1;
    body
}

fn good() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let mapped = [&[0; 10][..], &[0xff, 0xff, 203, 0, 113, 7], &[0; 20]].concat();
    let with_more = [&V4[..], &[0x04, 0x00, 0x02, 0xaa, 0xbb]].concat();
    vec![
        (
            b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n".to_vec(),
            Some("203.0.113.7"),
        ),
        (
            b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n".to_vec(),
            Some("255.255.255.255"),
        ),
        (
            b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n".to_vec(),
            Some("2001:db8::1"),
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff:: what ever\r\n".to_vec(), None),
        (binary(0x21, 0x11, &V4), Some("203.0.113.7")),
        (binary(0x21, 0x12, &V4), Some("203.0.113.7")),
        (binary(0x21, 0x11, &with_more), Some("203.0.113.7")),
        (binary(0x21, 0x21, &v6()), Some("2001:db8::1")),
        (binary(0x21, 0x21, &mapped), Some("203.0.113.7")),
        (binary(0x20, 0x11, &V4), None),
        (binary(0x20, 0x00, &[]), None),
        (binary(0x20, 0x77, &[]), None),
        (binary(0x21, 0x00, &[1, 2, 3]), None),
        (binary(0x21, 0x31, &[0; 216]), None),
    ]
}

#[test]
fn a_header_is_found_only_when_it_is_whole_and_what_follows_is_left() {
    for (bytes, client) in good() {
        for cut in 0..bytes.len() {
            assert_eq!(
                read(&bytes[..cut]),
                Ok(Found::Part),
                "{:?} at {cut}",
                bytes.escape_ascii().to_string()
            );
        }
        assert_eq!(
            read(&bytes),
            header(client, bytes.len()),
            "{:?}",
            bytes.escape_ascii().to_string()
        );
        for tail in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            SIGNATURE,
            b"PROXY TCP4 9.9.9.9 9.9.9.9 9 9\r\n",
        ] {
            assert_eq!(read(&[&bytes, tail].concat()), header(client, bytes.len()));
        }
    }
}

#[test]
fn what_is_no_header_is_refused_and_stays_so_whatever_follows() {
    let bad = [
        (&b"GET / HTTP/1.1\r\n"[..], Error::Absent),
        (b"\x16\x03\x01", Error::Absent),
        (b"PROXX", Error::Absent),
        (b"proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n", Error::Absent),
        (b"\r\n\r\n\0\r\nQUIZ", Error::Absent),
        (b"PROXY \r\n", Error::Line),
        (b"PROXY TCP4\r\n", Error::Line),
        (b"PROXY TCP4 203.0.113.7 10.0.0.1 56324\r\n", Error::Line),
        (b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443 \r\n", Error::Line),
        (b"PROXY TCP4  203.0.113.7 10.0.0.1 56324 443\r\n", Error::Line),
        (b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 65536\r\n", Error::Line),
        (b"PROXY TCP4 203.0.113.7 10.0.0.1 +1 443\r\n", Error::Line),
        (b"PROXY TCP4 203.0.113.7 10.0.0.1 01 443\r\n", Error::Line),
        (b"PROXY TCP4 203.0.113.07 10.0.0.1 1 443\r\n", Error::Line),
        (b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n", Error::Line),
        (b"PROXY TCP6 203.0.113.7 10.0.0.1 1 2\r\n", Error::Line),
        (b"PROXY UDP4 203.0.113.7 10.0.0.1 1 2\r\n", Error::Line),
        (b"PROXY UNKNOWNS\r\n", Error::Line),
        (b"PROXY TCP4 \xff 10.0.0.1 1 2\r\n", Error::Line),
    ];
    let mut bad: Vec<_> = bad
        .iter()
        .map(|(bytes, error)| (bytes.to_vec(), *error))
        .collect();
    bad.push(([&b"PROXY UNKNOWN "[..], &[b'x'; 93]].concat(), Error::TooLong));
    bad.push((binary(0x11, 0x11, &V4), Error::Command));
    bad.push((binary(0x22, 0x11, &V4), Error::Command));
    bad.push((binary(0x21, 0x41, &V4), Error::Family));
    bad.push((binary(0x21, 0x13, &V4), Error::Family));
    bad.push((binary(0x21, 0x11, &V4[..11]), Error::TooShort));
    bad.push((binary(0x21, 0x21, &[0; 35]), Error::TooShort));
    bad.push((binary(0x21, 0x31, &[0; 215]), Error::TooShort));
    bad.push((
        binary(0x21, 0x11, &[0; PROXY_HEADER_BYTES_MAX - 15]),
        Error::TooLong,
    ));
    for (bytes, error) in bad {
        let told = bytes.escape_ascii().to_string();
        assert_eq!(read(&bytes), Err(error), "{told}");
        assert_eq!(read(&[&bytes[..], b"\r\nmore"].concat()), Err(error), "{told}");
        // Until it is wrong it may become one, and never is one.
        for cut in 0..bytes.len() {
            let found = read(&bytes[..cut]);
            assert!(
                matches!(found, Ok(Found::Part) | Err(_)),
                "{told} at {cut}: {found:?}"
            );
        }
    }
}

#[test]
fn the_longest_of_each_kind_is_taken() {
    let room = PROXY_HEADER_BYTES_MAX - BINARY_HEAD_BYTES;
    let mut body = vec![0; room];
    body[..12].copy_from_slice(&V4);
    assert_eq!(
        read(&binary(0x21, 0x11, &body)),
        header(Some("203.0.113.7"), PROXY_HEADER_BYTES_MAX)
    );
    let line = [&b"PROXY UNKNOWN "[..], &[b'x'; 91], b"\r\n"].concat();
    assert_eq!(read(&line), header(None, LINE_BYTES_MAX));
}
