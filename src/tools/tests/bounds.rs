//! How much of a result is given, and that what is given is as it was.

use super::*;

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
