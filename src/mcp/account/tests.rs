//! What the account answers, up to the statements. Whole conversations are in `tests/mcp`.

use serde_json::value::RawValue;

use super::*;
use crate::limits::Limits;
use crate::mcp::offer::Subject;
use crate::mcp::script::Hears;
use crate::mcp::tasks::Mode;
use crate::mcp::{Abilities, Revision};
use crate::sql::guard::Policy;
use crate::time::Now;
use crate::tools::Settings;

fn account() -> Account {
    let settings = Settings::new(&Limits::default(), Policy::default());
    Account::new(Arc::new(Catalogue::new(settings)), &Limits::default())
}

fn with_asked<T>(arguments: &str, then: impl FnOnce(&Asked<'_>) -> T) -> T {
    let arguments: &RawValue = serde_json::from_str(arguments).unwrap();
    let hears = Hears::default();
    then(&Asked {
        revision: Revision::V20251125,
        form: Revision::V20251125.form(),
        abilities: Abilities::default(),
        arguments: Some(arguments),
        answers: None,
        state: None,
        hears: &hears,
        mode: Mode::Now,
        now: Now::default(),
    })
}

fn statements(reply: Option<Reply>) -> Vec<String> {
    match reply {
        None => vec!["nothing".to_owned()],
        Some(Reply::Work(work)) => {
            let texts = work
                .statements
                .iter()
                .map(|statement| statement.text().to_owned());
            texts.collect()
        }
        Some(other) => panic!("no work: {other:?}"),
    }
}

#[test]
fn an_argument_is_completed_by_what_it_is_called_and_where_it_is() {
    for (argument, known, expected) in [
        ("database", "{}", "SHOW DATABASES"),
        ("warehouse", "{}", "SHOW WAREHOUSES"),
        ("role", "{}", "SHOW ROLES"),
        (
            "schema",
            r#"{"database":"d"}"#,
            r#"SHOW TERSE SCHEMAS IN DATABASE "D""#,
        ),
        ("schema", "{}", "nothing"),
        ("schema", r#"{"database":""}"#, "nothing"),
        (
            "view",
            r#"{"database":"d","schema":"\"s\""}"#,
            r#"SHOW TERSE OBJECTS IN SCHEMA "D"."s""#,
        ),
        ("object", r#"{"database":"d"}"#, "nothing"),
        (
            "column",
            r#"{"database":"d","schema":"s","view":"v"}"#,
            r#"SHOW COLUMNS IN TABLE "D"."S"."V""#,
        ),
        ("goal", "{}", "nothing"),
    ] {
        let completing = Completing {
            subject: Subject::Prompt("p"),
            argument,
            value: "\"a",
        };
        let reply = with_asked(known, |asked| account().complete(&completing, asked));
        assert_eq!(statements(reply), [expected], "{argument}");
    }
}

#[test]
fn every_place_is_read_by_statements_that_pass_the_guard() {
    for (uri, expected) in [
        ("snowflake://d", &[r#"SHOW SCHEMAS IN DATABASE "D""#][..]),
        ("snowflake://d/s", &[r#"SHOW OBJECTS IN SCHEMA "D"."S""#]),
        (
            "snowflake://d/s/it's%20%22a%22%3B%20drop%20table%20x",
            &[
                r#"DESCRIBE TABLE "D"."S"."it's ""a""; drop table x""#,
                r#"SELECT GET_DDL('TABLE', '"D"."S"."it''s ""a""; drop table x"', TRUE) AS DDL"#,
            ],
        ),
        ("snowflake://d/s/o/c", &["nothing"]),
        ("test://static-text", &["nothing"]),
    ] {
        let reply = with_asked("{}", |asked| account().read_resource(uri, asked));
        assert_eq!(statements(reply), expected, "{uri}");
    }
}

#[test]
fn every_prompt_is_filled_in_and_names_tools_that_there_are() {
    let arguments = r#"{"database":"d","schema":"s","view":"\"v w\"","query":"select 1","column":"c"}"#;
    let tools = ["execute_query", "describe_view", "query_view", "explain_query"];
    for entry in account().prompts() {
        let prompt = with_asked(arguments, |asked| {
            prompting::text(&entry.name, asked, &account().catalogue)
        })
        .unwrap()
        .unwrap();
        let json = [b"{".as_slice(), &prompting::members(&prompt), b"}"].concat();
        let parsed: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let text = parsed["messages"][0]["content"]["text"].as_str().unwrap();
        assert!(tools.iter().any(|tool| text.contains(tool)), "{text}");
        assert_eq!(parsed["description"], entry.description);
        assert!(!text.contains("\n\n\n") && !text.contains("  "), "{text}");
    }
    let profile = with_asked(arguments, |asked| {
        prompting::text("profile_view", asked, &account().catalogue)
    })
    .unwrap();
    let text = String::from_utf8(prompting::members(&profile.unwrap())).unwrap();
    assert!(text.contains(r#"FROM \"D\".\"S\".\"v w\"."#), "{text}");
    assert!(text.contains("snowflake://D/S/%22v%20w%22"), "{text}");
    assert!(
        with_asked("{}", |asked| prompting::text(
            "other",
            asked,
            &account().catalogue
        ))
        .is_none()
    );
    let bad = with_asked(r#"{"database":"a\u0000"}"#, |asked| {
        prompting::text("explore_database", asked, &account().catalogue)
    });
    assert_eq!(bad.unwrap().unwrap_err().code, -32602);
}
