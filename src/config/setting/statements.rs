//! Settings about statements: which pass, on what, and what they may cost.

use super::{Setting, setting};

/// Which kinds of statement pass.
pub const ALLOWED_COMMANDS: Setting = setting(
    None,
    &["ALLOWED_SQL_COMMANDS"],
    "select,show,describe,explain,values",
    "comma list of the read statements that pass (with and union go with select)",
);
/// Whether what others wrote is marked.
pub const FENCE_DATA: Setting = setting(
    None,
    &["MCP_FENCE_DATA"],
    "true",
    "puts what others wrote (cells, names, Snowflake's messages) between marks with a random name in the text of results, and tells models what they mean",
);
/// The file with everything about statements.
pub const POLICY: Setting = setting(
    Some("--policy"),
    &["SNOWFLAKE_MCP_POLICY"],
    "none",
    "TOML file that says which statements, functions and objects are allowed and what they may cost, also by role and key",
);
/// Which writes pass.
pub const ALLOW_WRITE: Setting = setting(
    Some("--allow-write"),
    &["SNOWFLAKE_MCP_ALLOW_WRITE"],
    "none",
    "comma list of writes that pass: insert, update, delete, merge, truncate, create, alter, drop, undrop, comment",
);
/// Whether a role must only read.
pub const STRICT_ROLE: Setting = setting(
    Some("--strict-role"),
    &["SNOWFLAKE_MCP_STRICT_ROLE"],
    "false",
    "true uses only roles that are known to read and to do nothing else; with any other nothing is run",
);
/// Whether writes are confirmed.
pub const CONFIRM_WRITES: Setting = setting(
    None,
    &["SNOWFLAKE_MCP_CONFIRM_WRITES"],
    "true",
    "whether a write that is allowed is confirmed first: by the client's user, or by the argument confirm",
);
/// Bytes of a statement.
pub const SCAN_BYTES_MAX: Setting = setting(
    Some("--max-scan-bytes"),
    &["SNOWFLAKE_MCP_MAX_SCAN_BYTES"],
    "none",
    "bytes that a statement may scan by its plan, with or without a unit (10 GiB); more is refused with the figures",
);
/// Partitions of a statement.
pub const PARTITIONS_MAX: Setting = setting(
    Some("--max-partitions"),
    &["SNOWFLAKE_MCP_MAX_PARTITIONS"],
    "none",
    "micro-partitions that a statement may scan by its plan; more is refused with the figures",
);
/// Bytes of a statement that need no question.
pub const SCAN_BYTES_UNASKED_MAX: Setting = setting(
    Some("--confirm-scan-bytes"),
    &["SNOWFLAKE_MCP_CONFIRM_SCAN_BYTES"],
    "none",
    "bytes by the plan above which a statement runs only when it is confirmed, by the client's user or the argument confirm",
);
/// Partitions of a statement that need no question.
pub const PARTITIONS_UNASKED_MAX: Setting = setting(
    Some("--confirm-partitions"),
    &["SNOWFLAKE_MCP_CONFIRM_PARTITIONS"],
    "none",
    "micro-partitions by the plan above which a statement runs only when it is confirmed",
);
/// What happens without a plan.
pub const UNEXPLAINED: Setting = setting(
    Some("--on-explain-failure"),
    &["SNOWFLAKE_MCP_ON_EXPLAIN_FAILURE"],
    "refuse with lists of objects, else run",
    "refuse or run: what happens to a statement whose plan cannot be had although limits or lists are set",
);
/// Objects that may be read.
pub const ALLOWED_OBJECTS: Setting = setting(
    None,
    &["SNOWFLAKE_MCP_ALLOWED_OBJECTS"],
    "all",
    "comma list of DATABASE.SCHEMA.OBJECT with * for any characters; only these may be read, as the compiler resolves names",
);
/// Objects that may not be read.
pub const DENIED_OBJECTS: Setting = setting(
    None,
    &["SNOWFLAKE_MCP_DENIED_OBJECTS"],
    "none",
    "comma list like SNOWFLAKE_MCP_ALLOWED_OBJECTS of what may not be read; it wins",
);
/// Kept for those who set it to true.
pub const READ_ONLY: Setting = setting(
    None,
    &["READONLY_MODE", "ENABLE_SQL_PROTECTION"],
    "true",
    "true beside allowed writes refuses to start, and so does false without any: say which with --allow-write",
);
