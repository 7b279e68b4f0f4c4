//! What proxies tell: the header of the PROXY protocol, and the fields of HTTP.

use crate::address::{IpAddr, Network, Networks};
use crate::wire::http::forwarded::Told;
use crate::wire::proxy::{self, Found};

/// A header is the same one however much of what follows has come, is no longer than may be, and does not end before it
/// ends; what was refused stays refused. And whoever stands in a field, what a proxy adds behind is believed first.
pub fn proxy(bytes: &[u8]) {
    let whole = proxy::read(bytes);
    for cut in 0..bytes.len() {
        match (proxy::read(&bytes[..cut]), whole) {
            (Ok(Found::Part), _) => {}
            (early, whole) => {
                assert!(
                    early.is_err() && whole.is_err() || early == whole,
                    "at {cut}: {early:?}, then {whole:?}"
                );
                if let Ok(Found::Header { length, .. }) = early {
                    assert_eq!(length, cut, "a header is found as soon as it is whole");
                    break;
                }
            }
        }
    }
    fields(bytes);
}

fn fields(bytes: &[u8]) {
    let trusted = Networks::new(Network::parse("10.0.0.0/8").into_iter().collect());
    let peer = IpAddr::from([10, 0, 0, 1]);
    let client = IpAddr::from([203, 0, 113, 7]);
    // The codec lets no line through that holds an end of line.
    let line: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !b"\r\n\0".contains(byte))
        .collect();
    let added = [&line[..], b", 203.0.113.7"].concat();
    let of = |by_list: &[&[u8]], by_pairs: &[&[u8]]| Told { by_list, by_pairs }.client(peer, &trusted);
    assert_eq!(of(&[&added], &[]), Some(client), "in the same line");
    assert_eq!(
        of(&[&line, b"203.0.113.7"], &[]),
        Some(client),
        "in a line of its own"
    );
    assert_eq!(
        of(&[], &[&line, b"for=203.0.113.7"]),
        Some(client),
        "in a line of its own"
    );
    // In the same line a quotation of the client may hide what follows, and then nobody is named.
    let added = [&line[..], b", for=203.0.113.7"].concat();
    let found = of(&[], &[&added]);
    assert!(found.is_none() || found == Some(client), "{found:?}");
}
