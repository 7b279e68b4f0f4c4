//! `GET /mcp/tools` and `POST /mcp/tools/call`.
//!
//! A call's reply is `{"id":…,"result":{content,structuredContent,isError},"error":null}` or, when there is no such tool
//! or no such call, `{"id":…,"result":null,"error":{code,message}}`. For the server:
//!
//! 1. `service.on_rest_call(context, body)` gives the client's id, if it sent one, and an [`Outcome`] (`Result`, `Error` or `Work`).
//! 2. Without an id of the client's, make a UUID and quote it.
//! 3. `Result`, and `Work` when it is done: write [`reply_prefix`], the payload, [`REPLY_SUFFIX`], with status 200.
//! 4. `Error`: write [`error_reply`] with the error's `http_status`.

use std::sync::Arc;

use super::spelling;
use crate::json;
use crate::mcp::{Context, Outcome, Payload, Service};
use crate::rpc::{self, Id};
use crate::tools::{Catalogue, schema};

/// The body of `GET /mcp/tools`: JSON Schema for those who read the documentation, and the map of parameters for those
/// who read the code.
pub(super) fn encode_tools(catalogue: &Catalogue) -> Arc<[u8]> {
    let mut body = b"{\"tools\":[".to_vec();
    for (index, tool) in catalogue.tools().iter().enumerate() {
        body.extend_from_slice(if index == 0 { b"{" } else { b",{" });
        tool.push_basics(&mut body);
        body.extend_from_slice(b",\"parameters\":");
        schema::push_parameters(&mut body, &tool.properties);
        body.push(b'}');
    }
    body.extend_from_slice(b"]}");
    body.into()
}

impl Service {
    /// The body of `GET /mcp/tools`.
    pub fn rest_tools(&self) -> Payload {
        Payload::Shared(Arc::clone(&self.predecessor.tools))
    }

    /// What the body of `POST /mcp/tools/call` leads to, and the id to echo if the client gave one.
    ///
    /// Three spellings mean the same: `{"method":<tool>,"params":{…}}`, with `jsonrpc` and `id` or without, and
    /// `{"name":<tool>,"arguments":{…}}`. The outcome is `Result`, `Error` (400 for a body that is no call, 200 for a tool
    /// that does not exist) or `Work`.
    pub fn on_rest_call<'a>(&mut self, context: &Context<'_>, body: &'a [u8]) -> (Option<Id<'a>>, Outcome) {
        let call = match spelling::parse(body, &self.limits) {
            Ok(call) => call,
            Err(error) => return (None, Outcome::refused(error)),
        };
        let Some(tool) = call.tool else {
            let error = rpc::Error::invalid_request("the body must name a tool as method or name");
            return (call.id, Outcome::refused(error));
        };
        (
            call.id,
            self.start_tool(context, call.id, (&tool, call.arguments)),
        )
    }
}

/// What follows the payload of a reply.
pub const REPLY_SUFFIX: &[u8] = b",\"error\":null}";

/// What precedes the payload of the reply with this id (JSON text: the client's, or a quoted UUID).
pub const fn reply_prefix(id: &str) -> [&[u8]; 3] {
    [b"{\"id\":", id.as_bytes(), b",\"result\":"]
}

/// A whole error reply.
pub fn error_reply(id: &str, error: &rpc::Error) -> Vec<u8> {
    let mut reply = b"{\"id\":".to_vec();
    reply.extend_from_slice(id.as_bytes());
    reply.extend_from_slice(b",\"result\":null,\"error\":");
    error.push_json(&mut reply);
    reply.push(b'}');
    reply
}

/// A UUID as the JSON text of an id.
pub fn quoted_id(uuid: crate::ident::Uuid) -> String {
    let mut id = Vec::new();
    json::push_string(&mut id, &uuid.to_string());
    String::from_utf8(id).expect("a UUID is ASCII")
}
