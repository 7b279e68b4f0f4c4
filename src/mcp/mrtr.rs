//! Calls that ask back (2026-07-28): a result that asks, and the same call once more with the answers.
//!
//! Nothing is kept in between. What has to be remembered goes out as `requestState`, signed for this caller, this method
//! and these parameters, and good for ten minutes; what comes back changed, late or from somebody else is refused. It is
//! not encrypted: the client may read it.

use std::time::Duration;

use ring::digest;
use serde_json::value::RawValue;

use super::methods::Request;
use super::offer::{Ability, member};
use super::script::Question;
use super::{Outcome, Payload};
use crate::token::{Keys, Purpose, Validity};
use crate::tools::gate::{CONFIRM, Consent};
use crate::{json, rpc};

/// How long a person may think about a question.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Bytes of the digest that binds a state to its call.
const DIGEST_BYTES: usize = 16;

/// The answers and the state that came with a call.
#[derive(Debug, Default)]
pub(super) struct Returned<'a> {
    pub(super) answers: Option<&'a RawValue>,
    pub(super) state: Option<Vec<u8>>,
}

impl<'a> Returned<'a> {
    /// Reads `inputResponses` and `requestState`. Legacy revisions know neither.
    ///
    /// # Errors
    /// -32602 for answers that are no object, and for a state that was not given out for this call and caller.
    pub(super) fn parse(request: &Request<'a>, keys: &Keys, method: &str) -> Result<Self, rpc::Error> {
        if !request.revision.is_modern() {
            return Ok(Self::default());
        }
        let params = &request.params;
        let answers = params.input_responses.filter(|answers| answers.get() != "null");
        if answers.is_some_and(|answers| !json::is_object(answers)) {
            return Err(rpc::Error::invalid_params("inputResponses must be an object"));
        }
        let state = params.request_state.filter(|state| state.get() != "null");
        let state = state
            .map(|state| opened(state, request, keys, method))
            .transpose()?;
        Ok(Self { answers, state })
    }
}

fn opened(state: &RawValue, request: &Request<'_>, keys: &Keys, method: &str) -> Result<Vec<u8>, rpc::Error> {
    let foreign =
        || rpc::Error::invalid_params("requestState is not this call's, or too old; call again without it");
    let text = json::text(state).ok_or_else(foreign)?;
    let context = &request.context;
    let opened = keys
        .open(
            Purpose::RequestState,
            text.as_bytes(),
            context.principal,
            context.now.wall,
        )
        .map_err(|_| foreign())?;
    let payload = opened.payload;
    match payload.strip_prefix(&call_digest(request, method)) {
        Some(state) => Ok(state.to_vec()),
        None => Err(foreign()),
    }
}

/// The result that asks.
pub(super) fn input_required(
    request: &Request<'_>,
    keys: &Keys,
    method: &str,
    questions: &[(&'static str, Question)],
    state: Option<&[u8]>,
) -> Outcome {
    let missing = questions
        .iter()
        .filter_map(|(_, question)| Ability::of_method(question.method))
        .find(|ability| !ability.is_among(request.abilities));
    if let Some(ability) = missing {
        return missing_capability(request, ability);
    }
    if !request.revision.is_modern() || (questions.is_empty() && state.is_none()) {
        return Outcome::error(rpc::Error::internal_error(
            "the call asks back in a way that this revision has not",
        ));
    }
    let state = state.map(|state| seal(request, keys, method, state));
    let after = request.revision.result_after();
    let result = asking(questions, state.as_deref(), after);
    Outcome::result(Payload::Owned(result))
}

/// As [`consent`], of a call that cannot ask: only an answer that came with it counts.
pub(super) fn consent_of_task(returned: &Returned<'_>) -> Consent {
    answered(returned).unwrap_or(Consent::Unknown(None))
}

/// Whether a call may run that has to be confirmed: the answer that came with it, or the way to ask for one.
pub(super) fn consent(request: &Request<'_>, keys: &Keys, method: &str, returned: &Returned<'_>) -> Consent {
    if let Some(answered) = answered(returned) {
        return answered;
    }
    let can_ask = request.revision.is_modern() && Ability::Elicitation.is_among(request.abilities);
    if !can_ask {
        return Consent::Unknown(None);
    }
    // Sealed now, for the worker that may have to ask knows no caller; the question itself is not part of it.
    let state = seal(request, keys, method, CONFIRM_STATE);
    let after = request.revision.result_after();
    Consent::Unknown(Some(Box::new(move |message: &str| {
        let mut params = br#"{"message":"#.to_vec();
        json::push_string(&mut params, message);
        params.extend_from_slice(br#","requestedSchema":"#);
        params.extend_from_slice(CONFIRM_SCHEMA.as_bytes());
        params.push(b'}');
        let question = Question {
            method: "elicitation/create",
            params,
        };
        asking(&[(CONFIRM, question)], Some(&state), after)
    })))
}

/// What the client's user answered, if this server asked.
fn answered(returned: &Returned<'_>) -> Option<Consent> {
    let is_asked = returned.state.as_deref() == Some(CONFIRM_STATE);
    let answer = member(returned.answers, CONFIRM).filter(|_| is_asked)?;
    let says = |object: &RawValue, name: &str, expected: &str| {
        member(Some(object), name).is_some_and(|value| value.get() == expected)
    };
    let is_given = says(answer, "action", "\"accept\"")
        && member(Some(answer), "content").is_some_and(|content| says(content, CONFIRM, "true"));
    Some(if is_given {
        Consent::Given
    } else {
        Consent::Declined
    })
}

const CONFIRM_STATE: &[u8] = b"confirm";

const CONFIRM_SCHEMA: &str = r#"{"type":"object","properties":{"confirm":{"type":"boolean","title":"Run it","description":"Whether the statement shall run as it is","default":false}},"required":["confirm"]}"#;

/// A state for this caller and call.
fn seal(request: &Request<'_>, keys: &Keys, method: &str, state: &[u8]) -> String {
    let payload = [&call_digest(request, method), state].concat();
    let context = &request.context;
    let validity = Validity {
        born: context.now.wall,
        lifetime: LIFETIME,
    };
    keys.seal(Purpose::RequestState, &payload, context.principal, validity)
}

/// The result with these questions and the sealed state.
fn asking(questions: &[(&'static str, Question)], state: Option<&str>, after: &str) -> Vec<u8> {
    let mut result = br#"{"resultType":"input_required""#.to_vec();
    if !questions.is_empty() {
        result.extend_from_slice(br#","inputRequests":{"#);
        for (index, (key, question)) in questions.iter().enumerate() {
            if index > 0 {
                result.push(b',');
            }
            push_question(&mut result, key, question);
        }
        result.push(b'}');
    }
    if let Some(state) = state {
        result.extend_from_slice(br#","requestState":"#);
        json::push_string(&mut result, state);
    }
    result.extend_from_slice(after.as_bytes());
    result.push(b'}');
    result
}

fn push_question(into: &mut Vec<u8>, key: &str, question: &Question) {
    json::push_string(into, key);
    into.extend_from_slice(br#":{"method":"#);
    json::push_string(into, question.method);
    into.extend_from_slice(br#","params":"#);
    into.extend_from_slice(&question.params);
    into.push(b'}');
}

/// The reply to a call that needs what the client has not.
pub(super) fn missing_capability(request: &Request<'_>, ability: Ability) -> Outcome {
    if request.revision.is_modern() {
        Outcome::refused(rpc::Error::missing_client_capability(ability.required()))
    } else {
        Outcome::error(rpc::Error::invalid_request(format_args!(
            "the call needs a client with the capability {}",
            ability.name()
        )))
    }
}

/// Binds a state to the method and to what identifies the call.
///
/// The arguments are compared as values where they can be: a client may write them in another order the second time.
fn call_digest(request: &Request<'_>, method: &str) -> [u8; DIGEST_BYTES] {
    let params = &request.params;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut add = |text: &[u8]| {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text);
    };
    add(method.as_bytes());
    for member in [params.name, params.uri] {
        let text = member.and_then(json::text).unwrap_or_default();
        add(text.as_bytes());
    }
    let arguments = params.arguments.map_or("null", RawValue::get);
    match serde_json::from_str::<serde_json::Value>(arguments) {
        Ok(value) => add(value.to_string().as_bytes()),
        Err(_) => add(arguments.as_bytes()),
    }
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(&context.finish().as_ref()[..DIGEST_BYTES]);
    digest
}
