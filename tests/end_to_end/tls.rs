//! TLS of the binary: with rustls as a client, certificates made by `certificates/make`, and what is no TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use super::process::{Daemon, Scratch, connect, run, scratch};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/end_to_end/certificates/");

fn file(name: &str) -> String {
    format!("{FOLDER}{name}")
}

fn daemon(certificate: &str, more: &[&str]) -> Daemon {
    let (pem, key) = (
        file(&format!("{certificate}.pem")),
        file(&format!("{certificate}.key")),
    );
    let arguments = [&["--demo", "--tls-cert", &pem, "--tls-key", &key][..], more].concat();
    Daemon::start(&arguments, &[])
}

/// A client that trusts our root, in these versions, with the certificate of `who`.
fn config(versions: &[&'static SupportedProtocolVersion], who: Option<&str>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(file("root.pem")).expect("files and machine of the test"))
        .expect("files and machine of the test");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("files and machine of the test")
        .with_root_certificates(roots);
    match who {
        None => builder.with_no_client_auth(),
        Some(who) => {
            let certificate = CertificateDer::from_pem_file(file(&format!("{who}.pem")))
                .expect("files and machine of the test");
            let key = PrivateKeyDer::from_pem_file(file(&format!("{who}.key")))
                .expect("files and machine of the test");
            builder
                .with_client_auth_cert(vec![certificate], key)
                .expect("files and machine of the test")
        }
    }
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn open(daemon: &Daemon, config: ClientConfig) -> Tls {
    let name = ServerName::try_from("localhost").expect("files and machine of the test");
    let connection = ClientConnection::new(Arc::new(config), name).expect("files and machine of the test");
    StreamOwned::new(connection, connect(daemon.address))
}

/// The answer to a request on a connection that ends with it.
fn ask(stream: &mut Tls, start: &str, lines: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "{start} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n{lines}Content-Length: {length}\r\n\r\n{body}"
    );
    stream
        .write_all(request.as_bytes())
        .expect("files and machine of the test");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("an answer and a farewell");
    answer
}

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const UPGRADE: &str = "GET /mcp HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn both_versions_are_spoken_with_both_kinds_of_keys_and_answers_say_so() {
    for certificate in ["server", "rsa"] {
        let daemon = daemon(certificate, &[]);
        assert!(
            daemon.first_lines.iter().any(|line| line.contains("https://")),
            "{:?}",
            daemon.first_lines
        );
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let mut client = config(&[version], None);
            client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            let mut stream = open(&daemon, client);
            let answer = ask(&mut stream, "GET /health", "", "");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            assert!(
                answer.contains("\r\nStrict-Transport-Security: max-age="),
                "{answer}"
            );
            assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        }
    }
}

#[test]
fn long_answers_and_long_requests_come_through_whole() {
    let daemon = daemon("server", &[]);
    let query = r#"select o_orderkey, repeat(o_comment, 10) as c from orders order by 1 limit 3000"#;
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"execute_query","arguments":{{"query":"{query}","limit":3000,"padding":"{}"}}}}}}"#,
        " ".repeat(300_000)
    );
    let mut stream = open(&daemon, config(rustls::ALL_VERSIONS, None));
    let answer = ask(&mut stream, "POST /mcp", "", &body);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .unwrap();
    assert_eq!(length.parse::<usize>().unwrap(), body.len());
    serde_json::from_str::<serde_json::Value>(body).expect("whole");
}

#[test]
fn a_proxys_header_comes_before_the_handshake() {
    let daemon = daemon("server", &["--trusted-proxies", "127.0.0.1", "--proxy-protocol"]);
    let mut stream = open(&daemon, config(rustls::ALL_VERSIONS, None));
    stream
        .sock
        .write_all(b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n")
        .expect("it reads");
    let answer = ask(&mut stream, "GET /health", "", "");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn many_requests_and_a_websocket_share_the_way() {
    let daemon = daemon("server", &[]);
    let mut stream = open(&daemon, config(rustls::ALL_VERSIONS, None));
    for _ in 0..50 {
        stream
            .write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let head = read_to(&mut stream, b"\r\n\r\n");
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .unwrap()
            .parse()
            .unwrap();
        stream.read_exact(&mut vec![0; length]).unwrap();
    }
    stream.write_all(UPGRADE.as_bytes()).unwrap();
    assert!(read_to(&mut stream, b"\r\n\r\n").starts_with("HTTP/1.1 101 "));
    let length = u8::try_from(PING.len()).unwrap();
    let frame = [&[0x81, 0x80 | length, 0, 0, 0, 0][..], PING.as_bytes()].concat();
    stream.write_all(&frame).unwrap();
    let answer = read_to(&mut stream, b"}}");
    assert!(answer.contains(r#""id":1"#), "{answer}");
}

fn read_to(stream: &mut Tls, end: &[u8]) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        stream
            .read_exact(&mut byte)
            .expect("files and machine of the test");
        read.push(byte[0]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[test]
fn plain_http_is_told_what_is_spoken_here_and_other_noise_is_cut_off() {
    let daemon = daemon("server", &[]);
    let mut plain = connect(daemon.address);
    write!(
        plain,
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
    )
    .unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.ends_with("this port speaks TLS: use https:// instead of http:// (or wss:)."));
    let mut noise = connect(daemon.address);
    noise.write_all(&[0x16, 3, 1, 0, 4, 9, 9, 9, 9]).unwrap();
    let mut rest = Vec::new();
    // An alert, and the end.
    let _ = noise.read_to_end(&mut rest);
    assert!(rest.len() < 16, "{rest:?}");
    let mut stream = open(&daemon, config(rustls::ALL_VERSIONS, None));
    assert!(ask(&mut stream, "GET /health", "", "").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_certificate_is_a_credential_and_its_holder_is_one_caller() {
    let root = file("root.pem");
    let daemon = daemon("server", &["--tls-client-ca", &root]);
    let ask_as = |who: Option<&str>, lines: &str| {
        let mut stream = open(&daemon, config(rustls::ALL_VERSIONS, who));
        ask(&mut stream, "POST /mcp", lines, PING)
    };
    let nobody = ask_as(None, "");
    assert!(nobody.starts_with("HTTP/1.1 401 "), "{nobody}");
    let mut stream = open(&daemon, config(rustls::ALL_VERSIONS, None));
    assert!(ask(&mut stream, "GET /health", "", "").starts_with("HTTP/1.1 200 "));
    for who in ["client-ann", "client-bob"] {
        let answer = ask_as(Some(who), "");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{who}: {answer}");
    }
    // A session of ann is nothing to bob.
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let mut stream = open(&daemon, config(rustls::ALL_VERSIONS, Some("client-ann")));
    let answer = ask(&mut stream, "POST /mcp", "", initialize);
    let session = answer
        .lines()
        .find(|line| line.starts_with("Mcp-Session-Id: "))
        .expect("a session");
    let session = format!("{session}\r\n");
    assert!(ask_as(Some("client-ann"), &session).starts_with("HTTP/1.1 200 "));
    assert!(ask_as(Some("client-bob"), &session).starts_with("HTTP/1.1 404 "));
    // One that a stranger vouches for does not even come in.
    let mut stream = open(&daemon, config(rustls::ALL_VERSIONS, Some("client-mallory")));
    let _ = stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut answer = Vec::new();
    assert!(stream.read_to_end(&mut answer).is_err() && answer.is_empty());
}

/// A folder with `server.pem` and `server.key`, to be changed.
fn folder() -> Scratch {
    let folder = scratch();
    copy(&folder, "server", "own");
    folder
}

fn copy(folder: &Scratch, from: &str, to: &str) {
    for kind in ["pem", "key"] {
        let to = folder.path().join(format!("{to}.{kind}"));
        std::fs::copy(file(&format!("{from}.{kind}")), to).expect("files and machine of the test");
    }
}

#[test]
fn a_renewed_certificate_is_read_at_a_hangup_and_a_broken_one_is_not() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (pem, key) = (path("own.pem"), path("own.key"));
    let daemon = Daemon::start(&["--demo", "--tls-cert", &pem, "--tls-key", &key], &[]);
    let shown = || {
        let mut stream = open(&daemon, config(rustls::ALL_VERSIONS, None));
        assert!(ask(&mut stream, "GET /health", "", "").starts_with("HTTP/1.1 200 "));
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    };
    let der = |name: &str| CertificateDer::from_pem_file(file(name)).unwrap().to_vec();
    assert_eq!(shown(), der("server.pem"));
    copy(&folder, "renewed", "own");
    daemon.signal("HUP");
    daemon.wait_for("certificate is used from now on");
    assert_eq!(shown(), der("renewed.pem"));
    std::fs::write(&pem, "nothing").unwrap();
    daemon.signal("HUP");
    daemon.wait_for("certificate stays as it was");
    assert_eq!(shown(), der("renewed.pem"));
}

#[test]
fn the_probe_asks_a_server_with_tls_and_a_wrong_file_ends_the_start() {
    let daemon = daemon("server", &[]);
    let port = daemon.address.port().to_string();
    let settings = [
        ("MCP_TLS_CERT", file("server.pem")),
        ("MCP_TLS_KEY", file("server.key")),
    ];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let ended = run(&["health", "--timeout", "60", "--port", &port], &settings);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (pem, key) = (file("server.pem"), file("rsa.key"));
    let ended = run(
        &[
            "http",
            "--demo",
            "--port",
            "0",
            "--tls-cert",
            &pem,
            "--tls-key",
            &key,
        ],
        &[],
    );
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("do not go together"), "{}", ended.stderr);
}
