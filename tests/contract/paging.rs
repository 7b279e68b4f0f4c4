//! Results that are read on by cursor: tools, tokens and the Snowflake client together, against the scripted server.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use snowflake_mcp::backend::job::{Reached, Work};
use snowflake_mcp::backend::router::Router;
use snowflake_mcp::backend::{Answer, Backend, CancelToken, Job, Step};
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::ident::{JobId, Uuid};
use snowflake_mcp::limits::{Limits, PARTITIONS_AHEAD_MAX};
use snowflake_mcp::secret::Secret;
use snowflake_mcp::snowflake::{self, Authentication, Snowflake};
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::Instant;
use snowflake_mcp::token::Keys;
use snowflake_mcp::tools::result::ResultPlace;
use snowflake_mcp::tools::{Begun, Call, Catalogue, Choice, Form, Settings};

use crate::drive::FakeClock;
use crate::scripted::{numbers, settings};
use crate::server::{On, Server};

/// A process: its tools, its client, its keys. Dropped, nothing of it is left.
struct Process {
    catalogue: Catalogue,
    backend: Arc<dyn Backend>,
    keys: Keys,
}

impl Process {
    fn start(server: &Server, key: &str) -> Self {
        Self {
            catalogue: Catalogue::new(Settings::new(&Limits::default(), Policy::default())),
            backend: client(server),
            keys: Keys::new(&Secret::new(key), None),
        }
    }

    /// One with several connections, a server each.
    fn with_connections(servers: &[(&'static str, &Server)], key: &str) -> Self {
        let choices = servers.iter().map(|(name, _)| Choice {
            connection: (*name).into(),
            roles: Vec::new(),
            warehouses: Vec::new(),
        });
        let settings = Settings {
            choices: choices.collect(),
            ..Settings::new(&Limits::default(), Policy::default())
        };
        let engines = servers
            .iter()
            .map(|(name, server)| (Arc::from(*name), client(server)));
        Self {
            catalogue: Catalogue::new(settings),
            backend: Arc::new(Router::new(engines.collect())),
            keys: Keys::new(&Secret::new(key), None),
        }
    }

    /// Calls a tool as `principal`; gives the whole result.
    fn call(&self, tool: &str, arguments: &Value, principal: &[u8]) -> Value {
        let call = Call {
            principal,
            ..Call::of_nobody(FORM, &self.keys)
        };
        let arguments: Box<RawValue> = serde_json::from_str(&arguments.to_string()).unwrap();
        let tool = self.catalogue.find(tool).unwrap();
        let work = match self.catalogue.begin(tool, Some(&arguments), &call) {
            Ok(Begun::Work(work)) => work,
            Ok(Begun::Told(told)) => return serde_json::from_slice(&told).unwrap(),
            Ok(Begun::Listed(asking)) => panic!("{asking:?}"),
            Err(refused) => return serde_json::from_slice(&refused.result).unwrap(),
        };
        self.run(work)
    }

    fn run(&self, work: Box<Work>) -> Value {
        let mut job = Job {
            id: JobId(1),
            work,
            reached: Reached::default(),
            admitted: Instant::ZERO,
            request_id: Uuid::from_random([9; 16]),
        };
        loop {
            match self.backend.step(job, &CancelToken::new()) {
                Step::Again { job: next, .. } => job = *next,
                Step::Done(job, results) => {
                    let results = results.unwrap();
                    let elapsed = Duration::from_millis(1);
                    let rendered = job.work.render.run(Answer { results, elapsed });
                    return serde_json::from_slice(&rendered.result).unwrap();
                }
            }
        }
    }
}

const FORM: Form = Form {
    is_structured: true,
    has_links: true,
    before: "",
    after: "",
    fence: None,
};

fn client(server: &Server) -> Arc<dyn Backend> {
    let authentication = Authentication::OAuth(Secret::new("t"));
    let (clock, entropy) = (Box::new(FakeClock::new()), Box::new(SeededEntropy::new(3)));
    let settings = snowflake::Settings {
        partitions_ahead_max: PARTITIONS_AHEAD_MAX,
        ..settings(server, authentication)
    };
    Arc::new(Snowflake::new(settings, clock, entropy).unwrap())
}

fn teach_twenty_thousand(server: &Server) {
    let bounds = [0, 2_063, 6_745, 16_149, 20_000];
    let partitions = bounds.windows(2).map(|pair| numbers(pair[0] + 1..=pair[1]));
    server.teach("select n", &[("N", "fixed")], partitions.collect());
}

fn posts(server: &Server) -> usize {
    server.seen().iter().filter(|seen| seen.on == On::Post).count()
}

#[test]
fn twenty_thousand_rows_walked_by_cursor_come_once_each_and_run_once_also_after_a_restart() {
    let server = Server::start();
    teach_twenty_thousand(&server);
    let mut process = Process::start(&server, "a key of the operator");
    let query = json!({ "query": "select n", "limit": 1_500 });
    let mut page = process.call("execute_query", &query, b"me");
    let (mut expected, mut pages) = (1_u64, 0);
    loop {
        let content = &page["structuredContent"];
        assert_eq!(content["total"], 20_000);
        for row in content["rows"].as_array().unwrap() {
            assert_eq!(row[0], expected);
            expected += 1;
        }
        pages += 1;
        let Some(cursor) = content["next_cursor"].as_str().map(str::to_owned) else {
            assert_eq!(content["truncated"], false);
            break;
        };
        let text = page["content"][0]["text"].as_str().unwrap();
        assert!(
            text.starts_with("Truncated: ") && text.contains(&cursor),
            "{text}"
        );
        if pages == 7 {
            process = Process::start(&server, "a key of the operator");
        }
        let format = ["markdown", "json", "csv", "jsonl"][pages % 4];
        let next = json!({ "cursor": cursor, "limit": 1_500, "format": format });
        page = process.call("get_query_result", &next, b"me");
    }
    assert_eq!((expected, pages), (20_001, 14));
    assert_eq!(posts(&server), 1, "nothing runs twice");
}

#[test]
fn a_cursor_that_was_altered_or_is_anothers_is_refused_before_anything_is_asked() {
    let server = Server::start();
    teach_twenty_thousand(&server);
    let process = Process::start(&server, "one key");
    let page = process.call("execute_query", &json!({ "query": "select n" }), b"me");
    let cursor = page["structuredContent"]["next_cursor"].as_str().unwrap();
    let requests = server.seen().len();
    let mut altered = cursor.to_owned().into_bytes();
    altered[12] = if altered[12] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let other = Process::start(&server, "another key");
    for (process, cursor, principal) in [
        (&process, altered.as_str(), b"me".as_slice()),
        (&process, cursor, b"you"),
        (&process, cursor, b""),
        (&other, cursor, b"me"),
        (&process, "01c0ffee", b"me"),
    ] {
        let refused = process.call("get_query_result", &json!({ "cursor": cursor }), principal);
        assert_eq!(refused["isError"], true);
        let text = refused["content"][0]["text"].as_str().unwrap();
        assert!(text.starts_with("Error: the cursor cannot be used"), "{text}");
    }
    assert_eq!(server.seen().len(), requests);
}

#[test]
fn a_cursor_leads_to_the_connection_that_ran_its_statement_and_to_no_other() {
    let (prod, dev) = (Server::start(), Server::start());
    teach_twenty_thousand(&dev);
    let connections = [("prod", &prod), ("dev", &dev)];
    let process = Process::with_connections(&connections, "k");
    let query = json!({ "query": "select n", "limit": 2, "connection": "dev" });
    let page = process.call("execute_query", &query, b"me");
    let cursor = page["structuredContent"]["next_cursor"].as_str().unwrap();
    let restarted = Process::with_connections(&connections, "k");
    let next = restarted.call(
        "get_query_result",
        &json!({ "cursor": cursor, "limit": 2 }),
        b"me",
    );
    assert_eq!(next["structuredContent"]["rows"], json!([[3], [4]]));
    let cursor = next["structuredContent"]["next_cursor"].as_str().unwrap();
    let named = json!({ "cursor": cursor, "limit": 2, "connection": "dev" });
    let last = restarted.call("get_query_result", &named, b"me");
    assert_eq!(last["structuredContent"]["rows"], json!([[5], [6]]));
    let requests = dev.seen().len();
    let refusal = |process: &Process, arguments: Value| {
        let refused = process.call("get_query_result", &arguments, b"me");
        assert_eq!(refused["isError"], true, "{arguments}");
        refused["content"][0]["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        refusal(&restarted, json!({ "cursor": cursor, "connection": "prod" })),
        "Error: the cursor is of connection dev, and the call names connection prod; leave connection out"
    );
    assert_eq!(
        refusal(&restarted, json!({ "cursor": cursor, "query_id": "01c0ffee-0" })),
        "Error: cursor and query_id are of different statements; pass one of them"
    );
    for fewer in [&[("prod", &prod)][..], &[("prod", &prod), ("test", &prod)]] {
        let process = Process::with_connections(fewer, "k");
        assert_eq!(
            refusal(&process, json!({ "cursor": cursor })),
            "Error: the cursor is of connection dev, which this server does not have; run the statement again"
        );
    }
    assert_eq!((prod.seen().len(), dev.seen().len()), (0, requests));
    assert_eq!(posts(&dev), 1);
}

#[test]
fn a_statement_is_read_again_and_stopped_by_its_query_id() {
    let server = Server::start();
    teach_twenty_thousand(&server);
    let process = Process::start(&server, "k");
    let page = process.call("execute_query", &json!({ "query": "select n", "limit": 2 }), b"");
    let query_id = page["structuredContent"]["query_id"].as_str().unwrap();
    let again = process.call(
        "get_query_result",
        &json!({ "query_id": query_id, "limit": 3 }),
        b"",
    );
    assert_eq!(again["structuredContent"]["rows"], json!([[1], [2], [3]]));
    let cancelled = process.call("cancel_query", &json!({ "query_id": query_id }), b"");
    assert_eq!(
        cancelled["structuredContent"],
        json!({ "query_id": query_id, "status": "cancelled" })
    );
    for odd in [json!({ "query_id": "../x" }), json!({})] {
        let refused = process.call("get_query_result", &odd, b"");
        assert_eq!(refused["isError"], true, "{odd}");
    }
    assert_eq!(posts(&server), 1);
}

#[test]
fn each_form_shows_the_same_rows_and_stays_within_the_tokens() {
    let server = Server::start();
    let text = |text: &str| json!(text);
    let rows = vec![
        vec![json!("1.50"), text("a,\"b\"\nc"), Value::Null],
        vec![
            json!("12345678901234567890123456789012345678"),
            text(""),
            text("x"),
        ],
        vec![json!("NaN"), text("ü|"), text("y")],
    ];
    let columns = &[("N", "real"), ("S", "text"), ("T", "text")];
    server.teach("select forms", columns, vec![rows]);
    let process = Process::start(&server, "k");
    let shown = |format: &str| {
        let query = json!({ "query": "select forms", "format": format });
        let page = process.call("execute_query", &query, b"");
        let text = page["content"][0]["text"].as_str().unwrap().to_owned();
        assert!(
            text.starts_with("NaN and infinite numbers are shown as NULL."),
            "{text}"
        );
        let body = text.split("```\n\n").last().unwrap().to_owned();
        (body, page["structuredContent"]["rows"].clone())
    };
    let (_, structured) = shown("markdown");
    let (body, same) = shown("json");
    let parsed: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(parsed["columns"], json!(["N", "S", "T"]));
    assert_eq!((&parsed["rows"], &same), (&structured, &structured));
    assert_eq!(
        shown("csv").0,
        "N,S,T\n1.50,\"a,\"\"b\"\"\nc\",\n12345678901234567890123456789012345678,\"\",x\n,ü|,y"
    );
    let lines: Vec<Value> = shown("jsonl")
        .0
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[2], json!({ "N": null, "S": "ü|", "T": "y" }));
    teach_twenty_thousand(&server);
    for format in ["markdown", "json", "csv", "jsonl"] {
        let query = json!({ "query": "select n", "limit": 5_000, "format": format, "max_tokens": 300 });
        let page = process.call("execute_query", &query, b"");
        let content = &page["structuredContent"];
        assert!(content["next_cursor"].is_string() && content["truncated"] == true);
        let text = page["content"][0]["text"].as_str().unwrap();
        assert!((400..1_800).contains(&text.len()), "{format}: {}", text.len());
        assert!(text.contains("about 300 tokens"), "{text}");
    }
}

#[test]
fn what_a_page_leaves_out_is_linked_and_the_link_reads_it_from_the_first_row() {
    let server = Server::start();
    teach_twenty_thousand(&server);
    let process = Process::start(&server, "k");
    let query = json!({ "query": "select n", "limit": 2 });
    let page = process.call("execute_query", &query, b"me");
    let uri = page["content"][1]["uri"].as_str().expect("a link");
    let place = ResultPlace::of_uri(uri).expect("of this server's form");
    let call = Call {
        principal: b"me",
        ..Call::of_nobody(FORM, &process.keys)
    };
    let work = process.catalogue.rows_document(&place, &call, FORM);
    let read = process.run(work.expect("whoever ran it may read it"));
    let text = read["contents"][0]["text"].as_str().expect("a text");
    let document: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(
        (&document["total"], &document["truncated"]),
        (&json!(20_000), &json!(true))
    );
    let returned = document["rows"].as_array().unwrap().len();
    assert_eq!(document["rows"][returned - 1], json!([returned]));
    let next = json!({ "cursor": document["next_cursor"] });
    let page = process.call("get_query_result", &next, b"me");
    assert_eq!(page["structuredContent"]["rows"][0], json!([returned + 1]));
    assert_eq!(posts(&server), 1, "nothing runs twice");
}

#[test]
fn a_call_lowers_the_bytes_of_its_answer_and_reads_on_behind_them() {
    let server = Server::start();
    teach_twenty_thousand(&server);
    let process = Process::start(&server, "k");
    let query = json!({ "query": "select n", "limit": 5_000, "max_bytes": 3_000 });
    let page = process.call("execute_query", &query, b"");
    assert!(page.to_string().len() <= 3_000);
    let text = page["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("a result may have 3000 bytes"), "{text}");
    let content = &page["structuredContent"];
    let returned = content["returned"].as_u64().unwrap();
    let cursor = content["next_cursor"].as_str().unwrap();
    let next = json!({ "cursor": cursor, "limit": 1, "max_bytes": 3_000 });
    let next = process.call("get_query_result", &next, b"");
    assert_eq!(next["structuredContent"]["rows"], json!([[returned + 1]]));
    let more = json!({ "query": "select n", "max_bytes": Limits::default().result_bytes_max + 1 });
    let bounded = process.call("execute_query", &more, b"");
    assert_eq!(bounded["structuredContent"]["returned"], 100, "it raises nothing");
}
