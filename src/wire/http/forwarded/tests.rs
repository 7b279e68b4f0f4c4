//! Who is behind a proxy, and who only says so.

use super::*;
use crate::address::Network;

/// The proxies are 10.0.0.0/8; 10.0.0.1 is asked by the server's machine.
fn client(by_list: &[&str], by_pairs: &[&str]) -> Option<String> {
    let trusted = Networks::new(vec![Network::parse("10.0.0.0/8").unwrap()]);
    let by_list: Vec<_> = by_list.iter().map(|line| line.as_bytes()).collect();
    let by_pairs: Vec<_> = by_pairs.iter().map(|line| line.as_bytes()).collect();
    let told = Told {
        by_list: &by_list,
        by_pairs: &by_pairs,
    };
    let found = told.client("10.0.0.1".parse().unwrap(), &trusted);
    found.map(|address| address.to_string())
}

#[test]
fn of_a_list_the_last_that_is_not_trusted_is_the_client() {
    for (lines, expected) in [
        (&["203.0.113.7"][..], Some("203.0.113.7")),
        (&["9.9.9.9, 203.0.113.7"], Some("203.0.113.7")),
        (&["9.9.9.9, 203.0.113.7, 10.0.0.2"], Some("203.0.113.7")),
        (
            &["9.9.9.9", "203.0.113.7", "10.0.0.3,10.0.0.2"],
            Some("203.0.113.7"),
        ),
        (&[" 203.0.113.7:4711 ,, "], Some("203.0.113.7")),
        (&["[2001:db8::1]:80"], Some("2001:db8::1")),
        (&["2001:db8::1"], Some("2001:db8::1")),
        (&["::ffff:203.0.113.7"], Some("203.0.113.7")),
        // All are trusted: the first of them asks.
        (&["10.0.0.9, 10.0.0.8"], Some("10.0.0.9")),
        // Who hides hides also what it says of others.
        (&["203.0.113.7, unknown"], None),
        (&["203.0.113.7, unknown, 10.0.0.2"], Some("10.0.0.2")),
        (&["203.0.113.7, \u{ff11}"], None),
        (&[""], None),
        (&[" , "], None),
        (&[], None),
    ] {
        assert_eq!(client(lines, &[]).as_deref(), expected, "{lines:?}");
    }
}

#[test]
fn of_pairs_the_last_that_is_not_trusted_is_the_client() {
    for (lines, expected) in [
        (&["for=203.0.113.7"][..], Some("203.0.113.7")),
        (
            &["For=\"203.0.113.7:80\";proto=https;by=10.0.0.1"],
            Some("203.0.113.7"),
        ),
        (&["for=203.0.113.7:80"], Some("203.0.113.7")),
        (&["by=10.0.0.1 ; for=\"[2001:db8::1]\""], Some("2001:db8::1")),
        (&["for=\"[2001:db8::1]:80\" , for=10.0.0.2"], Some("2001:db8::1")),
        (
            &[
                "for=9.9.9.9",
                "for=203.0.113.7;host=\"a, for=8.8.8.8\", for=10.0.0.2",
            ],
            Some("203.0.113.7"),
        ),
        (&["for=203.0.113.7, for=unknown"], None),
        (&["for=203.0.113.7, for=_hidden, for=10.0.0.2"], Some("10.0.0.2")),
        (&["for=203.0.113.7, proto=https"], None),
        (&["for=203.0.113.7,,"], Some("203.0.113.7")),
        // A quotation that the client opened does not swallow what the proxy wrote.
        (&["for=9.9.9.9;x=\", for=203.0.113.7"], None),
        (&["for=9.9.9.9;x=\", for=\"[2001:db8::1]:80\""], None),
        (&["for=9.9.9.9;x=\"", "for=203.0.113.7"], Some("203.0.113.7")),
        (&["for=203.0.113.7;for=9.9.9.9"], None),
        (&["for"], None),
        (&["for="], None),
        (&["=203.0.113.7"], None),
        (&["for=203.0.113.7 9.9.9.9"], None),
        (&["for=\"203.0.113.\\7\""], None),
        (&[""], None),
    ] {
        assert_eq!(client(&[], lines).as_deref(), expected, "{lines:?}");
    }
}

#[test]
fn two_fields_are_believed_only_when_they_agree() {
    let both = |list: &str, pairs: &str| client(&[list], &[pairs]);
    assert_eq!(
        both("203.0.113.7", "for=203.0.113.7").as_deref(),
        Some("203.0.113.7")
    );
    assert_eq!(both("203.0.113.7", "for=9.9.9.9"), None);
    assert_eq!(both("203.0.113.7", "for=unknown"), None);
    assert_eq!(both("203.0.113.7", "for=\""), None);
}
