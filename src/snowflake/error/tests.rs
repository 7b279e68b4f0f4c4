//! What Snowflake complains of, and whose business it is.

use super::*;
use serde_json::json;

fn of(status: u16, body: &str) -> Error {
    Complaint::read(body.as_bytes()).into_error(status)
}

#[track_caller]
fn check(status: u16, code: &str, sql_state: &str, expected: Kind) {
    let state = match sql_state {
        "" => "null".to_owned(),
        state => format!("{state:?}"),
    };
    let body = format!(r#"{{"code":"{code}","message":"M.","sqlState":{state},"statementHandle":null}}"#);
    let error = of(status, &body);
    assert_eq!(error.kind, expected, "{status} {code} {sql_state}");
    assert_eq!(error.code.as_deref(), Some(code));
    assert!(error.message.starts_with('M'), "{}", error.message);
}

#[test]
fn codes_decide_the_kind() {
    check(400, "000900", "42601", Kind::Syntax);
    check(400, "000709", "02000", Kind::ResultGone);
    check(422, "000709", "02000", Kind::ResultGone);
    check(400, "391922", "22023", Kind::Internal);
    check(400, "390142", "", Kind::Internal);
    check(400, "390186", "", Kind::Configuration);
    check(400, "390146", "", Kind::Configuration);
    check(401, "390144", "", Kind::Login);
    check(401, "390303", "", Kind::Login);
    check(401, "390318", "", Kind::Login);
    check(400, "390100", "", Kind::Login);
    check(401, "390101", "", Kind::Login);
    check(401, "394304", "", Kind::Login);
    check(401, "394400", "", Kind::Login);
    check(400, "PAT_INVALID", "", Kind::Login);
    check(401, "390999", "", Kind::Login);
    check(403, "390422", "", Kind::Forbidden);
    check(408, "000630", "57014", Kind::Timeout);
    check(422, "000630", "57014", Kind::Timeout);
    check(422, "001003", "42000", Kind::Syntax);
    check(422, "002003", "42S02", Kind::NotFound);
    check(422, "002003", "02000", Kind::NotFound);
    check(422, "002043", "02000", Kind::NotFound);
    check(422, "390201", "", Kind::NotFound);
    check(422, "000904", "42000", Kind::NotFound);
    check(422, "003001", "42501", Kind::Privilege);
    check(422, "000606", "57P03", Kind::NoWarehouse);
    check(422, "391911", "0A000", Kind::Unsupported);
    check(422, "000002", "0A000", Kind::Unsupported);
    check(422, "391918", "22000", Kind::NoDatabase);
    check(422, "090105", "22000", Kind::NoDatabase);
    check(422, "000008", "0A000", Kind::Refused);
    check(422, "100051", "22012", Kind::Execution);
    check(422, "100038", "", Kind::Execution);
    check(422, "000604", "57014", Kind::Cancelled);
    check(429, "390505", "", Kind::TooManyRequests);
    check(200, "391908", "", Kind::ResultTooLarge);
}

#[test]
fn without_a_known_code_the_state_decides_and_then_the_status() {
    check(422, "009999", "42S02", Kind::NotFound);
    check(422, "009999", "42501", Kind::Privilege);
    check(422, "009999", "42601", Kind::Syntax);
    check(422, "009999", "0A000", Kind::Unsupported);
    check(422, "009999", "22007", Kind::Execution);
    check(422, "009999", "57P03", Kind::NoWarehouse);
    check(422, "009999", "", Kind::Execution);
    check(503, "390000", "", Kind::Unavailable);
    for (status, kind) in [
        (302, Kind::Configuration),
        (400, Kind::Protocol),
        (401, Kind::Login),
        (403, Kind::Forbidden),
        (404, Kind::Configuration),
        (405, Kind::Internal),
        (408, Kind::Timeout),
        (415, Kind::Internal),
        (422, Kind::Execution),
        (429, Kind::TooManyRequests),
        (500, Kind::Unavailable),
        (503, Kind::Unavailable),
        (522, Kind::Unavailable),
    ] {
        let error = of(status, "");
        assert_eq!(error.kind, kind, "{status}");
        assert!(!error.message.is_empty() && !error.message.ends_with('.'));
        assert_eq!((error.code, error.sql_state), (None, None));
    }
}

#[test]
fn a_body_may_be_a_page_a_servlet_or_nothing() {
    let page = of(503, "<html><body>upstream unavailable</body></html>");
    assert_eq!(page.kind, Kind::Unavailable);
    assert_eq!(page.message, "Snowflake answered HTTP 503 without a reason");
    assert!(page.detail.unwrap().contains("upstream unavailable"));
    let servlet = of(
        400,
        r#"{"servlet":"x","message":"Bad Request","url":"/api/v2/statements","status":"400"}"#,
    );
    assert_eq!(
        (servlet.kind, servlet.message.as_str()),
        (Kind::Protocol, "Bad Request")
    );
    assert_eq!(of(500, "\u{0}\u{1}").kind, Kind::Unavailable);
    assert_eq!(of(422, "[1]").kind, Kind::Execution);
    assert_eq!(
        of(422, r#"{"code":604,"message":null}"#).code.as_deref(),
        Some("604")
    );
}

#[test]
fn messages_fit_a_line_and_end() {
    let error = of(
        422,
        r#"{"code":"002003","message":"SQL compilation error:\n  Object 'X'  does not exist or not authorized.","sqlState":"42S02","statementHandle":"01-h"}"#,
    );
    assert_eq!(
        error.message,
        "SQL compilation error: Object 'X' does not exist or not authorized"
    );
    assert_eq!(error.query_id.as_deref(), Some("01-h"));
    let long = format!(r#"{{"code":"001003","message":"{}"}}"#, "word ".repeat(2_000));
    let message = of(422, &long).message;
    assert!(message.len() <= MESSAGE_BYTES_MAX + 8 && message.ends_with('…'));
}

#[test]
fn whoever_can_do_something_is_told_what() {
    let check = |status: u16, code: &str, message: &str, kind: Kind, part: &str| {
        let error = of(status, &json!({ "code": code, "message": message }).to_string());
        assert_eq!(error.kind, kind, "{code} {message}");
        assert!(
            error.advice().contains(part),
            "{code} {message}: {}",
            error.advice()
        );
    };
    check(
        400,
        "390186",
        "Role 'R' is not granted.",
        Kind::Configuration,
        "SNOWFLAKE_ROLE",
    );
    check(
        422,
        "000606",
        "No active warehouse selected.",
        Kind::NoWarehouse,
        "SNOWFLAKE_WAREHOUSE",
    );
    check(
        422,
        "003001",
        "SQL access control error: Insufficient privileges to operate on warehouse 'W'",
        Kind::Privilege,
        "GRANT USAGE ON WAREHOUSE",
    );
    check(
        422,
        "003001",
        "Insufficient privileges to operate on schema 'S'",
        Kind::Privilege,
        "USAGE",
    );
    let over = "Warehouse 'W' cannot be resumed because resource monitor 'M' has exceeded its quota.";
    check(422, "090073", over, Kind::NoWarehouse, "quota");
    check(422, "009999", over, Kind::NoWarehouse, "quota");
    let queued = "Statement was queued longer than its queued timeout of 10 second(s) and was canceled.";
    check(408, "000630", queued, Kind::Timeout, "STATEMENT_QUEUED_TIMEOUT");
    check(
        408,
        "000630",
        "Statement reached its timeout.",
        Kind::Timeout,
        "Narrow",
    );
    let barred = "Incoming request with IP/Token 192.0.2.1 is not allowed to access Snowflake.";
    for code in ["390420", "390422", "390999"] {
        check(403, code, barred, Kind::Forbidden, "network policy");
    }
    check(
        401,
        "390101",
        "User access disabled.",
        Kind::Login,
        "DISABLED = FALSE",
    );
    check(401, "390102", "Locked.", Kind::Login, "MINS_TO_UNLOCK");
    check(
        401,
        "394508",
        "Multi-factor authentication is required.",
        Kind::Login,
        "second factor",
    );
    check(
        401,
        "394304",
        "JWT token is invalid.",
        Kind::Login,
        "RSA_PUBLIC_KEY",
    );
    check(
        401,
        "390318",
        "OAuth access token expired.",
        Kind::Login,
        "expired",
    );
    check(404, "", "", Kind::Configuration, "SNOWFLAKE_HOST");
    check(307, "", "", Kind::Configuration, "SNOWFLAKE_HOST");
    check(403, "", "", Kind::Forbidden, "network policy");
    // An object's name is nobody's second factor.
    check(422, "009999", "table MFA_LOG is odd", Kind::Execution, "");
    // A number has no zeros in front.
    assert_eq!(of(422, r#"{"code":606}"#).kind, Kind::NoWarehouse);
}

#[test]
fn only_a_token_that_was_refused_is_replaced_and_a_locked_user_is_left_alone() {
    let is = |code: &str| {
        let body = json!({ "code": code, "message": "m" }).to_string();
        Complaint::read(body.as_bytes()).is_about_token(401)
    };
    for code in ["390144", "394304", "390303", "390318", "394400", "390114"] {
        assert!(is(code), "{code}");
    }
    for code in ["390100", "390101", "390102", "390999", "390422"] {
        assert!(!is(code), "{code}");
    }
    assert!(
        Complaint::default().is_about_token(401),
        "a bare 401 says nothing else"
    );
}

#[test]
fn a_fingerprint_that_snowflake_names_is_found() {
    let digest = "A".repeat(43) + "=";
    let of = |message: String| Complaint {
        message: Some(message),
        ..Complaint::default()
    };
    let named = of(format!("expected SHA256:{digest}, found another"));
    assert_eq!(named.fingerprint(), Some(digest.as_str()));
    for other in ["SHA256:short", "no key", "SHA256:"] {
        assert_eq!(of(other.to_owned()).fingerprint(), None, "{other}");
    }
}

/// Whether an answer is repeated, as `Client::judge` and the repetitions decide it.
fn again(row: &Row) -> &'static str {
    match Failure::of_status(*row.http.start()) {
        Some(_) => "with pauses",
        None if row.is_about_token => "once, with another token",
        None => "no",
    }
}

/// `docs/errors.md`, from the table.
fn printed() -> String {
    let mut page = PAGE.to_owned();
    for row in table::ROWS {
        let (from, to) = row.http.clone().into_inner();
        let http = match (from, to) {
            (0, u16::MAX) => "any other".to_owned(),
            _ if from == to => from.to_string(),
            _ => format!("{from} to {to}"),
        };
        let code = match row.code {
            "" => String::new(),
            code if code.len() < 6 => format!("{code}…"),
            code => code.to_owned(),
        };
        let advice = row.advice.unwrap_or_else(|| row.kind.advice());
        page.push_str(&format!(
            "| {http} | {code} | {} | {} | {} | {} | {advice} |\n",
            row.state,
            row.words,
            row.kind.name(),
            again(row),
        ));
    }
    page.push_str(FAULTS);
    let faults = [
        ("the name is unknown", Fault::HostUnknown),
        (
            "nobody listens, or no way there",
            Fault::NotConnected { why: String::new() },
        ),
        ("the proxy refuses", Fault::ProxyRefused { status: 407 }),
        (
            "the certificate is not believed",
            Fault::Tls {
                why: String::new(),
                is_certificate: true,
            },
        ),
        ("no connection in time", Fault::TimedOut { was_sent: false }),
        ("no answer in time", Fault::TimedOut { was_sent: true }),
        ("the answer broke off", Fault::Lost { why: String::new() }),
        ("no HTTP came", Fault::NotHttp { why: String::new() }),
    ];
    for (what, fault) in faults {
        let error = of_fault(&fault, "HOST");
        let attempts = failure_of(&fault).map_or(1, Failure::attempts_max);
        let (kind, message) = (error.kind.name(), &error.message);
        page.push_str(&format!("| {what} | {kind} | {attempts} | {message} |\n"));
    }
    page
}

#[test]
fn the_page_about_errors_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, printed()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == printed(),
        "docs/errors.md is not what the table says: UPDATE=1 cargo test --lib the_page_about_errors"
    );
}

#[test]
fn every_row_decides_something_and_no_row_hides_another() {
    for (index, row) in table::ROWS.iter().enumerate() {
        let digits = match row.code {
            "" => None,
            code => Some(format!("{code:9<6}")),
        };
        let state = (!row.state.is_empty()).then_some(row.state);
        let words = (!row.words.is_empty()).then_some(row.words);
        let found = table::row(*row.http.start(), digits.as_deref(), state, words);
        let at = table::ROWS.iter().position(|other| std::ptr::eq(other, found));
        assert_eq!(at, Some(index), "{row:?} is hidden by {found:?}");
    }
}

#[test]
fn faults_say_what_to_check() {
    let check = |fault: Fault, kind: Kind, part: &str| {
        let error = of_fault(&fault, "h.example");
        assert_eq!(error.kind, kind, "{fault:?}");
        assert!(error.message.contains("h.example") && error.message.contains(part));
    };
    let why = || "why".to_owned();
    check(Fault::HostUnknown, Kind::Unavailable, "SNOWFLAKE_ACCOUNT");
    check(
        Fault::NotConnected { why: why() },
        Kind::Unavailable,
        "HTTPS_PROXY",
    );
    check(Fault::ProxyRefused { status: 407 }, Kind::Forbidden, "HTTP 407");
    let tls = Fault::Tls {
        why: why(),
        is_certificate: true,
    };
    check(tls, Kind::Unavailable, "prove");
    check(Fault::TimedOut { was_sent: true }, Kind::Unavailable, "in time");
    check(Fault::Lost { why: why() }, Kind::Unavailable, "ended");
    check(Fault::NotHttp { why: why() }, Kind::Protocol, "no HTTP");
    let detail = of_fault(&Fault::Lost { why: why() }, "h").detail;
    assert_eq!(detail.as_deref(), Some("why"));
}

const PAGE: &str = "# What goes wrong in Snowflake, and what to do next\n\
\n\
Printed from `src/snowflake/error/table.rs` by a test (`UPDATE=1 cargo test --lib the_page_about_errors`). The first row that fits\n\
an answer decides: its code, what its message says, its SQLSTATE, its HTTP status. The kind is the word in logs, metrics and audit\n\
lines; the last column is what the caller reads after Snowflake's own words. A statement that is repeated is sent with the same\n\
request id and `retry=true`, so it runs once. For an object that is missing or not authorised, up to three near names follow, of\n\
those that were shown to the same role.\n\
\n\
| HTTP | code | SQLSTATE | the message holds | kind | repeated | what to do |\n\
|---|---|---|---|---|---|---|\n\
";

const FAULTS: &str = "\n\
Where there is no answer:\n\
\n\
| what | kind | attempts | what is said |\n\
|---|---|---|---|\n\
";
