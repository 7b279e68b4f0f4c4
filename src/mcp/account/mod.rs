//! What the account itself offers: its databases, schemas, tables and views as resources, prompts about them, and
//! completions of their names.
//!
//! Every answer is a job under the same guard, bounds and role as the tools', or what such a job told a short while ago
//! ([`cache`]). Nobody looks at the account unless asked: that it has changed is noticed when what is told now differs
//! from what was told before.

mod cache;
mod completing;
mod prompting;

use std::sync::Arc;
use std::time::Duration;

use super::Revision;
use super::completion;
use super::entry::{PromptEntry, ResourceEntry, TemplateEntry};
use super::lists::{push_cursor, push_list};
use super::offer::{Asked, Changeable, Changes, Completing, Offer, Page, Reply};
use crate::backend::job::Work;
use crate::backend::kept::{self, Kept, Key, Share, Who};
use crate::limits::Limits;
use crate::rpc;
use crate::sql::identifier::Identifier;
use crate::time::Instant;
use crate::tools::document::MIME_TYPE;
use crate::tools::lookup::{Name, Names, Sought, Wanted};
use crate::tools::place::Place;
use crate::tools::result;
use crate::tools::{Catalogue, Refusal};
use cache::{Cache, Compared};

/// The account as an offer.
#[derive(Debug)]
pub(super) struct Account {
    catalogue: Arc<Catalogue>,
    prompts: Vec<PromptEntry>,
    templates: Vec<TemplateEntry>,
    cache: Cache,
    changes: Changes,
}

impl Account {
    /// The account that these tools look at.
    pub(super) fn new(catalogue: Arc<Catalogue>, limits: &Limits) -> Self {
        Self {
            prompts: prompting::entries(&catalogue),
            templates: templates(&catalogue),
            catalogue,
            cache: Cache::new(limits),
            changes: Changes::default(),
        }
    }

    /// The names of a listing, if they were told a short while ago: all of them, or the first ones of too many.
    fn names(&mut self, sought: &Sought, connection: Option<&str>, asked: &Asked<'_>) -> Option<Arc<Kept>> {
        let mut key = self.catalogue.share_of(sought).key;
        key.who.identity = asked.login.map_or("", |login| login.mark()).into();
        if let Some(connection) = connection {
            key.who.connection = connection.into();
        }
        let (kept, _) = self.cache.find(&key, asked.now.monotonic)?;
        Some(kept)
    }

    fn note(&mut self, share: &Share, key: &Key) {
        match (key.subject, key.form, &share.uri) {
            (kept::Subject::Databases, kept::Form::Names, _) => self.changes.resources = true,
            (_, _, Some(uri))
                if self.changes.updated.len() < UPDATES_MAX && !self.changes.updated.contains(uri) =>
            {
                self.changes.updated.push(uri.clone());
            }
            _ => {}
        }
    }
}

/// Updates of one turn; the server takes them after every message and every job.
const UPDATES_MAX: usize = 64;

impl Offer for Account {
    fn changeable(&self) -> Changeable {
        Changeable {
            resources: true,
            contents: true,
            ..Changeable::default()
        }
    }

    fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    fn kept(&mut self, share: &Share, now: Instant) -> Option<(Arc<Kept>, Duration)> {
        let is_whole_reply = share.key.form != kept::Form::Names;
        self.cache.find(&share.key, now).filter(|_| is_whole_reply)
    }

    fn keep(&mut self, share: &Share, kept: &Arc<Kept>, now: Instant) {
        let mut keys = vec![share.key.clone()];
        if share.key.form != kept::Form::Names && !kept.names.is_empty() {
            keys.push(share.key.of_names());
        }
        for key in keys {
            if self.cache.keep(key.clone(), Arc::clone(kept), now) == Compared::Other {
                self.note(share, &key);
            }
        }
    }

    fn on_catalogue(&mut self, catalogue: &Arc<Catalogue>) {
        self.catalogue = Arc::clone(catalogue);
    }

    fn near(&self, who: &Who, name: &str) -> Vec<Box<str>> {
        // What was told to others may be kept from who asks now.
        if self.catalogue.has_object_lists() {
            return Vec::new();
        }
        self.cache.near(who, name)
    }

    fn prompts(&self) -> &[PromptEntry] {
        &self.prompts
    }

    fn templates(&self) -> &[TemplateEntry] {
        &self.templates
    }

    fn has_found_resources(&self) -> bool {
        true
    }

    fn list_resources(&mut self, page: Page, asked: &Asked<'_>) -> Option<Reply> {
        let (form, revision) = (asked.form, asked.revision);
        let visible = match self.catalogue.visible(asked.principal, &Sought::Databases) {
            Ok(visible) => visible,
            Err(refusal) => return Some(reply(Err(refusal))),
        };
        if let Some(kept) = self
            .names(&Sought::Databases, None, asked)
            .filter(|kept| kept.is_whole)
        {
            let after = page.after.as_deref();
            let found = Names::of_kept(&kept, &visible, "", after, page.entries_max);
            return Some(Reply::Result(resources_members(&found, &page, revision)));
        }
        let wanted = Wanted {
            after: page.after.clone(),
            names_max: page.entries_max,
            is_for_all: page.after.is_none(),
            ..Wanted::default()
        };
        let sought = Sought::Databases;
        let work = self
            .catalogue
            .look_up(asked.principal, &sought, wanted, move |found| {
                form.object(&[&resources_members(found, &page, revision)])
            });
        Some(reply(work))
    }

    fn read_resource(&mut self, uri: &str, asked: &Asked<'_>) -> Option<Reply> {
        let place = Place::of_uri(uri)?;
        Some(reply(self.catalogue.document(asked.principal, place)))
    }

    fn prompt(&mut self, name: &str, asked: &Asked<'_>) -> Option<Reply> {
        let prompt = prompting::text(name, asked, &self.catalogue)?;
        if let Some(place) = completing::place(asked)
            && let Err(refusal) = self.catalogue.check_place(asked.principal, &place)
        {
            return Some(reply(Err(refusal)));
        }
        Some(match prompt {
            Ok(text) => Reply::Result(prompting::members(&text)),
            Err(error) => Reply::Error(error),
        })
    }

    fn complete(&mut self, of: &Completing<'_>, asked: &Asked<'_>) -> Option<Reply> {
        let form = asked.form;
        if of.argument == completing::CONNECTION {
            let names = completing::connections(&self.catalogue, of.value);
            let total = names.len() as u64;
            return Some(Reply::Result(completion::members(&names, Some(total), false)));
        }
        let connection = completing::connection(&self.catalogue, asked).ok()?;
        let sought = completing::sought(of.argument, asked)?;
        let prefix = of.value.trim_start_matches('"');
        let Ok(visible) = self.catalogue.visible(asked.principal, &sought) else {
            return Some(Reply::Result(completion::members(&[], Some(0), false)));
        };
        let kept = self.names(&sought, connection.as_deref(), asked);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_whole) {
            let found = Names::of_kept(kept, &visible, prefix, None, completion::VALUES_MAX);
            let names: Vec<_> = found.names.iter().map(|name| name.to_display()).collect();
            return Some(Reply::Result(completion::members(
                &names,
                found.total,
                found.has_more,
            )));
        }
        let wanted = Wanted {
            prefix: prefix.to_owned(),
            after: None,
            names_max: completion::VALUES_MAX,
            // All are read, so that the next letter needs nothing; of too many, those that can be meant.
            is_for_all: kept.is_none(),
        };
        let work = self
            .catalogue
            .look_up(asked.principal, &sought, wanted, move |found| {
                let names: Vec<_> = found.names.iter().map(|name| name.to_display()).collect();
                form.object(&[&completion::members(&names, found.total, found.has_more)])
            });
        Some(reply(work.map(|mut work| {
            work.context.connection = connection;
            work
        })))
    }
}

fn reply(work: Result<Work, Refusal>) -> Reply {
    match work {
        Ok(work) => Reply::Work(Box::new(work)),
        Err(refusal) => Reply::Error(rpc::Error::invalid_params(refusal)),
    }
}

/// A page of the list of databases.
fn resources_members(found: &Names<'_>, page: &Page, revision: Revision) -> Vec<u8> {
    let last = found.names.last().filter(|_| found.has_more);
    let cursor = page.cursor.next(last.map(|name| name.name));
    let entries: Vec<_> = found.names.iter().filter_map(database_entry).collect();
    let mut members = Vec::new();
    push_list(&mut members, "resources", entries.iter(), revision);
    push_cursor(&mut members, cursor.as_deref());
    members
}

/// What the list says of a database.
fn database_entry(name: &Name<'_>) -> Option<ResourceEntry> {
    let database = Identifier::exact(name.name).ok()?;
    let display = name.to_display();
    Some(ResourceEntry {
        uri: Place::new(database, None, None).to_uri(),
        description: match name.comment {
            Some(comment) => comment.to_owned(),
            None => format!("The schemas of the database {display}"),
        },
        name: display,
        title: None,
        mime_type: Some(MIME_TYPE.to_owned()),
        icons: Vec::new(),
    })
}

fn templates(catalogue: &Catalogue) -> Vec<TemplateEntry> {
    let template = |uri_template: &str, name: &str, title: &str, description: &str| TemplateEntry {
        uri_template: uri_template.to_owned(),
        name: name.to_owned(),
        title: Some(title.to_owned()),
        description: description.to_owned(),
        mime_type: Some(MIME_TYPE.to_owned()),
        icons: Vec::new(),
    };
    let rows = |uri_template: &str, name: &str, title: &str, description: &str| TemplateEntry {
        mime_type: Some(result::MIME_TYPE.to_owned()),
        ..template(uri_template, name, title, description)
    };
    let mut templates = vec![
        template(
            "snowflake://{database}",
            "database",
            "Database",
            "The schemas of a database, with comments. Names are read as in SQL: plain ones in upper case, others in double quotes.",
        ),
        template(
            "snowflake://{database}/{schema}",
            "schema",
            "Schema",
            "The tables and views of a schema, with rows and comments.",
        ),
        template(
            "snowflake://{database}/{schema}/{object}",
            "object",
            "Table or view",
            "The columns of a table or view with types and comments, and the statement that makes it.",
        ),
        rows(
            result::TEMPLATE,
            "result",
            "Rows of a statement",
            "The rows of a statement that was run before, by its query id, as JSON: from the first on, with a cursor for get_query_result where there are more.",
        ),
    ];
    if catalogue.connections().next().is_some() {
        templates.push(rows(
            result::TEMPLATE_OF_CONNECTION,
            "result_of_connection",
            "Rows of a statement, by connection",
            "The same for a statement that ran through another connection than the first.",
        ));
    }
    templates
}

#[cfg(test)]
mod tests;
