//! The table method → handler: the first file to open.

use super::params::Params;
use super::{Outcome, Revision, Service, calls, lifecycle};

/// A call whose surroundings were found right.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// What the reply is written in.
    pub(super) revision: Revision,
    /// The parameters.
    pub(super) params: Params<'a>,
}

/// In which revisions a method exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eras {
    Legacy,
    Modern,
    Both,
}

type Handler = fn(&Service, &Request<'_>) -> Outcome;

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
