//! What the account answers, up to the statements. Whole conversations are in `tests/mcp`.

use serde_json::value::RawValue;

use super::*;
use crate::limits::Limits;
use crate::mcp::offer::Subject;
use crate::mcp::script::Hears;
use crate::mcp::tasks::Mode;
use crate::mcp::{Abilities, Revision};
use crate::sql::guard::Policy;
use crate::sql::objects::ObjectRules;
use crate::sql::ruling::{Ruling, Rulings, Special};
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
        principal: &[],
        arguments: Some(arguments),
        answers: None,
        state: None,
        hears: &hears,
        mode: Mode::Now,
        login: None,
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

/// An account in which everything but `D.HR`, and of `D.S` only `OPEN_*`, may be seen by `ann`, and everything by others.
fn restricted() -> Account {
    let objects = ObjectRules::new(&["d.s.open_*", "d.t", "e"], &["d.hr", "e.secret.*"]).unwrap();
    let special = Special {
        role: None,
        key: Some(b"ann".to_vec()),
        ruling: Arc::new(Ruling {
            objects,
            ..Ruling::default()
        }),
    };
    let rulings = Rulings::new(Ruling::default(), vec![special]);
    let settings = Settings::new(&Limits::default(), rulings);
    Account::new(Arc::new(Catalogue::new(settings)), &Limits::default())
}

fn with_asked_by<T>(principal: &[u8], arguments: &str, then: impl FnOnce(&Asked<'_>) -> T) -> T {
    with_asked(arguments, |asked| then(&Asked { principal, ..*asked }))
}

fn fault(reply: Option<Reply>) -> String {
    match reply {
        Some(Reply::Error(error)) => error.message.to_string(),
        other => panic!("no error: {other:?}"),
    }
}

#[test]
fn what_a_list_keeps_from_a_caller_it_cannot_read_as_a_resource_and_others_can() {
    let mut account = restricted();
    for (uri, is_barred) in [
        ("snowflake://d", false),
        ("snowflake://d/s", false),
        ("snowflake://d/s/open_1", false),
        ("snowflake://d/s/closed", true),
        ("snowflake://d/hr", true),
        ("snowflake://d/hr/pay", true),
        ("snowflake://e/secret", true),
        ("snowflake://f", true),
    ] {
        let read = with_asked_by(b"ann", "{}", |asked| account.read_resource(uri, asked));
        if is_barred {
            let told = fault(read);
            assert!(told.contains("may not be read here"), "{uri}: {told}");
        } else {
            assert!(!statements(read).is_empty(), "{uri}");
        }
        let read = with_asked_by(b"bob", "{}", |asked| account.read_resource(uri, asked));
        assert!(!statements(read).is_empty(), "{uri}");
    }
}

/// The reply of the work that `reply` holds, to an answer with these names.
fn rendered(reply: Option<Reply>, names: &[&str]) -> (String, bool) {
    let Some(Reply::Work(work)) = reply else {
        panic!("no work: {reply:?}");
    };
    let column = |name: &str| crate::backend::Column {
        name: name.to_owned(),
        type_name: "VARCHAR".to_owned(),
        nullable: true,
    };
    let mut result = crate::backend::ResultSet::new(vec![column("name")], work.bounds);
    for name in names {
        result.push(crate::backend::Value::Text(name));
        result.end_row();
    }
    let is_shared = work.share.is_some();
    let rendered = work.render.run(crate::backend::Answer {
        results: vec![result],
        elapsed: Duration::ZERO,
    });
    let bytes = match &rendered.kept {
        Some(kept) if rendered.result.is_empty() => kept.body.to_vec(),
        _ => rendered.result,
    };
    (String::from_utf8(bytes).unwrap(), is_shared)
}

#[test]
fn names_that_a_list_keeps_from_a_caller_are_neither_completed_nor_listed() {
    let mut account = restricted();
    let completing = |argument| Completing {
        subject: Subject::Prompt("p"),
        argument,
        value: "",
    };
    let names = ["D", "E", "F"];
    let of_schemas = ["HR", "S", "T", "SECRET"];
    for (argument, known, found, seen, hidden) in [
        ("database", "{}", &names[..], "D", "F"),
        ("schema", r#"{"database":"d"}"#, &of_schemas, "\"S\"", "HR"),
        (
            "table",
            r#"{"database":"d","schema":"s"}"#,
            &["OPEN_1", "CLOSED"],
            "OPEN_1",
            "CLOSED",
        ),
    ] {
        let reply = with_asked_by(b"ann", known, |asked| {
            account.complete(&completing(argument), asked)
        });
        let (text, _) = rendered(reply, found);
        assert!(
            text.contains(seen) && !text.contains(hidden),
            "{argument}: {text}"
        );
        let reply = with_asked_by(b"bob", known, |asked| {
            account.complete(&completing(argument), asked)
        });
        assert!(rendered(reply, found).0.contains(hidden), "{argument}");
    }
    // A place that may not be seen has no names.
    let reply = with_asked_by(b"ann", r#"{"database":"f"}"#, |asked| {
        account.complete(&completing("schema"), asked)
    });
    assert!(matches!(reply, Some(Reply::Result(_))), "{reply:?}");
    let document = |account: &mut Account, who: &[u8]| {
        let reply = with_asked_by(who, "{}", |asked| account.read_resource("snowflake://d", asked));
        rendered(reply, &of_schemas)
    };
    let (text, is_shared) = document(&mut account, b"ann");
    assert!(
        text.contains("- S") && !text.contains("HR") && !is_shared,
        "{text}"
    );
    let (text, is_shared) = document(&mut account, b"bob");
    assert!(text.contains("HR") && is_shared, "{text}");
}

#[test]
fn prompts_about_what_a_list_keeps_from_a_caller_are_refused() {
    let mut account = restricted();
    for (name, arguments) in [
        ("explore_database", r#"{"database":"f"}"#),
        ("profile_view", r#"{"database":"d","schema":"hr","view":"pay"}"#),
        ("profile_view", r#"{"database":"d","schema":"s","view":"closed"}"#),
    ] {
        let reply = with_asked_by(b"ann", arguments, |asked| account.prompt(name, asked));
        assert!(fault(reply).contains("may not be read here"), "{arguments}");
        let reply = with_asked_by(b"bob", arguments, |asked| account.prompt(name, asked));
        assert!(matches!(reply, Some(Reply::Result(_))), "{arguments}");
    }
}

#[test]
fn pages_of_databases_go_on_behind_names_that_are_left_out() {
    let visible = |account: &Account| account.catalogue.visible(b"ann", &Sought::Databases).unwrap();
    let account = restricted();
    let kept = Kept {
        names: ["A", "D", "E", "F"]
            .iter()
            .map(|name| kept::Told::new(name, ""))
            .collect(),
        is_whole: true,
        ..Kept::default()
    };
    let page = |after: Option<&str>| {
        let found = Names::of_kept(&kept, &visible(&account), "", after, 1);
        let names: Vec<String> = found.names.iter().map(|name| name.name.to_owned()).collect();
        (names.join(","), found.has_more)
    };
    assert_eq!(page(None), ("D".to_owned(), true));
    assert_eq!(page(Some("D")), ("E".to_owned(), false));
}
