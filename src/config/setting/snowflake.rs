//! Settings of the way to Snowflake: the account, how to sign in, where statements run, connections and their files.

use super::{Setting, of_connection, setting};

/// The account.
pub const ACCOUNT: Setting = of_connection(
    &["account"],
    &["SNOWFLAKE_ACCOUNT"],
    "taken from SNOWFLAKE_HOST",
    "account identifier, best as organization-account (myorg-prod)",
);
/// The region, where it is not in the account.
pub const REGION: Setting = of_connection(
    &["region"],
    &["SNOWFLAKE_REGION"],
    "none",
    "region of an account locator, as older files have it: put behind SNOWFLAKE_ACCOUNT, when that has none",
);
/// What the host makes of the account.
pub const UNDERSCORES: Setting = of_connection(
    &["preserve_underscores_in_hostname"],
    &["SNOWFLAKE_PRESERVE_UNDERSCORES_IN_HOSTNAME"],
    "false",
    "true leaves underscores of the account in the host name, as some private links want it",
);
/// The user.
pub const USER: Setting = of_connection(
    &["user", "username"],
    &["SNOWFLAKE_USER"],
    "none",
    "login name; needed with a key pair, not with a token; in double quotes it is taken as it is, else in upper case",
);
/// How to sign in.
pub const AUTHENTICATOR: Setting = of_connection(
    &["authenticator"],
    &["SNOWFLAKE_AUTHENTICATOR"],
    "by what is set",
    "SNOWFLAKE_JWT (key pair), PROGRAMMATIC_ACCESS_TOKEN, OAUTH, OAUTH_CLIENT_CREDENTIALS or WORKLOAD_IDENTITY",
);
/// How to sign in, in the words of the program that this one replaces.
pub const AUTH_TYPE: Setting = setting(
    None,
    &["SNOWFLAKE_AUTH_TYPE"],
    "by what is set",
    "older form of SNOWFLAKE_AUTHENTICATOR: private_key means SNOWFLAKE_JWT",
);
/// The private key itself.
pub const PRIVATE_KEY: Setting = of_connection(
    &["private_key", "priv_key_base64", "private_key_base64"],
    &["SNOWFLAKE_PRIVATE_KEY"],
    "none",
    "the RSA private key itself: PEM text, or base64 of PEM or of PKCS#8 DER",
)
.secret();
/// Where the private key is.
pub const PRIVATE_KEY_PATH: Setting = of_connection(
    &["private_key_file", "private_key_path", "priv_key_file"],
    &["SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWFLAKE_PRIVATE_KEY_FILE"],
    "none",
    "file that holds the RSA private key (PKCS#8, plain or encrypted, or PKCS#1; PEM or DER)",
);
/// What opens the private key.
pub const PRIVATE_KEY_PASSPHRASE: Setting = of_connection(
    &[
        "private_key_file_pwd",
        "private_key_passphrase",
        "private_key_password",
        "private_key_pwd",
        "priv_key_pwd",
    ],
    &[
        "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
        "SNOWFLAKE_PRIVATE_KEY_FILE_PWD",
        "PRIVATE_KEY_PASSPHRASE",
    ],
    "none",
    "passphrase of an encrypted private key",
)
.secret();
/// A token.
pub const TOKEN: Setting = of_connection(
    &["token"],
    &["SNOWFLAKE_TOKEN"],
    "none",
    "programmatic access token, or OAuth access token with SNOWFLAKE_AUTHENTICATOR=OAUTH",
)
.secret();
/// A programmatic access token, under the names that other servers use.
pub const ACCESS_TOKEN: Setting = of_connection(
    &["password"],
    &["SNOWFLAKE_PAT", "SNOWFLAKE_PASSWORD"],
    "none",
    "programmatic access token under the names of other servers; a real password cannot be used",
)
.secret();
/// Where a token is.
pub const TOKEN_FILE: Setting = of_connection(
    &["token_file_path", "token_file"],
    &["SNOWFLAKE_TOKEN_FILE_PATH", "SNOWFLAKE_TOKEN_FILE"],
    "in a Snowpark container its own token",
    "file that holds the token, read for every request: an OAuth token unless SNOWFLAKE_AUTHENTICATOR says otherwise",
);
/// The client's name at an identity provider.
pub const OAUTH_CLIENT_ID: Setting = of_connection(
    &["oauth_client_id"],
    &["SNOWFLAKE_OAUTH_CLIENT_ID"],
    "none",
    "client that asks an identity provider for tokens (OAuth client credentials)",
);
/// The client's secret there.
pub const OAUTH_CLIENT_SECRET: Setting = of_connection(
    &["oauth_client_secret"],
    &["SNOWFLAKE_OAUTH_CLIENT_SECRET"],
    "none",
    "that client's secret",
)
.secret();
/// Where tokens are asked for.
pub const OAUTH_TOKEN_URL: Setting = of_connection(
    &["oauth_token_request_url"],
    &["SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL"],
    "none",
    "address where the identity provider gives tokens, https://…",
);
/// What tokens are asked for.
pub const OAUTH_SCOPE: Setting = of_connection(
    &["oauth_scope"],
    &["SNOWFLAKE_OAUTH_SCOPE"],
    "none",
    "scope of the tokens, such as session:role:READER",
);
/// Where name and secret go.
pub const OAUTH_IN_BODY: Setting = of_connection(
    &["oauth_credentials_in_body"],
    &["SNOWFLAKE_OAUTH_CREDENTIALS_IN_BODY"],
    "false",
    "true sends the client's name and secret in the form rather than as HTTP Basic",
);
/// Who vouches for a workload.
pub const WORKLOAD_PROVIDER: Setting = of_connection(
    &["workload_identity_provider"],
    &["SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER"],
    "OIDC",
    "who issues the token of SNOWFLAKE_TOKEN_FILE_PATH for WORKLOAD_IDENTITY; only OIDC is supported",
);
/// Roles that callers may choose.
pub const ALLOWED_ROLES: Setting = of_connection(
    &["allowed_roles"],
    &["SNOWFLAKE_MCP_ALLOWED_ROLES"],
    "none can be chosen",
    "comma list of roles that a call may name in its argument role, written as in SQL",
);
/// Warehouses that callers may choose.
pub const ALLOWED_WAREHOUSES: Setting = of_connection(
    &["allowed_warehouses"],
    &["SNOWFLAKE_MCP_ALLOWED_WAREHOUSES"],
    "none can be chosen",
    "comma list of warehouses that a call may name in its argument warehouse, written as in SQL",
);
/// The connection by name.
pub const CONNECTION: Setting = setting(
    Some("--connection"),
    &["SNOWFLAKE_DEFAULT_CONNECTION_NAME"],
    "default_connection_name, or default, when SNOWFLAKE_ACCOUNT and SNOWFLAKE_HOST are not set",
    "connection of the Snowflake tools' files or of the file of --config; of several the one of calls that name none",
);
/// Several of them.
pub const CONNECTIONS: Setting = setting(
    Some("--connections"),
    &["SNOWFLAKE_MCP_CONNECTIONS"],
    "one",
    "comma list of connections that are served side by side; calls choose with the argument connection",
);
/// Our own file.
pub const CONFIG: Setting = setting(
    Some("--config"),
    &["SNOWFLAKE_MCP_CONFIG"],
    "none",
    "TOML file with [settings], by the names of the environment, and [connections.NAME]; read last; not taken from .env",
);
/// Where the Snowflake tools keep their files.
pub const TOOLS_HOME: Setting = setting(
    None,
    &["SNOWFLAKE_HOME"],
    "~/.snowflake, else the system's place for configuration",
    "directory of connections.toml and config.toml; not taken from .env",
);
/// Silence about files that others may read.
pub const SKIP_READ_WARNING: Setting = setting(
    None,
    &["SF_SKIP_WARNING_FOR_READ_PERMISSIONS_ON_CONFIG_FILE"],
    "false",
    "true silences the warning about a configuration file that other users may read; one that they may change is refused",
);
/// The proxy.
pub const PROXY: Setting = setting(
    None,
    &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
    "none",
    "HTTP proxy on the way to Snowflake and to identity providers, http://USER:PASSWORD@HOST:PORT",
)
.secret();
/// Who is reached without it.
pub const NO_PROXY: Setting = setting(
    None,
    &["NO_PROXY", "no_proxy"],
    "none",
    "comma list of hosts that are reached without the proxy, with what lies below them; * is all",
);
/// Further certificate authorities.
pub const AUTHORITIES: Setting = setting(
    None,
    &["SNOWFLAKE_MCP_CA_FILE"],
    "none",
    "PEM file of certificate authorities that are believed besides Mozilla's, for a proxy that opens TLS",
);
/// The warehouse.
pub const WAREHOUSE: Setting = of_connection(
    &["warehouse"],
    &["SNOWFLAKE_WAREHOUSE"],
    "the user's default",
    "warehouse that runs statements, written as in SQL",
);
/// The database.
pub const DATABASE: Setting = of_connection(
    &["database"],
    &["SNOWFLAKE_DATABASE"],
    "the user's default",
    "database of calls that name none, written as in SQL",
);
/// The schema.
pub const SCHEMA: Setting = of_connection(
    &["schema"],
    &["SNOWFLAKE_SCHEMA"],
    "the user's default",
    "schema of calls that name none, written as in SQL",
);
/// The role.
pub const ROLE: Setting = of_connection(
    &["role"],
    &["SNOWFLAKE_ROLE"],
    "the user's default",
    "role of every statement; give it read privileges only",
);
/// The host, where it does not follow from the account.
pub const SNOWFLAKE_HOST: Setting = of_connection(
    &["host", "server"],
    &["SNOWFLAKE_HOST"],
    "from the account",
    "host name of the account, for private links and tests",
);
/// The port of that host.
pub const SNOWFLAKE_PORT: Setting = of_connection(
    &["port"],
    &["SNOWFLAKE_PORT"],
    "443, or 80 with http",
    "port of that host",
);
/// The protocol towards that host.
pub const SNOWFLAKE_PROTOCOL: Setting = of_connection(
    &["protocol"],
    &["SNOWFLAKE_PROTOCOL"],
    "https",
    "https; http is allowed towards loopback only, for tests",
);
