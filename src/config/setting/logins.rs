//! Settings of callers who bring their own login to Snowflake along.

use super::{Setting, setting};

/// The header that it comes in.
pub const LOGIN_HEADER: Setting = setting(
    None,
    &["MCP_SNOWFLAKE_TOKEN_HEADER"],
    "none",
    "name of a header in which each caller sends its own Snowflake token; its statements run with that login, and nobody else's",
);
/// What it is.
pub const LOGIN_KIND: Setting = setting(
    None,
    &["MCP_SNOWFLAKE_TOKEN_KIND"],
    "oauth",
    "what the tokens of callers are: oauth or programmatic_access_token",
);
/// Whether it may be missing.
pub const LOGIN_OPTIONAL: Setting = setting(
    None,
    &["MCP_SNOWFLAKE_TOKEN_OPTIONAL"],
    "false",
    "true runs the statements of callers without the header with the server's own login; else they are refused",
);
/// Whether it may come in the clear.
pub const LOGIN_IN_CLEAR: Setting = setting(
    None,
    &["MCP_SNOWFLAKE_TOKEN_IN_CLEAR"],
    "false",
    "true lets the header come over plain HTTP from other machines, where something before the server speaks TLS",
);
