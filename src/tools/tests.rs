//! What each tool asks of the backend, and what it makes of the answer.

mod barred;
mod bounds;
mod objects;
mod search;

use super::call::tests::with_call;
use super::shown::SHOWN_MAX;
use super::*;
use crate::backend::rows::Bounds;
use crate::backend::{Column, Error, Kind, ResultSet, Value};
use crate::entropy::SeededEntropy;
use crate::limits::Limits;
use crate::sql::guard::Policy;

fn settings() -> Settings {
    Settings::new(&Limits::default(), Policy::default())
}

fn begin(settings: Settings, tool: &str, arguments: &str) -> Result<Work, String> {
    let catalogue = Catalogue::new(settings);
    let tool = catalogue.find(tool).unwrap();
    let arguments: &RawValue = serde_json::from_str(arguments).unwrap();
    match with_call(|call| catalogue.begin(tool, Some(arguments), call)) {
        Ok(Begun::Work(work)) => Ok(*work),
        Ok(Begun::Told(told)) => Err(text_of(&told)),
        Ok(Begun::Listed(asking)) => panic!("{asking:?}"),
        Err(refused) => Err(text_of(&refused.result)),
    }
}

fn statements(work: &Work) -> Vec<&str> {
    work.statements.iter().map(CheckedStatement::text).collect()
}

fn json_of(object: &[u8]) -> serde_json::Value {
    serde_json::from_slice(object).unwrap()
}

fn text_of(object: &[u8]) -> String {
    json_of(object)["content"][0]["text"].as_str().unwrap().to_owned()
}

/// A result whose cells are all text, `-` for NULL.
fn result(columns: &[&str], rows: &[&[&str]]) -> ResultSet {
    bounded(
        columns,
        rows,
        Bounds {
            rows_max: 100,
            bytes_max: 1 << 20,
        },
    )
}

fn bounded(columns: &[&str], rows: &[&[&str]], bounds: Bounds) -> ResultSet {
    let column = |name: &&str| Column {
        name: (*name).to_owned(),
        type_name: "VARCHAR(10)".to_owned(),
        nullable: true,
    };
    let mut result = ResultSet::new(columns.iter().map(column).collect(), bounds);
    result.query_id = Some("q-1".to_owned());
    for row in rows {
        for cell in *row {
            result.push(if *cell == "-" {
                Value::Null
            } else {
                Value::Text(cell)
            });
        }
        if !result.end_row() {
            break;
        }
    }
    result
}

fn render(work: Work, results: Vec<ResultSet>) -> Rendered {
    let mut rendered = work.render.run(Answer {
        results,
        elapsed: Duration::from_millis(12),
    });
    if let Some(kept) = rendered.kept.as_ref().filter(|_| rendered.result.is_empty()) {
        let (head, tail) = framed(render::tests::PLAIN, None);
        rendered.result = [&head, &*kept.body, &tail].concat();
    }
    rendered
}

#[test]
fn the_catalogue_lists_its_tools_in_order_and_their_schemas_are_objects() {
    let catalogue = Catalogue::new(settings());
    let names: Vec<_> = catalogue.tools().iter().map(|tool| tool.name).collect();
    assert_eq!(
        names,
        [
            "list_databases",
            "list_schemas",
            "list_tables",
            "list_views",
            "describe_table",
            "describe_view",
            "search_objects",
            "sample_table",
            "profile_table",
            "query_view",
            "execute_query",
            "explain_query",
            "get_query_result",
            "cancel_query",
            "list_queries"
        ]
    );
    for tool in catalogue.tools() {
        let mut schema = Vec::new();
        tool.push_input_schema(&mut schema);
        assert_eq!(json_of(&schema)["type"], "object", "{}", tool.name);
        assert_eq!(
            json_of(tool.output_schema.as_bytes())["type"],
            "object",
            "{}",
            tool.name
        );
        assert!(
            tool.properties
                .iter()
                .all(|property| !property.description.is_empty())
        );
    }
    assert_eq!(
        json_of(format!("{{{ANNOTATIONS}}}").as_bytes())["readOnlyHint"],
        true
    );
}

#[test]
fn a_view_with_more_rows_than_asked_for_says_so_first() {
    let arguments = r#"{"database":"D","schema":"S","view_name":"V","limit":2}"#;
    let work = begin(settings(), "query_view", arguments).unwrap();
    assert_eq!(statements(&work), [r#"SELECT * FROM "D"."S"."V" LIMIT 3"#]);
    assert_eq!(work.bounds.rows_max, 2);
    let bounds = work.bounds;
    let rendered = render(work, vec![bounded(&["A"], &[&["x"], &["-"], &["z"]], bounds)]);
    assert_eq!(
        text_of(&rendered.result),
        concat!(
            "Truncated: the first 2 rows are shown, there are more (the limit is 2). ",
            "Raise limit (at most 10000), aggregate, or narrow the statement.\n\n",
            "## Data from D.S.V (Showing 2 rows)\nRequest ID: q-1\n\n",
            "| A |\n| --- |\n| x |\n| NULL |"
        )
    );
    let content = &json_of(&rendered.result)["structuredContent"];
    assert_eq!(content["rows"].to_string(), r#"[["x"],[null]]"#);
    assert_eq!(
        (content["truncated"].as_bool(), rendered.truncated),
        (Some(true), true)
    );
}

#[test]
fn an_empty_view_says_so() {
    let arguments = r#"{"database":"D","schema":"S","view_name":"V"}"#;
    let work = begin(settings(), "query_view", arguments).unwrap();
    let rendered = render(work, vec![result(&["A"], &[])]);
    assert_eq!(
        text_of(&rendered.result),
        "No data found in view D.S.V or the view is empty."
    );
    assert_eq!(
        json_of(&rendered.result)["structuredContent"]["columns"][0]["name"],
        "A"
    );
}

#[test]
fn a_statement_is_sent_as_it_was_written() {
    let sql = "  select 1 -- LIMIT \n";
    let arguments = format!(r#"{{"query":{},"limit":7}}"#, serde_json::json!(sql));
    let work = begin(settings(), "execute_query", &arguments).unwrap();
    assert_eq!(statements(&work), [sql]);
    assert_eq!(work.bounds.rows_max, 7);
    assert_eq!(work.timeout, Limits::default().statement_timeout);
}

#[test]
fn a_query_is_shown_with_where_it_ran_and_what_it_was() {
    let arguments = r#"{"query":"select '```' ","database":"db","use_transaction":true,"auto_commit":false}"#;
    let work = begin(settings(), "execute_query", arguments).unwrap();
    assert_eq!(work.context.database.as_deref(), Some("DB"));
    let mut rows = result(&["A", "B"], &[&["1", "a|b"]]);
    rows.total = Some(1);
    let rendered = render(work, vec![rows]);
    assert_eq!(
        text_of(&rendered.result),
        concat!(
            "## Query Results (Database: DB, Schema: not set)\nRequest ID: q-1\n",
            "Transaction Mode: Auto-commit\nShowing 1 rows\n\n",
            "````sql\nselect '```'\n````\n\n| A | B |\n| --- | --- |\n| 1 | a\\|b |"
        )
    );
    assert_eq!(
        String::from_utf8(rendered.result)
            .unwrap()
            .split_once("structuredContent\":")
            .unwrap()
            .1,
        concat!(
            r#"{"returned":1,"truncated":false,"total":1,"query_id":"q-1","elapsed_ms":12,"status":"succeeded","#,
            r#""columns":[{"name":"A","type":"VARCHAR(10)","nullable":true},{"name":"B","type":"VARCHAR(10)","nullable":true}],"#,
            r#""rows":[["1","a|b"]]},"isError":false}"#
        )
    );
}

#[test]
fn a_query_without_rows_says_so() {
    let work = begin(settings(), "execute_query", r#"{"query":"select 1"}"#).unwrap();
    assert_eq!(
        text_of(&render(work, vec![result(&["A"], &[])]).result),
        "Query completed successfully but returned no results."
    );
}

#[test]
fn a_long_statement_is_left_to_the_worker_and_a_longer_one_refused() {
    let limits = Limits::default();
    let call = |bytes: usize| {
        let sql = format!("select 1 {}", " ".repeat(bytes - 9));
        begin(
            settings(),
            "execute_query",
            &serde_json::json!({ "query": sql }).to_string(),
        )
    };
    let short = call(limits.statement_reactor_bytes_max).unwrap();
    assert!(short.unchecked.is_none() && short.statements.len() == 1);
    let long = call(limits.statement_reactor_bytes_max + 1).unwrap();
    assert!(long.unchecked.is_some() && long.statements.is_empty());
    let refused = call(limits.statement_bytes_max + 1).unwrap_err();
    assert!(
        refused.contains("1048577 bytes long, the limit is 1048576"),
        "{refused}"
    );
}

#[test]
fn a_call_about_plans_is_for_the_statement_as_it_was_written() {
    for repeated in [1, 5_000] {
        let sql = format!("select {} 2", "1, ".repeat(repeated));
        for (tool, arguments) in [
            ("explain_query", serde_json::json!({ "query": sql })),
            (
                "execute_query",
                serde_json::json!({ "query": sql, "dry_run": true }),
            ),
            ("execute_query", serde_json::json!({ "query": sql })),
        ] {
            let work = begin(settings(), tool, &arguments.to_string()).unwrap();
            assert_eq!(work.asked(), [sql.as_str().into()], "{tool}");
            assert_eq!(
                work.asked.resolved.is_some(),
                arguments.get("dry_run").is_some() || tool == "explain_query"
            );
        }
    }
}

#[test]
fn a_long_statement_is_repeated_by_its_beginning() {
    let sql = format!("select '{}'", "é".repeat(3_000));
    let arguments = serde_json::json!({ "query": sql }).to_string();
    let work = begin(settings(), "execute_query", &arguments).unwrap();
    let text = text_of(&render(work, vec![result(&["A"], &[&["x"]])]).result);
    assert!(text.contains("ééé...\n```"), "{text}");
    assert!(text.len() < 5_000);
}

#[test]
fn what_is_missing_or_unknown_is_refused_with_a_sentence() {
    for (tool, arguments, sentence) in [
        ("list_views", "{}", "Error: database parameter is required"),
        (
            "query_view",
            r#"{"database":"d"}"#,
            "Error: view_name parameter is required",
        ),
        (
            "execute_query",
            r#"{"query":" \n"}"#,
            "Error: query parameter is required",
        ),
        (
            "execute_query",
            r#"{"sql":"select 1"}"#,
            "Error: unknown argument sql, known are query, database, schema, limit, format, max_tokens, max_bytes, timeout_seconds, dry_run, use_transaction, auto_commit",
        ),
        (
            "list_databases",
            r#"{"like":"x"}"#,
            "Error: unknown argument like, known are fresh",
        ),
    ] {
        assert_eq!(begin(settings(), tool, arguments).unwrap_err(), sentence);
    }
}

#[test]
fn a_backend_that_gives_too_few_results_ends_as_an_error() {
    for (tool, arguments) in [
        ("list_databases", "{}"),
        ("list_views", r#"{"database":"d"}"#),
        (
            "describe_view",
            r#"{"database":"d","schema":"s","view_name":"v"}"#,
        ),
        ("query_view", r#"{"database":"d","schema":"s","view_name":"v"}"#),
        ("execute_query", r#"{"query":"select 1"}"#),
    ] {
        let work = begin(settings(), tool, arguments).unwrap();
        let rendered = render(work, Vec::new());
        assert_eq!(json_of(&rendered.result)["isError"], true, "{tool}");
    }
}

enum CellKind {
    Null,
    Flag,
    Number,
    Text,
}

#[test]
fn a_whole_name_in_view_name_must_agree_with_the_other_arguments() {
    let call = |arguments: &str| begin(settings(), "query_view", arguments);
    for arguments in [
        r#"{"database":"D","view_name":"S.V"}"#,
        r#"{"database":"D","view_name":"d.\"S\".v"}"#,
        r#"{"database":"D","schema":"S","view_name":"D.S.V"}"#,
    ] {
        assert_eq!(
            statements(&call(arguments).unwrap()),
            [r#"SELECT * FROM "D"."S"."V" LIMIT 11"#],
            "{arguments}"
        );
    }
    let refused = |arguments| call(arguments).unwrap_err();
    assert!(refused(r#"{"database":"D","view_name":"E.S.V"}"#).contains("different databases"));
    assert!(refused(r#"{"database":"D","schema":"S","view_name":"T.V"}"#).contains("different schemas"));
}

#[test]
fn the_guard_refuses_before_anything_is_sent() {
    let refused = begin(settings(), "execute_query", r#"{"query":"drop table t"}"#).unwrap_err();
    assert!(
        refused.starts_with("Error: ") && refused.contains("only reads are allowed"),
        "{refused}"
    );
    let long = format!(
        "drop table t {}",
        " ".repeat(Limits::default().statement_reactor_bytes_max)
    );
    let arguments = serde_json::json!({ "query": long }).to_string();
    let work = begin(settings(), "execute_query", &arguments).unwrap();
    let unchecked = work.unchecked.unwrap();
    assert!(
        unchecked.check().is_err(),
        "the worker guards what the reactor did not"
    );
}

#[test]
fn allowed_writes_are_told_by_the_annotations_and_an_argument_to_confirm_them() {
    let allowed = |writes: &str| {
        let policy = Policy::default().with_writes(writes).unwrap();
        let catalogue = Catalogue::new(Settings::new(&Limits::default(), policy));
        let tool = catalogue.find("execute_query").unwrap();
        let hints = json_of(format!("{{{}}}", annotations(tool, &catalogue.writes())).as_bytes());
        let has_confirm = tool.properties.iter().any(|property| property.name == "confirm");
        let reading = catalogue.find("query_view").unwrap();
        assert_eq!(annotations(reading, &catalogue.writes()), ANNOTATIONS);
        (hints, has_confirm, description(tool, &catalogue.writes()))
    };
    let (hints, has_confirm, _) = allowed("");
    assert_eq!((&hints["readOnlyHint"], has_confirm), (&true.into(), false));
    let (hints, has_confirm, told) = allowed("insert");
    assert_eq!(
        (&hints["readOnlyHint"], &hints["destructiveHint"]),
        (&false.into(), &false.into())
    );
    assert!(has_confirm && told.ends_with("for good: INSERT."), "{told}");
    assert_eq!(allowed("insert,delete").0["destructiveHint"], true);
}

#[test]
fn a_caller_with_a_key_of_its_own_section_gets_its_ruling() {
    use crate::sql::ruling::{Ruling, Rulings, Special};

    let special = Special {
        role: None,
        key: Some(b"nightly".to_vec()),
        ruling: Arc::new(Ruling {
            rows_max: Some(7),
            ..Ruling::default()
        }),
    };
    let rulings = Rulings::new(Ruling::default(), vec![special]);
    let catalogue = Catalogue::new(Settings::new(&Limits::default(), rulings));
    let tool = catalogue.find("execute_query").unwrap();
    let arguments: &RawValue = serde_json::from_str(r#"{"query":"select 1","limit":100}"#).unwrap();
    let rows_max = |principal: &[u8]| {
        let begun = with_call(|call| catalogue.begin(tool, Some(arguments), &Call { principal, ..*call }));
        match begun {
            Ok(Begun::Work(work)) => work.bounds.rows_max,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        (rows_max(b"other"), rows_max(b""), rows_max(b"nightly")),
        (100, 100, 7)
    );
}

#[test]
fn only_the_tool_that_ends_statements_does_not_claim_to_read() {
    let catalogue = Catalogue::new(settings());
    for tool in catalogue.tools() {
        let told = json_of(format!("{{{}}}", annotations(tool, &[])).as_bytes());
        assert_eq!(told["readOnlyHint"], tool.name != "cancel_query", "{}", tool.name);
    }
}
