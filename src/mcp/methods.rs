//! The table method → handler: the first file to open.

use serde_json::value::RawValue;

use super::params::Params;
use super::script::Hears;
use super::{Level, Outcome, Revision, Service, calls, lifecycle};
use crate::json;

/// A call whose surroundings were found right.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// What the reply is written in.
    pub(super) revision: Revision,
    /// The parameters.
    pub(super) params: Params<'a>,
}

impl Request<'_> {
    /// What the caller wants to hear before its reply. A modern call says the level itself; a legacy session's is the
    /// server's to know.
    pub(super) fn hears(&self) -> Hears {
        let meta = &self.params.meta;
        let is_token = |token: &&RawValue| json::is_integer(token) || json::text(token).is_some();
        let log_level = meta.log_level.filter(|_| self.revision.is_modern());
        Hears {
            progress_token: meta
                .progress_token
                .filter(is_token)
                .map(|token| Box::from(token.get())),
            log_level: log_level
                .and_then(json::text)
                .and_then(|level| Level::parse(&level)),
        }
    }
}

/// In which revisions a method exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eras {
    Legacy,
    Modern,
    Both,
}

type Handler = fn(&mut Service, &Request<'_>) -> Outcome;

const METHODS: [(&str, Eras, Handler); 5] = [
    ("initialize", Eras::Legacy, lifecycle::on_initialize),
    ("ping", Eras::Legacy, lifecycle::on_ping),
    ("server/discover", Eras::Modern, lifecycle::on_discover),
    ("tools/call", Eras::Both, calls::on_tools_call),
    ("tools/list", Eras::Both, calls::on_tools_list),
];

/// The handler of `method` in `revision`.
pub(super) fn find(method: &str, revision: Revision) -> Option<Handler> {
    let (_, eras, handler) = METHODS.iter().find(|(name, ..)| *name == method)?;
    let exists = match eras {
        Eras::Legacy => !revision.is_modern(),
        Eras::Modern => revision.is_modern(),
        Eras::Both => true,
    };
    exists.then_some(*handler)
}
