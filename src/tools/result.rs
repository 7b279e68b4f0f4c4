//! An earlier statement's rows as a resource: its URI, the link to it that stands in a tool's result, and the document.
//!
//! The URI is `snowflake://result/{id}`, with the statement's query id; where there are several connections, links name the
//! one that ran it: `snowflake://result/{connection}/{id}`. It cannot be taken for a place in the account: the
//! word is in lower case, and a query id has a hyphen, which no plain name has.
//!
//! A document is what `get_query_result` gives from the first row on, by the same way: whoever may not read a statement's
//! rows by the tool may not read them here.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::cursor::Place;
use super::existing::{query_id_in, rows_work};
use super::names::text_property;
use super::page::{Page, format_property, limit_property, tokens_property};
use super::place::{SCHEME, percent_decoded, percent_encoded};
use super::render::{Figures, Form, missing_result};
use super::schema::Arguments;
use super::{Begun, Call, Catalogue, Refusal, Refused, Settings, Tool, choice};
use crate::backend::Answer;
use crate::backend::job::{Patience, Work};
use crate::backend::rows::Position;
use crate::ident::QueryId;
use crate::json;

/// The media type of the document.
pub const MIME_TYPE: &str = "application/json";

/// The method that reads it, by which its statements are marked.
const METHOD: &str = "resources/read";

/// Rows that can be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultPlace {
    connection: Option<String>,
    query_id: QueryId,
}

impl ResultPlace {
    /// Those of this statement, run through this connection; without one, through that of calls that name none.
    fn new(connection: Option<&str>, query_id: QueryId) -> Self {
        Self {
            connection: connection.map(str::to_owned),
            query_id,
        }
    }

    /// The rows that a URI names; `None` for one of another form.
    pub fn of_uri(uri: &str) -> Option<Self> {
        let parts = uri.strip_prefix(SCHEME)?.strip_prefix(AUTHORITY)?;
        let (connection, id) = match parts.rsplit_once('/') {
            None => (None, parts),
            Some((connection, id)) => (Some(percent_decoded(connection)?), id),
        };
        let is_odd = |name: &String| name.is_empty() || name.contains('/');
        if !id.contains('-') || connection.as_ref().is_some_and(is_odd) {
            return None;
        }
        Some(Self {
            connection,
            query_id: QueryId::parse(id)?,
        })
    }

    /// The URI.
    pub fn to_uri(&self) -> String {
        let connection = self.connection.as_deref();
        let connection = connection.map_or(String::new(), |name| percent_encoded(name) + "/");
        format!("{SCHEME}{AUTHORITY}{connection}{}", self.query_id)
    }
}

const AUTHORITY: &str = "result/";

/// The content block that leads to the rows of this statement. `None` for an id that no URI can be made of.
pub(super) fn link(connection: Option<&str>, query_id: &str) -> Option<Vec<u8>> {
    let uri = ResultPlace::new(connection, QueryId::parse(query_id)?).to_uri();
    ResultPlace::of_uri(&uri)?;
    let mut link = b"{\"type\":\"resource_link\",\"uri\":".to_vec();
    json::push_string(&mut link, &uri);
    link.extend_from_slice(br#","name":"result","title":"Rows of the statement","description":"The statement's rows from the first on, as JSON; its next_cursor goes to get_query_result.","mimeType":""#);
    link.extend_from_slice(MIME_TYPE.as_bytes());
    link.extend_from_slice(b"\"}");
    Some(link)
}

/// What reads a document: a tool that is not listed, so that everything that holds for one holds here.
pub(super) fn reader(settings: &Settings) -> Tool {
    Tool {
        name: METHOD,
        title: "",
        description: "",
        properties: vec![
            text_property("query_id", true, ""),
            limit_property(settings.rows_max, settings.rows_max),
            format_property(),
            tokens_property(settings),
        ],
        output_schema: "",
        begin,
    }
}

fn begin(settings: &Arc<Settings>, arguments: &Arguments<'_>, call: &Call<'_>) -> Result<Begun, Refusal> {
    let query_id = query_id_in(arguments)?;
    let connection = arguments
        .is_known("connection")
        .then(|| arguments.text("connection"));
    let uri = ResultPlace::new(connection.flatten(), query_id.clone()).to_uri();
    let page = Page::new(settings, arguments, call);
    let (form, limit) = (call.form, page.limit);
    let render = move |answer: Answer| match answer.results.first() {
        Some(result) => page.document(result, &answer, &uri),
        None => missing_result(form),
    };
    let place = Place {
        query_id,
        position: Position::default(),
        connection: choice::connection(settings, arguments),
    };
    Ok(rows_work(settings, call, place, limit, render)?.into())
}

impl Catalogue {
    /// Work that makes the document with the rows at `place`. `meanwhile` is what the protocol wants around the one that says
    /// that the statement still runs.
    ///
    /// # Errors
    /// The caller may not read them, or there is no such connection.
    pub fn rows_document(
        &self,
        place: &ResultPlace,
        call: &Call<'_>,
        meanwhile: Form,
    ) -> Result<Box<Work>, Refused> {
        let mut arguments = b"{\"format\":\"json\",\"query_id\":".to_vec();
        json::push_string(&mut arguments, place.query_id.as_str());
        if let Some(connection) = &place.connection {
            arguments.extend_from_slice(b",\"connection\":");
            json::push_string(&mut arguments, connection);
        }
        arguments.push(b'}');
        let arguments: Option<&RawValue> = serde_json::from_slice(&arguments).ok();
        let Begun::Work(mut work) = self.begin(&self.reader, arguments, call)? else {
            return Err(Refused::default());
        };
        let uri = place.to_uri();
        work.patience = Some(Patience::new(
            self.settings.call_wait,
            move |query_id, elapsed| {
                let figures = Figures {
                    returned: 0,
                    is_truncated: false,
                    total: None,
                    query_id: Some(query_id),
                    elapsed,
                };
                let mut text = b"{\"truncated\":false,\"status\":\"running\"".to_vec();
                figures.push_details(&mut text);
                text.extend_from_slice(
                b",\"message\":\"The statement still runs; read the resource again later.\",\"columns\":[],\"rows\":[]}",
            );
                let mut escaped = Vec::new();
                json::push_string_body(&mut escaped, &String::from_utf8_lossy(&text));
                contents(meanwhile, &uri, &[&escaped])
            },
        ));
        Ok(work)
    }
}

/// The result with this text, which is the inside of a JSON string in parts.
pub(super) fn contents(form: Form, uri: &str, text: &[&[u8]]) -> Vec<u8> {
    let mut head = b"\"contents\":[{\"uri\":".to_vec();
    json::push_string(&mut head, uri);
    head.extend_from_slice(format!(",\"mimeType\":\"{MIME_TYPE}\",\"text\":\"").as_bytes());
    let members: Vec<&[u8]> = [head.as_slice()]
        .into_iter()
        .chain(text.iter().copied())
        .chain([b"\"}]".as_slice()])
        .collect();
    form.object(&members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_leads_back_to_its_statement() {
        let id = QueryId::parse("01b2c3d4-0000-1111-0000-222200000005").unwrap();
        for connection in [None, Some("prod"), Some("a b/c"), Some("é%")] {
            let place = ResultPlace::new(connection, id.clone());
            let uri = place.to_uri();
            assert!(uri.is_ascii() && uri.ends_with(id.as_str()), "{uri}");
            let back = ResultPlace::of_uri(&uri);
            match connection.filter(|name| name.contains('/')) {
                None => assert_eq!(back, Some(place), "{uri}"),
                Some(_) => assert_eq!(back, None, "no connection is called so"),
            }
        }
    }

    #[test]
    fn what_is_a_place_in_the_account_is_no_result() {
        for uri in [
            "snowflake://result",
            "snowflake://result/",
            "snowflake://result/public",
            "snowflake://result/public/orders",
            "snowflake://RESULT/a-b",
            "snowflake://result//a-b",
            "snowflake://result/a/b/c-d",
            "snowflake://result/a-b/",
            "snowflake://result/%22a-b%22",
            "snowflake://sales/a-b",
        ] {
            assert_eq!(ResultPlace::of_uri(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_link_is_made_for_ids_that_lead_back() {
        let link =
            |id| link(None, id).map(|link| serde_json::from_slice::<serde_json::Value>(&link).unwrap());
        let made = link("01b2-5").expect("an id with a hyphen");
        assert_eq!(made["uri"], "snowflake://result/01b2-5");
        assert_eq!(made["mimeType"], "application/json");
        assert_eq!(link("plain"), None);
        assert_eq!(link("a b"), None);
    }
}
