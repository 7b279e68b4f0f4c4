//! Whole conversations, a file a revision or surface, replayed against the service and compared line by line.
//!
//! A transcript (`tests/transcripts/*.txt`) is made of
//!
//! - `# …` a remark;
//! - `@ http [version=…] [method=…] [name=…]`, `@ socket`, `@ rest` or `@ envelope`: how what follows arrives.
//!   `socket` is WebSocket or stdio and remembers what was negotiated, until the next `@`;
//! - `> …` a message, as the peer sends it; `TASK` reads as the id of the first task of the process, here and in fields;
//! - `< …` what happens: `sql …` for each statement that the backend is given, then the status (HTTP, REST) and the
//!   reply, or `-` where nothing is said, or `cancel …`, or what is asked of the table of tasks. `mode …` is how a call
//!   may be answered, where that is not only with its result.
//!
//! `UPDATE=1 cargo test --test mcp` writes the `<` lines anew. The program's own version reads `VERSION`.

mod backend;
mod mutations;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use snowflake_mcp::backend::job::Work;
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::mcp::predecessor::envelope::{self, Envelope};
use snowflake_mcp::mcp::predecessor::rest;
use snowflake_mcp::mcp::tasks::{Act, Mode, Subject, TaskId};
use snowflake_mcp::mcp::{Context, Effect, Ended, Field, Keys, Outcome, Revision, RoutingFields, Service};
use snowflake_mcp::rpc;
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::time::WallTime;
use snowflake_mcp::tools::Settings;

/// How messages arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Http,
    Socket,
    Rest,
    Envelope,
}

struct Peer<'a> {
    service: &'a mut Service,
    limits: Limits,
    way: Way,
    fields: RoutingFields<'a>,
    negotiated: Option<Revision>,
}

impl<'a> Peer<'a> {
    fn arrive(&mut self, line: &'a str) {
        let mut words = line.split_whitespace();
        self.way = match words.next() {
            Some("http") => Way::Http,
            Some("socket") => Way::Socket,
            Some("rest") => Way::Rest,
            Some("envelope") => Way::Envelope,
            other => panic!("no way of arriving: {other:?}"),
        };
        (self.fields, self.negotiated) = (RoutingFields::default(), None);
        for word in words {
            let (name, value) = word.split_once('=').expect("fields are name=value");
            let field = Field::Once(value.as_bytes());
            match name {
                "version" => self.fields.protocol_version = field,
                "method" => self.fields.method = field,
                "name" => self.fields.name = field,
                _ => panic!("no such field: {name}"),
            }
        }
    }

    /// The lines that follow a message.
    fn lines(&mut self, message: &str) -> Vec<String> {
        match self.way {
            Way::Http | Way::Socket => self.rpc(message),
            Way::Rest => self.rest(message),
            Way::Envelope => self.envelope(message),
        }
    }

    fn rpc(&mut self, message: &str) -> Vec<String> {
        let context = Context {
            fields: (self.way == Way::Http).then_some(self.fields),
            negotiated: self.negotiated,
            ..Context::default()
        };
        let message = match rpc::decode(message.as_bytes(), &self.limits) {
            Ok(message) => message,
            Err(malformed) => {
                let id = malformed.id.map(rpc::Id::as_json);
                return vec![self.said(400, &rpc::error_reply(id, &malformed.error))];
            }
        };
        let id = match &message {
            rpc::Message::Call(call) => Some(call.id.as_json()),
            _ => None,
        };
        let prefix = rpc::reply_prefix(id.unwrap_or_default()).concat();
        let whole = |payload: &[u8]| [&prefix, payload, rpc::REPLY_SUFFIX].concat();
        match self.service.on_message(&context, &message) {
            Outcome::Result { payload, effect } => {
                if let Some(Effect::Negotiated { revision, .. }) = effect {
                    self.negotiated = Some(revision);
                }
                vec![self.said(200, &whole(&payload.bytes()))]
            }
            Outcome::Error { error, http_status } => {
                vec![self.said(http_status, &rpc::error_reply(id, &error))]
            }
            Outcome::Work(call) => {
                let mut lines = statements(&call.work);
                if call.mode != Mode::Now {
                    lines.insert(0, format!("mode {:?}", call.mode));
                }
                let ended = call.finish.ended(backend::run(*call.work));
                lines.push(match ended {
                    Ended::Result(payload) => self.said(200, &whole(&payload.bytes())),
                    Ended::Error(error) => self.said(200, &rpc::error_reply(id, &error)),
                });
                lines
            }
            Outcome::Accepted if self.way == Way::Http => vec!["202".to_owned()],
            Outcome::Accepted => vec!["-".to_owned()],
            Outcome::Cancel(id) => vec![format!("cancel {id}")],
            Outcome::Listen(listen) => vec![self.said(200, &listen.acknowledged())],
            Outcome::Script(call) => vec![format!("mode {:?}", call.mode), "script".to_owned()],
            Outcome::Task(call) => vec![match call.act {
                Act::List { after, .. } => format!("task list after {after:?}"),
                act => format!("task {act:?}"),
            }],
        }
    }

    fn rest(&mut self, body: &str) -> Vec<String> {
        let (id, outcome) = self.service.on_rest_call(&Context::default(), body.as_bytes());
        let id = id.map_or("\"a uuid\"", rpc::Id::as_json);
        let prefix = rest::reply_prefix(id).concat();
        let whole = |payload: &[u8]| [&prefix, payload, rest::REPLY_SUFFIX].concat();
        match outcome {
            Outcome::Error { error, http_status } => {
                vec![self.said(http_status, &rest::error_reply(id, &error))]
            }
            other => self.ended(other, whole),
        }
    }

    fn envelope(&mut self, text: &str) -> Vec<String> {
        match self.service.on_envelope(&Context::default(), text.as_bytes()) {
            Envelope::Ping => vec![self.said(200, &envelope::pong(WallTime::from_micros(1_500_000)))],
            Envelope::Refused { id, message } => {
                vec![self.said(200, &envelope::error(id.map(rpc::Id::as_json), &message))]
            }
            Envelope::Call { id, outcome } => {
                let id = id.map(rpc::Id::as_json);
                let prefix = envelope::result_prefix(id).concat();
                let whole = |payload: &[u8]| [&prefix, payload, envelope::RESULT_SUFFIX].concat();
                match outcome {
                    Outcome::Error { error, .. } => {
                        vec![self.said(200, &envelope::error(id, &error.message))]
                    }
                    other => self.ended(other, whole),
                }
            }
        }
    }

    /// The lines of an outcome that ends in a payload.
    fn ended(&self, outcome: Outcome, whole: impl Fn(&[u8]) -> Vec<u8>) -> Vec<String> {
        match outcome {
            Outcome::Result { payload, .. } => vec![self.said(200, &whole(&payload.bytes()))],
            Outcome::Work(call) => {
                let mut lines = statements(&call.work);
                let ended = call.finish.ended(backend::run(*call.work));
                lines.push(self.said(200, &whole(&ended.to_json())));
                lines
            }
            other => panic!("no reply in {other:?}"),
        }
    }

    fn said(&self, status: u16, reply: &[u8]) -> String {
        let reply = std::str::from_utf8(reply).expect("replies are UTF-8");
        serde_json::from_str::<serde::de::IgnoredAny>(reply).expect("replies are JSON");
        assert!(!reply.contains('\n'), "a reply is one line: {reply}");
        let reply = reply.replace(concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"VERSION\"");
        match self.way {
            Way::Http | Way::Rest => format!("{status} {reply}"),
            Way::Socket | Way::Envelope => reply,
        }
    }
}

fn statements(work: &Work) -> Vec<String> {
    let sent = work.statements.iter();
    sent.map(|statement| format!("sql {}", statement.text()))
        .collect()
}

fn service() -> Service {
    let limits = Limits::default();
    let keys = Keys::random(&mut SeededEntropy::new(1));
    Service::new(&limits, Settings::new(&limits, Policy::default()), keys)
}

/// The transcript with the `<` lines that the service gives.
fn replayed(transcript: &str) -> String {
    let mut service = service();
    let (row, ttl) = (Subject::Row(1), Duration::from_secs(60));
    let task = TaskId::new("execute_query", row, WallTime::default(), ttl).seal(service.keys(), b"");
    let told: Vec<String> = transcript
        .lines()
        .map(|line| line.replace("TASK", &task))
        .collect();
    let mut peer = Peer {
        service: &mut service,
        limits: Limits::default(),
        way: Way::Socket,
        fields: RoutingFields::default(),
        negotiated: None,
    };
    let mut written = String::new();
    for (told, line) in told
        .iter()
        .zip(transcript.lines())
        .filter(|(_, line)| !line.starts_with('<'))
    {
        writeln!(written, "{line}").expect("strings take text");
        let line = told.as_str();
        if let Some(way) = line.strip_prefix("@ ") {
            peer.arrive(way);
        } else if let Some(message) = line.strip_prefix("> ") {
            for said in peer.lines(message) {
                writeln!(written, "< {said}").expect("strings take text");
            }
        } else {
            assert!(
                line.is_empty() || line.starts_with('#'),
                "no line of a transcript: {line}"
            );
        }
    }
    written
}

fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/transcripts")
        .join(name);
    let expected = std::fs::read_to_string(&path).expect("the transcript is there");
    let actual = replayed(&expected);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &actual).expect("the transcript can be written");
        return;
    }
    for (number, (actual, expected)) in actual.lines().zip(expected.lines()).enumerate() {
        assert_eq!(actual, expected, "{name}:{}", number + 1);
    }
    assert_eq!(
        actual.lines().count(),
        expected.lines().count(),
        "{name} ends elsewhere"
    );
}

macro_rules! transcripts {
    ($($test:ident => $file:literal),* $(,)?) => {
        $(#[test] fn $test() { check($file); })*

        #[test]
        fn every_transcript_is_replayed() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
            let mut files: Vec<_> = std::fs::read_dir(folder)
                .expect("the folder is there")
                .map(|entry| entry.expect("it can be read").file_name().into_string().expect("it is UTF-8"))
                .collect();
            files.sort();
            let mut known = vec![$($file),*];
            known.sort_unstable();
            assert_eq!(files, known);
        }
    };
}

transcripts! {
    a_client_of_2024_11_05 => "2024-11-05.txt",
    a_client_of_2025_03_26 => "2025-03-26.txt",
    a_client_of_2025_06_18 => "2025-06-18.txt",
    a_client_of_2025_11_25 => "2025-11-25.txt",
    a_client_of_2026_07_28 => "2026-07-28.txt",
    what_2024_11_05_is_offered => "offered-2024-11-05.txt",
    what_2025_03_26_is_offered => "offered-2025-03-26.txt",
    what_2025_06_18_is_offered => "offered-2025-06-18.txt",
    what_2025_11_25_is_offered => "offered-2025-11-25.txt",
    what_2026_07_28_is_offered => "offered-2026-07-28.txt",
    tasks_of_2025_11_25 => "tasks-2025-11-25.txt",
    tasks_of_2026_07_28 => "tasks-2026-07-28.txt",
    both_eras_on_one_socket => "socket.txt",
    messages_that_are_none => "malformed.txt",
    the_predecessors_rest_calls => "rest.txt",
    the_predecessors_envelope => "envelope.txt",
}
