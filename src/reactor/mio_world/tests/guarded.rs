//! What stands before the first byte that the server hears: a proxy's header, a TLS handshake.

use super::*;

/// A world in which loopback is a proxy that says whose connections it passes on.
fn introduced_world(limits: &Limits) -> MioWorld {
    let proxies = Networks::new(vec![Network::parse("127.0.0.0/8").unwrap()]);
    world().with_introductions(proxies, limits)
}

fn introduction(events: &[Event], key: SocketKey) -> Option<Introduction> {
    events.iter().find_map(|event| match *event {
        Event::Introduced { socket, introduction } if socket == key => Some(introduction),
        _ => None,
    })
}

#[test]
fn a_proxys_header_is_taken_in_pieces_and_nothing_behind_it_is_read_before_it_is_told() {
    let mut world = introduced_world(&Limits::default());
    let address = first_address(&world);
    let (key, mut client) = connect(&mut world, address);
    client.set_nodelay(true).unwrap();
    let (told, mut pieces) = (Introduction::Client([203, 0, 113, 7].into()), 0);
    let header = b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n";
    for piece in header.chunks(17) {
        client.write_all(piece).unwrap();
        pieces += piece.len();
        if pieces < header.len() {
            until(&mut world, |world, events| {
                let is_told = has(events, key, |readable, _, _| readable);
                is_told.then(|| assert!(matches!(read_all(world, key), (bytes, None) if bytes.is_empty())))
            });
        }
    }
    client.write_all(b"hello").unwrap();
    let mut is_told = false;
    let mut heard = Vec::new();
    until(&mut world, |world, events| {
        if let Some(found) = introduction(events, key) {
            assert_eq!(found, told);
            is_told = true;
        }
        if has(events, key, |readable, _, _| readable) {
            heard.extend(read_all(world, key).0);
            assert!(is_told || heard.is_empty());
        }
        (heard == b"hello").then_some(())
    });
}

#[test]
fn a_proxy_without_a_header_or_without_haste_is_refused_and_others_need_none() {
    let limits = Limits {
        proxy_header_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    for said in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PROXY TCP4 203", b""] {
        let mut world = introduced_world(&limits);
        let address = first_address(&world);
        let (key, mut client) = connect(&mut world, address);
        client.write_all(said).unwrap();
        let found = until(&mut world, |world, events| {
            if has(events, key, |readable, _, _| readable) {
                assert!(read_all(world, key).0.is_empty());
            }
            introduction(events, key)
        });
        assert_eq!(found, Introduction::Refused, "{said:?}");
    }
    let proxies = Networks::new(vec![Network::parse("10.0.0.0/8").unwrap()]);
    let mut world = world().with_introductions(proxies, &limits);
    let address = first_address(&world);
    let (key, mut client) = connect(&mut world, address);
    client.write_all(b"PROXY UNKNOWN\r\n").unwrap();
    let heard = until(&mut world, |world, events| {
        has(events, key, |readable, _, _| readable).then(|| read_all(world, key).0)
    });
    assert_eq!(heard, b"PROXY UNKNOWN\r\n");
}

fn world_with_tls(certificate: &str, limits: &Limits) -> MioWorld {
    let file = |kind: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/end_to_end/certificates/");
        format!("{folder}{certificate}.{kind}").into()
    };
    let files = crate::reactor::tls::Files {
        certificate: file("pem"),
        key: file("key"),
        client_ca: None,
    };
    world().with_tls(Acceptor::new(files).unwrap(), limits)
}

/// The first message of a TLS client.
fn greeting() -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_handshake_that_takes_too_long_is_broken_off() {
    let limits = Limits {
        tls_handshake_timeout: Duration::from_millis(30),
        ..Limits::default()
    };
    let mut world = world_with_tls("server", &limits);
    let address = first_address(&world);
    // Before its time begins: how long this thread stands still behind that is not known.
    let begun = world.now().monotonic;
    let (key, _silent) = connect(&mut world, address);
    until(&mut world, |_, events| {
        has(events, key, |_, _, broken| broken).then_some(())
    });
    assert!(world.now().monotonic.since(begun) >= limits.tls_handshake_timeout);
    world.close(key);
}

#[test]
fn no_more_handshakes_are_under_way_than_may_be() {
    let limits = Limits {
        tls_handshakes_max: 1,
        ..Limits::default()
    };
    let mut world = world_with_tls("server", &limits);
    let address = first_address(&world);
    let (first, _client) = connect(&mut world, address);
    let _second = Client::connect(address).unwrap();
    let refused = until(&mut world, |world, events| {
        events
            .contains(&Event::Acceptable)
            .then(|| world.accept().unwrap_err().kind())
    });
    assert_eq!(refused, ErrorKind::ConnectionAborted);
    world.close(first);
    connect(&mut world, address);
}

#[test]
fn one_handshake_with_an_rsa_key_begins_in_a_turn_and_the_next_one_in_the_next() {
    let mut world = world_with_tls("rsa", &Limits::default());
    let address = first_address(&world);
    let mut both = Vec::new();
    for _ in 0..2 {
        both.push(connect(&mut world, address));
    }
    for (_, client) in &mut both {
        client.write_all(&greeting()).unwrap();
    }
    // Both greetings are here before either is answered.
    let mut waiting: Vec<SocketKey> = both.iter().map(|(key, _)| *key).collect();
    until(&mut world, |_, events| {
        waiting.retain(|key| !has(events, *key, |readable, _, _| readable));
        waiting.is_empty().then_some(())
    });
    let mut answered = |world: &mut MioWorld| {
        let mut answered = 0;
        for (key, client) in &mut both {
            let read = world.read(*key, &mut [0; 16]);
            assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
            client.set_nonblocking(true).unwrap();
            answered += usize::from(matches!(client.read(&mut [0; 4096]), Ok(1..)));
        }
        answered
    };
    assert_eq!(answered(&mut world), 1);
    let mut events = Vec::new();
    world.wait(None, &mut events).unwrap();
    assert!(has(&events, both_key(&events), |readable, _, _| readable));
    assert_eq!(answered(&mut world), 1);
}

/// The socket that an event is about.
fn both_key(events: &[Event]) -> SocketKey {
    let about = |event: &Event| match *event {
        Event::Socket { socket, .. } => Some(socket),
        _ => None,
    };
    events.iter().find_map(about).expect("news of a socket")
}
