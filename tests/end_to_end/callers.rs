//! Keys that `key new` makes, a key file that is read again, and tokens of an issuer whose keys are found over HTTP.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::process::{Daemon, connect, run, scratch};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// The status and the head of the answer to a ping with this key or token.
fn ping(daemon: &Daemon, bearer: Option<&str>) -> (String, String) {
    let authorization = bearer.map_or_else(String::new, |bearer| {
        format!("Authorization: Bearer {bearer}\r\n")
    });
    let mut stream = connect(daemon.address);
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n{authorization}Content-Length: {}\r\n\r\n{PING}",
        PING.len()
    )
    .expect("it reads");
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).expect("it answers");
    let status = answer.split(' ').nth(1).unwrap_or("none").to_owned();
    (status, answer)
}

/// A new key and its line.
fn made(arguments: &[&str]) -> (String, String) {
    let ended = run(&[&["key", "new"], arguments].concat(), &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (key, line) = ended.stdout.trim_end().split_once('\n').expect("two lines");
    (key.to_owned(), line.to_owned())
}

#[test]
fn a_key_that_was_made_opens_until_its_line_is_gone() {
    let folder = scratch();
    let path = folder.path().join("keys");
    let (ann, line_of_ann) = made(&["--label", "ann", "--expires", "1"]);
    let (watch, line_of_watch) = made(&["--label", "watch", "--scope", "snowflake:status"]);
    let (new, line_of_new) = made(&["--label", "ann"]);
    assert!(!line_of_ann.contains(&ann) && line_of_ann.contains(r#""expires":"20"#));
    std::fs::write(&path, format!("# callers\n{line_of_ann}\n{line_of_watch}\n")).unwrap();
    let daemon = Daemon::start(&["--demo", "--keys", &path.to_string_lossy()], &[]);
    assert_eq!(ping(&daemon, None).0, "401");
    assert_eq!(ping(&daemon, Some(&ann)).0, "200");
    assert_eq!(ping(&daemon, Some(&watch)).0, "403");
    assert_eq!(ping(&daemon, Some(&new)).0, "401");
    std::fs::write(&path, format!("{line_of_new}\n")).unwrap();
    daemon.signal("HUP");
    daemon.wait_for("1 keys are accepted from now on");
    assert_eq!(ping(&daemon, Some(&ann)).0, "401");
    assert_eq!(ping(&daemon, Some(&new)).0, "200");
    std::fs::write(&path, "{\"label\":\"ann\"}\n").unwrap();
    daemon.signal("HUP");
    let told = daemon.wait_for("keys stay as they were");
    assert!(told.contains("line 1: sha256 is missing"), "{told}");
    assert_eq!(ping(&daemon, Some(&new)).0, "200");
}

#[test]
fn a_key_file_that_cannot_be_read_ends_the_start() {
    let ended = run(&["http", "--demo", "--port", "0", "--keys", "nowhere"], &[]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("the key file nowhere: "),
        "{}",
        ended.stderr
    );
    let ended = run(&["key", "new", "--label", "a\"b"], &[]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
}

/// Answers with these documents, by path, as an issuer does. Its address is part of what it says.
fn issuer(documents: impl Fn(&str, &str) -> Option<String> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let own = address.clone();
    thread::Builder::new()
        .spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                answer(stream, |path| documents(&own, path));
            }
        })
        .expect("a thread");
    address
}

fn answer(mut stream: TcpStream, document: impl Fn(&str) -> Option<String>) {
    let mut lines = BufReader::new(stream.try_clone().expect("a handle")).lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    while lines
        .next()
        .and_then(Result::ok)
        .is_some_and(|line| !line.is_empty())
    {}
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match document(path) {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", String::new()),
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
}

fn signer() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed")
}

fn key_set() -> String {
    let x = URL_SAFE_NO_PAD.encode(signer().public_key().as_ref());
    format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"a"}}]}}"#)
}

/// A token until the year 2100.
fn token(issuer: &str, audience: &str) -> String {
    let header = r#"{"alg":"EdDSA","kid":"a"}"#.to_owned();
    let claims = format!(
        r#"{{"iss":"{issuer}","aud":"{audience}","sub":"ann","exp":4102444800,"scope":"snowflake:read"}}"#
    );
    let signed = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature = URL_SAFE_NO_PAD.encode(signer().sign(signed.as_bytes()).as_ref());
    format!("{signed}.{signature}")
}

const RESOURCE: &str = "https://db.example/mcp";

#[test]
fn tokens_of_an_issuer_open_by_keys_that_its_metadata_leads_to() {
    // As OpenID Connect puts the metadata, and as RFC 8414 does for an issuer with a path.
    for (path, place) in [
        ("", "/.well-known/openid-configuration"),
        ("/realms/a", "/realms/a/.well-known/openid-configuration"),
        ("/realms/a", "/.well-known/oauth-authorization-server/realms/a"),
    ] {
        let address = issuer(move |own, asked| match asked {
            "/keys" => Some(key_set()),
            _ if asked == place => Some(format!(r#"{{"issuer":"{own}{path}","jwks_uri":"{own}/keys"}}"#)),
            _ => None,
        });
        let name = format!("{address}{path}");
        let settings = [
            ("MCP_OAUTH_ISSUER", name.as_str()),
            ("MCP_OAUTH_RESOURCE", RESOURCE),
        ];
        let daemon = Daemon::start(&["--demo"], &settings);
        let (status, told) = ping(&daemon, None);
        assert_eq!(status, "401");
        assert!(
            told.contains(
                "resource_metadata=\"https://db.example/.well-known/oauth-protected-resource/mcp\""
            )
        );
        let (status, told) = ping(&daemon, Some(&token(&name, RESOURCE)));
        assert_eq!(status, "200", "{place}: {told}");
        assert_eq!(
            ping(&daemon, Some(&token(&name, "https://other.example"))).0,
            "401"
        );
        assert_eq!(
            ping(&daemon, Some(&token("https://id.example", RESOURCE))).0,
            "401"
        );
    }
}

#[test]
fn an_issuer_that_is_another_or_away_is_told_in_the_log_and_to_the_caller() {
    let address = issuer(|own, asked| {
        let document = format!(r#"{{"issuer":"https://evil.example","jwks_uri":"{own}/keys"}}"#);
        (asked != "/keys").then_some(document)
    });
    let settings = [
        ("MCP_OAUTH_ISSUER", address.as_str()),
        ("MCP_OAUTH_RESOURCE", RESOURCE),
    ];
    let daemon = Daemon::start(&["--demo"], &settings);
    let (status, told) = ping(&daemon, Some(&token(&address, RESOURCE)));
    assert_eq!(status, "503", "{told}");
    assert!(told.contains("\r\nRetry-After: 5\r\n"), "{told}");
    let line = daemon.wait_for("cannot be fetched");
    assert!(
        line.contains("the metadata is that of \"https://evil.example\""),
        "{line}"
    );
}
