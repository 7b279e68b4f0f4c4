//! Databases and views: listed and described.

use super::*;

#[test]
fn databases_are_listed_by_name_and_not_by_position() {
    let work = begin(settings(), "list_databases", "{}").unwrap();
    assert_eq!(statements(&work), ["SHOW DATABASES"]);
    let rendered = render(
        work,
        vec![result(
            &["created_on", "is_default", "name", "owner", "comment"],
            &[
                &["2026", "N", "SALES", "SYSADMIN", ""],
                &["2026", "N", "raw data", "-", "x"],
            ],
        )],
    );
    assert_eq!(
        text_of(&rendered.result),
        "Available Snowflake databases:\nSALES\n\"raw data\""
    );
    assert_eq!(
        json_of(&rendered.result)["structuredContent"].to_string(),
        json_of(
            br#"{"returned":2,"truncated":false,"query_id":"q-1","elapsed_ms":12,
                "databases":[{"name":"SALES","owner":"SYSADMIN"},{"name":"raw data","comment":"x"}]}"#
        )
        .to_string()
    );
    assert_eq!((rendered.rows, rendered.truncated), (2, false));
}

#[test]
fn views_are_listed_of_a_schema_or_of_the_whole_database() {
    let shown = |settings: Settings, arguments: &str| {
        let work = begin(settings, "list_views", arguments).unwrap();
        statements(&work)[0].to_owned()
    };
    assert_eq!(
        shown(settings(), r#"{"database":"db","schema":"\"s 1\""}"#),
        r#"SHOW VIEWS IN SCHEMA "DB"."s 1""#
    );
    assert_eq!(
        shown(settings(), r#"{"database":"db"}"#),
        r#"SHOW VIEWS IN DATABASE "DB""#
    );
    let with_default = || Settings {
        default_database: Some("DB".to_owned()),
        default_schema: Some("PUB".to_owned()),
        ..settings()
    };
    assert_eq!(
        shown(with_default(), r#"{"database":"db"}"#),
        r#"SHOW VIEWS IN SCHEMA "DB"."PUB""#
    );
    assert_eq!(
        shown(with_default(), r#"{"database":"other"}"#),
        r#"SHOW VIEWS IN DATABASE "OTHER""#
    );
}

const VIEW_COLUMNS: [&str; 5] = ["created_on", "name", "database_name", "schema_name", "owner"];

#[test]
fn a_view_is_shown_with_the_date_it_was_made_and_not_with_its_owner() {
    let work = begin(settings(), "list_views", r#"{"database":"D","schema":"S"}"#).unwrap();
    let views = result(&VIEW_COLUMNS, &[&["2026-01-01", "V", "D", "S", "ROLE"]]);
    let rendered = render(work, vec![views]);
    assert_eq!(
        text_of(&rendered.result),
        "Views in D.S:\nV (created: 2026-01-01)"
    );
    let content = &json_of(&rendered.result)["structuredContent"];
    assert_eq!(content["views"][0]["schema"], "S");
    assert_eq!(content["views"][0]["created_on"], "2026-01-01");
}

#[test]
fn a_whole_database_is_listed_without_its_information_schema() {
    let work = begin(settings(), "list_views", r#"{"database":"D"}"#).unwrap();
    let views = result(
        &VIEW_COLUMNS,
        &[
            &["-", "TABLES", "D", "INFORMATION_SCHEMA", "-"],
            &["-", "v", "D", "S", "-"],
        ],
    );
    assert_eq!(
        text_of(&render(work, vec![views]).result),
        "Views in D:\nS.\"v\" (created: unknown)"
    );
    let empty = begin(settings(), "list_views", r#"{"database":"D"}"#).unwrap();
    let rendered = render(empty, vec![result(&VIEW_COLUMNS, &[])]);
    assert_eq!(text_of(&rendered.result), "No views found in D");
}

#[test]
fn who_named_no_schema_hears_that_others_may_have_views() {
    let settings = Settings {
        default_database: Some("D".to_owned()),
        default_schema: Some("S".to_owned()),
        ..settings()
    };
    let empty = |arguments| {
        let work = begin(settings.clone(), "list_views", arguments).unwrap();
        text_of(&render(work, vec![result(&VIEW_COLUMNS, &[])]).result)
    };
    assert_eq!(
        empty(r#"{"database":"D"}"#),
        "No views found in D.S, the server's default schema. Name another one as schema; \
         SHOW SCHEMAS IN DATABASE \"D\" lists them."
    );
    assert_eq!(empty(r#"{"database":"D","schema":"S"}"#), "No views found in D.S");
}

#[test]
fn a_view_is_described_with_its_columns_and_its_definition() {
    let arguments = r#"{"database":"d","schema":"s","view_name":"\"it's\""}"#;
    let work = begin(settings(), "describe_view", arguments).unwrap();
    assert_eq!(
        statements(&work),
        [
            r#"DESCRIBE VIEW "D"."S"."it's""#,
            r#"SELECT GET_DDL('VIEW', '"D"."S"."it''s"', TRUE) AS DDL"#
        ]
    );
    assert_eq!(work.context.database.as_deref(), Some("D"));
    let columns = result(
        &["name", "type", "null?", "comment"],
        &[
            &["ID", "NUMBER(38,0)", "N", "-"],
            &["NOTE", "VARCHAR(10)", "Y", "free\ntext"],
        ],
    );
    let definition = result(&["DDL"], &[&["create view V as\nselect 1;"]]);
    let rendered = render(work, vec![columns, definition]);
    assert_eq!(
        text_of(&rendered.result),
        concat!(
            "## View: D.S.\"it's\"\nRequest ID: q-1\n\n### Columns:\n",
            "- ID : NUMBER(38,0) NOT NULL\n- NOTE : VARCHAR(10) NULL (free text)\n\n",
            "### View Definition:\n```sql\ncreate view V as\nselect 1;\n```"
        )
    );
    let content = &json_of(&rendered.result)["structuredContent"];
    assert_eq!(content["columns"][0]["nullable"], false);
    assert_eq!(content["definition"], "create view V as\nselect 1;");
    assert_eq!((content["name"].as_str(), rendered.rows), (Some("it's"), 2));
}

#[test]
fn a_view_whose_definition_the_role_may_not_see_is_described_without_it() {
    let arguments = r#"{"database":"d","schema":"s","view_name":"v"}"#;
    let work = begin(settings(), "describe_view", arguments).unwrap();
    let refused = |kind| Error::new(kind, "object does not exist or not authorized");
    assert!(!work.allows(0, &refused(Kind::NotFound)));
    assert!(work.allows(1, &refused(Kind::NotFound)));
    assert!(work.allows(1, &refused(Kind::Privilege)));
    assert!(!work.allows(1, &refused(Kind::Login)));
    let columns = result(&["name", "type", "null?"], &[&["ID", "NUMBER(38,0)", "N"]]);
    let rendered = render(work, vec![columns, ResultSet::absent()]);
    assert_eq!(
        text_of(&rendered.result),
        concat!(
            "## View: D.S.V\nRequest ID: q-1\n\n### Columns:\n- ID : NUMBER(38,0) NOT NULL\n\n",
            "The role may not see the definition."
        )
    );
    let content = &json_of(&rendered.result)["structuredContent"];
    assert_eq!(content["truncated"], false);
    assert!(content.get("definition").is_none());
}

#[test]
fn a_definition_that_does_not_fit_is_left_out_and_told() {
    let small = Settings {
        result_bytes_max: 2_000,
        ..settings()
    };
    let arguments = r#"{"database":"d","schema":"s","view_name":"v"}"#;
    let work = begin(small, "describe_view", arguments).unwrap();
    let columns = result(&["name", "type", "null?"], &[&["ID", "DATE", "N"]]);
    let definition = result(&["DDL"], &[&["x".repeat(1_000).as_str()]]);
    let rendered = render(work, vec![columns, definition]);
    let text = text_of(&rendered.result);
    assert!(text.starts_with("Truncated: "), "{text}");
    assert!(
        text.ends_with("The definition is too long to be shown."),
        "{text}"
    );
    assert!(rendered.truncated && rendered.result.len() <= 2_000);
}

#[test]
fn a_view_needs_a_schema_from_somewhere() {
    let arguments = r#"{"database":"d","view_name":"v"}"#;
    let refused = begin(settings(), "query_view", arguments).unwrap_err();
    assert!(
        refused.starts_with("Error: schema parameter is required"),
        "{refused}"
    );
    let with_default = Settings {
        default_schema: Some("\"my schema\"".to_owned()),
        ..settings()
    };
    let work = begin(with_default, "query_view", arguments).unwrap();
    assert_eq!(
        statements(&work),
        [r#"SELECT * FROM "D"."my schema"."V" LIMIT 11"#]
    );
}

#[test]
fn names_cannot_carry_sql() {
    let arguments = r#"{"database":"D","schema":"S","view_name":"V\" union select 1 --"}"#;
    let refused = begin(settings(), "query_view", arguments).unwrap_err();
    assert!(refused.starts_with("Error: view_name is no name: "), "{refused}");
    let arguments = r#"{"database":"D","schema":"S","view_name":"V join T"}"#;
    let work = begin(settings(), "query_view", arguments).unwrap();
    assert_eq!(
        statements(&work),
        [r#"SELECT * FROM "D"."S"."V join T" LIMIT 11"#]
    );
}
