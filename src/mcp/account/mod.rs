//! What the account itself offers: its databases, schemas, tables and views as resources, prompts about them, and
//! completions of their names.
//!
//! Nothing is kept here. Every answer is a job under the same guard, bounds and role as the tools'. Nothing is promised to
//! change either: nobody looks at the account unless asked.

mod completing;
mod prompting;

use std::sync::Arc;

use super::completion;
use super::entry::{PromptEntry, ResourceEntry, TemplateEntry};
use super::lists::{push_cursor, push_list};
use super::offer::{Asked, Completing, Offer, Page, Reply};
use crate::backend::job::Work;
use crate::json;
use crate::rpc;
use crate::sql::identifier::Identifier;
use crate::tools::document::MIME_TYPE;
use crate::tools::lookup::{Name, Sought, Wanted};
use crate::tools::place::Place;
use crate::tools::{Catalogue, Refusal};

/// The account as an offer.
#[derive(Debug)]
pub(super) struct Account {
    catalogue: Arc<Catalogue>,
    prompts: Vec<PromptEntry>,
    templates: Vec<TemplateEntry>,
}

impl Account {
    /// The account that these tools look at.
    pub(super) fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            catalogue,
            prompts: prompting::entries(),
            templates: templates(),
        }
    }
}

impl Offer for Account {
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
        let wanted = Wanted {
            after: page.after.clone(),
            names_max: page.entries_max,
            ..Wanted::default()
        };
        let work = self.catalogue.look_up(&Sought::Databases, wanted, move |found| {
            let last = found.names.last().filter(|_| found.has_more);
            let cursor = page.cursor.next(last.map(|name| name.name));
            let entries: Vec<_> = found.names.iter().filter_map(database_entry).collect();
            let mut members = Vec::new();
            push_list(&mut members, "resources", entries.iter(), revision);
            push_cursor(&mut members, cursor.as_deref());
            form.object(&[&members])
        });
        Some(reply(work))
    }

    fn read_resource(&mut self, uri: &str, asked: &Asked<'_>) -> Option<Reply> {
        let place = Place::of_uri(uri)?;
        let form = asked.form;
        let mut head = b"\"contents\":[{\"uri\":".to_vec();
        json::push_string(&mut head, uri);
        head.extend_from_slice(format!(",\"mimeType\":\"{MIME_TYPE}\",\"text\":\"").as_bytes());
        let work = self.catalogue.document(place, move |text| {
            let parts: Vec<&[u8]> = [&*head].into_iter().chain(text.iter().copied()).collect();
            form.object(&[parts.as_slice(), &[b"\"}]"]].concat())
        });
        Some(reply(work))
    }

    fn prompt(&mut self, name: &str, asked: &Asked<'_>) -> Option<Reply> {
        let prompt = prompting::text(name, asked)?;
        Some(match prompt {
            Ok(text) => Reply::Result(prompting::members(&text)),
            Err(error) => Reply::Error(error),
        })
    }

    fn complete(&mut self, of: &Completing<'_>, asked: &Asked<'_>) -> Option<Reply> {
        let form = asked.form;
        let sought = completing::sought(of.argument, asked)?;
        let wanted = Wanted {
            prefix: of.value.trim_start_matches('"').to_owned(),
            after: None,
            names_max: completion::VALUES_MAX,
        };
        let work = self.catalogue.look_up(&sought, wanted, move |found| {
            let names: Vec<_> = found.names.iter().map(|name| name.to_display()).collect();
            form.object(&[&completion::members(&names, found.total, found.has_more)])
        });
        Some(reply(work))
    }
}

fn reply(work: Result<Work, Refusal>) -> Reply {
    match work {
        Ok(work) => Reply::Work(Box::new(work)),
        Err(refusal) => Reply::Error(rpc::Error::invalid_params(refusal)),
    }
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

fn templates() -> Vec<TemplateEntry> {
    let template = |uri_template: &str, name: &str, title: &str, description: &str| TemplateEntry {
        uri_template: uri_template.to_owned(),
        name: name.to_owned(),
        title: Some(title.to_owned()),
        description: description.to_owned(),
        mime_type: Some(MIME_TYPE.to_owned()),
        icons: Vec::new(),
    };
    vec![
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
    ]
}

#[cfg(test)]
mod tests;
