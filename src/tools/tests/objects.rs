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
            br#"{"cached":false,"returned":2,"truncated":false,"query_id":"q-1","elapsed_ms":12,
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

#[test]
fn tables_are_listed_with_what_is_known_of_them() {
    let work = begin(settings(), "list_tables", r#"{"database":"D","schema":"S"}"#).unwrap();
    assert_eq!(statements(&work), [r#"SHOW TABLES IN SCHEMA "D"."S""#]);
    let columns = [
        "created_on",
        "name",
        "database_name",
        "schema_name",
        "kind",
        "comment",
        "rows",
        "bytes",
        "is_dynamic",
    ];
    let tables = result(
        &columns,
        &[
            &[
                "2026",
                "ORDERS",
                "D",
                "S",
                "TABLE",
                "one\na line",
                "15",
                "2048",
                "N",
            ],
            &["2026", "live", "D", "S", "TABLE", "", "007", "-", "Y"],
        ],
    );
    let rendered = render(work, vec![tables]);
    assert_eq!(
        text_of(&rendered.result),
        "Tables in D.S:\nORDERS (TABLE, 15 rows, 2048 bytes): one a line\n\"live\" (DYNAMIC TABLE, 007 rows)"
    );
    let tables = &json_of(&rendered.result)["structuredContent"]["tables"];
    assert_eq!(
        (&tables[0]["rows"], &tables[1]["rows"], &tables[1]["kind"]),
        (&15.into(), &7.into(), &"DYNAMIC TABLE".into())
    );
    let of_database = begin(settings(), "list_tables", r#"{"database":"D"}"#).unwrap();
    let tables = result(&columns, &[&["-", "T", "D", "s", "TABLE", "", "1", "1", "N"]]);
    assert_eq!(
        text_of(&render(of_database, vec![tables]).result),
        "Tables in D:\n\"s\".T (TABLE, 1 rows, 1 bytes)"
    );
}

#[test]
fn schemas_are_listed_with_comments_and_their_names_are_kept_for_others() {
    let work = begin(settings(), "list_schemas", r#"{"database":"d","fresh":true}"#).unwrap();
    assert_eq!(statements(&work), [r#"SHOW SCHEMAS IN DATABASE "D""#]);
    let share = work.share.clone().unwrap();
    assert_eq!(
        (share.is_fresh, share.uri.as_deref()),
        (true, Some("snowflake://D"))
    );
    let schemas = result(
        &["name", "database_name", "owner", "comment"],
        &[&["PUBLIC", "D", "R", "for all"], &["raw", "D", "R", ""]],
    );
    let rendered = render(work, vec![schemas]);
    assert_eq!(
        text_of(&rendered.result),
        "Schemas in D:\nPUBLIC: for all\n\"raw\""
    );
    let kept = rendered.kept.unwrap();
    let names: Vec<_> = kept.names.iter().map(|told| &*told.name).collect();
    assert_eq!((names, kept.is_whole), (vec!["PUBLIC", "raw"], true));
}

#[test]
fn a_table_is_described_with_its_keys_and_defaults() {
    let arguments = r#"{"database":"d","schema":"s","table_name":"t"}"#;
    let work = begin(settings(), "describe_table", arguments).unwrap();
    assert_eq!(
        statements(&work),
        [
            r#"DESCRIBE TABLE "D"."S"."T""#,
            r#"SHOW IMPORTED KEYS IN TABLE "D"."S"."T""#,
            r#"SELECT GET_DDL('TABLE', '"D"."S"."T"', TRUE) AS DDL"#,
        ]
    );
    assert_eq!(work.optional, 2);
    let columns = result(
        &[
            "name",
            "type",
            "null?",
            "default",
            "primary key",
            "unique key",
            "comment",
        ],
        &[
            &["ID", "NUMBER(38,0)", "N", "-", "Y", "N", "the key"],
            &["CUSTOMER", "NUMBER(38,0)", "Y", "0", "N", "N", ""],
        ],
    );
    let keys = result(
        &[
            "pk_database_name",
            "pk_schema_name",
            "pk_table_name",
            "pk_column_name",
            "fk_column_name",
        ],
        &[&["D", "S", "customers", "ID", "CUSTOMER"]],
    );
    let ddl = result(&["DDL"], &[&["create table T (ID int);"]]);
    let rendered = render(work, vec![columns, keys, ddl]);
    assert_eq!(
        text_of(&rendered.result),
        concat!(
            "## Table: D.S.T\nRequest ID: q-1\n\n### Columns:\n",
            "- ID : NUMBER(38,0) NOT NULL, primary key (the key)\n",
            "- CUSTOMER : NUMBER(38,0) NULL, default 0, references D.S.\"customers\".ID\n\n",
            "### Table Definition:\n```sql\ncreate table T (ID int);\n```"
        )
    );
    let columns = &json_of(&rendered.result)["structuredContent"]["columns"];
    assert_eq!(columns[1]["references"], r#"D.S."customers".ID"#);
    assert_eq!(columns[0]["primary_key"], true);
}

#[test]
fn a_table_is_sampled_from_its_beginning_or_from_everywhere() {
    let sampled = |arguments: &str| {
        let work = begin(settings(), "sample_table", arguments).unwrap();
        (statements(&work)[0].to_owned(), work.share.is_none())
    };
    assert_eq!(
        sampled(r#"{"database":"d","schema":"s","table_name":"t","limit":5}"#),
        (r#"SELECT * FROM "D"."S"."T" LIMIT 6"#.to_owned(), true)
    );
    assert_eq!(
        sampled(r#"{"database":"d","table_name":"s.t","random":true}"#),
        (r#"SELECT * FROM "D"."S"."T" SAMPLE (11 ROWS)"#.to_owned(), true)
    );
    assert_eq!(
        begin(
            settings(),
            "sample_table",
            r#"{"database":"d","table_name":"e.s.t"}"#
        )
        .unwrap_err(),
        "Error: table_name and database name different databases; pass the bare name of the table"
    );
}

/// The work that follows from this description of a table with columns of four kinds.
fn profiled(arguments: &str) -> Result<Work, Error> {
    let mut work = begin(settings(), "profile_table", arguments).unwrap();
    assert_eq!(statements(&work), [r#"DESCRIBE TABLE "D"."S"."T""#]);
    let described = result(
        &["name", "type"],
        &[
            &["ID", "NUMBER(38,0)"],
            &["na\"me", "VARCHAR(9)"],
            &["DOC", "VARIANT"],
            &["PLACE", "GEOGRAPHY"],
        ],
    );
    let follow = work.follow.take().unwrap();
    let followed = follow.run(Ok(Answer {
        results: vec![described],
        elapsed: Duration::ZERO,
    }))?;
    (work.statements, work.render) = (followed.statements, followed.render);
    Ok(work)
}

#[test]
fn a_profile_is_one_statement_that_asks_each_type_for_what_it_has() {
    let work = profiled(r#"{"database":"d","schema":"s","table_name":"t"}"#).unwrap();
    assert_eq!(
        statements(&work),
        [concat!(
            r#"SELECT COUNT(*) AS ROWS_ALL, "#,
            r#"COUNT("ID") AS FILLED_0, APPROX_COUNT_DISTINCT("ID") AS DISTINCT_0, MIN("ID") AS LEAST_0, MAX("ID") AS GREATEST_0, "#,
            r#"COUNT("na""me") AS FILLED_1, APPROX_COUNT_DISTINCT("na""me") AS DISTINCT_1, LEFT(MIN("na""me"), 100) AS LEAST_1, LEFT(MAX("na""me"), 100) AS GREATEST_1, "#,
            r#"COUNT("DOC") AS FILLED_2, APPROX_COUNT_DISTINCT("DOC") AS DISTINCT_2, "#,
            r#"COUNT("PLACE") AS FILLED_3 FROM "D"."S"."T""#
        )]
    );
    let measures = result(
        &[
            "ROWS_ALL",
            "FILLED_0",
            "DISTINCT_0",
            "LEAST_0",
            "GREATEST_0",
            "FILLED_1",
            "FILLED_3",
        ],
        &[&["8", "8", "8", "1", "9", "6", "0"]],
    );
    let rendered = render(work, vec![measures]);
    let text = text_of(&rendered.result);
    assert!(
        text.starts_with("## Profile of D.S.T: 8 rows\n\n- ID : NUMBER(38,0), null share 0, about 8 distinct, min 1, max 9\n- na\"me : VARCHAR(9), null share 0.25\n"),
        "{text}"
    );
    let content = &json_of(&rendered.result)["structuredContent"];
    assert_eq!(content["rows"], 8);
    assert_eq!(content["columns"][1]["null_share"], 0.25);
    assert_eq!(content["columns"][3]["null_share"], 1);
    assert!(content["columns"][3].get("min").is_none());
}

#[test]
fn a_profile_is_of_the_columns_that_were_named_and_no_others() {
    let of = |columns: &str| {
        let arguments =
            serde_json::json!({"database": "d", "schema": "s", "table_name": "t", "columns": columns});
        profiled(&arguments.to_string())
    };
    let work = of("doc").unwrap();
    assert!(statements(&work)[0].contains("DOC") && !statements(&work)[0].contains("PLACE"));
    let error = of("id, nowhere").unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (Kind::NotFound, "D.S.T has no column NOWHERE")
    );
}

#[test]
fn a_profile_says_when_columns_were_left_out_also_of_those_that_were_named() {
    let names: Vec<String> = (0..41).map(|index| format!("C{index}")).collect();
    for named in [None, Some(names.join(","))] {
        let mut arguments = serde_json::json!({"database": "d", "schema": "s", "table_name": "t"});
        if let Some(named) = named {
            arguments["columns"] = named.into();
        }
        let mut work = begin(settings(), "profile_table", &arguments.to_string()).unwrap();
        let rows: Vec<[&str; 2]> = names.iter().map(|name| [name.as_str(), "BOOLEAN"]).collect();
        let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
        let follow = work.follow.take().unwrap();
        let followed = follow.run(Ok(Answer {
            results: vec![result(&["name", "type"], &rows)],
            elapsed: Duration::ZERO,
        }));
        work.render = followed.unwrap().render;
        let rendered = render(work, vec![result(&["ROWS_ALL"], &[&["1"]])]);
        assert!(rendered.truncated);
        assert!(text_of(&rendered.result).starts_with("Truncated: 40 columns are measured"));
    }
}
