//! Names that predecessors document and that change nothing here, with why.

use super::Ineffective;

const NO_POOL: &str = "Snowflake's SQL API is stateless, so no connections are kept";
const NO_CONNECT: &str = "connecting to Snowflake may take 10 seconds";
const NO_PACING: &str = "replies are written as soon as they are ready";
const NO_LOG_FILE: &str = "the log goes to standard error; let the service manager keep it";
const NO_CACHE: &str = "results are never cached here; Snowflake's own result cache works";

/// Shorthand for the table below.
const fn ineffective(name: &'static str, reason: &'static str) -> Ineffective {
    Ineffective { name, reason }
}

/// Names that predecessors document and that change nothing here. Each one that is set is told once at start.
pub const INEFFECTIVE: &[Ineffective] = &[
    ineffective("SNOWFLAKE_POOL_MIN_SIZE", NO_POOL),
    ineffective("SNOWFLAKE_POOL_MAX_INACTIVE_MINUTES", NO_POOL),
    ineffective("SNOWFLAKE_POOL_HEALTH_CHECK_MINUTES", NO_POOL),
    ineffective("SNOWFLAKE_POOL_RETRY_ATTEMPTS", NO_POOL),
    ineffective("SNOWFLAKE_POOL_CONNECTION_TIMEOUT", NO_CONNECT),
    ineffective("SNOWFLAKE_CONN_TIMEOUT", NO_CONNECT),
    ineffective("SNOWFLAKE_HEALTH_CHECK_INTERVAL", NO_POOL),
    ineffective("SNOWFLAKE_MAX_INACTIVE_TIME", NO_POOL),
    ineffective("SNOWFLAKE_CONN_REFRESH_HOURS", NO_POOL),
    ineffective(
        "SNOWFLAKE_PASSCODE",
        "no password sign-in, hence no passcode; use a token or a key pair",
    ),
    ineffective("SNOWFLAKE_MCP_ENDPOINT", "the endpoint is /mcp"),
    ineffective("SNOWFLAKE_MCP_VERBOSE", "use LOG_LEVEL=debug"),
    ineffective(
        "SERVICE_CONFIG_FILE",
        "its format is another one; see --config and --policy in the README",
    ),
    ineffective("MCP_MIN_RESPONSE_INTERVAL_MS", NO_PACING),
    ineffective("MCP_ADAPTIVE_PACING", NO_PACING),
    ineffective("MCP_MAX_RESPONSE_INTERVAL_MS", NO_PACING),
    ineffective(
        "MCP_READ_ONLY",
        "the server is read-only unless --allow-write is given",
    ),
    ineffective("STRUCTURED_LOGGING", "use LOG_FORMAT=json"),
    ineffective("LOG_FILE_MAX_SIZE", NO_LOG_FILE),
    ineffective("LOG_FILE_BACKUP_COUNT", NO_LOG_FILE),
    ineffective("ENABLE_QUERY_CACHE", NO_CACHE),
    ineffective("QUERY_CACHE_TTL", NO_CACHE),
    ineffective(
        "HEALTH_CHECK_TIMEOUT",
        "health routes never wait for the database",
    ),
    ineffective("METRICS_PORT", "/metrics is served with everything else"),
    ineffective("DETAILED_HEALTH_CHECKS", "/health/detailed is always there"),
    ineffective("MOCK_SNOWFLAKE", "use --demo for the embedded engine"),
];
