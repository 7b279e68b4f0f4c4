//! Who callers are: keys, and what is known of their holders. Pure; it knows neither requests nor routes.
//!
//! What a credential opens is decided in `server::access`, the only place that does; here is what it decides on.
//!
//! | file | changes when … |
//! |---|---|
//! | `identity` | something more is known of a caller |
//! | `scope` | there is another thing to be allowed |
//! | `keys` | lines of the key file say more, or keys are made otherwise |

pub mod identity;
pub mod keys;
pub mod scope;

pub use identity::{Identity, Mark, Quota};
pub use keys::KeyRing;
pub use scope::Scope;
