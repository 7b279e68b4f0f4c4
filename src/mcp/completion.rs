//! `completion/complete`: values for an argument of a prompt or of a resource template.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::methods::{Request, no_such_method, reply_with};
use super::offer::{Completing, Reply, Subject};
use super::{Failure, Outcome, Service};
use crate::tools::result;
use crate::{json, rpc};

/// Values of one completion (MCP, "Completion").
pub const VALUES_MAX: usize = 100;

/// The members of a result with these values. More than [`VALUES_MAX`] are left out, and told by `hasMore`.
pub fn members(values: &[String], total: Option<u64>, has_more: bool) -> Vec<u8> {
    let mut members = br#""completion":{"values":["#.to_vec();
    for (index, value) in values.iter().take(VALUES_MAX).enumerate() {
        if index > 0 {
            members.push(b',');
        }
        json::push_string(&mut members, value);
    }
    members.push(b']');
    if let Some(total) = total {
        members.extend_from_slice(b",\"total\":");
        json::push_number(&mut members, total);
    }
    members.extend_from_slice(if has_more || values.len() > VALUES_MAX {
        b",\"hasMore\":true}"
    } else {
        b",\"hasMore\":false}"
    });
    members
}

pub(super) fn on_complete(service: &mut Service, request: &Request<'_>) -> Outcome {
    const METHOD: &str = "completion/complete";
    if !service.has_prompts() && !service.has_resources() {
        return no_such_method(request, METHOD);
    }
    let wanted = match Wanted::parse(request) {
        Ok(wanted) => wanted,
        Err(error) => return Outcome::error(error),
    };
    if let Err(error) = wanted.check(service) {
        return Outcome::error(error);
    }
    if let Some(members) = query_ids(service, request, &wanted) {
        return reply_with(
            service,
            request,
            METHOD,
            Failure::ErrorReply,
            Reply::Result(members),
        );
    }
    let of = Completing {
        subject: if wanted.is_prompt {
            Subject::Prompt(&wanted.subject)
        } else {
            Subject::Template(&wanted.subject)
        },
        argument: &wanted.argument,
        value: &wanted.value,
    };
    let hears = request.hears();
    let mut asked = request.asked(request.revision.form(), &hears);
    asked.arguments = wanted.known;
    let reply = service
        .offers
        .iter_mut()
        .find_map(|offer| offer.complete(&of, &asked));
    // An argument that nobody has values for is no mistake of the client's.
    let reply = reply.unwrap_or_else(|| Reply::Result(members(&[], Some(0), false)));
    reply_with(service, request, METHOD, Failure::ErrorReply, reply)
}

/// The statements whose rows the caller can read: those that it ran, newest first, where the argument is a query id.
fn query_ids(service: &Service, request: &Request<'_>, wanted: &Wanted<'_>) -> Option<Vec<u8>> {
    let names_connection = match &*wanted.subject {
        _ if wanted.is_prompt || wanted.argument != "id" => return None,
        result::TEMPLATE => false,
        result::TEMPLATE_OF_CONNECTION => true,
        _ => return None,
    };
    let named = wanted
        .known
        .and_then(|known| texts(Some(known), ["connection"])[0].take());
    let first = service.catalogue.connections().next();
    let is_meant = |through: Option<&str>| match (names_connection, &named) {
        (true, Some(named)) => through == Some(&**named),
        (true, None) => true,
        // Without its name it is the first one.
        (false, _) => through.is_none() || through == first,
    };
    let ids = service.history.query_ids(request.context.principal, is_meant);
    let ids: Vec<String> = ids
        .filter(|id| id.starts_with(&*wanted.value))
        .map(str::to_owned)
        .collect();
    Some(members(&ids, Some(ids.len() as u64), false))
}

/// What a call wants completed.
#[derive(Debug)]
struct Wanted<'a> {
    is_prompt: bool,
    /// Name of the prompt, or text of the template.
    subject: Cow<'a, str>,
    argument: Cow<'a, str>,
    value: Cow<'a, str>,
    /// The arguments that are known already.
    known: Option<&'a RawValue>,
}

impl<'a> Wanted<'a> {
    fn parse(request: &Request<'a>) -> Result<Self, rpc::Error> {
        let must = |what: &str| rpc::Error::invalid_params(what);
        let params = &request.params;
        let [kind, name, uri] = texts(params.reference, ["type", "name", "uri"]);
        let (is_prompt, subject) = match kind.as_deref() {
            Some("ref/prompt") => (true, name),
            Some("ref/resource") => (false, uri),
            _ => return Err(must("ref.type must be ref/prompt or ref/resource")),
        };
        let subject =
            subject.ok_or_else(|| must("ref must have a name (ref/prompt) or a uri (ref/resource)"))?;
        let [argument, value] = texts(params.argument, ["name", "value"]);
        let (Some(argument), Some(value)) = (argument, value) else {
            return Err(must("argument must have the strings name and value"));
        };
        let mut known = None;
        if let Some(context) = params.context {
            let _ = json::each_member(context.get(), |name, value| {
                if name == "arguments" {
                    known = Some(value);
                }
            });
        }
        Ok(Self {
            is_prompt,
            subject,
            argument,
            value,
            known,
        })
    }

    /// Whether there is such an argument.
    fn check(&self, service: &Service) -> Result<(), rpc::Error> {
        let has_argument = if self.is_prompt {
            let prompt = service
                .prompt(&self.subject)
                .ok_or_else(|| rpc::Error::unknown("prompt", &self.subject))?;
            prompt
                .arguments
                .iter()
                .any(|argument| argument.name == self.argument)
        } else {
            let mut templates = service.offers.iter().flat_map(|offer| offer.templates());
            let template = templates
                .find(|template| template.uri_template == self.subject)
                .ok_or_else(|| rpc::Error::unknown("resource template", &self.subject))?;
            let variable = format!("{{{}}}", self.argument);
            template.uri_template.contains(&variable)
        };
        if has_argument {
            Ok(())
        } else {
            Err(rpc::Error::unknown("argument", &self.argument))
        }
    }
}

/// The texts of these members of an object.
fn texts<'a, const N: usize>(object: Option<&'a RawValue>, names: [&str; N]) -> [Option<Cow<'a, str>>; N] {
    let mut found = [const { None }; N];
    if let Some(object) = object {
        let _ = json::each_member(object.get(), |name, value| {
            if let Some(index) = names.iter().position(|known| *known == name) {
                found[index] = json::text(value);
            }
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_values_are_sent_and_the_rest_is_told() {
        let values: Vec<String> = (0..101).map(|index| format!("v{index}")).collect();
        let json = String::from_utf8([b"{", &*members(&values, None, false), b"}"].concat()).unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        let completion = &parsed["completion"];
        assert_eq!(completion["values"].as_array().unwrap().len(), 100);
        assert_eq!(completion["hasMore"], true);
        assert!(completion.get("total").is_none());
        assert_eq!(
            members(&values[..1], Some(1), false),
            br#""completion":{"values":["v0"],"total":1,"hasMore":false}"#
        );
    }
}
