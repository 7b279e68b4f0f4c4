//! What a tool may know of a call besides its arguments: how its reply is framed, and who asks.

use super::render::Form;

/// A call, besides its arguments.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What the protocol wants around the result.
    pub form: Form,
    /// Who asks, as bytes that are always the same for the same caller; empty where nobody is known.
    pub principal: &'a [u8],
}
