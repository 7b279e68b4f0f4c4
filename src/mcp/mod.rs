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
//! What a legacy session is, and what is remembered of it, is [`session`]; which request is in which is the server's.

pub mod batch;
pub mod completion;
pub mod context;
pub mod cursor;
pub mod entry;
pub mod level;
pub mod offer;
pub mod outcome;
pub mod predecessor;
pub mod revision;
pub mod script;
pub mod session;
pub mod subscriptions;
pub mod tasks;

mod abilities;
mod account;
mod calls;
mod classify;
mod ladder;
mod lifecycle;
mod lists;
mod logging;
mod methods;
mod mrtr;
mod near;
mod param_headers;
mod params;
mod prompts;
mod resources;

use std::sync::Arc;

use crate::backend;
use crate::backend::kept::{Kept, Share, Who};
use crate::entropy::Entropy;
use crate::json;
use crate::limits::Limits;
use crate::rpc::{self, Call, Message, Notification};
use crate::sql::ruling::Rulings;
use crate::time::{Instant, Now};
use crate::tools::{self, Catalogue, Denied, History, Settings};

pub use crate::token::Keys;
pub use calls::WRITE_SCOPE;
pub use context::{Context, Field, RoutingFields};
pub use level::Level;
pub use offer::{Changes, Offer};
pub use outcome::{Abilities, Effect, Ended, Failure, Finish, Outcome, Payload, ScriptCall, ToolCall};
pub use revision::Revision;
pub use subscriptions::Listen;

use account::Account;
use classify::Era;
use entry::{PromptEntry, ToolEntry};
use lifecycle::Offered;
use methods::Request;
use offer::Changeable;
use param_headers::Annotated;
use params::Params;

/// The protocol, ready to answer: the tools under the operator's settings, and every reply that never changes, encoded.
#[derive(Debug)]
pub struct Service {
    catalogue: Arc<Catalogue>,
    /// What the list says of the catalogue's tools.
    tools: Vec<ToolEntry>,
    /// Tools with arguments that are repeated in header fields.
    annotated: Vec<(String, Annotated)>,
    encoded: [Encoded; Revision::ALL.len()],
    predecessor: predecessor::Encoded,
    keys: Keys,
    limits: Limits,
    offers: Vec<Box<dyn Offer>>,
    /// What can change in any of the offers.
    changeable: Changeable,
    /// What changed and was not told yet.
    changes: Changes,
    /// The statement that the guard refused last, until somebody asks.
    denied: Option<Box<Denied>>,
    /// What draws the marks around text that others wrote; `None` where there are none.
    fences: Option<calls::Fences>,
    /// What ran, as the server tells it.
    history: History,
}

/// Replies that are encoded once for each revision.
#[derive(Debug)]
struct Encoded {
    /// `initialize` or `server/discover`.
    opening: Arc<[u8]>,
    /// The lists that have one page.
    lists: lists::Encoded,
}

impl Encoded {
    fn new(tools: &[ToolEntry], offers: &[Box<dyn Offer>], offered: Offered, revision: Revision) -> Self {
        Self {
            opening: if revision.is_modern() {
                lifecycle::encode_discover(offered, revision)
            } else {
                lifecycle::encode_initialize(offered, revision)
            },
            lists: lists::Encoded::new(tools, offers, offered.changeable, revision),
        }
    }
}

impl Service {
    /// The service under these bounds and settings; `keys` sign what clients keep for it.
    pub fn new(limits: &Limits, settings: Settings, keys: Keys) -> Self {
        let catalogue = Arc::new(Catalogue::new(settings));
        let tools = entries(&catalogue);
        let offers: Vec<Box<dyn Offer>> = vec![Box::new(Account::new(Arc::clone(&catalogue), limits))];
        let offered = offered(&offers, &tools, &catalogue);
        Self {
            encoded: Revision::ALL.map(|revision| Encoded::new(&tools, &offers, offered, revision)),
            predecessor: predecessor::Encoded::new(&catalogue),
            catalogue,
            tools,
            annotated: Vec::new(),
            keys,
            limits: limits.clone(),
            offers,
            changeable: offered.changeable,
            changes: Changes::default(),
            denied: None,
            fences: None,
            history: History::new(limits),
        }
    }

    /// The same, which puts marks around what others wrote, in text, and tells models so.
    #[must_use]
    pub fn with_fences(mut self, entropy: &mut dyn Entropy) -> Self {
        self.fences = Some(calls::Fences::new(entropy));
        self.encode();
        self
    }

    /// The same, which also offers what `offer` has.
    #[must_use]
    pub fn with_offer(mut self, offer: Box<dyn Offer>) -> Self {
        self.offers.push(offer);
        self.changeable = offered(&self.offers, &self.tools, &self.catalogue).changeable;
        self.encode();
        self
    }

    /// What has changed since the last time: for those who listen. To be asked after every message.
    pub fn take_changes(&mut self) -> Changes {
        self.collect_changes();
        std::mem::take(&mut self.changes)
    }

    /// The statement of the last call, if the guard refused it: for the audit log. To be asked after every call.
    pub fn take_denied(&mut self) -> Option<Box<Denied>> {
        self.denied.take()
    }

    /// Asks the offers what has changed. Lists are encoded again before anybody can ask for them.
    fn collect_changes(&mut self) {
        let mut has_other_lists = false;
        for offer in &mut self.offers {
            let changes = offer.take_changes();
            if !changes.is_empty() {
                has_other_lists |= changes.tools || changes.prompts || changes.resources;
                self.changes.extend(changes);
            }
        }
        if has_other_lists {
            self.encode();
        }
    }

    /// Lets other rulings hold from the next call on. Says whether the list of tools is another one now; it is told to those
    /// who listen.
    pub fn replace_rulings(&mut self, rulings: Rulings) -> bool {
        let catalogue = Arc::new(self.catalogue.under(rulings));
        // Who may see other objects than before has another list of resources.
        self.changes.resources |= !catalogue.has_same_object_lists(&self.catalogue);
        self.catalogue = catalogue;
        for offer in &mut self.offers {
            offer.on_catalogue(&self.catalogue);
        }
        let before = std::mem::replace(&mut self.tools, entries(&self.catalogue));
        self.predecessor = predecessor::Encoded::new(&self.catalogue);
        let is_other = before != self.tools;
        if is_other {
            self.changes.tools = true;
            self.encode();
        }
        is_other
    }

    /// Whether rulings may be exchanged while the server runs.
    pub fn rulings_may_change(&self) -> bool {
        self.catalogue.may_change()
    }

    /// Keeps what a job told about the account, for others who ask the same.
    pub fn keep(&mut self, share: &Share, kept: &Arc<Kept>, now: Instant) {
        for offer in &mut self.offers {
            offer.keep(share, kept, now);
        }
    }

    /// Adds to an error about an object the names that are nearly the one it complains about.
    pub fn suggest(&self, who: &Who, error: &mut backend::Error) {
        if error.kind != backend::Kind::NotFound || !error.near.is_empty() {
            return;
        }
        if let Some(name) = near::name_in(&error.message) {
            let near = self.offers.iter().flat_map(|offer| offer.near(who, &name));
            error.near = near.take(NEAR_MAX).collect();
        }
    }

    /// A job, unless its answer was kept.
    fn work_or_kept(&mut self, mut call: ToolCall, now: Now) -> Outcome {
        // The caller may have chosen another connection or role than the tool began with.
        if let Some(share) = &mut call.work.share {
            share.key.who = call.work.context.who();
        }
        let Some(share) = call.work.share.as_ref().filter(|share| !share.is_fresh) else {
            return Outcome::Work(Box::new(call));
        };
        let mut offers = self.offers.iter_mut();
        match offers.find_map(|offer| offer.kept(share, now.monotonic)) {
            Some((kept, age)) => Outcome::result(call.finish.framed(&kept, Some(age))),
            None => Outcome::Work(Box::new(call)),
        }
    }

    fn encode(&mut self) {
        let (tools, offers) = (&self.tools, &self.offers);
        let offered = Offered {
            has_fences: self.fences.is_some(),
            ..offered(offers, tools, &self.catalogue)
        };
        self.encoded = Revision::ALL.map(|revision| Encoded::new(tools, offers, offered, revision));
        let entries = offers.iter().flat_map(|offer| offer.tools()).chain(tools);
        self.annotated = entries
            .map(|tool| (tool.name.clone(), Annotated::of_schema(&tool.input_schema)))
            .filter(|(_, annotated)| !annotated.is_empty())
            .collect();
    }

    fn has_resources(&self) -> bool {
        offered(&self.offers, &self.tools, &self.catalogue).has_resources
    }

    fn has_prompts(&self) -> bool {
        offered(&self.offers, &self.tools, &self.catalogue).has_prompts
    }

    /// The prompt called `name`.
    fn prompt(&self, name: &str) -> Option<&PromptEntry> {
        let mut prompts = self.offers.iter().flat_map(|offer| offer.prompts());
        prompts.find(|prompt| prompt.name == name)
    }

    /// Names of the tools, in the order in which they are listed: for `/status`.
    pub fn tool_names(&self) -> impl Iterator<Item = &'static str> {
        self.catalogue.tools().iter().map(|tool| tool.name)
    }

    /// The statements that ran, to be told what becomes of them.
    pub fn history(&mut self) -> &mut History {
        &mut self.history
    }

    /// What signs the tokens that clients keep.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What `message` leads to. [`Service::take_changes`] is to be asked afterwards.
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
            Ok(Era::Modern) => {
                let climbed = ladder::climb(context.fields, &call.method, &params).and_then(|revision| {
                    self.check_param_fields(context, &call.method, &params)
                        .map(|()| revision)
                });
                match climbed {
                    Ok(revision) => revision,
                    Err(error) => return Outcome::refused(error),
                }
            }
        };
        let abilities = if revision.is_modern() {
            Abilities::parse(params.meta.client_capabilities)
        } else {
            context.abilities
        };
        let request = Request {
            id: call.id.as_json(),
            revision,
            abilities,
            params,
            context: *context,
        };
        match methods::find(&call.method, revision) {
            Some(handler) => handler(self, &request),
            None => methods::no_such_method(&request, &call.method),
        }
    }

    /// The rung of the ladder that needs to know the tools: whether `Mcp-Param-*` fields say what the arguments say.
    fn check_param_fields(
        &self,
        context: &Context<'_>,
        method: &str,
        params: &Params<'_>,
    ) -> Result<(), rpc::Error> {
        let Some(fields) = context
            .fields
            .filter(|_| method == "tools/call" && !self.annotated.is_empty())
        else {
            return Ok(());
        };
        let name = params.name.and_then(json::text).unwrap_or_default();
        match self.annotated.iter().find(|(tool, _)| *tool == name) {
            Some((_, annotated)) => annotated.check(params.arguments, fields.params),
            None => Ok(()),
        }
    }

    /// What stands around what is told of the account.
    fn account_form(&self, revision: Revision) -> tools::Form {
        revision.account_form(self.limits.metadata_ttl)
    }

    fn encoded(&self, revision: Revision) -> &Encoded {
        &self.encoded[revision as usize]
    }
}

/// Names that an error offers.
const NEAR_MAX: usize = 3;

/// What the list says of the catalogue's tools.
fn entries(catalogue: &Catalogue) -> Vec<ToolEntry> {
    let writes = catalogue.writes();
    let tools = catalogue.tools().iter();
    tools.map(|tool| lists::entry_of(tool, &writes)).collect()
}

/// What is there to be asked for, in any of the offers.
fn offered(offers: &[Box<dyn Offer>], tools: &[ToolEntry], catalogue: &Catalogue) -> Offered {
    let mut entries = offers.iter().flat_map(|offer| offer.tools()).chain(tools);
    let mut offered = Offered {
        has_tasks: entries.any(|tool| tool.task_support != tasks::Support::Forbidden),
        changeable: Changeable {
            tools: catalogue.may_change(),
            ..Changeable::default()
        },
        has_resources: false,
        has_prompts: false,
        has_fences: false,
        may_write: !catalogue.writes().is_empty(),
        has_connections: catalogue.connections().next().is_some(),
    };
    for offer in offers {
        let Changeable {
            tools,
            prompts,
            resources,
            contents,
        } = offer.changeable();
        offered.changeable.tools |= tools;
        offered.changeable.prompts |= prompts;
        offered.changeable.resources |= resources;
        offered.changeable.contents |= contents;
        offered.has_prompts |= prompts || !offer.prompts().is_empty();
        offered.has_resources |= resources
            || offer.has_found_resources()
            || !offer.resources().is_empty()
            || !offer.templates().is_empty();
    }
    offered
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
