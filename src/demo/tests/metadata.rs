//! SHOW, DESCRIBE, GET_DDL, EXPLAIN and INFORMATION_SCHEMA: what tools and people read about the account.

use super::{cells, demo, finish, job, run};
use crate::backend::{CancelToken, Kind, ResultSet};
use crate::demo::Demo;

fn answer(demo: &Demo, text: &str) -> ResultSet {
    run(demo, text).unwrap_or_else(|error| panic!("{text}: {error} {:?}", error.detail))
}

fn layout(result: &ResultSet) -> String {
    let names: Vec<&str> = result.columns.iter().map(|column| column.name.as_str()).collect();
    names.join(" ")
}

fn column(result: &ResultSet, name: &str) -> Vec<String> {
    result
        .rows()
        .map(|row| row.text(name).unwrap_or("NULL").to_owned())
        .collect()
}

#[test]
fn layouts_are_snowflakes() {
    let demo = demo();
    let check = |text: &str, expected: &str| assert_eq!(layout(&answer(&demo, text)), expected, "{text}");
    check(
        "show terse tables",
        "created_on name kind database_name schema_name",
    );
    check(
        "show terse databases",
        "created_on name kind database_name schema_name",
    );
    check(
        "show databases",
        "created_on name is_default is_current origin owner comment options retention_time kind owner_role_type \
         object_visibility data_quality_monitoring_settings resharing_settings",
    );
    check(
        "show schemas",
        "created_on name is_default is_current database_name owner comment options retention_time owner_role_type \
         classification_profile_database classification_profile_schema classification_profile object_visibility is_nested",
    );
    check(
        "show tables",
        "created_on name database_name schema_name kind comment cluster_by rows bytes owner retention_time \
         automatic_clustering change_tracking is_external enable_schema_evolution owner_role_type is_event is_hybrid \
         is_iceberg is_dynamic is_immutable is_interactive row_timestamp error_logging",
    );
    check(
        "show views in schema analytics",
        "created_on name reserved database_name schema_name owner comment text is_secure is_materialized \
         owner_role_type change_tracking",
    );
    check(
        "show objects",
        "created_on name database_name schema_name kind comment cluster_by rows bytes owner retention_time \
         owner_role_type is_hybrid is_dynamic is_iceberg is_interactive",
    );
    check(
        "describe table region",
        "name type kind null? default primary key unique key check expression comment policy name privacy domain \
         write default",
    );
    check(
        "explain select 1",
        "step id parentOperators operation objects alias expressions partitionsTotal partitionsAssigned bytesAssigned",
    );
    check("explain using json select 1", "content");
}

#[test]
fn the_statements_of_the_five_tools_work() {
    let demo = demo();
    assert_eq!(
        column(&answer(&demo, "SHOW DATABASES"), "name"),
        ["SNOWFLAKE_SAMPLE_DATA"]
    );
    let views = answer(
        &demo,
        "SHOW VIEWS IN SCHEMA \"SNOWFLAKE_SAMPLE_DATA\".\"ANALYTICS\"",
    );
    assert_eq!(
        column(&views, "name"),
        ["MONTHLY_ORDERS", "REVENUE_BY_NATION", "TOP_CUSTOMERS"]
    );
    assert_eq!(column(&views, "created_on"), ["2026-01-01T00:00:00Z"; 3]);
    let name = "\"SNOWFLAKE_SAMPLE_DATA\".\"ANALYTICS\".\"MONTHLY_ORDERS\"";
    let results = finish(
        &demo,
        job(&[
            &format!("DESCRIBE VIEW {name}"),
            "SELECT GET_DDL('VIEW', 'SNOWFLAKE_SAMPLE_DATA.ANALYTICS.MONTHLY_ORDERS', TRUE) AS DDL",
            &format!("SELECT * FROM {name} LIMIT 10"),
        ]),
        &CancelToken::new(),
    )
    .unwrap();
    assert_eq!(
        column(&results[0], "name"),
        [
            "ORDER_MONTH",
            "ORDERS",
            "CUSTOMERS",
            "TOTAL_PRICE",
            "AVERAGE_PRICE"
        ]
    );
    assert_eq!(
        column(&results[0], "type"),
        [
            "DATE",
            "NUMBER(18,0)",
            "NUMBER(18,0)",
            "NUMBER(24,2)",
            "NUMBER(25,2)"
        ]
    );
    assert_eq!(column(&results[0], "null?"), ["N", "N", "N", "Y", "Y"]);
    let ddl = &column(&results[1], "ddl")[0];
    assert!(
        ddl.starts_with("create or replace view SNOWFLAKE_SAMPLE_DATA.ANALYTICS.MONTHLY_ORDERS COMMENT=")
    );
    assert!(ddl.ends_with("group by order_month;"));
    assert_eq!(results[2].returned(), 10);
    let described: Vec<String> = results[2]
        .columns
        .iter()
        .map(|column| column.type_name.clone())
        .collect();
    assert_eq!(
        described,
        column(&results[0], "type"),
        "what is described is what comes"
    );
}

#[test]
fn row_counts_of_show_tables_are_those_of_the_tables_and_cost_nothing() {
    let demo = demo();
    let tables = answer(&demo, "show tables in account");
    assert_eq!(demo.store.tables_made(), 0);
    for (name, rows) in column(&tables, "name").iter().zip(column(&tables, "rows")) {
        assert_eq!(
            cells(&answer(&demo, &format!("select count(*) from {name}"))),
            [[rows]]
        );
    }
    assert_eq!(demo.store.tables_made(), 8);
}

#[test]
fn show_filters_by_pattern_start_place_and_page() {
    let demo = demo();
    let names = |text: &str| column(&answer(&demo, text), "name").join(" ");
    assert_eq!(names("show tables like 'part%'"), "PART PARTSUPP");
    assert_eq!(
        names("show tables starts with 'part'"),
        "",
        "STARTS WITH minds the case"
    );
    assert_eq!(names("show tables starts with 'PART'"), "PART PARTSUPP");
    assert_eq!(names("show tables limit 2"), "CUSTOMER LINEITEM");
    assert_eq!(names("show tables limit 2 from 'LINEITEM'"), "NATION ORDERS");
    assert_eq!(names("show tables in schema analytics"), "");
    assert_eq!(names("show views like 'top%' in analytics"), "TOP_CUSTOMERS");
    assert_eq!(names("show schemas"), "ANALYTICS INFORMATION_SCHEMA TPCH_SF1");
    assert_eq!(
        names("show schemas like 'a%' in database snowflake_sample_data"),
        "ANALYTICS"
    );
    assert_eq!(
        names("show views in information_schema"),
        "COLUMNS DATABASES SCHEMATA TABLES VIEWS"
    );
    assert_eq!(names("show objects like 'region'"), "REGION");
    assert_eq!(
        column(&answer(&demo, "show columns in table region"), "column_name"),
        ["R_REGIONKEY", "R_NAME", "R_COMMENT"]
    );
    assert_eq!(answer(&demo, "show columns in schema analytics").returned(), 18);
}

#[test]
fn places_that_do_not_exist_are_errors() {
    let demo = demo();
    for text in [
        "show tables in schema nosuch",
        "show tables in database nosuch",
        "show views in \"snowflake_sample_data\".analytics",
        "show schemas in nosuch",
        "show columns in table nosuch",
        "describe table nosuch",
        "describe view a.b.c",
        "select get_ddl('view', 'nosuch')",
        "select get_ddl('view', 'region')",
        "explain select * from nosuch",
    ] {
        let error = run(&demo, text).unwrap_err();
        assert_eq!(error.kind, Kind::NotFound, "{text}: {error}");
        assert_eq!(error.code.as_deref(), Some("002003"), "{text}");
        assert_eq!(error.sql_state.as_deref(), Some("42S02"), "{text}");
    }
}

#[test]
fn information_schema_lists_everything_once() {
    let demo = demo();
    let rows = |text: &str| {
        let rows: Vec<String> = cells(&answer(&demo, text))
            .iter()
            .map(|row| row.join("|"))
            .collect();
        rows.join("/")
    };
    assert_eq!(
        rows(
            "select table_schema, table_type, count(*) from information_schema.tables group by all order by 1"
        ),
        "ANALYTICS|VIEW|3/INFORMATION_SCHEMA|VIEW|5/TPCH_SF1|BASE TABLE|8"
    );
    assert_eq!(
        rows(
            "select table_name, row_count from snowflake_sample_data.information_schema.tables where row_count > 10000 order by 2"
        ),
        "ORDERS|15000/LINEITEM|59520"
    );
    assert_eq!(
        rows(
            "select column_name, data_type, is_nullable, character_maximum_length, numeric_precision, numeric_scale \
             from information_schema.columns where table_name = 'REGION' order by ordinal_position"
        ),
        "R_REGIONKEY|NUMBER|NO|NULL|38|0/R_NAME|TEXT|NO|25|NULL|NULL/R_COMMENT|TEXT|YES|152|NULL|NULL"
    );
    assert_eq!(
        rows("select count(*) from information_schema.columns where table_schema = 'ANALYTICS'"),
        "18"
    );
    assert_eq!(
        rows("select table_name from information_schema.views order by 1 limit 1"),
        "MONTHLY_ORDERS"
    );
    assert_eq!(
        rows("select schema_name from information_schema.schemata order by 1 limit 1"),
        "ANALYTICS"
    );
    assert_eq!(
        rows("select database_name, type from information_schema.databases"),
        "SNOWFLAKE_SAMPLE_DATA|STANDARD"
    );
    assert_eq!(demo.store.tables_made(), 0);
}

#[test]
fn explain_names_the_tables_and_runs_nothing() {
    let demo = demo();
    let plan = answer(&demo, "explain select * from analytics.top_customers");
    assert_eq!(
        column(&plan, "operation"),
        ["GlobalStats", "Result", "TableScan", "TableScan", "TableScan"]
    );
    assert_eq!(
        column(&plan, "objects")[2..],
        [
            "SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.CUSTOMER",
            "SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.NATION",
            "SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.ORDERS"
        ]
    );
    let json = &column(
        &answer(&demo, "explain using json select r_name from region"),
        "content",
    )[0];
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    // 5 rows of 8, 25 and 32 bytes, as SHOW TABLES says.
    let figures = |value: &serde_json::Value| {
        ["partitionsTotal", "partitionsAssigned", "bytesAssigned"].map(|name| value[name].as_u64().unwrap())
    };
    assert_eq!(figures(&json["GlobalStats"]), [1, 1, 325]);
    assert_eq!(figures(&json["Operations"][0][1]), [1, 1, 325]);
    assert_eq!(
        json["Operations"][0][1]["objects"][0],
        "SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.REGION"
    );
    assert_eq!(demo.store.tables_made(), 0);
}

#[test]
fn get_ddl_makes_tables_schemas_and_databases() {
    let demo = demo();
    let ddl = |arguments: &str| cells(&answer(&demo, &format!("select get_ddl({arguments})")))[0][0].clone();
    assert_eq!(
        ddl("'table', 'region'"),
        "create or replace TABLE REGION (\n\tR_REGIONKEY NUMBER(38,0) NOT NULL COMMENT 'Primary key',\n\
         \tR_NAME VARCHAR(25) NOT NULL,\n\tR_COMMENT VARCHAR(152)\n) COMMENT='Regions as defined by TPC-H';"
    );
    let schema = ddl("'schema', 'tpch_sf1', true");
    assert_eq!(
        schema
            .matches("create or replace TABLE SNOWFLAKE_SAMPLE_DATA.TPCH_SF1.")
            .count(),
        8
    );
    assert_eq!(
        ddl("'database', 'snowflake_sample_data'")
            .matches("create or replace")
            .count(),
        14
    );
}
