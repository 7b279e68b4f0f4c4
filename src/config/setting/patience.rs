//! What readers of results can bear: how long they wait, and how much they take at once.

use super::{Setting, setting};

/// How long a call waits.
pub const CALL_WAIT: Setting = setting(
    Some("--wait"),
    &["MCP_WAIT"],
    "45",
    "seconds that a call waits for its statement; then it is answered with the query id, and the statement goes on",
);

/// Tokens of the text of one result.
pub const RESULT_TOKENS_MAX: Setting = setting(
    None,
    &["MCP_MAX_RESULT_TOKENS"],
    "10000000",
    "tokens of the text of one result, estimated as two for seven bytes; what does not fit is read on by cursor, and a caller may ask for fewer",
);
