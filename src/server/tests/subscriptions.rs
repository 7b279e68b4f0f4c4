//! `resources/subscribe`: who is told when contents change, and how many anybody may wait for.

use super::sessions::open;
use super::*;
use crate::mcp::offer::{Asked, Changeable, Changes, Reply};

/// A resource whose contents change whenever the tool `touch` is called.
#[derive(Debug, Default)]
struct Touched(Changes);

impl Offer for Touched {
    fn changeable(&self) -> Changeable {
        Changeable {
            resources: true,
            contents: true,
            ..Changeable::default()
        }
    }

    fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.0)
    }

    fn call_tool(&mut self, name: &str, _asked: &Asked<'_>) -> Option<Reply> {
        (name == "touch").then(|| {
            self.0.updated.push("a:1".into());
            Reply::Result(b"\"content\":[]".to_vec())
        })
    }
}

fn bench(subscriptions_per_session_max: usize) -> Bench {
    let limits = Limits {
        subscriptions_per_session_max,
        ..Limits::default()
    };
    Bench::with_offer(limits, Touched::default())
}

fn subscribe(uri: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{{"uri":"{uri}"}}}}"#)
}

const TOUCH: &str = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"touch"}}"#;
const UPDATED: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:1"}}"#;

#[test]
fn the_sessions_that_subscribed_hear_of_a_change_and_others_do_not() {
    let mut bench = bench(9);
    let sessions = [open(&mut bench), open(&mut bench)];
    let streams = sessions.each_ref().map(|lines| {
        let connection = bench.connect();
        bench.send(connection, http("GET /mcp", lines, "").as_bytes());
        bench.receive(connection);
        connection
    });
    let answer = bench.request("POST /mcp", &sessions[0], &subscribe("a:1"));
    assert_eq!(body(&answer), r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    bench.request("POST /mcp", &sessions[1], TOUCH);
    let heard = String::from_utf8(bench.receive(streams[0])).unwrap();
    assert!(heard.contains(UPDATED), "{heard}");
    assert_eq!(bench.receive(streams[1]), b"");
    let unsubscribe = subscribe("a:1").replace("subscribe", "unsubscribe");
    bench.request("POST /mcp", &sessions[0], &unsubscribe);
    bench.request("POST /mcp", &sessions[1], TOUCH);
    assert_eq!(bench.receive(streams[0]), b"");
}

/// The replies to messages over a line, as many as come.
fn say(bench: &mut Bench, line: ConnectionId, message: &str) -> String {
    bench.ask(line, &format!("{message}\n"))
}

#[test]
fn one_subscription_too_many_is_refused_in_words_and_counted_whatever_it_came_by() {
    let mut bench = bench(1);
    let line = bench.server.accept(bench.now, Peer::Stdio).unwrap();
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}"#;
    say(&mut bench, line, initialize);
    assert!(say(&mut bench, line, &subscribe("a:1")).contains(r#""result":{}"#));
    assert!(
        say(&mut bench, line, &subscribe("a:1")).contains(r#""result":{}"#),
        "no second one"
    );
    let words = "subscriptions_per_session_max is 1 and reached";
    assert!(say(&mut bench, line, &subscribe("b:2")).contains(words));
    let heard = say(&mut bench, line, TOUCH);
    assert!(heard.contains(UPDATED), "the first is not forgotten: {heard}");
    let session = open(&mut bench);
    bench.request("POST /mcp", &session, &subscribe("a:1"));
    let refused = bench.request("POST /mcp", &session, &subscribe("b:2"));
    assert!(refused.contains(words), "{refused}");
    let count = bench
        .server
        .metrics()
        .value(crate::server::Metric::SubscriptionsRefused);
    assert_eq!(count, 2);
}
