//! What a posted body may be and what its answer will be: Content-Type, Content-Encoding and Accept.

use crate::wire::http::Request;

/// Whether the request carries JSON as it is and takes JSON back.
///
/// # Errors
/// The status and a sentence for the client: 415 for what it sends, 406 for what it takes.
pub(super) fn check(request: Request<'_>, accepts: Accepts) -> Result<(), (u16, &'static str)> {
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
    if accepts.json {
        Ok(())
    } else {
        Err((406, "answers are application/json: accept it"))
    }
}

/// What the client takes, by its Accept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Accepts {
    json: bool,
    /// A stream of events: only one that says so by name, because the answer is then of a kind that a plain reader of JSON
    /// could not make sense of.
    pub(super) stream: bool,
}

impl Accepts {
    /// Reads the field, once for both questions.
    pub(super) fn of(request: Request<'_>) -> Self {
        let mut accepts = Self::default();
        let mut is_absent = true;
        for line in request.field_lines("accept") {
            is_absent = false;
            if line == USUAL_ACCEPT {
                (accepts.json, accepts.stream) = (true, true);
                continue;
            }
            line.split(|byte| *byte == b',')
                .for_each(|range| accepts.take(range));
        }
        // An absent Accept takes anything (RFC 9110 section 12.5.1).
        accepts.json |= is_absent;
        accepts
    }

    fn take(&mut self, range: &[u8]) {
        let end = range.iter().position(|byte| *byte == b';').unwrap_or(range.len());
        let (kind, parameters) = range.split_at(end);
        let kind = kind.trim_ascii();
        let is = |own: &[u8]| kind.eq_ignore_ascii_case(own);
        if is(b"text/event-stream") {
            self.stream = true;
        } else if is(b"application/json") || is(b"*/*") || is(b"application/*") {
            self.json |= !is_refused(parameters);
        }
    }
}

/// What MCP tells its clients to send, and nearly all do as they are told to the letter.
const USUAL_ACCEPT: &[u8] = b"application/json, text/event-stream";

/// Whether the parameters of a media range say that it is not taken: `q=0` (RFC 9110 section 12.4.2).
fn is_refused(parameters: &[u8]) -> bool {
    parameters.split(|byte| *byte == b';').any(|parameter| {
        let parameter = parameter.trim_ascii();
        let weight = parameter
            .strip_prefix(b"q=")
            .or_else(|| parameter.strip_prefix(b"Q="));
        weight
            .is_some_and(|weight| !weight.is_empty() && weight.iter().all(|byte| matches!(byte, b'0' | b'.')))
    })
}

/// Whether a media type or range, without its parameters, is `expected`.
fn is_media_type(value: &[u8], expected: &[u8]) -> bool {
    let without_parameters = || {
        let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        value[..end].trim_ascii()
    };
    // As nearly all write it: looked at as a whole.
    value == expected || without_parameters().eq_ignore_ascii_case(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes_json(range: &[u8]) -> bool {
        let mut accepts = Accepts::default();
        accepts.take(range);
        accepts.json
    }

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
