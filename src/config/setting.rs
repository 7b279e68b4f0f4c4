//! Every setting as data: its flag, its environment names, its default, its unit and what it changes.
//!
//! This table is the one place that knows names. The README's table is held against it by `tests/tidy.rs`, and the
//! warning about unknown names searches it. It does not know how a value is parsed; that stands beside its use.

mod ineffective;
mod logins;
mod patience;
mod proxies;
mod snowflake;
mod statements;

pub use ineffective::INEFFECTIVE;
pub use logins::{LOGIN_HEADER, LOGIN_IN_CLEAR, LOGIN_KIND, LOGIN_OPTIONAL};
pub use patience::{CALL_WAIT, RESULT_TOKENS_MAX};
pub use proxies::{CONNECTIONS_PER_ADDRESS_MAX, PROXY_PROTOCOL, TRUSTED_PROXIES};
pub use snowflake::*;
pub use statements::*;

/// A setting that is honoured.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Flag of the command line, with its dashes.
    pub flag: Option<&'static str>,
    /// Environment names. The first is the one to write; the others are what predecessors called it.
    pub names: &'static [&'static str],
    /// What it is called within a connection: in the tools' files, and behind `SNOWFLAKE_CONNECTIONS_NAME_` in capitals.
    /// None: it is no setting of one connection.
    pub keys: &'static [&'static str],
    /// What holds when nothing is set, in words.
    pub default: &'static str,
    /// Unit and consequence, in words.
    pub meaning: &'static str,
    /// Whether its value must not be shown.
    pub is_secret: bool,
}

/// A name that predecessors document and that changes nothing here.
#[derive(Debug, PartialEq, Eq)]
pub struct Ineffective {
    /// The environment name.
    pub name: &'static str,
    /// Why it changes nothing, and what to use instead. Completes "NAME is set but has no effect: …".
    pub reason: &'static str,
}

/// Shorthand for the table below: flag, names, default, meaning.
const fn setting(
    flag: Option<&'static str>,
    names: &'static [&'static str],
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting {
        flag,
        names,
        keys: &[],
        default,
        meaning,
        is_secret: false,
    }
}

impl Setting {
    /// The same, whose value must not be shown.
    const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }
}

/// As [`setting`], for one that each connection may have for itself.
const fn of_connection(
    keys: &'static [&'static str],
    names: &'static [&'static str],
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting {
        keys,
        ..setting(None, names, default, meaning)
    }
}

// Where the server listens.

/// Address to listen on.
pub const HOST: Setting = setting(
    Some("--host"),
    &["MCP_HTTP_HOST", "MCP_SERVER_HOST", "SNOWFLAKE_MCP_HOST"],
    "127.0.0.1",
    "IP address to listen on; localhost means both loopback addresses",
);
/// Port to listen on.
pub const PORT: Setting = setting(
    Some("--port"),
    &["MCP_HTTP_PORT", "MCP_SERVER_PORT", "SNOWFLAKE_MCP_PORT"],
    "8000",
    "TCP port; 0 lets the system choose, and start-up says which",
);

/// Our certificate.
pub const TLS_CERTIFICATE: Setting = setting(
    Some("--tls-cert"),
    &["MCP_TLS_CERT"],
    "none, plain HTTP",
    "PEM file with the server's certificate and those up to its root; makes the port speak TLS; read again at SIGHUP",
);
/// Its key.
pub const TLS_KEY: Setting = setting(
    Some("--tls-key"),
    &["MCP_TLS_KEY"],
    "none",
    "PEM file with the certificate's key, best an ECDSA one: a handshake with RSA costs five times as much; read again at SIGHUP",
);
/// Who vouches for clients.
pub const TLS_CLIENT_CA: Setting = setting(
    Some("--tls-client-ca"),
    &["MCP_TLS_CLIENT_CA"],
    "none",
    "PEM file with the roots of client certificates: who has one needs no key, and its name (URI, DNS, mail, else common name) is the caller",
);

// Who may call.

/// Bearer tokens that clients must present.
pub const API_KEYS: Setting = setting(
    None,
    &["API_KEYS"],
    "none",
    "comma list of bearer tokens; with one set, everything but /health, /health/live and /health/ready needs one",
).secret();
/// A file of keys.
pub const KEY_FILE: Setting = setting(
    Some("--keys"),
    &["SNOWFLAKE_MCP_KEYS_FILE"],
    "none",
    "file with a key a line, as snowflake-mcp key new prints it: SHA-256, label, scopes, limits, expiry; read again at SIGHUP",
);
/// Who issues tokens.
pub const OAUTH_ISSUERS: Setting = setting(
    None,
    &["MCP_OAUTH_ISSUER"],
    "none",
    "comma list of OAuth issuers, as the iss of their tokens says it; makes the server an OAuth 2.1 resource server",
);
/// For whom tokens must be issued.
pub const OAUTH_RESOURCE: Setting = setting(
    None,
    &["MCP_OAUTH_RESOURCE"],
    "none",
    "address by which clients know this server (https://host/mcp), which tokens must name as their audience",
);
/// Where issuers publish their keys.
pub const OAUTH_KEY_SETS: Setting = setting(
    None,
    &["MCP_OAUTH_JWKS_URL"],
    "from each issuer's metadata",
    "comma list of the addresses of the issuers' key sets, in the order of MCP_OAUTH_ISSUER",
);
/// What tokens must allow.
pub const OAUTH_SCOPES: Setting = setting(
    None,
    &["MCP_OAUTH_SCOPES"],
    "snowflake:read",
    "comma list of scopes that a token needs to read; none lets every token of the issuers read",
);
/// Whether bearer tokens are enforced, for those who want to say it.
pub const ENABLE_API_AUTH: Setting = setting(
    None,
    &["ENABLE_API_AUTH"],
    "true when keys or an issuer are set",
    "must agree with what is set: false beside keys or an issuer, or true without any, refuses to start",
);
/// Leave to listen beyond loopback without any credential.
pub const ALLOW_UNAUTHENTICATED: Setting = setting(
    Some("--allow-unauthenticated"),
    &[],
    "false",
    "lets a server that asks nobody who it is (no keys, no issuer, no client certificates) listen on an address that other machines reach",
);
/// What signs tokens.
pub const TOKEN_KEY: Setting = setting(
    None,
    &["SNOWFLAKE_MCP_TOKEN_KEY"],
    "made at start",
    "text of at least 32 characters that signs session ids, cursors and task ids; servers with the same one continue each other's, also after a restart; two separated by a comma while it is changed: the first signs, both are accepted",
).secret();
/// Web origins that may call.
pub const CORS_ORIGINS: Setting = setting(
    None,
    &["MCP_CORS_ORIGINS"],
    "none",
    "comma list of web origins (https://app.example) that may call from a browser; * needs keys or an issuer",
);
/// Names that the Host header may carry.
pub const ALLOWED_HOSTS: Setting = setting(
    None,
    &["MCP_ALLOWED_HOSTS"],
    "loopback names and the address listened on",
    "comma list of further host names under which clients reach the server (Host header)",
);

// Bounds.

/// Worker threads.
pub const WORKERS: Setting = setting(
    Some("--workers"),
    &["SNOWFLAKE_POOL_MAX_SIZE"],
    "8",
    "threads that talk to the database, 1 to 256; a running Snowflake statement holds none",
);
/// Open connections.
pub const CONNECTIONS_MAX: Setting = setting(
    None,
    &["MCP_MAX_CONNECTIONS"],
    "16384",
    "connections open at once; a further one is answered 503 and closed",
);
/// Calls of one client in flight.
pub const JOBS_PER_PRINCIPAL_MAX: Setting = setting(
    None,
    &["MAX_CONCURRENT_REQUESTS"],
    "512",
    "tool calls that run at once for one API key, without keys for one connection; further ones wait",
);
/// Calls of one client that wait.
pub const WAITING_MAX: Setting = setting(
    None,
    &["MCP_MAX_WAITING_REQUESTS"],
    "64",
    "tool calls of one client that wait behind those that run, in their order; a further one is refused as busy, with 429 on REST",
);
/// Calls of one client in a minute.
pub const CALLS_PER_MINUTE: Setting = setting(
    None,
    &["RATE_LIMIT_PER_MINUTE"],
    "none",
    "tool calls that one client may begin in a minute; a further one is told when to come again",
);
/// Whether those are counted.
pub const ENABLE_RATE_LIMITING: Setting = setting(
    None,
    &["ENABLE_RATE_LIMITING"],
    "true when RATE_LIMIT_PER_MINUTE is set",
    "false leaves RATE_LIMIT_PER_MINUTE without effect",
);
/// Rows of one client in a day.
pub const ROWS_PER_DAY: Setting = setting(
    None,
    &["MCP_MAX_ROWS_PER_DAY"],
    "none",
    "rows that one client may receive in a day (UTC); then its calls are refused until the next",
);
/// Bytes of one client in a day.
pub const BYTES_PER_DAY: Setting = setting(
    None,
    &["MCP_MAX_RESULT_SIZE_PER_DAY"],
    "none",
    "MiB of results that one client may receive in a day (UTC); then its calls are refused until the next",
);
/// Size of a request.
pub const REQUEST_SIZE_MAX: Setting = setting(
    None,
    &["MCP_MAX_REQUEST_SIZE"],
    "4",
    "MiB of one request body or WebSocket message, 1 to 64; more is 413 or close code 1009",
);
/// Size of a result.
pub const RESULT_SIZE_MAX: Setting = setting(
    None,
    &["MCP_MAX_RESULT_SIZE"],
    "4",
    "MiB of one result, text and structured form together, 1 to 8; a larger one is cut and says so",
);
/// Memory of all requests that are on their way.
pub const BUFFERED_SIZE_MAX: Setting = setting(
    None,
    &["MCP_MAX_BUFFERED_SIZE"],
    "64, or four of the largest request",
    "MiB that half-received requests and the statements of calls in flight hold together; more is 503 or close code 1013",
);
/// Memory of all replies that wait.
pub const REPLIES_SIZE_MAX: Setting = setting(
    None,
    &["MCP_MAX_REPLIES_SIZE"],
    "64",
    "MiB of replies that wait for their readers together; at seven eighths of it calls are refused and results not kept",
);
/// Rows of a result, as the operator allows.
pub const ROWS_MAX: Setting = setting(
    Some("--max-rows"),
    &["MAX_QUERY_LIMIT", "MAX_QUERY_RESULT_ROWS"],
    "10000",
    "rows of one result; a caller may ask for fewer, never for more",
);
/// Rows of a result when the caller does not say.
pub const ROWS_DEFAULT: Setting = setting(
    None,
    &["DEFAULT_QUERY_LIMIT"],
    "100",
    "rows of one result of execute_query when the caller gives no limit; at most MAX_QUERY_LIMIT",
);

// Times.

/// How long a head may take.
pub const HEAD_TIMEOUT: Setting = setting(
    None,
    &["MCP_HEAD_TIMEOUT"],
    "10",
    "seconds in which the head of a request must come, from its first byte; more is 408",
);
/// How long a piece of a body may take.
pub const BODY_TIMEOUT: Setting = setting(
    None,
    &["MCP_BODY_TIMEOUT"],
    "15",
    "seconds in which 8 KiB of a body or message must come, or the rest of it; all of it in four times that",
);
/// How long a piece of a reply may wait.
pub const WRITE_TIMEOUT: Setting = setting(
    None,
    &["MCP_WRITE_TIMEOUT"],
    "15",
    "seconds in which a client must take 8 KiB of what waits for it, or all of it; then it is dropped",
);
/// How long a statement may run.
pub const STATEMENT_TIMEOUT: Setting = setting(
    None,
    &["MCP_REQUEST_TIMEOUT", "QUERY_TIMEOUT_SECONDS"],
    "300",
    "seconds that a statement may run; then it is cancelled on the database",
);
/// How long shutdown waits.
pub const DRAIN_TIMEOUT: Setting = setting(
    Some("--drain-timeout"),
    &["MCP_DRAIN_TIMEOUT"],
    "30",
    "seconds that shutdown waits for calls in flight; then they are cancelled and the exit code is 1",
);
/// How long shutdown still accepts.
pub const DRAIN_DELAY: Setting = setting(
    Some("--drain-delay"),
    &["MCP_DRAIN_DELAY"],
    "0",
    "seconds that shutdown still accepts connections while /health/ready already says 503",
);

// What the server says about itself.

/// Whether the metrics route exists.
pub const METRICS: Setting = setting(
    None,
    &["ENABLE_METRICS"],
    "true",
    "false removes the metrics route",
);
/// Where the metrics route is.
pub const METRICS_PATH: Setting = setting(
    None,
    &["METRICS_ENDPOINT"],
    "/metrics",
    "path of the metrics route",
);
/// Least important level that is logged.
pub const LOG_LEVEL: Setting = setting(
    Some("--log-level"),
    &["LOG_LEVEL"],
    "info",
    "off, error, warn, info, debug or trace",
);
/// Form of a log line.
pub const LOG_FORMAT: Setting = setting(
    None,
    &["LOG_FORMAT"],
    "text",
    "text or json; one line a record, on standard error",
);
/// Whether the log holds statements.
pub const LOG_STATEMENTS: Setting = setting(
    None,
    &["LOG_SQL_QUERIES"],
    "false",
    "true writes the SQL of each statement into the log; statements may hold personal data",
);

/// Where the audit log is.
pub const AUDIT_LOG: Setting = setting(
    Some("--audit-log"),
    &["MCP_AUDIT_LOG"],
    "none",
    "file that gets a line for every statement: who, what without its literals, how it ended; each line is chained to the one before",
);
/// How large a file of it becomes.
pub const AUDIT_LOG_SIZE: Setting = setting(
    None,
    &["MCP_AUDIT_LOG_SIZE"],
    "64",
    "MiB of one file of the audit log; a full one is kept as FILE.1",
);
/// How many there are.
pub const AUDIT_LOG_FILES: Setting = setting(
    None,
    &["MCP_AUDIT_LOG_FILES"],
    "10",
    "files of the audit log in all, 1 to 1000; the oldest goes",
);
/// What happens when it cannot be written.
pub const AUDIT_WHEN_FULL: Setting = setting(
    None,
    &["MCP_AUDIT_WHEN_FULL"],
    "refuse",
    "while the audit log cannot be written: refuse lets no statement run, drop lets them run and gives up the oldest records",
);

/// How long what is told about the account is kept.
pub const METADATA_TTL: Setting = setting(
    None,
    &["MCP_METADATA_TTL"],
    "60",
    "seconds for which tables, views and columns are told from what is kept, databases and schemas five times as long; 0 keeps nothing",
);
/// Every setting, in the order in which the README explains them.
pub const ALL: &[&Setting] = &[
    &HOST,
    &PORT,
    &TLS_CERTIFICATE,
    &TLS_KEY,
    &TLS_CLIENT_CA,
    &API_KEYS,
    &KEY_FILE,
    &OAUTH_ISSUERS,
    &OAUTH_RESOURCE,
    &OAUTH_KEY_SETS,
    &OAUTH_SCOPES,
    &ENABLE_API_AUTH,
    &ALLOW_UNAUTHENTICATED,
    &LOGIN_HEADER,
    &LOGIN_KIND,
    &LOGIN_OPTIONAL,
    &LOGIN_IN_CLEAR,
    &TOKEN_KEY,
    &CORS_ORIGINS,
    &ALLOWED_HOSTS,
    &TRUSTED_PROXIES,
    &PROXY_PROTOCOL,
    &WORKERS,
    &CONNECTIONS_MAX,
    &CONNECTIONS_PER_ADDRESS_MAX,
    &JOBS_PER_PRINCIPAL_MAX,
    &WAITING_MAX,
    &CALLS_PER_MINUTE,
    &ENABLE_RATE_LIMITING,
    &ROWS_PER_DAY,
    &BYTES_PER_DAY,
    &REQUEST_SIZE_MAX,
    &RESULT_SIZE_MAX,
    &RESULT_TOKENS_MAX,
    &BUFFERED_SIZE_MAX,
    &REPLIES_SIZE_MAX,
    &METADATA_TTL,
    &ROWS_MAX,
    &ROWS_DEFAULT,
    &HEAD_TIMEOUT,
    &BODY_TIMEOUT,
    &WRITE_TIMEOUT,
    &CALL_WAIT,
    &STATEMENT_TIMEOUT,
    &DRAIN_TIMEOUT,
    &DRAIN_DELAY,
    &ALLOWED_COMMANDS,
    &FENCE_DATA,
    &POLICY,
    &ALLOW_WRITE,
    &STRICT_ROLE,
    &CONFIRM_WRITES,
    &SCAN_BYTES_MAX,
    &PARTITIONS_MAX,
    &SCAN_BYTES_UNASKED_MAX,
    &PARTITIONS_UNASKED_MAX,
    &UNEXPLAINED,
    &ALLOWED_OBJECTS,
    &DENIED_OBJECTS,
    &READ_ONLY,
    &METRICS,
    &METRICS_PATH,
    &LOG_LEVEL,
    &LOG_FORMAT,
    &LOG_STATEMENTS,
    &AUDIT_LOG,
    &AUDIT_LOG_SIZE,
    &AUDIT_LOG_FILES,
    &AUDIT_WHEN_FULL,
    &ACCOUNT,
    &REGION,
    &UNDERSCORES,
    &USER,
    &AUTHENTICATOR,
    &AUTH_TYPE,
    &PRIVATE_KEY,
    &PRIVATE_KEY_PATH,
    &PRIVATE_KEY_PASSPHRASE,
    &TOKEN,
    &ACCESS_TOKEN,
    &TOKEN_FILE,
    &OAUTH_CLIENT_ID,
    &OAUTH_CLIENT_SECRET,
    &OAUTH_TOKEN_URL,
    &OAUTH_SCOPE,
    &OAUTH_IN_BODY,
    &WORKLOAD_PROVIDER,
    &WAREHOUSE,
    &DATABASE,
    &SCHEMA,
    &ROLE,
    &SNOWFLAKE_HOST,
    &SNOWFLAKE_PORT,
    &SNOWFLAKE_PROTOCOL,
    &CONNECTION,
    &CONNECTIONS,
    &ALLOWED_ROLES,
    &ALLOWED_WAREHOUSES,
    &CONFIG,
    &TOOLS_HOME,
    &SKIP_READ_WARNING,
    &PROXY,
    &NO_PROXY,
    &AUTHORITIES,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_and_no_flag_stands_twice() {
        let mut names: Vec<_> = ALL.iter().flat_map(|setting| setting.names).copied().collect();
        names.extend(ALL.iter().filter_map(|setting| setting.flag));
        names.extend(INEFFECTIVE.iter().map(|known| known.name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_setting_can_be_set_and_says_what_it_does() {
        for setting in ALL {
            assert!(setting.flag.is_some() || !setting.names.is_empty());
            assert!(
                !setting.meaning.ends_with('.') && !setting.default.is_empty(),
                "{setting:?}"
            );
        }
    }
}
