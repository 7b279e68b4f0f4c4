//! Who callers are: keys, and what is known of their holders. Pure; it knows neither requests nor routes.
//!
//! What a credential opens is decided in `server::access`, the only place that does; here is what it decides on.
//!
//! | file | changes when … |
//! |---|---|
//! | `identity` | something more is known of a caller |
//! | `scope` | there is another thing to be allowed |
//! | `keys` | lines of the key file say more, or keys are made otherwise |
//! | `claims`, `key_set` | tokens of others are written or signed otherwise |
//! | `issuers` | a token must fulfil something else, or keys are fetched at other times |
//! | `logins` | callers bring logins to the database along otherwise |
//! | `certificate` | a certificate names its holder otherwise |
//! | `fetch` | something else is needed from elsewhere |

pub mod certificate;
mod claims;
pub mod fetch;
pub mod identity;
pub mod issuers;
pub mod key_set;
pub mod keys;
pub mod logins;
pub mod scope;

pub use identity::{Identity, Mark, Quota};
pub use issuers::Issuers;
pub use keys::KeyRing;
pub use logins::Logins;
pub use scope::Scope;
