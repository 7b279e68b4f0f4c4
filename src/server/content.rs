//! What a posted body may be and what its answer will be: Content-Type, Content-Encoding and Accept.

use crate::wire::http::Request;

/// Whether the request carries JSON as it is and takes JSON back.
///
/// # Errors
/// The status and a sentence for the client: 415 for what it sends, 406 for what it takes.
pub(super) fn check(request: Request<'_>) -> Result<(), (u16, &'static str)> {
    let mut types = request.field_lines("content-type");
    // A field that is no list and comes twice may mean either (RFC 9110 section 5.3): neither is believed.
    match (types.next(), types.next()) {
        (Some(value), None) if is_media_type(value, b"application/json") => {}
        _ => return Err((415, "send one Content-Type: application/json")),
    }
    if request
        .field_lines("content-encoding")
        .any(|value| !value.eq_ignore_ascii_case(b"identity"))
    {
        return Err((415, "send the body as it is, without a Content-Encoding"));
    }
    // An absent Accept takes anything (RFC 9110 section 12.5.1).
    let mut accepts = request.field_lines("accept").peekable();
    if accepts.peek().is_none() || accepts.any(|line| line.split(|byte| *byte == b',').any(takes_json)) {
        Ok(())
    } else {
        Err((406, "answers are application/json: accept it"))
    }
}

/// Whether the client takes a stream of events: only one that says so by name, because the answer is then of a kind
/// that a plain reader of JSON could not make sense of.
pub(super) fn takes_stream(request: Request<'_>) -> bool {
    let names_stream = |range| is_media_type(range, b"text/event-stream");
    request
        .field_lines("accept")
        .any(|line| line.split(|byte| *byte == b',').any(names_stream))
}

/// Whether a media range of Accept takes JSON. `q=0` says that it does not (RFC 9110 section 12.4.2).
fn takes_json(range: &[u8]) -> bool {
    let own = [&b"application/json"[..], b"application/*", b"*/*"];
    let mut parameters = range.split(|byte| *byte == b';').skip(1);
    let is_refused = parameters.any(|parameter| {
        let parameter = parameter.trim_ascii();
        let weight = parameter
            .strip_prefix(b"q=")
            .or_else(|| parameter.strip_prefix(b"Q="));
        weight
            .is_some_and(|weight| !weight.is_empty() && weight.iter().all(|byte| matches!(byte, b'0' | b'.')))
    });
    !is_refused && own.iter().any(|own| is_media_type(range, own))
}

/// Whether a media type or range, without its parameters, is `expected`.
fn is_media_type(value: &[u8], expected: &[u8]) -> bool {
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    value[..end].trim_ascii().eq_ignore_ascii_case(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_takes_json_unless_its_weight_is_zero() {
        for range in [
            "application/json",
            " */*;q=0.1",
            "application/*",
            "APPLICATION/JSON ; charset=utf-8",
        ] {
            assert!(takes_json(range.as_bytes()), "{range}");
        }
        for range in [
            "text/event-stream",
            "application/json;q=0",
            "*/*; q=0.000",
            "application/jsonx",
            "",
        ] {
            assert!(!takes_json(range.as_bytes()), "{range}");
        }
    }
}
