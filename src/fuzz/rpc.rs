//! Messages of clients: JSON-RPC, and the predecessor's two forms, up to what is given to the backend.

use std::time::Duration;

use serde::de::IgnoredAny;

use crate::backend::{Answer, Error, Kind, ResultSet};
use crate::entropy::SeededEntropy;
use crate::limits::Limits;
use crate::mcp::predecessor::envelope::Envelope;
use crate::mcp::{Abilities, Changes, Context, Field, Keys, Outcome, Revision, RoutingFields, Service};
use crate::rpc::{self as json_rpc, Id, Message};
use crate::sql::guard::Policy;
use crate::time::Now;
use crate::tools::Settings;

/// Every message is answered, refused or taken note of, without a panic. What is read from it is in it, what is said is
/// JSON on one line, and a statement for the backend has passed the guard.
pub fn rpc(bytes: &[u8]) {
    let limits = Limits::default();
    let keys = Keys::random(&mut SeededEntropy::new(1));
    let mut service = Service::new(&limits, Settings::new(&limits, Policy::default()), keys);
    match json_rpc::decode(bytes, &limits) {
        Err(malformed) => {
            let id = malformed.id.map(Id::as_json);
            assert_line(&json_rpc::error_reply(id, &malformed.error));
        }
        Ok(message) => {
            assert_read(bytes, &message, &limits);
            for context in contexts(bytes) {
                assert_outcome(service.on_message(&context, &message));
            }
        }
    }
    assert_batch(bytes, &limits);
    let (id, outcome) = service.on_rest_call(&Context::default(), bytes);
    assert_id(id);
    assert_outcome(outcome);
    match service.on_envelope(&Context::default(), bytes) {
        Envelope::Ping => {}
        Envelope::Refused { id, .. } => assert_id(id),
        Envelope::Call { id, outcome } => {
            assert_id(id);
            assert_outcome(outcome);
        }
    }
}

/// A socket before and after `initialize`, and HTTP with and without fields that say what the body says.
fn contexts(bytes: &[u8]) -> [Context<'_>; 5] {
    let version = |text: &'static str| Field::Once(text.as_bytes());
    let context = |fields, negotiated| Context {
        fields,
        negotiated,
        abilities: Abilities::default(),
        principal: b"",
        rights: crate::tools::Rights::default(),
        client: crate::ident::ClientLabel::default(),
        now: Now::default(),
    };
    [
        context(None, None),
        context(None, Revision::parse(b"2025-06-18")),
        context(Some(RoutingFields::default()), None),
        context(
            Some(RoutingFields {
                protocol_version: version("2026-07-28"),
                method: version("tools/call"),
                name: version("execute_query"),
                ..RoutingFields::default()
            }),
            None,
        ),
        context(
            Some(RoutingFields {
                protocol_version: version("2026-07-28"),
                method: Field::Once(bytes),
                name: Field::Repeated,
                ..RoutingFields::default()
            }),
            None,
        ),
    ]
}

/// A second reader of JSON finds the same members.
fn assert_read(bytes: &[u8], message: &Message<'_>, limits: &Limits) {
    let (id, method) = match message {
        Message::Call(call) => (Some(call.id), &call.method),
        Message::Notification(notification) => (None, &notification.method),
        Message::Reply(_) => return,
    };
    assert_id(id);
    assert!(id.is_none_or(|id| id.as_json().len() <= limits.id_bytes_max));
    // Lone surrogates and numbers beyond a double are legal JSON that a tree refuses.
    let Ok(tree) = serde_json::from_slice::<serde_json::Value>(bytes) else {
        return;
    };
    assert_eq!(tree["jsonrpc"], "2.0");
    assert_eq!(tree["method"].as_str(), Some(&**method));
    let read = id.map_or(serde_json::Value::Null, |id| {
        serde_json::from_str(id.as_json()).unwrap_or_default()
    });
    assert_eq!(tree["id"], read);
}

/// A second reader finds the same messages in an array, and each of them stands in it.
fn assert_batch(bytes: &[u8], limits: &Limits) {
    let Ok(messages) = json_rpc::batch::split(bytes, limits) else {
        return;
    };
    assert!(json_rpc::batch::is_batch(bytes));
    assert!((1..=limits.batch_max).contains(&messages.len()));
    for message in &messages {
        assert!(bytes.as_ptr_range().contains(&message.as_ptr()));
        let _ = json_rpc::decode(message, limits);
    }
    if let Ok(tree) = serde_json::from_slice::<Vec<serde_json::Value>>(bytes) {
        assert_eq!(tree.len(), messages.len());
    }
}

fn assert_id(id: Option<Id<'_>>) {
    if let Some(id) = id {
        assert_line(id.as_json().as_bytes());
    }
}

fn assert_outcome(outcome: Outcome) {
    match outcome {
        Outcome::Accepted => {}
        Outcome::Result { payload, .. } => assert_line(&payload.bytes()),
        Outcome::Error { error, http_status } => {
            assert!([200, 400, 404].contains(&http_status), "{http_status}");
            assert_line(&json_rpc::error_reply(None, &error));
        }
        Outcome::Cancel(id) => assert_line(id.as_bytes()),
        Outcome::Work(call) => {
            for statement in &call.work.statements {
                let again = Policy::default().check(statement.text());
                assert!(again.is_ok(), "{statement:?}");
            }
            for kind in [Kind::Syntax, Kind::NotFound] {
                let finish = call.finish.clone();
                let failed = finish.ended(Err(Error::new(kind, "no\u{2028}\n\"")));
                assert_line(&failed.to_json());
            }
            // What nobody may see is rendered too.
            let answer = Answer {
                results: call.work.statements.iter().map(|_| ResultSet::absent()).collect(),
                elapsed: Duration::ZERO,
            };
            let rendered = call.work.render.run(answer);
            assert_line(&call.finish.ended(Ok(rendered)).to_json());
        }
        Outcome::Script(_) | Outcome::Task(_) => {}
        Outcome::Listen(listen) => {
            assert_line(&listen.acknowledged());
            assert_line(&listen.ended().bytes());
            let changes = Changes {
                tools: true,
                prompts: true,
                resources: true,
                updated: listen.uris.clone(),
            };
            listen
                .notifications(&changes)
                .iter()
                .for_each(|told| assert_line(told));
        }
    }
}

/// What leaves the program is JSON without a line end: that ends a message on stdio.
fn assert_line(json: &[u8]) {
    let text = String::from_utf8_lossy(json);
    assert!(serde_json::from_slice::<IgnoredAny>(json).is_ok(), "{text}");
    assert!(!json.contains(&b'\n'), "{text}");
}
