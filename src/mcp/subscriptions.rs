//! Who is told what when something changes: the subscriptions of a legacy session, and `subscriptions/listen`.
//!
//! Here is what is said, and to whom it matters. Which streams there are, and how many a client may have, is the
//! server's.

use serde_json::value::RawValue;

use super::methods::{Request, no_such_method};
use super::offer::Changes;
use super::resources::{URI_BYTES_MAX, uri_of};
use super::tasks::{self, TaskId};
use super::{Effect, Outcome, Payload, Revision, Service};
use crate::{json, rpc};

/// URIs of one `subscriptions/listen`: as many as an agent has open, and 4 MiB at the very most.
const URIS_MAX: usize = 256;

/// An open `subscriptions/listen`: what was asked for and can be heard, and all that is said on its stream.
///
/// The server sends [`Listen::acknowledged`] before anything else, then [`Listen::notifications`] for every change, and
/// ends with [`Listen::ended`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The list of tools.
    pub tools: bool,
    /// The list of prompts.
    pub prompts: bool,
    /// The list of resources.
    pub resources: bool,
    /// Contents of these resources.
    pub uris: Vec<Box<str>>,
    /// Tasks of this process, by number and id.
    pub tasks: Vec<(u64, Box<str>)>,
    /// The id of the call, as JSON text: it names the subscription.
    pub id: Box<str>,
    /// What the messages are written in.
    pub revision: Revision,
}

impl Listen {
    /// The first message of the stream.
    pub fn acknowledged(&self) -> Vec<u8> {
        let mut filter = Vec::new();
        for (name, is_heard) in [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ] {
            if is_heard {
                separate(&mut filter);
                json::push_string(&mut filter, name);
                filter.extend_from_slice(b":true");
            }
        }
        push_texts(&mut filter, "resourceSubscriptions", self.uris.iter());
        push_texts(&mut filter, TASK_IDS, self.tasks.iter().map(|(_, id)| id));
        let members = [b",\"notifications\":{".as_slice(), &filter, b"}"].concat();
        self.notification("notifications/subscriptions/acknowledged", &members)
    }

    /// What is said of `changes`: a message each.
    pub fn notifications(&self, changes: &Changes) -> Vec<Vec<u8>> {
        let lists = lists_changed(changes, [self.tools, self.prompts, self.resources]);
        let lists = lists.map(|method| self.notification(method, b""));
        let updated = changes.updated.iter().filter(|uri| self.uris.contains(uri));
        let updated = updated.map(|uri| self.notification(UPDATED, &[b",", &*uri_member(uri)].concat()));
        lists.chain(updated).collect()
    }

    /// The `result` member of the last message, where the server ends the stream.
    pub fn ended(&self) -> Payload {
        let before = self.revision.result_before();
        Payload::Owned(format!("{{{before}\"_meta\":{{{SUBSCRIPTION_ID}{}}}}}", self.id).into_bytes())
    }

    /// The message that ends it on stdio, where nothing is closed.
    pub fn cancelled(&self) -> Vec<u8> {
        let id = &self.id;
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#)
            .into_bytes()
    }

    /// `_meta` of what is said of the task with this number, if that is heard.
    pub fn meta_of_task(&self, number: u64) -> Option<String> {
        let is_heard = self.tasks.iter().any(|(own, _)| *own == number);
        is_heard.then(|| format!(r#""_meta":{{{SUBSCRIPTION_ID}{}}}"#, self.id))
    }

    /// A notification whose `params` have `members`, each preceded by a comma.
    fn notification(&self, method: &str, members: &[u8]) -> Vec<u8> {
        let id = &self.id;
        let mut message =
            format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"_meta":{{{SUBSCRIPTION_ID}{id}}}"#)
                .into_bytes();
        message.extend_from_slice(members);
        message.extend_from_slice(b"}}");
        message
    }
}

/// `resources/subscribe`. Any URI may be waited for: what it names may come to be later.
pub(super) fn on_subscribe(service: &mut Service, request: &Request<'_>) -> Outcome {
    subscription(service, request, "resources/subscribe", Effect::Subscribed)
}

/// `resources/unsubscribe`.
pub(super) fn on_unsubscribe(service: &mut Service, request: &Request<'_>) -> Outcome {
    subscription(service, request, "resources/unsubscribe", Effect::Unsubscribed)
}

fn subscription(
    service: &Service,
    request: &Request<'_>,
    method: &str,
    effect: fn(Box<str>) -> Effect,
) -> Outcome {
    if !service.has_resources() {
        return no_such_method(request, method);
    }
    match uri_of(request) {
        Ok(uri) => Outcome::Result {
            payload: Payload::Static("{}"),
            effect: Some(effect(uri.into())),
        },
        Err(error) => Outcome::error(error),
    }
}

/// `subscriptions/listen`. What was asked for and cannot happen is not acknowledged.
pub(super) fn on_listen(service: &mut Service, request: &Request<'_>) -> Outcome {
    let mut listen = Listen {
        tools: false,
        prompts: false,
        resources: false,
        uris: Vec::new(),
        tasks: Vec::new(),
        id: request.id.into(),
        revision: request.revision,
    };
    let changeable = service.changeable;
    let mut fault = None;
    let filter = request.params.notifications.map_or("", RawValue::get);
    let read = json::each_member(filter, |name, value| {
        let is_wanted = value.get() == "true";
        match &*name {
            "toolsListChanged" => listen.tools = is_wanted && changeable.tools,
            "promptsListChanged" => listen.prompts = is_wanted && changeable.prompts,
            "resourcesListChanged" => listen.resources = is_wanted && changeable.resources,
            TASK_IDS => match texts(value, TASK_IDS) {
                Ok(ids) => listen.tasks = known_tasks(service, request, ids),
                Err(error) => fault = Some(error),
            },
            "resourceSubscriptions" => match texts(value, "resourceSubscriptions") {
                Ok(uris) if changeable.contents => listen.uris = uris,
                Ok(_) => {}
                Err(error) => fault = Some(error),
            },
            _ => {}
        }
    });
    if read.is_err() {
        return Outcome::error(rpc::Error::invalid_params("notifications must be an object"));
    }
    match fault {
        Some(error) => Outcome::error(error),
        None => Outcome::Listen(Box::new(listen)),
    }
}

/// Those of these tasks that the caller has, where it declares the extension. Of those that another process made nothing is heard here.
fn known_tasks(service: &Service, request: &Request<'_>, ids: Vec<Box<str>>) -> Vec<(u64, Box<str>)> {
    if !tasks::declares_extension(request.params.meta.client_capabilities) {
        return Vec::new();
    }
    let context = &request.context;
    let open = |id: &str| TaskId::open(&service.keys, id, context.principal, context.now.wall);
    let number = |id: &str| Some(open(id)?.subject.row());
    ids.into_iter()
        .filter_map(|id| Some((number(&id)?, id)))
        .collect()
}

/// The URIs or ids of a list, each once.
fn texts(list: &RawValue, name: &str) -> Result<Vec<Box<str>>, rpc::Error> {
    let Ok(mut uris) = serde_json::from_str::<Vec<Box<str>>>(list.get()) else {
        return Err(rpc::Error::invalid_params(format_args!(
            "{name} must be a list of strings"
        )));
    };
    uris.sort_unstable();
    uris.dedup();
    let longest = uris.iter().map(|uri| uri.len()).max().unwrap_or_default();
    if uris.len() > URIS_MAX || longest > URI_BYTES_MAX {
        return Err(rpc::Error::invalid_params(format_args!(
            "{name} may have {URIS_MAX} entries of {URI_BYTES_MAX} bytes"
        )));
    }
    Ok(uris)
}

/// What a legacy session is told of `changes`: a message each. Lists are told to everybody, contents to those that
/// subscribed.
pub fn legacy_notifications(changes: &Changes, is_subscribed: impl Fn(&str) -> bool) -> Vec<Vec<u8>> {
    let lists = lists_changed(changes, [true; 3]);
    let lists = lists.map(|method| format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#).into_bytes());
    let updated = changes.updated.iter().filter(|uri| is_subscribed(uri));
    let updated = updated.map(|uri| {
        let mut message = format!(r#"{{"jsonrpc":"2.0","method":"{UPDATED}","params":{{"#).into_bytes();
        message.extend_from_slice(&uri_member(uri));
        message.extend_from_slice(b"}}");
        message
    });
    lists.chain(updated).collect()
}

/// The notifications about lists that changed and are heard (tools, prompts, resources).
fn lists_changed(changes: &Changes, heard: [bool; 3]) -> impl Iterator<Item = &'static str> {
    let changed = [changes.tools, changes.prompts, changes.resources];
    let methods = [
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
    ];
    let told = (0..3).filter(move |&list| changed[list] && heard[list]);
    told.map(move |list| methods[list])
}

fn uri_member(uri: &str) -> Vec<u8> {
    let mut member = b"\"uri\":".to_vec();
    json::push_string(&mut member, uri);
    member
}

/// Appends a list of texts to the members of an object, unless it is empty.
fn push_texts<'a>(into: &mut Vec<u8>, name: &str, texts: impl ExactSizeIterator<Item = &'a Box<str>>) {
    if texts.len() == 0 {
        return;
    }
    separate(into);
    json::push_string(into, name);
    into.extend_from_slice(b":[");
    for (index, text) in texts.enumerate() {
        if index > 0 {
            into.push(b',');
        }
        json::push_string(into, text);
    }
    into.push(b']');
}

fn separate(into: &mut Vec<u8>) {
    if !into.is_empty() {
        into.push(b',');
    }
}

/// The member of a filter that names tasks.
const TASK_IDS: &str = "taskIds";
const UPDATED: &str = "notifications/resources/updated";
const SUBSCRIPTION_ID: &str = r#""io.modelcontextprotocol/subscriptionId":"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn listen() -> Listen {
        Listen {
            tools: true,
            prompts: false,
            resources: true,
            uris: vec!["a:1\"".into()],
            tasks: vec![(7, "t-7".into())],
            id: "\"x\"".into(),
            revision: Revision::V20260728,
        }
    }

    fn texts(messages: Vec<Vec<u8>>) -> Vec<String> {
        let text = |message| String::from_utf8(message).unwrap();
        messages.into_iter().map(text).collect()
    }

    #[test]
    fn a_listener_is_told_first_what_it_will_hear() {
        assert_eq!(
            texts(vec![listen().acknowledged()]),
            [
                r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"x"},"notifications":{"toolsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["a:1\""],"taskIds":["t-7"]}}}"#
            ]
        );
    }

    #[test]
    fn only_what_was_asked_for_is_heard() {
        let changes = Changes {
            tools: true,
            prompts: true,
            resources: false,
            updated: vec!["b:2".into(), "a:1\"".into()],
        };
        let meta = r#""_meta":{"io.modelcontextprotocol/subscriptionId":"x"}"#;
        assert_eq!(
            texts(listen().notifications(&changes)),
            [
                format!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{{{meta}}}}}"#
                ),
                format!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{{meta},"uri":"a:1\""}}}}"#
                ),
            ]
        );
        assert!(listen().notifications(&Changes::default()).is_empty());
        assert_eq!(
            texts(legacy_notifications(&changes, |uri| uri == "b:2")),
            [
                r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#,
                r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#,
                r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"b:2"}}"#,
            ]
        );
    }

    #[test]
    fn an_end_is_a_result_and_on_stdio_a_cancel() {
        let Payload::Owned(ended) = listen().ended() else {
            panic!("it is made for this call")
        };
        assert_eq!(
            String::from_utf8(ended).unwrap(),
            r#"{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":"x"}}"#
        );
        assert_eq!(
            texts(vec![listen().cancelled()]),
            [r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x"}}"#]
        );
    }
}
