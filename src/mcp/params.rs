//! The members of `params` that any method may have, found in one pass and left as they are written.

use serde_json::value::RawValue;

use crate::ident::ClientLabel;
use crate::{json, rpc};

/// The members of `params` that mean something here. Others are ignored, as every revision asks of receivers.
#[derive(Debug, Default)]
pub(super) struct Params<'a> {
    pub(super) meta: Meta<'a>,
    pub(super) argument: Option<&'a RawValue>,
    pub(super) arguments: Option<&'a RawValue>,
    pub(super) capabilities: Option<&'a RawValue>,
    pub(super) client_info: Option<&'a RawValue>,
    pub(super) context: Option<&'a RawValue>,
    pub(super) cursor: Option<&'a RawValue>,
    pub(super) input_responses: Option<&'a RawValue>,
    pub(super) level: Option<&'a RawValue>,
    pub(super) name: Option<&'a RawValue>,
    pub(super) notifications: Option<&'a RawValue>,
    pub(super) protocol_version: Option<&'a RawValue>,
    pub(super) reference: Option<&'a RawValue>,
    pub(super) request_id: Option<&'a RawValue>,
    pub(super) request_state: Option<&'a RawValue>,
    pub(super) task: Option<&'a RawValue>,
    pub(super) task_id: Option<&'a RawValue>,
    pub(super) uri: Option<&'a RawValue>,
}

/// The members of `params._meta` that mean something here.
#[derive(Debug, Default)]
pub(super) struct Meta<'a> {
    /// Whether `_meta` is there and is something else than an object.
    pub(super) is_no_object: bool,
    pub(super) client_capabilities: Option<&'a RawValue>,
    pub(super) client_info: Option<&'a RawValue>,
    pub(super) log_level: Option<&'a RawValue>,
    pub(super) progress_token: Option<&'a RawValue>,
    pub(super) traceparent: Option<&'a RawValue>,
    pub(super) protocol_version: Option<&'a RawValue>,
}

impl<'a> Params<'a> {
    /// Reads `params`; absent means an empty object.
    ///
    /// # Errors
    /// -32602 when it is an array, or when a member that means something occurs twice.
    pub(super) fn parse(params: Option<&'a RawValue>) -> Result<Self, rpc::Error> {
        let mut parsed = Self::default();
        let Some(params) = params else {
            return Ok(parsed);
        };
        let (mut meta, mut repeated) = (None, None);
        let read = json::each_member(params.get(), |name, value| {
            let (slot, name) = match &*name {
                "_meta" => (&mut meta, "_meta"),
                "argument" => (&mut parsed.argument, "argument"),
                "arguments" => (&mut parsed.arguments, "arguments"),
                "capabilities" => (&mut parsed.capabilities, "capabilities"),
                "clientInfo" => (&mut parsed.client_info, "clientInfo"),
                "context" => (&mut parsed.context, "context"),
                "cursor" => (&mut parsed.cursor, "cursor"),
                "inputResponses" => (&mut parsed.input_responses, "inputResponses"),
                "level" => (&mut parsed.level, "level"),
                "name" => (&mut parsed.name, "name"),
                "notifications" => (&mut parsed.notifications, "notifications"),
                "protocolVersion" => (&mut parsed.protocol_version, "protocolVersion"),
                "ref" => (&mut parsed.reference, "ref"),
                "requestId" => (&mut parsed.request_id, "requestId"),
                "requestState" => (&mut parsed.request_state, "requestState"),
                "task" => (&mut parsed.task, "task"),
                "taskId" => (&mut parsed.task_id, "taskId"),
                "uri" => (&mut parsed.uri, "uri"),
                _ => return,
            };
            if slot.replace(value).is_some() {
                repeated = Some(name);
            }
        });
        if read.is_err() {
            return Err(rpc::Error::invalid_params("params must be an object"));
        }
        if let Some(meta) = meta {
            parsed.meta = Meta::parse(meta, &mut repeated);
        }
        match repeated {
            None => Ok(parsed),
            Some(name) => Err(rpc::Error::invalid_params(format_args!("{name} occurs twice"))),
        }
    }
}

impl<'a> Meta<'a> {
    fn parse(meta: &'a RawValue, repeated: &mut Option<&'static str>) -> Self {
        let mut parsed = Self::default();
        let read = json::each_member(meta.get(), |name, value| {
            let (slot, name) = match &*name {
                CLIENT_CAPABILITIES => (&mut parsed.client_capabilities, CLIENT_CAPABILITIES),
                CLIENT_INFO => (&mut parsed.client_info, CLIENT_INFO),
                LOG_LEVEL => (&mut parsed.log_level, LOG_LEVEL),
                PROTOCOL_VERSION => (&mut parsed.protocol_version, PROTOCOL_VERSION),
                "progressToken" => (&mut parsed.progress_token, "progressToken"),
                "traceparent" => (&mut parsed.traceparent, "traceparent"),
                _ => return,
            };
            if slot.replace(value).is_some() {
                *repeated = Some(name);
            }
        });
        parsed.is_no_object = read.is_err();
        parsed
    }

    /// Whether the message says that it is of the modern era, rightly or not.
    pub(super) fn has_claim(&self) -> bool {
        self.protocol_version.is_some()
    }
}

pub(super) const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
pub(super) const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
pub(super) const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
pub(super) const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// What a client calls itself in a `clientInfo`; one that is no such object is nobody.
pub(super) fn client_of(info: Option<&RawValue>) -> ClientLabel {
    let (mut name, mut version) = (None, None);
    if let Some(info) = info {
        let _ = json::each_member(info.get(), |member, value| match &*member {
            "name" => name = json::text(value),
            "version" => version = json::text(value),
            _ => {}
        });
    }
    ClientLabel::new(&name.unwrap_or_default(), &version.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> &RawValue {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_means_something_is_found_and_the_rest_is_ignored() {
        let text = r#"{"x":1,"x":2,"name":"t","_meta":{"progressToken":1,"io.modelcontextprotocol/protocolVersion":"v"}}"#;
        let params = Params::parse(Some(raw(text))).unwrap();
        assert_eq!(params.name.map(RawValue::get), Some("\"t\""));
        assert!(params.meta.has_claim() && params.arguments.is_none());
    }

    #[test]
    fn no_params_are_empty_params() {
        assert!(!Params::parse(None).unwrap().meta.has_claim());
        assert!(!Params::parse(Some(raw("{}"))).unwrap().meta.is_no_object);
    }

    #[test]
    fn arrays_and_repeated_members_are_refused() {
        for text in [
            "[1]",
            r#"{"name":"a","name":"b"}"#,
            r#"{"_meta":{},"_meta":{}}"#,
            r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":1,"io.modelcontextprotocol/protocolVersion":1}}"#,
        ] {
            assert_eq!(Params::parse(Some(raw(text))).unwrap_err().code, -32602, "{text}");
        }
        assert!(
            Params::parse(Some(raw(r#"{"_meta":7}"#)))
                .unwrap()
                .meta
                .is_no_object
        );
    }
}
