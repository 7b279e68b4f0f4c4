//! What each tool asks of the backend, and what it makes of the answer.

mod barred;
mod objects;

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
fn both_forms_together_stay_within_the_operators_bytes() {
    let cells: Vec<String> = (0..400).map(|index| format!("row {index} \"quoted\"")).collect();
    let rows: Vec<[&str; 1]> = cells.iter().map(|cell| [cell.as_str()]).collect();
    let rows: Vec<&[&str]> = rows.iter().map(<[&str; 1]>::as_slice).collect();
    for bytes_max in [1_300, 3_000, 10_000] {
        let small = Settings {
            result_bytes_max: bytes_max,
            ..settings()
        };
        let work = begin(small, "execute_query", r#"{"query":"select 1","limit":400}"#).unwrap();
        let bounds = Bounds {
            rows_max: 400,
            bytes_max: 1 << 20,
        };
        let rendered = render(work, vec![bounded(&["A"], &rows, bounds)]);
        assert!(rendered.result.len() <= bytes_max && rendered.truncated);
        let text = text_of(&rendered.result);
        assert!(text.starts_with("Truncated: the first "), "{text}");
        assert!(
            text.contains(&format!("a result may have {bytes_max} bytes")),
            "{text}"
        );
        let content = &json_of(&rendered.result)["structuredContent"];
        let shown = content["rows"].as_array().unwrap().len() as u64;
        assert_eq!(
            (content["returned"].as_u64(), rendered.rows),
            (Some(shown), shown)
        );
        assert_eq!(text.matches("\n| row").count() as u64, shown);
    }
}

/// As many rows as Snowflake gives of a SHOW.
fn shown_to_the_end(columns: &[&str], row: &[&str]) -> ResultSet {
    let rows = vec![row; SHOWN_MAX as usize];
    let bounds = Bounds {
        rows_max: SHOWN_MAX,
        bytes_max: 1 << 24,
    };
    let mut shown = bounded(columns, &rows, bounds);
    shown.total = Some(SHOWN_MAX);
    shown
}

#[test]
fn a_show_that_ends_where_snowflake_ends_it_is_told_as_cut() {
    let told = |query: &str| {
        let arguments = serde_json::json!({ "query": query, "limit": SHOWN_MAX }).to_string();
        let work = begin(settings(), "execute_query", &arguments).unwrap();
        let rendered = render(work, vec![shown_to_the_end(&["name"], &["T"])]);
        let content = json_of(&rendered.result)["structuredContent"].clone();
        assert_eq!(content["truncated"], rendered.truncated);
        assert!(
            content.get("next_cursor").is_none(),
            "nothing follows in this result"
        );
        (rendered.truncated, text_of(&rendered.result))
    };
    let (is_truncated, text) = told("show tables in account");
    assert!(is_truncated);
    assert!(
        text.starts_with("Truncated: the first 10000 of 10000 rows are shown, there may be more (SHOW gives 10000 rows at most)."),
        "{}",
        &text[..200]
    );
    let (is_truncated, text) = told("select name from t");
    assert!(!is_truncated && text.starts_with("## Query Results"));
}

#[test]
fn a_list_or_a_search_of_all_that_show_gives_is_not_told_as_whole() {
    for tool in ["list_databases", "search_objects"] {
        let arguments = r#"{"pattern":"t","object_types":"database"}"#;
        let arguments = if tool == "search_objects" { arguments } else { "{}" };
        let work = begin(settings(), tool, arguments).unwrap();
        let rendered = render(work, vec![shown_to_the_end(&["name"], &["T"])]);
        let text = text_of(&rendered.result);
        assert!(rendered.truncated, "{tool}");
        assert!(
            text.contains("SHOW gives 10000 rows at most")
                || text.starts_with("Not everything was looked at"),
            "{tool}: {}",
            &text[..200]
        );
    }
}

#[test]
fn names_of_columns_that_are_too_long_for_the_tokens_are_left_out_of_the_text() {
    let names: Vec<String> = (0..100).map(|index| format!("COLUMN_{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for format in ["markdown", "json", "csv"] {
        let arguments = serde_json::json!({"query": "select 1", "max_tokens": 100, "format": format});
        let work = begin(settings(), "execute_query", &arguments.to_string()).unwrap();
        let rendered = render(work, vec![result(&names, &[&["x"; 100]])]);
        let text = text_of(&rendered.result);
        assert!(
            text.starts_with(
                "Truncated: the first 0 rows are shown, there are more (the text may have about 100 tokens)"
            ),
            "{text}"
        );
        assert!(!text.contains("COLUMN_") && !text.contains("]}"), "{text}");
    }
}

#[test]
fn a_table_too_wide_to_name_its_columns_is_an_error() {
    let small = Settings {
        result_bytes_max: 2_000,
        ..settings()
    };
    let work = begin(small, "execute_query", r#"{"query":"select 1"}"#).unwrap();
    let names: Vec<String> = (0..100).map(|index| format!("COLUMN_{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let rendered = render(work, vec![result(&names, &[])]);
    assert_eq!(json_of(&rendered.result)["isError"], true);
    assert!(text_of(&rendered.result).contains("100 columns alone do not fit"));
    assert!(text_of(&rendered.result).contains("Select fewer columns"));
}

#[test]
fn who_left_no_room_for_the_names_of_columns_is_told_to_raise_the_bytes() {
    let arguments = r#"{"query":"select 1","max_bytes":1100}"#;
    let work = begin(settings(), "execute_query", arguments).unwrap();
    let rendered = render(work, vec![result(&["A", "B", "C", "D"], &[])]);
    let text = text_of(&rendered.result);
    assert!(text.contains("4 columns alone do not fit into a result of 1100 bytes"));
    assert!(text.contains("Raise max_bytes"), "{text}");
}

#[test]
fn the_operators_bounds_can_only_be_lowered() {
    let strict = || Settings {
        rows_max: 50,
        default_rows: 500,
        statement_timeout: Duration::from_secs(60),
        ..settings()
    };
    let work = |arguments: &str| begin(strict(), "execute_query", arguments).unwrap();
    assert_eq!(work(r#"{"query":"select 1"}"#).bounds.rows_max, 50);
    assert_eq!(
        work(r#"{"query":"select 1","limit":99999999}"#).bounds.rows_max,
        50
    );
    assert_eq!(
        work(r#"{"query":"select 1","timeout_seconds":3600}"#).timeout,
        Duration::from_secs(60)
    );
    assert_eq!(
        work(r#"{"query":"select 1","timeout_seconds":5}"#).timeout,
        Duration::from_secs(5)
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

/// A cell of any kind, full of what has to be escaped, and what it should read back as.
fn random_cell(random: &mut SeededEntropy, text: &mut String) -> (CellKind, serde_json::Value) {
    const ALPHABET: [&str; 12] = [
        "a",
        "|",
        "\"",
        "\\",
        "\n",
        "\r\n",
        "\t",
        "\u{1}",
        "é",
        "漢",
        "🦀",
        "plain words ",
    ];
    text.clear();
    match random.below(5) {
        0 => (CellKind::Null, serde_json::Value::Null),
        1 => (CellKind::Flag, serde_json::Value::Bool(true)),
        2 => {
            text.push_str(&random.next_u64().to_string());
            let number = text.parse::<u64>().unwrap();
            let is_short = text.trim_end_matches('0').len() <= 15;
            let value = if is_short {
                serde_json::json!(number)
            } else {
                serde_json::json!(text)
            };
            (CellKind::Number, value)
        }
        _ => {
            for _ in 0..random.below(60) {
                text.push_str(ALPHABET[random.below(12) as usize]);
            }
            (CellKind::Text, serde_json::json!(text))
        }
    }
}

enum CellKind {
    Null,
    Flag,
    Number,
    Text,
}

#[test]
fn any_result_reads_back_as_it_was_within_any_budget() {
    for seed in 0..200 {
        let mut random = SeededEntropy::new(seed);
        let width = 1 + random.below(5) as usize;
        let bytes_max = 1_500 + random.below(20_000) as usize;
        let names: Vec<String> = (0..width).map(|index| format!("C{index}|\"")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let bounds = Bounds {
            rows_max: 1_000,
            bytes_max: 1 << 20,
        };
        let (mut rows, mut expected, mut text) = (bounded(&names, &[], bounds), Vec::new(), String::new());
        for _ in 0..random.below(60) {
            let mut row = Vec::new();
            for _ in 0..width {
                let (kind, value) = random_cell(&mut random, &mut text);
                rows.push(match kind {
                    CellKind::Null => Value::Null,
                    CellKind::Flag => Value::Boolean(true),
                    CellKind::Number => Value::Number(&text),
                    CellKind::Text => Value::Text(&text),
                });
                row.push(value);
            }
            rows.end_row();
            expected.push(serde_json::Value::Array(row));
        }
        let small = Settings {
            result_bytes_max: bytes_max,
            ..settings()
        };
        let work = begin(small, "execute_query", r#"{"query":"select 1","limit":1000}"#).unwrap();
        let rendered = render(work, vec![rows]);
        assert!(rendered.result.len() <= bytes_max, "seed {seed}");
        let object = json_of(&rendered.result);
        let shown = object["structuredContent"]["rows"].as_array().unwrap();
        assert_eq!(shown[..], expected[..shown.len()], "seed {seed}");
        assert_eq!(rendered.truncated, shown.len() < expected.len(), "seed {seed}");
        let is_told = text_of(&rendered.result).starts_with("Truncated: ");
        assert_eq!(is_told, rendered.truncated, "seed {seed}");
    }
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
