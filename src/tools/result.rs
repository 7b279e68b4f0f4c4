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

use super::cursor::Sealer;
use super::existing::{first_row, rows_work};
use super::names::text_property;
use super::page::{Page, page_properties};
use super::place::{SCHEME, percent_decoded, percent_encoded};
use super::render::{Figures, Form, missing_result};
use super::schema::Arguments;
use super::{Begun, Call, Catalogue, Refusal, Refused, Settings, Tool};
use crate::backend::Answer;
use crate::backend::job::{Patience, Work};
use crate::backend::rows::Position;
use crate::json;

/// The media type of the document.
pub const MIME_TYPE: &str = "application/json";

/// The method that reads it, by which its statements are marked.
const METHOD: &str = "resources/read";

/// The template of its URI, and the one that names the connection too.
pub const TEMPLATE: &str = "snowflake://result/{id}";
/// See [`TEMPLATE`].
pub const TEMPLATE_OF_CONNECTION: &str = "snowflake://result/{connection}/{id}";

/// Rows that can be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultPlace {
    connection: Option<String>,
    /// A query id, or a cursor in its place.
    id: String,
}

impl ResultPlace {
    /// The rows that a URI names; `None` for one of another form.
    pub fn of_uri(uri: &str) -> Option<Self> {
        let parts = uri.strip_prefix(SCHEME)?.strip_prefix(AUTHORITY)?;
        let (connection, id) = match parts.rsplit_once('/') {
            None => (None, parts),
            Some((connection, id)) => (Some(percent_decoded(connection)?), id),
        };
        let is_odd = |name: &String| name.is_empty() || name.contains('/');
        let is_id = id.contains('-') || id.len() >= CURSOR_BYTES_MIN;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !is_id || !id.bytes().all(is_plain) || connection.as_ref().is_some_and(is_odd) {
            return None;
        }
        Some(Self {
            connection,
            id: id.to_owned(),
        })
    }

    /// The URI.
    pub fn to_uri(&self) -> String {
        let connection = self.connection.as_deref();
        let connection = connection.map_or(String::new(), |name| percent_encoded(name) + "/");
        format!("{SCHEME}{AUTHORITY}{connection}{}", self.id)
    }
}

const AUTHORITY: &str = "result/";

/// No query id is as long, and every cursor is longer.
const CURSOR_BYTES_MIN: usize = 65;

/// The content block that leads to the rows of this statement. `None` for an id that no URI can be made of.
///
/// Where callers are told apart it holds a cursor, which is good on every replica, instead of the query id.
pub(super) fn link(sealer: &Sealer, connection: Option<&str>, query_id: &str) -> Option<Vec<u8>> {
    let id = match sealer.is_bound() {
        true => sealer.seal(query_id, Position::default()),
        false => query_id.to_owned(),
    };
    let connection = connection.map(str::to_owned);
    let uri = ResultPlace { connection, id }.to_uri();
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
    let mut properties = vec![text_property("query_id", true, "")];
    properties.extend(page_properties(settings, settings.rows_max));
    Tool {
        name: METHOD,
        title: "",
        description: "",
        properties,
        output_schema: "",
        begin,
    }
}

fn begin(settings: &Arc<Settings>, arguments: &Arguments<'_>, call: &Call<'_>) -> Result<Begun, Refusal> {
    let place = first_row(settings, arguments, call)?;
    let connection = arguments
        .is_known("connection")
        .then(|| arguments.text("connection"));
    let uri = ResultPlace {
        connection: connection.flatten().map(str::to_owned),
        id: arguments.text("query_id").unwrap_or_default().to_owned(),
    };
    let uri = uri.to_uri();
    let page = Page::new(settings, arguments, call).of_connection(call, place.connection.clone());
    let (form, limit) = (call.form, page.limit);
    let render = move |answer: Answer| match answer.results.first() {
        Some(result) => page.document(result, &answer, &uri),
        None => missing_result(form),
    };
    Ok(rows_work(settings, place, limit, render).into())
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
        json::push_string(&mut arguments, &place.id);
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
                let figures = Figures::of_running(query_id, elapsed);
                let mut text = b"{\"truncated\":false,\"status\":\"running\"".to_vec();
                figures.push_origin(&mut text);
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
    use crate::tools::call::tests::with_call;
    use crate::tools::cursor;

    #[test]
    fn a_uri_leads_back_to_its_statement() {
        for connection in [None, Some("prod"), Some("a b"), Some("é%")] {
            let place = ResultPlace {
                connection: connection.map(str::to_owned),
                id: "01b2c3d4-0000-1111-0000-222200000005".to_owned(),
            };
            let uri = place.to_uri();
            assert!(uri.is_ascii() && uri.ends_with(&place.id), "{uri}");
            assert_eq!(ResultPlace::of_uri(&uri), Some(place), "{uri}");
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
            "snowflake://result/a%2Fb/c-d",
            "snowflake://result/a/b/c-d",
            "snowflake://result/a-b/",
            "snowflake://result/%22a-b%22",
            "snowflake://sales/a-b",
        ] {
            assert_eq!(ResultPlace::of_uri(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_link_has_the_id_where_nobody_is_known_and_else_a_cursor_that_only_its_caller_can_use() {
        with_call(|call| {
            let uri = |call: &Call<'_>, connection, id| {
                let link = link(&Sealer::of(call, None), connection, id)?;
                let link: serde_json::Value = serde_json::from_slice(&link).unwrap();
                assert_eq!(link["mimeType"], MIME_TYPE);
                link["uri"].as_str().map(str::to_owned)
            };
            assert_eq!(uri(call, None, "01b2-5").unwrap(), "snowflake://result/01b2-5");
            assert_eq!(
                uri(call, Some("b"), "01b2-5").unwrap(),
                "snowflake://result/b/01b2-5"
            );
            assert_eq!(uri(call, None, "plain"), None);
            let known = Call {
                principal: b"one",
                ..*call
            };
            let id = "01b2c3d4-0000-1111-0000-222200000005";
            let place = ResultPlace::of_uri(&uri(&known, None, id).unwrap()).unwrap();
            assert!(place.id.len() >= CURSOR_BYTES_MIN, "{}", place.id.len());
            let opened = cursor::open(&known, &place.id).unwrap();
            assert_eq!(opened.query_id.as_str(), id);
            assert!(cursor::open(call, &place.id).is_err());
        });
    }
}
