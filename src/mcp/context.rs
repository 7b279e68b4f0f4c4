//! What the meaning of a message depends on besides the message.

use super::{Abilities, Revision};
use crate::ident::ClientLabel;
use crate::time::Now;
use crate::tools::Rights;

/// What the meaning of a message depends on besides the message.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// Header fields of the HTTP request that carried it; `None` where there are none (WebSocket, stdio).
    pub fields: Option<RoutingFields<'a>>,
    /// What `initialize` negotiated on this connection (WebSocket, stdio).
    pub negotiated: Option<Revision>,
    /// What the client of a legacy connection or session said in `initialize` that it can be asked for. A modern message
    /// says it itself.
    pub abilities: Abilities,
    /// Who the caller is, as bytes that are always the same for the same caller; empty where nobody is known. What is
    /// handed to one caller is worth nothing in the hands of another.
    pub principal: &'a [u8],
    /// What the caller may, and as whom its statements run.
    pub rights: Rights<'a>,
    /// What the client of a legacy connection or session called itself in `initialize`. A modern message says it itself.
    pub client: ClientLabel,
    /// The time.
    pub now: Now,
}

/// Values of the header fields that route an MCP request over HTTP; absent on WebSocket and stdio.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoutingFields<'a> {
    /// `MCP-Protocol-Version`.
    pub protocol_version: Field<'a>,
    /// `Mcp-Method`.
    pub method: Field<'a>,
    /// `Mcp-Name`.
    pub name: Field<'a>,
    /// `Mcp-Session-Id`.
    pub session: Field<'a>,
    /// The fields whose name begins with `Mcp-Param-`, in any case: name and value, in order. Mostly none.
    pub params: &'a [(&'a [u8], &'a [u8])],
}

/// One header field that must not occur twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Field<'a> {
    /// Not there.
    #[default]
    Absent,
    /// Once.
    Once(&'a [u8]),
    /// More than once, which no routing field may be.
    Repeated,
}

impl Context<'_> {
    /// The revision of a legacy message: what its header says, else what was negotiated, else the one that had no header.
    pub(super) fn legacy_revision(&self) -> Revision {
        let header = match self.fields.map(|fields| fields.protocol_version) {
            Some(Field::Once(value)) => Revision::parse(value),
            _ => None,
        };
        header
            .or(self.negotiated)
            .filter(|revision| !revision.is_modern())
            .unwrap_or(Revision::WITHOUT_HEADER)
    }
}

impl RoutingFields<'_> {
    /// Whether the version header is there and is not one of a legacy revision: modern, unknown or repeated.
    pub fn has_modern_version(&self) -> bool {
        match self.protocol_version {
            Field::Absent => false,
            Field::Repeated => true,
            Field::Once(value) => Revision::parse(value).is_none_or(Revision::is_modern),
        }
    }
}
