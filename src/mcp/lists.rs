//! The four lists: tools, prompts, resource templates and resources.
//!
//! The first three are known and short, so each has one page, encoded once for each revision and again when an offer
//! says that it changed. Resources come in pages: first those that are known, then those that have to be looked up, offer
//! by offer.

use std::sync::Arc;

use super::cursor::{self, Maker, Position};
use super::entry::{Entry, ResourceEntry, ToolEntry};
use super::methods::{Request, no_such_method, reply_with};
use super::offer::{Changeable, Offer, Page};
use super::{Failure, Outcome, Payload, Revision, Service, tasks};
use crate::sql::guard::Write;
use crate::tools::{self, Tool};
use crate::{json, rpc};

/// Entries of a page of resources: a screenful for people, some 20 KiB for a model.
const ENTRIES_MAX: usize = 100;

/// Lists of one page, as `result` members.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) tools: Arc<[u8]>,
    prompts: Arc<[u8]>,
    templates: Arc<[u8]>,
}

impl Encoded {
    /// The lists of these tools and offers in `revision`, of which those may change that `changeable` says.
    pub(super) fn new(
        tools: &[ToolEntry],
        offers: &[Box<dyn Offer>],
        changeable: Changeable,
        revision: Revision,
    ) -> Self {
        let offered = offers.iter().flat_map(|offer| offer.tools());
        Self {
            tools: list("tools", tools.iter().chain(offered), revision, changeable.tools),
            prompts: list(
                "prompts",
                offers.iter().flat_map(|offer| offer.prompts()),
                revision,
                changeable.prompts,
            ),
            templates: list(
                "resourceTemplates",
                offers.iter().flat_map(|offer| offer.templates()),
                revision,
                changeable.resources,
            ),
        }
    }
}

/// What the list says of a tool of the catalogue.
pub(super) fn entry_of(tool: &Tool, writes: &[Write]) -> ToolEntry {
    let mut schema = Vec::new();
    tool.push_input_schema(&mut schema);
    let mut annotations = b"{\"title\":".to_vec();
    json::push_string(&mut annotations, tool.title);
    annotations.push(b',');
    annotations.extend_from_slice(tools::annotations(tool, writes).as_bytes());
    annotations.push(b'}');
    let text = |json| String::from_utf8(json).expect("made of strings and ASCII");
    ToolEntry {
        name: tool.name.to_owned(),
        title: Some(tool.title.to_owned()),
        description: tools::description(tool, writes),
        input_schema: text(schema),
        output_schema: Some(tool.output_schema.to_owned()),
        annotations: Some(text(annotations)),
        task_support: tasks::support_of(tool),
        icons: Vec::new(),
    }
}

fn list<'a, E: Entry + 'a>(
    name: &str,
    entries: impl Iterator<Item = &'a E>,
    revision: Revision,
    can_change: bool,
) -> Arc<[u8]> {
    let mut result = b"{".to_vec();
    result.extend_from_slice(revision.result_before().as_bytes());
    push_list(&mut result, name, entries, revision);
    if revision.has_caching_hints() {
        result.push(b',');
        result.extend_from_slice(caching_hints(can_change).as_bytes());
    }
    result.extend_from_slice(revision.result_after().as_bytes());
    result.push(b'}');
    result.into()
}

/// Appends `"name":[…]`.
pub(super) fn push_list<'a, E: Entry + 'a>(
    into: &mut Vec<u8>,
    name: &str,
    entries: impl Iterator<Item = &'a E>,
    revision: Revision,
) {
    json::push_string(into, name);
    into.extend_from_slice(b":[");
    for (index, entry) in entries.enumerate() {
        if index > 0 {
            into.push(b',');
        }
        entry.push_json(into, revision);
    }
    into.push(b']');
}

/// How long clients may keep what is the same for all of them: an hour what never changes while the server runs, so that an
/// upgrade is seen the same day; a minute what can. Who listens is told earlier.
pub(super) const fn caching_hints(can_change: bool) -> &'static str {
    if can_change {
        r#""ttlMs":60000,"cacheScope":"public""#
    } else {
        r#""ttlMs":3600000,"cacheScope":"public""#
    }
}

pub(super) fn on_tools_list(service: &mut Service, request: &Request<'_>) -> Outcome {
    only_page(request, &service.encoded(request.revision).lists.tools)
}

pub(super) fn on_prompts_list(service: &mut Service, request: &Request<'_>) -> Outcome {
    if !service.has_prompts() {
        return no_such_method(request, "prompts/list");
    }
    only_page(request, &service.encoded(request.revision).lists.prompts)
}

pub(super) fn on_templates_list(service: &mut Service, request: &Request<'_>) -> Outcome {
    if !service.has_resources() {
        return no_such_method(request, "resources/templates/list");
    }
    only_page(request, &service.encoded(request.revision).lists.templates)
}

fn only_page(request: &Request<'_>, list: &Arc<[u8]>) -> Outcome {
    match cursor::only_page(request.params.cursor) {
        Ok(()) => Outcome::result(Payload::Shared(Arc::clone(list))),
        Err(error) => Outcome::error(error),
    }
}

pub(super) fn on_resources_list(service: &mut Service, request: &Request<'_>) -> Outcome {
    if !service.has_resources() {
        return no_such_method(request, "resources/list");
    }
    let context = &request.context;
    let position = Position::parse(
        request.params.cursor,
        &service.keys,
        context.principal,
        context.now.wall,
    );
    let position = match position {
        Ok(position) => position,
        Err(error) => return Outcome::error(error),
    };
    match position.section {
        0 if service.offers.iter().any(|offer| !offer.resources().is_empty()) => {
            known(service, request, position)
        }
        0 => found(service, request, first_section(&service.offers, 0), None),
        section => found(service, request, Some(section), position.after),
    }
}

/// A page of the resources that are known: section 0.
fn known(service: &Service, request: &Request<'_>, position: Position) -> Outcome {
    let begin = position
        .after
        .map_or(Some(0), |after| after.parse::<usize>().ok());
    let entries: Vec<&ResourceEntry> = service
        .offers
        .iter()
        .flat_map(|offer| offer.resources())
        .collect();
    // Entries may have gone since the cursor was made.
    let rest = begin.and_then(|begin| entries.get(begin..)).unwrap_or_default();
    let page = &rest[..rest.len().min(ENTRIES_MAX)];
    let end = entries.len() - rest.len() + page.len();
    let last = (end < entries.len()).then(|| end.to_string());
    let cursor = maker(service, request, 0).next(last.as_deref());
    let mut members = Vec::new();
    push_list(&mut members, "resources", page.iter().copied(), request.revision);
    push_cursor(&mut members, cursor.as_deref());
    let form = service.account_form(request.revision);
    Outcome::result(Payload::Owned(form.object(&[&members])))
}

/// A page of the resources that have to be looked up: section n is the offer n - 1.
fn found(
    service: &mut Service,
    request: &Request<'_>,
    section: Option<u8>,
    after: Option<String>,
) -> Outcome {
    let Some(section) = section else {
        let mut members = Vec::new();
        push_list(
            &mut members,
            "resources",
            std::iter::empty::<&ResourceEntry>(),
            request.revision,
        );
        let form = service.account_form(request.revision);
        return Outcome::result(Payload::Owned(form.object(&[&members])));
    };
    let page = Page {
        after,
        entries_max: ENTRIES_MAX,
        cursor: maker(service, request, section),
    };
    let hears = request.hears();
    let asked = request.asked(service.account_form(request.revision), &hears);
    let offer = service.offers.get_mut(usize::from(section) - 1);
    match offer.and_then(|offer| offer.list_resources(page, &asked)) {
        Some(reply) => reply_with(service, request, "resources/list", Failure::ErrorReply, reply),
        None => Outcome::error(rpc::Error::invalid_params("cursor is not one of this server's")),
    }
}

fn maker(service: &Service, request: &Request<'_>, section: u8) -> Maker {
    Maker {
        keys: service.keys.clone(),
        principal: request.context.principal.into(),
        now: request.context.now.wall,
        section,
        next_section: first_section(&service.offers, section),
    }
}

/// The first section behind `section` with resources that have to be looked up.
fn first_section(offers: &[Box<dyn Offer>], section: u8) -> Option<u8> {
    let behind = usize::from(section)..offers.len();
    let index = behind
        .into_iter()
        .find(|&index| offers[index].has_found_resources())?;
    u8::try_from(index + 1).ok()
}

/// Appends `,"nextCursor":…` where there is one.
pub(super) fn push_cursor(into: &mut Vec<u8>, cursor: Option<&str>) {
    if let Some(cursor) = cursor {
        into.extend_from_slice(b",\"nextCursor\":");
        json::push_string(into, cursor);
    }
}
