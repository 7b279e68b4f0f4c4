//! What is said of a task, in the form of either revision.

use std::sync::Arc;
use std::time::Duration;

use super::Status;
use crate::mcp::script::Question;
use crate::mcp::{Payload, Revision};
use crate::time::WallTime;
use crate::wire::buffer::Piece;
use crate::{json, rpc};

/// A task at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'a> {
    /// Its id.
    pub id: &'a str,
    /// How far it is.
    pub status: Status,
    /// In words.
    pub message: Option<&'a str>,
    /// When it was made.
    pub created: WallTime,
    /// When something of it changed.
    pub updated: WallTime,
    /// How long it is kept, counted from when it was made.
    pub ttl: Duration,
    /// How long a client should wait before it asks again.
    pub poll_interval: Duration,
}

/// What belongs to the status of a task.
#[derive(Debug, Clone, Copy)]
pub enum Detail<'a> {
    /// Nothing.
    None,
    /// Questions without an answer, by key.
    Questions(&'a [(Box<str>, Question)]),
    /// The result: a JSON object without its closing brace, so that it can be shared and yet be added to.
    Result(&'a Arc<[u8]>),
    /// The error.
    Error(&'a rpc::Error),
}

/// A message or result in three parts, the large one shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shaped {
    before: Vec<u8>,
    inside: Option<Arc<[u8]>>,
    after: Vec<u8>,
}

impl Shaped {
    /// In pieces, nothing copied.
    pub fn into_pieces(self) -> [Piece<'static>; 3] {
        [
            Piece::Owned(self.before),
            self.inside
                .map_or_else(Piece::default, |inside| Piece::Shared(inside.into())),
            Piece::Owned(self.after),
        ]
    }

    /// As it goes out in a reply.
    pub fn into_payload(self) -> Payload {
        match self.inside {
            Some(body) => Payload::Framed {
                head: self.before,
                body,
                tail: self.after,
            },
            None => Payload::Owned(self.into_bytes()),
        }
    }

    /// In one; copies a result that is in it.
    fn into_bytes(self) -> Vec<u8> {
        let mut whole = self.before;
        whole.extend_from_slice(self.inside.as_deref().unwrap_or_default());
        whole.extend_from_slice(&self.after);
        whole
    }
}

impl Snapshot<'_> {
    /// The result of a call that became a task.
    pub fn created(&self, revision: Revision) -> Payload {
        let mut json = Vec::new();
        if revision.is_modern() {
            // The one result whose type is not "complete".
            json.extend_from_slice(b"{\"resultType\":\"task\",");
            self.push_members(&mut json, revision);
            json.extend_from_slice(revision.result_after().as_bytes());
        } else {
            json.extend_from_slice(b"{\"task\":{");
            self.push_members(&mut json, revision);
            json.push(b'}');
        }
        json.push(b'}');
        Payload::Owned(json)
    }

    /// The result of `tasks/get`; also of `tasks/cancel` in 2025-11-25.
    pub fn got(&self, revision: Revision, detail: Detail<'_>) -> Shaped {
        let mut before = b"{".to_vec();
        before.extend_from_slice(revision.result_before().as_bytes());
        self.shaped(before, revision, detail, revision.result_after())
    }

    /// The notification of a change: a whole message. `meta` is the `_meta` member of a listener
    /// (`"_meta":{…}`), if it has one.
    pub fn notification(&self, revision: Revision, detail: Detail<'_>, meta: Option<&str>) -> Shaped {
        let method = if revision.is_modern() {
            "notifications/tasks"
        } else {
            "notifications/tasks/status"
        };
        let mut before = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"#).into_bytes();
        if let Some(meta) = meta {
            before.extend_from_slice(meta.as_bytes());
            before.push(b',');
        }
        self.shaped(before, revision, detail, "}")
    }

    /// The members after `before`, then what belongs to the status where the revision tells it, `after` and a brace.
    fn shaped(&self, mut before: Vec<u8>, revision: Revision, detail: Detail<'_>, after: &str) -> Shaped {
        self.push_members(&mut before, revision);
        let (mut inside, mut end) = (None, Vec::new());
        if revision.is_modern() {
            match detail {
                Detail::None => {}
                Detail::Questions(questions) => push_questions(&mut before, questions),
                Detail::Result(result) => {
                    before.extend_from_slice(b",\"result\":");
                    inside = Some(Arc::clone(result));
                    end.push(b'}');
                }
                Detail::Error(error) => {
                    before.extend_from_slice(b",\"error\":");
                    error.push_json(&mut before);
                }
            }
        }
        end.extend_from_slice(after.as_bytes());
        end.push(b'}');
        Shaped {
            before,
            inside,
            after: end,
        }
    }

    fn push_members(&self, into: &mut Vec<u8>, revision: Revision) {
        into.extend_from_slice(b"\"taskId\":");
        json::push_string(into, self.id);
        into.extend_from_slice(format!(",\"status\":\"{}\"", self.status.as_str()).as_bytes());
        if let Some(message) = self.message {
            into.extend_from_slice(b",\"statusMessage\":");
            json::push_string(into, message);
        }
        let (created, updated) = (self.created.to_rfc3339(), self.updated.to_rfc3339());
        let (ttl, poll_interval) = (self.ttl.as_millis(), self.poll_interval.as_millis());
        let unit = if revision.is_modern() { "Ms" } else { "" };
        let times = format!(
            r#","createdAt":"{created}","lastUpdatedAt":"{updated}","ttl{unit}":{ttl},"pollInterval{unit}":{poll_interval}"#
        );
        into.extend_from_slice(times.as_bytes());
    }
}

/// The result of `tasks/result` (2025-11-25): that of the call, with a word of whose it is.
///
/// `result` is open, as in [`Detail::Result`], and has no `_meta`: legacy results of tools have none.
pub fn result_of(id: &str, result: &Arc<[u8]>) -> Shaped {
    let comma = if result.trim_ascii_end().ends_with(b"{") {
        ""
    } else {
        ","
    };
    let mut after =
        format!(r#"{comma}"_meta":{{"io.modelcontextprotocol/related-task":{{"taskId":"#).into_bytes();
    json::push_string(&mut after, id);
    after.extend_from_slice(b"}}}");
    Shaped {
        before: Vec::new(),
        inside: Some(Arc::clone(result)),
        after,
    }
}

/// The parameters of a question to the client, with a word of whose it is (2025-11-25).
pub fn related(id: &str, params: &[u8]) -> Vec<u8> {
    let open = params.trim_ascii_end();
    let open = open.strip_suffix(b"}").unwrap_or(open);
    result_of(id, &open.into()).into_bytes()
}

/// The result of `tasks/list` (2025-11-25).
pub fn list(tasks: &[Snapshot<'_>], revision: Revision, next_cursor: Option<&str>) -> Payload {
    let mut json = b"{\"tasks\":[".to_vec();
    for (index, task) in tasks.iter().enumerate() {
        json.extend_from_slice(if index > 0 { b",{" } else { b"{" });
        task.push_members(&mut json, revision);
        json.push(b'}');
    }
    json.push(b']');
    if let Some(cursor) = next_cursor {
        json.extend_from_slice(b",\"nextCursor\":");
        json::push_string(&mut json, cursor);
    }
    json.push(b'}');
    Payload::Owned(json)
}

/// The result of `tasks/update` and `tasks/cancel` (2026-07-28): it was heard.
pub fn acknowledged(revision: Revision) -> Payload {
    let before = revision.result_before().trim_end_matches(',');
    Payload::Owned(format!("{{{before}{}}}", revision.result_after()).into_bytes())
}

fn push_questions(into: &mut Vec<u8>, questions: &[(Box<str>, Question)]) {
    into.extend_from_slice(b",\"inputRequests\":{");
    for (index, (key, question)) in questions.iter().enumerate() {
        if index > 0 {
            into.push(b',');
        }
        json::push_string(into, key);
        into.extend_from_slice(b":{\"method\":");
        json::push_string(into, question.method);
        into.extend_from_slice(b",\"params\":");
        into.extend_from_slice(&question.params);
        into.push(b'}');
    }
    into.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: Revision = Revision::V20251125;
    const EXTENSION: Revision = Revision::V20260728;

    fn snapshot(status: Status) -> Snapshot<'static> {
        Snapshot {
            id: "t-1",
            status,
            message: None,
            created: WallTime::from_micros(784_111_777_000_000),
            updated: WallTime::from_micros(784_111_778_000_000),
            ttl: Duration::from_secs(60),
            poll_interval: Duration::from_millis(1_500),
        }
    }

    fn text(payload: &Payload) -> serde_json::Value {
        serde_json::from_slice(&payload.bytes()).expect("it is JSON")
    }

    const MEMBERS: &str = r#""createdAt":"1994-11-06T08:49:37Z","lastUpdatedAt":"1994-11-06T08:49:38Z""#;

    fn expected(json: &str) -> serde_json::Value {
        let mut value: serde_json::Value =
            serde_json::from_str(&json.replace("MEMBERS", MEMBERS)).expect("JSON");
        if value.get("resultType").is_some() {
            let meta = Revision::V20260728.result_after().trim_start_matches(',');
            let meta: serde_json::Value = serde_json::from_str(&format!("{{{meta}}}")).expect("JSON");
            value["_meta"] = meta["_meta"].clone();
        }
        value
    }

    #[test]
    fn a_new_task_is_told_in_the_form_of_its_revision() {
        let task = Snapshot {
            message: Some("queued \"now\""),
            ..snapshot(Status::Working)
        };
        assert_eq!(
            text(&task.created(CORE)),
            expected(
                r#"{"task":{"taskId":"t-1","status":"working","statusMessage":"queued \"now\"",MEMBERS,"ttl":60000,"pollInterval":1500}}"#
            )
        );
        assert_eq!(
            text(&task.created(EXTENSION)),
            expected(
                r#"{"resultType":"task","taskId":"t-1","status":"working","statusMessage":"queued \"now\"",MEMBERS,"ttlMs":60000,"pollIntervalMs":1500}"#
            )
        );
    }

    #[test]
    fn the_extension_brings_along_what_belongs_to_the_status() {
        let result: Arc<[u8]> = br#"{"content":[],"isError":true"#.as_slice().into();
        let error = rpc::Error::internal_error("x");
        let questions = [(
            Box::from("k\"1"),
            Question {
                method: "elicitation/create",
                params: br#"{"message":"?"}"#.to_vec(),
            },
        )];
        for (status, detail, member) in [
            (Status::Working, Detail::None, ""),
            (
                Status::InputRequired,
                Detail::Questions(&questions),
                r#","inputRequests":{"k\"1":{"method":"elicitation/create","params":{"message":"?"}}}"#,
            ),
            (
                Status::Completed,
                Detail::Result(&result),
                r#","result":{"content":[],"isError":true}"#,
            ),
            (
                Status::Failed,
                Detail::Error(&error),
                r#","error":{"code":-32603,"message":"internal error: x"}"#,
            ),
            (Status::Cancelled, Detail::None, ""),
        ] {
            let task = snapshot(status);
            let status = status.as_str();
            let members = format!(r#""taskId":"t-1","status":"{status}",MEMBERS"#);
            let modern = format!(r#"{members},"ttlMs":60000,"pollIntervalMs":1500{member}"#);
            let core = format!(r#"{{{members},"ttl":60000,"pollInterval":1500}}"#);
            assert_eq!(
                text(&task.got(EXTENSION, detail).into_payload()),
                expected(&format!(r#"{{"resultType":"complete",{modern}}}"#))
            );
            assert_eq!(text(&task.got(CORE, detail).into_payload()), expected(&core));
            let told = task.notification(EXTENSION, detail, Some(r#""_meta":{"a":1}"#));
            let message = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/tasks","params":{{"_meta":{{"a":1}},{modern}}}}}"#
            );
            assert_eq!(text(&told.into_payload()), expected(&message));
            let told = task.notification(CORE, detail, None).into_payload();
            let message =
                format!(r#"{{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{core}}}"#);
            assert_eq!(text(&told), expected(&message));
        }
    }

    #[test]
    fn the_core_form_gives_the_result_of_the_call_and_says_whose_it_is() {
        for (open, whole) in [
            (
                "{",
                r#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t-1"}}}"#,
            ),
            (
                r#"{"content":[]"#,
                r#"{"content":[],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t-1"}}}"#,
            ),
        ] {
            let shaped = result_of("t-1", &open.as_bytes().into());
            let pieces = shaped.clone().into_pieces();
            let bytes: Vec<u8> = pieces.iter().flat_map(Piece::as_slice).copied().collect();
            assert_eq!(String::from_utf8(bytes).unwrap(), whole);
            assert_eq!(&*shaped.into_payload().bytes(), whole.as_bytes());
        }
    }

    #[test]
    fn a_question_of_a_task_says_whose_it_is() {
        let meta = r#""_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t-1"}}"#;
        for (params, expected) in [
            ("{}", format!("{{{meta}}}")),
            (r#"{"message":"?"} "#, format!(r#"{{"message":"?",{meta}}}"#)),
        ] {
            assert_eq!(
                String::from_utf8(related("t-1", params.as_bytes())).unwrap(),
                expected
            );
        }
    }

    #[test]
    fn lists_and_acknowledgements_hold_nothing_else() {
        let tasks = [snapshot(Status::Working), snapshot(Status::Cancelled)];
        let listed = text(&list(&tasks, CORE, Some("c")));
        assert_eq!(listed["nextCursor"], "c");
        assert_eq!(listed["tasks"][1]["status"], "cancelled");
        assert_eq!(text(&list(&[], CORE, None)), serde_json::json!({"tasks": []}));
        assert_eq!(
            text(&acknowledged(EXTENSION)),
            expected(r#"{"resultType":"complete"}"#)
        );
        assert_eq!(text(&acknowledged(CORE)), serde_json::json!({}));
    }
}
