//! What is sent for a statement, byte by byte.

use super::*;
use crate::backend::Answer;
use crate::backend::job::{Render, Rendered};
use crate::backend::rows::Bounds;

fn work(context: Context, query_tag: Option<&str>) -> Work {
    Work {
        operation: crate::backend::job::Operation::Run,
        unchecked: None,
        asked: Default::default(),
        optional: 0,
        statements: Vec::new(),
        context,
        bounds: Bounds {
            rows_max: 1,
            bytes_max: 1,
        },
        timeout: Duration::from_secs(1),
        query_tag: query_tag.map(str::to_owned),
        share: None,
        patience: None,
        follow: None,
        render: Render::new(|_: Answer| Rendered {
            result: Vec::new(),
            rows: 0,
            truncated: false,
            query_id: None,
            kept: None,
        }),
    }
}

fn context(database: Option<&str>, schema: Option<&str>) -> Context {
    Context {
        database: database.map(str::to_owned),
        schema: schema.map(str::to_owned),
        ..Context::default()
    }
}

fn text(work: &Work, defaults: &Context) -> String {
    String::from_utf8(body("select 'ü\"\n' ;--", 7, work, defaults)).unwrap()
}

#[test]
fn sql_and_names_go_out_as_they_came() {
    let own = Context {
        warehouse: Some("Wh \"x\"".to_owned()),
        role: Some("r".to_owned()),
        ..context(Some("lower"), None)
    };
    assert_eq!(
        text(&work(own, Some("tag")), &Context::default()),
        r#"{"statement":"select 'ü\"\n' ;--","timeout":7,"database":"lower","warehouse":"Wh \"x\"","role":"r","parameters":{"query_tag":"tag","multi_statement_count":"1"}}"#
    );
    assert_eq!(
        text(&work(Context::default(), None), &Context::default()),
        r#"{"statement":"select 'ü\"\n' ;--","timeout":7,"parameters":{"multi_statement_count":"1"}}"#
    );
}

#[test]
fn the_default_schema_belongs_to_the_default_database() {
    let defaults = context(Some("D"), Some("S"));
    let sent = |database, schema| -> (Option<String>, Option<String>) {
        let body = text(&work(context(database, schema), None), &defaults);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let member = |name: &str| body[name].as_str().map(str::to_owned);
        (member("database"), member("schema"))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(sent(None, None), (some("D"), some("S")));
    assert_eq!(sent(Some("D"), None), (some("D"), some("S")));
    assert_eq!(sent(Some("OTHER"), None), (some("OTHER"), None));
    assert_eq!(sent(Some("OTHER"), Some("T")), (some("OTHER"), some("T")));
    assert_eq!(sent(None, Some("T")), (some("D"), some("T")));
}

#[test]
fn the_timeout_is_rounded_up_and_is_never_the_accounts_maximum() {
    let seconds = |milliseconds| {
        let id = Uuid::from_random([7; 16]);
        Submission::new(id, Duration::from_millis(milliseconds)).timeout_seconds
    };
    assert_eq!(seconds(300_000), 300);
    assert_eq!(seconds(1_001), 2);
    assert_eq!(seconds(1), 1);
    assert_eq!(seconds(0), 1, "0 would mean a week");
    assert_eq!(seconds(u64::MAX), 604_800);
}

#[test]
fn a_repetition_keeps_the_id_and_says_that_it_is_one() {
    let mut submission = Submission::new(Uuid::from_random([0xab; 16]), Duration::from_secs(1));
    let first = submission.target();
    assert_eq!(
        first,
        "/api/v2/statements?async=true&requestId=abababab-abab-4bab-abab-abababababab"
    );
    submission.is_repeat = true;
    assert_eq!(submission.target(), format!("{first}&retry=true"));
}

#[test]
fn only_what_looks_like_a_handle_goes_into_a_path() {
    for handle in ["01c79a10-0001-ac43-0000-d07900024c7a", "x"] {
        assert!(is_handle(handle), "{handle}");
    }
    let long = "a".repeat(65);
    for handle in ["", "../x", "a/b", "a?b", "a b", "é", &long] {
        assert!(!is_handle(handle), "{handle}");
    }
}

#[test]
fn the_link_header_names_the_handle() {
    let link = "</api/v2/statements/01c7-9a10?requestId=33ee&partition=0>; rel=\"first\",</api/v2/statements/01c7-9a10?requestId=8d37&partition=3>; rel=\"last\"";
    assert_eq!(handle_in_link(link).as_deref(), Some("01c7-9a10"));
    for link in [
        "",
        "</api/v2/statements>",
        "</api/v2/statements/../x?y>",
        "<https://x/>",
    ] {
        assert_eq!(handle_in_link(link), None, "{link}");
    }
}
