//! The surface of the program that this one replaces: its REST routes and its WebSocket envelope.
//!
//! What its documentation promised is kept, not what its code did (which was to fail every successful call). Clients of
//! it name tools as methods and put the arguments into `params`; `spelling` finds out what is meant. Client ids inside
//! `params` are ignored and parameters are never echoed.
//!
//! - [`rest`]: `GET /mcp/tools` and `POST /mcp/tools/call`.
//! - [`envelope`]: `{"type":"call",…}` and its kin over WebSocket.

pub mod envelope;
pub mod rest;

mod spelling;

use std::sync::Arc;

use serde_json::value::RawValue;

use super::script::Hears;
use super::{Context, Outcome, Revision, Service, calls};
use crate::rpc::Id;
use crate::tools::{self, Catalogue, Consent};

/// The revision whose results these clients get: the richest form that is an object of content and flags.
const REVISION: Revision = Revision::V20251125;

/// Replies that are encoded once.
#[derive(Debug)]
pub(super) struct Encoded {
    tools: Arc<[u8]>,
}

impl Encoded {
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        Self {
            tools: rest::encode_tools(catalogue),
        }
    }
}

impl Service {
    /// Starts a tool for a client of the predecessor's, whatever way it names it.
    fn start_tool(
        &mut self,
        context: &Context<'_>,
        id: Option<Id<'_>>,
        (name, arguments): (&str, Option<&RawValue>),
    ) -> Outcome {
        let keys = self.keys.clone();
        let call = tools::Call {
            // They expect one block of content, and there is no way to read a resource.
            form: tools::Form {
                has_links: false,
                ..REVISION.form()
            },
            now: context.now,
            principal: context.principal,
            rights: context.rights,
            client: context.client,
            request_id: id.map_or("null", Id::as_json),
            traceparent: None,
            keys: &keys,
            ran: None,
        };
        let unasked = (Hears::default(), Consent::Unknown(None));
        calls::start(self, (REVISION, name, arguments), &call, unasked)
    }
}

#[cfg(test)]
mod tests;
