//! Text to text: what the translator writes for SQLite, and which types it finds.

use super::{Frame, Rows, translate};
use crate::backend::job::Context;
use crate::demo::fault::{Fault, Outcome};
use crate::demo::lexis::tokenize;
use crate::demo::session::Session;

fn translated(text: &str) -> Outcome<Rows> {
    let session = Session::new(&Context::default());
    translate(&tokenize(text)?, &session, &[], &mut Frame::default())
}

/// The text for one expression over REGION (`t1`) and its type.
fn expression(text: &str) -> (String, String) {
    let rows =
        translated(&format!("select {text} from region")).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    let sql = rows
        .sql
        .strip_prefix("SELECT ")
        .and_then(|sql| sql.strip_suffix(" AS c1 FROM db_region.region AS t1"));
    (
        sql.unwrap_or(&rows.sql).to_owned(),
        rows.fields[0].kind.to_string(),
    )
}

fn check(text: &str, sql: &str, kind: &str) {
    assert_eq!(expression(text), (sql.to_owned(), kind.to_owned()), "{text}");
}

fn fault(text: &str) -> Fault {
    match translated(text) {
        Err(fault) => fault,
        Ok(rows) => panic!("{text} was translated to {}", rows.sql),
    }
}

#[test]
fn constants_are_scaled_when_they_are_read() {
    check("1", "1", "NUMBER(1,0)");
    check("1.50", "150", "NUMBER(3,2)");
    check("-1.5", "(-15)", "NUMBER(2,1)");
    check("1.50 + 2", "350", "NUMBER(4,2)");
    check("1e3", "(1000.0)", "FLOAT");
    check("'12.345'::number(10,2)", "1235", "NUMBER(10,2)");
    check("date '1970-01-02'", "1", "DATE");
    check(
        "'1970-01-01 00:00:01'::timestamp_ntz",
        "1000000",
        "TIMESTAMP_NTZ(9)",
    );
    check("'it''s'", "'it''s'", "VARCHAR(4)");
    check("true", "1", "BOOLEAN");
    check("null", "NULL", "VARCHAR(16777216)");
}

#[test]
fn columns_are_compared_in_one_scale_and_the_constant_is_the_one_that_changes() {
    check("r_regionkey < 3", "(t1.R_REGIONKEY < 3)", "BOOLEAN");
    check(
        "r_regionkey < 3.5",
        "(num_scale(t1.R_REGIONKEY, 1) < 35)",
        "BOOLEAN",
    );
    check(
        "r_regionkey = '2'",
        "(num_scale(t1.R_REGIONKEY, 5) = 200000)",
        "BOOLEAN",
    );
    check("r_name = 'ASIA'", "(t1.R_NAME = 'ASIA')", "BOOLEAN");
    let rows =
        translated("select 1 from orders where o_totalprice > 10 and o_orderdate >= '1995-01-01'").unwrap();
    assert!(
        rows.sql
            .ends_with("WHERE ((t1.O_TOTALPRICE > 1000) AND (t1.O_ORDERDATE >= 9131))"),
        "{}",
        rows.sql
    );
}

#[test]
fn arithmetic_is_plain_while_it_surely_fits_and_checked_beyond() {
    let of_lines = |text: &str| {
        let rows = translated(&format!("select {text} from lineitem")).unwrap();
        let sql = rows.sql.split(" AS c1").next().unwrap_or_default().to_owned();
        (sql, rows.fields[0].kind.to_string())
    };
    assert_eq!(
        of_lines("1 - l_discount"),
        ("SELECT (100 - t1.L_DISCOUNT)".into(), "NUMBER(13,2)".into())
    );
    assert_eq!(
        of_lines("l_extendedprice * (1 - l_discount)"),
        (
            "SELECT num_mul(t1.L_EXTENDEDPRICE, (100 - t1.L_DISCOUNT), 0)".into(),
            "NUMBER(25,4)".into()
        )
    );
    assert_eq!(
        of_lines("l_quantity / 3"),
        (
            "SELECT num_div(t1.L_QUANTITY, 3, 6)".into(),
            "NUMBER(18,8)".into()
        )
    );
    assert_eq!(
        of_lines("l_orderkey + 1"),
        ("SELECT num_add(t1.L_ORDERKEY, 1)".into(), "NUMBER(38,0)".into())
    );
}

#[test]
fn types_follow_snowflakes_rules() {
    let kind = |text: &str| expression(text).1;
    assert_eq!(kind("1/3"), "NUMBER(7,6)");
    assert_eq!(kind("1.00/3"), "NUMBER(9,8)");
    assert_eq!(kind("1.0000000000000/3"), "NUMBER(14,13)");
    assert_eq!(kind("sum(r_regionkey)"), "NUMBER(38,0)");
    assert_eq!(kind("count(*)"), "NUMBER(18,0)");
    assert_eq!(kind("avg(1.50)"), "NUMBER(21,8)");
    assert_eq!(kind("iff(true, 1, 2.55)"), "NUMBER(3,2)");
    assert_eq!(kind("coalesce(null, 'ab', 'abc')"), "VARCHAR(3)");
    assert_eq!(
        kind("case when true then date '2024-01-01' else '2024-01-02' end"),
        "DATE"
    );
    assert_eq!(kind("'a' || r_name"), "VARCHAR(26)");
    assert_eq!(kind("dateadd(hour, 1, date '2024-01-01')"), "TIMESTAMP_NTZ(9)");
    assert_eq!(kind("sqrt(4)"), "FLOAT");
    assert_eq!(kind("round(2.345, 1)"), "NUMBER(3,1)");
    assert_eq!(kind("2.5 * 1e0"), "FLOAT");
}

#[test]
fn names_are_exact_once_they_are_quoted() {
    check("R_Name", "t1.R_NAME", "VARCHAR(25)");
    check("\"R_NAME\"", "t1.R_NAME", "VARCHAR(25)");
    check("region.r_name", "t1.R_NAME", "VARCHAR(25)");
    check("tpch_sf1.region.r_name", "t1.R_NAME", "VARCHAR(25)");
    check(
        "snowflake_sample_data.tpch_sf1.region.r_name",
        "t1.R_NAME",
        "VARCHAR(25)",
    );
    let unknown = |name: &str, column: u64| Fault::UnknownColumn {
        name: name.to_owned(),
        line: 1,
        column,
    };
    assert_eq!(fault("select \"r_name\" from region"), unknown("r_name", 8));
    assert_eq!(fault("select r_name from nation"), unknown("R_NAME", 8));
    assert_eq!(fault("select x.r_name from region"), unknown("X.R_NAME", 8));
    assert_eq!(
        fault("select region.r_name from region r"),
        unknown("REGION.R_NAME", 8)
    );
}

#[test]
fn objects_that_do_not_exist_are_named_by_their_outermost_part() {
    let unknown = |what, name: &str| Fault::UnknownObject {
        what,
        name: name.to_owned(),
    };
    assert_eq!(fault("select 1 from nosuch"), unknown("Object", "NOSUCH"));
    assert_eq!(fault("select 1 from \"region\""), unknown("Object", "region"));
    assert_eq!(
        fault("select 1 from nosuch.t"),
        unknown("Schema", "SNOWFLAKE_SAMPLE_DATA.NOSUCH")
    );
    assert_eq!(fault("select 1 from d.s.t"), unknown("Database", "D"));
    assert!(matches!(
        fault("select 1 from a.b.c.d"),
        Fault::Compilation { .. }
    ));
}

#[test]
fn what_a_group_by_leaves_behind_cannot_be_selected() {
    for text in [
        "select r_name, count(*) from region",
        "select r_name from region group by r_regionkey",
        "select * from region group by r_name",
        "select r_name from region having count(*) > 1",
        "select upper(r_name) from region group by lower(r_name)",
        "select (select r_name) from region group by r_regionkey",
    ] {
        assert!(
            matches!(fault(text), Fault::Compilation { code: "000979", .. }),
            "{text}: {:?}",
            fault(text)
        );
    }
    for text in [
        "select upper(r_name), upper(r_name) || 'x' from region group by upper(r_name)",
        "select r_regionkey * 2 + 1, count(*) from region group by r_regionkey * 2",
        "select max(r_name) from region group by r_regionkey",
        "select r_name n, count(*) from region group by n order by n, count(*)",
        "select r_name, count(*) from region group by all",
        "select r_name, count(*) from region group by 1 having max(r_regionkey) > 0",
    ] {
        assert!(translated(text).is_ok(), "{text}");
    }
}

#[test]
fn what_the_engine_cannot_do_is_named() {
    let check = |text: &str, what: &str| assert_eq!(fault(text), Fault::unsupported(what), "{text}");
    check(
        "select * from region match_recognize (order by r_name pattern (a) define a as true)",
        "MATCH_RECOGNIZE",
    );
    check(
        "select * from region pivot (max(r_name) for r_regionkey in (1))",
        "PIVOT",
    );
    check("select * from region sample (10)", "SAMPLE of anything but ROWS");
    check(
        "select * from region at (offset => -60)",
        "time travel (AT, BEFORE)",
    );
    check("select random()", "the function RANDOM");
    check("select regexp_substr('a', 'b')", "the function REGEXP_SUBSTR");
    check(
        "select r_name from region where r_name rlike 'A'",
        "regular expressions",
    );
    check(
        "select x:y from (select 1 x)",
        "semi-structured data (VARIANT, OBJECT, ARRAY)",
    );
    check("select ?", "bind variables");
    check("select 1::binary", "the data type BINARY");
    check("select 1 from region, lateral (select 1)", "LATERAL");
    assert!(matches!(
        fault("with a as (select 1) delete from region"),
        Fault::ReadOnly(_)
    ));
}

#[test]
fn a_syntax_error_has_a_place() {
    let place = |text: &str| match fault(text) {
        Fault::Syntax { line, column, .. } => (line, column),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(place("select 1\nfrom region where )"), (2, 19));
    assert_eq!(place("select (1"), (1, 10));
    assert_eq!(place("select 1 1"), (1, 10));
    assert_eq!(place("select 'abc"), (1, 8));
}

#[test]
fn statements_made_to_explode_are_refused_and_not_tried() {
    let doubling = |count: usize| {
        let mut text = "select 1 as a0".to_owned();
        for number in 1..count {
            text += &format!(", a{0} + a{0} as a{number}", number - 1);
        }
        text
    };
    assert!(translated(&doubling(8)).is_ok());
    assert!(matches!(fault(&doubling(60)), Fault::Unsupported(_)));
    let nested = |open: &str, close: &str, count: usize| {
        format!("select {}1{}", open.repeat(count), close.repeat(count))
    };
    for (open, close) in [
        ("(", ")"),
        ("nullif(", ", 2)"),
        ("decode(", ", 1, 2, 3, 4)"),
        ("case 1 when 1 then ", " end"),
        ("(select ", ")"),
        ("- ", ""),
        ("not ", ""),
        ("abs(", ")"),
    ] {
        assert!(translated(&nested(open, close, 5)).is_ok(), "{open}");
        // Just within what the tokens may be, so that the parser and the walk meet it; and far beyond.
        for count in [20, 45, 100, 2_000, 100_000] {
            match translated(&nested(open, close, count)) {
                Ok(rows) => assert!(count <= 45 && rows.sql.len() < 3_000_000, "{open} {count}"),
                // Beyond its depth sqlparser tries CASE as a name before it gives up.
                Err(fault) => assert!(
                    matches!(fault, Fault::Unsupported(_) | Fault::Syntax { .. }),
                    "{open} {count}: {fault:?}"
                ),
            }
        }
    }
}

#[test]
fn long_statements_that_are_flat_are_fine() {
    let list = (0..5_000)
        .map(|number| number.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    assert!(translated(&format!("select 1 from region where r_regionkey in ({list})")).is_ok());
    let either = vec!["r_regionkey = 1"; 990].join(" or ");
    assert!(translated(&format!("select 1 from region where {either}")).is_ok());
    let sum = vec!["r_regionkey"; 1_900].join(" + ");
    assert!(translated(&format!("select {sum} from region")).is_ok());
    let mut joins = "select 1 from region r".to_owned();
    for number in 0..60 {
        joins += &format!(" join nation n{number} on n{number}.n_regionkey = r.r_regionkey");
    }
    assert!(translated(&joins).is_ok());
    let chain = format!(
        "select 1 from region{}{}",
        " join region".repeat(99),
        " on 1 = 1".repeat(99)
    );
    assert!(!matches!(translated(&chain), Err(Fault::Internal(_))));
    let union = vec!["select 1"; 400].join(" union all ");
    assert!(translated(&union).is_ok());
}

#[test]
fn a_stage_of_a_pipe_is_named_only_in_from() {
    let session = Session::new(&Context::default());
    let stage = translated("select 1 as a").unwrap();
    let run = |text: &str| {
        let tokens = tokenize(text).unwrap();
        translate(
            &tokens,
            &session,
            std::slice::from_ref(&stage),
            &mut Frame::default(),
        )
    };
    assert!(run("select $1 from $1").is_ok());
    assert!(run("select l.a from $1 l, $1 r where l.a in (select a from $1)").is_ok());
    assert!(run("select a from $1 join region on a = r_regionkey").is_ok());
    assert!(matches!(run("select a from $2"), Err(Fault::Compilation { .. })));
    assert!(matches!(run("select a from $0"), Err(Fault::Compilation { .. })));
}
