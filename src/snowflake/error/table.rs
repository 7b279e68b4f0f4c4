//! What Snowflake's codes mean: whose business a failure is, whether another login may help, and what to do next.
//!
//! One table, read from the top: the first row that fits decides. Rows by code come first, then those by what the message
//! says, by SQLSTATE, by HTTP status: the same status stands for very different things, and behind a proxy it may be
//! nobody's. `docs/errors.md` is printed from it by a test.

use std::ops::RangeInclusive;

use crate::backend::Kind;

/// A row: what an answer must have to be this one, and what follows.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The HTTP statuses that it comes with. They decide only where nothing else does.
    pub(super) http: RangeInclusive<u16>,
    /// How Snowflake's code begins; all six digits, mostly.
    pub(super) code: &'static str,
    /// How SQLSTATE begins.
    pub(super) state: &'static str,
    /// What the message holds, in lower case.
    pub(super) words: &'static str,
    /// Whose business it is.
    pub(super) kind: Kind,
    /// Whether it is the token that was refused, so that another one is tried once.
    pub(super) is_about_token: bool,
    /// What to do next, where that is not what is always done about this kind.
    pub(super) advice: Option<&'static str>,
    /// Whether the status must be one of `http`.
    needs_http: bool,
}

impl Row {
    fn fits(&self, status: u16, code: &str, state: &str, words: &str) -> bool {
        code.starts_with(self.code)
            && state.starts_with(self.state)
            && words.contains(self.words)
            && (!self.needs_http || self.http.contains(&status))
    }

    const fn advises(self, advice: &'static str) -> Self {
        Self {
            advice: Some(advice),
            ..self
        }
    }

    const fn saying(self, words: &'static str) -> Self {
        Self { words, ..self }
    }

    const fn about_token(self) -> Self {
        Self {
            is_about_token: true,
            ..self
        }
    }
}

/// The row of an answer. There is one for every answer.
pub(super) fn row(
    status: u16,
    code: Option<&str>,
    state: Option<&str>,
    message: Option<&str>,
) -> &'static Row {
    // A number has lost the zeros that a code begins with.
    let code = code.map(|code| format!("{code:0>6}")).unwrap_or_default();
    let words = message.map(str::to_lowercase).unwrap_or_default();
    let state = state.unwrap_or_default();
    ROWS.iter()
        .find(|row| row.fits(status, &code, state, &words))
        .expect("the last row fits everything")
}

/// A row for the code `code`, which comes with the HTTP status `http`.
const fn code(code: &'static str, http: u16, kind: Kind) -> Row {
    Row {
        code,
        needs_http: false,
        ..status(http..=http, kind)
    }
}

/// A row for messages that hold `words`, whatever their code.
const fn words(words: &'static str, http: RangeInclusive<u16>, kind: Kind) -> Row {
    status(http, kind).saying(words)
}

/// A row for an SQLSTATE, which counts where a statement has failed (HTTP 422).
const fn state(state: &'static str, kind: Kind) -> Row {
    Row {
        state,
        ..status(422..=422, kind)
    }
}

/// A row for HTTP statuses.
const fn status(http: RangeInclusive<u16>, kind: Kind) -> Row {
    Row {
        http,
        code: "",
        state: "",
        words: "",
        kind,
        is_about_token: false,
        advice: None,
        needs_http: true,
    }
}

pub(super) static ROWS: &[Row] = &[
    // Compilation.
    code("000900", 400, Kind::Syntax),
    code("001003", 422, Kind::Syntax),
    code("002140", 422, Kind::Syntax).advises(UNKNOWN_FUNCTION),
    code("002141", 422, Kind::Syntax).advises(UNKNOWN_FUNCTION),
    code("000904", 422, Kind::NotFound).advises(
        "See the columns with describe_table; names with lower-case letters need double quotes.",
    ),
    code("002003", 422, Kind::NotFound),
    code("002043", 422, Kind::NotFound),
    code("390201", 422, Kind::NotFound),
    code("003001", 422, Kind::Privilege).saying("warehouse").advises(
        "The operator must set SNOWFLAKE_WAREHOUSE to a warehouse that the role may use (SHOW WAREHOUSES), or grant it: GRANT USAGE ON WAREHOUSE … TO ROLE ….",
    ),
    code("003001", 422, Kind::Privilege).advises(NEEDS_PRIVILEGE),
    code("003003", 422, Kind::Privilege).advises(NEEDS_PRIVILEGE),
    code("090105", 422, Kind::NoDatabase),
    code("090106", 422, Kind::NoDatabase),
    code("391918", 422, Kind::NoDatabase),
    code("000008", 422, Kind::Refused),
    code("000002", 422, Kind::Unsupported),
    code("391911", 422, Kind::Unsupported).advises(
        "This cannot be run through Snowflake's SQL API: no USE, no transactions, no files. Name the database, schema, role and warehouse as arguments.",
    ),
    // Running.
    code("000603", 422, Kind::Execution).advises(
        "Snowflake failed inside. Call again; if it stays, give the query id to Snowflake's support.",
    ),
    code("000604", 422, Kind::Cancelled),
    code("000606", 422, Kind::NoWarehouse),
    code("000630", 408, Kind::Timeout).saying("queue").advises(
        "The warehouse is busy: the statement waited too long for its turn and never ran. Call again later; the operator raises STATEMENT_QUEUED_TIMEOUT_IN_SECONDS, or makes the warehouse larger.",
    ),
    code("000630", 408, Kind::Timeout),
    code("000666", 422, Kind::NoWarehouse).advises(
        "The account's warehouses are suspended: the operator must see to the account's billing. SHOW and DESCRIBE still work.",
    ),
    code("000707", 422, Kind::Execution).advises(
        "The data of that time is no longer kept: name a later time in AT or BEFORE.",
    ),
    code("000709", 400, Kind::ResultGone),
    code("090073", 422, Kind::NoWarehouse).advises(OVER_QUOTA),
    code("391908", 200, Kind::ResultTooLarge),
    code("100", 422, Kind::Execution),
    // The login.
    code("390100", 400, Kind::Login),
    code("390101", 400, Kind::Login).advises(
        "The user is disabled: an administrator must enable it (ALTER USER … SET DISABLED = FALSE). Calling again will not help until then.",
    ),
    code("390102", 401, Kind::Login).advises(
        USER_LOCKED,
    ),
    code("390112", 401, Kind::Login).about_token().advises(TOKEN_EXPIRED),
    code("390114", 401, Kind::Login).about_token().advises(TOKEN_EXPIRED),
    code("390195", 401, Kind::Login).about_token().advises(TOKEN_EXPIRED),
    code("390144", 401, Kind::Login).about_token().advises(
        "The operator must compare the fingerprints and names above with DESC USER. Where the message has an id in brackets, an administrator finds the reason with SELECT SYSTEM$GET_LOGIN_FAILURE_DETAILS('id').",
    ),
    code("394300", 401, Kind::Login).about_token().advises(
        "The user is unknown in this account: the operator must set SNOWFLAKE_USER to LOGIN_NAME of DESC USER, and check SNOWFLAKE_ACCOUNT.",
    ),
    code("394302", 401, Kind::Login).about_token().advises(WRONG_CLOCK),
    code("394303", 401, Kind::Login).about_token().advises(WRONG_CLOCK),
    code("394304", 401, Kind::Login).about_token().advises(KEY_NOT_REGISTERED),
    code("394306", 401, Kind::Login).about_token().advises(KEY_NOT_REGISTERED),
    code("394307", 401, Kind::Login).about_token().advises(
        "The login names another account than the host: the operator must set SNOWFLAKE_ACCOUNT to SELECT CURRENT_ORGANIZATION_NAME() || '-' || CURRENT_ACCOUNT_NAME().",
    ),
    code("3943", 401, Kind::Login).about_token(),
    code("3944", 401, Kind::Login).about_token().advises(PAT_REFUSED),
    code("PAT_INVALID", 401, Kind::Login).about_token().advises(PAT_REFUSED),
    code("390303", 401, Kind::Login).about_token().advises(
        "The OAuth token is not for this account, or its user is not: the operator must compare its issuer, audience and user claim with DESC SECURITY INTEGRATION.",
    ),
    code("390318", 401, Kind::Login).about_token().advises(TOKEN_EXPIRED),
    // The account.
    code("390146", 400, Kind::Configuration).advises(
        "No login arrived: the operator must look for a proxy on the way that removes the Authorization header.",
    ),
    code("390186", 400, Kind::Configuration).advises(ROLE_NOT_GRANTED),
    code("390189", 400, Kind::Configuration).advises(ROLE_NOT_GRANTED),
    code("390420", 403, Kind::Forbidden),
    code("390421", 403, Kind::Forbidden),
    code("390422", 403, Kind::Forbidden),
    code("390505", 429, Kind::TooManyRequests),
    // What should not have been sent.
    code("390142", 400, Kind::Internal),
    code("391922", 400, Kind::Internal),
    // What other codes say.
    words("multi-factor authentication", LOGIN, Kind::Login).advises(NEEDS_MFA),
    words("mfa", LOGIN, Kind::Login).advises(NEEDS_MFA),
    words("is not allowed to access snowflake", LOGIN, Kind::Forbidden),
    words("cannot be resumed because resource monitor", 422..=422, Kind::NoWarehouse).advises(OVER_QUOTA),
    words("no active warehouse", 422..=422, Kind::NoWarehouse),
    words("has been temporarily locked", LOGIN, Kind::Login).advises(
        USER_LOCKED,
    ),
    // Logins that no row above knows.
    Row {
        needs_http: true,
        ..code("390", 401, Kind::Login)
    },
    // Statements that no row above knows.
    state("42S02", Kind::NotFound),
    state("42501", Kind::Privilege).advises(NEEDS_PRIVILEGE),
    state("57P03", Kind::NoWarehouse),
    state("02", Kind::NotFound),
    state("0A", Kind::Unsupported),
    state("42", Kind::Syntax),
    status(422..=422, Kind::Execution),
    // Answers without a code.
    status(300..=399, Kind::Configuration).advises(
        "The host sends elsewhere, and nothing follows it with a token: the account may have moved; the operator must check SNOWFLAKE_ACCOUNT and SNOWFLAKE_HOST.",
    ),
    status(401..=401, Kind::Login).about_token(),
    status(403..=403, Kind::Forbidden),
    status(404..=404, Kind::Configuration).advises(
        "This host has no SQL API: the operator must check SNOWFLAKE_ACCOUNT and SNOWFLAKE_HOST.",
    ),
    status(405..=405, Kind::Internal),
    status(408..=408, Kind::Timeout),
    status(415..=415, Kind::Internal),
    status(429..=429, Kind::TooManyRequests),
    status(500..=599, Kind::Unavailable),
    status(0..=u16::MAX, Kind::Protocol),
];

/// With what a login is refused.
const LOGIN: RangeInclusive<u16> = 400..=403;

const UNKNOWN_FUNCTION: &str =
    "Use a function that Snowflake has, or name the schema of one of your own (SHOW USER FUNCTIONS).";
const NEEDS_PRIVILEGE: &str = "The role lacks a privilege: an administrator grants USAGE on the database and the schema and SELECT on the object, or pass a role that has them.";
const OVER_QUOTA: &str = "The warehouse has used up its credits: the operator must raise the resource monitor's quota (SHOW RESOURCE MONITORS), or set another warehouse. SHOW and DESCRIBE need none.";
const TOKEN_EXPIRED: &str = "The token has expired: the operator must set a new one, or see to it that whatever writes SNOWFLAKE_TOKEN_FILE_PATH replaces it in time.";
const WRONG_CLOCK: &str =
    "The login was not of this moment for Snowflake: the operator must set this machine's clock right (NTP).";
const KEY_NOT_REGISTERED: &str = "The key is not the user's: an administrator registers its public half (openssl rsa -in KEY -pubout) with ALTER USER … SET RSA_PUBLIC_KEY = '…', or the operator sets the key whose fingerprint DESC USER shows.";
const PAT_REFUSED: &str = "The operator must check the programmatic access token: SHOW USER PROGRAMMATIC ACCESS TOKENS says whether it has expired or is disabled, and its user needs a network policy.";
const ROLE_NOT_GRANTED: &str = "Name a role that the user has been granted (SHOW GRANTS TO USER …): the operator sets SNOWFLAKE_ROLE, a caller the role argument.";
const USER_LOCKED: &str = "The user is locked after failed logins: find what still uses an old key or token, then wait 15 minutes, or an administrator unlocks it (ALTER USER … SET MINS_TO_UNLOCK = 0).";
const NEEDS_MFA: &str = "The login needs a second factor, which no server can give: the operator must log in with a key pair or a programmatic access token.";
