//! How many connections one address may have, and who is behind a proxy.

use super::*;
use crate::access::Quota;
use crate::address::{IpAddr, Network, Networks};
use crate::audit::WhenFull;
use crate::server::{Introduction, Metric};

const ANN: &str = "203.0.113.7";
const BOB: &str = "198.51.100.1";
const PROXY: &str = "10.0.0.1";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn settings(each: usize) -> Settings {
    Settings {
        limits: Limits {
            connections_per_address_max: each,
            connections_refused_max: 2,
            audit_queue_max: 64,
            ..Limits::default()
        },
        trusted_proxies: Networks::new(vec![Network::parse("10.0.0.0/8").unwrap()]),
        audit: Some(WhenFull::Refuse),
        ..Settings::default()
    }
}

impl Bench {
    fn connect_from(&mut self, address: &str) -> Option<ConnectionId> {
        let connection = self.server.accept(self.now, Peer::TcpFrom(ip(address)));
        self.take_outputs();
        connection
    }

    /// Whether a new connection from `address` is served.
    fn is_served(&mut self, address: &str) -> bool {
        let connection = self.connect_from(address).unwrap();
        let greeting = self.receive(connection);
        let is_refused = String::from_utf8_lossy(&greeting).starts_with("HTTP/1.1 503 ");
        assert_eq!(is_refused, !greeting.is_empty());
        !is_refused
    }

    fn introduce(&mut self, connection: ConnectionId, introduction: Introduction) {
        self.handle(Input::Introduced {
            connection,
            introduction,
        });
    }

    fn refused(&self) -> u64 {
        self.server.metrics().value(Metric::ConnectionsRefusedByAddress)
    }
}

#[test]
fn one_connection_too_many_of_an_address_is_told_so_and_others_are_served() {
    let mut bench = Bench::with(settings(2));
    let first = bench.connect_from(ANN).unwrap();
    assert!(bench.is_served(ANN));
    let third = bench.connect_from(ANN).unwrap();
    let answer = String::from_utf8(bench.receive(third)).unwrap();
    assert_eq!(status(&answer), "503");
    assert!(answer.contains("Retry-After: 5\r\n"), "{answer}");
    assert!(
        body(&answer).contains("2 connections from your address are open"),
        "{answer}"
    );
    assert!(bench.is_served(BOB));
    assert_eq!(bench.refused(), 1);
    // Who was only told so takes nobody's place.
    bench.handle(Input::Broken { connection: first });
    assert!(bench.is_served(ANN));
    assert!(!bench.is_served(ANN));
}

#[test]
fn more_of_them_than_can_be_told_are_closed_without_a_word() {
    let mut bench = Bench::with(settings(1));
    bench.connect_from(ANN).unwrap();
    let told = [bench.connect_from(ANN).unwrap(), bench.connect_from(ANN).unwrap()];
    assert_eq!(bench.connect_from(ANN), None);
    assert_eq!(bench.refused(), 3);
    for connection in told {
        bench.handle(Input::Broken { connection });
    }
    assert!(!bench.is_served(ANN));
}

#[test]
fn addresses_of_one_subscriber_count_together_and_loopback_has_its_own_bound() {
    let mut bench = Bench::with(settings(1));
    assert!(bench.is_served("2001:db8:0:1::1"));
    assert!(!bench.is_served("2001:db8:0:1:ffff::2"));
    assert!(bench.is_served("2001:db8:0:2::1"));
    assert!(bench.is_served(ANN));
    assert!(!bench.is_served("::ffff:203.0.113.7"));
    for _ in 0..3 {
        assert!(bench.is_served("127.0.0.1") && bench.is_served("::1"));
    }
}

#[test]
fn nothing_is_left_of_an_address_without_connections() {
    let mut bench = Bench::with(settings(1));
    let open: Vec<_> = [ANN, ANN, BOB, PROXY, PROXY, "127.0.0.1"]
        .iter()
        .map(|address| bench.connect_from(address).unwrap())
        .collect();
    bench.introduce(open[3], Introduction::Client(ip(ANN)));
    bench.introduce(open[4], Introduction::Client(ip("192.0.2.1")));
    assert_eq!(bench.server.core.addresses.len(), 4);
    for connection in open {
        bench.handle(Input::Broken { connection });
    }
    assert_eq!(
        (bench.server.core.addresses.len(), bench.server.connections()),
        (0, 0)
    );
}

#[test]
fn connections_that_a_proxy_announces_are_their_clients_and_its_own_are_nobodys() {
    let mut bench = Bench::with(settings(1));
    let of_ann = bench.connect_from(PROXY).unwrap();
    bench.introduce(of_ann, Introduction::Client(ip(ANN)));
    assert!(
        bench
            .ask(of_ann, &http("GET /health", "", ""))
            .starts_with("HTTP/1.1 200 ")
    );
    // Directly or by the proxy: it is the same client.
    assert!(!bench.is_served(ANN));
    let second = bench.connect_from(PROXY).unwrap();
    bench.introduce(second, Introduction::Client(ip(ANN)));
    assert!(bench.receive(second).starts_with(b"HTTP/1.1 503 "));
    for _ in 0..3 {
        let own = bench.connect_from(PROXY).unwrap();
        bench.introduce(own, Introduction::Itself);
        assert!(
            bench
                .ask(own, &http("GET /health", "", ""))
                .starts_with("HTTP/1.1 200 ")
        );
    }
    bench.handle(Input::Broken { connection: of_ann });
    assert!(bench.is_served(ANN));
}

#[test]
fn a_proxy_that_says_nothing_that_can_be_read_is_closed_and_counted() {
    let mut bench = Bench::with(settings(1));
    let connection = bench.connect_from(PROXY).unwrap();
    bench.introduce(connection, Introduction::Refused);
    assert_eq!(bench.closed, [connection]);
    let text = bench.request("GET /metrics", "", "");
    assert!(text.contains("{reason=\"proxy_header\"} 1\n"), "{text}");
}

/// A query as it comes from `address` with these header lines; the name of who it counts for in the audit log, and the
/// address that it has there.
fn who(bench: &mut Bench, connection: ConnectionId, lines: &str) -> (String, String) {
    let lines = format!("Content-Type: application/json\r\n{lines}");
    bench.send(connection, http("POST /mcp", &lines, &call(1)).as_bytes());
    let job = bench.next_submitted().id;
    bench.complete_with(job, "{}");
    bench.receive(connection);
    let record = bench.records.pop().unwrap();
    (record.principal.into(), record.address.into())
}

#[test]
fn headers_name_the_client_of_each_request_where_the_proxy_is_trusted_and_nowhere_else() {
    let mut bench = Bench::with(settings(100));
    let (proxy, other) = (
        bench.connect_from(PROXY).unwrap(),
        bench.connect_from(BOB).unwrap(),
    );
    let told = |client: &str| (format!("address {client}"), client.to_owned());
    for (lines, expected) in [
        ("X-Forwarded-For: 9.9.9.9, 203.0.113.7\r\n", told(ANN)),
        ("X-Forwarded-For: 198.51.100.1\r\n", told(BOB)),
        ("Forwarded: for=203.0.113.7;proto=https\r\n", told(ANN)),
        (
            "Forwarded: for=203.0.113.7\r\nX-Forwarded-For: 203.0.113.7\r\n",
            told(ANN),
        ),
    ] {
        assert_eq!(who(&mut bench, proxy, lines), expected, "{lines}");
    }
    let subscriber = who(&mut bench, proxy, "X-Forwarded-For: 2001:db8::7\r\n");
    assert_eq!(
        subscriber,
        ("address 2001:db8::/64".to_owned(), "2001:db8::7".to_owned())
    );
    // Nobody, or two different ones: it is the proxy's own.
    for lines in [
        "",
        "Forwarded: for=203.0.113.7\r\nX-Forwarded-For: 198.51.100.1\r\n",
    ] {
        let (principal, address) = who(&mut bench, proxy, lines);
        assert!(
            principal.starts_with("connection ") && address == PROXY,
            "{principal} {address}"
        );
    }
    let (principal, address) = who(&mut bench, other, "X-Forwarded-For: 203.0.113.7\r\n");
    assert!(
        principal.starts_with("connection ") && address == BOB,
        "{principal} {address}"
    );
}

#[test]
fn whom_the_protocol_announced_is_believed_and_is_no_proxy() {
    let mut bench = Bench::with(settings(100));
    let connection = bench.connect_from(PROXY).unwrap();
    bench.introduce(connection, Introduction::Client(ip(ANN)));
    let expected = (format!("address {ANN}"), ANN.to_owned());
    assert_eq!(
        who(&mut bench, connection, "X-Forwarded-For: 9.9.9.9\r\n"),
        expected
    );
    // Behind another proxy of ours, which speaks HTTP.
    let connection = bench.connect_from(PROXY).unwrap();
    bench.introduce(connection, Introduction::Client(ip("10.0.0.2")));
    assert_eq!(
        who(&mut bench, connection, "X-Forwarded-For: 203.0.113.7\r\n"),
        expected
    );
    let expected = ("address 10.0.0.2".to_owned(), "10.0.0.2".to_owned());
    assert_eq!(who(&mut bench, connection, ""), expected);
}

#[test]
fn a_minutes_calls_of_a_client_are_counted_over_all_connections_of_its_proxy() {
    let mut bench = Bench::with(Settings {
        quota: Quota {
            calls_per_minute_max: Some(1),
            ..Quota::default()
        },
        ..settings(100)
    });
    let mut is_admitted = |address: &str| {
        let connection = bench.connect_from(PROXY).unwrap();
        let lines = format!("Content-Type: application/json\r\nX-Forwarded-For: {address}\r\n");
        bench.send(connection, http("POST /mcp", &lines, &call(1)).as_bytes());
        let is_admitted = !bench.submitted.is_empty();
        bench.submitted.clear();
        is_admitted
    };
    assert!(is_admitted(ANN));
    assert!(!is_admitted(ANN));
    assert!(is_admitted(BOB));
}
