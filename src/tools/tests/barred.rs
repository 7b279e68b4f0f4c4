//! What the lists of objects bar is not named by the tools that list and find.

use super::*;
use crate::backend::{Error, Kind};
use crate::sql::objects::ObjectRules;
use crate::sql::ruling::{CostRules, Ruling, Unexplained};

fn under(allowed: &[&str], denied: &[&str]) -> Settings {
    let ruling = Ruling {
        objects: ObjectRules::new(allowed, denied).unwrap(),
        cost: CostRules {
            unexplained: Unexplained::Runs,
            ..CostRules::default()
        },
        ..Ruling::default()
    };
    Settings::new(&Limits::default(), ruling)
}

/// The text of a call's result, of which the structured form says the same.
fn told(settings: Settings, tool: &str, arguments: &str, rows: (&[&str], &[&[&str]])) -> String {
    let work = begin(settings, tool, arguments).unwrap();
    // What searches look at besides has no rows here.
    let none = (1..work.statements.len()).map(|_| result(rows.0, &[]));
    let results = std::iter::once(result(rows.0, rows.1)).chain(none).collect();
    let rendered = render(work, results);
    let structured = json_of(&rendered.result)["structuredContent"].to_string();
    let text = text_of(&rendered.result);
    for name in ["SECRETS", "HR"] {
        assert_eq!(structured.contains(name), text.contains(name), "{structured}");
    }
    text
}

const TABLES: [&str; 5] = ["created_on", "name", "database_name", "schema_name", "rows"];

#[test]
fn a_listing_names_nothing_that_may_not_be_read_and_does_not_say_how_much_that_was() {
    let lists = || under(&["D", "E.S"], &["D.HR", "*.*.SECRETS"]);
    for (tool, arguments, rows, expected) in [
        (
            "list_databases",
            "{}",
            (
                &["name", "owner"][..],
                &[&["D", "-"][..], &["E", "-"], &["F", "-"]][..],
            ),
            "Available Snowflake databases:\nD\nE",
        ),
        (
            "list_schemas",
            r#"{"database":"D"}"#,
            (&["name", "database_name"], &[&["S", "D"], &["HR", "D"]]),
            "Schemas in D:\nS",
        ),
        (
            "list_tables",
            r#"{"database":"D"}"#,
            (
                &TABLES,
                &[
                    &["-", "T", "D", "S", "1"],
                    &["-", "PAY", "D", "HR", "1"],
                    &["-", "SECRETS", "D", "S", "1"],
                ],
            ),
            "Tables in D:\nS.T (TABLE, 1 rows)",
        ),
        (
            "list_views",
            r#"{"database":"D","schema":"S"}"#,
            (&TABLES, &[&["-", "SECRETS", "D", "S", "-"]]),
            "No views found in D.S",
        ),
    ] {
        assert_eq!(told(lists(), tool, arguments, rows), expected, "{tool}");
    }
}

#[test]
fn a_search_finds_nothing_that_may_not_be_read_nor_counts_it() {
    let lists = || under(&["D"], &["D.HR", "D.S.SECRETS"]);
    let tables: (&[&str], &[&[&str]]) = (
        &["name", "database_name", "schema_name", "rows", "kind"],
        &[
            &["SECRET_SANTA", "D", "S", "1", "TABLE"],
            &["SECRETS", "D", "S", "1", "TABLE"],
            &["SECRETS", "D", "HR", "1", "TABLE"],
            &["SECRETS", "E", "S", "1", "TABLE"],
        ],
    );
    let columns: (&[&str], &[&[&str]]) = (
        &[
            "table_name",
            "schema_name",
            "column_name",
            "data_type",
            "database_name",
        ],
        &[
            &["T", "S", "SECRET", "-", "D"],
            &["SECRETS", "S", "SECRET", "-", "D"],
            &["T", "HR", "SECRET", "-", "D"],
        ],
    );
    for (arguments, rows, expected) in [
        (
            r#"{"pattern":"secret","object_types":"tables"}"#,
            tables,
            "1 of 1 found in the account:\ntable D.S.SECRET_SANTA (1 rows)",
        ),
        (
            r#"{"pattern":"secret","object_types":"columns"}"#,
            columns,
            "1 of 1 found in the account:\ncolumn D.S.T.SECRET",
        ),
    ] {
        assert_eq!(told(lists(), "search_objects", arguments, rows), expected);
    }
}

#[test]
fn a_row_without_all_of_its_names_is_not_told_where_there_are_lists() {
    let rows: (&[&str], &[&[&str]]) = (&["name"], &[&["S"]]);
    let told = |settings| told(settings, "list_schemas", r#"{"database":"D"}"#, rows);
    assert_eq!(told(under(&["D"], &[])), "No schemas found in D");
    assert_eq!(told(settings()), "Schemas in D:\nS");
}

#[test]
fn a_description_does_not_name_the_table_that_a_column_refers_to_where_that_is_barred() {
    let described = |denied: &str| {
        let arguments = r#"{"database":"D","schema":"S","table_name":"T"}"#;
        let mut work = begin(under(&[], &[denied]), "describe_table", arguments).unwrap();
        let columns = result(&["name", "type", "null?"], &[&["ID", "NUMBER(38,0)", "Y"]]);
        let keys = [
            "pk_database_name",
            "pk_schema_name",
            "pk_table_name",
            "pk_column_name",
            "fk_column_name",
        ];
        let keys = result(&keys, &[&["D", "HR", "PAY", "ID", "ID"]]);
        let definition = result(&["DDL"], &[&["create table T (ID number)"]]);
        // Where there are lists, the plan of what shows the definition is asked for first.
        let follow = work.follow.take().unwrap();
        let unexplained = Error::new(Kind::Unsupported, "no plan");
        work.render = follow.run(Err(unexplained)).unwrap().render;
        text_of(&render(work, vec![columns, keys, definition]).result)
    };
    assert!(described("X").contains("references D.HR.PAY.ID"));
    assert!(!described("D.HR").contains("PAY"));
}

#[test]
fn what_was_told_under_other_lists_or_bounds_is_not_shared() {
    let key = |settings| {
        let work = begin(settings, "list_databases", "{}").unwrap();
        work.share.unwrap().key
    };
    let all = key(settings());
    assert_eq!(all, key(settings()));
    let barred = key(under(&["D"], &[]));
    assert!(barred != all && barred != key(under(&["E"], &[])) && barred != key(under(&[], &["D"])));
    assert_eq!(barred, key(under(&["d"], &[])));
    assert_eq!(
        barred.of_names(),
        all.of_names(),
        "names are held against the lists when they are told"
    );
    let fewer = Settings {
        rows_max: 7,
        ..settings()
    };
    assert_ne!(key(fewer), all);
}
