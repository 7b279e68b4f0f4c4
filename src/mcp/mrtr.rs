//! Calls that ask back (2026-07-28): a result that asks, and the same call once more with the answers.
//!
//! Nothing is kept in between. What has to be remembered goes out as `requestState`, signed for this caller, this method
//! and these parameters, and good for ten minutes; what comes back changed, late or from somebody else is refused. It is
//! not encrypted: the client may read it.

use std::time::Duration;

use ring::digest;
use serde_json::value::RawValue;

use super::methods::Request;
use super::offer::Ability;
use super::script::Question;
use super::{Outcome, Payload};
use crate::token::{Keys, Purpose, Validity};
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
        let payload = [&call_digest(request, method), state].concat();
        let context = &request.context;
        let validity = Validity {
            born: context.now.wall,
            lifetime: LIFETIME,
        };
        let sealed = keys.seal(Purpose::RequestState, &payload, context.principal, validity);
        result.extend_from_slice(br#","requestState":"#);
        json::push_string(&mut result, &sealed);
    }
    result.extend_from_slice(request.revision.result_after().as_bytes());
    result.push(b'}');
    Outcome::result(Payload::Owned(result))
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
