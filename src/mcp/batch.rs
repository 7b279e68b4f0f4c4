//! Where batches are part of the protocol: in legacy connections and sessions of the one revision that has them.

use super::params::Params;
use super::{Context, Revision, classify};
use crate::limits::Limits;
use crate::rpc::{self, Call, Malformed, Message, Notification};

/// A message of a batch, or what to answer in its place.
pub type Read<'a> = Result<Message<'a>, Malformed<'a>>;

/// The messages of a batch. `context.negotiated` is what its session or connection speaks.
///
/// A message that cannot be read has its error in its place; so has `initialize`, which must come alone (2025-03-26,
/// "Lifecycle").
///
/// # Errors
/// What the whole is answered with, over HTTP under status 400: where batches are not spoken, where the array is none
/// ([`rpc::batch::split`]), and where a message claims to be of the modern era.
pub fn read<'a>(
    bytes: &'a [u8],
    context: &Context<'_>,
    limits: &Limits,
) -> Result<Vec<Read<'a>>, rpc::Error> {
    let messages = rpc::batch::split(bytes, limits)?;
    let has_batches = context.negotiated.is_some_and(Revision::has_batches);
    if !has_batches || classify::has_modern_header(context) {
        return Err(rpc::Error::invalid_request(
            "batches are not supported, send each message on its own",
        ));
    }
    let read: Vec<_> = messages
        .into_iter()
        .map(|message| rpc::decode(message, limits))
        .collect();
    if read.iter().flatten().any(has_claim) {
        return Err(rpc::Error::invalid_request(
            "a message of revision 2026-07-28 cannot be part of a batch",
        ));
    }
    Ok(read.into_iter().map(|read| read.and_then(not_alone)).collect())
}

/// Refuses what must not be part of a batch.
fn not_alone(message: Message<'_>) -> Read<'_> {
    match message {
        Message::Call(call) if call.method == "initialize" => Err(Malformed {
            id: Some(call.id),
            error: rpc::Error::invalid_request("initialize cannot be part of a batch"),
        }),
        other => Ok(other),
    }
}

fn has_claim(message: &Message<'_>) -> bool {
    let (Message::Call(Call { params, .. }) | Message::Notification(Notification { params, .. })) = message
    else {
        return false;
    };
    Params::parse(*params).is_ok_and(|params| params.meta.has_claim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::{Field, RoutingFields};
    use crate::time::Now;

    fn context(negotiated: Option<Revision>, version: Field<'_>) -> Context<'_> {
        Context {
            fields: Some(RoutingFields {
                protocol_version: version,
                ..RoutingFields::default()
            }),
            negotiated,
            abilities: crate::mcp::Abilities::default(),
            principal: b"",
            rights: crate::tools::Rights::default(),
            client: crate::ident::ClientLabel::default(),
            now: Now::default(),
        }
    }

    const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

    #[test]
    fn only_one_revision_has_batches() {
        let text = format!("[{CALL}]");
        let read = |context| read(text.as_bytes(), &context, &Limits::default());
        for revision in Revision::ALL {
            let result = read(context(Some(revision), Field::Absent));
            assert_eq!(result.is_ok(), revision == Revision::V20250326, "{revision:?}");
        }
        assert_eq!(read(context(None, Field::Absent)).unwrap_err().code, -32600);
        let modern = context(Some(Revision::V20250326), Field::Once(b"2026-07-28"));
        assert_eq!(read(modern).unwrap_err().code, -32600);
        let older = context(Some(Revision::V20250326), Field::Once(b"2025-03-26"));
        assert_eq!(read(older).unwrap().len(), 1);
    }

    fn in_session(text: &str) -> Result<Vec<Read<'_>>, rpc::Error> {
        let context = context(Some(Revision::V20250326), Field::Absent);
        read(text.as_bytes(), &context, &Limits::default())
    }

    #[test]
    fn each_message_stands_or_fails_alone() {
        let text = format!(
            "[{CALL},7,{},{},{}]",
            r#"{"jsonrpc":"2.0","method":"notifications/x"}"#,
            r#"{"jsonrpc":"2.0","id":"i","method":"initialize"}"#,
            r#"{"jsonrpc":"2.0","id":2,"result":{}}"#
        );
        let read = in_session(&text).unwrap();
        assert!(matches!(&read[0], Ok(Message::Call(call)) if call.id.as_json() == "1"));
        assert!(matches!(&read[1], Err(malformed) if malformed.id.is_none()));
        assert!(matches!(&read[2], Ok(Message::Notification(_))));
        let refused = read[3].as_ref().unwrap_err();
        assert_eq!(refused.id.map(|id| id.as_json()), Some("\"i\""));
        assert_eq!(refused.error.code, -32600);
        assert!(read[4].is_ok());
    }

    #[test]
    fn one_claim_of_the_modern_era_refuses_the_whole() {
        for method in ["ping", "initialize"] {
            let claim = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
            for id in ["\"id\":1,", ""] {
                let text =
                    format!(r#"[{CALL},{{"jsonrpc":"2.0",{id}"method":"{method}","params":{claim}}}]"#);
                let refused = in_session(&text).map(|read| read.len());
                assert_eq!(refused.unwrap_err().code, -32600, "{text}");
            }
        }
    }
}
