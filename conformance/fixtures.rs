//! Everything that the suite asks for by name, as an [`Offer`].

use snowflake_mcp::mcp::entry::{PromptEntry, ResourceEntry, TemplateEntry, ToolEntry};
use snowflake_mcp::mcp::offer::{Asked, Changeable, Changes, Completing, Offer, Reply};

use crate::tools::Call;
use crate::{prompts, reply, resources, tools};

/// The fixtures: what is listed now, and what has changed since somebody asked.
#[derive(Debug)]
pub(crate) struct Fixtures {
    tools: Vec<ToolEntry>,
    prompts: Vec<PromptEntry>,
    resources: Vec<ResourceEntry>,
    templates: Vec<TemplateEntry>,
    changes: Changes,
}

impl Fixtures {
    pub(crate) fn new() -> Self {
        Self {
            tools: tools::entries(),
            prompts: prompts::entries(),
            resources: resources::entries(),
            templates: resources::templates(),
            changes: Changes::default(),
        }
    }

    /// Lists one tool more than before, or one less: clients that listen are told.
    pub(crate) fn change_tools(&mut self) {
        toggle(&mut self.tools, tools::sometimes());
        self.changes.tools = true;
    }

    /// The same with prompts.
    pub(crate) fn change_prompts(&mut self) {
        toggle(&mut self.prompts, prompts::sometimes());
        self.changes.prompts = true;
    }

    /// The watched resource has other contents: clients that subscribed to it are told.
    pub(crate) fn change_contents(&mut self) {
        self.changes.updated.push(resources::WATCHED.into());
    }
}

impl Offer for Fixtures {
    fn changeable(&self) -> Changeable {
        Changeable {
            tools: true,
            prompts: true,
            resources: false,
            contents: true,
        }
    }

    fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    fn tools(&self) -> &[ToolEntry] {
        &self.tools
    }

    fn prompts(&self) -> &[PromptEntry] {
        &self.prompts
    }

    fn resources(&self) -> &[ResourceEntry] {
        &self.resources
    }

    fn templates(&self) -> &[TemplateEntry] {
        &self.templates
    }

    fn call_tool(&mut self, name: &str, asked: &Asked<'_>) -> Option<Reply> {
        let is_listed = self.tools.iter().any(|tool| tool.name == name);
        match tools::find(name).filter(|_| is_listed)? {
            Call::Replies(reply) => Some(reply(asked)),
            Call::Changes(change) => {
                change(self);
                Some(reply::result(&reply::says("Something has changed")))
            }
        }
    }

    fn read_resource(&mut self, uri: &str, _asked: &Asked<'_>) -> Option<Reply> {
        resources::read(uri)
    }

    fn prompt(&mut self, name: &str, asked: &Asked<'_>) -> Option<Reply> {
        let is_listed = self.prompts.iter().any(|prompt| prompt.name == name);
        let get = prompts::find(name).filter(|_| is_listed)?;
        Some(get(asked))
    }

    fn complete(&mut self, of: &Completing<'_>, _asked: &Asked<'_>) -> Option<Reply> {
        prompts::complete(of)
    }
}

/// Takes `entry` out of the list it is in, or adds it.
fn toggle<T: PartialEq>(entries: &mut Vec<T>, entry: T) {
    match entries.iter().position(|other| *other == entry) {
        Some(place) => drop(entries.remove(place)),
        None => entries.push(entry),
    }
}

#[cfg(test)]
mod tests;
