//! What a tool may know of a call besides its arguments: how its reply is framed, who asks, and when.
//!
//! Everything in it comes from outside; nothing is looked up here. It is what further things that tools must know of a
//! call are added to.

use std::sync::Arc;

use super::history::History;
use super::render::Form;
use crate::ident::{ClientLabel, QueryId};
use crate::json;
use crate::secret::Login;
use crate::time::Now;
use crate::token::Keys;

/// A call, besides its arguments.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What the protocol wants around the result.
    pub form: Form,
    /// When it came.
    pub now: Now,
    /// Who asks, as bytes that are always the same for the same caller; empty where nobody is known.
    pub principal: &'a [u8],
    /// What they may, and as whom.
    pub rights: Rights<'a>,
    /// What the client calls itself.
    pub client: ClientLabel,
    /// The id of the request, as JSON text; `null` where it has none.
    pub request_id: &'a str,
    /// `traceparent` of the request's `_meta` (W3C Trace Context), as it came.
    pub traceparent: Option<&'a str>,
    /// Seals what a caller keeps for the server, such as the place in a result. A clone goes to the worker.
    pub keys: &'a Keys,
    /// Which statements the caller is known to have run, by their bare ids; `None`: none.
    pub ran: Option<&'a History>,
}

/// What a caller's credential says besides who it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rights<'a> {
    /// Whether it may not write, whatever the operator lets others write.
    pub is_reader: bool,
    /// What rulings for keys go by, where that is not the caller: it brought a login along beside its key.
    pub credential: Option<&'a [u8]>,
    /// The login that its statements run with; `None`: the server's.
    pub login: Option<&'a Arc<Login>>,
}

impl<'a> Call<'a> {
    /// A call of which nothing more is known.
    pub fn of_nobody(form: Form, keys: &'a Keys) -> Self {
        Self {
            form,
            now: Now::default(),
            principal: b"",
            rights: Rights::default(),
            client: ClientLabel::default(),
            request_id: "null",
            traceparent: None,
            keys,
            ran: None,
        }
    }

    /// What rulings for keys go by.
    pub(super) fn credential(&self) -> &'a [u8] {
        self.rights.credential.unwrap_or(self.principal)
    }

    /// Whether the statement with this id may be asked after by the id alone. Where callers are told apart, only by the one
    /// that this process saw run it: the database does not know them, and an id is no secret. Others need a token
    /// that is signed for them.
    pub(super) fn may_name(&self, query_id: &QueryId) -> bool {
        let holds = |history: &History| history.holds(self.principal, query_id.as_str());
        self.principal.is_empty() || self.ran.is_some_and(holds)
    }

    /// What marks the statements of this call in Snowflake's query history: compact JSON that says whose they are, and
    /// leads back to the caller's own traces. Bounded by its parts, far below the 2,000 characters that Snowflake takes.
    pub fn query_tag(&self, tool: &str) -> String {
        let mut tag = Vec::with_capacity(QUERY_TAG_BYTES);
        tag.extend_from_slice(b"{\"app\":\"snowflake-mcp\",\"tool\":");
        json::push_string(&mut tag, tool);
        if let Some(label) = self.principal_label() {
            tag.extend_from_slice(b",\"principal\":");
            json::push_string(&mut tag, &label);
        }
        if !self.client.as_str().is_empty() {
            tag.extend_from_slice(b",\"client\":");
            json::push_string(&mut tag, self.client.as_str());
        }
        if self.request_id != "null" && self.request_id.len() <= ID_BYTES_MAX {
            tag.extend_from_slice(b",\"request\":");
            tag.extend_from_slice(self.request_id.as_bytes());
        }
        if let Some(trace) = self.traceparent.filter(|trace| is_traceparent(trace)) {
            tag.extend_from_slice(b",\"traceparent\":");
            json::push_string(&mut tag, trace);
        }
        tag.push(b'}');
        String::from_utf8(tag).unwrap_or_default()
    }

    /// A short name of who asks, for histories and logs: 32 bits of a digest, with which nobody can try keys. `None`
    /// where nobody is known.
    pub fn principal_label(&self) -> Option<String> {
        if self.principal.is_empty() {
            return None;
        }
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(b"snowflake-mcp label\0");
        context.update(self.principal);
        let digest = context.finish();
        Some(
            digest.as_ref()[..4]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }
}

/// Whether a text has the form of a W3C `traceparent`, of this version or a later one: nothing else goes on from here.
fn is_traceparent(text: &str) -> bool {
    (55..=TRACEPARENT_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// An id that is longer says nothing to a reader of a history.
const ID_BYTES_MAX: usize = 256;
const TRACEPARENT_BYTES_MAX: usize = 128;

/// What most tags fit in, so that they do not grow piece by piece.
const QUERY_TAG_BYTES: usize = 128;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use crate::tools::render::tests::PLAIN;

    /// A call of nobody, at the beginning of time.
    pub(in crate::tools) fn with_call<T>(act: impl FnOnce(&Call<'_>) -> T) -> T {
        let keys = Keys::random(&mut SeededEntropy::new(1));
        act(&Call::of_nobody(PLAIN, &keys))
    }

    #[test]
    fn a_tag_says_who_asks_and_where_to_find_it_again() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let tag = with_call(|call| {
            let client = ClientLabel::new("claude \"ai\"", "1.0");
            let known = Call {
                principal: &[7; 16],
                client,
                traceparent: Some(trace),
                request_id: "\"a\"",
                ..*call
            };
            known.query_tag("execute_query")
        });
        let parsed: serde_json::Value = serde_json::from_str(&tag).unwrap();
        assert_eq!(parsed["app"], "snowflake-mcp");
        assert_eq!(parsed["tool"], "execute_query");
        assert_eq!(parsed["client"], "claude \"ai\"/1.0");
        assert_eq!(
            (&parsed["request"], &parsed["traceparent"]),
            (&"a".into(), &trace.into())
        );
        assert_eq!(parsed["principal"].as_str().map(str::len), Some(8));
    }

    #[test]
    fn a_tag_is_bounded_and_leaves_out_what_is_not_known_or_odd() {
        let id = format!("\"{}\"", "x".repeat(1_000));
        let tag = with_call(|call| {
            let odd = Call {
                request_id: &id,
                traceparent: Some("\" or 1=1"),
                ..*call
            };
            odd.query_tag("execute_query")
        });
        assert_eq!(tag, r#"{"app":"snowflake-mcp","tool":"execute_query"}"#);
        let longest = with_call(|call| {
            let id = "\\\"".repeat(128);
            let client = ClientLabel::new(&"\\".repeat(99), "");
            let trace = "0".repeat(TRACEPARENT_BYTES_MAX);
            let long = Call {
                principal: b"p",
                client,
                request_id: &id,
                traceparent: Some(&trace),
                ..*call
            };
            long.query_tag(&"t".repeat(64)).len()
        });
        assert!((500..2_000).contains(&longest), "{longest}");
    }
}
