//! What a search asks for, and what it finds.

use super::*;

const SHOWN_OBJECTS: [&str; 6] = ["name", "database_name", "schema_name", "kind", "rows", "comment"];
const SHOWN_COLUMNS: [&str; 6] = [
    "table_name",
    "schema_name",
    "column_name",
    "data_type",
    "comment",
    "database_name",
];

fn found(arguments: &str) -> (Vec<String>, Rendered) {
    let work = begin(settings(), "search_objects", arguments).unwrap();
    let asked: Vec<String> = statements(&work).iter().map(|text| (*text).to_owned()).collect();
    let answers = asked.iter().map(|text| match text {
        text if text.starts_with("SHOW OBJECTS") => result(
            &SHOWN_OBJECTS,
            &[
                &["ORDERS", "D", "S", "TABLE", "15", "what was bought"],
                &["OPEN_ORDERS", "D", "S", "VIEW", "-", ""],
                &["TABLES", "D", "INFORMATION_SCHEMA", "VIEW", "-", "orders"],
            ],
        ),
        text if text.starts_with("SHOW COLUMNS") => result(
            &SHOWN_COLUMNS,
            &[
                &["ORDERS", "S", "order_date", r#"{"type":"DATE"}"#, "", "D"],
                &[
                    "SALES",
                    "S",
                    "ID",
                    r#"{"type":"TEXT","length":9}"#,
                    "of the order",
                    "D",
                ],
            ],
        ),
        text if text.starts_with("SHOW SCHEMAS") => {
            result(&["name", "database_name"], &[&["ORDER_DATA", "D"]])
        }
        _ => result(&["name"], &[&["D"]]),
    });
    let answers = answers.collect();
    (asked, render(work, answers))
}

#[test]
fn a_search_tells_what_fits_best_first_and_whole_names() {
    let (asked, rendered) = found(r#"{"pattern":"order"}"#);
    assert_eq!(
        asked,
        [
            "SHOW OBJECTS IN ACCOUNT",
            "SHOW SCHEMAS IN ACCOUNT",
            "SHOW DATABASES",
            "SHOW COLUMNS IN ACCOUNT"
        ]
    );
    assert_eq!(
        text_of(&rendered.result),
        concat!(
            "5 of 5 found in the account:\n",
            "schema D.ORDER_DATA\n",
            "table D.S.ORDERS (15 rows): what was bought\n",
            "column D.S.ORDERS.\"order_date\" DATE\n",
            "view D.S.OPEN_ORDERS\n",
            "column D.S.SALES.ID VARCHAR(9): of the order"
        )
    );
    let content = &json_of(&rendered.result)["structuredContent"];
    assert_eq!(
        (&content["total"], &content["searched_all"]),
        (&5.into(), &true.into())
    );
    assert_eq!(content["objects"][2]["table"], "ORDERS");
}

#[test]
fn a_search_goes_on_where_its_page_ended_and_only_there() {
    let first = json_of(&found(r#"{"pattern":"order","limit":2}"#).1.result);
    let cursor = first["structuredContent"]["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(first["structuredContent"]["truncated"], true);
    let page = |pattern: &str, cursor: &str| {
        serde_json::json!({"pattern": pattern, "limit": 9, "cursor": cursor, "detail": "names"}).to_string()
    };
    let text = text_of(&found(&page("order", &cursor)).1.result);
    assert_eq!(
        text,
        "3 of 5 found in the account:\ncolumn D.S.ORDERS.\"order_date\"\nview D.S.OPEN_ORDERS\ncolumn D.S.SALES.ID"
    );
    for arguments in [page("orders", &cursor), page("order", "2.0"), page("order", "x")] {
        let refused = begin(settings(), "search_objects", &arguments).unwrap_err();
        assert!(
            refused.starts_with("Error: cursor is not the next_cursor"),
            "{refused}"
        );
    }
}

#[test]
fn a_search_looks_only_where_and_for_what_it_is_told() {
    let asked = |arguments: &str| found(arguments).0;
    assert_eq!(
        asked(r#"{"pattern":"o%","database":"d","object_types":"Columns, views"}"#),
        [
            r#"SHOW OBJECTS IN DATABASE "D""#,
            r#"SHOW COLUMNS LIKE 'o%' IN DATABASE "D""#
        ]
    );
    assert_eq!(
        asked(r#"{"pattern":"o%","database":"d","schema":"s","object_types":"column"}"#),
        [r#"SHOW COLUMNS IN SCHEMA "D"."S""#]
    );
    let (_, rendered) = found(r#"{"pattern":"nothing like this"}"#);
    assert_eq!(
        text_of(&rendered.result),
        "Nothing like that found in the account."
    );
    let refused = |arguments: &str| begin(settings(), "search_objects", arguments).unwrap_err();
    assert_eq!(
        refused(r#"{"pattern":"o","object_types":"stage"}"#),
        "Error: object_types has stage, which is none of database, schema, table, view, column"
    );
    assert_eq!(
        refused(r#"{"pattern":"o","schema":"s"}"#),
        "Error: database parameter is required"
    );
    assert_eq!(
        refused(r#"{"pattern":"o","detail":"all"}"#),
        "Error: detail must be one of summary, names, full"
    );
}
