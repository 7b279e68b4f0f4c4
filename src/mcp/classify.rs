//! Which era a message belongs to, so that old and new clients share one endpoint without a switch.
//!
//! The body decides first (a *claim*, that is `_meta` with a protocol version), then the version header. On WebSocket
//! and stdio there is no header, so the claim alone decides, message by message.
//!
//! ```text
//!   initialize, no claim ── modern header? ── yes ─► -32020 (400)
//!                                          └─ no ──► legacy
//!   claim, or a version header that is no legacy one ─► modern (the ladder checks the rest)
//!   anything else ───────────────────────────────────► legacy
//! ```

use super::params::Params;
use super::{Context, Revision};
use crate::rpc;

/// The two families of revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// Opens with `initialize`; the revision that this message is in.
    Legacy(Revision),
    /// Every request is complete; which revision, the ladder finds out.
    Modern,
}

/// The era of the call of `method`.
///
/// # Errors
/// -32020, with status 400, for a handshake under a header that knows no handshake.
pub(super) fn of_call(context: &Context<'_>, method: &str, params: &Params<'_>) -> Result<Era, rpc::Error> {
    let has_modern_header = has_modern_header(context);
    if params.meta.has_claim() {
        return Ok(Era::Modern);
    }
    if method == "initialize" && has_modern_header {
        return Err(rpc::Error::header_mismatch(
            "initialize belongs to revisions before 2026-07-28, MCP-Protocol-Version must be one of those or absent",
        ));
    }
    Ok(if has_modern_header {
        Era::Modern
    } else {
        Era::Legacy(context.legacy_revision())
    })
}

/// Whether the version header, if there is one, leaves the legacy era.
pub(super) fn has_modern_header(context: &Context<'_>) -> bool {
    context.fields.is_some_and(|fields| fields.has_modern_version())
}
