//! The ways in which old clients write a tool call, read into one form.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json;
use crate::limits::Limits;
use crate::rpc::{self, Id};

/// A tool call, however it was written.
#[derive(Debug, Default)]
pub(super) struct Spelled<'a> {
    pub(super) id: Option<Id<'a>>,
    pub(super) tool: Option<Cow<'a, str>>,
    pub(super) arguments: Option<&'a RawValue>,
    /// `type`, in the envelope.
    pub(super) kind: Option<Cow<'a, str>>,
    /// Whether `jsonrpc` is there.
    pub(super) is_json_rpc: bool,
}

#[derive(Default)]
struct Members<'a> {
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    name: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
    arguments: Option<&'a RawValue>,
    kind: Option<&'a RawValue>,
    jsonrpc: Option<&'a RawValue>,
}

impl<'a> Members<'a> {
    fn read(text: &'a str) -> Result<Self, rpc::Error> {
        let mut members = Self::default();
        let mut repeated = None;
        let read = json::each_member(text, |name, value| {
            let (slot, name) = match &*name {
                "id" => (&mut members.id, "id"),
                "method" => (&mut members.method, "method"),
                "name" => (&mut members.name, "name"),
                "params" => (&mut members.params, "params"),
                "arguments" => (&mut members.arguments, "arguments"),
                "type" => (&mut members.kind, "type"),
                "jsonrpc" => (&mut members.jsonrpc, "jsonrpc"),
                _ => return,
            };
            if slot.replace(value).is_some() {
                repeated = Some(name);
            }
        });
        match (read, repeated) {
            (Ok(()), None) => Ok(members),
            (Ok(()), Some(name)) => Err(rpc::Error::invalid_request(format_args!(
                "member {name} occurs twice"
            ))),
            (Err(json::Fault::NotAnObject), _) => {
                Err(rpc::Error::invalid_request("the body is a JSON object"))
            }
            (Err(json::Fault::Syntax(error)), _) => Err(rpc::Error::parse_error(error)),
        }
    }
}

/// Reads a call in any of its spellings.
///
/// # Errors
/// -32700 for what is no JSON, -32600 for what is no object or has a member twice.
pub(super) fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Spelled<'a>, rpc::Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| rpc::Error::parse_error("not UTF-8"))?;
    if json::is_deeper_than(text, limits.json_depth_max) {
        let reason = format_args!("nested deeper than {} levels", limits.json_depth_max);
        return Err(rpc::Error::parse_error(reason));
    }
    let members = Members::read(text)?;
    let mut spelled = Spelled {
        // An id of another kind is no reason to refuse what was never strict: the reply then has one of ours.
        id: members.id.and_then(|id| Id::from_json(id, limits.id_bytes_max)),
        tool: members.method.or(members.name).and_then(json::text),
        arguments: members.params.or(members.arguments),
        kind: members.kind.and_then(json::text),
        is_json_rpc: members.jsonrpc.is_some(),
    };
    if spelled.tool.as_deref() == Some("tools/call")
        && let Some(params) = spelled.arguments
    {
        // MCP's own spelling, one level down.
        let inner = Members::read(params.get())?;
        spelled.tool = inner.name.and_then(json::text);
        spelled.arguments = inner.arguments;
    }
    Ok(spelled)
}
