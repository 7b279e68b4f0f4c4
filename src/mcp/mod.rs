//! MCP: what a message means, whatever transport it came by.
//!
//! [`Service`] is a function with tables: it keeps nothing of who asked between messages. What a connection negotiated comes in with
//! the [`Context`], what must be done goes out as an [`Outcome`]. A call passes these in order:
//!
//! ```text
//!   message ─► classify ─┬─ legacy ──────────────► methods ─► handler ─► Outcome
//!                        └─ modern ─► ladder ────►
//! ```
//!
//! Sessions do not exist here: a legacy client without one is answered, none is handed out.

pub mod batch;
pub mod context;
pub mod entry;
pub mod level;
pub mod offer;
pub mod outcome;
pub mod predecessor;
pub mod revision;
pub mod script;
pub mod session;
pub mod subscriptions;
pub mod token;

mod calls;
mod classify;
mod ladder;
mod lifecycle;
mod methods;
mod params;

use std::sync::Arc;

use crate::json;
use crate::limits::Limits;
use crate::rpc::{self, Call, Message, Notification};
use crate::tools::{Catalogue, Settings};

pub use context::{Context, Field, RoutingFields};
pub use level::Level;
pub use offer::{Changes, Offer};
pub use outcome::{Abilities, Effect, Ended, Failure, Finish, Outcome, Payload, ScriptCall, ToolCall};
pub use revision::Revision;
pub use subscriptions::Listen;
pub use token::Keys;

use classify::Era;
use methods::Request;
use params::Params;

/// The protocol, ready to answer: the tools under the operator's settings, and every reply that never changes, encoded.
#[derive(Debug)]
pub struct Service {
    catalogue: Catalogue,
    encoded: [Encoded; Revision::ALL.len()],
    predecessor: predecessor::Encoded,
    keys: Keys,
    limits: Limits,
    offers: Vec<Box<dyn Offer>>,
}

/// Replies that are encoded once for each revision.
#[derive(Debug)]
struct Encoded {
    /// `initialize` or `server/discover`.
    opening: Arc<[u8]>,
    /// `tools/list`.
    tools: Arc<[u8]>,
}

impl Service {
    /// The service under these bounds and settings; `keys` sign what clients keep for it.
    pub fn new(limits: &Limits, settings: Settings, keys: Keys) -> Self {
        let catalogue = Catalogue::new(settings);
        let encoded = Revision::ALL.map(|revision| Encoded {
            opening: if revision.is_modern() {
                lifecycle::encode_discover(revision)
            } else {
                lifecycle::encode_initialize(revision)
            },
            tools: calls::encode_list(&catalogue, revision),
        });
        Self {
            predecessor: predecessor::Encoded::new(&catalogue),
            catalogue,
            encoded,
            keys,
            limits: limits.clone(),
            offers: Vec::new(),
        }
    }

    /// The same, which also offers what `offer` has.
    #[must_use]
    pub fn with_offer(mut self, offer: Box<dyn Offer>) -> Self {
        self.offers.push(offer);
        self
    }

    /// What has changed since the last time: for those who listen. To be asked after every message.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        for offer in &mut self.offers {
            changes.extend(offer.take_changes());
        }
        changes
    }

    /// Names of the tools, in the order in which they are listed: for `/status`.
    pub fn tool_names(&self) -> impl Iterator<Item = &'static str> {
        self.catalogue.tools().iter().map(|tool| tool.name)
    }

    /// What signs the tokens that clients keep.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What `message` leads to.
    pub fn on_message(&mut self, context: &Context<'_>, message: &Message<'_>) -> Outcome {
        match message {
            Message::Call(call) => self.on_call(context, call),
            Message::Notification(notification) => on_notification(context, notification),
            Message::Reply(_) => on_reply(context),
        }
    }

    fn on_call(&mut self, context: &Context<'_>, call: &Call<'_>) -> Outcome {
        let params = match Params::parse(call.params) {
            Ok(params) => params,
            Err(error) if classify::has_modern_header(context) => return Outcome::refused(error),
            Err(error) => return Outcome::error(error),
        };
        let revision = match classify::of_call(context, &call.method, &params) {
            Err(error) => return Outcome::refused(error),
            Ok(Era::Legacy(revision)) => revision,
            Ok(Era::Modern) => match ladder::climb(context.fields, &call.method, &params) {
                Ok(revision) => revision,
                Err(error) => return Outcome::refused(error),
            },
        };
        match methods::find(&call.method, revision) {
            Some(handler) => handler(self, &Request { revision, params }),
            None => Outcome::Error {
                error: rpc::Error::method_not_found(&call.method),
                http_status: if revision.is_modern() { 404 } else { 200 },
            },
        }
    }

    fn encoded(&self, revision: Revision) -> &Encoded {
        &self.encoded[revision as usize]
    }
}

/// Notifications are never answered. The only one that has an effect is a cancel of a call of the same connection or
/// session; a modern client over HTTP closes its stream instead.
fn on_notification(context: &Context<'_>, notification: &Notification<'_>) -> Outcome {
    if notification.method != "notifications/cancelled" || classify::has_modern_header(context) {
        return Outcome::Accepted;
    }
    let params = Params::parse(notification.params).unwrap_or_default();
    match params.request_id {
        Some(id) if json::is_integer(id) || json::text(id).is_some() => Outcome::Cancel(id.get().to_owned()),
        _ => Outcome::Accepted,
    }
}

/// Nothing was asked of the client, so a reply answers nothing. A modern client must not send any.
fn on_reply(context: &Context<'_>) -> Outcome {
    if classify::has_modern_header(context) {
        Outcome::refused(rpc::Error::invalid_request(
            "replies are not part of this revision",
        ))
    } else {
        Outcome::Accepted
    }
}

#[cfg(test)]
mod tests;
