//! Callers while the server runs: tokens whose issuer's keys are on their way, keys that are exchanged, credentials that
//! end.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::*;
use crate::access::KeyRing;
use crate::access::Scope;
use crate::access::fetch::{Fetched, Wanted};
use crate::access::issuers::Resource;
use crate::access::key_set::KeySet;
use crate::access::keys::{self, Made};
use crate::sql::ruling::Rulings;

const TYPES: &str = "Content-Type: application/json\r\n";
const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

pub(super) struct Issuer(Ed25519KeyPair);

impl Issuer {
    pub(super) fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub(super) fn key_set(&self, id: &str) -> KeySet {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref());
        KeySet::parse(&format!(
            r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"{id}"}}]}}"#
        ))
        .unwrap()
    }

    fn token(&self, id: &str, scope: &str) -> String {
        format!(
            "{TYPES}{}",
            self.bearer(id, scope, ("https://db.example/mcp", 1_795_345_200))
        )
    }

    /// The header line with a token for this audience, which ends then.
    pub(super) fn bearer(&self, id: &str, scope: &str, (audience, ends): (&str, u64)) -> String {
        let header = format!(r#"{{"alg":"EdDSA","kid":"{id}"}}"#);
        let claims = format!(
            r#"{{"iss":"https://id.example","aud":"{audience}","sub":"ann","exp":{ends},"scope":"{scope}"}}"#
        );
        let signed = [header, claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes()).as_ref());
        format!("Authorization: Bearer {signed}.{signature}\r\n")
    }
}

/// A server to which tokens of one issuer give access.
pub(super) fn resource() -> Resource {
    Resource {
        url: "https://db.example/mcp".into(),
        issuers: vec!["https://id.example".into()],
        scopes: vec!["snowflake:read".into()],
    }
}

fn guarded_by_issuer() -> Bench {
    Bench::with(Settings {
        resource: Some(resource()),
        ..Settings::default()
    })
}

pub(super) fn fetched(bench: &mut Bench, keys: Result<KeySet, String>) {
    bench.handle(Input::Fetched(Fetched::KeySet(0, keys)));
}

#[test]
fn a_request_waits_for_the_keys_of_its_issuer_and_is_then_answered() {
    let issuer = Issuer::new(1);
    let mut bench = guarded_by_issuer();
    let connection = bench.connect();
    let ask = http("POST /mcp", &issuer.token("a", "snowflake:read"), PING);
    assert_eq!(bench.ask(connection, &ask), "");
    assert_eq!(bench.wanted, [Wanted::KeySet(0)]);
    // Others are served meanwhile, and a second one that waits asks for nothing.
    assert_eq!(status(&bench.request("GET /health", "", "")), "200");
    let second = bench.connect();
    assert_eq!(bench.ask(second, &ask), "");
    assert_eq!(bench.wanted.len(), 1);
    fetched(&mut bench, Ok(issuer.key_set("a")));
    for connection in [connection, second] {
        let answer = String::from_utf8(bench.receive(connection)).unwrap();
        assert_eq!(status(&answer), "200", "{answer}");
        assert_eq!(
            status(&bench.ask(connection, &ask)),
            "200",
            "the connection goes on"
        );
    }
    let requests = bench
        .server
        .metrics()
        .value(crate::server::Metric::RequestsReceived);
    assert_eq!(requests, 5, "one that was held is counted once");
}

#[test]
fn a_held_request_keeps_what_was_asked_before_and_behind_it_in_order() {
    let issuer = Issuer::new(1);
    let mut bench = guarded_by_issuer();
    let connection = bench.connect();
    let held = http("POST /mcp", &issuer.token("a", "snowflake:read"), PING);
    let health = http("GET /health", "", "");
    let all = format!("{health}{held}{health}");
    let answer = bench.ask(connection, &all);
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
    fetched(&mut bench, Ok(issuer.key_set("a")));
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
    assert!(answer.find("jsonrpc").unwrap() < answer.find("uptime_seconds").unwrap());
}

#[test]
fn keys_that_do_not_come_are_told_with_when_to_come_back() {
    let issuer = Issuer::new(1);
    let mut bench = guarded_by_issuer();
    let connection = bench.connect();
    let ask = http("POST /mcp", &issuer.token("a", "snowflake:read"), PING);
    bench.send(connection, ask.as_bytes());
    fetched(&mut bench, Err("no route".to_owned()));
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    assert_eq!(status(&answer), "503");
    assert!(answer.contains("\r\nRetry-After: 5\r\n"), "{answer}");
    // Nobody says what became of it: the request does not wait for ever.
    bench.pass(Duration::from_secs(30));
    bench.send(connection, ask.as_bytes());
    assert_eq!(bench.wanted.len(), 2);
    assert!(bench.receive(connection).is_empty());
    bench.pass(Limits::default().token_keys_timeout);
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    assert_eq!(status(&answer), "503", "{answer}");
}

#[test]
fn a_client_that_leaves_while_its_request_waits_leaves_nothing_behind() {
    let issuer = Issuer::new(1);
    let mut bench = guarded_by_issuer();
    let connection = bench.connect();
    let ask = http("POST /mcp", &issuer.token("a", "snowflake:read"), PING);
    bench.send(connection, ask.as_bytes());
    bench.handle(Input::Broken { connection });
    fetched(&mut bench, Ok(issuer.key_set("a")));
    assert_eq!((bench.server.connections(), bench.server.timers()), (0, 0));
}

#[test]
fn an_upgrade_waits_for_keys_too() {
    let issuer = Issuer::new(1);
    let mut bench = guarded_by_issuer();
    let connection = bench.connect();
    let lines = format!("{UPGRADE}{}", issuer.token("a", "snowflake:read"));
    assert_eq!(bench.ask(connection, &http("GET /mcp", &lines, "")), "");
    fetched(&mut bench, Ok(issuer.key_set("a")));
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    assert_eq!(status(&answer), "101", "{answer}");
}

#[test]
fn the_keys_of_an_issuer_roll_over_without_a_restart() {
    let (old, new) = (Issuer::new(1), Issuer::new(2));
    let mut bench = guarded_by_issuer();
    let connection = bench.connect();
    bench.send(
        connection,
        http("POST /mcp", &old.token("a", "snowflake:read"), PING).as_bytes(),
    );
    fetched(&mut bench, Ok(old.key_set("a")));
    assert_eq!(
        status(&String::from_utf8(bench.receive(connection)).unwrap()),
        "200"
    );
    bench.pass(Limits::default().token_keys_interval);
    let connection = bench.connect();
    bench.send(
        connection,
        http("POST /mcp", &new.token("b", "snowflake:read"), PING).as_bytes(),
    );
    assert_eq!(bench.wanted, [Wanted::KeySet(0), Wanted::KeySet(0)]);
    fetched(&mut bench, Ok(new.key_set("b")));
    assert_eq!(
        status(&String::from_utf8(bench.receive(connection)).unwrap()),
        "200"
    );
    let with_old = bench.request("POST /mcp", &old.token("a", "snowflake:read"), PING);
    assert_eq!(status(&with_old), "401");
}

#[test]
fn clients_are_told_where_to_sign_in_and_for_what() {
    let issuer = Issuer::new(1);
    let mut bench = guarded_by_issuer();
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        let answer = bench.request(&format!("GET {path}"), "", "");
        assert_eq!(status(&answer), "200", "{path}");
        let document: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(document["resource"], "https://db.example/mcp");
        assert_eq!(
            status(&Bench::new().request(&format!("GET {path}"), "", "")),
            "404"
        );
    }
    assert_eq!(
        status(&bench.request("GET /.well-known/oauth-protected-resource/x", "", "")),
        "404"
    );
    let metadata = "resource_metadata=\"https://db.example/.well-known/oauth-protected-resource/mcp\"";
    let answer = bench.request("POST /mcp", TYPES, PING);
    assert_eq!(status(&answer), "401");
    assert!(
        answer.contains(metadata) && answer.contains("scope=\"snowflake:read\""),
        "{answer}"
    );
    assert!(!answer.contains("error="), "nothing was presented: {answer}");
    let connection = bench.connect();
    bench.send(
        connection,
        http("POST /mcp", &issuer.token("a", "openid"), PING).as_bytes(),
    );
    fetched(&mut bench, Ok(issuer.key_set("a")));
    let answer = String::from_utf8(bench.receive(connection)).unwrap();
    assert_eq!(status(&answer), "403");
    for part in [
        "error=\"insufficient_scope\"",
        "scope=\"snowflake:read\"",
        metadata,
    ] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
}

fn made(label: &str, seed: u64, expires: Option<WallTime>) -> Made {
    let wanted = keys::Wanted {
        label: label.to_owned(),
        expires,
        ..keys::Wanted::default()
    };
    keys::make(&wanted, &mut SeededEntropy::new(seed)).unwrap()
}

fn with(made: &Made) -> String {
    format!("{TYPES}Authorization: Bearer {}\r\n", made.key.reveal())
}

fn guarded_by(lines: &[&Made]) -> Bench {
    Bench::with(Settings {
        keys: ring(lines),
        is_guarded: true,
        ..Settings::default()
    })
}

fn ring(lines: &[&Made]) -> KeyRing {
    let lines: Vec<_> = lines.iter().map(|made| made.line.as_str()).collect();
    KeyRing::parse(&lines.join("\n")).unwrap()
}

fn reload(bench: &mut Bench, keys: Result<KeyRing, String>) {
    bench.handle(Input::Reload);
    assert_eq!(bench.wanted.pop(), Some(Wanted::Keys));
    bench.handle(Input::Fetched(Fetched::Keys(keys)));
}

#[test]
fn another_policy_holds_from_the_next_call_on_and_who_listens_hears_of_other_tools() {
    let settings = Settings::default();
    let tools = tools::Settings {
        rulings_may_change: true,
        ..tools::Settings::new(&settings.limits, Policy::default())
    };
    let keys = Keys::random(&mut SeededEntropy::new(1));
    let service = Service::new(&settings.limits, tools, keys);
    let mut bench = Bench::with_service(settings, service);
    let reload = |bench: &mut Bench, policy: Result<Policy, &str>| {
        bench.handle(Input::Reload);
        assert_eq!(bench.wanted.split_off(0), [Wanted::Keys, Wanted::Policy]);
        let rulings = policy.map(Rulings::from).map_err(str::to_owned);
        bench.handle(Input::Fetched(Fetched::Policy(rulings)));
    };
    let is_run = |bench: &mut Bench, sql: &str| {
        let body = format!(r#"{{"name":"execute_query","arguments":{{"query":"{sql}"}}}}"#);
        let connection = bench.connect();
        bench.send(connection, http("POST /mcp/tools/call", TYPES, &body).as_bytes());
        let is_run = !bench.submitted.is_empty();
        bench.submitted.clear();
        is_run
    };
    let annotations = |bench: &mut Bench| {
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let answer = bench.request("POST /mcp", TYPES, list);
        let entry = answer.split("\"name\":\"execute_query\"").nth(1).unwrap();
        entry
            .split("\"readOnlyHint\":")
            .nth(1)
            .unwrap()
            .starts_with("true")
    };
    let listener = bench.connect();
    let listen = r#"{"jsonrpc":"2.0","id":9,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}},"notifications":{"toolsListChanged":true}}}"#;
    let lines = format!(
        "{TYPES}Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n"
    );
    let begun = bench.ask(listener, &http("POST /mcp", &lines, listen));
    assert!(begun.contains("text/event-stream"), "{begun}");
    assert!(is_run(&mut bench, "show tables") && annotations(&mut bench));
    reload(&mut bench, Ok(Policy::from_allowed_commands("select").unwrap()));
    assert!(!is_run(&mut bench, "show tables") && is_run(&mut bench, "select 1"));
    let heard = bench.receive(listener);
    assert_eq!(String::from_utf8_lossy(&heard), "", "the tools are the same");
    reload(&mut bench, Err("it is broken"));
    assert!(!is_run(&mut bench, "show tables"), "all stays as it was");
    reload(&mut bench, Ok(Policy::default().with_writes("insert").unwrap()));
    assert!(is_run(&mut bench, "show tables") && !annotations(&mut bench));
    let heard = String::from_utf8(bench.receive(listener)).unwrap();
    assert!(heard.contains("notifications/tools/list_changed"), "{heard}");
}

#[test]
fn an_exchanged_key_goes_on_with_the_sessions_of_the_old_one() {
    let (old, new, other) = (made("ann", 1, None), made("ann", 2, None), made("bob", 3, None));
    let mut bench = guarded_by(&[&old, &other]);
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let answer = bench.request("POST /mcp", &with(&old), initialize);
    let session = answer
        .lines()
        .find_map(|line| line.strip_prefix("Mcp-Session-Id: "))
        .unwrap()
        .to_owned();
    let ask = |bench: &mut Bench, made: &Made| {
        let lines = format!("{}Mcp-Session-Id: {session}\r\n", with(made));
        status(&bench.request("POST /mcp", &lines, PING)).to_owned()
    };
    assert_eq!(ask(&mut bench, &new), "401");
    reload(&mut bench, Ok(ring(&[&old, &new, &other])));
    assert_eq!(
        (ask(&mut bench, &old), ask(&mut bench, &new)),
        ("200".into(), "200".into())
    );
    assert_eq!(ask(&mut bench, &other), "404", "another caller's session");
    reload(&mut bench, Ok(ring(&[&new, &other])));
    assert_eq!(
        (ask(&mut bench, &old), ask(&mut bench, &new)),
        ("401".into(), "200".into())
    );
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_keys_as_they_were_and_an_empty_one_lets_nobody_in() {
    let ann = made("ann", 1, None);
    let mut bench = guarded_by(&[&ann]);
    reload(&mut bench, Err("line 3: sha256 is missing".to_owned()));
    assert_eq!(status(&bench.request("POST /mcp", &with(&ann), PING)), "200");
    reload(&mut bench, Ok(KeyRing::default()));
    assert_eq!(status(&bench.request("POST /mcp", &with(&ann), PING)), "401");
    assert_eq!(status(&bench.request("POST /mcp", TYPES, PING)), "401");
}

#[test]
fn what_is_open_for_a_key_that_was_taken_back_is_closed() {
    let (ann, bob) = (made("ann", 1, None), made("bob", 2, None));
    let mut bench = guarded_by(&[&ann, &bob]);
    let mut open = |made: &Made, path: &str, lines: &str| {
        let connection = bench.connect();
        let answer = bench.ask(connection, &http(path, &format!("{lines}{}", with(made)), ""));
        assert!(["101", "200"].contains(&status(&answer)), "{answer}");
        connection
    };
    let sse = "Accept: text/event-stream\r\n";
    let (of_ann, of_bob) = (open(&ann, "GET /mcp", UPGRADE), open(&bob, "GET /mcp", UPGRADE));
    let (stream_of_ann, stream_of_bob) = (open(&ann, "GET /sse", sse), open(&bob, "GET /sse", sse));
    reload(&mut bench, Ok(ring(&[&bob])));
    let told = bench.receive(of_ann);
    assert_eq!(&told[2..4], &1_008_u16.to_be_bytes(), "{told:?}");
    assert!(bench.receive(of_bob).is_empty() && bench.receive(stream_of_bob).is_empty());
    let is_closed = bench.closed.contains(&stream_of_ann) || bench.shutdown_write.contains(&stream_of_ann);
    assert!(is_closed || bench.receive(stream_of_ann).ends_with(b"0\r\n\r\n"));
    assert!(!bench.closed.contains(&stream_of_bob));
}

#[test]
fn what_is_open_for_a_key_that_may_less_by_now_is_closed() {
    let key = |scope| {
        let wanted = keys::Wanted {
            label: "ann".to_owned(),
            scope: Some(scope),
            expires: None,
        };
        keys::make(&wanted, &mut SeededEntropy::new(1)).unwrap()
    };
    let (writer, reader) = (key(Scope::Write), key(Scope::Read));
    assert_eq!(writer.key, reader.key);
    for (before, after, is_closed) in [(&writer, &reader, true), (&reader, &writer, false)] {
        let mut bench = guarded_by(&[before]);
        let connection = bench.connect();
        let upgrade = http("GET /mcp", &format!("{UPGRADE}{}", with(before)), "");
        assert_eq!(status(&bench.ask(connection, &upgrade)), "101");
        reload(&mut bench, Ok(ring(&[after])));
        let told = bench.receive(connection);
        assert_eq!(
            told.get(2..4) == Some(&1_008_u16.to_be_bytes()),
            is_closed,
            "{told:?}"
        );
    }
}

#[test]
fn a_websocket_ends_with_the_key_that_opened_it() {
    let now = Bench::new().now.wall;
    let ann = made(
        "ann",
        1,
        Some(WallTime::from_micros(now.as_micros() + 60_000_000)),
    );
    let mut bench = guarded_by(&[&ann]);
    let connection = bench.connect();
    let lines = format!("{UPGRADE}{}", with(&ann));
    assert_eq!(
        status(&bench.ask(connection, &http("GET /mcp", &lines, ""))),
        "101"
    );
    // A masked frame with a mask of zeros.
    let frame = [&[0x81, 0x80 | PING.len() as u8, 0, 0, 0, 0][..], PING.as_bytes()].concat();
    bench.send(connection, &frame);
    assert!(bench.receive(connection).starts_with(&[0x81]));
    bench.now.wall = WallTime::from_micros(now.as_micros() + 60_000_000);
    bench.send(connection, &frame);
    let told = bench.receive(connection);
    assert_eq!(
        (told[0], &told[2..4]),
        (0x88, &1_008_u16.to_be_bytes()[..]),
        "{told:?}"
    );
    assert_eq!(status(&bench.request("POST /mcp", &with(&ann), PING)), "401");
}
