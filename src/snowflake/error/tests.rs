//! What Snowflake complains of, and whose business it is.

use super::*;

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
fn an_operator_is_told_which_setting_to_look_at() {
    assert!(
        of(400, r#"{"code":"390186","message":"Role 'R' is not granted."}"#)
            .message
            .ends_with("set SNOWFLAKE_ROLE to a role that is granted to the user (SHOW GRANTS TO USER)")
    );
    assert!(
        of(
            422,
            r#"{"code":"000606","message":"No active warehouse selected."}"#
        )
        .message
        .contains("set SNOWFLAKE_WAREHOUSE")
    );
    assert!(of(404, "").message.contains("SNOWFLAKE_HOST"));
    assert!(of(307, "").message.contains("SNOWFLAKE_HOST"));
    assert!(of(403, "").message.contains("network policy"));
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
